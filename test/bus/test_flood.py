# SPDX-License-Identifier: LGPL-2.1-or-later
"""A user calls without end. ipectld refuses his calls, and delays neither root's nor health checks."""

import time

import pytest
from gi.repository import GLib

from machine import NOBODY, signed
from raw_client import RawClient

BIG = "DEFAULT action=ALLOW\n" + "".join(f"op=EXECUTE fsverity_digest=sha256:{number:064x} action=DENY\n" for number in range(500))
DESCRIPTION = GLib.Variant("(ss)", ("corp-base", ""))
TOO_MANY = "org.ipe.Error.TooManyCalls"
N_CONNECTIONS, N_PENDING = 200, 100
# Another user that every system has.
DAEMON = 1


class Flood:
    """Connections of users, in turn, each with many calls under way."""

    def __init__(self, machine, connections, pending, member="GetPolicy", arguments=DESCRIPTION, users=(NOBODY,)):
        self.clients = [RawClient(machine, users[number % len(users)]) for number in range(connections)]
        for client in self.clients:
            client.socket.setblocking(False)
            for _ in range(pending):
                try:
                    client.ask(member, arguments)
                except BlockingIOError:
                    break

    def close(self):
        for client in self.clients:
            client.close()


@pytest.fixture
def busy(bare):
    bare.start_daemon()
    bare.stage(signed(body=BIG))
    return bare


def test_a_user_has_a_budget_that_grows_again_and_root_has_none(busy):
    """The bus lets a connection wait for 128 answers, so the calls come in rounds, and faster than the budget grows."""
    clients = [RawClient(busy, NOBODY) for _ in range(10)]
    for client in clients:
        for _ in range(100):
            client.ask("GetPolicy", DESCRIPTION)
    answers = [error for client in clients for error in client.answers(101)[1:]]
    sentences = {sentence for client in clients for sentence in client.sentences}
    for client in clients:
        client.close()
    assert sentences == {f"{TOO_MANY}: User {NOBODY} calls too often: wait a few seconds."}
    busy.wait_for(lambda: busy.call_as(NOBODY, "GetPolicy", "('corp-base', '')").returncode == 0, "the budget to be there again")
    assert answers.count(False) >= 200 and answers.count(True) > 0
    assert all(busy.get("corp-base")["Name"] == "corp-base" for _ in range(500))


@pytest.mark.parametrize("member, arguments, users", [
    ("GetPolicy", DESCRIPTION, (NOBODY,)), ("OpenPolicy", DESCRIPTION, (NOBODY,)), ("ListPolicies", None, (NOBODY,)),
    ("Activate", GLib.Variant("(s)", ("corp-base",)), (NOBODY,)), ("GetPolicy", DESCRIPTION, (NOBODY, DAEMON))],
    ids=("GetPolicy", "OpenPolicy", "ListPolicies", "Activate", "two-users"))
def test_root_is_answered_during_a_flood(busy, member, arguments, users):
    """How long it took is printed; the test fails if there is no answer, or a wrong one."""
    flood = Flood(busy, N_CONNECTIONS, N_PENDING, member, arguments, users)
    begun = time.monotonic()
    assert ("corp-base", "1.0.0") in busy.list()
    print(f"{member}: root was answered after {time.monotonic() - begun:.2f} s")
    flood.close()
    assert busy.list()["corp-base", "1.0.0"][0] == "staged"


def test_every_call_of_two_users_floods_is_answered(busy):
    """Refuses at least half of them, a second later."""
    connections, pending = 200, 100
    clients = [RawClient(busy, (NOBODY, DAEMON)[number % 2]) for number in range(connections)]
    for client in clients:
        for _ in range(pending):
            client.ask("GetPolicy", DESCRIPTION)
    refused = sum(sum(client.answers(pending + 1)[1:]) for client in clients)
    print(f"{refused} of {connections * pending} calls were refused")
    for client in clients:
        client.close()
    assert refused > connections * pending // 2 and busy.get("corp-base")["Name"] == "corp-base"


def test_a_flood_of_one_user_refuses_no_other(busy):
    clients = [RawClient(busy, NOBODY) for _ in range(10)]
    for client in clients:
        for _ in range(100):
            client.ask("GetPolicy", DESCRIPTION)
    answer = busy.call_as(DAEMON, "GetPolicy", "('corp-base', '')")
    assert answer.returncode == 0, answer.stderr
    assert any(error for client in clients for error in client.answers(101)[1:])
    for client in clients:
        client.close()
