"""The programs of a site around a rotation: a monitoring client that never fails a login, hooks that say no, hang, print
the secret or die with the run; and who is called when nobody watches."""

import fcntl
import json
import os
import signal
import subprocess
import threading

from bmcs import Practice
from clients import Ipmitool
from program import AS_ASKED, ATTENTION, CRASHABLE, NOT_AS_ASKED, USAGE, FleetTest, Vault, write_private

# What a site would write. It pauses the monitoring of a BMC while a login of it may be under way ...
BEFORE = """
import fcntl, json, pathlib, sys
told = json.load(sys.stdin)
with open(HERE / "logins.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    (HERE / ("paused-" + told["name"])).touch()
"""
# ... and gives it the new credential before it goes on.
AFTER = """
import json, os, pathlib, sys
told = json.load(sys.stdin)
with os.fdopen(told["secret_fd"]) as secret:
    credential = secret.read()
with open(HERE / "told", "a") as log:
    log.write(json.dumps(told) + "\\n")
with open(HERE / "seen-from-outside", "ab") as seen:
    for file in ("/proc/self/cmdline", "/proc/self/environ"):
        seen.write(pathlib.Path(file).read_bytes())
new = HERE / (told["name"] + ".new")
new.touch(mode=0o600)
new.write_text(credential)
new.rename(HERE / (told["name"] + ".json"))
(HERE / ("paused-" + told["name"])).unlink(missing_ok=True)
"""


# Where a BMC has a spare the monitoring goes on all the time: the new credential is there in an instant.
AFTER_WITH_A_SPARE = """
import fcntl, json, os, sys
told = json.load(sys.stdin)
with os.fdopen(told["secret_fd"]) as secret:
    credential = secret.read()
new = HERE / (told["name"] + ".new")
new.touch(mode=0o600)
new.write_text(credential)
with open(HERE / "logins.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    new.rename(HERE / (told["name"] + ".json"))
"""


def is_running(pid):
    """A zombie that nobody has waited for yet is not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Monitoring(threading.Thread):
    """Logs in to its BMCs, one after the other, with what the hook has given it."""

    def __init__(self, here, fleet):
        super().__init__()
        self.here = here
        self.fleet = fleet
        self.stopped = threading.Event()
        self.logged_in = threading.Condition()
        self.accepted = dict.fromkeys(fleet.names, 0)
        self.refused = []

    def run(self):
        while not self.stopped.is_set():
            for name in self.fleet.names:
                with open(self.here / "logins.lock", "w", encoding="ascii") as lock:
                    fcntl.flock(lock, fcntl.LOCK_SH)
                    if not (self.here / f"paused-{name}").exists():
                        self.log_in(name)

    def log_in(self, name):
        credential = json.loads((self.here / f"{name}.json").read_text(encoding="utf-8"))
        login = Ipmitool(*self.fleet.place(name)).log_in(credential["username"], credential["password"], credential["k_g"])
        with self.logged_in:
            if login.accepted:
                self.accepted[name] += 1
            else:
                self.refused.append((name, credential["password_version"], str(login)))
            self.logged_in.notify_all()

    def wait_for_logins(self, more):
        """Until each BMC has let it in so many times more, or has refused it."""
        with self.logged_in:
            before = dict(self.accepted)
            self.logged_in.wait_for(
                lambda: self.refused or all(self.accepted[name] >= before[name] + more for name in self.fleet.names), 60
            )
            return all(self.accepted[name] >= before[name] + more for name in self.fleet.names)


class Hooks(FleetTest):
    def setUp(self):
        super().setUp()
        self.here = self.directory / "site"
        self.here.mkdir()

    def begin(self, count=1, quirks=()):
        self.fleet = self.start(Practice(count=count, quirks=quirks))
        self.vault = Vault.create(self.directory, self.fleet.csv)

    def program(self, name, text):
        path = self.here / name
        path.write_text(f"#!/usr/bin/python3\nimport pathlib\nHERE = pathlib.Path({str(self.here)!r})\n{text}", encoding="utf-8")
        path.chmod(0o700)
        return str(path)

    def policy(self, **hooks):
        path = self.directory / "policy.toml"
        lines = [f"{key} = {json.dumps(value)}" for key, value in hooks.items()]
        write_private(path, "\n".join(["[hooks]", *lines]) + "\n")
        return {"BMCVAULT_POLICY": str(path)}

    def told(self):
        return [json.loads(line) for line in (self.here / "told").read_text(encoding="utf-8").splitlines()]

    def test_with_a_spare_the_client_logs_in_all_the_time_and_never_fails(self):
        self.begin(count=2, quirks=("bad-password-threshold=1",))
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        self.assert_exit(self.vault.json("accounts", "adopt", "--all", "--role", "spare"), AS_ASKED)
        env = self.policy(after_rotation=self.program("after", AFTER_WITH_A_SPARE), holder="monitoring")
        self.assert_exit(self.vault.json("rotate", "--all", env=env), AS_ASKED)
        monitoring = Monitoring(self.here, self.fleet)
        monitoring.start()
        try:
            for _ in range(3):
                before = dict(monitoring.accepted)
                rotated = self.vault.json("rotate", "--all", env=env)
                self.assert_exit(rotated, AS_ASKED)
                self.assert_no_failed_login(rotated)
                for name in self.fleet.names:
                    self.assertGreater(monitoring.accepted[name], before[name], "it logged in meanwhile")
            self.assertTrue(monitoring.wait_for_logins(2), monitoring.refused)
        finally:
            monitoring.stopped.set()
            monitoring.join()
        self.assertEqual(monitoring.refused, [])

    def test_the_holder_of_a_monitoring_account_never_gets_the_administrators(self):
        self.begin()
        env = self.policy(after_rotation=self.program("after", AFTER), holder="monitoring", account="monitor")
        refused = self.vault.json("rotate", "--all", env=env)
        self.assert_exit(refused, NOT_AS_ASKED)
        self.assertIn("no-monitor: hooks are to give its credential", refused.bmcs["bmc01"]["detail"])
        self.assert_exit(self.vault.json("rotate", "--all", "--fresh"), AS_ASKED)
        self.assert_exit(self.vault.json("accounts", "adopt", "--all", "--role", "monitor"), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "--all", env=env), AS_ASKED)
        given = json.loads((self.here / "bmc01.json").read_text(encoding="utf-8"))
        monitor = self.vault.reveal("bmc01", account="monitor")
        self.assertEqual((given["username"], given["password"]), (monitor.user, monitor.password))
        self.assertEqual(given["privilege"], "user")
        client = Ipmitool(*self.fleet.place("bmc01"))
        self.assertTrue(client.run(monitor.user, monitor.password, None, "-L", "USER", "mc", "info").accepted)
        self.assertFalse(client.log_in(monitor.user, monitor.password).accepted, "as ADMINISTRATOR")
        with_tool = [*self.vault.argv("exec", "bmc01", "--account", "monitor", "-t", "ipmitool"), "--", "mc", "info"]
        ran = subprocess.run(with_tool, env={**os.environ, "BMCVAULT_HEADS": str(self.directory / "heads")},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, AS_ASKED, ran.stderr)
        self.assertIn("Device ID", ran.stdout)

    def test_a_client_that_learns_by_hooks_never_fails_a_login(self):
        self.begin(count=2, quirks=("bad-password-threshold=1",))
        env = self.policy(
            before_rotation=self.program("before", BEFORE), after_rotation=self.program("after", AFTER), holder="monitoring"
        )
        self.assert_exit(self.vault.json("rotate", "--all", env=env), AS_ASKED)
        monitoring = Monitoring(self.here, self.fleet)
        monitoring.start()
        try:
            secrets = []
            for arguments in ((), ("--k-g",), ("--put-back",)):
                rotated = self.vault.json("rotate", "--all", *arguments, env=env)
                self.assert_exit(rotated, AS_ASKED)
                self.assert_no_failed_login(rotated)
                secrets += [self.vault.reveal(name).password for name in self.fleet.names]
                self.assertTrue(monitoring.wait_for_logins(2), monitoring.refused)
        finally:
            monitoring.stopped.set()
            monitoring.join()
        self.assertEqual(monitoring.refused, [])
        holders = [each for each in self.vault.json("holder", "list").objects if each["type"] == "holder"]
        self.assertEqual([(each["name"], sorted(each["bmcs"])) for each in holders], [("monitoring", self.fleet.names)])
        events = [each["event"] for each in self.vault.json("log").objects if each["type"] == "event"]
        self.assertEqual(events.count("hook"), 2 * 4)
        seen = (self.here / "seen-from-outside").read_bytes()
        for secret in secrets:
            self.assertNotIn(secret.encode(), seen)
            self.assertNotIn(secret, (self.here / "told").read_text(encoding="utf-8"))

    def test_a_no_of_the_first_one_leaves_the_bmc_alone(self):
        self.begin(count=2)
        env = self.policy(before_rotation=self.program("before", "import sys\nprint('no: change freeze')\nsys.exit(3)"))
        before = [self.vault.history(name) for name in self.fleet.names]
        done = self.vault.json("rotate", "--all", env=env)
        self.assert_exit(done, NOT_AS_ASKED)
        self.assert_outcomes(done, dict.fromkeys(self.fleet.names, "blocked"))
        self.assertIn("hook-before: ", done.bmcs["bmc01"]["detail"])
        self.assertIn("exit code 3: no: change freeze", done.bmcs["bmc01"]["detail"])
        self.assertEqual([self.vault.history(name) for name in self.fleet.names], before)
        missing = self.policy(before_rotation="/does/not/exist")
        done = self.vault.json("rotate", "bmc01", env=missing)
        self.assert_exit(done, NOT_AS_ASKED)
        self.assertIn("No such file", done.bmcs["bmc01"]["detail"])

    def test_one_that_hangs_is_ended_with_what_it_started(self):
        self.begin()
        hang = "import subprocess\nchild = subprocess.Popen(['sh', '-c', 'trap : TERM; tail -f /dev/null; tail -f /dev/null'])\n(HERE / 'child').write_text(str(child.pid))\nchild.wait()"
        env = self.policy(before_rotation=self.program("before", hang), timeout_s=1)
        done = self.vault.json("rotate", "bmc01", env=env)
        self.assert_exit(done, NOT_AS_ASKED)
        self.assertIn("no end within 1 s", done.bmcs["bmc01"]["detail"])
        child = int((self.here / "child").read_text(encoding="ascii"))
        self.assertFalse(is_running(child))

    def test_one_that_fails_afterwards_is_called_again_and_prints_no_secret(self):
        self.begin()
        fails = "import os\nprint('I got', os.fdopen(3).read(), flush=True)\nraise SystemExit(1)"
        env = self.policy(after_rotation=self.program("after", fails), holder="monitoring")
        done = self.vault.json("rotate", "--due", env=env)
        self.assert_exit(done, NOT_AS_ASKED)
        self.assert_outcomes(done, {"bmc01": "rotated"})
        self.assertIn("hook-after: ", done.bmcs["bmc01"]["detail"])
        self.assertIn("I got", done.bmcs["bmc01"]["detail"])
        again = self.vault.json("rotate", "--due", env=env)
        self.assert_exit(again, NOT_AS_ASKED)
        self.assertEqual(again.summary["total"], 0, "nothing is due, and somebody waits")
        password = self.vault.reveal("bmc01").password
        for result in (done, again):
            self.assertNotIn(password, result.out + result.err)
        self.program("after", AFTER)
        self.assert_exit(self.vault.json("rotate", "--due", env=env), AS_ASKED)
        self.assertEqual([(each["event"], each["password_version"]) for each in self.told()], [("after-rotation", 2)])
        self.assert_exit(self.vault.json("rotate", "--due", env=env), AS_ASKED)
        self.assertEqual(len(self.told()), 1, "told once is enough")

    def test_killed_before_it_was_told_the_next_run_tells_it(self):
        self.begin()
        env = self.policy(
            before_rotation=self.program("before", BEFORE), after_rotation=self.program("after", AFTER), holder="monitoring"
        )
        self.assert_exit(self.vault.json("rotate", "--all", env=env), AS_ASKED)
        log = self.directory / "steps"
        self.vault.json("rotate", "--all", program=CRASHABLE, env={**env, "BMCVAULT_TEST_STEP_LOG": str(log)})
        steps = log.read_text(encoding="ascii").split()
        (self.here / "told").unlink()
        number = steps.index("before-tell-after") + 1
        killed = self.vault.json("rotate", "--all", program=CRASHABLE, env={**env, "BMCVAULT_TEST_KILL_AT": str(number)})
        self.assertEqual(killed.exit_code, -signal.SIGKILL, killed)
        self.assertTrue((self.here / "paused-bmc01").exists())
        done = self.vault.json("rotate", "--due", env=env)
        self.assert_exit(done, AS_ASKED)
        self.assertFalse((self.here / "paused-bmc01").exists())
        given = json.loads((self.here / "bmc01.json").read_text(encoding="utf-8"))
        self.assertEqual(given["password"], self.vault.reveal("bmc01").password)
        self.assertTrue(Ipmitool(*self.fleet.place("bmc01")).log_in("ADMIN", given["password"]).accepted)

    def test_who_leaves_gets_nothing_by_a_hook(self):
        self.begin()
        env = self.policy(after_rotation=self.program("after", AFTER), holder="monitoring")
        self.assert_exit(self.vault.json("rotate", "--all", env=env), AS_ASKED)
        refused = self.vault.run("depart", "monitoring", "--yes", "--reason", "sold off", env=env)
        self.assert_exit(refused, USAGE)
        self.assertIn("hooks give every new credential to it", refused.err)
        telling = self.policy(after_rotation=self.program("after", AFTER), holder="other")
        self.assert_exit(self.vault.json("depart", "monitoring", "--yes", "--reason", "sold off", env=telling), AS_ASKED)
        self.assertEqual([each["password_version"] for each in self.told()], [2, 3])
        back = self.policy(after_rotation=self.program("after", AFTER), holder="monitoring")
        refused = self.vault.run("rotate", "--all", env=back)
        self.assert_exit(refused, USAGE)
        self.assertIn("the hooks' holder monitoring has left", refused.err)
        self.assertEqual(len(self.told()), 2)

    def test_a_new_board_of_an_old_name_is_registered_too(self):
        self.begin()
        env = self.policy(after_rotation=self.program("after", AFTER), holder="monitoring")
        self.assert_exit(self.vault.json("rotate", "--all", env=env), AS_ASKED)
        self.assert_exit(self.vault.json("bmc", "remove", "bmc01", "--yes"), AS_ASKED)
        own = self.vault_again()
        self.assert_exit(self.vault.import_csv(own), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "--all", env=env), AS_ASKED)
        elsewhere = self.policy(after_rotation=self.program("after", AFTER), holder="other")
        left = self.vault.json("depart", "monitoring", "--yes", "--reason", "sold off", "--no-rotate", env=elsewhere)
        self.assert_exit(left, AS_ASKED)
        due = [each["name"] for each in self.vault.json("due").objects if each["type"] == "due"]
        self.assertEqual(due, ["bmc01"])

    def vault_again(self):
        """The inventory's line with the password that is live now."""
        lines = self.fleet.csv.splitlines()
        cells = lines[1].split(",")
        cells[lines[0].split(",").index("password")] = json.loads((self.here / "bmc01.json").read_text(encoding="utf-8"))["password"]
        return lines[0] + "\n" + ",".join(cells) + "\n"

    def test_one_that_never_stops_talking_is_ended_too(self):
        self.begin()
        env = self.policy(before_rotation=self.program("before", "while True:\n    print('y' * 1000)"), timeout_s=1)
        done = self.vault.json("rotate", "bmc01", env=env)
        self.assert_exit(done, NOT_AS_ASKED)
        self.assertIn("no end within 1 s", done.bmcs["bmc01"]["detail"])

    def test_attention_is_called_when_nobody_watches(self):
        self.begin()
        note = "import shutil, sys\nwith open(HERE / 'attention', 'a') as log:\n    shutil.copyfileobj(sys.stdin, log)"
        env = self.policy(attention=self.program("call", note))
        self.assert_exit(self.vault.json("rotate", "--all", env=env), AS_ASKED)
        self.assertFalse((self.here / "attention").exists(), "all is well")
        self.assert_exit(self.vault.json("status", env=env), AS_ASKED)
        client = Ipmitool(*self.fleet.place("bmc01"))
        own = self.vault.reveal("bmc01").password
        changed = client.run("ADMIN", own, None, "user", "set", "password", "2", "by-somebody", "16")
        self.assertTrue(changed.accepted, changed)
        checked = self.vault.json("check", "--all", env=env)
        self.assert_exit(checked, ATTENTION)
        text = (self.here / "attention").read_text(encoding="utf-8")
        self.assertEqual(
            [json.loads(line) for line in text.splitlines()],
            [{"event": "attention", "command": "check", "exit_code": 6, "failure": ""}],
        )
        self.assertNotIn(own, text)
        broken = self.policy(attention="/does/not/exist")
        checked = self.vault.json("check", "--all", env=broken)
        self.assert_exit(checked, ATTENTION)
        self.assertIn("hook attention: /does/not/exist: No such file", checked.err)
