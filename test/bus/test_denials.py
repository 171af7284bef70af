# SPDX-License-Identifier: LGPL-2.1-or-later
"""How ipectld reports denials, and how little it does in a storm of them. The lines come from a pipe, see
kernel_files.py; test/vm proves that the kernel writes the same lines."""

import os
import socket
import time

import pytest
from kernel_files import LINE_SIZE, PIPE_SIZE, READ_LINES, Storm
from message_ids import message_id

DENIED = message_id("DENIED")
MISSED = message_id("DENIALS_MISSED")
BEFORE = message_id("DENIALS_BEFORE")
# As in src/ipectld/denials/denials.c and denial-table.h.
REST_FULL_SEC = 0.5
BURST = 50


@pytest.fixture
def machine(bare, kernel_files):
    bare.start_daemon()
    return bare


def deny(machine, **fields):
    machine.kernel.tell(**{"shadow": 0, "enforcing": 1, "ipe_hook": "BPRM_CHECK", "dev": '"vda"', "ino": 77, **fields})


def total(machine):
    """How many denials were reported, by kind or in a sum."""
    return sum(arguments[4]["Count"] for arguments in machine.signals("Denied"))


def wait_until_idle(machine):
    """Waits until the pipe is empty and the daemon has reported all that it has read."""
    machine.wait_for(lambda: not machine.kernel.unread(), "the daemon to read all")
    machine.properties()


def test_a_denial_is_told_at_once_with_all_that_is_known(machine):
    deny(machine)
    policy, version, operation, path, details = machine.wait_signal("Denied")
    assert (policy, version, operation, path) == ("corp-base", "2.0.0", "EXECUTE", "/bin/x")
    assert details == {"Rule": "op=EXECUTE action=DENY", "Pid": 12, "Comm": "sh", "Hook": "BPRM_CHECK", "Device": "vda",
                       "Inode": 77, "Uid": 1000, "Enforced": True, "Count": 1}
    entry, = machine.entries(MESSAGE_ID=DENIED)
    expected = {"IPE_POLICY": "corp-base", "IPE_VERSION": "2.0.0", "IPE_OPERATION": "EXECUTE", "IPE_PATH": "/bin/x",
                "IPE_RULE": "op=EXECUTE action=DENY", "IPE_PID": "12", "IPE_COMM": "sh", "IPE_HOOK": "BPRM_CHECK",
                "IPE_DEVICE": "vda", "IPE_INODE": "77", "IPE_UID": "1000", "IPE_ENFORCED": "1", "IPE_COUNT": "1", "PRIORITY": "4"}
    assert {key: entry.get(key) for key in expected} == expected
    assert entry["MESSAGE"] == "Denied EXECUTE of '/bin/x' for sh[12]: 'corp-base' 2.0.0, rule 'op=EXECUTE action=DENY'."


def test_equal_denials_are_counted_and_told_later(machine):
    deny(machine)
    machine.wait_signal("Denied")
    for number in range(2, 7):
        deny(machine, seq=number, pid=number)
    machine.wait_signal("Denied", lambda arguments: arguments[4]["Count"] == 5)
    assert len(machine.signals("Denied")) == 2
    _, entry = machine.entries(MESSAGE_ID=DENIED)
    assert entry["IPE_COUNT"] == "5" and entry["IPE_PID"] == "6"
    assert entry["MESSAGE"].endswith("5 times since the last entry.")


def test_what_was_counted_is_told_before_the_daemon_ends(machine):
    for number in range(1, 8):
        deny(machine, seq=number)
    machine.wait_signal("Denied")
    machine.stop_daemon()
    machine.wait_for(lambda: total(machine) == 7, "the rest")


def test_shadow_and_permission_are_no_denials(machine):
    machine.kernel.tell(shadow=1)
    machine.kernel.tell(shadow=0, verdict="ALLOW")
    deny(machine, path='"/bin/last"')
    assert machine.wait_signal("Denied")[3] == "/bin/last"
    assert len(machine.signals("Denied")) == len(machine.entries(MESSAGE_ID=DENIED)) == 1


def test_without_enforcement_it_says_what_would_be_denied(machine):
    deny(machine, enforcing=0)
    assert machine.wait_signal("Denied")[4]["Enforced"] is False
    entry, = machine.entries(MESSAGE_ID=DENIED)
    assert entry["IPE_ENFORCED"] == "0" and entry["MESSAGE"].startswith("Would deny EXECUTE")


def test_memory_without_a_file_has_no_path(machine):
    deny(machine, path="?", dev="?", ino="?")
    _, _, operation, path, details = machine.wait_signal("Denied")
    assert (operation, path, details["Inode"]) == ("EXECUTE", "", 0)
    assert "memory without a file" in machine.entries(MESSAGE_ID=DENIED)[0]["MESSAGE"]


def test_hostile_names_are_no_fields_of_their_own(machine):
    deny(machine, path=b"/a\nIPE_PATH=/b\xff'".hex().upper(), comm=b"a\nMESSAGE=x".hex().upper())
    assert machine.wait_signal("Denied")[3] == "/a\nIPE_PATH=/b\\xff'"
    entry, = machine.entries(MESSAGE_ID=DENIED)
    assert entry["IPE_PATH"] == "/a\\nIPE_PATH=/b\\xff'" and entry["IPE_COMM"] == "a\\nMESSAGE=x"
    assert entry["MESSAGE"].startswith("Denied EXECUTE")


def test_lines_that_make_no_sense_are_skipped(machine):
    for line in ("", "x", "seq=", "seq=1 path=2", "\x01\x02", "seq=1 lost=x", "lost=-1"):
        machine.kernel.tell_line(line)
    deny(machine)
    machine.wait_signal("Denied")
    assert total(machine) == 1


def test_what_the_kernel_had_no_room_for_is_told_as_a_number(machine):
    machine.kernel.tell_line("lost=4711 uid=1000")
    *words, details = machine.wait_signal("Denied")
    assert words == ["", "", "", ""] and details == {"Count": 4711, "Uid": 1000}
    entry, = machine.entries(MESSAGE_ID=MISSED)
    assert entry["IPE_COUNT"] == "4711" and entry["IPE_UID"] == "1000"
    assert entry["MESSAGE"] == "At least 4711 denials of user 1000 came too fast to be listed one by one."


def test_many_kinds_are_told_up_to_a_rate_and_all_of_them_are_counted(machine):
    for number in range(1, 3001):
        deny(machine, seq=number, path=f'"/bin/{number}"')
    started = time.monotonic()
    wait_until_idle(machine)
    allowed = BURST + (time.monotonic() - started) + 2
    told = len(machine.signals("Denied"))
    assert BURST <= told <= allowed
    machine.stop_daemon()
    machine.wait_for(lambda: total(machine) == 3000, "the rest as a number")


def flood(machine, uid, count, name="mallory"):
    for number in range(count):
        deny(machine, uid=uid, pid=1 << 40, path=f'"/home/{name}/{number}"')


@pytest.mark.parametrize("uid", [0, 1001])
def test_a_flood_of_one_user_does_not_hide_another_one(machine, uid):
    """pid: of a process that has ended, so that only the kernel's line describes it."""
    flood(machine, 1000, 2 * BURST)
    wait_until_idle(machine)
    deny(machine, uid=uid, pid=1 << 40, path='"/usr/bin/the-real-one"')
    flood(machine, 1000, BURST, "mallory-again")
    machine.wait_signal("Denied", lambda arguments: arguments[3] == "/usr/bin/the-real-one")
    entry, = machine.entries(IPE_PATH="/usr/bin/the-real-one")
    assert entry["IPE_UID"] == str(uid)
    machine.stop_daemon()
    machine.wait_for(lambda: total(machine) == 3 * BURST + 1, "the rest as a number")


def test_where_the_kernel_does_not_say_the_user_the_process_does(machine):
    """The bus daemon runs as another user than the one with too many denials."""
    flood(machine, 1000, 2 * BURST)
    wait_until_idle(machine)
    deny(machine, uid="?", pid=machine.bus.pid, path='"/usr/bin/the-real-one"')
    details = machine.wait_signal("Denied", lambda arguments: arguments[3] == "/usr/bin/the-real-one")[4]
    with open(f"/proc/{machine.bus.pid}/status") as file:
        assert f"\nUid:\t{details['Uid']}\t" in file.read()


def test_processes_that_nobody_knows_hide_nobody(machine):
    flood(machine, "?", 2 * BURST)
    wait_until_idle(machine)
    deny(machine, uid=1000, path='"/usr/bin/the-real-one"')
    machine.wait_signal("Denied", lambda arguments: arguments[3] == "/usr/bin/the-real-one")
    assert "Uid" not in machine.signals("Denied")[0][4]


def test_old_denials_are_only_counted(bare, kernel_files):
    for number in range(1, 4):
        bare.kernel.tell(seq=number, time=1, shadow=0)
    bare.start_daemon()
    deny(bare, path='"/bin/later"')
    assert bare.wait_signal("Denied")[3] == "/bin/later"
    assert total(bare) == 1
    entry, = bare.entries(MESSAGE_ID=BEFORE)
    assert entry["IPE_COUNT"] == "3"


def receive_stored(machine):
    """The descriptor that the daemon asks systemd to keep, and its name."""
    while True:
        data, fds, _, _ = socket.recv_fds(machine.notify_socket, 4096, 1)
        lines = data.decode().splitlines()
        if "FDSTORE=1" in lines:
            return next(line for line in lines if line.startswith("FDNAME=")).removeprefix("FDNAME="), fds[0]


def test_a_daemon_that_was_killed_goes_on_where_it_was(bare, kernel_files):
    bare.forget_notifications()
    bare.daemon = bare.launch_daemon()
    name, fd = receive_stored(bare)
    bare.wait_notify("READY=1")
    bare.subscribe()
    deny(bare, path='"/bin/before"')
    bare.wait_signal("Denied")
    bare.kill_daemon()
    bare.kernel.tell(shadow=0, time=1, path='"/bin/between"')
    bare.fds = {name: os.dup2(fd, 200)}
    os.close(fd)
    bare.start_daemon()
    # The new daemon reads it before anybody can have subscribed again.
    bare.wait_for(lambda: bare.entries(IPE_PATH="/bin/between"), "the entry")
    assert [entry["IPE_PATH"] for entry in bare.entries(MESSAGE_ID=DENIED)] == ["/bin/before", "/bin/between"]
    assert not bare.entries(MESSAGE_ID=BEFORE)


def test_descriptors_that_nobody_knows_are_of_no_harm(bare, kernel_files):
    null = os.open("/dev/null", os.O_RDONLY)
    bare.fds = {"x": os.dup2(null, 201), "audit": os.dup2(null, 202)}
    os.close(null)
    bare.start_daemon()
    deny(bare)
    bare.wait_signal("Denied")


def test_what_is_no_netlink_socket_is_not_read_as_audit(bare, kernel_files):
    kernel_files.put("features", "stage\n")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    bare.fds = {"audit": os.dup2(theirs.fileno(), 203)}
    theirs.close()
    bare.start_daemon()
    assert [entry for entry in bare.entries(PRIORITY="4") if "Cannot watch for denials of the kernel" in entry["MESSAGE"]]
    ours.close()


def test_a_kernel_that_tells_nothing_is_said(bare, kernel_files):
    kernel_files.put("features", "stage\n")
    bare.start_daemon()
    assert [entry for entry in bare.entries(PRIORITY="5") if entry["MESSAGE"].startswith("Denials are not reported")]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_storm_does_not_keep_the_daemon_busy(machine, capsys):
    """Counts reads instead of time: at most a full read for each rest, on a host of any speed."""
    before, started = cpu_seconds(machine.daemon.pid), time.monotonic()
    storm = Storm(machine.kernel)
    while time.monotonic() - started < 5:
        machine.properties()
        time.sleep(0.1)
    storm.end()
    read = storm.written - machine.kernel.unread() // LINE_SIZE
    passed = time.monotonic() - started
    busy = cpu_seconds(machine.daemon.pid) - before
    with capsys.disabled():
        print(f" [{read / passed:.0f} lines a second read, {100 * busy / passed:.1f}% of a core]")
    assert PIPE_SIZE // LINE_SIZE <= storm.written, "that was no storm"
    assert READ_LINES <= read <= (passed / REST_FULL_SEC + 2) * READ_LINES
    assert len(machine.signals("Denied")) <= BURST + passed + 3


def test_without_denials_nothing_wakes_the_daemon(machine):
    def switches():
        text = open(f"/proc/{machine.daemon.pid}/status").read()
        return int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0])

    deny(machine)
    machine.wait_signal("Denied")
    # The daemon has rested after its read by then.
    time.sleep(1)
    before = switches()
    time.sleep(3)
    assert switches() == before
