# SPDX-License-Identifier: LGPL-2.1-or-later
"""ipe-volume-check: the facts that it takes from veritytab, and that it says no where it cannot tell. Plain
files stand in for the kernel's; real volumes are in test/vm."""

import pytest

from machine import policy_text
from programs import VOLUME_CHECK

ONE, TWO = "ab" * 32, "cd" * 64
DENY = "DEFAULT action=DENY\n"


@pytest.fixture
def check(bare, kernel_files):
    """check(policy's body, veritytab, command line, name): (exit status, what was said)."""
    binds = bare.binds

    def run(body, veritytab, cmdline="", name="data"):
        if body is not None:
            kernel_files.put_policy("corp-base", ("1.0.0", b""), active=True)
            kernel_files.put("policies/corp-base/policy", policy_text(body=body) if isinstance(body, str) else body)
        (bare.directory / "cmdline").write_text(f"{cmdline}\n")
        if veritytab is not None:
            (bare.etc / "veritytab").write_text(veritytab)
        bare.binds = [*binds, "--ro-bind", bare.directory / "cmdline", "/proc/cmdline"]
        before = len(bare.journal.read())
        status = bare.run("env", "SYSTEMD_VERITYTAB=/etc/ipe/veritytab", VOLUME_CHECK, name, check=False).returncode
        return status, [entry["MESSAGE"] for entry in bare.journal.read()[before:]]

    return run


def entry(root_hash=ONE, options=""):
    return f"other 1 2 {'00' * 32}\ndata /dev/a /dev/b {root_hash} {options}\n"


@pytest.mark.parametrize("body, veritytab, cmdline, status", [
    ("DEFAULT action=ALLOW\n", entry(), "", 0),
    (DENY, entry(), "", 1),
    (f"{DENY}op=EXECUTE dmverity_roothash=sha256:{ONE} action=ALLOW\n", entry(), "", 0),
    (f"{DENY}op=EXECUTE dmverity_roothash=sha256:{ONE} action=ALLOW\n", entry(ONE.upper()), "", 0),
    (f"{DENY}op=EXECUTE dmverity_roothash=sha512:{TWO} action=ALLOW\n", entry(TWO), "", 0),
    (f"{DENY}op=EXECUTE dmverity_roothash=sha256:{ONE} action=ALLOW\n", entry(ONE, "nofail,hash=blake2s-256"), "", 1),
    (f"{DENY}op=EXECUTE dmverity_roothash=blake2s-256:{ONE} action=ALLOW\n", entry(ONE, "hash=blake2s-256,nofail"), "", 0),
    # The option, not another one whose name ends like it; the last one, as systemd reads them.
    (f"{DENY}op=EXECUTE dmverity_roothash=blake2s-256:{ONE} action=ALLOW\n", entry(ONE, "x-hash=a,hash=blake2s-256"), "", 0),
    (f"{DENY}op=EXECUTE dmverity_roothash=blake2s-256:{ONE} action=ALLOW\n", entry(ONE, "hash=sha256,hash=blake2s-256"), "", 0),
    (f"{DENY}op=EXECUTE dmverity_signature=TRUE action=ALLOW\n", entry(ONE, "x-root-hash-signature=/a,root-hash-signature=/b"), "", 0),
    (f"{DENY}op=KMODULE dmverity_roothash=sha256:{ONE} action=ALLOW\n", entry(), "", 1),
    (f"{DENY}op=EXECUTE dmverity_signature=TRUE action=ALLOW\n", entry(), "", 1),
    (f"{DENY}op=EXECUTE dmverity_signature=TRUE action=ALLOW\n", entry(ONE, "root-hash-signature=/a.p7s"), "", 0),
    (f"{DENY}op=EXECUTE dmverity_signature=TRUE action=ALLOW\n", entry(ONE, "xroot-hash-signature=/a.p7s"), "", 1),
    (f"{DENY}op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n", entry(), f"usrhash={ONE}", 0),
    (f"{DENY}op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n", entry(), "", 1),
    (f"{DENY}op=EXECUTE dmverity_roothash=sha256:{ONE} action=DENY\nop=EXECUTE dmverity_signature=TRUE action=ALLOW\n",
     entry(ONE, "root-hash-signature=/a.p7s"), "", 1),
])
def test_the_policy_decides(check, body, veritytab, cmdline, status):
    found, said = check(body, veritytab, cmdline)
    assert found == status
    assert not said if status == 0 else "let nothing on it be executed" in said[0]


def test_without_a_policy_all_may_be_opened(check):
    assert check(None, None) == (0, [])


@pytest.mark.parametrize("body, veritytab, words", [
    (DENY, "", "no such volume"), (DENY, None, "cannot read"), (DENY, entry("-"), "is not a root hash"), (DENY, entry("abc"), "is not a root hash"),
    (DENY, entry("zz" * 32), "is not a root hash"), (DENY, entry("ab" * 65), "is not a root hash"), (b"nonsense", entry(), "cannot parse"),
    (b"", entry(), "cannot parse"),
])
def test_what_cannot_be_told_is_not_opened(check, body, veritytab, words):
    status, said = check(body, veritytab)
    assert status == 1 and words in said[0], said
