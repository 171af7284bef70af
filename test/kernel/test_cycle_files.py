# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files of a life cycle: waiting for a change, who may write, files of policies that are gone, and audit records."""

import errno as errno_module

import pytest
from cycle_writes import ALLOW, BASE, TAKES_BLOB, blob, stage, trial, update
from guest import IPE


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


# Writers without the right, and files of policies that are gone


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
    """A record of another way to activate: op first, then the fields of an activation."""
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
