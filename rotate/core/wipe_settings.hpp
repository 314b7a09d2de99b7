// What a BMC remembers beside its accounts and keys, as values: where each setting is read, what is written over it,
// and what the answers mean. Pure. (IPMI 2.0 §22.14a, §23, §25, §26, §28.12, §30; DCMI 1.5 §6.4)
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipmi/spec/spec.hpp"
#include "vault/base/bytes.hpp"
#include "vault/base/ids.hpp"

namespace bmcvault::rotate {

enum class ItemResult : std::uint8_t {  // from fine to bad
    kErased,                            // blank, read back
    kWasEmpty,                          // nothing was there
    kNotPresent,                        // the BMC does not know it
    kUnverified,                        // it took what was written and does not show it
    kRefused,
    kNotErased,  // it took what was written and shows something else
    kNoReply,
};
[[nodiscard]] std::string_view word(ItemResult result);
// Nothing of it is left, as far as the BMC shows.
[[nodiscard]] bool is_fine(ItemResult result);

// One line of a certificate.
struct WipeItem {
    std::string name;    // "SNMP community string"
    std::string action;  // "random bytes, then blank"
    ItemResult result = ItemResult::kNoReply;
    std::optional<std::uint8_t> completion_code;  // of the last write
    std::string detail;                           // never a secret
    friend bool operator==(const WipeItem&, const WipeItem&) = default;
};
// The same thing done again by a later run: what was erased stays erased, and does not become "was empty".
[[nodiscard]] WipeItem merged(const WipeItem& before, const WipeItem& now);

struct RawCommand {
    ipmi::NetFn net_fn{};
    std::uint8_t command = 0;
    Bytes data;
};

// One parameter, or one entry of a table.
struct Setting {
    RawCommand read;
    std::size_t header = 0;       // bytes of the answer before the value
    RawCommand write;             // its data go before the value
    Bytes blank;                  // the value that means nothing; a selector may stand in front
    bool may_be_short = false;    // a text that the BMC gives back without its zeros
    std::size_t random_from = 0;  // from here on random bytes are written first; blank.size(): nowhere
};

struct SettingFamily {
    std::string_view name;
    std::string_view action;
    std::optional<RawCommand> count;  // how many entries: second byte of the answer, lower 7 bits
    std::uint8_t first = 0;           // selectors from here ...
    std::uint8_t last = 0;            // ... to here, or to the count
    std::function<Setting(std::uint8_t selector)> setting;
};

// `serial`: the serial channel, where the board has one.
[[nodiscard]] std::vector<SettingFamily> setting_families(Channel lan, std::optional<Channel> serial);

// A completion code and the value behind it.
struct SettingAnswer {
    std::uint8_t completion_code = 0;
    Bytes value;
};
// An answer that is shorter than the value shows nothing, unless the setting may be short.
[[nodiscard]] bool is_blank(ByteView value, const Setting& setting);
[[nodiscard]] bool is_absent(std::uint8_t completion_code);  // this BMC has no such thing
// Worth writing to? nullopt: it is; else what is known already.
[[nodiscard]] std::optional<ItemResult> before_writing(const SettingAnswer& read, const Setting& setting);
[[nodiscard]] ItemResult after_writing(std::uint8_t write_code, const SettingAnswer& read, const Setting& setting);
// A count that was not given: is there no such table, or is nothing known?
[[nodiscard]] ItemResult without_count(const SettingAnswer& count);
[[nodiscard]] ItemResult worse(ItemResult, ItemResult);

}  // namespace bmcvault::rotate
