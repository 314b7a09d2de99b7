// What every command works with: options, streams, styles, the open vault; and how a command fails.
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "cli/journal.hpp"
#include "cli/line_problems.hpp"
#include "cli/options.hpp"
#include "cli/run.hpp"
#include "cli/selector.hpp"
#include "cli/text.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::cli {

enum class ExitCode : int {
    kAsAsked = 0,
    kNotAsAsked = 1,
    kUsage = 2,
    kNotUnlocked = 3,
    kDamaged = 4,
    kBusy = 5,
    kAttention = 6,
    kOurBug = 70,
};

// What failed and on which BMC, what it means, what to type next, and whether a password is in danger.
struct Failure {
    ExitCode exit = ExitCode::kNotAsAsked;
    std::string what;
    std::string next;    // a command; may be empty
    std::string safety;  // "the password is safe: ..."; may be empty
};

template <class T>
using Outcome = std::expected<T, Failure>;

// What is next for somebody who may not do this.
inline constexpr std::string_view kAskAnOwner = "ask an owner of the vault; who that is: bmcvault member list";

// What is next where the escrow log is not as the vault left it, or can't be written.
inline constexpr std::string_view kMendEscrow =
    "make room, mount its disk or put the right file back; or bmcvault vault escrow disable, then bmcvault vault "
    "escrow enable --to "
    "FILE, which writes everything anew";

[[nodiscard]] std::unexpected<Failure> usage_error(std::string what, std::string next = {});
// An error of the vault while it works ("import", "reveal rack01-bmc"), with the exit code of its kind.
[[nodiscard]] std::unexpected<Failure> vault_error(std::string_view doing, const Error& error);
// A file of which nothing was imported, with every line that is wrong.
[[nodiscard]] std::unexpected<Failure> bad_file(const std::string& file, const LineProblems& problems);
void print(const Streams& streams, const Failure& failure);

struct Context {
    const GlobalOptions& options;
    const Streams& streams;
    const Hooks& hooks;
    Style out_style;
    Style err_style;
    RunEntry& entry;  // what the command says of itself for the journal

    void out(std::string_view text) const;
    void warn(std::string_view text) const;  // "bmcvault: ..." on standard error
    // What a next command begins with: "bmcvault", with the --vault and --identity of this one.
    [[nodiscard]] std::string program() const;
    // The commands in a text about what to do next, with those options: to be copied.
    [[nodiscard]] std::string commands(std::string_view next) const;
};

[[nodiscard]] UnixTime now();
// Who acts, for the audit log: the login name, and behind sudo both.
[[nodiscard]] std::string actor();
[[nodiscard]] vault::Acting acting(const Context& context);
[[nodiscard]] BmcId new_bmc_id();
[[nodiscard]] std::filesystem::path vault_directory(const Context& context);
// Where this host keeps what it has seen of each vault: $BMCVAULT_HEADS, else beside the state of this user.
[[nodiscard]] std::filesystem::path heads_directory();
// For a command that writes: an older vault than this host has seen is a Failure.
[[nodiscard]] Outcome<std::unique_ptr<vault::Store>> open_vault(const Context& context);
// By --share, for a drill: it is no use of them, and exposes nothing.
[[nodiscard]] Outcome<std::unique_ptr<vault::Store>> open_vault_for_drill(const Context& context);
// The vault is open by --share: everything is exposed, and that is durable, before anything is shown or done. Nothing
// where it was opened otherwise.
[[nodiscard]] Outcome<void> record_use_of_shares(const Context& context, vault::Store& store);
// For one that only looks, or puts things right: an older vault is a warning.
[[nodiscard]] Outcome<std::unique_ptr<vault::Store>> open_vault_to_look(const Context& context);
// For accept-restore: refused or not, without a word.
[[nodiscard]] Outcome<std::unique_ptr<vault::Store>> open_vault_as_it_is(const Context& context);
// What a vault is told that may only be looked at: what to do with it.
[[nodiscard]] std::string next_of_refused(const vault::Store& store);
// The BMCs selected, each once, in the order of the inventory. Usage error: nothing selected, an unknown name.
[[nodiscard]] Outcome<std::vector<vault::Bmc>> selected_bmcs(const Context& context, vault::Store& store,
                                                             const Selection& selection);
// The BMC of this name; unknown: usage error with the nearest one.
[[nodiscard]] Outcome<vault::Bmc> find_bmc(const vault::Store& store, const std::string& name);
// A yes or no on the terminal. True without asking with --yes, or when standard input is no terminal.
[[nodiscard]] bool confirmed(const Context& context, std::string_view question);

}  // namespace bmcvault::cli
