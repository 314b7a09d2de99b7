// A file of old passwords: whatever somebody kept them in. All of it is good, or every bad line is named.
#include "cli/password_list.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz_input.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace bmcvault;
    fuzz::initialize_secrets();
    const auto text = fuzz::Input(data, size).rest_as_text();

    const auto rows = cli::parse_password_list(text);
    if (!rows) {
        const auto& problems = rows.error();
        BMCVAULT_CHECK(!problems.listed.empty());
        BMCVAULT_CHECK(problems.listed.size() <= cli::kMaxProblems);
        BMCVAULT_CHECK(problems.total >= problems.listed.size());
        const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
        for (const auto& problem : problems.listed) {
            BMCVAULT_CHECK(problem.line >= 1 && problem.line <= lines);
            BMCVAULT_CHECK(!cli::describe(problem).empty());
        }
        return 0;
    }
    BMCVAULT_CHECK(!rows->empty() && rows->size() <= cli::kMaxPasswordLines);
    std::size_t line = 0;
    for (const auto& row : *rows) {
        BMCVAULT_CHECK(row.line > line);
        line = row.line;
        const bool long_one = row.password.bytes.expose([](auto bytes) {
            BMCVAULT_CHECK(bytes.front() != 0);
            return bytes[16] != 0;
        });
        BMCVAULT_CHECK(!long_one || row.password.size == vault::StoredSize::k20);
        BMCVAULT_CHECK(row.label.empty() || vault::is_printable_name(row.label, vault::kMaxLabelSize));
        BMCVAULT_CHECK(!row.used_from || !row.used_until || *row.used_from <= *row.used_until);
    }
    return 0;
}
