// A power cut at every moment of a rotation's steps, with an escrow log and without, a new member, a departure and a
// backup: the vault opens, all of it verifies, what was acknowledged is there, and nothing is half there. On a disk
// whose syncs lie it is not so, which shows that these tests would see it.
//
// BMCVAULT_POWER_SEEDS=FIRST-LAST tries other outcomes of each cut than the usual few.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "tests/vault/power_cut.hpp"
#include "tests/vault/test_vault.hpp"
#include "tests/vault/unlocked_store.hpp"
#include "vault/core/escrow_line.hpp"
#include "vault/store/head_file.hpp"
#include "vault/store/identities.hpp"
#include "vault/store/shares.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::must;
using test::RecordedDisk;
using test::Syncs;

constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};

const MadeIdentity& identity() {
    static const auto made = must(make_identity(test::passphrase("identity"), test::kLowestCost));
    return made;
}

struct Seeds {
    std::uint32_t first = 0;
    std::uint32_t last = 4;
};
Seeds seeds() {
    const char* wanted = std::getenv("BMCVAULT_POWER_SEEDS");
    if (wanted == nullptr) return {};
    const std::string text = wanted;
    const auto dash = text.find('-');
    return {static_cast<std::uint32_t>(std::stoul(text)),
            static_cast<std::uint32_t>(std::stoul(text.substr(dash + 1)))};
}

struct Found;
// What has to hold from some moment on.
struct Promise {
    std::size_t from;
    std::string words;
    std::function<bool(Found&)> holds;
};

// The vault that a power cut left.
struct Found {
    fs::path root;
    std::unique_ptr<Store> store;
    std::uint64_t generation = 0;
};

class Power : public testing::Test {
protected:
    Power() {
        fs::create_directory(root_);
        must(Store::create(vault(root_), test::passphrase(), test::options()));
        auto store = open_here();
        must(store->transact("tester", test::kNow, [](Transaction& t) -> Result<void> {
            for (std::uint32_t number = 1; number <= 2; ++number) {
                const auto bmc = test::make_bmc(number);
                must(t.add_bmc(bmc));
                const auto version = must(
                    t.stage(bmc.id, kPassword, test::secret("first"), StoredSize::k20, Provenance::kGenerated, ""));
                must(t.commit_pending(bmc.id, kPassword, version));
            }
            return {};
        }));
        must(store->team().add_member(acting(), {"leaver", false, Role::kOperator, {}, identity().keys}));
    }

    static Acting acting() { return {"tester", test::kNow, "because", {}}; }
    static fs::path vault(const fs::path& root) { return root / "vault"; }
    static fs::path heads(const fs::path& root) { return root / "heads"; }
    static fs::path backup(const fs::path& root) { return root / "backup"; }
    [[nodiscard]] std::unique_ptr<Store> open_here() const {
        return must(Store::open(vault(root_), test::passphrase(), {heads(root_), {}}));
    }
    static VersionState state_of(Found& found, std::uint32_t bmc, std::uint32_t version) {
        for (const auto& each : must(found.store->versions(test::make_bmc(bmc).id)))
            if (each.version.value == version) return each.state;
        return VersionState::kDestroyed;
    }

    // As Store::open, but a header that was unlocked once is not derived again: that is what takes most of the time.
    Result<Found> open_after_cut(const fs::path& root) {
        const auto header = read_header(vault(root), Access{});
        if (!header) return std::unexpected(header.error());
        auto text = format_header(*header);
        if (!unlocked_.contains(text)) {
            auto unlocked = unlock(*header, test::passphrase());
            if (!unlocked) return std::unexpected(unlocked.error());
            unlocked_.emplace(text, std::move(*unlocked));
        }
        auto store = test::open_unlocked(vault(root), *header, unlocked_.at(text));
        if (!store) return std::unexpected(store.error());
        if (auto verified = (*store)->verify(); !verified) return std::unexpected(verified.error());
        return Found{root, std::move(*store), header->generation};
    }

    // What this host has seen is in the vault that was found.
    static bool head_is_in(const Found& found) {
        const auto info = must(found.store->info());
        const auto head = HeadFile(heads(found.root), info.vault_id).read();
        if (!head) return false;
        if (!*head) return true;
        std::optional<Digest> hash;
        for (const auto& record : must(found.store->audit_log((*head)->audit_count - 1, 1)))
            if (record.sequence == (*head)->audit_count) hash = record.hash;
        return compare(**head, info.generation, hash) == Freshness::kFresh;
    }

    static bool holds_what_it_held(const Found& found) {
        for (std::uint32_t number = 1; number <= 2; ++number) {
            const auto versions = must(found.store->versions(test::make_bmc(number).id));
            if (versions.empty() || test::text_of(must(found.store->unseal(versions[0]))) != "first") return false;
        }
        return true;
    }

    // Empty: all is well.
    std::string what_is_wrong(const fs::path& root, std::size_t operations, const std::vector<Promise>& promises) {
        auto found = open_after_cut(root);
        if (!found) return "it does not open: " + found.error().detail;
        if (!holds_what_it_held(*found)) return "it does not hold what it held";
        if (!head_is_in(*found)) return "the host has seen what is not there";
        for (const auto& promise : promises)
            if (operations >= promise.from && !promise.holds(*found)) return promise.words;
        return {};
    }

    void promise(std::string words, std::function<bool(Found&)> holds, std::size_t from) {
        promises_.push_back({from, std::move(words), std::move(holds)});
    }
    void from_the_start(std::string words, std::function<bool(Found&)> holds) {
        promise(std::move(words), std::move(holds), 0);
    }

    // The first thing that went wrong over all moments and outcomes; empty: nothing did.
    std::string cut_power_everywhere(const RecordedDisk& disk, Syncs syncs) {
        const test::TemporaryDirectory place;
        for (std::size_t operations = 0; operations <= disk.operations(); ++operations)
            for (auto seed = seeds_.first; seed <= seeds_.last; ++seed) {
                const auto after = after_.empty() ? place.path() / "after" : after_;
                disk.after_power_cut(operations, seed, syncs, after);
                const auto words = what_is_wrong(after, operations, promises_);
                if (!words.empty())
                    return fmt::format("power cut after {} of {} operations, seed {}: {}", operations,
                                       disk.operations(), seed, words);
            }
        return {};
    }

    void expect_safe_unless_syncs_lie(RecordedDisk& disk) {
        disk.stop();
        EXPECT_GT(disk.operations(), 20u);
        EXPECT_EQ(cut_power_everywhere(disk, Syncs::kKept), "");
        EXPECT_NE(cut_power_everywhere(disk, Syncs::kLies), "") << "a disk that syncs nothing loses nothing?";
    }

    test::TemporaryDirectory parent_;
    fs::path root_ = parent_.path() / "disk";
    fs::path after_;  // where the disk is made as a cut leaves it; empty: anywhere
    std::vector<Promise> promises_;
    Seeds seeds_ = seeds();

private:
    std::map<std::string, Unlocked> unlocked_;  // by text of the header
};

TEST_F(Power, each_step_of_a_rotation_is_durable_when_it_returns) {
    RecordedDisk disk(root_);
    const auto store = open_here();
    const auto bmc = test::make_bmc(1).id;
    VersionNumber version;
    must(store->transact("tester", test::kNow, [&](Transaction& t) -> Result<void> {
        version = must(t.stage(bmc, kPassword, test::secret("second"), StoredSize::k20, Provenance::kGenerated, ""));
        return {};
    }));
    promise(
        "the staged password is lost",
        [](Found& found) {
            const auto versions = must(found.store->versions(test::make_bmc(1).id));
            return versions.size() == 2 && test::text_of(must(found.store->unseal(versions[1]))) == "second";
        },
        disk.operations());
    must(store->transact("tester", test::kNow, [&](Transaction& t) { return t.mark_sent(bmc, kPassword, version); }));
    promise(
        "that it was sent is lost",
        [](Found& found) { return must(found.store->versions(test::make_bmc(1).id))[1].sent_at.has_value(); },
        disk.operations());
    must(store->transact("tester", test::kNow,
                         [&](Transaction& t) { return t.commit_pending(bmc, kPassword, version); }));
    promise(
        "the commit is lost", [](Found& found) { return state_of(found, 1, 2) == VersionState::kCurrent; },
        disk.operations());
    from_the_start("half a step", [](Found& found) {
        const auto old_one = state_of(found, 1, 1);
        const auto new_one = state_of(found, 1, 2);
        if (new_one == VersionState::kCurrent) return old_one == VersionState::kPrevious;
        return old_one == VersionState::kCurrent &&
               (new_one == VersionState::kPending || new_one == VersionState::kDestroyed);
    });
    expect_safe_unless_syncs_lie(disk);
}

// The vault names its log by an absolute path, so each cut is looked at where the disk was.
class PowerOfEscrow : public Power {
protected:
    PowerOfEscrow() {
        const auto store = open_here();
        must(store->team().add_break_glass(acting(), {2, 2}, [&](std::span<const Share> made) -> Result<void> {
            identity_ = identity_of_slot_key(must(join_shares(made)));
            return {};
        }));
        must(store->team().enable_escrow(acting(), log()));
        after_ = root_;
    }

    [[nodiscard]] fs::path log() const { return root_ / "escrow"; }
    [[nodiscard]] std::vector<std::string> lines() const {
        std::vector<std::string> all;
        std::istringstream text(test::read_file(log()));
        for (std::string line; std::getline(text, line);) all.push_back(line);
        return all;
    }
    static Result<void> stage(Store& store, std::uint32_t bmc, std::string_view text) {
        return store.transact("tester", test::kNow, [&](Transaction& t) -> Result<void> {
            auto staged = t.stage(test::make_bmc(bmc).id, kPassword, test::secret(text), StoredSize::k20,
                                  Provenance::kGenerated, "");
            return staged ? Result<void>() : std::unexpected(staged.error());
        });
    }
    // By somebody who has the shares, a vault without its credentials, and this file.
    [[nodiscard]] Result<EscrowReplay> replay(const Found& found) const {
        const auto header = must(read_header(vault(found.root), Access{}));
        const auto store =
            must(test::open_unlocked(vault(found.root), header, must(test::unlock_slot(header, *identity_))));
        return store->team().replay_escrow(acting(), log());
    }

    std::optional<IdentityKeys> identity_;
    std::string line_after_cut_;
    std::vector<std::string> whole_lines_;  // that were written before the power was cut, sooner or later
};

TEST_F(PowerOfEscrow, what_is_committed_is_in_the_log_and_every_whole_line_is_read) {
    RecordedDisk disk(root_);
    auto store = open_here();
    must(stage(*store, 1, "second"));
    must(stage(*store, 2, "third"));
    store.reset();
    disk.stop();
    whole_lines_ = lines();
    ASSERT_EQ(whole_lines_.size(), 4u);
    from_the_start("a version is in the vault and not in the log", [&](Found& found) {
        const auto sealed = lines();
        for (std::uint32_t bmc = 1; bmc <= 2; ++bmc) {
            if (must(found.store->versions(test::make_bmc(bmc).id)).size() < 2) continue;
            if (std::ranges::count(sealed, whole_lines_[1 + bmc]) != 1) return false;
        }
        return true;
    });
    from_the_start("the log is refused, or the next version does not come to it", [&](Found& found) {
        line_after_cut_.clear();
        if (must(found.store->versions(test::make_bmc(2).id)).size() == 2) return true;
        const auto before = lines().size();
        const auto staged = stage(*found.store, 2, "after the cut");
        line_after_cut_ = lines().back();
        return staged && lines().size() > before && parse_escrow_line(line_after_cut_).has_value();
    });
    // A garbled one may look like a line still, and opens to nothing.
    from_the_start("a whole line is not read", [&](Found& found) {
        std::set<std::string> left;
        for (const auto& line : lines())
            if (line == line_after_cut_ || std::ranges::count(whole_lines_, line) > 0) left.insert(line);
        const auto replayed = replay(found);
        return replayed && left.size() == replayed->lines - replayed->unread &&
               replayed->known + replayed->added == left.size();
    });
    EXPECT_GT(disk.operations(), 20u);
    EXPECT_EQ(cut_power_everywhere(disk, Syncs::kKept), "");
    disk.forget_syncs_of(log());
    EXPECT_NE(cut_power_everywhere(disk, Syncs::kKept), "") << "a log that nobody syncs loses nothing?";
}

bool has_slot(const Found& found, std::string_view name) {
    return std::ranges::count(found.store->team().slots(), name, &Slot::name) > 0;
}

TEST_F(Power, a_member_who_was_added_has_a_slot) {
    static const auto second = must(make_identity(test::passphrase("identity"), test::kLowestCost));
    const NewMember alice{"alice", false, Role::kOperator, {}, second.keys};
    RecordedDisk disk(root_);
    const auto store = open_here();
    must(store->team().add_member(acting(), alice));
    promise("the slot is lost", [](Found& found) { return has_slot(found, "alice"); }, disk.operations());
    from_the_start("a slot without its row", [](Found& found) {
        const auto members = must(found.store->team().members());
        return !has_slot(found, "alice") || std::ranges::count(members, "alice", &Member::name) == 1;
    });
    from_the_start("the same command does not finish it", [alice](Found& found) {
        return has_slot(found, "alice") || found.store->team().add_member(acting(), alice).has_value();
    });
    expect_safe_unless_syncs_lie(disk);
}

TEST_F(Power, a_departure_leaves_a_whole_generation) {
    RecordedDisk disk(root_);
    const auto store = open_here();
    const auto departure = must(store->team().begin_departure(acting(), "leaver"));
    promise(
        "what was marked is lost", [](Found& found) { return must(found.store->team().due()).size() == 2; },
        disk.operations());
    must(store->team().revoke(acting(), departure));
    promise(
        "the new generation is lost", [](Found& found) { return found.generation == 2 && !has_slot(found, "leaver"); },
        disk.operations());
    must(store->team().finish_departure(acting(), departure));
    promise(
        "that it is finished is lost",
        [](Found& found) { return must(found.store->team().departures()).front().finished_at.has_value(); },
        disk.operations());
    from_the_start("old keys with a new generation",
                   [](Found& found) { return (found.generation == 1) == has_slot(found, "leaver"); });
    expect_safe_unless_syncs_lie(disk);
}

// The first departure was cut off before its new keys, and somebody of the same name was let in: both keys end.
TEST_F(Power, a_second_departure_of_a_name_takes_over_the_first) {
    static const auto second = must(make_identity(test::passphrase("identity"), test::kLowestCost));
    {
        const auto store = open_here();
        must(store->team().begin_departure(acting(), "leaver"));
        must(store->team().add_member(acting(), {"leaver", false, Role::kOperator, {}, second.keys}));
    }
    RecordedDisk disk(root_);
    const auto store = open_here();
    const auto departure = must(store->team().begin_departure(acting(), "leaver"));
    from_the_start("what the first had marked is lost",
                   [](Found& found) { return must(found.store->team().due()).size() == 2; });
    from_the_start("the first has ended without the second", [](Found& found) {
        const auto departures = must(found.store->team().departures());
        return departures.size() == 2 || (departures.size() == 1 && !departures[0].finished_at);
    });
    promise(
        "the second is lost", [](Found& found) { return must(found.store->team().departures()).size() == 2; },
        disk.operations());
    must(store->team().revoke(acting(), departure));
    promise("the new generation is lost", [](Found& found) { return found.generation == 2; }, disk.operations());
    from_the_start("a key of one of them with a new generation",
                   [](Found& found) { return found.generation == 1 || !has_slot(found, "leaver"); });
    expect_safe_unless_syncs_lie(disk);
}

TEST_F(Power, packs_of_the_log_are_made_in_one_commit_with_the_record_that_is_one_too_many) {
    std::uint64_t records = 0;
    {
        const auto store = open_here();
        must(store->transact("tester", test::kNow, [](Transaction& t) -> Result<void> {
            for (int i = 0; i < 1980; ++i) must(t.audit("fact.learned", std::nullopt, "{}"));
            return {};
        }));
        records = must(store->info()).audit_records;
        ASSERT_LT(records, 2000u);
    }
    RecordedDisk disk(root_);
    const auto store = open_here();
    must(store->transact("tester", test::kNow, [&](Transaction& t) -> Result<void> {
        for (auto i = records; i < 2000; ++i) must(t.audit("fact.learned", std::nullopt, R"({"last":true})"));
        return {};
    }));
    seeds_.last = std::min(seeds_.last, seeds_.first + 2);  // a long log to verify at each of many moments
    const auto log_of = [](const Found& found) { return must(found.store->audit_log(0, 10'000)); };
    promise("the records are lost", [&](Found& found) { return log_of(found).size() == 2000; }, disk.operations());
    from_the_start("some of the log", [&](Found& found) {
        const auto log = log_of(found);
        return log.size() == records || (log.size() == 2000 && log.back().body == R"({"last":true})");
    });
    expect_safe_unless_syncs_lie(disk);
}

TEST_F(Power, a_backup_that_is_there_is_whole) {
    RecordedDisk disk(root_);
    const auto store = open_here();
    must(store->backup(backup(root_), {"tester", test::kNow, "because"}));
    promise("the backup is lost", [](Found& found) { return fs::exists(backup(found.root)); }, disk.operations());
    from_the_start("half a backup", [](Found& found) {
        return !fs::exists(backup(found.root)) || Store::verify_backup(backup(found.root), test::passphrase());
    });
    expect_safe_unless_syncs_lie(disk);
}

}  // namespace
}  // namespace bmcvault::vault
