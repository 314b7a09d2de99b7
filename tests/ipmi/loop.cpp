#include "tests/ipmi/loop.hpp"

#include <asio/co_spawn.hpp>

namespace bmcvault::ipmi::test {

void run(asio::io_context& context, const std::function<asio::awaitable<void>()>& body) {
    asio::co_spawn(context, body, [&](const std::exception_ptr& error) {
        context.stop();
        if (error) std::rethrow_exception(error);
    });
    context.restart();
    context.run();
}

}  // namespace bmcvault::ipmi::test
