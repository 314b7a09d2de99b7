#include "rotate/engine/fan_out.hpp"

#include <fmt/format.h>

#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>
#include <exception>

#include "rotate/engine/operations.hpp"

namespace bmcvault::rotate {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookAtStop = 200ms;  // Ctrl-C sets a flag; nothing rings for it

class Fan {
public:
    Fan(FanOut fan_out, std::span<const vault::Bmc> bmcs, CampaignPlan plan, OneBmc one)
        : fan_out_(fan_out),
          bmcs_(bmcs),
          plan_(std::move(plan)),
          one_(std::move(one)),
          one_ended_(fan_out.network.make_alarm()) {}

    asio::awaitable<FanOutEnd> run() {
        const auto executor = co_await asio::this_coro::executor;
        while (true) {
            start_what_the_plan_allows(executor);
            if (in_flight_ == 0) break;
            (void)co_await one_ended_->wait_until(fan_out_.network.now() + kLookAtStop);
        }
        if (failure_) std::rethrow_exception(failure_);
        end_.stopped = stop_asked() && !plan_.done();
        if (!end_.stopped) report_blocked();
        co_return std::move(end_);
    }

private:
    [[nodiscard]] bool stop_asked() const {
        return failure_ != nullptr || (fan_out_.stop != nullptr && fan_out_.stop->load());
    }

    void start_what_the_plan_allows(const asio::any_io_executor& executor) {
        while (!stop_asked()) {
            const auto next = plan_.next();
            if (!next) return;
            ++in_flight_;
            asio::co_spawn(executor, work(*next), [this](const std::exception_ptr& failure) { ended(failure); });
        }
    }

    asio::awaitable<void> work(std::size_t item) {
        fan_out_.observer.started(bmcs_[item]);
        auto report = co_await one_(bmcs_[item]);
        if (report.contacted) {
            plan_.finished(item, report.as_asked, report.class_name);
        } else {
            plan_.skipped(item);
        }
        finish(std::move(report));
    }

    // A bug of ours with one BMC: the others end in a proved state first, and let go of the network.
    void ended(const std::exception_ptr& failure) {
        if (failure) failure_ = failure;
        --in_flight_;
        one_ended_->ring();
    }

    void report_blocked() {
        for (const auto item : plan_.blocked()) {
            finish(report_without_contact(bmcs_[item], Outcome::kBlocked,
                                          fmt::format("fuse: too many failures among {}", plan_.class_of(item))));
        }
    }

    void finish(BmcReport report) {
        fan_out_.observer.finished(report);
        end_.reports.push_back(std::move(report));
    }

    FanOut fan_out_;
    std::span<const vault::Bmc> bmcs_;
    CampaignPlan plan_;
    OneBmc one_;
    std::unique_ptr<ipmi::Alarm> one_ended_;
    std::size_t in_flight_ = 0;
    std::exception_ptr failure_;
    FanOutEnd end_;
};

}  // namespace

asio::awaitable<FanOutEnd> run_all(FanOut fan_out, std::span<const vault::Bmc> bmcs, CampaignPlan plan, OneBmc one) {
    Fan fan(fan_out, bmcs, std::move(plan), std::move(one));
    co_return co_await fan.run();
}

}  // namespace bmcvault::rotate
