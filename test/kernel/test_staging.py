# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files of a policy, staging and updates: each write, its effect, and every errno of ipe(7)."""

import pytest
from cycle_writes import ALLOW, DENY, TAKES_BLOB, blob, stage, trial, update
from guest import IPE


# Files


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
