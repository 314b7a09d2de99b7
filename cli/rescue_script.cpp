#include "cli/rescue_script.hpp"

#include <fmt/format.h>

#include "cli/text.hpp"
#include "vault/base/bytes.hpp"

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

# What the vault knows of the board has to be true of this one: a password on another one is lost.
bytes_of() { ipmitool raw "$@" 2>/dev/null | tr -d ' \n'; }
if [ -n "$mac" ]; then
    here=$(bytes_of 0x0c 0x02 "$channel" 5 0 0) || here=
    here=${here#??}
    [ -n "$here" ] || fail "the BMC does not say its MAC address, and the vault knows it as $mac"
    [ "$here" = "$mac" ] || fail "another board: MAC address $here, not $mac as in the vault"
elif [ -n "$guid" ]; then
    here=$(bytes_of 0x06 0x37) || here=
    [ "$here" = "$guid" ] || fail "another board: GUID ${here:-not told}, not $guid as in the vault"
else
    say 'the vault has never met this board: nothing to compare'
fi

# The slots whose name, in columns 5 to 20, is $1, from slot $2 on.
slots_of() {
    ipmitool user list "$channel" 2>/dev/null | WANTED=$1 FIRST=$2 awk '
        NR > 1 { name = substr($0, 5, 16); sub(/ +$/, "", name)
                 if (name == ENVIRON["WANTED"] && $1 >= ENVIRON["FIRST"] + 0) print $1 }'
}
found=$(slots_of "$name" 1)
case $(printf '%s' "$found" | grep -c .) in
    0) slots_of '' 2 | grep -qx "${slot:-none}" || slot=$(slots_of '' 2 | head -n 1)
       [ -n "$slot" ] || fail "no account '$name', and no empty slot for it"
       ipmitool user set name "$slot" "$name" >&2 || fail "could not name slot $slot" ;;
    1) [ -z "$slot" ] || [ "$slot" = "$found" ] || fail "'$name' is in slot $found here, and in slot $slot in the vault"
       slot=$found ;;
    *) printf '%s\n' "$found" | grep -qx "${slot:-none}" || fail "'$name' is in several slots: $(echo $found)" ;;
esac

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

std::string rescue_script(const vault::Bmc& bmc, vault::StoredSize size) {
    const auto channel = bmc.channel == kTheChannelWeComeInOn ? "" : fmt::format("{}", bmc.channel);
    return fmt::format(
        "#!/bin/sh\n"
        "# bmcvault: a new password for the BMC of this server, in band. Run as root; the password is the first line "
        "of\n"
        "# standard input.\n"
        "set -eu\nname={}\nslot={}\nchannel={}\nmac={}\nguid={}\nsize={}\nnext={}\n{}",
        shell_quoted(bmc.user_name), bmc.user_id ? fmt::format("{}", *bmc.user_id) : "", channel,
        bmc.pin.mac ? to_hex(*bmc.pin.mac) : "", bmc.pin.guid ? to_hex(*bmc.pin.guid) : "", static_cast<int>(size),
        shell_quoted("bmcvault recover " + bmc.name), kScript);
}

}  // namespace bmcvault::cli
