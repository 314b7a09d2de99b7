// Reads the working tree from disk; git is not needed, so an unpacked archive is checked as well.
#include "tests/house/source_tree.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

namespace bmcvault::house {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Names at the root that .gitignore lists: "/build/" and "compile_commands.json" alike.
std::set<std::string> ignored_names(const fs::path& root) {
    std::set<std::string> names;
    std::istringstream lines(text_of(root / ".gitignore"));
    for (std::string line; std::getline(lines, line);) {
        std::erase(line, '/');
        names.insert(line);
    }
    return names;
}

void add(SourceTree& tree, const fs::path& root, const fs::path& path) {
    const auto bits = fs::status(path).permissions();
    tree.files.push_back({.path = path.lexically_relative(root).generic_string(),
                          .text = text_of(path),
                          .executable = (bits & fs::perms::owner_exec) != fs::perms::none});
}

void add_folder(SourceTree& tree, const fs::path& root, const fs::path& folder) {
    for (auto it = fs::recursive_directory_iterator(folder); it != fs::recursive_directory_iterator(); ++it) {
        const auto name = it->path().filename();
        if (name == "__pycache__" || name == "corpus") it.disable_recursion_pending();
        if (it->is_regular_file()) add(tree, root, it->path());
    }
}

}  // namespace

SourceTree read_tree(const fs::path& root) {
    SourceTree tree;
    const auto ignored = ignored_names(root);
    for (const auto& entry : fs::directory_iterator(root)) {
        const auto name = entry.path().filename().string();
        if (ignored.contains(name) || name == ".git") continue;
        if (!name.starts_with('.')) tree.top_level.push_back(name);
        if (entry.is_regular_file()) add(tree, root, entry.path());
        if (entry.is_directory()) add_folder(tree, root, entry.path());
    }
    std::ranges::sort(tree.files, {}, &SourceFile::path);
    std::ranges::sort(tree.top_level);
    return tree;
}

}  // namespace bmcvault::house
