// log, log export: the audit log, filtered, on the screen or in a file that needs no vault.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "cli/commands.hpp"
#include "cli/fields.hpp"
#include "cli/json.hpp"
#include "cli/signed_file.hpp"
#include "vault/core/audit_events.hpp"

namespace bmcvault::cli {
namespace {

struct Found {
    std::vector<vault::AuditRecord> records;
    std::map<BmcId, std::string> names;  // also of old boards
    std::uint64_t log_records = 0;       // that there were when they were read
    std::optional<std::string> head;     // hexadecimal hash of the last of them

    [[nodiscard]] std::string name_of(const vault::AuditRecord& record) const {
        const auto found = record.bmc ? names.find(*record.bmc) : names.end();
        return found == names.end() ? std::string() : found->second;
    }
};

Outcome<std::map<BmcId, std::string>> names_in(const vault::Store& store, const std::string& wanted) {
    const auto bmcs = store.bmcs(true);
    if (!bmcs) return vault_error("log", bmcs.error());
    std::map<BmcId, std::string> names;
    for (const auto& bmc : *bmcs) names[bmc.id] = bmc.name;
    const bool known =
        wanted.empty() || std::ranges::any_of(*bmcs, [&](const auto& bmc) { return bmc.name == wanted; });
    if (known) return names;
    return std::unexpected(find_bmc(store, wanted).error());
}

bool begins_one_of(std::string_view beginning, const std::vector<std::string>& words) {
    return std::ranges::any_of(words, [&](const std::string& word) { return word.starts_with(beginning); });
}

// Nothing found would say that nothing was done.
Outcome<void> is_an_event(const std::string& begins) {
    const auto events = vault::audit_events();
    const std::vector<std::string> known(events.begin(), events.end());
    if (begins_one_of(begins, known)) return {};
    const auto near = nearest(begins, known);
    return usage_error(fmt::format("log: --event {}: no event begins so{}", printable(begins),
                                   near.empty() ? "" : fmt::format("; did you mean {}?", near)),
                       "the events are in docs/audit-log.md");
}

// `actors`: by whom there are records. Of a member there may be none; another name may be a slip.
Outcome<void> is_somebody(const Context& context, vault::Store& store, const std::string& begins,
                          const std::set<std::string>& actors) {
    const auto members = store.team().members();
    if (!members) return vault_error("log", members.error());
    std::vector<std::string> known;
    // Who opens the vault by a passphrase of its own is in the log by the login name alone.
    for (const auto& member : *members)
        if (member.type != "argon2id") known.push_back(member.name);
    for (const auto& actor : actors) known.push_back(actor.substr(0, actor.find(' ')));
    if (begins_one_of(begins, known) || begins_one_of(begins, {actors.begin(), actors.end()})) return {};
    const auto near = nearest(begins, known);
    if (near.empty()) {
        context.warn(
            fmt::format("log: --by {}: no member with an identity has that name, and no record is by it; who opens the "
                        "vault by its passphrase is in the log by the login name",
                        printable(begins)));
        return {};
    }
    return usage_error(
        fmt::format("log: --by {}: nobody is called so; did you mean {}?", printable(begins), printable(near)),
        "bmcvault member list");
}

Outcome<Found> find_records(const Context& context, vault::Store& store, const LogCommand& filter) {
    constexpr std::size_t kPage = 1000;
    UnixTime since{0};
    if (!filter.since.empty()) {
        const auto date = parse_date(filter.since);
        if (!date) return usage_error(fmt::format("--since {}", date.error().detail));
        since = *date;
    }
    if (auto event = is_an_event(filter.event); !event) return std::unexpected(event.error());
    auto names = names_in(store, filter.name);
    if (!names) return std::unexpected(names.error());
    Found found{{}, std::move(*names), 0, std::nullopt};
    std::set<std::string> actors;
    const auto wanted = [&](const vault::AuditRecord& record) {
        actors.insert(record.actor);
        return (filter.name.empty() || found.name_of(record) == filter.name) &&
               record.event.starts_with(filter.event) && record.actor.starts_with(filter.by) && record.at >= since;
    };
    for (std::uint64_t after = 0;;) {
        auto page = store.audit_log(after, kPage);
        if (!page) return vault_error("log", page.error());
        if (page->empty()) break;
        after = page->back().sequence;
        found.log_records = after;
        found.head = to_hex(page->back().hash);
        std::ranges::copy_if(*page, std::back_inserter(found.records), wanted);
    }
    if (auto known = is_somebody(context, store, filter.by, actors); !known) return std::unexpected(known.error());
    if (filter.limit > 0 && found.records.size() > filter.limit)
        found.records.erase(found.records.begin(), found.records.end() - static_cast<std::ptrdiff_t>(filter.limit));
    return found;
}

// A signature over a selection says of what: else a part could be shown for the whole.
Outcome<LogExtent> extent_of(vault::Store& store, const LogCommand& filter, const Found& found) {
    const auto info = store.info();
    if (!info) return vault_error("log export", info.error());
    const auto by = fmt::format("{} ({})", store.team().own_slot().name, actor());
    return LogExtent{to_hex(info->vault_id), filter,    found.records.size(), found.log_records, now(), by,
                     store.refusal(),        found.head};
}

}  // namespace

Exit perform(const Context& context, const LogCommand& command) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto found = find_records(context, **store, command);
    if (!found) return std::unexpected(found.error());
    std::vector<std::vector<Cell>> rows;
    for (const auto& record : found->records) {
        const auto name = found->name_of(record);
        if (context.options.json) context.out(json_event(record, name));
        rows.push_back({{std::to_string(record.sequence)},
                        {iso_time(record.at)},
                        {printable(record.actor)},
                        {printable(record.event)},
                        {printable(name)},
                        {printable(record.body), Tone::kDim}});
    }
    if (context.options.json) {
        context.out(json_summary(PlainSummary{"log", rows.size(), {}, std::nullopt, false}));
        return ExitCode::kAsAsked;
    }
    context.out(table({"RECORD", "AT", "WHO", "EVENT", "BMC", "BODY"}, rows, context.out_style));
    context.out(fmt::format("{}.\n", counted(rows.size(), "record")));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const LogExportCommand& command) {
    const auto base = (std::filesystem::path(command.output) / "audit").string();
    std::error_code ignored;
    if (!command.sign && std::filesystem::exists(base + ".sig", ignored))
        return usage_error(
            fmt::format("log export: {}.sig is of an export that was signed; nothing was written", printable(base)),
            "another --output, or --signed");
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto found = find_records(context, **store, command.filter);
    if (!found) return std::unexpected(found.error());
    const auto extent = extent_of(**store, command.filter, *found);
    if (!extent) return std::unexpected(extent.error());
    std::string lines = json_log_export(*extent);
    for (const auto& record : found->records) lines += json_event(record, found->name_of(record));
    auto files = command.sign ? with_signature(**store, base, ".jsonl", lines)
                              : Outcome<std::vector<NamedText>>(std::vector{NamedText{base + ".jsonl", lines}});
    if (!files) return std::unexpected(files.error());
    if (const auto written = write_files(*files); !written) return std::unexpected(written.error());
    context.out(context.options.json
                    ? json_summary(PlainSummary{"log export", found->records.size(), {}, std::nullopt, false})
                    : fmt::format("Wrote {} to {}.jsonl{}\n", counted(found->records.size(), "record"), printable(base),
                                  command.sign ? ", with its signature and public key beside it" : ""));
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
