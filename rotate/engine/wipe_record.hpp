// What a de-provisioning has done to one BMC so far: a fact of that BMC, as JSON, without secrets. What a certificate
// is written from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rotate/core/wipe_settings.hpp"
#include "rotate/core/wiping_machine.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::rotate {

// One account name that was asked by RAKP 1 and 2.
struct NameAsked {
    enum class Verdict : std::uint8_t {
        kRefused,       // the BMC does not let that name in
        kNothingOpens,  // it answers for the name, and nothing that was ever known opens it
        kOnlyLast,      // only the random password of this wipe opens it, which was shown to nobody
        kOpen,
        kNotProved,
    };
    std::string name;  // may be empty: the null name
    Verdict verdict{};
    std::string opened_by;  // a label, never a secret
    friend bool operator==(const NameAsked&, const NameAsked&) = default;
};
[[nodiscard]] std::string_view word(NameAsked::Verdict verdict);

inline constexpr std::string_view kEventLogItem = "system event log";
inline constexpr std::string_view kFactoryResetItem = "factory reset";

struct WipeRecord {
    UnixTime begun_at;
    UnixTime ended_at;
    bool own_is_closing = false;     // from here on our account may be gone
    std::vector<std::string> names;  // of the accounts that were found
    std::vector<WipeItem> items;     // in the order of the work
    std::vector<NameAsked> asked;    // the last time
    WipeResult result = WipeResult::kNotDone;
    std::string why;     // where it ended: the word of the last answer
    std::string serial;  // of the board or the product, from FRU device 0; empty: not readable
    std::string reason;
    std::string ticket;
    std::string actor;
    friend bool operator==(const WipeRecord&, const WipeRecord&) = default;

    // The item of that name, or a new one at the end.
    void put(const WipeItem& item);
    [[nodiscard]] bool has(std::string_view item) const;
    // Its end was reached: whatever is found later is not what it left.
    [[nodiscard]] bool is_over() const;
    void begin_anew(UnixTime at);  // for the same reason, by the same person
    // Proved, every item erased, and no account left that still answers to its last random password.
    [[nodiscard]] bool is_complete() const;
};

[[nodiscard]] std::string to_json_text(const WipeRecord& record);
[[nodiscard]] Result<WipeRecord> wipe_record_from(std::string_view json_text);
// nullopt: it was never begun. kDamaged: what the vault holds is no record.
[[nodiscard]] Result<std::optional<WipeRecord>> read_wipe_record(const vault::Store& store, const vault::Bmc& bmc);
// A credential of this BMC was proved after that wipe had ended: it is in use again, and the wipe says nothing any
// more.
[[nodiscard]] Result<bool> was_opened_since(const vault::Store& store, const vault::Bmc& bmc, const WipeRecord& record);
[[nodiscard]] Result<void> record_wipe(vault::Transaction& transaction, const vault::Bmc& bmc,
                                       const WipeRecord& record);

}  // namespace bmcvault::rotate
