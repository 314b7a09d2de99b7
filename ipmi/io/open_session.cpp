#include "ipmi/io/open_session.hpp"

#include <fmt/format.h>

#include <exception>

#include "ipmi/core/lan_message.hpp"
#include "vault/base/check.hpp"

namespace bmcvault::ipmi {
namespace {

constexpr int kCloseAttempts = 3;

bool changes_the_bmc(const Request& request) {
    if (request.net_fn() != NetFn::kApp) return false;
    switch (request.command()) {
        case kSetUserAccess:
        case kSetUserName:
        case kSetUserPassword:
        case kSetChannelSecurityKeys:
            return true;
        default:
            return false;
    }
}

}  // namespace

OpenSession::OpenSession(std::shared_ptr<Wire> wire, SessionCodec codec)
    : wire_(std::move(wire)), codec_(std::move(codec)) {}

OpenSession::~OpenSession() {
#ifndef NDEBUG
    BMCVAULT_CHECK(closed_ || lost_ || std::uncaught_exceptions() > 0);
#endif
}

asio::awaitable<Result<Response>> OpenSession::send(const Request& request) {
    BMCVAULT_CHECK(!closed_);
    const auto timing = changes_the_bmc(request) ? wire_->timing_of_write() : wire_->timing();
    co_return co_await send_with(request, timing);
}

asio::awaitable<void> OpenSession::close() {
    if (closed_) co_return;
    closed_ = true;
    const auto request = close_session(codec_.bmc_session_id());
    if (lost_) {
        // Perhaps it still hears us: one datagram may save the slot, waiting would not.
        if (const auto datagram = wrap(request)) wire_->send(*datagram);
        co_return;
    }
    auto timing = wire_->timing();
    timing.attempts = kCloseAttempts;
    (void)co_await send_with(request, timing);
}

asio::awaitable<Result<Response>> OpenSession::send_with(const Request& request, Wire::Timing timing) {
    BMCVAULT_CHECK(!busy_);
    requester_sequence_ = static_cast<std::uint8_t>((requester_sequence_ + 1) % kRequesterSequences);
    auto first = wrap(request);
    if (!first) co_return std::unexpected(first.error());

    busy_ = true;
    std::optional<Response> response;
    const Wire::Source source = [&](int attempt) { return attempt == 0 ? std::move(*first) : *wrap(request); };
    const Wire::Listener listener = [&](ByteView datagram) {
        response = codec_.unwrap(datagram, request.net_fn(), request.command(), requester_sequence_);
        return response.has_value();
    };
    const bool answered = co_await wire_->exchange(source, listener, timing);
    busy_ = false;
    lost_ = !answered;
    if (!answered) {
        co_return fail(ErrorCode::kNoAnswer,
                       fmt::format("no answer to command {:02X}h in the session", request.command()));
    }
    co_return std::move(*response);
}

// Every transmission has a session sequence number of its own; the requester's stays, so that the BMC and we see that
// it is the same request.
Result<Bytes> OpenSession::wrap(const Request& request) {
    return codec_.wrap(request, requester_sequence_, wire_->random<Random16>());
}

}  // namespace bmcvault::ipmi
