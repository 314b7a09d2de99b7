"""Every quirk of the virtual BMC through the whole command line: the word that `rotate` says, the word after `recover`,
and in every case an independent client that logs in with what the vault reveals."""

import concurrent.futures
import dataclasses
import subprocess

from bmcs import Practice
from clients import FreeIpmi, Ipmitool, Pyghmi
from program import AS_ASKED, NOT_AS_ASKED, PROGRAM, USAGE, FleetTest, Vault

AT_ONCE = 12
DONE = ("rotated", "already-current", "recovered", "settled-16", "put-back")
# One rejected login locks the account of these virtual BMCs for good: the client at the end would be refused.
NO_FORGIVENESS = ("bad-password-threshold=1", "lockout-ms=0")


@dataclasses.dataclass(frozen=True)
class Case:
    quirks: str  # between spaces
    rotate: str  # what `rotate --k-g` says
    recover: str = ""  # what `recover` says; by default "already-current" where the rotation was done
    detail: str = ""  # a word of the rotation's detail
    k_g: bool = True  # is there one afterwards?
    client: str = "ipmitool"


CASES = (
    Case("", "rotated"),
    Case("truncates-to-16", "settled-16"),
    Case("truncates-to-19", "settled-16"),
    Case("keeps-old-tail", "settled-16"),
    Case("only-16-byte-passwords", "settled-16"),
    Case("refuses-by-policy=cc", "rotated"),
    Case("refuses-always=cc", "refused", "already-current", k_g=False),
    Case("refuses-but-stores=ff", "rotated"),
    Case("refuses-but-stores=cc", "rotated"),
    Case("forbids-reuse=3", "rotated"),
    Case("minimum-change-interval=86400000", "rotated"),
    Case("applies-and-loses-reply", "rotated"),
    Case("acknowledges-and-forgets", "refused", "not asked: slow", detail="accepted-but-not-stored", k_g=False),
    Case("applies-after=1500", "rotated"),
    Case("breaks-on-two-writes-in-one-second", "rotated"),
    Case("takes-rights-away", "rotated"),
    Case("enable-wants-password", "rotated"),
    Case("duplicate-name", "rotated"),
    Case("duplicate-name get-session-info-unsupported", "refused", "already-current", k_g=False),
    Case("disabled-user-still-logs-in", "rotated"),
    Case("anonymous-account default-account name-with-spaces user-slots=10 user-slots-full", "rotated"),
    Case("cleared-name-revives-default no-access-refused slot-1-stays-enabled enabled-bits-never-set", "rotated"),
    Case("cleared-name-deletes-user keeps-settings keeps-event-log event-log-without-end event-log-ends-early busy-slot=5 "
         "factory-reset-does-nothing factory-reset-gives-label-password factory-reset-gives-published-password", "rotated"),
    Case("set-access-needs-four-bytes takes-rights-away", "rotated"),
    Case("ignores-user-access", "rotated"),
    Case("suites=0,3,17 suite-0-stays-open", "rotated"),
    Case("k_g-unsupported", "rotated", detail="k_g-not-supported", k_g=False),
    Case("k_g-unusable", "rotated", detail="k_g-unusable", k_g=False),
    Case("k_g-refused", "rotated", detail="k_g-not-supported", k_g=False),
    Case("k_g-bit-lies", "rotated", client="none: ipmitool believes the bit"),
    Case("error-replies-with-tag-0", "rotated"),
    Case("open-session-privilege", "rotated", client="none: they hash the byte of RAKP 1"),
    Case("hashes-open-session-level", "rotated", client="FreeIPMI opensesspriv"),
    Case("hmac-one-byte-too-long", "rotated", client="none: ipmitool takes the byte seriously"),
    Case("short-error-replies", "rotated"),
    Case("get-session-info-unsupported", "rotated"),
    Case("cipher-suites-only-in-rmcp-plus", "rotated"),
    Case("bogus-rakp2", "refused", "refused", detail="no-rakp2-proof", k_g=False, client="none: nobody can log in"),
    Case("random-rakp2", "quarantined", "quarantined", k_g=False, client="none: nobody can log in"),
    Case("counts-abandoned-handshakes", "rotated"),
    Case("drops-first-command", "rotated"),
    Case("slow=700", "rotated"),
    Case("null-guid", "rotated"),
    Case("session-slots=4", "rotated"),
    Case("session-slots=2", "rotated"),
    Case("suites=3", "rotated"),
    Case("suites=8,12", "rotated", client="none: ipmitool has neither suite"),
    Case("suites=17", "rotated", client="ipmitool 17"),
    Case("swaps-board-after-commands=4", "identity-changed", "identity-changed", k_g=False),
)


class EveryQuirk(FleetTest):
    def client_of(self, case, place):
        if case.client.startswith("none"):
            return None
        if case.client == "FreeIPMI opensesspriv":
            return FreeIpmi(*place, workarounds="opensesspriv")
        return Ipmitool(*place, suite=17 if case.client == "ipmitool 17" else 3)

    def play(self, case):
        practice = self.start(Practice(quirks=[*NO_FORGIVENESS, *case.quirks.split()]))
        name = practice.names[0]
        vault = Vault.create(self.new_directory(), practice.csv)

        rotate = vault.json("rotate", "--all", "--k-g", "--timeout", "5s")
        self.assert_outcomes(rotate, {name: case.rotate})
        self.assert_exit(rotate, AS_ASKED if case.rotate in DONE else NOT_AS_ASKED)
        self.assertIn(case.detail, rotate.bmcs[name]["detail"])
        self.assert_no_failed_login(rotate)
        self.assertEqual(rotate.bmcs[name]["k_g_version"] is not None, case.k_g, rotate)
        client = self.client_of(case, practice.place(name))
        if client:
            self.assert_vault_holds_the_live_credential(vault, name, client)

        if not case.recover.startswith("not asked"):
            recover = vault.json("recover", "--all", "--timeout", "5s")
            self.assert_outcomes(recover, {name: case.recover or "already-current"})
            self.assert_no_failed_login(recover)
        if client:
            self.assert_vault_holds_the_live_credential(vault, name, client)
        known_board = case.rotate != "identity-changed" and "rakp2" not in case.quirks
        if known_board:
            states = {each["state"] for each in vault.json("history", name).objects if each["type"] == "version"}
            self.assertTrue(states)
            expected = "pending-not-live" if "pending" in states else "as-in-vault"
            self.assert_outcomes(vault.json("check", "--all"), {name: expected})

    def test_each_ends_with_its_word_and_the_vault_holds_the_live_credential(self):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            running = {pool.submit(self.play, case): case for case in CASES}
            for done in concurrent.futures.as_completed(running):
                with self.subTest(quirks=running[done].quirks):
                    done.result()

    def test_the_list_of_quirks_is_the_list_that_is_tested(self):
        done = subprocess.run([PROGRAM, "practice", "--list-quirks"], stdout=subprocess.PIPE, text=True, check=True)
        listed = {line.split()[0].split("=")[0] for line in done.stdout.splitlines()[1:]}
        tested = {quirk.split("=")[0] for case in CASES for quirk in case.quirks.split()}
        tested |= {quirk.split("=")[0] for quirk in NO_FORGIVENESS}
        tested |= {"reboots-after-commands", "reboot-loses-last-write"}  # EveryReboot
        tested |= {"half-open-ms", "inactivity-ms", "k_g"}  # settings, not manners
        self.assertEqual(listed, tested)

    def test_an_unknown_quirk_is_a_usage_error_that_names_it(self):
        vault = Vault(self.directory)
        result = vault.run("practice", "--quirk", "explodes")
        self.assert_exit(result, USAGE)
        self.assertIn("explodes", result.err)


class EveryReboot(FleetTest):
    """The BMC reboots once, after the N-th command of a session, and is dark for 5 s."""

    def play(self, after, lost):
        quirks = [*NO_FORGIVENESS, f"reboots-after-commands={after}", *(("reboot-loses-last-write",) if lost else ())]
        practice = self.start(Practice(quirks=quirks))
        name = practice.names[0]
        vault = Vault.create(self.new_directory(), practice.csv)
        rotate = vault.json("rotate", "--all", "--k-g", "--timeout", "3s")
        self.assertIn(rotate.outcomes[name], (*DONE, "unreachable", "refused"), rotate)
        recover = vault.json("recover", "--all", "--timeout", "15s")
        self.assert_exit(recover, AS_ASKED)
        for result in (rotate, recover):
            self.assert_no_failed_login(result)
        self.assert_vault_holds_the_live_credential(vault, name, Ipmitool(*practice.place(name)))
        self.assert_outcomes(vault.json("check", "--all"), {name: "as-in-vault"})

    def test_whenever_it_comes_recovery_finds_the_live_credential(self):
        cases = [(after, True) for after in range(1, 14)] + [(after, False) for after in range(2, 14, 4)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            running = {pool.submit(self.play, *case): case for case in cases}
            for done in concurrent.futures.as_completed(running):
                with self.subTest(after_commands_and_lost=running[done]):
                    done.result()


class RealClientsAfterARotation(FleetTest):
    def rotated(self, *options, quirks=()):
        practice = self.start(Practice(quirks=[*NO_FORGIVENESS, *quirks]))
        name = practice.names[0]
        vault = Vault.create(self.directory, practice.csv)
        rotate = vault.json("rotate", "--all", *options)
        self.assert_exit(rotate, AS_ASKED)
        credential = vault.reveal(name)
        self.assertEqual(len(credential.password), 20)
        return practice, name, vault, credential

    def assert_accepted(self, login):
        self.assertTrue(login.accepted, login)

    def test_ipmitool_and_freeipmi_log_in_without_a_k_g_on_suites_3_and_17(self):
        practice, name, _, credential = self.rotated()
        self.assertIsNone(credential.k_g)
        for suite in (3, 17):
            for client in (Ipmitool, FreeIpmi):
                self.assert_accepted(
                    client(*practice.place(name), suite=suite).log_in(credential.user, credential.password)
                )
        self.assert_accepted(Pyghmi(*practice.place(name)).log_in(credential.user, credential.password))

    def test_ipmitool_and_freeipmi_log_in_with_the_new_k_g_on_suites_3_and_17(self):
        practice, name, _, credential = self.rotated("--k-g")
        self.assertEqual(len(credential.k_g), 40)
        for suite in (3, 17):
            for client in (Ipmitool, FreeIpmi):
                login = client(*practice.place(name), suite=suite).log_in(
                    credential.user, credential.password, credential.k_g
                )
                self.assert_accepted(login)
        login = Pyghmi(*practice.place(name)).log_in(credential.user, credential.password, credential.k_g)
        self.assert_accepted(login)

    def test_without_the_k_g_and_with_the_old_password_they_are_refused(self):
        practice = self.start(Practice())
        name = practice.names[0]
        vault = Vault.create(self.directory, practice.csv)
        self.assert_exit(vault.json("rotate", "--all", "--k-g"), AS_ASKED)
        credential = vault.reveal(name)
        client = Ipmitool(*practice.place(name), suite=17)
        self.assertFalse(client.log_in(credential.user, credential.password).accepted, "accepted without the K_G")
        old = practice.bmcs[name]["password"]
        self.assertFalse(client.log_in(credential.user, old, credential.k_g).accepted, "accepted the old password")
        self.assert_accepted(client.log_in(credential.user, credential.password, credential.k_g))

    def test_the_vault_notices_what_ipmitool_changes(self):
        practice, name, vault, credential = self.rotated()
        client = Ipmitool(*practice.place(name), suite=17)
        listed = client.run(credential.user, credential.password, None, "user", "list")
        self.assert_accepted(listed)
        self.assertIn(credential.user, listed.output)
        new = "set-with-ipmitool-20"
        # A test value: it may stand among the arguments.
        self.assert_accepted(
            client.run(credential.user, credential.password, None, "user", "set", "password", "2", new, "20")
        )
        self.assert_outcomes(vault.json("check", "--all"), {name: "foreign"})
        given = self.directory / "given"
        given.write_text(new + "\n", encoding="ascii")
        given.chmod(0o600)
        self.assert_exit(vault.json("bmc", "set", name, "--password-file", str(given), "--reason", "by hand"), AS_ASKED)
        self.assert_outcomes(vault.json("check", "--all"), {name: "as-in-vault"})
