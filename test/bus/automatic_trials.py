# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trials of corp-base 2.0.0 that confirm themselves, on the machine of the fixture `automatic`."""

import os

from machine import boottime_usec, this_boot

POLICY = "corp-base"
# Essential where a test says so in EssentialPaths=; its file system is on the block device "vda9" there.
VITAL = "/usr/bin/env"
TRANSACTION = "0123456789abcdef" * 2
OTHER_BOOT = "f" * 32


def put_trial(machine, seconds=1000, confirm="auto", failed_units=(), **more):
    """Makes state.json say that 2.0.0 is on trial, for so many seconds from now. more: its other members, such as boot_id."""
    state = machine.read_state()
    state["versions"][1].update(state="trial", transaction=TRANSACTION)
    state["trial"] = {"boot_id": this_boot(), "deadline_usec": boottime_usec(seconds), "confirm": confirm,
                      "failed_units": list(failed_units), **more}
    machine.write_state(state)


def put_boot_trial(machine, boot_id, boots, boots_max=3, **more):
    """The same of a trial that has had so many boots, the last of them that one."""
    put_trial(machine, boot_id=boot_id, boots=boots, boots_max=boots_max, boot_sec=300, **more)


def begin(machine, seconds=1000, **options):
    """Starts a daemon in the middle of a trial of 2.0.0, which ends in so many seconds."""
    put_trial(machine, seconds, **options)
    machine.kernel.put_trial(POLICY, "2.0.0")
    machine.kernel.put("revert", "")
    machine.start_daemon()


def state(machine):
    return machine.list()[POLICY, "2.0.0"][0]


def checks(machine):
    return {name: (result, detail) for name, result, detail in machine.properties()["TrialChecks"]}


def reason(machine):
    """The sentence of the journal's entry that says why the trial ended."""
    entry, = [entry for entry in machine.entries(IPE_VERSION="2.0.0") if "IPE_REASON" in entry]
    assert entry["IPE_TRANSACTION"] == TRANSACTION
    return entry["MESSAGE"]


def wait_for_end(machine, words):
    machine.wait_for(lambda: state(machine) == "rolled-back", "the end of the trial")
    assert machine.kernel.read("revert").startswith(b"1")
    assert words in reason(machine)
    assert machine.properties()["TrialConfirm"] == ""


def wait_for_calls(machine, method, count=1):
    machine.wait_for(lambda: [name for name, _ in machine.services.calls].count(method) >= count, method)


def calls(machine, method):
    return [arguments for name, arguments in machine.services.calls if name == method]


def wait_for_further_calls(machine, method, count=2):
    """Waits for so many more calls."""
    wait_for_calls(machine, method, len(calls(machine, method)) + count)


def is_confirmed(machine):
    """Whether the kernel was asked to confirm."""
    return machine.kernel.read("confirm").startswith(b"1")


def wait_for_confirmation(machine):
    machine.wait_for(lambda: is_confirmed(machine), "the confirmation")


def error(name):
    return lambda method, invocation: method.startswith("List") and (invocation.return_dbus_error(name, "no") or True)


def hold(method, held):
    """Keeps calls of that method, so that nobody answers them."""
    return lambda name, invocation: name == method and (held.append(invocation) or True)


def tell_denial(machine, path=VITAL, **fields):
    known = {"shadow": 0, "ipe_hook": "BPRM_CHECK", "path": f'"{path}"', "policy_version": "2.0.0", "dev": '"vda9"', "ino": os.stat(VITAL).st_ino,
             **fields}
    machine.kernel.tell(**known)
