# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways back, and the limits that bar them: rollback, delete and floors."""

import pytest
from cycle_writes import ALLOW, BASE, DENY, blob, stage, trial, update


# Rolling back


def test_rollback(cycle):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, "active") == "OK"
    assert update(cycle, name, "2.0.0", DENY, "1.0.0") == "OK" and cycle.verdict() == "EACCES"
    assert stage(cycle, name, "3.0.0") == "OK"
    assert cycle.put(name, "rollback") == "OK"
    assert cycle.versions(name) == ("1.0.0", "3.0.0", None)
    assert cycle.verdict() == "OK" and cycle.text(name, "active") == "1"
    assert cycle.put(name, "rollback") == "ENODATA"
    # It is confirmed.
    assert cycle.put(name, "delete") == "EPERM" and cycle.on_trial() == ""


@pytest.mark.parametrize("floor, errno", (("0.0.0", "OK"), ("1.0.0", "OK"), ("1.0.1", "EPERM"), (None, "EPERM")))
def test_rollback_as_far_as_the_floor_allows(cycle, floor, errno):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, "active") == "OK"
    assert stage(cycle, name, "2.0.0", ALLOW, floor) == "OK"
    assert trial(cycle, name) == "OK" and cycle.top("confirm", "1") == "OK"
    assert cycle.put(name, "rollback") == errno
    assert cycle.versions(name) == (("1.0.0", None, None) if errno == "OK" else ("2.0.0", None, "1.0.0"))
    assert cycle.text(name, "active") == "1"


def test_rollback_of_a_policy_that_is_not_confirmed(cycle):
    name = cycle.loads("2.0.0", "3.0.0", "1.0.0")
    assert cycle.put(name, "rollback") == "EPERM"
    other = cycle.loads("1.0.0")
    assert trial(cycle, other) == "OK"
    assert cycle.put(name, "rollback") == "EPERM"
    assert cycle.versions(name) == ("2.0.0", "3.0.0", "1.0.0")


def test_rollback_without_a_previous_version(cycle):
    assert cycle.put(BASE, "rollback") == "ENODATA"


def test_rollback_to_what_was_never_confirmed(cycle):
    name = cycle.loads("2.0.0", None, "1.0.0")
    assert trial(cycle, name) == "OK" and cycle.top("confirm", "1") == "OK"
    assert cycle.put(name, "rollback") == "EPERM"
    assert cycle.versions(name) == ("2.0.0", None, "1.0.0") and cycle.text(name, "active") == "1"
    # A trial is no confirmation.
    assert stage(cycle, name, "3.0.0", ALLOW, "0.0.0") == "OK" and trial(cycle, name) == "OK"
    assert cycle.top("revert", "1") == "OK"
    assert update(cycle, name, "3.0.0", ALLOW, "0.0.0") == "OK"
    assert cycle.put(name, "rollback") == "OK"
    assert cycle.versions(name) == ("2.0.0", None, None)


def test_confirmation_is_of_what_is_loaded_and_not_of_its_number(cycle):
    name, other = cycle.loads("1.0.0"), cycle.loads("1.0.0")
    assert cycle.put(name, "active") == "OK" and cycle.put(other, "active") == "OK"
    assert cycle.put(name, "delete") == "OK"
    # The same version again: nobody has confirmed this one.
    assert cycle.load(blob(name, "1.0.0", floor="0.0.0")) == "OK"
    assert update(cycle, name, "2.0.0", ALLOW, "0.0.0") == "OK"
    assert cycle.put(name, "active") == "OK"
    assert cycle.put(name, "rollback") == "EPERM"


def test_bar_of_all_names_outlives_a_rollback_and_a_delete(cycle):
    name, low, high = cycle.loads("1.0.0"), cycle.loads("6.0.0"), cycle.loads("6.0.1")
    assert cycle.put(name, "active") == "OK"
    assert update(cycle, name, "6.0.1", ALLOW, "0.0.0") == "OK"
    assert cycle.put(low, "active") == "EINVAL"
    assert cycle.put(name, "rollback") == "OK"
    assert cycle.put(low, "active") == "EINVAL" and trial(cycle, low) == "EINVAL"
    # Its own name may go on from where it is.
    assert stage(cycle, name, "1.0.1", ALLOW, "0.0.0") == "OK"
    assert trial(cycle, name) == "OK" and cycle.top("confirm", "1") == "OK"
    assert cycle.put(high, "active") == "OK"
    assert cycle.put(name, "active") == "EINVAL" and cycle.put(name, "delete") == "OK"
    assert cycle.load(blob(name, "6.0.0")) == "OK"
    assert cycle.put(name, "active") == "EINVAL" and cycle.put(low, "active") == "EINVAL"
    assert cycle.put(low, "update", blob(low, "6.0.1")) == "OK" and cycle.put(low, "active") == "OK"


def test_bar_is_not_raised_by_a_trial(cycle):
    name, low = cycle.loads("9.0.0"), cycle.loads("1.0.0")
    assert trial(cycle, name) == "OK"
    assert cycle.top("revert", "1") == "OK"
    assert cycle.put(low, "active") == "OK"


def test_rollback_while_the_policy_takes_part_in_a_trial(cycle):
    name, other = cycle.loads("1.0.0"), cycle.loads("2.0.0")
    assert cycle.put(name, "active") == "OK"
    assert update(cycle, name, "2.0.0", ALLOW, "0.0.0") == "OK"
    assert stage(cycle, name, "3.0.0", ALLOW, "0.0.0") == "OK"
    for on_trial in (name, other):
        assert trial(cycle, on_trial) == "OK"
        assert cycle.put(name, "rollback") == "EBUSY"
        assert cycle.put(on_trial, "rollback") == "EBUSY"
        assert cycle.top("revert", "1") == "OK"
    assert cycle.versions(name) == ("2.0.0", "3.0.0", "1.0.0")
    assert cycle.put(name, "rollback") == "OK"


# Deleting


def test_delete_takes_all_versions(cycle):
    name = cycle.loads("2.0.0", "3.0.0", "1.0.0")
    assert cycle.put(name, "delete") == "OK"
    assert name not in cycle.loaded()
    assert cycle.load(blob(name, "1.0.0")) == "OK"
    assert cycle.versions(name) == ("1.0.0", None, None)


def test_delete_of_what_decides_or_is_confirmed(cycle):
    following, current = cycle.loads("1.0.0", "2.0.0"), cycle.loads("1.0.0")
    for name in (following, current):
        assert trial(cycle, name) == "OK"
        assert cycle.put(name, "delete") == "EPERM"
        assert cycle.put(BASE, "delete") == "EPERM"
        assert cycle.on_trial()
        assert cycle.top("revert", "1") == "OK"
        assert cycle.put(name, "delete") == "OK"
    assert cycle.put(BASE, "delete") == "EPERM"


# Floors


def activates(cycle, name, floor=None, version="5.0.0"):
    """Loads and activates a version of a name, and makes BASE active again, whatever the version."""
    assert cycle.load(blob(name, version, ALLOW, floor)) == "OK"
    assert cycle.put(name, "active") == "OK"
    cycle.activate_anyway(BASE)


@pytest.mark.parametrize("version, errno", (("2.9.9", "EPERM"), ("3.0.0", "OK"), ("4.0.0", "OK")))
def test_floor_is_kept_over_a_delete(cycle, version, errno):
    name = cycle.fresh()
    activates(cycle, name, "3.0.0")
    assert cycle.put(name, "delete") == "OK"
    # Loading and staging are not refused.
    assert cycle.load(blob(name, "0.0.1")) == "OK"
    assert stage(cycle, name, version) == "OK"
    assert cycle.put(name, "active") == "EPERM"
    assert trial(cycle, name) == errno
    assert cycle.text(BASE, "active") == ("0" if errno == "OK" else "1")


def test_floor_of_a_trial_does_not_count(cycle):
    name = cycle.loads("1.0.0")
    assert stage(cycle, name, "5.0.0", ALLOW, "5.0.0") == "OK"
    assert trial(cycle, name) == "OK"
    assert cycle.top("revert", "1") == "OK"
    assert cycle.put(name, "active") == "OK"


def test_floor_is_never_lowered(cycle):
    name = cycle.fresh()
    activates(cycle, name, "3.0.0", "3.0.0")
    assert update(cycle, name, "4.0.0", ALLOW, "0.0.0") == "OK"
    assert cycle.put(name, "active") == "OK"
    assert cycle.put(name, "rollback") == "OK"
    cycle.activate_anyway(BASE)
    assert cycle.put(name, "delete") == "OK"
    assert cycle.load(blob(name, "2.9.9", ALLOW, "0.0.0")) == "OK"
    assert cycle.put(name, "active") == "EPERM" and trial(cycle, name) == "EPERM"


@pytest.mark.parametrize("way", ("active", "update", "confirm next", "confirm current"))
def test_floor_advances_when_a_policy_is_confirmed(cycle, way):
    name = cycle.fresh()
    first = blob(name, "5.0.0") if way in ("active", "confirm current") else blob(name, "1.0.0", floor="0.0.0")
    assert cycle.load(first) == "OK"
    if way == "active":
        assert cycle.put(name, "active") == "OK"
    elif way == "update":
        assert cycle.put(name, "active") == "OK"
        assert update(cycle, name, "5.0.0") == "OK"
    elif way == "confirm next":
        assert stage(cycle, name, "5.0.0") == "OK"
        assert trial(cycle, name) == "OK" and cycle.top("confirm", "1") == "OK"
    else:
        assert trial(cycle, name) == "OK" and cycle.top("confirm", "1") == "OK"
    cycle.activate_anyway(BASE)
    assert cycle.put(name, "delete") == "OK"
    assert cycle.load(blob(name, "4.9.9")) == "OK"
    assert cycle.put(name, "active") == "EPERM"
    assert update(cycle, name, "5.0.0") == "OK"
    assert cycle.put(name, "active") == "OK"


def test_floor_of_another_name_does_not_count(cycle):
    name, other = cycle.fresh(), cycle.fresh()
    activates(cycle, name, "5.0.0")
    assert cycle.load(blob(other, "1.0.0")) == "OK"
    assert cycle.put(other, "active") == "OK"


def test_version_below_the_confirmed_one_and_below_the_floor(cycle):
    name = cycle.fresh()
    activates(cycle, name, "5.0.0")
    assert cycle.put(name, "delete") == "OK"
    assert cycle.load(blob(name, "1.0.0")) == "OK"
    confirmed = cycle.loads("2.0.0")
    assert cycle.put(confirmed, "active") == "OK"
    # The version is looked at first.
    assert cycle.put(name, "active") == "EINVAL" and trial(cycle, name) == "EINVAL"
