// A whole login against the virtual BMC, with the fuzzer as the man in the middle: who flips, cuts, pads, repeats and
// replays what the BMC sends. Left alone, the login works; whatever he does: no RAKP 3 that the BMC rejects (I6), no
// session that the BMC does not know of, and inside an authenticated session no response but the true one.
#include "ipmi/core/handshake.hpp"

#include <optional>
#include <vector>

#include "ipmi/virtual_bmc/virtual_bmc.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace {

using namespace bmcvault;
using ipmi::Handshake;

constexpr std::size_t kMaxEdits = 32;
constexpr std::size_t kMaxExchanges = 16;

// What the man in the middle does to the n-th reply.
struct Edit {
    enum class Kind : std::uint8_t { kFlip, kCut, kPad, kRepeat, kReplayFirst };
    std::size_t reply;
    Kind kind;
    std::size_t where;
    std::uint8_t value;
};

std::vector<Edit> read_edits(fuzz::Input& input) {
    std::vector<Edit> edits;
    while (!input.empty() && edits.size() < kMaxEdits) {
        const auto reply = input.take_byte();
        const auto kind = static_cast<Edit::Kind>(input.take_byte() % 5);
        const auto where = input.take_byte();
        edits.push_back({.reply = reply, .kind = kind, .where = where, .value = input.take_byte()});
    }
    return edits;
}

class Middle {
public:
    Middle(virtual_bmc::VirtualBmc& bmc, std::vector<Edit> edits) : bmc_(bmc), edits_(std::move(edits)) {}

    // What reaches the console for this datagram of it.
    std::vector<Bytes> exchange(ByteView datagram) {
        std::vector<Bytes> delivered;
        now_ += std::chrono::milliseconds(10);
        for (auto& reply : bmc_.handle(datagram, "127.0.0.1:50000", now_)) {
            if (first_.empty()) first_ = reply.datagram;
            bool repeat = false;
            for (const auto& edit : edits_) {
                if (edit.reply == replies_) apply(edit, reply.datagram, repeat, delivered);
            }
            ++replies_;
            if (repeat) delivered.push_back(reply.datagram);
            delivered.push_back(std::move(reply.datagram));
        }
        return delivered;
    }

private:
    void apply(const Edit& edit, Bytes& datagram, bool& repeat, std::vector<Bytes>& delivered) const {
        switch (edit.kind) {
            case Edit::Kind::kFlip:
                if (edit.where < datagram.size()) datagram[edit.where] ^= edit.value;
                break;
            case Edit::Kind::kCut:
                datagram.resize(std::min(edit.where, datagram.size()));
                break;
            case Edit::Kind::kPad:
                datagram.resize(datagram.size() + edit.where % 32, edit.value);
                break;
            case Edit::Kind::kRepeat:
                repeat = true;
                break;
            case Edit::Kind::kReplayFirst:
                delivered.push_back(first_);
                break;
        }
    }

    virtual_bmc::VirtualBmc& bmc_;
    std::vector<Edit> edits_;
    virtual_bmc::TimePoint now_{};
    std::size_t replies_ = 0;
    Bytes first_;
};

Key20 key_of(ByteView bytes) {
    Key20 key;
    key.expose_mutable([&](auto to) { std::ranges::copy(bytes.first(std::min(bytes.size(), to.size())), to.begin()); });
    return key;
}

// True when the handshake came to an end.
bool run(Handshake& handshake, Middle& middle) {
    for (std::size_t sent = 0; sent < kMaxExchanges; ++sent) {
        const Bytes outgoing = handshake.outgoing();
        for (const auto& datagram : middle.exchange(outgoing)) {
            if (handshake.state() == Handshake::State::kFinished) return true;
            (void)handshake.receive(datagram);
        }
        if (handshake.state() == Handshake::State::kFinished) return true;
    }
    return false;
}

// True when an answer came through.
bool ask_for_device_id(ipmi::SessionCodec& session, Middle& middle, const virtual_bmc::Config& truth) {
    const auto request = ipmi::get_device_id();
    const auto datagram = session.wrap(request, 1, ipmi::Random16{});
    BMCVAULT_CHECK(datagram.has_value());
    bool answered = false;
    for (const auto& reply : middle.exchange(*datagram)) {
        const auto response = session.unwrap(reply, request.net_fn(), request.command(), 1);
        const auto device = response ? ipmi::parse_device_id(*response) : fail(ErrorCode::kNoAnswer, "");
        if (device && session.authenticated()) BMCVAULT_CHECK(device->manufacturer == truth.manufacturer);
        answered = answered || device.has_value();
    }
    return answered;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::initialize_secrets();
    fuzz::Input input(data, size);
    const auto& suite = ipmi::kCipherSuites[1 + input.take_byte() % (ipmi::kCipherSuites.size() - 1)];

    auto config = virtual_bmc::plain_config(0, 1);
    config.cipher_suites = {suite.id};
    const auto& user = config.users.at(2);
    const auto password = key_of(user.password);
    const auto wrong = key_of(as_bytes("not-the-password"));
    const std::array candidates{ipmi::PasswordCandidate{.id = 1, .k_uid = &wrong},
                                ipmi::PasswordCandidate{.id = 2, .k_uid = &password}};
    const ipmi::HandshakePlan plan{.user_name = user.name,
                                   .privilege = ipmi::PrivilegeLevel::kAdministrator,
                                   .suite = suite,
                                   .depth = ipmi::Depth::kLogin,
                                   .passwords = candidates,
                                   .k_gs = {},
                                   .pinned_guid = config.guid};

    auto edits = read_edits(input);
    const bool untouched = edits.empty();
    virtual_bmc::VirtualBmc bmc(config);
    Middle middle(bmc, std::move(edits));
    Handshake handshake(plan, {.console_session_id = 0x01020304, .console_random = ipmi::Random16{1, 2, 3}});
    bool answered = false;
    if (run(handshake, middle) && handshake.outcome() == ipmi::HandshakeOutcome::kMatched) {
        BMCVAULT_CHECK(bmc.counters().sessions_opened == 1);
        BMCVAULT_CHECK(handshake.take_password()->id == 2);
        auto session = handshake.take_session();
        answered = ask_for_device_id(*session, middle, config);
    }
    BMCVAULT_CHECK(answered || !untouched);
    BMCVAULT_CHECK(bmc.counters().rejected_rakp3 == 0);
    return 0;
}
