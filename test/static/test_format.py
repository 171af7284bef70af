# SPDX-License-Identifier: LGPL-2.1-or-later
"""User space is formatted as tools/format does it."""

import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
TOOL = TOP / "tools/format"


@pytest.mark.skipif(not shutil.which("clang-format-14"), reason="the versions of Debian 12 decide, and clang-format-14 is not installed")
def test_the_tree_is_formatted():
    result = subprocess.run([TOOL, "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("words", [["--check", "no/such/file"], ["--no-such-option"], ["/etc/passwd"]])
def test_a_wrong_argument_changes_nothing(words):
    result = subprocess.run([TOOL, *words], capture_output=True, text=True)
    assert result.returncode == 2 and not result.stdout and result.stderr
