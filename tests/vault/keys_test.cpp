// Known answers of the key chain, the seals, the audit hash and a whole header. The values were computed by another
// program, from docs/vault-format.md, with Python's hashlib and with libsodium's AEAD and Ed25519.
#include "vault/core/keys.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <numeric>

#include "tests/vault/test_vault.hpp"
#include "vault/core/audit_chain.hpp"

namespace bmcvault::vault {
namespace {

using test::must;

template <std::size_t N>
std::array<std::uint8_t, N> counting_from(std::uint8_t first) {
    std::array<std::uint8_t, N> bytes;
    std::iota(bytes.begin(), bytes.end(), first);
    return bytes;
}
Key32 key_from(std::uint8_t first) {
    return Key32(std::span<const std::uint8_t, 32>(counting_from<32>(first)));
}

const VaultId kVaultId = counting_from<16>(0xa0);
const BmcId kBmc{counting_from<16>(0xb0)};
const Nonce kNonce = counting_from<24>(0xd0);
const SealContext kContext{kVaultId, kBmc, {Kind::kPassword, 2}, {9}, 3};

const ListSealContext kListContext{kVaultId, 2, 7, 3};

constexpr std::string_view kHeader =
    "bmcvault-vault/1\n"
    "vault-id oKGio6SlpqeoqaqrrK2urw\n"
    "generation 7\n"
    "store store-000007.db\n"
    "sqlcipher-format 3\n"
    "page 4096\n"
    "min-reader 1\n"
    "prev-header AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\n"
    "audit-count 2\n"
    "audit-head ARRXXQvbk+gUc6gx6vESlXsNAq9sjOSuTDBZe/2pkeM\n"
    "created 1000\n"
    "admin zRSzf5VulTGU/3+3Oz2B3MVh1hp1OAlLfD4aZD7l86o\n"
    "-> argon2id slot=1 id=office ops=3 mem=268435456 caps=1 salt=wMHCw8TFxsfIycrLzM3Ozw "
    "commit=7Ixl108yBXITw5HGdV9u933eihj7kxIgTki73YVUEx4\n"
    "0NHS09TV1tfY2drb3N3e3+Dh4uPk5ebnivdgh4UftUAgheLPAzVeH4qe713UpCeH\n"
    "dwhuag/D1fdwc+TcyqFz+7q0/QFDsphuD2IxtYe0aOt5i7MI6A09V7PTr0pl8ayw\n"
    "4+ymSKsnki+RFMVFmaYp+ms9PNRqf3O4LjvQz0K4emnL7ob7h5SdLq+4hcY\n"
    "-> tpm2 slot=2 id=alice pk=AAAA\n"
    "AAAA\n"
    "--- mac BdH8Ki94kFGQgW14TxrqvILg8hXAgPHE7z9uDRY6Snk\n"
    "=== sig /F8wSk9lvZGBplAW1JPQG4PkpJDrftutGnzf1m4hoJmOBuC3kiBY0Y3bvIW166Lfuvjes/slF13tWT/fu8hGCw\n";

TEST(KnownAnswer, sqlcipher_key_and_salt) {
    derive_sqlcipher_key(key_from(0)).expose([](auto bytes) {
        EXPECT_EQ(to_hex(bytes),
                  "45ce4ce31d9b4074526af19382ad565273d0334391fa55e4feab4b00bb9b93fe183783bef26d4ffced013584afa0a055");
    });
}

TEST(KnownAnswer, slot_commitment) {
    EXPECT_EQ(to_hex(slot_commitment(key_from(0x20))),
              "ec8c65d74f32057213c391c6755f6ef77dde8a18fb9312204e48bbdd8554131e");
}

TEST(KnownAnswer, wrapped_data_key) {
    const auto wrapped = wrap_data_key(key_from(0x60), key_from(0x40), kVaultId, 1, 3, kNonce);
    EXPECT_EQ(to_hex(wrapped),
              "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7f479ea90e0b7661c0c3d025b20c57679796bb5438984b9796cf47fa1"
              "43c9bc2b6f3257b764354c1aee1d3a67af908281");
    EXPECT_TRUE(must(unwrap_data_key(wrapped, key_from(0x40), kVaultId, 1, 3)).equals(key_from(0x60)));
}

TEST(KnownAnswer, associated_data_of_a_credential) {
    EXPECT_EQ(to_hex(associated_data(kContext)),
              "626d637661756c742d6331a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
              "01000000020000000900000003000000");
}

TEST(KnownAnswer, sealed_credential) {
    EXPECT_EQ(to_hex(seal(test::secret("Known-Test-Pass_1"), kContext, key_from(0x60), kNonce)),
              "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e74486fc482ebdb25a61ccc418ef5fa5cb4e1db4d6a68e7778498f76"
              "9f1dadd3dc6beab0ae");
}

TEST(KnownAnswer, sealed_password_of_a_list) {
    EXPECT_EQ(to_hex(associated_data(kListContext)),
              "626d637661756c742d6c31a0a1a2a3a4a5a6a7a8a9aaabacadaeaf020000000700000003000000");
    const auto sealed = seal(test::secret("Known-Test-Pass_1"), kListContext, key_from(0x60), kNonce);
    EXPECT_EQ(to_hex(sealed),
              "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e74486fc482ebdb25a61ccc418ef5fa5cb4e1db4d679ede9c2bd3d52"
              "8d4b5a3fc6b1887d51");
    EXPECT_EQ(test::text_of(must(unseal(sealed, kListContext, key_from(0x60)))), "Known-Test-Pass_1");
}

TEST(KnownAnswer, audit_chain) {
    const auto first = audit_hash({}, {1, {1000}, "init", "vault.created", std::nullopt, "{}"});
    EXPECT_EQ(to_hex(first), "5db78e64bd97b2268454e78f12ae2fb0ff518935f74e20d56ac6596f0b2e10ad");
    EXPECT_EQ(to_hex(audit_hash(first, {2, {-5}, "alice", "reveal", kBmc, R"({"version":9})"})),
              "0114575d0bdb93e81473a831eaf112957b0d02af6c8ce4ae4c30597bfda991e3");
}

TEST(KnownAnswer, whole_header_with_mac_signature_and_a_slot_of_a_newer_program) {
    const auto header = must(parse_header(kHeader));
    EXPECT_EQ(format_header(header), kHeader);
    EXPECT_TRUE(check_mac(header, key_from(0)));
    EXPECT_TRUE(signs_for(header, key_from(0x80)));
    ASSERT_EQ(header.slots.size(), 2u);
    EXPECT_EQ(std::get<UnknownSlot>(header.slots[1].kind), (UnknownSlot{"tpm2", "pk=AAAA"}));
    const auto bundle = must(open_bundle(header.slots[0], key_from(0x20), kVaultId, 7));
    EXPECT_TRUE(bundle.master_key.equals(key_from(0)));
    EXPECT_TRUE(bundle.signing_seed.equals(key_from(0x80)));
    ASSERT_EQ(bundle.compartments.size(), 1u);
    EXPECT_TRUE(bundle.compartments[0].key.equals(key_from(0x40)));
    EXPECT_EQ(seal_bundle(bundle, key_from(0x20), kVaultId, 7, 1, kNonce), header.slots[0].body);
}

TEST(Keys, a_seal_opens_in_its_own_place_only) {
    const auto data_key = key_from(0x60);
    const auto sealed = seal(test::secret("Known-Test-Pass_1"), kContext, data_key, kNonce);
    EXPECT_EQ(test::text_of(must(unseal(sealed, kContext, data_key))), "Known-Test-Pass_1");
    std::vector<SealContext> others(7, kContext);
    others[0].vault_id[0] ^= 1;
    others[1].bmc.uuid[15] ^= 1;
    others[2].subject.kind = Kind::kKg;
    others[3].subject.index = 3;
    others[4].version.value = 8;
    others[5].epoch = 4;
    others[6].version.value = 9u | 0x80000000u;
    for (const auto& other : others) EXPECT_EQ(test::code_of(unseal(sealed, other, data_key)), ErrorCode::kDamaged);
    EXPECT_EQ(test::code_of(unseal(sealed, kContext, key_from(0x61))), ErrorCode::kDamaged);
}

TEST(Keys, a_seal_of_a_list_opens_in_its_own_place_only) {
    const auto data_key = key_from(0x60);
    const auto sealed = seal(test::secret("Known-Test-Pass_1"), kListContext, data_key, kNonce);
    std::vector<ListSealContext> others(5, kListContext);
    others[0].vault_id[15] ^= 1;
    others[1].list = 1;
    others[2].entry = 8;
    others[3].epoch = 4;
    std::swap(others[4].list, others[4].entry);
    for (const auto& other : others) EXPECT_EQ(test::code_of(unseal(sealed, other, data_key)), ErrorCode::kDamaged);
    EXPECT_EQ(test::code_of(unseal(sealed, kListContext, key_from(0x61))), ErrorCode::kDamaged);
    EXPECT_EQ(test::code_of(unseal(ByteView(sealed).first(59), kListContext, data_key)), ErrorCode::kDamaged);
    EXPECT_EQ(test::code_of(unseal(sealed, kContext, data_key)), ErrorCode::kDamaged);
}

TEST(Keys, every_flipped_bit_and_every_cut_of_a_seal_is_noticed) {
    const auto data_key = key_from(0x60);
    const auto sealed = seal(test::secret("Known-Test-Pass_1"), kContext, data_key, kNonce);
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        auto damaged = sealed;
        damaged[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
        EXPECT_FALSE(unseal(damaged, kContext, data_key)) << "bit " << bit;
    }
    for (std::size_t size = 0; size < sealed.size(); ++size)
        EXPECT_FALSE(unseal(ByteView(sealed).first(size), kContext, data_key)) << "size " << size;
}

TEST(Keys, a_bundle_opens_only_for_its_vault_generation_and_slot) {
    auto slot = must(parse_header(kHeader)).slots[0];
    EXPECT_TRUE(open_bundle(slot, key_from(0x20), kVaultId, 7));
    EXPECT_FALSE(open_bundle(slot, key_from(0x20), kVaultId, 8));
    EXPECT_FALSE(open_bundle(slot, key_from(0x20), counting_from<16>(0), 7));
    EXPECT_FALSE(open_bundle(slot, key_from(0x21), kVaultId, 7));
    slot.number = 2;
    EXPECT_FALSE(open_bundle(slot, key_from(0x20), kVaultId, 7));
    slot.number = 1;
    std::get<Argon2idSlot>(slot.kind).compartments = {2};
    EXPECT_FALSE(open_bundle(slot, key_from(0x20), kVaultId, 7));
    std::get<Argon2idSlot>(slot.kind).compartments = {1, 2};
    EXPECT_FALSE(open_bundle(slot, key_from(0x20), kVaultId, 7));
}

}  // namespace
}  // namespace bmcvault::vault
