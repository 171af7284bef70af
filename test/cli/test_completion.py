# SPDX-License-Identifier: LGPL-2.1-or-later
"""The completions as the shells run them: on a terminal, with the Tab key. They offer exactly what ipectl
takes."""

import os
import re
import select
import subprocess
import time

import pytest

from conftest import TOP, Ipectl, build_directory

BASH = TOP / "src/ipectl/completion/ipectl.bash"
ZSH = TOP / "src/ipectl/completion/_ipectl"
# Only a bound for what hangs.
DEADLINE_SEC = 60

# 'ipectl list' without a daemon: what the completions ask for names.
LIST = """#!/bin/sh
[ "$*" = "list --no-legend --no-ask-password" ] || exec REAL "$@"
echo 'alpha 1.0.0 staged no 0123'
echo 'alpha 2.0.0 confirmed yes 4567'
echo 'beta 3.0.0 staged no 89ab'
echo '$(>ran) 4.0.0 staged no cdef'
echo '`>ran` 4.0.0 staged no cdef'
"""

COMMON = {"--help", "--quiet", "--json", "--no-pager", "--no-ask-password"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Holds files to be completed, and an 'ipectl' that knows some policies."""
    directory = tmp_path_factory.mktemp("completion")
    program = directory / "bin/ipectl"
    program.parent.mkdir()
    program.write_text(LIST.replace("REAL", str(build_directory() / "src/ipectl/ipectl")))
    program.chmod(0o755)
    (directory / "some.policy").write_text("x")
    (directory / "site").mkdir()
    (directory / "site/_ipectl").write_text(ZSH.read_text())
    return directory


class Shell:
    """An interactive shell on a terminal."""

    def __init__(self, directory, command, setup):
        self.ours, theirs = os.openpty()
        environment = {"PATH": f"{directory}/bin:/usr/bin:/bin", "TERM": "dumb", "PS1": "", "COLUMNS": "200", "LINES": "200",
                       "HOME": str(directory), "LC_ALL": "C.UTF-8", "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=directory, env=environment,
                                        start_new_session=True)
        os.close(theirs)
        self.number = 0
        self.run(setup)

    def read_until(self, mark):
        text = ""
        deadline = time.monotonic() + DEADLINE_SEC
        while mark not in text:
            assert select.select([self.ours], [], [], deadline - time.monotonic())[0], text
            text += os.read(self.ours, 65536).decode()
        return text

    def run(self, command):
        """Types a command; returns what it prints."""
        self.number += 1
        # The shell echoes the line, so the mark is not in it as it is printed.
        os.write(self.ours, f"{command}\necho mark'-'{self.number}.\n".encode())
        return self.read_until(f"mark-{self.number}.")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


def bash_candidates(directory, *words):
    """The words that bash offers for the last one; it splits words at '=' as on a command line."""
    pieces = [piece for word in words for piece in re.split("(=)", word) if piece or word == ""]
    if words[-1].endswith("="):
        pieces = [piece for piece in pieces if piece]
    script = f"""compopt() {{ :; }}  # only bash itself may call the real one; see the tests with a terminal
        . {BASH}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ipectl
        for word in "${{COMPREPLY[@]}}"; do printf '%s\\n' "$word"; done"""
    result = subprocess.run(["bash", "--norc", "-c", script, "bash", "ipectl", *pieces], cwd=directory, capture_output=True,
                            text=True, check=True, env={"PATH": f"{directory}/bin:/usr/bin:/bin"})
    assert not result.stderr
    return result.stdout.split()


@pytest.mark.parametrize("words, expected", [
    (["act"], ["activate"]),
    (["s"], ["status", "show", "stage", "success-audit", "sign"]),
    (["lo"], ["log"]),
    (["hi"], ["history"]),
    (["tr"], ["trust"]),
    (["history", "b"], ["beta"]),
    (["history", "--s"], ["--since="]),
    (["trust", ""], []),
    (["activate", ""], ["alpha", "beta"]),
    (["-q", "activate", "a"], ["alpha"]),
    (["log", ""], ["alpha", "beta"]),
    (["log", "-n", "5", "b"], ["beta"]),
    (["log", "-n", ""], ["10", "100", "all"]),
    (["log", "--lines=5", "b"], ["beta"]),
    (["log", "--lines="], ["10", "100", "all"]),
    (["log", "--since="], ["today", "yesterday"]),
    (["activate", "alpha", "--version="], ["1.0.0", "2.0.0"]),
    (["activate", "alpha", "--version=2"], ["2.0.0"]),
    (["activate", "--confirm="], ["auto", "manual"]),
    (["activate", "--confirm=m"], ["manual"]),
    (["activate", "--confirm=auto", ""], ["alpha", "beta"]),
    (["sign", "--format=a"], ["auto", "appended"]),
    (["activate", "--trial-sec=", ], []),
    (["activate", "--f"], ["--force"]),
    (["activate", "-M", "box", "b"], ["beta"]),
    (["activate", "--machine=box", "--wait", "b"], ["beta"]),
    (["activate", "alpha", ""], []),
    (["discard", "alpha", ""], ["1.0.0", "2.0.0"]),
    (["discard", "beta", ""], ["3.0.0"]),
    (["discard", "beta", "3.0.0", ""], []),
    (["--json="], ["pretty", "short", "off"]),
    (["enforce", ""], ["yes", "no"]),
    (["enforce", "yes", ""], []),
    (["status", ""], []),
    (["watch", ""], []),
    (["lint", "some"], ["some.policy"]),
    (["sign", "--cert=some"], ["some.policy"]),
    (["verify", "--trust=si"], ["site"]),
], ids=lambda value: " ".join(value))
def test_bash_offers(directory, words, expected):
    assert bash_candidates(directory, *words) == expected


@pytest.fixture(scope="module")
def bash(directory):
    shell = Shell(directory, ["bash", "--norc", "--noprofile", "-i"],
                  f"bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; . {BASH}")
    yield shell
    shell.close()


@pytest.fixture(scope="module")
def zsh(directory):
    shell = Shell(directory, ["zsh", "-f", "-i"],
                  "PROMPT= RPROMPT= PROMPT_EOL_MARK=; unsetopt beep; unset zle_bracketed_paste; fpath=($PWD/site $fpath); "
                  "autoload -Uz compinit; compinit -D -u")
    yield shell
    shell.close()


# Typed keys, and the words that the shell then runs.
TYPED = [
    ("ipectl acti\tbet\t", "activate beta"),
    ("ipectl activate alpha --forc\t", "activate alpha --force"),
    ("ipectl activate alpha --confirm=m\t", "activate alpha --confirm=manual"),
    ("ipectl activate --tri\t5 al\t", "activate --trial-sec=5 alpha"),
    ("ipectl discard beta 3\t", "discard beta 3.0.0"),
    ("ipectl log --foll\tbet\t", "log --follow beta"),
    ("ipectl vol\t--fu\t", "volumes --full"),
    ("ipectl lint some.p\t", "lint some.policy"),
    ("ipectl enforce y\t", "enforce yes"),
    ("ipectl wat\t", "watch"),
]


def run_by_tab(shell, typed):
    """The words of the line that Tab has made, spaces between them apart."""
    output = shell.run(f"ipectl() {{ printf '%s' '[words]'; printf ' %s' \"$@\"; printf '[end]\\n'; }}; {typed}")
    shell.run("unset -f ipectl")
    return re.search(r"\[words\] ?((?:(?!\[words\]).)*)\[end\]\r?\n", output).group(1).split()


@pytest.mark.parametrize("typed, expected", TYPED)
def test_bash_completes_on_a_terminal(bash, typed, expected):
    assert run_by_tab(bash, typed) == expected.split()


@pytest.mark.parametrize("typed, expected", TYPED)
def test_zsh_completes_on_a_terminal(zsh, typed, expected):
    assert run_by_tab(zsh, typed) == expected.split()


def test_names_are_not_run(bash, zsh, directory):
    for shell in (bash, zsh):
        assert run_by_tab(shell, "ipectl activate bet\t") == ["activate", "beta"]
    assert bash_candidates(directory, "activate", "") == ["alpha", "beta"]
    assert not (directory / "ran").exists()


# Options of ipectl itself

def options_of_help(ipectl):
    return {name: value for name, value in re.findall(r"^  (?:-\w)? +(--[a-z-]+)(\[?=)?", ipectl("--help").output, re.M)}


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """{verb: options that it takes}, by trying each of them."""
    ipectl = Ipectl(tmp_path_factory.mktemp("usage"))
    verbs = re.findall(r"^  ([a-z][a-z-]*)\b", ipectl("--help").output, re.M)
    values = {"--json": "--json=off", "--version": "--version=1.0.0", "--trial-sec": "--trial-sec=5", "--confirm": "--confirm=auto",
              "--lines": "--lines=1", "--since": "--since=now", "--cert": "--cert=/x", "--key": "--key=/x", "--format": "--format=pkcs7", "--output": "--output=/x", "--trust": "--trust=/x"}
    options = sorted(options_of_help(ipectl).keys() - {"--help"})
    found = {}
    for verb in verbs:
        found[verb] = set()
        for option in options:
            # Hundreds of runs: looking for leaks would take longer than the rest of them.
            result = subprocess.run([ipectl.path, verb, values.get(option, option), *["/nonexistent"] * 4], text=True,
                                    capture_output=True, stdin=subprocess.DEVNULL, timeout=DEADLINE_SEC,
                                    env={"ASAN_OPTIONS": "detect_leaks=0", "LC_ALL": "C.UTF-8"})
            if "knows no option" not in result.stderr:
                found[verb].add(option)
    assert len(found) > 15
    return found


def test_bash_offers_the_options_that_each_verb_takes(directory, taken):
    for verb, options in taken.items():
        offered = {word.rstrip("=") for word in bash_candidates(directory, verb, "--")}
        assert offered == options | {"--help"}, verb


def test_zsh_knows_the_options_that_each_verb_takes(taken):
    text = ZSH.read_text()
    arrays = {name: set(re.findall(r"(--[a-z-]+)", body))
              for name, body in re.findall(r"^local -a (\w+)=\(\n(.*?)^\)$", text, re.M | re.S)}
    cases = dict(re.findall(r"^        ([a-z -|]+)\)\n(.*?);;$", text, re.M | re.S))
    cases = {verb: body for names, body in cases.items() for verb in names.split(" | ")}
    for verb, options in taken.items():
        known = set(re.findall(r"['{,](--[a-z-]+)", cases[verb]))
        for name in re.findall(r"\$(\w+)", cases[verb]):
            known |= arrays.get(name, set())
        assert known == options | {"--help"}, verb


def test_the_manual_names_the_options_that_each_verb_takes(taken):
    """Those of single verbs are said to be theirs: in the command's own line, or in the option's first words."""
    manual = (TOP / "man/ipectl.1.xml").read_text()
    terms = re.findall(r"<varlistentry>\s*((?:<term>.*?</term>\s*)+)<listitem>(.*?)</listitem>", manual, re.S)
    everywhere = set.intersection(*taken.values())
    assert everywhere == {"--json", "--quiet", "--no-ask-password", "--no-pager"}
    for option in set.union(*taken.values()) - everywhere - {"--no-legend", "--full", "--host", "--machine"}:
        sections = [body for names, body in terms if f"<option>{option}" in names and "<command>" not in names]
        said = {verb for body in sections for sentence in re.findall(r"With (.*?):", body, re.S)
                for verb in re.findall(r"<command>([a-z-]+)</command>", sentence)}
        assert said == {verb for verb, options in taken.items() if option in options}, option
