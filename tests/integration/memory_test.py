"""No secret is left in memory or on disk by any command: each is stopped right before it ends, and all that it could
read or write of its memory is searched; so is every file below its directory. The list is compared with the commands
that the program has."""

import array
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from bmcs import Practice
from program import AS_ASKED, ATTENTION, NOT_AS_ASKED, PROGRAM, USAGE, FleetTest, Vault, contents, spellings, write_private

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
PTRACE_TRACEME, PTRACE_CONT, PTRACE_SETOPTIONS = 0, 7, 0x4200
PTRACE_O_TRACEEXIT, PTRACE_O_EXITKILL, PTRACE_EVENT_EXIT = 0x40, 0x100000, 6
PAGE = os.sysconf("SC_PAGESIZE")
SHADOW = 1 << 32  # a mapping beyond this is the sanitizer's own
# LeakSanitizer can't work under ptrace; what was freed shall lie where the C library would have it.
SANITIZER = "detect_leaks=0:quarantine_size_mb=0:thread_local_quarantine_size_kb=0:detect_stack_use_after_return=0"

IMPORTED = "imported-secret-7"
LISTED = "listed-secret-8"
GIVEN = "given-secret-9"
K_G = "c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55"


def ptrace(request, pid, data=0):
    if LIBC.ptrace(request, pid, None, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def present(pagemap, start, end):
    """The pieces of a mapping that are in memory."""
    pagemap.seek(start // PAGE * 8)
    entries = array.array("Q", pagemap.read((end - start) // PAGE * 8))
    begin = None
    for number, entry in enumerate([*entries, 0]):
        at = start + number * PAGE
        if entry >> 62 and begin is None:
            begin = at
        elif begin is not None and not entry >> 62:
            yield begin, at
            begin = None


def search(pid, needles):
    """The names of what stands in the memory of a stopped process, and how many bytes were searched."""
    found, searched = set(), 0
    base = pathlib.Path(f"/proc/{pid}")
    mappings = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", (base / "maps").read_text(encoding="ascii"), re.MULTILINE)
    with open(base / "mem", "rb", buffering=0) as memory, open(base / "pagemap", "rb", buffering=0) as pagemap:
        for start, end in ((int(start, 16), int(end, 16)) for start, end in mappings):
            if end - start > SHADOW:
                continue
            for begin, until in present(pagemap, start, end):
                memory.seek(begin)
                read = b""
                with contextlib.suppress(OSError):  # not for others to read
                    read = memory.read(until - begin)
                found |= {name for name, needle in needles if needle in read}
                searched += len(read)
    return found, searched


class Run:
    """A process that was stopped right before its end."""

    def __init__(self, argv, env, needles, out):
        with open(out, "wb") as output:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env,
                                       preexec_fn=lambda: ptrace(PTRACE_TRACEME, 0))
        self.argv, self.found, self.searched = argv, set(), 0
        os.waitpid(process.pid, 0)  # at its first instruction
        ptrace(PTRACE_SETOPTIONS, process.pid, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)
        pending = 0
        while True:
            ptrace(PTRACE_CONT, process.pid, pending)
            _, status = os.waitpid(process.pid, 0)
            if not os.WIFSTOPPED(status):
                break
            pending = os.WSTOPSIG(status)
            if status >> 8 == signal.SIGTRAP | PTRACE_EVENT_EXIT << 8:
                self.found, self.searched = search(process.pid, needles)
                pending = 0
        self.exit_code = process.returncode = os.waitstatus_to_exitcode(status)
        self.output = out.read_bytes()


def commands_of(*words):
    """All commands of the program, from its help."""
    text = subprocess.run([PROGRAM, *words, "--help"], capture_output=True, text=True, check=True).stdout
    block = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.MULTILINE)
    if block is None:
        return {" ".join(words)}
    below = set()
    for name in re.findall(r"^  (\S+)", block[1], re.MULTILINE):
        below |= commands_of(*words, name)
    runs_itself = "Positionals:" in text.split("Subcommands:")[0] or words == ("log",)
    return below | ({" ".join(words)} if words and runs_itself else set())


class NothingIsLeft(FleetTest):
    def setUp(self):
        super().setUp()
        self.practice = self.start(Practice(count=4, quirks=[f"k_g={K_G}"]))
        self.vault = Vault(self.directory)
        self.secrets = {"the passphrase": Vault.PASSPHRASE, "the imported password": IMPORTED,
                        "the listed password": LISTED, "the given password": GIVEN, "the K_G": bytes.fromhex(K_G),
                        "the K_G in digits": K_G}
        self.commands, self.problems = set(), set()

    def plain(self):
        return {name: spellings(secret)[0] for name, secret in self.secrets.items()}

    def needles(self):
        return [(name, spelling) for name, secret in self.secrets.items() for spelling in spellings(secret)]

    def file(self, name, text):
        write_private(self.directory / name, text)
        return str(self.directory / name)

    def run_one(self, words, *options, codes=(AS_ASKED,), shows=(), argv=None):
        """`words` name the command. `shows`: what it prints, because that is what it is for."""
        self.commands.add(words)
        scratch = self.new_directory()
        env = {**os.environ, "BMCVAULT_HEADS": str(self.directory / "heads"), "TMPDIR": str(scratch),
               "XDG_RUNTIME_DIR": str(scratch), "ASAN_OPTIONS": SANITIZER}
        argv = argv or self.vault.argv(*words.split(), *options)
        run = Run(argv, env, [*self.plain().items()], self.directory / "output")
        if run.exit_code not in codes:
            self.problems.add(f"{argv} ended with {run.exit_code}: {run.output.decode('utf-8', 'replace')}")
        self.assertGreater(run.searched, 1_000_000, argv)
        self.problems |= {f"{name} is left in memory by {words}" for name in run.found}
        written = {**contents(scratch), **contents(self.vault.directory), **contents(self.directory / "heads")}
        for where, content in [*written.items(), ("the output", run.output)]:
            for name, needle in self.needles():
                if needle in content and (where != "the output" or name not in shows):
                    self.problems.add(f"{name} stands in {where} after {words}")

    def learn(self):
        """What a rotation has made, past the ears of this test's other commands."""
        for name in self.practice.names:
            known = self.vault.reveal(name)
            self.secrets[f"password {known.version} of {name}"] = known.password
            self.secrets[f"K_G {known.version} of {name}"] = bytes.fromhex(known.k_g)
            self.secrets[f"K_G {known.version} of {name} in digits"] = known.k_g

    def make_and_fill(self):
        extra = self.file("extra.csv", f"name,address,port,username,password,k_g\nextra,127.9.9.9,623,u,{IMPORTED},{K_G}\n")
        given = self.file("given", GIVEN)
        self.run_one("init", "--kdf-memory", "64", "--kdf-operations", "1")
        self.run_one("bmc import", extra)
        self.run_one("bmc import", self.file("fleet.csv", self.practice.csv))
        self.run_one("bmc import-passwords", self.file("listed", LISTED + "\n"))
        self.run_one("bmc add", "other", "127.9.9.8", "--username", "u", "--password-file", given)
        self.run_one("bmc set", "other", "--password-file", given)
        self.run_one("bmc replace", "other", "--password-file", given, "--reason", "r")
        self.run_one("bmc hold", "other", "--until", "2999-01-01", "--reason", "r")
        self.run_one("bmc remove", "extra", "other", "--yes", "--reason", "r")

    def work_with_bmcs(self):
        first = self.practice.names[0]
        for _ in range(2):
            self.run_one("rotate", "--all", "--k-g")
            self.learn()
        self.run_one("check", "--all")
        self.run_one("recover", "--all")
        self.run_one("accounts", "--all", codes=(AS_ASKED, NOT_AS_ASKED))
        self.run_one("accounts adopt", first, "--role", "spare", "--reason", "r")
        self.run_one("accounts release", first, "--role", "spare", "--reason", "r")
        self.run_one("accounts accept", first, "--slot", "3", "--reason", "r", codes=(AS_ASKED, NOT_AS_ASKED, USAGE))
        self.run_one("accounts secure", "--all", "--reason", "r", codes=(AS_ASKED, NOT_AS_ASKED))
        place = ["--vault", str(self.vault.directory), "--passphrase-file", str(self.vault.passphrase_file)]
        self.run_one("exec", argv=[PROGRAM, "exec", *place, first, "--", "ipmitool", "mc", "info"])
        self.run_one("practice", argv=[PROGRAM, "practice", "--count", "1", "--", "true"])

    def look(self):
        first = self.practice.names[0]
        for words in ("bmc list", "bmc show", "status", "due", "report", "policy check", "card show", "history", "log",
                      "vault info", "vault verify", "member list", "compartment list", "holder list"):
            options = [first] if words in ("bmc show", "history") else []
            policy = ["--policy", self.file("policy.toml", 'second_signature = ["rotate"]\n')] if words == "policy check" else []
            self.run_one(words, *options, *policy, codes=(AS_ASKED, ATTENTION))
        self.run_one("log export", "--output", str(self.directory / "log"))
        shown = [name for name in self.secrets if name.endswith((f" of {first}", f" of {first} in digits"))]
        self.run_one("reveal", first, shows=shown)
        cards = str(self.directory / "cards")
        self.run_one("card export", "--output", cards)
        self.run_one("card import", cards)
        fact = next(iter(json.loads((self.directory / "cards").read_text().splitlines()[0])["facts"]))
        kind = json.loads((self.directory / "cards").read_text().splitlines()[0])["card"]
        self.run_one("card forget", kind, fact, "--reason", "r")
        self.run_one("unlock", "--max", "60s", "--reason", "r")
        self.run_one("lock")
        self.run_one("export", "--all", "--for", "ansible", "--output", str(self.directory / "exported"), "--holder",
                     "reader", "--reason", "r")

    def change_the_team(self):
        first, second, _, last = self.practice.names
        self.run_one("member keygen", "--output", str(self.directory / "alice"), "--kdf-memory", "64",
                     "--kdf-operations", "1")
        self.run_one("member add", "alice", "--key", str(self.directory / "alice.pub"))
        self.run_one("compartment add", "edge")
        self.run_one("compartment move", "edge", second)
        self.run_one("holder add", "contractor", second, "--reason", "r")
        plan = str(self.directory / "plan")
        policy = ["--policy", self.file("policy.toml", 'second_signature = ["rotate"]\n')]
        self.assert_exit(self.vault.run("rotate", first, "--plan", "--output", plan, "--reason", "r", *policy), AS_ASKED)
        self.run_one("approve", plan, "--yes", *policy, "--identity", str(self.directory / "alice"))
        self.run_one("expose", first, "--reason", "r")
        self.run_one("depart", "contractor", "--reason", "r")
        self.run_one("member remove", "alice", "--reason", "r", codes=(AS_ASKED, ATTENTION))
        self.run_one("deprovision", last, "--yes", "--reason", "r", "--output", str(self.directory / "certificates"),
                     codes=(AS_ASKED, NOT_AS_ASKED))
        self.run_one("vault forget", "--after", "0", "--yes", "--reason", "r")

    def break_the_glass(self):
        sheets = self.directory / "sheets"
        log = str(self.directory / "escrow.log")
        self.run_one("vault break-glass create", "--threshold", "2", "--shares", "2", "--output", str(sheets))
        files = sorted(sheets.glob("*.txt"))
        shares = [word for file in files for word in ("--share", str(file))]
        place = ["--vault", str(self.vault.directory)]
        self.run_one("vault break-glass drill", argv=[PROGRAM, "vault", "break-glass", "drill", *place, *shares])
        self.run_one("vault escrow enable", "--to", log, "--reason", "r")
        self.run_one("vault escrow show")
        self.run_one("vault escrow replay", argv=[PROGRAM, "vault", "escrow", "replay", log, *place, *shares],
                     codes=(AS_ASKED, ATTENTION))
        self.run_one("vault escrow disable", "--reason", "r")
        for file in sheets.iterdir():
            file.unlink()

    def go_back(self):
        backup = str(self.directory / "backup")
        self.run_one("vault backup", backup)
        self.assert_exit(self.vault.run("bmc", "set", self.practice.names[0], "--tags", "later"), AS_ASKED)
        shutil.rmtree(self.vault.directory)
        self.run_one("vault restore", backup)
        self.run_one("vault accept-restore", "--yes", "--reason", "r")

    def test_by_any_command(self):
        self.make_and_fill()
        self.work_with_bmcs()
        self.look()
        self.change_the_team()
        self.break_the_glass()
        self.go_back()
        self.assertEqual(self.commands, commands_of(), "a command of the program is not tried here")
        self.assertEqual(sorted(self.problems), [])

    def test_what_is_in_memory_would_be_found(self):
        kept = "import os,sys; secret = sys.stdin"  # a process that has the needle in its arguments and environment
        run = Run(["/usr/bin/python3", "-c", kept, IMPORTED], dict(os.environ), [("it", IMPORTED.encode("ascii"))],
                  self.directory / "output")
        self.assertEqual((run.exit_code, run.found), (AS_ASKED, {"it"}))
