"""Clients that nobody here wrote, as the judges of what a BMC accepts: ipmitool, FreeIPMI, pyghmi."""

import dataclasses
import os
import pathlib
import subprocess
import tempfile

from program import needed_tool, write_private

LONGEST_LOGIN_S = 60


@dataclasses.dataclass
class Login:
    accepted: bool
    output: str

    def __str__(self):
        return ("accepted: " if self.accepted else "refused: ") + self.output.strip()


def _run(argv, env=None):
    done = subprocess.run(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_LOGIN_S,
        env={**os.environ, **(env or {})},
        check=False,
    )
    # Refused by RAKP 2, ipmitool says so and ends with 0.
    return Login(done.returncode == 0 and "Unable to establish" not in done.stdout, done.stdout)


class Ipmitool:
    """ipmitool -I lanplus, the password from a file of mode 0600."""

    def __init__(self, address, port, suite=3):
        self.address = address
        self.port = port
        self.suite = suite

    def run(self, user, password, k_g, *command):
        with tempfile.TemporaryDirectory() as directory:
            password_file = pathlib.Path(directory) / "password"
            write_private(password_file, password + "\n")
            argv = [needed_tool("ipmitool"), "-I", "lanplus", "-N", "2", "-R", "3", "-C", self.suite]
            argv += ["-H", self.address, "-p", self.port, "-U", user]
            argv += ["-f", password_file] if password else ["-P", ""]  # it takes an empty file for no password
            if k_g:
                argv += ["-y", k_g]
            return _run([*argv, *command])

    def log_in(self, user, password, k_g=None):
        return self.run(user, password, k_g, "mc", "info")


class FreeIpmi:
    """bmc-info of FreeIPMI; user, password and K_G in a configuration file of mode 0600."""

    def __init__(self, address, port, suite=3, workarounds=""):
        self.host = f"{address}:{port}"
        self.suite = suite
        self.workarounds = workarounds

    def log_in(self, user, password, k_g=None):
        with tempfile.TemporaryDirectory() as directory:
            configuration = pathlib.Path(directory) / "freeipmi.conf"
            text = f'username "{user}"\npassword {_quoted(password)}\n'
            if k_g:
                text += f"k_g 0x{k_g}\n"
            write_private(configuration, text)
            argv = [needed_tool("bmc-info"), "-D", "LAN_2_0", "-h", self.host, "-l", "ADMIN", "-I", self.suite]
            argv += ["--config-file", configuration]
            if self.workarounds:
                argv += ["-W", self.workarounds]
            return _run(argv)


def _quoted(password):
    return '"' + password.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Pyghmi:
    """pyghmi's client, in a process of its own because it keeps threads."""

    PROGRAM = """
import binascii, os
from pyghmi.ipmi.command import Command
k_g = os.environ.get("TEST_K_G")
command = Command(bmc=os.environ["TEST_HOST"], port=int(os.environ["TEST_PORT"]), userid=os.environ["TEST_USER"],
                  password=os.environ["TEST_PASSWORD"], kg=binascii.unhexlify(k_g) if k_g else None)
print(command.raw_command(netfn=6, command=1))
command.ipmi_session.logout()
"""

    def __init__(self, address, port):
        self.address = address
        self.port = port

    def log_in(self, user, password, k_g=None):
        env = {"TEST_HOST": self.address, "TEST_PORT": str(self.port), "TEST_USER": user, "TEST_PASSWORD": password}
        if k_g:
            env["TEST_K_G"] = k_g
        return _run(["/usr/bin/python3", "-c", self.PROGRAM], env)
