// A store file that SQLCipher 3 wrote is opened, checked and written by SQLCipher 4, and what that wrote is opened by
// us.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <cstdio>

#include "tests/vault/test_vault.hpp"
#include "vault/store/keyring.hpp"

namespace bmcvault::vault {
namespace {

using test::must;

class SqlCipher4 : public test::VaultTest {
protected:
    SqlCipher4() {
        rotate(add_bmc(1), "first");
        rotate(add_bmc(2), "second");
        close();
    }

    // What it printed, or nothing when it failed.
    std::string run_sqlcipher_4(const Key32& master_key) {
        const auto output = directory() / "output";
        const auto command = fmt::format("NODE_PATH={} {} {} {} > {}", SQLCIPHER_4_MODULES, NODE, SQLCIPHER_4_SCRIPT,
                                         store_file().string(), output.string());
        auto* pipe = popen(command.c_str(), "w");
        if (pipe == nullptr) throw std::runtime_error("no shell");
        derive_sqlcipher_key(master_key).expose([&](auto bytes) {
            std::array<char, 2 * kSqlcipherKeySize + 1> digits{};
            sodium_bin2hex(digits.data(), digits.size(), bytes.data(), bytes.size());
            (void)std::fputs(digits.data(), pipe);
        });
        const int status = pclose(pipe);
        const auto printed = test::read_file(output);
        std::filesystem::remove(output);
        EXPECT_TRUE(test::ended_well(status)) << "cli/packaging/install-dependencies.sh test installs it";
        return printed;
    }

    Key32 master_key() {
        const auto header = must(parse_header(test::read_file(header_file())));
        return must(unlock(header, test::passphrase())).bundle.master_key.clone();
    }
};

TEST_F(SqlCipher4, reads_what_we_wrote_and_we_read_what_it_wrote) {
    const auto before = test::read_file(store_file());
    EXPECT_EQ(run_sqlcipher_4(master_key()), "bmc-00001 bmc-00002\n");
    EXPECT_NE(test::read_file(store_file()), before);
    must(store().verify());
    const auto versions = must(store().versions(test::make_bmc(2).id));
    EXPECT_EQ(test::text_of(must(store().unseal(versions.back()))), "second");
    rotate(test::make_bmc(1).id, "after");
    close();
    EXPECT_EQ(run_sqlcipher_4(master_key()), "bmc-00001 bmc-00002\n");
}

}  // namespace
}  // namespace bmcvault::vault
