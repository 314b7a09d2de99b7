"""In band: a BMC whose password nobody knows gets one from its own server. The server is played here: `ssh` runs its
command on this machine, and `ipmitool`, the real one, reaches the practice BMC through another administrator's account
where it would use the kernel's driver."""

import os
import pathlib
import shlex
import subprocess
import threading

from bmcs import Practice
from clients import Ipmitool
from program import AS_ASKED, CRASHABLE, NOT_AS_ASKED, USAGE, FleetTest, Vault, finish, needed_tool, write_private

NO_FORGIVENESS = ("bad-password-threshold=1", "lockout-ms=0")
SIGKILLED = -9
OTHER_ADMINISTRATOR = ("root-of-host", "Password-of-the-host")
SSH = """#!/bin/sh
for last; do :; done
echo "$@" >>{log}
exec sh -c "$last"
"""
SSH_BESIDE_A_ROTATION = """#!/bin/sh
for last; do :; done
{rotate} </dev/null
exec sh -c "$last"
"""
BROKEN_SSH = """#!/bin/sh
echo 'ssh: connect to host: Connection refused' >&2
exit 255
"""
IPMITOOL = """#!/bin/sh
exec {ipmitool} -I lanplus -C 3 -H {address} -p {port} -U {user} -f {password_file} -L ADMINISTRATOR "$@"
"""


class Witness(threading.Thread):
    """Looks at the arguments and environments of all processes until it is told to stop."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen = set()
        self.done = threading.Event()

    def run(self):
        while not self.done.is_set():
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                for file in ("cmdline", "environ"):
                    try:
                        self.seen.add((process / file).read_bytes())
                    except OSError:
                        continue

    def stop(self):
        self.done.set()
        self.join()
        return b"\n".join(self.seen)


class Rescue(FleetTest):
    def setUp(self):
        super().setUp()
        self.practice = self.start(Practice(quirks=NO_FORGIVENESS))
        (self.name,) = self.practice.names
        self.client = Ipmitool(*self.practice.place(self.name))
        self.vault = Vault.create(self.directory, self.practice.csv)
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        self.bin = self.directory / "bin"
        self.bin.mkdir()
        self.lose_the_password()

    def lose_the_password(self):
        credential = self.vault.reveal(self.name)
        user, password = OTHER_ADMINISTRATOR
        for command in (
            ("user", "set", "name", "3", user),
            ("user", "set", "password", "3", password, "20"),
            ("channel", "setaccess", "1", "3", "ipmi=on", "link=on", "privilege=4"),
            ("user", "enable", "3"),
            ("user", "set", "password", "2", "nobody knows this", "20"),
        ):
            done = self.client.run(credential.user, credential.password, None, *command)
            self.assertTrue(done.accepted, done)
        self.assert_outcomes(self.vault.json("check", "--all"), {self.name: "foreign"})
        subprocess.run(["find", str(self.vault.directory / "locks"), "-type", "f", "-delete"], check=True)

    def install(self, name, text):
        file = self.bin / name
        file.write_text(text, encoding="ascii")
        file.chmod(0o755)

    def install_server(self, ssh=SSH, place=None, login=OTHER_ADMINISTRATOR):
        address, port = place or self.practice.place(self.name)
        password_file = self.directory / "host-password"
        write_private(password_file, login[1] + "\n")
        self.install("ssh", ssh.format(log=self.directory / "ssh.log"))
        self.install(
            "ipmitool",
            IPMITOOL.format(
                ipmitool=needed_tool("ipmitool"),
                address=address,
                port=port,
                user=login[0],
                password_file=password_file,
            ),
        )
        return {"PATH": f"{self.bin}:{os.environ['PATH']}"}

    def test_on_the_wrong_server_nothing_is_written(self):
        other = self.start(Practice(count=2, seed=2))
        place = other.place(other.names[1])
        env = self.install_server(place=place, login=("ADMIN", "ADMIN"))
        rescued = self.vault.json("recover", self.name, "--via", "ssh://root@wrong", env=env)
        self.assert_exit(rescued, NOT_AS_ASKED)
        self.assertIn("another board: MAC address", rescued.err)
        self.assertTrue(Ipmitool(*place).log_in("ADMIN", "ADMIN").accepted, "somebody else's board was changed")

    def test_over_ssh_the_password_is_set_and_proved_and_no_process_shows_it(self):
        env = self.install_server()
        witness = Witness()
        witness.start()
        rescued = self.vault.json("recover", self.name, "--via", "ssh://root@127.0.0.1:2222", env=env)
        shown = witness.stop()
        self.assert_exit(rescued, AS_ASKED)
        self.assert_outcomes(rescued, {self.name: "recovered"})
        self.assert_no_failed_login(rescued)
        credential = self.assert_vault_holds_the_live_credential(self.vault, self.name, self.client)
        self.assertEqual(credential.size, 20)
        words = (self.directory / "ssh.log").read_text(encoding="ascii").split()
        self.assertEqual(words[words.index("-p") + 1], "2222")
        self.assertEqual(words[words.index("--") + 1], "root@127.0.0.1")
        self.assertIn(b"ipmitool", shown, "the witness saw nothing")
        hexadecimal = " ".join(f"0x{byte:02x}" for byte in credential.password.encode())
        for form in (credential.password, hexadecimal, hexadecimal.replace("0x", "").replace(" ", "")):
            self.assertNotIn(form.encode(), shown)

    def test_by_hand_the_script_takes_the_password_from_a_pipe(self):
        printed = self.vault.run("recover", self.name, "--rescue-script")
        self.assert_exit(printed, AS_ASKED)
        script = self.directory / "rescue.sh"
        script.write_text(printed.out, encoding="ascii")
        subprocess.run(["sh", "-n", str(script)], check=True)
        version = max(self.vault.history(self.name))
        self.assertIn(f"--version {version} --password-only", printed.err)
        again = self.vault.json("recover", self.name, "--rescue-script")
        self.assertEqual(again.objects[0]["password_version"], version, "a second password was made")
        self.assertEqual(again.objects[0]["script"], printed.out)

        password = self.vault.run("reveal", self.name, "--version", str(version), "--password-only").out
        env = {**os.environ, **self.install_server()}
        run = subprocess.run(["sh", str(script)], input=password, env=env, capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run)
        self.assertNotIn(password.strip(), run.stdout + run.stderr + printed.out + printed.err)
        self.assert_outcomes(self.vault.json("recover", self.name), {self.name: "recovered"})
        self.assert_vault_holds_the_live_credential(self.vault, self.name, self.client)

    def test_nobody_else_changes_the_password_while_the_server_is_asked(self):
        beside = self.directory / "beside"
        words = " ".join(shlex.quote(word) for word in self.vault.argv("rotate", self.name, "--json"))
        env = self.install_server(ssh=SSH_BESIDE_A_ROTATION.replace("{rotate}", f"{words} >{beside}"))
        rescued = self.vault.json("recover", self.name, "--via", "ssh://root@127.0.0.1", env=env)
        self.assert_outcomes(rescued, {self.name: "recovered"})
        self.assertIn('"outcome":"busy"', beside.read_text(encoding="utf-8"))
        self.assert_vault_holds_the_live_credential(self.vault, self.name, self.client)

    def test_when_ssh_fails_nothing_is_lost_and_the_same_password_is_sent_the_next_time(self):
        env = self.install_server(ssh=BROKEN_SSH)
        failed = self.vault.json("recover", self.name, "--via", "ssh://root@127.0.0.1", env=env)
        self.assert_exit(failed, NOT_AS_ASKED)
        self.assert_outcomes(failed, {self.name: "quarantined"})
        self.assertIn("exit code 255", failed.err)
        self.assert_no_failed_login(failed)
        version = max(self.vault.history(self.name))
        self.assertEqual(self.vault.history(self.name)[version], "pending")
        subprocess.run(["find", str(self.vault.directory / "locks"), "-type", "f", "-delete"], check=True)
        rescued = self.vault.json("recover", self.name, "--via", "ssh://root@127.0.0.1", env=self.install_server())
        self.assert_outcomes(rescued, {self.name: "recovered"})
        self.assertEqual(rescued.bmcs[self.name]["password_version"], version)

    def test_killed_before_or_after_the_server_was_asked_recover_finds_the_live_password(self):
        env = self.install_server()
        for point in ("before-rescue", "after-rescue"):
            killed = finish(
                self.vault.start(
                    "recover", self.name, "--via", "ssh://root@127.0.0.1", "--json",
                    program=CRASHABLE, env={**env, "BMCVAULT_TEST_KILL_AT": point},
                )
            )
            self.assert_exit(killed, SIGKILLED)
        found = self.vault.json("recover", self.name)
        self.assert_outcomes(found, {self.name: "recovered"})
        self.assert_no_failed_login(found)
        self.assert_vault_holds_the_live_credential(self.vault, self.name, self.client)

    def test_an_account_name_is_never_a_command(self):
        evil = "a'$(id>x)"
        self.assert_exit(self.vault.run("bmc", "set", self.name, "--username", evil), AS_ASKED)
        env = {**os.environ, **self.install_server()}
        script = self.vault.run("recover", self.name, "--rescue-script").out
        run = subprocess.run(
            ["sh", "-c", script], input="Some-Password-123\n", env=env, cwd=self.bin, capture_output=True, text=True,
            check=False,
        )
        self.assertFalse((self.bin / "x").exists(), run)
        listed = self.client.run(*OTHER_ADMINISTRATOR, None, "user", "list", "1")
        self.assertIn(evil, listed.output, run)

    def test_what_makes_no_sense_is_refused_before_anything_is_staged(self):
        for words in (
            ("--all", "--rescue-script"),
            (self.name, "--rescue-script", "--find-only"),
            (self.name, "--rescue-script", "--via", "ssh://root@host"),
            (self.name, "--via", "root@host"),
            (self.name, "--via", "ssh://-oProxyCommand=id"),
            (self.name, "--via", "ssh://root@host:22x"),
            ("nobody", "--rescue-script"),
        ):
            with self.subTest(words=words):
                refused = self.vault.run("recover", *words)
                self.assert_exit(refused, USAGE)
        self.assertNotIn("pending", self.vault.history(self.name).values())
        self.assert_exit(self.vault.run("bmc", "hold", self.name, "--until", "2099-01-01", "--reason", "test"), AS_ASKED)
        held = self.vault.run("recover", self.name, "--rescue-script")
        self.assertNotEqual(held.exit_code, AS_ASKED)
        self.assertNotIn("pending", self.vault.history(self.name).values())
