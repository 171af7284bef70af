# SPDX-License-Identifier: LGPL-2.1-or-later
"""A trial that goes on over a reboot: ipectld lets the boot decide. Plain files stand in for the kernel, see
kernel_files.py, and service_manager.py for systemd; test_ipe_load.py shows what happens before, and real
boots are in test/vm and test/kernel."""

import time

import pytest
from gi.repository import GLib

from automatic_trials import OTHER_BOOT, POLICY, begin, calls, is_confirmed, put_boot_trial, reason, state
from connection import NAME, PATH, Call
from kernel_files import ends_trial
from machine import NOBODY
from raw_client import RawClient
from service_manager import COMMAND, TARGET


@pytest.fixture
def machine(automatic):
    return automatic


def begin_boot(machine, boots=1, **options):
    """A daemon that finds the trial that ipe-load has begun in this boot."""
    begin(machine, boots=boots, boots_max=3, boot_sec=300, **options)


def test_a_boot_is_well_if_nothing_is_wrong(machine):
    begin_boot(machine)
    assert machine.properties()["TrialBoots"] == 1 and machine.properties()["TrialBootsMax"] == 3
    assert Call(machine, "CheckBoot").answer() == "done"
    assert state(machine) == "trial"
    assert {row[1] for row in machine.properties()["TrialChecks"]} <= {"passed", "pending", "none"}
    # And again, as a unit that is started again does.
    assert Call(machine, "CheckBoot").answer() == "done"


def test_a_boot_waits_for_units_and_the_command(machine):
    machine.configure("HealthUnits=web.service", "HealthCommand=/usr/bin/true")
    machine.services.states = {"web.service": "activating"}
    begin_boot(machine)
    machine.wait_for(lambda: "ListUnitsByNames" in [name for name, _ in machine.services.calls], "a look")
    assert not calls(machine, "RestartUnit")
    call = Call(machine, "CheckBoot")
    machine.wait_for(lambda: calls(machine, "RestartUnit"), "the command")
    machine.services.states["web.service"] = "active"
    seen = len(machine.services.calls)
    machine.wait_for(lambda: [name for name, _ in machine.services.calls[seen:]].count("ListUnitsByNames") > 1, "another look")
    assert call.result is None
    machine.services.states[COMMAND] = "active"
    assert call.answer() == "done"
    assert calls(machine, "RestartUnit") == [(COMMAND, "replace")]


def test_a_unit_that_fails_ends_the_trial_and_the_check(machine):
    machine.configure("HealthUnits=web.service")
    machine.services.states = {"web.service": "activating"}
    begin_boot(machine)
    check, confirm = Call(machine, "CheckBoot"), Call(machine, "ConfirmBoot")
    # Both wait once this later call has its answer.
    machine.properties()
    machine.services.failed.append("other.service")
    assert check.answer() == confirm.answer() == "org.ipe.Error.NoTrial"
    assert state(machine) == "rolled-back" and machine.kernel.read("revert").startswith(b"1")


def test_others_who_wait_do_not_keep_root_from_the_checks(machine):
    """Else the right to confirm would make a boot fail."""
    machine.configure("HealthUnits=web.service")
    machine.services.states = {"web.service": "activating"}
    begin_boot(machine)
    machine.start_mock_polkit()
    machine.allow("org.ipe.manager.confirm")
    clients = [RawClient(machine, uid) for uid in (1, 2, 3, 4, NOBODY)]
    for client in clients:
        assert client.answers(1) == [False]
        for _ in range(5):
            client.ask("CheckBoot")
    assert all(client.answers(1) == [True] for client in clients[:4])
    assert clients[4].answers(5) == [True] * 5
    assert {sentence for client in clients for sentence in client.sentences} == {
        "org.freedesktop.DBus.Error.LimitsExceeded: Too many calls wait for the health checks already."}
    check = Call(machine, "CheckBoot")
    machine.properties()
    assert check.result is None
    machine.services.states["web.service"] = "active"
    assert check.answer() == "done"
    assert all(client.answers(4) == [False] * 4 for client in clients[:4])
    for client in clients:
        client.close()


def test_a_boot_waits_for_units_of_the_target(machine):
    machine.services.members = ["check.service"]
    begin_boot(machine)
    machine.wait_for(lambda: "ListUnitsFiltered" in [name for name, _ in machine.services.calls], "a look")
    assert not calls(machine, "RestartUnit")
    call = Call(machine, "CheckBoot")
    machine.wait_for(lambda: ("ListUnitsByNames", ([TARGET],)) in machine.services.calls, "a look at it")
    machine.properties()
    assert call.result is None and calls(machine, "RestartUnit") == [(TARGET, "replace")]
    machine.services.states[TARGET] = "active"
    assert call.answer() == "done"


def test_a_boot_with_enforcement_off_has_not_passed(machine):
    """As with ipe.enforce=0 on the kernel command line: the way in, where a policy locks everybody out."""
    machine.kernel.put("enforce", "0")
    begin_boot(machine)
    assert Call(machine, "CheckBoot").answer() == "org.ipe.Error.NoTrial"
    assert state(machine) == "rolled-back" and "did not enforce" in reason(machine)


def test_enforcement_that_is_switched_off_after_the_checks_counts(machine):
    begin_boot(machine)
    assert Call(machine, "CheckBoot").answer() == "done"
    with ends_trial(machine, POLICY):
        machine.kernel.put("enforce", "0")
        assert Call(machine, "ConfirmBoot").answer() == "org.ipe.Error.NoTrial"
    assert state(machine) == "rolled-back" and not is_confirmed(machine)


def test_a_complete_boot_confirms(machine):
    """ipectld asks the kernel to confirm. These files do not act, so the answer to the call does not matter here."""
    begin_boot(machine)
    assert Call(machine, "CheckBoot").answer() == "done"
    assert not is_confirmed(machine)
    assert Call(machine, "ConfirmBoot").answer()
    assert is_confirmed(machine)


@pytest.mark.parametrize("options", [{"confirm": "manual"}, {"boots": 0}])
@pytest.mark.parametrize("method", ["CheckBoot", "ConfirmBoot"])
def test_other_trials_are_left_alone(machine, options, method):
    begin_boot(machine, **options)
    assert Call(machine, method).answer() == "done"
    assert state(machine) == "trial" and not is_confirmed(machine)


@pytest.mark.parametrize("method", ["CheckBoot", "ConfirmBoot"])
def test_without_a_trial_there_is_nothing_to_check(machine, method):
    machine.start_daemon()
    assert Call(machine, method).answer() == "done"


def test_a_boot_that_is_not_complete_in_time_has_not_passed(machine):
    begin_boot(machine, seconds=3)
    assert Call(machine, "CheckBoot").answer() == "done"
    machine.wait_for(lambda: state(machine) == "rolled-back", "the end of the trial")
    assert "the boot was not complete" in reason(machine)
    assert not is_confirmed(machine)


@pytest.mark.parametrize("boots, words", [(3, "was not confirmed in any of the boots"), (1, "was ended by a reboot")])
def test_a_trial_that_this_boot_did_not_try_has_ended(machine, boots, words):
    put_boot_trial(machine, OTHER_BOOT, boots)
    machine.start_daemon()
    assert state(machine) == "rolled-back"
    assert words in reason(machine)


def test_a_caller_that_leaves_is_forgotten(machine):
    machine.configure("HealthUnits=web.service")
    begin_boot(machine)
    for _ in range(3):
        caller = machine.start(["busctl", "call", NAME, PATH, NAME, "CheckBoot"])
        machine.wait_for(lambda: machine.has_owner(NAME), "the daemon")
        time.sleep(0.2)
        caller.stop(9)
    machine.services.states = {"web.service": "active"}
    assert Call(machine, "CheckBoot").answer() == "done"


def test_seventeen_callers_are_one_too_many(machine):
    machine.configure("HealthUnits=web.service")
    begin_boot(machine)
    waiting = [Call(machine, "CheckBoot") for _ in range(17)]
    machine.wait_for(lambda: any(call.result for call in waiting), "the one too many")
    assert [call.result for call in waiting if call.result] == ["org.freedesktop.DBus.Error.LimitsExceeded"]
    machine.services.states = {"web.service": "active"}
    assert sorted(call.answer() for call in waiting)[:16] == ["done"] * 16


def test_a_trial_that_begins_may_outlive_reboots_as_configured(machine):
    machine.configure("TrialBoots=7", "TrialBootSec=90", "Confirm=manual")
    machine.start_daemon()
    machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, {"trial-sec": GLib.Variant("t", 600),
                                                                           "force": GLib.Variant("b", True)})))
    trial = machine.read_state()["trial"]
    assert (trial["boots"], trial["boots_max"], trial["boot_sec"]) == (0, 7, 90)
