# SPDX-License-Identifier: LGPL-2.1-or-later
"""One machine a kernel variant, shared by the tests; every test fails that leaves a report in the kernel's log."""

import os
from pathlib import Path

import pytest
import uml
from world import Kit, World

# For work on the tests themselves: a kernel with upstream's IPE, which fails where ours is stricter.
UPSTREAM = ["--upstream"] if os.environ.get("IPE_TEST_UPSTREAM") else []
BOOT_POLICY = Path(__file__).with_name("boot.policy")
VARIANTS = {"uml": ["--uml"], "kasan": ["--uml", "--kasan"]}


@pytest.fixture(scope="session")
def kit(tmp_path_factory):
    return Kit(tmp_path_factory.mktemp("kit"))


@pytest.fixture(scope="session", params=VARIANTS)
def variant(request):
    """The kernel that a test runs on: plain, and with KASAN, lockdep and kmemleak."""
    return request.param


@pytest.fixture(scope="session")
def kernel(variant):
    return uml.kernel(*VARIANTS[variant], *UPSTREAM)


@pytest.fixture(scope="session")
def kernel_with_boot_policy(variant):
    return uml.kernel(*VARIANTS[variant], *UPSTREAM, "--boot-policy", BOOT_POLICY)


@pytest.fixture(scope="session")
def boot(kernel, variant, kit, tmp_path_factory):
    """Boots a machine: boot(name, *command_line); what is still running is stopped in the end."""
    machines = []

    def start(name, *command_line, kernel=kernel):
        logs = tmp_path_factory.mktemp(f"{variant}-{name}")
        modules = {"ipe_probe.ko": (kernel / "ipe_probe.ko").read_bytes(),
                   "test_module.ko": next(kernel.glob("modules/**/test_module.ko")).read_bytes()}
        machine = uml.Uml(kernel / "linux", kit.initramfs(f"{variant}-{name}.cpio", modules), logs / "console.log",
                          kit.disks(f"{variant}-{name}"), command_line)
        machines.append(machine)
        return machine

    yield start
    for machine in machines:
        machine.stop()


@pytest.fixture(scope="session")
def world_of_variant(boot, kit):
    return World(boot("shared"), kit).set_up()


@pytest.fixture
def world(world_of_variant):
    """The shared machine, with nothing pending in its audit queue."""
    world_of_variant.machine.must("audit")
    yield world_of_variant
    trouble = world_of_variant.machine.trouble()
    assert not trouble, f"see {world_of_variant.machine.log}"
