#include "rotate/engine/capability_card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "rotate/engine/account_record.hpp"
#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::rotate {
namespace {

using nlohmann::json;

constexpr const char* kImportedCards = "imported-cards";  // a card of its own, whose facts are kinds
constexpr std::size_t kMaxKindSize = 64;

bool is_number(std::string_view text) {
    const auto is_digit = [](char byte) { return byte >= '0' && byte <= '9'; };
    return !text.empty() && text.size() <= 10 && std::ranges::all_of(text, is_digit);
}

bool is_hours(std::string_view text) {
    if (!is_number(text) || text.size() > 3 || text.front() == '0') return false;
    return std::chrono::hours(std::stoi(std::string(text))) <= kLongestInterval;
}

struct KnownFact {
    std::string_view name;
    bool (*allows)(std::string_view value);
    std::string_view values;  // for people
};
constexpr std::array kKnownFacts{
    KnownFact{kPasswordSizeFact, [](std::string_view value) { return value == "16"; }, "16"},
    KnownFact{kAlphabetFact, [](std::string_view value) { return value == kShellSafeAlphabet; }, kShellSafeAlphabet},
    KnownFact{kKgFact, [](std::string_view value) { return value == kUsable || value == kNotUsable; },
              "usable, not-usable"},
    KnownFact{kMinimumIntervalFact, is_hours, "whole hours, 1 to 240"}};

Result<CapabilityCard> card_of(const json& object) {
    CapabilityCard card;
    card.kind = object.at("card").get<std::string>();
    if (const auto why = why_not_a_kind(card.kind); !why.empty()) return fail(ErrorCode::kInvalidArgument, why);
    const auto& facts = object.at("facts").get_ref<const json::object_t&>();
    for (const auto& [fact, value] : facts) {
        const auto text = value.get<std::string>();
        if (const auto why = why_not_a_fact(fact, text); !why.empty()) return fail(ErrorCode::kInvalidArgument, why);
        card.facts.emplace(fact, text);
    }
    if (object.size() != 2) return fail(ErrorCode::kInvalidArgument, "a card has `card` and `facts`, and nothing else");
    return card;
}

std::string lock_out_text(const LockOut& lock_out) {
    if (lock_out.bad_passwords == 0) return "never";
    const auto reset = lock_out.reset_interval.count();
    return fmt::format("{} in {}", lock_out.bad_passwords, reset == 0 ? "any time" : fmt::format("{} s", reset));
}

}  // namespace

std::string why_not_a_fact(std::string_view fact, std::string_view value) {
    const auto known = std::ranges::find(kKnownFacts, fact, &KnownFact::name);
    if (known == kKnownFacts.end()) return fmt::format("'{}' is no fact that a card can have", fact);
    if (known->allows(value)) return "";
    return fmt::format("'{}' is no value of {}: {}", value, fact, known->values);
}

std::string why_not_a_kind(std::string_view kind) {
    const auto first = kind.find('/');
    const auto second = first == std::string_view::npos ? first : kind.find('/', first + 1);
    const auto is_graphic = [](char byte) { return byte > 0x20 && byte < 0x7f && byte != '/'; };
    const bool whole = second != std::string_view::npos && kind.size() <= kMaxKindSize &&
                       is_number(kind.substr(0, first)) && is_number(kind.substr(first + 1, second - first - 1)) &&
                       second + 1 < kind.size() && std::ranges::all_of(kind.substr(second + 1), is_graphic);
    return whole ? "" : fmt::format("'{}' is no kind of BMC: MANUFACTURER/PRODUCT/FIRMWARE, as 674/256/4.40", kind);
}

std::string card_text(const CapabilityCard& card) {
    return json{{"card", card.kind}, {"facts", card.facts}}.dump();
}

Result<CapabilityCard> card_from(std::string_view line) {
    const auto object = json::parse(line, nullptr, false);
    if (!object.is_object()) return fail(ErrorCode::kInvalidArgument, "that is no JSON object");
    try {
        return card_of(object);
    } catch (const json::exception&) {
        return fail(ErrorCode::kInvalidArgument, R"(a card is {"card":"KIND","facts":{"FACT":"VALUE"}})");
    }
}

Result<CapabilityCard> read_card(const vault::Store& store, const std::string& kind) {
    const auto facts = store.facts(kind);
    if (!facts) return std::unexpected(facts.error());
    CapabilityCard card{kind, {}};
    for (const auto& [fact, value] : *facts) {
        if (why_not_a_fact(fact, value).empty()) card.facts.emplace(fact, value);
    }
    return card;
}

Result<void> record_card(vault::Transaction& transaction, const CapabilityCard& card) {
    if (auto listed = transaction.learn(kImportedCards, card.kind, "imported"); !listed) return listed;
    for (const auto& [fact, value] : card.facts) {
        if (auto learned = transaction.learn(card.kind, fact, value); !learned) return learned;
    }
    return {};
}

Result<void> forget_fact(vault::Transaction& transaction, const std::string& kind, const std::string& fact,
                         std::span<const vault::Bmc> boards) {
    if (auto forgotten = transaction.learn(kind, fact, ""); !forgotten) return forgotten;
    if (fact != kMinimumIntervalFact) return {};
    for (const auto& bmc : boards) {
        if (card_key(bmc) != kind) continue;
        if (auto free = transaction.learn(facts_key(bmc), std::string(kNotBeforeFact), ""); !free) return free;
    }
    return {};
}

Result<std::vector<std::string>> imported_kinds(const vault::Store& store) {
    const auto facts = store.facts(kImportedCards);
    if (!facts) return std::unexpected(facts.error());
    std::vector<std::string> kinds;
    kinds.reserve(facts->size());
    for (const auto& [kind, how] : *facts) kinds.push_back(kind);
    return kinds;
}

Result<std::map<std::string, BoardsOfKind>> boards_by_kind(const vault::Store& store,
                                                           std::span<const vault::Bmc> bmcs) {
    std::map<std::string, BoardsOfKind> kinds;
    for (const auto& bmc : bmcs) {
        const auto kind = card_key(bmc);
        if (kind.empty()) continue;
        auto& boards = kinds[kind];
        boards.names.push_back(bmc.name);
        if (bmc.cipher_suite) boards.cipher_suites.insert(*bmc.cipher_suite);
        const auto learned = LearnedFacts::read(store, bmc);
        if (!learned) return std::unexpected(learned.error());
        if (learned->session_slots > 0) boards.session_slots.insert(learned->session_slots);
        if (learned->lock_out_is_said) boards.lock_outs.insert(lock_out_text(learned->lock_out));
        const auto accounts = read_account_records(store, bmc);
        if (!accounts) return std::unexpected(accounts.error());
        if (!accounts->seen) continue;
        for (const auto& slot : accounts->seen->slots) {
            boards.enabled_bits_are_missing |= !is_empty(slot) && !slot.enabled;
            const bool answers = slot.asked == Answer::kMatched || slot.asked == Answer::kNoCandidateMatches;
            boards.disabled_users_get_in |= slot.enabled == false && answers;
        }
    }
    return kinds;
}

}  // namespace bmcvault::rotate
