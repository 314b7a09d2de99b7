// The escrow log: every credential goes there, sealed to the break-glass key, before the transaction that holds it is
// committed. Internal to vault/store.
#pragma once

#include <cstdint>
#include <string>

#include "vault/core/escrow_line.hpp"
#include "vault/store/escrow_file.hpp"

namespace bmcvault::vault {

class EscrowLog {
public:
    // `row`: of table escrow.
    EscrowLog(EscrowFile file, std::int64_t row, std::uint32_t slot, const PublicKeys& keys)
        : file_(std::move(file)), row_(row), slot_(slot), keys_(keys) {}

    // On its way with write(), or before where it has become much. The slot of the key is filled in. kNoEscrow.
    [[nodiscard]] Result<void> add(EscrowKey key, const EscrowedPlace& place, const Key20& secret);
    // For a savepoint. What is in the file already stays.
    [[nodiscard]] std::uint64_t place() const { return appended_ + lines_.size(); }
    void rewind(std::uint64_t place);
    // Everything added is on the disk when this returns.
    [[nodiscard]] Result<void> write();
    // As it is then.
    [[nodiscard]] EscrowEnd end() const { return file_.end_with(lines_); }
    [[nodiscard]] std::int64_t row() const { return row_; }

private:
    [[nodiscard]] Result<void> append_lines();

    EscrowFile file_;
    std::int64_t row_;
    std::uint32_t slot_;
    PublicKeys keys_;
    std::string lines_;
    std::uint64_t appended_ = 0;
};

}  // namespace bmcvault::vault
