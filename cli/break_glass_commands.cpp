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
#include "vault/store/vault_files.hpp"

namespace bmcvault::cli {
namespace {

namespace fs = std::filesystem;

// The sheets of one key. They stay only when all of them could be written and the vault has the slot.
class Sheets {
public:
    explicit Sheets(fs::path directory) : directory_(std::move(directory)) {}

    Result<void> write(std::span<const vault::Share> shares, const SheetFacts& facts) {
        if (mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST)
            return vault::system_error("can not make", directory_);
        for (const auto& share : shares) {
            const auto name = fmt::format("break-glass-{}-share-{}", share.slot, share.number);
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

}  // namespace

Exit perform(const Context& context, const BreakGlassCreateCommand& command) {
    if (command.threshold > command.shares)
        return usage_error("vault break-glass create: --threshold is more than --shares: they could never open it",
                           "bmcvault vault break-glass create --help");
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
    const SheetFacts facts{vault_directory(context).string(), iso_time(now()).substr(0, 10)};
    const auto made = (*store)->team().add_break_glass(
        acting(context), command.threshold, command.shares,
        [&](std::span<const vault::Share> shares) { return sheets.write(shares, facts); });
    if (!made) {
        if (made.error().code != ErrorCode::kCommitUnknown) sheets.remove();
        return not_created(made.error());
    }
    if (context.options.json) {
        context.out(json_break_glass(command.threshold, sheets.files()));
        context.out(json_summary(
            PlainSummary{"vault break-glass create", command.shares, {{"made", command.shares}}, std::nullopt, false}));
        return ExitCode::kAsAsked;
    }
    context.out(fmt::format(
        "{} of {} shares open the vault now. They are in {}, each as a page to print and as text.\n"
        "Next: prove it: bmcvault vault break-glass drill{}\n"
        "Then give each share to somebody else, and delete what is in that directory.\n",
        command.threshold, command.shares, printable(command.output), some_shares(sheets.files(), command.threshold)));
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
    const auto recorded = (*store)->transact(actor(), now(), [&](vault::Transaction& transaction) {
        return transaction.audit("break-glass.drilled", std::nullopt,
                                 json_body({{"credentials", std::to_string(opened->credentials)},
                                            {"reason", context.options.reason},
                                            {"ticket", context.options.ticket}}));
    });
    if (!recorded) return vault_error("vault break-glass drill: not recorded", recorded.error());
    if (context.options.json) {
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
    return ExitCode::kAsAsked;
}

}  // namespace bmcvault::cli
