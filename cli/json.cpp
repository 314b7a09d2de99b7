#include "cli/json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/checkpoints.hpp"
#include "cli/due.hpp"
#include "cli/plan.hpp"
#include "cli/text.hpp"
#include "cli/yearly_report.hpp"
#include "rotate/core/other_logins.hpp"
#include "rotate/engine/capability_card.hpp"
#include "vault/base/bytes.hpp"
#include "vault/core/identity.hpp"

namespace bmcvault::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string line(const Json& object) {
    return object.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

template <class T>
Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}
Json time_or_null(const std::optional<UnixTime>& time) {
    return time ? Json(iso_time(*time)) : Json(nullptr);
}
Json number_or_null(const std::optional<vault::CredentialVersion>& version) {
    return version ? Json(version->version.value) : Json(nullptr);
}
Json size_or_null(const std::optional<vault::CredentialVersion>& version) {
    return version ? Json(static_cast<int>(version->size)) : Json(nullptr);
}
std::string uuid_text(const BmcId& id) {
    return to_hex(id.uuid);
}

Json counts(const OutcomeCounts& outcomes) {
    Json object = Json::object();
    for (const auto& [outcome, count] : outcomes) object[outcome] = count;
    return object;
}

void add_work(Json& object, const PlannedRotation& work) {
    object["account"] = work.role.empty() ? Json(nullptr) : Json(work.role);
    object["put_back"] = work.put_back;
    object["first_contact"] = work.first_contact;
}
void add_work(Json& object, const PlannedReveal& work) {
    object["account"] = work.account.empty() ? Json(nullptr) : Json(work.account);
    object["version"] = or_null(work.version);
}
void add_work(Json& object, const PlannedExport& work) {
    object["account"] = work.account.empty() ? Json(nullptr) : Json(work.account);
    object["format"] = work.format;
    object["holder"] = work.holder;
}
void add_work(Json& object, const vault::NewMember& work) {
    object["member"] = work.name;
    object["service"] = work.service;
    object["role"] = vault::to_word(work.role);
    object["compartments"] = work.compartments;
    object["fingerprint"] = vault::fingerprint(work.keys);
}

Json place(const vault::Bmc& bmc) {
    return {{"type", "bmc"}, {"name", bmc.name}, {"address", host_and_port(bmc.address, bmc.port)}};
}

}  // namespace

std::string json_result(const rotate::BmcReport& report) {
    Json object{{"type", "bmc"},
                {"name", report.name},
                {"address", report.address},
                {"outcome", report.outcome},
                {"detail", report.detail}};
    object["password_version"] = report.password_version ? Json(report.password_version->value) : Json(nullptr);
    object["password_size"] = report.password_size ? Json(static_cast<int>(*report.password_size)) : Json(nullptr);
    object["k_g_version"] = report.k_g_version ? Json(report.k_g_version->value) : Json(nullptr);
    if (!report.k_g_asked) object["k_g"] = "not-asked";
    if (report.version_since) object["version_since"] = iso_time(*report.version_since);
    object["failed_logins"] = report.failed_logins;
    object["round_trips"] = report.round_trips;
    object["elapsed_ms"] = report.elapsed.count();
    return line(object);
}

std::string json_summary(const rotate::RunSummary& summary) {
    Json object{{"type", "summary"}, {"command", summary.command}, {"total", summary.total}};
    object["outcomes"] = counts(summary.outcomes);
    object["failed_logins"] = summary.failed_logins;
    object["elapsed_ms"] = summary.elapsed.count();
    if (summary.continued > 0) object["continued"] = summary.continued;
    if (summary.stopped) object["stopped"] = true;
    return line(object);
}

std::string json_summary(const PlainSummary& summary) {
    Json object{{"type", "summary"}, {"command", summary.command}, {"total", summary.total}};
    object["outcomes"] = counts(summary.outcomes);
    if (summary.attention) object["attention"] = *summary.attention;
    if (summary.dry_run) object["dry_run"] = true;
    return line(object);
}

std::string json_rescue(const vault::Bmc& bmc, VersionNumber staged, const std::string& script) {
    Json object = place(bmc);
    object["outcome"] = "staged";
    object["password_version"] = staged.value;
    object["script"] = script;
    return line(object);
}

std::string json_inventory(const vault::Bmc& bmc, std::string_view outcome) {
    Json object = place(bmc);
    if (!outcome.empty()) object["outcome"] = outcome;
    object["host"] = bmc.address;
    object["port"] = bmc.port;
    object["username"] = bmc.user_name;
    object["user_id"] = or_null(bmc.user_id);
    object["channel"] = bmc.channel;
    object["group"] = bmc.group;
    object["tags"] = bmc.tags;
    object["uuid"] = uuid_text(bmc.id);
    object["guid"] = bmc.pin.guid ? Json(to_hex(*bmc.pin.guid)) : Json(nullptr);
    object["manufacturer"] = or_null(bmc.pin.manufacturer);
    object["product"] = or_null(bmc.pin.product);
    object["mac"] = bmc.pin.mac ? Json(to_hex(*bmc.pin.mac)) : Json(nullptr);
    object["firmware"] = bmc.firmware;
    object["cipher_suite"] = or_null(bmc.cipher_suite);
    object["k_g_supported"] = or_null(bmc.k_g_supported);
    object["held_until"] = bmc.hold ? time_or_null(bmc.hold->until) : Json(nullptr);
    object["hold_reason"] = bmc.hold ? Json(bmc.hold->reason) : Json(nullptr);
    object["quarantine_reason"] = bmc.quarantine ? Json(bmc.quarantine->reason) : Json(nullptr);
    object["last_outcome"] = bmc.last ? Json(bmc.last->outcome) : Json(nullptr);
    object["last_at"] = bmc.last ? Json(iso_time(bmc.last->at)) : Json(nullptr);
    return line(object);
}

std::string json_status(const FleetEntry& entry, UnixTime now) {
    const vault::Bmc& bmc = entry.bmc;
    Json object = place(bmc);
    object["group"] = bmc.group;
    object["command"] = bmc.last ? Json(bmc.last->command) : Json(nullptr);
    object["outcome"] = bmc.last ? Json(bmc.last->outcome) : Json(nullptr);
    object["detail"] = bmc.last ? bmc.last->detail : "";
    object["at"] = bmc.last ? Json(iso_time(bmc.last->at)) : Json(nullptr);
    object["password_version"] = number_or_null(entry.password);
    object["password_size"] = size_or_null(entry.password);
    object["k_g_version"] = number_or_null(entry.k_g);
    object["proved_at"] = entry.password ? time_or_null(entry.password->proved_at) : Json(nullptr);
    object["password_age_s"] = entry.password ? Json(now.value - entry.password->created_at.value) : Json(nullptr);
    object["held"] = entry.held;
    object["quarantined"] = bmc.quarantine.has_value();
    object["attention"] = entry.attention.empty() ? Json(nullptr) : Json(entry.attention);
    return line(object);
}

std::string json_due(const DueEntry& entry, std::string_view state) {
    Json object = place(entry.bmc);
    object["type"] = "due";
    object["group"] = entry.bmc.group;
    object["state"] = state;
    Json why = Json::array();
    for (const auto& due : entry.due)
        why.push_back({{"reason", rotate::word(due.reason)}, {"since", time_or_null(due.since)}});
    object["why"] = std::move(why);
    object["due_at"] = time_or_null(entry.due_at);
    object["held_until"] = entry.bmc.hold ? time_or_null(entry.bmc.hold->until) : Json(nullptr);
    object["hold_reason"] = entry.bmc.hold ? Json(entry.bmc.hold->reason) : Json(nullptr);
    return line(object);
}

std::string json_yearly(const YearlyLine& entry) {
    Json object = place(entry.bmc);
    object["type"] = "report";
    object["group"] = entry.bmc.group;
    object["state"] = word(entry.fate);
    object["password_version"] = number_or_null(entry.password);
    object["made_at"] = entry.password ? Json(iso_time(entry.password->created_at)) : Json(nullptr);
    object["proved_at"] = entry.password ? time_or_null(entry.password->proved_at) : Json(nullptr);
    object["why"] = entry.why;
    object["excepted_by"] = entry.excepted_by.empty() ? Json(nullptr) : Json(entry.excepted_by);
    object["excepted_until"] = entry.fate == Fate::kExcepted ? time_or_null(entry.bmc.hold->until) : Json(nullptr);
    object["next"] = entry.next.empty() ? Json(nullptr) : Json(entry.next);
    return line(object);
}

std::string json_version(const vault::Bmc& bmc, const vault::CredentialVersion& version) {
    Json object{{"type", "version"},
                {"name", bmc.name},
                {"address", host_and_port(bmc.address, bmc.port)},
                {"uuid", uuid_text(bmc.id)},
                {"kind", version.subject.kind == vault::Kind::kPassword ? "password" : "k_g"}};
    object["subject"] = describe(version.subject);
    object["version"] = version.version.value;
    object["state"] = word(version.state);
    object["provenance"] = word(version.provenance);
    object["size"] = static_cast<int>(version.size);
    object["created_at"] = iso_time(version.created_at);
    object["sent_at"] = time_or_null(version.sent_at);
    object["proved_at"] = time_or_null(version.proved_at);
    object["superseded_at"] = time_or_null(version.superseded_at);
    object["note"] = version.note;
    return line(object);
}

std::string json_event(const vault::AuditRecord& record, const std::string& bmc_name) {
    Json object{{"type", "event"}, {"sequence", record.sequence}, {"at", iso_time(record.at)}};
    object["actor"] = record.actor;
    object["event"] = record.event;
    object["name"] = record.bmc ? Json(bmc_name) : Json(nullptr);
    const Json body = Json::parse(record.body, nullptr, false);
    object["body"] = body.is_discarded() ? Json(record.body) : body;
    object["hash"] = to_hex(record.hash);
    return line(object);
}

std::string json_vault(const vault::Store::Info& info, const std::string& directory, const std::string& signing_key) {
    Json object{{"type", "vault"}, {"directory", directory}, {"vault_id", to_hex(info.vault_id)}};
    object["generation"] = info.generation;
    object["sqlcipher"] = info.sqlcipher_version;
    object["audit_records"] = info.audit_records;
    object["credential_versions"] = info.credential_versions;
    object["listed_passwords"] = info.listed_passwords;
    object["slots"] = info.slots;
    object["signing_key"] = signing_key.empty() ? Json(nullptr) : Json(signing_key);
    return line(object);
}

std::string json_log_export(const LogExtent& extent) {
    const auto& filter = extent.filter;
    Json object{{"type", "log-export"}, {"vault_id", extent.vault_id}, {"records", extent.records}};
    object["log_records"] = extent.log_records;
    object["log_head"] = extent.head ? Json(*extent.head) : Json(nullptr);
    object["made_at"] = iso_time(extent.made_at);
    object["made_by"] = extent.made_by;
    object["whole"] = extent.records == extent.log_records;
    object["only"] = {{"bmc", filter.name},
                      {"event", filter.event},
                      {"by", filter.by},
                      {"since", filter.since},
                      {"last", filter.limit}};
    object["refused"] = extent.refusal;
    return line(object);
}

std::string json_places_of_checkpoints(const std::vector<std::string>& places) {
    return line({{"type", "checkpoints"}, {"go_to", places}});
}

std::string json_kept_checkpoints(const KeptCheckpoints& kept) {
    return line({{"type", "kept-checkpoints"},
                 {"file", kept.file},
                 {"checkpoints", kept.of_this_vault},
                 {"other_lines", kept.other_lines},
                 {"newest_record", kept.newest_record},
                 {"newest_at", iso_time(kept.newest_at)},
                 {"records_since", kept.records_since}});
}

std::string json_identity(const std::string& file, const std::string& fingerprint) {
    return line({{"type", "identity"}, {"file", file}, {"fingerprint", fingerprint}});
}

std::string json_verified(const std::string& file, const std::string& signer, bool signer_checked,
                          const CertifiedFacts& facts) {
    return line({{"type", "verified"},
                 {"file", file},
                 {"signer", signer},
                 {"signer_checked", signer_checked},
                 {"bmc", facts.bmc},
                 {"serial", facts.serial},
                 {"guid", facts.guid},
                 {"result", facts.result}});
}

std::string json_member(const vault::Member& member) {
    Json object{{"type", "member"}, {"name", member.name}, {"slot", member.type}};
    object["role"] = vault::to_word(member.role);
    object["compartments"] = member.compartments;
    object["added_at"] = iso_time(member.added_at);
    object["removed_at"] = time_or_null(member.removed_at);
    object["fingerprint"] = member.keys ? Json(vault::fingerprint(*member.keys)) : Json(nullptr);
    return line(object);
}

std::string json_compartment(const vault::Compartment& compartment) {
    return line({{"type", "compartment"}, {"name", compartment.name}, {"bmcs", compartment.bmcs}});
}

std::string json_holder(const vault::Holder& holder) {
    Json object{{"type", "holder"}, {"name", holder.name}, {"bmcs", holder.bmcs}, {"reason", holder.note}};
    object["added_at"] = iso_time(holder.added_at);
    object["departed_at"] = time_or_null(holder.departed_at);
    return line(object);
}

std::string json_backup(const vault::Store::BackupReport& report, const std::string& file) {
    Json object{{"type", "backup"}, {"file", file}, {"vault_id", to_hex(report.vault_id)}};
    object["generation"] = report.generation;
    object["taken_at"] = iso_time(report.taken_at);
    object["audit_records"] = report.audit_records;
    object["credential_versions"] = report.credential_versions;
    object["listed_passwords"] = report.listed_passwords;
    object["slots"] = report.slots;
    return line(object);
}

std::string json_hook(const vault::Bmc& bmc, const rotate::BmcReport* report, const GlobalOptions& options,
                      bool with_secret) {
    Json object{{"event", report == nullptr ? "before-rotation" : "after-rotation"},
                {"name", bmc.name},
                {"host", bmc.address},
                {"port", bmc.port},
                {"username", bmc.user_name},
                {"group", bmc.group},
                {"tags", bmc.tags},
                {"reason", options.reason},
                {"ticket", options.ticket}};
    if (report != nullptr) {
        object["outcome"] = report->outcome.empty() ? Json(nullptr) : Json(report->outcome);
        object["password_version"] = report->password_version ? Json(report->password_version->value) : Json(nullptr);
        object["k_g_version"] = report->k_g_version ? Json(report->k_g_version->value) : Json(nullptr);
        object["secret_fd"] = with_secret ? Json(3) : Json(nullptr);
    }
    return line(object);
}

std::string json_attention(const std::string& command, int exit_code, const std::string& failure) {
    return line(Json{{"event", "attention"}, {"command", command}, {"exit_code", exit_code}, {"failure", failure}});
}

std::string json_plan(const Plan& plan, std::span<const vault::Bmc> bmcs) {
    Json object{{"type", "plan"}, {"plan", plan_hash(plan)}, {"command", command_of(plan)}};
    object["asked_by"] = plan.asked.member;
    object["asked_at"] = iso_time(plan.asked.at);
    object["valid_until"] = iso_time(plan.valid_until);
    object["reason"] = plan.reason;
    object["ticket"] = plan.ticket;
    std::visit([&](const auto& work) { add_work(object, work); }, plan.work);
    Json list = Json::array();
    for (std::size_t i = 0; i < bmcs.size(); ++i) {
        const auto& bmc = bmcs[i];
        list.push_back({{"name", bmc.name},
                        {"address", host_and_port(bmc.address, bmc.port)},
                        {"uuid", uuid_text(bmc.id)},
                        {"k_g", plan.bmcs[i].with_k_g}});
    }
    object["bmcs"] = std::move(list);
    return line(object);
}

std::string json_exported(const vault::Bmc& bmc, VersionNumber password, const std::string& format) {
    Json object = place(bmc);
    object["outcome"] = "exported";
    object["format"] = format;
    object["password_version"] = password.value;
    return line(object);
}

std::string json_forgotten(const vault::WipedBmc& bmc, bool done) {
    return line(Json{{"type", "forgotten"},
                     {"name", bmc.name},
                     {"uuid", uuid_text(bmc.id)},
                     {"wiped_at", iso_time(bmc.at)},
                     {"versions", bmc.versions},
                     {"outcome", done ? "destroyed" : "would-be-destroyed"}});
}

std::string json_backup_that_holds(const std::string& file) {
    return line(Json{{"type", "backup-holds"}, {"file", file}});
}

std::string json_reveal_head(const vault::Bmc& bmc, const vault::CredentialVersion& password,
                             const std::optional<vault::CredentialVersion>& k_g, std::string_view privilege) {
    Json object = place(bmc);
    object["host"] = bmc.address;
    object["port"] = bmc.port;
    object["username"] = bmc.user_name;
    object["privilege"] = privilege;
    object["password_version"] = password.version.value;
    object["password_state"] = word(password.state);
    object["password_size"] = static_cast<int>(password.size);
    object["k_g_version"] = number_or_null(k_g);
    std::string text = object.dump(-1, ' ', true, Json::error_handler_t::replace);
    text.pop_back();
    return text;
}

std::string json_card(const rotate::CapabilityCard& card, const rotate::BoardsOfKind& boards) {
    return line(Json{{"type", "card"},
                     {"card", card.kind},
                     {"facts", card.facts},
                     {"bmcs", boards.names},
                     {"cipher_suites", boards.cipher_suites},
                     {"session_slots", boards.session_slots},
                     {"lock_outs", boards.lock_outs},
                     {"enabled_bits_told", !boards.enabled_bits_are_missing},
                     {"disabled_users_get_in", boards.disabled_users_get_in},
                     {"other_logins", rotate::other_logins(rotate::manufacturer_of(card.kind))}});
}

std::string json_break_glass(std::uint32_t threshold, const std::string& fingerprint,
                             const std::vector<std::string>& holders, const std::vector<std::string>& sheets) {
    return line(Json{{"type", "break-glass"},
                     {"threshold", threshold},
                     {"fingerprint", fingerprint},
                     {"holders", holders},
                     {"sheets", sheets}});
}

std::string json_escrow_sample(const vault::EscrowSample& sample) {
    return line(Json{{"type", "escrow-sample"},
                     {"file", sample.file},
                     {"lines", sample.lines},
                     {"opened", sample.opened},
                     {"whole", sample.whole},
                     {"bmcs", sample.bmcs},
                     {"newest", sample.newest}});
}

std::string json_taken(const std::string& who, const vault::KeyInShares& key, const vault::Taken& taken) {
    return line(Json{{"type", "break-glass-taken"},
                     {"who", who},
                     {"slot", key.slot},
                     {"made_it", taken.made_it},
                     {"shares", taken.shares},
                     {"with_leavers", taken.by_all},
                     {"threshold", key.threshold}});
}

std::string json_access(const std::string& member, std::size_t gained, std::size_t lost) {
    return line(Json{{"type", "access"}, {"member", member}, {"gained", gained}, {"lost", lost}});
}

std::string json_escrow(const vault::Escrow& escrow) {
    return line(Json{{"type", "escrow"},
                     {"file", escrow.file},
                     {"slot", escrow.slot},
                     {"since", iso_time(escrow.since)},
                     {"problem", escrow.problem}});
}

std::string json_replay(const vault::EscrowReplay& replay, const std::string& file) {
    return line(Json{{"type", "replay"},
                     {"file", file},
                     {"lines", replay.lines},
                     {"known", replay.known},
                     {"added", replay.added},
                     {"bmcs_added", replay.bmcs_added},
                     {"not_in_vault", replay.not_in_vault},
                     {"unread", replay.unread},
                     {"unread_lines", replay.unread_lines}});
}

std::string json_body(const std::vector<std::pair<std::string_view, std::string>>& fields) {
    nlohmann::json object = nlohmann::json::object();  // sorted keys: canonical
    for (const auto& [key, value] : fields) {
        if (!value.empty()) object[std::string(key)] = value;
    }
    return object.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string_view word(vault::VersionState state) {
    using enum vault::VersionState;
    switch (state) {
        case kPending:
            return "pending";
        case kObserved:
            return "observed";
        case kCurrent:
            return "current";
        case kPrevious:
            return "previous";
        case kRetired:
            return "retired";
        case kFailed:
            return "failed";
        case kUnknown:
            return "unknown";
        case kDestroyed:
            return "destroyed";
    }
    return "unknown";
}

std::string_view word(vault::Provenance provenance) {
    using enum vault::Provenance;
    switch (provenance) {
        case kImported:
            return "imported";
        case kFactory:
            return "factory";
        case kGenerated:
            return "generated";
        case kManual:
            return "manual";
        case kObserved:
            return "observed";
        case kPutBack:
            return "put-back";
        case kRestored:
            return "restored";
    }
    return "imported";
}

std::string describe(vault::Subject subject) {
    if (subject.kind == vault::Kind::kKg) {
        return subject.index == 0x0e ? "k_g" : fmt::format("k_g of channel {}", subject.index);
    }
    return subject.index == vault::Subject::kOwnAccount ? "password"
                                                        : fmt::format("password of user {}", subject.index);
}

}  // namespace bmcvault::cli
