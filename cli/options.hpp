// What was asked on the command line, as values. parse_options() is the only user of CLI11.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/agent_life.hpp"
#include "cli/selector.hpp"

namespace bmcvault::cli {

enum class ColorChoice { kAuto, kAlways, kNever };

struct GlobalOptions {
    std::string vault;     // empty: from the environment
    std::string identity;  // file of a member; empty: the passphrase opens the vault itself
    std::optional<int> passphrase_fd;
    std::optional<std::string> passphrase_file;
    std::vector<std::string> shares;  // files, or "-" for the terminal: they open the vault, and no passphrase does
    bool json = false;
    bool dry_run = false;
    bool yes = false;
    bool quiet = false;
    bool verbose = false;
    std::optional<int> parallel;  // not said: as the policy says, else kDefaultParallel
    std::chrono::milliseconds timeout{20000};
    ColorChoice color = ColorChoice::kAuto;
    std::string reason;
    std::string ticket;
    std::string policy;  // file; empty: from the environment
};

inline constexpr int kDefaultParallel = 32;

// Where a BMC's credential comes from: a descriptor or a file, never an argument.
struct CredentialInput {
    std::optional<int> password_fd;
    std::optional<std::string> password_file;
    std::optional<int> k_g_fd;  // hexadecimal
    std::optional<std::string> k_g_file;
    bool ask = false;  // ask for the password on the terminal

    [[nodiscard]] bool given() const { return password_fd || password_file || k_g_fd || k_g_file || ask; }
};

// What a second member signs (cli/plan.hpp): of rotate, reveal, export, member add.
struct ApprovalOptions {
    bool plan = false;      // write down what would be done, and do nothing
    std::string plan_file;  // where to; export has an --output of its own
    int valid_days = 7;
    std::string approved;  // the file of a plan with both signatures: do exactly that

    [[nodiscard]] bool is_approved() const { return !approved.empty(); }
};

struct InitCommand {
    std::string group;
    std::uint32_t kdf_memory_mib = 256;
    std::uint32_t kdf_operations = 3;
};
struct BmcFields {  // of add and set; nullopt: not said
    std::optional<std::string> address, port, user_name, user_id, channel, group, tags;
};
struct BmcAddCommand {
    std::string name;
    BmcFields fields;
    CredentialInput credential;
};
struct BmcImportCommand {
    std::string file;
};
struct BmcImportPasswordsCommand {
    std::string file;
    std::string list_name;  // empty: from the file's name
};
struct BmcSetCommand {
    std::string name;
    BmcFields fields;
    CredentialInput credential;
    bool accept_identity = false;
    std::optional<bool> allow_weaker_suite;
};
struct BmcReplaceCommand {
    std::string name;
    std::optional<std::string> address;
    CredentialInput credential;
};
struct BmcHoldCommand {
    std::string name;
    std::string until;
    bool release = false;
};
struct BmcRemoveCommand {
    std::vector<std::string> names;
};
struct BmcListCommand {
    Selection selection;
};
struct BmcShowCommand {
    std::string name;
};
struct RotateCommand {
    Selection selection;
    bool k_g = false, put_back = false, fresh = false, first_contact = false;
    std::string role;  // empty: all accounts of ours
    ApprovalOptions approval{};
};
struct ElsewhereOptions {  // of check and recover: what is tested beyond a BMC's own versions
    bool fleet_history = false;
    std::vector<std::string> history_of;  // selectors
    bool lists = true, vendor_defaults = true;
};
struct CheckCommand {
    Selection selection;
    ElsewhereOptions elsewhere;
    bool no_login = false, accounts = false;
};
struct AccountsCommand {
    Selection selection;
    ElsewhereOptions elsewhere;
    bool table_only = false;
};
struct AccountsSecureCommand {
    Selection selection;
    ElsewhereOptions elsewhere;
    bool close_unknown = false;
    std::vector<std::string> keep;  // user names
};
struct AccountsAdoptCommand {
    Selection selection;
    std::string role;       // empty: our own account
    std::string user_name;  // empty: as the role has it
    std::string privilege;  // of a monitor; empty: user
};
struct AccountsReleaseCommand {
    Selection selection;
    std::string role;
};
struct AccountsAcceptCommand {
    Selection selection;
};
struct RecoverCommand {
    Selection selection;
    ElsewhereOptions elsewhere;
    bool find_only = false, first_contact = false;
    int login_attempts = 0;
    bool rescue_script = false;
    std::string via;  // ssh://[user@]host[:port]
};
struct HistoryCommand {
    std::string name;
};
struct RevealCommand {
    Selection selection;
    std::string account;  // role; empty: our own
    std::optional<std::uint32_t> version;
    bool password_only = false;
    ApprovalOptions approval{};
};
struct ExecCommand {
    std::string name;
    std::string account;  // role; empty: our own
    std::string tool;     // ipmitool, freeipmi; empty: by the command's first word
    std::vector<std::string> command;
};
struct StatusCommand {
    Selection selection;
};
struct LogCommand {
    std::string name;
    std::size_t limit = 0;  // 0: all
    std::string event;      // how it begins; empty: any
    std::string by;         // how the actor begins; empty: anybody
    std::string since;      // a date; empty: always
};
struct LogExportCommand {
    LogCommand filter;
    std::string output;
    bool sign = false;
};
struct MemberKeygenCommand {
    std::string output;
    std::uint32_t kdf_memory_mib = 256;
    std::uint32_t kdf_operations = 3;
};
struct MemberAddCommand {
    std::string name, key;
    std::string role = "operator";
    bool service = false;
    std::vector<std::string> compartments;  // empty: all
    ApprovalOptions approval{};
};
struct MemberListCommand {};
struct CompartmentAddCommand {
    std::string name;
};
struct CompartmentListCommand {};
struct CompartmentMoveCommand {
    std::string name;
    Selection selection;
};
struct HolderAddCommand {
    std::string name;
    Selection selection;
    std::string since;
};
struct HolderListCommand {};
struct DepartCommand {  // and member remove, which rotates nothing
    std::string who;
    bool no_rotate = false;
    std::string output;
};
struct DeprovisionCommand {
    std::vector<std::string> names;
    std::string output = ".";
    bool factory_reset = false;
    bool clear_sel = false;             // the event log too; it goes to `output` first
    std::string verify;                 // a certificate; then nothing else is done
    std::optional<std::string> signer;  // who must have signed it: 64 hexadecimal digits
};
struct ExposeCommand {
    Selection selection;
};
struct VaultInfoCommand {};
struct VaultVerifyCommand {
    std::string file;  // a backup; empty: the vault itself
    std::string head;  // a file with a checkpoint that was kept elsewhere
};
struct VaultBackupCommand {
    std::string file;
};
struct VaultRestoreCommand {
    std::string file;
    std::string group;
};
struct ExportCommand {
    Selection selection;
    std::string account;  // role; empty: our own
    std::string format;   // as file_format() takes it
    std::string output;
    std::string holder;
    ApprovalOptions approval{};
};
struct ApproveCommand {
    std::string file;
};
struct CardShowCommand {
    std::string kind;  // empty: all
};
struct CardExportCommand {
    std::string output;
};
struct CardImportCommand {
    std::string file;
};
struct UnlockCommand {
    AgentLimits limits{};
};
struct LockCommand {};
struct AgentCommand {  // what `unlock` starts; nobody types it
    AgentLimits limits{};
};
struct CardForgetCommand {
    std::string kind;
    std::string fact;
};
struct VaultAcceptRestoreCommand {};
struct VaultForgetCommand {
    std::optional<int> after_days;  // empty: retention_days of the policy
};
struct BreakGlassCreateCommand {
    std::uint32_t threshold = 0, shares = 0;
    std::vector<std::string> holders;  // of share 1, 2 ...; none: nobody is named
    std::string output;
};
struct BreakGlassDrillCommand {};
struct EscrowEnableCommand {
    std::string file;
};
struct EscrowDisableCommand {};
struct EscrowShowCommand {};
struct EscrowReplayCommand {
    std::string file;
};
struct PracticeCommand {
    std::size_t count = 8;
    bool mixed = false;
    std::vector<std::string> quirks;
    bool list_quirks = false;
    std::chrono::milliseconds latency{0};
    double loss = 0;
    std::uint64_t seed = 1;
    std::string inventory;
    std::uint16_t port = 0;
    std::vector<std::string> command;
};

struct PolicyCheckCommand {
    std::string file;  // empty: the one that would be used
};
struct DueCommand {};
struct ReportCommand {
    std::string since;   // empty: a year ago
    std::string output;  // an HTML page; empty: none
};

using Command = std::variant<
    InitCommand, BmcAddCommand, BmcImportCommand, BmcImportPasswordsCommand, BmcSetCommand, BmcReplaceCommand,
    BmcHoldCommand, BmcRemoveCommand, BmcListCommand, BmcShowCommand, AccountsCommand, AccountsSecureCommand,
    AccountsAdoptCommand, AccountsReleaseCommand, AccountsAcceptCommand, RotateCommand, CheckCommand, RecoverCommand,
    HistoryCommand, RevealCommand, StatusCommand, LogCommand, LogExportCommand, VaultInfoCommand, VaultVerifyCommand,
    VaultBackupCommand, VaultRestoreCommand, VaultAcceptRestoreCommand, VaultForgetCommand, MemberKeygenCommand,
    MemberAddCommand, MemberListCommand, CompartmentAddCommand, CompartmentListCommand, CompartmentMoveCommand,
    HolderAddCommand, HolderListCommand, DepartCommand, DeprovisionCommand, ExposeCommand, ExecCommand, ExportCommand,
    ApproveCommand, CardShowCommand, CardExportCommand, CardImportCommand, CardForgetCommand, PracticeCommand,
    PolicyCheckCommand, DueCommand, ReportCommand, BreakGlassCreateCommand, BreakGlassDrillCommand, EscrowEnableCommand,
    EscrowDisableCommand, EscrowShowCommand, EscrowReplayCommand, UnlockCommand, LockCommand, AgentCommand>;

struct Invocation {
    std::string name;  // "accounts secure"
    GlobalOptions global;
    Command command;
};

// Nothing to run: --help and --version (text for standard output), or a mistake (text for standard error).
struct NothingToRun {
    std::string help;
    std::string mistake;
    std::string next;
};

[[nodiscard]] std::expected<Invocation, NothingToRun> parse_options(int argc, const char* const* argv);

}  // namespace bmcvault::cli
