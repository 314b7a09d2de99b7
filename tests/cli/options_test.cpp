#include "cli/options.hpp"

#include <gmock/gmock.h>

namespace bmcvault::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::expected<Invocation, NothingToRun> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "bmcvault");
    return parse_options(static_cast<int>(words.size()), words.data());
}

std::string mistake_of(std::vector<const char*> words) {
    const auto parsed = parse(std::move(words));
    return parsed ? "no mistake" : parsed.error().mistake;
}

TEST(Options, GlobalOptionsStandBeforeOrAfterTheCommand) {
    for (const auto& words :
         {std::vector<const char*>{"--vault", "/v", "--json", "rotate", "--all", "--parallel", "7"},
          std::vector<const char*>{"rotate", "--all", "--parallel", "7", "--json", "--vault", "/v"}}) {
        const auto parsed = parse(words);
        ASSERT_TRUE(parsed.has_value()) << parsed.error().mistake;
        EXPECT_EQ(parsed->global.vault, "/v");
        EXPECT_TRUE(parsed->global.json);
        EXPECT_EQ(parsed->global.parallel, 7);
        EXPECT_TRUE(std::get<RotateCommand>(parsed->command).selection.all);
    }
    const auto nested =
        parse({"bmc", "add", "a", "10.0.0.1", "--username", "u", "--reason", "why", "--passphrase-fd", "3"});
    ASSERT_TRUE(nested.has_value()) << nested.error().mistake;
    EXPECT_EQ(nested->global.reason, "why");
    EXPECT_EQ(nested->global.passphrase_fd, 3);
    EXPECT_EQ(std::get<BmcAddCommand>(nested->command).fields.address, "10.0.0.1");
}

TEST(Options, SelectorsAndFlagsMix) {
    const auto parsed = parse({"rotate", "a", "--k-g", "@b", "tag:c", "--dry-run", "--fresh"});
    ASSERT_TRUE(parsed.has_value()) << parsed.error().mistake;
    const auto& rotate = std::get<RotateCommand>(parsed->command);
    EXPECT_THAT(rotate.selection.words, ElementsAre("a", "@b", "tag:c"));
    EXPECT_TRUE(rotate.k_g && rotate.fresh && parsed->global.dry_run);
}

TEST(Options, PracticeHandsEverythingAfterTheDashesToTheCommand) {
    const auto parsed = parse({"practice", "--count", "3", "--quirk", "slow=8000", "--quirk", "truncates-to-16", "--",
                               "sh", "-c", "exit 4", "--count", "9", "rotate"});
    ASSERT_TRUE(parsed.has_value()) << parsed.error().mistake;
    const auto& practice = std::get<PracticeCommand>(parsed->command);
    EXPECT_EQ(practice.count, 3u);
    EXPECT_THAT(practice.quirks, ElementsAre("slow=8000", "truncates-to-16"));
    EXPECT_THAT(practice.command, ElementsAre("sh", "-c", "exit 4", "--count", "9", "rotate"));
}

TEST(Options, TimesHaveUnits) {
    EXPECT_EQ(parse({"check", "--all", "--timeout", "500ms"})->global.timeout.count(), 500);
    EXPECT_EQ(parse({"check", "--all", "--timeout", "5"})->global.timeout.count(), 5000);
    EXPECT_EQ(std::get<PracticeCommand>(parse({"practice", "--latency", "5"})->command).latency.count(), 5);
    for (const char* bad : {"", "x", "5h", "-1", "1ms", "1e9", "nan"}) {
        EXPECT_NE(mistake_of({"check", "--all", "--timeout", bad}), "no mistake") << bad;
    }
}

TEST(Options, AMistakeNamesItselfAndTheHelpToRead) {
    EXPECT_THAT(mistake_of({}), HasSubstr("no command given"));
    EXPECT_THAT(mistake_of({"rotat"}), HasSubstr("did you mean 'rotate'"));
    EXPECT_THAT(mistake_of({"rotate", "--al"}), HasSubstr("--al"));
    EXPECT_THAT(mistake_of({"rotate", "--all", "--parallel", "0"}), HasSubstr("--parallel"));
    EXPECT_THAT(mistake_of({"bmc"}), Not(HasSubstr("no mistake")));
    EXPECT_EQ(parse({"rotate", "--al"}).error().next, "bmcvault rotate --help");
    EXPECT_EQ(parse({"bmc", "add"}).error().next, "bmcvault bmc add --help");
}

TEST(Options, APasswordTypedAsAnArgumentIsNotRepeated) {
    for (const auto& words :
         {std::vector<const char*>{"bmc", "add", "a", "10.0.0.1", "--username", "u", "--password", "hunter2"},
          std::vector<const char*>{"bmc", "add", "a", "10.0.0.1", "--username", "u", "--password=hunter2"},
          std::vector<const char*>{"bmc", "add", "a", "10.0.0.1", "hunter2", "--username", "u"},
          std::vector<const char*>{"history", "a", "hunter2"}, std::vector<const char*>{"hunter2"}}) {
        const std::string mistake = mistake_of(words);
        EXPECT_NE(mistake, "no mistake");
        EXPECT_THAT(mistake, Not(HasSubstr("hunter2")));
    }
}

TEST(Options, APlanSaysAllThatIsDecided) {
    for (const auto& words : std::vector<std::vector<const char*>>{{"rotate", "a"},
                                                                   {"rotate", "--all"},
                                                                   {"rotate", "--due"},
                                                                   {"rotate", "--k-g"},
                                                                   {"rotate", "--put-back"},
                                                                   {"rotate", "--fresh"},
                                                                   {"rotate", "--first-contact"},
                                                                   {"rotate", "--plan", "--output", "p"},
                                                                   {"reveal", "a"},
                                                                   {"reveal", "--version", "2"},
                                                                   {"export", "--output", "o", "--holder", "h"},
                                                                   {"export", "--output", "o", "--for", "ansible"},
                                                                   {"member", "add", "bob"},
                                                                   {"member", "add", "--role", "owner"}}) {
        auto approved = words;
        approved.insert(approved.end(), {"--approved", "p"});
        EXPECT_THAT(mistake_of(approved), HasSubstr("excludes")) << words.front() << " " << words.back();
    }
    EXPECT_EQ(mistake_of({"rotate", "--approved", "p"}), "no mistake");
    EXPECT_EQ(mistake_of({"reveal", "--approved", "p", "--password-only"}), "no mistake");
    EXPECT_EQ(mistake_of({"export", "--approved", "p", "--output", "o"}), "no mistake");
    EXPECT_EQ(mistake_of({"member", "add", "--approved", "p"}), "no mistake");
    EXPECT_THAT(mistake_of({"export", "--approved", "p"}), HasSubstr("--output"));
}

TEST(Options, WithoutAPlanACommandSaysWhatItNeeds) {
    EXPECT_THAT(mistake_of({"reveal"}), HasSubstr("BMC"));
    EXPECT_THAT(mistake_of({"export", "a", "--output", "o", "--holder", "h"}), HasSubstr("--for"));
    EXPECT_THAT(mistake_of({"export", "a", "--output", "o", "--for", "ansible"}), HasSubstr("--holder"));
    EXPECT_THAT(mistake_of({"member", "add", "bob"}), HasSubstr("--key"));
    EXPECT_THAT(mistake_of({"member", "add", "--key", "f"}), HasSubstr("NAME"));
    EXPECT_THAT(mistake_of({"rotate", "a", "--plan"}), HasSubstr("--output"));
    EXPECT_THAT(mistake_of({"rotate", "a", "--output", "p"}), HasSubstr("--plan"));
    EXPECT_THAT(mistake_of({"rotate", "a", "--plan", "--output", "p", "--fresh"}), HasSubstr("excludes"));
    EXPECT_THAT(mistake_of({"rotate", "a", "--plan", "--output", "p", "--valid", "8"}), HasSubstr("--valid"));
    const auto planned = parse({"rotate", "a", "--plan", "--output", "p", "--valid", "3"});
    ASSERT_TRUE(planned) << planned.error().mistake;
    const auto& approval = std::get<RotateCommand>(planned->command).approval;
    EXPECT_TRUE(approval.plan);
    EXPECT_EQ(approval.plan_file, "p");
    EXPECT_EQ(approval.valid_days, 3);
}

TEST(Options, SharesStandAloneAndChangeSomething) {
    const auto opened = parse({"status", "--share", "a", "--share", "-"});
    ASSERT_TRUE(opened) << opened.error().mistake;
    EXPECT_EQ(opened->global.shares, (std::vector<std::string>{"a", "-"}));
    EXPECT_THAT(mistake_of({"status", "--share", "a", "--dry-run"}), HasSubstr("--dry-run"));
    for (const char* other : {"--identity", "--passphrase-file"})
        EXPECT_THAT(mistake_of({"status", "--share", "a", other, "b"}), HasSubstr("excludes")) << other;
    EXPECT_THAT(mistake_of({"vault", "break-glass", "create", "--threshold", "1", "--shares", "3", "--output", "d"}),
                HasSubstr("--threshold"));
    EXPECT_THAT(mistake_of({"vault", "break-glass", "create", "--threshold", "2", "--shares", "17", "--output", "d"}),
                HasSubstr("--shares"));
}

TEST(Options, HelpHasExamplesForEveryCommand) {
    for (const auto& words : std::vector<std::vector<const char*>>{{"init"},
                                                                   {"bmc", "add"},
                                                                   {"bmc", "import"},
                                                                   {"bmc", "import-passwords"},
                                                                   {"bmc", "set"},
                                                                   {"bmc", "replace"},
                                                                   {"bmc", "hold"},
                                                                   {"bmc", "remove"},
                                                                   {"bmc", "list"},
                                                                   {"bmc", "show"},
                                                                   {"rotate"},
                                                                   {"check"},
                                                                   {"recover"},
                                                                   {"history"},
                                                                   {"reveal"},
                                                                   {"status"},
                                                                   {"vault", "break-glass", "create"},
                                                                   {"vault", "break-glass", "drill"},
                                                                   {"vault", "escrow", "enable"},
                                                                   {"vault", "escrow", "replay"},
                                                                   {"log"},
                                                                   {"vault", "info"},
                                                                   {"vault", "verify"},
                                                                   {"practice"}}) {
        auto with_help = words;
        with_help.push_back("--help");
        const auto parsed = parse(with_help);
        ASSERT_FALSE(parsed.has_value());
        std::string path = "bmcvault";
        for (const char* word : words) path += std::string(" ") + word;
        EXPECT_THAT(parsed.error().help, HasSubstr("Examples:\n  ")) << path;
        EXPECT_THAT(parsed.error().help, HasSubstr(path));
    }
}

TEST(Options, CommandsOfLaterVersionsAreNotListed) {
    const std::string help = parse({"--help"}).error().help;
    for (const char* later : {"audit", "escrow", "agent"}) {
        EXPECT_THAT(help, Not(HasSubstr("\n  " + std::string(later) + " ")));
    }
}

}  // namespace
}  // namespace bmcvault::cli
