// A vault in a temporary directory, and the small helpers that every test of the store needs.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vault/store/keyring.hpp"
#include "vault/store/sqlite.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::vault::test {

inline constexpr std::string_view kPassphrase = "six words of a test passphrase";
inline constexpr KdfCost kLowestCost{64ull << 20, 1};
inline constexpr UnixTime kNow{1'700'000'000};

// Fails the test with the error's words; for values that must be there.
template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().detail);
    return std::move(*result);
}
inline void must(Result<void> result) {
    if (!result) throw std::runtime_error(result.error().detail);
}
template <class T>
ErrorCode code_of(const Result<T>& result) {
    if (result) throw std::runtime_error("an error was expected");
    return result.error().code;
}

class TemporaryDirectory {
public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// Every file below, by name relative to it, with its bytes; directories with none.
using Snapshot = std::map<std::string, std::string>;
[[nodiscard]] Snapshot snapshot(const std::filesystem::path& directory);
[[nodiscard]] std::string read_file(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, std::string_view content);  // keeps mode and owner

[[nodiscard]] Passphrase passphrase(std::string_view text = kPassphrase);
[[nodiscard]] CreateOptions options();
[[nodiscard]] Key20 secret(std::string_view text);  // zero-padded
[[nodiscard]] std::string text_of(const Key20&);    // of a known test value
[[nodiscard]] Bmc make_bmc(std::uint32_t number);

// Runs `body` in a child process and returns its wait status. The body must not come back by an exception.
[[nodiscard]] int in_child(const std::function<void()>& body);
[[nodiscard]] bool was_killed(int status);
[[nodiscard]] bool ended_well(int status);

// As somebody with the keys and a program of their own: triggers that `sql` drops are there again afterwards, so that
// only its changes can be noticed.
void run_past_the_triggers(Database& database, const std::string& sql);

class VaultTest : public testing::Test {
protected:
    VaultTest();

    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    [[nodiscard]] std::filesystem::path store_file() const { return directory_ / "store-000001.db"; }
    [[nodiscard]] std::filesystem::path header_file() const { return directory_ / "vault.hdr"; }
    [[nodiscard]] Store& store();  // opened at the first call
    void close() { store_.reset(); }

    void transact(const Store::Work& work) { must(store().transact("tester", kNow, work)); }
    [[nodiscard]] Result<void> try_transact(const Store::Work& work) { return store().transact("tester", kNow, work); }
    BmcId add_bmc(std::uint32_t number);
    VersionNumber stage(BmcId, std::string_view text, Subject = {Kind::kPassword, 0});
    // Staged, sent, committed.
    VersionNumber rotate(BmcId, std::string_view text, Subject = {Kind::kPassword, 0});
    [[nodiscard]] std::string states(BmcId, Subject = {Kind::kPassword, 0});  // "retired previous current"

    // The tables themselves, as somebody who holds the keys could write them: no authorizer.
    [[nodiscard]] std::unique_ptr<Database> raw_database();
    // The header with another content, signed and authenticated with the vault's own keys.
    void rewrite_header(const std::function<void(Header&)>& change);

private:
    TemporaryDirectory parent_;
    std::filesystem::path directory_;
    std::unique_ptr<Store> store_;
};

}  // namespace bmcvault::vault::test
