# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small x86-64 programs, and headers of a verified program that are wrong in some way."""

import struct

PAGE = 4096
BASE = 0x400000
EXEC, DYN = 2, 3
LOAD, INTERP, GNU_STACK = 1, 3, 0x6474E551


def leave(status):
    """Code that exits: mov edi, status; mov eax, 60; syscall. It runs anywhere."""
    return b"\xbf" + struct.pack("<I", status) + b"\xb8\x3c\x00\x00\x00\x0f\x05"


def write_and_jump(code):
    """Code that puts 16 bytes of code to where rcx points, and jumps there."""
    first, second = code.ljust(16, b"\x90")[:8], code.ljust(16, b"\x90")[8:]
    return (b"\x48\xb8" + first + b"\x48\x89\x01" +            # mov rax, first; mov [rcx], rax
            b"\x48\xb8" + second + b"\x48\x89\x41\x08" +       # mov rax, second; mov [rcx + 8], rax
            b"\xff\xe1")                                       # jmp rcx


def on_stack(code):
    return b"\x48\x8d\x4c\x24\xc0" + write_and_jump(code)      # lea rcx, [rsp - 64]


def in_bss(code, entry):
    """For a program of one page of file, with bss behind it; entry: where this code is."""
    return b"\x48\x8d\x0d" + struct.pack("<i", PAGE - entry - 7) + write_and_jump(code)   # lea rcx, [rip + ...]


def start_of_program(interpreter):
    """For an interpreter: jumps to a program of one page that names this interpreter."""
    return b"\x48\xb8" + struct.pack("<Q", BASE + 64 + 56 * 3 + len(interpreter) + 1) + b"\xff\xe0"   # jmp


def flags(letters):
    return sum(bit for letter, bit in zip(letters, (4, 2, 1)) if letter != "-")


def program(code, kind=EXEC, stack="rw-", bss=0, interpreter=None, offset=0, behind=b"", headers=64, more=0,
            in_file=PAGE):
    """A program of one page with its headers, loaded "r-x", and bss bytes of zeros.

    code: bytes, or a function of where they are. behind: what follows that page in the file; offset: from where in the
    file the page is loaded, and in_file how much of it; headers: where its program headers are, with so many more that say nothing."""
    base = BASE if kind == EXEC else 0
    segments = 2 + bool(interpreter) + more
    entry = headers + 56 * segments + (len(interpreter) + 1 if interpreter else 0)
    text = code(entry) if callable(code) else code
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", kind, 62, 1, base + entry, headers, 0, 0, 64, 56,
                         segments, 64, 0, 0)

    def segment(what, letters, at, place, size, in_memory):
        return struct.pack("<IIQQQQQQ", what, flags(letters), at, place, place, size, in_memory, PAGE)

    parts = []
    if interpreter:
        at = headers + 56 * segments
        parts.append(segment(INTERP, "r--", at, base + at, len(interpreter) + 1, len(interpreter) + 1))
    parts.append(segment(LOAD, "r-x" if in_file else "rwx", offset, base, in_file, PAGE + bss))
    parts.append(segment(GNU_STACK, stack, 0, 0, 0, 0))
    parts.append(bytes(56 * more))
    header = header.ljust(headers, b"\0")
    name = interpreter.encode() + b"\0" if interpreter else b""
    return (header + b"".join(parts) + name + text).ljust(PAGE, b"\0") + behind
