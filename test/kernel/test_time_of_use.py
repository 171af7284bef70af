# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attackers who are root and have no key try to run bytes that nobody has verified, on our kernel and on upstream's.

Each attack is a function of an Attacker, and returns how it ended: "exit 66" is the program that nobody has verified,
"exit 42" the one that it poses as, "loaded" a module or a policy, and the rest is an errno or a signal. OUTCOMES says
what must be; docs/security.md repeats it, which is tested too.
"""

import functools
import re

import keys
import pytest
import uml
from attacker import STUB, Arsenal, Attacker, Overlay, evil
from conftest import modules
from guest import IPE, TOP
from world import World

# {attack: (how it ends on upstream's kernel, on ours)}; where several refusals are right, all of them.
OUTCOMES = {
    # Over overlayfs
    "overlay-old-descriptor": ("exit 66", "EACCES"),
    "overlay-old-descriptor-metacopy": ("exit 66", "EACCES"),
    "overlay-old-descriptor-redirected": ("exit 66", "EACCES"),
    "overlay-old-descriptor-nested": ("exit 66", "EACCES"),
    "overlay-old-mapping": ("EACCES", "EACCES"),
    "overlay-old-mapping-metacopy": ("EACCES", "EACCES"),
    "overlay-exec-stalls-at-open": ("exit 66", "EACCES signal 9 signal 11"),
    "overlay-exec-stalls-at-open-metacopy": ("exit 66", "EACCES signal 9 signal 11"),
    "overlay-interpreter-stalls-at-open": ("exit 66", "EACCES signal 9 signal 11"),
    "overlay-program-headers": ("exit 66", "EACCES signal 9 signal 11"),
    "overlay-headers-of-another-file": ("exit 66", "EACCES"),
    "overlay-module": ("loaded", "EACCES"),
    "overlay-module-restored": ("loaded", "EACCES"),
    "overlay-firmware": ("evil", "EACCES ENOENT"),
    "overlay-firmware-partial": ("evil", "EACCES ENOENT"),
    "overlay-kexec-image": ("OK", "EACCES"),
    "overlay-kexec-initramfs": ("OK", "EACCES"),
    "overlay-certificate": ("OK", "EACCES"),
    "overlay-policy": ("ENOENT", "EACCES"),
    # fs-verity
    "fsverity-page-from-another-disk": ("exit 66", "EACCES EIO ENOEXEC signal 7"),
    "fsverity-first-bytes-from-another-disk": ("exit 66", "exit 42"),
    "fsverity-interpreter-from-another-disk": ("exit 66", "exit 42"),
    "fsverity-headers-from-another-disk": ("exit 66", "EACCES EIO"),
    "fsverity-policy-from-another-disk": ("ENOENT", "EACCES EIO"),
    "fsverity-pinned-page": ("exit 66", "exit 42 EACCES EIO signal 7"),
    "fsverity-pinned-page-of-judged-file": ("exit 66", "exit 42 EACCES EIO signal 7"),
    "fsverity-pinned-buffer": ("EFAULT EOPNOTSUPP", "EFAULT EOPNOTSUPP"),
    "fsverity-spliced-page": ("exit 42", "exit 42"),
    "fsverity-writer-stalls": ("ETXTBSY", "ETXTBSY"),
    "fsverity-failed-before": ("EACCES", "EACCES"),
    "fsverity-many-readers": ("exit 42", "exit 42"),
    "fsverity-own-key": ("exit 66", "exit 66"),
    # dm-verity
    "dm-table-under-mount": ("exit 66", "EACCES"),
    "dm-table-over-cached-device": ("exit 66", "exit 42"),
    "dm-root-hash-under-mount": ("exit 66", "EACCES"),
    "dm-root-hash-over-cached-device": ("exit 66", "exit 42"),
    "dm-check-at-most-once": ("exit 66", "exit 66"),
    "dm-write": ("exit 42", "exit 42"),
    "dm-write-below": ("EIO EUCLEAN", "EIO EUCLEAN"),
    "dm-error-target": ("exit 66", "exit 66"),
    "dm-ignore-corruption": ("exit 66", "exit 66"),
    "dm-second-device": ("exit 66", "EACCES"),
    # Memory
    "memory-written": ("exit 66", "EACCES"),
    "memory-read-into": ("exit 66", "EACCES"),
    "memory-io-uring": ("exit 66", "EACCES"),
    "memory-io-uring-executable": ("EFAULT", "EFAULT"),
    "memory-process-vm-writev": ("exit 66", "EACCES"),
    "memory-proc-self-mem": ("exit 66", "EACCES"),
    "memory-ptrace": ("exit 66", "EACCES"),
    "memory-mapped-rwx": ("exit 66", "EACCES"),
    "memory-executable-made-writable": ("exit 66", "EACCES"),
    "memory-anonymous": ("EACCES", "EACCES"),
    "memory-anonymous-shared": ("EACCES", "EACCES"),
    "memory-userfaultfd": ("EACCES", "EACCES"),
    "memory-userfaultfd-executable": ("exit 66", "exit 66"),
    "memory-memfd": ("EACCES", "EACCES"),
    "memory-memfd-protected": ("EACCES", "EACCES"),
    "memory-memfd-sealed": ("EACCES", "EACCES"),
    "memory-memfd-executed": ("EACCES", "EACCES"),
    "memory-io-uring-rings": ("EACCES", "EACCES"),
    "memory-read-implies-exec": ("EACCES", "EACCES"),
    "memory-read-implies-exec-mprotect": ("EACCES", "EACCES"),
    "memory-remap-file-pages": ("EACCES", "EACCES"),
    "memory-brk": ("exit 66", "exit 66"),
    "memory-text-poked": ("exit 66", "exit 66"),
    "memory-text-traced": ("exit 66", "exit 66"),
    "memory-initramfs-file-written": ("exit 66", "exit 66"),
    # Headers of a verified program
    "elf-executable-stack": ("exit 66", "EACCES"),
    "elf-odd-class": ("exit 66", "EACCES"),
    "elf-executable-bss": ("exit 66", "EACCES"),
    "elf-interpreter-with-executable-stack": ("exit 66", "EACCES signal 9 signal 11"),
    "elf-interpreter-with-executable-bss": ("exit 66", "EACCES signal 9 signal 11"),
    "elf-interpreter-of-zeros": ("signal 11", "EACCES"),
    # Files that the kernel reads, and programs that it starts
    "kernel-module-from-buffer": ("EACCES", "EACCES"),
    "kernel-unknown-file": ("OK", "EACCES"),
    "kernel-unknown-data": ("OK", "EACCES"),
    "kernel-firmware-written-meanwhile": ("ETXTBSY", "ETXTBSY"),
    "binfmt-misc-opened-before": ("EACCES", "EACCES"),
    "binfmt-misc": ("EACCES", "EACCES"),
    "script-interpreter": ("EACCES", "EACCES"),
}
# Ends of an attack that has reached its aim.
REACHED = {"exit 66", "loaded", "evil", "OK"}

DENY = "DEFAULT action=DENY\n"
BOOT = DENY + "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
FSVERITY = DENY + "op=EXECUTE boot_verified=TRUE action=ALLOW\nop=EXECUTE fsverity_signature=TRUE action=ALLOW\n"
DMVERITY = DENY + "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n"
TRIGGER = "/sys/devices/virtual/misc/test_firmware"
FIRMWARE_PATH = "/sys/module/firmware_class/parameters/path"
PROBE = "/sys/module/ipe_probe/parameters/request"
READ_IMPLIES_EXEC = "400000"


def nothing():
    """A reaction: lets it go on."""


# Overlayfs: what was opened or mapped before is judged by what has its name now


def old_descriptor(a, overlay, name="file", other_way=None):
    a.must("code-open", f"{overlay.path}/{name}")
    a.world.activate(FSVERITY)
    assert a.call("code-map", "r-xp") == "EACCES"
    (other_way or overlay).verify(name)
    return a.steps(("code-map", "r-xp"), ("code-call", a.entry))


def overlay_old_descriptor(a):
    return old_descriptor(a, Overlay(a, a.lower()))


def overlay_old_descriptor_metacopy(a):
    overlay = Overlay(a, a.lower(), "metacopy=on")
    overlay.copy_metadata_up()
    return old_descriptor(a, overlay)


def overlay_old_descriptor_redirected(a):
    lower = a.directory("lower")
    a.must("mkdir", f"{lower}/before")
    a.must("create", f"{lower}/before/file", a.evil_program())
    overlay = Overlay(a, lower, "metacopy=on", "redirect_dir=on")
    a.must("rename", f"{overlay.path}/before", f"{overlay.path}/after")
    overlay.copy_metadata_up("after/file")
    return old_descriptor(a, overlay, "after/file")


def overlay_old_descriptor_nested(a):
    inner = Overlay(a, a.lower(), "metacopy=on")
    inner.copy_metadata_up()
    return old_descriptor(a, Overlay(a, inner.path), other_way=inner)


def old_mapping(a, overlay):
    a.must("code-open", f"{overlay.path}/file")
    a.must("code-map", "r--p")
    a.world.activate(FSVERITY)
    assert a.call("code-protect", "r-x") == "EACCES"
    overlay.verify()
    return a.steps(("code-protect", "r-x"), ("code-call", a.entry))


def overlay_old_mapping(a):
    return old_mapping(a, Overlay(a, a.lower()))


def overlay_old_mapping_metacopy(a):
    overlay = Overlay(a, a.lower(), "metacopy=on")
    overlay.copy_metadata_up()
    return old_mapping(a, overlay)


def stalling_lower(a):
    """A layer that is a program, and stalls when the file is opened there."""
    stall = a.directory("stall")
    a.must("stall-fs", stall, a.evil_program(), "open")
    return stall


def stalling_overlay(a):
    overlay = Overlay(a, stalling_lower(a), "metacopy=on")
    overlay.copy_metadata_up()
    return overlay


def exec_stalls_at_open(a, overlay):
    a.world.activate(FSVERITY)
    assert a.call("exec", f"{overlay.path}/file") == "EACCES"
    return a.while_stalled(("exec", f"{overlay.path}/file"), overlay.verify)


def overlay_exec_stalls_at_open(a):
    return exec_stalls_at_open(a, Overlay(a, stalling_lower(a)))


def overlay_exec_stalls_at_open_metacopy(a):
    return exec_stalls_at_open(a, stalling_overlay(a))


def overlay_interpreter_stalls_at_open(a):
    overlay = stalling_overlay(a)
    a.must("mount", overlay.path, "/interpreted", "none", "bind")
    a.world.activate(FSVERITY)
    assert a.call("exec", "/bin/with-interpreted-file") != "exit 66"
    return a.while_stalled(("exec", "/bin/with-interpreted-file"), overlay.verify)


def overlay_program_headers(a):
    """After the verdict come headers that show other bytes; before the file is mapped, they are verified ones again."""
    overlay = Overlay(a, "/goods")
    a.world.activate(FSVERITY + "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n")
    assert a.call("exec", f"{overlay.path}/headers") == "exit 42"

    def change():
        a.must("chmod", f"{overlay.path}/headers", "0755")
        a.must("patch", f"{overlay.upper}/headers", 0, a.arsenal.other_headers)

    def restore():
        a.must("patch", f"{overlay.upper}/headers", 0, a.arsenal.headers)
        a.must("fsverity", f"{overlay.upper}/headers", "/headers.sig")

    # The first page, the program headers, the name of the interpreter.
    path = f"{overlay.path}/headers"
    return a.while_reading(path, ("exec", path), nothing, change, restore)


# Overlayfs: what the kernel reads


def module_outcome(a, result):
    if "test_module " not in a.must("get", "/proc/modules").text:
        assert result != "OK"
        return result
    a.must("rmmod", "test_module")
    return "loaded"


def change_module(a, overlay):
    a.must("chmod", f"{overlay.path}/module.ko", "0600")
    a.must("copy", "/evil.ko", f"{overlay.upper}/module.ko")


def module_between_verdict_and_read(a, rules, *after):
    overlay = Overlay(a, "/goods")
    a.world.activate(rules)
    assert a.errno("insmod", "/ext4/evil.ko") == "EACCES"
    path = f"{overlay.path}/module.ko"
    return module_outcome(a, a.while_reading(path, ("insmod", path), lambda: change_module(a, overlay),
                                             *(functools.partial(step, overlay) for step in after)))


def overlay_module(a):
    return module_between_verdict_and_read(a, DENY + "op=KMODULE dmverity_signature=TRUE action=ALLOW\n")


def overlay_module_restored(a):
    """Before the kernel looks for the end of the file, the upper one is one that somebody has signed."""
    def restore(overlay):
        a.must("create", f"{overlay.upper}/module.ko", a.arsenal.module)
        a.must("fsverity", f"{overlay.upper}/module.ko", "/module.sig")

    return module_between_verdict_and_read(a, DENY + "op=KMODULE dmverity_signature=TRUE action=ALLOW\n"
                                           "op=KMODULE fsverity_signature=TRUE action=ALLOW\n", restore)


def change_firmware(a, overlay):
    a.must("chmod", f"{overlay.path}/firmware", "0600")
    a.must("patch", f"{overlay.upper}/firmware", 0, b"evil" * 1000)


def firmware_overlay(a):
    overlay = Overlay(a, "/goods")
    a.must("put", FIRMWARE_PATH, overlay.path)
    a.world.activate(DENY + "op=FIRMWARE dmverity_signature=TRUE action=ALLOW\n")
    return overlay


def overlay_firmware(a):
    overlay = firmware_overlay(a)
    result = a.while_reading(f"{overlay.path}/firmware", ("put", f"{TRIGGER}/trigger_request", "firmware"),
                             lambda: change_firmware(a, overlay))
    return a.must("get", "/dev/test_firmware").text[:4] if result == "OK" else result


def changed_while_read_as(kind, op):
    """A kind of file that these machines have no other use for; the module reads it as the kernel would."""
    def attack(a):
        load_probe(a)
        overlay = Overlay(a, "/goods")
        a.world.activate(DENY + f"op={op} dmverity_signature=TRUE action=ALLOW\n")
        assert a.call("put", PROBE, f"read {kind} {overlay.path}/firmware") == "OK"
        return a.while_reading(f"{overlay.path}/firmware", ("put", PROBE, f"read {kind} {overlay.path}/firmware"),
                               lambda: change_firmware(a, overlay))

    return attack


def overlay_policy(a):
    overlay = Overlay(a, "/goods")
    a.world.activate(DENY + "op=POLICY dmverity_signature=TRUE action=ALLOW\n")
    if a.errno("mode", f"{IPE}/load") != "OK":
        return "ENOENT"

    def change():
        a.must("chmod", f"{overlay.path}/policy", "0600")
        a.must("patch", f"{overlay.upper}/policy", 0, a.arsenal.other_policy[:4096])

    return a.while_reading(f"{overlay.path}/policy", ("put", f"{IPE}/load", f"{overlay.path}/policy"), change)


def overlay_firmware_partial(a):
    overlay = firmware_overlay(a)
    settings = {"config_name": "firmware", "config_num_requests": "1", "config_into_buf": "1", "config_partial": "1",
                "config_buf_size": "1000", "config_file_offset": "1000", "config_read_fw_idx": "0"}
    for name, value in settings.items():
        a.must("put", f"{TRIGGER}/{name}", value)
    try:
        result = a.while_reading(f"{overlay.path}/firmware", ("put", f"{TRIGGER}/trigger_batched_requests", "1"),
                                 lambda: change_firmware(a, overlay))
        if result == "OK":
            text = a.call("get", f"{TRIGGER}/read_firmware")
            return text[:4] if text.startswith(("good", "evil")) else text
        # The driver does not pass the errno on.
        return "EACCES" if a.must("get", f"{TRIGGER}/test_result").text.strip() == "-13" else result
    finally:
        a.must("put", f"{TRIGGER}/reset", "1")


# fs-verity: pages that were in memory before it was enabled


def enable_with_page_of_another_disk(a, name, page, signature=(), restored=None):
    """The file's first page is hashed; while the last one is waited for, the first is read again, from another disk.

    restored: the page that the disk has again when fs-verity is enabled."""
    device, image = a.loop_of_copy("victim")
    sectors = len(a.arsenal.files["images/victim.img"]) // 512
    dm, mount = f"victim-{next(a.numbers)}", a.directory("mount")
    a.must("mount", a.must("table", dm, sectors, "linear", f"{device} 0").text, mount, "ext4", "rw")
    path = f"{mount}/{name}"
    first, last = (int(a.must("block", path, number).text) * 4096 for number in (0, a.arsenal.PADDING // 4096 - 1))
    assert first < last
    tail = last // 512
    node = a.must("table", f"{dm}-tail", sectors - tail, "linear", f"{device} {tail}").text
    a.must("table", dm, tail, "linear", f"{device} 0", sectors - tail, "linear", f"{node} 0")
    a.must("evict", path, 0, 0)
    a.must("table-suspend", f"{dm}-tail")
    a.must("begin", "fsverity", path, *signature)
    a.must("sleep", 500)
    assert a.errno("end", 0) == "ETIME"
    a.must("patch", image, first, page)
    a.must("evict", path, 0, 4096)
    assert a.must("peek", path, 0, len(page)).data == page
    a.must("table-resume", f"{dm}-tail")
    assert a.call("end", 20000) == "OK"
    if restored:
        a.must("patch", image, first, restored)
    return path


def fsverity_page_from_another_disk(a):
    a.world.activate(FSVERITY)
    victim = a.arsenal.victim
    path = enable_with_page_of_another_disk(a, "victim", evil(victim)[:4096], ("/victim.sig",))
    assert a.must("measure", path).text == keys.fsverity_digest(victim)
    return a.call("exec", path)


def fsverity_headers_from_another_disk(a):
    """A verified program wants an executable stack; the page in memory, which is not of the disk, says that it does not."""
    a.world.activate(FSVERITY)
    stack = a.arsenal.stack
    path = enable_with_page_of_another_disk(a, "stack", a.arsenal.lean[:4096], ("/stack.sig",), stack[:4096])
    assert a.must("measure", path).text == keys.fsverity_digest(stack)
    # The first time they are looked at, and the second time that may be remembered.
    results = [a.call("exec", path) for _ in range(2)]
    return "exit 66" if "exit 66" in results else results[1]


def twofold(a):
    """A program whose first page in memory says that another verified page has the program headers."""
    a.world.activate(FSVERITY)
    path = enable_with_page_of_another_disk(a, "file", a.arsenal.other_beginning, ("/twofold.sig",),
                                            a.arsenal.twofold[:4096])
    assert a.must("measure", path).text == keys.fsverity_digest(a.arsenal.twofold)
    return path


def overlay_headers_of_another_file(a):
    """The headers of a file are held for those of a verified one that is copied up while they are read."""
    overlay = Overlay(a, a.directory("lower", {"file": a.arsenal.many_headers}))
    path, upper = f"{overlay.path}/file", f"{overlay.upper}/file"
    a.world.activate(FSVERITY)

    def change():
        a.must("chmod", path, "0755")
        a.must("create", upper, a.arsenal.short_stack)
        a.must("chmod", upper, "0755")
        a.must("fsverity", upper, "/short-stack.sig")

    a.while_reading(path, ("exec", path), nothing, nothing, change)
    if a.errno("mode", upper) == "ENOENT":
        change()
    return a.call("exec", upper)


def fsverity_first_bytes_from_another_disk(a):
    return a.call("exec", twofold(a))


def fsverity_interpreter_from_another_disk(a):
    a.must("mount", twofold(a).rpartition("/")[0], "/interpreted", "none", "bind")
    return a.call("exec", "/bin/with-interpreted-file")


def fsverity_policy_from_another_disk(a):
    a.world.activate(DENY + f"op=POLICY fsverity_digest=sha256:{keys.fsverity_digest(a.arsenal.policy)} action=ALLOW\n")
    path = enable_with_page_of_another_disk(a, "policy", a.arsenal.other_policy[:4096])
    result = a.call("put", f"{IPE}/load", path)
    if result == "OK":
        a.world.put("stolen", "delete")
    return "loaded" if result == "OK" else result


def victim(a):
    path = a.fresh("victim")
    a.must("create", path, a.arsenal.good)
    a.world.activate(FSVERITY)
    return path


def enable(a, path):
    a.must("fsverity", path, "/fsv-signed.sig")


def pinned_page(a, *then):
    """A read past the page cache has a page of the file for its buffer, and ends after fs-verity was enabled."""
    path, stall = victim(a), a.directory("stall")
    a.must("stall-fs", stall, a.evil_program(), "read")

    def react():
        # The mapping, and with it the last writer, is gone by then.
        a.must("sleep", 500)
        enable(a, path)
        for step in then:
            step(path)

    assert a.while_stalled(("pin", path, f"{stall}/file"), react) == str(len(a.arsenal.good))
    return a.call("exec", path)


def fsverity_pinned_page(a):
    return pinned_page(a)


def fsverity_pinned_page_of_judged_file(a):
    """The file was found good, and executed, before the read ends."""
    def execute(path):
        assert a.call("exec", path) in ("exit 42", "EACCES")

    return pinned_page(a, execute)


def fsverity_pinned_buffer(a):
    return a.call("pin-buffer", victim(a))


def fsverity_spliced_page(a):
    path = victim(a)
    enable(a, path)
    a.must("splice-write", path, a.evil_program()[1:])
    return a.call("exec", path)


def fsverity_writer_stalls(a):
    """A write has begun, and its bytes are not there yet."""
    path, result = victim(a), []
    a.while_stalled(("write-missing", path, a.evil_program()),
                    lambda: result.append(a.call("fsverity", path, "/fsv-signed.sig")))
    return result[0]


def fsverity_failed_before(a):
    """A signature that was good for other bytes does not count after fs-verity failed with it."""
    path = victim(a)
    a.must("create", path, a.evil_program())
    assert a.errno("fsverity", path, "/fsv-signed.sig") != "OK"
    a.must("fsverity", path)
    return a.call("exec", path)


def fsverity_many_readers(a):
    path = victim(a)
    a.must("read-on", 6, path, 1000)
    enable(a, path)
    assert a.call("exec", path) in ("exit 42", "EACCES")
    a.must("sleep", 2500)
    return a.call("exec", path)


def fsverity_own_key(a):
    """A limit: the keyring takes keys until user space restricts it."""
    path = a.fresh("own")
    a.must("create", path, evil(a.arsenal.kit.hello))
    a.world.activate(FSVERITY)
    a.must("key", ".fs-verity", "/other.der")
    a.must("fsverity", path, "/evil-other.sig")
    return a.call("exec", path)


# dm-verity: other tables, other devices


def verity_table(a, name, volume, device, signature):
    return a.must("verity", name, *volume.table(device), f"/images/{signature}.sig").text


def give_verified_table(a, name):
    verity_table(a, name, a.arsenal.volume, a.loop("/images/goods.img"), "goods")


def evil_by_linear(a, name):
    """A device that has the evil image, with no proof of it."""
    sectors = a.arsenal.volume.blocks * 8
    return a.must("table", name, sectors, "linear", f"{a.loop('/images/evil-goods.img')} 0").text


def evil_by_verity(a, name):
    """The same with a hash tree of its own, which nobody has signed."""
    return a.must("verity", name, *a.arsenal.evil_volume.table(a.loop("/images/evil-goods.img"))).text


def table_under_mount(a, name, evil_table):
    """The file is in memory from another table."""
    a.world.activate(DMVERITY)
    a.must("mount", evil_table(a, name), f"/{name}", "erofs", "ro")
    assert a.must("get", f"/{name}/hello").data == evil(a.arsenal.kit.hello)
    assert a.call("exec", f"/{name}/hello") == "EACCES"
    give_verified_table(a, name)
    return a.call("exec", f"/{name}/hello")


def table_over_cached_device(a, name, evil_table):
    """The device is in memory from another table, and then mounted."""
    a.world.activate(DMVERITY)
    node = evil_table(a, name)
    a.must("hold", 5, node, "r")
    a.must("get", node)
    give_verified_table(a, name)
    a.must("mount", node, f"/{name}", "erofs", "ro")
    a.must("hold-close", 5)
    return a.call("exec", f"/{name}/hello")


def dm_table_under_mount(a):
    return table_under_mount(a, "linear-under", evil_by_linear)


def dm_table_over_cached_device(a):
    return table_over_cached_device(a, "linear-cached", evil_by_linear)


def dm_root_hash_under_mount(a):
    return table_under_mount(a, "verity-under", evil_by_verity)


def dm_root_hash_over_cached_device(a):
    return table_over_cached_device(a, "verity-cached", evil_by_verity)


def own_volume(a, name):
    """The volume on a disk that can be written: its node, the disk."""
    device, _ = a.loop_of_copy("goods")
    node = verity_table(a, name, a.arsenal.volume, device, "goods")
    a.must("mount", node, f"/{name}", "erofs", "ro")
    a.world.activate(DMVERITY)
    return node, device


def code_page(a):
    """Offset on the volume of the page with the program's code, and that page with the other code."""
    data = a.arsenal.files["images/goods.img"]
    start = data.index(a.arsenal.kit.hello[:256]) & ~4095
    return start, evil(data[start:start + 4096])


def dm_write(a):
    node, _ = own_volume(a, "written")
    at, page = code_page(a)
    ways = ("patch", "patch-direct", "patch-mapped")
    assert "OK" not in [a.errno(way, node, at, page) for way in ways]
    a.call("writable", node)
    assert "OK" not in [a.errno(way, node, at, page) for way in ways]
    return a.call("exec", "/written/hello")


def dm_write_below(a):
    _, device = own_volume(a, "below")
    at, page = code_page(a)
    a.must("patch", device, at, page)
    a.must("put", "/proc/sys/vm/drop_caches", "3")
    return a.call("exec", "/below/hello")


def dm_error_target(a):
    """A limit: device-mapper tells nobody of a table that replaces the error target."""
    own_volume(a, "replaced")
    sectors = a.arsenal.volume.blocks * 8
    a.must("table", "replaced", sectors, "error", "")
    a.must("table", "replaced", sectors, "linear", f"{a.loop('/images/evil-goods.img')} 0")
    a.must("put", "/proc/sys/vm/drop_caches", "3")
    return a.call("exec", "/replaced/hello")


def dm_ignore_corruption(a):
    """A limit: the root hash is the right one, and nobody minds that the bytes are not."""
    device, image = a.loop_of_copy("goods")
    a.must("patch", image, *code_page(a))
    volume = a.arsenal.volume
    parameters = (f"1 {device} {device} 4096 4096 {volume.blocks} {volume.hash_start} sha256 {volume.root_hash} "
                  f"{volume.salt} 1 ignore_corruption")
    a.world.activate(DENY + f"op=EXECUTE dmverity_roothash=sha256:{volume.root_hash} action=ALLOW\n")
    a.must("mount", a.must("table", "corrupt", volume.blocks * 8, "verity", parameters).text, "/corrupt", "erofs", "ro")
    return a.call("exec", "/corrupt/hello")


def dm_check_at_most_once(a):
    """A limit: a block that was verified once may be another one when it is read again."""
    device, image = a.loop_of_copy("goods")
    volume = a.arsenal.volume
    parameters = (f"1 {device} {device} 4096 4096 {volume.blocks} {volume.hash_start} sha256 {volume.root_hash} "
                  f"{volume.salt} 1 check_at_most_once")
    a.world.activate(DENY + f"op=EXECUTE dmverity_roothash=sha256:{volume.root_hash} action=ALLOW\n")
    a.must("mount", a.must("table", "once", volume.blocks * 8, "verity", parameters).text, "/once", "erofs", "ro")
    assert a.call("exec", "/once/hello") == "exit 42"
    a.must("patch", image, *code_page(a))
    a.must("put", "/proc/sys/vm/drop_caches", "3")
    return a.call("exec", "/once/hello")


def dm_second_device(a):
    """The signed device has the names of the files, and another one has their bytes."""
    a.world.activate(DMVERITY)
    node = verity_table(a, "multi", a.arsenal.multi, a.loop("/images/multi.img"), "multi")
    a.must("mount", node, "/multi", "erofs", "ro", f"device={a.loop('/images/blob.img')}")
    return a.call("exec", "/multi/hello")


# Memory. Each step has to succeed for the next one; the last one runs what was written.

HELLO = ("code-open", "/bin/hello")
CALL = ("code-call",)


def written(way, protection="rw-p"):
    return HELLO, ("code-map", protection), ("code-write", way, STUB), ("code-protect", "r-x"), CALL


MEMORY = {
    "memory-written": written("store"),
    "memory-read-into": written("read"),
    "memory-io-uring": written("io-uring"),
    "memory-io-uring-executable": (HELLO, ("code-map", "r-xp"), ("code-write", "io-uring", STUB), CALL),
    "memory-process-vm-writev": written("vm-writev"),
    "memory-proc-self-mem": written("self-mem", "r--p"),
    "memory-ptrace": (HELLO, ("code-map", "r--p"), ("code-ptrace", STUB, "r-x")),
    "memory-mapped-rwx": (HELLO, ("code-map", "rwxp"), ("code-write", "store", STUB), CALL),
    "memory-executable-made-writable": (HELLO, ("code-map", "r-xp"), ("code-protect", "rwx"),
                                        ("code-write", "store", STUB), CALL),
    "memory-anonymous": (("code-drop",), ("code-map", "rw-p"), ("code-write", "store", STUB), ("code-protect", "r-x"),
                         CALL),
    "memory-anonymous-shared": (("code-drop",), ("code-map", "rw-s"), ("code-write", "store", STUB),
                                ("code-protect", "r-x"), CALL),
    "memory-userfaultfd": (("code-drop",), ("code-map", "r--p"), ("code-write", "userfaultfd", STUB),
                           ("code-protect", "r-x"), CALL),
    "memory-memfd": (("code-memfd", STUB), ("code-map", "r-xp"), CALL),
    "memory-memfd-protected": (("code-memfd", STUB), ("code-map", "r--p"), ("code-protect", "r-x"), CALL),
    "memory-memfd-sealed": (("code-memfd", STUB, "sealed"), ("code-map", "r-xs"), CALL),
    "memory-io-uring-rings": (("code-uring",), ("code-map", "r-xs"), CALL),
    "memory-read-implies-exec": (("code-open", "/tmp/evil"),
                                 ("code-personality", READ_IMPLIES_EXEC, "code-map", "r--p"), ("code-call", "ENTRY")),
    "memory-read-implies-exec-mprotect": (("code-open", "/tmp/evil"), ("code-map", "---p"),
                                          ("code-personality", READ_IMPLIES_EXEC, "code-protect", "r--"),
                                          ("code-call", "ENTRY")),
    "memory-remap-file-pages": (("code-open", "/tmp/evil", "rw"), ("code-map", "r--s"),
                                ("code-personality", READ_IMPLIES_EXEC, "code-remap"), ("code-call", "SECOND")),
    # Limits: no hook is asked.
    "memory-brk": (("code-personality", READ_IMPLIES_EXEC, "code-brk"), ("code-write", "store", STUB), CALL),
    "memory-text-poked": (HELLO, ("code-map", "r-xp"), ("code-write", "self-mem", STUB), CALL),
    "memory-userfaultfd-executable": (HELLO, ("code-map", "r-xp"), ("code-write", "userfaultfd-copy", STUB), CALL),
    "memory-text-traced": (HELLO, ("code-map", "r-xp"), ("code-ptrace", STUB)),
    "memory-initramfs-file-written": (("code-open", "/bin/victim"), ("code-map", "r-xs"),
                                      ("patch", "/bin/victim", 0, STUB), CALL),
}


def memory_attack(steps):
    def attack(a):
        a.world.activate(BOOT)
        a.must("create", "/tmp/evil", a.evil_program())
        offsets = {"ENTRY": a.entry, "SECOND": 4096 + a.entry}
        result = a.steps(*(tuple(offsets.get(word, word) for word in step) for step in steps))
        a.must("code-drop")
        return result

    return attack


def memory_memfd_executed(a):
    a.world.activate(BOOT)
    return a.steps(("code-memfd", a.evil_program()), ("code-exec",))


# Headers


def verified_program(path):
    def attack(a):
        a.world.activate(BOOT)
        return a.call("exec", path)

    return attack


def elf_interpreter_of_zeros(a):
    """One that nobody has verified, and of which nothing is mapped from a file: writable and executable memory is."""
    path = a.directory("interpreter", {"file": a.must("get", "/zeros").data})
    a.must("mount", path, "/interpreted", "none", "bind")
    a.world.activate(BOOT)
    return a.call("exec", "/bin/with-interpreted-file")


# Files that the kernel reads, and programs that it starts


def kernel_module_from_buffer(a):
    a.world.activate(DENY + "op=KMODULE boot_verified=TRUE action=ALLOW\n")
    return module_outcome(a, a.call("insmod-data", "/test_module.ko"))


def load_probe(a):
    a.world.activate("DEFAULT action=ALLOW\n")
    if a.errno("mode", PROBE) != "OK":
        a.must("insmod", "/ipe_probe.ko")


def restricted(a):
    """Each operation that the language has a word for is restricted, and there is no global DEFAULT."""
    load_probe(a)
    operations = "EXECUTE FIRMWARE KMODULE KEXEC_IMAGE KEXEC_INITRAMFS POLICY X509_CERT".split()
    a.world.activate("".join(f"DEFAULT op={op} action=DENY\n" for op in operations))


def kernel_unknown_file(a):
    restricted(a)
    return a.call("put", PROBE, "read unknown /tmp/hello")


def kernel_unknown_data(a):
    restricted(a)
    return a.call("put", PROBE, "load unknown")


def kernel_firmware_written_meanwhile(a):
    a.must("put", FIRMWARE_PATH, "/lib/firmware")
    a.world.activate(DENY + "op=FIRMWARE boot_verified=TRUE action=ALLOW\n")
    results = []
    assert a.while_reading("/lib/firmware/victim", ("put", f"{TRIGGER}/trigger_request", "victim"),
                           lambda: results.append(a.call("patch", "/lib/firmware/victim", 0, "evil"))) == "OK"
    assert a.must("get", "/dev/test_firmware").text.startswith("good")
    return results[0]


def register(a, name, flags):
    """An interpreter that nobody has verified, for files that begin with "magic"."""
    if a.errno("mode", "/binfmt/register") != "OK":
        a.must("mount", "binfmt_misc", "/binfmt", "binfmt_misc", "rw")
    a.must("create", "/tmp/evil", a.evil_program())
    a.world.activate("DEFAULT action=ALLOW\n")
    a.must("put", "/binfmt/register", f":{name}:M::magic::/tmp/evil:{flags}")
    assert a.call("exec", "/bin/data.magic") == "exit 66"


def interpreted(a, name, flags):
    register(a, name, flags)
    a.world.activate(BOOT)
    result = a.call("exec", "/bin/data.magic")
    a.must("put", f"/binfmt/{name}", "-1")
    return result


def binfmt_misc_opened_before(a):
    return interpreted(a, "before", "F")


def binfmt_misc(a):
    return interpreted(a, "plain", "")


def script_interpreter(a):
    a.must("create", "/tmp/hello", a.evil_program())
    a.world.activate(BOOT)
    return a.call("exec", "/bin/script-of-tmpfs")


ATTACKS = {
    **{name: globals()[name.replace("-", "_")] for name in OUTCOMES if name.replace("-", "_") in globals()},
    **{name: memory_attack(steps) for name, steps in MEMORY.items()},
    "overlay-kexec-image": changed_while_read_as("kexec-image", "KEXEC_IMAGE"),
    "overlay-kexec-initramfs": changed_while_read_as("kexec-initramfs", "KEXEC_INITRAMFS"),
    "overlay-certificate": changed_while_read_as("x509-certificate", "X509_CERT"),
    "elf-executable-stack": verified_program("/bin/stack"),
    "elf-odd-class": verified_program("/bin/odd"),
    "elf-executable-bss": verified_program("/bin/bss"),
    "elf-interpreter-with-executable-stack": verified_program("/bin/with-lib-stack"),
    "elf-interpreter-with-executable-bss": verified_program("/bin/with-lib-bss"),
}


# The machines


@pytest.fixture(scope="session")
def arsenal(kit, tmp_path_factory):
    return Arsenal(kit, tmp_path_factory.mktemp("arsenal"))


@pytest.fixture(scope="session")
def attacker_on(kit, arsenal, machines, tmp_path_factory):
    """attacker_on(kernel): on a machine of their own."""
    def start(kernel):
        directory = tmp_path_factory.mktemp("attacks")
        name = directory.name
        files = {**arsenal.files, **modules(kernel)}
        assert len(files["test_module.ko"]) <= arsenal.MODULE
        files["evil.ko"] = files["test_module.ko"].ljust(arsenal.MODULE, b"\0")
        image = kit.initramfs(f"{name}.cpio", files)
        machine = uml.Uml(kernel / "linux", image, directory / "console.log", kit.disks(name),
                          # Without it, the root file system has a device to come, and the initramfs is no tmpfs.
                          ("root=",), memory="384M")
        machines.append(machine)
        world = World(machine, kit).set_up()
        for path in ("/images", "/goods"):
            machine.call("mkdir", path)
        device = machine.must("loop", "/images/goods.img").text
        world.volume("goods", arsenal.volume, device, "/images/goods.sig")
        machine.must("copy", "/evil.ko", "/ext4/evil.ko")
        return Attacker(world, arsenal)

    return start


@pytest.fixture(scope="session")
def attackers():
    return {}


@pytest.fixture
def ours(attackers, attacker_on, variant, kernel):
    if variant not in attackers:
        attackers[variant] = attacker_on(kernel)
    yield attackers[variant]
    trouble = attackers[variant].machine.trouble()
    assert not trouble, f"see {attackers[variant].machine.log}"


@pytest.fixture(scope="session")
def upstream(attacker_on):
    return attacker_on(uml.kernel("--uml", "--upstream"))


def outcome(attacker, name):
    """How an attack ends; nobody waits any more then, and the audit queue is empty."""
    try:
        return ATTACKS[name](attacker)
    finally:
        for verb in ("stall-off", "stall-unmark", "audit"):
            attacker.call(verb)
        attacker.call("end", 5000)


def assert_is_one_of(result, expected):
    assert re.fullmatch("|".join(re.findall(r"(?:exit|signal) \d+|\S+", expected)), result), \
        f"ended with {result!r}, and not with {expected!r}"


@pytest.mark.parametrize("name", OUTCOMES)
def test_attack(ours, name):
    assert_is_one_of(outcome(ours, name), OUTCOMES[name][1])


@pytest.mark.parametrize("name", OUTCOMES)
def test_attack_on_upstream(upstream, name):
    assert_is_one_of(outcome(upstream, name), OUTCOMES[name][0])


def test_volume_of_one_device_keeps_its_property(ours):
    """Ext4 on dm-verity loses nothing by what closes the attacks."""
    node = verity_table(ours, "on-ext4", ours.arsenal.on_ext4, ours.loop("/images/on-ext4.img"), "on-ext4")
    ours.must("mount", node, "/on-ext4", "ext4", "ro")
    ours.world.activate(DMVERITY)
    assert ours.call("exec", "/on-ext4/hello") == ours.call("exec", "/goods/hello") == "exit 42"


def word_for(expected):
    return "succeeds" if expected in REACHED else "-" if expected == "ENOENT" else "stopped"


PAGE = (TOP / "docs/security.md").read_text()


def test_security_page_says_what_was_seen():
    """Each attack is a line of its table, with how it ends on both kernels."""
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (\S+) \| (\S+) \|$", PAGE, re.M)
    seen = {name: tuple(map(word_for, both)) for name, both in OUTCOMES.items()}
    assert len(rows) == len(seen)
    assert {name: (theirs, own) for name, theirs, own in rows} == seen


def test_each_attack_that_succeeds_is_among_the_limits():
    limits = PAGE.partition("## Limits")[2].partition("\n## ")[0]
    working = [name for name, (_, own) in OUTCOMES.items() if word_for(own) == "succeeds"]
    assert working and all(f"`{name}`" in limits for name in working)


def test_security_page_names_tests_that_are_there():
    sources = "".join(path.read_text() for path in (TOP / "test").rglob("test_*.py"))
    names = set(re.findall(r"`(test_[a-z_]+)", PAGE))
    assert len(names) > 10
    assert {name for name in names if f"def {name}(" not in sources} == set()
    for name in re.findall(r"`test_attack\[uml-([a-z-]+)\]`", PAGE):
        assert name in OUTCOMES
