# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each operation, with a file and without, and the order in which rules and defaults are looked at."""

import pytest

OPERATIONS = {"FIRMWARE": "firmware", "KMODULE": "kernel-module", "KEXEC_IMAGE": "kexec-image",
              "KEXEC_INITRAMFS": "kexec-initramfs", "POLICY": "security-policy", "X509_CERT": "x509-certificate"}
REQUEST = "/sys/module/ipe_probe/parameters/request"


@pytest.fixture
def probe(world):
    """The world, with the module loaded that reads files into the kernel for us."""
    if world.machine.errno("mode", REQUEST) != "OK":
        world.activate("DEFAULT action=ALLOW\n")
        world.machine.must("insmod", "/ipe_probe.ko")
    return world


def read(world, kind, path):
    return world.machine.errno("put", REQUEST, f"read {kind} {path}")


def load(world, kind):
    return world.machine.errno("put", REQUEST, f"load {kind}")


@pytest.mark.parametrize("op", OPERATIONS)
def test_operation_with_a_file(probe, op):
    for default, rule in (("ALLOW", "DENY"), ("DENY", "ALLOW")):
        probe.activate(f"DEFAULT action={default}\nDEFAULT op={op} action={rule}\n")
        for other, kind in OPERATIONS.items():
            action = rule if other == op else default
            assert read(probe, kind, "/certificate") == ("OK" if action == "ALLOW" else "EACCES"), other


@pytest.mark.parametrize("op", OPERATIONS)
def test_operation_without_a_file(probe, op):
    for default, rule in (("ALLOW", "DENY"), ("DENY", "ALLOW")):
        probe.activate(f"DEFAULT action={default}\nDEFAULT op={op} action={rule}\n")
        for other, kind in OPERATIONS.items():
            action = rule if other == op else default
            assert load(probe, kind) == ("OK" if action == "ALLOW" else "EACCES"), other


@pytest.mark.parametrize("op", OPERATIONS)
def test_operation_with_properties(probe, op):
    probe.activate(f"DEFAULT action=ALLOW\nDEFAULT op={op} action=DENY\nop={op} boot_verified=TRUE action=ALLOW\n"
                   f"op={op} fsverity_signature=TRUE action=ALLOW\n")
    kind = OPERATIONS[op]
    assert read(probe, kind, "/certificate") == "OK"
    assert read(probe, kind, "/ext4/fsv-signed") == "OK"
    assert read(probe, kind, "/ext4/fsv") == "EACCES"
    assert read(probe, kind, "/tmp/hello") == "EACCES"
    assert load(probe, kind) == "EACCES"


@pytest.mark.parametrize("action, expected", (("ALLOW", "OK"), ("DENY", "EACCES")))
def test_unknown_operation_follows_the_global_default(probe, action, expected):
    probe.activate(f"DEFAULT action={action}\n")
    assert read(probe, "unknown", "/certificate") == expected
    assert load(probe, "unknown") == expected


@pytest.mark.parametrize("op", OPERATIONS)
def test_unknown_operation_is_denied_where_any_kernel_read_may_be(probe, op):
    """A later kernel must not read a denied kind of file under another name."""
    for denial in (f"DEFAULT op={op} action=DENY\n", f"op={op} boot_verified=FALSE action=DENY\n"):
        name = probe.activate("DEFAULT action=ALLOW\n" + denial)
        probe.machine.must("audit")
        assert read(probe, "unknown", "/certificate") == "EACCES"
        assert load(probe, "unknown") == "EACCES"
        records = [record for record in probe.records() if record.type == 1420]
        assert [record.fields["ipe_op"] for record in records] == ["UNKNOWN", "UNKNOWN"]
        assert {record.fields["rule"] for record in records} == {"DEFAULT op=UNKNOWN action=DENY"}
        stats = probe.get(name, "stats").decode().splitlines()
        assert "op=UNKNOWN allowed=0 denied=2" in stats and "default op=UNKNOWN line=0 matches=2" in stats


def test_unknown_operation_is_for_the_global_default_where_nothing_but_execution_is_denied(probe):
    for rules in ("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n", "DEFAULT action=ALLOW\nop=EXECUTE action=DENY\n",
                  "DEFAULT op=EXECUTE action=DENY\n" + "".join(f"DEFAULT op={op} action=ALLOW\n" for op in OPERATIONS)):
        probe.activate(rules)
        assert read(probe, "unknown", "/certificate") == "OK"
        assert load(probe, "unknown") == "OK"


def test_unknown_operation_without_a_global_default(probe):
    probe.activate("".join(f"DEFAULT op={op} action=DENY\n" for op in ("EXECUTE", *OPERATIONS)))
    assert read(probe, "unknown", "/certificate") == "EACCES"
    assert read(probe, "firmware", "/certificate") == "EACCES"


def test_unknown_operation_that_is_denied_but_not_enforced(probe):
    probe.activate("DEFAULT action=ALLOW\nDEFAULT op=KMODULE action=DENY\n")
    with probe.switched("enforce", "0"):
        assert read(probe, "unknown", "/certificate") == "OK"


@pytest.mark.parametrize("verb", ("insmod", "insmod-data"))
def test_module(world, verb):
    def outcome():
        result = world.machine.errno(verb, "/test_module.ko")
        if result == "OK":
            world.machine.must("rmmod", "test_module")
        return result

    world.activate("DEFAULT action=ALLOW\nDEFAULT op=KMODULE action=DENY\n")
    assert outcome() == "EACCES"
    world.activate("DEFAULT action=DENY\nDEFAULT op=KMODULE action=ALLOW\n")
    assert outcome() == "OK"
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=KMODULE action=DENY\nop=KMODULE boot_verified=TRUE action=ALLOW\n")
    assert outcome() == ("OK" if verb == "insmod" else "EACCES")


def test_firmware(world):
    trigger = "/sys/devices/virtual/misc/test_firmware/trigger_request"

    def outcome():
        return world.machine.errno("put", trigger, "boot-fw")

    world.activate("DEFAULT action=ALLOW\n")
    world.machine.must("put", "/sys/module/firmware_class/parameters/path", "/lib/firmware")
    assert outcome() == "OK"
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=FIRMWARE action=DENY\n")
    assert outcome() == "EACCES"
    assert [record.fields["ipe_op"] for record in world.records() if record.type == 1420][0] == "FIRMWARE"
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=FIRMWARE action=DENY\n"
                   "op=FIRMWARE boot_verified=TRUE action=ALLOW\n")
    assert outcome() == "OK"


def test_script_and_its_interpreter_are_both_asked_about(world):
    world.machine.must("create", "/tmp/script", "#!/bin/hello\n")
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nop=EXECUTE boot_verified=TRUE action=ALLOW\n")
    assert world.machine.must("exec", "/bin/script").text == "exit 42"
    for script, culprit in (("/tmp/script", "/tmp/script"), ("/bin/script-of-tmpfs", "/tmp/hello")):
        world.machine.must("audit")
        assert world.machine.errno("exec", script) == "EACCES"
        record, = [record for record in world.records() if record.type == 1420]
        assert record.string("path") == culprit


def test_first_matching_rule_wins(world):
    world.activate("DEFAULT action=DENY\nop=EXECUTE boot_verified=TRUE action=DENY\n"
                   "op=EXECUTE boot_verified=TRUE action=ALLOW\nop=EXECUTE action=ALLOW\n")
    assert world.machine.errno("exec", "/bin/hello") == "EACCES"
    assert world.machine.errno("exec", "/tmp/hello") == "OK"


def test_rule_without_properties_matches_everything(world):
    world.activate("DEFAULT action=DENY\nop=EXECUTE action=ALLOW\n")
    assert world.machine.errno("exec", "/tmp/hello") == "OK"
    assert world.machine.errno("anonymous-mmap") == "OK"


def test_default_of_an_operation_is_before_the_global_one(world):
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n")
    assert world.machine.errno("exec", "/tmp/hello") == "EACCES"
    world.activate("DEFAULT op=EXECUTE action=ALLOW\nDEFAULT action=DENY\n")
    assert world.machine.errno("exec", "/tmp/hello") == "OK"


def test_mapping_that_is_executable_already_is_not_asked_about_again(world):
    """A new policy leaves earlier mappings alone."""
    world.activate("DEFAULT action=ALLOW\n")
    assert world.machine.errno("map-keep", "/tmp/hello") == "OK"
    world.activate("DEFAULT action=DENY\n")
    assert world.machine.errno("mmap", "/tmp/hello") == "EACCES"
    assert world.machine.errno("map-again") == "OK"


def test_last_of_five_hundred_rules_counts(world):
    """A long policy is accepted up to the envelope's 65,535 bytes, and its last rule counts."""
    rule = "op=EXECUTE fsverity_digest=sha256:{:064x} action=ALLOW\n"
    own = "op=EXECUTE fsverity_digest=sha256:" + world.places["fsverity"].facts["fsverity_digest"] + " action=ALLOW\n"
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n" +
                   "".join(rule.format(number) for number in range(500)) + own)
    assert world.machine.errno("exec", "/ext4/fsv") == "OK"
    assert world.machine.errno("exec", "/ext4/fsv-signed") == "EACCES"
