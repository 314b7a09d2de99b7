// Waves and fuses. A class starts with one BMC in flight; each time a whole wave of it has ended well, the next wave is
// twice as large. A canary that fails is followed by another canary, until the fuse blows.
#include "rotate/core/campaign_plan.hpp"

#include <algorithm>

#include "vault/base/check.hpp"

namespace bmcvault::rotate {
namespace {

// No class name begins with a slash: manufacturers are numbers or words.
std::string class_key(const CampaignItem& item) {
    return item.class_name.empty() ? "/unknown/" + item.group : item.class_name;
}

}  // namespace

CampaignPlan::CampaignPlan(const std::vector<CampaignItem>& items, CampaignOptions options) : options_(options) {
    BMCVAULT_CHECK(options_.parallel > 0);
    running_.resize(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        class_of_.push_back(class_key(items[i]));
        classes_[class_of_.back()].waiting.push_back(i);
    }
}

bool CampaignPlan::may_start(const Class& c) const {
    return !c.waiting.empty() && !c.blown && (!options_.canary || c.in_flight < c.wave);
}

std::optional<std::size_t> CampaignPlan::next() {
    if (in_flight_ == options_.parallel) return std::nullopt;
    const auto startable = [this](const auto& entry) { return may_start(entry.second); };
    const auto after_last = classes_.upper_bound(last_class_);
    auto found = std::find_if(after_last, classes_.end(), startable);
    if (found == classes_.end()) {
        found = std::find_if(classes_.begin(), after_last, startable);
        if (found == after_last) return std::nullopt;
    }
    last_class_ = found->first;
    const std::size_t item = found->second.waiting.front();
    found->second.waiting.pop_front();
    ++found->second.in_flight;
    ++in_flight_;
    running_[item] = true;
    return item;
}

void CampaignPlan::count(Class& c, bool ok) const {
    if (!ok) {
        c.well_in_wave = 0;
        ++c.failures_in_a_row;
        if (options_.fuse > 0 && c.failures_in_a_row >= options_.fuse) c.blown = true;
        return;
    }
    c.failures_in_a_row = 0;
    ++c.well_in_wave;
    if (c.well_in_wave < c.wave) return;
    c.well_in_wave = 0;
    c.wave = std::min(c.wave * 2, options_.parallel);
}

CampaignPlan::Class& CampaignPlan::take_back(std::size_t item) {
    BMCVAULT_CHECK(item < running_.size() && running_[item]);
    running_[item] = false;
    --in_flight_;
    Class& started_under = classes_.at(class_of_[item]);
    --started_under.in_flight;
    return started_under;
}

void CampaignPlan::skipped(std::size_t item) {
    take_back(item);
}

void CampaignPlan::finished(std::size_t item, bool ok, std::string_view class_now) {
    count(take_back(item), ok);
    if (class_now.empty() || class_now == class_of_[item]) return;
    class_of_[item] = class_now;
    count(classes_[class_of_[item]], ok);  // it is evidence about both
}

bool CampaignPlan::done() const {
    const auto open = [](const auto& entry) { return !entry.second.waiting.empty() && !entry.second.blown; };
    return in_flight_ == 0 && std::ranges::none_of(classes_, open);
}

std::vector<std::size_t> CampaignPlan::blocked() const {
    std::vector<std::size_t> items;
    for (const auto& [name, c] : classes_) {
        if (c.blown) items.insert(items.end(), c.waiting.begin(), c.waiting.end());
    }
    std::ranges::sort(items);
    return items;
}

std::string_view CampaignPlan::class_of(std::size_t item) const {
    return class_of_.at(item);
}

bool CampaignPlan::blown(std::string_view class_name) const {
    const auto found = classes_.find(class_name);
    return found != classes_.end() && found->second.blown;
}

}  // namespace bmcvault::rotate
