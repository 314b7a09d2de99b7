// vault break-glass create, drill. How the shares open the vault for any other command is in context.cpp.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "cli/approval.hpp"
#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/private_file.hpp"
#include "cli/share_sheet.hpp"
#include "vault/core/identity.hpp"
#include "vault/store/shares.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::cli {
namespace {

namespace fs = std::filesystem;

// The sheets of one key. They stay only when all of them could be written and the vault has the slot.
class Sheets {
public:
    explicit Sheets(fs::path directory) : directory_(std::move(directory)) {}

    Result<void> write(std::span<const vault::Share> shares, SheetFacts facts,
                       const std::vector<std::string>& holders) {
        if (mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST)
            return vault::system_error("can not make", directory_);
        for (const auto& share : shares) {
            const auto name = fmt::format("break-glass-{}-share-{}", share.slot, share.number);
            if (!holders.empty()) facts.holder = holders[share.number - 1U];
            auto done = keep(directory_ / (name + ".txt"), share_sheet_text(share, facts));
            if (done) done = keep(directory_ / (name + ".html"), share_sheet_page(share, facts));
            if (!done) return done;
        }
        return {};
    }
    void remove() const {
        for (const auto& file : files_) unlink(file.c_str());
    }
    [[nodiscard]] const std::vector<std::string>& files() const { return files_; }

private:
    Result<void> keep(const fs::path& file, const SecretText& text) {
        auto done = write_new_private_file(file, text);
        if (done) files_.push_back(file.string());
        return done;
    }

    fs::path directory_;
    std::vector<std::string> files_;
};

std::unexpected<Failure> not_created(const Error& error) {
    auto failure = vault_error("vault break-glass create", error);
    if (error.code == ErrorCode::kAlreadyExists)
        failure.error().next =
            "name an empty directory; or, where the vault has such a slot: bmcvault depart break-glass, which gives "
            "the "
            "vault new keys that the old shares do not open, then the same command";
    return failure;
}

std::string some_shares(const std::vector<std::string>& files, std::uint32_t threshold) {
    std::string text;
    for (std::size_t i = 0; i < threshold; ++i) text += " --share " + shell_word(printable(files[2 * i]));
    return text;
}

// Also the proof that they make it.
Result<std::string> fingerprint_of(std::span<const vault::Share> shares, std::uint32_t threshold) {
    const auto key = vault::join_shares(shares.first(threshold));
    if (!key) return std::unexpected(key.error());
    return vault::fingerprint(vault::public_keys(vault::identity_of_slot_key(*key)));
}

Outcome<void> check_create(const BreakGlassCreateCommand& command) {
    const std::string help = "bmcvault vault break-glass create --help";
    if (command.threshold > command.shares)
        return usage_error("vault break-glass create: --threshold is more than --shares: they could never open it",
                           help);
    if (!command.holders.empty() && command.holders.size() != command.shares)
        return usage_error(
            fmt::format("vault break-glass create: {} shares and {} --holder: one for each share, in order, or none",
                        command.shares, command.holders.size()),
            help);
    for (const auto& holder : command.holders)
        if (holder.empty() || holder.size() > vault::kMaxMemberNameSize || printable(holder) != holder)
            return usage_error(fmt::format("vault break-glass create: --holder '{}': 1 to {} printable bytes",
                                           printable(holder), vault::kMaxMemberNameSize),
                               help);
    return {};
}

struct Opened {
    std::size_t credentials = 0;
    std::size_t listed = 0;
};

// Each by itself: verify() passes over what the slot has no key for.
Result<Opened> open_every_seal(const vault::Store& store) {
    Opened opened;
    const auto bmcs = store.bmcs(true);
    if (!bmcs) return std::unexpected(bmcs.error());
    for (const auto& bmc : *bmcs) {
        auto versions = store.versions(bmc.id);
        if (!versions) return std::unexpected(versions.error());
        std::erase_if(*versions, [](const auto& version) { return version.state == vault::VersionState::kDestroyed; });
        if (auto secrets = store.unseal(*versions); !secrets)
            return fail(secrets.error().code, fmt::format("{}: {}", bmc.name, secrets.error().detail));
        opened.credentials += versions->size();
    }
    const auto listed = store.listed_passwords();
    if (!listed) return std::unexpected(listed.error());
    for (const auto& password : *listed) {
        if (auto secret = store.unseal(password); !secret)
            return fail(secret.error().code, fmt::format("{}: {}", password.label, secret.error().detail));
        ++opened.listed;
    }
    return opened;
}

constexpr std::size_t kSampleLines = 1000;

// What the shares make of the escrow log, where one is kept.
ExitCode tell_of_sample(const Context& context, const Result<std::optional<vault::EscrowSample>>& sampled) {
    if (!sampled) {
        context.warn(fmt::format("the escrow log: {}\n  next: {}", printable(sampled.error().detail),
                                 context.commands(kMendEscrow)));
        return ExitCode::kAttention;
    }
    if (!*sampled) return ExitCode::kAsAsked;
    const auto& sample = **sampled;
    const bool proved = sample.opened > 0 || sample.lines == 0;
    const bool missing = sample.whole && sample.newest < sample.bmcs;
    if (!context.options.json)
        context.out(fmt::format("{}: {} of its last {} open; in them is the newest password of {} of {}.\n",
                                printable(sample.file), sample.opened, counted(sample.lines, "line"), sample.newest,
                                counted(sample.bmcs, "BMC")));
    if (proved && !missing) return ExitCode::kAsAsked;
    context.warn("the escrow log does not give back what the vault holds\n  next: " + context.commands(kMendEscrow));
    return ExitCode::kAttention;
}

}  // namespace

Exit perform(const Context& context, const BreakGlassCreateCommand& command) {
    if (auto checked = check_create(command); !checked) return std::unexpected(checked.error());
    // Its shares are an owner that one person makes.
    if (const auto alone = one_signature_is_enough(context, "member add"); !alone)
        return std::unexpected(Failure{
            ExitCode::kUsage, "vault break-glass create: the policy wants a second member's signature on a new member",
            "two owners, with another --policy, which both have read", ""});
    auto store = open_vault(context);
    if (!store) return std::unexpected(store.error());
    if (context.options.dry_run) {
        context.out(context.options.json
                        ? json_summary(PlainSummary{"vault break-glass create", 0, {}, std::nullopt, true})
                        : fmt::format("would write {} shares to {}\n", command.shares, printable(command.output)));
        return ExitCode::kAsAsked;
    }
    Sheets sheets(command.output);
    SheetFacts facts{vault_directory(context).string(), iso_time(now()).substr(0, 10), {}, {}};
    const auto keep = [&](std::span<const vault::Share> shares) -> Result<void> {
        auto fingerprint = fingerprint_of(shares, command.threshold);
        if (!fingerprint) return std::unexpected(fingerprint.error());
        facts.fingerprint = std::move(*fingerprint);
        return sheets.write(shares, facts, command.holders);
    };
    const auto made =
        (*store)->team().add_break_glass(acting(context), {command.threshold, command.shares, command.holders}, keep);
    if (!made) {
        if (made.error().code != ErrorCode::kCommitUnknown) sheets.remove();
        return not_created(made.error());
    }
    if (context.options.json) {
        context.out(json_break_glass(command.threshold, facts.fingerprint, command.holders, sheets.files()));
        context.out(json_summary(
            PlainSummary{"vault break-glass create", command.shares, {{"made", command.shares}}, std::nullopt, false}));
        return ExitCode::kAsAsked;
    }
    context.out(
        fmt::format("{} of {} shares open the vault now. They are in {}, each as a page to print and as text.\n"
                    "The key's fingerprint, on each sheet and in member list: {}\n"
                    "Next: prove it: bmcvault vault break-glass drill{}\n"
                    "Then give each share to somebody else, and delete what is in that directory.\n",
                    command.threshold, command.shares, printable(command.output), facts.fingerprint,
                    some_shares(sheets.files(), command.threshold)));
    return ExitCode::kAsAsked;
}

Exit perform(const Context& context, const BreakGlassDrillCommand&) {
    if (context.options.shares.empty())
        return usage_error("vault break-glass drill needs --share, as often as the key needs shares",
                           "bmcvault vault break-glass drill --help");
    auto store = open_vault_for_drill(context);
    if (!store) return std::unexpected(store.error());
    const auto verified = (*store)->verify();
    const auto opened = verified ? open_every_seal(**store) : std::unexpected(verified.error());
    if (!opened) return vault_error("vault break-glass drill", opened.error());
    auto& team = (*store)->team();
    const auto sample = team.sample_escrow(kSampleLines);
    if (auto recorded = team.record_drill(acting(context), opened->credentials); !recorded)
        return vault_error("vault break-glass drill: not recorded", recorded.error());
    if (context.options.json) {
        if (sample && *sample) context.out(json_escrow_sample(**sample));
        context.out(json_summary(PlainSummary{"vault break-glass drill",
                                              opened->credentials + opened->listed,
                                              {{"opened", opened->credentials + opened->listed}},
                                              std::nullopt,
                                              false}));
    } else {
        context.out(fmt::format("{} open the vault, {} and {}. Recorded; nothing was shown, nothing is exposed.\n",
                                counted(context.options.shares.size(), "share"),
                                counted(opened->credentials, "credential version"),
                                counted(opened->listed, "listed password")));
    }
    return tell_of_sample(context, sample);
}

}  // namespace bmcvault::cli
