# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job's actors, for the tests of test/vm and for tools/demo: a machine whose root is a signed dm-verity
volume, a program on a second such volume and its copy on tmpfs, and policies about them."""

import json
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

# Sends the daemon a signal at a moment that no clock hits: once its state says what the kernel is about to be asked for
# ("asked"), or once a file of the kernel says that it was done ("done"). Executes nothing, so that it is fast. Tells the
# file before and after, and the state, when the daemon has died or stands still.
CUTTER = """#!/bin/bash
phase=$1 signal=$2 pid=$3 file=$4
look() { IFS= read -r -d '' state </var/lib/ipe/state.json; shown=; IFS= read -r shown <"$file"; }
look; before=$shown
>/run/cutter.ready
until [[ $phase = asked && $state == *activating* ]] || [[ $phase = done && $shown != "$before" ]]; do look; done
kill -"$signal" "$pid"
while kill -0 "$pid" 2>/dev/null; do
        read -r _ _ status _ <"/proc/$pid/stat"
        [[ $status == T ]] && break
done
look
echo "$before|$shown|${state//[[:space:]]/}"
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
        """Executes only what a signed dm-verity volume holds; revoke_volume: but for the second volume."""
        rules = [f"policy_name={name} policy_version={version}{header}",
                 "DEFAULT action=ALLOW",
                 "DEFAULT op=EXECUTE action=DENY"]
        if revoke_volume:
            rules.append(f"op=EXECUTE dmverity_roothash=sha256:{self.volume.root_hash} action=DENY")
        rules += ["op=EXECUTE dmverity_signature=TRUE action=ALLOW"]
        return "\n".join(rules) + "\n"

    def signed(self, version, key="test", **options):
        return keys.sign_policy(self.policy(version, **options), key=key)

    def drop(self, envelope, name=NAME):
        """Puts a policy where the daemon looks for it, as an administrator does."""
        self.system.put(f"/etc/ipe/policy.d/{name}.p7b", envelope)

    def trust(self):
        self.system.put("/etc/ipe/trust.d/test.pem", (keys.directory() / "test.crt").read_bytes())

    # Programs

    def open_volume(self):
        """Opens the second volume, its signature checked by the kernel, and copies its program to tmpfs."""
        self.system.put("/run/volume.p7s", keys.sign_root_hash(self.volume.root_hash))
        self.system.must(f"veritysetup open /dev/vdd volume /dev/vdd {self.volume.root_hash} "
                         f"--hash-offset={self.volume.blocks * volumes.BLOCK} "
                         f"--root-hash-signature=/run/volume.p7s && mkdir -p {VOLUME} && "
                         f"mount -o ro /dev/mapper/volume {VOLUME} && cp {ON_VOLUME} {ON_TMPFS}")

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
        """Puts a version in force, by default the newest that is staged, and keeps it, whatever the kernel can."""
        if version:
            options["version"] = f"s {version}"
        self.activate_with(options)
        if self.get("TrialPolicy") != ["", ""]:
            self.call("Confirm", "s", NAME)

    def activate_with(self, options, call=None):
        """ActivateWithOptions, the options as {name: "TYPE VALUE"}; returns what call does."""
        words = [word for name, value in options.items() for word in (name, *value.split(" ", 1))]
        return (call or self.call)("ActivateWithOptions", "sa{sv}", NAME, len(options), *words)

    def cut(self, phase, method, *arguments, file=f"{IPE}/confirm", stop=False):
        """Calls a method of the daemon and kills the daemon in that phase, or stops it; see CUTTER. stop: the call goes on
        then, its answer comes to /run/answer.

        Returns whether the moment was hit: what comes after it was not done."""
        self.system.put("/run/cutter", CUTTER)
        quoted = " ".join(f"'{argument}'" for argument in arguments)
        call = f"busctl --timeout=100 --json=short call {MANAGER} {method} {quoted}"
        output = self.system.must("\n".join([
            f"busctl get-property {MANAGER} Version >/dev/null",
            "rm -f /run/cutter.ready /run/answered",
            "systemctl reset-failed cutter ipectld 2>/dev/null",
            "systemd-run -q --unit=cutter --property=StandardOutput=truncate:/run/cutter.out bash /run/cutter "
            f"{phase} {'STOP' if stop else 'KILL'} $(systemctl show -P MainPID ipectld) {file}",
            "until [ -e /run/cutter.ready ]; do sleep 0.05; done",
            # Nothing of it may hold the agent's pipe open.
            f"{{ {call}; echo $? >/run/answered; }} >/run/answer 2>&1 {'& sleep 1' if stop else ''}",
            "for i in 1 2 3 4 5; do systemctl is-active -q cutter || break; sleep 0.1; done",
            "systemctl stop cutter 2>/dev/null",
            "cat /run/cutter.out"]))
        if not output:
            return False
        before, shown, state = output.strip().split("|")
        if phase == "asked":
            return before == shown and "activating" in state
        return before != shown and ("activating" in state or '"state":"trial"' in state)

    def go_on(self):
        """Lets a daemon go on that was stopped by cut(); returns what the call was answered."""
        return self.system.must("kill -CONT $(systemctl show -P MainPID ipectld); "
                                "until [ -e /run/answered ]; do sleep 0.1; done; cat /run/answer")

    def has(self, feature):
        return feature in self.get("Features")

    def get(self, name):
        return json.loads(self.system.must(f"busctl --json=short get-property {MANAGER} {name}"))["data"]

    def versions(self):
        """{version: state} of the policy NAME."""
        return {entry[1]: entry[2] for entry in self.call("ListPolicies")[0] if entry[0] == NAME}

    def disk_versions(self, state):
        """The version that is in that state on disk, as a daemon that stands still cannot be asked."""
        versions = json.loads(self.system.must("cat /var/lib/ipe/state.json"))["versions"]
        return next(entry["version"] for entry in versions if entry["name"] == NAME and entry["state"] == state)

    def wait_for_state(self, version, state):
        self.system.wait_until(f"busctl --json=short call {MANAGER} GetPolicy ss {NAME} {version} | "
                               f"grep -q '\"State\":{{\"type\":\"s\",\"data\":\"{state}\"}}'")

    def journal(self, *matches):
        """Entries of ipectld and ipe-load that match, oldest first."""
        words = " ".join(f"'{match}'" for match in matches)
        output = self.system.must(f"journalctl --sync; journalctl -q -o json {words}")
        return [json.loads(line) for line in output.splitlines()]

    def kernel_active(self):
        """(name, version) of the policy that the kernel enforces, on trial or not, or None."""
        output = self.system.must("cd /sys/kernel/security/ipe && grep -s . confirm && exit; "
                                  "cd policies && for p in *; do [ -e \"$p/active\" ] && "
                                  "[ \"$(cat \"$p/active\")\" = 1 ] && echo \"$p $(cat \"$p/version\")\"; done; true")
        return tuple(output.split()) or None

    def disk_state(self):
        """A digest over what the daemon keeps on disk."""
        return self.system.must("cd /var/lib/ipe && { find . -type f -not -name '*lock*' -print0 | sort -z | "
                                "xargs -0 sha256sum; } | sha256sum")
