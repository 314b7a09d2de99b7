#include "rotate/engine/k_g_rotation.hpp"

#include <array>

namespace bmcvault::rotate {
namespace {

using ipmi::CompletionCode;
using vault::VersionState;

KgApplyResult apply_result(std::uint8_t completion_code) {
    switch (static_cast<CompletionCode>(completion_code)) {
        case CompletionCode::kOk:
            return KgApplyResult::kAccepted;
        case CompletionCode::kInvalidCommand:
        case CompletionCode::kInvalidForLun:
        case CompletionCode::kInsufficientPrivilege:
            return KgApplyResult::kNotSupported;
        case CompletionCode::kNodeBusy:  // these three say nothing
        case CompletionCode::kTimeout:
        case CompletionCode::kUnspecified:
            return KgApplyResult::kNoReply;
        default:
            return KgApplyResult::kRefused;
    }
}

}  // namespace

std::string_view name_of(const KgAction& action) {
    constexpr std::array<std::string_view, std::variant_size_v<KgAction>> kNames{
        "k_g-record-found", "k_g-stage", "k_g-apply",  "k_g-prove", "k_g-put-back", "k_g-commit",
        "k_g-abandon",      "k_g-learn", "quarantine", "wait",      "reload",       "k_g-finish"};
    return kNames[action.index()];
}

KgRotation::KgRotation(BmcContact& contact, std::optional<VersionNumber> live, bool change_wanted, std::string note)
    : contact_(contact), ports_(contact.ports()), live_(live), change_wanted_(change_wanted), note_(std::move(note)) {}

asio::awaitable<KgOutcome> KgRotation::run() {
    auto step = rotate::start(situation());
    while (!std::holds_alternative<KgFinish>(step.action)) {
        const auto name = name_of(step.action);
        contact_.before(name);
        const auto event = co_await std::visit([this](const auto& action) { return perform(action); }, step.action);
        contact_.after(name);
        step = rotate::step(step.state, event);
    }
    co_return std::get<KgFinish>(step.action).outcome;
}

asio::awaitable<KgEvent> KgRotation::perform(const KgRecordFound& action) {
    const auto& bmc = contact_.bmc();
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (action.version) return transaction.found_live(bmc.id, bmc.k_g_subject(), *action.version);
        return transaction.found_none_live(bmc.id, bmc.k_g_subject());
    };
    const auto stored = co_await contact_.store(work);
    co_return Stored{stored};
}

// The one place where a new K_G is made: durable before anything is sent (I1, I2).
asio::awaitable<KgEvent> KgRotation::perform(const KgStage&) {
    const auto secret = vault::generate_k_g(ports_.random);
    const auto subject = contact_.bmc().k_g_subject();
    VersionNumber version;
    const auto stored =
        co_await contact_.stage(subject, secret, vault::StoredSize::k20, vault::Provenance::kGenerated, note_, version);
    co_return Staged{stored, version};
}

asio::awaitable<KgEvent> KgRotation::perform(const KgApply& action) {
    co_return co_await set_k_g(contact_.known().k_g_secret(action.version));
}

asio::awaitable<KgEvent> KgRotation::perform(const KgPutBack& action) {
    const Key20 none;
    const Key20* before = &none;
    if (action.version) before = &contact_.known().k_g_secret(*action.version);
    co_return co_await set_k_g(*before);
}

// The one place that sends a K_G to a BMC. Never the lock operation: there is no standard unlock.
asio::awaitable<KgEvent> KgRotation::set_k_g(const Key20& k_g) {
    if (!contact_.has_kept_session()) co_return KgApplied{KgApplyResult::kNoReply, false};
    co_await contact_.pace_credential_write();
    const auto request = ipmi::set_k_g(contact_.channel(), k_g);
    const auto reply = co_await contact_.command(request);
    if (!reply) co_return KgApplied{KgApplyResult::kNoReply, contact_.has_kept_session()};
    const auto result = apply_result(reply->completion_code);
    refused_as_unknown_ = result == KgApplyResult::kNotSupported;
    co_return KgApplied{result, contact_.has_kept_session()};
}

asio::awaitable<KgEvent> KgRotation::perform(const KgProve&) {
    const auto seen = co_await contact_.look();
    KgSighting sighting{seen.answer, seen.k_g, seen.k_g_cut_at_zero_byte};
    // A login that RAKP 4 confirmed but that is not usable as administrator proves no K_G.
    if (seen.answer == Answer::kMatched && !seen.administrator) sighting.answer = Answer::kPrivilegeRefused;
    last_answer_ = sighting.answer;
    co_return KgSighted{sighting, contact_.has_kept_session()};
}

asio::awaitable<KgEvent> KgRotation::perform(const KgCommit& action) {
    const auto subject = contact_.bmc().k_g_subject();
    const auto stored = co_await contact_.commit(subject, action.version);
    co_return Stored{stored};
}

asio::awaitable<KgEvent> KgRotation::perform(const KgAbandon& action) {
    const auto subject = contact_.bmc().k_g_subject();
    const auto stored = co_await contact_.abandon(subject, action.version, kAskedAndNotHeld);
    co_return Stored{stored};
}

asio::awaitable<KgEvent> KgRotation::perform(const KgLearnSupport& action) {
    const auto stored = co_await contact_.learn_k_g_support(action.supported, refused_as_unknown_);
    co_return Stored{stored};
}

asio::awaitable<KgEvent> KgRotation::perform(const QuarantineBmc& action) {
    const auto stored = co_await contact_.quarantine(action.why);
    co_return Stored{stored};
}

asio::awaitable<KgEvent> KgRotation::perform(const Wait& action) {
    co_await contact_.wait(action.time);
    co_return Waited{contact_.has_kept_session()};
}

asio::awaitable<KgEvent> KgRotation::perform(const Reload&) {
    const bool readable = co_await contact_.reload();
    co_return KgReloaded{situation(), readable};
}

asio::awaitable<KgEvent> KgRotation::perform(const KgFinish&) {
    BMCVAULT_CHECK(false && "the machine has ended");
    co_return Waited{false};
}

KgSituation KgRotation::situation() const {
    KgSituation situation;
    if (const auto* pending = contact_.known().k_g_in(VersionState::kPending)) situation.pending = pending->version;
    if (const auto* current = contact_.known().k_g_in(VersionState::kCurrent)) situation.current = current->version;
    situation.live = live_;
    situation.change_wanted = change_wanted_;
    situation.supported = contact_.k_g_supported();
    situation.kept_session = contact_.has_kept_session();
    return situation;
}

}  // namespace bmcvault::rotate
