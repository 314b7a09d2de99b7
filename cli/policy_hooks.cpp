#include "cli/policy_hooks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/disclosure.hpp"
#include "cli/due.hpp"
#include "cli/hook_program.hpp"
#include "cli/json.hpp"

namespace bmcvault::cli {
namespace {

Error error_of(const Failure& failure) {
    return Error{ErrorCode::kIo, failure.what};
}

}  // namespace

Outcome<std::unique_ptr<PolicyHooks>> PolicyHooks::of(const Context& context, vault::Store& store) {
    auto policy = read_policy(context);
    if (!policy) return std::unexpected(policy.error());
    auto& rules = policy->hooks;
    if (rules.before_rotation.empty() && rules.after_rotation.empty()) return nullptr;
    std::unique_ptr<PolicyHooks> hooks(new PolicyHooks(context, std::move(rules)));
    if (hooks->rules_.holder.empty()) return hooks;
    auto clone = store.clone();
    if (!clone) return vault_error("hooks", clone.error());
    hooks->store_ = std::move(*clone);
    if (const auto stays = hooks->holder_has_not_left(); !stays)
        return usage_error(stays.error().detail, "take `holder` out of [hooks] in the policy, or give it another name");
    return hooks;
}

Result<void> PolicyHooks::before(const vault::Bmc& bmc) {
    if (rules_.before_rotation.empty()) return {};
    const HookCall call{rules_.before_rotation, json_hook(bmc, nullptr, context_.options, false), {}, rules_.timeout};
    return call_hook(call, {});
}

Result<void> PolicyHooks::after(const vault::Bmc& bmc, const rotate::BmcReport& report) {
    if (rules_.after_rotation.empty()) return {};
    if (!rules_.holder.empty()) return after_with_secret(bmc, report);
    const auto input = json_hook(bmc, &report, context_.options, false);
    return call_hook({rules_.after_rotation, input, {}, rules_.timeout}, {});
}

// Nobody comes back by a rotation: `holder add` says that they do.
Result<void> PolicyHooks::holder_has_not_left() {
    const auto holders = store_->team().holders();
    if (!holders) return std::unexpected(holders.error());
    const auto holder = std::ranges::find(*holders, rules_.holder, &vault::Holder::name);
    if (holder == holders->end() || !holder->departed_at) return {};
    return fail(ErrorCode::kConflict, fmt::format("the hooks' holder {} has left", printable(rules_.holder)));
}

Result<void> PolicyHooks::register_holder(const vault::Bmc& bmc) {
    if (auto stays = holder_has_not_left(); !stays) return stays;
    if (held_.contains(bmc.id)) return {};
    const vault::Acting acting{actor(), now(), "by the policy's hooks", {}};
    auto done = store_->team().add_holder(acting, rules_.holder, std::span(&bmc.id, 1), now());
    if (done) held_.insert(bmc.id);
    return done;
}

Result<void> PolicyHooks::after_with_secret(const vault::Bmc& bmc, const rotate::BmcReport& report) {
    HookCall call{rules_.after_rotation, {}, {}, rules_.timeout};
    MaskedForms forms;
    {
        const std::lock_guard lock(mutex_);
        if (auto known = register_holder(bmc); !known) return known;
        const auto account = account_of(*store_, bmc, rules_.account);
        if (!account) return std::unexpected(error_of(account.error()));
        const auto chosen = choose_versions(*store_, *account);
        if (!chosen) return std::unexpected(error_of(chosen.error()));
        auto of_account = report;
        of_account.password_version = chosen->password.version;
        call.input = json_hook(account->bmc, &of_account, context_.options, true);
        const auto credential = disclose(context_, *store_, "hook", account->bmc, *chosen,
                                         {{"holder", rules_.holder}, {"program", rules_.after_rotation}});
        if (!credential) return std::unexpected(error_of(credential.error()));
        call.secret = credential_json(*credential);
        forms.add(credential->password);
        if (credential->k_g) forms.add(*credential->k_g);
    }
    return call_hook(call, forms);
}

}  // namespace bmcvault::cli
