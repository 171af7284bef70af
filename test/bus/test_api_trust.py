# SPDX-License-Identifier: LGPL-2.1-or-later
"""The trusted certificates as data: ListTrust() and 'ipectl trust', for everybody."""

import json
import subprocess

import pytest

import keys
from certificates import AUTHORITY, LEAF, issue, revoke, sign_with
from machine import NOBODY, policy_text, signed
from raw_client import RawClient

KEYS = {"Subject", "Issuer", "Fingerprint", "NotBeforeUSec", "NotAfterUSec", "File", "Revoked", "Signs", "Certifies", "Problem"}


def trust(machine):
    """{file name: certificate}"""
    return {entry["File"].rpartition("/")[2]: entry for entry in machine.call("ListTrust")[0]}


def put(machine, directory, name, file=None):
    (machine.etc / f"trust.d/{file or name}.pem").write_bytes((directory / f"{name}.crt").read_bytes())


def openssl(path, *words):
    return subprocess.run(["openssl", "x509", "-in", path, "-noout", *words], check=True, capture_output=True, text=True).stdout


def test_a_certificate_that_signs(machine):
    entry = trust(machine)["test.pem"]
    path = keys.directory() / "test.crt"
    assert entry.keys() == KEYS
    assert (entry["Subject"], entry["Issuer"], entry["File"]) == ("CN=ipe test key", "CN=ipe test key", "/etc/ipe/trust.d/test.pem")
    assert openssl(path, "-fingerprint", "-sha256").partition("=")[2].replace(":", "").strip().lower() == entry["Fingerprint"]
    assert entry["Signs"] and not entry["Revoked"] and entry["Problem"] == ""
    assert entry["NotBeforeUSec"] < entry["NotAfterUSec"]


def test_an_authority_that_may_not_sign_certifies(machine, tmp_path):
    issue(tmp_path, "ca", extensions=("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"))
    put(machine, tmp_path, "ca")
    entry = trust(machine)["ca.pem"]
    assert (entry["Signs"], entry["Certifies"], entry["Problem"]) == (False, True, "")


def test_a_leaf_signs_and_certifies_nobody(machine, tmp_path):
    issue(tmp_path, "root")
    issue(tmp_path, "leaf", issuer="root", extensions=LEAF)
    put(machine, tmp_path, "leaf")
    entry = trust(machine)["leaf.pem"]
    assert (entry["Issuer"], entry["Signs"], entry["Certifies"]) == ("CN=root", True, False)


@pytest.mark.parametrize("options, words", [
    ({"extensions": ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,keyEncipherment")}, "digitalSignature"),
    ({"key": ("rsa:1024",)}, "")], ids=["not-for-signing", "weak"])
def test_what_is_of_no_use_says_why(machine, tmp_path, options, words):
    issue(tmp_path, "bad", **options)
    put(machine, tmp_path, "bad")
    entry = trust(machine)["bad.pem"]
    assert (entry["Signs"], entry["Certifies"], entry["Revoked"]) == (False, False, False)
    assert entry["Problem"] and words in entry["Problem"]


def test_what_has_expired_says_so(machine, tmp_path):
    issue(tmp_path, "old", "-days", "0")
    put(machine, tmp_path, "old")
    machine.wait_for(lambda: not trust(machine)["old.pem"]["Signs"], "the end of the certificate")
    entry = trust(machine)["old.pem"]
    assert not entry["Certifies"] and not entry["Revoked"] and "not valid now" in entry["Problem"]


def test_what_is_revoked_says_so(machine, tmp_path):
    issue(tmp_path, "root")
    issue(tmp_path, "leaf", issuer="root", extensions=LEAF)
    for name in ("root", "leaf"):
        put(machine, tmp_path, name)
    assert trust(machine)["leaf.pem"]["Signs"]
    (machine.etc / "trust.d/root.crl.pem").write_bytes(revoke(tmp_path, "leaf", "root").read_bytes())
    found = trust(machine)
    assert found["leaf.pem"]["Revoked"] and not found["leaf.pem"]["Signs"] and "revoked" in found["leaf.pem"]["Problem"]
    assert found["root.pem"]["Signs"] and not found["root.pem"]["Revoked"]


def test_it_says_what_staging_does(machine, tmp_path):
    """Staging takes exactly the signers of the list."""
    good = issue(tmp_path, "good", extensions=AUTHORITY)
    put(machine, tmp_path, "good")
    assert trust(machine)["good.pem"]["Signs"]
    machine.stage(sign_with(good, policy_text("by-good")))
    (machine.etc / "trust.d/good.pem").unlink()
    assert "good.pem" not in trust(machine)
    with pytest.raises(Exception, match="KeyNotTrusted"):
        machine.stage(sign_with(good, policy_text("by-good", "2.0.0")))


def test_several_in_one_file_have_its_name(machine, tmp_path):
    for name in ("a", "b"):
        issue(tmp_path, name)
    (machine.etc / "trust.d/both.pem").write_bytes((tmp_path / "a.crt").read_bytes() + (tmp_path / "b.crt").read_bytes())
    found = [entry["Subject"] for entry in machine.call("ListTrust")[0] if entry["File"].endswith("both.pem")]
    assert found == ["CN=a", "CN=b"]


def test_a_file_with_a_name_of_any_bytes_does_not_silence_the_list(machine):
    data = (keys.directory() / "test.crt").read_bytes()
    with open(bytes(machine.etc / "trust.d") + b"/\xff.pem", "wb") as file:
        file.write(data)
    assert "\\xff.pem" in trust(machine)


def test_nobody_is_trusted_where_nothing_is(machine):
    (machine.etc / "trust.d/test.pem").unlink()
    assert machine.call("ListTrust")[0] == []


def test_a_user_may_ask_and_has_a_budget(machine):
    assert json.loads(machine.ipectl("trust", "--json", uid=NOBODY).stdout)[0]["signs"] is True
    clients = [RawClient(machine, NOBODY) for _ in range(10)]
    for client in clients:
        for _ in range(100):
            client.ask("ListTrust", None)
    answers = [error for client in clients for error in client.answers(101)[1:]]
    for client in clients:
        client.close()
    assert answers.count(False) >= 100 and answers.count(True) > 0
    machine.stage(signed())


def test_ipectl_trust(machine, tmp_path):
    issue(tmp_path, "bad", extensions=("basicConstraints=critical,CA:FALSE", "keyUsage=critical,keyEncipherment"))
    put(machine, tmp_path, "bad")
    output = machine.ipectl("trust").stdout
    lines = output.splitlines()
    assert lines[0].split() == ["SUBJECT", "USE", "UNTIL", "FILE"]
    assert lines[1].startswith("CN=bad ") and " none " in lines[1] and lines[1].endswith("/etc/ipe/trust.d/bad.pem")
    assert "2 certificates listed." in lines
    assert lines[-1].startswith("/etc/ipe/trust.d/bad.pem: ") and "digitalSignature" in lines[-1]
    assert len(machine.ipectl("trust", "--quiet").stdout.splitlines()) == 2
    found = json.loads(machine.ipectl("trust", "--json").stdout)
    assert found[1]["problem"] is None and found[0]["problem"] and found[0]["revoked"] is False
