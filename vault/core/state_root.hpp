// One number for all rows of a set of tables: the sum, modulo 2^256, of a keyed hash of each row. Adding, changing or
// taking away a row changes it without a look at the others. (docs/vault-format.md, "State root") Pure.
//
// Clarke, Devadas, van Dijk, Gassend, Suh: Incremental Multiset Hash Functions and Their Application to Memory
// Integrity Checking, ASIACRYPT 2003 (MSet-Add-Hash). It says nothing against somebody who holds the key.
#pragma once

#include <cstdint>
#include <string_view>

#include "vault/base/bytes.hpp"
#include "vault/core/keys.hpp"

namespace bmcvault::vault {

// One row as bytes, such that no two rows have the same: the table, then each column in the table's order.
class StateRow {
public:
    explicit StateRow(std::string_view table) {
        bytes_.reserve(kMostRowsAreShorter);
        add_text(table);
    }
    void add_null();
    void add_integer(std::int64_t value);
    void add_text(std::string_view text);
    void add_blob(ByteView blob);
    [[nodiscard]] Digest hash(const Key32& state_key) const;

private:
    static constexpr std::size_t kMostRowsAreShorter = 512;
    Bytes bytes_;
};

// Little endian, modulo 2^256. The root of no row at all is zero.
[[nodiscard]] Digest root_with(const Digest& root, const Digest& row);
[[nodiscard]] Digest root_without(const Digest& root, const Digest& row);

}  // namespace bmcvault::vault
