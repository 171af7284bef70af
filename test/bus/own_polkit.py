# SPDX-License-Identifier: LGPL-2.1-or-later
"""polkit as the test wants it: it records questions, and answers when and as the test likes."""

import os

from gi.repository import Gio, GLib

from connection import NAME, PATH, POLKIT, POLKIT_PATH
from machine import NOBODY
from raw_client import RawClient

PREFIX = "org.ipe.manager."
INTERFACE = f"{POLKIT}.Authority"
XML = f"""<node><interface name='{INTERFACE}'>
<method name='CheckAuthorization'>
<arg type='(sa{{sv}})' direction='in'/><arg type='s' direction='in'/><arg type='a{{ss}}' direction='in'/>
<arg type='u' direction='in'/><arg type='s' direction='in'/><arg type='(bba{{ss}})' direction='out'/>
</method>
<method name='CancelCheckAuthorization'><arg type='s' direction='in'/></method>
</interface></node>"""
FLAGS = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION


class Question:
    def __init__(self, action, details, flags, invocation):
        self.action = action.removeprefix(PREFIX)
        self.details = details
        self.flags = flags
        self.invocation = invocation

    def answer(self, word):
        """word: yes, no or challenge."""
        if self.invocation:
            self.invocation.return_value(GLib.Variant("((bba{ss}))", ((word == "yes", word == "challenge", {}),)))
            self.invocation = None


class OwnPolkit:
    """answers: {action: word}, without the prefix; what is not in it is a no. held: questions wait until they are answered."""

    def __init__(self, machine):
        self.machine = machine
        self.answers = {}
        self.held = False
        self.questions = []
        self.withdrawn = 0
        uid = int(machine.run("id", "-u", "polkitd").stdout)
        os.seteuid(uid)
        try:
            self.bus = Gio.DBusConnection.new_for_address_sync(machine.address, FLAGS, None, None)
        finally:
            os.seteuid(0)
        node = Gio.DBusNodeInfo.new_for_xml(XML)
        self.bus.register_object(POLKIT_PATH, node.interfaces[0], self.on_call, None, None)
        self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                           GLib.Variant("(su)", (POLKIT, 0)), None, Gio.DBusCallFlags.NONE, -1, None)

    def on_call(self, _bus, _sender, _path, _interface, name, arguments, invocation):
        if name == "CancelCheckAuthorization":
            self.withdrawn += 1
            invocation.return_value(None)
            return
        _, action, details, flags, _ = arguments.unpack()
        question = Question(action, details, flags, invocation)
        self.questions.append(question)
        if not self.held:
            question.answer(self.answers.get(question.action, "no"))

    def asked(self):
        """The actions that were asked for, in their order."""
        return [question.action for question in self.questions]

    def wait_question(self, number=1):
        """The question of that number, counted from 1."""
        self.machine.wait_for(lambda: len(self.questions) >= number, "a question")
        return self.questions[number - 1]

    def begin(self, method, arguments, uid=NOBODY, path=PATH, interface=NAME):
        """A call of a user; arguments: a tuple in GVariant's text format. Returns its client."""
        client = RawClient(self.machine, uid)
        client.answers(1)
        client.socket.setblocking(False)
        client.call(NAME, path, interface, method, GLib.Variant.parse(None, arguments, None, None))
        return client

    def end(self, client):
        """Its result in GVariant's text format, or "NAME: SENTENCE" of its error."""
        def is_answered():
            try:
                return [client.read_answer()]
            except BlockingIOError:
                return None
        is_error, = self.machine.wait_for(is_answered, "the answer")
        client.close()
        return (client.sentences if is_error else client.results)[-1]

    def call(self, *words, **options):
        """The test itself answers polkit's questions meanwhile."""
        return self.end(self.begin(*words, **options))

    def close(self):
        self.bus.close_sync(None)
