// The vault header, which anyone who can write to the directory may have changed: parsed before any key is derived.
// What is accepted is canonical: written out again it is the same bytes.
#include "tests/fuzz/fuzz_input.hpp"
#include "vault/core/header.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace bmcvault;
    fuzz::initialize_secrets();
    const auto text = fuzz::Input(data, size).rest_as_text();

    const auto header = vault::parse_unverified_header(text);
    if (!header) {
        BMCVAULT_CHECK(!header.error().detail.empty());
        BMCVAULT_CHECK(!vault::parse_header(text));
        return 0;
    }
    BMCVAULT_CHECK(vault::format_header(*header) == text);
    BMCVAULT_CHECK(header->slots.size() <= vault::kMaxSlots);
    for (const auto& slot : header->slots) {
        const auto* argon2id = std::get_if<vault::Argon2idSlot>(&slot.kind);
        if (argon2id == nullptr) continue;
        BMCVAULT_CHECK(argon2id->memory_bytes >= vault::kMinArgon2Memory);
        BMCVAULT_CHECK(argon2id->memory_bytes <= vault::kMaxArgon2Memory);
        BMCVAULT_CHECK(argon2id->operations >= vault::kMinArgon2Operations);
        BMCVAULT_CHECK(argon2id->operations <= vault::kMaxArgon2Operations);
    }
    (void)vault::parse_header(text);
    return 0;
}
