# SPDX-License-Identifier: LGPL-2.1-or-later
"""The operations that start another kernel, by the system calls that user space has; User-mode Linux has none."""

import cpio
import pytest
from conftest import modules, x86_kernel
from guest import IPE
from qemu_agent import QemuAgent
from world import Cycle, World

pytestmark = pytest.mark.parametrize("variant", ["x86"], indirect=True)
ALLOW = "DEFAULT action=ALLOW\n"


def records(world):
    return [(record.fields["ipe_op"], record.fields["ipe_hook"], record.string("path"))
            for record in world.records() if record.type == 1420]


@pytest.fixture
def machine(world):
    world.activate(ALLOW)
    if world.machine.errno("mode", "/tmp/bzImage") != "OK":
        world.machine.must("copy", "/bzImage", "/tmp/bzImage")
    return world.machine


def test_kernel_by_where_it_comes_from(world, machine):
    assert machine.errno("kexec", "/tmp/bzImage", "/certificate") == "OK"
    world.activate(ALLOW + "DEFAULT op=KEXEC_IMAGE action=DENY\nop=KEXEC_IMAGE boot_verified=TRUE action=ALLOW\n")
    machine.must("audit")
    assert machine.errno("kexec", "/bzImage", "/tmp/hello") == "OK"
    assert machine.errno("kexec", "/tmp/bzImage", "/certificate") == "EACCES"
    assert records(world) == [("KEXEC_IMAGE", "KERNEL_READ", "/tmp/bzImage")]


def test_initramfs_by_where_it_comes_from(world, machine):
    world.activate(ALLOW + "DEFAULT op=KEXEC_INITRAMFS action=DENY\n"
                   "op=KEXEC_INITRAMFS boot_verified=TRUE action=ALLOW\n")
    machine.must("audit")
    assert machine.errno("kexec", "/tmp/bzImage", "/certificate") == "OK"
    assert machine.errno("kexec", "/bzImage", "/tmp/hello") == "EACCES"
    assert records(world) == [("KEXEC_INITRAMFS", "KERNEL_READ", "/tmp/hello")]


def test_kernel_that_user_space_has_read(world, machine):
    assert machine.errno("kexec-data") == "OK"
    world.activate(ALLOW + "DEFAULT op=KEXEC_IMAGE action=DENY\nop=KEXEC_IMAGE boot_verified=TRUE action=ALLOW\n")
    machine.must("audit")
    assert machine.errno("kexec-data") == "EACCES"
    assert records(world) == [("KEXEC_IMAGE", "KERNEL_LOAD", "?")]
    world.activate("DEFAULT action=DENY\nop=KEXEC_IMAGE boot_verified=FALSE action=ALLOW\n")
    assert machine.errno("kexec-data") == "OK"


@pytest.mark.parametrize("word", ("mode", "policy"))
def test_kernel_after_a_lock(variant, kit, machines, tmp_path, word):
    """The system calls themselves; test_lock.py asks the hooks on every kernel."""
    kernel = x86_kernel()
    files = {"bzImage": (kernel / "bzImage").read_bytes(), **modules(kernel)}
    machine = QemuAgent(kernel / "bzImage", kit.initramfs("kexec-lock.cpio", files), tmp_path / "console.log",
                        command_line=("no5lvl",))
    machines.append(machine)
    cycle = Cycle(machine, kit).set_up_alone().reset()
    assert machine.errno("kexec", "/bzImage", "/certificate") == "OK" and machine.errno("kexec-data") == "OK"
    machine.must("put", f"{IPE}/enforce", "0")
    assert cycle.top("lock", word) == "OK"
    machine.must("audit")
    assert machine.errno("kexec", "/bzImage", "/certificate") == "EPERM" and machine.errno("kexec-data") == "EPERM"
    assert [record.fields["lock"] for record in cycle.records() if record.type == 1421] == ["kexec", "kexec"]
    assert not machine.trouble()
    machine.stop()


def test_command_line_of_root_is_not_believed(variant, kit, machines, tmp_path):
    """A verified kernel and initramfs, started by kexec with the parameters that would switch the policy off."""
    kernel = x86_kernel()
    second = cpio.archive({"init": kit.agent, **kit.files})
    files = {"bzImage": (kernel / "bzImage").read_bytes(), "second.cpio": second}
    believed = ["ipe.enforce=0", "ipe.success_audit=1", f"roothash={kit.unsigned.root_hash}"]
    machine = QemuAgent(kernel / "bzImage", kit.initramfs("kexec-go.cpio", files), tmp_path / "console.log",
                        kit.disks("kexec-go"), ("no5lvl", *believed))
    machines.append(machine)

    def what_counts():
        must = machine.must
        must("audit-start")
        node = must("verity", "unsigned", *kit.unsigned.table(machine.disk(1))).text
        must("mount", node, "/unsigned", "erofs", "ro")
        must("copy", "/bin/hello", "/tmp/hello")
        World(machine, kit).activate(ALLOW + "DEFAULT op=EXECUTE action=DENY\n"
                                     "op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n")
        enforce = must("get", f"{IPE}/enforce").text
        success_audit = must("get", f"{IPE}/success_audit").text
        must("put", f"{IPE}/enforce", "1")
        return enforce, success_audit, machine.errno("exec", "/unsigned/hello"), machine.errno("mmap", "/tmp/hello")

    assert what_counts() == ("0", "1", "OK", "EACCES")
    machine.must("put", f"{IPE}/enforce", "0")
    command_line = " ".join(["console=ttyS0", "agent=/dev/hvc0", "panic=-1", "no5lvl", *believed])
    machine.must("kexec-go", "/bzImage", "/second.cpio", command_line)
    machine.wait_for_restart(120)
    assert believed[0] in machine.must("get", "/proc/cmdline").text
    assert what_counts() == ("1", "0", "EACCES", "EACCES")
    machine.stop()
