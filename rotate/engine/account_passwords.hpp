// Passwords that may open an account other than our own: the null password, what the vault has for any account of this
// BMC, and what CandidatesElsewhere offers. Candidates for one question by RAKP 2, and the secrets to send.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "rotate/core/accounts.hpp"
#include "rotate/engine/candidates_elsewhere.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::rotate {

class AccountPasswords {
public:
    // `elsewhere` outlives this; null: nothing else is offered. kDamaged: a seal does not verify.
    [[nodiscard]] static Result<AccountPasswords> load(const vault::Store& store, const vault::Bmc& bmc,
                                                       const CandidatesElsewhere* elsewhere);

    [[nodiscard]] std::span<const ipmi::PasswordCandidate> candidates() const { return candidates_; }
    // Only those that the vault holds for accounts of this very BMC.
    [[nodiscard]] std::span<const ipmi::PasswordCandidate> of_this_bmc() const {
        return std::span(candidates_).first(versions_.size());
    }
    // What candidate `id` means for the account in slot `asked`.
    [[nodiscard]] OpenedBy meaning(std::uint32_t id, UserId asked) const;

    // Null: candidate `id` is none of the versions that the vault has for this BMC.
    [[nodiscard]] const vault::CredentialVersion* candidate_version(std::uint32_t id) const;

    // Of the account in that slot; null: none such.
    [[nodiscard]] const vault::CredentialVersion* version_in(UserId slot, vault::VersionState state) const;
    [[nodiscard]] const vault::CredentialVersion* version(UserId slot, VersionNumber number) const;
    // nullopt: none was ever proved.
    [[nodiscard]] std::optional<VersionNumber> newest_proved(UserId slot) const;
    [[nodiscard]] bool has_version_of(UserId slot) const;
    [[nodiscard]] const Key20& secret_of(const vault::CredentialVersion& version) const;

    [[nodiscard]] static vault::Subject subject_of(UserId slot) { return {vault::Kind::kPassword, slot.value}; }

private:
    const CandidatesElsewhere* elsewhere_ = nullptr;
    std::vector<vault::CredentialVersion> versions_;
    std::deque<Key20> secrets_;  // same order, then the null password; borrowed by the candidates
    std::vector<ipmi::PasswordCandidate> candidates_;
};

}  // namespace bmcvault::rotate
