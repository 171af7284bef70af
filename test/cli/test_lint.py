# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipectl lint and print, on plain text."""

import pytest

import keys
from conftest import GOOD

HEADER = "policy_name=p policy_version=1.0.0\n"
SHA256 = "ab" * 32


def write(directory, text, name="some.policy"):
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_good_policy(ipectl, good):
    result = ipectl("lint", good.name)
    assert result.output == "good.policy: 'corp-base' 1.2.3, 2 rules; every kernel with IPE accepts it\n"
    assert not result.errors


def test_quiet_leaves_findings_only(ipectl, good, tmp_path):
    assert ipectl("lint", "-q", good).output == ""
    bad = write(tmp_path, "nonsense\n")
    assert ipectl("lint", "-q", bad, status=1).output


def test_standard_input(ipectl):
    result = ipectl("lint", "-", input=GOOD.encode())
    assert result.output.startswith("<stdin>: 'corp-base' 1.2.3")


@pytest.mark.parametrize("text, place, words", [
    ("", "", "empty"),
    ("nonsense\n", ":1:1", "policy_name=NAME"),
    ("policy_name=p\n", ":1:1", "policy_version"),
    ("policy_name=p policy_version=1.0\n", ":1:15", "three components"),
    ("policy_name=p policy_version=1.0.x\n", ":1:15", "not a decimal number"),
    ("policy_name=p policy_version=1.0.65536\n", ":1:15", "above 65535"),
    (HEADER + "DEFAULT action=MAYBE\n", ":2:9", "'action=MAYBE'"),
    (HEADER + "DEFAULT action=ALLOW\nop=FLY boot_verified=TRUE action=ALLOW\n", ":3:1", "'op=FLY'"),
    (HEADER + "DEFAULT action=ALLOW\nop=EXECUTE boot_verified=YES action=ALLOW\n", ":3:12", "TRUE or FALSE"),
    (b"policy_name=p policy_version=1.0.0\nDEFAULT action=\0DENY\n", ":2:16", "NUL"),
    (b"policy_name=p policy_version=1.0.0\rDEFAULT action=DENY\n", ":1:35", "carriage return"),
    (HEADER + "DEFAULT action=ALLOW\nop=EXECUTE fsverity_digest=sha256:xy action=ALLOW\n", ":3:12", "xy"),
], ids=range(12))
def test_error_names_its_place(ipectl, tmp_path, text, place, words):
    write(tmp_path, text)
    result = ipectl("lint", "some.policy", status=1)
    assert result.output.startswith(f"some.policy{place}: error: ")
    assert words in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize("rules, place, words", [
    (f"op=EXECUTE fsverity_digest=sha257:{SHA256} action=ALLOW\n", ":3:12", "algorithm"),
    ("op=EXECUTE fsverity_digest=sha256:abcd action=ALLOW\n", ":3:12", "length"),
    ("op=EXECUTE boot_verified=TRUE boot_verified=FALSE action=ALLOW\n", ":3:", "never matches"),
    ("op=EXECUTE boot_verified=TRUE action=ALLOW\n" * 2, ":4:1", "line 3"),
])
def test_warning_is_an_error_only_if_strict(ipectl, tmp_path, rules, place, words):
    write(tmp_path, HEADER + "DEFAULT action=DENY\n" + rules)
    result = ipectl("lint", "some.policy")
    assert f"some.policy{place}" in result.output
    assert ": warning: " in result.output
    assert words in result.output
    assert "every kernel" in result.output
    strict = ipectl("lint", "--strict", "some.policy", status=1)
    assert ": error: " in strict.output
    assert ": warning: " not in strict.output


def test_extended_policy_is_a_note_even_if_strict(ipectl, tmp_path):
    write(tmp_path, HEADER + "DEFAULT action=DENY\nop=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n")
    result = ipectl("lint", "--strict", "some.policy")
    assert "some.policy:3:12: note: needs the extended ABI" in result.output
    assert "needs the extended ABI (line 3): upstream kernels refuse it" in result.output


def test_open_kexec_is_a_warning_that_strict_counts(ipectl, tmp_path):
    write(tmp_path, HEADER + "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n")
    sentence = ("root decides about the next kernel's command line, so whoever may load a kexec image can switch the policy off: "
                "deny KEXEC_IMAGE")
    assert ipectl("lint", "-q", "some.policy").output == f"some.policy:2:1: warning: {sentence}\n"
    assert ipectl("lint", "-q", "--strict", "some.policy", status=1).output == f"some.policy:2:1: error: {sentence}\n"
    assert ipectl("lint", "--json", "some.policy").json[0]["findings"] == [
        {"severity": "warning", "line": 2, "column": 1, "kind": "kexec", "message": sentence}]
    write(tmp_path, HEADER + "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nDEFAULT op=KEXEC_IMAGE action=DENY\n")
    ipectl("lint", "--strict", "some.policy")


@pytest.mark.parametrize("value", ["TRUE", "FALSE"])
def test_fsverity_signature_is_a_note_even_if_strict(ipectl, tmp_path, value):
    """The machine that lints may have no such keyring; test_keyrings.py has a kernel with one."""
    write(tmp_path, HEADER + f"DEFAULT action=DENY\nop=EXECUTE fsverity_signature={value} action=ALLOW\n")
    result = ipectl("lint", "--strict", "some.policy")
    assert "some.policy:3:12: note: every key in the keyring .fs-verity counts, root's own too" in result.output
    assert "'keyctl restrict_keyring %:.fs-verity'" in result.output
    finding, = ipectl("lint", "--strict", "--json", "some.policy").json[0]["findings"]
    assert (finding["severity"], finding["kind"]) == ("note", "keyring")


def test_rollback_floor_needs_the_extended_abi(ipectl, tmp_path):
    write(tmp_path, "policy_name=p policy_version=1.0.0 policy_rollback_floor=0.9.0\nDEFAULT action=DENY\n")
    assert "(line 1)" in ipectl("lint", "some.policy").output
    assert ipectl("lint", "--json", "some.policy").json[0]["rollback_floor"] == "0.9.0"


def test_policy_that_may_be_unsigned_needs_the_extended_abi(ipectl, tmp_path):
    write(tmp_path, "policy_name=p policy_version=1.0.0 policy_unsigned=TRUE\nDEFAULT action=DENY\n")
    output = ipectl("lint", "--strict", "some.policy").output
    assert "some.policy:1:36: note: needs the extended ABI" in output and "(line 1)" in output
    assert ipectl("print", "some.policy").output.startswith(
        "policy_name=p policy_version=1.0.0 policy_unsigned=TRUE\n")


@pytest.mark.parametrize("word", ["policy_unsigned=FALSE", "policy_unsigned=", "policy_unsigned=true"])
def test_policy_unsigned_of_another_value_is_an_error(ipectl, tmp_path, word):
    write(tmp_path, f"policy_name=p policy_version=1.0.0 {word}\nDEFAULT action=DENY\n")
    assert (f"some.policy:1:36: error: policy_unsigned has to be TRUE, or is left out: '{word}'"
            in ipectl("lint", "some.policy", status=1).output)


@pytest.mark.parametrize("name", [".", "..", "a/b", "x" * 256])
def test_name_that_cannot_be_a_directory_is_an_error(ipectl, tmp_path, name):
    write(tmp_path, f"policy_name={name} policy_version=1.0.0\nDEFAULT action=DENY\n")
    assert "some.policy: error: no kernel accepts" in ipectl("lint", "some.policy", status=1).output


def test_longest_name_is_accepted(ipectl, tmp_path):
    write(tmp_path, f"policy_name={'x' * 255} policy_version=1.0.0\nDEFAULT action=DENY\n")
    ipectl("lint", "--strict", "some.policy")


def test_text_too_large_to_be_signed_for_upstream(ipectl, tmp_path):
    filler = HEADER + "DEFAULT action=DENY\n"
    write(tmp_path, filler + "#" * (65535 - len(filler)) + "\n")
    output = ipectl("lint", "--strict", "some.policy").output
    assert "some.policy: note: the text has 65536 bytes" in output and "'appended-signature'" in output
    assert "needs the extended ABI (its size, or its form)" in output
    report, = ipectl("lint", "--json", "some.policy").json
    assert report["needs_extended_abi"] is True and report["extended_abi_line"] is None
    write(tmp_path, filler + "#" * 60000 + "\n")
    assert ipectl("lint", "--strict", "some.policy").output.endswith("every kernel with IPE accepts it\n")


def test_appended_signature_needs_the_extended_abi(ipectl, tmp_path):
    (tmp_path / "some.p7b").write_bytes(keys.append_signature((HEADER + "DEFAULT action=DENY\n").encode()))
    output = ipectl("lint", "some.p7b").output
    assert "some.p7b: note: the signature is appended to the text" in output and "needs the extended ABI" in output


def test_text_above_64_mib_is_an_error(ipectl, tmp_path):
    path = tmp_path / "some.policy"
    with open(path, "wb") as file:
        file.write(HEADER.encode())
        file.truncate((64 << 20) + 1)
    assert "64 MiB" in ipectl("lint", path, status=1).output


def test_pem_is_named(ipectl, tmp_path):
    write(tmp_path, "-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n")
    assert "this is PEM" in ipectl("lint", "some.policy", status=1).output


def test_hostile_bytes_are_escaped(ipectl, tmp_path):
    write(tmp_path, b"policy_name=\033]0;x\007\xff\xe2\x80\xae policy_version=1.0.0\nDEFAULT action=DENY\n",
          "a\nb\033.policy")
    result = ipectl("lint", "a\nb\033.policy")
    assert result.output == ("a\\nb\\x1b.policy: '\\x1b]0;x\\x07\\xff\\xe2\\x80\\xae' 1.0.0, 0 rules; "
                             "every kernel with IPE accepts it\n")


def test_long_token_is_cut(ipectl, tmp_path):
    write(tmp_path, "x" * 5000 + "\n")
    output = ipectl("lint", "some.policy", status=1).output
    assert output.endswith("x...'\n")
    assert len(output) < 200


def test_several_files(ipectl, good, tmp_path):
    write(tmp_path, "nonsense\n", "bad.policy")
    result = ipectl("lint", "good.policy", "missing.policy", "bad.policy", status=1)
    assert "good.policy: 'corp-base'" in result.output
    assert "bad.policy:1:1: error:" in result.output
    assert "missing.policy" in result.errors


@pytest.mark.parametrize("mode, lines", [("--json", 20), ("--json=pretty", 20), ("--json=short", 1)])
def test_json(ipectl, good, tmp_path, mode, lines):
    write(tmp_path, b"\xff\xc3\xbc\xf0\x9f\x98\x80\033\x7f\n", "bad.policy")
    result = ipectl("lint", mode, "good.policy", "bad.policy", status=1)
    assert result.raw.isascii()
    assert (len(result.output.splitlines()) > 1) == (lines > 1)
    first, second = result.json
    assert first == {"file": "good.policy", "ok": True, "signed": False, "signer": None, "name": "corp-base", "version": "1.2.3",
                     "rollback_floor": "1.2.3", "rules": 2, "needs_extended_abi": False, "extended_abi_line": None,
                     "findings": []}
    assert second["file"] == "bad.policy"
    assert not second["ok"]
    assert "name" not in second
    assert second["findings"][0]["line"] == 1
    assert second["findings"][0]["severity"] == "error"
    assert second["findings"][0]["kind"] == "syntax"
    assert second["findings"][0]["message"].endswith(": '\\xff\u00fc\U0001f600\\x1b\\x7f'")


def test_json_off_is_text(ipectl, good):
    assert ipectl("lint", "--json=off", good).output == ipectl("lint", good).output


def test_lint_on_full_disk(ipectl, good):
    with open("/dev/full", "wb") as full:
        assert "No space left" in ipectl("lint", good, status=1, stdout=full).errors


def test_print_is_canonical_and_stable(ipectl, tmp_path):
    write(tmp_path, "# title\n\npolicy_name=p\tpolicy_version=01.0.0   # x\nDEFAULT   action=ALLOW\n"
                    f"op=EXECUTE  fsverity_digest=sha256:{SHA256.upper()}\taction=DENY\n")
    result = ipectl("print", "some.policy")
    assert result.output == ("policy_name=p policy_version=1.0.0\nDEFAULT action=ALLOW\n"
                             f"op=EXECUTE fsverity_digest=sha256:{SHA256} action=DENY\n")
    assert ipectl("print", "-", input=result.raw).raw == result.raw


def test_print_json(ipectl, good):
    result = ipectl("print", "--json", good).json
    assert result == {"name": "corp-base", "version": "1.2.3", "signed": False, "signer": None, "text": GOOD}


def test_print_refuses_what_is_no_policy(ipectl, tmp_path):
    write(tmp_path, "nonsense\n")
    result = ipectl("print", "some.policy", status=1)
    assert not result.output
    assert "some.policy:1:1: error:" in result.errors


def test_print_on_full_disk(ipectl, good):
    with open("/dev/full", "wb") as full:
        assert "No space left" in ipectl("print", good, status=1, stdout=full).errors
