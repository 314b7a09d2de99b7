"""unlock and lock: the agent gives the keys to commands of the same user, of that vault in that generation, until it has
to go."""

import base64
import concurrent.futures
import contextlib
import os
import pathlib
import re
import select
import signal
import socket
import subprocess

from program import AS_ASKED, BUSY, NOT_UNLOCKED, PROGRAM, USAGE, FleetTest, Result, Vault

LONGEST_S = 30
NOBODY = 65534
SLEEP_HOOK = pathlib.Path(__file__).resolve().parents[2] / "cli/packaging/system-sleep/bmcvault-lock"


class Unlock(FleetTest):
    def setUp(self):
        super().setUp()
        self.vault = Vault.create(self.directory)
        # Longer than the address of a socket may be.
        self.runtime = pathlib.Path(self.directory) / ("runtime-" + "x" * 120)
        self.runtime.mkdir(mode=0o700)
        self.environment = {
            **os.environ,
            "BMCVAULT_HEADS": str(self.vault.directory.parent / "heads"),
            "XDG_RUNTIME_DIR": str(self.runtime),
        }
        self.addCleanup(self.bare, "lock")

    def bare(self, *arguments):
        """Without a passphrase and without a terminal to ask on."""
        argv = [PROGRAM, *arguments, "--vault", str(self.vault.directory)]
        done = subprocess.run(argv, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, start_new_session=True)
        return Result(argv, done.returncode, done.stdout, done.stderr)

    def unlock(self, *arguments):
        unlocked = self.bare("unlock", *arguments, "--passphrase-file", str(self.vault.passphrase_file))
        self.assert_exit(unlocked, AS_ASKED)
        return unlocked

    def question(self):
        """For the keys of this vault in its first generation."""
        header = next(self.vault.directory.glob("*.hdr")).read_text()
        vault_id = base64.b64decode(re.search(r"^vault-id (\S+)", header, re.MULTILINE)[1] + "==")
        return bytes([1]) + bytes(7) + (1).to_bytes(8, "little") + vault_id

    def socket_file(self):
        [found] = (self.runtime / "bmcvault").iterdir()
        return found

    def socket_address(self):
        """Through a descriptor of its directory: an address holds 108 bytes."""
        directory = os.open(self.socket_file().parent, os.O_PATH)
        self.addCleanup(os.close, directory)
        return f"/proc/self/fd/{directory}/{self.socket_file().name}"

    def agents(self):
        """The processes that listen at a socket of this name, by the inode that the kernel shows for both."""
        inodes = {line.split()[6] for line in pathlib.Path("/proc/net/unix").read_text().splitlines()
                  if line.endswith(f"/{self.socket_file().name}")}
        sockets = {f"socket:[{inode}]" for inode in inodes}
        return {int(process.name) for process in pathlib.Path("/proc").glob("[0-9]*") if sockets & self.files_of(process)}

    def agent(self):
        [agent] = self.agents()
        return agent

    @staticmethod
    def files_of(process):
        with contextlib.suppress(OSError):
            return {os.readlink(each) for each in (process / "fd").iterdir()}
        return set()

    def assert_ends(self, process):
        try:
            watched = os.pidfd_open(process)
        except ProcessLookupError:
            return
        with os.fdopen(watched):
            self.assertTrue(select.select([watched], [], [], LONGEST_S)[0], "the agent goes on")

    def assert_open(self):
        self.assert_exit(self.bare("vault", "info"), AS_ASKED)

    def assert_locked(self):
        info = self.bare("vault", "info")
        self.assert_exit(info, NOT_UNLOCKED)
        self.assertIn("there is no terminal to ask on", info.err)

    def test_no_passphrase_is_asked_for_until_it_is_locked(self):
        self.assert_locked()
        said = self.unlock().out
        self.assertIn("Unlocked: until 15 minutes after the last command, 8 hours at most.", said)
        self.assert_open()
        log = self.bare("log", "--event", "vault.unlocked", "--json")
        self.assert_exit(log, AS_ASKED)
        self.assertIn("vault.unlocked", log.out)
        agent = self.agent()
        locked = self.bare("lock")
        self.assert_exit(locked, AS_ASKED)
        self.assertEqual(locked.out, "Locked: the agent has wiped its keys.\n")
        self.assert_ends(agent)
        self.assert_locked()
        self.assertEqual(self.bare("lock").out, "No agent had this vault open.\n")

    def test_it_goes_with_time_with_a_signal_and_when_it_is_replaced(self):
        self.unlock("--max", "1s")
        self.assert_ends_by_itself()
        self.unlock("--ttl", "1s")
        self.assert_ends_by_itself()
        for number in (signal.SIGHUP, signal.SIGTERM):
            self.unlock()
            agent = self.agent()
            os.kill(agent, number)
            self.assert_ends(agent)
            self.assert_locked()
        self.unlock()
        first = self.agent()
        self.unlock()
        self.assert_ends(first)
        self.assert_open()

    def test_of_those_who_unlock_at_once_no_agent_is_left_that_lock_does_not_reach(self):
        argv = [PROGRAM, "unlock", "--vault", str(self.vault.directory), "--passphrase-file",
                str(self.vault.passphrase_file)]
        at_once = [subprocess.Popen(argv, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                   for _ in range(4)]
        for process in at_once:
            out, err = process.communicate()
            self.assert_exit(Result(argv, process.returncode, out, err), AS_ASKED)
        agents = self.agents()
        self.assertTrue(agents)
        self.assert_exit(self.bare("lock"), AS_ASKED)
        for process in agents:
            self.assert_ends(process)

    def test_none_is_left_when_the_machine_goes_to_sleep(self):
        # In a process namespace, since the hook ends the agents of the whole machine.
        script = f"""set -e
{PROGRAM} unlock --vault "$1" --passphrase-file "$2"
{PROGRAM} vault info --vault "$1" > /dev/null
pgrep -f '^bmcvault agent ' > /dev/null && echo there
{SLEEP_HOOK} post suspend
pgrep -f '^bmcvault agent ' > /dev/null && echo there
{SLEEP_HOOK} pre suspend
pgrep -f '^bmcvault agent ' || echo gone
{PROGRAM} unlock --vault "$1" --passphrase-file "$2"
pkill -STOP -f '^bmcvault agent '
{SLEEP_HOOK} pre suspend
pgrep -f '^bmcvault agent ' || echo killed
"""
        argv = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh",
                str(self.vault.directory), str(self.vault.passphrase_file)]
        done = subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done)
        said = [line for line in done.stdout.splitlines() if not line.startswith(("Unlocked", " "))]
        self.assertEqual(said, ["there", "there", "gone", "killed"], done)

    def assert_ends_by_itself(self):
        self.assert_ends(self.agent())
        self.assert_locked()

    def test_one_that_does_not_answer_is_not_called_locked(self):
        self.unlock()
        agent = self.agent()
        os.kill(agent, signal.SIGSTOP)
        try:
            for words in (("lock",), ("unlock", "--passphrase-file", str(self.vault.passphrase_file))):
                silent = self.bare(*words)
                self.assert_exit(silent, BUSY)
                self.assertIn("may hold its keys still", silent.err)
                self.assertIn(f"next: end its process: kill -KILL {agent}\n", silent.err)
            with concurrent.futures.ThreadPoolExecutor(12) as several:  # more than there is room for
                for silent in several.map(self.bare, ["lock"] * 12):
                    self.assert_exit(silent, BUSY)
        finally:
            os.kill(agent, signal.SIGKILL)
        self.assert_ends(agent)
        self.assert_locked()

    def test_a_new_generation_ends_it(self):
        identity = pathlib.Path(self.directory) / "alice"
        with_passphrase = ("--passphrase-file", str(self.vault.passphrase_file))
        self.assert_exit(self.bare("member", "keygen", "--output", str(identity), *with_passphrase), AS_ASKED)
        self.assert_exit(self.bare("member", "add", "alice", "--key", f"{identity}.pub", *with_passphrase), AS_ASKED)
        self.unlock()
        self.assert_open()
        another = self.bare("vault", "info", "--identity", str(identity))
        self.assert_exit(another, NOT_UNLOCKED)
        agent = self.agent()
        self.assert_exit(self.vault.run("depart", "alice", "--yes"), AS_ASKED)
        self.assert_locked()
        self.assert_ends(agent)

    def test_an_identity_is_unlocked_as_itself(self):
        identity = pathlib.Path(self.directory) / "alice"
        with_passphrase = ("--passphrase-file", str(self.vault.passphrase_file))
        self.assert_exit(self.bare("member", "keygen", "--output", str(identity), *with_passphrase), AS_ASKED)
        self.assert_exit(self.bare("member", "add", "alice", "--key", f"{identity}.pub", *with_passphrase), AS_ASKED)
        self.unlock("--identity", str(identity))
        self.assert_exit(self.bare("vault", "info", "--identity", str(identity)), AS_ASKED)
        by_whom = self.bare("log", "--event", "vault.unlocked", "--json", "--identity", str(identity))
        self.assertIn("alice (", by_whom.out)

    def test_its_keys_are_in_no_argument_and_it_holds_no_terminal(self):
        self.unlock()
        process = pathlib.Path("/proc") / str(self.agent())
        words = (process / "cmdline").read_bytes().split(b"\0")
        self.assertEqual(words, [b"bmcvault", b"agent", b"--ttl", b"900s", b"--max", b"28800s", b""])
        self.assertEqual(os.readlink(process / "fd" / "0"), "/dev/null")
        self.assertEqual(os.readlink(process / "fd" / "2"), "/dev/null")

    def test_nobody_else_is_answered(self):
        if os.geteuid() != 0:
            self.skipTest("only root can ask as somebody else")
        self.unlock()
        directory = self.socket_file().parent
        question = self.question()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.connect(self.socket_address())
            connection.send(question)
            self.assertEqual(len(connection.recv(64)), 64, "ours is answered")
        script = f"""
import os, socket, sys
os.chdir({str(directory)!r}); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connection.connect({self.socket_file().name!r})
try:
    connection.send({question!r})
    sys.exit(len(connection.recv(64)))
except ConnectionError:
    sys.exit(0)
"""
        directory.chmod(0o711)
        self.socket_file().chmod(0o666)
        asked = subprocess.run(["/usr/bin/python3", "-c", script], check=False, capture_output=True, text=True)
        self.assertEqual(asked.returncode, 0, asked.stderr)
        self.assert_locked()  # where others may look the program itself does not trust the directory
        refused = self.bare("unlock", "--passphrase-file", str(self.vault.passphrase_file))
        self.assert_exit(refused, NOT_UNLOCKED)
        self.assertIn("others can write there", refused.err)
        directory.chmod(0o700)
        self.assert_open()

    def test_what_makes_no_sense_is_refused(self):
        for arguments in (("--ttl", "0s"), ("--max", "25h"), ("--ttl", "soon")):
            refused = self.bare("unlock", *arguments, "--passphrase-file", str(self.vault.passphrase_file))
            self.assert_exit(refused, USAGE)
        wrong = pathlib.Path(self.directory) / "wrong"
        wrong.touch(mode=0o600)
        wrong.write_text("not the passphrase at all\n")
        self.assert_exit(self.bare("unlock", "--passphrase-file", str(wrong)), NOT_UNLOCKED)
        self.assert_locked()
