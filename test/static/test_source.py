# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be said of the source without running it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ipe"


def tracked(*patterns):
    output = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
                            cwd=TOP, check=True, capture_output=True, text=True).stdout
    return sorted(line for line in output.splitlines() if (TOP / line).is_file())


def shebang(path, word):
    with open(TOP / path, "rb") as file:
        line = file.readline()
    return line.startswith(b"#!") and word in line


def scripts(word):
    return [path for path in tracked("tools", ".ci", "debian", "kernel", "test") if shebang(path, word)]


# Texts of licences, data of fuzzers, pages that are prose, and what debian/copyright speaks for but scripts, need no licence line of
# their own.
NO_SPDX = re.compile(r"^(LICENSES/|test/fuzz/corpus/|README\.md$|docs/|.*\.md$|\.gitignore$|debian/(?!rules|.*(inst|rm)$))")


@pytest.mark.parametrize("path", [path for path in tracked() if not NO_SPDX.match(path)])
def test_file_names_its_licence(path):
    with open(TOP / path, encoding="utf-8", errors="replace") as file:
        head = "".join(file.readline() for _ in range(12))
    licence = re.search(r"SPDX-License-Identifier: ([^*\n]+?)\s*(\*/|-->|\n|$)", head)
    assert licence, "no SPDX-License-Identifier in the first 12 lines"
    expected = "LGPL-2.1-or-later"
    if path.startswith("src/lsm/"):
        expected = "GPL-2.0-only"
    elif path.startswith("src/policy/") and not path.endswith("meson.build"):
        expected = "GPL-2.0-only OR LGPL-2.1-or-later"
    assert licence.group(1).strip() == expected


def test_policy_language_includes_only_itself():
    wrong = [f"{path}: {name}" for path in tracked("src/policy") if path.endswith((".c", ".h"))
             and Path(path).name not in ("port.h", "port-user.c")
             for name in re.findall(r"^\s*#\s*include\s+<([^>]+)>", (TOP / path).read_text(), re.M)]
    assert not wrong


@pytest.mark.parametrize("path", scripts(b"sh"))
def test_shellcheck(path):
    subprocess.run(["shellcheck", path], cwd=TOP, check=True)


@pytest.mark.parametrize("path", sorted(set(scripts(b"python")) | set(tracked("*.py"))))
def test_python_compiles(path):
    compile((TOP / path).read_text(), path, "exec")


def test_spelling():
    files = [path for path in tracked() if not path.startswith(("LICENSES/", "test/fuzz/corpus/"))]
    result = subprocess.run(["codespell", "--ignore-words-list=nd,ser,ro,erofs,anull,parms,ot,padd,buildd,fpr", *files], cwd=TOP, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", [path for path in tracked("*.xml", "*.policy", "*.conf") if path.endswith(".xml")])
def test_xml_is_well_formed(path):
    subprocess.run(["xmllint", "--nonet", "--noout", path], cwd=TOP, check=True)


def test_no_key_material():
    wrong = [path for path in tracked() if re.search(rb"PRIVATE " + rb"KEY-----", (TOP / path).read_bytes())]
    assert not wrong


# Where tools/kernel unpacks the distribution's source.
KERNEL_SOURCE = CACHE / "source/linux-source-6.12"
# Of src/policy, what the kernel does not compile.
USER_SPACE_ALONE = ("port-user.c", "lint.c", "lint.h")


@pytest.mark.parametrize("path", [path for path in tracked("src/lsm", "src/policy") if path.endswith((".c", ".h"))
                                  and Path(path).name not in USER_SPACE_ALONE])
def test_checkpatch(path):
    """Kernel style, as the kernel's own checker sees it."""
    assert shutil.which("perl"), "perl is part of every Debian installation"
    assert KERNEL_SOURCE.is_dir(), "tools/kernel has not unpacked the kernel source"
    ignored = ["SPDX_LICENSE_TAG", "FILE_PATH_CHANGES", "CONST_STRUCT", "EMBEDDED_FILENAME", "PREFER_KERNEL_TYPES",
               # Lists of providers are macros; kernel-doc is the comment that it does not see.
               "COMPLEX_MACRO", "TRAILING_SEMICOLON", "MACRO_ARG_REUSE", "UNCOMMENTED_DEFINITION",
               "LONG_LINE_STRING",
               # Tables of texts and bytes.
               "SPLIT_STRING", "STRING_FRAGMENTS", "QUOTED_WHITESPACE_BEFORE_NEWLINE"]
    result = subprocess.run([KERNEL_SOURCE / "scripts/checkpatch.pl", "--no-tree", "--strict", "--terse", "--no-summary",
                             "--ignore", ",".join(ignored), "-f", path], cwd=TOP, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_kernel_doc():
    """Every comment of that form describes what it stands before, and all of it."""
    assert KERNEL_SOURCE.is_dir(), "tools/kernel has not unpacked the kernel source"
    files = [path for path in tracked("src/lsm", "src/policy") if path.endswith((".c", ".h"))]
    result = subprocess.run([KERNEL_SOURCE / "scripts/kernel-doc", "-none", "-Wall", *files], cwd=TOP, capture_output=True,
                            text=True)
    assert result.returncode == 0 and not result.stderr, result.stderr
