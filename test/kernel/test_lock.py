# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two latches. Each holds until reboot, so a test that sets one has a machine of its own."""

import pytest
from guest import IPE
from world import Cycle

ALLOW, DENY = Cycle.ALLOW, Cycle.DENY
BASE = Cycle.BASE
blob = Cycle.blob


@pytest.fixture
def start(boot, kit):
    """start(): a machine with an active policy and one that has all versions; its log must be clean in the end."""
    worlds = []

    def begin():
        world = Cycle(boot("lock"), kit).set_up_alone().reset()
        worlds.append(world)
        return world, world.loads("2.0.0", "3.0.0", "1.0.0", rules=DENY)

    yield begin
    for world in worlds:
        assert not world.machine.trouble()
        world.machine.stop()


@pytest.mark.parametrize("word", ("", "\n", "modes", "mod", "mode policy", "mode\npolicy", "mode\n\n", " mode", "mode ",
                                  "MODE", "1", "0", "none", "mode\0", "\0", "policy\0policy", "x" * 5000))
def test_word_that_is_none(cycle, word):
    assert cycle.top("lock", word) == "EINVAL"
    assert cycle.top("lock") == ""


def test_huge_word(cycle):
    assert cycle.machine.errno("put-zeros", f"{IPE}/lock", 32 << 20, "mode") == "EINVAL"
    assert cycle.top("lock") == ""


@pytest.mark.parametrize("word", ("mode", "mode\n"))
def test_mode(start, word):
    world, name = start()
    assert world.top("lock", word) == "OK"
    assert world.top("lock").split() == ["mode"]
    for value in ("0", "0\n"):
        assert world.top("enforce", value) == "EPERM"
    assert world.top("enforce") == "1"
    # A wrong value still has its own errno, and a write that changes nothing is allowed.
    assert world.top("enforce", "maybe") == "EINVAL"
    assert world.top("enforce", "1") == "OK"
    # Nothing else is locked.
    assert world.top("success_audit", "1") == "OK" and world.top("success_audit", "0") == "OK"
    assert world.put(name, "active") == "OK" and world.verdict() == "EACCES"
    assert world.top("lock", "mode") == "OK" and world.top("lock").split() == ["mode"]


def test_mode_while_nothing_is_enforced(start):
    world, name = start()
    assert world.put(name, "active") == "OK"
    assert world.top("enforce", "0") == "OK"
    assert world.top("lock", "mode") == "OK"
    # It says that it cannot be switched off any more: it can be switched on once.
    assert world.top("enforce") == "0" and world.verdict() == "OK"
    assert world.top("enforce", "1") == "OK" and world.verdict() == "EACCES"
    assert world.top("enforce", "0") == "EPERM" and world.verdict() == "EACCES"


def writes(world, name):
    """Writes that the latch "policy" forbids: {name of the test: errno by name}."""
    world.machine.must("create", "/tmp/signed", blob("elsewhere", "1.0.0"))
    path = f"{IPE}/load"
    return {
        "new_policy": lambda: world.load(blob("elsewhere", "1.0.0")),
        "update": lambda: world.put(name, "update", blob(name, "9.0.0")),
        "stage": lambda: world.put(name, "stage", blob(name, "9.0.0")),
        "active": lambda: world.put(name, "active"),
        "active-already": lambda: world.put(BASE, "active"),
        "trial": lambda: world.put(name, "trial", "10"),
        "confirm": lambda: world.top("confirm", "1"),
        "revert": lambda: world.top("revert", "1"),
        "rollback": lambda: world.put(BASE, "rollback"),
        "delete": lambda: world.put(name, "delete"),
        "load": lambda: world.machine.errno("put", path, "/tmp/signed"),
    }


def test_policy(start):
    world, name = start()
    everything = writes(world, name)
    assert world.put(BASE, "update", blob(BASE, "0.0.1", floor="0.0.0")) == "OK"
    before = world.machine.must("snapshot", world.PROBE, "text").text.split("\n", 1)[1]
    assert world.top("lock", "policy\n") == "OK"
    assert world.top("lock").split() == ["policy"]
    assert {word: write() for word, write in everything.items()} == {word: "EPERM" for word in everything}
    after = world.machine.must("snapshot", world.PROBE, "text").text.split("\n", 1)[1]

    def without_counts(text):
        return [line for line in text.splitlines()
                if line and "/stats=" not in line and not line.startswith(("lock=", "op=", "default "))]

    assert without_counts(after) == without_counts(before)
    # A wrong value still has its own errno where it is found before the latch is looked at.
    assert world.put(name, "trial", "0") == "ERANGE" and world.put(name, "active", "0") == "EINVAL"
    assert world.load(b"nonsense") == "EBADMSG"
    # Shadowing and the switches go on.
    assert world.put(name, "shadow") == "OK" and world.text(name, "shadow") == "1"
    assert world.put(name, "shadow", "0") == "OK"
    assert world.top("enforce", "0") == "OK" and world.top("enforce", "1") == "OK"
    assert world.top("lock", "mode") == "OK"
    assert world.top("lock").split() == ["mode", "policy"]
    assert world.top("enforce", "0") == "EPERM"


def test_policy_while_a_trial_runs(start):
    world, name = start()
    assert world.put(name, "trial", "86400") == "OK"
    assert world.top("lock", "policy") == "EBUSY" and world.top("lock") == ""
    assert world.top("lock", "mode") == "OK"
    assert world.top("confirm", "1") == "OK"
    assert world.top("lock", "policy") == "OK"
    assert world.put(name, "rollback") == "EPERM"


@pytest.mark.parametrize("word", ("mode", "policy"))
def test_record_of_a_latch(start, word):
    world, _ = start()
    world.machine.must("audit")
    assert world.top("lock", word) == "OK"
    record, = [record for record in world.records() if record.type == 1421]
    assert list(record.fields) == ["op", "lock", "auid", "ses", "lsm", "res"]
    assert record.fields["op"] == "lock" and record.fields["lock"] == word and record.fields["res"] == "1"


def test_record_of_a_latch_that_is_refused(start):
    world, name = start()
    assert world.put(name, "trial", "86400") == "OK"
    world.machine.must("audit")
    assert world.top("lock", "policy") == "EBUSY"
    record, = [record for record in world.records() if record.type == 1421]
    assert record.fields["op"] == "lock" and record.fields["res"] == "0" and record.fields["errno"] == "-16"
    world.top("revert", "1")


# A lock forbids kexec, too: User-mode Linux has no kexec, but its hooks are asked by a module


REQUEST = "/sys/module/ipe_probe/parameters/request"
KEXEC = ("read kexec-image /tmp/hello", "read kexec-initramfs /tmp/hello", "load kexec-image", "load kexec-initramfs")
OTHERS = ("read firmware /tmp/hello", "load kernel-module", "read x509-certificate /tmp/hello")


@pytest.mark.parametrize("word", ("mode", "policy"))
def test_no_other_kernel_is_loaded_once_something_is_locked(start, word):
    world, _ = start()
    world.machine.must("insmod", "/ipe_probe.ko")
    for request in (*KEXEC, *OTHERS):
        assert world.machine.errno("put", REQUEST, request) == "OK", request
    assert world.top("enforce", "0") == "OK"
    assert world.top("lock", word) == "OK"
    # Whether the policy is enforced, and what it says, makes no difference.
    for request in KEXEC:
        world.machine.must("audit")
        assert world.machine.errno("put", REQUEST, request) == "EPERM", request
        record, = [record for record in world.records() if record.type == 1421]
        assert {key: record.fields[key] for key in ("op", "lock", "res", "errno")} == {
            "op": "lock", "lock": "kexec", "res": "0", "errno": "-1"}
    for request in OTHERS:
        assert world.machine.errno("put", REQUEST, request) == "OK", request


def test_lock_that_was_refused_forbids_nothing(start):
    world, name = start()
    world.machine.must("insmod", "/ipe_probe.ko")
    assert world.put(name, "trial", "86400") == "OK"
    assert world.top("lock", "policy") == "EBUSY" and world.top("lock", "kexec") == "EINVAL"
    for request in KEXEC:
        assert world.machine.errno("put", REQUEST, request) == "OK", request
    assert world.top("revert", "1") == "OK"
