"""Scheduled rotations: the due half of a fleet and nothing else, with the clock driven a year on and back again."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

from bmcs import Practice
from clients import Ipmitool
from program import AS_ASKED, ATTENTION, CRASHABLE, USAGE, FleetTest, Vault, write_private

JOURNAL_OF = str(pathlib.Path(__file__).with_name("journal_of.py"))
UNITS = pathlib.Path(__file__).resolve().parents[2] / "cli/packaging/systemd"
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def clock(shift):
    """The environment in which a process sees another time: shift as "+400d"."""
    if not os.path.exists(FAKETIME):
        raise RuntimeError("faketime is not installed: cli/packaging/install-dependencies.sh test")
    return {
        "LD_PRELOAD": FAKETIME,
        "FAKETIME": shift,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
    }


class Schedule(FleetTest):
    def setUp(self):
        super().setUp()
        self.fleet = self.start(Practice(count=4))
        self.vault = Vault.create(self.directory, self.fleet.csv)

    def policy(self, text):
        path = self.directory / "policy.toml"
        write_private(path, text)
        return str(path)

    def due(self, **options):
        result = self.vault.json("due", **options)
        return {each["name"]: each["state"] for each in result.objects if each["type"] == "due"}, result

    def reasons(self, result):
        return {each["name"]: [why["reason"] for why in each["why"]] for each in result.objects if each["type"] == "due"}

    def test_the_due_half_is_rotated_and_twice_in_a_row_does_nothing(self):
        self.assert_exit(self.vault.json("rotate", "bmc[01-02]"), AS_ASKED)
        states, result = self.due()
        self.assert_exit(result, ATTENTION)
        self.assertEqual(states, {"bmc03": "due", "bmc04": "due"})
        first = self.vault.json("rotate", "--due")
        self.assert_exit(first, AS_ASKED)
        self.assert_outcomes(first, {"bmc03": "rotated", "bmc04": "rotated"})
        self.assert_no_failed_login(first)
        states, result = self.due()
        self.assertEqual((states, result.exit_code), ({}, AS_ASKED))
        versions = {name: self.vault.history(name) for name in first.bmcs}
        again = self.vault.json("rotate", "--due")
        self.assert_exit(again, AS_ASKED)
        self.assertEqual((again.bmcs, again.summary["total"]), ({}, 0))
        self.assertIn("Nothing is due.", self.vault.run("rotate", "--due").out)
        self.assertEqual(versions, {name: self.vault.history(name) for name in first.bmcs})

    def test_a_year_later_all_are_due_by_age_and_a_month_before_that_soon(self):
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        states, result = self.due(env=clock("+334d"))
        self.assertEqual((states, result.exit_code), ({}, AS_ASKED))
        states, result = self.due(env=clock("+336d"))
        self.assertEqual((set(states.values()), len(states), result.exit_code), ({"soon"}, 4, AS_ASKED))
        states, result = self.due(env=clock("+366d"))
        self.assertEqual((set(states.values()), len(states), result.exit_code), ({"due"}, 4, ATTENTION))
        self.assertEqual(self.reasons(result)["bmc01"], ["age"])
        status = self.vault.json("status", env=clock("+366d"))
        self.assert_exit(status, ATTENTION)
        self.assertEqual(status.bmcs["bmc01"]["attention"], "due: age")
        rotated = self.vault.json("rotate", "--due", env=clock("+366d"))
        self.assert_exit(rotated, AS_ASKED)
        self.assertEqual(set(rotated.outcomes.values()), {"rotated"})
        states, result = self.due(env=clock("+367d"))
        self.assertEqual((states, result.exit_code), ({}, AS_ASKED))

    def test_a_clock_that_went_back_stops_scheduled_writes_and_nothing_else(self):
        self.assert_exit(self.vault.json("rotate", "bmc01", env=clock("+10d")), AS_ASKED)
        versions = {name: self.vault.history(name) for name in ("bmc01", "bmc02")}
        stopped = self.vault.run("rotate", "--due")
        self.assert_exit(stopped, ATTENTION)
        self.assertIn("the clock of this host", stopped.err)
        self.assertEqual(versions, {name: self.vault.history(name) for name in ("bmc01", "bmc02")})
        self.assert_exit(self.vault.json("check", "bmc01"), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "bmc02"), AS_ASKED)

    def test_killed_at_a_step_it_goes_on_where_it_was(self):
        self.assert_exit(self.vault.json("rotate", "bmc01"), AS_ASKED)
        killed = self.vault.run("rotate", "--due", "--parallel", "1", program=CRASHABLE,
                                env={"BMCVAULT_TEST_KILL_AT": "12"})
        self.assertEqual(killed.exit_code, -signal.SIGKILL, killed)
        for _ in range(2):
            states, _ = self.due()
            if not states:
                break
            self.assert_exit(self.vault.json("rotate", "--due"), AS_ASKED)
        states, result = self.due()
        self.assertEqual((states, result.exit_code), ({}, AS_ASKED))
        checked = self.vault.json("check", "--all")
        self.assertEqual(set(checked.outcomes.values()), {"as-in-vault"}, checked)
        self.assert_no_failed_login(checked)

    def test_holds_are_excepted_until_they_expire_and_then_a_finding(self):
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        self.assert_exit(self.vault.json("expose", "bmc[01-02]", "--reason", "host was taken over"), AS_ASKED)
        held = self.vault.run("bmc", "hold", "bmc01", "--until", "2099-01-01", "--reason", "vendor works on it")
        self.assert_exit(held, AS_ASKED)
        result = self.vault.json("rotate", "--due")
        self.assert_exit(result, AS_ASKED)
        self.assert_outcomes(result, {"bmc02": "rotated"})
        excepted = [each for each in result.objects if each["type"] == "due"]
        self.assertEqual([(each["name"], each["state"], each["hold_reason"]) for each in excepted],
                         [("bmc01", "excepted", "vendor works on it")])
        states, _ = self.due()
        self.assertEqual(states, {"bmc01": "held"})
        states, result = self.due(env=clock("2099-01-02 00:00:00"))
        self.assert_exit(result, ATTENTION)
        self.assertEqual(states["bmc01"], "due")
        self.assert_exit(self.vault.run("bmc", "hold", "bmc03", "--until", "2098-01-01", "--reason", "moved"), AS_ASKED)
        rotated = self.vault.json("rotate", "--all", env=clock("2098-01-02 00:00:00"))
        self.assert_exit(rotated, 1)  # bmc01 is held still
        states, result = self.due(env=clock("2098-01-03 00:00:00"))
        self.assertEqual(states, {"bmc01": "held", "bmc03": "hold-expired"})
        self.assert_exit(result, ATTENTION)

    def test_outside_its_window_a_group_gets_nothing_and_stays_due(self):
        self.assert_exit(self.vault.json("bmc", "set", "bmc01", "--group", "night"), AS_ASKED)
        policy = self.policy('[group.night]\nwindows = ["Sat 22:00-06:00"]\n')
        env = {**clock("@2026-12-04 12:00:00"), "TZ": "UTC"}  # a Friday
        result = self.vault.json("rotate", "--due", "--policy", policy, env=env)
        self.assert_exit(result, AS_ASKED)
        self.assertEqual(result.outcomes["bmc01"], "outside-window")
        self.assertEqual(result.bmcs["bmc01"]["round_trips"], 0)
        self.assertEqual({result.outcomes[f"bmc0{n}"] for n in (2, 3, 4)}, {"rotated"})
        states, _ = self.due(env=env)
        self.assertEqual(states, {"bmc01": "due"})
        planned = self.vault.json("rotate", "--due", "--policy", policy, "--dry-run", env=env)
        self.assertEqual(planned.outcomes, {"bmc01": "outside-window"})
        recovered = self.vault.json("recover", "--due", "--policy", policy, env=env)
        self.assert_outcomes(recovered, {"bmc01": "outside-window"})
        self.assertEqual(recovered.bmcs["bmc01"]["round_trips"], 0)
        env["FAKETIME"] = "@2026-12-05 23:00:00"
        result = self.vault.json("rotate", "--due", "--policy", policy, env=env)
        self.assert_outcomes(result, {"bmc01": "rotated"})

    def test_a_monitoring_account_has_a_schedule_of_its_own(self):
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        self.assert_exit(self.vault.json("accounts", "adopt", "bmc01", "--role", "monitor"), AS_ASKED)
        before = {role: self.vault.reveal("bmc01", account=role).version for role in (None, "monitor")}
        env = {**clock("+100d"), "BMCVAULT_POLICY": self.policy("monitor_maximum_age_days = 90\n")}
        states, result = self.due(env=env)
        self.assertEqual((states, self.reasons(result)), ({"bmc01": "due"}, {"bmc01": ["monitor-age"]}))
        rotated = self.vault.json("rotate", "--due", env=env)
        self.assert_exit(rotated, AS_ASKED)
        self.assert_outcomes(rotated, {"bmc01": "rotated"})
        after = {role: self.vault.reveal("bmc01", account=role).version for role in (None, "monitor")}
        self.assertEqual(after, {None: before[None], "monitor": before["monitor"] + 1})
        states, _ = self.due(env=env)
        self.assertEqual(states, {})

    def test_the_policy_asks_for_k_g_and_for_reasons(self):
        policy = self.policy('k_g = true\nparallel = 2\nreason_for = ["reveal", "hold"]\nticket_for = ["rotate"]\n')
        refused = self.vault.run("reveal", "bmc01", "--policy", policy)
        self.assert_exit(refused, USAGE)
        self.assertIn("the policy wants a --reason", refused.err)
        self.assert_exit(self.vault.run("rotate", "bmc01", "--policy", policy), USAGE)
        self.assert_exit(self.vault.run("bmc", "hold", "bmc01", "--release", "--policy", policy), USAGE)
        done = self.vault.json("rotate", "--all", "--policy", policy, "--ticket", "CHG-1")
        self.assert_exit(done, AS_ASKED)
        self.assertNotIn(None, [each["k_g_version"] for each in done.bmcs.values()])
        states, _ = self.due(env={"BMCVAULT_POLICY": policy})
        self.assertEqual(states, {})
        credential = self.vault.reveal("bmc01")
        self.assertIsNotNone(credential.k_g)

    def test_whatever_changes_the_vault_can_need_a_reason(self):
        words = ["bmc", "card", "member", "compartment", "holder", "unlock", "backup", "accept-restore", "break-glass", "escrow"]
        policy = self.policy(f"reason_for = {json.dumps(words)}\n")
        new = str(self.directory / "new")
        identity = ("member", "keygen", "--output", new, "--kdf-memory", "64", "--kdf-operations", "1")
        self.assert_exit(self.vault.run(*identity, "--policy", policy), AS_ASKED)
        for command in (("bmc", "set", "bmc01", "--tags", "a"), ("bmc", "hold", "bmc01", "--until", "2099-01-01"),
                        ("card", "forget", "x", "k_g"), ("member", "add", "new", "--key", f"{new}.pub"),
                        ("compartment", "add", "edge"), ("holder", "add", "they", "bmc01"), ("unlock",),
                        ("vault", "backup", f"{new}.bv"), ("vault", "accept-restore"),
                        ("vault", "break-glass", "create", "--threshold", "2", "--shares", "3", "--output", f"{new}.d"),
                        ("vault", "escrow", "enable", "--to", f"{new}.log")):
            refused = self.vault.run(*command, "--policy", policy)
            self.assert_exit(refused, USAGE)
            self.assertIn(" the policy wants a --reason", refused.err)
        for command in (("bmc", "list"), ("member", "list"), ("compartment", "list"), ("holder", "list"), ("card", "show"),
                        ("vault", "escrow", "show")):
            self.assert_exit(self.vault.run(*command, "--policy", policy), AS_ASKED)

    def test_a_bad_policy_stops_every_command_before_anything_is_done(self):
        policy = self.policy("k_g = perhaps\n")
        for words in (("rotate", "--due"), ("due",), ("status",), ("rotate", "--all")):
            result = self.vault.run(*words, "--policy", policy)
            self.assert_exit(result, USAGE)
            self.assertRegex(result.err, r"policy .*policy\.toml: nothing was done\n  line 1, column \d+")
        self.assertEqual(self.vault.history("bmc01"), {1: "unknown"})
        for file, words in (("none.toml", "No such file"), (".", "Is a directory")):
            unreadable = self.vault.run("due", "--policy", str(self.directory / file))
            self.assert_exit(unreadable, USAGE)
            self.assertIn(words, unreadable.err)

    def test_a_timer_without_systemd_gives_the_passphrase_in_a_directory(self):
        credentials = self.new_directory()
        write_private(credentials / "bmcvault", Vault.PASSPHRASE + "\n")
        env = {**os.environ, "CREDENTIALS_DIRECTORY": str(credentials),
               "BMCVAULT_DIR": str(self.vault.directory), "BMCVAULT_HEADS": str(self.directory / "heads")}
        program = self.vault.argv()[0]
        words = [program, "rotate", "--due", "--quiet", "--reason", "scheduled rotation"]
        runs = [subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
        said = [run.communicate(timeout=240) for run in runs]
        # Where the other one is at work it says `busy`, which is not as asked.
        self.assertLessEqual({run.returncode for run in runs}, {0, 1}, said)
        self.assert_exit(self.vault.run("rotate", "--due"), AS_ASKED)
        states, _ = self.due()
        self.assertEqual(states, {})
        for name in ("bmc01", "bmc02", "bmc03", "bmc04"):
            # Not twice by accident, although two ran at once.
            self.assertEqual(list(self.vault.history(name).values()).count("current"), 1)
            self.assertEqual(len(self.vault.history(name)), 2)


    def test_a_run_of_a_unit_writes_one_entry_with_fields_into_the_journal(self):
        gone = self.vault.json("bmc", "set", "bmc04", "--address", "127.99.99.99", "--port", "9")
        self.assert_exit(gone, AS_ASKED)
        in_a_unit = ("unshare", "--map-root-user", "--mount", "/usr/bin/python3", JOURNAL_OF)
        ran = self.vault.run("rotate", "--due", "--quiet", "--timeout", "1s", wrapper=in_a_unit)
        self.assert_exit(ran, AS_ASKED)
        entries = json.loads(ran.out)
        self.assertEqual(len(entries), 1)
        entry = entries[0]
        self.assertEqual(entry["BMCVAULT_COMMAND"], "rotate")
        self.assertEqual((entry["BMCVAULT_EXIT_CODE"], entry["PRIORITY"]), ("1", "3"))
        self.assertEqual((entry["BMCVAULT_BMCS"], entry["BMCVAULT_FAILED_LOGINS"]), ("4", "0"))
        self.assertEqual((entry["BMCVAULT_ROTATED"], entry["BMCVAULT_UNREACHABLE"]), ("3", "1"))
        self.assertRegex(entry["MESSAGE"], r"^rotate: 4 BMCs in .* 3 rotated, 1 unreachable; failed logins: 0\.$")

    def test_the_report_accounts_for_every_bmc(self):
        self.assert_exit(self.vault.json("rotate", "bmc[01-02]"), AS_ASKED)
        held = self.vault.run("bmc", "hold", "bmc03", "--until", "2099-01-01", "--reason", "<b>vendor</b> & co")
        self.assert_exit(held, AS_ASKED)
        page = self.directory / "yearly.html"
        result = self.vault.json("report", "--output", str(page))
        self.assert_exit(result, AS_ASKED)
        lines = {each["name"]: each for each in result.objects if each["type"] == "report"}
        self.assertEqual({name: each["state"] for name, each in lines.items()},
                         {"bmc01": "changed", "bmc02": "changed", "bmc03": "excepted", "bmc04": "not-changed"})
        self.assertEqual(lines["bmc01"]["password_version"], 2)
        self.assertIsNotNone(lines["bmc01"]["proved_at"])
        self.assertTrue(lines["bmc03"]["excepted_by"])
        self.assertEqual(lines["bmc03"]["excepted_until"], "2099-01-01T00:00:00Z")
        self.assertEqual((lines["bmc04"]["why"], lines["bmc04"]["next"]),
                         ("due: never-rotated", "bmcvault rotate bmc04"))
        self.assertEqual(result.summary["outcomes"], {"changed": 2, "excepted": 1, "not-changed": 1})
        text = page.read_text(encoding="utf-8")
        self.assertIn("&lt;b&gt;vendor&lt;/b&gt; &amp; co", text)
        self.assertNotIn("<b>vendor", text)
        secrets = [self.vault.reveal(name).password for name in ("bmc01", "bmc02")]
        for secret in secrets:
            self.assertNotIn(secret, text + result.out)
        # What was changed before the period is not changed in it.
        later = self.vault.json("report", env=clock("+400d"))
        self.assertEqual(later.summary["outcomes"], {"changed": 0, "excepted": 1, "not-changed": 3})
        self.assertIn("due: age", later.out)

    def test_chromium_shows_the_report_and_prints_it(self):
        self.assert_exit(self.vault.json("rotate", "bmc[01-03]"), AS_ASKED)
        page = self.directory / "yearly.html"
        self.assert_exit(self.vault.run("report", "--output", str(page)), AS_ASKED)
        printed = self.directory / "yearly.pdf"
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={self.new_directory()}"]
        dom = subprocess.run([*command, "--dump-dom", page.as_uri()], check=True, capture_output=True, text=True,
                             timeout=120).stdout
        self.assertIn("3 changed and proved by the BMC, 0 excepted, 1 not changed", dom)
        self.assertEqual(dom.count("<svg"), 2)
        subprocess.run([*command, f"--print-to-pdf={printed}", page.as_uri()], check=True, capture_output=True,
                       timeout=120)
        self.assertTrue(printed.read_bytes().startswith(b"%PDF"))


class Units(FleetTest):
    def test_systemd_finds_nothing_wrong_with_the_units(self):
        directory = self.new_directory()
        program = shutil.which("true")
        for unit in UNITS.iterdir():
            text = unit.read_text(encoding="utf-8")
            text = text.replace("/usr/bin/bmcvault", program).replace("/etc/bmcvault/attention", program)
            (directory / unit.name).write_text(text, encoding="utf-8")
        names = sorted(str(path) for path in directory.iterdir() if "@" not in path.name)
        self.assertEqual(len(names), 6)
        result = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True,
                                check=False, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:"})
        ours = [line for line in result.stderr.splitlines() if "bmcvault" in line]
        self.assertEqual(ours, [], result.stderr)

    def test_a_scheduled_command_is_one_that_the_program_takes(self):
        vault = Vault.create(self.directory)
        for unit in sorted(UNITS.glob("*.service")):
            for line in unit.read_text(encoding="utf-8").splitlines():
                if not line.startswith("ExecStart=/usr/bin/bmcvault "):
                    continue
                words = line.removeprefix("ExecStart=/usr/bin/bmcvault ").replace('"', "").split()
                with self.subTest(unit=unit.name):
                    result = vault.run(*words[: words.index("--quiet") + 1])
                    self.assertRegex(result.out + result.err, "Nothing is due|nothing selected")
