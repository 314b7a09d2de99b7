// Which manufacturer's reset is what, and when one that was sent is over.
#include "rotate/core/factory_resets.hpp"

#include <gtest/gtest.h>

namespace bmcvault::rotate {
namespace {

using std::chrono::seconds;
using Verdict = ResetWatch::Verdict;

TEST(FactoryResets, EachManufacturersOwn) {
    const auto text = [](std::uint32_t manufacturer) {
        const auto reset = factory_reset_of(manufacturer);
        return reset ? std::string(reset->vendor) + ": " + text_of(*reset) : "none";
    };
    EXPECT_EQ(text(674), "Dell: 30h/21h AAh");
    EXPECT_EQ(text(10876), "Supermicro: 30h/40h");
    EXPECT_EQ(text(7244), "Quanta: 30h/04h FFh");
    EXPECT_EQ(text(42817), "OpenPOWER: 3Ah/11h");
    for (const std::uint32_t megarac : {2623u, 10297u, 15370u, 20974u, 49622u})
        EXPECT_TRUE(text(megarac).ends_with(": 32h/BAh 00h 00h, 32h/66h")) << megarac;
    EXPECT_EQ(text(47196), "none") << "HPE has one over Redfish only";
    EXPECT_FALSE(factory_reset_of(std::nullopt)) << "never seen";
}

TEST(ResetWatch, ABoardThatWasAwayAndIsBackHasDoneIt) {
    ResetWatch watch;
    EXPECT_EQ(watch.look(true, seconds{10}), Verdict::kLookAgain) << "it may not have begun";
    EXPECT_EQ(watch.look(false, seconds{20}), Verdict::kLookAgain);
    EXPECT_EQ(watch.look(true, seconds{40}), Verdict::kOver);
}

TEST(ResetWatch, ABoardThatNeverGoesDoesNothing) {
    ResetWatch watch;
    EXPECT_EQ(watch.look(true, ResetWatch::kBegins - seconds{1}), Verdict::kLookAgain);
    EXPECT_EQ(watch.look(true, ResetWatch::kBegins), Verdict::kOver);
}

TEST(ResetWatch, ABoardThatStaysAwayIsGivenUp) {
    ResetWatch watch;
    EXPECT_EQ(watch.look(false, ResetWatch::kTakes - seconds{1}), Verdict::kLookAgain);
    EXPECT_EQ(watch.look(false, ResetWatch::kTakes), Verdict::kNeverBack);
}

}  // namespace
}  // namespace bmcvault::rotate
