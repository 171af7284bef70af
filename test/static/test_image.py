# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tools/image reads of the host, and that the pages name the same commands. No image is built here."""

import subprocess
from pathlib import Path

import by_hand
import pytest
import trees

TOP = Path(__file__).resolve().parents[2]


MODERN = """# A comment
Types: deb deb-src
URIs: {address}
Suites: {suites}
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


@pytest.mark.parametrize("files", [
    {"sources.list.d/debian.sources": f"{MODERN.format(address='http://b.example/debian-security', suites='trixie-security')}\n"
                                      f"{MODERN.format(address='http://a.example/debian', suites='trixie trixie-updates')}"},
    {"sources.list.d/debian.sources": MODERN.format(address="http://a.example/debian", suites="bookworm-updates bookworm")},
    {"sources.list": "# deb cdrom:[Debian]/ trixie main\ndeb http://b.example/debian-security trixie-security main\n"
                     "deb http://a.example/debian trixie main contrib\n"},
    {"sources.list": "deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian bookworm non-free main\n"},
    {"sources.list": "deb-src http://b.example/debian bookworm main\ndeb http://a.example/debian stable main\n"},
    {"sources.list": "", "sources.list.d/debian.list": "deb http://a.example/debian trixie main\n",
     "sources.list.d/container.list": "deb http://b.example/linux/debian trixie stable\n"},
    {"sources.list.d/debian.sources": MODERN.format(address="mirror+file:///etc/apt/mirrors/debian.list", suites="trixie trixie-updates"),
     "mirrors/debian.list": "# nearest\nhttp://a.example/debian\tpriority:1\n"}])
def test_the_archive_is_found_in_every_format_of_sources(files, tmp_path):
    for name, text in files.items():
        path = tmp_path / "etc/apt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert trees.mirror(tmp_path) == "http://a.example/debian"


def test_a_host_of_another_distribution_is_an_error(tmp_path):
    with pytest.raises(trees.Failed):
        trees.mirror(tmp_path)


def test_what_mkosi_makes_here_is_neither_committed_nor_copied():
    for name in trees.BY_HAND:
        assert subprocess.run(["git", "check-ignore", "-q", f"test/image/{name}"], cwd=TOP).returncode == 0, name


def test_the_pages_name_the_same_commands():
    """Those that test/vm/test_image.py runs."""
    assert by_hand.short_commands() == ["mkosi genkey", "mkosi --profile=verity build"]
    assert by_hand.commands() == ["cd test/image", *by_hand.short_commands(), "mkosi --profile=plain build"]
