// Runs one coroutine to its end.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <functional>

namespace bmcvault::ipmi::test {

// Rethrows what the coroutine throws.
void run(asio::io_context& context, const std::function<asio::awaitable<void>()>& body);

}  // namespace bmcvault::ipmi::test
