#include "cli/event_log_file.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/plain_file.hpp"
#include "cli/text.hpp"

namespace bmcvault::cli {
namespace {

// IPMI 2.0 §32.1, Table 32-1: ID, type, time, generator, format, sensor type, sensor number, event, data.
nlohmann::ordered_json json_of(const rotate::EventRecord& record) {
    constexpr std::uint8_t kFirstWithoutTime = 0xe0;
    const auto number = [&](std::size_t at, std::size_t size) {
        std::uint32_t value = 0;
        for (std::size_t i = size; i-- > 0;) value = value << 8U | record[at + i];
        return value;
    };
    nlohmann::ordered_json json{{"id", number(0, 2)}, {"type", record[2]}};
    if (record[2] < kFirstWithoutTime) json["time"] = iso_time(UnixTime{number(3, 4)});
    if (record[2] == 2) {
        json["sensor_type"] = record[10];
        json["sensor"] = record[11];
        json["event"] = number(12, 2);
    }
    json["record"] = to_hex(record);
    return json;
}

}  // namespace

Result<std::string> save_event_log(const std::filesystem::path& directory, const std::string& file_stem,
                                   const vault::Bmc& bmc, std::span<const rotate::EventRecord> records, UnixTime now) {
    if (auto made = make_directories(directory); !made) return std::unexpected(made.error());
    nlohmann::ordered_json json{{"type", "event-log"}, {"bmc", bmc.name}, {"saved_at", iso_time(now)}};
    json["records"] = nlohmann::ordered_json::array();
    for (const auto& record : records) json["records"].push_back(json_of(record));
    const auto text = json.dump(1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
    constexpr int kMost = 1000;
    for (int number = 1; number <= kMost; ++number) {
        const auto ending = number == 1 ? std::string(".sel.json") : fmt::format(".sel-{}.json", number);
        auto name = file_stem + ending;
        const auto written = write_new_file(directory / name, text, 0666);
        if (written) return name;
        if (written.error().code != ErrorCode::kAlreadyExists) return std::unexpected(written.error());
    }
    return fail(ErrorCode::kAlreadyExists, "too many event logs of this BMC are there");
}

}  // namespace bmcvault::cli
