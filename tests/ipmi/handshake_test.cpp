// The handshake machine against the virtual BMC, which shares no code with it: every suite, every damaged datagram,
// every datagram at the wrong time, every refusal.
#include "ipmi/core/handshake.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "ipmi/core/frame.hpp"
#include "ipmi/virtual_bmc/virtual_bmc.hpp"
#include "tests/ipmi/keys.hpp"

namespace bmcvault::ipmi::test {
namespace {

using State = Handshake::State;
using Step = Handshake::Step;
using virtual_bmc::VirtualBmc;

constexpr const char* kLive = "Live-Pw-of-20-bytes!";
constexpr const char* kLiveKg = "KG-of-20-bytes-long!";
constexpr HandshakeNonces kNonces{0x01020304, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
constexpr std::size_t kPayload = kRmcpplusHeaderSize;

virtual_bmc::Config config(std::uint8_t suite_id = 3) {
    auto config = virtual_bmc::plain_config(0, 7);
    config.cipher_suites = {suite_id};
    config.users.at(2).password = Bytes(as_bytes(kLive).begin(), as_bytes(kLive).end());
    config.users.at(2).stored_size = 20;
    config.k_g = Bytes(as_bytes(kLiveKg).begin(), as_bytes(kLiveKg).end());
    return config;
}

struct Known {
    explicit Known(std::uint8_t suite_id = 3) : suite_id_(suite_id) {}

    Keys passwords{among(5, kLive, 4)};
    Keys k_gs{among(5, kLiveKg, 2)};

    [[nodiscard]] HandshakePlan plan() const {
        HandshakePlan plan;
        plan.user_name = "ADMIN";
        plan.suite = suite(suite_id_);
        plan.passwords = passwords.passwords();
        plan.k_gs = k_gs.k_gs();
        return plan;
    }

private:
    std::uint8_t suite_id_;
};

Bytes ask(VirtualBmc& bmc, const Bytes& datagram) {
    const auto replies = bmc.handle(datagram, "console", virtual_bmc::TimePoint{});
    return replies.empty() ? Bytes{} : replies.front().datagram;
}

// Runs to the end and returns what the BMC said on the way.
std::vector<Bytes> run(Handshake& handshake, VirtualBmc& bmc) {
    std::vector<Bytes> replies;
    while (handshake.state() != State::kFinished) {
        replies.push_back(ask(bmc, handshake.outgoing()));
        if (handshake.receive(replies.back()) == Step::kDropped) break;
    }
    return replies;
}

std::vector<Bytes> good_replies(std::uint8_t suite_id = 3) {
    const Known known(suite_id);
    VirtualBmc bmc(config(suite_id));
    Handshake handshake(known.plan(), kNonces);
    auto replies = run(handshake, bmc);
    EXPECT_EQ(handshake.outcome(), HandshakeOutcome::kMatched);
    EXPECT_EQ(replies.size(), 3U);
    return replies;
}

// A setup reply of a BMC in trouble.
Bytes error_reply(PayloadType type, std::uint8_t tag, std::uint8_t status, std::uint32_t console_id, std::size_t size) {
    Bytes payload{tag, status, 0, 0};
    append_u32_le(payload, console_id);
    payload.resize(size);
    auto datagram = rmcpplus_header(type, 0, 0, 0, size);
    append(datagram, payload);
    return datagram;
}

constexpr std::array kReplyTypes{PayloadType::kOpenSessionResponse, PayloadType::kRakp2, PayloadType::kRakp4};
constexpr std::array<std::uint8_t, 3> kTags{1, 2, 3};

Handshake advanced_to(const Known& known, const std::vector<Bytes>& replies, std::size_t message) {
    Handshake handshake(known.plan(), kNonces);
    for (std::size_t i = 0; i < message; ++i) EXPECT_EQ(handshake.receive(replies[i]), Step::kNextMessage);
    return handshake;
}

class HandshakeOfSuite : public testing::TestWithParam<CipherSuite> {};
INSTANTIATE_TEST_SUITE_P(Suites, HandshakeOfSuite, testing::ValuesIn(kCipherSuites.begin() + 1, kCipherSuites.end()),
                         [](const auto& each) { return "Suite" + std::to_string(each.param.id); });

TEST_P(HandshakeOfSuite, NamesPasswordAndKeyAndTheSessionWorks) {
    const Known known(GetParam().id);
    VirtualBmc bmc(config(GetParam().id));
    Handshake handshake(known.plan(), kNonces);
    run(handshake, bmc);
    ASSERT_EQ(handshake.outcome(), HandshakeOutcome::kMatched);
    EXPECT_EQ(handshake.guid(), bmc.config().guid);
    EXPECT_EQ(handshake.take_password()->id, 4U);
    EXPECT_EQ(handshake.take_k_g()->id, 2U);
    EXPECT_EQ(bmc.counters().sessions_opened, 1U);
    EXPECT_EQ(bmc.counters().rejected_rakp3, 0U);

    auto session = handshake.take_session();
    ASSERT_TRUE(session);
    const auto request = get_device_id();
    const auto reply = ask(bmc, session->wrap(request, 1, {}).value());
    const auto response = session->unwrap(reply, request.net_fn(), request.command(), 1);
    ASSERT_TRUE(response);
    EXPECT_EQ(parse_device_id(*response)->manufacturer, bmc.config().manufacturer);
}

// Bytes of the three replies that no code covers and that we do not use either: flipping them changes nothing.
bool is_filler(std::size_t message, std::size_t offset) {
    if (offset == 1 || offset == 2) return true;    // RMCP: reserved, sequence number
    if (offset >= 10 && offset <= 13) return true;  // session sequence number outside a session
    if (offset < kPayload) return false;
    const std::size_t at = offset - kPayload;
    if (at == 2 || at == 3) return true;  // privilege granted (asked again in the session), reserved
    if (message != 0 || at < 12) return false;
    return (at - 12) % 8 != 4;  // of the algorithm records only the algorithms count
}

TEST_P(HandshakeOfSuite, NoFlippedBitLeadsToAnotherSession) {
    const Known known(GetParam().id);
    const auto replies = good_replies(GetParam().id);
    for (std::size_t message = 0; message < replies.size(); ++message) {
        for (std::size_t bit = 0; bit < replies[message].size() * 8; ++bit) {
            auto handshake = advanced_to(known, replies, message);
            auto damaged = replies[message];
            damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            auto step = handshake.receive(damaged);
            // The rest arrives as it was recorded, whatever we said in between.
            for (std::size_t i = message + 1; i < replies.size() && step == Step::kNextMessage; ++i) {
                step = handshake.receive(replies[i]);
            }
            const bool logged_in = step == Step::kFinished && handshake.outcome() == HandshakeOutcome::kMatched;
            // The two reserved bits beside an algorithm are no more than filler.
            const bool reserved_bits = message == 0 && bit / 8 >= kPayload + 12 && bit % 8 >= 6;
            EXPECT_EQ(logged_in, is_filler(message, bit / 8) || reserved_bits)
                << "reply " << message << " byte " << bit / 8 << " bit " << bit % 8;
        }
    }
}

TEST_P(HandshakeOfSuite, NoTruncatedReplyIsTaken) {
    const Known known(GetParam().id);
    const auto replies = good_replies(GetParam().id);
    for (std::size_t message = 0; message < replies.size(); ++message) {
        for (std::size_t size = 0; size < replies[message].size(); ++size) {
            auto handshake = advanced_to(known, replies, message);
            // Cut on the way, and cut by the BMC with a payload length that fits.
            const Bytes cut(replies[message].begin(), replies[message].begin() + static_cast<long>(size));
            EXPECT_EQ(handshake.receive(cut), Step::kDropped);
            if (size < kPayload) continue;
            auto consistent = cut;
            consistent[14] = static_cast<std::uint8_t>(size - kPayload);
            const auto step = handshake.receive(consistent);
            EXPECT_NE(step, Step::kNextMessage) << "reply " << message << " size " << size;
            EXPECT_FALSE(step == Step::kFinished && handshake.outcome() == HandshakeOutcome::kMatched);
        }
    }
}

TEST(HandshakeMachine, ListensInEachStateOnlyToItsOwnReply) {
    const Known known;
    const auto replies = good_replies();
    for (std::size_t message = 0; message <= replies.size(); ++message) {
        auto handshake = message < 3 ? advanced_to(known, replies, message) : advanced_to(known, replies, 2);
        if (message == 3) {
            EXPECT_EQ(handshake.receive(replies[2]), Step::kFinished);
        }
        const auto outgoing = handshake.outgoing();
        for (std::size_t other = 0; other < replies.size(); ++other) {
            if (other == message) continue;
            EXPECT_EQ(handshake.receive(replies[other]), Step::kDropped) << "state " << message << " reply " << other;
        }
        EXPECT_EQ(handshake.outgoing(), outgoing);
    }
}

TEST(HandshakeMachine, DropsAReplyOfAnotherHandshake) {
    const Known known;
    const auto replies = good_replies();
    Handshake other(known.plan(), {kNonces.console_session_id + 1, kNonces.console_random});
    EXPECT_EQ(other.receive(replies[0]), Step::kDropped);
}

TEST(HandshakeMachine, BelievesErrorRepliesThatKnowNeitherTagNorSession) {
    const Known known;
    const auto replies = good_replies();
    const std::uint8_t status = static_cast<std::uint8_t>(RmcpplusStatus::kUnauthorizedName);
    for (std::size_t message = 0; message < 3; ++message) {
        for (const std::uint8_t tag : {std::uint8_t{0}, kTags[message]}) {
            for (const std::uint32_t id : {0U, kNonces.console_session_id}) {
                for (const std::size_t size : {2U, 4U, 8U, 40U}) {
                    auto handshake = advanced_to(known, replies, message);
                    ASSERT_EQ(handshake.receive(error_reply(kReplyTypes[message], tag, status, id, size)),
                              Step::kFinished)
                        << "message " << message << " tag " << int{tag} << " size " << size;
                    EXPECT_EQ(handshake.outcome(), HandshakeOutcome::kUnknownUserOrLocked);
                    EXPECT_EQ(handshake.status(), status);
                    EXPECT_EQ(static_cast<std::size_t>(handshake.refused_in()), message);
                }
            }
        }
    }
}

TEST(HandshakeMachine, DropsErrorsAndSuccessesThatAreNotForIt) {
    const Known known;
    const auto replies = good_replies();
    for (std::size_t message = 0; message < 3; ++message) {
        auto handshake = advanced_to(known, replies, message);
        const auto type = kReplyTypes[message];
        EXPECT_EQ(handshake.receive(error_reply(type, 0x77, 0x0d, kNonces.console_session_id, 8)), Step::kDropped);
        EXPECT_EQ(handshake.receive(error_reply(type, kTags[message], 0x0d, 0x99999999, 8)), Step::kDropped);
        for (const std::size_t size : {0U, 1U}) {
            EXPECT_EQ(handshake.receive(error_reply(type, kTags[message], 0x0d, 0, size)), Step::kDropped);
        }
        auto tagless = replies[message];  // tag 0 is for errors only
        tagless[kPayload] = 0;
        EXPECT_EQ(handshake.receive(tagless), Step::kDropped);
        auto anonymous = replies[message];
        for (std::size_t i = 4; i < 8; ++i) anonymous[kPayload + i] = 0;
        EXPECT_EQ(handshake.receive(anonymous), Step::kDropped);
        EXPECT_NE(handshake.receive(replies[message]), Step::kDropped);
    }
}

TEST(HandshakeMachine, RefusesAnotherSuiteThanItAskedFor) {
    const Known known;
    for (const auto& other : kCipherSuites) {
        if (other.id == 3) continue;
        auto replies = good_replies();
        auto& response = replies[0];
        response[kPayload + 16] = static_cast<std::uint8_t>(other.authentication);
        response[kPayload + 24] = static_cast<std::uint8_t>(other.integrity);
        response[kPayload + 32] = static_cast<std::uint8_t>(other.confidentiality);
        Handshake handshake(known.plan(), kNonces);
        EXPECT_EQ(handshake.receive(response), Step::kFinished) << "suite " << int{other.id};
        EXPECT_EQ(handshake.outcome(), HandshakeOutcome::kCipherSuiteRefused);
    }
}

TEST(HandshakeMachine, SendsNoRakp3ToAnotherBoard) {
    const Known known;
    VirtualBmc bmc(config());
    auto plan = known.plan();
    plan.pinned_guid = Guid{0xee};
    Handshake handshake(plan, kNonces);
    EXPECT_EQ(run(handshake, bmc).size(), 2U);
    EXPECT_EQ(handshake.outcome(), HandshakeOutcome::kIdentityChanged);
    EXPECT_EQ(handshake.outgoing()[5], static_cast<std::uint8_t>(PayloadType::kRakp1));
    plan.pinned_guid = bmc.config().guid;
    Handshake same_board(plan, kNonces);
    run(same_board, bmc);
    EXPECT_EQ(same_board.outcome(), HandshakeOutcome::kMatched);
}

TEST(HandshakeMachine, SendsNoRakp3ForAPasswordThatRakp2DidNotConfirm) {
    Known known;
    known.passwords = Keys(among(20, "none of them", 3));
    VirtualBmc bmc(config());
    Handshake handshake(known.plan(), kNonces);
    EXPECT_EQ(run(handshake, bmc).size(), 2U);
    EXPECT_EQ(handshake.outcome(), HandshakeOutcome::kNoCandidateMatches);
    EXPECT_EQ(handshake.outgoing()[5], static_cast<std::uint8_t>(PayloadType::kRakp1));
    EXPECT_FALSE(handshake.take_password());
    EXPECT_FALSE(handshake.take_session());
    EXPECT_EQ(bmc.counters().rejected_rakp3, 0U);
}

TEST(HandshakeMachine, AskOnlyEndsWithRakp2) {
    const Known known;
    VirtualBmc bmc(config());
    auto plan = known.plan();
    plan.depth = Depth::kAskOnly;
    Handshake handshake(plan, kNonces);
    EXPECT_EQ(run(handshake, bmc).size(), 2U);
    EXPECT_EQ(handshake.outcome(), HandshakeOutcome::kMatched);
    EXPECT_EQ(handshake.take_password()->id, 4U);
    EXPECT_EQ(bmc.counters().sessions_opened, 0U);
}

TEST(HandshakeMachine, AnUnknownKgIsToldFromAWrongPassword) {
    Known known;
    known.k_gs = Keys({"some other key"});
    VirtualBmc bmc(config());
    Handshake handshake(known.plan(), kNonces);
    run(handshake, bmc);
    EXPECT_EQ(handshake.outcome(), HandshakeOutcome::kKgUnknown);
    EXPECT_EQ(handshake.take_password()->id, 4U);
    EXPECT_FALSE(handshake.take_session());
}

TEST(HandshakeMachine, ABogusRakp2ProvesNothing) {
    const Known known;
    auto bogus = config();
    bogus.quirks.bogus_rakp2 = true;
    VirtualBmc bmc(bogus);
    Handshake handshake(known.plan(), kNonces);
    run(handshake, bmc);
    EXPECT_EQ(handshake.outcome(), HandshakeOutcome::kNoProof);
}

TEST(HandshakeMachine, AnAttemptNamesThePasswordOnlyOnceItIsIn) {
    const Known known;
    auto bogus = config();
    bogus.quirks.bogus_rakp2 = true;
    for (const auto& candidate : known.passwords.passwords()) {
        VirtualBmc bmc(bogus);
        auto plan = known.plan();
        plan.attempt = &candidate;
        Handshake handshake(std::move(plan), kNonces);
        run(handshake, bmc);
        const bool live = candidate.id == 4;
        EXPECT_EQ(handshake.outcome() == HandshakeOutcome::kMatched, live) << candidate.id;
        EXPECT_EQ(handshake.take_password().has_value(), live) << candidate.id;
    }
}

// A status of "OK" with a code that nobody's key makes proves nothing of the password that was attempted.
TEST(HandshakeMachine, AnAttemptThatRakp4DoesNotConfirmProvesNothing) {
    const Known known;
    auto bogus = config();
    bogus.quirks.bogus_rakp2 = true;
    bogus.k_g = Bytes(20, 0x77);  // none of ours
    for (const auto& candidate : known.passwords.passwords()) {
        VirtualBmc bmc(bogus);
        auto plan = known.plan();
        plan.attempt = &candidate;
        Handshake handshake(std::move(plan), kNonces);
        run(handshake, bmc);
        EXPECT_NE(handshake.outcome(), HandshakeOutcome::kMatched) << candidate.id;
        EXPECT_NE(handshake.outcome(), HandshakeOutcome::kKgUnknown) << candidate.id;
        EXPECT_FALSE(handshake.take_password().has_value()) << candidate.id;
    }
}

TEST(HandshakeMachine, WorksWithBmcsThatDeviate) {
    const Known known;
    struct Deviation {
        std::function<void(virtual_bmc::Quirks&)> set;
        HandshakeVariant expected;
    };
    const std::vector<Deviation> deviations{
        {[](auto& quirks) { quirks.open_session_privilege = true; }, {.role_without_name_only_bit = true}},
        {[](auto& quirks) { quirks.hmac_one_byte_too_long = true; }, {.hmac_one_byte_too_long = true}},
        {[](auto& quirks) { quirks.open_session_privilege = quirks.hmac_one_byte_too_long = true; },
         {.role_without_name_only_bit = true, .hmac_one_byte_too_long = true}}};
    for (const auto& deviation : deviations) {
        auto deviating = config();
        deviation.set(deviating.quirks);
        VirtualBmc bmc(deviating);
        Handshake handshake(known.plan(), kNonces);
        run(handshake, bmc);
        ASSERT_EQ(handshake.outcome(), HandshakeOutcome::kMatched);
        EXPECT_EQ(handshake.take_password()->variant, deviation.expected);
        auto session = handshake.take_session();
        const auto request = get_device_id();
        const auto reply = ask(bmc, session->wrap(request, 1, {}).value());
        EXPECT_TRUE(session->unwrap(reply, request.net_fn(), request.command(), 1));
        EXPECT_EQ(bmc.counters().rejected_rakp3, 0U);
    }
}

TEST(HandshakeMachine, PutsEveryStatusIntoAWordOfTheTable) {
    using enum HandshakeOutcome;
    const std::array<HandshakeOutcome, 0x13> expected{
        kProtocolError,       kNoSessionSlot,      kProtocolError,      kProtocolError,       kCipherSuiteRefused,
        kCipherSuiteRefused,  kProtocolError,      kProtocolError,      kProtocolError,       kUnknownUserOrLocked,
        kUnknownUserOrLocked, kNoSessionSlot,      kProtocolError,      kUnknownUserOrLocked, kProtocolError,
        kProtocolError,       kCipherSuiteRefused, kCipherSuiteRefused, kCipherSuiteRefused};
    for (unsigned status = 0; status < 256; ++status) {
        EXPECT_EQ(outcome_of_status(static_cast<std::uint8_t>(status)),
                  status < expected.size() ? expected[status] : kProtocolError)
            << "status " << status;
    }
}

}  // namespace
}  // namespace bmcvault::ipmi::test
