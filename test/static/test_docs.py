# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages for people: width, links, and words that they quote from the programs."""

import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PROSE_COLUMNS = 100
# Words of entries that libcrypto brings.
OF_LIBCRYPTO = {"not yet valid"}
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Words in ticks that are a path from the top of the tree. One with a capital word in it stands for any name.
PATH = re.compile(r"`((?:src|test|tools|man|dbus|docs|units|catalog|policy\.d)/[\w./@-]+)`")


def tracked(*patterns):
    output = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
                            cwd=TOP, check=True, capture_output=True, text=True).stdout
    return sorted(line for line in output.splitlines() if (TOP / line).is_file())


PAGES = tracked("*.md")


def text_of(page):
    """The page without its fenced blocks, whose lines are those of programs; they leave empty lines."""
    text = (TOP / page).read_text()
    return re.sub(r"^```.*?^```$", lambda block: "\n" * block.group().count("\n"), text, flags=re.M | re.S)


def anchors(path):
    """The headings as hosts of repositories name them in links."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_pages():
    assert {"README.md", "CONTRIBUTING.md", "docs/HACKING.md", "docs/security.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_prose_fits(page):
    wide = [f"{page}:{number}: {len(line)} columns" for number, line in enumerate(text_of(page).splitlines(), 1)
            if len(line) > PROSE_COLUMNS and not line.startswith("|") and not LINK.search(line)]
    assert not wide


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(text_of(page)):
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        target = TOP / page if not place else (TOP / page).parent / place
        if not target.exists() or anchor and anchor not in anchors(target):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES)
def test_paths_are_there(page):
    paths = {path for path in PATH.findall(text_of(page)) if "NAME" not in path}
    assert {path for path in paths if not (TOP / path).exists()} == set()


def test_entries_that_the_page_on_boots_quotes_are_written():
    """The last column of its table says who reports, and words of the entry."""
    sources = re.sub(r'"\s*\n\s*"', "", "".join((TOP / path).read_text() for path in tracked("src/*.c")))
    cells = re.findall(r"^\|.*\| ([^|]+) \|$", (TOP / "docs/boot.md").read_text(), re.M)
    quoted = {words for cell in cells if not cell.startswith("systemd") for words in re.findall(r'"([^"]+)"', cell)}
    assert len(quoted) > 5
    assert {words for words in quoted if words not in sources} == OF_LIBCRYPTO
