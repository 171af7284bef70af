# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rollback after a switch to a policy of another name. Plain files stand in for the kernel, see
kernel_files.py; test/kernel proves the kernel's bar across names."""


import pytest
from gi.repository import GLib

from connection import BusError
from machine import signed
from programs import LOAD

OLD, NEW = "corp-base", "corp-strict"


def states(machine):
    return {key: row[0] for key, row in machine.list().items()}


def set_states(machine, change):
    """change: gets the records on disk by (name, version), and the whole state, and alters them."""
    machine.stop_daemon()
    state = machine.read_state()
    change({(record["name"], record["version"]): record for record in state["versions"]}, state)
    machine.write_state(state)
    machine.start_daemon()


def switched(bare, old, new):
    """The machine was switched from one version of OLD to one of NEW, which the kernel has both."""
    bare.old, bare.new = (OLD, old), (NEW, new)
    bare.envelopes = {version: signed(*version) for version in (bare.old, bare.new)}
    bare.kernel.put_policy(OLD, (old, bare.envelopes[bare.old]))
    bare.kernel.put_policy(NEW, (new, bare.envelopes[bare.new]), active=True)
    bare.start_daemon()
    for envelope in bare.envelopes.values():
        bare.stage(envelope)

    def change(records, _):
        records[bare.old]["state"] = "superseded"
        records[bare.new]["state"] = "confirmed"

    set_states(bare, change)
    return bare


@pytest.fixture
def machine(bare, kernel_files):
    """To a higher version, below which the kernel does not go while it runs."""
    return switched(bare, "1.0.0", "2.0.0")


@pytest.fixture
def level(bare, kernel_files):
    """To the same version, from which the kernel goes back at once."""
    return switched(bare, "2.0.0", "2.0.0")


def roll_back(machine, name=NEW, **options):
    values = {key: GLib.Variant("s", value) for key, value in options.items()}
    outcome = machine.call("RollbackWithOptions", GLib.Variant("(sa{sv})", (name, values)))[0]
    return outcome["Name"], outcome["Version"], outcome["State"]


def is_active(machine, name):
    return machine.kernel.read(f"policies/{name}/active") == b"1"


def test_below_the_bar_the_next_boot_goes_back(machine):
    assert roll_back(machine) == (*machine.old, "pending-reboot")
    assert states(machine) == {machine.old: "pending-reboot", machine.new: "confirmed"}
    assert not is_active(machine, OLD) and is_active(machine, NEW)
    assert machine.get(*machine.old)["SelectedForBoot"] and not machine.get(*machine.new)["SelectedForBoot"]
    # Another call, by either name, asks for the same.
    for name in (NEW, OLD):
        assert roll_back(machine, name) == (*machine.old, "pending-reboot")


def test_the_next_boot_loads_it_and_gives_the_other_one_up(machine):
    roll_back(machine)
    machine.stop_daemon()
    for name in (OLD, NEW):
        machine.kernel.put(f"policies/{name}/active", "0")
    machine.run(LOAD)
    assert is_active(machine, OLD) and not is_active(machine, NEW)
    state = machine.read_state()
    state["pending_boot_id"] = "f" * 32
    machine.write_state(state)
    machine.start_daemon()
    assert states(machine) == {machine.old: "confirmed", machine.new: "rolled-back"}


def test_without_a_next_boot_it_is_refused(machine):
    machine.configure("RollbackAtBoot=no")
    machine.call("Reload")
    with pytest.raises(BusError) as caught:
        roll_back(machine)
    assert caught.value.name == "org.ipe.Error.NotSupported"
    assert states(machine) == {machine.old: "superseded", machine.new: "confirmed"}


def test_at_the_bar_the_kernel_goes_back_at_once(level):
    assert roll_back(level) == (*level.old, "confirmed")
    assert is_active(level, OLD)
    assert states(level) == {level.old: "confirmed", level.new: "rolled-back"}
    assert level.wait_signal("PolicyRolledBack")[:2] == level.old
    assert not {"activating", "rolling_back"} & level.read_state().keys()


@pytest.mark.parametrize("file, content", [("active", None), ("lock", b"policy\n")], ids=["refused", "locked"])
def test_what_the_kernel_refuses_changes_nothing(level, file, content):
    if content:
        level.kernel.put("lock", content)
    else:
        level.kernel.path(f"policies/{OLD}/{file}").unlink()
        level.kernel.path(f"policies/{OLD}/{file}").mkdir()
    with pytest.raises(BusError):
        roll_back(level)
    assert states(level) == {level.old: "superseded", level.new: "confirmed"}
    assert not {"activating", "rolling_back"} & level.read_state().keys()


def test_a_version_whose_signer_is_not_trusted_is_no_way_back(level):
    for path in (level.etc / "trust.d").iterdir():
        path.unlink()
    with pytest.raises(BusError) as caught:
        roll_back(level)
    assert caught.value.name == "org.ipe.Error.KeyNotTrusted" and not is_active(level, OLD)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_killed_around_the_write_to_the_kernel(level, done):
    """The mark says that this is a rollback: nobody wants to go back to the version that was given up."""
    digest = level.list()[level.old][1]
    if done:
        level.kernel.put(f"policies/{NEW}/active", "0")
        level.kernel.put(f"policies/{OLD}/active", "1")
    set_states(level, lambda _, state: state.update(activating=digest, rolling_back=True))
    assert states(level) == ({level.old: "confirmed", level.new: "rolled-back"} if done else
                             {level.old: "superseded", level.new: "confirmed"})
    assert not {"activating", "rolling_back"} & level.read_state().keys()


def test_an_activation_that_was_cut_off_is_no_rollback(level):
    digest = level.list()[level.old][1]
    level.kernel.put(f"policies/{NEW}/active", "0")
    level.kernel.put(f"policies/{OLD}/active", "1")
    set_states(level, lambda _, state: state.update(activating=digest))
    assert states(level) == {level.old: "confirmed", level.new: "superseded"}


def test_a_failing_disk_keeps_nobody_from_going_back(level):
    level.state.chmod(0o500)
    assert roll_back(level) == (*level.old, "confirmed")
    assert is_active(level, OLD)
    level.kernel.put(f"policies/{NEW}/active", "0")
    level.kill_daemon()
    level.start_daemon()
    assert states(level) == {level.old: "confirmed", level.new: "rolled-back"}
    level.state.chmod(0o700)
    level.wait_for(lambda: level.properties()["StateRecorded"], "the record")


def test_the_version_confirmed_last_comes_first(machine):
    """Not the highest version of the name: the one that was active in between is known to work."""
    for version in ("1.0.0", "1.5.0"):
        machine.stage(signed("between", version))

    def change(records, state):
        for number, key in enumerate((("between", "1.5.0"), machine.old, ("between", "1.0.0"), machine.new)):
            records[key].update(state="superseded", sequence=number + 1)
        records[machine.new]["state"] = "confirmed"
        state["sequence"] = 9

    set_states(machine, change)
    assert roll_back(machine) == ("between", "1.0.0", "pending-reboot")


def test_it_names_what_it_takes_back(machine):
    with pytest.raises(BusError) as caught:
        roll_back(machine, **{"from": "1.0.0"})
    assert caught.value.name == "org.ipe.Error.NotThatVersion"
    assert roll_back(machine, **{"from": "2.0.0"}) == (*machine.old, "pending-reboot")


def test_the_old_name_has_nothing_to_be_taken_back(machine):
    with pytest.raises(BusError) as caught:
        roll_back(machine, OLD)
    assert caught.value.name == "org.ipe.Error.NoSuchPolicy"


def test_an_activation_takes_the_choice_back(machine):
    roll_back(machine)
    machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (NEW, {"force": GLib.Variant("b", True)})))
    assert states(machine) == {machine.old: "superseded", machine.new: "confirmed"}
    assert roll_back(machine) == (*machine.old, "pending-reboot")


def test_the_version_to_go_back_to_is_kept(bare, kernel_files):
    """KeepVersions= may be as low as 0."""
    bare.configure("KeepVersions=0")
    machine = switched(bare, "1.0.0", "2.0.0")
    machine.stage(signed("third"))
    machine.call("Discard", GLib.Variant("(ss)", ("third", "1.0.0")))
    assert states(machine) == {machine.old: "superseded", machine.new: "confirmed"}


def test_ipectl_says_where_it_goes(machine):
    said = machine.ipectl("rollback", NEW).stdout
    assert "Selected 'corp-base' 1.0.0 for the next boot." in said and "A reboot is needed" in said
