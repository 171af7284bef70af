# SPDX-License-Identifier: LGPL-2.1-or-later
"""A user who sends messages from many new connections, without end, and reads no answer. Run as

    flooder.py SOCKET UID CONNECTIONS MESSAGES SIZE [UNIQUE-NAME...]

With names, the messages are signals to these connections; without, they are calls of ipectld. A connection sends MESSAGES messages,
and a new one takes its place; 0: it sends for ever. (Many new connections with few bytes keep dbus-daemon alone from answering anybody.)
The first line of the output says that all connections are there; it ends with its input."""

import os
import select
import socket
import sys

from gi.repository import Gio, GLib

NAME, PATH = "org.ipe.Manager", "/org/ipe/Manager"
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


def blob_of(message, serial, body=None):
    if body:
        message.set_body(body)
    message.set_serial(serial)
    return bytes(message.to_blob(Gio.DBusCapabilityFlags.NONE))


def make_load(messages, size, names):
    filler = "x" * size
    if not names:
        call = Gio.DBusMessage.new_method_call(NAME, PATH, NAME, "GetPolicy")
        call.set_flags(Gio.DBusMessageFlags.NO_REPLY_EXPECTED)
        return blob_of(call, 2, GLib.Variant("(ss)", (filler, ""))) * messages
    load = b""
    for name in names:
        signal = Gio.DBusMessage.new_signal("/", "org.example.Flood", "Flood")
        signal.set_destination(name)
        load += blob_of(signal, 2, GLib.Variant("(s)", (filler,)))
    return load * messages


class Sender:
    def __init__(self, path, uid, load, endless):
        self.endless = endless
        hello = blob_of(Gio.DBusMessage.new_method_call(*BUS, "Hello"), 1)
        self.head = b"\0AUTH EXTERNAL " + str(uid).encode().hex().encode() + b"\r\nBEGIN\r\n" + hello
        self.load = memoryview(load)
        self.path = path
        self.restart()

    def restart(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.path)
        self.socket.sendall(self.head)
        self.socket.setblocking(False)
        self.sent = 0

    def advance(self):
        """Returns whether the connection has sent everything, or is closed."""
        try:
            self.sent += self.socket.send(self.load[self.sent:self.sent + (1 << 18)])
        except BlockingIOError:
            return False
        except OSError:
            return True
        if self.endless:
            self.sent %= len(self.load)
            return False
        return self.sent == len(self.load)


def flood(senders):
    poll = select.poll()
    by_fd = {}

    def watch(sender):
        by_fd[sender.socket.fileno()] = sender
        poll.register(sender.socket, select.POLLOUT)
    for sender in senders:
        watch(sender)
    poll.register(0, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == 0:
                return
            sender = by_fd[fd]
            if sender.advance():
                poll.unregister(fd)
                sender.socket.close()
                sender.restart()
                watch(sender)


def main(path, uid, count, messages, size, *names):
    os.setgroups([])
    os.setresgid(int(uid), int(uid), int(uid))
    os.setresuid(int(uid), int(uid), int(uid))
    load = make_load(int(messages) or 1000, int(size), names)
    senders = [Sender(path, int(uid), load, messages == "0") for _ in range(int(count))]
    print("ready", flush=True)
    flood(senders)


main(*sys.argv[1:])
