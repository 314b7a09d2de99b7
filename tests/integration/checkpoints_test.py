"""What leaves the host after each command that wrote: to the system log and to a program of the site. And that a vault
put back, with the head file of its host, is told by it."""

import json
import pathlib
import re
import shutil
import stat
import subprocess
import sys

from program import AS_ASKED, DAMAGED, USAGE, FleetTest, Vault, write_private

SYSTEM_LOG_OF = str(pathlib.Path(__file__).with_name("system_log_of.py"))
LINE = re.compile(
    r"bmcvault-checkpoint/1 vault=\S{22} generation=1 count=(\d+) head=\S{43} root=\S{43} signer=\S{43} signature=\S{86}"
)


class Checkpoints(FleetTest):
    def setUp(self):
        super().setUp()
        self.vault = Vault.create(self.directory)
        self.kept = self.directory / "kept"
        self.program = self.directory / "keep"
        self.policy = self.directory / "policy.toml"
        self.write_program("cat >> " + str(self.kept))
        write_private(self.policy, f'[hooks]\ncheckpoint = "{self.program}"\ntimeout_s = 2\n')

    def write_program(self, command):
        write_private(self.program, f"#!/bin/sh\n{command}\n")
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def add(self, name):
        return self.vault.run("bmc", "add", name, f"{name}.example", "--username", "admin", "--policy", str(self.policy))

    def events(self):
        return [each["event"] for each in self.vault.json("log").objects if each["type"] == "event"]

    def counts(self):
        """Every line is one checkpoint and nothing else: the number of its record."""
        matches = [LINE.fullmatch(line) for line in self.kept.read_text().splitlines()]
        self.assertTrue(all(matches), self.kept.read_text())
        return [int(match.group(1)) for match in matches]

    def test_each_command_that_wrote_tells_the_program_where_the_log_ends(self):
        self.assert_exit(self.add("one"), AS_ASKED)
        self.assertEqual(self.events()[-2:], ["bmc.added", "checkpoint"])
        first = self.counts()
        self.assertEqual(first, [len(self.events())])
        self.assert_exit(self.vault.run("bmc", "list", "--policy", str(self.policy)), AS_ASKED)
        self.assert_exit(self.vault.run("vault", "verify", "--policy", str(self.policy)), AS_ASKED)
        self.assertEqual(self.counts(), first, "nothing was written")
        self.assert_exit(self.add("two"), AS_ASKED)
        self.assertEqual(self.counts(), [*first, len(self.events())])

    def test_a_vault_put_back_with_the_head_of_its_host_is_told_by_what_was_kept(self):
        self.assert_exit(self.add("one"), AS_ASKED)
        copy = self.directory / "copy"
        shutil.copytree(self.vault.directory, copy)
        self.assert_exit(self.add("two"), AS_ASKED)
        log = self.directory / "auth.log"
        log.write_text("Nov 29 host sshd[1]: x\n" + "Nov 29 host bmcvault[2]: ".join(["", *self.kept.open()]) + "end\n")
        for file in (self.kept, log):
            fresh = self.vault.run("vault", "verify", "--head", str(file))
            self.assert_exit(fresh, AS_ASKED)
            self.assertRegex(fresh.out, rf"Fresh: it has all 2 checkpoints of {file}; the newest is of record \d+, "
                             r"20.*Z, and nothing was written since\.")
        self.assert_exit(self.vault.run("bmc", "add", "three", "three.example", "--username", "admin"), AS_ASKED)
        told = self.vault.json("vault", "verify", "--head", str(log))
        self.assert_exit(told, AS_ASKED)
        [kept] = [each for each in told.objects if each["type"] == "kept-checkpoints"]
        self.assertEqual({key: kept[key] for key in ("file", "checkpoints", "other_lines", "records_since")},
                         {"file": str(log), "checkpoints": 2, "other_lines": 0, "records_since": 3})
        self.assertEqual(kept["newest_record"] + 3, len(self.events()))

        shutil.rmtree(self.vault.directory)
        shutil.rmtree(self.directory / "heads")
        shutil.copytree(copy, self.vault.directory)
        self.assert_exit(self.vault.run("vault", "verify"), AS_ASKED)
        behind = self.vault.run("vault", "verify", "--head", str(self.kept))
        self.assert_exit(behind, DAMAGED)
        self.assertIn("rolled back", behind.err)
        first = self.kept.read_text()
        for name in ("three", "four"):
            self.assert_exit(self.add(name), AS_ASKED)
        self.kept.write_text(first)
        forked = self.vault.run("vault", "verify", "--head", str(self.kept))
        self.assert_exit(forked, DAMAGED)
        self.assertIn("forked", forked.err)

        self.kept.write_text(first.replace("count=", "count=1"))
        self.assert_exit(self.vault.run("vault", "verify", "--head", str(self.kept)), USAGE)
        self.kept.write_text("nothing\n")
        self.assert_exit(self.vault.run("vault", "verify", "--head", str(self.kept)), USAGE)

    def test_a_program_that_fails_or_hangs_is_told_and_changes_nothing(self):
        for command, why in (
            ("echo no room; exit 3", "exit code 3: no room"),
            ("mkfifo $0.fifo; read a < $0.fifo", "no end within 2 s"),
        ):
            self.write_program(command)
            result = self.add("bmc-" + why[0:2])
            self.assert_exit(result, AS_ASKED)
            self.assertIn(f"warning: hook checkpoint: {self.program}: {why}", result.err)
            self.assertEqual(self.events()[-3:], ["bmc.added", "checkpoint", "checkpoint-not-kept"])
        self.assert_exit(self.vault.run("vault", "verify"), AS_ASKED)

    def test_info_says_where_they_go(self):
        info = self.vault.json("vault", "info", "--policy", str(self.policy))
        [places] = [each["go_to"] for each in info.objects if each["type"] == "checkpoints"]
        here = ["system log"] if pathlib.Path("/dev/log").exists() else []
        self.assertEqual(places, [*here, str(self.program)])
        self.assertIn(f"checkpoints go to    {self.program}\n",
                      self.vault.run("vault", "info", "--policy", str(self.policy)).out)
        alone = self.vault.run("vault", "info").out
        self.assertIn("checkpoints go to    " + ("system log\n" if here else "nowhere: this host has no system log"), alone)

    def test_the_system_log_gets_the_same_line(self):
        words = self.vault.argv("bmc", "add", "one", "127.0.0.1", "--username", "admin", "--policy", str(self.policy))
        told = subprocess.run(
            ["unshare", "--map-root-user", "--mount", sys.executable, SYSTEM_LOG_OF, *words],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.directory), "BMCVAULT_HEADS": str(self.directory / "heads")},
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        )
        told = json.loads(told.stdout)
        self.assertEqual(told["exit"], AS_ASKED, told)
        self.assertEqual(len(told["lines"]), 1, told)
        priority, identifier, line = re.fullmatch(r"<(\d+)>.{15} (\w+)\[\d+\]: (.*)", told["lines"][0]).groups()
        self.assertEqual((int(priority), identifier), (10 * 8 + 5, "bmcvault"), "authpriv, notice")
        self.assertEqual(line + "\n", self.kept.read_text())
