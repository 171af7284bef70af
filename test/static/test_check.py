# SPDX-License-Identifier: LGPL-2.1-or-later
"""How tools/check chooses tests, and counts them. None is run here."""

import importlib.machinery
import importlib.util
import subprocess
import threading
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
TOOL = TOP / "tools/check"


@pytest.fixture
def check(monkeypatch):
    """The tool as a module that says nothing."""
    loader = importlib.machinery.SourceFileLoader("check", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", loader))
    monkeypatch.setitem(__import__("sys").modules, "check", module)
    loader.exec_module(module)
    monkeypatch.setattr(module, "say", lambda text: None)
    return module


def tool(*words):
    return subprocess.run([TOOL, *words], capture_output=True, text=True)


def test_the_list_has_one_line_for_each_suite(check):
    lines = tool("--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [suite.name for suite in check.SUITES]


def test_every_folder_of_tests_has_a_suite():
    folders = {path.parent.name for path in (TOP / "test").glob("*/test*")}
    assert {folder for folder in folders if f"test/{folder}" not in tool("--list").stdout} == set()


def test_every_need_of_a_suite_can_be_made(check):
    assert {name for suite in check.SUITES for name in suite.needs} == {name for line in check.STEPS for name in line}


@pytest.mark.parametrize("words, sentence", [
    (["no-such-suite"], "There is no suite 'no-such-suite'. 'tools/check --list' names those that there are."),
    (["bus", "vm-theirs"], "There is no suite 'vm-theirs'."), (["bus", "-k", ""], "'' is not understood."),
    (["bus", "-k", "(trial"], "'(trial' is not understood."), (["bus", "-k", "two words"], "'two words' is not understood."),
    (["debian13", "-k", "trial"], "-k does not work with debian13"), (["--no-such-option"], "--no-such-option")])
def test_a_wrong_argument_is_an_error(words, sentence):
    result = tool(*words)
    assert result.returncode == 2 and not result.stdout and sentence in result.stderr


@pytest.mark.parametrize("words, found", [
    (None, True), ("trial", True), ("TRIAL", True), ("boot", False), ("trial and boot", False), ("trial or boot", True),
    ("not boot", True), ("not (trial or boot)", False), ("test-tri", True)])
def test_words_choose_as_those_of_pytest(check, words, found):
    assert check.matches(words, "test-trial") is found


def report(directory, cases):
    path = directory / "report.xml"
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return path


@pytest.mark.parametrize("cases, status, may_be_empty, numbers", [
    ('<testcase name="a"/>', 0, False, (1, 0, 0)), ('<testcase name="a"/>', 1, False, (1, 1, 0)),
    ('<testcase name="a"><failure/></testcase>', 1, False, (0, 1, 0)), ('<testcase name="a"><skipped/></testcase>', 0, False, (0, 0, 1)),
    ("", 5, False, (0, 1, 0)), ("", 5, True, (0, 0, 0)), ("", 1, True, (0, 1, 0))])
def test_a_report_is_counted(check, tmp_path, cases, status, may_be_empty, numbers):
    tally = check.Tally()
    tally.add(report(tmp_path, cases), status, may_be_empty)
    assert (tally.passed, tally.failed, tally.skipped) == numbers


def test_a_report_that_is_missing_is_a_failure(check, tmp_path):
    tally = check.Tally()
    tally.add(tmp_path / "none.xml", 0, may_be_empty=True)
    assert tally.failed == 1


@pytest.mark.parametrize("skipped, status", [(0, 1), (1, 1)])
def test_a_run_without_a_test_is_no_success(check, monkeypatch, capsys, skipped, status):
    def empty(tally, words):
        tally.skipped += skipped
    monkeypatch.setattr(check, "SUITES", [check.Suite("empty", "", empty, ())])
    monkeypatch.setattr(check, "run", lambda *words: 0)
    monkeypatch.setattr("sys.argv", ["check"])
    assert check.main() == status and "no test ran" in capsys.readouterr().out


def schedule(check, monkeypatch, suites, steps=()):
    monkeypatch.setattr(check, "STEPS", list(steps))
    return check.Schedule(suites, None)


def test_only_what_is_needed_is_made(check, monkeypatch):
    made = []
    steps = [{name: lambda name=name: made.append(name) for name in "abc"}]
    suite = check.Suite("x", "", lambda tally, words: made.append("x"), ("b",))
    schedule(check, monkeypatch, [suite], steps).run()
    assert made == ["b", "x"]


def test_a_suite_whose_need_fails_is_a_failure_and_others_run(check, monkeypatch):
    def fail():
        raise check.Failed("no space")

    def one(tally, words):
        tally.passed += 1
    suites = [check.Suite("x", "", one, ("a", "b")), check.Suite("y", "", one, ("c",))]
    tallies = schedule(check, monkeypatch, suites, [{"a": fail, "b": lambda: None}, {"c": lambda: None}]).run()
    assert sorted((tally.passed, *tally.failures) for tally in tallies) == [(0, "x: needs a, b"), (1,)]


def test_a_suite_that_breaks_is_a_failure(check, monkeypatch):
    def broken(tally, words):
        raise ValueError("broken")
    tally, = schedule(check, monkeypatch, [check.Suite("x", "", broken, ())]).run()
    assert tally.failures == ["x: ValueError('broken')"]


def test_no_more_machines_run_at_a_time_than_there_is_room_for(check, monkeypatch):
    lock, running, most = threading.Lock(), [], []
    together = threading.Barrier(check.MACHINES_AT_ONCE)

    def machine(tally, words):
        with lock:
            running.append(1)
            most.append(len(running))
        together.wait(60)
        with lock:
            running.pop()
    suites = [check.Suite(str(number), "", machine, (), machines=True) for number in range(3 * check.MACHINES_AT_ONCE)]
    schedule(check, monkeypatch, suites).run()
    assert max(most) == check.MACHINES_AT_ONCE
