# SPDX-License-Identifier: LGPL-2.1-or-later
"""Policies on trial on our kernel: confirmed, expired, rolled back, with the daemon killed and the machine restarted in the
middle. The tests are one story, told in order on one machine; each begins with a confirmed policy that allows the program
on the volume, and ends with one."""

import itertools
import json
import re

import pytest
from scenario import IPE, MANAGER, NAME, ON_TMPFS, ON_VOLUME, Scenario

KILL = "systemctl kill -s KILL ipectld.service"
versions = (f"2.0.{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def scenario(booted, tmp_path_factory):
    running = Scenario("ours", tmp_path_factory.mktemp("trial"))
    try:
        running.system.resume(booted("ours"))
        running.open_volume()
        running.trust()
        running.configure("Confirm=manual")
        yield running
    finally:
        running.system.kill()


def stage(scenario, version, **options):
    """The daemon knows it, and the kernel has it."""
    scenario.drop(scenario.signed(version, **options))
    scenario.wait_for_state(version, "staged")


def stage_revoking(scenario):
    """Stages a version that denies the program on the volume; returns its number."""
    version = next(versions)
    stage(scenario, version, revoke_volume=True)
    return version


def activate(scenario, seconds, **options):
    return scenario.activate_with({"trial-sec": f"t {seconds}", **options})[0]


def state(scenario, version):
    return scenario.versions()[version]


def confirmed(scenario):
    return scenario.get("ConfirmedPolicy")[1]


def assert_as_before(scenario, version):
    assert scenario.get("TrialPolicy") == ["", ""] and scenario.get("TrialDeadlineUSec") == 0
    assert scenario.kernel_active() == (NAME, version)
    assert scenario.get("ActivePolicy") == scenario.get("ConfirmedPolicy") == [NAME, version]
    assert scenario.runs(ON_VOLUME) and not scenario.runs(ON_TMPFS)


def entries(scenario, version, words):
    """version: None for those that name none, too."""
    fields = [f"IPE_VERSION={version}"] if version else []
    return [entry for entry in scenario.journal("-u", "ipectld", *fields) if words in entry["MESSAGE"]]


def refused(scenario, method, *arguments):
    result = scenario.try_call(method, *arguments)
    assert not result.ok
    return result.output


def monitor(scenario):
    """Writes the signals from now on to a file in the machine."""
    scenario.system.must("systemctl reset-failed monitor 2>/dev/null; systemd-run -q --unit=monitor --property="
                         "StandardOutput=truncate:/run/signals busctl --json=short monitor "
                         "--match=\"type='signal',path_namespace='/org/ipe'\"")
    scenario.system.wait_until("busctl emit /org/ipe/probe org.ipe.Probe Ping; grep -q Ping /run/signals")


def signals(scenario, until):
    """[(member, arguments)] since monitor(), once one of that name was there."""
    scenario.system.wait_until(f"grep -q '\"member\":\"{until}\"' /run/signals")
    lines = scenario.system.must("systemctl stop monitor; cat /run/signals").splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [(message["member"], message["payload"]["data"]) for message in found if message["member"] != "Ping"]


def test_a_first_trial_leaves_no_policy_behind(scenario):
    stage(scenario, "0.9.0")
    assert scenario.kernel_active() is None
    assert scenario.system.must(f"cat {IPE}/policies/{NAME}/version") == "0.9.0"
    activate(scenario, 600)
    assert scenario.kernel_active() == (NAME, "0.9.0") and not scenario.runs(ON_TMPFS)
    assert "No policy was confirmed before" in scenario.system.must(f"ipectl rollback {NAME}")
    assert scenario.kernel_active() is None and scenario.runs(ON_TMPFS)
    assert state(scenario, "0.9.0") == "rolled-back"


def test_the_first_policy_is_on_trial_and_confirmed(scenario):
    stage(scenario, "1.0.0")
    assert scenario.kernel_active() is None
    assert scenario.system.must(f"cat {IPE}/policies/{NAME}/next/version") == "1.0.0"
    monitor(scenario)
    output = scenario.system.must(f"ipectl activate {NAME}")
    assert re.search(r"on trial for 1[12]\d seconds", output), output
    assert f"ipectl confirm {NAME}" in output
    assert state(scenario, "1.0.0") == "trial"
    assert scenario.kernel_active() == (NAME, "1.0.0")
    assert scenario.get("TrialPolicy") == scenario.get("ActivePolicy") == [NAME, "1.0.0"]
    assert scenario.get("ConfirmedPolicy") == ["", ""]
    uptime = float(scenario.system.must("cat /proc/uptime").split()[0])
    assert 60 < scenario.get("TrialDeadlineUSec") / 1e6 - uptime <= 120
    assert scenario.runs(ON_VOLUME) and not scenario.runs(ON_TMPFS)
    status = scenario.system.must("ipectl status")
    assert f"On trial: {NAME} 1.0.0" in status and "seconds, unless it is confirmed" in status
    assert scenario.system.run("systemctl is-active ipe-policy.target").output == "inactive\n"
    scenario.system.must(f"ipectl confirm {NAME}")
    assert_as_before(scenario, "1.0.0")
    scenario.system.wait_until("systemctl is-active ipe-policy.target")
    seen = signals(scenario, "PolicyConfirmed")
    told = [(member, arguments) for member, arguments in seen if member.startswith("Policy")]
    assert [member for member, _ in told] == ["PolicyChanged", "PolicyActivated", "PolicyChanged", "PolicyConfirmed"]
    assert [(arguments[2]["From"]["data"], arguments[2]["To"]["data"]) for member, arguments in told if member == "PolicyChanged"] == [
        ("staged", "trial"), ("trial", "confirmed")]
    changes = [arguments[1] for member, arguments in seen
               if member == "PropertiesChanged" and arguments[0] == "org.ipe.Manager"]
    trials = [change["TrialPolicy"]["data"] for change in changes if "TrialPolicy" in change]
    assert [NAME, "1.0.0"] in trials and trials[-1] == ["", ""]


def test_what_is_confirmed_needs_no_trial(scenario):
    scenario.call("Activate", "s", NAME)
    assert_as_before(scenario, "1.0.0")
    assert "nothing to try" in refused(scenario, "ActivateWithOptions", "sa{sv}", NAME, "1", "trial-sec", "t", "5")


def test_a_trial_that_nobody_confirms_ends(scenario):
    version = stage_revoking(scenario)
    assert scenario.system.must(f"cat {IPE}/policies/{NAME}/next/version") == version
    assert scenario.runs(ON_VOLUME)
    monitor(scenario)
    activate(scenario, 6)
    assert not scenario.runs(ON_VOLUME)
    assert confirmed(scenario) == "1.0.0"
    scenario.wait_for_state(version, "rolled-back")
    assert_as_before(scenario, "1.0.0")
    assert len(entries(scenario, version, "ended without a confirmation")) == 1
    rolled_back = [arguments for member, arguments in signals(scenario, "PolicyRolledBack")
                   if member == "PolicyRolledBack"]
    assert len(rolled_back) == 1 and rolled_back[0][:2] == [NAME, "1.0.0"]


def test_what_was_rolled_back_is_not_tried_again_by_itself(scenario):
    scenario.call("Reload")
    scenario.call("Activate", "s", NAME)
    assert_as_before(scenario, "1.0.0")


def test_a_rollback_ends_the_trial(scenario):
    version = stage_revoking(scenario)
    activate(scenario, 600)
    assert not scenario.runs(ON_VOLUME)
    output = scenario.system.must(f"ipectl rollback {NAME}")
    assert output == f"Rolled back to '{NAME}' 1.0.0; it is active.\n"
    assert state(scenario, version) == "rolled-back"
    assert_as_before(scenario, "1.0.0")
    assert "not on trial" in refused(scenario, "Confirm", "s", NAME)


def test_one_at_a_time(scenario):
    version = stage_revoking(scenario)
    activate(scenario, 600)
    stage(scenario, "2.9.0")
    for options in ({}, {"trial-sec": "t 0"}, {"trial-sec": "t 5", "version": "s 2.9.0"}):
        result = scenario.activate_with(options, scenario.try_call)
        assert not result.ok and f"'{NAME}' {version} is on trial" in result.output, result
    assert scenario.get("TrialPolicy") == [NAME, version]
    assert entries(scenario, "2.9.0", "does not take"), "the kernel has one next version, and that is on trial"
    scenario.call("Rollback", "s", NAME)
    # A file that stays would be staged again with the next change.
    scenario.system.must(f"rm /etc/ipe/policy.d/{NAME}.p7b")
    scenario.call("Discard", "ss", NAME, "2.9.0")
    assert_as_before(scenario, "1.0.0")


@pytest.mark.long
def test_a_trial_of_another_policy_goes_back_to_the_confirmed_one(scenario):
    other = "vm-other"
    scenario.drop(scenario.signed("2.8.0", name=other, revoke_volume=True), name=other)
    scenario.system.wait_until(f"ipectl show {other} 2.8.0")
    scenario.call("Activate", "s", other)
    assert scenario.get("TrialPolicy") == scenario.get("ActivePolicy") == [other, "2.8.0"]
    assert not scenario.runs(ON_VOLUME)
    assert f"'{other}' is on trial" in refused(scenario, "Rollback", "s", NAME)
    assert f"'{other}' is" in refused(scenario, "Confirm", "s", NAME)
    assert scenario.call("Rollback", "s", other)[0].startswith("/org/ipe/policy/vm_2dbase/")
    scenario.system.must(f"rm /etc/ipe/policy.d/{other}.p7b")
    scenario.call("Discard", "ss", other, "2.8.0")
    assert not scenario.system.run(f"[ -e {IPE}/policies/{other} ]").ok
    assert_as_before(scenario, "1.0.0")


def test_a_file_that_confirms_is_noticed(scenario):
    version = next(versions)
    stage(scenario, version)
    activate(scenario, 5)
    scenario.system.must(f"echo 1 >{IPE}/confirm")
    scenario.wait_for_state(version, "confirmed")
    assert state(scenario, "1.0.0") == "superseded"
    assert_as_before(scenario, version)


def test_a_trial_begun_by_a_file_is_taken_up(scenario):
    before, version = confirmed(scenario), stage_revoking(scenario)
    scenario.system.must(f"echo 600 >{IPE}/policies/{NAME}/trial")
    assert scenario.get("TrialPolicy") == [NAME, version] and scenario.get("TrialDeadlineUSec") > 0
    assert "on trial" in refused(scenario, "Activate", "s", NAME)
    assert state(scenario, version) == "trial"
    scenario.call("Rollback", "s", NAME)
    assert state(scenario, version) == "rolled-back"
    assert_as_before(scenario, before)


def test_a_trial_that_the_kernel_alone_begins_and_ends_is_told(scenario):
    """No call of ours, and the end is no write."""
    before, version = confirmed(scenario), stage_revoking(scenario)
    monitor(scenario)
    scenario.system.must(f"echo 3 >{IPE}/policies/{NAME}/trial")
    scenario.system.wait_until("grep '\"TrialPolicy\"' /run/signals | tail -n 1 | grep -qF '[\"\",\"\"]'")
    trials = [arguments[1]["TrialPolicy"]["data"] for member, arguments in signals(scenario, "PropertiesChanged")
              if member == "PropertiesChanged" and "TrialPolicy" in arguments[1]]
    assert [NAME, version] in trials and trials[-1] == ["", ""]
    assert_as_before(scenario, before)


@pytest.mark.long
def test_a_daemon_that_is_killed_goes_on_waiting(scenario):
    before, version = confirmed(scenario), stage_revoking(scenario)
    activate(scenario, 12)
    deadline = scenario.get("TrialDeadlineUSec")
    scenario.system.must(KILL)
    assert scenario.get("TrialPolicy") == [NAME, version]
    assert abs(scenario.get("TrialDeadlineUSec") - deadline) <= 1_500_000
    assert state(scenario, version) == "trial"
    scenario.wait_for_state(version, "rolled-back")
    assert_as_before(scenario, before)


@pytest.mark.long
def test_a_daemon_that_is_killed_can_confirm(scenario):
    version = next(versions)
    stage(scenario, version)
    activate(scenario, 600)
    scenario.system.must(KILL)
    scenario.call("Confirm", "s", NAME)
    assert state(scenario, version) == "confirmed"
    assert_as_before(scenario, version)


@pytest.mark.long
@pytest.mark.parametrize("confirms", [False, True])
def test_what_became_of_a_trial_while_there_was_no_daemon(scenario, confirms):
    before, version = confirmed(scenario), next(versions)
    stage(scenario, version, revoke_volume=not confirms)
    activate(scenario, 5)
    scenario.system.must(f"systemctl stop ipectld.service; {f'echo 1 >{IPE}/confirm' if confirms else 'true'}")
    scenario.system.wait_until(f"[ \"$(cat {IPE}/policies/{NAME}/trial)\" = 0 ]")
    assert state(scenario, version) == ("confirmed" if confirms else "rolled-back")
    assert_as_before(scenario, version if confirms else before)


# A file of the kernel that is written, and the call that does it.
CALLS = {"Activate": (f"policies/{NAME}/trial", "ActivateWithOptions", "sa{sv}", NAME, "1", "trial-sec", "t", "600"),
         "Confirm": ("confirm", "Confirm", "s", NAME), "Rollback": ("revert", "Rollback", "s", NAME)}


def prepare(scenario, method):
    """A version that can be tried, or is on trial. Returns its number."""
    on_trial = scenario.get("TrialPolicy")[1]
    if on_trial and method == "Activate":
        scenario.call("Rollback", "s", NAME)
    elif on_trial:
        return on_trial
    version = next(versions)
    stage(scenario, version)
    if method != "Activate":
        activate(scenario, 600)
    return version


@pytest.mark.long
@pytest.mark.parametrize("method, phase, outcome", [
    ("Activate", "asked", "staged"), ("Activate", "done", "trial"), ("Confirm", "asked", "trial"),
    ("Confirm", "done", "confirmed"), ("Rollback", "done", "rolled-back")])
def test_a_daemon_killed_while_it_begins_or_ends_a_trial_agrees_with_the_kernel(scenario, method, phase, outcome):
    version, before = prepare(scenario, method), confirmed(scenario)
    scenario.cut(phase, *CALLS[method])
    assert state(scenario, version) == outcome
    if outcome == "trial":
        assert scenario.get("TrialPolicy") == scenario.get("ActivePolicy") == [NAME, version]
        assert scenario.kernel_active() == (NAME, version)
        scenario.call("Rollback", "s", NAME)
    assert not scenario.system.run("grep -q activating /var/lib/ipe/state.json").ok
    assert_as_before(scenario, version if outcome == "confirmed" else before)


def hold_asked(scenario, method):
    """Holds the daemon after it has said what it asks for, and before it asks. Returns the version."""
    version = prepare(scenario, method)
    scenario.hold("asked", *CALLS[method])
    return version


@pytest.mark.long
def test_a_trial_that_ends_while_it_is_confirmed_is_not_confirmed(scenario):
    version = hold_asked(scenario, "Confirm")
    before = scenario.disk_versions("confirmed")
    scenario.system.must(f"echo 1 >{IPE}/revert")
    assert "ended without a confirmation" in scenario.go_on()
    assert state(scenario, version) == "rolled-back"
    assert_as_before(scenario, before)


@pytest.mark.long
def test_a_full_disk_ends_a_trial_and_does_not_confirm_it(scenario):
    version, before = prepare(scenario, "Confirm"), confirmed(scenario)
    scenario.fill_disk()
    try:
        assert "No space left" in refused(scenario, "Confirm", "s", NAME)
        assert scenario.get("TrialPolicy") == [NAME, version]
        assert "No space left" in refused(scenario, "Rollback", "s", NAME)
        assert scenario.kernel_active() == (NAME, before)
    finally:
        scenario.empty_disk()
    # By itself, once there is room.
    scenario.system.wait_until("grep -q rolled-back /var/lib/ipe/state.json && "
                               "! grep -q '\"state\": \"trial\"' /var/lib/ipe/state.json")
    assert state(scenario, version) == "rolled-back"
    assert_as_before(scenario, before)


@pytest.mark.long
def test_a_disk_that_fails_once_the_kernel_has_confirmed_loses_nothing(scenario):
    version = hold_asked(scenario, "Confirm")
    # The daemon has no capability that overrides it.
    scenario.system.must("chmod 0500 /var/lib/ipe")
    try:
        # Of this error busctl does not print the sentence.
        assert "Access denied" in scenario.go_on()
        assert entries(scenario, None, "The kernel has confirmed")
        assert scenario.kernel_active() == (NAME, version)
    finally:
        scenario.system.must("chmod 0700 /var/lib/ipe")
    scenario.system.wait_until("! grep -q activating /var/lib/ipe/state.json")
    assert state(scenario, version) == "confirmed"
    assert_as_before(scenario, version)


@pytest.mark.long
def test_a_full_disk_begins_no_trial(scenario):
    before, version = confirmed(scenario), stage_revoking(scenario)
    scenario.fill_disk()
    try:
        assert "No space left" in scenario.activate_with({"trial-sec": "t 600"}, scenario.try_call).output
    finally:
        scenario.empty_disk()
    assert_as_before(scenario, before)
    assert state(scenario, version) == "staged"
    scenario.system.must(f"rm /etc/ipe/policy.d/{NAME}.p7b")
    scenario.call("Discard", "ss", NAME, version)


def test_a_preflight_shows_what_would_be_denied(scenario):
    before, version = confirmed(scenario), stage_revoking(scenario)
    scenario.configure("Confirm=manual", "PreflightSec=15")
    scenario.system.must(f"systemd-run -q --unit=preflight --property=StandardOutput=truncate:/run/preflight "
                         f"ipectl --json=short preflight {NAME}")
    scenario.system.wait_until(f"[ \"$(cat {IPE}/policies/{NAME}/shadow)\" = 1 ]")
    assert scenario.runs(ON_VOLUME), "nothing is denied by what is only evaluated"
    assert scenario.versions()[version] == "staged", "the daemon answers meanwhile"
    assert "is running" in refused(scenario, "Preflight", "s", NAME)
    assert not scenario.runs(ON_TMPFS)
    scenario.system.wait_until("! systemctl is-active -q preflight")
    findings = json.loads(scenario.system.must("cat /run/preflight"))
    found = [finding for finding in findings if finding["path"] == ON_VOLUME]
    assert found and {finding["operation"] for finding in found} == {"EXECUTE"}, findings
    assert all("action=DENY" in finding["rule"] and "dmverity_roothash" in finding["rule"] for finding in found)
    assert all("[" in finding["processes"] for finding in found)
    assert not [finding for finding in findings if finding["path"] == ON_TMPFS], "that is denied today, too"
    assert scenario.system.must(f"cat {IPE}/policies/{NAME}/shadow") == "0"
    assert_as_before(scenario, before)


def test_a_daemon_that_is_killed_leaves_no_shadow(scenario):
    scenario.system.must(f"(busctl call {MANAGER} Preflight s {NAME} >/dev/null 2>&1 &)")
    scenario.system.wait_until(f"[ \"$(cat {IPE}/policies/{NAME}/shadow)\" = 1 ]")
    scenario.system.must(KILL)
    scenario.versions()
    assert scenario.system.must(f"cat {IPE}/policies/{NAME}/shadow") == "0"
    assert not scenario.system.run("grep -q shadowing /var/lib/ipe/state.json").ok


@pytest.mark.long
def test_a_preflight_of_a_policy_that_is_replaced_meanwhile_gives_no_all_clear(scenario):
    before = confirmed(scenario)
    scenario.configure("Confirm=manual", "PreflightSec=5")
    scenario.system.must(f"systemd-run -q --unit=preflight --property=StandardOutput=truncate:/run/preflight --property="
                         f"StandardError=truncate:/run/preflight ipectl preflight {NAME}")
    scenario.system.wait_until(f"[ \"$(cat {IPE}/policies/{NAME}/shadow)\" = 1 ]")
    stage(scenario, "2.9.1", revoke_volume=True)
    assert scenario.system.must(f"cat {IPE}/policies/{NAME}/shadow") == "0"
    assert scenario.runs(ON_VOLUME)
    scenario.system.wait_until("! systemctl is-active -q preflight")
    output = scenario.system.must("cat /run/preflight; systemctl reset-failed preflight")
    assert "run the preflight again" in output, output
    assert_as_before(scenario, before)


@pytest.mark.long
def test_a_shadow_of_somebody_else_stays(scenario):
    scenario.configure("Confirm=manual", "PreflightSec=1")
    scenario.system.must(f"echo 1 >{IPE}/policies/{NAME}/shadow")
    scenario.call("Preflight", "s", NAME)
    assert scenario.system.must(f"cat {IPE}/policies/{NAME}/shadow") == "1"
    scenario.system.must(f"echo 0 >{IPE}/policies/{NAME}/shadow")


def test_a_confirmed_policy_is_rolled_back_at_once_if_its_floor_allows_it(scenario):
    before = confirmed(scenario)
    stage(scenario, "3.0.0", revoke_volume=True, header=f" policy_rollback_floor={before}")
    scenario.activate()
    assert scenario.kernel_active() == (NAME, "3.0.0") and not scenario.runs(ON_VOLUME)
    output = scenario.system.must(f"ipectl rollback {NAME}")
    assert output == f"Rolled back to '{NAME}' {before}; it is active.\n"
    assert state(scenario, "3.0.0") == "rolled-back"
    assert_as_before(scenario, before)


def test_a_floor_that_forbids_it_leaves_the_rollback_to_the_next_boot(scenario):
    before = confirmed(scenario)
    stage(scenario, "3.1.0")
    scenario.activate()
    output = scenario.system.must(f"ipectl rollback {NAME}")
    assert f"Selected '{NAME}' {before} for the next boot" in output
    assert_as_before(scenario, "3.1.0")
    stage(scenario, "3.2.0", header=" policy_rollback_floor=3.1.0")
    scenario.activate()
    assert state(scenario, before) == "superseded"


def test_a_reboot_ends_a_trial_that_may_outlive_none(scenario):
    scenario.configure("Confirm=manual", "TrialBoots=0")
    stage(scenario, "4.0.0", revoke_volume=True)
    activate(scenario, 86400)
    assert not scenario.runs(ON_VOLUME)
    scenario.system.reboot()
    scenario.open_volume()
    assert state(scenario, "4.0.0") == "rolled-back"
    assert_as_before(scenario, "3.2.0")
    assert scenario.load_journal(f"IPE_POLICY={NAME}", "IPE_VERSION=3.2.0")


def test_after_a_reboot_a_rollback_takes_another_one(scenario):
    """The kernel goes back only to what was confirmed since the boot. The trial that the reboot has ended is not meant."""
    refused = scenario.try_call("Rollback", "s", NAME)
    assert not refused.ok and f"ipectl rollback --from=3.2.0 {NAME}" in refused.output
    assert_as_before(scenario, "3.2.0")
    scenario.system.must(f"ipectl rollback --from=3.2.0 {NAME}")
    assert scenario.versions()["3.1.0"] == "pending-reboot"
    assert_as_before(scenario, "3.2.0")
    scenario.system.reboot()
    scenario.open_volume()
    assert scenario.versions()["3.2.0"] == "rolled-back"
    assert_as_before(scenario, "3.1.0")


# Reads the kernel's files and tries to execute something, several times a second, without executing anything itself; once
# a policy is on trial it kills the daemon.
OBSERVER = """#!/bin/bash
mkfifo /run/never
exec 3<>/run/never >/run/observed 2>/dev/null
killed=; seen=0
while :; do
        trial=; IFS= read -r trial <{ipe}/confirm
        # Not before the daemon has recorded what it began.
        if [[ $trial && ! $killed ]] && ((++seen > 3)); then
                kill -KILL "$(<{pid})" && killed=yes
        fi
        if (exec /usr/bin/true); then ran=runs; else ran=denied; fi
        echo "${{trial:-none}}|$ran|${{killed:-no}}"
        read -r -t 0.3 <&3
done
"""


TRIAL_SEC = 15


def audited(scenario, operation):
    """When the kernel recorded that it did something with 5.0.0, in seconds."""
    scenario.system.must("journalctl --sync")
    output = scenario.system.must("journalctl -q -b _TRANSPORT=audit --output-fields=MESSAGE,"
                                  "_SOURCE_REALTIME_TIMESTAMP -o json -g '5\\.0\\.0'")
    entries = [json.loads(line) for line in output.splitlines()]
    found = [entry for entry in entries if f"op={operation} " in entry["MESSAGE"]]
    assert len(found) == 1, entries
    return int(found[0]["_SOURCE_REALTIME_TIMESTAMP"]) / 1e6


def started(scenario):
    """When the daemon that runs was executed, by the same clock."""
    scenario.versions()
    start, now, uptime = scenario.system.must(
        "start=$(systemctl show -P ExecMainStartTimestampMonotonic ipectld); "
        "bash -c 'now=$EPOCHREALTIME; read -r uptime _ </proc/uptime; echo '$start' $now $uptime'").split()
    return float(now) - float(uptime) + int(start) / 1e6


def test_a_policy_that_denies_everything_cannot_brick_the_machine(scenario):
    """The daemon is killed, nothing can be executed, and the kernel comes back by itself."""
    from keys import sign_policy
    before = confirmed(scenario)
    scenario.drop(sign_policy(f"policy_name={NAME} policy_version=5.0.0\nDEFAULT action=DENY\n"))
    scenario.wait_for_state("5.0.0", "staged")
    scenario.system.put("/run/observer", OBSERVER.format(ipe=IPE, pid="/run/ipectld.pid"), mode=0o755)
    scenario.system.must("systemctl show -P MainPID ipectld.service >/run/ipectld.pid; "
                         "systemd-run -q --unit=observer bash /run/observer")
    scenario.system.wait_until("grep -q runs /run/observed")
    # With ipe-inspect, ipectld sees what it denies, and refuses it even if forced.
    assert "essential" in scenario.activate_with({"trial-sec": f"t {TRIAL_SEC}", "force": "b true"}, scenario.try_call).output
    scenario.system.must("systemctl stop ipe-inspect.socket")
    activate(scenario, TRIAL_SEC, force="b true")

    # The agent in the machine answers, but cannot execute what it needs for a command.
    during = scenario.system.run("true")
    assert during.status == 126 and during.output == "", during
    scenario.wait_for_programs()
    # The observer has seen that, too.
    scenario.system.wait_until("tail -n 1 /run/observed | grep -q '^none|runs'")

    observed = [line.split("|") for line in scenario.system.must("cat /run/observed").splitlines()]
    on_trial = [(ran, killed) for trial, ran, killed in observed if trial == f"{NAME} 5.0.0"]
    # The trial may end between the two looks of the last line.
    assert len(on_trial) > 5 and {ran for ran, _ in on_trial[:-1]} == {"denied"}, observed
    assert on_trial[-1][1] == "yes", observed
    assert observed[0][:2] == ["none", "runs"] and observed[-1][:2] == ["none", "runs"], observed
    scenario.system.must("systemctl stop observer && systemctl start ipe-inspect.socket")
    begun, ended = audited(scenario, "trial"), audited(scenario, "expire")
    assert TRIAL_SEC <= ended - begun < TRIAL_SEC + 2, "the kernel's own timer"
    # The kernel goes back a moment before it records that.
    assert started(scenario) > ended - 0.1, "no other ipectld ran before"
    scenario.wait_for_state("5.0.0", "rolled-back")
    assert entries(scenario, "5.0.0", "ended without a confirmation")
    assert_as_before(scenario, before)


@pytest.mark.long
def test_a_lock_is_said(scenario):
    """Until the next boot, so this is the last of the story."""
    before = confirmed(scenario)
    stage(scenario, "6.0.0")
    scenario.system.must(f"echo policy >{IPE}/lock")
    assert "locked until the next boot" in refused(scenario, "Activate", "s", NAME)
    assert state(scenario, "6.0.0") == "staged"
    result = scenario.system.run(f"ipectl activate {NAME}")
    assert result.status == 5 and "locked" in result.output
    scenario.drop(scenario.signed("6.1.0"))
    scenario.wait_for_state("6.1.0", "staged")
    assert entries(scenario, "6.1.0", "does not take")
    assert_as_before(scenario, before)
    scenario.system.reboot()
    scenario.open_volume()
    scenario.activate("6.0.0")
    assert_as_before(scenario, "6.0.0")


def test_the_kernel_says_nothing_alarming(scenario):
    assert scenario.system.trouble() == []
