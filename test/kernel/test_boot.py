# SPDX-License-Identifier: LGPL-2.1-or-later
"""Decisions before user space runs: the kernel's parameters, and the built-in policy."""

import hashlib
from pathlib import Path

import keys
import pytest
import uml
from conftest import BOOT_POLICY, VARIANTS
from guest import IPE, MachineFailed
from world import World

DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"


@pytest.fixture
def start(boot, kit):
    """start(name, *command_line): a machine of the test's own, whose log must be clean in the end."""
    worlds = []

    def begin(name, *command_line, **options):
        world = World(boot(name, *command_line, **options), kit)
        worlds.append(world)
        world.machine.must("audit-start")
        world.machine.must("copy", "/bin/hello", "/tmp/hello")
        return world

    yield begin
    for world in worlds:
        assert not world.machine.trouble()
        world.machine.stop()


def switch(world, name):
    return world.machine.must("get", f"{IPE}/{name}").text


def records(world, kind):
    return [record for record in world.records() if record.type == kind]


def test_without_a_policy_everything_is_allowed(start):
    world = start("no-policy")
    assert world.loaded() == []
    assert (switch(world, "enforce"), switch(world, "success_audit")) == ("1", "0")
    for call in (("exec", "/tmp/hello"), ("mprotect", "/tmp/hello"), ("anonymous-mmap",),
                 ("insmod-data", "/test_module.ko")):
        assert world.machine.errno(*call) == "OK"
    assert not records(world, 1420)
    world.activate(DENY)
    record, = records(world, 1421)
    assert [record.fields[f"old_{field}"] for field in ("active_pol_name", "active_pol_version", "policy_digest")] == \
           ["?"] * 3
    assert world.machine.errno("exec", "/tmp/hello") == "EACCES"


@pytest.mark.parametrize("value, shown", (("0", "0"), ("1", "1"), ("off", "0")))
def test_enforcement_by_the_command_line(start, value, shown):
    world = start(f"enforce-{value}", f"ipe.enforce={value}")
    assert switch(world, "enforce") == shown
    world.activate(DENY)
    world.machine.must("audit")
    assert world.machine.errno("mmap", "/tmp/hello") == ("OK" if shown == "0" else "EACCES")
    record, = records(world, 1420)
    assert record.fields["enforcing"] == shown


def test_success_audit_by_the_command_line(start):
    world = start("success-audit", "ipe.success_audit=1")
    assert switch(world, "success_audit") == "1"
    world.activate("DEFAULT action=ALLOW\n")
    world.machine.must("audit")
    assert world.machine.errno("mmap", "/tmp/hello") == "OK"
    record, = records(world, 1420)
    assert record.fields["rule"] == "DEFAULT action=ALLOW"


def test_kernel_without_ipe_in_its_list(start):
    world = start("not-listed", "lsm=capability")
    assert world.machine.errno("list", IPE) == "ENOENT"
    assert world.machine.errno("exec", "/tmp/hello") == "OK"


# dmverity_cmdline


def volumes(world):
    world.volume("unsigned", world.kit.unsigned, world.machine.disk(1))
    world.volume("signed", world.kit.signed, world.machine.disk(2), "/signed.sig")
    return {"unsigned": world.kit.unsigned.root_hash, "signed": world.kit.signed.root_hash}


COMMAND_LINES = {"root": ("roothash={unsigned}", {"unsigned"}),
                 "usr": ("usrhash={signed}", {"signed"}),
                 "both": ("roothash={signed} quiet usrhash={unsigned}", {"unsigned", "signed"}),
                 "last": ("roothash={signed} roothash={unsigned}", {"unsigned"}),
                 "behind": ("-- roothash={unsigned}", {"unsigned"}),
                 "other-parameter": ("root={unsigned} x.roothash={signed}", set()),
                 "cut": ("roothash={cut}", set()),
                 "with-algorithm": ("roothash=sha256:{unsigned}", set())}


@pytest.mark.parametrize("case", COMMAND_LINES)
def test_root_hash_of_the_command_line(start, kit, case):
    text, named = COMMAND_LINES[case]
    text = text.format(unsigned=kit.unsigned.root_hash, signed=kit.signed.root_hash, cut=kit.unsigned.root_hash[:-2])
    world = start(f"cmdline-{case}", *text.split())
    volumes(world)
    world.activate(DENY + "op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n")
    for name in ("unsigned", "signed"):
        for way in ("exec", "mmap", "mprotect"):
            assert world.machine.errno(way, f"/{name}/hello") == ("OK" if name in named else "EACCES"), (name, way)
    assert world.machine.errno("exec", "/bin/hello") == "EACCES"
    world.activate(DENY + "op=EXECUTE dmverity_cmdline=FALSE action=ALLOW\n")
    for name in ("unsigned", "signed"):
        assert world.machine.errno("exec", f"/{name}/hello") == ("EACCES" if name in named else "OK"), name
    assert world.machine.errno("exec", "/bin/hello") == "OK"


# CONFIG_IPE_BOOT_POLICY


@pytest.fixture
def policed(start, kernel_with_boot_policy):
    return start("policed", kernel=kernel_with_boot_policy)


@pytest.mark.long_on("kasan")
def test_boot_policy(policed):
    assert policed.loaded() == ["boot"]
    assert policed.get("boot", "active") == b"1"
    assert policed.get("boot", "name") == b"boot"
    assert policed.get("boot", "version") == b"0.5.0"
    assert policed.get("boot", "policy") == BOOT_POLICY.read_bytes()
    # It is not signed.
    assert policed.machine.errno("get", policed.node("boot", "pkcs7")) == "ENOENT"
    assert policed.machine.errno("exec", "/bin/hello") == "OK"
    assert policed.machine.errno("exec", "/tmp/hello") == "EACCES"
    assert policed.put("boot", "delete") == "EPERM"


@pytest.mark.long_on("kasan")
def test_boot_policy_is_replaced_by_a_signed_one(policed):
    below = keys.sign_policy("policy_name=below policy_version=0.4.9\nDEFAULT action=ALLOW\n")
    assert policed.load(below) == "OK"
    assert policed.put("below", "active") == "EINVAL"
    assert policed.load(keys.sign_policy("policy_name=boot policy_version=1.0.0\nDEFAULT action=ALLOW\n")) == "EEXIST"
    policed.machine.must("audit")
    policed.activate("DEFAULT action=ALLOW\n")
    record, = records(policed, 1421)
    assert record.string("old_active_pol_name") == "boot"
    # There is no signature to take the digest of.
    assert record.fields["old_policy_digest"] == "sha256:" + hashlib.sha256(b"").hexdigest().upper()
    assert policed.machine.errno("exec", "/tmp/hello") == "OK"
    assert policed.put("boot", "delete") == "OK"
    assert policed.machine.errno("exec", "/tmp/hello") == "OK"


@pytest.mark.long_on("kasan")
def test_boot_policy_is_updated_by_a_signed_one(policed):
    envelope = keys.sign_policy("policy_name=boot policy_version=0.5.1\nDEFAULT action=ALLOW\n")
    assert policed.put("boot", "update", envelope) == "OK"
    assert policed.get("boot", "pkcs7") == envelope
    assert policed.get("boot", "active") == b"1"
    assert policed.machine.errno("exec", "/tmp/hello") == "OK"
    assert policed.put("boot", "update", keys.sign_policy("policy_name=boot policy_version=0.5.0\n" + DENY)) == "ESTALE"


@pytest.fixture(scope="module")
def kernel_with_broken_policy(variant):
    return uml.kernel(*VARIANTS[variant], "--boot-policy", Path(__file__).with_name("broken.policy"))


@pytest.mark.long
def test_boot_policy_that_does_not_parse_stops_the_boot(boot, kernel_with_broken_policy):
    """Otherwise everything would be allowed."""
    with pytest.raises(MachineFailed) as failure:
        boot("broken-policy", kernel=kernel_with_broken_policy)
    assert "Kernel panic - not syncing: ipe: boot policy, line 4, column " in str(failure.value)
