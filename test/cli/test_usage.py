# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line itself."""

import re

import pytest

from conftest import GOOD, TOP, WITHOUT_OVERRIDE


@pytest.mark.parametrize("arguments", [
    ["frobnicate"],
    ["--frobnicate"],
    ["status", "extra"],
    ["list", "extra"],
    ["show"],
    ["show", "a", "b", "c"],
    ["stage"],
    ["activate"],
    ["confirm"],
    ["rollback"],
    ["discard", "only-name"],
    ["reload", "extra"],
    ["enforce", "maybe"],
    ["success-audit", "yes", "no"],
    ["lint"],
    ["print"],
    ["print", "a", "b"],
    ["sign"],
    ["verify"],
    ["lint", "--json=xml", "file"],
    ["lint", "--cert=x", "file"],
    ["lint", "--force", "file"],
    ["print", "--strict", "file"],
    ["status", "--output=x"],
    ["list", "--trust=x"],
    ["rollback", "--version=1.0.0", "name"],
    ["sign", "--cert"],
    ["volumes", "extra"],
    ["watch", "extra"],
    ["log", "a", "b"],
    ["history", "a", "b"],
    ["history", "--follow"],
    ["trust", "x"],
    ["log", "--lines=x"],
    ["log", "-n", "-1"],
    ["log", "--lines=99999999999999999999"],
    ["log", "--since=never"],
    ["log", "--since=2026-02-30"],
    ["list", "--follow"],
    ["activate", "--confirm=maybe", "name"],
    ["activate", "--trial-sec=soon", "name"],
    ["confirm", "--force", "name"],
    ["confirm", "--wait", "name"],
    ["help", "activate"],
    ["status", "--host=a", "--machine=b"],
    ["lint", "--host=a", "file"],
    ["log", "--machine=a"],
    ["stage", "--host=a", "file"],
], ids=" ".join)
def test_wrong_usage_exits_2(ipectl, arguments):
    result = ipectl(*arguments, status=2)
    assert result.errors
    assert not result.output


def test_hostile_command_is_escaped(ipectl):
    result = ipectl("\033[31m", status=2)
    assert "\033" not in result.errors
    assert "\\x1b" in result.errors


def test_help_names_every_command_and_option_of_the_manual(ipectl):
    manual = (TOP / "man/ipectl.1.xml").read_text()
    text = ipectl("--help").output
    documented = set(re.findall(r"<term>(?:<optional>)?<option>(--[a-z-]+)", manual))
    assert documented == set(re.findall(r"(--[a-z-]+)", text))
    commands = re.findall(r"<term><command>([a-z-]+)</command>", manual)
    assert commands
    assert sorted(re.findall(r"^  ([a-z][a-z-]*)\b", text, re.M)) == sorted(commands)


def test_completions_know_every_command(ipectl):
    commands = set(re.findall(r"^  ([a-z][a-z-]*) ", ipectl("--help").output, re.M))
    bash = (TOP / "src/ipectl/completion/ipectl.bash").read_text()
    zsh = (TOP / "src/ipectl/completion/_ipectl").read_text()
    assert commands
    assert commands == set(re.search(r"verbs='([^']*)'", bash).group(1).split())
    assert commands == set(re.findall(r"^ +'([a-z-]+):", zsh, re.M))


def test_zsh_describes_commands_as_help_does(ipectl):
    summaries = re.findall(r"^  ([a-z][a-z-]*).*?  +([A-Z].*)$", ipectl("--help").output, re.M)
    zsh = (TOP / "src/ipectl/completion/_ipectl").read_text()
    assert summaries == re.findall(r"^ +'([a-z-]+):(.*)'$", zsh, re.M)


def test_help_and_version_exit_0(ipectl):
    assert ipectl("-h").output == ipectl("--help").output == ipectl("help").output == ipectl("help", "--no-pager").output
    assert re.fullmatch(r"ipe \d+\.\d+\.\d+\n", ipectl("--version").output)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=" ".join)
def test_full_disk_is_an_error(ipectl, arguments):
    with open("/dev/full", "wb") as full:
        result = ipectl(*arguments, status=1, stdout=full)
    assert "No space left" in result.errors


@pytest.mark.parametrize("arguments", [
    [], ["status"], ["list"], ["show", "x"], ["volumes"], ["history"], ["trust"], ["watch"], ["preflight", "x"], ["activate", "x"], ["confirm", "x"], ["rollback", "x"],
    ["discard", "x", "1.0.0"], ["reload"], ["enforce"], ["enforce", "yes"], ["success-audit", "no"],
], ids=" ".join)
def test_no_bus_exits_7(ipectl, arguments):
    result = ipectl(*arguments, status=7)
    assert "system bus" in result.errors
    assert not result.output


@pytest.mark.parametrize("machine", ["nonexistent", "", "../x", "a b"])
def test_machine_that_does_not_exist_exits_7(ipectl, machine):
    result = ipectl("status", f"--machine={machine}", status=7)
    assert f"system bus of '{machine}'" in result.errors


def test_stage_without_a_bus_exits_7(ipectl, good):
    ipectl("stage", good, status=7)
    ipectl("stage", "-", input=GOOD.encode(), status=7)


READERS = ["stage", "lint", "print", "sign --cert=/dev/null --key=/dev/null", "verify"]


@pytest.mark.parametrize("path, reason", [("/nonexistent/file", "No such file"), (".", "Is a directory"),
                                          ("/proc/self/mem", "Input/output error"),
                                          ("/dev/zero", "File too large")])
@pytest.mark.parametrize("verb", READERS)
def test_file_that_cannot_be_read_exits_1(ipectl, verb, path, reason):
    result = ipectl(*verb.split(), path, status=1)
    assert reason in result.errors
    assert path in result.errors


@pytest.mark.parametrize("verb", READERS)
def test_unreadable_file_exits_1(ipectl, good, verb):
    good.chmod(0)
    result = ipectl(*verb.split(), good, status=1, before=WITHOUT_OVERRIDE)
    assert "Permission denied" in result.errors
