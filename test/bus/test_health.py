# SPDX-License-Identifier: LGPL-2.1-or-later
"""Health checks of a trial: settings, units, services that restart, the command and the target. Plain files
stand in for the kernel, see kernel_files.py, and service_manager.py for systemd; test/vm/test_health.py has
the real ones."""

import json

import pytest
from gi.repository import GLib

from automatic_trials import (
    POLICY, VITAL, begin, calls, checks, hold, is_confirmed, state, tell_denial, wait_for_calls,
    wait_for_confirmation, wait_for_end, wait_for_further_calls)
from kernel_files import begins_trial
from programs import HEALTH
from service_manager import COMMAND, TARGET, change_signal


@pytest.fixture
def machine(automatic):
    return automatic


# Settings, and what they say of a trial


def test_settings_that_are_removed_in_the_trial_still_count(machine):
    machine.configure("HealthUnits=needed.service", f"EssentialPaths={VITAL}")
    begin(machine, seconds=5)
    machine.configure()
    machine.ipectl("reload")
    wait_for_end(machine, "'needed.service' is inactive")


@pytest.mark.parametrize("setting", ["HealthCommand=/bin/false", "HealthUnits=missing.service", f"EssentialPaths={VITAL}"])
def test_settings_that_are_added_in_the_trial_are_for_the_next_one(machine, setting):
    """Such settings used to count as passed, though nothing had been checked."""
    begin(machine, seconds=5)
    machine.configure(setting)
    machine.ipectl("reload")
    tell_denial(machine)
    wait_for_confirmation(machine)
    assert checks(machine)["health-command"] == checks(machine)["health-units"] == ("none", "")
    assert not calls(machine, "RestartUnit") and not calls(machine, "ListUnitsByNames")


def test_a_daemon_that_is_started_again_has_the_settings_of_the_trial(machine):
    machine.configure("HealthUnits=needed.service", "HealthIgnoreUnits=odd*", "HealthCommand=/bin/check")
    machine.start_daemon()
    with begins_trial(machine, POLICY, "2.0.0"):
        machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    machine.stop_daemon()
    machine.configure("HealthUnits=other.service")
    machine.start_daemon()
    machine.wait_for(lambda: ("ListUnitsByNames", (["needed.service", COMMAND],)) in machine.services.calls, "the same units")
    machine.services.failed = ["odd.service"]
    wait_for_further_calls(machine, "ListUnitsFiltered")
    assert state(machine) == "trial" and checks(machine)["health-command"][0] == "pending"
    assert len(calls(machine, "RestartUnit")) == 2, "what the first one started said nothing yet"


def test_what_is_not_configured_has_no_result(machine):
    begin(machine, seconds=0)
    wait_for_confirmation(machine)
    results = {name: result for name, (result, _) in checks(machine).items()}
    assert results == {"units": "passed", "denials": "passed", "health-units": "none", "health-command": "none", "health-target": "none",
                       "enforcement": "passed"}


def test_ipectl_shows_what_has_no_result(machine):
    begin(machine)
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    shown = machine.ipectl("status").stdout
    assert "health-units: none" in shown and "units: pending" in shown
    rows = json.loads(machine.ipectl("status", "--json=short").stdout)["trial_checks"]
    assert {"check": "health-command", "state": "none", "detail": None} in rows


def test_a_trial_that_is_confirmed_by_hand_is_not_watched(machine):
    machine.services.failed = ["new.service"]
    begin(machine, confirm="manual")
    assert state(machine) == "trial" and machine.properties()["TrialConfirm"] == "manual"
    assert not [method for method, _ in machine.services.calls if method.startswith("List")]


def test_what_had_failed_before_is_remembered(machine):
    machine.services.failed = ["old.service", "older.service"]
    machine.start_daemon()
    machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    trial = machine.read_state()["trial"]
    assert trial["failed_units"] == ["old.service", "older.service"] and trial["confirm"] == "auto"
    # Thirty seconds more than the daemon waits.
    assert machine.kernel.read(f"policies/{POLICY}/trial").strip() == b"150"


# At the end of a trial


def test_at_the_end_all_has_to_be_well(machine):
    machine.configure("HealthUnits=needed.service", "HealthCommand=/bin/check --all")
    machine.services.members = ["check.service"]
    machine.services.states = {"needed.service": "active", COMMAND: "active", TARGET: "active"}
    begin(machine, seconds=0)
    wait_for_confirmation(machine)
    assert [result for result, _ in checks(machine).values()] == ["passed"] * 6
    assert sorted(calls(machine, "RestartUnit")) == [(COMMAND, "replace"), (TARGET, "replace")]


def test_a_confirmed_trial_stops_what_it_started(machine):
    """A command that is still active would look like that of the next trial."""
    machine.configure("HealthCommand=/bin/check")
    machine.services.members = ["check.service"]
    machine.services.states = {COMMAND: "failed", TARGET: "active"}
    begin(machine)
    wait_for_end(machine, "HealthCommand= has failed")
    wait_for_calls(machine, "StopUnit", 2)
    assert sorted(calls(machine, "StopUnit")) == [(COMMAND, "replace"), (TARGET, "replace")]


@pytest.mark.parametrize("settings, states, words", [
    (["HealthUnits=needed.service"], {"needed.service": "deactivating"}, "'needed.service' is deactivating"),
    (["HealthUnits=needed.service"], {}, "'needed.service' is inactive"),
    (["HealthUnits=a.service needed.service"], {"a.service": "active"}, "'needed.service' is inactive"),
    (["HealthCommand=/bin/check"], {}, "HealthCommand= has not ended"),
    (["HealthCommand=/bin/check"], {COMMAND: "activating"}, "HealthCommand= has not ended"),
    (["HealthCommand=/bin/check"], {COMMAND: "inactive"}, "'ipe-health.service' was stopped"),
    ([], {TARGET: "job"}, "'ipe-health.target' was not reached in time"),
    ([], {TARGET: "inactive"}, "'ipe-health.target' was not reached: a unit that it requires has failed")])
def test_at_the_end_something_is_not_well(machine, settings, states, words):
    machine.configure(*settings)
    machine.services.states = states
    machine.services.members = ["check.service"] if TARGET in states else []
    begin(machine, seconds=0)
    wait_for_end(machine, words)


# The command and the target


@pytest.mark.parametrize("unit", [COMMAND, TARGET])
def test_what_an_earlier_trial_left_behind_means_nothing(machine, unit):
    """polkit is asked before the service manager starts anything: until then a list has the old state."""
    machine.configure("HealthCommand=/bin/check")
    machine.services.members = ["check.service"]
    machine.services.states = {unit: "failed"}
    held = []
    machine.services.answer = hold("RestartUnit", held)
    begin(machine)
    wait_for_calls(machine, "ListUnitsFiltered", 3)
    assert len(held) == 2 and state(machine) == "trial" and not calls(machine, "ListUnitsByNames")


def test_a_failed_unit_that_is_about_to_start_has_not_failed_again(machine):
    machine.configure("HealthCommand=/bin/check")
    machine.services.states = {COMMAND: "job"}
    begin(machine)
    wait_for_calls(machine, "ListUnitsByNames", 2)
    assert state(machine) == "trial" and checks(machine)["health-command"] == ("pending", "")


@pytest.mark.parametrize("name, check", [(COMMAND, "health-command"), (TARGET, "health-target")])
def test_a_unit_that_cannot_be_started_ends_the_trial(machine, name, check):
    machine.configure(*["HealthCommand=/bin/check"] * (name == COMMAND))
    machine.services.members = ["check.service"] * (name == TARGET)
    machine.services.answer = lambda method, invocation: method == "RestartUnit" and (
        invocation.return_dbus_error("org.freedesktop.DBus.Error.AccessDenied", "no such right") or True)
    begin(machine)
    wait_for_end(machine, f"'{name}' cannot be started: no such right")
    assert checks(machine)[check][0] == "failed"


def test_a_target_without_units_is_not_started(machine):
    begin(machine)
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert checks(machine)["health-target"] == ("none", "") and not calls(machine, "RestartUnit")


def test_a_target_of_which_nothing_is_known_is_asked_for_again(machine):
    machine.services.members = ["check.service"]
    machine.services.answer = lambda method, invocation: method == "GetAll" and (
        invocation.return_dbus_error("org.freedesktop.DBus.Error.NoReply", "later") or True)
    begin(machine, seconds=0)
    wait_for_calls(machine, "GetAll", 2)
    assert state(machine) == "trial" and not is_confirmed(machine)
    machine.services.states = {TARGET: "active"}
    machine.services.answer = lambda method, invocation: False
    wait_for_confirmation(machine)
    assert checks(machine)["health-target"] == ("passed", "")


def health_program(machine, *settings):
    machine.configure(*settings)
    return machine.run(HEALTH, check=False)


@pytest.mark.parametrize("settings, status", [
    (["HealthCommand=/usr/bin/test -e /etc/ipe/ipectld.conf"], 0), (["HealthCommand=/usr/bin/false"], 1),
    (["HealthCommand=/nonexistent"], 69), ([], 78), (["HealthCommand=false"], 78)])
def test_the_service_runs_the_command_of_the_configuration(machine, settings, status):
    """It takes no command from its caller."""
    assert health_program(machine, *settings).returncode == status


# Units that fail


def test_a_hostile_name_of_a_unit_is_kept_harmless(machine):
    machine.services.failed = ["\x1b[31m" + "é" * 2000 + ".service"]
    begin(machine)
    wait_for_end(machine, "was ended by a health check")
    assert "\x1b" not in checks(machine)["units"][1]


def test_a_unit_that_had_failed_before_is_no_reason(machine):
    machine.services.failed = ["old.service"]
    begin(machine, failed_units=["old.service"])
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial"
    assert checks(machine)["units"] == ("pending", "")
    machine.services.failed.append("new.service")
    wait_for_end(machine, "'new.service' has failed")


OF_USERS = ["user@1000.service", "user-runtime-dir@1000.service", "session-3.scope", "run-u12.service", "run-p12-i345.service",
            "run-r0123456789abcdef0123456789abcdef.service", "run-user-1000-doc.mount", "systemd-coredump@4-1234-1000.service", "polkit-agent-helper@3-1234-1000.service",
            "agent@12-1234_567890-1000.service", "sshd@0-192.0.2.1:22-192.0.2.2:50000.service",
            "sshd@3-[fe80::1]:22-[fe80::2]:50000.service", "getty@tty1.service", "serial-getty@ttyS0.service"]


def test_units_of_users_end_no_trial(machine):
    """Any user can kill his own service manager, and so make its unit fail."""
    machine.services.failed = OF_USERS
    begin(machine, seconds=0)
    wait_for_confirmation(machine)


@pytest.mark.parametrize("name", ["user.service", "users@1.service", "runner.service", "run-reports.service", "run-users.service", "a.scope.service", "run-lock.mount", "getty.service",
                                  "systemd-coredump.service", "x-user@1000.service", "backup@2026-11-30.service", "app@1-eu-west.service", "app@1-2.service",
                                  "app@1234-1000-.service"])
def test_a_unit_that_is_called_alike_counts(machine, name):
    machine.services.failed = [name]
    begin(machine)
    wait_for_end(machine, f"'{name}' has failed")


def test_units_of_the_list_are_ignored(machine):
    machine.configure("HealthIgnoreUnits=backup*.service cron?.service exact.service")
    machine.services.failed = ["backup-home.service", "cron1.service", "exact.service"]
    begin(machine)
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial"
    machine.services.failed.append("not-exact.service")
    wait_for_end(machine, "'not-exact.service' has failed")


def test_a_unit_that_has_to_be_active_is_not_ignored(machine):
    machine.configure("HealthIgnoreUnits=*", "HealthUnits=getty@tty1.service")
    machine.services.states = {"getty@tty1.service": "failed"}
    begin(machine)
    wait_for_end(machine, "'getty@tty1.service' is failed")


# Services that restart


def watch_restarts(machine, **options):
    begin(machine, **options)
    wait_for_calls(machine, "Subscribe")


def test_a_service_that_fails_and_is_started_again_and_again_ends_the_trial(machine):
    """With Restart=always, or StartLimitIntervalSec=0, its state is never "failed"."""
    watch_restarts(machine)
    for restarts in (7, 8, 9):
        assert state(machine) == "trial"
        machine.services.change("loop.service", "exit-code", restarts)
        machine.services.change("loop.service", "success", restarts + 1)
    wait_for_end(machine, "'loop.service' fails again and again")


@pytest.mark.parametrize("name, changes, options", [
    ("once.service", [("exit-code", 0), ("success", 1), ("exit-code", 1)], {}),
    ("well.service", [("success", 1), ("success", 2), ("success", 3), ("success", 4)], {}),
    ("user@1000.service", [("signal", 0), ("signal", 1), ("signal", 2)], {}),
    ("getty@tty1.service", [("exit-code", 0), ("exit-code", 1), ("exit-code", 2)], {}),
    ("old.service", [("signal", 0), ("signal", 1), ("signal", 2)], {"failed_units": ["old.service"]}),
    ("old.service", [("signal", 0), ("signal", 1), ("signal", 2)], {"restarting_units": ["old.service"]}),
    ("started-by-hand.service", [("signal", 8), ("signal", 9), ("signal", 0), ("signal", 1)], {})])
def test_a_service_that_restarts_is_no_reason(machine, name, changes, options):
    watch_restarts(machine, **options)
    for result, restarts in changes:
        machine.services.change(name, result, restarts)
    wait_for_further_calls(machine, "ListUnitsFiltered")
    assert state(machine) == "trial" and checks(machine)["units"] == ("pending", "")


def test_a_signal_of_a_user_is_no_reason(machine):
    """The bus delivers such a signal, and anybody can find the daemon's address."""
    watch_restarts(machine)
    bus = machine.connection
    names, = bus.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames", name="org.freedesktop.DBus")
    for restarts in range(4):
        for name in names:
            if name.startswith(":"):
                bus.bus.emit_signal(name, *change_signal("loop.service", "exit-code", restarts))
    wait_for_further_calls(machine, "ListUnitsFiltered")
    assert state(machine) == "trial" and checks(machine)["units"] == ("pending", "")


def test_nonsense_about_a_service_is_no_reason(machine):
    watch_restarts(machine)
    for body in (GLib.Variant("(s)", ("x",)), GLib.Variant("(sa{sv}as)", ("org.freedesktop.systemd1.Service", {}, [])),
                 GLib.Variant("(sa{sv}as)", ("org.freedesktop.systemd1.Service", {"Result": GLib.Variant("u", 1)}, []))):
        path, interface, member, _ = change_signal("x.service", "", 0)
        machine.services.within(lambda body=body: machine.services.bus.emit_signal(None, path, interface, member, body))
    for path in ("/", "/org/freedesktop/systemd1/unit/a/b"):
        _, interface, member, body = change_signal("x.service", "signal", 5)
        machine.services.within(lambda path=path: machine.services.bus.emit_signal(None, path, interface, member, body))
    wait_for_further_calls(machine, "ListUnitsFiltered")
    assert state(machine) == "trial"


def test_a_service_that_has_failed_and_waits_at_the_end_ends_the_trial(machine):
    machine.services.restart("slow.service", "exit-code", 0)
    begin(machine, seconds=0)
    wait_for_end(machine, "'slow.service' has failed, and waits for an automatic restart")


@pytest.mark.parametrize("name, result, options", [
    ("periodic.service", "success", {}), ("user@1000.service", "signal", {}), ("slow.service", "signal", {"restarting_units": ["slow.service"]})])
def test_a_service_that_waits_at_the_end_for_no_fault_of_the_policy_is_no_reason(machine, name, result, options):
    machine.services.restart(name, result, 0)
    begin(machine, seconds=0, **options)
    wait_for_confirmation(machine)


def test_a_service_that_vanishes_while_it_is_asked_for_is_no_reason(machine):
    def vanish(method, invocation):
        if method != "GetAll" or machine.services.calls[-1][1] == (TARGET,):
            return False
        machine.services.restarting.clear()
        invocation.return_dbus_error("org.freedesktop.DBus.Error.UnknownObject", "gone")
        return True
    machine.services.restart("slow.service", "exit-code", 0)
    machine.services.answer = vanish
    begin(machine, seconds=0)
    wait_for_confirmation(machine)
    assert ("GetAll", ("slow.service",)) in machine.services.calls
