// What the vault would hold on its disk, and nothing else: a crash loses all but this. Passwords are three letters:
// who wrote bytes 1 to 16, 17 to 19, and byte 20 (0: zero bytes), which is all that a mangling BMC can tell apart.
#pragma once

#include <cstdint>
#include <optional>
#include <ranges>
#include <vector>

#include "rotate/core/password_machine.hpp"
#include "tests/rotate/choices.hpp"

namespace bmcvault::rotate::test {

using vault::VersionState;

struct Value {
    std::uint8_t head = 0;
    std::uint8_t middle = 0;
    std::uint8_t last = 0;
    friend bool operator==(const Value&, const Value&) = default;
};

inline Value fresh_value(std::uint8_t letter, StoredSize size) {
    return size == StoredSize::k20 ? Value{letter, letter, letter} : Value{letter, 0, 0};
}

struct ModelVersion {
    VersionNumber number;
    Value value;
    StoredSize size = StoredSize::k20;
    Shape shape = Shape::kFull;
    VersionState state = VersionState::kPending;
    bool put_back = false;
    VersionNumber staged_under{};  // what was current then; 0: nothing
};

struct Match {
    std::optional<VersionNumber> version;  // nullopt: from elsewhere
    Form form;
};

class ModelVault {
public:
    bool quarantined = false;
    std::optional<VersionNumber> due;  // has to be replaced as long as it is current
    std::optional<Value> elsewhere;    // a password of another BMC, of a list, of a vendor
    bool deletes_failed = false;       // a mistake that the searches must notice (I4)

    VersionNumber add(Value value, StoredSize size, VersionState state) {
        const VersionNumber number{static_cast<std::uint32_t>(versions_.size() + 1)};
        versions_.push_back({number, value, size, Shape::kFull, state, false});
        return number;
    }

    [[nodiscard]] ModelVersion* in_state(VersionState state) {
        for (ModelVersion& version : versions_) {
            if (version.state == state) return &version;
        }
        return nullptr;
    }
    [[nodiscard]] ModelVersion* pending() { return in_state(VersionState::kPending); }
    [[nodiscard]] ModelVersion* current() { return in_state(VersionState::kCurrent); }
    [[nodiscard]] VersionNumber current_number() { return current() != nullptr ? current()->number : VersionNumber{}; }
    [[nodiscard]] ModelVersion& newest() { return versions_.back(); }
    [[nodiscard]] ModelVersion* find(VersionNumber number) {
        const bool known = number.value >= 1 && number.value <= versions_.size();
        return known ? &versions_[number.value - 1] : nullptr;
    }

    VersionNumber stage(const Stage& how, bool put_back) {
        if (pending() != nullptr) throw Violation{"I2", "a second pending version"};
        const ModelVersion* previous = in_state(VersionState::kPrevious);
        Value value = fresh_value(++letter_, how.size);
        if (put_back && previous != nullptr) value = previous->value;
        const VersionNumber number = add(value, how.size, VersionState::kPending);
        versions_.back().shape = how.shape;
        versions_.back().put_back = put_back;
        versions_.back().staged_under = current_number();
        return number;
    }

    void make_current(VersionNumber number) {
        if (ModelVersion* old = current()) {
            if (ModelVersion* older = in_state(VersionState::kPrevious)) older->state = VersionState::kRetired;
            old->state = VersionState::kPrevious;
        }
        versions_[number.value - 1].state = VersionState::kCurrent;
    }

    void found(VersionNumber number) {
        ModelVersion* open = pending();
        if (open != nullptr && open->number != number) open->state = VersionState::kFailed;
        make_current(number);
    }

    VersionNumber observe(Value value) {
        if (ModelVersion* open = pending()) open->state = VersionState::kFailed;
        const StoredSize size = value.middle == 0 && value.last == 0 ? StoredSize::k16 : StoredSize::k20;
        const VersionNumber number = add(value, size, VersionState::kObserved);
        make_current(number);
        return number;
    }

    // What recovery would find in one handshake: exact forms of all first, then the mangled ones; pending, current and
    // then the newest first.
    [[nodiscard]] std::optional<Match> match(Value live) {
        const std::vector<const ModelVersion*> order = candidates();
        for (const ModelVersion* v : order) {
            if (v->value == live) return Match{v->number, Form::kExact};
        }
        if (elsewhere == live) return Match{std::nullopt, Form::kExact};
        for (const ModelVersion* v : order) {
            if (live == Value{v->value.head, 0, 0}) return Match{v->number, Form::kFirst16};
            if (live == Value{v->value.head, v->value.middle, 0}) return Match{v->number, Form::kFirst19};
            for (const ModelVersion* tail : order) {
                if (live == Value{v->value.head, tail->value.middle, tail->value.last}) {
                    return Match{v->number, Form::kNewHeadOldTail};
                }
            }
        }
        if (elsewhere && live == Value{elsewhere->head, 0, 0}) return Match{std::nullopt, Form::kFirst16};
        return std::nullopt;
    }

    [[nodiscard]] Situation situation(Goal goal, bool only_16, bool too_early) {
        Situation now;
        now.goal = goal;
        now.only_16 = only_16;
        now.too_early = too_early;
        if (const ModelVersion* open = pending()) {
            now.pending = open->number;
            now.pending_size = open->size;
            now.pending_is_put_back = open->put_back;
        }
        if (const ModelVersion* live = current()) {
            now.current = live->number;
            now.current_is_due = due == live->number;
            now.current_is_put_back = live->put_back;
        }
        if (const ModelVersion* previous = in_state(VersionState::kPrevious)) now.put_back_size = previous->size;
        return now;
    }

private:
    [[nodiscard]] std::vector<const ModelVersion*> candidates() {
        std::vector<const ModelVersion*> order;
        order.reserve(versions_.size());
        if (const ModelVersion* open = pending()) order.push_back(open);
        if (const ModelVersion* live = current()) order.push_back(live);
        for (const ModelVersion& version : versions_ | std::views::reverse) {
            if (deletes_failed && version.state == VersionState::kFailed) continue;
            if (version.state != VersionState::kPending && version.state != VersionState::kCurrent) {
                order.push_back(&version);
            }
        }
        return order;
    }

    std::vector<ModelVersion> versions_;
    std::uint8_t letter_ = 100;  // below: letters that a test gave
};

}  // namespace bmcvault::rotate::test
