# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts User-mode Linux kernels with our agent."""

import functools
import os
import signal
import socket
import subprocess
from pathlib import Path

from guest import TOP, Machine


@functools.cache
def kernel(*options):
    """The directory of a kernel; options: those of tools/kernel."""
    output = subprocess.run([TOP / "tools/kernel", *options], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(output.splitlines()[-1])


class Uml(Machine):
    """A running User-mode Linux. disks: image files; the first is writable. initrd: None if command_line has a root."""

    def __init__(self, linux, initrd, log, disks=(), command_line=(), boot_timeout_sec=60, memory="256M"):
        super().__init__(log)
        ours, theirs = socket.socketpair()
        arguments = [linux, f"mem={memory}", *([f"initrd={initrd}"] if initrd else []), f"uml_dir={log.parent}/",
                     "con=null", "con0=null,fd:1",
                     f"con1=fd:{theirs.fileno()},fd:{theirs.fileno()}", "ssl=null", "console=tty0", "agent=/dev/tty1",
                     "panic=-1", "loglevel=7",
                     *(f"ubd{number}{'r' if number else ''}={disk}" for number, disk in enumerate(disks)),
                     *command_line]
        environment = {**os.environ, "GLIBC_TUNABLES": "glibc.pthread.rseq=0"}
        if os.access("/dev/shm", os.W_OK):
            environment["TMPDIR"] = "/dev/shm"
        with open(log, "wb") as console:
            process = subprocess.Popen(list(map(str, arguments)), stdin=subprocess.DEVNULL, stdout=console,
                                       stderr=console, env=environment, pass_fds=[theirs.fileno()],
                                       start_new_session=True)
        theirs.close()
        try:
            self.connect(process, ours, boot_timeout_sec)
        except BaseException:
            self.kill(process)
            raise

    @staticmethod
    def kill(process):
        # Its guest processes are host processes of the same group.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    def disk(self, number):
        return f"/dev/ubd{chr(ord('a') + number)}"

    def stop(self):
        process = self.process
        super().stop()
        if process is not None:
            self.kill(process)
