# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory that is written before or after it is executable, and headers of verified programs that ask for such memory.

Each step of an attack has to succeed for the next one; the last one runs what was written."""

from attacker import STUB

from attacks.rules import BOOT

READ_IMPLIES_EXEC = "400000"
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


OTHERS = {
    **{name: memory_attack(steps) for name, steps in MEMORY.items()},
    "elf-executable-stack": verified_program("/bin/stack"),
    "elf-odd-class": verified_program("/bin/odd"),
    "elf-executable-bss": verified_program("/bin/bss"),
    "elf-interpreter-with-executable-stack": verified_program("/bin/with-lib-stack"),
    "elf-interpreter-with-executable-bss": verified_program("/bin/with-lib-bss"),
}
