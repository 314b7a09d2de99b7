#include "rotate/core/accounts.hpp"

#include <algorithm>
#include <map>

#include "rotate/core/vendor_defaults.hpp"
#include "vault/base/check.hpp"

namespace bmcvault::rotate {
namespace {

using ipmi::PrivilegeLevel;

bool is_limit(PrivilegeLevel level) {
    return level != PrivilegeLevel::kNoAccess && level != PrivilegeLevel::kHighestMatching;
}

std::string shown_name(const AccountSlot& slot) {
    if (!slot.name) return "(the BMC does not say its name)";
    return slot.name->empty() ? "(null name)" : "'" + *slot.name + "'";
}

bool is_shown_closed(const AccountSlot& slot) {
    return !has_a_way_in(slot) && slot.asked.value_or(Answer::kUnknownUserOrLocked) == Answer::kUnknownUserOrLocked;
}

void add(std::vector<Finding>& findings, FindingKind kind, const AccountSlot& slot, std::string detail) {
    findings.push_back({kind, slot.id, std::move(detail)});
}

void find_open_door(std::vector<Finding>& findings, const AccountSlot& slot) {
    if (slot.asked == Answer::kMatched && slot.enabled == false) {
        add(findings, FindingKind::kDisabledButOpen, slot, shown_name(slot) + " is disabled and lets in all the same");
    }
    if (!slot.opened_by) return;
    switch (slot.opened_by->source) {
        case OpenedBy::Source::kNothing:
        case OpenedBy::Source::kVendorDefault:
            add(findings, FindingKind::kDefaultPassword, slot,
                shown_name(slot) + " opens with " + slot.opened_by->label);
            break;
        case OpenedBy::Source::kElsewhere:
            add(findings, FindingKind::kKnownPassword, slot, shown_name(slot) + " opens with " + slot.opened_by->label);
            break;
        case OpenedBy::Source::kOurs:
            break;
    }
}

void find_duplicates(std::vector<Finding>& findings, const AccountTable& seen) {
    std::map<std::string_view, std::size_t> count;
    for (const auto& slot : seen.slots) {
        if (slot.name && !slot.name->empty()) ++count[*slot.name];
    }
    for (const auto& slot : seen.slots) {
        if (!slot.name || slot.name->empty() || count[*slot.name] < 2) continue;
        add(findings, FindingKind::kDuplicateName, slot, shown_name(slot) + " stands in more than one slot");
    }
}

const AccountSlot* slot_of(const AccountTable& table, UserId id) {
    const auto found = std::ranges::find(table.slots, id, &AccountSlot::id);
    return found == table.slots.end() ? nullptr : &*found;
}

// Lets in now, and did not before: rights and state apart from the privilege limits.
bool rights_differ(const AccountSlot& before, const AccountSlot& after) {
    auto old_channels = before.channels;
    auto new_channels = after.channels;
    const auto forget_limit = [](ChannelRights& rights) { rights.privilege_limit = PrivilegeLevel::kNoAccess; };
    std::ranges::for_each(old_channels, forget_limit);
    std::ranges::for_each(new_channels, forget_limit);
    return old_channels != new_channels;
}

void compare(std::vector<Finding>& findings, const AccountSlot& before, const AccountSlot& after, bool own) {
    if (before.name != after.name) {
        add(findings, FindingKind::kRenamed, after, shown_name(before) + " is now " + shown_name(after));
    }
    if (before.enabled == false && after.enabled != false) {
        add(findings, FindingKind::kEnabledAgain, after, shown_name(after));
    }
    const auto old_limit = highest_privilege(before).value_or(PrivilegeLevel::kHighestMatching);
    const auto new_limit = highest_privilege(after).value_or(PrivilegeLevel::kHighestMatching);
    if (new_limit > old_limit) add(findings, FindingKind::kPrivilegeRaised, after, shown_name(after));
    if (rights_differ(before, after)) add(findings, FindingKind::kRightsChanged, after, shown_name(after));
    const bool knew = before.asked == Answer::kMatched;
    const bool knows = after.asked == Answer::kMatched;
    const bool asked_both = before.asked && after.asked;
    const bool changed =
        knew && (after.asked == Answer::kNoCandidateMatches || (knows && before.opened_by != after.opened_by));
    if (!own && asked_both && changed) add(findings, FindingKind::kPasswordChanged, after, shown_name(after));
}

}  // namespace

bool has_null_name(const AccountSlot& slot) {
    return !slot.name || slot.name->empty();
}

bool has_a_way_in(const AccountSlot& slot) {
    return slot.enabled != false && highest_privilege(slot).has_value();
}

bool is_empty(const AccountSlot& slot) {
    return has_null_name(slot) && !has_a_way_in(slot);
}

bool is_vendor_name(std::string_view name) {
    const auto defaults = vendor_defaults();
    return std::ranges::find(defaults, name, &VendorDefault::user_name) != defaults.end();
}

std::optional<PrivilegeLevel> highest_privilege(const AccountSlot& slot) {
    std::optional<PrivilegeLevel> highest;
    for (const auto& rights : slot.channels) {
        if (!rights.ipmi_messaging || !is_limit(rights.privilege_limit)) continue;
        highest = std::max(highest.value_or(rights.privilege_limit), rights.privilege_limit);
    }
    return highest;
}

std::vector<Finding> findings_in(const AccountTable& seen, const OwnAccount& own) {
    std::vector<Finding> findings;
    bool null_slot = false;
    for (const auto& slot : seen.slots) {
        if (slot.id == own.id) {
            if (is_vendor_name(own.name)) {
                add(findings, FindingKind::kOwnIsVendorAccount, slot, shown_name(slot) + " is a vendor's name");
            }
            continue;
        }
        const bool ours = own.is_ours(slot);
        const bool open = has_a_way_in(slot);
        if (open && has_null_name(slot)) {
            add(findings, FindingKind::kAnonymousLogin, slot, "it has a way in and no name");
            null_slot = true;
        } else if (open && is_vendor_name(*slot.name)) {
            add(findings, ours ? FindingKind::kOwnIsVendorAccount : FindingKind::kVendorAccount, slot,
                shown_name(slot) + (ours ? " is a vendor's name" : ""));
        }
        find_open_door(findings, slot);
    }
    if (seen.anonymous_login && !null_slot) {
        findings.push_back({FindingKind::kAnonymousLogin, std::nullopt,
                            "the BMC says that anonymous login is on, and shows no slot for it"});
    }
    if (seen.suite_0_open == true) {
        findings.push_back({FindingKind::kSuite0Open, std::nullopt, "anybody gets in without a password"});
    }
    find_duplicates(findings, seen);
    return findings;
}

std::vector<Finding> drift_between(const AccountTable& accepted, const AccountTable& seen, const OwnAccount& own) {
    std::vector<Finding> findings;
    for (const auto& after : seen.slots) {
        const auto* before = slot_of(accepted, after.id);
        const bool was_there = before != nullptr && !is_empty(*before);
        if (!was_there && is_empty(after)) continue;
        if (!was_there) {
            add(findings, FindingKind::kNewAccount, after, shown_name(after));
        } else if (is_empty(after) && !has_null_name(*before)) {
            add(findings, FindingKind::kAccountGone, after, shown_name(*before));
        } else {
            compare(findings, *before, after, own.is_ours(after));
        }
    }
    return findings;
}

std::string_view word(AccountRole role) {
    return role == AccountRole::kSpare ? "spare" : "monitor";
}

std::optional<AccountRole> account_role_from(std::string_view text) {
    for (const auto role : {AccountRole::kSpare, AccountRole::kMonitor}) {
        if (word(role) == text) return role;
    }
    return std::nullopt;
}

const RoleAccount* find_role(std::span<const RoleAccount> accounts, AccountRole role) {
    const auto found = std::ranges::find(accounts, role, &RoleAccount::role);
    return found == accounts.end() ? nullptr : &*found;
}

const RoleAccount* find_named(std::span<const RoleAccount> accounts, std::string_view name) {
    const auto found = std::ranges::find(accounts, name, &RoleAccount::name);
    return found == accounts.end() ? nullptr : &*found;
}

bool OwnAccount::is_ours(const AccountSlot& slot) const {
    const auto known = beside.find(slot.id);
    return slot.id == id || (known != beside.end() && slot.name == known->second);
}

RolePlace place_of(const AccountTable& seen, const RoleAccount& account) {
    RolePlace place;
    const auto named = [&](const AccountSlot& slot) { return slot.name == account.name; };
    const auto its_own = std::ranges::find(seen.slots, account.slot, &AccountSlot::id);
    const bool is_there = its_own != seen.slots.end();
    if (std::ranges::count_if(seen.slots, named) > (is_there && named(*its_own) ? 1 : 0))
        place.why_not = "another slot bears its name";
    else if (is_there && (named(*its_own) || is_empty(*its_own)))
        place.slot = its_own->id;
    else
        place.slot = free_slot(seen);
    if (place.why_not.empty() && !place.slot) place.why_not = "no-free-slot";
    return place;
}

bool may_be_closed(const AccountSlot& slot, const OwnAccount& own, const ClosingChoice& choice) {
    const auto name = slot.name.value_or("");
    if (own.is_ours(slot) || name == own.name || choice.keep.contains(name)) return false;
    return has_null_name(slot) || is_vendor_name(name) || choice.close_unknown;
}

std::vector<AccountSlot> slots_to_close(const AccountTable& seen, const OwnAccount& own, const ClosingChoice& choice) {
    std::vector<AccountSlot> targets;
    std::ranges::copy_if(seen.slots, std::back_inserter(targets), [&](const AccountSlot& slot) {
        return may_be_closed(slot, own, choice) && !is_shown_closed(slot);
    });
    return targets;
}

std::vector<AccountSlot> left_open(const AccountTable& seen, const OwnAccount& own, const ClosingChoice& choice) {
    std::vector<AccountSlot> open;
    std::ranges::copy_if(seen.slots, std::back_inserter(open), [&](const AccountSlot& slot) {
        const auto name = slot.name.value_or("");
        const bool chosen = may_be_closed(slot, own, choice) || choice.keep.contains(name);
        if (is_empty(slot) || chosen || own.is_ours(slot)) return false;
        const bool is_our_random_one = slot.opened_by && slot.opened_by->source == OpenedBy::Source::kOurs;
        if (is_our_random_one) return has_a_way_in(slot);
        return slot.asked != Answer::kNoCandidateMatches && !is_shown_closed(slot);
    });
    return open;
}

std::optional<UserId> free_slot(const AccountTable& seen) {
    for (const auto& slot : seen.slots) {
        if (slot.id.value >= 2 && is_empty(slot) && !slot.fixed_name) return slot.id;
    }
    return std::nullopt;
}

bool may_be_put_right(Answer answer, bool administrator) {
    switch (answer) {
        case Answer::kUnknownUserOrLocked:
        case Answer::kNoCandidateMatches:
        case Answer::kPrivilegeRefused:
            return true;
        case Answer::kMatched:
            return !administrator;
        default:
            return false;
    }
}

OwnPlace place_of_own(const AccountTable& seen, std::optional<UserId> own, std::string_view name,
                      std::string_view helper) {
    OwnPlace place;
    for (const auto& slot : seen.slots) {
        if (slot.name != name) continue;
        place.ambiguous = place.certain.has_value();
        if (place.ambiguous) return {std::nullopt, std::nullopt, true};
        place.certain = slot.id;
    }
    const auto before = std::ranges::find_if(seen.slots, [&](const AccountSlot& slot) { return slot.id == own; });
    if (place.certain || before == seen.slots.end() || before->fixed_name) return place;
    if (has_null_name(*before)) {
        if (is_empty(*before)) place.certain = before->id;
    } else if (before->name != helper) {
        place.renamed = before->id;
    }
    return place;
}

std::string_view why_not_a_user_name(std::string_view name) {
    constexpr std::size_t kLongest = 16;
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto is_allowed = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
    if (name.empty()) return "it is empty";
    if (name.size() > kLongest) return "it has more than 16 bytes";
    if (!is_letter(name.front())) return "it does not begin with a letter";
    if (!std::ranges::all_of(name, is_allowed)) return "only letters, digits, '_' and '-' work with every vendor";
    if (is_vendor_name(name)) return "it is the name of a vendor's default account";
    return {};
}

std::string_view word(FindingKind kind) {
    switch (kind) {
        case FindingKind::kAnonymousLogin:
            return "anonymous-login";
        case FindingKind::kVendorAccount:
            return "vendor-account";
        case FindingKind::kDefaultPassword:
            return "default-password";
        case FindingKind::kKnownPassword:
            return "known-password";
        case FindingKind::kDisabledButOpen:
            return "disabled-but-open";
        case FindingKind::kDuplicateName:
            return "duplicate-name";
        case FindingKind::kSuite0Open:
            return "suite-0-open";
        case FindingKind::kOwnIsVendorAccount:
            return "own-is-vendor-account";
        case FindingKind::kNewAccount:
            return "new-account";
        case FindingKind::kAccountGone:
            return "account-gone";
        case FindingKind::kRenamed:
            return "renamed";
        case FindingKind::kEnabledAgain:
            return "enabled-again";
        case FindingKind::kPrivilegeRaised:
            return "privilege-raised";
        case FindingKind::kRightsChanged:
            return "rights-changed";
        case FindingKind::kPasswordChanged:
            return "password-changed";
    }
    constexpr bool kFindingHasWord = false;
    BMCVAULT_CHECK(kFindingHasWord);
    return {};
}

std::string_view next_step(FindingKind kind) {
    switch (kind) {
        case FindingKind::kAnonymousLogin:
        case FindingKind::kVendorAccount:
        case FindingKind::kSuite0Open:
            return "`bmcvault accounts secure NAME` closes it and proves that it is closed.";
        case FindingKind::kDefaultPassword:
            return "`bmcvault accounts secure NAME` closes it, where it has a vendor's name or none; any other only "
                   "with `--unknown disable`.";
        case FindingKind::kKnownPassword:
            return "Somebody uses one password twice. Give that account another one, or close it: `bmcvault accounts "
                   "secure NAME --unknown disable`.";
        case FindingKind::kDisabledButOpen:
            return "This BMC ignores that an account is disabled. `bmcvault accounts secure NAME --unknown disable` "
                   "gives it a random password; then ask the vendor for firmware.";
        case FindingKind::kDuplicateName:
            return "Of two slots with one name nobody knows which one answers. Rename or clear one in the BMC's own "
                   "interface.";
        case FindingKind::kOwnIsVendorAccount:
            return "`bmcvault accounts adopt NAME` makes an account of our own; the vendor's can be closed then.";
        default:
            return "Find out who did it. If it is meant: `bmcvault accounts accept NAME`.";
    }
}

bool needs_attention(FindingKind kind) {
    return kind != FindingKind::kOwnIsVendorAccount;
}

bool is_drift(FindingKind kind) {
    return kind >= FindingKind::kNewAccount;
}

}  // namespace bmcvault::rotate
