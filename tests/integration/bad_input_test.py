"""Bad input gets a message that names what and where, the exit code of the documents, and changes nothing."""

from bmcs import INVENTORY_HEADER, inventory_line, unused_address
from program import NOT_UNLOCKED, USAGE, FleetTest, Vault, contents


class BadInput(FleetTest):
    def setUp(self):
        super().setUp()
        self.vault = Vault.create(
            self.directory, INVENTORY_HEADER + inventory_line("rack01-bmc", unused_address(), 623, "ADMIN", "secret")
        )
        self.before = contents(self.vault.directory)

    def assert_refused(self, result, *words):
        self.assert_exit(result, USAGE)
        for word in words:
            self.assertIn(word, result.err)
        self.assertEqual(result.out, "")
        self.assertEqual(contents(self.vault.directory), self.before)

    def test_nothing_selected_is_never_everything(self):
        for command in ("rotate", "check", "recover"):
            with self.subTest(command):
                self.assert_refused(self.vault.json(command), "--all")

    def test_an_unknown_selector_is_named(self):
        for selector in ("rack02-bmc", "@no-such-group", "tag:no-such-tag", "rack[01-03]-bmc", "rack[3-"):
            with self.subTest(selector):
                result = self.vault.json("rotate", selector)
                self.assert_refused(result, selector.strip("@").removeprefix("tag:").split("[")[0])

    def test_every_bad_line_of_a_csv_is_named_by_number_and_column_and_nothing_is_imported(self):
        csv = (
            "name,address,port,username,password\n"
            "good,127.0.0.1,623,ADMIN,hidden-word-1\n"
            "bad-port,127.0.0.2,99999,ADMIN,hidden-word-2\n"
            "no-user,127.0.0.3,623,,hidden-word-3\n"
            "long,127.0.0.4,623,ADMIN,hidden-word-that-is-too-long\n"
            "good,127.0.0.5,623,ADMIN,hidden-word-5\n"
            "short,127.0.0.6\n"
        )
        result = self.vault.import_csv(csv)
        self.assert_refused(result, "line 3, column port", "line 4, column username", "line 5, column password")
        self.assert_refused(result, "line 6, column name", "line 7")
        self.assertNotIn("hidden-word", result.err, "a password was repeated")
        self.assertNotIn("line 2,", result.err)

    def test_an_unknown_option_does_not_repeat_what_may_be_a_password(self):
        result = self.vault.run("rotate", "--all", "--password=hidden-word")
        self.assert_refused(result, "--password")
        self.assertNotIn("hidden-word", result.err)

    def test_a_vault_that_is_not_there_is_named(self):
        nowhere = Vault(self.new_directory())
        result = nowhere.run("status")
        self.assert_exit(result, NOT_UNLOCKED)
        self.assertIn(str(nowhere.directory), result.err)
        self.assertFalse(nowhere.directory.exists())

    def test_init_never_overwrites_a_vault(self):
        result = self.vault.run("init")
        self.assert_refused(result, str(self.vault.directory))
