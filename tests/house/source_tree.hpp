// The repository as values: every file of ours with its text, so that the rules of the house can be checked, and so
// that a test can hand them a made-up tree that breaks one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bmcvault::house {

struct SourceFile {
    std::string path;  // from the repository root, '/' between folders
    std::string text;
    bool executable = false;
};

struct SourceTree {
    std::vector<SourceFile> files;       // by path; fuzz corpora (bytes, not text) left out
    std::vector<std::string> top_level;  // names of everything at the root that is neither ignored nor a dotfile
};

[[nodiscard]] SourceTree read_tree(const std::filesystem::path& root);

}  // namespace bmcvault::house
