# SPDX-License-Identifier: LGPL-2.1-or-later
"""The costs of the daemon, in a machine with our kernel: times beside those of the bare steps done by hand,
memory, and whether it sleeps. The machine is emulated, so times are long and their ratios count."""

import re
import shutil
import statistics
import subprocess
from pathlib import Path

import keys
from kernel_bench import digest
from message_ids import message_id
from scenario import IPE, MANAGER, Scenario

BIG = 100_000
MANY = 1000
RUNS = 7
IDLE_SEC = 60
FILES = "/run/files"
TRUST = "/etc/ipe/trust.d/test.pem"
# The journal's entry of a version that was staged.
STAGED = message_id("STAGED")

# Seconds from the moment that a file was renamed to the journal's entry that it is staged.
STAGE = """
journalctl --sync; cursor=$(journalctl -q -n0 --show-cursor | sed -n 's/^-- cursor: //p')
cp {file} /etc/ipe/policy.d/.new && sync /etc/ipe/policy.d/.new
begin=$(date +%s%6N); mv /etc/ipe/policy.d/.new /etc/ipe/policy.d/{name}.p7b
for i in $(seq 600); do
        end=$(journalctl -q --after-cursor="$cursor" -o json --output-fields=__REALTIME_TIMESTAMP MESSAGE_ID={staged} |
              sed -n 's/.*"__REALTIME_TIMESTAMP":"\\([0-9]*\\)".*/\\1/p' | tail -1)
        [ -n "$end" ] && break
        sleep 0.2
done
echo $((end - begin))
"""
# The same by hand: the kernel's own check and load are part of both.
BY_HAND = """
begin=$(date +%s%6N)
{verify} >/dev/null 2>&1 && dd if={file} of={ipe}/{node} bs=128M status=none
status=$?; end=$(date +%s%6N); echo $((end - begin)); exit $status
"""
TIMED = """
begin=$(date +%s%6N); {command} >/dev/null; status=$?; end=$(date +%s%6N); echo $((end - begin)); exit $status
"""


def policy(name, version, n_rules=1):
    rows = "".join(f"op=KMODULE fsverity_digest=sha256:{digest(number)} action=ALLOW\n" for number in range(n_rules))
    text = f"policy_name={name} policy_version={version} policy_rollback_floor=0.0.0\nDEFAULT action=ALLOW\n{rows}".encode()
    return keys.sign_policy(text) if len(text) < 64_000 else keys.append_signature(text)


def version_of(kind, number):
    """The kernel goes to no lower one, whatever the name."""
    return f"{1 if kind == 'small' else 2}.{number}.0"


class Bench:
    """found: {row: [values]}; units: {row: unit}."""

    def __init__(self, directory):
        self.scenario = Scenario("ours", directory)
        self.system = self.scenario.system
        self.found, self.units = {}, {}
        self.system.disks.append(self._files(Path(directory) / "files"))

    @staticmethod
    def _files(tree):
        """A disk with the policies; openssl is there for the work by hand."""
        tree.mkdir()
        for number in range(RUNS):
            for kind, n_rules in (("small", 1), ("big", BIG)):
                if kind == "big" and number > 2:
                    continue
                for way in ("daemon", "hand"):
                    (tree / f"{kind}-{way}-{number}").write_bytes(policy(f"{kind}-{way}", version_of(kind, number), n_rules))
        (tree / "many").mkdir()
        for number in range(MANY):
            (tree / "many" / f"many-{number}.p7b").write_bytes(policy(f"many-{number}", "1.0.0"))
        image = tree.with_suffix(".img")
        subprocess.run(["mkfs.erofs", "--quiet", image, tree], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(tree)
        return image

    def add(self, row, value, unit):
        self.found.setdefault(row, []).append(value)
        self.units[row] = unit

    def microseconds(self, row, command):
        self.add(row, int(self.system.must(command, 900).split()[-1]) / 1000, "ms")

    def verify(self, path):
        """openssl's check of a signed policy, of either form."""
        if "small" in path:
            return f"openssl cms -verify -binary -inform der -in {path} -CAfile {TRUST} -purpose any"
        return (f"size=$(($(stat -c %s {path}) - 40)); length=$(tail -c 32 {path} | head -c 4 | od -An -tu4 --endian=big); "
                f"tail -c $((length + 40)) {path} | head -c $length >/run/signature; head -c $((size - length)) {path} >/run/text; "
                f"openssl cms -verify -binary -inform der -in /run/signature -content /run/text -CAfile {TRUST} -purpose any")

    def staging(self, kind, runs):
        for number in range(runs):
            name, file = f"{kind}-daemon", f"{FILES}/{kind}-daemon-{number}"
            self.microseconds(f"file dropped until staged, {kind} policy",
                              STAGE.format(file=file, name=name, staged=STAGED))
            file, name = f"{FILES}/{kind}-hand-{number}", f"{kind}-hand"
            node = "new_policy" if number == 0 else f"policies/{name}/update"
            self.microseconds(f"the same by hand, {kind} policy",
                              BY_HAND.format(verify=self.verify(file), file=file, ipe=IPE, node=node))
            options = f"trial-sec t 0 force b true version s {version_of(kind, number)}"
            self.microseconds(f"Activate, {kind} policy", TIMED.format(
                command=f"busctl --timeout=600 call {MANAGER} ActivateWithOptions 'sa{{sv}}' {kind}-daemon 3 {options}"))
            # The versions by hand have other names, and are activated in turns with those of the daemon.
            self.microseconds(f"echo 1 by hand, {kind} policy", TIMED.format(
                command=f"sh -c 'echo 1 >{IPE}/policies/{name}/active'"))
            self.system.must(f"rm /etc/ipe/policy.d/{kind}-daemon.p7b")

    def start_up(self, what):
        for _ in range(RUNS):
            self.system.must("systemctl restart ipectld", 300)
            begin, ready = (int(self.system.must(f"systemctl show -P {name} ipectld")) for name in
                            ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"))
            self.add(f"start-up to ready, {what}", (ready - begin) / 1000, "ms")

    def memory(self, what):
        pss = self.system.must("cat /proc/$(systemctl show -P MainPID ipectld)/smaps_rollup")
        self.add(f"memory (PSS), {what}", int(re.search(r"^Pss:\s+(\d+)", pss, re.M).group(1)), "KiB")

    def wake_ups(self, what):
        count = "awk '/ctxt_switches/ { n += $2 } END { print n }' /proc/$(systemctl show -P MainPID ipectld)/status"
        before = int(self.system.must(count))
        self.system.must(f"sleep {IDLE_SEC}", IDLE_SEC + 60)
        self.add(f"wake-ups in {IDLE_SEC} s, {what}", int(self.system.must(count)) - before, "")

    def run(self):
        try:
            self.system.start()
            self.scenario.trust()
            self.system.must(f"mkdir -p {FILES} && mount -o ro /dev/vde {FILES}")
            self.system.must("systemctl is-system-running --wait || true", 120)
            self.scenario.call("Reload")
            self.staging("small", RUNS)
            self.start_up("1 policy")
            self.memory("1 policy")
            # The start has done its work by then.
            self.system.must("sleep 5")
            self.wake_ups("1 policy")
            self.staging("big", 3)
            self.start_up("with one of 100,000 rules")
            self.memory("with one of 100,000 rules")
            self.system.must(f"cp {FILES}/many/*.p7b /etc/ipe/policy.d/", 120)
            self.system.wait_until(f"[ $(busctl --json=short call {MANAGER} ListPolicies | grep -o many- | wc -l) -ge {MANY} ]", 300)
            self.start_up(f"{MANY:,} policies")
            self.memory(f"{MANY:,} policies")
            self.system.must("sleep 5")
            self.wake_ups(f"{MANY:,} policies")
        finally:
            self.system.kill()
        return self.found, self.units


def table(found, units):
    """Markdown: medians, and ratios to the same by hand."""
    hand = {"file dropped until staged": "the same by hand", "Activate": "echo 1 by hand"}
    lines = ["| | median | min to max | ratio to the same by hand |", "|---|---|---|---|"]
    for row, values in found.items():
        what, _, kind = row.partition(", ")
        other = found.get(f"{hand[what]}, {kind}") if what in hand else None
        ratio = f"{statistics.median(values) / statistics.median(other):.2f}" if other else ""
        unit = f" {units[row]}" if units[row] else ""
        lines.append(f"| {row} | {statistics.median(values):,.1f}{unit} | {min(values):,.1f} to {max(values):,.1f} | {ratio} |")
    return "\n".join(lines)
