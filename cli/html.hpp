// Text inside a page.
#pragma once

#include <string>
#include <string_view>

namespace bmcvault::cli {

[[nodiscard]] inline std::string escaped_html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else
            out += c;
    }
    return out;
}

}  // namespace bmcvault::cli
