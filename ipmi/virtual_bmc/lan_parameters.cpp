// Parameters as tables: the factory value fixes the length, a few are computed from the configuration.
#include "ipmi/virtual_bmc/lan_parameters.hpp"

#include <algorithm>
#include <string_view>

namespace bmcvault::virtual_bmc {

namespace {

constexpr std::uint8_t kOk = 0x00;
constexpr std::uint8_t kParameterNotSupported = 0x80;  // §23.1, §23.2
constexpr std::uint8_t kSetAlreadyInProgress = 0x81;
constexpr std::uint8_t kReadOnly = 0x82;
constexpr auto kLengthInvalid = static_cast<std::uint8_t>(ipmi::CompletionCode::kRequestDataLengthInvalid);
constexpr auto kInvalidField = static_cast<std::uint8_t>(ipmi::CompletionCode::kInvalidDataField);

constexpr std::uint8_t kSetInProgress = 0;
constexpr std::uint8_t kAuthenticationSupport = 1;
constexpr std::uint8_t kMacAddress = 5;
constexpr std::uint8_t kDestinationCount = 17;
constexpr std::uint8_t kDestinationType = 18;
constexpr std::uint8_t kDestinationAddress = 19;
constexpr std::uint8_t kCipherSuiteCount = 22;
constexpr std::uint8_t kCipherSuiteEntries = 23;
constexpr std::uint8_t kCipherSuitePrivileges = 24;
constexpr std::uint8_t kDestinationVlan = 25;
constexpr std::uint8_t kBadPasswordThreshold = 26;
constexpr std::size_t kSuiteTableSize = 16;
constexpr std::chrono::seconds kLockOutUnit{10};
constexpr auto kAdministratorLimit = static_cast<std::uint8_t>(ipmi::PrivilegeLevel::kAdministrator);

bool has_set_selector(std::uint8_t parameter) {
    return parameter == kDestinationType || parameter == kDestinationAddress || parameter == kDestinationVlan;
}

bool read_only(std::uint8_t parameter) {
    return parameter == kAuthenticationSupport || parameter == kMacAddress || parameter == kDestinationCount ||
           parameter == kCipherSuiteCount || parameter == kCipherSuiteEntries;
}

Bytes community(std::string_view text) {
    Bytes out(text.begin(), text.end());
    out.resize(18, 0);
    return out;
}

}  // namespace

LanParameters::LanParameters(Config& config) : config_(config) {
    const auto put = [&](std::uint8_t parameter, Bytes value) { lan_[{parameter, 0}] = std::move(value); };
    put(kSetInProgress, {0});
    put(kAuthenticationSupport, {0x04});
    put(2, Bytes(5, 0x04));
    put(3, Bytes(config.address.begin(), config.address.end()));
    put(4, {1});
    put(kMacAddress, Bytes(config.mac.begin(), config.mac.end()));
    put(6, {255, 0, 0, 0});
    put(7, {0x40, 0x40, 0x10});
    put(8, {0x6f, 0x02});  // 623
    put(9, {0x98, 0x02});
    put(10, {0x02});
    put(11, {0x03});
    put(12, Bytes(4, 0));
    put(13, Bytes(6, 0));
    put(14, Bytes(4, 0));
    put(15, Bytes(6, 0));
    put(16, community("public"));
    put(kDestinationCount, {1});
    put(20, {0, 0});
    put(21, {0});
    for (std::uint8_t selector = 0; selector <= 1; ++selector) {
        lan_[{kDestinationType, selector}] = {selector, 0, 3, 0};
        lan_[{kDestinationAddress, selector}] = Bytes(13, 0);
        lan_[{kDestinationAddress, selector}][0] = selector;
        lan_[{kDestinationVlan, selector}] = {selector, 0, 0, 0};
    }
    const std::size_t suites = std::min(config.cipher_suites.size(), kSuiteTableSize);
    put(kCipherSuiteCount, {static_cast<std::uint8_t>(suites)});
    Bytes entries(1 + kSuiteTableSize, 0);
    std::copy_n(config.cipher_suites.begin(), suites, entries.begin() + 1);
    put(kCipherSuiteEntries, entries);
    Bytes privileges(1 + kSuiteTableSize / 2, 0);
    for (std::size_t i = 0; i < suites; ++i) {
        privileges[1 + i / 2] = static_cast<std::uint8_t>(privileges[1 + i / 2] | (i % 2 == 0 ? 0x04 : 0x40));
    }
    put(kCipherSuitePrivileges, privileges);
    sol_ = {{0, {0}}, {1, {1}}, {2, {0xc2}}, {3, {12, 96}}, {4, {7, 50}}, {5, {0x0a}}, {6, {0x0a}}, {8, {0x6f, 0x02}}};
    sol_[7] = {config.channel};
}

Bytes LanParameters::lock_out_parameter() const {
    Bytes out{lock_out_flags_, static_cast<std::uint8_t>(config_.bad_password_threshold)};
    append(out, reset_interval_);
    append_u16_le(out, static_cast<std::uint16_t>(config_.lockout / kLockOutUnit));
    return out;
}

void LanParameters::set_lock_out(ByteView data) {
    lock_out_flags_ = data[0];
    config_.bad_password_threshold = data[1];
    reset_interval_ = {data[2], data[3]};
    config_.lockout = kLockOutUnit * (data[4] | data[5] << 8);
}

std::uint8_t LanParameters::get_lan(std::uint8_t parameter, std::uint8_t set_selector, Bytes& out) const {
    if (parameter == kBadPasswordThreshold) {
        append(out, lock_out_parameter());
        return kOk;
    }
    const std::uint8_t selector = has_set_selector(parameter) ? set_selector : std::uint8_t{0};
    const auto found = lan_.find({parameter, selector});
    if (found == lan_.end()) return has_set_selector(parameter) ? kInvalidField : kParameterNotSupported;
    append(out, found->second);
    return kOk;
}

std::uint8_t LanParameters::set_lan(std::uint8_t parameter, ByteView data) {
    if (data.empty()) return kLengthInvalid;
    if (parameter == kBadPasswordThreshold) {
        if (data.size() != 6) return kLengthInvalid;
        set_lock_out(data);
        return kOk;
    }
    if (read_only(parameter)) return kReadOnly;
    const std::uint8_t selector =
        has_set_selector(parameter) ? static_cast<std::uint8_t>(data[0] & 0x0f) : std::uint8_t{0};
    const auto found = lan_.find({parameter, selector});
    if (found == lan_.end()) return has_set_selector(parameter) ? kInvalidField : kParameterNotSupported;
    if (data.size() != found->second.size()) return kLengthInvalid;
    if (parameter == kSetInProgress) {
        const std::uint8_t state = data[0] & 0x03;
        if (state == 1 && found->second[0] == 1) return kSetAlreadyInProgress;
        found->second = {static_cast<std::uint8_t>(state == 1 ? 1 : 0)};
        return kOk;
    }
    if (!config_.quirks.keeps_settings) found->second.assign(data.begin(), data.end());
    return kOk;
}

std::uint8_t LanParameters::get_sol(std::uint8_t parameter, Bytes& out) const {
    const auto found = sol_.find(parameter);
    if (found == sol_.end()) return kParameterNotSupported;
    append(out, found->second);
    return kOk;
}

std::uint8_t LanParameters::set_sol(std::uint8_t parameter, ByteView data) {
    const auto found = sol_.find(parameter);
    if (found == sol_.end()) return kParameterNotSupported;
    if (parameter == 7) return kReadOnly;
    if (data.size() != found->second.size()) return kLengthInvalid;
    if (!config_.quirks.keeps_settings) found->second.assign(data.begin(), data.end());
    return kOk;
}

std::uint8_t LanParameters::suite_privilege(std::uint8_t suite_id) const {
    const auto& suites = config_.cipher_suites;
    const auto found = std::ranges::find(suites, suite_id);
    const auto index = static_cast<std::size_t>(found - suites.begin());
    if (found == suites.end() || index >= kSuiteTableSize) return 0;
    if (suite_id == 0 && config_.quirks.suite_0_stays_open) return kAdministratorLimit;
    const std::uint8_t pair = lan_.at({kCipherSuitePrivileges, 0})[1 + index / 2];
    return static_cast<std::uint8_t>(index % 2 == 0 ? pair & 0x0f : pair >> 4);
}

void LanParameters::board_swapped() {
    lan_[{kMacAddress, 0}] = Bytes(config_.mac.begin(), config_.mac.end());
}

}  // namespace bmcvault::virtual_bmc
