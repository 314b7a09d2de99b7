#include "cli/selector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <map>
#include <set>

#include "cli/text.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::size_t kMaxWord = 1024;

std::unexpected<Error> malformed(std::string_view word, std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("selector '{}': {}", printable(word), why));
}

Result<std::uint64_t> number(std::string_view word, std::string_view digits) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || digits.size() > 18) {
        return malformed(word, "a range is numbers, as in [01-12,20]");
    }
    return value;
}

// The inside of one pair of brackets: "01-12,20".
Result<std::vector<std::string>> expand_ranges(std::string_view word, std::string_view ranges) {
    std::vector<std::string> out;
    while (true) {
        const std::size_t comma = std::min(ranges.find(','), ranges.size());
        const std::string_view range = ranges.substr(0, comma);
        const std::size_t dash = range.find('-');
        const std::string_view low = range.substr(0, std::min(dash, range.size()));
        const std::string_view high = dash == std::string_view::npos ? low : range.substr(dash + 1);
        const auto first = number(word, low);
        if (!first) return std::unexpected(first.error());
        const auto last = number(word, high);
        if (!last) return std::unexpected(last.error());
        if (*last < *first) return malformed(word, fmt::format("the range {} runs backwards", range));
        if (*last - *first >= kMaxExpansion || out.size() + (*last - *first) >= kMaxExpansion) {
            return malformed(word, fmt::format("names more than {} BMCs", kMaxExpansion));
        }
        for (std::uint64_t i = *first; i <= *last; ++i) out.push_back(fmt::format("{:0{}}", i, low.size()));
        if (comma == ranges.size()) return out;
        ranges.remove_prefix(comma + 1);
    }
}

class Chooser {
public:
    explicit Chooser(std::span<const vault::Bmc> fleet) : fleet_(fleet), chosen_(fleet.size(), false) {
        for (std::size_t i = 0; i < fleet.size(); ++i) by_name_.emplace(fleet[i].name, i);
    }

    template <class Predicate>
    bool mark_if(Predicate predicate) {
        bool any = false;
        for (std::size_t i = 0; i < fleet_.size(); ++i) {
            if (!predicate(fleet_[i])) continue;
            chosen_[i] = true;
            any = true;
        }
        return any;
    }

    Result<void> add(const std::string& word) {
        if (word.starts_with('@')) return add_group(word);
        if (word.starts_with("tag:")) return add_tag(word);
        const auto names = expand_hostlist(word);
        if (!names) return std::unexpected(names.error());
        std::vector<std::string> unknown;
        for (const auto& name : *names) {
            const auto found = by_name_.find(name);
            if (found == by_name_.end()) {
                unknown.push_back(name);
            } else {
                chosen_[found->second] = true;
            }
        }
        if (unknown.empty()) return {};
        return unknown_names(unknown);
    }

    [[nodiscard]] std::vector<vault::Bmc> chosen() const {
        std::vector<vault::Bmc> out;
        for (std::size_t i = 0; i < fleet_.size(); ++i) {
            if (chosen_[i]) out.push_back(fleet_[i]);
        }
        return out;
    }

private:
    Result<void> add_group(const std::string& word) {
        const std::string group = word.substr(1);
        if (mark_if([&](const vault::Bmc& bmc) { return !group.empty() && bmc.group == group; })) return {};
        std::set<std::string> known;
        for (const auto& bmc : fleet_) {
            if (!bmc.group.empty()) known.insert(bmc.group);
        }
        return nothing_known("group", group, {known.begin(), known.end()});
    }

    Result<void> add_tag(const std::string& word) {
        const std::string tag = word.substr(4);
        const auto has_tag = [&](const vault::Bmc& bmc) { return std::ranges::count(bmc.tags, tag) > 0; };
        if (mark_if(has_tag)) return {};
        std::set<std::string> known;
        for (const auto& bmc : fleet_) known.insert(bmc.tags.begin(), bmc.tags.end());
        return nothing_known("tag", tag, {known.begin(), known.end()});
    }

    static std::unexpected<Error> nothing_known(std::string_view what, const std::string& word,
                                                const std::vector<std::string>& known) {
        std::string text = fmt::format("no BMC has the {} '{}'", what, printable(word));
        if (const auto near = nearest(word, known); !near.empty()) {
            text += fmt::format("; did you mean '{}'?", near);
        } else if (known.empty()) {
            text += fmt::format(" (no BMC has any {})", what);
        } else {
            text += fmt::format(" (known: {})", some_of(known));
        }
        return fail(ErrorCode::kNotFound, std::move(text));
    }

    std::unexpected<Error> unknown_names(const std::vector<std::string>& unknown) const {
        std::vector<std::string> shown;
        std::ranges::transform(unknown, std::back_inserter(shown),
                               [](const std::string& name) { return fmt::format("'{}'", printable(name)); });
        std::string text = fmt::format("no BMC is called {}", some_of(shown));
        for (const auto& bmc : fleet_) {
            if (bmc.address == unknown.front()) {
                text += fmt::format("; that is the address of '{}'", bmc.name);
                return fail(ErrorCode::kNotFound, text);
            }
        }
        std::vector<std::string> names;
        std::ranges::transform(fleet_, std::back_inserter(names), &vault::Bmc::name);
        const std::string near = nearest(unknown.front(), names);
        if (!near.empty()) text += fmt::format("; did you mean '{}'?", near);
        return fail(ErrorCode::kNotFound, text);
    }

    std::span<const vault::Bmc> fleet_;
    std::vector<bool> chosen_;
    std::map<std::string, std::size_t> by_name_;
};

}  // namespace

Result<std::vector<std::string>> expand_hostlist(std::string_view word) {
    if (word.empty()) return malformed(word, "is empty");
    if (word.size() > kMaxWord) return malformed(word.substr(0, 40), "is too long");
    std::vector<std::string> names{""};
    std::string_view rest = word;
    while (!rest.empty()) {
        const std::size_t open = std::min(rest.find('['), rest.size());
        if (rest.substr(0, open).find(']') != std::string_view::npos) return malformed(word, "']' without '['");
        for (auto& name : names) name += rest.substr(0, open);
        rest.remove_prefix(open);
        if (rest.empty()) break;
        const std::size_t close = rest.find(']');
        if (close == std::string_view::npos) return malformed(word, "'[' without ']'");
        const auto parts = expand_ranges(word, rest.substr(1, close - 1));
        if (!parts) return std::unexpected(parts.error());
        if (parts->size() * names.size() > kMaxExpansion) {
            return malformed(word, fmt::format("names more than {} BMCs", kMaxExpansion));
        }
        std::vector<std::string> longer;
        longer.reserve(parts->size() * names.size());
        for (const auto& name : names) {
            for (const auto& part : *parts) longer.push_back(name + part);
        }
        names = std::move(longer);
        rest.remove_prefix(close + 1);
    }
    return names;
}

Result<std::vector<vault::Bmc>> select(std::span<const vault::Bmc> fleet, const Selection& selection,
                                       const SelectionFacts& facts) {
    if (selection.empty()) {
        return fail(ErrorCode::kInvalidArgument,
                    "nothing selected: name BMCs, rack[01-12]-bmc, @group, tag:word, or say --all");
    }
    if (fleet.empty()) return fail(ErrorCode::kInvalidArgument, "nothing selected: the vault has no BMC yet");
    Chooser chooser(fleet);
    for (const auto& word : selection.words) {
        if (auto added = chooser.add(word); !added) return std::unexpected(added.error());
    }
    if (selection.all) chooser.mark_if([](const vault::Bmc&) { return true; });
    if (selection.failed)
        chooser.mark_if(
            [&](const vault::Bmc& bmc) { return !last_was_as_asked(bmc) || facts.unfinished.contains(bmc.id); });
    if (selection.due) chooser.mark_if([&](const vault::Bmc& bmc) { return facts.due.contains(bmc.id); });
    if (!selection.exposed_to.empty())
        chooser.mark_if([&](const vault::Bmc& bmc) { return facts.exposed.contains(bmc.id); });
    auto chosen = chooser.chosen();
    if (chosen.empty() && !selection.failed) {
        return fail(ErrorCode::kInvalidArgument, selection.due
                                                     ? "nothing selected: no BMC is due, so there is nothing to do"
                                                     : "nothing selected: nothing was exposed to them");
    }
    if (chosen.empty()) {
        return fail(
            ErrorCode::kInvalidArgument,
            "nothing selected: no BMC's last operation failed, and no rotation is unfinished: there is nothing to do");
    }
    return chosen;
}

std::string canonical(const Selection& selection) {
    if (selection.all) return "--all";  // the words add nothing to it
    std::set<std::string> parts(selection.words.begin(), selection.words.end());
    if (selection.failed) parts.insert("--failed");
    if (selection.due) parts.insert("--due");
    if (!selection.exposed_to.empty()) parts.insert("--exposed-to " + selection.exposed_to);
    return fmt::format("{}", fmt::join(parts, " "));
}

bool last_was_as_asked(const vault::Bmc& bmc) {
    constexpr std::array<std::string_view, 10> kAsAsked{"rotated",     "already-current", "recovered", "settled-16",
                                                        "put-back",    "secured",         "adopted",   "as-in-vault",
                                                        "as-accepted", "not-accepted-yet"};
    return !bmc.last || std::ranges::count(kAsAsked, bmc.last->outcome) > 0;
}

}  // namespace bmcvault::cli
