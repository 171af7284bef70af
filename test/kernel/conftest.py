# SPDX-License-Identifier: LGPL-2.1-or-later
"""One machine a kernel variant, shared by the tests; every test fails that leaves a report in the kernel's log."""

import os
from pathlib import Path

import pytest
import qemu
import uml
from qemu_agent import QemuAgent
from world import Cycle, Kit, World

BOOT_POLICY = Path(__file__).with_name("boot.policy")
VARIANTS = {"uml": ["--uml"], "kasan": ["--uml", "--kasan"]}
KUNIT = ("kunit.enable=1", "kunit.filter_glob=ipe-*")


def x86_kernel():
    # The long run has the time for one with every checker.
    return uml.kernel("--debug") if os.environ.get("IPE_TEST_LONG") else qemu.kernel()


def modules(kernel):
    return {"ipe_probe.ko": (kernel / "ipe_probe.ko").read_bytes(),
            "test_module.ko": next(kernel.glob("modules/**/test_module.ko")).read_bytes()}


@pytest.fixture(scope="session")
def kit(tmp_path_factory):
    return Kit(tmp_path_factory.mktemp("kit"))


@pytest.fixture(scope="session", params=VARIANTS)
def variant(request):
    """The kernel that a test runs on: plain, and with KASAN, lockdep and kmemleak; "x86" where a test asks for it."""
    return request.param


@pytest.fixture(scope="session")
def kernel(variant):
    return uml.kernel(*VARIANTS[variant])


@pytest.fixture(scope="session")
def kernel_with_boot_policy(variant):
    return uml.kernel(*VARIANTS[variant], "--boot-policy", BOOT_POLICY)


@pytest.fixture(scope="session")
def machines():
    """All started machines; those that still run are stopped in the end."""
    started = []
    yield started
    for machine in started:
        machine.stop()


@pytest.fixture(scope="session")
def boot(kernel, variant, kit, machines, tmp_path_factory):
    """Boots a machine: boot(name, *command_line)."""
    def start(name, *command_line, kernel=kernel):
        logs = tmp_path_factory.mktemp(f"{variant}-{name}")
        machine = uml.Uml(kernel / "linux", kit.initramfs(f"{variant}-{name}.cpio", modules(kernel)),
                          logs / "console.log", kit.disks(f"{variant}-{name}"), command_line)
        machines.append(machine)
        return machine

    return start


@pytest.fixture(scope="session")
def x86(kit, machines, tmp_path_factory):
    """A machine with two processors, with a kernel to start by kexec and KUnit's results in its log."""
    kernel = x86_kernel()
    files = {"bzImage": (kernel / "bzImage").read_bytes(), **modules(kernel)}
    machine = QemuAgent(kernel / "bzImage", kit.initramfs("x86.cpio", files),
                        tmp_path_factory.mktemp("x86") / "console.log", kit.disks("x86"), KUNIT)
    machines.append(machine)
    return machine


@pytest.fixture(scope="session")
def worlds():
    """Those of the fixtures below, which pytest may ask for more than once."""
    return {}


@pytest.fixture(scope="session")
def world_of_variant(worlds, variant, request, kit):
    if variant not in worlds:
        machine = request.getfixturevalue("x86") if variant == "x86" else request.getfixturevalue("boot")("shared")
        worlds[variant] = World(machine, kit).set_up()
    return worlds[variant]


@pytest.fixture
def world(world_of_variant):
    """The shared machine, with nothing pending in its audit queue."""
    world_of_variant.machine.must("audit")
    yield world_of_variant
    trouble = world_of_variant.machine.trouble()
    assert not trouble, f"see {world_of_variant.machine.log}"


@pytest.fixture(scope="session")
def x86_cycle(kit, machines, tmp_path_factory):
    """A machine with two processors for the life cycle alone, with a kernel to start by kexec."""
    kernel = x86_kernel()
    files = {"bzImage": (kernel / "bzImage").read_bytes(), **modules(kernel)}
    machine = QemuAgent(kernel / "bzImage", kit.initramfs("x86-cycle.cpio", files),
                        tmp_path_factory.mktemp("x86-cycle") / "console.log",
                        # An interrupt while the processor is identified finds 4 levels for a moment, says KASAN.
                        command_line=("no5lvl",))
    machines.append(machine)
    return machine


@pytest.fixture(scope="session")
def cycle_of_variant(worlds, variant, request, kit):
    if ("cycle", variant) not in worlds:
        machine = request.getfixturevalue("x86_cycle") if variant == "x86" else \
            request.getfixturevalue("boot")("cycle")
        worlds["cycle", variant] = Cycle(machine, kit).set_up_alone()
    return worlds["cycle", variant]


@pytest.fixture
def cycle(cycle_of_variant):
    """A machine for the life cycle: its one policy, of version 0.0.0, is confirmed and allows everything."""
    yield cycle_of_variant.reset()
    trouble = cycle_of_variant.machine.trouble()
    assert not trouble, f"see {cycle_of_variant.machine.log}"
