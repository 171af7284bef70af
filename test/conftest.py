# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes test/lib importable for every test directory, and leaves what takes long to tools/check --long."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long; only tools/check --long runs it (IPE_TEST_LONG=1)")
    config.addinivalue_line("markers", "long_on(kernel): the same on one of the kernels, as it runs on the other one")


def is_long(item):
    marks = item.iter_markers("long_on")
    return item.get_closest_marker("long") or any(mark.args[0] in item.callspec.params.values() for mark in marks)


def pytest_collection_modifyitems(config, items):
    if os.environ.get("IPE_TEST_LONG"):
        return
    late = [item for item in items if is_long(item)]
    config.hook.pytest_deselected(items=late)
    items[:] = [item for item in items if item not in late]
