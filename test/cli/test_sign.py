# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectl sign; openssl(1) judges the result."""

import fcntl
import hashlib
import os
import pty
import re
import subprocess
import termios

import pytest

import keys
from certificates import LEAF, issue
from conftest import GOOD, HOSTILE_HEADER, WITHOUT_OVERRIDE

BODY = "DEFAULT action=DENY\n"


def pair(key="test", certificate=None):
    """The options that name a key and its certificate."""
    return [f"--cert={keys.directory()}/{certificate or key}.crt", f"--key={keys.directory()}/{key}.key"]


def openssl(*arguments, input=None):
    return subprocess.run(["openssl", *arguments], input=input, check=True, capture_output=True).stdout


def signed(ipectl, policy):
    return ipectl("sign", *pair(), "--output=-", policy).raw


def structure(der):
    """The ASN.1 types and values of a message. Lengths are left out, and so are empty parameters, which PKCS#7 writes
    behind the name of a digest and CMS does not."""
    lines = openssl("asn1parse", "-inform", "der", input=der).decode().splitlines()
    lines = [re.sub(r"^ *\d+:(d=\d+) .*?(prim|cons)", r"\1 \2", line) for line in lines]
    return [line.strip() for before, line in zip(["", *lines], lines)
            if not ("NULL" in line and "sha256" in before)]


def test_output_is_named_after_the_policy(ipectl, good, tmp_path):
    result = ipectl("sign", *pair(), good.name)
    assert result.output == "Signed 'corp-base' 1.2.3: corp-base.p7b\n"
    assert not result.errors
    assert (tmp_path / "corp-base.p7b").stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corp-base.p7b", "good.policy"]


def test_envelope_is_what_openssl_cms_makes(ipectl, good, tmp_path):
    ipectl("sign", *pair(), good)
    reference = openssl("cms", "-sign", "-binary", "-noattr", "-nodetach", "-nosmimecap", "-md", "sha256", "-outform",
                        "der", "-in", good, "-signer", keys.directory() / "test.crt", "-inkey",
                        keys.directory() / "test.key")
    assert (tmp_path / "corp-base.p7b").read_bytes() == reference


def test_envelope_has_the_structure_that_kernels_are_tested_with(ipectl, good, tmp_path):
    ipectl("sign", *pair(), good)
    assert structure((tmp_path / "corp-base.p7b").read_bytes()) == structure(keys.sign_policy(GOOD))


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("\n", "\r\n"), GOOD.rstrip("\n")], ids=["LF", "CRLF", "no end"])
@pytest.mark.parametrize("tool", ["cms", "smime"])
def test_openssl_verifies_the_text_byte_for_byte(ipectl, tmp_path, tool, text):
    ipectl("sign", *pair(), "-", input=text.encode())
    out = openssl(tool, "-verify", "-binary", "-inform", "der", "-in", tmp_path / "corp-base.p7b", "-CAfile",
                  keys.directory() / "test.crt", "-purpose", "any")
    assert out == text.encode()


def test_appended_signature_is_what_openssl_makes(ipectl, good, tmp_path):
    ipectl("sign", *pair(), "--format=appended", good)
    data = (tmp_path / "corp-base.p7b").read_bytes()
    assert data.startswith(GOOD.encode()) and data.endswith(b"~Module signature appended~\n")
    trailer = data[len(data) - 40:-28]
    size = int.from_bytes(trailer[8:], "big")
    assert trailer[:8] == bytes([0, 0, 2, 0, 0, 0, 0, 0]) and len(data) == len(GOOD) + size + 40
    (tmp_path / "signature").write_bytes(data[len(GOOD):-40])
    for tool in ("cms", "smime"):
        assert openssl(tool, "-verify", "-binary", "-inform", "der", "-in", tmp_path / "signature", "-content", good, "-CAfile",
                       keys.directory() / "test.crt", "-purpose", "any") == GOOD.encode()


def test_large_policy_gets_the_form_that_holds_it(ipectl, tmp_path, trust):
    filler = "".join(f"op=EXECUTE fsverity_digest=sha256:{number:064x} action=ALLOW\n" for number in range(2000))
    (tmp_path / "large.policy").write_text(GOOD + filler)
    ipectl("sign", *pair(), "large.policy")
    assert (tmp_path / "corp-base.p7b").read_bytes().startswith(GOOD.encode())
    ipectl("verify", f"--trust={trust}", "corp-base.p7b")
    assert ipectl("print", "corp-base.p7b").output.count("\n") > 2000
    errors = ipectl("sign", *pair(), "--force", "--format=pkcs7", "large.policy", status=1).errors
    assert "--format=appended" in errors


def test_format_is_one_of_three(ipectl, good):
    assert "no format of a signed policy" in ipectl("sign", *pair(), "--format=pem", good, status=2).errors


def test_elliptic_curve_key(ipectl, good, tmp_path, trust):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch", "-subj",
            "/CN=curve", "-keyout", tmp_path / "ec.key", "-out", trust / "ec.pem")
    ipectl("sign", f"--cert={trust}/ec.pem", "--key=ec.key", good)
    assert "'CN=curve'" in ipectl("verify", f"--trust={trust}", "corp-base.p7b").output


def test_standard_output_is_the_envelope_and_nothing_else(ipectl, good, tmp_path):
    result = ipectl("sign", *pair(), "--output=-", good)
    ipectl("sign", *pair(), good)
    assert result.raw == (tmp_path / "corp-base.p7b").read_bytes()
    assert not result.errors


def test_key_and_certificate_from_pipes(ipectl, good, tmp_path):
    ipectl("sign", pair()[0], "--key=-", good, input=(keys.directory() / "test.key").read_bytes())
    ipectl("sign", "--cert=-", pair()[1], "--output=again", good, input=(keys.directory() / "test.crt").read_bytes())
    assert (tmp_path / "again").read_bytes() == (tmp_path / "corp-base.p7b").read_bytes()


def test_json(ipectl, good, tmp_path):
    result = ipectl("sign", "--json", *pair(), good).json
    digest = hashlib.sha256((tmp_path / "corp-base.p7b").read_bytes()).hexdigest()
    assert result == {"file": str(good), "output": "corp-base.p7b", "name": "corp-base", "version": "1.2.3",
                      "digest": digest}


def test_quiet(ipectl, good, tmp_path):
    assert ipectl("sign", "-q", *pair(), good).output == ""
    assert (tmp_path / "corp-base.p7b").exists()


@pytest.mark.parametrize("arguments", [
    ["--cert=x"], ["--key=x"], [], ["--cert=-", "--key=-"], ["--json", "--output=-", "--cert=x", "--key=x"],
], ids=" ".join)
def test_wrong_usage_exits_2(ipectl, good, arguments):
    assert ipectl("sign", *arguments, good, status=2).errors


@pytest.mark.parametrize("option", ["--cert=-", "--key=-"])
def test_standard_input_is_read_for_one_file_only(ipectl, option):
    assert "Standard input" in ipectl("sign", *pair(), option, "-", status=2, input=GOOD.encode()).errors


@pytest.mark.parametrize("text, message", [
    ("nonsense\n", "some.policy:1:1: error: "),
    (f"policy_name=p policy_version=1.0.0\nop=EXECUTE action=MAYBE\n{BODY}", "some.policy:2:"),
    (f"policy_name=a/b policy_version=1.0.0\n{BODY}", "some.policy: error: "),
    ("", "some.policy: error: "),
    ("-----BEGIN PKCS7-----\n", "this is PEM"),
])
def test_policy_with_an_error_is_not_signed(ipectl, tmp_path, text, message):
    (tmp_path / "some.policy").write_text(text)
    result = ipectl("sign", *pair(), "--force", "--output=out", "some.policy", status=1)
    assert message in result.errors
    assert not result.output
    assert not (tmp_path / "out").exists()


def test_warnings_are_printed_and_refused_only_if_strict(ipectl, tmp_path):
    (tmp_path / "some.policy").write_text(
        f"policy_name=p policy_version=1.0.0\n{BODY}" + "op=EXECUTE boot_verified=TRUE action=ALLOW\n" * 2)
    result = ipectl("sign", "--strict", *pair(), "some.policy", status=1)
    assert "some.policy:4:1: error: " in result.errors
    assert not (tmp_path / "p.p7b").exists()
    result = ipectl("sign", *pair(), "some.policy")
    assert "some.policy:4:1: warning: " in result.errors
    assert (tmp_path / "p.p7b").exists()


def test_signed_policy_is_not_signed_again(ipectl, good):
    ipectl("sign", *pair(), good)
    assert "signed already" in ipectl("sign", *pair(), "--output=out", "corp-base.p7b", status=1).errors


def test_existing_output_is_kept_without_force(ipectl, good, tmp_path):
    out = tmp_path / "corp-base.p7b"
    out.write_text("mine")
    assert "--force" in ipectl("sign", *pair(), good, status=1).errors
    assert out.read_text() == "mine"
    ipectl("sign", *pair(), "--force", good)
    assert out.read_bytes() == signed(ipectl, good)


@pytest.mark.parametrize("kind", ["directory", "fifo", "link", "device"])
def test_only_a_regular_file_is_replaced(ipectl, good, tmp_path, kind):
    out = tmp_path / "out"
    if kind == "directory":
        out.mkdir()
    elif kind == "fifo":
        os.mkfifo(out)
    elif kind == "link":
        out.symlink_to(good)
    else:
        os.mknod(out, 0o20666, os.makedev(1, 3))
    before = out.lstat()
    assert "no regular file" in ipectl("sign", *pair(), "--force", "--output=out", good, status=1).errors
    assert out.lstat() == before
    assert good.read_text() == GOOD


def test_hidden_name_needs_an_output(ipectl, tmp_path):
    (tmp_path / "some.policy").write_text(f"policy_name=.p policy_version=1.0.0\n{BODY}")
    assert "--output=" in ipectl("sign", *pair(), "some.policy", status=1).errors
    ipectl("sign", *pair(), "--output=p.p7b", "some.policy")


def test_longest_name_needs_an_output(ipectl, tmp_path):
    (tmp_path / "some.policy").write_text(f"policy_name={'x' * 255} policy_version=1.0.0\n{BODY}")
    assert "File name too long" in ipectl("sign", *pair(), "some.policy", status=1).errors
    ipectl("sign", *pair(), "--output=p.p7b", "some.policy")


@pytest.mark.parametrize("output, reason", [("missing/out", "No such file"), ("good.policy/out", "Not a directory"),
                                            ("new/", "Is a directory"), ("", "No such file")])
def test_impossible_output(ipectl, good, output, reason):
    result = ipectl("sign", *pair(), f"--output={output}", good, status=1)
    assert reason in result.errors


def test_output_that_may_not_be_written(ipectl, good, tmp_path):
    tmp_path.chmod(0o555)
    result = ipectl("sign", *pair(), good, status=1, before=WITHOUT_OVERRIDE)
    assert "Permission denied" in result.errors


def test_full_disk_leaves_nothing_behind(ipectl, good, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    script = 'mount -t tmpfs -o size=4096 tmpfs "$0" && printf x >"$0/x" && "$@"; status=$?; ls -A "$0"; exit $status'
    result = ipectl("sign", *pair(), f"--output={full}/out", good, status=1,
                    before=["unshare", "-m", "sh", "-c", script, str(full)])
    assert "No space left" in result.errors
    assert result.output == "x\n"


def test_full_disk_behind_standard_output(ipectl, good):
    with open("/dev/full", "wb") as full:
        assert "No space left" in ipectl("sign", *pair(), "--output=-", good, status=1, stdout=full).errors


@pytest.mark.parametrize("options, words", [
    (pair("other", "test"), "not that of the private key"),
    (pair("test", "other"), "not that of the private key"),
    ([pair()[0], f"--key={keys.directory()}/test.crt"], "private key"),
    ([f"--cert={keys.directory()}/test.key", pair()[1]], "certificate"),
    ([pair()[0], "--key=/dev/null"], "private key"),
    (["--cert=/dev/null", pair()[1]], "certificate"),
], ids=["key of another", "certificate of another", "certificate as key", "key as certificate", "no key",
        "no certificate"])
def test_wrong_keys(ipectl, good, tmp_path, options, words):
    result = ipectl("sign", *options, good, status=1)
    assert words in result.errors
    assert not (tmp_path / "corp-base.p7b").exists()


@pytest.mark.parametrize("option", ["--cert", "--key"])
def test_missing_key_or_certificate(ipectl, good, option):
    result = ipectl("sign", *pair(), f"{option}=nowhere.pem", good, status=1)
    assert result.errors == "Failed to read 'nowhere.pem': No such file or directory\n"


def test_text_that_is_too_large_once_it_is_signed(ipectl, tmp_path):
    text = f"policy_name=p policy_version=1.0.0\n{BODY}"
    (tmp_path / "some.policy").write_text(text + "#" * (65535 - len(text)))
    result = ipectl("sign", *pair(), "--format=pkcs7", "some.policy", status=1)
    assert re.search(r"would have \d+ bytes; the kernel takes at most 65535", result.errors)
    assert not (tmp_path / "p.p7b").exists()


def test_largest_signed_policy(ipectl, tmp_path):
    policy = tmp_path / "some.policy"
    text = f"policy_name=p policy_version=1.0.0\n{BODY}"

    def pad(size):
        policy.write_text(text + "#" * (size - len(text)))

    pad(60000)
    size = 60000 + 65535 - len(signed(ipectl, policy))
    pad(size)
    assert len(signed(ipectl, policy)) == 65535
    pad(size + 1)
    assert "65536 bytes" in ipectl("sign", *pair(), "--format=pkcs7", "--output=-", policy, status=1).errors


@pytest.mark.parametrize("json", ["off", "short"])
def test_hostile_name_is_escaped(ipectl, tmp_path, json):
    (tmp_path / "some.policy").write_bytes(HOSTILE_HEADER + BODY.encode())
    result = ipectl("sign", f"--json={json}", *pair(), "some.policy")
    assert not re.search(rb"[^\n -~]", result.raw)
    assert len(list(tmp_path.glob("*.p7b"))) == 1


class TestPassphrase:
    @pytest.fixture(params=["pkcs8", "traditional"])
    def encrypted(self, request, tmp_path):
        path = tmp_path / "encrypted.key"
        options = ["-traditional"] if request.param == "traditional" else []
        openssl("pkey", "-in", keys.directory() / "test.key", "-aes256", "-passout", "pass:opensesame", "-out", path,
                *options)
        return path

    @pytest.fixture
    def terminal(self):
        """A terminal: our end of it, and its name."""
        here, there = pty.openpty()
        yield here, os.ttyname(there)
        os.close(there)
        os.close(here)

    def sign(self, ipectl, terminal, passphrase, key, policy, **expect):
        here, name = terminal
        os.write(here, passphrase + b"\n")
        # A terminal that a session without one opens becomes its own.
        return ipectl("sign", pair()[0], f"--key={key}", policy, before=["sh", "-c", f'exec "$@" <{name}', "sh"],
                      **expect)

    def test_is_asked_on_the_terminal(self, ipectl, encrypted, terminal, good, tmp_path):
        self.sign(ipectl, terminal, b"opensesame", encrypted, good)
        assert (tmp_path / "corp-base.p7b").read_bytes() == signed(ipectl, good)

    def test_that_is_wrong(self, ipectl, encrypted, terminal, good, tmp_path):
        result = self.sign(ipectl, terminal, b"open barley", encrypted, good, status=1)
        # By what it is found out is chance: of 256 wrong keys, one decrypts to something that ends as it should.
        assert "Cannot read the private key" in result.errors
        assert not (tmp_path / "corp-base.p7b").exists()

    def test_is_not_taken_from_standard_input(self, ipectl, encrypted, good):
        result = ipectl("sign", pair()[0], f"--key={encrypted}", good, status=1, input=b"opensesame\n")
        assert "no terminal" in result.errors

    def test_may_not_be_asked_for(self, ipectl, encrypted, good):
        result = ipectl("sign", "--no-ask-password", pair()[0], f"--key={encrypted}", good, status=4)
        assert "--no-ask-password" in result.errors


def test_nothing_binary_to_a_terminal(ipectl, good):
    here, there = pty.openpty()
    result = ipectl("sign", *pair(), "--output=-", good, status=1, stdout=there)
    assert "terminal" in result.errors
    fcntl.ioctl(here, termios.FIONREAD, waiting := bytearray(4))
    assert waiting == bytearray(4)
    os.close(there)
    os.close(here)


class TestCertificates:
    def sign(self, ipectl, tmp_path, certificate, **expect):
        return ipectl("sign", f"--cert={certificate}.crt", f"--key={certificate}.key", "--output=some.p7b", "good.policy", **expect)

    def test_chain_goes_into_the_message(self, ipectl, good, tmp_path, trust):
        issue(tmp_path, "root", "-days", "3650")
        issue(tmp_path, "middle", "-days", "3650", issuer="root")
        leaf = issue(tmp_path, "leaf", "-days", "3650", issuer="middle", extensions=LEAF)
        (trust / "root.pem").write_bytes((tmp_path / "root.crt").read_bytes())
        self.sign(ipectl, tmp_path, leaf)
        ipectl("verify", f"--trust={trust}", "some.p7b", status=6)
        chain = b"".join((tmp_path / f"{name}.crt").read_bytes() for name in ("leaf", "middle", "root", "middle"))
        (tmp_path / "leaf.crt").write_bytes(chain)
        for form in ("pkcs7", "appended"):
            result = ipectl("sign", f"--format={form}", "--force", "--cert=leaf.crt", "--key=leaf.key", "--output=some.p7b", good)
            assert not result.errors
            assert "'CN=leaf', who is trusted" in ipectl("verify", f"--trust={trust}", "some.p7b").output
        ipectl("sign", "--force", "--cert=leaf.crt", "--key=leaf.key", "--output=some.p7b", good)
        names = openssl("pkcs7", "-inform", "der", "-in", tmp_path / "some.p7b", "-print_certs", "-noout").decode()
        assert sorted(re.findall(r"subject=CN ?= ?(\w+)", names)) == ["leaf", "middle", "root"]

    def test_chain_that_begins_with_another(self, ipectl, good, tmp_path):
        issue(tmp_path, "root")
        leaf = issue(tmp_path, "leaf", issuer="root")
        (tmp_path / "leaf.crt").write_bytes((tmp_path / "root.crt").read_bytes() + (tmp_path / "leaf.crt").read_bytes())
        assert "has to be the first one" in self.sign(ipectl, tmp_path, leaf, status=1).errors
        assert not (tmp_path / "some.p7b").exists()

    @pytest.mark.parametrize("options, words", [
        ({"key": ("rsa:512",)}, "RSA key of 512 bits"),
        ({"key": ("rsa:1024",)}, "RSA key of 1024 bits"),
        ({"key": ("rsa:2560",)}, "RSA key of 2560 bits"),
        ({"key": ("ec", "-pkeyopt", "ec_paramgen_curve:secp224r1")}, "another curve"),
        ({"key": ("ec", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1")}, "another curve"),
        ({"key": ("rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048")}, "without PSS"),
        ({"key": ("ed25519",)}, "another algorithm"),
        ({"extensions": (LEAF[0], "keyUsage=critical,keyEncipherment")}, "keyUsage without digitalSignature"),
    ], ids=["RSA-512", "RSA-1024", "RSA-2560", "P-224", "brainpool", "PSS", "Ed25519", "encryption"])
    def test_key_that_nobody_accepts(self, ipectl, good, tmp_path, options, words):
        signer = issue(tmp_path, "signer", **{"extensions": LEAF, **options})
        assert words in self.sign(ipectl, tmp_path, signer, status=1).errors
        assert not (tmp_path / "some.p7b").exists()

    @pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
    def test_curve_that_kernels_have(self, ipectl, good, tmp_path, trust, curve):
        signer = issue(tmp_path, "signer", key=("ec", "-pkeyopt", f"ec_paramgen_curve:{curve}"), extensions=LEAF)
        (trust / "signer.pem").write_bytes((tmp_path / "signer.crt").read_bytes())
        self.sign(ipectl, tmp_path, signer)
        ipectl("verify", f"--trust={trust}", "some.p7b")

    def test_root_that_the_kernel_cannot_read(self, ipectl, good, tmp_path):
        issue(tmp_path, "root", key=("ed25519",))
        leaf = issue(tmp_path, "leaf", extensions=LEAF)
        with (tmp_path / "leaf.crt").open("ab") as file:
            file.write((tmp_path / "root.crt").read_bytes())
        assert "'CN=root'" in self.sign(ipectl, tmp_path, leaf, status=1).errors

    def test_warnings_of_what_will_not_be_accepted(self, ipectl, good, tmp_path):
        issue(tmp_path, "root", "-days", "3650")
        soon = issue(tmp_path, "soon", "-days", "30", issuer="root", extensions=LEAF)
        assert re.search(r"warning: The certificate 'CN=soon' expires on \d{4}-\d\d-\d\d", self.sign(ipectl, tmp_path, soon).errors)
        server = issue(tmp_path, "server", "-days", "3650", issuer="root", extensions=(*LEAF, "extendedKeyUsage=serverAuth"))
        (tmp_path / "some.p7b").unlink()
        assert "'CN=server' has no extendedKeyUsage codeSigning" in self.sign(ipectl, tmp_path, server).errors
        weak = issue(tmp_path, "weak", "-days", "3650", "-sha1", issuer="root", extensions=LEAF)
        (tmp_path / "some.p7b").unlink()
        assert "'CN=weak' is certified by a weak signature" in self.sign(ipectl, tmp_path, weak).errors
        fine = issue(tmp_path, "fine", "-days", "3650", issuer="root", extensions=LEAF)
        (tmp_path / "some.p7b").unlink()
        assert not self.sign(ipectl, tmp_path, fine).errors

    def test_key_is_looked_at_before_the_output(self, ipectl, good, tmp_path):
        (tmp_path / "corp-base.p7b").write_text("mine")
        result = ipectl("sign", *pair("other", "test"), good, status=1)
        assert "not that of the private key" in result.errors
        assert "exists" not in result.errors


@pytest.mark.parametrize("config", ["openssl_conf = a\n[a]\nproviders = b\n[b]\nnull = c\n[c]\nactivate = 1\n",
                                    "openssl_conf = a\nconfig_diagnostics = 1\n[a]\nproviders = b\n[b]\nx = y\n"])
def test_configuration_of_openssl_is_not_read(ipectl, good, tmp_path, config):
    path = tmp_path / "openssl.cnf"
    path.write_text(config)
    signed_before = signed(ipectl, good)
    result = ipectl("sign", *pair(), "--output=-", good, before=["env", f"OPENSSL_CONF={path}"])
    assert result.raw == signed_before
