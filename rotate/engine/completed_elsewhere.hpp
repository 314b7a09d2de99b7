// A coroutine that waits for work on another thread. What it resumes on is its own executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "vault/base/error.hpp"

namespace bmcvault::rotate {

// Suspends the coroutine, hands a completion to `start`, resumes with its result on `executor`. The completion may be
// called on any thread, once.
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

}  // namespace bmcvault::rotate
