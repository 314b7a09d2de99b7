#include "tests/vault/test_vault.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "vault/core/version_chain.hpp"

namespace bmcvault::vault::test {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
    auto name = (fs::temp_directory_path() / "bmcvault-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::string read_file(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("can not read " + file.string());
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const fs::path& file, std::string_view content) {
    // In place: cutting a file to nothing first makes ext4 flush it each time.
    const auto flags = std::ios::binary | std::ios::out | (fs::exists(file) ? std::ios::in : std::ios::trunc);
    {
        std::fstream out(file, flags);
        out.write(content.data(), static_cast<std::streamsize>(content.size()));
        if (!out.flush()) throw std::runtime_error("can not write " + file.string());
    }
    if (fs::file_size(file) != content.size()) fs::resize_file(file, content.size());
}

Snapshot snapshot(const fs::path& directory) {
    Snapshot all;
    for (const auto& entry : fs::recursive_directory_iterator(directory))
        all[entry.path().lexically_relative(directory).string()] =
            entry.is_regular_file() ? read_file(entry.path()) : std::string();
    return all;
}

Passphrase passphrase(std::string_view text) {
    return must(Passphrase::from(as_bytes(text)));
}

CreateOptions options() {
    CreateOptions options;
    options.kdf = kLowestCost;
    options.now = kNow;
    return options;
}

Key20 secret(std::string_view text) {
    Key20 key;
    key.expose_mutable([&](auto bytes) { std::copy_n(text.begin(), std::min(text.size(), kKeySize), bytes.begin()); });
    return key;
}

std::string text_of(const Key20& key) {
    return key.expose(
        [](auto bytes) { return std::string(bytes.begin(), std::find(bytes.begin(), bytes.end(), std::uint8_t{0})); });
}

Bmc make_bmc(std::uint32_t number) {
    Bmc bmc;
    for (std::size_t i = 0; i < 4; ++i) bmc.id.uuid[i] = static_cast<std::uint8_t>(number >> (8 * i));
    bmc.id.uuid[15] = 0x42;
    bmc.name = fmt::format("bmc-{:05}", number);
    bmc.address = fmt::format("bmc-{:05}.example", number);
    bmc.user_name = "fleet-admin";
    return bmc;
}

int in_child(const std::function<void()>& body) {
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("no fork");
    if (child == 0) {
        try {
            body();
        } catch (const std::exception& error) {
            fmt::print(stderr, "child: {}\n", error.what());
            _exit(1);
        }
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

bool was_killed(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

bool ended_well(int status) {
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

VaultTest::VaultTest() : directory_(parent_.path() / "vault") {
    must(Store::create(directory_, passphrase(), options()));
}

Store& VaultTest::store() {
    if (!store_) store_ = must(Store::open(directory_, passphrase()));
    return *store_;
}

BmcId VaultTest::add_bmc(std::uint32_t number) {
    const auto bmc = make_bmc(number);
    transact([&](Transaction& transaction) { return transaction.add_bmc(bmc); });
    return bmc.id;
}

VersionNumber VaultTest::stage(BmcId bmc, std::string_view text, Subject subject) {
    VersionNumber version;
    transact([&](Transaction& transaction) -> Result<void> {
        version = must(transaction.stage(bmc, subject, secret(text), StoredSize::k20, Provenance::kGenerated, ""));
        return {};
    });
    return version;
}

VersionNumber VaultTest::rotate(BmcId bmc, std::string_view text, Subject subject) {
    const auto version = stage(bmc, text, subject);
    transact([&](Transaction& transaction) { return transaction.mark_sent(bmc, subject, version); });
    transact([&](Transaction& transaction) { return transaction.commit_pending(bmc, subject, version); });
    return version;
}

std::string VaultTest::states(BmcId bmc, Subject subject) {
    std::string words;
    for (const auto& version : must(store().versions(bmc)))
        if (version.subject == subject) words += fmt::format("{}{}", words.empty() ? "" : " ", to_word(version.state));
    return words;
}

std::unique_ptr<Database> VaultTest::raw_database() {
    const auto header = must(parse_header(read_file(header_file())));
    const auto bundle = must(unlock(header, passphrase())).bundle.clone();
    return must(Database::open(directory_ / header.store_file, DatabaseKeys::of(bundle.master_key)));
}

void VaultTest::rewrite_header(const std::function<void(Header&)>& change) {
    auto header = must(parse_header(read_file(header_file())));
    const auto bundle = must(unlock(header, passphrase())).bundle.clone();
    change(header);
    authenticate_header(header, bundle.master_key, bundle.signing_seed);
    write_file(header_file(), format_header(header));
}

void run_past_the_triggers(Database& database, const std::string& sql) {
    std::map<std::string, std::string> before;
    const auto each_trigger = [&](const std::function<void(std::string, std::string)>& take) {
        must(database.query("SELECT name,sql FROM sqlite_master WHERE type='trigger'", {}, [&](const Row& row) {
            take(row.text(0), row.text(1));
            return Result<void>();
        }));
    };
    each_trigger([&](std::string name, std::string text) { before.emplace(std::move(name), std::move(text)); });
    must(database.run_script(sql.c_str()));
    each_trigger([&](const std::string& name, const std::string&) { before.erase(name); });
    for (const auto& [name, text] : before) must(database.run_script(text.c_str()));
}

}  // namespace bmcvault::vault::test
