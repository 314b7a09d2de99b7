#!/usr/bin/env python3
"""Runs the commands that README.md and docs/ show, and compares what they print and how they exit.

A ```console block is a transcript. All blocks of a document are one shell session, in an empty directory, with a
fleet of virtual BMCs running whose inventory is fleet.csv there; the passphrase comes from systemd credentials, so
that commands look as they do for a person, who is asked for it. In a block:

  $ COMMAND            is run; it has to exit with 0
  $ COMMAND  # exit 6  ... or with the code that the comment names
  > MORE               continues the command
  other lines          what it prints, all of it; "..." stands for any text in a line, alone for any other lines

Numbers, the width of columns and the order of lines are not compared (BMCs finish when they finish). A command with
nothing below it may print anything.
<!-- fleet: OPTIONS --> before the first block chooses the options of `bmcvault practice` for that document.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

DEFAULT_FLEET = "--count 8 --mixed --seed 7"
TIME_LIMIT_S = 600  # of a machine that does other things, too


@dataclass
class Command:
    line: int
    text: str
    exit_code: int = 0
    expected: list = field(default_factory=list)


def parse(document):
    """The commands of all console blocks of a document."""
    commands = []
    inside = False
    for number, line in enumerate(document.splitlines(), 1):
        if line.startswith("```"):
            inside = not inside and line.strip() == "```console"
        elif not inside:
            continue
        elif line.startswith("$ "):
            commands.append(Command(number, line[2:]))
        elif line.startswith("> ") and commands and not commands[-1].expected:
            commands[-1].text += "\n" + line[2:]
        elif commands:
            commands[-1].expected.append(line)
        else:
            raise ValueError(f"line {number}: output before the first command")
    for command in commands:
        wanted = re.search(r"#\s*exit (\d+)\s*$", command.text)
        command.exit_code = int(wanted.group(1)) if wanted else 0
        while command.expected and not command.expected[-1].strip():
            command.expected.pop()
    return commands


def fleet_of(document):
    chosen = re.search(r"<!-- fleet: (.*?) -->", document)
    return (chosen.group(1) if chosen else DEFAULT_FLEET).split()


def normal(line):
    """Numbers become 0, runs of blanks one blank."""
    return " ".join(re.sub(r"\d+", "0", line).split())


def matches(expected, printed):
    """Does what was printed agree with the transcript? Both are lists of lines."""
    others_allowed = "..." in (line.strip() for line in expected)
    wanted = [normal(line) for line in expected if line.strip() not in ("", "...")]
    left = [normal(line) for line in printed if line.strip()]
    for line in sorted(wanted, key=lambda line: "..." in line):  # the exact ones take theirs first
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("...")))
        taken = next((candidate for candidate in left if pattern.fullmatch(candidate)), None)
        if taken is None:
            return False
        left.remove(taken)
    return others_allowed or not left


def run(commands):
    """Runs all commands in one shell and returns [(exit code, printed lines)]."""
    with tempfile.TemporaryDirectory() as results:
        script = "".join(
            f"{{ {command.text}\n}} >{results}/{i}.out 2>&1 </dev/null; echo $? >{results}/{i}.code\n"
            for i, command in enumerate(commands)
        )
        subprocess.run(["bash", "-c", script], check=True, stdin=subprocess.DEVNULL, timeout=TIME_LIMIT_S)
        at = pathlib.Path(results)
        return [
            (int((at / f"{i}.code").read_text()), (at / f"{i}.out").read_text().rstrip("\n").split("\n"))
            for i in range(len(commands))
        ]


def failures(commands, outcomes):
    for command, (code, printed) in zip(commands, outcomes):
        wrong = []
        if code != command.exit_code:
            wrong.append(f"exit code {code} instead of {command.exit_code}")
        if command.expected and not matches(command.expected, printed):
            wrong.append("other output than shown")
        if wrong:
            yield f"line {command.line}: $ {command.text}\n  {', '.join(wrong)}; it printed:\n    " + "\n    ".join(printed)


def check_document(path):
    commands = parse(path.read_text())
    found = list(failures(commands, run(commands)))
    for failure in found:
        print(f"{path}: {failure}")
    print(f"{path}: {len(commands)} commands, {len(found)} not as shown")
    return 1 if found or not commands else 0


def with_fleet(path, program):
    """Runs this script again inside `bmcvault practice`, in an empty directory."""
    with tempfile.TemporaryDirectory() as scratch:
        credentials = pathlib.Path(scratch) / "credentials"
        work = pathlib.Path(scratch) / "work"
        credentials.mkdir(mode=0o700)
        work.mkdir(mode=0o700)
        passphrase = credentials / "bmcvault"
        passphrase.touch(mode=0o600)
        passphrase.write_text("correct horse battery staple\n")
        environment = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "HOME": str(work),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "BMCVAULT_DIR": str(work / "vault"),
            "BMCVAULT_HEADS": str(work / "heads"),
            "CREDENTIALS_DIRECTORY": str(credentials),
        } | {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        inside = [sys.executable, os.path.abspath(__file__), "--inside", str(path)]
        practice = [program, "practice", *fleet_of(path.read_text()), "--inventory", "fleet.csv", "--", *inside]
        return subprocess.run(practice, cwd=work, env=environment, check=False, stdin=subprocess.DEVNULL).returncode


def main():
    parser = argparse.ArgumentParser(description="Run the transcripts of a document.")
    parser.add_argument("document", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, help="the bmcvault to run them with")
    parser.add_argument("--inside", action="store_true", help="the fleet is already there")
    arguments = parser.parse_args()
    document = arguments.document.resolve()
    return check_document(document) if arguments.inside else with_fleet(document, arguments.program.resolve())


if __name__ == "__main__":
    sys.exit(main())
