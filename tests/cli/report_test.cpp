#include "cli/report.hpp"

#include <gmock/gmock.h>

#include <memory>

namespace bmcvault::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

std::string text_of(std::FILE* file) {
    std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
    std::rewind(file);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), file), text.size());
    return text;
}

struct Printed {
    std::string out, err;
};

// What FleetReport prints for these reports of one command.
Printed print_report(const GlobalOptions& options, const std::string& command,
                     const std::vector<rotate::BmcReport>& reports) {
    const File out(std::tmpfile());
    const File err(std::tmpfile());
    const Streams streams{0, out.get(), err.get()};
    const Hooks hooks;
    RunEntry entry;
    const Context context{options, streams, hooks, Style{}, Style{}, entry};
    std::vector<vault::Bmc> selected;
    for (const auto& report : reports) {
        vault::Bmc bmc;
        bmc.name = report.name;
        bmc.address = "10.0.0.1";
        selected.push_back(bmc);
    }
    rotate::RunSummary summary;
    summary.command = command;
    summary.total = reports.size();
    {
        FleetReport report(context, command, selected);
        for (std::size_t i = 0; i < reports.size(); ++i) {
            report.started(selected[i]);
            report.finished(reports[i]);
            summary.outcomes.emplace_back(reports[i].outcome, 1);
            summary.all_as_asked = summary.all_as_asked && reports[i].as_asked;
            summary.attention = summary.attention || reports[i].attention;
        }
        report.print_summary(summary);
    }
    return {text_of(out.get()), text_of(err.get())};
}

rotate::BmcReport result(std::string name, std::string outcome, bool as_asked) {
    rotate::BmcReport made;
    made.name = std::move(name);
    made.address = "10.0.0.1:623";
    made.outcome = std::move(outcome);
    made.as_asked = as_asked;
    made.attention = !as_asked;
    return made;
}

TEST(Report, ShowsARowPerBmcAndWhatIsStillToDo) {
    auto good = result("rack01", "rotated", true);
    good.password_version = VersionNumber{2};
    good.password_size = vault::StoredSize::k20;
    good.k_g_version = VersionNumber{1};
    auto silent = result("rack02", "unreachable", false);
    silent.knowledge = rotate::Knowledge::kProved;
    const auto printed = print_report({}, "rotate", {good, silent});
    EXPECT_EQ(printed.out,
              "NAME    ADDRESS       OUTCOME           PASSWORD      K_G        DETAIL\n"
              "rack01  10.0.0.1:623  rotated           v2, 20 bytes  v1\n"
              "rack02  10.0.0.1:623  unreachable       -             -\n"
              "rotate: 2 BMCs in 0.0 s: 1 rotated, 1 unreachable; failed logins: 0. "
              "Still to do: bmcvault rotate --failed.\n");
    EXPECT_EQ(printed.err,
              "bmcvault: rotate: rack02: unreachable\n"
              "  No answer. Every password that this vault ever gave it is in the vault.\n"
              "  next: check power, cable, address and UDP port, then bmcvault rotate rack02\n");
}

TEST(Report, PromisesNothingThatTheVaultDoesNotKnow) {
    using rotate::Knowledge;
    for (const std::string command : {"rotate", "check"}) {
        for (const auto knowledge : {Knowledge::kNothing, Knowledge::kNeverProved, Knowledge::kNotLive}) {
            auto silent = result("rack02", command == "check" ? "no-answer" : "unreachable", false);
            silent.knowledge = knowledge;
            const auto printed = print_report({}, command, {silent});
            EXPECT_THAT(printed.err, HasSubstr(rotate::safety(knowledge)));
            EXPECT_THAT(printed.err, Not(HasSubstr("Every password")));
        }
    }
    auto unknown = result("rack02", "refused", false);
    unknown.detail = "no-known-password";
    unknown.knowledge = Knowledge::kNothing;
    const auto printed = print_report({}, "rotate", {unknown});
    EXPECT_THAT(printed.err, HasSubstr("\n  The vault has no password for it, and nothing was sent.\n"));
    EXPECT_THAT(printed.err, HasSubstr("next: bmcvault bmc set rack02 --ask-password; or"));
}

TEST(Report, GivesOneNextCommandThatCanBeCopied) {
    GlobalOptions options;
    options.vault = "/srv/o'ne";
    const auto one = print_report(options, "check", {result("rack01", "older-version", false)});
    EXPECT_THAT(one.err, HasSubstr("next: bmcvault --vault '/srv/o'\\''ne' recover rack01\n"));
    const auto two =
        print_report({}, "check", {result("rack01", "older-version", false), result("rack02", "older-version", false)});
    EXPECT_THAT(two.err, HasSubstr("next: bmcvault recover --failed\n"));
}

TEST(Report, WhatAPersonVouchesForIsNotMadeACommandForAll) {
    auto one = result("rack01", "blocked", false);
    one.detail = "vendor-default: ADMIN of Supermicro; first-contact";
    auto two = one;
    two.name = "rack02";
    EXPECT_THAT(print_report({}, "recover", {one}).err, HasSubstr("bmcvault recover rack01 --first-contact\n"));
    EXPECT_THAT(print_report({}, "recover", {one, two}).err, HasSubstr("bmcvault recover NAME --first-contact\n"));
}

TEST(Report, AVaultThatWasPutBackIsNamedBeforeStrangers) {
    auto foreign = result("rack01", "foreign", false);
    foreign.detail = "vault-restored: as of 2026-11-23";
    foreign.knowledge = rotate::Knowledge::kNotLive;
    const auto printed = print_report({}, "check", {foreign});
    EXPECT_THAT(printed.err,
                HasSubstr("probably rotated after it: look for the newer vault, or a newer backup, first"));
    EXPECT_THAT(printed.err, HasSubstr("bmcvault bmc set rack01 --ask-password"));
    EXPECT_THAT(printed.err, Not(HasSubstr("Somebody else")));
}

TEST(Report, WhereOnlyAPersonCanHelpTheSameCommandIsNotAdvised) {
    const auto printed = print_report({}, "recover", {result("rack01", "quarantined", false)});
    EXPECT_THAT(printed.out, Not(HasSubstr("recover --failed")));
    EXPECT_THAT(printed.err, HasSubstr("then bmcvault recover rack01"));
}

TEST(Report, ADryRunHasSomethingLeftToDo) {
    GlobalOptions options;
    options.dry_run = true;
    const auto printed = print_report(options, "rotate", {result("rack01", "planned", true)});
    EXPECT_THAT(printed.out, HasSubstr("Next: the same command without --dry-run."));
    EXPECT_THAT(printed.out, Not(HasSubstr("Nothing left to do")));
}

TEST(Report, SaysThatNothingIsLeftToDo) {
    const auto printed = print_report({}, "rotate", {result("rack01", "rotated", true)});
    EXPECT_THAT(printed.out, HasSubstr("Nothing left to do."));
    EXPECT_EQ(printed.err, "");
}

TEST(Report, QuietShowsOnlyWhatDidNotEndAsAsked) {
    GlobalOptions options;
    options.quiet = true;
    const auto printed =
        print_report(options, "rotate", {result("rack01", "rotated", true), result("rack02", "locked", false)});
    EXPECT_THAT(printed.out, Not(HasSubstr("rack01")));
    EXPECT_THAT(printed.out, HasSubstr("rack02"));
}

TEST(Report, JsonOutputIsNothingButObjectsWithTheSummaryLast) {
    GlobalOptions options;
    options.json = true;
    const auto printed = print_report(options, "check", {result("rack01", "pending-live", false)});
    EXPECT_THAT(printed.out, testing::MatchesRegex("\\{\"type\":\"bmc\".*\\}\n\\{\"type\":\"summary\".*\\}\n"));
    EXPECT_THAT(printed.err, HasSubstr("bmcvault recover rack01"));
}

TEST(Report, StringsOfABmcCannotActOnTheTerminal) {
    auto evil = result("rack01", "refused", false);
    evil.detail = "\x1b]0;owned\x07";
    const auto printed = print_report({}, "rotate", {evil});
    EXPECT_THAT(printed.out, Not(HasSubstr("\x1b")));
}

TEST(Report, AStoppedRunSaysWhatWasNotStarted) {
    rotate::RunSummary summary;
    summary.command = "rotate";
    summary.total = 10;
    summary.outcomes = {{"rotated", 4}};
    summary.stopped = true;
    EXPECT_THAT(summary_text(summary, "bmcvault rotate", false),
                HasSubstr("Stopped: 6 not started; the same command continues."));
}

}  // namespace
}  // namespace bmcvault::cli
