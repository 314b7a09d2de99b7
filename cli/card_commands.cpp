// card show, export, import, forget: what is known of each kind of BMC.

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/plain_file.hpp"
#include "cli/signed_file.hpp"
#include "rotate/core/other_logins.hpp"
#include "rotate/engine/capability_card.hpp"
#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::cli {
namespace {

using rotate::BoardsOfKind;
using rotate::CapabilityCard;
using Kinds = std::map<std::string, BoardsOfKind>;

constexpr std::string_view kNeverWithIt =
    "LDAP and AD logins, SSH keys and accounts outside IPMI's slots never change with it, and IPMI shows none of "
    "them.\n";
constexpr std::size_t kMaxCardsSize = 1u << 20;  // bytes

Outcome<Kinds> kinds_of_fleet(const vault::Store& store) {
    const auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    auto kinds = rotate::boards_by_kind(store, *fleet);
    if (!kinds) return vault_error("reading what was learned", kinds.error());
    const auto imported = rotate::imported_kinds(store);
    if (!imported) return vault_error("reading what was imported", imported.error());
    for (const auto& kind : *imported) kinds->try_emplace(kind);
    return std::move(*kinds);
}

Outcome<std::vector<CapabilityCard>> cards_of(const vault::Store& store, const Kinds& kinds) {
    std::vector<CapabilityCard> cards;
    cards.reserve(kinds.size());
    for (const auto& [kind, boards] : kinds) {
        auto card = rotate::read_card(store, kind);
        if (!card) return vault_error("reading a card", card.error());
        cards.push_back(std::move(*card));
    }
    return cards;
}

std::string fact(const CapabilityCard& card, std::string_view name, std::string_view otherwise) {
    const auto found = card.facts.find(name);
    return found == card.facts.end() ? std::string(otherwise) : found->second;
}

std::string joined(const auto& values) {
    return values.empty() ? "-" : fmt::format("{}", fmt::join(values, ", "));
}

std::string interval_of(const CapabilityCard& card) {
    const auto hours = fact(card, rotate::kMinimumIntervalFact, "");
    return hours.empty() ? "-" : hours + " h";
}

std::string quirks_of(const BoardsOfKind& boards) {
    std::vector<std::string_view> quirks;
    if (boards.enabled_bits_are_missing) quirks.emplace_back("enabled bits not told");
    if (boards.disabled_users_get_in) quirks.emplace_back("disabled users get in");
    return joined(quirks);
}

std::vector<Cell> card_row(const CapabilityCard& card, const BoardsOfKind& boards) {
    return {{printable(card.kind)},
            {std::to_string(boards.names.size())},
            {fact(card, rotate::kPasswordSizeFact, "20")},
            {fact(card, rotate::kAlphabetFact, "full")},
            {fact(card, rotate::kKgFact, "not tried")},
            {joined(boards.cipher_suites)},
            {joined(boards.session_slots)},
            {joined(boards.lock_outs)},
            {interval_of(card)},
            {quirks_of(boards)}};
}

// Once for each manufacturer.
std::string logins_text(const std::vector<CapabilityCard>& cards) {
    std::vector<std::string> lines;
    for (const auto& card : cards) {
        auto line = fmt::format("{}\n", rotate::other_logins(rotate::manufacturer_of(card.kind)));
        if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
    }
    return fmt::format("{}{}", fmt::join(lines, ""), kNeverWithIt);
}

struct Taken {
    std::size_t facts = 0;
    std::vector<std::string> kept;  // what own boards have shown otherwise
};

// What our own boards have shown is not overwritten.
Result<std::vector<CapabilityCard>> new_facts(const vault::Store& store, const std::vector<CapabilityCard>& cards,
                                              Taken& taken) {
    taken = {};
    std::vector<CapabilityCard> all;
    for (const auto& card : cards) {
        const auto known = rotate::read_card(store, card.kind);
        if (!known) return std::unexpected(known.error());
        CapabilityCard more{card.kind, {}};
        for (const auto& [name, value] : card.facts) {
            const auto ours = known->facts.find(name);
            if (ours == known->facts.end())
                more.facts.emplace(name, value);
            else if (ours->second != value)
                taken.kept.push_back(fmt::format("{}: {} is {} here, not {}", card.kind, name, ours->second, value));
        }
        taken.facts += more.facts.size();
        if (!more.facts.empty()) all.push_back(std::move(more));
    }
    return all;
}

Outcome<std::vector<CapabilityCard>> read_cards(const std::string& file) {
    const auto text = read_plain_file(file, kMaxCardsSize);
    if (!text) return usage_error(fmt::format("{}: {}", printable(file), text.error().detail));
    std::vector<CapabilityCard> cards;
    LineProblems problems;
    std::size_t number = 0;
    for (std::string_view rest = *text; !rest.empty();) {
        const auto end = rest.find('\n');
        const auto line = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
        ++number;
        if (line.empty()) continue;
        auto card = rotate::card_from(line);
        const bool again = card && std::ranges::find(cards, card->kind, &CapabilityCard::kind) != cards.end();
        if (again)
            problems.add({number, "", fmt::format("the kind {} is there already", printable(card->kind))});
        else if (card)
            cards.push_back(std::move(*card));
        else
            problems.add({number, "", printable(card.error().detail)});
    }
    if (problems.total > 0) return bad_file(file, problems);
    return cards;
}

Exit say(const Context& context, const std::string& command, std::size_t cards, std::string_view outcome,
         std::size_t facts, const std::string& text) {
    context.out(context.options.json
                    ? json_summary(PlainSummary{
                          command, cards, {{std::string(outcome), facts}}, std::nullopt, context.options.dry_run})
                    : text);
    return ExitCode::kAsAsked;
}

}  // namespace

Exit perform(const Context& context, const CardShowCommand& command) {
    const auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    auto kinds = kinds_of_fleet(**store);
    if (!kinds) return std::unexpected(kinds.error());
    if (!command.kind.empty()) {
        if (!kinds->contains(command.kind))
            return usage_error(fmt::format("card show: no BMC of the kind '{}' was seen", printable(command.kind)),
                               "bmcvault card show");
        std::erase_if(*kinds, [&](const auto& each) { return each.first != command.kind; });
    }
    const auto cards = cards_of(**store, *kinds);
    if (!cards) return std::unexpected(cards.error());
    if (context.options.json) {
        for (const auto& card : *cards) context.out(json_card(card, kinds->at(card.kind)));
        return say(context, "card show", cards->size(), "shown", cards->size(), "");
    }
    if (cards->empty()) {
        context.out("No BMC was seen yet. Next: bmcvault check --all\n");
        return ExitCode::kAsAsked;
    }
    std::vector<std::vector<Cell>> rows;
    rows.reserve(cards->size());
    for (const auto& card : *cards) rows.push_back(card_row(card, kinds->at(card.kind)));
    context.out(
        table({"KIND", "BMCS", "BYTES", "ALPHABET", "K_G", "SUITES", "SESSIONS", "LOCKS AFTER", "INTERVAL", "QUIRKS"},
              rows, context.out_style));
    context.out(logins_text(*cards));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const CardExportCommand& command) {
    const auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto kinds = kinds_of_fleet(**store);
    if (!kinds) return std::unexpected(kinds.error());
    auto cards = cards_of(**store, *kinds);
    if (!cards) return std::unexpected(cards.error());
    std::erase_if(*cards, [](const CapabilityCard& card) { return card.facts.empty(); });
    std::string text;
    for (const auto& card : *cards) text += rotate::card_text(card) + '\n';
    const NamedText file{command.output, text};
    if (!context.options.dry_run) {
        if (auto written = write_files(std::span(&file, 1)); !written) return std::unexpected(written.error());
    }
    return say(context, "card export", cards->size(), "exported", cards->size(),
               fmt::format("{} {} to {}: kinds of BMC, no names, no secrets.\n",
                           context.options.dry_run ? "Would write" : "Wrote", counted(cards->size(), "card"),
                           printable(command.output)));
}

Exit perform(const Context& context, const CardImportCommand& command) {
    const auto cards = read_cards(command.file);
    if (!cards) return std::unexpected(cards.error());
    const auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    Taken taken;
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        const auto to_record = new_facts(**store, *cards, taken);
        if (!to_record) return std::unexpected(to_record.error());
        if (context.options.dry_run) return {};
        for (const auto& card : *to_record) {
            if (auto recorded = rotate::record_card(transaction, card); !recorded) return recorded;
            auto logged = transaction.audit(
                "card.imported", std::nullopt,
                json_body(
                    {{"card", card.kind}, {"reason", context.options.reason}, {"ticket", context.options.ticket}}));
            if (!logged) return logged;
        }
        return {};
    };
    if (const auto stored = (*store)->transact(actor(), now(), work); !stored)
        return vault_error("card import", stored.error());
    for (const auto& line : taken.kept) context.warn(printable(line));
    return say(context, "card import", cards->size(), "learned", taken.facts,
               fmt::format("{} {} from {}.\n", context.options.dry_run ? "Would take" : "Took",
                           counted(taken.facts, "fact"), counted(cards->size(), "card")));
}

Exit perform(const Context& context, const CardForgetCommand& command) {
    const auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto card = rotate::read_card(**store, command.kind);
    if (!card) return vault_error("card forget", card.error());
    const auto known = card->facts.find(command.fact);
    if (known == card->facts.end())
        return usage_error(fmt::format("card forget: of {} nothing named '{}' is known", printable(command.kind),
                                       printable(command.fact)),
                           "bmcvault card show --json");
    const auto fleet = (*store)->bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        auto forgotten = rotate::forget_fact(transaction, command.kind, command.fact, *fleet);
        if (!forgotten) return forgotten;
        return transaction.audit("card.forgotten", std::nullopt,
                                 json_body({{"card", command.kind},
                                            {"fact", command.fact},
                                            {"value", known->second},
                                            {"reason", context.options.reason},
                                            {"ticket", context.options.ticket}}));
    };
    if (!context.options.dry_run) {
        if (const auto stored = (*store)->transact(actor(), now(), work); !stored)
            return vault_error("card forget", stored.error());
    }
    return say(context, "card forget", 1, "forgotten", 1,
               fmt::format("{} {} = {} of {}.\n", context.options.dry_run ? "Would forget" : "Forgot",
                           printable(command.fact), known->second, printable(command.kind)));
}

}  // namespace bmcvault::cli
