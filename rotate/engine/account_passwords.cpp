#include "rotate/engine/account_passwords.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bmcvault::rotate {
namespace {

using vault::CredentialVersion;
using vault::VersionState;

std::string label_of(const CredentialVersion& version) {
    const auto number = version.version.value;
    if (version.subject.index == vault::Subject::kOwnAccount)
        return fmt::format("our own password, version {}", number);
    return fmt::format("version {} of slot {}", number, version.subject.index);
}

}  // namespace

Result<AccountPasswords> AccountPasswords::load(const vault::Store& store, const vault::Bmc& bmc,
                                                const CandidatesElsewhere* elsewhere) {
    AccountPasswords known;
    known.elsewhere_ = elsewhere;
    auto versions = store.versions(bmc.id);
    if (!versions) return std::unexpected(versions.error());
    std::ranges::copy_if(*versions, std::back_inserter(known.versions_), [](const CredentialVersion& version) {
        return version.subject.kind == vault::Kind::kPassword && version.state != VersionState::kDestroyed;
    });
    auto secrets = store.unseal(known.versions_);
    if (!secrets) return std::unexpected(secrets.error());
    std::ranges::move(*secrets, std::back_inserter(known.secrets_));
    known.secrets_.emplace_back();  // all zero
    for (std::uint32_t id = 0; const auto& secret : known.secrets_) known.candidates_.push_back({id++, &secret});
    if (elsewhere != nullptr) {
        std::ranges::copy(elsewhere->passwords(bmc.compartment), std::back_inserter(known.candidates_));
    }
    return known;
}

OpenedBy AccountPasswords::meaning(std::uint32_t id, UserId asked) const {
    if (id >= CandidatesElsewhere::kFirstId) {
        const auto& origin = elsewhere_->password_origin(id);
        const bool by_vendor = origin.kind == Origin::Kind::kVendorDefault;
        if (by_vendor) return {OpenedBy::Source::kVendorDefault, "the default " + origin.label};
        return {OpenedBy::Source::kElsewhere, origin.label};
    }
    if (id >= versions_.size()) return {OpenedBy::Source::kNothing, "no password"};
    const auto* version = &versions_[id];
    for (std::size_t i = 0; i < versions_.size(); ++i) {  // an account that took turns with our own has its password
        if (versions_[i].subject == subject_of(asked) && secrets_[i].equals(secrets_[id])) version = &versions_[i];
    }
    const bool ours = version->subject == subject_of(asked);
    return {ours ? OpenedBy::Source::kOurs : OpenedBy::Source::kElsewhere, label_of(*version)};
}

const CredentialVersion* AccountPasswords::candidate_version(std::uint32_t id) const {
    return id < versions_.size() ? &versions_[id] : nullptr;
}

const CredentialVersion* AccountPasswords::version_in(UserId slot, VersionState state) const {
    const auto found = std::ranges::find_if(versions_, [&](const CredentialVersion& each) {
        return each.subject == subject_of(slot) && each.state == state;
    });
    return found == versions_.end() ? nullptr : &*found;
}

const CredentialVersion* AccountPasswords::version(UserId slot, VersionNumber number) const {
    const auto found = std::ranges::find_if(versions_, [&](const CredentialVersion& each) {
        return each.subject == subject_of(slot) && each.version == number;
    });
    return found == versions_.end() ? nullptr : &*found;
}

std::optional<VersionNumber> AccountPasswords::newest_proved(UserId slot) const {
    std::optional<VersionNumber> newest;
    for (const auto& each : versions_) {
        if (each.subject == subject_of(slot) && each.proved_at) newest = std::max(newest, std::optional(each.version));
    }
    return newest;
}

bool AccountPasswords::has_version_of(UserId slot) const {
    return std::ranges::any_of(versions_,
                               [&](const CredentialVersion& each) { return each.subject == subject_of(slot); });
}

const Key20& AccountPasswords::secret_of(const CredentialVersion& version) const {
    const auto index = &version - versions_.data();
    BMCVAULT_CHECK(index >= 0 && index < std::ssize(versions_));
    return secrets_[static_cast<std::size_t>(index)];
}

}  // namespace bmcvault::rotate
