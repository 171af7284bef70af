# SPDX-License-Identifier: LGPL-2.1-or-later
"""Staging, trial, confirmation and the ways back: what each write does, and every errno of ipe(7)."""

import errno as errno_module

import pytest
from guest import IPE
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


# What is there


@pytest.mark.parametrize("file, mode", (("stage", "0200"), ("trial", "0600"), ("rollback", "0200"), ("shadow", "0600"),
                                        ("stats", "0400"), ("active", "0600"),
                                        *((f"{directory}/{file}", "0400" if file == "stats" else "0444")
                                          for directory in ("next", "previous")
                                          for file in ("version", "policy", "pkcs7", "stats"))))
def test_mode_of_a_policy_file(cycle, file, mode):
    name = cycle.loads("1.0.0")
    assert cycle.machine.must("mode", cycle.node(name, file)).text == mode


@pytest.mark.parametrize("file, mode", (("confirm", "0600"), ("revert", "0200"), ("load", "0200"), ("lock", "0600"),
                                        ("events", "0400"), ("features", "0444")))
def test_mode_of_a_file_at_the_top(cycle, file, mode):
    assert cycle.machine.must("mode", f"{IPE}/{file}").text == mode


def test_policy_has_no_files_but_these(cycle):
    name = cycle.loads("1.0.0")
    directory = cycle.node(name, "").rstrip("/")
    version_files = {"version", "policy", "pkcs7", "stats"}
    assert set(cycle.machine.must("list", directory).text.split()) == version_files | {
        "active", "delete", "name", "update", "stage", "trial", "rollback", "shadow", "next", "previous"}
    for below in ("next", "previous"):
        assert set(cycle.machine.must("list", f"{directory}/{below}").text.split()) == version_files


def test_features_are_all_there(cycle):
    assert cycle.top("features").split() == \
        "stage trial rollback-floor shadow stats events appended-signature dmverity-cmdline provenance lock keyrings".split()


def test_policy_that_was_just_loaded(cycle):
    name = cycle.loads("1.0.0")
    assert cycle.versions(name) == ("1.0.0", None, None)
    assert [cycle.text(name, file) for file in ("active", "trial", "shadow")] == ["0", "0", "0"]
    for directory in ("next", "previous"):
        for file in ("version", "policy", "pkcs7", "stats"):
            assert cycle.machine.errno("get", cycle.node(name, f"{directory}/{file}")) == "ENOENT"
    assert cycle.on_trial() == "" and cycle.top("lock") == ""


# Staging


def test_stage_shows_the_next_version_and_changes_nothing_else(cycle):
    name = cycle.loads("1.0.0")
    envelope = blob(name, "1.0.1", DENY)
    assert cycle.put(name, "stage", envelope) == "OK"
    assert cycle.versions(name) == ("1.0.0", "1.0.1", None)
    assert cycle.get(name, "next/pkcs7") == envelope
    assert cycle.text(name, "next/policy") == f"policy_name={name} policy_version=1.0.1\n{DENY}"
    assert cycle.text(name, "active") == "0" and cycle.verdict() == "OK"


def test_stage_for_the_active_policy_does_not_go_live(cycle):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, "active") == "OK"
    assert stage(cycle, name, "2.0.0", DENY) == "OK"
    assert cycle.verdict() == "OK" and cycle.text(name, "active") == "1"


@pytest.mark.parametrize("version", ("1.0.1", "1.5.0", "9.0.0"))
def test_stage_replaces_what_was_staged(cycle, version):
    name = cycle.loads("1.0.0", "1.5.0")
    assert stage(cycle, name, version, DENY) == "OK"
    assert cycle.versions(name) == ("1.0.0", version, None)
    assert cycle.text(name, "next/policy").endswith(DENY)


@pytest.mark.parametrize("version", ("1.0.0", "0.9.9", "0.65535.65535"))
def test_stage_of_a_version_that_is_not_above_current(cycle, version):
    name = cycle.loads("1.0.0", "1.5.0")
    assert stage(cycle, name, version) == "ESTALE"
    assert cycle.versions(name) == ("1.0.0", "1.5.0", None)


def test_stage_of_another_name(cycle):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, "stage", blob("another", "2.0.0")) == "EINVAL"
    # The name is looked at before the version.
    assert cycle.put(name, "stage", blob("another", "1.0.0")) == "EINVAL"
    assert cycle.versions(name) == ("1.0.0", None, None)


@pytest.mark.parametrize("file", TAKES_BLOB)
@pytest.mark.parametrize("damage, errno", (
    (lambda name: b"", "EBADMSG"), (lambda name: b"\0", "EBADMSG"),
    (lambda name: blob(name, "2.0.0")[:-1], "EBADMSG"), (lambda name: blob(name, "2.0.0") + b"\0", "EBADMSG"),
    (lambda name: blob(name, "2.0.0").replace(b"action=", b"Action="), "EKEYREJECTED"),
    (lambda name: blob(name, "2.0.0", key="other"), "ENOKEY"),
    (lambda name: blob(name, "2.0.0", "DEFAULT\n"), "EBADMSG"),
    (lambda name: blob(name, "2.0.0", floor="2.0.1"), "EBADMSG"),
    (lambda name: blob(name, "2.0.0", ALLOW + ("# " + "x" * 70 + "\n") * 900), "EMSGSIZE")),
    ids=("empty", "nul", "truncated", "longer", "tampered", "key", "syntax", "floor-above-version", "large"))
def test_damaged_envelope(cycle, file, damage, errno):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, file, damage(name)) == errno
    assert cycle.versions(name) == ("1.0.0", None, None)


@pytest.mark.parametrize("file", ("new_policy", "stage", "update"))
def test_huge_write_of_a_blob(cycle, file):
    name = cycle.loads("1.0.0")
    path = f"{IPE}/new_policy" if file == "new_policy" else cycle.node(name, file)
    before = cycle.loaded()
    assert cycle.machine.errno("put-zeros", path, 32 << 20) in ("EMSGSIZE", "EFBIG", "EBADMSG")
    assert cycle.loaded() == before and cycle.versions(name) == ("1.0.0", None, None)


def test_stage_while_next_is_on_trial(cycle):
    name = cycle.loads("1.0.0", "2.0.0")
    assert trial(cycle, name) == "OK"
    for envelope in (blob(name, "3.0.0"), blob(name, "0.1.0"), blob("another", "3.0.0")):
        assert cycle.put(name, "stage", envelope) == "EBUSY"
    assert cycle.put(name, "stage", b"nonsense") == "EBADMSG"
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)


def test_stage_while_current_is_on_trial(cycle):
    name = cycle.loads("1.0.0")
    assert trial(cycle, name) == "OK"
    assert stage(cycle, name, "2.0.0", DENY) == "OK"
    assert cycle.on_trial() == f"{name} 1.0.0\n" and cycle.verdict() == "OK"
    assert cycle.top("confirm", "1") == "OK"
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)
    assert cycle.text(name, "active") == "1" and cycle.verdict() == "OK"


def test_stage_behind_the_trial_of_another_name(cycle):
    name, other = cycle.loads("1.0.0"), cycle.loads("1.0.0")
    assert cycle.put(name, "active") == "OK"
    assert trial(cycle, other) == "OK"
    assert stage(cycle, name, "2.0.0") == "OK"
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)


# Updating, with three versions


def test_update_keeps_the_old_version_as_previous(cycle):
    name = cycle.loads("1.0.0")
    first, second = cycle.get(name, "pkcs7"), blob(name, "2.0.0")
    assert cycle.put(name, "update", second) == "OK"
    assert cycle.versions(name) == ("2.0.0", None, "1.0.0")
    assert cycle.get(name, "previous/pkcs7") == first and cycle.get(name, "pkcs7") == second
    assert update(cycle, name, "3.0.0") == "OK"
    assert cycle.versions(name) == ("3.0.0", None, "2.0.0")


@pytest.mark.parametrize("version, following", (("1.5.0", "2.0.0"), ("2.0.0", None), ("2.0.1", None)))
def test_update_drops_a_next_version_that_is_not_above_it(cycle, version, following):
    name = cycle.loads("1.0.0", "2.0.0")
    assert update(cycle, name, version) == "OK"
    assert cycle.versions(name) == (version, following, "1.0.0")


def test_update_while_the_policy_takes_part_in_a_trial(cycle):
    def refused(name):
        before = cycle.versions(name)
        for envelope in (blob(name, "9.0.0"), blob(name, "0.1.0"), blob("another", "9.0.0")):
            assert cycle.put(name, "update", envelope) == "EBUSY"
        assert cycle.versions(name) == before

    following, current, confirmed = cycle.loads("1.0.0", "2.0.0"), cycle.loads("1.0.0"), cycle.loads("1.0.0")
    bystander = cycle.loads("1.0.0")
    assert trial(cycle, following) == "OK"
    refused(following)
    assert cycle.top("revert", "1") == "OK"
    assert cycle.put(confirmed, "active") == "OK"
    assert trial(cycle, current) == "OK"
    refused(current)
    refused(confirmed)
    assert update(cycle, bystander, "2.0.0") == "OK"
    assert cycle.on_trial() == f"{current} 1.0.0\n"


def test_update_of_the_active_policy_is_confirmed_at_once(cycle):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, "active") == "OK"
    assert update(cycle, name, "2.0.0", DENY) == "OK"
    assert cycle.text(name, "active") == "1" and cycle.verdict() == "EACCES" and cycle.on_trial() == ""
    # Its floor is its own version: there is no way back.
    assert cycle.put(name, "rollback") == "EPERM"
    assert cycle.versions(name) == ("2.0.0", None, "1.0.0")


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
    """What is on trial does not count, what is confirmed does."""
    confirmed, high, low, between = (cycle.loads(version) for version in ("2.0.0", "9.0.0", "1.0.0", "3.0.0"))
    assert cycle.put(confirmed, "active") == "OK"
    assert trial(cycle, high) == "OK"
    assert cycle.put(low, "active") == "EINVAL"
    assert cycle.on_trial() == f"{high} 9.0.0\n"
    assert cycle.put(between, "active") == "OK"
    assert cycle.text(between, "active") == "1" and cycle.on_trial() == ""


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
    """Loads and activates a version of a name, and makes BASE decide again, whatever the version."""
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


# Waiting for a change


def test_poll_of_what_is_active_or_on_trial(cycle):
    name = cycle.loads("1.0.0")
    files = (f"{IPE}/confirm", cycle.node(name, "active"), cycle.node(name, "trial"))
    for slot, path in enumerate(files):
        cycle.machine.must("hold", slot, path, "r")
        # Nothing was read yet.
        cycle.machine.must("hold-poll", slot, 0)

    def changed():
        """Whether each file says so, until it is read."""
        answers = []
        for slot in range(len(files)):
            answers.append(cycle.machine.errno("hold-poll", slot, 0))
            cycle.machine.must("hold-read", slot)
            assert cycle.machine.errno("hold-poll", slot, 0) == "ETIME"
        return set(answers)

    changed()
    for change, expected in ((lambda: trial(cycle, name), "OK"), (lambda: cycle.put(name, "trial", "10"), "ETIME"),
                             (lambda: cycle.top("revert", "1"), "OK"), (lambda: cycle.put(name, "shadow"), "ETIME"),
                             (lambda: cycle.put(name, "active"), "OK"), (lambda: trial(cycle, name), "ETIME")):
        change()
        assert changed() == {expected}
    for slot in range(len(files)):
        cycle.machine.must("hold-close", slot)


def test_poll_sees_a_trial_end_by_itself(cycle):
    name = cycle.loads("1.0.0")
    assert trial(cycle, name, "1") == "OK"
    cycle.machine.must("hold", 2, f"{IPE}/confirm", "r")
    cycle.machine.must("hold-read", 2)
    cycle.machine.must("hold-poll", 2, 30000)
    assert cycle.machine.must("hold-read", 2).text == ""
    cycle.machine.must("hold-close", 2)


def test_poll_sees_a_delete(cycle):
    name = cycle.loads("1.0.0")
    cycle.machine.must("hold", 2, cycle.node(name, "active"), "r")
    cycle.machine.must("hold-read", 2)
    assert cycle.put(name, "delete") == "OK"
    cycle.machine.must("hold-poll", 2, 0)
    assert cycle.machine.errno("hold-read", 2) == "ENOENT"
    cycle.machine.must("hold-close", 2)


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
    # That the first one has ended does not end the second one.
    cycle.machine.must("sleep", 1500)
    assert_remaining(cycle.text(name, "trial"))


def test_policy_that_denies_everything_goes_away_by_itself(cycle):
    """With the process that began the trial dead, and nothing that could be executed to undo it."""
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
        # No policy decides, and any version may be activated.
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


# Who may, and files of policies that are gone


def data_for(name, file):
    return {"update": blob(name, "9.0.0"), "stage": blob(name, "9.0.0"), "trial": "10"}.get(file, "1")


@pytest.mark.parametrize("file", ("stage", "trial", "rollback", "shadow", "update", "active", "delete"))
def test_writer_of_a_policy_file_without_the_right(cycle, file):
    name = cycle.loads("2.0.0", "3.0.0", "1.0.0")
    path = cycle.node(name, file)
    for data in (data_for(name, file), "", "nonsense"):
        assert cycle.machine.errno("as", 1000, "put", path, data) == "EACCES"
        # Before it is looked at what is written.
        assert cycle.machine.errno("without-mac-admin", "put", path, data) == "EPERM"
    assert cycle.versions(name) == ("2.0.0", "3.0.0", "1.0.0")
    assert [cycle.text(name, each) for each in ("active", "trial", "shadow")] == ["0", "0", "0"]


@pytest.mark.parametrize("file", ("confirm", "revert", "load", "lock"))
def test_writer_of_a_file_at_the_top_without_the_right(cycle, file):
    name = cycle.loads("1.0.0")
    assert trial(cycle, name) == "OK"
    for data in ("1", "", "nonsense", "mode"):
        assert cycle.machine.errno("as", 1000, "put", f"{IPE}/{file}", data) == "EACCES"
        assert cycle.machine.errno("without-mac-admin", "put", f"{IPE}/{file}", data) == "EPERM"
    assert cycle.on_trial() == f"{name} 1.0.0\n" and cycle.top("lock") == ""


@pytest.mark.parametrize("file", ("next/version", "next/policy", "next/pkcs7", "next/stats", "previous/version",
                                  "stats", "trial", "shadow"))
def test_file_held_open_for_reading_across_a_delete(cycle, file):
    name = cycle.loads("2.0.0", "3.0.0", "1.0.0")
    cycle.machine.must("hold", 2, cycle.node(name, file), "r")
    assert cycle.machine.errno("hold-read", 2) == "OK"
    assert cycle.put(name, "delete") == "OK"
    assert cycle.machine.errno("hold-read", 2) == "ENOENT"
    # Also when the name is used again.
    assert cycle.load(blob(name, "2.0.0")) == "OK" and stage(cycle, name, "3.0.0") == "OK"
    assert cycle.machine.errno("hold-read", 2) == "ENOENT"
    cycle.machine.must("hold-close", 2)


@pytest.mark.parametrize("file", ("stage", "trial", "rollback", "shadow", "update", "active", "delete"))
def test_file_held_open_for_writing_across_a_delete(cycle, file):
    name = cycle.loads("2.0.0", "3.0.0", "1.0.0")
    data = data_for(name, file)
    cycle.machine.must("hold", 2, cycle.node(name, file), "w")
    assert cycle.put(name, "delete") == "OK"
    assert cycle.machine.errno("hold-write", 2, data) == "ENOENT"
    assert cycle.load(blob(name, "2.0.0")) == "OK"
    assert cycle.machine.errno("hold-write", 2, data) == "ENOENT"
    assert cycle.machine.errno("without-mac-admin", "hold-write", 2, data) == "ENOENT"
    if file in TAKES_BLOB:
        assert cycle.machine.errno("hold-write", 2, "nonsense") == "ENOENT"
    else:
        assert cycle.machine.errno("hold-write", 2, "nonsense") == "EINVAL"
    assert cycle.versions(name) == ("2.0.0", None, None) and cycle.text(name, "active") == "0"
    cycle.machine.must("hold-close", 2)


def test_next_version_that_is_held_open_while_it_changes(cycle):
    """An open file of a slot shows what the slot has, version by version."""
    name = cycle.loads("1.0.0")
    cycle.machine.must("hold", 2, cycle.node(name, "next/version"), "r")
    assert cycle.machine.errno("hold-read", 2) == "ENOENT"
    for version in ("2.0.0", "3.0.0"):
        assert stage(cycle, name, version) == "OK"
        assert cycle.machine.must("hold-read", 2).text == version
    assert trial(cycle, name) == "OK" and cycle.top("confirm", "1") == "OK"
    assert cycle.machine.errno("hold-read", 2) == "ENOENT"
    cycle.machine.must("hold-close", 2)


# Records

CHANGE = ("old_active_pol_name old_active_pol_version old_policy_digest new_active_pol_name new_active_pol_version "
          "new_policy_digest auid ses lsm res").split()


def changes(cycle):
    return [record for record in cycle.records() if record.type == 1421]


def assert_change(record, op, old, new, *more):
    """Of an activation by another way: op first, then the fields of an activation."""
    names = list(record.fields)
    assert names[0] == "op" and record.fields["op"] == op
    assert [name for name in names if name in CHANGE] == CHANGE
    assert set(names) == {"op", *CHANGE, *more}
    assert (record.string("old_active_pol_name"), record.fields["old_active_pol_version"]) == old
    assert (record.string("new_active_pol_name"), record.fields["new_active_pol_version"]) == new
    assert record.fields["lsm"] == "ipe"


def test_records_of_a_trial(cycle):
    name = cycle.loads("1.0.0", "2.0.0")
    cycle.machine.must("audit")
    base, on_trial = (BASE, "0.0.0"), (name, "2.0.0")
    assert trial(cycle, name, "600") == "OK" and cycle.top("revert", "1") == "OK"
    assert trial(cycle, name, "600") == "OK" and cycle.top("confirm", "1") == "OK"
    first, back, second, confirmed = changes(cycle)
    for record in (first, second):
        assert_change(record, "trial", base, on_trial, "seconds")
        assert record.fields["seconds"] == "600" and record.fields["res"] == "1"
    assert_change(back, "revert", on_trial, base)
    assert confirmed.fields["op"] == "confirm" and confirmed.fields["res"] == "1"
    assert (confirmed.string("new_active_pol_name"), confirmed.fields["new_active_pol_version"]) == on_trial


def test_records_of_a_rollback(cycle):
    name = cycle.loads("1.0.0")
    assert cycle.put(name, "active") == "OK"
    assert update(cycle, name, "2.0.0", ALLOW, "0.0.0") == "OK"
    cycle.machine.must("audit")
    assert cycle.put(name, "rollback") == "OK"
    record, = changes(cycle)
    assert_change(record, "rollback", (name, "2.0.0"), (name, "1.0.0"))
    assert record.fields["res"] == "1"


def test_record_of_an_expiry(cycle):
    name = cycle.loads("1.0.0")
    assert trial(cycle, name, "1") == "OK"
    cycle.machine.must("audit")
    cycle.until(lambda: cycle.text(name, "trial") == "0")
    found = []
    cycle.until(lambda: found.extend(changes(cycle)) or found)
    record, = found
    assert_change(record, "expire", (name, "1.0.0"), (BASE, "0.0.0"))
    assert record.fields["auid"] == str((1 << 32) - 1) and record.fields["res"] == "1"


def test_record_of_staging(cycle):
    name = cycle.loads("1.0.0")
    cycle.machine.must("audit")
    assert stage(cycle, name, "2.0.0") == "OK"
    record, = [record for record in cycle.records() if record.type == 1422]
    assert (record.string("policy_name"), record.fields["policy_version"]) == (name, "2.0.0")
    assert list(record.fields)[-1] == "stage" and record.fields["stage"] == "1" and record.fields["res"] == "1"


@pytest.mark.parametrize("write, errno", (
    (lambda cycle, name: stage(cycle, name, "1.0.0"), "ESTALE"),
    (lambda cycle, name: trial(cycle, BASE), "EALREADY"),
    (lambda cycle, name: trial(cycle, name, "0"), "ERANGE"),
    (lambda cycle, name: cycle.top("confirm", "1"), "ENODATA"),
    (lambda cycle, name: cycle.top("revert", "1"), "ENODATA"),
    (lambda cycle, name: cycle.put(name, "rollback"), "EPERM")),
    ids=("stage", "trial", "trial-seconds", "confirm", "revert", "rollback"))
def test_record_of_a_failure(cycle, write, errno):
    name = cycle.loads("1.0.0")
    cycle.machine.must("audit")
    assert write(cycle, name) == errno
    record, = [record for record in cycle.records() if record.type in (1421, 1422)]
    assert record.fields["res"] == "0" and record.fields["errno"] == str(-getattr(errno_module, errno))
