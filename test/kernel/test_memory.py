# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every allocation fails once. The result is an errno or success, never a policy half loaded or a wrong
denial."""

import keys
import pytest
from guest import IPE
from world import World

pytestmark = pytest.mark.parametrize("variant", ["kasan"], indirect=True)
FAILSLAB = "/sys/kernel/debug/failslab"
DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
RULES = DENY + "".join(f"op=EXECUTE fsverity_digest=sha256:{number:064x} action=ALLOW\n" for number in range(40))
MANY = 5000
# The kernel's big numbers and keys take a failed allocation for a number or a key that is wrong.
LOADING = {"OK", "ENOMEM", "EINVAL", "EKEYREJECTED"}


@pytest.fixture(scope="module")
def own_world(boot, kit):
    """A machine for these tests alone, as records are lost in them."""
    world = World(boot("memory"), kit).set_up()
    world.machine.must("put", f"{FAILSLAB}/ignore-gfp-wait", "N")
    world.machine.must("put", f"{FAILSLAB}/verbose", "0")
    return world


@pytest.fixture
def world(own_world):
    yield own_world
    assert not own_world.machine.trouble()


@pytest.fixture
def failing(world):
    """failing(verb, argument...): {errno: how often}, as each allocation of the call fails in turn.

    after(errno) is called after each of them."""

    def call(*command, after=lambda errno: None):
        counts = {}
        for number in range(1, MANY):
            answer = world.machine.call("failing", number, *command)
            counts[answer.name] = counts.get(answer.name, 0) + 1
            after(answer.name)
            if answer.text == "no":
                return counts
        raise AssertionError(f"{command[0]} allocates without end")

    return call


def test_load(world, failing):
    name, header = world.header()

    def after(errno):
        assert (name in world.loaded()) == (errno == "OK")
        if errno == "OK":
            assert world.get(name, "policy") == (header + RULES).encode()
            assert world.put(name, "delete") == "OK"

    counts = failing("put", f"{IPE}/new_policy", keys.sign_policy(header + RULES), after=after)
    assert counts["ENOMEM"] > 50 and set(counts) <= LOADING, counts


def test_update_and_activate(world, failing):
    name, header = world.header()
    assert world.load(keys.sign_policy(header + RULES)) == "OK"
    version = header.split("policy_version=")[1].strip()
    major, minor, revision = version.split(".")
    next(world.counter)
    newer = f"{major}.{minor}.{int(revision) + 1}"

    def updated(errno):
        assert world.get(name, "version").decode() == (newer if errno == "OK" else version)
        if errno == "OK":
            assert world.put(name, "delete") == "OK"
            assert world.load(keys.sign_policy(header + RULES)) == "OK"

    counts = failing("put", world.node(name, "update"),
                     keys.sign_policy(f"policy_name={name} policy_version={newer}\n{RULES}"), after=updated)
    assert counts["ENOMEM"] > 50 and set(counts) <= LOADING, counts

    other = world.activate(DENY)
    lower = world.get(other, "version").decode()
    assert world.put(name, "delete") == "OK"
    assert world.load(keys.sign_policy(f"policy_name={name} policy_version={lower}\n{RULES}")) == "OK"

    def activated(errno):
        assert world.get(name, "active") == (b"1" if errno == "OK" else b"0")
        assert world.put(other, "active") == "OK"

    counts = failing("put", world.node(name, "active"), "1", after=activated)
    assert counts["ENOMEM"] and set(counts) == {"OK", "ENOMEM"}, counts


def test_delete(world, failing):
    name, header = world.header()
    envelope = keys.sign_policy(header + DENY)
    assert world.load(envelope) == "OK"

    def after(errno):
        assert (name in world.loaded()) == (errno != "OK")
        if errno == "OK":
            assert world.load(envelope) == "OK"

    counts = failing("put", world.node(name, "delete"), "1", after=after)
    assert counts["ENOMEM"] and set(counts) == {"OK", "ENOMEM"}, counts


@pytest.mark.parametrize("call", (("mmap", "/tmp/hello"), ("mprotect", "/tmp/hello"), ("anonymous-mmap",),
                                  ("insmod", "/test_module.ko"), ("insmod-data", "/test_module.ko")))
def test_denial(world, failing, call):
    name = world.activate("DEFAULT action=DENY\n")
    world.machine.must("events-open", 0)
    world.machine.must("events-count", 0)
    counts = failing(*call)
    assert counts["EACCES"] > 1 and set(counts) <= {"EACCES", "ENOMEM"}, counts
    # None is missing: not in the counters, and not among the lines, where some say less.
    assert f" denied={counts['EACCES']}\n" in world.get(name, "stats").decode()
    lines = world.machine.must("events-read", 0, 1 << 20).text.splitlines()
    assert len(lines) == counts["EACCES"]
    whole = [line for line in lines if ' rule="DEFAULT action=DENY" ' in line]
    short = [line for line in lines if " policy_name=? " in line and " rule=? " in line and " path=? " in line]
    assert whole and short and " policy_name=? " not in "".join(whole)
    world.machine.must("events-close", 0)


def test_no_memory_was_lost(world):
    """test_whole_run.py shows that kmemleak finds lost memory."""
    assert world.leaks() == []
