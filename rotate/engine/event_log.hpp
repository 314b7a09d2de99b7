// The System Event Log of a BMC, for whoever keeps it: read whole, given away, and only then cleared. (IPMI 2.0 §31)
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "rotate/core/wipe_settings.hpp"
#include "rotate/engine/bmc_contact.hpp"
#include "rotate/engine/campaign.hpp"
#include "rotate/engine/wipe_record.hpp"

namespace bmcvault::rotate {

// One of these for a whole run: what was cleared stays cleared, whatever got lost on the way.
class EventLog {
public:
    explicit EventLog(BmcContact& contact) : contact_(contact) {}

    // In the kept session. What was not kept whole is not cleared; what was cleared is read again to see it.
    [[nodiscard]] asio::awaitable<WipeItem> keep_and_clear(const KeepEventLog& keep);

private:
    struct Info {  // §31.2
        std::uint16_t entries = 0;
        std::uint32_t last_addition = 0;
        bool can_reserve = false;
        friend bool operator==(const Info&, const Info&) = default;
    };
    struct Reading {
        ItemResult result = ItemResult::kErased;  // kErased: read to its end
        std::vector<EventRecord> records;
        Info info{};  // after the last record
    };
    asio::awaitable<Reading> read();
    asio::awaitable<std::expected<Info, ItemResult>> info();
    asio::awaitable<std::expected<std::vector<EventRecord>, ItemResult>> records(std::size_t most);
    asio::awaitable<std::optional<std::uint16_t>> reserve();
    asio::awaitable<ItemResult> clear(std::uint16_t reservation, std::optional<std::uint8_t>& code);
    asio::awaitable<WipeItem> look_after(const std::vector<EventRecord>& before, std::string where,
                                         std::optional<std::uint8_t> code);
    asio::awaitable<std::optional<ipmi::Response>> ask(std::uint8_t command, ByteView data);

    BmcContact& contact_;
    bool clear_was_sent_ = false;
};

}  // namespace bmcvault::rotate
