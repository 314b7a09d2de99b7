// The break-glass slot and the escrow log of a store: who opens what, what a use marks, what is on the other disk
// before anything is stored, what comes back from there, and a kill at every step.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/vault/faulty_vfs.hpp"
#include "tests/vault/test_vault.hpp"
#include "vault/core/escrow_line.hpp"
#include "vault/store/identities.hpp"
#include "vault/store/shares.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::code_of;
using test::must;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};

Share copy_of(const Share& share) {
    return {share.vault_id, share.slot,         share.threshold, share.count,
            share.number,   share.part.clone(), share.signature};
}

class BreakGlass : public test::VaultTest {
protected:
    BreakGlass() : bmc_(add_bmc(1)), other_(add_bmc(2)) {
        rotate(bmc_, "first");
        rotate(other_, "second");
    }

    [[nodiscard]] Team& team() { return store().team(); }
    static Acting acting(std::int64_t at = test::kNow.value) { return {"tester", {at}, "because", {}}; }
    static Acting killed_at(std::string_view step) {
        auto killed = acting();
        killed.hook = [step](std::string_view passed) {
            if (passed == step) kill(getpid(), SIGKILL);
        };
        return killed;
    }
    void create() {
        must(team().add_break_glass(acting(), {2, 3}, [&](std::span<const Share> made) -> Result<void> {
            shares_.clear();
            for (const auto& share : made) shares_.push_back(copy_of(share));
            return {};
        }));
    }
    // By all but the first share.
    [[nodiscard]] Result<std::unique_ptr<Store>> try_open_by_shares(const fs::path& at) const {
        return Store::open(at, [&](const Header& header) -> Result<IdentityKeys> {
            std::vector<Share> some;
            for (std::size_t i = 1; i < shares_.size(); ++i) {
                if (const auto* slot = break_glass_slot_of(header); slot != nullptr)
                    must(check_share(shares_[i], header.vault_id, *slot));
                some.push_back(copy_of(shares_[i]));
            }
            const auto key = join_shares(some);
            if (!key) return std::unexpected(key.error());
            return identity_of_slot_key(*key);
        });
    }
    [[nodiscard]] std::unique_ptr<Store> open_by_shares() const { return must(try_open_by_shares(directory())); }
    static std::string password_of(const Store& from, BmcId bmc) {
        return test::text_of(must(from.unseal(must(from.versions(bmc)).back())));
    }
    [[nodiscard]] std::vector<std::string> events() {
        std::vector<std::string> all;
        for (const auto& record : must(store().audit_log(0, 1000))) all.push_back(record.event);
        return all;
    }

    BmcId bmc_;
    BmcId other_;
    std::vector<Share> shares_;
};

TEST_F(BreakGlass, the_slot_opens_everything_also_what_was_sealed_without_the_shares) {
    create();
    must(team().add_compartment(acting(), "edge"));
    must(team().move_bmcs(acting(), "edge", std::span(&other_, 1)));
    must(team().new_generation(acting()));
    rotate(bmc_, "third");
    close();
    const auto opened = open_by_shares();
    EXPECT_EQ(password_of(*opened, bmc_), "third");
    EXPECT_EQ(password_of(*opened, other_), "second");
    EXPECT_EQ(role_of(opened->team().own_slot()), Role::kOwner);
    must(opened->verify());
    EXPECT_EQ(must(opened->info()).slots, (std::vector<std::string>{"argon2id passphrase", "break-glass break-glass"}));
    must(opened->transact("eve", test::kNow, [](Transaction& t) { return t.audit("note", std::nullopt, "{}"); }));
    EXPECT_EQ(must(opened->audit_log(0, 1000)).back().actor, "break-glass (eve)");
}

TEST_F(BreakGlass, too_few_shares_open_nothing) {
    create();
    shares_.pop_back();
    const auto opened = try_open_by_shares(directory());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().detail, "1 of the 2 shares that are needed: 1 more");
}

TEST_F(BreakGlass, there_is_one_and_only_owners_make_it) {
    EXPECT_EQ(code_of(team().add_break_glass(acting(), {1, 3}, {})), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(team().add_break_glass(acting(), {3, 2}, {})), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(team().add_break_glass(acting(), {2, 17}, {})), ErrorCode::kInvalidArgument);
    create();
    EXPECT_EQ(code_of(team().add_break_glass(acting(), {2, 3}, {})), ErrorCode::kAlreadyExists);
    const auto alice = must(make_identity(test::passphrase("identity"), test::kLowestCost));
    must(team().add_member(acting(), {"alice", false, Role::kOperator, {}, alice.keys}));
    const auto hers = must(Store::open(directory(), test::passphrase("identity"), {{}, alice.file}));
    EXPECT_EQ(code_of(hers->team().add_break_glass(acting(), {2, 3}, {})), ErrorCode::kNotPermitted);
    EXPECT_EQ(code_of(hers->team().enable_escrow(acting(), directory().parent_path() / "log")),
              ErrorCode::kNotPermitted);
}

TEST_F(BreakGlass, no_slot_is_made_when_the_shares_could_not_be_kept) {
    close();
    const auto header = test::read_file(header_file());
    const auto stored = test::read_file(store_file());
    EXPECT_EQ(
        code_of(team().add_break_glass(
            acting(), {2, 3}, [](auto) -> Result<void> { return fail(ErrorCode::kNoSpace, "the stick is full"); })),
        ErrorCode::kNoSpace);
    close();
    EXPECT_TRUE(test::read_file(header_file()) == header);
    EXPECT_TRUE(test::read_file(store_file()) == stored);
}

TEST_F(BreakGlass, a_use_exposes_everything_in_a_signed_record_and_a_later_rotation_ends_that) {
    create();
    close();
    {
        const auto opened = open_by_shares();
        must(opened->team().use_break_glass(acting()));
        EXPECT_EQ(must(opened->team().due()), (std::vector<BmcId>{bmc_, other_}));
    }
    EXPECT_EQ(events().back(), "break-glass.used");
    must(store().verify());
    rotate(bmc_, "new");
    EXPECT_EQ(must(team().due()), std::vector<BmcId>{other_});
    {
        const auto opened = open_by_shares();
        must(opened->team().use_break_glass(acting(test::kNow.value + 1)));
    }
    EXPECT_EQ(must(team().due()), (std::vector<BmcId>{bmc_, other_})) << "the second use sees the new one too";
    EXPECT_EQ(must(team().departures()).size(), 1u);
    const auto raw = raw_database();
    std::uint64_t signed_uses = 0;
    must(raw->query("SELECT count(*) FROM audit a JOIN audit_signature s ON s.seq=a.seq WHERE a.event=?",
                    {"break-glass.used"}, [&](const Row& row) {
                        signed_uses = static_cast<std::uint64_t>(row.integer(0));
                        return Result<void>();
                    }));
    EXPECT_EQ(signed_uses, 2u);
}

TEST_F(BreakGlass, a_kill_while_it_is_made_leaves_the_old_vault_or_the_new_one) {
    for (const auto* step : {"break-glass-shares-kept", "break-glass-row", "break-glass-header"}) {
        close();
        EXPECT_TRUE(test::was_killed(test::in_child([&] {
            const auto mine = must(Store::open(directory(), test::passphrase()));
            must(mine->team().add_break_glass(killed_at(step), {2, 3}, [](auto) { return Result<void>(); }));
        }))) << step;
        EXPECT_EQ(password_of(store(), bmc_), "first") << step;
        must(store().verify());
        const bool was_there = std::string_view(step) == "break-glass-header";
        if (was_there) {
            EXPECT_EQ(code_of(team().add_break_glass(acting(), {2, 3}, {})), ErrorCode::kAlreadyExists);
        } else {
            create();
            EXPECT_EQ(password_of(*open_by_shares(), bmc_), "first") << step;
        }
        const auto departure = must(team().begin_departure(acting(), "break-glass"));
        must(team().revoke(acting(), departure));
        must(team().finish_departure(acting(), departure));
    }
}

TEST_F(BreakGlass, after_its_departure_the_shares_open_nothing_and_a_new_one_can_be_made) {
    create();
    const auto old = directory().parent_path() / "old";
    close();
    fs::copy(directory(), old, fs::copy_options::recursive);
    const auto departure = must(team().begin_departure(acting(), "break-glass"));
    EXPECT_EQ(must(team().due()).size(), 2u);
    must(team().revoke(acting(), departure));
    EXPECT_EQ(code_of(try_open_by_shares(directory())), ErrorCode::kNotPermitted);
    EXPECT_TRUE(try_open_by_shares(old)) << "the copy of before";
    create();
    EXPECT_EQ(password_of(*open_by_shares(), bmc_), "first");
}

class EscrowOfStore : public BreakGlass {
protected:
    EscrowOfStore() { create(); }

    [[nodiscard]] fs::path file() const { return elsewhere_.path() / "escrow"; }
    [[nodiscard]] std::vector<EscrowLine> lines() const {
        std::vector<EscrowLine> all;
        std::istringstream text(test::read_file(file()));
        for (std::string line; std::getline(text, line);)
            if (auto read = parse_escrow_line(line)) all.push_back(std::move(*read));
        return all;
    }
    Result<void> try_stage(std::string_view text) {
        return try_transact([&](Transaction& t) -> Result<void> {
            auto staged = t.stage(bmc_, kPassword, test::secret(text), StoredSize::k20, Provenance::kGenerated, "");
            return staged ? Result<void>() : std::unexpected(staged.error());
        });
    }
    [[nodiscard]] EscrowReplay replay(const fs::path& vault) {
        const auto opened = must(try_open_by_shares(vault));
        return must(opened->team().replay_escrow(acting(), file()));
    }
    [[nodiscard]] fs::path copy_of_vault() {
        close();
        const auto copy = directory().parent_path() / "copy";
        fs::remove_all(copy);
        fs::copy(directory(), copy, fs::copy_options::recursive);
        return copy;
    }

    test::TemporaryDirectory elsewhere_;
};

TEST_F(EscrowOfStore, holds_what_there_is_and_every_new_version_and_no_secret_or_name_in_clear) {
    EXPECT_EQ(must(team().enable_escrow(acting(), file())), 2u);
    EXPECT_EQ(lines().size(), 2u);
    struct stat info{};
    ASSERT_EQ(stat(file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777u, 0600u);
    rotate(bmc_, "third");
    must(team().new_generation(acting()));
    rotate(bmc_, "fourth");
    transact([&](Transaction& t) -> Result<void> {
        must(t.add_version(other_, {Kind::kKg, 1}, test::secret("a-k_g"), StoredSize::k20, VersionState::kUnknown,
                           Provenance::kImported, ""));
        return {};
    });
    ASSERT_EQ(lines().size(), 5u);
    EXPECT_EQ(lines()[2].key.bmc, bmc_);
    EXPECT_EQ(lines()[2].key.version.value, 2u);
    EXPECT_EQ(lines()[4].key.subject, (Subject{Kind::kKg, 1}));
    for (const auto* hidden : {"third", "bmc-00001", "a-k_g"})
        EXPECT_EQ(test::read_file(file()).find(hidden), std::string::npos) << hidden;
    must(team().disable_escrow(acting()));
    rotate(bmc_, "fifth");
    EXPECT_EQ(lines().size(), 5u);
    EXPECT_EQ(code_of(team().disable_escrow(acting())), ErrorCode::kNotFound);
}

TEST_F(EscrowOfStore, another_process_that_had_the_vault_open_before_writes_there_too) {
    const auto other = must(Store::open(directory(), test::passphrase()));
    must(team().enable_escrow(acting(), file()));
    must(other->transact("other", test::kNow, [&](Transaction& t) -> Result<void> {
        must(t.stage(bmc_, kPassword, test::secret("theirs"), StoredSize::k20, Provenance::kGenerated, ""));
        return {};
    }));
    EXPECT_EQ(lines().size(), 3u);
}

TEST_F(EscrowOfStore, a_process_with_the_header_of_before_the_slot_finds_its_key) {
    const auto departure = must(team().begin_departure(acting(), "break-glass"));
    must(team().revoke(acting(), departure));
    const auto other = must(Store::open(directory(), test::passphrase()));
    create();
    must(team().enable_escrow(acting(), file()));
    must(other->transact("other", test::kNow, [&](Transaction& t) -> Result<void> {
        must(t.stage(bmc_, kPassword, test::secret("theirs"), StoredSize::k20, Provenance::kGenerated, ""));
        return {};
    }));
    EXPECT_EQ(lines().size(), 3u);
}

TEST_F(EscrowOfStore, where_it_can_not_be_written_nothing_is_staged) {
    must(team().enable_escrow(acting(), file()));
    const auto log = events().size();
    const auto expect_refused = [&](std::string_view problem, std::string_view when) {
        const auto staged = try_stage("never");
        ASSERT_FALSE(staged) << when;
        EXPECT_EQ(staged.error().code, ErrorCode::kNoEscrow) << when;
        EXPECT_NE(staged.error().detail.find(file().string()), std::string::npos) << staged.error().detail;
        EXPECT_NE(staged.error().detail.find("nothing was stored"), std::string::npos) << staged.error().detail;
        EXPECT_NE(staged.error().detail.find(problem), std::string::npos) << staged.error().detail;
        EXPECT_EQ(staged.error().detail,
                  "escrow log: " + must(team().escrow())->problem + "; nothing was stored, and nothing is sent");
        EXPECT_EQ(states(bmc_), "current") << when;
        EXPECT_EQ(events().size(), log) << when;
    };
    fs::rename(file(), elsewhere_.path() / "away");
    expect_refused("is missing: is its disk mounted?", "the disk is not mounted");
    fs::create_symlink(elsewhere_.path() / "away", file());
    expect_refused("is not a regular file", "a link");
    fs::remove(file());
    fs::rename(elsewhere_.path() / "away", file());
    fs::permissions(file(), fs::perms(0644));
    expect_refused("has mode 0644 instead of 0600", "open to others");
    fs::permissions(file(), fs::perms(0600));
    fs::rename(elsewhere_.path(), elsewhere_.path().string() + "-gone");
    expect_refused("is missing, and its directory too: is its disk mounted?", "the directory is gone");
    fs::rename(elsewhere_.path().string() + "-gone", elsewhere_.path());
    EXPECT_EQ(must(team().escrow())->problem, "");
    must(try_stage("now"));
    EXPECT_EQ(states(bmc_), "current pending");
}

// A limit stands for the end of the disk: the file has no room, the vault has.
TEST_F(EscrowOfStore, a_full_disk_stages_nothing_and_a_torn_line_does_no_harm) {
    must(team().enable_escrow(acting(), file()));
    close();
    constexpr rlim_t kLimit = 64 << 20;
    fs::resize_file(file(), kLimit - 100);
    EXPECT_TRUE(test::ended_well(test::in_child([&] {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{kLimit, kLimit};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) std::abort();
        const auto mine = must(Store::open(directory(), test::passphrase()));
        const auto staged = mine->transact("tester", test::kNow, [&](Transaction& t) -> Result<void> {
            must(t.stage(bmc_, kPassword, test::secret("never"), StoredSize::k20, Provenance::kGenerated, ""));
            return {};
        });
        if (staged || staged.error().detail.find(file().string()) == std::string::npos) std::abort();
    })));
    EXPECT_EQ(states(bmc_), "current");
    EXPECT_EQ(fs::file_size(file()), kLimit) << "the beginning of a line";
    must(try_stage("now"));
    EXPECT_EQ(lines().size(), 3u) << "the one long line of zeros and the torn one are none";
    const auto copy = copy_of_vault();
    EXPECT_EQ(replay(copy).unread_lines, (std::vector<std::uint64_t>{3, 4}));
}

TEST_F(EscrowOfStore, one_that_was_emptied_cut_or_swapped_is_noticed_at_the_next_write) {
    must(team().enable_escrow(acting(), file()));
    rotate(bmc_, "third");
    const auto whole = test::read_file(file());
    const auto last_line = whole.substr(whole.rfind('\n', whole.size() - 2) + 1);
    auto changed = whole;
    changed[whole.size() - 30] = changed[whole.size() - 30] == 'A' ? 'B' : 'A';
    const std::string all_but_the_last = whole.substr(0, whole.size() - last_line.size());
    for (const auto& [content, problem] : std::map<std::string, std::string>{
             {"", "it was cut"},
             {all_but_the_last, "it was cut"},
             {whole.substr(0, whole.size() - 1), "it was cut"},
             {whole.substr(last_line.size()), "it was cut"},
             {changed, "is not as the vault has left it"},
             {last_line + all_but_the_last, "is not as the vault has left it"},
             {std::string(whole.size() + 1000, '\n'), "is not as the vault has left it"},
         }) {
        test::write_file(file(), content);
        const auto staged = try_stage("never");
        ASSERT_FALSE(staged) << problem;
        EXPECT_EQ(staged.error().code, ErrorCode::kNoEscrow);
        EXPECT_NE(staged.error().detail.find(problem), std::string::npos) << staged.error().detail;
        EXPECT_NE(must(team().escrow())->problem.find(problem), std::string::npos);
        EXPECT_EQ(test::read_file(file()), content) << "nothing is added to what is not the log";
        EXPECT_EQ(states(bmc_), "previous current");
    }
    test::write_file(file(), whole + "a line whose transaction was never committed");
    EXPECT_EQ(must(team().escrow())->problem, "");
    must(try_stage("now"));
    EXPECT_EQ(lines().size(), 4u);
}

TEST_F(EscrowOfStore, one_that_was_cut_is_ended_and_begun_anew) {
    must(team().enable_escrow(acting(), file()));
    test::write_file(file(), "");
    EXPECT_EQ(code_of(try_stage("never")), ErrorCode::kNoEscrow);
    must(team().disable_escrow(acting()));
    EXPECT_EQ(must(team().enable_escrow(acting(), file())), 2u);
    must(try_stage("now"));
    EXPECT_EQ(lines().size(), 3u);
    must(store().verify());
}

TEST_F(EscrowOfStore, a_work_that_writes_no_credential_goes_on_without_it) {
    must(team().enable_escrow(acting(), file()));
    fs::remove(file());
    transact([&](Transaction& t) { return t.mark_proved(bmc_, kPassword, {1}); });
    auto moved = must(store().bmc(bmc_));
    moved.firmware = "2.0";
    transact([&](Transaction& t) { return t.update_bmc(moved); });
    moved.port = 1623;
    EXPECT_EQ(code_of(try_transact([&](Transaction& t) { return t.update_bmc(moved); })), ErrorCode::kNoEscrow);
    EXPECT_NE(must(store().bmc(bmc_)).port, 1623);
}

// Of a vault of before, which did not remember where it had left the log.
TEST_F(EscrowOfStore, the_first_write_of_a_migrated_vault_takes_the_log_as_it_is) {
    must(team().enable_escrow(acting(), file()));
    close();
    {
        const auto raw = raw_database();
        test::run_past_the_triggers(*raw, "DROP TRIGGER escrow_end_no_delete; DELETE FROM escrow_end");
    }
    test::write_file(file(), lines().empty() ? "" : format_escrow_line(lines().front()) + "\n");
    must(try_stage("now"));
    EXPECT_EQ(lines().size(), 2u);
    test::write_file(file(), "");
    EXPECT_EQ(code_of(try_transact([&](Transaction& t) -> Result<void> {
                  auto staged =
                      t.stage(other_, kPassword, test::secret("never"), StoredSize::k20, Provenance::kGenerated, "");
                  return staged ? Result<void>() : std::unexpected(staged.error());
              })),
              ErrorCode::kNoEscrow);
}

TEST_F(EscrowOfStore, a_bmc_that_moves_or_is_renamed_is_written_there_with_its_new_place) {
    must(team().enable_escrow(acting(), file()));
    const auto copy = copy_of_vault();
    const auto added = add_bmc(3);
    rotate(added, "of-a-new-one");
    const auto before = lines().size();
    auto moved = must(store().bmc(added));
    const auto change = [&](const std::function<void()>& by, std::size_t more) {
        const auto old = lines().size();
        by();
        transact([&](Transaction& t) { return t.update_bmc(moved); });
        EXPECT_EQ(lines().size(), old + more);
    };
    change([&] { moved.address = "192.0.2.77"; }, 1);
    change([&] { moved.port = 1623; }, 1);
    change([&] { moved.user_name = "other"; }, 1);
    change([&] { moved.channel = 2; }, 1);
    change([&] { moved.name = "renamed"; }, 1);
    change([&] { moved.group = "racks"; }, 0);
    EXPECT_EQ(before, 3u);
    const auto first = replay(copy);
    EXPECT_EQ(first.added, 1u) << "once, however often it was written";
    const auto found = must(must(Store::open(copy, test::passphrase()))->bmc(added));
    EXPECT_EQ(found.name, "renamed");
    EXPECT_EQ(found.address, "192.0.2.77");
    EXPECT_EQ(found.port, 1623);
    EXPECT_EQ(found.user_name, "other");
    EXPECT_EQ(found.channel, 2);
}

TEST_F(EscrowOfStore, a_replay_that_was_interrupted_moves_on_what_its_first_part_added_and_nothing_else) {
    must(team().enable_escrow(acting(), file()));
    const auto copy = copy_of_vault();
    must(must(Store::open(copy, test::passphrase()))->team().disable_escrow(acting()));
    const auto added = add_bmc(3);
    rotate(added, "of-a-new-one");
    const auto move_to = [](Store& vault, BmcId id, const std::string& address, std::uint16_t port) {
        auto bmc = must(vault.bmc(id));
        bmc.address = address;
        bmc.port = port;
        must(vault.transact("tester", test::kNow, [&](Transaction& t) { return t.update_bmc(bmc); }));
    };
    const auto first_place = must(store().bmc(added)).address;
    for (std::uint16_t i = 0; i < 1000; ++i) move_to(store(), bmc_, "192.0.2.78", static_cast<std::uint16_t>(1000 + i));
    move_to(store(), added, "192.0.2.77", 623);
    close();
    EXPECT_TRUE(test::was_killed(test::in_child([&] {
        auto killed = acting();
        killed.hook = [](std::string_view passed) {
            if (passed == "escrow-part-replayed") kill(getpid(), SIGKILL);
        };
        must(must(try_open_by_shares(copy))->team().replay_escrow(killed, file()));
    })));
    const auto place = [&](BmcId id) { return must(must(Store::open(copy, test::passphrase()))->bmc(id)).address; };
    EXPECT_EQ(place(added), first_place);
    {
        const auto vault = must(Store::open(copy, test::passphrase()));
        auto bmc = must(vault->bmc(added));
        bmc.name = "a-persons-name";
        must(vault->transact("tester", test::kNow, [&](Transaction& t) { return t.update_bmc(bmc); }));
    }
    EXPECT_EQ(replay(copy).added, 0u);
    EXPECT_EQ(place(added), "192.0.2.77");
    EXPECT_EQ(must(must(Store::open(copy, test::passphrase()))->bmc(added)).name, "a-persons-name");
    EXPECT_NE(place(bmc_), "192.0.2.78") << "it was there before";
    move_to(*must(Store::open(copy, test::passphrase())), added, first_place, 623);
    EXPECT_EQ(replay(copy).added, 0u);
    EXPECT_EQ(place(added), first_place) << "where a person has put it, after a replay that came to its end";
}

TEST_F(EscrowOfStore, an_over_long_line_is_skipped_and_what_is_behind_it_is_read) {
    must(team().enable_escrow(acting(), file()));
    const auto copy = copy_of_vault();
    rotate(bmc_, "third");
    auto text = test::read_file(file());
    const auto second = text.find('\n') + 1;
    text.insert(second, std::string(3 << 20, 'x') + "\n" + text.substr(0, 100) + "\n\n");
    test::write_file(file(), text);
    close();
    must(must(Store::open(copy, test::passphrase()))->team().disable_escrow(acting()));
    const auto replayed = replay(copy);
    EXPECT_EQ(replayed.lines, 6u);
    EXPECT_EQ(replayed.unread, 3u);
    EXPECT_EQ(replayed.unread_lines, (std::vector<std::uint64_t>{2, 3, 4}));
    EXPECT_EQ(replayed.known, 2u);
    EXPECT_EQ(replayed.added, 1u);
}

// Much more than goes to the file at a time.
TEST_F(EscrowOfStore, a_large_vault_is_written_in_parts_and_comes_back_whole) {
    const auto copy = copy_of_vault();
    constexpr std::uint32_t kMany = 3000;
    transact([&](Transaction& t) -> Result<void> {
        for (std::uint32_t i = 0; i < kMany; ++i)
            must(t.add_version(bmc_, kPassword, test::secret(fmt::format("old-{}", i)), StoredSize::k20,
                               VersionState::kRetired, Provenance::kImported, ""));
        return {};
    });
    EXPECT_EQ(must(team().enable_escrow(acting(), file())), kMany + 2);
    EXPECT_GT(fs::file_size(file()), 1u << 20);
    must(try_stage("now"));
    const auto replayed = replay(copy);
    EXPECT_EQ(replayed.lines, kMany + 3);
    EXPECT_EQ(replayed.unread, 0u);
    EXPECT_EQ(replayed.added, kMany + 1);
    EXPECT_EQ(replay(copy).added, 0u);
}

TEST_F(EscrowOfStore, a_drill_tells_how_much_of_its_end_opens_and_what_is_in_it) {
    must(team().enable_escrow(acting(), file()));
    EXPECT_EQ(code_of(team().sample_escrow(10)), ErrorCode::kNotPermitted);
    rotate(bmc_, "third");
    rotate(bmc_, "fourth");
    close();
    const auto opened = open_by_shares();
    const auto sample = [&](std::size_t most) { return must(opened->team().sample_escrow(most)).value(); };
    EXPECT_EQ(sample(10).lines, 4u);
    EXPECT_EQ(sample(10).opened, 4u);
    EXPECT_EQ(sample(10).bmcs, 2u);
    EXPECT_EQ(sample(10).newest, 2u);
    EXPECT_TRUE(sample(10).whole);
    EXPECT_EQ(sample(1).lines, 1u);
    EXPECT_EQ(sample(1).newest, 1u);
    EXPECT_FALSE(sample(1).whole);
    const auto whole = test::read_file(file());
    test::write_file(file(), whole + whole.substr(0, whole.find('\n') + 1));
    EXPECT_EQ(sample(1).opened, 1u);
    EXPECT_EQ(sample(1).newest, 0u) << "an older password of that BMC";
    test::write_file(file(), whole + whole.substr(0, 200) + "\n");
    EXPECT_EQ(sample(10).lines, 5u);
    EXPECT_EQ(sample(10).opened, 4u);
    fs::remove(file());
    EXPECT_EQ(code_of(opened->team().sample_escrow(10)), ErrorCode::kNoEscrow);
}

TEST_F(EscrowOfStore, of_a_group_only_what_is_stored_is_written) {
    must(team().enable_escrow(acting(), file()));
    const std::vector<Store::Work> works{
        [&](Transaction& t) -> Result<void> {
            must(t.stage(bmc_, kPassword, test::secret("undone"), StoredSize::k20, Provenance::kGenerated, ""));
            return fail(ErrorCode::kCancelled, "undone");
        },
        [&](Transaction& t) -> Result<void> {
            must(t.stage(other_, kPassword, test::secret("kept"), StoredSize::k20, Provenance::kGenerated, ""));
            return {};
        }};
    const auto results = store().transact_group("tester", test::kNow, works);
    EXPECT_FALSE(results[0]);
    EXPECT_TRUE(results[1]);
    ASSERT_EQ(lines().size(), 3u);
    EXPECT_EQ(lines()[2].key.bmc, other_);
}

TEST_F(EscrowOfStore, only_a_log_of_this_vault_is_gone_on_with) {
    {
        std::ofstream out(file());
        out << "my notes\n";
    }
    fs::permissions(file(), fs::perms(0600));
    EXPECT_EQ(code_of(team().enable_escrow(acting(), file())), ErrorCode::kAlreadyExists);
    EXPECT_EQ(test::read_file(file()), "my notes\n");
    fs::remove(file());
    must(team().enable_escrow(acting(), file()));
    EXPECT_EQ(code_of(team().enable_escrow(acting(), elsewhere_.path() / "second")), ErrorCode::kConflict);
    must(team().disable_escrow(acting()));
    EXPECT_EQ(must(team().enable_escrow(acting(), file())), 2u);
    EXPECT_EQ(must(team().escrow())->file, file().string());
    EXPECT_EQ(events().back(), "escrow.enabled");
}

TEST_F(EscrowOfStore, the_departure_of_its_key_ends_it) {
    must(team().enable_escrow(acting(), file()));
    const auto departure = must(team().begin_departure(acting(), "break-glass"));
    EXPECT_FALSE(must(team().escrow()));
    must(team().revoke(acting(), departure));
    must(try_stage("after"));
    EXPECT_EQ(lines().size(), 2u);
    EXPECT_EQ(code_of(team().enable_escrow(acting(), elsewhere_.path() / "second")), ErrorCode::kConflict);
}

TEST_F(EscrowOfStore, an_older_vault_gets_back_what_it_does_not_know_once) {
    must(team().enable_escrow(acting(), file()));
    const auto copy = copy_of_vault();
    rotate(bmc_, "third");
    stage(other_, "sent-perhaps");
    const auto added = add_bmc(3);
    rotate(added, "of-a-new-one");
    const auto first = replay(copy);
    EXPECT_EQ(first.added, 3u);
    EXPECT_EQ(first.known, 2u);
    EXPECT_EQ(first.bmcs_added, std::vector<std::string>{"bmc-00003"});
    EXPECT_TRUE(first.unread_lines.empty());
    const auto older = must(Store::open(copy, test::passphrase()));
    const auto versions = must(older->versions(bmc_));
    ASSERT_EQ(versions.size(), 2u);
    EXPECT_EQ(versions.back().state, VersionState::kUnknown);
    EXPECT_EQ(versions.back().provenance, Provenance::kRestored);
    EXPECT_EQ(password_of(*older, bmc_), "third");
    EXPECT_EQ(password_of(*older, other_), "sent-perhaps");
    EXPECT_EQ(password_of(*older, added), "of-a-new-one");
    const auto again = replay(copy);
    EXPECT_EQ(again.added, 0u);
    EXPECT_TRUE(again.bmcs_added.empty());
    must(older->verify());
}

TEST_F(EscrowOfStore, only_the_shares_replay_and_foreign_lines_are_counted) {
    must(team().enable_escrow(acting(), file()));
    EXPECT_EQ(code_of(team().replay_escrow(acting(), file())), ErrorCode::kNotPermitted);
    auto text = test::read_file(file());
    auto changed = text;
    changed[changed.find(" version=") + 9] = '9';  // what is sealed says another
    test::write_file(file(), changed + "torn");
    close();
    const auto replayed = replay(directory());
    EXPECT_EQ(replayed.unread_lines, (std::vector<std::uint64_t>{1, 3}));
    EXPECT_EQ(replayed.known, 1u);
}

// At every write, sync and truncation of the store; the log is written between two of them.
TEST_F(EscrowOfStore, a_kill_at_any_operation_leaves_no_version_that_is_not_in_the_log) {
    must(team().enable_escrow(acting(), file()));
    const auto stored = test::read_file(store_file());
    const auto log = test::read_file(file());
    test::faulty_vfs::install();
    std::size_t only_in_the_log = 0;
    std::uint32_t operation = 0;
    for (bool killed = true; killed; ++operation) {
        close();
        test::write_file(store_file(), stored);
        test::write_file(file(), log);
        const int status = test::in_child([&] {
            const auto mine = must(Store::open(directory(), test::passphrase()));
            test::faulty_vfs::arm(test::Fault::kKillBefore, operation);
            must(mine->transact("tester", test::kNow, [&](Transaction& t) -> Result<void> {
                must(t.stage(bmc_, kPassword, test::secret("killed"), StoredSize::k20, Provenance::kGenerated, ""));
                return {};
            }));
        });
        killed = test::was_killed(status);
        ASSERT_TRUE(killed || test::ended_well(status));
        const bool is_stored = states(bmc_) == "current pending";
        EXPECT_TRUE(lines().size() == 3 || !is_stored) << "operation " << operation;
        if (lines().size() == 3 && !is_stored) ++only_in_the_log;
        if (!is_stored) must(try_stage("after"));
        EXPECT_EQ(must(team().escrow())->problem, "") << "operation " << operation;
    }
    EXPECT_GT(only_in_the_log, 0u) << "no kill between the log and the COMMIT";
    EXPECT_GT(operation, 5u);
}

class Holders : public BreakGlass {
protected:
    void create_for(std::vector<std::string> holders) {
        must(team().add_break_glass(acting(), {2, 3, std::move(holders)},
                                    [&](std::span<const Share> made) -> Result<void> {
                                        shares_.clear();
                                        for (const auto& share : made) shares_.push_back(copy_of(share));
                                        return {};
                                    }));
    }
    [[nodiscard]] std::string body_of_last(const std::string& event) {
        std::string body;
        for (const auto& record : must(store().audit_log(0, 1000)))
            if (record.event == event) body = record.body;
        return body;
    }
};

TEST_F(Holders, are_kept_in_the_records_of_making_proving_and_using) {
    EXPECT_FALSE(must(team().break_glass()));
    EXPECT_EQ(code_of(team().add_break_glass(acting(), {2, 3, {"ann"}}, {})), ErrorCode::kInvalidArgument);
    create_for({"ann", "Bob at the bank", "ann"});
    const auto key = must(team().break_glass()).value();
    EXPECT_EQ(key.slot, 2u);
    EXPECT_EQ(key.made_by, 1u);
    EXPECT_EQ(shares_of(key, "ann"), (std::vector<std::uint32_t>{1, 3}));
    EXPECT_NE(body_of_last("break-glass.created").find(R"("holders":["ann","Bob at the bank","ann"])"),
              std::string::npos);
    close();
    {
        const auto opened = open_by_shares();
        opened->team().opened_by({2, 3});
        must(opened->team().record_drill(acting(), 4));
        must(opened->team().use_break_glass(acting()));
    }
    const std::string used = R"("shares":[{"holder":"Bob at the bank","share":2},{"holder":"ann","share":3}])";
    EXPECT_NE(body_of_last("break-glass.drilled").find(used), std::string::npos) << body_of_last("break-glass.drilled");
    EXPECT_NE(body_of_last("break-glass.used").find(used), std::string::npos);
    must(store().verify());
}

TEST(KeyInShares, a_leaver_takes_what_was_given_to_that_name_and_all_of_it_where_they_made_it) {
    KeyInShares key{5, 2, 3, {100}, 7, {"ann", "bob", "ann"}};
    Departure ann;
    ann.who = "ann";
    ann.slot = 4;
    ann.at = {200};
    Departure bob;
    bob.who = "bob";
    bob.type = DepartureType::kHolder;
    bob.at = {99};
    EXPECT_EQ(taken_by(key, ann, std::vector{ann, bob}).shares, (std::vector<std::uint32_t>{1, 3}));
    EXPECT_EQ(taken_by(key, ann, std::vector{ann, bob}).by_all, 2u)
        << "bob left before the key was made, and came back";
    bob.at = {150};
    EXPECT_EQ(taken_by(key, ann, std::vector{ann, bob}).by_all, 3u);
    EXPECT_EQ(taken_by(key, bob, std::vector{bob}).by_all, 1u);
    EXPECT_FALSE(taken_by(key, ann, {}).made_it);
    ann.slot = 7;
    EXPECT_TRUE(taken_by(key, ann, {}).made_it);
    ann.type = DepartureType::kHolder;
    EXPECT_FALSE(taken_by(key, ann, {}).made_it) << "a slot is a member's";
    EXPECT_TRUE(taken_by(key, Departure{}, {}).shares.empty());
}

}  // namespace
}  // namespace bmcvault::vault
