"""exec: real ipmitool and FreeIPMI with the vault's credential, on suites 3 and 17 and with K_G; nothing to be seen."""

import json
import os
import pathlib
import signal
import subprocess
import sys

from bmcs import IpmiSim, Practice
from program import AS_ASKED, USAGE, FleetTest, Vault, finish

K_G = "41ff8041fe0304057f7f0e0f1011121315161703"

# Prints what it was given, and what can be seen of it and of bmcvault from outside.
SPY = """
import json, os, pathlib, stat, sys
file = pathlib.Path(sys.argv[1])
seen = [pathlib.Path(f"/proc/{pid}/{what}").read_bytes().replace(bytes(1), b" ").decode(errors="replace")
        for pid in (os.getpid(), os.getppid()) for what in ("cmdline", "environ")]
print(json.dumps({"file": str(file), "mode": stat.S_IMODE(file.stat().st_mode),
                  "directory": stat.S_IMODE(file.parent.stat().st_mode), "text": file.read_text(),
                  "seen": seen}), flush=True)
"""


class Exec(FleetTest):
    def vault_of(self, csv):
        self.runtime = self.new_directory()
        vault = Vault.create(self.directory, csv)
        self.assert_exit(vault.json("check", "--all"), AS_ASKED)
        return vault

    def start_exec(self, vault, *words, tool=None, before=()):
        at = words.index("--")
        options = ["--tool", tool] if tool else []
        place = ["--vault", str(vault.directory), "--passphrase-file", str(vault.passphrase_file)]
        argv = [vault.argv()[0], "exec", *options, *before, *place, *words[:at], *words[at:]]
        env = {**os.environ, "BMCVAULT_HEADS": str(self.directory / "heads"), "XDG_RUNTIME_DIR": str(self.runtime)}
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=env)

    def exec(self, vault, *words, **options):
        return finish(self.start_exec(vault, *words, **options))

    def assert_nothing_left(self):
        self.assertEqual(list(self.runtime.iterdir()), [])

    def assert_works(self, vault, name):
        for words in ((name, "--", "ipmitool", "mc", "info"), (name, "--", "bmc-info")):
            result = self.exec(vault, *words)
            self.assert_exit(result, AS_ASKED)
            self.assertRegex(result.out, r"Device ID\s+: (32|0)")
        self.assertIn("Device ID", self.exec(vault, name, "--", "mc", "info", tool="ipmitool").out)
        self.assertIn("on", self.exec(vault, name, "--", "power", "--stat", tool="freeipmi").out)
        self.assert_nothing_left()

    def test_suites_and_k_g_of_virtual_bmcs(self):
        for quirks in ((), ("suites=3",), (f"k_g={K_G}",)):
            with self.subTest(quirks=quirks):
                self.directory = self.new_directory()
                with Practice(quirks=quirks) as practice:
                    vault = self.vault_of(practice.csv)
                    self.assert_works(vault, "bmc01")
                    self.assert_exit(vault.json("rotate", "bmc01"), AS_ASKED)
                    self.assert_works(vault, "bmc01")

    def test_ipmi_sim(self):
        sim = self.start(IpmiSim(k_g_text="nineteen-byte-k_g-1"))
        vault = self.vault_of(sim.inventory())
        result = self.exec(vault, "sim", "--", "ipmitool", "mc", "info")
        self.assert_exit(result, AS_ASKED)
        self.assertIn("Device ID", result.out)
        self.assertIn("Device ID", self.exec(vault, "sim", "--", "bmc-info", "--workaround-flags=opensesspriv").out)

    def fleet(self):
        practice = self.start(Practice())
        return self.vault_of(practice.csv)

    def test_the_secret_is_in_a_private_file_only_and_masked_in_the_output(self):
        vault = self.fleet()
        secret = vault.reveal("bmc01").password
        kept = self.directory / "seen"
        copying = SPY.replace("print(", f"open({str(kept)!r}, 'w').write(").replace(", flush=True)", ")")
        self.assert_exit(self.exec(vault, "bmc01", "--", sys.executable, "-c", copying, "{password-file}"), AS_ASKED)
        report = json.loads(kept.read_text(encoding="utf-8"))
        self.assertEqual((report["text"], report["mode"], report["directory"]), (secret, 0o600, 0o700))
        for place in report["seen"]:
            self.assertNotIn(f" {secret} ", f" {place} ")
        result = self.exec(vault, "bmc01", "--", sys.executable, "-c",
                           "import sys; s = open(sys.argv[1]).read(); print('it is <' + s + '>', s.encode().hex());"
                           "sys.exit(7)", "{password-file}")
        self.assertEqual((result.exit_code, result.out), (7, "it is <********> ********\n"), result)
        self.assert_nothing_left()

    def test_the_passphrase_of_the_vault_does_not_go_on_to_the_program(self):
        vault = self.fleet()
        looking = ("import os, sys; print(sorted(int(n) for n in os.listdir('/proc/self/fd')), "
                   "repr(sys.stdin.read()), os.environ.get('CREDENTIALS_DIRECTORY'))")
        env = {**os.environ, "BMCVAULT_HEADS": str(self.directory / "heads"), "XDG_RUNTIME_DIR": str(self.runtime),
               "CREDENTIALS_DIRECTORY": str(self.directory)}
        for given in (0, 9):
            with open(vault.passphrase_file, "rb") as passphrase:
                if given:
                    os.dup2(passphrase.fileno(), given)
                ran = subprocess.run(
                    [vault.argv()[0], "exec", "--vault", str(vault.directory), "--passphrase-fd", str(given), "bmc01",
                     "--", sys.executable, "-c", looking, "{password-file}"],
                    stdin=passphrase if not given else subprocess.DEVNULL, pass_fds=(given,) if given else (),
                    capture_output=True, text=True, env=env, timeout=60, check=False)
                if given:
                    os.close(given)
            self.assertEqual((ran.returncode, ran.stdout), (0, "[0, 1, 2, 3] '' None\n"), ran.stderr)

    def test_the_file_goes_when_bmcvault_is_told_to_end(self):
        vault = self.fleet()
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start_exec(vault, "bmc01", "--", sys.executable, "-c",
                                      "import signal, sys; print(sys.argv[1], flush=True); signal.pause()",
                                      "{password-file}")
            file = pathlib.Path(process.stdout.readline().strip())
            self.assertTrue(file.exists())
            process.send_signal(number)
            self.assertEqual(finish(process).exit_code, 128 + signal.SIGTERM)
            self.assert_nothing_left()

    def test_what_a_kill_left_behind_goes_with_the_next_run(self):
        vault = self.fleet()
        process = self.start_exec(vault, "bmc01", "--", sys.executable, "-c",
                                  "import signal, sys; print(sys.argv[1], flush=True); signal.alarm(5); "
                                  "signal.pause()", "{password-file}")
        file = pathlib.Path(process.stdout.readline().strip())
        process.kill()
        process.communicate()
        self.assertTrue(file.exists())
        self.assert_exit(self.exec(vault, "bmc01", "--", "ipmitool", "mc", "info"), AS_ASKED)
        self.assert_nothing_left()

    def test_it_is_logged_with_the_program_and_without_its_arguments(self):
        vault = self.fleet()
        self.exec(vault, "bmc01", "--", "ipmitool", "user", "set", "password", "9", "typed-here",
                  before=("--reason", "console"))
        event = vault.json("log", "--event", "exec").objects[0]
        self.assertIn("ipmitool", json.dumps(event))
        self.assertIn("console", json.dumps(event))
        self.assertNotIn("typed-here", vault.json("log").out)

    def test_a_program_that_is_not_known_or_not_there(self):
        vault = self.fleet()
        self.assert_exit(self.exec(vault, "bmc01", "--", "cat"), USAGE)
        self.assert_exit(self.exec(vault, "bmc01", "--", "no-such-program", "{password-file}"), 127)
        self.assert_exit(self.exec(vault, "bmc09", "--", "ipmitool", "mc", "info"), USAGE)
        self.assert_nothing_left()
