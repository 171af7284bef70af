# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes test/lib importable for every test directory, and leaves what takes long to tools/check --long."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long; only tools/check --long runs it (IPE_TEST_LONG=1)")


def pytest_collection_modifyitems(config, items):
    if os.environ.get("IPE_TEST_LONG"):
        return
    late = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=late)
    items[:] = [item for item in items if item not in late]
