#include "cli/context.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "cli/agent.hpp"
#include "cli/checkpoints.hpp"
#include "cli/due.hpp"
#include "cli/secret_input.hpp"
#include "cli/shares.hpp"
#include "vault/core/identity.hpp"

namespace bmcvault::cli {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);  // no thread has started yet
    return value == nullptr ? "" : value;
}

std::string login_name(uid_t uid) {
    const passwd* entry = getpwuid(uid);
    return entry == nullptr ? fmt::format("uid {}", uid) : std::string(entry->pw_name);
}

ExitCode exit_code_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalidArgument:
        case ErrorCode::kNotFound:
        case ErrorCode::kAlreadyExists:
            return ExitCode::kUsage;
        case ErrorCode::kWrongKey:
        case ErrorCode::kNotPermitted:
        case ErrorCode::kUnsafeFile:
        case ErrorCode::kWrongLibrary:
        case ErrorCode::kNoMemory:
            return ExitCode::kNotUnlocked;
        case ErrorCode::kDamaged:
        case ErrorCode::kRolledBack:
            return ExitCode::kDamaged;
        case ErrorCode::kBusy:
            return ExitCode::kBusy;
        default:
            return ExitCode::kNotAsAsked;
    }
}

std::string_view meaning(ErrorCode code) {
    switch (code) {
        case ErrorCode::kWrongKey:
        case ErrorCode::kNotPermitted:
            return "nothing was changed";
        case ErrorCode::kDamaged:
            return "the vault's files are not what bmcvault wrote; nothing was changed";
        case ErrorCode::kRolledBack:
            return "an older copy of the vault was put back, or a copy of it has gone its own way; nothing was changed";
        case ErrorCode::kBusy:
            return "another bmcvault works on this vault; nothing was changed";
        case ErrorCode::kNoSpace:
            return "the disk is full; nothing was stored, and nothing unstored was sent to a BMC";
        case ErrorCode::kCommitUnknown:
            return "the disk did not confirm the last write; the next command reads what is there";
        default:
            return "";
    }
}

std::string_view next_command(ErrorCode code) {
    switch (code) {
        case ErrorCode::kDamaged:
            return "copy the vault directory away first, then: bmcvault vault verify";
        case ErrorCode::kRolledBack:
            return "put the right vault back, then the same command again";
        case ErrorCode::kBusy:
            return "the same command again, when the other one has ended";
        case ErrorCode::kNoSpace:
            return "make room, then the same command again";
        case ErrorCode::kNoEscrow:
            return kMendEscrow;
        case ErrorCode::kCommitUnknown:
            return "bmcvault vault verify";
        case ErrorCode::kWrongKey:
            return "the same command again with the right passphrase, or with the right vault: --vault DIR";
        case ErrorCode::kNotPermitted:
            return kAskAnOwner;
        default:
            return "";
    }
}

std::string home_directory() {
    const passwd* entry = getpwuid(geteuid());
    const std::string home = environment("HOME");
    return home.empty() && entry != nullptr ? std::string(entry->pw_dir) : home;
}

}  // namespace

std::unexpected<Failure> usage_error(std::string what, std::string next) {
    return std::unexpected(Failure{ExitCode::kUsage, std::move(what), std::move(next), ""});
}

std::unexpected<Failure> vault_error(std::string_view doing, const Error& error) {
    Failure failure{exit_code_of(error.code), fmt::format("{}: {}", doing, printable(error.detail)), "", ""};
    if (const auto means = meaning(error.code); !means.empty()) failure.what += fmt::format(" ({})", means);
    failure.next = next_command(error.code);
    return std::unexpected(std::move(failure));
}

std::unexpected<Failure> bad_file(const std::string& file, const LineProblems& problems) {
    std::string what = fmt::format("{}: {}; nothing was imported", file, counted(problems.total, "bad line or field"));
    if (problems.total != 1) what = fmt::format("{}: {} problems; nothing was imported", file, problems.total);
    for (const auto& problem : problems.listed) what += "\n  " + describe(problem);
    if (problems.total > problems.listed.size())
        what += fmt::format("\n  and {} more", problems.total - problems.listed.size());
    return usage_error(what, "correct the file, then the same command again");
}

void print(const Streams& streams, const Failure& failure) {
    std::fflush(streams.out);
    fmt::print(streams.err, "bmcvault: {}\n", failure.what);
    if (!failure.safety.empty()) fmt::print(streams.err, "  {}\n", failure.safety);
    if (!failure.next.empty()) fmt::print(streams.err, "  next: {}\n", failure.next);
}

void Context::out(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), streams.out);
}

void Context::warn(std::string_view text) const {
    std::fflush(streams.out);
    fmt::print(streams.err, "bmcvault: {}\n", text);
}

UnixTime now() {
    using namespace std::chrono;
    return {duration_cast<seconds>(system_clock::now().time_since_epoch()).count()};
}

std::string actor() {
    const std::string name = login_name(getuid());
    const std::string before_sudo = getuid() == 0 ? printable(environment("SUDO_USER")).substr(0, 64) : "";
    return before_sudo.empty() || before_sudo == name ? name : fmt::format("{} (sudo by {})", name, before_sudo);
}

vault::Acting acting(const Context& context) {
    const auto& options = context.options;
    return {actor(), now(), options.reason, context.hooks.step, options.ticket};
}

BmcId new_bmc_id() {
    BmcId id;
    randombytes_buf(id.uuid.data(), id.uuid.size());
    return id;
}

std::filesystem::path vault_directory(const Context& context) {
    if (!context.options.vault.empty()) return context.options.vault;
    if (const auto named = environment("BMCVAULT_DIR"); !named.empty()) return named;
    if (geteuid() == 0) return "/var/lib/bmcvault";
    if (const auto data = environment("XDG_DATA_HOME"); data.starts_with('/')) return data + "/bmcvault";
    return home_directory() + "/.local/share/bmcvault";
}

namespace {

using Opened = Result<std::unique_ptr<vault::Store>>;

// nullopt: no agent has the keys of this vault, or not those of --identity.
std::optional<Opened> open_by_agent(const std::filesystem::path& directory,
                                    const std::optional<std::string>& identity) {
    const auto socket = agent_socket(directory);
    if (!socket) return std::nullopt;
    bool asked_in_vain = false;
    const auto keys_for = [&](const vault::Header& header) -> Result<vault::IdentityKeys> {
        auto keys = keys_from_agent(*socket, header.vault_id, header.generation);
        asked_in_vain = !keys;
        if (!keys || !identity) return keys;
        const auto file = vault::parse_identity(*identity);
        asked_in_vain = !file || file->keys != vault::public_keys(*keys);
        if (asked_in_vain) return fail(ErrorCode::kNotFound, "the agent holds another member's keys");
        return keys;
    };
    auto opened = vault::Store::open(directory, keys_for, {heads_directory(), std::nullopt});
    if (asked_in_vain) return std::nullopt;
    return opened;
}

// With what the options say opens it.
Outcome<Opened> open_given(const Context& context, const std::filesystem::path& directory) {
    if (!context.options.shares.empty()) {
        const auto shares = read_shares(context);
        if (!shares) return std::unexpected(shares.error());
        auto store = vault::Store::open(directory, keys_from(*shares), {heads_directory(), std::nullopt});
        if (store) (*store)->team().opened_by(numbers_of(*shares));
        return store;
    }
    const auto& opened = context.options.identity.empty() ? directory.string() : context.options.identity;
    auto identity = read_identity(context);
    if (!identity) return std::unexpected(identity.error());
    if (!passphrase_is_given(context)) {
        auto by_agent = open_by_agent(directory, *identity);
        if (by_agent) return std::move(*by_agent);
    }
    auto passphrase = read_passphrase(context, fmt::format("Passphrase of {}: ", printable(opened)));
    if (!passphrase) return std::unexpected(passphrase.error());
    return vault::Store::open(directory, *passphrase, {heads_directory(), *identity});
}

Outcome<std::unique_ptr<vault::Store>> open_any(const Context& context) {
    const auto directory = vault_directory(context);
    std::error_code ignored;
    if (!std::filesystem::exists(directory, ignored) && ignored != std::errc::permission_denied) {
        return std::unexpected(
            Failure{ExitCode::kNotUnlocked, fmt::format("there is no vault in {}", printable(directory.string())),
                    context.options.shares.empty() ? "bmcvault init, or name the vault: --vault DIR"
                                                   : "bmcvault vault restore BACKUP, or name the vault: --vault DIR",
                    ""});
    }
    auto way_in = open_given(context, directory);
    if (!way_in) return std::unexpected(way_in.error());
    auto& store = *way_in;
    if (store) {
        if (!(*store)->head_problem().empty()) {
            context.warn(fmt::format("warning: an older vault put back would not be noticed: {}",
                                     printable((*store)->head_problem())));
        }
        (*store)->before_closing([&context](vault::Store& closing) { keep_checkpoint(context, closing); });
        return std::move(*store);
    }
    auto failure = vault_error(fmt::format("vault {}", printable(directory.string())), store.error());
    if (!context.options.shares.empty())
        failure.error().next = "the sheets say which vault and which slot they open, and how many it takes";
    else if (store.error().code == ErrorCode::kNotPermitted)
        failure.error().next =
            "the identity file of a member; or an owner of the vault lets this one in (member add), if it never left";
    // Whatever the reason: without an open vault no command has begun.
    if (failure.error().exit == ExitCode::kUsage || failure.error().exit == ExitCode::kNotAsAsked) {
        failure.error().exit = ExitCode::kNotUnlocked;
    }
    return failure;
}

}  // namespace

std::filesystem::path heads_directory() {
    if (const auto named = environment("BMCVAULT_HEADS"); !named.empty()) return named;
    if (geteuid() == 0) return "/var/lib/bmcvault-head";
    if (const auto state = environment("XDG_STATE_HOME"); state.starts_with('/')) return state + "/bmcvault/heads";
    return home_directory() + "/.local/state/bmcvault/heads";
}

namespace {

std::unexpected<Failure> refused(const vault::Store& store) {
    const Error error{ErrorCode::kRolledBack, store.refusal(), std::nullopt};
    auto failure = vault_error(fmt::format("vault {}", printable(store.directory().string())), error);
    failure.error().next = next_of_refused(store);
    return failure;
}

Outcome<std::unique_ptr<vault::Store>> open_to_write(const Context& context) {
    auto store = open_any(context);
    if (store && vault::role_of((*store)->team().own_slot()) == vault::Role::kAuditor)
        return std::unexpected(
            Failure{ExitCode::kNotUnlocked, "an auditor may only look", std::string(kAskAnOwner), ""});
    if (!store || (*store)->refusal().empty()) return store;
    return refused(**store);
}

}  // namespace

Outcome<std::unique_ptr<vault::Store>> open_vault(const Context& context) {
    auto store = open_to_write(context);
    if (!store) return store;
    if (auto recorded = record_use_of_shares(context, **store); !recorded) return std::unexpected(recorded.error());
    return store;
}

Outcome<std::unique_ptr<vault::Store>> open_vault_for_drill(const Context& context) {
    return open_to_write(context);
}

Outcome<void> record_use_of_shares(const Context& context, vault::Store& store) {
    if (context.options.shares.empty()) return {};
    const auto used = store.team().use_break_glass(acting(context));
    if (!used) return vault_error("break-glass: nothing was shown, because it could not be recorded", used.error());
    context.warn(
        "break-glass: recorded that the shares opened the vault; every credential is exposed and due\n"
        "  next: by another owner, when this is over: bmcvault depart break-glass, which rotates them; then new "
        "shares");
    return {};
}

Outcome<std::unique_ptr<vault::Store>> open_vault_as_it_is(const Context& context) {
    return open_any(context);
}

std::string next_of_refused(const vault::Store& store) {
    const std::string accept = "bmcvault vault accept-restore --reason TEXT";
    if (store.refusal().starts_with("another administrator"))
        return "find out who has signed it, and put the right vault back; only an owner who knows why goes on: " +
               accept;
    if (store.other_copy().empty()) return "put the right vault back; or go on from this one: " + accept;
    return fmt::format(
        "use the vault in {}; a drill may look at this one, and ends there; to give that one up for it: {}",
        printable(store.other_copy().string()), accept);
}

Outcome<std::unique_ptr<vault::Store>> open_vault_to_look(const Context& context) {
    if (!context.options.shares.empty()) return open_vault(context);  // which is recorded, so it must be writable
    auto store = open_any(context);
    if (store && !(*store)->refusal().empty()) {
        context.warn(fmt::format("warning: {}; it can be looked at, and not changed\n  next: {}",
                                 printable((*store)->refusal()), context.commands(next_of_refused(**store))));
    }
    return store;
}

namespace {

std::string next_of_empty(const std::vector<vault::Bmc>& fleet, const Selection& selection) {
    if (fleet.empty()) return "bmcvault bmc import FILE, or bmcvault bmc add NAME ADDRESS --username USER";
    return selection.words.empty() ? "bmcvault status" : "bmcvault bmc list";
}

}  // namespace

std::string Context::program() const {
    std::string text = "bmcvault";
    if (!options.vault.empty()) text += " --vault " + shell_word(options.vault);
    if (!options.identity.empty()) text += " --identity " + shell_word(options.identity);
    for (const auto& share : options.shares) text += " --share " + shell_word(share);
    return text;
}

std::string Context::commands(std::string_view next) const {
    return replaced(std::string(next), "bmcvault ", program() + " ");
}

namespace {

Outcome<void> has_left(const std::vector<vault::Departure>& departures, const std::string& who) {
    std::vector<std::string> names;
    std::ranges::transform(departures, std::back_inserter(names), &vault::Departure::who);
    if (std::ranges::count(names, who) > 0) return {};
    const auto near = nearest(who, names);
    return usage_error(fmt::format("--exposed-to {}: nobody of that name has left{}", printable(who),
                                   near.empty() ? "" : fmt::format("; did you mean {}?", printable(near))),
                       "bmcvault member list, or bmcvault holder list");
}

// A member sees no BMC of another compartment, nor that it is there.
std::string_view of_what_is_seen(const vault::Store& store) {
    const bool sees_all = vault::role_of(store.team().own_slot()) != vault::Role::kOperator;
    return sees_all ? "" : " in the compartments that you open";
}

}  // namespace

Outcome<std::vector<vault::Bmc>> selected_bmcs(const Context& context, vault::Store& store,
                                               const Selection& selection) {
    const auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    SelectionFacts facts;
    if (selection.due) {
        const auto policy = read_policy(context);
        if (!policy) return std::unexpected(policy.error());
        const auto entries = due_entries(store, *policy, now());
        if (!entries) return std::unexpected(entries.error());
        for (const auto& entry : *entries) {
            if (is_to_do(entry)) facts.due.insert(entry.bmc.id);
        }
    }
    if (!selection.exposed_to.empty()) {
        const auto departures = store.team().departures();
        if (!departures) return vault_error("reading the departures", departures.error());
        if (auto known = has_left(*departures, selection.exposed_to); !known) return std::unexpected(known.error());
        for (const auto& departure : *departures) {
            if (departure.who != selection.exposed_to) continue;
            const auto exposed = store.team().exposed_by(departure);
            if (!exposed) return vault_error("reading what was exposed", exposed.error());
            for (const auto& credential : *exposed) facts.exposed.insert(credential.bmc);
        }
    }
    if (selection.failed) {
        const auto pending = store.pending_versions();
        if (!pending) return vault_error("reading what is unfinished", pending.error());
        for (const auto& version : *pending) facts.unfinished.insert(version.bmc);
    }
    auto selected = select(*fleet, selection, facts);
    const auto seen = of_what_is_seen(store);
    if (fleet->empty() && !seen.empty())
        return usage_error(fmt::format("nothing selected: there is no BMC{}", seen), std::string(kAskAnOwner));
    if (!selected)
        return usage_error(selected.error().code == ErrorCode::kNotFound && !seen.empty()
                               ? fmt::format("{} (looked for{})", selected.error().detail, seen)
                               : selected.error().detail,
                           next_of_empty(*fleet, selection));
    return std::move(*selected);
}

Outcome<vault::Bmc> find_bmc(const vault::Store& store, const std::string& name) {
    const auto fleet = store.bmcs();
    if (!fleet) return vault_error("reading the inventory", fleet.error());
    std::vector<std::string> names;
    for (const auto& bmc : *fleet) {
        if (bmc.name == name) return bmc;
        names.push_back(bmc.name);
    }
    const std::string near = nearest(name, names);
    return usage_error(fmt::format("no BMC is called '{}'{}{}", printable(name), of_what_is_seen(store),
                                   near.empty() ? "" : fmt::format("; did you mean '{}'?", near)),
                       "bmcvault bmc list");
}

bool confirmed(const Context& context, std::string_view question) {
    if (context.options.yes || context.options.dry_run || isatty(context.streams.in) == 0) return true;
    fmt::print(context.streams.err, "{} [y/N] ", question);
    std::fflush(context.streams.err);
    char answer = 'n';
    char c = 0;
    for (bool first = true; read(context.streams.in, &c, 1) == 1 && c != '\n'; first = false) {
        if (first) answer = c;
    }
    return answer == 'y' || answer == 'Y';
}

}  // namespace bmcvault::cli
