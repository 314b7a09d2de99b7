// The tables of the house (folders, libraries, forbidden words) and the small scanners that hold the tree to them.
#include "tests/house/house_rules.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string_view>

namespace bmcvault::house {
namespace {

using namespace std::string_view_literals;
using Names = std::set<std::string_view>;

// ---- the tables ----

// Folder -> the folders of ours that it may include from, besides itself.
const std::map<std::string_view, Names> kMaySee = {
    {"vault/base", {}},
    {"vault/core", {"vault/base"}},
    {"vault/store", {"vault/base", "vault/core"}},
    {"ipmi/spec", {}},
    {"ipmi/core", {"ipmi/spec", "vault/base"}},
    {"ipmi/io", {"ipmi/spec", "ipmi/core", "vault/base"}},
    {"ipmi/virtual_bmc", {"ipmi/spec", "vault/base"}},
    {"rotate/core", {"ipmi/spec", "vault/base", "vault/core"}},
    {"rotate/engine", {"ipmi/spec", "ipmi/core", "ipmi/io", "rotate/core", "vault/base", "vault/core", "vault/store"}},
    {"cli",
     {"ipmi/spec", "ipmi/core", "ipmi/io", "ipmi/virtual_bmc", "rotate/core", "rotate/engine", "vault/base",
      "vault/core", "vault/store"}},
};

const Names kPureFolders = {"vault/core", "ipmi/spec", "ipmi/core", "rotate/core"};

// CMake target -> its folder. `bmcvault_flags` is for everyone.
const std::map<std::string_view, std::string_view> kTargetFolder = {
    {"vault_base", "vault/base"},
    {"vault_core", "vault/core"},
    {"vault_store", "vault/store"},
    {"ipmi_spec", "ipmi/spec"},
    {"ipmi_core", "ipmi/core"},
    {"ipmi_io", "ipmi/io"},
    {"rotate_core", "rotate/core"},
    {"virtual_bmc", "ipmi/virtual_bmc"},
    {"rotate_engine", "rotate/engine"},
    {"bmcvault_cli", "cli"},
    {"cli_core", "cli"},
    {"bmcvault", "cli"},
};

struct ThirdParty {
    std::string_view name;
    std::string_view header;   // how its includes begin
    std::string_view library;  // its CMake target; empty: headers only
    Names folders;
    bool reaches;  // also forbidden through a header of ours: it costs a minute and a gigabyte per file
};

const std::array kThirdParties = {
    ThirdParty{"Asio", "asio", "", {"ipmi/io", "rotate/engine"}, true},
    ThirdParty{"CLI11", "CLI/", "CLI11::CLI11", {"cli"}, true},
    ThirdParty{"SQLCipher", "sqlcipher/", "PkgConfig::SQLCIPHER", {"vault/store"}, true},
    ThirdParty{"SQLite", "sqlite3", "SQLite::SQLite3", {}, true},
    ThirdParty{"libfreeipmi", "freeipmi/", "PkgConfig::FREEIPMI", {"ipmi/core"}, true},
    ThirdParty{
        "OpenSSL", "openssl/", "OpenSSL::Crypto", {"ipmi/core", "ipmi/virtual_bmc", "vault/store", "cli"}, false},
    ThirdParty{"toml++", "toml++/", "", {"cli"}, true},
};

// Headers that bring a clock, randomness, files, sockets or threads.
const Names kImpureHeaders = {"random",       "fstream",     "filesystem",   "thread",        "mutex",
                              "shared_mutex", "future",      "atomic",       "ctime",         "time.h",
                              "cstdlib",      "stdlib.h",    "iostream",     "unistd.h",      "fcntl.h",
                              "sys/socket.h", "sys/stat.h",  "sys/random.h", "netinet/in.h",  "netdb.h",
                              "poll.h",       "sys/epoll.h", "pthread.h",    "sys/syscall.h", "condition_variable"};

constexpr auto kImpureCalls =
    R"(::now\s*\(|\bstd::(random_device|j?thread|mutex|async|atomic\w*|[io]?fstream)\b|\b(getrandom|getentropy|arc4random\w*|randombytes\w*|RAND_\w+|socket|sendto|recvfrom|fopen|open|time|gettimeofday|clock_gettime|getenv|sqlite3_\w+)\s*\()";

// ---- small helpers ----

bool is_cpp(std::string_view path) {
    return path.ends_with(".cpp") || path.ends_with(".hpp");
}
bool is_test(std::string_view path) {
    return path.starts_with("tests/");
}
bool is_cmake(std::string_view path) {
    return path.ends_with("CMakeLists.txt");
}
bool is_document(std::string_view path) {
    return path.ends_with(".md");
}
bool is_verbatim(std::string_view path) {
    return path == "LICENSE" || path.ends_with(".csv");
}

// The folder of the table that holds this path; empty for tests, docs and the top level.
std::string_view folder_of(std::string_view path) {
    for (const auto& [folder, _] : kMaySee) {
        if (path.starts_with(folder) && path.substr(folder.size()).starts_with('/')) return folder;
    }
    return {};
}

using LineVisitor = std::function<void(const std::string& line, std::size_t number)>;

void for_each_line(const std::string& text, const LineVisitor& visit) {
    std::istringstream lines(text);
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line);) visit(line, ++number);
}

std::string at(const SourceFile& file, std::size_t line, std::string_view what) {
    std::ostringstream out;
    out << file.path << ':' << line << ": " << what;
    return out.str();
}

// Every line of `text` that matches, as a finding.
void find_pattern(const SourceFile& file, const std::string& text, const std::regex& pattern, std::string_view what,
                  Findings& findings) {
    for_each_line(text, [&](const std::string& line, std::size_t number) {
        std::smatch match;
        if (std::regex_search(line, match, pattern)) {
            findings.push_back(at(file, number, std::string(what) + ": " + match.str()));
        }
    });
}

struct Include {
    std::string header;
    bool ours;  // written with quotes
    std::size_t line;
};

std::vector<Include> includes_of(const SourceFile& file) {
    static const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
    std::vector<Include> includes;
    for_each_line(file.text, [&](const std::string& line, std::size_t number) {
        std::smatch match;
        if (std::regex_search(line, match, pattern)) includes.push_back({match[2], match[1] == "\"", number});
    });
    return includes;
}

const SourceFile* find_file(const SourceTree& tree, std::string_view path) {
    const auto found = std::ranges::find(tree.files, path, &SourceFile::path);
    return found == tree.files.end() ? nullptr : &*found;
}

using IncludeMap = std::map<std::string_view, std::vector<Include>>;

IncludeMap includes_of(const SourceTree& tree) {
    IncludeMap includes;
    for (const auto& file : tree.files) {
        if (is_cpp(file.path)) includes[file.path] = includes_of(file);
    }
    return includes;
}

// The chain of our own headers by which `path` comes to a header that begins with `prefix`; empty when it does not.
std::string way_to(const IncludeMap& includes, std::string_view path, std::string_view prefix,
                   std::set<std::string_view>& visited) {
    for (const auto& include : includes.at(path)) {
        if (!include.ours && include.header.starts_with(prefix)) return "<" + include.header + ">";
        if (!include.ours || !includes.contains(include.header) || !visited.insert(include.header).second) continue;
        const auto rest = way_to(includes, include.header, prefix, visited);
        if (!rest.empty()) return include.header + " -> " + rest;
    }
    return {};
}

std::string without_fences(const std::string& text) {
    std::ostringstream out;
    bool fenced = false;
    for_each_line(text, [&](const std::string& line, std::size_t) {
        const bool fence = line.starts_with("```");
        if (fence) fenced = !fenced;
        out << (fenced || fence ? "" : line) << '\n';
    });
    return out.str();
}

// A heading's anchor: lower case, spaces to hyphens, punctuation gone.
std::string anchor_of(std::string_view heading) {
    std::string anchor;
    for (const char c : heading.substr(std::min(heading.find_first_not_of("# "), heading.size()))) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '_' || c == '-' || byte >= 0x80) {
            anchor.push_back(static_cast<char>(std::tolower(byte)));
        } else if (c == ' ') {
            anchor.push_back('-');
        }
    }
    return anchor;
}

bool has_anchor(const SourceFile& document, const std::string& anchor) {
    bool found = false;
    for_each_line(without_fences(document.text), [&](const std::string& line, std::size_t) {
        found = found || (line.starts_with('#') && anchor_of(line) == anchor);
    });
    return found;
}

// "docs/../README.md" as seen from "docs/testing.md" -> "README.md".
std::string resolve(std::string_view from, std::string_view target) {
    const auto folder = std::filesystem::path(from).parent_path();
    return (folder / target).lexically_normal().generic_string();
}

bool exists_in(const SourceTree& tree, std::string path) {
    if (path.ends_with('/')) path.pop_back();
    if (find_file(tree, path) != nullptr) return true;
    return std::ranges::any_of(tree.files, [&](const auto& file) { return file.path.starts_with(path + "/"); });
}

// Where the comment or literal that begins at `i` ends; `i` itself when none begins there.
std::size_t end_of_blank(std::string_view text, std::size_t i) {
    const auto after = [&](const std::string& mark, std::size_t from) {
        const auto found = text.find(mark, from);
        return found == std::string_view::npos ? text.size() : found + mark.size();
    };
    const auto rest = text.substr(i);
    if (rest.starts_with("//")) return std::min(text.find('\n', i), text.size());
    if (rest.starts_with("/*")) return after("*/", i + 2);
    if (rest.starts_with("R\"")) {
        const auto open = std::min(text.find('(', i), text.size());
        return after(")" + std::string(text.substr(i + 2, open - i - 2)) + "\"", open);
    }
    const bool digit_separator = i > 0 && std::isxdigit(static_cast<unsigned char>(text[i - 1])) != 0;
    if (rest.front() != '"' && (rest.front() != '\'' || digit_separator)) return i;
    std::size_t end = i + 1;
    while (end < text.size() && text[end] != rest.front() && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
    return std::min(end + 1, text.size());
}

}  // namespace

std::string code_only(const std::string& text) {
    std::string out = text;
    for (std::size_t i = 0; i < text.size();) {
        const auto end = end_of_blank(text, i);
        if (end == i) ++i;
        for (; i < end; ++i) {
            if (text[i] != '\n') out[i] = ' ';
        }
    }
    return out;
}

// ---- who may see whom ----

Findings check_includes(const SourceTree& tree) {
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_cpp(file.path)) continue;
        const auto from = folder_of(file.path);
        if (from.empty() && !is_test(file.path)) findings.push_back(file.path + ": belongs to no folder of the table");
        for (const auto& include : includes_of(file)) {
            if (!include.ours) continue;
            if (find_file(tree, include.header) == nullptr) {
                findings.push_back(at(file, include.line, "no such file from the root: " + include.header));
            }
            const auto to = folder_of(include.header);
            const bool test_header = is_test(include.header) && !is_test(file.path);
            const bool not_allowed = !from.empty() && !to.empty() && to != from && !kMaySee.at(from).contains(to);
            if (test_header || not_allowed) {
                findings.push_back(at(file, include.line, std::string(from) + " may not see " + include.header));
            }
        }
    }
    return findings;
}

Findings check_third_party_headers(const SourceTree& tree) {
    Findings findings;
    const auto all_includes = includes_of(tree);
    for (const auto& file : tree.files) {
        const auto folder = folder_of(file.path);
        if (!is_cpp(file.path) || folder.empty()) continue;
        for (const auto& library : kThirdParties) {
            if (library.folders.contains(folder)) continue;
            for (const auto& include : all_includes.at(file.path)) {
                if (!include.ours && include.header.starts_with(library.header)) {
                    findings.push_back(at(file, include.line, std::string(library.name) + " is not for this folder"));
                }
            }
            std::set<std::string_view> visited{file.path};
            const auto way = library.reaches ? way_to(all_includes, file.path, library.header, visited) : "";
            if (!way.empty() && !way.starts_with('<')) {
                findings.push_back(file.path + ": reaches " + std::string(library.name) + " by " + way);
            }
        }
    }
    return findings;
}

Findings check_link_libraries(const SourceTree& tree) {
    static const std::regex call(R"(target_link_libraries\s*\(\s*([^\s)]+)([^)]*)\))");
    Findings findings;
    const auto check = [&](const SourceFile& file, const std::string& target, const std::string& library) {
        const auto from = kTargetFolder.find(target);
        if (from == kTargetFolder.end()) {
            findings.push_back(file.path + ": " + target + " is not in the table of targets");
            return;
        }
        const auto to = kTargetFolder.find(library);
        const auto third_party = std::ranges::find(kThirdParties, library, &ThirdParty::library);
        const bool ours_refused =
            to != kTargetFolder.end() && to->second != from->second && !kMaySee.at(from->second).contains(to->second);
        const bool theirs_refused = third_party != kThirdParties.end() && !third_party->folders.contains(from->second);
        if (ours_refused || theirs_refused) findings.push_back(file.path + ": " + target + " may not link " + library);
    };
    for (const auto& file : tree.files) {
        if (!is_cmake(file.path) || is_test(file.path)) continue;
        const auto text = std::regex_replace(file.text, std::regex("#[^\n]*"), "");
        for (std::sregex_iterator it(text.begin(), text.end(), call); it != std::sregex_iterator(); ++it) {
            if ((*it)[1] == "bmcvault_flags") continue;
            std::istringstream words((*it)[2]);
            for (std::string word; words >> word;) check(file, (*it)[1], word);
        }
    }
    return findings;
}

// ---- what no file may contain ----

Findings check_pure_folders(const SourceTree& tree) {
    static const std::regex calls(kImpureCalls);
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_cpp(file.path) || !kPureFolders.contains(folder_of(file.path))) continue;
        for (const auto& include : includes_of(file)) {
            if (kImpureHeaders.contains(include.header)) {
                findings.push_back(at(file, include.line, "not pure: <" + include.header + ">"));
            }
        }
        find_pattern(file, code_only(file.text), calls, "not pure", findings);
    }
    return findings;
}

Findings check_forbidden_calls(const SourceTree& tree) {
    static const std::regex pattern(R"(sqlite3_rekey|cipher_migrate|PRAGMA\s+(rekey|key|temp_store)|\bstd::system\b)",
                                    std::regex::icase);
    Findings findings;
    for (const auto& file : tree.files) {
        if (is_cpp(file.path) && !is_test(file.path)) find_pattern(file, file.text, pattern, "forbidden", findings);
    }
    return findings;
}

Findings check_secret_types(const SourceTree& tree) {
    static const std::regex pattern(
        R"((std::(string|string_view|vector<[^<>]*>)|\bBytes)>?[&\s]+(\w+_)?(password|passphrase|secret|k_g|k_uid|sik)_?\s*[;,){=\[])");
    Findings findings;
    for (const auto& file : tree.files) {
        const auto folder = folder_of(file.path);
        // The virtual BMC is the other side of the wire: its passwords are test data.
        if (!is_cpp(file.path) || folder.empty() || folder == "ipmi/virtual_bmc") continue;
        find_pattern(file, code_only(file.text), pattern, "a secret in an ordinary type", findings);
    }
    return findings;
}

Findings check_tests_wait_for_events(const SourceTree& tree) {
    static const std::regex cpp(R"(\b(s[l]eep_for|s[l]eep_until|us[l]eep|nanosleep|clock_nanosleep|sleep)\s*\()");
    static const std::regex script(R"((^|[;&|(]|\bdo|\bthen)\s*sleep\s+[0-9$"]|time\.sleep\s*\()");
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_test(file.path)) continue;
        if (is_cpp(file.path)) {
            find_pattern(file, code_only(file.text), cpp, "a test sleeps", findings);
        } else if (!is_document(file.path)) {
            find_pattern(file, file.text, script, "a test sleeps", findings);
        }
    }
    return findings;
}

Findings check_tests_are_switched_on(const SourceTree& tree) {
    static const std::regex pattern(R"(\bD[I]SABLED_\w*|\bG[T]EST_SKIP\b|\bunittest\.skip\w*)");
    Findings findings;
    for (const auto& file : tree.files) {
        if (is_test(file.path)) find_pattern(file, code_only(file.text), pattern, "switched off", findings);
    }
    return findings;
}

Findings check_leftover_markers(const SourceTree& tree) {
    // One letter in brackets, so that this file passes its own rule.
    static const std::regex pattern(R"(\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b)");
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_verbatim(file.path)) find_pattern(file, file.text, pattern, "left over", findings);
    }
    return findings;
}

Findings check_machine_paths(const SourceTree& tree) {
    static const std::regex pattern(
        R"(/w[o]rk/|/f[a]rm/|/tmp/(bash_[j]obs|b/|briefs)|\.\./sh[a]red|sh[a]red/(design|reference)|deb\.d[e]bian|registry\.n[p]mjs|p[y]pi\.org)");
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_verbatim(file.path)) find_pattern(file, file.text, pattern, "only on one machine", findings);
    }
    return findings;
}

// ---- the shape of the tree and of its documents ----

Findings check_top_level(const SourceTree& tree) {
    static const Names fixed = {
        "CHANGELOG.md", "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "cli", "docs", "ipmi", "rotate",
        "tests",        "vault"};
    Findings findings;
    for (const auto& name : tree.top_level) {
        if (!fixed.contains(name)) findings.push_back(name + ": not of the fixed top level");
    }
    for (const auto name : fixed) {
        if (std::ranges::find(tree.top_level, name) == tree.top_level.end()) {
            findings.push_back(std::string(name) + ": missing from the top level");
        }
    }
    return findings;
}

Findings check_scripts(const SourceTree& tree) {
    Findings findings;
    for (const auto& file : tree.files) {
        const bool script = file.text.starts_with("#!");
        if (file.path.ends_with(".sh") && !script) findings.push_back(file.path + ": a script without its first line");
        if (script && !file.executable) findings.push_back(file.path + ": a script without its run bit");
        if (!script && file.executable) findings.push_back(file.path + ": run bit on a file that is no script");
    }
    return findings;
}

Findings check_opening_comments(const SourceTree& tree) {
    Findings findings;
    for (const auto& file : tree.files) {
        if (!is_cpp(file.path)) continue;
        const bool header = file.path.ends_with(".hpp");
        // What a header says of itself holds for the .cpp beside it; x_test.cpp is for testing x.
        const bool is_explained = file.path.ends_with("_test.cpp") ||
                                  (!header && find_file(tree, file.path.substr(0, file.path.size() - 3) + "hpp"));
        if (!is_explained && !file.text.starts_with("//")) {
            findings.push_back(file.path + ": does not say what it is for");
        }
        if (header && file.text.find("\n#pragma once\n") == std::string::npos) {
            findings.push_back(file.path + ": a header without #pragma once");
        }
    }
    return findings;
}

Findings check_links(const SourceTree& tree) {
    static const std::regex link(R"(\]\(([^)\s]+)\))");
    static const std::regex mention(R"(\bdocs/[\w-]+\.md\b)");
    Findings findings;
    const auto check_link = [&](const SourceFile& file, const std::string& target, std::size_t line) {
        if (target.find("://") != std::string::npos || target.starts_with("mailto:")) return;
        const auto hash = target.find('#');
        const auto path = hash == 0 ? file.path : resolve(file.path, target.substr(0, hash));
        if (!exists_in(tree, path)) return findings.push_back(at(file, line, "link to nothing: " + target));
        const auto* document = find_file(tree, path);
        if (hash == std::string::npos || document == nullptr) return;
        if (!has_anchor(*document, target.substr(hash + 1))) {
            findings.push_back(at(file, line, "no such heading: " + target));
        }
    };
    for (const auto& file : tree.files) {
        if (is_document(file.path)) {
            for_each_line(without_fences(file.text), [&](const std::string& line, std::size_t number) {
                for (std::sregex_iterator it(line.begin(), line.end(), link); it != std::sregex_iterator(); ++it) {
                    check_link(file, (*it)[1], number);
                }
            });
        } else if (!is_verbatim(file.path) && file.path != "tests/house/house_rules_test.cpp") {
            for_each_line(file.text, [&](const std::string& line, std::size_t number) {
                for (std::sregex_iterator it(line.begin(), line.end(), mention); it != std::sregex_iterator(); ++it) {
                    if (!exists_in(tree, it->str())) {
                        findings.push_back(at(file, number, "names a document that is not there: " + it->str()));
                    }
                }
            });
        }
    }
    return findings;
}

}  // namespace bmcvault::house
