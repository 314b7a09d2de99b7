"""De-provisioning against ipmi_sim, a server that nobody here wrote, with ipmitool as the judge of who still gets in and
openssl as the judge of the signature; kill -9 on the way; the certificate in a browser."""

import concurrent.futures
import json
import pathlib
import shutil
import subprocess

from bmcs import IpmiSim, Practice
from clients import Ipmitool
from program import AS_ASKED, CRASHABLE, NOT_AS_ASKED, USAGE, FleetTest, Vault, needed_tool

SIGKILLED = -9


def openssl_verifies(certificate):
    base = str(certificate).removesuffix(".json")
    done = subprocess.run(
        [needed_tool("openssl"), "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", f"{base}.pem", "-sigfile",
         f"{base}.sig", "-in", str(certificate)],
        check=False, capture_output=True,
    )  # fmt: skip
    return done.returncode == 0


class Deprovision(FleetTest):
    def wipe(self, vault, name, *more, code=AS_ASKED, program=None):
        certificates = self.directory / "certificates"
        options = {"program": program} if program else {}
        done = vault.json(
            "deprovision", name, "--yes", "--reason", "sold", "--ticket", "CHG-1", "--output", certificates, *more, **options
        )
        self.assert_exit(done, code)
        self.assert_no_failed_login(done)
        return done, certificates / f"{name}.certificate.json"

    def test_ipmi_sim_refuses_every_old_password_before_and_after_a_restart(self):
        sim = self.start(IpmiSim(other_users=((3, "root", "root"), (4, "oper", "theirs"))))
        vault = Vault.create(self.directory, sim.inventory())
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        own = vault.reveal("sim")
        client = Ipmitool(sim.address, sim.port)
        self.assertTrue(client.log_in("oper", "theirs").accepted, "open before")
        for sensor_type in ("0x01", "0x02"):  # Add SEL Entry: a temperature, a voltage
            added = client.run(
                "oper", "theirs", None, "raw", "0x0a", "0x44", *f"0 0 2 0 0 0 0 0x20 0 4 {sensor_type} 0x30 1 0x59 0 0".split()
            )
            self.assertTrue(added.accepted, added)
        done, certificate = self.wipe(vault, "sim", "--clear-sel", code=NOT_AS_ASKED)
        written = json.loads(certificate.read_text(encoding="utf-8"))
        log = json.loads((certificate.parent / "sim.sel.json").read_text(encoding="utf-8"))
        self.assertEqual([each["sensor_type"] for each in log["records"]][-2:], [1, 2])
        results = {item["name"]: item["result"] for item in written["items"]}
        self.assertEqual(results["system event log"], "erased")
        self.assertEqual(written["result"], "wiped-except", "ipmi_sim does not let go of everything")
        old = [("ADMIN", sim.password), ("ADMIN", own.password), ("root", "root"), ("oper", "theirs"), ("", "")]
        for user, password in old:
            self.assertFalse(client.log_in(user, password).accepted, f"'{user}' after the wipe")
        sim.restart()
        for user, password in old:
            self.assertFalse(client.log_in(user, password).accepted, f"'{user}' after a restart")
        self.assertTrue(openssl_verifies(certificate))
        self.assertEqual(vault.json("bmc", "list").bmcs, {}, "out of the inventory")
        events = [each["event"] for each in vault.json("log").objects if each["type"] == "event"]
        self.assertIn("bmc.deprovisioned", events)
        for secret in (sim.password, own.password):
            for file in certificate.parent.iterdir():
                self.assertNotIn(secret.encode(), file.read_bytes(), file.name)
        self.assertEqual(done.objects[-2]["type"], "certificate")
        self.assertEqual(done.summary["type"], "summary")

    def test_a_changed_byte_is_refused_by_openssl_and_by_us(self):
        fleet = self.start(Practice())
        vault = Vault.create(self.directory, fleet.inventory(*fleet.names))
        self.assert_exit(vault.json("rotate", "--all", "--k-g"), AS_ASKED)
        _, certificate = self.wipe(vault, "bmc01")
        signer = vault.run("deprovision", "--verify", certificate)
        self.assert_exit(signer, AS_ASKED)
        self.assertTrue(openssl_verifies(certificate))
        key = signer.out.split("by key ")[1].split()[0]
        self.assert_exit(vault.run("deprovision", "--verify", certificate, "--signer", key), AS_ASKED)
        verified = vault.json("deprovision", "--verify", certificate, "--signer", key)
        self.assertEqual((verified.objects[0]["signer"], verified.objects[0]["signer_checked"]), (key, True))
        self.assert_exit(vault.run("deprovision", "--verify", certificate, "--signer", "00" * 32), NOT_AS_ASKED)
        whole = certificate.read_bytes()
        for at in range(0, len(whole), 97):
            changed = bytearray(whole)
            changed[at] ^= 1
            certificate.write_bytes(changed)
            self.assertFalse(openssl_verifies(certificate), at)
        self.assert_exit(vault.run("deprovision", "--verify", certificate), NOT_AS_ASKED)
        # The record is in the vault: the same command writes the certificate again.
        self.wipe(vault, "bmc01")
        self.assertTrue(openssl_verifies(certificate))

    def test_killed_on_the_way_the_same_command_ends_it(self):
        points = ("after-read-accounts", "after-clear-k_g", "after-record-wipe", "after-close-own", "after-ask-everybody")

        def begin():
            fleet = self.start(Practice(quirks=("default-account",)))
            vault = Vault.create(self.new_directory(), fleet.inventory(*fleet.names))
            self.assert_exit(vault.json("rotate", "--all", "--k-g"), AS_ASKED)
            return fleet, vault, ("deprovision", "bmc01", "--yes", "--reason", "sold", "--output", vault.directory.parent / "out")

        def survey():
            _, vault, command = begin()
            log = vault.directory.parent / "steps"
            done = vault.json(*command, program=CRASHABLE, env={"BMCVAULT_TEST_STEP_LOG": str(log)})
            self.assert_exit(done, AS_ASKED)
            return log.read_text(encoding="ascii").split()

        steps = survey()

        def kill_at(point):
            fleet, vault, command = begin()
            number = steps.index(point) + 1
            killed = vault.json(*command, program=CRASHABLE, env={"BMCVAULT_TEST_KILL_AT": str(number)})
            self.assertEqual(killed.exit_code, SIGKILLED, f"{point}: {killed}")
            again = vault.json(*command)
            self.assert_exit(again, AS_ASKED)
            self.assert_no_failed_login(again)
            client = Ipmitool(*fleet.place("bmc01"))
            self.assertFalse(client.log_in("root", "root").accepted, point)

        with concurrent.futures.ThreadPoolExecutor(len(points)) as pool:
            list(pool.map(kill_at, points))

    def test_a_dead_board_gets_no_certificate_of_a_wipe(self):
        with Practice() as fleet:
            vault = Vault.create(self.directory, fleet.inventory(*fleet.names))
            self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        done = vault.json(
            "deprovision", "bmc01", "--yes", "--reason", "sold", "--timeout", "500ms", "--output", self.directory / "out"
        )
        self.assert_exit(done, NOT_AS_ASKED)
        written = json.loads((self.directory / "out" / "bmc01.certificate.json").read_text(encoding="utf-8"))
        self.assertEqual(written["result"], "not-done")
        self.assertIn("destroy the board", written["meaning"])
        self.assertIn("bmc01", vault.json("bmc", "list").bmcs, "it stays in the inventory")

    def test_a_factory_account_that_a_reset_brought_back_is_a_finding(self):
        fleet = self.start(Practice(count=4, mixed=True))
        name = fleet.names[3]  # Supermicro's
        vault = Vault.create(self.directory, fleet.inventory(name))
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        own = vault.reveal(name)
        planned = vault.run("deprovision", name, "--dry-run", "--factory-reset")
        self.assertIn("30h/40h, Supermicro's own reset", planned.out)
        _, certificate = self.wipe(vault, name, "--factory-reset", code=NOT_AS_ASKED)
        written = json.loads(certificate.read_text(encoding="utf-8"))
        self.assertEqual(written["result"], "still-open")
        reset = next(item for item in written["items"] if item["name"] == "factory reset")
        self.assertEqual((reset["action"], reset["result"]), ("30h/40h", "erased"))
        client = Ipmitool(*fleet.place(name))
        self.assertTrue(client.log_in("ADMIN", "ADMIN").accepted, "the factory account")
        self.assertFalse(client.log_in("ADMIN", own.password).accepted)
        self.assertIn(name, vault.json("bmc", "list").bmcs, "it stays in the inventory")

    def test_what_was_wiped_is_forgotten_when_its_time_is_over_and_nothing_else(self):
        fleet = self.start(Practice(count=2))
        vault = Vault.create(self.directory, fleet.inventory(*fleet.names))
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        self.wipe(vault, "bmc01")
        backup = self.directory / "monday.bmcvault"
        self.assert_exit(vault.json("vault", "backup", backup), AS_ASKED)
        too_early = vault.json("vault", "forget", "--yes", "--reason", "time is over")
        self.assert_exit(too_early, AS_ASKED)
        self.assertEqual(too_early.summary["total"], 0)
        for arguments in ((), ("--yes",), ("--reason", "x")):  # nobody confirms it, or says why
            self.assert_exit(vault.json("vault", "forget", "--after", "0", *arguments), USAGE)
        planned = vault.json("vault", "forget", "--after", "0", "--dry-run")
        self.assertEqual([each["outcome"] for each in planned.objects[:-1]], ["would-be-destroyed"])
        done = vault.json("vault", "forget", "--after", "0", "--yes", "--reason", "time is over")
        self.assert_exit(done, AS_ASKED)
        self.assertEqual([(each["name"], each["outcome"]) for each in done.objects if each["type"] == "forgotten"],
                         [("bmc01", "destroyed")])  # fmt: skip
        self.assertEqual([each["file"] for each in done.objects if each["type"] == "backup-holds"], [str(backup)])
        self.assertEqual(vault.json("vault", "forget", "--after", "0", "--yes", "--reason", "x").summary["total"], 0)
        self.assert_exit(vault.json("vault", "verify"), AS_ASKED)
        self.assert_exit(vault.json("check", "--all"), AS_ASKED)
        self.assertEqual(vault.json("vault", "info").objects[0]["generation"], 2)
        self.wipe(vault, "bmc01")  # its certificate can still be written
        too_late, _ = self.wipe(vault, "bmc01", "--factory-reset", code=NOT_AS_ASKED)
        self.assertIn("works before a wipe, not after it", too_late.err)

    def test_a_place_that_can_not_be_written_is_said_before_anything_is_wiped(self):
        fleet = self.start(Practice())
        vault = Vault.create(self.directory, fleet.inventory(*fleet.names))
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        (self.directory / "file").touch()
        done = vault.json("deprovision", "bmc01", "--yes", "--reason", "sold", "--output", self.directory / "file")
        self.assert_exit(done, NOT_AS_ASKED)
        self.assertIn("Nothing was changed on any BMC.", done.err)
        self.assert_outcomes(vault.json("check", "--all"), {"bmc01": "as-in-vault"})

    def test_another_board_of_that_name_gets_a_certificate_of_its_own(self):
        fleet = self.start(Practice(count=2))
        vault = Vault.create(self.directory, fleet.inventory("bmc01"))
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        _, certificate = self.wipe(vault, "bmc01")
        first = certificate.read_bytes()
        other = fleet.inventory("bmc02").replace("bmc02", "bmc01")
        self.assert_exit(vault.import_csv(other), AS_ASKED)
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        self.wipe(vault, "bmc01")
        self.assertEqual(certificate.read_bytes(), first)
        second = certificate.parent / "bmc01-2.certificate.json"
        self.assertTrue(openssl_verifies(second))
        verified = vault.run("deprovision", "--verify", second)
        self.assertIn("It says: bmc01 (serial SN-", verified.out)
        self.assertIn("): wiped", verified.out)
        self.assert_exit(vault.run("deprovision", "--verify", second, certificate), USAGE)
        self.assert_exit(vault.run("deprovision", "--verify", second, "--signer", ""), USAGE)
        key = vault.json("vault", "info").objects[0]["signing_key"]
        self.assert_exit(vault.run("deprovision", "--verify", second, "--signer", key), AS_ASKED)

    def test_a_held_board_gets_no_certificate(self):
        fleet = self.start(Practice())
        vault = Vault.create(self.directory, fleet.inventory(*fleet.names))
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        self.assert_exit(vault.json("bmc", "hold", "bmc01", "--until", "2099-01-01", "--reason", "later"), AS_ASKED)
        done = vault.json("deprovision", "bmc01", "--yes", "--reason", "sold", "--output", self.directory / "out")
        self.assert_exit(done, NOT_AS_ASKED)
        self.assertEqual([each["type"] for each in done.objects], ["bmc", "summary"], "no certificate of nothing")
        self.assertIn("bmc01", vault.json("bmc", "list").bmcs)

    def test_nobody_confirms_by_accident(self):
        fleet = self.start(Practice())
        vault = Vault.create(self.directory, fleet.inventory(*fleet.names))
        for arguments in (("bmc01",), ("bmc01", "--yes"), (), ("--all",)):
            self.assert_exit(vault.json("deprovision", *arguments), USAGE)
        planned = vault.run("deprovision", "bmc01", "--dry-run")
        self.assert_exit(planned, AS_ASKED)
        self.assertIn("bmc01", vault.json("bmc", "list").bmcs)

    def test_the_page_can_be_printed(self):
        chromium = shutil.which("chromium")
        fleet = self.start(Practice(count=2))
        vault = Vault.create(self.directory, fleet.inventory(*fleet.names))
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        out = self.directory / "out"
        self.assert_exit(vault.json("deprovision", "bmc[01-02]", "--yes", "--reason", "<b>sold</b>", "--output", out), AS_ASKED)
        page = out / "bmc01.certificate.html"
        self.assertNotIn("<b>sold</b>", page.read_text(encoding="utf-8"), "text is not markup")
        self.assertEqual(len(list(out.glob("deprovisioned-*.html"))), 1, "one page for the pallet")
        self.assertIsNotNone(chromium, "the browser that prints it is installed by install-dependencies.sh")
        pdf = out / "page.pdf"
        printed = subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             f"--user-data-dir={out}/profile", "--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri()],
            check=False, capture_output=True, timeout=120,
        )  # fmt: skip
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertEqual(pathlib.Path(pdf).read_bytes()[:5], b"%PDF-")
