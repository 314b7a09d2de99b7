#include "vault/store/writer.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace bmcvault::vault {
namespace {

constexpr std::size_t kMaxGroup = 32;

struct Write {
    Store::Work work;
    Writer::Done done;
};
using Read = std::function<void(const Store&)>;
using Job = std::variant<Write, Read>;

}  // namespace

struct Writer::State {
    State(std::unique_ptr<Store> a_store, std::string an_actor, Clock a_clock)
        : store(std::move(a_store)), actor(std::move(an_actor)), clock(std::move(a_clock)) {}

    const std::unique_ptr<Store> store;
    const std::string actor;
    const Clock clock;

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> jobs;   // under mutex
    bool stopping = false;  // under mutex
    std::thread thread;

    void submit(Job job) {
        {
            const std::lock_guard lock(mutex);
            jobs.push_back(std::move(job));
        }
        changed.notify_one();
    }

    // As many reads, or as many writes, as stand in a row. Nothing when all is done and no more will come.
    std::vector<Job> take() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return !jobs.empty() || stopping; });
        std::vector<Job> taken;
        while (!jobs.empty() && taken.size() < kMaxGroup) {
            if (!taken.empty() && jobs.front().index() != taken.front().index()) break;
            taken.push_back(std::move(jobs.front()));
            jobs.pop_front();
        }
        return taken;
    }

    void read(const std::vector<Job>& taken) {
        store->at_one_moment([&] {
            for (const auto& job : taken) std::get<Read>(job)(*store);
        });
    }

    void commit(std::vector<Job>& taken) {
        std::vector<Store::Work> works;
        works.reserve(taken.size());
        for (auto& job : taken) works.push_back(std::move(std::get<Write>(job).work));
        auto results = store->transact_group(actor, clock(), works);
        for (std::size_t i = 0; i < taken.size(); ++i) std::get<Write>(taken[i]).done(std::move(results[i]));
    }

    void run() {
        for (;;) {
            auto taken = take();
            if (taken.empty()) return;
            if (std::holds_alternative<Read>(taken.front()))
                read(taken);
            else
                commit(taken);
        }
    }
};

Writer::Writer(std::unique_ptr<Store> store, std::string actor, Clock clock)
    : state_(std::make_unique<State>(std::move(store), std::move(actor), std::move(clock))) {
    state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Writer::~Writer() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->changed.notify_one();
    state_->thread.join();
}

void Writer::submit(Store::Work work, Done done) {
    state_->submit(Write{std::move(work), std::move(done)});
}

void Writer::submit_read(std::function<void(const Store&)> read) {
    state_->submit(std::move(read));
}

}  // namespace bmcvault::vault
