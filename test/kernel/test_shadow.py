# SPDX-License-Identifier: LGPL-2.1-or-later
"""A policy in the shadow: the kernel evaluates it beside the active one, and it decides nothing."""

import re

import pytest
from guest import IPE
from world import Cycle

ALLOW, DENY, DENY_ALL = Cycle.ALLOW, Cycle.DENY, Cycle.DENY_ALL
BASE = Cycle.BASE
LONG = "86400"
blob = Cycle.blob


def shadow(cycle, name, value="1"):
    return cycle.put(name, "shadow", value)


def shadowed(cycle):
    """The names of policies in the shadow."""
    return [name for name in cycle.loaded() if cycle.text(name, "shadow") == "1"]


def counted(cycle, name, directory=""):
    """(would have denied, would have allowed) of a policy's stats."""
    line, = re.findall(r"^shadow denied=(\d+) allowed=(\d+)$", cycle.text(name, f"{directory}stats"), re.M)
    return tuple(map(int, line))


def execute_counts(cycle, name, directory=""):
    line, = re.findall(r"^op=EXECUTE allowed=(\d+) denied=(\d+)$", cycle.text(name, f"{directory}stats"), re.M)
    return tuple(map(int, line))


def differences(cycle):
    return [record for record in cycle.records() if record.type == 1420]


def shadow_records(cycle):
    return [record for record in cycle.records() if record.type == 1421]


# Effects


def test_shadow_of_current_decides_nothing(cycle):
    name = cycle.loads("1.0.0", rules=DENY)
    assert shadow(cycle, name) == "OK"
    cycle.machine.must("audit")
    assert cycle.verdict() == "OK"
    assert cycle.text(name, "active") == "0" and cycle.text(BASE, "active") == "1"
    record, = differences(cycle)
    assert record.fields["rule"] == "DEFAULT op=EXECUTE action=DENY"
    assert list(record.fields)[-1] == "shadow" and record.fields["shadow"] == "1"
    assert counted(cycle, name) == (1, 0) and execute_counts(cycle, name) == (0, 0)
    assert shadow(cycle, name, "0") == "OK"
    assert cycle.verdict() == "OK"
    assert counted(cycle, name) == (1, 0) and not differences(cycle)


def test_shadow_of_next(cycle):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, "stage", blob(name, "2.0.0", DENY)) == "OK"
    assert shadow(cycle, name) == "OK" and shadowed(cycle) == [name]
    assert cycle.verdict() == "OK"
    assert counted(cycle, name) == (0, 0) and counted(cycle, name, "next/") == (1, 0)


def test_shadow_of_next_of_the_active_policy(cycle):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, "active") == "OK"
    assert cycle.put(name, "stage", blob(name, "2.0.0", DENY)) == "OK"
    assert shadow(cycle, name) == "OK"
    before = execute_counts(cycle, name)
    assert cycle.verdict() == "OK"
    assert counted(cycle, name, "next/") == (1, 0)
    assert execute_counts(cycle, name) == (before[0] + 1, before[1])


def test_shadow_that_would_allow_what_is_denied(cycle):
    strict, name = cycle.loads("1.0.0", rules=DENY), cycle.loads("1.0.0")
    assert cycle.put(strict, "active") == "OK"
    assert shadow(cycle, name) == "OK"
    cycle.machine.must("audit")
    assert cycle.verdict() == "EACCES"
    assert counted(cycle, name) == (0, 1)
    denial, difference = sorted(differences(cycle), key=lambda record: "shadow" in record.fields)
    assert "shadow" not in denial.fields and denial.fields["rule"] == "DEFAULT op=EXECUTE action=DENY"
    assert difference.fields["shadow"] == "1" and difference.fields["rule"] == "DEFAULT action=ALLOW"


@pytest.mark.parametrize("rules", (ALLOW, DENY))
def test_shadow_that_agrees_is_silent(cycle, rules):
    deciding, name = cycle.loads("1.0.0", rules=rules), cycle.loads("1.0.0", rules=rules)
    assert cycle.put(deciding, "active") == "OK"
    cycle.machine.must("audit")
    assert shadow(cycle, name) == "OK"
    cycle.machine.must("audit")
    cycle.verdict()
    assert counted(cycle, name) == (0, 0)
    assert not [record for record in differences(cycle) if "shadow" in record.fields]
    assert "matches=" in cycle.text(name, "stats")


def test_shadow_counts_while_nothing_is_enforced(cycle):
    strict, name = cycle.loads("1.0.0", rules=DENY), cycle.loads("1.0.0")
    assert cycle.put(strict, "active") == "OK"
    assert shadow(cycle, name) == "OK"
    try:
        assert cycle.top("enforce", "0") == "OK"
        assert cycle.verdict() == "OK"
    finally:
        assert cycle.top("enforce", "1") == "OK"
    # Verdicts are compared, not what came of them.
    assert counted(cycle, name) == (0, 1)


def test_shadow_beside_no_policy(boot, kit):
    world = Cycle(boot("shadow-alone"), kit).set_up_alone()
    name = world.loads("1.0.0", rules=DENY)
    assert shadow(world, name) == "OK"
    assert world.verdict() == "OK"
    assert counted(world, name) == (1, 0)
    assert not world.machine.trouble()
    world.machine.stop()


# Refusals


@pytest.mark.parametrize("value", ("2", "maybe", "", "\n", "y", "on", "1\n\n", "1\0", "-1"))
def test_word_that_is_no_boolean(cycle, value):
    name = cycle.loads("1.0.0")
    assert shadow(cycle, name, value) == "EINVAL"
    assert shadowed(cycle) == []


@pytest.mark.parametrize("on, off", (("1", "0"), ("1\n", "0\n")))
def test_word_that_is_a_boolean(cycle, on, off):
    name = cycle.loads("1.0.0")
    assert shadow(cycle, name, on) == "OK" and shadowed(cycle) == [name]
    assert shadow(cycle, name, off) == "OK" and shadowed(cycle) == []


def test_off_where_it_was_off(cycle):
    name, other = cycle.loads("1.0.0"), cycle.loads("1.0.0")
    assert shadow(cycle, name, "0") == "OK"
    assert shadow(cycle, other) == "OK"
    # The shadow of another name goes on.
    assert shadow(cycle, name, "0") == "OK"
    assert shadowed(cycle) == [other]


def test_one_name_at_a_time(cycle):
    name, other = cycle.loads("1.0.0"), cycle.loads("1.0.0")
    assert shadow(cycle, name) == "OK"
    assert shadow(cycle, other) == "EBUSY" and shadow(cycle, BASE) == "EBUSY"
    assert shadow(cycle, name) == "OK"
    assert shadowed(cycle) == [name]
    assert shadow(cycle, name, "0") == "OK" and shadow(cycle, other) == "OK"


def test_shadow_of_what_decides(cycle):
    assert shadow(cycle, BASE) == "EALREADY"
    name = cycle.loads("1.0.0", "2.0.0")
    assert cycle.put(name, "trial", LONG) == "OK"
    assert shadow(cycle, name) == "EALREADY"
    assert shadowed(cycle) == []


# When it ends


@pytest.mark.parametrize("write, goes_on", (
    (lambda cycle, name: cycle.put(name, "update", blob(name, "1.5.0")), False),
    (lambda cycle, name: cycle.put(name, "stage", blob(name, "1.5.0")), True),
    (lambda cycle, name: cycle.put(name, "active"), False),
    (lambda cycle, name: cycle.put(name, "trial", LONG), False),
    (lambda cycle, name: cycle.put(name, "delete"), False),
    (lambda cycle, name: cycle.load(blob(f"{name}-other", "1.0.0")), True)),
    ids=("update", "stage", "active", "trial", "delete", "new_policy"))
def test_end_of_a_shadow_of_current(cycle, write, goes_on):
    name = cycle.loads("1.0.0", rules=DENY)
    assert shadow(cycle, name) == "OK"
    cycle.machine.must("audit")
    assert write(cycle, name) == "OK"
    assert shadowed(cycle) == ([name] if goes_on else [])
    # The record of the write says it; there is none of the shadow itself.
    assert not [record for record in shadow_records(cycle) if record.fields.get("op") == "shadow"]


@pytest.mark.parametrize("write, goes_on", (
    (lambda cycle, name: cycle.put(name, "update", blob(name, "1.5.0")), True),
    (lambda cycle, name: cycle.put(name, "update", blob(name, "2.0.0")), False),
    (lambda cycle, name: cycle.put(name, "update", blob(name, "3.0.0")), False),
    (lambda cycle, name: cycle.put(name, "stage", blob(name, "1.5.0")), False),
    (lambda cycle, name: cycle.put(name, "stage", blob(name, "3.0.0")), False),
    (lambda cycle, name: cycle.put(name, "active"), True),
    (lambda cycle, name: cycle.put(name, "trial", LONG), False),
    (lambda cycle, name: cycle.put(name, "delete"), False)),
    ids=("update-below", "update-equal", "update-above", "stage-below", "stage-above", "active", "trial", "delete"))
def test_end_of_a_shadow_of_next(cycle, write, goes_on):
    name = cycle.loads("1.0.0", "2.0.0", rules=DENY)
    assert shadow(cycle, name) == "OK"
    assert write(cycle, name) == "OK"
    assert shadowed(cycle) == ([name] if goes_on else [])
    if not goes_on:
        # Its pointer is gone, not only what the file says.
        cycle.top("revert", "1")
        assert cycle.put(BASE, "active") in ("OK", "EINVAL")
        other = cycle.loads("9.0.0")
        assert shadow(cycle, other) == "OK"


def test_what_was_confirmed_may_be_shadowed_until_it_comes_back(cycle):
    confirmed, name = cycle.loads("1.0.0", rules=DENY), cycle.loads("1.0.0")
    assert cycle.put(confirmed, "active") == "OK"
    assert cycle.put(name, "trial", LONG) == "OK"
    assert shadow(cycle, confirmed) == "OK"
    assert cycle.verdict() == "OK" and counted(cycle, confirmed) == (1, 0)
    assert cycle.top("revert", "1") == "OK"
    assert shadowed(cycle) == [] and cycle.verdict() == "EACCES"


def test_what_was_confirmed_is_shadowed_until_the_trial_ends_by_itself(cycle):
    confirmed, name = cycle.loads("1.0.0", rules=DENY), cycle.loads("1.0.0")
    assert cycle.put(confirmed, "active") == "OK"
    assert cycle.put(name, "trial", "2") == "OK"
    assert shadow(cycle, confirmed) in ("OK", "EALREADY")
    cycle.until(lambda: cycle.verdict() == "EACCES")
    assert shadowed(cycle) == []


def test_shadow_moves_on_to_next_when_it_is_asked_for_again(cycle):
    name = cycle.loads("1.0.0", rules=DENY)
    assert shadow(cycle, name) == "OK"
    assert cycle.put(name, "stage", blob(name, "2.0.0", DENY)) == "OK"
    assert cycle.verdict() == "OK"
    assert (counted(cycle, name), counted(cycle, name, "next/")) == ((1, 0), (0, 0))
    assert shadow(cycle, name) == "OK"
    assert cycle.verdict() == "OK"
    assert (counted(cycle, name), counted(cycle, name, "next/")) == ((1, 0), (1, 0))


def test_shadow_of_current_ends_when_next_is_confirmed(cycle):
    name = cycle.loads("1.0.0", rules=DENY)
    assert shadow(cycle, name) == "OK"
    assert cycle.put(name, "stage", blob(name, "2.0.0")) == "OK"
    assert shadowed(cycle) == [name]
    assert cycle.put(name, "trial", LONG) == "OK" and cycle.top("confirm", "1") == "OK"
    assert shadowed(cycle) == []


# Records


def test_records_of_the_switch(cycle):
    name = cycle.loads("1.0.0", "2.0.0")
    cycle.machine.must("audit")
    assert shadow(cycle, name) == "OK" and shadow(cycle, name) == "OK"
    assert shadow(cycle, name, "0") == "OK" and shadow(cycle, name, "0") == "OK"
    on, off = shadow_records(cycle)
    for record, value in ((on, "1"), (off, "0")):
        fields = dict(record.fields)
        assert list(fields)[:5] == ["op", "policy_name", "policy_version", "policy_digest", "shadow"]
        assert fields["op"] == "shadow" and fields["shadow"] == value and fields["res"] == "1"
        assert record.string("policy_name") == name and fields["policy_version"] == "2.0.0"


def test_record_of_a_refusal(cycle):
    name, other = cycle.loads("1.0.0"), cycle.loads("1.0.0")
    assert shadow(cycle, name) == "OK"
    cycle.machine.must("audit")
    assert shadow(cycle, other) == "EBUSY"
    record, = shadow_records(cycle)
    assert record.fields["res"] == "0" and record.fields["errno"] == "-16"
    assert record.string("policy_name") == other


def test_shadow_after_an_unload_of_everything_that_was_shadowed(cycle):
    """Many come and go, and each starts with counters of its own."""
    name = cycle.fresh()
    for _ in range(20):
        assert cycle.load(blob(name, "1.0.0", DENY)) == "OK"
        assert shadow(cycle, name) == "OK"
        assert cycle.verdict() == "OK" and counted(cycle, name) == (1, 0)
        assert cycle.put(name, "delete") == "OK"
    assert cycle.machine.errno("get", f"{IPE}/policies/{name}/shadow") == "ENOENT"
