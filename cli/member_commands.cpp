// member keygen, add, list; compartment and holder. Who leaves is in depart.cpp.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "cli/approval.hpp"
#include "cli/commands.hpp"
#include "cli/fields.hpp"
#include "cli/json.hpp"
#include "cli/plain_file.hpp"
#include "cli/secret_input.hpp"
#include "vault/store/identities.hpp"

namespace bmcvault::cli {
namespace {

Exit done(const Context& context, const std::string& command, const std::string& outcome, std::size_t count,
          const std::string& text) {
    context.out(context.options.json
                    ? json_summary(PlainSummary{command, count, {{outcome, count}}, std::nullopt, false})
                    : text);
    return ExitCode::kAsAsked;
}

Exit would(const Context& context, const std::string& command, const std::string& what) {
    context.out(context.options.json ? json_summary(PlainSummary{command, 0, {}, std::nullopt, true})
                                     : fmt::format("would {}\n", what));
    return ExitCode::kAsAsked;
}

Outcome<vault::PublicKeys> read_public_keys(const Context& context, const std::string& file) {
    constexpr std::size_t kMaxLine = 1024;
    const auto text = read_whole(context, file, kMaxLine);
    if (!text) return std::unexpected(text.error());
    const auto keys = text->expose([](std::string_view line) { return vault::parse_public_line(line); });
    if (!keys)
        return usage_error(fmt::format("{}: {}", printable(file), keys.error().detail),
                           "bmcvault member keygen --output FILE makes FILE.pub");
    return *keys;
}

std::string joined(const std::vector<std::string>& words) {
    return words.empty() ? "-" : fmt::format("{}", fmt::join(words, ","));
}

std::string scope_of(const vault::NewMember& member) {
    if (member.role == vault::Role::kAuditor) return "auditor, of no compartment";
    const auto where =
        member.compartments.empty()
            ? std::string(member.role == vault::Role::kOwner ? "everything" : "every compartment there is")
            : fmt::format("{}", fmt::join(member.compartments, ", "));
    return fmt::format("{} of {}", vault::to_word(member.role), printable(where));
}

std::unexpected<Failure> not_let_in(const vault::NewMember& member, const Error& error) {
    auto failure = vault_error(fmt::format("member add {}", printable(member.name)), error);
    if (error.code == ErrorCode::kAlreadyExists) failure.error().next = "bmcvault member list";
    if (error.code == ErrorCode::kNotFound) failure.error().next = "bmcvault compartment list";
    return failure;
}

Outcome<void> can_be_let_in(vault::Store& store, const vault::NewMember& member) {
    if (auto possible = store.team().check_member(member); !possible) return not_let_in(member, possible.error());
    return {};
}

// What they open now, which is more than was asked for where they were in already.
Outcome<std::string> scope_in(vault::Store& store, const vault::NewMember& wanted) {
    const auto members = store.team().members();
    if (!members) return vault_error("member add", members.error());
    auto now = wanted;
    for (const auto& member : *members)
        if (member.name == wanted.name && !member.removed_at && wanted.role == vault::Role::kOperator)
            now.compartments = member.compartments;
    return scope_of(now);
}

Exit let_in(const Context& context, vault::Store& store, const vault::NewMember& member) {
    if (auto added = store.team().add_member(acting(context), member); !added) return not_let_in(member, added.error());
    const auto scope = scope_in(store, member);
    if (!scope) return std::unexpected(scope.error());
    return done(context, "member add", "added", 1,
                fmt::format("{} can open the vault as {} ({}).\nNext, by them: bmcvault --identity FILE status\n",
                            member.name, *scope, vault::fingerprint(member.keys)));
}

Exit would_let_in(const Context& context, const vault::NewMember& member) {
    return would(
        context, "member add",
        fmt::format("add {} as {}, {}", printable(member.name), scope_of(member), vault::fingerprint(member.keys)));
}

// A plan names the compartments: one that is made later is not among them.
Exit plan_member(const Context& context, vault::Store& store, vault::NewMember member,
                 const ApprovalOptions& approval) {
    if (!vault::is_slot_name(member.name))
        return usage_error("member add: a member's name has 1 to 64 of A-Z a-z 0-9 . _ @ + -");
    if (member.role == vault::Role::kOperator && member.compartments.empty()) {
        const auto compartments = store.team().compartments();
        if (!compartments) return vault_error("member add", compartments.error());
        std::ranges::transform(*compartments, std::back_inserter(member.compartments), &vault::Compartment::name);
    }
    return write_plan(context, store, {std::move(member), {}, {}, approval.plan_file, approval.valid_days});
}

Exit let_in_as_approved(const Context& given, const std::string& file) {
    const auto approved = open_approved(given, file, "member add");
    if (!approved) return std::unexpected(approved.error());
    const auto context = approved->context(given);
    const auto& member = std::get<vault::NewMember>(approved->plan.work);
    if (auto possible = can_be_let_in(*approved->store, member); !possible) return std::unexpected(possible.error());
    if (context.options.dry_run) return would_let_in(context, member);
    if (auto recorded = record_use(context, *approved); !recorded) return std::unexpected(recorded.error());
    return let_in(context, *approved->store, member);
}

// Of one member, when BMCs go to another compartment.
struct AccessChange {
    std::string member;
    std::size_t gained = 0;  // BMCs
    std::size_t lost = 0;
};

Outcome<std::uint32_t> compartment_of(vault::Team& team, const std::string& name) {
    const auto all = team.compartments();
    if (!all) return vault_error("reading the compartments", all.error());
    for (const auto& compartment : *all)
        if (compartment.name == name) return compartment.id;
    return usage_error(fmt::format("compartment move: no compartment \"{}\"", printable(name)),
                       "bmcvault compartment list");
}

// By what the slots of the header open.
std::vector<AccessChange> changes_of_access(const vault::Team& team, const std::vector<vault::Bmc>& bmcs,
                                            std::uint32_t target) {
    std::vector<AccessChange> changes;
    for (const auto& slot : team.slots()) {
        const auto& opened = vault::compartments_of(slot);
        const auto opens = [&](std::uint32_t compartment) { return std::ranges::count(opened, compartment) > 0; };
        AccessChange change{slot.name, 0, 0};
        for (const auto& bmc : bmcs) {
            const bool before = opens(bmc.compartment);
            change.gained += !before && opens(target) ? 1 : 0;
            change.lost += before && !opens(target) ? 1 : 0;
        }
        if (change.gained + change.lost > 0) changes.push_back(std::move(change));
    }
    return changes;
}

std::string text_of(const AccessChange& change) {
    const auto name = printable(change.member);
    std::string text;
    if (change.gained > 0) text += fmt::format("{} opens {} more.\n", name, counted(change.gained, "BMC"));
    if (change.lost > 0)
        text +=
            fmt::format("{} no longer opens {}, and may know what is live there.\n", name, counted(change.lost, "BMC"));
    return text;
}

}  // namespace

Exit perform(const Context& context, const MemberKeygenCommand& command) {
    const std::string shown = printable(command.output);
    if (context.options.dry_run)
        return would(context, "member keygen", fmt::format("write {} and {}.pub", shown, shown));
    const auto passphrase = read_new_passphrase(context);
    if (!passphrase) return std::unexpected(passphrase.error());
    const auto made =
        vault::make_identity(*passphrase, {std::uint64_t{command.kdf_memory_mib} << 20, command.kdf_operations});
    if (!made) return vault_error("member keygen", made.error());
    if (auto written = write_new_file(command.output, made->file, 0600); !written)
        return usage_error(printable(written.error().detail));
    if (auto written = write_new_file(command.output + ".pub", made->public_line, 0644); !written) {
        unlink(command.output.c_str());
        return usage_error(printable(written.error().detail));
    }
    if (context.options.json) context.out(json_identity(command.output, vault::fingerprint(made->keys)));
    return done(context, "member keygen", "made", 1,
                fmt::format("Wrote {} (keep it) and {}.pub (for an owner of the vault).\nFingerprint: {}\n"
                            "Next, by an owner: bmcvault member add NAME --key {}.pub\n",
                            shown, shown, vault::fingerprint(made->keys), shown));
}

Exit perform(const Context& context, const MemberAddCommand& command) {
    if (command.approval.is_approved()) return let_in_as_approved(context, command.approval.approved);
    const auto keys = read_public_keys(context, command.key);
    if (!keys) return std::unexpected(keys.error());
    const auto role = vault::role_from_word(command.role);
    BMCVAULT_CHECK(role.has_value());
    if (!command.approval.plan)
        if (auto enough = one_signature_is_enough(context, "member add"); !enough)
            return std::unexpected(enough.error());
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const vault::NewMember member{command.name, command.service, *role, command.compartments, *keys};
    if (auto possible = can_be_let_in(**store, member); !possible) return std::unexpected(possible.error());
    if (command.approval.plan) return plan_member(context, **store, member, command.approval);
    if (context.options.dry_run) return would_let_in(context, member);
    const auto question = fmt::format("Let {} open this vault as {}? The fingerprint of the key is\n  {}\n",
                                      command.name, scope_of(member), vault::fingerprint(*keys));
    if (!confirmed(context, question)) return usage_error("member add: nothing was changed");
    return let_in(context, **store, member);
}

Exit perform(const Context& context, const MemberListCommand&) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto members = (*store)->team().members();
    if (!members) return vault_error("member list", members.error());
    std::vector<std::vector<Cell>> rows;
    for (const auto& member : *members) {
        if (context.options.json) context.out(json_member(member));
        rows.push_back({{printable(member.name)},
                        {member.type},
                        {std::string(vault::to_word(member.role))},
                        {joined(member.compartments)},
                        {iso_time(member.added_at)},
                        {member.removed_at ? iso_time(*member.removed_at) : "-"},
                        {member.keys ? vault::fingerprint(*member.keys) : "-", Tone::kDim}});
    }
    if (context.options.json) return done(context, "member list", "listed", rows.size(), "");
    context.out(
        table({"NAME", "SLOT", "ROLE", "COMPARTMENTS", "ADDED", "LEFT", "FINGERPRINT"}, rows, context.out_style));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const CompartmentAddCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    if (context.options.dry_run)
        return would(context, "compartment add", fmt::format("make the compartment {}", printable(command.name)));
    if (auto added = (*store)->team().add_compartment(acting(context), command.name); !added)
        return vault_error(fmt::format("compartment add {}", printable(command.name)), added.error());
    return done(context, "compartment add", "added", 1,
                fmt::format("Made the compartment {}. Next: bmcvault compartment move {} SELECTOR\n", command.name,
                            command.name));
}

Exit perform(const Context& context, const CompartmentListCommand&) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto compartments = (*store)->team().compartments();
    if (!compartments) return vault_error("compartment list", compartments.error());
    std::vector<std::vector<Cell>> rows;
    for (const auto& compartment : *compartments) {
        if (context.options.json) context.out(json_compartment(compartment));
        rows.push_back({{printable(compartment.name)}, {std::to_string(compartment.bmcs)}});
    }
    if (context.options.json) return done(context, "compartment list", "listed", rows.size(), "");
    context.out(table({"NAME", "BMCS"}, rows, context.out_style));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const CompartmentMoveCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto selected = selected_bmcs(context, **store, command.selection);
    if (!selected) return std::unexpected(selected.error());
    const auto target = compartment_of((*store)->team(), command.name);
    if (!target) return std::unexpected(target.error());
    auto leaving = *selected;
    std::erase_if(leaving, [&](const vault::Bmc& bmc) { return bmc.compartment == *target; });
    const auto changes = changes_of_access((*store)->team(), leaving, *target);
    std::vector<BmcId> bmcs;
    std::ranges::transform(leaving, std::back_inserter(bmcs), &vault::Bmc::id);
    const bool is_rehearsal = context.options.dry_run;
    if (!is_rehearsal)
        if (auto moved = (*store)->team().move_bmcs(acting(context), command.name, bmcs); !moved)
            return vault_error("compartment move", moved.error());
    if (context.options.json) {
        for (const auto& change : changes) context.out(json_access(change.member, change.gained, change.lost));
        context.out(json_summary(
            PlainSummary{"compartment move", bmcs.size(), {{"moved", bmcs.size()}}, std::nullopt, is_rehearsal}));
        return ExitCode::kAsAsked;
    }
    context.out(fmt::format("{} {} to {}.\n", is_rehearsal ? "Would move" : "Moved", counted(bmcs.size(), "BMC"),
                            printable(command.name)));
    if (bmcs.size() < selected->size())
        context.out(fmt::format("{} there already.\n", counted(selected->size() - bmcs.size(), "BMC")));
    for (const auto& change : changes) context.out(text_of(change));
    const bool somebody_knows = std::ranges::any_of(changes, [](const AccessChange& one) { return one.lost > 0; });
    if (somebody_knows && !is_rehearsal)
        context.out(
            context.commands("Next: bmcvault rotate, with the same BMCs, so that what they know is worth "
                             "nothing\n"));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const HolderAddCommand& command) {
    UnixTime since{0};
    if (!command.since.empty()) {
        const auto date = parse_date(command.since);
        if (!date) return usage_error(fmt::format("--since {}", date.error().detail));
        since = *date;
    }
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto selected = selected_bmcs(context, **store, command.selection);
    if (!selected) return std::unexpected(selected.error());
    std::vector<BmcId> bmcs;
    for (const auto& bmc : *selected) bmcs.push_back(bmc.id);
    if (context.options.dry_run)
        return would(context, "holder add",
                     fmt::format("register {} for {}", printable(command.name), counted(bmcs.size(), "BMC")));
    if (auto added = (*store)->team().add_holder(acting(context), command.name, bmcs, since); !added)
        return vault_error(fmt::format("holder add {}", printable(command.name)), added.error());
    return done(context, "holder add", "added", bmcs.size(),
                fmt::format("{} is known to hold the credentials of {}. When that ends: bmcvault depart {}\n",
                            printable(command.name), counted(bmcs.size(), "BMC"), printable(command.name)));
}

Exit perform(const Context& context, const HolderListCommand&) {
    auto store = open_vault_to_look(context);
    if (!store) return std::unexpected(store.error());
    const auto holders = (*store)->team().holders();
    if (!holders) return vault_error("holder list", holders.error());
    std::vector<std::vector<Cell>> rows;
    for (const auto& holder : *holders) {
        if (context.options.json) context.out(json_holder(holder));
        rows.push_back({{printable(holder.name)},
                        {some_of(holder.bmcs)},
                        {iso_time(holder.added_at)},
                        {holder.departed_at ? iso_time(*holder.departed_at) : "-"},
                        {printable(holder.note), Tone::kDim}});
    }
    if (context.options.json) return done(context, "holder list", "listed", rows.size(), "");
    context.out(table({"NAME", "BMCS", "ADDED", "LEFT", "WHY"}, rows, context.out_style));
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
