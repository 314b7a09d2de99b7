// A line of an escrow log, and behind a line feed what somebody says was sealed in it: what is read is written back
// byte for byte.
#include "vault/core/escrow_line.hpp"

#include "tests/fuzz/fuzz_input.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace bmcvault;
    fuzz::initialize_secrets();
    fuzz::Input input(data, size);
    const auto text = input.rest_as_text();
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = vault::parse_escrow_line(std::string_view(text).substr(0, end));
    if (!line) return 0;
    BMCVAULT_CHECK(vault::format_escrow_line(*line) == text.substr(0, end));
    const auto plain = text.substr(std::min(end + 1, text.size()));
    const auto escrowed = vault::parse_escrow_plain(plain, line->key);
    if (!escrowed) return 0;
    const vault::EscrowPlain written(line->key, escrowed->place, escrowed->secret);
    written.expose([&](ByteView bytes) {
        BMCVAULT_CHECK(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == plain);
    });
    return 0;
}
