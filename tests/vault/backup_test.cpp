// Backups while others write, restored and compared; damaged in every byte of their first lines; and the head file: an
// older vault, another history, a lost or damaged head.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "tests/vault/faulty_vfs.hpp"
#include "tests/vault/test_vault.hpp"
#include "vault/core/backup_manifest.hpp"
#include "vault/core/head.hpp"
#include "vault/store/head_file.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
namespace vfs = test::faulty_vfs;
using test::code_of;
using test::must;

class Backups : public test::VaultTest {
protected:
    Backups() : bmc_(add_bmc(1)) { rotate(bmc_, "first"); }
    ~Backups() override { vfs::disarm(); }

    [[nodiscard]] fs::path file(const std::string& name = "one.bmcvault") const { return elsewhere_.path() / name; }
    [[nodiscard]] fs::path heads() const { return elsewhere_.path() / "heads"; }
    Store::BackupReport back_up(const fs::path& to) { return must(store().backup(to, {"tester", test::kNow, ""})); }
    [[nodiscard]] std::unique_ptr<Store> open_with_heads(const fs::path& at) const {
        return must(Store::open(at, test::passphrase(), {heads(), {}}));
    }
    [[nodiscard]] std::unique_ptr<Store> open_with_heads() const { return open_with_heads(directory()); }
    static Result<void> write(Store& to) {
        return to.transact("tester", test::kNow, [](Transaction& t) { return t.audit("note", std::nullopt, "{}"); });
    }
    [[nodiscard]] Head head_of(const Store& of) const {
        const auto info = must(of.info());
        return {info.vault_id, info.generation, info.audit_records,
                must(of.audit_log(info.audit_records - 1, 1))[0].hash,
                pin_of(must(parse_header(test::read_file(of.directory() / "vault.hdr"))))};
    }
    void expect_nothing_but(const std::set<std::string>& names) const {
        std::set<std::string> found;
        for (const auto& entry : fs::directory_iterator(elsewhere_.path())) found.insert(entry.path().filename());
        EXPECT_EQ(found, names);
    }

    test::TemporaryDirectory elsewhere_;
    BmcId bmc_;
};

TEST_F(Backups, a_restored_vault_has_all_of_it) {
    const auto report = back_up(file());
    EXPECT_EQ(report.credential_versions, 1u);
    EXPECT_EQ(report.slots, std::vector<std::string>{"argon2id passphrase"});
    struct stat info{};
    ASSERT_EQ(stat(file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u);
    expect_nothing_but({"one.bmcvault"});

    const auto verified = must(Store::verify_backup(file(), test::passphrase()));
    EXPECT_EQ(verified.audit_records, must(store().info()).audit_records);
    must(Store::restore(file(), elsewhere_.path() / "again", test::passphrase(), std::nullopt));
    expect_nothing_but({"one.bmcvault", "again"});
    const auto restored = must(Store::open(elsewhere_.path() / "again", test::passphrase()));
    EXPECT_EQ(test::text_of(must(restored->unseal(must(restored->versions(bmc_))[0]))), "first");
    EXPECT_EQ(head_of(*restored), head_of(store())) << "the backup holds its own record";
    must(write(*restored));
}

TEST_F(Backups, without_a_place_for_temporary_files_verifying_says_so) {
    back_up(file());
    const char* before = std::getenv("TMPDIR");
    const std::string kept = before == nullptr ? "" : before;
    setenv("TMPDIR", "/nonexistent", 1);
    const auto verified = Store::verify_backup(file(), test::passphrase());
    before == nullptr ? unsetenv("TMPDIR") : setenv("TMPDIR", kept.c_str(), 1);
    EXPECT_EQ(code_of(verified), ErrorCode::kIo);
}

TEST_F(Backups, others_write_while_one_is_taken) {
    const auto writer = must(store().clone());
    std::vector<std::uint64_t> records;
    for (int i = 0; i < 3; ++i) {
        must(write(*writer));
        records.push_back(back_up(file(fmt::format("{}", i))).audit_records);
        EXPECT_EQ(must(Store::verify_backup(file(fmt::format("{}", i)), test::passphrase())).audit_records,
                  records.back());
    }
    EXPECT_LT(records[0], records[2]);
}

TEST_F(Backups, an_existing_file_or_vault_stays_as_it_is) {
    test::write_file(file(), "precious");
    EXPECT_EQ(code_of(store().backup(file(), {"tester", test::kNow, ""})), ErrorCode::kAlreadyExists);
    EXPECT_EQ(test::read_file(file()), "precious");
    back_up(file("good"));
    const auto before = test::snapshot(directory());
    EXPECT_EQ(code_of(Store::restore(file("good"), directory(), test::passphrase(), std::nullopt)),
              ErrorCode::kAlreadyExists);
    EXPECT_EQ(test::snapshot(directory()), before);
    EXPECT_EQ(code_of(Store::verify_backup(file("none"), test::passphrase())), ErrorCode::kIo);
    EXPECT_EQ(code_of(Store::verify_backup(file("good"), test::passphrase("another"))), ErrorCode::kWrongKey);
}

// Sampled in the store: each of its pages has a hash over all of it before it.
TEST_F(Backups, a_changed_byte_or_another_length_is_refused) {
    back_up(file());
    const auto whole = test::read_file(file());
    const auto manifest = must(parse_manifest(whole));
    const auto start = format_manifest(manifest).size();
    const auto refused = [&](std::string_view content) {
        test::write_file(file("bad"), content);
        const auto verified = Store::verify_backup(file("bad"), test::passphrase());
        const bool damaged = !verified && (verified.error().code == ErrorCode::kDamaged ||
                                           verified.error().code == ErrorCode::kUnsupported);
        return damaged;
    };
    test::write_file(file("bad"), whole);
    for (std::size_t at = 0; at < whole.size(); at += at < start ? 1 : 977) {
        auto changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_TRUE(refused(changed)) << at;
    }
    for (const auto size : {std::size_t{0}, start - 1, start, start + 100, whole.size() - 1})
        EXPECT_TRUE(refused(std::string_view(whole).substr(0, size))) << size;
    EXPECT_TRUE(refused(whole + "x"));
}

TEST_F(Backups, a_manifest_that_fits_but_was_made_without_the_keys_is_refused) {
    back_up(file());
    const auto whole = test::read_file(file());
    auto manifest = must(parse_manifest(whole));
    const auto rest = whole.substr(format_manifest(manifest).size());
    manifest.taken_at += 1;
    authenticate_manifest(manifest, Key32());
    test::write_file(file("forged"), format_manifest(manifest) + rest);
    const auto verified = Store::verify_backup(file("forged"), test::passphrase());
    EXPECT_EQ(code_of(verified), ErrorCode::kDamaged);
    EXPECT_NE(verified.error().detail.find("changed by someone"), std::string::npos) << verified.error().detail;
}

// Every page copied, every sync: a backup is there and whole, or it is not there.
TEST_F(Backups, a_kill_at_any_operation_leaves_a_whole_backup_or_none) {
    vfs::install();
    std::uint32_t operation = 0;
    for (; operation < 500; ++operation) {
        const auto to = file(fmt::format("k{}", operation));
        const int status = test::in_child([&] {
            const auto mine = must(store().clone());
            vfs::arm(test::Fault::kKillBefore, operation);
            must(mine->backup(to, {"child", test::kNow, ""}));
        });
        if (test::ended_well(status)) break;
        ASSERT_TRUE(test::was_killed(status)) << operation;
        if (fs::exists(to)) must(Store::verify_backup(to, test::passphrase()));
        must(store().verify());
    }
    EXPECT_GT(operation, 15u);
    EXPECT_LT(operation, 500u);
    must(Store::verify_backup(file(fmt::format("k{}", operation)), test::passphrase()));
    for (const auto& entry : fs::directory_iterator(elsewhere_.path()))
        EXPECT_FALSE(entry.path().filename().string().starts_with(".bmcvault-"))
            << entry.path() << ": a copy that a killed one has left goes with the next one";
}

TEST_F(Backups, a_full_disk_leaves_no_backup_and_says_so) {
    vfs::install();
    bool met = false;
    for (std::uint32_t operation = 0; operation < 100; ++operation) {
        const auto to = file(fmt::format("f{}", operation));
        vfs::arm(test::Fault::kDiskFull, operation);
        const auto report = store().backup(to, {"tester", test::kNow, ""});
        vfs::disarm();
        if (!vfs::fired()) break;
        if (report) continue;  // the disk was full for something that needs no room
        met = true;
        EXPECT_EQ(report.error().code, ErrorCode::kNoSpace) << report.error().detail;
        EXPECT_FALSE(fs::exists(to));
    }
    EXPECT_TRUE(met);
    must(store().verify());
}

TEST_F(Backups, an_older_vault_put_back_is_read_but_not_written) {
    close();
    const auto older = test::snapshot(directory());
    {
        const auto now = open_with_heads();
        must(write(*now));
        EXPECT_TRUE(now->refusal().empty());
    }
    for (const auto& [name, content] : older)
        if (name.ends_with(".db")) test::write_file(directory() / name, content);
    const auto before = test::snapshot(directory());
    {
        const auto old = open_with_heads();
        EXPECT_TRUE(old->refusal().starts_with("rolled back")) << old->refusal();
        EXPECT_EQ(must(old->bmcs()).size(), 1u);
        EXPECT_EQ(code_of(write(*old)), ErrorCode::kRolledBack);
        EXPECT_EQ(code_of(write(*must(old->clone()))), ErrorCode::kRolledBack);
        EXPECT_EQ(code_of(old->backup(file(), {"tester", test::kNow, ""})), ErrorCode::kRolledBack);
    }
    EXPECT_EQ(test::snapshot(directory()), before);
    expect_nothing_but({"heads"});
}

TEST_F(Backups, two_vaults_gone_on_from_one_are_a_fork) {
    close();
    fs::copy(directory(), elsewhere_.path() / "copy", fs::copy_options::recursive);
    must(write(*open_with_heads()));
    const auto copy = must(Store::open(elsewhere_.path() / "copy", test::passphrase()));
    must(copy->transact("somebody else", test::kNow,
                        [](Transaction& t) { return t.audit("note", std::nullopt, "{}"); }));
    const auto looked_at = open_with_heads(elsewhere_.path() / "copy");
    EXPECT_TRUE(looked_at->refusal().starts_with("forked")) << looked_at->refusal();
    EXPECT_EQ(code_of(write(*looked_at)), ErrorCode::kRolledBack);
    must(write(*open_with_heads()));
}

TEST_F(Backups, a_restored_older_backup_waits_for_a_person) {
    back_up(file());
    close();
    must(write(*open_with_heads()));
    const auto seen = must(HeadFile(heads(), must(store().info()).vault_id).read());
    must(Store::restore(file(), elsewhere_.path() / "again", test::passphrase(), std::nullopt));
    const auto restored = open_with_heads(elsewhere_.path() / "again");
    EXPECT_TRUE(restored->refusal().starts_with("rolled back"));
    EXPECT_EQ(must(HeadFile(heads(), must(store().info()).vault_id).read()), seen) << "never lowered silently";

    must(restored->accept_restore({"tester", test::kNow, "disk lost"}));
    EXPECT_TRUE(restored->refusal().empty());
    must(write(*restored));
    EXPECT_EQ(must(restored->versions(bmc_))[0].state, VersionState::kUnknown);
    const auto records = must(restored->audit_log(0, 100));
    EXPECT_EQ(records[records.size() - 2].event, "vault.restore-accepted");
    EXPECT_NE(records[records.size() - 2].body.find("disk lost"), std::string::npos);
    EXPECT_TRUE(open_with_heads(elsewhere_.path() / "again")->refusal().empty());
    EXPECT_FALSE(open_with_heads()->refusal().empty()) << "now the other one is the fork";
}

TEST_F(Backups, accepting_makes_pending_versions_unknown_too_and_says_of_when_the_state_was) {
    stage(bmc_, "second");
    back_up(file());
    close();
    must(write(*open_with_heads()));
    must(Store::restore(file(), elsewhere_.path() / "again", test::passphrase(), std::nullopt));
    const auto restored = open_with_heads(elsewhere_.path() / "again");
    EXPECT_FALSE(must(restored->accepted_restore()).has_value());
    must(restored->accept_restore({"tester", UnixTime{test::kNow.value + 86400}, "disk lost"}));
    for (const auto& version : must(restored->versions(bmc_))) EXPECT_EQ(version.state, VersionState::kUnknown);
    must(restored->verify());
    const auto accepted = must(restored->accepted_restore());
    ASSERT_TRUE(accepted.has_value());
    EXPECT_EQ(accepted->state_of, test::kNow);
    EXPECT_EQ(accepted->at.value, test::kNow.value + 86400);
}

TEST_F(Backups, where_nothing_is_refused_nothing_is_accepted) {
    close();
    const auto mine = open_with_heads();
    const auto before = head_of(*mine);
    EXPECT_EQ(code_of(mine->accept_restore({"tester", test::kNow, "to be sure"})), ErrorCode::kInvalidArgument);
    EXPECT_EQ(head_of(*mine), before);
    EXPECT_EQ(states(bmc_), "current");
}

// A drill: what is done in a copy must never stop the vault that is in use.
TEST_F(Backups, a_copy_beside_the_vault_in_use_is_read_and_not_written) {
    back_up(file());
    close();
    must(write(*open_with_heads()));
    const auto again = elsewhere_.path() / "again";
    back_up(file("newest"));
    close();
    must(Store::restore(file("newest"), again, test::passphrase(), std::nullopt));
    {
        EXPECT_TRUE(open_with_heads()->refusal().empty());
        const auto drill = open_with_heads(again);
        EXPECT_EQ(drill->other_copy(), fs::canonical(directory()));
        EXPECT_TRUE(drill->refusal().starts_with("a copy: this host goes on with ")) << drill->refusal();
        EXPECT_EQ(code_of(write(*drill)), ErrorCode::kRolledBack);
        EXPECT_EQ(must(drill->bmcs()).size(), 1u);
        must(write(*open_with_heads()));
    }
    const auto behind = open_with_heads(again);
    EXPECT_TRUE(behind->refusal().starts_with("rolled back")) << behind->refusal();
    EXPECT_NE(behind->refusal().find(fs::canonical(directory())), std::string::npos);
    must(behind->accept_restore({"tester", test::kNow, "the other disk is bad"}));
    EXPECT_TRUE(open_with_heads(again)->other_copy().empty());
    EXPECT_EQ(open_with_heads()->other_copy(), fs::canonical(again)) << "now that one is the copy";
}

TEST_F(Backups, a_vault_that_was_moved_is_no_copy) {
    close();
    must(write(*open_with_heads()));
    const auto moved = elsewhere_.path() / "moved";
    fs::copy(directory(), moved, fs::copy_options::recursive);
    EXPECT_FALSE(open_with_heads(moved)->refusal().empty());
    fs::rename(directory(), elsewhere_.path() / "off");
    fs::create_directory(directory());
    must(write(*open_with_heads(moved)));
    fs::remove(directory());
    fs::rename(elsewhere_.path() / "off", directory());
    EXPECT_EQ(open_with_heads()->other_copy(), fs::canonical(moved));
}

TEST_F(Backups, the_head_follows_every_commit_and_never_goes_back) {
    close();
    const auto one = open_with_heads();
    const HeadFile heads_file(heads(), must(one->info()).vault_id);
    EXPECT_EQ(must(heads_file.read()), head_of(*one)) << "seen at open";
    const auto early = head_of(*one);
    const auto two = must(one->clone());
    must(write(*two));
    EXPECT_EQ(must(heads_file.read()), head_of(*one));
    must(heads_file.advance(early));
    EXPECT_EQ(must(heads_file.read()), head_of(*one));
    must(heads_file.reset(early));
    EXPECT_EQ(must(heads_file.read()), early);
}

TEST_F(Backups, a_head_that_can_not_be_trusted_stops_writes_and_one_that_can_not_be_kept_is_told) {
    close();
    const auto id = must(open_with_heads()->info()).vault_id;
    const auto path = heads() / to_hex(id);
    const auto good = test::read_file(path);
    for (const auto& bad : {std::string(), std::string("nonsense"), good + "x", good.substr(0, good.size() - 1)}) {
        test::write_file(path, bad);
        EXPECT_EQ(code_of(write(*open_with_heads())), ErrorCode::kRolledBack) << bad;
    }
    auto foreign = must(parse_head(good));
    foreign.vault_id[0] ^= 1;
    test::write_file(path, format_head(foreign));
    EXPECT_EQ(code_of(write(*open_with_heads())), ErrorCode::kRolledBack);
    test::write_file(path, good);
    chmod(path.c_str(), 0666);
    EXPECT_EQ(code_of(write(*open_with_heads())), ErrorCode::kRolledBack);
    fs::remove(path);
    EXPECT_TRUE(open_with_heads()->refusal().empty()) << "nothing seen yet";

    const auto no_place = must(Store::open(directory(), test::passphrase(), {"/proc/heads", {}}));
    EXPECT_FALSE(no_place->head_problem().empty());
    must(write(*no_place));
}

TEST(Head, what_is_no_head_is_refused_and_a_lower_generation_is_older) {
    Head head;
    head.generation = 3;
    head.audit_count = 9;
    head.audit_head[0] = 7;
    EXPECT_EQ(must(parse_head(format_head(head))), head);
    const auto text = format_head(head);
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto changed = text;
        changed[i] = static_cast<char>(changed[i] ^ 0x40);
        const auto parsed = parse_head(changed);
        EXPECT_TRUE(!parsed || *parsed != head) << i;
    }
    EXPECT_EQ(compare(head, 3, head.audit_head), Freshness::kFresh);
    EXPECT_EQ(compare(head, 4, head.audit_head), Freshness::kFresh);
    EXPECT_EQ(compare(head, 2, head.audit_head), Freshness::kRolledBack);
    EXPECT_EQ(compare(head, 3, std::nullopt), Freshness::kRolledBack);
    EXPECT_EQ(compare(head, 3, Digest{}), Freshness::kForked);
}

}  // namespace
}  // namespace bmcvault::vault
