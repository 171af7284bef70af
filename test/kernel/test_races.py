# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writers beside writers, and beside verdicts: with KASAN and lockdep on one processor, and on two without."""

import keys
import pytest
from guest import IPE

DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
FILES = [f"/tmp/race-{number}" for number in range(60)]
PROBE = [("mmap", path) for path in FILES]
ROUNDS = 100


pytestmark = pytest.mark.parametrize("variant", ("uml", "kasan", "x86"), indirect=True)


@pytest.fixture
def racing(world):
    world.activate("DEFAULT action=ALLOW\n")
    if world.machine.errno("mode", FILES[0]) != "OK":
        for path in FILES:
            world.machine.must("copy", "/bin/hello", path)
    return world


def while_writing(world, writers, calls, until):
    """The answers to calls while processes write; writers: for each of them (path, bytes, path, bytes...).

    Who runs when is up to the scheduler: the calls are repeated until the answers named in until have come."""
    names = []
    for slot, writes in enumerate(writers):
        world.machine.must("write-on", slot, *writes)
    try:
        for _ in range(ROUNDS):
            names += [answer.name for answer in world.machine.batch(calls)]
            if until <= set(names):
                break
    finally:
        for slot in range(len(writers)):
            world.machine.must("write-off", slot)
    return names


def access_records(world):
    return [record for record in world.records() if record.type == 1420]


def test_verdict_and_its_record_come_from_one_look_at_the_switch(racing):
    answers = set()
    for _ in range(ROUNDS):
        # A new policy, for which nothing has been recorded yet.
        racing.activate(DENY)
        racing.machine.must("audit")
        names = while_writing(racing, [(f"{IPE}/enforce", "0", f"{IPE}/enforce", "1")], PROBE, set())
        racing.machine.must("put", f"{IPE}/enforce", "1")
        recorded = [{"1": "EACCES", "0": "OK"}[record.fields["enforcing"]] for record in access_records(racing)]
        assert recorded == names
        answers |= set(names)
        if len(answers) == 2:
            break
    assert answers == {"OK", "EACCES"}, "the switch never changed between two verdicts"


def test_verdict_is_of_one_policy_or_the_other(racing):
    active = racing.activate("DEFAULT action=ALLOW\n")
    version = racing.get(active, "version").decode()
    name, _ = racing.header()
    assert racing.load(keys.sign_policy(f"policy_name={name} policy_version={version}\n{DENY}")) == "OK"
    racing.machine.must("audit")
    names = while_writing(racing, [(racing.node(name, "active"), "1", racing.node(active, "active"), "1")], PROBE,
                          {"OK", "EACCES"})
    assert set(names) == {"OK", "EACCES"}
    assert {record.fields["rule"] for record in access_records(racing)} == {"DEFAULT op=EXECUTE action=DENY"}
    assert sorted(racing.get(each, "active") for each in (name, active)) == [b"0", b"1"]
    assert racing.put(active, "active") == "OK"


def test_file_of_a_policy_that_comes_and_goes(racing):
    name, header = racing.header()
    text = header + DENY
    envelope = keys.sign_policy(text)
    writer = (f"{IPE}/new_policy", envelope, racing.node(name, "delete"), "1")
    calls = [("get", racing.node(name, file)) for _ in range(30) for file in ("policy", "pkcs7", "active")]
    names = while_writing(racing, [writer, writer], calls, {"OK", "ENOENT"})
    assert set(names) == {"OK", "ENOENT"}
    if name in racing.loaded():
        assert racing.get(name, "policy") == text.encode()
        assert racing.put(name, "delete") == "OK"
    assert name not in racing.loaded()


def test_update_beside_activate_and_delete(racing):
    active = racing.activate("DEFAULT action=ALLOW\n")
    name, header = racing.header()
    version = header.split("policy_version=")[1].strip()
    first = keys.sign_policy(header + DENY)
    second = keys.sign_policy(f"policy_name={name} policy_version=1.{version.split('.')[1]}.65535\n{DENY}")
    load, update = (f"{IPE}/new_policy", first), (racing.node(name, "update"), second)
    delete = (racing.node(name, "delete"), "1")
    names = while_writing(racing, [load, update, delete], [("get", racing.node(name, "version"))] * 100,
                          {"OK", "ENOENT"})
    assert set(names) == {"OK", "ENOENT"}
    assert racing.get(active, "active") == b"1"
    if name in racing.loaded():
        assert racing.get(name, "version").decode() in (version, f"1.{version.split('.')[1]}.65535")
        assert racing.put(name, "delete") == "OK"
    # The name is free, and nothing of the earlier ones is left.
    assert racing.load(first) == "OK"
    assert racing.get(name, "version").decode() == version
    assert racing.put(name, "delete") == "OK"


def test_one_of_many_concurrent_loads_of_a_name_wins(racing):
    for _ in range(5):
        name, _ = racing.header()
        blobs = [keys.sign_policy(f"policy_name={name} policy_version=1.0.{number}\n{DENY}") for number in range(6)]
        errnos = racing.machine.must("race", f"{IPE}/new_policy", *blobs).text.split()
        assert sorted(errnos) == ["0"] + ["17"] * 5
        assert racing.loaded().count(name) == 1


def test_concurrent_updates_end_at_the_highest_version(racing):
    for _ in range(5):
        name, _ = racing.header()
        assert racing.load(keys.sign_policy(f"policy_name={name} policy_version=1.0.0\n{DENY}")) == "OK"
        blobs = [keys.sign_policy(f"policy_name={name} policy_version=1.0.{number}\n{DENY}") for number in range(1, 7)]
        errnos = racing.machine.must("race", racing.node(name, "update"), *blobs).text.split()
        assert set(errnos) <= {"0", "116"} and "0" in errnos
        assert racing.get(name, "version") == b"1.0.6"


def test_one_of_many_concurrent_deletes_wins(racing):
    for _ in range(5):
        name, header = racing.header()
        assert racing.load(keys.sign_policy(header + DENY)) == "OK"
        errnos = racing.machine.must("race", racing.node(name, "delete"), *["1"] * 6).text.split()
        assert sorted(errnos) == ["0"] + ["2"] * 5
