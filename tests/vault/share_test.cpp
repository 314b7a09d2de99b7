// Shares of a break-glass key: every typing error is named by its line, fewer than k of them give nothing, a foreign or
// changed one is named, and libgfshare's own tool joins them too.
#include "vault/store/shares.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "tests/vault/test_vault.hpp"

namespace bmcvault::vault {
namespace {

using test::code_of;
using test::must;

constexpr VaultId kVault{1, 2, 3};
constexpr std::uint32_t kSlot = 7;

Key32 key_of(std::uint8_t seed) {
    std::array<std::uint8_t, 32> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(seed + i);
    return Key32(bytes);
}

Slot slot_of(const Key32& key, std::uint32_t threshold = 3, std::uint32_t count = 5) {
    return {kSlot, "break-glass", BreakGlassSlot{threshold, count, {1}, public_keys(identity_of_slot_key(key))}, {}};
}

// Of a test key: it may be seen.
std::string text_of(const Share& share) {
    return format_share(share).expose([](auto bytes) { return std::string(bytes.begin(), bytes.end()); });
}

std::vector<Share> chosen(const std::vector<Share>& all, const std::vector<std::size_t>& which) {
    std::vector<Share> some;
    some.reserve(which.size());
    for (const auto i : which) some.push_back(must(parse_share(text_of(all[i]))));
    return some;
}

std::string detail_of(const Result<Share>& result) {
    return result ? "no error" : result.error().detail;
}

TEST(Shares, any_k_of_them_make_the_key_and_one_less_says_how_many_are_missing) {
    const auto key = key_of(1);
    for (const auto& [threshold, count] : {std::pair{2u, 2u}, std::pair{2u, 3u}, std::pair{3u, 5u}}) {
        const auto shares = split_key(key, kVault, kSlot, threshold, count);
        ASSERT_EQ(shares.size(), count);
        for (unsigned chosen_ones = 1; chosen_ones < 1u << count; ++chosen_ones) {
            std::vector<std::size_t> which;
            for (unsigned i = 0; i < count; ++i)
                if ((chosen_ones >> i & 1u) != 0) which.push_back(i);
            const auto joined = join_shares(chosen(shares, which));
            ASSERT_EQ(joined.has_value(), which.size() >= threshold);
            if (joined) {
                EXPECT_TRUE(joined->equals(key));
                continue;
            }
            EXPECT_EQ(joined.error().detail, fmt::format("{} of the {} shares that are needed: {} more", which.size(),
                                                         threshold, threshold - which.size()));
        }
    }
}

// With k - 1 parts any key is as likely as the true one: joined as if they were enough, they give another key each
// time.
TEST(Shares, fewer_parts_than_needed_say_nothing_about_the_key) {
    const auto key = key_of(1);
    std::set<std::string> results;
    for (int round = 0; round < 20; ++round) {
        auto two = chosen(split_key(key, kVault, kSlot, 3, 5), {0, 1});
        for (auto& share : two) share.threshold = 2;
        const auto joined = must(join_shares(two));
        EXPECT_FALSE(joined.equals(key));
        joined.expose([&](auto bytes) { results.insert(to_hex(bytes)); });
    }
    EXPECT_EQ(results.size(), 20u) << "libgfshare got its randomness from us";
}

TEST(Shares, every_changed_character_is_refused_and_its_line_named) {
    constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const auto text = text_of(split_key(key_of(1), kVault, kSlot, 2, 3)[1]);
    ASSERT_EQ(text.size(), kShareTextSize);
    int line = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') ++line;
        if (kDigits.find(text[i]) == std::string_view::npos || line == 0) continue;
        for (const char other : kDigits) {
            if (other == text[i]) continue;
            auto changed = text;
            changed[i] = other;
            EXPECT_TRUE(detail_of(parse_share(changed)).starts_with(fmt::format("line {:02}: ", line))) << changed;
        }
    }
    EXPECT_EQ(line, static_cast<int>(kShareLines) + 1) << "its own first line, and all others";
}

TEST(Shares, what_a_person_may_do_while_typing_is_no_error) {
    const auto text = text_of(split_key(key_of(1), kVault, kSlot, 2, 3)[1]);
    auto typed = text;
    for (auto& c : typed) c = static_cast<char>(std::tolower(c));
    for (std::size_t at = typed.find('0'); at != std::string::npos; at = typed.find('0', at + 1)) {
        const bool in_a_group = at > 1 && typed[at - 1] != '\n' && typed[at + 2] != ' ' && typed[at - 2] != '\n';
        if (in_a_group) typed[at] = 'o';
    }
    std::string spaced = "# a sheet\n\n";
    for (const char c : typed) {
        if (c == '\n') spaced += " \r\n";
        if (c == ' ') spaced += ' ';
        spaced += c;
    }
    EXPECT_EQ(text_of(must(parse_share(spaced))), text);
    EXPECT_TRUE(check_share_line(1, std::string_view(typed).substr(kShareMagic.size() + 4, kShareLineSize - 3)));
}

TEST(Shares, missing_and_swapped_and_cut_lines_are_named) {
    const auto text = text_of(split_key(key_of(1), kVault, kSlot, 2, 3)[0]);
    const auto line = [&](std::size_t number) { return kShareMagic.size() + 1 + (number - 1) * (kShareLineSize + 1); };
    auto missing = text;
    missing.erase(line(4), kShareLineSize + 1);
    EXPECT_TRUE(detail_of(parse_share(missing)).starts_with("line 04: "));
    auto swapped = text;
    std::swap_ranges(swapped.begin() + static_cast<std::ptrdiff_t>(line(2) + 3),
                     swapped.begin() + static_cast<std::ptrdiff_t>(line(2) + kShareLineSize),
                     swapped.begin() + static_cast<std::ptrdiff_t>(line(3) + 3));
    EXPECT_TRUE(detail_of(parse_share(swapped)).starts_with("line 02: mistyped"));
    EXPECT_EQ(detail_of(parse_share(text.substr(0, line(12)))), "line 12: missing");
    EXPECT_TRUE(detail_of(parse_share(text.substr(0, line(12) + 20))).starts_with("line 12: too short"));
    EXPECT_FALSE(parse_share(text + "13 AAAA\n"));
    auto newer = text;
    newer[kShareMagic.size() - 1] = '2';
    EXPECT_EQ(code_of(parse_share(newer)), ErrorCode::kUnsupported);
    EXPECT_FALSE(parse_share(""));
}

TEST(Shares, a_share_of_another_vault_slot_or_key_is_named_and_so_is_one_given_twice) {
    const auto key = key_of(1);
    const auto slot = slot_of(key);
    const auto shares = split_key(key, kVault, kSlot, 3, 5);
    for (const auto& share : shares) EXPECT_TRUE(check_share(share, kVault, slot));
    EXPECT_EQ(check_share(shares[0], VaultId{9}, slot).error().detail, "it is a share of another vault");
    auto later = slot_of(key);
    later.number = 8;
    EXPECT_EQ(check_share(shares[0], kVault, later).error().detail,
              "it is a share of slot 7, and the vault's is slot 8 now");
    EXPECT_FALSE(check_share(split_key(key_of(2), kVault, kSlot, 3, 5)[0], kVault, slot)) << "signed by another key";
    auto forged = chosen(shares, {0});
    forged[0].part = key_of(9);
    EXPECT_FALSE(check_share(forged[0], kVault, slot)) << "another part under the same signature";
    EXPECT_FALSE(check_share(shares[0], kVault, slot_of(key, 2)));
    EXPECT_EQ(join_shares(chosen(shares, {0, 1, 0})).error().detail, "share 1 was given twice");
    auto mixed = chosen(shares, {0, 1, 2});
    mixed[2].slot = 8;
    EXPECT_EQ(join_shares(mixed).error().detail, "these are shares of different keys");
}

TEST(Shares, the_tool_of_libgfshare_joins_them) {
    const auto key = key_of(40);
    const auto shares = split_key(key, kVault, kSlot, 3, 5);
    const test::TemporaryDirectory directory;
    std::string files;
    for (const std::size_t i : {0u, 3u, 4u}) {
        const auto file = (directory.path() / fmt::format("key.{:03}", shares[i].number)).string();
        std::ofstream out(file, std::ios::binary);
        shares[i].part.expose([&](auto bytes) {
            out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        });
        files += " " + file;
    }
    const auto joined = directory.path() / "key";
    ASSERT_EQ(std::system(fmt::format("gfcombine -o {}{}", joined.string(), files).c_str()), 0);
    const auto content = test::read_file(joined);
    key.expose([&](auto bytes) { EXPECT_EQ(to_hex(as_bytes(content)), to_hex(bytes)); });
}

}  // namespace
}  // namespace bmcvault::vault
