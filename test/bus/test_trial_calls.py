# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that end a trial or go back, from a caller who has another trial in mind than the one that runs by
now. Plain files stand in for the kernel, see kernel_files.py."""


import pytest
from gi.repository import GLib

from connection import BusError
from machine import boottime_usec, signed, this_boot

POLICY = "corp-base"
ROLLBACK = f"policies/{POLICY}/rollback"
VERSIONS = ("1.0.0", "2.0.0", "3.0.0")
TRANSACTION = "0123456789abcdef" * 2


@pytest.fixture
def machine(bare, kernel_files):
    """1.0.0 is superseded, 2.0.0 is confirmed, 3.0.0 is on trial."""
    envelopes = {version: signed(version=version) for version in VERSIONS}
    bare.kernel.put_policy(POLICY, ("2.0.0", envelopes["2.0.0"]), active=True)
    bare.start_daemon()
    for envelope in envelopes.values():
        bare.stage(envelope)
    bare.stop_daemon()
    bare.change_state(on_trial)
    bare.kernel.put_policy(POLICY, *[(version, envelopes[version]) for version in ("2.0.0", "3.0.0", "1.0.0")], active=True)
    bare.kernel.put_trial(POLICY, "3.0.0")
    bare.start_daemon()
    return bare


def on_trial(state):
    for record, name in zip(state["versions"], ("superseded", "confirmed", "trial")):
        record["state"] = name
    state["versions"][2]["transaction"] = TRANSACTION
    state["trial"] = {"boot_id": this_boot(), "deadline_usec": boottime_usec(1000), "confirm": "manual", "failed_units": [],
                      "boots": 0, "boots_max": 0, "boot_sec": 0}


def call(machine, method, **options):
    """With options that are all strings."""
    values = {name.replace("_", "-"): GLib.Variant("s", value) for name, value in options.items()}
    return machine.call(method, GLib.Variant("(sa{sv})", (POLICY, values)))[0]


def refused(machine, method, error, **options):
    before = machine.list(), machine.kernel.read("revert"), machine.kernel.read("confirm"), machine.kernel.read(ROLLBACK)
    with pytest.raises(BusError) as caught:
        call(machine, method, **options)
    assert caught.value.name == f"org.ipe.Error.{error}"
    assert before == (machine.list(), machine.kernel.read("revert"), machine.kernel.read("confirm"), machine.kernel.read(ROLLBACK))
    return caught.value.message


@pytest.mark.parametrize("keep", [0, 5])
def test_a_rollback_that_comes_late_leaves_the_confirmed_policy(machine, keep):
    """The kernel has just ended the trial by itself. ipectld remembers that version even if it keeps few."""
    machine.configure(f"KeepVersions={keep}")
    machine.ipectl("reload")
    machine.kernel.end_trial(POLICY)
    assert machine.states()["3.0.0"]
    machine.stage(signed("other"))
    machine.call("Discard", GLib.Variant("(ss)", ("other", "1.0.0")))
    with pytest.raises(BusError) as caught:
        machine.call("Rollback", GLib.Variant("(s)", (POLICY,)))
    assert caught.value.name == "org.ipe.Error.NoTrial" and "'ipectl rollback --from=2.0.0 corp-base'" in caught.value.message
    assert machine.kernel.read(ROLLBACK) == b""
    assert machine.states() == {"1.0.0": "superseded", "2.0.0": "confirmed", "3.0.0": "rolled-back"}


def test_the_same_rollback_on_purpose(machine):
    machine.kernel.end_trial(POLICY)
    with pytest.raises(BusError):
        call(machine, "EndTrial")
    refused(machine, "RollbackWithOptions", "NotThatVersion", **{"from": "3.0.0"})
    call(machine, "RollbackWithOptions", **{"from": "2.0.0"})
    assert machine.kernel.read(ROLLBACK) == b"1"


def test_a_rollback_names_what_it_takes_back(machine):
    assert "3.0.0 is on trial, not 2.0.0" in refused(machine, "RollbackWithOptions", "NotThatVersion", **{"from": "2.0.0"})
    call(machine, "RollbackWithOptions", **{"from": "3.0.0"})
    assert machine.kernel.read("revert").startswith(b"1")


def test_a_rollback_that_waits_for_the_boot_is_of_the_confirmed_version(machine):
    machine.kernel.end_trial(POLICY)
    machine.kernel.put_version(f"{POLICY}/previous", None, None)
    for _ in range(2):
        assert call(machine, "RollbackWithOptions", **{"from": "2.0.0"})["Version"] == "1.0.0"
    assert machine.states()["1.0.0"] == "pending-reboot"
    for version in ("9.9.9", "1.0.0", "3.0.0", "x"):
        assert "'corp-base' 1.0.0 waits" in refused(machine, "RollbackWithOptions", "NotThatVersion", **{"from": version})
    assert call(machine, "RollbackWithOptions")["Version"] == "1.0.0"


def test_a_trial_that_has_ended_but_is_in_force_until_the_boot_can_be_named(machine):
    """On a kernel without trials, which cannot go back."""
    machine.stop_daemon()
    for name in ("features", "confirm"):
        machine.kernel.path(name).unlink()
    machine.kernel.put_policy(POLICY, ("3.0.0", signed(version="3.0.0")), active=True)
    machine.start_daemon()
    assert call(machine, "EndTrial")["Version"] == "2.0.0"
    assert machine.states() == {"1.0.0": "superseded", "2.0.0": "pending-reboot", "3.0.0": "rolled-back"}
    assert call(machine, "RollbackWithOptions", **{"from": "3.0.0"})["Version"] == "2.0.0"
    for version in ("2.0.0", "1.0.0", "9.9.9"):
        with pytest.raises(BusError) as caught:
            call(machine, "RollbackWithOptions", **{"from": version})
        assert caught.value.name == "org.ipe.Error.NotThatVersion"


@pytest.mark.parametrize("method", ["EndTrial", "ConfirmWithOptions"])
def test_another_trial_is_left_alone(machine, method):
    assert "3.0.0 is on trial, not 2.0.0" in refused(machine, method, "NotThatVersion", version="2.0.0")
    assert "Another trial of 'corp-base' 3.0.0" in refused(machine, method, "NotThatVersion", transaction="f" * 32)
    assert machine.states()["3.0.0"] == "trial"


@pytest.mark.parametrize("method", ["EndTrial", "ConfirmWithOptions"])
def test_a_trial_that_has_ended_is_no_trial(machine, method):
    machine.kernel.end_trial(POLICY)
    assert machine.states()
    with pytest.raises(BusError):
        call(machine, method)
    refused(machine, method, "NoTrial", version="3.0.0")
    assert machine.kernel.read(ROLLBACK) == machine.kernel.read("revert") == b""


@pytest.mark.parametrize("options", [{}, {"version": "3.0.0"}, {"transaction": TRANSACTION},
                                     {"version": "3.0.0", "transaction": TRANSACTION}])
def test_the_trial_that_is_meant_ends(machine, options):
    call(machine, "EndTrial", **options)
    assert machine.kernel.read("revert").startswith(b"1") and machine.kernel.read(ROLLBACK) == b""
    assert machine.states()["3.0.0"] == "rolled-back"


@pytest.mark.parametrize("method, option", [("EndTrial", "versions"), ("ConfirmWithOptions", "force"), ("RollbackWithOptions", "version")])
def test_a_misspelt_option_is_an_error(machine, method, option):
    with pytest.raises(BusError) as caught:
        call(machine, method, **{option: "3.0.0"})
    assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs" and f"'{option}'" in caught.value.message
    assert machine.states()["3.0.0"] == "trial"


def test_an_option_of_another_type_is_an_error(machine):
    with pytest.raises(BusError) as caught:
        machine.call("EndTrial", GLib.Variant("(sa{sv})", (POLICY, {"version": GLib.Variant("u", 3)})))
    assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert machine.states()["3.0.0"] == "trial"
