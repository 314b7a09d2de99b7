// Drives the K_G machine (rotate/core/k_g_machine.hpp) in the kept session of the password phase.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>

#include "rotate/core/k_g_machine.hpp"
#include "rotate/engine/bmc_contact.hpp"

namespace bmcvault::rotate {

class KgRotation {
public:
    // `live`: what the kept session's own login proved; nullopt: no K_G is set.
    KgRotation(BmcContact& contact, std::optional<VersionNumber> live, bool change_wanted, std::string note);

    [[nodiscard]] asio::awaitable<KgOutcome> run();
    // What the last proof said; kMatched when none was made. Tells why a key could not be proved.
    [[nodiscard]] Answer last_answer() const { return last_answer_; }

private:
    asio::awaitable<KgEvent> perform(const KgRecordFound&);
    asio::awaitable<KgEvent> perform(const KgStage&);
    asio::awaitable<KgEvent> perform(const KgApply&);
    asio::awaitable<KgEvent> perform(const KgProve&);
    asio::awaitable<KgEvent> perform(const KgPutBack&);
    asio::awaitable<KgEvent> perform(const KgCommit&);
    asio::awaitable<KgEvent> perform(const KgAbandon&);
    asio::awaitable<KgEvent> perform(const KgLearnSupport&);
    asio::awaitable<KgEvent> perform(const QuarantineBmc&);
    asio::awaitable<KgEvent> perform(const Wait&);
    asio::awaitable<KgEvent> perform(const Reload&);
    asio::awaitable<KgEvent> perform(const KgFinish&);

    asio::awaitable<KgEvent> set_k_g(const Key20& k_g);
    [[nodiscard]] KgSituation situation() const;

    BmcContact& contact_;
    Ports& ports_;
    std::optional<VersionNumber> live_;
    bool change_wanted_;
    bool refused_as_unknown_ = false;  // the last write: the BMC does not know the command
    std::string note_;
    Answer last_answer_ = Answer::kMatched;
};

[[nodiscard]] std::string_view name_of(const KgAction& action);

}  // namespace bmcvault::rotate
