# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every way in which a verdict that is kept with a file could be out of date. Each test asks for the file
often enough that its verdict is kept, makes the change, and asks again; a kernel that keeps no verdicts must
answer the same."""

import keys
import pytest
from world import Cycle, World

HELLO = "/bin/hello"
ALLOW, DENY = Cycle.ALLOW, Cycle.DENY
WAYS = ("mmap", "exec", "mprotect")


@pytest.fixture(scope="module", params=["kept", "not kept"])
def machine(request, boot):
    return boot(f"cache-{request.param.replace(' ', '-')}", *(["ipe.cache=0"] if request.param == "not kept" else []))


@pytest.fixture(scope="module")
def on(machine, kit):
    """A world of its own, because no other test may have a trial on this machine."""
    return World(machine, kit).set_up()


@pytest.fixture(scope="module")
def life(machine, kit, on):
    return Cycle(machine, kit)


@pytest.fixture
def cycle(life):
    return life.reset()


@pytest.fixture(autouse=True)
def healthy(machine, on):
    yield
    machine.must("audit")
    assert not machine.trouble(), f"see {machine.log}"


def verdict(world, path, ways=WAYS):
    """The verdict of all ways to execute a file, each tried three times, so that a kept verdict is used."""
    answers = world.machine.batch([(way, path) for way in ways for _ in range(3)])
    found = {answer.name for answer in answers}
    assert len(found) == 1, found
    return found.pop()


def only(condition):
    return f"DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nop=EXECUTE {condition} action=ALLOW\n"


def all_but(condition):
    return f"DEFAULT action=ALLOW\nop=EXECUTE {condition} action=DENY\n"


def test_the_kernel_was_told_to_keep_or_not(machine, request):
    kept = "not" not in request.node.callspec.id
    assert machine.must("get", "/sys/module/ipe/parameters/cache").text == ("Y\n" if kept else "N\n")


# Another policy becomes active


def test_activation(cycle):
    name = cycle.loads("1.0.0", "2.0.0", rules=DENY)
    assert verdict(cycle, cycle.PROBE) == "OK"
    assert cycle.put(name, "active") == "OK"
    assert verdict(cycle, cycle.PROBE) == "EACCES"
    assert cycle.put(name, "update", cycle.blob(name, "3.0.0", ALLOW)) == "OK"
    assert verdict(cycle, cycle.PROBE) == "OK"


@pytest.mark.parametrize("end, after", (("revert", "OK"), ("confirm", "EACCES")))
def test_trial(cycle, end, after):
    name = cycle.loads("1.0.0", rules=DENY)
    assert verdict(cycle, cycle.PROBE) == "OK"
    assert cycle.put(name, "trial", "1000") == "OK"
    assert verdict(cycle, cycle.PROBE) == "EACCES"
    assert cycle.top(end, "1") == "OK"
    assert verdict(cycle, cycle.PROBE) == after


@pytest.mark.parametrize("confirmed, tried, during, after", ((ALLOW, DENY, "EACCES", "OK"), (DENY, ALLOW, "OK", "EACCES")))
def test_trial_that_ends_by_itself(cycle, confirmed, tried, during, after):
    assert cycle.put(cycle.loads("1.0.0", rules=confirmed), "active") == "OK"
    assert cycle.put(cycle.loads("2.0.0", rules=tried), "trial", "1") == "OK"
    assert verdict(cycle, cycle.PROBE, ["mmap"]) == during
    cycle.until(lambda: not cycle.on_trial())
    assert verdict(cycle, cycle.PROBE) == after


def test_rollback(cycle):
    name = cycle.fresh()
    assert cycle.load(cycle.blob(name, "1.0.0", DENY, "0.0.0")) == "OK"
    assert cycle.put(name, "active") == "OK"
    assert cycle.put(name, "update", cycle.blob(name, "2.0.0", ALLOW, "0.0.0")) == "OK"
    assert verdict(cycle, cycle.PROBE) == "OK"
    assert cycle.put(name, "rollback") == "OK"
    assert verdict(cycle, cycle.PROBE) == "EACCES"


def test_shadow_sees_every_verdict(cycle):
    """A kept verdict would not reach the shadow's reports."""
    name = cycle.loads("1.0.0", rules=DENY)
    assert verdict(cycle, cycle.PROBE) == "OK"
    assert cycle.put(name, "shadow", "1") == "OK"
    assert verdict(cycle, cycle.PROBE, ["mmap"]) == "OK"
    assert "shadow denied=3 allowed=0" in cycle.text(name, "stats")
    assert cycle.put(name, "shadow", "0") == "OK"
    assert verdict(cycle, cycle.PROBE, ["mmap"]) == "OK"
    assert "shadow denied=3 allowed=0" in cycle.text(name, "stats")


def test_success_audit_records_every_verdict(cycle):
    assert verdict(cycle, cycle.PROBE) == "OK"
    assert cycle.top("success_audit", "1") == "OK"
    cycle.machine.must("audit")
    assert verdict(cycle, cycle.PROBE, ["mmap"]) == "OK"
    assert cycle.top("success_audit", "0") == "OK"
    assert verdict(cycle, cycle.PROBE, ["mmap"]) == "OK"
    assert len([record for record in cycle.records() if record.type == 1420]) == 3


def test_enforcement(cycle):
    name = cycle.loads("1.0.0", rules=DENY)
    assert cycle.put(name, "active") == "OK"
    for enforce, expected in (("0", "OK"), ("1", "EACCES"), ("0", "OK"), ("1", "EACCES")):
        assert cycle.top("enforce", enforce) == "OK"
        assert verdict(cycle, cycle.PROBE) == expected


def test_every_verdict_is_counted(cycle):
    name = cycle.loads("1.0.0", rules=only("boot_verified=TRUE"))
    assert cycle.put(name, "active") == "OK"
    for _ in range(10):
        assert cycle.machine.errno("mmap", HELLO) == "OK"
    stats = cycle.text(name, "stats")
    assert "op=EXECUTE allowed=10 denied=0" in stats and "rule line=4 matches=10" in stats, stats


# The facts of a volume change


def test_volume_that_is_reloaded(on):
    table = on.kit.reloaded.table(on.machine.disk(3))
    node = on.machine.must("verity", "again", *table, "/reloaded.sig").text
    on.machine.must("mount", node, "/again", "erofs", "ro")
    on.activate(only("dmverity_signature=TRUE"))
    assert verdict(on, "/again/hello") == "OK"
    on.machine.must("verity", "again", *table)
    assert verdict(on, "/again/hello") == "EACCES"
    on.activate(only("dmverity_signature=FALSE"))
    assert verdict(on, "/again/hello") == "OK"
    on.machine.must("verity", "again", *table, "/reloaded.sig")
    assert verdict(on, "/again/hello") == "EACCES"
    on.machine.must("umount", "/again")
    on.machine.must("verity-remove", "again")


def test_another_volume_in_the_place_of_one(on):
    """With the same name, node and inode numbers."""
    names = {"reloaded": on.kit.reloaded, "signed": on.kit.signed}
    on.activate(only(f"dmverity_roothash=sha256:{on.kit.reloaded.root_hash}"))
    for kind, number, expected in (("reloaded", 3, "OK"), ("signed", 2, "EACCES"), ("reloaded", 3, "OK")):
        node = on.machine.must("verity", "place", *names[kind].table(on.machine.disk(number))).text
        on.machine.must("mount", node, "/place", "erofs", "ro")
        assert verdict(on, "/place/hello") == expected, kind
        on.machine.must("umount", "/place")
        on.machine.must("verity-remove", "place")


# The facts of a file change


@pytest.mark.parametrize("rules, before, after", ((only, "EACCES", "OK"), (all_but, "OK", "EACCES")))
@pytest.mark.parametrize("signed", (False, True))
def test_fsverity_that_is_enabled(on, rules, before, after, signed):
    path = f"/ext4/enabled-{rules.__name__}-{signed}"
    on.machine.must("copy", "/ext4/fsv-signed", path)
    digest = keys.fsverity_digest(on.kit.programs["fsv-signed"])
    on.activate(rules("fsverity_signature=TRUE" if signed else f"fsverity_digest=sha256:{digest}"))
    on.machine.must("hold", 4, path, "r")
    assert verdict(on, path) == before
    on.machine.must("fsverity", path, *(["/fsv-signed.sig"] if signed else []))
    assert verdict(on, path) == after
    # Also through what was open before.
    assert [on.machine.errno("hold-mmap", 4) for _ in range(3)] == [after] * 3
    on.machine.must("hold-close", 4)
    on.machine.must("unlink", path)


def test_file_that_replaces_one_with_fsverity(on):
    on.machine.must("copy", "/ext4/fsv-signed", "/ext4/replaced")
    on.machine.must("fsverity", "/ext4/replaced", "/fsv-signed.sig")
    on.activate(only("fsverity_signature=TRUE"))
    assert verdict(on, "/ext4/replaced") == "OK"
    on.machine.must("copy", "/ext4/fsv-signed", "/ext4/new")
    on.machine.must("rename", "/ext4/new", "/ext4/replaced")
    assert verdict(on, "/ext4/replaced") == "EACCES"
    on.machine.must("unlink", "/ext4/replaced")


def test_inode_that_is_used_again(on):
    """ext4 gives the inode number of a deleted file to the next one."""
    on.activate(only("fsverity_signature=TRUE"))
    numbers = set()
    for _ in range(20):
        on.machine.must("copy", "/ext4/fsv-signed", "/ext4/reused")
        on.machine.must("fsverity", "/ext4/reused", "/fsv-signed.sig")
        numbers.add(on.machine.must("inode", "/ext4/reused").text)
        assert verdict(on, "/ext4/reused") == "OK"
        on.machine.must("unlink", "/ext4/reused")
        on.machine.must("copy", "/ext4/fsv-signed", "/ext4/reused")
        numbers.add(on.machine.must("inode", "/ext4/reused").text)
        assert verdict(on, "/ext4/reused") == "EACCES"
        on.machine.must("unlink", "/ext4/reused")
    assert len(numbers) < 40, "no number was used again, so nothing was tested"


def test_copy_up(on):
    on.overlay("overlay-cache", "/signed")
    on.activate(only("dmverity_signature=TRUE"))
    on.machine.must("hold", 5, "/overlay-cache/hello", "r")
    assert verdict(on, "/overlay-cache/hello") == "OK"
    on.machine.must("touch-open", "/overlay-cache/hello")
    assert verdict(on, "/overlay-cache/hello") == "EACCES"
    assert verdict(on, "/signed/hello") == "OK"
    on.machine.must("hold-close", 5)
    on.machine.must("umount", "/overlay-cache")


def test_overlay_and_what_is_below_share_a_verdict(on):
    """The verdict is about the same bytes."""
    on.activate(all_but("dmverity_signature=TRUE"))
    assert verdict(on, "/overlay/hello") == verdict(on, "/signed/hello") == "EACCES"
    on.activate(only("dmverity_signature=TRUE"))
    assert verdict(on, "/signed/hello") == verdict(on, "/overlay/hello") == "OK"


@pytest.mark.parametrize("write", ("touch-open", "truncate-same"))
def test_initramfs_file_that_is_opened_for_writing(on, write):
    path = {"touch-open": "/bin/touched", "truncate-same": "/bin/truncated"}[write]
    on.activate(only("boot_verified=TRUE"))
    assert verdict(on, path) == "OK"
    on.machine.must(write, path)
    assert verdict(on, path) == "EACCES"
    on.activate(only("boot_verified=FALSE"))
    assert verdict(on, path) == "OK"


def test_memory_without_a_file(on):
    for rules, expected in ((only("boot_verified=FALSE"), "OK"), (DENY, "EACCES")):
        on.activate(rules)
        answers = on.machine.batch([(way,) for way in ("anonymous-mmap", "anonymous-mprotect") for _ in range(3)])
        assert {answer.name for answer in answers} == {expected}


def test_other_operations_are_judged_each_time(on):
    """A file that may be executed may still be denied as a module."""
    on.activate("DEFAULT action=ALLOW\nDEFAULT op=KMODULE action=DENY\n")
    assert verdict(on, HELLO) == "OK"
    assert on.machine.errno("insmod", HELLO) == "EACCES"
    assert verdict(on, HELLO) == "OK"
