"""BMCs that missed rotations, were reset, changed places or had something set by hand, brought back by `recover`: real
servers, real clients that make the mess and judge the result, and not one rejected login."""

import datetime
import socket
import subprocess

from bmcs import INVENTORY_HEADER, IpmiSim, Practice, PyghmiBmc, inventory_line, unused_address
from clients import Ipmitool
from program import AS_ASKED, ATTENTION, CRASHABLE, NOT_AS_ASKED, USAGE, FleetTest, Vault, finish, write_private

# One rejected login locks the account for good: the client at the end would be refused.
NO_FORGIVENESS = ("bad-password-threshold=1", "lockout-ms=0")
SIGKILLED = -9
IP_PKTINFO = 8  # <linux/in.h>; Python 3.11 does not name it
ROUND_TRIPS_OF_A_FIRST_CHECK = 14  # questions without a session, one handshake, identity, rights, close


class StragglersTest(FleetTest):
    def import_passwords(self, vault, name, *passwords):
        file = self.directory / f"{name}.txt"
        write_private(file, "".join(f"{password}\n" for password in passwords))
        imported = vault.run("bmc", "import-passwords", str(file))
        self.assert_exit(imported, AS_ASKED)
        return imported

    def assert_no_password_in(self, result, passwords):
        for password in passwords:
            self.assertNotIn(password, result.out + result.err)

    @staticmethod
    def forget_slots(vault):
        """These BMCs have slots enough: what was left half-open need not be waited for."""
        subprocess.run(["find", str(vault.directory / "locks"), "-type", "f", "-delete"], check=True)


class SilentAddresses(StragglersTest):
    """What was sent to a port of many addresses, in the order of arrival; nothing is answered."""

    def setUp(self):
        super().setUp()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self.socket.bind(("0.0.0.0", 0))
        self.socket.setblocking(False)

    def asked(self):
        addresses = []
        while True:
            try:
                _, ancillary, _, _ = self.socket.recvmsg(2048, 256)
            except BlockingIOError:
                return addresses
            addresses += [socket.inet_ntoa(data[8:12]) for _, kind, data in ancillary if kind == IP_PKTINFO]

    def test_are_asked_side_by_side(self):
        port = self.socket.getsockname()[1]
        addresses = [f"127.44.0.{n}" for n in range(1, 9)]
        lines = [f"silent{n},{address},{port},ADMIN,one-password-{n}\n" for n, address in enumerate(addresses)]
        fleet = self.start(Practice(count=2))
        vault = Vault.create(self.directory, "name,address,port,username,password\n" + "".join(lines))
        vault.import_csv(fleet.csv)
        until = (datetime.date.today() + datetime.timedelta(days=30)).isoformat()
        self.assert_exit(vault.run("bmc", "hold", "bmc02", "--until", until, "--reason", "at work"), AS_ASKED)
        recover = vault.json("recover", "--all", "--timeout", "3s")
        self.assert_exit(recover, NOT_AS_ASKED)
        outcomes = {name: row["outcome"] for name, row in recover.bmcs.items()}
        self.assertEqual((outcomes.pop("bmc01"), outcomes.pop("bmc02")), ("recovered", "held"))
        self.assertEqual(set(outcomes.values()), {"unreachable"})
        self.assertEqual(recover.summary["total"], len(addresses) + 2)
        asked = self.asked()
        self.assertEqual(sorted(asked[: len(addresses)]), sorted(addresses), "one was asked again before the last")
        self.assertGreater(len(asked), len(addresses), "nothing was repeated")


class AmongAThousand(StragglersTest):
    def test_one_handshake_names_ipmi_sims_password_by_its_label(self):
        sim = self.start(IpmiSim(password="the-old-one-0731"))
        vault = Vault.create(self.directory, sim.inventory(password=""))
        listed = [f"the-old-one-{n:04}" for n in range(1000)]
        imported = self.import_passwords(vault, "shared", *listed)
        self.assertIn("1,000", imported.out.replace("1000", "1,000"))

        check = vault.json("check", "--all")
        self.assert_exit(check, ATTENTION)
        self.assert_outcomes(check, {"sim": "older-version"})
        self.assertIn("shared #732", check.bmcs["sim"]["detail"])
        self.assertLessEqual(check.bmcs["sim"]["round_trips"], ROUND_TRIPS_OF_A_FIRST_CHECK)
        self.assert_no_failed_login(check)

        # A list shows nothing about whose board it is: a person has to say so.
        stranger = vault.json("recover", "--all")
        self.assert_outcomes(stranger, {"sim": "blocked"})
        self.assertTrue(Ipmitool(sim.address, sim.port).log_in(sim.USER, sim.password).accepted, "it was touched")
        recover = vault.json("recover", "--all", "--first-contact")
        self.assert_exit(recover, AS_ASKED)
        self.assertIn("password-from: shared #732", recover.bmcs["sim"]["detail"])
        self.assert_no_failed_login(recover)
        self.assert_vault_holds_the_live_credential(vault, "sim", Ipmitool(sim.address, sim.port))
        for result in (imported, check, stranger, recover, vault.run("log"), vault.run("history", "sim")):
            self.assert_no_password_in(result, ["the-old-one"])

    def test_one_handshake_names_pyghmis_k_g_among_a_hundred(self):
        k_gs = [f"{n:02x}" * 20 for n in range(1, 101)]
        bmc = self.start(PyghmiBmc(k_g=k_gs[56]))
        others = "".join(
            inventory_line(f"other{n:03}", unused_address(), 623, "ADMIN", "", k_g)
            for n, k_g in enumerate(k_gs, start=1)
        )
        own = inventory_line("pyghmi", bmc.address, bmc.port, bmc.USER, bmc.password)
        vault = Vault.create(self.directory, INVENTORY_HEADER + own + others)
        alone = vault.json("check", "pyghmi")
        self.assert_outcomes(alone, {"pyghmi": "k_g-unknown"})
        self.assert_no_failed_login(alone)
        self.forget_slots(vault)
        check = vault.json("check", "pyghmi", "--history-of", "other[001-100]")
        self.assertIn("k_g-from: other057 version 1", check.bmcs["pyghmi"]["detail"])
        self.assert_no_failed_login(check)
        recover = vault.json("recover", "pyghmi", "--fleet-history", "--first-contact", "--find-only")
        self.assert_outcomes(recover, {"pyghmi": "recovered"})
        self.assert_no_failed_login(recover)
        self.assert_outcomes(vault.json("check", "pyghmi"), {"pyghmi": "as-in-vault"})

    def test_more_than_ten_thousand_are_refused(self):
        bmc = self.start(PyghmiBmc())
        vault = Vault.create(self.directory, bmc.inventory())
        file = self.directory / "dictionary.txt"
        write_private(file, "".join(f"word {n}\n" for n in range(10_001)))
        refused = vault.run("bmc", "import-passwords", str(file))
        self.assert_exit(refused, USAGE)
        self.assertIn("10,000", refused.err.replace("10000", "10,000"))


class AFleetWithStragglers(StragglersTest):
    """A third missed one rotation, some missed five, some were reset, some were set by hand, some have a foreign K_G."""

    MISSED_ONE = [f"bmc{n:02}" for n in range(1, 7)]
    MISSED_FIVE = ["bmc07", "bmc08"]
    RESET = ["bmc09", "bmc10"]
    BY_HAND = ["bmc11", "bmc12"]  # with passwords of an old list
    FOREIGN = ["bmc13", "bmc14"]
    FOREIGN_K_G = ["bmc15"]
    UNTOUCHED = ["bmc16", "bmc17", "bmc18"]

    def set_password(self, vault, name, password):
        """As somebody at the console, or a restored backup, would leave it."""
        credential = vault.reveal(name)
        client = Ipmitool(*self.practice.place(name))
        done = client.run(credential.user, credential.password, credential.k_g, "user", "set", "password", "2", password, "20")
        self.assertTrue(done.accepted, done)

    def test_recover_brings_back_all_but_the_foreign_ones_and_names_those(self):
        self.practice = self.start(Practice(count=18, quirks=NO_FORGIVENESS))
        vault = Vault.create(self.directory, self.practice.csv)
        for _ in range(6):
            self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        listed = ("Shared-by-us-in-2017", "Shared-by-us-in-2018")
        self.import_passwords(vault, "old-list", *listed)
        for name in self.MISSED_ONE:
            self.set_password(vault, name, vault.reveal(name, version=6).password)
        for name in self.MISSED_FIVE:
            self.set_password(vault, name, vault.reveal(name, version=2).password)
        for name in self.RESET:
            self.set_password(vault, name, "calvin")
        for name, password in zip(self.BY_HAND, listed, strict=True):
            self.set_password(vault, name, password)
        for name in self.FOREIGN:
            self.set_password(vault, name, "nobody knows " + name)
        for name in self.FOREIGN_K_G:
            credential = vault.reveal(name)
            client = Ipmitool(*self.practice.place(name))
            unknown = [f"0x{byte:02x}" for byte in b"a K_G from elsewhere"]
            done = client.run(credential.user, credential.password, None, "raw", "6", "0x56", "1", "1", "1", *unknown)
            self.assertTrue(done.accepted, done)

        words = dict.fromkeys(self.MISSED_ONE + self.MISSED_FIVE + self.BY_HAND, "older-version")
        words |= dict.fromkeys(self.RESET, "vendor-default") | dict.fromkeys(self.FOREIGN, "foreign")
        words |= dict.fromkeys(self.FOREIGN_K_G, "k_g-unknown") | dict.fromkeys(self.UNTOUCHED, "as-in-vault")
        check = vault.json("check", "--all")
        self.assert_exit(check, ATTENTION)
        self.assert_outcomes(check, words)
        self.assert_no_failed_login(check)

        self.forget_slots(vault)
        lost = self.FOREIGN + self.FOREIGN_K_G
        found = [name for name in self.practice.names if name not in lost + self.UNTOUCHED]
        recover = vault.json("recover", "--all")
        self.assert_exit(recover, NOT_AS_ASKED)
        expected = dict.fromkeys(found, "recovered") | dict.fromkeys(self.UNTOUCHED, "already-current")
        self.assert_outcomes(recover, expected | dict.fromkeys(lost, "quarantined"))
        self.assert_no_failed_login(recover)
        for name in self.RESET:
            self.assertIn("factory-reset", recover.bmcs[name]["detail"])
        for name in [*found, *self.UNTOUCHED]:
            client = Ipmitool(*self.practice.place(name), suite=17)
            self.assert_vault_holds_the_live_credential(vault, name, client)
        for result in (check, recover, vault.run("log")):
            self.assert_no_password_in(result, [*listed, "nobody knows"])


class FourSlots(StragglersTest):
    """Half-open handshakes rest for a minute, dead sessions too, and there are four slots in all."""

    QUIRKS = (*NO_FORGIVENESS, "session-slots=4", "half-open-ms=60000", "inactivity-ms=60000", "default-account")

    def setUp(self):
        super().setUp()
        self.practice = self.start(Practice(quirks=self.QUIRKS))
        (self.name,) = self.practice.names
        self.vault = Vault.create(self.directory, self.practice.csv)

    def assert_another_client_gets_in(self):
        """With an account of its own, so that a rotation that is under way does not matter."""
        login = Ipmitool(*self.practice.place(self.name)).log_in("root", "root")
        self.assertTrue(login.accepted, login)

    def test_processes_that_are_killed_one_after_the_other_leave_room_for_another_client(self):
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        for _ in range(2):  # each leaves its kept session behind
            killed = finish(self.start_rotation("after-probe"))
            self.assert_exit(killed, SIGKILLED)
            self.assert_another_client_gets_in()
        # A kept session beside the two that were left is the third; the proof has to wait for them.
        last = self.start_rotation("")
        self.assert_another_client_gets_in()
        result = finish(last)
        self.assert_exit(result, AS_ASKED)
        self.assert_no_failed_login(result)
        self.assertGreater(result.bmcs[self.name]["elapsed_ms"], 30_000, "it did not wait")
        self.assert_vault_holds_the_live_credential(self.vault, self.name, Ipmitool(*self.practice.place(self.name)))

    def start_rotation(self, kill_at):
        env = {"BMCVAULT_TEST_KILL_AT": kill_at} if kill_at else {}
        return self.vault.start("rotate", "--all", "--fresh", "--json", program=CRASHABLE, env=env)

    def test_a_question_without_login_is_waited_out_by_the_next_process(self):
        asked = self.vault.json("check", "--all", "--no-login")
        self.assert_outcomes(asked, {self.name: "as-in-vault"})
        self.assert_another_client_gets_in()
        check = self.vault.json("check", "--all")
        self.assert_outcomes(check, {self.name: "as-in-vault"})
        self.assertGreater(check.bmcs[self.name]["elapsed_ms"], 30_000, "it did not wait")


class KilledInRecovery(StragglersTest):
    def test_wherever_recovery_is_killed_the_next_one_finds_the_live_password(self):
        practice = self.start(Practice(quirks=NO_FORGIVENESS))
        (name,) = practice.names
        client = Ipmitool(*practice.place(name))
        vault = Vault.create(self.directory, practice.csv)
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        self.import_passwords(vault, "old-list", "Shared-by-us-in-2017")
        steps = self.directory / "steps"
        kill_at = 0
        survived = False
        while not survived:
            kill_at += 1
            credential = vault.reveal(name)
            done = client.run(credential.user, credential.password, None, "user", "set", "password", "2",
                              "Shared-by-us-in-2017", "20")
            self.assertTrue(done.accepted, done)
            env = {"BMCVAULT_TEST_KILL_AT": str(kill_at), "BMCVAULT_TEST_STEP_LOG": str(steps)}
            run = finish(vault.start("recover", "--all", "--json", program=CRASHABLE, env=env))
            survived = run.exit_code != SIGKILLED
            self.forget_slots(vault)
            again = vault.json("recover", "--all")
            self.assert_exit(again, AS_ASKED)
            self.assert_no_failed_login(again)
            self.assert_vault_holds_the_live_credential(vault, name, client)
        self.assertGreater(kill_at, 12, "there are more steps than that")


class OnFourSlots(StragglersTest):
    def test_another_client_logs_in_throughout(self):
        """A monitoring system with an account of its own, while we check, rotate, and look for a password in vain."""
        fleet = self.start(Practice(quirks=("session-slots=4", "half-open-ms=60000", "default-account")))
        vault = Vault.create(self.directory, fleet.csv)
        monitoring = Ipmitool(*fleet.place("bmc01"))

        def while_it_logs_in(*words):
            run = vault.start(*words, "--json")
            logins = []
            while run.poll() is None:
                logins.append(monitoring.log_in("root", "root"))
            self.assertGreater(len(logins), 0)
            self.assertEqual([str(login) for login in logins if not login.accepted], [], words)
            return finish(run)

        self.assert_exit(while_it_logs_in("check", "--all"), AS_ASKED)
        self.assert_exit(while_it_logs_in("rotate", "--all"), AS_ASKED)
        self.assert_exit(while_it_logs_in("check", "--all"), AS_ASKED)
        credential = vault.reveal("bmc01")
        changed = monitoring.run(credential.user, credential.password, None, "user", "set", "password",
                                 "2", "set-by-hand-1", "20")
        self.assertTrue(changed.accepted, changed)
        for words, outcome in ((("check", "--all"), "foreign"), (("recover", "--all"), "quarantined")):
            result = while_it_logs_in(*words)
            self.assert_outcomes(result, {"bmc01": outcome})
            self.assert_no_failed_login(result)
        self.assertTrue(monitoring.log_in(credential.user, "set-by-hand-1").accepted, "its account is locked")
