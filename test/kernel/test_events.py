# SPDX-License-Identifier: LGPL-2.1-or-later
"""The file "events": a line of every denial, for each reader from its own place on, whatever audit does."""

import itertools
import os
import re
import shlex

import keys
import pytest
from guest import IPE
from world import World

EVENTS = f"{IPE}/events"
DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
KEYS = ("seq time ipe_op ipe_hook enforcing verdict shadow policy_name policy_version line rule pid uid comm cgroup path "
        "dev ino sdev").split()
# In a burst; many times what the kernel keeps.
STORM = 100000
POLLIN, POLLRDNORM = 0x001, 0x040
numbers = itertools.count(1)


def fields(line):
    """{key: value} of a line, values without their quotes."""
    assert line == line.strip() and "\n" not in line
    return dict(word.split("=", 1) for word in shlex.split(line))


class Reader:
    """An open file; a context manager that closes it."""

    def __init__(self, world, skip=True):
        self.machine, self.number = world.machine, next(numbers) % 16
        self.machine.must("events-open", self.number)
        if skip:
            self.count()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.machine.must("events-close", self.number)

    def count(self):
        """Reads all there is: (lines, lost, first number, last number)."""
        return tuple(map(int, self.machine.must("events-count", self.number).text.split()))

    def read(self, size=65536):
        return self.machine.call("events-read", self.number, size)

    def lines(self):
        answer = self.read()
        assert answer.name in ("OK", "EAGAIN") and (not answer.data or answer.data.endswith(b"\n"))
        return [fields(line) for line in answer.text.splitlines()]

    def rest(self):
        """All lines there are, and what is lost: ([fields of a line...], {uid: lost})."""
        lines, lost = [], {}
        while new := self.lines():
            lines += [line for line in new if "seq" in line]
            for line in new:
                if "lost" in line:
                    lost[line["uid"]] = lost.get(line["uid"], 0) + int(line["lost"])
        return lines, lost

    def polls(self):
        return int(self.machine.must("events-poll", self.number).text)


@pytest.fixture
def reader(world):
    """A reader that has read everything so far."""
    with Reader(world) as reader:
        yield reader


# The words of a line


def test_line_of_a_denied_execution(world, reader):
    name = world.activate(DENY)
    assert world.machine.errno("exec", "/tmp/hello") == "EACCES"
    line, = reader.lines()
    assert list(line) == KEYS
    numbers_of_line = {key: line.pop(key) for key in ("seq", "time", "pid")}
    assert all(int(value) > 0 for value in numbers_of_line.values())
    assert line == {
        "ipe_op": "EXECUTE", "ipe_hook": "BPRM_CHECK", "enforcing": "1", "verdict": "DENY", "shadow": "0",
        "policy_name": name, "policy_version": world.get(name, "version").decode(), "line": "3",
        "rule": "DEFAULT op=EXECUTE action=DENY", "uid": "0", "comm": "init", "cgroup": "/",
        "path": "/tmp/hello", "dev": "tmpfs",
        "ino": world.machine.must("inode", "/tmp/hello").text, "sdev": world.machine.must("device", "/tmp/hello").text}


def test_line_names_the_user(world, reader):
    world.activate(DENY)
    assert world.machine.errno("as", 2000, "mmap", "/tmp/hello") == "EACCES"
    line, = reader.lines()
    assert line["uid"] == "2000"


@pytest.fixture
def join(world):
    """Moves the machine's only process into a control group."""
    world.machine.must("mount", "none", "/cgroup", "cgroup2", "rw")

    def join(name):
        for end in (*(match.start() for match in re.finditer("/", name)), None):
            world.machine.errno("mkdir", f"/cgroup/{name[:end]}")
        world.machine.must("put", f"/cgroup/{name}/cgroup.procs", "1")

    yield join
    world.machine.must("put", "/cgroup/cgroup.procs", "1")
    world.machine.must("umount", "/cgroup")


DEEP = "/".join(["d"] * 32)


@pytest.mark.parametrize("name, value", (
    ("a.service", '"/a.service"'), ("a.service/b c", b"/a.service/b c".hex().upper()), ('a"', b'/a"'.hex().upper()),
    ("x" * 253, f'"/{"x" * 253}"'), ("y" * 254, "?"), ("z" * 200 + "/" + "z" * 200, "?"),
    (DEEP, f'"/{DEEP}"'), (f"{DEEP}/d", "?"),
), ids=("plain", "nested", "odd", "longest", "too-long", "too-long-together", "deepest", "too-deep"))
def test_line_names_the_control_group(world, reader, join, name, value):
    join(name)
    world.activate(DENY)
    assert world.machine.errno("mmap", "/tmp/hello") == "EACCES"
    assert f" cgroup={value} path=" in reader.read().text


@pytest.mark.parametrize("name", ("initramfs", "tmpfs", "ext4", "fsverity", "fsverity-signed", "verity",
                                  "verity-signed", "overlay-verity", "overlay-copied-up", "overlay-initramfs"))
def test_line_has_the_facts(world, reader, name):
    place = world.places[name]
    world.activate(DENY)
    assert world.machine.errno("mmap", place.path) == "EACCES"
    line, = reader.lines()
    facts = {key: "TRUE" if value is True else f"sha256:{value}" for key, value in place.facts.items()}
    assert {key: value for key, value in line.items() if key not in KEYS} == facts
    assert line["path"] == place.path
    # Of a file, stat() of overlayfs says a number of its own.
    assert line["sdev"] == world.machine.must("device", os.path.dirname(place.path)).text


def test_line_of_anonymous_memory(world, reader):
    world.activate("DEFAULT action=DENY\n")
    assert world.machine.errno("anonymous-mmap") == "EACCES"
    line, = reader.lines()
    assert list(line) == KEYS and {line[key] for key in ("path", "dev", "ino", "sdev")} == {"?"}
    assert (line["line"], line["rule"]) == ("2", "DEFAULT action=DENY")


def test_line_has_the_words_of_the_record(world, reader):
    world.activate("DEFAULT action=ALLOW\n op=KMODULE  boot_verified=TRUE action=DENY # x\n")
    world.machine.must("audit")
    assert world.machine.errno("insmod", "/test_module.ko") == "EACCES"
    line, = reader.lines()
    record, = [record for record in world.records() if record.type == 1420]
    assert {key: line[key] for key in record.fields} == record.fields
    assert line["line"] == "3"


def test_what_is_not_enforced_has_a_line(world, reader):
    world.activate(DENY)
    with world.switched("enforce", "0"):
        assert world.machine.errno("mmap", "/tmp/hello") == "OK"
    line, = reader.lines()
    assert (line["enforcing"], line["verdict"]) == ("0", "DENY")


def test_what_is_allowed_has_no_line(world, reader):
    world.activate(DENY)
    with world.switched("success_audit", "1"):
        assert world.machine.errno("insmod", "/certificate") == "ENOEXEC"
    assert reader.lines() == []


@pytest.mark.parametrize("name", ('quote" seq=1 x="', "space x", "line\nseq=1 time=1", "byte\xff", "tab\t", "back\\slash"))
def test_file_name_cannot_forge_a_field(world, reader, name):
    path = f"/tmp/{name}".encode("latin-1")
    world.machine.must("copy", "/bin/hello", path)
    world.activate(DENY)
    assert world.machine.errno("mmap", path) == "EACCES"
    raw = reader.read()
    assert raw.data.count(b"\n") == 1
    value = re.search(rb" path=(\S+) dev=", raw.data)[1]
    if re.fullmatch(rb"[!-~]+", path) and b'"' not in path:
        assert value == b'"' + path + b'"'
    else:
        assert value == path.hex().upper().encode()
    world.machine.must("unlink", path)


def test_command_name_cannot_forge_a_field(world, reader):
    name = b'a" pid=7 b="'
    world.activate(DENY)
    assert world.machine.errno("named", name, "mmap", "/tmp/hello") == "EACCES"
    assert f" comm={name.hex().upper()} cgroup=\"/\" path=" in reader.read().text


def test_long_rule_is_cut(world, reader):
    """The same as in a record."""
    value = world.places["fsverity"].facts["fsverity_digest"]
    properties = " ".join([f"fsverity_digest=sha256:{value}"] * 20)
    world.activate(f"DEFAULT action=ALLOW\nop=EXECUTE {properties} action=DENY\n")
    world.machine.must("audit")
    assert world.machine.errno("mmap", world.places["fsverity"].path) == "EACCES"
    line, = reader.lines()
    record, = [record for record in world.records() if record.type == 1420]
    assert len(line["rule"]) == 1024 and line["rule"] == record.fields["rule"]


def test_deep_path(world, reader):
    """Whole up to the bound that paths have, and unknown above it."""
    part = "d" * 250
    path = "/tmp"
    for _ in range(15):
        path = f"{path}/{part}"
        world.machine.must("mkdir", path)
    path += "/hello"
    world.machine.must("copy", "/bin/hello", path)
    world.activate(DENY)
    assert world.machine.errno("mmap", path) == "EACCES"
    line, = reader.lines()
    assert line["path"] == path and len(path) > 3700


def test_shadow_difference_has_a_line_of_the_shadow(world, reader):
    name = world.activate(DENY)
    shadow, header = world.header()
    assert world.load(keys.sign_policy(header + "DEFAULT action=ALLOW\n")) == "OK"
    assert world.put(shadow, "shadow") == "OK"
    assert world.machine.errno("mmap", "/tmp/hello") == "EACCES"
    denial, difference = reader.lines()
    assert (denial["policy_name"], denial["verdict"], denial["shadow"]) == (name, "DENY", "0")
    assert (difference["policy_name"], difference["verdict"], difference["shadow"]) == (shadow, "ALLOW", "1")
    assert (difference["line"], difference["rule"]) == ("2", "DEFAULT action=ALLOW")
    assert int(difference["seq"]) == int(denial["seq"]) + 1
    assert world.put(shadow, "delete") == "OK"
    assert world.machine.errno("mmap", "/tmp/hello") == "EACCES"
    assert len(reader.lines()) == 1


# Reading


def test_numbers_and_times_go_up(world, reader):
    world.activate(DENY)
    assert world.machine.must("storm", 20, "/tmp/hello").text == "20"
    lines = reader.lines()
    assert [int(line["seq"]) - int(lines[0]["seq"]) for line in lines] == list(range(20))
    times = [int(line["time"]) for line in lines]
    assert times == sorted(times) and times[0] > 0


def test_reader_that_has_read_all(world, reader):
    assert reader.polls() == 0
    assert reader.read().name == "EAGAIN"
    world.activate(DENY)
    world.machine.errno("mmap", "/tmp/hello")
    assert reader.polls() == POLLIN | POLLRDNORM
    assert reader.read(0).name == "OK"
    assert len(reader.lines()) == 1
    assert reader.polls() == 0


def test_buffer_that_is_too_small_consumes_nothing(world, reader):
    world.activate(DENY)
    assert world.machine.must("storm", 3, "/tmp/hello").text == "3"
    assert reader.read(1).name == "EINVAL" and reader.read(100).name == "EINVAL"
    whole = reader.read().data
    assert whole.count(b"\n") == 3
    assert world.machine.must("storm", 3, "/tmp/hello").text == "3"
    size = len(whole) // 3
    assert reader.read(size - 8).name == "EINVAL"
    # One line, and not a part of the next one.
    assert [reader.read(size + 20).data.count(b"\n") for _ in range(3)] == [1, 1, 1]
    assert reader.read().name == "EAGAIN"


def test_each_reader_has_its_own_place(world, reader):
    world.activate(DENY)
    with Reader(world) as other:
        assert world.machine.must("storm", 5, "/tmp/hello").text == "5"
        first = reader.lines()
        assert len(first) == 5 and reader.lines() == []
        assert other.lines() == first


def test_late_reader_starts_with_the_oldest_line(world):
    world.activate(DENY)
    assert world.machine.must("storm", STORM // 20, "/tmp/hello").text == str(STORM // 20)
    with Reader(world, skip=False) as one, Reader(world, skip=False) as other:
        lines, lost, first, last = one.count()
        # Half of the memory at least, and not all of it where others have lines.
        assert lost == 0 and lines <= last - first + 1 and 200 < lines < STORM // 20
        assert other.count() == (lines, lost, first, last)


@pytest.mark.parametrize("how", ("poll", "read"))
def test_sleeping_reader_is_woken(world, reader, how):
    world.activate(DENY)
    answer = world.machine.must("events-wait", reader.number, how, "/tmp/hello")
    assert answer.data.count(b"\n") == (1 if how == "read" else 0)
    assert len(reader.lines()) == (0 if how == "read" else 1)


@pytest.mark.parametrize("how", ("poll", "read"))
def test_sleeping_reader_is_interrupted(world, reader, how):
    assert world.machine.errno("events-wait", reader.number, how, "-") == "EINTR"
    assert reader.read().name == "EAGAIN"


def test_neither_place_nor_writing(world, reader):
    world.activate(DENY)
    world.machine.errno("mmap", "/tmp/hello")
    # ESPIPE, ESPIPE, EFAULT: and the line is still there.
    assert world.machine.must("events-seek", reader.number).text == "29 29 14"
    assert len(reader.lines()) == 1
    assert world.machine.errno("events-write") == "EINVAL"


def test_unprivileged_reader(world):
    assert world.machine.errno("as", 1000, "get", EVENTS) == "EACCES"
    assert world.machine.must("mode", EVENTS).text == "0400"


# Shares


def test_nobody_pushes_out_lines_of_root(world, reader):
    """By many denials of one file, or by few of each of many files."""
    world.activate(DENY)
    assert world.machine.errno("named", "implant", "mmap", "/tmp/hello") == "EACCES"
    assert world.machine.must("as", 1000, "storm-files", 700, "/tmp/noise").text == "700"
    assert world.machine.must("as", 1000, "storm", 2500, "/tmp/hello").text == "2500"
    lines, lost = reader.rest()
    assert lines[0]["comm"] == "implant" and [line["comm"] for line in lines].count("implant") == 1
    assert set(lost) == {"1000"} and len(lines) + lost["1000"] == 1 + 700 + 2500
    with Reader(world, skip=False) as late:
        lines, lost = late.rest()
        assert "implant" in [line["comm"] for line in lines] and not lost


def test_nobody_pushes_out_lines_of_another_user(world, reader):
    world.activate(DENY)
    assert world.machine.errno("as", 1001, "named", "victim", "mmap", "/tmp/hello") == "EACCES"
    assert world.machine.must("as", 1002, "storm", 5000, "/tmp/hello").text == "5000"
    # Root takes back what is its own, and not more.
    assert world.machine.must("storm", 5000, "/tmp/hello").text == "5000"
    lines, lost = reader.rest()
    assert lines[0]["comm"] == "victim"
    assert set(lost) == {"0", "1002"} and len(lines) + sum(lost.values()) == 1 + 5000 + 5000
    assert 0 < lost["1002"] < 5000 and 0 < lost["0"] < 5000


def test_users_beyond_those_that_have_a_share_are_one(world, reader):
    """Each is denied once, and all their lines are there as long as there is memory for them."""
    world.activate(DENY)
    for uid in range(2000, 2100):
        assert world.machine.errno("as", uid, "mmap", "/tmp/hello") == "EACCES"
    lines, lost = reader.rest()
    assert len(lines) == 100 and not lost
    assert world.machine.must("as", 2099, "storm", 5000, "/tmp/hello").text == "5000"
    lines, lost = reader.rest()
    assert set(lost) <= {"?", "2099"} and len(lines) + sum(lost.values()) == 5000


# Storms


def denied(world, name):
    line, = re.findall(r"^op=EXECUTE allowed=0 denied=(\d+)$", world.get(name, "stats").decode(), re.M)
    return int(line)


def storm(world):
    """Denials in a burst, before a slow reader, a late one, a fast one and one that never reads; returns how many."""
    name = world.activate(DENY)
    with Reader(world) as slow, Reader(world, skip=False), Reader(world) as fast:
        assert world.machine.must("storm", STORM // 4, *["/tmp/hello"] * 4).text == str(STORM)
        assert denied(world, name) == STORM
        lines, lost, _, last = slow.count()
        assert lines + lost == STORM and lost > STORM // 2 and lines > 200
        lines, lost, *_ = fast.count()
        assert lines + lost == STORM
        number, lines, lost, _, now = map(int, world.machine.must("events-storm", fast.number, STORM // 5,
                                                                  "/tmp/hello").text.split())
        assert number == lines + lost == STORM // 5 and now == last + number
        assert denied(world, name) == STORM + number
    return STORM + number


@pytest.mark.long_on("kasan")
@pytest.mark.parametrize("variant", ("uml", "kasan", "x86"), indirect=True)
def test_storm(world):
    world.machine.must("audit")
    total = storm(world)
    records = [record for record in world.records() if record.type == 1420]
    suppressed = sum(int(record.fields.get("suppressed", 0)) for record in records)
    # Five in ten seconds; a later record counts the rest, or none does yet.
    assert 5 <= len(records) < 200 and len(records) + suppressed <= total
    assert {record.string("path") for record in records} == {"/tmp/hello"}


@pytest.mark.long_on("kasan")
def test_storm_without_audit(boot, kit):
    """With audit=0 only the readers see denials."""
    world = World(boot("no-audit", "audit=0"), kit)
    world.machine.must("copy", "/bin/hello", "/tmp/hello")
    storm(world)
    assert not world.machine.trouble()
