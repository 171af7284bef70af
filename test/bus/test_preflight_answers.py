# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ipe-inspect that answers nonsense, too late or not at all, and calls that come while the daemon waits
for it."""

import json
import threading

import pytest
from gi.repository import GLib

from calls import call, refused
from connection import BusError, Connection
from inspections import FILE, USR, inspection
from machine import signed
from preflights import DENY, FORCE, NOT_SUPPORTED, ON_TRIAL, POLICY, activate, is_activated, stage


@pytest.fixture
def machine(without_shadow):
    return without_shadow


def is_refused(machine, kind=None):
    """Checks that all calls fail; returns the last sentence."""
    for function in (activate, lambda machine: call(machine, "Preflight", POLICY), lambda machine: call(machine, "ListVolumes")):
        error = refused(machine, function)
        assert error.name == NOT_SUPPORTED and "ipe-inspect" in error.message, kind
    assert not is_activated(machine), kind
    return error.message


def is_unknown(machine):
    """Checks that only a forced trial is activated then; returns the sentence of a refusal."""
    stage(machine)
    message = is_refused(machine)
    assert refused(machine, activate, **FORCE).name == NOT_SUPPORTED
    assert not is_activated(machine)
    activate(machine, **FORCE, **ON_TRIAL)
    assert machine.kernel.read(f"policies/{POLICY}/trial") != b"0"
    assert [entry for entry in machine.entries(PRIORITY="4") if "files that it denies are unknown" in entry["MESSAGE"]]
    return message


def test_nobody_listens(machine):
    machine.inspector.path.unlink()
    assert "No such file" in is_unknown(machine)


def test_what_is_unknown_is_not_forced_where_only_reboots_would_end_it(bare, kernel_files):
    """A kernel without trials."""
    for name in ("features", "confirm"):
        bare.kernel.path(name).unlink()
    bare.inspector.answer = b""
    bare.start_daemon()
    stage(bare)
    for options in (FORCE, {**FORCE, **ON_TRIAL}):
        error = refused(bare, activate, **options)
        assert error.name == NOT_SUPPORTED and "this kernel has no trials" in error.message
    assert not is_activated(bare) and bare.get(POLICY)["State"] == "staged"


def without(entry, member):
    return {key: value for key, value in entry.items() if key != member}


NONSENSE = {
    "nothing": b"",
    "no JSON": b"hello",
    "no object": b"[]",
    "no files": b'{"volumes": []}',
    "cut": inspection(FILE)[:-2],
    "more behind": inspection() + b" {}",
    "deep": b"[" * 100000,
    "a NUL": inspection({**FILE, "path": "a\0b"}),
    "no UTF-8 in a root hash": inspection(volumes=[{**USR, "root_hash": "?:00"}]).replace(b"?", b"\xff"),
    "no UTF-8": inspection({**FILE, "path": "?"}).replace(b"?", b"\xff"),
    **{f"file {number}": inspection(file) for number, file in enumerate((
        1, *(without(FILE, member) for member in FILE), {**FILE, "operation": "OTHER"}, {**FILE, "path": 1}, {**FILE, "volume": 0},
        {**FILE, "volume": -1}, {**FILE, "volume": 1e300}, {**FILE, "fsverity": "sha256"}, {**FILE, "fsverity": ":00"},
        {**FILE, "fsverity": "sha256:0"}, {**FILE, "fsverity": f"sha256:{'00' * 65}"}, {**FILE, "fsverity": f"{'a' * 64}:00"},
        {**FILE, "fsverity_signed": 1}))},
    **{f"scope {scope}": inspection({**FILE, "scope": scope}) for scope in ("", "root", 1)},
    **{f"cut {number}": json.dumps({"volumes": [], "files": [], "cuts": cuts}).encode() for number, cuts in enumerate((
        1, [1], [{}], [{"uid": 1, "scope": "essential", "processes": 1}], [{"uid": 1 << 32, "scope": "users", "processes": 1}],
        [{"uid": 1, "scope": "users", "processes": -1}], [{"uid": 1, "processes": 1}]))},
    **{f"volume {number}": inspection(volumes=[volume]) for number, volume in enumerate((
        *(without(USR, member) for member in USR), {**USR, "device": [1]}, {**USR, "device": [-1, 1]}, {**USR, "root_hash": ""},
        {**USR, "signed": "yes"}))},
}


def test_nonsense_is_no_all_clear(machine):
    stage(machine)
    for kind, answer in NONSENSE.items():
        machine.inspector.answer = answer
        is_refused(machine, kind)


def test_a_giant_answer_ends(machine):
    machine.inspector.answer = b" " * (17 << 20)
    assert "File too large" in is_unknown(machine)


class Waiting:
    """A call in another thread; it has reached ipe-inspect, which waits."""

    def __init__(self, machine, function):
        self.error = None
        machine.inspector.gate.clear()
        before = machine.inspector.calls
        self.thread = threading.Thread(target=self.call, args=(machine, function))
        self.thread.start()
        machine.wait_for(lambda: machine.inspector.calls > before, "the question")

    def call(self, machine, function):
        try:
            function(machine)
        except BusError as error:
            self.error = error

    def wait(self):
        self.thread.join()
        return self


def test_an_ipe_inspect_that_does_not_answer_is_given_up_and_delays_nobody_else(machine):
    stage(machine)
    waiting = Waiting(machine, activate)
    assert machine.list(), "others are served meanwhile"
    assert "too long" in waiting.wait().error.message
    assert not is_activated(machine)


def test_one_activation_at_a_time(machine):
    stage(machine)
    waiting = Waiting(machine, activate)
    assert "try again" in refused(machine, activate).message
    machine.inspector.gate.set()
    assert waiting.wait().error is None and is_activated(machine)


def test_a_caller_that_vanishes_activates_nothing(machine):
    stage(machine)
    machine.inspector.gate.clear()
    other = Connection(machine.address)
    other.bus.call("org.ipe.Manager", "/org/ipe/Manager", "org.ipe.Manager", "Activate", GLib.Variant("(s)", (POLICY,)), None, 0,
                   -1, None, None)
    machine.wait_for(lambda: machine.inspector.calls == 1, "the question")
    other.close()
    machine.inspector.gate.set()

    def nobody_is_served():
        try:
            return activate(machine)
        except BusError as error:
            assert "try again" in error.message
            return None
    assert not is_activated(machine)
    machine.wait_for(nobody_is_served, "room for another activation")


def test_a_daemon_that_is_stopped_activates_nothing(machine):
    stage(machine)
    waiting = Waiting(machine, lambda machine: activate(machine, **FORCE))
    machine.stop_daemon()
    machine.inspector.gate.set()
    assert waiting.wait().error and not is_activated(machine)


@pytest.mark.parametrize("happens", ["discarded", "replaced", "replaced by force"])
def test_what_was_not_judged_is_not_activated(machine, happens):
    """The version is discarded while the system is looked at, and another one of the same number takes its place."""
    stage(machine)
    waiting = Waiting(machine, lambda machine: activate(machine, **(FORCE if "force" in happens else {})))
    call(machine, "Discard", POLICY, "1.0.0")
    if "replaced" in happens:
        stage(machine, body=DENY)
    machine.inspector.gate.set()
    assert waiting.wait().error and not is_activated(machine)


def test_a_newer_version_that_comes_meanwhile_is_not_activated(machine):
    stage(machine)
    waiting = Waiting(machine, activate)
    machine.stage(signed(version="2.0.0", body=DENY))
    machine.inspector.gate.set()
    assert waiting.wait().error is None
    assert machine.list()[(POLICY, "1.0.0")][0] == "confirmed" and machine.list()[(POLICY, "2.0.0")][0] == "staged"
