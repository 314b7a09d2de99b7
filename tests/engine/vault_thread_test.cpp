// The vault's thread and the network's: many coroutines write and read at once; each goes on where it came from, with
// its own result, after COMMIT. Runs under ThreadSanitizer too.
#include "rotate/engine/vault_thread.hpp"

#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <thread>

#include "tests/vault/test_vault.hpp"

namespace bmcvault::rotate {
namespace {

using vault::test::must;

constexpr int kCoroutines = 200;

class VaultThreadTest : public vault::test::VaultTest {
protected:
    // Runs `body` as so many coroutines on this thread, beside one vault thread, to their ends.
    void run(const std::function<asio::awaitable<void>(VaultThread&, int)>& body) {
        asio::io_context io(1);
        VaultThread thread(must(store().clone()), "test", [] { return vault::test::kNow; }, io.get_executor());
        for (int i = 0; i < kCoroutines; ++i) {
            asio::co_spawn(io, body(thread, i), [](std::exception_ptr failure) { EXPECT_EQ(failure, nullptr); });
        }
        io.run();
    }
    std::vector<std::string> notes() {
        std::vector<std::string> bodies;
        for (const auto& record : must(store().audit_log(1, 10'000))) {
            if (record.event == "note") bodies.push_back(record.body);
        }
        return bodies;
    }
};

TEST_F(VaultThreadTest, EachCoroutineGoesOnOnItsOwnThreadWithItsOwnResultAfterCommit) {
    const auto here = std::this_thread::get_id();
    int done = 0;  // no lock: only ever touched on this thread, or ThreadSanitizer says so
    run([&](VaultThread& thread, int i) -> asio::awaitable<void> {
        const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
            EXPECT_NE(std::this_thread::get_id(), here);
            if (i % 7 == 0) return fail(ErrorCode::kConflict, std::to_string(i));
            return transaction.audit("note", std::nullopt, std::to_string(i));
        };
        const auto written = co_await thread.write(work);
        EXPECT_EQ(std::this_thread::get_id(), here);
        EXPECT_EQ(written.has_value(), i % 7 != 0);
        EXPECT_EQ(written ? std::string() : written.error().detail, i % 7 != 0 ? std::string() : std::to_string(i));
        ++done;
    });
    EXPECT_EQ(done, kCoroutines);
    std::vector<std::string> expected;
    for (int i = 0; i < kCoroutines; ++i) {
        if (i % 7 != 0) expected.push_back(std::to_string(i));
    }
    EXPECT_EQ(notes(), expected);
}

TEST_F(VaultThreadTest, AReadSeesWhatItsCoroutineHasWritten) {
    run([](VaultThread& thread, int i) -> asio::awaitable<void> {
        const auto text = std::to_string(i);
        const vault::Store::Work work = [&](vault::Transaction& transaction) {
            return transaction.audit("note", std::nullopt, text);
        };
        const auto written = co_await thread.write(work);
        EXPECT_TRUE(written.has_value());
        bool seen = false;
        const VaultPort::Read look = [&](const vault::Store& read) -> Result<void> {
            for (const auto& record : must(read.audit_log(1, 10'000))) seen = seen || record.body == text;
            return {};
        };
        const auto read = co_await thread.read(look);
        EXPECT_TRUE(read.has_value() && seen) << i;
    });
}

}  // namespace
}  // namespace bmcvault::rotate
