// Certificates as files: where they go, and whether one is as it was signed.
#pragma once

#include <string>
#include <vector>

#include "cli/certificate.hpp"
#include "cli/commands.hpp"

namespace bmcvault::cli {

// The files of one BMC begin with it.
[[nodiscard]] std::string file_stem(std::string name);
// Made where it is missing. A failure, before anything is wiped, when no file can be written there.
[[nodiscard]] Outcome<void> prepare_directory(const std::string& directory);
// NAME.certificate.json, .sig, .pem, .html; NAME-2 where another board of that name has one already.
[[nodiscard]] Outcome<CertificateOf> write_certificate(vault::Store& store, const std::string& directory,
                                                       Certificate certificate);
[[nodiscard]] Outcome<void> write_pallet(vault::Store& store, const std::string& directory,
                                         const std::vector<CertificateOf>& all);
// deprovision --verify; needs no vault.
[[nodiscard]] Exit verify_certificate(const Context& context, const DeprovisionCommand& command);

}  // namespace bmcvault::cli
