"""No secret shows up anywhere but in `reveal`: not in files, output, arguments, environment, nor in any write of the
program that does not go into an encrypted session."""

import pathlib
import re

from bmcs import IpmiSim, Practice
from program import AS_ASKED, CRASHABLE, FleetTest, Vault, contents, finish, needed_tool, spellings

FACTORY = "imported-secret-1"
K_G = "c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55"


class Watch:
    """Everything that /proc tells about a process to others, collected while it runs."""

    def __init__(self, process):
        self.process = process
        self.seen = b""
        self.looks = 0

    def until_it_ends(self):
        while self.process.poll() is None:
            self.look()
        return finish(self.process)

    def look(self):
        base = pathlib.Path(f"/proc/{self.process.pid}")
        for name in ("cmdline", "environ", "comm", "status"):
            try:
                self.seen += (base / name).read_bytes()
            except OSError:  # it has just ended
                return
        self.looks += 1
        self.seen = self.seen[-1_000_000:]


class SecretsNowhere(FleetTest):
    def setUp(self):
        super().setUp()
        self.scratch = self.new_directory()  # where the program would put temporary files
        self.sim = self.start(IpmiSim(password=FACTORY))
        self.practice = self.start(Practice(quirks=[f"k_g={K_G}"]))
        self.name = self.practice.names[0]
        self.vault = Vault.create(self.directory)
        self.results = [self.vault.import_csv(self.sim.inventory("sim")), self.vault.import_csv(self.practice.csv)]
        for result in self.results:
            self.assert_exit(result, AS_ASKED)
        # The factory password of the practice fleet is a word of its own name; it is no secret to look for.
        self.secrets = {
            "passphrase": Vault.PASSPHRASE,
            "imported password": FACTORY,
            "imported K_G": bytes.fromhex(K_G),
        }

    def learn_secrets(self):
        """What a rotation has made, past the ears of this test's other commands."""
        for name in ("sim", self.name):
            for version in self.vault.history(name):
                if (name, version) != (self.name, 1):
                    self.secrets[f"{name}, password {version}"] = self.vault.reveal(name, version).password
            k_g = self.vault.reveal(name).k_g
            if k_g:
                self.secrets[f"{name}, K_G"] = bytes.fromhex(k_g)

    def assert_nowhere_in(self, where, written):
        for name, secret in self.secrets.items():
            for spelling in spellings(secret):
                self.assertNotIn(spelling, written, f"{name} stands in {where}")

    def run_and_watch(self, *command, **options):
        env = {"TMPDIR": str(self.scratch), **options.pop("env", {})}
        watch = Watch(self.vault.start(*command, env=env, **options))
        result = watch.until_it_ends()
        self.results.append(result)
        return result, watch

    def test_not_in_files_output_arguments_or_environment(self):
        seen = b""
        for _ in range(2):
            for json in ([], ["--json"]):
                rotate, watch = self.run_and_watch("rotate", "--all", "--k-g", "-v", *json)
                self.assert_exit(rotate, AS_ASKED)
                self.assertGreater(watch.looks, 3)
                seen += watch.seen
        commands = [["check", "--all", "-v"], ["status"], ["bmc", "list"], ["bmc", "show", self.name], ["log"]]
        commands += [["history", "sim"], ["history", self.name], ["vault", "info"], ["vault", "verify"]]
        commands += [["recover", "--all"]]
        for command in commands:
            for json in ([], ["--json"]):
                _, watch = self.run_and_watch(*command, *json)
                seen += watch.seen
        self.learn_secrets()
        self.assertGreater(len(self.secrets), 9)
        self.assert_nowhere_in("/proc", seen)
        for result in self.results:
            self.assert_nowhere_in(f"the output of {result.argv[1:4]}", (result.out + result.err).encode("utf-8"))
        for path, written in contents(self.vault.directory).items():
            self.assert_nowhere_in(path, written)
            for plain in (b"SQLite format 3", b"imported", self.name.encode("ascii"), self.sim.address.encode("ascii")):
                self.assertNotIn(plain, written, f"{path} is readable")
        self.assertEqual(contents(self.scratch), {}, "temporary files")

    def test_not_in_a_vault_that_was_left_by_a_crash(self):
        for kill_at in ("after-stage", "after-apply", "after-k_g-stage"):
            self.run_and_watch("rotate", "--all", "--k-g", program=CRASHABLE, env={"BMCVAULT_TEST_KILL_AT": kill_at})
            left = {**contents(self.vault.directory), **contents(self.scratch)}
            self.assert_exit(self.vault.json("recover", "--all"), AS_ASKED)
            self.learn_secrets()
            for path, written in left.items():
                self.assert_nowhere_in(f"{path} after {kill_at}", written)

    def test_not_in_any_system_call(self):
        """strace sees what is written and sent: ciphertext only, and reads of nothing but the passphrase file."""
        trace = self.directory / "trace"
        calls = "trace=write,pwrite64,writev,sendto,sendmsg,openat,open,execve,rename,unlink,mkdir"
        strace = [needed_tool("strace"), "-f", "-xx", "-s", "65536", "-e", calls, "-o", str(trace)]
        # LeakSanitizer, where it is built in, can't work under strace.
        env = {"ASAN_OPTIONS": "detect_leaks=0"}
        rotate, _ = self.run_and_watch("rotate", "--all", "--k-g", "-v", wrapper=strace, env=env)
        self.assert_exit(rotate, AS_ASKED)
        self.learn_secrets()
        text = trace.read_text(encoding="ascii", errors="replace")
        strings = re.findall(r'"((?:\\x[0-9a-f]{2})*)"', text)
        seen = b"\n".join(bytes.fromhex(each.replace("\\x", "")) for each in strings)
        self.assertIn(b"rotated", seen, "the trace does not hold what was printed")
        self.assertGreater(len(seen), 10_000)
        self.assert_nowhere_in("a system call", seen)
        self.assertNotIn(b"etilqs_", seen, "SQLite opened a temporary file")
