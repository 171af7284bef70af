# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectl verify, and what the other offline verbs make of a signed policy."""

import hashlib
import re

import pytest

import keys
from certificates import issue, revoke, sign_with
from conftest import GOOD, HOSTILE_HEADER


@pytest.fixture
def signed(tmp_path):
    path = tmp_path / "corp-base.p7b"
    path.write_bytes(keys.sign_policy(GOOD))
    return path


def test_good(ipectl, signed, trust):
    result = ipectl("verify", f"--trust={trust}", signed.name)
    assert result.output == "corp-base.p7b: 'corp-base' 1.2.3, signed by 'CN=ipe test key', who is trusted\n"
    assert not result.errors
    assert ipectl("verify", "-q", f"--trust={trust}", signed).output == ""


def test_standard_input(ipectl, signed, trust):
    assert ipectl("verify", f"--trust={trust}", "-", input=signed.read_bytes()).output.startswith("<stdin>: ")


def test_appended_signature(ipectl, signed, trust):
    data = keys.append_signature(GOOD.encode())
    signed.write_bytes(data)
    assert "signed by 'CN=ipe test key'" in ipectl("verify", f"--trust={trust}", signed.name).output
    assert GOOD.splitlines()[0] in ipectl("print", signed.name).output
    signed.write_bytes(data.replace(b"action=ALLOW", b"action=DENY ", 1))
    assert "does not match the policy" in ipectl("verify", f"--trust={trust}", signed, status=6).errors
    signed.write_bytes(keys.append_signature(GOOD.encode(), key="other"))
    assert "'CN=ipe other key' is not trusted" in ipectl("verify", f"--trust={trust}", signed, status=6).errors


def test_json(ipectl, signed, trust):
    certificate = (keys.directory() / "test.der").read_bytes()
    assert ipectl("verify", "--json", f"--trust={trust}", signed).json == {
        "file": str(signed), "name": "corp-base", "version": "1.2.3",
        "digest": hashlib.sha256(signed.read_bytes()).hexdigest(), "signer": "CN=ipe test key",
        "fingerprint": hashlib.sha256(certificate).hexdigest()}


def test_unknown_signer(ipectl, signed, trust):
    signed.write_bytes(keys.sign_policy(GOOD, key="other"))
    result = ipectl("verify", f"--trust={trust}", signed, status=6)
    assert "'CN=ipe other key' is not trusted" in result.errors
    assert not result.output


def test_nobody_is_trusted_by_default(ipectl, signed):
    """The machine that runs the tests has no certificates in /etc/ipe and its like."""
    assert "is not trusted" in ipectl("verify", signed, status=6).errors


def test_directory_that_is_not_there(ipectl, signed):
    assert "No such file" in ipectl("verify", "--trust=missing", signed, status=1).errors
    assert "Not a directory" in ipectl("verify", f"--trust={signed}", signed, status=1).errors


def test_broken_certificate_is_named_and_ignored(ipectl, signed, trust):
    (trust / "broken.pem").write_text("nonsense")
    (trust / "of-another-kind.crt").write_text("nonsense")
    result = ipectl("verify", f"--trust={trust}", signed)
    assert result.errors == f"{trust}/broken.pem: not a certificate in PEM: there is none in it, ignoring\n"


def test_every_changed_byte_is_found(ipectl, signed, trust):
    """Of the text, and of the signature, which ends the message."""
    data = signed.read_bytes()
    start = data.index(GOOD.encode())
    for position in (start, start + len(GOOD) - 1, len(data) - 1, len(data) - 200):
        changed = bytearray(data)
        changed[position] ^= 1
        signed.write_bytes(changed)
        assert "does not match" in ipectl("verify", f"--trust={trust}", signed, status=6).errors


@pytest.mark.parametrize("change, words", [
    (lambda data: data[:300], "not a signed policy"),
    (lambda data: data[:-1], "not a signed policy"),
    (lambda data: data + b"\0", "bytes behind the end"),
    (lambda data: b"", "empty"),
    (lambda data: GOOD.encode(), "not a signed policy"),
    (lambda data: keys.smime(GOOD.encode(), "-nodetach"), "signed attributes"),
    (lambda data: keys.smime(GOOD.encode(), "-noattr"), "does not contain the policy"),
    (lambda data: keys.smime(GOOD.encode(), "-noattr", "-nodetach", "-md", "sha1"), "other than SHA-256"),
    (lambda data: keys.sign_policy(GOOD + "#" * 65535), "at most 65535"),
], ids=["cut", "last byte", "behind", "empty", "text", "attributes", "detached", "SHA-1", "large"])
def test_other_forms(ipectl, signed, trust, change, words):
    signed.write_bytes(change(signed.read_bytes()))
    assert words in ipectl("verify", f"--trust={trust}", signed, status=6).errors


def test_chain(ipectl, tmp_path, trust):
    issue(tmp_path, "root")
    middle = issue(tmp_path, "middle", issuer="root")
    leaf = issue(tmp_path, "leaf", issuer="middle")
    (tmp_path / "some.p7b").write_bytes(sign_with(leaf, GOOD, middle))
    ipectl("verify", f"--trust={trust}", "some.p7b", status=6)
    (trust / "root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
    assert "'CN=leaf', who is trusted" in ipectl("verify", f"--trust={trust}", "some.p7b").output
    (tmp_path / "some.p7b").write_bytes(sign_with(leaf, GOOD))
    ipectl("verify", f"--trust={trust}", "some.p7b", status=6)


def test_expired_certificate(ipectl, tmp_path, trust):
    old = issue(tmp_path, "old", "-days", "-1")
    (trust / "old.pem").write_bytes((tmp_path / "old.crt").read_bytes())
    (tmp_path / "some.p7b").write_bytes(sign_with(old, GOOD))
    assert "expired" in ipectl("verify", f"--trust={trust}", "some.p7b", status=6).errors


def test_revoked_certificate(ipectl, tmp_path, trust):
    issue(tmp_path, "root")
    leaf = issue(tmp_path, "leaf", issuer="root")
    (trust / "root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
    (tmp_path / "some.p7b").write_bytes(sign_with(leaf, GOOD))
    ipectl("verify", f"--trust={trust}", "some.p7b")
    revoke(tmp_path, "leaf", "root").rename(trust / "root.crl.pem")
    assert "is revoked" in ipectl("verify", f"--trust={trust}", "some.p7b", status=6).errors


@pytest.mark.parametrize("text, place", [(b"nonsense\n", ":1:1: error: "), (b"", ": error: "),
                                         (b"policy_name=a/b policy_version=1.0.0\nDEFAULT action=DENY\n", ": error: ")])
def test_trusted_signature_over_what_is_no_policy(ipectl, signed, trust, text, place):
    signed.write_bytes(keys.sign_policy(text))
    result = ipectl("verify", f"--trust={trust}", signed.name, status=1)
    assert f"\ncorp-base.p7b{place}" in result.errors
    assert not result.output


@pytest.mark.parametrize("json", ["off", "short"])
def test_hostile_names_are_escaped(ipectl, signed, trust, json):
    signed.write_bytes(keys.sign_policy(HOSTILE_HEADER + b"DEFAULT action=DENY\n"))
    hostile = signed.rename(signed.with_name("a\nb\033.p7b"))
    for verb in ("verify", "lint", "print"):
        options = [f"--trust={trust}"] if verb == "verify" else []
        result = ipectl(verb, f"--json={json}", *options, hostile.name)
        output = result.raw if verb != "print" or json != "off" else b""
        assert not re.search(rb"[^\n -~]", output + result.errors.encode())


def test_lint_names_who_claims_to_have_signed(ipectl, signed):
    signed.write_bytes(keys.sign_policy(GOOD, key="other"))
    assert ipectl("lint", signed.name).output == (
        "corp-base.p7b: 'corp-base' 1.2.3, 2 rules; signed by 'CN=ipe other key' (not verified); "
        "every kernel with IPE takes it\n")
    result = ipectl("lint", "--json", signed).json[0]
    assert result["signed"] and result["ok"] and result["signer"] == "CN=ipe other key"


def test_lint_without_a_certificate_in_the_envelope(ipectl, signed):
    signed.write_bytes(keys.sign_policy(GOOD, options=("-noattr", "-nodetach", "-nosmimecap", "-nocerts")))
    assert ipectl("lint", signed.name).output == "corp-base.p7b: 'corp-base' 1.2.3, 2 rules; every kernel with IPE takes it\n"
    assert ipectl("lint", "--json", signed).json[0]["signer"] is None


def test_lint_finds_mistakes_in_a_signed_text(ipectl, signed):
    signed.write_bytes(keys.sign_policy(GOOD + "op=FLY action=ALLOW\n"))
    assert ipectl("lint", signed.name, status=1).output.startswith("corp-base.p7b:7:1: error: ")


def test_lint_refuses_a_damaged_envelope(ipectl, signed):
    signed.write_bytes(signed.read_bytes()[:-1])
    result = ipectl("lint", "--json", signed, status=1).json[0]
    assert result["signed"] and not result["ok"]
    assert result["findings"][0]["kind"] == "envelope"


def test_print_takes_the_text_out(ipectl, signed):
    result = ipectl("print", signed.name)
    assert result.output == GOOD
    assert result.errors == "corp-base.p7b: signed by 'CN=ipe test key' (not verified)\n"
    assert ipectl("print", "--quiet", signed).errors == ""
    assert ipectl("print", "--json", signed).json == {"name": "corp-base", "version": "1.2.3", "signed": True,
                                                      "signer": "CN=ipe test key", "text": GOOD}
