// bmc add, import, set, replace, hold, remove: changes of the inventory. Each is one transaction; no BMC is contacted.

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/inventory_csv.hpp"
#include "cli/json.hpp"
#include "cli/secret_input.hpp"
#include "rotate/engine/learned_facts.hpp"
#include "vault/store/locks.hpp"

namespace bmcvault::cli {
namespace {

using vault::Bmc;
using vault::Provenance;
using vault::StoredSize;
using vault::Transaction;
using vault::VersionState;

// The record as it is now; nobody else is at work on the BMC while it changes.
struct LockedBmc {
    Bmc bmc;
    vault::BmcLock lock;
};

Outcome<vault::BmcLock> lock_of(const vault::Store& store, const Bmc& bmc) {
    auto lock = vault::BmcLock::try_acquire(store.directory(), bmc.id);
    if (lock) return std::move(*lock);
    if (lock.error().code != ErrorCode::kBusy) return vault_error(bmc.name, lock.error());
    return std::unexpected(
        Failure{ExitCode::kBusy,
                fmt::format("{}: another bmcvault is at work on this BMC; nothing was changed", bmc.name), "", ""});
}

Outcome<LockedBmc> find_and_lock(const vault::Store& store, const std::string& name) {
    const auto found = find_bmc(store, name);
    if (!found) return std::unexpected(found.error());
    auto lock = lock_of(store, *found);
    if (!lock) return std::unexpected(lock.error());
    auto now_locked = find_bmc(store, name);
    if (!now_locked) return std::unexpected(now_locked.error());
    return LockedBmc{std::move(*now_locked), std::move(*lock)};
}

std::string audit_body(const Context& context, const Bmc& bmc) {
    return json_body({{"name", bmc.name},
                      {"address", host_and_port(bmc.address, bmc.port)},
                      {"reason", context.options.reason},
                      {"ticket", context.options.ticket}});
}

// A credential that a person gave: never proved yet, so a candidate and nothing more.
Result<void> add_credential(Transaction& transaction, const Bmc& bmc, const Credential& credential,
                            Provenance provenance, const std::string& note) {
    if (credential.password) {
        auto added = transaction.add_version(bmc.id, bmc.own_password(), credential.password->bytes,
                                             credential.password->size, VersionState::kUnknown, provenance, note);
        if (!added) return std::unexpected(added.error());
    }
    if (credential.k_g) {
        auto added = transaction.add_version(bmc.id, bmc.k_g_subject(), *credential.k_g, StoredSize::k20,
                                             VersionState::kUnknown, provenance, note);
        if (!added) return std::unexpected(added.error());
    }
    return {};
}

// One bmc line and the summary, or a sentence.
void report_change(const Context& context, const std::string& command, const std::vector<Bmc>& bmcs,
                   const std::string& outcome, const std::string& sentence) {
    if (!context.options.json) {
        context.out(replaced(sentence, "Next: bmcvault ", fmt::format("Next: {} ", context.program())) +
                    (context.options.dry_run ? " (dry run, nothing was changed)\n" : "\n"));
        return;
    }
    for (const auto& bmc : bmcs) context.out(json_inventory(bmc, outcome));
    context.out(json_summary(
        PlainSummary{command, bmcs.size(), {{outcome, bmcs.size()}}, std::nullopt, context.options.dry_run}));
}

Exit change(const Context& context, vault::Store& store, const std::string& command, const std::vector<Bmc>& bmcs,
            const std::string& outcome, const std::string& sentence, const vault::Store::Work& work) {
    if (!context.options.dry_run) {
        if (auto done = store.transact(actor(), now(), work); !done) return vault_error(command, done.error());
    }
    report_change(context, command, bmcs, outcome, sentence);
    return ExitCode::kAsAsked;
}

template <class T, class Parser>
bool apply(std::optional<Failure>& failure, const std::optional<std::string>& text, std::string_view option, T& target,
           Parser parser) {
    if (!text || failure) return false;
    auto parsed = parser(*text);
    if (!parsed) {
        failure = usage_error(fmt::format("{} {}", option, parsed.error().detail)).error();
        return false;
    }
    target = std::move(*parsed);
    return true;
}

// What add and set share. An empty --group or --tags clears it.
std::optional<Failure> apply_fields(Bmc& bmc, const BmcFields& fields) {
    std::optional<Failure> failure;
    Endpoint endpoint;
    if (apply(failure, fields.address, "ADDRESS", endpoint, parse_endpoint)) {
        bmc.address = endpoint.address;
        if (endpoint.port) bmc.port = *endpoint.port;
    }
    if (endpoint.port && fields.port) {
        return usage_error("the port stands in the address and in --port; once is enough").error();
    }
    apply(failure, fields.port, "--port", bmc.port, parse_port);
    const std::string old_user = bmc.user_name;
    apply(failure, fields.user_name, "--username", bmc.user_name, parse_user_name);
    if (bmc.user_name != old_user) bmc.user_id.reset();  // learned again at the next login
    std::uint8_t user_id = 0;
    if (apply(failure, fields.user_id, "--user-id", user_id, parse_user_id)) bmc.user_id = user_id;
    apply(failure, fields.channel, "--channel", bmc.channel, parse_channel);
    apply(failure, fields.group, "--group", bmc.group,
          [](const std::string& text) { return text.empty() ? Result<std::string>("") : parse_word(text); });
    apply(failure, fields.tags, "--tags", bmc.tags, parse_tags);
    return failure;
}

// A spare or monitoring account that became our own would be changed twice in one rotation.
std::optional<Failure> name_taken(const vault::Store& store, const Bmc& bmc) {
    const auto accounts = rotate::role_accounts(store, bmc);
    if (!accounts) return vault_error("bmc set", accounts.error()).error();
    const auto* taken = rotate::find_named(*accounts, bmc.user_name);
    if (taken == nullptr) return std::nullopt;
    const auto role = rotate::word(taken->role);
    return usage_error(
               fmt::format("'{}' is the {} account of {}", printable(bmc.user_name), role, printable(bmc.name)),
               fmt::format("bmcvault accounts release {} --role {}, then the same command again", bmc.name, role))
        .error();
}

// Two rows for one BMC would rotate it against each other.
std::optional<Failure> address_taken(const std::vector<Bmc>& fleet, const Bmc& bmc) {
    for (const auto& other : fleet) {
        if (other.id == bmc.id || other.address != bmc.address || other.port != bmc.port) continue;
        return usage_error(fmt::format("{}: the vault has {} already, as '{}'", bmc.name,
                                       host_and_port(bmc.address, bmc.port), other.name),
                           fmt::format("bmcvault bmc show {}", other.name))
            .error();
    }
    return std::nullopt;
}

Bmc bmc_of_row(const InventoryRow& row) {
    Bmc bmc;
    bmc.id = new_bmc_id();
    bmc.name = row.name;
    bmc.address = row.address;
    bmc.port = row.port;
    bmc.user_name = row.user_name;
    bmc.user_id = row.user_id;
    bmc.channel = row.channel;
    bmc.group = row.group;
    bmc.tags = row.tags;
    return bmc;
}

Result<void> import_row(Transaction& transaction, const Context& context, const Bmc& bmc, InventoryRow& row) {
    if (auto added = transaction.add_bmc(bmc); !added) return added;
    // The factory password first: the imported one is the newer word.
    if (row.factory_password) {
        auto added =
            transaction.add_version(bmc.id, bmc.own_password(), row.factory_password->bytes, row.factory_password->size,
                                    VersionState::kRetired, Provenance::kFactory, "factory password");
        if (!added) return std::unexpected(added.error());
    }
    const Credential credential{std::move(row.password), std::move(row.k_g)};
    auto added = add_credential(transaction, bmc, credential, Provenance::kImported, "imported");
    row.password = std::nullopt;
    row.k_g = std::nullopt;
    if (!added) return added;
    return transaction.audit("bmc.imported", bmc.id, audit_body(context, bmc));
}

std::string credentials_of(const std::vector<InventoryRow>& rows) {
    const auto with_password = std::ranges::count_if(rows, [](const auto& row) { return row.password.has_value(); });
    const auto with_k_g = std::ranges::count_if(rows, [](const auto& row) { return row.k_g.has_value(); });
    return fmt::format("{} with a password, {} with a K_G", with_password, with_k_g);
}

}  // namespace

Exit perform(const Context& context, const BmcAddCommand& command) {
    Bmc bmc;
    bmc.id = new_bmc_id();
    const auto name = parse_word(command.name);
    if (!name) return usage_error(fmt::format("NAME {}", name.error().detail));
    bmc.name = *name;
    if (auto failure = apply_fields(bmc, command.fields)) return std::unexpected(*failure);
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto fleet = (*store)->bmcs();
    if (!fleet) return vault_error("bmc add", fleet.error());
    if (std::ranges::count(*fleet, bmc.name, &Bmc::name) > 0) {
        return usage_error(fmt::format("'{}' is in the vault already", bmc.name),
                           fmt::format("bmcvault bmc show {}", bmc.name));
    }
    if (auto failure = address_taken(*fleet, bmc)) return std::unexpected(*failure);
    const auto credential = read_credential(command.credential, true, bmc.name);
    if (!credential) return std::unexpected(credential.error());
    return change(context, **store, "bmc add", {bmc}, "added",
                  fmt::format("Added {} ({}), password {}.", bmc.name, host_and_port(bmc.address, bmc.port),
                              credential->password ? "given, not proved yet" : "unknown"),
                  [&](Transaction& transaction) -> Result<void> {
                      if (auto added = transaction.add_bmc(bmc); !added) return added;
                      if (auto added = add_credential(transaction, bmc, *credential, Provenance::kManual, "bmc add");
                          !added) {
                          return added;
                      }
                      return transaction.audit("bmc.added", bmc.id, audit_body(context, bmc));
                  });
}

Exit perform(const Context& context, const BmcImportCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const std::string file = command.file == "-" ? "standard input" : printable(command.file);
    const auto text = read_whole(context, command.file, kMaxInventorySize);
    if (!text) return std::unexpected(text.error());
    auto rows = text->expose([](std::string_view bytes) { return parse_inventory(bytes); });
    if (!rows) return bad_file(file, rows.error());
    const auto fleet = (*store)->bmcs();
    if (!fleet) return vault_error("bmc import", fleet.error());
    if (const auto known = clashes(*rows, *fleet); known.total > 0) return bad_file(file, known);

    std::vector<Bmc> bmcs;
    bmcs.reserve(rows->size());
    for (const auto& row : *rows) bmcs.push_back(bmc_of_row(row));
    const std::string sentence = fmt::format(
        "{} {} ({}). Nothing {}sent to any BMC. Next: {}", context.options.dry_run ? "Would import" : "Imported",
        counted(bmcs.size(), "BMC"), credentials_of(*rows), context.options.dry_run ? "would be " : "was ",
        context.options.dry_run ? "the same command without --dry-run" : "bmcvault check --all");
    return change(context, **store, "bmc import", bmcs, "imported", sentence,
                  [&](Transaction& transaction) -> Result<void> {
                      for (std::size_t i = 0; i < bmcs.size(); ++i) {
                          if (auto done = import_row(transaction, context, bmcs[i], (*rows)[i]); !done) return done;
                      }
                      return {};
                  });
}

Exit perform(const Context& context, const BmcSetCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto locked = find_and_lock(**store, command.name);
    if (!locked) return std::unexpected(locked.error());
    const Bmc& found = locked->bmc;
    Bmc bmc = found;
    if (auto failure = apply_fields(bmc, command.fields)) return std::unexpected(*failure);
    if (auto failure = name_taken(**store, bmc)) return std::unexpected(*failure);
    if (command.accept_identity) bmc.pin = {};
    if (command.accept_identity || command.credential.given()) bmc.quarantine.reset();
    if (command.allow_weaker_suite) bmc.weaker_suite_allowed = *command.allow_weaker_suite;
    const auto fleet = (*store)->bmcs();
    if (!fleet) return vault_error("bmc set", fleet.error());
    if (auto failure = address_taken(*fleet, bmc)) return std::unexpected(*failure);
    const auto versions = (*store)->versions(bmc.id);
    if (!versions) return vault_error("bmc set", versions.error());
    const bool has_k_g =
        std::ranges::any_of(*versions, [](const auto& version) { return version.subject.kind == vault::Kind::kKg; });
    if (bmc.channel != found.channel && has_k_g) {
        return usage_error(fmt::format("{}: --channel: the vault has a K_G of channel {}, which would be forgotten",
                                       bmc.name, found.channel));
    }
    const auto credential = read_credential(command.credential, false, bmc.name);
    if (!credential) return std::unexpected(credential.error());
    return change(
        context, **store, "bmc set", {bmc}, "set", fmt::format("Set {}. Next: bmcvault check {}", bmc.name, bmc.name),
        [&](Transaction& transaction) -> Result<void> {
            if (auto done = transaction.update_bmc(bmc); !done) return done;
            if (auto done = add_credential(transaction, bmc, *credential, Provenance::kManual, "bmc set"); !done) {
                return done;
            }
            return transaction.audit(command.accept_identity ? "bmc.identity-accepted" : "bmc.set", bmc.id,
                                     audit_body(context, bmc));
        });
}

Exit perform(const Context& context, const BmcReplaceCommand& command) {
    if (context.options.reason.empty()) return usage_error("bmc replace needs a --reason: the old board is not wiped");
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto locked = find_and_lock(**store, command.name);
    if (!locked) return std::unexpected(locked.error());
    const Bmc& found = locked->bmc;
    Bmc old_board = found;
    old_board.retired = true;

    Bmc bmc;
    bmc.id = new_bmc_id();
    bmc.name = found.name;
    bmc.address = found.address;
    bmc.port = found.port;
    bmc.user_name = found.user_name;
    bmc.channel = found.channel;
    bmc.group = found.group;
    bmc.tags = found.tags;
    BmcFields fields;
    fields.address = command.address;
    if (auto failure = apply_fields(bmc, fields)) return std::unexpected(*failure);
    const auto fleet = (*store)->bmcs();
    if (!fleet) return vault_error("bmc replace", fleet.error());
    auto others = *fleet;
    std::erase_if(others, [&](const Bmc& other) { return other.id == found.id; });
    if (auto failure = address_taken(others, bmc)) return std::unexpected(*failure);
    const auto credential = read_credential(command.credential, true, bmc.name);
    if (!credential) return std::unexpected(credential.error());
    if (!confirmed(context,
                   fmt::format("{}: a new board answers under this name, the old one is not wiped?", bmc.name))) {
        return usage_error("nothing was changed");
    }
    return change(
        context, **store, "bmc replace", {bmc}, "replaced",
        fmt::format("Replaced {}: the old board keeps its history and is not wiped. Next: bmcvault check {}", bmc.name,
                    bmc.name),
        [&](Transaction& transaction) -> Result<void> {
            if (auto done = transaction.update_bmc(old_board); !done) return done;
            if (auto done = transaction.audit("bmc.replaced-not-wiped", old_board.id, audit_body(context, old_board));
                !done) {
                return done;
            }
            if (auto done = transaction.add_bmc(bmc); !done) return done;
            if (auto done = add_credential(transaction, bmc, *credential, Provenance::kManual, "bmc replace"); !done) {
                return done;
            }
            return transaction.audit("bmc.added", bmc.id, audit_body(context, bmc));
        });
}

Exit perform(const Context& context, const BmcHoldCommand& command) {
    const UnixTime today = now();
    std::optional<vault::Hold> hold;
    if (!command.release) {
        if (command.until.empty()) return usage_error("bmc hold needs --until DATE, or --release");
        if (context.options.reason.empty())
            return usage_error("bmc hold needs a --reason, for those who find it later");
        const auto until = parse_future_date(command.until, today);
        if (!until) return usage_error(fmt::format("--until {}", until.error().detail));
        hold = vault::Hold{*until, context.options.reason};
    }
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto locked = find_and_lock(**store, command.name);
    if (!locked) return std::unexpected(locked.error());
    const Bmc& found = locked->bmc;
    Bmc bmc = found;
    bmc.hold = hold;
    const std::string sentence =
        hold ? fmt::format("{} is held until {}: {}", bmc.name, iso_time(*hold->until), printable(hold->reason))
             : fmt::format("{} is no longer held.", bmc.name);
    return change(context, **store, "bmc hold", {bmc}, hold ? "held" : "released", sentence,
                  [&](Transaction& transaction) -> Result<void> {
                      if (auto done = transaction.update_bmc(bmc); !done) return done;
                      return transaction.audit(hold ? "bmc.held" : "bmc.released", bmc.id, audit_body(context, bmc));
                  });
}

Exit perform(const Context& context, const BmcRemoveCommand& command) {
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    const auto fleet = (*store)->bmcs();
    if (!fleet) return vault_error("bmc remove", fleet.error());
    Selection selection;
    selection.words = command.names;
    auto selected = select(*fleet, selection);
    if (!selected) return usage_error(selected.error().detail, "bmcvault bmc list");
    std::vector<std::string> names;
    std::vector<vault::BmcLock> locks;
    for (auto& bmc : *selected) {
        auto locked = find_and_lock(**store, bmc.name);
        if (!locked) return std::unexpected(locked.error());
        bmc = locked->bmc;
        locks.push_back(std::move(locked->lock));
        bmc.retired = true;
        names.push_back(bmc.name);
    }
    // Nothing that was wiped gets here: `deprovision` takes it out of the inventory itself.
    if (!confirmed(context, fmt::format("Take {} ({}) out of the inventory? Users and keys on it were never wiped: "
                                        "`bmcvault deprovision` does that, and proves it.",
                                        counted(names.size(), "BMC"), some_of(names)))) {
        return usage_error("nothing was changed", "bmcvault deprovision NAME");
    }
    return change(
        context, **store, "bmc remove", *selected, "removed",
        fmt::format("Removed {}: {}. Never wiped: the BMC keeps its password; `bmcvault history NAME` still finds it.",
                    counted(names.size(), "BMC"), some_of(names)),
        [&](Transaction& transaction) -> Result<void> {
            for (const auto& bmc : *selected) {
                if (auto done = transaction.update_bmc(bmc); !done) return done;
                if (auto done = transaction.audit("bmc.removed", bmc.id, audit_body(context, bmc)); !done) {
                    return done;
                }
            }
            return {};
        });
}

}  // namespace bmcvault::cli
