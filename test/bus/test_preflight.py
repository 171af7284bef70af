# SPDX-License-Identifier: LGPL-2.1-or-later
"""Preflight by simulation, WouldLockOut and ListVolumes: the real ipectld asks the real ipe-inspect, which looks at the
processes of the host. Volumes and signatures are proven in test/vm; plain files stand in for the kernel, see
kernel_files.py."""

import os
import shutil
import subprocess
import threading

import pytest

from calls import call, refused
from children import running
from inspections import FILE, USR, facts
from machine import policy_text, signed
from preflights import DENY, LOCK_OUT, POLICY, RULE, activate, findings, is_activated, stage

# Runs until it is killed, so that it can be looked at.
STAYS = "#include <unistd.h>\nint main(void) { write(1, \"x\", 1); pause(); return 0; }\n"
SIGNED = ("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nop=EXECUTE dmverity_signature=TRUE action=ALLOW\n"
          f"op=EXECUTE fsverity_digest=sha256:{'ab' * 32} action=ALLOW\nop=EXECUTE boot_verified=TRUE action=ALLOW\n")


@pytest.fixture
def machine(without_shadow):
    return without_shadow


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A program that prints "x", and stays."""
    path = tmp_path_factory.mktemp("program") / "stays"
    subprocess.run(["gcc", "-O1", "-x", "c", "-o", path, "-"], input=STAYS, text=True, check=True)
    return path


# Findings


def test_what_nothing_denies_is_activated(machine):
    stage(machine)
    assert call(machine, "Preflight", POLICY) == ([],)
    activate(machine)
    assert is_activated(machine)


def test_what_runs_is_found_with_its_processes(machine, program):
    stage(machine, body=DENY)
    with running(program) as process:
        operation, rule, processes = findings(machine)[str(program)]
    assert (operation, rule) == ("EXECUTE", RULE)
    assert processes == f"stays[{process.pid}]"


def test_what_is_essential_is_found_whether_it_runs_or_not(machine):
    stage(machine, body=DENY)
    found = findings(machine)
    for path in ("/usr/bin/sh", "/usr/sbin/agetty", "/usr/bin/su", "/usr/sbin/sulogin", "/usr/bin/dbus-daemon"):
        if os.path.exists(path):
            assert path in found or os.path.realpath(path) in found, path


def test_what_the_configuration_calls_essential_is_found(machine, tmp_path):
    quiet = tmp_path / "quiet"
    shutil.copy("/bin/true", quiet)
    machine.configure("PreflightSec=0", f"EssentialPaths={quiet} /nothing/there", "EssentialModules=no_such",
                      "EssentialFirmware=no/such")
    machine.call("Reload")
    stage(machine, body=DENY)
    found = findings(machine)
    assert found[str(quiet)] == ["EXECUTE", f"{RULE} (it is essential)", ""]
    assert "/nothing/there" not in found, "what is not there is denied by nobody"


# Paths as bytes, and as they are shown.
ODD = {b"new\nline": "new\nline", b"quote\"'": "quote\"'", b"not-\xff-utf8": "not-\\xff-utf8", b"gone (deleted)": None,
       "schön".encode(): "schön", b"a, b[1]": "a, b[1]"}


@pytest.mark.parametrize("name", ODD)
def test_odd_names(machine, program, tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name)
    shutil.copy(program, path)
    stage(machine, body=DENY)
    with running(path) as process:
        found = findings(machine)
    shown = f"{tmp_path}/{ODD[name] or name.decode()}"
    assert found[shown][2].endswith(f"[{process.pid}]")
    assert "," not in found[shown][2], "a process does not look like two"


def test_a_file_that_was_deleted_is_still_found(machine, program, tmp_path):
    path = tmp_path / "once"
    shutil.copy(program, path)
    stage(machine, body=DENY)
    with running(path) as process:
        path.unlink()
        assert findings(machine)[f"{path} (deleted)"][2] == f"once[{process.pid}]"


def test_a_path_that_is_another_file_elsewhere(machine, program, tmp_path):
    """In another mount namespace the path leads to the running program, here to a file that nobody runs."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    stage(machine, body=DENY)
    with running("unshare", "--mount", "sh", "-c", f"mount --bind {program} {elsewhere} && exec {elsewhere}"):
        assert str(elsewhere) in findings(machine)


def build_jit(directory, flags, file):
    """A program that has mapped, as executable, something that is no program."""
    source = ("#include <fcntl.h>\n#include <sys/mman.h>\n#include <unistd.h>\nint main(void) { "
              f"if (mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | {flags}, {file}, 0) == MAP_FAILED) return 1; "
              "write(1, \"x\", 1); pause(); return 0; }\n")
    path = directory / "jit"
    subprocess.run(["gcc", "-x", "c", "-o", path, "-"], input=source, text=True, check=True)
    return path


def test_memory_without_a_file_is_found(machine, tmp_path):
    path = build_jit(tmp_path, "MAP_ANONYMOUS", -1)
    stage(machine, body=DENY)
    with running(path) as process:
        rows = [row for row in call(machine, "Preflight", POLICY)[0] if not row[0]]
    assert any(f"jit[{process.pid}]" in row[3] or row[3].endswith("...") for row in rows)


def test_a_device_that_is_mapped_is_found(machine, tmp_path):
    path = build_jit(tmp_path, "0", 'open("/dev/zero", O_RDONLY)')
    stage(machine, body=DENY)
    with running(path) as process:
        assert findings(machine)["/dev/zero"] == ["EXECUTE", RULE, f"jit[{process.pid}]"]


def findings_with_essential(machine, *paths):
    """The findings about a policy that denies everything, with these essential paths."""
    words = " ".join(map(str, paths))
    machine.configure("PreflightSec=0", f"EssentialPaths={words}")
    machine.call("Reload")
    stage(machine, body=DENY)
    return findings(machine)


def test_a_path_that_cannot_be_opened_may_be_anything(machine, tmp_path):
    """It is reported, and so is everything else."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    found = findings_with_essential(machine, loop)
    assert "it cannot be opened" in found[str(loop)][1] and len(found) > 1


def test_nothing_is_opened_that_would_wait(machine, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    found = findings_with_essential(machine, fifo, "/dev/zero")
    assert not {str(fifo), "/dev/zero"} & found.keys(), "nothing but a regular file is executed"


def test_processes_come_and_go_meanwhile(machine):
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            subprocess.run(["/bin/true"], check=True)
    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        stage(machine)
        for _ in range(20):
            assert call(machine, "Preflight", POLICY) == ([],)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# WouldLockOut


def test_what_would_be_denied_is_not_activated(machine, program):
    stage(machine, body=DENY)
    with running(program):
        for function in (activate, lambda machine: call(machine, "Activate", POLICY)):
            error = refused(machine, function)
            assert error.name == LOCK_OUT
            assert "'ipectl preflight corp-base'" in error.message and RULE in error.message
    assert not is_activated(machine) and machine.list()[(POLICY, "1.0.0")][0] == "staged"


def test_a_refusal_that_needs_no_inspection_makes_none(machine):
    before = machine.inspector.calls
    assert refused(machine, activate).name == "org.ipe.Error.NoSuchPolicy"
    assert refused(machine, call, "Preflight", POLICY).name == "org.ipe.Error.NoSuchPolicy"
    assert machine.inspector.calls == before


# Verdicts over made-up facts; the volumes are none of this machine


def test_a_volume_that_the_kernel_has_not_verified_is_called_out(machine):
    stage(machine, body=SIGNED)
    facts(machine, {**FILE, "volume": 0}, {**FILE, "path": "/other"}, volumes=[USR])
    found = findings(machine)
    assert found["/x"][1].startswith(f"{RULE} (the signature of its volume 'usr' was not verified by the kernel")
    assert found["/other"][1] == RULE
    facts(machine, {**FILE, "volume": 0}, volumes=[{**USR, "signed": True}])
    assert findings(machine) == {}


@pytest.mark.parametrize("known", [{"fsverity": f"sha256:{'ab' * 32}"}, {"initramfs": True}])
def test_facts_of_a_file(machine, known):
    stage(machine, body=SIGNED)
    facts(machine, {**FILE, **known})
    assert findings(machine) == {}
    facts(machine, {**FILE, "fsverity": f"sha512:{'ab' * 32}"})
    assert findings(machine).keys() == {"/x"}


def test_what_could_not_be_found_out_is_said(machine):
    stage(machine, body=DENY)
    facts(machine, {**FILE, "note": "it is on overlayfs"})
    assert findings(machine)["/x"][1] == f"{RULE} (it is on overlayfs)"


def test_what_is_denied_already_changes_nothing(machine):
    stage(machine, version="2.0.0", body=DENY)
    machine.kernel.put_policy(POLICY, ("1.0.0", signed(body=SIGNED)), ("2.0.0", signed(version="2.0.0", body=DENY)), active=True)
    machine.kernel.put(f"policies/{POLICY}/policy", policy_text(body=SIGNED))
    facts(machine, FILE, {**FILE, "path": "/allowed", "initramfs": True})
    assert findings(machine).keys() == {"/allowed"}
    machine.kernel.put("enforce", "0")
    assert findings(machine).keys() == {"/x", "/allowed"}, "where nothing is enforced nothing was denied"


def test_the_active_policy_may_know_more_of_a_file_that_is_known_in_part(machine):
    """A program on overlayfs over a signed volume is allowed today, though only the kernel can tell why."""
    stage(machine, version="2.0.0", body=DENY)
    machine.kernel.put_policy(POLICY, ("1.0.0", signed(body=SIGNED)), ("2.0.0", signed(version="2.0.0", body=DENY)), active=True)
    machine.kernel.put(f"policies/{POLICY}/policy", policy_text(body=SIGNED))
    facts(machine, FILE, {**FILE, "path": "/layered", "note": "it is on overlayfs", "incomplete": True})
    assert findings(machine).keys() == {"/layered"}


def test_findings_are_bounded_and_counted(machine):
    stage(machine, body=DENY)
    facts(machine, *({**FILE, "path": f"/{number}"} for number in range(1500)))
    rows = call(machine, "Preflight", POLICY)[0]
    assert len(rows) == 1001 and rows[-1] == ("", "", "500 denials or more were missed", "")
    assert "would deny 1500 things" in refused(machine, activate).message


# ListVolumes


def test_volumes_are_listed_with_the_verdict_of_the_active_policy(machine):
    facts(machine, volumes=[USR, {**USR, "name": "root", "device": [254, 2], "signed": True}])
    unsigned, root = ("usr", f"sha256:{'01' * 32}", False), ("root", f"sha256:{'01' * 32}", True)
    assert call(machine, "ListVolumes") == ([(*unsigned, "", ""), (*root, "", "")],)
    machine.kernel.put_policy(POLICY, ("1.0.0", signed(body=SIGNED)), active=True)
    machine.kernel.put(f"policies/{POLICY}/policy", policy_text(body=SIGNED))
    assert call(machine, "ListVolumes") == ([(*unsigned, "DENY", RULE),
                                             (*root, "ALLOW", "op=EXECUTE dmverity_signature=TRUE action=ALLOW")],)
    machine.kernel.put(f"policies/{POLICY}/policy", "what is no policy")
    assert call(machine, "ListVolumes") == ([(*unsigned, "", ""), (*root, "", "")],)


def test_no_volumes_are_an_empty_list(machine):
    assert call(machine, "ListVolumes") == ([],)
