#include "rotate/engine/vault_thread.hpp"

#include <asio/async_result.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

namespace bmcvault::rotate {
namespace {

// Suspends the coroutine, hands a completion to `start`, resumes with its result on `executor`.
template <class Start>
asio::awaitable<Result<void>> completed_elsewhere(asio::any_io_executor executor, Start start) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<void>)>(
        [executor, start = std::move(start)](auto handler) mutable {
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            auto keep_running = asio::make_work_guard(executor);
            start([shared, executor, keep_running](Result<void> result) {
                asio::post(executor, [shared, result = std::move(result)]() mutable {
                    auto resume = std::move(*shared);
                    std::move(resume)(std::move(result));
                });
            });
        },
        asio::use_awaitable);
}

}  // namespace

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
