#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks the examples of a page: 'ipectl lint' must say of each policy exactly what the page says it does.

Usage: check-documented.py IPECTL PAGE

In the page, a block of 'policy' is followed by a block of 'console' with the command and its output.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCKS = re.compile(r"^```(policy|console)\n(.*?)^```$", re.M | re.S)
COMMAND = re.compile(r"\$ ipectl (lint(?: --[a-z]+)*) (\S+)\n")


def main(ipectl, page):
    blocks = BLOCKS.findall(Path(page).read_text(encoding="utf-8"))
    policies, consoles = blocks[::2], blocks[1::2]
    assert policies and len(policies) == len(consoles), "each policy needs its console"
    with tempfile.TemporaryDirectory() as directory:
        for (kind, policy), (other, console) in zip(policies, consoles):
            assert (kind, other) == ("policy", "console"), policy
            command = COMMAND.match(console)
            assert command, console
            (Path(directory) / command.group(2)).write_text(policy, encoding="utf-8")
            said = subprocess.run([ipectl, *command.group(1).split(), command.group(2)], cwd=directory, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout
            assert said == console[command.end():], f"the page says:\n{console}\nthe program says:\n{said}"


main(Path(sys.argv[1]).resolve(), sys.argv[2])
