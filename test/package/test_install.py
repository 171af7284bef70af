# SPDX-License-Identifier: LGPL-2.1-or-later
"""The packages on a stock Debian 13 machine, as docs/install.md has it: from a signed repository, with apt, first under Debian's kernel,
then under ours. One story on one machine, which boots by shim and grub. Its firmware trusts the test key (UEFI db)."""

import re
import shutil
import time
from pathlib import Path

from conftest import OLD_VERSION, run_tool
import keys
import pytest
from qemu import DiskSystem
import trees

NAME = "corp"
KEYRING = "/etc/apt/keyrings/ipe-archive-keyring.pgp"
STORE = "/var/lib/ipe"
# Kexec stands for what is denied: a stock machine's files have no proof.
POLICY = "policy_name={name} policy_version={version}\nDEFAULT action=ALLOW\nDEFAULT op=KEXEC_IMAGE action=DENY\n"
PAGE = (trees.TOP / "docs/install.md").read_text()


def block(first):
    """A block of commands of the page, by its first line."""
    blocks = [text for text in re.findall(r"^```\n(.*?)^```$", PAGE, re.M | re.S) if text.startswith(first)]
    assert len(blocks) >= 1, first
    return blocks[0]


@pytest.fixture(scope="module")
def machine(packages, old_packages, tmp_path_factory):
    directory = tmp_path_factory.mktemp("install")
    kernel = Path(*run_tool("tools/package", "kernel", "--config", "small"))
    for name, parts in (("old", [old_packages]), ("new", [packages, kernel])):
        run_tool("tools/repository", directory / "repositories" / name, *parts)
    trees.run(["mkfs.erofs", "--quiet", directory / "repositories.erofs", directory / "repositories"])
    image = Path(*run_tool("tools/image", "--debian"))
    system = DiskSystem(None, "debian", directory, image=image, disks=[image / "mirror.erofs", directory / "repositories.erofs"])
    system.start()
    system.must("mkdir -p /mnt/repositories && mount -o ro /dev/vdc /mnt/repositories")
    system.must("echo '/dev/vdc /mnt/repositories erofs ro 0 0' >>/etc/fstab; apt-get update", 120)
    yield system
    system.kill()
    shutil.rmtree(directory / "repositories")


def apt(machine, words, timeout_sec=900):
    return machine.must(f"DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends {words}", timeout_sec)


def use(machine, repository):
    machine.must(f"""sed -i 's#^URIs:.*#URIs: file:/mnt/repositories/{repository}#' /etc/apt/sources.list.d/ipe.sources; apt-get update""", 120)


def installed(machine):
    return machine.must("dpkg-query -W -f '${Version}' ipe").partition("~")[0]


def states(machine):
    """{version: state}"""
    return {words[1]: words[2] for words in map(str.split, machine.must("ipectl list").splitlines()) if words[:1] == [NAME]}


def stage(machine, version):
    machine.put(f"/etc/ipe/policy.d/{NAME}.p7b", keys.sign_policy(POLICY.format(name=NAME, version=version)))
    machine.wait_until(f"ipectl show {NAME} {version}")


def status(machine):
    return machine.must("ipectl status")


def invocation(machine, unit):
    return machine.must(f"systemctl show -P InvocationID {unit}")


def test_a_repository_that_the_key_has_not_signed_is_refused(machine):
    machine.must(f"mkdir -p /etc/apt/keyrings && cp /mnt/repositories/old/ipe-archive-keyring.pgp {KEYRING}")
    page = block(". /etc/os-release")
    machine.must("URL=file:/mnt/repositories/old\n" + page.partition("apt update")[0])
    assert "file:/mnt/repositories/old trixie InRelease" in apt(machine, "update")
    machine.must(f"mv {KEYRING} /tmp/key; cp /usr/share/keyrings/debian-archive-keyring.gpg {KEYRING}")
    result = machine.run("apt-get update -o APT::Update::Error-Mode=any", 120)
    assert not result.ok and "needed to verify signature" in result.output
    machine.must(f"mv /tmp/key {KEYRING}; apt-get update", 120)


def test_the_daemon_runs_after_the_installation_on_the_stock_kernel(machine):
    output = apt(machine, "install ipe polkitd")
    assert not re.search(r"^[EW]:|\b[Ee]rror|[Ff]ailed", output, re.M), output
    assert machine.must("systemctl is-active ipectld.service ipe-inspect.socket ipe-open.socket").split() == ["active"] * 3
    assert machine.must("systemctl is-enabled ipectld ipe-load ipe-confirm ipe-boot-check").split() == ["enabled"] * 4
    # Nothing of the boot was started.
    assert machine.run("systemctl is-active ipe-load ipe-confirm ipe-boot-check").output.split() == ["inactive"] * 3
    assert machine.must("systemctl show -P NRestarts ipectld").strip() == "0"
    assert "upstream" in status(machine)
    assert installed(machine) == OLD_VERSION
    assert machine.must("systemctl --failed --no-legend") == ""
    assert machine.must("journalctl -q -o cat -u ipectld -p warning") == ""
    machine.must("journalctl --catalog -u ipectld -n 1; man --where ipectl || test -e /usr/share/man/man1/ipectl.1.gz")


def test_a_policy_is_confirmed_and_another_one_goes_on_trial(machine):
    machine.put("/etc/ipe/trust.d/signer.pem", (keys.directory() / "test.crt").read_bytes())
    for version in ("1.0.0", "2.0.0"):
        stage(machine, version)
        machine.must(f"ipectl activate --confirm=manual --trial-sec=1h {NAME}", 120)
        if version == "1.0.0":
            machine.must(f"ipectl confirm {NAME}")
    assert states(machine) == {"1.0.0": "confirmed", "2.0.0": "trial"}


def test_an_upgrade_restarts_the_daemon_and_loses_nothing(machine):
    before = {unit: invocation(machine, unit) for unit in ("ipectld", "ipe-load", "ipe-confirm")}
    kernel = machine.must("cat /sys/kernel/security/ipe/policies/*/active /sys/kernel/security/ipe/policies/*/version")
    use(machine, "new")
    apt(machine, "install ipe")
    assert installed(machine) == "0.2.0" and "ipectld 0.2.0" in status(machine)
    after = {unit: invocation(machine, unit) for unit in before}
    assert after["ipectld"] != before["ipectld"]
    assert (after["ipe-load"], after["ipe-confirm"]) == (before["ipe-load"], before["ipe-confirm"])
    assert machine.must("cat /sys/kernel/security/ipe/policies/*/active /sys/kernel/security/ipe/policies/*/version") == kernel
    assert states(machine) == {"1.0.0": "confirmed", "2.0.0": "trial"}
    machine.must(f"ipectl confirm {NAME}")
    assert states(machine)["2.0.0"] == "confirmed"


def test_a_downgrade_keeps_what_is_confirmed(machine):
    use(machine, "old")
    apt(machine, f"install --allow-downgrades ipe={OLD_VERSION}~deb13")
    assert installed(machine) == OLD_VERSION and f"ipectld {OLD_VERSION}" in status(machine)
    assert states(machine)["2.0.0"] == "confirmed"
    use(machine, "new")
    apt(machine, "upgrade")
    assert installed(machine) == "0.2.0" and states(machine)["2.0.0"] == "confirmed"


def test_a_daemon_that_was_disabled_stays_so(machine):
    machine.must("systemctl disable --now ipectld.service")
    apt(machine, "install --reinstall ipe")
    assert machine.run("systemctl is-active ipectld").output.strip() == "inactive"
    assert machine.run("systemctl is-enabled ipectld").output.strip() == "disabled"
    machine.must("systemctl enable --now ipectld.service")


def test_an_installation_while_the_store_is_read_only_succeeds(machine):
    machine.must(f"mount --bind {STORE} {STORE} && mount -o remount,bind,ro {STORE}")
    apt(machine, "install --reinstall ipe")
    machine.must(f"umount {STORE}; systemctl restart ipectld")
    assert states(machine)["2.0.0"] == "confirmed"


def test_our_kernel_is_installed_beside_the_stock_one_and_booted_once(machine):
    """With the page's own commands."""
    machine.must(block("mkdir -p /etc/default/grub.d"))
    release = machine.must("apt-cache search --names-only '^linux-image-.*-ipe.*-amd64$' | cut -d ' ' -f 1").strip().removeprefix("linux-image-")
    apt(machine, f"install linux-image-{release}")
    boot = block("grub_entry() {").replace("\nreboot\n", "\n")
    output = machine.must(f"RELEASE={release}\n{boot}", 120)
    assert f"gnulinux-{release}-advanced-" in output
    machine.reboot()
    assert machine.must("uname -r").strip() == release
    assert "ipe" in machine.must("cat /sys/kernel/security/lsm").strip().split(",")
    assert "extended" in status(machine)
    # The boot has loaded what was confirmed under the other kernel.
    assert re.search(rf"Active policy: {NAME} 2\.0\.0", status(machine))
    machine.must("systemctl is-active ipe-policy.target")
    # Once: the default is the stock kernel.
    machine.reboot()
    assert "cloud" in machine.must("uname -r")
    function = boot.partition('grub_entry "$(uname')[0]
    machine.must(f'{function}\ngrub-set-default "$(grub_entry {release})"')
    machine.reboot()
    assert machine.must("uname -r").strip() == release


def test_the_bus_is_as_documented(machine):
    stage(machine, "3.0.0")
    call = "busctl call org.ipe.Manager /org/ipe/Manager org.ipe.Manager"
    machine.must(f"{call} Activate s {NAME}", 120)
    assert states(machine)["3.0.0"] == "trial"
    machine.must(f"ipectl confirm {NAME}")
    assert states(machine)["3.0.0"] == "confirmed"
    machine.must("test \"$(cat /sys/kernel/security/ipe/enforce)\" = 1")


def test_a_trial_that_locks_out_ends_by_itself(machine):
    text = f"policy_name={NAME} policy_version=4.0.0 policy_rollback_floor=1.0.0\nDEFAULT action=DENY\n"
    machine.put(f"/etc/ipe/policy.d/{NAME}.p7b", keys.sign_policy(text))
    machine.wait_until(f"ipectl show {NAME} 4.0.0")
    # The daemon would refuse what it can see.
    machine.must("systemctl stop ipe-inspect.socket")
    machine.must(f"ipectl activate --force --confirm=manual --trial-sec=5s {NAME}", 120)
    assert machine.run("true").status == 126
    deadline = time.monotonic() + 120
    while not machine.run("true").ok:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    machine.wait_until(f"ipectl list | grep '{NAME} *4.0.0 *rolled-back'")
    assert states(machine)["3.0.0"] == "confirmed" and states(machine)["4.0.0"] == "rolled-back"
    machine.must("systemctl start ipe-inspect.socket")


def test_the_entry_without_a_policy_is_a_way_out(machine):
    release = machine.must("uname -r").strip()
    title = f"Advanced options for Without policy: GNU/Linux>Without policy: GNU/Linux, with Linux {release}"
    machine.must(f"grub-reboot '{title}'")
    machine.reboot()
    assert "systemd.mask=ipe-load.service" in machine.must("cat /proc/cmdline")
    assert "Active policy: none" in status(machine) and "no (denials" in status(machine)
    machine.must("ipectl deactivate --force")
    machine.reboot()
    assert "Active policy: none" in status(machine) and "Enforce: yes" in status(machine)


def test_remove_keeps_the_state_and_purge_does_not(machine):
    apt(machine, "remove ipe")
    assert machine.run("systemctl is-active ipectld").output.strip() == "inactive"
    machine.must(f"test -s {STORE}/state.json && test -s /etc/ipe/trust.d/signer.pem && ! test -e /usr/bin/ipectl")
    apt(machine, "purge ipe")
    machine.must(f"! test -e {STORE} && test -s /etc/ipe/trust.d/signer.pem")
    assert machine.must("find /etc/systemd /usr/lib/systemd -name '*ipe*' ! -name 'ipe-test*'") == ""
    machine.reboot()
    assert machine.must("systemctl is-system-running --wait").strip() == "running"
