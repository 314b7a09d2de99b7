#include "vault/store/shares.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <memory>

#include "vault/base/check.hpp"

extern "C" {  // which its header forgets
#include <libgfshare.h>
}

namespace bmcvault::vault {
namespace {

struct Free {
    void operator()(gfshare_ctx* context) const { gfshare_ctx_free(context); }
};
using Splitting = std::unique_ptr<gfshare_ctx, Free>;

// libgfshare has none of its own, and also wipes with it what it frees.
void use_good_randomness() {
    gfshare_fill_rand = [](unsigned char* out, unsigned int size) { randombytes_buf(out, size); };
}

}  // namespace

std::vector<Share> split_key(const Key32& slot_key, const VaultId& vault_id, std::uint32_t slot,
                             std::uint32_t threshold, std::uint32_t count) {
    BMCVAULT_CHECK(kMinThreshold <= threshold && threshold <= count && count <= kMaxShares);
    use_good_randomness();
    std::array<unsigned char, kMaxShares> numbers{};
    for (unsigned i = 0; i < count; ++i) numbers[i] = static_cast<unsigned char>(i + 1);
    const Splitting splitting(
        gfshare_ctx_init_enc(numbers.data(), count, static_cast<unsigned char>(threshold), Key32::kSize));
    BMCVAULT_CHECK(splitting != nullptr);
    auto secret = slot_key.clone();
    secret.expose_mutable([&](auto bytes) { gfshare_ctx_enc_setsecret(splitting.get(), bytes.data()); });
    const auto identity = identity_of_slot_key(slot_key);
    std::vector<Share> shares;
    shares.reserve(count);
    for (unsigned i = 0; i < count; ++i) {
        Share share;
        share.vault_id = vault_id;
        share.slot = slot;
        share.threshold = static_cast<std::uint8_t>(threshold);
        share.count = static_cast<std::uint8_t>(count);
        share.number = numbers[i];
        share.part.expose_mutable(
            [&](auto out) { gfshare_ctx_enc_getshare(splitting.get(), static_cast<unsigned char>(i), out.data()); });
        sign_share(share, identity.signing);
        shares.push_back(std::move(share));
    }
    return shares;
}

Result<Key32> join_shares(std::span<const Share> shares) {
    if (shares.empty()) return fail(ErrorCode::kInvalidArgument, "no share was given");
    const auto& first = shares.front();
    std::array<unsigned char, kMaxShares> numbers{};
    std::size_t taken = 0;
    for (const auto& share : shares) {
        const bool same = share.vault_id == first.vault_id && share.slot == first.slot &&
                          share.threshold == first.threshold && share.count == first.count;
        if (!same) return fail(ErrorCode::kInvalidArgument, "these are shares of different keys");
        if (std::ranges::count(shares, share.number, &Share::number) > 1)
            return fail(ErrorCode::kInvalidArgument, fmt::format("share {} was given twice", share.number));
        numbers[taken++] = share.number;
    }
    if (shares.size() < first.threshold)
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("{} of the {} shares that are needed: {} more", shares.size(), first.threshold,
                                first.threshold - shares.size()));
    use_good_randomness();
    const Splitting joining(gfshare_ctx_init_dec(numbers.data(), static_cast<unsigned>(shares.size()), Key32::kSize));
    BMCVAULT_CHECK(joining != nullptr);
    for (std::size_t i = 0; i < shares.size(); ++i) {
        auto part = shares[i].part.clone();
        part.expose_mutable(
            [&](auto bytes) { gfshare_ctx_dec_giveshare(joining.get(), static_cast<unsigned char>(i), bytes.data()); });
    }
    Key32 key;
    key.expose_mutable([&](auto out) { gfshare_ctx_dec_extract(joining.get(), out.data()); });
    return key;
}

}  // namespace bmcvault::vault
