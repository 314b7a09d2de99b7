// The command line, described once: options, their bounds, and the help with examples.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>

#include "cli/options.hpp"
#include "cli/plan.hpp"
#include "cli/text.hpp"
#include "vault/core/header.hpp"

namespace bmcvault::cli {
namespace {

constexpr const char* kVersion = "bmcvault 0.1.0";

constexpr const char* kSelectors =
    "SELECTOR: a name, a hostlist rack[01-12,20]-bmc, @group, tag:word, --all, --failed, --due.\n";

// "20", "20s", "500ms"
std::chrono::milliseconds parse_duration(const std::string& text) {
    std::size_t used = 0;
    double value = 0;
    try {
        value = std::stod(text, &used);
    } catch (const std::exception&) {
        used = 0;
    }
    const std::string unit = text.substr(used);
    const double ms = unit == "ms" ? value : value * 1000;
    if (used == 0 || !(unit.empty() || unit == "s" || unit == "ms") || !(ms >= 0 && ms <= 600'000)) {
        throw CLI::ValidationError("must be a time as 20, 20s or 500ms, at most 600s");
    }
    return std::chrono::milliseconds(static_cast<long>(ms));
}

// A range without CLI11's own words for it in the help.
template <class Number>
CLI::Validator within(Number low, Number high) {
    return CLI::Range(low, high).description("");
}

class CommandLine {
public:
    CommandLine() {
        app_.name("bmcvault");
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.set_version_flag("--version", kVersion);
        app_.footer(
            "Exit codes: 0 as asked, 1 some BMC did not end as asked, 2 usage, 3 vault not unlocked,\n"
            "4 vault damaged or rolled back, 5 vault busy, 6 attention needed, 70 a bug in bmcvault.\n\n"
            "Try everything on virtual BMCs first:\n"
            "  bmcvault practice --count 8 --mixed --inventory fleet.csv\n"
            "then, in another terminal:\n"
            "  bmcvault init\n"
            "  bmcvault bmc import fleet.csv\n"
            "  bmcvault check --all\n"
            "  bmcvault rotate --all\n");
        add_globals();
        add_init();
        add_bmc();
        add_fleet();
        add_accounts();
        add_looks();
        add_schedule();
        add_report();
        add_exec();
        add_export();
        add_card();
        add_approve();
        add_vault();
        add_unlock();
        add_members();
        add_departures();
        add_deprovision();
        add_practice();
    }

    std::expected<Invocation, NothingToRun> parse(int argc, const char* const* argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::CallForHelp&) {
            return std::unexpected(NothingToRun{help(), "", ""});
        } catch (const CLI::CallForVersion&) {
            return std::unexpected(NothingToRun{std::string(kVersion) + "\n", "", ""});
        } catch (const CLI::ParseError& error) {
            return std::unexpected(mistake(error));
        }
        if (global_.dry_run && !global_.shares.empty()) {
            return std::unexpected(NothingToRun{
                "", "--dry-run changes nothing, and opening the vault with --share does", "bmcvault --help"});
        }
        if (global_.quiet && global_.verbose) {
            return std::unexpected(NothingToRun{"", "-q and -v contradict each other", "bmcvault --help"});
        }
        return Invocation{path_of(innermost()).substr(std::string_view("bmcvault ").size()), global_, command_()};
    }

private:
    // The innermost command that was named.
    CLI::App* innermost() {
        CLI::App* at = &app_;
        while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
        return at;
    }

    std::string path_of(const CLI::App* app) const {
        return app->get_parent() == nullptr ? "bmcvault" : path_of(app->get_parent()) + " " + app->get_name();
    }

    std::string help() {
        CLI::App* at = innermost();
        const std::string parent = at->get_parent() == nullptr ? "" : path_of(at->get_parent());
        return at->help(parent);
    }

    // CLI11 repeats what it did not understand; a person who typed a password there shall not see it in a log.
    NothingToRun mistake(const CLI::ParseError& error) {
        NothingToRun out;
        out.next = path_of(innermost()) + " --help";
        if (!app_.remaining(true).empty()) {
            out.mistake = unexpected_argument();
        } else if (innermost()->get_require_subcommand_min() > 0) {
            out.mistake = innermost() == &app_ ? "no command given" : path_of(innermost()) + " needs one more word";
        } else {
            out.mistake = without_values(error);
        }
        out.mistake = printable(out.mistake);
        return out;
    }

    // "--password-fd: not a number" may have been a password.
    static std::string without_values(const CLI::ParseError& error) {
        std::string text = error.what();
        const bool repeats_a_value = dynamic_cast<const CLI::ConversionError*>(&error) != nullptr ||
                                     dynamic_cast<const CLI::ValidationError*>(&error) != nullptr;
        const auto option = text.find("--");
        if (!repeats_a_value) return text;
        if (option == std::string::npos) return "an option has a value that it can't have";
        return fmt::format("{} has a value that it can't have",
                           text.substr(option, text.find_first_of(" :=", option) - option));
    }

    std::string unexpected_argument() {
        const std::vector<std::string> extras = app_.remaining(true);
        const auto option = std::ranges::find_if(extras, [](const std::string& text) { return text.starts_with('-'); });
        if (option != extras.end()) {
            return fmt::format("there is no option {} here (no option ever takes a secret: see --passphrase-file)",
                               option->substr(0, option->find('=')));
        }
        std::vector<std::string> commands;
        for (const auto* sub : innermost()->get_subcommands([](const CLI::App*) { return true; })) {
            commands.push_back(sub->get_name());
        }
        if (commands.empty()) return "too many arguments";
        const std::string near = nearest(extras.front(), commands);
        return near.empty() ? "there is no such command"
                            : fmt::format("there is no such command; did you mean '{}'?", near);
    }

    template <class Chosen>
    CLI::App* command(CLI::App* parent, const char* name, const char* help, Chosen& options,
                      const std::string& footer) {
        CLI::App* sub = parent->add_subcommand(name, help);
        sub->footer(footer + "\nOptions of every command (--json, --dry-run, --vault ...): bmcvault --help\n");
        sub->callback([this, sub, &options] {
            if (sub->get_subcommands().empty()) command_ = [&options] { return Command(options); };
        });
        return sub;
    }

    void add_selection(CLI::App* sub, Selection& selection) {
        sub->add_option("SELECTOR", selection.words, "names, hostlists, @group, tag:word");
        sub->add_flag("--all", selection.all, "every BMC of the vault");
        sub->add_flag("--failed", selection.failed, "those whose last operation did not end as asked");
        sub->add_flag("--due", selection.due,
                      "those that have to be rotated: known to somebody, or too old (bmcvault due)");
        sub->add_option("--exposed-to", selection.exposed_to, "those that this member or holder, who has left, knew")
            ->type_name("NAME");
    }

    // Called when a command has all its options: with --approved the plan says all but what is in `with_approved`.
    static void add_approval(CLI::App* sub, ApprovalOptions& approval, CLI::Option* output,
                             const std::vector<CLI::Option*>& with_approved = {}) {
        constexpr auto* kGroup = "A second member's signature (see bmcvault approve)";
        auto* approved = sub->add_option("--approved", approval.approved,
                                         "do exactly what is in this plan, which two members have signed")
                             ->type_name("FILE");
        for (auto* option : sub->get_options()) {
            const bool may_stand = option == approved || option == sub->get_help_ptr() ||
                                   std::ranges::find(with_approved, option) != with_approved.end();
            if (!may_stand) approved->excludes(option);
        }
        auto* plan = sub->add_flag("--plan", approval.plan, "do nothing; write what would be done to a file")
                         ->excludes(approved);
        if (output == nullptr)
            output = sub->add_option("--output", approval.plan_file, "the plan, a new file")
                         ->type_name("FILE")
                         ->excludes(approved)
                         ->needs(plan);
        plan->needs(output);
        auto* valid =
            sub->add_option("--valid", approval.valid_days, "days in which it can be signed and done, 1 to 7 (7)")
                ->type_name("DAYS")
                ->check(within(1, kMaxPlanDays))
                ->excludes(approved)
                ->needs(plan);
        for (auto* option : {approved, plan, valid}) option->group(kGroup);
    }

    // What a command needs where no plan says it.
    static void need_without_plan(CLI::App* sub, const ApprovalOptions& approval,
                                  const std::vector<std::string>& names) {
        sub->parse_complete_callback([sub, &approval, names] {
            for (const auto& name : names)
                if (!approval.is_approved() && sub->get_option(name)->empty()) throw CLI::RequiredError(name);
        });
    }

    void add_globals() {
        constexpr auto* kGroup = "Options of every command";
        const auto own = [&](CLI::Option* option) { option->group(kGroup); };
        own(app_.add_option("--vault", global_.vault,
                            "directory of the vault (default: $BMCVAULT_DIR, else /var/lib/bmcvault for root, "
                            "$XDG_DATA_HOME/bmcvault for others)")
                ->type_name("DIR"));
        own(app_.add_option("--identity", global_.identity,
                            "your identity file (member keygen): the passphrase opens it, and it the vault")
                ->type_name("FILE"));
        own(app_.add_option("--passphrase-fd", global_.passphrase_fd, "read the passphrase from this open descriptor")
                ->type_name("N")
                ->check(within(0, 1 << 20)));
        own(app_.add_option("--passphrase-file", global_.passphrase_file,
                            "read the passphrase from this file (yours, mode 0600 or stricter)")
                ->type_name("FILE"));
        add_shares(kGroup);
        own(app_.add_flag("--json", global_.json, "one JSON object per line on standard output, the summary last"));
        own(app_.add_flag("--dry-run", global_.dry_run, "say what would be done; change nothing"));
        own(app_.add_flag("--yes", global_.yes, "do not ask for confirmation"));
        own(app_.add_option("--parallel", global_.parallel, "BMCs worked on at once (32)")
                ->type_name("N")
                ->check(within(1, 1000)));
        own(app_.add_option_function<std::string>(
                    "--timeout",
                    [this](const std::string& text) {
                        global_.timeout = parse_duration(text);
                        if (global_.timeout.count() < 100) throw CLI::ValidationError("--timeout", "at least 100ms");
                    },
                    "longest wait for one answer of a BMC, retransmissions included (20s)")
                ->type_name("TIME"));
        own(app_.add_flag("-v,--verbose", global_.verbose, "every step on standard error"));
        own(app_.add_flag("-q,--quiet", global_.quiet, "only what did not end as asked, and the summary"));
        own(app_.add_option("--color", global_.color, "auto, always or never (NO_COLOR is honoured)")
                ->type_name("WHEN")
                ->transform(CLI::CheckedTransformer(std::map<std::string, ColorChoice>{{"auto", ColorChoice::kAuto},
                                                                                       {"always", ColorChoice::kAlways},
                                                                                       {"never", ColorChoice::kNever}})
                                .description("")));
        own(app_.add_option("--reason", global_.reason, "why, for the audit log")->type_name("TEXT"));
        own(app_.add_option("--ticket", global_.ticket, "ticket number, for the audit log")->type_name("ID"));
        own(app_.add_option("--policy", global_.policy,
                            "the rules of the fleet (default: $BMCVAULT_POLICY, else /etc/bmcvault/policy.toml)")
                ->type_name("FILE"));
    }

    // Whoever opens the vault so has changed it: there is no dry run of that.
    void add_shares(const char* group) {
        auto* shares =
            app_.add_option("--share", global_.shares,
                            "a share of the break-glass key, or - to type it in (repeatable): so many as it\n"
                            "needs open the vault, and everything is exposed then")
                ->type_name("FILE")
                ->expected(1)
                ->take_all()
                ->group(group);
        for (const auto* other : {"--identity", "--passphrase-fd", "--passphrase-file"})
            shares->excludes(app_.get_option(other));
    }

    void add_init() {
        auto* sub =
            command(&app_, "init", "create a vault and its first way in", init_,
                    "Makes the vault directory, and asks twice for the passphrase that opens it (or takes it from\n"
                    "--passphrase-file, --passphrase-fd). Nobody can restore a lost passphrase.\n\n"
                    "Examples:\n"
                    "  bmcvault init\n"
                    "  bmcvault init --vault /srv/bmcvault --group bmc-operators\n"
                    "  bmcvault init --passphrase-file passphrase.txt\n");
        sub->add_option("--group", init_.group, "Unix group that shares the vault (modes 0660 and 0770)")
            ->type_name("NAME");
        sub->add_option("--kdf-memory", init_.kdf_memory_mib, "Argon2id memory in MiB, 64 to 2048 (256)")
            ->type_name("MIB")
            ->check(within(64, 2048));
        sub->add_option("--kdf-operations", init_.kdf_operations, "Argon2id passes, 1 to 16 (3)")
            ->type_name("N")
            ->check(within(1, 16));
    }

    static void add_fields(CLI::App* sub, BmcFields& fields) {
        sub->add_option("--port", fields.port, "UDP port (623)");
        sub->add_option("--username", fields.user_name, "the account that bmcvault manages, at most 16 bytes");
        sub->add_option("--user-id", fields.user_id, "its user slot, 1 to 63 (learned at the first login)");
        sub->add_option("--channel", fields.channel, "LAN channel, 0 to 15 (0x0e: the one we come in on)");
        sub->add_option("--group", fields.group, "group of BMCs");
        sub->add_option("--tags", fields.tags, "words between spaces");
    }

    static void add_credential(CLI::App* sub, CredentialInput& credential) {
        constexpr auto* kGroup = "Credential (never an argument)";
        auto* by_fd =
            sub->add_option("--password-fd", credential.password_fd, "read the BMC's password from this descriptor");
        auto* by_file = sub->add_option("--password-file", credential.password_file, "... from this file (mode 0600)");
        auto* by_prompt = sub->add_flag("--ask-password", credential.ask, "... from a prompt on the terminal");
        by_fd->excludes(by_file)->excludes(by_prompt);
        by_file->excludes(by_prompt);
        auto* k_g_fd =
            sub->add_option("--k-g-fd", credential.k_g_fd, "read the BMC's K_G (hexadecimal) from this descriptor");
        auto* k_g_file = sub->add_option("--k-g-file", credential.k_g_file, "... from this file (mode 0600)");
        k_g_fd->excludes(k_g_file);
        for (auto* option : {by_fd, by_file, by_prompt, k_g_fd, k_g_file}) option->group(kGroup);
    }

    void add_bmc() {
        CLI::App* bmc = app_.add_subcommand(
            "bmc", "the inventory: add, import, import-passwords, set, replace, hold, remove, list, show");
        bmc->require_subcommand(1);
        bmc->footer(
            "Nothing here changes anything on a BMC.\n\nExamples:\n"
            "  bmcvault bmc import fleet.csv\n  bmcvault bmc list\n");
        add_bmc_imports(bmc);
        add_bmc_changes(bmc);
        add_bmc_looks(bmc);
    }

    void add_bmc_imports(CLI::App* bmc) {
        auto* add = command(
            bmc, "add", "add one BMC", add_,
            "Without one of the password options the terminal is asked; an empty answer means: unknown.\n\n"
            "Examples:\n"
            "  bmcvault bmc add rack01-bmc 10.0.7.1 --username ADMIN\n"
            "  bmcvault bmc add rack02-bmc 10.0.7.2 --username root --password-file label.txt --tags \"web r750\"\n");
        add->add_option("NAME", add_.name, "how bmcvault calls it")->required();
        add->add_option("ADDRESS", add_.fields.address, "IPv4, IPv6 or host name; a port may follow")->required();
        add_fields(add, add_.fields);
        add->get_option("--username")->required();
        add_credential(add, add_.credential);

        auto* import =
            command(bmc, "import", "add the BMCs of a CSV file, all or none", import_,
                    "CSV with a header line, columns in any order: name,address,port,username,password,k_g,user_id,\n"
                    "channel,group,tags,factory_password. Only name, address and username are needed; an empty\n"
                    "password means unknown; k_g is hexadecimal; factory_password (of the label) stays a candidate\n"
                    "for ever. Every bad line is named, and then nothing is imported.\n\n"
                    "Examples:\n"
                    "  bmcvault bmc import fleet.csv\n"
                    "  gpg -d fleet.csv.gpg | bmcvault bmc import - --passphrase-file passphrase.txt\n");
        import->add_option("FILE", import_.file, "the CSV file, or - for standard input")->required();

        auto* passwords = command(
            bmc, "import-passwords", "add a list of old passwords that any BMC may still hold", passwords_,
            "One password per line, or CSV with a header line: password and some of from,until,label,size\n"
            "(dates as 2019-05-01; size 16 or 20). check and recover try them on BMCs that hold none of their\n"
            "own passwords, offline: no failed login. They name them by label (\"2019-shared #3\"), never by\n"
            "text. Passwords that stand in a list already are skipped. Every bad line is named, and then\n"
            "nothing is imported.\n\n"
            "Examples:\n"
            "  bmcvault bmc import-passwords 2019-shared.txt\n"
            "  gpg -d old.gpg | bmcvault bmc import-passwords - --label old --passphrase-file passphrase.txt\n");
        passwords->add_option("FILE", passwords_.file, "the file, or - for standard input")->required();
        passwords->add_option("--label", passwords_.list_name, "name of the list (the file's name without its ending)")
            ->type_name("NAME");
    }

    void add_bmc_changes(CLI::App* bmc) {
        auto* set = command(
            bmc, "set", "change what the vault says about a BMC", set_,
            "Examples:\n"
            "  bmcvault bmc set rack01-bmc --address 10.0.8.1\n"
            "  bmcvault bmc set rack01-bmc --ask-password --reason \"set by hand at the console\"\n"
            "  bmcvault bmc set rack01-bmc --accept-identity --reason \"same board, firmware 2.1 changed its GUID\"\n");
        set->add_option("NAME", set_.name)->required();
        set->add_option("--address", set_.fields.address, "IPv4, IPv6 or host name");
        add_fields(set, set_.fields);
        add_credential(set, set_.credential);
        set->add_flag("--accept-identity", set_.accept_identity,
                      "forget the identity pin: the next answer is the right board");
        set->add_flag("--allow-weaker-suite,!--forbid-weaker-suite", set_.allow_weaker_suite,
                      "let a secret travel under a weaker cipher suite than one proved before");

        auto* replace =
            command(bmc, "replace", "a new board answers under this name", replace_,
                    "The old board keeps its history and is recorded as not wiped; the new one starts with the\n"
                    "password given here and none of the old board's.\n\n"
                    "Examples:\n"
                    "  bmcvault bmc replace rack01-bmc --reason \"RMA 4711\" --password-file label.txt\n");
        replace->add_option("NAME", replace_.name)->required();
        replace->add_option("--address", replace_.address, "address of the new board, when it has another");
        add_credential(replace, replace_.credential);

        auto* hold = command(bmc, "hold", "except a BMC from rotation, with a reason", hold_,
                             "Examples:\n"
                             "  bmcvault bmc hold rack01-bmc --until 2026-12-31 --reason \"vendor is working on it\"\n"
                             "  bmcvault bmc hold rack01-bmc --release\n");
        hold->add_option("NAME", hold_.name)->required();
        auto* until = hold->add_option("--until", hold_.until, "2026-12-31 or 2026-12-31T18:00 (UTC)");
        hold->add_flag("--release", hold_.release, "end the hold")->excludes(until);

        auto* remove =
            command(bmc, "remove", "take BMCs out of the inventory; their history stays", remove_,
                    "Nothing is sent: the BMC keeps its password, and `bmcvault history NAME` still finds it.\n\n"
                    "Examples:\n  bmcvault bmc remove rack01-bmc --reason \"sold\"\n");
        remove->add_option("NAME", remove_.names)->required();
    }

    void add_bmc_looks(CLI::App* bmc) {
        auto* list =
            command(bmc, "list", "the inventory (without a selector: all of it)", list_,
                    std::string(kSelectors) + "\nExamples:\n  bmcvault bmc list\n  bmcvault bmc list @edge --json\n");
        add_selection(list, list_.selection);

        auto* show = command(bmc, "show", "everything known about one BMC, without secrets", show_,
                             "Examples:\n  bmcvault bmc show rack01-bmc\n");
        show->add_option("NAME", show_.name)->required();
    }

    static void add_elsewhere(CLI::App* sub, ElsewhereOptions& elsewhere) {
        constexpr auto* kGroup = "What is tested beyond the BMC's own versions (offline, no failed login)";
        auto* all = sub->add_flag("--fleet-history", elsewhere.fleet_history,
                                  "every password and K_G that any BMC of this vault ever had");
        auto* some = sub->add_option("--history-of", elsewhere.history_of, "... that these BMCs ever had (repeatable)")
                         ->type_name("SELECTOR")
                         ->expected(1)
                         ->take_all();
        some->excludes(all);
        auto* lists = sub->add_flag_callback(
            "--no-lists", [&elsewhere] { elsewhere.lists = false; }, "not the imported password lists");
        auto* defaults = sub->add_flag_callback(
            "--no-vendor-defaults", [&elsewhere] { elsewhere.vendor_defaults = false; }, "not the vendors' defaults");
        for (auto* option : {all, some, lists, defaults}) option->group(kGroup);
    }

    static void add_first_contact(CLI::App* sub, bool& first_contact) {
        sub->add_flag("--first-contact", first_contact,
                      "boards never seen before are ours, also where only a default or a foreign password opens them");
    }

    void add_fleet() {
        auto* rotate =
            command(&app_, "rotate", "fresh passwords: pushed, proved, kept", rotate_,
                    std::string(kSelectors) +
                        "The new password is in the vault before it is sent, and current only after the BMC has\n"
                        "proved it in a fresh handshake. Ctrl-C finishes the BMCs in flight. The same command\n"
                        "continues an interrupted run.\n\n"
                        "Examples:\n"
                        "  bmcvault rotate --all --dry-run\n"
                        "  bmcvault rotate rack[01-12]-bmc --k-g --reason \"quarterly\"\n"
                        "  bmcvault rotate rack03-bmc --put-back --reason \"monitoring still has the old one\"\n");
        add_selection(rotate, rotate_.selection);
        auto* k_g =
            rotate->add_flag("--k-g", rotate_.k_g, "a fresh K_G too: every other client of the BMC must learn it");
        rotate->add_flag("--put-back", rotate_.put_back, "the previous password returns, as a new version")
            ->excludes(k_g);
        auto* fresh =
            rotate->add_flag("--fresh", rotate_.fresh, "start anew although an interrupted run could be continued");
        rotate->add_option("--role", rotate_.role, "only the accounts for this, and not our own: monitor")
            ->check(CLI::IsMember({"monitor"}))
            ->excludes("--put-back")
            ->excludes(k_g);
        add_first_contact(rotate, rotate_.first_contact);
        add_approval(rotate, rotate_.approval, nullptr);
        fresh->excludes("--plan");  // a plan is a run of its own

        auto* check =
            command(&app_, "check", "ask each BMC which credential it holds; changes nothing", check_,
                    std::string(kSelectors) +
                        "Asks by RAKP 2, offline against every version the vault has, the imported lists and the\n"
                        "vendors' defaults: no failed login. Exit code 6 when a BMC holds anything but the vault's\n"
                        "current credential, or shares it with another one.\n\n"
                        "Examples:\n"
                        "  bmcvault check --all\n"
                        "  bmcvault check @edge --no-login --json\n");
        add_selection(check, check_.selection);
        add_elsewhere(check, check_.elsewhere);
        auto* no_login = check->add_flag("--no-login", check_.no_login, "stop after two round trips; K_G is not asked");
        check->add_flag("--accounts", check_.accounts, "read the account table too, and tell what has changed in it")
            ->excludes(no_login);

        auto* recover =
            command(&app_, "recover", "find and bring back the BMCs that missed a rotation", recover_,
                    std::string(kSelectors) +
                        "One handshake names the live password and K_G among every version the BMC ever had, the\n"
                        "imported lists and the vendors' defaults. What is found becomes current, and an old one is\n"
                        "replaced by a fresh one.\n\n"
                        "Examples:\n"
                        "  bmcvault recover --failed\n"
                        "  bmcvault recover rack07-bmc --find-only\n"
                        "  bmcvault recover @edge --fleet-history --reason \"cables were swapped\"\n"
                        "  bmcvault recover rack09-bmc --history-of rack[01-12]-bmc\n"
                        "  bmcvault recover rack10-bmc --via ssh://root@rack10\n");
        add_selection(recover, recover_.selection);
        recover->add_flag("--find-only", recover_.find_only, "write down what is live; change nothing on the BMC");
        add_first_contact(recover, recover_.first_contact);
        recover
            ->add_option(
                "--allow-login-attempts", recover_.login_attempts,
                "where a BMC proves nothing in the handshake, log in for real, newest password first; so many\n"
                "may fail, and always fewer than lock the account")
            ->type_name("N")
            ->check(within(1, 10));
        constexpr auto* kGroup = "In band, for one BMC whose credential nobody knows";
        auto* script = recover->add_flag("--rescue-script", recover_.rescue_script,
                                         "stage a fresh password and print the script that sets it, for root on that "
                                         "server; it has no secret in it");
        auto* via = recover->add_option("--via", recover_.via, "... run it there by ssh, then prove the password")
                        ->type_name("ssh://[USER@]HOST[:PORT]");
        script->excludes(via);
        for (auto* option : {script, via}) option->group(kGroup)->excludes("--find-only");
        add_elsewhere(recover, recover_.elsewhere);
    }

    void add_accounts() {
        auto* accounts =
            command(&app_, "accounts", "every user slot of every BMC: list, secure, adopt, release, accept", accounts_,
                    std::string(kSelectors) +
                        "Lists every user slot with its rights, and asks by RAKP 2 which known password opens each\n"
                        "account: no failed login. Exit code 6 when an account is anonymous, a vendor's or opens with\n"
                        "a default, or when something has changed since the table was accepted.\n\n"
                        "Examples:\n"
                        "  bmcvault accounts rack01-bmc\n"
                        "  bmcvault accounts --all --json\n"
                        "  bmcvault accounts secure --all --dry-run\n");
        accounts->callback([this, accounts] {  // CLI11 calls it after that of `accounts secure`, too
            if (accounts->get_subcommands().empty()) command_ = [this] { return Command(accounts_); };
        });
        add_selection(accounts, accounts_.selection);
        add_elsewhere(accounts, accounts_.elsewhere);
        accounts->add_flag("--table-only", accounts_.table_only, "read the slots; no handshake as other accounts");
        add_accounts_secure(accounts);

        auto* adopt = command(
            accounts, "adopt", "make an account of our own in a free slot, and use it from now on", accounts_adopt_,
            std::string(kSelectors) +
                "The new account's password is in the vault before it is sent; the inventory changes\n"
                "over when the BMC has let it in as ADMINISTRATOR. The account used until then stays:\n"
                "`accounts secure` closes it when it is a vendor's.\n\n"
                "With --role it stands beside our own account: a spare takes turns with it, so that a rotation\n"
                "leaves one of both as it is until the clients have been told; a monitor may only look.\n\n"
                "Examples:\n  bmcvault accounts adopt rack[01-12]-bmc --reason \"no shared names\"\n"
                "  bmcvault accounts adopt rack[01-12]-bmc --role spare\n"
                "  bmcvault accounts adopt rack[01-12]-bmc --role monitor --privilege operator\n");
        add_selection(adopt, accounts_adopt_.selection);
        add_role(adopt, accounts_adopt_.role, "beside our own account: spare or monitor");
        adopt->add_option("--name", accounts_adopt_.user_name,
                          "user name, at most 16 bytes (bmcvault; bmcvault-2 of a spare, bmcvault-mon of a monitor)");
        adopt->add_option("--privilege", accounts_adopt_.privilege, "of a monitor: user or operator (user)")
            ->check(CLI::IsMember({"user", "operator"}));

        auto* release = command(
            accounts, "release", "no account of ours any more: for `accounts secure` to close", accounts_release_,
            std::string(kSelectors) +
                "The vault keeps its passwords; no BMC is contacted. It stays open on the BMC until\n"
                "`accounts secure NAME --unknown disable` closes it.\n\n"
                "Examples:\n  bmcvault accounts release rack01-bmc --role monitor --reason \"pulled by SNMP now\"\n");
        add_selection(release, accounts_release_.selection);
        add_role(release, accounts_release_.role, "which one: spare or monitor")->required();

        auto* accept = command(accounts, "accept",
                               "what was seen last is as it should be; changes are told from now on", accounts_accept_,
                               std::string(kSelectors) +
                                   "No BMC is contacted.\n\n"
                                   "Examples:\n  bmcvault accounts accept --all --reason \"reviewed, CHG-1234\"\n");
        add_selection(accept, accounts_accept_.selection);
    }

    static CLI::Option* add_role(CLI::App* sub, std::string& role, const std::string& what) {
        return sub->add_option("--role", role, what)->check(CLI::IsMember({"spare", "monitor"}));
    }
    static void add_account(CLI::App* sub, std::string& role) {
        sub->add_option("--account", role, "not our own account, but the one beside it: spare or monitor")
            ->check(CLI::IsMember({"spare", "monitor"}));
    }

    void add_accounts_secure(CLI::App* accounts) {
        auto* secure = command(
            accounts, "secure", "close anonymous and vendors' accounts and cipher suite 0, proved", accounts_secure_,
            std::string(kSelectors) +
                "Our own account is proved first. Each account that is closed gets a random password (kept in\n"
                "the vault), is disabled, loses its rights on every channel, and is then tried: what is called\n"
                "closed was refused. Accounts that are nobody's default are left alone.\n\n"
                "Examples:\n"
                "  bmcvault accounts secure --all --dry-run\n"
                "  bmcvault accounts secure @edge --keep admin --reason \"best practices 4.8 to 4.10\"\n");
        add_selection(secure, accounts_secure_.selection);
        secure->add_option("--keep", accounts_secure_.keep, "leave the accounts with this user name (repeatable)")
            ->type_name("NAME")
            ->expected(1)
            ->take_all();
        secure
            ->add_option_function<std::string>(
                "--unknown", [this](const std::string& what) { accounts_secure_.close_unknown = what == "disable"; },
                "list or disable accounts that are neither ours nor a default (list)")
            ->type_name("WHAT")
            ->check(CLI::IsMember({"list", "disable"}).description(""));
        add_elsewhere(secure, accounts_secure_.elsewhere);
    }

    static void add_log_filter(CLI::App* sub, LogCommand& filter) {
        sub->add_option("BMC", filter.name, "only records about this BMC");
        sub->add_option("--last", filter.limit, "only the last N records, from 1")
            ->type_name("N")
            ->check(within(1u, 0xffffffffu));
        sub->add_option("--event", filter.event, "only these, by how they begin: reveal, member., vault.")
            ->type_name("EVENT");
        sub->add_option("--by", filter.by, "only by this member or login name")->type_name("NAME");
        sub->add_option("--since", filter.since, "only from this day on, as 2026-11-01")->type_name("DATE");
    }

    void add_looks() {
        auto* history = command(&app_, "history", "versions of a BMC's credentials, their states, when proved",
                                history_, "Examples:\n  bmcvault history rack01-bmc\n");
        history->add_option("BMC", history_.name)->required();

        auto* reveal =
            command(&app_, "reveal", "a password to a person's eyes; logged before it is shown", reveal_,
                    "Examples:\n"
                    "  bmcvault reveal rack01-bmc --reason \"console access\"\n"
                    "  bmcvault reveal rack01-bmc --json\n"
                    "  bmcvault reveal rack01-bmc --version 2\n"
                    "  bmcvault reveal rack[01-12]-bmc --plan --output reveal.plan --reason \"site visit\"\n");
        reveal->add_option("BMC", reveal_.selection.words, "names, hostlists, @group, tag:word");
        auto* alone = reveal->add_flag("--password-only", reveal_.password_only,
                                       "the password of one BMC and a line feed, for a pipe");
        add_account(reveal, reveal_.account);
        reveal->add_option("--version", reveal_.version, "an older version of the password (see history)")
            ->type_name("N")
            ->check(within(1u, 0xffffffffu));
        add_approval(reveal, reveal_.approval, nullptr, {alone});
        need_without_plan(reveal, reveal_.approval, {"BMC"});

        auto* status = command(&app_, "status", "the fleet at a glance; exit code 6 when someone should look", status_,
                               "Reads the vault only; no BMC is contacted. -q shows only what needs attention.\n\n"
                               "Examples:\n  bmcvault status\n  bmcvault status --json | jq 'select(.attention)'\n");
        add_selection(status, status_.selection);

        auto* log = command(&app_, "log", "the audit log", log_,
                            "Examples:\n  bmcvault log\n  bmcvault log rack01-bmc --last 20\n"
                            "  bmcvault log --event reveal --by alice --since 2026-11-01\n");
        add_log_filter(log, log_);
        auto* write =
            command(log, "export", "write the log to a file that can be read without the vault", log_export_,
                    "Writes DIR/audit.jsonl, one record per line. With --signed also audit.sig and audit.pem:\n"
                    "  openssl pkeyutl -verify -pubin -inkey audit.pem -rawin -in audit.jsonl -sigfile audit.sig\n\n"
                    "Examples:\n  bmcvault log export --signed --output november --since 2026-11-01\n");
        add_log_filter(write, log_);  // the same before and behind the word export
        write->callback([this] {
            command_ = [this] {
                log_export_.filter = log_;
                return Command(log_export_);
            };
        });
        write->add_option("--output", log_export_.output, "directory to write to")->type_name("DIR")->required();
        write->add_flag("--signed", log_export_.sign, "sign it with the key of this slot");
    }

    void add_schedule() {
        auto* policy = app_.add_subcommand("policy", "the rules of the fleet: check");
        policy->require_subcommand(1);
        auto* check =
            command(policy, "check", "say what the rules are; every mistake with its line and column", policy_check_,
                    "How old a credential may become, where a K_G is wanted, when scheduled runs may begin,\n"
                    "what needs a reason: a TOML file, docs/schedule.md shows one.\n\n"
                    "Examples:\n"
                    "  bmcvault policy check\n"
                    "  bmcvault policy check new-policy.toml\n");
        check->add_option("FILE", policy_check_.file, "another file than the one in use");
        command(&app_, "due", "what has to be rotated, since when and why; exit code 6 when there is anything", due_,
                "Without a policy: what is older than 365 days, was never rotated by bmcvault, was put back, or is\n"
                "known to somebody who has left.\n\n"
                "Examples:\n"
                "  bmcvault due\n"
                "  bmcvault rotate --due\n");
    }

    void add_report() {
        auto* report = command(&app_, "report",
                               "every BMC accounted for: changed and proved, excepted, or neither and why", report_,
                               "Examples:\n"
                               "  bmcvault report --output yearly.html\n"
                               "  bmcvault report --since 2026-01-01 --json\n");
        report->add_option("--since", report_.since, "first day of the period, as 2026-01-01 (a year ago)")
            ->type_name("DATE");
        report->add_option("--output", report_.output, "write a page that needs nothing but itself, and prints")
            ->type_name("FILE");
    }

    void add_exec() {
        auto* sub =
            command(&app_, "exec", "run ipmitool, ipmipower ... with the credential, never in its arguments", exec_,
                    "ipmitool and the tools of FreeIPMI are known: address, user, suite, password and K_G are\n"
                    "filled in. Any other command names where its files go: {password-file} {k_g-file}\n"
                    "{address} {port} {user}. Logged; the secret is masked in what the command prints; its exit\n"
                    "code is ours.\n\n"
                    "Examples:\n"
                    "  bmcvault exec rack01-bmc -- ipmitool sensor\n"
                    "  bmcvault exec rack01-bmc -- ipmipower --stat\n"
                    "  bmcvault exec -t ipmitool rack01-bmc -- chassis status\n"
                    "  bmcvault exec -t freeipmi rack01-bmc -- chassis --get-chassis-status\n");
        sub->add_option("BMC", exec_.name)->required();
        add_account(sub, exec_.account);
        sub->add_option("-t,--tool", exec_.tool, "ipmitool or freeipmi: COMMAND is what follows its name")
            ->type_name("TOOL")
            ->check(CLI::IsMember({"ipmitool", "freeipmi"}).description(""));
        sub->add_option("COMMAND", exec_.command, "after --: the command")->required();
    }

    void add_export() {
        auto* sub = command(
            &app_, "export", "credentials for another program, in its own file", export_,
            std::string(kSelectors) +
                "\nFILE is replaced, mode 0600; freeipmi gets a directory with one file per BMC. Logged as shown, and\n"
                "who gets it is registered as a holder first. It is out of date after the next rotation: see hooks\n"
                "in the policy.\n\n"
                "Examples:\n"
                "  bmcvault export @edge --for ansible --output bmcs.yml --holder ansible --reason \"playbooks\"\n"
                "  bmcvault export --all --for ipmi_exporter --output ipmi.yml --holder prometheus\n"
                "  bmcvault export bmc01 --for freeipmi --output conf --holder scripts\n");
        add_selection(sub, export_.selection);
        add_account(sub, export_.account);
        sub->add_option("--for", export_.format, "ansible, freeipmi or ipmi_exporter")
            ->type_name("PROGRAM")
            ->check(CLI::IsMember({"ansible", "freeipmi", "ipmi_exporter"}).description(""));
        auto* output =
            sub->add_option("--output", export_.output, "the file, or for freeipmi the directory; with --plan the plan")
                ->type_name("FILE")
                ->required();
        sub->add_option("--holder", export_.holder, "who gets them: a name for `depart`")->type_name("NAME");
        add_approval(sub, export_.approval, output, {output});
        need_without_plan(sub, export_.approval, {"--for", "--holder"});
    }

    void add_approve() {
        auto* sub = command(
            &app_, "approve", "sign what another member asks for, when it is shown and right", approve_,
            "Where the policy says second_signature, rotate, reveal and export of several BMCs, and member add do\n"
            "nothing without a plan that two members have signed. It is shown whole, checked against the vault,\n"
            "and signed with your key; then it can be done once.\n\n"
            "Examples:\n"
            "  bmcvault rotate @edge --k-g --plan --output edge.plan --reason \"quarterly\"\n"
            "  bmcvault approve edge.plan --identity bob.identity\n"
            "  bmcvault rotate --approved edge.plan\n");
        sub->add_option("FILE", approve_.file, "the plan; it gets your signature")->required();
    }

    void add_card() {
        auto* card = app_.add_subcommand("card", "what was learned of each kind of BMC: show, export, import, forget");
        card->require_subcommand(1);
        auto* show =
            command(card, "show", "what its boards took and said, and which other logins they have", card_show_,
                    "\nNo BMC is contacted.\n\n"
                    "Examples:\n  bmcvault card show\n  bmcvault card show 674/256/4.40 --json\n");
        show->add_option("KIND", card_show_.kind, "MANUFACTURER/PRODUCT/FIRMWARE; without it all of the fleet");
        auto* write = command(card, "export", "write what was learned to a file for another vault", card_export_,
                              "\nOne line of JSON per kind of BMC. No names, no addresses, no secrets.\n\n"
                              "Examples:\n  bmcvault card export --output cards.json\n");
        write->add_option("--output", card_export_.output, "the file")->type_name("FILE")->required();
        auto* read = command(card, "import", "take over what another vault has learned", card_import_,
                             "\nWhat the boards of this fleet have shown themselves stays.\n\n"
                             "Examples:\n  bmcvault card import cards.json --reason \"from the other site\"\n");
        read->add_option("FILE", card_import_.file, "as `card export` wrote it")->required();
        auto* forget =
            command(card, "forget", "a fact is learned anew, because the boards were set otherwise", card_forget_,
                    "\nExamples:\n  bmcvault card forget 19046/1/8.10 minimum-interval --reason \"now 0 h\"\n");
        forget->add_option("KIND", card_forget_.kind, "MANUFACTURER/PRODUCT/FIRMWARE")->required();
        forget->add_option("FACT", card_forget_.fact, "as `card show --json` names it")->required();
    }

    void add_limits(CLI::App* sub, AgentLimits& limits) {
        static const std::map<std::string, std::int64_t> units{{"s", 1}, {"m", 60}, {"h", 3600}};
        const auto add = [sub](const char* name, std::chrono::seconds& value, const char* help) {
            sub->add_option_function<std::int64_t>(
                   name, [&value](std::int64_t seconds) { value = std::chrono::seconds(seconds); }, help)
                ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED).description(""))
                ->check(within<std::int64_t>(1, 24 * 3600))
                ->type_name("TIME");
        };
        add("--ttl", limits.idle, "so long after the last command: 30s, 15m, 1h (15m)");
        add("--max", limits.at_most, "so long in all, at most 24h (8h)");
    }

    void add_unlock() {
        auto* unlock = command(&app_, "unlock", "keep the vault open for a while, like an ssh agent", unlock_,
                               "\nThe keys are in the locked memory of a process of yours. They go with `lock`, with\n"
                               "time, when the machine was asleep, and when the vault gets new keys.\n\n"
                               "Examples:\n  bmcvault unlock\n  bmcvault unlock --ttl 5m --max 1h\n");
        add_limits(unlock, unlock_.limits);
        command(&app_, "lock", "end that", lock_, "\nExamples:\n  bmcvault lock\n");
        auto* agent = command(&app_, "agent", "", agent_, "");
        agent->group("");
        add_limits(agent, agent_.limits);
    }

    void add_vault() {
        CLI::App* vault =
            app_.add_subcommand("vault",
                                "the vault itself: info, verify, backup, restore, accept-restore, forget,\n"
                                "break-glass, escrow");
        vault->require_subcommand(1);
        command(vault, "info", "where it is, what it holds, who can open it", vault_info_,
                "Examples:\n  bmcvault vault info\n");
        auto* verify = command(vault, "verify", "verify every page, row, seal and audit record; or those of a backup",
                               vault_verify_,
                               "Examples:\n  bmcvault vault verify\n  bmcvault vault verify monday.bmcvault\n"
                               "  bmcvault vault verify --head /var/log/auth.log\n");
        auto* file = verify->add_option("FILE", vault_verify_.file, "a backup; without it the vault");
        verify
            ->add_option("--head", vault_verify_.head,
                         "a file with checkpoints that were kept elsewhere: is the vault behind the last one?")
            ->excludes(file);
        auto* backup =
            command(vault, "backup", "write the whole vault to one file, while others go on", vault_backup_,
                    "The file is opened again and everything in it is verified before the command ends. It\n"
                    "opens with what opens the vault now. What this host has seen of the vault is not in it.\n\n"
                    "Examples:\n  bmcvault vault backup /media/usb/monday.bmcvault\n");
        backup->add_option("FILE", vault_backup_.file, "a new file")->required();
        auto* restore =
            command(vault, "restore", "make a vault of a backup, where there is none", vault_restore_,
                    "When this host has seen more of the vault than the backup holds, the vault refuses to\n"
                    "write until accept-restore.\n\n"
                    "Examples:\n  bmcvault vault restore /media/usb/monday.bmcvault --vault /srv/bmcvault\n");
        restore->add_option("FILE", vault_restore_.file, "the backup")->required();
        restore->add_option("--group", vault_restore_.group, "Unix group that shares the vault (modes 0660 and 0770)")
            ->type_name("NAME");
        command(vault, "accept-restore", "go on from an older vault: every credential becomes unknown", accept_restore_,
                "After this, check asks the BMCs which of their passwords is live.\n\n"
                "Examples:\n  bmcvault vault accept-restore --reason \"disk lost, backup of Monday\"\n");
        auto* forget =
            command(vault, "forget", "destroy the credentials of BMCs that were proved wiped long ago", forget_,
                    "What deprovision proved wiped keeps its passwords in the vault for the retention time of the\n"
                    "policy (retention_days, 365). After that this destroys them: the vault gets new keys and a new\n"
                    "file, which nobody else may have open meanwhile. Backups that still hold them are named.\n\n"
                    "Examples:\n"
                    "  bmcvault vault forget --dry-run\n"
                    "  bmcvault vault forget --yes --reason \"retention time over\"\n"
                    "  bmcvault vault forget --after 0 --reason \"the pallet was shredded\"\n");
        forget->add_option("--after", forget_.after_days, "days since they were wiped, 0 to 36500, not the policy's")
            ->type_name("DAYS")
            ->check(within(0, 36500));
        add_break_glass(vault);
        add_escrow(vault);
    }

    void add_break_glass(CLI::App* vault) {
        auto* glass = vault->add_subcommand("break-glass", "a key in shares, for when nobody else can: create, drill");
        glass->require_subcommand(1);
        auto* create =
            command(glass, "create", "let K of N shares open the vault, and write the N shares", break_glass_create_,
                    "Each share is a sheet to print (HTML) and the same as text, mode 0600: give each to somebody\n"
                    "else and keep none. With --share K of them open the vault for any command, as an owner; that\n"
                    "is recorded and makes every credential due. A new one: bmcvault depart break-glass, then this.\n\n"
                    "Examples:\n"
                    "  bmcvault vault break-glass create --threshold 3 --shares 5 --output /media/usb/shares\n");
        create->add_option("--threshold", break_glass_create_.threshold, "so many open the vault, 2 to N")
            ->type_name("K")
            ->check(within(vault::kMinThreshold, vault::kMaxShares))
            ->required();
        create->add_option("--shares", break_glass_create_.shares, "so many there are, up to 16")
            ->type_name("N")
            ->check(within(vault::kMinThreshold, vault::kMaxShares))
            ->required();
        create
            ->add_option("--holder", break_glass_create_.holders,
                         "who gets share 1, 2 ... (as often as there are shares): on the sheets, and recorded")
            ->type_name("NAME")
            ->allow_extra_args(false);
        create->add_option("--output", break_glass_create_.output, "directory for the sheets")
            ->type_name("DIR")
            ->required();
        command(glass, "drill", "prove that these shares open the vault and every seal in it", break_glass_drill_,
                "Recorded. Nothing is shown, and nothing is exposed by it.\n\n"
                "Examples:\n"
                "  bmcvault vault break-glass drill --share share-1.txt --share share-4.txt --share share-5.txt\n"
                "  bmcvault vault break-glass drill --share - --share - --share -\n");
    }

    void add_escrow(CLI::App* vault) {
        auto* escrow = vault->add_subcommand(
            "escrow", "every new credential to another disk before it is sent: enable, disable, show, replay");
        escrow->require_subcommand(1);
        auto* enable =
            command(escrow, "enable", "keep an escrow log, sealed to the break-glass key", escrow_enable_,
                    "What the vault holds goes there now, and each new credential before it is stored and\n"
                    "sent: when the file can't be written, nothing is changed on any BMC. The shares open it,\n"
                    "also without bmcvault: docs/break-glass.md.\n\n"
                    "Examples:\n"
                    "  bmcvault vault escrow enable --to /mnt/other-disk/bmcvault.escrow\n");
        enable->add_option("--to", escrow_enable_.file, "a file on another disk")->type_name("FILE")->required();
        command(escrow, "disable", "end it; the file stays", escrow_disable_,
                "Examples:\n  bmcvault vault escrow disable --reason \"the disk is replaced\"\n");
        command(escrow, "show", "which file, since when", escrow_show_, "Examples:\n  bmcvault vault escrow show\n");
        auto* replay =
            command(escrow, "replay", "add what an escrow log holds and the vault does not", escrow_replay_,
                    "After an older backup was put back: check then finds the live credentials among them. Needs\n"
                    "--share; repeated, it adds nothing.\n\n"
                    "Examples:\n"
                    "  bmcvault vault escrow replay /mnt/other-disk/bmcvault.escrow --share s1.txt --share s2.txt\n");
        replay->add_option("FILE", escrow_replay_.file, "the escrow log")->required();
    }

    void add_members() {
        CLI::App* member = app_.add_subcommand("member", "who can open the vault: keygen, add, list, remove");
        member->require_subcommand(1);
        auto* keygen = command(member, "keygen", "make an identity: a key pair under a passphrase of its own", keygen_,
                               "Writes FILE (yours alone, mode 0600) and FILE.pub, which an owner of the vault needs.\n"
                               "Compare the fingerprint with them over another way than the file goes.\n\n"
                               "Examples:\n  bmcvault member keygen --output alice.identity\n");
        keygen->add_option("--output", keygen_.output, "the new file")->type_name("FILE")->required();
        keygen->add_option("--kdf-memory", keygen_.kdf_memory_mib, "Argon2id memory in MiB, 64 to 2048 (256)")
            ->type_name("MIB")
            ->check(within(64, 2048));
        keygen->add_option("--kdf-operations", keygen_.kdf_operations, "Argon2id passes, 1 to 16 (3)")
            ->type_name("N")
            ->check(within(1, 16));
        auto* add =
            command(member, "add", "let somebody open the vault", member_add_,
                    "owner: everything. operator: works with the BMCs of the compartments named (all that there\n"
                    "are). auditor: looks, and opens no credential. An operator who is in already opens more\n"
                    "compartments afterwards; fewer: depart, then add with a new key.\n\n"
                    "Examples:\n"
                    "  bmcvault member add alice --key alice.identity.pub --reason \"joins the team\"\n"
                    "  bmcvault member add nightly --key nightly.identity.pub --service --compartment edge\n"
                    "  bmcvault member add alice --key alice.identity.pub --compartment edge\n");
        add->add_option("NAME", member_add_.name, "1 to 64 of A-Z a-z 0-9 . _ @ + -");
        add->add_option("--key", member_add_.key, "their FILE.pub")->type_name("FILE");
        add->add_option("--role", member_add_.role, "owner, operator or auditor (operator)")
            ->type_name("ROLE")
            ->check(CLI::IsMember({"owner", "operator", "auditor"}).description(""));
        add->add_flag("--service", member_add_.service, "a program: a timer, a monitoring system");
        add->add_option("--compartment", member_add_.compartments, "what they may open (repeatable)")
            ->type_name("NAME")
            ->expected(1)
            ->take_all();
        add_approval(add, member_add_.approval, nullptr);
        need_without_plan(add, member_add_.approval, {"NAME", "--key"});
        command(member, "list", "who can open the vault, and who could", member_list_,
                "Examples:\n  bmcvault member list\n");
        auto* remove = command(member, "remove", "end somebody's access, and rotate later", member_remove_,
                               "As depart --no-rotate: what they could read is due afterwards.\n\n"
                               "Examples:\n  bmcvault member remove alice --reason \"other team\"\n");
        remove->add_option("NAME", member_remove_.who)->required();
        add_compartments();
    }

    void add_compartments() {
        CLI::App* compartment =
            app_.add_subcommand("compartment", "groups of BMCs with keys of their own: add, list, move");
        compartment->require_subcommand(1);
        auto* make = command(compartment, "add", "a new one, which every owner can open", compartment_add_,
                             "Examples:\n  bmcvault compartment add edge\n");
        make->add_option("NAME", compartment_add_.name)->required();
        command(compartment, "list", "what there is", compartment_list_, "Examples:\n  bmcvault compartment list\n");
        auto* move =
            command(compartment, "move", "seal the credentials of BMCs to another compartment", compartment_move_,
                    std::string(kSelectors) + "\nExamples:\n  bmcvault compartment move edge @edge\n");
        move->add_option("NAME", compartment_move_.name, "where they go")->required();
        add_selection(move, compartment_move_.selection);
    }

    void add_deprovision() {
        auto* wipe = command(
            &app_, "deprovision", "wipe users and keys, prove it, write the signed certificate", deprovision_,
            "Every other account gets a random password, is disabled, loses its rights and its name; K_G, the SNMP\n"
            "community, alert destinations, PEF, serial over LAN, system names, the asset tag, boot options and\n"
            "serial secrets are overwritten and read back; our own account goes last. Then every name is asked by\n"
            "RAKP 2 whether anything that was ever known opens it: no failed login. The same command goes on after\n"
            "an interruption. Exit code 0 only when everything was erased and proved.\n\n"
            "Examples:\n"
            "  bmcvault deprovision rack01-bmc --ticket CHG-1234\n"
            "  bmcvault deprovision rack[01-12]-bmc --yes --reason \"sold\" --output certificates\n"
            "  bmcvault deprovision --verify rack01-bmc.certificate.json\n");
        wipe->add_option("NAME", deprovision_.names, "BMCs, by name");
        wipe->add_option("--output", deprovision_.output, "write the certificates here (.)")->type_name("DIR");
        wipe->add_flag("--clear-sel", deprovision_.clear_sel,
                       "clear the system event log too, after it was saved beside the certificate");
        wipe->add_flag("--factory-reset", deprovision_.factory_reset,
                       "the vendor's own reset too, where one is known (--dry-run says what it does)");
        wipe->add_option("--verify", deprovision_.verify, "is this certificate as it was signed? Needs no vault")
            ->type_name("CERT.json");
        wipe->add_option("--signer", deprovision_.signer,
                         "with --verify: the key it must be of, as `vault info` shows it")
            ->type_name("KEY");
    }

    void add_departures() {
        auto* depart =
            command(&app_, "depart", "somebody leaves: end their access, rotate what they could read", depart_,
                    "What they could read is marked first; then the vault gets new keys, which their identity\n"
                    "does not open; then the BMCs are rotated, those first of which they saw the password. The\n"
                    "same command continues after an interruption. The statement says what is left to do.\n\n"
                    "Examples:\n"
                    "  bmcvault depart alice --reason \"leaves on Friday\"\n"
                    "  bmcvault depart contractor --output statements\n");
        depart->add_option("WHO", depart_.who, "a member or a holder")->required();
        depart->add_flag("--no-rotate", depart_.no_rotate, "leave the BMCs due (status, rotate --due)");
        depart->add_option("--output", depart_.output, "write the statement here: text, JSON, HTML, signature")
            ->type_name("DIR");
        auto* expose =
            command(&app_, "expose", "the credentials of some BMCs are known to somebody: mark them due", expose_,
                    std::string(kSelectors) +
                        "\nExamples:\n"
                        "  bmcvault expose @edge --reason \"host edge07 was broken into\"\n"
                        "  bmcvault check --due\n  bmcvault rotate --due\n");
        add_selection(expose, expose_.selection);
        CLI::App* holder = app_.add_subcommand("holder", "who knows passwords outside the vault: add, list");
        holder->require_subcommand(1);
        auto* add =
            command(holder, "add", "a contractor, a spreadsheet, a monitoring system", holder_add_,
                    std::string(kSelectors) +
                        "\nExamples:\n"
                        "  bmcvault holder add monitoring @edge --since 2024-05-01 --reason \"reads sensors\"\n");
        add->add_option("NAME", holder_add_.name)->required();
        add_selection(add, holder_add_.selection);
        add->add_option("--since", holder_add_.since, "first day, as 2024-05-01 (always)")->type_name("DATE");
        command(holder, "list", "who knows what", holder_list_, "Examples:\n  bmcvault holder list\n");
    }

    void add_practice() {
        auto* sub = command(
            &app_, "practice", "a fleet of virtual BMCs on loopback to try everything on", practice_,
            "Runs until Ctrl-C, or until COMMAND ends and then with its exit code. Answers this machine only.\n\n"
            "Examples:\n"
            "  bmcvault practice --count 8 --mixed --inventory fleet.csv\n"
            "  bmcvault practice --count 3 --quirk truncates-to-16 --inventory fleet.csv -- ./my-test.sh\n"
            "  bmcvault practice --list-quirks\n");
        sub->add_option("--count", practice_.count, "how many BMCs (8)")->check(within(1, 20000));
        sub->add_flag("--mixed", practice_.mixed, "a realistic mix of vendors");
        sub->add_option("--quirk", practice_.quirks, "a quirk for every BMC; repeatable")
            ->type_name("NAME[=VALUE]")
            ->allow_extra_args(false);
        sub->add_flag("--list-quirks", practice_.list_quirks, "list the quirks and stop");
        sub->add_option_function<std::string>(
               "--latency",
               [this](const std::string& text) {
                   const bool bare = text.find_first_not_of("0123456789") == std::string::npos;
                   practice_.latency = parse_duration(bare ? text + "ms" : text);
               },
               "delay of every datagram, in ms")
            ->type_name("MS");
        sub->add_option("--loss", practice_.loss, "share of datagrams lost, 0 to 0.9")->check(within(0.0, 0.9));
        sub->add_option("--seed", practice_.seed, "of passwords and faults: the same seed, the same fleet (1)");
        sub->add_option("--inventory", practice_.inventory, "write the inventory to import here (CSV)")
            ->type_name("FILE");
        sub->add_option("--port", practice_.port, "UDP port (0: any that is free)")->check(within(0, 65535));
        sub->add_option("COMMAND", practice_.command, "after --: a command to run against the fleet");
    }

    CLI::App app_{"Keeps the credentials of a fleet of IPMI BMCs, and keeps the fleet equal to the vault."};
    GlobalOptions global_;
    std::function<Command()> command_;
    InitCommand init_;
    BmcAddCommand add_;
    BmcImportCommand import_;
    BmcImportPasswordsCommand passwords_;
    BmcSetCommand set_;
    BmcReplaceCommand replace_;
    BmcHoldCommand hold_;
    PolicyCheckCommand policy_check_;
    DueCommand due_;
    ReportCommand report_;
    BmcRemoveCommand remove_;
    BmcListCommand list_;
    BmcShowCommand show_;
    RotateCommand rotate_;
    CheckCommand check_;
    AccountsCommand accounts_;
    AccountsSecureCommand accounts_secure_;
    AccountsAdoptCommand accounts_adopt_;
    AccountsReleaseCommand accounts_release_;
    DeprovisionCommand deprovision_;
    AccountsAcceptCommand accounts_accept_;
    RecoverCommand recover_;
    HistoryCommand history_;
    RevealCommand reveal_;
    StatusCommand status_;
    ExecCommand exec_;
    LogCommand log_;
    LogExportCommand log_export_;
    VaultInfoCommand vault_info_;
    VaultVerifyCommand vault_verify_;
    VaultBackupCommand vault_backup_;
    VaultRestoreCommand vault_restore_;
    VaultAcceptRestoreCommand accept_restore_;
    CardShowCommand card_show_;
    CardExportCommand card_export_;
    CardImportCommand card_import_;
    CardForgetCommand card_forget_;
    UnlockCommand unlock_;
    LockCommand lock_;
    AgentCommand agent_;
    ExportCommand export_;
    ApproveCommand approve_;
    VaultForgetCommand forget_;
    BreakGlassCreateCommand break_glass_create_;
    BreakGlassDrillCommand break_glass_drill_;
    EscrowEnableCommand escrow_enable_;
    EscrowDisableCommand escrow_disable_;
    EscrowShowCommand escrow_show_;
    EscrowReplayCommand escrow_replay_;
    PracticeCommand practice_;
    MemberKeygenCommand keygen_;
    MemberAddCommand member_add_;
    MemberListCommand member_list_;
    DepartCommand member_remove_{"", true, ""};
    CompartmentAddCommand compartment_add_;
    CompartmentListCommand compartment_list_;
    CompartmentMoveCommand compartment_move_;
    HolderAddCommand holder_add_;
    HolderListCommand holder_list_;
    DepartCommand depart_;
    ExposeCommand expose_;
};

}  // namespace

std::expected<Invocation, NothingToRun> parse_options(int argc, const char* const* argv) {
    CommandLine line;
    return line.parse(argc, argv);
}

}  // namespace bmcvault::cli
