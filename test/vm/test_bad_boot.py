# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boots in which something is broken, missing or changed, on both kernels: each comes up, makes the choice
that docs/boot.md documents, and says so once. One story on one machine: each test mends what it broke before
the next boot."""

import time

import keys
from message_ids import message_id
import pytest
from scenario import NAME, VERITY_GENERATOR

LOADED, LOAD_FAILED, KEPT, REJECTED = map(message_id, ("LOADED", "LOAD_FAILED", "KEPT", "REJECTED"))
STATE = "/var/lib/ipe/state.json"


@pytest.fixture(scope="module", autouse=True)
def prepared(scenario):
    """1.0.0 was confirmed before 1.1.0."""
    scenario.trust()
    for version in ("1.0.0", "1.1.0"):
        scenario.drop(scenario.signed(version))
        scenario.wait_for_state(version, "staged")
        scenario.activate(version)
    return scenario


def entries(scenario, message_id):
    return scenario.load_journal(f"MESSAGE_ID={message_id}")


def is_up(scenario):
    assert scenario.system.run("systemctl is-active multi-user.target || systemctl start multi-user.target").ok
    assert not scenario.system.must("journalctl -q -b -g 'ordering cycle' || true")


@pytest.mark.long
def test_a_clock_before_all_certificates_keeps_no_policy_from_being_loaded(scenario):
    """The machine's clock says 1970. systemd sets it to the time at which the image was built, so the test sets 1970 again. ipectld
    refuses a file that is dropped while the clock is wrong, and takes it once the clock is right."""
    scenario.system.options = ["-rtc", "base=1970-01-02T00:00:00"]
    scenario.system.reboot()
    scenario.system.options = []
    is_up(scenario)
    loaded, = entries(scenario, LOADED)
    assert loaded["IPE_VERSION"] == "1.1.0" and scenario.kernel_active() == (NAME, "1.1.0")
    scenario.system.must("date -s 1970-01-02 >/dev/null")
    scenario.drop(scenario.signed("1.2.0"))
    scenario.system.wait_until(f"journalctl --sync; journalctl -q -b -o cat MESSAGE_ID={REJECTED} | grep -q 'not yet valid'")
    assert "1.2.0" not in scenario.versions()
    scenario.system.must(f"date -s @{int(time.time())} >/dev/null")
    scenario.wait_for_state("1.2.0", "staged")


def test_a_damaged_policy_gives_way_to_the_one_before(scenario):
    digest = scenario.call("GetPolicy", "ss", NAME, "1.1.0")[0]["Digest"]["data"]
    path = f"/var/lib/ipe/objects/{digest}"
    scenario.system.must(f"printf X | dd of={path} bs=1 seek=100 conv=notrunc status=none")
    scenario.system.reboot()
    is_up(scenario)
    assert scenario.kernel_active() == (NAME, "1.0.0")
    failed, = entries(scenario, LOAD_FAILED)
    loaded, = entries(scenario, LOADED)
    assert (failed["IPE_VERSION"], loaded["IPE_VERSION"]) == ("1.1.0", "1.0.0")
    assert scenario.system.run("systemctl is-active ipe-load ipe-policy.target").ok


@pytest.mark.long
def test_a_state_that_cannot_be_read_loads_nothing_and_stops_nothing(scenario):
    scenario.system.must(f"systemctl stop ipectld; cp {STATE} /var/saved; rm {STATE} {STATE}.old; mkdir {STATE}")
    scenario.system.reboot()
    is_up(scenario)
    assert scenario.kernel_active() is None
    assert scenario.system.run("systemctl is-failed ipe-load").ok
    assert not scenario.system.run("systemctl is-active ipe-policy.target").ok
    said = [entry["MESSAGE"] for entry in scenario.load_journal()]
    assert len(said) == 1 and "Cannot read '/var/lib/ipe'" in said[0], said


@pytest.mark.long
def test_a_policy_that_systemd_has_loaded_stays_if_it_is_newer(scenario):
    """systemd loads what lies directly in /etc/ipe."""
    scenario.system.must(f"systemctl stop ipectld; rmdir {STATE}; cp /var/saved {STATE}")
    scenario.system.put(f"/etc/ipe/{NAME}.p7b", scenario.signed("5.0.0"))
    scenario.system.reboot()
    is_up(scenario)
    assert scenario.kernel_active() == (NAME, "5.0.0")
    kept, = entries(scenario, KEPT)
    assert kept["IPE_VERSION"] == "5.0.0" and not entries(scenario, LOAD_FAILED) and not entries(scenario, LOADED)
    assert scenario.system.run("systemctl is-active ipe-load ipe-policy.target").ok
    assert scenario.get("ActivePolicy") == [NAME, "5.0.0"]
    scenario.system.must(f"rm /etc/ipe/{NAME}.p7b")


def boot_without_a_policy(scenario, reached):
    """Cuts the power, and boots: until the words, or until the machine switches itself off. Then boots with nothing to load."""
    scenario.system.must("sync")
    scenario.system.kill()
    if reached:
        scenario.system.boot_until(reached)
    else:
        scenario.system.launch()
        scenario.system.process.wait(120)
    scenario.system.kill()
    scenario.system.command_line.append("systemd.mask=ipe-load.service")
    scenario.system.start()
    scenario.system.command_line.pop()


@pytest.mark.long
@pytest.mark.parametrize("choice, reached", [
    ("emergency", rb"Reached target.*emergency.target|Emergency Mode|emergency mode"), ("poweroff", None)])
def test_where_nothing_can_be_loaded_the_configuration_decides(scenario, choice, reached):
    scenario.system.must(f"systemctl stop ipectld; cp {STATE} /var/saved; rm {STATE} {STATE}.old; mkdir {STATE}")
    scenario.system.put("/etc/ipe/ipectld.conf", f"[Manager]\nOnFailure={choice}\n")
    boot_without_a_policy(scenario, reached)
    scenario.system.must(f"systemctl stop ipectld; rmdir {STATE}; cp /var/saved {STATE}; rm /etc/ipe/ipectld.conf")


@pytest.mark.long
def test_a_unit_that_ipe_load_requires_fails_and_the_machine_is_switched_off(scenario):
    """As the file system of /var: systemd does not start ipe-load.service then, so its FailureAction= does nothing."""
    files = "/etc/systemd/system/broken.service", "/etc/systemd/system/ipe-load.service.d/broken.conf", "/etc/ipe/ipectld.conf"
    scenario.system.put(files[0], "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/false\n")
    scenario.system.put(files[1], "[Unit]\nRequires=broken.service\nAfter=broken.service\n")
    scenario.system.put(files[2], "[Manager]\nOnFailure=poweroff\n")
    boot_without_a_policy(scenario, None)
    scenario.system.must(f"rm {' '.join(files)}")


@pytest.mark.long
def test_a_volume_that_does_not_appear_delays_the_policy_and_no_more(scenario):
    missing = "77" * 32
    scenario.drop(keys.sign_policy(
        scenario.policy("6.0.0") + f"op=EXECUTE dmverity_roothash=sha256:{missing} action=ALLOW\n"))
    scenario.wait_for_state("6.0.0", "staged")
    scenario.activate("6.0.0")
    scenario.system.put("/etc/veritytab", f"missing /dev/vdz /dev/vdz {missing} nofail\n")
    scenario.system.put("/etc/systemd/system/dev-vdz.device.d/timeout.conf", "[Unit]\nJobRunningTimeoutSec=5\n")
    before = scenario.system.command_line
    scenario.system.command_line = [*before, *VERITY_GENERATOR]
    scenario.system.reboot()
    scenario.system.command_line = before
    is_up(scenario)
    assert scenario.kernel_active() == (NAME, "6.0.0")
    assert "systemd-veritysetup@missing.service" in scenario.system.must("systemctl show -P After ipe-load.service")
    loaded, = entries(scenario, LOADED)
    assert loaded["IPE_VERSION"] == "6.0.0"


def test_the_kernel_says_nothing_alarming(scenario):
    assert scenario.system.trouble() == []
