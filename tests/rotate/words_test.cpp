// The words are one table: each is unique, and docs/outcomes.md has every one of them, every detail that a machine can
// end with, and the same advice as the program.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "rotate/core/accounts.hpp"
#include "rotate/core/advice.hpp"
#include "rotate/core/closing_machine.hpp"
#include "rotate/core/words.hpp"
#include "tests/rotate/k_g_world.hpp"
#include "tests/rotate/password_world.hpp"

namespace bmcvault::rotate::test {
namespace {

std::string document(const std::string& name) {
    std::ifstream file(std::string(BMCVAULT_SOURCE_DIR "/docs/") + name);
    return {std::istreambuf_iterator<char>(file), {}};
}

template <class Word>
std::vector<Word> all_up_to(Word last) {
    std::vector<Word> all;
    for (int i = 0; i <= static_cast<int>(last); ++i) all.push_back(static_cast<Word>(i));
    return all;
}

template <class Word>
void expect_distinct_and_documented(const std::vector<Word>& words, const std::string& text) {
    std::set<std::string> seen;
    for (const Word each : words) {
        const std::string name(word(each));
        EXPECT_TRUE(seen.insert(name).second) << name << " twice";
        EXPECT_NE(text.find("| `" + name + "` |"), std::string::npos) << name << " is not documented";
    }
}

TEST(Words, AreDistinctAndDocumented) {
    const std::string text = document("outcomes.md");
    expect_distinct_and_documented(all_up_to(Outcome::kNotSecured), text);
    expect_distinct_and_documented(all_up_to(Answer::kProtocolError), text);
    expect_distinct_and_documented(all_up_to(KgOutcome::kVaultNotWritten), text);
}

TEST(Words, OfAccountsAreDistinctAndDocumentedWithWhatToDoNext) {
    const std::string text = document("accounts.md");
    const auto kinds = all_up_to(FindingKind::kPasswordChanged);
    expect_distinct_and_documented(kinds, text);
    expect_distinct_and_documented(all_up_to(ClosingOutcome::kUnreachable), text);
    for (const FindingKind kind : kinds) EXPECT_NE(text.find(next_step(kind)), std::string::npos) << word(kind);
}

TEST(Words, EveryFailureSaysWhatToDoNextInTheSameWordsAsTheDocument) {
    const std::string text = document("outcomes.md");
    for (const Outcome outcome : all_up_to(Outcome::kNotSecured)) {
        const Advice said = advice(word(outcome), "");
        EXPECT_EQ(said.next.empty(), as_asked(outcome)) << word(outcome);
        EXPECT_EQ(said.meaning.empty(), as_asked(outcome)) << word(outcome);
        EXPECT_NE(text.find(said.meaning), std::string::npos) << word(outcome);
        EXPECT_NE(text.find(said.next), std::string::npos) << word(outcome);
    }
    for (const Advice& said : advice_on_details()) {
        EXPECT_NE(text.find("| `" + std::string(said.word)), std::string::npos) << said.word;
        EXPECT_NE(text.find(std::string(said.meaning) + " Next: " + std::string(said.next) + " |"), std::string::npos)
            << said.word;
    }
    for (const Advice& said : advice_on_outcomes()) {
        EXPECT_NE(text.find("| `" + std::string(said.word) + "` |"), std::string::npos) << said.word;
    }
}

TEST(Words, ADetailSaysMoreThanItsOutcome) {
    EXPECT_EQ(advice("refused", "no-known-password").word, "no-known-password");
    EXPECT_EQ(advice("blocked", "fuse: too many").word, "fuse");
    EXPECT_EQ(advice("blocked", "vendor-default: x; first-contact").word, "first-contact");
    EXPECT_EQ(advice("refused", "something else; fused").word, "refused");
    EXPECT_EQ(advice("no such word", "").meaning, "");
}

TEST(Words, WhatIsSafeIsOnlySaidWhereItIsKnown) {
    const std::string text = document("outcomes.md");
    for (const auto knowledge : all_up_to(Knowledge::kNotLive)) {
        EXPECT_NE(text.find("| " + std::string(safety(knowledge)) + " |"), std::string::npos);
        EXPECT_EQ(safety(knowledge).starts_with("Every password"), knowledge == Knowledge::kProved);
    }
    for (const auto& said : advice_on_outcomes()) EXPECT_EQ(said.meaning.find("in the vault;"), std::string::npos);
}

TEST(Words, EveryDetailThatARunEndsWithIsDocumented) {
    Findings findings;
    const RealMachine machine;
    const auto search = [&](bool sulking) {
        return search_all([&](Choices& choices, std::size_t& steps) {
            PasswordWorld world(machine, choices, steps, findings);
            world.faults_left = 1;
            world.goal = static_cast<Goal>(choices.pick(4));
            world.bmc.habit = static_cast<OnApply>(choices.pick(kApplyWays));
            if (sulking) world.bmc.sulks = kOtherAnswers[choices.pick(kOtherAnswerCount)];
            world.begin(static_cast<Beginning>(choices.pick(kBeginnings)));
            world.run();
        });
    };
    EXPECT_EQ(search(false).rule, "");
    EXPECT_EQ(search(true).rule, "");
    EXPECT_GE(findings.details.size(), 20u);
    const std::string text = document("outcomes.md");
    for (const std::string& detail : findings.details) {
        EXPECT_NE(text.find("| `" + detail + "` |"), std::string::npos) << detail << " is not documented";
    }
}

TEST(Words, EveryInvariantOfTheSearchesIsInTheDocument) {
    const std::string text = document("rotation-protocol.md");
    for (int i = 1; i <= 11; ++i) {
        EXPECT_NE(text.find("| I" + std::to_string(i) + " |"), std::string::npos) << "I" << i;
    }
}

}  // namespace
}  // namespace bmcvault::rotate::test
