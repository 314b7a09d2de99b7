#include "tests/engine/sim_world.hpp"

#include <fmt/format.h>
#include <sodium.h>
#include <stdlib.h>

#include <asio/async_result.hpp>
#include <asio/bind_executor.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <fstream>
#include <optional>

#include "rotate/engine/account_operations.hpp"
#include "rotate/engine/client_hooks.hpp"
#include "rotate/engine/known_credentials.hpp"
#include "rotate/engine/wipe_operation.hpp"
#include "vault/store/vault_files.hpp"

namespace bmcvault::rotate::sim {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kActor = "simulation";

// Rung or too late, whichever comes first in virtual time.
class SimAlarm final : public ipmi::Alarm, public std::enable_shared_from_this<SimAlarm> {
public:
    explicit SimAlarm(SimNetwork& network) : network_(network), waiter_(std::make_shared<Waiter>()) {}

    asio::awaitable<bool> wait_until(ipmi::TimePoint deadline) override {
        if (std::exchange(rung_, false)) co_return true;
        waiter_ = std::make_shared<Waiter>();
        co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(
            [this, deadline](auto handler) {
                auto shared = std::make_shared<decltype(handler)>(std::move(handler));
                waiter_->resume = [shared, &io = network_.io()](bool rung) {
                    asio::post(io, [shared, rung] {
                        auto resume = std::move(*shared);
                        std::move(resume)(rung);
                    });
                };
                network_.at(deadline, [waiter = std::weak_ptr(waiter_)] {
                    if (const auto alive = waiter.lock()) alive->fire(false);
                });
            },
            asio::use_awaitable);
    }

    void ring() override {
        if (waiter_->resume)
            waiter_->fire(true);
        else
            rung_ = true;
    }

private:
    struct Waiter {
        std::function<void(bool)> resume;
        void fire(bool rung) {
            if (auto once = std::exchange(resume, nullptr)) once(rung);
        }
    };

    SimNetwork& network_;
    std::shared_ptr<Waiter> waiter_;
    bool rung_ = false;
};

// In memory where the system has such a place: what fsync does is proved elsewhere (tests/vault).
std::string temporary_directory(const char* pattern) {
    const fs::path in_memory = "/dev/shm";
    const auto parent = fs::is_directory(in_memory) ? in_memory : fs::temp_directory_path();
    std::string path = (parent / pattern).string();
    BMCVAULT_CHECK(::mkdtemp(path.data()) != nullptr);
    return path;
}

Passphrase test_passphrase() {
    return *Passphrase::from(as_bytes("simulation"));
}

// One empty vault per process: Argon2id is slow on purpose.
const fs::path& template_vault() {
    static const fs::path path = [] {
        const auto directory = fs::path(temporary_directory("bmcvault-sim-XXXXXX")) / "vault";
        vault::CreateOptions options;
        options.kdf = {64ull << 20, 1};
        options.now = UnixTime{1'790'000'000};
        const auto created = vault::Store::create(directory, test_passphrase(), options);
        BMCVAULT_CHECK(created.has_value());
        return directory;
    }();
    return path;
}

Key20 padded(ByteView bytes) {
    Key20 key;
    key.expose_mutable([&](auto target) { std::ranges::copy(bytes, target.begin()); });
    return key;
}

// The account of the inventory.
const virtual_bmc::User& our_user(const virtual_bmc::Config& config) {
    return config.users.at(config.administrator_id);
}

Goal goal_of(SimFleet::Command command) {
    if (command == SimFleet::Command::kRecover) return Goal::kRecover;
    if (command == SimFleet::Command::kFind) return Goal::kFind;
    return command == SimFleet::Command::kPutBack ? Goal::kPutBack : Goal::kRotate;
}

class Collector final : public Observer {
public:
    explicit Collector(SimFleet::Life& life) : life_(life) {}
    void accounts(const vault::Bmc& bmc, const AccountTable& table, std::span<const Finding> findings) override {
        life_.tables[bmc.name] = table;
        life_.findings[bmc.name].assign(findings.begin(), findings.end());
    }
    void finished(const BmcReport& report) override { life_.reports.push_back(report); }

private:
    SimFleet::Life& life_;
};

asio::awaitable<BmcReport> visit(SimFleet::Command command, OperationContext& context, const vault::Bmc& bmc) {
    switch (command) {
        case SimFleet::Command::kCheck:
            return check_bmc(context, bmc);
        case SimFleet::Command::kAccounts:
            return list_accounts(context, bmc);
        case SimFleet::Command::kSecure:
            return secure_accounts(context, bmc);
        case SimFleet::Command::kAdopt:
            return adopt_account(context, bmc);
        case SimFleet::Command::kDeprovision:
            return deprovision_bmc(context, bmc);
        case SimFleet::Command::kTell:
            return tell_owed(context, bmc);
        default:
            return rotate_bmc(context, bmc, goal_of(command));
    }
}

}  // namespace

// ---- network ----

SimNetwork::SimNetwork(asio::io_context& io, ipmi::TimePoint start, SimOptions options)
    : io_(io), now_(start), link_(options.faults, options.seed) {}

std::unique_ptr<ipmi::Alarm> SimNetwork::make_alarm() {
    return std::make_unique<SimAlarm>(*this);
}

void SimNetwork::at(ipmi::TimePoint when, std::function<void()> event) {
    events_.push({std::max(when, now_), order_++, std::move(event)});
}

bool SimNetwork::advance() {
    if (events_.empty()) return false;
    auto event = events_.top();
    events_.pop();
    now_ = event.when;
    event.run();
    return true;
}

void SimNetwork::add_bmc(const ipmi::Peer& peer, virtual_bmc::VirtualBmc* bmc) {
    bmcs_[peer] = bmc;
}
void SimNetwork::attach(const ipmi::Peer& peer, Receiver receiver) {
    receivers_[peer] = std::move(receiver);
}
void SimNetwork::detach(const ipmi::Peer& peer) {
    receivers_.erase(peer);
}

void SimNetwork::send(const ipmi::Peer& peer, ByteView datagram) {
    if (dead_) return;
    constexpr std::size_t kPayloadTypeAt = 5;  // IPMI 2.0 §13.6
    const auto type = static_cast<ipmi::PayloadType>(datagram[kPayloadTypeAt]);
    const bool judged = type == ipmi::PayloadType::kRakp1 || type == ipmi::PayloadType::kRakp3;
    for (auto& delivery : link_.carry(Bytes(datagram.begin(), datagram.end()))) {
        if (judged && !std::ranges::equal(delivery.datagram, datagram)) ++damaged_logins_;
        at(now_ + delivery.delay, [this, peer, bytes = std::move(delivery.datagram)] { deliver_to_bmc(peer, bytes); });
    }
}

void SimNetwork::deliver_to_bmc(const ipmi::Peer& peer, const Bytes& datagram) {
    const auto bmc = bmcs_.find(peer);
    if (bmc == bmcs_.end()) return;
    for (auto& reply : bmc->second->handle(datagram, "console", now_)) {
        for (auto& delivery : link_.carry(std::move(reply.datagram))) {
            at(now_ + reply.delay + delivery.delay,
               [this, peer, bytes = std::move(delivery.datagram)] { deliver_to_us(peer, bytes); });
        }
    }
}

void SimNetwork::deliver_to_us(const ipmi::Peer& peer, const Bytes& datagram) {
    if (dead_) return;
    const auto receiver = receivers_.find(peer);
    if (receiver != receivers_.end()) receiver->second(datagram);
}

// ---- vault ----

asio::awaitable<Result<void>> SimVault::write(const vault::Store::Work& work) {
    if (dead_) co_return fail(ErrorCode::kIo, "the process is dead");
    const bool faulty = fault_in_ > 0 && --fault_in_ == 0;
    if (faulty && fault_ == Fault::kRefused) co_return fail(ErrorCode::kNoSpace, "disk full (simulated)");
    if (faulty && fault_ == Fault::kUnknownNotStored) co_return fail(ErrorCode::kCommitUnknown, "simulated");
    auto result = store_->transact(kActor, clock_.now(), work);
    if (faulty && fault_ == Fault::kUnknownStored) co_return fail(ErrorCode::kCommitUnknown, "simulated");
    co_return result;
}

asio::awaitable<Result<void>> SimVault::read(const Read& work) {
    if (dead_) co_return fail(ErrorCode::kIo, "the process is dead");
    co_return work(*store_);
}

// ---- fleet ----

SimFleet::SimFleet(std::vector<virtual_bmc::Config> configs, SimOptions options)
    : options_(options), directory_(fs::path(temporary_directory("bmcvault-sim-XXXXXX")) / "vault") {
    fs::copy(template_vault(), directory_, fs::copy_options::recursive);
    for (auto& config : configs) bmcs_.push_back(std::make_unique<virtual_bmc::VirtualBmc>(std::move(config)));
    auto opened = vault::Store::open(directory_, test_passphrase());
    BMCVAULT_CHECK(opened.has_value());
    store_ = std::move(*opened);
    const auto imported = store_->transact(kActor, clock_.now(), [&](vault::Transaction& transaction) -> Result<void> {
        for (std::size_t i = 0; i < bmcs_.size(); ++i) {
            const auto& config = bmcs_[i]->config();
            const auto& user = our_user(config);
            vault::Bmc record;
            record.id.uuid.fill(static_cast<std::uint8_t>(i + 1));
            record.name = fmt::format("bmc{:02}", i);
            record.address = peer(i).address().to_string();
            record.user_name = user.name;
            if (auto added = transaction.add_bmc(record); !added) return added;
            const auto size = user.stored_size == 16 ? vault::StoredSize::k16 : vault::StoredSize::k20;
            auto password = transaction.add_version(record.id, record.own_password(), padded(user.password), size,
                                                    vault::VersionState::kUnknown, vault::Provenance::kImported, "");
            if (!password) return std::unexpected(password.error());
            if (config.k_g.empty()) continue;
            auto k_g =
                transaction.add_version(record.id, record.k_g_subject(), padded(config.k_g), vault::StoredSize::k20,
                                        vault::VersionState::kUnknown, vault::Provenance::kImported, "");
            if (!k_g) return std::unexpected(k_g.error());
        }
        return {};
    });
    BMCVAULT_CHECK(imported.has_value());
    records_ = *store_->bmcs();
}

SimFleet::~SimFleet() {
    std::error_code ignored;
    fs::remove_all(directory_.parent_path(), ignored);
}

ipmi::Peer SimFleet::peer(std::size_t i) {
    return {asio::ip::address_v4(0x7f420001u + static_cast<std::uint32_t>(i)), 623};
}

std::unique_ptr<vault::Store> SimFleet::open_vault() const {
    auto opened = store_->clone();
    BMCVAULT_CHECK(opened.has_value());
    return std::move(*opened);
}

void SimFleet::replace(std::size_t i, const std::function<void(virtual_bmc::Config&)>& change) {
    auto config = bmcs_[i]->config();
    change(config);
    bmcs_[i] = std::make_unique<virtual_bmc::VirtualBmc>(std::move(config));
}

void SimFleet::teach(const vault::Store::Work& work) {
    BMCVAULT_CHECK(store_->transact(kActor, clock_.now(), work).has_value());
}

void SimFleet::begin_campaign() {
    teach([this](vault::Transaction& transaction) -> Result<void> {
        const auto id = transaction.begin_campaign("rotate", "all");
        if (!id) return std::unexpected(id.error());
        campaign_ = *id;
        return {};
    });
}

SimFleet::Life SimFleet::live(Command command, RunOptions options, int crash_at_step,
                              std::function<void(SimVault&)> sabotage) {
    Life life;
    ++lives_;
    asio::io_context io(1);
    auto sim_options = options_;
    sim_options.seed = options_.seed * 1000 + static_cast<std::uint64_t>(lives_);
    SimNetwork network(io, now_, sim_options);
    for (std::size_t i = 0; i < bmcs_.size(); ++i) network.add_bmc(peer(i), bmcs_[i].get());
    network_ = &network;
    SimVault sim_vault(open_vault(), clock_);
    if (sabotage) sabotage(sim_vault);
    SeededRandom random(sim_options.seed);
    const auto crash_here = [&](std::string_view) {
        if (++life.steps != crash_at_step) return;
        life.crashed = true;
        life.crashed_at = clock_.now();
        std::ifstream note(directory_ / vault::kLocksDirectory / to_hex(records_.front().id.uuid));
        std::getline(note, life.note_at_crash);
        network.stop_all_traffic();
        sim_vault.stop_all_writes();
    };
    Ports ports{sim_vault,
                network,
                clock_,
                random,
                [&](const vault::Bmc& bmc) -> asio::awaitable<Result<ipmi::Peer>> {
                    co_return ipmi::Peer{asio::ip::make_address(bmc.address), bmc.port};
                },
                [&](std::function<Result<void>()> work) -> asio::awaitable<Result<void>> {
                    if (life.crashed) co_return fail(ErrorCode::kIo, "the process has ended");
                    co_return work();
                },
                crash_here};
    Collector observer(life);
    ipmi::ClientOptions client;
    client.half_open_lifetime = 61s;
    client.random = [&](MutableByteView bytes) { random.fill(bytes); };
    BMCVAULT_CHECK(options.hooks == nullptr || command == Command::kRotate || command == Command::kRecover ||
                   command == Command::kFind || command == Command::kTell);
    const auto elsewhere = CandidatesElsewhere::gather(*store_, options.elsewhere);
    const auto shared = SharedPasswords::read(*store_);
    BMCVAULT_CHECK(elsewhere && shared);
    OperationContext context{ports, options, client, directory_, campaign_, observer, &*elsewhere, &*shared};
    std::size_t running = records_.size();
    for (const auto& record : records_) {
        asio::co_spawn(
            io,
            [&, record]() -> asio::awaitable<void> {
                BmcReport report;
                report = co_await visit(command, context, record);
                observer.finished(report);
                --running;
            },
            [](std::exception_ptr failure) { BMCVAULT_CHECK(failure == nullptr); });
    }
    while (running > 0) {
        io.restart();
        if (io.poll() > 0) continue;
        BMCVAULT_CHECK(network.advance());
    }
    // Datagrams still under way when the process ended arrive all the same.
    while (network.advance()) {
    }
    now_ = network.now() + 1s;
    damaged_logins_ += network.damaged_logins();
    network_ = nullptr;
    return life;
}

std::uint8_t SimFleet::own_slot(const vault::Store& store, std::size_t i) const {
    const auto bmc = store.bmc(records_[i].id);
    BMCVAULT_CHECK(bmc.has_value());
    return bmc->user_id.value_or(bmcs_[i]->config().administrator_id);
}

bool SimFleet::vault_holds_live_credential(std::size_t i) const {
    const auto store = open_vault();
    const auto known = KnownCredentials::load(*store, records_[i]);
    BMCVAULT_CHECK(known.has_value());
    const auto slot = own_slot(*store, i);
    const auto live = padded(bmcs_[i]->stored_password(slot, now_));
    const auto head_is = [&](const Key20& candidate, std::ptrdiff_t size) {
        return candidate.expose([&](auto bytes) {
            return live.expose(
                [&](auto stored) { return std::equal(bytes.begin(), bytes.begin() + size, stored.begin()); });
        });
    };
    const auto tail_is = [&](const Key20& candidate, std::ptrdiff_t from) {
        return candidate.expose([&](auto bytes) {
            return live.expose(
                [&](auto stored) { return std::equal(bytes.begin() + from, bytes.end(), stored.begin() + from); });
        });
    };
    const Key20 zeros;
    for (const auto& head : known->passwords()) {
        if (head.k_uid->equals(live)) return true;
        if (head_is(*head.k_uid, 16) && tail_is(zeros, 16)) return true;
        if (head_is(*head.k_uid, 19) && tail_is(zeros, 19)) return true;
        for (const auto& tail : known->passwords()) {
            if (head_is(*head.k_uid, 16) && tail_is(*tail.k_uid, 16)) return true;
        }
    }
    return false;
}

bool SimFleet::current_is_live(std::size_t i) const {
    const auto store = open_vault();
    const auto known = KnownCredentials::load(*store, records_[i]);
    BMCVAULT_CHECK(known.has_value());
    const auto* current = known->password_in(vault::VersionState::kCurrent);
    if (current == nullptr) return false;
    const auto slot = own_slot(*store, i);
    return known->password_secret(current->version).equals(padded(bmcs_[i]->stored_password(slot, now_)));
}

std::uint64_t SimFleet::rejected_logins() const {
    std::uint64_t sum = 0;
    for (const auto& bmc : bmcs_) sum += bmc->counters().rejected_rakp3;
    return sum > damaged_logins_ ? sum - damaged_logins_ : 0;
}

void SimFleet::let_time_pass(std::chrono::seconds time) {
    now_ += time;
}

}  // namespace bmcvault::rotate::sim
