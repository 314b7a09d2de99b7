// In-band rescue: a fresh password for a BMC whose live one nobody knows. It is staged here, set by root on the server
// itself, and becomes current only when the BMC proves it over RMCP+ (run_recover).
#pragma once

#include <string>

#include "rotate/engine/campaign.hpp"
#include "vault/core/password_policy.hpp"
#include "vault/store/locks.hpp"

namespace bmcvault::rotate {

struct StagedRescue {
    vault::BmcLock lock;  // held until the password has been given to the server: nobody else changes it meanwhile
    vault::Bmc bmc;
    VersionNumber version;
    vault::StoredSize size = vault::StoredSize::k20;
};

// Durable when it returns a value (I1). A pending password of an interrupted run is used again (I2). Ends a quarantine:
// what is live is about to change. `via`: who sets it, for the audit log. kBusy: another process is at work on it.
// kConflict: held, or removed.
[[nodiscard]] Result<StagedRescue> stage_rescue(vault::Store& store, BmcId id, const RunOptions& options,
                                                const std::string& via, vault::RandomBytes& random, UnixTime now);

}  // namespace bmcvault::rotate
