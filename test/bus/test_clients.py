# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients at once, clients that vanish during a call, and clients that do not read."""

import os
import re
import signal
import time

import pytest
from gi.repository import GLib

from machine import signed
from programs import TOP
from raw_client import RawClient

N_CLIENTS = 1000
FILLER = "x" * 60000


@pytest.fixture
def crowd(bare, tmp_path):
    """A machine whose bus takes more connections than that of a distribution."""
    configuration = (TOP / "test/bus/crowd.conf").read_text()
    bare.bus.stop(signal.SIGKILL)
    (bare.run_directory / "dbus/system_bus_socket").unlink(missing_ok=True)
    bare.connection.close()
    (bare.etc / "crowd.conf").write_text(configuration)
    bare.bus = bare.start(["dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", "--config-file=/etc/ipe/crowd.conf"])
    bare.wait_for(bare.connect, "the bus to listen")
    bare.start_daemon()
    return bare


def resident_kib(machine):
    with open(f"/proc/{machine.daemon.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def descriptors(machine):
    return len(os.listdir(f"/proc/{machine.daemon.pid}/fd"))


def test_a_thousand_clients_are_answered(crowd):
    crowd.stage(signed())
    clients = [RawClient(crowd) for _ in range(N_CLIENTS)]
    try:
        for client in clients:
            client.ask("ListPolicies")
            client.ask("GetPolicy", GLib.Variant("(ss)", ("corp-base", "")))
            client.ask("Activate", GLib.Variant("(s)", ("corp-base",)))
            client.ask("Discard", GLib.Variant("(ss)", ("nobody", "1.0.0")))
        for client in clients:
            # Of Hello() and the four; there is no IPE, and no such policy.
            assert client.answers(5) == [False, False, False, True, True]
    finally:
        for client in clients:
            client.close()
    assert crowd.list()["corp-base", "1.0.0"][0] == "staged"


@pytest.mark.parametrize("member, arguments", [
    ("Preflight", GLib.Variant("(s)", ("corp-base",))), ("ListVolumes", None), ("ListPolicies", None),
    ("GetPolicy", GLib.Variant("(ss)", ("corp-base", ""))), ("Activate", GLib.Variant("(s)", ("corp-base",)))])
def test_clients_that_vanish_leave_nothing_behind(machine, member, arguments):
    machine.stage(signed())
    machine.list()
    before = descriptors(machine)
    for _ in range(100):
        client = RawClient(machine)
        client.ask(member, arguments)
        client.close()
    machine.wait_for(lambda: machine.list() and descriptors(machine) <= before, "what is left of them to go")
    assert machine.list()["corp-base", "1.0.0"][0] == "staged"


def test_a_client_that_does_not_read_does_not_keep_the_daemon_busy(machine):
    """Its messages wait at the bus, which has a limit for them, not in the daemon."""
    machine.stage(signed(body="DEFAULT action=ALLOW\n" + "".join(f"# {FILLER[:100]}\n" for _ in range(400))))
    machine.list()
    before = resident_kib(machine)
    slow = RawClient(machine)
    slow.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch",
              GLib.Variant("(s)", ("type='signal'",)))
    slow.socket.setblocking(False)
    deadline = time.monotonic() + 10
    asked = 0
    while asked < 2000 and time.monotonic() < deadline:
        try:
            slow.ask("GetPolicy", GLib.Variant("(ss)", ("corp-base", "")))
            asked += 1
        except BlockingIOError:
            break
    assert asked > 100
    for _ in range(50):
        assert machine.list()
    slow.close()
    # ASan keeps what was freed for a while.
    assert resident_kib(machine) - before < 300 * 1024
