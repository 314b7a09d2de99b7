"""Other ways to be reached: pyghmi's BMC with a K_G, and IPv6."""

from bmcs import IpmiSim, PyghmiBmc
from clients import Ipmitool, Pyghmi
from program import AS_ASKED, ATTENTION, FleetTest, Vault

K_G = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"


class PyghmisBmc(FleetTest):
    def test_check_logs_in_under_suite_3_and_names_the_k_g(self):
        bmc = self.start(PyghmiBmc(k_g=K_G))
        vault = Vault.create(self.directory, bmc.inventory())
        check = vault.json("check", "--all")
        self.assert_exit(check, AS_ASKED)
        self.assert_outcomes(check, {"pyghmi": "as-in-vault"})
        self.assertEqual(check.bmcs["pyghmi"]["k_g_version"], 1)
        self.assert_no_failed_login(check)
        credential = self.assert_vault_holds_the_live_credential(vault, "pyghmi", Ipmitool(bmc.address, bmc.port))
        self.assertEqual(credential.k_g, K_G)

    def test_check_without_a_login_does_not_ask_for_the_k_g(self):
        bmc = self.start(PyghmiBmc(k_g=K_G))
        vault = Vault.create(self.directory, bmc.inventory())
        check = vault.json("check", "--all", "--no-login")
        self.assert_outcomes(check, {"pyghmi": "as-in-vault"})
        self.assertEqual(check.bmcs["pyghmi"]["k_g"], "not-asked")
        self.assertIsNone(check.bmcs["pyghmi"]["k_g_version"])

    def test_a_k_g_that_the_vault_does_not_know_is_named_and_nothing_is_guessed(self):
        bmc = self.start(PyghmiBmc(k_g=K_G))
        bmc.k_g = ""
        vault = Vault.create(self.directory, bmc.inventory())
        check = vault.json("check", "--all", "--timeout", "2s")
        self.assert_exit(check, ATTENTION)
        self.assert_outcomes(check, {"pyghmi": "k_g-unknown"})
        self.assert_no_failed_login(check)


class Ipv6(FleetTest):
    def test_a_rotation_over_ipv6_is_proved(self):
        sim = self.start(IpmiSim(address="::1"))
        vault = Vault.create(self.directory, sim.inventory())
        rotate = vault.json("rotate", "--all")
        self.assert_exit(rotate, AS_ASKED)
        self.assert_outcomes(rotate, {"sim": "settled-16"})
        self.assertEqual(rotate.bmcs["sim"]["address"], f"[::1]:{sim.port}")
        self.assert_vault_holds_the_live_credential(vault, "sim", Ipmitool("::1", sim.port))


class PyghmisClient(FleetTest):
    def test_it_logs_in_to_ipmi_sim_after_a_rotation(self):
        sim = self.start(IpmiSim())
        vault = Vault.create(self.directory, sim.inventory())
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        self.assert_vault_holds_the_live_credential(vault, "sim", Pyghmi(sim.address, sim.port))
