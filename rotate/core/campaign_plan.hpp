// Which BMC of a campaign is rotated next: a canary of each class first, then growing waves, and a fuse per class.
// Pure: the engine asks next() while it has room, and says finished() for each. (docs/rotation-protocol.md, "A fleet")
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bmcvault::rotate {

struct CampaignItem {
    std::string class_name;  // "manufacturer/product/firmware"; empty: not known before the first contact
    std::string group;       // items of unknown class stand together by group until they are known
};

struct CampaignOptions {
    std::size_t parallel = 32;  // in flight at once, over all classes
    bool canary = true;         // false: no waves, only the limit and the fuse
    std::size_t fuse = 3;       // failures in a row that stop a class; 0: never
};

// Items are named by their index. Same calls, same answers.
class CampaignPlan {
public:
    CampaignPlan(const std::vector<CampaignItem>& items, CampaignOptions options);

    // The next one to start; nullopt: nothing may start now (or ever: see done()).
    [[nodiscard]] std::optional<std::size_t> next();
    // A started one ended. class_now: what the BMC turned out to be; empty: still not known.
    void finished(std::size_t item, bool ok, std::string_view class_now);

    // A started one ended without saying anything about its class: held, busy, not reached at all.
    void skipped(std::size_t item);

    [[nodiscard]] bool done() const;  // nothing in flight, and next() will never name another one
    // Never started, because the fuse of their class blew: outcome `blocked`. In order; complete once done().
    [[nodiscard]] std::vector<std::size_t> blocked() const;
    // The class under which this item stands now, and whether its fuse blew.
    [[nodiscard]] std::string_view class_of(std::size_t item) const;
    [[nodiscard]] bool blown(std::string_view class_name) const;

private:
    struct Class {
        std::deque<std::size_t> waiting;
        std::size_t in_flight = 0;
        std::size_t wave = 1;  // how many may be in flight at once
        std::size_t well_in_wave = 0;
        std::size_t failures_in_a_row = 0;
        bool blown = false;
    };

    [[nodiscard]] bool may_start(const Class&) const;
    Class& take_back(std::size_t item);
    void count(Class&, bool ok) const;

    CampaignOptions options_;
    std::map<std::string, Class, std::less<>> classes_;
    std::vector<std::string> class_of_;  // by item
    std::vector<bool> running_;          // by item
    std::size_t in_flight_ = 0;
    std::string last_class_;  // next() takes the classes in turn
};

}  // namespace bmcvault::rotate
