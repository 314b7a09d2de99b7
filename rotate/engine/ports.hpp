// What the engine needs from the world: the vault's thread, the network, the wall clock, randomness, names to
// addresses. Real ones are put together in campaign.cpp; tests bring simulated ones.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <string_view>

#include "ipmi/io/bmc_client.hpp"
#include "ipmi/io/network.hpp"
#include "vault/core/password_policy.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::rotate {

// The vault from the network thread: both calls suspend, the work runs on the vault's own thread.
class VaultPort {
public:
    using Read = std::function<Result<void>(const vault::Store&)>;

    virtual ~VaultPort() = default;
    // `work` and what it refers to must outlive the call: name it before co_await (docs/architecture.md, Coroutines).
    // A value: COMMIT returned OK (I1).
    [[nodiscard]] virtual asio::awaitable<Result<void>> write(const vault::Store::Work& work) = 0;
    [[nodiscard]] virtual asio::awaitable<Result<void>> read(const Read& work) = 0;
};

class WallClock {
public:
    virtual ~WallClock() = default;
    [[nodiscard]] virtual UnixTime now() const = 0;
};

// Work that may take long, away from the network's thread: suspends until it is done. It may run beside others.
using Aside = std::function<asio::awaitable<Result<void>>(std::function<Result<void>()> work)>;

using Resolve = std::function<asio::awaitable<Result<ipmi::Peer>>(const vault::Bmc&)>;

struct Ports {
    VaultPort& vault;
    ipmi::Network& network;
    WallClock& clock;
    vault::RandomBytes& random;
    Resolve resolve;
    Aside aside;
    std::function<void(std::string_view step)> hook;  // tests stop the process here; may be empty
};

}  // namespace bmcvault::rotate
