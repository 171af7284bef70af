# SPDX-License-Identifier: LGPL-2.1-or-later
"""On fs-verity: pages that were in memory before it was enabled, and writers and readers that are under way."""

import keys
from attacker import evil
from guest import IPE

from attacks.rules import DENY, FSVERITY


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
