// Headers that somebody without the keys puts into the vault: endless ones, and older ones of the vault itself.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/vault/test_vault.hpp"
#include "vault/store/identities.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::code_of;
using test::must;

class HostileHeader : public test::VaultTest {
protected:
    HostileHeader() {
        bmc_ = add_bmc(1);
        rotate(bmc_, "first");
    }
    static Acting acting() { return {"tester", test::kNow, "because", {}}; }
    [[nodiscard]] Result<std::unique_ptr<Store>> open() const { return Store::open(directory(), test::passphrase()); }

    // Refused, and not a byte of the vault is changed.
    void expect_refused(ErrorCode code, std::string_view words) {
        const auto before = test::snapshot(directory());
        const auto opened = open();
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, code) << opened.error().detail;
        EXPECT_TRUE(opened.error().detail.contains(words)) << opened.error().detail;
        EXPECT_EQ(test::snapshot(directory()), before);
    }

    BmcId bmc_;
};

TEST_F(HostileHeader, a_million_slots_are_refused_by_their_size) {
    close();
    const auto text = test::read_file(header_file());
    const auto slots = text.find("-> ");
    auto endless = text.substr(0, slots);
    for (int number = 1; number <= 1'000'000; ++number) endless += fmt::format("-> tpm2 slot={} id=x\nAQ\n", number);
    endless += text.substr(text.find("--- mac"));
    EXPECT_EQ(code_of(parse_header(endless)), ErrorCode::kDamaged);
    test::write_file(header_file(), endless);
    expect_refused(ErrorCode::kDamaged, "vault.hdr is larger than 262144 bytes");
}

// No disk and no memory holds it: it is refused after its first bytes.
TEST_F(HostileHeader, a_header_of_a_tebibyte_is_not_read) {
    close();
    fs::resize_file(header_file(), std::uintmax_t{1} << 40);
    const auto opened = open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kDamaged);
    EXPECT_TRUE(opened.error().detail.contains("is larger than 262144 bytes")) << opened.error().detail;
}

TEST_F(HostileHeader, as_many_slots_as_fit_are_refused_by_their_number) {
    close();
    const auto text = test::read_file(header_file());
    auto many = text.substr(0, text.find("-> "));
    const auto end = text.substr(text.find("--- mac"));
    for (int number = 1; many.size() + end.size() < kMaxHeaderSize - 64; ++number)
        many += fmt::format("-> tpm2 slot={} id=x\nAQ\n", number);
    test::write_file(header_file(), many + end);
    expect_refused(ErrorCode::kDamaged, "slot");
}

TEST_F(HostileHeader, a_header_of_the_generation_before_opens_no_newer_store) {
    const auto old_header = test::read_file(header_file());
    must(store().team().new_generation(acting()));
    close();
    test::write_file(header_file(), old_header);
    expect_refused(ErrorCode::kNotFound, "store-000001.db");
    fs::copy_file(directory() / "store-000002.db", store_file());
    expect_refused(ErrorCode::kDamaged, "store-000001.db");
}

// Of the same generation, so the keys are the same; only who was let in meanwhile is not.
TEST_F(HostileHeader, a_header_from_before_a_member_lets_nobody_in_who_was_not_there) {
    const auto old_header = test::read_file(header_file());
    const auto alice = must(make_identity(test::passphrase("identity"), test::kLowestCost));
    must(store().team().add_member(acting(), {"alice", false, Role::kOperator, {}, alice.keys}));
    const auto new_header = test::read_file(header_file());
    must(store().team().begin_departure(acting(), "alice"));
    must(store().team().new_generation(acting()));
    const auto newest_header = test::read_file(header_file());
    close();
    for (const auto& older : {old_header, new_header}) {
        test::write_file(header_file(), older);
        EXPECT_FALSE(Store::open(directory(), test::passphrase("identity"), {{}, alice.file}));
        EXPECT_FALSE(open());
    }
    test::write_file(header_file(), newest_header);
    EXPECT_EQ(test::text_of(must(store().unseal(must(store().versions(bmc_))[0]))), "first");
    EXPECT_EQ(code_of(Store::open(directory(), test::passphrase("identity"), {{}, alice.file})),
              ErrorCode::kNotPermitted);
}

TEST_F(HostileHeader, argon2_costs_beyond_the_bounds_are_refused_before_anything_is_derived) {
    close();
    const auto text = test::read_file(header_file());
    for (const auto& [from, to] : {std::pair{" mem=67108864 ", " mem=4398046511104 "},
                                   {" mem=67108864 ", " mem=1 "},
                                   {" ops=1 ", " ops=17 "},
                                   {" ops=1 ", " ops=4294967295 "}}) {
        auto changed = text;
        changed.replace(changed.find(from), std::string_view(from).size(), to);
        test::write_file(header_file(), changed);
        expect_refused(ErrorCode::kDamaged, "Argon2");
    }
}

}  // namespace
}  // namespace bmcvault::vault
