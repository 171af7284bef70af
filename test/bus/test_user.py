# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectld runs as a user of its own without any capability: the limits of that user, the files that ipe-open
opens for it, and polkit's part. Root owns the files of the kernel, which are plain ones, see
kernel_files.py; test_ipe_load.py shows how the boot treats the store."""

import array
import os
import socket
import struct
from pathlib import Path

import pytest
from gi.repository import GLib

from connection import BusError
from machine import NOBODY, USER, signed
from programs import TOP

EACCES, EINVAL, ELOOP, EBADF = 13, 22, 40, 9
MANAGE_UNITS = "org.freedesktop.systemd1.manage-units"
SYSTEMD_ACTIONS = "/usr/share/polkit-1/actions/org.freedesktop.systemd1.policy"


@pytest.fixture
def machine(bare, kernel_files):
    bare.kernel.put_policy("corp-base", ("1.0.0", signed()), active=True)
    bare.start_daemon()
    return bare


def enforce(machine, value):
    machine.call("SetEnforce", GLib.Variant("(b)", (value,)))
    return machine.kernel.read("enforce")


def test_the_daemon_has_no_power_at_all(machine):
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{machine.daemon.pid}/status").read_text().splitlines())
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(machine.uid)} and status["Groups"].strip() == ""
    capabilities = [int(value, 16) for key, value in status.items() if key.startswith("Cap")]
    assert len(capabilities) == 5 and not any(capabilities)
    assert status["NoNewPrivs"] == "1"


def test_what_only_root_may_open_is_opened_for_it(machine):
    assert machine.properties()["Enforce"] and machine.properties()["ActivePolicy"] == ("corp-base", "1.0.0")
    assert enforce(machine, False) == b"0"
    assert machine.kernel.path("enforce").stat().st_uid == 0 and machine.kernel.path("enforce").stat().st_mode & 0o777 == 0o600
    assert not machine.properties()["Enforce"]


def test_what_opens_files_is_started_again(machine):
    assert enforce(machine, False) == b"0"
    machine.opener.kill()
    assert enforce(machine, True) == b"1"


def test_where_nothing_opens_files_the_daemon_says_so_and_goes_on(machine):
    machine.opener.refuse = True
    machine.opener.kill()
    options = {"trial-sec": GLib.Variant("t", 60), "confirm": GLib.Variant("s", "manual"), "force": GLib.Variant("b", True)}
    for call in (lambda: enforce(machine, False),
                 lambda: machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", ("corp-base", options)))):
        with pytest.raises(BusError) as error:
            call()
        assert error.value.name == "org.ipe.Error.NotSupported" and "ipe-open" in error.value.message
    assert machine.kernel.read("enforce") == b"1" and "failed" not in {row[0] for row in machine.list().values()}
    for _ in range(3):
        machine.list()
    said = [entry for entry in machine.entries(PRIORITY="4") if "Cannot find out what the kernel has loaded" in entry["MESSAGE"]]
    assert len(said) <= 2, "once an outage for each look"
    machine.stage(signed(version="2.0.0"))
    machine.opener.refuse = False

    def is_back():
        try:
            return enforce(machine, False) == b"0"
        except BusError:
            return False
    machine.wait_for(is_back, "ipe-open")


CONNECT = """
import socket, sys
socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[1])).connect(sys.argv[2])
"""


@pytest.mark.parametrize("kind, name", [("SOCK_STREAM", "inspect"), ("SOCK_SEQPACKET", "open")])
def test_others_cannot_ask_what_serves_the_daemon(machine, kind, name):
    result = machine.run("python3", "-c", CONNECT, kind, f"/run/ipe/{name}", uid=NOBODY, check=False)
    assert result.returncode != 0 and "PermissionError" in result.stderr
    machine.run("python3", "-c", CONNECT, kind, f"/run/ipe/{name}", uid=machine.uid)


class Client:
    """An attacker who has become the user of the daemon."""

    def __init__(self, machine):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.socket.connect(str(machine.run_directory / "ipe/open"))

    def ask(self, request, *directories):
        """Returns an errno, or a descriptor as an open file."""
        fds = [os.open(directory, os.O_RDONLY) for directory in directories]
        self.socket.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
        for fd in fds:
            os.close(fd)
        data, ancillary, _, _ = self.socket.recvmsg(4, socket.CMSG_SPACE(4))
        code, = struct.unpack("i", data)
        if code:
            assert not ancillary
            return -code
        (_, _, fd), = ancillary
        return os.fdopen(struct.unpack("i", fd)[0], "rb" if request.startswith(b"r") else "wb")

    def close(self):
        self.socket.close()


@pytest.fixture
def client(machine):
    client = Client(machine)
    yield client
    client.close()


def test_only_files_of_the_kernel_are_opened(machine, client):
    root = machine.kernel.directory
    (root / "link").symlink_to("/etc/shadow")
    with client.ask(b"r active", root / "policies/corp-base") as file:
        assert file.read() == b"1"
    for request, directory, error in [(b"r shadow", "/etc", EACCES), (b"w state.json", machine.state, EACCES),
                                      (b"r shadow", "/proc/self/cwd", EACCES), (b"w ../kernel/enforce", root, EINVAL),
                                      (b"r /etc/shadow", root, EINVAL), (b"w ..", root, EINVAL), (b"w link", root, ELOOP)]:
        assert client.ask(request, directory) == error, (request, directory)


def test_nonsense_is_answered_and_costs_nothing(machine, client):
    root = machine.kernel.directory
    for request in (b"x", b"r", b"r ", b"x enforce", b"r enforce\0", b"r " + b"a" * 300, b"\xff" * 70000):
        assert client.ask(request, root) == EINVAL
    assert client.ask(b"r enforce") == client.ask(b"r enforce", root, root) == client.ask(b"r enforce", *[root] * 30) == EBADF
    process = machine.opener.processes[-1]
    for _ in range(2000):
        assert client.ask(b"r enforce", root, root) == EBADF
    assert process.poll() is None
    with client.ask(b"r enforce", root) as file:
        assert file.read() == b"1"


def test_it_ends_with_the_connection(machine, client):
    assert client.ask(b"r") == EBADF
    process = machine.opener.processes[-1]
    client.close()
    assert process.wait(timeout=60) == 0


def test_files_of_root_alone_are_named(bare):
    bare.drop(signed())
    (bare.etc / "policy.d/corp-base.p7b").chmod(0o600)
    bare.configure("TrialSec=5")
    (bare.etc / "ipectld.conf").chmod(0o600)
    (bare.etc / "trust.d/other.pem").write_text("")
    (bare.etc / "trust.d/other.pem").chmod(0o600)
    bare.start_daemon()
    assert bare.list() == {}
    for name in ("policy.d/corp-base.p7b", "trust.d/other.pem", "ipectld.conf"):
        said = [entry["MESSAGE"] for entry in bare.entries() if f"/etc/ipe/{name}" in entry["MESSAGE"] and "Permission denied" in entry["MESSAGE"]]
        assert said and (name == "ipectld.conf" or "chmod a+r" in said[0])


# polkit


def is_allowed(machine, pid, uid, action, unit, verb):
    start = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    result = machine.run("pkcheck", "--action-id", action, "--process", f"{pid},{start},{uid}", "--detail", "unit", unit,
                         "--detail", "verb", verb, check=False)
    assert result.returncode in (0, 1, 2, 3), result.stderr
    return result.returncode == 0


@pytest.mark.skipif(not Path(SYSTEMD_ACTIONS).exists(), reason="systemd has no actions here")
def test_the_daemon_may_start_its_own_units_and_no_others(machine):
    machine.binds += ["--ro-bind", SYSTEMD_ACTIONS, SYSTEMD_ACTIONS]
    (machine.rules / "50-ipe.rules").write_bytes((TOP / "dbus/ipe.rules").read_bytes())
    machine.start_polkit()
    pid = machine.daemon.pid
    for unit, verb in [("ipe-health.service", "start"), ("ipe-health.service", "restart"), ("ipe-health.target", "stop"),
                       ("ipe-policy.target", "start")]:
        assert is_allowed(machine, pid, machine.uid, MANAGE_UNITS, unit, verb)
    for unit, verb in [("ipe-health.service", "set-property"), ("ipe-policy.target", "stop"), ("ipectld.service", "start"),
                       ("ipe-health@x.service", "start"), ("emergency.target", "start"), ("hasOwnProperty", "start")]:
        assert not is_allowed(machine, pid, machine.uid, MANAGE_UNITS, unit, verb)
    assert not is_allowed(machine, pid, machine.uid, "org.freedesktop.systemd1.manage-unit-files", "ipe-health.service", "start")
    other = machine.start(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sleep", "600"])
    machine.wait_for(lambda: Path(f"/proc/{other.pid}").stat().st_uid == NOBODY, "the other user")
    assert not is_allowed(machine, other.pid, NOBODY, MANAGE_UNITS, "ipe-health.service", "start")


def test_user_is_the_one_that_is_made():
    assert f"\nu {USER} - " in (TOP / "units/ipe.sysusers.conf").read_text()


def test_a_trial_that_ends_during_an_outage_is_ended_after_it(bare, kernel_files):
    """The kernel has no trials: only the daemon ends this one."""
    for name in ("features", "confirm"):
        (bare.kernel.directory / name).unlink()
    bare.kernel.put_policy("corp-base", ("1.0.0", signed()))
    bare.start_daemon()
    bare.stage(signed())
    options = {"trial-sec": GLib.Variant("t", 2), "confirm": GLib.Variant("s", "manual"), "force": GLib.Variant("b", True)}
    bare.call("ActivateWithOptions", GLib.Variant("(sa{sv})", ("corp-base", options)))
    bare.opener.refuse = True
    bare.opener.kill()
    bare.wait_for(lambda: any("retrying later" in entry["MESSAGE"] for entry in bare.entries(PRIORITY="3")), "the end")
    with pytest.raises(BusError) as error:
        bare.call("Confirm", GLib.Variant("(s)", ("corp-base",)))
    assert error.value.name == "org.ipe.Error.NotSupported" and "ipe-open" in error.value.message
    assert bare.list()["corp-base", "1.0.0"][0] == "trial"
    bare.opener.refuse = False
    bare.wait_for(lambda: bare.list()["corp-base", "1.0.0"][0] != "trial", "the end of the trial")
    assert bare.list()["corp-base", "1.0.0"][0] == "rolled-back"
