# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root with CAP_MAC_ADMIN and every envelope that was ever signed tries to make an older policy active.

All honest policies deny execution; the old versions, signed before a flaw was found in them, allow it. So
the attack has succeeded if the program can be mapped executable.
"""

import os

import pytest
from guest import IPE
from world import FORGET_BAR, Cycle

LONG = bool(os.environ.get("IPE_TEST_LONG"))
ALLOW, DENY = Cycle.ALLOW, Cycle.DENY
# A policy of another signer, who lets the kernel go back to any version of it.
LADDER = "ladder"
OLD, LATER, GOOD = "1.0.0", "1.9.9", "2.0.0"
MAP = f"map:{Cycle.PROBE}"
ROUNDS = {"uml": 400, "kasan": 100, "x86": 50}
LOAD = f"{IPE}/load"

pytestmark = pytest.mark.parametrize("variant", ("uml", "kasan", "x86"), indirect=True)


def old(name, version=OLD):
    return Cycle.blob(name, version, ALLOW)


def good(name, version=GOOD):
    return Cycle.blob(name, version, DENY)


def ladder(version, floor=None):
    return Cycle.blob(LADDER, version, DENY, floor)


class Attack:
    """A machine on which GOOD of a name is confirmed, and the attacks on it."""

    def __init__(self, cycle):
        self.cycle, self.name = cycle, cycle.fresh()
        assert cycle.load(good(self.name)) == "OK"
        assert cycle.put(self.name, "active") == "OK"
        assert cycle.put(cycle.BASE, "delete") == "OK"
        self.check()

    def check(self):
        """An honest policy is active."""
        assert self.cycle.verdict() == "EACCES"

    def tries(self, expected, *command):
        """One write, the errno of which is documented; answers it."""
        found = self.cycle.machine.errno(*command)
        assert found == expected, command[:2]
        self.check()

    def put(self, expected, file, data=b"1", name=None):
        self.tries(expected, "put", self.cycle.node(name or self.name, file), data)

    def load(self, expected, envelope):
        self.tries(expected, "put", f"{IPE}/new_policy", envelope)

    def load_by_path(self, expected, data):
        self.cycle.machine.must("create", "/tmp/old", data)
        self.tries(expected, "put", LOAD, "/tmp/old")

    def step_down(self):
        """Confirms LADDER 0.0.0, which no attacker can, so that only floors are in the way."""
        if LADDER not in self.cycle.loaded():
            self.load("OK", ladder("0.0.0"))
        self.cycle.activate_anyway(LADDER)

    def load_old(self):
        """The old version is loaded where there was none of its name; the attacker is at the foot of LADDER."""
        self.step_down()
        self.put("OK", "delete")
        self.load("OK", old(self.name))


@pytest.fixture
def attack(cycle):
    attack = Attack(cycle)
    yield attack
    attack.check()
    # The next test starts with a policy that allows.
    if cycle.BASE not in cycle.loaded():
        assert cycle.load(cycle.blob(cycle.BASE, "0.0.0")) == "OK"


def test_by_files_of_the_policy_itself(attack):
    for version in (OLD, LATER):
        attack.put("ESTALE", "update", old(attack.name, version))
        attack.put("ESTALE", "stage", old(attack.name, version))
        attack.load("EEXIST", old(attack.name, version))
        attack.load_by_path("ESTALE", old(attack.name, version))
    attack.put("EPERM", "delete")
    attack.put("ENODATA", "rollback")
    attack.put("EALREADY", "trial", "1")
    for file in ("confirm", "revert"):
        attack.tries("ENODATA", "put", f"{IPE}/{file}", "1")
    attack.tries("EACCES", "put", LOAD, "/bin/hello")


def test_by_a_delete_and_a_load(attack):
    other = attack.cycle.fresh()
    attack.load("OK", good(other))
    attack.put("OK", "active", name=other)
    attack.put("OK", "delete")
    attack.load("OK", old(attack.name))
    # The confirmed policy is above, whatever its name.
    attack.put("EINVAL", "active")
    attack.put("EINVAL", "trial", "10")
    attack.put("OK", "stage", old(attack.name, LATER))
    attack.put("EINVAL", "trial", "10")


def test_by_another_name_with_a_lower_version(attack):
    other = attack.cycle.fresh()
    attack.load("OK", old(other, LATER))
    attack.put("EINVAL", "active", name=other)
    attack.put("EINVAL", "trial", "10", name=other)
    attack.put("EPERM", "rollback", name=other)
    # It cannot be given another version by what is signed for another name.
    attack.put("EINVAL", "update", good(attack.name, "9.0.0"), name=other)
    attack.put("EINVAL", "stage", good(attack.name, "9.0.0"), name=other)


def test_by_a_rollback_of_another_name(attack):
    """A name with a low floor goes up and down again; the others stay above what was confirmed meanwhile."""
    cycle, tool = attack.cycle, attack.cycle.fresh()
    debug = cycle.loads("1.0.0")
    attack.load("OK", Cycle.blob(tool, GOOD, DENY))
    attack.put("OK", "active", name=tool)
    attack.put("OK", "update", Cycle.blob(tool, "6.0.1", DENY, "0.0.0"), tool)
    attack.put("EINVAL", "active", name=debug)
    attack.put("OK", "rollback", name=tool)
    for file, data in (("active", "1"), ("trial", "10")):
        attack.put("EINVAL", file, data, debug)
    attack.put("OK", "delete")
    attack.load("OK", old(attack.name))
    attack.put("EINVAL", "active")
    attack.put("OK", "update", old(attack.name, "6.0.0"))
    attack.put("EINVAL", "active")


def test_by_a_rollback_to_what_was_never_confirmed(attack):
    """The attack behind this rule: 1.0.0 is only loaded, to have a version to roll back to."""
    cycle, tool = attack.cycle, attack.cycle.fresh()
    debug = cycle.loads("1.0.0")
    attack.load("OK", Cycle.blob(tool, "1.0.0", DENY))
    attack.put("OK", "update", Cycle.blob(tool, "6.0.1", DENY, "0.0.0"), tool)
    attack.put("OK", "active", name=tool)
    attack.put("EPERM", "rollback", name=tool)
    attack.put("EINVAL", "active", name=debug)
    # Nor by a trial of it first.
    attack.put("EALREADY", "trial", "10", tool)
    attack.put("EPERM", "rollback", name=tool)


def test_below_the_floor(attack):
    attack.load_old()
    attack.put("EPERM", "active")
    attack.put("EPERM", "trial", "10")
    attack.put("EPERM", "rollback")
    attack.put("OK", "update", old(attack.name, LATER))
    attack.put("EPERM", "active")
    attack.put("EPERM", "trial", "10")
    attack.put("EPERM", "rollback")
    attack.put("OK", "shadow")
    attack.put("EPERM", "active")


def test_below_the_floor_as_next(attack):
    attack.load_old()
    attack.put("OK", "stage", old(attack.name, LATER))
    attack.put("EPERM", "trial", "10")
    attack.load_by_path("OK", old(attack.name, LATER))
    attack.put("EPERM", "trial", "10")
    # A version that may become active is on trial, and the attacker tries those behind it.
    attack.put("OK", "stage", good(attack.name))
    attack.put("OK", "trial", "86400")
    attack.put("EPERM", "active")
    attack.put("EBUSY", "rollback")
    attack.put("EBUSY", "update", old(attack.name, LATER))
    attack.put("EBUSY", "stage", old(attack.name, LATER))
    attack.put("EPERM", "delete")
    attack.tries("OK", "put", f"{IPE}/revert", "1")
    attack.put("EPERM", "active")


def test_by_a_rollback(attack):
    attack.load_old()
    attack.put("OK", "update", good(attack.name))
    attack.put("OK", "active")
    attack.put("EPERM", "rollback")
    attack.put("OK", "update", good(attack.name, "3.0.0"))
    # Two times are no way either: only one previous version is kept, and this one may come back no more.
    attack.put("EPERM", "rollback")
    attack.put("OK", "active")


def test_by_a_rollback_after_a_trial(attack):
    attack.load_old()
    attack.put("OK", "stage", good(attack.name))
    attack.put("OK", "trial", "86400")
    attack.tries("OK", "put", f"{IPE}/confirm", "1")
    attack.put("EPERM", "rollback")


def test_by_a_signed_floor_that_is_lower(attack):
    """A floor is not lowered by a later version that names a lower one."""
    attack.load_old()
    attack.put("OK", "update", Cycle.blob(attack.name, "3.0.0", DENY, "0.0.0"))
    attack.put("OK", "active")
    attack.put("EPERM", "rollback")
    attack.step_down()
    attack.put("OK", "delete")
    attack.load("OK", old(attack.name, LATER))
    attack.put("EPERM", "active")


def test_by_a_trial_that_ends_in_between(attack):
    attack.load_old()
    attack.put("OK", "trial", "1", name=attack.cycle.loads("0.0.1", rules=DENY))
    attack.cycle.until(lambda: attack.put("EPERM", "active") or attack.cycle.on_trial() == "")
    attack.put("EPERM", "trial", "1")
    attack.put("OK", "stage", good(attack.name))
    attack.put("OK", "trial", "1")
    attack.cycle.until(lambda: attack.put("EPERM", "active") or attack.cycle.on_trial() == "")
    for file in ("confirm", "revert"):
        attack.tries("ENODATA", "put", f"{IPE}/{file}", "1")
    attack.put("EPERM", "active")
    attack.put("EPERM", "rollback")


def test_by_a_remount_of_securityfs(attack):
    attack.load_old()
    security = "/sys/kernel/security"
    # Files that are open there keep it from being unmounted.
    attack.cycle.machine.must("snapshot-end")
    attack.cycle.machine.must("umount", security)
    attack.check()
    attack.cycle.machine.must("mount", "securityfs", security, "securityfs", "rw")
    attack.cycle.machine.must("mount", "securityfs", "/tmp/security", "securityfs", "rw")
    attack.check()
    attack.put("EPERM", "active")
    attack.put("EPERM", "trial", "10")
    attack.tries("EPERM", "put", f"/tmp/security/ipe/policies/{attack.name}/active", "1")
    attack.tries("EEXIST", "put", "/tmp/security/ipe/new_policy", old(attack.name))
    attack.cycle.machine.must("umount", "/tmp/security")


def test_by_files_held_open(attack):
    machine = attack.cycle.machine
    attack.load_old()
    for slot, file in enumerate(("active", "trial", "rollback", "update")):
        machine.must("hold", slot, attack.cycle.node(attack.name, file), "w")
    attack.put("OK", "delete")
    attack.load("OK", old(attack.name))
    attack.put("OK", "update", old(attack.name, LATER))
    for slot, data in enumerate(("1", "10", "1", old(attack.name, LATER))):
        attack.tries("ENOENT", "hold-write", slot, data)
        machine.must("hold-close", slot)
    attack.put("EPERM", "active")


def test_by_the_switch_and_nothing_else(attack):
    """Enforcement is the one thing that root may switch off, until it is locked: see test_lock.py."""
    attack.cycle.top("enforce", "0")
    assert attack.cycle.verdict() == "OK"
    attack.cycle.top("enforce", "1")


# Two writers at a time, many times


def race(attack, first, second, *after):
    """Each write is (path, bytes); after: writes that start anew. Returns {(errno, errno)}; asserts the verdict."""
    # The long run has the slowest kernel there.
    factor = 1 if not LONG else 4 if attack.cycle.variant == "x86" else 20
    rounds = ROUNDS[attack.cycle.variant] * factor
    words = [word for write in (first, second, *after) for word in write]
    outcomes = set()
    for at in range(0, rounds, 50):
        text = attack.cycle.machine.must("races", min(50, rounds - at), MAP, *words).text
        for line in text.splitlines():
            _, one, other, verdict = line.split()
            assert verdict == "13", f"{first[0]} and {second[0]} answered {one} and {other}, and the old policy decides"
            outcomes.add((int(one), int(other)))
    attack.check()
    return outcomes


OK, ENOENT, EBUSY, EPERM, EINVAL, ENODATA, ESTALE, EALREADY, EEXIST = 0, 2, 16, 1, 22, 61, 116, 114, 17


@pytest.fixture
def racing(attack, variant):
    attack.cycle.variant = variant
    attack.load_old()
    return attack


def at(attack, file, data=b"1", name=None):
    return attack.cycle.node(name or attack.name, file), data


def step_down(attack):
    return (FORGET_BAR, "1"), at(attack, "active", name=LADDER)


def test_race_of_update_and_active(racing):
    found = race(racing, at(racing, "update", good(racing.name)), at(racing, "active"),
                 *step_down(racing), at(racing, "delete"), (f"{IPE}/new_policy", old(racing.name)))
    assert found <= {(OK, OK), (OK, EPERM)}


def test_race_of_update_and_trial(racing):
    found = race(racing, at(racing, "update", good(racing.name)), at(racing, "trial", "86400"),
                 (f"{IPE}/revert", "1"), at(racing, "delete"), (f"{IPE}/new_policy", old(racing.name)))
    assert found <= {(OK, OK), (OK, EPERM)}


def test_race_of_stage_and_trial(racing):
    found = race(racing, at(racing, "stage", good(racing.name)), at(racing, "trial", "86400"),
                 (f"{IPE}/revert", "1"), at(racing, "delete"), (f"{IPE}/new_policy", old(racing.name)))
    assert found <= {(OK, OK), (OK, EPERM)}


def test_race_of_confirm_and_revert(racing):
    racing.put("OK", "stage", good(racing.name))
    racing.put("OK", "trial", "86400")
    found = race(racing, (f"{IPE}/confirm", "1"), (f"{IPE}/revert", "1"),
                 at(racing, "rollback"), at(racing, "active"),
                 *step_down(racing), at(racing, "delete"), (f"{IPE}/new_policy", old(racing.name)),
                 at(racing, "stage", good(racing.name)), at(racing, "trial", "86400"))
    # One of them ends the trial, and the other one finds none.
    assert found <= {(OK, ENODATA), (ENODATA, OK)}


def test_race_of_confirm_and_active(racing):
    racing.put("OK", "stage", good(racing.name))
    racing.put("OK", "trial", "86400")
    found = race(racing, (f"{IPE}/confirm", "1"), at(racing, "active"),
                 *step_down(racing), at(racing, "delete"), (f"{IPE}/new_policy", old(racing.name)),
                 at(racing, "stage", good(racing.name)), at(racing, "trial", "86400"))
    assert found <= {(OK, OK), (OK, EPERM)}


def test_race_of_delete_and_active(racing):
    found = race(racing, at(racing, "delete"), at(racing, "active"), (f"{IPE}/new_policy", old(racing.name)))
    assert found <= {(OK, EPERM), (OK, ENOENT)}


def test_race_of_load_and_active(racing):
    racing.put("OK", "delete")
    found = race(racing, (f"{IPE}/new_policy", old(racing.name)), at(racing, "active"), at(racing, "delete"))
    assert found <= {(OK, EPERM), (OK, ENOENT)}


def test_race_of_rollback_and_update(racing):
    racing.put("OK", "update", good(racing.name))
    racing.put("OK", "active")
    # The later one allows the way back to GOOD, and no further.
    later = Cycle.blob(racing.name, "3.0.0", DENY, GOOD)
    found = race(racing, at(racing, "rollback"), at(racing, "update", later), at(racing, "rollback"),
                 *step_down(racing), at(racing, "delete"), (f"{IPE}/new_policy", old(racing.name)),
                 at(racing, "update", good(racing.name)), at(racing, "active"))
    assert found <= {(EPERM, OK), (OK, OK)}


def test_race_of_two_trials(racing):
    other = racing.cycle.loads("0.0.1", rules=DENY)
    racing.put("OK", "stage", good(racing.name))
    found = race(racing, at(racing, "trial", "86400"), at(racing, "trial", "86400", other), (f"{IPE}/revert", "1"))
    assert found <= {(OK, EBUSY), (EBUSY, OK)}


def test_race_of_two_activations(racing):
    found = race(racing, at(racing, "active"), at(racing, "active", name=LADDER))
    assert found == {(EPERM, OK)}


def test_every_write_at_a_time(racing):
    """Four threads make random writes of the attacker, while a fifth watches for success."""
    name, machine = racing.name, racing.cycle.machine
    files = {"old": old(name), "later": old(name, LATER), "good": good(name), "better": good(name, "3.0.0"),
             "low": ladder("0.0.0")}
    for file, data in files.items():
        machine.must("create", f"/tmp/{file}", data)

    def node(file, of=name):
        return racing.cycle.node(of, file)

    writers = "\n".join([
        *(f"put-file {node(way)} /tmp/{file}" for way in ("update", "stage") for file in ("later", "good", "better")),
        *(f"put-file {IPE}/new_policy /tmp/{file}" for file in ("old", "later", "low")),
        f"put {FORGET_BAR} 1", f"put {LOAD} /tmp/old", f"put {LOAD} /tmp/later",
        *(f"put {node(file, of)} 1" for of in (name, LADDER) for file in ("active", "trial", "rollback", "delete")),
        f"put {IPE}/confirm 1", f"put {IPE}/revert 1", f"put {node('trial')} 86400"])
    machine.must("stress-on", *[writers] * 4, f"mmap {Cycle.PROBE}")
    try:
        for _ in range(60 if LONG else 4):
            machine.must("sleep", 1000)
    finally:
        counts = [tuple(map(int, line.split())) for line in machine.must("stress-off").text.splitlines()]
        racing.cycle.top("revert", "1")
    verdicts = {error: count for thread, _, error, count in counts if thread == 4}
    assert set(verdicts) == {13} and verdicts[13] > 100
    done = {line for thread, line, error, _ in counts if thread < 4 and error == 0}
    # A write that never succeeds may never have been tried: at least so many succeeded.
    assert len(done) >= 12, sorted(done)
