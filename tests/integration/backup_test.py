"""Backup, restore, and an older vault put back, as their user does them: with a fleet that has gone on meanwhile."""

import datetime
import shutil

from bmcs import Practice
from program import AS_ASKED, ATTENTION, DAMAGED, USAGE, FleetTest, Vault


class BackupAndRestore(FleetTest):
    def setUp(self):
        super().setUp()
        self.practice = self.start(Practice(count=2))
        self.vault = Vault.create(self.directory, self.practice.inventory(*self.practice.names))
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        self.backup = self.directory / "one.bmcvault"

    def back_up(self):
        result = self.vault.json("vault", "backup", str(self.backup), "--reason", "weekly")
        self.assert_exit(result, AS_ASKED)
        return result

    def put_back(self, copy):
        shutil.rmtree(self.vault.directory)
        shutil.copytree(copy, self.vault.directory)

    def test_a_restored_vault_opens_the_fleet(self):
        made = self.back_up()
        self.assertEqual(made.objects[0]["credential_versions"], 4)
        self.assertEqual(made.objects[0]["slots"], ["argon2id passphrase"])
        verified = self.vault.json("vault", "verify", str(self.backup))
        self.assert_exit(verified, AS_ASKED)
        self.assertEqual(verified.objects[0], made.objects[0])

        shutil.rmtree(self.vault.directory)
        restored = self.vault.json("vault", "restore", str(self.backup))
        self.assert_exit(restored, AS_ASKED)
        self.assertIn(f"next: bmcvault --vault {self.vault.directory} check --all", restored.err)
        self.assert_exit(self.vault.json("check", "--all"), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)

    def test_nothing_is_overwritten(self):
        self.back_up()
        again = self.vault.run("vault", "backup", str(self.backup))
        self.assert_exit(again, USAGE)
        self.assertIn("exists already", again.err)
        self.assert_exit(self.vault.run("vault", "restore", str(self.backup)), USAGE)
        self.backup.write_bytes(self.backup.read_bytes()[:-1])
        self.assert_exit(self.vault.run("vault", "verify", str(self.backup)), DAMAGED)

    def test_an_older_vault_refuses_to_write_until_it_is_accepted(self):
        copy = self.directory / "copy"
        shutil.copytree(self.vault.directory, copy)
        self.assert_exit(self.vault.json("bmc", "set", "bmc01", "--group", "edge"), AS_ASKED)
        self.put_back(copy)

        looked = self.vault.json("bmc", "list")
        self.assert_exit(looked, AS_ASKED)
        self.assertIn("rolled back", looked.err)
        self.assertIn("vault accept-restore --reason", looked.err)
        status = self.vault.run("status")
        self.assert_exit(status, DAMAGED)
        self.assertIn("rolled back", status.out)
        self.assertNotIn("Nothing needs attention", status.out)
        for command in (("rotate", "--all"), ("check", "--all"), ("reveal", "bmc01"), ("bmc", "remove", "bmc01"),
                        ("vault", "backup", str(self.backup)), ("vault", "verify")):
            refused = self.vault.json(*command)
            self.assert_exit(refused, DAMAGED)
            self.assertIn("rolled back", refused.err)
            self.assertIn("vault accept-restore --reason", refused.err)

        self.assert_exit(self.vault.json("vault", "accept-restore"), USAGE)
        accepted = self.vault.json("vault", "accept-restore", "--reason", "disk lost")
        self.assert_exit(accepted, AS_ASKED)
        self.assertNotIn("rolled back", accepted.err)
        self.assertEqual(set(self.vault.history("bmc01").values()), {"unknown", "previous"})
        self.assert_exit(self.vault.json("status"), ATTENTION)
        check = self.vault.json("check", "--all")
        self.assert_exit(check, AS_ASKED)
        self.assert_no_failed_login(check)
        self.assert_exit(self.vault.json("status"), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)

    def test_where_nothing_is_refused_nothing_is_accepted(self):
        before = self.vault.history("bmc01")
        refused = self.vault.json("vault", "accept-restore", "--reason", "copied from a terminal")
        self.assert_exit(refused, USAGE)
        self.assertIn("there is nothing to accept", refused.err)
        self.assertEqual(self.vault.history("bmc01"), before)
        self.assert_exit(self.vault.json("status"), AS_ASKED)

    def test_a_drill_beside_the_vault_in_use_does_not_stop_it(self):
        self.back_up()
        drill = Vault(self.directory)
        drill.directory = self.directory / "drill"
        restored = drill.run("vault", "restore", str(self.backup))
        self.assert_exit(restored, AS_ASKED)
        self.assertIn(f"use the vault in {self.vault.directory.resolve()}; a drill may look", restored.err)
        self.assertIn(f"bmcvault --vault {drill.directory} vault accept-restore --reason TEXT", restored.err)
        self.assert_exit(drill.json("bmc", "set", "bmc01", "--group", "edge"), DAMAGED)
        self.assert_exit(drill.json("bmc", "list"), AS_ASKED)
        self.assert_exit(drill.json("status"), DAMAGED)
        unasked = drill.json("vault", "accept-restore", "--reason", "drill")
        self.assert_exit(unasked, USAGE)
        self.assertIn("refuse its every change", unasked.err)
        self.assertIn("--yes", unasked.err)
        self.assert_exit(drill.json("check", "--all", env={"BMCVAULT_HEADS": str(self.directory / "drills")}), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
        self.assert_exit(self.vault.json("status"), AS_ASKED)
        self.assert_exit(drill.json("vault", "accept-restore", "--reason", "the other disk is bad", "--yes"), AS_ASKED)
        self.assert_exit(self.vault.json("status"), DAMAGED)

    def test_what_was_rotated_after_the_backup_is_no_stranger(self):
        self.back_up()
        self.assert_exit(self.vault.json("rotate", "bmc01"), AS_ASKED)
        shutil.rmtree(self.vault.directory)
        self.assert_exit(self.vault.json("vault", "restore", str(self.backup)), AS_ASKED)
        self.assert_exit(self.vault.json("vault", "accept-restore", "--reason", "disk lost"), AS_ASKED)
        check = self.vault.json("check", "--all")
        self.assert_exit(check, ATTENTION)
        self.assert_outcomes(check, {"bmc01": "foreign", "bmc02": "as-in-vault"})
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        self.assertIn(f"vault-restored: as of {today}", check.bmcs["bmc01"]["detail"])
        self.assertIn("look for the newer vault", check.err)
        self.assertNotIn("Somebody else changed it", check.err)

    def test_a_damaged_backup_says_nothing_about_the_vault(self):
        self.back_up()
        cut = self.directory / "cut.bmcvault"
        cut.write_bytes(self.backup.read_bytes()[:-1])
        other = Vault(self.directory)
        other.directory = self.directory / "other"
        for command in ("verify", "restore"):
            refused = other.run("vault", command, str(cut))
            self.assert_exit(refused, DAMAGED)
            self.assertIn("This file is no backup, or a damaged one", refused.err)
            self.assertNotIn("copy the vault directory away", refused.err)
