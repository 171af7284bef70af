# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disk images for test machines: ext4, and erofs on dm-verity with its hash tree behind the data."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

BLOCK = 4096


@dataclass(frozen=True)
class Verity:
    image: Path
    blocks: int
    hash_start: int
    root_hash: str
    salt: str

    def table(self, device):
        """The arguments of the agent's verb "verity" after the volume's name."""
        return [device, str(self.blocks), str(self.hash_start), self.root_hash, self.salt]


def tree(directory, files):
    for name, data in files.items():
        path = Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755)


def pad(image, extra=0):
    size = image.stat().st_size
    with open(image, "ab") as file:
        file.truncate((size + BLOCK - 1) // BLOCK * BLOCK + extra)


def ext4(image, files, size="8M"):
    """An ext4 image that can hold fs-verity files."""
    with tempfile.TemporaryDirectory() as scratch:
        tree(scratch, files)
        image.unlink(missing_ok=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "verity,^has_journal", "-b", "4096", "-d", scratch, image,
                        size], check=True, stdout=subprocess.DEVNULL, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    return image


def erofs(image, files, *options):
    with tempfile.TemporaryDirectory() as scratch:
        tree(scratch, files)
        image.unlink(missing_ok=True)
        subprocess.run(["mkfs.erofs", "--quiet", *options, image, scratch], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    return image


def hash_tree(image, salt):
    """Puts a hash tree behind an image; returns how to set it up. salt: hex, so that images of equal content differ."""
    pad(image)
    blocks = image.stat().st_size // BLOCK
    output = subprocess.run(["/usr/sbin/veritysetup", "format", image, image, f"--hash-offset={blocks * BLOCK}",
                             f"--data-blocks={blocks}", f"--salt={salt}"],
                            check=True, capture_output=True, text=True).stdout
    root_hash = re.search(r"Root hash:\s+([0-9a-f]+)", output).group(1)
    pad(image)
    # The block after the data holds veritysetup's superblock.
    return Verity(image, blocks, blocks + 1, root_hash, salt)


def verity(image, files, salt):
    """An erofs image on dm-verity; see hash_tree()."""
    return hash_tree(erofs(image, files), salt)
