# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kinds of files that IPE tells apart, on one test machine: the same program in every kind of place.

A place is a path and the facts that hold for it. Kit makes the files of a boot on the host (disks,
initramfs); World sets the places up in the running machine and keeps track of policies there.
"""

import contextlib
import functools
import itertools
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import guest
import keys
import volumes

IPE = guest.IPE
KMEMLEAK = "/sys/kernel/debug/kmemleak"
# Only in a kernel with KUnit's tests: src/lsm/tests/forget.c.
FORGET_BAR = "/sys/module/ipe_test/parameters/forget_bar"
BOOLEANS = ("boot_verified", "dmverity_signature", "fsverity_signature", "dmverity_cmdline")
DIGESTS = ("dmverity_roothash", "fsverity_digest")


@dataclass(frozen=True)
class Place:
    """A program and its facts: {property: True, or the digest in hex}."""
    path: str
    facts: dict = field(default_factory=dict, hash=False)


class Kit:
    """The files that every boot starts from; made once a test session."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.agent, self.hello = guest.build_agent(self.directory)
        self.programs = {name: self.hello + bytes([number]) * 8
                         for number, name in enumerate(("plain", "fsv", "fsv-signed", "late-fsv"), start=1)}
        files = {"hello": self.hello}
        self.unsigned = volumes.verity(self.directory / "unsigned.img", files, "00" * 32)
        self.signed = volumes.verity(self.directory / "signed.img", files, "11" * 32)
        self.reloaded = volumes.verity(self.directory / "reloaded.img", files, "22" * 32)
        volumes.ext4(self.directory / "ext4.img", self.programs)
        certificates = keys.directory()
        self.files = {
            "bin/hello": self.hello,
            "bin/script": b"#!/bin/hello\n", "bin/script-of-tmpfs": b"#!/tmp/hello\n",
            "bin/touched": self.hello + b"t", "bin/truncated": self.hello + b"u", "bin/written": self.hello + b"w",
            "bin/moved": self.hello + b"m", "lib/firmware/boot-fw": b"firmware", "certificate": b"not read",
            "test.der": (certificates / "test.der").read_bytes(),
            "fsv-signed.sig": keys.sign_fsverity(self.programs["fsv-signed"]),
            "fsv-other.sig": keys.sign_fsverity(self.programs["late-fsv"], key="other"),
            "signed.sig": keys.sign_root_hash(self.signed.root_hash),
            "reloaded.sig": keys.sign_root_hash(self.reloaded.root_hash),
            "unsigned.other-sig": keys.sign_root_hash(self.unsigned.root_hash, key="other"),
        }

    def initramfs(self, name, files=None):
        return guest.initramfs(self.directory / name, self.agent, {**self.files, **(files or {})})

    def disks(self, name):
        """Image files for one boot; the first one is writable, and this boot's own."""
        own = self.directory / f"{name}-ext4.img"
        subprocess.run(["cp", "--sparse=always", self.directory / "ext4.img", own], check=True)
        return [own, self.unsigned.image, self.signed.image, self.reloaded.image]


def places(kit):
    """{name: Place} as World.set_up() makes them; dmverity_cmdline is as without a command line."""
    unsigned = {"dmverity_roothash": kit.unsigned.root_hash}
    signed = {"dmverity_roothash": kit.signed.root_hash, "dmverity_signature": True}
    return {
        "initramfs": Place("/bin/hello", {"boot_verified": True}),
        "initramfs-script": Place("/bin/script", {"boot_verified": True}),
        "initramfs-late": Place("/late/hello"),
        "tmpfs": Place("/tmp/hello"),
        "ext4": Place("/ext4/plain"),
        "fsverity": Place("/ext4/fsv", {"fsverity_digest": keys.fsverity_digest(kit.programs["fsv"])}),
        "fsverity-signed": Place("/ext4/fsv-signed", {
            "fsverity_digest": keys.fsverity_digest(kit.programs["fsv-signed"]), "fsverity_signature": True}),
        "verity": Place("/unsigned/hello", unsigned),
        "verity-signed": Place("/signed/hello", signed),
        "overlay-verity": Place("/overlay/hello", signed),
        "overlay-copied-up": Place("/overlay-written/hello"),
        "overlay-initramfs": Place("/overlay-bin/hello", {"boot_verified": True}),
    }


class World:
    def __init__(self, machine, kit):
        self.machine, self.kit = machine, kit
        self.counter = itertools.count(1)
        self.active = None
        self.places = places(kit)

    def set_up(self):
        must = self.machine.must
        disk = self.machine.disk
        must("audit-start")
        must("mount", disk(0), "/ext4", "ext4", "rw")
        must("key", ".fs-verity", "/test.der")
        must("fsverity", "/ext4/fsv")
        must("fsverity", "/ext4/fsv-signed", "/fsv-signed.sig")
        self.volume("unsigned", self.kit.unsigned, disk(1))
        self.volume("signed", self.kit.signed, disk(2), "/signed.sig")
        must("mkdir", "/late")
        for path in ("/late/hello", "/tmp/hello"):
            must("copy", "/bin/hello", path)
        self.overlay("overlay", "/signed")
        self.overlay("overlay-written", "/signed")
        # Written, and so copied to the upper layer; what it has are the same bytes.
        must("copy", "/bin/hello", "/overlay-written/hello")
        self.overlay("overlay-bin", "/bin")
        must("audit")
        return self

    def volume(self, name, verity, device, signature=None):
        node = self.machine.must("verity", name, *verity.table(device), *([signature] if signature else [])).text
        self.machine.must("mount", node, f"/{name}", "erofs", "ro")

    def serve(self, name, verity, device, signature, data):
        """A volume that is mounted, at /NAME, by a program; it makes up the files: each has `data`."""
        node = self.machine.must("verity", name, *verity.table(device), signature).text
        self.machine.must("fuse", node, f"/{name}", data)

    def stop_serving(self, name):
        self.machine.must("umount", f"/{name}")
        self.machine.must("verity-remove", name)

    def overlay(self, name, lower):
        for directory in ("upper", "work"):
            self.machine.must("mkdir", f"/ext4/{name}-{directory}")
        self.machine.must("mount", "overlay", f"/{name}", "overlay", "rw",
                          f"lowerdir={lower},upperdir=/ext4/{name}-upper,workdir=/ext4/{name}-work")

    # Policies

    def header(self):
        """A new name, and the header of a policy that may be activated after all earlier ones."""
        number = next(self.counter)
        name = f"policy-{number}"
        return name, f"policy_name={name} policy_version=1.{number >> 8}.{number & 255}\n"

    def load(self, envelope):
        """Writes an envelope to new_policy; returns the errno by name."""
        return self.machine.errno("put", f"{IPE}/new_policy", envelope)

    def node(self, name, file):
        return f"{IPE}/policies/{name}/{file}"

    def put(self, name, file, data=b"1"):
        """Writes to a file of a policy; returns the errno by name."""
        return self.machine.errno("put", self.node(name, file), data)

    def get(self, name, file):
        return self.machine.must("get", self.node(name, file)).data

    def activate(self, rules):
        """Makes a policy of these rules the active one, and deletes the one that was; returns its name."""
        name, header = self.header()
        assert self.load(keys.sign_policy(header + rules)) == "OK"
        assert self.put(name, "active") == "OK"
        previous, self.active = self.active, name
        if previous:
            assert self.put(previous, "delete") == "OK"
        return name

    @contextlib.contextmanager
    def switched(self, file, value):
        """Within the block, a file at the top has this value: "0" in enforce, "1" in success_audit."""
        self.machine.must("put", f"{IPE}/{file}", value)
        try:
            yield
        finally:
            self.machine.must("put", f"{IPE}/{file}", "1" if value == "0" else "0")

    def loaded(self):
        return self.machine.must("list", f"{IPE}/policies").text.split()

    def leaks(self):
        """The objects that kmemleak finds, one text each."""
        # An object counts once it is five seconds old and was found in two scans with the same content.
        self.machine.must("sleep", 5500)
        for _ in range(2):
            self.machine.must("put", KMEMLEAK, "scan")
        return ["unreferenced object" + part
                for part in self.machine.must("get", KMEMLEAK).text.split("unreferenced object")[1:]]

    def records(self, alone=False):
        """Audit records since the last call. alone: also those of suppressed denials alone, which come at any time after
        the test that was denied so often."""
        records = [Record.parse(line) for line in self.machine.must("audit").text.splitlines()]
        return [record for record in records if alone or record.fields.get("pid") != "?"]


class Cycle(World):
    """A machine for the life cycle: each test begins with one active policy, of the lowest version."""

    ALLOW, DENY = "DEFAULT action=ALLOW\n", "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
    DENY_ALL = "DEFAULT action=DENY\n"
    PROBE = "/tmp/hello"
    BASE = "base"

    def __init__(self, machine, kit):
        super().__init__(machine, kit)
        self.numbers = itertools.count(1)

    def set_up_alone(self):
        """As set_up(), without volumes and file systems."""
        self.machine.must("audit-start")
        self.machine.must("copy", "/bin/hello", "/tmp/hello")
        return self

    def fresh(self):
        """A name that no policy had, and no floor."""
        return f"slot-{next(self.numbers)}"

    @staticmethod
    @functools.cache
    def blob(name, version, rules=ALLOW, floor=None, key="test"):
        floor = f" policy_rollback_floor={floor}" if floor else ""
        return keys.sign_policy(f"policy_name={name} policy_version={version}{floor}\n{rules}", key=key)

    def loads(self, *versions, rules=ALLOW, floor="0.0.0"):
        """A fresh name with up to three versions: current, next, previous; returns the name."""
        name = self.fresh()
        current, following, previous = (*versions, None, None)[:3]
        assert self.load(self.blob(name, previous or current, rules, floor)) == "OK"
        if previous:
            assert self.put(name, "update", self.blob(name, current, rules, floor)) == "OK"
        if following:
            assert self.put(name, "stage", self.blob(name, following, rules, floor)) == "OK"
        return name

    def versions(self, name):
        """Of current, next and previous; None for one that is not there."""
        answers = [self.machine.call("get", self.node(name, f"{directory}version"))
                   for directory in ("", "next/", "previous/")]
        assert {answer.name for answer in answers} <= {"OK", "ENOENT"}
        return tuple(answer.text if answer.name == "OK" else None for answer in answers)

    def top(self, file, data=None):
        """Reads a file at the top, or writes it and returns the errno by name."""
        if data is None:
            return self.machine.must("get", f"{IPE}/{file}").text
        return self.machine.errno("put", f"{IPE}/{file}", data)

    def text(self, name, file):
        return self.get(name, file).decode()

    def on_trial(self):
        return self.top("confirm")

    def verdict(self):
        return self.machine.errno("mmap", self.PROBE)

    def until(self, condition, seconds=30):
        """Waits for the kernel to do something by itself."""
        for _ in range(seconds * 20):
            if condition():
                return
            self.machine.must("sleep", 50)
        raise AssertionError("it did not come")

    def activate_anyway(self, name):
        """Makes the current version of a name active and confirmed, whatever the bar; a floor holds."""
        self.machine.must("put", FORGET_BAR, "1")
        assert self.put(name, "active") == "OK"

    def reset(self):
        """Ends a trial, and makes a version 0.0.0 the only policy; floors stay, the bar does not."""
        base = self.BASE
        self.top("revert", "1")
        if base not in self.loaded():
            assert self.load(self.blob(base, "0.0.0")) == "OK"
        self.activate_anyway(base)
        for name in self.loaded():
            if name != base:
                assert self.put(name, "delete") == "OK"
        self.machine.must("audit")
        return self


@dataclass(frozen=True)
class Record:
    """An audit record; values in quotes are without them, and values in hex stay so."""
    type: int
    text: str
    fields: dict

    @classmethod
    def parse(cls, line):
        kind, _, text = line.partition(" ")
        body = text.partition("): ")[2]
        fields = {key: value.strip('"') for key, value in
                  re.findall(r'(?:^|\s)([a-z0-9_]+)=("[^"]*"|\S*)', body)}
        return cls(int(kind), text, fields)

    def string(self, name):
        """A field that the kernel writes in quotes, or in hex where it is not plain."""
        if f'{name}="' in self.text:
            return self.fields[name]
        value = self.fields[name]
        return bytes.fromhex(value).decode(errors="surrogateescape") if re.fullmatch(r"([0-9A-F]{2})+", value) \
            else value
