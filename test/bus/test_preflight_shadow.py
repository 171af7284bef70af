# SPDX-License-Identifier: LGPL-2.1-or-later
"""Preflight in the kernel's shadow: the events that it reads, the ways in which it ends, and shadows that it
must leave alone. Plain files stand in for the kernel, see kernel_files.py."""

import signal
import time

import pytest
from gi.repository import GLib

from calls import call, refused_call
from connection import Call
from kernel_files import LINE_SIZE, PIPE_SIZE, READ_LINES, Gate, Storm
from machine import signed
from manual_trials import POLICY
from programs import IPECTL

FAILED = "org.freedesktop.DBus.Error.Failed"


@pytest.fixture
def machine(manual):
    return manual


def set_duration(machine, preflight_sec):
    machine.configure("Confirm=manual", f"PreflightSec={preflight_sec}")
    machine.call("Reload")


def test_a_preflight_that_found_nothing_says_so(machine):
    assert call(machine, "Preflight", POLICY) == ([],)
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"0"
    assert "would deny nothing" in machine.ipectl("preflight", POLICY).stdout


def test_a_preflight_that_lost_events_gives_no_all_clear(machine):
    machine.kernel.tell_line("lost=100000")
    findings = call(machine, "Preflight", POLICY)[0]
    assert findings == [("", "", "100000 denials or more were missed", "")]


def test_ipectl_fails_where_a_preflight_is_not_complete(machine):
    machine.kernel.tell()
    machine.kernel.tell_line("lost=3")
    result = machine.ipectl("preflight", POLICY, status=1)
    assert "/bin/x" in result.stdout and "1 denial listed" in result.stdout and "(memory" not in result.stdout
    assert "3 denials or more were missed" in result.stderr
    machine.kernel.tell_line("lost=3")
    result = machine.ipectl("preflight", POLICY, status=1)
    assert result.stdout == "" and "were missed" in result.stderr


def test_a_preflight_that_found_too_much_says_how_much_is_missing(machine):
    for number in range(1007):
        machine.kernel.tell(path=f'"/bin/{number}"')
    findings = call(machine, "Preflight", POLICY)[0]
    assert [finding[0] for finding in findings[:1000]] == [f"/bin/{number}" for number in range(1000)]
    assert findings[1000:] == [("", "", "7 denials or more were missed", "")]


def test_a_preflight_reads_a_storm_in_bounds(machine):
    """At most a full pipe, four times a second, however fast events come."""
    storm = Storm(machine.kernel, shadow=1)
    started = time.monotonic()
    findings = call(machine, "Preflight", POLICY)[0]
    passed = time.monotonic() - started
    storm.end()
    read = storm.written - machine.kernel.unread() // LINE_SIZE
    assert len(findings) == READ_LINES or findings[-1][2].endswith("were missed")
    assert READ_LINES <= read <= (passed / 0.25 + 3) * (PIPE_SIZE // LINE_SIZE)


def shadow_ended(machine):
    machine.kernel.put(f"policies/{POLICY}/shadow", "0")


def shadow_of_another_version(machine):
    machine.kernel.put_version(f"{POLICY}/next", "3.0.0", signed(version="3.0.0"))


def shadow_of_other_content(machine):
    machine.kernel.put_version(f"{POLICY}/next", "2.0.0", signed(version="2.0.0", body="DEFAULT action=DENY\n"))


def policy_deleted(machine):
    for place in (POLICY, f"{POLICY}/next"):
        machine.kernel.put_version(place, None, None)


@pytest.mark.parametrize("happens", [shadow_ended, shadow_of_another_version, shadow_of_other_content, policy_deleted])
def test_a_preflight_whose_policy_was_replaced_meanwhile_gives_no_all_clear(machine, happens):
    with Gate(machine.kernel.path(f"policies/{POLICY}/shadow"), lambda: happens(machine), lambda text: text == b"1"):
        error = refused_call(machine, "Preflight", POLICY)
    assert error.name == FAILED and "run the preflight again" in error.message
    assert "shadowing" not in machine.read_state()


def test_events_of_others_are_no_findings(machine):
    for fields in ({"time": 1}, {"shadow": 0}, {"verdict": "ALLOW"}, {"policy_version": "1.0.0"},
                   {"policy_name": '"other"'}):
        machine.kernel.tell(**fields)
    assert call(machine, "Preflight", POLICY) == ([],)


def test_a_finding_names_each_process_once_and_not_all(machine):
    for _ in range(2):
        for pid in range(25):
            machine.kernel.tell(pid=pid)
    (path, operation, rule, processes), = call(machine, "Preflight", POLICY)[0]
    assert (path, operation, rule) == ("/bin/x", "EXECUTE", "op=EXECUTE action=DENY")
    assert processes == ", ".join([*(f"sh[{pid}]" for pid in range(20)), "..."])


def test_a_process_cannot_forge_a_list_of_processes(machine):
    machine.kernel.tell(pid=7, comm='"a, b[1]"')
    assert call(machine, "Preflight", POLICY)[0][0][3] == "a\\x2c b\\x5b1\\x5d[7]"


def begin_preflight(machine):
    set_duration(machine, 600)
    preflight = Call(machine, "Preflight", GLib.Variant("(s)", (POLICY,)))
    machine.wait_for(lambda: machine.kernel.read(f"policies/{POLICY}/shadow") == b"1", "the shadow")
    return preflight


def test_a_daemon_that_is_stopped_answers_a_preflight(machine):
    preflight = begin_preflight(machine)
    machine.stop_daemon()
    assert "was cut off" in preflight.wait().error.message
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"0"
    assert "shadowing" not in machine.read_state()
    machine.start_daemon()


def test_a_caller_that_is_gone_does_not_keep_others_from_a_preflight(machine):
    set_duration(machine, 600)
    caller = machine.start([IPECTL, "preflight", POLICY])
    machine.wait_for(lambda: machine.kernel.read(f"policies/{POLICY}/shadow") == b"1", "the shadow")
    assert "is running" in refused_call(machine, "Preflight", POLICY).message
    caller.stop(signal.SIGKILL)
    machine.wait_for(lambda: machine.kernel.read(f"policies/{POLICY}/shadow") == b"0", "the end of the shadow")
    set_duration(machine, 1)
    assert call(machine, "Preflight", POLICY) == ([],)


def test_a_daemon_that_is_killed_leaves_no_shadow_of_what_was_discarded_meanwhile(machine):
    preflight = begin_preflight(machine)
    call(machine, "Discard", POLICY, "2.0.0")
    machine.kill_daemon()
    assert preflight.wait().error
    machine.start_daemon()
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"0"
    assert "shadowing" not in machine.read_state()


def test_a_daemon_that_is_killed_leaves_the_shadow_of_somebody_else(machine):
    preflight = begin_preflight(machine)
    machine.kill_daemon()
    assert preflight.wait().error
    shadow_of_another_version(machine)
    machine.start_daemon()
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"1"
    assert "shadowing" not in machine.read_state()


def test_a_shadow_of_another_version_is_not_taken_for_that_of_somebody_else(machine):
    machine.kernel.put_version(f"{POLICY}/next", "1.5.0", b"other")
    machine.kernel.put(f"policies/{POLICY}/shadow", "1")
    # Its stage is in the kernel before its shadow is asked for.
    with Gate(machine.kernel.path(f"policies/{POLICY}/stage"),
              lambda: machine.kernel.put_version(f"{POLICY}/next", "2.0.0", machine.two)):
        assert call(machine, "Preflight", POLICY) == ([],)
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"0"


def test_a_shadow_of_the_same_policy_stays(machine):
    machine.kernel.put(f"policies/{POLICY}/shadow", "1")
    assert call(machine, "Preflight", POLICY) == ([],)
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"1"


def test_a_preflight_takes_nothing_away_that_somebody_loaded_by_hand(machine):
    machine.kernel.put_policy(POLICY, ("2.1.0", b"by hand"), previous=("1.0.0", machine.one))
    error = refused_call(machine, "Preflight", POLICY)
    assert "another version of 'corp-base' loaded" in error.message
    assert machine.kernel.read(f"policies/{POLICY}/delete") == b""
    assert machine.kernel.read("new_policy") == b""
    assert "shadowing" not in machine.read_state()


def test_a_preflight_knows_of_a_trial_that_somebody_began(machine):
    machine.kernel.put_trial(POLICY, "2.0.0")
    assert refused_call(machine, "Preflight", POLICY).name == "org.ipe.Error.NoSuchPolicy"
    assert machine.states()["2.0.0"] == "trial"
