// Columns of a pack of audit records, behind the number of its roots and these: what is read has that one spelling.
#include "vault/core/audit_pack.hpp"

#include "tests/fuzz/fuzz_input.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace bmcvault;
    fuzz::Input input(data, size);
    const auto roots = input.take(std::size_t{32} * input.take_byte());
    const auto columns = input.rest();
    const auto entries = vault::read_audit_columns(7, columns, roots);
    if (!entries) {
        BMCVAULT_CHECK(!entries.error().detail.empty());
        return 0;
    }
    BMCVAULT_CHECK(!entries->empty() && entries->size() <= vault::kMostPackedRecords);
    BMCVAULT_CHECK(entries->back().sequence == 6 + entries->size());
    const auto again = vault::lay_out_audit(*entries);
    BMCVAULT_CHECK(std::ranges::equal(again.columns, columns) && std::ranges::equal(again.roots, roots));
    return 0;
}
