# SPDX-License-Identifier: LGPL-2.1-or-later
"""The version of the project stands in three places, and they agree."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def find(path, pattern):
    return re.search(pattern, (TOP / path).read_text(), re.M).group(1)


def version():
    return find("meson.build", r"^\s*version : '(\d+\.\d+\.\d+)',$")


def test_the_news_begin_with_the_version():
    assert find("NEWS.md", r"^## (.*)$") == version()


def test_the_packages_have_the_version():
    assert find("debian/changelog", r"\Aipe \(([^)-]+)\) ") == version()


def test_the_page_on_releases_names_all_places():
    page = (TOP / "docs/release.md").read_text()
    assert not [place for place in ("meson.build", "NEWS.md", "debian/changelog") if f"`{place}`" not in page]
