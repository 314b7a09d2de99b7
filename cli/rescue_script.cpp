#include "cli/rescue_script.hpp"

#include <fmt/format.h>

namespace bmcvault::cli {
namespace {

constexpr std::uint8_t kTheChannelWeComeInOn = 0x0e;

// The password goes through builtins and pipes only: no process has it among its arguments.
constexpr std::string_view kScript = R"sh(say() { echo "rescue: $*" >&2; }
fail() { say "$*"; exit 1; }
command -v ipmitool >/dev/null || fail 'ipmitool is not installed here'
ipmitool mc info >/dev/null 2>&1 ||
    fail 'ipmitool reaches no BMC: run this as root on the server itself, with ipmi_si and ipmi_devintf loaded'

if [ -z "$channel" ]; then
    for each in 1 2 3 4 5 6 7 8 9 10 11; do
        if ipmitool channel info "$each" 2>/dev/null | grep -q '802.3 LAN'; then channel=$each; break; fi
    done
fi
[ -n "$channel" ] || fail 'no LAN channel found'

# The slot whose name, in columns 5 to 20, is $1.
slot_of() {
    ipmitool user list "$channel" 2>/dev/null | WANTED=$1 awk '
        NR > 1 { name = substr($0, 5, 16); sub(/ +$/, "", name); if (name == ENVIRON["WANTED"] && $1 > 1) { print $1; exit } }'
}
[ -n "$slot" ] || slot=$(slot_of "$name")
if [ -z "$slot" ]; then
    slot=$(slot_of '')
    [ -n "$slot" ] || fail "no account '$name', and no empty slot for it"
    ipmitool user set name "$slot" "$name" >&2 || fail "could not name slot $slot"
fi

if [ -t 0 ]; then
    printf 'Password: ' >&2
    trap 'stty echo' EXIT
    stty -echo
fi
hex=$(head -n 1 | tr -d '\n' | od -An -v -tx1 | tr -d ' \n')
[ "${#hex}" -ge 2 ] && [ "${#hex}" -le $((2 * size)) ] || fail "the password must have 1 to $size bytes"
while [ "${#hex}" -lt $((2 * size)) ]; do hex=${hex}00; done
user=$slot
[ "$size" = 16 ] || user=$((slot + 128))
printf 'raw 0x06 0x47 0x%02x 0x02%s\n' "$user" "$(printf %s "$hex" | sed 's/../ 0x&/g')" |
    ipmitool exec /dev/stdin >/dev/null || fail 'the BMC refused the password'
ipmitool channel setaccess "$channel" "$slot" callin=on ipmi=on link=on privilege=4 >&2 || say 'rights not set'
ipmitool user enable "$slot" >&2 || say 'not enabled'
say "slot $slot of channel $channel has the new password; nothing is proved yet. Next, where the vault is: $next"
)sh";

}  // namespace

std::string shell_quoted(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'') quoted += R"('\'')";
        if (c != '\'') quoted += c;
    }
    return quoted + "'";
}

std::string rescue_script(const vault::Bmc& bmc, vault::StoredSize size) {
    const auto channel = bmc.channel == kTheChannelWeComeInOn ? "" : fmt::format("{}", bmc.channel);
    return fmt::format(
        "#!/bin/sh\n"
        "# bmcvault: a new password for the BMC of this server, in band. Run as root; the password is the first line "
        "of\n"
        "# standard input.\n"
        "set -eu\nname={}\nslot={}\nchannel={}\nsize={}\nnext={}\n{}",
        shell_quoted(bmc.user_name), bmc.user_id ? fmt::format("{}", *bmc.user_id) : "", channel,
        static_cast<int>(size), shell_quoted("bmcvault recover " + bmc.name), kScript);
}

}  // namespace bmcvault::cli
