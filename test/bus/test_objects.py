# SPDX-License-Identifier: LGPL-2.1-or-later
"""The object manager: a client that follows the signals through a random walk knows every object."""

import random

import pytest
from gi.repository import GLib

from connection import PATH, POLICY, BusError
from machine import object_path, signed

NAMES = ("corp-base", "other", "a-3")
STEPS = 60


class Follower:
    """Keeps the objects by the signals alone."""

    def __init__(self, machine):
        self.machine = machine
        self.objects = set(managed(machine))
        self.seen = len(machine.connection.signals)

    def follow(self):
        # A call is answered after the signals that were sent before.
        self.machine.list()
        while GLib.MainContext.default().iteration(False):
            pass
        signals = self.machine.connection.signals
        for _, member, arguments in signals[self.seen:]:
            if member == "InterfacesAdded":
                assert arguments[0] not in self.objects and POLICY in arguments[1]
                self.objects.add(arguments[0])
            elif member == "InterfacesRemoved":
                assert POLICY in arguments[1]
                self.objects.remove(arguments[0])
        self.seen = len(signals)
        return self.objects


def managed(machine):
    return machine.connection.call("/org/ipe", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0]


@pytest.mark.parametrize("seed", range(3))
def test_signals_calls_and_objects_agree_at_any_time(machine, seed):
    random_numbers, follower = random.Random(seed), Follower(machine)
    for _ in range(STEPS):
        name, version = random_numbers.choice(NAMES), f"1.{random_numbers.randrange(4)}.0"
        try:
            if random_numbers.random() < 0.6:
                machine.stage(signed(name, version))
            else:
                machine.call("Discard", GLib.Variant("(ss)", (name, version)))
        except BusError as error:
            assert error.name in ("org.ipe.Error.AlreadyExists", "org.ipe.Error.NoSuchPolicy")
        listed = machine.list()
        assert follower.follow() == set(managed(machine)) == {PATH} | {object_path(*key) for key in listed}
        for (listed_name, listed_version), (state, digest, active, path) in listed.items():
            properties = managed(machine)[path][POLICY]
            assert (properties["Name"], properties["Version"]) == (listed_name, listed_version)
            assert (properties["State"], properties["Digest"], properties["Active"]) == (state, digest, active)
