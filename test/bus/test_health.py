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
from service_manager import ServiceManager

from machine import BusError, signed

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
    yield bare
    bare.services.close()


def change(machine, function):
    state = json.loads((machine.state / "state.json").read_text())
    function(state)
    machine.write_state(state)


def configure(machine, *settings):
    (machine.etc / "ipectld.conf").write_text("\n".join(["[Manager]", *settings, ""]))


def begin(machine, seconds=1000, failed_units=(), confirm="auto"):
    """Starts a daemon in the middle of a trial of 2.0.0, which ends in so many seconds."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot_id = file.read().strip().replace("-", "")
    trial = {"boot_id": boot_id, "deadline_usec": int((time.clock_gettime(time.CLOCK_BOOTTIME) + seconds) * 1e6), "confirm": confirm,
             "failed_units": list(failed_units)}

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
    wait_for_calls(machine, "StartTransientUnit")


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
    machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    machine.kernel.put_trial(POLICY, "2.0.0")
    wait_for_calls(machine, "ListUnitsByNames", 2)
    after = bus_sockets(machine)
    own, = after.keys() - before.keys()
    after[own].shutdown(socket.SHUT_RDWR)
    for peer in (*before.values(), *after.values()):
        peer.close()
    wait_for_calls(machine, "RefUnit")
    machine.services.states["command"] = "active"
    machine.wait_for(lambda: checks(machine)["health-command"][0] == "passed", "the result")
    assert state(machine) == "trial" and checks(machine)["units"] == ("pending", "")
    assert [method for method, _ in machine.services.calls].count("StartTransientUnit") == 1


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
    assert machine.kernel.read("confirm").startswith(POLICY.encode())


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
    assert machine.kernel.read("confirm").startswith(POLICY.encode())


def test_units_that_are_not_needed_any_more_are_not_waited_for(machine):
    """The configuration changes while their states are still unknown."""
    configure(machine, "HealthUnits=needed.service")
    machine.services.answer = lambda method, invocation: method == "ListUnitsByNames" and error(
        "org.freedesktop.DBus.Error.NoReply")(method, invocation)
    begin(machine, seconds=0)
    wait_for_no_answer(machine, "no")
    configure(machine)
    machine.ipectl("reload")
    machine.wait_for(lambda: machine.kernel.read("confirm").startswith(b"1"), "the confirmation")


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
    assert result == "pending" and f"'{VITAL}' was denied" in detail and "'ipectl rollback'" in detail
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


def test_at_the_end_all_has_to_be_well(machine):
    configure(machine, "HealthUnits=needed.service", "HealthCommand=/bin/check --all")
    machine.services.states = {"needed.service": "active", "command": "active"}
    begin(machine, seconds=0)
    machine.wait_for(lambda: machine.kernel.read("confirm").startswith(b"1"), "the confirmation")
    assert [result for result, _ in checks(machine).values()] == ["passed"] * 4
    name, mode, properties, _ = next(arguments for method, arguments in machine.services.calls if method == "StartTransientUnit")
    assert name == f"ipe-health-{TRANSACTION}.service" and mode == "fail"
    assert dict(properties)["ExecStart"] == [("/bin/check", ["/bin/check", "--all"], False)]


@pytest.mark.parametrize("settings, states, words", [
    (["HealthUnits=needed.service"], {"needed.service": "deactivating"}, "'needed.service' is deactivating"),
    (["HealthUnits=needed.service"], {}, "'needed.service' is inactive"),
    (["HealthUnits=a.service needed.service"], {"a.service": "active"}, "'needed.service' is inactive"),
    (["HealthCommand=/bin/check"], {}, "HealthCommand= has not ended")])
def test_at_the_end_something_is_not_well(machine, settings, states, words):
    configure(machine, *settings)
    machine.services.states = states
    begin(machine, seconds=0)
    wait_for_end(machine, words)


def test_a_command_that_runs_already_is_not_started_again(machine):
    configure(machine, "HealthCommand=/bin/check")
    machine.services.answer = lambda method, invocation: method == "StartTransientUnit" and (
        invocation.return_dbus_error("org.freedesktop.systemd1.UnitExists", "there") or True)
    begin(machine)
    wait_for_calls(machine, "RefUnit")
    assert state(machine) == "trial" and checks(machine)["health-command"] == ("pending", "")


def test_a_command_that_cannot_be_started_ends_the_trial(machine):
    configure(machine, "HealthCommand=/bin/check")
    machine.services.answer = lambda method, invocation: method == "StartTransientUnit" and (
        invocation.return_dbus_error("org.freedesktop.DBus.Error.InvalidArgs", "no such thing") or True)
    begin(machine)
    wait_for_end(machine, "HealthCommand= cannot be started: no such thing")
    wait_for_calls(machine, "UnrefUnit")


def test_a_command_that_cannot_be_sent_ends_the_trial(machine):
    """The bus carries no such bytes. Nobody waits for an answer until the end of the trial."""
    (machine.etc / "ipectld.conf").write_bytes(b"[Manager]\nHealthCommand=/bin/check \xff\n")
    begin(machine)
    wait_for_end(machine, "HealthCommand= cannot be started: Invalid argument")


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
