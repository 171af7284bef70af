# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plain files in place of the kernel's: /sys/kernel/security/ipe as a directory that the test writes.

Nothing here is a kernel. The files do not act: what is written to one stays in it, and what a kernel would have made of
it the test writes itself. So this proves what ipectld reads, writes and says when the files are as they are; what the
kernel makes of that is proven in virtual machines, by test/vm.

A Gate stops ipectld where it opens one of the files, for moments that no other test can hit: a trial that ends between
a look and a write, a disk that fails after the kernel was asked.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import struct
import termios
import threading
import time

FEATURES = "stage\ntrial\nrollback-floor\nshadow\nstats\nevents\nlock\n"
# What lies below a policy, and is written alone.
COMMANDS = ("update", "delete", "stage", "rollback")
# All others are root's alone.
READABLE = ("features", "keyrings", "name", "pkcs7", "policy", "version")
# Room for a thousand events.
PIPE_SIZE = 1 << 20
F_SETPIPE_SZ = 1031
# A pipe does not keep lines whole, as the kernel's file does; so they are of one size that divides a read.
LINE_SIZE = 256
# Of one read of ipectld.
READ_LINES = 64 * 1024 // LINE_SIZE


class KernelFiles:
    def __init__(self, directory):
        self.directory = directory
        for name, text in (("features", FEATURES), ("new_policy", ""), ("confirm", ""), ("revert", ""), ("lock", ""),
                           ("enforce", "1"), ("success_audit", "0")):
            self.put(name, text)
        (directory / "policies").mkdir()
        os.mkfifo(directory / "events", 0o400)
        self.events = os.open(directory / "events", os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.events, F_SETPIPE_SZ, PIPE_SIZE)
        self.quiet, self.quiet_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def path(self, name):
        return self.directory / name

    def binds(self):
        """Options of bwrap; what it makes by itself is closed to others than root."""
        parents = [word for path in ("/sys", "/sys/dev", "/sys/kernel", "/sys/kernel/security") for word in ("--perms", "0755", "--dir", path)]
        return [*parents, "--bind", self.directory, "/sys/kernel/security/ipe"]

    def put(self, name, content):
        """In place, as ipectld may have the file open."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o444 if path.name in READABLE else 0o600)

    def read(self, name):
        return self.path(name).read_bytes()

    def put_version(self, place, version, envelope):
        """place: the policy's name, "NAME/next" or "NAME/previous"; version: None for none."""
        for file, content in (("version", version), ("pkcs7", envelope)):
            path = f"policies/{place}/{file}"
            if version:
                self.put(path, content)
            else:
                self.path(path).unlink(missing_ok=True)

    def put_policy(self, name, current, following=(None, None), previous=(None, None), active=False):
        """Each version as a pair of number and envelope."""
        for file in COMMANDS:
            self.put(f"policies/{name}/{file}", "")
        for file, text in (("active", "1" if active else "0"), ("shadow", "0"), ("trial", "0")):
            self.put(f"policies/{name}/{file}", text)
        self.put_version(name, *current)
        self.put_version(f"{name}/next", *following)
        self.put_version(f"{name}/previous", *previous)

    def put_trial(self, name, version, seconds=80000):
        self.put("confirm", f"{name} {version}\n")
        self.put(f"policies/{name}/trial", str(seconds))

    def end_trial(self, name):
        self.put("confirm", "")
        self.put(f"policies/{name}/trial", "0")

    def tell(self, **fields):
        """An event, that of a denial by the shadow of corp-base 2.0.0 unless fields say otherwise."""
        known = {"seq": 1, "time": 1 << 62, "ipe_op": "EXECUTE", "verdict": "DENY", "shadow": 1,
                 "policy_name": '"corp-base"', "policy_version": "2.0.0", "rule": '"op=EXECUTE action=DENY"', "pid": 12,
                 "uid": 1000, "comm": '"sh"', "path": '"/bin/x"', **fields}
        self.tell_line(" ".join(f"{key}={value}" for key, value in known.items()))

    def tell_line(self, line):
        os.write(self.events, line.encode().ljust(LINE_SIZE - 1) + b"\n")

    def unread(self):
        """Bytes of what was told that nobody has read."""
        size = struct.pack("i", 0)
        return struct.unpack("i", fcntl.ioctl(self.events, termios.FIONREAD, size))[0]

    def keep_quiet(self, machine):
        """A pipe has no reader with a place of its own, as the kernel's file: what is told is for a preflight alone then, and
        the daemon, which would read it as well, has been handed a reader that nothing comes from."""
        machine.fds["events"] = fcntl.fcntl(self.quiet, fcntl.F_DUPFD_CLOEXEC, 100)

    def close(self):
        for fd in (self.events, self.quiet, self.quiet_end):
            os.close(fd)


class Storm:
    """Tells of denials as fast as somebody reads them. written: in lines."""

    def __init__(self, kernel, shadow=0):
        self.fd = kernel.events
        line = (b'seq=%d time=%d ipe_op=EXECUTE verdict=DENY shadow=%d policy_name="corp-base" policy_version=2.0.0 '
                b'rule="DEFAULT action=DENY" pid=1 uid=1000 comm="sh" path="/bin/%d"')
        self.block = b"".join((line % (n + 1, 1 << 62, shadow, n)).ljust(LINE_SIZE - 1) + b"\n" for n in range(READ_LINES))
        self.written = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            try:
                self.written += os.write(self.fd, self.block) // LINE_SIZE
            except BlockingIOError:
                time.sleep(0.001)

    def end(self):
        self.ended.set()
        self.thread.join()


class Gate:
    """Once a process that opens a file finds it with a certain content, act() is called before the process goes on. That it never does
    is an error, unless it may_stay_shut.

    The file of the gate may be used in act(), but not before. Needs root of the host, for fanotify."""

    CLASS_CONTENT, CLOEXEC, ADD, REMOVE, OPEN_PERM, ALLOW = 0x4, 0x1, 0x1, 0x2, 0x10000, 1
    EVENT = struct.Struct("=IBBHQii")

    def __init__(self, path, act, content=lambda content: True, may_stay_shut=False):
        self.path = os.fsencode(path)
        self.act = act
        self.content = content
        self.passed = False
        self.may_stay_shut = may_stay_shut
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.check(self.libc.fanotify_init(self.CLASS_CONTENT | self.CLOEXEC, os.O_RDONLY))
        self.mark(self.ADD)
        self.stop, self.stopped = os.pipe()
        self.thread = threading.Thread(target=self.watch)

    @staticmethod
    def check(result):
        if result < 0:
            raise OSError(ctypes.get_errno(), "fanotify")
        return result

    def mark(self, how):
        self.check(self.libc.fanotify_mark(self.fd, how, ctypes.c_uint64(self.OPEN_PERM), -100, self.path))

    def watch(self):
        while self.stop not in select.select([self.fd, self.stop], [], [])[0]:
            data = os.read(self.fd, 4096)
            for at in range(0, len(data), self.EVENT.size):
                opened = self.EVENT.unpack_from(data, at)[5]
                try:
                    if not self.passed and self.content(os.pread(opened, 4096, 0)):
                        self.passed = True
                        self.mark(self.REMOVE)
                        self.act()
                finally:
                    os.write(self.fd, struct.pack("=iI", opened, self.ALLOW))
                    os.close(opened)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, failed, *_):
        os.write(self.stopped, b"x")
        self.thread.join()
        for fd in (self.fd, self.stop, self.stopped):
            os.close(fd)
        assert failed or self.passed or self.may_stay_shut, f"nobody opened {self.path} as it was to be"


@contextlib.contextmanager
def begins_trial(machine, name, version, seconds=80000):
    """What ipectld asks for in this block is on trial before it looks at the kernel again, which it does soon after any write."""
    trial = machine.kernel.path(f"policies/{name}/trial")
    with Gate(machine.kernel.path("confirm"), lambda: machine.kernel.put_trial(name, version, seconds),
              lambda text: text == b"" and trial.read_bytes() != b"0") as gate:
        yield
        machine.wait_for(lambda: gate.passed, "a look at the trial")


@contextlib.contextmanager
def ends_trial(machine, name):
    """The same of a trial that ipectld ends."""
    revert = machine.kernel.path("revert")

    def end():
        machine.kernel.end_trial(name)
        revert.write_bytes(b"")

    with Gate(machine.kernel.path("confirm"), end, lambda _: revert.read_bytes() == b"1") as gate:
        yield
        machine.wait_for(lambda: gate.passed, "a look at the trial")
