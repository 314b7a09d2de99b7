"""A second member's signature: nothing is done without it where the policy wants it, and with it exactly what was signed,
once, also after a kill in the middle."""

import os
import stat

from bmcs import Practice
from clients import Ipmitool
from program import AS_ASKED, CRASHABLE, NOT_UNLOCKED, USAGE, FleetTest, Vault, finish, write_private
from schedule_test import clock
from team_test import Member

SIGKILLED = -9


class Approval(FleetTest):
    QUIRKS = ("bad-password-threshold=1", "lockout-ms=0")

    def setUp(self):
        super().setUp()
        self.fleet = self.start(Practice(count=4, quirks=self.QUIRKS))
        self.vault = Vault.create(self.directory, self.fleet.csv)
        self.alice = self.member("alice")
        self.bob = self.member("bob")
        self.policy = self.directory / "policy.toml"
        write_private(self.policy, 'second_signature = ["rotate", "reveal", "export", "member add"]\n')
        self.plan = self.directory / "the.plan"

    def member(self, name, *options):
        member = Member(self.vault, self.new_directory(), name)
        added = self.vault.json("member", "add", name, "--key", f"{member.identity}.pub", *options)
        self.assert_exit(added, AS_ASKED)
        return member

    def by(self, member, *arguments, **options):
        return member.json(*arguments, "--policy", str(self.policy), **options)

    def assert_refused(self, result, why, code=USAGE):
        self.assert_exit(result, code)
        self.assertIn(why, result.err)
        self.assertIn("next: ", result.err)

    def ask(self, *command, member=None):
        asked = self.by(member or self.alice, *command, "--plan", "--output", str(self.plan), "--reason", "quarterly")
        self.assert_exit(asked, AS_ASKED)
        self.assertEqual(stat.S_IMODE(self.plan.stat().st_mode), 0o600)
        return asked.objects[0]

    def approve(self, member=None, **options):
        return self.by(member or self.bob, "approve", str(self.plan), "--yes", **options)

    def ask_and_approve(self, *command, asks=None, signs=None):
        self.ask(*command, member=asks)
        approved = self.approve(signs)
        self.assert_exit(approved, AS_ASKED)
        return approved

    def run_plan(self, command="rotate", *options, member=None, **more):
        return self.by(member or self.alice, *command.split(), "--approved", str(self.plan), *options, **more)

    def versions(self):
        return {name: len(self.vault.history(name)) for name in self.fleet.names}

    def events(self):
        return [each for each in self.vault.json("log").objects if each["type"] == "event"]

    def assert_nothing_was_changed(self):
        self.assertEqual(self.versions(), dict.fromkeys(self.fleet.names, 1))
        self.assertNotIn("plan.run", [each["event"] for each in self.events()])


class Rotation(Approval):
    def test_nothing_without_it_and_exactly_it_once_with_it(self):
        refused = self.by(self.alice, "rotate", "bmc[01-02]", "--k-g")
        self.assert_refused(refused, "the policy wants a second member's signature")
        self.assertIn("--plan --output FILE", refused.err)
        self.assert_exit(self.by(self.alice, "rotate", "--all", "--dry-run"), AS_ASKED)
        for more in (("bmc01",), ("--k-g",), ("--put-back",), ("--first-contact",)):
            self.assert_refused(self.by(self.alice, "rotate", "--due", *more), "second member's signature")
        asked = self.ask("rotate", "bmc[01-02]", "--k-g")
        self.assertEqual((asked["command"], asked["asked_by"], asked["reason"]), ("rotate", "alice", "quarterly"))
        self.assertEqual([(each["name"], each["k_g"]) for each in asked["bmcs"]], [("bmc01", True), ("bmc02", True)])
        self.assert_refused(self.run_plan(), "nobody else has signed it yet")
        self.assert_nothing_was_changed()

        self.assert_exit(self.approve(), AS_ASKED)
        self.assert_refused(self.approve(self.vault), "bob has signed it at")
        for more in (("bmc03",), ("--all",), ("--k-g",), ("--fresh",), ("--reason", "another")):
            self.assert_exit(self.run_plan("rotate", *more), USAGE)
        self.assert_refused(self.run_plan("reveal"), "it is a plan of rotate, not of reveal")
        self.assert_exit(self.run_plan("rotate", "--dry-run"), AS_ASKED)
        self.assert_nothing_was_changed()

        done = self.run_plan()
        self.assert_exit(done, AS_ASKED)
        self.assert_outcomes(done, {"bmc01": "rotated", "bmc02": "rotated"})
        self.assert_no_failed_login(done)
        self.assertTrue(all(each["k_g_version"] == 1 for each in done.bmcs.values()), done)
        for name in done.bmcs:
            client = Ipmitool(*self.fleet.place(name), suite=17)
            self.assert_vault_holds_the_live_credential(self.vault, name, client)
        versions = self.versions()
        self.assert_refused(self.run_plan(), "it was run already, and a plan is run once")
        self.assert_refused(self.run_plan(member=self.bob), "it was run already")
        self.assertEqual(self.versions(), versions)
        events = self.events()
        order = [each["event"] for each in events]
        self.assertLess(order.index("plan.approved"), order.index("plan.run"))
        self.assertLess(order.index("plan.run"), order.index("credential.staged"))
        body = events[order.index("plan.run")]["body"]
        self.assertEqual((body["plan"], body["asked_by"], body["approved_by"], body["reason"]),
                         (asked["plan"], "alice", "bob", "quarterly"))
        self.assertTrue(events[order.index("plan.approved")]["actor"].startswith("bob ("))
        self.assert_exit(self.vault.json("vault", "verify"), AS_ASKED)
        self.assert_exit(self.by(self.alice, "rotate", "--due"), AS_ASKED)

    def test_only_another_person_who_may_do_it_can_sign(self):
        self.assert_exit(self.vault.json("compartment", "add", "edge"), AS_ASKED)
        self.assert_exit(self.vault.json("compartment", "move", "edge", "bmc04"), AS_ASKED)
        carol, otto = self.member("carol", "--compartment", "edge"), self.member("otto", "--role", "auditor")
        timer = self.member("timer", "--service")
        self.ask("rotate", "--all", member=self.vault)
        self.assert_refused(self.approve(self.vault), "passphrase has asked for it", NOT_UNLOCKED)
        self.assert_refused(self.approve(otto), "an auditor may only look", NOT_UNLOCKED)
        self.assert_refused(self.approve(carol), "in a compartment that you do not open")
        self.assert_refused(self.approve(self.bob), "bmc04: removed or replaced")
        self.plan.unlink()
        self.ask("rotate", "bmc[01-03]")
        before = self.plan.read_bytes()
        self.assert_refused(self.approve(timer), "timer is a program", NOT_UNLOCKED)
        self.assert_refused(self.by(self.bob, "approve", str(self.plan)), "nobody was asked")
        self.assert_exit(self.by(self.bob, "approve", str(self.plan), "--dry-run"), AS_ASKED)
        self.assertEqual(self.plan.read_bytes(), before)
        self.assert_exit(self.approve(), AS_ASKED)
        self.assert_refused(self.run_plan(member=carol), "in a compartment that you do not open")
        self.assert_nothing_was_changed()

    def test_what_is_changed_in_the_file_is_refused(self):
        self.ask_and_approve("rotate", "bmc01")
        lines = self.plan.read_text(encoding="utf-8").splitlines(keepends=True)
        bmc02 = next(each["uuid"] for each in self.vault.json("bmc", "list").objects if each.get("name") == "bmc02")
        for number, line in enumerate(lines):
            other = line[:-2] + ("B\n" if line.endswith("A\n") else "A\n")
            changed = {"bmc": f"bmc {bmc02} - bmc02\n", "put-back": "put-back yes\n"}.get(line.split()[0], other)
            self.plan.write_text("".join([*lines[:number], changed, *lines[number + 1:]]), encoding="utf-8")
            refused = self.run_plan()
            self.assertIn(refused.exit_code, (USAGE, NOT_UNLOCKED), (line, refused))
        self.assert_nothing_was_changed()
        other = Vault(self.new_directory())
        self.assert_exit(other.run("init", "--kdf-memory", "64", "--kdf-operations", "1"), AS_ASKED)
        self.plan.write_text("".join(lines), encoding="utf-8")
        self.assert_refused(other.json("rotate", "--approved", str(self.plan)), "a plan for another vault")

    def test_a_board_that_was_replaced_or_removed_stops_the_whole_plan(self):
        self.ask_and_approve("rotate", "bmc[01-03]")
        self.assert_exit(self.vault.json("bmc", "replace", "bmc02", "--reason", "RMA", "--yes"), AS_ASKED)
        self.assert_refused(self.run_plan(), "bmc02: removed or replaced")
        self.assert_exit(self.vault.json("bmc", "remove", "bmc03", "--yes"), AS_ASKED)
        self.assert_refused(self.run_plan(), "bmc02, bmc03: removed or replaced")
        self.assertEqual(len(self.vault.history("bmc01")), 1)

    def test_a_plan_ends_with_its_time_and_with_its_members(self):
        self.ask_and_approve("rotate", "bmc01")
        self.assert_refused(self.run_plan(env=clock("+8d")), "it was valid until")
        departed = self.vault.json("member", "remove", "bob")
        self.assert_exit(departed, AS_ASKED)
        self.assert_refused(self.run_plan(), "bob has signed it, and is no member")
        self.assert_nothing_was_changed()

    def test_after_a_kill_the_same_plan_goes_on_until_it_is_finished(self):
        self.ask_and_approve("rotate", "bmc[01-03]")
        killed = self.run_plan(program=CRASHABLE, env={"BMCVAULT_TEST_KILL_AT": "after-plan-run"})
        self.assert_exit(killed, SIGKILLED)
        self.assertEqual(self.versions(), dict.fromkeys(self.fleet.names, 1))
        steps = self.directory / "steps"
        killed = self.run_plan("rotate", "--parallel", "1", program=CRASHABLE,
                               env={"BMCVAULT_TEST_KILL_AT": "30", "BMCVAULT_TEST_STEP_LOG": str(steps)})
        self.assert_exit(killed, SIGKILLED)
        finished = [name for name, versions in self.versions().items() if versions == 2]
        self.assertTrue(finished, steps.read_text(encoding="ascii"))
        again = self.run_plan()
        self.assert_exit(again, AS_ASKED)
        self.assertGreater(again.summary["continued"], 0, again)
        self.assert_no_failed_login(again)
        self.assertEqual(self.versions(), {"bmc01": 2, "bmc02": 2, "bmc03": 2, "bmc04": 1}, "somebody was rotated twice")
        self.assert_refused(self.run_plan(), "it was run already")
        runs = [each["body"] for each in self.events() if each["event"] == "plan.run"]
        self.assertEqual([body.get("continued") for body in runs], [None, "yes", "yes"])
        self.assertEqual({body["plan"] for body in runs}, {runs[0]["plan"]})


class Disclosure(Approval):
    def test_one_password_needs_no_second_signature_and_several_do(self):
        self.assertTrue(self.by(self.alice, "reveal", "bmc01").objects[0]["password"])
        self.assert_refused(self.by(self.alice, "reveal", "bmc[01-02]"), "second member's signature")
        self.assertEqual(self.by(self.alice, "reveal", "bmc[01-02]").out, "")
        self.ask_and_approve("reveal", "bmc[01-02]")
        self.assertNotIn(self.vault.reveal("bmc01").password, self.plan.read_text(encoding="utf-8"))
        both = [self.run_plan("reveal"), self.run_plan("reveal")]
        self.assert_exit(both[0], AS_ASKED)
        self.assertEqual([(each["name"], each["password"]) for each in both[0].objects[:-1]],
                         [(name, self.vault.reveal(name).password) for name in ("bmc01", "bmc02")])
        self.assert_refused(both[1], "it was run already")
        self.assertEqual(both[1].out, "")

    def test_two_at_once_show_it_once(self):
        self.ask_and_approve("reveal", "bmc[01-04]")
        command = ("reveal", "--approved", str(self.plan), "--json")
        results = [finish(process) for process in [self.alice.start(*command), self.bob.start(*command)]]
        self.assertEqual(sorted(result.exit_code for result in results), [AS_ASKED, USAGE], results)

    def test_what_was_recorded_and_not_shown_is_used(self):
        self.ask_and_approve("reveal", "bmc[01-02]")
        killed = self.run_plan("reveal", program=CRASHABLE, env={"BMCVAULT_TEST_KILL_AT": "after-plan-run"})
        self.assert_exit(killed, SIGKILLED)
        self.assertEqual(killed.out, "")
        self.assert_refused(self.run_plan("reveal"), "it was run already")

    def test_export_goes_where_it_is_told_when_it_is_done(self):
        options = ("--for", "ansible", "--holder", "playbooks")
        out = self.directory / "bmcs.yml"
        self.assert_exit(self.by(self.alice, "export", "bmc01", *options, "--output", str(out)), AS_ASKED)
        self.assert_refused(self.by(self.vault, "export", "--all", *options, "--output", str(out)), "second member's")
        self.ask("export", "--all", *options, member=self.vault)
        self.assert_exit(self.approve(), AS_ASKED)
        self.assert_exit(self.run_plan("export", member=self.vault), USAGE)
        self.assert_exit(self.run_plan("export", "--output", str(out), "--holder", "me", member=self.vault), USAGE)
        done = self.run_plan("export", "--output", str(out), member=self.vault)
        self.assert_exit(done, AS_ASKED)
        self.assertEqual(stat.S_IMODE(os.stat(out).st_mode), 0o600)
        self.assertIn(self.vault.reveal("bmc04").password, out.read_text(encoding="utf-8"))
        held = next(each for each in self.vault.json("holder", "list").objects if each.get("name") == "playbooks")
        self.assertEqual(held["bmcs"], self.fleet.names)
        self.assert_refused(self.run_plan("export", "--output", str(out), member=self.vault), "it was run already")


class NewMember(Approval):
    def test_two_owners_let_somebody_in(self):
        olga = self.member("olga", "--role", "owner")
        dave = Member(self.vault, self.new_directory(), "dave")
        command = ("member", "add", "dave", "--key", f"{dave.identity}.pub")
        self.assert_refused(self.by(olga, *command), "second member's signature")
        refused = self.by(self.alice, *command, "--plan", "--output", str(self.plan))
        self.assert_refused(refused, "only an owner may do this", NOT_UNLOCKED)
        self.assertFalse(self.plan.exists())
        asked = self.ask(*command, member=olga)
        self.assertEqual((asked["member"], asked["role"], asked["compartments"], asked["bmcs"]),
                         ("dave", "operator", ["default"], []))
        self.assert_refused(self.approve(self.bob), "bob is no owner", NOT_UNLOCKED)
        self.assert_exit(self.approve(self.vault), AS_ASKED)
        self.assert_exit(dave.json("status"), NOT_UNLOCKED)
        self.assert_refused(self.run_plan("member add"), "alice is no owner", NOT_UNLOCKED)
        self.assert_exit(self.run_plan("member add", member=olga), AS_ASKED)
        self.assertEqual(set(dave.json("bmc", "list").bmcs), set(self.fleet.names))
        self.assert_refused(self.run_plan("member add", member=olga), "it was run already")
