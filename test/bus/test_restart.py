# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon that ends, in any way, and starts again; and what may be wrong on disk by then."""

import random
import re
import signal
import subprocess

import pytest
from gi.repository import GLib

from connection import NAME, BusError
from machine import CALLER, signed
from message_ids import message_id
from programs import DAEMON, TOP

DAMAGED = message_id("STATE_DAMAGED")


def test_state_survives(machine):
    machine.stage(signed())
    machine.stage(signed(version="1.1.0"))
    before = machine.list(), machine.get("corp-base")
    machine.stop_daemon()
    machine.start_daemon()
    assert (machine.list(), machine.get("corp-base")) == before
    assert not machine.signals("PolicyRejected")


def test_killed_at_any_moment_it_comes_back_to_the_same_state(machine):
    """Each round is cut off somewhere between "not there yet" and "there": one of the two has to be what remains, and
    what was answered before must not be lost."""
    chance = random.Random(20260101)
    known = {}
    killed = 0
    for number in range(30):
        version = f"1.{number}.0"
        data = signed(version=version)
        (machine.run_directory / "new.p7b").write_bytes(data)
        caller = machine.start([CALLER, "Stage", "(handle 0, @a{sv} {})", "/run/new.p7b"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(chance.randrange(4000)):
            if caller.bwrap.poll() is not None:
                break
        machine.kill_daemon()
        answered = caller.wait() == 0
        machine.start_daemon()
        found = machine.list()
        assert found.items() >= known.items()
        new = found.keys() - known.keys()
        assert new <= {("corp-base", version)}
        assert new or not answered
        killed += not answered
        known = found
        assert {path.name for path in (machine.state / "objects").iterdir()} == {row[1] for row in found.values()}
    assert killed > 0


def test_killed_while_it_takes_in_many_files(machine):
    for number in range(20):
        machine.drop(signed(f"policy-{number}"), f"policy-{number}.p7b")
    chance = random.Random(7)
    for _ in range(8):
        machine.kill_daemon()
        machine.daemon = machine.launch_daemon()
        for _ in range(chance.randrange(3)):
            machine.run("true")
    machine.kill_daemon()
    machine.start_daemon()
    assert len(machine.list()) == 20
    assert not (machine.state / "state.json.damaged").exists()


def test_second_daemon_gives_up_and_the_first_goes_on(machine):
    machine.stage(signed())
    assert machine.launch_daemon().wait() != 0
    assert "Another ipectld" in "".join(entry["MESSAGE"] for entry in machine.entries())
    assert ("corp-base", "1.0.0") in machine.list()


def test_name_that_is_taken(bare):
    """By another program, which may own it."""
    bare.connection.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                         GLib.Variant("(su)", (NAME, 0)), name="org.freedesktop.DBus")
    assert bare.launch_daemon().wait() != 0


def test_no_bus(bare):
    bare.bus.stop(signal.SIGKILL)
    assert bare.launch_daemon().wait() != 0
    assert bare.entries(PRIORITY="3")


def test_bus_that_goes_away(machine):
    """Without it nobody can reach the daemon. It has failed, and says why; systemd starts it again."""
    machine.bus.stop(signal.SIGKILL)
    assert machine.daemon.wait() == 1
    machine.daemon = None
    assert machine.entries(PRIORITY="3", MESSAGE="Lost the connection to the system bus: exiting, so that the service manager "
                                                 "restarts ipectld.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_well(machine, number):
    assert machine.daemon.stop(number) == 0
    machine.wait_notify("STOPPING=1")
    machine.daemon = None


def test_hangup_reads_the_directories_again(machine):
    machine.drop(signed(key="other"))
    machine.wait_signal("PolicyRejected")
    machine.daemon.send(signal.SIGHUP)
    machine.wait_for(lambda: len(machine.signals("PolicyRejected")) == 2, "the refusal")


def test_reload_by_signal_tells_begin_and_end(machine):
    machine.forget_notifications()
    machine.daemon.send(signal.SIGHUP)
    machine.wait_notify("RELOADING=1")
    machine.wait_notify("READY=1")


def test_watchdog(bare):
    bare.start_daemon(environment={"WATCHDOG_USEC": "500000"})
    bare.wait_notify("WATCHDOG=1")


def test_arguments_are_refused(bare):
    result = bare.run(DAEMON, "--help", check=False)
    assert result.returncode != 0
    assert "takes no arguments" in result.stderr


@pytest.mark.parametrize("content", [b"", b"{", b"nonsense", b"[]", b"{}", b"\0" * 4096, b'{"format": 99, "versions": []}',
                                     b'{"format": 1, "versions": [{}]}', b"{" * 100000], ids=range(9))
def test_damaged_state_is_put_aside_and_said(machine, content):
    machine.drop(signed())
    machine.wait_signal("PolicyStaged")
    machine.stop_daemon()
    for name in ("state.json", "state.json.old"):
        (machine.state / name).write_bytes(content)
    machine.start_daemon()
    assert (machine.state / "state.json.damaged").read_bytes() == content
    assert machine.entries(MESSAGE_ID=DAMAGED)
    assert machine.list()["corp-base", "1.0.0"][0] == "staged"


def test_unknown_state_of_a_version_is_damage(machine):
    machine.stage(signed())
    machine.change_state(lambda state: state["versions"][0].update(state="enforced"))
    assert machine.states() == {"1.0.0": "staged"}
    assert (machine.state / "state.json.damaged").exists()


def test_damaged_state_takes_no_policy_with_it(machine):
    """ipectld keeps untrusted policies as long as the damaged file: trust may come back."""
    machine.trust("other")
    machine.call("Reload")
    machine.stage(signed(key="other"))
    digest = machine.list()["corp-base", "1.0.0"][1]
    machine.stop_daemon()
    (machine.etc / "trust.d/other.pem").unlink()
    for name in ("state.json", "state.json.old"):
        (machine.state / name).write_bytes(b"{")
    machine.start_daemon()
    machine.stage(signed("another"))
    machine.stop_daemon()
    machine.start_daemon()
    assert (machine.state / "objects" / digest).read_bytes() == signed(key="other")
    (machine.state / "state.json.damaged").unlink()
    machine.stop_daemon()
    machine.start_daemon()
    assert not (machine.state / "objects" / digest).exists()


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"junk"),
                                    lambda path: path.write_bytes(path.read_bytes()[:-1]),
                                    lambda path: path.write_bytes(signed("another"))],
                         ids=["gone", "junk", "cut", "of another policy"])
def test_damaged_policy_is_forgotten_and_the_others_stay(machine, damage):
    machine.stage(signed())
    machine.stage(signed(version="1.1.0"))
    digest = machine.list()["corp-base", "1.0.0"][1]
    machine.stop_daemon()
    damage(machine.state / "objects" / digest)
    machine.start_daemon()
    assert machine.list().keys() == {("corp-base", "1.1.0")}
    assert machine.entries(MESSAGE_ID=DAMAGED)[-1]["IPE_SOURCE"] == digest
    machine.stage(signed())


def test_policy_that_is_damaged_while_the_daemon_runs(machine):
    machine.stage(signed())
    (machine.state / "objects" / machine.list()["corp-base", "1.0.0"][1]).write_bytes(b"junk")
    with pytest.raises(BusError, match="damaged"):
        machine.open_text("corp-base")
    with pytest.raises(BusError):
        machine.call("Activate", GLib.Variant("(s)", ("corp-base",)))


def test_leftovers_are_removed(machine):
    machine.stage(signed())
    machine.stop_daemon()
    objects = machine.state / "objects"
    (objects / ("0" * 64)).write_bytes(b"nobody names this")
    (objects / ".#x.0123456789abcdef").write_bytes(b"half")
    (machine.state / ".#state.json.0123456789abcdef").write_bytes(b"half")
    machine.start_daemon()
    assert [path.name for path in objects.iterdir()] == [machine.list()["corp-base", "1.0.0"][1]]
    assert not list(machine.state.glob(".#*"))


def test_activation_that_was_cut_off(machine):
    """No kernel has the policy, so the activation did not happen."""
    machine.stage(signed())
    digest = machine.list()["corp-base", "1.0.0"][1]
    machine.change_state(lambda state: state.update(activating=digest))
    assert machine.list()["corp-base", "1.0.0"][0] == "staged"
    assert "activating" not in machine.read_state()


@pytest.fixture
def confirmed(machine):
    """Three versions: 1.0.0 superseded, 1.1.0 confirmed, 1.2.0 staged."""
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        machine.stage(signed(version=version))
    machine.set_states({"1.0.0": "superseded", "1.1.0": "confirmed"})
    return machine


def roll_back(machine):
    return machine.call("Rollback", GLib.Variant("(s)", ("corp-base",)))[0]


def test_rollback_selects_the_version_before_for_the_next_boot(confirmed):
    path = roll_back(confirmed)
    assert path == confirmed.list()["corp-base", "1.0.0"][3]
    assert confirmed.states() == {"1.0.0": "pending-reboot", "1.1.0": "confirmed", "1.2.0": "staged"}
    assert confirmed.get("corp-base", "1.0.0")["SelectedForBoot"]
    assert not confirmed.get("corp-base", "1.1.0")["SelectedForBoot"]
    assert confirmed.wait_signal("PolicyRolledBack")[:2] == ("corp-base", "1.0.0")
    changed = confirmed.wait_for(lambda: [change for where, member, change in confirmed.connection.signals
                                          if member == "PropertiesChanged" and where == path], "the change")[0]
    assert changed[1].pop("ChangedUSec") > 0 and len(changed[1].pop("Transaction")) == 32
    assert changed[1] == {"State": "pending-reboot", "Active": False, "SelectedForBoot": True}
    assert roll_back(confirmed) == path
    confirmed.stop_daemon()
    confirmed.start_daemon()
    assert confirmed.states()["1.0.0"] == "pending-reboot"


def test_activation_below_the_confirmed_version_is_a_rollback(confirmed):
    with pytest.raises(BusError) as error:
        confirmed.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (
            "corp-base", {"version": GLib.Variant("s", "1.0.0")})))
    assert error.value.name == "org.ipe.Error.VersionTooOld"
    assert confirmed.states()["1.0.0"] == "superseded"


def test_rollback_is_forbidden_by_the_configuration(confirmed):
    confirmed.configure("RollbackAtBoot=no")
    confirmed.call("Reload")
    with pytest.raises(BusError) as caught:
        roll_back(confirmed)
    assert caught.value.name == "org.ipe.Error.NotSupported"
    assert "RollbackAtBoot=no" in caught.value.message
    assert confirmed.states()["1.0.0"] == "superseded"
    (confirmed.etc / "ipectld.conf.d").mkdir()
    (confirmed.etc / "ipectld.conf.d/50-back.conf").write_text("[Manager]\nRollbackAtBoot=yes\n")
    confirmed.call("Reload")
    roll_back(confirmed)


def test_rollback_without_a_version_before(machine):
    machine.stage(signed())
    machine.set_states({"1.0.0": "confirmed"})
    with pytest.raises(BusError) as caught:
        roll_back(machine)
    assert caught.value.name == "org.ipe.Error.NoSuchPolicy"


def test_version_below_the_confirmed_one_is_refused(confirmed):
    with pytest.raises(BusError) as caught:
        confirmed.stage(signed(version="1.0.5"))
    assert caught.value.name == "org.ipe.Error.VersionTooOld"
    assert "1.1.0" in caught.value.message


def test_what_is_confirmed_or_selected_is_not_discarded(confirmed):
    roll_back(confirmed)
    for version in ("1.0.0", "1.1.0"):
        with pytest.raises(BusError) as caught:
            confirmed.call("Discard", GLib.Variant("(ss)", ("corp-base", version)))
        assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    confirmed.call("Discard", GLib.Variant("(ss)", ("corp-base", "1.2.0")))
    assert len(confirmed.states()) == 2


def test_properties_tell_the_confirmed_policy(confirmed):
    assert confirmed.properties()["ConfirmedPolicy"] == ("corp-base", "1.1.0")
    assert confirmed.properties()["ActivePolicy"] == ("", "")


def test_reboot_in_the_middle_of_a_trial_rolls_back(confirmed):
    """The kernel has no trial, and the version on trial is not active."""
    confirmed.set_states({"1.2.0": "trial"})
    assert confirmed.states() == {"1.0.0": "superseded", "1.1.0": "confirmed", "1.2.0": "rolled-back"}
    assert confirmed.properties()["TrialPolicy"] == ("", "") and confirmed.properties()["TrialDeadlineUSec"] == 0
    ended = [entry for entry in confirmed.entries(IPE_VERSION="1.2.0") if "trial of" in entry["MESSAGE"]]
    assert len(ended) == 1 and ended[0]["MESSAGE_ID"]
    confirmed.stop_daemon()
    confirmed.start_daemon()
    assert len([entry for entry in confirmed.entries(IPE_VERSION="1.2.0") if "trial of" in entry["MESSAGE"]]) == 1


def test_preflight_that_was_cut_off(machine):
    machine.stage(signed())
    digest = machine.list()["corp-base", "1.0.0"][1]
    machine.change_state(lambda state: state.update(shadowing=digest, shadowing_name="corp-base"))
    assert "shadowing" not in machine.read_state()
    assert machine.states() == {"1.0.0": "staged"}


@pytest.mark.parametrize("text, lines", [
    ("TrialSec=0\nPreflightSec=600\n", []), ("TrialSec=24h\nPreflightSec = 10min\n", []), ("TrialSec=86401\n", [2]),
    ("TrialSec=-1\nPreflightSec=0\n", [2]), ("TrialSec=\nPreflightSec=11min\n", [2, 3]), ("TrialSec=1 minute\n", [2]),
    ("Confirm=auto\n", []), ("Confirm=manual\n", []), ("Confirm=\n", [2]), ("Confirm=never\n", [2]),
    ("KeepVersions=0\n", []), ("KeepVersions=100\n", []), ("KeepVersions=101\n", [2]), ("KeepVersions=-1\n", [2]),
    ("KeepVersions=99999999999999999999\n", [2]), ("KeepVersions=\n", [2]), ("KeepVersions=2x\n", [2]),
    ("HealthUnits=a.service  b@c.socket\n", []), ("HealthUnits=\n", []), ("HealthUnits=a.service b\n", [2]),
    ("HealthUnits=../a.service\n", [2]), ('HealthUnits=a.service "b.service"\n', [2]), ("HealthUnits=.service\n", [2]),
    ("HealthIgnoreUnits=a* b?.service [a-c]@*.service\n", []), ("HealthIgnoreUnits=../a\n", [2]), ('HealthIgnoreUnits=a "b"\n', [2]),
    ("HealthCommand=/usr/bin/true --x\n", []), ("HealthCommand=true\n", [2]), ("HealthCommand=\n", []),
    ("HealthCommand=/bin/sh -c 'true x'\n", [2]), ("EssentialPaths=/a /b\n", []), ("EssentialPaths=/a b\n", [2]),
    ("EssentialModules=ext4 dm-verity\n", []), ("EssentialModules=../x\n", [2]), ("EssentialFirmware=a/b.bin\n", []),
    ("EssentialFirmware=/a\n", [2]), ("EssentialFirmware=a/../../b\n", [2]),
    ("# a comment\n\nUnknown=1\nTrialSec=1\n", [4]), ("; a comment\n ; TrialSec=x\nUnknown=1\n", [4]),
    ("EssentialPaths=/a \\\n# between\n  /b\nTrialSec=x\n", [5]), ("TrialSec=1 # one\n", [2]),
    ("EssentialPaths=" + "/some/path " * 2000 + "\nTrialSec=x\n", [3]), ("EssentialPaths=" + "/x" * 5000 + "\nTrialSec=x\n", [2, 3]),
    ("HealthUnits=x\nHealthUnits=\nHealthUnits=y\n", [2])])
def test_settings_that_make_no_sense_are_named_with_their_line(kept, text, lines):
    before = len(kept.entries(PRIORITY="4"))
    (kept.etc / "ipectld.conf").write_text(f"[Manager]\n{text}")
    kept.call("Reload")
    path = "/etc/ipe/ipectld.conf"
    found = [entry["MESSAGE"] for entry in kept.entries(PRIORITY="4")[before:] if path in entry["MESSAGE"]]
    assert [message.split(": ")[0] for message in found] == [f"{path}:{line}" for line in lines]


@pytest.mark.parametrize("commented", [True, False])
def test_the_file_with_the_defaults_makes_sense(kept, commented):
    text = (TOP / "src/libipe/ipectld.conf").read_text()
    before = len(kept.entries(PRIORITY="4"))
    (kept.etc / "ipectld.conf").write_text(text if commented else re.sub(r"^#(\w+=)", r"\1", text, flags=re.M))
    kept.call("Reload")
    assert [entry["MESSAGE"] for entry in kept.entries(PRIORITY="4")[before:]] == []


@pytest.mark.parametrize("text", ["", "nonsense", "[Manager]\nRollbackAtBoot=perhaps\n", "[Other]\nX=1\n",
                                  "[Manager]\nUnknown=1\n", "=\n"], ids=range(6))
def test_configuration_that_makes_no_sense_is_ignored(confirmed, text):
    (confirmed.etc / "ipectld.conf").write_text(text)
    confirmed.call("Reload")
    roll_back(confirmed)


@pytest.mark.parametrize("text", ["\0" * 100, "[Manager\n"], ids=["NUL", "section"])
def test_file_of_the_configuration_that_is_broken_changes_no_setting(confirmed, text):
    """Half a file is no configuration: the other half may be "Confirm=manual"."""
    confirmed.configure("RollbackAtBoot=no")
    confirmed.call("Reload")
    (confirmed.etc / "ipectld.conf").write_text(text)
    with pytest.raises(BusError, match="CannotRead: .*ipectld.conf"):
        confirmed.call("Reload")
    with pytest.raises(BusError, match="RollbackAtBoot=no"):
        roll_back(confirmed)


def test_full_disk(bare):
    """Every staged version is on disk, and nothing is lost."""
    bare.start_daemon(sandbox=["--perms", "0777", "--size", "65536", "--tmpfs", "/var/lib/ipe"])
    count = 0
    with pytest.raises(BusError) as caught:
        while count < 64:
            bare.stage(signed(version=f"1.{count}.0"))
            count += 1
    assert "No space left" in caught.value.message
    assert 0 < count == len(bare.list())
    bare.call("Discard", GLib.Variant("(ss)", ("corp-base", "1.0.0")))
    bare.stage(signed(version=f"1.{count}.0"))
