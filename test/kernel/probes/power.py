#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The first process of test_power.py's machines.

Starts the real ipe-load, dbus-daemon and ipectld, and does over the bus what it is told on the terminal that agent=
names, as the agent beside it does (test/lib/guest.py has the protocol). The root is read-only, and the rest in memory,
but for the disk at /var/lib/ipe: a cut of power leaves no other trace."""

import base64
import ctypes
import json
import os
import re
import socket
import subprocess
import threading
import time
import traceback
import tty
from pathlib import Path

NAME, OBJECT = "org.ipe.Manager", "/org/ipe/Manager"
IPE = Path("/sys/kernel/security/ipe")
STORE = Path("/var/lib/ipe")
POLICY = "corp-base"
PROGRAMS = Path("/usr/lib/ipe")
CALL_TIMEOUT_MSEC = 60000

libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind="", options=""):
    if libc.mount(*(str(word).encode() for word in (source, target, kind)), 0, options.encode()) < 0:
        raise OSError(ctypes.get_errno(), f"cannot mount {source} at {target}")


def inspect(listener):
    """What ipe-inspect.socket is: starts ipe-inspect for each connection."""
    while True:
        connection, _ = listener.accept()
        with connection:
            subprocess.run([PROGRAMS / "ipe-inspect"], stdin=connection, stdout=connection, check=False)


class Guest:
    """The verbs."""

    def __init__(self):
        self.bus = self.glib = None

    def mount(self):
        # Without it ext4 writes a file by itself when another one is renamed over it, as if that had been asked for.
        mount("/dev/ubda", STORE, "ext4", options="noauto_da_alloc")

    def start(self):
        """The boot: ipe-load, the bus, and ipectld until it says that it is ready."""
        subprocess.run([PROGRAMS / "ipe-load"], check=True)
        Path("/run/ipe").mkdir()
        Path("/run/dbus").mkdir()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("/run/ipe/inspect")
        listener.listen(8)
        threading.Thread(target=inspect, args=(listener,), daemon=True).start()
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.bind("/run/notify")
        ready.settimeout(60)
        subprocess.Popen(["dbus-daemon", "--nofork", "--nopidfile", "--nosyslog",
                          "--config-file=/usr/share/dbus-1/system.conf"])
        while not self.connects():
            time.sleep(0.005)
        subprocess.Popen(["setpriv", "--bounding-set=-all,+mac_admin", "--inh-caps=-all", "--no-new-privs",
                          PROGRAMS / "ipectld"], env={**os.environ, "NOTIFY_SOCKET": "/run/notify"})
        while "READY=1" not in ready.recv(4096).decode().splitlines():
            pass
        # What takes a second to load does so only where it is needed.
        from gi.repository import Gio, GLib  # pylint: disable=import-outside-toplevel
        self.glib = Gio, GLib
        self.bus = Gio.bus_get_sync(Gio.BusType.SYSTEM, None)

    @staticmethod
    def connects():
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex("/run/dbus/system_bus_socket") == 0

    def call(self, method, kinds="()", arguments=(), fds=()):
        Gio, GLib = self.glib
        reply, _ = self.bus.call_with_unix_fd_list_sync(
            NAME, OBJECT, NAME, method, GLib.Variant(kinds, arguments), None, Gio.DBusCallFlags.NO_AUTO_START,
            CALL_TIMEOUT_MSEC, Gio.UnixFDList.new_from_array(list(fds)), None)
        return reply.unpack()

    def stage(self, _version, envelope):
        fd = os.memfd_create("policy")
        os.write(fd, base64.b64decode(envelope))
        os.lseek(fd, 0, os.SEEK_SET)
        self.call("Stage", "(ha{sv})", (0, {}), [fd])

    def activate(self, version, seconds, force):
        variant = self.glib[1].Variant
        options = {"version": variant("s", version), "trial-sec": variant("t", int(seconds)),
                   "force": variant("b", force == "force")}
        if int(seconds):
            options["confirm"] = variant("s", "manual")
        self.call("ActivateWithOptions", "(sa{sv})", (POLICY, options))

    def confirm(self):
        self.call("Confirm", "(s)", (POLICY,))

    def rollback(self, version):
        self.call("RollbackWithOptions", "(sa{sv})", (POLICY, {"from": self.glib[1].Variant("s", version)}))

    def discard(self, version):
        self.call("Discard", "(ss)", (POLICY, version))

    def look(self):
        """What the daemon says, what is on the disk, and what the kernel enforces."""
        states = {row[1]: row[2] for row in self.call("ListPolicies")[0]}
        state = json.loads((STORE / "state.json").read_text()) if (STORE / "state.json").exists() else {"versions": []}
        active = [path.parent for path in IPE.glob("policies/*/active") if path.read_text() == "1"]
        return json.dumps({
            "states": states,
            "disk": {row["version"]: row["state"] for row in state["versions"]},
            "activating": "activating" in state,
            "named": sorted(row["digest"] for row in state["versions"]),
            "objects": sorted(path.name for path in STORE.glob("objects/*")),
            "files": sorted(path.name for path in STORE.iterdir()),
            "kernel": [(path / "version").read_text() for path in active],
            "boots": state["trial"]["boots"] if "trial" in state else 0,
            "trial": (IPE / "confirm").read_text() if (IPE / "confirm").exists() else "",
        })


def decode(word):
    return re.sub(rb"%([0-9a-f]{2})", lambda match: bytes([int(match.group(1), 16)]), word).decode()


def answer(terminal, error, text):
    encoded = re.sub(rb"[^!-$&-~]", lambda match: b"%%%02x" % match.group()[0], text.encode())
    os.write(terminal, b"= %d %s\n" % (error, encoded))


def serve(terminal):
    guest = Guest()
    os.write(terminal, b"= ready\n")
    command = b""
    for line in os.fdopen(os.dup(terminal), "rb"):
        command += line.rstrip(b"\t\n")
        # It goes on in the next line.
        if line.endswith(b"\t\n"):
            os.write(terminal, b"+\n")
            continue
        line, command = command, b""
        verb, *words = map(decode, line.split())
        try:
            text = getattr(guest, verb)(*words)
        except Exception:  # pylint: disable=broad-exception-caught
            answer(terminal, 5, traceback.format_exc(limit=-3))
        else:
            answer(terminal, 0, text or "")


def main():
    for source, target, kind in (("proc", "/proc", "proc"), ("sys", "/sys", "sysfs"), ("dev", "/dev", "devtmpfs"),
                                 ("security", "/sys/kernel/security", "securityfs"), ("run", "/run", "tmpfs"),
                                 ("tmp", "/tmp", "tmpfs")):
        mount(source, target, kind)
    console = os.open("/dev/console", os.O_RDWR | os.O_NOCTTY)
    for fd in range(3):
        os.dup2(console, fd)
    os.environ["PATH"] = "/usr/sbin:/usr/bin"
    terminal = os.open(os.environ["agent"], os.O_RDWR | os.O_NOCTTY)
    tty.setraw(terminal)
    serve(terminal)


main()
