# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts x86 kernels with our agent as their only program: ours, and the distribution's stock one."""

import shutil
import socket
import subprocess

import qemu
from guest import Machine, MachineFailed


class QemuAgent(Machine):
    """A running virtual machine. kernel: a bzImage of ours, or "stock"; disks: image files, the first is writable."""

    TIMEOUT_SEC = 120
    BOOT_SEC = 300
    PROCESSOR = ("-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2")

    def __init__(self, kernel, initrd, log, disks=(), command_line=()):
        super().__init__(log)
        self.kernel, self.initrd, self.disks, self.command_line = kernel, initrd, disks, command_line
        if kernel == "stock":
            # The image's initramfs has the modules that this kernel needs for the disks; our files come on top.
            modules = (qemu.image() / "initramfs").read_bytes()
            initrd.write_bytes(modules + bytes(-len(modules) % 4) + initrd.read_bytes())
        # A boot that never reached user space is tried once more.
        try:
            self._start()
        except MachineFailed:
            if b"Run /init" in log.read_bytes():
                raise
            self._start()
        if kernel == "stock":
            self._load_modules()

    def _start(self):
        ours, theirs = socket.socketpair()
        with open(self.log.with_suffix(".qemu"), "wb") as output:
            process = subprocess.Popen(self._arguments(theirs.fileno()), pass_fds=[theirs.fileno()],
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        theirs.close()
        try:
            self.connect(process, ours, self.BOOT_SEC)
        except BaseException:
            process.kill()
            process.wait()
            ours.close()
            raise

    def _arguments(self, channel):
        arguments = ["qemu-system-x86_64", "-M", "q35", *self.PROCESSOR, "-m", "1536", "-nodefaults", "-no-reboot", "-display", "none",
                     "-chardev", f"file,id=console,path={self.log}", "-serial", "chardev:console",
                     # Not a second serial port: the firmware would talk there.
                     "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={channel}",
                     "-device", "virtconsole,chardev=agent",
                     "-initrd", self.initrd,
                     "-append", " ".join(["console=ttyS0", "agent=/dev/hvc0", "panic=-1", *self.command_line])]
        if self.kernel == "stock":
            variables = self.initrd.with_suffix(".vars")
            shutil.copy2(qemu.image() / "OVMF_VARS.fd", variables)
            arguments += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={qemu.OVMF_CODE}",
                          "-drive", f"if=pflash,format=raw,unit=1,file={variables}",
                          "-kernel", qemu.image() / "stock/vmlinuz"]
        else:
            arguments += ["-kernel", self.kernel]
        for number, path in enumerate(self.disks):
            # User-mode Linux may have the same image, and locks it in its own way.
            arguments += ["-drive", f"if=none,id=disk{number},format=raw,file.filename={path},file.locking=off,"
                          + ("readonly=on" if number else "cache=unsafe"),
                          "-device", f"virtio-blk-pci,drive=disk{number}"]
        return [str(argument) for argument in arguments]

    def _load_modules(self):
        for name in self.must("get", "/modules/order").text.split():
            self.must("insmod", f"/modules/{name}")

    def disk(self, number):
        return f"/dev/vd{chr(ord('a') + number)}"
