# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers that a test gives in place of ipe-inspect; see Inspector in stand_ins.py."""

import json

# A file, and a volume: the members that the daemon expects.
FILE = {"path": "/x", "operation": "EXECUTE", "processes": "", "note": "", "initramfs": False, "fsverity": "",
        "fsverity_signed": False}
USR = {"name": "usr", "device": [254, 1], "root_hash": f"sha256:{'01' * 32}", "signed": False, "cmdline": False}


def inspection(*files, volumes=(), **more):
    return json.dumps({"volumes": volumes, "files": files, **more}).encode()


def facts(machine, *files, volumes=(), **more):
    """Makes ipe-inspect find exactly these."""
    machine.inspector.answer = inspection(*files, volumes=volumes, **more)
