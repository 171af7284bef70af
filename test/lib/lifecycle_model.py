# SPDX-License-Identifier: LGPL-2.1-or-later
"""The life cycle of policies as ipe(7) describes it: the answer to each write, and the content of every file
after it.

The tests compare this model with the kernel: it follows the documentation, and nothing of the code. It has
no clock: a trial goes on until something ends it.
"""

import itertools
import zlib
from dataclasses import dataclass, field

OPERATIONS = ("EXECUTE", "FIRMWARE", "KMODULE", "KEXEC_IMAGE", "KEXEC_INITRAMFS", "POLICY", "X509_CERT", "UNKNOWN")


@dataclass(frozen=True)
class Envelope:
    """A signed policy. version, floor: tuples of three numbers; action: of its only line, the global DEFAULT."""
    name: str
    version: tuple
    floor: tuple
    action: str
    text: str
    data: bytes

    @property
    def version_text(self):
        return ".".join(map(str, self.version))


@dataclass(eq=False)
class Loaded:
    """A policy in the kernel, with its counters; two of the same envelope are two."""
    envelope: Envelope
    was_confirmed: bool = False
    counts: dict = field(default_factory=lambda: {"ALLOW": 0, "DENY": 0})
    matches: int = 0
    shadow: dict = field(default_factory=lambda: {"ALLOW": 0, "DENY": 0})

    @property
    def version(self):
        return self.envelope.version

    def stats(self):
        counts = {op: {"ALLOW": 0, "DENY": 0} for op in OPERATIONS}
        counts["EXECUTE"] = self.counts
        lines = [f"op={op} allowed={count['ALLOW']} denied={count['DENY']}" for op, count in counts.items()]
        if self.matches:
            lines.append(f"default line=2 matches={self.matches}")
        lines.append(f"shadow denied={self.shadow['DENY']} allowed={self.shadow['ALLOW']}")
        return "".join(f"{line}\n" for line in lines)


@dataclass
class Slot:
    current: Loaded
    next: Loaded = None
    previous: Loaded = None

    @property
    def candidate(self):
        return self.next or self.current

    @property
    def versions(self):
        return [loaded for loaded in (self.current, self.next, self.previous) if loaded]


class Model:
    """write() methods answer an errno by name, "OK" for success; nothing changes where it is not "OK"."""

    def __init__(self):
        self.slots = {}
        self.floors = {}
        self.deciding = self.confirmed = self.shadowed = None
        # The highest version that was confirmed, of whatever name.
        self.bar = (0, 0, 0)
        # The name of which a version is on trial.
        self.trial_name = None

    # Conditions on a slot

    def takes_part(self, name):
        """Is a version of this name on trial, or its current the one that comes back after somebody's trial?"""
        if self.trial_name is None:
            return False
        return name == self.trial_name or self.slots[name].current is self.confirmed

    def may_decide(self, name, loaded):
        """The errno that keeps a version from deciding, or None."""
        same = self.confirmed and self.confirmed.envelope.name == name
        if loaded.version < (self.confirmed.version if same else self.bar):
            return "EINVAL"
        if loaded.version < self.floors.get(name, (0, 0, 0)):
            return "EPERM"
        return None

    # Changes

    def end_shadow(self, *gone):
        if self.shadowed and any(loaded is self.shadowed for loaded in gone):
            self.shadowed = None

    def decide(self, loaded):
        self.deciding = loaded
        self.end_shadow(loaded)

    def confirm_policy(self, name, loaded):
        self.trial_name = None
        self.confirmed = loaded
        loaded.was_confirmed = True
        self.bar = max(self.bar, loaded.version)
        self.decide(loaded)
        self.floors[name] = max(self.floors.get(name, (0, 0, 0)), loaded.envelope.floor)

    # Writes

    def new_policy(self, envelope):
        if envelope.name in self.slots:
            return "EEXIST"
        self.slots[envelope.name] = Slot(Loaded(envelope))
        return "OK"

    def update(self, name, envelope):
        slot = self.slots.get(name)
        if not slot:
            return "ENOENT"
        if self.takes_part(name):
            return "EBUSY"
        if envelope.name != name:
            return "EINVAL"
        if envelope.version <= slot.current.version:
            return "ESTALE"
        old, slot.previous, slot.current = slot.current, slot.current, Loaded(envelope)
        self.end_shadow(old)
        if slot.next and slot.next.version <= envelope.version:
            self.end_shadow(slot.next)
            slot.next = None
        if old is self.confirmed:
            self.confirm_policy(name, slot.current)
        return "OK"

    def stage(self, name, envelope):
        slot = self.slots.get(name)
        if not slot:
            return "ENOENT"
        if slot.next and slot.next is self.deciding:
            return "EBUSY"
        if envelope.name != name:
            return "EINVAL"
        if envelope.version <= slot.current.version:
            return "ESTALE"
        self.end_shadow(slot.next)
        slot.next = Loaded(envelope)
        return "OK"

    def active(self, name):
        slot = self.slots.get(name)
        if not slot:
            return "ENOENT"
        if self.deciding is slot.current and self.confirmed is slot.current:
            return "OK"
        error = self.may_decide(name, slot.current)
        if error:
            return error
        self.confirm_policy(name, slot.current)
        return "OK"

    def trial(self, name):
        slot = self.slots.get(name)
        if not slot:
            return "ENOENT"
        if self.trial_name:
            return "EBUSY"
        if not slot.next and slot.current is self.confirmed:
            return "EALREADY"
        error = self.may_decide(name, slot.candidate)
        if error:
            return error
        self.trial_name = name
        self.decide(slot.candidate)
        return "OK"

    def confirm(self):
        if not self.trial_name:
            return "ENODATA"
        name, slot = self.trial_name, self.slots[self.trial_name]
        if slot.next is self.deciding:
            self.end_shadow(slot.current)
            slot.previous, slot.current, slot.next = slot.current, slot.next, None
        self.confirm_policy(name, slot.current)
        return "OK"

    def revert(self):
        if not self.trial_name:
            return "ENODATA"
        self.trial_name = None
        self.decide(self.confirmed)
        return "OK"

    def rollback(self, name):
        slot = self.slots.get(name)
        if not slot:
            return "ENOENT"
        if self.takes_part(name):
            return "EBUSY"
        if slot.current is not self.confirmed:
            return "EPERM"
        if not slot.previous:
            return "ENODATA"
        if not slot.previous.was_confirmed or slot.previous.version < self.floors.get(name, (0, 0, 0)):
            return "EPERM"
        slot.current, slot.previous = slot.previous, None
        self.confirm_policy(name, slot.current)
        return "OK"

    def delete(self, name):
        slot = self.slots.get(name)
        if not slot:
            return "ENOENT"
        if any(loaded is self.deciding or loaded is self.confirmed for loaded in slot.versions):
            return "EPERM"
        self.end_shadow(*slot.versions)
        del self.slots[name]
        return "OK"

    def shadow(self, name, on):
        slot = self.slots.get(name)
        if not slot:
            return "ENOENT"
        mine = self.shadowed and self.shadowed.envelope.name == name
        if not on:
            if mine:
                self.shadowed = None
            return "OK"
        if self.shadowed and not mine:
            return "EBUSY"
        if slot.candidate is self.deciding:
            return "EALREADY"
        self.shadowed = slot.candidate
        return "OK"

    def forget_bar(self):
        """A write that only a test kernel has."""
        self.bar = (0, 0, 0)
        return "OK"

    # Reads

    def execute(self):
        """A verdict about something that no rule names; returns the errno's number."""
        action = "ALLOW"
        if self.deciding:
            action = self.deciding.envelope.action
            self.deciding.counts[action] += 1
            self.deciding.matches += 1
        if self.shadowed:
            self.shadowed.matches += 1
            if self.shadowed.envelope.action != action:
                self.shadowed.shadow[self.shadowed.envelope.action] += 1
        return 0 if action == "ALLOW" else 13

    def files(self):
        """{file: text or None where it says ENOENT}; bytes for what is not text; "running" for the time left."""
        trial = self.slots[self.trial_name] if self.trial_name else None
        ret = {"confirm": f"{self.trial_name} {self.deciding.envelope.version_text}\n" if trial else "",
               "lock": "", "enforce": "1", "success_audit": "0"}
        for name, slot in sorted(self.slots.items()):
            ret[f"{name}/name"] = name
            ret |= self.version_files(f"{name}/", slot.current, ("version", "policy", "pkcs7"))
            ret[f"{name}/active"] = "1" if slot.current is self.deciding else "0"
            ret[f"{name}/trial"] = "running" if self.trial_name == name else "0"
            ret[f"{name}/shadow"] = "1" if self.shadowed and self.shadowed in slot.versions else "0"
            ret |= self.version_files(f"{name}/", slot.current, ("stats",))
            for directory, loaded in (("next", slot.next), ("previous", slot.previous)):
                ret |= self.version_files(f"{name}/{directory}/", loaded, ("version", "policy", "pkcs7", "stats"))
        return ret

    @staticmethod
    def version_files(directory, loaded, names):
        if not loaded:
            return {directory + name: None for name in names}
        envelope = loaded.envelope
        texts = {"version": envelope.version_text, "policy": envelope.text, "pkcs7": envelope.data,
                 "stats": loaded.stats()}
        return {directory + name: texts[name] for name in names}

    def snapshot(self):
        """The text that the agent's verb "snapshot" makes, with the verdict that it asks for."""
        lines = [f"probe={self.execute()}"]
        for file, value in self.files().items():
            if value is None:
                value = "!2"
            elif isinstance(value, bytes):
                value = f"#{len(value)}:{zlib.crc32(value):08x}"
            lines.append(f"{file}={value}")
        return "".join(f"{line}\n" for line in lines)


def envelopes(names, versions, floors, sign):
    """{(name, version, floor): Envelope}, for each floor that is not above the version; None: no floor is given.

    sign(texts) returns what the kernel is given for each text. Half of the policies deny everything."""
    made = []
    for name, version, floor in itertools.product(names, versions, floors):
        if floor is not None and floor > version:
            continue
        words = [f"policy_name={name}", f"policy_version={'.'.join(map(str, version))}"]
        if floor is not None:
            words.append(f"policy_rollback_floor={'.'.join(map(str, floor))}")
        action = ("ALLOW", "DENY")[zlib.crc32(" ".join(words).encode()) & 1]
        made.append((name, version, floor, action, f"{' '.join(words)}\nDEFAULT action={action}\n"))
    signed = sign([text for *_, text in made])
    return {(name, version, floor): Envelope(name, version, version if floor is None else floor, action, text, data)
            for (name, version, floor, action, text), data in zip(made, signed)}
