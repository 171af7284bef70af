# SPDX-License-Identifier: LGPL-2.1-or-later
"""The settings of ipectld.conf: the program, the file with the defaults, and the manual agree on each key and each default."""

import re
from pathlib import Path
from xml.etree import ElementTree

TOP = Path(__file__).resolve().parents[2]
SOURCE = TOP / "src/libipe/config.c"
FILE = TOP / "src/libipe/ipectld.conf"
MANUAL = TOP / "man/ipectld.conf.5.xml"
UNITS = {"": 1, "s": 1, "min": 60, "h": 3600}
# A row of the table: key, parser, member.
ROW = re.compile(r'\{ "(\w+)", parse_(\w+), [^{}]*?offsetof\(Config, (\w+)\)[^{}]*\}', re.S)


def rows():
    """{key: (parser, member)}"""
    table = re.search(r"^static const Setting settings\[\] = \{(.*?)^\};", SOURCE.read_text(), re.M | re.S).group(1)
    found = {key: (parser, member) for key, parser, member in ROW.findall(table)}
    assert len(found) == table.count("offsetof(") > 10
    return found


def on_failures():
    """The words of OnFailure=, the default first."""
    return re.findall(r'"(\w+)"', re.search(r"^static const char \*const on_failures\[.*", SOURCE.read_text(), re.M).group())


def in_seconds(text):
    number, unit = re.fullmatch(r"(\d+)([a-z]*)", text).groups()
    return int(number) * UNITS[unit]


def meaning(parser, text):
    """A value as the program understands it, so that 120 is 2min."""
    return in_seconds(text) if parser == "seconds" else text


def built_in(parser, initial):
    """The default of a setting. A member that config_default leaves out is zero."""
    if parser == "seconds":
        return int(initial or 0)
    if parser == "count":
        return initial or "0"
    if parser == "boolean":
        return "yes" if initial == "true" else "no"
    if parser == "confirm":
        return initial.removeprefix("CONFIRM_").lower()
    if parser == "on_failure":
        return initial.removeprefix("ON_FAILURE_").lower() if initial else on_failures()[0]
    # A list.
    assert not initial
    return ""


def defaults_of_the_program():
    text = re.search(r"^const Config config_default = \{(.*?)\}", SOURCE.read_text(), re.M | re.S).group(1)
    initial = dict(re.findall(r"\.(\w+) = (\w+)", text))
    assert set(initial) <= {member for _, member in rows().values()}
    return {key: built_in(parser, initial.get(member)) for key, (parser, member) in rows().items()}


def defaults_of_the_file():
    lines = re.findall(r"^#(\w+)=(.*)$", FILE.read_text(), re.M)
    assert len(dict(lines)) == len(lines)
    return {key: meaning(rows().get(key, ("",))[0], value) for key, value in lines}


def defaults_of_the_manual():
    """The end of each entry says "Default: VALUE."; none is an empty list."""
    found = {}
    for entry in ElementTree.parse(MANUAL).iter("varlistentry"):
        keys = [term.find("varname").text.removesuffix("=") for term in entry.iter("term")]
        value = re.search(r"Default: (\w+)\.$", " ".join("".join(entry.find("listitem").itertext()).split())).group(1)
        found |= {key: meaning(rows().get(key, ("",))[0], "" if value == "none" else value) for key in keys}
    return found


def test_the_file_has_each_setting_and_its_default():
    assert defaults_of_the_file() == defaults_of_the_program()


def test_the_manual_has_each_setting_and_its_default():
    assert defaults_of_the_manual() == defaults_of_the_program()


def test_the_file_sets_nothing():
    lines = [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["[Manager]"]


def test_the_file_says_of_each_setting_what_it_does():
    blocks = [block.splitlines() for block in FILE.read_text().split("\n\n")[2:]]
    assert len(blocks) == len(rows())
    assert not [block[-1] for block in blocks if len(block) < 2 or not all(line.startswith("# ") for line in block[:-1])]


def test_the_file_fits_a_terminal():
    assert [line for line in FILE.read_text().splitlines() if len(line) > 79] == []


def test_the_manual_shows_the_file():
    include = ElementTree.parse(MANUAL).find(".//{http://www.w3.org/2001/XInclude}include")
    assert (MANUAL.parent / include.get("href")).resolve() == FILE and include.get("parse") == "text"
