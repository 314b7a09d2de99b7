"""A rotation against a BMC server that nobody here wrote: Debian's ipmi_sim. It says OK to 20 bytes, keeps 16 of them,
and leaves the tail of a longer old password in place."""

from bmcs import INVENTORY_HEADER, IpmiSim, inventory_line, unused_address
from clients import FreeIpmi, Ipmitool
from program import AS_ASKED, ATTENTION, NOT_AS_ASKED, FleetTest, Vault, contents


class RotationOfIpmiSim(FleetTest):
    def vault_with(self, sim, **inventory):
        return Vault.create(self.directory, sim.inventory(**inventory))

    def test_check_finds_the_imported_password_without_a_failed_login(self):
        sim = self.start(IpmiSim())
        vault = self.vault_with(sim)
        for _ in range(2):
            check = vault.json("check", "--all")
            self.assert_exit(check, AS_ASKED)
            self.assert_outcomes(check, {"sim": "as-in-vault"})
            self.assert_no_failed_login(check)

    def test_rotation_settles_on_16_bytes_that_ipmitool_logs_in_with(self):
        sim = self.start(IpmiSim())
        vault = self.vault_with(sim)
        rotate = vault.json("rotate", "--all", "--reason", "test")
        self.assert_exit(rotate, AS_ASKED)
        self.assert_outcomes(rotate, {"sim": "settled-16"})
        self.assert_no_failed_login(rotate)
        client = Ipmitool(sim.address, sim.port)
        credential = self.assert_vault_holds_the_live_credential(vault, "sim", client)
        self.assertEqual((credential.size, len(credential.password)), (16, 16))
        self.assertFalse(client.log_in(sim.USER, sim.password).accepted, "the old password still opens it")
        free_ipmi = FreeIpmi(sim.address, sim.port, workarounds="opensesspriv")
        self.assert_vault_holds_the_live_credential(vault, "sim", free_ipmi)
        self.assert_outcomes(vault.json("check", "--all"), {"sim": "as-in-vault"})

    def test_the_tail_of_a_19_byte_password_stays_and_the_vault_knows_the_hybrid(self):
        sim = self.start(IpmiSim(password="nineteen-bytes-long"))
        vault = self.vault_with(sim)
        rotate = vault.json("rotate", "--all")
        self.assert_exit(rotate, AS_ASKED)
        self.assert_outcomes(rotate, {"sim": "settled-16"})
        self.assertIn("old-tail-kept", rotate.bmcs["sim"]["detail"])
        self.assert_no_failed_login(rotate)
        client = Ipmitool(sim.address, sim.port)
        credential = self.assert_vault_holds_the_live_credential(vault, "sim", client)
        self.assertEqual(credential.password[16:], "ong")
        self.assertFalse(client.log_in(sim.USER, credential.password[:16]).accepted, "the tail did not matter")
        self.assertFalse(client.log_in(sim.USER, sim.password).accepted, "the old password still opens it")

    def test_a_second_rotation_needs_no_detour(self):
        sim = self.start(IpmiSim())
        vault = self.vault_with(sim)
        first = vault.json("rotate", "--all")
        second = vault.json("rotate", "--all")
        self.assert_outcomes(second, {"sim": "settled-16"})
        self.assert_exit(second, AS_ASKED)
        self.assertLess(second.bmcs["sim"]["round_trips"], first.bmcs["sim"]["round_trips"])
        self.assert_no_failed_login(second)
        self.assert_vault_holds_the_live_credential(vault, "sim", Ipmitool(sim.address, sim.port))

    def test_put_back_brings_the_previous_password_as_a_new_version(self):
        sim = self.start(IpmiSim())
        vault = self.vault_with(sim)
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        before = vault.reveal("sim")
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        put_back = vault.json("rotate", "sim", "--put-back", "--reason", "monitoring has the old one")
        self.assert_exit(put_back, AS_ASKED)
        self.assert_outcomes(put_back, {"sim": "put-back"})
        after = self.assert_vault_holds_the_live_credential(vault, "sim", Ipmitool(sim.address, sim.port))
        self.assertEqual(after.password, before.password)
        self.assertGreater(after.version, before.version)

    def test_a_bmc_without_k_g_is_a_recorded_fact_not_a_failure(self):
        sim = self.start(IpmiSim())
        vault = self.vault_with(sim)
        for _ in range(2):
            rotate = vault.json("rotate", "--all", "--k-g")
            self.assert_exit(rotate, AS_ASKED)
            self.assert_outcomes(rotate, {"sim": "settled-16"})
            self.assertIn("k_g-not-supported", rotate.bmcs["sim"]["detail"])
            self.assertIsNone(rotate.bmcs["sim"]["k_g_version"])
        self.assertIs(vault.json("bmc", "show", "sim").objects[0]["k_g_supported"], False)
        credential = self.assert_vault_holds_the_live_credential(vault, "sim", Ipmitool(sim.address, sim.port))
        self.assertIsNone(credential.k_g)

    def test_a_k_g_that_the_vault_knows_is_used_and_named(self):
        sim = self.start(IpmiSim(k_g_text="nineteen-byte-k_g-1"))
        vault = self.vault_with(sim)
        check = vault.json("check", "--all")
        self.assert_exit(check, AS_ASKED)
        self.assertEqual(check.bmcs["sim"]["k_g_version"], 1)
        self.assert_outcomes(vault.json("rotate", "--all"), {"sim": "settled-16"})
        credential = self.assert_vault_holds_the_live_credential(vault, "sim", Ipmitool(sim.address, sim.port))
        self.assertEqual(credential.k_g, sim.k_g)

    def test_a_duplicate_name_in_another_slot_is_left_alone(self):
        sim = self.start(IpmiSim(other_users=[(8, IpmiSim.USER, "of-someone-else")]))
        vault = self.vault_with(sim)
        rotate = vault.json("rotate", "--all")
        client = Ipmitool(sim.address, sim.port)
        credential = self.assert_vault_holds_the_live_credential(vault, "sim", client)
        if rotate.exit_code != AS_ASKED:  # without Get Session Info nobody can tell the two apart
            self.assert_outcomes(rotate, {"sim": "refused"})
            self.assertEqual(credential.password, sim.password)
        disabled = client.run(credential.user, credential.password, None, "user", "disable", "2")
        self.assertTrue(disabled.accepted, disabled)
        self.assertTrue(client.log_in(IpmiSim.USER, "of-someone-else").accepted)


class WhatGoesWrongOnTheWire(FleetTest):
    def test_a_wrong_imported_password_is_foreign_and_nothing_is_changed(self):
        sim = self.start(IpmiSim())
        vault = Vault.create(self.directory, sim.inventory(password="not-the-password"))
        check = vault.json("check", "--all")
        self.assert_exit(check, ATTENTION)
        self.assert_outcomes(check, {"sim": "foreign"})
        self.assert_no_failed_login(check)
        rotate = vault.json("rotate", "--all")
        self.assert_exit(rotate, NOT_AS_ASKED)
        self.assert_outcomes(rotate, {"sim": "quarantined"})
        self.assert_no_failed_login(rotate)
        self.assertEqual(list(vault.history("sim")), [1], "something was staged")
        client = Ipmitool(sim.address, sim.port)
        self.assertTrue(client.log_in(sim.USER, sim.password).accepted, "the password was changed")

    def test_no_answer_and_an_unknown_host_are_named_and_nothing_is_staged(self):
        nobody = unused_address()
        csv = INVENTORY_HEADER + inventory_line("silent", nobody, 9623, "ADMIN", "ADMIN")
        csv += inventory_line("nowhere", "no-such-host.invalid", 623, "ADMIN", "ADMIN")
        vault = Vault.create(self.directory, csv)
        check = vault.json("check", "--all", "--timeout", "1s")
        self.assert_exit(check, ATTENTION)
        self.assert_outcomes(check, {"silent": "no-answer", "nowhere": "unreachable"})
        rotate = vault.json("rotate", "--all", "--timeout", "1s")
        self.assert_exit(rotate, NOT_AS_ASKED)
        self.assert_outcomes(rotate, {"silent": "unreachable", "nowhere": "unreachable"})
        self.assertIn("no-such-host.invalid", rotate.out)
        for name in ("silent", "nowhere"):
            self.assertEqual(list(vault.history(name)), [1])
            self.assertIn(name, rotate.err)

    def test_a_dry_run_sends_and_stores_nothing(self):
        vault = Vault.create(self.directory, INVENTORY_HEADER + inventory_line("sim", unused_address(), 9623, "A", "b"))
        before = contents(vault.directory)
        planned = vault.json("rotate", "--all", "--k-g", "--dry-run")
        self.assert_exit(planned, AS_ASKED)
        self.assert_outcomes(planned, {"sim": "planned"})
        self.assertEqual(contents(vault.directory), before)
