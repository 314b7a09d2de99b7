// The people of a vault: members and their slots, compartments, holders, departures. A face of Store; same thread
// rules.
//
// What changes the header needs an owner (kNotPermitted otherwise) and is signed in the audit log before the header is
// replaced, which is the moment from which it holds.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/error.hpp"
#include "vault/core/key_in_shares.hpp"
#include "vault/core/share.hpp"
#include "vault/core/team.hpp"

namespace bmcvault::vault {

struct Acting {
    std::string actor;  // for the audit log, as in Store::transact
    UnixTime now;
    std::string reason;
    std::function<void(std::string_view)> hook{};  // called at each step; tests kill the process there
    std::string ticket{};                          // empty: none

    void pass(std::string_view step) const {
        if (hook) hook(step);
    }
};

class Team {
public:
    virtual ~Team() = default;

    [[nodiscard]] virtual const Slot& own_slot() const = 0;
    // Of the header, whose MAC was verified: who can open the vault now, and with which keys.
    [[nodiscard]] virtual const std::vector<Slot>& slots() const = 0;
    // By slot; also those who have left.
    [[nodiscard]] virtual Result<std::vector<Member>> members() const = 0;
    // An operator who is a member already, under that name and key, opens the compartments that are named as well from
    // now on. kAlreadyExists: that name or key has a slot, and nothing more is asked for it; kNotFound: no such
    // compartment; kConflict: another command was interrupted, or they have left meanwhile. Repeated after an
    // interruption it finishes what was begun.
    [[nodiscard]] virtual Result<void> add_member(const Acting&, const NewMember&) = 0;

    // What add_member would say; nothing is done.
    [[nodiscard]] virtual Result<void> check_member(const NewMember&) const = 0;

    [[nodiscard]] virtual Result<std::vector<Compartment>> compartments() const = 0;
    // With keys of its own, which every owner gets.
    [[nodiscard]] virtual Result<void> add_compartment(const Acting&, const std::string& name) = 0;
    // Seals all versions of these BMCs to the other compartment; who could read them before is remembered.
    [[nodiscard]] virtual Result<void> move_bmcs(const Acting&, const std::string& compartment,
                                                 std::span<const BmcId> bmcs) = 0;

    [[nodiscard]] virtual Result<std::vector<Holder>> holders() const = 0;
    // A holder that is there already gets more BMCs.
    [[nodiscard]] virtual Result<void> add_holder(const Acting&, const std::string& name, std::span<const BmcId> bmcs,
                                                  UnixTime since) = 0;

    // Marks every version that may be live and that this member could read, or holder knows: from then on those BMCs
    // are due. An open departure of the same name is returned as it is. kNotFound; kConflict: the last owner, oneself.
    [[nodiscard]] virtual Result<Departure> begin_departure(const Acting&, const std::string& who) = 0;
    // Whom it would be about, and its errors; nothing is done.
    [[nodiscard]] virtual Result<Departure> who_leaves(const std::string& who) const = 0;
    // The same for all credentials of some BMCs, because of a host. Said again for the same reason it adds to the
    // first.
    [[nodiscard]] virtual Result<Departure> expose(const Acting&, std::span<const BmcId> bmcs) = 0;
    // New keys and a new store file without the slots of the members of that name who have left; nothing to do when it
    // is done, or there were none.
    [[nodiscard]] virtual Result<void> revoke(const Acting&, const Departure&) = 0;
    [[nodiscard]] virtual Result<void> finish_departure(const Acting&, const Departure&) = 0;
    [[nodiscard]] virtual Result<std::vector<Departure>> departures() const = 0;
    // By BMC and subject.
    [[nodiscard]] virtual Result<std::vector<ExposedCredential>> exposed_by(const Departure&) const = 0;
    // Not retired, and the live credential is one that somebody knows who should not.
    [[nodiscard]] virtual Result<std::vector<BmcId>> due() const = 0;
    // Of those the ones whose K_G it is.
    [[nodiscard]] virtual Result<std::vector<BmcId>> due_for_k_g() const = 0;
    // Files of backups that a member's key opens, from the audit log.
    [[nodiscard]] virtual Result<std::vector<std::string>> backups_opened_by(const Departure&) const = 0;

    // Ed25519 by the slot that is open, and its public key; kConflict: a slot that can't sign.
    struct Signed {
        std::array<std::uint8_t, 64> signature{};
        std::array<std::uint8_t, 32> signer{};
    };
    [[nodiscard]] virtual Result<Signed> sign_statement(std::string_view text) const = 0;

    // BMCs that were proved wiped and of which the vault still holds credentials, the longest ago first.
    [[nodiscard]] virtual Result<std::vector<WipedBmc>> wiped() const = 0;
    // Destroys every credential of these BMCs, in a new generation: no file of the vault holds them afterwards. Backups
    // do: backups_since(). kConflict: one of them was never proved wiped. Otherwise as new_generation.
    [[nodiscard]] virtual Result<void> destroy(const Acting&, std::span<const BmcId> wiped) = 0;
    // Files of backups that were taken from then on, from the audit log.
    [[nodiscard]] virtual Result<std::vector<std::string>> backups_since(UnixTime) const = 0;

    // A slot that `threshold` of `count` shares open, as an owner. `keep` gets the shares first and must have put them
    // where people find them when it returns: there is never a slot without shares. kAlreadyExists: there is one.
    // `holders`: of each share in turn, or none at all.
    struct NewBreakGlass {
        std::uint32_t threshold = 0;
        std::uint32_t count = 0;
        std::vector<std::string> holders{};
    };
    using KeepShares = std::function<Result<void>(std::span<const Share>)>;
    [[nodiscard]] virtual Result<void> add_break_glass(const Acting&, const NewBreakGlass&, const KeepShares& keep) = 0;
    // nullopt: the vault has no such slot.
    [[nodiscard]] virtual Result<std::optional<KeyInShares>> break_glass() const = 0;
    // The numbers of the shares that have opened this store, for the records of it.
    virtual void opened_by(std::vector<std::uint32_t> shares) = 0;
    // The shares have opened the vault: whatever may be live is exposed, and due. Signed, and durable on return. The
    // departure is one for all uses of a slot.
    [[nodiscard]] virtual Result<Departure> use_break_glass(const Acting&) = 0;
    // The shares were proved to open so many credential versions: a record, and nothing else.
    [[nodiscard]] virtual Result<void> record_drill(const Acting&, std::uint64_t credentials) = 0;

    // nullopt: none is kept.
    [[nodiscard]] virtual Result<std::optional<Escrow>> escrow() const = 0;
    // From now on no credential is stored that is not in this file first (kNoEscrow); those there are go there now. A
    // file that is there already must be an escrow log of this vault. The number written. kConflict: no break-glass
    // slot, or one is kept.
    [[nodiscard]] virtual Result<std::uint64_t> enable_escrow(const Acting&, const std::filesystem::path& file) = 0;
    [[nodiscard]] virtual Result<void> disable_escrow(const Acting&) = 0;
    // The last lines of the one that is kept, at most `most`; nullopt: none is. kNotPermitted: the vault was not opened
    // by shares; kNoEscrow: it can't be written as it is.
    [[nodiscard]] virtual Result<std::optional<EscrowSample>> sample_escrow(std::size_t most) const = 0;
    // Adds what the vault does not have. kNotPermitted: the vault was not opened by shares.
    [[nodiscard]] virtual Result<EscrowReplay> replay_escrow(const Acting&, const std::filesystem::path& file) = 0;

    // New master key, compartment keys, data keys and signing key; everything sealed anew into a new store file. The
    // rename of the header is the commit point. Waits for nobody: kBusy while anyone else has the vault open.
    [[nodiscard]] virtual Result<void> new_generation(const Acting&) = 0;
};

}  // namespace bmcvault::vault
