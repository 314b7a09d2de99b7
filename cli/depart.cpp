// depart and expose: mark, new generation, rotation of what was exposed, statement. Each step is durable, so the same
// command goes on where it was interrupted.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "cli/commands.hpp"
#include "cli/due.hpp"
#include "cli/fleet_run.hpp"
#include "cli/interrupts.hpp"
#include "cli/json.hpp"
#include "cli/policy_hooks.hpp"
#include "cli/report.hpp"
#include "cli/signed_file.hpp"
#include "cli/statement.hpp"
#include "rotate/engine/learned_facts.hpp"

namespace bmcvault::cli {
namespace {

namespace fs = std::filesystem;

Outcome<Statement> statement_of(vault::Store& store, const vault::Departure& departure) {
    const auto exposed = store.team().exposed_by(departure);
    if (!exposed) return vault_error("reading what was exposed", exposed.error());
    const auto backups = store.team().backups_opened_by(departure);
    if (!backups) return vault_error("reading the backups", backups.error());
    const auto info = store.info();
    if (!info) return vault_error("reading the vault", info.error());
    Statement statement{departure, to_hex(info->vault_id), info->generation, now(), *exposed, *backups};
    for (const auto& credential : pending(statement)) {
        if (credential.subject.kind != vault::Kind::kPassword) continue;
        const auto bmc = store.bmc(credential.bmc);
        if (!bmc) return vault_error("reading the inventory", bmc.error());
        const auto learned = rotate::LearnedFacts::read(store, *bmc);
        if (!learned) return vault_error("reading what was learned", learned.error());
        if (learned->not_before.value > now().value)
            statement.blocked_until.emplace(credential.bmc, learned->not_before);
    }
    return statement;
}

// What is still to be rotated, in the order in which it is: what they were shown first, and K_G only where it was
// exposed, for every other client of that BMC has to learn it.
struct Wave {
    bool revealed = false;
    bool k_g = false;
    std::vector<vault::Bmc> bmcs;
};

std::vector<Wave> waves_of(const Statement& statement, const std::vector<vault::Bmc>& fleet) {
    std::map<BmcId, std::pair<bool, bool>> wanted;  // revealed, K_G
    for (const auto& credential : pending(statement)) {
        auto& [revealed, k_g] = wanted[credential.bmc];
        revealed = revealed || credential.revealed;
        k_g = k_g || credential.subject.kind == vault::Kind::kKg;
    }
    std::vector<Wave> waves{{true, false, {}}, {true, true, {}}, {false, false, {}}, {false, true, {}}};
    for (const auto& bmc : fleet) {
        const auto found = wanted.find(bmc.id);
        if (found == wanted.end()) continue;
        const auto wave = std::ranges::find_if(waves, [&](const Wave& one) {
            return one.revealed == found->second.first && one.k_g == found->second.second;
        });
        wave->bmcs.push_back(bmc);
    }
    return waves;
}

Outcome<void> rotate_wave(const Context& context, rotate::Environment& environment, const vault::Departure& departure,
                          const Wave& wave, PolicyHooks* hooks) {
    rotate::RunOptions options;
    options.hooks = hooks;
    options.parallel = context.options.parallel.value_or(kDefaultParallel);
    options.timeout = context.options.timeout;
    options.k_g = wave.k_g;
    options.selection =
        fmt::format("departure {}{}{}", departure.id, wave.revealed ? ", revealed" : "", wave.k_g ? ", K_G" : "");
    options.purpose.reason = fmt::format("departure of {}", departure.who);
    options.purpose.ticket = context.options.ticket;
    options.actor = actor();
    FleetReport report(context, "rotate", wave.bmcs);
    const auto summary = rotate::run_rotate(environment, wave.bmcs, options, report);
    report.close();
    if (!summary) return vault_error("depart: rotating", summary.error());
    return {};
}

// Who leaves must not get the new credentials by a hook.
Outcome<void> hooks_give_nothing_to(const Context& context, const std::string& who) {
    const auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    if (policy->hooks.holder != who) return {};
    return usage_error(fmt::format("depart {}: the policy's hooks give every new credential to it", printable(who)),
                       "take `holder` out of [hooks] in the policy, then the same command again");
}

Outcome<std::unique_ptr<vault::Store>> rotate_exposed(const Context& context, std::unique_ptr<vault::Store> store,
                                                      const vault::Departure& departure) {
    const auto statement = statement_of(*store, departure);
    if (!statement) return std::unexpected(statement.error());
    const auto fleet = store->bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    const auto hooks = PolicyHooks::of(context, *store);
    if (!hooks) return std::unexpected(hooks.error());
    const Interrupts interrupts;
    rotate::Environment environment{std::move(store), &interrupts.stop(), context.hooks.step};
    rotate::RunOptions telling;
    telling.hooks = hooks->get();
    telling.actor = actor();
    if (auto told = tell_owed(context, environment, telling); !told) return std::unexpected(told.error());
    for (const auto& wave : waves_of(*statement, *fleet)) {
        if (wave.bmcs.empty() || interrupts.stop()) continue;
        if (auto rotated = rotate_wave(context, environment, departure, wave, hooks->get()); !rotated)
            return std::unexpected(rotated.error());
    }
    return std::move(environment.store);
}

// NAME.statement.json with its signature and the key that verifies it, by openssl alone; text and HTML for people.
Outcome<void> write_statement(const std::string& directory, vault::Store& store, const Statement& statement) {
    std::string name = statement.departure.who;
    std::ranges::replace_if(name, [](char c) { return !vault::is_slot_name({&c, 1}); }, '_');
    const auto base = (fs::path(directory) / name).string() + ".statement";
    auto files = with_signature(store, base, ".json", statement_json(statement));
    if (!files) return std::unexpected(files.error());
    files->push_back({base + ".txt", statement_text(statement)});
    files->push_back({base + ".html", statement_html(statement)});
    return write_files(*files);
}

// A new departure, or the one that is not finished. Of somebody who has left already the last one: its statement can be
// written again.
Outcome<vault::Departure> departure_of(const Context& context, vault::Store& store, const std::string& who) {
    auto begun =
        context.options.dry_run ? store.team().who_leaves(who) : store.team().begin_departure(acting(context), who);
    if (begun) return std::move(*begun);
    auto failure = vault_error(fmt::format("depart {}", printable(who)), begun.error());
    if (begun.error().code == ErrorCode::kConflict) failure.error().exit = ExitCode::kUsage;
    if (begun.error().code != ErrorCode::kNotFound) return failure;
    failure.error().next = "bmcvault member list, or bmcvault holder list";
    const auto all = store.team().departures();
    if (!all) return vault_error("reading the departures", all.error());
    const auto last = std::ranges::find_if(all->rbegin(), all->rend(), [&](const vault::Departure& each) {
        return each.who == who && each.type != vault::DepartureType::kHost;
    });
    if (last != all->rend()) return *last;
    const auto key = store.team().break_glass();
    if (key && *key && !vault::shares_of(**key, who).empty())
        failure.error().next =
            "they were given a share of the break-glass key: bmcvault depart break-glass, then "
            "bmcvault vault break-glass create";
    return failure;
}

// Nothing is sealed to a key that was given up.
void tell_of_ended_escrow(const Context& context, const vault::Departure& departure) {
    if (departure.who != vault::kBreakGlassName || departure.type != vault::DepartureType::kMember) return;
    context.warn("where an escrow log was kept, it has ended with the key it was sealed to\n  next: " +
                 context.commands("bmcvault vault break-glass create, then bmcvault vault escrow enable"));
}

struct KeyTaken {
    vault::KeyInShares key;
    vault::Taken taken;
};

// nullopt: the leaver has nothing of the break-glass key, as far as the vault knows.
Result<std::optional<KeyTaken>> key_taken_by(vault::Store& store, const vault::Departure& departure) {
    auto key = store.team().break_glass();
    if (!key) return std::unexpected(key.error());
    const auto all = store.team().departures();
    if (!all) return std::unexpected(all.error());
    if (!*key) return std::nullopt;
    auto taken = vault::taken_by(**key, departure, *all);
    if (!taken.made_it && taken.shares.empty()) return std::nullopt;
    return KeyTaken{std::move(**key), std::move(taken)};
}

std::string text_of(const std::string& who, const KeyTaken& of) {
    const auto& [key, taken] = of;
    const auto missing = key.threshold - std::min(key.threshold, taken.by_all);
    std::string text;
    if (taken.made_it)
        text = fmt::format("made the break-glass key (slot {}), and has had all its shares.", key.slot);
    else
        text = fmt::format(
            "was given share {} of {} of the break-glass key (slot {}). It takes {} shares; those who have left were "
            "given {}, {}.",
            fmt::join(taken.shares, ", "), key.shares, key.slot, key.threshold, taken.by_all,
            missing == 0 ? "which is enough" : fmt::format("{} too few", missing));
    return fmt::format("{} {}\nNext: bmcvault depart break-glass, then bmcvault vault break-glass create\n",
                       printable(who), text);
}

Exit conclude(const Context& context, vault::Store& store, const DepartCommand& command,
              const vault::Departure& departure) {
    const auto statement = statement_of(store, departure);
    if (!statement) return std::unexpected(statement.error());
    const bool complete = pending(*statement).empty();
    if (complete && !departure.finished_at)
        if (auto finished = store.team().finish_departure(acting(context), departure); !finished)
            return vault_error("depart", finished.error());
    if (!command.output.empty())
        if (auto written = write_statement(command.output, store, *statement); !written)
            return std::unexpected(written.error());
    const auto taken = key_taken_by(store, departure);
    if (!taken) return vault_error("depart", taken.error());
    if (context.options.json) {
        if (*taken) context.out(json_taken(departure.who, (*taken)->key, (*taken)->taken));
        context.out(statement_json(*statement));
        const auto changed = statement->exposed.size() - pending(*statement).size();
        context.out(json_summary(PlainSummary{"depart",
                                              statement->exposed.size(),
                                              {{"changed", changed}, {"pending", pending(*statement).size()}},
                                              std::nullopt,
                                              false}));
    } else {
        context.out(statement_text(*statement));
        if (*taken) context.out(context.commands(text_of(departure.who, **taken)));
        if (!complete)
            context.out(context.commands(
                command.no_rotate ? fmt::format("Next: bmcvault rotate --exposed-to {0}, then bmcvault depart {0}\n",
                                                shell_word(command.who))
                                  : fmt::format("Next: bmcvault depart {}\n", shell_word(command.who))));
    }
    return complete || command.no_rotate ? ExitCode::kAsAsked : ExitCode::kNotAsAsked;
}

// By the compartments that they open and the BMCs that they are known to hold, as both are now.
Outcome<std::vector<vault::Bmc>> known_to(vault::Store& store, const vault::Departure& departure) {
    auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    const auto holders = store.team().holders();
    if (!holders) return vault_error("reading the holders", holders.error());
    std::set<std::uint32_t> opened;
    for (const auto& slot : store.team().slots())
        if (departure.slot == slot.number)
            opened.insert(vault::compartments_of(slot).begin(), vault::compartments_of(slot).end());
    std::set<std::string> held;
    for (const auto& holder : *holders)
        if (holder.name == departure.who) held.insert(holder.bmcs.begin(), holder.bmcs.end());
    std::erase_if(*fleet,
                  [&](const vault::Bmc& bmc) { return !opened.contains(bmc.compartment) && !held.contains(bmc.name); });
    return std::move(*fleet);
}

// The BMCs that one who is still in could read, or those that are left of a departure that has begun.
Outcome<std::vector<std::string>> names_to_rotate(vault::Store& store, const vault::Departure& departure) {
    std::vector<std::string> names;
    if (departure.id == 0) {
        const auto bmcs = known_to(store, departure);
        if (!bmcs) return std::unexpected(bmcs.error());
        for (const auto& bmc : *bmcs) names.push_back(bmc.name);
        return names;
    }
    const auto statement = statement_of(store, departure);
    if (!statement) return std::unexpected(statement.error());
    for (const auto& credential : pending(*statement))
        if (names.empty() || names.back() != credential.bmc_name) names.push_back(credential.bmc_name);
    return names;
}

Exit would_leave(const Context& context, vault::Store& store, const std::string& who) {
    const auto departure = departure_of(context, store, who);
    if (!departure) return std::unexpected(departure.error());
    const auto to_rotate = names_to_rotate(store, *departure);
    if (!to_rotate) return std::unexpected(to_rotate.error());
    const auto& names = *to_rotate;
    if (context.options.json) {
        context.out(json_summary(PlainSummary{"depart", names.size(), {}, std::nullopt, true}));
        return ExitCode::kAsAsked;
    }
    context.out(fmt::format("would end the access of {}, and mark and rotate what they could read on {}{}{}\n",
                            printable(who), counted(names.size(), "BMC"), names.empty() ? "" : ": ", some_of(names)));
    return ExitCode::kAsAsked;
}

}  // namespace

Exit perform(const Context& context, const DepartCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto what = fmt::format("depart {}", printable(command.who));
    std::error_code ignored;
    if (const auto place = fs::status(command.output, ignored);
        !command.output.empty() && fs::exists(place) && !fs::is_directory(place))
        return usage_error(fmt::format("{}: --output {} is no directory", what, printable(command.output)),
                           "another --output; nothing was done");
    if (auto parted = hooks_give_nothing_to(context, command.who); !parted) return std::unexpected(parted.error());
    if (context.options.dry_run) return would_leave(context, **store, command.who);
    if (!confirmed(context, fmt::format("End the access of {}, for good?", printable(command.who))))
        return usage_error("depart: nothing was changed");
    auto departure = departure_of(context, **store, command.who);
    if (!departure) return std::unexpected(departure.error());
    if (departure->finished_at) return conclude(context, **store, command, *departure);
    tell_of_ended_escrow(context, *departure);
    if (auto revoked = (*store)->team().revoke(acting(context), *departure); !revoked) {
        auto failure = vault_error(what, revoked.error());
        failure.error().safety = "What they could read is marked as due; their identity still opens the vault.";
        failure.error().next = "the same command again";
        return failure;
    }
    const auto all = (*store)->team().departures();
    if (!all) return vault_error(what, all.error());
    departure = *std::ranges::find(*all, departure->id, &vault::Departure::id);
    if (!command.no_rotate) {
        store = rotate_exposed(context, std::move(*store), *departure);
        if (!store) return std::unexpected(store.error());
    }
    const auto ended = conclude(context, **store, command, *departure);
    const auto told = nobody_waits(context, **store);
    if (!told) return std::unexpected(told.error());
    return *told ? ended : Exit(ExitCode::kNotAsAsked);
}

Exit perform(const Context& context, const ExposeCommand& command) {
    if (context.options.reason.empty()) return usage_error("expose needs --reason", "bmcvault expose --help");
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto selected = selected_bmcs(context, **store, command.selection);
    if (!selected) return std::unexpected(selected.error());
    std::vector<BmcId> bmcs;
    for (const auto& bmc : *selected) bmcs.push_back(bmc.id);
    if (!context.options.dry_run)
        if (auto exposed = (*store)->team().expose(acting(context), bmcs); !exposed)
            return vault_error("expose", exposed.error());
    if (context.options.json) {
        context.out(json_summary(
            PlainSummary{"expose", bmcs.size(), {{"due", bmcs.size()}}, std::nullopt, context.options.dry_run}));
    } else {
        const std::string_view are = bmcs.size() == 1 ? "is" : "are";
        context.out(
            fmt::format("{} {} due. Next: bmcvault check --due, then bmcvault rotate --due\n"
                        "(It keeps to the windows of the policy; rotate with the BMCs named does not.)\n",
                        counted(bmcs.size(), "BMC"), context.options.dry_run ? "would be" : are));
    }
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
