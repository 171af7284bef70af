# SPDX-License-Identifier: LGPL-2.1-or-later
"""A preflight as a job: objects that come and go, the signal with the result, and the callers who get and
end it. Plain files stand in for the kernel, see kernel_files.py: they have a shadow, in which a job watches
as long as the configuration says."""

import json
import signal

import pytest
from gi.repository import GLib

from connection import JOB, NAME, PATH, BusError, Connection
from inspections import FILE, facts
from machine import NOBODY, signed
from own_polkit import OwnPolkit
from programs import IPECTL
from raw_client import RawClient

POLICY = "corp-base"
DENIED = "org.freedesktop.DBus.Error.AccessDenied: "
LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded"
NO_SUCH_POLICY = "org.ipe.Error.NoSuchPolicy"
FINDING = ("/x", "EXECUTE", "DEFAULT op=EXECUTE action=DENY", "sh[7]")
DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
LONG, NONE = 600, 0


@pytest.fixture
def machine(bare, kernel_files):
    """corp-base 2.0.0 is staged, and in the kernel as the next version; a job has no end until something ends it."""
    kernel_files.keep_quiet(bare)
    bare.two = signed(version="2.0.0", body=DENY)
    kernel_files.put_policy(POLICY, ("1.0.0", signed()), ("2.0.0", bare.two), active=True)
    facts(bare, {**FILE, "processes": "sh[7]"})
    configure(bare, LONG)
    bare.start_daemon()
    bare.stage(bare.two)
    return bare


def configure(machine, preflight_sec):
    machine.configure("Confirm=manual", f"PreflightSec={preflight_sec}")


def reconfigure(machine, preflight_sec):
    configure(machine, preflight_sec)
    machine.call("Reload")


def start(machine, name=POLICY, connection=None, **options):
    packed = {key: GLib.Variant("s", value) for key, value in options.items()}
    return (connection or machine.connection).call(PATH, NAME, "StartPreflight", GLib.Variant("(sa{sv})", (name, packed)))[0]


def refused(machine, *arguments, **options):
    with pytest.raises(BusError) as error:
        start(machine, *arguments, **options)
    return error.value


def cancel(machine, job, connection=None):
    (connection or machine.connection).call(job, JOB, "Cancel")


def managed(machine):
    return machine.connection.call("/org/ipe", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0]


def jobs(machine):
    """{object: properties}"""
    return {path: interfaces[JOB] for path, interfaces in managed(machine).items() if JOB in interfaces}


def job_state(machine, job):
    return jobs(machine).get(job, {}).get("State")


def wait_watching(machine, job):
    machine.wait_for(lambda: job_state(machine, job) == "watching", "the shadow")


def results(connection):
    """{object: (result, findings, details)} of the jobs that have ended."""
    while GLib.MainContext.default().iteration(False):
        pass
    return {path: arguments for path, member, arguments in connection.signals if member == "Finished"}


def wait_result(machine, job, connection=None):
    return machine.wait_for(lambda: results(connection or machine.connection).get(job), "the end of the job")


def is_shadowed(machine):
    return machine.kernel.read(f"policies/{POLICY}/shadow") == b"1"


# Results and progress


def test_a_job_finds_what_preflight_finds(machine):
    reconfigure(machine, NONE)
    found = machine.call("Preflight", GLib.Variant("(s)", (POLICY,)))[0]
    assert found[0] == FINDING
    job = start(machine)
    assert wait_result(machine, job) == ("done", found, {"Name": POLICY, "Version": "2.0.0"})
    assert not jobs(machine)


def test_the_result_is_for_the_caller_alone(machine):
    other = Connection(machine.address)
    reconfigure(machine, NONE)
    job = start(machine)
    wait_result(machine, job)
    # An answer comes after what was sent before.
    other.call(PATH, NAME, "ListPolicies")
    assert job not in results(other)
    assert "/x" not in repr(other.signals)
    other.close()


def test_a_job_tells_how_far_it_has_come(machine):
    reconfigure(machine, 1)
    job = start(machine)
    wait_result(machine, job)
    told = [arguments[1] for path, member, arguments in machine.connection.signals if member == "PropertiesChanged" and path == job]
    progress = [properties["Progress"] for properties in told if "Progress" in properties]
    assert progress == sorted(progress) and all(0 <= percent <= 100 for percent in progress)
    added, = [arguments for arguments in machine.signals("InterfacesAdded") if arguments[0] == job]
    assert added[1][JOB] == {"Name": POLICY, "Version": "2.0.0", "State": "inspecting", "Progress": 0}
    machine.wait_signal("InterfacesRemoved", lambda arguments: arguments[0] == job)


def test_a_job_that_watches_says_so(machine):
    job = start(machine)
    wait_watching(machine, job)
    assert machine.properties(job, JOB)["Progress"] < 100 and is_shadowed(machine)
    machine.wait_for(lambda: [arguments for path, member, arguments in machine.connection.signals if path == job and
                              member == "PropertiesChanged" and arguments[1].get("State") == "watching"], "the change of its state")


def test_a_version_may_be_named(machine):
    reconfigure(machine, NONE)
    machine.stage(signed(version="3.0.0"))
    assert wait_result(machine, start(machine, version="2.0.0"))[2]["Version"] == "2.0.0"
    assert wait_result(machine, start(machine))[2]["Version"] == "3.0.0"
    assert refused(machine, version="9.0.0").name == NO_SUCH_POLICY
    assert refused(machine, version="x").name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert refused(machine, "other").name == NO_SUCH_POLICY
    assert not jobs(machine)


def test_a_job_that_cannot_be_done_fails_with_the_error_of_preflight(machine):
    reconfigure(machine, NONE)
    machine.inspector.answer = b""
    result, findings, details = wait_result(machine, start(machine))
    assert (result, findings, details["Error"]) == ("failed", [], "org.ipe.Error.NotSupported")
    assert "ipe-inspect" in details["Message"] and details["Version"] == "2.0.0"


# One at a time


def test_others_wait_and_root_comes_first(machine):
    polkit = OwnPolkit(machine)
    polkit.answers = {"inspect": "yes"}
    first = start(machine)
    wait_watching(machine, first)
    client = RawClient(machine, NOBODY)
    client.ask("StartPreflight", GLib.Variant("(sa{sv})", (POLICY, {})))
    others = machine.wait_for(lambda: jobs(machine).keys() - {first}, "the job of another user").pop()
    own = start(machine)
    assert job_state(machine, others) == job_state(machine, own) == "waiting"
    cancel(machine, first)
    wait_watching(machine, own)
    assert job_state(machine, others) == "waiting"
    cancel(machine, own)
    wait_watching(machine, others)
    client.close()
    machine.wait_for(lambda: not jobs(machine), "the end of all")
    polkit.close()


def test_a_job_waits_for_a_preflight_and_a_preflight_for_none(machine):
    other = Connection(machine.address)
    other.bus.call(NAME, PATH, NAME, "Preflight", GLib.Variant("(s)", (POLICY,)), None, 0, -1, None, None)
    machine.wait_for(lambda: is_shadowed(machine), "the shadow")
    job = start(machine)
    assert job_state(machine, job) == "waiting"
    other.close()
    wait_watching(machine, job)
    with pytest.raises(BusError) as error:
        machine.call("Preflight", GLib.Variant("(s)", (POLICY,)))
    assert error.value.name == LIMITS and "is running" in error.value.message


def test_what_has_gone_meanwhile_fails_and_the_next_one_begins(machine):
    first = start(machine)
    wait_watching(machine, first)
    machine.stage(signed("other"))
    gone, last = start(machine, "other"), start(machine)
    machine.call("Discard", GLib.Variant("(ss)", ("other", "1.0.0")))
    cancel(machine, first)
    assert wait_result(machine, gone)[2]["Error"] == NO_SUCH_POLICY
    wait_watching(machine, last)


def test_jobs_are_bounded(machine):
    polkit = OwnPolkit(machine)
    polkit.answers = {"inspect": "yes"}
    clients = [RawClient(machine, uid) for uid in (1, 2, 3, 4, 5)]
    for number, client in enumerate(clients, 1):
        for _ in range(5):
            client.ask("StartPreflight", GLib.Variant("(sa{sv})", (POLICY, {})))
        polkit.wait_question(5 * number)
        client.answers(6)
    assert [len(client.sentences) for client in clients] == [1, 1, 1, 1, 5]
    assert all(sentence.startswith(f"{LIMITS}: ") for client in clients for sentence in client.sentences)
    own = [start(machine) for _ in range(16)]
    assert refused(machine).name == LIMITS
    assert len(jobs(machine)) == 32
    for client in clients:
        client.close()
    machine.wait_for(lambda: jobs(machine).keys() == set(own), "the end of the others")
    polkit.close()


# Its end


@pytest.mark.parametrize("waits", [False, True])
def test_a_caller_cancels_its_own(machine, waits):
    first = start(machine)
    wait_watching(machine, first)
    job = start(machine) if waits else first
    cancel(machine, job)
    result, findings, details = wait_result(machine, job)
    assert (result, findings, details["Message"]) == ("canceled", [], "The preflight of 'corp-base' 2.0.0 was canceled.")
    assert job not in jobs(machine) and is_shadowed(machine) == waits
    with pytest.raises(BusError) as error:
        cancel(machine, job)
    assert error.value.name == "org.freedesktop.DBus.Error.UnknownObject"


def test_others_need_the_right_to_inspect(machine):
    polkit = OwnPolkit(machine)
    job = start(machine)
    wait_watching(machine, job)
    assert polkit.call("Cancel", "()", path=job, interface=JOB).startswith(DENIED)
    assert polkit.asked() == ["inspect"] and job in jobs(machine)
    polkit.answers = {"inspect": "yes"}
    assert polkit.call("Cancel", "()", path=job, interface=JOB) == "()"
    assert wait_result(machine, job)[0] == "canceled"
    polkit.close()


def test_a_job_that_ends_while_polkit_thinks_leaves_no_question(machine):
    """The object of the call has gone when polkit answers: 20 such questions would use up a user's share."""
    polkit = OwnPolkit(machine)
    polkit.held = True
    client = RawClient(machine, NOBODY)
    job = start(machine)
    for _ in range(20):
        client.call(NAME, job, JOB, "Cancel")
    polkit.wait_question(20)
    cancel(machine, job)
    for question in polkit.questions:
        question.answer("yes")
    client.answers(21)
    assert len(client.sentences) == 20 and all("UnknownObject" in sentence for sentence in client.sentences)
    # The daemon drops the questions once it has nothing else to do, which may be later than its last answer.
    machine.wait_idle()
    client.ask("Discard", GLib.Variant("(ss)", (POLICY, "2.0.0")))
    assert polkit.wait_question(21).action == "discard"
    client.close()
    polkit.close()


def test_a_caller_that_leaves_ends_its_jobs(machine):
    other = Connection(machine.address)
    running, waiting = start(machine, connection=other), start(machine, connection=other)
    wait_watching(machine, running)
    last = start(machine)
    other.close()
    wait_watching(machine, last)
    assert jobs(machine).keys() == {last} and waiting != last


def test_a_daemon_that_is_stopped_ends_all_jobs(machine):
    found = [start(machine), start(machine)]
    machine.stop_daemon()
    assert [wait_result(machine, job)[0] for job in found] == ["canceled", "canceled"]
    assert not is_shadowed(machine)
    machine.start_daemon()
    assert not jobs(machine)


# ipectl


def begin_ipectl(machine):
    output = open(machine.directory / "output", "w+")
    process = machine.start([IPECTL, "preflight", POLICY], stdout=output, stderr=output)
    machine.wait_for(lambda: is_shadowed(machine), "the shadow")
    return process


def said(machine):
    return (machine.directory / "output").read_text()


def test_ipectl_shows_what_a_job_has_found(machine):
    reconfigure(machine, NONE)
    lines = machine.ipectl("preflight", POLICY).stdout.splitlines()
    assert lines[1].split()[:2] == ["/x", "EXECUTE"] and "1 denial listed." in lines
    assert json.loads(machine.ipectl("preflight", "--json", POLICY).stdout)[0]["path"] == "/x"


def test_ipectl_says_that_somebody_has_ended_its_job(machine):
    process = begin_ipectl(machine)
    job, = jobs(machine)
    cancel(machine, job)
    assert process.wait() == 1 and f"Failed to find out what '{POLICY}' would deny: The preflight of '{POLICY}' 2.0.0 was canceled." in said(machine)


def test_ipectl_says_that_the_daemon_has_gone(machine):
    process = begin_ipectl(machine)
    machine.kill_daemon()
    assert process.wait() == 7 and "ended before the preflight did" in said(machine)


def test_ipectl_that_is_interrupted_ends_its_job(machine):
    process = begin_ipectl(machine)
    process.stop(signal.SIGINT)
    machine.wait_for(lambda: not jobs(machine), "the end of the job")
    assert not is_shadowed(machine)


def test_ipectl_believes_nobody_but_the_daemon(machine):
    """Anybody may send it a signal; only the daemon knows its result."""
    before = set(machine.connection.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames", name="org.freedesktop.DBus")[0])
    process = begin_ipectl(machine)
    names = set(machine.connection.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames", name="org.freedesktop.DBus")[0])
    job, = jobs(machine)
    for name in names - before:
        machine.connection.bus.emit_signal(name, job, JOB, "Finished", GLib.Variant("(sa(ssss)a{sv})", ("done", [], {})))
    machine.connection.bus.flush_sync(None)
    cancel(machine, job)
    assert process.wait() == 1 and "was canceled" in said(machine)
