# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectld signals changes that others make in the kernel's files, as the properties promise. Plain files
stand in for the kernel, see kernel_files.py: inotify sees a write to them in the same way. A trial that ends
with its time, without a write, needs a kernel."""

import shutil

import pytest
from gi.repository import GLib

from connection import PATH, POLICY
from kernel_files import begins_trial
from machine import object_path, signed
from message_ids import message_id
from programs import IPECTL

NAME = "corp-base"


@pytest.fixture
def machine(bare, kernel_files):
    """1.0.0 is staged, and another program has loaded it."""
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
    """The values of a property in the signals so far."""
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
    entries = machine.entries(MESSAGE_ID=message_id("ENFORCE"))
    assert [entry["MESSAGE"] for entry in entries] == ["Enforcement is off now; ipectld did not switch it."]


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


@pytest.fixture
def trial(machine):
    """2.0.0 is on trial, begun by ipectld; 1.0.0 is confirmed."""
    machine.two = signed(version="2.0.0")
    activate(machine, 0)
    machine.stage(machine.two)
    machine.kernel.put_policy(NAME, ("1.0.0", machine.one), ("2.0.0", machine.two), active=True)
    with begins_trial(machine, NAME, "2.0.0"):
        activate(machine, 600)
    wait_told(machine, "TrialPolicy", (NAME, "2.0.0"))
    assert machine.states() == {"1.0.0": "confirmed", "2.0.0": "trial"}
    return machine


def activate(machine, trial_sec):
    options = {"trial-sec": GLib.Variant("t", trial_sec), "force": GLib.Variant("b", True)}
    if trial_sec:
        options["confirm"] = GLib.Variant("s", "manual")
    machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (NAME, options)))


def test_root_ends_a_trial_of_ours_by_the_kernels_file(trial):
    trial.kernel.end_trial(NAME)
    wait_told(trial, "TrialDeadlineUSec", 0)
    wait_told(trial, "TrialConfirm", "")
    wait_told(trial, "State", "rolled-back", object_path(NAME, "2.0.0"))
    trial.wait_signal("PolicyRolledBack")
    assert trial.states() == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}


def test_root_confirms_a_trial_of_ours_by_the_kernels_file(trial):
    trial.kernel.put_policy(NAME, ("2.0.0", trial.two), previous=("1.0.0", trial.one), active=True)
    trial.kernel.end_trial(NAME)
    wait_told(trial, "ConfirmedPolicy", (NAME, "2.0.0"))
    wait_told(trial, "TrialDeadlineUSec", 0)
    assert trial.states() == {"1.0.0": "superseded", "2.0.0": "confirmed"}


def test_ipectl_does_not_wait_for_a_trial_that_root_has_ended(machine):
    activate(machine, 0)
    machine.stage(signed(version="2.0.0"))
    machine.kernel.put_policy(NAME, ("1.0.0", machine.one), ("2.0.0", signed(version="2.0.0")), active=True)
    with begins_trial(machine, NAME, "2.0.0"):
        waiting = machine.start([IPECTL, "activate", "--wait", "--force", "--trial-sec=600", "--confirm=manual", NAME])
    wait_told(machine, "TrialPolicy", (NAME, "2.0.0"))
    machine.kernel.end_trial(NAME)
    machine.wait_for(waiting.ended, "the end of ipectl")
    assert waiting.wait() == 1


def load_again(machine, name=NAME):
    """Deletes the policy and loads it again, as ipectld does where a kernel cannot update its active policy."""
    shutil.rmtree(machine.kernel.path(f"policies/{name}"))
    machine.kernel.put_policy(name, ("1.0.0", machine.one))
    machine.kernel.put("new_policy", "x")


def test_a_policy_that_is_deleted_and_loaded_again_is_still_watched(machine):
    for _ in range(3):
        load_again(machine)
        machine.kernel.put("success_audit", "1")
        wait_told(machine, "SuccessAudit", True)
        machine.kernel.put("success_audit", "0")
        wait_told(machine, "SuccessAudit", False)
        machine.kernel.put(f"policies/{NAME}/active", "1")
        wait_told(machine, "ActivePolicy", (NAME, "1.0.0"))
        machine.kernel.put(f"policies/{NAME}/active", "0")
        wait_told(machine, "ActivePolicy", ("", ""))


def test_the_same_while_somebody_keeps_the_old_directory_open(machine):
    with open(machine.kernel.path(f"policies/{NAME}/version"), "rb"):
        test_a_policy_that_is_deleted_and_loaded_again_is_still_watched(machine)


def test_a_kernel_file_that_cannot_be_watched_does_not_stop_the_others(bare, kernel_files):
    """Without "confirm" the daemon misses the end of a trial; it sees policies, and the file as soon as it appears."""
    bare.one = signed()
    bare.kernel.put_policy(NAME, ("1.0.0", bare.one))
    bare.kernel.path("confirm").unlink()
    bare.start_daemon()
    assert len(complaints(bare)) == 1
    # Without it nothing is known of what is active. Nothing sees that it is back, as it comes by a rename.
    (bare.directory / "confirm").write_text("")
    (bare.directory / "confirm").chmod(0o644)
    (bare.directory / "confirm").rename(bare.kernel.path("confirm"))
    bare.kernel.put(f"policies/{NAME}/active", "1")
    wait_told(bare, "ActivePolicy", (NAME, "1.0.0"))
    bare.wait_for(lambda: [entry for entry in bare.entries() if "watches all files" in entry["MESSAGE"]], "the end of the failure")
    assert len(complaints(bare)) == 1


def complaints(machine):
    return [entry for entry in machine.entries(PRIORITY="4") if "Cannot watch the files" in entry["MESSAGE"]]


def test_a_policy_that_could_not_be_watched_is_watched_later(machine):
    machine.kernel.put_policy("other", ("3.0.0", signed("other", "3.0.0")))
    machine.kernel.path("policies/other").chmod(0o311)
    machine.kernel.put("new_policy", "x")
    machine.wait_for(lambda: complaints(machine), "the failure")
    # The others are.
    machine.kernel.put(f"policies/{NAME}/active", "1")
    wait_told(machine, "ActivePolicy", (NAME, "1.0.0"))
    machine.kernel.path("policies/other").chmod(0o755)
    machine.kernel.put(f"policies/{NAME}/active", "0")
    wait_told(machine, "ActivePolicy", ("", ""))
    machine.kernel.put("policies/other/active", "1")
    wait_told(machine, "ActivePolicy", ("other", "3.0.0"))


@pytest.mark.parametrize("asked", [False, True])
def test_a_switch_of_root_is_told_though_we_set_it_at_once(machine, asked):
    """Within the time in which the daemon takes several writes for one."""
    machine.kernel.put("enforce", "0")
    machine.call("SetEnforce", GLib.Variant("(b)", (asked,)))
    wait_told(machine, "Enforce", asked)
    said = [entry["MESSAGE"] for entry in machine.entries(MESSAGE_ID=message_id("ENFORCE"))]
    assert said == ["Enforcement is off now; ipectld did not switch it.", "Enforcement is on now."][:1 + asked]
