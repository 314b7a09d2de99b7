// The client in virtual time against the virtual BMC behind a net that we script: time-outs, back-off, lost and late
// replies, slow BMCs, refusals, sessions closed.
#include "ipmi/io/bmc_client.hpp"

#include <gtest/gtest.h>

#include <random>

#include "ipmi/core/frame.hpp"
#include "ipmi/virtual_bmc/faulty_link.hpp"
#include "ipmi/virtual_bmc/virtual_bmc.hpp"
#include "tests/ipmi/keys.hpp"
#include "tests/ipmi/sim_network.hpp"

namespace bmcvault::ipmi::test {
namespace {

using std::chrono::milliseconds;
using virtual_bmc::FaultyLink;
using virtual_bmc::VirtualBmc;

constexpr const char* kLive = "Live-Pw-of-20-bytes!";
constexpr UserId kAdmin{2};
const Peer kPeer{asio::ip::make_address("192.0.2.1"), kRmcpPort};

std::uint8_t payload_type(const Bytes& datagram) {
    const auto frame = parse_frame(datagram);
    return frame && frame->rmcpplus ? frame->payload_type : 0xff;
}

bool is(PayloadType type, const Bytes& datagram) {
    return payload_type(datagram) == static_cast<std::uint8_t>(type);
}

bool in_session(const Bytes& datagram) {
    const auto frame = parse_frame(datagram);
    return frame && frame->rmcpplus && frame->session_id != 0;
}

class Client : public testing::Test {
protected:
    Client() : passwords_({"wrong", kLive}), k_gs_({"no such key"}) {
        auto config = virtual_bmc::plain_config(0, 7);
        config.users.at(2).password = Bytes(as_bytes(kLive).begin(), as_bytes(kLive).end());
        become(config);
        options_.random = [this](MutableByteView bytes) {
            for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
        };
    }
    void become(virtual_bmc::Config config) {
        bmc_ = std::make_unique<VirtualBmc>(std::move(config));
        network_.connect(kPeer, [this](const Bytes& datagram, TimePoint now) {
            std::vector<SimNetwork::Delivery> out;
            if (lose_request_ && lose_request_(datagram)) return out;
            for (auto& reply : bmc_->handle(datagram, "console", now)) {
                if (lose_reply_ && lose_reply_(datagram, reply.datagram)) continue;
                out.push_back({reply.delay, std::move(reply.datagram)});
            }
            return out;
        });
    }
    void quirk(const std::function<void(virtual_bmc::Config&)>& change) {
        auto config = bmc_->config();
        change(config);
        become(std::move(config));
    }
    [[nodiscard]] LoginRequest request(std::uint8_t suite_id = 3) const {
        LoginRequest request;
        request.user_name = "ADMIN";
        request.suite = suite(suite_id);
        request.passwords = passwords_.passwords();
        request.k_gs = k_gs_.k_gs();
        return request;
    }
    void run(const std::function<asio::awaitable<void>(BmcClient&)>& body) {
        BmcClient client(network_, kPeer, options_);
        network_.run([&]() -> asio::awaitable<void> { co_await body(client); });
        counters_ = client.counters();
    }
    // Logs in, does `work` in the session, closes it.
    void in_session_do(const std::function<asio::awaitable<void>(Session&)>& work) {
        run([&](BmcClient& client) -> asio::awaitable<void> {
            const auto asked = request();
            auto report = co_await client.login(asked);
            EXPECT_EQ(report.outcome, HandshakeOutcome::kMatched);
            if (!report.session) co_return;
            co_await work(*report.session);
            co_await report.session->close();
        });
    }
    [[nodiscard]] HandshakeOutcome login_outcome(const LoginRequest& asked) {
        std::optional<HandshakeOutcome> outcome;
        run([&](BmcClient& client) -> asio::awaitable<void> {
            auto report = co_await client.login(asked);
            outcome = report.outcome;
            if (report.session) co_await report.session->close();
        });
        return outcome.value();
    }
    [[nodiscard]] std::vector<SimNetwork::Sent> sent(PayloadType type) const {
        std::vector<SimNetwork::Sent> out;
        for (const auto& each : network_.sent()) {
            if (is(type, each.datagram)) out.push_back(each);
        }
        return out;
    }
    // Answers the first `count` times only with silence.
    static std::function<bool(const Bytes&)> first(int count, PayloadType type) {
        return [count, type](const Bytes& datagram) mutable { return is(type, datagram) && count-- > 0; };
    }

    Keys passwords_;
    Keys k_gs_;
    std::mt19937 random_{42};
    ClientOptions options_;
    SimNetwork network_;
    std::unique_ptr<VirtualBmc> bmc_;
    std::function<bool(const Bytes&)> lose_request_;
    std::function<bool(const Bytes&, const Bytes&)> lose_reply_;
    WireCounters counters_;
};

TEST_F(Client, LogsInWorksAndClosesInSixRoundTrips) {
    in_session_do([](Session& session) -> asio::awaitable<void> {
        const auto request = get_device_id();
        const auto response = co_await session.send(request);
        EXPECT_TRUE(response && response->ok());
    });
    EXPECT_EQ(counters_.round_trips, 6U);
    EXPECT_EQ(counters_.retransmissions, 0U);
    EXPECT_EQ(counters_.failed_logins, 0U);
    EXPECT_EQ(bmc_->counters().sessions_opened, 1U);
    EXPECT_EQ(bmc_->counters().sessions_closed, 1U);
    EXPECT_EQ(bmc_->open_sessions(network_.now()), 0);
}

TEST_F(Client, SilenceIsWaitedForWithBackOffAndFewOpenSessions) {
    lose_request_ = [](const Bytes&) { return true; };
    EXPECT_EQ(login_outcome(request()), HandshakeOutcome::kNoAnswer);
    const auto& all = network_.sent();
    ASSERT_EQ(all.size(), 4U);
    const std::vector<milliseconds> expected{milliseconds(0), milliseconds(1000), milliseconds(2500),
                                             milliseconds(4750)};
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].at, expected[i]);
        EXPECT_EQ(all[i].datagram, all.front().datagram);  // byte by byte the same
    }
    EXPECT_EQ(network_.elapsed(), milliseconds(8125));
    EXPECT_EQ(counters_.retransmissions, 3U);
    EXPECT_EQ(counters_.round_trips, 0U);
}

TEST_F(Client, EveryLostSetupReplyIsAskedForAgainWithTheSameBytes) {
    for (const auto type : {PayloadType::kOpenSessionRequest, PayloadType::kRakp1, PayloadType::kRakp3}) {
        const auto before = sent(type).size();
        const auto opened = bmc_->counters().sessions_opened;
        int losses = 1;
        lose_reply_ = [&](const Bytes& asked, const Bytes&) { return is(type, asked) && losses-- > 0; };
        EXPECT_EQ(login_outcome(request()), HandshakeOutcome::kMatched);
        const auto all = sent(type);
        ASSERT_EQ(all.size(), before + 2);
        EXPECT_EQ(all[before].datagram, all[before + 1].datagram);
        EXPECT_EQ(counters_.retransmissions, 1U);
        EXPECT_EQ(counters_.failed_logins, 0U);
        EXPECT_EQ(bmc_->counters().sessions_opened, opened + 1);
        EXPECT_EQ(bmc_->counters().rejected_rakp3, 0U);
    }
}

// ipmi_sim ignores a repeated RAKP 1: a lost RAKP 2 can't be had again in that session.
TEST_F(Client, AHandshakeThatIsStuckIsBegunAfreshOnce) {
    lose_request_ = first(4, PayloadType::kRakp1);
    EXPECT_EQ(login_outcome(request()), HandshakeOutcome::kMatched);
    EXPECT_EQ(sent(PayloadType::kOpenSessionRequest).size(), 2U);
    EXPECT_NE(sent(PayloadType::kOpenSessionRequest)[0].datagram, sent(PayloadType::kOpenSessionRequest)[1].datagram);

    lose_request_ = [](const Bytes& datagram) { return is(PayloadType::kRakp1, datagram); };
    EXPECT_EQ(login_outcome(request()), HandshakeOutcome::kNoAnswer);
    EXPECT_EQ(sent(PayloadType::kOpenSessionRequest).size(), 4U);  // two more, and no third
}

TEST_F(Client, AnIloThatIsNotReadyIsAskedAgainAfterASecond) {
    int refusals = 1;
    network_.connect(kPeer, [&](const Bytes& datagram, TimePoint now) -> std::vector<SimNetwork::Delivery> {
        if (is(PayloadType::kRakp1, datagram) && refusals-- > 0) {
            auto refusal = rmcpplus_header(PayloadType::kRakp2, 0, 0, 0, 8);
            append(refusal, Bytes{2, static_cast<std::uint8_t>(RmcpplusStatus::kInvalidSessionId), 0, 0, 0, 0, 0, 0});
            return {{milliseconds(0), refusal}};
        }
        std::vector<SimNetwork::Delivery> out;
        for (auto& reply : bmc_->handle(datagram, "console", now)) out.push_back({reply.delay, reply.datagram});
        return out;
    });
    EXPECT_EQ(login_outcome(request()), HandshakeOutcome::kMatched);
    EXPECT_EQ(network_.elapsed(), milliseconds(1000));
    refusals = 2;
    EXPECT_EQ(login_outcome(request()), HandshakeOutcome::kProtocolError);
    EXPECT_EQ(counters_.failed_logins, 0U);
}

TEST_F(Client, ARejectedRakp3IsCountedAndNotRepeated) {
    network_.connect(kPeer, [&](const Bytes& datagram, TimePoint now) -> std::vector<SimNetwork::Delivery> {
        std::vector<SimNetwork::Delivery> out;
        for (auto& reply : bmc_->handle(datagram, "console", now)) {
            if (is(PayloadType::kRakp4, reply.datagram)) {
                reply.datagram[kRmcpplusHeaderSize + 1] =
                    static_cast<std::uint8_t>(RmcpplusStatus::kInvalidIntegrityCheckValue);
            }
            out.push_back({reply.delay, reply.datagram});
        }
        return out;
    });
    EXPECT_EQ(login_outcome(request()), HandshakeOutcome::kProtocolError);
    EXPECT_EQ(counters_.failed_logins, 1U);
    EXPECT_EQ(sent(PayloadType::kRakp3).size(), 1U);
}

TEST_F(Client, ARightsProblemThatHidesAsUnknownUserIsTold) {
    quirk([](auto& config) { config.users.at(2).privilege_limit = PrivilegeLevel::kUser; });
    run([&](BmcClient& client) -> asio::awaitable<void> {
        const auto asked = request();
        const auto report = co_await client.login(asked);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kPrivilegeRefused);
        EXPECT_EQ(report.password->id, 1U);
        EXPECT_FALSE(report.session);
    });
    EXPECT_EQ(bmc_->counters().sessions_opened, 1U);
    EXPECT_EQ(bmc_->counters().sessions_closed, 1U);
    EXPECT_EQ(counters_.failed_logins, 0U);
}

TEST_F(Client, AnUnknownUserIsAskedForTwiceAndThenBelieved) {
    auto asked = request();
    asked.user_name = "nosuch";
    EXPECT_EQ(login_outcome(asked), HandshakeOutcome::kUnknownUserOrLocked);
    EXPECT_EQ(sent(PayloadType::kRakp1).size(), 2U);
    asked.privilege = PrivilegeLevel::kUser;  // nothing lower to ask for
    EXPECT_EQ(login_outcome(asked), HandshakeOutcome::kUnknownUserOrLocked);
    EXPECT_EQ(sent(PayloadType::kRakp1).size(), 3U);
}

TEST_F(Client, ErrorRepliesWithoutTagAreHeardAtOnce) {
    quirk([](auto& config) { config.quirks.error_replies_with_tag_0 = true; });
    auto asked = request();
    asked.user_name = "nosuch";
    EXPECT_EQ(login_outcome(asked), HandshakeOutcome::kUnknownUserOrLocked);
    EXPECT_EQ(network_.elapsed(), milliseconds(0));
}

TEST_F(Client, Suite0IsNeverAskedFor) {
    EXPECT_EQ(login_outcome(request(0)), HandshakeOutcome::kNoProof);
    EXPECT_TRUE(network_.sent().empty());
}

TEST_F(Client, AFullBmcIsAWordOfItsOwn) {
    quirk([](auto& config) { config.session_slots = 0; });
    EXPECT_EQ(login_outcome(request()), HandshakeOutcome::kNoSessionSlot);
    EXPECT_EQ(counters_.retransmissions, 0U);
}

TEST_F(Client, AskOnlyTakesTwoRoundTripsAndNoLogin) {
    auto asked = request();
    asked.depth = LoginRequest::Depth::kAskOnly;
    EXPECT_EQ(login_outcome(asked), HandshakeOutcome::kMatched);
    EXPECT_EQ(counters_.round_trips, 2U);
    EXPECT_TRUE(sent(PayloadType::kRakp3).empty());
}

TEST_F(Client, TheFirstCommandMayBeDroppedWhileKeysInstall) {
    quirk([](auto& config) { config.quirks.drops_first_command = true; });
    EXPECT_EQ(login_outcome(request()), HandshakeOutcome::kMatched);
    EXPECT_EQ(counters_.retransmissions, 1U);
    EXPECT_EQ(bmc_->counters().sessions_closed, 1U);
}

TEST_F(Client, ALostReplyToAWriteIsAskedForAgainButNotWithinTwoSeconds) {
    int losses = 1;
    std::vector<std::pair<milliseconds, Bytes>> writes;
    in_session_do([&](Session& session) -> asio::awaitable<void> {
        const auto first_write = network_.sent().size();
        lose_reply_ = [&](const Bytes&, const Bytes&) { return losses-- > 0; };
        const auto request = set_password(kAdmin, 20, key20("the next password!!!"));
        const auto response = co_await session.send(request);
        EXPECT_TRUE(response && response->ok());
        for (auto i = first_write; i < network_.sent().size(); ++i) {
            writes.emplace_back(network_.sent()[i].at, network_.sent()[i].datagram);
        }
    });
    ASSERT_EQ(writes.size(), 2U);
    EXPECT_GE(writes[1].first - writes[0].first, milliseconds(2000));
    const auto once = parse_frame(writes[0].second);
    const auto again = parse_frame(writes[1].second);
    EXPECT_EQ(once->sequence + 1, again->sequence);
    EXPECT_EQ(bmc_->stored_password(2, network_.now()),
              Bytes(as_bytes("the next password!!!").begin(), as_bytes("the next password!!!").end()));
    EXPECT_EQ(bmc_->counters().unencrypted_secrets, 0U);
}

TEST_F(Client, AWriteThatIsNeverAnsweredEndsAfterTheWriteTimeOut) {
    in_session_do([&](Session& session) -> asio::awaitable<void> {
        lose_request_ = in_session;
        const auto start = network_.elapsed();
        const auto request = set_password(kAdmin, 20, key20("the next password!!!"));
        const auto response = co_await session.send(request);
        EXPECT_FALSE(response);
        EXPECT_EQ(response.error().code, ErrorCode::kNoAnswer);
        EXPECT_EQ(network_.elapsed() - start, options_.write_timeout);
        EXPECT_TRUE(session.lost());
        // close() of a lost session tries once and waits for nothing.
        const auto closing = network_.sent().size();
        co_await session.close();
        EXPECT_EQ(network_.sent().size(), closing + 1);
        EXPECT_EQ(network_.elapsed() - start, options_.write_timeout);
    });
}

TEST_F(Client, CloseIsRepeatedTwiceAtMostAndNeverFails) {
    in_session_do([&](Session& session) -> asio::awaitable<void> {
        lose_request_ = in_session;
        const auto before = network_.sent().size();
        co_await session.close();
        EXPECT_EQ(network_.sent().size(), before + 3);
        co_await session.close();
        EXPECT_EQ(network_.sent().size(), before + 3);
    });
}

// Also a handshake that was given up for another one, which then ended well, has left its slot behind.
TEST_F(Client, SaysWhetherASlotWasLeftHalfOpen) {
    const auto left_a_slot = [this](const LoginRequest& asked) {
        bool left = false;
        run([&](BmcClient& client) -> asio::awaitable<void> {
            auto report = co_await client.login(asked);
            left = report.left_half_open > 0;
            if (report.session) co_await report.session->close();
        });
        return left;
    };
    EXPECT_FALSE(left_a_slot(request()));
    auto unknown_user = request();
    unknown_user.user_name = "nobody";
    EXPECT_FALSE(left_a_slot(unknown_user));
    auto ask_only = request();
    ask_only.depth = Depth::kAskOnly;
    EXPECT_TRUE(left_a_slot(ask_only));
    auto no_candidate = request();
    no_candidate.passwords = no_candidate.passwords.first(1);
    EXPECT_TRUE(left_a_slot(no_candidate));
    auto other_board = request();
    other_board.pinned_guid = Guid{1};
    EXPECT_TRUE(left_a_slot(other_board));
    lose_request_ = first(4, PayloadType::kRakp1);
    EXPECT_TRUE(left_a_slot(request()));
    lose_request_ = [](const Bytes&) { return true; };  // nothing was ever opened
    EXPECT_FALSE(left_a_slot(request()));
}

TEST_F(Client, ALostReplyToCloseIsNoHarm) {
    in_session_do([&](Session&) -> asio::awaitable<void> {
        int losses = 1;
        lose_reply_ = [losses](const Bytes&, const Bytes&) mutable { return losses-- > 0; };
        co_return;
    });
    EXPECT_EQ(bmc_->open_sessions(network_.now()), 0);
}

TEST_F(Client, ASlowBmcIsWaitedForInsteadOfBuriedUnderOpenSessions) {
    quirk([](auto& config) {
        config.quirks.slow = milliseconds(8000);
        config.half_open_timeout = milliseconds(30000);
    });
    run([&](BmcClient& client) -> asio::awaitable<void> {
        const auto capabilities = co_await client.capabilities();
        EXPECT_TRUE(capabilities);
        const auto asked = request();
        auto report = co_await client.login(asked);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kMatched);
        if (report.session) co_await report.session->close();
    });
    EXPECT_EQ(sent(PayloadType::kOpenSessionRequest).size(), 1U);
    EXPECT_EQ(sent(PayloadType::kRakp1).size(), 1U);
    EXPECT_EQ(sent(PayloadType::kRakp3).size(), 1U);
}

TEST_F(Client, LateAndDoubledRepliesAreDropped) {
    std::vector<Bytes> earlier;
    network_.connect(kPeer, [&](const Bytes& datagram, TimePoint now) -> std::vector<SimNetwork::Delivery> {
        std::vector<SimNetwork::Delivery> out;
        for (const auto& old : earlier) out.push_back({milliseconds(0), old});  // everything said so far, again
        for (auto& reply : bmc_->handle(datagram, "console", now)) {
            earlier.push_back(reply.datagram);
            out.push_back({milliseconds(1), reply.datagram});
            out.push_back({milliseconds(1), reply.datagram});
        }
        return out;
    });
    for (int logins = 0; logins < 3; ++logins) {
        in_session_do([](Session& session) -> asio::awaitable<void> {
            for (int i = 0; i < 5; ++i) {
                const auto request = get_device_id();
                const auto response = co_await session.send(request);
                EXPECT_TRUE(response && response->ok());
            }
        });
        EXPECT_EQ(counters_.retransmissions, 0U);
        EXPECT_EQ(counters_.round_trips, 10U);
    }
}

TEST_F(Client, ASecretStaysHereWhereTheSessionDoesNotEncrypt) {
    quirk([](auto& config) { config.cipher_suites = {2}; });
    run([&](BmcClient& client) -> asio::awaitable<void> {
        const auto asked = request(2);
        auto report = co_await client.login(asked);
        EXPECT_EQ(report.outcome, HandshakeOutcome::kMatched);
        const auto before = network_.sent().size();
        const auto change = set_password(kAdmin, 20, key20("the next password!!!"));
        const auto response = co_await report.session->send(change);
        EXPECT_EQ(response.error().code, ErrorCode::kConflict);
        EXPECT_EQ(network_.sent().size(), before);
        EXPECT_FALSE(report.session->lost());
        co_await report.session->close();
    });
    EXPECT_EQ(bmc_->counters().unencrypted_secrets, 0U);
}

TEST_F(Client, FindsCipherSuitesInWhateverFramingTheBmcAnswers) {
    for (const bool only_rmcpplus : {false, true}) {
        quirk([&](auto& config) {
            config.cipher_suites = {3, 8, 12, 17};
            config.quirks.cipher_suites_only_in_rmcp_plus = only_rmcpplus;
        });
        const std::vector<std::uint8_t> expected{3, 8, 12, 17};
        run([&](BmcClient& client) -> asio::awaitable<void> {
            const auto suites = co_await client.cipher_suites();
            EXPECT_EQ(suites, expected);
        });
        EXPECT_EQ(counters_.retransmissions, only_rmcpplus ? 1U : 0U);
    }
    lose_request_ = [](const Bytes&) { return true; };
    run([](BmcClient& client) -> asio::awaitable<void> {
        const auto suites = co_await client.cipher_suites();
        EXPECT_TRUE(suites.empty());
        const auto capabilities = co_await client.capabilities();
        EXPECT_EQ(capabilities.error().code, ErrorCode::kNoAnswer);
    });
}

TEST_F(Client, AnIpmi15OnlyBmcIsNotSupported) {
    network_.connect(kPeer, [](const Bytes& datagram, TimePoint) -> std::vector<SimNetwork::Delivery> {
        const auto asked = parse_frame(datagram);
        const bool wants_v2 = (asked->payload[6] & 0x80) != 0;
        Bytes message{0x81, 0x1c, 0x63, 0x20, asked->payload[4], 0x38};
        append(message, wants_v2 ? Bytes{0xcc} : Bytes{0x00, 0x01, 0x15, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00});
        unsigned sum = 0;
        for (std::size_t i = 3; i < message.size(); ++i) sum += message[i];
        message.push_back(static_cast<std::uint8_t>(0x100 - (sum & 0xff)));
        auto reply = lan_header(message.size());
        append(reply, message);
        return {{milliseconds(0), reply}};
    });
    run([](BmcClient& client) -> asio::awaitable<void> {
        const auto capabilities = co_await client.capabilities();
        EXPECT_EQ(capabilities.error().code, ErrorCode::kUnsupported);
    });
}

// A whole piece of work over a net with these faults.
class BadNet : public Client, public testing::WithParamInterface<int> {
protected:
    void log_in_and_look_around(virtual_bmc::LinkFaults faults) {
        const auto seed = static_cast<std::uint64_t>(GetParam());
        random_.seed(static_cast<std::uint32_t>(seed));
        FaultyLink there(faults, seed * 2);
        FaultyLink back(faults, seed * 2 + 1);
        network_.connect(kPeer, [&](const Bytes& datagram, TimePoint now) {
            std::vector<SimNetwork::Delivery> out;
            for (const auto& arrived : there.carry(datagram)) {
                for (auto& reply : bmc_->handle(arrived.datagram, "console", now)) {
                    for (auto& delivery : back.carry(std::move(reply.datagram))) {
                        out.push_back({arrived.delay + reply.delay + delivery.delay, std::move(delivery.datagram)});
                    }
                }
            }
            return out;
        });
        run([&](BmcClient& client) -> asio::awaitable<void> {
            const auto asked = request();
            auto report = co_await client.login(asked);
            outcome_ = report.outcome;
            if (!report.session) co_return;
            for (int i = 0; i < 3; ++i) {
                const auto request = get_user_access(Channel{kPresentChannel}, kAdmin);
                const auto response = co_await report.session->send(request);
                if (response && response->ok()) {
                    EXPECT_EQ(parse_user_access(*response)->privilege_limit, PrivilegeLevel::kAdministrator);
                }
            }
            co_await report.session->close();
        });
        EXPECT_LT(network_.elapsed(), std::chrono::minutes(5));
    }

    std::optional<HandshakeOutcome> outcome_;
};
INSTANTIATE_TEST_SUITE_P(Seeds, BadNet, testing::Range(0, 200));

TEST_P(BadNet, LossDoublesAndDisorderNeverCostAFailedLogin) {
    SCOPED_TRACE("replay: ipmi_io_test --gtest_filter=Seeds/BadNet.Loss*/" + std::to_string(GetParam()));
    log_in_and_look_around({.loss = 0.15, .duplicate = 0.15, .reorder = 0.15, .latency = milliseconds(30)});
    EXPECT_TRUE(outcome_ == HandshakeOutcome::kMatched || outcome_ == HandshakeOutcome::kNoAnswer);
    EXPECT_EQ(counters_.failed_logins, 0U);
    EXPECT_EQ(bmc_->counters().rejected_rakp3, 0U);
}

// Flipped bits may turn a RAKP 3 into a wrong one, or an answer into a refusal: that is believed, once.
TEST_P(BadNet, DamageIsNeverTakenForAnAnswerAndARefusalIsNotRepeated) {
    SCOPED_TRACE("replay: ipmi_io_test --gtest_filter=Seeds/BadNet.Damage*/" + std::to_string(GetParam()));
    log_in_and_look_around({.loss = 0.1, .corrupt = 0.2, .latency = milliseconds(30)});
    EXPECT_LE(counters_.failed_logins, 1U);
    EXPECT_LE(bmc_->counters().rejected_rakp3, 2U);  // the second when the first refusal was lost
}

}  // namespace
}  // namespace bmcvault::ipmi::test
