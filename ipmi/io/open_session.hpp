// The Session that a login returns: a SessionCodec on the wire.
#pragma once

#include <memory>

#include "ipmi/core/session_codec.hpp"
#include "ipmi/io/wire.hpp"

namespace bmcvault::ipmi {

class OpenSession final : public Session {
public:
    OpenSession(std::shared_ptr<Wire> wire, SessionCodec codec);
    ~OpenSession() override;

    [[nodiscard]] asio::awaitable<Result<Response>> send(const Request& request) override;
    [[nodiscard]] asio::awaitable<void> close() override;
    [[nodiscard]] bool lost() const override { return lost_; }
    [[nodiscard]] const CipherSuite& suite() const override { return codec_.suite(); }
    [[nodiscard]] bool encrypted() const override { return codec_.encrypted(); }

private:
    [[nodiscard]] asio::awaitable<Result<Response>> send_with(const Request& request, Wire::Timing timing);
    [[nodiscard]] Result<Bytes> wrap(const Request& request);

    std::shared_ptr<Wire> wire_;
    SessionCodec codec_;
    std::uint8_t requester_sequence_ = 0;
    bool busy_ = false;
    bool lost_ = false;
    bool closed_ = false;
};

}  // namespace bmcvault::ipmi
