# SPDX-License-Identifier: LGPL-2.1-or-later
"""Confirming and reverting what is on trial, and the words that a write takes for yes."""

import pytest
from cycle_writes import BASE, DENY, DENY_ALL, NOT_TRUE, TAKES_ONE, TRUE, WORDS_OF_UPSTREAM, blob, stage, trial


# Confirming


def test_confirm_of_next(cycle):
    name = cycle.loads("2.0.0", "3.0.0", "1.0.0")
    assert trial(cycle, name) == "OK"
    assert cycle.top("confirm", "1") == "OK"
    assert cycle.versions(name) == ("3.0.0", None, "2.0.0")
    assert cycle.text(name, "active") == "1" and cycle.text(name, "trial") == "0" and cycle.on_trial() == ""
    # It is what the kernel comes back to from the next trial.
    other = cycle.fresh()
    assert cycle.load(blob(other, "3.0.0", DENY)) == "OK"
    assert trial(cycle, other) == "OK" and cycle.verdict() == "EACCES"
    assert cycle.top("revert", "1") == "OK"
    assert cycle.text(name, "active") == "1" and cycle.verdict() == "OK"


def test_confirm_of_current(cycle):
    name = cycle.loads("2.0.0", None, "1.0.0")
    assert trial(cycle, name) == "OK"
    assert cycle.top("confirm", "1") == "OK"
    assert cycle.versions(name) == ("2.0.0", None, "1.0.0")
    assert cycle.text(name, "active") == "1" and cycle.on_trial() == ""
    assert trial(cycle, name) == "EALREADY"


@pytest.mark.parametrize("file", ("confirm", "revert"))
def test_nothing_on_trial(cycle, file):
    assert cycle.top(file, "1") == "ENODATA"


@pytest.mark.parametrize("file", ("confirm", "revert"))
@pytest.mark.parametrize("value", (*NOT_TRUE, *WORDS_OF_UPSTREAM))
def test_word_that_is_not_yes_at_the_top(cycle, file, value):
    name = cycle.loads("1.0.0")
    assert cycle.top(file, value) == "EINVAL"
    assert trial(cycle, name) == "OK"
    assert cycle.top(file, value) == "EINVAL"
    assert cycle.on_trial() == f"{name} 1.0.0\n"


@pytest.mark.parametrize("file", ("confirm", "revert"))
@pytest.mark.parametrize("value", TRUE)
def test_word_for_yes_at_the_top(cycle, file, value):
    name = cycle.loads("1.0.0")
    assert trial(cycle, name) == "OK"
    assert cycle.top(file, value) == "OK"
    assert cycle.on_trial() == "" and cycle.text(name, "active") == ("1" if file == "confirm" else "0")


@pytest.mark.parametrize("file", TAKES_ONE)
@pytest.mark.parametrize("value", NOT_TRUE)
def test_word_that_is_not_yes(cycle, file, value):
    name = cycle.loads("2.0.0", None, "1.0.0")
    assert cycle.put(name, file, value) == "EINVAL"
    assert cycle.versions(name) == ("2.0.0", None, "1.0.0")
    assert cycle.text(name, "active") == "0"


@pytest.mark.parametrize("value", WORDS_OF_UPSTREAM)
def test_rollback_takes_no_word_but_1(cycle, value):
    name = cycle.loads("2.0.0", None, "1.0.0")
    assert cycle.put(name, "active") == "OK"
    assert cycle.put(name, "rollback", value) == "EINVAL"
    assert cycle.versions(name) == ("2.0.0", None, "1.0.0")


def test_huge_write_of_a_word(cycle):
    name = cycle.loads("2.0.0", None, "1.0.0")
    for file in ("active", "rollback", "delete", "shadow"):
        assert cycle.machine.errno("put-zeros", cycle.node(name, file), 32 << 20) == "EINVAL"
    assert cycle.versions(name) == ("2.0.0", None, "1.0.0") and cycle.text(name, "active") == "0"


# Reverting


def test_revert_keeps_what_was_on_trial(cycle):
    name = cycle.loads("1.0.0")
    assert stage(cycle, name, "2.0.0", DENY_ALL) == "OK"
    for _ in range(3):
        assert trial(cycle, name) == "OK" and cycle.verdict() == "EACCES"
        assert cycle.top("revert", "1") == "OK" and cycle.verdict() == "OK"
        assert cycle.versions(name) == ("1.0.0", "2.0.0", None)
        assert cycle.text(BASE, "active") == "1" and cycle.text(name, "trial") == "0" and cycle.on_trial() == ""
