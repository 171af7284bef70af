# SPDX-License-Identifier: LGPL-2.1-or-later
"""A policy that uses fsverity_signature, while the kernel reports its keyring .fs-verity: status, staging
and lint. Plain files stand in for the kernel, see kernel_files.py."""

import json

import pytest

from machine import policy_text, signed

DENY = "DEFAULT action=DENY\n"
USES = DENY + "op=EXECUTE fsverity_signature=TRUE action=ALLOW\n"
RESTRICT = "keyctl restrict_keyring %:.fs-verity"
# None: no such file, as on a stock kernel.
NOT_SEALED = {"open": ".fs-verity open\n", "restricted": ".fs-verity restricted\n", "no file": None, "empty": "",
              "no line": ".dm-verity sealed\n", "new word": ".fs-verity welded\n", "twice": ".fs-verity open\n.fs-verity sealed\n",
              "cut": ".fs-verity seal", "NUL": ".fs-verity sealed\n\0.fs-verity open\n", "large": ".fs-verity sealed\n" + "\n" * 5000}


@pytest.fixture
def machine(bare, kernel_files):
    bare.start_daemon()
    return bare


def say(machine, text):
    if text is None:
        machine.kernel.path("keyrings").unlink(missing_ok=True)
    else:
        machine.kernel.put("keyrings", text)


def activate(machine, body, name="corp-base", version="1.0.0", place="", active=True):
    """Another program than this daemon has activated a policy."""
    machine.kernel.put_policy(name, (version, b""), active=active)
    machine.kernel.put(f"policies/{name}/{place}policy", policy_text(name, version, body))


def warnings(machine):
    """The warnings on the bus; status prints the same as text and as JSON."""
    found = machine.properties()["Warnings"]
    assert json.loads(machine.ipectl("status", "--json").stdout)["warnings"] == found
    lines = [line.strip() for line in machine.ipectl("status").stdout.splitlines() if "Warning" in line]
    assert lines == [f"Warning: {warning}" for warning in found]
    return found


@pytest.mark.parametrize("text", NOT_SEALED.values(), ids=NOT_SEALED)
def test_status_warns_until_the_keyring_is_sealed(machine, text):
    say(machine, text)
    activate(machine, USES)
    warning, = warnings(machine)
    assert "uses fsverity_signature (line 3)" in warning and RESTRICT in warning
    say(machine, ".fs-verity sealed\n")
    assert warnings(machine) == []
    say(machine, text)
    assert warnings(machine) == [warning]


@pytest.mark.parametrize("text, words", [(".fs-verity open\n", "is open"), (".fs-verity restricted\n", "is restricted, not sealed"),
                                         (None, "this kernel does not say")])
def test_the_warning_names_the_state(machine, text, words):
    say(machine, text)
    activate(machine, USES)
    assert words in warnings(machine)[0]


def test_a_policy_that_denies_by_the_property_uses_it_too(machine):
    activate(machine, "DEFAULT action=ALLOW\n\nop=KMODULE fsverity_signature=FALSE action=DENY\n")
    assert "(line 4)" in warnings(machine)[0]


@pytest.mark.parametrize("body", [DENY, DENY + "op=EXECUTE boot_verified=TRUE action=ALLOW # fsverity_signature=TRUE\n",
                                  DENY + "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n"])
def test_a_policy_that_does_not_use_it_has_no_warning(machine, body):
    say(machine, ".fs-verity open\n")
    activate(machine, body)
    assert warnings(machine) == []


def test_without_an_active_policy_there_is_no_warning(machine):
    say(machine, ".fs-verity open\n")
    assert warnings(machine) == []
    activate(machine, USES, active=False)
    assert warnings(machine) == []


def test_the_policy_on_trial_counts(machine):
    activate(machine, DENY)
    machine.kernel.put_policy("corp-base", ("1.0.0", b""), ("2.0.0", b""), active=True)
    machine.kernel.put("policies/corp-base/next/policy", policy_text(version="2.0.0", body=USES))
    assert warnings(machine) == []
    machine.kernel.put_trial("corp-base", "2.0.0")
    assert len(warnings(machine)) == 1
    machine.kernel.end_trial("corp-base")
    assert warnings(machine) == []


@pytest.mark.parametrize("text", [b"nonsense", b"", b"\0" * 100])
def test_an_active_policy_that_cannot_be_read_is_not_taken_for_harmless(machine, text):
    activate(machine, USES)
    machine.kernel.put("policies/corp-base/policy", text)
    warning, = warnings(machine)
    assert "Cannot read the active policy" in warning
    say(machine, ".fs-verity sealed\n")
    assert warnings(machine) == []


def staging_warnings(machine, version):
    """The warnings of GetPolicy(); the journal has the same."""
    machine.stage(signed(version=version, body=USES))
    found = machine.get("corp-base", version)["Warnings"]
    said = [entry["MESSAGE"] for entry in machine.entries(PRIORITY="4", IPE_VERSION=version)]
    assert said == [f"'corp-base' {version}: {warning}" for warning in found]
    return found


@pytest.mark.parametrize("text", NOT_SEALED.values(), ids=NOT_SEALED)
def test_staging_warns_until_the_keyring_is_sealed(machine, text):
    say(machine, text)
    warning, = staging_warnings(machine, "1.0.0")
    assert warning.startswith("line 3, column 12: every key in the keyring .fs-verity counts") and RESTRICT in warning
    say(machine, ".fs-verity sealed\n")
    assert staging_warnings(machine, "1.1.0") == []
    assert machine.get("corp-base", "1.0.0")["Warnings"] == []


def test_staging_warns_of_open_kexec(machine):
    machine.stage(signed(body="DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"))
    warning, = machine.get("corp-base")["Warnings"]
    assert warning.startswith("line 2, column 1: root decides about the next kernel's command line")
    assert [entry for entry in machine.entries(PRIORITY="4") if warning in entry["MESSAGE"]]


@pytest.mark.parametrize("text", NOT_SEALED.values(), ids=NOT_SEALED)
def test_lint_has_a_note_until_the_keyring_is_sealed(bare, kernel_files, text):
    (bare.run_directory / "some.policy").write_text(policy_text(body=USES))
    say(bare, text)
    assert "/run/some.policy:3:12: note: every key in the keyring" in bare.ipectl("lint", "--strict", "/run/some.policy").stdout
    say(bare, ".dm-verity open\n.fs-verity sealed\n")
    assert bare.ipectl("lint", "--strict", "/run/some.policy").stdout == \
        "/run/some.policy: 'corp-base' 1.0.0, 1 rule; every kernel with IPE accepts it\n"
