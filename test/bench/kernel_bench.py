# SPDX-License-Identifier: LGPL-2.1-or-later
"""The instructions that the LSM costs: the same operations on one configuration of the kernel, with our LSM,
with upstream's, and with none. An emulated processor counts them: see test/kernel/probes/agent-bench.c."""

import hashlib
import itertools
import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import guest
import keys
import qemu_agent
import volumes

TOP = Path(__file__).resolve().parents[2]
IPE = guest.IPE
# Rules of a policy; None is no policy.
SIZES = (None, 0, 1, 10, 100, 586)
SIZES_OURS = (10_000, 100_000)
# Of what depends on the size of a policy, so many are taken.
MEMORY_SIZES = {100: 32, 586: 32, 10_000: 32, 100_000: 16}
LOADS = 7
LOADS_LARGE = 3
# Bytes of text that leave room for a signature in a message.
MESSAGE_TEXT_MAX = 65_120
CALLS, EXECS = 101, 41
DENIED_FILES = 40

VERITY, PLAIN, TINY, DYNAMIC = "/ext4/data", "/ext4/plain", "/ext4/tiny", "/ext4/dynamic"
LOADER, LIBRARY = "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"

# The measurements under each policy: title, sample of the agent, how many, path.
SAMPLES = {
    "mmap RX, verity file": ("mmap-exec", CALLS, VERITY),
    "mmap RX, plain file": ("mmap-exec", CALLS, PLAIN),
    "mmap RX, anonymous": ("mmap-anonymous", CALLS, VERITY),
    "mmap R, verity file": ("mmap-read", CALLS, VERITY),
    "mprotect RX, verity file": ("mprotect", CALLS, VERITY),
    "exec, tiny static program": ("exec", EXECS, TINY),
    "exec, dynamic program": ("exec", EXECS, DYNAMIC),
}


class Counted(qemu_agent.QemuAgent):
    """One instruction takes one nanosecond."""

    TIMEOUT_SEC = 600
    PROCESSOR = ("-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", "max", "-smp", "1")


@dataclass(frozen=True)
class Kernel:
    """options: of tools/kernel; command_line: besides what every boot has."""
    name: str
    options: tuple = ()
    command_line: tuple = ()

    def bzimage(self):
        command = [TOP / "tools/kernel", "--bench", *self.options]
        return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()) / "bzImage"


NONE = Kernel("none", (), ("lsm=",))
UPSTREAM = Kernel("upstream", ("--upstream",), ("lsm=ipe",))
OURS = Kernel("ours", (), ("lsm=ipe",))
UNCACHED = Kernel("ours, not cached", (), ("lsm=ipe", "ipe.cache=0"))


def digest(number):
    """Of no file that there is."""
    return hashlib.sha256(b"rule %d" % number).hexdigest()


def sign(text):
    """The smallest envelope that the text fits into; without the certificate 586 rules do."""
    if len(text) <= MESSAGE_TEXT_MAX:
        return keys.sign_policy(text, options=("-noattr", "-nodetach", "-nosmimecap", "-nocerts"))
    return keys.append_signature(text.encode())


class Bench:
    """One boot, and what was found in it: {(title, rules): [instructions]}."""

    def __init__(self, kernel, directory, audit=True):
        self.kernel, self.directory = kernel, Path(directory)
        self.results = {}
        self.versions = itertools.count(1)
        self.names = itertools.count(1)
        self.active = None
        agent, hello = guest.build_agent(self.directory)
        self.data = hello + b"data"
        source = self.directory / "dynamic.c"
        source.write_text("int main(void) { return 42; }\n")
        subprocess.run(["gcc", "-O1", "-Wl,--dynamic-linker=/ext4/ld.so", "-Wl,-rpath=/ext4", "-o", self.directory / "dynamic", source],
                       check=True)
        programs = {"data": self.data, "tiny": hello, "dynamic": (self.directory / "dynamic").read_bytes(),
                    "plain": hello + b"plain", "ld.so": Path(LOADER).read_bytes(), "libc.so.6": Path(LIBRARY).read_bytes()}
        self.trusted = ["data", "tiny", "dynamic", "ld.so", "libc.so.6"]
        programs.update({f"denied-{number}": hello + b"%d" % number for number in range(DENIED_FILES)})
        self.digests = [keys.fsverity_digest(programs[name]) for name in self.trusted]
        disk = volumes.ext4(self.directory / "disk.img", programs, "32M")
        self.blobs = {}
        self.sizes = () if kernel is NONE else SIZES + (() if kernel is UPSTREAM else SIZES_OURS)
        self._sign_policies()
        initrd = guest.initramfs(self.directory / "initramfs", agent, {f"blobs/{name}": data for name, data in self.blobs.items()})
        words = ("quiet", "loglevel=1", "printk.devkmsg=on", f"audit={int(audit)}", "audit_backlog_limit=8192", "nokaslr", *kernel.command_line)
        self.machine = Counted(kernel.bzimage(), initrd, self.directory / "console.log", [disk], words)
        try:
            self._set_up()
            self.has_big = "appended-signature" in self.machine.call("get", f"{IPE}/features").text
        except BaseException:
            self.machine.stop()
            raise

    def _set_up(self):
        must = self.machine.must
        must("mount", self.machine.disk(0), "/ext4", "ext4", "rw")
        for name in self.trusted:
            must("fsverity", f"/ext4/{name}")

    # Policies

    def policy(self, n_rules, more="", default="ALLOW"):
        """A name and a text that no other policy has; n_rules rules that match nothing, then `more`."""
        number = next(self.names)
        name = f"b{number}"
        rules = "".join(f"op=EXECUTE fsverity_digest=sha256:{digest(i)} action=DENY\n" for i in range(n_rules))
        own = f"DEFAULT op=EXECUTE action={default}\n" if default != "ALLOW" else ""
        return name, f"policy_name={name} policy_version=1.{next(self.versions)}.0\nDEFAULT action=ALLOW\n{own}{rules}{more}"

    def _add(self, key, text):
        self.blobs[key] = sign(text)

    def _sign_policies(self):
        """All that this boot will load, as they have to be in the initramfs; names and versions in the order of their use."""
        self.plan = []
        for size in self.sizes:
            if size is None:
                continue
            names = []
            for number in range(LOADS if size <= 586 else LOADS_LARGE):
                name, text = self.policy(size)
                version = re.search(r"policy_version=(\S+)", text).group(1)
                self._add(f"{name}.p7b", text)
                self._add(f"{name}.update", text.replace(version, version[:-1] + "1", 1))
                names.append(name)
            copies = []
            for number in range(MEMORY_SIZES.get(size, 0)):
                name, text = self.policy(size)
                self._add(f"{name}.p7b", text)
                copies.append(name)
            self.plan.append((size, names, copies))
        if self.sizes:
            allow = "".join(f"op=EXECUTE fsverity_digest=sha256:{value} action=ALLOW\n" for value in self.digests)
            self.denying, text = self.policy(0, allow, "DENY")
            self._add(f"{self.denying}.p7b", text)

    def node(self, name, file):
        return f"{IPE}/policies/{name}/{file}"

    def write(self, title, size, path, source):
        answer = self.machine.must("count-write", path, source)
        if title:
            self.results.setdefault((title, size), []).append(int(answer.text))

    def activate(self, name):
        self.machine.must("put", self.node(name, "active"), "1")
        previous, self.active = self.active, name
        if previous:
            self.machine.must("put", self.node(previous, "delete"), "1")

    # Measurements

    def count(self, title, size, sample, number, *paths, error=0):
        found = self.machine.must("count", sample, number, *paths).text.split()
        assert int(found[0]) == error, f"{title}: error {found[0]}"
        # The first one fills the caches of the kernel, ours among them.
        self.results[title, size] = [int(value) for value in found[1:]][len(found) > 10:]

    def samples(self, size):
        for title, (sample, number, path) in SAMPLES.items():
            self.count(title, size, sample, number, path)

    def changes(self, size, names):
        """Loads, activates and updates; the last policy is active in the end."""
        for name in names:
            self.write("load", size, f"{IPE}/new_policy", f"/blobs/{name}.p7b")
            self.machine.must("put", "/one", "1")
            self.write("activate", size, self.node(name, "active"), "/one")
            previous, self.active = self.active, name
            if previous:
                self.machine.must("put", self.node(previous, "delete"), "1")
            self.write("update", size, self.node(name, "update"), f"/blobs/{name}.update")

    def free_memory(self):
        """Bytes, once what is on its way to be freed is: the same several times."""
        found = []
        while len(found) < 4 or len(set(found[-4:])) > 1:
            self.machine.must("sleep", 1000)
            self.machine.must("put", "/proc/sys/vm/drop_caches", "3")
            found.append(int(re.search(r"MemFree:\s+(\d+)", self.machine.must("get", "/proc/meminfo").text).group(1)) * 1024)
            assert len(found) < 60
        return found[-1]

    def load_all(self, names):
        for name in names:
            self.write(None, None, f"{IPE}/new_policy", f"/blobs/{name}.p7b")

    def delete_all(self, names):
        for name in names:
            self.machine.must("put", self.node(name, "delete"), "1")

    def memory(self, size, names):
        if size <= 586:
            # The kernel keeps some memory of the first ones for later, which must not be counted.
            self.load_all(names)
            self.delete_all(names)
        before = self.free_memory()
        self.load_all(names)
        self.results["memory of a policy, bytes", size] = [(before - self.free_memory()) // len(names)]
        self.delete_all(names)

    def denials(self, title):
        self.write(None, None, f"{IPE}/new_policy", f"/blobs/{self.denying}.p7b")
        self.activate(self.denying)
        paths = [f"/ext4/denied-{number}" for number in range(DENIED_FILES)]
        self.count(f"denial{title}", 5, "mmap-exec", DENIED_FILES, *paths, error=13)
        self.count(f"denial, repeated{title}", 5, "mmap-exec", CALLS, paths[0], error=13)

    def run(self):
        try:
            self.machine.must("create", "/one", "1")
            if self.kernel is NONE or None in self.sizes:
                self.samples(None)
            for size, names, copies in self.plan if self.sizes else ():
                if size > 586 and not self.has_big:
                    continue
                self.changes(size, names)
                self.samples(size)
                if copies:
                    self.memory(size, copies)
            if self.sizes:
                self.denials("")
            assert not self.machine.trouble()
        finally:
            self.machine.stop()
        return self.results

    def run_denials(self, title):
        try:
            self.denials(title)
        finally:
            self.machine.stop()
        return self.results


def measure(say):
    """Boots every kernel; returns {kernel: {(title, rules): [instructions]}}."""
    found = {}
    for kernel in (NONE, UPSTREAM, OURS, UNCACHED):
        with tempfile.TemporaryDirectory() as directory:
            say(f"{kernel.name}: booting")
            found[kernel.name] = Bench(kernel, directory).run()
    for kernel in (UPSTREAM, OURS):
        with tempfile.TemporaryDirectory() as directory:
            say(f"{kernel.name}, audit=0: booting")
            found[kernel.name].update(Bench(kernel, directory, audit=False).run_denials(", audit=0"))
    return found


def summary(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "n": len(values)}
