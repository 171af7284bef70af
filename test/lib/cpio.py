# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes initramfs archives (cpio, "newc") without root; archives may be concatenated."""

import stat


def entry(name, mode, data=b"", device=(0, 0), inode=0):
    encoded = name.encode() + b"\0"
    fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def archive(files):
    """files: {path without leading slash: bytes}; parents are made, every file is executable."""
    result = [entry("dev", stat.S_IFDIR | 0o755), entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))]
    seen = {"dev"}
    for number, (path, data) in enumerate(sorted(files.items()), start=1):
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            directory = "/".join(parts[:depth])
            if directory not in seen:
                seen.add(directory)
                result.append(entry(directory, stat.S_IFDIR | 0o755))
        result.append(entry(path, stat.S_IFREG | 0o755, data, inode=number))
    result.append(entry("TRAILER!!!", 0))
    joined = b"".join(result)
    return joined + bytes(-len(joined) % 512)
