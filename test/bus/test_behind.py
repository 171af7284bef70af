# SPDX-License-Identifier: LGPL-2.1-or-later
"""Going back to safety on a disk that fails: the kernel goes first, and the record follows. Plain files
stand in for the kernel, see kernel_files.py."""

import signal
import subprocess

import pytest
from gi.repository import GLib

from connection import BusError
from kernel_files import begins_trial, ends_trial
from machine import signed
from message_ids import message_id

POLICY = "corp-base"
BEHIND, ROLLED_BACK = message_id("BEHIND"), message_id("ROLLED_BACK")
BEFORE = {"1.0.0": "superseded", "2.0.0": "confirmed", "3.0.0": "staged"}
AFTER = {"1.0.0": "confirmed", "2.0.0": "rolled-back", "3.0.0": "staged"}


@pytest.fixture
def machine(bare, kernel_files):
    """1.0.0 is superseded, 2.0.0 is confirmed, 3.0.0 is staged."""
    bare.envelopes = {version: signed(version=version) for version in BEFORE}
    bare.note = bare.run_directory / "ipectld/rolled-back"
    bare.configure("Confirm=manual")
    put_kernel(bare, "2.0.0", previous="1.0.0")
    bare.start_daemon()
    for envelope in bare.envelopes.values():
        bare.stage(envelope)
    bare.stop_daemon()
    bare.set_states(BEFORE)
    put_kernel(bare, "2.0.0", previous="1.0.0")
    bare.start_daemon()
    yield bare
    bare.state.chmod(0o700)


def put_kernel(machine, current, **more):
    machine.kernel.put_policy(POLICY, (current, machine.envelopes[current]), active=True,
                              **{place: (version, machine.envelopes[version]) for place, version in more.items()})


def roll_back(machine):
    outcome = machine.call("RollbackWithOptions", GLib.Variant("(sa{sv})", (POLICY, {})))[0]
    if machine.kernel.read(f"policies/{POLICY}/rollback") == b"1":
        put_kernel(machine, "1.0.0")
    return outcome


def is_recorded(machine):
    return machine.properties()["StateRecorded"]


def assert_rolled_back(machine):
    """Active, but not on disk."""
    assert machine.states() == AFTER and machine.states_on_disk() == BEFORE
    assert not is_recorded(machine)
    assert "Not recorded" in machine.ipectl("status").stdout


def wait_for_record(machine, after=AFTER):
    """The daemon tries again by itself."""
    machine.wait_for(lambda: is_recorded(machine), "the record")
    assert machine.states() == machine.states_on_disk() == after
    assert "activating" not in machine.read_state() and not machine.note.exists()
    assert "Not recorded" not in machine.ipectl("status").stdout


def restart_in_another_mount(machine, binds):
    machine.stop_daemon()
    machine.binds = binds
    machine.start_daemon()


def remount_writable(machine):
    subprocess.run(["nsenter", "-t", str(machine.daemon.pid), "-m", "mount", "-o", "remount,bind,rw", "/var/lib/ipe"], check=True)


def test_a_rollback_does_not_wait_for_the_disk(machine):
    machine.fail_disk()
    outcome = roll_back(machine)
    assert (outcome["Version"], outcome["State"], outcome["Recorded"]) == ("1.0.0", "confirmed", False)
    assert_rolled_back(machine)
    entry, = machine.entries(MESSAGE_ID=BEHIND)
    assert "Permission denied" in entry["MESSAGE"] and entry["PRIORITY"] == "3"
    assert len(machine.entries(MESSAGE_ID=ROLLED_BACK)) == 1
    machine.mend_disk()
    wait_for_record(machine)
    assert len(machine.entries(MESSAGE_ID=BEHIND)) == 1
    assert len(machine.entries(MESSAGE_ID=ROLLED_BACK)) == 1


def test_a_second_rollback_that_fails_does_not_lose_the_first(machine):
    """It would go to another name, which the kernel does not have, and no boot can be asked for as the disk fails."""
    machine.stage(signed("other", version="5.0.0"))
    machine.stop_daemon()
    state = machine.read_state()
    for record in state["versions"]:
        record["sequence"] = 1 if record["name"] == "other" else record["sequence"] + 1
        if record["name"] == "other":
            record["state"] = "superseded"
    state["sequence"] += 1
    machine.write_state(state)
    machine.start_daemon()
    machine.fail_disk()
    assert roll_back(machine)["Version"] == "1.0.0"
    with pytest.raises(BusError):
        roll_back(machine)
    assert machine.note.exists()
    machine.daemon.stop(signal.SIGKILL)
    machine.mend_disk()
    machine.start_daemon()
    assert {version: machine.list()[POLICY, version][0] for version in AFTER} == AFTER


def test_a_rollback_on_a_good_disk_leaves_no_note(machine):
    assert roll_back(machine)["Recorded"]
    assert machine.states() == machine.states_on_disk() == AFTER
    assert is_recorded(machine) and not machine.note.exists() and not machine.entries(MESSAGE_ID=BEHIND)


def test_a_rollback_on_a_read_only_disk(machine):
    """The daemon starts on that disk, and finds the rollback again when it restarts, also once the disk is writable."""
    binds = machine.binds
    restart_in_another_mount(machine, [*binds, "--ro-bind", machine.state, "/var/lib/ipe"])
    roll_back(machine)
    assert_rolled_back(machine)
    machine.kill_daemon()
    machine.start_daemon()
    assert_rolled_back(machine)
    restart_in_another_mount(machine, binds)
    wait_for_record(machine)


def test_a_disk_that_becomes_writable_is_used_without_a_restart(machine):
    restart_in_another_mount(machine, [*machine.binds, "--ro-bind", machine.state, "/var/lib/ipe"])
    roll_back(machine)
    remount_writable(machine)
    machine.wait_for(lambda: is_recorded(machine), "the record")
    assert machine.states_on_disk() == AFTER
    machine.stage(signed(version="4.0.0"))


def test_a_damaged_state_on_a_disk_that_becomes_writable(machine):
    """ipectld puts it aside first, and recovers the rest from the stored policies."""
    machine.stop_daemon()
    known = machine.read_state()
    known["versions"] = [record for record in known["versions"] if record["version"] != "3.0.0"]
    machine.write_state(known)
    (machine.state / "state.json").write_text("{")
    machine.binds = [*machine.binds, "--ro-bind", machine.state, "/var/lib/ipe"]
    machine.start_daemon()
    roll_back(machine)
    assert machine.states() == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}
    remount_writable(machine)
    machine.wait_for(lambda: is_recorded(machine), "the record")
    assert machine.states() == machine.states_on_disk() == AFTER
    assert (machine.state / "state.json.damaged").read_text() == "{"


def test_the_next_change_records_it(machine):
    machine.fail_disk()
    roll_back(machine)
    machine.mend_disk()
    machine.call("Discard", GLib.Variant("(ss)", (POLICY, "3.0.0")))
    assert is_recorded(machine)
    assert machine.states_on_disk() == {"1.0.0": "confirmed", "2.0.0": "rolled-back"} and not machine.note.exists()


def test_a_daemon_that_ends_records_it(machine):
    machine.fail_disk()
    roll_back(machine)
    machine.mend_disk()
    machine.stop_daemon()
    assert machine.states_on_disk() == AFTER and not machine.note.exists()
    machine.start_daemon()
    assert machine.states() == AFTER


def test_a_killed_daemon_finds_out_from_the_kernel(machine):
    machine.fail_disk()
    roll_back(machine)
    machine.kill_daemon()
    machine.start_daemon()
    assert_rolled_back(machine)
    machine.mend_disk()
    wait_for_record(machine)


def test_each_of_several_rollbacks_is_found_out(machine):
    """The disk still has the version that was confirmed before the first of them."""
    change = {"1.0.0": "superseded", "2.0.0": "superseded", "3.0.0": "confirmed"}
    machine.stop_daemon()
    state = machine.read_state()
    for record in state["versions"]:
        record["state"] = change[record["version"]]
    machine.write_state(state)
    put_kernel(machine, "3.0.0", previous="2.0.0")
    machine.start_daemon()
    machine.fail_disk()
    machine.call("Rollback", GLib.Variant("(s)", (POLICY,)))
    put_kernel(machine, "2.0.0", previous="1.0.0")
    roll_back(machine)
    machine.kill_daemon()
    machine.start_daemon()
    assert machine.states() == {"1.0.0": "confirmed", "2.0.0": "superseded", "3.0.0": "rolled-back"}


def test_a_note_of_a_rollback_that_the_kernel_did_not_make_means_nothing(machine):
    """Killed between the note and the kernel."""
    digests = {version: row[1] for (_, version), row in machine.list().items()}
    machine.kill_daemon()
    machine.note.write_text(f"{digests['1.0.0']}\n")
    machine.start_daemon()
    assert machine.states() == BEFORE and not machine.note.exists()


@pytest.mark.parametrize("text", ["", "x", "0" * 65, f"{'0' * 64}\n", f"{'0' * 64}\nmore", f"{'G' * 64}\n"])
def test_a_note_that_says_nothing_is_ignored(machine, text):
    machine.kill_daemon()
    put_kernel(machine, "1.0.0")
    machine.note.write_text(text)
    machine.start_daemon()
    assert machine.states() == BEFORE and not machine.note.exists()


def test_a_boot_that_fell_back_is_no_rollback(machine):
    """The kernel did not take 2.0.0 at boot, say: it stays confirmed, and the next boot tries it again."""
    machine.kill_daemon()
    put_kernel(machine, "1.0.0")
    machine.start_daemon()
    assert machine.states() == BEFORE and is_recorded(machine)


def test_what_only_the_record_can_do_is_refused(machine):
    """The kernel cannot go back, and the next boot would not know."""
    put_kernel(machine, "2.0.0")
    machine.fail_disk()
    with pytest.raises(BusError) as caught:
        roll_back(machine)
    assert "state.json" in caught.value.message
    assert machine.states() == machine.states_on_disk() == BEFORE and is_recorded(machine)
    assert machine.kernel.read(f"policies/{POLICY}/rollback") == b"" and not machine.note.exists()


def test_what_the_kernel_refuses_leaves_nothing(machine):
    machine.kernel.path(f"policies/{POLICY}/rollback").unlink()
    machine.kernel.path(f"policies/{POLICY}/rollback").mkdir()
    machine.fail_disk()
    with pytest.raises(BusError):
        roll_back(machine)
    assert machine.states() == BEFORE and is_recorded(machine) and not machine.note.exists()
    machine.kernel.path(f"policies/{POLICY}/rollback").rmdir()


def begin_trial(machine):
    put_kernel(machine, "2.0.0", following="3.0.0")
    options = {"trial-sec": GLib.Variant("t", 600), "confirm": GLib.Variant("s", "manual"), "force": GLib.Variant("b", True)}
    with begins_trial(machine, POLICY, "3.0.0"):
        machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, options)))
    assert machine.states()["3.0.0"] == "trial"


@pytest.mark.parametrize("method", ["EndTrial", "RollbackWithOptions"])
def test_a_trial_ends_though_the_disk_fails(machine, method):
    begin_trial(machine)
    machine.fail_disk()
    with ends_trial(machine, POLICY):
        outcome = machine.call(method, GLib.Variant("(sa{sv})", (POLICY, {})))[0]
    assert not outcome["Recorded"]
    assert machine.states()["3.0.0"] == "rolled-back" and machine.states_on_disk()["3.0.0"] == "trial"
    machine.kill_daemon()
    machine.start_daemon()
    assert machine.states()["3.0.0"] == "rolled-back" and not is_recorded(machine)
    machine.mend_disk()
    wait_for_record(machine, {**BEFORE, "3.0.0": "rolled-back"})


def test_a_rollback_after_a_confirmation_that_was_not_recorded(machine):
    """One failure does not prevent the next rollback."""
    begin_trial(machine)
    with machine.frozen_daemon():
        machine.kernel.end_trial(POLICY)
        put_kernel(machine, "3.0.0", previous="2.0.0")
    machine.fail_disk()
    outcome = machine.call("RollbackWithOptions", GLib.Variant("(sa{sv})", (POLICY, {"from": GLib.Variant("s", "3.0.0")})))[0]
    assert (outcome["Version"], outcome["Recorded"]) == ("2.0.0", False)
    assert machine.kernel.read(f"policies/{POLICY}/rollback") == b"1"
    put_kernel(machine, "2.0.0")
    machine.mend_disk()
    wait_for_record(machine, {**BEFORE, "3.0.0": "rolled-back"})


def test_a_trial_that_somebody_began_by_a_file_can_be_ended(machine):
    put_kernel(machine, "2.0.0", following="3.0.0")
    machine.fail_disk()
    machine.kernel.put_trial(POLICY, "3.0.0")
    with ends_trial(machine, POLICY):
        machine.call("EndTrial", GLib.Variant("(sa{sv})", (POLICY, {})))
    assert machine.states()["3.0.0"] == "rolled-back"


def test_nothing_is_put_in_force_on_a_disk_that_fails(machine):
    put_kernel(machine, "2.0.0", following="3.0.0")
    machine.fail_disk()
    for seconds in (0, 600):
        options = {"trial-sec": GLib.Variant("t", seconds), "force": GLib.Variant("b", True)}
        with pytest.raises(BusError):
            machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, options)))
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"0" and machine.states() == BEFORE


def test_a_change_is_signalled(machine):
    machine.fail_disk()
    roll_back(machine)
    machine.wait_signal("PropertiesChanged", lambda arguments: arguments[1].get("StateRecorded") is False)
    machine.mend_disk()
    machine.wait_signal("PropertiesChanged", lambda arguments: arguments[1].get("StateRecorded") is True)


def test_ipectl_says_that_it_is_not_recorded(machine):
    machine.fail_disk()
    said = machine.ipectl("rollback", POLICY).stdout
    assert "Rolled back to 'corp-base' 1.0.0; it is active." in said and "keeps trying" in said
