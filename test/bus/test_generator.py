# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipe-generator beside systemd's own generator for veritytab, on the same input: the instances that
ipe-load.service is ordered after, the drop-ins for OnFailure=, and the limits of a hostile veritytab or
command line. No kernel is needed."""

import os
import random
import subprocess

import pytest

from machine import signed
from programs import BUILD, GENERATOR

SYSTEMD = "/usr/lib/systemd/system-generators/systemd-veritysetup-generator"
ONE, TWO, THREE = "ab" * 32, "cd" * 32, "ef" * 64
HEAD = "# Written by ipe-generator(8): a policy names the root hashes of these volumes.\n\n[Unit]\n"


def policy(*hashes, algorithm="sha256", more=""):
    rules = "".join(f"op=EXECUTE dmverity_roothash={algorithm}:{root_hash} action=ALLOW\n" for root_hash in hashes)
    return signed(body=f"DEFAULT action=DENY\n{rules}{more}")


@pytest.fixture
def generate(bare):
    """generate(veritytab, command line): runs the generator, and returns what it has written, {name: text}, and said."""
    def run(veritytab=None, cmdline="", program=GENERATOR, output="units"):
        directory = bare.state / output
        for path in sorted(directory.glob("**/*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        for name in ("normal", "early", "late"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (bare.directory / "cmdline").write_bytes(cmdline if isinstance(cmdline, bytes) else f"{cmdline}\n".encode())
        if veritytab is not None:
            data = veritytab if isinstance(veritytab, bytes) else veritytab.encode()
            (bare.etc / "veritytab").write_bytes(data)
        bare.binds = ["--ro-bind", bare.directory / "cmdline", "/proc/cmdline"]
        words = [f"/var/lib/ipe/{output}/{name}" for name in ("normal", "early", "late")]
        result = bare.run("env", "SYSTEMD_VERITYTAB=/etc/ipe/veritytab", program, *words, check=program == GENERATOR)
        assert not list((directory / "early").iterdir()) and not list((directory / "late").iterdir())
        found = {str(path.relative_to(directory / "normal")): path for path in (directory / "normal").glob("**/*")}
        return {name: path.read_text() for name, path in found.items() if path.is_file() and not path.is_symlink()}, result.stderr
    run.machine = bare
    return run


def drop(generate, *hashes, name="corp-base.p7b", **options):
    (generate.machine.etc / "policy.d" / name).write_bytes(policy(*hashes, **options))


def order(files):
    """The units that ipe-load.service comes after."""
    if "ipe-load.service.d/50-ipe-verity.conf" not in files:
        return []
    text = files["ipe-load.service.d/50-ipe-verity.conf"]
    assert text.startswith(HEAD)
    lines = text.removeprefix(HEAD).splitlines()
    assert all(line.startswith("After=systemd-veritysetup@") and line.endswith(".service") for line in lines)
    return [line.removeprefix("After=systemd-veritysetup@").removesuffix(".service") for line in lines]


def test_the_whole_drop_in(generate):
    drop(generate, ONE)
    files, said = generate(f"data /dev/vda /dev/vdb {ONE} nofail\n")
    assert files == {"ipe-load.service.d/50-ipe-verity.conf": f"{HEAD}After=systemd-veritysetup@data.service\n"}
    assert said == ""


def test_volumes_that_no_policy_names_are_no_matter(generate):
    drop(generate, ONE)
    assert generate(f"data /dev/vda /dev/vdb {TWO}\nshort /dev/vda {ONE}\n# c /dev/vda /dev/vdb {ONE}\ndash /dev/vda /dev/vdb -\n") == ({}, "")


def test_all_that_may_be_loaded_is_looked_at(generate):
    """policy.d in its layers, with masks, and the store, where it is there already."""
    drop(generate, ONE)
    (generate.machine.run_directory / "ipe/policy.d/other.p7b").write_bytes(policy(TWO.upper()))
    (generate.machine.run_directory / "ipe/policy.d/masked.p7b").write_bytes(policy("11" * 32))
    (generate.machine.etc / "policy.d/masked.p7b").symlink_to("/dev/null")
    (generate.machine.state / "objects").mkdir()
    (generate.machine.state / "objects" / ("0" * 64)).write_bytes(policy(THREE, algorithm="sha512"))
    files, _ = generate(f"a 1 2 {ONE.upper()}\nb 1 2 {TWO}\nc 1 2 {THREE}\nd 1 2 {'11' * 32}\n")
    assert order(files) == ["a", "b", "c"]


def test_without_policies_or_veritytab_nothing_is_written(generate):
    assert generate(f"a 1 2 {ONE}\n") == ({}, "")
    drop(generate, ONE)
    (generate.machine.etc / "veritytab").unlink()
    assert generate() == ({}, "")


def test_a_volume_of_the_network_comes_later(generate):
    drop(generate, ONE)
    files, said = generate(f"data 1 2 {ONE} nofail,_netdev\n")
    assert files == {} and "'data', which needs the network" in said


@pytest.mark.parametrize("cmdline, hashes, more, expected", [
    (f"quiet roothash={ONE}", [ONE], "", ["root"]), (f"usrhash={ONE.upper()} ro", [ONE], "", ["usr"]),
    (f"roothash={ONE} usrhash={TWO}", [ONE, TWO], "", ["root", "usr"]), (f"roothash={ONE} roothash={TWO}", [ONE], "", []),
    (f'"roothash={ONE}"', [ONE], "", ["root"]), (f"x.roothash={ONE}", [ONE], "", []), ("roothash", [ONE], "", []),
    (f"roothash={TWO}", [], "op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n", ["root"]), (f"roothash={TWO}", [ONE], "", []),
])
def test_volumes_of_the_command_line(generate, cmdline, hashes, more, expected):
    drop(generate, *hashes, more=more)
    assert order(generate(cmdline=cmdline)[0]) == expected


def test_instances_are_called_as_systemd_calls_them(generate):
    """Names of all bytes that a line may have; ours takes the same entries as systemd's."""
    if not os.path.exists(SYSTEMD):
        pytest.skip(f"{SYSTEMD} is not installed")
    drop(generate, ONE)
    draw = random.Random(4711)
    letters = [bytes([byte]) for byte in range(33, 127)] + ["ä".encode(), "\u2028".encode(), "😀".encode()]
    names = {b"".join(draw.choices(letters, k=draw.randint(1, 40))) for _ in range(400)}
    names |= {b"." + name for name in list(names)[:20]}
    names = sorted(name for name in names if not name.startswith(b"#"))
    # systemd's stops at the first name that is too long.
    names += [b"a" * length for length in (227, 228)]
    veritytab = b"".join(name + draw.choice((b" ", b"\t", b" \t ")) + b"/dev/a /dev/b " + ONE.encode() +
                         draw.choice((b"", b" nofail", b" noauto extra")) + b"\n" for name in names)
    theirs, _ = generate(veritytab, program=SYSTEMD, output="theirs")
    ours = order(generate(veritytab)[0])
    known = {name.removeprefix("systemd-veritysetup@").removesuffix(".service") for name in theirs if "/" not in name}
    assert len(known) > 400
    assert set(ours) == known


@pytest.mark.parametrize("options", ["", "nofail", "noauto", "_netdev,nofail"])
def test_there_is_no_ordering_cycle(generate, options):
    """The units of systemd's generator and of ours, beside our own and the system's."""
    if not os.path.exists(SYSTEMD):
        pytest.skip(f"{SYSTEMD} is not installed")
    drop(generate, ONE)
    veritytab = f"data /dev/a /dev/b {ONE} {options}\n"
    generate(veritytab, program=SYSTEMD, output="theirs")
    generate(veritytab)
    directories = [generate.machine.state / output / "normal" for output in ("units", "theirs")] + [BUILD / "units", ""]
    wants = generate.machine.state / "units/normal/sysinit.target.wants"
    wants.mkdir()
    (wants / "ipe-load.service").symlink_to(BUILD / "units/ipe-load.service")
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "default.target", "ipe-load.service"],
                            env={**os.environ, "SYSTEMD_UNIT_PATH": ":".join(map(str, directories)), "SYSTEMD_LOG_LEVEL": "info"},
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = result.stdout + result.stderr
    assert "cycle" not in said, said


HOSTILE = [b"\0" * 1000, b"\n".join([b"a" * 100] * 10000), b"a 1 2 " + ONE.encode() * 5000, b"\xff" * 5000, b"a 1 2 " + ONE.encode() + b"\0b",
           b"a\nAfter=evil.service 1 2 " + ONE.encode(), b"a%n 1 2 " + ONE.encode()]


@pytest.mark.parametrize("veritytab", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_lines_are_one_line_or_none(generate, veritytab):
    drop(generate, ONE)
    files, _ = generate(veritytab, cmdline=veritytab.replace(b"a 1 2 ", b"roothash="))
    assert all("evil" not in line or line.startswith("After=systemd-veritysetup@") for line in "".join(files.values()).splitlines())
    order(files)


def test_many_volumes_and_many_policies(generate):
    draw = random.Random(1)
    hashes = [f"{draw.getrandbits(256):064x}" for _ in range(2000)]
    (generate.machine.state / "objects").mkdir()
    for number in range(4):
        (generate.machine.state / f"objects/{number:064}").write_bytes(policy(*hashes[number * 250:(number + 1) * 250]))
    files, _ = generate("".join(f"v{number} 1 2 {root_hash}\n" for number, root_hash in enumerate(hashes)))
    assert order(files) == [f"v{number}" for number in range(1000)]


def test_what_is_no_file_is_said_and_passed_over(generate):
    (generate.machine.etc / "veritytab").mkdir()
    os.mkfifo(generate.machine.etc / "policy.d/fifo.p7b")
    (generate.machine.etc / "policy.d/directory.p7b").mkdir()
    drop(generate, ONE)
    files, said = generate()
    assert files == {} and "Cannot read '/etc/ipe/veritytab'" in said


def test_the_store_leads_nowhere_else(generate):
    """The store belongs to the daemon, and the generator has more power."""
    objects = generate.machine.state / "objects"
    (generate.machine.etc / "elsewhere").mkdir()
    (generate.machine.etc / "elsewhere/policy").write_bytes(policy(ONE))
    objects.symlink_to("/etc/ipe/elsewhere")
    assert generate(f"data 1 2 {ONE}\n") == ({}, "")
    objects.unlink()
    objects.mkdir()
    (objects / ("0" * 64)).symlink_to("/etc/ipe/elsewhere/policy")
    os.mkfifo(objects / ("1" * 64))
    assert generate(f"data 1 2 {ONE}\n") == ({}, "")
    (objects / ("2" * 64)).write_bytes(policy(ONE))
    assert order(generate(f"data 1 2 {ONE}\n")[0]) == ["data"]


def test_a_store_that_is_crowded_has_the_policy_wait_for_all_volumes(generate):
    objects = generate.machine.state / "objects"
    objects.mkdir()
    for number in range(4097):
        (objects / f"{number:064}").touch()
    assert order(generate(f"data 1 2 {ONE}\n")[0]) == ["data"]


def test_a_veritytab_that_is_too_large_is_said(generate):
    drop(generate, ONE)
    files, said = generate(b"# " + b"x" * (1 << 20))
    assert files == {} and "Cannot read" in said


@pytest.mark.parametrize("value, expected", [
    ("continue", None), ("nonsense", None), ("", None),
    ("emergency", "OnFailure=emergency.target\nOnFailureJobMode=replace-irreversibly\n"),
    ("poweroff", "FailureAction=poweroff-force\nOnFailure=poweroff.target\nOnFailureJobMode=replace-irreversibly\n"),
])
def test_what_a_failure_comes_to(generate, value, expected):
    (generate.machine.etc / "ipectld.conf").write_text(f"[Manager]\nOnFailure={value}\n")
    files, _ = generate()
    if expected:
        expected = {"ipe-load.service.d/50-ipe-on-failure.conf": f"# Written by ipe-generator(8): OnFailure= of ipectld.conf(5).\n\n[Unit]\n{expected}"}
    assert files == (expected or {})


def test_it_needs_no_libcrypto():
    assert "libcrypto" not in subprocess.run(["ldd", GENERATOR], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("config, setting", [(None, "continue"), ("[Manager]\nOnFailure=emergency\nTrialSec=1h\n", "emergency"),
                                             ("[Manager]\nOnFailure=poweroff\n", "poweroff"), ("[Manager]\nOnFailure=never\n", "continue")])
def test_on_failure_is_printed_for_who_builds_an_initrd(bare, config, setting):
    if config:
        (bare.etc / "ipectld.conf").write_text(config)
    result = bare.run(GENERATOR, "--on-failure")
    assert result.stdout == f"{setting}\n"
    assert ("OnFailure" in result.stderr) == ("never" in (config or ""))


def test_on_failure_of_a_configuration_that_cannot_be_read_is_not_guessed(bare):
    (bare.etc / "ipectld.conf").mkdir()
    result = bare.run(GENERATOR, "--on-failure", check=False)
    assert result.returncode == 1 and not result.stdout and "ipectld.conf" in result.stderr
