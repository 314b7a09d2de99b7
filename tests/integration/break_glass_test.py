"""The break-glass shares and the escrow log as their users meet them, with a fleet; and without bmcvault, by the recipe of
the documentation as it stands there."""

import os
import pathlib
import pty
import re
import select
import shutil
import stat
import subprocess

from bmcs import Practice
from clients import Ipmitool
from program import (
    AS_ASKED,
    ATTENTION,
    CRASHABLE,
    DAMAGED,
    NOT_AS_ASKED,
    NOT_UNLOCKED,
    PROGRAM,
    USAGE,
    FleetTest,
    Vault,
    finish,
    write_private,
)

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "break-glass.md"


class Shares(Vault):
    """The same vault, opened by shares."""

    def __init__(self, vault, files):
        super().__init__(vault.directory.parent)
        self.files = files

    def argv(self, *arguments, program=PROGRAM):
        options = [word for file in self.files for word in ("--share", str(file))]
        return [program, *arguments, "--vault", str(self.directory), *options]


class WithShares(FleetTest):
    """Three rotated BMCs, and a break-glass key in three shares of which two open the vault."""

    HOLDERS = ("anna", "Bob <the bank>", "anna")

    def setUp(self):
        super().setUp()
        self.practice = self.start(Practice(count=3))
        self.vault = Vault.create(self.directory, self.practice.inventory(*self.practice.names))
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        self.sheets = self.directory / "sheets"
        holders = [word for holder in self.HOLDERS for word in ("--holder", holder)]
        made = self.vault.json("vault", "break-glass", "create", "--threshold", "2", "--shares", "3", "--output",
                               str(self.sheets), *holders)
        self.assert_exit(made, AS_ASKED)
        self.made = made.objects[0]
        self.files = [self.sheets / f"break-glass-2-share-{number}.txt" for number in (1, 2, 3)]

    def shares(self, *numbers):
        return Shares(self.vault, [self.files[number - 1] for number in numbers or (1, 3)])

    def events(self):
        """What was done; each run that wrote ends with a checkpoint as well."""
        events = [each["event"] for each in self.vault.json("log").objects[:-1]]
        return [event for event in events if event != "checkpoint"]


class BreakGlass(WithShares):
    def test_the_sheets_are_private_whole_and_never_overwritten(self):
        self.assertEqual(self.made["threshold"], 2)
        self.assertEqual(len(self.made["sheets"]), 6)
        for file in self.made["sheets"]:
            self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        for file in self.files:
            lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
            page = file.with_suffix(".html").read_text()
            self.assertIn("\n".join(lines), page)
        members = {each["name"]: each for each in self.vault.json("member", "list").objects if "name" in each}
        fingerprint = members["break-glass"]["fingerprint"]
        self.assertEqual(self.made["fingerprint"], fingerprint)
        vault_id = self.vault.json("vault", "info").objects[0]["vault_id"]
        for number, file in enumerate(self.files):
            self.assertIn(f"# For {self.HOLDERS[number]}.\n", file.read_text())
            self.assertIn(f"# Vault {vault_id.replace('-', '')[:8]}, slot 2, key {fingerprint}:", file.read_text())
        page = self.files[1].with_suffix(".html").read_text()
        self.assertIn("Bob &lt;the bank&gt;", page)
        self.assertNotIn("Bob <", page)
        before = {file: file.read_bytes() for file in self.files}
        again = self.vault.run("vault", "break-glass", "create", "--threshold", "2", "--shares", "3", "--output",
                               str(self.sheets))
        self.assert_exit(again, USAGE)
        self.assertIn("depart break-glass", again.err)
        self.assertEqual({file: file.read_bytes() for file in self.files}, before)

    def test_a_holder_is_named_for_each_share_or_for_none(self):
        vault = Vault.create(self.new_directory())
        sheets = self.new_directory() / "sheets"
        for holders in (["--holder", "anna"], ["--holder", "anna", "--holder", ""],
                        ["--holder", "anna", "--holder", "b\x1b[2J"], ["--holder", "anna", "--holder", "x" * 65]):
            refused = vault.run("vault", "break-glass", "create", "--threshold", "2", "--shares", "2", "--output",
                                str(sheets), *holders)
            self.assert_exit(refused, USAGE)
            self.assertIn("--holder", refused.err)
            self.assertNotIn("\x1b", refused.err)
        self.assertFalse(sheets.exists())

    def test_records_say_which_shares_it_were_and_whose(self):
        self.assert_exit(self.shares(2, 3).json("vault", "break-glass", "drill"), AS_ASKED)
        self.assert_exit(self.shares(1, 2).json("reveal", "bmc01"), AS_ASKED)
        bodies = {each["event"]: each["body"] for each in self.vault.json("log").objects[:-1]}
        self.assertEqual(bodies["break-glass.created"]["holders"], list(self.HOLDERS))
        self.assertEqual(bodies["break-glass.drilled"]["shares"],
                         [{"share": 2, "holder": "Bob <the bank>"}, {"share": 3, "holder": "anna"}])
        self.assertEqual(bodies["break-glass.used"]["shares"],
                         [{"share": 1, "holder": "anna"}, {"share": 2, "holder": "Bob <the bank>"}])

    def test_a_departure_says_what_the_leaver_takes_along_of_the_key(self):
        self.assert_exit(self.vault.json("holder", "add", "anna", "bmc01"), AS_ASKED)
        departed = self.vault.json("depart", "anna", "--no-rotate")
        self.assert_exit(departed, AS_ASKED)
        taken = next(each for each in departed.objects if each["type"] == "break-glass-taken")
        self.assertEqual((taken["shares"], taken["made_it"], taken["with_leavers"], taken["threshold"]),
                         ([1, 3], False, 2, 2))
        text = self.vault.run("depart", "anna", "--no-rotate")
        self.assertIn("anna was given share 1, 3 of 3 of the break-glass key (slot 2). It takes 2 shares; those who have "
                      "left were given 2, which is enough.\nNext: bmcvault ", text.out)
        self.assertIn("depart break-glass, then bmcvault", text.out)
        self.assert_exit(self.vault.json("holder", "add", "carol", "bmc01"), AS_ASKED)
        self.assertNotIn("break-glass", self.vault.run("depart", "carol", "--no-rotate").out)
        nobody = self.vault.run("depart", "Bob <the bank>")
        self.assert_exit(nobody, USAGE)
        self.assertIn("they were given a share of the break-glass key", nobody.err)

    def test_a_drill_exposes_nothing(self):
        drill = self.shares(2, 3).json("vault", "break-glass", "drill")
        self.assert_exit(drill, AS_ASKED)
        self.assertEqual(drill.summary["outcomes"], {"opened": 6})
        self.assertEqual(self.events()[-1], "break-glass.drilled")
        self.assert_exit(self.vault.json("status"), AS_ASKED)

    def test_wrong_shares_are_named_and_open_nothing(self):
        log = len(self.events())
        few = self.shares(1).json("vault", "break-glass", "drill")
        self.assert_exit(few, NOT_UNLOCKED)
        self.assertIn("1 of the 2 shares that are needed: 1 more", few.err)
        twice = self.shares(1, 1).json("status")
        self.assert_exit(twice, NOT_UNLOCKED)
        self.assertIn("share 1 was given twice", twice.err)
        text = self.files[1].read_text()
        at = text.index("\n07 ") + 4
        typed_wrong = self.directory / "typed"
        write_private(typed_wrong, text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1:])
        mistyped = Shares(self.vault, [self.files[0], typed_wrong]).json("status")
        self.assert_exit(mistyped, NOT_UNLOCKED)
        self.assertIn(f"{typed_wrong}: line 07: mistyped", mistyped.err)
        other = Vault(self.new_directory())
        self.assert_exit(other.run("init", "--kdf-memory", "64", "--kdf-operations", "1"), AS_ASKED)
        self.assert_exit(other.run("vault", "break-glass", "create", "--threshold", "2", "--shares", "2", "--output",
                                   str(self.directory / "other")), AS_ASKED)
        foreign = self.directory / "other" / "break-glass-2-share-2.txt"
        refused = Shares(self.vault, [self.files[0], foreign]).json("status")
        self.assert_exit(refused, NOT_UNLOCKED)
        self.assertIn(f"{foreign}: it is a share of another vault", refused.err)
        os.chmod(self.files[0], 0o644)
        self.assertIn("is open to others", self.shares(1, 2).json("status").err)
        self.assertEqual(len(self.events()), log)

    def test_a_share_typed_on_the_terminal_opens_it_and_a_mistyped_line_is_asked_for_again(self):
        lines = [line for line in self.files[1].read_text().splitlines() if re.match(r"\d\d ", line)]
        controller, terminal = pty.openpty()
        process = subprocess.Popen(
            Shares(self.vault, [self.files[0], "-"]).argv("vault", "break-glass", "drill"),
            stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
            env={**os.environ, "BMCVAULT_HEADS": str(self.vault.directory.parent / "heads")})
        os.close(terminal)
        everything = ""
        mistyped = lines[1][:3] + ("9" if lines[1][3] != "9" else "8") + lines[1][4:]
        typed = [lines[0], mistyped, *lines[1:]]
        for number, line in enumerate(typed):
            asked = f"Another share (2 of 2 needed), line {1 + number - (number > 1):02} of 12: "
            shown = ""
            while not shown.endswith(asked):
                self.assertTrue(select.select([controller], [], [], 60)[0], shown)
                shown += os.read(controller, 4096).decode()
            everything += shown
            os.write(controller, line.lower().encode() + b"\n")
        result = finish(process)
        os.close(controller)
        self.assert_exit(result, AS_ASKED)
        self.assertIn("line 02: mistyped", result.err)
        for line in lines:
            self.assertNotIn(line[3:7].lower() + " " + line[8:12].lower(), everything + result.err)

    def test_a_use_makes_everything_due_before_anything_is_shown(self):
        revealed = self.shares().json("reveal", "bmc01")
        self.assert_exit(revealed, AS_ASKED)
        self.assertIn("every credential is exposed and due", revealed.err)
        self.assertEqual(self.events()[-2:], ["break-glass.used", "reveal"])
        actor = self.vault.json("log", "--last", "1").objects[0]["actor"]
        self.assertTrue(actor.startswith("break-glass ("), actor)
        self.assert_exit(self.vault.json("status"), ATTENTION)
        killed = self.shares().json("reveal", "bmc02", program=CRASHABLE,
                                    env={"BMCVAULT_TEST_KILL_AT": "break-glass-used"})
        self.assert_exit(killed, -9)
        self.assertEqual(killed.out, "")
        self.assertEqual(self.events()[-1], "break-glass.used")
        due = self.vault.json("rotate", "--due")
        self.assert_exit(due, AS_ASKED)
        self.assertEqual(set(due.bmcs), set(self.practice.names))
        status = self.vault.run("status")
        self.assert_exit(status, ATTENTION)
        self.assertIn("The break-glass key has opened this vault", status.out)
        self.assertIn("depart break-glass", status.out, "what was rotated since, the key opens as well")
        self.assert_exit(self.shares().json("reveal", "bmc01", "--dry-run"), USAGE)

    def test_its_departure_rotates_everything_and_the_shares_open_nothing_more(self):
        self.assert_exit(self.vault.json("vault", "escrow", "enable", "--to", str(self.directory / "log")), AS_ASKED)
        departed = self.vault.json("depart", "break-glass", "--reason", "used")
        self.assert_exit(departed, AS_ASKED)
        self.assertIn("it has ended", departed.err)
        self.assertEqual(departed.objects[-2]["changed"], 3)
        self.assert_exit(self.shares().json("status"), NOT_UNLOCKED)
        self.assertEqual(self.vault.json("vault", "escrow", "show").summary["outcomes"], {"kept": 0})
        again = self.vault.json("vault", "break-glass", "create", "--threshold", "2", "--shares", "2", "--output",
                                str(self.sheets))
        self.assert_exit(again, AS_ASKED)
        old = Shares(self.vault, self.files[:2]).json("status")
        self.assert_exit(old, NOT_UNLOCKED)
        self.assertIn("it is a share of slot 2, and the vault's is slot 3 now", old.err)

    def test_the_shares_alone_restore_a_vault(self):
        backup = self.directory / "one.bmcvault"
        self.assert_exit(self.vault.json("vault", "backup", str(backup)), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "bmc01"), AS_ASKED)
        shutil.rmtree(self.vault.directory)
        self.assert_exit(self.shares().json("vault", "restore", str(backup)), AS_ASKED)
        refused = self.shares().json("status")
        self.assert_exit(refused, DAMAGED)
        self.assert_exit(self.shares().json("vault", "accept-restore", "--reason", "lost"), AS_ASKED)
        self.assertEqual(self.events()[-1], "break-glass.used")


class Escrow(WithShares):
    def setUp(self):
        super().setUp()
        self.log = self.new_directory() / "bmcvault.escrow"
        self.assert_exit(self.vault.json("vault", "escrow", "enable", "--to", str(self.log)), AS_ASKED)

    def test_where_the_log_can_not_be_written_no_bmc_is_touched(self):
        before = {name: self.vault.history(name) for name in self.practice.names}
        self.log.rename(f"{self.log}.away")
        rotated = self.vault.json("rotate", "--all")
        self.assertNotEqual(rotated.exit_code, AS_ASKED)
        self.assertIn(f"the escrow log is written before the vault, and can't be: {self.log} is missing: is its disk "
                      "mounted?; nothing is stored or sent", rotated.err)
        self.assertIn("vault escrow disable", rotated.err)
        self.assertEqual(set(rotated.outcomes.values()), {"blocked"})
        pathlib.Path(f"{self.log}.away").rename(self.log)
        self.assertEqual({name: self.vault.history(name) for name in self.practice.names}, before)
        self.assert_exit(self.vault.json("check", "--all"), AS_ASKED)

    def assert_refused(self, problem):
        """By a command that makes a credential, by `show` and by `status`, each with what to do."""
        password = self.directory / "password"
        if not password.exists():
            write_private(password, "a password\n")
        added = self.vault.run("bmc", "add", "new", "192.0.2.9", "--username", "x", "--password-file", str(password))
        self.assert_exit(added, NOT_AS_ASKED)
        self.assertIn(problem, added.err)
        self.assertIn("nothing was stored, and nothing is sent", added.err)
        for told, text in ((added, added.err), (self.vault.run("status"), None), (self.vault.run("vault", "escrow", "show"), None)):
            text = text or told.out + told.err
            self.assertIn(problem, text)
            self.assertIn("vault escrow disable, then bmcvault", text)
            self.assertNotIn("disk full", text)
            if told is not added:
                self.assert_exit(told, ATTENTION)
        self.assertIn(problem, self.vault.json("vault", "escrow", "show").objects[0]["problem"])
        status = self.vault.json("status")
        self.assertEqual(status.summary["attention"], 1)
        self.assertIn(problem, next(each for each in status.objects if each["type"] == "escrow")["problem"])
        self.assertNotIn("new", status.bmcs)

    def test_each_way_in_which_the_log_can_not_be_written_is_named_with_what_to_do(self):
        whole = self.log.read_bytes()
        self.log.rename(f"{self.log}.away")
        self.assert_refused(f"{self.log} is missing: is its disk mounted?")
        self.log.mkdir()
        self.assert_refused(f"{self.log}: is not a regular file")
        self.log.rmdir()
        pathlib.Path(f"{self.log}.away").rename(self.log)
        self.log.chmod(0o640)
        self.assert_refused("has mode 0640 instead of 0600")
        self.log.chmod(0o600)
        self.log.write_bytes(b"")
        self.assert_refused("it was cut, or another file was put there")
        self.log.write_bytes(whole[:len(whole) // 2] * 3)
        self.assert_refused("is not as the vault has left it")
        self.log.write_bytes(whole)
        self.log.parent.rename(f"{self.log.parent}-gone")
        self.assert_refused("is missing, and its directory too: is its disk mounted?")
        pathlib.Path(f"{self.log.parent}-gone").rename(self.log.parent)
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        self.assert_exit(self.vault.json("status"), AS_ASKED)

    def test_a_log_that_was_cut_is_ended_and_written_anew(self):
        self.log.write_bytes(b"")
        self.assert_exit(self.vault.json("rotate", "bmc01"), NOT_AS_ASKED)
        self.assert_exit(self.vault.json("vault", "escrow", "disable"), AS_ASKED)
        self.assert_exit(self.vault.json("vault", "escrow", "enable", "--to", str(self.log)), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "bmc01"), AS_ASKED)
        drill = self.shares().json("vault", "break-glass", "drill")
        self.assert_exit(drill, AS_ASKED)
        self.assertEqual(drill.objects[0], {"type": "escrow-sample", "file": str(self.log), "lines": 7, "opened": 7,
                                            "whole": True, "bmcs": 3, "newest": 3})

    def test_a_drill_says_when_the_log_does_not_give_back_what_the_vault_holds(self):
        self.log.rename(f"{self.log}.away")
        drill = self.shares().run("vault", "break-glass", "drill")
        self.assert_exit(drill, ATTENTION)
        self.assertIn("2 shares open the vault", drill.out)
        self.assertIn("is missing: is its disk mounted?", drill.err)
        self.assertEqual(self.events()[-1], "break-glass.drilled")

    def test_a_bmc_that_moves_is_found_at_its_new_place(self):
        moved = self.vault.json("bmc", "set", "bmc01", "--port", "6230")
        self.assert_exit(moved, AS_ASKED)
        self.assertEqual(len(self.log.read_text().splitlines()), 8, "two versions of it may be live")

    def test_a_new_host_with_a_backup_the_log_and_the_shares(self):
        backup = self.directory / "old.bmcvault"
        self.assert_exit(self.vault.json("vault", "backup", str(backup)), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "bmc01", "bmc02"), AS_ASKED)
        saved = self.new_directory() / "saved.escrow"
        self.log.rename(saved)
        shutil.rmtree(self.vault.directory)
        new_host = Shares(Vault(self.new_directory()), self.files[:2])
        self.assert_exit(new_host.json("vault", "restore", str(backup)), AS_ASKED)
        replay = ("vault", "escrow", "replay", str(saved))
        refused = new_host.run(*replay)
        self.assert_exit(refused, NOT_AS_ASKED)
        self.assertIn(f"{self.log} is missing", refused.err)
        self.assert_exit(new_host.json("vault", "escrow", "disable"), AS_ASKED)
        replayed = new_host.json(*replay)
        self.assert_exit(replayed, AS_ASKED)
        self.assertEqual(replayed.objects[0]["added"], 2)
        check = new_host.json("check", "--all")
        self.assertEqual(set(check.outcomes.values()), {"as-in-vault"})
        self.assert_no_failed_login(check)
        enabled = new_host.json("vault", "escrow", "enable", "--to", str(saved.with_name("new.escrow")))
        self.assert_exit(enabled, AS_ASKED)
        self.assert_exit(new_host.json("rotate", "bmc01"), AS_ASKED)

    def test_an_older_backup_and_the_log_find_the_live_credential(self):
        backup = self.directory / "old.bmcvault"
        self.assert_exit(self.vault.json("vault", "backup", str(backup)), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "bmc01", "bmc02"), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "bmc01"), AS_ASKED)
        shutil.rmtree(self.vault.directory)
        self.assert_exit(self.vault.json("vault", "restore", str(backup)), AS_ASKED)
        self.assert_exit(self.vault.json("vault", "accept-restore", "--reason", "lost"), AS_ASKED)
        self.assert_outcomes(self.vault.json("check", "--all", "-q"), {"bmc01": "foreign", "bmc02": "foreign",
                                                                      "bmc03": "as-in-vault"})
        replayed = self.shares().json("vault", "escrow", "replay", str(self.log))
        self.assert_exit(replayed, AS_ASKED)
        self.assertEqual((replayed.objects[0]["added"], replayed.objects[0]["unread_lines"]), (3, []))
        check = self.vault.json("check", "--all")
        self.assertTrue(all(outcome == "as-in-vault" for outcome in check.outcomes.values()), check)
        self.assert_no_failed_login(check)
        again = self.shares().json("vault", "escrow", "replay", str(self.log))
        self.assertEqual(again.objects[0]["added"], 0)
        self.assert_exit(self.vault.json("vault", "escrow", "replay", str(self.log)), USAGE)

    def test_a_kill_at_a_step_of_a_rotation_loses_nothing_that_was_sent(self):
        killed = self.vault.json("rotate", "bmc01", program=CRASHABLE, env={"BMCVAULT_TEST_KILL_AT": "after-stage"})
        self.assert_exit(killed, -9)
        self.assertEqual(len(self.log.read_text().splitlines()), 7)
        self.assert_exit(self.vault.json("recover", "bmc01"), AS_ASKED)

    def test_the_recipe_reads_the_log_without_bmcvault(self):
        self.assert_exit(self.vault.json("rotate", "--all", "--k-g"), AS_ASKED)
        live = {name: self.vault.reveal(name) for name in self.practice.names}
        place = self.new_directory()
        shell, parts, read = re.findall(r"^```(?:sh|python)\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
        (place / "parts.py").write_text(parts)
        (place / "read-escrow.py").write_text(read)
        for source, name in ((self.files[0], "share-a.txt"), (self.files[2], "share-b.txt"), (self.log, self.log.name)):
            shutil.copy(source, place / name)
        done = subprocess.run(["bash", "-e", "-c", shell], cwd=place, capture_output=True, text=True, check=False,
                              env={"PATH": "/usr/bin:/bin"})
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        last = {}
        for line in done.stdout.splitlines():
            _, name, address, port, user, kind, _, secret = line.split("\t")
            last[name, kind] = (address, port, user, secret)
        for name, credential in live.items():
            address, port, user, password = last[name, "password"]
            self.assertEqual((user, password), (credential.user, credential.password))
            k_g = last[name, "k_g"][3]
            self.assertEqual(k_g, credential.k_g)
            login = Ipmitool(address, port).log_in(user, password, k_g)
            self.assertTrue(login.accepted, login)


class EscrowOnADiskOfItsOwn(WithShares):
    """In a mount namespace: 64 KiB, which are full soon, or can only be read."""

    MOUNT = """set -e
cp -p "$1" "$2"
mount -t tmpfs -o size=64k,mode=700 tmpfs "${1%/*}"
cp -p "$2" "$1"
echo ready
read -r until_the_end || true
"""

    def setUp(self):
        super().setUp()
        self.log = self.new_directory() / "bmcvault.escrow"
        self.assert_exit(self.vault.json("vault", "escrow", "enable", "--to", str(self.log)), AS_ASKED)
        self.disk = subprocess.Popen(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", self.MOUNT, "sh", str(self.log),
             str(self.directory / "saved")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.disk.communicate, "")
        self.assertEqual(self.disk.stdout.readline(), "ready\n")
        self.inside = ["nsenter", f"--target={self.disk.pid}", "--user", "--mount", "--preserve-credentials"]

    def on_the_disk(self, command):
        subprocess.run([*self.inside, "sh", "-c", command, "sh", str(self.log.parent)], check=True)

    def rotate(self):
        return self.vault.json("rotate", "bmc01", wrapper=self.inside)

    def assert_nothing_was_sent(self, refused, why):
        self.assertNotEqual(refused.exit_code, AS_ASKED, refused)
        self.assertIn(why, refused.err)
        self.assertIn("nothing is stored or sent", refused.err)
        self.assertEqual(refused.outcomes, {"bmc01": "blocked"})
        self.assert_exit(self.vault.json("check", "--all"), AS_ASKED)

    def test_it_is_full(self):
        self.assert_exit(self.rotate(), AS_ASKED)
        self.on_the_disk('dd if=/dev/zero of="$1/else" bs=4096 2>/dev/null || true')
        rotated = []
        while not rotated or rotated[-1].exit_code == AS_ASKED and len(rotated) < 20:
            rotated.append(self.rotate())  # the last page of the file has room for some lines
        self.assert_nothing_was_sent(rotated[-1], "its disk has no room")
        versions = self.vault.history("bmc01")
        self.assertEqual(versions[max(versions)], "current", "nothing is pending")
        self.on_the_disk('rm "$1/else"')
        self.assert_exit(self.rotate(), AS_ASKED)
        drill = self.shares().json("vault", "break-glass", "drill", wrapper=self.inside)
        self.assert_exit(drill, AS_ASKED)
        self.assertEqual((drill.objects[0]["newest"], drill.objects[0]["bmcs"]), (3, 3))

    def test_it_can_only_be_read(self):
        self.on_the_disk('mount -o remount,ro "$1"')
        self.assert_nothing_was_sent(self.rotate(), "Read-only file system")
        self.on_the_disk('mount -o remount,rw "$1"')
        self.assert_exit(self.rotate(), AS_ASKED)
