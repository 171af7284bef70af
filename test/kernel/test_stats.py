# SPDX-License-Identifier: LGPL-2.1-or-later
"""The counters of a policy: every verdict, and the line that gave it, whether or not it is logged."""

import re

import keys
import pytest
from guest import IPE

DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
OPERATIONS = "EXECUTE FIRMWARE KMODULE KEXEC_IMAGE KEXEC_INITRAMFS POLICY X509_CERT UNKNOWN".split()
VERDICTS = re.compile(r"op=(\w+) allowed=(\d+) denied=(\d+)")


def lines(world, name, directory=""):
    return world.get(name, f"{directory}stats").decode().splitlines()


def verdicts(world, name):
    """{operation: (allowed, denied)}"""
    return {match[1]: (int(match[2]), int(match[3])) for match in map(VERDICTS.fullmatch, lines(world, name)) if match}


def matches(world, name):
    """The lines of matches, without the verdicts and the last line."""
    return lines(world, name)[len(OPERATIONS):-1]


def load(world, rules):
    """A policy that is not active; returns its name."""
    name, header = world.header()
    assert world.load(keys.sign_policy(header + rules)) == "OK"
    return name


def test_loaded_policy_starts_at_zero(world):
    name = load(world, DENY)
    assert lines(world, name) == [*(f"op={op} allowed=0 denied=0" for op in OPERATIONS), "shadow denied=0 allowed=0"]
    assert world.put(name, "delete") == "OK"


def test_each_verdict_is_counted_by_its_operation(world):
    name = world.activate("DEFAULT action=ALLOW\nop=EXECUTE boot_verified=TRUE action=ALLOW\nop=EXECUTE action=DENY\n"
                          "DEFAULT op=KMODULE action=DENY\n")
    assert world.machine.must("repeat", 7, "mmap", "/bin/hello").text == "0 7\n"
    assert world.machine.must("repeat", 9, "mmap", "/tmp/hello").text == "13 9\n"
    assert world.machine.must("repeat", 3, "anonymous-mmap").text == "13 3\n"
    assert world.machine.errno("insmod", "/test_module.ko") == "EACCES"
    assert world.machine.errno("insmod-data", "/test_module.ko") == "EACCES"
    counted = verdicts(world, name)
    assert list(counted) == OPERATIONS
    assert counted.pop("EXECUTE") == (7, 12) and counted.pop("KMODULE") == (0, 2)
    assert set(counted.values()) == {(0, 0)}
    assert matches(world, name) == ["rule line=3 matches=7", "rule line=4 matches=12", "default op=KMODULE line=5 matches=2"]


def test_global_default_is_counted(world):
    name = world.activate("# A comment\nDEFAULT action=DENY\n")
    assert world.machine.errno("mmap", "/tmp/hello") == "EACCES"
    assert matches(world, name) == ["default line=3 matches=1"]


def test_what_is_not_enforced_is_counted_as_denied(world):
    name = world.activate(DENY)
    world.machine.must("put", f"{IPE}/enforce", "0")
    try:
        assert world.machine.errno("mmap", "/tmp/hello") == "OK"
    finally:
        world.machine.must("put", f"{IPE}/enforce", "1")
    assert verdicts(world, name)["EXECUTE"] == (0, 1)


def test_counts_go_on_while_another_policy_decides_and_are_gone_with_the_policy(world):
    name, header = world.header()
    envelope = keys.sign_policy(header + DENY)
    assert world.load(envelope) == "OK"
    assert world.put(name, "active") == "OK"
    world.machine.errno("mmap", "/tmp/hello")
    allow = load(world, "DEFAULT action=ALLOW\n")
    assert world.put(allow, "active") == "OK"
    world.machine.errno("mmap", "/tmp/hello")
    assert verdicts(world, name)["EXECUTE"] == (0, 1) and verdicts(world, allow)["EXECUTE"] == (1, 0)
    assert world.put(name, "delete") == "OK"
    assert world.load(envelope) == "OK"
    assert verdicts(world, name)["EXECUTE"] == (0, 0)
    assert world.put(name, "delete") == "OK"
    if world.active:
        assert world.put(world.active, "delete") == "OK"
    world.active = allow


@pytest.mark.parametrize("number", (0, 1, 499))
def test_rule_of_a_large_policy_has_its_line(world, number):
    value = world.places["fsverity"].facts["fsverity_digest"]
    digests = [f"{n:064x}" for n in range(500)]
    digests[number] = value
    name = world.activate("DEFAULT action=ALLOW\n" + "".join(
        f"op=EXECUTE fsverity_digest=sha256:{digest} action=DENY\n" for digest in digests))
    assert world.machine.errno("mmap", world.places["fsverity"].path) == "EACCES"
    assert matches(world, name) == [f"rule line={number + 3} matches=1"]


def test_text_that_is_read_in_pieces_is_that_of_one_read(world):
    answers = [world.places["fsverity"], world.places["fsverity-signed"], world.places["verity"]]
    name = world.activate("DEFAULT action=DENY\n" + "".join(
        f"op=EXECUTE {key}=sha256:{value} action=ALLOW\n" for place in answers
        for key, value in place.facts.items() if value is not True))
    for place in answers:
        assert world.machine.errno("mmap", place.path) == "OK"
    whole = world.get(name, "stats")
    assert len(matches(world, name)) == 3
    pieces = b"".join(world.machine.must("get-at", world.node(name, "stats"), at, 16).data
                      for at in range(0, len(whole), 16))
    assert pieces == whole


def test_unprivileged_reader(world):
    name = world.activate("DEFAULT action=ALLOW\n")
    assert world.machine.errno("as", 1000, "get", world.node(name, "stats")) == "EACCES"
    assert world.machine.must("mode", world.node(name, "stats")).text == "0400"
