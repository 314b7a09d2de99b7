#include "cli/masking.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace bmcvault::cli {
namespace {

Key20 key(std::string_view text) {
    std::array<std::uint8_t, kKeySize> bytes{};
    std::ranges::copy(text, bytes.begin());
    return Key20(bytes);
}

std::string masked_in_pieces(const std::string& text, std::size_t size) {
    MaskedForms forms;
    forms.add(key("aab-secret"));
    Masking masking(forms);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += size) out += masking.feed(text.substr(at, size));
    return out + masking.finish();
}

TEST(Masking, TakesOutEveryFormHoweverItIsCut) {
    const std::string text = "aaab-secret aab-secre aab-secret\n6161622d736563726574 61 61 62 2D 73 65 63 72 65 74|aab";
    for (std::size_t size = 1; size <= text.size(); ++size) {
        EXPECT_EQ(masked_in_pieces(text, size), "a******** aab-secre ********\n******** ********|aab") << size;
    }
}

TEST(Masking, HoldsNothingBackThatIsNoBeginningOfASecret) {
    MaskedForms forms;
    forms.add(key("aab-secret"));
    Masking masking(forms);
    EXPECT_EQ(masking.feed("a prompt: "), "a prompt: ");
    EXPECT_EQ(masking.feed("aab"), "");
    EXPECT_EQ(masking.feed("x"), "aabx");
}

TEST(Masking, OfAnEmptyPasswordChangesNothing) {
    MaskedForms forms;
    forms.add(key(""));
    Masking masking(forms);
    EXPECT_EQ(masking.feed("anything") + masking.finish(), "anything");
}

}  // namespace
}  // namespace bmcvault::cli
