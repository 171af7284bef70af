# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectl watch shows the events of the real ipectld. Plain files stand in for the kernel, see kernel_files.py."""

import fcntl
import json
import os
import re
import select
import signal
import struct
import termios
import time

import pytest
from gi.repository import GLib

from connection import NAME, PATH
from kernel_files import Gate
from machine import signed
from manual_trials import POLICY, begin_trial, put_confirmed
from other_daemon import OtherDaemon
from programs import IPECTL


@pytest.fixture
def machine(manual):
    return manual


class Watch:
    """A running 'ipectl watch', and the lines that it has printed."""

    def __init__(self, machine, *words, terminal=False):
        self.output, theirs = os.openpty() if terminal else os.pipe()
        if terminal:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        self.process = machine.start([IPECTL, "watch", *words], {"TERM": "xterm"}, stdout=theirs)
        os.close(theirs)
        self.text = ""
        self.machine = machine

    def read(self):
        while select.select([self.output], [], [], 0)[0]:
            try:
                data = os.read(self.output, 65536)
            except OSError:  # a terminal that nobody holds any more
                data = b""
            if not data:
                return
            self.text += data.decode()

    def wait_for(self, pattern):
        """Waits until the output has this text."""
        def found():
            self.read()
            assert re.search(pattern, self.text, re.M) or not self.process.ended(), self.text
            return re.search(pattern, self.text, re.M)
        return self.machine.wait_for(found, f"{pattern} in {self.text}")

    def events(self):
        self.read()
        return [json.loads(line) for line in self.text.splitlines()]

    def wait_event(self, kind, condition=lambda event: True):
        def found():
            return [event for event in self.events() if event["event"] == kind and condition(event)]
        return self.machine.wait_for(found, f"{kind} in {self.text}")[-1]

    def stop(self, number=signal.SIGINT):
        status = self.process.stop(number)
        self.read()
        return status

    def close(self):
        os.close(self.output)


@pytest.fixture
def watch(bare):
    watches = []

    def start(*words, **options):
        watches.append(Watch(bare, *words, **options))
        return watches[-1]
    yield start
    for watch in watches:
        watch.process.stop(signal.SIGKILL)
        watch.close()


@pytest.fixture
def subscriptions(bare):
    """Waits until so many have called Subscribe() since the fixture began and were answered: ipectl prints its first lines before that."""
    path = bare.directory / "monitor"

    def answered():
        lines = [line.split("\t") for line in path.read_text().splitlines() if line.startswith(("mc\t", "mr\t"))]
        calls = {(words[3], words[2]) for words in lines if words[0] == "mc" and words[-1] == "Subscribe"}
        return calls & {(words[4], words[5]) for words in lines if words[0] == "mr"}

    with open(path, "wb") as output:
        bare.start(["dbus-monitor", "--profile", "--address", "unix:path=/run/dbus/system_bus_socket"], stdout=output)
    bare.wait_for(lambda: "NameLost" in path.read_text(), "the monitor")
    return lambda count: bare.wait_for(lambda: len(answered()) >= count, "subscriptions")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_how_things_stand_and_ends_well(machine, watch, number):
    running = watch()
    running.wait_for(r"^[0-9:]{8} ipectld [0-9.]+ runs; the kernel's ABI is 'extended'\.$")
    running.wait_for(r"^[0-9:]{8} Enforcement is on\.$")
    running.wait_for(r"^[0-9:]{8} Active policy: 'corp-base' 1\.0\.0\.$")
    assert running.stop(number) == 0


def test_signals(machine, watch, subscriptions):
    running, plain = watch("--json"), watch()
    status = running.wait_event("status")
    assert status["properties"]["confirmed_policy"] == {"name": POLICY, "version": "1.0.0"}
    subscriptions(2)
    machine.stage(signed("other", "1.0.0"))
    event = running.wait_event("policy_staged")
    assert event["name"] == "other" and event["version"] == "1.0.0" and len(event["digest"]) == 64
    assert event["time_usec"] > status["time_usec"] > 0
    plain.wait_for("Staged 'other' 1.0.0.$")
    machine.drop(b"no policy", "bad.p7b")
    event = running.wait_event("policy_rejected")
    assert event["error"] == "org.ipe.Error.SignatureInvalid" and event["source"].endswith("bad.p7b")
    plain.wait_for("Refused the policy from '/etc/ipe/policy.d/bad.p7b': ")
    machine.call("SetEnforce", GLib.Variant("(b)", (False,)))
    event = running.wait_event("properties_changed", lambda event: "enforce" in event["properties"])
    assert event["properties"] == {"enforce": False}
    plain.wait_for("Enforcement is off.$")


@pytest.fixture
def kernel(bare, kernel_files):
    """The kernel's files, for a daemon that reads denials."""
    bare.start_daemon()
    return kernel_files


def test_what_the_kernel_denies(kernel, watch, subscriptions):
    running, plain = watch("--json"), watch()
    subscriptions(2)
    kernel.tell(shadow=0, enforcing=1, ipe_hook="BPRM_CHECK", dev='"vda"', ino=77, path=b"/bin/\033[31m".hex().upper())
    event = running.wait_event("denied")
    assert (event["name"], event["version"], event["operation"]) == (POLICY, "2.0.0", "EXECUTE")
    assert event["details"]["pid"] == 12 and event["details"]["count"] == 1 and event["details"]["enforced"] is True
    plain.wait_for(r"Denied EXECUTE of '/bin/.*' for sh\[12\]: 'corp-base' 2\.0\.0, rule 'op=EXECUTE action=DENY'\.$")
    assert "\033" not in plain.text


def test_a_trial(machine, watch):
    begin_trial(machine, 80000)
    running, plain, terminal = watch("--json"), watch(), watch(terminal=True)
    properties = running.wait_event("status")["properties"]
    assert properties["trial_policy"] == {"name": POLICY, "version": "2.0.0"}
    event = running.wait_event("countdown")
    assert event["name"] == POLICY and event["version"] == "2.0.0"
    assert 79000 < event["seconds_left"] <= 80000
    plain.wait_for(r"The trial of 'corp-base' 2\.0\.0 ends in 7\d{4} seconds\.$|in 80000 seconds\.$")
    terminal.wait_for(r"'corp-base' 2\.0\.0 on trial: \d{5} s left")
    first = re.findall(r"(\d{5}) s left", terminal.text)[-1]
    terminal.wait_for(f"(?!{first})\\d{{5}} s left")
    with Gate(machine.kernel.path("confirm"), lambda: put_confirmed(machine), lambda text: text.startswith(b"1")):
        machine.ipectl("confirm", POLICY)
    assert running.wait_event("policy_confirmed")["version"] == "2.0.0"
    running.wait_event("properties_changed", lambda event: "trial_policy" in event["properties"])
    plain.wait_for("On trial: none.$")
    assert terminal.stop() == 0
    assert terminal.text.count("\033[K") >= 2
    assert all(len(line) < 60 for line in re.split(r"\r\033\[K|\r\n", terminal.text)
               if "s left" in line), "a line that counts down has to be erased as one"


def test_a_daemon_that_restarts(machine, watch):
    running, plain = watch("--json"), watch()
    running.wait_event("status")
    plain.wait_for("runs;")
    machine.kill_daemon()
    running.wait_event("daemon_stopped")
    plain.wait_for("ipectld has ended.$")
    machine.kernel.put("enforce", "0")
    machine.start_daemon()
    running.wait_event("daemon_started")
    event = running.wait_event("properties_changed", lambda event: "enforce" in event["properties"])
    assert event["properties"]["enforce"] is False
    machine.stage(signed("other", "1.0.0"))
    assert running.wait_event("policy_staged")["name"] == "other"
    plain.wait_for("Staged 'other' 1.0.0.$")
    assert running.stop() == 0 and plain.stop() == 0


def test_signals_of_others_are_not_shown(machine, watch):
    running = watch("--json")
    running.wait_event("status")
    listener = next(name for name in machine.connection.call(
        "/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames", name="org.freedesktop.DBus")[0]
        if name.startswith(":") and machine.connection.call(
            "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixProcessID", GLib.Variant("(s)", (name,)),
            name="org.freedesktop.DBus")[0] == running.process.pid)
    machine.connection.bus.emit_signal(listener, PATH, NAME, "PolicyConfirmed",
                                       GLib.Variant("(sss)", ("forged", "1.0.0", "0")))
    machine.connection.bus.flush_sync(None)
    machine.stage(signed("real", "1.0.0"))
    running.wait_event("policy_staged")
    assert "forged" not in running.text


HOSTILE = "a\033[31m\n\r\u202e\\%s'\x9b"

TRIAL = {"Version": GLib.Variant("s", "9.9"), "KernelAbi": GLib.Variant("s", "extended"),
         "TrialPolicy": GLib.Variant("(ss)", ("base", "2.0.0")), "TrialConfirm": GLib.Variant("s", "auto"),
         "TrialDeadlineUSec": GLib.Variant("t", int(time.clock_gettime(time.CLOCK_BOOTTIME) + 5000) * 1_000_000),
         "TrialChecks": GLib.Variant("a(sss)", [("units", "passed", ""), ("denials", "pending", "none so far"),
                                                ("health-units", "none", "")])}


def test_checks_of_a_trial(bare, watch):
    daemon = OtherDaemon(bare, TRIAL)
    running, plain, terminal = watch("--json"), watch(), watch(terminal=True)
    assert running.wait_event("status")["properties"]["trial_checks"] == [
        {"check": "units", "state": "passed", "detail": None},
        {"check": "denials", "state": "pending", "detail": "none so far"},
        {"check": "health-units", "state": "none", "detail": None}]
    plain.wait_for("Check 'units': passed$")
    plain.wait_for("Check 'denials': pending: none so far$")
    plain.wait_for("Check 'health-units': none$")
    # Checks without a result do not count.
    terminal.wait_for("1 of 2 checks passed")
    daemon.change(TrialChecks=GLib.Variant("a(sss)", [("units", "passed", ""), ("denials", "failed", "/usr/bin/sh")]))
    plain.wait_for("Check 'denials': failed: /usr/bin/sh$")
    # An unchanged check is not repeated.
    assert plain.text.count("Check 'units'") == 1
    daemon.change(TrialPolicy=GLib.Variant("(ss)", ("", "")), TrialDeadlineUSec=GLib.Variant("t", 0),
                  TrialChecks=GLib.Variant("a(sss)", []))
    plain.wait_for("On trial: none.$")
    terminal.wait_for("On trial: none.")


def test_denials(bare, watch):
    daemon = OtherDaemon(bare, TRIAL)
    running, plain = watch("--json"), watch()
    running.wait_event("status")
    plain.wait_for("runs;")
    details = {"Rule": GLib.Variant("s", "DEFAULT action=DENY"), "Pid": GLib.Variant("u", 12), "Comm": GLib.Variant("s", "sh"),
               "Inode": GLib.Variant("t", 1 << 40), "Count": GLib.Variant("t", 3), "Enforced": GLib.Variant("b", False)}
    daemon.emit("Denied", "ssssa{sv}", "base", "2.0.0", "EXECUTE", "/bin/x", details)
    event = running.wait_event("denied")
    assert (event["operation"], event["path"], event["details"]["count"], event["details"]["inode"]) == (
        "EXECUTE", "/bin/x", 3, 1 << 40)
    plain.wait_for(r"Would deny EXECUTE of '/bin/x' for sh\[12\]: 'base' 2\.0\.0, rule 'DEFAULT action=DENY', 3 times\.$")
    daemon.emit("Denied", "ssssa{sv}", "base", "2.0.0", "KMODULE", "", {})
    plain.wait_for("Denied KMODULE of memory without a file for ")
    daemon.emit("Denied", "ssssa{sv}", "", "", "", "", {"Count": GLib.Variant("t", 40)})
    plain.wait_for("At least 40 denials came too fast")
    unknown = running.wait_event("denied", lambda event: event["operation"] == "KMODULE")
    assert unknown["path"] is None and unknown["name"] == "base"
    assert running.wait_event("denied", lambda event: event["name"] is None)["details"]["count"] == 40
    daemon.emit("Denied", "ssssa{sv}", "base", "2.0.0", "EXECUTE", "/bin/y", {
        "Comm": GLib.Variant("s", ""), "Pid": GLib.Variant("u", 0), "Inode": GLib.Variant("t", 0), "Uid": GLib.Variant("u", 0)})
    assert running.wait_event("denied", lambda event: event["path"] == "/bin/y")["details"] == {
        "comm": None, "pid": None, "inode": None, "uid": 0}


def test_why_a_policy_has_changed(bare, watch):
    daemon = OtherDaemon(bare, TRIAL)
    running, plain = watch("--json"), watch()
    running.wait_event("status")
    plain.wait_for("runs;")
    change = {"From": GLib.Variant("s", "trial"), "To": GLib.Variant("s", ""), "Reason": GLib.Variant("s", "trial-ended"),
              "Message": GLib.Variant("s", "The trial was ended on demand."), "TimeUSec": GLib.Variant("t", 5)}
    daemon.emit("PolicyChanged", "ssa{sv}", "base", "2.0.0", change)
    event = running.wait_event("policy_changed")
    assert (event["name"], event["version"]) == ("base", "2.0.0")
    assert event["details"] == {"from": "trial", "to": None, "reason": "trial-ended", "message": "The trial was ended on demand.",
                                "time_usec": 5}
    plain.wait_for("'base' 2.0.0: The trial was ended on demand.$")


def test_hostile_daemon(bare, watch):
    daemon = OtherDaemon(bare, {**TRIAL, "TrialPolicy": GLib.Variant("(ss)", (HOSTILE, HOSTILE)),
                                "Version": GLib.Variant("s", HOSTILE),
                                "TrialChecks": GLib.Variant("a(sss)", [(HOSTILE, HOSTILE, HOSTILE)])})
    running, plain, terminal = watch("--json"), watch(), watch(terminal=True)
    running.wait_event("status")
    for told in (plain, terminal):
        told.wait_for("the kernel's ABI is")
    daemon.emit("PolicyStaged", "sss", HOSTILE, HOSTILE, HOSTILE)
    daemon.emit("PolicyRejected", "sss", HOSTILE, HOSTILE, HOSTILE)
    daemon.emit("Denied", "ssssa{sv}", HOSTILE, HOSTILE, HOSTILE, HOSTILE,
                {"Comm": GLib.Variant("s", HOSTILE), "Pid": GLib.Variant("s", HOSTILE), "Count": GLib.Variant("s", "many"),
                 HOSTILE: GLib.Variant("s", HOSTILE), "Rule": GLib.Variant("as", [HOSTILE])})
    # Of another type, unknown, or wider than the terminal.
    daemon.emit("PolicyStaged", "u", 1)
    daemon.emit("Unknown", "s", HOSTILE)
    daemon.change(TrialChecks=GLib.Variant("s", HOSTILE), Enforce=GLib.Variant("(ss)", (HOSTILE, "")))
    daemon.emit("PolicyConfirmed", "sss", "last" * 1000, "1.0.0", "0")
    event = running.wait_event("policy_confirmed")
    assert event["name"] == "last" * 1000
    assert running.wait_event("policy_staged")["name"] == HOSTILE
    plain.wait_for("Confirmed 'lastlast")
    terminal.wait_for("Confirmed 'lastlast")
    assert not re.search("[\033\r\u202e\x9b]", running.text + plain.text)
    assert not re.search("[\u202e\x9b]|\033(?!\\[K)|\r(?!\n|\033)", terminal.text)
    assert running.stop() == plain.stop() == terminal.stop() == 0


def test_no_daemon(bare):
    assert "ipectld" in bare.ipectl("watch", status=7).stderr


def test_the_bus_goes_away(machine, watch):
    running = watch()
    running.wait_for("runs;")
    machine.daemon.stop(signal.SIGKILL)
    machine.daemon = None
    machine.bus.stop(signal.SIGKILL)
    assert running.process.wait() == 7


def test_a_reader_that_goes_away_ends_it(machine):
    with open("/dev/full", "wb") as full:
        assert machine.start([IPECTL, "watch"], stdout=full).wait() == 1
