# SPDX-License-Identifier: LGPL-2.1-or-later
"""The writes of a life cycle that the tests of staging, trials, confirmation and rollback share."""

from world import Cycle

ALLOW, DENY, DENY_ALL = Cycle.ALLOW, Cycle.DENY, Cycle.DENY_ALL
BASE = Cycle.BASE
LONG = "86400"
NOT_TRUE = ("0", "2", "maybe", "", "\n", "no")
TRUE = ("1", "1\n")
# "active" and "delete" take these too.
WORDS_OF_UPSTREAM = ("y", "on", "true")
TAKES_BLOB = ("update", "stage")
TAKES_ONE = ("active", "rollback", "delete")


def blob(name, version, rules=ALLOW, floor=None, key="test"):
    return Cycle.blob(name, version, rules, floor, key)


def update(cycle, name, version, *arguments):
    return cycle.put(name, "update", blob(name, version, *arguments))


def stage(cycle, name, version, *arguments):
    return cycle.put(name, "stage", blob(name, version, *arguments))


def trial(cycle, name, seconds=LONG):
    return cycle.put(name, "trial", seconds)


def assert_remaining(text, most=86400):
    """The rest of a trial that began a moment ago."""
    assert most - 60 <= int(text) <= most
