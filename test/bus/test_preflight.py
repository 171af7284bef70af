# SPDX-License-Identifier: LGPL-2.1-or-later
"""Preflight by simulation, WouldLockOut and ListVolumes: the real ipectld asks the real ipe-inspect, which looks at the
processes of the host. Volumes and signatures are proven in test/vm; plain files stand in for the kernel, see
kernel_files.py."""

import contextlib
import json
import os
import shutil
import subprocess
import threading

import pytest
from gi.repository import GLib

from machine import BUILD, BusError, Connection, policy_text, signed

POLICY = "corp-base"
DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
RULE = "DEFAULT op=EXECUTE action=DENY"
LOCK_OUT = "org.ipe.Error.WouldLockOut"
NOT_SUPPORTED = "org.ipe.Error.NotSupported"
INSPECT = BUILD / "src/ipe-inspect/ipe-inspect"
# As long as a program has to be there to be looked at.
STAYS = "#include <unistd.h>\nint main(void) { write(1, \"x\", 1); pause(); return 0; }\n"


@pytest.fixture
def kernel(bare, kernel_files):
    """A machine with the kernel's files, and nothing active; there is no shadow to watch in."""
    bare.kernel.keep_quiet(bare)
    (bare.etc / "ipectld.conf").write_text("[Manager]\nConfirm=manual\nPreflightSec=0\n")
    bare.start_daemon()
    return bare


def call(machine, method, *arguments):
    return machine.call(method, GLib.Variant(f"({'s' * len(arguments)})", arguments))


def activate(machine, **options):
    return machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, {
        "trial-sec": GLib.Variant("t", 0), **options})))


def refused(machine, function, *arguments, **options):
    with pytest.raises(BusError) as error:
        function(machine, *arguments, **options)
    return error.value


FORCE = {"force": GLib.Variant("b", True)}
ON_TRIAL = {"trial-sec": GLib.Variant("t", 60), "confirm": GLib.Variant("s", "manual")}


def stage(machine, version="1.0.0", **options):
    """Stages a version, and puts it where a kernel would have it."""
    envelope = signed(version=version, **options)
    machine.stage(envelope)
    machine.kernel.put_policy(POLICY, (version, envelope))


def is_activated(machine):
    """Whether the daemon has asked the kernel to enforce it."""
    return machine.kernel.read(f"policies/{POLICY}/active") == b"1"


def findings(machine):
    """{path: (operation, rule, processes)}; paths that occur twice are not of interest here."""
    return {path: rest for path, *rest in call(machine, "Preflight", POLICY)[0] if rest[0]}


def sentences(machine):
    """{what it is about: sentence}, of the entries that are no findings."""
    return {about: rule for path, operation, rule, about in call(machine, "Preflight", POLICY)[0] if not operation}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A program that says that it runs, and stays."""
    path = tmp_path_factory.mktemp("program") / "stays"
    subprocess.run(["gcc", "-O1", "-x", "c", "-o", path, "-"], input=STAYS, text=True, check=True)
    return path


@contextlib.contextmanager
def running(*command, **options):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **options)
    try:
        assert process.stdout.read(1) == b"x"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# What is found


def test_what_nothing_denies_is_activated(kernel):
    stage(kernel)
    assert call(kernel, "Preflight", POLICY) == ([],)
    activate(kernel)
    assert is_activated(kernel)


def test_what_runs_is_found_with_its_processes(kernel, program):
    stage(kernel, body=DENY)
    with running(program) as process:
        operation, rule, processes = findings(kernel)[str(program)]
    assert (operation, rule) == ("EXECUTE", RULE)
    assert processes == f"stays[{process.pid}]"


def test_what_is_essential_is_found_whether_it_runs_or_not(kernel):
    stage(kernel, body=DENY)
    found = findings(kernel)
    for path in ("/usr/bin/sh", "/usr/sbin/agetty", "/usr/bin/su", "/usr/sbin/sulogin", "/usr/bin/dbus-daemon"):
        if os.path.exists(path):
            assert path in found or os.path.realpath(path) in found, path


def test_what_the_configuration_calls_essential_is_found(kernel, tmp_path):
    quiet = tmp_path / "quiet"
    shutil.copy("/bin/true", quiet)
    (kernel.etc / "ipectld.conf").write_text(
        f"[Manager]\nPreflightSec=0\nEssentialPaths={quiet} /nothing/there\nEssentialModules=no_such\n"
        "EssentialFirmware=no/such\n")
    kernel.call("Reload")
    stage(kernel, body=DENY)
    found = findings(kernel)
    assert found[str(quiet)] == ["EXECUTE", f"{RULE} (it is essential)", ""]
    assert "/nothing/there" not in found, "what is not there is denied by nobody"


# What a path is, as bytes, and what is shown of it.
ODD = {b"new\nline": "new\nline", b"quote\"'": "quote\"'", b"not-\xff-utf8": "not-\\xff-utf8", b"gone (deleted)": None,
       "schön".encode(): "schön", b"a, b[1]": "a, b[1]"}


@pytest.mark.parametrize("name", ODD)
def test_odd_names(kernel, program, tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name)
    shutil.copy(program, path)
    stage(kernel, body=DENY)
    with running(path) as process:
        found = findings(kernel)
    shown = f"{tmp_path}/{ODD[name] or name.decode()}"
    assert found[shown][2].endswith(f"[{process.pid}]")
    assert "," not in found[shown][2], "a process does not look like two"


def test_a_file_that_was_deleted_is_still_found(kernel, program, tmp_path):
    path = tmp_path / "once"
    shutil.copy(program, path)
    stage(kernel, body=DENY)
    with running(path) as process:
        path.unlink()
        assert findings(kernel)[f"{path} (deleted)"][2] == f"once[{process.pid}]"


def test_a_path_that_is_another_file_elsewhere(kernel, program, tmp_path):
    """In another mount namespace the path leads to what runs; here to something that nobody runs."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    stage(kernel, body=DENY)
    with running("unshare", "--mount", "sh", "-c", f"mount --bind {program} {elsewhere} && exec {elsewhere}"):
        assert str(elsewhere) in findings(kernel)


def build_jit(directory, flags, file):
    """A program that has mapped something executable that is no program."""
    source = ("#include <fcntl.h>\n#include <sys/mman.h>\n#include <unistd.h>\nint main(void) { "
              f"if (mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | {flags}, {file}, 0) == MAP_FAILED) return 1; "
              "write(1, \"x\", 1); pause(); return 0; }\n")
    path = directory / "jit"
    subprocess.run(["gcc", "-x", "c", "-o", path, "-"], input=source, text=True, check=True)
    return path


def test_memory_without_a_file_is_found(kernel, tmp_path):
    path = build_jit(tmp_path, "MAP_ANONYMOUS", -1)
    stage(kernel, body=DENY)
    with running(path) as process:
        rows = [row for row in call(kernel, "Preflight", POLICY)[0] if not row[0]]
    assert any(f"jit[{process.pid}]" in row[3] or row[3].endswith("...") for row in rows)


def test_a_device_that_is_mapped_is_found(kernel, tmp_path):
    path = build_jit(tmp_path, "0", 'open("/dev/zero", O_RDONLY)')
    stage(kernel, body=DENY)
    with running(path) as process:
        assert findings(kernel)["/dev/zero"] == ["EXECUTE", RULE, f"jit[{process.pid}]"]


def findings_with_essential(kernel, *paths):
    """Of a policy that denies everything."""
    words = " ".join(map(str, paths))
    (kernel.etc / "ipectld.conf").write_text(f"[Manager]\nPreflightSec=0\nEssentialPaths={words}\n")
    kernel.call("Reload")
    stage(kernel, body=DENY)
    return findings(kernel)


def test_a_path_that_cannot_be_opened_may_be_anything(kernel, tmp_path):
    """It is told, and so is everything else."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    found = findings_with_essential(kernel, loop)
    assert "it cannot be opened" in found[str(loop)][1] and len(found) > 1


def test_nothing_is_opened_that_would_wait(kernel, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    found = findings_with_essential(kernel, fifo, "/dev/zero")
    assert not {str(fifo), "/dev/zero"} & found.keys(), "nothing but a regular file is executed"


def test_processes_come_and_go_meanwhile(kernel):
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            subprocess.run(["/bin/true"], check=True)
    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        stage(kernel)
        for _ in range(20):
            assert call(kernel, "Preflight", POLICY) == ([],)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# WouldLockOut


def test_what_would_be_denied_is_not_activated(kernel, program):
    stage(kernel, body=DENY)
    with running(program):
        for function in (activate, lambda machine: call(machine, "Activate", POLICY)):
            error = refused(kernel, function)
            assert error.name == LOCK_OUT
            assert "'ipectl preflight corp-base'" in error.message and RULE in error.message
    assert not is_activated(kernel) and kernel.list()[(POLICY, "1.0.0")][0] == "staged"


def test_what_can_be_refused_without_looking_is(kernel):
    before = kernel.inspector.calls
    assert refused(kernel, activate).name == "org.ipe.Error.NoSuchPolicy"
    assert refused(kernel, call, "Preflight", POLICY).name == "org.ipe.Error.NoSuchPolicy"
    assert kernel.inspector.calls == before


# An ipe-inspect that does not answer as it should


def is_refused(machine, kind=None):
    """Returns what is said."""
    for function in (activate, lambda machine: call(machine, "Preflight", POLICY), lambda machine: call(machine, "ListVolumes")):
        error = refused(machine, function)
        assert error.name == NOT_SUPPORTED and "ipe-inspect" in error.message, kind
    assert not is_activated(machine), kind
    return error.message


def is_unknown(machine):
    """Nothing is activated then, but by force, and on trial; returns what is said."""
    stage(machine)
    message = is_refused(machine)
    assert refused(machine, activate, **FORCE).name == NOT_SUPPORTED
    assert not is_activated(machine)
    activate(machine, **FORCE, **ON_TRIAL)
    assert machine.kernel.read(f"policies/{POLICY}/trial") != b"0"
    assert [entry for entry in machine.entries(PRIORITY="4") if "not known what it denies" in entry["MESSAGE"]]
    return message


def test_nobody_listens(kernel):
    kernel.inspector.path.unlink()
    assert "No such file" in is_unknown(kernel)


def test_what_is_unknown_is_not_forced_where_only_reboots_would_end_it(bare, kernel_files):
    """A kernel without trials."""
    for name in ("features", "confirm"):
        bare.kernel.path(name).unlink()
    bare.inspector.answer = b""
    bare.start_daemon()
    stage(bare)
    for options in (FORCE, {**FORCE, **ON_TRIAL}):
        error = refused(bare, activate, **options)
        assert error.name == NOT_SUPPORTED and "this kernel has no trials" in error.message
    assert not is_activated(bare) and bare.get(POLICY)["State"] == "staged"


FILE = {"path": "/x", "operation": "EXECUTE", "processes": "", "note": "", "initramfs": False, "fsverity": "",
        "fsverity_signed": False}
USR = {"name": "usr", "device": [254, 1], "root_hash": f"sha256:{'01' * 32}", "signed": False, "cmdline": False}


def inspection(*files, volumes=()):
    return json.dumps({"volumes": volumes, "files": files}).encode()


def without(entry, member):
    return {key: value for key, value in entry.items() if key != member}


NONSENSE = {
    "nothing": b"",
    "no JSON": b"hello",
    "no object": b"[]",
    "no files": b'{"volumes": []}',
    "cut": inspection(FILE)[:-2],
    "more behind": inspection() + b" {}",
    "deep": b"[" * 100000,
    "a NUL": inspection({**FILE, "path": "a\0b"}),
    "no UTF-8 in a root hash": inspection(volumes=[{**USR, "root_hash": "?:00"}]).replace(b"?", b"\xff"),
    "no UTF-8": inspection({**FILE, "path": "?"}).replace(b"?", b"\xff"),
    **{f"file {number}": inspection(file) for number, file in enumerate((
        1, *(without(FILE, member) for member in FILE), {**FILE, "operation": "OTHER"}, {**FILE, "path": 1}, {**FILE, "volume": 0},
        {**FILE, "volume": -1}, {**FILE, "volume": 1e300}, {**FILE, "fsverity": "sha256"}, {**FILE, "fsverity": ":00"},
        {**FILE, "fsverity": "sha256:0"}, {**FILE, "fsverity": f"sha256:{'00' * 65}"}, {**FILE, "fsverity": f"{'a' * 64}:00"},
        {**FILE, "fsverity_signed": 1}))},
    **{f"scope {scope}": inspection({**FILE, "scope": scope}) for scope in ("", "root", 1)},
    **{f"cut {number}": json.dumps({"volumes": [], "files": [], "cuts": cuts}).encode() for number, cuts in enumerate((
        1, [1], [{}], [{"uid": 1, "scope": "essential", "processes": 1}], [{"uid": 1 << 32, "scope": "users", "processes": 1}],
        [{"uid": 1, "scope": "users", "processes": -1}], [{"uid": 1, "processes": 1}]))},
    **{f"volume {number}": inspection(volumes=[volume]) for number, volume in enumerate((
        *(without(USR, member) for member in USR), {**USR, "device": [1]}, {**USR, "device": [-1, 1]}, {**USR, "root_hash": ""},
        {**USR, "signed": "yes"}))},
}


def test_nonsense_is_no_all_clear(kernel):
    stage(kernel)
    for kind, answer in NONSENSE.items():
        kernel.inspector.answer = answer
        is_refused(kernel, kind)


def test_a_giant_answer_ends(kernel):
    kernel.inspector.answer = b" " * (17 << 20)
    assert "File too large" in is_unknown(kernel)


class Waiting:
    """A call in another thread, which is under way when ipe-inspect is asked."""

    def __init__(self, machine, function):
        self.error = None
        machine.inspector.gate.clear()
        before = machine.inspector.calls
        self.thread = threading.Thread(target=self.call, args=(machine, function))
        self.thread.start()
        machine.wait_for(lambda: machine.inspector.calls > before, "the question")

    def call(self, machine, function):
        try:
            function(machine)
        except BusError as error:
            self.error = error

    def wait(self):
        self.thread.join()
        return self


def test_who_does_not_answer_is_given_up_and_keeps_nobody_else_waiting(kernel):
    stage(kernel)
    waiting = Waiting(kernel, activate)
    assert kernel.list(), "others are served meanwhile"
    assert "too long" in waiting.wait().error.message
    assert not is_activated(kernel)


def test_one_activation_at_a_time(kernel):
    stage(kernel)
    waiting = Waiting(kernel, activate)
    assert "try again" in refused(kernel, activate).message
    kernel.inspector.gate.set()
    assert waiting.wait().error is None and is_activated(kernel)


def test_a_caller_that_vanishes_activates_nothing(kernel):
    stage(kernel)
    kernel.inspector.gate.clear()
    other = Connection(kernel.address)
    other.bus.call("org.ipe.Manager", "/org/ipe/Manager", "org.ipe.Manager", "Activate", GLib.Variant("(s)", (POLICY,)), None, 0,
                   -1, None, None)
    kernel.wait_for(lambda: kernel.inspector.calls == 1, "the question")
    other.close()
    kernel.inspector.gate.set()

    def nobody_is_served():
        try:
            return activate(kernel)
        except BusError as error:
            assert "try again" in error.message
            return None
    assert not is_activated(kernel)
    kernel.wait_for(nobody_is_served, "room for another activation")


def test_a_daemon_that_is_stopped_activates_nothing(kernel):
    stage(kernel)
    waiting = Waiting(kernel, lambda machine: activate(machine, **FORCE))
    kernel.stop_daemon()
    kernel.inspector.gate.set()
    assert waiting.wait().error and not is_activated(kernel)


@pytest.mark.parametrize("happens", ["discarded", "replaced", "replaced by force"])
def test_what_was_not_judged_is_not_activated(kernel, happens):
    """The version is discarded while the system is looked at, and another one of the same number takes its place."""
    stage(kernel)
    waiting = Waiting(kernel, lambda machine: activate(machine, **(FORCE if "force" in happens else {})))
    call(kernel, "Discard", POLICY, "1.0.0")
    if "replaced" in happens:
        stage(kernel, body=DENY)
    kernel.inspector.gate.set()
    assert waiting.wait().error and not is_activated(kernel)


def test_a_newer_version_that_comes_meanwhile_is_not_activated(kernel):
    stage(kernel)
    waiting = Waiting(kernel, activate)
    kernel.stage(signed(version="2.0.0", body=DENY))
    kernel.inspector.gate.set()
    assert waiting.wait().error is None
    assert kernel.list()[(POLICY, "1.0.0")][0] == "confirmed" and kernel.list()[(POLICY, "2.0.0")][0] == "staged"


# Verdicts over made-up facts; the volumes are none of this machine


def facts(machine, *files, volumes=()):
    machine.inspector.answer = inspection(*files, volumes=volumes)


SIGNED = ("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nop=EXECUTE dmverity_signature=TRUE action=ALLOW\n"
          f"op=EXECUTE fsverity_digest=sha256:{'ab' * 32} action=ALLOW\nop=EXECUTE boot_verified=TRUE action=ALLOW\n")


def test_a_volume_that_the_kernel_has_not_verified_is_called_out(kernel):
    stage(kernel, body=SIGNED)
    facts(kernel, {**FILE, "volume": 0}, {**FILE, "path": "/other"}, volumes=[USR])
    found = findings(kernel)
    assert found["/x"][1].startswith(f"{RULE} (the signature of its volume 'usr' was not verified by the kernel")
    assert found["/other"][1] == RULE
    facts(kernel, {**FILE, "volume": 0}, volumes=[{**USR, "signed": True}])
    assert findings(kernel) == {}


@pytest.mark.parametrize("known", [{"fsverity": f"sha256:{'ab' * 32}"}, {"initramfs": True}])
def test_facts_of_a_file(kernel, known):
    stage(kernel, body=SIGNED)
    facts(kernel, {**FILE, **known})
    assert findings(kernel) == {}
    facts(kernel, {**FILE, "fsverity": f"sha512:{'ab' * 32}"})
    assert findings(kernel).keys() == {"/x"}


def test_what_could_not_be_found_out_is_said(kernel):
    stage(kernel, body=DENY)
    facts(kernel, {**FILE, "note": "it is on overlayfs"})
    assert findings(kernel)["/x"][1] == f"{RULE} (it is on overlayfs)"


def test_what_is_denied_already_changes_nothing(kernel):
    stage(kernel, version="2.0.0", body=DENY)
    kernel.kernel.put_policy(POLICY, ("1.0.0", signed(body=SIGNED)), ("2.0.0", signed(version="2.0.0", body=DENY)), active=True)
    kernel.kernel.put(f"policies/{POLICY}/policy", policy_text(body=SIGNED))
    facts(kernel, FILE, {**FILE, "path": "/allowed", "initramfs": True})
    assert findings(kernel).keys() == {"/allowed"}
    kernel.kernel.put("enforce", "0")
    assert findings(kernel).keys() == {"/x", "/allowed"}, "where nothing is enforced nothing was denied"


def test_of_what_is_known_in_part_the_active_policy_may_know_more(kernel):
    """What runs from overlayfs on a signed volume is allowed today, though nobody but the kernel can tell why."""
    stage(kernel, version="2.0.0", body=DENY)
    kernel.kernel.put_policy(POLICY, ("1.0.0", signed(body=SIGNED)), ("2.0.0", signed(version="2.0.0", body=DENY)), active=True)
    kernel.kernel.put(f"policies/{POLICY}/policy", policy_text(body=SIGNED))
    facts(kernel, FILE, {**FILE, "path": "/layered", "note": "it is on overlayfs", "incomplete": True})
    assert findings(kernel).keys() == {"/layered"}


def test_findings_are_bounded_and_counted(kernel):
    stage(kernel, body=DENY)
    facts(kernel, *({**FILE, "path": f"/{number}"} for number in range(1500)))
    rows = call(kernel, "Preflight", POLICY)[0]
    assert len(rows) == 1001 and rows[-1] == ("", "", "500 denials or more were missed", "")
    assert "would deny 1500 things" in refused(kernel, activate).message


# What blocks an activation, and who may say otherwise. It is judged over made-up facts, too


ESSENTIAL, USERS = {"scope": "essential"}, {"scope": "users"}


def accept(machine):
    """The ID that Preflight() names, or None."""
    ids = [about.removeprefix("accept=") for about in sentences(machine) if about.startswith("accept=")]
    return ids[0] if ids else None


def accepting(identifier):
    return {"accept": GLib.Variant("s", identifier)}


def warnings(machine):
    return [entry["MESSAGE"] for entry in machine.entries(PRIORITY="4")]


def test_force_activates_what_is_not_essential_and_says_so(kernel):
    stage(kernel, body=DENY)
    facts(kernel, FILE)
    activate(kernel, **FORCE)
    assert is_activated(kernel)
    said = [text for text in warnings(kernel) if "on demand" in text]
    assert said and all(RULE in text for text in said)


def test_ipectl_forces(kernel):
    stage(kernel, body=DENY)
    facts(kernel, FILE)
    kernel.ipectl("activate", "--trial-sec=0", POLICY, status=8)
    kernel.ipectl("activate", "--trial-sec=0", "--force", POLICY)
    assert is_activated(kernel)


def test_nothing_makes_up_for_what_is_essential(kernel):
    stage(kernel, body=DENY)
    facts(kernel, FILE)
    seen = accept(kernel)
    facts(kernel, FILE, {**FILE, **ESSENTIAL, "path": "/vital"})
    assert accept(kernel) is None and "1 of these are essential" in sentences(kernel)["essential"]
    for options in ({}, FORCE, accepting(seen), {**FORCE, **accepting(seen)}):
        error = refused(kernel, activate, **options)
        assert error.name == LOCK_OUT and "essential" in error.message and "'/vital'" in error.message
        assert "--force" not in error.message and "--accept" not in error.message
    assert not is_activated(kernel)
    kernel.ipectl("activate", "--force", POLICY, status=8)


def test_what_this_machine_needs_is_essential(kernel):
    """The real ipe-inspect finds it, whatever containers run that is called so."""
    stage(kernel, body=DENY)
    essential = {path for path, _, rule, _ in call(kernel, "Preflight", POLICY)[0] if "it is essential" in rule}
    for path in ("/usr/lib/systemd/systemd-journald", "/usr/bin/sh", "/usr/sbin/agetty", "/usr/bin/dbus-daemon",
                 "/lib64/ld-linux-x86-64.so.2"):
        if os.path.exists(path):
            assert os.path.realpath(path) in essential, path
    assert refused(kernel, activate, **FORCE).name == LOCK_OUT


def test_what_only_users_run_is_found_and_blocks_nothing(kernel):
    """Otherwise one program in a home directory would keep every policy from being activated."""
    stage(kernel, body=DENY)
    facts(kernel, {**FILE, **USERS, "path": "/home/alice/jit", "processes": "jit[7]"})
    assert findings(kernel)["/home/alice/jit"] == ["EXECUTE", f"{RULE} (only users run it)", "jit[7]"]
    assert accept(kernel) is None
    activate(kernel)
    assert is_activated(kernel)
    assert any("/home/alice/jit" in text and "on demand" not in text for text in warnings(kernel))


def test_the_findings_that_were_seen_are_accepted(kernel):
    stage(kernel, body=DENY)
    facts(kernel, FILE, {**FILE, "path": "/y"})
    error = refused(kernel, activate)
    seen = accept(kernel)
    assert len(seen) == 16 and f"--accept={seen} {POLICY}'" in error.message and f"--accept={seen}'" in sentences(kernel)[f"accept={seen}"]
    assert f"--accept={seen}'" in kernel.ipectl("preflight", POLICY).stdout
    kernel.ipectl("activate", "--trial-sec=0", f"--accept={seen}", POLICY)
    assert is_activated(kernel) and any("on demand" in text and "'/y'" in text for text in warnings(kernel))


def test_an_id_does_not_depend_on_the_order_nor_on_what_users_and_processes_do(kernel):
    stage(kernel, body=DENY)
    facts(kernel, FILE, {**FILE, "path": "/y", "processes": "a[1]"})
    seen = accept(kernel)
    facts(kernel, {**FILE, "path": "/y", "processes": "b[2]"}, FILE, {**FILE, **USERS, "path": "/home/z"},
          *({**FILE, **USERS, "path": f"/home/{number}"} for number in range(1500)))
    assert accept(kernel) == seen
    activate(kernel, **accepting(seen))
    assert is_activated(kernel)


@pytest.mark.parametrize("now", [[{}, {"path": "/y"}, {"path": "/z"}], [{}], [{}, {"path": "/z"}], [{}, {"path": "/y", "note": "n"}],
                                 [{}, {"path": "/y", "operation": "FIRMWARE"}]],
                         ids=["more", "less", "another", "another remark", "another operation"])
def test_other_findings_than_were_seen_are_not_accepted(kernel, now):
    stage(kernel, body=DENY + "DEFAULT op=FIRMWARE action=DENY\n")
    facts(kernel, FILE, {**FILE, "path": "/y"})
    seen = accept(kernel)
    facts(kernel, *({**FILE, **change} for change in now))
    assert accept(kernel) != seen
    error = refused(kernel, activate, **accepting(seen))
    assert error.name == LOCK_OUT and "not the findings that were accepted" in error.message and accept(kernel) in error.message
    assert not is_activated(kernel)


def test_findings_of_another_policy_are_not_accepted(kernel):
    stage(kernel, body=DENY)
    facts(kernel, FILE)
    seen = accept(kernel)
    kernel.stage(signed(version="2.0.0", body=DENY))
    assert accept(kernel) != seen
    assert refused(kernel, activate, **accepting(seen)).name == LOCK_OUT


def test_findings_that_nobody_can_have_seen_are_not_accepted(kernel):
    stage(kernel, body=DENY)
    facts(kernel, *({**FILE, "path": f"/{number}"} for number in range(1001)))
    assert accept(kernel) is None
    assert "--accept" not in refused(kernel, activate).message
    activate(kernel, **FORCE)
    assert is_activated(kernel)


@pytest.mark.parametrize("text", ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "../../etc/passwd"])
def test_what_is_no_id_is_an_argument_that_makes_no_sense(kernel, text):
    stage(kernel, body=DENY)
    facts(kernel, FILE)
    assert refused(kernel, activate, **accepting(text)).name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert not is_activated(kernel)


def test_where_nothing_is_known_nothing_is_accepted(kernel):
    stage(kernel, body=DENY)
    facts(kernel, FILE)
    seen = accept(kernel)
    kernel.inspector.answer = b""
    assert refused(kernel, activate, **accepting(seen)).name == NOT_SUPPORTED
    assert not is_activated(kernel)


def cut(machine, uid, scope, *files):
    machine.inspector.answer = json.dumps({"volumes": [], "files": files,
                                           "cuts": [{"uid": uid, "scope": scope, "processes": 3}]}).encode()


def test_a_user_of_whom_not_all_was_looked_at_is_named_and_blocks_nothing(kernel):
    stage(kernel, body=DENY)
    cut(kernel, 65534, "users")
    assert sentences(kernel) == {"uid=65534": "3 processes of user 65534 were not inspected, or not completely"}
    assert "user 65534" in kernel.ipectl("preflight", POLICY).stdout
    activate(kernel)
    assert is_activated(kernel)


def test_a_service_of_which_not_all_was_looked_at_blocks_an_activation(kernel):
    stage(kernel)
    cut(kernel, 33, "system")
    assert sentences(kernel)["uid=33"].endswith("this blocks an activation")
    seen = accept(kernel)
    assert refused(kernel, activate).name == LOCK_OUT
    activate(kernel, **accepting(seen))
    assert is_activated(kernel)


# ListVolumes


def test_volumes_are_listed_with_the_verdict_of_the_active_policy(kernel):
    facts(kernel, volumes=[USR, {**USR, "name": "root", "device": [254, 2], "signed": True}])
    unsigned, root = ("usr", f"sha256:{'01' * 32}", False), ("root", f"sha256:{'01' * 32}", True)
    assert call(kernel, "ListVolumes") == ([(*unsigned, "", ""), (*root, "", "")],)
    kernel.kernel.put_policy(POLICY, ("1.0.0", signed(body=SIGNED)), active=True)
    kernel.kernel.put(f"policies/{POLICY}/policy", policy_text(body=SIGNED))
    assert call(kernel, "ListVolumes") == ([(*unsigned, "DENY", RULE),
                                           (*root, "ALLOW", "op=EXECUTE dmverity_signature=TRUE action=ALLOW")],)
    kernel.kernel.put(f"policies/{POLICY}/policy", "what is no policy")
    assert call(kernel, "ListVolumes") == ([(*unsigned, "", ""), (*root, "", "")],)


def test_no_volumes_are_an_empty_list(kernel):
    assert call(kernel, "ListVolumes") == ([],)


# ipe-inspect alone


@pytest.mark.parametrize("question", [b"", b"{}", b"[]", b"\xff", b'{"paths": [1], "modules": [], "firmware": []}',
                                      b'{"paths": ["relative"], "modules": [], "firmware": []}'])
def test_inspect_answers_no_nonsense(question):
    result = subprocess.run([INSPECT], input=question, capture_output=True, check=False)
    assert result.returncode == 1 and result.stdout == b"" and result.stderr.startswith(b"<3>Cannot inspect")


def loads(library, **names):
    """What ipe-inspect finds of modules and firmware where /usr/lib has the files of this directory as well."""
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
