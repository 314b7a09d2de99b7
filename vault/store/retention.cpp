// BMCs that were proved wiped, and what becomes of their credentials.
#include <limits>
#include <nlohmann/json.hpp>

#include "vault/store/rows.hpp"
#include "vault/store/sqlcipher_store.hpp"

namespace bmcvault::vault {

Result<void> StoreTransaction::retire_wiped(const Bmc& bmc, std::string json_body) {
    auto done = database_.run("UPDATE bmc SET retired=1 WHERE uuid=?", {bmc.id.uuid});
    if (done)
        done = database_.run("INSERT INTO wiped(bmc_id,at) SELECT id,? FROM bmc WHERE uuid=?", {now_, bmc.id.uuid});
    if (!done) return done;
    return audit("bmc.deprovisioned", bmc.id, std::move(json_body));
}

Result<std::vector<WipedBmc>> SqlcipherStore::wiped() const {
    std::vector<WipedBmc> all;
    auto done = query(
        "SELECT b.uuid,b.name,w.at,min(c.created_at),count(*) FROM wiped w JOIN bmc b ON b.id=w.bmc_id JOIN credential "
        "c ON c.bmc_id=b.id "
        "WHERE c.state<>'destroyed' GROUP BY b.id ORDER BY w.at,b.name",
        {}, [&](const Row& row) {
            all.push_back({BmcId{row.bytes<16>(0)},
                           row.text(1),
                           {row.integer(2)},
                           {row.integer(3)},
                           static_cast<std::uint64_t>(row.integer(4))});
            return Result<void>();
        });
    if (!done) return std::unexpected(done.error());
    return all;
}

Result<std::vector<std::string>> SqlcipherStore::backups_between(UnixTime from, UnixTime until) const {
    std::vector<std::string> files;
    auto done = query("SELECT body FROM audit WHERE event='vault.backup' AND at>=? AND at<=? ORDER BY seq",
                      {from, until}, [&](const Row& row) {
                          const auto body = nlohmann::json::parse(row.text(0), nullptr, false);
                          if (body.is_object() && body.contains("file"))
                              files.push_back(body["file"].get<std::string>());
                          return Result<void>();
                      });
    if (!done) return std::unexpected(done.error());
    return files;
}

Result<std::vector<std::string>> SqlcipherStore::backups_since(UnixTime from) const {
    return backups_between(from, {std::numeric_limits<std::int64_t>::max()});
}

}  // namespace bmcvault::vault
