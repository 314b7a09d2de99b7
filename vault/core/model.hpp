// What the vault knows: managed BMCs, and every version of every credential that may ever have been on one.
// Values only; the store (vault/store) keeps them, the engine (rotate/engine) changes them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/ids.hpp"

namespace bmcvault::vault {

enum class Kind : std::uint8_t { kPassword = 1, kKg = 2 };

// What a credential belongs to on its BMC. For a password: the user ID, or kOwnAccount for the account named in the
// inventory (its slot is learned at the first login and kept in Bmc::user_id). For a K_G: the channel.
struct Subject {
    static constexpr std::uint8_t kOwnAccount = 0;

    Kind kind{};
    std::uint8_t index = 0;
    friend auto operator<=>(const Subject&, const Subject&) = default;
};

// pending   staged, durable, perhaps on the BMC            (at most one per subject, I2)
// observed  found live on the BMC though we never staged these bytes (a mangled password); becomes current at once
// current   proved by the BMC in a fresh handshake          (at most one per subject, I3);
//           of an account that was closed: by the BMC's own test
// previous  was current until the last commit
// retired   was previous, or a factory password that a reset may bring back
// failed    staged, shown not to be live; still a candidate for ever
// unknown   given by a person (import) or in doubt after a restore; never proved yet
// destroyed sealed value gone, row kept
enum class VersionState : std::uint8_t {
    kPending,
    kObserved,
    kCurrent,
    kPrevious,
    kRetired,
    kFailed,
    kUnknown,
    kDestroyed,
};

enum class Provenance : std::uint8_t { kImported, kFactory, kGenerated, kManual, kObserved, kPutBack, kRestored };

// How the BMC stores the password: part of the credential (IPMI 2.0 §22.30). A K_G is always 20.
enum class StoredSize : std::uint8_t { k16 = 16, k20 = 20 };

struct CredentialVersion {
    BmcId bmc;
    Subject subject;
    VersionNumber version;
    VersionState state{};
    Provenance provenance{};
    StoredSize size = StoredSize::k20;
    UnixTime created_at;
    std::optional<UnixTime> sent_at;        // first time it may have reached the BMC
    std::optional<UnixTime> proved_at;      // last time the BMC proved it
    std::optional<UnixTime> superseded_at;  // when it stopped being current
    std::string note;                       // why, in words; never a secret
};

// Old shared passwords, of which nobody knows any more where they were used: candidates for every BMC, tried offline.
inline constexpr std::size_t kMaxListNameSize = 48;
inline constexpr std::size_t kMaxLabelSize = 64;
// In all lists together. They are to hold what a fleet once used; more would make them a dictionary, and bmcvault is no
// cracking tool. It also bounds what one handshake has to be compared with: 10,000 HMACs are some hundredths of a
// second.
inline constexpr std::size_t kMaxListedPasswords = 10'000;

// Printable ASCII (20h to 7Eh) that neither begins nor ends with a space: names of lists, labels of passwords.
[[nodiscard]] constexpr bool is_printable_name(std::string_view text, std::size_t max_size) {
    if (text.empty() || text.size() > max_size || text.front() == ' ' || text.back() == ' ') return false;
    return std::ranges::all_of(text, [](char byte) { return byte >= 0x20 && byte <= 0x7e; });
}

// What is known of one of them, without its text: Store::unseal gives that.
struct ListedPassword {
    std::uint32_t list = 0;   // 1 upwards; the newest list has the highest number
    std::uint32_t entry = 0;  // 1 upwards, in the order of the file
    std::string list_name;    // 1 to kMaxListNameSize printable characters, unique
    std::string label;        // what people see, "2019-shared #3": 1 to kMaxLabelSize, unique among all lists
    StoredSize size = StoredSize::k20;
    std::optional<UnixTime> used_from;   // when it was in use, as the file says: seconds, start of the first day ...
    std::optional<UnixTime> used_until;  // ... and of the last day; never before used_from
    UnixTime created_at;                 // when it was imported
};

// Who answered last time (I10). All-zero GUIDs are no pin; empty means not seen yet.
struct Pin {
    std::optional<std::array<std::uint8_t, 16>> guid;
    std::optional<std::uint32_t> manufacturer;
    std::optional<std::uint16_t> product;
    std::optional<std::array<std::uint8_t, 6>> mac;
    friend bool operator==(const Pin&, const Pin&) = default;
};

struct Hold {  // excepted from rotation
    std::optional<UnixTime> until;
    std::string reason;
};

struct Quarantine {  // live credential unknown: automation stops until retry_at, a person is told
    UnixTime since;
    UnixTime retry_at;
    std::string reason;
};

struct LastResult {  // of the last rotate, check or recover: one word of the outcome table, and its detail
    std::string command;
    std::string outcome;
    std::string detail;
    UnixTime at;
};

struct Bmc {
    BmcId id;
    std::string name;
    std::string address;  // IPv4, IPv6 or host name, without port
    std::uint16_t port = 623;
    std::string user_name;                // at most 16 bytes
    std::optional<std::uint8_t> user_id;  // slot; given, or learned by Get Session Info
    std::uint8_t channel = 0x0e;
    std::uint32_t compartment = 1;  // whose keys seal its credentials; changed by Team::move_bmcs only
    std::string group;
    std::vector<std::string> tags;
    bool retired = false;  // removed or replaced: kept for its history, never contacted
    std::optional<Hold> hold;
    std::optional<Quarantine> quarantine;
    Pin pin;
    std::string firmware;                      // "major.minor", as Get Device ID says
    std::optional<std::uint8_t> cipher_suite;  // strongest suite proved on this BMC (I11)
    bool weaker_suite_allowed = false;         // a person allowed it by name
    std::optional<bool> k_g_supported;         // a fact learned; nullopt: not tried yet
    std::optional<LastResult> last;

    [[nodiscard]] Subject own_password() const { return {Kind::kPassword, Subject::kOwnAccount}; }
    [[nodiscard]] Subject k_g_subject() const { return {Kind::kKg, channel}; }
};

}  // namespace bmcvault::vault
