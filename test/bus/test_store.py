# SPDX-License-Identifier: LGPL-2.1-or-later
"""The versions that the daemon keeps, and those that remain when a file of the store is damaged. Plain files
stand in for the kernel, see kernel_files.py."""

import os
import signal

import pytest
from gi.repository import GLib

from connection import BusError
from machine import signed, this_boot
from message_ids import message_id
from programs import DAEMON

POLICY = "corp-base"
DAMAGED = message_id("STATE_DAMAGED")


@pytest.fixture
def machine(bare, kernel_files):
    bare.start_daemon()
    return bare


def objects(machine):
    return {path.name for path in (machine.state / "objects").iterdir()}


def wait_for_versions(machine, *versions):
    machine.wait_for(lambda: set(machine.states()) == set(versions), f"{versions}")
    machine.wait_for(lambda: objects(machine) == {row[1] for row in machine.list().values()}, "what is left over to be removed")


def configure(machine, keep):
    machine.configure(f"KeepVersions={keep}")
    machine.call("Reload")


def history(machine, older, **others):
    """Ten versions 1.0.0 to 1.9.0, in states as activations would leave them; of the older ones, the higher became so later,
    though the clock went back all the time."""
    for number in range(10):
        machine.stage(signed(version=f"1.{number}.0"))
    machine.stop_daemon()
    state = machine.read_state()
    for number, record in enumerate(state["versions"]):
        record.update(state=others.get(f"_{number}", older), changed_usec=1000 - number, sequence=1 + number)
    if "pending-reboot" in others.values():
        state["pending_boot_id"] = this_boot()
    machine.write_state(state)
    machine.kernel.put_policy(POLICY, ("1.9.0", signed(version="1.9.0")), active=True)
    machine.start_daemon()


def test_the_latest_of_the_older_versions_are_kept(machine):
    history(machine, "superseded", _9="confirmed")
    # 1.8.0 is what a rollback goes back to, and does not count.
    wait_for_versions(machine, "1.9.0", "1.8.0", *(f"1.{number}.0" for number in range(3, 8)))


def test_what_is_needed_is_kept_even_if_nothing_else_is(machine):
    configure(machine, 0)
    history(machine, "rolled-back", _9="confirmed", _4="superseded", _5="superseded", _7="staged", _1="failed")
    wait_for_versions(machine, "1.9.0", "1.5.0", "1.7.0")


def test_what_waits_for_the_reboot_and_its_previous_one_are_kept(machine):
    configure(machine, 0)
    history(machine, "superseded", _9="confirmed", _6="pending-reboot")
    wait_for_versions(machine, "1.9.0", "1.8.0", "1.6.0", "1.5.0")


def test_what_the_kernel_decides_by_is_kept_whatever_its_state(machine):
    configure(machine, 0)
    history(machine, "failed", _8="confirmed")
    wait_for_versions(machine, "1.9.0", "1.8.0")


def test_a_setting_that_changes_is_followed(machine):
    history(machine, "superseded", _9="confirmed")
    wait_for_versions(machine, "1.9.0", "1.8.0", *(f"1.{number}.0" for number in range(3, 8)))
    configure(machine, 1)
    wait_for_versions(machine, "1.9.0", "1.8.0", "1.7.0")


def test_each_name_has_its_own_older_versions(machine):
    history(machine, "failed", _9="confirmed")
    machine.stage(signed("other"))
    configure(machine, 2)
    machine.wait_for(lambda: set(machine.states()) == {"1.9.0", "1.8.0", "1.7.0"}, "the older ones to be forgotten")
    assert ("other", "1.0.0") in machine.list()


def test_a_version_that_lies_in_policy_d_is_not_forgotten_and_staged_again(machine):
    history(machine, "failed", _9="confirmed")
    machine.drop(signed(version="1.6.0"))
    configure(machine, 0)
    wait_for_versions(machine, "1.9.0", "1.6.0")
    machine.call("Reload")
    assert machine.states()["1.6.0"] == "failed"
    assert not machine.signals("PolicyRejected")
    (machine.etc / "policy.d/corp-base.p7b").unlink()
    machine.call("Reload")
    wait_for_versions(machine, "1.9.0")


def test_versions_are_forgotten_as_the_bus_is_told(machine):
    history(machine, "failed", _9="confirmed")
    machine.wait_for(lambda: [row for _, name, row in machine.connection.signals if name == "InterfacesRemoved"],
                     "the end of an object")


# Damage


def damage(machine, version, content=b"junk"):
    digest = machine.list()[POLICY, version][1]
    machine.stop_daemon()
    (machine.state / "objects" / digest).write_bytes(content)
    machine.start_daemon()
    return digest


def test_a_damaged_policy_is_put_aside(machine):
    machine.stage(signed())
    machine.stage(signed(version="1.1.0"))
    digest = damage(machine, "1.0.0")
    assert machine.states() == {"1.1.0": "staged"}
    assert (machine.state / "damaged" / digest).read_bytes() == b"junk"
    assert [entry["IPE_SOURCE"] for entry in machine.entries(MESSAGE_ID=DAMAGED)] == [digest]
    machine.stage(signed())
    assert objects(machine) == {row[1] for row in machine.list().values()}


def test_damaged_policies_that_were_put_aside_are_bounded(machine):
    digests = []
    for number in range(11):
        machine.stage(signed(version=f"1.{number}.0"))
        digests.append(damage(machine, f"1.{number}.0"))
    assert {path.name for path in (machine.state / "damaged").iterdir()} == set(digests[-8:])


def test_a_damaged_policy_that_the_kernel_has_is_replaced(machine):
    machine.stage(signed())
    machine.kernel.put_policy(POLICY, ("1.0.0", signed()), active=True)
    digest = damage(machine, "1.0.0")
    assert (machine.state / "objects" / digest).read_bytes() == signed()
    assert (machine.state / "damaged" / digest).read_bytes() == b"junk"
    assert machine.states() == {"1.0.0": "staged"}


def lose_state(machine):
    machine.stop_daemon()
    for name in ("state.json", "state.json.old"):
        (machine.state / name).write_bytes(b"{")
    machine.start_daemon()


def test_after_the_state_was_lost_what_the_kernel_enforces_is_confirmed(machine):
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        machine.stage(signed(version=version))
    machine.kernel.put_policy(POLICY, ("1.1.0", signed(version="1.1.0")), active=True)
    lose_state(machine)
    assert machine.states() == {"1.0.0": "staged", "1.1.0": "confirmed", "1.2.0": "staged"}
    assert machine.properties()["ConfirmedPolicy"] == (POLICY, "1.1.0")


def test_after_the_whole_store_was_lost_what_the_kernel_enforces_is_confirmed(machine):
    machine.stage(signed())
    digest = machine.list()[POLICY, "1.0.0"][1]
    machine.kernel.put_policy(POLICY, ("1.0.0", signed()), active=True)
    (machine.state / "objects" / digest).unlink()
    lose_state(machine)
    assert machine.states() == {"1.0.0": "confirmed"}
    assert (machine.state / "objects" / digest).read_bytes() == signed()


def test_after_the_state_was_lost_a_trial_is_a_trial(machine):
    machine.stage(signed())
    machine.kernel.put_policy(POLICY, ("1.0.0", signed()), active=True)
    machine.kernel.put_trial(POLICY, "1.0.0")
    lose_state(machine)
    assert machine.states() == {"1.0.0": "trial"}


def test_after_the_state_was_lost_nothing_is_taken_that_is_not_trusted(machine):
    other = signed(key="other")
    machine.trust("other")
    machine.call("Reload")
    machine.stage(other)
    machine.kernel.put_policy(POLICY, ("1.0.0", other), active=True)
    (machine.etc / "trust.d/other.pem").unlink()
    lose_state(machine)
    assert not machine.list()
    assert any("does not adopt" in entry["MESSAGE"] for entry in machine.entries(PRIORITY="4"))


# The predecessor of the state


def flip(machine, name="state.json"):
    """One bit, somewhere in the middle."""
    path = machine.state / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return bytes(data)


def lose_latest(machine):
    machine.stop_daemon()
    damaged = flip(machine)
    machine.start_daemon()
    return damaged


def said_damage(machine):
    return [entry["MESSAGE"] for entry in machine.entries(MESSAGE_ID=DAMAGED)]


def test_a_flipped_bit_costs_no_state_and_is_said(machine):
    machine.stage(signed())
    machine.stage(signed(version="1.1.0"))
    machine.set_states({"1.0.0": "superseded", "1.1.0": "confirmed"})
    damaged = lose_latest(machine)
    assert machine.states() == {"1.0.0": "superseded", "1.1.0": "confirmed"}
    sentence, = said_damage(machine)
    assert "ipectld uses state.json.old" in sentence
    assert (machine.state / "state.json.damaged").read_bytes() == damaged
    # Both are there again, and what is damaged next costs nothing either.
    lose_latest(machine)
    assert machine.states() == {"1.0.0": "superseded", "1.1.0": "confirmed"}


def test_a_state_that_is_missing_is_no_first_start(machine):
    machine.stage(signed())
    machine.set_states({"1.0.0": "confirmed"})
    machine.stop_daemon()
    (machine.state / "state.json").unlink()
    machine.start_daemon()
    assert machine.states() == {"1.0.0": "confirmed"} and len(said_damage(machine)) == 1
    assert machine.read_state()["versions"][0]["state"] == "confirmed"


def test_a_first_start_is_not_said_to_be_damage(machine):
    assert not machine.list() and not said_damage(machine)


def test_a_recovery_that_was_cut_off_before_its_state_was_written_begins_again(machine):
    machine.stage(signed())
    machine.stop_daemon()
    (machine.state / "state.json").rename(machine.state / "state.json.damaged")
    (machine.state / "state.json.old").unlink()
    machine.start_daemon()
    assert machine.states() == {"1.0.0": "staged"} and said_damage(machine)


def test_a_version_that_only_the_lost_state_knew_is_staged(machine):
    machine.stage(signed())
    machine.set_states({"1.0.0": "confirmed"})
    machine.stage(signed(version="1.1.0"))
    assert "1.1.0" not in (machine.state / "state.json.old").read_text()
    lose_latest(machine)
    assert machine.states() == {"1.0.0": "confirmed", "1.1.0": "staged"}


def test_a_version_that_only_the_lost_state_had_discarded_is_not_there(machine):
    machine.stage(signed())
    machine.stage(signed(version="1.1.0"))
    machine.call("Discard", GLib.Variant("(ss)", (POLICY, "1.1.0")))
    assert "1.1.0" in (machine.state / "state.json.old").read_text()
    lose_latest(machine)
    assert machine.states() == {"1.0.0": "staged"}


@pytest.fixture
def two(two_versions):
    """state.json.old says no more than state.json."""
    return two_versions


def put_active(machine, version):
    machine.kernel.put_policy(POLICY, (version, signed(version=version)), active=True)


def start_after_damage(machine):
    flip(machine)
    machine.start_daemon()
    return machine.states()


def test_what_the_kernel_has_confirmed_is_confirmed_though_the_state_that_said_so_is_lost(two):
    put_active(two, "2.0.0")
    assert start_after_damage(two) == {"1.0.0": "superseded", "2.0.0": "confirmed"}


def test_what_the_kernel_has_on_trial_is_not_confirmed_by_a_lost_state(two):
    put_active(two, "2.0.0")
    two.kernel.put_trial(POLICY, "2.0.0")
    assert start_after_damage(two) == {"1.0.0": "confirmed", "2.0.0": "trial"}


def test_a_kernel_without_trials_does_not_tell_a_confirmation(two):
    """The lost state may have said that 2.0.0 is on trial, so the next boot loads the version that is known to be good."""
    put_active(two, "2.0.0")
    two.kernel.put("features", "")
    assert start_after_damage(two) == {"1.0.0": "confirmed", "2.0.0": "staged"}


@pytest.mark.parametrize("features", [None, ""], ids=["trials", "none"])
def test_an_activation_that_was_begun_is_finished_by_the_predecessor(two, features):
    state = two.read_state()
    state["activating"] = state["versions"][1]["digest"]
    two.write_state(state)
    put_active(two, "2.0.0")
    if features is not None:
        two.kernel.put("features", features)
    assert start_after_damage(two) == {"1.0.0": "superseded", "2.0.0": "confirmed"}
    assert "activating" not in two.read_state()


def test_a_trial_of_an_earlier_boot_is_over_with_the_state_that_counted_it(two):
    state = two.read_state()
    state["versions"][1]["state"] = "trial"
    state["trial"] = {"boot_id": "f" * 32, "deadline_usec": 1, "confirm": "auto", "failed_units": [], "boots": 0, "boots_max": 3,
                      "boot_sec": 300}
    two.write_state(state)
    assert start_after_damage(two) == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}


def test_a_version_that_was_rolled_back_is_rolled_back_in_the_predecessor_too(two):
    two.kernel.put_policy(POLICY, ("2.0.0", signed(version="2.0.0")), previous=("1.0.0", signed()), active=True)
    two.kernel.put("features", "trial\n")
    two.start_daemon()
    two.set_states({"1.0.0": "superseded", "2.0.0": "confirmed"})
    two.call("Rollback", GLib.Variant("(s)", (POLICY,)))
    assert two.states() == {"1.0.0": "pending-reboot", "2.0.0": "confirmed"}
    lose_latest(two)
    assert two.states() == {"1.0.0": "pending-reboot", "2.0.0": "confirmed"}


def test_a_store_that_is_only_a_file_is_said(bare):
    (bare.state / "objects").write_bytes(b"")
    assert bare.launch_daemon().wait() != 0
    assert any("/var/lib/ipe" in entry["MESSAGE"] for entry in bare.entries(PRIORITY="3"))


# A disk that is read-only


@pytest.fixture
def read_only(machine):
    """corp-base 1.0.0 is confirmed and active, 1.1.0 is staged, and then the disk is read-only."""
    machine.kernel.put_policy(POLICY, ("1.0.0", signed()), active=True)
    machine.stage(signed())
    machine.stage(signed(version="1.1.0"))
    machine.stop_daemon()
    state = machine.read_state()
    state["versions"][0]["state"] = "confirmed"
    machine.write_state(state)
    machine.binds += ["--ro-bind", machine.state, "/var/lib/ipe"]
    machine.start_daemon()
    return machine


def test_on_a_read_only_disk_the_daemon_shows_what_there_is(read_only):
    assert read_only.states() == {"1.0.0": "confirmed", "1.1.0": "staged"}
    assert read_only.properties()["ActivePolicy"] == (POLICY, "1.0.0")
    assert read_only.get(POLICY, "1.1.0")["State"] == "staged"
    assert any("is read-only" in entry["MESSAGE"] for entry in read_only.entries(PRIORITY="3"))
    read_only.call("Reload")
    read_only.call("SetEnforce", GLib.Variant("(b)", (False,)))
    assert read_only.kernel.read("enforce") == b"0"


def test_on_a_read_only_disk_nothing_is_changed_and_the_sentence_says_why(read_only):
    kernel = read_only.kernel.read(f"policies/{POLICY}/trial")
    options = {"confirm": GLib.Variant("s", "manual"), "force": GLib.Variant("b", True)}
    for method, arguments in (("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, options))),
                              ("Discard", GLib.Variant("(ss)", (POLICY, "1.1.0")))):
        with pytest.raises(BusError) as error:
            read_only.call(method, arguments)
        assert "/var/lib/ipe" in error.value.message and "Read-only" in error.value.message
    with pytest.raises(BusError) as error:
        read_only.stage(signed(version="1.2.0"))
    assert "/var/lib/ipe" in error.value.message
    assert read_only.states() == {"1.0.0": "confirmed", "1.1.0": "staged"}
    assert read_only.kernel.read(f"policies/{POLICY}/trial") == kernel


@pytest.mark.parametrize("damage_it", [lambda machine, digest: (machine.state / "state.json").write_bytes(b"{"),
                                       lambda machine, digest: (machine.state / "objects" / digest).write_bytes(b"junk")],
                         ids=["state", "object"])
def test_on_a_read_only_disk_that_is_damaged_the_daemon_starts(read_only, damage_it):
    digest = read_only.list()[POLICY, "1.1.0"][1]
    read_only.stop_daemon()
    damage_it(read_only, digest)
    read_only.start_daemon()
    read_only.properties()
    assert read_only.entries(MESSAGE_ID=DAMAGED)


def test_on_a_read_only_disk_the_predecessor_is_shown(read_only):
    read_only.stop_daemon()
    flip(read_only)
    read_only.start_daemon()
    assert read_only.states() == {"1.0.0": "confirmed", "1.1.0": "staged"}
    assert said_damage(read_only)


def test_without_watches_the_daemon_reads_policies_from_time_to_time(bare):
    """A user namespace of its own, so that nobody else runs out of them."""
    # There is one user in it, root.
    os.chown(bare.state, 0, 0)
    command = f"echo 0 >/proc/sys/user/max_inotify_watches && exec {DAEMON}"
    with open(bare.directory / "ipectld.log", "wb") as log:
        bare.daemon = bare.start(["unshare", "-Ur", "sh", "-c", command], {"NOTIFY_SOCKET": "/run/notify"}, stdout=log, stderr=log)
    bare.wait_notify("READY=1")
    assert any("Cannot watch" in entry["MESSAGE"] for entry in bare.entries(PRIORITY="4"))
    bare.drop(signed())
    bare.call("Reload")
    assert bare.states() == {"1.0.0": "staged"}
    bare.drop(signed(version="2.0.0"))
    bare.wait_for(lambda: "2.0.0" in bare.states(), "the next look")
    bare.daemon.send(signal.SIGTERM)
    assert bare.daemon.wait() == 0, bare.log_text()
    bare.daemon = None
