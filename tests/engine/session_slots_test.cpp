// How many of a BMC's session slots we may be holding, over the deaths of our processes. The virtual clock is the wall
// clock; the note of a real lock file is all that passes from one process to the next.
#include "rotate/engine/session_slots.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "vault/store/vault_files.hpp"

namespace bmcvault::rotate {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

class HandClock final : public WallClock {
public:
    [[nodiscard]] UnixTime now() const override { return {time}; }
    std::int64_t time = 1'790'000'000;
};

class Slots : public testing::Test {
protected:
    Slots() {
        std::string name = "/tmp/bmcvault-slots-XXXXXX";
        directory_ = mkdtemp(name.data());
        std::filesystem::create_directory(directory_ / vault::kLocksDirectory);
        chmod(directory_.c_str(), 0700);
        chmod((directory_ / vault::kLocksDirectory).c_str(), 0700);
    }
    ~Slots() override { std::filesystem::remove_all(directory_); }

    // A process that takes the lock. It dies when it goes out of scope: it tidies nothing up.
    struct Process {
        Process(const Slots& test, const WallClock& clock)
            : lock(std::move(*vault::BmcLock::try_acquire(test.directory_, BmcId{}))), slots(clock, 60s) {
            slots.attach(lock);
        }
        vault::BmcLock lock;
        SessionSlots slots;
    };
    std::unique_ptr<Process> process() { return std::make_unique<Process>(*this, clock_); }
    static void log_in(SessionSlots& slots) {
        slots.handshake_begins();
        slots.handshake_ended(false, true);
    }

    std::filesystem::path directory_;
    HandClock clock_;
};

TEST_F(Slots, NothingIsHeldAndNothingWaitsOnABmcThatNobodyTouched) {
    EXPECT_EQ(process()->slots.before_handshake(), 0s);
    EXPECT_EQ(process()->slots.before_credential_write(), 0s);
}

TEST_F(Slots, EverySlotThatALoginLeavesHalfOpenCounts) {
    const auto mine = process();
    mine->slots.bmc_has(4);
    mine->slots.handshake_begins();
    mine->slots.handshake_ended(2, false);
    EXPECT_EQ(mine->slots.before_handshake(), 0s) << "two of four, one for this handshake, one for a person";
    mine->slots.handshake_begins();
    mine->slots.handshake_ended(1, false);
    EXPECT_EQ(mine->slots.before_handshake(), 61s);
}

TEST_F(Slots, ThatABmcWasFullIsKnownToTheNextProcess) {
    {
        const auto first = process();
        first->slots.bmc_has(4);
        first->slots.handshake_begins();
        first->slots.handshake_ended(0, false);
        first->slots.found_full();
    }
    const auto next = process();
    next->slots.bmc_has(4);
    EXPECT_EQ(next->slots.before_handshake(), 61s);
    clock_.time += 61;
    EXPECT_EQ(next->slots.before_handshake(), 0s);
}

TEST_F(Slots, ClosedSessionsLeaveNothing) {
    {
        const auto first = process();
        log_in(first->slots);
        log_in(first->slots);
        first->slots.session_closed(true);
        first->slots.session_closed(true);
    }
    EXPECT_EQ(process()->slots.before_handshake(), 0s);
}

TEST_F(Slots, AHalfOpenSlotIsWaitedOutAlsoByTheNextProcess) {
    {
        const auto first = process();
        first->slots.handshake_begins();
        first->slots.handshake_ended(true, false);
        EXPECT_EQ(first->slots.before_handshake(), 61s);
    }
    clock_.time += 20;
    EXPECT_EQ(process()->slots.before_handshake(), 41s);
    clock_.time += 41;
    EXPECT_EQ(process()->slots.before_handshake(), 0s);
}

TEST_F(Slots, AProcessThatDiesInAHandshakeLeftASlotHalfOpen) {
    process()->slots.handshake_begins();
    EXPECT_EQ(process()->slots.before_handshake(), 61s);
}

TEST_F(Slots, WhateverDiesWhenThreeSlotsAtMostAreHeld) {
    log_in(process()->slots);
    log_in(process()->slots);
    EXPECT_EQ(process()->slots.before_handshake(), 0s);  // two are held, this would be the third
    log_in(process()->slots);
    EXPECT_EQ(process()->slots.before_handshake(), 61s);
    clock_.time += 61;
    EXPECT_EQ(process()->slots.before_handshake(), 0s);
}

TEST_F(Slots, AKeptSessionBesideTheLeftOnesIsCountedAndDoesNotProlongThem) {
    log_in(process()->slots);
    log_in(process()->slots);
    const auto third = process();
    log_in(third->slots);
    EXPECT_EQ(third->slots.before_handshake(), 61s);
    clock_.time += 30;
    third->slots.session_used();
    EXPECT_EQ(third->slots.before_handshake(), 31s);
    clock_.time += 31;
    EXPECT_EQ(third->slots.before_handshake(), 0s);
}

TEST_F(Slots, ASessionThatTheBmcDidNotConfirmClosedIsStillHeld) {
    const auto only = process();
    for (int i = 0; i < 3; ++i) {
        log_in(only->slots);
        only->slots.session_closed(false);
    }
    EXPECT_EQ(only->slots.before_handshake(), 61s);
}

TEST_F(Slots, OfAsManyAsTheBmcHasOneIsLeftAndHalfOpenOnesCount) {
    const auto leave_half_open = [](SessionSlots& slots) {
        slots.handshake_begins();
        slots.handshake_ended(true, false);
    };
    for (const int possible : {3, 4, 16}) {
        auto only = process();
        only->slots.bmc_has(possible);
        int taken = 0;
        for (; only->slots.before_handshake() == 0s; ++taken) leave_half_open(only->slots);
        EXPECT_EQ(taken, possible - 1);
        EXPECT_EQ(only->slots.before_handshake(), 61s);
        clock_.time += 30;
        only.reset();
        const auto next = process();
        next->slots.bmc_has(possible);
        EXPECT_EQ(next->slots.before_handshake(), 31s) << "the next process counts them too";
        clock_.time += 31;
        EXPECT_EQ(next->slots.before_handshake(), 0s);
    }
}

TEST_F(Slots, AKeptSessionTakesOneOfThemAndTimeFreesTheEarlierOnesFirst) {
    log_in(process()->slots);  // and died: left until 61
    clock_.time += 30;
    const auto second = process();
    second->slots.bmc_has(4);
    log_in(second->slots);
    EXPECT_EQ(second->slots.before_handshake(), 0s);
    second->slots.handshake_begins();
    second->slots.handshake_ended(true, false);
    EXPECT_EQ(second->slots.before_handshake(), 31s);
    clock_.time += 31;
    EXPECT_EQ(second->slots.before_handshake(), 0s) << "kept, half-open and this one: three of four";
}

TEST_F(Slots, AHandshakeThatEndedWellLeavesThoseBeforeItAsTheyWere) {
    const auto only = process();
    only->slots.bmc_has(3);
    only->slots.handshake_begins();
    only->slots.handshake_ended(true, false);
    clock_.time += 10;
    log_in(only->slots);
    only->slots.session_closed(true);
    EXPECT_EQ(only->slots.before_handshake(), 0s);
    log_in(only->slots);
    EXPECT_EQ(only->slots.before_handshake(), 51s);
}

TEST_F(Slots, OnABmcWithTwoTheKeptSessionAndAProofFillItAndWaitForNothing) {
    const auto only = process();
    only->slots.bmc_has(2);
    log_in(only->slots);
    EXPECT_EQ(only->slots.before_handshake(), 0s);
}

TEST_F(Slots, ANoteThatEndsBeforeTheNumberOfHalfOpenOnesMeansOne) {
    process()->lock.set_note("slots/1 1790000050 0 0 0");
    const auto next = process();
    EXPECT_EQ(next->slots.before_handshake(), 50s);
    next->slots.bmc_has(3);
    EXPECT_EQ(next->slots.before_handshake(), 0s);
}

TEST_F(Slots, CredentialWritesOfTwoProcessesAreTwoSecondsApart) {
    process()->slots.credential_written();
    EXPECT_EQ(process()->slots.before_credential_write(), 3s);
    clock_.time += 2;
    EXPECT_EQ(process()->slots.before_credential_write(), 1s);
    clock_.time += 1;
    EXPECT_EQ(process()->slots.before_credential_write(), 0s);
}

TEST_F(Slots, AClockThatWasPutBackNeverMakesUsWaitLongerThanABmcRemembers) {
    {
        const auto first = process();
        first->slots.handshake_begins();
        first->slots.handshake_ended(true, false);
        first->slots.credential_written();
    }
    clock_.time -= 24 * 3600;
    EXPECT_EQ(process()->slots.before_handshake(), 61s);
    EXPECT_EQ(process()->slots.before_credential_write(), 3s);
}

TEST_F(Slots, AnUnreadableNoteIsNoNote) {
    for (const auto* note :
         {"", "slots/2 1 2 3 4", "slots/1 1790000060", "slots/1 x y z w", "slots/1 1 -5 1890000000 0"}) {
        process()->lock.set_note(note);
        EXPECT_EQ(process()->slots.before_handshake(), 0s) << note;
    }
}

}  // namespace
}  // namespace bmcvault::rotate
