#include "rotate/engine/known_credentials.hpp"

#include <algorithm>

namespace bmcvault::rotate {
namespace {

using vault::CredentialVersion;
using vault::VersionState;

int likelihood(const CredentialVersion& version) {
    if (version.state == VersionState::kPending) return 2;
    return version.state == VersionState::kCurrent ? 1 : 0;
}

void most_likely_first(std::vector<CredentialVersion>& versions) {
    std::ranges::stable_sort(versions, [](const auto& a, const auto& b) {
        if (likelihood(a) != likelihood(b)) return likelihood(a) > likelihood(b);
        return a.version > b.version;
    });
}

const CredentialVersion* find_version(const std::vector<CredentialVersion>& versions, VersionNumber number) {
    const auto found = std::ranges::find(versions, number, &CredentialVersion::version);
    return found == versions.end() ? nullptr : &*found;
}

const CredentialVersion* find_state(const std::vector<CredentialVersion>& versions, VersionState state) {
    const auto found = std::ranges::find(versions, state, &CredentialVersion::state);
    return found == versions.end() ? nullptr : &*found;
}

// Those that `before` has are taken over, the others unsealed.
template <class Set>
Result<void> unseal_all(const vault::Store& store, Set& set, Set before) {
    most_likely_first(set.versions);
    std::vector<CredentialVersion> unknown;
    for (const auto& version : set.versions) {
        if (find_version(before.versions, version.version) == nullptr) unknown.push_back(version);
    }
    auto unsealed = store.unseal(unknown);
    if (!unsealed) return std::unexpected(unsealed.error());
    set.secrets.reserve(set.versions.size());
    auto next = unsealed->begin();
    for (const auto& version : set.versions) {
        const auto* known = find_version(before.versions, version.version);
        auto& secret =
            known == nullptr ? *next++ : before.secrets[static_cast<std::size_t>(known - before.versions.data())];
        set.secrets.push_back(std::move(secret));
        set.candidates.push_back({version.version.value, &set.secrets.back()});
    }
    return {};
}

template <class Set>
const Key20& secret_of(const Set& set, VersionNumber number) {
    const auto* version = find_version(set.versions, number);
    BMCVAULT_CHECK(version != nullptr);
    return set.secrets[static_cast<std::size_t>(version - set.versions.data())];
}

}  // namespace

Result<KnownCredentials> KnownCredentials::load(const vault::Store& store, const vault::Bmc& bmc) {
    return load(store, bmc, {});
}

Result<KnownCredentials> KnownCredentials::load(const vault::Store& store, const vault::Bmc& bmc,
                                                KnownCredentials before) {
    auto versions = store.versions(bmc.id);
    if (!versions) return std::unexpected(versions.error());
    KnownCredentials known;
    for (auto& version : *versions) {
        if (version.state == VersionState::kDestroyed) continue;
        if (version.subject == bmc.own_password())
            known.passwords_.versions.push_back(std::move(version));
        else if (version.subject == bmc.k_g_subject())
            known.k_gs_.versions.push_back(std::move(version));
    }
    if (auto done = unseal_all(store, known.passwords_, std::move(before.passwords_)); !done)
        return std::unexpected(done.error());
    if (auto done = unseal_all(store, known.k_gs_, std::move(before.k_gs_)); !done)
        return std::unexpected(done.error());
    return known;
}

const CredentialVersion* KnownCredentials::password(VersionNumber version) const {
    return find_version(passwords_.versions, version);
}
const CredentialVersion* KnownCredentials::k_g(VersionNumber version) const {
    return find_version(k_gs_.versions, version);
}
const CredentialVersion* KnownCredentials::password_in(VersionState state) const {
    return find_state(passwords_.versions, state);
}
const CredentialVersion* KnownCredentials::k_g_in(VersionState state) const {
    return find_state(k_gs_.versions, state);
}
std::optional<VersionNumber> KnownCredentials::newest_factory_password() const {
    std::optional<VersionNumber> newest;
    for (const auto& each : passwords_.versions) {
        if (each.provenance == vault::Provenance::kFactory)
            newest = std::max(newest.value_or(each.version), each.version);
    }
    return newest;
}
std::optional<VersionNumber> KnownCredentials::newest_unknown_password() const {
    std::optional<VersionNumber> newest;
    for (const auto& each : passwords_.versions) {
        if (each.state == VersionState::kUnknown) newest = std::max(newest.value_or(each.version), each.version);
    }
    return newest;
}
bool KnownCredentials::all_passwords_are(vault::Provenance provenance) const {
    return std::ranges::all_of(passwords_.versions, [&](const auto& each) { return each.provenance == provenance; });
}
const Key20& KnownCredentials::password_secret(VersionNumber version) const {
    return secret_of(passwords_, version);
}
const Key20& KnownCredentials::k_g_secret(VersionNumber version) const {
    return secret_of(k_gs_, version);
}

}  // namespace bmcvault::rotate
