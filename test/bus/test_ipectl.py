# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectl as a client of the real ipectld: what it prints, and its exit statuses."""

import json
import signal

import pytest
from gi.repository import GLib

import keys
from machine import NOBODY, signed
from programs import IPECTL


@pytest.fixture
def staged(machine):
    machine.stage(signed())
    return machine


def put(machine, data, name="new.p7b"):
    """Writes a file that ipectl can read; returns its path as ipectl sees it."""
    (machine.run_directory / name).write_bytes(data)
    return f"/run/{name}"


def test_status(staged):
    output = staged.ipectl().stdout
    assert output == staged.ipectl("status").stdout
    assert "Kernel ABI: none (IPE is not enabled in this kernel, see lsm=; or securityfs is not mounted)" in output
    assert "Policies: 1 (1 staged)" in output
    assert "Active policy: none" in output
    status = json.loads(staged.ipectl("--json", "status").stdout)
    assert status["kernel_abi"] == "none" and status["active_policy"] is None and not status["enforce"]
    assert status["trial_confirm"] is None and status["trial_deadline_usec"] is None and status["trial_boots"] == 0
    assert [policy["name"] for policy in status["policies"]] == ["corp-base"]


def test_list(staged):
    staged.stage(signed(version="1.1.0"))
    lines = staged.ipectl("list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "VERSION", "STATE", "ACTIVE", "DIGEST"]
    assert lines[1].split()[:4] == ["corp-base", "1.0.0", "staged", "no"]
    assert lines[-1] == "2 policies listed."
    assert len(staged.ipectl("list", "--no-legend").stdout.splitlines()) == 2
    found = json.loads(staged.ipectl("list", "--json=short").stdout)
    assert [(policy["version"], policy["object_path"]) for policy in found] == [
        (version, row[3]) for (_, version), row in staged.list().items()]


def test_show(staged):
    output = staged.ipectl("show", "corp-base").stdout
    assert "Signer: CN=ipe test key" in output
    assert output.endswith("\n    policy_name=corp-base policy_version=1.0.0\n    DEFAULT action=ALLOW\n")
    policy = json.loads(staged.ipectl("show", "--json", "corp-base", "1.0.0").stdout)
    assert policy["state"] == "staged" and policy["rollback_floor"] == "1.0.0" and policy["staged_usec"] > 0


def test_stage(machine):
    path = put(machine, signed())
    assert machine.ipectl("stage", path).stdout == \
        "Staged 'corp-base' 1.0.0. 'ipectl activate corp-base' activates it.\n"
    assert machine.list()["corp-base", "1.0.0"][0] == "staged"
    found = json.loads(machine.ipectl("stage", "--json", put(machine, signed(version="1.1.0"))).stdout)
    assert found["version"] == "1.1.0" and found["object_path"] == machine.list()["corp-base", "1.1.0"][3]


def test_each_change_answers_with_an_object(machine):
    answers = [json.loads(machine.ipectl(*words, "--json=short", "--quiet").stdout) for words in (
        ["stage", put(machine, signed())], ["discard", "corp-base", "1.0.0"], ["reload"])]
    assert answers[0]["message"] == "Staged 'corp-base' 1.0.0. 'ipectl activate corp-base' activates it."
    assert answers[0]["state"] == "staged"
    assert answers[1] == {"name": "corp-base", "version": "1.0.0", "message": "Discarded 'corp-base' 1.0.0."}
    assert answers[2].keys() == {"message"}


# Stands in for ssh, without a network: pipes, which hand over no file descriptors.
SSH = b"""#!/usr/bin/python3
import os, select, subprocess, sys
open("/run/asked", "w").write(" ".join(sys.argv))
bridge = subprocess.Popen(["systemd-stdio-bridge"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
ways = {0: bridge.stdin.fileno(), bridge.stdout.fileno(): 1}
os.set_blocking(1, True)
while True:
    for source in select.select(list(ways), [], [])[0]:
        data = os.read(source, 65536)
        if not data:
            sys.exit()
        os.write(ways[source], data)
"""


def over_ssh(machine, *words):
    put(machine, SSH, "ssh")
    (machine.run_directory / "ssh").chmod(0o755)
    return machine.run("env", "PATH=/run:/usr/bin:/bin", IPECTL, "--host=root@example", *words).stdout


def test_another_host_is_asked_over_ssh(staged):
    assert over_ssh(staged, "list") == staged.ipectl("list").stdout
    assert "root@example" in (staged.run_directory / "asked").read_text()
    over_ssh(staged, "discard", "corp-base", "1.0.0")
    assert not staged.list()


def test_a_policy_is_shown_over_ssh_without_its_text(staged):
    shown = over_ssh(staged, "show", "corp-base")
    assert "Signer: CN=ipe test key" in shown and "DEFAULT" not in shown


def test_a_host_that_cannot_be_reached(machine):
    put(machine, b"#!/bin/sh\nexit 255\n", "ssh")
    (machine.run_directory / "ssh").chmod(0o755)
    assert machine.run("env", "PATH=/run:/usr/bin:/bin", IPECTL, "-H", "example", "list", check=False).returncode == 7


def test_sign_then_stage(machine):
    """All steps of an author."""
    for name in ("test.crt", "test.key"):
        put(machine, (keys.directory() / name).read_bytes(), name)
    text = put(machine, b"policy_name=mine policy_version=3.0.0\nDEFAULT action=DENY\n", "mine.policy")
    machine.ipectl("sign", "--cert=/run/test.crt", "--key=/run/test.key", "--output=/run/mine.p7b", text)
    assert "(trusted)" in machine.ipectl("verify", "/run/mine.p7b").stdout
    machine.ipectl("stage", "/run/mine.p7b")
    assert machine.list().keys() == {("mine", "3.0.0")}


@pytest.mark.parametrize("words, status, sentence", [
    (["show", "nobody"], 3, "nobody"),
    (["show", "corp-base", "9.9.9"], 3, "9.9.9"),
    (["show", "corp-base", "x"], 2, "expected X.Y.Z"),
    (["activate", "nobody"], 3, "staged"),
    (["activate", "corp-base"], 5, "IPE is not enabled"),
    (["activate", "--version=1.0.0", "corp-base"], 5, "IPE is not enabled"),
    (["activate", "--version=9.9.9", "corp-base"], 3, "9.9.9"),
    (["activate", "--trial-sec=1min", "corp-base"], 5, "IPE is not enabled"),
    (["activate", "--trial-sec=0", "corp-base"], 5, "IPE is not enabled"),
    (["activate", "--version=1.0.0", "--trial-sec=5", "corp-base"], 5, "IPE is not enabled"),
    (["preflight", "nobody"], 3, "waits to be activated"),
    (["confirm", "corp-base"], 1, "not on trial"),
    (["rollback", "corp-base"], 3, "nothing to go back"),
    (["discard", "corp-base", "9.9.9"], 3, "9.9.9"),
    (["enforce", "yes"], 5, "IPE is not enabled"),
    (["success-audit", "no"], 5, "IPE is not enabled"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_failure(staged, words, status, sentence):
    result = staged.ipectl(*words, status=status)
    assert sentence in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("data, status, sentence", [
    (signed(key="other"), 6, "not trusted"),
    (signed()[:-1], 6, "'ipectl verify FILE'"),
    (signed(body="DEFAULT action=MAYBE\n"), 1, "line 2, column 9"),
    (signed(body="DEFAULT action=DENY\n" + "#" * 65535), 1, "65535"),
    (signed(), 1, "raise policy_version="),
], ids=["key", "cut", "syntax", "large", "again"])
def test_stage_of_a_bad_policy(staged, data, status, sentence):
    result = staged.ipectl("stage", put(staged, data), status=status)
    assert sentence in result.stderr
    assert result.stderr.startswith("Failed to stage '/run/new.p7b': ")


def test_discard_and_reload(staged):
    assert staged.ipectl("discard", "corp-base", "1.0.0").stdout == "Discarded 'corp-base' 1.0.0.\n"
    assert not staged.list()
    staged.drop(signed())
    staged.ipectl("reload", "-q")
    assert staged.list()


@pytest.mark.parametrize("words", [["stage", "/run/new.p7b"], ["discard", "corp-base", "1.0.0"], ["reload"],
                                   ["preflight", "corp-base"], ["activate", "corp-base"], ["confirm", "corp-base"], ["rollback", "corp-base"],
                                   ["enforce", "no"], ["success-audit", "yes"]], ids=" ".join)
def test_others_are_refused_with_status_4(staged, words):
    put(staged, signed(version="2.0.0"))
    staged.start_polkit()
    result = staged.ipectl(*words, "--no-ask-password", status=4, uid=NOBODY)
    assert not result.stdout
    assert staged.list().keys() == {("corp-base", "1.0.0")}


def test_others_may_look(staged):
    for words in (["status"], ["list"], ["show", "corp-base"], ["enforce"], ["success-audit"]):
        assert staged.ipectl(*words, uid=NOBODY).stdout


def test_no_daemon(bare):
    assert "ipectld" in bare.ipectl("list", status=7).stderr


def test_daemon_that_dies_during_a_call(mocked):
    mocked.stage(signed())
    mocked.mock("SimulateHang", GLib.Variant("(b)", (True,)))
    caller = mocked.start(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", IPECTL,
                           "discard", "corp-base", "1.0.0"])
    mocked.wait_for(lambda: mocked.mock("HaveHangingCalls")[0], "the question")
    mocked.daemon.stop(signal.SIGKILL)
    mocked.daemon = None
    assert caller.wait() == 7


def test_hostile_name(machine):
    name = "a\"b'$(x)%s\\é\u202e"
    machine.stage(signed(name))
    for words in (["list"], ["show", name], ["status"]):
        output = machine.ipectl(*words).stdout
        assert "\u202e" not in output
    assert "\\xe2\\x80\\xae" in machine.ipectl("list").stdout
    assert json.loads(machine.ipectl("list", "--json").stdout)[0]["name"] == name
