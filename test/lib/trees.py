# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trees of Debian releases: mmdebstrap makes them, bwrap runs commands in them. They are layers of a cache, each named by its content."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ipe"
# What mkosi leaves in test/image when it is used by hand, and what it is told of the machine alone.
BY_HAND = ("mkosi.output", "mkosi.key", "mkosi.crt", "mkosi.local.conf")
KEEP = 3


class Failed(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **options):
    result = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    if result.returncode != 0:
        tail = "\n".join(result.stdout.splitlines()[-40:])
        raise Failed(f"'{' '.join(map(str, command))}' failed:\n{tail}")
    return result.stdout


def content_key(paths, *words):
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode() + b"\0")
    for path in paths:
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if not set(BY_HAND).isdisjoint(file.parts):
                continue
            digest.update(str(file.relative_to(TOP) if file.is_relative_to(TOP) else file.name).encode() + b"\0")
            if file.is_symlink():
                digest.update(os.readlink(file).encode())
            elif file.is_file():
                digest.update(str(file.stat().st_mode & 0o111).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def cached(cache, layer, key, build):
    """The directory of a layer; build(new) fills in an empty one that takes the name only when it is complete."""
    directory = cache / f"{layer}-{key}"
    if directory.is_dir():
        os.utime(directory)
        return directory
    began = time.monotonic()
    say(f"building the layer '{layer}'")
    new = cache / f".new-{layer}"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    build(new)
    new.rename(directory)
    say(f"built the layer '{layer}' in {time.monotonic() - began:.0f}s")
    others = sorted((path for path in cache.glob(f"{layer}-*") if path != directory),
                    key=lambda path: path.stat().st_mtime, reverse=True)
    for old in others[KEEP - 1:]:
        shutil.rmtree(old)
    return directory


def archive_in(block):
    """The address in a block of a list of sources, of either format, if it is one of Debian's main archive."""
    suite = r"(?:bookworm|trixie|oldstable|stable)"
    address = re.search(r"^URIs:\s*(\S+)", block, re.M)
    if address and re.search(rf"^Suites:.*\b{suite}(?!\S)", block, re.M) and re.search(r"^Components:.*\bmain(?!\S)", block, re.M):
        return address.group(1)
    address = re.search(rf"^deb\s+(?:\[[^]]*\]\s*)?(\S+)\s+{suite}\s(?:.*\s)?main(?!\S)", block, re.M)
    return address and address.group(1)


def mirror(root=Path("/")):
    """The address of Debian's main archive in the host's own list of sources."""
    apt = root / "etc/apt"
    for path in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.sources")), *sorted(apt.glob("sources.list.d/*.list"))]:
        for block in path.read_text().split("\n\n") if path.exists() else []:
            address = archive_in(block)
            # Debian's cloud images name a file with addresses, which other trees do not have.
            if address and address.startswith("mirror+file:"):
                file = root / address.removeprefix("mirror+file:").lstrip("/")
                address = next((line.split()[0] for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")), None)
            if address:
                return address
    raise Failed("no Debian archive for bookworm or trixie in /etc/apt")


def bootstrap(root, suite, packages, *options, variant="apt"):
    """Makes a tree of a release of Debian. options: further ones of mmdebstrap."""
    # It mounts /dev, /proc and /sys of the host into the tree. In a mount namespace of its own they are gone when it is
    # killed, and whoever removes the unfinished tree does not walk into them.
    run(["unshare", "--mount", "--propagation=private", "mmdebstrap", "--quiet", f"--variant={variant}",
         f"--include={','.join(packages)}", *options, suite, root, mirror()])


def inside(root, *binds, unchanged=False):
    """The start of a command that runs in a tree. unchanged: the tree is read-only but for the binds, /run, /tmp and /mnt."""
    command = ["bwrap", "--ro-bind" if unchanged else "--bind", root, "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc",
               "--dev-bind", "/sys", "/sys", "--tmpfs", "/run", "--tmpfs", "/tmp", "--tmpfs", "/mnt",
               "--cap-add", "ALL", "--setenv", "HOME", "/root", "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin",
               "--setenv", "LC_ALL", "C.UTF-8", "--chdir", "/"]
    if Path("/etc/resolv.conf").exists():
        command += ["--ro-bind", "/etc/resolv.conf", "/etc/resolv.conf"]
    for source, target in binds:
        command += ["--bind", source, target]
    return command


def copy_sources(names, directory):
    """Copies files and folders of the project, to the same places below a directory."""
    for name in names:
        source, target = TOP / name, directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*BY_HAND))
        else:
            shutil.copy2(source, target)
