# SPDX-License-Identifier: LGPL-2.1-or-later
"""On dm-verity: other tables, other devices."""

from attacker import evil

from attacks.rules import DENY, DMVERITY


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
