# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectl with the real journal and real denials, on our kernel and on Debian's stock one."""

import json

import pytest
from scenario import NAME, ON_TMPFS


@pytest.fixture(scope="module", autouse=True)
def prepared(scenario):
    scenario.open_volume()
    scenario.trust()


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_log_and_watch_tell_the_story_of_a_policy(scenario):
    system = scenario.system
    system.must("systemd-run -q --unit=watch -p RemainAfterExit=yes -p StandardOutput=truncate:/run/watch "
                "ipectl watch --json")
    system.wait_until("grep -q '\"event\":\"status\"' /run/watch")
    scenario.drop(scenario.signed("1.0.0"))
    scenario.wait_for_state("1.0.0", "staged")
    output = system.must(f"ipectl activate --confirm=manual --trial-sec=10min {NAME}")
    assert f"'{NAME}' 1.0.0 is active, on trial for " in output
    assert ("cannot go back" in output) == (not scenario.has("trial"))
    assert "On trial" in system.must("ipectl status")
    assert not scenario.runs(ON_TMPFS)
    system.wait_until("grep -q '\"event\":\"denied\"' /run/watch")
    system.must(f"ipectl confirm {NAME}")
    system.wait_until("grep -q '\"event\":\"policy_confirmed\"' /run/watch")
    system.must("systemctl kill -s INT watch")
    system.wait_until("[ $(systemctl show -P SubState watch) = exited ]")
    assert system.must("systemctl show -P ExecMainStatus watch") == "0\n"

    told = lines(system.must("cat /run/watch"))
    kinds = [event["event"] for event in told if event["event"] not in ("properties_changed", "countdown", "policy_changed")]
    assert [kind for kind in kinds if kind != "denied"] == ["status", "policy_staged", "policy_activated", "policy_confirmed"]
    denied = next(event for event in told if event["event"] == "denied" and event["path"] == ON_TMPFS)
    assert denied["name"] == NAME and denied["version"] == "1.0.0" and denied["operation"] == "EXECUTE"

    system.must("journalctl --sync")
    written = lines(system.must(f"ipectl log --json {NAME}"))
    assert [entry["event"] for entry in written if entry["event"] != "denied"] == ["staged", "trial", "confirmed"]
    assert any(entry["event"] == "denied" and entry["path"] == ON_TMPFS for entry in written)
    text = system.must(f"ipectl log {NAME}").splitlines()
    assert [line for line in text if line.endswith(written[0]["message"])]
    assert len(system.must("ipectl log -n1").splitlines()) == 1


def test_who_may_not_read_the_journal_sees_what_became_of_policies(scenario):
    result = scenario.system.run("runuser -u nobody -- ipectl log")
    assert result.status == 0 and "systemd-journal" in result.output
    assert f"'{NAME}' 1.0.0: confirmed (trial -> confirmed)" in result.output
    history = json.loads(scenario.system.must("runuser -u nobody -- ipectl history --json=short"))
    assert [change["reason"] for change in history if change["version"] == "1.0.0"] == ["staged", "trial", "confirmed"]


def test_a_switch_that_root_writes_is_told(scenario):
    """On upstream kernels, too."""
    system = scenario.system
    system.must("systemd-run -q --unit=watch-switch -p RemainAfterExit=yes -p StandardOutput=truncate:/run/watch-switch "
                "ipectl watch --json")
    system.wait_until("grep -q '\"event\":\"status\"' /run/watch-switch")
    for count, value in ((1, 0), (2, 1)):
        system.must(f"echo {value} >/sys/kernel/security/ipe/enforce")
        system.wait_until(f"[ $(grep -c '\"event\":\"properties_changed\".*\"enforce\":' /run/watch-switch) -ge {count} ]")
    system.must("systemctl kill -s INT watch-switch")


def test_an_entry_that_a_user_forges_is_no_history(scenario):
    scenario.system.must("printf 'MESSAGE=forged\\nMESSAGE_ID=c3dd15346cc74d20850acc7a1515ffb5\\nIPE_POLICY=forged\\n' | "
                         "runuser -u nobody -- logger --journald; journalctl --sync; "
                         "[ \"$(journalctl -q -o cat IPE_POLICY=forged)\" = forged ]")
    assert "forged" not in scenario.system.must("ipectl log")
