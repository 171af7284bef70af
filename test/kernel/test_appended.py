# SPDX-License-Identifier: LGPL-2.1-or-later
"""The envelope for large policies: the text, a detached signature, the trailer of a signed module."""

import struct

import keys
import pytest
from guest import IPE
from world import Cycle

ALLOW, DENY = Cycle.ALLOW, Cycle.DENY
MARK = b"~Module signature appended~\n"


def text(name, version="1.0.0", rules=ALLOW, digests=0):
    rows = "".join(f"op=EXECUTE fsverity_digest=sha256:{number:064x} action=ALLOW\n" for number in range(digests))
    return f"policy_name={name} policy_version={version}\n{rules}{rows}".encode()


def appended(data, signature=None, size=None, kind=2, mark=MARK):
    signature = keys.smime(data, "-noattr") if signature is None else signature
    return data + signature + struct.pack(">BBBBB3xI", 0, 0, kind, 0, 0, len(signature) if size is None else size) + mark


def test_every_way_to_load(cycle):
    name = cycle.fresh()
    first, second, third = (keys.append_signature(text(name, f"{number}.0.0", digests=1000)) for number in (1, 2, 3))
    assert len(first) > 65535
    assert cycle.load(first) == "OK"
    assert cycle.get(name, "pkcs7") == first and cycle.get(name, "policy") == text(name, digests=1000)
    assert cycle.put(name, "update", second) == "OK" and cycle.put(name, "stage", third) == "OK"
    assert cycle.versions(name) == ("2.0.0", "3.0.0", "1.0.0")
    assert cycle.put(name, "trial", "100") == "OK"
    assert cycle.verdict() == "OK"


def test_small_one_is_as_good_as_a_message(cycle):
    name = cycle.fresh()
    assert cycle.load(keys.append_signature(text(name, rules=DENY))) == "OK"
    assert cycle.put(name, "active") == "OK"
    assert cycle.verdict() == "EACCES"


def test_mistakes(cycle):
    """Each is refused, and leaves nothing."""
    name = cycle.fresh()
    good = text(name)
    mistakes = {
        "nothing but the mark": (MARK, "EBADMSG"),
        "no signature": (appended(good, b""), "EBADMSG"),
        "no text": (appended(b""), "EBADMSG"),
        "no trailer": (good + MARK, "EBADMSG"),
        "a signature that begins before the file": (appended(good, size=1 << 20), "EBADMSG"),
        "a signature of more than all of it": (appended(good, size=0xffffffff), "EBADMSG"),
        "a signature with a byte less": (appended(good, size=len(keys.smime(good, "-noattr")) - 1), "EBADMSG"),
        "a signature with a byte more": (appended(good, keys.smime(good, "-noattr") + b"\0"), "EBADMSG"),
        "another kind of signature": (appended(good, kind=1), "ENOPKG"),
        "a mark without its newline": (appended(good, mark=MARK[:-1]), "EBADMSG"),
        "something behind the mark": (appended(good) + b"\n", "EBADMSG"),
        "a message with the text in it": (appended(good, keys.sign_policy(good)), "EBADMSG"),
        "a message with another text in it": (appended(good, keys.sign_policy(text(name, rules=DENY))), "EBADMSG"),
        "a signature of another text": (appended(good, keys.smime(good + b"#", "-noattr")), "EKEYREJECTED"),
        "a signer that nobody trusts": (keys.append_signature(good, key="other"), "ENOKEY"),
        "a text that is no policy": (keys.append_signature(b"nonsense\n"), "EBADMSG"),
        "a signature that is nonsense": (appended(good, b"x" * 500), "EBADMSG"),
        "a signature above 64 KiB": (appended(good, b"\x30\x83\x01\x00\x00" + bytes(65536)), "EMSGSIZE"),
        "two of them": (appended(appended(good)), "EBADMSG"),
    }
    before = cycle.loaded()
    found = {what: cycle.load(data) for what, (data, _) in mistakes.items()}
    assert found == {what: expected for what, (_, expected) in mistakes.items()}
    assert cycle.loaded() == before


@pytest.mark.parametrize("cut", (1, 12, 28, 40, 200))
def test_cut(cycle, cut):
    data = keys.append_signature(text(cycle.fresh()))
    assert cycle.load(data[:-cut]) == "EBADMSG"
    assert cycle.load(data[cut:]) in ("EBADMSG", "EKEYREJECTED")


def test_flipped_bits(cycle):
    """Of the text, of the signature, of the trailer; one a byte."""
    data = keys.append_signature(text(cycle.fresh()))
    before = cycle.loaded()
    answers = cycle.machine.batch([("put", f"{IPE}/new_policy", data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:])
                                   for at in range(0, len(data), 7)])
    refused = {answer.name for answer in answers}
    # Parts of a message that are not signed, such as the certificate's own signature, may change.
    assert refused <= {"EBADMSG", "EKEYREJECTED", "ENOKEY", "ENOPKG", "EINVAL", "EMSGSIZE", "EEXIST", "OK"}, refused
    text_length = data.index(b"\n", data.index(b"DEFAULT")) + 1
    assert "OK" not in {answer.name for answer in answers[:text_length // 7]}
    for name in set(cycle.loaded()) - set(before):
        assert cycle.put(name, "delete") == "OK"


def test_ten_thousand_digests(cycle):
    """The first and the last count, and one in the middle does not if it is another."""
    name = cycle.fresh()
    own = keys.fsverity_digest(cycle.kit.programs["fsv"])
    rows = [f"op=EXECUTE fsverity_digest=sha256:{number:064x} action=ALLOW\n" for number in range(10_000)]
    data = f"policy_name={name} policy_version=1.0.0\n{ALLOW}{''.join(rows)}op=EXECUTE fsverity_digest=sha256:{own} action=DENY\n"
    assert cycle.load(keys.append_signature(data.encode())) == "OK"
    assert cycle.put(name, "active") == "OK"
    assert cycle.verdict() == "OK"
