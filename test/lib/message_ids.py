# SPDX-License-Identifier: LGPL-2.1-or-later
"""The MESSAGE_ID of each kind of journal entry, read from the header that the programs are compiled with."""

import functools
import re
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "src"
DEFINITION = re.compile(r'^#define MESSAGE_(\w+) "([0-9a-f]{32})"$', re.M)


@functools.cache
def message_ids():
    """{name without MESSAGE_: ID}, from whichever header has MESSAGE_STAGED."""
    found = [dict(DEFINITION.findall(path.read_text())) for path in SOURCES.rglob("*.h")]
    ids, = [names for names in found if "STAGED" in names]
    return ids


def message_id(name):
    return message_ids()[name]
