# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs that are tested, and the build directory that has them: IPE_BUILD_DIR, or that of tools/check."""

import os
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("IPE_BUILD_DIR", "build/check-asan")

DAEMON = BUILD / "src/ipectld/ipectld"
GENERATOR = BUILD / "src/ipe-generator/ipe-generator"
HEALTH = BUILD / "src/ipe-health/ipe-health"
INSPECT = BUILD / "src/ipe-inspect/ipe-inspect"
IPECTL = BUILD / "src/ipectl/ipectl"
LOAD = BUILD / "src/ipe-load/ipe-load"
OPEN = BUILD / "src/ipe-open/ipe-open"
VOLUME_CHECK = BUILD / "src/ipe-volume-check/ipe-volume-check"
