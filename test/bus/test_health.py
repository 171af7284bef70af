# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ipectld makes of a service manager that does not answer as it should, in the middle of a trial. Plain files stand in for
the kernel, see kernel_files.py, and service_manager.py for systemd; with the real ones test/vm/test_health.py shows what
health checks do."""

import ctypes
import errno
import json
import os
import socket
import time

import pytest
from gi.repository import GLib
from service_manager import COMMAND, TARGET, ServiceManager, change_signal

from kernel_files import FEATURES, Gate, begins_trial
from machine import BUILD, IPECTL, BusError, Call, signed

POLICY = "corp-base"
VITAL = "/usr/bin/env"
TRANSACTION = "0123456789abcdef" * 2
SYS_PIDFD_GETFD = 438


@pytest.fixture
def machine(bare, kernel_files):
    """corp-base 1.0.0 is confirmed, 2.0.0 is staged; nothing is on trial."""
    bare.one, bare.two = signed(version="1.0.0"), signed(version="2.0.0")
    bare.kernel.put_policy(POLICY, ("1.0.0", bare.one), active=True)
    bare.start_daemon()
    bare.stage(bare.one)
    bare.stage(bare.two)
    bare.stop_daemon()
    change(bare, lambda state: state["versions"][0].update(state="confirmed"))
    bare.kernel.put_policy(POLICY, ("1.0.0", bare.one), ("2.0.0", bare.two), active=True)
    bare.services = ServiceManager(bare.address)
    devices = bare.directory / "devices"
    devices.mkdir()
    device = os.stat(VITAL).st_dev
    (devices / f"{os.major(device)}:{os.minor(device)}").symlink_to("../../devices/virtual/block/vda9")
    bare.binds += ["--bind", devices, "/sys/dev/block"]
    # A kernel ends a trial at once; files that went on to show it would have the daemon take it up again.
    with Gate(bare.kernel.path("confirm"), lambda: bare.kernel.end_trial(POLICY), lambda _: bare.kernel.read("revert") == b"1",
              may_stay_shut=True):
        yield bare
    bare.services.close()


def change(machine, function):
    state = json.loads((machine.state / "state.json").read_text())
    function(state)
    machine.write_state(state)


def configure(machine, *settings):
    (machine.etc / "ipectld.conf").write_text("\n".join(["[Manager]", *settings, ""]))


def begin(machine, seconds=1000, failed_units=(), confirm="auto", restarting_units=()):
    """Starts a daemon in the middle of a trial of 2.0.0, which ends in so many seconds."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot_id = file.read().strip().replace("-", "")
    trial = {"boot_id": boot_id, "deadline_usec": int((time.clock_gettime(time.CLOCK_BOOTTIME) + seconds) * 1e6), "confirm": confirm,
             "failed_units": list(failed_units)}
    if restarting_units:
        trial["restarting_units"] = list(restarting_units)

    def put(state):
        state["trial"] = trial
        state["versions"][1].update(state="trial", transaction=TRANSACTION)
    change(machine, put)
    machine.kernel.put_trial(POLICY, "2.0.0")
    machine.kernel.put("revert", "")
    machine.start_daemon()


def state(machine):
    return machine.list()[POLICY, "2.0.0"][0]


def checks(machine):
    return {name: (result, detail) for name, result, detail in machine.properties()["TrialChecks"]}


def wait_for_end(machine, words):
    machine.wait_for(lambda: state(machine) == "rolled-back", "the end of the trial")
    assert machine.kernel.read("revert").startswith(b"1")
    entry, = [entry for entry in machine.entries(IPE_VERSION="2.0.0") if "IPE_REASON" in entry]
    assert words in entry["MESSAGE"] and entry["IPE_TRANSACTION"] == TRANSACTION
    assert machine.properties()["TrialConfirm"] == ""


def wait_for_calls(machine, method, count=1):
    machine.wait_for(lambda: [name for name, _ in machine.services.calls].count(method) >= count, method)


def calls(machine, method):
    return [arguments for name, arguments in machine.services.calls if name == method]


def wait_for_confirmation(machine):
    machine.wait_for(lambda: machine.kernel.read("confirm").startswith(b"1"), "the confirmation")


def error(name):
    return lambda method, invocation: method.startswith("List") and (invocation.return_dbus_error(name, "no") or True)


# The trial ended so many seconds ago that a last answer counts for one more: see LAST_ANSWER_USEC.
LONG_OVER = -19


def test_a_service_manager_that_refuses_to_the_end_ends_the_trial(machine):
    machine.services.answer = error("org.freedesktop.DBus.Error.AccessDenied")
    begin(machine, LONG_OVER)
    wait_for_end(machine, "the service manager does not answer: no")
    assert checks(machine)["units"][0] == "failed"


def test_a_service_manager_that_is_silent_to_the_end_ends_the_trial(machine):
    machine.services.answer = lambda method, invocation: method.startswith("List")
    begin(machine, LONG_OVER)
    wait_for_end(machine, "the service manager does not answer")


def wait_for_no_answer(machine, words):
    machine.wait_for(lambda: checks(machine)["units"] == ("pending", f"the service manager does not answer: {words}"), words)


def wait_for_an_answer(machine):
    machine.services.answer = lambda method, invocation: False
    machine.wait_for(lambda: checks(machine)["units"] == ("pending", ""), "an answer")
    assert state(machine) == "trial"


def test_no_answer_is_no_result(machine):
    """The service manager has something else to do. It is asked again."""
    machine.services.answer = error("org.freedesktop.DBus.Error.NoReply")
    begin(machine)
    wait_for_no_answer(machine, "no")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    wait_for_an_answer(machine)


def test_a_late_last_answer_confirms_the_policy(machine):
    machine.services.answer = error("org.freedesktop.DBus.Error.NoReply")
    begin(machine, seconds=0)
    wait_for_no_answer(machine, "no")
    machine.services.answer = lambda method, invocation: False
    machine.wait_for(lambda: machine.kernel.read("confirm").startswith(b"1"), "the confirmation")


def test_a_service_manager_that_is_gone_is_asked_again_when_it_is_back(machine):
    """As one that has closed its connection, to carry itself over into a new program."""
    machine.services.close()
    configure(machine, "HealthCommand=/bin/check")
    begin(machine)
    machine.wait_for(lambda: checks(machine)["units"][1], "no answer")
    machine.services = ServiceManager(machine.address)
    wait_for_an_answer(machine)
    wait_for_calls(machine, "RestartUnit")


def bus_sockets(machine):
    """The daemon's connections to the bus: copies of their descriptors, by inode number. Others may be closed at any moment."""
    pidfd = os.pidfd_open(machine.daemon.pid)
    found = {}
    for name in os.listdir(f"/proc/{machine.daemon.pid}/fd"):
        try:
            link = os.readlink(f"/proc/{machine.daemon.pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if not link.startswith("socket:"):
            continue
        copy = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, pidfd, int(name), 0)
        if copy < 0 and ctypes.get_errno() == errno.EBADF:
            continue
        assert copy >= 0, os.strerror(ctypes.get_errno())
        peer = socket.socket(fileno=copy)
        try:
            if str(peer.getpeername()).endswith("system_bus_socket"):
                found[link] = peer
        except OSError:
            peer.close()
    os.close(pidfd)
    return found


def test_a_connection_that_breaks_is_opened_again(machine):
    """Nothing is lost: the command goes on, and its result counts."""
    configure(machine, "HealthCommand=/bin/check")
    machine.start_daemon()
    before = bus_sockets(machine)
    with begins_trial(machine, POLICY, "2.0.0"):
        machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    wait_for_calls(machine, "ListUnitsByNames", 2)
    after = bus_sockets(machine)
    own, = after.keys() - before.keys()
    after[own].shutdown(socket.SHUT_RDWR)
    for peer in (*before.values(), *after.values()):
        peer.close()
    wait_for_calls(machine, "Subscribe", 2)
    machine.services.states[COMMAND] = "active"
    machine.wait_for(lambda: checks(machine)["health-command"][0] == "passed", "the result")
    assert state(machine) == "trial" and checks(machine)["units"] == ("pending", "")
    assert calls(machine, "RestartUnit") == [(COMMAND, "replace")]


def test_a_unit_that_fails_while_the_last_answer_is_late_ends_the_trial(machine):
    """Which units have failed is asked until the end, not until there was one answer."""
    configure(machine, "HealthUnits=needed.service")
    machine.services.states = {"needed.service": "active"}
    machine.services.answer = lambda method, invocation: method == "ListUnitsByNames" and error(
        "org.freedesktop.DBus.Error.NoReply")(method, invocation)
    begin(machine, seconds=0)
    wait_for_no_answer(machine, "no")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    machine.services.failed = ["new.service"]
    machine.services.answer = lambda method, invocation: False
    wait_for_end(machine, "'new.service' has failed")
    assert not machine.kernel.read("confirm").startswith(b"1")


def test_a_list_of_failed_units_that_is_under_way_is_waited_for(machine):
    """The states are well at last, and so was the list before; but that one is old by then."""
    configure(machine, "HealthUnits=needed.service")
    machine.services.states = {"needed.service": "active"}
    no_states = error("org.freedesktop.DBus.Error.NoReply")
    machine.services.answer = lambda method, invocation: method == "ListUnitsByNames" and no_states(method, invocation)
    begin(machine, seconds=0)
    wait_for_no_answer(machine, "no")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    held = []

    def hold(method, invocation):
        if method == "ListUnitsFiltered":
            held.append(invocation)
        return method == "ListUnitsFiltered" or (not held and no_states(method, invocation))
    machine.services.answer = hold
    machine.wait_for(lambda: held, "the list")
    asked = [method for method, _ in machine.services.calls].count("ListUnitsByNames")
    # Two more of them: the answer to the first has been handled.
    wait_for_calls(machine, "ListUnitsByNames", asked + 2)
    assert state(machine) == "trial"
    machine.services.failed = ["new.service"]
    machine.services.answer = lambda method, invocation: False
    for invocation in held:
        invocation.return_value(machine.services.units({"new.service": "failed"}))
    wait_for_end(machine, "'new.service' has failed")
    assert not machine.kernel.read("confirm").startswith(b"1")


def test_settings_that_are_removed_in_the_trial_still_count(machine):
    configure(machine, "HealthUnits=needed.service", f"EssentialPaths={VITAL}")
    begin(machine, seconds=5)
    configure(machine)
    machine.ipectl("reload")
    wait_for_end(machine, "'needed.service' is inactive")


@pytest.mark.parametrize("setting", ["HealthCommand=/bin/false", "HealthUnits=missing.service", f"EssentialPaths={VITAL}"])
def test_settings_that_are_added_in_the_trial_are_for_the_next_one(machine, setting):
    """They were said to have passed, though nobody had looked."""
    begin(machine, seconds=5)
    configure(machine, setting)
    machine.ipectl("reload")
    tell_denial(machine)
    wait_for_confirmation(machine)
    assert checks(machine)["health-command"] == checks(machine)["health-units"] == ("none", "")
    assert not calls(machine, "RestartUnit") and not calls(machine, "ListUnitsByNames")


def test_a_daemon_that_is_started_again_has_the_settings_of_the_trial(machine):
    configure(machine, "HealthUnits=needed.service", "HealthIgnoreUnits=odd*", "HealthCommand=/bin/check")
    machine.start_daemon()
    with begins_trial(machine, POLICY, "2.0.0"):
        machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    machine.stop_daemon()
    configure(machine, "HealthUnits=other.service")
    machine.start_daemon()
    machine.wait_for(lambda: ("ListUnitsByNames", (["needed.service", COMMAND],)) in machine.services.calls, "the same units")
    machine.services.failed = ["odd.service"]
    wait_for_calls(machine, "ListUnitsFiltered", len(calls(machine, "ListUnitsFiltered")) + 2)
    assert state(machine) == "trial" and checks(machine)["health-command"][0] == "pending"
    assert len(calls(machine, "RestartUnit")) == 2, "what the first one started said nothing yet"


def test_what_is_not_configured_has_no_result(machine):
    begin(machine, seconds=0)
    wait_for_confirmation(machine)
    results = {name: result for name, (result, _) in checks(machine).items()}
    assert results == {"units": "passed", "denials": "passed", "health-units": "none", "health-command": "none", "health-target": "none",
                       "enforcement": "passed"}


def test_ipectl_shows_what_has_no_result(machine):
    begin(machine)
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    shown = machine.ipectl("status").stdout
    assert "health-units: none" in shown and "units: pending" in shown
    rows = json.loads(machine.ipectl("status", "--json=short").stdout)["trial_checks"]
    assert {"check": "health-command", "state": "none", "detail": None} in rows


def test_denials_that_nobody_tells_of_have_no_result(machine):
    machine.kernel.put("features", FEATURES.replace("events\n", ""))
    begin(machine, seconds=0)
    wait_for_confirmation(machine)
    assert checks(machine)["denials"] == ("none", "the kernel tells of no denials here")


@pytest.mark.parametrize("answer", [GLib.Variant("(s)", ("x",)), GLib.Variant("(as)", (["x"],)), None])
def test_an_answer_that_makes_no_sense_is_none(machine, answer):
    def nonsense(method, invocation):
        if not method.startswith("List"):
            return False
        message = invocation.get_message().new_method_reply()
        if answer:
            message.set_body(answer)
        invocation.get_connection().send_message(message, 0)
        return True
    machine.services.answer = nonsense
    begin(machine)
    wait_for_no_answer(machine, "its answer makes no sense")
    wait_for_an_answer(machine)


def test_an_answer_that_leaves_out_a_unit_ends_the_trial(machine):
    """At the end, when only the unit that is left out has not been seen to be well."""
    def leave_out(method, invocation):
        if method != "ListUnitsByNames":
            return False
        invocation.return_value(machine.services.units({"a.service": "active"}))
        return True
    configure(machine, "HealthUnits=a.service needed.service")
    machine.services.answer = leave_out
    begin(machine, LONG_OVER)
    wait_for_end(machine, "makes no sense")


def test_a_hostile_name_of_a_unit_is_kept_harmless(machine):
    machine.services.failed = ["\x1b[31m" + "é" * 2000 + ".service"]
    begin(machine)
    wait_for_end(machine, "was ended by a health check")
    assert "\x1b" not in checks(machine)["units"][1]


def test_a_unit_that_had_failed_before_is_no_reason(machine):
    machine.services.failed = ["old.service"]
    begin(machine, failed_units=["old.service"])
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial"
    assert checks(machine)["units"] == ("pending", "")
    machine.services.failed.append("new.service")
    wait_for_end(machine, "'new.service' has failed")


def tell_denial(machine, path=VITAL, **fields):
    known = {"shadow": 0, "ipe_hook": "BPRM_CHECK", "path": f'"{path}"', "policy_version": "2.0.0", "dev": '"vda9"', "ino": os.stat(VITAL).st_ino,
             **fields}
    machine.kernel.tell(**known)


def test_a_unit_that_fails_is_tied_to_what_was_denied_in_it(machine):
    """The first denial of the unit counts. Nobody but its processes can be in its control group, and sessions of users, however many,
    do not make the daemon forget it."""
    begin(machine)
    group = '"/system.slice/web.service/worker"'
    tell_denial(machine, seq=1, path="/opt/other", cgroup='"/user.slice/user-1000.slice/user@1000.service/web.service"')
    tell_denial(machine, seq=2, path="/opt/web/helper", cgroup=group)
    tell_denial(machine, seq=3, path="/opt/web/later", cgroup=group)
    for number in range(4, 104):
        tell_denial(machine, seq=number, path="/opt/other", cgroup=f'"/user.slice/user-1000.slice/session-{number}.scope"')
    machine.wait_for(lambda: machine.kernel.unread() == 0, "the daemon to read them")
    machine.services.failed = ["web.service"]
    wait_for_end(machine, "'web.service' has failed; it was denied '/opt/web/helper'")


def test_a_denial_of_what_is_essential_ends_the_trial(machine):
    configure(machine, f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, path="/usr/bin/other")
    tell_denial(machine, seq=2, shadow=1)
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial"
    tell_denial(machine, seq=3)
    wait_for_end(machine, f"'{VITAL}' was denied, which is essential")
    assert checks(machine)["denials"][0] == "failed"


def test_what_is_called_so_elsewhere_is_not_essential(machine):
    """Whoever may have a root directory of his own chooses the paths in it."""
    configure(machine, f"EssentialPaths={VITAL} /nonexistent/vital")
    begin(machine)
    tell_denial(machine, seq=1, ino=os.stat(VITAL).st_ino + 1)
    tell_denial(machine, seq=2, dev='"vda1"')
    tell_denial(machine, seq=3, dev='"tmpfs"')
    tell_denial(machine, seq=4, path="/nonexistent/vital")
    machine.wait_for(lambda: machine.entries(IPE_PATH="/nonexistent/vital"), "the denials")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial" and checks(machine)["denials"] == ("pending", "")


@pytest.mark.parametrize("device", ['"tmpfs"', '"overlay"', "?"])
def test_a_path_and_an_inode_number_alone_do_not_end_a_trial(machine, device):
    """Whoever may mount a tmpfs of his own, in a user namespace, has any path and counts up to any inode number. Here the file system
    of what is essential is no block device, so nobody can tell."""
    configure(machine, f"EssentialPaths={VITAL}")
    for name in (machine.directory / "devices").iterdir():
        name.unlink()
    begin(machine)
    tell_denial(machine, seq=1, dev=device)
    machine.wait_for(lambda: checks(machine)["denials"][1], "the doubt")
    result, detail = checks(machine)["denials"]
    assert result == "pending" and f"'{VITAL}' was denied" in detail and "'ipectl end-trial'" in detail
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial"
    assert [entry for entry in machine.entries(PRIORITY="4") if detail in entry["MESSAGE"]]


def test_a_number_of_the_superblock_tells_what_is_essential_on_any_file_system(machine):
    """As of tmpfs, overlayfs and btrfs, whose names say nothing."""
    configure(machine, f"EssentialPaths={VITAL}")
    for name in (machine.directory / "devices").iterdir():
        name.unlink()
    begin(machine)
    device = os.stat(VITAL).st_dev
    tell_denial(machine, seq=1, dev='"tmpfs"', sdev=f"{os.major(device)}:{os.minor(device) + 1}")
    machine.wait_for(lambda: machine.entries(IPE_PATH=VITAL), "the denial")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial" and checks(machine)["denials"] == ("pending", "")
    tell_denial(machine, seq=2, dev='"tmpfs"', sdev=f"{os.major(device)}:{os.minor(device)}")
    wait_for_end(machine, f"'{VITAL}' was denied, which is essential")


@pytest.mark.parametrize("hook", ["MMAP", "MPROTECT"])
def test_what_a_user_maps_and_writes_does_not_end_a_trial(machine, hook):
    """That memory is denied by the path of the file, whatever the policy says of the file."""
    configure(machine, f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, ipe_hook=hook)
    machine.wait_for(lambda: checks(machine)["denials"][1], "the doubt")
    assert "what was mapped" in checks(machine)["denials"][1] and state(machine) == "trial"
    tell_denial(machine, seq=2)
    wait_for_end(machine, f"'{VITAL}' was denied, which is essential")


def test_a_device_that_is_not_named_is_no_match(machine):
    configure(machine, f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, dev="?")
    machine.wait_for(lambda: checks(machine)["denials"][1], "the doubt")
    assert state(machine) == "trial"


def test_a_denial_by_the_policy_before_is_no_reason(machine):
    """The kernel keeps what nobody has read yet, also what it denied before the trial began."""
    configure(machine, f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, policy_version="1.0.0")
    tell_denial(machine, seq=2, policy_name='"other"')
    machine.wait_for(lambda: len(machine.entries(IPE_PATH=VITAL)) == 2, "both denials")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial" and checks(machine)["denials"] == ("pending", "")


def test_denials_that_were_lost_leave_that_check_without_a_result(machine):
    begin(machine)
    machine.kernel.tell_line("lost=3")
    machine.wait_for(lambda: checks(machine)["denials"] == ("pending", "some denials were lost, of which nothing is known"),
                     "the loss")
    assert state(machine) == "trial"
    machine.stop_daemon()
    begin(machine, seconds=0)
    machine.kernel.tell_line("lost=3")
    wait_for_confirmation(machine)
    assert checks(machine)["denials"][0] in ("none", "passed"), "the loss may be read after the end"


def test_at_the_end_all_has_to_be_well(machine):
    configure(machine, "HealthUnits=needed.service", "HealthCommand=/bin/check --all")
    machine.services.members = ["check.service"]
    machine.services.states = {"needed.service": "active", COMMAND: "active", TARGET: "active"}
    begin(machine, seconds=0)
    wait_for_confirmation(machine)
    assert [result for result, _ in checks(machine).values()] == ["passed"] * 6
    assert sorted(calls(machine, "RestartUnit")) == [(COMMAND, "replace"), (TARGET, "replace")]


def test_a_confirmed_trial_stops_what_it_started(machine):
    """A command that is still active would look like that of the next trial."""
    configure(machine, "HealthCommand=/bin/check")
    machine.services.members = ["check.service"]
    machine.services.states = {COMMAND: "failed", TARGET: "active"}
    begin(machine)
    wait_for_end(machine, "HealthCommand= has failed")
    wait_for_calls(machine, "StopUnit", 2)
    assert sorted(calls(machine, "StopUnit")) == [(COMMAND, "replace"), (TARGET, "replace")]


@pytest.mark.parametrize("settings, states, words", [
    (["HealthUnits=needed.service"], {"needed.service": "deactivating"}, "'needed.service' is deactivating"),
    (["HealthUnits=needed.service"], {}, "'needed.service' is inactive"),
    (["HealthUnits=a.service needed.service"], {"a.service": "active"}, "'needed.service' is inactive"),
    (["HealthCommand=/bin/check"], {}, "HealthCommand= has not ended"),
    (["HealthCommand=/bin/check"], {COMMAND: "activating"}, "HealthCommand= has not ended"),
    (["HealthCommand=/bin/check"], {COMMAND: "inactive"}, "'ipe-health.service' was stopped"),
    ([], {TARGET: "job"}, "'ipe-health.target' was not reached in time"),
    ([], {TARGET: "inactive"}, "'ipe-health.target' was not reached: a unit that it requires has failed")])
def test_at_the_end_something_is_not_well(machine, settings, states, words):
    configure(machine, *settings)
    machine.services.states = states
    machine.services.members = ["check.service"] if TARGET in states else []
    begin(machine, seconds=0)
    wait_for_end(machine, words)


def hold(method, held):
    """Keeps calls of that method, so that nobody answers them."""
    return lambda name, invocation: name == method and (held.append(invocation) or True)


@pytest.mark.parametrize("unit", [COMMAND, TARGET])
def test_what_an_earlier_trial_left_behind_means_nothing(machine, unit):
    """polkit is asked before the service manager starts anything: until then a list has the old state."""
    configure(machine, "HealthCommand=/bin/check")
    machine.services.members = ["check.service"]
    machine.services.states = {unit: "failed"}
    held = []
    machine.services.answer = hold("RestartUnit", held)
    begin(machine)
    wait_for_calls(machine, "ListUnitsFiltered", 3)
    assert len(held) == 2 and state(machine) == "trial" and not calls(machine, "ListUnitsByNames")


def test_a_failed_unit_that_is_about_to_start_has_not_failed_again(machine):
    configure(machine, "HealthCommand=/bin/check")
    machine.services.states = {COMMAND: "job"}
    begin(machine)
    wait_for_calls(machine, "ListUnitsByNames", 2)
    assert state(machine) == "trial" and checks(machine)["health-command"] == ("pending", "")


@pytest.mark.parametrize("name, check", [(COMMAND, "health-command"), (TARGET, "health-target")])
def test_a_unit_that_cannot_be_started_ends_the_trial(machine, name, check):
    configure(machine, *["HealthCommand=/bin/check"] * (name == COMMAND))
    machine.services.members = ["check.service"] * (name == TARGET)
    machine.services.answer = lambda method, invocation: method == "RestartUnit" and (
        invocation.return_dbus_error("org.freedesktop.DBus.Error.AccessDenied", "no such right") or True)
    begin(machine)
    wait_for_end(machine, f"'{name}' cannot be started: no such right")
    assert checks(machine)[check][0] == "failed"


def test_a_target_without_units_is_not_started(machine):
    begin(machine)
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert checks(machine)["health-target"] == ("none", "") and not calls(machine, "RestartUnit")


def test_a_target_of_which_nothing_is_known_is_asked_for_again(machine):
    machine.services.members = ["check.service"]
    machine.services.answer = lambda method, invocation: method == "GetAll" and (
        invocation.return_dbus_error("org.freedesktop.DBus.Error.NoReply", "later") or True)
    begin(machine, seconds=0)
    wait_for_calls(machine, "GetAll", 2)
    assert state(machine) == "trial" and not machine.kernel.read("confirm").startswith(b"1")
    machine.services.states = {TARGET: "active"}
    machine.services.answer = lambda method, invocation: False
    wait_for_confirmation(machine)
    assert checks(machine)["health-target"] == ("passed", "")


def health_program(machine, *settings):
    configure(machine, *settings)
    return machine.run(BUILD / "src/ipectld/ipe-health", check=False)


@pytest.mark.parametrize("settings, status", [
    (["HealthCommand=/usr/bin/test -e /etc/ipe/ipectld.conf"], 0), (["HealthCommand=/usr/bin/false"], 1),
    (["HealthCommand=/nonexistent"], 69), ([], 78), (["HealthCommand=false"], 78)])
def test_the_service_runs_the_command_of_the_configuration(machine, settings, status):
    """And nothing that its caller says."""
    assert health_program(machine, *settings).returncode == status


OF_USERS = ["user@1000.service", "user-runtime-dir@1000.service", "session-3.scope", "run-u12.service", "run-p12-i345.service",
            "run-r0123456789abcdef0123456789abcdef.service", "run-user-1000-doc.mount", "systemd-coredump@4-1234-1000.service", "polkit-agent-helper@3-1234-1000.service",
            "agent@12-1234_567890-1000.service", "sshd@0-192.0.2.1:22-192.0.2.2:50000.service",
            "sshd@3-[fe80::1]:22-[fe80::2]:50000.service", "getty@tty1.service", "serial-getty@ttyS0.service"]


def test_units_of_users_end_no_trial(machine):
    """Anybody kills his own service manager, and makes it fail."""
    machine.services.failed = OF_USERS
    begin(machine, seconds=0)
    wait_for_confirmation(machine)


@pytest.mark.parametrize("name", ["user.service", "users@1.service", "runner.service", "run-reports.service", "run-users.service", "a.scope.service", "run-lock.mount", "getty.service",
                                  "systemd-coredump.service", "x-user@1000.service", "backup@2026-11-30.service", "app@1-eu-west.service", "app@1-2.service",
                                  "app@1234-1000-.service"])
def test_a_unit_that_is_called_alike_counts(machine, name):
    machine.services.failed = [name]
    begin(machine)
    wait_for_end(machine, f"'{name}' has failed")


def test_units_of_the_list_are_ignored(machine):
    configure(machine, "HealthIgnoreUnits=backup*.service cron?.service exact.service")
    machine.services.failed = ["backup-home.service", "cron1.service", "exact.service"]
    begin(machine)
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial"
    machine.services.failed.append("not-exact.service")
    wait_for_end(machine, "'not-exact.service' has failed")


def test_a_unit_that_has_to_be_active_is_not_ignored(machine):
    configure(machine, "HealthIgnoreUnits=*", "HealthUnits=getty@tty1.service")
    machine.services.states = {"getty@tty1.service": "failed"}
    begin(machine)
    wait_for_end(machine, "'getty@tty1.service' is failed")


def watch_restarts(machine, **options):
    begin(machine, **options)
    wait_for_calls(machine, "Subscribe")


def test_a_service_that_fails_and_is_started_again_and_again_ends_the_trial(machine):
    """Restart=always, or StartLimitIntervalSec=0: it is never failed."""
    watch_restarts(machine)
    for restarts in (7, 8, 9):
        assert state(machine) == "trial"
        machine.services.change("loop.service", "exit-code", restarts)
        machine.services.change("loop.service", "success", restarts + 1)
    wait_for_end(machine, "'loop.service' fails again and again")


@pytest.mark.parametrize("name, changes, options", [
    ("once.service", [("exit-code", 0), ("success", 1), ("exit-code", 1)], {}),
    ("well.service", [("success", 1), ("success", 2), ("success", 3), ("success", 4)], {}),
    ("user@1000.service", [("signal", 0), ("signal", 1), ("signal", 2)], {}),
    ("getty@tty1.service", [("exit-code", 0), ("exit-code", 1), ("exit-code", 2)], {}),
    ("old.service", [("signal", 0), ("signal", 1), ("signal", 2)], {"failed_units": ["old.service"]}),
    ("old.service", [("signal", 0), ("signal", 1), ("signal", 2)], {"restarting_units": ["old.service"]}),
    ("started-by-hand.service", [("signal", 8), ("signal", 9), ("signal", 0), ("signal", 1)], {})])
def test_a_service_that_restarts_is_no_reason(machine, name, changes, options):
    watch_restarts(machine, **options)
    for result, restarts in changes:
        machine.services.change(name, result, restarts)
    wait_for_calls(machine, "ListUnitsFiltered", len(calls(machine, "ListUnitsFiltered")) + 2)
    assert state(machine) == "trial" and checks(machine)["units"] == ("pending", "")


def test_a_signal_of_a_user_is_no_reason(machine):
    """The bus delivers it, to an address that anybody finds."""
    watch_restarts(machine)
    bus = machine.connection
    names, = bus.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames", name="org.freedesktop.DBus")
    for restarts in range(4):
        for name in names:
            if name.startswith(":"):
                bus.bus.emit_signal(name, *change_signal("loop.service", "exit-code", restarts))
    wait_for_calls(machine, "ListUnitsFiltered", len(calls(machine, "ListUnitsFiltered")) + 2)
    assert state(machine) == "trial" and checks(machine)["units"] == ("pending", "")


def test_nonsense_about_a_service_is_no_reason(machine):
    watch_restarts(machine)
    for body in (GLib.Variant("(s)", ("x",)), GLib.Variant("(sa{sv}as)", ("org.freedesktop.systemd1.Service", {}, [])),
                 GLib.Variant("(sa{sv}as)", ("org.freedesktop.systemd1.Service", {"Result": GLib.Variant("u", 1)}, []))):
        path, interface, member, _ = change_signal("x.service", "", 0)
        machine.services.within(lambda body=body: machine.services.bus.emit_signal(None, path, interface, member, body))
    for path in ("/", "/org/freedesktop/systemd1/unit/a/b"):
        _, interface, member, body = change_signal("x.service", "signal", 5)
        machine.services.within(lambda path=path: machine.services.bus.emit_signal(None, path, interface, member, body))
    wait_for_calls(machine, "ListUnitsFiltered", len(calls(machine, "ListUnitsFiltered")) + 2)
    assert state(machine) == "trial"


def test_a_service_that_has_failed_and_waits_at_the_end_ends_the_trial(machine):
    machine.services.restart("slow.service", "exit-code", 0)
    begin(machine, seconds=0)
    wait_for_end(machine, "'slow.service' has failed, and waits to be started again")


@pytest.mark.parametrize("name, result, options", [
    ("periodic.service", "success", {}), ("user@1000.service", "signal", {}), ("slow.service", "signal", {"restarting_units": ["slow.service"]})])
def test_a_service_that_waits_at_the_end_for_no_fault_of_the_policy_is_no_reason(machine, name, result, options):
    machine.services.restart(name, result, 0)
    begin(machine, seconds=0, **options)
    wait_for_confirmation(machine)


def test_a_service_that_vanishes_while_it_is_asked_for_is_no_reason(machine):
    def vanish(method, invocation):
        if method != "GetAll" or machine.services.calls[-1][1] == (TARGET,):
            return False
        machine.services.restarting.clear()
        invocation.return_dbus_error("org.freedesktop.DBus.Error.UnknownObject", "gone")
        return True
    machine.services.restart("slow.service", "exit-code", 0)
    machine.services.answer = vanish
    begin(machine, seconds=0)
    wait_for_confirmation(machine)
    assert ("GetAll", ("slow.service",)) in machine.services.calls


def test_a_trial_that_is_not_enforced_does_not_confirm_itself(machine):
    """Nothing was denied, so all was well."""
    machine.kernel.put("enforce", "0")
    begin(machine, seconds=0)
    wait_for_end(machine, "the kernel did not enforce all the time")
    assert checks(machine)["enforcement"][0] == "failed" and not machine.kernel.read("confirm").startswith(b"1")


def wait_for_doubt(machine):
    machine.wait_for(lambda: checks(machine)["enforcement"][1], "the doubt")
    result, detail = checks(machine)["enforcement"]
    assert result == "pending" and "'ipectl confirm'" in detail and state(machine) == "trial"
    assert [entry for entry in machine.entries(PRIORITY="4") if detail in entry["MESSAGE"]]


def test_enforcement_that_was_off_for_a_while_is_remembered(machine):
    """By the next daemon, too."""
    begin(machine)
    machine.kernel.put("enforce", "0")
    wait_for_doubt(machine)
    machine.kernel.put("enforce", "1")
    machine.wait_for(lambda: json.loads((machine.state / "state.json").read_text())["trial"].get("unenforced"), "the record")
    machine.stop_daemon()
    change(machine, lambda state: state["trial"].update(deadline_usec=int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6)))
    machine.start_daemon()
    wait_for_end(machine, "the kernel did not enforce all the time")


def test_enforcement_that_was_off_for_a_moment_counts(machine):
    begin(machine)
    for value in (False, True):
        machine.call("SetEnforce", GLib.Variant("(b)", (value,)))
    assert machine.properties()["Enforce"] and "did not enforce" in checks(machine)["enforcement"][1]


def test_a_trial_that_is_not_enforced_is_confirmed_by_hand(machine):
    machine.kernel.put("enforce", "0")
    begin(machine)
    wait_for_doubt(machine)
    # The files of this kernel do not act, so what is answered then is no matter.
    machine.run(IPECTL, "confirm", POLICY, check=False)
    assert machine.kernel.read("confirm").startswith(b"1")


def test_a_denial_that_is_not_enforced_does_not_end_a_trial(machine):
    configure(machine, f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, enforcing=0)
    wait_for_doubt(machine)
    assert checks(machine)["denials"] == ("pending", "")
    tell_denial(machine, seq=2, enforcing=1)
    wait_for_end(machine, f"'{VITAL}' was denied, which is essential")


def test_a_switch_that_cannot_be_read_is_no_reason_to_confirm(machine):
    begin(machine)
    machine.kernel.put("enforce", "maybe")
    wait_for_calls(machine, "ListUnitsFiltered", len(calls(machine, "ListUnitsFiltered")) + 2)
    assert state(machine) == "trial"
    machine.stop_daemon()
    change(machine, lambda state: state["trial"].update(deadline_usec=int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6)))
    machine.start_daemon()
    machine.wait_for(lambda: state(machine) == "rolled-back", "the end of the trial")
    assert [entry for entry in machine.entries() if "it is not known whether the kernel enforces" in entry["MESSAGE"]]


def activation(machine):
    return Call(machine, "Activate", GLib.Variant("(s)", (POLICY,)))


def test_nobody_waits_for_a_service_manager_that_is_silent(machine):
    held = []
    machine.services.answer = hold("ListUnitsFiltered", held)
    machine.start_daemon()
    call = activation(machine)
    machine.wait_for(lambda: held, "the question")
    assert state(machine) == "staged" and call.result is None
    held[0].return_value(machine.services.units({"old.service": "failed", "slow.service": "auto-restart"}))
    assert call.answer() == "done"
    trial = json.loads((machine.state / "state.json").read_text())["trial"]
    assert trial["failed_units"] == ["old.service"] and trial["restarting_units"] == ["slow.service"]


def test_a_service_manager_that_stays_silent_lets_no_trial_begin(machine):
    machine.services.answer = hold("ListUnitsFiltered", [])
    machine.start_daemon()
    assert activation(machine).answer() == "org.ipe.Error.NotSupported"
    assert state(machine) == "staged" and machine.kernel.read(f"policies/{POLICY}/trial") == b"0"


def test_a_version_that_is_discarded_while_the_service_manager_is_asked_is_not_activated(machine):
    held = []
    machine.services.answer = hold("ListUnitsFiltered", held)
    machine.start_daemon()
    call = activation(machine)
    machine.wait_for(lambda: held, "the question")
    machine.ipectl("discard", POLICY, "2.0.0")
    held[0].return_value(machine.services.units({}))
    assert call.answer() == "org.ipe.Error.NoSuchPolicy"
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"0"


def test_a_caller_that_leaves_while_the_service_manager_is_asked_activates_nothing(machine):
    held = []
    machine.services.answer = hold("ListUnitsFiltered", held)
    machine.start_daemon()
    caller = machine.start([IPECTL, "activate", POLICY])
    machine.wait_for(lambda: held, "the question")
    caller.stop(9)

    def begin_another():
        call = activation(machine)
        machine.wait_for(lambda: call.result or len(held) > 1, "an answer, or a question")
        return len(held) > 1
    machine.wait_for(begin_another, "another activation that is not one too many")
    held[0].return_value(machine.services.units({}))
    assert state(machine) == "staged"


def test_a_trial_that_is_confirmed_by_hand_is_not_watched(machine):
    machine.services.failed = ["new.service"]
    begin(machine, confirm="manual")
    assert state(machine) == "trial" and machine.properties()["TrialConfirm"] == "manual"
    assert not [method for method, _ in machine.services.calls if method.startswith("List")]


@pytest.mark.parametrize("refusal", ["error", "nobody"])
def test_without_a_service_manager_there_is_no_automatic_trial(machine, refusal):
    machine.services.answer = error("org.freedesktop.DBus.Error.Failed")
    if refusal == "nobody":
        machine.services.close()
    machine.start_daemon()
    with pytest.raises(BusError) as caught:
        machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    assert caught.value.name == "org.ipe.Error.NotSupported" and "confirm=manual" in caught.value.message
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"0"
    assert state(machine) == "staged" and "trial" not in json.loads((machine.state / "state.json").read_text())


def test_what_had_failed_before_is_remembered(machine):
    machine.services.failed = ["old.service", "older.service"]
    machine.start_daemon()
    machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    trial = json.loads((machine.state / "state.json").read_text())["trial"]
    assert trial["failed_units"] == ["old.service", "older.service"] and trial["confirm"] == "auto"
    # Thirty seconds more than the daemon waits.
    assert machine.kernel.read(f"policies/{POLICY}/trial").strip() == b"150"
