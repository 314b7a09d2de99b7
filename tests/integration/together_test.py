"""Eight at once on one vault, as a team works: timers, people, a backup. Each ends as asked or says that it was busy;
nothing that was done is lost."""

import os
import subprocess

from bmcs import Practice
from program import AS_ASKED, ATTENTION, BUSY, NOT_AS_ASKED, PROGRAM, FleetTest, Vault, finish

ROUNDS = 3


class Together(FleetTest):
    def setUp(self):
        super().setUp()
        self.practice = self.start(Practice(count=8, quirks=["bad-password-threshold=1", "lockout-ms=0"], latency_ms=5))
        self.vault = Vault.create(self.directory, self.practice.inventory(*self.practice.names))
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        made = self.vault.run("member", "keygen", "--output", str(self.directory / "alice"), "--kdf-memory", "64",
                              "--kdf-operations", "1")
        self.assert_exit(made, AS_ASKED)

    def begin(self, *command):
        if command[0] != "exec":
            return self.vault.start(*command)
        # What follows "--" is the other program's.
        place = ["--vault", str(self.vault.directory), "--passphrase-file", str(self.vault.passphrase_file)]
        env = {**os.environ, "BMCVAULT_HEADS": str(self.directory / "heads"), "XDG_RUNTIME_DIR": str(self.directory)}
        return subprocess.Popen([PROGRAM, "exec", *place, *command[1:]], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def at_once(self, *commands):
        """Starts all, then waits for all."""
        started = [self.begin(*command) for command in commands]
        return {command: finish(process) for command, process in zip(commands, started, strict=True)}

    def commands_of(self, each):
        names = self.practice.names
        yield "rotate", *names[:4], "--json"
        yield "rotate", *names[4:], "--json"
        yield "bmc", "set", names[0], "--tags", f"tag-{each}", "--json"
        yield "bmc", "hold", names[7], "--until", f"2{each}99-01-01", "--reason", "r", "--json"
        yield "reveal", names[1], "--json"
        yield "exec", names[2], "--", "ipmitool", "mc", "info"
        yield "check", *names, "--json"
        yield "vault", "backup", str(self.directory / f"backup-{each}"), "--json"
        if each == 0:
            yield "member", "add", "alice", "--key", str(self.directory / "alice.pub"), "--json"
        else:
            yield "compartment", "add", f"edge-{each}", "--json"

    def test_no_update_is_lost(self):
        names = self.practice.names
        before = {name: max(self.vault.history(name)) for name in names}
        rotated = dict.fromkeys(names, 0)
        done = []
        for each in range(ROUNDS):
            for command, result in self.at_once(*self.commands_of(each)).items():
                done += [command] if self.ended_as_it_may(command, result) else []
                if command[0] == "rotate":
                    for name, outcome in result.outcomes.items():
                        rotated[name] += outcome == "rotated"
        self.assertGreater(sum(rotated.values()), 0)
        for name in names:
            states = self.vault.history(name)
            self.assertEqual(max(states), before[name] + rotated[name], f"{name}: {states}")
            self.assertEqual(states[max(states)], "current")
        self.assert_what_was_done_is_there(done)
        self.assert_exit(self.vault.json("vault", "verify"), AS_ASKED)
        check = self.vault.json("check", "--all")
        self.assert_exit(check, AS_ASKED)
        self.assert_no_failed_login(check)

    def ended_as_it_may(self, command, result):
        """As asked: true; busy, as a whole or for some BMCs: false."""
        if command[0] == "exec":
            # A rotation may change the password before ipmitool has logged in with it.
            came_late = result.exit_code == NOT_AS_ASKED and "Unable to establish IPMI v2" in result.err
            self.assertTrue(came_late or result.exit_code in (AS_ASKED, BUSY), result)
            return result.exit_code == AS_ASKED
        outcomes = set(result.outcomes.values()) if command[0] in ("rotate", "check") else set()
        for bmc in result.bmcs.values():
            self.assertEqual(bmc.get("failed_logins", 0), 0, result)
        if result.exit_code in (NOT_AS_ASKED, ATTENTION):
            self.assertTrue(outcomes <= {"rotated", "as-in-vault", "busy", "held"}, result)
            self.assertTrue(outcomes & {"busy", "held"}, result)
            return False
        self.assertIn(result.exit_code, (AS_ASKED, BUSY), result)
        return result.exit_code == AS_ASKED

    def assert_what_was_done_is_there(self, done):
        members = [each["name"] for each in self.vault.json("member", "list").objects[:-1]]
        compartments = self.vault.json("compartment", "list").out
        inventory = self.vault.json("bmc", "list").bmcs
        log = [each["event"] for each in self.vault.json("log").objects if each["type"] == "event"]
        self.assertEqual(log.count("reveal"), sum(command[0] == "reveal" for command in done))
        tags = [command[4] for command in done if command[:2] == ("bmc", "set") and command[3] == "--tags"]
        if tags:
            self.assertEqual(inventory[self.practice.names[0]]["tags"], [tags[-1]])
        for command in done:
            if command[:2] == ("member", "add"):
                self.assertIn("alice", members)
            elif command[:2] == ("compartment", "add"):
                self.assertIn(command[2], compartments)
            elif command[:2] == ("vault", "backup"):
                self.assert_exit(self.vault.json("vault", "verify", command[2]), AS_ASKED)
