// A share as somebody types it: what is read has one spelling, which is read as the same again, and no share that was
// not signed by the slot's key passes for one of it.
#include "vault/core/share.hpp"

#include "tests/fuzz/fuzz_input.hpp"

namespace {

std::string text_of(const bmcvault::vault::Share& share) {
    return bmcvault::vault::format_share(share).expose(
        [](auto bytes) { return std::string(bytes.begin(), bytes.end()); });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace bmcvault;
    fuzz::initialize_secrets();
    fuzz::Input input(data, size);
    const auto share = vault::parse_share(input.rest_as_text());
    if (!share) return 0;
    const auto text = text_of(*share);
    const auto again = vault::parse_share(text);
    BMCVAULT_CHECK(again && text_of(*again) == text);
    const vault::Slot slot{
        share->slot, "break-glass", vault::BreakGlassSlot{share->threshold, share->count, {1}, {}}, {}};
    BMCVAULT_CHECK(!vault::check_share(*share, share->vault_id, slot));
    return 0;
}
