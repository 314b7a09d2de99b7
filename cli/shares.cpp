#include "cli/shares.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cli/secret_input.hpp"
#include "vault/store/shares.hpp"

namespace bmcvault::cli {
namespace {

vault::Share copy_of(const vault::Share& share) {
    return {share.vault_id, share.slot,         share.threshold, share.count,
            share.number,   share.part.clone(), share.signature};
}

Result<vault::IdentityKeys> keys_for(const std::vector<NamedShare>& shares, const vault::Header& header) {
    const auto* slot = vault::break_glass_slot_of(header);
    if (slot == nullptr)
        return fail(ErrorCode::kNotPermitted, "the vault has no break-glass slot that shares could open");
    std::vector<vault::Share> all;
    all.reserve(shares.size());
    for (const auto& named : shares) {
        if (auto genuine = vault::check_share(named.share, header.vault_id, *slot); !genuine)
            return fail(genuine.error().code, fmt::format("{}: {}", named.source, genuine.error().detail));
        all.push_back(copy_of(named.share));
    }
    const auto key = vault::join_shares(all);
    if (!key) return std::unexpected(key.error());
    return vault::identity_of_slot_key(*key);
}

// How many are needed is known from the first one.
std::string which_one(const std::vector<NamedShare>& given) {
    if (given.empty()) return "A share";
    return fmt::format("Another share ({} of {} needed)", given.size() + 1, given.front().share.threshold);
}

}  // namespace

std::vector<std::uint32_t> numbers_of(const std::vector<NamedShare>& shares) {
    std::vector<std::uint32_t> numbers;
    std::ranges::transform(shares, std::back_inserter(numbers), [](const auto& named) { return named.share.number; });
    return numbers;
}

Outcome<std::vector<NamedShare>> read_shares(const Context& context) {
    std::vector<NamedShare> shares;
    shares.reserve(context.options.shares.size());
    for (const auto& file : context.options.shares) {
        const auto source = file == "-" ? fmt::format("the share typed for --share {}", shares.size() + 1) : file;
        const auto text = read_share(file, which_one(shares));
        if (!text) return std::unexpected(text.error());
        auto share = text->expose([](std::string_view typed) { return vault::parse_share(typed); });
        if (!share)
            return std::unexpected(Failure{ExitCode::kNotUnlocked,
                                           fmt::format("{}: {}", printable(source), share.error().detail),
                                           "compare that line with the printed sheet, then the same command", ""});
        shares.push_back({source, std::move(*share)});
    }
    return shares;
}

vault::Store::KeysFor keys_from(const std::vector<NamedShare>& shares) {
    return [&shares](const vault::Header& header) { return keys_for(shares, header); };
}

}  // namespace bmcvault::cli
