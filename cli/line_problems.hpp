// What is wrong with a file that a person wrote, by line and column. Pure. No text repeats what stands there: a missing
// comma puts a password anywhere.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace bmcvault::cli {

inline constexpr std::size_t kMaxProblems = 100;  // listed; the rest is counted

struct LineProblem {
    std::size_t line = 0;  // from 1
    std::string column;    // name or number; empty: the line as a whole
    std::string text;
};

struct LineProblems {
    std::vector<LineProblem> listed;  // at most kMaxProblems
    std::size_t total = 0;

    void add(LineProblem problem);
};

// "line 3, column address: must be ..."
[[nodiscard]] std::string describe(const LineProblem& problem);

}  // namespace bmcvault::cli
