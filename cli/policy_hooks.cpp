#include "cli/policy_hooks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "cli/disclosure.hpp"
#include "cli/due.hpp"
#include "cli/hook_program.hpp"
#include "cli/json.hpp"

namespace bmcvault::cli {
namespace {

// Of those that run unattended. Whoever asks for a secret, or looks, is there.
constexpr std::array<std::string_view, 7> kUnattended{"rotate", "recover",      "check",       "accounts",
                                                      "due",    "vault backup", "vault forget"};

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
    const auto input = json_hook(bmc, &report, context_.options, !rules_.holder.empty());
    if (!rules_.holder.empty()) return after_with_secret(bmc, input);
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

Result<void> PolicyHooks::after_with_secret(const vault::Bmc& bmc, const std::string& input) {
    HookCall call{rules_.after_rotation, input, {}, rules_.timeout};
    MaskedForms forms;
    {
        const std::lock_guard lock(mutex_);
        if (auto known = register_holder(bmc); !known) return known;
        const auto chosen = choose_versions(*store_, bmc);
        if (!chosen) return std::unexpected(error_of(chosen.error()));
        const auto credential = disclose(context_, *store_, "hook", bmc, *chosen,
                                         {{"holder", rules_.holder}, {"program", rules_.after_rotation}});
        if (!credential) return std::unexpected(error_of(credential.error()));
        call.secret = credential_json(*credential);
        forms.add(credential->password);
        if (credential->k_g) forms.add(*credential->k_g);
    }
    return call_hook(call, forms);
}

void call_for_attention(const Context& context, const std::string& command, ExitCode exit, const std::string& failure) {
    if (exit == ExitCode::kAsAsked || isatty(fileno(context.streams.err)) != 0) return;
    if (std::ranges::find(kUnattended, command) == kUnattended.end()) return;
    const auto policy = read_policy(context);
    if (!policy || policy->hooks.attention.empty()) return;
    const auto input = json_attention(command, static_cast<int>(exit), failure);
    const auto called = call_hook({policy->hooks.attention, input, {}, policy->hooks.timeout}, {});
    if (!called) context.warn(fmt::format("hook attention: {}", called.error().detail));
}

}  // namespace bmcvault::cli
