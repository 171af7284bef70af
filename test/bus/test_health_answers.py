# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service manager that does not answer as it should, before a trial and in the middle of one. Plain files stand in for the
kernel, see kernel_files.py, and service_manager.py for systemd; test/vm/test_health.py has the real ones."""

import ctypes
import errno
import os
import socket

import pytest
from gi.repository import GLib

from automatic_trials import (
    POLICY, begin, calls, checks, error, hold, state, wait_for_calls, wait_for_confirmation, wait_for_end)
from connection import BusError, Call
from kernel_files import begins_trial
from programs import IPECTL
from service_manager import COMMAND, ServiceManager

SYS_PIDFD_GETFD = 438
# The trial ended so many seconds ago that a last answer counts for one more: see LAST_ANSWER_USEC.
LONG_OVER = -19


@pytest.fixture
def machine(automatic):
    return automatic


# During a trial


def test_a_service_manager_that_refuses_to_the_end_ends_the_trial(machine):
    machine.services.answer = error("org.freedesktop.DBus.Error.AccessDenied")
    begin(machine, LONG_OVER)
    wait_for_end(machine, "the service manager does not answer: no")
    assert checks(machine)["units"][0] == "failed"


def test_a_service_manager_that_is_silent_to_the_end_ends_the_trial(machine):
    machine.services.answer = lambda method, invocation: method.startswith("List")
    begin(machine, LONG_OVER)
    wait_for_end(machine, "the service manager does not answer")


def wait_for_no_answer(machine, words):
    machine.wait_for(lambda: checks(machine)["units"] == ("pending", f"the service manager does not answer: {words}"), words)


def wait_for_an_answer(machine):
    machine.services.answer = lambda method, invocation: False
    machine.wait_for(lambda: checks(machine)["units"] == ("pending", ""), "an answer")
    assert state(machine) == "trial"


def test_no_answer_is_no_result(machine):
    """The service manager is busy. The daemon asks again."""
    machine.services.answer = error("org.freedesktop.DBus.Error.NoReply")
    begin(machine)
    wait_for_no_answer(machine, "no")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    wait_for_an_answer(machine)


def test_a_late_last_answer_confirms_the_policy(machine):
    machine.services.answer = error("org.freedesktop.DBus.Error.NoReply")
    begin(machine, seconds=0)
    wait_for_no_answer(machine, "no")
    machine.services.answer = lambda method, invocation: False
    wait_for_confirmation(machine)


def test_a_service_manager_that_is_gone_is_asked_again_when_it_is_back(machine):
    """As after daemon-reexec, which closes its connection."""
    machine.services.close()
    machine.configure("HealthCommand=/bin/check")
    begin(machine)
    machine.wait_for(lambda: checks(machine)["units"][1], "no answer")
    machine.services = ServiceManager(machine.address)
    wait_for_an_answer(machine)
    wait_for_calls(machine, "RestartUnit")


def bus_sockets(machine):
    """The daemon's connections to the bus: copies of their descriptors, by inode number. Others may be closed at any moment."""
    pidfd = os.pidfd_open(machine.daemon.pid)
    found = {}
    for name in os.listdir(f"/proc/{machine.daemon.pid}/fd"):
        try:
            link = os.readlink(f"/proc/{machine.daemon.pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if not link.startswith("socket:"):
            continue
        copy = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, pidfd, int(name), 0)
        if copy < 0 and ctypes.get_errno() == errno.EBADF:
            continue
        assert copy >= 0, os.strerror(ctypes.get_errno())
        peer = socket.socket(fileno=copy)
        try:
            if str(peer.getpeername()).endswith("system_bus_socket"):
                found[link] = peer
        except OSError:
            peer.close()
    os.close(pidfd)
    return found


def test_a_connection_that_breaks_is_opened_again(machine):
    """Nothing is lost: the command goes on, and its result counts."""
    machine.configure("HealthCommand=/bin/check")
    machine.start_daemon()
    before = bus_sockets(machine)
    with begins_trial(machine, POLICY, "2.0.0"):
        machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    wait_for_calls(machine, "ListUnitsByNames", 2)
    after = bus_sockets(machine)
    own, = after.keys() - before.keys()
    after[own].shutdown(socket.SHUT_RDWR)
    for peer in (*before.values(), *after.values()):
        peer.close()
    wait_for_calls(machine, "Subscribe", 2)
    machine.services.states[COMMAND] = "active"
    machine.wait_for(lambda: checks(machine)["health-command"][0] == "passed", "the result")
    assert state(machine) == "trial" and checks(machine)["units"] == ("pending", "")
    assert calls(machine, "RestartUnit") == [(COMMAND, "replace")]


def test_a_unit_that_fails_while_the_last_answer_is_late_ends_the_trial(machine):
    """The daemon asks for failed units until the end, not only until the first answer."""
    machine.configure("HealthUnits=needed.service")
    machine.services.states = {"needed.service": "active"}
    machine.services.answer = lambda method, invocation: method == "ListUnitsByNames" and error(
        "org.freedesktop.DBus.Error.NoReply")(method, invocation)
    begin(machine, seconds=0)
    wait_for_no_answer(machine, "no")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    machine.services.failed = ["new.service"]
    machine.services.answer = lambda method, invocation: False
    wait_for_end(machine, "'new.service' has failed")
    assert not machine.kernel.read("confirm").startswith(b"1")


def test_a_list_of_failed_units_that_is_under_way_is_waited_for(machine):
    """The states are good at last, and so was the list before; but that list is old by then."""
    machine.configure("HealthUnits=needed.service")
    machine.services.states = {"needed.service": "active"}
    no_states = error("org.freedesktop.DBus.Error.NoReply")
    machine.services.answer = lambda method, invocation: method == "ListUnitsByNames" and no_states(method, invocation)
    begin(machine, seconds=0)
    wait_for_no_answer(machine, "no")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    held = []

    def hold(method, invocation):
        if method == "ListUnitsFiltered":
            held.append(invocation)
        return method == "ListUnitsFiltered" or (not held and no_states(method, invocation))
    machine.services.answer = hold
    machine.wait_for(lambda: held, "the list")
    asked = [method for method, _ in machine.services.calls].count("ListUnitsByNames")
    # Two more of them: the answer to the first has been handled.
    wait_for_calls(machine, "ListUnitsByNames", asked + 2)
    assert state(machine) == "trial"
    machine.services.failed = ["new.service"]
    machine.services.answer = lambda method, invocation: False
    for invocation in held:
        invocation.return_value(machine.services.units({"new.service": "failed"}))
    wait_for_end(machine, "'new.service' has failed")
    assert not machine.kernel.read("confirm").startswith(b"1")


@pytest.mark.parametrize("answer", [GLib.Variant("(s)", ("x",)), GLib.Variant("(as)", (["x"],)), None])
def test_an_answer_that_makes_no_sense_is_none(machine, answer):
    def nonsense(method, invocation):
        if not method.startswith("List"):
            return False
        message = invocation.get_message().new_method_reply()
        if answer:
            message.set_body(answer)
        invocation.get_connection().send_message(message, 0)
        return True
    machine.services.answer = nonsense
    begin(machine)
    wait_for_no_answer(machine, "its answer is invalid")
    wait_for_an_answer(machine)


def test_an_answer_that_leaves_out_a_unit_ends_the_trial(machine):
    """At the end, when every other unit is well."""
    def leave_out(method, invocation):
        if method != "ListUnitsByNames":
            return False
        invocation.return_value(machine.services.units({"a.service": "active"}))
        return True
    machine.configure("HealthUnits=a.service needed.service")
    machine.services.answer = leave_out
    begin(machine, LONG_OVER)
    wait_for_end(machine, "its answer is invalid")


# Before a trial


def activation(machine):
    return Call(machine, "Activate", GLib.Variant("(s)", (POLICY,)))


def begin_held(machine, begin_it=activation):
    """Begins an activation for which the service manager is asked, and does not answer yet; returns it and the questions."""
    held = []
    machine.services.answer = hold("ListUnitsFiltered", held)
    machine.start_daemon()
    begun = begin_it(machine)
    machine.wait_for(lambda: held, "the question")
    return begun, held


def test_nobody_waits_for_a_service_manager_that_is_silent(machine):
    call, held = begin_held(machine)
    assert state(machine) == "staged" and call.result is None
    held[0].return_value(machine.services.units({"old.service": "failed", "slow.service": "auto-restart"}))
    assert call.answer() == "done"
    trial = machine.read_state()["trial"]
    assert trial["failed_units"] == ["old.service"] and trial["restarting_units"] == ["slow.service"]


def test_a_service_manager_that_stays_silent_lets_no_trial_begin(machine):
    machine.services.answer = hold("ListUnitsFiltered", [])
    machine.start_daemon()
    assert activation(machine).answer() == "org.ipe.Error.NotSupported"
    assert state(machine) == "staged" and machine.kernel.read(f"policies/{POLICY}/trial") == b"0"


def test_a_version_that_is_discarded_while_the_service_manager_is_asked_is_not_activated(machine):
    call, held = begin_held(machine)
    machine.ipectl("discard", POLICY, "2.0.0")
    held[0].return_value(machine.services.units({}))
    assert call.answer() == "org.ipe.Error.NoSuchPolicy"
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"0"


def test_a_caller_that_leaves_while_the_service_manager_is_asked_activates_nothing(machine):
    caller, held = begin_held(machine, lambda machine: machine.start([IPECTL, "activate", POLICY]))
    caller.stop(9)

    def begin_another():
        call = activation(machine)
        machine.wait_for(lambda: call.result or len(held) > 1, "an answer, or a question")
        return len(held) > 1
    machine.wait_for(begin_another, "another activation that is not one too many")
    held[0].return_value(machine.services.units({}))
    assert state(machine) == "staged"


@pytest.mark.parametrize("refusal", ["error", "nobody"])
def test_without_a_service_manager_there_is_no_automatic_trial(machine, refusal):
    machine.services.answer = error("org.freedesktop.DBus.Error.Failed")
    if refusal == "nobody":
        machine.services.close()
    machine.start_daemon()
    with pytest.raises(BusError) as caught:
        machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    assert caught.value.name == "org.ipe.Error.NotSupported" and "confirm=manual" in caught.value.message
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"0"
    assert state(machine) == "staged" and "trial" not in machine.read_state()
