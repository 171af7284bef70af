# SPDX-License-Identifier: LGPL-2.1-or-later
"""Findings that block an activation: essential ones, and those that a caller may force or accept. The
findings are made up."""

import os

import pytest
from gi.repository import GLib

from calls import call, refused
from inspections import FILE, facts
from machine import signed
from preflights import (
    DENY, FORCE, LOCK_OUT, NOT_SUPPORTED, POLICY, RULE, activate, findings, is_activated, sentences, stage)


@pytest.fixture
def machine(without_shadow):
    return without_shadow


ESSENTIAL, USERS = {"scope": "essential"}, {"scope": "users"}


def accept(machine):
    """The ID that Preflight() names, or None."""
    ids = [about.removeprefix("accept=") for about in sentences(machine) if about.startswith("accept=")]
    return ids[0] if ids else None


def accepting(identifier):
    return {"accept": GLib.Variant("s", identifier)}


def warnings(machine):
    return [entry["MESSAGE"] for entry in machine.entries(PRIORITY="4")]


def test_force_activates_what_is_not_essential_and_says_so(machine):
    stage(machine, body=DENY)
    facts(machine, FILE)
    activate(machine, **FORCE)
    assert is_activated(machine)
    said = [text for text in warnings(machine) if "on demand" in text]
    assert said and all(RULE in text for text in said)


def test_ipectl_forces(machine):
    stage(machine, body=DENY)
    facts(machine, FILE)
    machine.ipectl("activate", "--trial-sec=0", POLICY, status=8)
    machine.ipectl("activate", "--trial-sec=0", "--force", POLICY)
    assert is_activated(machine)


def test_nothing_makes_up_for_what_is_essential(machine):
    stage(machine, body=DENY)
    facts(machine, FILE)
    seen = accept(machine)
    facts(machine, FILE, {**FILE, **ESSENTIAL, "path": "/vital"})
    assert accept(machine) is None and "1 of these are essential" in sentences(machine)["essential"]
    for options in ({}, FORCE, accepting(seen), {**FORCE, **accepting(seen)}):
        error = refused(machine, activate, **options)
        assert error.name == LOCK_OUT and "essential" in error.message and "'/vital'" in error.message
        assert "--force" not in error.message and "--accept" not in error.message
    assert not is_activated(machine)
    machine.ipectl("activate", "--force", POLICY, status=8)


def test_what_this_machine_needs_is_essential(machine):
    """The real ipe-inspect finds these files, and not others of the same name in containers."""
    stage(machine, body=DENY)
    essential = {path for path, _, rule, _ in call(machine, "Preflight", POLICY)[0] if "it is essential" in rule}
    for path in ("/usr/lib/systemd/systemd-journald", "/usr/bin/sh", "/usr/sbin/agetty", "/usr/bin/dbus-daemon",
                 "/lib64/ld-linux-x86-64.so.2"):
        if os.path.exists(path):
            assert os.path.realpath(path) in essential, path
    assert refused(machine, activate, **FORCE).name == LOCK_OUT


def test_what_only_users_run_is_found_and_blocks_nothing(machine):
    """Otherwise one program in a home directory would keep every policy from being activated."""
    stage(machine, body=DENY)
    facts(machine, {**FILE, **USERS, "path": "/home/alice/jit", "processes": "jit[7]"})
    assert findings(machine)["/home/alice/jit"] == ["EXECUTE", f"{RULE} (only users run it)", "jit[7]"]
    assert accept(machine) is None
    activate(machine)
    assert is_activated(machine)
    assert any("/home/alice/jit" in text and "on demand" not in text for text in warnings(machine))


def test_the_findings_that_were_seen_are_accepted(machine):
    stage(machine, body=DENY)
    facts(machine, FILE, {**FILE, "path": "/y"})
    error = refused(machine, activate)
    seen = accept(machine)
    assert len(seen) == 16 and f"--accept={seen} {POLICY}'" in error.message and f"--accept={seen}'" in sentences(machine)[f"accept={seen}"]
    assert f"--accept={seen}'" in machine.ipectl("preflight", POLICY).stdout
    machine.ipectl("activate", "--trial-sec=0", f"--accept={seen}", POLICY)
    assert is_activated(machine) and any("on demand" in text and "'/y'" in text for text in warnings(machine))


def test_an_id_does_not_depend_on_the_order_nor_on_what_users_and_processes_do(machine):
    stage(machine, body=DENY)
    facts(machine, FILE, {**FILE, "path": "/y", "processes": "a[1]"})
    seen = accept(machine)
    facts(machine, {**FILE, "path": "/y", "processes": "b[2]"}, FILE, {**FILE, **USERS, "path": "/home/z"},
          *({**FILE, **USERS, "path": f"/home/{number}"} for number in range(1500)))
    assert accept(machine) == seen
    activate(machine, **accepting(seen))
    assert is_activated(machine)


@pytest.mark.parametrize("now", [[{}, {"path": "/y"}, {"path": "/z"}], [{}], [{}, {"path": "/z"}], [{}, {"path": "/y", "note": "n"}],
                                 [{}, {"path": "/y", "operation": "FIRMWARE"}]],
                         ids=["more", "less", "another", "another remark", "another operation"])
def test_other_findings_than_were_seen_are_not_accepted(machine, now):
    stage(machine, body=DENY + "DEFAULT op=FIRMWARE action=DENY\n")
    facts(machine, FILE, {**FILE, "path": "/y"})
    seen = accept(machine)
    facts(machine, *({**FILE, **change} for change in now))
    assert accept(machine) != seen
    error = refused(machine, activate, **accepting(seen))
    assert error.name == LOCK_OUT and "not the findings that were accepted" in error.message and accept(machine) in error.message
    assert not is_activated(machine)


def test_findings_of_another_policy_are_not_accepted(machine):
    stage(machine, body=DENY)
    facts(machine, FILE)
    seen = accept(machine)
    machine.stage(signed(version="2.0.0", body=DENY))
    assert accept(machine) != seen
    assert refused(machine, activate, **accepting(seen)).name == LOCK_OUT


def test_findings_that_nobody_can_have_seen_are_not_accepted(machine):
    stage(machine, body=DENY)
    facts(machine, *({**FILE, "path": f"/{number}"} for number in range(1001)))
    assert accept(machine) is None
    assert "--accept" not in refused(machine, activate).message
    activate(machine, **FORCE)
    assert is_activated(machine)


@pytest.mark.parametrize("text", ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "../../etc/passwd"])
def test_an_accepted_id_that_is_none_is_an_invalid_argument(machine, text):
    stage(machine, body=DENY)
    facts(machine, FILE)
    assert refused(machine, activate, **accepting(text)).name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert not is_activated(machine)


def test_without_an_inspection_nothing_is_accepted(machine):
    stage(machine, body=DENY)
    facts(machine, FILE)
    seen = accept(machine)
    machine.inspector.answer = b""
    assert refused(machine, activate, **accepting(seen)).name == NOT_SUPPORTED
    assert not is_activated(machine)


def cut(machine, uid, scope, *files):
    facts(machine, *files, cuts=[{"uid": uid, "scope": scope, "processes": 3}])


def test_a_user_of_whom_not_all_was_looked_at_is_named_and_blocks_nothing(machine):
    stage(machine, body=DENY)
    cut(machine, 65534, "users")
    assert sentences(machine) == {"uid=65534": "3 processes of user 65534 were not inspected, or not completely"}
    assert "user 65534" in machine.ipectl("preflight", POLICY).stdout
    activate(machine)
    assert is_activated(machine)


def test_a_service_of_which_not_all_was_looked_at_blocks_an_activation(machine):
    stage(machine)
    cut(machine, 33, "system")
    assert sentences(machine)["uid=33"].endswith("this blocks an activation")
    seen = accept(machine)
    assert refused(machine, activate).name == LOCK_OUT
    activate(machine, **accepting(seen))
    assert is_activated(machine)
