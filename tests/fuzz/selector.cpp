// Selectors as typed: never more than the fleet, never everything by accident, bounded work for rack[1-999999999].
#include "cli/selector.hpp"

#include "tests/fuzz/fuzz_input.hpp"

namespace {

using namespace bmcvault;

std::vector<vault::Bmc> small_fleet() {
    std::vector<vault::Bmc> fleet;
    for (const auto* name : {"rack01-bmc", "rack02-bmc", "rack10-bmc", "web"}) {
        vault::Bmc bmc;
        bmc.name = name;
        bmc.group = "lab";
        bmc.tags = {"web", "spare"};
        fleet.push_back(std::move(bmc));
    }
    return fleet;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto fleet = small_fleet();
    cli::Selection selection;
    std::string_view text = fuzz::Input(data, size).rest_as_text();
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        selection.words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    for (const auto& word : selection.words) {
        const auto names = cli::expand_hostlist(word);
        if (names) BMCVAULT_CHECK(!names->empty() && names->size() <= cli::kMaxExpansion);
    }
    const auto selected = cli::select(fleet, selection);
    if (selected) BMCVAULT_CHECK(!selection.words.empty() && !selected->empty() && selected->size() <= fleet.size());
    BMCVAULT_CHECK(cli::canonical(selection) == cli::canonical(selection));
    return 0;
}
