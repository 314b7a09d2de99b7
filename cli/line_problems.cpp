#include "cli/line_problems.hpp"

#include <fmt/format.h>

#include <utility>

namespace bmcvault::cli {

void LineProblems::add(LineProblem problem) {
    ++total;
    if (listed.size() < kMaxProblems) listed.push_back(std::move(problem));
}

std::string describe(const LineProblem& problem) {
    return problem.column.empty() ? fmt::format("line {}: {}", problem.line, problem.text)
                                  : fmt::format("line {}, column {}: {}", problem.line, problem.column, problem.text);
}

}  // namespace bmcvault::cli
