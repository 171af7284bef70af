# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk that fails while a trial begins or ends, and a kernel that does not wait for it. Plain files stand in for the kernel,
see kernel_files.py."""

import pytest

from calls import call, refused_call
from connection import BusError
from kernel_files import Gate
from manual_trials import POLICY, activate, begin_trial, errors, put_confirmed


@pytest.fixture
def machine(manual):
    return manual


def test_a_disk_that_fails_is_found_out_before_the_kernel_confirms(machine):
    begin_trial(machine)
    machine.fail_disk()
    assert "state.json" in refused_call(machine, "Confirm", POLICY).message
    assert machine.kernel.read("confirm") == b"corp-base 2.0.0\n"
    machine.mend_disk()
    assert machine.states() == machine.states_on_disk() == {"1.0.0": "confirmed", "2.0.0": "trial"}


def test_a_policy_is_not_lost_if_the_disk_fails_once_the_kernel_has_confirmed_it(machine):
    begin_trial(machine)

    def confirmed():
        assert "activating" in machine.read_state()
        put_confirmed(machine)
        machine.fail_disk()

    with Gate(machine.kernel.path("confirm"), confirmed, lambda text: text.startswith(b"1")):
        error = refused_call(machine, "Confirm", POLICY)
    assert error.message.startswith("The kernel has confirmed 'corp-base', but this cannot be recorded yet")
    assert "the next boot does not know yet" in errors(machine)
    machine.mend_disk()
    # Nobody asks; the daemon looks again by itself.
    machine.wait_for(lambda: machine.states_on_disk()["2.0.0"] == "confirmed", "the record")
    assert "activating" not in machine.read_state()
    machine.wait_signal("PolicyConfirmed")
    assert len(machine.signals("PolicyConfirmed")) == 1


def test_a_confirmation_is_recorded_once(machine):
    begin_trial(machine)
    with Gate(machine.kernel.path("confirm"), lambda: put_confirmed(machine), lambda text: text.startswith(b"1")):
        call(machine, "Confirm", POLICY)
    assert machine.states() == machine.states_on_disk() == {"1.0.0": "superseded", "2.0.0": "confirmed"}
    assert "activating" not in machine.read_state()
    machine.wait_signal("PolicyConfirmed")
    assert len(machine.signals("PolicyConfirmed")) == 1


def test_a_trial_that_ended_before_it_was_confirmed_is_no_confirmation(machine):
    begin_trial(machine)
    with Gate(machine.kernel.path("confirm"), lambda: machine.kernel.end_trial(POLICY), lambda text: text.startswith(b"1")):
        assert refused_call(machine, "Confirm", POLICY).name == "org.ipe.Error.NoTrial"
    assert machine.states() == machine.states_on_disk() == {"1.0.0": "confirmed", "2.0.0": "rolled-back"}
    assert "activating" not in machine.read_state()


def test_the_end_of_a_trial_is_recorded_once_the_disk_can_be_written_again(machine):
    begin_trial(machine, seconds=1)
    machine.kernel.end_trial(POLICY)
    machine.fail_disk()
    machine.wait_for(lambda: "the next boot does not know yet" in errors(machine), "the daemon to look")
    assert machine.states_on_disk()["2.0.0"] == "trial"
    machine.mend_disk()
    machine.wait_for(lambda: machine.states_on_disk()["2.0.0"] == "rolled-back", "the record")


def test_a_daemon_that_starts_on_a_disk_that_fails_looks_again(machine):
    begin_trial(machine)
    machine.kill_daemon()
    put_confirmed(machine)
    machine.fail_disk()
    machine.start_daemon()
    assert machine.states_on_disk()["2.0.0"] == "trial"
    machine.mend_disk()
    machine.wait_for(lambda: machine.states_on_disk()["2.0.0"] == "confirmed", "the record")


def test_a_trial_that_cannot_be_recorded_is_taken_back(machine):
    def began():
        assert "activating" in machine.read_state()
        machine.fail_disk()

    with Gate(machine.kernel.path(f"policies/{POLICY}/trial"), began):
        with pytest.raises(BusError) as error:
            activate(machine, trial_sec=600)
    assert "state.json" in error.value.message
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"600"
    assert machine.kernel.read("revert") == b"1"
    assert machine.states()["2.0.0"] == "staged"
