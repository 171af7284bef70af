# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test machine that runs our agent (test/kernel/probes) as PID 1, and the calls that the agent answers.

A machine has a console, kept in a log file, and a channel for the agent. uml.py and qemu_agent.py start it.
"""

import collections
import errno
import re
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import cpio

TOP = Path(__file__).resolve().parents[2]
PROBES = TOP / "test/kernel/probes"
IPE = "/sys/kernel/security/ipe"

# Messages that a healthy kernel never logs.
TROUBLE = re.compile(rb"(BUG:|WARNING:|KASAN|UBSAN|Oops|Kernel panic|possible recursive locking|unreferenced object"
                     rb"|possible circular locking|inconsistent lock state|suspicious RCU usage|INFO: task"
                     rb"|kmemleak: [0-9]+ new suspected|refcount_t:|list_(add|del) corruption)")


class MachineFailed(Exception):
    """The machine did not come up, or stopped answering; the text has the end of its console."""


@dataclass(frozen=True)
class Answer:
    errno: int
    data: bytes

    @property
    def name(self):
        """The errno by name: "OK", "EACCES"."""
        return errno.errorcode.get(self.errno, str(self.errno)) if self.errno else "OK"

    @property
    def text(self):
        return self.data.decode(errors="surrogateescape")


def encode(word):
    """One word of a command; bytes that are not plain become %XX, the empty word a single '%'."""
    data = word if isinstance(word, bytes) else str(word).encode()
    if not data:
        return b"%"
    return re.sub(rb"[^!-$&-~]", lambda match: b"%%%02x" % match.group()[0], data)


def decode(data):
    return re.sub(rb"%([0-9a-f]{2})", lambda match: bytes([int(match.group(1), 16)]), data)


def build_agent(directory):
    """Compiles the agent and the smallest program; returns their bytes (agent, hello)."""
    flags = ["-D_GNU_SOURCE", "-static", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
    subprocess.run(["gcc", *flags, "-O1", "-o", directory / "agent", *sorted(PROBES.glob("agent*.c"))], check=True)
    subprocess.run(["gcc", *flags, "-Os", "-nostdlib", "-Wl,-z,noseparate-code", "-Wl,--build-id=none",
                    "-o", directory / "hello", PROBES / "hello.c"], check=True)
    return (directory / "agent").read_bytes(), (directory / "hello").read_bytes()


def initramfs(path, agent, files):
    """Writes an initramfs with the agent as /init and with files, {path: bytes}."""
    path.write_bytes(cpio.archive({"init": agent, **files}))
    return path


class Machine:
    """The host's side of a running machine; subclasses start it and call connect()."""

    # How long one call may take.
    TIMEOUT_SEC = 60
    # Bytes of a line, and of all lines that are not answered yet.
    LINE, WINDOW = 1000, 3000

    def __init__(self, log):
        self.log = log
        self.process = None
        self.channel = None
        self.buffer = b""
        self.scanned = 0

    def connect(self, process, channel, boot_timeout_sec):
        self.process, self.channel = process, channel
        line = self._read_line(boot_timeout_sec)
        if line != b"= ready":
            raise MachineFailed(f"unexpected first words of the agent: {line!r}\n{self._tail()}")

    def wait_for_restart(self, timeout_sec):
        """After a verb that starts another kernel, whose first program is the agent, too."""
        line = self._read_line(timeout_sec)
        while line != b"= ready":
            line = self._read_line(timeout_sec)

    def disk(self, number):
        """The device node of a disk."""
        raise NotImplementedError

    # Calls

    def batch(self, commands):
        """Sends many commands, [(verb, argument...)], and returns their answers in order."""
        lines = collections.deque(line for command in commands for line in self._lines(command))
        sent = collections.deque()
        answers = []
        while len(answers) < len(commands):
            # No more than the terminal on the other side can hold: see agent.c.
            while lines and (not sent or sum(sent) + len(lines[0]) <= self.WINDOW):
                self._send(lines[0])
                sent.append(len(lines.popleft()))
            line = self._read_line(self.TIMEOUT_SEC)
            sent.popleft()
            if line != b"+":
                answers.append(self._parse(line))
        return answers

    def _lines(self, command):
        data = b" ".join(map(encode, command))
        pieces = [data[at:at + self.LINE] for at in range(0, len(data), self.LINE)]
        return [*(piece + b"\t\n" for piece in pieces[:-1]), pieces[-1] + b"\n"]

    def call(self, verb, *arguments):
        return self.batch([(verb, *arguments)])[0]

    def must(self, verb, *arguments):
        """A call that has to succeed; returns what it answered."""
        answer = self.call(verb, *arguments)
        assert answer.errno == 0, f"{verb} {arguments}: {answer.name}"
        return answer

    def errno(self, verb, *arguments):
        """A call of which only the errno is of interest, by name; "OK" for success."""
        return self.call(verb, *arguments).name

    def _parse(self, line):
        match = re.fullmatch(rb"= (\d+) (\S*)", line)
        if not match:
            raise MachineFailed(f"unexpected answer {line!r}\n{self._tail()}")
        return Answer(int(match.group(1)), decode(match.group(2)))

    def _send(self, data):
        try:
            self.channel.sendall(data)
        except OSError as error:
            raise MachineFailed(f"the machine does not listen: {error}\n{self._tail()}") from error

    def _read_line(self, timeout_sec):
        deadline = time.monotonic() + timeout_sec
        while b"\n" not in self.buffer:
            timeout = deadline - time.monotonic()
            if timeout <= 0 or not select.select([self.channel], [], [], timeout)[0]:
                raise MachineFailed(f"the machine does not answer\n{self._tail()}")
            received = self.channel.recv(1 << 20)
            if not received:
                raise MachineFailed(f"the machine has stopped\n{self._tail()}")
            self.buffer += received
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    # The console

    def _tail(self):
        lines = self.log.read_bytes().decode(errors="replace").splitlines()
        return f"Console ({self.log}):\n" + "\n".join(lines[-60:])

    def trouble(self):
        """New lines of the console since the last call that no healthy kernel writes."""
        with open(self.log, "rb") as log:
            log.seek(self.scanned)
            new = log.read()
        complete = new[:new.rfind(b"\n") + 1]
        self.scanned += len(complete)
        return [line.decode(errors="replace") for line in complete.splitlines() if TROUBLE.search(line)]

    def stop(self):
        """Ends the machine, gently if it still answers."""
        if self.process is None:
            return
        if self.process.poll() is None:
            try:
                self.channel.sendall(b"power-off\n")
                self.process.wait(5)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()
        self.channel.close()
        self.process = None
