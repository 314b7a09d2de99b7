#!/usr/bin/python3
"""Prints vectors.hpp: the values of one handshake per hash, computed with Python's hmac alone (IPMI 2.0 13.28 to 13.32)."""
import hashlib
import hmac
import struct

CONSOLE_ID, BMC_ID = 0xA1A2A3A4, 0x11223344
CONSOLE_RANDOM, BMC_RANDOM, GUID = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
ROLE, NAME = 0x14, b"rotator"
K_UID, K_G = b"S3cret-Pw-20-bytes!!", b"KGkgKGkgKGkgKGkgKG20"


def c_array(value):
    return "{" + ", ".join(f"0x{byte:02x}" for byte in value) + "}"


def vector(algorithm, digest, icv_size):
    def mac(key, text):
        return hmac.new(key, text, digest).digest()

    role_and_name = bytes([ROLE, len(NAME)]) + NAME
    ids = struct.pack("<II", CONSOLE_ID, BMC_ID)
    fields = [("rakp2", mac(K_UID, ids + CONSOLE_RANDOM + BMC_RANDOM + GUID + role_and_name)),
              ("rakp3", mac(K_UID, BMC_RANDOM + ids[:4] + role_and_name))]
    for suffix, key in (("", K_UID), ("_with_k_g", K_G)):
        sik = mac(key, CONSOLE_RANDOM + BMC_RANDOM + role_and_name)
        fields += [("sik" + suffix, sik), ("k1" + suffix, mac(sik, b"\x01" * 20)), ("k2" + suffix, mac(sik, b"\x02" * 20)),
                   ("rakp4" + suffix, mac(sik, CONSOLE_RANDOM + ids[4:] + GUID)[:icv_size])]
    return f"    {{.algorithm = AuthenticationAlgorithm::{algorithm}" + "".join(
        f",\n     .{name} = {c_array(value)}" for name, value in fields) + "},"


print("// Made by make_vectors.py with Python's hmac: nothing of the product has a part in these values.")
print("#pragma once\n\n#include <vector>\n\n#include \"ipmi/spec/spec.hpp\"\n#include \"vault/base/bytes.hpp\"\n")
print("namespace bmcvault::ipmi::test {\n")
print("struct Vector {\n    AuthenticationAlgorithm algorithm{};")
print("    Bytes rakp2, rakp3;\n    Bytes sik, k1, k2, rakp4;\n    Bytes sik_with_k_g, k1_with_k_g, k2_with_k_g, rakp4_with_k_g;\n};\n")
print(f"inline constexpr std::uint32_t kConsoleSessionId = {CONSOLE_ID:#x};")
print(f"inline constexpr std::uint32_t kBmcSessionId = {BMC_ID:#x};")
print(f"inline constexpr Random16 kConsoleRandom{c_array(CONSOLE_RANDOM)};")
print(f"inline constexpr Random16 kBmcRandom{c_array(BMC_RANDOM)};")
print(f"inline constexpr Guid kGuid{c_array(GUID)};")
print(f"inline constexpr std::uint8_t kRole = {ROLE:#x};")
print(f"inline constexpr const char* kUserName = \"{NAME.decode()}\";")
print(f"inline constexpr const char* kPassword = \"{K_UID.decode()}\";")
print(f"inline constexpr const char* kKg = \"{K_G.decode()}\";\n")
print("inline const std::vector<Vector> kVectors{")
print(vector("kHmacSha1", hashlib.sha1, 12))
print(vector("kHmacMd5", hashlib.md5, 16))
print(vector("kHmacSha256", hashlib.sha256, 16))
print("};\n\n}  // namespace bmcvault::ipmi::test")
