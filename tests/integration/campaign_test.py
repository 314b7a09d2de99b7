"""A fleet: campaigns that are interrupted and continued, and two at once on one vault."""

import os
import signal

from bmcs import Practice
from clients import Ipmitool
from program import (
    AS_ASKED,
    ATTENTION,
    CRASHABLE,
    NOT_AS_ASKED,
    FleetTest,
    Vault,
    finish,
    wait_until,
)

FLEET = 6
SIGKILLED = -9


class FleetOfSix(FleetTest):
    QUIRKS = ("bad-password-threshold=1", "lockout-ms=0")

    def setUp(self):
        super().setUp()
        self.practice = self.start(Practice(count=FLEET, quirks=self.QUIRKS))
        self.vault = Vault.create(self.directory, self.practice.csv)
        self.steps = self.directory / "steps"

    def start_rotation(self, *options, kill_at=""):
        env = {"BMCVAULT_TEST_STEP_LOG": str(self.steps), "BMCVAULT_TEST_KILL_AT": kill_at}
        return self.vault.start("rotate", "--all", "--json", *options, program=CRASHABLE, env=env)

    def steps_so_far(self, name):
        return self.steps.read_text(encoding="ascii").split().count(name) if self.steps.exists() else 0

    def versions(self):
        """Name -> how many password versions there ever were."""
        return {name: len(self.vault.history(name)) for name in self.practice.names}

    def assert_every_client_is_accepted(self):
        for name in self.practice.names:
            client = Ipmitool(*self.practice.place(name), suite=17)
            credential = self.assert_vault_holds_the_live_credential(self.vault, name, client)
            self.assertFalse(credential.pending, name)


class AnInterruptedCampaign(FleetOfSix):
    PARALLEL = 2

    def test_after_a_kill_the_same_command_goes_on_with_the_rest(self):
        killed = finish(self.start_rotation("--parallel", str(self.PARALLEL), kill_at="40"))
        self.assert_exit(killed, SIGKILLED)
        finished = {name for name, versions in self.versions().items() if versions == 2}
        again = self.vault.json("rotate", "--all", "--parallel", str(self.PARALLEL))
        self.assert_exit(again, AS_ASKED)
        self.assert_no_failed_login(again)
        continued = {name for name, outcome in again.outcomes.items() if outcome == "already-current"}
        self.assertTrue(continued, again)
        self.assertLess(len(continued), FLEET, again)
        self.assertLessEqual(continued, finished)
        # One that was killed between its commit and the campaign's mark is asked again, and found to be current.
        self.assertIn(len(continued) - again.summary["continued"], range(self.PARALLEL + 1), again)
        self.assertGreater(again.summary["continued"], 0)
        self.assertEqual(self.versions(), dict.fromkeys(self.practice.names, 2), "somebody was rotated twice")
        self.assert_every_client_is_accepted()

    def test_fresh_starts_anew(self):
        self.assert_exit(finish(self.start_rotation("--parallel", "2", kill_at="40")), SIGKILLED)
        fresh = self.vault.json("rotate", "--all", "--fresh")
        self.assert_exit(fresh, AS_ASKED)
        self.assertNotIn("already-current", fresh.outcomes.values(), fresh)
        self.assert_every_client_is_accepted()

    def test_a_finished_campaign_does_not_stop_the_next_one(self):
        for _ in range(2):
            self.assert_outcomes(self.vault.json("rotate", "--all"), dict.fromkeys(self.practice.names, "rotated"))
        self.assertEqual(self.versions(), dict.fromkeys(self.practice.names, 3))

    def interrupt(self, number):
        rotation = self.start_rotation("--parallel", "2", "--k-g")
        wait_until(lambda: self.steps_so_far("after-apply") >= 2, "two passwords applied", rotation)
        os.kill(rotation.pid, number)
        stopped = finish(rotation)
        self.assert_exit(stopped, NOT_AS_ASKED)
        self.assertIs(stopped.summary["stopped"], True)
        for name, outcome in stopped.outcomes.items():
            self.assertEqual(outcome, "rotated", f"{name} was in flight: {stopped}")
        self.assertTrue(0 < len(stopped.outcomes) < FLEET, stopped)
        check = self.vault.json("check", "--all")
        untouched = dict.fromkeys(self.practice.names, "shared")  # they all begin with the same password
        self.assert_outcomes(check, untouched | dict.fromkeys(stopped.outcomes, "as-in-vault"))
        again = self.vault.json("rotate", "--all", "--k-g")
        self.assert_exit(again, AS_ASKED)
        for name, outcome in again.outcomes.items():
            self.assertEqual(outcome, "already-current" if name in stopped.outcomes else "rotated", again)
        self.assertEqual(self.versions(), dict.fromkeys(self.practice.names, 2))
        self.assert_every_client_is_accepted()

    def test_ctrl_c_proves_what_is_in_flight_and_the_same_command_continues(self):
        self.interrupt(signal.SIGINT)

    def test_sigterm_proves_what_is_in_flight_and_the_same_command_continues(self):
        self.interrupt(signal.SIGTERM)


class TwoAtOnce(FleetOfSix):
    # So slow that the second certainly begins before the first has ended.
    QUIRKS = (*FleetOfSix.QUIRKS, "slow=300")

    def test_no_bmc_is_rotated_twice_and_readers_are_not_kept_out(self):
        first = self.start_rotation()
        wait_until(lambda: self.steps_so_far("after-stage") >= 1, "the first is at work", first)
        second = self.start_rotation()
        readers = []
        while first.poll() is None and len(readers) < 12:
            readers.append(self.vault.json("reveal", self.practice.names[len(readers) % FLEET]))
            readers.append(self.vault.json("status"))
        results = [finish(first), finish(second)]
        self.assertGreaterEqual(len(readers), 2)
        for reader in readers:
            self.assertIn(reader.exit_code, (AS_ASKED, ATTENTION), reader)
        for name in self.practice.names:
            words = sorted(result.outcomes[name] for result in results)
            self.assertIn(words, (["already-current", "rotated"], ["busy", "rotated"]), f"{name}: {results[1]}")
        for result in results:
            busy = "busy" in result.outcomes.values()
            self.assert_exit(result, NOT_AS_ASKED if busy else AS_ASKED)
            self.assert_no_failed_login(result)
        self.assertEqual(self.versions(), dict.fromkeys(self.practice.names, 2), "somebody was rotated twice")
        self.assert_every_client_is_accepted()
        self.assert_exit(self.vault.run("vault", "verify"), AS_ASKED)


class AnUnfinishedRotation(FleetTest):
    """The BMC allows no second change so soon: what it was to get stays pending, and nobody may forget that."""

    def test_is_shown_until_it_is_done(self):
        practice = self.start(Practice(count=1, quirks=("minimum-change-interval=3600000",)))
        vault = Vault.create(self.directory, practice.csv)
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        blocked = vault.json("rotate", "--all")
        self.assert_exit(blocked, NOT_AS_ASKED)
        self.assertIn("minimum-change-interval", blocked.bmcs["bmc01"]["detail"])
        check = vault.json("check", "--all")
        self.assert_exit(check, ATTENTION)
        self.assert_outcomes(check, {"bmc01": "pending-not-live"})
        self.assert_exit(vault.json("status"), ATTENTION)
        self.assertEqual(set(vault.json("bmc", "list", "--failed").bmcs), {"bmc01"})
