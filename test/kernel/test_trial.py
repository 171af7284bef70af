# SPDX-License-Identifier: LGPL-2.1-or-later
"""A trial: its begin, its end by a call or by time, writes beside it, and every errno of ipe(7)."""

import pytest
from cycle_writes import BASE, DENY, DENY_ALL, LONG, assert_remaining, blob, stage, trial, update
from guest import IPE
from world import Cycle


# A trial


@pytest.mark.parametrize("seconds, errno", (
    ("1", "OK"), ("86400", "OK"), ("86400\n", "OK"), ("600", "OK"),
    ("0", "ERANGE"), ("0\n", "ERANGE"), ("86401", "ERANGE"), ("4294967296", "ERANGE"), ("4294967297", "ERANGE"),
    ("18446744073709551616", "ERANGE"), ("18446744073709551617", "ERANGE"),
    ("-1", "EINVAL"), ("-86400", "EINVAL"), ("", "EINVAL"), ("\n", "EINVAL"), (" ", "EINVAL"), ("1 ", "EINVAL"),
    ("1x", "EINVAL"), ("1\n\n", "EINVAL"), ("1\n2", "EINVAL"), ("0x10", "EINVAL"), ("1.5", "EINVAL"), ("1e3", "EINVAL"),
    ("1\0", "EINVAL"), ("\x001", "EINVAL"), ("1\x002", "EINVAL"), ("true", "EINVAL"), ("60s", "EINVAL")))
def test_seconds(cycle, seconds, errno):
    name = cycle.loads("1.0.0")
    assert trial(cycle, name, seconds) == errno
    if errno != "OK":
        assert cycle.on_trial() == "" and cycle.text(name, "trial") == "0" and cycle.text(name, "active") == "0"


def test_huge_write_of_seconds(cycle):
    name = cycle.loads("1.0.0")
    path = cycle.node(name, "trial")
    for size in (100, 4095, 4096, 70000, 32 << 20):
        assert cycle.machine.errno("put-zeros", path, size, "1") == "EINVAL"
    assert trial(cycle, name, "1" * 4000) == "ERANGE"
    assert trial(cycle, name, "1" * 5000) == "EINVAL"
    assert cycle.on_trial() == ""


def test_bytes_that_cannot_be_read(cycle):
    name = cycle.loads("1.0.0", "2.0.0")
    for path in (*(cycle.node(name, file) for file in ("trial", "active", "stage", "update", "rollback", "shadow",
                                                       "delete")),
                 *(f"{IPE}/{file}" for file in ("confirm", "revert", "lock", "load", "new_policy"))):
        assert cycle.machine.errno("put-unmapped", path) == "EFAULT", path
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)


def test_each_write_is_one_request(cycle):
    """An offset does not matter, and a second write() is a second request."""
    name = cycle.loads("1.0.0")
    assert cycle.machine.errno("put-at", cycle.node(name, "trial"), 7, "100") == "OK"
    assert_remaining(cycle.text(name, "trial"), 100)
    assert cycle.machine.errno("put-at", f"{IPE}/revert", 1 << 40, "1") == "OK"
    assert cycle.machine.errno("put-halves", cycle.node(name, "trial"), "1234") == "EBUSY"
    assert int(cycle.text(name, "trial")) <= 12
    assert cycle.machine.errno("put-at", f"{IPE}/confirm", 3, "1") == "OK"
    assert cycle.machine.errno("put-halves", cycle.node(name, "stage"), blob(name, "2.0.0")) == "EBADMSG"
    assert cycle.versions(name) == ("1.0.0", None, None)


def test_reads_go_on_at_an_offset(cycle):
    name = cycle.loads("1.0.0", "2.0.0")
    assert trial(cycle, name, "5000") == "OK"
    for path, text in ((cycle.node(name, "next/version"), "2.0.0"), (f"{IPE}/confirm", f"{name} 2.0.0\n")):
        assert cycle.machine.must("get-at", path, 0, 3).text == text[:3]
        assert cycle.machine.must("get-at", path, 3, 100).text == text[3:]
        assert cycle.machine.must("get-at", path, 100, 100).text == ""


def test_trial_of_next(cycle):
    name = cycle.loads("1.0.0")
    assert stage(cycle, name, "2.0.0", DENY) == "OK"
    assert trial(cycle, name) == "OK"
    assert cycle.verdict() == "EACCES"
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)
    assert cycle.text(name, "active") == "0" and cycle.text(BASE, "active") == "0"
    assert_remaining(cycle.text(name, "trial"))
    assert cycle.text(BASE, "trial") == "0"
    assert cycle.on_trial() == f"{name} 2.0.0\n"


def test_trial_of_current(cycle):
    name = cycle.fresh()
    assert cycle.load(blob(name, "1.0.0", DENY)) == "OK"
    assert trial(cycle, name) == "OK"
    assert cycle.verdict() == "EACCES"
    assert cycle.text(name, "active") == "1" and cycle.text(BASE, "active") == "0"
    assert_remaining(cycle.text(name, "trial"))
    assert cycle.on_trial() == f"{name} 1.0.0\n"


def test_trial_of_next_of_the_confirmed_policy(cycle):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, "active") == "OK"
    assert stage(cycle, name, "2.0.0", DENY) == "OK"
    assert trial(cycle, name) == "OK"
    assert cycle.verdict() == "EACCES" and cycle.text(name, "active") == "0"
    assert cycle.top("revert", "1") == "OK"
    assert cycle.verdict() == "OK" and cycle.text(name, "active") == "1"
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)


def test_trial_while_one_runs(cycle):
    name, other = cycle.loads("1.0.0", "2.0.0"), cycle.loads("1.0.0")
    assert trial(cycle, name) == "OK"
    for each in (name, other, BASE):
        assert trial(cycle, each, "10") == "EBUSY"
    assert trial(cycle, other, "0") == "ERANGE" and trial(cycle, other, "x") == "EINVAL"
    assert_remaining(cycle.text(name, "trial"))
    assert cycle.on_trial() == f"{name} 2.0.0\n"


def test_trial_of_what_is_confirmed(cycle):
    assert trial(cycle, BASE) == "EALREADY"
    assert cycle.on_trial() == ""


@pytest.mark.parametrize("version, errno", (("4.9.9", "EINVAL"), ("5.0.0", "OK"), ("5.0.1", "OK")))
def test_trial_of_a_version_below_the_confirmed_one(cycle, version, errno):
    confirmed, name = cycle.loads("5.0.0"), cycle.loads("1.0.0", version)
    assert cycle.put(confirmed, "active") == "OK"
    assert trial(cycle, name) == errno
    assert cycle.text(confirmed, "active") == ("0" if errno == "OK" else "1")


# Activating beside a trial


def test_activation_ends_the_trial_of_another_name(cycle):
    name, other = cycle.loads("1.0.0"), cycle.loads("1.0.0", "2.0.0", rules=DENY)
    assert trial(cycle, other) == "OK"
    assert cycle.put(name, "active") == "OK"
    assert cycle.on_trial() == "" and cycle.text(other, "trial") == "0" and cycle.verdict() == "OK"
    assert cycle.versions(other) == ("1.0.0", "2.0.0", None)
    assert cycle.top("confirm", "1") == "ENODATA"


def test_activation_of_what_is_on_trial_confirms_it(cycle):
    name = cycle.loads("1.0.0", rules=DENY)
    assert trial(cycle, name) == "OK"
    assert cycle.put(name, "active") == "OK"
    assert cycle.on_trial() == "" and cycle.text(name, "trial") == "0" and cycle.verdict() == "EACCES"
    assert cycle.top("revert", "1") == "ENODATA"
    assert trial(cycle, name) == "EALREADY"


def test_activation_of_current_while_next_is_on_trial(cycle):
    name = cycle.loads("1.0.0")
    assert stage(cycle, name, "2.0.0", DENY) == "OK"
    assert trial(cycle, name) == "OK" and cycle.verdict() == "EACCES"
    assert cycle.put(name, "active") == "OK"
    assert cycle.verdict() == "OK" and cycle.text(name, "active") == "1" and cycle.on_trial() == ""
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)


def test_activation_of_the_confirmed_policy_ends_the_trial(cycle):
    name = cycle.loads("1.0.0", rules=DENY)
    assert trial(cycle, name) == "OK"
    assert cycle.put(BASE, "active") == "OK"
    assert cycle.verdict() == "OK" and cycle.on_trial() == "" and cycle.text(BASE, "active") == "1"


def test_activation_below_the_confirmed_policy_while_a_trial_runs(cycle):
    """The confirmed policy counts, the one on trial does not."""
    confirmed, high, low, between = (cycle.loads(version) for version in ("2.0.0", "9.0.0", "1.0.0", "3.0.0"))
    assert cycle.put(confirmed, "active") == "OK"
    assert trial(cycle, high) == "OK"
    assert cycle.put(low, "active") == "EINVAL"
    assert cycle.on_trial() == f"{high} 9.0.0\n"
    assert cycle.put(between, "active") == "OK"
    assert cycle.text(between, "active") == "1" and cycle.on_trial() == ""


# The end of a trial by itself


def test_trial_ends_by_itself(cycle):
    name = cycle.loads("1.0.0")
    assert stage(cycle, name, "2.0.0", DENY) == "OK"
    assert trial(cycle, name, "1") == "OK"
    cycle.until(lambda: cycle.text(name, "trial") == "0")
    assert cycle.verdict() == "OK" and cycle.on_trial() == "" and cycle.text(BASE, "active") == "1"
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)
    assert cycle.top("confirm", "1") == "ENODATA" and cycle.top("revert", "1") == "ENODATA"
    assert trial(cycle, name) == "OK"
    # The end of the first trial does not end the second one.
    cycle.machine.must("sleep", 1500)
    assert_remaining(cycle.text(name, "trial"))


def test_policy_that_denies_everything_goes_away_by_itself(cycle):
    """The process that began the trial is dead, and nothing can be executed to undo it."""
    name = cycle.loads("1.0.0", rules=DENY_ALL)
    assert cycle.machine.must("race", cycle.node(name, "trial"), "1").text == "0\n"
    cycle.until(lambda: cycle.machine.errno("exec", cycle.PROBE) == "OK")
    assert cycle.text(name, "trial") == "0" and cycle.text(BASE, "active") == "1"


def test_confirmation_stops_the_clock(cycle):
    name = cycle.loads("1.0.0")
    assert trial(cycle, name, "1") == "OK"
    if cycle.top("confirm", "1") == "OK":
        cycle.machine.must("sleep", 2500)
        assert cycle.text(name, "active") == "1" and cycle.text(BASE, "active") == "0"


def test_time_left_goes_down(cycle):
    name = cycle.loads("1.0.0")
    assert trial(cycle, name, "1000") == "OK"
    assert 900 < int(cycle.text(name, "trial")) <= 1000
    cycle.until(lambda: int(cycle.text(name, "trial")) < 1000)
    assert cycle.machine.must("get-at", cycle.node(name, "trial"), 0, 10).text == cycle.text(name, "trial")


# Without a policy before it


@pytest.fixture
def empty(boot, kit):
    """A machine of its own, with no policy at all."""
    world = Cycle(boot("empty"), kit).set_up_alone()
    yield world
    assert not world.machine.trouble()
    world.machine.stop()


def test_trial_where_nothing_is_confirmed(empty):
    for end in ("revert", "expiry"):
        name = empty.loads("1.0.0", "2.0.0", rules=DENY_ALL)
        assert trial(empty, name, "1" if end == "expiry" else LONG) == "OK" and empty.verdict() == "EACCES"
        if end == "revert":
            assert empty.put(name, "delete") == "EPERM"
            assert empty.top("revert", "1") == "OK"
        else:
            empty.until(lambda: empty.verdict() == "OK")
        # No policy is active, and any version may be activated.
        assert empty.verdict() == "OK" and empty.text(name, "active") == "0" and empty.on_trial() == ""
        assert empty.put(name, "delete") == "OK"
    name = empty.loads("0.0.0")
    assert empty.put(name, "active") == "OK"


@pytest.mark.long_on("kasan")
def test_floor_of_the_boot_policy(boot, kit, kernel_with_boot_policy):
    world = Cycle(boot("boot-floor", kernel=kernel_with_boot_policy), kit).set_up_alone()
    assert world.machine.errno("get", world.node("boot", "pkcs7")) == "ENOENT"
    assert world.text("boot", "active") == "1" and trial(world, "boot") == "EALREADY"
    assert world.load(blob(BASE, "0.0.0")) == "OK"
    world.activate_anyway(BASE)
    assert world.put("boot", "delete") == "OK"
    assert world.load(blob("boot", "0.4.9")) == "OK"
    assert world.put("boot", "active") == "EPERM" and trial(world, "boot") == "EPERM"
    assert update(world, "boot", "0.5.0") == "OK"
    assert world.put("boot", "active") == "OK"
    assert not world.machine.trouble()
    world.machine.stop()
