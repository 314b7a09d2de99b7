#include "ipmi/core/candidates.hpp"

#include <algorithm>
#include <array>

#include "ipmi/core/hmac.hpp"
#include "ipmi/core/key_exchange.hpp"

namespace bmcvault::ipmi {
namespace {

// Heads times tails grow with the square; the caller puts the likely candidates first, and a hybrid is always made of
// two passwords that followed each other.
constexpr std::size_t kHybridLimit = 256;

bool all_zero(ByteView bytes) {
    return std::ranges::all_of(bytes, [](auto byte) { return byte == 0; });
}

std::vector<HandshakeVariant> variants_of(const Rakp2Facts& facts) {
    const bool one_byte_too_long = facts.key_exchange_code.size() == digest_size(facts.algorithm) + 1;
    const bool md5 = facts.algorithm == AuthenticationAlgorithm::kHmacMd5;
    std::vector<HandshakeVariant> variants;
    for (const bool cut : {false, true}) {
        for (const bool padded : {false, true}) {
            for (const bool role : {false, true}) {
                if (cut && !md5) continue;
                if (padded && facts.user_name.size() >= kUserNameSize) continue;
                if (role && (facts.role & kNameOnlyLookup) == 0) continue;
                variants.push_back({.role_without_name_only_bit = role,
                                    .padded_user_name = padded,
                                    .md5_key_cut_to_16 = cut,
                                    .hmac_one_byte_too_long = one_byte_too_long});
            }
        }
    }
    return variants;
}

// One RAKP 2 under one variant: does this key explain it?
class Question {
public:
    Question(const Rakp2Facts& facts, const HandshakeVariant& variant)
        : variant_(variant),
          message_(rakp2_message(facts, variant)),
          code_(ByteView(facts.key_exchange_code).first(digest_size(facts.algorithm))) {}

    [[nodiscard]] const HandshakeVariant& variant() const { return variant_; }
    [[nodiscard]] bool is_explained_by(ByteView k_uid, Hmac& hmac) const {
        std::array<std::uint8_t, kMaxDigestSize> digest;
        const auto computed = MutableByteView(digest).first(hmac.size());
        hmac.compute(k_uid.first(k_uid_size(variant_)), message_, computed);
        return same_bytes(computed, code_);
    }

private:
    HandshakeVariant variant_;
    Bytes message_;
    ByteView code_;
};

Key20 cut(const Key20& k_uid, std::size_t size) {
    Key20 shorter;
    k_uid.expose(
        [&](auto from) { shorter.expose_mutable([&](auto to) { std::ranges::copy(from.first(size), to.begin()); }); });
    return shorter;
}

// False where the first `size` bytes are all there is: such a password has no shorter form of its own.
bool is_longer_than(const Key20& k_uid, std::size_t size) {
    return k_uid.expose([&](auto bytes) { return !all_zero(bytes.subspan(size)); });
}

class Search {
public:
    Search(const Rakp2Facts& facts, std::span<const PasswordCandidate> candidates)
        : hmac_(facts.algorithm), candidates_(candidates) {
        for (const auto& variant : variants_of(facts)) questions_.emplace_back(facts, variant);
    }

    [[nodiscard]] std::optional<PasswordMatch> exact() {
        for (const auto& question : questions_) {
            for (const auto& candidate : candidates_) {
                if (explains(question, *candidate.k_uid)) {
                    return found(question, candidate, Form::kExact, candidate.k_uid->clone());
                }
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<PasswordMatch> truncated(std::size_t size, Form form) {
        for (const auto& question : questions_) {
            if (question.variant().md5_key_cut_to_16) continue;  // looks only at bytes that exact() has tried
            for (const auto& candidate : candidates_) {
                if (!is_longer_than(*candidate.k_uid, size)) continue;
                auto shorter = cut(*candidate.k_uid, size);
                if (explains(question, shorter)) return found(question, candidate, form, std::move(shorter));
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<PasswordMatch> hybrid() {
        const auto likely = candidates_.first(std::min(candidates_.size(), kHybridLimit));
        for (const auto& question : questions_) {
            if (question.variant().md5_key_cut_to_16) continue;
            for (const auto& tail : likely) {
                if (!is_longer_than(*tail.k_uid, kPasswordSize16)) continue;
                if (auto match = hybrid_with(question, likely, tail)) return match;
            }
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] bool explains(const Question& question, const Key20& k_uid) {
        return k_uid.expose([&](auto bytes) { return question.is_explained_by(bytes, hmac_); });
    }

    [[nodiscard]] std::optional<PasswordMatch> hybrid_with(const Question& question,
                                                           std::span<const PasswordCandidate> heads,
                                                           const PasswordCandidate& tail) {
        auto mixed = tail.k_uid->clone();
        for (const auto& head : heads) {
            if (head.id == tail.id) continue;
            head.k_uid->expose([&](auto from) {
                mixed.expose_mutable([&](auto to) { std::ranges::copy(from.first(kPasswordSize16), to.begin()); });
            });
            if (explains(question, mixed)) {
                auto match = found(question, head, Form::kNewHeadOldTail, std::move(mixed));
                match.tail_id = tail.id;
                return match;
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] static PasswordMatch found(const Question& question, const PasswordCandidate& candidate, Form form,
                                             Key20 live) {
        return {candidate.id, form, 0, question.variant(), std::move(live)};
    }

    Hmac hmac_;
    std::span<const PasswordCandidate> candidates_;
    std::vector<Question> questions_;
};

// The bytes before the first zero, where a BMC that handles K_G as text would stop; nullopt where that is all of it.
std::optional<Key20> cut_at_zero_byte(const Key20& k_g) {
    const auto size = k_g.expose(
        [](auto bytes) { return static_cast<std::size_t>(std::ranges::find(bytes, std::uint8_t{0}) - bytes.begin()); });
    if (size == 0 || size == kKgSize || !is_longer_than(k_g, size)) return std::nullopt;
    return cut(k_g, size);
}

class KgSearch {
public:
    KgSearch(const Rakp4Facts& facts, const PasswordMatch& password)
        : hmac_(facts.rakp2.algorithm),
          sik_message_(sik_message(facts.rakp2, password.variant)),
          rakp4_message_(rakp4_message(facts.rakp2)),
          value_(ByteView(facts.integrity_check_value).first(integrity_check_value_size(facts.rakp2.algorithm))) {}

    [[nodiscard]] bool is_explained_by(ByteView key) {
        const std::size_t size = hmac_.size();
        Secret<kMaxDigestSize> sik;
        std::array<std::uint8_t, kMaxDigestSize> digest;
        sik.expose_mutable([&](auto bytes) {
            hmac_.compute(key, sik_message_, bytes.first(size));
            hmac_.compute(bytes.first(size), rakp4_message_, MutableByteView(digest).first(size));
        });
        return same_bytes(ByteView(digest).first(value_.size()), value_);
    }
    [[nodiscard]] bool is_explained_by(const Key20& key) {
        return key.expose([&](auto bytes) { return is_explained_by(ByteView(bytes)); });
    }

private:
    Hmac hmac_;
    Bytes sik_message_;
    Bytes rakp4_message_;
    ByteView value_;
};

}  // namespace

bool gives_proof(const Rakp2Facts& facts) {
    const std::size_t expected = digest_size(facts.algorithm);
    const ByteView code(facts.key_exchange_code);
    if (expected == 0 || (code.size() != expected && code.size() != expected + 1)) return false;
    return !all_zero(code.first(expected));
}

std::optional<PasswordMatch> match_password(const Rakp2Facts& facts, std::span<const PasswordCandidate> candidates) {
    if (!gives_proof(facts)) return std::nullopt;
    Search search(facts, candidates);
    if (auto match = search.exact()) return match;
    if (auto match = search.truncated(kPasswordSize16, Form::kFirst16)) return match;
    if (auto match = search.truncated(kPasswordSize20 - 1, Form::kFirst19)) return match;
    return search.hybrid();
}

std::optional<KgMatch> match_k_g(const Rakp4Facts& facts, const PasswordMatch& match,
                                 std::span<const KgCandidate> candidates) {
    const std::size_t expected = integrity_check_value_size(facts.rakp2.algorithm);
    const std::size_t extra = match.variant.hmac_one_byte_too_long ? 1 : 0;
    const std::size_t size = facts.integrity_check_value.size();
    if (expected == 0 || size < expected || size > expected + extra) return std::nullopt;

    KgSearch search(facts, match);
    if (match.live.expose([&](auto k_uid) { return search.is_explained_by(k_uid.first(k_uid_size(match.variant))); })) {
        return KgMatch{};
    }
    for (const auto& candidate : candidates) {
        if (search.is_explained_by(*candidate.k_g)) return KgMatch{candidate.id, false, candidate.k_g->clone()};
    }
    for (const auto& candidate : candidates) {
        auto shorter = cut_at_zero_byte(*candidate.k_g);
        if (shorter && search.is_explained_by(*shorter)) return KgMatch{candidate.id, true, std::move(*shorter)};
    }
    return std::nullopt;
}

}  // namespace bmcvault::ipmi
