# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls of the manager as most tests make them."""

import pytest
from gi.repository import GLib

from connection import BusError


def call(machine, method, *arguments):
    """arguments: strings."""
    return machine.call(method, GLib.Variant(f"({'s' * len(arguments)})", arguments))


def refused(machine, function, *arguments, **options):
    """The error of a function that is given the machine and these arguments."""
    with pytest.raises(BusError) as error:
        function(machine, *arguments, **options)
    return error.value


def refused_call(machine, method, *arguments):
    return refused(machine, call, method, *arguments)
