# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each property, TRUE and FALSE and by digest, in each place, by each way to execute something."""

import keys
import pytest
from world import BOOLEANS, DIGESTS

WAYS = ("exec", "mmap", "mmap-shared", "mprotect")
ROOT_HASHES = ("unsigned", "signed")
PLACES = ("initramfs", "initramfs-script", "initramfs-late", "tmpfs", "ext4", "fsverity", "fsverity-signed",
          "verity", "verity-signed", "overlay-verity", "overlay-copied-up", "overlay-initramfs")
DIGEST_PLACES = {"dmverity_roothash": ("verity", "verity-signed"), "fsverity_digest": ("fsverity", "fsverity-signed")}
CONDITIONS = [*(f"{name}={value}" for name in BOOLEANS for value in ("TRUE", "FALSE")),
              *(f"{name}={place}" for name in DIGESTS for place in DIGEST_PLACES[name]),
              "dmverity_signature=TRUE dmverity_roothash=verity-signed",
              "dmverity_signature=FALSE dmverity_roothash=verity",
              "dmverity_signature=TRUE dmverity_roothash=verity",
              "boot_verified=FALSE fsverity_signature=FALSE dmverity_signature=FALSE"]


def is_true(place, term, world):
    name, _, value = term.partition("=")
    if name in DIGESTS:
        return place.facts.get(name) == world.places[value].facts[name]
    return place.facts.get(name, False) == (value == "TRUE")


def in_policy(condition, world):
    """The condition with a digest in the place of a place's name."""
    terms = []
    for term in condition.split():
        name, _, value = term.partition("=")
        terms.append(f"{name}=sha256:{world.places[value].facts[name]}" if name in DIGESTS else term)
    return " ".join(terms)


@pytest.fixture(scope="module")
def verdicts(world_of_variant):
    """verdicts(condition, action): {(place, way): errno} under one rule; one policy for all places."""
    known = {}

    def get(condition, action):
        if (condition, action) not in known:
            world = world_of_variant
            other = "DENY" if action == "ALLOW" else "ALLOW"
            world.activate(f"DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action={other}\n"
                           f"op=EXECUTE {in_policy(condition, world)} action={action}\n")
            asked = [(place, way) for place in PLACES for way in WAYS]
            answers = world.machine.batch([(way, world.places[place].path) for place, way in asked])
            known[condition, action] = {key: answer.name for key, answer in zip(asked, answers)}
        return known[condition, action]

    return get


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("action", ("ALLOW", "DENY"))
def test_property(world, verdicts, condition, place, action):
    matches = all(is_true(world.places[place], term, world) for term in condition.split())
    allowed = matches == (action == "ALLOW")
    expected = {way: "OK" if allowed else "EACCES" for way in WAYS}
    found = verdicts(condition, action)
    assert {way: found[place, way] for way in WAYS} == expected


ANONYMOUS = (("anonymous-mmap",), ("anonymous-mprotect",), ("anonymous-shared-mmap",), ("memfd-exec", "/bin/hello"),
             ("memfd-mmap", "/bin/hello"), ("memfd-mprotect", "/bin/hello"))


@pytest.mark.parametrize("call", ANONYMOUS, ids=lambda call: call[0])
@pytest.mark.parametrize("condition", [f"{name}={value}" for name in BOOLEANS for value in ("TRUE", "FALSE")])
def test_memory_without_a_file_has_no_property(world, condition, call):
    world.activate(f"DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nop=EXECUTE {condition} action=ALLOW\n")
    assert world.machine.errno(*call) == ("OK" if condition.endswith("FALSE") else "EACCES")


@pytest.mark.parametrize("call", ANONYMOUS, ids=lambda call: call[0])
def test_memory_without_a_file_follows_the_default(world, call):
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n")
    assert world.machine.errno(*call) == "EACCES"
    world.activate("DEFAULT action=ALLOW\n")
    assert world.machine.errno(*call) == "OK"


def test_mapping_that_is_not_executable_is_not_asked_about(world):
    world.activate("DEFAULT action=DENY\n")
    assert world.machine.errno("mmap-read", "/ext4/plain") == "OK"
    assert world.machine.errno("mmap", "/ext4/plain") == "EACCES"


WRITES = {"touched": "touch-open", "truncated": "truncate-same"}
BOOT_ONLY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nop=EXECUTE boot_verified=TRUE action=ALLOW\n"


@pytest.mark.parametrize("file, write", WRITES.items())
def test_initramfs_file_that_may_have_been_written_is_not_boot_verified(world, file, write):
    world.activate(BOOT_ONLY)
    assert world.machine.errno("mmap", f"/bin/{file}") == "OK"
    world.machine.must(write, f"/bin/{file}")
    assert [world.machine.errno(way, f"/bin/{file}") for way in WAYS] == ["EACCES"] * len(WAYS)


def test_initramfs_file_that_is_being_written_is_not_boot_verified(world):
    world.activate(BOOT_ONLY)
    assert world.machine.errno("mmap", "/bin/written") == "OK"
    world.machine.must("hold", 1, "/bin/written", "w")
    assert world.machine.errno("mmap", "/bin/written") == "EACCES"
    world.machine.must("hold-close", 1)
    assert world.machine.errno("mmap", "/bin/written") == "EACCES"


def test_initramfs_file_stays_boot_verified_under_another_name(world):
    world.activate(BOOT_ONLY)
    world.machine.must("link", "/bin/moved", "/bin/linked")
    world.machine.must("rename", "/bin/moved", "/bin/renamed")
    world.machine.must("chmod", "/bin/renamed", "0755")
    assert world.machine.errno("exec", "/bin/renamed") == "OK"
    assert world.machine.errno("exec", "/bin/linked") == "OK"


def test_file_that_replaces_one_of_the_initramfs_is_not_boot_verified(world):
    world.activate(BOOT_ONLY)
    world.machine.must("copy", "/bin/hello", "/bin/replacement")
    world.machine.must("rename", "/bin/replacement", "/bin/linked")
    assert world.machine.errno("exec", "/bin/linked") == "EACCES"


def test_fsverity_that_is_enabled_later_counts_at_once(world):
    digest = "fsverity_digest=sha256:" + keys.fsverity_digest(world.kit.programs["late-fsv"])
    world.activate(f"DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nop=EXECUTE {digest} action=ALLOW\n")
    assert world.machine.errno("exec", "/ext4/late-fsv") == "EACCES"
    world.machine.must("fsverity", "/ext4/late-fsv")
    assert world.machine.errno("exec", "/ext4/late-fsv") == "OK"


def test_fsverity_signature_of_an_untrusted_key_is_refused(world):
    world.machine.must("copy", "/ext4/late-fsv", "/ext4/other-fsv")
    assert world.machine.errno("fsverity", "/ext4/other-fsv", "/fsv-other.sig") == "ENOKEY"
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
                   "op=EXECUTE fsverity_signature=TRUE action=ALLOW\n")
    assert world.machine.errno("exec", "/ext4/other-fsv") == "EACCES"


def test_root_hash_signature_of_an_untrusted_key_is_refused(world):
    table = world.kit.unsigned.table(world.machine.disk(1))
    assert world.machine.errno("verity", "untrusted", *table, "/unsigned.other-sig") == "ENOKEY"


def test_volume_that_gets_a_signature_counts_as_signed_from_then_on(world):
    table = world.kit.reloaded.table(world.machine.disk(3))
    node = world.machine.must("verity", "reloaded", *table).text
    world.machine.must("mount", node, "/reloaded", "erofs", "ro")
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
                   "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n")
    assert world.machine.errno("exec", "/reloaded/hello") == "EACCES"
    world.machine.must("verity", "reloaded", *table, "/reloaded.sig")
    assert world.machine.errno("exec", "/reloaded/hello") == "OK"
    world.machine.must("verity", "reloaded", *table)
    assert world.machine.errno("exec", "/reloaded/hello") == "EACCES"


@pytest.fixture(scope="module")
def served(world_of_variant):
    """The path of a program from a mount of the signed volume that another program serves."""
    world = world_of_variant
    world.serve("served", world.kit.signed, world.machine.disk(2), "/signed.sig", world.kit.hello)
    yield "/served/hello"
    world.stop_serving("served")


@pytest.mark.parametrize("condition, matches", (
    ("dmverity_signature=TRUE", False), ("dmverity_signature=FALSE", True),
    ("dmverity_roothash=verity-signed", False), ("dmverity_cmdline=FALSE boot_verified=FALSE", True)))
@pytest.mark.parametrize("action", ("ALLOW", "DENY"))
def test_file_that_a_program_serves_has_no_property_of_the_device(world, served, condition, matches, action):
    """Its mount may name any device; the program need not read from it."""
    other = "DENY" if action == "ALLOW" else "ALLOW"
    world.activate(f"DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action={other}\n"
                   f"op=EXECUTE {in_policy(condition, world)} action={action}\n")
    expected = "OK" if matches == (action == "ALLOW") else "EACCES"
    assert [world.machine.errno(way, served) for way in WAYS] == [expected] * len(WAYS)


SIGNED_ONLY = ("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
               "op=EXECUTE fsverity_signature=TRUE action=ALLOW\n")


def test_signature_whose_fsverity_could_not_be_enabled_does_not_count_later(world):
    """The kernel verifies the signature, and then the disk is full; in the end other bytes are enabled without one."""
    must = world.machine.must
    must("copy", "/ext4/fsv-signed", "/ext4/victim")
    world.activate(SIGNED_ONLY)
    must("hold", 3, "/ext4/victim", "r")
    must("fill", "/ext4/filler")
    try:
        assert world.machine.errno("fsverity", "/ext4/victim", "/fsv-signed.sig") == "ENOSPC"
    finally:
        must("unlink", "/ext4/filler")
    must("copy", "/ext4/plain", "/ext4/victim")
    must("fsverity", "/ext4/victim")
    assert [world.machine.errno(way, "/ext4/victim") for way in WAYS] == ["EACCES"] * len(WAYS)
    must("hold-close", 3)
    must("unlink", "/ext4/victim")


def test_file_that_is_open_across_a_copy_up_is_judged_by_no_other_bytes(world):
    """Over overlayfs a mapping of it has the bytes from before; the file that has its name now is another one."""
    must = world.machine.must
    for directory in ("old-lower", "old-upper", "old-work"):
        must("mkdir", f"/ext4/{directory}")
    must("copy", "/ext4/plain", "/ext4/old-lower/file")
    must("mount", "overlay", "/overlay-old", "overlay", "rw",
         "lowerdir=/ext4/old-lower,upperdir=/ext4/old-upper,workdir=/ext4/old-work")
    must("hold", 3, "/overlay-old/file", "r")
    must("copy", "/ext4/fsv-signed", "/overlay-old/file")
    must("fsverity", "/ext4/old-upper/file", "/fsv-signed.sig")
    world.activate(SIGNED_ONLY)
    assert world.machine.errno("mmap", "/overlay-old/file") == "OK"
    assert world.machine.errno("hold-mmap", 3) == "EACCES"
    must("hold-close", 3)
