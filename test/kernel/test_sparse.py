# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sparse checks the LSM: address spaces, RCU and lock balance, which the compiler does not check."""

import subprocess

from guest import TOP


def test_sparse():
    result = subprocess.run([TOP / "tools/kernel", "--uml", "--sparse"], capture_output=True, text=True, check=True)
    assert "built the uml kernel" in result.stderr
    assert "warning:" not in result.stderr and "error:" not in result.stderr, result.stderr
