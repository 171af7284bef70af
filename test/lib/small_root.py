# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small root file system of the host's programs and their libraries, for machines that boot in a second."""

import re
import shutil
import subprocess
from pathlib import Path

PYTHON = Path("/usr/bin/python3")
GI = Path("/usr/lib/python3/dist-packages/gi")
TYPELIBS = ("GLib-2.0", "GObject-2.0", "GModule-2.0", "Gio-2.0")


class SmallRoot:
    """A directory that becomes an image. Files keep their time: Python's compiled modules are valid by it."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "dev", "proc", "sys", "run", "tmp", "etc", "var"):
            (directory / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (directory / name).symlink_to(f"usr/{name}")
        (directory / "var/run").symlink_to("../run")
        for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache"):
            self.add(Path("/etc") / name)

    def path(self, place):
        """Where a file of the root lies in the directory: the links above, such as /lib, are relative."""
        path = self.directory / str(place).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def add(self, source, place=None):
        shutil.copy2(source, self.path(place or source))

    def write(self, place, content):
        self.path(place).write_bytes(content)

    def add_program(self, source, place=None):
        """With the libraries that it is linked to."""
        self.add(source, place)
        self.add_libraries(source)

    def add_libraries(self, source):
        output = subprocess.run(["ldd", source], check=True, capture_output=True, text=True).stdout
        for library in re.findall(r"(/\S+) \(0x", output):
            if not self.path(library).exists():
                self.add(library)

    def add_python(self):
        """The distribution's Python, with GLib's bindings."""
        self.add_program(PYTHON)
        modules = Path(f"/usr/lib/{PYTHON.resolve().name}")
        for source in (modules, GI):
            unused = shutil.ignore_patterns("test", "idlelib", "lib2to3", "ensurepip", "config-*", "pydoc_data")
            shutil.copytree(source, self.path(source), symlinks=True, ignore=unused)
            for library in source.rglob("*.so"):
                self.add_libraries(library)
        for name in TYPELIBS:
            self.add(Path(f"/usr/lib/x86_64-linux-gnu/girepository-1.0/{name}.typelib"))

    def image(self, path):
        subprocess.run(["mkfs.erofs", "-E", "noinline_data", path, self.directory], check=True, stdout=subprocess.DEVNULL)
        return path
