#include "ipmi/virtual_bmc/event_log.hpp"

#include <algorithm>

namespace bmcvault::virtual_bmc {
namespace {

using ipmi::CompletionCode;

constexpr std::uint8_t kOk = 0x00;
constexpr std::uint8_t kReservationLost = 0xc5;
constexpr std::uint16_t kFirst = 0x0000;
constexpr std::uint16_t kLast = 0xffff;
constexpr std::uint8_t kWholeRecord = 0xff;

constexpr std::uint8_t code(CompletionCode code) {
    return static_cast<std::uint8_t>(code);
}

std::uint16_t number_at(ByteView data, std::size_t offset) {
    return static_cast<std::uint16_t>(data[offset] | data[offset + 1] << 8U);
}

void append_number(Bytes& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value & 0xffU));
    out.push_back(static_cast<std::uint8_t>(value >> 8U));
}

std::uint16_t id_of(const std::array<std::uint8_t, 16>& record) {
    return number_at(record, 0);
}

}  // namespace

EventLog::EventLog(const Config& config) : config_(config) {
    constexpr std::uint8_t kPowerSupply = 0x08;
    constexpr std::uint8_t kPhysicalSecurity = 0x05;
    for (std::uint8_t event = 0; event < 3; ++event) log(kPowerSupply, event);
    log(kPhysicalSecurity, 0);
}

// A system event record: ID, type 02h, time, generator, format, sensor type and number, event, three bytes more.
void EventLog::log(std::uint8_t sensor_type, std::uint8_t event) {
    constexpr std::uint32_t kSomeTime = 1'790'000'000;
    const std::uint32_t time = kSomeTime + next_id_;
    Bytes bytes;
    append_number(bytes, next_id_++);
    bytes.push_back(0x02);
    append_number(bytes, static_cast<std::uint16_t>(time & 0xffffU));
    append_number(bytes, static_cast<std::uint16_t>(time >> 16U));
    append(bytes, Bytes{0x20, 0x00, 0x04, sensor_type, 0x31, 0x6f, event, 0xff, 0xff});
    std::ranges::copy(bytes, records_.emplace_back().begin());
    ++reservation_;
}

std::uint8_t EventLog::info(Bytes& out) const {
    constexpr std::uint8_t kVersion = 0x51;
    constexpr std::uint8_t kCanReserve = 0x02;
    out.push_back(kVersion);
    append_number(out, static_cast<std::uint16_t>(records_.size()));
    append_number(out, kLast);
    out.resize(out.size() + 8, 0xff);  // times of the last addition and erasure: not kept
    out.push_back(kCanReserve);
    return kOk;
}

std::uint8_t EventLog::reserve(Bytes& out) {
    append_number(out, ++reservation_);
    return kOk;
}

std::uint8_t EventLog::entry(ByteView request, Bytes& out) const {
    if (request.size() != 6) return code(CompletionCode::kRequestDataLengthInvalid);
    if (request[4] != 0 || request[5] != kWholeRecord) return code(CompletionCode::kInvalidDataField);
    const auto id = number_at(request, 2);
    auto found = std::ranges::find(records_, id, id_of);
    if (id == kFirst) found = records_.begin();
    if (id == kLast && !records_.empty()) found = records_.end() - 1;
    if (found == records_.end()) return code(CompletionCode::kNotPresent);
    const bool is_last = found + 1 == records_.end();
    if (config_.quirks.event_log_ends_early) {
        append_number(out, kLast);
        append(out, *found);
        return kOk;
    }
    const auto after_last = config_.quirks.event_log_without_end ? id_of(records_.front()) : kLast;
    append_number(out, is_last ? after_last : id_of(*(found + 1)));
    append(out, *found);
    return kOk;
}

std::uint8_t EventLog::clear(ByteView request, Bytes& out) {
    constexpr std::uint8_t kBegin = 0xaa;
    if (request.size() != 6) return code(CompletionCode::kRequestDataLengthInvalid);
    if (number_at(request, 0) != reservation_) return kReservationLost;
    if (request[2] != 'C' || request[3] != 'L' || request[4] != 'R') return code(CompletionCode::kInvalidDataField);
    erasing_ = request[5] == kBegin;
    out.push_back(erasing_ ? 0 : 1);
    if (!erasing_ || config_.quirks.keeps_event_log) return kOk;
    constexpr std::uint8_t kEventLogging = 0x10;
    constexpr std::uint8_t kCleared = 0x02;
    const auto reservation = reservation_;
    records_.clear();
    log(kEventLogging, kCleared);
    reservation_ = reservation;  // its holder asks how far it is
    return kOk;
}

}  // namespace bmcvault::virtual_bmc
