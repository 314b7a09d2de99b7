// The yearly report: every BMC accounted for, as changed and proved, excepted, or neither and why. Pure: what the vault
// knows in, a page out.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/due.hpp"

namespace bmcvault::cli {

enum class Fate { kChanged, kExcepted, kNotChanged };
[[nodiscard]] std::string_view word(Fate fate);  // "changed", "excepted", "not-changed"

struct YearlyLine {
    vault::Bmc bmc;
    Fate fate = Fate::kNotChanged;
    std::optional<vault::CredentialVersion> password;  // current
    bool age_is_known = false;                         // bmcvault drew the password
    std::string why;                                   // not changed, excepted: in words
    std::string excepted_by;                           // who put it on hold
    std::string next;                                  // not changed: what to do
};

struct YearlyReport {
    UnixTime since;
    UnixTime at;
    std::string vault_id;  // hexadecimal
    std::vector<YearlyLine> lines;

    [[nodiscard]] std::size_t count(Fate fate) const;
};

// changed: the live password was drawn by bmcvault at or after `since` and proved by the BMC. excepted_by: the actor of
// the record that put a BMC on hold.
[[nodiscard]] YearlyLine yearly_line(const DueEntry& entry, const std::optional<vault::CredentialVersion>& password,
                                     UnixTime since, std::string excepted_by);

// A page that needs nothing but itself, and prints: counts, ages, and a row per BMC, those to do something about first.
[[nodiscard]] std::string yearly_html(const YearlyReport& report);

}  // namespace bmcvault::cli
