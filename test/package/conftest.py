# SPDX-License-Identifier: LGPL-2.1-or-later
"""The packages as tools/package builds them for Debian 13, and a tree of Debian 13 without systemd running, to install them in."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test/lib"))
import trees  # noqa: E402  (the project's own module)

# The release before: the same sources under a lower number, as no release before this one had packages.
OLD_VERSION = "0.1.9"
# What the packages depend on, so that dpkg can install them without a network.
DEPENDENCIES = """
        systemd systemd-sysv dbus polkitd libjson-c5 libeconf0 libcryptsetup12 libkmod2 libmount1 libssl3t64 initramfs-tools openssl
""".split()


def run_tool(*words):
    """Runs a tool of the project; returns the lines that it prints."""
    return subprocess.run([TOP / words[0], *words[1:]], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


@pytest.fixture(scope="session")
def packages():
    """The directory of the packages of this version."""
    return Path(*run_tool("tools/package", "--suite", "trixie"))


@pytest.fixture(scope="session")
def old_packages():
    return Path(*run_tool("tools/package", "--suite", "trixie", "--version", OLD_VERSION))


def package(directory, name):
    """The file of a package."""
    found, = directory.glob(f"{name}_*.deb")
    return found


class Tree:
    """A tree of Debian, in which commands run as root, without a service manager."""

    def __init__(self, root, packages):
        self.root, self.packages = root, packages

    def run(self, *words, binds=()):
        return subprocess.run([*trees.inside(self.root, (self.packages, "/mnt"), *binds), *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def must(self, *words, binds=()):
        result = self.run(*words, binds=binds)
        assert result.returncode == 0, f"{words} ended with {result.returncode}:\n{result.stdout}"
        return result.stdout

    def install(self, *files):
        return self.must("dpkg", "--install", *(f"/mnt/{file.relative_to(self.packages)}" for file in files))

    def files(self):
        """What there is, but for what dpkg, the bus, systemd and libraries keep for themselves."""
        paths = {str(path.relative_to(self.root)) for path in self.root.rglob("*")}
        return {path for path in paths if not path.startswith(("var/lib/dpkg/", "var/cache/", "var/log/", "var/lib/systemd/catalog/",
                                                               "build"))}


@pytest.fixture(scope="session")
def clean_tree():
    def build(new):
        trees.bootstrap(new / "root", "trixie", DEPENDENCIES)

    (trees.CACHE / "package").mkdir(parents=True, exist_ok=True)
    return trees.cached(trees.CACHE / "package", "install-tree", trees.content_key([], *DEPENDENCIES), build) / "root"


@pytest.fixture
def tree(clean_tree, packages, old_packages, tmp_path):
    root = tmp_path / "root"
    subprocess.run(["cp", "-a", clean_tree, root], check=True)
    files = tmp_path / "packages"
    for name, directory in (("new", packages), ("old", old_packages)):
        shutil.copytree(directory, files / name)
    yield Tree(root, files)
    shutil.rmtree(root)
