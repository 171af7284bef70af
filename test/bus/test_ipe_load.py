# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipe-load: the record that it writes before it asks the kernel for another boot of a trial, its way with a
damaged store, and files that it loads in an initrd. Plain files stand in for the kernel, see
kernel_files.py; real boots are in test/vm and test/kernel."""

import json
import os
import signal

import pytest
from gi.repository import GLib

from automatic_trials import OTHER_BOOT, POLICY, TRANSACTION, put_boot_trial
from machine import boottime_usec, signed, this_boot
from message_ids import message_id
from programs import LOAD

TRIED, NOT_TRIED, KEPT = map(message_id, ("TRIAL_BOOT", "TRIAL_NOT_LOADED", "KEPT"))
LOADED, LOAD_FAILED, DAMAGED = map(message_id, ("LOADED", "LOAD_FAILED", "STATE_DAMAGED"))
FILE_LOADED, FILE_NOT_LOADED = map(message_id, ("FILE_LOADED", "FILE_NOT_LOADED"))


@pytest.fixture
def machine(automatic):
    return automatic


def load(machine, *options, **more):
    return machine.run(LOAD, *options, check=False, **more).returncode


def seconds_asked(machine):
    """The seconds that ipe-load has written to the kernel's file, which had "0" before."""
    return int(machine.kernel.read(f"policies/{POLICY}/trial"))


# ipe-load


@pytest.mark.parametrize("confirm, seconds", [("auto", 330), ("manual", 300)])
def test_a_boot_is_counted_and_the_trial_goes_on(machine, confirm, seconds):
    put_boot_trial(machine, OTHER_BOOT, 0, confirm=confirm)
    earliest = boottime_usec(300)
    assert load(machine) == 0
    trial = machine.read_state()["trial"]
    assert (trial["boot_id"], trial["boots"], trial["boots_max"]) == (this_boot(), 1, 3)
    assert earliest <= trial["deadline_usec"] <= boottime_usec(300)
    assert seconds_asked(machine) == seconds
    entry, = machine.entries(MESSAGE_ID=TRIED)
    assert (entry["IPE_VERSION"], entry["IPE_TRANSACTION"]) == ("2.0.0", TRANSACTION)


def test_the_last_boot_is_the_one_that_is_allowed(machine):
    put_boot_trial(machine, OTHER_BOOT, 2)
    assert load(machine) == 0
    assert machine.read_state()["trial"]["boots"] == 3 and seconds_asked(machine) == 330


@pytest.mark.parametrize("boots", [0, 3])
def test_a_trial_that_has_had_its_boots_is_not_tried(machine, boots):
    put_boot_trial(machine, OTHER_BOOT, boots, boots)
    before = machine.read_state()
    assert load(machine) == 0
    assert machine.read_state() == before and seconds_asked(machine) == 0
    entry, = machine.entries(MESSAGE_ID=NOT_TRIED)
    assert "as many boots as TrialBoots= allows" in entry["MESSAGE"]


def test_what_was_selected_for_this_boot_comes_before_a_trial(machine):
    put_boot_trial(machine, OTHER_BOOT, 0)
    state = machine.read_state()
    state["versions"][0]["state"] = "pending-reboot"
    state["pending_boot_id"] = OTHER_BOOT
    machine.write_state(state)
    before = machine.read_state()
    assert load(machine) == 0
    assert machine.read_state() == before and seconds_asked(machine) == 0
    entry, = machine.entries(MESSAGE_ID=NOT_TRIED)
    assert "selected for this boot" in entry["MESSAGE"]


def test_a_soft_reboot_is_not_counted_and_changes_nothing(machine):
    put_boot_trial(machine, this_boot(), 1)
    before = machine.read_state()
    machine.kernel.put_trial(POLICY, "2.0.0", 77)
    assert load(machine) == 0
    assert machine.read_state() == before and seconds_asked(machine) == 77
    assert not machine.entries(MESSAGE_ID=NOT_TRIED)


def test_a_trial_that_did_not_reach_the_kernel_is_not_tried_twice_in_a_boot(machine):
    put_boot_trial(machine, this_boot(), 1)
    assert load(machine) == 0
    assert machine.read_state()["trial"]["boots"] == 1 and seconds_asked(machine) == 0


def refuse_trial(machine, reason):
    before = machine.read_state()
    assert load(machine) == 0
    assert machine.read_state() == before and seconds_asked(machine) == 0
    entry, = machine.entries(MESSAGE_ID=NOT_TRIED)
    assert reason in entry["MESSAGE"] and entry["PRIORITY"] == "4"


def test_a_boot_that_cannot_be_counted_does_not_try_the_version(machine):
    put_boot_trial(machine, OTHER_BOOT, 0)
    machine.binds += ["--ro-bind", machine.state, "/var/lib/ipe"]
    refuse_trial(machine, "Read-only file system")


def test_a_daemon_that_runs_keeps_the_count(machine):
    put_boot_trial(machine, this_boot(), 1)
    machine.kernel.put_trial(POLICY, "2.0.0")
    machine.start_daemon()
    machine.daemon.send(signal.SIGSTOP)
    put_boot_trial(machine, OTHER_BOOT, 0)
    machine.kernel.end_trial(POLICY)
    refuse_trial(machine, "busy")
    machine.kill_daemon()


@pytest.mark.parametrize("boot_id, boots, confirm, status", [(None, 1, "auto", 0), (None, 0, "auto", 1), (None, 1, "manual", 1),
                                                             (OTHER_BOOT, 1, "auto", 1)])
def test_ipe_load_says_whether_the_boot_decides(machine, boot_id, boots, confirm, status):
    put_boot_trial(machine, boot_id or this_boot(), boots, confirm=confirm)
    assert load(machine, "--trial") == status


@pytest.mark.parametrize("text", [None, "", "{}", "[" * 100000])
def test_without_a_state_no_boot_decides(machine, text):
    for name in ("state.json", "state.json.old"):
        if text is None:
            (machine.state / name).unlink()
        else:
            (machine.state / name).write_text(text)
    assert load(machine, "--trial") == 1
    assert not [entry for entry in machine.journal.read() if "damaged" in entry.get("MESSAGE", "")]


@pytest.mark.parametrize("name, version", [(POLICY, "3.0.0"), ("vendor", "1.0.1")])
def test_an_active_policy_that_nothing_lower_may_replace_stays(machine, name, version):
    """As systemd loads it from /etc/ipe, or an initrd."""
    state = machine.read_state()
    state["versions"][0].update(state="confirmed")
    machine.write_state(state)
    machine.kernel.put(f"policies/{POLICY}/active", "0")
    machine.kernel.put_policy(name, (version, b"signed by the vendor"), active=True)
    assert load(machine) == 0
    entry, = machine.entries(MESSAGE_ID=KEPT)
    assert (entry["IPE_POLICY"], entry["IPE_VERSION"]) == (name, version) and f"'{POLICY}' is not loaded" in entry["MESSAGE"]
    assert not [entry["MESSAGE"] for entry in machine.journal.read() if entry["PRIORITY"] < "5"]


# ipe-load where the state is damaged


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def put_confirmed(machine):
    state = machine.read_state()
    state["versions"][0].update(state="confirmed")
    machine.write_state(state)
    machine.kernel.put(f"policies/{POLICY}/active", "0")


def is_loaded(machine):
    """Whether ipe-load has asked the kernel to activate 1.0.0: a write stays in these files."""
    return machine.kernel.read(f"policies/{POLICY}/active") == b"1"


def said_damage(machine):
    return [entry["MESSAGE"] for entry in machine.entries(MESSAGE_ID=DAMAGED)]


def make_link(path):
    """Links it to a file that only root may read."""
    (path.parent / "precious").write_text("root's")
    path.unlink()
    path.symlink_to("precious")


def make_fifo(path):
    path.unlink()
    os.mkfifo(path)


def make_large(path):
    os.truncate(path, 1 << 40)


@pytest.mark.parametrize("damage", [flip, lambda path: path.write_bytes(b""), lambda path: path.unlink(), make_link, make_fifo, make_large],
                         ids=["flipped", "empty", "missing", "link", "fifo", "large"])
def test_a_state_that_is_damaged_or_missing_loads_what_its_predecessor_has_as_confirmed(machine, damage):
    put_confirmed(machine)
    damage(machine.state / "state.json")
    assert load(machine) == 0 and is_loaded(machine)
    sentence, = said_damage(machine)
    assert "state.json.old" in sentence
    entry, = machine.entries(MESSAGE_ID=LOADED)
    assert entry["IPE_VERSION"] == "1.0.0"


def test_a_state_that_is_damaged_along_with_its_predecessor_loads_nothing(machine):
    put_confirmed(machine)
    for name in ("state.json", "state.json.old"):
        flip(machine.state / name)
    assert load(machine) == 1 and not is_loaded(machine)
    sentence, = said_damage(machine)
    assert "no policy is loaded" in sentence


def test_a_state_that_was_put_aside_and_never_replaced_loads_nothing(machine):
    put_confirmed(machine)
    (machine.state / "state.json").rename(machine.state / "state.json.damaged")
    (machine.state / "state.json.old").unlink()
    assert load(machine) == 1 and not is_loaded(machine)


@pytest.mark.parametrize("damage", [make_link, make_fifo, make_large], ids=["link", "fifo", "large"])
def test_a_policy_that_is_no_plain_file_is_not_loaded(machine, damage):
    put_confirmed(machine)
    damage(machine.state / "objects" / machine.read_state()["versions"][0]["digest"])
    assert load(machine) == 1 and not is_loaded(machine)


def test_a_store_that_names_many_versions_does_not_hold_up_the_boot(machine):
    put_confirmed(machine)
    state = machine.read_state()
    first = {**state["versions"][0], "state": "superseded"}
    state["versions"] = [{**first, "version": f"{number}.0.0", "digest": f"{number:064x}", "sequence": number} for number in range(1, 401)]
    state["sequence"] = 400
    machine.write_state(state)
    assert load(machine) == 1
    assert len(machine.entries(MESSAGE_ID=LOAD_FAILED)) == 16


# The store belongs to the user of the daemon, and ipe-load is root


def test_the_boot_writes_the_store_as_its_owner(machine):
    put_boot_trial(machine, OTHER_BOOT, 0)
    assert load(machine) == 0 and machine.read_state()["trial"]["boots"] == 1
    assert {path.stat().st_uid for path in machine.state.rglob("*")} == {machine.uid}


def test_the_boot_reads_no_more_of_the_store_than_its_owner_may(machine):
    put_confirmed(machine)
    os.chown(machine.state / "objects" / machine.read_state()["versions"][0]["digest"], 0, 0)
    assert load(machine) == 1 and not is_loaded(machine)
    entry, = machine.entries(MESSAGE_ID=LOAD_FAILED)
    assert "Permission denied" in entry["MESSAGE"]


def test_a_store_of_an_earlier_release_is_roots(machine):
    put_boot_trial(machine, OTHER_BOOT, 0)
    for path in (machine.state, *machine.state.rglob("*")):
        os.chown(path, 0, 0)
    assert load(machine) == 0 and machine.read_state()["trial"]["boots"] == 1
    assert {path.stat().st_uid for path in machine.state.rglob("*")} == {0}


def test_a_state_of_a_release_without_a_check_is_read(machine):
    put_confirmed(machine)
    state = machine.read_state()
    for part in (state, *state["versions"]):
        part.pop("sequence")
        part.pop("check", None)
    (machine.state / "state.json").write_text(json.dumps(state))
    (machine.state / "state.json.old").unlink()
    assert load(machine) == 0 and is_loaded(machine) and not said_damage(machine)


def test_a_trial_whose_boots_a_damaged_state_has_counted_is_not_tried_for_ever(machine):
    """Something damages the state in each boot, such as resets of the machine under the policy."""
    put_boot_trial(machine, OTHER_BOOT, 0)
    machine.kernel.put(f"policies/{POLICY}/active", "0")
    before = (machine.state / "state.json.old").read_bytes()
    flip(machine.state / "state.json")
    for boot in range(4):
        machine.kernel.put(f"policies/{POLICY}/active", "0")
        assert load(machine) == 0 and is_loaded(machine) and seconds_asked(machine) == 0
        assert len(machine.entries(MESSAGE_ID=NOT_TRIED)) == boot + 1
    assert "damaged" in machine.entries(MESSAGE_ID=NOT_TRIED)[0]["MESSAGE"]
    assert (machine.state / "state.json.old").read_bytes() == before


def test_what_was_selected_for_the_boot_is_loaded_by_the_predecessor_too(machine):
    state = machine.read_state()
    state["versions"][0].update(state="superseded")
    state["versions"][1].update(state="confirmed")
    machine.write_state(state)
    machine.kernel.put_policy(POLICY, ("2.0.0", signed(version="2.0.0")), active=True)
    machine.start_daemon()
    machine.call("Rollback", GLib.Variant("(s)", (POLICY,)))
    assert machine.list()[POLICY, "1.0.0"][0] == "pending-reboot"
    machine.stop_daemon()
    flip(machine.state / "state.json")
    machine.kernel.put_policy(POLICY, ("1.0.0", signed(version="1.0.0")))
    machine.kernel.put(f"policies/{POLICY}/active", "0")
    assert load(machine) == 0
    entry, = machine.entries(MESSAGE_ID=LOADED)
    assert entry["IPE_VERSION"] == "1.0.0"


# ipe-load in an initrd


@pytest.fixture
def initrd(bare, kernel_files):
    """An initrd: there is no store, only the files that came with it."""
    (bare.directory / "initrd-release").write_text("ID=test\n")
    bare.vendor = bare.run_directory / "ipe/policy.d"
    bare.binds += ["--ro-bind", bare.directory / "initrd-release", "/etc/initrd-release"]
    return bare


def accept(initrd, *names):
    """Makes policies of these names appear, as the kernel does after a write to new_policy."""
    for name in names:
        initrd.kernel.put_policy(name, ("1.0.0", b""))


def active(initrd, name):
    return initrd.kernel.read(f"policies/{name}/active") == b"1"


def test_the_first_file_of_an_initrd_decides(initrd):
    for name in ("a", "b"):
        (initrd.vendor / f"{name}.p7b").write_bytes(name.encode())
    (initrd.vendor / "a-note.txt").write_text("no policy")
    accept(initrd, "a", "b")
    assert load(initrd) == 0
    assert initrd.kernel.read("new_policy") == b"a" and active(initrd, "a") and not active(initrd, "b")
    entry, = initrd.entries(MESSAGE_ID=FILE_LOADED)
    assert (entry["IPE_POLICY"], entry["IPE_SOURCE"]) == ("a", "/run/ipe/policy.d/a.p7b")


def test_a_file_of_a_higher_layer_comes_before_and_masks(initrd):
    for name in ("a", "b"):
        (initrd.vendor / f"{name}.p7b").write_bytes(b"vendor")
    (initrd.etc / "policy.d/a.p7b").symlink_to("/dev/null")
    (initrd.etc / "policy.d/b.p7b").write_bytes(b"own")
    accept(initrd, "a", "b")
    assert load(initrd) == 0
    assert initrd.kernel.read("new_policy") == b"own" and active(initrd, "b") and not active(initrd, "a")


def test_what_cannot_be_loaded_is_said_and_the_next_one_tried(initrd):
    """A directory, a file that is too large, and a policy of another name than its file's."""
    (initrd.vendor / "a.p7b").mkdir()
    (initrd.vendor / "b.p7b").write_bytes(bytes(65537))
    for name in ("c", "d"):
        (initrd.vendor / f"{name}.p7b").write_bytes(name.encode())
    accept(initrd, "d")
    assert load(initrd) == 0
    assert [entry["IPE_POLICY"] for entry in initrd.entries(MESSAGE_ID=FILE_NOT_LOADED)] == ["a", "b", "c"]
    assert active(initrd, "d")


def test_an_initrd_in_which_nothing_can_be_loaded_fails(initrd):
    (initrd.vendor / "a.p7b").write_bytes(b"a")
    assert load(initrd) == 1
    assert len(initrd.entries(MESSAGE_ID=FILE_NOT_LOADED)) == 1


def test_an_initrd_without_policies_has_nothing_to_load(initrd):
    assert load(initrd) == 0
    assert not initrd.entries(PRIORITY="3") and initrd.kernel.read("new_policy") == b""


# ipe-load --initrd


@pytest.fixture
def kernel_log(bare, kernel_files):
    """What ipe-load writes to the kernel log of an initrd without systemd, in which nothing says that it is one."""
    path = bare.directory / "kmsg"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    bare.vendor = bare.run_directory / "ipe/policy.d"
    bare.binds += ["--bind", path, "/dev/kmsg"]
    yield lambda: os.read(reader, 1 << 16).decode()
    os.close(reader)


def test_without_systemd_the_kernel_log_has_the_entries(bare, kernel_log):
    for name in ("a", "b"):
        (bare.vendor / f"{name}.p7b").write_bytes(name.encode())
    accept(bare, "b")
    assert load(bare, "--initrd") == 0
    assert active(bare, "b")
    assert kernel_log() == ("<27>ipe-load: '/run/ipe/policy.d/a.p7b' does not hold a policy named 'a', as the file's name says.\n"
                            "<29>ipe-load: '/run/ipe/policy.d/b.p7b' is active.\n")
    assert not bare.entries(SYSLOG_IDENTIFIER="ipe-load")


def test_a_name_cannot_write_to_the_console(bare, kernel_log):
    """Nor can one be so long that the kernel refuses the record."""
    for name in ("\033[2Ja\n<0>b", "c" * 200, "\001" * 240):
        (bare.vendor / f"{name}.p7b").write_bytes(b"x")
    assert load(bare, "--initrd") == 1
    lines = kernel_log().splitlines()
    assert len(lines) == 4 and lines[-1] == "<27>ipe-load: None of 3 policies of the initrd could be loaded."
    assert all(line.startswith("<27>ipe-load: ") and line.isprintable() and len(line) < 1000 for line in lines)
