# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's surroundings stop, go, or are used up by others: it says so, goes on, and loses nothing. The
tests are one story, told in order on one machine."""

from message_ids import message_id
import pytest

VERSION = "1.0.0"
DENIED = message_id("DENIED")
LOST = message_id("LOG_LOST")

pytestmark = pytest.mark.long_on("stock")

# Sends datagrams to journald until it takes no more; prints how many. A socket has room of its own for a part of them.
FILL = r"""
use Socket; use Fcntl;
my ($n, $before, @sockets) = (0, -1);
while ($n > $before) {
        $before = $n;
        socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die;
        connect($socket, pack_sockaddr_un("/run/systemd/journal/socket")) or die "$!";
        fcntl($socket, F_SETFL, O_NONBLOCK) or die;
        $n++ while defined(send($socket, "MESSAGE=filling\n", 0));
        die "$!" unless $!{EAGAIN};
        push(@sockets, $socket);
}
print "$n\n";
"""
WATCHES = "/proc/sys/fs/inotify/max_user_watches"


@pytest.fixture(scope="module", autouse=True)
def in_force(scenario):
    scenario.enforce(VERSION)


def main_pid(scenario):
    return scenario.system.must("systemctl show -P MainPID ipectld")


def test_a_journald_that_does_not_read_costs_entries_alone(scenario):
    scenario.copy("/tmp/unheard")
    scenario.copy("/tmp/heard")
    scenario.system.put("/run/fill.pl", FILL)
    before = main_pid(scenario)
    scenario.system.must("systemctl kill -s STOP systemd-journald")
    try:
        assert int(scenario.system.must("perl /run/fill.pl")) > 0
        assert not scenario.runs("/tmp/unheard")
        assert scenario.versions()[VERSION] == "confirmed"
    finally:
        scenario.system.must("systemctl kill -s CONT systemd-journald")
    scenario.system.wait_until("! /tmp/heard; journalctl --sync; "
                               f"journalctl -q -u ipectld MESSAGE_ID={LOST} | grep -q 'are lost'")
    assert main_pid(scenario) == before


def test_a_bus_that_is_lost_is_an_error_and_a_restart(scenario):
    """It is killed and not stopped: the service manager stops nothing that needs it."""
    scenario.copy("/tmp/other-bus")
    before = main_pid(scenario)
    scenario.system.must("systemctl kill -s KILL dbus; systemctl reset-failed dbus; systemctl start dbus")
    scenario.system.wait_until("busctl status org.ipe.Manager && systemctl is-active ipectld")
    assert main_pid(scenario) != before
    errors = [entry["MESSAGE"] for entry in scenario.journal("-u", "ipectld", "-p", "err")]
    assert any("Lost the connection to the system bus" in error for error in errors), errors
    assert scenario.system.must("systemctl show -P NRestarts ipectld") != "0\n"
    assert scenario.versions()[VERSION] == "confirmed" and not scenario.runs("/tmp/other-bus")
    scenario.system.wait_until(f"journalctl --sync; journalctl -q -u ipectld MESSAGE_ID={DENIED} IPE_PATH=/tmp/other-bus | grep -q .")


def test_watches_that_others_have_used_up_come_back(scenario):
    """Until they do, it looks from time to time; then it sees at once again."""
    limit = scenario.system.must(f"cat {WATCHES}").strip()
    scenario.system.must(f"echo 0 >{WATCHES}; systemctl restart ipectld")
    try:
        scenario.system.wait_until("journalctl --sync; journalctl -q -u ipectld | grep -q 'fs.inotify.max_user_watches'")
        scenario.drop(scenario.signed("1.1.0"))
        scenario.wait_for_state("1.1.0", "staged")
    finally:
        scenario.system.must(f"echo {limit} >{WATCHES}")
    scenario.drop(scenario.signed("1.2.0"))
    # The next look may be as far away as it was waited before.
    scenario.wait_for_state("1.2.0", "staged", 120)
    scenario.drop(scenario.signed("1.3.0"))
    scenario.wait_for_state("1.3.0", "staged", 10)
