# SPDX-License-Identifier: LGPL-2.1-or-later
"""Preflight by simulation and what it forbids, with real volumes and processes, on our kernel and on Debian's stock one with the
same tests. They are one story, told in order on one machine."""

import json

import pytest
from keys import sign_policy
from scenario import NAME, ON_VOLUME
from volumes import BLOCK

SLEEPER = "/run/sleeper"
UNSIGNED = "/run/unsigned"
MEASURED = "/run/measured/program"


@pytest.fixture(scope="module", autouse=True)
def prepared(scenario):
    """A program on tmpfs that runs on, a process with a name that is neither ASCII nor UTF-8, and a copy of the second volume, opened
    without its signature."""
    scenario.open_volume()
    scenario.trust()
    scenario.system.must(f"cp /usr/bin/sleep {SLEEPER} && systemd-run -q --unit=sleeper {SLEEPER} infinity")
    scenario.system.must(r"""systemd-run -q --unit=foreign sh -c 'printf "\303\244\377" >/proc/self/comm; sleep infinity; :'""")
    scenario.system.must("cat /dev/vdd >/run/copy.img && "
                         f"veritysetup open /run/copy.img unsigned /run/copy.img {scenario.volume.root_hash} "
                         f"--hash-offset={scenario.volume.blocks * BLOCK} && mkdir -p {UNSIGNED} && "
                         f"mount -o ro /dev/mapper/unsigned {UNSIGNED}")
    scenario.configure("PreflightSec=0")


def stage(scenario, version, text=None):
    scenario.drop(sign_policy(text) if text else scenario.signed(version))
    scenario.wait_for_state(version, "staged")


def preflight(scenario):
    """{(path, operation): (rule, processes)}"""
    return {(path, operation): (rule, processes) for path, operation, rule, processes in scenario.call("Preflight", "s", NAME)[0]}


def volumes(scenario):
    return {name: rest for name, *rest in scenario.call("ListVolumes")[0]}


def test_volumes_without_a_policy(scenario):
    found = volumes(scenario)
    root_hash = f"sha256:{scenario.volume.root_hash}"
    assert found["volume"] == [root_hash, True, "", ""]
    assert found["unsigned"] == [root_hash, False, "", ""]
    assert len(found) == 3, "and the root volume"
    assert all(volume[1] for name, volume in found.items() if name != "unsigned")
    assert root_hash in scenario.system.must("ipectl volumes")


def test_what_runs_from_nowhere_is_found(scenario):
    stage(scenario, "1.0.0")
    found = preflight(scenario)
    rule, processes = found[SLEEPER, "EXECUTE"]
    pid = scenario.system.must("systemctl show -P MainPID sleeper").strip()
    assert (rule, processes) == ("DEFAULT op=EXECUTE action=DENY", f"sleeper[{pid}]")
    assert not [path for path, _ in found if path.startswith("/usr/")], found


def test_an_activation_that_would_lock_out_is_refused(scenario):
    before = scenario.disk_state()
    result = scenario.try_call("Activate", "s", NAME)
    assert not result.ok and "would deny" in result.output and SLEEPER in result.output, result
    result = scenario.system.run(f"ipectl activate {NAME}")
    assert result.status == 8 and SLEEPER in result.output, result
    assert scenario.kernel_active() is None and scenario.versions() == {"1.0.0": "staged"}
    assert scenario.disk_state() == before


def test_what_is_essential_need_not_run(scenario):
    scenario.configure("PreflightSec=0", f"EssentialPaths={UNSIGNED}/bin/hello {ON_VOLUME} /nonexistent")
    found = preflight(scenario)
    rule, processes = found[f"{UNSIGNED}/bin/hello", "EXECUTE"]
    assert "'unsigned' was not verified by the kernel" in rule and "it is essential" in rule and processes == ""
    assert (ON_VOLUME, "EXECUTE") not in found and ("/nonexistent", "EXECUTE") not in found
    scenario.configure("PreflightSec=0")


def test_fs_verity_is_measured(scenario):
    scenario.system.must("truncate -s 16M /run/measured.img && mkfs.ext4 -q -b 4096 -O verity /run/measured.img && "
                         "mkdir -p /run/measured && mount -o loop /run/measured.img /run/measured && "
                         f"cp /usr/bin/true {MEASURED} && fsverity enable {MEASURED}")
    digest = scenario.system.must(f"fsverity measure {MEASURED}").split()[0]
    assert digest.startswith("sha256:")
    scenario.configure("PreflightSec=0", f"EssentialPaths={MEASURED}")
    assert (MEASURED, "EXECUTE") in preflight(scenario)
    text = scenario.policy("1.0.1") + f"op=EXECUTE fsverity_digest={digest} action=ALLOW\n"
    stage(scenario, "1.0.1", text)
    assert (MEASURED, "EXECUTE") not in preflight(scenario)
    scenario.configure("PreflightSec=0")


def test_modules_and_firmware_of_the_configuration_are_judged(scenario):
    """On our kernel there is no module to be found; the firmware is there on both."""
    scenario.configure("PreflightSec=0", "EssentialModules=dummy nonexistent", "EssentialFirmware=ipe/test.bin nonexistent")
    scenario.system.must("mkdir -p /run/firmware/ipe && echo x >/run/firmware/ipe/test.bin && "
                         "echo -n /run/firmware >/sys/module/firmware_class/parameters/path")
    text = scenario.policy("1.0.2") + "DEFAULT op=KMODULE action=DENY\nDEFAULT op=FIRMWARE action=DENY\n"
    stage(scenario, "1.0.2", text.replace("DEFAULT op=EXECUTE action=DENY\n", ""))
    found = preflight(scenario)
    assert found["/run/firmware/ipe/test.bin", "FIRMWARE"] == ("DEFAULT op=FIRMWARE action=DENY (it is essential)", "")
    module = scenario.system.run("modinfo -n dummy")
    modules = {path for path, operation in found if operation == "KMODULE"}
    assert modules == ({module.output.strip()} if module.ok else set()), found
    scenario.system.must("echo -n '' >/sys/module/firmware_class/parameters/path || true")
    scenario.configure("PreflightSec=0")


def test_it_is_activated_if_forced(scenario):
    scenario.activate_with({"version": "s 1.0.1", "force": "b true", "confirm": "s manual"})
    assert scenario.kernel_active() == (NAME, "1.0.1")
    forced = [entry for entry in scenario.journal("-u", "ipectld") if "activated on demand" in entry["MESSAGE"]]
    assert [entry for entry in forced if SLEEPER in entry["MESSAGE"]]
    assert scenario.system.must("systemctl is-active sleeper").strip() == "active"
    found = volumes(scenario)
    assert found["volume"][2:] == ["ALLOW", "op=EXECUTE dmverity_signature=TRUE action=ALLOW"]
    assert found["unsigned"][2:] == ["DENY", "DEFAULT op=EXECUTE action=DENY"]
    scenario.call("Confirm", "s", NAME)


def test_what_is_denied_already_is_no_reason(scenario):
    stage(scenario, "1.1.0")
    assert preflight(scenario) == {}
    scenario.call("SetEnforce", "b", "false")
    assert (SLEEPER, "EXECUTE") in preflight(scenario), "what is not enforced denies nothing"
    scenario.call("SetEnforce", "b", "true")
    scenario.activate()
    assert scenario.kernel_active() == (NAME, "1.1.0")


def test_a_policy_that_denies_everything_is_refused(scenario):
    stage(scenario, "1.2.0", f"policy_name={NAME} policy_version=1.2.0\nDEFAULT action=DENY\n")
    found = preflight(scenario)
    init = scenario.system.must("readlink /proc/1/exe").strip()
    assert "init[1]" in found[init, "EXECUTE"][1] or "systemd[1]" in found[init, "EXECUTE"][1], found[init, "EXECUTE"]
    for path in ("/usr/lib/ipe/ipectld", "/usr/bin/ipectl", "/usr/bin/dbus-daemon", "/usr/bin/bash"):
        assert (path, "EXECUTE") in found
    assert not scenario.try_call("Activate", "s", NAME).ok
    assert scenario.kernel_active() == (NAME, "1.1.0")


def test_what_cannot_be_inspected_is_refused(scenario):
    scenario.system.must("systemctl stop ipe-inspect.socket")
    result = scenario.try_call("Activate", "s", NAME)
    assert not result.ok and "ipe-inspect" in result.output
    assert not scenario.try_call("ListVolumes").ok
    assert scenario.system.run(f"ipectl preflight {NAME}").status == 5
    scenario.system.must("systemctl start ipe-inspect.socket")
    assert volumes(scenario)


def test_the_sandbox_of_ipe_inspect_lets_it_see(scenario):
    """It sees the same inside and outside of it."""
    request = json.dumps({"paths": [], "modules": [], "firmware": []})
    outside = json.loads(scenario.system.must(f"echo '{request}' | /usr/lib/ipe/ipe-inspect"))
    assert not [entry for entry in outside["files"] if "does not let" in entry["note"]]
    scenario.system.must("rm -f /etc/ipe/policy.d/*.p7b")
    for version in ("1.0.0", "1.0.2"):
        scenario.system.run(f"ipectl discard {NAME} {version}")
    inside = {path for path, _ in preflight(scenario) if path}
    names = {entry["path"] for entry in outside["files"] if entry["path"] and entry["operation"] == "EXECUTE"}
    stable = {path for path in names if path.startswith("/usr/lib/") and "systemd" in path}
    assert stable and stable <= inside, stable - inside
    errors = scenario.system.must("journalctl --sync; journalctl -q -p err -u 'ipe-inspect@*' -o cat")
    assert errors == "", errors


def test_the_kernel_says_nothing_alarming(scenario):
    assert scenario.system.trouble() == []
