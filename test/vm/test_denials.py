# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal and the bus report denials, from our kernel's "events" and from the stock one's audit records,
and a storm of denials does not keep the daemon busy. The tests are one story, told in order on one machine."""

import json
import re

from message_ids import message_id
import pytest
from scenario import NAME, ON_TMPFS

DENIED = message_id("DENIED")
BEFORE = message_id("DENIALS_BEFORE")
VERSION = "1.0.0"
RULE = "DEFAULT op=EXECUTE action=DENY"
SOCKET = "ipectld-audit.socket"
STORM_SEC = 10
# So many of root's kinds are reported at once, as in src/ipectld/denials/denial-table.h.
BURST = 250
# The limits that were asked for: of a core, and of memory.
CPU_MAX = 0.2
MEMORY_MAX_KIB = 16 * 1024

# Maps files to be executed, for some seconds and as fast as it can; each is denied. Prints how many there were.
STORM = r"""
my ($seconds, @paths) = @ARGV;
my (@files, $n);
for (@paths) { open(my $file, "<", $_) or die "$_: $!"; push(@files, $file); }
my $end = time + $seconds;
while (time < $end) {
        for my $file (@files) {
                for (1 .. 20) {
                        syscall(9, 0, 4096, 5, 2, fileno($file), 0) == -1 or die "not denied";
                        $n++;
                }
        }
}
print "$n\n";
"""


@pytest.fixture(scope="module", autouse=True)
def in_force(scenario):
    scenario.enforce(VERSION)


def has_events(scenario):
    return scenario.has("events")


def told(scenario, path):
    """Entries about a path, oldest first."""
    return scenario.journal("-u", "ipectld", f"MESSAGE_ID={DENIED}", f"IPE_PATH={path}")


def wait_told(scenario, path, *matches):
    words = " ".join(matches)
    scenario.system.wait_until(f"journalctl --sync; journalctl -q -u ipectld MESSAGE_ID={DENIED} IPE_PATH={path} {words} "
                               "| grep -q .")


def probe(scenario, member):
    """Waits until the monitor has this signal, and so all that were sent before."""
    scenario.system.wait_until(f"busctl emit /org/ipe/probe org.ipe.Probe {member}; grep -q '\"{member}\"' /run/signals")


def monitor(scenario):
    """Writes the signals from now on to a file in the machine: a storm of records pushes entries out of the journal. Denials
    are sent to subscribers alone, so there is one."""
    scenario.system.must("systemctl reset-failed monitor subscriber 2>/dev/null; systemd-run -q --unit=monitor "
                         "--property=StandardOutput=truncate:/run/signals busctl --json=short monitor "
                         "--match=\"type='signal',member='Denied'\" --match=\"type='signal',interface='org.ipe.Probe'\" "
                         "--match=\"type='method_call',member='Subscribe'\"")
    probe(scenario, "Begin")
    scenario.system.must("systemd-run -q --unit=subscriber ipectl watch")
    scenario.system.wait_until("grep -q '\"Subscribe\"' /run/signals")


def signals(scenario):
    """[(words, details)] of each Denied since monitor()."""
    probe(scenario, "End")
    lines = scenario.system.must("systemctl stop monitor subscriber; cat /run/signals").splitlines()
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    return [(message["payload"]["data"][:4], {key: value["data"] for key, value in message["payload"]["data"][4].items()})
            for message in messages if message["member"] == "Denied"]


def test_the_source_is_what_the_kernel_has(scenario):
    expected = "inactive" if has_events(scenario) else "active"
    assert scenario.system.run(f"systemctl is-active {SOCKET}").output.strip() == expected
    assert scenario.system.must("systemctl --failed --no-legend").strip() == ""


def test_a_denial_is_told_once_with_all_fields(scenario):
    monitor(scenario)
    assert not scenario.runs(ON_TMPFS)
    wait_told(scenario, ON_TMPFS)
    entry, = told(scenario, ON_TMPFS)
    expected = {"PRIORITY": "4", "IPE_POLICY": NAME, "IPE_VERSION": VERSION, "IPE_OPERATION": "EXECUTE", "IPE_RULE": RULE,
                "IPE_HOOK": "BPRM_CHECK", "IPE_ENFORCED": "1", "IPE_COUNT": "1", "IPE_DEVICE": "tmpfs",
                "IPE_INODE": scenario.system.must(f"stat -c %i {ON_TMPFS}").strip()}
    assert {key: entry.get(key) for key in expected} == expected
    assert int(entry["IPE_PID"]) > 1 and entry["IPE_COMM"]

    (words, details), = [signal for signal in signals(scenario) if signal[0][3] == ON_TMPFS]
    assert words == [NAME, VERSION, "EXECUTE", ON_TMPFS]
    assert details.pop("Uid", 0) == 0
    assert details == {"Rule": RULE, "Pid": int(entry["IPE_PID"]), "Comm": entry["IPE_COMM"], "Hook": "BPRM_CHECK",
                       "Device": "tmpfs", "Inode": int(entry["IPE_INODE"]), "Count": 1, "Enforced": True}


def test_further_ones_are_counted(scenario):
    """On a slow machine the interval before may have ended, so that the first one is reported at once. Audit does not name the user,
    and nobody knows the user of a process that has gone: such denials have a count of their own."""
    scenario.system.must(f"for i in 1 2 3 4 5; do {ON_TMPFS} && exit 1; done; true")
    scenario.system.wait_until(f"journalctl --sync; journalctl -q -u ipectld MESSAGE_ID={DENIED} IPE_PATH={ON_TMPFS} -o cat "
                               "--output-fields=IPE_COUNT | awk '{ n += $1 } END { exit n != 6 }'")
    assert len(told(scenario, ON_TMPFS)) < 6


def test_a_hostile_name_is_told_on_one_line(scenario):
    name = "/tmp/a b\"=\n'c"
    shown = name.replace("\n", "\\n")
    scenario.system.put("/run/name", name.encode())
    scenario.system.put("/run/shown", shown.encode())
    scenario.system.must(f"cp {ON_TMPFS} \"$(cat /run/name)\"; ! \"$(cat /run/name)\"")
    scenario.system.wait_until(f"journalctl --sync; journalctl -q -u ipectld MESSAGE_ID={DENIED} \"IPE_PATH=$(cat /run/shown)\" "
                               "| grep -q .")
    found = [entry for entry in scenario.journal("-u", "ipectld", f"MESSAGE_ID={DENIED}") if entry["IPE_PATH"] == shown]
    assert len(found) == 1


def test_without_enforcement_it_says_what_would_be_denied(scenario):
    scenario.copy("/tmp/permissive")
    scenario.call("SetEnforce", "b", "false")
    assert scenario.runs("/tmp/permissive")
    scenario.call("SetEnforce", "b", "true")
    wait_told(scenario, "/tmp/permissive")
    assert {entry["IPE_ENFORCED"] for entry in told(scenario, "/tmp/permissive")} == {"0"}


def test_a_daemon_that_is_killed_goes_on(scenario):
    """On our kernel where it was; records of audit that nobody receives are gone."""
    scenario.copy("/tmp/between")
    scenario.copy("/tmp/after")
    before = len(told(scenario, ON_TMPFS))
    # The manager is held up, so that no other daemon is there before the program.
    scenario.system.must("mkdir -p /run/systemd/system/ipectld.service.d; "
                         "printf '[Service]\nRestartSec=5\n' >/run/systemd/system/ipectld.service.d/slow.conf; "
                         "systemctl daemon-reload; systemctl kill -s KILL ipectld; ! /tmp/between; "
                         "test \"$(systemctl is-active ipectld)\" = activating")
    scenario.system.wait_until("systemctl is-active ipectld")
    scenario.system.must("rm /run/systemd/system/ipectld.service.d/slow.conf; systemctl daemon-reload")
    assert not scenario.runs("/tmp/after")
    wait_told(scenario, "/tmp/after")
    assert len(told(scenario, "/tmp/between")) <= 1
    if has_events(scenario):
        assert len(told(scenario, "/tmp/between")) == 1
    # The daemon reports no earlier denial again.
    assert len(told(scenario, ON_TMPFS)) == before


def test_a_daemon_that_is_stopped_stays_stopped(scenario):
    scenario.copy("/tmp/stopped")
    scenario.system.must("systemctl stop ipectld; ! /tmp/stopped; sleep 2")
    assert scenario.system.run("systemctl is-active ipectld").output == "inactive\n"
    assert scenario.system.run(f"systemctl is-active {SOCKET}").output == "inactive\n"
    scenario.system.must("systemctl start ipectld")
    scenario.copy("/tmp/started")
    assert not scenario.runs("/tmp/started")
    wait_told(scenario, "/tmp/started")
    assert told(scenario, "/tmp/stopped") == []
    if has_events(scenario):
        assert int(scenario.journal("-u", "ipectld", f"MESSAGE_ID={BEFORE}")[-1]["IPE_COUNT"]) > 0


def cpu_ticks(scenario):
    fields = scenario.system.must("cat /proc/$(systemctl show -P MainPID ipectld)/stat").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("files", [1, pytest.param(300, marks=pytest.mark.long)])
def test_a_storm_does_not_keep_the_daemon_busy(scenario, files, capsys):
    """Denials as fast as the machine makes them, of one file and of many."""
    scenario.system.put("/run/storm.pl", STORM)
    scenario.system.must(f"mkdir -p /tmp/storm && cd /tmp/storm && for i in $(seq {files}); do cp {ON_TMPFS} $i; done")
    scenario.system.must("systemctl restart ipectld")
    monitor(scenario)
    before = cpu_ticks(scenario)
    output = scenario.system.must(f"perl /run/storm.pl {STORM_SEC} $(ls -d /tmp/storm/* | head -n {files})", 300)
    busy = (cpu_ticks(scenario) - before) / int(scenario.system.must("getconf CLK_TCK")) / STORM_SEC
    made = int(output)
    status = scenario.system.must("cat /proc/$(systemctl show -P MainPID ipectld)/status")
    memory = int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))
    scenario.system.must("systemctl stop ipectld")
    told_by = signals(scenario)
    told_of = sum(details["Count"] for _, details in told_by)
    with capsys.disabled():
        print(f" [{made / STORM_SEC:.0f} denials a second of {files} files: {100 * busy:.1f}% of a core, {memory} KiB, "
              f"{100 * told_of / made:.1f}% are in {len(told_by)} signals]")
    assert busy < CPU_MAX and memory < MEMORY_MAX_KIB
    # A kind is reported at first, after ten seconds and at the end.
    assert len(told_by) < 3 * (BURST + 3 * STORM_SEC)
    if has_events(scenario):
        assert told_of == made, "every denial is in a count"
    else:
        assert 0 < told_of <= made
    scenario.system.must("systemctl start ipectld")


def test_the_kernel_says_nothing_alarming(scenario):
    assert scenario.system.trouble() == []
