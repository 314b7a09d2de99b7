// A small fleet in one thread and in virtual time: the real engine, the real client, the real store; the wire and the
// BMCs are simulated, seeded, and may lose, double, reorder, corrupt and delay. Same seed, same run.
#pragma once

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "ipmi/io/network.hpp"
#include "ipmi/virtual_bmc/faulty_link.hpp"
#include "ipmi/virtual_bmc/virtual_bmc.hpp"
#include "rotate/engine/operations.hpp"
#include "rotate/engine/ports.hpp"

namespace bmcvault::rotate::sim {

// Fault model. May happen to every datagram: loss, doubling, reordering, flipped bits, delay. May happen to a BMC: any
// quirk of virtual_bmc::Quirks, a power cut. May happen to us: a crash before or after any step of a machine; after it
// nothing we do reaches the wire or the vault. Must survive all of it: the vault's versions hold the live password.
struct SimOptions {
    std::uint64_t seed = 1;
    virtual_bmc::LinkFaults faults;
};

class SimNetwork final : public ipmi::Network {
public:
    SimNetwork(asio::io_context& io, ipmi::TimePoint start, SimOptions options);

    [[nodiscard]] ipmi::TimePoint now() const override { return now_; }
    [[nodiscard]] std::unique_ptr<ipmi::Alarm> make_alarm() override;
    void send(const ipmi::Peer&, ByteView datagram) override;
    void attach(const ipmi::Peer&, Receiver) override;
    [[nodiscard]] bool is_attached(const ipmi::Peer& peer) const override { return receivers_.contains(peer); }
    void detach(const ipmi::Peer&) override;

    void add_bmc(const ipmi::Peer&, virtual_bmc::VirtualBmc* bmc);
    // RAKP 1s and 3s that the net damaged (UDP's checksum prevents it): the BMC judges other bytes than we sent, and
    // its rejection is no wrong password of ours.
    [[nodiscard]] std::uint64_t damaged_logins() const { return damaged_logins_; }
    void stop_all_traffic() { dead_ = true; }  // our process has crashed
    void at(ipmi::TimePoint, std::function<void()> event);
    [[nodiscard]] bool advance();  // to the next event; false: there is none
    [[nodiscard]] asio::io_context& io() { return io_; }

private:
    struct Event {
        ipmi::TimePoint when;
        std::uint64_t order;
        std::function<void()> run;
        bool operator<(const Event& other) const {
            return when != other.when ? when > other.when : order > other.order;
        }
    };
    void deliver_to_bmc(const ipmi::Peer&, const Bytes& datagram);
    void deliver_to_us(const ipmi::Peer&, const Bytes& datagram);

    asio::io_context& io_;
    ipmi::TimePoint now_;
    std::uint64_t order_ = 0;
    std::priority_queue<Event> events_;
    std::map<ipmi::Peer, Receiver> receivers_;
    std::map<ipmi::Peer, virtual_bmc::VirtualBmc*> bmcs_;
    virtual_bmc::FaultyLink link_;
    std::uint64_t damaged_logins_ = 0;
    bool dead_ = false;
};

// The store itself, without a thread, so that the order of things depends on the seed alone.
class SimVault final : public VaultPort {
public:
    SimVault(std::unique_ptr<vault::Store> store, const WallClock& clock) : store_(std::move(store)), clock_(clock) {}
    [[nodiscard]] asio::awaitable<Result<void>> write(const vault::Store::Work& work) override;
    [[nodiscard]] asio::awaitable<Result<void>> read(const Read& work) override;
    void stop_all_writes() { dead_ = true; }
    // The n-th write from now on fails: refused (nothing stored), or unknown with or without effect.
    enum class Fault { kRefused, kUnknownStored, kUnknownNotStored };
    void fail_write(int from_now, Fault fault) { fault_in_ = from_now, fault_ = fault; }
    [[nodiscard]] const vault::Store& store() const { return *store_; }

private:
    std::unique_ptr<vault::Store> store_;
    const WallClock& clock_;
    bool dead_ = false;
    int fault_in_ = 0;
    Fault fault_{};
};

class SeededRandom final : public vault::RandomBytes {
public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    void fill(std::span<std::uint8_t> out) override {
        for (auto& byte : out) byte = static_cast<std::uint8_t>(engine_());
    }

private:
    std::mt19937_64 engine_;
};

// Wall clock and virtual time are one.
class SimClock final : public WallClock {
public:
    explicit SimClock(std::function<ipmi::TimePoint()> source) : source_(std::move(source)) {}
    [[nodiscard]] UnixTime now() const override {
        return {1'790'000'000 + std::chrono::duration_cast<std::chrono::seconds>(source_().time_since_epoch()).count()};
    }

private:
    std::function<ipmi::TimePoint()> source_;
};

// A vault directory with `bmcs` imported, made once per process and copied: the key derivation is slow on purpose.
class SimFleet {
public:
    SimFleet(std::vector<virtual_bmc::Config> configs, SimOptions options);
    ~SimFleet();

    // One life of our process: a command over the whole fleet. `crash_at_step` 0: no crash.
    struct Life {
        std::vector<BmcReport> reports;
        std::map<std::string, AccountTable> tables;            // by name of the BMC
        std::map<std::string, std::vector<Finding>> findings;  // likewise
        int steps = 0;
        bool crashed = false;
        UnixTime crashed_at{};
        std::string note_at_crash;  // what the first BMC's lock had in it
    };
    enum class Command { kRotate, kRecover, kFind, kCheck, kPutBack, kAccounts, kSecure, kAdopt, kDeprovision, kTell };
    [[nodiscard]] Life live(Command command, RunOptions options = {}, int crash_at_step = 0,
                            std::function<void(SimVault&)> sabotage = {});

    // The lives from now on are of one campaign, each continuing the one before.
    void begin_campaign();

    // A board is reset, or somebody sets a password by hand: another BMC of the same address. Its counters start anew.
    void replace(std::size_t i, const std::function<void(virtual_bmc::Config&)>& change);
    // What the vault learns besides, as a person would enter it.
    void teach(const vault::Store::Work& work);
    [[nodiscard]] const vault::Bmc& record(std::size_t i) const { return records_[i]; }

    [[nodiscard]] virtual_bmc::VirtualBmc& bmc(std::size_t i) { return *bmcs_[i]; }
    [[nodiscard]] std::size_t size() const { return bmcs_.size(); }
    [[nodiscard]] ipmi::TimePoint now() const { return now_; }
    [[nodiscard]] std::unique_ptr<vault::Store> open_vault() const;
    // Does the vault hold, as any version or a form that one probe finds, what the BMC accepts now?
    [[nodiscard]] bool vault_holds_live_credential(std::size_t i) const;
    // ... as `current`, exactly?
    [[nodiscard]] bool current_is_live(std::size_t i) const;
    // Logins that the BMCs rejected though everything they judged arrived as we sent it: must always be 0.
    [[nodiscard]] std::uint64_t rejected_logins() const;
    void let_time_pass(std::chrono::seconds time);
    void set_faults(virtual_bmc::LinkFaults faults) { options_.faults = faults; }

private:
    [[nodiscard]] static ipmi::Peer peer(std::size_t i);
    [[nodiscard]] std::uint8_t own_slot(const vault::Store& store, std::size_t i) const;

    SimOptions options_;
    std::filesystem::path directory_;
    std::vector<std::unique_ptr<virtual_bmc::VirtualBmc>> bmcs_;
    std::vector<vault::Bmc> records_;
    ipmi::TimePoint now_{std::chrono::hours(1)};
    SimNetwork* network_ = nullptr;  // of the life that is running
    SimClock clock_{[this] { return network_ != nullptr ? network_->now() : now_; }};
    std::unique_ptr<vault::Store> store_;  // opened once, cloned for every life
    std::uint64_t damaged_logins_ = 0;
    std::optional<std::int64_t> campaign_;
    int lives_ = 0;
};

}  // namespace bmcvault::rotate::sim
