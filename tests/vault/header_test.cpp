// The header parser: one spelling only, bounds before any derivation, every flip and cut noticed.
#include "vault/core/header.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/vault/test_vault.hpp"
#include "vault/core/keys.hpp"

namespace bmcvault::vault {
namespace {

using test::code_of;
using test::must;

Key32 fixed_key(std::uint8_t value) {
    std::array<std::uint8_t, 32> bytes;
    bytes.fill(value);
    return Key32(std::span<const std::uint8_t, 32>(bytes));
}

Header small_header() {
    Header header;
    header.vault_id.fill(7);
    header.store_file = store_file_name(1);
    header.slots.push_back({1, "office", Argon2idSlot{1, kMinArgon2Memory, {1}, {}, {}}, Bytes(100, 0x5a)});
    return header;
}

std::string signed_text(Header header) {
    authenticate_header(header, fixed_key(1), fixed_key(2));
    return format_header(header);
}

// The text with one piece replaced, signed again: only the parser can refuse it, not the signature.
std::string with(const std::string& old_piece, const std::string& new_piece) {
    auto text = signed_text(small_header());
    const auto at = text.find(old_piece);
    if (at == std::string::npos) throw std::runtime_error("no " + old_piece);
    return text.replace(at, old_piece.size(), new_piece);
}

TEST(Header, round_trip_is_byte_equal) {
    auto header = small_header();
    header.slots.push_back({5, "bob@example.org", UnknownSlot{"tpm2", "pk=abc caps=1,2"}, Bytes(48, 1)});
    header.slots.push_back({9, "later", UnknownSlot{"later", ""}, Bytes(1, 1)});
    header.slots.push_back({10, "break-glass", BreakGlassSlot{3, 5, {1, 2}, {}}, Bytes(100, 2)});
    authenticate_header(header, fixed_key(1), fixed_key(2));
    const auto text = format_header(header);
    const auto parsed = must(parse_header(text));
    EXPECT_EQ(parsed, header);
    EXPECT_EQ(format_header(parsed), text);
}

TEST(Header, slot_bodies_of_every_length_around_a_full_line_round_trip) {
    for (std::size_t size = 1; size < 200; ++size) {
        auto header = small_header();
        header.slots[0].body.assign(size, 0xff);
        const auto text = signed_text(header);
        ASSERT_EQ(format_header(must(parse_header(text))), text) << size;
    }
}

TEST(Header, every_flipped_bit_is_refused) {
    const auto text = signed_text(small_header());
    for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
        auto damaged = text;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
        ASSERT_FALSE(parse_header(damaged)) << "bit " << bit;
    }
}

TEST(Header, every_truncation_and_every_addition_is_refused) {
    const auto text = signed_text(small_header());
    for (std::size_t size = 0; size < text.size(); ++size)
        ASSERT_FALSE(parse_header(std::string_view(text).substr(0, size))) << "size " << size;
    for (const auto* more : {"\n", " ", "x", "=== sig", "-> "}) EXPECT_FALSE(parse_header(text + more));
}

TEST(Header, only_the_canonical_spelling_is_accepted) {
    const std::vector<std::pair<std::string, std::string>> changes{
        {"generation 1\n", "generation 01\n"},
        {"generation 1\n", "generation +1\n"},
        {"generation 1\n", "generation 1 \n"},
        {"generation 1\n", "generation 1\r\n"},
        {"generation 1\n", "Generation 1\n"},
        {"generation 1\n", "generation 1\nfuture-key 1\n"},
        {"generation 1\n", ""},
        {"generation 1\n", "generation 18446744073709551616\n"},
        {"generation 1\n", "generation 0\n"},
        {"vault-id BwcHBwcHBwcHBwcHBwcHBw\n", "vault-id BwcHBwcHBwcHBwcHBwcHBw==\n"},
        {"vault-id BwcHBwcHBwcHBwcHBwcHBw\n", "vault-id BwcHBwcHBwcHBwcHBwcHBx\n"},  // unused bits set
        {"vault-id BwcHBwcHBwcHBwcHBwcHBw\n", "vault-id BwcHBwcHBwcHBwcHBwcHB\n"},
        {"store store-000001.db", "store ../store-000001.db"},
        {"store store-000001.db", "store store-000002.db"},
        {" id=office", " id=../x"},
        {" id=office", " id="},
        {" id=office", "  id=office"},
        {" slot=1", " slot=0"},
        {" caps=1", " caps="},
        {" caps=1", " caps=0"},
        {" caps=1", " caps=2,1"},
        {" caps=1", " caps=1,1"},
        {" caps=1", " caps=1 extra=2"},
        {"\nWlpa", "\nWlpa\n"},
    };
    ASSERT_TRUE(parse_unverified_header(signed_text(small_header())));
    for (const auto& [before, after] : changes)
        EXPECT_EQ(code_of(parse_unverified_header(with(before, after))), ErrorCode::kDamaged) << after;
}

TEST(Header, argon2_costs_outside_the_bounds_are_refused_before_any_derivation) {
    for (const auto* ops : {" ops=0 ", " ops=17 ", " ops=4294967296 ", " ops=-1 "})
        EXPECT_EQ(code_of(parse_unverified_header(with(" ops=1 ", ops))), ErrorCode::kDamaged) << ops;
    for (const auto* mem : {" mem=67108863 ", " mem=2147483649 ", " mem=0 ", " mem=18446744073709551615 "})
        EXPECT_EQ(code_of(parse_unverified_header(with(" mem=67108864 ", mem))), ErrorCode::kDamaged) << mem;
    EXPECT_TRUE(parse_unverified_header(with(" mem=67108864 ", " mem=2147483648 ")));
    EXPECT_TRUE(parse_unverified_header(with(" ops=1 ", " ops=16 ")));
}

TEST(Header, shares_outside_the_bounds_are_refused) {
    auto header = small_header();
    header.slots.push_back({2, "break-glass", BreakGlassSlot{2, 3, {1}, {}}, Bytes(100, 2)});
    for (const auto& [threshold, shares, fits] :
         {std::tuple{2u, 2u, true}, std::tuple{16u, 16u, true}, std::tuple{1u, 3u, false}, std::tuple{4u, 3u, false},
          std::tuple{2u, 17u, false}}) {
        auto& slot = std::get<BreakGlassSlot>(header.slots[1].kind);
        slot.threshold = threshold;
        slot.shares = shares;
        EXPECT_EQ(parse_header(signed_text(header)).has_value(), fits) << threshold << " of " << shares;
    }
    auto& slot = std::get<BreakGlassSlot>(header.slots[1].kind);
    slot.compartments.clear();
    EXPECT_FALSE(parse_header(signed_text(header)));
    EXPECT_EQ(role_of(header.slots[1]), Role::kOwner);
    EXPECT_EQ(slot_type(header.slots[1]), "break-glass");
}

// A passphrase is tried on every slot.
TEST(Header, argon2_costs_are_bounded_over_all_slots) {
    auto header = small_header();
    for (std::uint32_t number = 2; number <= 3; ++number) {
        header.slots.push_back({number, "office", Argon2idSlot{16, kMaxArgon2Memory, {1}, {}, {}}, Bytes(100, 0x5a)});
        const auto parsed = parse_unverified_header(signed_text(header));
        EXPECT_EQ(parsed.has_value(), number == 2) << number;  // the small one and one at the bounds
    }
}

TEST(Header, newer_formats_are_told_from_damage) {
    for (const auto& [before, after] :
         {std::pair{"bmcvault-vault/1", "bmcvault-vault/2"}, std::pair{"min-reader 1", "min-reader 3"},
          std::pair{"sqlcipher-format 3", "sqlcipher-format 4"}, std::pair{"page 4096", "page 1024"}})
        EXPECT_EQ(code_of(parse_header(with(before, after))), ErrorCode::kUnsupported) << after;
}

TEST(Header, sizes_are_bounded) {
    auto header = small_header();
    for (std::uint32_t number = 2; number <= kMaxSlots; ++number)
        header.slots.push_back({number, "x", UnknownSlot{"later", ""}, Bytes(1, 1)});
    EXPECT_TRUE(parse_header(signed_text(header)));
    header.slots.push_back({kMaxSlots + 1, "x", UnknownSlot{"later", ""}, Bytes(1, 1)});
    EXPECT_FALSE(parse_header(signed_text(header)));

    header = small_header();
    header.slots[0].body.assign(kMaxSlotBodySize, 1);
    EXPECT_TRUE(parse_header(signed_text(header)));
    header.slots[0].body.assign(kMaxSlotBodySize + 1, 1);
    EXPECT_FALSE(parse_header(signed_text(header)));
    header.slots[0].body.clear();
    EXPECT_FALSE(parse_header(signed_text(header)));

    header = small_header();
    std::get<Argon2idSlot>(header.slots[0].kind).compartments.resize(kMaxCompartments + 1);
    for (std::uint32_t i = 0; i <= kMaxCompartments; ++i)
        std::get<Argon2idSlot>(header.slots[0].kind).compartments[i] = i + 1;
    EXPECT_FALSE(parse_header(signed_text(header)));

    EXPECT_FALSE(parse_header(std::string(kMaxHeaderSize + 1, 'a')));
    header = small_header();
    header.slots.push_back(header.slots.front());
    EXPECT_FALSE(parse_header(signed_text(header))) << "two slots with one number";
    header.slots.clear();
    EXPECT_FALSE(parse_header(signed_text(header))) << "no slot";
}

TEST(Header, mac_depends_on_every_byte_above_it) {
    auto header = small_header();
    authenticate_header(header, fixed_key(1), fixed_key(2));
    EXPECT_TRUE(check_mac(header, fixed_key(1)));
    EXPECT_FALSE(check_mac(header, fixed_key(3)));
    header.slots[0].name = "offise";
    EXPECT_FALSE(check_mac(header, fixed_key(1)));
    EXPECT_FALSE(signs_for(header, fixed_key(3)));
}

}  // namespace
}  // namespace bmcvault::vault
