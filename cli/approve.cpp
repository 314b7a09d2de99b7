// approve: a second member reads what would be done, and signs exactly that.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/approval.hpp"
#include "cli/json.hpp"
#include "cli/plain_file.hpp"
#include "vault/core/identity.hpp"

namespace bmcvault::cli {
namespace {

std::string sentence(const PlannedRotation& work, const Plan& plan) {
    const auto bmcs = work.role.empty()
                          ? counted(plan.bmcs.size(), "BMC")
                          : fmt::format("the {} accounts of {}", work.role, counted(plan.bmcs.size(), "BMC"));
    const auto k_gs = std::ranges::count(plan.bmcs, true, &PlannedBmc::with_k_g);
    std::string text = work.put_back ? fmt::format("rotate: the previous password returns to {}", bmcs)
                                     : fmt::format("rotate: a fresh password for {}", bmcs);
    if (k_gs > 0) text += fmt::format(", and a fresh K_G for {} of them, which every other client has to learn", k_gs);
    if (work.first_contact) text += "; boards that were never seen before are taken for ours";
    return text;
}

std::string of_account(const std::string& role) {
    return role.empty() ? "" : fmt::format("the {} account of ", role);
}

std::string sentence(const PlannedReveal& work, const Plan& plan) {
    return fmt::format("reveal: {} of {}{}, with the K_G, to the eyes of whoever runs it",
                       work.version ? fmt::format("version {} of the password", *work.version) : "the password",
                       of_account(work.account), counted(plan.bmcs.size(), "BMC"));
}

std::string sentence(const PlannedExport& work, const Plan& plan) {
    return fmt::format("export: the credentials of {}{} to a file for {}; {} holds them from then on",
                       of_account(work.account), counted(plan.bmcs.size(), "BMC"), printable(work.format),
                       printable(work.holder));
}

std::string sentence(const vault::NewMember& work, const Plan&) {
    const auto opens = work.compartments.empty()
                           ? std::string(work.role == vault::Role::kOwner ? "every compartment" : "no compartment")
                           : printable(fmt::format("{}", fmt::join(work.compartments, ", ")));
    return fmt::format(
        "member add: {}{} can open this vault as {}: {}\n"
        "  fingerprint of the key, to be compared with them over another way:\n    {}",
        printable(work.name), work.service ? ", a program," : "", vault::to_word(work.role), opens,
        vault::fingerprint(work.keys));
}

std::string because(std::string_view word, const std::string& text) {
    return text.empty() ? "" : fmt::format("  {}: {}\n", word, printable(text));
}

std::string bmc_table(const Context& context, const Plan& plan, std::span<const vault::Bmc> bmcs) {
    if (bmcs.empty()) return "";
    const bool rotates = std::holds_alternative<PlannedRotation>(plan.work);
    std::vector<std::vector<Cell>> rows;
    rows.reserve(bmcs.size());
    for (std::size_t i = 0; i < bmcs.size(); ++i) {
        rows.push_back({{printable(bmcs[i].name)},
                        {printable(host_and_port(bmcs[i].address, bmcs[i].port))},
                        {printable(bmcs[i].group)}});
        if (rotates) rows.back().push_back({plan.bmcs[i].with_k_g ? "password, K_G" : "password"});
    }
    std::vector<std::string> header{"NAME", "ADDRESS", "GROUP"};
    if (rotates) header.emplace_back("CHANGED");
    return table(header, rows, context.out_style);
}

// Everything that has to hold before a second signature is given.
Outcome<std::vector<vault::Bmc>> can_be_signed(vault::Store& store, const Plan& plan, const std::string& file) {
    const auto facts = plan_facts(store);
    if (!facts) return std::unexpected(facts.error());
    auto allowed = check_request(plan, *facts);
    if (allowed) allowed = check_second(store.team().own_slot(), plan, *facts);
    if (!allowed) return plan_error(plan, file, allowed.error());
    const auto use = use_of(store, plan);
    if (!use) return vault_error("reading which plans were run", use.error());
    if (use->begun) return already_run(plan, file);
    if (plan.approved)
        return usage_error(fmt::format("plan {}: {} has signed it at {}", printable(file),
                                       printable(plan.approved->member), iso_time(plan.approved->at)),
                           fmt::format("bmcvault {} --approved {}", command_of(plan), shell_word(file)));
    auto bmcs = bmcs_of(plan, facts->fleet);
    if (!bmcs) return plan_error(plan, file, bmcs.error());
    return std::move(*bmcs);
}

// In the audit log first: a signature that is in the file is in the log.
Outcome<void> sign_second(const Context& context, vault::Store& store, Plan& plan, const std::string& file) {
    plan.approved = SignedBy{store.team().own_slot().name, now(), {}};
    const auto signature = store.team().sign_statement(text_to_approve(plan));
    if (!signature) return vault_error("signing the plan", signature.error());
    plan.approved->signature = signature->signature;
    auto prepared = PlainFile::prepare(file, format_plan(plan));
    if (!prepared) return usage_error(printable(prepared.error().detail));
    const auto body = json_body({{"plan", plan_hash(plan)},
                                 {"command", std::string(command_of(plan))},
                                 {"asked_by", plan.asked.member},
                                 {"approved_by", plan.approved->member},
                                 {"bmcs", std::to_string(plan.bmcs.size())},
                                 {"asked_because", plan.reason},
                                 {"reason", context.options.reason},
                                 {"ticket", context.options.ticket}});
    const auto logged = store.transact(actor(), now(), [&](vault::Transaction& transaction) {
        return transaction.audit("plan.approved", std::nullopt, body);
    });
    if (!logged) return vault_error("approve: not signed, because it could not be logged", logged.error());
    if (auto placed = prepared->put_in_place(); !placed) return usage_error(printable(placed.error().detail));
    return {};
}

Exit said(const Context& context, const Plan& plan, const std::string& file) {
    if (context.options.json) {
        OutcomeCounts outcomes;
        if (!context.options.dry_run) outcomes.emplace_back("approved", 1);
        context.out(
            json_summary(PlainSummary{"approve", plan.bmcs.size(), outcomes, std::nullopt, context.options.dry_run}));
    } else if (context.options.dry_run) {
        context.out("Dry run: nothing was signed.\n");
    } else {
        const bool writes = std::holds_alternative<PlannedExport>(plan.work);
        context.out(fmt::format("Signed by {}. It can be done once. Next: bmcvault {} --approved {}{}\n",
                                plan.approved->member, command_of(plan), shell_word(file),
                                writes ? " --output FILE" : ""));
    }
    return ExitCode::kAsAsked;
}

}  // namespace

std::string plan_text(const Context& context, const Plan& plan, std::span<const vault::Bmc> bmcs) {
    if (context.options.json) return json_plan(plan, bmcs);
    const auto what = std::visit([&](const auto& work) { return sentence(work, plan); }, plan.work);
    return fmt::format("{} asks for this at {}; it is valid until {}:\n  {}\n{}{}{}", plan.asked.member,
                       iso_time(plan.asked.at), iso_time(plan.valid_until), what, because("reason", plan.reason),
                       because("ticket", plan.ticket), bmc_table(context, plan, bmcs));
}

Exit perform(const Context& context, const ApproveCommand& command) {
    auto plan = read_plan(command.file);
    if (!plan) return std::unexpected(plan.error());
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto bmcs = can_be_signed(**store, *plan, command.file);
    if (!bmcs) return std::unexpected(bmcs.error());
    context.out(plan_text(context, *plan, *bmcs));
    if (context.options.dry_run) return said(context, *plan, command.file);
    if (!context.options.yes && isatty(context.streams.in) == 0)
        return usage_error("approve: nobody was asked, so nothing was signed",
                           "when you have read it, the same command with --yes");
    std::fflush(context.streams.out);
    if (!confirmed(context, fmt::format("Sign this as {}?", (*store)->team().own_slot().name)))
        return std::unexpected(Failure{ExitCode::kNotAsAsked, "approve: nothing was signed", "", ""});
    if (auto done = sign_second(context, **store, *plan, command.file); !done) return std::unexpected(done.error());
    return said(context, *plan, command.file);
}

}  // namespace bmcvault::cli
