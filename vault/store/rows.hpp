// Between the values of vault/core/model.hpp and table rows. Internal to vault/store.
#pragma once

#include <array>
#include <string_view>

#include "vault/core/model.hpp"
#include "vault/store/sqlite.hpp"
#include "vault/store/store.hpp"

namespace bmcvault::vault {

// The columns of bmc that may change, in the order of bmc_values().
inline constexpr std::array<std::string_view, 26> kBmcColumns{"name",
                                                              "address",
                                                              "port",
                                                              "user_name",
                                                              "user_id",
                                                              "channel",
                                                              "group_name",
                                                              "tags",
                                                              "retired",
                                                              "hold_until",
                                                              "hold_reason",
                                                              "quarantine_since",
                                                              "quarantine_retry_at",
                                                              "quarantine_reason",
                                                              "pin_guid",
                                                              "pin_manufacturer",
                                                              "pin_product",
                                                              "pin_mac",
                                                              "firmware",
                                                              "cipher_suite",
                                                              "weaker_suite_allowed",
                                                              "k_g_supported",
                                                              "last_command",
                                                              "last_outcome",
                                                              "last_detail",
                                                              "last_at"};

// "uuid,name,address,..." for SELECT; a row of it is what bmc_from_row reads.
inline constexpr std::string_view kSelectBmc =
    "SELECT uuid,name,address,port,user_name,user_id,channel,group_name,tags,retired,hold_until,hold_reason,"
    "quarantine_since,quarantine_retry_at,quarantine_reason,pin_guid,pin_manufacturer,pin_product,pin_mac,firmware,"
    "cipher_suite,weaker_suite_allowed,k_g_supported,last_command,last_outcome,last_detail,last_at,compartment_id FROM "
    "bmc ";

// kInvalidArgument names the field that can not be.
[[nodiscard]] Result<void> check_bmc(const Bmc&);
[[nodiscard]] Database::Values bmc_values(const Bmc&);
[[nodiscard]] Bmc bmc_from_row(const Row&);

[[nodiscard]] Result<Bytes> read_meta(Database&, std::string_view key);  // empty: no such key
[[nodiscard]] ListedPassword listed_password_from_row(const Row&);
[[nodiscard]] Result<CredentialVersion> version_from_row(const Row&);
[[nodiscard]] AuditRecord audit_from_row(const Row&);

}  // namespace bmcvault::vault
