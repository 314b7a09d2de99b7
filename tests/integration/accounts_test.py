"""Accounts against ipmi_sim, a server that nobody here wrote, with ipmitool and FreeIPMI as judges of who gets in; and
kill -9 at every step on a practice fleet."""

import concurrent.futures

from bmcs import IpmiSim, Practice
from clients import FreeIpmi, Ipmitool
from program import AS_ASKED, ATTENTION, CRASHABLE, NOT_AS_ASKED, USAGE, FleetTest, Vault

SIGKILLED = -9
AT_ONCE = 16


def findings(result):
    return {(each["user_id"], each["finding"]) for each in result.objects if each["type"] == "finding"}


class AccountsOfIpmiSim(FleetTest):
    def setUp(self):
        super().setUp()
        self.sim = self.start(IpmiSim(anonymous=True, other_users=((3, "root", "root"), (4, "oper", "theirs"))))
        self.vault = Vault.create(self.directory, self.sim.inventory())
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        self.client = Ipmitool(self.sim.address, self.sim.port)

    def assert_only_suite_0_is_left(self, secured):
        """ipmi_sim takes suite 0 from anybody and has no switch for it: that is said, and it counts."""
        self.assert_exit(secured, NOT_AS_ASKED)
        self.assert_outcomes(secured, {"sim": "not-secured"})
        detail = secured.bmcs["sim"]["detail"].split("; ")
        self.assertEqual(detail[0], "suite-0-open: the BMC has no switch for it")
        slots = [each for each in detail if each.startswith("slot")]
        self.assertTrue(slots)
        for slot in slots:
            self.assertTrue(slot.endswith(": closed"), slot)

    def as_ourselves(self, *command):
        own = self.vault.reveal("sim")
        done = self.client.run(own.user, own.password, own.k_g, *command)
        self.assertTrue(done.accepted, done)

    def test_anonymous_and_default_accounts_are_found_without_a_failed_login(self):
        listed = self.vault.json("accounts", "--all")
        self.assert_exit(listed, ATTENTION)
        self.assert_no_failed_login(listed)
        self.assertLessEqual(
            {(1, "anonymous-login"), (1, "default-password"), (3, "vendor-account"), (3, "default-password")},
            findings(listed),
        )
        names = {each["user_id"]: each["name"] for each in listed.objects if each["type"] == "account"}
        self.assertEqual({slot: names[slot] for slot in (1, 2, 3, 4)}, {1: None, 2: "ADMIN", 3: "root", 4: "oper"})

    def test_what_is_called_closed_is_refused_to_other_clients(self):
        for user, password in (("", ""), ("root", "root"), ("oper", "theirs")):
            self.assertTrue(self.client.log_in(user, password).accepted, f"'{user}' was open before")
        secured = self.vault.json("accounts", "secure", "--all", "--reason", "test")
        self.assert_only_suite_0_is_left(secured)
        self.assert_no_failed_login(secured)
        self.assertFalse(self.client.log_in("", "").accepted)
        self.assertFalse(self.client.log_in("root", "root").accepted)
        free_ipmi = FreeIpmi(self.sim.address, self.sim.port, workarounds="opensesspriv")
        self.assertFalse(free_ipmi.log_in("root", "root").accepted)
        self.assertTrue(self.client.log_in("oper", "theirs").accepted, "nobody's default: not ours to close")
        self.assert_vault_holds_the_live_credential(self.vault, "sim", self.client)
        again = self.vault.json("accounts", "secure", "--all").bmcs["sim"]["detail"]
        self.assertNotIn("slot", again, "what is closed is not closed again")

    def test_an_account_of_our_own_is_made_rotated_and_the_vendors_closed(self):
        before = self.vault.reveal("sim")
        adopted = self.vault.json("accounts", "adopt", "--all", "--reason", "test")
        self.assert_exit(adopted, AS_ASKED)
        self.assert_outcomes(adopted, {"sim": "adopted"})
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        own = self.assert_vault_holds_the_live_credential(self.vault, "sim", self.client)
        self.assertEqual(own.user, "bmcvault")
        self.assert_only_suite_0_is_left(self.vault.json("accounts", "secure", "--all"))
        self.assertFalse(self.client.log_in(before.user, before.password).accepted, "the vendor's account")
        self.assert_vault_holds_the_live_credential(self.vault, "sim", self.client)

    def test_a_spare_takes_turns_with_our_own_account(self):
        adopted = self.vault.json("accounts", "adopt", "--all", "--role", "spare", "--reason", "test")
        self.assert_outcomes(adopted, {"sim": "adopted"})
        before = {role: self.vault.reveal("sim", account=role) for role in (None, "spare")}
        rotated = self.vault.json("rotate", "--all")
        self.assert_exit(rotated, AS_ASKED)
        self.assert_no_failed_login(rotated)
        own = self.assert_vault_holds_the_live_credential(self.vault, "sim", self.client)
        self.assertEqual(own.user, "bmcvault-2")
        spare = self.vault.reveal("sim", account="spare")
        self.assertEqual(spare.user, before[None].user)
        self.assertTrue(self.client.log_in(spare.user, spare.password).accepted)
        for old in before.values():
            self.assertFalse(self.client.log_in(old.user, old.password).accepted, f"the old password of {old.user}")

    def test_a_monitor_that_the_bmc_makes_an_administrator_is_refused(self):
        """ipmi_sim stores the limit and does not keep to it: its users get whatever they ask for."""
        adopted = self.vault.json("accounts", "adopt", "--all", "--role", "monitor", "--reason", "test")
        self.assert_exit(adopted, NOT_AS_ASKED)
        self.assert_outcomes(adopted, {"sim": "refused"})
        self.assertIn("this BMC gives it more than its limit", adopted.bmcs["sim"]["detail"])
        self.assertIn("'bmcvault-mon': closed", adopted.bmcs["sim"]["detail"])
        self.assert_exit(self.vault.run("reveal", "sim", "--account", "monitor"), USAGE)

    def test_an_account_added_behind_our_back_is_reported_by_the_next_check(self):
        self.assert_only_suite_0_is_left(self.vault.json("accounts", "secure", "--all"))
        self.vault.json("accounts", "--all")
        self.assert_exit(self.vault.json("accounts", "accept", "--all"), AS_ASKED)
        quiet = findings(self.vault.json("check", "--all", "--accounts"))
        self.assertNotIn((6, "new-account"), quiet)
        self.as_ourselves("user", "set", "name", "6", "mallory")
        self.as_ourselves("user", "priv", "6", "4", "1")
        self.as_ourselves("user", "enable", "6")
        check = self.vault.json("check", "--all", "--accounts")
        self.assert_exit(check, ATTENTION)
        self.assertEqual(findings(check) - quiet, {(6, "new-account")})


class EveryCrashPoint(FleetTest):
    """kill -9 before or after every step; then the same command ends it."""

    QUIRKS = ("anonymous-account", "default-account", "bad-password-threshold=1", "lockout-ms=0")

    def crash_everywhere(self, *command):
        practice = self.start(Practice(count=60, quirks=self.QUIRKS))
        vault = Vault.create(self.directory, practice.inventory(*practice.names))
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        log = vault.directory.parent / "steps"
        surveyed = vault.json(*command, practice.names[0], program=CRASHABLE, env={"BMCVAULT_TEST_STEP_LOG": str(log)})
        self.assert_exit(surveyed, AS_ASKED)
        steps = log.read_text(encoding="ascii").splitlines()
        self.assertGreater(len(steps), 15, steps)
        self.assertLess(len(steps), len(practice.names))

        def one(point):
            name = practice.names[point]
            crashed = vault.json(*command, name, program=CRASHABLE, env={"BMCVAULT_TEST_KILL_AT": str(point)})
            self.assert_exit(crashed, SIGKILLED)
            again = vault.json(*command, name)
            self.assert_exit(again, AS_ASKED)
            self.assert_no_failed_login(again)
            return name

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            names = list(pool.map(one, range(1, len(steps) + 1)))
        for name in names:
            client = Ipmitool(*practice.place(name), suite=17)
            self.assert_vault_holds_the_live_credential(vault, name, client)
        return practice, vault, names

    def test_closing(self):
        practice, _, names = self.crash_everywhere("accounts", "secure")
        for name in names[::5]:
            client = Ipmitool(*practice.place(name), suite=17)
            self.assertFalse(client.log_in("root", "root").accepted, name)

    def test_making_our_own(self):
        _, vault, names = self.crash_everywhere("accounts", "adopt")
        for name in names:
            self.assertEqual(vault.reveal(name).user, "bmcvault")


class BadInput(FleetTest):
    def test_what_was_never_read_can_not_be_accepted(self):
        practice = self.start(Practice(count=1))
        vault = Vault.create(self.directory, practice.inventory(*practice.names))
        accepted = vault.json("accounts", "accept", "--all")
        self.assert_exit(accepted, 2)
        self.assertIn("were never read", accepted.err)

    def test_before_our_own_account_is_proved_nothing_is_closed(self):
        practice = self.start(Practice(count=1, quirks=("default-account",)))
        vault = Vault.create(self.directory, practice.inventory(*practice.names))
        secured = vault.json("accounts", "secure", "--all")
        self.assert_exit(secured, NOT_AS_ASKED)
        self.assertIn("own-account-not-proved", secured.bmcs[practice.names[0]]["detail"])
        client = Ipmitool(*practice.place(practice.names[0]), suite=17)
        self.assertTrue(client.log_in("root", "root").accepted)
