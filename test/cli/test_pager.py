# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which output goes through less. A program of the test stands in for less."""

import os
import subprocess

import pytest

from conftest import build_directory

LESS = """#!/bin/sh
echo "[less $LESS $LESSSECURE $#]"
cat
exit 3
"""


@pytest.fixture
def on_terminal(tmp_path):
    """Runs ipectl on a terminal; returns its exit status and the text on the terminal."""
    (tmp_path / "less").write_text(LESS)
    (tmp_path / "less").chmod(0o755)

    def run(*words, **environment):
        ours, theirs = os.openpty()
        known = {"PATH": f"{tmp_path}:/usr/bin", "TERM": "xterm", "LC_ALL": "C.UTF-8",
                 "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}
        process = subprocess.Popen([build_directory() / "src/ipectl/ipectl", *words], stdin=subprocess.DEVNULL, stdout=theirs,
                                   stderr=theirs, start_new_session=True, env={**known, **environment})
        os.close(theirs)
        shown = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # nobody holds the terminal any more
                break
            shown += data
        os.close(ours)
        return process.wait(timeout=60), shown.decode().replace("\r\n", "\n")
    return run


def test_long_text_goes_through_less_in_its_secure_mode(on_terminal, ipectl):
    assert on_terminal("help") == (0, "[less FRSXMK 1 0]\n" + ipectl("help").output)


def test_the_exit_status_is_that_of_ipectl_and_errors_go_through_less_too(on_terminal):
    status, shown = on_terminal("list")
    assert status == 7 and shown.startswith("[less FRSXMK 1 0]\nFailed to connect to the system bus")


@pytest.mark.parametrize("words, environment", [
    (["--no-pager"], {}), (["--json"], {}), ([], {"PAGER": ""}), ([], {"PAGER": "cat"}), ([], {"SYSTEMD_PAGER": "", "PAGER": "less"}),
    ([], {"TERM": "dumb"}), ([], {"PATH": "/nonexistent"}),
])
def test_no_pager(on_terminal, words, environment):
    status, shown = on_terminal("list", *words, **environment)
    assert status == 7 and shown.startswith("Failed to connect to the system bus")


def test_another_pager_is_not_run(on_terminal, tmp_path):
    status, shown = on_terminal("help", PAGER="touch ran")
    assert status == 0 and shown.startswith("[less ")


@pytest.mark.parametrize("words", [["status"], ["volumes"], ["preflight", "x"], ["activate", "x"]])
def test_short_text_and_verbs_that_ask_for_a_password_do_not(on_terminal, words):
    assert on_terminal(*words)[1].startswith("Failed to connect")


def test_a_pager_that_ends_early(on_terminal, tmp_path):
    (tmp_path / "less").write_text("#!/bin/sh\nexec sleep 0\n")
    status, shown = on_terminal("help")
    assert status in (0, -13) and "Sanitizer" not in shown
