# SPDX-License-Identifier: LGPL-2.1-or-later
"""Initrds with a policy, of initramfs-tools and of dracut: how Debian 13 builds them, what they hold, and what they do at boot.

The initrds are built in a tree of Debian 13 that has both. The machines of qemu boot them with our kernel and with Debian's, on a
small root file system whose init says which policy is active."""

import contextlib
import fcntl
import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from conftest import package, run_tool
import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test/lib"))
import keys  # noqa: E402  (the tree's own modules)
import trees  # noqa: E402

CACHE = trees.CACHE / "initramfs"
PACKAGES = """
        linux-image-cloud-amd64 initramfs-tools dracut-core dbus systemd-sysv udev kmod busybox-static zstd cpio e2fsprogs
        libcryptsetup12 libeconf0 libjson-c5 libkmod2 libmount1 libssl3t64 libsystemd0
""".split()
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
KINDS = ["initramfs-tools", "dracut"]
HEADER = "policy_name={name} policy_version=1.0.0\nDEFAULT action=DENY\n"
ALLOW_ALL = "policy_name={name} policy_version=1.0.0\nDEFAULT action=ALLOW\n"
# All of the initrd, and nothing of the host.
INITRD_ALONE = HEADER + "".join(f"op={op} boot_verified=TRUE action=ALLOW\n" for op in ("EXECUTE", "KMODULE", "FIRMWARE"))
# A machine that takes part of a processor needs so long, seldom; a boot is about 20 seconds.
BOOT_SEC = 480

# PID 1 of the host: says what it finds, and switches the machine off.
INIT = r"""#!/bin/busybox sh
busybox mkdir -p /tmp/fs
busybox mount -t securityfs securityfs /tmp/fs
active=none
for directory in /tmp/fs/ipe/policies/*; do
        [ ! -e "$directory/active" ] || [ "$(busybox cat "$directory/active")" != 1 ] || active=${directory##*/}
done
busybox umount /tmp/fs
[ ! -e /sys/kernel/security/lsm ] || echo "HOST: securityfs is mounted"
busybox dmesg | busybox grep -E 'ipe(-load)?(\[[0-9]+\])?: ' | busybox sed 's/^/LOG: /'
echo "HOST: init runs, active=$active."
busybox sync
busybox poweroff -f
"""


@contextlib.contextmanager
def locked():
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tool(name):
    """A program of tools/ as a module."""
    loader = importlib.machinery.SourceFileLoader(f"tool_{name}", str(TOP / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def printed(*command):
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def install(tree):
    """Installs the packages in a tree; the initrds are built later."""
    packages = Path(*run_tool("tools/package", "--suite", "trixie"))
    files = [f"/mnt/{package(packages, name).name}" for name in ("ipe", "ipe-initramfs")]
    trees.run([*trees.inside(tree, (packages, "/mnt")), "dpkg", "--no-triggers", "--install", *files])


@pytest.fixture(scope="session")
def base():
    """Debian 13 with both builders of initrds. They refuse each other as packages, but not dracut-core."""
    with locked():
        return trees.cached(CACHE, "base", trees.content_key([], *PACKAGES),
                            lambda new: trees.bootstrap(new / "root", "trixie", PACKAGES, variant="minbase")) / "root"


@pytest.fixture(scope="session")
def tree(base):
    """The same with what is tested. Hard links: nothing writes into a file of the base."""
    directory = base.parent.parent / f"tree-{os.getpid()}"
    try:
        trees.run(["cp", "-al", base, directory])
        install(directory)
        yield directory
    finally:
        shutil.rmtree(directory)


@dataclass(frozen=True)
class Built:
    status: int
    output: str
    image: Path
    root: Path  # what is in it


class Host:
    """The host that builds an initrd: the tree, with directories of its own for configuration and policies."""

    def __init__(self, tree, directory):
        self.tree, self.directory = tree, directory
        self.etc, self.vendor, self.out = directory / "etc", directory / "vendor", directory / "out"
        self.policies = self.etc / "initrd/policy.d"
        for path in (self.policies, self.etc / "trust.d", self.vendor / "policy.d", self.out):
            path.mkdir(parents=True)
        self.trust("test")

    def trust(self, key):
        shutil.copy(keys.directory() / f"{key}.crt", self.etc / f"trust.d/{key}.pem")
        (self.etc / f"trust.d/{key}.pem").chmod(0o644)

    def put(self, text=ALLOW_ALL, name="corp-base", key="test", directory=None):
        path = (directory or self.policies) / f"{name}.p7b"
        path.write_bytes(keys.sign_policy(text.format(name=name), key=key))
        path.chmod(0o644)
        return path

    def run(self, *command):
        return subprocess.run([*trees.inside(self.tree, (self.etc, "/etc/ipe"), (self.vendor, "/usr/lib/ipe/initrd"), (self.out, "/mnt"),
                                             unchanged=True), *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=600, check=False)

    def build(self, kind, umask=0o022):
        """Builds an initrd, and unpacks it if that succeeded."""
        version = next((self.tree / "usr/lib/modules").iterdir()).name
        command = {"initramfs-tools": "TMPDIR=/tmp mkinitramfs -v -o /mnt/initrd",
                   "dracut": "dracut --no-hostonly --force --tmpdir /tmp /mnt/initrd"}[kind]
        shutil.rmtree(self.out / "root", ignore_errors=True)
        (self.out / "initrd").unlink(missing_ok=True)
        result = self.run("sh", "-c", f"umask {umask:04o}; {command} {version}")
        if result.returncode == 0:
            unpacked = self.run("unmkinitramfs", "/mnt/initrd", "/mnt/root")
            assert unpacked.returncode == 0, unpacked.stdout
        root = self.out / "root/main" if (self.out / "root/main").is_dir() else self.out / "root"
        return Built(result.returncode, result.stdout, self.out / "initrd", root)

    def add(self):
        """Runs what both builders run; returns its Built, whose root is a bare directory."""
        shutil.rmtree(self.out / "root", ignore_errors=True)
        (self.out / "root").mkdir()
        result = self.run("/usr/share/ipe/initrd/add-policies", "/mnt/root")
        return Built(result.returncode, result.stdout, None, self.out / "root")


@pytest.fixture
def host(tree, tmp_path):
    return Host(tree, tmp_path)


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


# What becomes part of an initrd, and what stops its build


def test_nothing_is_added_without_a_policy(host):
    built = host.add()
    assert (built.status, built.output, files(built.root)) == (0, "", set())
    assert host.run("/usr/share/ipe/initrd/add-policies", "--any").returncode == 1


def test_policies_keep_their_layer(host):
    host.put(name="own")
    host.put(name="both")
    host.put(INITRD_ALONE, "both", directory=host.vendor / "policy.d")
    host.put(name="vendors", directory=host.vendor / "policy.d")
    host.put(name="masked", directory=host.vendor / "policy.d")
    (host.policies / "masked.p7b").symlink_to("/dev/null")
    (host.policies / ".hidden.p7b").write_text("no policy")
    (host.policies / "README").write_text("no policy")
    (host.etc / "ipectld.conf").write_text("[Manager]\nOnFailure=poweroff\nTrialSec=1h\n")
    built = host.add()
    assert (built.status, built.output) == (0, "")
    assert files(built.root) == {"etc/ipe/ipectld.conf", "etc/ipe/policy.d/own.p7b", "etc/ipe/policy.d/both.p7b",
                                 "usr/lib/ipe/policy.d/vendors.p7b"}
    assert (built.root / "etc/ipe/policy.d/both.p7b").read_bytes() == (host.policies / "both.p7b").read_bytes()
    assert (built.root / "etc/ipe/ipectld.conf").read_text() == "[Manager]\nOnFailure=poweroff\n"


def test_masked_policies_alone_are_none(host):
    host.put(directory=host.vendor / "policy.d")
    (host.policies / "corp-base.p7b").symlink_to("/dev/null")
    assert host.run("/usr/share/ipe/initrd/add-policies", "--any").returncode == 1
    assert files(host.add().root) == set()


def test_a_link_to_a_policy_is_followed(host):
    (host.etc / "policy.d").mkdir()
    policy = host.put(directory=host.etc / "policy.d")
    (host.policies / policy.name).symlink_to("../../policy.d/corp-base.p7b")
    built = host.add()
    assert built.status == 0 and not (built.root / "etc/ipe/policy.d/corp-base.p7b").is_symlink()


def other_signer(host):
    host.put(key="other")


def changed(host):
    path = host.put()
    path.write_bytes(path.read_bytes().replace(b"ALLOW", b"DENY ", 1))


def empty(host):
    (host.policies / "corp-base.p7b").write_bytes(b"")


def not_a_policy(host):
    host.put("no policy")


def other_name(host):
    host.put(ALLOW_ALL.replace("{name}", "other"))


def directory(host):
    (host.policies / "corp-base.p7b").mkdir()


def fifo(host):
    os.mkfifo(host.policies / "corp-base.p7b")


def device(host):
    (host.policies / "corp-base.p7b").symlink_to("/dev/zero")


def broken_link(host):
    (host.policies / "corp-base.p7b").symlink_to("/nowhere")


def huge(host):
    os.truncate(host.put(), 1 << 40)


def file_of_everybody(host):
    host.put().chmod(0o666)


def directory_of_a_group(host):
    host.put()
    host.policies.chmod(0o775)


def parent_of_everybody(host):
    host.put()
    (host.etc / "initrd").chmod(0o1777)


def file_of_a_user(host):
    os.chown(host.put(), 1000, 0)


def link_to_a_file_of_everybody(host):
    policy = host.put(directory=host.etc)
    policy.chmod(0o666)
    (host.policies / policy.name).symlink_to("/etc/ipe/corp-base.p7b")


def hostile_name(host):
    (host.policies / "-n \n\033[2Ja'`id`$(id)*.p7b").write_bytes(b"x")


def broken_configuration(host):
    host.put()
    (host.etc / "ipectld.conf").mkdir()


BAD = [(other_signer, "does not verify: .*'CN=ipe other key' is not trusted"), (changed, "does not verify"),
       (empty, "does not verify"), (not_a_policy, "does not verify"), (other_name, "does not hold a policy named 'corp-base'"),
       (directory, "is not a regular file"), (fifo, "is not a regular file"), (device, "is not a regular file"),
       (broken_link, "Cannot read"), (huge, "is larger than"), (file_of_everybody, "Users other than root can write"),
       (directory_of_a_group, "Users other than root can write to '/etc/ipe/initrd/policy.d'"),
       (parent_of_everybody, "Users other than root can write to '/etc/ipe/initrd'"),
       (file_of_a_user, "Users other than root can write"), (link_to_a_file_of_everybody, "Users other than root can write"),
       (hostile_name, r"'/etc/ipe/initrd/policy.d/-n  \?\[2Ja'`id`\$\(id\)\*.p7b' does not verify"),
       (broken_configuration, "Cannot read OnFailure=")]


@pytest.mark.parametrize("make, words", BAD, ids=[make.__name__ for make, _ in BAD])
def test_a_policy_that_is_not_fit_is_refused(host, make, words):
    make(host)
    built = host.add()
    assert built.status == 1
    lines = built.output.splitlines()
    assert any(re.match(f"ipe: .*{words}", line) for line in lines), built.output
    assert lines[-1] == "ipe: No initrd is built: mend or remove these files, then run update-initramfs again."
    assert built.output.replace("\n", "").isprintable()


def test_a_good_policy_beside_a_bad_one_does_not_help(host):
    host.put(name="a")
    host.put(name="b", key="other")
    assert host.add().status == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_policy_stops_the_build(host, kind):
    host.put(key="other")
    built = host.build(kind)
    assert built.status != 0 and "'CN=ipe other key' is not trusted" in built.output
    # mkinitramfs leaves an empty file; update-initramfs keeps the old initrd.
    assert not built.image.exists() or built.image.stat().st_size == 0


@pytest.mark.parametrize("kind", KINDS)
def test_an_initrd_without_policies_has_no_program_of_ours(host, kind):
    built = host.build(kind)
    assert built.status == 0 and "no policy is chosen for the initrd" in built.output
    ours = {name for name in files(built.root) if re.search(r"\bipe\b", name)}
    assert ours <= {"scripts/init-bottom/ipe"}


PROGRAMS = {"initramfs-tools": ["scripts/init-bottom/ipe", "usr/lib/ipe/ipe-load"],
            "dracut": ["usr/lib/ipe/ipe-load", "usr/lib/systemd/system-generators/ipe-generator",
                       "usr/lib/systemd/system/ipe-load.service", "usr/lib/systemd/system/ipe-policy-check.service",
                       "usr/lib/systemd/system/ipe-policy.target", "etc/systemd/system/sysinit.target.wants/ipe-load.service"]}


def assert_complete(kind, built, policy):
    assert built.status == 0, built.output
    assert set(PROGRAMS[kind]) <= files(built.root)
    assert (built.root / "etc/ipe/policy.d/corp-base.p7b").read_bytes() == policy
    assert {path.name for path in (built.root / "etc/ipe").iterdir()} == {"ipectld.conf", "policy.d"}
    # It starts: all of its libraries are there.
    ran = subprocess.run(["chroot", built.root, "/usr/lib/ipe/ipe-load", "--nonsense"], capture_output=True, text=True, check=False)
    assert ran.stderr.startswith("Usage: "), ran


@pytest.mark.parametrize("kind", KINDS)
def test_an_initrd_with_a_policy_is_complete(host, kind):
    """Also with the umask of a careful administrator, and policies of the daemon that are not for the initrd."""
    (host.etc / "policy.d").mkdir()
    host.put(name="for-the-daemon", directory=host.etc / "policy.d")
    policy = host.put()
    built = host.build(kind, umask=0o077)
    assert_complete(kind, built, policy.read_bytes())
    assert built.root.joinpath("etc/ipe/policy.d/corp-base.p7b").stat().st_mode & 0o777 == 0o644


# Boots


@pytest.fixture(scope="session")
def uefi(tmp_path_factory):
    """UEFI variables with the test certificate in db."""
    image = tool("image")
    directory = tmp_path_factory.mktemp("uefi")
    image.CACHE.mkdir(parents=True, exist_ok=True)
    with open(image.CACHE / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tools = image.cached("tools", trees.content_key([], *image.TOOLS_PACKAGES), image.build_tools)
        image.write_uefi_variables(tools, directory)
    return directory / "OVMF_VARS.fd"


@pytest.fixture(scope="session")
def disk(base, tmp_path_factory):
    """A root file system with busybox and INIT."""
    directory = tmp_path_factory.mktemp("disk")
    root = directory / "root"
    for name in ("bin", "sbin", "etc", "usr/lib", "dev", "proc", "sys", "run", "tmp", "sysroot"):
        (root / name).mkdir(parents=True)
    shutil.copy2(base / "usr/bin/busybox", root / "bin/busybox")
    (root / "sbin/init").write_text(INIT)
    (root / "sbin/init").chmod(0o755)
    (root / "etc/os-release").write_text("ID=test\n")
    trees.run(["mkfs.ext4", "-q", "-d", root, directory / "disk.ext4", "32M"])
    return directory / "disk.ext4"


class Machine:
    def __init__(self, flavour, host, initrd, disk, uefi, words=()):
        self.console = host.directory / "console"
        self.console.write_bytes(b"")
        shutil.copy(disk, host.directory / "disk.ext4")
        # The boot stops at a shell of the emergency, unless panic= forbids it; so nothing of the kind is here.
        line = ["root=/dev/vda", "rw", "console=ttyS0", "printk.devkmsg=on", "mitigations=off", "8250.nr_uarts=1", *words]
        kernel = printed(TOP / "tools/kernel") / "bzImage"
        firmware = []
        if flavour == "stock":
            kernel = next((host.tree / "boot").glob("vmlinuz-*"))
            shutil.copy(uefi, host.directory / "variables.fd")
            firmware = ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}",
                        "-drive", f"if=pflash,format=raw,unit=1,file={host.directory / 'variables.fd'}"]
        command = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "qemu64", "-smp", "1", "-m", "1024", "-nodefaults",
                   "-no-reboot", "-display", "none", "-serial", f"file:{self.console}", "-device", "virtio-rng-pci", *firmware,
                   "-kernel", kernel, "-initrd", initrd, "-append", " ".join(line),
                   "-drive", f"if=none,id=disk,format=raw,file={host.directory / 'disk.ext4'}", "-device", "virtio-blk-pci,drive=disk"]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL)

    @property
    def text(self):
        return self.console.read_bytes().decode(errors="replace").replace("\r", "")

    def wait_for(self, words):
        """Returns the console once it matches; it is complete if the machine is off by then."""
        deadline = time.monotonic() + BOOT_SEC
        while True:
            has_ended = self.process.poll() is not None
            if re.search(words, self.text):
                return self.text
            if has_ended or time.monotonic() > deadline:
                end = "\n".join(self.text.splitlines()[-60:])
                raise AssertionError(f"the console never said {words!r}:\n{end}")
            time.sleep(0.2)

    def wait_for_init(self):
        """Waits until the host's init has said all that it has to say."""
        return self.wait_for("HOST: init runs, .*\n")


@pytest.fixture
def boot(host, disk, uefi):
    machines = []

    def start(flavour, kind, *words):
        built = host.build(kind)
        assert built.status == 0, built.output
        machines.append(Machine(flavour, host, built.image, disk, uefi, words))
        return machines[-1]

    yield start
    for machine in machines:
        machine.process.kill()
        machine.process.wait()


def configure(host, on_failure):
    (host.etc / "ipectld.conf").write_text(f"[Manager]\nOnFailure={on_failure}\n")


def distrust(host):
    """The host trusts the signer of the policy, the kernel does not."""
    host.trust("other")
    host.put(key="other")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flavour", ["ours", "stock"])
def test_the_policy_is_active_before_init_of_the_host(boot, host, flavour, kind):
    host.put()
    text = boot(flavour, kind).wait_for_init()
    assert "HOST: init runs, active=corp-base." in text
    if kind == "initramfs-tools":
        assert re.search(r"LOG: .*ipe-load: '/etc/ipe/policy.d/corp-base.p7b' is active.", text)
        assert "HOST: securityfs is mounted" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_policy_the_host_boots_as_before(boot, kind):
    text = boot("ours", kind).wait_for_init()
    assert "HOST: init runs, active=none." in text
    assert not re.search(r"ipe-load|^ipe: ", text, re.M)


@pytest.mark.parametrize("on_failure, words", [("continue", "HOST: init runs, active=none."), ("emergency", r"\(initramfs\) "),
                                               ("poweroff", "reboot: Power down|sysrq: Power Off")])
def test_a_policy_that_the_kernel_refuses(boot, host, on_failure, words):
    distrust(host)
    configure(host, on_failure)
    text = boot("ours", "initramfs-tools").wait_for(words)
    assert "'/etc/ipe/policy.d/corp-base.p7b' cannot be loaded: Required key not available" in text
    assert f"ipe: No policy of the initrd could be loaded (ipe-load: exit status 1), OnFailure={on_failure}" in text
    assert ("HOST: " in text) == (on_failure == "continue")


@pytest.mark.parametrize("on_failure, words", [("continue", "HOST: init runs, active=none."), ("emergency", "emergency mode"),
                                               ("poweroff", "reboot: Power down")])
def test_a_policy_that_the_kernel_refuses_with_dracut(boot, host, on_failure, words):
    distrust(host)
    configure(host, on_failure)
    text = boot("ours", "dracut").wait_for(words)
    assert ("HOST: " in text) == (on_failure == "continue")


def test_a_policy_that_denies_init_is_a_lockout(boot, host):
    host.put(INITRD_ALONE)
    text = boot("ours", "initramfs-tools").wait_for("Kernel panic - not syncing: Attempted to kill init!")
    assert "HOST: " not in text and "run-init: can't execute '/sbin/init': Permission denied" in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word, active", [("ipe.enforce=0", "corp-base"), ("rd.systemd.mask=ipe-load.service", "none")])
def test_a_word_on_the_command_line_ends_a_lockout(boot, host, kind, word, active):
    host.put(INITRD_ALONE)
    assert f"HOST: init runs, active={active}." in boot("ours", kind, word).wait_for_init()
