#include "rotate/engine/candidates_elsewhere.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <ranges>

#include "rotate/core/vendor_defaults.hpp"

namespace bmcvault::rotate {
namespace {

using vault::VersionState;

Key20 padded(std::string_view text) {
    Key20 key;
    key.expose_mutable([&](auto bytes) { std::ranges::copy(text, bytes.begin()); });
    return key;
}

// What the vault believes to be on the BMC: the current version, else the newest that a person gave.
const vault::CredentialVersion* believed(const std::vector<vault::CredentialVersion>& versions,
                                         vault::Subject subject) {
    const vault::CredentialVersion* found = nullptr;
    for (const auto& version : versions) {
        if (version.subject != subject) continue;
        if (version.state == VersionState::kCurrent) return &version;
        if (version.state == VersionState::kUnknown) found = &version;
    }
    return found;
}

}  // namespace

Fingerprints::Fingerprints() {
    key_.expose_mutable([](auto bytes) { randombytes_buf(bytes.data(), bytes.size()); });
}

Fingerprints::Value Fingerprints::of(const Key20& secret) const {
    Value value{};
    secret.expose([&](auto bytes) {
        key_.expose([&](auto key) {
            BMCVAULT_CHECK(crypto_generichash(value.data(), value.size(), bytes.data(), bytes.size(), key.data(),
                                              key.size()) == 0);
        });
    });
    return value;
}

Result<CandidatesElsewhere> CandidatesElsewhere::gather(const vault::Store& store, const CandidateSources& sources) {
    CandidatesElsewhere all;
    const auto bmcs = store.bmcs();
    if (!bmcs) return std::unexpected(bmcs.error());
    for (const auto& bmc : *bmcs) all.compartments_.insert(bmc.compartment);
    if (sources.fleet_history || !sources.history_of.empty()) {
        if (auto done = all.add_history(store, sources); !done) return std::unexpected(done.error());
    }
    if (sources.lists) {
        if (auto done = all.add_lists(store); !done) return std::unexpected(done.error());
    }
    if (is_too_much(all.passwords_) || is_too_much(all.k_gs_)) {
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("more than {} passwords of other BMCs and of lists for one BMC: name fewer BMCs with "
                                "--history-of, or leave out the lists with --no-lists",
                                kMaxCandidates));
    }
    if (sources.vendor_defaults) all.add_vendor_defaults();
    return all;
}

template <class Candidate>
bool CandidatesElsewhere::is_too_much(const Set<Candidate>& set) {
    return std::ranges::any_of(set.by_compartment,
                               [](const auto& entry) { return entry.second.candidates.size() > kMaxCandidates; });
}

template <class Candidate>
void CandidatesElsewhere::add(Set<Candidate>& set, const Compartments& compartments, Key20 secret, Origin origin) {
    const auto fingerprint = fingerprints_.of(secret);
    std::vector<Offer<Candidate>*> new_to;
    for (const auto compartment : compartments) {
        auto& offer = set.by_compartment[compartment];
        if (offer.known.insert(fingerprint).second) new_to.push_back(&offer);
    }
    if (new_to.empty()) return;
    const auto id = kFirstId + static_cast<std::uint32_t>(set.secrets.size());
    set.secrets.push_back(std::move(secret));
    set.origins.push_back(std::move(origin));
    for (auto* offer : new_to) offer->candidates.push_back({id, &set.secrets.back()});
}

Result<void> CandidatesElsewhere::add_history(const vault::Store& store, const CandidateSources& sources) {
    const auto bmcs = store.bmcs(true);  // boards that were replaced too
    if (!bmcs) return std::unexpected(bmcs.error());
    for (const auto& bmc : *bmcs) {
        const bool wanted = sources.fleet_history || std::ranges::count(sources.history_of, bmc.id) > 0;
        if (!wanted) continue;
        if (auto done = add_history_of(store, bmc); !done) return done;
        if (is_too_much(passwords_) || is_too_much(k_gs_)) break;  // gather() says so
    }
    return {};
}

Result<void> CandidatesElsewhere::add_history_of(const vault::Store& store, const vault::Bmc& bmc) {
    const auto versions = store.versions(bmc.id);
    if (!versions) return std::unexpected(versions.error());
    for (const auto& version : *versions | std::views::reverse) {
        if (version.state == VersionState::kDestroyed) continue;
        auto secret = store.unseal(version);
        if (!secret) return std::unexpected(secret.error());
        Origin origin{Origin::Kind::kOtherBmc, fmt::format("{} version {}", bmc.name, version.version.value)};
        if (version.subject == bmc.own_password()) {
            add(passwords_, {bmc.compartment}, std::move(*secret), std::move(origin));
        } else if (version.subject.kind == vault::Kind::kKg) {
            add(k_gs_, {bmc.compartment}, std::move(*secret), std::move(origin));
        }
    }
    return {};
}

Result<void> CandidatesElsewhere::add_lists(const vault::Store& store) {
    const auto listed = store.listed_passwords();
    if (!listed) return std::unexpected(listed.error());
    for (const auto& password : *listed) {
        auto secret = store.unseal(password);
        if (!secret) return std::unexpected(secret.error());
        add(passwords_, compartments_, std::move(*secret), {Origin::Kind::kList, password.label});
    }
    return {};
}

void CandidatesElsewhere::add_vendor_defaults() {
    for (const auto& known : vendor_defaults()) {
        add(passwords_, compartments_, padded(known.published),
            {Origin::Kind::kVendorDefault, fmt::format("{} of {}", known.user_name, known.vendor)});
    }
}

std::size_t CandidatesElsewhere::of_other_bmcs(std::uint32_t compartment) const {
    const auto password = [this](const auto& each) { return password_origin(each.id).kind == Origin::Kind::kOtherBmc; };
    return static_cast<std::size_t>(std::ranges::count_if(passwords(compartment), password)) + k_gs(compartment).size();
}

Result<SharedPasswords> SharedPasswords::read(const vault::Store& store) {
    SharedPasswords all;
    const auto bmcs = store.bmcs();
    if (!bmcs) return std::unexpected(bmcs.error());
    for (const auto& bmc : *bmcs) {
        const auto versions = store.versions(bmc.id);
        if (!versions) return std::unexpected(versions.error());
        const auto* version = believed(*versions, bmc.own_password());
        if (version == nullptr) continue;
        const auto secret = store.unseal(*version);
        if (!secret) return std::unexpected(secret.error());
        all.names_[all.fingerprints_.of(*secret)].push_back(bmc.name);
    }
    return all;
}

std::vector<std::string> SharedPasswords::others_with(const Key20& password, const vault::Bmc& bmc) const {
    const auto found = names_.find(fingerprints_.of(password));
    if (found == names_.end()) return {};
    auto others = found->second;
    std::erase(others, bmc.name);
    return others;
}

}  // namespace bmcvault::rotate
