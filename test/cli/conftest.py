# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectl as a user sees it: arguments in; output, messages and exit status out."""

import json
import os
import subprocess
from pathlib import Path

import pytest

import keys

TOP = Path(__file__).resolve().parents[2]

GOOD = """\
policy_name=corp-base policy_version=1.2.3
DEFAULT action=ALLOW
DEFAULT op=EXECUTE action=DENY
DEFAULT op=KEXEC_IMAGE action=DENY
op=EXECUTE boot_verified=TRUE action=ALLOW
op=EXECUTE dmverity_signature=TRUE action=ALLOW
"""

# Bytes that a terminal acts upon, and bytes that are not UTF-8.
HOSTILE_HEADER = b"policy_name=\033]0;x\007\xff\xe2\x80\xae policy_version=1.0.0\n"

# Makes root obey the permissions of files.
WITHOUT_OVERRIDE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search",
                    "--inh-caps=-dac_override,-dac_read_search"]


def build_directory():
    directory = TOP / os.environ.get("IPE_BUILD_DIR", "build/check-asan")
    if not (directory / "src/ipectl/ipectl").exists():
        pytest.exit(f"{directory} has no ipectl: set IPE_BUILD_DIR, or run tools/check", returncode=1)
    return directory


class Result:
    def __init__(self, completed):
        self.status = completed.returncode
        self.raw = completed.stdout
        self.output = os.fsdecode(completed.stdout)
        self.errors = os.fsdecode(completed.stderr)

    @property
    def json(self):
        return json.loads(self.output)

    def expect(self, status):
        assert self.status == status, f"exit status {self.status}\n{self.output}\n{self.errors}"
        assert "Sanitizer" not in self.errors
        return self


class Ipectl:
    def __init__(self, directory):
        self.path = build_directory() / "src/ipectl/ipectl"
        self.directory = directory

    def __call__(self, *arguments, status=0, input=b"", before=(), stdout=subprocess.PIPE):
        """Runs ipectl in a session of its own, so without a terminal, and checks its exit status.

        before: a command that runs it, such as setpriv."""
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                       "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}
        completed = subprocess.run([*before, str(self.path), *map(os.fsencode, arguments)], input=input,
                                   stdout=stdout, stderr=subprocess.PIPE, env=environment, timeout=60,
                                   cwd=self.directory, start_new_session=True)
        completed.stdout = completed.stdout or b""
        return Result(completed).expect(status)


@pytest.fixture
def ipectl(tmp_path):
    return Ipectl(tmp_path)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.policy"
    path.write_text(GOOD)
    return path


@pytest.fixture
def trust(tmp_path):
    """A directory that trusts the key "test", and not "other"."""
    directory = tmp_path / "trust"
    directory.mkdir()
    (directory / "signer.pem").write_bytes((keys.directory() / "test.crt").read_bytes())
    return directory
