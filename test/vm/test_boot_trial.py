# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trials that go on over a reboot, on our kernel and on Debian's stock one, with the same tests: real boots
decide, and the test power-cycles a machine that does not come up, as a watchdog would. The tests are one
story on one machine; each begins with a confirmed policy, and no trial. IPE_TEST_ROUNDS= sets the number of
trials with cuts."""

import itertools
import json
import os
import random
import time

import keys
from message_ids import message_id
import pytest
from scenario import IPE, NAME, ON_VOLUME, VOLUME

TRIED, NOT_TRIED, ENDED, CONFIRMED = map(message_id, ("TRIAL_BOOT", "TRIAL_NOT_LOADED", "TRIAL_ENDED", "CONFIRMED"))
# For the state after a boot, of which a busy host makes a long one.
AFTER_BOOT_SEC = 120
CUTS = int(os.environ.get("IPE_TEST_ROUNDS") or (20 if os.environ.get("IPE_TEST_LONG") else 1))
# A unit that the machine needs, by the configuration: a program of the second volume, which is opened for it.
NEEDED = f"""[Unit]
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStartPre=sh -c 'veritysetup status volume >/dev/null || veritysetup open /dev/vdd volume /dev/vdd %s --hash-offset=%d --root-hash-signature=/etc/volume.p7s'
ExecStartPre=sh -c 'mkdir -p {VOLUME} && {{ mountpoint -q {VOLUME} || mount -o ro /dev/mapper/volume {VOLUME}; }}'
ExecStart={ON_VOLUME}
[Install]
WantedBy=multi-user.target
"""

numbers = (f"1.0.{number}" for number in itertools.count(1))


@pytest.fixture(scope="module", autouse=True)
def prepared(scenario):
    """The service that is needed, and a first policy, which is confirmed."""
    system = scenario.system
    scenario.open_volume()
    scenario.trust()
    system.must("cp /run/volume.p7s /etc/volume.p7s")
    system.put("/etc/systemd/system/needed.service", NEEDED % (scenario.volume.root_hash, scenario.volume.blocks * 4096))
    system.must("systemctl daemon-reload && systemctl enable --now needed.service")
    configure(scenario)
    stage(scenario)
    scenario.activate()
    return scenario


def configure(scenario, *settings):
    scenario.configure("HealthUnits=needed.service", "TrialBootSec=150", *settings)


def stage(scenario, **options):
    version = next(numbers)
    scenario.drop(scenario.signed(version, **options))
    scenario.wait_for_state(version, "staged")
    return version


def begin(scenario, confirm="auto", **options):
    """Puts another version on trial; returns what is confirmed, and what is on trial."""
    before, version = scenario.get("ConfirmedPolicy")[1], stage(scenario, **options)
    scenario.activate_with({"trial-sec": "t 3600", "confirm": f"s {confirm}", "force": "b true"})
    assert state(scenario, version) == "trial"
    return before, version


def state(scenario, version):
    return scenario.versions()[version]


def entries(scenario, message_id, version, *matches):
    return scenario.journal(*matches, f"MESSAGE_ID={message_id}", f"IPE_VERSION={version}")


def assert_confirmed(scenario, version, before):
    assert state(scenario, version) == "confirmed" and state(scenario, before) == "superseded"
    assert scenario.kernel_active() == (NAME, version) and scenario.get("TrialPolicy") == ["", ""]
    assert scenario.get("ConfirmedPolicy") == [NAME, version]


def assert_back(scenario, version, before):
    """The confirmed version is active, and the trial has ended."""
    assert state(scenario, version) == "rolled-back" and state(scenario, before) == "confirmed"
    assert scenario.kernel_active() == (NAME, before) and scenario.get("TrialPolicy") == ["", ""]
    scenario.system.wait_until("systemctl is-active needed.service")


def trial_on_disk(scenario):
    return json.loads(scenario.system.must("cat /var/lib/ipe/state.json"))["trial"]


def test_a_boot_without_a_trial_is_complete(scenario):
    """The first one. Nothing is checked, nothing is confirmed, and no unit has failed for that."""
    scenario.system.wait_until("systemctl is-active boot-complete.target")
    for unit in ("ipe-boot-check", "ipe-confirm"):
        assert scenario.system.must(f"systemctl show -P ActiveState -P Result {unit}").split() == ["exec-condition", "inactive"]
    assert scenario.system.run("systemctl is-system-running --wait").output == "running\n"
    assert not scenario.system.must("journalctl -q -b -g 'ordering cycle|Found ordering' || true")


def test_a_good_policy_is_confirmed_by_a_boot(scenario):
    before, version = begin(scenario)
    assert scenario.get("TrialBoots") == 0 and scenario.get("TrialBootsMax") == 3
    scenario.system.reboot()
    scenario.wait_for_state(version, "confirmed", AFTER_BOOT_SEC)
    assert_confirmed(scenario, version, before)
    scenario.system.wait_until("systemctl is-active boot-complete.target ipe-boot-check.service ipe-confirm.service")
    tried, = entries(scenario, TRIED, version, "-b")
    confirmed, = entries(scenario, CONFIRMED, version, "-b")
    begun, = [entry for entry in scenario.journal("-u", "ipectld", f"IPE_VERSION={version}") if "IPE_TRIAL_SEC" in entry]
    assert tried["IPE_TRANSACTION"] == confirmed["IPE_TRANSACTION"] == begun["IPE_TRANSACTION"]


@pytest.mark.long
def test_a_trial_that_is_confirmed_by_hand_waits_for_that(scenario):
    before, version = begin(scenario, "manual")
    scenario.system.reboot()
    assert scenario.system.run("systemctl is-system-running --wait").output == "running\n"
    assert state(scenario, version) == "trial" and scenario.get("TrialBoots") == 1
    assert scenario.kernel_active() == (NAME, version)
    scenario.call("Confirm", "s", NAME)
    assert_confirmed(scenario, version, before)


def test_a_policy_that_breaks_what_is_needed_is_given_up(scenario):
    before, version = begin(scenario, revoke_volume=True)
    scenario.system.reboot()
    scenario.wait_for_state(version, "rolled-back", AFTER_BOOT_SEC)
    ended, = entries(scenario, ENDED, version)
    assert "'needed.service'" in ended["MESSAGE"]
    if not scenario.has("trial"):
        assert scenario.kernel_active() == (NAME, version) and state(scenario, before) == "pending-reboot"
        scenario.system.reboot()
    else:
        scenario.system.must("systemctl restart needed.service")
    assert_back(scenario, version, before)


def deny_all(version):
    return f"policy_name={NAME} policy_version={version}\nDEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"


def begin_fatal(scenario):
    """A policy that denies every program, the shell of the test included."""
    before, version = scenario.get("ConfirmedPolicy")[1], next(numbers)
    scenario.drop(keys.sign_policy(deny_all(version)))
    scenario.wait_for_state(version, "staged")
    # With ipe-inspect, ipectld sees what it denies, and refuses it even if forced.
    scenario.system.must("systemctl stop ipe-inspect.socket")
    result = scenario.system.run(f"ipectl activate --force --trial-sec=3600 --confirm=manual {NAME}")
    assert result.ok or "denied" in result.output, result
    return before, version


@pytest.mark.long_on("stock")
def test_a_policy_that_stops_the_boot_is_tried_twice_and_no_more(scenario):
    configure(scenario, "TrialBoots=2")
    before, version = begin_fatal(scenario)
    # Denials are to be on the console, however many records there are.
    scenario.system.command_line.append("sysctl.kernel.printk_ratelimit=0")
    for _ in range(2):
        scenario.system.kill()
        # The agent would be among the last; nothing is executed any more.
        scenario.system.boot_until(rb'ipe_op=EXECUTE[^\n]*action=DENY')
        time.sleep(5)
    scenario.system.command_line.pop()
    scenario.system.cut_power()
    scenario.wait_for_state(version, "rolled-back", AFTER_BOOT_SEC)
    assert_back(scenario, version, before)
    assert len(entries(scenario, NOT_TRIED, version, "-b")) == 1
    # The journal has lost its entries of the boots that were cut, but the boots were counted.
    ended, = entries(scenario, ENDED, version)
    assert "in any of the boots that TrialBoots= allows" in ended["MESSAGE"]


@pytest.mark.long
def test_a_count_that_cannot_be_written_is_no_boot(scenario):
    """The disk of /var/lib/ipe is read-only until ipectld is started."""
    configure(scenario)
    before, version = begin(scenario, "manual")
    scenario.system.put("/etc/systemd/system/ipe-load.service.d/read-only.conf", "[Service]\nReadOnlyPaths=/var/lib/ipe\nReadWritePaths=\n"
                        f"ReadWritePaths={IPE}\n")
    scenario.system.reboot()
    scenario.wait_for_state(version, "rolled-back", AFTER_BOOT_SEC)
    assert_back(scenario, version, before)
    entry, = entries(scenario, NOT_TRIED, version, "-b")
    assert "cannot be counted: Read-only file system" in entry["MESSAGE"]
    scenario.system.must("rm -r /etc/systemd/system/ipe-load.service.d && systemctl daemon-reload")


@pytest.mark.long
def test_cuts_of_power_in_boots_on_trial_lose_nothing(scenario):
    """At random moments, from the firmware on; a machine that is left alone confirms, or goes back."""
    seed = random.SystemRandom().randrange(1 << 32)
    draw = random.Random(seed)
    configure(scenario, "TrialBoots=2")
    for number in range(CUTS):
        before, version = begin(scenario)
        cuts = draw.randint(1, 3)
        moments = [draw.uniform(1, 25) for _ in range(cuts)]
        print(f"seed {seed}, {number}: {version} on trial, cuts after {moments}", flush=True)
        for moment in moments:
            scenario.system.kill()
            scenario.system.launch()
            time.sleep(moment)
        scenario.system.cut_power()
        scenario.system.wait_until(f"ipectl show --json=short {NAME} {version} | grep -q '\"state\":\"\\(confirmed\\|rolled-back\\)\"'", 60)
        found = state(scenario, version)
        print(f"seed {seed}, {number}: {found}", flush=True)
        if found == "confirmed":
            assert_confirmed(scenario, version, before)
        else:
            assert cuts >= 2
            assert_back(scenario, version, before)


# A soft-reboot does not mount again what the initramfs has mounted: so /var is a file system of its own then, as the
# service manager sees it.
FSTAB = """/dev/vdc /run/changes ext4 defaults 0 0
overlay /var overlay lowerdir=/var,upperdir=/run/changes/var,workdir=/run/changes/.var,x-systemd.requires-mounts-for=/run/changes 0 0
"""


@pytest.mark.long_on("stock")
def test_a_soft_reboot_is_no_boot(scenario):
    configure(scenario)
    scenario.system.put("/etc/fstab", FSTAB)
    before, version = begin(scenario, "manual")
    boot = scenario.system.must("cat /proc/sys/kernel/random/boot_id")
    scenario.system.soft_reboot()
    assert scenario.system.must("cat /proc/sys/kernel/random/boot_id") == boot
    assert state(scenario, version) == "trial" and scenario.get("TrialBoots") == 0 == trial_on_disk(scenario)["boots"]
    assert scenario.kernel_active() == (NAME, version)
    assert not scenario.system.must("journalctl -q -b -g 'ordering cycle' || true")
    assert "var.mount" in scenario.system.must("systemctl show -P After ipe-load.service")
    scenario.call("Confirm", "s", NAME)
    assert_confirmed(scenario, version, before)


def test_the_kernel_says_nothing_alarming(scenario):
    assert scenario.system.trouble() == []
