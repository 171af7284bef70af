# SPDX-License-Identifier: LGPL-2.1-or-later
"""Journal files: entries that a test has received at journald's socket, as journald would have written them.

systemd-journal-remote writes the files, from the export format."""

import struct
import subprocess

REMOTE = "/lib/systemd/systemd-journal-remote"
MACHINE_ID = "00112233445566778899aabbccddeeff"


class JournalFile:
    """The journal of the system in the sandboxes of a machine. It has to be made before the sandbox that reads it."""

    def __init__(self, machine):
        self.directory = machine.run_directory / "log/journal" / MACHINE_ID
        self.directory.mkdir(parents=True)
        (machine.directory / "machine-id").write_text(f"{MACHINE_ID}\n")
        machine.binds += ["--ro-bind", machine.directory / "machine-id", "/etc/machine-id"]

    @staticmethod
    def export(entry):
        lines = b""
        for key, value in entry.items():
            value = value if isinstance(value, bytes) else str(value).encode()
            plain = all(byte >= 32 or byte == 9 for byte in value)
            lines += key.encode() + (b"=" + value if plain else b"\n" + struct.pack("<Q", len(value)) + value) + b"\n"
        return lines + b"\n"

    def add(self, *entries, start=1_764_000_000, uid=0):
        """Entries as dictionaries, one a second from start on (seconds since 1970), sent by that user."""
        data = b""
        for number, entry in enumerate(entries):
            data += self.export({"__REALTIME_TIMESTAMP": (start + number) * 1_000_000,
                                 "__MONOTONIC_TIMESTAMP": (start + number) * 1_000_000,
                                 "_BOOT_ID": MACHINE_ID, "_UID": uid, **entry})
        subprocess.run([REMOTE, "-o", self.directory / "system.journal", "--split-mode=none", "-"], input=data, check=True,
                       capture_output=True)
