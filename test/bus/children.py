# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that a test runs on the host, so that ipe-inspect finds them."""

import contextlib
import subprocess


@contextlib.contextmanager
def running(*command, **options):
    """A program that prints "x" once it runs, and is killed at the end of the block; options: of Popen()."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **options)
    try:
        assert process.stdout.read(1) == b"x"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
