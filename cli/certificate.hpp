// The certificate of a de-provisioning: what was done, what was proved, and in plain words what was not. Pure text; the
// same facts as JSON for machines and as a page to print.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rotate/engine/wipe_record.hpp"
#include "vault/core/model.hpp"

namespace bmcvault::cli {

struct Certificate {
    vault::Bmc bmc;
    std::optional<rotate::WipeRecord> record;  // nullopt: nothing was ever done
    std::string outcome;                       // of the run that it was written after, when that did not get so far
    std::string detail;
    std::string vault_id;  // hexadecimal
    std::string tool;      // "bmcvault 0.1.0"
    UnixTime at;
};

// "wiped", "wiped-except", "still-open", "not-proved", "unfinished", "not-done"
[[nodiscard]] std::string result_of(const Certificate& certificate);
[[nodiscard]] bool is_complete(const Certificate& certificate);  // "wiped"
[[nodiscard]] bool is_proved(const Certificate& certificate);    // no credential that was ever known opens anything
[[nodiscard]] std::string certificate_json(const Certificate& certificate);  // one line, type "certificate"
[[nodiscard]] std::string certificate_html(const Certificate& certificate);

// Several of one run, for a pallet of servers.
struct CertificateOf {
    Certificate certificate;
    std::string file;    // its JSON
    std::string sha256;  // hexadecimal
};
[[nodiscard]] std::string pallet_json(const std::vector<CertificateOf>& all);
[[nodiscard]] std::string pallet_html(const std::vector<CertificateOf>& all);

}  // namespace bmcvault::cli
