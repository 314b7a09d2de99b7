"""Backup, restore, and an older vault put back, as their user does them: with a fleet that has gone on meanwhile."""

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
        self.assertIn("bmcvault check --all", restored.err)
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
        for command in (("rotate", "--all"), ("check", "--all"), ("reveal", "bmc01"), ("bmc", "remove", "bmc01"),
                        ("vault", "backup", str(self.backup)), ("vault", "verify")):
            refused = self.vault.json(*command)
            self.assert_exit(refused, DAMAGED)
            self.assertIn("rolled back", refused.err)
            self.assertIn("vault accept-restore --reason", refused.err)

        self.assert_exit(self.vault.json("vault", "accept-restore"), USAGE)
        accepted = self.vault.json("vault", "accept-restore", "--reason", "disk lost")
        self.assert_exit(accepted, AS_ASKED)
        self.assertEqual(set(self.vault.history("bmc01").values()), {"unknown", "previous"})
        self.assert_exit(self.vault.json("status"), ATTENTION)
        check = self.vault.json("check", "--all")
        self.assert_exit(check, AS_ASKED)
        self.assert_no_failed_login(check)
        self.assert_exit(self.vault.json("status"), AS_ASKED)
        self.assert_exit(self.vault.json("rotate", "--all"), AS_ASKED)
