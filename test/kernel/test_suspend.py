# SPDX-License-Identifier: LGPL-2.1-or-later
"""The time of a trial goes on while the machine is suspended."""

import pytest
from conftest import modules, x86_kernel
from qemu_agent import QemuAgent
from world import Cycle

ALARM = "/sys/class/rtc/rtc0/wakealarm"
ASLEEP_SEC = 10


@pytest.fixture
def cycle(kit, machines, tmp_path):
    """A machine for one test: qemu's wakes up at once the second time."""
    kernel = x86_kernel()
    machine = QemuAgent(kernel / "bzImage", kit.initramfs("suspend.cpio", modules(kernel)), tmp_path / "console.log",
                        # As for the machine of the other tests: a processor is identified on resume too.
                        command_line=("no5lvl",))
    machines.append(machine)
    yield Cycle(machine, kit).set_up_alone().reset()
    assert not machine.trouble()
    machine.stop()


def clocks(machine):
    """Milliseconds: of the clock that stands still while the machine is suspended, and of the one that goes on."""
    return tuple(map(int, machine.must("clocks").text.split()))


def suspend(machine):
    """Suspends to memory until an alarm; returns how far each clock went meanwhile."""
    before = clocks(machine)
    machine.must("put", ALARM, f"+{ASLEEP_SEC}")
    machine.must("put", "/sys/power/state", "mem")
    monotonic, boottime = (after - at for at, after in zip(before, clocks(machine)))
    # Else the two would be the same, and tell nothing; what is missing is the way down and up.
    assert boottime - monotonic > ASLEEP_SEC * 300
    return monotonic, boottime


def test_time_asleep_is_time_of_the_trial(cycle):
    name = cycle.loads("1.0.0", rules=Cycle.DENY)
    assert cycle.put(name, "trial", "1000") == "OK"
    before = int(cycle.text(name, "trial"))
    _, passed = suspend(cycle.machine)
    assert int(cycle.text(name, "trial")) <= before - passed // 1000
    assert cycle.verdict() == "EACCES"
    assert cycle.top("revert", "1") == "OK"


def test_trial_is_over_when_the_machine_comes_back(cycle):
    name = cycle.loads("1.0.0", rules=Cycle.DENY)
    began, _ = clocks(cycle.machine)
    assert cycle.put(name, "trial", str(ASLEEP_SEC)) == "OK"
    suspend(cycle.machine)
    cycle.until(lambda: cycle.verdict() == "OK")
    ended, _ = clocks(cycle.machine)
    assert cycle.on_trial() == ""
    # By the clock that stood still it would not be.
    assert ended - began < ASLEEP_SEC * 1000
