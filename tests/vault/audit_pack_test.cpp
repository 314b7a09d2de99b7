// Audit records as columns: what goes in comes out, and there is one spelling of it.
#include "vault/core/audit_pack.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

#include "tests/vault/test_vault.hpp"
#include "vault/store/compression.hpp"

namespace bmcvault::vault {
namespace {

using test::code_of;
using test::must;

template <std::size_t N>
std::array<std::uint8_t, N> from(std::uint8_t first) {
    std::array<std::uint8_t, N> out{};
    for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>(first + i);
    return out;
}

void expect_same(const AuditEntry& one, const AuditEntry& other) {
    EXPECT_EQ(one.sequence, other.sequence);
    EXPECT_EQ(audit_hash({}, one), audit_hash({}, other)) << "record " << one.sequence;
}

// The two records of docs/vault-format.md, and the same with a root.
std::vector<AuditEntry> known_entries(bool with_roots) {
    std::vector<AuditEntry> entries{{1, {1000}, "init", "vault.created", std::nullopt, "{}"},
                                    {2, {-5}, "alice", "reveal", BmcId{from<16>(0xb0)}, R"({"version":9})"}};
    if (with_roots) entries[0].state = {from<32>(0x00), false};
    if (with_roots) entries[1].state = {from<32>(0x10), true};
    return entries;
}

TEST(AuditPack, has_the_bytes_of_the_format_document) {
    const std::string texts =
        "696e6974616c6963657661756c742e6372656174656472657665616c7b7d7b2276657273696f6e223a397d"
        "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf";
    const std::string numbers =
        "02000000e80300000000000013fcffffffffffff0400000005000000"
        "0d00000006000000020000000d000000";
    const auto old = lay_out_audit(known_entries(false));
    EXPECT_EQ(to_hex(old.columns), numbers + "0001" + texts);
    EXPECT_TRUE(old.roots.empty());
    const auto with_roots = lay_out_audit(known_entries(true));
    EXPECT_EQ(to_hex(with_roots.columns), numbers + "0207" + texts);
    EXPECT_EQ(to_hex(with_roots.roots), to_hex(from<32>(0x00)) + to_hex(from<32>(0x10)));
}

RC_GTEST_PROP(AuditPack, what_goes_in_comes_out, (std::uint64_t seed, std::uint16_t wanted)) {
    const auto count = static_cast<std::size_t>(wanted) % kMostPackedRecords + 1;
    std::vector<std::string> texts;
    std::vector<AuditEntry> entries;
    texts.reserve(3 * count);
    entries.reserve(count);
    const auto next = [&seed](std::uint64_t below) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        return (seed >> 33U) % below;
    };
    const auto text = [&] { return std::string_view(texts.emplace_back(next(20), static_cast<char>(next(256)))); };
    std::size_t size = 4;
    for (std::size_t i = 0; i < count; ++i) {
        AuditEntry entry{5 + i, {static_cast<std::int64_t>(seed)}, text(), text(), std::nullopt, text()};
        if (next(2) == 0) entry.bmc = BmcId{from<16>(static_cast<std::uint8_t>(next(256)))};
        if (next(3) != 0) entry.state = {from<32>(static_cast<std::uint8_t>(next(256))), next(2) == 0};
        size += size_in_columns(entry);
        entries.push_back(entry);
    }
    const auto laid_out = lay_out_audit(entries);
    RC_ASSERT(laid_out.columns.size() == size);
    const auto read = must(read_audit_columns(5, laid_out.columns, laid_out.roots));
    RC_ASSERT(read.size() == count);
    for (std::size_t i = 0; i < count; ++i) expect_same(read[i], entries[i]);
}

TEST(AuditPack, every_flipped_bit_makes_other_records_or_none) {
    const auto original = lay_out_audit(known_entries(true));
    std::size_t refused = 0;
    for (std::size_t bit = 0; bit < original.columns.size() * 8; ++bit) {
        auto changed = original.columns;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        const auto read = read_audit_columns(1, changed, original.roots);
        if (!read) {
            ++refused;
            EXPECT_EQ(code_of(read), ErrorCode::kDamaged);
            continue;
        }
        EXPECT_EQ(lay_out_audit(*read).columns, changed) << bit;
        EXPECT_EQ(lay_out_audit(*read).roots, original.roots) << bit;
    }
    EXPECT_GT(refused, 100u);
    for (std::size_t size = 0; size < original.columns.size(); ++size)
        EXPECT_FALSE(read_audit_columns(1, ByteView(original.columns).first(size), original.roots)) << size;
}

TEST(AuditPack, more_records_than_a_pack_holds_are_refused) {
    const std::vector<AuditEntry> most(kMostPackedRecords);
    auto columns = lay_out_audit(most).columns;
    EXPECT_TRUE(read_audit_columns(1, columns, {}));
    Bytes one_more;
    append_u32_le(one_more, kMostPackedRecords + 1);
    one_more.resize(4 + (kMostPackedRecords + 1) * size_in_columns({}));
    EXPECT_EQ(code_of(read_audit_columns(1, one_more, {})), ErrorCode::kDamaged);
}

TEST(Compression, a_frame_that_is_cut_longer_or_says_too_much_is_refused) {
    const Bytes plain(10'000, 'x');
    const auto frame = must(compress(plain));
    EXPECT_LT(frame.size(), 100u);
    EXPECT_EQ(must(decompress(frame, plain.size())), plain);
    EXPECT_EQ(code_of(decompress(frame, plain.size() - 1)), ErrorCode::kDamaged);
    for (std::size_t size = 0; size < frame.size(); ++size)
        EXPECT_EQ(code_of(decompress(ByteView(frame).first(size), plain.size())), ErrorCode::kDamaged) << size;
    auto twice = frame;
    twice.insert(twice.end(), frame.begin(), frame.end());
    EXPECT_EQ(code_of(decompress(twice, 1 << 20)), ErrorCode::kDamaged);
    const auto without_size = must(from_hex("28b52ffd00581100006162"));
    EXPECT_EQ(code_of(decompress(without_size, 1 << 20)), ErrorCode::kDamaged);
}

}  // namespace
}  // namespace bmcvault::vault
