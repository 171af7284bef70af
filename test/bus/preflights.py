# SPDX-License-Identifier: LGPL-2.1-or-later
"""Preflights by simulation, on the machine of the fixture `without_shadow`, and activations that one refuses."""

from gi.repository import GLib

from calls import call
from machine import signed

POLICY = "corp-base"
DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
RULE = "DEFAULT op=EXECUTE action=DENY"
LOCK_OUT = "org.ipe.Error.WouldLockOut"
NOT_SUPPORTED = "org.ipe.Error.NotSupported"
# Options of an activation.
FORCE = {"force": GLib.Variant("b", True)}
ON_TRIAL = {"trial-sec": GLib.Variant("t", 60), "confirm": GLib.Variant("s", "manual")}


def activate(machine, **options):
    return machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, {
        "trial-sec": GLib.Variant("t", 0), **options})))


def stage(machine, version="1.0.0", **options):
    """Stages a version, and puts it where a kernel would have it."""
    envelope = signed(version=version, **options)
    machine.stage(envelope)
    machine.kernel.put_policy(POLICY, (version, envelope))


def is_activated(machine):
    """Whether the daemon has asked the kernel to enforce it."""
    return machine.kernel.read(f"policies/{POLICY}/active") == b"1"


def findings(machine):
    """{path: (operation, rule, processes)}; paths that occur twice are not of interest here."""
    return {path: rest for path, *rest in call(machine, "Preflight", POLICY)[0] if rest[0]}


def sentences(machine):
    """{what it is about: sentence}, of the entries that are no findings."""
    return {about: rule for path, operation, rule, about in call(machine, "Preflight", POLICY)[0] if not operation}
