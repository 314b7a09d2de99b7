#include "cli/journal.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bmcvault::cli {
namespace {

TEST(JournalEntry, HasAFieldForEachOutcome) {
    const auto text = journal_entry({"rotate", 1, "rotate: 3 BMCs", 3, 2, {{"rotated", 2}, {"still-open", 1}}});
    EXPECT_TRUE(text.starts_with("MESSAGE=rotate: 3 BMCs\nPRIORITY=3\nSYSLOG_IDENTIFIER=bmcvault\nMESSAGE_ID="));
    EXPECT_TRUE(text.contains("\nBMCVAULT_COMMAND=rotate\nBMCVAULT_EXIT_CODE=1\nBMCVAULT_BMCS=3\n"));
    EXPECT_TRUE(text.ends_with("\nBMCVAULT_FAILED_LOGINS=2\nBMCVAULT_ROTATED=2\nBMCVAULT_STILL_OPEN=1\n"));
}

TEST(JournalEntry, PriorityTellsAttentionFromFailure) {
    EXPECT_TRUE(journal_entry({"due", 0, "", 0, 0, {}}).contains("\nPRIORITY=6\n"));
    EXPECT_TRUE(journal_entry({"due", 6, "", 0, 0, {}}).contains("\nPRIORITY=4\n"));
    EXPECT_TRUE(journal_entry({"due", 4, "", 0, 0, {}}).contains("\nPRIORITY=3\n"));
}

TEST(JournalEntry, TextCannotForgeAField) {
    const auto text = journal_entry({"rotate", 1, "a\nPRIORITY=0\r\nBMCVAULT_EXIT_CODE=0", 0, 0, {{"x\ny=1", 1}}});
    EXPECT_TRUE(text.starts_with("MESSAGE=a PRIORITY=0  BMCVAULT_EXIT_CODE=0\nPRIORITY=3\n"));
    EXPECT_TRUE(text.ends_with("\nBMCVAULT_X_Y_1=1\n"));
}

TEST(JournalEntry, IsOneDatagramWhateverTheTextIs) {
    EXPECT_LT(journal_entry({"rotate", 1, std::string(1'000'000, 'x'), 0, 0, {}}).size(), 8192U);
}

TEST(JournalStream, IsTheOneOfStandardError) {
    struct stat status{};
    ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
    EXPECT_TRUE(is_in_journal(fmt::format("{}:{}", status.st_dev, status.st_ino)));
    EXPECT_FALSE(is_in_journal(fmt::format("{}:{}", status.st_dev, status.st_ino + 1)));
    EXPECT_FALSE(is_in_journal(""));
}

}  // namespace
}  // namespace bmcvault::cli
