# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectld trusts signers by the certificates and revocation lists that are on disk when it judges, not by
those that it read last."""


import pytest
from gi.repository import GLib

import keys
from certificates import LEAF, issue, openssl, revoke, sign_with
from connection import BusError
from inspections import facts
from machine import policy_text, signed

POLICY = "corp-base"


def refused(call, *arguments, error):
    with pytest.raises(BusError) as caught:
        call(*arguments)
    assert caught.value.name == f"org.ipe.Error.{error}", caught.value
    return caught.value.message


def activate(machine, version):
    options = {"version": GLib.Variant("s", version), "trial-sec": GLib.Variant("t", 0), "force": GLib.Variant("b", True)}
    return machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, options)))


def rollback(machine):
    return machine.call("Rollback", GLib.Variant("(s)", (POLICY,)))


def leaf_of_root(machine, tmp_path):
    issue(tmp_path, "root")
    leaf = issue(tmp_path, "leaf", issuer="root", extensions=LEAF)
    (machine.etc / "trust.d/root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
    return leaf


@pytest.fixture
def enforcing(bare, kernel_files):
    """1.0.0, by the key "other", was confirmed before 2.0.0, by the key "test", which is confirmed and active."""
    bare.trust("other")
    bare.one, bare.two = signed(version="1.0.0", key="other"), signed(version="2.0.0")
    bare.kernel.put_policy(POLICY, ("2.0.0", bare.two), active=True)
    bare.start_daemon()
    bare.stage(bare.one)
    bare.stage(bare.two)
    bare.stop_daemon()
    state = bare.read_state()
    for record, word in zip(state["versions"], ("superseded", "confirmed"), strict=True):
        record["state"] = word
    bare.write_state(state)
    bare.start_daemon()
    return bare


def test_trust_that_is_replaced_counts_at_once(bare):
    """inotify does not report a link that points elsewhere."""
    (bare.etc / "trust.d").rename(bare.etc / "one")
    (bare.etc / "two").mkdir()
    (bare.etc / "trust.d").symlink_to("one")
    bare.start_daemon()
    bare.stage(signed())
    (bare.etc / "new").symlink_to("two")
    (bare.etc / "new").rename(bare.etc / "trust.d")
    refused(bare.stage, signed(version="2.0.0"), error="KeyNotTrusted")
    refused(activate, bare, "1.0.0", error="KeyNotTrusted")


def test_certificate_that_is_removed_does_not_stage_any_more(machine):
    machine.stage(signed())
    (machine.etc / "trust.d/test.pem").unlink()
    refused(machine.stage, signed(version="2.0.0"), error="KeyNotTrusted")


def test_list_beside_the_certificate_counts(machine, tmp_path):
    leaf = leaf_of_root(machine, tmp_path)
    machine.stage(sign_with(leaf, policy_text()))
    crl = revoke(tmp_path, "leaf", "root")
    with (machine.etc / "trust.d/root.pem").open("ab") as file:
        file.write(crl.read_bytes())
    refused(machine.stage, sign_with(leaf, policy_text(version="2.0.0")), error="CertificateRevoked")


def test_rollback_to_a_signer_who_is_not_trusted_any_more(enforcing):
    (enforcing.etc / "trust.d/other.pem").unlink()
    assert "ipe other key" in refused(rollback, enforcing, error="KeyNotTrusted")
    assert enforcing.states() == {"1.0.0": "superseded", "2.0.0": "confirmed"}
    enforcing.trust("other")
    rollback(enforcing)
    assert enforcing.states()["1.0.0"] == "pending-reboot"


@pytest.mark.parametrize("change, error", [("revoke", "CertificateRevoked"), ("doubt", "KeyNotTrusted")])
def test_rollback_to_a_signer_who_was_revoked(enforcing, tmp_path, change, error):
    leaf = leaf_of_root(enforcing, tmp_path)
    enforcing.stage(sign_with(leaf, policy_text(version="2.5.0")))
    enforcing.stage(signed(version="3.0.0"))
    enforcing.stop_daemon()
    state = enforcing.read_state()
    words = {"1.0.0": "rolled-back", "2.0.0": "rolled-back", "2.5.0": "superseded", "3.0.0": "confirmed"}
    for record in state["versions"]:
        record["state"] = words[record["version"]]
    enforcing.write_state(state)
    enforcing.kernel.put_policy(POLICY, ("3.0.0", signed(version="3.0.0")), active=True)
    enforcing.start_daemon()
    before = enforcing.states()
    crl = revoke(tmp_path, "leaf", "root").read_bytes() if change == "revoke" else b"nonsense"
    (enforcing.etc / "trust.d/root.crl.pem").write_bytes(crl)
    refused(rollback, enforcing, error=error)
    assert enforcing.states() == before


def test_a_trial_ends_on_demand_whoever_signed_what_was_before(enforcing):
    """It would end in any case if nobody confirms it, so an earlier end is not refused. This kernel has no trials."""
    enforcing.stop_daemon()
    enforcing.kernel.put("features", "")
    enforcing.start_daemon()
    three = signed(version="3.0.0", key="other")
    enforcing.stage(three)
    enforcing.kernel.put_policy(POLICY, ("3.0.0", three))
    options = {"version": GLib.Variant("s", "3.0.0"), "trial-sec": GLib.Variant("t", 60), "force": GLib.Variant("b", True)}
    facts(enforcing)
    enforcing.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, {**options, "confirm": GLib.Variant("s", "manual")})))
    assert enforcing.states()["3.0.0"] == "trial"
    (enforcing.etc / "trust.d/test.pem").unlink()
    outcome, = enforcing.call("EndTrial", GLib.Variant("(sa{sv})", (POLICY, {})))
    assert outcome["Version"] == "2.0.0" and outcome["State"] == "pending-reboot"
    assert enforcing.states() == {"1.0.0": "superseded", "2.0.0": "pending-reboot", "3.0.0": "rolled-back"}


def test_kernel_that_takes_one_signature_gets_no_policy_with_two(enforcing):
    """ipectld stages them on every kernel, because an upstream kernel takes them."""
    signers = [word for key in ("other", "test") for word in
               ("-signer", keys.directory() / f"{key}.crt", "-inkey", keys.directory() / f"{key}.key")]
    enforcing.stage(openssl(None, "cms", "-sign", "-binary", "-outform", "der", "-nodetach", "-noattr", *signers,
                            input=policy_text(version="3.0.0").encode()))
    assert "2 signatures" in refused(activate, enforcing, "3.0.0", error="NotSupported")
    assert enforcing.states()["3.0.0"] == "staged"


def said(machine, words):
    return [entry["MESSAGE"] for entry in machine.entries() if words in entry.get("MESSAGE", "")]


def test_broken_list_spoils_neither_the_configuration_nor_the_others(enforcing, tmp_path):
    leaf = leaf_of_root(enforcing, tmp_path)
    enforcing.stop_daemon()
    (enforcing.etc / "trust.d/x.crl.pem").write_text("nonsense")
    enforcing.configure("RollbackAtBoot=no")
    enforcing.start_daemon()
    assert said(enforcing, "trust.d/x.crl.pem")
    assert "x.crl.pem" in refused(enforcing.stage, sign_with(leaf, policy_text("by-leaf")), error="KeyNotTrusted")
    enforcing.stage(signed("by-another"))
    assert "RollbackAtBoot=no" in refused(rollback, enforcing, error="NotSupported")


def test_file_with_another_suffix_is_named_once_and_to_those_who_ask(machine):
    (machine.etc / "trust.d/some.crt").write_bytes((machine.etc / "trust.d/test.pem").read_bytes())
    machine.drop(signed())
    machine.wait_for(machine.list, "the policy")
    machine.stage(signed(version="2.0.0"))
    assert len(said(machine, "some.crt")) == 1
    machine.call("Reload")
    assert len(said(machine, "some.crt")) == 2


@pytest.mark.parametrize("options, error", [
    ({"key": ("rsa:512",)}, "SignatureInvalid"),
    ({"key": ("rsa:1024",)}, "SignatureInvalid"),
    ({"options": ("-md5",)}, "SignatureInvalid"),
    ({"options": ("-sha1",)}, "KeyNotTrusted"),
    ({"extensions": (*LEAF, "extendedKeyUsage=critical,serverAuth")}, "KeyNotTrusted"),
    ({"extensions": (LEAF[0], "keyUsage=critical,keyEncipherment")}, "KeyNotTrusted"),
    ({"extensions": (LEAF[0], "keyUsage=critical,cRLSign")}, "KeyNotTrusted"),
], ids=["RSA-512", "RSA-1024", "MD5", "SHA-1", "web server", "encryption", "lists"])
def test_key_that_must_not_sign(machine, tmp_path, options, error):
    issue(tmp_path, "root")
    leaf = issue(tmp_path, "leaf", *options.pop("options", ()), issuer="root", **{"extensions": LEAF, **options})
    (machine.etc / "trust.d/root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
    assert "'CN=leaf'" in refused(machine.stage, sign_with(leaf, policy_text()), error=error)


def test_encoding_that_is_not_der(machine):
    data = signed()
    assert data[:2] == b"\x30\x82"
    assert "DER" in refused(machine.stage, b"\x30\x80" + data[4:] + b"\0\0", error="SignatureInvalid")
