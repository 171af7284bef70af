# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers that a real ipectld gives rarely, in another version, or never; see other_daemon.py."""

import fcntl
import json
import os
import re
import struct
import termios
import time

import pytest
from gi.repository import GLib

from other_daemon import OtherDaemon, Refusal
from programs import IPECTL

ROOT_HASH = "sha256:" + "ab" * 32
HOSTILE = "a\033[31m\n\r\u202e\\%s'\x9b"
OLDER = "The running ipectld is older than this ipectl."


def now_usec():
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6)


def manager(**properties):
    known = {"Version": GLib.Variant("s", "0.2.0"), "Enforce": GLib.Variant("b", True),
             "Features": GLib.Variant("as", ["stage", "trial"]), "KernelAbi": GLib.Variant("s", "extended")}
    return {**known, **properties}


def on_trial(confirm="auto", checks=(("units", "passed", ""), ("denials", "failed", "/usr/bin/sh"))):
    return manager(TrialPolicy=GLib.Variant("(ss)", ("base", "2.0.0")), TrialConfirm=GLib.Variant("s", confirm),
                   TrialDeadlineUSec=GLib.Variant("t", now_usec() + 5_000_000_000),
                   TrialChecks=GLib.Variant("a(sss)", checks))


NO_POLICIES = {"ListPolicies": ("", "a(ssssbo)", lambda: ([],))}


def volumes(*rows):
    return {"ListVolumes": ("", "a(ssbss)", lambda: (list(rows),))}


ROWS = [("usr", ROOT_HASH, True, "ALLOW", "op=EXECUTE dmverity_signature=TRUE action=ALLOW"),
        ("data", ROOT_HASH, False, "DENY", "DEFAULT op=EXECUTE action=DENY"), ("bare", ROOT_HASH, False, "", "")]


def test_volumes(bare):
    daemon = OtherDaemon(bare, methods=volumes(*ROWS))
    lines = daemon.ipectl("volumes")[0].splitlines()
    assert re.split("  +", lines[0].replace("ROOT HASH", "ROOT_HASH"))[0].split() == ["NAME", "ROOT_HASH"]
    assert lines[1].split() == ["usr", ROOT_HASH, "yes", "ALLOW", "op=EXECUTE", "dmverity_signature=TRUE", "action=ALLOW"]
    assert lines[3].split() == ["bare", ROOT_HASH, "no", "-", "-"]
    assert lines[-1] == "3 volumes listed."
    assert len(daemon.ipectl("volumes", "--no-legend")[0].splitlines()) == 3
    found = json.loads(daemon.ipectl("volumes", "--json")[0])
    assert found[0] == {"name": "usr", "root_hash": ROOT_HASH, "signed": True, "verdict": "ALLOW", "rule": ROWS[0][4]}
    assert found[2]["verdict"] is None and found[2]["rule"] is None


def test_no_volumes(bare):
    daemon = OtherDaemon(bare, methods=volumes())
    assert daemon.ipectl("volumes")[0] == "\n0 volumes listed.\n"
    assert json.loads(daemon.ipectl("volumes", "--json")[0]) == []


def test_hostile_volumes(bare):
    daemon = OtherDaemon(bare, methods=volumes((HOSTILE, HOSTILE, True, HOSTILE, HOSTILE)))
    assert not re.search("[\033\r\u202e\x9b]", daemon.ipectl("volumes")[0])
    assert len(daemon.ipectl("volumes", "--no-legend")[0].splitlines()) == 1
    assert json.loads(daemon.ipectl("volumes", "--json")[0])[0]["name"] == HOSTILE


@pytest.mark.parametrize("returned, result", [("", ()), ("s", ("x",)), ("as", (["x"],)), ("a(ss)", ([("x", "y")],)),
                                              ("a(ssbsss)", ([],)), ("v", (GLib.Variant("s", "x"),))])
@pytest.mark.parametrize("method, taken, words", [("ListVolumes", "", ["volumes"]), ("StartPreflight", "sa{sv}", ["preflight", "base"]),
                                                  ("ListPolicies", "", ["list"]), ("GetPolicy", "ss", ["show", "base"])])
def test_an_answer_of_another_type(bare, method, taken, words, returned, result):
    daemon = OtherDaemon(bare, methods={method: (taken, returned, lambda *_: result)})
    output, errors = daemon.ipectl(*words, status=1)
    assert "This ipectl does not understand the answer of ipectld" in errors and not output


def terminal_output(bare, columns, *words, environment=()):
    """Returns the lines on a terminal with so many columns."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = bare.start([IPECTL, *words], {"NO_COLOR": "1", "TERM": "xterm", **dict(environment)}, stdout=theirs)
    os.close(theirs)
    bare.wait_for(process.ended, "ipectl to end")
    assert process.wait() == 0
    output = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        output += data
    os.close(ours)
    return output.decode().replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_table_fits_the_terminal(bare, columns):
    OtherDaemon(bare, methods=volumes(*ROWS, ("漢" * 20, ROOT_HASH, True, "ALLOW", "r")))
    lines = terminal_output(bare, columns, "volumes")
    assert len(lines) == 7
    assert max(len(line) + line.count("漢") for line in lines) == columns
    assert "..." in lines[1]
    # The columns stay aligned.
    where = lines[0].index("VERDICT")
    assert [line[where:where + 5] for line in lines[1:3]] == ["ALLOW", "DENY "]


def test_a_table_is_whole_where_it_is_wanted(bare):
    OtherDaemon(bare, methods=volumes(*ROWS))
    for lines in (terminal_output(bare, 60, "volumes", "--full"), terminal_output(bare, 60, "volumes", "-l"),
                  terminal_output(bare, 60, "volumes", environment={"COLUMNS": "500"}),
                  terminal_output(bare, 0, "volumes")):
        assert ROOT_HASH in lines[1] and ROWS[0][4] in lines[1]


def test_a_terminal_that_is_far_too_narrow(bare):
    OtherDaemon(bare, methods=volumes(*ROWS))
    assert len(terminal_output(bare, 1, "volumes")) == 6


def test_status_of_a_trial(bare):
    daemon = OtherDaemon(bare, on_trial(), NO_POLICIES)
    output = daemon.ipectl("status")[0]
    assert re.search(r"On trial: base 2\.0\.0$", output, re.M)
    assert re.search(r"Trial ends: in \d+ seconds; it is confirmed then if all checks pass$", output, re.M)
    assert re.search("Check: units: passed$", output, re.M)
    assert re.search("Check: denials: failed: /usr/bin/sh$", output, re.M)
    found = json.loads(daemon.ipectl("status", "--json")[0])
    assert found["trial_confirm"] == "auto"
    assert found["trial_checks"][1] == {"check": "denials", "state": "failed", "detail": "/usr/bin/sh"}


@pytest.mark.parametrize("properties", [on_trial("manual", ()), {
    name: value for name, value in on_trial().items() if name not in ("TrialConfirm", "TrialChecks")}],
    ids=["manual", "older"])
def test_status_of_a_trial_without_checks(bare, properties):
    output = OtherDaemon(bare, properties, NO_POLICIES).ipectl("status")[0]
    assert "unless it is confirmed" in output and "Check" not in output and "Warning" not in output


def test_status_of_a_hostile_daemon(bare):
    daemon = OtherDaemon(bare, {**on_trial(HOSTILE, [(HOSTILE, HOSTILE, HOSTILE)]), "Version": GLib.Variant("s", HOSTILE),
                                "KernelAbi": GLib.Variant("s", HOSTILE), "Warnings": GLib.Variant("as", [HOSTILE])}, NO_POLICIES)
    output = daemon.ipectl("status")[0]
    assert "Warning: " in output and not re.search("[\033\r\u202e\x9b]", output)
    assert json.loads(daemon.ipectl("status", "--json")[0])["version"] == HOSTILE


@pytest.mark.parametrize("words", [["volumes"], ["preflight", "base"], ["activate", "base"], ["activate", "--force", "base"],
                                   ["confirm", "base"], ["rollback", "base"]], ids=" ".join)
def test_a_daemon_that_has_not_got_the_method(bare, words):
    output, errors = OtherDaemon(bare, manager()).ipectl(*words, status=5)
    assert OLDER in errors and not output


def test_activate_options(bare):
    seen = []

    def activate(name, options):
        seen.append((name, options))
        raise Refusal("org.ipe.Error.NoSuchPolicy", "no")
    daemon = OtherDaemon(bare, manager(), {"ActivateWithOptions": ("sa{sv}", "o", activate)})
    daemon.ipectl("activate", "--force", "base", status=3)
    daemon.ipectl("activate", "base", "--confirm=manual", "--version=1.0.0", "--trial-sec=1min", "--force", status=3)
    daemon.ipectl("activate", "base", "--confirm=auto", status=3)
    assert seen == [("base", {"force": True}),
                    ("base", {"confirm": "manual", "version": "1.0.0", "trial-sec": 60, "force": True}),
                    ("base", {"confirm": "auto"})]


def test_would_lock_out(bare):
    sentence = "It would deny 2 files that are needed: /usr/bin/sh (DEFAULT action=DENY)"

    def activate(_name):
        raise Refusal("org.ipe.Error.WouldLockOut", sentence)
    output, errors = OtherDaemon(bare, manager(), {"Activate": ("s", "o", activate)}).ipectl("activate", "base", status=8)
    assert not output
    assert errors.splitlines()[0] == f"Failed to activate 'base': {sentence}"
    assert "ipectl preflight" in errors


VERSION = "/org/ipe/policy/base/_32_2e0_2e0"


@pytest.mark.parametrize("words, method, answer", [
    (["confirm", "base"], ("Confirm", "s", "", ()), {"name": "base", "message": "Confirmed 'base'."}),
    (["enforce", "no"], ("SetEnforce", "b", "", ()), {"enforce": False, "message": "enforce is off now."}),
    (["success-audit", "yes"], ("SetSuccessAudit", "b", "", ()), {"success_audit": True,
                                                                  "message": "success-audit is on now."}),
    (["rollback", "base"], ("Rollback", "s", "o", ("/",)), {
        "message": "The trial has ended. No policy was confirmed before, so no policy of ipectld is active."}),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_answers_of_a_change(bare, words, method, answer):
    name, taken, returned, result = method
    daemon = OtherDaemon(bare, manager(), {name: (taken, returned, lambda *_: result)})
    assert json.loads(daemon.ipectl(*words, "--json")[0]) == answer
    assert daemon.ipectl(*words)[0] == answer["message"] + "\n"
    assert daemon.ipectl(*words, "--quiet") == ("", "")


@pytest.mark.parametrize("features, confirm, expected", [
    (["trial"], "auto", "It is confirmed then if all health checks pass"),
    (["trial"], "manual", "'ipectl confirm base' confirms it; 'ipectl end-trial base' ends the trial, as does the end of this time."),
    ([], "manual", "This kernel cannot go back while it runs"),
])
def test_activate_says_what_it_came_to(bare, features, confirm, expected):
    daemon = OtherDaemon(bare, {**on_trial(confirm), "Features": GLib.Variant("as", features)},
                         {"Activate": ("s", "o", lambda name: (VERSION,))})
    daemon.offer(VERSION, "org.ipe.Policy", {"Name": GLib.Variant("s", "base"), "Version": GLib.Variant("s", "2.0.0"),
                                             "State": GLib.Variant("s", "trial")})
    output = daemon.ipectl("activate", "base")[0]
    assert output.startswith("'base' 2.0.0 is active, on trial for ") and expected in output
    assert ("cannot go back" in output) == (not features)
    answer = json.loads(daemon.ipectl("activate", "base", "--json")[0])
    assert (answer["name"], answer["version"], answer["state"], answer["object_path"]) == ("base", "2.0.0", "trial", VERSION)
    assert expected in answer["message"]


class Trial(OtherDaemon):
    """base 2.0.0 is on trial, and has another state after the caller has read it twice. silent: no signal reports that."""

    def __init__(self, machine, state, silent=False):
        self.state, self.silent, self.looks = state, silent, 0
        super().__init__(machine, on_trial(), {"Activate": ("s", "o", lambda name: (VERSION,))})
        self.offer(VERSION, "org.ipe.Policy", {"Name": GLib.Variant("s", "base"), "Version": GLib.Variant("s", "2.0.0"),
                                               "State": GLib.Variant("s", "trial")})

    def on_get(self, _bus, _sender, path, _interface, name):
        self.looks += name == "State"
        if name == "State" and self.looks == 2:
            GLib.idle_add(self.end)
        return super().on_get(_bus, _sender, path, _interface, name)

    def end(self):
        self.properties[VERSION]["State"] = GLib.Variant("s", self.state)
        if not self.silent:
            self.change(TrialDeadlineUSec=GLib.Variant("t", 0))


def test_the_end_of_a_trial_is_waited_for(bare):
    output, errors = Trial(bare, "confirmed").ipectl("activate", "--wait", "base")
    assert "on trial for" in output and output.endswith("Confirmed 'base' 2.0.0.\n") and not errors


def test_a_trial_that_ends_otherwise_is_a_failure(bare):
    output, errors = Trial(bare, "rolled-back").ipectl("activate", "--wait", "base", status=1)
    assert "on trial for" in output and "Confirmed" not in output
    assert errors == "The trial of 'base' 2.0.0 has ended, and it is rolled-back. 'ipectl log base' shows why.\n"


def test_json_has_the_state_after_the_trial(bare):
    answer = json.loads(Trial(bare, "confirmed").ipectl("activate", "--wait", "--json", "base")[0])
    assert answer["state"] == "confirmed" and answer["object_path"] == VERSION and "on trial for" in answer["message"]


def test_a_daemon_that_says_nothing_is_asked(bare):
    """As after a restart in between."""
    Trial(bare, "confirmed", silent=True).ipectl("activate", "--wait", "base")


def test_nothing_is_waited_for_without_a_trial(bare):
    daemon = OtherDaemon(bare, manager(), {"ActivateWithOptions": ("sa{sv}", "o", lambda *_: (VERSION,))})
    daemon.offer(VERSION, "org.ipe.Policy", {"Name": GLib.Variant("s", "base"), "Version": GLib.Variant("s", "2.0.0"),
                                             "State": GLib.Variant("s", "confirmed")})
    assert daemon.ipectl("activate", "--wait", "--trial-sec=0", "base")[0] == \
        "Activated 'base' 2.0.0; it is confirmed, without a trial.\n"


def test_a_change_whose_outcome_is_not_known_is_not_taken_for_one_that_failed(bare):
    daemon = OtherDaemon(bare, manager(), {"Activate": ("s", "o", lambda name: (VERSION,))})
    output, errors = daemon.ipectl("activate", "base", status=1)
    assert errors.startswith("The change was made, but its result cannot be read: ") and not output
