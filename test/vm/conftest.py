# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine of each kernel for each file, used by all its tests in their order. All begin with the same boot."""

import functools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from scenario import Scenario  # noqa: E402  (the tree's own module)


@pytest.fixture(scope="session")
def booted(tmp_path_factory):
    """Gives, by the kernel, a machine that has come up and was saved, and has no policy."""
    @functools.cache
    def boot(flavour):
        scenario = Scenario(flavour, tmp_path_factory.mktemp(f"booted-{flavour}"))
        try:
            scenario.system.start()
            scenario.system.run("systemctl is-system-running --wait", 120)
            return scenario.system.save()
        finally:
            scenario.system.kill()
    return boot


@pytest.fixture(scope="module", params=["ours", "stock"])
def scenario(request, booted, tmp_path_factory):
    running = Scenario(request.param, tmp_path_factory.mktemp(request.param))
    try:
        running.system.resume(booted(request.param))
        yield running
    finally:
        running.system.kill()
