# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root without a key, on a test machine; test/kernel/test_time_of_use.py carries out the attacks.

Arsenal makes images and files on the host, once for all machines; Attacker acts on one of them. "Evil" is a
program that differs from a verified one in its exit status alone.
"""

import itertools
import re

import elf
import keys
import volumes

GOOD_CODE, EVIL_CODE = b"\xbf\x2a\0\0\0", b"\xbf\x42\0\0\0"
STUB = elf.leave(66)


def evil(data):
    """The same with another exit status."""
    assert GOOD_CODE in data
    return data.replace(GOOD_CODE, EVIL_CODE)


class Arsenal:
    """Images, and files for the initramfs, that attackers bring; made once."""

    PADDING = 256 * 4096
    MODULE = 32 << 10

    def __init__(self, kit, directory):
        self.kit, self.good = kit, kit.programs["fsv-signed"]
        self.module = b"\x7fELF".ljust(self.MODULE, b"\0")
        # Verified are both codes, and headers by which the first one runs.
        self.headers = elf.program(elf.leave(42), interpreter="/lib/start", behind=elf.program(elf.leave(66),
                                   interpreter="/lib/start"))
        self.other_headers = elf.program(elf.leave(42), interpreter="/lib/start", offset=4096)
        # No holes: each page is somewhere on the disk.
        self.victim = kit.hello.ljust(self.PADDING, b"v")
        # Program headers behind what execve() reads at first; in the second one the stack is not executable.
        self.stack, self.lean = (elf.program(elf.on_stack(STUB), stack=stack, headers=512).ljust(self.PADDING, b"s")
                                 for stack in ("rwx", "rw-"))
        self.many_headers = elf.program(elf.on_stack(STUB), more=7)
        self.short_stack = elf.program(elf.on_stack(STUB), stack="rwx")
        # Its second page, headers and all, is a program, too; then a first page that says so.
        self.twofold = elf.program(elf.leave(42), elf.DYN, behind=elf.program(elf.leave(66), elf.DYN, offset=4096)
                                   ).ljust(self.PADDING, b"t")
        self.other_beginning = self.twofold[:32] + (4096 + 64).to_bytes(8, "little") + self.twofold[40:4096]
        self.policy, self.other_policy = (self.text(action) for action in ("DENY", "ALLOW"))
        files = {"hello": kit.hello, "module.ko": self.module, "firmware": b"good" * 1000, "headers": self.headers,
                 "policy": self.policy}
        # Without a checksum: the attacker could make it anew.
        self.volume = volumes.hash_tree(volumes.erofs(directory / "goods.img", files, "-Enosbcrc"), "55" * 32)
        image = (directory / "goods.img").read_bytes()[:self.volume.blocks * volumes.BLOCK]
        (directory / "evil-goods.img").write_bytes(evil(image))
        self.evil_volume = volumes.hash_tree(directory / "evil-goods.img", "88" * 32)
        multi = volumes.erofs(directory / "multi.img", {"hello": evil(kit.hello)},
                              f"--blobdev={self.blob(directory)}", "--chunksize=4096")
        self.multi = volumes.hash_tree(multi, "66" * 32)
        self.on_ext4 = volumes.hash_tree(volumes.ext4(directory / "on-ext4.img", {"hello": kit.hello}), "77" * 32)
        volumes.ext4(directory / "victim.img", {"victim": self.victim, "policy": self.policy, "file": self.twofold,
                                                "stack": self.stack}, "16M")
        self.files = {f"images/{name}.img": (directory / f"{name}.img").read_bytes()
                      for name in ("goods", "evil-goods", "multi", "blob", "on-ext4", "victim")}
        self.files |= {
            **{f"images/{name}.sig": keys.sign_root_hash(volume.root_hash) for name, volume in
               (("goods", self.volume), ("multi", self.multi), ("on-ext4", self.on_ext4))},
            "lib/start": elf.program(elf.start_of_program("/lib/start"), kind=elf.DYN),
            "headers.sig": keys.sign_fsverity(self.headers), "module.sig": keys.sign_fsverity(self.module),
            "victim.sig": keys.sign_fsverity(self.victim), "twofold.sig": keys.sign_fsverity(self.twofold),
            "other.der": (keys.directory() / "other.der").read_bytes(),
            "evil-other.sig": keys.sign_fsverity(evil(kit.hello), key="other"),
            "bin/stack": elf.program(elf.on_stack(STUB), stack="rwx"),
            "stack.sig": keys.sign_fsverity(self.stack), "short-stack.sig": keys.sign_fsverity(self.short_stack),
            "bin/odd": self.of_odd_class(),
            "bin/bss": elf.program(lambda entry: elf.in_bss(STUB, entry), bss=4096),
            "lib/stack": elf.program(elf.on_stack(STUB), kind=elf.DYN, stack="rwx"),
            "lib/bss": elf.program(lambda entry: elf.in_bss(STUB, entry), kind=elf.DYN, bss=4096),
            **{f"bin/with-{name.replace('/', '-')}": elf.program(elf.leave(42), interpreter=f"/{name}", stack=stack)
               for name, stack in (("lib/stack", "rwx"), ("lib/bss", "rw-"), ("interpreted/file", "rw-"))},
            # Has no byte in a file; it begins in the program that names it.
            "zeros": elf.program(b"", kind=elf.DYN, in_file=0),
            "bin/victim": kit.hello, "lib/firmware/victim": b"good" * 1000, "bin/data.magic": b"magic\n",
        }

    @staticmethod
    def of_odd_class():
        """Says that it has headers of 32 bits, which ask for nothing; the kernel loads it by those of 64."""
        odd = bytearray(elf.program(elf.on_stack(STUB), stack="rwx", headers=512))
        odd[4] = 1
        odd[40:48] = (64 | 32 << 16 | 3 << 32).to_bytes(8, "little")
        odd[64:96] = elf.GNU_STACK.to_bytes(4, "little").ljust(24, b"\0") + (6).to_bytes(4, "little") + bytes(4)
        return bytes(odd)

    @staticmethod
    def blob(directory):
        path = directory / "blob.img"
        path.write_bytes(bytes(1 << 20))
        return path

    def text(self, action):
        """A policy of three pages and more, all of it in the first."""
        text = f"policy_name=stolen policy_version=60000.0.0 policy_unsigned=TRUE\nDEFAULT action={action}\n#"
        return text.ljust(self.PADDING - 1, ".").encode() + b"\n"


class Overlay:
    """An overlay that the attacker has mounted; name: of a file in it, with the paths at which it is."""

    def __init__(self, attacker, lower, *options):
        self.attacker, self.lower = attacker, lower
        self.path, self.upper, work = (attacker.directory(kind) for kind in ("overlay", "upper", "work"))
        attacker.must("mount", "overlay", self.path, "overlay", "rw",
                      ",".join([f"lowerdir={lower}", f"upperdir={self.upper}", f"workdir={work}", *options]))

    def copy_metadata_up(self, name="file"):
        for mode in ("0700", "0755"):
            self.attacker.must("chmod", f"{self.path}/{name}", mode)

    def verify(self, name="file"):
        """Gives the file in the upper layer the bytes that somebody has signed, and fs-verity."""
        self.attacker.must("create", f"{self.path}/{name}", self.attacker.arsenal.good)
        self.attacker.must("fsverity", f"{self.upper}/{name}", "/fsv-signed.sig")


class Attacker:
    """Root on one machine."""

    def __init__(self, world, arsenal):
        self.world, self.machine, self.arsenal = world, world.machine, arsenal
        self.must, self.errno = self.machine.must, self.machine.errno
        self.numbers = itertools.count(1)
        self.entry = int.from_bytes(arsenal.kit.hello[24:32], "little") & 4095

    def call(self, *command):
        """The errno of a verb that fails, or else what it answers."""
        answer = self.machine.call(*command)
        return answer.text or "OK" if answer.errno == 0 else answer.name

    def steps(self, *commands):
        """Goes on until one fails."""
        for command in commands:
            result = self.call(*command)
            if not re.match("OK|exit|signal", result):
                break
        return result

    def fresh(self, kind):
        return f"/ext4/{kind}-{next(self.numbers)}"

    def directory(self, kind, files=None):
        path = self.fresh(kind)
        self.must("mkdir", path)
        for name, data in (files or {}).items():
            self.must("create", f"{path}/{name}", data)
        return path

    def evil_program(self):
        return evil(self.arsenal.kit.hello) + self.arsenal.good[len(self.arsenal.kit.hello):]

    def lower(self):
        return self.directory("lower", {"file": self.evil_program()})

    def loop(self, image):
        return self.must("loop", image).text

    def loop_of_copy(self, name):
        """The device of a new copy of an image; the copy."""
        copy = f"/tmp/{name}-{next(self.numbers)}.img"
        self.must("copy", f"/images/{name}.img", copy)
        return self.loop(copy), copy

    def while_stalled(self, begin, *reactions):
        """Begins a verb, and each time that it comes to a point, reacts and lets it go on; returns how it ended.

        One that is refused before it comes to the point ends without a reaction."""
        self.must("stall-on")
        self.must("begin", *begin)
        for react in reactions:
            if self.call("stall-wait", 5000) == "ETIME":
                break
            react()
            self.must("stall-next")
        self.must("stall-off")
        return self.call("end", 20000)

    def while_reading(self, path, begin, *reactions):
        """The same for who reads the file."""
        self.must("stall-mark", path)
        result = self.while_stalled(begin, *reactions)
        self.must("stall-unmark")
        return result
