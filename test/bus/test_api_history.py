# SPDX-License-Identifier: LGPL-2.1-or-later
"""What became of policies: the signal PolicyChanged, ListTransitions(), and 'ipectl history'. It needs no journal, and no group."""

import hashlib
import json
import time

import pytest
from gi.repository import GLib
from raw_client import RawClient

from kernel_files import ends_trial
from machine import NOBODY, BusError, signed

NAME = "corp-base"


@pytest.fixture
def machine(bare, kernel_files):
    (bare.etc / "ipectld.conf").write_text("[Manager]\nConfirm=manual\n")
    bare.start_daemon()
    return bare


def transitions(machine, **options):
    kinds = {"name": "s", "limit": "t", "since_usec": "t", "before": "t"}
    packed = {key.replace("_", "-"): GLib.Variant(kinds[key], value) for key, value in options.items()}
    return machine.call("ListTransitions", GLib.Variant("(a{sv})", (packed,)))[0]


def steps(entries):
    return [(entry["Version"], entry["From"], entry["To"], entry["Reason"]) for entry in entries]


def activate(machine, **options):
    packed = {"trial-sec": GLib.Variant("t", 0), "force": GLib.Variant("b", True), **options}
    return machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (NAME, packed)))


def confirm_first(machine):
    """1.0.0 is confirmed and decides; 2.0.0 is staged, here and in the kernel's files."""
    one, two = signed(), signed(version="2.0.0")
    machine.stage(one)
    machine.kernel.put_policy(NAME, ("1.0.0", one))
    activate(machine)
    machine.stage(two)
    machine.kernel.put_policy(NAME, ("1.0.0", one), ("2.0.0", two), active=True)


def discard(machine, version="1.0.0", name=NAME):
    machine.call("Discard", GLib.Variant("(ss)", (name, version)))


def line(entry):
    """A line of the file, as src/libipe/store-history-file.c makes it."""
    text = json.dumps(entry, separators=(",", ":"))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {text}\n"


def restart(machine):
    machine.stop_daemon()
    machine.start_daemon()


def test_what_from_to_and_why(machine):
    before = time.time_ns() // 1000
    machine.stage(signed())
    discard(machine)
    found = transitions(machine)
    assert steps(found) == [("1.0.0", "", "staged", "staged"), ("1.0.0", "staged", "", "discarded")]
    assert [entry["Sequence"] for entry in found] == [1, 2]
    assert all(before <= entry["TimeUSec"] <= time.time_ns() // 1000 and entry["Name"] == NAME for entry in found)
    staged = machine.entries(MESSAGE_ID="1ea83df0ee6b456a9a2d4cc61686be78")[0]
    assert (found[0]["Digest"], found[0]["Transaction"]) == (staged["IPE_DIGEST"], staged["IPE_TRANSACTION"])


def test_signal_says_the_same(machine):
    machine.stage(signed())
    discard(machine)
    machine.wait_for(lambda: len(machine.signals("PolicyChanged")) == 2, "both signals")
    found = transitions(machine)
    for (name, version, change), entry in zip(machine.signals("PolicyChanged"), found):
        assert {"Name": name, "Version": version, **change} == entry


def test_one_call_that_changes_two_versions_is_one_transaction(machine):
    confirm_first(machine)
    activate(machine)
    assert steps(transitions(machine)) == [
        ("1.0.0", "", "staged", "staged"), ("1.0.0", "staged", "confirmed", "activated"), ("2.0.0", "", "staged", "staged"),
        ("1.0.0", "confirmed", "superseded", "superseded"), ("2.0.0", "staged", "confirmed", "activated")]
    assert len({entry["Transaction"] for entry in transitions(machine)[-2:]}) == 1


def test_end_of_a_trial_has_its_reason(machine):
    confirm_first(machine)
    machine.kernel.put_trial(NAME, "2.0.0")
    with pytest.raises(BusError):
        activate(machine)
    assert steps(transitions(machine))[-1] == ("2.0.0", "staged", "trial", "trial")
    with ends_trial(machine, NAME):
        machine.call("EndTrial", GLib.Variant("(sa{sv})", (NAME, {})))
    last = transitions(machine)[-1]
    assert steps([last]) == [("2.0.0", "trial", "rolled-back", "trial-ended")]
    assert last["Message"] == "The trial was ended on demand."


def test_history_outlives_a_restart_and_goes_on(machine):
    machine.stage(signed())
    restart(machine)
    assert steps(transitions(machine)) == [("1.0.0", "", "staged", "staged")]
    discard(machine)
    assert [entry["Sequence"] for entry in transitions(machine)] == [1, 2]


def test_ten_thousand_changes_are_listed_in_pages(machine):
    """How long it took is printed. No more is kept than src/libipe/store-history.h says."""
    machine.stage(signed())
    machine.stop_daemon()
    first = json.loads((machine.state / "history").read_text().split(" ", 1)[1])
    lines = [line({**first, "sequence": number, "change": number}) for number in range(1, 10_001)]
    (machine.state / "history").write_text("".join(lines))
    begun = time.monotonic()
    machine.start_daemon()
    print(f"ready after {time.monotonic() - begun:.2f} s")
    pages = [transitions(machine)]
    while pages[-1]:
        begun = time.monotonic()
        pages.append(transitions(machine, before=pages[-1][0]["Sequence"]))
        print(f"{len(pages[-1])} changes after {time.monotonic() - begun:.3f} s")
    numbers = [entry["Sequence"] for page in reversed(pages) for entry in page]
    assert 1000 <= len(numbers) <= 4096 and numbers == list(range(10_001 - len(numbers), 10_001))


def test_what_was_not_noted_is_noted_at_the_next_start(machine):
    """A cut between state.json and the history; and a daemon of before there was a history."""
    machine.stage(signed())
    machine.stage(signed(version="2.0.0"))
    machine.stop_daemon()
    path = machine.state / "history"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    machine.start_daemon()
    found = transitions(machine)
    assert steps(found) == [("1.0.0", "", "staged", "staged"), ("2.0.0", "", "staged", "staged")]
    assert "started" in found[1]["Message"] and "Message" not in found[0]
    machine.stop_daemon()
    path.unlink()
    machine.start_daemon()
    assert steps(transitions(machine)) == steps(found)


def test_a_state_that_was_lost_goes_on_in_the_history(machine):
    """The numbers of changes begin anew with it."""
    confirm_first(machine)
    machine.kernel.put_policy(NAME, ("1.0.0", signed()), active=True)
    machine.stop_daemon()
    before = len((machine.state / "history").read_text().splitlines())
    for name in ("state.json", "state.json.old"):
        (machine.state / name).write_text("{}")
    machine.start_daemon()
    found = steps(transitions(machine))[before:]
    assert sorted(found) == [("1.0.0", "", "confirmed", "activated"), ("2.0.0", "", "staged", "staged")]
    machine.stage(signed(version="3.0.0"))
    restart(machine)
    assert steps(transitions(machine))[before + 2:] == [("3.0.0", "", "staged", "staged")]


@pytest.mark.parametrize("member, value", [("name", "x" * 256), ("reason", "x" * 65), ("change", 1 << 63), ("change", (1 << 64) - 1)])
def test_a_planted_line_of_the_history_is_left_out(machine, member, value):
    """Long names make an answer that no bus carries, and a large number leaves none for later changes."""
    machine.stage(signed())
    machine.stop_daemon()
    with (machine.state / "history").open("a") as file:
        file.write(line({"sequence": 2, "change": 2, "usec": 1, "name": NAME, "version": "9.0.0", "digest": "0" * 64, "to": "staged",
                         "reason": "staged", member: value}))
    machine.start_daemon()
    machine.stage(signed(version="2.0.0"))
    restart(machine)
    assert [step[0] for step in steps(transitions(machine))] == ["1.0.0", "2.0.0"]


def test_damage_spoils_a_line_and_is_said(machine):
    machine.stage(signed())
    machine.stage(signed("other"))
    machine.stop_daemon()
    path = machine.state / "history"
    path.write_bytes(path.read_bytes().replace(b'"corp-base"', b'"corp-bose"', 1))
    machine.start_daemon()
    assert [entry["Name"] for entry in transitions(machine)] == ["other"]
    assert any("history' is damaged: ignoring 1 of its lines" in entry["MESSAGE"] for entry in machine.entries(PRIORITY="4"))


def test_a_disk_that_takes_no_history_takes_a_policy(machine):
    """Nothing fails because of it."""
    (machine.state / "history").unlink(missing_ok=True)
    (machine.state / "history").mkdir()
    machine.stage(signed())
    assert steps(transitions(machine)) == [("1.0.0", "", "staged", "staged")]
    assert any("Cannot write '/var/lib/ipe/history'" in entry["MESSAGE"] for entry in machine.entries(PRIORITY="4"))
    (machine.state / "history").rmdir()
    machine.stage(signed(version="2.0.0"))
    restart(machine)
    assert [entry["Version"] for entry in transitions(machine)] == ["1.0.0", "2.0.0"]


def test_options_of_the_list(machine):
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        machine.stage(signed(version=version))
    machine.stage(signed("other"))
    versions = [entry["Version"] for entry in transitions(machine, name=NAME)]
    assert versions == ["1.0.0", "2.0.0", "3.0.0"]
    assert [entry["Sequence"] for entry in transitions(machine, limit=2)] == [3, 4]
    assert [entry["Sequence"] for entry in transitions(machine, limit=2, before=3)] == [1, 2]
    assert transitions(machine, limit=0) == transitions(machine, before=0) == transitions(machine, name="nobody") == []
    second = transitions(machine)[1]["TimeUSec"]
    assert [entry["Sequence"] for entry in transitions(machine, since_usec=second)] == [2, 3, 4]
    with pytest.raises(BusError) as caught:
        machine.call("ListTransitions", GLib.Variant("(a{sv})", ({"lines": GLib.Variant("t", 1)},)))
    assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs"


def test_a_message_that_names_a_file_is_not_for_everybody(machine):
    """As in TrialChecks."""
    machine.stage(signed())
    machine.stop_daemon()
    path = machine.state / "history"
    entry = json.loads(path.read_text().split(" ", 1)[1])
    path.write_text(line({**entry, "message": "The trial was ended: '/home/alice/tool' was denied."}))
    machine.start_daemon()
    assert "/home/alice/tool" in transitions(machine)[0]["Message"]
    theirs = json.loads(machine.ipectl("history", "--json", uid=NOBODY).stdout)
    assert len(theirs) == 1 and "message" not in theirs[0]


def test_a_user_has_a_budget_for_it(machine):
    machine.stage(signed())
    clients = [RawClient(machine, NOBODY) for _ in range(10)]
    for client in clients:
        for _ in range(100):
            client.ask("ListTransitions", GLib.Variant("(a{sv})", ({},)))
    answers = [error for client in clients for error in client.answers(101)[1:]]
    for client in clients:
        client.close()
    assert answers.count(False) >= 200 and answers.count(True) > 0
    assert steps(transitions(machine)) == [("1.0.0", "", "staged", "staged")]


def test_ipectl_history(machine):
    machine.stage(signed())
    discard(machine)
    lines = machine.ipectl("history", uid=NOBODY).stdout.splitlines()
    assert lines[0].split() == ["TIME", "NAME", "VERSION", "FROM", "TO", "REASON", "MESSAGE"]
    assert lines[1].split()[4:] == [NAME, "1.0.0", "-", "staged", "staged"]
    assert lines[2].split()[4:] == [NAME, "1.0.0", "staged", "-", "discarded"]
    assert lines[-1] == "2 changes listed."
    found = json.loads(machine.ipectl("history", "--json", "-n1", NAME, uid=NOBODY).stdout)
    assert [(entry["from"], entry["to"], entry["reason"], entry["sequence"]) for entry in found] == [("staged", None, "discarded", 2)]
    assert json.loads(machine.ipectl("history", "--json", "other").stdout) == []


def test_ipectl_log_without_a_journal_shows_it(machine):
    machine.stage(signed())
    result = machine.ipectl("log", uid=NOBODY)
    assert result.stdout.endswith("'corp-base' 1.0.0: staged (none -> staged)\n") and "systemd-journal" in result.stderr
    event = json.loads(machine.ipectl("log", "--json", "--quiet", uid=NOBODY).stdout)
    assert event["event"] == "staged" and event["name"] == NAME and event["time_usec"] > 0


def test_ipectl_asks_for_all_pages(machine):
    """2,500 entries, of which the daemon gives a thousand at once."""
    machine.stage(signed())
    machine.stop_daemon()
    path = machine.state / "history"
    entry = json.loads(path.read_text().split(" ", 1)[1])
    path.write_text("".join(line({**entry, "sequence": number}) for number in range(1, 2501)))
    machine.start_daemon()
    found = json.loads(machine.ipectl("history", "--json", uid=NOBODY).stdout)
    assert [entry["sequence"] for entry in found] == list(range(1, 2501))
    last = json.loads(machine.ipectl("history", "--json", "-n1500").stdout)
    assert [entry["sequence"] for entry in last] == list(range(1001, 2501))
