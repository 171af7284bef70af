# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test keys, and signatures made with them."""

import functools
import struct
import subprocess
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


@functools.cache
def directory():
    """The directory of tools/keys."""
    return Path(subprocess.run([TOP / "tools/keys"], check=True, capture_output=True, text=True).stdout.strip())


def smime(data, *options, key="test"):
    """A DER PKCS#7 message over data; key: "test" (trusted) or "other"."""
    keys = directory()
    return subprocess.run(["openssl", "smime", "-sign", "-binary", "-outform", "der", "-signer",
                           keys / f"{key}.crt", "-inkey", keys / f"{key}.key", *options],
                          input=data, check=True, capture_output=True).stdout


def sign_policy(text, key="test", options=("-noattr", "-nodetach", "-nosmimecap")):
    """An envelope as the kernel wants it: the text inside a signature without attributes."""
    return smime(text if isinstance(text, bytes) else text.encode(), *options, key=key)


def append_signature(data, key="test"):
    """The extended envelope: the text, a detached signature, and the kernel's trailer of a signed module."""
    signature = smime(data, "-noattr", key=key)
    return data + signature + struct.pack(">BBBBB3xI", 0, 0, 2, 0, 0, len(signature)) + b"~Module signature appended~\n"


def sign_root_hash(root_hash, key="test"):
    """A detached signature over the hex of a dm-verity root hash."""
    return smime(root_hash.encode(), "-noattr", "-nocerts", key=key)


def sign_fsverity(data, key="test"):
    """A detached signature over the fs-verity digest (SHA-256, blocks of 4096 bytes) of data."""
    keys = directory()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch)
        (path / "file").write_bytes(data)
        subprocess.run(["fsverity", "sign", path / "file", path / "signature", f"--key={keys / key}.key",
                        f"--cert={keys / key}.crt"], check=True, capture_output=True)
        return (path / "signature").read_bytes()


def fsverity_digest(data):
    """The fs-verity digest of data in hex."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        output = subprocess.run(["fsverity", "digest", "--compact", file.name], check=True, capture_output=True,
                                text=True).stdout
    return output.split()[0]
