# SPDX-License-Identifier: LGPL-2.1-or-later
"""Policies that the kernel reads itself: signed ones from anywhere, unsigned ones from where a rule allows it."""

from pathlib import Path

import keys
import pytest
import volumes
from guest import IPE
from world import Cycle

ALLOW, DENY = Cycle.ALLOW, Cycle.DENY
LOAD = f"{IPE}/load"
blob = Cycle.blob
BOOT = "op=POLICY boot_verified=TRUE action=ALLOW\n"
SIGNED_VOLUME = "op=POLICY dmverity_signature=TRUE action=ALLOW\n"


EXAMPLES = sorted((Path(__file__).parents[2] / "policy.d").glob("*.policy"))
WORD = " policy_unsigned=TRUE"


def unsigned(name, version="1.0.0", rules=ALLOW, words=WORD):
    return f"policy_name={name} policy_version={version}{words}\n{rules}".encode()


@pytest.fixture(scope="module")
def policies(kit, tmp_path_factory):
    """A verity volume with policies; text files of the same names are in the initramfs."""
    directory = tmp_path_factory.mktemp("policies")
    files = {f"{where}-{number}.policy": unsigned(f"{where}-{number}") for where in ("volume", "overlay")
             for number in range(4)}
    files |= {path.name: path.read_bytes() for path in EXAMPLES}
    files |= {"plain.policy": unsigned("plain", words=""), "volume-2-again.policy": unsigned("volume-2", "2.0.0", words="")}
    return volumes.verity(directory / "policies.img", files, "33" * 32)


@pytest.fixture(scope="module")
def own_world(worlds, variant, kernel, kit, policies, machines, tmp_path_factory):
    """A machine with a signed volume of policies at /volume, an overlay over it, and a text at /boot."""
    import uml
    from conftest import modules

    directory = tmp_path_factory.mktemp(f"{variant}-load")
    files = {f"boot/boot-{number}.policy": unsigned(f"boot-{number}") for number in range(12)}
    files |= {"boot/plain.policy": unsigned("plain", words="")}
    files |= {"policies.sig": keys.sign_root_hash(policies.root_hash)}
    machine = uml.Uml(kernel / "linux", kit.initramfs(f"{variant}-load.cpio", {**modules(kernel), **files}),
                      directory / "console.log", [*kit.disks(f"{variant}-load"), policies.image])
    machines.append(machine)
    world = Cycle(machine, kit).set_up()
    world.volume("volume", policies, machine.disk(4), "/policies.sig")
    world.overlay("overlaid", "/volume")
    return world


@pytest.fixture
def cycle(own_world):
    yield own_world.reset()
    assert own_world.machine.errno("put", f"{IPE}/enforce", "1") == "OK"
    assert not own_world.machine.trouble()


def load(cycle, path):
    return cycle.machine.errno("put", LOAD, path)


def file(cycle, data, name="policy"):
    """Creates a file without any facts; returns its path."""
    cycle.machine.must("create", f"/tmp/{name}", data)
    return f"/tmp/{name}"


def decides(cycle, rules):
    """Makes a policy of these rules the active one."""
    name = cycle.loads("0.0.1", rules=rules)
    assert cycle.put(name, "active") == "OK"
    return name


# Signed


@pytest.mark.parametrize("newline", ("", "\n"))
def test_signed_policy_of_a_name_that_is_free(cycle, newline):
    name = cycle.fresh()
    assert load(cycle, file(cycle, blob(name, "1.0.0")) + newline) == "OK"
    assert cycle.versions(name) == ("1.0.0", None, None) and cycle.text(name, "active") == "0"
    assert cycle.get(name, "pkcs7") == blob(name, "1.0.0")


def test_signed_policy_of_a_name_that_is_taken_is_staged(cycle):
    name = cycle.loads("1.0.0")
    assert load(cycle, file(cycle, blob(name, "2.0.0"))) == "OK"
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)
    assert load(cycle, file(cycle, blob(name, "1.5.0"))) == "OK"
    assert cycle.versions(name) == ("1.0.0", "1.5.0", None)
    for version in ("1.0.0", "0.9.0"):
        assert load(cycle, file(cycle, blob(name, version))) == "ESTALE"
    assert cycle.put(name, "trial", "86400") == "OK"
    assert load(cycle, file(cycle, blob(name, "3.0.0"))) == "EBUSY"
    assert cycle.versions(name) == ("1.0.0", "1.5.0", None)


@pytest.mark.parametrize("damage, errno", (
    (lambda name: blob(name, "1.0.0")[:-1], "EBADMSG"), (lambda name: blob(name, "1.0.0") + b"\0", "EBADMSG"),
    (lambda name: blob(name, "1.0.0").replace(b"action=", b"Action="), "EKEYREJECTED"),
    (lambda name: blob(name, "1.0.0", key="other"), "ENOKEY"),
    (lambda name: blob(name, "1.0.0", "DEFAULT\n"), "EBADMSG")),
    ids=("truncated", "longer", "tampered", "key", "syntax"))
def test_damaged_envelope(cycle, damage, errno):
    name = cycle.fresh()
    assert load(cycle, file(cycle, damage(name))) == errno
    assert name not in cycle.loaded()


def test_envelope_by_a_policy_that_names_no_place(cycle):
    """A signature is a proof of its own."""
    decides(cycle, "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n" + BOOT)
    name = cycle.fresh()
    assert load(cycle, file(cycle, blob(name, "1.0.0"))) == "OK"


@pytest.mark.parametrize("rules", ("DEFAULT action=ALLOW\nDEFAULT op=POLICY action=DENY\n",
                                   "DEFAULT action=ALLOW\nop=POLICY action=DENY\n", "DEFAULT action=DENY\n"),
                         ids=("default-of-operation", "rule", "global-default"))
def test_envelope_where_policies_are_denied(cycle, rules):
    """op=POLICY is checked for every file that the kernel reads, and not for a policy that is written."""
    decides(cycle, rules)
    name = cycle.fresh()
    path = file(cycle, blob(name, "1.0.0"))
    assert load(cycle, path) == "EACCES"
    assert name not in cycle.loaded()
    cycle.machine.must("put", f"{IPE}/enforce", "0")
    assert load(cycle, path) == "OK"
    cycle.machine.must("put", f"{IPE}/enforce", "1")
    assert cycle.load(blob(f"{name}-written", "1.0.0")) == "OK"


# Unsigned: who says that it may be loaded


def test_unsigned_policy_from_the_initramfs(cycle):
    decides(cycle, ALLOW + BOOT)
    assert load(cycle, "/boot/boot-0.policy") == "OK"
    assert cycle.versions("boot-0") == ("1.0.0", None, None)
    assert cycle.get("boot-0", "policy") == unsigned("boot-0")
    assert cycle.machine.errno("get", cycle.node("boot-0", "pkcs7")) == "ENOENT"
    assert cycle.text("boot-0", "active") == "0"
    assert cycle.put("boot-0", "active") == "OK"
    # The same bytes elsewhere.
    cycle.reset()
    decides(cycle, ALLOW + BOOT)
    assert load(cycle, file(cycle, unsigned("boot-1"))) == "EACCES"


def test_unsigned_policy_of_a_name_that_is_taken_is_staged(cycle):
    decides(cycle, ALLOW + BOOT)
    assert cycle.load(blob("boot-2", "0.5.0")) == "OK"
    assert load(cycle, "/boot/boot-2.policy") == "OK"
    assert cycle.versions("boot-2") == ("0.5.0", "1.0.0", None)
    assert cycle.machine.errno("get", cycle.node("boot-2", "next/pkcs7")) == "ENOENT"
    assert load(cycle, "/boot/boot-2.policy") == "OK"
    assert cycle.put("boot-2", "update", blob("boot-2", "2.0.0")) == "OK"
    assert load(cycle, "/boot/boot-2.policy") == "ESTALE"


def test_unsigned_policy_from_a_signed_volume(cycle):
    decides(cycle, ALLOW + SIGNED_VOLUME)
    assert load(cycle, "/volume/volume-0.policy") == "OK"
    assert load(cycle, "/boot/boot-3.policy") == "EACCES"
    assert sorted(set(cycle.loaded()) & {"volume-0", "boot-3"}) == ["volume-0"]


def test_unsigned_policy_from_a_volume_by_its_root_hash(cycle, policies):
    decides(cycle, ALLOW + f"op=POLICY dmverity_roothash=sha256:{policies.root_hash} action=ALLOW\n")
    assert load(cycle, "/volume/volume-1.policy") == "OK"
    decides(cycle, ALLOW + f"op=POLICY dmverity_roothash=sha256:{'0' * 64} action=ALLOW\n")
    assert load(cycle, "/volume/volume-2.policy") == "EACCES"


def test_unsigned_policy_over_an_overlay(cycle):
    """The file below counts; a file that was written to has lost its proof."""
    decides(cycle, ALLOW + SIGNED_VOLUME)
    assert load(cycle, "/overlaid/overlay-0.policy") == "OK"
    cycle.machine.must("copy", "/volume/overlay-1.policy", "/overlaid/overlay-1.policy")
    assert load(cycle, "/overlaid/overlay-1.policy") == "EACCES"


def test_unsigned_policy_that_a_program_serves_from_a_signed_volume(cycle, policies):
    """The device is signed, and not a byte comes from it."""
    decides(cycle, ALLOW + SIGNED_VOLUME)
    cycle.serve("served", policies, cycle.machine.disk(4), "/policies.sig", unsigned("served"))
    assert cycle.machine.must("get", "/served/policy").data == unsigned("served")
    assert load(cycle, "/served/policy") == "EACCES"
    assert "served" not in cycle.loaded()
    cycle.stop_serving("served")


@pytest.mark.parametrize("rules", (
    ALLOW, "DEFAULT action=DENY\n", "DEFAULT action=DENY\nDEFAULT op=POLICY action=ALLOW\n",
    "DEFAULT action=ALLOW\nDEFAULT op=POLICY action=ALLOW\n", "DEFAULT action=ALLOW\nDEFAULT op=POLICY action=DENY\n",
    ALLOW + "op=POLICY boot_verified=TRUE action=DENY\n", ALLOW + "op=POLICY action=DENY\n",
    ALLOW + "op=POLICY boot_verified=FALSE action=ALLOW\n", ALLOW + "op=KMODULE boot_verified=TRUE action=ALLOW\n",
    ALLOW + "op=POLICY boot_verified=TRUE action=DENY\n" + BOOT))
@pytest.mark.parametrize("enforce", ("1", "0"))
def test_unsigned_policy_that_no_rule_allows(cycle, rules, enforce):
    decides(cycle, rules)
    cycle.machine.must("put", f"{IPE}/enforce", enforce)
    assert load(cycle, "/boot/boot-4.policy") == "EACCES"
    assert "boot-4" not in cycle.loaded()


def test_unsigned_policy_while_nothing_is_enforced_is_loaded_where_a_rule_allows_it(cycle):
    decides(cycle, "DEFAULT action=DENY\n" + BOOT)
    cycle.machine.must("put", f"{IPE}/enforce", "0")
    assert load(cycle, "/boot/boot-5.policy") == "OK"


# Unsigned: what the text itself has to say


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_shipped_example_on_a_signed_volume_is_no_policy(cycle, example):
    """A task that may load policies must not replace one example by another, both on a trusted image."""
    decides(cycle, "DEFAULT action=DENY\n" + SIGNED_VOLUME)
    before = cycle.loaded()
    assert load(cycle, f"/volume/{example.name}") == "EACCES"
    assert cycle.loaded() == before


@pytest.mark.parametrize("rule", ("", SIGNED_VOLUME), ids=("as-shipped", "trusts-volumes"))
def test_example_of_signed_volumes_lets_no_other_in(cycle, rule):
    example = next(path for path in EXAMPLES if path.stem == "signed-verity").read_text(encoding="utf-8")
    assert cycle.load(keys.sign_policy(example + rule)) == "OK" and cycle.put("signed-verity", "active") == "OK"
    assert load(cycle, "/volume/allow-all.policy") == "EACCES"
    assert load(cycle, "/volume/plain.policy") == "EACCES"
    assert "allow-all" not in cycle.loaded()


@pytest.mark.parametrize("enforce", ("1", "0"))
@pytest.mark.parametrize("rules, path", ((BOOT, "/boot/plain.policy"), (SIGNED_VOLUME, "/volume/plain.policy"),
                                         (SIGNED_VOLUME, "/overlaid/plain.policy"),
                                         ("op=POLICY action=ALLOW\n", "/boot/plain.policy")),
                         ids=("initramfs", "volume", "overlay", "anywhere"))
def test_text_without_the_word(cycle, rules, path, enforce):
    decides(cycle, ALLOW + rules)
    cycle.machine.must("put", f"{IPE}/enforce", enforce)
    assert load(cycle, path) == "EACCES"
    assert "plain" not in cycle.loaded()


def test_text_without_the_word_is_not_staged_either(cycle):
    decides(cycle, ALLOW + SIGNED_VOLUME)
    assert load(cycle, "/volume/volume-2.policy") == "OK"
    assert load(cycle, "/volume/volume-2-again.policy") == "EACCES"
    assert cycle.versions("volume-2") == ("1.0.0", None, None)


@pytest.mark.parametrize("words, errno", (
    (" policy_unsigned=FALSE", "EBADMSG"), (" policy_unsigned=true", "EBADMSG"), (" policy_unsigned=", "EBADMSG"),
    (" policy_unsigned", "EBADMSG"), (" policy_unsigned=TRUE" * 2, "EBADMSG"), ("\npolicy_unsigned=TRUE", "EBADMSG"),
    (" #policy_unsigned=TRUE", "EACCES"), ("\n# policy_unsigned=TRUE", "EACCES"),
    (" policy_rollback_floor=1.0.0", "EACCES"), (" policy_rollback_floor=1.0.0 policy_unsigned=TRUE", "OK"),
    (" policy_unsigned=TRUE policy_rollback_floor=1.0.0", "OK"), ("\tpolicy_unsigned=TRUE\t#", "OK")))
def test_mistakes_of_the_word(cycle, words, errno):
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    name = cycle.fresh()
    assert load(cycle, file(cycle, unsigned(name, words=words))) == errno
    assert (name in cycle.loaded()) == (errno == "OK")


def test_word_in_a_name_is_no_word(cycle):
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    assert load(cycle, file(cycle, unsigned("policy_unsigned=TRUE", words=""))) == "EACCES"


def test_word_does_not_matter_where_there_is_a_signature(cycle):
    word = lambda name, version: keys.sign_policy(unsigned(name, version))
    name = cycle.fresh()
    assert cycle.load(word(name, "1.0.0")) == "OK"
    assert cycle.put(name, "update", word(name, "2.0.0")) == "OK"
    assert cycle.put(name, "stage", word(name, "3.0.0")) == "OK"
    assert load(cycle, file(cycle, word(name, "4.0.0"))) == "OK"
    assert cycle.versions(name)[:2] == ("2.0.0", "4.0.0")
    # It says nothing of the signature that comes with it.
    bad = word(name, "5.0.0").replace(b"action=ALLOW", b"action=DENY ")
    assert load(cycle, file(cycle, bad)) == "EKEYREJECTED"
    assert cycle.put(name, "stage", unsigned(name, "5.0.0")) == "EBADMSG"


def test_unsigned_policy_by_a_rule_without_properties(cycle):
    """A rule that allows every file is a rule, too."""
    decides(cycle, "DEFAULT action=DENY\nop=POLICY action=ALLOW\n")
    name = cycle.fresh()
    assert load(cycle, file(cycle, unsigned(name))) == "OK"
    assert cycle.versions(name) == ("1.0.0", None, None)


def test_unsigned_policy_while_no_policy_decides(boot, kit):
    world = Cycle(boot("load-none"), kit).set_up_alone()
    name = world.fresh()
    assert load(world, file(world, unsigned(name))) == "EACCES"
    assert world.loaded() == []
    # A signed one needs nobody's leave.
    assert load(world, file(world, blob(name, "1.0.0"))) == "OK"
    assert not world.machine.trouble()
    world.machine.stop()


def test_what_decides_on_trial_says_what_may_be_loaded(cycle):
    name = cycle.loads("1.0.0", rules=ALLOW + BOOT)
    assert load(cycle, "/boot/boot-6.policy") == "EACCES"
    assert cycle.put(name, "trial", "86400") == "OK"
    assert load(cycle, "/boot/boot-6.policy") == "OK"
    assert cycle.top("revert", "1") == "OK"
    assert load(cycle, "/boot/boot-7.policy") == "EACCES"


def test_unsigned_policy_is_written_by_no_other_file(cycle):
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    name = cycle.loads("1.0.0")
    assert cycle.load(unsigned("unsigned")) == "EBADMSG"
    for way in ("update", "stage"):
        assert cycle.put(name, way, unsigned(name, "2.0.0")) == "EBADMSG"
    assert cycle.versions(name) == ("1.0.0", None, None)


def test_unsigned_policy_and_the_floor(cycle):
    """An unsigned policy is no way back either."""
    name = cycle.fresh()
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    assert cycle.load(blob(name, "5.0.0")) == "OK" and cycle.put(name, "active") == "OK"
    cycle.reset()
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    assert load(cycle, file(cycle, unsigned(name, "4.9.9"))) == "OK"
    assert cycle.put(name, "active") == "EPERM" and cycle.put(name, "trial", "10") == "EPERM"


@pytest.mark.parametrize("text, errno", (("policy_name=x\n", "EBADMSG"), ("nonsense", "EBADMSG"),
                                         ("policy_name=x policy_version=1.0.0\nDEFAULT\n", "EBADMSG"),
                                         ("policy_name=x policy_version=70000.0.0\nDEFAULT action=ALLOW\n", "ERANGE"),
                                         ("policy_name=x policy_version=1.0.0\nDEFAULT action=ALLOW\0\n", "EBADMSG")))
def test_unsigned_text_with_an_error(cycle, text, errno):
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    assert load(cycle, file(cycle, text)) == errno
    assert "x" not in cycle.loaded()


# Paths and files


@pytest.mark.parametrize("path, errno", (
    ("", "EINVAL"), ("\n", "EINVAL"), ("policy", "EINVAL"), ("./tmp/policy", "EINVAL"), ("tmp/policy\n", "EINVAL"),
    ("/tmp/policy\0", "EINVAL"), ("/tmp/policy\0x", "EINVAL"), ("\0/tmp/policy", "EINVAL"), (" /tmp/policy", "EINVAL"),
    ("/tmp/nothing", "ENOENT"), ("/tmp/policy/below", "ENOTDIR"), ("/tmp/policy\n\n", "ENOENT"),
    ("/tmp/policy ", "ENOENT"), ("/" + "x" * 300, "ENAMETOOLONG"), ("/" + "x/" * 2500, "ENAMETOOLONG")),
    ids=("empty", "newline", "relative", "dot", "relative-newline", "nul-at-end", "nul-within", "nul-at-begin",
         "space-before", "missing", "below-a-file", "two-newlines", "space-behind", "long-name", "long-path"))
def test_path(cycle, path, errno):
    name = cycle.fresh()
    file(cycle, blob(name, "1.0.0"))
    assert load(cycle, path) == errno
    assert name not in cycle.loaded()


def test_huge_path(cycle):
    for size in (4096, 70000, 32 << 20):
        assert cycle.machine.errno("put-zeros", LOAD, size, "/tmp/policy") in ("EINVAL", "ENAMETOOLONG")


def test_longest_path(cycle):
    """PATH_MAX counts the NUL at the end, which is not written; the newline does not count."""
    name = cycle.fresh()
    path = file(cycle, blob(name, "1.0.0"))
    assert load(cycle, "/" * (4095 - len(path)) + path + "\n") == "OK"
    assert load(cycle, "/" * (4096 - len(path)) + path) == "ENAMETOOLONG"


def test_path_in_two_writes(cycle):
    name = cycle.fresh()
    path = file(cycle, blob(name, "1.0.0"))
    assert cycle.machine.errno("put-halves", LOAD, path) in ("ENOENT", "EACCES", "EISDIR", "EINVAL")
    assert name not in cycle.loaded()


@pytest.mark.parametrize("path", ("/tmp", "/", "/tmp/fifo", "/dev/null", "/dev/zero", "/proc/self/cmdline"))
def test_what_is_no_regular_file_of_any_size(cycle, path):
    """The kernel does not wait for a FIFO, nor read a file without a size for ever."""
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    if path == "/tmp/fifo" and cycle.machine.errno("mode", path) != "OK":
        cycle.machine.must("make-fifo", path)
    before = cycle.loaded()
    assert load(cycle, path) in ("EINVAL", "EACCES", "EISDIR")
    assert cycle.loaded() == before


@pytest.mark.parametrize("signed", (True, False))
def test_file_that_is_open_for_writing(cycle, signed):
    """The kernel must judge the bytes that it read, even if somebody writes to a layer below an overlay."""
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    name = cycle.fresh()
    path = file(cycle, blob(name, "1.0.0") if signed else unsigned(name), "open")
    cycle.machine.must("hold", 3, path, "w")
    assert load(cycle, path) == "ETXTBSY"
    cycle.machine.must("hold-close", 3)
    assert load(cycle, path) == "OK"
    cycle.machine.must("create", "/overlaid/written", unsigned(name, "2.0.0"))
    cycle.machine.must("hold", 3, "/ext4/overlaid-upper/written", "w")
    assert load(cycle, "/overlaid/written") == "ETXTBSY"
    cycle.machine.must("hold-close", 3)
    assert load(cycle, "/overlaid/written") == "OK"
    assert cycle.versions(name) == ("1.0.0", "2.0.0", None)


def test_link_is_followed_to_the_file(cycle):
    decides(cycle, ALLOW + BOOT)
    if cycle.machine.errno("mode", "/tmp/link") != "OK":
        cycle.machine.must("symlink", "/boot/boot-8.policy", "/tmp/link")
    assert load(cycle, "/tmp/link") == "OK"
    assert cycle.versions("boot-8") == ("1.0.0", None, None)


def test_empty_file(cycle):
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    assert load(cycle, file(cycle, b"")) in ("EINVAL", "EBADMSG")


LONG = ALLOW + ("# " + "x" * 70 + "\n") * 900


def test_message_that_is_too_large(cycle):
    name = cycle.fresh()
    data = blob(name, "1.0.0", LONG)
    assert len(data) > 65535
    assert load(cycle, file(cycle, data)) == "EMSGSIZE"
    assert name not in cycle.loaded()


def test_large_unsigned_file(cycle):
    """An unsigned text may be as long as a signed one."""
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    name = cycle.fresh()
    assert load(cycle, file(cycle, unsigned(name, rules=LONG))) == "OK"
    assert cycle.get(name, "policy") == unsigned(name, rules=LONG)


def test_appended_signature_is_verified_whatever_a_rule_says(cycle):
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    name = cycle.fresh()
    data = keys.append_signature(unsigned(name, rules=LONG))
    assert load(cycle, file(cycle, data.replace(b"action=ALLOW", b"action=DENY ", 1))) == "EKEYREJECTED"
    assert load(cycle, file(cycle, keys.append_signature(unsigned(name), key="other"))) == "ENOKEY"
    assert load(cycle, file(cycle, data)) == "OK"
    assert cycle.get(name, "policy") == unsigned(name, rules=LONG) and cycle.get(name, "pkcs7") == data


def test_file_that_the_writer_may_not_read(cycle):
    """A writer that may load policies may read any file; one that may not is stopped at the file that it writes."""
    name = cycle.fresh()
    path = file(cycle, blob(name, "1.0.0"), "private")
    cycle.machine.must("chmod", path, "0")
    assert load(cycle, path) == "OK"
    assert cycle.machine.errno("as", 1000, "put", LOAD, path) == "EACCES"
    assert cycle.machine.errno("without-mac-admin", "put", LOAD, path) == "EPERM"


# Records


def test_record_of_a_load(cycle):
    decides(cycle, ALLOW + BOOT)
    cycle.machine.must("audit")
    assert load(cycle, "/boot/boot-9.policy") == "OK"
    record, = [record for record in cycle.records() if record.type == 1422]
    assert (record.string("policy_name"), record.fields["policy_version"]) == ("boot-9", "1.0.0")
    assert record.fields["res"] == "1" and record.fields["policy_digest"].startswith("sha256:")


def test_record_of_a_refused_load(cycle):
    cycle.machine.must("audit")
    assert load(cycle, file(cycle, unsigned("refused"))) == "EACCES"
    record, = [record for record in cycle.records() if record.type == 1422]
    assert record.fields["res"] == "0" and record.fields["errno"] == "-13"


def test_record_of_a_text_without_the_word_names_it_and_the_line_of_its_header(cycle):
    decides(cycle, ALLOW + "op=POLICY action=ALLOW\n")
    cycle.machine.must("audit")
    assert load(cycle, file(cycle, b"# A comment.\n\n" + unsigned("wordless", "1.2.3", words=""))) == "EACCES"
    record, = [record for record in cycle.records() if record.type == 1422]
    assert (record.string("policy_name"), record.fields["policy_version"]) == ("wordless", "1.2.3")
    assert record.fields["policy_digest"].startswith("sha256:")
    assert (record.fields["res"], record.fields["errno"]) == ("0", "-13")
    assert (record.fields["line"], record.fields["column"]) == ("3", "0")
