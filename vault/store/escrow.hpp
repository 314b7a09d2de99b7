// The escrow log: every credential goes there, sealed to the break-glass key, before the transaction that holds it is
// committed. Internal to vault/store.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "vault/core/escrow_line.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::vault {

class EscrowLog {
public:
    EscrowLog(std::filesystem::path file, const Access& access, std::uint32_t slot, const PublicKeys& keys)
        : file_(std::move(file)), access_(access), slot_(slot), keys_(keys) {}

    // Kept until write(). The slot of the key is filled in.
    void add(EscrowKey key, const EscrowedPlace& place, const Key20& secret);
    // For a savepoint.
    [[nodiscard]] std::size_t size() const { return lines_.size(); }
    void rewind(std::size_t size) { lines_.resize(size); }
    // Everything added is on the disk when this returns. Names the file when it can't be.
    [[nodiscard]] Result<void> write();

private:
    [[nodiscard]] Result<void> append_lines() const;

    std::filesystem::path file_;
    Access access_;
    std::uint32_t slot_;
    PublicKeys keys_;
    std::string lines_;
};

}  // namespace bmcvault::vault
