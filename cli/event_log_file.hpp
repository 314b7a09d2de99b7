// What a system event log held before it was cleared: NAME.sel.json beside the certificate.
#pragma once

#include <filesystem>
#include <span>

#include "rotate/engine/campaign.hpp"

namespace bmcvault::cli {

// Durable on return; the name of the file. A log that was saved before stays: this one is NAME.sel-2.json then, and so
// on.
[[nodiscard]] Result<std::string> save_event_log(const std::filesystem::path& directory, const std::string& file_stem,
                                                 const vault::Bmc& bmc, std::span<const rotate::EventRecord> records,
                                                 UnixTime now);

}  // namespace bmcvault::cli
