# SPDX-License-Identifier: LGPL-2.1-or-later
"""The disk images of test/image, as mkosi makes them, booted by UEFI from their own unified kernel image. In
the profile "verity" a policy is active from the initrd on: our kernel trusts the root hash on its command
line, Debian's a signature by a key in the firmware's db. The tests are one story on one machine.

The last tests build one as docs/boot.md says, with a key of its own."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import by_hand
import keys
from message_ids import message_id
import pytest
from qemu import DiskSystem
from scenario import IPE, MANAGER

TOP = Path(__file__).resolve().parents[2]
NAME = "image"
LOADED = message_id("FILE_LOADED")
PROGRAM = "/usr/bin/true"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"


@pytest.fixture(scope="module", params=["ours", "stock"])
def system(request, tmp_path_factory):
    machine = DiskSystem("verity", request.param, tmp_path_factory.mktemp(f"image-{request.param}"))
    machine.start()
    yield machine
    machine.kill()


def journal(system, *matches):
    words = " ".join(shlex.quote(match) for match in matches)
    return [json.loads(line) for line in system.must(f"journalctl --sync; journalctl -q -o json {words}").splitlines()]


def call(system, *words):
    """As an administrator types it."""
    return system.run(f"busctl --json=short call {MANAGER} {' '.join(words)}")


def policy(system, version, more=""):
    proof = "dmverity_cmdline" if system.flavour == "ours" else "dmverity_signature"
    return (f"policy_name={NAME} policy_version={version}\nDEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n{more}"
            f"op=EXECUTE boot_verified=TRUE action=ALLOW\nop=EXECUTE {proof}=TRUE action=ALLOW\n")


def drop(system, version, more=""):
    system.put(f"/etc/ipe/policy.d/{NAME}.p7b", keys.sign_policy(policy(system, version, more)))
    system.wait_until(f"ipectl show {NAME} {version}")


def active(system):
    return json.loads(system.must(f"busctl --json=short get-property {MANAGER} ActivePolicy"))["data"]


def test_the_policy_is_in_force_from_the_initrd_on(system):
    entry, = journal(system, "-b", f"MESSAGE_ID={LOADED}")
    assert entry["IPE_POLICY"] == NAME
    switched, = [entry for entry in journal(system, "-b", "_PID=1") if entry.get("MESSAGE") == "Switching root."]
    assert int(entry["__MONOTONIC_TIMESTAMP"]) < int(switched["__MONOTONIC_TIMESTAMP"])
    assert active(system) == [NAME, "1.0.0"]
    assert system.must(f"cat {IPE}/enforce").strip() == "1"
    system.wait_until("systemctl is-active ipe-policy.target")
    assert system.run("systemctl is-system-running --wait").output == "running\n", system.must("systemctl --failed --no-legend")


def test_the_root_is_on_a_volume_that_the_kernel_has_verified(system):
    assert system.must("findmnt -no SOURCE,FSTYPE /").split() == ["/dev/mapper/root", "erofs"]
    volume, = json.loads(call(system, "ListVolumes").output)["data"][0]
    assert volume[0] == "root" and volume[2] == (system.flavour == "stock") and volume[3] == "ALLOW"


def refused(system, command):
    result = system.run(command)
    assert not result.ok and re.search("[Pp]ermission denied|failed to map segment", result.output), result


@pytest.mark.parametrize("place", ["/tmp", "/run", "/var", "/etc", "/dev/shm"])
def test_a_copy_of_a_program_is_not_executed(system, place):
    system.must(f"cp {PROGRAM} {place}/copy")
    refused(system, f"{place}/copy")
    # Not with another name for the same thing, nor by the dynamic linker.
    refused(system, f"/lib64/ld-linux-x86-64.so.2 {place}/copy")
    system.must(f"rm {place}/copy")


def test_a_library_from_elsewhere_is_not_loaded(system):
    system.must(f"cp {LIBRARIES}/libz.so.1 /tmp/lib.so")
    result = system.run(f"LD_PRELOAD=/tmp/lib.so {PROGRAM}")
    assert "cannot be preloaded" in result.output or "failed to map" in result.output, result


def test_a_file_system_of_ones_own_is_not_trusted(system):
    system.must("truncate -s 16M /var/own.img && mkfs.ext4 -q -F /var/own.img && mkdir -p /run/own && mount -o loop /var/own.img /run/own && "
                f"cp {PROGRAM} /run/own/program")
    refused(system, "/run/own/program")
    system.must("umount /run/own")


def test_a_verity_volume_without_a_signature_is_not_trusted(system):
    """The same program, and a hash tree that is right: but nobody has vouched for its root hash."""
    system.must("mkdir -p /run/tree && cp /usr/bin/true /run/tree/program && truncate -s 8M /var/own.img && "
                "mkfs.ext4 -q -F -O ^has_journal -b 4096 -d /run/tree /var/own.img && "
                "veritysetup format /var/own.img /var/own.hash | sed -n 's/^Root hash:[[:space:]]*//p' >/run/own.root && "
                "veritysetup open /var/own.img own /var/own.hash $(cat /run/own.root) && "
                "mkdir -p /run/verity && mount -o ro /dev/mapper/own /run/verity")
    refused(system, "/run/verity/program")
    listed = {row[0]: row[2:4] for row in json.loads(call(system, "ListVolumes").output)["data"][0]}
    assert listed["own"] == [False, "DENY"]
    system.must("umount /run/verity && veritysetup close own")


def test_a_module_from_elsewhere_is_not_loaded(system):
    if system.flavour == "ours":
        pytest.skip("our kernel for this image has all drivers built in, and no modules")
    module = system.must("find /usr/lib/modules -name 'dummy.ko*' | head -1").strip()
    system.must(f"cp {module} /tmp/")
    result = system.run(f"insmod /tmp/{module.rsplit('/', 1)[1]}")
    assert not result.ok and "ermission denied" in result.output, result
    assert system.run("modprobe dummy").ok


def test_a_server_serves_under_the_policy(system):
    system.wait_until("systemctl is-active nginx")
    assert "nginx" in system.must("curl -s http://localhost/")
    system.must("cp /usr/sbin/nginx /tmp/nginx")
    refused(system, "/tmp/nginx -v")


def test_the_manager_updates_the_policy(system):
    """A new version is dropped, tried, confirmed, and active after a reboot."""
    drop(system, "2.0.0")
    assert call(system, "Activate", "s", NAME).ok
    assert active(system) == [NAME, "2.0.0"]
    assert call(system, "Confirm", "s", NAME).ok
    assert "Confirmed 'image' 2.0.0" in system.must("journalctl -u ipectld -o cat")
    system.reboot()
    assert active(system) == [NAME, "2.0.0"]
    entry, = journal(system, "-b", f"MESSAGE_ID={LOADED}")
    assert entry["IPE_SOURCE"].endswith("/image.p7b")
    refused(system, f"cp {PROGRAM} /tmp/copy && /tmp/copy")


def test_the_manager_goes_back(system):
    drop(system, "3.0.0")
    assert call(system, "Activate", "s", NAME).ok
    assert call(system, "Rollback", "s", NAME).ok
    assert active(system) == [NAME, "2.0.0" if system.flavour == "ours" else "3.0.0"]


def test_the_kernel_says_nothing_alarming(system):
    assert system.trouble() == []


@pytest.mark.parametrize("flavour", [pytest.param("ours", marks=pytest.mark.long), "stock"])
def test_an_ordinary_root_has_a_policy_too(flavour, tmp_path):
    """The profile "plain": nothing on ext4 can be vouched for, so its policy is about kernel images."""
    machine = DiskSystem("plain", flavour, tmp_path)
    machine.start()
    try:
        assert machine.must("findmnt -no FSTYPE /").strip() == "ext4" and active(machine) == ["", ""]
        machine.put("/etc/ipe/policy.d/plain.p7b", keys.sign_policy(
            "policy_name=plain policy_version=1.0.0\nDEFAULT action=ALLOW\nDEFAULT op=KEXEC_IMAGE action=DENY\n"))
        machine.wait_until("ipectl show plain 1.0.0")
        assert call(machine, "Activate", "s", "plain").ok and call(machine, "Confirm", "s", "plain").ok
        machine.reboot()
        assert active(machine) == ["plain", "1.0.0"] and machine.run("systemctl is-active ipe-policy.target").ok
        assert machine.trouble() == []
    finally:
        machine.kill()


# Prints the partitions, and takes the policy out of the initrd in the unified kernel image.
TAKE_POLICY = r"""
sfdisk --dump mkosi.output/verity.raw
esp=$(sfdisk --dump mkosi.output/verity.raw | sed -n 's/.*start= *\([0-9]*\),.*name="esp"$/\1/p')
mcopy -i mkosi.output/verity.raw@@$((esp * 512)) ::/EFI/BOOT/BOOTX64.EFI uki.efi
objcopy -O binary --only-section=.initrd uki.efi initrd
zstdcat initrd | cpio -i --quiet --to-stdout usr/lib/ipe/policy.d/image.p7b >image.p7b
"""


def by_hand_in(directory, *commands):
    """Runs commands in a copy of the project, where mkosi is; returns what they print, and the folder of mkosi.conf there."""
    output = subprocess.run([TOP / "tools/image", "--by-hand", directory, "\n".join(commands)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return output, directory / "project/test/image"


def public_key(command, path):
    return subprocess.run(["openssl", *command, "-in", path], check=True, capture_output=True).stdout


def test_mkosi_makes_keys_and_accepts_the_configuration(tmp_path):
    """The commands of the page, with a summary in place of each build, which takes minutes."""
    enter, generate, *builds = by_hand.commands()
    output, image = by_hand_in(tmp_path / "copy", enter, generate, *(re.sub(" build$", " summary", command) for command in builds))
    assert re.findall(r"Output: (\w+)\.raw", output) == ["verity", "plain"] and "gnoring" not in output
    assert public_key(["x509", "-noout", "-pubkey"], image / "mkosi.crt") == public_key(["pkey", "-pubout"], image / "mkosi.key")


@pytest.mark.long
def test_an_image_is_built_as_the_page_says(tmp_path):
    output, image = by_hand_in(tmp_path / "copy", *by_hand.commands(), TAKE_POLICY)
    assert re.findall(r'verity\.raw\d.* name="([^"]+)"', output) == ["esp", "root", "root-hash", "root-signature", "changes"]
    assert (image / "mkosi.output/plain.raw").exists() and "not yet set" not in output
    policy = subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", "der", "-in", image / "image.p7b", "-CAfile", image / "mkosi.crt",
                             "-purpose", "any"], check=True, capture_output=True).stdout
    assert policy == (TOP / "test/image/image.policy").read_bytes()
