# SPDX-License-Identifier: LGPL-2.1-or-later
"""The packages themselves, and how dpkg installs, upgrades and removes them where no systemd runs: in a chroot or a container."""

import re
import subprocess

from conftest import OLD_VERSION, package, run_tool
import trees

ENABLED = ["multi-user.target.wants/ipectld.service", "sysinit.target.wants/ipe-load.service", "basic.target.wants/ipe-confirm.service",
           "boot-complete.target.requires/ipe-boot-check.service", "sockets.target.wants/ipe-inspect.socket",
           "sockets.target.wants/ipe-open.socket"]
CHECK = "ipe-volume-check@data.service"


def contents(deb):
    """The entries of a package: {path: (type and mode, owner)}."""
    entries = {}
    for line in subprocess.run(["dpkg-deb", "--contents", deb], check=True, capture_output=True, text=True).stdout.splitlines():
        mode, owner, _, _, _, path = line.split(None, 5)
        entries[path.split(" -> ")[0].removeprefix(".")] = (mode, owner)
    return entries


def test_no_file_can_be_written_by_others_and_none_is_setuid(packages):
    for deb in packages.glob("*.deb"):
        for path, (mode, owner) in contents(deb).items():
            assert owner == "root/root", path
            assert mode[0] == "l" or mode[5] != "w" and mode[8] != "w" and not set("sStT") & set(mode), f"{path}: {mode}"


def test_every_program_is_hardened(packages, tmp_path):
    subprocess.run(["dpkg-deb", "--extract", package(packages, "ipe"), tmp_path], check=True)
    programs = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"]
    assert len(programs) == 8
    for program in programs:
        text = subprocess.run(["readelf", "--wide", "--file-header", "--segments", "--dynamic", "--dyn-syms", program], check=True,
                              capture_output=True, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin"}).stdout
        assert re.search(r"Type:\s+DYN", text) and "Flags: NOW PIE" in text, program
        assert "GNU_RELRO" in text and re.search(r"GNU_STACK.* RW ", text), program
        assert "__stack_chk_fail" in text and re.search(r"__\w+_chk\b", text), program


def test_a_second_build_elsewhere_and_later_gives_the_same_bytes():
    run_tool("tools/package", "--suite", "trixie", "--twice")


def enabled(tree):
    system = tree.root / "etc/systemd/system"
    return sorted(str(path.relative_to(system)) for path in system.rglob("*ipe*") if path.is_symlink())


def test_without_a_service_manager_an_installation_enables_and_starts_nothing(tree):
    before = tree.files()
    output = tree.install(package(tree.packages / "new", "ipe"))
    assert "rror" not in output and "arning" not in output
    assert enabled(tree) == sorted(ENABLED)
    assert re.search("^ipe:x:", (tree.root / "etc/passwd").read_text(), re.M)
    assert "0.2.0" in tree.must("ipectl", "--version")
    assert tree.must("systemctl", "is-enabled", "ipectld.service") == "enabled\n"
    # The store is made by the daemon's first start.
    assert not (tree.root / "var/lib/ipe").exists()
    tree.must("dpkg", "--purge", "ipe")
    # Users stay, as those of other packages do.
    assert tree.files() - before <= {"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"}


def test_without_a_bus_the_command_line_says_so(tree):
    tree.install(package(tree.packages / "new", "ipe"))
    result = tree.run("ipectl", "status")
    assert result.returncode != 0 and "bus" in result.stdout


def fill(tree):
    """What an administrator and the daemon leave on a machine."""
    kept = {"etc/ipe/policy.d/corp.p7b": "a policy", "etc/ipe/trust.d/corp.pem": "a certificate", "etc/ipe/ipectld.conf.d/50.conf": "[Manager]"}
    store = {"var/lib/ipe/state.json": "{}", "var/lib/ipe/policies/corp/1.0.0.p7b": "a policy"}
    for path, text in (kept | store).items():
        (tree.root / path).parent.mkdir(parents=True, exist_ok=True)
        (tree.root / path).write_text(text)
    return kept, store


def has(tree, texts):
    return all((tree.root / path).is_file() and (tree.root / path).read_text() == text for path, text in texts.items())


def test_an_upgrade_and_a_downgrade_keep_what_there_is(tree):
    tree.install(package(tree.packages / "old", "ipe"))
    kept, store = fill(tree)
    tree.must("systemctl", "disable", "ipe-confirm.service")
    for directory, version in (("new", "0.2.0"), ("old", OLD_VERSION), ("new", "0.2.0")):
        tree.install(package(tree.packages / directory, "ipe"))
        assert version in tree.must("ipectl", "--version")
        assert has(tree, kept | store)
        # What was disabled stays so.
        assert enabled(tree) == sorted(set(ENABLED) - {"basic.target.wants/ipe-confirm.service"})


def test_remove_keeps_configuration_and_state_and_purge_the_administrators_files(tree):
    tree.install(package(tree.packages / "new", "ipe"))
    kept, store = fill(tree)
    tree.must("dpkg", "--remove", "ipe")
    assert has(tree, kept | store)
    assert not list((tree.root / "usr").rglob("*ipectl*"))
    tree.must("dpkg", "--purge", "ipe")
    assert has(tree, kept) and not (tree.root / "var/lib/ipe").exists()
    assert enabled(tree) == []


def test_a_volume_that_is_to_be_checked_keeps_the_package(tree):
    tree.install(package(tree.packages / "new", "ipe"))
    tree.must("systemctl", "enable", CHECK)
    result = tree.run("dpkg", "--remove", "ipe")
    assert result.returncode != 0 and f"systemctl disable {CHECK}" in result.stdout
    assert tree.must("ipectl", "--version")
    tree.must("systemctl", "disable", CHECK)
    tree.must("dpkg", "--remove", "ipe")


def test_an_installation_does_not_need_a_store_that_can_be_written(tree, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / "state.json").write_text("{}")
    (tree.root / "var/lib/ipe").mkdir()
    deb = package(tree.packages / "new", "ipe")
    command = trees.inside(tree.root, (tree.packages, "/mnt"))
    subprocess.run([*command, "--ro-bind", store, "/var/lib/ipe", "dpkg", "--install", f"/mnt/new/{deb.name}"], check=True,
                   stdout=subprocess.DEVNULL)
    assert (store / "state.json").read_text() == "{}"
