# SPDX-License-Identifier: LGPL-2.1-or-later
"""Only subscribers see what other users run, and only callers who may inspect can subscribe."""

import json
import select

import pytest
from gi.repository import Gio, GLib

from automatic_trials import VITAL, begin, checks, tell_denial
from connection import NAME, PATH, BusError
from machine import NOBODY, signed
from programs import IPECTL
from raw_client import RawClient

DBUS = "org.freedesktop.DBus"
SECRET = "/home/alice/secret-project/tool"
INSPECT = "org.ipe.manager.inspect"


class Listener(RawClient):
    """A user's connection that gets every signal that the bus hands out."""

    def __init__(self, machine, uid=NOBODY):
        super().__init__(machine, uid)
        self.machine = machine
        self.data = b""
        self.messages = []
        self.call(DBUS, "/org/freedesktop/DBus", DBUS, "AddMatch", GLib.Variant("(s)", ("type='signal'",)))
        self.answer()

    def subscribe(self):
        self.ask("Subscribe", GLib.Variant("(a{sv})", ({},)))

    def read(self):
        while select.select([self.socket], [], [], 0)[0]:
            received = self.socket.recv(1 << 16)
            assert received, "the bus has closed the connection"
            self.data += received
        while len(self.data) >= 16 and len(self.data) >= Gio.DBusMessage.bytes_needed(self.data[:16]):
            size = Gio.DBusMessage.bytes_needed(self.data[:16])
            self.messages.append(Gio.DBusMessage.new_from_blob(self.data[:size], Gio.DBusCapabilityFlags.NONE))
            self.data = self.data[size:]

    def answer(self):
        """The answer to the latest call: the name of an error, or None."""
        def found():
            self.read()
            return [message for message in self.messages if message.get_reply_serial() == self.serial]
        return self.machine.wait_for(found, "an answer")[0].get_error_name()

    def signals(self, member):
        self.read()
        return [message.get_body().unpack() for message in self.messages if message.get_member() == member]

    def text(self):
        self.read()
        return "".join(str(message.get_body().unpack()) for message in self.messages if message.get_body())


@pytest.fixture
def listen(bare):
    listeners = []

    def start(uid=NOBODY):
        listeners.append(Listener(bare, uid))
        return listeners[-1]
    yield start
    for listener in listeners:
        listener.close()


def deny(machine):
    """Denies a program of alice; returns once a subscriber has the denial, and a later one."""
    heard = len(machine.signals("Denied"))
    machine.kernel.tell(shadow=0, path=f'"{SECRET}{heard}"', comm='"alice-tool"', pid=4711)
    machine.wait_for(lambda: len(machine.signals("Denied")) > heard, "the denial")
    machine.stage(signed(f"behind-{heard}"))
    machine.wait_signal("PolicyStaged", lambda arguments: arguments[0] == f"behind-{heard}")


def wait_behind(listener, number=0):
    """Waits until this listener has all signals that came before this moment."""
    listener.machine.wait_for(lambda: [words for words in listener.signals("PolicyStaged") if words[0] == f"behind-{number}"],
                              "the signal for everybody")


@pytest.fixture
def daemon(bare, kernel_files):
    bare.start_daemon()
    return bare


def test_denials_are_not_for_everybody(daemon, listen):
    nobody = listen()
    deny(daemon)
    wait_behind(nobody)
    assert not nobody.signals("Denied") and "alice" not in nobody.text()


def test_a_subscriber_whom_polkit_allows_hears_of_denials(daemon, listen):
    daemon.start_mock_polkit()
    daemon.allow(INSPECT)
    subscriber, other = listen(), listen()
    subscriber.subscribe()
    assert subscriber.answer() is None
    deny(daemon)
    wait_behind(subscriber)
    wait_behind(other)
    assert [words[3] for words in subscriber.signals("Denied")] == [f"{SECRET}0"]
    assert "alice" not in other.text()


def test_whom_polkit_does_not_allow_gets_an_error_and_nothing_else(daemon, listen):
    daemon.start_mock_polkit()
    nobody = listen()
    nobody.subscribe()
    assert nobody.answer() == f"{DBUS}.Error.AccessDenied"
    deny(daemon)
    wait_behind(nobody)
    assert "alice" not in nobody.text()


def test_a_subscription_ends_on_demand(daemon, listen):
    root = listen(0)
    root.subscribe()
    assert root.answer() is None
    root.subscribe()
    assert root.answer() is None
    deny(daemon)
    wait_behind(root)
    assert len(root.signals("Denied")) == 1, "who subscribes twice hears once"
    root.ask("Unsubscribe")
    assert root.answer() is None
    root.ask("Unsubscribe")
    assert root.answer() is None
    deny(daemon)
    wait_behind(root, 1)
    assert len(root.signals("Denied")) == 1


def test_the_answer_says_whether_denials_are_known(daemon):
    assert daemon.subscribe() == {"Denials": True}


def test_without_a_kernel_no_denials_are_known(machine):
    assert machine.subscribe() == {"Denials": False}


def test_an_option_that_is_not_known_is_refused(machine):
    with pytest.raises(BusError) as caught:
        machine.call("Subscribe", GLib.Variant("(a{sv})", ({"paths": GLib.Variant("b", True)},)))
    assert caught.value.name == f"{DBUS}.Error.InvalidArgs" and "paths" in caught.value.message


def subscribe_until_refused(listen, uid, most):
    """How many connections of a user, who has to be in passwd, could subscribe."""
    for number in range(most):
        listener = listen(uid)
        listener.subscribe()
        if listener.answer() is not None:
            assert listener.answer() == f"{DBUS}.Error.LimitsExceeded"
            return number
    return most


def test_subscribers_are_bounded_and_keep_root_out_never(daemon, listen):
    daemon.start_mock_polkit()
    daemon.allow(INSPECT)
    assert [subscribe_until_refused(listen, uid, 10) for uid in (1, 2, 3, 4, NOBODY)] == [8, 8, 8, 8, 0]
    # One of root's is the test's.
    assert subscribe_until_refused(listen, 0, 40) == 31


def test_a_subscriber_that_has_gone_makes_room(daemon, listen):
    daemon.start_mock_polkit()
    daemon.allow(INSPECT)
    gone = [listen(NOBODY) for _ in range(8)]
    for listener in gone:
        listener.subscribe()
        assert listener.answer() is None
    for listener in gone:
        listener.socket.close()
    again = listen(NOBODY)

    def subscribed():
        again.subscribe()
        return again.answer() is None
    daemon.wait_for(subscribed, "room")


def test_a_refusal_says_to_everybody_what_and_not_which(machine, listen):
    nobody, root = listen(), listen(0)
    root.subscribe()
    assert root.answer() is None
    machine.drop(b"no policy", "secret.p7b")
    machine.wait_signal("PolicyRejected")
    machine.stage(signed("behind-0"))
    for listener in (nobody, root):
        wait_behind(listener)
    (source, error, message), = nobody.signals("PolicyRejected")
    assert (source, error) == ("", "org.ipe.Error.SignatureInvalid") and "Subscribe()" in message
    assert "secret.p7b" not in nobody.text()
    short, whole = root.signals("PolicyRejected")
    assert short == (source, error, message)
    assert whole[:2] == ("/etc/ipe/policy.d/secret.p7b", error) and whole[2] != message


def nobodys_checks(machine):
    """As caller.py, but reads a property."""
    text = machine.run("busctl", "--json=short", "get-property", NAME, PATH, NAME, "TrialChecks", uid=NOBODY).stdout
    return {name: (state, detail) for name, state, detail in json.loads(text)["data"]}


def test_checks_of_a_trial_name_files_only_to_who_may_inspect(automatic, listen):
    """The property as user nobody reads it, and the signals, do not have the path."""
    nobody = listen()
    path = VITAL
    automatic.configure(f"EssentialPaths={path}")
    begin(automatic)
    tell_denial(automatic)
    automatic.wait_for(lambda: checks(automatic)["denials"][0] == "failed", "the check to fail")
    assert path in checks(automatic)["denials"][1]
    state, detail = nobodys_checks(automatic)["denials"]
    assert state == "failed" and "/" not in detail and "Subscribe()" in detail
    nobody.ask("ListPolicies")
    assert nobody.answer() is None
    invalidated = [words[2] for words in nobody.signals("PropertiesChanged")]
    assert ["TrialChecks"] in [[name for name in names if name == "TrialChecks"] for names in invalidated]
    assert path not in nobody.text()


def test_ipectl_watch_shows_the_rest_to_who_may_not_inspect(daemon):
    """test_ipectl_watch.py has the users who may."""
    daemon.start_mock_polkit()
    with open(daemon.directory / "watched", "w+") as output:
        watch = daemon.start(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", IPECTL, "watch"],
                             stdout=output, stderr=output)

        def text():
            return (daemon.directory / "watched").read_text()
        daemon.wait_for(lambda: "Denials, and the sources of refused policies, are not shown" in text(), "the sentence")
        deny(daemon)
        daemon.wait_for(lambda: "Staged 'behind-0' 1.0.0." in text(), "what everybody hears")
        assert "alice" not in text()
        assert watch.stop() == 0
