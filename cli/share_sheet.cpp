#include "cli/share_sheet.hpp"

#include <fmt/format.h>

#include <vector>

#include "cli/html.hpp"
#include "cli/text.hpp"

namespace bmcvault::cli {
namespace {

std::string vault_number(const vault::Share& share) {
    return to_hex(share.vault_id).substr(0, 8);
}

std::vector<std::string> explanation(const vault::Share& share, const SheetFacts& facts) {
    std::vector<std::string> lines;
    if (!facts.holder.empty()) lines.push_back(fmt::format("For {}.", printable(facts.holder)));
    for (auto& line : {
             fmt::format("Share {} of {} of the break-glass key of the bmcvault vault {}, made {}.", share.number,
                         share.count, printable(facts.vault), facts.made),
             fmt::format("Vault {}, slot {}, key {}: as `bmcvault vault info` and `bmcvault member list` say.",
                         vault_number(share), share.slot, facts.fingerprint),
             fmt::format("Any {} of the {} shares open the vault: every password of every BMC. Fewer tell nothing.",
                         share.threshold, share.count),
             std::string(
                 "Keep it where only you come, and tell nobody what is on it unless the vault is to be opened."),
             std::string("To use it, one of:"),
             std::string("  bmcvault --share THIS-FILE --share OTHER-FILE ... COMMAND"),
             std::string("  bmcvault --share - --share - ... COMMAND    and type the lines with numbers, 01 first"),
             std::string("Each line has a check: a line that is mistyped is asked for again. Small letters will do."),
             std::string("Without bmcvault: docs/break-glass.md of its source says how, with gfcombine and Python."),
         })
        lines.push_back(line);
    return lines;
}

void append_share(SecretText& out, const vault::Share& share) {
    const auto text = vault::format_share(share);
    text.expose([&](auto bytes) { out.append({reinterpret_cast<const char*>(bytes.data()), bytes.size()}); });
}

}  // namespace

SecretText share_sheet_text(const vault::Share& share, const SheetFacts& facts) {
    SecretText out;
    for (const auto& line : explanation(share, facts)) out.append(fmt::format("# {}\n", line));
    append_share(out, share);
    return out;
}

SecretText share_sheet_page(const vault::Share& share, const SheetFacts& facts) {
    SecretText out;
    out.append(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<title>Break-glass share</title>\n<style>\n"
        "@page { margin: 20mm }\nbody { font: 11pt/1.4 sans-serif; max-width: 170mm }\n"
        "h1 { font-size: 16pt }\npre.share { font: bold 14pt/1.6 monospace; border: 1px solid; padding: 4mm }\n"
        "pre.how { font: 9pt/1.4 monospace }\n</style></head><body>\n");
    out.append(fmt::format("<h1>Share {} of {}{}</h1>\n<pre class=\"share\">\n", share.number, share.count,
                           facts.holder.empty() ? "" : ", " + escaped_html(printable(facts.holder))));
    append_share(out, share);
    out.append("</pre>\n<pre class=\"how\" style=\"white-space:pre-wrap\">\n");
    for (const auto& line : explanation(share, facts)) out.append(escaped_html(line) + "\n");
    out.append("</pre>\n</body></html>\n");
    return out;
}

}  // namespace bmcvault::cli
