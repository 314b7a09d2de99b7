// A plan: what one member asks for, in every detail that matters, for a second member to sign. Then it can be done,
// once, and nothing else. A text file without secrets. Pure: bytes, slots and times in, decisions out.
// (docs/vault-format.md)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vault/core/header.hpp"
#include "vault/core/keys.hpp"
#include "vault/core/model.hpp"
#include "vault/core/team.hpp"

namespace bmcvault::cli {

inline constexpr std::size_t kMaxPlanSize = 16u << 20;  // bytes
inline constexpr int kMaxPlanDays = 7;                  // as long as an interrupted rotation can be continued

struct PlannedBmc {
    BmcId id;
    std::string name;
    bool with_k_g = false;  // rotate: a fresh K_G too
};

struct PlannedRotation {
    bool put_back = false, first_contact = false;
    std::string role;  // only the accounts of that role; empty: all of ours
};
struct PlannedReveal {
    std::optional<std::uint32_t> version;  // nullopt: what is current when it is shown
    std::string account;                   // role; empty: our own
};
struct PlannedExport {
    std::string format, holder;  // where to is said when it is done
    std::string account;         // role; empty: our own
};
// A NewMember names its compartments; none: an owner, who has all, or an auditor, who has none.
using PlannedWork = std::variant<PlannedRotation, PlannedReveal, PlannedExport, vault::NewMember>;

struct SignedBy {
    std::string member;  // name of the slot
    UnixTime at;
    vault::Signature signature{};
};

struct Plan {
    vault::VaultId vault_id{};
    std::array<std::uint8_t, 16> id{};  // random: the same request made twice is two plans
    SignedBy asked;
    UnixTime valid_until;
    std::string reason, ticket;
    PlannedWork work;
    std::vector<PlannedBmc> bmcs;
    std::optional<SignedBy> approved;
};

// kInvalidArgument: no plan as format_plan() writes it; kUnsupported: one of a newer bmcvault.
[[nodiscard]] Result<Plan> parse_plan(std::string_view text);
[[nodiscard]] std::string format_plan(const Plan& plan);
// What the first member signs, and what the second does, whose name and time are in it.
[[nodiscard]] std::string text_to_ask(const Plan& plan);
[[nodiscard]] std::string text_to_approve(const Plan& plan);
// 64 hexadecimal digits, of what was asked for: under which the vault knows that a plan was used.
[[nodiscard]] std::string plan_hash(const Plan& plan);
// "rotate", "member add" ...
[[nodiscard]] std::string_view command_of(const Plan& plan);

struct PlanFacts {
    vault::VaultId vault_id{};
    UnixTime now;
    std::vector<vault::Slot> slots;       // who can open the vault now
    std::vector<vault::Bmc> fleet;        // that this slot sees
    std::optional<UnixTime> restored_at;  // when the vault was last put back to an older state
};

// Each of these: kInvalidArgument, the plan can't be done (any more); kNotPermitted, not with, or by, this member.
// Of this vault, asked for by a present member who may do it, not expired, and every BMC is there under its name.
[[nodiscard]] Result<void> check_request(const Plan& plan, const PlanFacts& facts);
// May this slot do what is planned? (Not whether its signature is a second one.)
[[nodiscard]] Result<void> check_right(const vault::Slot& slot, const Plan& plan, const PlanFacts& facts);
// May this slot give the second signature?
[[nodiscard]] Result<void> check_second(const vault::Slot& slot, const Plan& plan, const PlanFacts& facts);
// check_request, and the second signature is there, of another present member who may give it.
[[nodiscard]] Result<void> check_approved(const Plan& plan, const PlanFacts& facts);

// The planned BMCs as the vault has them, in the order of the plan.
[[nodiscard]] Result<std::vector<vault::Bmc>> bmcs_of(const Plan& plan, std::span<const vault::Bmc> fleet);

}  // namespace bmcvault::cli
