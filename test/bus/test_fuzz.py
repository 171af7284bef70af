# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls of every member with arguments that nobody would send, and some that somebody would, on a daemon
with sanitizers. The members come from the daemon's own introspection, so that new ones are fuzzed, too."""

import os
import random
import re
import socket
import tempfile
import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import GLib

from connection import NAME, PATH, POLICY
from machine import NOBODY, memfd, object_path, signed
from raw_client import RawClient

LONG = bool(os.environ.get("IPE_TEST_LONG"))
N_CALLS = 100_000 if LONG else 10_000
# Answers are waited for after so many calls.
BATCH = 50
MEMORY_MAX_KIB = 512 * 1024

NAMES = ["corp-base", "", "nobody", "x" * 255, "x" * 20000, "a\nb", "../..", "corp-base\x01", "\u202e", "漢" * 100, "%s%n", "/", "."]
VERSIONS = ["1.0.0", "", "2.0.0", "65535.65535.65535", "65536.0.0", "1.0", "1.0.0.0", "-1.0.0", "x", "1.0.0 ", "0" * 5000]
PATHS = [PATH, "/org/ipe", "/", "/org/ipe/policy", object_path("corp-base", "1.0.0"), object_path("nobody", "9.9.9"),
         "/org/ipe/policy/" + "_" * 200, "/org/ipe/policy/a/b/c", "/org/freedesktop/LogControl1"]
OPTIONS = ["version", "trial-sec", "confirm", "force", "", "x" * 1000]
STANDARD = {"org.freedesktop.DBus.Properties": [("Get", "ss"), ("GetAll", "s"), ("Set", "ssv")],
            "org.freedesktop.DBus.Introspectable": [("Introspect", "")],
            "org.freedesktop.DBus.ObjectManager": [("GetManagedObjects", "")],
            "org.freedesktop.DBus.Peer": [("Ping", ""), ("GetMachineId", "")]}
PROPERTIES = ["Version", "Features", "ActivePolicy", "TrialChecks", "LogLevel", "LogTarget", "SyslogIdentifier", "Name", "State", "x", ""]
KINDS = "ybnqiuxtdsogh"


def members(machine):
    """[(interface, method, signature of its arguments)]"""
    xml = machine.run("busctl", "introspect", "--xml-interface", NAME, PATH).stdout
    found = []
    for interface in ElementTree.fromstring(xml[xml.index("<node"):]).iter("interface"):
        for method in interface.iter("method"):
            signature = "".join(arg.get("type") for arg in method.iter("arg") if arg.get("direction") != "out")
            found.append((interface.get("name"), method.get("name"), signature))
    assert {method for interface, method, _ in found if interface == NAME} >= {"Stage", "Activate", "Preflight", "ListVolumes"}
    return found


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.policies = [signed(version=version) for version in ("1.0.0", "2.0.0", "3.0.0")]
        self.policies += [self.policies[0][:-1], self.policies[0] + b"x", b"", os.urandom(100), bytes(70000)]

    def text(self):
        return self.random.choice(self.random.choice([NAMES, VERSIONS, PROPERTIES, OPTIONS, [NAME, POLICY, "auto", "debug"]]))

    def basic(self, kind):
        """A value of a basic type."""
        bits = {"y": 8, "n": 16, "q": 16, "i": 32, "u": 32, "x": 64, "t": 64}
        if kind in bits:
            signed_kind = kind in "nix"
            low, high = (-(1 << bits[kind] - 1), (1 << bits[kind] - 1) - 1) if signed_kind else (0, (1 << bits[kind]) - 1)
            return self.random.choice([low, high, 0, 1, self.random.randint(low, high)])
        if kind == "b":
            return self.random.random() < 0.5
        if kind == "d":
            return self.random.choice([0.0, -1.0, float("inf"), float("nan"), 1e308])
        if kind == "o":
            return self.random.choice(PATHS)
        if kind == "g":
            return self.random.choice(["", "s", "a{sv}", "(((s)))"])
        return 0 if kind == "h" else self.text()

    def variant(self, depth=0):
        choice = self.random.random()
        if choice < 0.2 and depth < 30:
            return GLib.Variant("v", self.variant(depth + 1))
        if choice < 0.3:
            return GLib.Variant("as", [self.text() for _ in range(self.random.choice([0, 1, 300]))])
        if choice < 0.35:
            return GLib.Variant("a{sv}", {self.text(): self.variant(depth + 10) for _ in range(3)} if depth < 20 else {})
        kind = self.random.choice(KINDS.replace("h", ""))
        return GLib.Variant(kind, self.basic(kind))

    def options(self):
        kinds = {"version": "s", "trial-sec": "t", "confirm": "s", "force": "b"}
        found = {}
        for _ in range(self.random.choice([0, 1, 2, 40])):
            name = self.random.choice(OPTIONS)
            fits = name in kinds and self.random.random() < 0.7
            found[name] = GLib.Variant(kinds[name], self.basic(kinds[name])) if fits else self.variant()
        return found

    def arguments(self, signature):
        """Arguments of that signature, mostly."""
        if self.random.random() < 0.1:
            signature = "".join(self.random.choice(KINDS) for _ in range(self.random.randint(0, 6)))
        values, kinds = [], signature.replace("a{sv}", "D")
        for kind in kinds:
            values.append(self.options() if kind == "D" else self.variant() if kind == "v" else self.basic(kind))
        return GLib.Variant(f"({signature})", tuple(values)) if signature else None, "h" in signature

    def descriptor(self):
        """A descriptor of every kind; the caller closes them."""
        kind = self.random.randrange(9)
        if kind < 3:
            return memfd(self.random.choice(self.policies))
        if kind == 3:
            read, write = os.pipe()
            os.close(write if self.random.random() < 0.5 else os.dup(write))
            return read
        if kind == 4:
            ours, theirs = socket.socketpair()
            ours.close()
            return theirs.detach()
        if kind == 5:
            return os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        if kind == 6:
            return os.open("/usr/bin/true", os.O_PATH)
        if kind == 7:
            return os.open(self.random.choice(["/dev/zero", "/dev/null", "/proc/self/mem", "/proc/self/maps"]), os.O_RDONLY)
        with tempfile.TemporaryFile() as file:
            file.write(self.policies[0])
            file.truncate(self.random.choice([0, 10, 1 << 40]))
            return os.open(f"/proc/self/fd/{file.fileno()}", os.O_WRONLY)


def fuzz(machine, uid, seed, count):
    """Returns how many of the calls were refused. dbus-daemon itself hangs up on a client now and then, about once in 50,000 calls and not
    for the same seed again; the next connection goes on then. The daemon must not have ended."""
    generator, known = Generator(seed), members(machine)
    standard = [(interface, method, signature) for interface, methods in STANDARD.items() for method, signature in methods]
    client, pending, errors, hung_up = RawClient(machine, uid), 1, 0, 0
    for number in range(count):
        interface, method, signature = generator.random.choice(known if generator.random.random() < 0.75 else standard)
        path = PATH if generator.random.random() < 0.7 else generator.random.choice(PATHS)
        arguments, has_descriptor = generator.arguments(signature)
        fds = [generator.descriptor()] if has_descriptor else []
        interface = interface if generator.random.random() < 0.98 else "no.such.Interface"
        method = method if generator.random.random() < 0.98 else "NoSuchMethod"
        pending += 1
        try:
            client.call(NAME, path, interface, method, arguments, fds)
            if pending >= BATCH or number == count - 1:
                errors += sum(client.answers(pending))
                pending = 0
        except OSError as error:
            hung_up += 1
            assert hung_up <= 3, f"the bus hangs up again and again (seed {seed}): {error}"
            client.close()
            client, pending = RawClient(machine, uid), 1
        for fd in fds:
            os.close(fd)
        assert not machine.daemon.ended(), f"the daemon has ended (seed {seed})"
    client.close()
    return errors


@pytest.mark.parametrize("uid", [0, NOBODY])
def test_no_call_harms_the_daemon(bare, uid, capsys):
    bare.start_daemon(environment={"ASAN_OPTIONS": "quarantine_size_mb=8", "SYSTEMD_LOG_LEVEL": "emerg"})
    bare.stage(signed())
    if uid != 0:
        bare.start_mock_polkit()
    before = bare.list(), (bare.state / "state.json").read_bytes()
    seed = random.randrange(1 << 32)
    # Half of the calls by each.
    errors = fuzz(bare, uid, seed, N_CALLS // 2)
    with open(f"/proc/{bare.daemon.pid}/status", encoding="ascii") as file:
        peak = int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))
    with capsys.disabled():
        print(f" [{N_CALLS // 2} calls, seed {seed}: {errors} refused, {peak} KiB]")
    assert 0 < errors < N_CALLS // 2
    assert peak < MEMORY_MAX_KIB
    assert bare.read_state()["format"] == 1
    if uid != 0:
        assert (bare.list(), (bare.state / "state.json").read_bytes()) == before
    # It still works.
    bare.ipectl("list")
