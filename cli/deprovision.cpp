// deprovision: the plan, a person's word, the wipe, the certificate; and --verify, which needs no vault.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <ranges>
#include <set>

#include "cli/certificate.hpp"
#include "cli/certificate_files.hpp"
#include "cli/event_log_file.hpp"
#include "cli/fleet_run.hpp"
#include "cli/interrupts.hpp"
#include "cli/json.hpp"
#include "cli/report.hpp"
#include "rotate/core/factory_resets.hpp"
#include "vault/store/locks.hpp"

namespace bmcvault::cli {
namespace {

constexpr std::string_view kPlan =
    "would overwrite the password of every account, disable it, take its rights and its name; overwrite and clear K_G; "
    "clear the SNMP community, alert destinations, PEF, serial over LAN, system names, the asset tag, boot options and "
    "serial secrets; close our own account last; then ask by RAKP 2 who still gets in.";

std::string read_line(const Context& context) {
    std::string line;
    char c = 0;
    while (read(context.streams.in, &c, 1) == 1 && c != '\n') line += c;
    return line;
}

// Nothing is wiped because somebody typed "y" to the wrong question.
Outcome<void> confirm(const Context& context, const std::vector<vault::Bmc>& bmcs) {
    if (context.options.yes) {
        if (!context.options.reason.empty()) return {};
        return usage_error("deprovision --yes needs --reason", "the same command with --reason TEXT");
    }
    if (isatty(context.streams.in) == 0)
        return usage_error("deprovision: nobody is there to confirm it", "the same command with --yes --reason TEXT");
    for (const auto& bmc : bmcs) {
        fmt::print(context.streams.err,
                   "{} ({}) can't be managed any more after this: its users and keys are wiped.\n"
                   "Type its name to go on: ",
                   printable(bmc.name), printable(bmc.address));
        std::fflush(context.streams.err);
        if (read_line(context) != bmc.name)
            return usage_error(fmt::format("that is not '{}': nothing was changed", printable(bmc.name)));
    }
    return {};
}

// Also those that are wiped already, and only want their certificate.
Outcome<std::vector<vault::Bmc>> bmcs_named(vault::Store& store, const std::vector<std::string>& names) {
    const auto all = store.bmcs(true);
    if (!all) return vault_error("reading the inventory", all.error());
    std::map<std::string, vault::Bmc> by_name;  // of several with one name the one that is in use, or the newest
    for (const auto& bmc : *all)
        if (!by_name.contains(bmc.name) || by_name.at(bmc.name).retired) by_name.insert_or_assign(bmc.name, bmc);
    std::vector<vault::Bmc> known;
    std::ranges::copy(std::views::values(by_name), std::back_inserter(known));
    Selection selection;
    selection.words = names;
    auto selected = select(known, selection);
    if (!selected) return usage_error(selected.error().detail, "bmcvault bmc list");
    return std::move(*selected);
}

class Outcomes final : public rotate::Observer {
public:
    explicit Outcomes(FleetReport& report) : report_(report) {}
    void started(const vault::Bmc& bmc) override { report_.started(bmc); }
    void step(const vault::Bmc& bmc, std::string_view what) override { report_.step(bmc, what); }
    void finished(const rotate::BmcReport& one) override {
        last_[one.name] = one;
        report_.finished(one);
    }
    [[nodiscard]] rotate::BmcReport of(const std::string& name) const {
        const auto found = last_.find(name);
        return found == last_.end() ? rotate::BmcReport{} : found->second;
    }

private:
    FleetReport& report_;
    std::map<std::string, rotate::BmcReport> last_;
};

Outcome<Certificate> certificate_for(vault::Store& store, const vault::Bmc& named, const rotate::BmcReport& report) {
    const auto bmc = store.bmc(named.id);
    if (!bmc) return vault_error("deprovision", bmc.error());
    auto record = rotate::read_wipe_record(store, *bmc);
    if (!record) return vault_error("deprovision", record.error());
    const auto info = store.info();
    if (!info) return vault_error("deprovision", info.error());
    return Certificate{*bmc,          std::move(*record),     report.outcome,
                       report.detail, to_hex(info->vault_id), "bmcvault " BMCVAULT_VERSION,
                       now()};
}

// Wiped by an earlier run, and only its certificate is wanted: it may be switched off by now.
Outcome<bool> is_wiped(const vault::Store& store, const vault::Bmc& bmc) {
    if (bmc.retired) return true;
    const auto record = rotate::read_wipe_record(store, bmc);
    if (!record) return vault_error("deprovision", record.error());
    if (!record->has_value() || (*record)->result != rotate::WipeResult::kProved) return false;
    const auto in_use = rotate::was_opened_since(store, bmc, **record);
    if (!in_use) return vault_error("deprovision", in_use.error());
    return !*in_use;
}

// Out of the inventory, with the certificate's hash in the log. Not before the certificate is written.
Outcome<void> retire(const Context& context, vault::Store& store, const CertificateOf& one) {
    if (one.certificate.bmc.retired) return {};
    const auto lock = vault::BmcLock::try_acquire(store.directory(), one.certificate.bmc.id);
    if (!lock) return vault_error("deprovision: taking it out of the inventory", lock.error());
    const auto read = store.bmc(one.certificate.bmc.id);
    if (!read) return vault_error("deprovision: taking it out of the inventory", read.error());
    const auto wiped = is_wiped(store, *read);
    if (!wiped) return std::unexpected(wiped.error());
    if (!*wiped)
        return usage_error(fmt::format("{}: it is in use again since it was wiped", printable(read->name)),
                           fmt::format("bmcvault deprovision {}", printable(read->name)));
    const auto stored = store.transact(actor(), now(), [&](vault::Transaction& transaction) {
        return transaction.retire_wiped(*read, json_body({{"result", result_of(one.certificate)},
                                                          {"certificate_sha256", one.sha256},
                                                          {"reason", context.options.reason},
                                                          {"ticket", context.options.ticket}}));
    });
    return stored ? Outcome<void>{} : vault_error("deprovision: taking it out of the inventory", stored.error());
}

// What was asked for and can't be done any more: it works before our account is closed, not after it.
bool say_what_was_left_out(const Context& context, const DeprovisionCommand& command, const Certificate& certificate) {
    bool all_done = true;
    const auto look = [&](bool wanted, std::string_view item, std::string_view text) {
        if (!wanted || (certificate.record && certificate.record->has(item))) return;
        all_done = false;
        context.warn(fmt::format("{}: {}", printable(certificate.bmc.name), text));
    };
    look(command.clear_sel, rotate::kEventLogItem,
         "its event log was not cleared: --clear-sel works before a wipe, not after it");
    look(command.factory_reset, rotate::kFactoryResetItem,
         "no factory reset was done: --factory-reset works before a wipe, not after it");
    return all_done;
}

// Nothing was begun, so there is nothing to certify: least of all what an earlier wipe of it had proved.
bool was_not_begun(const Context& context, const vault::Bmc& bmc, const rotate::BmcReport& report) {
    const bool excused = report.outcome.empty() || report.outcome == word(rotate::Outcome::kHeld) ||
                         report.outcome == word(rotate::Outcome::kBusy) ||
                         report.outcome == word(rotate::Outcome::kQuarantined);
    if (excused) context.warn(fmt::format("{}: {}: no certificate", printable(bmc.name), report.outcome));
    return excused;
}

Outcome<std::vector<vault::Bmc>> still_to_wipe(const vault::Store& store, const std::vector<vault::Bmc>& selected) {
    std::vector<vault::Bmc> all;
    for (const auto& bmc : selected) {
        const auto wiped = is_wiped(store, bmc);
        if (!wiped) return std::unexpected(wiped.error());
        if (!*wiped) all.push_back(bmc);
    }
    return all;
}

std::set<BmcId> ids_of(const std::vector<vault::Bmc>& bmcs) {
    std::set<BmcId> ids;
    for (const auto& bmc : bmcs) ids.insert(bmc.id);
    return ids;
}

Exit conclude(const Context& context, vault::Store& store, const DeprovisionCommand& command,
              const std::vector<vault::Bmc>& bmcs, const std::set<BmcId>& to_wipe,
              const std::map<std::string, rotate::BmcReport>& reports) {
    std::vector<CertificateOf> all;
    bool extras_as_asked = true;
    for (const auto& bmc : bmcs) {
        const auto report = reports.contains(bmc.name) ? reports.at(bmc.name) : rotate::BmcReport{};
        if (to_wipe.contains(bmc.id) && was_not_begun(context, bmc, report)) {
            extras_as_asked = false;
            continue;
        }
        auto certificate = certificate_for(store, bmc, report);
        if (!certificate) return std::unexpected(certificate.error());
        auto written = write_certificate(store, command.output, std::move(*certificate));
        if (!written) {
            auto failure = written.error();
            failure.safety = "What was done is in the vault: the same command writes the certificate.";
            return std::unexpected(failure);
        }
        extras_as_asked = say_what_was_left_out(context, command, written->certificate) && extras_as_asked;
        if (is_proved(written->certificate))
            if (auto retired = retire(context, store, *written); !retired) return std::unexpected(retired.error());
        if (context.options.json)
            context.out(certificate_json(written->certificate));
        else
            context.out(fmt::format("{}: {}. Certificate: {}\n", printable(bmc.name), result_of(written->certificate),
                                    printable(written->file)));
        all.push_back(std::move(*written));
    }
    if (all.size() > 1)
        if (auto written = write_pallet(store, command.output, all); !written) return std::unexpected(written.error());
    const bool complete = extras_as_asked && std::ranges::all_of(all, [](const CertificateOf& one) {
                              return is_complete(one.certificate);
                          });
    return complete ? ExitCode::kAsAsked : ExitCode::kNotAsAsked;
}

std::string factory_reset_plan(const vault::Bmc& bmc) {
    const auto reset = rotate::factory_reset_of(bmc.pin.manufacturer);
    if (!reset)
        return "    No reset command of its manufacturer is known: none would be sent, and the result be "
               "wiped-except.\n";
    return fmt::format("    Before our own account is closed: {}, {}'s own reset; {}.\n", text_of(*reset),
                       reset->vendor, reset->effect);
}

Exit plan(const Context& context, const DeprovisionCommand& command, const std::vector<vault::Bmc>& bmcs) {
    for (const auto& bmc : bmcs) {
        if (context.options.json) break;
        context.out(fmt::format("{}: {}\n", printable(bmc.name), kPlan));
        if (command.clear_sel) context.out("    Its event log would be saved to a file, then cleared.\n");
        if (command.factory_reset) context.out(factory_reset_plan(bmc));
    }
    if (context.options.json)
        context.out(json_summary(PlainSummary{"deprovision", bmcs.size(), {}, std::nullopt, true}));
    else
        context.out("Dry run, nothing was changed. Next: the same command without --dry-run\n");
    return ExitCode::kAsAsked;
}

}  // namespace

Exit perform(const Context& context, const DeprovisionCommand& command) {
    if (!command.verify.empty()) return verify_certificate(context, command);
    if (command.names.empty())
        return usage_error("deprovision: name the BMCs; there is no --all for this", "bmcvault deprovision --help");
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto selected = bmcs_named(**store, command.names);
    if (!selected) return std::unexpected(selected.error());
    if (context.options.dry_run) return plan(context, command, *selected);
    const auto to_wipe = still_to_wipe(**store, *selected);
    if (!to_wipe) return std::unexpected(to_wipe.error());
    if (auto said = confirm(context, *to_wipe); !said) return std::unexpected(said.error());
    if (auto usable = prepare_directory(command.output); !usable) return std::unexpected(usable.error());

    const Interrupts interrupts;
    rotate::Environment environment{std::move(*store), &interrupts.stop(), context.hooks.step};
    auto options = common_options(context, Selection{});
    options.elsewhere.vendor_defaults = true;
    options.factory_reset = command.factory_reset;
    if (command.clear_sel) {
        options.keep_event_log = [&command](const vault::Bmc& bmc, std::span<const rotate::EventRecord> records) {
            return save_event_log(command.output, file_stem(bmc.name), bmc, records, now());
        };
    }
    if (to_wipe->empty()) {
        const auto ended = conclude(context, *environment.store, command, *selected, {}, {});
        rotate::RunSummary nobody_was_asked;
        nobody_was_asked.command = "deprovision";
        nobody_was_asked.total = selected->size();
        if (ended && context.options.json) context.out(json_summary(nobody_was_asked));
        return ended;
    }
    FleetReport report(context, "deprovision", *to_wipe);
    Outcomes outcomes(report);
    const auto summary = rotate::run_deprovision(environment, *to_wipe, options, outcomes);
    report.close();
    if (!summary) {
        auto failure = vault_error("deprovision", summary.error());
        failure.error().safety = "No password is lost: whatever may be on a BMC is in the vault.";
        failure.error().next = "the same command again; it continues";
        return failure;
    }
    std::map<std::string, rotate::BmcReport> reports;
    for (const auto& bmc : *selected) reports[bmc.name] = outcomes.of(bmc.name);
    const auto ended = conclude(context, *environment.store, command, *selected, ids_of(*to_wipe), reports);
    if (ended) report.print_summary(*summary);
    return ended;
}

}  // namespace bmcvault::cli
