// Every version the vault ever held for one account and its K_G, unsealed for the length of one operation.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ipmi/core/candidates.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::rotate {

class KnownCredentials {
public:
    // kDamaged when a seal does not verify; nothing is offered to the BMC then. What `before` holds of the same BMC is
    // not unsealed again: a version never changes its secret.
    [[nodiscard]] static Result<KnownCredentials> load(const vault::Store& store, const vault::Bmc& bmc,
                                                       KnownCredentials before);
    [[nodiscard]] static Result<KnownCredentials> load(const vault::Store& store, const vault::Bmc& bmc);

    // Most likely first: pending, current, then newest to oldest. Ids are version numbers.
    [[nodiscard]] std::span<const ipmi::PasswordCandidate> passwords() const { return passwords_.candidates; }
    [[nodiscard]] std::span<const ipmi::KgCandidate> k_gs() const { return k_gs_.candidates; }

    [[nodiscard]] const vault::CredentialVersion* password(VersionNumber version) const;
    [[nodiscard]] const vault::CredentialVersion* k_g(VersionNumber version) const;
    [[nodiscard]] const vault::CredentialVersion* password_in(vault::VersionState state) const;
    [[nodiscard]] const vault::CredentialVersion* k_g_in(vault::VersionState state) const;
    [[nodiscard]] const Key20& password_secret(VersionNumber version) const;
    [[nodiscard]] const Key20& k_g_secret(VersionNumber version) const;

    [[nodiscard]] std::optional<VersionNumber> newest_factory_password() const;
    [[nodiscard]] std::optional<VersionNumber> newest_unknown_password() const;  // entered, and never seen live
    [[nodiscard]] bool all_passwords_are(vault::Provenance provenance) const;
    [[nodiscard]] bool has_password() const { return !passwords_.versions.empty(); }

private:
    template <class Candidate>
    struct Set {
        std::vector<vault::CredentialVersion> versions;
        std::vector<Key20> secrets;  // same order
        std::vector<Candidate> candidates;
    };

    Set<ipmi::PasswordCandidate> passwords_;
    Set<ipmi::KgCandidate> k_gs_;
};

}  // namespace bmcvault::rotate
