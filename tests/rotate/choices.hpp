// Every choice of a run, one after another, and every run of a search: a counter whose digits have the bounds that the
// run itself asks for. A run is named by its digits, so any run can be replayed.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace bmcvault::rotate::test {

class Choices {
public:
    Choices() = default;
    explicit Choices(const std::string& digits) {  // as text() prints them
        std::istringstream in(digits);
        for (std::string digit; std::getline(in, digit, ',');) {
            digits_.push_back({static_cast<std::size_t>(std::strtoul(digit.c_str(), nullptr, 10)), 0});
        }
    }

    // 0 to options - 1; 0 first.
    std::size_t pick(std::size_t options) {
        if (position_ == digits_.size()) digits_.push_back({0, options});
        Digit& digit = digits_[position_++];
        digit.options = options;
        return digit.value < options ? digit.value : options - 1;
    }

    // Prepares the next run; false: that was the last one.
    bool advance() {
        digits_.resize(position_);
        position_ = 0;
        while (!digits_.empty()) {
            Digit& last = digits_.back();
            if (++last.value < last.options) return true;
            digits_.pop_back();
        }
        return false;
    }

    [[nodiscard]] std::string text() const {
        std::ostringstream out;
        for (std::size_t i = 0; i < position_; ++i) out << (i == 0 ? "" : ",") << digits_[i].value;
        return out.str();
    }

private:
    struct Digit {
        std::size_t value;
        std::size_t options;
    };
    std::vector<Digit> digits_;
    std::size_t position_ = 0;
};

// Under a sanitizer a run takes many times as long, and no memory error needs the last fault to show itself.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kFewerFaults = 1;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr int kFewerFaults = 1;
#else
inline constexpr int kFewerFaults = 0;
#endif
#else
inline constexpr int kFewerFaults = 0;
#endif

// A broken rule: its name, and what was seen.
struct Violation {
    std::string rule;
    std::string what;
};

struct Search {
    std::size_t runs = 0;
    std::size_t steps = 0;
    std::string rule;  // of the first violation; empty: none
    std::string what;
    std::string replay;  // its choices
};

// One run after another until a rule is broken or every choice was made. `run(choices, steps)` throws Violation.
// With BMCVAULT_REPLAY=1,0,3... in the environment only that run is made.
template <class Run>
Search search_all(const Run& run) {
    Search result;
    const char* replay = std::getenv("BMCVAULT_REPLAY");
    Choices choices = replay == nullptr ? Choices() : Choices(replay);
    do {
        ++result.runs;
        try {
            run(choices, result.steps);
        } catch (const Violation& violation) {
            result.rule = violation.rule;
            result.what = violation.what;
            result.replay = choices.text();
            return result;
        }
    } while (choices.advance() && replay == nullptr);
    return result;
}

}  // namespace bmcvault::rotate::test
