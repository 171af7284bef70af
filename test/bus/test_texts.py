# SPDX-License-Identifier: LGPL-2.1-or-later
"""The texts of policies that callers hold open take bounded memory, whoever keeps them; root still gets each
text."""

import os

from gi.repository import GLib

import keys
from machine import policy_text
from raw_client import RawClient

MIB = 1 << 20
LINE = "# " + "x" * 997 + "\n"
SIZE = 63 * MIB


def stage_large(machine, number):
    body = "DEFAULT action=ALLOW\n" + LINE * (SIZE // len(LINE))
    machine.stage(keys.append_signature(policy_text(f"large-{number}", body=body).encode()))


def open_as(machine, uid, number):
    """Returns whether the text was handed out, and the error. Each user has a budget for one."""
    client = RawClient(machine, uid)
    client.answers(1)
    client.ask("OpenPolicy", GLib.Variant("(ss)", (f"large-{number}", "")))
    refused, = client.answers(1)
    client.close()
    return not refused, client.sentences


def test_texts_take_256_mib_even_of_versions_that_are_discarded(machine):
    for number in range(5):
        stage_large(machine, number)
    assert [open_as(machine, uid, uid - 1) for uid in (1, 2, 3, 4)] == [(True, [])] * 4
    given, (sentence,) = open_as(machine, 5, 4)
    assert not given and sentence == (
        "org.freedesktop.DBus.Error.LimitsExceeded: The texts of policies that were handed out take 251 MiB already, those of discarded "
        "versions included: only root gets another one until ipectld is started again.")
    # A text that is handed out already takes no more memory.
    assert open_as(machine, 6, 0)[0]
    for number in range(4):
        machine.call("Discard", GLib.Variant("(ss)", (f"large-{number}", "1.0.0")))
    assert not open_as(machine, 7, 4)[0]
    fd = machine.open_text("large-4")
    assert os.fstat(fd).st_size > SIZE - MIB
    os.close(fd)
