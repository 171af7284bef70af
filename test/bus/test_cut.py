# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test kills the daemon at each of its system calls, or lets each call of a kind fail, while the daemon
does one thing. Afterwards the state is the one before or the one after, never less.

strace counts the calls of each name, so a name and a number identify a call; a first run finds out which
calls there are. Plain files stand in for the kernel, see kernel_files.py: after a cut the test does with
their contents what a kernel would do, which test/vm proves for the real one. IPE_TEST_LONG=1 tries every
call, otherwise the test picks some that are spread evenly."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest
from gi.repository import GLib

from connection import BusError
from kernel_files import Gate
from machine import signed

POLICY = "corp-base"
LONG = bool(os.environ.get("IPE_TEST_LONG"))
ROUNDS = 4
# How often the daemon waits differs from run to run. sd-event may ask for its thread before it waits.
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2", "gettid")
# Errors of the bus for a service that is not there, or has gone.
GONE = ("NoReply", "Disconnected", "ServiceUnknown", "NameHasNoOwner")
OLD = {"1.0.0": "confirmed", "2.0.0": "staged"}


class Operation:
    """One operation, from a state (before) to another (after). `asked` says whether the kernel was asked for it, `happens`
    changes its files as a kernel would then. The daemon looks at the gate, a file, afterwards."""
    before, gate, refused = OLD, None, None

    def prepare(self, machine):
        pass

    def write_before(self, machine):
        """The daemon starts with the state from which it is done."""
        machine.stop_daemon()
        state = machine.read_state()
        for record in state["versions"]:
            record["state"] = self.before[record["version"]]
        machine.write_state(state)
        machine.start_daemon()

    def asked(self, kernel):
        return None

    def opens(self, kernel, content):
        """Whether the kernel acts as the gate is opened with this content."""
        return content.startswith(b"1")

    def happens(self, machine):
        pass


class Stage(Operation):
    after = {**OLD, "3.0.0": "staged"}

    def call(self, machine):
        machine.stage(machine.envelopes["3.0.0"])


class Activate(Operation):
    after = {"1.0.0": "confirmed", "2.0.0": "trial"}
    # Where it is the write to the kernel that fails.
    refused = {"1.0.0": "confirmed", "2.0.0": "failed"}
    gate = "confirm"

    def call(self, machine):
        options = {"trial-sec": GLib.Variant("t", 600), "confirm": GLib.Variant("s", "manual"),
                   "force": GLib.Variant("b", True)}
        machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, options)))

    def asked(self, kernel):
        return kernel.read(f"policies/{POLICY}/trial") == b"600"

    def opens(self, kernel, content):
        return content == b"" and self.asked(kernel)

    def happens(self, machine):
        machine.kernel.put_trial(POLICY, "2.0.0", 600)


class Confirm(Operation):
    before = Activate.after
    after = {"1.0.0": "superseded", "2.0.0": "confirmed"}
    gate = "confirm"

    def prepare(self, machine):
        machine.kernel.put_trial(POLICY, "2.0.0")
        with pytest.raises(BusError):
            machine.call("Activate", GLib.Variant("(s)", (POLICY,)))

    def call(self, machine):
        machine.call("Confirm", GLib.Variant("(s)", (POLICY,)))

    def asked(self, kernel):
        return kernel.read("confirm")[:1] in (b"1", b"") and kernel.read(f"policies/{POLICY}/version")

    def happens(self, machine):
        machine.kernel.end_trial(POLICY)
        machine.kernel.put_policy(POLICY, ("2.0.0", machine.envelopes["2.0.0"]), previous=("1.0.0", machine.envelopes["1.0.0"]),
                                  active=True)


class Rollback(Operation):
    before = Confirm.after
    after = {"1.0.0": "confirmed", "2.0.0": "rolled-back"}

    def prepare(self, machine):
        Confirm().happens(machine)
        self.write_before(machine)

    def call(self, machine):
        machine.call("Rollback", GLib.Variant("(s)", (POLICY,)))

    def asked(self, kernel):
        return kernel.read(f"policies/{POLICY}/rollback") == b"1"

    def happens(self, machine):
        machine.kernel.put_policy(POLICY, ("1.0.0", machine.envelopes["1.0.0"]), active=True)


class EndTrial(Operation):
    before = Activate.after
    after = {"1.0.0": "confirmed", "2.0.0": "rolled-back"}

    def prepare(self, machine):
        Confirm().prepare(machine)

    def call(self, machine):
        machine.call("EndTrial", GLib.Variant("(sa{sv})", (POLICY, {})))

    def asked(self, kernel):
        return kernel.read("revert")[:1] == b"1"

    def happens(self, machine):
        machine.kernel.end_trial(POLICY)
        machine.kernel.put("revert", "")


class RollbackToOtherName(Operation):
    before = {**OLD, "9.0.0": "superseded"}
    after = {"1.0.0": "rolled-back", "2.0.0": "staged", "9.0.0": "confirmed"}

    def prepare(self, machine):
        machine.envelopes["9.0.0"] = signed("other", "9.0.0")
        machine.stage(machine.envelopes["9.0.0"])
        machine.kernel.put_policy("other", ("9.0.0", machine.envelopes["9.0.0"]))
        self.write_before(machine)

    def call(self, machine):
        machine.call("Rollback", GLib.Variant("(s)", (POLICY,)))

    def asked(self, kernel):
        return kernel.read("policies/other/active") == b"1"

    def happens(self, machine):
        machine.kernel.put(f"policies/{POLICY}/active", "0")


class Deactivate(Operation):
    before, after = OLD, {**OLD, "deactivated": True}

    def call(self, machine):
        machine.call("Deactivate", GLib.Variant("(a{sv})", ({},)))


class Discard(Operation):
    after = {"1.0.0": "confirmed"}

    def call(self, machine):
        machine.call("Discard", GLib.Variant("(ss)", (POLICY, "2.0.0")))


OPERATIONS = [Stage, Activate, Confirm, Rollback, EndTrial, RollbackToOtherName, Deactivate, Discard]
# The ways back to safety, for which the kernel does not wait for the disk.
WAYS_BACK = [Rollback, EndTrial, RollbackToOtherName]


def read_states(state):
    found = {record["version"]: record["state"] for record in state["versions"]}
    return {**found, "deactivated": True} if "deactivated_boot_id" in state else found


def states(machine):
    found = {version: row[0] for (_, version), row in machine.list().items()}
    return {**found, "deactivated": True} if machine.properties()["Deactivated"] else found


@pytest.fixture
def machine(two_versions):
    two_versions.envelopes = {"1.0.0": two_versions.one, "2.0.0": two_versions.two, "3.0.0": signed(version="3.0.0")}
    two_versions.configure("Confirm=manual")
    two_versions.start_daemon()
    return two_versions


class Rounds:
    """Runs of one operation, each from the same start."""

    def __init__(self, machine, operation, disk_fails=False):
        self.machine, self.operation, self.disk_fails = machine, operation, disk_fails
        operation.prepare(machine)
        assert states(machine) == operation.before
        machine.stop_daemon()
        self.saved = machine.directory / "saved"
        shutil.copytree(machine.state, self.saved)
        self.kernel = {path.relative_to(machine.kernel.directory): path.read_bytes()
                       for path in machine.kernel.directory.rglob("*") if path.is_file()}

    def begin(self):
        machine = self.machine
        machine.state.chmod(0o700)
        (machine.run_directory / "ipectld/rolled-back").unlink(missing_ok=True)
        for path in list(machine.state.iterdir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self.saved, machine.state, dirs_exist_ok=True)
        machine.give_state()
        for path in machine.kernel.directory.rglob("*"):
            if path.is_file() and path.relative_to(machine.kernel.directory) not in self.kernel:
                path.unlink()
        for path, content in self.kernel.items():
            machine.kernel.put(path, content)
        machine.start_daemon()
        # By then the daemon has done the work that it puts off until it waits for events.
        assert states(machine) == self.operation.before
        if self.disk_fails:
            machine.state.chmod(0o500)

    @contextlib.contextmanager
    def traced(self, *options):
        """Under strace."""
        log = self.machine.directory / "trace"
        with subprocess.Popen(["strace", "-qq", "-o", log, *options, "-p", str(self.machine.daemon.pid)]) as strace:
            self.machine.wait_for(self.is_traced, "strace")
            try:
                yield log
            finally:
                strace.terminate()

    def is_traced(self):
        try:
            with open(f"/proc/{self.machine.daemon.pid}/status", encoding="ascii") as file:
                status = file.read()
        except (FileNotFoundError, ProcessLookupError):
            # The call in which it waited for events was the one at which it was to be killed.
            return True
        return re.search(r"^(TracerPid:\t[1-9]|State:\tZ)", status, re.M)

    @contextlib.contextmanager
    def kernel_acts(self):
        """Lets the kernel act within a run, once the daemon has asked and before it looks."""
        if not self.operation.gate:
            yield None
            return
        gate = Gate(self.machine.kernel.path(self.operation.gate), lambda: self.operation.happens(self.machine),
                    lambda content: self.operation.opens(self.machine.kernel, content))
        gate.__enter__()
        try:
            yield gate
        finally:
            # It need not have come so far.
            gate.__exit__(True)

    def call(self):
        """Does it, and asks something, so that all of it has ended; returns whether the answer was a success, and
        whether the daemon is still there."""
        done = alive = False
        with self.kernel_acts() as gate, contextlib.suppress(GLib.Error):
            try:
                self.operation.call(self.machine)
                done = True
            except BusError:
                pass
            try:
                self.machine.properties()
                alive = True
            except BusError as error:
                # An answer, too, where what fails is what it looks at.
                alive = error.name.rpartition(".")[2] not in GONE
            # It looks again soon after what it has written itself.
            if gate and alive and self.operation.asked(self.machine.kernel):
                self.machine.wait_for(lambda: gate.passed or self.machine.daemon.ended(), "a look at the kernel")
        if not alive:
            self.machine.daemon.wait()
            self.machine.daemon = None
        return done, alive

    def calls(self, names=None):
        """[(name, number)] of all system calls but waits, in their order."""
        self.begin()
        with self.traced() as log:
            assert self.call() == (True, True)
        self.machine.kill_daemon()
        counts, found = {}, []
        for name in re.findall(r"^([a-z0-9_]+)\(", log.read_text(), re.M):
            counts[name] = counts.get(name, 0) + 1
            if name in names if names else name not in WAITS:
                found.append((name, counts[name]))
        assert found
        return found

    def end_daemon(self):
        """The call at which the daemon should die may have come after its answer."""
        if not self.machine.daemon:
            return
        try:
            self.machine.kill_daemon()
        except ProcessLookupError:
            self.machine.daemon.wait()
            self.machine.daemon = None

    def check_files(self):
        """Any damaged bit in one of the two files leaves the other one whole."""
        operation = self.operation
        for name in ("state.json", "state.json.old"):
            lines = (self.machine.state / name).read_text().splitlines(keepends=True)
            assert hashlib.sha256("".join(lines[:-2]).encode()).hexdigest() in lines[-2]
            found = read_states(json.loads("".join(lines)))
            assert found in (operation.before, operation.after, operation.refused), name

    def end(self, known=None):
        """Starts a daemon afterwards and checks its states and the disk; returns whether the operation was done. known: the states
        that the daemon before it listed, if it went on."""
        machine, operation = self.machine, self.operation
        self.end_daemon()
        self.check_files()
        asked = operation.asked(machine.kernel)
        if asked:
            operation.happens(machine)
        machine.start_daemon()
        found = states(machine)
        # Where the kernel had a part in it, what it did is what is; otherwise what is on disk.
        assert found in ([operation.before, operation.after] if asked is None else
                         [operation.after] if asked else [operation.before, known and operation.refused])
        # One that ends on a disk that is mended writes what is missing.
        machine.state.chmod(0o700)
        machine.stop_daemon()
        self.check_disk()
        assert read_states(machine.read_state()) == found
        return found == operation.after

    def check_disk(self):
        machine = self.machine
        state = machine.read_state()
        assert not {"activating", "rolling_back"} & state.keys()
        assert not (machine.run_directory / "ipectld/rolled-back").exists()
        assert {path.name for path in (machine.state / "objects").iterdir()} == {row["digest"] for row in state["versions"]}
        for row in state["versions"]:
            assert (machine.state / "objects" / row["digest"]).read_bytes() == machine.envelopes[row["version"]]
        assert {path.name for path in machine.state.iterdir()} - {"history"} == {"lock", "objects", "state.json", "state.json.old"}
        assert [row["version"] for row in state["versions"] if row["state"] == "confirmed"]


def drawn(calls, rounds):
    if LONG or len(calls) <= rounds:
        return calls
    return [calls[index * (len(calls) - 1) // (rounds - 1)] for index in range(rounds)]


@pytest.fixture(params=OPERATIONS, ids=lambda operation: operation.__name__)
def rounds(machine, request):
    return Rounds(machine, request.param())


def test_killed_at_any_call_the_state_is_the_old_or_the_new_one(rounds):
    killed = 0
    results = set()
    for name, number in drawn(rounds.calls(), ROUNDS):
        rounds.begin()
        with rounds.traced("-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"):
            done, alive = rounds.call()
        killed += not alive
        new = rounds.end()
        assert new or not done, f"what was answered is lost after {name} {number}"
        results.add(new)
    assert killed > 0
    # The first call is before, the last one after it.
    assert results == {False, True}
    rounds.machine.start_daemon()


@pytest.mark.parametrize("operation", WAYS_BACK, ids=lambda operation: operation.__name__)
def test_killed_on_a_disk_that_fails_the_state_is_what_the_kernel_does(machine, operation):
    rounds = Rounds(machine, operation(), disk_fails=True)
    results = set()
    calls = rounds.calls()
    # The kernel is asked early, so that what is spread evenly may be all behind it.
    for name, number in [*calls[1:3], *drawn(calls, ROUNDS)]:
        rounds.begin()
        with rounds.traced("-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"):
            done, _ = rounds.call()
        new = rounds.end()
        assert new or not done, f"what was answered is lost after {name} {number}"
        results.add(new)
    assert results == {False, True}
    machine.start_daemon()


FAILING = ("openat", "write", "fsync", "rename", "renameat", "renameat2", "unlinkat", "getdents64")


@pytest.mark.parametrize("error", ["EIO", *(pytest.param(error, marks=pytest.mark.long) for error in ("ENOSPC", "EROFS"))])
def test_whatever_call_fails_the_state_is_the_old_or_the_new_one(rounds, error):
    for name, number in drawn(rounds.calls(FAILING), 3):
        rounds.begin()
        with rounds.traced("-e", f"trace={name}", "-e", f"inject={name}:error={error}:when={number}"):
            done, alive = rounds.call()
        assert alive, rounds.machine.log_text()
        found = states(rounds.machine)
        assert found in (rounds.operation.before, rounds.operation.after, rounds.operation.refused)
        if done:
            assert found == rounds.operation.after
        new = rounds.end(found)
        assert new or not done, f"what was answered is lost after {name} {number}"
    rounds.machine.start_daemon()
