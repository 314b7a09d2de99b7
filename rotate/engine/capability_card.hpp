// What is known of a kind of BMC: manufacturer, product, firmware. Learned by what its boards did, kept in the vault,
// without secrets; other sites' cards may be taken over.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/store/store.hpp"

namespace bmcvault::rotate {

struct CapabilityCard {
    std::string kind;                                       // "manufacturer/product/firmware", as card_key()
    std::map<std::string, std::string, std::less<>> facts;  // those that why_not_a_fact() allows
    friend bool operator==(const CapabilityCard&, const CapabilityCard&) = default;
};

// Empty: the planner and the generator know this fact and its value; else why not, for people.
[[nodiscard]] std::string why_not_a_fact(std::string_view fact, std::string_view value);
// "674/256/4.40": two decimal numbers, then text without a space. Empty: fine; else why not.
[[nodiscard]] std::string why_not_a_kind(std::string_view kind);

// One card as a line of JSON, and back. kInvalidArgument says what is wrong with it.
[[nodiscard]] std::string card_text(const CapabilityCard& card);
[[nodiscard]] Result<CapabilityCard> card_from(std::string_view line);

// Of that kind; without facts where nothing was learned.
[[nodiscard]] Result<CapabilityCard> read_card(const vault::Store& store, const std::string& kind);
[[nodiscard]] Result<void> record_card(vault::Transaction& transaction, const CapabilityCard& card);

// As if it had never been learned, of the kind and of these boards of it: a setting may have changed. Kept as an empty
// value, which every reader takes for none.
[[nodiscard]] Result<void> forget_fact(vault::Transaction& transaction, const std::string& kind,
                                       const std::string& fact, std::span<const vault::Bmc> boards);

// Those that record_card() was told of: perhaps no board of them is here.
[[nodiscard]] Result<std::vector<std::string>> imported_kinds(const vault::Store& store);

// What the boards of one kind have shown, each by itself.
struct BoardsOfKind {
    std::vector<std::string> names;
    std::set<int> cipher_suites;            // the strongest proved on each
    std::set<int> session_slots;            // as they say
    std::set<std::string> lock_outs;        // "3 in 60 s", "never", as they say
    bool enabled_bits_are_missing = false;  // one of them does not say whether a user is enabled
    bool disabled_users_get_in = false;     // one of them answered for a user that it shows as disabled
};
// By kind; BMCs that were never seen are left out. Three queries per BMC.
[[nodiscard]] Result<std::map<std::string, BoardsOfKind>> boards_by_kind(const vault::Store& store,
                                                                         std::span<const vault::Bmc> bmcs);

}  // namespace bmcvault::rotate
