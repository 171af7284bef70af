# SPDX-License-Identifier: LGPL-2.1-or-later
"""Staging: over the bus and from the directories."""

import hashlib
import os
import re

import pytest
from gi.repository import GLib

import keys
from certificates import issue, revoke, sign_with
from connection import NAME, PATH, BusError
from machine import NOBODY, memfd, object_path, policy_text, signed
from message_ids import message_id
from raw_client import RawClient

STAGED = message_id("STAGED")
REJECTED = message_id("REJECTED")


def stage_fd(machine, fd):
    return machine.call("Stage", GLib.Variant("(ha{sv})", (0, {})), [fd])[0]


def refused(call, *arguments, error):
    """Makes a call that must fail with that error; returns its sentence."""
    with pytest.raises(BusError) as caught:
        call(*arguments)
    name = error if "." in error else f"org.ipe.Error.{error}"
    assert caught.value.name == name, caught.value
    return caught.value.message


def snapshot(machine):
    """All files, and all answers about them."""
    files = {path.name: path.read_bytes() for path in machine.state.rglob("*") if path.is_file()}
    return files, machine.list(), machine.properties()


# The bus


def test_stage(machine):
    data = signed()
    path = machine.stage(data)
    digest = hashlib.sha256(data).hexdigest()
    assert path == object_path("corp-base", "1.0.0")
    assert machine.list() == {("corp-base", "1.0.0"): ("staged", digest, False, path)}
    assert machine.wait_signal("PolicyStaged") == ("corp-base", "1.0.0", digest)
    entry, = machine.entries(MESSAGE_ID=STAGED)
    assert entry["IPE_POLICY"] == "corp-base" and entry["IPE_VERSION"] == "1.0.0" and entry["IPE_DIGEST"] == digest
    assert entry["IPE_SIGNER"] == "CN=ipe test key" and f"pid {os.getpid()} " in entry["IPE_SOURCE"]
    assert entry["PRIORITY"] == "5"
    assert (machine.state / "objects" / digest).read_bytes() == data


def test_get_policy(machine):
    body = "DEFAULT action=DENY\n" + "op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n" * 2
    text = f"policy_name=corp-base policy_version=2.0.0 policy_rollback_floor=1.5.0\n{body}"
    data = keys.sign_policy(text)
    machine.stage(signed())
    machine.stage(data)
    policy = machine.get("corp-base")
    assert policy == machine.get("corp-base", "2.0.0")
    assert policy.pop("StagedUSec") == policy.pop("ChangedUSec") > 0
    assert policy.pop("ExpiresUSec") > 0 and len(policy.pop("Transaction")) == 32
    assert f"pid {os.getpid()} " in policy.pop("Source")
    warnings = policy.pop("Warnings")
    assert policy.pop("WarningsCount") == len(warnings)
    assert [warning for warning in warnings if re.match(r"line 4, column 1: .*\(line 3\)", warning)]
    assert policy == {"Name": "corp-base", "Version": "2.0.0", "State": "staged", "Size": len(data), "TextSize": len(text), "Active": False,
                      "KernelPlace": "none",
                      "Digest": hashlib.sha256(data).hexdigest(), "Signer": "CN=ipe test key",
                      "SelectedForBoot": False, "NeedsExtendedAbi": True, "RollbackFloor": "1.5.0"}
    assert machine.get("corp-base", "1.0.0")["Version"] == "1.0.0"
    assert machine.text("corp-base") == machine.text("corp-base", "2.0.0") == text.encode()


def test_only_the_first_warnings_are_kept(machine):
    machine.stage(signed(body="DEFAULT action=ALLOW\n" + "op=EXECUTE boot_verified=TRUE action=ALLOW\n" * 1000))
    policy = machine.get("corp-base")
    assert policy["WarningsCount"] > 900 and len(policy["Warnings"]) == 5
    said = [entry["MESSAGE"] for entry in machine.entries(PRIORITY="4", IPE_VERSION="1.0.0")]
    assert said == [f"'corp-base' 1.0.0: {warning}" for warning in policy["Warnings"]] + [
        f"'corp-base' 1.0.0 has {policy['WarningsCount'] - 5} more warnings; 'ipectl lint' lists all."]


def test_what_an_earlier_release_staged_is_summarised_at_start(machine):
    machine.stage(signed())
    before = machine.get("corp-base")
    machine.stop_daemon()
    state = machine.read_state()
    assert state["versions"][0].pop("summary")
    machine.write_state(state)
    machine.start_daemon()
    # When the signer's certificates end is found out while they are verified.
    assert machine.get("corp-base") == {**before, "ExpiresUSec": 0}
    assert machine.read_state()["versions"][0]["summary"]["text_size"] == before["TextSize"]


def test_nobody_changes_a_text_that_is_handed_out(machine):
    machine.stage(signed())
    first, second = machine.open_text("corp-base"), machine.open_text("corp-base")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(first, b"x")
    with pytest.raises(PermissionError):
        os.open(f"/proc/self/fd/{first}", os.O_RDWR | os.O_TRUNC)
    assert os.read(first, 10) == GOOD.encode()[:10]
    assert os.read(second, 1 << 16) == GOOD.encode()
    os.close(first)
    os.close(second)


def test_a_text_that_is_damaged_on_disk_is_not_handed_out(machine):
    machine.stage(signed())
    path, = (machine.state / "objects").iterdir()
    path.write_bytes(flip(path.read_bytes(), 100))
    with pytest.raises(BusError) as caught:
        machine.open_text("corp-base")
    assert "The stored policy is damaged" in caught.value.message


def flip(data, position):
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


GOOD = policy_text()
BAD_POLICIES = {
    "empty": (lambda: b"", "SignatureInvalid", "empty"),
    "text": (lambda: GOOD.encode(), "SignatureInvalid", "not a signed policy"),
    "cut": (lambda: signed()[:500], "SignatureInvalid", "not a signed policy"),
    "last byte": (lambda: signed()[:-1], "SignatureInvalid", "not a signed policy"),
    "byte behind": (lambda: signed() + b"\0", "SignatureInvalid", "Bytes follow"),
    "tampered text": (lambda: signed().replace(b"action=ALLOW", b"action=DENY "), "SignatureInvalid", "does not match"),
    "tampered signature": (lambda: flip(signed(), -1), "SignatureInvalid", "does not match"),
    "detached": (lambda: keys.smime(GOOD.encode(), "-noattr"), "SignatureInvalid", "does not contain"),
    "attributes": (lambda: keys.smime(GOOD.encode(), "-nodetach"), "SignatureInvalid", "attribute of S/MIME"),
    "key of another": (lambda: signed(key="other"), "KeyNotTrusted", "trust.d"),
    "no policy": (lambda: keys.sign_policy("nonsense\n"), "SyntaxError", "line 1, column 1"),
    "third line": (lambda: signed(body="DEFAULT action=DENY\nop=FLY action=ALLOW\n"), "SyntaxError",
                   "line 3, column 1"),
    "NUL": (lambda: keys.sign_policy(GOOD.encode() + b"\0"), "SyntaxError", "line 3"),
    "name with a slash": (lambda: signed("a/b"), "SyntaxError", "policy_name"),
    "hidden name": (lambda: signed(".x"), "SyntaxError", "policy_name"),
    "name with ESC": (lambda: signed("a\033b"), "SyntaxError", "policy_name"),
    "name that is not UTF-8": (lambda: keys.sign_policy(b"policy_name=\xff policy_version=1.0.0\nDEFAULT "
                                                        b"action=DENY\n"), "SyntaxError", "policy_name"),
    "long name": (lambda: signed("x" * 250), "SyntaxError", "policy_name"),
    "large": (lambda: signed(body="DEFAULT action=DENY\n" + "#" * 65535),
              "org.freedesktop.DBus.Error.LimitsExceeded", "65535"),
}


@pytest.mark.parametrize("make, error, words", BAD_POLICIES.values(), ids=BAD_POLICIES.keys())
def test_bad_policy_is_refused_and_nothing_changes(kept, make, error, words):
    before, signals, entries = snapshot(kept), len(kept.signals("PolicyRejected")), len(kept.entries(MESSAGE_ID=REJECTED))
    assert words in refused(kept.stage, make(), error=error)
    assert snapshot(kept) == before
    (source, name, message), = kept.wait_for(lambda: kept.signals("PolicyRejected")[signals:], "PolicyRejected")
    entry, = kept.entries(MESSAGE_ID=REJECTED)[entries:]
    assert (entry["IPE_SOURCE"], entry["IPE_ERROR"]) == (source, name)
    assert name.endswith(error) and words in message and message in entry["MESSAGE"]


@pytest.mark.parametrize("make, error, words", BAD_POLICIES.values(), ids=BAD_POLICIES.keys())
def test_bad_file_is_refused_and_nothing_changes(machine, make, error, words):
    machine.stage(signed("another"))
    before = snapshot(machine)
    machine.drop(make())
    source, name, message = machine.wait_signal("PolicyRejected")
    assert source == "/etc/ipe/policy.d/corp-base.p7b"
    assert name.endswith(error) and words in message
    assert snapshot(machine) == before


def test_expired_certificate(machine, tmp_path):
    old = issue(tmp_path, "old", "-days", "0")
    (machine.etc / "trust.d/old.pem").write_bytes((tmp_path / "old.crt").read_bytes())
    machine.call("Reload")
    assert "CN=old" in refused(machine.stage, sign_with(old, GOOD), error="CertificateExpired")


def test_revoked_certificate(machine, tmp_path):
    issue(tmp_path, "root")
    leaf = issue(tmp_path, "leaf", issuer="root")
    (machine.etc / "trust.d/root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
    machine.call("Reload")
    machine.stage(sign_with(leaf, GOOD))
    (machine.etc / "trust.d/root.crl.pem").write_bytes(revoke(tmp_path, "leaf", "root").read_bytes())
    machine.call("Reload")
    assert "CN=leaf" in refused(machine.stage, sign_with(leaf, policy_text(version="1.0.1")),
                                error="CertificateRevoked")


def test_same_policy_again(machine):
    machine.stage(signed())
    before = snapshot(machine)
    assert "staged" in refused(machine.stage, signed(), error="AlreadyExists")
    assert "other content" in refused(machine.stage, signed(body="DEFAULT action=DENY\n"), error="AlreadyExists")
    assert snapshot(machine) == before


def test_no_trust_anchor_trusts_nobody(machine):
    (machine.etc / "trust.d/test.pem").unlink()
    machine.call("Reload")
    refused(machine.stage, signed(), error="KeyNotTrusted")


def test_unknown_option(machine):
    message = refused(machine.stage, signed(), {"activate": GLib.Variant("b", True)},
                      error="org.freedesktop.DBus.Error.InvalidArgs")
    assert "'activate'" in message
    assert not machine.list()


def pipe_end(which, keep_other=True):
    ends = os.pipe()
    if not keep_other:
        os.close(ends[1 - which])
    return ends[which]


DESCRIPTORS = {
    "pipe to read": lambda: pipe_end(0),
    "pipe to write": lambda: pipe_end(1),
    "pipe that nobody writes": lambda: pipe_end(0, keep_other=False),
    "pipe that nobody reads": lambda: pipe_end(1, keep_other=False),
    "directory": lambda: os.open("/usr", os.O_RDONLY),
    "path": lambda: os.open("/usr/bin/env", os.O_PATH),
    "null device": lambda: os.open("/dev/null", os.O_RDONLY),
    "endless device": lambda: os.open("/dev/zero", os.O_RDONLY),
    "event": lambda: os.eventfd(0),
}


@pytest.mark.parametrize("make", DESCRIPTORS.values(), ids=DESCRIPTORS.keys())
def test_descriptor_that_is_no_file(kept, make):
    refused(stage_fd, kept, make(), error="org.freedesktop.DBus.Error.InvalidArgs")
    refused(kept.stage, signed(), error="AlreadyExists")


def test_fifo(machine, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    refused(stage_fd, machine, os.open(tmp_path / "fifo", os.O_RDWR), error="org.freedesktop.DBus.Error.InvalidArgs")
    machine.stage(signed())


def test_write_only_descriptor(machine, tmp_path):
    refused(stage_fd, machine, os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT),
            error="org.freedesktop.DBus.Error.InvalidArgs")


def test_descriptor_above_the_limit(machine, tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 40)
    refused(stage_fd, machine, os.open(tmp_path / "large", os.O_RDONLY),
            error="org.freedesktop.DBus.Error.LimitsExceeded")


def test_descriptor_is_read_from_its_start_and_stays_where_it_stands(machine):
    data = signed()
    fd = memfd(data)
    os.lseek(fd, 0, os.SEEK_END)
    assert stage_fd(machine, os.dup(fd)) == object_path("corp-base", "1.0.0")
    assert os.lseek(fd, 0, os.SEEK_CUR) == len(data)
    os.close(fd)


def test_a_file_that_may_keep_a_reader_waiting_is_not_read(machine):
    """procfs stands for FUSE and NFS here, because it is mounted already."""
    with pytest.raises(BusError) as caught:
        stage_fd(machine, os.open("/proc/self/maps", os.O_RDONLY))
    assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs" and "memfd_create" in caught.value.message


def test_caller_cannot_change_the_policy_afterwards(machine):
    data = signed()
    fd = memfd(data)
    path = stage_fd(machine, os.dup(fd))
    os.pwrite(fd, b"\0" * len(data), 0)
    os.close(fd)
    assert machine.text("corp-base") == GOOD.encode()
    assert machine.list()["corp-base", "1.0.0"][3] == path


def test_call_without_its_descriptor(machine):
    with pytest.raises((BusError, GLib.Error)):
        machine.call("Stage", GLib.Variant("(ha{sv})", (0, {})))
    machine.stage(signed())


def test_descriptors_are_closed(machine):
    def count():
        machine.list()  # what came before it is done with
        return len(os.listdir(f"/proc/{machine.daemon.pid}/fd"))

    machine.stage(signed())
    before = count()
    for number in range(20):
        machine.stage(signed(version=f"2.0.{number}"))
        refused(machine.stage, b"junk", error="SignatureInvalid")
        refused(stage_fd, machine, pipe_end(0, keep_other=False), error="org.freedesktop.DBus.Error.InvalidArgs")
    assert count() == before


@pytest.mark.parametrize("name", ["", "x", "..", "/", "é" * 700, "a" + "é" * 700, "x" * 100000, "\n\033[31m", "%s%n",
                                  "'; DROP", "\U0001f600" * 300], ids=range(11))
def test_names_that_nobody_has(kept, name):
    before = snapshot(kept)
    is_long = len(name.encode()) > 255
    error = "org.freedesktop.DBus.Error.InvalidArgs" if is_long else "NoSuchPolicy"
    for method in ("Activate", "Rollback", "Confirm", "Preflight"):
        refused(kept.call, method, GLib.Variant("(s)", (name,)), error=error)
    for method in ("GetPolicy", "Discard"):
        message = refused(kept.call, method, GLib.Variant("(ss)", (name, "1.0.0")),
                          error="NoSuchPolicy" if method == "GetPolicy" else error)
        assert "\033" not in message and "\n" not in message
    assert snapshot(kept) == before


@pytest.mark.parametrize("version", ["1", "1.0", "1.0.0.0", "1.0.x", "-1.0.0", "1.0.65536", "x" * 100000, "é" * 700,
                                     "1.0.0\n", " "], ids=range(10))
def test_versions_that_are_none(kept, version):
    for method in ("GetPolicy", "Discard"):
        refused(kept.call, method, GLib.Variant("(ss)", ("corp-base", version)),
                error="org.freedesktop.DBus.Error.InvalidArgs")
    refused(kept.call, "ActivateWithOptions", GLib.Variant("(sa{sv})", ("corp-base", {
        "version": GLib.Variant("s", version)})), error="org.freedesktop.DBus.Error.InvalidArgs")
    assert len(kept.list()) == 1


@pytest.mark.parametrize("method", ["Stage", "Preflight", "Activate", "ActivateWithOptions", "Confirm", "Rollback",
                                    "Discard", "GetPolicy", "SetEnforce", "SetSuccessAudit", "ListPolicies", "Reload"])
def test_arguments_of_another_type(kept, method):
    refused(kept.call, method, GLib.Variant("(ta(sv))", (1, [])), error="org.freedesktop.DBus.Error.InvalidArgs")


@pytest.mark.parametrize("options", [{"version": GLib.Variant("t", 1)}, {"trial-sec": GLib.Variant("s", "1")},
                                     {"force": GLib.Variant("s", "yes")}, {"": GLib.Variant("b", True)},
                                     {"confirm": GLib.Variant("b", True)}, {"confirm": GLib.Variant("s", "never")}])
def test_options_of_activation(kept, options):
    refused(kept.call, "ActivateWithOptions", GLib.Variant("(sa{sv})", ("corp-base", options)),
            error="org.freedesktop.DBus.Error.InvalidArgs")


@pytest.mark.parametrize("options, error", [
    ({"trial-sec": GLib.Variant("t", 1)}, "NotSupported"), ({"confirm": GLib.Variant("s", "manual")}, "NotSupported"),
    ({"confirm": GLib.Variant("s", "auto")}, "NotSupported"), ({"trial-sec": GLib.Variant("t", 0)}, "NotSupported"),
    ({"trial-sec": GLib.Variant("t", 86401)}, "InvalidArgs"), ({"trial-sec": GLib.Variant("t", 2**64 - 1)}, "InvalidArgs"),
    ({"trial-sec": GLib.Variant("t", 0), "confirm": GLib.Variant("s", "auto")}, "InvalidArgs")])
def test_activation_that_this_kernel_cannot_do(kept, options, error):
    before = snapshot(kept)
    sentence = refused(kept.call, "ActivateWithOptions", GLib.Variant("(sa{sv})", ("corp-base", options)),
                       error=error if error == "NotSupported" else f"org.freedesktop.DBus.Error.{error}")
    assert "IPE is not enabled" in sentence or error != "NotSupported"
    assert snapshot(kept) == before


def test_hostile_name_is_kept_as_it_is(machine):
    """Odd, and allowed: quotes, a backslash, shell and format characters, other scripts."""
    name = "a\"b'$(x)%s\\é漢"
    path = machine.stage(signed(name))
    assert machine.list()[name, "1.0.0"][3] == path
    assert machine.get(name)["Name"] == name
    machine.stop_daemon()
    machine.start_daemon()
    assert machine.list()[name, "1.0.0"][3] == path


def test_discard(machine):
    machine.stage(signed())
    machine.stage(signed(version="1.1.0"))
    refused(machine.call, "Discard", GLib.Variant("(ss)", ("corp-base", "")),
            error="org.freedesktop.DBus.Error.InvalidArgs")
    machine.call("Discard", GLib.Variant("(ss)", ("corp-base", "1.1.0")))
    assert machine.list().keys() == {("corp-base", "1.0.0")}
    assert len(list((machine.state / "objects").iterdir())) == 1
    machine.stage(signed(version="1.1.0"))


# The directories


def test_dropped_file_is_staged(machine):
    machine.drop(signed())
    machine.wait_signal("PolicyStaged")
    assert machine.get("corp-base")["Source"] == "/etc/ipe/policy.d/corp-base.p7b"


def test_file_of_an_earlier_day(bare):
    bare.drop(signed())
    bare.start_daemon()
    assert ("corp-base", "1.0.0") in bare.list()


def test_file_that_is_written_slowly_is_read_once(machine):
    data = signed()
    with open(machine.etc / "policy.d/corp-base.p7b", "wb") as file:
        for byte in (data[:100], data[100:200], data[200:]):
            file.write(byte)
            file.flush()
            machine.list()
    machine.wait_signal("PolicyStaged")
    assert not machine.signals("PolicyRejected")


def test_link_is_followed(machine):
    (machine.run_directory / "elsewhere").write_bytes(signed())
    (machine.etc / "policy.d/corp-base.p7b").symlink_to("/run/elsewhere")
    machine.wait_signal("PolicyStaged")


@pytest.mark.parametrize("kind", ["directory", "fifo", "dangling link", "device"])
def test_entry_that_is_no_file(machine, kind):
    path = machine.etc / "policy.d/corp-base.p7b"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    else:
        path.symlink_to("/dev/zero")
    assert machine.wait_signal("PolicyRejected")[0] == "/etc/ipe/policy.d/corp-base.p7b"
    assert not machine.list()


def test_upper_directory_overrides_and_masks(bare):
    lower = bare.run_directory / "ipe/policy.d"
    bare.drop(signed("a"), "a.p7b", lower)
    bare.drop(signed("a", "2.0.0"), "a.p7b")
    bare.drop(signed("b"), "b.p7b", lower)
    (bare.etc / "policy.d/b.p7b").symlink_to("/dev/null")
    bare.drop(signed("c"), "c.p7b", lower)
    bare.start_daemon()
    assert bare.list().keys() == {("a", "2.0.0"), ("c", "1.0.0")}
    (bare.etc / "policy.d/b.p7b").unlink()
    bare.wait_signal("PolicyStaged", lambda arguments: arguments[0] == "b")


def test_other_names_are_not_read(machine):
    for name in ("corp-base.p7b.bak", "corp-base", ".corp-base.p7b", ".p7b", "README"):
        machine.drop(signed(), name)
    machine.call("Reload")
    assert not machine.list() and not machine.signals("PolicyRejected")


def test_name_of_the_file_is_that_of_the_policy(machine):
    machine.drop(signed(), "other-name.p7b")
    source, error, message = machine.wait_signal("PolicyRejected")
    assert error == "org.ipe.Error.NameMismatch"
    assert "'corp-base.p7b'" in message


def test_directories_that_appear_later(bare):
    for name in ("policy.d", "trust.d"):
        (bare.etc / name).rename(bare.directory / name)
    bare.start_daemon()
    assert not bare.list()
    (bare.directory / "trust.d").rename(bare.etc / "trust.d")
    (bare.directory / "policy.d").rename(bare.etc / "policy.d")
    bare.drop(signed())
    bare.wait_signal("PolicyStaged")


def test_certificate_that_appears_later(machine):
    (machine.etc / "trust.d/test.pem").unlink()
    machine.call("Reload")
    machine.drop(signed())
    assert machine.wait_signal("PolicyRejected")[1] == "org.ipe.Error.KeyNotTrusted"
    machine.trust("test")
    machine.wait_signal("PolicyStaged")


def test_refusal_is_announced_once_until_the_file_changes_or_somebody_asks(machine):
    machine.drop(signed(key="other"))
    machine.wait_signal("PolicyRejected")
    machine.drop(signed("another"), "another.p7b")
    machine.wait_signal("PolicyStaged")
    assert len(machine.signals("PolicyRejected")) == 1
    machine.call("Reload")
    machine.wait_for(lambda: len(machine.signals("PolicyRejected")) == 2, "the refusal")
    machine.drop(signed(key="other", version="1.0.1"))
    machine.wait_for(lambda: len(machine.signals("PolicyRejected")) == 3, "the refusal")


def test_removed_file_leaves_its_policy(machine):
    machine.drop(signed())
    machine.wait_signal("PolicyStaged")
    (machine.etc / "policy.d/corp-base.p7b").unlink()
    machine.call("Reload")
    assert ("corp-base", "1.0.0") in machine.list()


def test_many_files_at_once(machine):
    for number in range(40):
        machine.drop(signed(f"policy-{number}"), f"policy-{number}.p7b")
    machine.wait_for(lambda: len(machine.signals("PolicyStaged")) == 40, "all policies")
    assert len(machine.list()) == 40


def test_whoever_hands_in_much_pays_for_it_before_it_is_read(mocked):
    """A budget is paid back in seconds: 16 MiB are 1024 calls."""
    mocked.allow("org.ipe.manager.stage")
    client = RawClient(mocked, NOBODY)
    client.answers(1)
    with open(memfd(b"x" * (16 << 20)), "rb") as file:
        for _ in range(2):
            client.call(NAME, PATH, NAME, "Stage", GLib.Variant("(ha{sv})", (0, {})), [file.fileno()])
        assert client.answers(2) == [True, True]
    client.ask("ListPolicies")
    assert client.answers(1) == [True]
    client.close()
    assert client.sentences[0].startswith("org.ipe.Error.SignatureInvalid")
    assert client.sentences[1:] == [f"org.ipe.Error.TooManyCalls: User {NOBODY} calls too often: wait a few seconds."] * 2
    assert mocked.stage(signed())
