# SPDX-License-Identifier: LGPL-2.1-or-later
"""A user sends messages, of megabytes or of bytes, from many new connections, without end. The daemon's
memory does not grow with them, and a trial goes on. Plain files stand in for the kernel, see
kernel_files.py, and service_manager.py for systemd."""

import re
import subprocess
import sys
import time

import pytest
from gi.repository import GLib

from automatic_trials import begin, is_confirmed, wait_for_calls, wait_for_confirmation
from connection import BusError
from machine import NOBODY
from programs import TOP
from raw_client import RawClient

N_CONNECTIONS = 200
# {kind: (messages of one connection, size of each)}
KINDS = {"calls": (3, 2 << 20), "signals": (3, 2 << 20), "small calls": (0, 8)}
TRIAL_SEC = 15
# Far below MemoryMax= of the unit, which is 768 MiB.
GROWTH_MAX_MIB = 128
# ASan keeps what was freed.
ENVIRONMENT = {"ASAN_OPTIONS": "quarantine_size_mb=16"}
# dbus-daemon alone keeps root waiting for 10 or 20 seconds: that long it takes to hand on what is queued for the daemon.
ANSWER_SEC = 50
BUS = "org.freedesktop.DBus"


@pytest.fixture
def machine(automatic):
    return automatic


def memory_mib(machine, field):
    with open(f"/proc/{machine.daemon.pid}/status", encoding="ascii") as file:
        return int(re.search(rf"{field}:\s+(\d+)", file.read()).group(1)) >> 10


def ask_bus(machine, method, arguments=None):
    return machine.connection.call("/org/freedesktop/DBus", BUS, method, arguments, name=BUS)[0]


def names_of_the_daemon(machine):
    """Everybody sees them."""
    names = [name for name in ask_bus(machine, "ListNames") if name.startswith(":")]
    return [name for name in names
            if ask_bus(machine, "GetConnectionUnixProcessID", GLib.Variant("(s)", (name,))) == machine.daemon.pid]


class Flood:
    def __init__(self, machine, kind):
        names = names_of_the_daemon(machine) if kind == "signals" else []
        self.process = subprocess.Popen(
            [sys.executable, TOP / "test/bus/flooder.py", machine.address.removeprefix("unix:path="), str(NOBODY), str(N_CONNECTIONS),
             *map(str, KINDS[kind]), *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.process.stdout.close()


def list_as_root(machine):
    """Returns the seconds until there is an answer. The bus itself refuses calls while its queue to the daemon is full."""
    begun = time.monotonic()
    while True:
        try:
            assert machine.list()
            return time.monotonic() - begun
        except BusError as error:
            assert error.name == f"{BUS}.Error.LimitsExceeded" and "full message queue" in error.message
        assert time.monotonic() - begun < ANSWER_SEC
        time.sleep(0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_messages_delay_no_trial_and_fill_no_memory(machine, kind):
    begin(machine, seconds=TRIAL_SEC)
    machine.stop_daemon()
    machine.start_daemon(environment=ENVIRONMENT)
    wait_for_calls(machine, "ListUnitsFiltered")
    before = memory_mib(machine, "VmHWM")
    flood = Flood(machine, kind)
    end = time.monotonic() + TRIAL_SEC + 20
    waited = []
    while not is_confirmed(machine) and time.monotonic() < end:
        # Where calls are small, dbus-daemon is so busy with them that it keeps root's for as long as it likes.
        waited.append(list_as_root(machine) if kind != "small calls" else 0)
        time.sleep(0.1)
    flood.close()
    peak = memory_mib(machine, "VmHWM")
    print(f"{kind}: {len(waited)} answers to root, the slowest after {max(waited):.2f} s; memory from {before} to {peak} MiB")
    wait_for_confirmation(machine)
    assert not machine.kernel.read("revert").startswith(b"1")
    assert max(waited) < ANSWER_SEC
    assert peak - before < GROWTH_MAX_MIB


def test_nobody_can_send_the_daemon_a_signal(bare):
    """The bus refuses it with an error, though it is a signal."""
    bare.start_daemon()
    for name in names_of_the_daemon(bare):
        client = RawClient(bare, NOBODY)
        assert client.answers(1) == [False]
        client.signal(name, "/", "org.example.Flood", "Flood")
        assert client.answers(1) == [True]
        assert client.sentences[0].startswith(f"{BUS}.Error.AccessDenied: Rejected receive message")
        client.close()


def test_nobody_can_call_the_connection_that_asks_who_calls(bare):
    bare.start_daemon()
    owner = ask_bus(bare, "GetNameOwner", GLib.Variant("(s)", ("org.ipe.Manager",)))
    others = [name for name in names_of_the_daemon(bare) if name != owner]
    assert others
    for name in others:
        client = RawClient(bare, NOBODY)
        client.call(name, "/", "org.freedesktop.DBus.Peer", "Ping")
        assert client.answers(2) == [False, True]
        assert client.sentences[0].startswith(f"{BUS}.Error.AccessDenied")
        client.close()
