// The programs that the policy names ([hooks]): told around a rotation.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "cli/context.hpp"
#include "cli/policy.hpp"
#include "rotate/engine/campaign.hpp"

namespace bmcvault::cli {

class PolicyHooks final : public rotate::ClientHooks {
public:
    // Null where the policy names none. Its holder is registered for what it gets, before it gets it.
    [[nodiscard]] static Outcome<std::unique_ptr<PolicyHooks>> of(const Context& context, vault::Store& store);

    [[nodiscard]] Result<void> before(const vault::Bmc& bmc) override;
    [[nodiscard]] Result<void> after(const vault::Bmc& bmc, const rotate::BmcReport& report) override;
    [[nodiscard]] std::optional<rotate::AccountRole> gives() const override {
        return rules_.holder.empty() ? std::nullopt : rotate::account_role_from(rules_.account);
    }

private:
    PolicyHooks(const Context& context, HookRules rules) : context_(context), rules_(std::move(rules)) {}
    [[nodiscard]] Result<void> after_with_secret(const vault::Bmc& bmc, const rotate::BmcReport& report);
    [[nodiscard]] Result<void> holder_has_not_left();
    [[nodiscard]] Result<void> register_holder(const vault::Bmc& bmc);

    const Context& context_;
    HookRules rules_;
    std::mutex mutex_;                     // of what follows: hooks are called from several threads
    std::unique_ptr<vault::Store> store_;  // of its own; null: no secret is given away
    std::set<BmcId> held_;                 // registered for the holder in this run
};

}  // namespace bmcvault::cli
