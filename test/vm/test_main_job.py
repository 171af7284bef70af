# SPDX-License-Identifier: LGPL-2.1-or-later
"""From a file drop to kernel enforcement and back, with systemd, D-Bus, polkit and dm-verity, on our kernel and on
Debian's stock one. The tests are one story, told in order on one machine."""

import pytest
from scenario import MANAGER, NAME, ON_TMPFS, ON_VOLUME

AUDIT_IPE_ACCESS = "1420"


def test_the_machine_comes_up(scenario):
    state = scenario.system.run("systemctl is-system-running --wait", 120)
    failed = scenario.system.run("systemctl --failed --no-legend").output
    assert state.output.strip() == "running", failed


def test_the_volumes_are_verified_by_the_kernel(scenario):
    assert "verified (with signature)" in scenario.system.must("veritysetup status root")
    scenario.open_volume()
    assert "verified (with signature)" in scenario.system.must("veritysetup status volume")


def test_the_daemon_says_what_the_kernel_can_do(scenario):
    abi = scenario.get("KernelAbi")
    if scenario.system.flavour == "stock":
        assert (abi, scenario.get("Features")) == ("upstream", [])
    else:
        assert abi == "extended"
        words = scenario.system.must("cat /sys/kernel/security/ipe/features").split()
        assert scenario.get("Features") == words
        assert {"stage", "trial", "rollback-floor", "shadow", "events", "lock"} <= set(words)


def test_without_a_policy_everything_runs(scenario):
    assert scenario.kernel_active() is None
    assert scenario.system.run("systemctl is-active ipe-policy.target").output == "inactive\n"
    assert scenario.runs(ON_VOLUME) and scenario.runs(ON_TMPFS)


def test_an_untrusted_signer_is_refused_while_trust_is_empty(scenario):
    scenario.drop(scenario.signed("0.9.0"))
    scenario.system.wait_until("journalctl --sync; journalctl -q -u ipectld IPE_ERROR=org.ipe.Error.KeyNotTrusted "
                               "| grep -q .")
    assert scenario.versions() == {}
    scenario.system.must(f"rm /etc/ipe/policy.d/{NAME}.p7b")


def test_a_dropped_policy_is_staged(scenario):
    scenario.trust()
    scenario.drop(scenario.signed("1.0.0"))
    scenario.wait_for_state("1.0.0", "staged")
    entries = scenario.journal("-u", "ipectld", f"IPE_POLICY={NAME}", "IPE_VERSION=1.0.0")
    staged = entries[-1]
    assert staged["MESSAGE_ID"] and staged["IPE_DIGEST"] and staged["IPE_SIGNER"]
    assert scenario.kernel_active() is None, "staging changes nothing that is enforced"


@pytest.mark.parametrize("method", [("Activate", "s", NAME), ("Rollback", "s", NAME), ("Reload",),
                                    ("SetEnforce", "b", "false"), ("SetSuccessAudit", "b", "true"),
                                    ("Confirm", "s", NAME), ("Preflight", "s", NAME), ("Discard", "ss", NAME, "1.0.0")],
                         ids=lambda method: method[0])
def test_an_unprivileged_caller_is_refused(scenario, method):
    before = scenario.versions()
    result = scenario.try_call(*method, runner="runuser -u nobody --")
    assert not result.ok
    assert "not authorized" in result.output.lower() or "access denied" in result.output.lower() \
        or "authentication" in result.output.lower(), result.output
    assert scenario.versions() == before and scenario.kernel_active() is None


def test_an_unprivileged_caller_cannot_stage(scenario):
    scenario.system.put("/run/other.p7b", scenario.signed("1.0.1"))
    before = scenario.disk_state()
    result = scenario.system.run("runuser -u nobody -- ipectl --no-ask-password stage /run/other.p7b")
    assert result.status == 4, result
    assert scenario.disk_state() == before


def test_an_unprivileged_caller_may_look(scenario):
    assert NAME in scenario.system.must(f"runuser -u nobody -- busctl call {MANAGER} ListPolicies")
    assert NAME in scenario.system.must("runuser -u nobody -- ipectl list")


def test_what_the_kernel_cannot_do_is_said(scenario):
    for options, words in (({"trial-sec": "t 60000000"}, "86400"),
                           ({"confirm": "s manual", "trial-sec": "t 0"}, "nothing to confirm")):
        result = scenario.activate_with(options, scenario.try_call)
        assert not result.ok and words in result.output, result
        assert scenario.kernel_active() is None
    result = scenario.try_call("Confirm", "s", NAME)
    assert not result.ok and "trial" in result.output


def test_activate_enforces(scenario):
    scenario.activate()
    assert scenario.kernel_active() == (NAME, "1.0.0")
    assert scenario.get("ActivePolicy") == [NAME, "1.0.0"]
    assert scenario.get("ConfirmedPolicy") == [NAME, "1.0.0"]
    assert scenario.versions() == {"1.0.0": "confirmed"}
    assert scenario.runs(ON_VOLUME)
    assert not scenario.runs(ON_TMPFS)
    scenario.system.wait_until("systemctl is-active ipe-policy.target")


def test_the_denial_is_in_the_journal(scenario):
    scenario.runs(ON_TMPFS)
    records = [entry["MESSAGE"] for entry in scenario.journal("_TRANSPORT=audit", f"_AUDIT_TYPE={AUDIT_IPE_ACCESS}")]
    record = [text for text in records if f'path="{ON_TMPFS}"' in text][-1]
    assert "ipe_op=EXECUTE ipe_hook=BPRM_CHECK enforcing=1" in record
    assert 'rule="DEFAULT op=EXECUTE action=DENY"' in record


def test_the_switch_turns_enforcement_off_and_on(scenario):
    scenario.call("SetEnforce", "b", "false")
    assert scenario.get("Enforce") is False and scenario.runs(ON_TMPFS)
    scenario.call("SetEnforce", "b", "true")
    assert scenario.get("Enforce") is True and not scenario.runs(ON_TMPFS)


# Bad input: the sort of mistake, and the error that has to be said for it, on the bus and in the journal.
BAD = {
    "truncated": "SignatureInvalid",
    "tampered": "SignatureInvalid",
    "unsigned": "SignatureInvalid",
    "trailing": "SignatureInvalid",
    "wrong-key": "KeyNotTrusted",
    "unparsable": "SyntaxError",
    "oversized": "LimitsExceeded",
    "downgraded": "VersionTooOld",
    "same-version": "AlreadyExists",
}


def bad_envelope(scenario, kind):
    good = scenario.signed("7.0.0")
    if kind == "truncated":
        return good[:-20]
    if kind == "tampered":
        return good.replace(b"policy_version=7.0.0", b"policy_version=7.0.1")
    if kind == "unsigned":
        return scenario.policy("7.0.0").encode()
    if kind == "trailing":
        return good + b"\0"
    if kind == "wrong-key":
        return scenario.signed("7.0.0", key="other")
    if kind == "downgraded":
        return scenario.signed("0.9.0")
    if kind == "same-version":
        return scenario.signed("1.0.0", revoke_volume=True)
    text = scenario.policy("7.0.0")
    text += "op=EXECUTE no_such_property=TRUE action=ALLOW\n" if kind == "unparsable" else "# filler\n" * 8000
    from keys import sign_policy
    return sign_policy(text)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_policy_on_the_bus_changes_nothing(scenario, kind):
    scenario.system.put("/run/bad.p7b", bad_envelope(scenario, kind))
    before = scenario.disk_state()
    result = scenario.system.run("ipectl stage /run/bad.p7b")
    assert not result.ok and result.output.strip(), result
    raw = scenario.system.run(f"busctl call {MANAGER} Stage 'ha{{sv}}' 7 0 7</run/bad.p7b")
    assert not raw.ok
    assert scenario.disk_state() == before
    assert scenario.kernel_active() == (NAME, "1.0.0")
    if kind == "unparsable":
        line = scenario.policy("7.0.0").count("\n") + 1
        assert f"line {line}," in result.output, result.output


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_policy_in_policy_d_is_rejected_by_name(scenario, kind):
    before = scenario.disk_state()
    good = scenario.signed("1.0.0")
    scenario.drop(bad_envelope(scenario, kind))
    error = BAD[kind]
    name = f"org.freedesktop.DBus.Error.{error}" if error == "LimitsExceeded" else f"org.ipe.Error.{error}"
    scenario.system.wait_until(f"journalctl --sync; journalctl -q -u ipectld -n 3 -o json | "
                               f"grep -F '\"IPE_ERROR\":\"{name}\"'")
    assert scenario.disk_state() == before
    assert scenario.kernel_active() == (NAME, "1.0.0")
    scenario.drop(good)
    scenario.call("Reload")


# The kernel's own answer to the same bytes: it does not depend on user space.
KERNEL_ERRNO = {
    "truncated": "Bad message",
    "tampered": "Key was rejected by service",
    "unsigned": "Bad message",
    "wrong-key": "Required key not available",
    "unparsable": "Bad message",
    "oversized": "Message too long",
    "downgraded": "Stale file handle",
}


@pytest.mark.parametrize("kind", KERNEL_ERRNO)
def test_a_bad_policy_in_securityfs_changes_nothing(scenario, kind):
    scenario.system.put("/run/bad.p7b", bad_envelope(scenario, kind))
    result = scenario.system.run(f"dd if=/run/bad.p7b of=/sys/kernel/security/ipe/policies/{NAME}/update bs=1M "
                                 "2>&1 | head -1; exit ${PIPESTATUS[0]}")
    assert not result.ok and KERNEL_ERRNO[kind] in result.output, result.output
    assert scenario.kernel_active() == (NAME, "1.0.0")


@pytest.mark.long_on("stock")
def test_a_killed_daemon_comes_back_to_the_same_state(scenario):
    """The daemon is killed at moments that the host's clock picks, while it is at work."""
    before = scenario.versions()
    for delay in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55):
        scenario.system.must(f"(busctl call {MANAGER} Reload >/dev/null 2>&1 &) ; sleep 0.0{delay:02}; "
                             "systemctl kill -s KILL ipectld.service; systemctl reset-failed ipectld.service")
        assert scenario.versions() == before
        assert scenario.get("ActivePolicy") == [NAME, "1.0.0"]


def test_a_full_disk_is_said_and_changes_nothing(scenario):
    scenario.system.put("/run/next.p7b", scenario.signed("1.9.0"))
    before = scenario.disk_state()
    scenario.fill_disk()
    try:
        result = scenario.system.run("ipectl stage /run/next.p7b")
        assert not result.ok and "No space left" in result.output, result
        assert scenario.disk_state() == before
    finally:
        scenario.empty_disk()
    assert scenario.versions() == {"1.0.0": "confirmed"}
    assert scenario.kernel_active() == (NAME, "1.0.0")


def test_the_next_version_takes_its_place(scenario):
    scenario.drop(scenario.signed("2.0.0", revoke_volume=True))
    scenario.wait_for_state("2.0.0", "staged")
    assert scenario.runs(ON_VOLUME), "staging changes nothing that is enforced"
    scenario.activate()
    assert scenario.kernel_active() == (NAME, "2.0.0")
    assert scenario.versions() == {"1.0.0": "superseded", "2.0.0": "confirmed"}
    assert not scenario.runs(ON_VOLUME), "version 2 revokes the volume"


def test_rollback_selects_the_previous_version_for_the_next_boot(scenario):
    scenario.call("Rollback", "s", NAME)
    assert scenario.versions()["1.0.0"] == "pending-reboot"
    assert scenario.kernel_active() == (NAME, "2.0.0"), "no floor allows to go back while it runs"
    assert "reboot" in scenario.system.must("ipectl status").lower()


def test_after_the_reboot_the_previous_version_is_in_force(scenario):
    scenario.system.reboot()
    assert scenario.kernel_active() == (NAME, "1.0.0")
    assert scenario.load_journal(f"IPE_POLICY={NAME}", "IPE_VERSION=1.0.0")
    scenario.open_volume()
    assert scenario.runs(ON_VOLUME)
    assert not scenario.runs(ON_TMPFS)
    scenario.wait_for_state("1.0.0", "confirmed")
    assert scenario.versions() == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}


def test_the_version_that_was_rolled_back_is_not_taken_again_by_itself(scenario):
    scenario.call("Reload")
    assert scenario.versions()["2.0.0"] == "rolled-back"
    assert scenario.kernel_active() == (NAME, "1.0.0")
    scenario.activate("2.0.0")
    assert scenario.kernel_active() == (NAME, "2.0.0")


@pytest.mark.long_on("ours")
def test_a_cut_of_power_keeps_the_confirmed_policy(scenario):
    scenario.system.must("sync")
    scenario.system.cut_power()
    assert scenario.kernel_active() == (NAME, "2.0.0")
    scenario.wait_for_state("2.0.0", "confirmed")


@pytest.mark.parametrize("phase", ["asked", "done"])
def test_a_daemon_killed_while_it_activates_agrees_with_the_kernel_again(scenario, phase):
    version, before = {"asked": "2.1.1", "done": "2.1.2"}[phase], scenario.kernel_active()[1]
    scenario.drop(scenario.signed(version))
    scenario.wait_for_state(version, "staged")
    scenario.cut(phase, f"policies/{NAME}/update", "ActivateWithOptions", "sa{sv}", NAME, "1", "trial-sec", "t", "0")
    states = scenario.versions()
    assert states[version] == ("staged" if phase == "asked" else "confirmed"), states
    confirmed = [number for number, state in states.items() if state == "confirmed"]
    assert confirmed == [scenario.kernel_active()[1]] == [before if phase == "asked" else version]
    assert scenario.get("ActivePolicy") == scenario.get("ConfirmedPolicy")
    assert not scenario.system.run("grep -q activating /var/lib/ipe/state.json").ok


def test_a_reload_is_waited_for(scenario):
    assert scenario.system.must("systemctl show -P Type ipectld").strip() == "notify-reload"
    scenario.system.put("/etc/ipe/ipectld.conf", "[Manager]\n\nNoSuchSetting=1\n")
    scenario.system.must("systemctl reload ipectld")
    found = [entry["MESSAGE"] for entry in scenario.journal("-u", "ipectld") if "NoSuchSetting" in entry["MESSAGE"]]
    assert found and found[-1].startswith("/etc/ipe/ipectld.conf:3: ")
    scenario.system.must("rm /etc/ipe/ipectld.conf; systemctl reload ipectld")


def test_the_log_level_can_be_changed(scenario):
    scenario.system.must("systemctl service-log-level ipectld debug")
    assert scenario.system.must("systemctl service-log-level ipectld").strip() == "debug"
    scenario.system.must("systemctl service-log-level ipectld info")
    assert not scenario.system.run("runuser -u nobody -- systemctl service-log-level ipectld debug").ok


@pytest.mark.long_on("stock")
def test_a_daemon_that_hangs_is_started_again(scenario):
    scenario.system.must("mkdir -p /run/systemd/system/ipectld.service.d && cd /run/systemd/system/ipectld.service.d && "
                         "printf '[Service]\\nWatchdogSec=3s\\n' >watchdog.conf && systemctl daemon-reload && "
                         "systemctl restart ipectld")
    before = scenario.versions(), scenario.kernel_active()
    pid = scenario.system.must("systemctl show -P MainPID ipectld").strip()
    scenario.system.must(f"kill -STOP {pid}")
    scenario.system.wait_until(f"pid=$(systemctl show -P MainPID ipectld); [ \"$pid\" != {pid} ] && [ \"$pid\" != 0 ]")
    assert (scenario.versions(), scenario.kernel_active()) == before
    scenario.system.must("rm /run/systemd/system/ipectld.service.d/watchdog.conf; systemctl daemon-reload; "
                         "systemctl restart ipectld; rm -f /var/lib/systemd/coredump/*ipectld*")


def test_the_units_are_clean(scenario):
    scenario.system.must("SYSTEMD_IN_INITRD=1 systemd-analyze verify --man=no ipe-load.service")
    scenario.system.must("systemd-analyze verify --man=no ipectld.service ipe-load.service ipe-policy.target ipe-boot-check.service "
                         "ipe-confirm.service ipe-policy-check.service ipectld-audit.socket ipe-inspect.socket "
                         "ipe-open.socket ipe-inspect@test.service ipe-open@test.service ipe-volume-check@test.service")
    assert scenario.system.must("systemctl is-active ipe-policy.target").strip() == "active"


def test_the_kernel_says_nothing_alarming(scenario):
    assert scenario.system.trouble() == []
