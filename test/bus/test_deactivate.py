# SPDX-License-Identifier: LGPL-2.1-or-later
"""Deactivate(): no policy from the next boot on. Plain files stand in for the kernel, see kernel_files.py."""

import json

import pytest
from gi.repository import GLib

from connection import BusError
from kernel_files import begins_trial, ends_trial
from machine import signed
from message_ids import message_id
from programs import LOAD

POLICY = "corp-base"
OTHER_BOOT = "f" * 32
DEACTIVATED, NONE_WANTED = message_id("DEACTIVATED"), message_id("NONE_WANTED")


@pytest.fixture
def machine(bare, kernel_files):
    """1.0.0 is superseded, 2.0.0 is confirmed and active, 3.0.0 is staged."""
    bare.envelopes = {version: signed(version=version) for version in ("1.0.0", "2.0.0", "3.0.0")}
    bare.kernel.put_policy(POLICY, ("2.0.0", bare.envelopes["2.0.0"]), active=True)
    bare.start_daemon()
    for envelope in bare.envelopes.values():
        bare.stage(envelope)
    bare.set_states({"1.0.0": "superseded", "2.0.0": "confirmed"})
    bare.kernel.put_policy(POLICY, ("2.0.0", bare.envelopes["2.0.0"]), ("3.0.0", bare.envelopes["3.0.0"]), active=True)
    return bare


def deactivate(machine, **options):
    values = {name: GLib.Variant("s", value) for name, value in options.items()}
    return machine.call("Deactivate", GLib.Variant("(a{sv})", (values,)))[0]


def refused(machine, error, **options):
    before = machine.read_state()
    with pytest.raises(BusError) as caught:
        deactivate(machine, **options)
    assert caught.value.name == error
    assert machine.read_state() == before and not machine.properties()["Deactivated"]
    return caught.value.message


def activate(machine, version, **options):
    values = {"version": GLib.Variant("s", version), "force": GLib.Variant("b", True), **options}
    return machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, values)))


def written(machine):
    """All that was written to the kernel's files."""
    return {path: path.read_bytes() for path in machine.kernel.directory.rglob("*") if path.is_file()}


def reboot(machine, active=False):
    """The kernel has no policy, or one that another program than ipe-load has loaded."""
    machine.stop_daemon()
    if machine.read_state().get("deactivated_boot_id"):
        machine.write_state({**machine.read_state(), "deactivated_boot_id": OTHER_BOOT})
    machine.kernel.put(f"policies/{POLICY}/active", "1" if active else "0")
    before = written(machine)
    machine.run(LOAD)
    loaded = written(machine) != before
    machine.start_daemon()
    return loaded


def test_the_policy_stays_in_force_until_the_next_boot(machine):
    before = written(machine)
    outcome = deactivate(machine)
    assert (outcome["Name"], outcome["Version"], outcome["State"]) == (POLICY, "2.0.0", "confirmed")
    assert written(machine) == before
    properties = machine.properties()
    assert properties["Deactivated"] and properties["ActivePolicy"] == (POLICY, "2.0.0")
    assert not any(machine.get(POLICY, version)["SelectedForBoot"] for version in machine.envelopes)
    entry, = machine.entries(MESSAGE_ID=DEACTIVATED)
    assert (entry["IPE_POLICY"], entry["IPE_VERSION"]) == (POLICY, "2.0.0")
    machine.wait_signal("PropertiesChanged", lambda arguments: arguments[1].get("Deactivated") is True)
    machine.wait_signal("PropertiesChanged", lambda arguments: arguments[1].get("SelectedForBoot") is False)


def test_the_next_boot_loads_nothing_and_says_why(machine):
    deactivate(machine)
    assert not reboot(machine)
    assert machine.entries(MESSAGE_ID=NONE_WANTED)
    assert machine.states() == {"1.0.0": "superseded", "2.0.0": "superseded", "3.0.0": "staged"}
    assert machine.properties()["Deactivated"] and machine.properties()["ConfirmedPolicy"] == ("", "")
    # Nor any boot after that.
    assert not reboot(machine)
    assert machine.properties()["Deactivated"]


def test_a_restart_of_the_daemon_is_no_boot(machine):
    deactivate(machine)
    machine.kill_daemon()
    machine.start_daemon()
    assert machine.states()["2.0.0"] == "confirmed" and machine.properties()["Deactivated"]


def test_a_damaged_state_does_not_bring_it_back(machine):
    deactivate(machine)
    machine.stop_daemon()
    (machine.state / "state.json").write_bytes(b"{")
    machine.kernel.put(f"policies/{POLICY}/active", "0")
    before = written(machine)
    machine.run(LOAD)
    assert written(machine) == before
    machine.start_daemon()
    assert machine.properties()["Deactivated"]


def test_what_the_initrd_brings_is_in_force_all_the_same(machine):
    deactivate(machine)
    reboot(machine, active=True)
    assert any("already" in entry["MESSAGE"] for entry in machine.entries(MESSAGE_ID=NONE_WANTED))
    assert any("in spite of 'ipectl deactivate'" in entry["MESSAGE"] for entry in machine.entries(PRIORITY="4"))
    assert machine.states()["2.0.0"] == "confirmed" and machine.properties()["Deactivated"]


@pytest.mark.parametrize("version", ["2.0.0", "3.0.0"])
def test_an_activation_ends_it(machine, version):
    deactivate(machine)
    activate(machine, version, **{"trial-sec": GLib.Variant("t", 0)})
    assert not machine.properties()["Deactivated"] and machine.states()[version] == "confirmed"
    assert reboot(machine)


def test_a_version_of_before_can_be_activated_after_the_boot(machine):
    deactivate(machine)
    reboot(machine)
    activate(machine, "2.0.0", **{"trial-sec": GLib.Variant("t", 0)})
    assert not machine.properties()["Deactivated"] and machine.states()["2.0.0"] == "confirmed"


def test_a_trial_ends_it_only_if_it_is_confirmed(machine):
    deactivate(machine)
    for ended in (True, False):
        with begins_trial(machine, POLICY, "3.0.0"):
            activate(machine, "3.0.0", **{"trial-sec": GLib.Variant("t", 600), "confirm": GLib.Variant("s", "manual")})
        assert machine.properties()["Deactivated"]
        if ended:
            with ends_trial(machine, POLICY):
                machine.call("EndTrial", GLib.Variant("(sa{sv})", (POLICY, {})))
            assert machine.properties()["Deactivated"]
    with machine.frozen_daemon():
        machine.kernel.end_trial(POLICY)
        machine.kernel.put_policy(POLICY, ("3.0.0", machine.envelopes["3.0.0"]), previous=("2.0.0", machine.envelopes["2.0.0"]), active=True)
    machine.wait_for(lambda: machine.call("CheckBoot") == () and machine.states()["3.0.0"] == "confirmed", "the confirmation")
    assert not machine.properties()["Deactivated"]


def test_a_rollback_ends_it(machine):
    deactivate(machine)
    machine.call("Rollback", GLib.Variant("(s)", (POLICY,)))
    assert machine.states()["1.0.0"] == "pending-reboot" and not machine.properties()["Deactivated"]


def test_what_was_selected_for_the_next_boot_is_not_any_more(machine):
    machine.call("Rollback", GLib.Variant("(s)", (POLICY,)))
    deactivate(machine, version="1.0.0")
    assert machine.states() == {"1.0.0": "superseded", "2.0.0": "confirmed", "3.0.0": "staged"}
    assert not reboot(machine)


def test_while_a_policy_is_on_trial_it_is_refused(machine):
    machine.kernel.put_trial(POLICY, "3.0.0")
    # The daemon looks for trials, and records them, before it answers this.
    machine.call("CheckBoot")
    refused(machine, "org.ipe.Error.TrialInProgress")
    machine.kernel.end_trial(POLICY)
    machine.kernel.put_policy("other", ("9.0.0", b"of somebody else"), active=True)
    machine.kernel.put_trial("other", "9.0.0")
    machine.call("CheckBoot")
    refused(machine, "org.ipe.Error.TrialInProgress")


@pytest.mark.parametrize("options", [{"name": "other"}, {"version": "1.0.0"}, {"name": POLICY, "version": "3.0.0"},
                                     {"name": "other", "version": "2.0.0"}])
def test_another_version_than_the_one_that_is_meant_is_left_alone(machine, options):
    assert "'corp-base' 2.0.0" in refused(machine, "org.ipe.Error.NotThatVersion", **options)


def test_the_one_that_is_meant(machine):
    deactivate(machine, name=POLICY, version="2.0.0")
    # To ask once more is fine.
    deactivate(machine, name=POLICY)
    assert machine.properties()["Deactivated"] and len(machine.entries(MESSAGE_ID=DEACTIVATED)) == 1


def test_a_misspelt_option_is_an_error(machine):
    refused(machine, "org.freedesktop.DBus.Error.InvalidArgs", force="yes")


def test_without_a_policy_there_is_nothing_to_deactivate(bare):
    bare.start_daemon()
    bare.stage(signed())
    with pytest.raises(BusError) as caught:
        deactivate(bare)
    assert caught.value.name == "org.ipe.Error.NoSuchPolicy"


def test_what_was_superseded_is_loaded_where_nothing_is_confirmed_and_can_be_named(machine):
    machine.set_states({"2.0.0": "rolled-back"})
    assert machine.get(POLICY, "1.0.0")["SelectedForBoot"] and not machine.get(POLICY, "2.0.0")["SelectedForBoot"]
    assert machine.call("CanDeactivate", GLib.Variant("(a{sv})", ({"version": GLib.Variant("s", "1.0.0")},))) == ("yes",)
    assert "'corp-base' 1.0.0" in refused(machine, "org.ipe.Error.NotThatVersion", version="2.0.0")
    deactivate(machine, version="1.0.0")
    assert not machine.get(POLICY, "1.0.0")["SelectedForBoot"] and not reboot(machine)


def test_a_disk_that_fails_is_an_error(machine):
    """The record alone decides."""
    machine.state.chmod(0o500)
    try:
        with pytest.raises(BusError) as caught:
            deactivate(machine)
    finally:
        machine.state.chmod(0o700)
    assert "state.json" in caught.value.message and not machine.properties()["Deactivated"]


def test_a_lock_of_the_kernel_keeps_nobody_from_it(machine):
    """ipectld asks nothing of this kernel; the next boot has no lock."""
    machine.kernel.put("lock", "policy\n")
    deactivate(machine)
    assert machine.properties()["Deactivated"]


def test_ipectl_does_it_only_by_force(machine):
    refused_by_ipectl = machine.ipectl("deactivate", status=1)
    assert "--force" in refused_by_ipectl.stderr and not machine.properties()["Deactivated"]
    machine.ipectl("deactivate", "--force", "other", status=1)
    assert not machine.properties()["Deactivated"]
    said = machine.ipectl("deactivate", "--force", POLICY).stdout
    assert "No policy is loaded from the next boot on" in said and "'corp-base' 2.0.0 stays active until then" in said
    assert "no policy (deactivated" in machine.ipectl("status").stdout
    assert json.loads(machine.ipectl("status", "--json").stdout)["deactivated"] is True


def test_ipectl_says_that_nothing_is_left_to_wait_for(machine):
    machine.kernel.put(f"policies/{POLICY}/active", "0")
    assert "reboot" not in machine.ipectl("deactivate", "--force").stdout
