# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon watches policy.d and trust.d: directories that are replaced, unreadable, or very full."""

import os
import signal
import subprocess
import time

import pytest
from gi.repository import GLib

from connection import PATH, BusError
from machine import signed


def put(directory, *names):
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / f"{name}.p7b").write_bytes(signed(name))


def retarget(link, target):
    """Replaces a link at once."""
    new = link.with_name("new-link")
    new.symlink_to(target)
    new.rename(link)


def names(machine):
    return {name for name, _ in machine.list()}


def wait_for(machine, *expected):
    machine.wait_for(lambda: set(expected) <= names(machine), f"{expected}")


def in_sandbox(machine, command):
    """Runs a command among the daemon's mounts."""
    subprocess.run(["nsenter", "-t", str(machine.daemon.pid), "-m", "--", "sh", "-c", command], check=True,
                   stdin=subprocess.DEVNULL)


def overlay(machine, over, *directories):
    layers = ":".join([f"/run/{directory}" for directory in directories] + [over])
    in_sandbox(machine, f"mount -t overlay o -o ro,lowerdir={layers} {over}")


def close(directory):
    """Makes a directory unreadable for the daemon, which cannot override permissions."""
    os.chown(directory, 1000, 1000)
    directory.chmod(0o700)


def discard(machine, name, version="1.0.0"):
    machine.call("Discard", GLib.Variant("(ss)", (name, version)))


def reload_fails(machine):
    with pytest.raises(BusError) as caught:
        machine.call("Reload")
    assert caught.value.name == "org.ipe.Error.CannotRead", caught.value
    return caught.value.message


def warnings(machine, words):
    return [entry["MESSAGE"] for entry in machine.entries(PRIORITY="4") if words in entry["MESSAGE"]]


# A directory that is replaced


def test_link_to_the_directory_is_retargeted(bare):
    (bare.etc / "policy.d").rmdir()
    put(bare.etc / "one", "old")
    put(bare.etc / "two", "new")
    (bare.etc / "policy.d").symlink_to("one")
    bare.start_daemon()
    assert names(bare) == {"old"}
    retarget(bare.etc / "policy.d", "two")
    wait_for(bare, "new")
    put(bare.etc / "two", "late")
    wait_for(bare, "late")


def test_link_in_the_middle_of_a_chain_is_retargeted(bare):
    (bare.etc / "policy.d").rmdir()
    put(bare.run_directory / "a/policy.d", "old")
    put(bare.run_directory / "b/policy.d", "new")
    (bare.run_directory / "current").symlink_to("a")
    (bare.etc / "policy.d").symlink_to("../../run/./current/../current/policy.d")
    bare.start_daemon()
    assert names(bare) == {"old"}
    retarget(bare.run_directory / "current", "/run/b")
    wait_for(bare, "new")


def test_dangling_link_becomes_whole(bare):
    (bare.etc / "policy.d").rmdir()
    (bare.etc / "policy.d").symlink_to("later/still")
    bare.start_daemon()
    put(bare.etc / "later/still", "new")
    wait_for(bare, "new")


def test_parent_is_swapped_by_a_rename(machine):
    put(machine.run_directory / "new/policy.d", "new")
    (machine.run_directory / "ipe").rename(machine.run_directory / "old")
    (machine.run_directory / "new").rename(machine.run_directory / "ipe")
    wait_for(machine, "new")
    put(machine.run_directory / "ipe/policy.d", "late")
    wait_for(machine, "late")


def test_link_of_a_file_is_retargeted_behind_another_link(bare):
    for version in ("1.0.0", "2.0.0"):
        (bare.etc / version).write_bytes(signed("a", version))
    (bare.etc / "static").symlink_to("1.0.0")
    (bare.etc / "policy.d/a.p7b").symlink_to("../static")
    bare.start_daemon()
    assert ("a", "1.0.0") in bare.list()
    retarget(bare.etc / "static", "2.0.0")
    bare.wait_for(lambda: ("a", "2.0.0") in bare.list(), "the new target")
    (bare.etc / "2.0.0").write_bytes(signed("a", "3.0.0"))
    bare.wait_for(lambda: ("a", "3.0.0") in bare.list(), "the new content of the target")


def test_mount_over_a_file_counts(machine):
    put(machine.etc / "policy.d", "one")
    wait_for(machine, "one")
    (machine.run_directory / "other").write_bytes(signed("one", version="2.0.0"))
    in_sandbox(machine, "mount --bind /run/other /etc/ipe/policy.d/one.p7b")
    machine.wait_for(lambda: ("one", "2.0.0") in machine.list(), "the policy of the file that is mounted")


def test_file_that_is_linked_and_unlinked_elsewhere_counts(machine):
    """The FIFO has one name, and nobody closes it."""
    elsewhere = machine.etc / "new.p7b"
    elsewhere.write_bytes(signed("linked"))
    os.link(elsewhere, machine.etc / "policy.d/linked.p7b")
    elsewhere.unlink()
    wait_for(machine, "linked")


@pytest.mark.parametrize("over", ["/etc/ipe", "/usr/lib"])
def test_overlay_over_a_parent_comes_and_is_replaced(machine, over):
    below = "policy.d" if over == "/etc/ipe" else "ipe/policy.d"
    put(machine.run_directory / "one" / below, "new")
    put(machine.run_directory / "two" / below, "newer")
    overlay(machine, over, "one")
    wait_for(machine, "new")
    in_sandbox(machine, f"umount -l {over}")
    overlay(machine, over, "two", "one")
    wait_for(machine, "newer")


def test_no_descriptor_keeps_a_mount_busy(machine):
    put(machine.run_directory / "one/policy.d", "new")
    overlay(machine, "/etc/ipe", "one")
    wait_for(machine, "new")
    in_sandbox(machine, "umount /etc/ipe")


def test_mount_that_does_not_matter_reads_nothing(machine):
    machine.drop(signed(key="other"))
    machine.wait_signal("PolicyRejected")
    in_sandbox(machine, "mount -t tmpfs none /tmp && umount /tmp")
    machine.drop(signed("after"), "after.p7b")
    wait_for(machine, "after")
    assert len(machine.signals("PolicyRejected")) == 1


def test_certificate_behind_a_retargeted_link_counts(bare):
    (bare.etc / "trust.d/test.pem").rename(bare.etc / "test.pem")
    (bare.etc / "trust.d").rmdir()
    (bare.etc / "empty").mkdir()
    (bare.etc / "full").mkdir()
    (bare.etc / "test.pem").rename(bare.etc / "full/test.pem")
    (bare.etc / "trust.d").symlink_to("empty")
    bare.drop(signed())
    bare.start_daemon()
    assert not bare.list()
    retarget(bare.etc / "trust.d", "full")
    wait_for(bare, "corp-base")


# A directory that cannot be read, or watched


def test_directory_that_becomes_readable(bare):
    close(bare.etc / "policy.d")
    bare.start_daemon()
    put(bare.etc / "policy.d", "new")
    (bare.etc / "policy.d").chmod(0o755)
    wait_for(bare, "new")
    put(bare.etc / "policy.d", "late")
    wait_for(bare, "late")


def test_parent_that_becomes_readable(bare):
    """Without the right to pass, the daemon cannot watch anything below."""
    (bare.run_directory / "ipe").chmod(0o755)
    os.chown(bare.run_directory / "ipe", 1000, 1000)
    (bare.run_directory / "ipe").chmod(0o700)
    bare.start_daemon()
    put(bare.run_directory / "ipe/policy.d", "new")
    (bare.run_directory / "ipe").chmod(0o755)
    wait_for(bare, "new")


def test_directory_that_cannot_be_read_stops_no_other(machine):
    close(machine.etc / "policy.d")
    put(machine.run_directory / "ipe/policy.d", "run")
    wait_for(machine, "run")
    assert "'/etc/ipe/policy.d'" in reload_fails(machine)


def test_error_of_reload_is_one_of_ours_with_the_path(machine):
    close(machine.etc / "policy.d")
    result = machine.ipectl("reload", status=1)
    assert "/etc/ipe/policy.d" in result.stderr and "Run this as root" not in result.stderr


def test_file_in_place_of_the_directory_is_named(machine):
    (machine.etc / "policy.d").rmdir()
    (machine.etc / "policy.d").write_text("x")
    assert "'/etc/ipe/policy.d'" in reload_fails(machine)
    (machine.etc / "policy.d").unlink()
    put(machine.etc / "policy.d", "new")
    wait_for(machine, "new")
    machine.call("Reload")


def test_links_in_a_circle_are_named_and_mended(machine):
    (machine.etc / "policy.d").rmdir()
    (machine.etc / "policy.d").symlink_to("circle")
    (machine.etc / "circle").symlink_to("policy.d")
    assert "'/etc/ipe/policy.d'" in reload_fails(machine)
    (machine.etc / "circle").unlink()
    put(machine.etc / "circle", "new")
    wait_for(machine, "new")


def test_warning_comes_once_and_again_when_somebody_asks(machine):
    close(machine.etc / "policy.d")
    for name in ("one", "two"):
        put(machine.run_directory / "ipe/policy.d", name)
        wait_for(machine, name)
    assert len(warnings(machine, "Cannot read '/etc/ipe/policy.d'")) == 1
    reload_fails(machine)
    assert len(warnings(machine, "Cannot read '/etc/ipe/policy.d'")) == 2


def test_file_that_could_not_be_stored_is_tried_again(bare):
    """Nothing in policy.d changes."""
    bare.start_daemon(sandbox=["--perms", "0777", "--size", "65536", "--tmpfs", "/var/lib/ipe"])
    in_sandbox(bare, "head -c 65536 /dev/zero >/var/lib/ipe/ballast || true")
    bare.drop(signed())
    assert "No space left" in bare.wait_signal("PolicyRejected")[2]
    in_sandbox(bare, "rm /var/lib/ipe/ballast")
    wait_for(bare, "corp-base")


# Files that fail alone


def test_broken_revocation_list_spoils_no_configuration(machine):
    (machine.etc / "trust.d/x.crl.pem").write_text("<html>404")
    machine.configure("TrialSec=nonsense")
    assert "x.crl.pem" in reload_fails(machine)
    assert warnings(machine, "x.crl.pem")
    assert warnings(machine, "ipectld.conf:2: The value of 'TrialSec'")


def test_broken_configuration_spoils_no_trust(machine):
    (machine.etc / "trust.d/test.pem").unlink()
    (machine.etc / "ipectld.conf").write_text("[Manager\n")
    assert "ipectld.conf" in reload_fails(machine)
    with pytest.raises(BusError) as caught:
        machine.stage(signed())
    assert caught.value.name == "org.ipe.Error.KeyNotTrusted"
    assert warnings(machine, "ipectld.conf:1: Ignoring this file")


# Discarded files


def test_discarded_file_is_not_staged_again(machine):
    machine.drop(signed())
    wait_for(machine, "corp-base")
    discard(machine, "corp-base")
    machine.call("Reload")
    put(machine.etc / "policy.d", "another")
    wait_for(machine, "another")
    machine.stop_daemon()
    machine.start_daemon()
    machine.call("Reload")
    assert names(machine) == {"another"}
    assert len(machine.signals("PolicyRejected")) == 0


def test_discarded_file_is_staged_by_hand(machine):
    machine.drop(signed())
    wait_for(machine, "corp-base")
    discard(machine, "corp-base")
    machine.stage(signed())
    assert names(machine) == {"corp-base"}
    assert "discarded" not in machine.read_state()


def test_discarded_file_that_was_removed_comes_back(machine):
    machine.drop(signed())
    wait_for(machine, "corp-base")
    discard(machine, "corp-base")
    (machine.etc / "policy.d/corp-base.p7b").unlink()
    machine.call("Reload")
    machine.drop(signed())
    wait_for(machine, "corp-base")


def test_discarded_file_below_another_one_stays_discarded(machine):
    lower = machine.run_directory / "ipe/policy.d"
    machine.drop(signed(), directory=lower)
    wait_for(machine, "corp-base")
    discard(machine, "corp-base")
    machine.drop(signed(version="2.0.0"))
    wait_for(machine, "corp-base")
    (machine.etc / "policy.d/corp-base.p7b").unlink()
    machine.call("Reload")
    assert machine.list().keys() == {("corp-base", "2.0.0")}


def test_new_content_of_a_discarded_file_is_staged(machine):
    machine.drop(signed())
    wait_for(machine, "corp-base")
    discard(machine, "corp-base")
    machine.drop(signed(version="1.0.1"))
    wait_for(machine, "corp-base")
    assert machine.list().keys() == {("corp-base", "1.0.1")}


def test_policy_without_a_file_leaves_nothing_behind(machine):
    machine.stage(signed())
    discard(machine, "corp-base")
    assert "discarded" not in machine.read_state()


# Many files


def test_many_files_are_one_commit(bare):
    """Each commit changes the properties once."""
    many = {f"policy-{number}" for number in range(100)}
    put(bare.etc / "policy.d", *many)
    bare.start_daemon(environment={"SYSTEMD_LOG_LEVEL": "info"})
    bare.call("Reload")
    assert names(bare) == many
    bare.wait_for(lambda: len(bare.signals("PolicyStaged")) == len(many), "all policies")
    assert len([1 for path, member, _ in bare.connection.signals if (path, member) == (PATH, "PropertiesChanged")]) == 1


def test_bus_answers_before_all_files_are_read(bare):
    """Reload() replies at the end; a call that comes after it is answered first."""
    bare.start_daemon()
    put(bare.etc / "policy.d", *(f"policy-{number}" for number in range(300)))
    order = []
    for method in ("Reload", "ListPolicies"):
        bare.connection.bus.call("org.ipe.Manager", "/org/ipe/Manager", "org.ipe.Manager", method, None, None, 0, -1, None,
                                 lambda bus, result, method: order.append(method), method)
    bare.wait_for(lambda: len(order) == 2, "both answers")
    assert order == ["ListPolicies", "Reload"]


def test_discard_during_a_scan_keeps_what_is_not_committed_yet(bare):
    bare.start_daemon()
    bare.stage(signed("before"))
    many = {f"policy-{number}" for number in range(200)}
    put(bare.etc / "policy.d", *many)
    discard(bare, "before")
    bare.call("Reload")
    assert names(bare) == many
    assert {path.name for path in (bare.state / "objects").iterdir()} == {row[1] for row in bare.list().values()}


@pytest.mark.long
@pytest.mark.parametrize("count", [1_000, 10_000])
def test_all_of_very_many_files_are_staged(bare, count):
    """How long it took is printed."""
    many = {f"policy-{number}" for number in range(count)}
    put(bare.etc / "policy.d", *many)
    begun = time.monotonic()
    bare.start_daemon(environment={"SYSTEMD_LOG_LEVEL": "info"})
    ready = time.monotonic() - begun
    slowest, found = 0, set()
    while found != many:
        asked = time.monotonic()
        found = names(bare)
        slowest = max(slowest, time.monotonic() - asked)
        assert found <= many and asked < begun + count / 5
    print(f"{count} files: ready after {ready:.2f} s, all staged after {time.monotonic() - begun:.1f} s, "
          f"the slowest answer meanwhile took {slowest:.2f} s")


def test_unchanged_file_is_not_announced_or_staged_anew(machine):
    machine.drop(signed())
    wait_for(machine, "corp-base")
    for name in ("one", "two"):
        put(machine.etc / "policy.d", name)
        wait_for(machine, name)
    assert len([arguments for arguments in machine.signals("PolicyStaged") if arguments[0] == "corp-base"]) == 1


def test_daemon_that_ends_during_a_scan_ends_well(bare):
    put(bare.etc / "policy.d", *(f"policy-{number}" for number in range(200)))
    bare.daemon = bare.launch_daemon()
    bare.wait_for(lambda: bare.has_owner("org.ipe.Manager"), "the name")
    bare.connection.bus.call("org.ipe.Manager", "/org/ipe/Manager", "org.ipe.Manager", "Reload", None, None, 0, -1, None, None, None)
    bare.stop_daemon()
    bare.start_daemon()
    bare.call("Reload")
    assert len(bare.list()) == 200


def test_hangup_is_ready_after_the_scan(machine):
    put(machine.etc / "policy.d", "new")
    machine.forget_notifications()
    machine.daemon.send(signal.SIGHUP)
    machine.wait_notify("READY=1")
    assert "new" in names(machine)
