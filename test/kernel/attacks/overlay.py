# SPDX-License-Identifier: LGPL-2.1-or-later
"""Over overlayfs: the file that has the name now is judged, and the bytes are those of another one."""

import functools

from attacker import Overlay
from guest import IPE

from attacks.kernel_reads import FIRMWARE_PATH, PROBE, TRIGGER, load_probe, module_outcome
from attacks.rules import DENY, FSVERITY


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


# Overlayfs: what the kernel reads

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


OTHERS = {
    "overlay-kexec-image": changed_while_read_as("kexec-image", "KEXEC_IMAGE"),
    "overlay-kexec-initramfs": changed_while_read_as("kexec-initramfs", "KEXEC_INITRAMFS"),
    "overlay-certificate": changed_while_read_as("x509-certificate", "X509_CERT"),
}
