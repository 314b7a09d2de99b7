// The files in which other programs keep how they log in to BMCs. Secret text in, secret text out.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/disclosure.hpp"

namespace bmcvault::cli {

enum class FileFormat { kAnsible, kFreeIpmi, kIpmiExporter };
[[nodiscard]] std::optional<FileFormat> file_format(std::string_view word);  // "ansible", "freeipmi", "ipmi_exporter"

// Why a file of this format can't hold this credential; empty: it can.
[[nodiscard]] std::string why_not(FileFormat format, const Disclosed& credential);

// An inventory in YAML, with variables bmc_host, bmc_port, bmc_user, bmc_password and bmc_key of each host.
[[nodiscard]] SecretText ansible_inventory(std::span<const Disclosed> credentials);
// One module per BMC, with its name.
[[nodiscard]] SecretText ipmi_exporter_configuration(std::span<const Disclosed> credentials);

}  // namespace bmcvault::cli
