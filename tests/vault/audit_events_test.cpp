// The events are one table: what the program writes is in it, it has nothing else, and docs/audit-log.md explains each
// and says rightly which are signed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "vault/core/audit_chain.hpp"
#include "vault/core/audit_events.hpp"

namespace bmcvault::vault {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::string sources_but_the_table() {
    std::string all;
    for (const char* part : {"vault", "rotate", "cli"})
        for (const auto& entry : fs::recursive_directory_iterator(fs::path(BMCVAULT_SOURCE_DIR) / part)) {
            const auto ending = entry.path().extension();
            if ((ending == ".cpp" || ending == ".hpp") && entry.path().stem() != "audit_events")
                all += text_of(entry.path());
        }
    return all;
}

std::set<std::string> matches(const std::string& text, const std::regex& pattern, std::size_t group = 1) {
    std::set<std::string> all;
    for (std::sregex_iterator each(text.begin(), text.end(), pattern), end; each != end; ++each)
        all.insert((*each)[group]);
    return all;
}

TEST(AuditEvents, what_the_program_writes_is_in_the_table) {
    const std::regex call(R"re(\b(?:audit|audit_version)\(\s*([^,;]*"[^,;]*),)re");
    const std::regex literal(R"re("([^"]*)")re");
    std::size_t found = 0;
    for (const auto& first : matches(sources_but_the_table(), call))
        for (const auto& event : matches(first, literal)) {
            EXPECT_EQ(std::ranges::count(audit_events(), event), 1) << event;
            ++found;
        }
    EXPECT_GT(found, 40u) << "the pattern finds the calls";
}

TEST(AuditEvents, each_is_written_somewhere) {
    const auto sources = sources_but_the_table();
    const std::regex disclosing(R"re(\bdisclose\([^;{]*?"([a-z]+)")re");
    const auto disclosures = matches(sources, disclosing);
    EXPECT_EQ(disclosures, (std::set<std::string>{"exec", "export", "hook", "reveal"}));
    for (const auto event : audit_events()) {
        if (disclosures.contains(std::string(event))) continue;
        const auto quoted = '"' + std::string(event) + '"';
        EXPECT_NE(sources.find(quoted), std::string::npos) << event;
    }
}

TEST(AuditEvents, the_document_has_each_once_and_says_which_are_signed) {
    const auto text = text_of(fs::path(BMCVAULT_SOURCE_DIR) / "docs" / "audit-log.md");
    std::set<std::string> documented;
    const std::regex line(R"(\| `([a-z.-]+)` \| (✓ )?\| [^|\n]+ \|\n)");
    for (std::sregex_iterator each(text.begin(), text.end(), line), end; each != end; ++each) {
        const std::string event = (*each)[1];
        EXPECT_TRUE(documented.insert(event).second) << event;
        EXPECT_EQ((*each)[2].matched, must_be_signed(event)) << event;
    }
    const auto events = audit_events();
    EXPECT_EQ(documented, std::set<std::string>(events.begin(), events.end()));
}

}  // namespace
}  // namespace bmcvault::vault
