#include "cli/signed_file.hpp"

#include <fmt/format.h>

#include <fstream>

#include "vault/core/line_reader.hpp"

namespace bmcvault::cli {
namespace {

// As openssl reads it.
std::string public_key_pem(const std::array<std::uint8_t, 32>& key) {
    Bytes der{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};  // Ed25519, RFC 8410
    append(der, key);
    return fmt::format("-----BEGIN PUBLIC KEY-----\n{}=\n-----END PUBLIC KEY-----\n", vault::to_base64(der));
}

}  // namespace

Outcome<void> write_file(const std::filesystem::path& file, std::string_view content) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.flush();
    if (out) return {};
    return usage_error(fmt::format("{}: can not be written", printable(file.string())));
}

Outcome<void> write_signed(vault::Store& store, const std::string& base, std::string_view ending,
                           std::string_view content) {
    const auto signature = store.team().sign_statement(content);
    if (!signature) return vault_error("signing", signature.error());
    const std::string_view bytes(reinterpret_cast<const char*>(signature->signature.data()),
                                 signature->signature.size());
    auto written = write_file(base + std::string(ending), content);
    if (written) written = write_file(base + ".sig", bytes);
    return written ? write_file(base + ".pem", public_key_pem(signature->signer)) : written;
}

}  // namespace bmcvault::cli
