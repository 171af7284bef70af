# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectl log: entries of the real ipectld, in a journal file made by journald's own code."""

import json
import os
import signal

import pytest

from journals import JournalFile
from machine import NOBODY, signed
from message_ids import message_id
from programs import IPECTL

STAGED = message_id("STAGED")
REJECTED = message_id("REJECTED")
START = 1_764_000_000


@pytest.fixture
def journal(bare):
    return JournalFile(bare)


@pytest.fixture
def machine(bare, journal):
    bare.start_daemon()
    return bare


def entry(text="Staged 'corp-base' 1.0.0.", message_id=STAGED, **fields):
    return {"MESSAGE": text, "MESSAGE_ID": message_id, "PRIORITY": 5, "IPE_POLICY": "corp-base", **fields}


def written(machine):
    """Returns the entries that the daemon has sent to the journal so far."""
    return [found for found in machine.journal.read() if "MESSAGE_ID" in found]


def events(machine, *words):
    return [json.loads(line) for line in machine.ipectl("log", "--json", *words).stdout.splitlines()]


def texts(machine, *words):
    return [event["message"] for event in events(machine, *words)]


def test_what_the_daemon_wrote(machine, journal):
    machine.stage(signed())
    machine.stage(signed("other", "2.0.0"))
    machine.drop(b"no policy", "bad.p7b")
    machine.wait_for(lambda: machine.entries(MESSAGE_ID=REJECTED), "the refusal")
    machine.ipectl("discard", "corp-base", "1.0.0")
    journal.add(*written(machine))
    found = events(machine)
    assert [event["event"] for event in found] == ["staged", "staged", "rejected", "discarded"]
    assert found[0]["name"] == "corp-base" and found[0]["version"] == "1.0.0" and found[0]["signer"]
    assert found[0]["time_usec"] == START * 1_000_000
    assert found[2]["error"] == "org.ipe.Error.SignatureInvalid" and "name" not in found[2]
    assert [event["event"] for event in events(machine, "corp-base")] == ["staged", "discarded"]
    assert [event["name"] for event in events(machine, "other")] == ["other"]
    assert events(machine, "nobody") == []
    lines = machine.ipectl("log").stdout.splitlines()
    assert len(lines) == 4
    assert lines[0] == f"Mon 2025-11-24 16:00:00 UTC {written(machine)[0]['MESSAGE']}"


def test_denials(bare, kernel_files, journal):
    bare.start_daemon()
    kernel_files.tell(shadow=0, enforcing=1, ipe_hook="BPRM_CHECK", dev='"vda"', ino=77)
    bare.wait_signal("Denied")
    journal.add(*written(bare))
    denied, = events(bare, "corp-base")
    assert (denied["event"], denied["operation"], denied["path"], denied["pid"], denied["count"]) == (
        "denied", "EXECUTE", "/bin/x", "12", "1")
    assert "Denied EXECUTE of '/bin/x' for sh[12]: 'corp-base' 2.0.0" in bare.ipectl("log", "corp-base").stdout


def test_only_root_and_the_daemon_write_history(machine, journal):
    """Any user may send entries to journald, with whatever fields."""
    journal.add(entry("Confirmed 'evil' 1.0.0."), uid=1000)
    journal.add(entry("root"), entry("of somebody else", message_id="a" * 32), start=START + 10)
    journal.add(entry("the daemon"), start=START + 20, uid=machine.uid)
    assert texts(machine) == ["root", "the daemon"]


@pytest.fixture
def ten(machine, journal):
    journal.add(*[entry(f"entry {number}", IPE_POLICY="odd" if number % 2 else "even") for number in range(10)])
    return machine


@pytest.mark.parametrize("words, expected", [
    ([], range(10)),
    (["-n3"], range(7, 10)),
    (["--lines=1"], [9]),
    (["--lines=0"], []),
    (["--lines=10"], range(10)),
    (["--lines=99"], range(10)),
    (["--lines=all"], range(10)),
    (["-n", "2", "odd"], [7, 9]),
    (["odd"], [1, 3, 5, 7, 9]),
    ([f"--since=@{START + 8}"], [8, 9]),
    ([f"--since=@{START + 8}", "-n5"], [8, 9]),
    ([f"--since=@{START + 2}", "-n3"], [7, 8, 9]),
    ([f"--since=@{START + 5}", "odd"], [5, 7, 9]),
    ([f"--since=@{START + 10}"], []),
    ([f"--since=@{START + 10}", "-n5"], []),
    (["--since=2025-11-24 16:00:06"], range(6, 10)),
    (["--since=2025-11-24"], range(10)),
    (["--since=2025-11-25"], []),
], ids=lambda value: " ".join(value) if isinstance(value, list) and value and isinstance(value[0], str) else "")
def test_selection(ten, words, expected):
    assert texts(ten, *words) == [f"entry {number}" for number in expected]


@pytest.mark.parametrize("since", ["1 hour ago", "-1h", "now", "today"])
def test_old_entries_are_before_a_time_that_counts_from_now(ten, since):
    assert texts(ten, f"--since={since}") == []


@pytest.mark.parametrize("since", ["-1000w", "5000 days ago"])
def test_a_time_long_ago(ten, since):
    assert len(texts(ten, f"--since={since}")) == 10


def test_hostile_entries(machine, journal):
    journal.add(entry(b"a\033[31m\nb\0c\xff\xe2\x80\xae", IPE_PATH=b"/x\n\033"), entry("x" * 100_000),
                {"MESSAGE_ID": STAGED}, {"MESSAGE_ID": STAGED, "MESSAGE": "", "PRIORITY": "many"})
    lines = machine.ipectl("log").stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].endswith("a\\x1b[31m\\nb\\x00c\\xff\\xe2\\x80\\xae")
    assert len(lines[1]) < 70_000
    assert [event["event"] for event in events(machine)] == ["staged"] * 4
    assert events(machine)[0]["path"] == "/x\n\033"


def test_follow(ten, journal):
    output, theirs = os.pipe()
    process = ten.start([IPECTL, "log", "--json", "--follow", "-n1"], stdout=theirs)
    os.close(theirs)
    with os.fdopen(output) as lines:
        assert json.loads(lines.readline())["message"] == "entry 9"
        journal.add(entry("news"), start=START + 20)
        assert json.loads(lines.readline())["message"] == "news"
        journal.add(entry("more", IPE_POLICY="other"), start=START + 30)
        assert json.loads(lines.readline())["message"] == "more"
        assert process.stop(signal.SIGINT) == 0
        assert lines.read() == ""


def test_follow_to_a_full_disk_ends(ten):
    with open("/dev/full", "wb") as full:
        assert ten.start([IPECTL, "log", "-f"], stdout=full).wait() == 1


def test_no_daemon_is_needed(bare, journal):
    journal.add(entry("before"))
    assert texts(bare) == ["before"]


def test_no_journal(bare):
    assert "no system journal" in bare.ipectl("log", status=1).stderr


@pytest.fixture
def closed(machine, journal):
    """A journal that root may read."""
    journal.add(entry())
    (journal.directory / "system.journal").chmod(0o600)
    return machine


def test_who_may_not_read_the_journal_gets_what_the_daemon_has_noted(closed):
    closed.stage(signed("mine"))
    result = closed.ipectl("log", uid=NOBODY)
    assert "systemd-journal" in result.stderr
    assert result.stdout.endswith("'mine' 1.0.0: staged (none -> staged)\n") and "corp-base" not in result.stdout


def test_nobody_can_follow_what_he_may_not_read(closed):
    result = closed.ipectl("log", "--follow", status=4, uid=NOBODY)
    assert "ipectl watch" in result.stderr and not result.stdout


def test_without_journal_and_daemon_there_is_nothing(bare):
    result = bare.ipectl("log", status=7, uid=NOBODY)
    assert "systemd-journal" in result.stderr and not result.stdout


def test_cut_file(machine, journal):
    """After a power cut, log shows the remaining entries."""
    journal.add(*[entry(f"entry {number}") for number in range(50)])
    path = journal.directory / "system.journal"
    data = path.read_bytes()
    for size in (0, 100, 5000, len(data) // 2):
        path.write_bytes(data[:size])
        result = machine.run(IPECTL, "log", check=False)
        assert result.returncode in (0, 1), result
        assert "Sanitizer" not in result.stderr
