# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trials that health checks confirm or end, on our kernel and on Debian's stock one, with the same tests.
The stock kernel cannot undo an activation; the next boot does that. The tests are one story, told in order
on one machine; each begins with no trial."""

import itertools

import pytest
from scenario import IPE, MANAGER, NAME, ON_TMPFS

# A trial whose end is waited for; long enough that a busy host sees it before.
SHORT_SEC = 20

versions = (f"1.0.{number}" for number in itertools.count(1))


@pytest.fixture(scope="module", autouse=True)
def prepared(scenario):
    scenario.open_volume()
    scenario.trust()
    return scenario


def stage(scenario, **options):
    version = next(versions)
    scenario.drop(scenario.signed(version, **options))
    scenario.wait_for_state(version, "staged")
    return version


def begin(scenario, seconds=600, lasts=True, **options):
    """Puts a staged version on trial, with health checks unless options say otherwise; returns its number.

    lasts: otherwise the trial may end before the call is answered."""
    version = stage(scenario)
    scenario.activate_with({"trial-sec": f"t {seconds}", **options})
    if not lasts:
        return version
    assert state(scenario, version) == "trial"
    assert scenario.get("TrialPolicy") == scenario.get("ActivePolicy") == [NAME, version]
    assert scenario.kernel_active() == (NAME, version)
    return version


def state(scenario, version):
    return scenario.versions()[version]


def checks(scenario):
    return {name: (result, detail) for name, result, detail in scenario.get("TrialChecks")}


def transactions(scenario, version):
    """{IPE_TRANSACTION of each transition} and the sentences, but for what was staged."""
    entries = [entry for entry in scenario.journal("-u", "ipectld", f"IPE_VERSION={version}") if "IPE_TRANSACTION" in entry]
    entries = [entry for entry in entries if not entry["MESSAGE"].startswith("Staged")]
    return {entry["IPE_TRANSACTION"] for entry in entries}, [entry["MESSAGE"] for entry in entries]


def assert_ended(scenario, version, before, words):
    """The trial was ended without a confirmation; before: what was confirmed."""
    scenario.wait_for_state(version, "rolled-back")
    assert scenario.get("TrialPolicy") == ["", ""] and scenario.get("TrialConfirm") == ""
    assert scenario.get("TrialDeadlineUSec") == 0
    ids, sentences = transactions(scenario, version)
    assert len(ids) == 1 and len([text for text in sentences if words in text]) == 1, sentences
    assert "trial" not in scenario.system.must("cat /var/lib/ipe/state.json")
    if scenario.has("trial"):
        assert scenario.kernel_active() == ((NAME, before) if before else None)
        assert not before or state(scenario, before) == "confirmed"
    else:
        assert scenario.kernel_active() == (NAME, version), "upstream never goes back"
        assert any("until the next boot" in text for text in sentences)
        assert not before or state(scenario, before) == "pending-reboot"


def confirm_another(scenario):
    """Confirms a version by hand, without checks that an earlier test configured; returns its number."""
    scenario.configure()
    version = begin(scenario)
    scenario.call("Confirm", "s", NAME)
    assert state(scenario, version) == "confirmed" and scenario.get("ConfirmedPolicy") == [NAME, version]
    return version


def test_a_first_trial_that_nobody_confirms_leaves_no_policy_for_the_next_boot(scenario):
    version = begin(scenario, SHORT_SEC, confirm="s manual")
    assert scenario.get("TrialConfirm") == "manual"
    assert_ended(scenario, version, None, "ended without a confirmation")
    assert scenario.get("ConfirmedPolicy") == ["", ""]


def test_a_healthy_trial_is_confirmed_by_itself(scenario):
    version = begin(scenario, SHORT_SEC)
    assert scenario.get("TrialConfirm") == "auto"
    assert {result for result, _ in checks(scenario).values()} <= {"pending", "passed", "none"}
    assert scenario.system.run("systemctl is-active ipe-policy.target").output == "inactive\n"
    scenario.wait_for_state(version, "confirmed")
    none = ["health-command", "health-target", "health-units"]
    assert sorted(name for name, (result, _) in checks(scenario).items() if result == "none") == none
    assert {result for name, (result, _) in checks(scenario).items() if name not in none} == {"passed"}
    assert scenario.kernel_active() == (NAME, version) and scenario.get("ConfirmedPolicy") == [NAME, version]
    assert scenario.get("TrialPolicy") == ["", ""] and scenario.get("TrialDeadlineUSec") == 0
    ids, sentences = transactions(scenario, version)
    assert len(ids) == 1 and [text.split()[0] for text in sentences] == ["Activated", "Confirmed"]
    scenario.system.wait_until("systemctl is-active ipe-policy.target")


@pytest.mark.long_on("stock")
def test_a_unit_that_fails_ends_the_trial_at_once(scenario):
    scenario.system.must("systemd-run -q --unit=failed-before sh -c 'exit 1'")
    scenario.system.wait_until("systemctl is-failed failed-before")
    before, version = confirm_another(scenario), begin(scenario)
    scenario.system.must("systemd-run -q --unit=fails-now sh -c 'exit 1'")
    assert_ended(scenario, version, before, "a health check: 'fails-now.service' has failed")
    assert checks(scenario)["units"] == ("failed", "'fails-now.service' has failed")
    scenario.system.must("systemctl reset-failed fails-now failed-before")


@pytest.mark.long_on("stock")
def test_a_unit_that_fails_is_tied_to_what_it_was_denied(scenario):
    """Our kernel names the control group; audit names a process, which may have gone."""
    before, version = confirm_another(scenario), begin(scenario)
    scenario.system.run(f"systemd-run -q --unit=fails-now {ON_TMPFS}")
    assert_ended(scenario, version, before, "a health check: 'fails-now.service' has failed" +
                 (f"; it was denied '{ON_TMPFS}'" if scenario.system.flavour == "ours" else ""))
    scenario.system.must("systemctl reset-failed fails-now")


@pytest.mark.long
def test_a_unit_that_failed_while_there_was_no_daemon_ends_the_trial(scenario):
    scenario.system.must("systemd-run -q --unit=failed-before sh -c 'exit 1'")
    scenario.system.wait_until("systemctl is-failed failed-before")
    before, version = confirm_another(scenario), begin(scenario)
    scenario.system.must("systemctl stop ipectld; systemd-run -q --unit=fails-now sh -c 'exit 1'")
    scenario.system.wait_until("systemctl is-failed fails-now")
    assert_ended(scenario, version, before, "a health check: 'fails-now.service' has failed")
    scenario.system.must("systemctl reset-failed fails-now failed-before")


@pytest.mark.long
def test_units_of_the_configuration_have_to_be_active(scenario):
    before = confirm_another(scenario)
    scenario.configure("HealthUnits=needed.service")
    version = begin(scenario, SHORT_SEC)
    assert_ended(scenario, version, before, "'needed.service' is inactive")
    scenario.system.must("systemd-run -q --unit=needed sleep 1000")
    version = begin(scenario, SHORT_SEC)
    scenario.wait_for_state(version, "confirmed")
    assert checks(scenario)["health-units"] == ("passed", "")
    scenario.system.must("systemctl stop needed")


@pytest.mark.long_on("stock")
@pytest.mark.parametrize("command, outcome, detail", [
    ("/usr/bin/true --of-any-kind", "confirmed", ""), ("/usr/bin/false", "rolled-back", "HealthCommand= has failed"),
    pytest.param("/usr/bin/sleep 100", "rolled-back", "HealthCommand= has not ended", marks=pytest.mark.long),
    pytest.param("/nonexistent", "rolled-back", "HealthCommand= has failed", marks=pytest.mark.long)])
def test_the_command_of_the_configuration_has_to_succeed(scenario, command, outcome, detail):
    before = confirm_another(scenario)
    scenario.configure(f"HealthCommand={command}")
    version = begin(scenario, 6, lasts=False)
    scenario.wait_for_state(version, outcome)
    if outcome == "rolled-back":
        assert_ended(scenario, version, before, detail)
    assert checks(scenario)["health-command"][1].startswith(detail)
    assert checks(scenario)["health-command"][0] == ("passed" if outcome == "confirmed" else "failed")
    # It does not go on.
    scenario.system.wait_until("! systemctl is-active ipe-health.service")
    scenario.system.run("systemctl reset-failed ipe-health.service")


@pytest.mark.long
def test_a_command_that_the_policy_denies_ends_the_trial(scenario):
    before = confirm_another(scenario)
    scenario.configure("HealthCommand=/run/health")
    scenario.system.must("cp /usr/bin/true /run/health")
    version = begin(scenario, lasts=False)
    assert_ended(scenario, version, before, "HealthCommand= has failed")
    scenario.system.run("systemctl reset-failed ipe-health.service")
    scenario.configure()


def add_check(scenario, name, command):
    """A unit of ipe-health.target."""
    scenario.system.put(f"/run/systemd/system/{name}", f"""[Unit]
Before=ipe-health.target
[Service]
Type=oneshot
ExecStart={command}
[Install]
RequiredBy=ipe-health.target
""".encode())
    scenario.system.must(f"systemctl enable -q --runtime {name}")


@pytest.mark.long_on("stock")
def test_units_of_the_target_are_checks(scenario):
    """Also if they had failed before: they are started in each trial."""
    before = confirm_another(scenario)
    add_check(scenario, "check-good.service", "/usr/bin/true")
    version = begin(scenario, SHORT_SEC)
    scenario.wait_for_state(version, "confirmed")
    assert checks(scenario)["health-target"] == ("passed", "")
    scenario.system.wait_until("! systemctl is-active ipe-health.target")
    add_check(scenario, "check-bad.service", "/usr/bin/false")
    scenario.system.run("systemctl start check-bad.service")
    before, version = version, begin(scenario, lasts=False)
    assert_ended(scenario, version, before, "'ipe-health.target' was not reached")
    scenario.system.must("systemctl disable -q --runtime check-good.service check-bad.service; rm /run/systemd/system/check-*.service; "
                         "systemctl daemon-reload; systemctl reset-failed")


@pytest.mark.long_on("stock")
def test_a_service_that_is_started_again_and_again_ends_the_trial(scenario):
    before, version = confirm_another(scenario), begin(scenario)
    scenario.system.must("systemd-run -q --unit=loops -p Restart=always -p RestartSec=100ms -p StartLimitIntervalSec=0 sh -c 'exit 1'")
    assert_ended(scenario, version, before, "'loops.service' fails again and again")
    scenario.system.must("systemctl stop loops; systemctl reset-failed")


@pytest.mark.long
def test_a_command_of_the_moment_may_fail(scenario):
    """And a service that is started again after it has ended well."""
    version = begin(scenario, SHORT_SEC)
    scenario.system.run("systemd-run -q --wait sh -c 'exit 1'")
    scenario.system.must("systemd-run -q --unit=works -p Restart=always -p RestartSec=1s sh -c 'exit 0'")
    scenario.wait_for_state(version, "confirmed")
    scenario.system.must("systemctl stop works; systemctl reset-failed")


@pytest.mark.long_on("stock")
def test_a_trial_that_is_not_enforced_is_not_confirmed(scenario):
    before, version = confirm_another(scenario), begin(scenario, SHORT_SEC)
    scenario.call("SetEnforce", "b", "false")
    assert_ended(scenario, version, before, "the kernel did not enforce all the time")
    scenario.call("SetEnforce", "b", "true")


@pytest.mark.long
@pytest.mark.parametrize("confirm", ["auto", "manual"])
def test_a_daemon_that_is_killed_goes_on(scenario, confirm):
    before, version = confirm_another(scenario), begin(scenario, SHORT_SEC, confirm=f"s {confirm}")
    deadline = scenario.get("TrialDeadlineUSec")
    scenario.system.must("systemctl kill -s KILL ipectld.service")
    assert scenario.get("TrialPolicy") == [NAME, version] and scenario.get("TrialConfirm") == confirm
    assert abs(scenario.get("TrialDeadlineUSec") - deadline) <= 1_500_000
    if confirm == "auto":
        scenario.wait_for_state(version, "confirmed")
    else:
        assert_ended(scenario, version, before, "ended without a confirmation")


@pytest.mark.long
def test_a_rollback_ends_the_trial(scenario):
    before, version = confirm_another(scenario), begin(scenario)
    path = scenario.call("Rollback", "s", NAME)[0]
    assert path.endswith("/_3" + before.replace(".", "_2e"))
    assert_ended(scenario, version, before, "was ended on demand")


@pytest.mark.long
def test_one_at_a_time(scenario):
    version, other = begin(scenario), stage(scenario)
    for options in ({}, {"trial-sec": "t 0"}, {"version": f"s {other}"}):
        result = scenario.activate_with(options, scenario.try_call)
        assert not result.ok and f"'{NAME}' {version} is on trial" in result.output, result
    scenario.call("Confirm", "s", NAME)


def test_without_a_way_back_there_is_no_trial(scenario):
    scenario.configure("RollbackAtBoot=no")
    version = stage(scenario)
    result = scenario.activate_with({"trial-sec": "t 600"}, scenario.try_call)
    assert result.ok == scenario.has("trial")
    if result.ok:
        scenario.call("Rollback", "s", NAME)
    else:
        assert "trial-sec 0" in result.output
        assert state(scenario, version) == "staged"
    scenario.configure()


@pytest.mark.long_on("ours")
def test_what_could_not_be_ended_ends_with_the_boot(scenario):
    before, version = confirm_another(scenario), begin(scenario, SHORT_SEC, confirm="s manual")
    assert_ended(scenario, version, before, "ended without a confirmation")
    scenario.system.reboot()
    scenario.open_volume()
    scenario.wait_for_state(before, "confirmed")
    assert scenario.kernel_active() == (NAME, before)
    assert scenario.get("ActivePolicy") == scenario.get("ConfirmedPolicy") == [NAME, before]


def test_the_kernel_says_nothing_alarming(scenario):
    assert scenario.system.trouble() == []
    assert scenario.system.run(f"busctl introspect {MANAGER.split(' ', maxsplit=1)[0]} /org/ipe/Manager").ok
    assert scenario.system.run(f"[ -e {IPE}/policies/{NAME} ]").ok
