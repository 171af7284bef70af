# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attackers who are root and have no key try to run bytes that nobody has verified, on our kernel and on upstream's.

The attacks are in attacks/; each returns how it ended: "exit 66" is the program that nobody has verified, "exit 42" the
one that it poses as, "loaded" a module or a policy, and the rest is an errno or a signal. OUTCOMES says what must be;
docs/security.md repeats it, which is tested too.
"""

import re

import pytest
import uml
from attacker import Arsenal, Attacker
from attacks import ATTACKS
from attacks.dm_verity import verity_table
from attacks.rules import DMVERITY
from conftest import modules
from guest import TOP
from world import World

# {attack: (how it ends on upstream's kernel, on ours)}; where several refusals are right, all of them.
OUTCOMES = {
    # Over overlayfs
    "overlay-old-descriptor": ("exit 66", "EACCES"),
    "overlay-old-descriptor-metacopy": ("exit 66", "EACCES"),
    "overlay-old-descriptor-redirected": ("exit 66", "EACCES"),
    "overlay-old-descriptor-nested": ("exit 66", "EACCES"),
    "overlay-old-mapping": ("EACCES", "EACCES"),
    "overlay-old-mapping-metacopy": ("EACCES", "EACCES"),
    "overlay-exec-stalls-at-open": ("exit 66", "EACCES signal 9 signal 11"),
    "overlay-exec-stalls-at-open-metacopy": ("exit 66", "EACCES signal 9 signal 11"),
    "overlay-interpreter-stalls-at-open": ("exit 66", "EACCES signal 9 signal 11"),
    "overlay-program-headers": ("exit 66", "EACCES signal 9 signal 11"),
    "overlay-headers-of-another-file": ("exit 66", "EACCES"),
    "overlay-module": ("loaded", "EACCES"),
    "overlay-module-restored": ("loaded", "EACCES"),
    "overlay-firmware": ("evil", "EACCES ENOENT"),
    "overlay-firmware-partial": ("evil", "EACCES ENOENT"),
    "overlay-kexec-image": ("OK", "EACCES"),
    "overlay-kexec-initramfs": ("OK", "EACCES"),
    "overlay-certificate": ("OK", "EACCES"),
    "overlay-policy": ("ENOENT", "EACCES"),
    # fs-verity
    "fsverity-page-from-another-disk": ("exit 66", "EACCES EIO ENOEXEC signal 7"),
    "fsverity-first-bytes-from-another-disk": ("exit 66", "exit 42"),
    "fsverity-interpreter-from-another-disk": ("exit 66", "exit 42"),
    "fsverity-headers-from-another-disk": ("exit 66", "EACCES EIO"),
    "fsverity-policy-from-another-disk": ("ENOENT", "EACCES EIO"),
    "fsverity-pinned-page": ("exit 66", "exit 42 EACCES EIO signal 7"),
    "fsverity-pinned-page-of-judged-file": ("exit 66", "exit 42 EACCES EIO signal 7"),
    "fsverity-pinned-buffer": ("EFAULT EOPNOTSUPP", "EFAULT EOPNOTSUPP"),
    "fsverity-spliced-page": ("exit 42", "exit 42"),
    "fsverity-writer-stalls": ("ETXTBSY", "ETXTBSY"),
    "fsverity-failed-before": ("EACCES", "EACCES"),
    "fsverity-many-readers": ("exit 42", "exit 42"),
    "fsverity-own-key": ("exit 66", "exit 66"),
    # dm-verity
    "dm-table-under-mount": ("exit 66", "EACCES"),
    "dm-table-over-cached-device": ("exit 66", "exit 42"),
    "dm-root-hash-under-mount": ("exit 66", "EACCES"),
    "dm-root-hash-over-cached-device": ("exit 66", "exit 42"),
    "dm-check-at-most-once": ("exit 66", "exit 66"),
    "dm-write": ("exit 42", "exit 42"),
    "dm-write-below": ("EIO EUCLEAN", "EIO EUCLEAN"),
    "dm-error-target": ("exit 66", "exit 66"),
    "dm-ignore-corruption": ("exit 66", "exit 66"),
    "dm-second-device": ("exit 66", "EACCES"),
    # Memory
    "memory-written": ("exit 66", "EACCES"),
    "memory-read-into": ("exit 66", "EACCES"),
    "memory-io-uring": ("exit 66", "EACCES"),
    "memory-io-uring-executable": ("EFAULT", "EFAULT"),
    "memory-process-vm-writev": ("exit 66", "EACCES"),
    "memory-proc-self-mem": ("exit 66", "EACCES"),
    "memory-ptrace": ("exit 66", "EACCES"),
    "memory-mapped-rwx": ("exit 66", "EACCES"),
    "memory-executable-made-writable": ("exit 66", "EACCES"),
    "memory-anonymous": ("EACCES", "EACCES"),
    "memory-anonymous-shared": ("EACCES", "EACCES"),
    "memory-userfaultfd": ("EACCES", "EACCES"),
    "memory-userfaultfd-executable": ("exit 66", "exit 66"),
    "memory-memfd": ("EACCES", "EACCES"),
    "memory-memfd-protected": ("EACCES", "EACCES"),
    "memory-memfd-sealed": ("EACCES", "EACCES"),
    "memory-memfd-executed": ("EACCES", "EACCES"),
    "memory-io-uring-rings": ("EACCES", "EACCES"),
    "memory-read-implies-exec": ("EACCES", "EACCES"),
    "memory-read-implies-exec-mprotect": ("EACCES", "EACCES"),
    "memory-remap-file-pages": ("EACCES", "EACCES"),
    "memory-brk": ("exit 66", "exit 66"),
    "memory-text-poked": ("exit 66", "exit 66"),
    "memory-text-traced": ("exit 66", "exit 66"),
    "memory-initramfs-file-written": ("exit 66", "exit 66"),
    # Headers of a verified program
    "elf-executable-stack": ("exit 66", "EACCES"),
    "elf-odd-class": ("exit 66", "EACCES"),
    "elf-executable-bss": ("exit 66", "EACCES"),
    "elf-interpreter-with-executable-stack": ("exit 66", "EACCES signal 9 signal 11"),
    "elf-interpreter-with-executable-bss": ("exit 66", "EACCES signal 9 signal 11"),
    "elf-interpreter-of-zeros": ("signal 11", "EACCES"),
    # Files that the kernel reads, and programs that it starts
    "kernel-module-from-buffer": ("EACCES", "EACCES"),
    "kernel-unknown-file": ("OK", "EACCES"),
    "kernel-unknown-data": ("OK", "EACCES"),
    "kernel-firmware-written-meanwhile": ("ETXTBSY", "ETXTBSY"),
    "binfmt-misc-opened-before": ("EACCES", "EACCES"),
    "binfmt-misc": ("EACCES", "EACCES"),
    "script-interpreter": ("EACCES", "EACCES"),
}
# Ends of an attack that has reached its aim.
REACHED = {"exit 66", "loaded", "evil", "OK"}


@pytest.fixture(scope="session")
def arsenal(kit, tmp_path_factory):
    return Arsenal(kit, tmp_path_factory.mktemp("arsenal"))


@pytest.fixture(scope="session")
def attacker_on(kit, arsenal, machines, tmp_path_factory):
    """attacker_on(kernel): an Attacker on a machine of its own."""
    def start(kernel):
        directory = tmp_path_factory.mktemp("attacks")
        name = directory.name
        files = {**arsenal.files, **modules(kernel)}
        assert len(files["test_module.ko"]) <= arsenal.MODULE
        files["evil.ko"] = files["test_module.ko"].ljust(arsenal.MODULE, b"\0")
        image = kit.initramfs(f"{name}.cpio", files)
        machine = uml.Uml(kernel / "linux", image, directory / "console.log", kit.disks(name),
                          # Without it, the root file system has a device to come, and the initramfs is no tmpfs.
                          ("root=",), memory="384M")
        machines.append(machine)
        world = World(machine, kit).set_up()
        for path in ("/images", "/goods"):
            machine.call("mkdir", path)
        device = machine.must("loop", "/images/goods.img").text
        world.volume("goods", arsenal.volume, device, "/images/goods.sig")
        machine.must("copy", "/evil.ko", "/ext4/evil.ko")
        return Attacker(world, arsenal)

    return start


@pytest.fixture(scope="session")
def attackers():
    return {}


@pytest.fixture
def ours(attackers, attacker_on, variant, kernel):
    if variant not in attackers:
        attackers[variant] = attacker_on(kernel)
    yield attackers[variant]
    trouble = attackers[variant].machine.trouble()
    assert not trouble, f"see {attackers[variant].machine.log}"


@pytest.fixture(scope="session")
def upstream(attacker_on):
    return attacker_on(uml.kernel("--uml", "--upstream"))


def outcome(attacker, name):
    """Carries an attack out, and tidies up; returns how it ended."""
    try:
        return ATTACKS[name](attacker)
    finally:
        for verb in ("stall-off", "stall-unmark", "audit"):
            attacker.call(verb)
        attacker.call("end", 5000)


def assert_is_one_of(result, expected):
    assert re.fullmatch("|".join(re.findall(r"(?:exit|signal) \d+|\S+", expected)), result), \
        f"ended with {result!r}, and not with {expected!r}"


@pytest.mark.parametrize("name", OUTCOMES)
def test_attack(ours, name):
    assert_is_one_of(outcome(ours, name), OUTCOMES[name][1])


@pytest.mark.parametrize("name", OUTCOMES)
def test_attack_on_upstream(upstream, name):
    assert_is_one_of(outcome(upstream, name), OUTCOMES[name][0])


def test_volume_of_one_device_keeps_its_property(ours):
    """The protection against these attacks takes nothing from ext4 on dm-verity."""
    node = verity_table(ours, "on-ext4", ours.arsenal.on_ext4, ours.loop("/images/on-ext4.img"), "on-ext4")
    ours.must("mount", node, "/on-ext4", "ext4", "ro")
    ours.world.activate(DMVERITY)
    assert ours.call("exec", "/on-ext4/hello") == ours.call("exec", "/goods/hello") == "exit 42"


def word_for(expected):
    return "succeeds" if expected in REACHED else "-" if expected == "ENOENT" else "stopped"


PAGE = (TOP / "docs/security.md").read_text()


def test_security_page_says_what_was_seen():
    """Each attack is a line of its table, with how it ends on both kernels."""
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (\S+) \| (\S+) \|$", PAGE, re.M)
    seen = {name: tuple(map(word_for, both)) for name, both in OUTCOMES.items()}
    assert len(rows) == len(seen)
    assert {name: (theirs, own) for name, theirs, own in rows} == seen


def test_each_attack_that_succeeds_is_among_the_limits():
    limits = PAGE.partition("## Limits")[2].partition("\n## ")[0]
    working = [name for name, (_, own) in OUTCOMES.items() if word_for(own) == "succeeds"]
    assert working and all(f"`{name}`" in limits for name in working)


def test_security_page_names_tests_that_are_there():
    sources = "".join(path.read_text() for path in (TOP / "test").rglob("test_*.py"))
    names = set(re.findall(r"`(test_[a-z_]+)", PAGE))
    assert len(names) > 10
    assert {name for name in names if f"def {name}(" not in sources} == set()
    for name in re.findall(r"`test_attack\[uml-([a-z-]+)\]`", PAGE):
        assert name in OUTCOMES
