// An inventory file: whatever somebody exported from a spreadsheet. All of it is good, or every bad line is named.
#include "cli/inventory_csv.hpp"

#include <set>

#include "tests/fuzz/fuzz_input.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace bmcvault;
    fuzz::initialize_secrets();
    const auto text = fuzz::Input(data, size).rest_as_text();

    const auto rows = cli::parse_inventory(text);
    if (!rows) {
        const auto& problems = rows.error();
        BMCVAULT_CHECK(!problems.listed.empty());
        BMCVAULT_CHECK(problems.listed.size() <= cli::kMaxProblems);
        BMCVAULT_CHECK(problems.total >= problems.listed.size());
        for (const auto& problem : problems.listed) BMCVAULT_CHECK(!cli::describe(problem).empty());
        return 0;
    }
    std::set<std::string> names;
    for (const auto& row : *rows) {
        BMCVAULT_CHECK(cli::parse_word(row.name).has_value());
        BMCVAULT_CHECK(names.insert(row.name).second);
        BMCVAULT_CHECK(row.user_name.size() <= 16);
        BMCVAULT_CHECK(row.port != 0);
    }
    return 0;
}
