# SPDX-License-Identifier: LGPL-2.1-or-later
"""A trial during which the kernel does not enforce. Plain files stand in for the kernel, see kernel_files.py, and
service_manager.py for systemd."""

import pytest
from gi.repository import GLib

from automatic_trials import (
    POLICY, VITAL, begin, checks, is_confirmed, state, tell_denial, wait_for_end, wait_for_further_calls)
from machine import boottime_usec
from programs import IPECTL


@pytest.fixture
def machine(automatic):
    return automatic


def test_a_trial_that_is_not_enforced_does_not_confirm_itself(machine):
    """Without enforcement nothing is denied, so everything seems well."""
    machine.kernel.put("enforce", "0")
    begin(machine, seconds=0)
    wait_for_end(machine, "the kernel did not enforce all the time")
    assert checks(machine)["enforcement"][0] == "failed" and not machine.kernel.read("confirm").startswith(b"1")


def wait_for_doubt(machine):
    machine.wait_for(lambda: checks(machine)["enforcement"][1], "the doubt")
    result, detail = checks(machine)["enforcement"]
    assert result == "pending" and "'ipectl confirm'" in detail and state(machine) == "trial"
    assert [entry for entry in machine.entries(PRIORITY="4") if detail in entry["MESSAGE"]]


def test_enforcement_that_was_off_for_a_while_is_remembered(machine):
    """The next daemon knows it, too."""
    begin(machine)
    machine.kernel.put("enforce", "0")
    wait_for_doubt(machine)
    machine.kernel.put("enforce", "1")
    machine.wait_for(lambda: machine.read_state()["trial"].get("unenforced"), "the record")
    machine.stop_daemon()
    machine.change_state(lambda state: state["trial"].update(deadline_usec=boottime_usec()))
    machine.start_daemon()
    wait_for_end(machine, "the kernel did not enforce all the time")


def test_enforcement_that_was_off_for_a_moment_counts(machine):
    begin(machine)
    for value in (False, True):
        machine.call("SetEnforce", GLib.Variant("(b)", (value,)))
    assert machine.properties()["Enforce"] and "did not enforce" in checks(machine)["enforcement"][1]


def test_a_trial_that_is_not_enforced_is_confirmed_by_hand(machine):
    machine.kernel.put("enforce", "0")
    begin(machine)
    wait_for_doubt(machine)
    # The files of this kernel do not act, so what is answered then is no matter.
    machine.run(IPECTL, "confirm", POLICY, check=False)
    assert is_confirmed(machine)


def test_a_denial_that_is_not_enforced_does_not_end_a_trial(machine):
    machine.configure(f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, enforcing=0)
    wait_for_doubt(machine)
    assert checks(machine)["denials"] == ("pending", "")
    tell_denial(machine, seq=2, enforcing=1)
    wait_for_end(machine, f"the essential file '{VITAL}' was denied")


def test_a_switch_that_cannot_be_read_is_no_reason_to_confirm(machine):
    begin(machine)
    machine.kernel.put("enforce", "maybe")
    wait_for_further_calls(machine, "ListUnitsFiltered")
    assert state(machine) == "trial"
    machine.stop_daemon()
    machine.change_state(lambda state: state["trial"].update(deadline_usec=boottime_usec()))
    machine.start_daemon()
    machine.wait_for(lambda: state(machine) == "rolled-back", "the end of the trial")
    assert [entry for entry in machine.entries() if "it is not known whether the kernel enforces" in entry["MESSAGE"]]
