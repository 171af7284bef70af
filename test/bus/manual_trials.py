# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trials of corp-base 2.0.0 that somebody has to confirm, on the machine of the fixture `manual`."""

from gi.repository import GLib

from calls import refused_call

POLICY = "corp-base"
ON_TRIAL = "org.ipe.Error.TrialInProgress"


def activate(machine, **options):
    kinds = {"version": "s", "trial_sec": "t"}
    packed = {key.replace("_", "-"): GLib.Variant(kinds[key], value) for key, value in options.items()}
    return machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, packed)))


def begin_trial(machine, seconds=80000):
    """Puts 2.0.0 on trial in the kernel, and makes the daemon notice."""
    machine.kernel.put_trial(POLICY, "2.0.0", seconds)
    assert refused_call(machine, "Activate", POLICY).name == ON_TRIAL
    assert machine.states()["2.0.0"] == "trial"


def put_confirmed(machine):
    """Writes the files as a kernel has them after 2.0.0 was confirmed."""
    machine.kernel.end_trial(POLICY)
    machine.kernel.put_policy(POLICY, ("2.0.0", machine.two), previous=("1.0.0", machine.one), active=True)


def errors(machine):
    return "\n".join(entry["MESSAGE"] for entry in machine.entries(PRIORITY="3"))
