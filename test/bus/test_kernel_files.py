# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectld over given files. Plain files stand in for the kernel, see kernel_files.py: they enforce nothing,
end no trial and verify nothing. These tests show what the daemon requests, records and says; test/vm proves,
with the real kernel, that it is right about the kernel."""

import pytest
from gi.repository import GLib

import keys
from calls import call, refused_call
from connection import BusError
from kernel_files import Gate
from machine import policy_text, signed, this_boot
from manual_trials import ON_TRIAL, POLICY, activate, begin_trial, errors, put_confirmed

INVALID = "org.freedesktop.DBus.Error.InvalidArgs"


@pytest.fixture
def machine(manual):
    return manual


# Versions that the kernel has staged


def test_a_version_that_is_staged_again_with_other_content_reaches_the_kernel(machine):
    machine.kernel.put(f"policies/{POLICY}/stage", "")
    call(machine, "Discard", POLICY, "2.0.0")
    assert machine.kernel.read(f"policies/{POLICY}/delete") == b""
    assert any("keeps the discarded version" in entry["MESSAGE"] for entry in machine.entries(PRIORITY="4"))
    other = signed(version="2.0.0", body="DEFAULT action=DENY\n")
    machine.stage(other)
    assert machine.kernel.read(f"policies/{POLICY}/stage") == other


def test_what_somebody_loaded_by_hand_is_not_deleted_with_a_version_that_is_discarded(machine):
    machine.kernel.put_policy(POLICY, ("2.0.0", b"by hand"))
    call(machine, "Discard", POLICY, "2.0.0")
    assert machine.kernel.read(f"policies/{POLICY}/delete") == b""


def test_what_the_kernel_has_of_a_discarded_version_is_deleted(machine):
    machine.kernel.put_policy(POLICY, ("2.0.0", machine.two))
    call(machine, "Discard", POLICY, "2.0.0")
    assert machine.kernel.read(f"policies/{POLICY}/delete") == b"1"


# A version on trial is not confirmed


def test_a_version_that_waits_for_the_reboot_and_is_on_trial_is_not_recorded_as_confirmed(machine):
    digest = machine.list()[POLICY, "2.0.0"][1]
    machine.kernel.put_trial(POLICY, "2.0.0")

    def change(state):
        state["versions"][1].update(state="pending-reboot")
        state.update(activating=digest, pending_boot_id="0" * 32)

    machine.change_state(change)
    assert machine.states() == {"1.0.0": "confirmed", "2.0.0": "pending-reboot"}
    assert "activating" not in machine.read_state()


def test_a_trial_begun_between_two_looks_is_not_taken_for_a_confirmation(machine):
    begin_trial(machine)
    machine.kernel.end_trial(POLICY)
    machine.kernel.put_policy(POLICY, ("2.0.0", machine.two), active=True)
    with Gate(machine.kernel.path(f"policies/{POLICY}/active"), lambda: machine.kernel.put_trial(POLICY, "2.0.0")):
        assert refused_call(machine, "Activate", POLICY).name == ON_TRIAL
    assert machine.states()["2.0.0"] == "trial"


def test_a_policy_that_was_confirmed_by_a_file_before_another_one_was_tried_is_not_rolled_back(machine):
    begin_trial(machine)
    with machine.frozen_daemon():
        put_confirmed(machine)
        machine.kernel.put_policy(POLICY, ("2.0.0", machine.two), previous=("1.0.0", machine.one))
        machine.kernel.put_policy("other", ("9.0.0", b"other"), active=True)
        machine.kernel.put_trial("other", "9.0.0")
    assert refused_call(machine, "Activate", POLICY).name == ON_TRIAL
    assert machine.states() == {"1.0.0": "superseded", "2.0.0": "confirmed"}


def test_a_policy_whose_trial_ended_before_another_one_was_tried_is_rolled_back(machine):
    begin_trial(machine)
    with machine.frozen_daemon():
        machine.kernel.put_policy(POLICY, ("1.0.0", machine.one), ("2.0.0", machine.two))
        machine.kernel.put_policy("other", ("9.0.0", b"other"), active=True)
        machine.kernel.put_trial("other", "9.0.0")
    assert refused_call(machine, "Activate", POLICY).name == ON_TRIAL
    assert machine.states() == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}


def test_a_policy_confirmed_by_a_file_is_recorded_when_the_daemon_is_stopped(machine):
    begin_trial(machine)
    with machine.frozen_daemon():
        put_confirmed(machine)
    machine.stop_daemon()
    assert machine.states_on_disk() == {"1.0.0": "superseded", "2.0.0": "confirmed"}
    machine.wait_signal("PolicyConfirmed")
    machine.start_daemon()


def test_the_deadline_follows_a_trial_that_was_begun_again(machine):
    begin_trial(machine, seconds=5)
    before = machine.properties()["TrialDeadlineUSec"]
    machine.connection.signals.clear()
    machine.kernel.put_trial(POLICY, "2.0.0", 5000)
    assert refused_call(machine, "Activate", POLICY).name == ON_TRIAL
    assert machine.properties()["TrialDeadlineUSec"] - before > 4_000_000_000
    machine.wait_signal("PropertiesChanged", lambda arguments: "TrialDeadlineUSec" in arguments[1])


def test_a_first_policy_on_trial_is_said_where_another_is_to_be_activated(machine):
    machine.change_state(lambda state: state["versions"].pop(0))
    machine.kernel.put_policy(POLICY, ("2.0.0", machine.two), active=True)
    machine.kernel.put_trial(POLICY, "2.0.0")
    error = refused_call(machine, "Activate", POLICY)
    assert error.name == ON_TRIAL and "'corp-base' 2.0.0 is on trial" in error.message


def test_a_version_that_waits_for_the_reboot_is_not_put_on_trial(machine):
    def change(state):
        state["versions"][1].update(state="pending-reboot")
        state.update(pending_boot_id=this_boot())

    machine.change_state(change)
    with pytest.raises(BusError) as error:
        activate(machine, version="2.0.0", trial_sec=60)
    assert error.value.name == INVALID and "next boot" in error.value.message
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"0"


# A version that was selected for a boot in the past


def select_for_past_boot(machine, name, version, content=b"of the vendor"):
    """Starts the daemon in the boot for which 1.0.0 was selected, with 2.0.0 confirmed. name, version, content: of the active
    policy then."""
    machine.stop_daemon()
    machine.kernel.put(f"policies/{POLICY}/active", "0")
    machine.kernel.put_policy(name, (version, content), active=True)
    state = machine.read_state()
    for record, wanted in zip(state["versions"], ("pending-reboot", "confirmed"), strict=True):
        record["state"] = wanted
    state["pending_boot_id"] = "0" * 32
    machine.write_state(state)
    machine.start_daemon()


@pytest.mark.parametrize("name, version", [("vendor", "3.0.0"), (POLICY, "3.0.0"), (POLICY, "1.0.0")],
                         ids=["other", "higher", "other content"])
def test_a_version_that_the_kernel_keeps_out_stays_selected(machine, name, version):
    select_for_past_boot(machine, name, version)
    assert machine.states() == {"1.0.0": "pending-reboot", "2.0.0": "confirmed"}
    assert any("The selection stays" in entry["MESSAGE"] for entry in machine.entries(PRIORITY="4"))
    # The vendor's policy is gone in a later boot.
    machine.stop_daemon()
    machine.kernel.put(f"policies/{name}/active", "0")
    machine.kernel.put_policy(POLICY, ("1.0.0", machine.one), active=True)
    machine.start_daemon()
    assert machine.states() == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}


def test_the_selection_of_a_version_that_the_kernel_keeps_out_can_be_undone(machine):
    select_for_past_boot(machine, "vendor", "1.5.0")
    machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, {
        "version": GLib.Variant("s", "2.0.0"), "trial-sec": GLib.Variant("t", 0), "force": GLib.Variant("b", True)})))
    assert machine.states() == {"1.0.0": "superseded", "2.0.0": "confirmed"}


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "lower"])
def test_a_version_that_the_kernel_could_have_taken_and_did_not_has_failed(machine, confirmed):
    select_for_past_boot(machine, *((POLICY, "2.0.0", machine.two) if confirmed else ("vendor", "0.9.0")))
    assert machine.states() == {"1.0.0": "failed", "2.0.0": "confirmed"}


def test_what_cannot_be_found_out_at_start_is_not_decided(machine):
    digest = machine.list()[POLICY, "2.0.0"][1]
    machine.kernel.put("confirm", "no version\n")
    machine.change_state(lambda state: state.update(activating=digest))
    assert machine.read_state()["activating"] == digest
    assert "how a trial ended" in errors(machine)


def test_a_rollback_does_not_ask_a_kernel_that_is_locked(machine):
    machine.set_states({"1.0.0": "superseded", "2.0.0": "confirmed"})
    with machine.frozen_daemon():
        put_confirmed(machine)
        machine.kernel.put("lock", "policy\n")
    assert refused_call(machine, "Rollback", POLICY).name == "org.ipe.Error.LockedDown"
    assert machine.kernel.read(f"policies/{POLICY}/rollback") == b""
    assert machine.states() == {"1.0.0": "superseded", "2.0.0": "confirmed"}


def test_a_refusal_of_the_kernel_that_has_no_name_of_its_own(machine):
    """No policy causes EISDIR."""
    machine.kernel.path(f"policies/{POLICY}/trial").unlink()
    machine.kernel.path(f"policies/{POLICY}/trial").mkdir()
    with pytest.raises(BusError) as caught:
        activate(machine)
    assert caught.value.name == "org.ipe.Error.KernelRejected"
    assert "Is a directory" in caught.value.message
    assert machine.states() == {"1.0.0": "confirmed", "2.0.0": "failed"}


# Large policies


def large(version):
    """More than a PKCS#7 message can be."""
    rows = "".join(f"op=KMODULE fsverity_digest=sha256:{number:064x} action=ALLOW\n" for number in range(2000))
    return keys.append_signature(policy_text(version=version, body="DEFAULT action=ALLOW\n" + rows).encode())


@pytest.mark.parametrize("able", (True, False))
def test_policy_with_an_appended_signature(machine, able):
    """Every kernel lets it be staged; only one with the feature lets it be activated."""
    words = [word for word in machine.kernel.read("features").decode().split() if word != "appended-signature"]
    machine.stop_daemon()
    machine.kernel.put("features", "\n".join([*words, *["appended-signature"] * able, ""]))
    machine.start_daemon()
    data = large("3.0.0")
    assert len(data) > 65535
    machine.stage(data)
    assert machine.states()["3.0.0"] == "staged"
    description, = call(machine, "GetPolicy", POLICY, "3.0.0")
    assert description["NeedsExtendedAbi"] is True
    if able:
        machine.kernel.put_policy(POLICY, ("1.0.0", machine.one), ("3.0.0", data), active=True)
        activate(machine, version="3.0.0", trial_sec=1000)
        assert machine.states()["3.0.0"] == "trial"
    else:
        with pytest.raises(BusError) as error:
            activate(machine, version="3.0.0")
        assert error.value.name == "org.ipe.Error.NotSupported" and "--format=pkcs7" in error.value.message
        assert machine.states()["3.0.0"] == "staged"
