# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the pages say about building an image by hand."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def commands():
    """Those of docs/boot.md, without comments: into the folder, the keys, an image of each profile."""
    block = re.search(r"^    cd test/image\n(?:    .+\n)+", (TOP / "docs/boot.md").read_text(), re.M).group()
    return [line.partition("#")[0].strip() for line in block.splitlines()]


def short_commands():
    """Those of docs/operating.md, which stand in a sentence."""
    section = re.search(r"^## Images\n(.*?)(?:^## |\Z)", (TOP / "docs/operating.md").read_text(), re.M | re.S).group(1)
    return re.findall(r"`(mkosi [^`]+)`", section.replace("\n", " "))
