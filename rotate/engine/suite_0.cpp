#include "rotate/engine/suite_0.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bmcvault::rotate {
namespace {

constexpr std::uint8_t kSetInProgress = 0;
constexpr std::uint8_t kCipherSuiteCount = 22;
constexpr std::uint8_t kCipherSuiteEntries = 23;     // a reserved byte, then up to 16 suite IDs
constexpr std::uint8_t kCipherSuitePrivileges = 24;  // a reserved byte, then a nibble for each entry, low one first
constexpr std::size_t kEntriesSize = 17;
constexpr std::size_t kPrivilegesSize = 9;

asio::awaitable<Bytes> parameter(BmcContact& contact, std::uint8_t number, std::size_t size) {
    if (!contact.has_kept_session()) co_return Bytes{};
    const auto reply = co_await contact.command(ipmi::get_lan_configuration_parameter(contact.channel(), number));
    if (!reply) co_return Bytes{};
    auto bytes = ipmi::parse_lan_configuration_parameter(*reply);
    co_return bytes && bytes->size() >= size ? std::move(*bytes) : Bytes{};
}

asio::awaitable<std::uint8_t> set_parameter(BmcContact& contact, std::uint8_t number, const Bytes& data) {
    constexpr auto kUnknown = static_cast<std::uint8_t>(ipmi::CompletionCode::kUnspecified);
    if (!contact.has_kept_session()) co_return kUnknown;
    const auto request = ipmi::set_lan_configuration_parameter(contact.channel(), number, data);
    const auto reply = co_await contact.command(request);
    co_return reply ? reply->completion_code : kUnknown;
}

// Position of suite 0 among the first `count` of parameter 23, behind its reserved byte: what follows is filled with
// zeros that are no suites.
std::optional<std::size_t> entry_of_suite_0(const Bytes& entries, std::size_t count) {
    const auto first = entries.begin() + 1;
    const auto end = first + static_cast<std::ptrdiff_t>(std::min(count, entries.size() - 1));
    const auto found = std::find(first, end, std::uint8_t{0});
    if (found == end) return std::nullopt;
    return static_cast<std::size_t>(found - first);
}

void make_unused(Bytes& privileges, std::size_t entry) {
    auto& pair = privileges[1 + entry / 2];
    pair = static_cast<std::uint8_t>(entry % 2 == 0 ? pair & 0xf0 : pair & 0x0f);
}

}  // namespace

asio::awaitable<Suite0End> close_suite_0(BmcContact& contact) {
    if (!contact.suite_0_is_open()) {  // not offered; asking where it is would leave a half-open session
        const auto open = co_await contact.try_suite_0();
        if (!open) co_return Suite0End{false, "suite-0: it is not known whether it is open"};
        if (!*open) co_return Suite0End{true, ""};
    }
    const auto count = co_await parameter(contact, kCipherSuiteCount, 1);
    const auto entries = co_await parameter(contact, kCipherSuiteEntries, kEntriesSize);
    auto privileges = co_await parameter(contact, kCipherSuitePrivileges, kPrivilegesSize);
    std::optional<std::size_t> entry;
    if (!count.empty() && !entries.empty()) entry = entry_of_suite_0(entries, count.front() & 0x1f);
    if (!entry || privileges.empty()) co_return Suite0End{false, "suite-0-open: the BMC has no switch for it"};
    make_unused(privileges, *entry);
    const Bytes in_progress(1, 1);
    const Bytes complete(1, 0);
    (void)co_await set_parameter(contact, kSetInProgress, in_progress);
    const auto code = co_await set_parameter(contact, kCipherSuitePrivileges, privileges);
    (void)co_await set_parameter(contact, kSetInProgress, complete);
    const auto still = co_await contact.try_suite_0();
    if (still == false) co_return Suite0End{true, "suite-0-closed"};
    co_return Suite0End{false, code == 0 ? std::string("suite-0-open: the BMC says it is off and takes it all the same")
                                         : fmt::format("suite-0-open: refused with {:02X}h", code)};
}

}  // namespace bmcvault::rotate
