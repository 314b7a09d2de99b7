// What is written over a setting, what the answers to it prove, and the serial number out of a FRU.
#include "rotate/core/wipe_settings.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "rotate/core/fru.hpp"

namespace bmcvault::rotate {
namespace {

Setting four_bytes(bool may_be_short = false) {
    Setting setting;
    setting.blank = Bytes(4, 0);
    setting.may_be_short = may_be_short;
    return setting;
}
const Setting kBlank = four_bytes();

TEST(WipeSettings, OnlyWhatIsReadBackIsErased) {
    EXPECT_EQ(after_writing(0x00, {0x00, {0, 0, 0, 0}}, kBlank), ItemResult::kErased);
    EXPECT_EQ(after_writing(0xff, {0x00, {0, 0, 0, 0}}, kBlank), ItemResult::kErased) << "it said no and did it";
    EXPECT_EQ(after_writing(0x00, {0x00, {0, 1, 0, 0}}, kBlank), ItemResult::kNotErased) << "it said yes and did not";
    EXPECT_EQ(after_writing(0x00, {0x82, {}}, kBlank), ItemResult::kUnverified);
    EXPECT_EQ(after_writing(0xd4, {0x00, {0, 1, 0, 0}}, kBlank), ItemResult::kRefused);
}

TEST(WipeSettings, NothingIsWrittenToWhatIsBlankOrAbsent) {
    EXPECT_EQ(before_writing({0x00, {0, 0, 0, 0}}, kBlank), ItemResult::kWasEmpty);
    EXPECT_EQ(before_writing({0xc1, {}}, kBlank), ItemResult::kNotPresent);
    EXPECT_EQ(before_writing({0x80, {}}, kBlank), ItemResult::kNotPresent);
    EXPECT_EQ(before_writing({0x00, {7}}, kBlank), std::nullopt);
    EXPECT_EQ(before_writing({0xd4, {}}, kBlank), std::nullopt) << "what can't be read may be there";
}

TEST(WipeSettings, AShortAnswerShowsNothing) {
    EXPECT_EQ(after_writing(0x00, {0x00, {}}, kBlank), ItemResult::kNotErased);
    EXPECT_EQ(after_writing(0x00, {0x00, {0, 0}}, kBlank), ItemResult::kNotErased);
    EXPECT_EQ(before_writing({0x00, {}}, kBlank), std::nullopt);
    EXPECT_EQ(after_writing(0x00, {0x00, {}}, four_bytes(true)), ItemResult::kErased) << "an empty text";
}

TEST(WipeSettings, ATableThatCantBeCountedIsNoAbsentOne) {
    EXPECT_EQ(without_count({0xc1, {}}), ItemResult::kNotPresent);
    EXPECT_EQ(without_count({0xd4, {}}), ItemResult::kUnverified);
    EXPECT_EQ(without_count({0xce, {}}), ItemResult::kUnverified);
    EXPECT_EQ(without_count({0x00, {}}), ItemResult::kUnverified) << "an answer without a number";
}

TEST(WipeSettings, TheWorstEntryOfATableSpeaksForIt) {
    EXPECT_EQ(worse(ItemResult::kErased, ItemResult::kWasEmpty), ItemResult::kErased);
    EXPECT_EQ(worse(ItemResult::kErased, ItemResult::kNotErased), ItemResult::kNotErased);
    EXPECT_EQ(worse(ItemResult::kNoReply, ItemResult::kErased), ItemResult::kNoReply);
}

TEST(WipeSettings, ALaterRunDoesNotForgetWhatWasErased) {
    const WipeItem erased{"boot flags", "blank", ItemResult::kErased, 0, ""};
    const WipeItem empty{"boot flags", "blank", ItemResult::kWasEmpty, std::nullopt, ""};
    EXPECT_EQ(merged(erased, empty), erased);
    EXPECT_EQ(merged(empty, erased), erased);
    const WipeItem back{"boot flags", "blank", ItemResult::kNotErased, 0, ""};
    EXPECT_EQ(merged(erased, back), back);
}

// Every command fits a request, every write has a blank that its own read would show as blank.
TEST(WipeSettings, EveryFamilyIsWellFormed) {
    std::set<std::string_view> names;
    for (const auto& family : setting_families(Channel{1}, Channel{2})) {
        EXPECT_TRUE(names.insert(family.name).second) << family.name;
        const auto setting = family.setting(1);
        EXPECT_TRUE(is_blank(setting.blank, setting)) << family.name;
        EXPECT_LE(setting.random_from, setting.blank.size()) << family.name;
        EXPECT_LE(setting.write.data.size() + setting.blank.size(), 64u) << family.name;
        EXPECT_EQ(setting.read.net_fn, setting.write.net_fn) << family.name;
    }
    EXPECT_EQ(setting_families(Channel{1}, std::nullopt).size() + 5, names.size()) << "serial needs its channel";
}

// Answers like a BMC with these bytes in FRU 0, `most` at a time.
std::string serial_in(const Bytes& fru, std::size_t most) {
    FruReading reading;
    for (int step = 0; step < 1000; ++step) {
        const auto part = reading.next();
        if (!part) break;
        const auto offset = part->data[1] + std::size_t{256} * part->data[2];
        if (offset >= fru.size()) break;
        const auto size = std::min<std::size_t>({part->data[3], fru.size() - offset, most});
        Bytes answer{static_cast<std::uint8_t>(size)};
        append(answer, ByteView(fru).subspan(offset, size));
        if (!reading.take(answer)) break;
    }
    return reading.serial();
}

Bytes fru_with_product(const std::vector<std::string>& fields) {
    Bytes fru{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 25};
    for (const auto& field : fields) {
        fru.push_back(static_cast<std::uint8_t>(0xc0 | field.size()));
        fru.insert(fru.end(), field.begin(), field.end());
    }
    fru.push_back(0xc1);
    while (fru.size() % 8 != 0) fru.push_back(0);
    fru[9] = static_cast<std::uint8_t>(fru.size() / 8 - 1);
    return fru;
}

TEST(Fru, TheProductsSerialNumber) {
    const auto fru = fru_with_product({"Maker", "Model", "Part", "V1", "SN-4711"});
    for (const std::size_t most : {1u, 3u, 16u}) EXPECT_EQ(serial_in(fru, most), "SN-4711") << most;
}

TEST(Fru, WhatIsNotThereIsEmpty) {
    EXPECT_EQ(serial_in(fru_with_product({"Maker", "Model"}), 16), "");
    EXPECT_EQ(serial_in({}, 16), "");
    EXPECT_EQ(FruReading{}.serial(), "");
}

// Every cut and every flipped byte of one: no crash, and an end.
TEST(Fru, DamagedBytesEnd) {
    const auto fru = fru_with_product({"Maker", "Model", "Part", "V1", "SN-4711"});
    std::size_t read = 0;
    for (std::size_t size = 0; size <= fru.size(); ++size) {
        const auto cut = serial_in(Bytes(fru.begin(), fru.begin() + static_cast<std::ptrdiff_t>(size)), 16);
        read += cut == "SN-4711" ? 1u : 0u;
    }
    EXPECT_EQ(read, 1u) << "only the whole of it";
    for (std::size_t at = 0; at < fru.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            auto flipped = fru;
            flipped[at] = static_cast<std::uint8_t>(flipped[at] ^ (1 << bit));
            EXPECT_LE(serial_in(flipped, 16).size(), 63u);
        }
    }
}

}  // namespace
}  // namespace bmcvault::rotate
