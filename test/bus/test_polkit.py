# SPDX-License-Identifier: LGPL-2.1-or-later
"""Authorization of every method, with a mock of polkit, which hangs on request, and with the real one."""

import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import GLib

from connection import NAME, PATH, POLKIT
from machine import CALLER, NOBODY, signed
from programs import TOP

DBUS = "org.freedesktop.DBus.Error"
DBUS_NAME = "org.freedesktop.DBus"
MANUAL = TOP / "man/org.ipe.Manager.5.xml"

# Every method that changes something or names what others run: the action that it needs, its arguments, and the error
# that an authorised call ends with on a machine without IPE, if it does.
CHANGES = {
    "Stage": ("stage", "(handle 0, @a{sv} {})", None),
    "Reload": ("stage", "()", None),
    "Discard": ("discard", "('corp-base', '1.0.0')", None),
    "Preflight": ("inspect", "('corp-base',)", None),
    "StartPreflight": ("inspect", "('corp-base', @a{sv} {})", None),
    "ListVolumes": ("inspect", "()", None),
    "Subscribe": ("inspect", "(@a{sv} {},)", None),
    "Activate": ("activate", "('corp-base',)", "NotSupported"),
    "ActivateWithOptions": ("activate", "('corp-base', @a{sv} {})", "NotSupported"),
    "Confirm": ("confirm", "('corp-base',)", "NoTrial"),
    "ConfirmWithOptions": ("confirm", "('corp-base', @a{sv} {})", "NoTrial"),
    "EndTrial": ("rollback", "('corp-base', @a{sv} {})", "NoTrial"),
    "RollbackWithOptions": ("rollback", "('corp-base', @a{sv} {})", "NoSuchPolicy"),
    "Deactivate": ("deactivate", "(@a{sv} {},)", "NoSuchPolicy"),
    "CheckBoot": ("confirm", "()", None),
    "ConfirmBoot": ("confirm", "()", None),
    "Rollback": ("rollback", "('corp-base',)", "NoSuchPolicy"),
    "SetEnforce": ("set-enforce", "(false,)", "NotSupported"),
    "SetSuccessAudit": ("set-success-audit", "(true,)", "NotSupported"),
}
# Those that test_actions.py is about are needed in addition to another one.
ACTIONS = {f"org.ipe.manager.{action}" for action in
           {action for action, _, _ in CHANGES.values()} | {"activate-force", "activate-no-trial"}}
NEW = ("corp-base", "2.0.0")


def call(machine, method, uid=NOBODY):
    """Calls a method as another user; Stage hands in NEW."""
    files = []
    if method == "Stage":
        (machine.run_directory / "new.p7b").write_bytes(signed(*NEW))
        files.append("/run/new.p7b")
    return machine.call_as(uid, method, CHANGES[method][1], *files)


def refused(result, error):
    return result.returncode == 1 and result.stderr.startswith(f"{error}: ")


def assert_authorised(result, method):
    error = CHANGES[method][2]
    assert refused(result, f"org.ipe.Error.{error}") if error else result.returncode == 0, result.stderr


def snapshot(machine):
    return machine.list(), machine.properties(), (machine.state / "state.json").read_bytes()


def test_every_method_that_needs_an_action_is_here(machine):
    xml = machine.run("busctl", "introspect", "--xml-interface", NAME, PATH).stdout
    ours = xml.partition(f'<interface name="{NAME}">')[2]
    methods = {line.split('"')[1] for line in ours.splitlines() if "<method " in line}
    rest = {method for method in methods - set(CHANGES) if not method.startswith("Can")}
    assert rest == {"ListPolicies", "GetPolicy", "OpenPolicy", "ListTransitions", "ListTrust", "Unsubscribe"}


def test_manual_names_the_action_of_each_method():
    section, = [section for section in ElementTree.parse(MANUAL).iter("refsect1")
                if section.find("title").text == "polkit actions"]
    assert {function.text: entry.find("term/literal").text for entry in section.iter("varlistentry")
            for function in entry.iter("function")} == {"Cancel": "org.ipe.manager.inspect", **{
                method: f"org.ipe.manager.{row[0]}" for method, row in CHANGES.items()}}


@pytest.mark.parametrize("method", CHANGES)
def test_refused_without_polkit(kept, method):
    before = snapshot(kept)
    assert refused(call(kept, method), f"{DBUS}.AccessDenied")
    assert snapshot(kept) == before


@pytest.mark.parametrize("method", CHANGES)
def test_refused_by_polkit_and_nothing_changes(mocked, method):
    """Even if polkit allows every other action."""
    mocked.stage(signed())
    mocked.allow(*(ACTIONS - {f"org.ipe.manager.{CHANGES[method][0]}"}))
    before = snapshot(mocked)
    assert refused(call(mocked, method), f"{DBUS}.AccessDenied")
    assert snapshot(mocked) == before
    assert not mocked.signals("PolicyRejected")


@pytest.mark.parametrize("method", CHANGES)
def test_allowed_by_its_action_alone(mocked, method):
    mocked.stage(signed())
    mocked.allow(f"org.ipe.manager.{CHANGES[method][0]}")
    assert_authorised(call(mocked, method), method)
    assert (NEW in mocked.list()) == (method == "Stage")
    assert (("corp-base", "1.0.0") in mocked.list()) == (method != "Discard")


@pytest.mark.parametrize("method", CHANGES)
def test_root_needs_no_polkit(machine, method):
    machine.stage(signed())
    assert_authorised(call(machine, method, uid=0), method)


def test_who_handed_a_policy_in(mocked):
    mocked.allow("org.ipe.manager.stage")
    assert call(mocked, "Stage").returncode == 0
    assert f"(caller.py) of uid {NOBODY}" in mocked.get(*NEW)["Source"]


def test_a_user_hands_a_policy_in_as_memory_and_root_as_a_file_too(mocked):
    """A user's file may be on FUSE, where a read never ends; a tmpfs counts as memory."""
    words = ("Stage", CHANGES["Stage"][1], "--open")
    assert refused(mocked.call_as(NOBODY, *words, "/proc/version"), f"{DBUS}.InvalidArgs"), "polkit is not asked"
    mocked.allow("org.ipe.manager.stage")
    result = mocked.call_as(NOBODY, *words, "/proc/version")
    assert refused(result, f"{DBUS}.InvalidArgs") and "memfd_create" in result.stderr
    (mocked.run_directory / "new.p7b").write_bytes(signed(*NEW))
    assert mocked.call_as(0, *words, "/run/new.p7b").returncode == 0 and NEW in mocked.list()


def hang(machine):
    machine.mock("SimulateHang", GLib.Variant("(b)", (True,)))
    machine.mock("AllowUnknown", GLib.Variant("(b)", (True,)))


def hanging(machine):
    return machine.mock("HaveHangingCalls")[0]


def start_call(machine, *words, uid=NOBODY):
    """A caller that waits for polkit."""
    return machine.start(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", CALLER, *words],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_daemon_answers_others_while_polkit_thinks(mocked):
    mocked.stage(signed())
    hang(mocked)
    caller = start_call(mocked, "Discard", "('corp-base', '1.0.0')")
    mocked.wait_for(lambda: hanging(mocked), "the question")
    assert ("corp-base", "1.0.0") in mocked.list()
    mocked.stage(signed("another"))
    mocked.mock("ReleaseHangingCalls")
    assert caller.wait() == 0
    assert mocked.list().keys() == {("another", "1.0.0")}


def test_state_that_changes_while_polkit_thinks(mocked):
    """The daemon judges the call when the answer comes, not when it asks."""
    mocked.stage(signed())
    hang(mocked)
    caller = start_call(mocked, "Discard", "('corp-base', '1.0.0')")
    mocked.wait_for(lambda: hanging(mocked), "the question")
    mocked.call("Discard", GLib.Variant("(ss)", ("corp-base", "1.0.0")))
    mocked.mock("ReleaseHangingCalls")
    assert caller.wait() != 0
    assert not mocked.list()


def names(machine):
    """The names on the bus."""
    return set(machine.connection.call("/org/freedesktop/DBus", DBUS_NAME, "ListNames", name=DBUS_NAME)[0])


def test_caller_that_vanishes_while_polkit_thinks(mocked):
    """Nobody would learn the result, so the daemon does not carry the call out."""
    mocked.stage(signed())
    hang(mocked)
    before = names(mocked)
    for _ in range(3):
        caller = start_call(mocked, "Discard", "('corp-base', '1.0.0')")
        mocked.wait_for(lambda: hanging(mocked), "the question")
        caller.stop(signal.SIGKILL)
        mocked.wait_for(lambda: names(mocked) == before, "the bus to see that the caller has gone")
        mocked.mock("ReleaseHangingCalls")
        # The answer comes before the first of these, and what it would set off before the second.
        for _ in range(2):
            assert mocked.list()["corp-base", "1.0.0"][0] == "staged"


def test_question_for_a_caller_that_vanishes_is_withdrawn(mocked):
    mocked.mock("AddMethod", GLib.Variant("(sssss)", (f"{POLKIT}.Authority", "CancelCheckAuthorization", "s", "", "")))
    mocked.stage(signed())
    hang(mocked)
    caller = start_call(mocked, "Discard", "('corp-base', '1.0.0')")
    mocked.wait_for(lambda: hanging(mocked), "the question")
    caller.stop(signal.SIGKILL)
    calls = mocked.wait_for(lambda: mocked.mock("GetMethodCalls", GLib.Variant("(s)", ("CancelCheckAuthorization",)))[0],
                            "the withdrawal")
    assert len(calls) == 1
    assert calls[0][1][0].startswith("ipectld-")


def test_one_user_cannot_use_up_the_questions_of_all(mocked):
    """More callers than polkit.c allows one user: those above 20 get an answer at once."""
    mocked.stage(signed())
    hang(mocked)
    callers = [start_call(mocked, "Activate", "('corp-base',)") for _ in range(25)]
    mocked.wait_for(lambda: sum(caller.ended() for caller in callers) == 5,
                    "those above the limit")
    assert refused(call(mocked, "Activate"), f"{DBUS}.LimitsExceeded")
    other = start_call(mocked, "Discard", "('corp-base', '1.0.0')", uid=1)
    mocked.wait_for(lambda: mocked.mock("ReleaseHangingCalls") is None or other.ended(), "another user's answer")
    assert other.wait() == 0
    for caller in callers:
        assert caller.wait() == 1
    assert not mocked.list()


def test_polkit_that_vanishes(bare):
    bare.start_daemon()
    polkit = bare.start_mock_polkit()
    hang(bare)
    bare.stage(signed())
    caller = start_call(bare, "Discard", "('corp-base', '1.0.0')")
    bare.wait_for(lambda: hanging(bare), "the question")
    polkit.stop(signal.SIGKILL)
    assert caller.wait() != 0
    assert ("corp-base", "1.0.0") in bare.list()


def test_daemon_that_is_stopped_while_polkit_thinks(mocked):
    mocked.stage(signed())
    hang(mocked)
    caller = start_call(mocked, "Discard", "('corp-base', '1.0.0')")
    mocked.wait_for(lambda: hanging(mocked), "the question")
    mocked.stop_daemon()
    assert caller.wait() != 0
    mocked.start_daemon()
    assert ("corp-base", "1.0.0") in mocked.list()


# The real polkitd. Nobody sits at this machine, so an administrator's password can be asked for by nobody.


def rule(machine, text):
    (machine.rules / "10-test.rules").write_text(f"polkit.addRule(function(action, subject) {{ {text} }});\n")


@pytest.mark.parametrize("method", CHANGES)
def test_default_is_to_ask_an_administrator(machine, method):
    machine.stage(signed())
    machine.start_polkit()
    before = snapshot(machine)
    assert refused(call(machine, method), f"{DBUS}.InteractiveAuthorizationRequired")
    assert snapshot(machine) == before


def test_rule_that_allows_one_action_to_one_user(machine):
    rule(machine, 'if (action.id == "org.ipe.manager.stage" && subject.user == "nobody") return polkit.Result.YES;')
    machine.stage(signed())
    machine.start_polkit()
    assert call(machine, "Stage").returncode == 0
    assert NEW in machine.list()
    assert refused(call(machine, "Activate"), f"{DBUS}.InteractiveAuthorizationRequired")
    assert refused(call(machine, "Reload", uid=1), f"{DBUS}.InteractiveAuthorizationRequired")


def test_rule_that_denies(machine):
    rule(machine, 'return polkit.Result.NO;')
    machine.start_polkit()
    assert refused(call(machine, "Stage"), f"{DBUS}.AccessDenied")
    assert not machine.list()


def test_actions_are_known_to_polkit(machine):
    machine.start_polkit()
    assert set(machine.run("pkaction").stdout.split()) == ACTIONS


def test_text_of_a_policy_is_for_everybody(machine):
    machine.stage(signed())
    assert machine.call_as(NOBODY, "OpenPolicy", "('corp-base', '1.0.0')").returncode == 0
