# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts the image of tools/image in qemu, and runs commands in it.

A machine has a kernel ("ours" or "stock"), a disk of its own for changes, which survives reboots, and any
number of volumes. Commands go through a virtio port to an agent that systemd starts
(test/image/mkosi.extra). A booted machine can be saved, and others with the same kernel and volumes resume
from there, because the boot is most of what a short test costs.
"""

import base64
import functools
import itertools
import json
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from guest import TROUBLE, MachineFailed

TOP = Path(__file__).resolve().parents[2]
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
# Units that cost a boot time, and are of no use here.
UNUSED = ("serial-getty@ttyS0.service", "getty@tty1.service", "systemd-networkd.service", "systemd-networkd.socket", "e2scrub_reap.service")


@functools.cache
def image():
    """The directory of tools/image."""
    return Path(subprocess.run([TOP / "tools/image"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


@functools.cache
def kernel():
    """The directory of the x86 kernel with our LSM."""
    return Path(subprocess.run([TOP / "tools/kernel"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


@dataclass(frozen=True)
class Result:
    status: int
    output: str

    @property
    def ok(self):
        return self.status == 0


class System:
    """A machine with systemd. disks: images of volumes, read-only; they are /dev/vdd and on. options: further ones of qemu; what is
    changed counts from the next boot on.

    It has one processor: with more, qemu's TCG seldom executes an instruction that the kernel is just patching, as it does when a
    static key is switched; a real processor does not."""

    # How long a machine may take that has a fraction of a processor; one that hangs is found out then.
    BOOT_SEC = 480

    def __init__(self, flavour, directory, disks=(), command_line=(), options=()):
        self.flavour, self.directory = flavour, Path(directory)
        self.disks, self.command_line, self.options = list(disks), list(command_line), list(options)
        self.log = self.directory / f"console-{flavour}.log"
        self.variables = self.directory / "OVMF_VARS.fd"
        self.log.write_bytes(b"")
        self.process = self.channel = self.monitor = None
        self.buffer = b""
        self.numbers = itertools.count(1)
        self.boots = 0
        self._prepare()

    def _prepare(self):
        """Makes what is the machine's own."""
        self.changes = self.directory / f"changes-{self.flavour}.ext4"
        subprocess.run(["cp", "--sparse=always", image() / "changes.ext4", self.changes], check=True)

    def _arguments(self, agent, monitor):
        # "-cpu max" has more, which is seldom of use, and slow where it is emulated.
        arguments = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "qemu64", "-smp", "1",
                     "-m", "1024", "-nodefaults", "-no-reboot", "-display", "none", "-chardev",
                     f"file,id=console,path={self.log},append=on", "-serial", "chardev:console",
                     "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={agent}",
                     "-device", "virtserialport,chardev=agent,name=ipe-test",
                     "-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control",
                     "-device", "virtio-rng-pci", *self._software(), *self.options]
        return [str(argument) for argument in arguments]

    def _firmware(self, directory):
        """UEFI, with the variables of an image, which are the machine's own from then on."""
        if not self.variables.exists():
            shutil.copy2(directory / "OVMF_VARS.fd", self.variables)
        return ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}",
                "-drive", f"if=pflash,format=raw,unit=1,file={self.variables}"]

    @staticmethod
    def _disk(number, path, read_only):
        return ["-drive", f"if=none,id=disk{number},format=raw,file={path}" + (",readonly=on" if read_only else ",cache=unsafe"),
                "-device", f"virtio-blk-pci,drive=disk{number}"]

    def _software(self):
        """The words for its software and its disks."""
        directory = image()
        root_hash = (directory / "root.hash").read_text()
        # systemd's own generator is not to open the volume a second time.
        words = ["console=ttyS0", "panic=-1", "mitigations=off", "audit=1", "audit_backlog_limit=8192", "printk.devkmsg=on",
                 f"roothash={root_hash}", "systemd.verity=no", "systemd.show_status=no", "8250.nr_uarts=1",
                 # The agent waits for its device, which a busy host may let appear after the 90 seconds that systemd gives it.
                 f"systemd.default_device_timeout_sec={self.BOOT_SEC}",
                 *(f"systemd.mask={unit}" for unit in UNUSED), *self.command_line]
        arguments = ["-initrd", directory / "initramfs", "-append", " ".join(words)]
        if self.flavour == "stock":
            arguments += [*self._firmware(directory), "-kernel", directory / "stock/vmlinuz"]
        else:
            arguments += ["-kernel", kernel() / "bzImage"]
        disks = [(directory / "root.erofs", True), (directory / "root.verity", True), (self.changes, False),
                 *((disk, True) for disk in self.disks)]
        for number, (path, read_only) in enumerate(disks):
            arguments += self._disk(number, path, read_only)
        return arguments

    def launch(self, *options):
        """Switches the machine on, and waits for nothing. options: of qemu, for this time alone."""
        (self.channel, agent), (own, monitor) = socket.socketpair(), socket.socketpair()
        self.monitor = own.makefile("rwb")
        own.close()
        passed = [agent.fileno(), monitor.fileno()]
        with open(self.directory / f"qemu-{self.flavour}.log", "ab") as output:
            self.process = subprocess.Popen([*self._arguments(*passed), *options], pass_fds=passed,
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        agent.close()
        monitor.close()
        self.buffer = b""

    def boot_until(self, words, timeout_sec=BOOT_SEC):
        """Boots a machine that need not come up; returns once its console has said something that matches, a regular expression of
        bytes, and the machine goes on."""
        before = self.log.stat().st_size
        self.launch()
        deadline = time.monotonic() + timeout_sec
        while True:
            with open(self.log, "rb") as log:
                log.seek(before)
                if re.search(words, log.read()):
                    return
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise MachineFailed(f"the console never said {words!r}\n{self.tail()}")
            time.sleep(0.2)

    def start(self):
        """Boots and waits for the agent. A boot that never reaches user space is tried once more."""
        for last in (False, True):
            before = self.log.stat().st_size
            self.launch()
            try:
                line = self._read_line(time.monotonic() + self.BOOT_SEC)
                if line != b"ready":
                    raise MachineFailed(f"unexpected first words of the agent: {line!r}")
                self.boots += 1
                return self
            except MachineFailed:
                self.kill()
                with open(self.log, "rb") as log:
                    log.seek(before)
                    text = log.read()
                    if last or b"systemd[1]" in text:
                        raise
                # The log of a boot that does not count is kept, but must not count as trouble of the next.
                shutil.copy2(self.log, self.log.with_suffix(".broken.log"))
                os.truncate(self.log, before)
        return self

    def save(self):
        """Stops the machine for good, and leaves its memory beside its disk, so that others can resume()."""
        self._ask("qmp_capabilities")
        self._ask("stop")
        self._ask("migrate", uri=f"exec:cat >{self.directory}/memory")
        self._ask_until("query-migrate", "completed")
        self.kill()
        return self

    def resume(self, saved):
        """Goes on where another machine was when it was saved, with the present time. Its console begins with the other one's."""
        for path in (saved.changes, saved.variables):
            if path.exists():
                subprocess.run(["cp", "--sparse=always", path, self.directory / path.name], check=True)
        shutil.copy2(saved.log, self.log)
        self.launch("-incoming", f"exec:cat {saved.directory}/memory")
        self.boots = saved.boots
        self._ask("qmp_capabilities")
        self._ask_until("query-status", "paused")
        self._ask("cont")
        self.must(f"date -s @{time.time():.0f}")
        return self

    def _ask(self, command, **arguments):
        """Has qemu execute a command of its monitor (QMP); returns the answer."""
        self.monitor.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self.monitor.flush()
        answer = None
        # Between are the greeting and events.
        for line in self.monitor:
            answer = json.loads(line)
            if "error" in answer:
                break
            if "return" in answer:
                return answer["return"]
        raise MachineFailed(f"qemu does not '{command}': {answer}")

    def _ask_until(self, command, status, timeout_sec=120):
        deadline = time.monotonic() + timeout_sec
        while (answer := self._ask(command))["status"] != status:
            if answer["status"] == "failed" or time.monotonic() > deadline:
                raise MachineFailed(f"qemu's '{command}' is never '{status}': {answer}")
            time.sleep(0.1)

    def run(self, command, timeout_sec=60):
        """Runs a shell command as root; returns its Result, with standard error in the output."""
        number = str(next(self.numbers)).encode()
        self._send(number + b" " + base64.b64encode(command.encode()) + b"\n", timeout_sec)
        answer = self._read_line(time.monotonic() + timeout_sec).split(b" ")
        if answer[0] != number:
            raise MachineFailed(f"unexpected answer {answer!r}\n{self.tail()}")
        return Result(int(answer[1]), base64.b64decode(answer[2]).decode(errors="replace"))

    def must(self, command, timeout_sec=60):
        """Runs a command that has to succeed; returns its output."""
        result = self.run(command, timeout_sec)
        assert result.ok, f"'{command}' ended with {result.status}:\n{result.output}"
        return result.output

    def wait_until(self, command, timeout_sec=30):
        """Repeats a command until it succeeds; returns its output."""
        return self.must(f"for i in $(seq {timeout_sec * 5}); do out=$({command}) && {{ echo \"$out\"; exit 0; }}; "
                         f"sleep 0.2; done; echo \"$out\"; exit 1", timeout_sec * 4 + 60)

    def put(self, path, data, mode=0o644):
        """Writes a file in the machine: to a temporary name, then renamed."""
        data = data if isinstance(data, bytes) else data.encode()
        encoded = base64.b64encode(data).decode()
        name = shlex.quote(str(path))
        self.must(f"mkdir -p $(dirname {name}) && base64 -d > {name}.new <<'EOF' && chmod {mode:o} {name}.new && "
                  f"mv {name}.new {name}\n{encoded}\nEOF")

    def reboot(self):
        """Restarts in the orderly way; the disk of changes stays."""
        self._send(b"0 " + base64.b64encode(b"systemctl reboot") + b"\n", 10)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired as error:
            raise MachineFailed(f"the machine does not shut down\n{self.tail()}") from error
        self._close()
        return self.start()

    def soft_reboot(self):
        """Restarts user space alone, and waits for the agent of the new one."""
        self._send(b"0 " + base64.b64encode(b"systemctl soft-reboot") + b"\n", 10)
        deadline = time.monotonic() + self.BOOT_SEC
        # The answer to the call, if there was one, comes before.
        while self._read_line(deadline) != b"ready":
            pass

    def cut_power(self):
        self.kill()
        return self.start()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._close()
            self.process = None

    def _close(self):
        self.channel.close()
        self.monitor.close()

    def trouble(self):
        """Lines of the console that no healthy kernel writes."""
        return [line.decode(errors="replace") for line in self.log.read_bytes().splitlines() if TROUBLE.search(line)]

    def tail(self):
        lines = self.log.read_bytes().decode(errors="replace").splitlines()
        return f"Console ({self.log}):\n" + "\n".join(lines[-60:])

    def _send(self, data, timeout_sec):
        self.channel.settimeout(timeout_sec)
        try:
            self.channel.sendall(data)
        except OSError as error:
            raise MachineFailed(f"the machine does not listen: {error}\n{self.tail()}") from error

    def _read_line(self, deadline):
        while b"\n" not in self.buffer:
            timeout = deadline - time.monotonic()
            if timeout <= 0 or not select.select([self.channel], [], [], timeout)[0]:
                raise MachineFailed(f"the machine does not answer in time\n{self.tail()}")
            received = self.channel.recv(1 << 16)
            if not received:
                raise MachineFailed(f"the machine has stopped\n{self.tail()}")
            self.buffer += received
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line


@functools.cache
def profile(name, flavour):
    """The directory of a disk image of tools/image; with "ours" it boots our kernel."""
    options = ["--kernel", kernel() / "bzImage"] if flavour == "ours" else []
    return Path(subprocess.run([TOP / "tools/image", "--profile", name, *options], check=True, stdout=subprocess.PIPE,
                               text=True).stdout.strip())


class DiskSystem(System):
    """A machine that boots from a disk image, by UEFI, with nothing given from outside. image: the directory with the disk and the
    variables of UEFI, by default that of a profile of tools/image; disks: further ones, which are /dev/vdb and on."""

    def __init__(self, name, flavour, directory, image=None, disks=()):
        self.image = image or profile(name, flavour)
        super().__init__(flavour, directory, disks=disks)

    def _prepare(self):
        self.changes = self.directory / "disk.raw"
        subprocess.run(["cp", "--sparse=always", self.image / "disk.raw", self.changes], check=True)

    def _software(self):
        arguments = [*self._firmware(self.image), *self._disk(0, self.changes, False)]
        for number, path in enumerate(self.disks, 1):
            arguments += self._disk(number, path, True)
        return arguments
