// Rows, not pages: what the old file had free or half full is not in the new one, each row is written once, and no
// trigger runs for it.
#include "vault/store/copy_store.hpp"

#include <fmt/format.h>

#include <limits>
#include <map>
#include <string>

#include "vault/core/audit_pack.hpp"
#include "vault/core/state_root.hpp"
#include "vault/store/audit_log.hpp"
#include "vault/store/state.hpp"

namespace bmcvault::vault {
namespace {

constexpr std::size_t kRecordsAtOnce = kMostPackedRecords;

// What a sealed value of a row needs to know of another row.
struct Place {
    BmcId bmc;
    std::uint32_t compartment = 0;
};

class Copy {
public:
    Copy(Database& from, Database& to, const CopyStore& how) : from_(from), to_(to), how_(how) {}

    Result<void> run() {
        if (auto done = make("table"); !done) return done;
        if (auto done = make("index"); !done) return done;
        if (auto done = read_places(); !done) return done;
        for (const auto& [table, select_all] : rows_of_state())
            if (auto done = copy_rows_of_state(table, select_all); !done) return done;
        if (auto done = same_root(); !done) return done;
        if (auto done = copy_log(); !done) return done;
        return make("trigger");
    }

private:
    // In the order in which they were made: what one refers to comes before it.
    Result<void> make(std::string_view type) {
        return from_.query("SELECT sql FROM sqlite_master WHERE type=? AND sql IS NOT NULL ORDER BY rowid", {type},
                           [&](const Row& row) { return to_.run_script(row.text(0).c_str()); });
    }

    Result<void> read_places() {
        auto done = from_.query("SELECT id,uuid,compartment_id FROM bmc", {}, [&](const Row& row) {
            bmcs_[row.integer(0)] = {BmcId{row.bytes<16>(1)}, static_cast<std::uint32_t>(row.integer(2))};
            return Result<void>();
        });
        if (!done) return done;
        return from_.query("SELECT id,compartment_id FROM password_list", {}, [&](const Row& row) {
            lists_[row.integer(0)] = static_cast<std::uint32_t>(row.integer(1));
            return Result<void>();
        });
    }

    Result<void> copy_rows_of_state(std::string_view table, std::string_view select_all) {
        return copy_rows(table, select_all, {}, [&](const Row& row, Database::Values& values) -> Result<void> {
            root_ = root_with(root_, from_.hash_of(table, row));
            if (table == "credential") return seal_version_anew(values);
            if (table == "listed_password") return seal_listed_anew(row, values);
            return {};
        });
    }

    using Change = std::function<Result<void>(const Row&, Database::Values&)>;
    Result<void> copy_rows(std::string_view table, std::string_view select, const Database::Values& of,
                           const Change& change) {
        std::string_view insert;
        return from_.query(select, of, [&](const Row& row) -> Result<void> {
            auto values = row.values();
            if (auto done = change(row, values); !done) return done;
            if (insert.empty()) insert = insert_into(table, values.size());
            return to_.run(insert, values);
        });
    }

    // As long as the program: a connection keeps its statements by their text.
    static std::string_view insert_into(std::string_view table, std::size_t columns) {
        static std::map<std::pair<std::string, std::size_t>, std::string> texts;
        auto& text = texts[{std::string(table), columns}];
        if (!text.empty()) return text;
        text = fmt::format("INSERT INTO {} VALUES(?", table);
        for (std::size_t i = 1; i < columns; ++i) text += ",?";
        return text += ')';
    }

    // Columns bmc_id, kind, subject, version, state, provenance, stored_size, epoch, sealed.
    Result<void> seal_version_anew(Database::Values& values) {
        constexpr std::size_t kEpoch = 7;
        constexpr std::size_t kSealed = 8;
        const auto number = [&](std::size_t column) { return std::get<std::int64_t>(values[column].data()); };
        const auto* sealed = std::get_if<Bytes>(&values[kSealed].data());
        if (sealed == nullptr) return {};
        const auto place = bmcs_.find(number(0));
        if (place == bmcs_.end())
            return fail(ErrorCode::kDamaged, fmt::format("there is no BMC {} for one of its credentials", number(0)));
        if (how_.keeps_seals(place->second.bmc)) return {};
        const SealContext context{how_.before.header().vault_id,
                                  place->second.bmc,
                                  {static_cast<Kind>(number(1)), static_cast<std::uint8_t>(number(2))},
                                  {static_cast<std::uint32_t>(number(3))},
                                  static_cast<std::uint32_t>(number(kEpoch))};
        const auto next = how_.after(place->second.compartment);
        auto anew = seal_anew(how_.before, place->second.compartment, context, *sealed, next);
        if (!anew) return std::unexpected(anew.error());
        values[kSealed] = *anew;
        values[kEpoch] = next.epoch;
        return {};
    }

    // Columns list_id, entry, label, stored_size, used_from, used_until, epoch, sealed.
    Result<void> seal_listed_anew(const Row& row, Database::Values& values) {
        constexpr int kEpoch = 6;
        constexpr int kSealed = 7;
        const ListSealContext context{how_.before.header().vault_id, static_cast<std::uint32_t>(row.integer(0)),
                                      static_cast<std::uint32_t>(row.integer(1)),
                                      static_cast<std::uint32_t>(row.integer(kEpoch))};
        const auto compartment = lists_.find(row.integer(0));
        if (compartment == lists_.end())
            return fail(ErrorCode::kDamaged, fmt::format("there is no list {} for one of its passwords", context.list));
        const auto next = how_.after(compartment->second);
        auto anew = seal_anew(how_.before, compartment->second, context, row.blob(kSealed), next);
        if (!anew) return std::unexpected(anew.error());
        values[kSealed] = *anew;
        values[kEpoch] = next.epoch;
        return {};
    }

    Result<void> same_root() {
        const auto root = read_state_root(from_);
        if (!root) return std::unexpected(root.error());
        return *root == root_ ? Result<void>() : older_pages();
    }

    // Rows that are packed at once leave their pages to those that come next. What refers to them is there before.
    Result<void> copy_log() {
        const auto as_it_is = [](const Row&, Database::Values&) { return Result<void>(); };
        for (const auto& [table, select] :
             {std::pair<std::string_view, std::string_view>{"state", "SELECT * FROM state"},
              {"audit_signature", "SELECT * FROM audit_signature NOT INDEXED"},
              {"audit_pack", "SELECT * FROM audit_pack NOT INDEXED"}})
            if (auto done = copy_rows(table, select, {}, as_it_is); !done) return done;
        for (auto after = std::numeric_limits<std::int64_t>::min();;) {
            const auto before = after;
            auto done = copy_rows("audit", "SELECT * FROM audit WHERE seq>? ORDER BY seq LIMIT ?",
                                  {after, kRecordsAtOnce}, [&](const Row& row, Database::Values&) {
                                      after = row.integer(0);
                                      return Result<void>();
                                  });
            if (!done || after == before) return done;
            if (auto packed = pack_audit_log(to_, std::numeric_limits<std::size_t>::max()); !packed) return packed;
        }
    }

    Database& from_;
    Database& to_;
    const CopyStore& how_;
    std::map<std::int64_t, Place> bmcs_;
    std::map<std::int64_t, std::uint32_t> lists_;
    Digest root_{};
};

}  // namespace

// A list in a CHECK is a table of its own for each row: much of the time of the copy. Some rows come before those
// that they refer to.
Result<void> begin_copy(Database& to) {
    return to.run_script("PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON");
}

Result<void> copy_store(Database& from, Database& to, const CopyStore& how) {
    if (auto done = Copy(from, to, how).run(); !done) return done;
    return to.run_script("PRAGMA ignore_check_constraints=OFF");
}

}  // namespace bmcvault::vault
