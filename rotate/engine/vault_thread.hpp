// The vault port of a real run: works go to the writer's thread, results come back to the network thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "rotate/engine/ports.hpp"
#include "vault/store/writer.hpp"

namespace bmcvault::rotate {

class VaultThread final : public VaultPort {
public:
    // Owns the store from now on. Results are posted to `executor`.
    VaultThread(std::unique_ptr<vault::Store> store, std::string actor, vault::Writer::Clock clock,
                asio::any_io_executor executor);

    [[nodiscard]] asio::awaitable<Result<void>> write(const vault::Store::Work& work) override;
    [[nodiscard]] asio::awaitable<Result<void>> read(const Read& work) override;

private:
    asio::any_io_executor executor_;
    vault::Writer writer_;
};

}  // namespace bmcvault::rotate
