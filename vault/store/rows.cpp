#include "vault/store/rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "vault/core/version_chain.hpp"

namespace bmcvault::vault {
namespace {

constexpr char kTagSeparator = '\n';

std::vector<std::string> split_tags(std::string_view text) {
    std::vector<std::string> tags;
    while (!text.empty()) {
        const auto end = text.find(kTagSeparator);
        tags.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return tags;
}

}  // namespace

Result<void> check_bmc(const Bmc& bmc) {
    const auto wrong = [&](std::string_view what) {
        return fail(ErrorCode::kInvalidArgument, fmt::format("BMC \"{}\": {}", bmc.name, what));
    };
    if (bmc.name.empty()) return wrong("the name is empty");
    if (bmc.address.empty()) return wrong("the address is empty");
    if (bmc.port == 0) return wrong("port 0");
    if (bmc.user_name.size() > 16) return wrong("the user name is longer than 16 bytes");
    if (bmc.user_id && (*bmc.user_id < 1 || *bmc.user_id > 63)) return wrong("the user ID is not 1 to 63");
    if (bmc.channel > 0x0f) return wrong("the channel is not 0 to 15");
    const auto bad_tag = [](const std::string& tag) { return tag.empty() || tag.contains(kTagSeparator); };
    if (std::ranges::any_of(bmc.tags, bad_tag)) return wrong("a tag is empty or has a line break");
    return {};
}

Database::Values bmc_values(const Bmc& bmc) {
    using Null = Value;
    Database::Values values{bmc.name,    bmc.address, bmc.port,  bmc.user_name,
                            bmc.user_id, bmc.channel, bmc.group, fmt::format("{}", fmt::join(bmc.tags, "\n")),
                            bmc.retired};
    const auto add = [&](std::initializer_list<Value> more) { values.insert(values.end(), more); };
    if (const auto& hold = bmc.hold)
        add({hold->until, hold->reason});
    else
        add({Null(), Null()});
    if (const auto& quarantine = bmc.quarantine)
        add({quarantine->since, quarantine->retry_at, quarantine->reason});
    else
        add({Null(), Null(), Null()});
    add({bmc.pin.guid, bmc.pin.manufacturer, bmc.pin.product, bmc.pin.mac});
    add({bmc.firmware, bmc.cipher_suite, bmc.weaker_suite_allowed, bmc.k_g_supported});
    if (const auto& last = bmc.last)
        add({last->command, last->outcome, last->detail, last->at});
    else
        add({Null(), Null(), Null(), Null()});
    BMCVAULT_CHECK(values.size() == kBmcColumns.size());
    return values;
}

Bmc bmc_from_row(const Row& row) {
    Bmc bmc;
    int column = 0;
    bmc.id.uuid = row.bytes<16>(column++);
    bmc.name = row.text(column++);
    bmc.address = row.text(column++);
    bmc.port = static_cast<std::uint16_t>(row.integer(column++));
    bmc.user_name = row.text(column++);
    bmc.user_id = row.maybe<std::uint8_t>(column++);
    bmc.channel = static_cast<std::uint8_t>(row.integer(column++));
    bmc.group = row.text(column++);
    bmc.tags = split_tags(row.text(column++));
    bmc.retired = row.integer(column++) != 0;
    if (!row.is_null(column + 1)) bmc.hold = Hold{row.maybe_time(column), row.text(column + 1)};
    column += 2;
    if (!row.is_null(column))
        bmc.quarantine =
            Quarantine{UnixTime{row.integer(column)}, UnixTime{row.integer(column + 1)}, row.text(column + 2)};
    column += 3;
    if (!row.is_null(column)) bmc.pin.guid = row.bytes<16>(column);
    bmc.pin.manufacturer = row.maybe<std::uint32_t>(column + 1);
    bmc.pin.product = row.maybe<std::uint16_t>(column + 2);
    if (!row.is_null(column + 3)) bmc.pin.mac = row.bytes<6>(column + 3);
    column += 4;
    bmc.firmware = row.text(column++);
    bmc.cipher_suite = row.maybe<std::uint8_t>(column++);
    bmc.weaker_suite_allowed = row.integer(column++) != 0;
    if (!row.is_null(column)) bmc.k_g_supported = row.integer(column) != 0;
    ++column;
    if (!row.is_null(column))
        bmc.last =
            LastResult{row.text(column), row.text(column + 1), row.text(column + 2), UnixTime{row.integer(column + 3)}};
    column += 4;
    bmc.compartment = static_cast<std::uint32_t>(row.integer(column));
    return bmc;
}

Result<Bytes> read_meta(Database& database, std::string_view key) {
    Bytes value;
    auto done = database.query("SELECT v FROM meta WHERE k=?", {key}, [&](const Row& row) {
        value = row.blob(0);
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return value;
}

ListedPassword listed_password_from_row(const Row& row) {
    ListedPassword password;
    password.list = static_cast<std::uint32_t>(row.integer(0));
    password.entry = static_cast<std::uint32_t>(row.integer(1));
    password.list_name = row.text(2);
    password.label = row.text(3);
    password.size = static_cast<StoredSize>(row.integer(4));
    password.used_from = row.maybe_time(5);
    password.used_until = row.maybe_time(6);
    password.created_at = {row.integer(7)};
    return password;
}

Result<CredentialVersion> version_from_row(const Row& row) {
    CredentialVersion version;
    version.bmc.uuid = row.bytes<16>(0);
    version.subject = {static_cast<Kind>(row.integer(1)), static_cast<std::uint8_t>(row.integer(2))};
    version.version = {static_cast<std::uint32_t>(row.integer(3))};
    const auto state = state_from_word(row.text(4));
    const auto provenance = provenance_from_word(row.text(5));
    if (!state || !provenance) return fail(ErrorCode::kDamaged, "a credential row has an unknown state or provenance");
    version.state = *state;
    version.provenance = *provenance;
    version.size = static_cast<StoredSize>(row.integer(6));
    version.created_at = {row.integer(7)};
    version.sent_at = row.maybe_time(8);
    version.proved_at = row.maybe_time(9);
    version.superseded_at = row.maybe_time(10);
    version.note = row.text(11);
    return version;
}

AuditRecord audit_from_row(const Row& row) {
    AuditRecord record;
    record.sequence = static_cast<std::uint64_t>(row.integer(0));
    record.at = {row.integer(1)};
    record.actor = row.text(2);
    record.event = row.text(3);
    if (!row.is_null(4)) record.bmc = BmcId{row.bytes<16>(4)};
    record.body = row.text(5);
    record.hash = row.bytes<32>(6);
    return record;
}

}  // namespace bmcvault::vault
