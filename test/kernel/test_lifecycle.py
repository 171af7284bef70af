# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loading, updating, activating and deleting policies: every errno is ABI."""

import keys
import pytest
from guest import IPE

BODY = "DEFAULT action=ALLOW\n"


def policy(name, version, body=BODY):
    return keys.sign_policy(f"policy_name={name} policy_version={version}\n{body}")


def fresh(world):
    """A loaded policy that is not active; its name, and the beginning of its version ("1.N")."""
    name, header = world.header()
    assert world.load(keys.sign_policy(header + BODY)) == "OK"
    return name


def load(world, name, version, body=BODY):
    return world.load(policy(name, version, body))


# The directory of a policy


def test_policy_directory_has_the_files_of_upstream(world):
    name = fresh(world)
    files = set(world.machine.must("list", f"{IPE}/policies/{name}").text.split())
    assert files >= {"active", "delete", "name", "pkcs7", "policy", "update", "version"}


@pytest.mark.parametrize("file, mode", (("active", "0600"), ("delete", "0200"), ("name", "0444"), ("pkcs7", "0444"),
                                        ("policy", "0444"), ("update", "0200"), ("version", "0444")))
def test_mode_of_a_policy_file(world, file, mode):
    name = fresh(world)
    assert world.machine.must("mode", world.node(name, file)).text == mode


@pytest.mark.parametrize("file, mode", (("new_policy", "0200"), ("enforce", "0600"), ("success_audit", "0600")))
def test_mode_of_a_global_file(world, file, mode):
    assert world.machine.must("mode", f"{IPE}/{file}").text == mode


def test_policy_is_read_back_as_it_was_written(world):
    name, header = world.header()
    envelope = keys.sign_policy(header + BODY)
    assert world.load(envelope) == "OK"
    assert world.get(name, "pkcs7") == envelope
    assert world.get(name, "policy") == (header + BODY).encode()
    assert world.get(name, "name") == name.encode()
    assert world.get(name, "version").decode() == header.split("policy_version=")[1].strip()
    assert world.get(name, "active") == b"0"


def test_features_are_those_that_are_there(world):
    features = world.machine.must("get", f"{IPE}/features").text.splitlines()
    assert "dmverity-cmdline" in features
    known = "stage trial rollback-floor shadow stats events appended-signature dmverity-cmdline provenance lock keyrings".split()
    assert set(features) <= set(known)
    name = fresh(world)
    files = world.machine.must("list", f"{IPE}/policies/{name}").text.split()
    top = world.machine.must("list", IPE).text.split()
    for word, present in (("stage", "stage" in files), ("trial", "trial" in files), ("shadow", "shadow" in files),
                          ("stats", "stats" in files), ("events", "events" in top), ("lock", "lock" in top)):
        assert (word in features) == present, word


# Loading


def test_load_of_an_existing_name(world):
    name = fresh(world)
    assert load(world, name, "9.0.0") == "EEXIST"


def test_load_with_an_untrusted_key(world):
    name, header = world.header()
    assert world.load(keys.sign_policy(header + BODY, key="other")) == "ENOKEY"
    assert name not in world.loaded()


def test_load_of_a_tampered_text(world):
    name, header = world.header()
    envelope = keys.sign_policy(header + BODY)
    assert world.load(envelope.replace(b"action=ALLOW", b"action=ALLOv")) == "EKEYREJECTED"
    assert name not in world.loaded()


def test_load_with_signed_attributes(world):
    _, header = world.header()
    assert world.load(keys.sign_policy(header + BODY, options=("-nodetach",))) == "EKEYREJECTED"


def test_load_with_a_hash_that_is_not_built_in(world):
    _, header = world.header()
    options = ("-noattr", "-nodetach", "-nosmimecap", "-md", "ripemd160")
    assert world.load(keys.sign_policy(header + BODY, options=options)) == "ENOPKG"


def test_load_of_a_detached_signature(world):
    _, header = world.header()
    assert world.load(keys.sign_policy(header + BODY, options=("-noattr", "-nosmimecap"))) == "EKEYREJECTED"


@pytest.mark.parametrize("data", (b"DEFAULT action=ALLOW\n", b"0", b"\x30\x80", b"\x30\x82\xff\xff" + bytes(64)),
                         ids=("text", "one-byte", "no-length", "truncated"))
def test_load_of_what_is_not_a_signature(world, data):
    assert world.load(data) == "EBADMSG"


@pytest.mark.parametrize("cut", (1, 10, 100, 500))
def test_load_of_a_truncated_envelope(world, cut):
    name, header = world.header()
    assert world.load(keys.sign_policy(header + BODY)[:-cut]) == "EBADMSG"
    assert name not in world.loaded()


def test_load_of_bytes_behind_the_signature(world):
    name, header = world.header()
    envelope = keys.sign_policy(header + BODY)
    for tail in (b"\0", b"x", b"\n", envelope):
        assert world.load(envelope + tail) == "EBADMSG", tail[:4]
    assert name not in world.loaded()


@pytest.mark.parametrize("text", ("DEFAULT action=ALLOW\0\n", "DEFAULT action=ALLOW\n\0DEFAULT op=EXECUTE action=DENY\n",
                                  "DEFAULT action=ALLOW\n\0"), ids=("in-line", "before-line", "at-end"))
def test_load_of_an_embedded_nul(world, text):
    name, header = world.header()
    assert world.load(keys.sign_policy(header + text)) == "EBADMSG"
    assert name not in world.loaded()


@pytest.mark.parametrize("text", ("# comment\rDEFAULT action=ALLOW\n", "DEFAULT action=ALLOW\r\r\n"),
                         ids=("ends-comment", "twice"))
def test_load_of_a_carriage_return_without_line_feed(world, text):
    _, header = world.header()
    assert world.load(keys.sign_policy(header + text)) == "EBADMSG"


def test_load_of_lines_that_end_in_cr_lf(world):
    name, header = world.header()
    assert world.load(keys.sign_policy((header + BODY).replace("\n", "\r\n"))) == "OK"
    assert name in world.loaded()


def test_load_of_an_envelope_above_65535_bytes(world):
    _, header = world.header()
    comment = "# " + "x" * 70 + "\n"
    assert world.load(keys.sign_policy(header + BODY + comment * 900)) == "EMSGSIZE"


def test_load_in_two_writes(world):
    name, header = world.header()
    assert world.machine.errno("put-halves", f"{IPE}/new_policy", keys.sign_policy(header + BODY)) == "EBADMSG"
    assert name not in world.loaded()


def test_load_of_nothing(world):
    before = world.loaded()
    assert world.load(b"") == "EBADMSG"
    assert world.loaded() == before


@pytest.mark.parametrize("version, errno", (("0.0.0", "OK"), ("65535.65535.65535", "OK"), ("1.2", "EBADMSG"),
                                            ("1.2.3.4", "EBADMSG"), ("1.2.x", "EINVAL"), ("65536.0.0", "ERANGE"),
                                            ("", "EBADMSG"), ("-1.0.0", "EINVAL")))
def test_load_of_a_version(world, version, errno):
    name, _ = world.header()
    assert load(world, name, version) == errno
    assert (name in world.loaded()) == (errno == "OK")


# Updating


def update(world, name, envelope):
    return world.put(name, "update", envelope)


def test_update_to_a_higher_version(world):
    name, _ = world.header()
    assert load(world, name, "1.0.0") == "OK"
    assert update(world, name, policy(name, "1.0.1")) == "OK"
    assert world.get(name, "version") == b"1.0.1"


@pytest.mark.parametrize("version", ("1.0.0", "0.9.9", "0.65535.65535"))
def test_update_to_the_same_or_a_lower_version(world, version):
    name, _ = world.header()
    assert load(world, name, "1.0.0") == "OK"
    assert update(world, name, policy(name, version)) == "ESTALE"
    assert world.get(name, "version") == b"1.0.0"


def test_update_with_another_name(world):
    name = fresh(world)
    assert update(world, name, policy("another", "9.0.0")) == "EINVAL"
    assert "another" not in world.loaded()


@pytest.mark.parametrize("damage, errno", ((lambda blob: blob[:-1], "EBADMSG"), (lambda blob: blob + b"\0", "EBADMSG"),
                                           (lambda blob: blob.replace(b"action=", b"Action="), "EKEYREJECTED")),
                         ids=("truncated", "longer", "tampered"))
def test_update_with_a_damaged_envelope(world, damage, errno):
    name, _ = world.header()
    assert load(world, name, "1.0.0") == "OK"
    assert update(world, name, damage(policy(name, "2.0.0"))) == errno
    assert world.get(name, "version") == b"1.0.0"


def test_update_with_a_syntax_error(world):
    name = fresh(world)
    assert update(world, name, policy(name, "9.0.0", "DEFAULT\n")) == "EBADMSG"


def test_update_with_an_untrusted_key(world):
    name = fresh(world)
    envelope = keys.sign_policy(f"policy_name={name} policy_version=9.0.0\n{BODY}", key="other")
    assert update(world, name, envelope) == "ENOKEY"


def test_update_of_the_active_policy_goes_live_at_once(world):
    name = world.activate("DEFAULT action=ALLOW\n")
    version = world.get(name, "version").decode().split(".")
    version[1] = str(int(version[1]) + 1)
    assert world.machine.errno("exec", "/tmp/hello") == "OK"
    # A later world.activate() must still be allowed: the next version is above.
    assert update(world, name, policy(name, ".".join(["1", version[1], "0"]), "DEFAULT action=DENY\n")) == "OK"
    assert world.machine.errno("exec", "/tmp/hello") == "EACCES"
    assert world.get(name, "active") == b"1"
    skip = (int(version[1]) << 8)
    while next(world.counter) < skip:
        pass


# Activating


def test_activate_of_a_version_below_the_active_one(world):
    world.activate(BODY)
    name, _ = world.header()
    assert load(world, name, "0.9.0") == "OK"
    assert world.put(name, "active") == "EINVAL"
    assert world.get(name, "active") == b"0"


def test_activate_of_an_equal_version_of_another_name(world):
    active = world.activate(BODY)
    version = world.get(active, "version").decode()
    name, _ = world.header()
    assert load(world, name, version) == "OK"
    assert world.put(name, "active") == "OK"
    assert world.get(name, "active") == b"1"
    assert world.get(active, "active") == b"0"
    assert world.put(active, "active") == "OK"


def test_activate_of_the_active_policy(world):
    name = world.activate(BODY)
    assert world.put(name, "active") == "OK"
    assert world.get(name, "active") == b"1"


@pytest.mark.parametrize("file", ("active", "delete"))
def test_zero_is_refused(world, file):
    name = fresh(world)
    assert world.put(name, file, "0") == "EINVAL"
    assert name in world.loaded()


@pytest.mark.parametrize("file", ("active", "delete"))
@pytest.mark.parametrize("value, errno", (("2", "EINVAL"), ("maybe", "EINVAL"), ("y", "OK"), ("on", "OK"), ("1\n", "OK")))
def test_word_for_yes(world, file, value, errno):
    name = fresh(world)
    previous = world.active
    assert world.put(name, file, value) == errno
    if errno == "OK" and file == "active":
        world.active = name
        if previous:
            assert world.put(previous, "delete") == "OK"


# Deleting


def test_delete(world):
    name = fresh(world)
    assert world.put(name, "delete") == "OK"
    assert name not in world.loaded()
    assert world.machine.errno("get", world.node(name, "version")) == "ENOENT"


def test_delete_of_the_active_policy(world):
    name = world.activate(BODY)
    assert world.put(name, "delete") == "EPERM"
    assert name in world.loaded()


def test_older_version_after_a_delete(world):
    name, _ = world.header()
    assert load(world, name, "2.0.0") == "OK"
    assert world.put(name, "delete") == "OK"
    assert load(world, name, "1.0.0") == "OK"


@pytest.mark.parametrize("file", ("name", "version", "policy", "pkcs7", "active"))
def test_file_held_open_for_reading_across_a_delete(world, file):
    name = fresh(world)
    world.machine.must("hold", 2, world.node(name, file), "r")
    assert world.put(name, "delete") == "OK"
    assert world.machine.errno("hold-read", 2) == "ENOENT"
    world.machine.must("hold-close", 2)


@pytest.mark.parametrize("file", ("version", "policy", "pkcs7"))
def test_file_that_is_read_in_pieces_is_of_one_version(world, file):
    name = fresh(world)
    before = world.get(name, file)
    world.machine.must("hold", 2, world.node(name, file), "r")
    first = world.machine.must("hold-next", 2, 3).data
    assert world.put(name, "update", policy(name, "9.9.99", "DEFAULT action=DENY\nDEFAULT op=POLICY action=ALLOW\n")) == "OK"
    rest = b""
    while piece := world.machine.must("hold-next", 2, 700).data:
        rest += piece
    assert first + rest == before != world.get(name, file)
    # From the start it is the new one, and goes on with that.
    after = world.machine.must("hold-read", 2).data
    assert after == world.get(name, file)[:len(after)]
    assert world.put(name, "delete") == "OK"
    assert world.machine.errno("hold-next", 2, 10) == "ENOENT"
    world.machine.must("hold-close", 2)


@pytest.mark.parametrize("file", ("active", "delete", "update"))
def test_file_held_open_for_writing_across_a_delete(world, file):
    name = fresh(world)
    world.machine.must("hold", 2, world.node(name, file), "w")
    assert world.put(name, "delete") == "OK"
    data = policy(name, "9.0.0") if file == "update" else "1"
    assert world.machine.errno("hold-write", 2, data) == "ENOENT"
    if file == "update":
        # Before it is looked at what was written.
        assert world.machine.errno("hold-write", 2, "nonsense") == "ENOENT"
    world.machine.must("hold-close", 2)
    assert name not in world.loaded()


def test_file_held_open_across_a_delete_and_a_load_of_the_same_name(world):
    name = fresh(world)
    world.machine.must("hold", 2, world.node(name, "active"), "w")
    assert world.put(name, "delete") == "OK"
    assert load(world, name, "9.0.0") == "OK"
    assert world.machine.errno("hold-write", 2, "1") == "ENOENT"
    world.machine.must("hold-close", 2)
    assert world.get(name, "active") == b"0"


# Writers without the right


@pytest.mark.parametrize("file", ("active", "delete", "update"))
def test_unprivileged_writer_of_a_policy_file(world, file):
    name = fresh(world)
    data = policy(name, "9.0.0") if file == "update" else "1"
    assert world.machine.errno("as", 1000, "put", world.node(name, file), data) == "EACCES"
    assert name in world.loaded()


@pytest.mark.parametrize("file, data", (("new_policy", "x"), ("enforce", "0"), ("success_audit", "1")))
def test_unprivileged_writer_of_a_global_file(world, file, data):
    assert world.machine.errno("as", 1000, "put", f"{IPE}/{file}", data) == "EACCES"


@pytest.mark.parametrize("file", ("active", "delete", "update"))
def test_root_without_the_capability_writes_a_policy_file(world, file):
    name = fresh(world)
    data = policy(name, "9.0.0") if file == "update" else "1"
    assert world.machine.errno("without-mac-admin", "put", world.node(name, file), data) == "EPERM"
    assert name in world.loaded()
    assert world.get(name, "active") == b"0"


@pytest.mark.parametrize("file, data", (("new_policy", "x"), ("enforce", "0"), ("success_audit", "1")))
def test_root_without_the_capability_writes_a_global_file(world, file, data):
    before = world.machine.call("get", f"{IPE}/{file}").data
    assert world.machine.errno("without-mac-admin", "put", f"{IPE}/{file}", data) == "EPERM"
    assert world.machine.call("get", f"{IPE}/{file}").data == before


# The switches


@pytest.mark.parametrize("file", ("enforce", "success_audit"))
@pytest.mark.parametrize("value", ("2", "maybe", "y", "n", "on", "off", "offal", "nonsense", "Tuesday", "0x1", "00", "01",
                                   "1\n\n", "0 ", " 0", "0\0", "\n", "", "-0", "0" * 5000))
def test_switch_refuses(world, file, value):
    """Not even a write that begins like a value."""
    before = world.machine.must("get", f"{IPE}/{file}").data
    assert world.machine.errno("put", f"{IPE}/{file}", value) == "EINVAL"
    assert world.machine.must("get", f"{IPE}/{file}").data == before


@pytest.mark.parametrize("end", ("", "\n"))
def test_switch_takes_a_digit(world, end):
    for file, values in (("enforce", "01"), ("success_audit", "10")):
        for value in values:
            assert world.machine.errno("put", f"{IPE}/{file}", value + end) == "OK"
            assert world.machine.must("get", f"{IPE}/{file}").text == value


def test_enforce_off_allows_and_on_denies(world):
    world.activate("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n")
    with world.switched("enforce", "0"):
        assert world.machine.must("get", f"{IPE}/enforce").text == "0"
        assert world.machine.errno("exec", "/tmp/hello") == "OK"
    assert world.machine.must("get", f"{IPE}/enforce").text == "1"
    assert world.machine.errno("exec", "/tmp/hello") == "EACCES"
