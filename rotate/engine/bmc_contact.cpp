#include "rotate/engine/bmc_contact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "rotate/core/login_attempts.hpp"
#include "rotate/core/password_machine.hpp"
#include "rotate/core/schedule.hpp"

namespace bmcvault::rotate {
namespace {

using namespace std::chrono_literals;
using ipmi::HandshakeOutcome;
using ipmi::LoginRequest;

constexpr std::array<std::uint8_t, 4> kWorkSuites{17, 3, 8, 12};
constexpr std::array<std::uint8_t, 7> kIdentificationSuites{16, 15, 2, 1, 7, 6, 11};
constexpr auto kKeepAlive = 10s;
constexpr auto kMargin = 1s;
constexpr auto kSlack = 60s;  // of a minimum change interval
constexpr auto kInvalidIntegrityCheckValue =
    static_cast<std::uint8_t>(ipmi::RmcpplusStatus::kInvalidIntegrityCheckValue);  // §13.24: a wrong password
constexpr auto kLongestForget = 600s;  // a lock-out count that lives longer is not waited for
constexpr std::uint8_t kLanParameterBadPasswordThreshold = 26;
constexpr std::uint8_t kLanParameterMacAddress = 5;  // IPMI 2.0 §23.1, Table 23-4

Answer answer_of(HandshakeOutcome outcome) {
    switch (outcome) {
        case HandshakeOutcome::kMatched:
            return Answer::kMatched;
        case HandshakeOutcome::kNoAnswer:
            return Answer::kNoAnswer;
        case HandshakeOutcome::kUnknownUserOrLocked:
            return Answer::kUnknownUserOrLocked;
        case HandshakeOutcome::kNoCandidateMatches:
            return Answer::kNoCandidateMatches;
        case HandshakeOutcome::kNoProof:
            return Answer::kNoProof;
        case HandshakeOutcome::kKgUnknown:
            return Answer::kKgUnknown;
        case HandshakeOutcome::kCipherSuiteRefused:
            return Answer::kCipherSuiteRefused;
        case HandshakeOutcome::kNoSessionSlot:
            return Answer::kNoSessionSlot;
        case HandshakeOutcome::kPrivilegeRefused:
            return Answer::kPrivilegeRefused;
        case HandshakeOutcome::kIdentityChanged:
            return Answer::kIdentityChanged;
        case HandshakeOutcome::kProtocolError:
            return Answer::kProtocolError;
    }
    return Answer::kProtocolError;
}

Form form_of(ipmi::Form form) {
    switch (form) {
        case ipmi::Form::kExact:
            return Form::kExact;
        case ipmi::Form::kFirst16:
            return Form::kFirst16;
        case ipmi::Form::kFirst19:
            return Form::kFirst19;
        case ipmi::Form::kNewHeadOldTail:
            return Form::kNewHeadOldTail;
    }
    return Form::kExact;
}

ipmi::CipherSuite suite_of(std::uint8_t id) {
    const auto found = std::ranges::find(ipmi::kCipherSuites, id, &ipmi::CipherSuite::id);
    BMCVAULT_CHECK(found != ipmi::kCipherSuites.end());
    return *found;
}

bool all_zero(const ipmi::Guid& guid) {
    return std::ranges::all_of(guid, [](auto byte) { return byte == 0; });
}

AccountAnswer account_answer(const ipmi::LoginReport& report) {
    AccountAnswer seen;
    seen.answer = answer_of(report.outcome);
    if (report.password) {
        seen.candidate = report.password->id;
        seen.exact = report.password->form == ipmi::Form::kExact;
    }
    return seen;
}

bool is_longer_than_16(const Key20& password) {
    return password.expose([](auto bytes) {
        return std::ranges::any_of(bytes.subspan(ipmi::kPasswordSize16), [](auto byte) { return byte != 0; });
    });
}

Key20 first_16(const Key20& password) {
    Key20 cut;
    password.expose([&](auto from) {
        cut.expose_mutable([&](auto to) { std::ranges::copy(from.first(ipmi::kPasswordSize16), to.begin()); });
    });
    return cut;
}

bool is_administrator(ipmi::PrivilegeLevel level) {
    return level == ipmi::PrivilegeLevel::kAdministrator || level == ipmi::PrivilegeLevel::kOem;
}

}  // namespace

int suite_strength(std::uint8_t id) {
    const auto found = std::ranges::find(kWorkSuites, id);
    return static_cast<int>(kWorkSuites.end() - found);
}

BmcContact::BmcContact(Ports& ports, vault::Bmc bmc, ContactOptions options, StepListener on_step)
    : ports_(ports),
      bmc_(std::move(bmc)),
      options_(std::move(options)),
      on_step_(std::move(on_step)),
      slots_(ports.clock, options_.client.half_open_lifetime) {}

BmcContact::~BmcContact() = default;

asio::awaitable<Result<void>> BmcContact::load() {
    const VaultPort::Read work = [this](const vault::Store& store) -> Result<void> {
        auto bmc = store.bmc(bmc_.id);
        if (!bmc) return std::unexpected(bmc.error());
        auto known = KnownCredentials::load(store, *bmc, std::move(known_));
        if (!known) {  // what was known has been given away: nothing is offered any more
            known_ = {};
            offer_candidates();
            return std::unexpected(known.error());
        }
        // What this operation has learned on the wire is newer than the record.
        if (!record_changed_) bmc_ = std::move(*bmc);
        known_ = std::move(*known);
        offer_candidates();
        loaded_ = true;
        return read_facts(store);
    };
    co_return co_await ports_.vault.read(work);
}

Result<void> BmcContact::learn_manners(vault::Transaction& transaction) const {
    const auto bmc = facts_key(bmc_);
    if (lock_out_asked_) {
        auto learned = transaction.learn(
            bmc, std::string(kLockOutFact),
            fmt::format("{} {}", facts_.lock_out.bad_passwords, facts_.lock_out.reset_interval.count()));
        if (!learned) return learned;
    }
    if (slots_asked_) {
        auto learned = transaction.learn(bmc, std::string(kSessionSlotsFact), fmt::format("{}", facts_.session_slots));
        if (!learned) return learned;
    }
    if (reset_settled_) {
        if (auto learned = transaction.learn(bmc, std::string(kResetFact), "settled"); !learned) return learned;
    }
    if (!suite_0_asked_) return {};
    return transaction.learn(bmc, std::string(kSuite0Fact), suite_0_is_open() ? "open" : "not-offered");
}

// What this operation has heard from the BMC is newer than what the vault has.
Result<void> BmcContact::read_facts(const vault::Store& store) {
    auto learned = LearnedFacts::read(store, bmc_);
    if (!learned) return std::unexpected(learned.error());
    auto exposed = store.exposed_accounts(bmc_.id);
    if (!exposed) return std::unexpected(exposed.error());
    exposed_accounts_ = std::move(*exposed);
    if (suite_0_asked_) learned->suite_0_open = facts_.suite_0_open;
    if (lock_out_asked_) learned->lock_out = facts_.lock_out;
    if (slots_asked_) learned->session_slots = facts_.session_slots;
    facts_ = *learned;
    if (!full_before_its_time_) slots_.bmc_has(facts_.session_slots);
    return {};
}

void BmcContact::offer_candidates() {
    passwords_.assign(known_.passwords().begin(), known_.passwords().end());
    k_gs_.assign(known_.k_gs().begin(), known_.k_gs().end());
    if (options_.elsewhere == nullptr) return;
    std::ranges::copy(options_.elsewhere->passwords(bmc_.compartment), std::back_inserter(passwords_));
    std::ranges::copy(options_.elsewhere->k_gs(bmc_.compartment), std::back_inserter(k_gs_));
}

Offered BmcContact::offered() const {
    const auto of_other_bmcs = options_.elsewhere == nullptr ? 0 : options_.elsewhere->of_other_bmcs(bmc_.compartment);
    return {passwords_.size() + k_gs_.size() - of_other_bmcs, of_other_bmcs};
}

asio::awaitable<Result<void>> BmcContact::connect(vault::BmcLock& lock) {
    slots_.attach(lock);
    auto peer = co_await ports_.resolve(bmc_);
    if (!peer) co_return std::unexpected(peer.error());
    if (ports_.network.is_attached(*peer)) {
        co_return fail(ErrorCode::kBusy, "another row of the inventory leads to the same address");
    }
    peer_ = *peer;
    client_ = std::make_unique<ipmi::BmcClient>(ports_.network, *peer, options_.client);
    co_return Result<void>{};
}

void BmcContact::before(std::string_view step) {
    on_step_(step);
    if (ports_.hook) ports_.hook(fmt::format("before-{}", step));
}

void BmcContact::after(std::string_view step) const {
    if (ports_.hook) ports_.hook(fmt::format("after-{}", step));
}

asio::awaitable<Seen> BmcContact::look() {
    co_return co_await sight(LoginRequest::Depth::kLogin, false);
}

asio::awaitable<Seen> BmcContact::look_and_keep() {
    co_await close();
    co_return co_await sight(LoginRequest::Depth::kLogin, true);
}

asio::awaitable<Seen> BmcContact::ask_only() {
    co_return co_await sight(LoginRequest::Depth::kAskOnly, false);
}

Seen BmcContact::seen_from(ipmi::LoginReport& report, LoginRequest::Depth depth) const {
    constexpr auto kElsewhere = CandidatesElsewhere::kFirstId;
    Seen seen;
    seen.answer = answer_of(report.outcome);
    if (report.password) {
        const auto id = report.password->id;
        if (id >= kElsewhere) seen.elsewhere = &options_.elsewhere->password_origin(id);
        if (id < kElsewhere) seen.password = VersionNumber{id};
        seen.form = form_of(report.password->form);
        seen.live = std::move(report.password->live);
    }
    seen.k_g_asked = depth == LoginRequest::Depth::kLogin && report.k_g.has_value();
    if (report.k_g && report.k_g->id) {
        const auto id = *report.k_g->id;
        if (id >= kElsewhere) seen.k_g_elsewhere = &options_.elsewhere->k_g_origin(id);
        if (id < kElsewhere) seen.k_g = VersionNumber{id};
        seen.live_k_g = std::move(report.k_g->live);
        seen.k_g_cut_at_zero_byte = report.k_g->cut_at_zero_byte;
    }
    // A make alone is no pin: another board of the same make takes the same defaults.
    const bool pinned = bmc_.pin.guid || bmc_.pin.mac;
    seen.strange_board = !pinned && !options_.first_contact && !shows_our_board(seen);
    if (seen.answer == Answer::kNoProof && options_.login_attempts > 0 && !may_attempt_logins()) {
        seen.why = "no-login-tried: no GUID is pinned that shows that this board is ours";
    }
    return seen;
}

// Anybody's board accepts a vendor's default, and a factory password says nothing where a person gave another one.
bool BmcContact::shows_our_board(const Seen& seen) const {
    if (seen.elsewhere != nullptr || seen.k_g_elsewhere != nullptr) return false;
    if (!seen.password) return true;
    const bool factory = known_.password(*seen.password)->provenance == vault::Provenance::kFactory;
    return !factory || known_.all_passwords_are(vault::Provenance::kFactory);
}

asio::awaitable<Seen> BmcContact::sight(LoginRequest::Depth depth, bool keep) {
    auto report = co_await login(own_request(depth));
    auto seen = seen_from(report, depth);
    if (!report.session) co_return seen;

    had_a_session_ = true;
    auto session = std::move(report.session);
    if (suite_strength(session->suite().id) == 0) {
        seen.weak_suite = session->suite().id;
        co_await close(*session);
        co_return seen;
    }
    if (seen.strange_board) {
        co_await close(*session);
        co_return seen;
    }
    const auto board = co_await compare_board(*session, report, seen);
    if (board != Board::kSame) {
        seen.answer = board == Board::kChanged ? Answer::kIdentityChanged : Answer::kNoAnswer;
        co_await close(*session);
        co_return seen;
    }
    remember_suite(session->suite());
    if (login_attempts_made_) co_await read_lock_out(*session);
    co_await read_rights(*session, seen);
    if (keep && !session->lost()) {
        kept_ = std::move(session);
        kept_used_ = ports_.network.now();
        if (seen.administrator) rights_before_ = slot_.access;
    } else {
        co_await close(*session);
    }
    co_return seen;
}

LoginRequest BmcContact::own_request(LoginRequest::Depth depth) const {
    LoginRequest request;
    request.user_name = bmc_.user_name;
    request.depth = depth;
    request.passwords = passwords_;
    request.k_gs = k_gs_;
    request.pinned_guid = bmc_.pin.guid;
    return request;
}

asio::awaitable<ipmi::LoginReport> BmcContact::login(LoginRequest request) {
    ipmi::LoginReport report;
    report.outcome = HandshakeOutcome::kCipherSuiteRefused;
    const auto suites = co_await suites_to_try();
    for (const auto& suite : suites) {
        request.suite = suite;
        report = co_await login_once(request);
        const bool own = request.user_name == bmc_.user_name && request.depth == LoginRequest::Depth::kLogin;
        if (report.outcome == HandshakeOutcome::kNoProof && own && may_attempt_logins()) {
            report = co_await attempt_logins(request, std::move(report));
        }
        if (report.outcome != HandshakeOutcome::kCipherSuiteRefused) break;
    }
    co_return report;
}

asio::awaitable<ipmi::LoginReport> BmcContact::login_once(LoginRequest request) {
    co_await wait_for_free_slot();
    slots_.handshake_begins();
    auto report = co_await client_->login(request);
    slots_.handshake_ended(report.left_half_open, report.session != nullptr);
    if (report.outcome == HandshakeOutcome::kNoSessionSlot) {  // others hold them, or it has fewer than it says
        full_before_its_time_ = true;
        slots_.found_full();
    }
    co_return report;
}

// Whoever answers without a proof gets HMACs to guess our passwords by. So: only the board whose GUID is pinned, which
// is compared before RAKP 3 (I10), or one that a person vouches for.
bool BmcContact::may_attempt_logins() const {
    return options_.login_attempts > 0 && (bmc_.pin.guid || options_.first_contact);
}

// A person allowed it: real logins where RAKP 2 proves nothing, newest first, with this BMC's own versions only, whole
// or cut to 16 bytes. One failure fewer than what locks the account, those of earlier runs included, and after each one
// its count is given the time to be forgotten. An attempt counts from before it is sent until the BMC has let us in:
// silence may be a failure.
asio::awaitable<ipmi::LoginReport> BmcContact::attempt_logins(LoginRequest request, ipmi::LoginReport no_proof) {
    const auto& lock_out = facts_.lock_out;
    const int harmless = lock_out.bad_passwords == 0 ? options_.login_attempts : lock_out.bad_passwords - 1;
    const auto candidates = known_.passwords();
    std::vector<bool> longer_than_16;
    for (const auto& candidate : candidates) longer_than_16.push_back(is_longer_than_16(*candidate.k_uid));
    const bool just_sent = written_ && known_.password_in(vault::VersionState::kPending) != nullptr;
    for (const auto& attempt : login_attempts(longer_than_16, {just_sent, facts_.keeps_only_16})) {
        if (login_attempts_ >= options_.login_attempts) break;
        if (login_attempts_ > 0 && lock_out.reset_interval.count() > 0 && lock_out.reset_interval <= kLongestForget) {
            on_step_("wait-for-lock-out");
            co_await wait(lock_out.reset_interval + kMargin);
        }
        if (failures_remembered() >= harmless) break;
        const auto& whole = candidates[attempt.candidate];
        const bool cut = attempt.form == Form::kFirst16;
        const auto tried = cut ? first_16(*whole.k_uid) : whole.k_uid->clone();
        const auto announced = attempted_body(VersionNumber{whole.id}, cut);
        const bool counted = co_await count_failure(failures_remembered() + 1, announced);
        if (!counted) break;
        ++login_attempts_;
        const ipmi::PasswordCandidate candidate{whole.id, &tried};
        request.attempt = &candidate;
        auto report = co_await login_once(request);
        if (cut && report.password) report.password->form = ipmi::Form::kFirst16;
        login_attempts_made_ = true;
        if (report.outcome == HandshakeOutcome::kMatched) {
            --login_attempts_;
            (void)co_await count_failure(0, {});
        }
        const bool rejected = report.status == kInvalidIntegrityCheckValue;
        if (!rejected) co_return report;
    }
    co_return no_proof;
}

// How many failed logins the BMC may still hold against the account.
int BmcContact::failures_remembered() const {
    const auto& lock_out = facts_.lock_out;
    const auto age_s = ports_.clock.now().value - facts_.failed_logins_at.value;
    const bool forgotten = lock_out.reset_interval.count() > 0 && age_s > lock_out.reset_interval.count();
    return forgotten ? 0 : facts_.failed_logins;
}

// Which one is tried, how many there were before; the text is nobody's business.
std::string BmcContact::attempted_body(VersionNumber version, bool cut) const {
    return audit_body(options_.purpose, {{"account", bmc_.user_name},
                                         {"attempt", login_attempts_ + 1},
                                         {"allowed", options_.login_attempts},
                                         {"failures_remembered", failures_remembered()},
                                         {"form", cut ? "first 16 bytes" : "whole"},
                                         {"version", version.value},
                                         {"vouched", bmc_.pin.guid ? "by the pinned GUID" : "by --first-contact"}});
}

asio::awaitable<bool> BmcContact::count_failure(int failures, std::string_view attempted) {
    facts_.failed_logins = failures;
    facts_.failed_logins_at = ports_.clock.now();
    const auto value = fmt::format("{} {}", failures, facts_.failed_logins_at.value);
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        auto learned = transaction.learn(facts_key(bmc_), std::string(kFailedLoginsFact), value);
        if (!learned || attempted.empty()) return learned;
        return transaction.audit("login.attempted", bmc_.id, std::string(attempted));
    };
    const auto stored = co_await ports_.vault.write(work);
    co_return stored.has_value();
}

asio::awaitable<ipmi::LoginReport> BmcContact::login_as(std::string user_name,
                                                        std::span<const ipmi::PasswordCandidate> candidates,
                                                        ipmi::PrivilegeLevel privilege) {
    auto request = own_request(LoginRequest::Depth::kLogin);
    request.user_name = std::move(user_name);
    request.privilege = privilege;
    request.passwords = candidates;
    co_return co_await login(std::move(request));
}

asio::awaitable<AccountAnswer> BmcContact::ask_as(std::string user_name,
                                                  std::span<const ipmi::PasswordCandidate> candidates,
                                                  ipmi::PrivilegeLevel privilege) {
    auto report = co_await login_as(std::move(user_name), candidates, privilege);
    auto seen = account_answer(report);
    if (!report.session) co_return seen;
    seen.administrator = is_administrator(privilege);
    co_await close(*report.session);
    co_return seen;
}

asio::awaitable<AccountAnswer> BmcContact::keep_as(std::string user_name,
                                                   std::span<const ipmi::PasswordCandidate> candidates) {
    BMCVAULT_CHECK(bmc_.pin.manufacturer.has_value());
    co_await close();
    auto report = co_await login_as(std::move(user_name), candidates, ipmi::PrivilegeLevel::kAdministrator);
    auto answer = account_answer(report);
    if (!report.session) co_return answer;
    Seen seen;
    const auto board = co_await compare_board(*report.session, report, seen);
    if (board != Board::kSame || suite_strength(report.session->suite().id) == 0) {
        answer.answer = board == Board::kChanged ? Answer::kIdentityChanged : Answer::kNoAnswer;
        co_await close(*report.session);
        co_return answer;
    }
    answer.administrator = true;
    kept_ = std::move(report.session);
    kept_used_ = ports_.network.now();
    co_return answer;
}

asio::awaitable<std::optional<bool>> BmcContact::try_suite_0() {
    auto request = own_request(LoginRequest::Depth::kAskOnly);
    request.suite = suite_of(0);
    const auto report = co_await login_once(std::move(request));
    // Another GUID comes in RAKP 2, when the suite has been taken; a full table or a strange answer says nothing.
    const bool open =
        report.outcome == HandshakeOutcome::kNoProof || report.outcome == HandshakeOutcome::kIdentityChanged;
    if (!open && report.outcome != HandshakeOutcome::kCipherSuiteRefused) co_return std::nullopt;
    suite_0_asked_ = true;
    facts_.suite_0_open = open;
    co_return open;
}

// A suite that was proved here is used again, never a weaker one (I11). Otherwise what the BMC offers, strongest first;
// a BMC that does not say is asked with all of them.
asio::awaitable<std::vector<ipmi::CipherSuite>> BmcContact::suites_to_try() {
    std::vector<std::uint8_t> ids;
    if (bmc_.cipher_suite && suite_strength(*bmc_.cipher_suite) > 0 && !bmc_.weaker_suite_allowed) {
        ids.push_back(*bmc_.cipher_suite);
    } else {
        const auto offered = co_await client_->cipher_suites();
        const auto is_offered = [&](std::uint8_t id) { return std::ranges::find(offered, id) != offered.end(); };
        if (!offered.empty()) {
            suite_0_asked_ = true;
            facts_.suite_0_open = is_offered(0);
        }
        for (const auto id : kWorkSuites) {
            if (offered.empty() || is_offered(id)) ids.push_back(id);
        }
        for (const auto id : kIdentificationSuites) {
            if (identify_ && is_offered(id)) ids.push_back(id);
        }
    }
    std::vector<ipmi::CipherSuite> suites;
    suites.reserve(ids.size());
    for (const auto id : ids) suites.push_back(suite_of(id));
    co_return suites;
}

// A handshake without a match, and a session under a K_G that we don't know, stay in the BMC until its time-out.
asio::awaitable<void> BmcContact::wait_for_free_slot() {
    const auto time = slots_.before_handshake();
    if (time.count() == 0) co_return;
    on_step_("wait-for-slot");
    co_await wait(time);
}

// I10, beyond the GUID that was compared before RAKP 3: manufacturer, product and MAC address, once in an operation.
// Where there is no GUID to go by, at every login, and nothing is sent to a board that does not say.
asio::awaitable<BmcContact::Board> BmcContact::compare_board(ipmi::Session& session, const ipmi::LoginReport& report,
                                                             Seen& seen) {
    if (board_checked_ && bmc_.pin.guid) co_return Board::kSame;
    const auto reply = co_await session.send(ipmi::get_device_id());
    const auto device = reply ? ipmi::parse_device_id(*reply) : std::unexpected(reply.error());
    if (!device) {
        seen.why = "Get Device ID: " + device.error().detail;
        co_return bmc_.pin.guid ? Board::kSame : Board::kUnreadable;
    }
    const bool changed = (bmc_.pin.manufacturer && *bmc_.pin.manufacturer != device->manufacturer) ||
                         (bmc_.pin.product && *bmc_.pin.product != device->product);
    if (changed) {
        seen.why = fmt::format("manufacturer {} product {} instead of {} and {}", device->manufacturer, device->product,
                               bmc_.pin.manufacturer.value_or(0), bmc_.pin.product.value_or(0));
        co_return Board::kChanged;
    }
    const auto firmware = fmt::format("{}.{:02x}", device->firmware_major, device->firmware_minor_bcd);
    record_changed_ = record_changed_ || firmware != bmc_.firmware || !bmc_.pin.manufacturer;
    bmc_.firmware = firmware;
    const bool first_contact = !bmc_.pin.manufacturer;
    bmc_.pin.manufacturer = device->manufacturer;
    bmc_.pin.product = device->product;
    if (first_contact) {
        if (report.guid && !all_zero(*report.guid)) bmc_.pin.guid = report.guid;
        bmc_.pin.mac = co_await mac_address(session);
        co_await read_lock_out(session);
    } else if (bmc_.pin.mac) {
        const auto mac = co_await mac_address(session);
        if (mac && mac != bmc_.pin.mac) seen.why = "another MAC address than the pinned one";
        if (mac && mac != bmc_.pin.mac) co_return Board::kChanged;
        if (!mac && !bmc_.pin.guid) co_return Board::kUnreadable;
    }
    board_checked_ = true;
    if (first_contact && !options_.dry_run) co_return co_await pin_board(seen);
    co_return Board::kSame;
}

// Whom a person has vouched for, and what opened it: versions and labels, never the text.
std::string BmcContact::vouched_body(const Seen& seen) const {
    std::string opened_by;
    if (seen.password) opened_by = fmt::format("version {}", seen.password->value);
    if (seen.elsewhere != nullptr) opened_by = seen.elsewhere->label;
    return audit_body(options_.purpose, {{"guid", bmc_.pin.guid ? to_hex(*bmc_.pin.guid) : std::string()},
                                         {"manufacturer", bmc_.pin.manufacturer.value_or(0)},
                                         {"product", bmc_.pin.product.value_or(0)},
                                         {"opened_by", opened_by}});
}

// Durable before anything is sent: two rows that lead to one board, at the same moment, must not both get it.
asio::awaitable<BmcContact::Board> BmcContact::pin_board(Seen& seen) {
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (auto pinned = transaction.pin_board(bmc_); !pinned || !options_.first_contact) return pinned;
        return transaction.audit("first-contact.vouched", bmc_.id, vouched_body(seen));
    };
    const auto pinned = co_await ports_.vault.write(work);
    if (pinned) co_return Board::kSame;
    bmc_.pin = {};
    board_checked_ = false;
    if (pinned.error().code == ErrorCode::kCommitUnknown) {
        doubt_record();
        seen.why = "the vault could not be written";
        co_return Board::kUnreadable;
    }
    // A vault that can't be written stops what stages first by itself; the next login tries this again.
    if (pinned.error().code != ErrorCode::kConflict) co_return Board::kSame;
    seen.why = pinned.error().detail + ": one of the two rows is wrong";
    co_return Board::kChanged;
}

asio::awaitable<std::optional<BmcContact::MacAddress>> BmcContact::mac_address(ipmi::Session& session) {
    const auto request = ipmi::get_lan_configuration_parameter(Channel{bmc_.channel}, kLanParameterMacAddress);
    const auto reply = co_await session.send(request);
    if (!reply) co_return std::nullopt;
    const auto bytes = ipmi::parse_lan_configuration_parameter(*reply);
    MacAddress mac{};
    if (!bytes || bytes->size() < mac.size()) co_return std::nullopt;
    std::copy_n(bytes->begin(), mac.size(), mac.begin());
    if (mac == MacAddress{}) co_return std::nullopt;
    co_return mac;
}

asio::awaitable<void> BmcContact::read_lock_out(ipmi::Session& session) {
    const auto request =
        ipmi::get_lan_configuration_parameter(Channel{bmc_.channel}, kLanParameterBadPasswordThreshold);
    const auto reply = co_await session.send(request);
    const auto bytes = reply ? ipmi::parse_lan_configuration_parameter(*reply) : std::unexpected(reply.error());
    constexpr std::size_t kSize = 6;  // flags, threshold, two intervals in tens of seconds
    if (!bytes || bytes->size() < kSize) co_return;
    facts_.lock_out.bad_passwords = (*bytes)[1];
    facts_.lock_out.reset_interval = std::chrono::seconds(10 * ((*bytes)[2] | ((*bytes)[3] << 8)));
    lock_out_asked_ = true;
}

void BmcContact::remember_suite(const ipmi::CipherSuite& suite) {
    if (bmc_.cipher_suite && suite_strength(*bmc_.cipher_suite) >= suite_strength(suite.id)) return;
    bmc_.cipher_suite = suite.id;
    record_changed_ = true;
}

asio::awaitable<void> BmcContact::read_rights(ipmi::Session& session, Seen& seen) {
    seen.administrator = seen.answer == Answer::kMatched;  // Set Session Privilege Level granted it
    if (!slot_.user) {
        const auto reply = co_await session.send(ipmi::get_own_session_info());
        const auto info =
            reply ? ipmi::parse_session_info(*reply) : Result<ipmi::SessionInfo>(std::unexpected(reply.error()));
        if (info && info->user_id.value >= 1) {
            slot_.user = info->user_id;
            if (info->channel != 0) slot_.channel = info->channel;
        }
        if (info && info->possible_sessions > 0) {
            facts_.session_slots = info->possible_sessions;
            slots_asked_ = true;
            if (!full_before_its_time_) slots_.bmc_has(facts_.session_slots);
        }
    }
    if (!slot_.user) co_return;
    slot_.access = co_await access_of(session, *slot_.user);
    if (slot_.access) {
        seen.administrator = seen.administrator && is_administrator(slot_.access->privilege_limit);
    }
}

asio::awaitable<std::optional<ipmi::UserAccess>> BmcContact::access_of(ipmi::Session& session, UserId user) const {
    const auto reply = co_await session.send(ipmi::get_user_access(channel(), user));
    if (!reply) co_return std::nullopt;
    const auto access = ipmi::parse_user_access(*reply);
    co_return access ? std::optional(*access) : std::nullopt;
}

bool BmcContact::has_kept_session() const {
    return kept_ && !kept_->lost();
}

asio::awaitable<Result<ipmi::Response>> BmcContact::command(const ipmi::Request& request) {
    BMCVAULT_CHECK(kept_ != nullptr);
    kept_used_ = ports_.network.now();
    slots_.session_used();
    co_return co_await kept_->send(request);
}

asio::awaitable<void> BmcContact::close() {
    if (!kept_) co_return;
    const auto session = std::move(kept_);
    co_await close(*session);
}

asio::awaitable<void> BmcContact::close(ipmi::Session& session) {
    co_await session.close();
    slots_.session_closed(!session.lost());
}

asio::awaitable<void> BmcContact::wait(milliseconds time) {
    const auto alarm = ports_.network.make_alarm();
    const auto end = ports_.network.now() + time;
    while (ports_.network.now() < end) {
        const auto next = has_kept_session() ? std::min(end, kept_used_ + kKeepAlive) : end;
        (void)co_await alarm->wait_until(next);
        if (!has_kept_session() || ports_.network.now() < kept_used_ + kKeepAlive) continue;
        kept_used_ = ports_.network.now();
        (void)co_await kept_->send(ipmi::get_device_id());
        slots_.session_used();
    }
}

asio::awaitable<void> BmcContact::pace_credential_write() {
    const auto time = slots_.before_credential_write();
    if (time.count() > 0) co_await wait(time);
    slots_.credential_written();
    written_ = true;
}

asio::awaitable<SlotFact> BmcContact::check_slot() {
    if (!slot_.user) {
        const auto fact = co_await find_slot_by_name();
        if (fact != SlotFact::kOurs) co_return fact;
    }
    if (bmc_.user_id && *bmc_.user_id != slot_.user->value) {
        const bool moved = co_await has_moved(UserId{*bmc_.user_id}, *slot_.user);
        if (!moved) co_return SlotFact::kAmbiguous;
        bmc_.user_id.reset();
    }
    if (!bmc_.user_id) {
        bmc_.user_id = slot_.user->value;
        record_changed_ = true;
    }
    co_return SlotFact::kOurs;
}

// Somebody made our account again in another slot: the old one does not bear its name any more, the new one does.
asio::awaitable<bool> BmcContact::has_moved(UserId from, UserId to) {
    if (!has_kept_session()) co_return false;
    for (const auto slot : {from, to}) {
        const auto reply = co_await kept_->send(ipmi::get_user_name(slot));
        if (!reply || ipmi::says_nothing(reply->completion_code)) co_return false;
        const auto name = ipmi::parse_user_name(*reply);
        const bool bears_it = name && *name == bmc_.user_name;
        if (bears_it != (slot == to)) co_return false;
    }
    co_return true;
}

// Where Get Session Info is missing: duplicate names exist, and a guessed slot would overwrite a stranger.
asio::awaitable<SlotFact> BmcContact::find_slot_by_name() {
    if (!has_kept_session()) co_return SlotFact::kUnknown;
    std::optional<UserId> ours;
    std::uint8_t last = 1;
    for (std::uint8_t id = 1; id <= last; ++id) {
        const auto access = co_await access_of(*kept_, UserId{id});
        if (access)
            last = std::min(access->max_user_ids, ipmi::kMaxUserId);
        else if (id == 1)
            last = 16;  // slot 1 is hidden on some BMCs
        const auto reply = co_await kept_->send(ipmi::get_user_name(UserId{id}));
        if (!reply || ipmi::says_nothing(reply->completion_code)) co_return SlotFact::kUnknown;
        const auto name = ipmi::parse_user_name(*reply);
        if (!name || *name != bmc_.user_name) continue;
        if (access && access->enabled == ipmi::UserAccess::Enabled::kDisabled) continue;
        if (ours) co_return SlotFact::kAmbiguous;
        ours = UserId{id};
        slot_.access = access;
    }
    slot_.user = ours;
    rights_before_ = slot_.access;
    co_return ours ? SlotFact::kOurs : SlotFact::kUnknown;
}

asio::awaitable<bool> BmcContact::restore_rights() {
    if (!has_kept_session() || !rights_before_ || !slot_.user) co_return false;
    co_await pace_credential_write();
    const auto reply = co_await kept_->send(ipmi::set_user_access(channel(), *slot_.user, *rights_before_));
    co_return reply && reply->ok();
}

asio::awaitable<void> BmcContact::become(std::string user_name, UserId slot) {
    co_await close();
    bmc_.user_name = std::move(user_name);
    bmc_.user_id = slot.value;
    slot_.user.reset();
    slot_.access.reset();
    rights_before_.reset();
}

OwnAccount BmcContact::own_account() const {
    OwnAccount own{user_id(), bmc_.user_name};
    for (const auto& account : facts_.role_accounts) own.beside.emplace(account.slot, account.name);
    return own;
}

bool BmcContact::is_exposed(UserId account) const {
    return std::ranges::find(exposed_accounts_, account.value) != exposed_accounts_.end();
}

std::set<UserId> BmcContact::exposed_closed_accounts() const {
    std::set<UserId> slots;
    for (const auto index : exposed_accounts_) {
        if (index != vault::Subject::kOwnAccount) slots.insert(UserId{index});
    }
    for (const auto& account : facts_.role_accounts) slots.erase(account.slot);
    return slots;
}

UserId BmcContact::user_id() const {
    BMCVAULT_CHECK(slot_.user.has_value());
    return *slot_.user;
}

Channel BmcContact::channel() const {
    return Channel{slot_.channel.value_or(bmc_.channel)};
}

// A clock that was wrong when that was learned stops nobody for longer than an interval can be.
std::optional<UnixTime> BmcContact::no_change_before() const {
    const auto now = ports_.clock.now().value;
    const auto longest_s = std::chrono::seconds(kLongestInterval + std::chrono::hours(1)).count();
    const auto until = facts_.not_before;
    return until.value > now && until.value <= now + longest_s ? std::optional(until) : std::nullopt;
}

asio::awaitable<std::string> BmcContact::remember_too_early(std::optional<UnixTime> last_change) {
    const auto now = ports_.clock.now();
    std::optional<std::chrono::hours> interval;
    // Between what the vault calls sent and the BMC's own clock there may be waits and a second try.
    if (last_change) interval = interval_shown_by(std::chrono::seconds(now.value - last_change->value) - kSlack);
    if (last_change && !interval) co_return std::string(kTooEarly);
    if (interval) interval = std::max(*interval, facts_.minimum_interval);
    const auto from = last_change.value_or(now);
    const auto wait = std::chrono::seconds(interval.value_or(std::chrono::hours(1))) + kSlack;
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return learn_too_early(transaction, bmc_, {from.value + wait.count()}, interval);
    };
    const auto stored = co_await store(work);
    auto detail = too_early_detail();
    if (stored != Durable::kCommitted) detail += "; vault-not-written";
    co_return detail;
}

std::string BmcContact::too_early_detail() const {
    const auto until = no_change_before();
    return until ? fmt::format("{}: blocked until {}", kTooEarly, utc_text(*until)) : std::string(kTooEarly);
}

Result<void> BmcContact::note_change_taken(vault::Transaction& transaction) const {
    const auto* before = known_.password_in(vault::VersionState::kCurrent);
    if (before == nullptr || !before->sent_at) return {};
    const std::chrono::seconds since(ports_.clock.now().value - before->sent_at->value);
    return learn_change_taken(transaction, bmc_, facts_.minimum_interval, since);
}

const ipmi::WireCounters& BmcContact::counters() const {
    return client_ ? client_->counters() : counters_;
}

std::optional<bool> BmcContact::k_g_supported() const {
    if (bmc_.k_g_supported || facts_.kind_uses_k_g != false) return bmc_.k_g_supported;
    return false;
}

bool BmcContact::k_g_is_an_experiment() const {
    return !bmc_.k_g_supported && !facts_.kind_uses_k_g;
}

asio::awaitable<Durable> BmcContact::store(const vault::Store::Work& work) {
    const auto result = co_await ports_.vault.write(work);
    if (!result) {
        co_return result.error().code == ErrorCode::kCommitUnknown ? Durable::kUnknown : Durable::kRefused;
    }
    const auto loaded = co_await load();
    co_return loaded ? Durable::kCommitted : Durable::kUnknown;
}

asio::awaitable<bool> BmcContact::reload() {
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return transaction.audit("commit.unknown", bmc_.id, "{}");
    };
    const auto result = co_await ports_.vault.write(work);
    if (!result) co_return false;
    const auto loaded = co_await load();
    co_return loaded.has_value();
}

asio::awaitable<Durable> BmcContact::stage(vault::Subject subject, const Key20& secret, vault::StoredSize size,
                                           vault::Provenance provenance, const std::string& note,
                                           VersionNumber& staged) {
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        const auto version = transaction.stage(bmc_.id, subject, secret, size, provenance, note);
        if (!version) return std::unexpected(version.error());
        staged = *version;
        if (options_.campaign && subject == bmc_.k_g_subject()) {
            auto learned = transaction.learn(facts_key(bmc_), std::string(kMadeKgFact),
                                             fmt::format("{} {}", *options_.campaign, staged.value));
            if (!learned) return learned;
        }
        if (subject == bmc_.own_password()) {
            if (auto noted = note_made(transaction, staged); !noted) return noted;
        }
        return transaction.mark_sent(bmc_.id, subject, staged);
    };
    co_return co_await store(work);
}

Result<void> BmcContact::note_made(vault::Transaction& transaction, VersionNumber version) const {
    if (!options_.campaign) return {};
    return transaction.learn(facts_key(bmc_), std::string(kMadePasswordFact),
                             fmt::format("{} {}", *options_.campaign, version.value));
}

bool BmcContact::is_of_this_campaign(const vault::CredentialVersion* current, const std::optional<MadeBy>& made) const {
    return options_.campaign && current != nullptr && made == MadeBy{*options_.campaign, current->version};
}

bool BmcContact::password_is_of_this_campaign() const {
    const auto* current = known_.password_in(vault::VersionState::kCurrent);
    return !is_exposed(UserId{vault::Subject::kOwnAccount}) && is_of_this_campaign(current, facts_.made_password);
}

bool BmcContact::k_g_is_of_this_campaign() const {
    return is_of_this_campaign(known_.k_g_in(vault::VersionState::kCurrent), facts_.made_k_g);
}

asio::awaitable<Durable> BmcContact::commit(vault::Subject subject, VersionNumber version) {
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return transaction.commit_pending(bmc_.id, subject, version);
    };
    co_return co_await store(work);
}

asio::awaitable<Durable> BmcContact::abandon(vault::Subject subject, VersionNumber version, std::string_view why) {
    const vault::Store::Work work = [&](vault::Transaction& transaction) {
        return transaction.abandon_pending(bmc_.id, subject, version, std::string(why));
    };
    co_return co_await store(work);
}

asio::awaitable<Durable> BmcContact::quarantine(Answer why) {
    constexpr std::int64_t kShortest_s = 60;
    constexpr std::int64_t kLongest_s = 3600;
    const auto now = ports_.clock.now();
    const auto since = bmc_.quarantine ? bmc_.quarantine->since : now;
    const auto pause_s = std::clamp(now.value - since.value, kShortest_s, kLongest_s);
    bmc_.quarantine = vault::Quarantine{since, UnixTime{now.value + pause_s}, std::string(word(why))};
    record_changed_ = true;
    const auto now_offered = offered();
    const auto asked_with = fmt::format("{} {}", now_offered.own_and_listed, now_offered.of_other_bmcs);
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (auto updated = transaction.update_bmc(bmc_); !updated) return updated;
        return transaction.learn(facts_key(bmc_), std::string(kOfferedFact), asked_with);
    };
    co_return co_await store(work);
}

void BmcContact::clear_quarantine() {
    record_changed_ = record_changed_ || bmc_.quarantine.has_value();
    bmc_.quarantine.reset();
}

asio::awaitable<Durable> BmcContact::learn_k_g_support(bool supported, bool of_this_bmc_only) {
    record_changed_ = true;
    bmc_.k_g_supported = supported;
    const auto card = of_this_bmc_only ? std::string() : card_key();
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        if (auto done = transaction.update_bmc(bmc_); !done) return done;
        if (card.empty()) return {};
        return transaction.learn(card, std::string(kKgFact), std::string(supported ? kUsable : kNotUsable));
    };
    co_return co_await store(work);
}

asio::awaitable<Durable> BmcContact::record_k_g(const Seen& seen, VersionNumber& recorded) {
    const vault::Store::Work work = [&](vault::Transaction& transaction) -> Result<void> {
        const auto version = transaction.observed_live(bmc_.id, bmc_.k_g_subject(), *seen.live_k_g,
                                                       vault::StoredSize::k20, "from " + seen.k_g_elsewhere->label);
        if (!version) return std::unexpected(version.error());
        recorded = *version;
        return {};
    };
    co_return co_await store(work);
}

asio::awaitable<bool> BmcContact::answers_without_rmcp_plus() {
    if (!client_) co_return false;
    co_await close();
    if (had_a_session_) co_return false;
    counters_ = client_->counters();
    client_.reset();
    auto quick = options_.client;
    quick.attempts = 2;
    ipmi::BmcClient client(ports_.network, peer_, quick);
    const auto capabilities = co_await client.capabilities();
    counters_.round_trips += client.counters().round_trips;
    co_return capabilities || capabilities.error().code != ErrorCode::kNoAnswer;
}

asio::awaitable<BmcContact::BoardShown> BmcContact::which_board() {
    const auto& pinned = bmc_.pin.guid;
    if (!pinned) co_return BoardShown::kNotShown;
    const auto shown = co_await client_->system_guid();
    if (!shown || all_zero(*shown)) co_return BoardShown::kNotShown;
    co_return *shown == *pinned ? BoardShown::kOurs : BoardShown::kAnother;
}

asio::awaitable<bool> BmcContact::answers() {
    const auto capabilities = co_await client_->capabilities();
    if (capabilities || capabilities.error().code != ErrorCode::kNoAnswer) co_return true;
    const auto suites = co_await client_->cipher_suites();  // all that a login asks before it opens a session
    co_return !suites.empty();
}

}  // namespace bmcvault::rotate
