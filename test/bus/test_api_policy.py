# SPDX-License-Identifier: LGPL-2.1-or-later
"""The properties of a version: on its object, and the same by GetPolicy()."""

import json
import subprocess
import time

import pytest
from gi.repository import GLib

import certificates
import keys
from connection import POLICY, BusError
from machine import NOBODY, object_path, policy_text, sealed_state, signed

WARNED = "DEFAULT action=ALLOW\nop=EXECUTE boot_verified=TRUE boot_verified=FALSE action=ALLOW\n"


@pytest.fixture
def machine(bare, kernel_files):
    return bare


def of(machine, version="1.0.0", name="corp-base"):
    return machine.properties(object_path(name, version), POLICY)


def test_what_a_version_says_of_itself(machine):
    machine.start_daemon()
    before = time.time_ns() // 1000
    data = signed()
    machine.stage(data)
    found = of(machine)
    assert before <= found["StagedUSec"] == found["ChangedUSec"] <= time.time_ns() // 1000
    assert found["RollbackFloor"] == "1.0.0" and found["Size"] == len(data) and found["TextSize"] == len(machine.text("corp-base"))
    assert len(found["Transaction"]) == 32 and found["NeedsExtendedAbi"] is False
    assert found["Warnings"] == [] and found["WarningsCount"] == 0


def test_get_policy_has_every_property(machine):
    machine.start_daemon()
    machine.stage(signed(body=WARNED))
    assert machine.get("corp-base") == of(machine)
    assert machine.get("corp-base")["WarningsCount"] == len(machine.get("corp-base")["Warnings"]) > 0


def seconds(path, field):
    """When a certificate begins or ends."""
    text = subprocess.run(["openssl", "x509", "-in", path, "-noout", f"-{field}"], check=True, capture_output=True, text=True).stdout
    return int(subprocess.run(["date", "-u", "-d", text.partition("=")[2].strip(), "+%s"], check=True, capture_output=True,
                              text=True).stdout)


def test_a_list_that_the_bus_would_not_carry_is_refused(machine):
    """The bus would end the daemon's connection instead. The state is as large as one may be, with a name that lists have often."""
    name = "x" * 200
    machine.start_daemon()
    machine.stage(signed(name=name))
    machine.stop_daemon()
    state = machine.read_state()
    state["versions"][0]["signer"] = "x" * ((16 << 20) - len(sealed_state(state)))
    machine.write_state(state)
    machine.start_daemon()
    with pytest.raises(BusError) as caught:
        machine.list()
    assert caught.value.name == "org.freedesktop.DBus.Error.LimitsExceeded"
    assert caught.value.message.startswith("A list of 1 versions is more than the bus carries: discard versions")
    machine.call("Discard", GLib.Variant("(ss)", (name, "1.0.0")))
    assert machine.list() == {}


def test_it_expires_with_its_signer(machine):
    machine.start_daemon()
    machine.stage(signed())
    end = seconds(keys.directory() / "test.crt", "enddate")
    assert of(machine)["ExpiresUSec"] == end * 1_000_000
    state = machine.read_state()
    assert state["versions"][0]["summary"]["expires_usec"] == end * 1_000_000


@pytest.mark.parametrize("days, first", [((30, 5), "leaf"), ((5, 30), "root")])
def test_the_first_certificate_of_the_chain_to_end_counts(machine, tmp_path, days, first):
    root = certificates.issue(tmp_path, "root", "-days", str(days[0]))
    leaf = certificates.issue(tmp_path, "leaf", "-days", str(days[1]), issuer="root", extensions=certificates.LEAF)
    (machine.etc / "trust.d/root.pem").write_bytes(root.with_suffix(".crt").read_bytes())
    machine.start_daemon()
    machine.stage(certificates.sign_with(leaf, policy_text()))
    assert of(machine)["ExpiresUSec"] == seconds(tmp_path / f"{first}.crt", "enddate") * 1_000_000


def test_of_an_earlier_release_it_is_not_known_when_it_expires(machine):
    machine.start_daemon()
    machine.stage(signed())
    machine.stop_daemon()
    state = machine.read_state()
    del state["versions"][0]["summary"]["expires_usec"]
    machine.write_state(state)
    machine.start_daemon()
    assert of(machine)["ExpiresUSec"] == 0
    assert json.loads(machine.ipectl("show", "--json", "corp-base").stdout)["expires_usec"] is None


def test_places_in_the_kernel(machine):
    envelopes = {version: signed(version=version) for version in ("1.0.0", "2.0.0", "3.0.0", "4.0.0")}
    machine.start_daemon()
    for version in envelopes:
        machine.stage(envelopes[version])
    machine.kernel.put_policy("corp-base", ("2.0.0", envelopes["2.0.0"]), ("3.0.0", envelopes["3.0.0"]), ("1.0.0", envelopes["1.0.0"]),
                              active=True)
    assert [of(machine, version)["KernelPlace"] for version in envelopes] == ["previous", "active", "next", "none"]
    machine.kernel.put("policies/corp-base/active", "0")
    assert [of(machine, version)["KernelPlace"] for version in envelopes] == ["previous", "loaded", "next", "none"]


def test_of_the_same_number_but_with_other_content_is_not_in_the_kernel(machine):
    machine.start_daemon()
    machine.stage(signed())
    machine.kernel.put_policy("corp-base", ("1.0.0", signed(body="DEFAULT action=DENY\n")), active=True)
    assert of(machine)["KernelPlace"] == "none" and not of(machine)["Active"]


def test_a_kernel_that_cannot_be_read_has_nothing_to_say(machine):
    machine.start_daemon()
    machine.stage(signed())
    (machine.kernel.directory / "policies").rename(machine.kernel.directory / "elsewhere")
    assert of(machine)["KernelPlace"] == "none"


def test_state_time_and_transaction_change_together(machine):
    machine.start_daemon()
    machine.stage(signed())
    before = of(machine)
    machine.kernel.put_policy("corp-base", ("1.0.0", signed()), active=False)
    options = {"trial-sec": GLib.Variant("t", 0), "force": GLib.Variant("b", True)}
    machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", ("corp-base", options)))
    path = object_path("corp-base", "1.0.0")
    changed = machine.wait_for(lambda: [arguments[1] for where, member, arguments in machine.connection.signals
                                        if where == path and member == "PropertiesChanged"], "the change")[-1]
    after = of(machine)
    assert {key: after[key] for key in changed} == changed
    assert changed["State"] == "confirmed" and changed["ChangedUSec"] > before["ChangedUSec"]
    assert changed["Transaction"] != before["Transaction"]


def test_anybody_may_read_them(machine):
    machine.start_daemon()
    machine.stage(signed())
    output = machine.run("busctl", "get-property", "org.ipe.Manager", object_path("corp-base", "1.0.0"), POLICY, "ExpiresUSec",
                         "KernelPlace", "Warnings", uid=NOBODY).stdout
    assert output.splitlines()[1:] == ['s "none"', "as 0"]
