// Runs a fuzz target over its corpus as a plain test, for compilers without libFuzzer. A failing input aborts, and the
// last line names it; `fuzz_NAME FILE` of the fuzz preset then replays that file alone.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "tests/fuzz/fuzz_input.hpp"

namespace bmcvault::fuzz {
namespace {

Bytes content_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(Corpus, EveryInputIsTakenWithoutHarm) {
    std::set<std::filesystem::path> inputs;
    for (const auto& entry : std::filesystem::directory_iterator(BMCVAULT_CORPUS)) inputs.insert(entry.path());
    ASSERT_FALSE(inputs.empty());
    for (const auto& input : inputs) {
        std::cout << input.filename() << std::endl;
        const auto content = content_of(input);
        EXPECT_EQ(LLVMFuzzerTestOneInput(content.data(), content.size()), 0);
        // Every truncation too: the corpus is small.
        for (std::size_t size = 0; size < content.size(); ++size) {
            EXPECT_EQ(LLVMFuzzerTestOneInput(content.data(), size), 0);
        }
    }
}

}  // namespace
}  // namespace bmcvault::fuzz
