# SPDX-License-Identifier: LGPL-2.1-or-later
"""Traces that the shared machine must not show after all tests. The name makes this file the last one."""

import pytest

REQUEST = "/sys/module/ipe_probe/parameters/request"


def test_no_audit_record_was_lost(world):
    assert world.machine.must("audit-lost").text == "0"


@pytest.mark.parametrize("variant", ["kasan"], indirect=True)
def test_no_memory_was_lost(world):
    machine = world.machine
    world.activate("DEFAULT action=ALLOW\n")
    if machine.errno("mode", REQUEST) != "OK":
        machine.must("insmod", "/ipe_probe.ko")
    # Lost on purpose, to see that losses are found.
    machine.must("put", REQUEST, "leak LostOnPurpose")
    found = world.leaks()
    # The kernel says so in its log, too.
    machine.trouble()
    assert [text for text in found if "LostOnPurpose" in text], found
    assert not [text for text in found if "LostOnPurpose" not in text]
