# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipe-inspect alone: its answers, and that no unprivileged user keeps it from the processes of the system,
though it looks at users' processes, too. The real ipe-inspect looks at the processes of the host."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from calls import call
from children import running
from preflights import POLICY, stage
from programs import INSPECT

# More processes of one user than his budget has lines for: each has as many mappings as a process may have.
CROWD, MAPPINGS = 5, 64000
MAPS = """#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void) {
        int fd = open("/proc/self/exe", O_RDONLY);

        for (int n = 0; n < %d; n++)
                if (mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
                        return 1;
        write(1, "x", 1);
        pause();
        return 0;
}
"""


@pytest.fixture(scope="module")
def directory():
    """Where other users may execute something."""
    path = Path(tempfile.mkdtemp(prefix="ipe-inspect-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def build(directory, name, mappings):
    path = directory / name
    subprocess.run(["gcc", "-x", "c", "-o", path, "-"], input=MAPS % mappings, text=True, check=True)
    return path


@pytest.fixture(scope="module")
def many(directory):
    return build(directory, "many", MAPPINGS)


@pytest.fixture(scope="module")
def few(directory):
    return build(directory, "few", 1)


@contextlib.contextmanager
def running_as(path, user=0, effective=None, count=1):
    """Processes with that real user ID."""
    def become():
        os.setgroups([])
        os.setresuid(user, user if effective is None else effective, user if effective is None else effective)
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(running(path, preexec_fn=become)) for _ in range(count)]


def inspect(**request):
    result = subprocess.run([INSPECT], input=json.dumps({"paths": [], "modules": [], "firmware": [], **request}), text=True,
                            capture_output=True, check=True)
    return json.loads(result.stdout)


def find(answer, path):
    """The entry of a file; it has one."""
    entry, = [file for file in answer["files"] if file["path"] == str(path)]
    return entry


def scope(answer, path):
    return find(answer, path).get("scope", "system")


def cuts(answer):
    """{user: processes}"""
    return {cut["uid"]: cut["processes"] for cut in answer.get("cuts", [])}


def test_it_ends_where_nobody_waits_for_the_answer():
    """Otherwise callers who ask and leave could run it as often as they like, for seconds each."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen([INSPECT], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True)
    ours.sendall(json.dumps({"paths": [], "modules": [], "firmware": []}).encode())
    ours.close()
    assert process.communicate() == (None, "") and process.returncode == 0


def test_mappings_of_one_file_are_looked_at_once(many):
    """Opening each of them would exceed his budget; still nothing is cut."""
    with running_as(many, user=65534) as (process,):
        answer = inspect()
    assert find(answer, many)["processes"] == f"many[{process.pid}]"
    assert 65534 not in cuts(answer)


def test_a_user_who_spends_his_budget_costs_only_his_own_findings(many, few, directory):
    """Programs of root and of another user are found, though they were started later."""
    other = shutil.copy(few, directory / "other")
    with running_as(many, user=65534, count=CROWD), running_as(few), running_as(other, user=4711):
        answer = inspect(paths=["/usr/bin/env"])
    assert 0 < cuts(answer)[65534] <= CROWD and not {0, 4711} & cuts(answer).keys()
    assert cuts(answer).keys() <= {65534} | {uid for uid in cuts(answer) if uid > 999}
    assert (scope(answer, few), scope(answer, other)) == ("system", "users")
    assert scope(answer, os.path.realpath("/usr/bin/env")) == "essential"


def test_a_crowd_of_mappings_keeps_no_policy_from_being_activated(without_shadow, many):
    stage(without_shadow)
    with running_as(many, user=65534, count=CROWD):
        rows = call(without_shadow, "Preflight", POLICY)[0]
        call(without_shadow, "Activate", POLICY)
    assert [about for _, _, _, about in rows] == ["uid=65534"], "nothing is denied, and something was not looked at"


# A file system with one file, 'p'. It tells everything but how large the file system is, for which nobody ever gets an answer.
SILENT = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
if libc.mount(b"silent", sys.argv[1].encode(), b"fuse", 0, f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()):
    sys.exit(os.strerror(ctypes.get_errno()))
print("x", end="", flush=True)
def attributes(node):
    mode = 0o40755 if node == 1 else 0o100755
    return struct.pack("<QQQQQQIIIIIIIIII", node, 4096, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
INIT = struct.pack("<IIIIHHIIHHI", 7, 31, 65536, 0, 12, 9, 65536, 1, 1, 0, 0) + bytes(28)
LOOKUP, GETATTR, OPEN, STATFS, RELEASE, FLUSH, FUSE_INIT = 1, 3, 14, 17, 18, 25, 26
while True:
    data = os.read(fd, 1 << 17)
    _, operation, unique, node = struct.unpack_from("<IIQQ", data)
    if operation == STATFS:
        continue
    answer = {FUSE_INIT: INIT, GETATTR: struct.pack("<QII", 1, 0, 0) + attributes(node), OPEN: struct.pack("<QII", 1, 0, 0),
              LOOKUP: struct.pack("<QQQQII", 2, 0, 1, 1, 0, 0) + attributes(2), RELEASE: b"", FLUSH: b""}.get(operation)
    header = struct.pack("<IiQ", 16 + len(answer or b""), 0 if answer is not None else -38, unique)
    os.write(fd, header + (answer or b""))
"""
MAP_IT = """
import mmap, os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
kept = mmap.mmap(fd, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
print("x", end="", flush=True)
time.sleep(3600)
"""


def script(text, *arguments, **options):
    return running(sys.executable, "-c", text, *map(str, arguments), **options)


def test_a_file_system_that_does_not_answer_hangs_nobody(few, directory):
    """A user's FUSE file system, where /etc/fuse.conf permits others to use it. Programs of another user are still found."""
    if not os.access("/dev/fuse", os.R_OK):
        pytest.skip("there is no /dev/fuse")
    mount = directory / "mount"
    mount.mkdir()
    other = shutil.copy(few, directory / "beside")
    try:
        with script(SILENT, mount), script(MAP_IT, mount / "p", user=4711, extra_groups=[]), running_as(other, user=4712):
            result = subprocess.run([INSPECT], input=b'{"paths": [], "modules": [], "firmware": []}', stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, check=True)
    finally:
        subprocess.run(["umount", "-l", mount], check=True)
    answer = json.loads(result.stdout)
    assert cuts(answer)[4711] == 1 and scope(answer, other) == "users"


def test_long_paths_of_a_user_do_not_make_the_answer_too_large(few, directory):
    """Each is four times as long in the answer."""
    parent = directory
    for _ in range(12):
        parent = parent / ("\udcff" * 250)
        parent.mkdir()
    command = f"cp {few} . && i=0; while [ $i -lt 200 ]; do cp few few-$i; ./few-$i & i=$((i+1)); done >/dev/null; echo x; wait"
    process = subprocess.Popen(["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", command], cwd=parent,
                               stdout=subprocess.PIPE, start_new_session=True)
    parent.chmod(0o777)
    try:
        assert process.stdout.read(1)
        answer = inspect()
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        process.stdout.close()
    assert cuts(answer).get(65534), "not all of it fits"
    assert len(json.dumps(answer)) < 8 << 20


@pytest.mark.parametrize("real,effective,expected", [(0, 0, "system"), (0, 65534, "system"), (33, 33, "system"), (999, 999, "system"),
                                                     (1000, 1000, "users"), (65534, 0, "users"), (100000, 100000, "users")])
def test_a_process_is_its_real_users(few, real, effective, expected):
    """A program with the set-user-ID bit still belongs to the user who starts it."""
    with running_as(few, user=real, effective=effective):
        assert scope(inspect(), few) == expected


def test_a_program_that_the_system_runs_too_counts_as_the_systems(few):
    with running_as(few, user=1000), running_as(few):
        assert scope(inspect(), few) == "system"


def test_a_tool_is_looked_at_and_not_essential():
    tool = os.path.realpath("/usr/bin/env")
    assert scope(inspect(tools=[tool]), tool) == "system"
    assert scope(inspect(tools=[tool], paths=[tool]), tool) == "essential"


# Answers


@pytest.mark.parametrize("question", [b"", b"{}", b"[]", b"\xff", b'{"paths": [1], "modules": [], "firmware": []}',
                                      b'{"paths": ["relative"], "modules": [], "firmware": []}'])
def test_inspect_answers_no_nonsense(question):
    result = subprocess.run([INSPECT], input=question, capture_output=True, check=False)
    assert result.returncode == 1 and result.stdout == b"" and result.stderr.startswith(b"<3>Cannot inspect")


def loads(library, **names):
    """The modules and the firmware that ipe-inspect finds where /usr/lib also has the files of this directory."""
    request = json.dumps({"paths": [], "modules": [], "firmware": [], **names})
    mount = f"mount -t overlay -o lowerdir={library}:/usr/lib none /usr/lib"
    result = subprocess.run(["unshare", "-m", "sh", "-c", f"{mount} && exec {INSPECT}"], input=request, text=True,
                            capture_output=True, check=True)
    return [file["path"] for file in json.loads(result.stdout)["files"] if file["operation"] != "EXECUTE"]


def test_firmware_that_is_not_compressed_comes_first_wherever_it_is(tmp_path):
    for file in ("firmware/x.zst", "firmware/y", "firmware/updates/y.xz", "firmware/updates/x"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(file)
    assert loads(tmp_path, firmware=["x"]) == ["/lib/firmware/updates/x"]
    assert loads(tmp_path, firmware=["y"]) == ["/lib/firmware/y"]


def test_a_module_is_looked_at_with_what_it_needs(tmp_path):
    release = os.uname().release
    kernel = tmp_path / "lib/modules" / release / "kernel"
    kernel.mkdir(parents=True)
    for name, source in {"needed": 'const char names[] __attribute__((section("__ksymtab_strings"))) = "needed";',
                         "asked": "extern int needed(void); int asked(void) { return needed(); }"}.items():
        subprocess.run(["gcc", "-c", "-x", "c", "-o", kernel / f"{name}.ko", "-"], input=source, text=True, check=True)
    subprocess.run(["depmod", "-b", tmp_path, release], check=True)
    found = loads(tmp_path / "lib", modules=["asked"])
    assert found == [f"/lib/modules/{release}/kernel/{name}.ko" for name in ("asked", "needed")]
