# SPDX-License-Identifier: LGPL-2.1-or-later
"""What others change in the kernel's files is told on the bus, as properties promise. Plain files stand in for the kernel's: a write to
them is seen by inotify in the same way. The end of a trial, which is no write, needs a kernel."""

import pytest
from gi.repository import GLib

from machine import PATH, POLICY, object_path, signed

NAME = "corp-base"


@pytest.fixture
def machine(bare, kernel_files):
    """1.0.0 is staged, and loaded by somebody else."""
    bare.one = signed()
    bare.kernel.put_policy(NAME, ("1.0.0", bare.one))
    bare.start_daemon()
    bare.stage(bare.one)
    return bare


@pytest.fixture
def upstream(bare, kernel_files):
    """The same on a kernel without our files."""
    (bare.kernel.directory / "features").unlink()
    (bare.kernel.directory / "confirm").unlink()
    bare.one = signed()
    bare.kernel.put_policy(NAME, ("1.0.0", bare.one))
    bare.start_daemon()
    bare.stage(bare.one)
    return bare


def told(machine, name, path=PATH):
    """The values of a property that signals have told."""
    return [arguments[1][name] for where, member, arguments in machine.connection.signals
            if where == path and member == "PropertiesChanged" and name in arguments[1]]


def wait_told(machine, name, value, path=PATH):
    machine.wait_for(lambda: told(machine, name, path)[-1:] == [value], f"{name}={value}")


@pytest.mark.parametrize("file, name, text, value", [("enforce", "Enforce", "0", False), ("success_audit", "SuccessAudit", "1", True)])
def test_a_switch_that_root_writes(machine, file, name, text, value):
    machine.kernel.put(file, text)
    wait_told(machine, name, value)
    machine.kernel.put(file, "0" if text == "1" else "1")
    wait_told(machine, name, not value)
    assert told(machine, name) == [value, not value]


def test_who_switched_enforcement_off_is_in_the_journal(machine):
    machine.kernel.put("enforce", "0")
    wait_told(machine, "Enforce", False)
    entries = machine.entries(MESSAGE_ID="17f64bc444ed466da141638cf875c963")
    assert [entry["MESSAGE"] for entry in entries] == ["Enforcement is off now: somebody else than ipectld has switched it."]


def test_a_switch_of_our_own_is_told_once(machine):
    machine.call("SetEnforce", GLib.Variant("(b)", (False,)))
    machine.kernel.put("success_audit", "1")
    wait_told(machine, "SuccessAudit", True)
    assert told(machine, "Enforce") == [False]


def test_a_policy_that_root_activates(machine):
    machine.kernel.put(f"policies/{NAME}/active", "1")
    wait_told(machine, "ActivePolicy", (NAME, "1.0.0"))
    wait_told(machine, "Active", True, object_path(NAME, "1.0.0"))
    machine.kernel.put(f"policies/{NAME}/active", "0")
    wait_told(machine, "ActivePolicy", ("", ""))
    wait_told(machine, "Active", False, object_path(NAME, "1.0.0"))


def test_a_policy_that_root_loads_and_then_activates(machine):
    """Its files are not there when the daemon starts."""
    machine.kernel.put_policy("other", ("3.0.0", signed("other", "3.0.0")))
    machine.kernel.put("new_policy", "x")
    machine.kernel.put("policies/other/active", "1")
    wait_told(machine, "ActivePolicy", ("other", "3.0.0"))
    machine.kernel.put("policies/other/active", "0")
    wait_told(machine, "ActivePolicy", ("", ""))


def test_a_trial_that_root_begins_and_ends(machine):
    two = signed(version="2.0.0")
    machine.kernel.put_policy(NAME, ("1.0.0", machine.one), ("2.0.0", two), active=True)
    wait_told(machine, "ActivePolicy", (NAME, "1.0.0"))
    machine.kernel.put_trial(NAME, "2.0.0")
    wait_told(machine, "TrialPolicy", (NAME, "2.0.0"))
    wait_told(machine, "ActivePolicy", (NAME, "2.0.0"))
    machine.wait_for(lambda: told(machine, "TrialDeadlineUSec")[-1:] > [0], "the end")
    machine.kernel.end_trial(NAME)
    wait_told(machine, "TrialPolicy", ("", ""))
    wait_told(machine, "TrialDeadlineUSec", 0)


def test_upstream_kernels_are_watched_as_well(upstream):
    upstream.kernel.put("enforce", "0")
    wait_told(upstream, "Enforce", False)
    upstream.kernel.put(f"policies/{NAME}/active", "1")
    wait_told(upstream, "ActivePolicy", (NAME, "1.0.0"))
    upstream.kernel.put(f"policies/{NAME}/version", "1.5.0")
    wait_told(upstream, "ActivePolicy", (NAME, "1.5.0"))


def test_what_is_written_without_a_change_is_not_told(machine):
    for _ in range(20):
        machine.kernel.put("enforce", "1")
    machine.kernel.put("success_audit", "1")
    wait_told(machine, "SuccessAudit", True)
    assert told(machine, "Enforce") == []


def test_nonsense_is_not_told_and_harms_nothing(machine):
    machine.kernel.put("enforce", "maybe")
    machine.kernel.put("success_audit", "1")
    wait_told(machine, "SuccessAudit", True)
    assert told(machine, "Enforce") == []
    machine.kernel.put("enforce", "0")
    wait_told(machine, "Enforce", False)
    assert machine.properties(object_path(NAME, "1.0.0"), POLICY)["Active"] is False
