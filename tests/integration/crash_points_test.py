"""kill -9 at every step boundary of a rotation: afterwards `recover` brings the vault and the BMC together, an
independent client logs in with what the vault reveals, and nobody's login has failed on the way."""

import concurrent.futures
import contextlib
import shutil

from bmcs import IpmiSim, Practice
from clients import Ipmitool
from program import AS_ASKED, CRASHABLE, FleetTest, Vault

SIGKILLED = -9
AT_ONCE = 16  # most of a rotation is waiting
# One rejected login locks the account of these virtual BMCs for good: the client at the end would be refused.
NO_FORGIVENESS = ("bad-password-threshold=1", "lockout-ms=0")


class OneBmc:
    """A BMC that no other crash has seen, and a vault that knows it, to be copied."""

    def __init__(self, name, address, port, vault):
        self.name = name
        self.vault = vault
        self.client = Ipmitool(address, port)


class EveryCrashPoint(FleetTest):
    def fresh_vault(self, bmc):
        """A copy, because unlocking is what takes most of the time here."""
        vault = Vault(self.new_directory())
        shutil.copytree(bmc.vault.directory, vault.directory)
        return vault

    def survey(self, bmc):
        """The step boundaries of a rotation that nothing disturbs."""
        vault = self.fresh_vault(bmc)
        log = vault.directory.parent / "steps"
        rotate = vault.json("rotate", bmc.name, "--k-g", program=CRASHABLE, env={"BMCVAULT_TEST_STEP_LOG": str(log)})
        self.assert_exit(rotate, AS_ASKED)
        self.assert_vault_holds_the_live_credential(vault, bmc.name, bmc.client)
        return log.read_text(encoding="ascii").splitlines()

    def crash_and_recover(self, bmc, kills):
        """Kills the rotation at the first of `kills`, a recovery at each later one; then recovers in peace."""
        vault = self.fresh_vault(bmc)
        command = ("rotate", bmc.name, "--k-g")
        for kill in kills:
            crashed = vault.json(*command, program=CRASHABLE, env={"BMCVAULT_TEST_KILL_AT": str(kill)})
            if command[0] == "rotate":
                self.assert_exit(crashed, SIGKILLED)
            else:
                self.assertIn(crashed.exit_code, (SIGKILLED, AS_ASKED), crashed)
            command = ("recover", bmc.name)
        recover = vault.json("recover", bmc.name)
        self.assert_exit(recover, AS_ASKED)
        self.assert_no_failed_login(recover)
        credential = self.assert_vault_holds_the_live_credential(vault, bmc.name, bmc.client)
        self.assertFalse(credential.pending)
        # "shared": live and the vault's, and the fleet that it was copied with has it too. So it was before the rotation.
        check = vault.json("check", bmc.name)
        self.assertIn(check.outcomes[bmc.name], ("as-in-vault", "shared"), check)

    def crash_everywhere(self, new_bmc, kills_of=lambda point: (point,)):
        steps = self.survey(new_bmc())
        self.assertGreater(len(steps), 10, steps)

        def one(point):
            self.crash_and_recover(new_bmc(), kills_of(point))

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            running = {pool.submit(one, point): point for point in range(1, len(steps) + 1)}
            for done in concurrent.futures.as_completed(running):
                point = running[done]
                with self.subTest(killed_at=f"{point}: {steps[point - 1]}"):
                    done.result()

    def crash_a_practice_fleet_everywhere(self, *quirks, **options):
        # The longest rotation has fewer boundaries than this.
        practice = self.start(Practice(count=120, quirks=[*NO_FORGIVENESS, *quirks]))
        fresh = iter(practice.names)
        vault = Vault.create(self.directory, practice.csv)

        def new_bmc():
            name = next(fresh)
            return OneBmc(name, *practice.place(name), vault)

        self.crash_everywhere(new_bmc, **options)

    def test_ipmi_sim(self):
        empty = Vault.create(self.directory)
        with contextlib.ExitStack() as sims:

            def new_bmc():
                sim = sims.enter_context(IpmiSim())
                vault = Vault(self.new_directory())
                shutil.copytree(empty.directory, vault.directory)
                self.assert_exit(vault.import_csv(sim.inventory("sim")), AS_ASKED)
                return OneBmc("sim", sim.address, sim.port, vault)

            self.crash_everywhere(new_bmc)

    def test_password_and_k_g(self):
        self.crash_a_practice_fleet_everywhere()

    def test_a_bmc_that_keeps_the_old_tail(self):
        self.crash_a_practice_fleet_everywhere("keeps-old-tail")

    def test_a_bmc_that_applies_and_loses_the_reply(self):
        self.crash_a_practice_fleet_everywhere("applies-and-loses-reply")

    def test_a_bmc_that_cannot_take_two_writes_in_one_second(self):
        self.crash_a_practice_fleet_everywhere("breaks-on-two-writes-in-one-second")

    def test_a_second_crash_in_the_recovery(self):
        self.crash_a_practice_fleet_everywhere(kills_of=lambda point: (point, 1 + point % 6, 2 + point % 3))
