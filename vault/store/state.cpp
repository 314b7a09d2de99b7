#include "vault/store/state.hpp"

#include <array>
#include <optional>

namespace bmcvault::vault {
namespace {

// The log's are not: audit and audit_pack are a chain, a missing audit_signature is known from its record. Not by an
// index, which may hold what the table does not; integrity_check compares the two.
constexpr std::array<RowsOfState, 22> kRowsOfState{{
    {"meta", "SELECT * FROM meta NOT INDEXED"},
    {"compartment", "SELECT * FROM compartment NOT INDEXED"},
    {"data_key", "SELECT * FROM data_key NOT INDEXED"},
    {"bmc", "SELECT * FROM bmc NOT INDEXED"},
    {"credential", "SELECT * FROM credential NOT INDEXED"},
    {"fact", "SELECT * FROM fact NOT INDEXED"},
    {"campaign", "SELECT * FROM campaign NOT INDEXED"},
    {"campaign_bmc", "SELECT * FROM campaign_bmc NOT INDEXED"},
    {"password_list", "SELECT * FROM password_list NOT INDEXED"},
    {"listed_password", "SELECT * FROM listed_password NOT INDEXED"},
    {"member", "SELECT * FROM member NOT INDEXED"},
    {"access_span", "SELECT * FROM access_span NOT INDEXED"},
    {"bmc_moved", "SELECT * FROM bmc_moved NOT INDEXED"},
    {"holder", "SELECT * FROM holder NOT INDEXED"},
    {"holder_bmc", "SELECT * FROM holder_bmc NOT INDEXED"},
    {"disclosure", "SELECT * FROM disclosure NOT INDEXED"},
    {"departure", "SELECT * FROM departure NOT INDEXED"},
    {"exposure", "SELECT * FROM exposure NOT INDEXED"},
    {"wiped", "SELECT * FROM wiped NOT INDEXED"},
    {"admin_key", "SELECT * FROM admin_key NOT INDEXED"},
    {"escrow", "SELECT * FROM escrow NOT INDEXED"},
    {"escrow_end", "SELECT * FROM escrow_end NOT INDEXED"},
}};

Result<Digest> sum_of_rows(Database& database) {
    Digest root{};
    for (const auto& [table, select_all] : kRowsOfState)
        if (auto done = database.add_rows_to(root, table, select_all); !done) return std::unexpected(done.error());
    return root;
}

}  // namespace

std::unexpected<Error> older_pages() {
    return fail(ErrorCode::kDamaged,
                "the tables are not in the state that the last audit record speaks of: pages of an older copy of the "
                "store were put back; restore the newest backup");
}

std::span<const RowsOfState> rows_of_state() {
    return kRowsOfState;
}

Result<Digest> read_state_root(Database& database) {
    std::optional<Digest> root;
    auto done = database.query("SELECT root FROM state", {}, [&](const Row& row) {
        root = row.bytes<32>(0);
        return Result<void>();
    });
    if (!done) return std::unexpected(done.error());
    if (!root) return older_pages();
    return *root;
}

Result<void> sum_rows_anew(Database& database) {
    const auto root = sum_of_rows(database);
    if (!root) return std::unexpected(root.error());
    return database.run("UPDATE state SET root=?", {*root});
}

Result<void> check_state(Database& database) {
    bool same = false;
    auto done = database.query("SELECT 1 FROM state WHERE root=(SELECT root FROM audit ORDER BY seq DESC LIMIT 1)", {},
                               [&](const Row&) {
                                   same = true;
                                   return Result<void>();
                               });
    return !done || same ? done : older_pages();
}

Result<void> verify_state(Database& database) {
    const Moment moment(database);
    if (!moment.begun()) return moment.begun();
    if (auto done = check_state(database); !done) return done;
    const auto sum = sum_of_rows(database);
    if (!sum) return std::unexpected(sum.error());
    const auto root = read_state_root(database);
    if (!root) return std::unexpected(root.error());
    return *sum == *root ? Result<void>() : older_pages();
}

}  // namespace bmcvault::vault
