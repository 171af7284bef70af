# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test's own connections to the bus, and the names that it calls there."""

from gi.repository import Gio, GLib

NAME = "org.ipe.Manager"
PATH = "/org/ipe/Manager"
POLICY = "org.ipe.Policy"
JOB = "org.ipe.Job"
POLKIT = "org.freedesktop.PolicyKit1"
POLKIT_PATH = "/org/freedesktop/PolicyKit1/Authority"

# Only a bound for what hangs; nothing is measured.
DEADLINE_SEC = 60


class BusError(Exception):
    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


def bus_error(error):
    """The BusError of an answer; errors of the connection itself are raised."""
    remote = Gio.DBusError.get_remote_error(error)
    if not remote:
        raise error
    return BusError(remote, error.message.removeprefix(f"GDBus.Error:{remote}: "))


class Connection:
    """The test, as root, on the bus."""

    def __init__(self, address):
        self.signals = []
        self.bus = Gio.DBusConnection.new_for_address_sync(
            address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION,
            None, None)
        self.bus.set_exit_on_close(False)
        for interface in (NAME, POLICY, JOB, "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"):
            self.bus.signal_subscribe(NAME, interface, None, None, None, Gio.DBusSignalFlags.NONE, self.on_signal)

    def on_signal(self, _bus, _sender, path, _interface, member, arguments):
        """Drops the copy of PolicyRejected without a source, which everybody gets; subscribers get the whole signal, too."""
        arguments = arguments.unpack()
        if member != "PolicyRejected" or arguments[0]:
            self.signals.append((path, member, arguments))

    def call(self, path, interface, method, arguments=None, fds=(), name=NAME):
        """Calls a method; returns its results as a tuple. fds: descriptors, which the call closes."""
        return self.exchange(path, interface, method, arguments, fds, name)[0].unpack()

    def call_for_descriptor(self, method, arguments):
        """Calls a method of the manager that returns a descriptor."""
        return self.exchange(PATH, NAME, method, arguments, (), NAME)[1].steal_fds()[0]

    def exchange(self, path, interface, method, arguments, fds, name):
        fd_list = Gio.UnixFDList.new_from_array(list(fds))
        try:
            return self.bus.call_with_unix_fd_list_sync(name, path, interface, method, arguments, None,
                                                        Gio.DBusCallFlags.NO_AUTO_START, DEADLINE_SEC * 1000,
                                                        fd_list, None)
        except GLib.Error as error:
            raise bus_error(error) from None

    def close(self):
        if not self.bus.is_closed():
            self.bus.close_sync(None)


class Call:
    """A call of the manager that waits for its answer, while the test goes on. error: the BusError that it ended with, or None."""

    def __init__(self, machine, method, arguments=None):
        self.machine, self.result, self.error = machine, None, None
        machine.connection.bus.call(NAME, PATH, NAME, method, arguments, None, Gio.DBusCallFlags.NO_AUTO_START, DEADLINE_SEC * 1000,
                                    None, self.done)

    def done(self, bus, result):
        try:
            bus.call_finish(result)
            self.result = "done"
        except GLib.Error as error:
            self.error = bus_error(error)
            self.result = self.error.name

    def answer(self):
        """'done', or the name of the error."""
        return self.machine.wait_for(lambda: self.result, "the answer")

    def wait(self):
        self.answer()
        return self
