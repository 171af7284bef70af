# SPDX-License-Identifier: LGPL-2.1-or-later
"""Audit records: the documented fields in the documented order, for success and for failure."""

import errno
import hashlib

import keys
import pytest
from guest import IPE

ACCESS, CONFIG_CHANGE, LOAD, MAC_STATUS = 1420, 1421, 1422, 1404
DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
PLAIN_FIELDS = "ipe_op ipe_hook enforcing pid comm path dev ino rule".split()
LOAD_FIELDS = "policy_name policy_version policy_digest auid ses lsm res".split()
ACTIVATION_FIELDS = ("old_active_pol_name old_active_pol_version old_policy_digest new_active_pol_name "
                     "new_active_pol_version new_policy_digest auid ses lsm res").split()
# Field names in the kernel's order; those of rules stand inside quotes.
UNSET = str((1 << 32) - 1)


def digest(envelope):
    return "sha256:" + hashlib.sha256(envelope).hexdigest().upper()


def body(record):
    return record.text.partition("): ")[2]


def field_names(record):
    return list(record.fields)


def one(world, kind):
    """The one record of a type since the last look."""
    record, = [record for record in world.records() if record.type == kind]
    return record


def failure(name):
    return str(-getattr(errno, name))


# 1420: verdicts


def test_denial_of_a_file(world):
    world.activate(DENY)
    world.machine.must("audit")
    assert world.machine.errno("exec", "/tmp/hello") == "EACCES"
    record = one(world, ACCESS)
    assert field_names(record) == PLAIN_FIELDS
    inode = world.machine.must("inode", "/tmp/hello").text
    pid = record.fields["pid"]
    assert int(pid) > 1
    assert body(record) == (f'ipe_op=EXECUTE ipe_hook=BPRM_CHECK enforcing=1 pid={pid} comm="init" '
                            f'path="/tmp/hello" dev="tmpfs" ino={inode} rule="DEFAULT op=EXECUTE action=DENY"')


def test_denial_of_anonymous_memory(world):
    world.activate("DEFAULT action=DENY\n")
    world.machine.must("audit")
    assert world.machine.errno("anonymous-mmap") == "EACCES"
    assert body(one(world, ACCESS)) == ('ipe_op=EXECUTE ipe_hook=MMAP enforcing=1 pid=1 comm="init" path=? dev=? '
                                        'ino=? rule="DEFAULT action=DENY"')


@pytest.mark.parametrize("verb, hook", (("exec", "BPRM_CHECK"), ("mmap", "MMAP"), ("mprotect", "MPROTECT")))
def test_hook_of_a_denial(world, verb, hook):
    world.activate(DENY)
    world.machine.must("audit")
    assert world.machine.errno(verb, "/ext4/plain") == "EACCES"
    record = one(world, ACCESS)
    assert record.fields["ipe_hook"] == hook
    assert record.string("path") == "/ext4/plain"
    assert record.string("dev") == world.machine.disk(0).rpartition("/")[2]


def test_denials_of_modules(world):
    world.activate("DEFAULT action=ALLOW\nop=KMODULE action=DENY\n")
    world.machine.must("audit")
    assert world.machine.errno("insmod", "/test_module.ko") == "EACCES"
    assert world.machine.errno("insmod-data", "/test_module.ko") == "EACCES"
    read, load = [record for record in world.records() if record.type == ACCESS]
    assert (read.fields["ipe_op"], read.fields["ipe_hook"]) == ("KMODULE", "KERNEL_READ")
    assert read.string("path") == "/test_module.ko"
    assert (load.fields["ipe_op"], load.fields["ipe_hook"]) == ("KMODULE", "KERNEL_LOAD")
    assert load.fields["path"] == "?"
    assert read.fields["rule"] == load.fields["rule"] == "op=KMODULE action=DENY"


def test_rule_of_a_denial_is_printed_canonically(world):
    place = world.places["fsverity"]
    value = place.facts["fsverity_digest"]
    world.activate(f"DEFAULT action=ALLOW\n  op=EXECUTE\tboot_verified=FALSE   fsverity_digest=sha256:{value.upper()} "
                   "action=DENY # no\n")
    world.machine.must("audit")
    assert world.machine.errno("exec", place.path) == "EACCES"
    assert one(world, ACCESS).fields["rule"] == (f"op=EXECUTE boot_verified=FALSE fsverity_digest=sha256:{value} "
                                                 "action=DENY")


@pytest.mark.parametrize("before, filler, after, rule", (
    ("op=EXECUTE boot_verified=FALSE action=DENY #", "x", "", "op=EXECUTE boot_verified=FALSE action=DENY"),
    ("op=EXECUTE boot_verified=FALSE action=DENY", " ", "\r", "op=EXECUTE boot_verified=FALSE action=DENY"),
    ("op=EXECUTE boot_verified=FALSE", " ", "action=DENY", "op=EXECUTE boot_verified=FALSE")),
    ids=("comment", "space-behind", "space-within"))
def test_rule_on_a_line_that_is_wide(world, before, filler, after, rule):
    """The record has the part of the rule in its first 4096 bytes, or its beginning; see test-policy-excerpt.c."""
    name = world.activate(f"DEFAULT action=ALLOW\n{before}{filler * 50000}{after}\n")
    world.machine.must("audit")
    assert world.machine.errno("exec", "/tmp/hello") == "EACCES"
    assert one(world, ACCESS).fields["rule"] == rule
    assert "rule line=3 matches=1" in world.get(name, "stats").decode().splitlines()


def test_denial_is_of_the_file_as_it_was_named_over_an_overlay(world):
    world.activate(DENY)
    world.machine.must("audit")
    assert world.machine.errno("exec", "/overlay/hello") == "EACCES"
    record = one(world, ACCESS)
    assert record.string("path") == "/overlay/hello"
    assert record.string("dev") == "overlay"


@pytest.mark.parametrize("name", ('quote" res=1 x="', "space x", "line\nbreak", "byte\xff", "tab\t"))
def test_file_name_cannot_forge_a_field(world, name):
    path = f"/tmp/{name}".encode("latin-1")
    world.machine.must("copy", "/bin/hello", path)
    world.activate(DENY)
    world.machine.must("audit")
    assert world.machine.errno("exec", path) == "EACCES"
    record = one(world, ACCESS)
    assert field_names(record) == PLAIN_FIELDS
    assert record.string("path").encode(errors="surrogateescape") == path
    world.machine.must("unlink", path)


@pytest.mark.parametrize("name", ('a" pid=7 b="', "a b", "\xff\x01"))
def test_command_name_cannot_forge_a_field(world, name):
    world.activate(DENY)
    world.machine.must("audit")
    assert world.machine.errno("named", name.encode("latin-1"), "exec", "/tmp/hello") == "EACCES"
    record = one(world, ACCESS)
    assert field_names(record) == PLAIN_FIELDS
    assert record.string("comm").encode(errors="surrogateescape") == name.encode("latin-1")


def test_permissive_denial_is_recorded_as_such(world):
    world.activate(DENY)
    with world.switched("enforce", "0"):
        world.machine.must("audit")
        assert world.machine.errno("mmap", "/tmp/hello") == "OK"
        assert [record.fields["enforcing"] for record in world.records() if record.type == ACCESS] == ["0"]


def test_what_is_allowed_is_recorded_on_request_alone(world):
    world.activate("DEFAULT action=DENY\nop=EXECUTE boot_verified=TRUE action=ALLOW\nDEFAULT op=KMODULE action=ALLOW\n")
    world.machine.must("audit")
    assert world.machine.errno("mmap", "/bin/hello") == "OK"
    assert not [record for record in world.records() if record.type == ACCESS]
    with world.switched("success_audit", "1"):
        world.machine.must("audit")
        for _ in range(20):
            assert world.machine.errno("mmap", "/bin/hello") == "OK"
        records = [record for record in world.records() if record.type == ACCESS]
        # They are not limited: who asks for them wants them all.
        assert len(records) == 20
        assert {record.fields["rule"] for record in records} == {"op=EXECUTE boot_verified=TRUE action=ALLOW"}


def test_equal_denials_are_limited_and_the_next_record_tells_how_many_there_were(world):
    world.activate(DENY)
    world.machine.must("audit")
    assert world.machine.must("repeat", 50, "mmap", "/tmp/hello").text == f"{errno.EACCES} 50\n"
    assert world.machine.must("repeat", 3, "mmap", "/ext4/plain").text == f"{errno.EACCES} 3\n"
    records = [record for record in world.records() if record.type == ACCESS]
    paths = [record.string("path") for record in records]
    assert (paths.count("/tmp/hello"), paths.count("/ext4/plain")) == (5, 3)
    assert not [record for record in records if "suppressed" in record.fields]
    # The window has ended.
    world.machine.must("sleep", 10100)
    assert world.machine.errno("mmap", "/tmp/hello") == "EACCES"
    record = one(world, ACCESS)
    assert field_names(record) == [*PLAIN_FIELDS, "suppressed"]
    assert record.fields["suppressed"] == "45"


def test_limit_is_not_that_of_a_file_which_had_the_same_device_and_number(world):
    """A volume takes the place of another one: its first denial must be recorded."""
    world.activate(DENY)
    seen = []
    for _ in range(2):
        world.volume("replaced", world.kit.reloaded, world.machine.disk(3))
        world.machine.must("audit")
        world.machine.must("repeat", 10, "mmap", "/replaced/hello")
        seen += [(record.fields["dev"], record.fields["ino"]) for record in world.records() if record.type == ACCESS]
        world.machine.must("umount", "/replaced")
        world.machine.must("verity-remove", "replaced")
    assert len(seen) == 10 and len(set(seen)) == 1


def test_limit_of_anonymous_memory_is_that_of_the_program(world):
    """A limit for each process would not help: a loop can start many."""
    world.activate("DEFAULT action=DENY\n")
    world.machine.must("audit")
    assert world.machine.must("repeat", 40, "as", 0, "anonymous-mmap").text == f"{errno.EACCES} 40\n"
    records = [record for record in world.records() if record.type == ACCESS]
    assert len(records) == 5 and len({record.fields["pid"] for record in records}) == 5


def accesses(world, alone=False):
    return [record for record in world.records(alone) if record.type == ACCESS]


def test_limit_is_that_of_the_user(world):
    """A user who is denied a file often hides no denial of another user."""
    world.activate(DENY)
    world.machine.must("audit")
    world.machine.must("repeat", 50, "as", 1000, "named", "backup", "mmap", "/tmp/hello")
    assert len(accesses(world)) == 5
    for _ in range(2):
        assert world.machine.errno("named", "implant", "mmap", "/tmp/hello") == "EACCES"
    assert world.machine.errno("as", 1001, "named", "other", "mmap", "/tmp/hello") == "EACCES"
    assert [record.string("comm") for record in accesses(world)] == ["implant", "implant", "other"]


def test_limit_is_that_of_the_session(world):
    world.activate(DENY)
    world.machine.must("audit")
    for uid in (1000, 1001):
        assert world.machine.errno("in-session", uid, "repeat", 20, "mmap", "/tmp/hello") == "OK"
        assert len(accesses(world)) == 5


def test_program_that_a_task_claims_to_run_is_no_other_subject(world):
    """/proc/self/exe follows PR_SET_MM_EXE_FILE; the limit is that of the program which was executed."""
    place = world.places["fsverity"]
    world.activate("DEFAULT action=ALLOW\n"
                   f"op=EXECUTE fsverity_digest=sha256:{place.facts['fsverity_digest']} action=DENY\n")
    world.machine.must("audit")
    world.machine.must("repeat", 20, "mmap", place.path)
    assert len(accesses(world)) == 5
    # It ends with ENOMEDIUM where /proc/self/exe is not what was claimed.
    assert world.machine.errno("claiming", "/bin/hello", "mmap", place.path) == "EACCES"
    assert accesses(world) == []


# More keys than the limiter has places, so that each of these is taken over.
MANY = 2500


def test_suppressed_count_is_written_out_when_its_place_is_taken(world):
    world.activate(DENY)
    world.machine.must("audit")
    inode = world.machine.must("inode", "/tmp/hello").text
    assert world.machine.must("repeat", 50, "named", "implant", "mmap", "/tmp/hello").text == f"{errno.EACCES} 50\n"
    assert len(accesses(world)) == 5
    assert world.machine.must("as", 1000, "storm-files", MANY, "/tmp/noise").text == str(MANY)
    records = accesses(world, alone=True)
    alone = [record for record in records if record.fields["pid"] == "?"]
    assert len(records) - len(alone) == MANY
    assert [record for record in records if "suppressed" in record.fields] == alone
    # Earlier tests have left others.
    record, = [record for record in alone if record.string("comm") == "implant"]
    assert field_names(record) == [*PLAIN_FIELDS, "suppressed", "uid", "auid"]
    assert body(record) == ('ipe_op=EXECUTE ipe_hook=MMAP enforcing=1 pid=? comm="implant" path=? dev="tmpfs" '
                            f"ino={inode} rule=? suppressed=45 uid=0 auid={UNSET}")


def test_suppressed_count_that_audit_refuses_is_written_out_later(world):
    """By then the kernel no longer knows the denials themselves."""
    world.activate(DENY)
    world.machine.must("audit-exclude", ACCESS, "on")
    world.machine.must("repeat", 50, "mmap", "/tmp/hello")
    assert world.machine.must("as", 1000, "storm-files", MANY, "/tmp/noise").text == str(MANY)
    world.machine.must("audit-exclude", ACCESS, "off")
    world.machine.must("audit")
    # Takes over all places, with a count each, and what is without a place comes with the first record.
    world.activate(DENY)
    world.machine.must("audit")
    assert world.machine.must("as", 1000, "storm-files", MANY, "/tmp/noise").text == str(MANY)
    records = accesses(world, alone=True)
    unknown = [record for record in records if record.fields["ipe_op"] == "?"]
    assert unknown and field_names(unknown[0]) == [*PLAIN_FIELDS, "suppressed"]
    assert {unknown[0].fields[name] for name in PLAIN_FIELDS} == {"?"}
    suppressed = sum(int(record.fields.get("suppressed", 0)) for record in records)
    of_process = [record for record in records if record.fields["pid"] != "?"]
    assert len(of_process) == MANY and suppressed >= 50 + MANY


def test_what_audit_refuses_to_record_uses_nothing_up(world):
    world.activate(DENY)
    world.machine.must("audit-exclude", ACCESS, "on")
    world.machine.must("audit")
    world.machine.must("repeat", 20, "mmap", "/tmp/hello")
    assert not [record for record in world.records() if record.type == ACCESS]
    world.machine.must("audit-exclude", ACCESS, "off")
    world.machine.must("audit")
    world.machine.must("repeat", 20, "mmap", "/tmp/hello")
    records = [record for record in world.records() if record.type == ACCESS]
    assert [record.fields.get("suppressed") for record in records] == ["20", None, None, None, None]


def test_limit_starts_anew_with_another_policy(world):
    for _ in range(2):
        world.activate(DENY)
        world.machine.must("audit")
        world.machine.must("repeat", 10, "mmap", "/tmp/hello")
        assert len([record for record in world.records() if record.type == ACCESS]) == 5


def test_limit_of_permissive_denials_is_not_that_of_enforced_ones(world):
    world.activate(DENY)
    for value in ("0", "1"):
        world.machine.must("put", f"{IPE}/enforce", value)
        world.machine.must("audit")
        world.machine.must("repeat", 10, "mmap", "/tmp/hello")
        assert [record.fields["enforcing"] for record in world.records() if record.type == ACCESS] == [value] * 5


# 1422: loading


def test_load(world):
    name, header = world.header()
    envelope = keys.sign_policy(header + DENY)
    assert world.load(envelope) == "OK"
    version = header.split("policy_version=")[1].strip()
    assert body(one(world, LOAD)) == (f'policy_name="{name}" policy_version={version} '
                                      f"policy_digest={digest(envelope)} auid={UNSET} ses={UNSET} lsm=ipe res=1")


# Errors that come before the text is parsed: no name is known.
def broken(header):
    whole = keys.sign_policy(header + DENY)
    return {"ENOKEY": keys.sign_policy(header + DENY, key="other"), "EKEYREJECTED": whole.replace(b"=DENY", b"=deny"),
            "EBADMSG": whole[:-1]}


@pytest.mark.parametrize("name", ("ENOKEY", "EKEYREJECTED", "EBADMSG"))
def test_failed_verification(world, name):
    envelope = broken(world.header()[1])[name]
    assert world.load(envelope) == name
    assert body(one(world, LOAD)) == (f"policy_name=? policy_version=? policy_digest={digest(envelope)} auid={UNSET} "
                                      f"ses={UNSET} lsm=ipe res=0 errno={failure(name)}")


def test_failed_load_of_too_much(world):
    assert world.load(bytes(65536)) == "EMSGSIZE"
    record = one(world, LOAD)
    assert field_names(record) == [*LOAD_FIELDS, "errno"]
    assert (record.fields["policy_digest"], record.fields["errno"]) == (digest(bytes(65536)), failure("EMSGSIZE"))


def test_failed_load_of_a_syntax_error_tells_the_place(world):
    envelope = keys.sign_policy(world.header()[1] + "DEFAULT action=DENY\n\nop=EXECUTE nonsense action=DENY\n")
    assert world.load(envelope) == "EBADMSG"
    record = one(world, LOAD)
    assert field_names(record) == [*LOAD_FIELDS, "errno", "line", "column"]
    assert record.fields["policy_digest"] == digest(envelope)
    assert [record.fields[name] for name in ("res", "errno", "line", "column")] == ["0", failure("EBADMSG"), "4", "12"]


def test_failed_load_of_an_existing_name(world):
    name, header = world.header()
    envelope = keys.sign_policy(header + DENY)
    assert world.load(envelope) == "OK"
    world.machine.must("audit")
    assert world.load(envelope) == "EEXIST"
    record = one(world, LOAD)
    assert (record.string("policy_name"), record.fields["errno"]) == (name, failure("EEXIST"))


def test_failed_load_without_the_capability(world):
    assert world.machine.errno("without-mac-admin", "put", f"{IPE}/new_policy", "x") == "EPERM"
    record = one(world, LOAD)
    assert (record.fields["policy_digest"], record.fields["errno"]) == ("?", failure("EPERM"))


@pytest.mark.parametrize("name", ('x"_res=1_y="', "\xe4", "a\x01b"))
def test_policy_name_cannot_forge_a_field(world, name):
    raw = name.encode("latin-1")
    version = world.header()[1].split("policy_version=")[1].encode()
    assert world.load(keys.sign_policy(b"policy_name=" + raw + b" policy_version=" + version + DENY.encode())) == "OK"
    record = one(world, LOAD)
    assert field_names(record) == LOAD_FIELDS
    assert record.fields["policy_name"] == raw.hex().upper()
    node = IPE.encode() + b"/policies/" + raw
    assert world.machine.errno("put", node + b"/active", "1") == "OK"
    record = one(world, CONFIG_CHANGE)
    assert field_names(record) == ACTIVATION_FIELDS
    assert record.fields["new_active_pol_name"] == raw.hex().upper()
    world.activate(DENY)
    world.machine.must("audit")
    assert world.machine.errno("put", node + b"/delete", "1") == "OK"
    assert one(world, CONFIG_CHANGE).fields["policy_name"] == raw.hex().upper()


def test_update_of_a_policy_that_is_not_active(world):
    name, header = world.header()
    assert world.load(keys.sign_policy(header + DENY)) == "OK"
    world.machine.must("audit")
    envelope = keys.sign_policy(f"policy_name={name} policy_version=2.0.0\n{DENY}")
    assert world.put(name, "update", envelope) == "OK"
    kinds = [record.type for record in world.records()]
    assert kinds.count(LOAD) == 1 and CONFIG_CHANGE not in kinds


@pytest.mark.parametrize("new_name, version, error", ((None, "0.0.1", "ESTALE"), ("another", "9.0.0", "EINVAL")))
def test_failed_update(world, new_name, version, error):
    name, header = world.header()
    assert world.load(keys.sign_policy(header + DENY)) == "OK"
    world.machine.must("audit")
    envelope = keys.sign_policy(f"policy_name={new_name or name} policy_version={version}\n{DENY}")
    assert world.put(name, "update", envelope) == error
    record = one(world, LOAD)
    assert record.string("policy_name") == (new_name or name)
    assert (record.fields["policy_digest"], record.fields["res"]) == (digest(envelope), "0")
    assert record.fields["errno"] == failure(error)


# 1421: activating and deleting


def test_activation(world):
    old = world.activate(DENY)
    old_envelope, old_version = world.get(old, "pkcs7"), world.get(old, "version").decode()
    name, header = world.header()
    envelope = keys.sign_policy(header + DENY)
    assert world.load(envelope) == "OK"
    world.machine.must("audit")
    assert world.put(name, "active") == "OK"
    version = header.split("policy_version=")[1].strip()
    assert body(one(world, CONFIG_CHANGE)) == (
        f'old_active_pol_name="{old}" old_active_pol_version={old_version} old_policy_digest={digest(old_envelope)} '
        f'new_active_pol_name="{name}" new_active_pol_version={version} new_policy_digest={digest(envelope)} '
        f"auid={UNSET} ses={UNSET} lsm=ipe res=1")
    world.active = name
    assert world.put(old, "delete") == "OK"


def test_activation_of_the_active_policy_changes_nothing_and_is_not_recorded(world):
    name = world.activate(DENY)
    world.machine.must("audit")
    assert world.put(name, "active") == "OK"
    assert not [record for record in world.records() if record.type == CONFIG_CHANGE]


def test_failed_activation(world):
    active = world.activate(DENY)
    name, _ = world.header()
    assert world.load(keys.sign_policy(f"policy_name={name} policy_version=0.1.0\n{DENY}")) == "OK"
    for value, error in (("1", "EINVAL"), ("0", "EINVAL")):
        world.machine.must("audit")
        assert world.put(name, "active", value) == error
        record = one(world, CONFIG_CHANGE)
        assert field_names(record) == [*ACTIVATION_FIELDS, "errno"]
        assert record.string("old_active_pol_name") == active
        assert record.string("new_active_pol_name") == name
        assert (record.fields["res"], record.fields["errno"]) == ("0", failure(error))


def test_update_of_the_active_policy_is_a_load_and_an_activation(world):
    name = world.activate(DENY)
    major, minor, revision = world.get(name, "version").decode().split(".")
    version = f"{major}.{minor}.{int(revision) + 1}"
    next(world.counter)
    envelope = keys.sign_policy(f"policy_name={name} policy_version={version}\n{DENY}")
    world.machine.must("audit")
    assert world.put(name, "update", envelope) == "OK"
    load, activation = [record for record in world.records() if record.type in (LOAD, CONFIG_CHANGE)]
    assert (load.type, activation.type) == (LOAD, CONFIG_CHANGE)
    assert activation.string("old_active_pol_name") == activation.string("new_active_pol_name") == name
    assert activation.fields["new_policy_digest"] == load.fields["policy_digest"] == digest(envelope)


def test_delete(world):
    name, header = world.header()
    envelope = keys.sign_policy(header + DENY)
    assert world.load(envelope) == "OK"
    world.machine.must("audit")
    assert world.put(name, "delete") == "OK"
    record = one(world, CONFIG_CHANGE)
    assert field_names(record) == ["op", *LOAD_FIELDS]
    assert (record.fields["op"], record.string("policy_name")) == ("delete", name)
    assert (record.fields["policy_digest"], record.fields["res"]) == (digest(envelope), "1")


@pytest.mark.parametrize("value, error", (("1", "EPERM"), ("0", "EINVAL"), ("x", "EINVAL")))
def test_failed_delete(world, value, error):
    name = world.activate(DENY)
    world.machine.must("audit")
    assert world.put(name, "delete", value) == error
    record = one(world, CONFIG_CHANGE)
    assert field_names(record) == ["op", *LOAD_FIELDS, "errno"]
    assert (record.string("policy_name"), record.fields["errno"]) == (name, failure(error))


# 1404 and 1421: the switches


def test_enforcement_switched_off_and_on(world):
    for old, new in ((1, 0), (0, 1)):
        world.machine.must("audit")
        world.machine.must("put", f"{IPE}/enforce", str(new))
        assert body(one(world, MAC_STATUS)) == (f"enforcing={new} old_enforcing={old} auid={UNSET} ses={UNSET} "
                                                "enabled=1 old-enabled=1 lsm=ipe res=1")


@pytest.mark.parametrize("file, kind", (("enforce", MAC_STATUS), ("success_audit", CONFIG_CHANGE)))
def test_switch_that_stays_as_it_is_is_not_recorded(world, file, kind):
    value = world.machine.must("get", f"{IPE}/{file}").text
    world.machine.must("put", f"{IPE}/{file}", value)
    assert not [record for record in world.records() if record.type == kind]


@pytest.mark.parametrize("file, kind", (("enforce", MAC_STATUS), ("success_audit", CONFIG_CHANGE)))
def test_switch_that_is_refused_is_recorded(world, file, kind):
    value = world.machine.must("get", f"{IPE}/{file}").text
    new, old = ("enforcing", "old_enforcing") if file == "enforce" else (file, f"old_{file}")
    for error, command in (("EINVAL", ()), ("EPERM", ("without-mac-admin",))):
        world.machine.must("audit")
        text = "maybe" if error == "EINVAL" else "0"
        assert world.machine.errno(*command, "put", f"{IPE}/{file}", text) == error
        fields = one(world, kind).fields
        assert (fields[new], fields[old], fields["res"]) == ("?", value, "0")
        assert fields["errno"] == failure(error)


def test_success_audit_switched_on_and_off(world):
    for old, new in ((0, 1), (1, 0)):
        world.machine.must("audit")
        world.machine.must("put", f"{IPE}/success_audit", str(new))
        assert body(one(world, CONFIG_CHANGE)) == (f"op=success_audit success_audit={new} old_success_audit={old} "
                                                   f"auid={UNSET} ses={UNSET} lsm=ipe res=1")
