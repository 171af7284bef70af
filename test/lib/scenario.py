# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job's actors, for the tests of test/vm and for tools/demo: a machine whose root is a signed dm-verity
volume, a program on a second such volume and its copy on tmpfs, and policies about them."""

import json
import re
import subprocess
import time
from pathlib import Path

import keys
import volumes
from qemu import System

NAME = "vm-base"
VOLUME = "/run/volume"
ON_VOLUME = f"{VOLUME}/bin/hello"
ON_TMPFS = "/tmp/hello"
HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
MANAGER = "org.ipe.Manager /org/ipe/Manager org.ipe.Manager"
IPE = "/sys/kernel/security/ipe"
# Of a kernel command line: lets systemd's generator read /etc/veritytab. Other boots have it switched off, as the initramfs has opened the
# root; it finds that open.
VERITY_GENERATOR = ["systemd.verity=yes", "systemd.verity_root_data=/dev/vda", "systemd.verity_root_hash=/dev/vdb"]

# Attaches to the daemon and holds it at its next write to a file of the kernel: before the kernel sees it ("asked"), or
# after ("done").
HOLD = """#!/bin/bash
phase=$1 pid=$2 file=$3
[[ $phase = asked ]] && delay=delay_enter || delay=delay_exit
exec strace -qq -o /run/hold.trace -P "$file" -e trace=write -e inject=write:$delay=100s -p "$pid"
"""
# Waits until the daemon has stood still in that write for a second; strace itself stops it for moments only.
WAIT_FOR_HOLD = """
still=0
for i in {1..300}; do
        read -r number fd _ </proc/$pid/syscall
        if [[ $(sed -n 's/^State:.//p' /proc/$pid/status) == t* && $number == 1 &&
              $(readlink "/proc/$pid/fd/$((fd))") == "$file" ]]; then
                ((++still == 5)) && exit 0
        else
                still=0
        fi
        sleep 0.2
done
exit 1
"""


def hello_program(directory):
    """A static program, so that nothing but itself has to be allowed."""
    program = Path(directory) / "hello"
    subprocess.run(["gcc", "-static", "-O1", "-s", "-x", "c", "-o", program, "-"], input=HELLO.encode(), check=True)
    return program.read_bytes()


class Scenario:
    """flavour: "ours" or "stock"; directory: for what belongs to this machine."""

    def __init__(self, flavour, directory):
        self.directory = Path(directory)
        self.volume = volumes.verity(self.directory / "volume.img", {"bin/hello": hello_program(directory)}, "ab" * 32)
        self.system = System(flavour, directory, disks=[self.volume.image])

    # Policies

    def policy(self, version, revoke_volume=False, name=NAME, header=""):
        """Allows programs on signed dm-verity volumes only; revoke_volume: not those on the second volume."""
        rules = [f"policy_name={name} policy_version={version}{header}",
                 "DEFAULT action=ALLOW",
                 "DEFAULT op=EXECUTE action=DENY"]
        if revoke_volume:
            rules.append(f"op=EXECUTE dmverity_roothash=sha256:{self.volume.root_hash} action=DENY")
        rules += ["op=EXECUTE dmverity_signature=TRUE action=ALLOW",
                  # Of the next kernel, the command line is root's own.
                  "DEFAULT op=KEXEC_IMAGE action=DENY",
                  "DEFAULT op=KEXEC_INITRAMFS action=DENY"]
        return "\n".join(rules) + "\n"

    def signed(self, version, key="test", **options):
        return keys.sign_policy(self.policy(version, **options), key=key)

    def drop(self, envelope, name=NAME):
        """Puts a policy where the daemon looks for it, as an administrator does."""
        self.system.put(f"/etc/ipe/policy.d/{name}.p7b", envelope)

    def trust(self):
        self.system.put("/etc/ipe/trust.d/test.pem", (keys.directory() / "test.crt").read_bytes())

    def configure(self, *settings):
        """Sets the daemon's configuration, beside its defaults, from now on."""
        self.system.put("/etc/ipe/ipectld.conf", "\n".join(["[Manager]", *settings, ""]))
        self.call("Reload")

    # The disk

    def fill_disk(self):
        """Leaves no block free below /var, not even too few for a page, or reserved ones for pages that are not written yet."""
        self.system.run("dd if=/dev/zero of=/var/filler bs=1M; "
                        "for i in 1 2 3 4 5; do sync /var/filler*; dd if=/dev/zero of=/var/filler$i bs=1k; done")

    def empty_disk(self):
        self.system.must("rm -f /var/filler*")

    # Programs

    def open_volume(self):
        """Opens the second volume, its signature checked by the kernel, and copies its program to tmpfs."""
        self.system.put("/run/volume.p7s", keys.sign_root_hash(self.volume.root_hash))
        self.system.must(f"veritysetup open /dev/vdd volume /dev/vdd {self.volume.root_hash} "
                         f"--hash-offset={self.volume.blocks * volumes.BLOCK} "
                         f"--root-hash-signature=/run/volume.p7s && mkdir -p {VOLUME} && "
                         f"mount -o ro /dev/mapper/volume {VOLUME} && cp {ON_VOLUME} {ON_TMPFS}")

    def enforce(self, version):
        """Confirms a policy that allows programs on signed volumes, and no others."""
        self.open_volume()
        self.trust()
        self.drop(self.signed(version))
        self.wait_for_state(version, "staged")
        self.activate(version)
        assert self.kernel_active() == (NAME, version) and self.runs(ON_VOLUME)

    def copy(self, path):
        """Makes one more file of the program that is on no volume."""
        self.system.must(f"cp {ON_TMPFS} {path}")

    def runs(self, path):
        """Whether a program is executed (True), or refused by the kernel with EACCES (False)."""
        result = self.system.run(path)
        if result.ok and result.output == "hello\n":
            return True
        assert result.status == 126 and "Permission denied" in result.output, result
        return False

    def wait_for_programs(self):
        """Waits until the machine can execute something: before, its agent answers every command with 126."""
        deadline = time.monotonic() + 120
        while not self.system.run("true").ok:
            assert time.monotonic() < deadline
            time.sleep(0.5)

    # The daemon

    def call(self, method, *arguments):
        """Calls a method as root and returns the values of the answer."""
        result = self.try_call(method, *arguments)
        assert result.ok, result.output
        return json.loads(result.output)["data"] if result.output else []

    def try_call(self, method, *arguments, runner=""):
        quoted = " ".join(f"'{argument}'" for argument in arguments)
        return self.system.run(f"{runner} busctl --json=short call {MANAGER} {method} {quoted}")

    def activate(self, version="", **options):
        """Activates and confirms a version, by default the newest that is staged, on either kernel."""
        if version:
            options["version"] = f"s {version}"
        self.activate_with(options)
        if self.get("TrialPolicy") != ["", ""]:
            self.call("Confirm", "s", NAME)

    def activate_with(self, options, call=None):
        """ActivateWithOptions, the options as {name: "TYPE VALUE"}; returns what call does."""
        words = [word for name, value in options.items() for word in (name, *value.split(" ", 1))]
        return (call or self.call)("ActivateWithOptions", "sa{sv}", NAME, len(options), *words)

    def hold(self, phase, file, method, *arguments):
        """Calls a method of the daemon and holds the daemon at its write to a file of the kernel; see HOLD. The call goes on
        with go_on(), or comes to nothing with cut()."""
        self.system.put("/run/hold", HOLD)
        quoted = " ".join(f"'{argument}'" for argument in arguments)
        call = f"busctl --timeout=100 --json=short call {MANAGER} {method} {quoted}"
        self.system.must("\n".join([
            f"busctl get-property {MANAGER} Version >/dev/null",
            "rm -f /run/answered",
            "systemctl reset-failed hold ipectld 2>/dev/null",
            f"file={IPE}/{file} pid=$(systemctl show -P MainPID ipectld)",
            f"systemd-run -q --unit=hold bash /run/hold {phase} $pid $file",
            "until grep -q '^TracerPid:.[1-9]' /proc/$pid/status; do sleep 0.05; done",
            # Nothing of it may hold the agent's pipe open.
            f"{{ {call}; echo $? >/run/answered; }} >/run/answer 2>&1 &",
            WAIT_FOR_HOLD]))
        # Of a rollback the mark is the trial that it ends.
        assert re.search('"activating"|"state": *"trial"', self.system.must("cat /var/lib/ipe/state.json")), "no mark"

    def cut(self, phase, file, method, *arguments):
        """Kills the daemon at a write to a file of the kernel; see hold()."""
        self.hold(phase, file, method, *arguments)
        # The program that holds it learns of its death first, and reports it to nobody.
        self.system.must("kill -KILL $(systemctl show -P MainPID ipectld); systemctl kill -s KILL hold; "
                         "until [ -e /run/answered ]; do sleep 0.1; done")

    def go_on(self):
        """Lets a held daemon go on; returns the answer to the call."""
        return self.system.must("systemctl kill -s KILL hold; until [ -e /run/answered ]; do sleep 0.1; done; "
                                "cat /run/answer")

    def has(self, feature):
        return feature in self.get("Features")

    def get(self, name):
        return json.loads(self.system.must(f"busctl --json=short get-property {MANAGER} {name}"))["data"]

    def versions(self):
        """{version: state} of the policy NAME."""
        return {entry[1]: entry[2] for entry in self.call("ListPolicies")[0] if entry[0] == NAME}

    def disk_versions(self, state):
        """The version in that state on disk, because a held daemon does not answer."""
        versions = json.loads(self.system.must("cat /var/lib/ipe/state.json"))["versions"]
        return next(entry["version"] for entry in versions if entry["name"] == NAME and entry["state"] == state)

    def wait_for_state(self, version, state, timeout_sec=30):
        self.system.wait_until(f"busctl --json=short call {MANAGER} GetPolicy ss {NAME} {version} | "
                               f"grep -q '\"State\":{{\"type\":\"s\",\"data\":\"{state}\"}}'", timeout_sec)

    def journal(self, *matches):
        """Entries of ipectld and ipe-load that match, oldest first."""
        words = " ".join(f"'{match}'" for match in matches)
        # journalctl leaves out a journal file that is just being made, and says so.
        output = self.system.must(
            f"journalctl --sync; for i in $(seq 50); do journalctl -q -o json {words} >/run/entries 2>/run/errors && "
            "[ ! -s /run/errors ] && exec cat /run/entries; sleep 0.2; done; cat /run/errors; exit 1")
        return [json.loads(line) for line in output.splitlines()]

    def load_journal(self, *matches):
        """Entries that match of the ipe-load of this boot. journald reads a sender's unit and name from /proc, where a program that has
        ended at once may be gone; the identifier is in the entry itself."""
        return self.journal("-b", "SYSLOG_IDENTIFIER=ipe-load", *matches)

    def kernel_active(self):
        """(name, version) of the policy that the kernel enforces, on trial or not, or None."""
        output = self.system.must("cd /sys/kernel/security/ipe && grep -s . confirm && exit; "
                                  "cd policies && for p in *; do [ -e \"$p/active\" ] && "
                                  "[ \"$(cat \"$p/active\")\" = 1 ] && echo \"$p $(cat \"$p/version\")\"; done; true")
        return tuple(output.split()) or None

    def disk_state(self):
        """A digest over the daemon's files."""
        return self.system.must("cd /var/lib/ipe && { find . -type f -not -name '*lock*' -print0 | sort -z | "
                                "xargs -0 sha256sum; } | sha256sum")
