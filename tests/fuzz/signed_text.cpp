// A certificate's signature and key as somebody hands them in: a key that is read is written back byte for byte, and
// nothing that was not signed has a signer. First byte: size of the signature / 2; the key is what comes after it.
#include "cli/signed_text.hpp"

#include "tests/fuzz/fuzz_input.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace bmcvault;
    fuzz::Input input(data, size);
    const auto signature = input.take(input.take_byte() / 2);
    const std::string_view signature_text(reinterpret_cast<const char*>(signature.data()), signature.size());
    const auto pem = input.rest_as_text();
    const auto key = cli::key_in_pem(pem);
    if (key) BMCVAULT_CHECK(cli::public_key_pem(*key) == pem);
    BMCVAULT_CHECK(!cli::signer_of("{}", signature_text, pem));
    return 0;
}
