# SPDX-License-Identifier: LGPL-2.1-or-later
"""Denials during a trial: some end it, and some explain why a unit failed. Plain files stand in for the
kernel, see kernel_files.py, and service_manager.py for systemd."""

import os

import pytest

from automatic_trials import (
    VITAL, begin, checks, state, tell_denial, wait_for_calls, wait_for_confirmation, wait_for_end)
from kernel_files import FEATURES


@pytest.fixture
def machine(automatic):
    return automatic


def test_a_unit_that_fails_is_tied_to_what_was_denied_in_it(machine):
    """The first denial of the unit counts. Nobody but its processes can be in its control group, and sessions of users, however many,
    do not make the daemon forget it."""
    begin(machine)
    group = '"/system.slice/web.service/worker"'
    tell_denial(machine, seq=1, path="/opt/other", cgroup='"/user.slice/user-1000.slice/user@1000.service/web.service"')
    tell_denial(machine, seq=2, path="/opt/web/helper", cgroup=group)
    tell_denial(machine, seq=3, path="/opt/web/later", cgroup=group)
    for number in range(4, 104):
        tell_denial(machine, seq=number, path="/opt/other", cgroup=f'"/user.slice/user-1000.slice/session-{number}.scope"')
    machine.wait_for(lambda: machine.kernel.unread() == 0, "the daemon to read them")
    machine.services.failed = ["web.service"]
    wait_for_end(machine, "'web.service' has failed; it was denied '/opt/web/helper'")


def test_a_denial_of_what_is_essential_ends_the_trial(machine):
    machine.configure(f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, path="/usr/bin/other")
    tell_denial(machine, seq=2, shadow=1)
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial"
    tell_denial(machine, seq=3)
    wait_for_end(machine, f"the essential file '{VITAL}' was denied")
    assert checks(machine)["denials"][0] == "failed"


def test_a_file_of_the_same_path_elsewhere_is_not_essential(machine):
    """A user with a root directory of his own chooses the paths in it."""
    machine.configure(f"EssentialPaths={VITAL} /nonexistent/vital")
    begin(machine)
    tell_denial(machine, seq=1, ino=os.stat(VITAL).st_ino + 1)
    tell_denial(machine, seq=2, dev='"vda1"')
    tell_denial(machine, seq=3, dev='"tmpfs"')
    tell_denial(machine, seq=4, path="/nonexistent/vital")
    machine.wait_for(lambda: machine.entries(IPE_PATH="/nonexistent/vital"), "the denials")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial" and checks(machine)["denials"] == ("pending", "")


@pytest.mark.parametrize("device", ['"tmpfs"', '"overlay"', "?"])
def test_a_path_and_an_inode_number_alone_do_not_end_a_trial(machine, device):
    """A user can mount a tmpfs in a user namespace, where he has any path and any inode number. Here the essential file is not
    on a block device, so the daemon cannot tell the two apart."""
    machine.configure(f"EssentialPaths={VITAL}")
    for name in (machine.directory / "devices").iterdir():
        name.unlink()
    begin(machine)
    tell_denial(machine, seq=1, dev=device)
    machine.wait_for(lambda: checks(machine)["denials"][1], "the doubt")
    result, detail = checks(machine)["denials"]
    assert result == "pending" and f"'{VITAL}' was denied" in detail and "'ipectl end-trial'" in detail
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial"
    assert [entry for entry in machine.entries(PRIORITY="4") if detail in entry["MESSAGE"]]


def test_a_number_of_the_superblock_tells_what_is_essential_on_any_file_system(machine):
    """Such as tmpfs, overlayfs and btrfs, whose device names say nothing."""
    machine.configure(f"EssentialPaths={VITAL}")
    for name in (machine.directory / "devices").iterdir():
        name.unlink()
    begin(machine)
    device = os.stat(VITAL).st_dev
    tell_denial(machine, seq=1, dev='"tmpfs"', sdev=f"{os.major(device)}:{os.minor(device) + 1}")
    machine.wait_for(lambda: machine.entries(IPE_PATH=VITAL), "the denial")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial" and checks(machine)["denials"] == ("pending", "")
    tell_denial(machine, seq=2, dev='"tmpfs"', sdev=f"{os.major(device)}:{os.minor(device)}")
    wait_for_end(machine, f"the essential file '{VITAL}' was denied")


@pytest.mark.parametrize("hook", ["MMAP", "MPROTECT"])
def test_what_a_user_maps_and_writes_does_not_end_a_trial(machine, hook):
    """The kernel denies such memory under the path of the file, even if the policy allows the file."""
    machine.configure(f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, ipe_hook=hook)
    machine.wait_for(lambda: checks(machine)["denials"][1], "the doubt")
    assert "what was mapped" in checks(machine)["denials"][1] and state(machine) == "trial"
    tell_denial(machine, seq=2)
    wait_for_end(machine, f"the essential file '{VITAL}' was denied")


def test_a_device_that_is_not_named_is_no_match(machine):
    machine.configure(f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, dev="?")
    machine.wait_for(lambda: checks(machine)["denials"][1], "the doubt")
    assert state(machine) == "trial"


def test_a_denial_by_the_policy_before_is_no_reason(machine):
    """The kernel keeps unread events, also those from before the trial."""
    machine.configure(f"EssentialPaths={VITAL}")
    begin(machine)
    tell_denial(machine, seq=1, policy_version="1.0.0")
    tell_denial(machine, seq=2, policy_name='"other"')
    machine.wait_for(lambda: len(machine.entries(IPE_PATH=VITAL)) == 2, "both denials")
    wait_for_calls(machine, "ListUnitsFiltered", 2)
    assert state(machine) == "trial" and checks(machine)["denials"] == ("pending", "")


def test_denials_that_were_lost_leave_that_check_without_a_result(machine):
    begin(machine)
    machine.kernel.tell_line("lost=3")
    machine.wait_for(lambda: checks(machine)["denials"] == ("pending", "some denials were lost"),
                     "the loss")
    assert state(machine) == "trial"
    machine.stop_daemon()
    begin(machine, seconds=0)
    machine.kernel.tell_line("lost=3")
    wait_for_confirmation(machine)
    assert checks(machine)["denials"][0] in ("none", "passed"), "the loss may be read after the end"


def test_denials_that_nobody_tells_of_have_no_result(machine):
    machine.kernel.put("features", FEATURES.replace("events\n", ""))
    begin(machine, seconds=0)
    wait_for_confirmation(machine)
    assert checks(machine)["denials"] == ("none", "this system has no source of denials")
