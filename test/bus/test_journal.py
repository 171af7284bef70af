# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectld and the journal: a journald that does not read loses entries and costs no time, nothing fills the
journal, and nothing in it acts upon a terminal."""

import re
import socket
import subprocess

import pytest
from gi.repository import GLib

from machine import policy_text, signed
from message_ids import message_id

LOST = message_id("LOG_LOST")
STAGED = message_id("STAGED")
REJECTED = message_id("REJECTED")
# More than fit into the queue of a socket, whatever the machine has set.
MANY = 700


def number_of_queued():
    with open("/proc/sys/net/unix/max_dgram_qlen") as file:
        return int(file.read())


def reject_often(machine, times):
    """Each Reload() makes an entry at least, because the daemon looks at that file again."""
    for _ in range(times):
        machine.call("Reload")


@pytest.fixture
def stalled(machine):
    """A machine whose journald does not read."""
    assert number_of_queued() < MANY
    machine.drop(b"no policy", "bad.p7b")
    machine.call("Reload")
    machine.journal.pause()
    yield machine
    machine.journal.resume()


def test_a_journald_that_does_not_read_costs_no_time(stalled):
    """Each of these calls would wait for ever otherwise."""
    reject_often(stalled, number_of_queued() + 20)
    assert stalled.list() == {}
    assert stalled.stage(signed())


def test_lost_entries_are_counted_by_the_next_one_that_gets_through(stalled):
    reject_often(stalled, number_of_queued() + 20)
    before = len(stalled.entries())
    stalled.stage(signed())
    entries = stalled.entries()[before:]
    assert entries[0]["MESSAGE_ID"] == LOST and entries[0]["PRIORITY"] == "4"
    assert int(entries[0]["IPE_COUNT"]) > 0
    assert entries[0]["MESSAGE"] == (f"{entries[0]['IPE_COUNT']} entries of ipectld before this one are lost: "
                                     "journald did not take them in time.")
    assert [entry for entry in entries if entry.get("MESSAGE_ID") == STAGED]
    assert len(stalled.entries(MESSAGE_ID=LOST)) == 1, "what was said is not said again"


def set_level(machine, level):
    machine.connection.call("/org/freedesktop/LogControl1", "org.freedesktop.DBus.Properties", "Set",
                            GLib.Variant("(ssv)", ("org.freedesktop.LogControl1", "LogLevel", GLib.Variant("s", level))))


def test_the_count_of_lost_entries_is_right(stalled):
    """Each Reload() is one error."""
    set_level(stalled, "err")
    before, total = len(stalled.entries()), number_of_queued() + 50
    reject_often(stalled, total)
    set_level(stalled, "info")
    written = len([entry for entry in stalled.entries()[before:] if entry.get("MESSAGE_ID") == REJECTED])
    stalled.stage(signed())
    lost, = stalled.entries(MESSAGE_ID=LOST)
    assert written + int(lost["IPE_COUNT"]) == total


def test_a_journald_that_is_gone_and_comes_back(machine):
    path = machine.run_directory / "systemd/journal/socket"
    machine.drop(b"no policy", "bad.p7b")
    machine.journal.pause()
    path.unlink()
    reject_often(machine, 3)
    machine.journal.socket.close()
    machine.journal.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    machine.journal.socket.bind(str(path))
    path.chmod(0o666)
    machine.journal.resume()
    machine.stage(signed())
    assert machine.wait_for(lambda: machine.entries(MESSAGE_ID=LOST), "the number of lost entries")
    assert machine.entries(MESSAGE_ID=STAGED)


@pytest.mark.parametrize("number", [3, 5, 6, 1300])
def test_warnings_of_a_policy_are_six_entries_at_most(machine, number):
    """Each of these lines is shadowed by the one before."""
    body = "DEFAULT action=DENY\nop=EXECUTE action=ALLOW\n" + "op=EXECUTE boot_verified=TRUE action=ALLOW\n" * number
    machine.stage(signed("many", "1.0.0", body=body))
    entries = [entry["MESSAGE"] for entry in machine.entries(IPE_POLICY="many", PRIORITY="4")
               if "line" in entry["MESSAGE"] or "more" in entry["MESSAGE"]]
    warnings = [text for text in entries if re.search("line [0-9]+, column", text)]
    assert len(warnings) == min(number, 5)
    assert entries[len(warnings):] == (
        [f"'many' 1.0.0 has {number - 5} more warnings; 'ipectl lint' lists all."] if number > 5 else [])


def is_safe(text):
    return not re.search("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text)


def test_names_in_entries_are_shown_as_they_are_without_what_a_terminal_acts_upon(machine):
    (machine.etc / "policy.d" / "Müller漢\033[2J\n\x9b\u202e.p7b").write_bytes(b"no policy")
    machine.call("Reload")
    entry = machine.entries(MESSAGE_ID=REJECTED)[-1]
    shown = "/etc/ipe/policy.d/Müller漢\\x1b[2J\\n\\xc2\\x9b\\xe2\\x80\\xae.p7b"
    assert entry["IPE_SOURCE"] == shown
    assert f"'{shown}'" in entry["MESSAGE"]
    assert all(is_safe(value) for entry in machine.entries() for value in entry.values())


def test_bytes_that_are_no_utf8_are_escaped(machine):
    with open(bytes(machine.etc) + b"/policy.d/a\xff\xc3.p7b", "wb") as file:
        file.write(b"no policy")
    machine.call("Reload")
    assert machine.entries(MESSAGE_ID=REJECTED)[-1]["IPE_SOURCE"] == "/etc/ipe/policy.d/a\\xff\\xc3.p7b"


def test_a_signer_is_named_in_all_letters(bare):
    key, certificate = bare.directory / "key.pem", bare.etc / "trust.d/mueller.pem"
    subprocess.run(["openssl", "req", "-new", "-x509", "-utf8", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-subj", "/CN=Jörg Müller"], check=True, capture_output=True)
    message = subprocess.run(["openssl", "smime", "-sign", "-binary", "-outform", "der", "-signer", certificate, "-inkey", key,
                              "-noattr", "-nodetach"], input=policy_text().encode(), check=True, capture_output=True).stdout
    bare.start_daemon()
    bare.stage(message)
    entry, = bare.entries(MESSAGE_ID=STAGED)
    assert entry["IPE_SIGNER"] == "CN=Jörg Müller"
    assert bare.get("corp-base")["Signer"] == "CN=Jörg Müller"
