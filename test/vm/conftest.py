# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine for each kernel, booted once and used by all tests in the order of the files."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from scenario import Scenario  # noqa: E402  (the tree's own module)


@pytest.fixture(scope="module", params=["ours", "stock"])
def scenario(request, tmp_path_factory):
    running = Scenario(request.param, tmp_path_factory.mktemp(request.param))
    running.system.start()
    yield running
    running.system.kill()
