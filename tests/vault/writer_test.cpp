// The one thread that writes: order, results, group commit, reads in between, and an orderly end.
#include "vault/store/writer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <numeric>
#include <thread>

#include "tests/vault/test_vault.hpp"

namespace bmcvault::vault {
namespace {

using test::code_of;
using test::must;

class WriterTest : public test::VaultTest {
protected:
    std::unique_ptr<Writer> make_writer() {
        return std::make_unique<Writer>(must(store().clone()), "writer", [] { return test::kNow; });
    }
    std::vector<std::string> notes() {
        std::vector<std::string> bodies;
        for (const auto& record : must(store().audit_log(1, 10'000))) bodies.push_back(record.body);
        return bodies;
    }
    static Store::Work note(const std::string& text) {
        return [text](Transaction& transaction) { return transaction.audit("note", std::nullopt, text); };
    }
};

TEST_F(WriterTest, works_are_committed_in_order_and_done_is_called_in_order) {
    std::vector<int> done;
    std::vector<std::string> expected;
    {
        const auto writer = make_writer();
        for (int i = 0; i < 200; ++i) {
            expected.push_back(std::to_string(i));
            writer->submit(note(expected.back()), [&done, i](Result<void> result) {
                EXPECT_TRUE(result);
                done.push_back(i);
            });
        }
    }  // the destructor finishes what was submitted
    std::vector<int> in_order(200);
    std::iota(in_order.begin(), in_order.end(), 0);
    EXPECT_EQ(done, in_order);
    EXPECT_EQ(notes(), expected);
    EXPECT_TRUE(store().verify());
}

TEST_F(WriterTest, verifying_in_the_middle_of_writes_finds_no_damage) {
    constexpr int kWanted = 20;
    std::atomic<bool> enough = false;
    std::atomic<int> written = 0;
    auto writer = make_writer();
    const std::function<void()> go_on = [&] {
        const Store::Work work = [&](Transaction& t) { return t.learn("card", "fact", std::to_string(written)); };
        writer->submit(work, [&](Result<void> result) {
            EXPECT_TRUE(result);
            ++written;
            if (!enough) go_on();
        });
    };
    go_on();
    int verified_meanwhile = 0;
    for (int i = 0; i < 100 * kWanted && verified_meanwhile < kWanted; ++i) {
        const int before = written;
        const auto verified = store().verify();
        EXPECT_TRUE(verified) << verified.error().detail;
        if (!verified) break;
        verified_meanwhile += written > before ? 1 : 0;
    }
    enough = true;
    writer.reset();
    EXPECT_EQ(verified_meanwhile, kWanted);
}

TEST_F(WriterTest, a_work_that_fails_is_told_so_and_its_neighbours_are_kept) {
    std::vector<Result<void>> results(3);
    {
        const auto writer = make_writer();
        std::promise<void> gate;
        writer->submit_read([opened = gate.get_future().share()](const Store&) { opened.wait(); });
        const auto keep = [&](std::size_t i) { return [&results, i](Result<void> r) { results[i] = std::move(r); }; };
        writer->submit(note("a"), keep(0));
        writer->submit(
            [](Transaction& transaction) -> Result<void> {
                must(transaction.audit("note", std::nullopt, "never"));
                return fail(ErrorCode::kCancelled, "no");
            },
            keep(1));
        writer->submit(note("b"), keep(2));
        gate.set_value();  // all three stand in the queue: one group
    }
    EXPECT_TRUE(results[0] && results[2]);
    EXPECT_EQ(code_of(results[1]), ErrorCode::kCancelled);
    EXPECT_EQ(notes(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(WriterTest, what_done_is_told_is_durable_for_other_connections) {
    const auto writer = make_writer();
    std::promise<std::size_t> seen;
    writer->submit(note("a"), [&](Result<void>) { seen.set_value(must(store().audit_log(1, 10)).size()); });
    EXPECT_EQ(seen.get_future().get(), 1u);
}

TEST_F(WriterTest, waiting_works_share_a_commit_and_at_most_32) {
    std::vector<std::size_t> seen;
    {
        const auto writer = make_writer();
        std::promise<void> gate;
        writer->submit_read([opened = gate.get_future().share()](const Store&) { opened.wait(); });
        for (int i = 0; i < 40; ++i)
            writer->submit(note("x"), [&](Result<void>) { seen.push_back(must(store().audit_log(1, 100)).size()); });
        gate.set_value();
    }
    ASSERT_EQ(seen.size(), 40u);
    EXPECT_EQ(seen.front(), 32u) << "the first is told after the COMMIT of its whole group";
    EXPECT_EQ(seen[31], 32u);
    EXPECT_EQ(seen[32], 40u);
}

TEST_F(WriterTest, reads_see_every_work_submitted_before_and_none_after) {
    std::size_t between = 0;
    {
        const auto writer = make_writer();
        for (int i = 0; i < 5; ++i) writer->submit(note("x"), [](Result<void>) {});
        writer->submit_read([&](const Store& from) { between = must(from.audit_log(1, 100)).size(); });
        for (int i = 0; i < 5; ++i) writer->submit(note("y"), [](Result<void>) {});
    }
    EXPECT_EQ(between, 5u);
    EXPECT_EQ(notes().size(), 10u);
}

TEST_F(WriterTest, done_may_submit_the_next_step_even_while_the_writer_ends) {
    {
        const auto writer = make_writer();
        auto* self = writer.get();
        writer->submit(note("1"), [self](Result<void>) { self->submit(note("2"), [](Result<void>) {}); });
    }
    EXPECT_EQ(notes(), (std::vector<std::string>{"1", "2"}));
}

TEST_F(WriterTest, many_threads_submit_and_every_thread_keeps_its_order) {
    constexpr int kThreads = 4;
    constexpr int kEach = 50;
    {
        const auto writer = make_writer();
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t)
            threads.emplace_back([&writer, t] {
                for (int i = 0; i < kEach; ++i)
                    writer->submit(note(std::to_string(t * 1000 + i)), [](Result<void> r) { EXPECT_TRUE(r); });
            });
        for (auto& thread : threads) thread.join();
    }
    std::array<int, kThreads> last;
    last.fill(-1);
    for (const auto& text : notes()) {
        const int value = std::stoi(text);
        EXPECT_GT(value % 1000, last.at(static_cast<std::size_t>(value / 1000)));
        last.at(static_cast<std::size_t>(value / 1000)) = value % 1000;
    }
    for (const auto value : last) EXPECT_EQ(value, kEach - 1);
    EXPECT_TRUE(store().verify());
}

}  // namespace
}  // namespace bmcvault::vault
