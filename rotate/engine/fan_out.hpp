// Many BMCs at once: the plan (rotate/core/campaign_plan.hpp) says who is next, this starts and awaits them.
#pragma once

#include <asio/awaitable.hpp>
#include <atomic>
#include <functional>
#include <span>

#include "ipmi/io/network.hpp"
#include "rotate/core/campaign_plan.hpp"
#include "rotate/engine/campaign.hpp"

namespace bmcvault::rotate {

using OneBmc = std::function<asio::awaitable<BmcReport>(const vault::Bmc&)>;

struct FanOut {
    ipmi::Network& network;
    Observer& observer;
    const std::atomic<bool>* stop = nullptr;  // Ctrl-C: what is in flight ends in a proved state, nothing new starts
};

struct FanOutEnd {
    std::vector<BmcReport> reports;  // in the order in which they ended
    bool stopped = false;
};

// Every BMC gets exactly one report; those that the fuse stopped are `blocked`. After a stop the rest has none.
[[nodiscard]] asio::awaitable<FanOutEnd> run_all(FanOut fan_out, std::span<const vault::Bmc> bmcs, CampaignPlan plan,
                                                 OneBmc one);

}  // namespace bmcvault::rotate
