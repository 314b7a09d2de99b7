#include "vault/store/audit_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "vault/core/audit_pack.hpp"
#include "vault/store/compression.hpp"
#include "vault/store/migrate.hpp"
#include "vault/store/rows.hpp"
#include "vault/store/transaction.hpp"

namespace bmcvault::vault {
namespace {

constexpr int kFirstVersionWithState = 5;
constexpr int kFirstVersionWithPacks = 8;

// Of a version: a backup, and a vault that is only read, may have older ones.
struct Tables {
    bool have_packs = false;
    std::string_view select_rows;  // after one, so many
};

Result<Tables> tables_of(Database& database) {
    const auto version = read_schema_version(database);
    if (!version) return std::unexpected(version.error());
    if (*version < kFirstVersionWithState)
        return Tables{
            false,
            "SELECT seq,at,actor,event,bmc_uuid,body,hash,NULL,NULL FROM audit WHERE seq>? ORDER BY seq LIMIT ?"};
    return Tables{*version >= kFirstVersionWithPacks,
                  "SELECT seq,at,actor,event,bmc_uuid,body,hash,root,is_signed FROM audit WHERE seq>? ORDER BY seq "
                  "LIMIT ?"};
}

AuditEntry entry_of(const LoggedRecord& logged) {
    const auto& record = logged.record;
    return {record.sequence, record.at, record.actor, record.event, record.bmc, record.body, logged.state};
}

AuditRecord record_of(const AuditEntry& entry, const Digest& hash) {
    return {entry.sequence,          entry.at, std::string(entry.actor), std::string(entry.event), entry.bmc,
            std::string(entry.body), hash};
}

// Of the columns of audit, root and is_signed after the others.
LoggedRecord logged_from_row(const Row& row) {
    LoggedRecord logged{audit_from_row(row)};
    if (!row.is_null(7)) logged.state = {row.bytes<32>(7), row.integer(8) != 0};
    return logged;
}

struct PackEnd {
    std::uint64_t last = 0;
    Digest hash{};
};

// A pack that was opened: its records with their hashes, which come out as last_hash.
struct Pack {
    PackEnd before;  // of the pack before this one
    PackEnd end;
    Bytes columns;
    std::vector<AuditEntry> entries;  // they view the columns
    std::vector<Digest> hashes;
};

std::unexpected<Error> bad_records(std::uint64_t first, std::uint64_t last) {
    return fail(ErrorCode::kDamaged, fmt::format("audit records {} to {} do not verify", first, last));
}

std::unexpected<Error> bad_record(std::uint64_t sequence) {
    return fail(ErrorCode::kDamaged, fmt::format("audit record {} does not verify", sequence));
}

Result<Pack> open_pack(const PackEnd& before, const PackEnd& end, ByteView records, ByteView roots) {
    Pack pack{before, end, {}, {}, {}};
    const auto first = before.last + 1;
    auto columns = decompress(records, kMaxAuditColumns);
    if (!columns) return bad_records(first, end.last);
    pack.columns = std::move(*columns);
    auto entries = read_audit_columns(first, pack.columns, roots);
    if (!entries || entries->back().sequence != end.last) return bad_records(first, end.last);
    pack.entries = std::move(*entries);
    pack.hashes.reserve(pack.entries.size());
    auto hash = before.hash;
    for (const auto& entry : pack.entries) pack.hashes.emplace_back(hash = audit_hash(hash, entry));
    if (hash != end.hash) return bad_records(first, end.last);
    return pack;
}

// The pack with this record; nullopt: it is in none.
Result<std::optional<Pack>> pack_with(Database& database, std::uint64_t sequence) {
    struct Found {
        std::uint64_t first;
        PackEnd end;
        Bytes records;
        Bytes roots;
    };
    std::optional<Found> found;
    PackEnd before;
    auto done = database.query(
        "SELECT first,last,last_hash,records,roots FROM audit_pack WHERE first<=? ORDER BY first DESC LIMIT 2",
        {sequence}, [&](const Row& row) {
            const PackEnd end{static_cast<std::uint64_t>(row.integer(1)), row.bytes<32>(2)};
            if (found)
                before = end;
            else
                found = {static_cast<std::uint64_t>(row.integer(0)), end, row.blob(3), row.blob(4)};
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    if (!found || found->end.last < sequence) return std::nullopt;
    if (found->first != before.last + 1) return bad_record(before.last + 1);
    auto pack = open_pack(before, found->end, found->records, found->roots);
    if (!pack) return std::unexpected(pack.error());
    return std::move(*pack);
}

Result<PackEnd> last_pack(Database& database) {
    PackEnd end;
    auto done =
        database.query("SELECT last,last_hash FROM audit_pack ORDER BY first DESC LIMIT 1", {}, [&](const Row& row) {
            end = {static_cast<std::uint64_t>(row.integer(0)), row.bytes<32>(1)};
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return end;
}

Result<void> verify_row(const LoggedRecord& logged, const Digest& previous) {
    if (logged.record.hash != audit_hash(previous, entry_of(logged))) return bad_record(logged.record.sequence);
    return {};
}

// The columns of a row, and whether other rows tell of it.
constexpr std::string_view kSelectSpokenOf =
    "SELECT seq,at,actor,event,bmc_uuid,body,hash,root,is_signed,"
    "EXISTS(SELECT 1 FROM audit_signature s WHERE s.seq=a.seq) OR EXISTS(SELECT 1 FROM disclosure d WHERE "
    "d.seq=a.seq) FROM audit a WHERE seq>? ";

// What is told of by other rows, or looked for by its event, has a row for ever.
bool keeps_its_row(std::string_view event, bool is_spoken_of) {
    return is_spoken_of || must_be_signed(event);
}

// The rows of records that are in the pack too: those that stay, and no other.
Result<void> verify_rows_of(Database& database, const Pack& pack) {
    const auto after =
        pack.before.last == 0 ? std::numeric_limits<std::int64_t>::min() : static_cast<std::int64_t>(pack.before.last);
    static const std::string sql = std::string(kSelectSpokenOf) + "AND seq<=?";
    std::vector<bool> has_row(pack.hashes.size());
    auto done = database.query(sql, {after, pack.end.last}, [&](const Row& row) -> Result<void> {
        const auto logged = logged_from_row(row);
        const auto sequence = logged.record.sequence;
        const auto index = sequence - pack.before.last - 1;
        if (index >= pack.hashes.size() || logged.record.hash != pack.hashes[index]) return bad_record(sequence);
        const auto& previous = index == 0 ? pack.before.hash : pack.hashes[index - 1];
        if (auto same = verify_row(logged, previous); !same) return same;
        has_row[index] = true;
        if (keeps_its_row(logged.record.event, row.integer(9) != 0)) return {};
        return fail(ErrorCode::kDamaged,
                    fmt::format("audit record {} has a row besides its pack: pages of an older copy of the store "
                                "were put back; restore the newest backup",
                                sequence));
    });
    for (std::size_t i = 0; i < has_row.size() && done; ++i)
        if (!has_row[i] && must_be_signed(pack.entries[i].event))
            done = fail(ErrorCode::kDamaged,
                        fmt::format("the row of audit record {} is missing beside its pack", pack.entries[i].sequence));
    return done;
}

Result<void> verify_signature_is_there(Database& database, const AuditEntry& entry) {
    if (!entry.state || !entry.state->is_signed) return {};
    bool is_there = false;
    auto done = database.query("SELECT 1 FROM audit_signature WHERE seq=?", {entry.sequence}, [&](const Row&) {
        is_there = true;
        return Result<void>();
    });
    if (!done || is_there) return done;
    return fail(ErrorCode::kDamaged, fmt::format("the signature of audit record {} is missing", entry.sequence));
}

// From the first pack to the last; where they end.
Result<PackEnd> verify_packs(Database& database) {
    PackEnd end;
    for (;;) {
        const auto pack = pack_with(database, end.last + 1);
        if (!pack) return std::unexpected(pack.error());
        if (!*pack) return end;
        if (auto done = verify_rows_of(database, **pack); !done) return std::unexpected(done.error());
        for (const auto& entry : (*pack)->entries)
            if (auto done = verify_signature_is_there(database, entry); !done) return std::unexpected(done.error());
        end = (*pack)->end;
    }
}

struct RowToPack {
    LoggedRecord logged;
    bool is_spoken_of = false;
};

Result<std::vector<RowToPack>> rows_to_pack(Database& database, const PackEnd& end) {
    std::vector<RowToPack> rows;
    static const std::string sql = std::string(kSelectSpokenOf) + "ORDER BY seq LIMIT ?";
    auto done = database.query(sql, {end.last, kMostPackedRecords}, [&](const Row& row) {
        rows.push_back({logged_from_row(row), row.integer(9) != 0});
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return rows;
}

// As many as make a pack; none where the first that is left does not verify: it stays for `vault verify` to name.
std::vector<AuditEntry> entries_to_pack(const PackEnd& end, std::span<const RowToPack> rows) {
    std::vector<AuditEntry> entries;
    entries.reserve(rows.size());
    std::size_t size = 0;
    auto hash = end.hash;
    for (const auto& row : rows) {
        const auto entry = entry_of(row.logged);
        const bool follows = entry.sequence == end.last + entries.size() + 1;
        if (!follows || !verify_row(row.logged, hash) || size >= kFullAuditColumns) break;
        hash = row.logged.record.hash;
        size += size_in_columns(entry);
        entries.emplace_back(entry);
    }
    return entries;
}

Result<std::size_t> make_pack(Database& database, const PackEnd& end) {
    const auto rows = rows_to_pack(database, end);
    if (!rows) return std::unexpected(rows.error());
    const auto entries = entries_to_pack(end, *rows);
    if (entries.empty()) return 0;
    const auto laid_out = lay_out_audit(entries);
    const auto records = compress(laid_out.columns);
    if (!records) return std::unexpected(records.error());
    const auto& last = (*rows)[entries.size() - 1].logged.record;
    auto done = database.run("INSERT INTO audit_pack(first,last,last_hash,records,roots) VALUES(?,?,?,?,?)",
                             {end.last + 1, last.sequence, last.hash, *records, laid_out.roots});
    for (std::size_t i = 0; i < entries.size() && done; ++i)
        if (!keeps_its_row(entries[i].event, (*rows)[i].is_spoken_of))
            done = database.run("DELETE FROM audit WHERE seq=?", {entries[i].sequence});
    if (!done) return std::unexpected(done.error());
    return entries.size();
}

}  // namespace

Result<std::vector<AuditRecord>> read_audit_log(Database& database, std::uint64_t after, std::size_t limit) {
    const Moment moment(database);
    if (!moment.begun()) return std::unexpected(moment.begun().error());
    const auto tables = tables_of(database);
    if (!tables) return std::unexpected(tables.error());
    std::vector<AuditRecord> records;
    while (tables->have_packs && records.size() < limit) {
        const auto pack = pack_with(database, after + 1);
        if (!pack) return std::unexpected(pack.error());
        if (!*pack) break;
        const auto& [entries, hashes] = std::tie((*pack)->entries, (*pack)->hashes);
        for (auto i = after - (*pack)->before.last; i < entries.size() && records.size() < limit; ++i)
            records.push_back(record_of(entries[i], hashes[i]));
        after = (*pack)->end.last;
    }
    const auto left = std::min<std::size_t>(limit - records.size(), INT32_MAX);
    auto done = database.query(tables->select_rows, {after, left}, [&](const Row& row) {
        records.push_back(audit_from_row(row));
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    return records;
}

Result<std::optional<LoggedRecord>> find_audit_record(Database& database, std::uint64_t sequence) {
    const Moment moment(database);
    if (!moment.begun()) return std::unexpected(moment.begun().error());
    const auto tables = tables_of(database);
    if (!tables) return std::unexpected(tables.error());
    std::optional<LoggedRecord> found;
    if (sequence == 0) return found;
    auto done = database.query(tables->select_rows, {sequence - 1, 1}, [&](const Row& row) {
        if (auto logged = logged_from_row(row); logged.record.sequence == sequence) found = std::move(logged);
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    if (found || !tables->have_packs) return found;
    const auto pack = pack_with(database, sequence);
    if (!pack) return std::unexpected(pack.error());
    if (!*pack) return found;
    const auto index = static_cast<std::size_t>(sequence - (*pack)->before.last - 1);
    const auto& entry = (*pack)->entries[index];
    return LoggedRecord{record_of(entry, (*pack)->hashes[index]), entry.state};
}

Result<void> verify_audit_log(Database& database) {
    const Moment moment(database);
    if (!moment.begun()) return moment.begun();
    const auto tables = tables_of(database);
    if (!tables) return std::unexpected(tables.error());
    const auto packed = tables->have_packs ? verify_packs(database) : PackEnd();
    if (!packed) return std::unexpected(packed.error());
    auto [sequence, previous] = *packed;
    // Where nothing is packed, a row before the first one is no record either.
    const auto after = sequence == 0 ? std::numeric_limits<std::int64_t>::min() : static_cast<std::int64_t>(sequence);
    return database.query(tables->select_rows, {after, -1}, [&](const Row& row) -> Result<void> {
        const auto logged = logged_from_row(row);
        if (logged.record.sequence != ++sequence) return bad_record(sequence);
        if (auto done = verify_row(logged, previous); !done) return done;
        previous = logged.record.hash;
        return verify_signature_is_there(database, entry_of(logged));
    });
}

Result<void> pack_audit_log(Database& database, std::size_t most_packs) {
    const auto head = read_audit_head(database);
    if (!head) return std::unexpected(head.error());
    for (std::size_t made = 0; made < most_packs; ++made) {
        const auto end = last_pack(database);
        if (!end) return std::unexpected(end.error());
        if (head->sequence < end->last + 2 * kMostPackedRecords) return {};
        const auto packed = make_pack(database, *end);
        if (!packed) return std::unexpected(packed.error());
        if (*packed == 0) return {};
    }
    return {};
}

}  // namespace bmcvault::vault
