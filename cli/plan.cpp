#include "cli/plan.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/text.hpp"
#include "rotate/core/accounts.hpp"
#include "vault/core/line_reader.hpp"

namespace bmcvault::cli {
namespace {

using vault::LineReader;
using vault::Slot;
using vault::to_base64;

constexpr std::string_view kMagic = "bmcvault-plan/1";
constexpr std::string_view kMagicOfAnyVersion = "bmcvault-plan/";
// What the two members sign begins differently, so that neither signature can stand for the other, nor for one of the
// audit log, a statement or a certificate.
constexpr std::string_view kApprovalMagic = "bmcvault-plan-approval/1";
constexpr std::int64_t kDay_s = 86'400;
constexpr std::int64_t kClockSlack_s = 300;  // what a time server may take back

std::string_view yes_or_no(bool value) {
    return value ? "yes" : "no";
}

bool read_yes_or_no(LineReader& reader, std::string_view key) {
    const auto text = reader.value_of(key);
    if (text != "yes" && text != "no") reader.mistake("must be yes or no");
    return text == "yes";
}

// "account -" stands for our own, or where it is about all of them for all.
std::string account_line(const std::string& role) {
    return fmt::format("account {}\n", role.empty() ? "-" : role);
}

std::string read_account(LineReader& reader) {
    std::string role(reader.value_of("account "));
    if (role == "-") return {};
    if (!rotate::account_role_from(role)) reader.mistake("must be -, spare or monitor");
    return role;
}

std::string work_text(const PlannedRotation& work) {
    return fmt::format("command rotate\n{}put-back {}\nfirst-contact {}\n", account_line(work.role),
                       yes_or_no(work.put_back), yes_or_no(work.first_contact));
}
std::string work_text(const PlannedReveal& work) {
    return fmt::format("command reveal\n{}version {}\n", account_line(work.account), work.version.value_or(0));
}
std::string work_text(const PlannedExport& work) {
    return fmt::format("command export\n{}format {}\nholder {}\n", account_line(work.account), work.format,
                       work.holder);
}
std::string work_text(const vault::NewMember& work) {
    return fmt::format("command member add\nname {}\nservice {}\nrole {}\ncompartments {}\npk {}\nsign {}\n", work.name,
                       yes_or_no(work.service), vault::to_word(work.role), fmt::join(work.compartments, ","),
                       to_base64(work.keys.exchange), to_base64(work.keys.signing));
}

std::vector<std::string> read_list(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

vault::NewMember read_member(LineReader& reader) {
    vault::NewMember member;
    member.name = reader.value_of("name ");
    member.service = read_yes_or_no(reader, "service ");
    const auto role = vault::role_from_word(reader.value_of("role "));
    if (!role) reader.mistake("must be owner, operator or auditor");
    member.role = role.value_or(vault::Role::kAuditor);
    member.compartments = read_list(reader.value_of("compartments "));
    member.keys.exchange = reader.fixed_bytes<32>(reader.value_of("pk "));
    member.keys.signing = reader.fixed_bytes<32>(reader.value_of("sign "));
    return member;
}

PlannedWork read_work(LineReader& reader) {
    const auto command = reader.value_of("command ");
    if (command == "rotate") {
        PlannedRotation work;
        work.role = read_account(reader);
        if (work.role == "spare") reader.mistake("must be - or monitor");
        work.put_back = read_yes_or_no(reader, "put-back ");
        if (work.put_back && !work.role.empty()) reader.mistake("a monitoring account has no put-back");
        work.first_contact = read_yes_or_no(reader, "first-contact ");
        return work;
    }
    if (command == "reveal") {
        auto account = read_account(reader);
        const auto version = reader.number<std::uint32_t>(reader.value_of("version "));
        return PlannedReveal{version == 0 ? std::nullopt : std::optional(version), std::move(account)};
    }
    if (command == "export") {
        PlannedExport work;
        work.account = read_account(reader);
        work.format = reader.value_of("format ");
        work.holder = reader.value_of("holder ");
        return work;
    }
    if (command != "member add") reader.mistake("must be rotate, reveal, export or member add");
    return read_member(reader);
}

// "bmc UUID k_g NAME", with "-" for k_g where there is to be no fresh one.
std::string bmc_line(const PlannedBmc& bmc) {
    return fmt::format("bmc {} {} {}\n", to_hex(bmc.id.uuid), bmc.with_k_g ? "k_g" : "-", bmc.name);
}

PlannedBmc read_bmc(LineReader& reader) {
    constexpr std::size_t kDigits = 32;
    PlannedBmc bmc;
    const auto text = reader.value_of("bmc ");
    const auto uuid = from_hex(text.substr(0, kDigits));
    const auto rest = text.substr(std::min(text.size(), kDigits));
    bmc.with_k_g = rest.starts_with(" k_g ");
    if (!uuid || uuid->size() != bmc.id.uuid.size() || !(bmc.with_k_g || rest.starts_with(" - "))) {
        reader.mistake("must be a UUID, k_g or -, and a name");
        return bmc;
    }
    std::ranges::copy(*uuid, bmc.id.uuid.begin());
    bmc.name = rest.substr(rest.find(' ', 1) + 1);
    return bmc;
}

void read_bmcs(LineReader& reader, Plan& plan) {
    std::set<BmcId> ids;
    while (reader.next_is("bmc ")) {
        plan.bmcs.push_back(read_bmc(reader));
        const auto& bmc = plan.bmcs.back();
        if (!ids.insert(bmc.id).second) reader.mistake("this BMC is there already");
        if (bmc.with_k_g && !std::holds_alternative<PlannedRotation>(plan.work))
            reader.mistake("only rotate makes a K_G");
    }
    if (plan.bmcs.empty() != std::holds_alternative<vault::NewMember>(plan.work))
        reader.mistake(plan.bmcs.empty() ? "there is no BMC" : "a member is no matter of BMCs");
}

std::string approval_lines(const SignedBy& approved) {
    return fmt::format("approved-by {}\napproved-at {}\n", approved.member, approved.at.value);
}

std::string signature_line(std::string_view key, const SignedBy& by) {
    return fmt::format("--- {} {}\n", key, to_base64(by.signature));
}

std::unexpected<Error> refused(std::string detail) {
    return fail(ErrorCode::kInvalidArgument, std::move(detail));
}

std::unexpected<Error> not_by(const std::string& member, std::string_view why) {
    return fail(ErrorCode::kNotPermitted, fmt::format("{} {}", member, why));
}

// Whose name it is, among those who can open the vault now, and who has signed it.
Result<const Slot*> who_signed(const SignedBy& by, std::string_view text, const std::vector<Slot>& slots) {
    const auto slot = std::ranges::find(slots, by.member, &Slot::name);
    const auto* keys = slot == slots.end() ? nullptr : vault::public_keys_of(*slot);
    if (keys == nullptr) return refused(fmt::format("{} has signed it, and is no member of this vault", by.member));
    if (!vault::verify_signature(as_bytes(text), by.signature, keys->signing))
        return refused(fmt::format("it is NOT as {} has signed it", by.member));
    return &*slot;
}

Result<void> check_times(const Plan& plan, const PlanFacts& facts) {
    const auto asked = plan.asked.at.value;
    const auto until = plan.valid_until.value;
    if (asked > facts.now.value + kClockSlack_s)
        return refused(fmt::format("it was made at {}, and this host's clock says {}", iso_time(plan.asked.at),
                                   iso_time(facts.now)));
    if (until <= asked || until - asked > kMaxPlanDays * kDay_s)
        return refused(fmt::format("it would be valid for longer than {} days", kMaxPlanDays));
    if (facts.now.value >= until) return refused(fmt::format("it was valid until {}", iso_time(plan.valid_until)));
    if (facts.restored_at && facts.restored_at->value >= asked)
        return refused(fmt::format("the vault was put back to an older state at {}: whether it was run is not known",
                                   iso_time(*facts.restored_at)));
    return {};
}

bool is_same(const Slot& one, const Slot& other) {
    const auto* keys = vault::public_keys_of(one);
    const auto* others = vault::public_keys_of(other);
    const bool same_key = keys != nullptr && others != nullptr &&
                          (keys->signing == others->signing || keys->exchange == others->exchange);
    return one.number == other.number || same_key;
}

bool is_program(const Slot& slot) {
    const auto* member = std::get_if<vault::MemberSlot>(&slot.kind);
    return member != nullptr && member->service;
}

}  // namespace

std::string text_to_ask(const Plan& plan) {
    std::string text =
        fmt::format("{}\nvault {}\nid {}\nasked-by {}\nasked-at {}\nvalid-until {}\nreason {}\nticket {}\n", kMagic,
                    to_base64(plan.vault_id), to_base64(plan.id), plan.asked.member, plan.asked.at.value,
                    plan.valid_until.value, plan.reason, plan.ticket);
    text += std::visit([](const auto& work) { return work_text(work); }, plan.work);
    for (const auto& bmc : plan.bmcs) text += bmc_line(bmc);
    return text;
}

std::string text_to_approve(const Plan& plan) {
    return fmt::format("{}\n{}{}{}", kApprovalMagic, text_to_ask(plan), signature_line("asked", plan.asked),
                       approval_lines(*plan.approved));
}

std::string format_plan(const Plan& plan) {
    auto text = text_to_ask(plan) + signature_line("asked", plan.asked);
    if (plan.approved) text += approval_lines(*plan.approved) + signature_line("approved", *plan.approved);
    return text;
}

Result<Plan> parse_plan(std::string_view text) {
    if (!text.starts_with(kMagicOfAnyVersion)) return fail(ErrorCode::kInvalidArgument, "is no plan of bmcvault");
    Plan plan;
    LineReader reader("plan", text);
    if (reader.line() != kMagic) reader.mistake("made by another version of bmcvault", ErrorCode::kUnsupported);
    plan.vault_id = reader.fixed_bytes<16>(reader.value_of("vault "));
    plan.id = reader.fixed_bytes<16>(reader.value_of("id "));
    plan.asked.member = reader.value_of("asked-by ");
    plan.asked.at.value = reader.number<std::int64_t>(reader.value_of("asked-at "));
    plan.valid_until.value = reader.number<std::int64_t>(reader.value_of("valid-until "));
    plan.reason = reader.value_of("reason ");
    plan.ticket = reader.value_of("ticket ");
    plan.work = read_work(reader);
    read_bmcs(reader, plan);
    plan.asked.signature = reader.fixed_bytes<64>(reader.value_of("--- asked "));
    if (!reader.failed() && !reader.at_end()) {
        SignedBy approved;
        approved.member = reader.value_of("approved-by ");
        approved.at.value = reader.number<std::int64_t>(reader.value_of("approved-at "));
        approved.signature = reader.fixed_bytes<64>(reader.value_of("--- approved "));
        plan.approved = std::move(approved);
    }
    if (reader.failed()) {
        const Error error = reader.error().error();
        const bool newer = error.code == ErrorCode::kUnsupported;
        return fail(newer ? error.code : ErrorCode::kInvalidArgument, error.detail);
    }
    if (format_plan(plan) != text) return fail(ErrorCode::kInvalidArgument, "plan: is not written as bmcvault does");
    return plan;
}

std::string plan_hash(const Plan& plan) {
    const auto text = text_to_ask(plan);
    vault::Digest hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                       nullptr, 0);
    return to_hex(hash);
}

std::string_view command_of(const Plan& plan) {
    constexpr std::array<std::string_view, std::variant_size_v<PlannedWork>> kCommands{"rotate", "reveal", "export",
                                                                                       "member add"};
    return kCommands[plan.work.index()];
}

Result<std::vector<vault::Bmc>> bmcs_of(const Plan& plan, std::span<const vault::Bmc> fleet) {
    std::map<BmcId, const vault::Bmc*> by_id;
    for (const auto& bmc : fleet) by_id.emplace(bmc.id, &bmc);
    std::vector<vault::Bmc> found;
    std::vector<std::string> missing;
    for (const auto& planned : plan.bmcs) {
        const auto bmc = by_id.find(planned.id);
        if (bmc == by_id.end() || bmc->second->name != planned.name)
            missing.push_back(printable(planned.name));
        else
            found.push_back(*bmc->second);
    }
    if (missing.empty()) return found;
    return refused(
        fmt::format("{}: removed or replaced since the plan was made, or in a compartment that you do not "
                    "open",
                    some_of(missing)));
}

Result<void> check_right(const Slot& slot, const Plan& plan, const PlanFacts& facts) {
    const auto role = vault::role_of(slot);
    if (role == vault::Role::kAuditor) return not_by(slot.name, "is an auditor, who may only look");
    if (std::holds_alternative<vault::NewMember>(plan.work) && role != vault::Role::kOwner)
        return not_by(slot.name, "is no owner: who opens the vault is for owners to say");
    const auto bmcs = bmcs_of(plan, facts.fleet);
    if (!bmcs) return std::unexpected(bmcs.error());
    const auto& opens = vault::compartments_of(slot);
    for (const auto& bmc : *bmcs) {
        if (std::ranges::find(opens, bmc.compartment) == opens.end())
            return not_by(slot.name, fmt::format("does not open the compartment of {}", printable(bmc.name)));
    }
    return {};
}

Result<void> check_request(const Plan& plan, const PlanFacts& facts) {
    if (plan.vault_id != facts.vault_id) return refused("it is a plan for another vault");
    const auto slot = who_signed(plan.asked, text_to_ask(plan), facts.slots);
    if (!slot) return std::unexpected(slot.error());
    if (auto in_time = check_times(plan, facts); !in_time) return in_time;
    return check_right(**slot, plan, facts);
}

Result<void> check_second(const Slot& slot, const Plan& plan, const PlanFacts& facts) {
    const auto first = std::ranges::find(facts.slots, plan.asked.member, &Slot::name);
    if (first == facts.slots.end() || is_same(*first, slot))
        return not_by(slot.name, "has asked for it: the second signature is another member's");
    if (is_program(slot)) return not_by(slot.name, "is a program: the second signature is a person's");
    return check_right(slot, plan, facts);
}

Result<void> check_approved(const Plan& plan, const PlanFacts& facts) {
    if (auto asked = check_request(plan, facts); !asked) return asked;
    if (!plan.approved) return refused("nobody else has signed it yet");
    const auto slot = who_signed(*plan.approved, text_to_approve(plan), facts.slots);
    if (!slot) return std::unexpected(slot.error());
    return check_second(**slot, plan, facts);
}

}  // namespace bmcvault::cli
