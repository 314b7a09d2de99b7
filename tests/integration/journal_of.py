"""Runs a command as a unit of systemd would, in a mount namespace of its own, and prints as JSON what it told the journal.

The journal is this process: it listens where systemd's listens, and its standard error is the stream of the unit.
"""

import json
import os
import socket
import subprocess
import sys

SOCKET = "/run/systemd/journal/socket"


def main(words):
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.makedirs(os.path.dirname(SOCKET))
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(SOCKET)
    reader, stream = os.pipe()
    status = os.fstat(stream)
    env = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    subprocess.run(words, env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, timeout=200)
    os.close(stream)
    os.close(reader)
    journal.setblocking(False)
    entries = []
    while True:
        try:
            text = journal.recv(1 << 16).decode()
        except BlockingIOError:
            break
        entries.append(dict(line.split("=", 1) for line in text.splitlines()))
    print(json.dumps(entries))


main(sys.argv[1:])
