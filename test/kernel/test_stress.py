# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everything at a time from several threads, and allocations that fail: nothing is half done, and nothing is lost.

A few seconds on User-mode Linux with KASAN; with IPE_TEST_LONG ten minutes and more on x86 with two processors and
every checker.
"""

import errno
import os
import re
import time

import keys
import pytest
import uml
from guest import IPE
from world import FORGET_BAR, Cycle

LONG = bool(os.environ.get("IPE_TEST_LONG"))
SECONDS = {"kasan": 8, "x86": int(os.environ.get("IPE_TEST_STRESS_SEC", "720"))}
# One allocation in so many fails; the long run lets each one fail.
STEP = 1 if LONG else 4
VARIANTS = ("kasan", "x86") if LONG else ("kasan",)
FAULTS = "/sys/kernel/debug"
ALLOW, DENY, DENY_ALL = Cycle.ALLOW, Cycle.DENY, Cycle.DENY_ALL
NAMES = ("red", "green", "blue")
LADDER = "stress-ladder"
VERSIONS = ("1.0.0", "2.0.0", "3.0.0")
CHECKERS = """KASAN UBSAN PROVE_LOCKING PROVE_RCU DEBUG_ATOMIC_SLEEP DEBUG_KMEMLEAK FAULT_INJECTION FAILSLAB
              FAIL_PAGE_ALLOC SMP""".split()

# The errnos of ipe(7) for each file, with the capability and without a latch.
DOCUMENTED = {
    "new_policy": "EEXIST", "update": "ENOENT ESTALE EBUSY EPERM", "stage": "ENOENT ESTALE EBUSY",
    "active": "ENOENT EINVAL EPERM", "trial": "ENOENT EBUSY EALREADY EINVAL EPERM", "confirm": "ENODATA",
    "revert": "ENODATA", "rollback": "ENOENT EBUSY EPERM ENODATA", "delete": "ENOENT EPERM",
    "shadow": "ENOENT EBUSY EALREADY", "load": "EEXIST ENOENT ESTALE EBUSY EACCES", "enforce": "", "success_audit": "", "forget_bar": "",
}
# Verbs on files that come and go, are executed, or get fs-verity while others are at them; an overlay of which a layer
# is changed below it may find no metadata there.
OF_FILES = {
    "exec": "EACCES ENOENT ETXTBSY ENODATA", "mmap": "EACCES ENOENT ENODATA", "mprotect": "EACCES ENOENT ENODATA",
    "anonymous-mmap": "EACCES", "memfd-mmap": "EACCES", "kexec": "EACCES", "copy": "",
    "rename": "ENOENT", "chmod": "ENOENT ENODATA EPERM", "touch-open": "ENOENT ENODATA EPERM ETXTBSY", "unlink": "ENOENT",
    "mount": "", "umount": "EINVAL EBUSY ENOENT", "fsverity": "ENOENT EEXIST ETXTBSY", "evict": "ENOENT",
}
LAYERS = "lowerdir=/bin,upperdir=/ext4/stress-upper,workdir=/ext4/stress-work,metacopy=on"
OVERLAY, VERITY = "/overlay-stress/hello", "/ext4/stress"

pytestmark = pytest.mark.parametrize("variant", VARIANTS, indirect=True)


def mount_files(machine):
    if machine.errno("mode", "/ext4/stress-upper") != "OK":
        machine.must("mount", machine.disk(0), "/ext4", "ext4", "rw")
        for name in ("upper", "work"):
            machine.must("mkdir", f"/ext4/stress-{name}")


@pytest.fixture
def stressed(cycle, variant):
    """The machine with a policy file for each name and version at /tmp, and its log not filled with records."""
    digest = f"op=EXECUTE fsverity_digest=sha256:{keys.fsverity_digest(cycle.kit.hello)} action=ALLOW\n"
    mount_files(cycle.machine)
    for name in NAMES:
        for number, version in enumerate(VERSIONS):
            default = (ALLOW, DENY, DENY_ALL)[(number + NAMES.index(name)) % 3]
            rules = f"{default}op=EXECUTE boot_verified=TRUE action=ALLOW\n{digest}"
            envelope = cycle.blob(name, version, rules, "0.0.0")
            cycle.machine.must("create", f"/tmp/{name}-{version}", envelope)
    cycle.machine.must("create", "/tmp/ladder-low", cycle.blob(LADDER, "0.0.0"))
    yield cycle
    while cycle.machine.errno("umount", "/overlay-stress") == "OK":
        pass
    cycle.machine.must("put", f"{IPE}/enforce", "1")
    cycle.machine.must("put", f"{IPE}/success_audit", "0")
    for name in (*NAMES, LADDER):
        cycle.top("revert", "1")
    assert cycle.put(cycle.BASE, "shadow", "0") in ("OK", "ENOENT")


def node(name, file):
    return f"{IPE}/policies/{name}/{file}"


def scripts(variant):
    """{what a thread does: its lines}"""
    def each(*files, value="1"):
        return [f"put {node(name, file)} {value}" for name in NAMES for file in files]

    ladder = [f"put-file {IPE}/new_policy /tmp/ladder-low", f"put {FORGET_BAR} 1", f"put {node(LADDER, 'active')} 1"]
    return {
        # A pause lets a trial come to its end.
        "activates": [*each("active", "rollback"), *ladder, "sleep 1300"],
        "tries": [*each("trial"), *each("trial", value="86400"), f"put {IPE}/confirm 1", f"put {IPE}/revert 1",
                  "sleep 50", "sleep 1300"],
        "stages": [f"put-file {node(name, way)} /tmp/{name}-{version}" for name in NAMES
                   for way in ("stage", "update") for version in VERSIONS[1:]],
        "loads": [*(f"put-file {IPE}/new_policy /tmp/{name}-{VERSIONS[0]}" for name in NAMES),
                  *(f"put {IPE}/load /tmp/{name}-{version}" for name in NAMES for version in VERSIONS)],
        "deletes": [*each("delete"), f"put {node(LADDER, 'delete')} 1", *["sleep 30"] * 4],
        "shadows": [*each("shadow"), *each("shadow", value="0")],
        "reads": [f"read-below {IPE}"],
        "executes": ["exec /bin/hello", "exec /tmp/hello", f"exec {OVERLAY}", f"exec {VERITY}",
                     *(["kexec /bzImage /certificate"] if variant == "x86" else [])],
        "maps": ["mmap /bin/hello", "mmap /tmp/hello", "mprotect /tmp/hello", "mprotect /bin/hello", "anonymous-mmap",
                 "memfd-mmap /bin/hello", f"mmap {OVERLAY}", f"mprotect {OVERLAY}", f"mmap {VERITY}"],
        # A layer that is removed below the overlay lets the next one be copied up.
        "copies up": [f"mount overlay /overlay-stress overlay rw {LAYERS}", *["umount /overlay-stress"] * 2,
                      *[f"chmod {OVERLAY} 0755", f"touch-open {OVERLAY}"] * 2, "unlink /ext4/stress-upper/hello"],
        # Nothing that is mapped is truncated: User-mode Linux walks the mappings then without a lock.
        "enables": [f"copy /bin/hello {VERITY}-new", f"rename {VERITY}-new {VERITY}", *[f"fsverity {VERITY}"] * 2,
                    f"evict {VERITY} 0 0", f"unlink {VERITY}"],
        "switches": [f"put {IPE}/{file} {value}" for file in ("enforce", "success_audit") for value in "01"] +
                    ["sleep 10"],
    }


def assert_documented(line, name):
    """Every errno is one that the file has."""
    verb, path, *_ = f"{line} -".split()
    if verb.startswith("put"):
        allowed = DOCUMENTED[path.rpartition("/")[2]].split()
    else:
        allowed = OF_FILES.get(verb, "").split()
    assert name in ("OK", *allowed), f"{line}: {name}"


def name_of(number):
    return errno.errorcode[number] if number else "OK"


def run(cycle, everything, seconds):
    """Lets all threads work; returns {(what, line): {errno: how often}}, and how many trials ended by themselves."""
    kinds = list(everything)
    cycle.machine.must("stress-on", *("\n".join(lines) for lines in everything.values()))
    expired, until = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            cycle.machine.must("sleep", 500)
            # As an audit daemon does.
            expired += cycle.machine.must("audit").text.count("op=expire")
    finally:
        text = cycle.machine.must("stress-off").text
    counts = {}
    for line in text.splitlines():
        thread, number, error, count = map(int, line.split())
        what = kinds[thread]
        errors = counts.setdefault((what, everything[what][number]), {})
        errors[name_of(error)] = errors.get(name_of(error), 0) + count
    return counts, expired


def report(counts):
    for (what, line), errors in counts.items():
        print(f"{what:10} {line}: " + " ".join(f"{name}={count}" for name, count in sorted(errors.items())))


def missing_checkers():
    config = (uml.kernel("--debug") / ".config").read_text()
    return [name for name in CHECKERS if not re.search(rf"^CONFIG_{name}=y$", config, re.M)]


def test_everything_at_a_time(stressed, variant):
    assert variant != "x86" or not missing_checkers()
    everything = scripts(variant)
    counts, expired = run(stressed, everything, SECONDS[variant])
    report(counts)
    print(f"{expired} trials ended by themselves")
    for (_, line), errors in counts.items():
        for name in errors:
            assert_documented(line, name)
    for what in everything:
        assert any(errors.get("OK") for (each, _), errors in counts.items() if each == what), what
    done = {line.split()[1].rpartition("/")[2] for (_, line), errors in counts.items()
            if line.startswith("put") and errors.get("OK")}
    # A short run does not come to all that is rare.
    rare = set() if LONG else {"rollback", "confirm", "revert"}
    assert not set(DOCUMENTED) - rare - done
    assert expired or not LONG
    # The rest is in order: all of it can be taken back.
    stressed.reset()
    assert stressed.loaded() == [stressed.BASE] and stressed.verdict() == "OK"
    assert stressed.machine.must("audit").errno == 0


# Each allocation fails in turn


def state(cycle):
    """The content of all files, without counters."""
    text = cycle.machine.must("snapshot", cycle.PROBE, "text").text
    return [line for line in text.splitlines() if "/stats=" not in line
            and not line.startswith(("op=", "default ", "rule ", "shadow denied"))]


def blob(name, version, rules=DENY):
    many = "".join(f"op=EXECUTE fsverity_digest=sha256:{number:064x} action=ALLOW\n" for number in range(20))
    return Cycle.blob(name, version, rules + many, "0.0.0")


# The kernel's big numbers and keys take a failed allocation for a number or a key that is wrong, or for none.
LOADING = {"OK", "ENOMEM", "EINVAL", "EKEYREJECTED", "ENOKEY"}


def first(cycle, name):
    return cycle.load(blob(name, "1.0.0"))


def anew(cycle, name):
    return cycle.put(name, "delete"), first(cycle, name)


def stage(cycle, name, version="2.0.0"):
    return cycle.put(name, "stage", blob(name, version))


def file(cycle, name, version):
    return cycle.machine.must("create", "/tmp/fault", blob(name, version))


def begin_trial(cycle, name):
    return cycle.put(name, "trial", "86400")


REQUESTS = {
    # The preparation, the write, and the write that undoes it.
    "new_policy": (lambda c, n: None, lambda c, n: (f"{IPE}/new_policy", blob(n, "1.0.0")),
                   lambda c, n: c.put(n, "delete")),
    "load": (lambda c, n: file(c, n, "1.0.0"), lambda c, n: (f"{IPE}/load", "/tmp/fault"),
             lambda c, n: c.put(n, "delete")),
    "load-stage": (lambda c, n: (first(c, n), file(c, n, "2.0.0")), lambda c, n: (f"{IPE}/load", "/tmp/fault"), anew),
    "stage": (first, lambda c, n: (c.node(n, "stage"), blob(n, "2.0.0")), anew),
    "stage-again": (lambda c, n: (first(c, n), stage(c, n)), lambda c, n: (c.node(n, "stage"), blob(n, "3.0.0")), stage),
    "update": (first, lambda c, n: (c.node(n, "update"), blob(n, "2.0.0")), anew),
    "trial": (first, lambda c, n: (c.node(n, "trial"), "86400"), lambda c, n: c.top("revert", "1")),
    "revert": (lambda c, n: (first(c, n), begin_trial(c, n)), lambda c, n: (f"{IPE}/revert", "1"), begin_trial),
    "confirm": (lambda c, n: (first(c, n), begin_trial(c, n)), lambda c, n: (f"{IPE}/confirm", "1"),
                lambda c, n: (c.reset(), first(c, n), begin_trial(c, n))),
    "rollback": (lambda c, n: (first(c, n), c.put(n, "active"), c.put(n, "update", blob(n, "2.0.0"))),
                 lambda c, n: (c.node(n, "rollback"), "1"), lambda c, n: c.put(n, "update", blob(n, "2.0.0"))),
    "active": (lambda c, n: c.load(blob(n, "0.0.0")), lambda c, n: (c.node(n, "active"), "1"),
               lambda c, n: c.put(c.BASE, "active")),
    "shadow": (first, lambda c, n: (c.node(n, "shadow"), "1"), lambda c, n: c.put(n, "shadow", "0")),
    "delete": (lambda c, n: (first(c, n), stage(c, n)), lambda c, n: (c.node(n, "delete"), "1"),
               lambda c, n: (first(c, n), stage(c, n))),
}
ALLOCATES = ("new_policy", "load", "load-stage", "stage", "stage-again", "update")


def set_faults(cycle, kind, **settings):
    for name, value in settings.items():
        cycle.machine.must("put", f"{FAULTS}/{kind}/{name.replace('_', '-')}", value)


@pytest.mark.parametrize("request_name", REQUESTS)
def test_each_allocation_of_a_write_fails_once(cycle, request_name):
    before_it, write, undo = REQUESTS[request_name]
    set_faults(cycle, "failslab", ignore_gfp_wait="N", verbose="0")
    name = cycle.fresh()
    before_it(cycle, name)
    before, after = state(cycle), None
    counts = {}
    for number in range(1, 5000, STEP):
        answer = cycle.machine.call("failing", number, "put", *write(cycle, name))
        counts[answer.name] = counts.get(answer.name, 0) + 1
        found = state(cycle)
        if answer.name == "OK":
            after = after or found
            assert found == after
            undo(cycle, name)
            assert state(cycle) == before
        else:
            assert found == before, answer.name
        if answer.text == "no":
            break
    assert after and after != before
    assert answer.text == "no" and set(counts) <= LOADING, counts
    if request_name in ALLOCATES:
        assert counts["ENOMEM"] > 50 // STEP, counts


# User-mode Linux has the first one only.
@pytest.mark.parametrize("kind", ("failslab", "fail_page_alloc") if LONG else ("failslab",))
def test_allocations_fail_at_random(cycle, variant, kind):
    """Allocations fail only for the writer, in all of its calls."""
    if cycle.machine.errno("list", f"{FAULTS}/{kind}") != "OK":
        pytest.skip(f"User-mode Linux has no {kind}")
    common = {"task_filter": "Y", "interval": "1", "times": "-1", "verbose": "0", "ignore_gfp_wait": "N"}
    set_faults(cycle, kind, probability="1" if kind == "failslab" else "20", **common,
               **({"ignore_gfp_highmem": "N", "min_order": "0"} if kind == "fail_page_alloc" else {}))
    name = cycle.fresh()
    envelopes = {version: blob(name, version) for version in ("1.0.0", "2.0.0", "3.0.0")}
    cycle.machine.must("create", "/tmp/fault", envelopes["3.0.0"])
    counts = {}

    def write(path, data, expected):
        found = cycle.machine.errno("faulty", "put", path, data)
        counts[found] = counts.get(found, 0) + 1
        assert found in (*LOADING, *expected), f"{path}: {found}"
        return found == "OK"

    try:
        for _ in range(1000 if LONG else 60):
            if write(f"{IPE}/new_policy", envelopes["1.0.0"], ()):
                assert cycle.versions(name) == ("1.0.0", None, None) and cycle.get(name, "pkcs7") == envelopes["1.0.0"]
                following = None
                if write(cycle.node(name, "stage"), envelopes["2.0.0"], ()):
                    following = "2.0.0"
                assert cycle.versions(name) == ("1.0.0", following, None)
                if write(f"{IPE}/load", "/tmp/fault", ()):
                    following = "3.0.0"
                    assert cycle.get(name, "next/pkcs7") == envelopes[following]
                assert cycle.versions(name) == ("1.0.0", following, None)
                if write(cycle.node(name, "trial"), "86400", ()):
                    assert cycle.on_trial() == f"{name} {following or '1.0.0'}\n"
                    assert cycle.verdict() == "EACCES"
                    assert cycle.top("revert", "1") == "OK"
                assert cycle.on_trial() == "" and cycle.verdict() == "OK"
                assert cycle.put(name, "delete") == "OK"
            else:
                assert name not in cycle.loaded()
    finally:
        set_faults(cycle, kind, probability="0")
    print(kind, counts)
    assert counts["OK"] and counts.get("ENOMEM"), counts


def test_no_memory_was_lost(cycle):
    """Comes last; test_whole_run.py shows that kmemleak finds lost memory."""
    assert cycle.leaks() == []
