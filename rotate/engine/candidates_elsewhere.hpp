// Passwords and K_Gs that are not a BMC's own and may open it all the same: those of other BMCs (a shared password of
// former times, a cable swapped between two), imported lists, vendors' defaults. Gathered once for a run.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ipmi/core/candidates.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::rotate {

struct CandidateSources {
    bool fleet_history = false;       // every version that any BMC of the vault ever had
    std::vector<BmcId> history_of{};  // or those of these BMCs only
    bool lists = false;               // imported by `bmc import-passwords`
    bool vendor_defaults = false;     // rotate/core/vendor_defaults.hpp
};

struct Origin {
    enum class Kind : std::uint8_t { kOtherBmc, kList, kVendorDefault };
    Kind kind{};
    std::string label;  // "rack03-bmc version 4", "2019-shared #3", "ADMIN of Supermicro"; never a secret
};

// Secrets as keys of a map: keyed hashes under a key that dies with the object.
class Fingerprints {
public:
    using Value = std::array<std::uint8_t, 16>;
    Fingerprints();
    [[nodiscard]] Value of(const Key20& secret) const;

private:
    Secret<32> key_;
};

// Beside a BMC's own versions and the published defaults at most so many passwords, and K_Gs, are compared with one
// handshake: bmcvault brings back what was known once, it cracks nothing.
inline constexpr std::size_t kMaxCandidates = 10'000;

class CandidatesElsewhere {
public:
    // Ids from here on; below are version numbers of the BMC itself.
    static constexpr std::uint32_t kFirstId = 1u << 31;

    CandidatesElsewhere() = default;
    // kInvalidArgument: more than kMaxCandidates. kDamaged: a seal does not verify. The same secret twice is one
    // candidate, with the label that was found first.
    [[nodiscard]] static Result<CandidatesElsewhere> gather(const vault::Store& store, const CandidateSources& sources);

    // For a BMC of that compartment: never a secret of a BMC of another one. Whoever has one compartment would learn by
    // it what lives in the other.
    [[nodiscard]] std::span<const ipmi::PasswordCandidate> passwords(std::uint32_t compartment) const {
        return offered(passwords_, compartment);
    }
    [[nodiscard]] std::span<const ipmi::KgCandidate> k_gs(std::uint32_t compartment) const {
        return offered(k_gs_, compartment);
    }
    // How many of them are passwords and K_Gs of other BMCs.
    [[nodiscard]] std::size_t of_other_bmcs(std::uint32_t compartment) const;
    // All that were gathered, for the audit log.
    [[nodiscard]] std::size_t password_count() const { return passwords_.secrets.size(); }
    [[nodiscard]] std::size_t k_g_count() const { return k_gs_.secrets.size(); }
    [[nodiscard]] const Origin& password_origin(std::uint32_t id) const { return passwords_.origins[id - kFirstId]; }
    [[nodiscard]] const Origin& k_g_origin(std::uint32_t id) const { return k_gs_.origins[id - kFirstId]; }

private:
    using Compartments = std::set<std::uint32_t>;
    template <class Candidate>
    struct Offer {
        std::vector<Candidate> candidates;
        std::set<Fingerprints::Value> known;
    };
    template <class Candidate>
    struct Set {
        std::deque<Key20> secrets;    // borrowed by the candidates: its elements stay where they are
        std::vector<Origin> origins;  // same order
        std::map<std::uint32_t, Offer<Candidate>> by_compartment;
    };

    template <class Candidate>
    [[nodiscard]] static std::span<const Candidate> offered(const Set<Candidate>& set, std::uint32_t compartment) {
        const auto found = set.by_compartment.find(compartment);
        return found == set.by_compartment.end() ? std::span<const Candidate>() : found->second.candidates;
    }
    template <class Candidate>
    [[nodiscard]] static bool is_too_much(const Set<Candidate>& set);
    template <class Candidate>
    void add(Set<Candidate>& set, const Compartments& compartments, Key20 secret, Origin origin);
    Result<void> add_history(const vault::Store& store, const CandidateSources& sources);
    Result<void> add_history_of(const vault::Store& store, const vault::Bmc& bmc);
    Result<void> add_lists(const vault::Store& store);
    void add_vendor_defaults();

    Fingerprints fingerprints_;
    Compartments compartments_;  // of the inventory
    Set<ipmi::PasswordCandidate> passwords_;
    Set<ipmi::KgCandidate> k_gs_;
};

// Which BMCs share one password, as far as the vault knows: their current one, or where none was proved the newest.
class SharedPasswords {
public:
    SharedPasswords() = default;
    [[nodiscard]] static Result<SharedPasswords> read(const vault::Store& store);
    // The names of the other BMCs, by name.
    [[nodiscard]] std::vector<std::string> others_with(const Key20& password, const vault::Bmc& bmc) const;

private:
    Fingerprints fingerprints_;
    std::map<Fingerprints::Value, std::vector<std::string>> names_;
};

}  // namespace bmcvault::rotate
