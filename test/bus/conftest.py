# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real ipectld on a private bus; see machine.py."""

import pytest

import machine as machines
from kernel_files import KernelFiles


@pytest.fixture
def bare():
    """A machine with a bus, and nothing on it yet."""
    if not machines.DAEMON.exists():
        pytest.exit(f"{machines.BUILD} has no ipectld: set IPE_BUILD_DIR, or run tools/check", returncode=1)
    machine = machines.Machine()
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
    machine = machines.Machine()
    machine.start_daemon()
    machine.stage(machines.signed())
    yield machine
    machine.close()


@pytest.fixture
def mocked(machine):
    """A machine with ipectld and a mock of polkit, which allows nothing."""
    machine.start_mock_polkit()
    return machine
