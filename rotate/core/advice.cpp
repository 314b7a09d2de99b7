#include "rotate/core/advice.hpp"

#include <algorithm>
#include <array>

#include "vault/base/check.hpp"

namespace bmcvault::rotate {
namespace {

constexpr std::array kOnOutcomes{
    Advice{"refused", "The BMC, or what it showed, does not allow the change; the detail says which.",
           "correct on the BMC what the detail names, then the same command again"},
    Advice{"blocked", "Nothing more was sent: something on our side, or the time, stands in the way.",
           "remove what the detail names, then the same command again"},
    Advice{"unreachable", "No answer.", "check power, cable, address and UDP port, then the same command again"},
    Advice{"ipmi-off", "It answers, but IPMI over LAN is off or has no usable cipher suite.",
           "turn it on in its web interface, or in band with ipmitool on the host, then the same command again"},
    Advice{"busy", "All its session slots are taken, or another bmcvault works on it.",
           "wait a minute, then the same command again"},
    Advice{"locked",
           "The account is locked, disabled, renamed or gone; the BMC says the same of all. Do not try passwords.",
           "wait ten minutes, then bmcvault recover NAME; if it says so again, from its own server: bmcvault recover "
           "NAME --via ssh://root@SERVER"},
    Advice{"identity-changed", "Another board answers at this address; nothing was sent to it.",
           "after a swap: bmcvault bmc replace NAME --reason TEXT; if it is the same board: "
           "bmcvault bmc set NAME --accept-identity"},
    Advice{"held", "It is on hold on purpose; this says why and until when.", "bmcvault bmc show NAME"},
    Advice{
        "quarantined",
        "It holds a credential that the vault does not know; nobody's guess was tried. Find out who changed it. Ways "
        "back: other BMCs' passwords (bmcvault recover NAME --fleet-history), old lists (bmcvault bmc "
        "import-passwords FILE), a password that you know (bmcvault bmc set NAME --ask-password), its own server "
        "(bmcvault recover NAME --via ssh://root@SERVER).",
        "one of these, then bmcvault recover NAME"},
    Advice{"not-secured",
           "An account that is not ours may still let people in; the findings say which and why. Our own still works.",
           "close it in the BMC's own interface or with newer firmware, then the same command again"},
    // check
    Advice{"pending-live", "A rotation was interrupted after the BMC took what it was to get, which the vault has.",
           "bmcvault recover NAME"},
    Advice{"pending-not-live",
           "A rotation is unfinished. What the BMC holds and what it was to get are both in the vault.",
           "bmcvault recover NAME"},
    Advice{"older-version", "The BMC holds an older password, which the vault has too.", "bmcvault recover NAME"},
    Advice{"mangled", "The BMC stored only part of the password; the vault knows which.", "bmcvault recover NAME"},
    Advice{"vendor-default", "The BMC holds a factory password: new, or somebody reset it.", "bmcvault recover NAME"},
    Advice{"shared", "Who knows the password of one of these BMCs knows them all.", "bmcvault rotate NAME"},
    Advice{
        "foreign",
        "ALARM: the vault does not have the live password. Somebody else changed it; or this vault was restored from a "
        "backup that is older than its last rotation (then look for a newer one first). Ways back: old lists (bmcvault "
        "bmc "
        "import-passwords FILE), other BMCs' passwords (bmcvault recover NAME --fleet-history), a password that you "
        "know (bmcvault bmc set NAME --ask-password).",
        "one of these, then bmcvault recover NAME"},
    Advice{"no-candidate-matches", "The BMC holds a password that this vault does not have. Find out who changed it.",
           "bmcvault bmc set NAME --ask-password, then bmcvault recover NAME"},
    Advice{"no-answer", "No answer.", "check power, cable, address and UDP port, then the same command again"},
    Advice{"unknown-user-or-locked",
           "The account is locked, disabled, renamed or gone; the BMC says the same of all. Do not try passwords.",
           "wait ten minutes, then bmcvault recover NAME"},
    Advice{"k_g-unknown", "The password is right; the K_G is none of the vault's.",
           "bmcvault bmc set NAME --k-g-file FILE, then bmcvault recover NAME"},
    Advice{"no-session-slot", "All session slots of the BMC are taken.", "wait a minute, then the same command again"},
};

constexpr std::array kOnDetails{
    Advice{"hook-before", "The program that is to run before a rotation said no, and nothing was sent.",
           "see what it says, then the same command again"},
    Advice{"hook-after",
           "The vault has what is live; the program that tells the clients of this BMC failed, and they may be trying "
           "an old password. Every next rotate, recover and depart calls it again first.",
           "see what it says, then bmcvault rotate --due"},
    Advice{"vault-restored",
           "ALARM: the vault does not have the live password. This vault was put back to its state of the day that the "
           "detail names, and the BMC was probably rotated after it: look for the newer vault, or a newer backup, "
           "first. Without one: old lists (bmcvault bmc import-passwords FILE), a password that you know (bmcvault bmc "
           "set NAME --ask-password), its own server (bmcvault recover NAME --via ssh://root@SERVER).",
           "the newer vault; without one, one of these three, then bmcvault recover NAME"},
    Advice{"no-known-password", "The vault has no password for it, and nothing was sent.",
           "bmcvault bmc set NAME --ask-password; or, if nobody knows it, bmcvault recover NAME --first-contact tries "
           "old lists and vendors' defaults"},
    Advice{"name-not-known", "Its host name has no address, and nothing was sent.",
           "correct the name: bmcvault bmc set NAME --address ADDRESS; or the resolver, then the same command again"},
    Advice{"password-policy", "The BMC refused two passwords of different shapes.",
           "relax its password rules, or the reuse rule, then the same command again"},
    Advice{"refused-by-bmc", "The BMC refused the command, and holds the old password.",
           "look into its own log or web interface for the reason, then the same command again"},
    Advice{"accepted-but-not-stored", "The BMC said OK, twice, and still uses the old password.",
           "reset the BMC, then the same command again: it sends the same secret"},
    Advice{"no-reply-to-set-password", "The BMC logs in, but does not answer this command.",
           "reset the BMC, then the same command again"},
    Advice{"password-keeps-changing",
           "The password changed several times during the run. Somebody, or another program, sets it as well.",
           "stop the other one, then the same command again"},
    Advice{"live-without-rights", "The password is right, but the account is not ADMINISTRATOR on this channel.",
           "give it its rights back on the BMC, then the same command again"},
    Advice{"slot-ambiguous", "Several user slots bear this name.",
           "name the right one: bmcvault bmc set NAME --user-id N; then the same command again"},
    Advice{"slot-unknown", "The BMC does not say in which slot this user is.",
           "name it: bmcvault bmc set NAME --user-id N; then the same command again"},
    Advice{"own-slot-not-known", "The BMC does not say in which slot our account is.",
           "name it: bmcvault bmc set NAME --user-id N; then the same command again"},
    Advice{"no-login-tried", "It proves nothing, and no GUID is pinned that shows that this board is yours.",
           "if it is yours, and failed logins are acceptable: bmcvault recover NAME --allow-login-attempts 2 "
           "--first-contact"},
    Advice{"no-rakp2-proof",
           "The handshake proves nothing about the password (no authentication, or a made-up answer).",
           "if failed logins are acceptable there: bmcvault recover NAME --allow-login-attempts 2"},
    Advice{"cipher-suite-refused", "No cipher suite that both sides accept.",
           "enable suite 17 or 3 on the BMC, then the same command again"},
    Advice{"protocol-error", "What answers at this address does not speak RMCP+.",
           "correct the address or the port: bmcvault bmc set NAME --address ADDRESS --port PORT"},
    Advice{"has-a-spare",
           "Two accounts take turns here: the previous password belongs to the other one, and can't come back to this.",
           "bmcvault rotate NAME"},
    Advice{"spare-in-turn", "Two accounts take turns here, and one of them would be forgotten.",
           "bmcvault accounts release NAME --role spare, then the same command again"},
    Advice{"has-one", "It has an account of ours for that already, under another name.",
           "bmcvault accounts release NAME --role ROLE, then the same command again"},
    Advice{"name-taken", "Another account of ours has that name.", "the same command again, with another --name"},
    Advice{"still-exposed",
           "Somebody who should not knows the password of an account that is not ours any more, and that is open.",
           "bmcvault accounts secure NAME --unknown disable, or change it with its owner"},
    Advice{"left-open",
           "An account that is neither ours nor a vendor's opens with a password that others know. It was not touched.",
           "give it another password or close it, in the BMC's own interface; or close every account that is nobody's: "
           "bmcvault accounts secure NAME --unknown disable (--keep USER spares one)"},
    Advice{
        "not-asked",
        "An account that is neither ours nor a vendor's did not answer (locked, no session slot, a name twice): it may "
        "be open.",
        "where a name stands twice, rename one in the BMC's own interface; else wait ten minutes, then the same "
        "command "
        "again (--keep USER leaves an account out)"},
    Advice{"no-monitor", "It has no account for monitoring.", "bmcvault accounts adopt NAME --role monitor"},
    Advice{"spare", "The spare account could not be given a fresh password, and nothing else was changed.",
           "correct on the BMC what the detail names, then the same command again; or without a spare: "
           "bmcvault accounts release NAME --role spare"},
    Advice{"beside",
           "An account of ours beside our own one is not as the vault has it: somebody changed it, or a rotation is "
           "unfinished.",
           "bmcvault rotate NAME"},
    Advice{"not-followed",
           "Our own account was seen to; another account of ours still has its old password, which the vault holds.",
           "correct on the BMC what the detail names, then the same command again: it goes on there"},
    Advice{"no-previous-password", "There is nothing to put back.", "bmcvault history NAME"},
    Advice{"own-account-not-proved",
           "Before other accounts are touched our own has to be live and ADMINISTRATOR, with the vault's current "
           "password.",
           "bmcvault recover NAME, then the same command again"},
    Advice{"no-free-slot", "Every user slot carries an account.",
           "clear one in the BMC's own interface, then the same command again"},
    Advice{"minimum-change-interval",
           "The BMC allows no second change so soon after the last one. A password that was already made for it stays "
           "pending.",
           "after the time that the detail names, the same command again; if its setting was changed: bmcvault card "
           "forget KIND minimum-interval"},
    Advice{"vault-was-behind",
           "A put-back found another password live than the vault believed. The vault is right now.",
           "bmcvault history NAME, and ask again"},
    Advice{"vault-not-written",
           "The vault, or the escrow log before it, could not be written. Nothing was sent after that.",
           "bmcvault vault escrow show, and see that the vault's disk has room; then the same command again"},
    Advice{"vault-not-readable", "The vault could not be read back.", "bmcvault vault verify"},
    Advice{"vault-changed", "The vault holds something else than this run wrote. Was it restored meanwhile?",
           "bmcvault recover NAME"},
    Advice{"first-contact",
           "This board was never seen before, and a default or a password from elsewhere opens it: that does not show "
           "that it is yours.",
           "if it is yours: bmcvault recover NAME --first-contact"},
    Advice{
        "fuse",
        "Several BMCs of this kind in a row did not end as asked, or a hook failed for them; this one was left alone.",
        "look at those first, then the same command again"},
    Advice{"k_g-unknown", "The password is right; the K_G is none of the vault's.",
           "bmcvault bmc set NAME --k-g-file FILE, or reset it at the board; then bmcvault recover NAME"},
    Advice{
        "k_g-lost",
        "It proved a K_G once, and has none now: somebody cleared it, or another board answers that knows a password "
        "of this one.",
        "look at the board; if it is yours: bmcvault recover NAME, which gives it a fresh K_G"},
    Advice{"k_g-refused", "The BMC refused the key and uses the old one.",
           "look into its own log for the reason, then the same command again"},
    Advice{"k_g-unproved", "The BMC could not be asked which K_G it uses. Both keys are in the vault.",
           "bmcvault recover NAME"},
    Advice{"k_g-quarantined", "The BMC took a key that it can't use, and was cut off before the old one was back.",
           "reset its K_G in band or at the board, then bmcvault recover NAME"},
};

// "first-contact" of "vendor-default: ...; first-contact"; the end of a word is ';', ':' or the end.
bool has_word(std::string_view detail, std::string_view word) {
    while (!detail.empty()) {
        const auto end = std::min(detail.find(';'), detail.size());
        const auto part = detail.substr(0, end);
        if (part == word || (part.starts_with(word) && part.substr(word.size()).starts_with(':'))) return true;
        detail.remove_prefix(std::min(detail.size(), end + 1));
        while (detail.starts_with(' ')) detail.remove_prefix(1);
    }
    return false;
}

}  // namespace

std::span<const Advice> advice_on_outcomes() {
    return kOnOutcomes;
}

std::span<const Advice> advice_on_details() {
    return kOnDetails;
}

Advice advice(std::string_view outcome, std::string_view detail) {
    for (const auto& each : kOnDetails) {
        if (has_word(detail, each.word)) return each;
    }
    const auto* const found = std::ranges::find(kOnOutcomes, outcome, &Advice::word);
    return found == kOnOutcomes.end() ? Advice{} : *found;
}

std::string_view safety(Knowledge knowledge) {
    switch (knowledge) {
        case Knowledge::kNothing:
            return "The vault has no password for it.";
        case Knowledge::kNeverProved:
            return "It has never proved a password of this vault: the one that it holds may be another.";
        case Knowledge::kProved:
            return "Every password that this vault ever gave it is in the vault.";
        case Knowledge::kNotLive:
            return "The password that it held when it last answered is NOT in the vault.";
    }
    constexpr bool kKnowledgeHasSentence = false;
    BMCVAULT_CHECK(kKnowledgeHasSentence);
    return {};
}

}  // namespace bmcvault::rotate
