// A line of the escrow log: what it is about in clear, and sealed to the break-glass key the same again, how to reach
// the BMC, and the secret. (docs/vault-format.md) Pure: sealing is in vault/store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "vault/base/secret.hpp"
#include "vault/core/header.hpp"
#include "vault/core/model.hpp"

namespace bmcvault::vault {

inline constexpr std::size_t kMaxEscrowLine = 8192;
inline constexpr std::size_t kMaxEscrowPlain = 4096;

// In clear. `slot`: whose key it is sealed to.
struct EscrowKey {
    VaultId vault_id{};
    std::uint32_t slot = 0;
    BmcId bmc;
    Subject subject;
    VersionNumber version;
    UnixTime at;
    friend bool operator==(const EscrowKey&, const EscrowKey&) = default;
};

// Under the seal, beside the secret: what somebody needs who has nothing but this log.
struct EscrowedPlace {
    std::string name;
    std::string address;
    std::uint16_t port = 0;
    std::string user_name;
    std::uint8_t channel = 0;
    StoredSize size = StoredSize::k20;
    friend bool operator==(const EscrowedPlace&, const EscrowedPlace&) = default;
};

struct EscrowLine {
    EscrowKey key;
    Bytes sealed;
};
// Without its line end. Only what format_escrow_line writes is read; kDamaged otherwise.
[[nodiscard]] Result<EscrowLine> parse_escrow_line(std::string_view line);
[[nodiscard]] std::string format_escrow_line(const EscrowLine&);

// What is sealed. Names and addresses longer than 255 bytes are cut.
class EscrowPlain {
public:
    EscrowPlain(const EscrowKey&, const EscrowedPlace&, const Key20& secret);

    template <class Reader>
    decltype(auto) expose(Reader&& reader) const {
        return bytes_.expose([&](auto all) { return std::forward<Reader>(reader)(ByteView(all).first(size_)); });
    }

private:
    Secret<kMaxEscrowPlain> bytes_;
    std::size_t size_ = 0;
};

struct Escrowed {
    EscrowedPlace place;
    Key20 secret;
};
// kDamaged: not of the line whose key this is.
[[nodiscard]] Result<Escrowed> parse_escrow_plain(std::string_view plain, const EscrowKey&);

}  // namespace bmcvault::vault
