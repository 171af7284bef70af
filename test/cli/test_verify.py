# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectl verify, and the other offline verbs on a signed policy."""

import hashlib
import re
import subprocess

import pytest

import keys
import messages
from certificates import LEAF, issue, openssl, revoke, sign_with
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
        "digest": hashlib.sha256(signed.read_bytes()).hexdigest(), "signer": "CN=ipe test key", "other_signers": None,
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
    assert result.errors == (f"{trust}/broken.pem: there is no certificate in PEM in it, ignoring\n"
                             f"{trust}/of-another-kind.crt: its name does not end in .pem, so it is not read, ignoring\n")


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
    (lambda data: keys.smime(GOOD.encode(), "-nodetach"), "attribute of S/MIME"),
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


def test_signed_attributes(ipectl, signed, trust):
    signed.write_bytes(keys.smime(GOOD.encode(), "-nodetach", "-nosmimecap"))
    assert "'CN=ipe test key', who is trusted" in ipectl("verify", f"--trust={trust}", signed).output


def test_two_signers(ipectl, signed, trust):
    options = [word for key in ("other", "test") for word in
               ("-signer", keys.directory() / f"{key}.crt", "-inkey", keys.directory() / f"{key}.key")]
    signed.write_bytes(openssl(None, "cms", "-sign", "-binary", "-outform", "der", "-nodetach", "-noattr", *options,
                               input=GOOD.encode()))
    result = ipectl("verify", f"--trust={trust}", signed.name)
    assert result.output.endswith("signed by 'CN=ipe test key', who is trusted; also signed by 'CN=ipe other key'\n")
    assert ipectl("verify", "--json", f"--trust={trust}", signed).json["other_signers"] == "'CN=ipe other key'"
    lint = ipectl("lint", signed).output
    assert "note: it has 2 signatures" in lint and "every kernel with IPE takes it" not in lint
    for path in trust.iterdir():
        path.unlink()
    assert "is not trusted" in ipectl("verify", f"--trust={trust}", signed, status=6).errors


@pytest.mark.parametrize("options, words", [
    ({"key": ("rsa:1024",)}, "RSA key of 1024 bits"),
    ({"key": ("rsa:2560",)}, "RSA key of 2560 bits"),
    ({"key": ("ec", "-pkeyopt", "ec_paramgen_curve:secp256k1")}, "another curve"),
    ({"extensions": (LEAF[0], "keyUsage=critical,keyEncipherment")}, "keyUsage without digitalSignature"),
    ({"extensions": (*LEAF, "extendedKeyUsage=critical,serverAuth")}, "extendedKeyUsage without codeSigning"),
    ({"options": ("-sha1",)}, "too weak"),
    ({"options": ("-md5",)}, "signed by another algorithm"),
    ({"extensions": (*LEAF, "1.2.3.4.5=critical,DER:0500")}, "is not trusted"),
], ids=["RSA-1024", "RSA-2560", "secp256k1", "encryption", "web server", "SHA-1", "MD5", "critical"])
def test_certificate_by_a_trusted_authority_that_does_not_serve(ipectl, tmp_path, trust, options, words):
    issue(tmp_path, "root")
    leaf = issue(tmp_path, "leaf", *options.pop("options", ()), issuer="root", **{"extensions": LEAF, **options})
    (trust / "root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
    (tmp_path / "some.p7b").write_bytes(sign_with(leaf, GOOD))
    assert words in ipectl("verify", f"--trust={trust}", "some.p7b", status=6).errors


def test_code_signing_certificate(ipectl, tmp_path, trust):
    issue(tmp_path, "root")
    leaf = issue(tmp_path, "leaf", issuer="root", extensions=(*LEAF, "extendedKeyUsage=codeSigning"))
    (trust / "root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
    (tmp_path / "some.p7b").write_bytes(sign_with(leaf, GOOD))
    ipectl("verify", f"--trust={trust}", "some.p7b")


def test_revocation_list_beside_the_certificate(ipectl, tmp_path, trust):
    issue(tmp_path, "root")
    leaf = issue(tmp_path, "leaf", issuer="root", extensions=LEAF)
    (tmp_path / "some.p7b").write_bytes(sign_with(leaf, GOOD))
    crl = revoke(tmp_path, "leaf", "root")
    (trust / "keyring.pem").write_bytes((tmp_path / "root.crt").read_bytes() + crl.read_bytes())
    assert "is revoked" in ipectl("verify", f"--trust={trust}", "some.p7b", status=6).errors


def test_revocation_list_that_is_broken(ipectl, signed, tmp_path, trust):
    """It may revoke anybody who was certified by somebody else, and nobody who certified itself."""
    issue(tmp_path, "root")
    leaf = issue(tmp_path, "leaf", issuer="root", extensions=LEAF)
    (tmp_path / "some.p7b").write_bytes(sign_with(leaf, GOOD))
    (trust / "root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
    (trust / "x.crl.pem").write_text("nonsense")
    result = ipectl("verify", f"--trust={trust}", "some.p7b", status=6)
    assert "x.crl.pem' cannot be read" in result.errors
    ipectl("verify", f"--trust={trust}", signed)


def test_revoked_authority_is_named(ipectl, tmp_path, trust):
    issue(tmp_path, "root")
    middle = issue(tmp_path, "middle", issuer="root")
    leaf = issue(tmp_path, "leaf", issuer="middle", extensions=LEAF)
    (trust / "root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
    (tmp_path / "some.p7b").write_bytes(sign_with(leaf, GOOD, middle))
    ipectl("verify", f"--trust={trust}", "some.p7b")
    revoke(tmp_path, "middle", "root").rename(trust / "root.crl.pem")
    result = ipectl("verify", f"--trust={trust}", "some.p7b", status=6)
    assert "'CN=middle', which certifies the signer 'CN=leaf', is revoked" in result.errors


def test_encoding_that_is_not_der(ipectl, signed, trust):
    data = signed.read_bytes()
    assert data[:2] == b"\x30\x82"
    signed.write_bytes(b"\x30\x80" + data[4:] + b"\0\0")
    assert "not encoded in DER" in ipectl("verify", f"--trust={trust}", signed, status=6).errors


def test_certificate_in_the_message_that_the_kernel_cannot_read(ipectl, signed, tmp_path, trust):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=odd", "-keyout", "odd.key",
                    "-out", "odd.crt"], cwd=tmp_path, check=True, capture_output=True)
    signed.write_bytes(keys.sign_policy(GOOD, options=("-noattr", "-nodetach", "-nosmimecap", "-certfile",
                                                       tmp_path / "odd.crt")))
    assert "'CN=odd'" in ipectl("verify", f"--trust={trust}", signed, status=6).errors
    assert "'CN=odd'" in ipectl("lint", signed, status=1).output


def test_what_kernels_refuse_is_refused(ipectl, tmp_path, trust):
    """test/kernel/test_conformance.py proves that kernels do."""
    made = messages.make(tmp_path, GOOD.encode())
    for signer in tmp_path.glob("signer-*.crt"):
        (trust / f"{signer.stem}.pem").write_bytes(signer.read_bytes())
    for name, (message, errno) in made.items():
        (tmp_path / f"{name}.p7b").write_bytes(message)
        result = ipectl("verify", f"--trust={trust}", f"{name}.p7b", status=0 if errno in messages.TAKEN else 6)
        assert errno in messages.TAKEN or "kernel takes" in result.errors or "kernel's" in result.errors, name


@pytest.mark.parametrize("config", ["providers", "garbage"])
def test_configuration_of_openssl_is_not_read(ipectl, signed, trust, tmp_path, config):
    path = tmp_path / "openssl.cnf"
    path.write_text({"providers": "openssl_conf = a\n[a]\nproviders = b\n[b]\nnull = c\n[c]\nactivate = 1\n",
                     "garbage": "openssl_conf = a\n[a\nconfig_diagnostics = 1\n"}[config])
    before = ["env", f"OPENSSL_CONF={path}"]
    ipectl("verify", f"--trust={trust}", signed, before=before)
    ipectl("lint", signed, before=before)


def test_expired_certificate(ipectl, tmp_path, trust):
    old = issue(tmp_path, "old", "-days", "0")
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
