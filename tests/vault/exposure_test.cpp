// Random histories of a team, against a model that only notes who could read which version at any moment, and who was
// shown it: a departure marks exactly those of them that may be live.
//
// BMCVAULT_EXPOSURE_SEEDS=FIRST-LAST plays other histories than the usual ones.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "tests/vault/test_vault.hpp"
#include "tests/vault/unlocked_store.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;
using test::must;

constexpr std::uint32_t kBmcs = 4;
constexpr int kSteps = 40;
constexpr std::string_view kFirst = "default";
constexpr Subject kPassword{Kind::kPassword, Subject::kOwnAccount};
constexpr Subject kChannelKey{Kind::kKg, 1};

using VersionId = std::tuple<std::uint32_t, Kind, std::uint32_t>;  // BMC, kind, version

struct Member {
    std::string name;
    IdentityKeys identity;
    bool owner = false;
    std::set<std::string> compartments;
    std::set<VersionId> could_read;
    std::set<VersionId> was_shown;
};

bool may_be_live(VersionState state) {
    return state != VersionState::kRetired && state != VersionState::kFailed && state != VersionState::kDestroyed;
}

const fs::path& empty_vault() {
    static const test::TemporaryDirectory parent;
    static const auto directory = [] {
        must(Store::create(parent.path() / "vault", test::passphrase(), test::options()));
        return parent.path() / "vault";
    }();
    return directory;
}

class History {
public:
    explicit History(std::uint32_t seed) : random_(seed) {
        static const auto unlocked = must(unlock(header_in(empty_vault()), test::passphrase()));
        fs::copy(empty_vault(), directory_, fs::copy_options::recursive);
        store_ = must(test::open_unlocked(directory_, header_in(directory_), unlocked));
        for (std::uint32_t number = 0; number < kBmcs; ++number) {
            place_[number] = kFirst;
            transact([&](Transaction& t) { return t.add_bmc(test::make_bmc(number)); });
        }
    }

    void play() {
        for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) {
            one_step();
            note_who_can_read();
        }
        while (!members_.empty() && !testing::Test::HasFailure()) depart();
    }

    int departures = 0;
    int exposed = 0;
    int revealed = 0;

private:
    static Header header_in(const fs::path& directory) {
        return must(parse_header(test::read_file(directory / "vault.hdr")));
    }
    std::uint32_t any(std::size_t below) {
        return std::uniform_int_distribution<std::uint32_t>(0, static_cast<std::uint32_t>(below) - 1)(random_);
    }
    // Each step has a second of its own.
    Acting acting() { return {"tester", {++now_}, "because", {}}; }
    void transact(const Store::Work& work) { must(store_->transact("tester", {++now_}, work)); }
    Team& team() { return store_->team(); }

    void one_step() {
        switch (any(10)) {
            case 0:
                return add_compartment();
            case 1:
            case 2:
                return add_member();
            case 3:
            case 4:
                return move();
            case 5:
            case 6:
                return reveal();
            case 7:
                return any(3) == 0 ? depart() : stage();
            default:
                return any(2) == 0 ? stage() : finish();
        }
    }

    void add_compartment() {
        const auto name = fmt::format("compartment-{}", compartments_.size());
        if (compartments_.size() == 4) return;
        must(team().add_compartment(acting(), name));
        compartments_.push_back(name);
        for (auto& member : members_)
            if (member.owner) member.compartments.insert(name);
    }

    void add_member() {
        Member member;
        member.name = fmt::format("member-{}", ++names_);
        member.identity = {random_key(), random_key()};
        member.owner = any(5) == 0;
        for (const auto& name : compartments_)
            if (member.owner || any(2) == 0) member.compartments.insert(name);
        if (member.compartments.empty()) member.compartments.emplace(kFirst);
        const auto role = member.owner ? Role::kOwner : Role::kOperator;
        std::vector<std::string> granted;
        if (!member.owner) granted.assign(member.compartments.begin(), member.compartments.end());
        must(team().add_member(acting(), {member.name, false, role, granted, public_keys(member.identity)}));
        members_.push_back(std::move(member));
    }

    void move() {
        const auto number = any(kBmcs);
        const auto bmc = test::make_bmc(number).id;
        const auto& target = compartments_[any(compartments_.size())];
        must(team().move_bmcs(acting(), target, std::span(&bmc, 1)));
        place_[number] = target;
    }

    void reveal() {
        if (members_.empty()) return;
        auto& member = members_[any(members_.size())];
        const auto number = any(kBmcs);
        if (!member.compartments.contains(place_[number])) return;
        const auto header = header_in(directory_);
        const auto store =
            must(test::open_unlocked(directory_, header, must(test::unlock_slot(header, member.identity))));
        const auto versions = must(store->versions(test::make_bmc(number).id));
        if (versions.empty()) return;
        const auto& shown = versions[any(versions.size())];
        EXPECT_EQ(test::text_of(must(store->unseal(shown))), "x");
        must(store->transact(member.name, {++now_}, [&](Transaction& t) {
            return t.disclose("reveal", shown.bmc, std::span(&shown, 1), "{}");
        }));
        member.was_shown.emplace(number, shown.subject.kind, shown.version.value);
    }

    Subject any_subject() { return any(3) == 0 ? kChannelKey : kPassword; }
    std::optional<VersionNumber> pending(std::uint32_t number, Subject subject) {
        for (const auto& version : must(store_->versions(test::make_bmc(number).id)))
            if (version.subject == subject && version.state == VersionState::kPending) return version.version;
        return std::nullopt;
    }

    void stage() {
        const auto number = any(kBmcs);
        const auto subject = any_subject();
        if (pending(number, subject)) return;
        transact([&](Transaction& t) -> Result<void> {
            must(t.stage(test::make_bmc(number).id, subject, test::secret("x"), StoredSize::k20, Provenance::kGenerated,
                         ""));
            return {};
        });
    }

    void finish() {
        const auto number = any(kBmcs);
        const auto subject = any_subject();
        const auto version = pending(number, subject);
        if (!version) return;
        const auto bmc = test::make_bmc(number).id;
        const bool lost = any(4) == 0;
        transact([&](Transaction& t) {
            return lost ? t.abandon_pending(bmc, subject, *version, "") : t.commit_pending(bmc, subject, *version);
        });
    }

    void note_who_can_read() {
        for (std::uint32_t number = 0; number < kBmcs; ++number)
            for (const auto& version : must(store_->versions(test::make_bmc(number).id)))
                for (auto& member : members_)
                    if (member.compartments.contains(place_[number]))
                        member.could_read.emplace(number, version.subject.kind, version.version.value);
    }

    // Version -> was it revealed.
    std::map<VersionId, bool> expected_of(const Member& member) {
        std::map<VersionId, bool> expected;
        for (std::uint32_t number = 0; number < kBmcs; ++number)
            for (const auto& version : must(store_->versions(test::make_bmc(number).id))) {
                const VersionId id{number, version.subject.kind, version.version.value};
                if (may_be_live(version.state) && member.could_read.contains(id))
                    expected[id] = member.was_shown.contains(id);
            }
        return expected;
    }

    std::map<VersionId, bool> marked_by(const Departure& departure) {
        const auto header = header_in(directory_);
        static const auto unlocked = must(unlock(header_in(empty_vault()), test::passphrase()));
        const auto bundle = must(test::unlock_slot(header, *unlocked.identity)).bundle.clone();
        const auto database = must(Database::open(directory_ / header.store_file, DatabaseKeys::of(bundle.master_key)));
        std::map<VersionId, bool> marked;
        must(database->query(
            "SELECT b.name,e.kind,e.version,e.revealed FROM exposure e JOIN bmc b ON b.id=e.bmc_id "
            "WHERE e.departure_id=?",
            {departure.id}, [&](const Row& row) {
                const auto number = static_cast<std::uint32_t>(std::stoul(row.text(0).substr(4)));
                marked[{number, static_cast<Kind>(row.integer(1)), static_cast<std::uint32_t>(row.integer(2))}] =
                    row.integer(3) != 0;
                return Result<void>();
            }));
        return marked;
    }

    void depart() {
        if (members_.empty()) return;
        const auto place = members_.begin() + any(members_.size());
        const auto departure = must(team().begin_departure(acting(), place->name));
        const auto expected = expected_of(*place);
        const auto marked = marked_by(departure);
        EXPECT_EQ(marked, expected) << place->name;
        std::map<std::pair<std::uint32_t, Kind>, bool> by_credential;
        for (const auto& [id, shown] : expected) by_credential[{std::get<0>(id), std::get<1>(id)}] |= shown;
        std::map<std::pair<std::uint32_t, Kind>, bool> listed;
        for (const auto& one : must(team().exposed_by(departure)))
            listed[{static_cast<std::uint32_t>(std::stoul(one.bmc_name.substr(4))), one.subject.kind}] = one.revealed;
        EXPECT_EQ(listed, by_credential) << place->name;
        if (any(4) == 0) must(team().revoke(acting(), departure));
        ++departures;
        exposed += static_cast<int>(expected.size());
        for (const auto& [id, shown] : expected) revealed += shown ? 1 : 0;
        members_.erase(place);
    }

    std::mt19937 random_;
    test::TemporaryDirectory parent_;
    fs::path directory_ = parent_.path() / "vault";
    std::unique_ptr<Store> store_;
    std::int64_t now_ = test::kNow.value;
    int names_ = 0;
    std::vector<std::string> compartments_{std::string(kFirst)};
    std::map<std::uint32_t, std::string> place_;  // of a BMC
    std::vector<Member> members_;
};

TEST(Exposure, is_exactly_what_could_be_read_and_may_be_live_and_revealed_what_was_shown) {
    std::uint32_t first = 1;
    std::uint32_t last = 150;
    if (const char* wanted = std::getenv("BMCVAULT_EXPOSURE_SEEDS")) {
        const std::string text = wanted;
        first = static_cast<std::uint32_t>(std::stoul(text));
        last = static_cast<std::uint32_t>(std::stoul(text.substr(text.find('-') + 1)));
    }
    int departures = 0;
    int exposed = 0;
    int revealed = 0;
    for (auto seed = first; seed <= last; ++seed) {
        SCOPED_TRACE(fmt::format("BMCVAULT_EXPOSURE_SEEDS={0}-{0}", seed));
        History history(seed);
        history.play();
        if (HasFailure()) return;
        departures += history.departures;
        exposed += history.exposed;
        revealed += history.revealed;
    }
    fmt::print("{} departures, {} versions exposed, {} of them revealed\n", departures, exposed, revealed);
    EXPECT_GT(departures, 0);
    EXPECT_GT(exposed, revealed);
    EXPECT_GT(revealed, 0);
}

}  // namespace
}  // namespace bmcvault::vault
