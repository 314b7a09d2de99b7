// Who can open a vault, who else knows its credentials, and what follows when they leave. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/ids.hpp"
#include "vault/core/header.hpp"
#include "vault/core/model.hpp"

namespace bmcvault::vault {

inline constexpr std::size_t kMaxMemberNameSize = 64;

struct NewMember {
    std::string name;  // as a slot's name
    bool service = false;
    Role role = Role::kOperator;
    std::vector<std::string> compartments;  // names; empty: all there are
    PublicKeys keys;
};

struct Member {
    std::uint32_t slot = 0;
    std::string name;
    std::string type;  // of the slot: "argon2id", "x25519", "service"
    Role role = Role::kAuditor;
    std::vector<std::string> compartments;  // that the slot opens, or opened last
    std::optional<PublicKeys> keys;
    UnixTime added_at;
    std::optional<UnixTime> removed_at;
};

struct Compartment {
    std::uint32_t id = 0;
    std::string name;
    std::uint64_t bmcs = 0;
};

// Somebody outside the vault who knows credentials: a contractor, a spreadsheet, a monitoring system.
struct Holder {
    std::string name;
    std::string note;
    UnixTime added_at;
    std::optional<UnixTime> departed_at;
    std::vector<std::string> bmcs;  // names
};

// Out of the inventory, and proved to open to nothing that the vault ever held for it.
struct WipedBmc {
    BmcId id;
    std::string name;
    UnixTime at;                 // when that was written down
    UnixTime since;              // when the oldest of them was made
    std::uint64_t versions = 0;  // not destroyed
};

enum class DepartureType : std::uint8_t { kMember, kHolder, kHost };

// The end of somebody's access, from the moment when everything they could read was marked.
struct Departure {
    std::int64_t id = 0;
    std::string who;
    DepartureType type = DepartureType::kMember;
    std::optional<std::uint32_t> slot;  // of a member
    std::string reason;
    UnixTime at;
    std::uint64_t generation = 0;        // in which they were marked
    std::optional<UnixTime> revoked_at;  // members: the new generation is in force
    std::optional<UnixTime> finished_at;
};

// One credential that was exposed by a departure, and whether a later one has taken its place.
struct ExposedCredential {
    BmcId bmc;
    std::string bmc_name;
    Subject subject;
    bool revealed = false;              // they asked for it; else they only could have
    bool retired_bmc = false;           // out of the inventory: nobody rotates it
    std::optional<VersionNumber> live;  // proved after the departure; none: still to be rotated
    std::string last_outcome;           // of the BMC's last operation
};

// The file on another disk to which each new credential goes, sealed to the break-glass key, before it is sent.
struct Escrow {
    std::string file;
    std::uint32_t slot = 0;  // whose key
    UnixTime since;
    std::string problem;  // why it can't be written as it is; empty: it can
};

// The last lines of an escrow log, opened by the shares.
struct EscrowSample {
    std::string file;
    std::uint64_t lines = 0;  // looked at
    std::uint64_t opened = 0;
    std::uint64_t bmcs = 0;    // in the inventory, with a password in the vault
    std::uint64_t newest = 0;  // of which the newest one is in those lines
    bool whole = false;        // there are no lines before those
};

inline constexpr std::size_t kMostUnreadLines = 1000;

// What was in an escrow log that the vault did not have.
struct EscrowReplay {
    std::uint64_t lines = 0;
    std::uint64_t known = 0;                  // the vault has that secret of that account
    std::uint64_t added = 0;                  // versions, of state unknown
    std::vector<std::string> bmcs_added;      // names
    std::vector<std::string> not_in_vault;    // names: taken by another BMC meanwhile, or out of the inventory
    std::uint64_t unread = 0;                 // torn, too long, of another vault, or sealed to another key
    std::vector<std::uint64_t> unread_lines;  // the first kMostUnreadLines of them
};

}  // namespace bmcvault::vault
