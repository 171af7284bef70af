# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every folder of src is a room. Includes run down from room to room, and never in a circle.

The includes alone are read, nothing is compiled. docs/ARCHITECTURE.md says what each room is for.
"""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]

LIBRARY = ["basic", "policy", "libipe"]
# {room: the rooms that it may include from, beside itself}. A folder of src with C files that is not here is an error, and so is an
# entry without such a folder.
ROOMS = {
    "basic": [],
    "policy": [],
    "policy/tests": ["policy"],
    "lsm": ["policy"],
    "lsm/providers": ["lsm", "policy"],
    "lsm/tests": ["lsm", "lsm/providers", "policy", "policy/tests"],
    "libipe": ["basic", "policy"],
    "ipe-load": LIBRARY,
    "ipe-generator": LIBRARY,
    "ipe-volume-check": LIBRARY,
    "ipe-health": LIBRARY,
    "ipe-inspect": LIBRARY,
    "ipe-open": LIBRARY,
    "ipectl": LIBRARY,
    # From the bottom: each may include from those before it, but judge and denials know nothing of each other.
    "ipectld/client": LIBRARY,
    "ipectld/core": [*LIBRARY, "ipectld/client"],
    "ipectld/denials": [*LIBRARY, "ipectld/client", "ipectld/core"],
    "ipectld/judge": [*LIBRARY, "ipectld/client", "ipectld/core"],
    "ipectld/health": [*LIBRARY, "ipectld/client", "ipectld/core", "ipectld/denials", "ipectld/judge"],
    "ipectld/lifecycle": [*LIBRARY, "ipectld/client", "ipectld/core", "ipectld/denials", "ipectld/judge", "ipectld/health"],
    "ipectld/files": [*LIBRARY, "ipectld/client", "ipectld/core", "ipectld/lifecycle"],
    "ipectld/bus": [*LIBRARY, "ipectld/client", "ipectld/core", "ipectld/denials", "ipectld/judge", "ipectld/health",
                    "ipectld/lifecycle", "ipectld/files"],
    "ipectld/start": [*LIBRARY, "ipectld/client", "ipectld/core", "ipectld/denials", "ipectld/judge", "ipectld/health",
                      "ipectld/lifecycle", "ipectld/files", "ipectld/bus"],
}

# kbuild takes "ipe." of the kernel's parameters from the name of ipe.c, which knows all files; ipe.h is for all files.
ENTRIES = ["lsm/ipe.c"]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)
# In the kernel's tree src/lsm is security/ipe, and this is where the kernel itself begins.
KERNEL_TREE = "../../"
# src/lsm/Makefile makes them of the list of providers.
GENERATED = ["provider-list.h", "provider-blobs.h"]


def room_of(path):
    return path.rpartition("/")[0]


class Source:
    """The C files below a folder. Paths are relative to it."""

    def __init__(self, folder, rooms):
        self.folder, self.rooms = folder, rooms
        self.files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.[ch]"))
        self.headers = [path for path in self.files if path.endswith(".h")]

    def candidates(self, path, name):
        """The headers that an include may mean. The compiler looks beside the file first; then come the rooms of the same program and
        those below, and last all others, where only an error can come of it."""
        room = room_of(path)
        own = f"{room}/{name}"
        if own in self.headers:
            return [own]
        named = [header for header in self.headers if f"/{header}".endswith(f"/{name}")]
        near = [header for header in named if room_of(header) in self.rooms[room] or header.split("/")[0] == path.split("/")[0]]
        return near or named

    def includes(self):
        """(file, name in the include, headers that it may mean) of each include of a file in a known room."""
        for path in self.files:
            if room_of(path) in self.rooms:
                for name in INCLUDE.findall((self.folder / path).read_text()):
                    if not (room_of(path) == "lsm" and (name.startswith(KERNEL_TREE) or name in GENERATED)):
                        yield path, name, self.candidates(path, name)

    def wrong_rooms(self):
        """Differences of the table from the folders."""
        found = {room_of(path) for path in self.files}
        below = {room for rooms in self.rooms.values() for room in rooms}
        return [*(f"src/{room} has C files and is not in ROOMS" for room in sorted(found - set(self.rooms))),
                *(f"ROOMS has {room}, and src has no such room" for room in sorted((set(self.rooms) | below) - found))]

    def wrong_includes(self):
        """Those that run up, that mean no header, or that may mean several."""
        wrong = []
        for path, name, candidates in self.includes():
            if len(candidates) != 1:
                wrong.append(f"src/{path}: \"{name}\" is {' or '.join(candidates) or 'no header of src'}")
            elif room_of(candidates[0]) not in (room_of(path), *self.rooms[room_of(path)]):
                wrong.append(f"src/{path}: {room_of(path)} may not include from {room_of(candidates[0])} (\"{name}\")")
        return wrong

    @staticmethod
    def module_of(path):
        """x.c, x.h and x-internal.h are the module x."""
        return path if path in ENTRIES else path[:-2].removesuffix("-internal")

    def arrows(self):
        """{module: the modules that it includes}"""
        found = {self.module_of(path): set() for path in self.files}
        for path, _, candidates in self.includes():
            if len(candidates) == 1:
                found[self.module_of(path)].add(self.module_of(candidates[0]))
        return {module: below - {module} for module, below in found.items()}

    def circles(self):
        """Each as the sorted list of the modules that include one another, by way of others or not."""
        arrows = self.arrows()
        reached = {}
        for start in arrows:
            reached[start], todo = set(), [start]
            while todo:
                new = arrows[todo.pop()] - reached[start]
                reached[start] |= new
                todo.extend(new)
        return sorted({tuple(sorted(other for other in reached[module] if module in reached[other])) for module in arrows} - {()})


def assert_none(wrong):
    lines = "\n".join(wrong)
    assert not lines, lines


@pytest.fixture(scope="module")
def source():
    return Source(TOP / "src", ROOMS)


def test_every_folder_is_a_room(source):
    assert_none(source.wrong_rooms())


def test_includes_run_down(source):
    assert_none(source.wrong_includes())


def test_modules_form_no_circle(source):
    assert_none(f"{', '.join(circle)} include one another" for circle in source.circles())


def test_rooms_form_no_circle():
    """The table itself: otherwise an arrow could run down both ways."""
    open_rooms = dict(ROOMS)
    while open_rooms:
        leaves = [room for room, below in open_rooms.items() if not set(below) & set(open_rooms)]
        assert leaves, f"these include from one another: {sorted(open_rooms)}"
        for room in leaves:
            del open_rooms[room]


# The checker itself, on a tree of a few lines.

SMALL_ROOMS = {"low": [], "program/core": ["low"], "program/bus": ["low", "program/core"], "other": ["low"]}
SMALL_TREE = {
    "low/text.h": "", "low/text.c": '#include "text.h"\n#include <string.h>\n',
    "program/core/state.h": '#include "text.h"\n', "program/core/state.c": '#include "state.h"\n',
    "program/bus/call.h": "", "program/bus/call.c": '#include "call.h"\n  #  include "core/state.h"\n',
    "other/call.h": "", "other/main.c": '#include "call.h"\n#include "text.h"\n',
}


@pytest.fixture
def small(tmp_path):
    """Makes the small tree, with further files or other ones."""
    def make(changes=None, rooms=SMALL_ROOMS):
        for name, text in {**SMALL_TREE, **(changes or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Source(tmp_path, rooms)
    return make


def test_a_clean_tree_passes(small):
    source = small()
    assert not source.wrong_rooms() + source.wrong_includes() + source.circles()
    assert source.arrows()["program/bus/call"] == {"program/core/state"} and source.arrows()["other/main"] == {"other/call", "low/text"}


@pytest.mark.parametrize("path, text", [
    ("low/text.c", '#include "state.h"'), ("low/text.h", '#include "program/core/state.h"'), ("program/core/state.c", '#include "bus/call.h"'),
    ("program/core/state.h", '#include "call.h"'), ("other/main.c", '#include "state.h"'), ("program/bus/call.c", '#include "other/call.h"')])
def test_an_arrow_to_a_room_that_is_not_below_is_found(small, path, text):
    wrong, = small({path: f"{text}\n"}).wrong_includes()
    assert wrong.startswith(f"src/{path}: {room_of(path)} may not include from ")


@pytest.mark.parametrize("folder", ["attic", "program", "program/attic", "low/attic"])
def test_a_folder_that_the_table_does_not_have_is_found(small, folder):
    assert small({f"{folder}/new.c": ""}).wrong_rooms() == [f"src/{folder} has C files and is not in ROOMS"]


def test_a_room_without_a_folder_is_found(small):
    assert small(rooms={**SMALL_ROOMS, "gone": []}).wrong_rooms() == ["ROOMS has gone, and src has no such room"]


def test_an_include_of_no_header_is_found(small):
    wrong = small({"low/text.c": '#include "txet.h"\n#include "../other/call.h"\n'}).wrong_includes()
    assert wrong == ['src/low/text.c: "txet.h" is no header of src', 'src/low/text.c: "../other/call.h" is no header of src']


def test_an_include_that_may_mean_two_headers_is_found(small):
    """Beside the file is no doubt, and a path ends it; otherwise the order of -I would decide."""
    source = small({"program/core/call.h": "", "program/bus/main.c": '#include "call.h"\n', "program/core/main.c": '#include "core/call.h"\n',
                    "program/start/main.c": '#include "call.h"\n'}, {**SMALL_ROOMS, "program/start": ["program/core", "program/bus"]})
    assert source.wrong_includes() == ['src/program/start/main.c: "call.h" is program/bus/call.h or program/core/call.h']


@pytest.mark.parametrize("changes, circle", [
    ({"low/text.h": '#include "more.h"\n', "low/more.c": '#include "text.h"\n', "low/more.h": ""}, ("low/more", "low/text")),
    ({"low/a.h": '#include "b.h"\n', "low/b.h": '#include "c.h"\n', "low/c.c": '#include "low/a.h"\n', "low/c.h": ""},
     ("low/a", "low/b", "low/c")),
    ({"program/core/state.c": '#include "bus/call.h"\n'}, ("program/bus/call", "program/core/state"))])
def test_a_circle_is_found(small, changes, circle):
    assert small(changes).circles() == [circle]


def test_an_internal_header_belongs_to_its_module(small):
    whole = {"low/text.c": '#include "text-internal.h"\n', "low/text-internal.h": '#include "text.h"\n', "low/text-cut.c": '#include "text-internal.h"\n'}
    assert not small(whole).circles()
    assert small({**whole, "low/text-cut.h": "", "low/text.h": '#include "text-cut.h"\n'}).circles() == [("low/text", "low/text-cut")]
