// What rotate, check, recover and accounts print: rows as BMCs finish, then one summary line that says what is still to
// do, then for each kind of failure what it means. In text or JSON; the engine's Observer.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cli/board.hpp"
#include "cli/context.hpp"
#include "rotate/engine/campaign.hpp"

namespace bmcvault::cli {

class FleetReport final : public rotate::Observer {
public:
    // `again`: the options that the same command needs for those that it left undone ("--k-g").
    FleetReport(const Context& context, std::string command, std::span<const vault::Bmc> selected,
                std::string again = {});

    void started(const vault::Bmc& bmc) override;
    void step(const vault::Bmc& bmc, std::string_view what) override;
    void accounts(const vault::Bmc& bmc, const rotate::AccountTable& table,
                  std::span<const rotate::Finding> findings) override;
    void finished(const rotate::BmcReport& report) override;

    // The end: summary to standard output, failures explained on standard error.
    void print_summary(const rotate::RunSummary& summary);
    void close() { board_.close(); }
    // A BMC ended otherwise than asked (rotate, recover) or needs a person (check).
    [[nodiscard]] static bool good(const rotate::BmcReport& report, const std::string& command);

private:
    [[nodiscard]] std::string json_line(const rotate::BmcReport& report) const;
    [[nodiscard]] std::string row(const rotate::BmcReport& report) const;
    [[nodiscard]] std::string with_names(std::string_view next, const std::vector<std::string>& names) const;
    void explain_failures() const;
    void explain_findings() const;

    const Context& context_;
    std::string command_;
    std::vector<std::size_t> widths_;
    struct Kind {  // of failure: what is said of it is the same
        std::string outcome;
        std::string_view meaning, next, safety;
        friend auto operator<=>(const Kind&, const Kind&) = default;
    };
    std::string again_;
    std::map<Kind, std::vector<std::string>> failed_;  // names
    struct Accounts {
        rotate::AccountTable table;
        std::vector<rotate::Finding> findings;
    };
    [[nodiscard]] std::string account_lines(const std::string& name);
    std::map<std::string, Accounts> accounts_;  // of the BMCs in flight, by name
    struct Findings {
        std::set<std::string_view> kinds;
        std::set<std::string> names;  // of BMCs
    };
    std::map<std::string_view, Findings> findings_;  // that need attention, by what to do next
    Board board_;
};

// "rotate: 8 BMCs in 4.2 s: 7 rotated, 1 refused; failed logins: 0."
[[nodiscard]] std::string counts_text(const rotate::RunSummary& summary, bool dry_run);
// That, and what is still to do.
// `command` is what a person types for it, "bmcvault rotate --k-g".
[[nodiscard]] std::string summary_text(const rotate::RunSummary& summary, const std::string& command, bool dry_run);

}  // namespace bmcvault::cli
