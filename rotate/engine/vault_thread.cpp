#include "rotate/engine/vault_thread.hpp"

#include "rotate/engine/completed_elsewhere.hpp"

namespace bmcvault::rotate {

VaultThread::VaultThread(std::unique_ptr<vault::Store> store, std::string actor, vault::Writer::Clock clock,
                         asio::any_io_executor executor)
    : executor_(std::move(executor)), writer_(std::move(store), std::move(actor), std::move(clock)) {}

asio::awaitable<Result<void>> VaultThread::write(const vault::Store::Work& work) {
    return completed_elsewhere(executor_, [this, &work](auto done) { writer_.submit(work, std::move(done)); });
}

asio::awaitable<Result<void>> VaultThread::read(const Read& work) {
    return completed_elsewhere(executor_, [this, &work](auto done) {
        writer_.submit_read([&work, done = std::move(done)](const vault::Store& store) { done(work(store)); });
    });
}

}  // namespace bmcvault::rotate
