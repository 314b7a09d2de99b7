"""What happens to the vault's files: disk full at any write, wrong passphrase, open modes, a plain libsqlite3 in the
way of SQLCipher."""

import concurrent.futures
import glob
import re
import resource
import shutil
import signal
import stat

from bmcs import INVENTORY_HEADER, Practice, inventory_line, unused_address
from clients import Ipmitool
from program import (
    AS_ASKED,
    NOT_AS_ASKED,
    NOT_UNLOCKED,
    FleetTest,
    Vault,
    contents,
    finish,
    needed_tool,
    write_private,
)

AT_ONCE = 8
ONE_BMC = INVENTORY_HEADER + inventory_line("bmc", unused_address(), 9623, "ADMIN", "known test password")
PAGE = 4096


def limit_file_size(size):
    """In the child: a write that would make a file larger fails, as on a full disk."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


class Commits(FleetTest):
    def test_a_rotation_has_three_and_a_run_three_more(self):
        """Each commit ends with its journal unlinked; what was learned at the first rotation is not stored again."""
        practice = self.start(Practice(count=3))
        vault = Vault.create(self.directory, practice.csv)
        self.assert_exit(vault.json("rotate", "--all"), AS_ASKED)
        trace = self.directory / "trace"
        strace = [needed_tool("strace"), "-f", "-e", "trace=unlink", "-o", str(trace)]
        # LeakSanitizer, where it is built in, can't work under strace.
        env = {"ASAN_OPTIONS": "detect_leaks=0"}
        rotate = finish(vault.start("rotate", "--all", "--parallel", "1", "--json", wrapper=strace, env=env))
        self.assert_exit(rotate, AS_ASKED)
        unlinked = re.findall(r'unlink\(".*-journal"\) += 0', trace.read_text(encoding="ascii"))
        self.assertEqual(len(unlinked), 3 * 3 + 3, "the campaign's begin and end, and the checkpoint of the log")


class DiskFull(FleetTest):
    def rotate_with_limit(self, name, practice, empty_vault, limit):
        vault = Vault(self.new_directory())
        shutil.copytree(empty_vault.directory, vault.directory)
        self.assert_exit(vault.import_csv(practice.inventory(name)), AS_ASKED)
        largest = max(path.stat().st_size for path in vault.directory.rglob("*"))
        rotate = vault.json("rotate", "--all", "--k-g", preexec_fn=limit_file_size(max(0, largest + limit)))
        self.assertIn(rotate.exit_code, (AS_ASKED, NOT_AS_ASKED, NOT_UNLOCKED), rotate)

        # There is room again. Nothing unstored was sent: whatever the BMC holds, the vault finds it without guessing.
        self.assert_exit(vault.run("vault", "verify"), AS_ASKED)
        recover = vault.json("recover", "--all")
        self.assert_exit(recover, AS_ASKED)
        self.assert_no_failed_login(recover)
        client = Ipmitool(*practice.place(name), suite=17)
        credential = self.assert_vault_holds_the_live_credential(vault, name, client)
        self.assertFalse(credential.pending)
        return rotate.exit_code

    def test_at_any_size_the_vault_opens_afterwards_and_holds_the_live_credential(self):
        # Far below the file's size too: its last pages may be of tables that a rotation does not write.
        limits = [-PAGE, *range(-24 * PAGE, 16 * PAGE, 2 * PAGE), 512, 3000, 5000]
        practice = self.start(Practice(count=len(limits), quirks=["bad-password-threshold=1", "lockout-ms=0"]))
        empty_vault = Vault.create(self.directory)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            running = {
                pool.submit(self.rotate_with_limit, name, practice, empty_vault, limit): limit
                for name, limit in zip(practice.names, limits)
            }
            codes = {}
            for done in concurrent.futures.as_completed(running):
                with self.subTest(bytes_left=running[done]):
                    codes[running[done]] = done.result()
        self.assertIn(AS_ASKED, codes.values(), "no limit was large enough")
        self.assertGreater(len(set(codes.values())), 1, f"no limit was small enough: {codes}")

    def test_output_that_cannot_be_written_is_a_failure_and_loses_nothing(self):
        practice = self.start(Practice())
        vault = Vault.create(self.directory, practice.csv)
        name = practice.names[0]
        with open("/dev/full", "w", encoding="ascii") as full:
            rotate = finish(vault.start("rotate", "--all", "--json", stdout=full))
        self.assert_exit(rotate, NOT_AS_ASKED)
        self.assertEqual(vault.history(name), {1: "previous", 2: "current"})
        self.assert_vault_holds_the_live_credential(vault, name, Ipmitool(*practice.place(name), suite=17))


class WayIn(FleetTest):
    def setUp(self):
        super().setUp()
        self.vault = Vault.create(self.directory, ONE_BMC)
        self.before = contents(self.vault.directory)

    def assert_untouched(self):
        self.assertEqual(contents(self.vault.directory), self.before)

    def test_a_wrong_passphrase_changes_no_byte(self):
        write_private(self.vault.passphrase_file, "not the passphrase\n")
        for command in (["status"], ["rotate", "--all"], ["reveal", "bmc"], ["vault", "verify"]):
            with self.subTest(command):
                result = self.vault.json(*command)
                self.assert_exit(result, NOT_UNLOCKED)
                self.assertEqual(result.out, "")
                self.assertIn("passphrase", result.err)
                self.assert_untouched()

    def test_open_modes_of_directory_and_files_are_refused_by_name(self):
        paths = [self.vault.directory, *(path for path in self.vault.directory.iterdir() if path.is_file())]
        for path in paths:
            mode = stat.S_IMODE(path.stat().st_mode)
            with self.subTest(path.name):
                path.chmod(mode | 0o004)
                result = self.vault.json("status")
                path.chmod(mode)
                self.assert_exit(result, NOT_UNLOCKED)
                self.assertIn(path.name, result.err)
        self.assert_untouched()

    def test_a_passphrase_file_that_others_can_read_is_refused(self):
        self.vault.passphrase_file.chmod(0o644)
        result = self.vault.json("status")
        self.assertNotEqual(result.exit_code, AS_ASKED, result)
        self.assertIn(self.vault.passphrase_file.name, result.err)
        self.assert_untouched()

    def test_a_plain_libsqlite3_loaded_first_never_gets_clear_text(self):
        plain = sorted(glob.glob("/usr/lib/*/libsqlite3.so.0"))
        self.assertTrue(plain, "libsqlite3 is not installed")
        # Where the tests are built with AddressSanitizer, it wants to be the first library.
        preload = {"LD_PRELOAD": plain[0], "ASAN_OPTIONS": "verify_asan_link_order=0"}
        imported = self.vault.start("bmc", "list", "--json", env=preload)
        result = finish(imported)
        self.assertIn(result.exit_code, (AS_ASKED, NOT_UNLOCKED), result)
        self.assert_untouched()
        other = Vault(self.new_directory())
        made = other.run("init", "--kdf-memory", "64", "--kdf-operations", "1", env=preload)
        self.assertIn(made.exit_code, (AS_ASKED, NOT_UNLOCKED), made)
        if made.exit_code == AS_ASKED:
            csv = other.directory.parent / "import.csv"
            write_private(csv, ONE_BMC)
            other.run("bmc", "import", str(csv), env=preload)
        if other.directory.exists():
            for name, written in contents(other.directory).items():
                self.assertNotIn(b"known test password", written, name)
                self.assertFalse(written.startswith(b"SQLite format 3"), f"{name} is not encrypted")
