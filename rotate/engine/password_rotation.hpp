// Drives the password machine (rotate/core/password_machine.hpp) against one BMC: one action, one event, no decision.
#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "rotate/core/password_machine.hpp"
#include "rotate/engine/bmc_contact.hpp"

namespace bmcvault::rotate {

struct PasswordEnd {
    Outcome outcome{};
    std::string detail;
    std::optional<Seen> last_seen;  // of the last handshake, probe or proof: what the K_G phase starts from
    std::string came_from;          // the password that the probe found, when it was none that we had set
    bool was_reset = false;         // it was a default, on a board that had proved one of ours
    bool was_put_right = false;     // our account was gone or useless; another account brought it back
};

class PasswordRotation {
public:
    PasswordRotation(BmcContact& contact, Goal goal, std::string note);

    // Runs the machine to its Finish. The kept session stays open for the K_G phase.
    [[nodiscard]] asio::awaitable<PasswordEnd> run();

private:
    // The step that stages and the step that sends, by name: see perform(Stage) and perform(Apply).
    asio::awaitable<Event> perform(const Probe&);
    asio::awaitable<Event> perform(const CheckSlot&);
    asio::awaitable<Event> perform(const RecordFound&);
    asio::awaitable<Event> perform(const RecordObserved&);
    asio::awaitable<Event> perform(const Stage&);
    asio::awaitable<Event> perform(const Apply&);
    asio::awaitable<Event> perform(const Prove&);
    asio::awaitable<Event> perform(const RestoreRights&);
    asio::awaitable<Event> perform(const Commit&);
    asio::awaitable<Event> perform(const Abandon&);
    asio::awaitable<Event> perform(const QuarantineBmc&);
    asio::awaitable<Event> perform(const Wait&);
    asio::awaitable<Event> perform(const Reload&);
    asio::awaitable<Event> perform(const Finish&);

    void note_where_it_comes_from();
    [[nodiscard]] bool is_a_default(VersionNumber version) const;
    [[nodiscard]] Result<void> note_reset(vault::Transaction& transaction) const;
    [[nodiscard]] Key20 new_secret(const Stage& stage);
    [[nodiscard]] Situation situation() const;
    [[nodiscard]] Sighting sighting() const;

    BmcContact& contact_;
    Ports& ports_;
    Goal goal_;
    std::string note_;
    std::optional<Seen> seen_;
    std::string came_from_;
    bool was_reset_ = false;
    bool refused_by_policy_ = false;
    bool refused_for_its_size_ = false;
    bool refused_too_early_ = false;
};

// What a BMC has answered to Set User Password.
[[nodiscard]] ApplyResult apply_result(std::uint8_t completion_code);

// The words of an action, for hooks and the live board: "stage", "apply", "prove" ...
[[nodiscard]] std::string_view name_of(const Action& action);

}  // namespace bmcvault::rotate
