// The rules of the house: the tree keeps each of them, and each notices the breach it is there for.
#include "tests/house/house_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace bmcvault::house {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const SourceTree& repository() {
    static const SourceTree tree = read_tree(BMCVAULT_SOURCE_DIR);
    return tree;
}

SourceTree sample(std::vector<SourceFile> files) {
    return {.files = std::move(files), .top_level = {}};
}

// In two halves where the whole word would trip the very rule that is tested.
const std::string kLayersHeader = "// Seen.\n#pragma once\n";

TEST(SourceTree, HoldsTheWholeRepository) {
    const auto& files = repository().files;
    EXPECT_GT(files.size(), 50u);
    for (const auto* path : {"CMakeLists.txt", ".ci/run", "vault/base/secret.hpp", "tests/house/house_rules.cpp"}) {
        EXPECT_EQ(std::ranges::count(files, path, &SourceFile::path), 1) << path;
    }
}

TEST(CodeOnly, BlanksCommentsAndLiteralsAndKeepsLines) {
    EXPECT_EQ(code_only("a // now()\nb"), "a         \nb");
    EXPECT_EQ(code_only("a /* x\ny */ b"), "a     \n     b");
    EXPECT_EQ(code_only("f(\"\\\"now()\", 'x', 1'000);"), "f(         ,    , 1'000);");
    EXPECT_EQ(code_only("g(R\"z(a)\"b)z\");"), "g(           );");
    EXPECT_EQ(code_only("\"never closed"), "             ");
}

TEST(Includes, FollowTheTable) {
    EXPECT_THAT(check_includes(repository()), IsEmpty());
}

TEST(Includes, ABreachIsSeen) {
    const auto tree = sample({
        {"ipmi/core/session.cpp", "#include \"vault/core/model.hpp\"\n#include \"vault/base/error.hpp\"\n"},
        {"ipmi/virtual_bmc/x.cpp", "#include \"ipmi/core/commands.hpp\"\n"},
        {"vault/base/error.hpp", kLayersHeader},
        {"vault/core/model.hpp", kLayersHeader + "#include \"tests/helper.hpp\"\n"},
        {"ipmi/core/commands.hpp", kLayersHeader + "#include \"commands.hpp\"\n"},
        {"tests/helper.hpp", kLayersHeader + "#include \"vault/core/model.hpp\"\n"},
        {"vault/utils/x.hpp", kLayersHeader},
    });
    EXPECT_THAT(check_includes(tree),
                ElementsAre("ipmi/core/session.cpp:1: ipmi/core may not see vault/core/model.hpp",
                            "ipmi/virtual_bmc/x.cpp:1: ipmi/virtual_bmc may not see ipmi/core/commands.hpp",
                            "vault/core/model.hpp:3: vault/core may not see tests/helper.hpp",
                            "ipmi/core/commands.hpp:3: no such file from the root: commands.hpp",
                            "vault/utils/x.hpp: belongs to no folder of the table"));
}

TEST(ThirdPartyHeaders, StayWhereTheyBelong) {
    EXPECT_THAT(check_third_party_headers(repository()), IsEmpty());
}

TEST(ThirdPartyHeaders, ABreachIsSeenAlsoThroughOurOwnHeaders) {
    const auto tree = sample({
        {"cli/rotate.cpp", "#include \"rotate/engine/inner.hpp\"\n#include <CLI/CLI.hpp>\n"},
        {"rotate/engine/inner.hpp", "#include \"ipmi/io/network.hpp\"\n"},
        {"ipmi/io/network.hpp", "#include <asio/awaitable.hpp>\n"},
        {"ipmi/core/session.cpp", "#include <asio.hpp>\n#include <freeipmi/freeipmi.h>\n"},
        {"vault/core/chain.cpp", "#include <sqlcipher/sqlite3.h>\n"},
    });
    EXPECT_THAT(check_third_party_headers(tree),
                ElementsAre("cli/rotate.cpp: reaches Asio by rotate/engine/inner.hpp -> ipmi/io/network.hpp -> "
                            "<asio/awaitable.hpp>",
                            "ipmi/core/session.cpp:1: Asio is not for this folder",
                            "vault/core/chain.cpp:1: SQLCipher is not for this folder"));
}

TEST(LinkLibraries, FollowTheTable) {
    EXPECT_THAT(check_link_libraries(repository()), IsEmpty());
}

TEST(LinkLibraries, ABreachIsSeen) {
    const auto tree = sample({
        {"vault/core/CMakeLists.txt",
         "target_link_libraries(vault_core PUBLIC vault_base\n  PRIVATE PkgConfig::SQLCIPHER) # a comment)\n"},
        {"ipmi/virtual_bmc/CMakeLists.txt", "target_link_libraries(virtual_bmc PUBLIC ipmi_spec ipmi_core)\n"},
        {"cli/CMakeLists.txt", "target_link_libraries(bmcvault_cli PUBLIC rotate_engine PRIVATE CLI11::CLI11)\n"},
        {"rotate/core/CMakeLists.txt", "target_link_libraries(rotate_helpers PUBLIC vault_core)\n"},
    });
    EXPECT_THAT(
        check_link_libraries(tree),
        ElementsAre("vault/core/CMakeLists.txt: vault_core may not link PkgConfig::SQLCIPHER",
                    "ipmi/virtual_bmc/CMakeLists.txt: virtual_bmc may not link ipmi_core",
                    HasSubstr("rotate_helpers is not in the table"), HasSubstr("rotate_helpers is not in the table")));
}

TEST(PureFolders, HaveNoClockRandomnessFilesSocketsOrThreads) {
    EXPECT_THAT(check_pure_folders(repository()), IsEmpty());
}

TEST(PureFolders, ABreachIsSeen) {
    for (const auto* line :
         {"const auto t = std::chrono::steady_clock::now();", "randombytes_buf(out.data(), out.size());",
          "std::thread worker(f);", "const int fd = socket(AF_INET, SOCK_DGRAM, 0);", "RAND_bytes(out, 16);",
          "getrandom(out, 16, 0);", "std::ifstream in(path);", "const auto t = time(nullptr);", "#include <random>",
          "#include <fstream>", "#include <thread>", "#include <unistd.h>", "std::random_device device;"}) {
        EXPECT_THAT(check_pure_folders(sample({{"rotate/core/x.cpp", line}})), testing::SizeIs(1)) << line;
        EXPECT_THAT(check_pure_folders(sample({{"rotate/engine/x.cpp", line}})), IsEmpty()) << line;
    }
}

TEST(PureFolders, DurationsAndWordsInCommentsAreAllowed) {
    const auto* text = "#include <chrono>  // no std::thread( here\nmilliseconds last_time(int); f(\"socket(\");\n";
    EXPECT_THAT(check_pure_folders(sample({{"rotate/core/x.cpp", text}})), IsEmpty());
}

TEST(ForbiddenCalls, AreNowhere) {
    EXPECT_THAT(check_forbidden_calls(repository()), IsEmpty());
}

TEST(ForbiddenCalls, ABreachIsSeen) {
    for (const auto* line : {"sqlite3_rekey(db, k, 32);", "run(\"PRAGMA key = 'x'\");", "run(\"pragma REKEY = 'x'\");",
                             "run(\"PRAGMA  temp_store=2\");", "run(\"PRAGMA cipher_migrate\");"}) {
        EXPECT_THAT(check_forbidden_calls(sample({{"vault/store/x.cpp", line}})), testing::SizeIs(1)) << line;
        EXPECT_THAT(check_forbidden_calls(sample({{"tests/vault/x.cpp", line}})), IsEmpty()) << line;
    }
}

TEST(SecretTypes, SecretsAreNoStrings) {
    EXPECT_THAT(check_secret_types(repository()), IsEmpty());
}

TEST(SecretTypes, ABreachIsSeen) {
    for (const auto* line : {"std::string password;", "void f(const std::string& new_password, int n);",
                             "void f(std::string_view passphrase)", "std::optional<std::string> k_g = x;",
                             "Bytes sik_;", "std::vector<std::uint8_t> old_secret{};"}) {
        EXPECT_THAT(check_secret_types(sample({{"rotate/engine/x.cpp", line}})), testing::SizeIs(1)) << line;
    }
    for (const auto* line : {"Key20 password;", "std::string passphrase_file;", "std::string password_help = \"\";",
                             "// std::string password;"}) {
        EXPECT_THAT(check_secret_types(sample({{"rotate/engine/x.cpp", line}})), IsEmpty()) << line;
    }
}

TEST(Tests, WaitForEventsAndNeverSleep) {
    EXPECT_THAT(check_tests_wait_for_events(repository()), IsEmpty());
}

TEST(Tests, SleepingIsSeen) {
    EXPECT_THAT(check_tests_wait_for_events(sample({{"tests/x.cpp",
                                                     "std::this_thread::sleep"
                                                     "_for(1s);\n"},
                                                    {"tests/y.cpp",
                                                     "usl"
                                                     "eep(10);\n"},
                                                    {"tests/z.sh",
                                                     "start; sl"
                                                     "eep 1\n"},
                                                    {"tests/z.py",
                                                     "time.sl"
                                                     "eep(1)\n"},
                                                    {"tests/w.cpp", "asleep(x); f(\"sleep(\");\n"}})),
                testing::SizeIs(4));
}

TEST(Tests, AreSwitchedOn) {
    EXPECT_THAT(check_tests_are_switched_on(repository()), IsEmpty());
}

TEST(Tests, SwitchingOffIsSeen) {
    EXPECT_THAT(check_tests_are_switched_on(sample({{"tests/x.cpp",
                                                     "TEST(A, DISABLED"
                                                     "_B) {}\n"},
                                                    {"tests/y.cpp",
                                                     "GTEST"
                                                     "_SKIP();\n"}})),
                testing::SizeIs(2));
}

TEST(Markers, NoneIsLeftOver) {
    EXPECT_THAT(check_leftover_markers(repository()), IsEmpty());
}

TEST(Markers, EachIsSeen) {
    for (const auto* marker : {"TO"
                               "DO",
                               "FIX"
                               "ME",
                               "XX"
                               "X",
                               "HA"
                               "CK"}) {
        EXPECT_THAT(check_leftover_markers(sample({{"docs/x.md", marker}})), testing::SizeIs(1)) << marker;
    }
}

TEST(MachinePaths, NoneIsCommitted) {
    EXPECT_THAT(check_machine_paths(repository()), IsEmpty());
}

TEST(MachinePaths, EachIsSeen) {
    for (const auto* path : {"/wo"
                             "rk/main",
                             "/fa"
                             "rm/x",
                             "/tmp/bash"
                             "_jobs.0",
                             "../sha"
                             "red",
                             "sha"
                             "red/design",
                             "deb.deb"
                             "ian.org",
                             "registry.npm"
                             "js.org"}) {
        EXPECT_THAT(check_machine_paths(sample({{"docs/x.md", path}})), testing::SizeIs(1)) << path;
    }
}

TEST(TopLevel, IsTheFixedSet) {
    EXPECT_THAT(check_top_level(repository()), IsEmpty());
}

TEST(TopLevel, AnythingElseOrMissingIsSeen) {
    auto tree = repository();
    tree.top_level = {
        "CHANGELOG.md", "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "cli", "docs", "ipmi", "rotate",
        "tests",        "utils"};
    EXPECT_THAT(check_top_level(tree),
                ElementsAre("utils: not of the fixed top level", "vault: missing from the top level"));
}

TEST(Scripts, CanBeRun) {
    EXPECT_THAT(check_scripts(repository()), IsEmpty());
}

TEST(Scripts, AMissingRunBitIsSeen) {
    EXPECT_THAT(check_scripts(sample({{"cli/x.sh", "#!/bin/sh\n", false},
                                      {"cli/y.sh", "echo\n", false},
                                      {"cli/z.sh", "#!/bin/sh\n", true},
                                      {"docs/x.md", "text\n", true}})),
                ElementsAre("cli/x.sh: a script without its run bit", "cli/y.sh: a script without its first line",
                            "docs/x.md: run bit on a file that is no script"));
}

TEST(Sources, SayWhatTheyAreFor) {
    EXPECT_THAT(check_opening_comments(repository()), IsEmpty());
}

TEST(Sources, ASilentOneIsSeen) {
    EXPECT_THAT(
        check_opening_comments(sample(
            {{"cli/x.cpp", "int x;\n"}, {"cli/y.hpp", "// Y.\nint y;\n"}, {"cli/y.cpp", "#include \"cli/y.hpp\"\n"}})),
        ElementsAre("cli/x.cpp: does not say what it is for", "cli/y.hpp: a header without #pragma once"));
}

TEST(Links, Resolve) {
    EXPECT_THAT(check_links(repository()), IsEmpty());
}

TEST(Links, ABrokenOneIsSeen) {
    const auto tree = sample({
        {"README.md",
         "[a](docs/a.md) [b](docs/b.md) [c](docs/a.md#the-k_g-phase) [d](docs/a.md#nowhere)\n"
         "[e](https://example.org/x) [f](docs/) [g](#nowhere)\n```\n[h](docs/b.md)\n```\n"},
        {"docs/a.md", "# A\n## The `K_G` phase\n[up](../README.md) [a](a.md) [down](../a.md)\n"},
        {"vault/core/x.cpp", "// see docs/a.md and docs/gone.md\n"},
    });
    EXPECT_THAT(
        check_links(tree),
        ElementsAre("README.md:1: link to nothing: docs/b.md", "README.md:1: no such heading: docs/a.md#nowhere",
                    "README.md:2: no such heading: #nowhere", "docs/a.md:3: link to nothing: ../a.md",
                    "vault/core/x.cpp:1: names a document that is not there: docs/gone.md"));
}

}  // namespace
}  // namespace bmcvault::house
