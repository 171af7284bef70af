# SPDX-License-Identifier: LGPL-2.1-or-later
"""Callers that wait for the list of volumes: one inspection serves them all, and no user keeps another, or
root, from it."""

import pytest

from inspections import facts
from machine import NOBODY
from programs import TOP
from raw_client import RawClient

INSPECT = "org.ipe.manager.inspect"
LIMIT = "org.freedesktop.DBus.Error.LimitsExceeded: Too many calls wait for an inspection already."


@pytest.fixture
def held(mocked):
    """Everybody may inspect; an inspection goes on until the gate opens. The list of the start has been made already."""
    mocked.allow(INSPECT)
    facts(mocked)
    mocked.call("ListVolumes")
    mocked.inspector.gate.clear()
    mocked.inspector.calls = 0
    return mocked


def ask(machine, uid, count):
    client = RawClient(machine, uid)
    client.answers(1)
    for _ in range(count):
        client.ask("ListVolumes")
    return client


def test_all_who_come_during_an_inspection_share_the_next_one(held):
    """ipectld refuses the fifth call of a user once four wait; polkit allows each before that."""
    others = [ask(held, uid, 5) for uid in (NOBODY, 1)]
    assert all(client.answers(1) == [True] for client in others)
    roots = [ask(held, 0, 4) for _ in range(2)]
    held.list()
    held.wait_for(lambda: held.inspector.calls, "the inspection")
    held.inspector.gate.set()
    assert all(client.answers(4) == [False] * 4 for client in (*others, *roots))
    assert held.inspector.calls == 2
    for client in (*others, *roots):
        client.close()


def test_a_user_may_wait_four_times_and_root_is_not_kept_out(held):
    others = [ask(held, uid, 5) for uid in (NOBODY, 1, 2, 3)]
    for client in others:
        assert client.answers(1) == [True] and client.sentences == [LIMIT]
    last = ask(held, 4, 1)
    assert last.answers(1) == [True] and last.sentences == [LIMIT]
    root = ask(held, 0, 16)
    held.list()
    held.inspector.gate.set()
    assert root.answers(16) == [False] * 16
    assert all(client.answers(4) == [False] * 4 for client in others)
    for client in (*others, last, root):
        client.close()


def test_who_calls_and_leaves_again_and_again_begins_no_more_than_the_next_inspection(held):
    client = ask(held, NOBODY, 1)
    held.wait_for(lambda: held.inspector.calls == 1, "an inspection")
    client.close()
    for _ in range(30):
        client = ask(held, NOBODY, 1)
        held.list()
        client.close()
    root = ask(held, 0, 1)
    held.list()
    held.inspector.gate.set()
    assert root.answers(1) == [False]
    assert held.inspector.calls == 2
    root.close()


def test_the_socket_takes_more_connections_than_the_daemon_has():
    unit = (TOP / "units/ipe-inspect.socket").read_text()
    assert "\nMaxConnections=64\n" in unit and "\nTriggerLimitIntervalSec=0\n" in unit
