"""bmcvault as its user runs it: processes, vaults, what they print. Shared by the tests of this folder."""

import atexit
import base64
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

PROGRAM = os.environ["BMCVAULT_PROGRAM"]
CRASHABLE = os.environ["BMCVAULT_CRASHABLE"]  # kills itself where BMCVAULT_TEST_KILL_AT says
LONGEST_RUN_S = 240

AS_ASKED, NOT_AS_ASKED, USAGE, NOT_UNLOCKED, DAMAGED, BUSY, ATTENTION = 0, 1, 2, 3, 4, 5, 6


def needed_tool(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed: cli/packaging/install-dependencies.sh test")
    return found


def wait_until(condition, what, process, timeout_s=60):
    """Asks again and again; between two questions it waits for `process` to end, which would be the answer no."""
    for _ in range(int(timeout_s / 0.02)):
        answer = condition()
        if answer:
            return answer
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(timeout=0.02)
            raise RuntimeError(f"{process.args[0]} ended with {code} before {what}")
    raise RuntimeError(f"not within {timeout_s} s: {what}")


def end(process):
    """Ends a process that a test started, for good."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


@dataclasses.dataclass
class Result:
    argv: list
    exit_code: int
    out: str
    err: str

    def __str__(self):
        return f"{' '.join(self.argv)}\nexit code {self.exit_code}\n{self.out}{self.err}"

    @property
    def objects(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self):
        return self.objects[-1]

    @property
    def bmcs(self):
        return {each["name"]: each for each in self.objects if each["type"] == "bmc"}

    @property
    def outcomes(self):
        return {name: each["outcome"] for name, each in self.bmcs.items()}


@dataclasses.dataclass(frozen=True)
class Credential:
    """What `reveal --json` prints."""

    user: str
    password: str
    k_g: str | None
    version: int
    size: int
    pending: bool  # it warned that the BMC may hold the pending version instead


class Vault:
    """A vault directory with its passphrase file, and the command line to work with it."""

    PASSPHRASE = "five cheap test words here"
    making_the_empty_one = threading.Lock()

    def __init__(self, directory):
        directory = pathlib.Path(directory)
        self.directory = directory / "vault"
        self.passphrase_file = directory / "passphrase"
        write_private(self.passphrase_file, self.PASSPHRASE + "\n")

    @classmethod
    @functools.cache
    def empty(cls):
        """Made once, and copied: most tests begin with one."""
        directory = tempfile.TemporaryDirectory(prefix="bmcvault-empty-")
        atexit.register(directory.cleanup)
        vault = cls(directory.name)
        made = vault.run("init", "--kdf-memory", "64", "--kdf-operations", "1")
        if made.exit_code != AS_ASKED:
            raise RuntimeError(str(made))
        return vault

    @classmethod
    def create(cls, directory, csv=None):
        vault = cls(directory)
        with cls.making_the_empty_one:
            empty = cls.empty()
        shutil.copytree(empty.directory, vault.directory)
        if csv is not None:
            imported = vault.import_csv(csv)
            if imported.exit_code != AS_ASKED:
                raise RuntimeError(str(imported))
        return vault

    def argv(self, *arguments, program=PROGRAM):
        return [program, *arguments, "--vault", str(self.directory), "--passphrase-file", str(self.passphrase_file)]

    def start(self, *arguments, program=PROGRAM, env=None, wrapper=(), stdout=subprocess.PIPE, **options):
        return subprocess.Popen(
            [*wrapper, *self.argv(*arguments, program=program)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "BMCVAULT_HEADS": str(self.directory.parent / "heads"), **(env or {})},
            **options,
        )

    def run(self, *arguments, **options):
        return finish(self.start(*arguments, **options))

    def json(self, *arguments, **options):
        return self.run(*arguments, "--json", **options)

    def import_csv(self, text):
        path = self.directory.parent / "import.csv"
        write_private(path, text)
        try:
            return self.json("bmc", "import", str(path))
        finally:
            path.unlink()

    def reveal(self, name, version=None, account=None):
        which = (("--version", str(version)) if version else ()) + (("--account", account) if account else ())
        result = self.json("reveal", name, *which)
        if result.exit_code != AS_ASKED:
            raise AssertionError(str(result))
        shown = result.objects[0]
        return Credential(
            shown["username"],
            shown["password"],
            shown["k_g"],
            shown["password_version"],
            shown["password_size"],
            "interrupted" in result.err,
        )

    def history(self, name, kind="password"):
        """Version number -> state."""
        result = self.json("history", name)
        if result.exit_code != AS_ASKED:
            raise AssertionError(str(result))
        return {
            each["version"]: each["state"]
            for each in result.objects
            if each["type"] == "version" and each["kind"] == kind
        }


def finish(process, timeout_s=LONGEST_RUN_S):
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"still running after {timeout_s} s: {process.args}\n{out}{err}") from None
    return Result([str(word) for word in process.args], process.returncode, out, err)


def write_private(path, text):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def contents(directory):
    """Every file below, with its bytes."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(pathlib.Path(directory).rglob("*"))
        if path.is_file()
    }


def spellings(secret):
    """A secret as it may stand somewhere: plain, in hex, in base64."""
    plain = secret if isinstance(secret, bytes) else secret.encode("utf-8")
    encoded = base64.b64encode(plain).rstrip(b"=")
    return [plain, plain.hex().encode("ascii"), plain.hex().upper().encode("ascii"), encoded[: len(encoded) - 1]]


class FleetTest(unittest.TestCase):
    """A directory per test, and assertions about one BMC and the vault that keeps it."""

    maxDiff = None

    def setUp(self):
        self.directory = self.new_directory()

    def new_directory(self):
        return pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bmcvault-test-")))

    def start(self, process):
        """A context that the test ends with, in reverse order."""
        return self.enterContext(process)

    def assert_exit(self, result, code):
        self.assertEqual(result.exit_code, code, result)

    def assert_no_failed_login(self, result):
        self.assertEqual(result.summary["failed_logins"], 0, result)
        for each in result.bmcs.values():
            self.assertEqual(each["failed_logins"], 0, result)

    def assert_outcomes(self, result, expected):
        self.assertEqual(result.outcomes, expected, result)

    def assert_vault_holds_the_live_credential(self, vault, name, client):
        """An independent client logs in with exactly what the vault reveals."""
        credential = vault.reveal(name)
        login = client.log_in(credential.user, credential.password, credential.k_g)
        self.assertTrue(login.accepted, f"{name}, version {credential.version}: {login}")
        return credential

