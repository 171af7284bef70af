# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real ipectld on a private bus; see machine.py."""

import os

import pytest

from automatic_trials import POLICY, VITAL
from kernel_files import Gate, KernelFiles
from machine import Machine, signed
from programs import BUILD, DAEMON
from service_manager import ServiceManager


@pytest.fixture
def bare():
    """A machine with a bus, and nothing on it yet."""
    if not DAEMON.exists():
        pytest.exit(f"{BUILD} has no ipectld: set IPE_BUILD_DIR, or run tools/check", returncode=1)
    machine = Machine()
    yield machine
    machine.close()


@pytest.fixture
def kernel_files(bare):
    """The files of a kernel with our LSM, on that machine and by its name `kernel`."""
    bare.kernel = KernelFiles(bare.directory / "kernel")
    bare.binds = bare.kernel.binds()
    yield bare.kernel
    bare.kernel.close()


@pytest.fixture
def machine(bare):
    """A machine with ipectld."""
    bare.start_daemon()
    return bare


@pytest.fixture(scope="module")
def kept():
    """A machine with ipectld and corp-base 1.0.0, for all tests of a file that leave it as it is."""
    machine = Machine()
    machine.start_daemon()
    machine.stage(signed())
    yield machine
    machine.close()


@pytest.fixture
def mocked(machine):
    """A machine with ipectld and a mock of polkit, which allows nothing."""
    machine.start_mock_polkit()
    return machine


@pytest.fixture
def two_versions(bare, kernel_files):
    """corp-base 1.0.0 is confirmed, 2.0.0 is staged, on disk and in the kernel's files; ipectld does not run.

    one, two: the signed policies."""
    bare.one, bare.two = signed(version="1.0.0"), signed(version="2.0.0")
    kernel_files.put_policy(POLICY, ("1.0.0", bare.one), active=True)
    bare.start_daemon()
    bare.stage(bare.one)
    bare.stage(bare.two)
    assert kernel_files.read(f"policies/{POLICY}/stage") == bare.two
    bare.stop_daemon()
    bare.set_states({"1.0.0": "confirmed"})
    kernel_files.put_policy(POLICY, ("1.0.0", bare.one), ("2.0.0", bare.two), active=True)
    return bare


@pytest.fixture
def automatic(two_versions):
    """two_versions with a service manager, so that a trial can confirm itself; see automatic_trials.py."""
    two_versions.services = ServiceManager(two_versions.address)
    devices = two_versions.directory / "devices"
    devices.mkdir()
    device = os.stat(VITAL).st_dev
    (devices / f"{os.major(device)}:{os.minor(device)}").symlink_to("../../devices/virtual/block/vda9")
    two_versions.binds += ["--bind", devices, "/sys/dev/block"]
    # A kernel ends a trial at once; files that went on to show it would have the daemon take it up again.
    kernel = two_versions.kernel
    with Gate(kernel.path("confirm"), lambda: kernel.end_trial(POLICY), lambda _: kernel.read("revert") == b"1", may_stay_shut=True):
        yield two_versions
    two_versions.services.close()


@pytest.fixture
def manual(two_versions):
    """two_versions with ipectld, which confirms nothing by itself; see manual_trials.py."""
    two_versions.kernel.keep_quiet(two_versions)
    two_versions.configure("Confirm=manual", "PreflightSec=1")
    two_versions.start_daemon()
    yield two_versions
    two_versions.mend_disk()


@pytest.fixture
def without_shadow(bare, kernel_files):
    """The kernel's files with nothing active, and ipectld, whose preflights watch in no shadow; see preflights.py."""
    kernel_files.keep_quiet(bare)
    bare.configure("Confirm=manual", "PreflightSec=0")
    bare.start_daemon()
    return bare
