// The rules of the house as functions of a source tree: each returns what breaks it, as "path:line: what".
// docs/architecture.md says why each rule exists.
#pragma once

#include <string>
#include <vector>

#include "tests/house/source_tree.hpp"

namespace bmcvault::house {

using Findings = std::vector<std::string>;

// Who may see whom, and where a third-party library may be seen.
[[nodiscard]] Findings check_includes(const SourceTree&);
[[nodiscard]] Findings check_third_party_headers(const SourceTree&);
[[nodiscard]] Findings check_link_libraries(const SourceTree&);

// What no file, or no file of a folder, may contain.
[[nodiscard]] Findings check_pure_folders(const SourceTree&);
[[nodiscard]] Findings check_forbidden_calls(const SourceTree&);
[[nodiscard]] Findings check_secret_types(const SourceTree&);
[[nodiscard]] Findings check_tests_wait_for_events(const SourceTree&);
[[nodiscard]] Findings check_tests_are_switched_on(const SourceTree&);
[[nodiscard]] Findings check_leftover_markers(const SourceTree&);
[[nodiscard]] Findings check_machine_paths(const SourceTree&);

// The shape of the tree and of its documents.
[[nodiscard]] Findings check_top_level(const SourceTree&);
[[nodiscard]] Findings check_scripts(const SourceTree&);
[[nodiscard]] Findings check_opening_comments(const SourceTree&);
[[nodiscard]] Findings check_links(const SourceTree&);

// C++ with comments and the insides of literals blanked out; lines stay where they are.
[[nodiscard]] std::string code_only(const std::string& text);

}  // namespace bmcvault::house
