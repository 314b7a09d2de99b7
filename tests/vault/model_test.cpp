// Random sequences of steps, legal and illegal, against a model of a few lines: same answers, same states, same
// secrets; never two pending (I2), never two current, never a version lost (I4).
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "tests/vault/test_vault.hpp"
#include "vault/core/version_chain.hpp"

namespace bmcvault::vault {
namespace {

using test::must;
using enum VersionState;

enum class Step { kAdd, kAddRetired, kStage, kSent, kCommit, kFoundLive, kFoundNone, kObserved, kAbandon, kProved };

struct Operation {
    Step step{};
    std::uint8_t subject = 0;   // 0 and 1: user IDs; 2: a K_G
    std::uint32_t version = 0;  // may not exist
    std::uint32_t secret = 0;   // which text

    [[nodiscard]] Subject where() const {
        return subject < 2 ? Subject{Kind::kPassword, subject} : Subject{Kind::kKg, 1};
    }
    [[nodiscard]] std::string text() const { return fmt::format("secret-{}", secret); }
};

void showValue(const Operation& operation, std::ostream& out) {
    out << fmt::format("step {} subject {} version {}", static_cast<int>(operation.step), operation.subject,
                       operation.version);
}

struct ModelVersion {
    VersionState state;
    std::string secret;
};

// One subject's versions, by number from 1.
class Model {
public:
    bool apply(const Operation& operation) {
        const auto version = operation.version;
        switch (operation.step) {
            case Step::kAdd:
                return add(kUnknown, operation.text());
            case Step::kAddRetired:
                return add(kRetired, operation.text());
            case Step::kStage:
                return find(kPending) == nullptr && add(kPending, operation.text());
            case Step::kSent:
                return known(version);
            case Step::kCommit:
                return is(version, kPending) && promote(version);
            case Step::kFoundLive:
                if (!known(version)) return false;
                if (operation.where().kind == Kind::kPassword && !is(version, kCurrent)) fail_pending(version);
                return promote(version);
            case Step::kFoundNone:
                demote(0);
                return true;
            case Step::kObserved:
                fail_pending(0);
                add(kObserved, operation.text());
                return promote(static_cast<std::uint32_t>(versions.size()));
            case Step::kAbandon:
                if (!is(version, kPending)) return false;
                versions[version - 1].state = kFailed;
                return true;
            case Step::kProved:
                return is(version, kCurrent);
        }
        return false;
    }

    void fail_pending(std::uint32_t except) {
        if (auto* pending = find(kPending, except)) pending->state = kFailed;
    }
    [[nodiscard]] bool is(std::uint32_t version, VersionState state) const {
        return known(version) && versions[version - 1].state == state;
    }

    std::vector<ModelVersion> versions;

private:
    bool add(VersionState state, const std::string& secret) {
        versions.push_back({state, secret});
        return true;
    }
    [[nodiscard]] bool known(std::uint32_t version) const { return version >= 1 && version <= versions.size(); }
    ModelVersion* find(VersionState state, std::uint32_t except = 0) {
        for (std::size_t i = 0; i < versions.size(); ++i)
            if (versions[i].state == state && i + 1 != except) return &versions[i];
        return nullptr;
    }
    void demote(std::uint32_t except) {
        auto* current = find(kCurrent, except);
        if (current == nullptr) return;
        if (auto* previous = find(kPrevious, except)) previous->state = kRetired;
        current->state = kPrevious;
    }
    bool promote(std::uint32_t version) {
        demote(version);
        versions[version - 1].state = kCurrent;
        return true;
    }
};

Result<void> perform(Transaction& transaction, BmcId bmc, const Operation& operation) {
    const auto subject = operation.where();
    const VersionNumber version{operation.version};
    const auto value = test::secret(operation.text());
    const auto without_number = [](const Result<VersionNumber>& result) -> Result<void> {
        return result ? Result<void>() : std::unexpected(result.error());
    };
    switch (operation.step) {
        case Step::kAdd:
            return without_number(
                transaction.add_version(bmc, subject, value, StoredSize::k20, kUnknown, Provenance::kImported, ""));
        case Step::kAddRetired:
            return without_number(
                transaction.add_version(bmc, subject, value, StoredSize::k20, kRetired, Provenance::kFactory, ""));
        case Step::kStage:
            return without_number(transaction.stage(bmc, subject, value, StoredSize::k20, Provenance::kGenerated, ""));
        case Step::kSent:
            return transaction.mark_sent(bmc, subject, version);
        case Step::kCommit:
            return transaction.commit_pending(bmc, subject, version);
        case Step::kFoundLive:
            return transaction.found_live(bmc, subject, version);
        case Step::kFoundNone:
            return transaction.found_none_live(bmc, subject);
        case Step::kObserved:
            return without_number(transaction.observed_live(bmc, subject, value, StoredSize::k20, ""));
        case Step::kAbandon:
            return transaction.abandon_pending(bmc, subject, version, "abandoned");
        case Step::kProved:
            return transaction.mark_proved(bmc, subject, version);
    }
    return fail(ErrorCode::kInvalidArgument, "no such step");
}

rc::Gen<Operation> any_operation() {
    return rc::gen::build<Operation>(
        rc::gen::set(&Operation::step,
                     rc::gen::element(Step::kAdd, Step::kAddRetired, Step::kStage, Step::kStage, Step::kSent,
                                      Step::kCommit, Step::kCommit, Step::kFoundLive, Step::kFoundNone, Step::kObserved,
                                      Step::kAbandon, Step::kProved)),
        rc::gen::set(&Operation::subject, rc::gen::inRange<std::uint8_t>(0, 3)),
        rc::gen::set(&Operation::version, rc::gen::inRange<std::uint32_t>(0, 7)),
        rc::gen::set(&Operation::secret, rc::gen::inRange<std::uint32_t>(0, 1000)));
}

// One vault for all cases, a new BMC for each.
class ModelTest : public test::VaultTest {
protected:
    void check_one(const std::vector<Operation>& operations) {
        const auto bmc = add_bmc(++number_);
        std::map<std::uint8_t, Model> models;
        // Several steps share a group, each in its own savepoint: a refused one must leave no trace there either.
        for (std::size_t at = 0; at < operations.size(); at += 5) {
            const auto group = std::span(operations).subspan(at, std::min<std::size_t>(5, operations.size() - at));
            std::vector<Store::Work> works;
            for (const auto& operation : group)
                works.push_back([&](Transaction& transaction) { return perform(transaction, bmc, operation); });
            const auto results = store().transact_group("model", test::kNow, works);
            for (std::size_t i = 0; i < group.size(); ++i) {
                if (finds_another_password_of_ours(models[Subject::kOwnAccount], group[i]))
                    models[kKgSubject].fail_pending(0);
                RC_ASSERT(results[i].has_value() == models[group[i].subject].apply(group[i]));
            }
        }
        for (const auto& [subject, model] : models) compare(bmc, Operation{Step::kAdd, subject, 0, 0}.where(), model);
    }

private:
    static constexpr std::uint8_t kKgSubject = 2;
    // What was pending for the K_G is not for whoever proves it (I12).
    static bool finds_another_password_of_ours(const Model& ours, const Operation& operation) {
        const bool found = operation.step == Step::kFoundLive && operation.subject == Subject::kOwnAccount;
        const bool known = operation.version >= 1 && operation.version <= ours.versions.size();
        return found && known && !ours.is(operation.version, kCurrent);
    }
    void compare(BmcId bmc, Subject subject, const Model& model) {
        auto versions = must(store().versions(bmc));
        std::erase_if(versions, [&](const CredentialVersion& version) { return version.subject != subject; });
        RC_ASSERT(versions.size() == model.versions.size());
        for (std::size_t i = 0; i < versions.size(); ++i) {
            RC_ASSERT(versions[i].version.value == i + 1);
            RC_ASSERT(versions[i].state == model.versions[i].state);
            RC_ASSERT(test::text_of(must(store().unseal(versions[i]))) == model.versions[i].secret);
        }
        RC_ASSERT(std::ranges::count(versions, kPending, &CredentialVersion::state) <= 1);
        RC_ASSERT(std::ranges::count(versions, kCurrent, &CredentialVersion::state) <= 1);
    }

    std::uint32_t number_ = 0;
};

TEST_F(ModelTest, any_sequence_of_steps_does_what_the_model_does) {
    const bool kept =
        rc::check("steps", [this] { check_one(*rc::gen::container<std::vector<Operation>>(any_operation())); });
    EXPECT_TRUE(kept);
    EXPECT_TRUE(store().verify());
}

}  // namespace
}  // namespace bmcvault::vault
