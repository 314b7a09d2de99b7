"""BMCs to work on: Debian's ipmi_sim, pyghmi's BMC, and bmcvault's own practice fleet. All of them on loopback."""

import csv
import io
import pathlib
import random
import re
import select
import socket
import subprocess
import sys
import tempfile

from program import PROGRAM, end, needed_tool, wait_until

IPMI_SIM_PORT = 9623
INVENTORY_HEADER = "name,address,port,username,password,k_g\n"


def unused_address():
    """127.x.y.z that nobody else has: addresses are plenty, and a bound port is never chosen twice."""
    return f"127.{random.randint(100, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"


def inventory_line(name, address, port, user, password, k_g=""):
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([name, address, port, user, password, k_g])
    return line.getvalue()


def serves_udp(process, address, port):
    """Is a UDP socket of this very process bound there?"""
    version6 = ":" in address
    packed = socket.inet_pton(socket.AF_INET6 if version6 else socket.AF_INET, address)
    words = [packed[i : i + 4][::-1].hex().upper() for i in range(0, len(packed), 4)]
    wanted = f"{''.join(words)}:{port:04X}"
    lines = pathlib.Path("/proc/net/udp6" if version6 else "/proc/net/udp").read_text(encoding="ascii").splitlines()
    inodes = {fields[9] for fields in map(str.split, lines) if fields[1] == wanted}
    try:
        targets = [str(link.readlink()) for link in pathlib.Path(f"/proc/{process.pid}/fd").iterdir()]
    except FileNotFoundError:
        return False
    return any(target == f"socket:[{inode}]" for inode in inodes for target in targets)


class IpmiSim:
    """One ipmi_sim with an account ADMIN in slot 2. It stores 16 bytes of any password and keeps an old tail."""

    USER = "ADMIN"

    def __init__(self, password="calvin-8", k_g_text="", address=None, other_users=(), anonymous=False):
        self.password = password
        self.anonymous = anonymous
        self.k_g_text = k_g_text
        self.address = address or unused_address()
        self.port = IPMI_SIM_PORT if address is None else random.randint(20000, 30000)
        self.other_users = other_users

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="bmcvault-ipmi_sim-")
        directory = pathlib.Path(self._directory.name)
        (directory / "state").mkdir()
        (directory / "lan.conf").write_text(self._lan_conf(), encoding="ascii")
        (directory / "bmc.emu").write_text(
            "mc_setbmc 0x20\n"
            "mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\n"
            "sel_enable 0x20 1000 0x0a\n"
            "mc_enable 0x20\n",
            encoding="ascii",
        )
        try:
            self._serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _serve(self):
        self.process = subprocess.Popen(
            [needed_tool("ipmi_sim"), "-n", "-c", "lan.conf", "-f", "bmc.emu", "-s", "state"],
            cwd=self._directory.name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: serves_udp(self.process, self.address, self.port), "bound", self.process)

    def restart(self):
        """The same board with the state that it has stored."""
        end(self.process)
        self._serve()

    def _lan_conf(self):
        guid = random.randbytes(16).hex()
        key = f'    bmc_key "{self.k_g_text}"\n' if self.k_g_text else ""
        levels = "".join(
            f"    allowed_auths_{level} none md2 md5 straight\n" for level in ("callback", "user", "operator", "admin")
        )
        users = [(2, self.USER, self.password), *self.other_users]
        return (
            'name "sim"\nset_working_mc 0x20\n  startlan 1\n'
            f"    addr {self.address} {self.port}\n    priv_limit admin\n{levels}    guid {guid}\n{key}  endlan\n"
            + ('  user 1 true "" "" admin 10\n' if self.anonymous else '  user 1 false "" "unused" user 10\n')
            + "".join(f'  user {slot} true "{name}" "{password}" admin 10\n' for slot, name, password in users)
        )

    def __exit__(self, *_):
        end(self.process)
        self._directory.cleanup()

    @property
    def k_g(self):
        return self.k_g_text.encode("ascii").ljust(20, b"\0").hex() if self.k_g_text else ""

    def inventory(self, name="sim", password=None):
        used = self.password if password is None else password
        return INVENTORY_HEADER + inventory_line(name, self.address, self.port, self.USER, used, self.k_g)


class PyghmiBmc:
    """pyghmi's BMC: one account, cipher suite 3, a K_G of 20 bytes."""

    USER = "operator"
    PROGRAM = """
import sys
from pyghmi.ipmi.bmc import Bmc
address, port = sys.argv[1], int(sys.argv[2])
user, password, k_g = sys.stdin.read().splitlines()
bmc = Bmc({user: password}, port=port, address=address)
if k_g:
    bmc.set_kg(bytes.fromhex(k_g))
Bmc.listen()
"""

    def __init__(self, password="pyghmi has 16 b.", k_g=""):
        self.password = password
        self.k_g = k_g
        self.address = unused_address()
        self.port = IPMI_SIM_PORT

    def __enter__(self):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", self.PROGRAM, self.address, str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.process.stdin.write(f"{self.USER}\n{self.password}\n{self.k_g}\n")
            self.process.stdin.close()
            wait_until(lambda: serves_udp(self.process, self.address, self.port), "bound", self.process)
        except BaseException:
            end(self.process)
            raise
        return self

    def __exit__(self, *_):
        end(self.process)

    def inventory(self, name="pyghmi"):
        return INVENTORY_HEADER + inventory_line(name, self.address, self.port, self.USER, self.password, self.k_g)


class Practice:
    """`bmcvault practice`: `count` virtual BMCs with these quirks."""

    def __init__(self, count=1, quirks=(), mixed=False, seed=1, latency_ms=0):
        self.count = count
        self.options = [option for quirk in quirks for option in ("--quirk", quirk)] + ["--seed", str(seed)]
        self.options += ["--mixed"] if mixed else []
        self.options += ["--latency", str(latency_ms)] if latency_ms else []

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="bmcvault-practice-")
        inventory = pathlib.Path(self._directory.name) / "fleet.csv"
        self.process = subprocess.Popen(
            [PROGRAM, "practice", "--count", str(self.count), "--inventory", str(inventory), *self.options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
        )
        readable, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if readable else ""
        if not re.match(r"practice: \d+ virtual BMCs? on ", line):
            self.__exit__()
            raise RuntimeError(f"practice {self.options} did not start: {line!r}")
        self.csv = inventory.read_text(encoding="utf-8")
        self.bmcs = {row["name"]: row for row in csv.DictReader(io.StringIO(self.csv))}
        return self

    def __exit__(self, *_):
        end(self.process)
        self._directory.cleanup()

    @property
    def names(self):
        return list(self.bmcs)

    def place(self, name):
        row = self.bmcs[name]
        return row["address"], int(row["port"])

    def inventory(self, *names):
        """The lines of these BMCs only."""
        lines = self.csv.splitlines(keepends=True)
        return lines[0] + "".join(line for line in lines[1:] if line.split(",")[0] in names)
