// A small remote console for these tests, on OpenSSL: not the product's client, not the virtual BMC's code.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "ipmi/spec/spec.hpp"
#include "ipmi/virtual_bmc/virtual_bmc.hpp"
#include "vault/base/bytes.hpp"

namespace bmcvault::virtual_bmc::test {

Bytes bytes(std::string_view text);

struct Login {
    std::uint8_t suite = 17;
    std::string user = "ADMIN";
    Bytes password = bytes("ADMIN");
    Bytes k_g{};
    std::uint8_t role = 0x14;  // RAKP 1: name-only lookup, ADMINISTRATOR
    std::uint8_t open_session_role = 0;
    std::optional<std::uint8_t> hashed_role{};  // when the BMC hashes another role byte
    bool lenient_rakp2 = false;                 // go on although RAKP 2 does not fit
};

struct Result {
    std::uint8_t code = 0xff;
    Bytes data;
};

inline constexpr int kSilence = -1;
inline constexpr int kWrongCode = -2;  // RAKP 2 or RAKP 4 does not fit the password, the K_G

class Console {
public:
    using Transport = std::function<std::optional<Bytes>(ByteView datagram)>;
    explicit Console(Transport transport) : transport_(std::move(transport)) {}

    // Each returns the RMCP+ status code, kSilence or kWrongCode.
    int open(const Login& login);
    int rakp1(const Login& login);
    int rakp3(const Login& login);
    int log_in(const Login& login);  // all three

    // In the session; nullopt: silence or an answer that does not verify.
    std::optional<Result> command(std::uint8_t net_fn, std::uint8_t number, const Bytes& data = {});
    std::optional<Result> app(std::uint8_t number, const Bytes& data = {}) { return command(0x06, number, data); }
    std::uint8_t code(std::uint8_t number, const Bytes& data = {});  // completion code of an App command; FFh: silence
    bool become_administrator() { return code(ipmi::kSetSessionPrivilegeLevel, {4}) == 0; }
    bool close() {
        Bytes id;
        append_u32_le(id, bmc_id);
        return code(ipmi::kCloseSession, id) == 0;
    }
    // Outside a session.
    std::optional<Result> ask_ipmi15(std::uint8_t number, const Bytes& data);
    std::optional<Result> ask_rmcp_plus(std::uint8_t number, const Bytes& data);

    // The same bytes again, and what the wire carried last.
    std::optional<Bytes> send(ByteView datagram);
    Bytes last_sent;
    Bytes last_received;

    [[nodiscard]] Bytes next_command(std::uint8_t net_fn, std::uint8_t number, const Bytes& data);

    bool encrypts = true;
    std::uint32_t console_id = 0xa0b0c0d0;
    std::uint32_t bmc_id = 0;
    std::uint32_t sequence = 0;
    Bytes console_random{bytes("0123456789abcdef")};
    Bytes bmc_random;
    Bytes guid;
    Bytes rakp2_code;

private:
    std::optional<Result> read_response(ByteView datagram) const;

    Transport transport_;
    ipmi::CipherSuite suite_{};
    Bytes k_uid_;
    Bytes k1_;
    Bytes k2_;
    std::uint8_t request_sequence_ = 0;
};

// A console at one virtual BMC with a clock that only the test moves.
class Bench {
public:
    explicit Bench(Config config) : bmc(std::move(config)) {}

    [[nodiscard]] Console console(std::string from = "192.0.2.1:40000");
    // Logged in as ADMIN, ADMINISTRATOR; the test fails when that fails.
    [[nodiscard]] Console administrator(const Login& login = {});

    VirtualBmc bmc;
    TimePoint now{std::chrono::hours(1)};
    milliseconds last_delay{0};
};

[[nodiscard]] Config with(std::initializer_list<std::string_view> quirks);  // plain, with these quirks

// Request data of the commands that the tests use most.
[[nodiscard]] Bytes set_password_20(std::string_view password, std::uint8_t user_id = 2);
[[nodiscard]] Bytes set_password_16(std::string_view password, std::uint8_t user_id = 2);
[[nodiscard]] Bytes test_password_20(std::string_view password, std::uint8_t user_id = 2);
[[nodiscard]] Bytes test_password_16(std::string_view password, std::uint8_t user_id = 2);
[[nodiscard]] Bytes set_k_g(std::string_view key);

}  // namespace bmcvault::virtual_bmc::test
