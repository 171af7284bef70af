# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random sequences of writes, against a model: what each write answers, and every file and a verdict after it.

A sequence has three names of its own. Floors last until reboot, so a machine is started again when its names are
used up; each name is used in a few sequences, the later ones with the floors that the earlier ones have raised.
"""

import concurrent.futures
import os
import random
import zlib

import keys
import pytest
import uml
from guest import IPE, initramfs
from lifecycle_model import Model, envelopes
from world import FORGET_BAR

LONG = bool(os.environ.get("IPE_TEST_LONG"))
SEED = int(os.environ.get("IPE_TEST_SEED", "1"))
SEQUENCES = {"uml": 100_000 if LONG else 100, "kasan": 5000 if LONG else 25}
NAMES = 3
# Signing is what takes the time of a short run, starting machines that of a long one.
GROUPS = 16 if LONG else 6
SEQUENCES_OF_A_GROUP = 4
VERSIONS = ((1, 0, 0), (1, 0, 1), (1, 1, 0), (2, 0, 0), (3, 0, 0))
FLOORS = (None, (0, 0, 0), (1, 0, 0), (1, 0, 1))
# A policy that every version may be activated after.
BASE, BASE_LOW = "base", ("base", (0, 0, 0), None)
SECONDS = "86400"
WRITES = {"new_policy": 12, "update": 8, "stage": 14, "active": 9, "trial": 14, "confirm": 7, "revert": 5,
          "rollback": 10, "delete": 4, "shadow": 10}
SHRINK_TRIES = 150


def sign(texts):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(keys.sign_policy, texts))


class Signed:
    """All envelopes, signed once, and where each of them is in the initramfs."""

    def __init__(self):
        self.groups = [[f"g{group}-{letter}" for letter in "abc"[:NAMES]] for group in range(GROUPS)]
        self.all = envelopes([name for group in self.groups for name in group], VERSIONS, FLOORS, sign)
        self.all |= envelopes([BASE], [BASE_LOW[1]], (None,), sign)
        self.of_name = {}
        self.paths = {}
        for number, key in enumerate(self.all):
            self.of_name.setdefault(key[0], []).append(key)
            self.paths[key] = f"e/{number}"

    def files(self):
        return {path: self.all[key].data for key, path in self.paths.items()}


class Mismatch(Exception):
    pass


class Pair:
    """A machine and a model, which get the same writes."""

    def __init__(self, machine, signed):
        self.machine, self.signed, self.model = machine, signed, Model()
        self.history = []

    def command(self, write, *arguments):
        if write == "new_policy":
            return "put-file", f"{IPE}/new_policy", f"/{self.signed.paths[arguments[0]]}"
        if write in ("confirm", "revert"):
            return "put", f"{IPE}/{write}", "1"
        if write == "forget_bar":
            return "put", FORGET_BAR, "1"
        path = f"{IPE}/policies/{arguments[0]}/{write}"
        if write in ("update", "stage"):
            return "put-file", path, f"/{self.signed.paths[arguments[1]]}"
        return "put", path, {"trial": SECONDS, "shadow": str(int(arguments[-1] is True))}.get(write, "1")

    def expect(self, write, *arguments):
        if write == "new_policy":
            return self.model.new_policy(self.signed.all[arguments[0]])
        if write in ("update", "stage"):
            return getattr(self.model, write)(arguments[0], self.signed.all[arguments[1]])
        return getattr(self.model, write)(*arguments)

    def write(self, *write):
        """Raises Mismatch."""
        self.history.append(write)
        written, looked = self.machine.batch([self.command(*write), ("snapshot", "/bin/hello")])
        expected = self.expect(*write)
        if written.name != expected:
            raise Mismatch(f"{write}: {written.name} instead of {expected}")
        text = self.model.snapshot()
        if looked.text != f"{zlib.crc32(text.encode()):08x}":
            # The second look is one verdict later, in the model too.
            found = self.machine.must("snapshot", "/bin/hello", "text").text.splitlines()
            wanted = self.model.snapshot().splitlines()
            raise Mismatch(f"after {write} ({expected}):\n" + "\n".join(
                [f"  missing: {line}" for line in wanted if line not in found] +
                [f"  found:   {line}" for line in found if line not in wanted]))

    # Sequences

    def random_write(self, choice, names):
        kinds = list(WRITES)
        write, = choice.choices(kinds, [WRITES[kind] for kind in kinds])
        there = [name for name in names if name in self.model.slots]
        missing = [name for name in names if name not in there]
        # Mostly something that can be done.
        if choice.random() < 0.9:
            names = (missing if write == "new_policy" else there) or names
        name = choice.choice(names)
        if write in ("confirm", "revert"):
            return (write,)
        if write == "shadow":
            return write, name, choice.random() < 0.7
        keys_of_name = self.signed.of_name[name if choice.random() < 0.95 else choice.choice(names)]
        key = choice.choice(keys_of_name)
        if write == "new_policy":
            return write, min(key, choice.choice(self.signed.of_name[name]), key=lambda each: each[1])
        return (write, name, key) if write in ("update", "stage") else (write, name)

    def reset(self):
        """Makes BASE, of the lowest version, the only policy, and active."""
        if self.model.trial_name:
            self.write("revert")
        if BASE not in self.model.slots:
            self.write("new_policy", BASE_LOW)
        self.write("forget_bar")
        self.write("active", BASE)
        for name in [name for name in self.model.slots if name != BASE]:
            self.write("delete", name)

    def sequence(self, choice, names):
        for name in names:
            if choice.random() < 0.8:
                self.write("new_policy", min(choice.sample(self.signed.of_name[name], 2), key=lambda each: each[1]))
        for _ in range(choice.randint(10, 30)):
            self.write(*self.random_write(choice, names))


class Fleet:
    """Starts machines for one variant, each from the same initramfs."""

    def __init__(self, kernel, kit, signed, directory):
        self.kernel, self.signed, self.directory = kernel, signed, directory
        self.initrd = initramfs(directory / "model.cpio", kit.agent, {"bin/hello": kit.hello, **signed.files()})
        self.started = 0

    def start(self):
        self.started += 1
        directory = self.directory / f"machine-{self.started}"
        directory.mkdir()
        # This test does not look at audit records.
        return Pair(uml.Uml(self.kernel / "linux", self.initrd, directory / "console.log", (), ("audit=0",)),
                    self.signed)

    def replay(self, writes):
        """The mismatch that these writes cause on a machine of their own, or None."""
        pair = self.start()
        try:
            for write in writes:
                pair.write(*write)
            return None
        except Mismatch as mismatch:
            return str(mismatch)
        finally:
            pair.machine.stop()

    def shrink(self, writes, text):
        """Leaves out writes that the failure does not need; returns the rest and their mismatch."""
        tries, size = 0, max(1, len(writes) // 2)
        while tries < SHRINK_TRIES:
            at, before = 0, len(writes)
            while at < len(writes) and tries < SHRINK_TRIES:
                tries += 1
                fewer = writes[:at] + writes[at + size:]
                failure = self.replay(fewer)
                if failure:
                    writes, text = fewer, failure
                else:
                    at += size
            if size == 1 and len(writes) == before:
                break
            size = max(1, size // 2)
        return writes, text


@pytest.fixture(scope="session")
def signed():
    return Signed()


@pytest.fixture(scope="module")
def fleet(kernel, kit, signed, tmp_path_factory):
    return Fleet(kernel, kit, signed, tmp_path_factory.mktemp("model"))


def run_machine(fleet, seed, count):
    """Runs some sequences on one machine."""
    choice = random.Random(seed)
    pair = fleet.start()
    try:
        for number in range(count):
            pair.sequence(choice, fleet.signed.groups[number % GROUPS])
            pair.reset()
    except Mismatch as mismatch:
        pair.machine.stop()
        writes, text = fleet.shrink(pair.history, str(mismatch))
        listing = "\n".join(f"    {write}" for write in writes)
        pytest.fail(f"seed {seed}, write {len(pair.history)}: {mismatch}\n"
                    f"of which {len(writes)} writes are enough:\n{listing}\n{text}", pytrace=False)
    finally:
        pair.machine.stop()
    trouble = pair.machine.trouble()
    assert not trouble, f"seed {seed}: see {pair.machine.log}"


def test_random_sequences_do_what_the_model_does(fleet, variant):
    per_machine = GROUPS * SEQUENCES_OF_A_GROUP
    left = SEQUENCES[variant]
    counts = [min(per_machine, left - at) for at in range(0, left, per_machine)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() if LONG else 1) as pool:
        futures = [pool.submit(run_machine, fleet, SEED * 1_000_000 + number, count)
                   for number, count in enumerate(counts)]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
        finally:
            for future in futures:
                future.cancel()
