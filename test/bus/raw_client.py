# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of the bus that may do what a library would not do."""

import os
import socket

from gi.repository import Gio

from connection import NAME, PATH


class RawClient:
    """A connection without a library, so that a thousand of them cost nothing; it sends exactly the given messages."""

    def __init__(self, machine, uid=0):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        os.seteuid(uid)
        try:
            self.socket.connect(machine.address.removeprefix("unix:path="))
        finally:
            os.seteuid(0)
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(uid).encode().hex().encode() + b"\r\n")
        assert self.read_line().startswith(b"OK")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        assert self.read_line().startswith(b"AGREE")
        self.socket.sendall(b"BEGIN\r\n")
        self.serial = 0
        self.data = b""
        self.sentences, self.results = [], []
        self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")

    def read_line(self):
        line = b""
        while not line.endswith(b"\r\n"):
            line += self.socket.recv(1)
        return line

    def call(self, destination, path, interface, member, arguments=None, fds=()):
        message = Gio.DBusMessage.new_method_call(destination, path, interface, member)
        if arguments:
            message.set_body(arguments)
        if fds:
            message.set_unix_fd_list(Gio.UnixFDList.new_from_array([os.dup(fd) for fd in fds]))
        self.serial += 1
        message.set_serial(self.serial)
        blob = bytes(message.to_blob(Gio.DBusCapabilityFlags.UNIX_FD_PASSING))
        sent = socket.send_fds(self.socket, [blob], list(fds)) if fds else 0
        self.socket.sendall(blob[sent:])

    def signal(self, destination, path, interface, member):
        message = Gio.DBusMessage.new_signal(path, interface, member)
        message.set_destination(destination)
        self.serial += 1
        message.set_serial(self.serial)
        self.socket.sendall(bytes(message.to_blob(Gio.DBusCapabilityFlags.NONE)))

    def ask(self, member, arguments=None):
        self.call(NAME, PATH, NAME, member, arguments)

    def answers(self, count):
        """Reads until so many answers have come; returns for each whether it was an error. Then `sentences` has those of all errors,
        and `results` those of the others, in GVariant's text format."""
        return [self.read_answer() for _ in range(count)]

    def read_answer(self):
        """Whether the next answer is an error. Bytes read before a time-out are not lost."""
        while True:
            while len(self.data) < 16 or len(self.data) < Gio.DBusMessage.bytes_needed(self.data[:16]):
                received = self.socket.recv(1 << 16)
                assert received, "the bus has closed the connection"
                self.data += received
            size = Gio.DBusMessage.bytes_needed(self.data[:16])
            message = Gio.DBusMessage.new_from_blob(self.data[:size], Gio.DBusCapabilityFlags.NONE)
            self.data = self.data[size:]
            body = message.get_body()
            if message.get_message_type() == Gio.DBusMessageType.METHOD_RETURN:
                self.results.append(body.print_(False) if body else "()")
                return False
            if message.get_message_type() == Gio.DBusMessageType.ERROR:
                self.sentences.append(f"{message.get_error_name()}: {body.unpack()[0]}")
                return True

    def close(self):
        self.socket.close()
