# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ipectld makes of given files. Plain files stand in for the kernel here, see kernel_files.py: nothing is enforced, no
trial ever ends, nothing is verified. These tests are about what the daemon asks for, records and says, above all where
something fails in between; that it is right about the kernel is proven in test/vm, with the real one."""

import json
import signal
import threading
import time

import keys
import pytest
from gi.repository import GLib
from kernel_files import LINE_SIZE, PIPE_SIZE, READ_LINES, Gate, Storm

from machine import IPECTL, NAME, PATH, BusError, Connection, policy_text, signed

POLICY = "corp-base"
FAILED = "org.freedesktop.DBus.Error.Failed"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
ON_TRIAL = "org.ipe.Error.TrialInProgress"


@pytest.fixture
def machine(bare, kernel_files):
    """corp-base 1.0.0 is confirmed and decides, 2.0.0 is staged, here and in the kernel's files."""
    bare.kernel.keep_quiet(bare)
    configure(bare, preflight_sec=1)
    bare.one, bare.two = signed(version="1.0.0"), signed(version="2.0.0")
    bare.kernel.put_policy(POLICY, ("1.0.0", bare.one), active=True)
    bare.start_daemon()
    bare.stage(bare.one)
    change_state(bare, lambda state: state["versions"][0].update(state="confirmed"))
    bare.stage(bare.two)
    assert bare.kernel.read(f"policies/{POLICY}/stage") == bare.two
    bare.kernel.put_policy(POLICY, ("1.0.0", bare.one), ("2.0.0", bare.two), active=True)
    yield bare
    bare.state.chmod(0o700)


def configure(machine, preflight_sec):
    (machine.etc / "ipectld.conf").write_text(f"[Manager]\nConfirm=manual\nPreflightSec={preflight_sec}\n")


def on_disk(machine):
    return json.loads((machine.state / "state.json").read_text())


def states_on_disk(machine):
    return {record["version"]: record["state"] for record in on_disk(machine)["versions"]}


def change_state(machine, change):
    machine.stop_daemon()
    state = on_disk(machine)
    change(state)
    machine.write_state(state)
    machine.start_daemon()


def states(machine):
    return {version: row[0] for (name, version), row in machine.list().items() if name == POLICY}


def call(machine, method, *arguments):
    return machine.call(method, GLib.Variant(f"({'s' * len(arguments)})", arguments))


def refused(machine, method, *arguments):
    with pytest.raises(BusError) as error:
        call(machine, method, *arguments)
    return error.value


def activate(machine, **options):
    kinds = {"version": "s", "trial_sec": "t"}
    packed = {key.replace("_", "-"): GLib.Variant(kinds[key], value) for key, value in options.items()}
    return machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, packed)))


def begin_trial(machine, seconds=80000):
    """The kernel has 2.0.0 on trial, and the daemon knows."""
    machine.kernel.put_trial(POLICY, "2.0.0", seconds)
    assert refused(machine, "Activate", POLICY).name == ON_TRIAL
    assert states(machine)["2.0.0"] == "trial"


def put_confirmed(machine):
    """What a kernel has after 2.0.0 was confirmed."""
    machine.kernel.end_trial(POLICY)
    machine.kernel.put_policy(POLICY, ("2.0.0", machine.two), previous=("1.0.0", machine.one), active=True)


def fail_disk(machine):
    """The daemon's only capability does not override permissions."""
    machine.state.chmod(0o500)


def mend_disk(machine):
    machine.state.chmod(0o700)


def errors(machine):
    return "\n".join(entry["MESSAGE"] for entry in machine.entries(PRIORITY="3"))


class Call:
    """A call that takes its time, on a connection of its own."""

    def __init__(self, machine, method, *arguments):
        self.connection = Connection(machine.address)
        self.arguments = PATH, NAME, method, GLib.Variant(f"({'s' * len(arguments)})", arguments)
        self.result = self.error = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            self.result = self.connection.call(*self.arguments)
        except (BusError, GLib.Error) as error:
            self.error = error

    def wait(self):
        self.thread.join()
        self.connection.close()
        return self


# Preflight


def test_a_preflight_that_found_nothing_says_so(machine):
    assert call(machine, "Preflight", POLICY) == ([],)
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"0"
    assert "would have denied nothing" in machine.ipectl("preflight", POLICY).stdout


def test_a_preflight_that_lost_events_gives_no_all_clear(machine):
    machine.kernel.tell_line("lost=100000")
    findings = call(machine, "Preflight", POLICY)[0]
    assert findings == [("", "", "100000 denials or more were missed", "")]


def test_ipectl_fails_where_a_preflight_is_not_complete(machine):
    machine.kernel.tell()
    machine.kernel.tell_line("lost=3")
    result = machine.ipectl("preflight", POLICY, status=1)
    assert "/bin/x" in result.stdout and "1 denial listed" in result.stdout and "(memory" not in result.stdout
    assert "3 denials or more were missed" in result.stderr
    machine.kernel.tell_line("lost=3")
    result = machine.ipectl("preflight", POLICY, status=1)
    assert result.stdout == "" and "were missed" in result.stderr


def test_a_preflight_that_found_too_much_says_how_much_is_missing(machine):
    for number in range(1007):
        machine.kernel.tell(path=f'"/bin/{number}"')
    findings = call(machine, "Preflight", POLICY)[0]
    assert [finding[0] for finding in findings[:1000]] == [f"/bin/{number}" for number in range(1000)]
    assert findings[1000:] == [("", "", "7 denials or more were missed", "")]


def test_a_preflight_reads_a_storm_in_bounds(machine):
    """As much as a pipe holds at a time, and four times a second, however fast it comes."""
    storm = Storm(machine.kernel, shadow=1)
    started = time.monotonic()
    findings = call(machine, "Preflight", POLICY)[0]
    passed = time.monotonic() - started
    storm.end()
    read = storm.written - machine.kernel.unread() // LINE_SIZE
    assert len(findings) == READ_LINES or findings[-1][2].endswith("were missed")
    assert READ_LINES <= read <= (passed / 0.25 + 3) * (PIPE_SIZE // LINE_SIZE)


def shadow_ended(machine):
    machine.kernel.put(f"policies/{POLICY}/shadow", "0")


def shadow_of_another_version(machine):
    machine.kernel.put_version(f"{POLICY}/next", "3.0.0", signed(version="3.0.0"))


def shadow_of_other_content(machine):
    machine.kernel.put_version(f"{POLICY}/next", "2.0.0", signed(version="2.0.0", body="DEFAULT action=DENY\n"))


def policy_deleted(machine):
    for place in (POLICY, f"{POLICY}/next"):
        machine.kernel.put_version(place, None, None)


@pytest.mark.parametrize("happens", [shadow_ended, shadow_of_another_version, shadow_of_other_content, policy_deleted])
def test_a_preflight_whose_policy_was_replaced_meanwhile_gives_no_all_clear(machine, happens):
    with Gate(machine.kernel.path(f"policies/{POLICY}/shadow"), lambda: happens(machine), lambda text: text == b"1"):
        error = refused(machine, "Preflight", POLICY)
    assert error.name == FAILED and "run the preflight again" in error.message
    assert "shadowing" not in on_disk(machine)


def test_events_of_others_are_no_findings(machine):
    for fields in ({"time": 1}, {"shadow": 0}, {"verdict": "ALLOW"}, {"policy_version": "1.0.0"},
                   {"policy_name": '"other"'}):
        machine.kernel.tell(**fields)
    assert call(machine, "Preflight", POLICY) == ([],)


def test_a_finding_names_each_process_once_and_not_all(machine):
    for _ in range(2):
        for pid in range(25):
            machine.kernel.tell(pid=pid)
    (path, operation, rule, processes), = call(machine, "Preflight", POLICY)[0]
    assert (path, operation, rule) == ("/bin/x", "EXECUTE", "op=EXECUTE action=DENY")
    assert processes == ", ".join([*(f"sh[{pid}]" for pid in range(20)), "..."])


def test_a_process_cannot_forge_a_list_of_processes(machine):
    machine.kernel.tell(pid=7, comm='"a, b[1]"')
    assert call(machine, "Preflight", POLICY)[0][0][3] == "a\\x2c b\\x5b1\\x5d[7]"


def begin_preflight(machine):
    configure(machine, preflight_sec=600)
    machine.call("Reload")
    preflight = Call(machine, "Preflight", POLICY)
    machine.wait_for(lambda: machine.kernel.read(f"policies/{POLICY}/shadow") == b"1", "the shadow")
    return preflight


def test_a_daemon_that_is_stopped_answers_a_preflight(machine):
    preflight = begin_preflight(machine)
    machine.stop_daemon()
    assert "was cut off" in preflight.wait().error.message
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"0"
    assert "shadowing" not in on_disk(machine)
    machine.start_daemon()


def test_a_caller_that_is_gone_does_not_keep_others_from_a_preflight(machine):
    configure(machine, preflight_sec=600)
    machine.call("Reload")
    caller = machine.start([IPECTL, "preflight", POLICY])
    machine.wait_for(lambda: machine.kernel.read(f"policies/{POLICY}/shadow") == b"1", "the shadow")
    assert "is running" in refused(machine, "Preflight", POLICY).message
    caller.stop(signal.SIGKILL)
    machine.wait_for(lambda: machine.kernel.read(f"policies/{POLICY}/shadow") == b"0", "the end of the shadow")
    configure(machine, preflight_sec=1)
    machine.call("Reload")
    assert call(machine, "Preflight", POLICY) == ([],)


def test_a_daemon_that_is_killed_leaves_no_shadow_of_what_was_discarded_meanwhile(machine):
    preflight = begin_preflight(machine)
    call(machine, "Discard", POLICY, "2.0.0")
    machine.kill_daemon()
    assert preflight.wait().error
    machine.start_daemon()
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"0"
    assert "shadowing" not in on_disk(machine)


def test_a_daemon_that_is_killed_leaves_the_shadow_of_somebody_else(machine):
    preflight = begin_preflight(machine)
    machine.kill_daemon()
    assert preflight.wait().error
    shadow_of_another_version(machine)
    machine.start_daemon()
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"1"
    assert "shadowing" not in on_disk(machine)


def test_a_shadow_of_another_version_is_not_taken_for_that_of_somebody_else(machine):
    machine.kernel.put_version(f"{POLICY}/next", "1.5.0", b"other")
    machine.kernel.put(f"policies/{POLICY}/shadow", "1")
    # Its stage is in the kernel before its shadow is asked for.
    with Gate(machine.kernel.path(f"policies/{POLICY}/stage"),
              lambda: machine.kernel.put_version(f"{POLICY}/next", "2.0.0", machine.two)):
        assert call(machine, "Preflight", POLICY) == ([],)
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"0"


def test_a_shadow_of_the_same_policy_stays(machine):
    machine.kernel.put(f"policies/{POLICY}/shadow", "1")
    assert call(machine, "Preflight", POLICY) == ([],)
    assert machine.kernel.read(f"policies/{POLICY}/shadow") == b"1"


def test_a_preflight_takes_nothing_away_that_somebody_loaded_by_hand(machine):
    machine.kernel.put_policy(POLICY, ("2.1.0", b"by hand"), previous=("1.0.0", machine.one))
    error = refused(machine, "Preflight", POLICY)
    assert "another version of 'corp-base' loaded" in error.message
    assert machine.kernel.read(f"policies/{POLICY}/delete") == b""
    assert machine.kernel.read("new_policy") == b""
    assert "shadowing" not in on_disk(machine)


def test_a_preflight_knows_of_a_trial_that_somebody_began(machine):
    machine.kernel.put_trial(POLICY, "2.0.0")
    assert refused(machine, "Preflight", POLICY).name == "org.ipe.Error.NoSuchPolicy"
    assert states(machine)["2.0.0"] == "trial"


# What the kernel has staged


def test_a_version_that_is_staged_again_with_other_content_reaches_the_kernel(machine):
    machine.kernel.put(f"policies/{POLICY}/stage", "")
    call(machine, "Discard", POLICY, "2.0.0")
    assert machine.kernel.read(f"policies/{POLICY}/delete") == b""
    assert any("keeps the discarded version" in entry["MESSAGE"] for entry in machine.entries(PRIORITY="4"))
    other = signed(version="2.0.0", body="DEFAULT action=DENY\n")
    machine.stage(other)
    assert machine.kernel.read(f"policies/{POLICY}/stage") == other


def test_what_somebody_loaded_by_hand_is_not_deleted_with_a_version_that_is_discarded(machine):
    machine.kernel.put_policy(POLICY, ("2.0.0", b"by hand"))
    call(machine, "Discard", POLICY, "2.0.0")
    assert machine.kernel.read(f"policies/{POLICY}/delete") == b""


def test_what_the_kernel_has_of_a_discarded_version_is_deleted(machine):
    machine.kernel.put_policy(POLICY, ("2.0.0", machine.two))
    call(machine, "Discard", POLICY, "2.0.0")
    assert machine.kernel.read(f"policies/{POLICY}/delete") == b"1"


# A disk that fails, and a kernel that does not wait for it


def test_a_disk_that_fails_is_found_out_before_the_kernel_confirms(machine):
    begin_trial(machine)
    fail_disk(machine)
    assert "state.json" in refused(machine, "Confirm", POLICY).message
    assert machine.kernel.read("confirm") == b"corp-base 2.0.0\n"
    mend_disk(machine)
    assert states(machine) == states_on_disk(machine) == {"1.0.0": "confirmed", "2.0.0": "trial"}


def test_a_policy_is_not_lost_if_the_disk_fails_once_the_kernel_has_confirmed_it(machine):
    begin_trial(machine)

    def confirmed():
        assert "activating" in on_disk(machine)
        put_confirmed(machine)
        fail_disk(machine)

    with Gate(machine.kernel.path("confirm"), confirmed, lambda text: text.startswith(b"1")):
        error = refused(machine, "Confirm", POLICY)
    assert error.message.startswith("The kernel has confirmed 'corp-base', but that cannot be recorded yet")
    assert "the next boot does not know of it yet" in errors(machine)
    mend_disk(machine)
    # Nobody asks; the daemon looks again by itself.
    machine.wait_for(lambda: states_on_disk(machine)["2.0.0"] == "confirmed", "the record")
    assert "activating" not in on_disk(machine)
    machine.wait_signal("PolicyConfirmed")
    assert len(machine.signals("PolicyConfirmed")) == 1


def test_a_confirmation_is_recorded_once(machine):
    begin_trial(machine)
    with Gate(machine.kernel.path("confirm"), lambda: put_confirmed(machine), lambda text: text.startswith(b"1")):
        call(machine, "Confirm", POLICY)
    assert states(machine) == states_on_disk(machine) == {"1.0.0": "superseded", "2.0.0": "confirmed"}
    assert "activating" not in on_disk(machine)
    machine.wait_signal("PolicyConfirmed")
    assert len(machine.signals("PolicyConfirmed")) == 1


def test_a_trial_that_ended_before_it_was_confirmed_is_no_confirmation(machine):
    begin_trial(machine)
    with Gate(machine.kernel.path("confirm"), lambda: machine.kernel.end_trial(POLICY), lambda text: text.startswith(b"1")):
        assert refused(machine, "Confirm", POLICY).name == "org.ipe.Error.NoTrial"
    assert states(machine) == states_on_disk(machine) == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}
    assert "activating" not in on_disk(machine)


def test_the_end_of_a_trial_is_recorded_once_the_disk_can_be_written_again(machine):
    begin_trial(machine, seconds=1)
    machine.kernel.end_trial(POLICY)
    fail_disk(machine)
    machine.wait_for(lambda: "the next boot does not know of it yet" in errors(machine), "the daemon to look")
    assert states_on_disk(machine)["2.0.0"] == "trial"
    mend_disk(machine)
    machine.wait_for(lambda: states_on_disk(machine)["2.0.0"] == "rolled-back", "the record")


def test_a_daemon_that_starts_on_a_disk_that_fails_looks_again(machine):
    begin_trial(machine)
    machine.kill_daemon()
    put_confirmed(machine)
    fail_disk(machine)
    machine.start_daemon()
    assert states_on_disk(machine)["2.0.0"] == "trial"
    mend_disk(machine)
    machine.wait_for(lambda: states_on_disk(machine)["2.0.0"] == "confirmed", "the record")


def test_a_trial_that_cannot_be_recorded_is_taken_back(machine):
    def began():
        assert "activating" in on_disk(machine)
        fail_disk(machine)

    with Gate(machine.kernel.path(f"policies/{POLICY}/trial"), began):
        with pytest.raises(BusError) as error:
            activate(machine, trial_sec=600)
    assert "state.json" in error.value.message
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"600"
    assert machine.kernel.read("revert") == b"1"
    assert states(machine)["2.0.0"] == "staged"


# What is on trial is not confirmed


def test_a_version_that_waits_for_the_reboot_and_is_on_trial_is_not_recorded_as_confirmed(machine):
    digest = machine.list()[POLICY, "2.0.0"][1]
    machine.kernel.put_trial(POLICY, "2.0.0")

    def change(state):
        state["versions"][1].update(state="pending-reboot")
        state.update(activating=digest, pending_boot_id="0" * 32)

    change_state(machine, change)
    assert states(machine) == {"1.0.0": "confirmed", "2.0.0": "pending-reboot"}
    assert "activating" not in on_disk(machine)


def test_a_trial_begun_between_two_looks_is_not_taken_for_a_confirmation(machine):
    begin_trial(machine)
    machine.kernel.end_trial(POLICY)
    machine.kernel.put_policy(POLICY, ("2.0.0", machine.two), active=True)
    with Gate(machine.kernel.path(f"policies/{POLICY}/active"), lambda: machine.kernel.put_trial(POLICY, "2.0.0")):
        assert refused(machine, "Activate", POLICY).name == ON_TRIAL
    assert states(machine)["2.0.0"] == "trial"


def test_a_policy_that_was_confirmed_by_a_file_before_another_one_was_tried_is_not_rolled_back(machine):
    begin_trial(machine)
    with machine.frozen_daemon():
        put_confirmed(machine)
        machine.kernel.put_policy(POLICY, ("2.0.0", machine.two), previous=("1.0.0", machine.one))
        machine.kernel.put_policy("other", ("9.0.0", b"other"), active=True)
        machine.kernel.put_trial("other", "9.0.0")
    assert refused(machine, "Activate", POLICY).name == ON_TRIAL
    assert states(machine) == {"1.0.0": "superseded", "2.0.0": "confirmed"}


def test_a_policy_whose_trial_ended_before_another_one_was_tried_is_rolled_back(machine):
    begin_trial(machine)
    with machine.frozen_daemon():
        machine.kernel.put_policy(POLICY, ("1.0.0", machine.one), ("2.0.0", machine.two))
        machine.kernel.put_policy("other", ("9.0.0", b"other"), active=True)
        machine.kernel.put_trial("other", "9.0.0")
    assert refused(machine, "Activate", POLICY).name == ON_TRIAL
    assert states(machine) == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}


def test_a_policy_confirmed_by_a_file_is_recorded_when_the_daemon_is_stopped(machine):
    begin_trial(machine)
    with machine.frozen_daemon():
        put_confirmed(machine)
    machine.stop_daemon()
    assert states_on_disk(machine) == {"1.0.0": "superseded", "2.0.0": "confirmed"}
    machine.wait_signal("PolicyConfirmed")
    machine.start_daemon()


def test_the_deadline_follows_a_trial_that_was_begun_again(machine):
    begin_trial(machine, seconds=5)
    before = machine.properties()["TrialDeadlineUSec"]
    machine.connection.signals.clear()
    machine.kernel.put_trial(POLICY, "2.0.0", 5000)
    assert refused(machine, "Activate", POLICY).name == ON_TRIAL
    assert machine.properties()["TrialDeadlineUSec"] - before > 4_000_000_000
    machine.wait_signal("PropertiesChanged", lambda arguments: "TrialDeadlineUSec" in arguments[1])


def test_a_first_policy_on_trial_is_said_where_another_is_to_be_activated(machine):
    change_state(machine, lambda state: state["versions"].pop(0))
    machine.kernel.put_policy(POLICY, ("2.0.0", machine.two), active=True)
    machine.kernel.put_trial(POLICY, "2.0.0")
    error = refused(machine, "Activate", POLICY)
    assert error.name == ON_TRIAL and "'corp-base' 2.0.0 is on trial" in error.message


def test_a_version_that_waits_for_the_reboot_is_not_put_on_trial(machine):
    def change(state):
        state["versions"][1].update(state="pending-reboot")
        state.update(pending_boot_id=on_boot())

    change_state(machine, change)
    with pytest.raises(BusError) as error:
        activate(machine, version="2.0.0", trial_sec=60)
    assert error.value.name == INVALID and "next boot" in error.value.message
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"0"


# What was selected for a boot that is past now


def select_for_past_boot(machine, name, version, content=b"of the vendor"):
    """The daemon starts in the boot for which 1.0.0 was selected, 2.0.0 being confirmed. name, version, content: of what the kernel
    enforces then."""
    machine.stop_daemon()
    machine.kernel.put(f"policies/{POLICY}/active", "0")
    machine.kernel.put_policy(name, (version, content), active=True)
    state = on_disk(machine)
    for record, wanted in zip(state["versions"], ("pending-reboot", "confirmed"), strict=True):
        record["state"] = wanted
    state["pending_boot_id"] = "0" * 32
    machine.write_state(state)
    machine.start_daemon()


@pytest.mark.parametrize("name, version", [("vendor", "3.0.0"), (POLICY, "3.0.0"), (POLICY, "1.0.0")],
                         ids=["other", "higher", "other content"])
def test_what_the_kernel_keeps_out_stays_selected_as_nobody_refused_it(machine, name, version):
    select_for_past_boot(machine, name, version)
    assert states(machine) == {"1.0.0": "pending-reboot", "2.0.0": "confirmed"}
    assert any("stays selected" in entry["MESSAGE"] for entry in machine.entries(PRIORITY="4"))
    # The vendor's policy is gone in a later boot.
    machine.stop_daemon()
    machine.kernel.put(f"policies/{name}/active", "0")
    machine.kernel.put_policy(POLICY, ("1.0.0", machine.one), active=True)
    machine.start_daemon()
    assert states(machine) == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}


def test_what_the_kernel_keeps_out_can_be_taken_back(machine):
    select_for_past_boot(machine, "vendor", "1.5.0")
    machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, {
        "version": GLib.Variant("s", "2.0.0"), "trial-sec": GLib.Variant("t", 0), "force": GLib.Variant("b", True)})))
    assert states(machine) == {"1.0.0": "superseded", "2.0.0": "confirmed"}


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "lower"])
def test_what_the_kernel_could_have_taken_and_did_not_has_failed(machine, confirmed):
    select_for_past_boot(machine, *((POLICY, "2.0.0", machine.two) if confirmed else ("vendor", "0.9.0")))
    assert states(machine) == {"1.0.0": "failed", "2.0.0": "confirmed"}


def on_boot():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip().replace("-", "")


def test_what_cannot_be_found_out_at_start_is_not_decided(machine):
    digest = machine.list()[POLICY, "2.0.0"][1]
    machine.kernel.put("confirm", "no version\n")
    change_state(machine, lambda state: state.update(activating=digest))
    assert on_disk(machine)["activating"] == digest
    assert "what became of a trial" in errors(machine)


def test_a_rollback_does_not_ask_a_kernel_that_is_locked(machine):
    change_state(machine, lambda state: [record.update(state=new) for record, new in
                                         zip(state["versions"], ("superseded", "confirmed"), strict=True)])
    with machine.frozen_daemon():
        put_confirmed(machine)
        machine.kernel.put("lock", "policy\n")
    assert refused(machine, "Rollback", POLICY).name == "org.ipe.Error.LockedDown"
    assert machine.kernel.read(f"policies/{POLICY}/rollback") == b""
    assert states(machine) == {"1.0.0": "superseded", "2.0.0": "confirmed"}


def test_a_refusal_of_the_kernel_that_has_no_name_of_its_own(machine):
    """EISDIR is none of the errnos that a policy can have."""
    machine.kernel.path(f"policies/{POLICY}/trial").unlink()
    machine.kernel.path(f"policies/{POLICY}/trial").mkdir()
    with pytest.raises(BusError) as caught:
        activate(machine)
    assert caught.value.name == "org.ipe.Error.KernelRejected"
    assert "Is a directory" in caught.value.message
    assert states(machine) == {"1.0.0": "confirmed", "2.0.0": "failed"}


# Large policies


def large(version):
    """More than a PKCS#7 message can be."""
    rows = "".join(f"op=KMODULE fsverity_digest=sha256:{number:064x} action=ALLOW\n" for number in range(2000))
    return keys.append_signature(policy_text(version=version, body="DEFAULT action=ALLOW\n" + rows).encode())


@pytest.mark.parametrize("able", (True, False))
def test_policy_with_an_appended_signature(machine, able):
    """It is staged everywhere, and activated where the kernel says that it takes it."""
    words = [word for word in machine.kernel.read("features").decode().split() if word != "appended-signature"]
    machine.stop_daemon()
    machine.kernel.put("features", "\n".join([*words, *["appended-signature"] * able, ""]))
    machine.start_daemon()
    data = large("3.0.0")
    assert len(data) > 65535
    machine.stage(data)
    assert states(machine)["3.0.0"] == "staged"
    description, = call(machine, "GetPolicy", POLICY, "3.0.0")
    assert description["NeedsExtendedAbi"] is True
    if able:
        machine.kernel.put_policy(POLICY, ("1.0.0", machine.one), ("3.0.0", data), active=True)
        activate(machine, version="3.0.0", trial_sec=1000)
        assert states(machine)["3.0.0"] == "trial"
    else:
        with pytest.raises(BusError) as error:
            activate(machine, version="3.0.0")
        assert error.value.name == "org.ipe.Error.NotSupported" and "--format=pkcs7" in error.value.message
        assert states(machine)["3.0.0"] == "staged"
