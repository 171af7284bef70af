# SPDX-License-Identifier: LGPL-2.1-or-later
"""The attacks that test_time_of_use.py carries out. Each is a function of an Attacker, and returns how it ended.

An attack is the function of its name, with _ for -, or stands in OTHERS of its module."""

from attacks import dm_verity, fsverity, kernel_reads, memory, overlay

ATTACKS = {}
for module in (dm_verity, fsverity, kernel_reads, memory, overlay):
    ATTACKS |= {name.replace("_", "-"): value for name, value in vars(module).items() if callable(value)}
    ATTACKS |= getattr(module, "OTHERS", {})
