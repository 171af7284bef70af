# SPDX-License-Identifier: LGPL-2.1-or-later
"""Volumes that come and go, on both kernels: ipectld reports each, and one that the policy does not trust is
not opened where the administrator asks for that. Real dm-verity, real systemd-veritysetup@.service. One
story on one machine."""

import keys
from message_ids import message_id
import pytest
from scenario import VERITY_GENERATOR
from volumes import BLOCK

APPEARED, DENIED = message_id("VOLUME"), message_id("VOLUME_DENIED")


@pytest.fixture(scope="module", autouse=True)
def prepared(scenario):
    """The second volume in veritytab, which nobody opens by himself; with its signature, and without."""
    scenario.trust()
    volume = scenario.volume
    scenario.system.put("/etc/data.p7s", keys.sign_root_hash(volume.root_hash))
    offset = f"noauto,hash-offset={volume.blocks * BLOCK}"
    scenario.system.put("/etc/veritytab", f"data /dev/vdd /dev/vdd {volume.root_hash} {offset},root-hash-signature=/etc/data.p7s\n"
                        f"bare /dev/vdd /dev/vdd {volume.root_hash} {offset}\n")
    scenario.system.command_line += VERITY_GENERATOR
    scenario.system.reboot()
    return scenario


def told(scenario, message_id, volume):
    return scenario.journal(f"MESSAGE_ID={message_id}", f"IPE_VOLUME={volume}")


def wait_for(scenario, message_id, volume, count=1):
    scenario.system.wait_until(f"journalctl --sync; [ $(journalctl -q -o cat MESSAGE_ID={message_id} IPE_VOLUME={volume} | wc -l) -ge {count} ]")
    found = told(scenario, message_id, volume)
    assert len(found) == count, found
    return found[-1]


def opened(scenario, volume):
    return scenario.system.run(f"systemctl start systemd-veritysetup@{volume}.service")


def test_what_was_open_at_start_is_told(scenario):
    entry = wait_for(scenario, APPEARED, "root")
    assert entry["IPE_SIGNED"] == "1" and entry["IPE_VERDICT"] == ""


def test_a_volume_that_appears_is_told_with_what_the_kernel_knows(scenario):
    """One after the other: they are of the same device."""
    for name, signed in (("data", "1"), ("bare", "0")):
        scenario.system.must("systemctl stop systemd-veritysetup@data.service")
        assert opened(scenario, name).ok
        entry = wait_for(scenario, APPEARED, name)
        assert (entry["IPE_SIGNED"], entry["IPE_ROOT_HASH"]) == (signed, f"sha256:{scenario.volume.root_hash}")
        assert not told(scenario, DENIED, name)


def test_a_volume_that_the_policy_does_not_trust_is_reported_once(scenario):
    scenario.drop(scenario.signed("1.0.0"))
    scenario.wait_for_state("1.0.0", "staged")
    scenario.activate("1.0.0")
    entry = wait_for(scenario, DENIED, "bare")
    assert entry["PRIORITY"] == "4" and entry["IPE_RULE"] == "DEFAULT op=EXECUTE action=DENY"
    assert not told(scenario, DENIED, "data") and not told(scenario, DENIED, "root")
    assert {row[0]: row[3] for row in scenario.call("ListVolumes")[0]} == {"root": "ALLOW", "bare": "DENY"}


def test_one_that_goes_and_comes_back_is_told_again(scenario):
    scenario.system.must("systemctl stop systemd-veritysetup@bare.service && sleep 3")
    assert opened(scenario, "bare").ok
    wait_for(scenario, DENIED, "bare", 2)
    wait_for(scenario, APPEARED, "bare", 2)
    assert len(told(scenario, APPEARED, "data")) == 1


def test_one_that_is_not_trusted_is_not_opened_where_that_is_wanted(scenario):
    scenario.system.must("systemctl stop systemd-veritysetup@bare.service && "
                         "systemctl enable ipe-volume-check@bare.service ipe-volume-check@data.service")
    refused = opened(scenario, "bare")
    assert not refused.ok
    assert not scenario.system.run("[ -e /dev/mapper/bare ]").ok
    assert "let nothing on it be executed" in scenario.system.must("journalctl -q -u ipe-volume-check@bare -o cat")
    assert opened(scenario, "data").ok and scenario.system.run("[ -e /dev/mapper/data ]").ok


def test_a_signature_that_the_kernel_refuses_opens_nothing(scenario):
    """ipe-volume-check believes that there is one; the kernel looks."""
    scenario.system.must("systemctl stop systemd-veritysetup@data.service")
    scenario.system.put("/etc/data.p7s", keys.sign_root_hash(scenario.volume.root_hash, key="other"))
    assert not opened(scenario, "data").ok and not scenario.system.run("[ -e /dev/mapper/data ]").ok


def test_the_kernel_says_nothing_alarming(scenario):
    assert scenario.system.trouble() == []
