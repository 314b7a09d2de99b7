#include "rotate/engine/event_log.hpp"

#include <algorithm>
#include <set>

namespace bmcvault::rotate {
namespace {

using ipmi::CompletionCode;

constexpr std::uint8_t kReservationLost = 0xc5;
constexpr int kTries = 3;
constexpr std::chrono::minutes kLongestReading{10};
constexpr int kLooksAtErasure = 60;
constexpr std::chrono::seconds kBetweenLooks{1};
constexpr std::uint16_t kFirst = 0x0000;
constexpr std::uint16_t kLast = 0xffff;
constexpr std::uint8_t kWholeRecord = 0xff;
constexpr std::size_t kMayArrive = 256;  // events, while the log is read

constexpr std::uint8_t low(std::uint16_t value) {
    return static_cast<std::uint8_t>(value & 0xffU);
}
constexpr std::uint8_t high(std::uint16_t value) {
    return static_cast<std::uint8_t>(value >> 8U);
}
std::uint16_t number_at(const Bytes& data, std::size_t offset) {
    return static_cast<std::uint16_t>(data[offset] | data[offset + 1] << 8U);
}

WipeItem item(ItemResult result, std::string detail, std::optional<std::uint8_t> code = std::nullopt) {
    return {std::string(kEventLogItem), "kept in a file, then cleared", result, code, std::move(detail)};
}

}  // namespace

asio::awaitable<std::optional<ipmi::Response>> EventLog::ask(std::uint8_t command, ByteView data) {
    if (!contact_.has_kept_session()) co_return std::nullopt;
    const ipmi::Request request(ipmi::NetFn::kStorage, command, data);
    auto reply = co_await contact_.command(request);
    if (!reply) co_return std::nullopt;
    co_return std::move(*reply);
}

// What came in since it was read is seen twice: the reservation is void, and the BMC counts another entry.
asio::awaitable<WipeItem> EventLog::keep_and_clear(const KeepEventLog& keep) {
    for (int tries = 0; tries < kTries; ++tries) {
        const auto reservation = co_await reserve();
        const auto before = co_await read();
        if (before.result != ItemResult::kErased) {
            const bool some = before.result != ItemResult::kNotPresent && !clear_was_sent_;
            co_return item(before.result, some ? "it could not be read to its end, so it was not cleared" : "");
        }
        if (before.records.empty()) co_return item(clear_was_sent_ ? ItemResult::kErased : ItemResult::kWasEmpty, "");
        if (before.info.can_reserve && !reservation) co_return item(ItemResult::kRefused, "it can't be reserved");
        auto kept = keep(contact_.bmc(), before.records);
        if (!kept) co_return item(ItemResult::kNotErased, kept.error().detail);
        const auto now = co_await info();
        if (!now) co_return item(now.error(), "it was kept, and not cleared");
        if (*now != before.info) continue;
        std::optional<std::uint8_t> code;
        const auto cleared = co_await clear(reservation.value_or(0), code);
        if (code == kReservationLost) continue;
        if (cleared != ItemResult::kErased) co_return item(cleared, *kept, code);
        co_return co_await look_after(before.records, std::move(*kept), code);
    }
    co_return item(ItemResult::kRefused, "events kept coming in");
}

asio::awaitable<WipeItem> EventLog::look_after(const std::vector<EventRecord>& before, std::string where,
                                               std::optional<std::uint8_t> code) {
    const auto after = co_await read();
    if (after.result != ItemResult::kErased) co_return item(ItemResult::kUnverified, std::move(where), code);
    constexpr std::size_t kId = 2;  // what is kept may be numbered anew
    const bool old_is_there = std::ranges::any_of(after.records, [&](const EventRecord& record) {
        return std::ranges::any_of(before, [&](const EventRecord& old) {
            return std::equal(old.begin() + kId, old.end(), record.begin() + kId);
        });
    });
    co_return item(old_is_there ? ItemResult::kNotErased : ItemResult::kErased, std::move(where), code);
}

asio::awaitable<std::optional<std::uint16_t>> EventLog::reserve() {
    const auto reply = co_await ask(ipmi::kReserveSel, {});
    if (!reply || !reply->ok() || reply->data.size() < 2) co_return std::nullopt;
    co_return number_at(reply->data, 0);
}

asio::awaitable<std::expected<EventLog::Info, ItemResult>> EventLog::info() {
    const auto reply = co_await ask(ipmi::kGetSelInfo, {});
    if (!reply) co_return std::unexpected(ItemResult::kNoReply);
    if (is_absent(reply->completion_code)) co_return std::unexpected(ItemResult::kNotPresent);
    constexpr std::size_t kSize = 14;
    if (!reply->ok() || reply->data.size() < kSize) co_return std::unexpected(ItemResult::kRefused);
    const auto& data = reply->data;
    constexpr std::uint8_t kReserveSupported = 0x02;
    co_return Info{number_at(data, 1), number_at(data, 5) | static_cast<std::uint32_t>(number_at(data, 7)) << 16U,
                   (data[13] & kReserveSupported) != 0};
}

// To its end, and not fewer than the BMC counts.
asio::awaitable<EventLog::Reading> EventLog::read() {
    const auto before = co_await info();
    if (!before) co_return Reading{before.error(), {}, {}};
    std::vector<EventRecord> all;
    if (before->entries > 0) {
        auto read = co_await records(before->entries + kMayArrive);
        if (!read) co_return Reading{read.error(), {}, {}};
        all = std::move(*read);
    }
    const auto after = co_await info();
    if (!after) co_return Reading{after.error(), {}, {}};
    if (after->entries > all.size()) co_return Reading{ItemResult::kRefused, {}, {}};
    co_return Reading{ItemResult::kErased, std::move(all), *after};
}

asio::awaitable<std::expected<std::vector<EventRecord>, ItemResult>> EventLog::records(std::size_t most) {
    std::vector<EventRecord> all;
    std::set<std::uint16_t> seen;
    auto& network = contact_.ports().network;
    const auto end = network.now() + kLongestReading;
    for (auto id = kFirst; id != kLast;) {
        const bool too_much = !seen.insert(id).second || all.size() == most || network.now() > end;
        if (too_much) co_return std::unexpected(ItemResult::kRefused);
        const Bytes which{0, 0, low(id), high(id), 0, kWholeRecord};
        const auto entry = co_await ask(ipmi::kGetSelEntry, which);
        if (!entry) co_return std::unexpected(ItemResult::kNoReply);
        const bool gone = entry->completion_code == static_cast<std::uint8_t>(CompletionCode::kNotPresent);
        if (gone && all.empty()) break;  // somebody else cleared it
        EventRecord record{};
        constexpr std::size_t kNext = 2;
        if (!entry->ok() || entry->data.size() != kNext + record.size())
            co_return std::unexpected(ItemResult::kRefused);
        std::copy(entry->data.begin() + kNext, entry->data.end(), record.begin());
        all.push_back(record);
        id = number_at(entry->data, 0);
    }
    co_return all;
}

// A lost reply may have been that of a clear that was done: what is found empty then was cleared.
asio::awaitable<ItemResult> EventLog::clear(std::uint16_t reservation, std::optional<std::uint8_t>& code) {
    constexpr std::uint8_t kBegin = 0xaa;
    constexpr std::uint8_t kHowFar = 0x00;
    constexpr std::uint8_t kCompleted = 1;
    auto what = kBegin;
    for (int looks = 0; looks < kLooksAtErasure; ++looks) {
        const Bytes step{low(reservation), high(reservation), 'C', 'L', 'R', what};
        const auto reply = co_await ask(ipmi::kClearSel, step);
        clear_was_sent_ = true;
        if (!reply) co_return ItemResult::kNoReply;
        code = reply->completion_code;
        if (!reply->ok()) co_return ItemResult::kRefused;
        if (!reply->data.empty() && (reply->data[0] & 0x0fU) == kCompleted) co_return ItemResult::kErased;
        what = kHowFar;
        co_await contact_.wait(kBetweenLooks);
    }
    co_return ItemResult::kUnverified;
}

}  // namespace bmcvault::rotate
