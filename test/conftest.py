# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes test/lib importable for every test directory."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
