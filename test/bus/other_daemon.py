# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon of another version, or a hostile one: the test itself owns the name org.ipe.Manager and says what it likes.

What ipectl shows of the real ipectld is tested with that; this is for what the real one never says."""

from gi.repository import Gio, GLib

from connection import NAME, PATH
from programs import IPECTL


class OtherDaemon:
    """properties: {name: GLib.Variant}; methods: {name: (signature of arguments, signature of results, function)}, where
    the function gets the arguments and returns a tuple, or raises a tuple of error name and sentence as Refusal."""

    def __init__(self, machine, properties=(), methods=()):
        self.machine = machine
        self.bus = machine.connection.bus
        self.properties = {}
        self.methods = dict(methods)
        self.offer(PATH, NAME, dict(properties), "".join(
            f"<method name='{name}'>{self.arguments(taken, 'in')}{self.arguments(returned, 'out')}</method>"
            for name, (taken, returned, _) in self.methods.items()))
        machine.connection.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                                GLib.Variant("(su)", (NAME, 0)), name="org.freedesktop.DBus")

    def offer(self, path, interface, properties, methods=""):
        """An object with these properties."""
        members = "".join(f"<property name='{name}' type='{value.get_type_string()}' access='read'/>"
                          for name, value in properties.items())
        node = Gio.DBusNodeInfo.new_for_xml(f"<node><interface name='{interface}'>{members}{methods}</interface></node>")
        self.properties[path] = properties
        self.bus.register_object(path, node.interfaces[0], self.on_call, self.on_get, None)

    @staticmethod
    def arguments(signature, direction):
        types = GLib.Variant.split_signature(f"({signature})")
        return "".join(f"<arg type='{kind}' direction='{direction}'/>" for kind in types)

    def on_get(self, _bus, _sender, path, _interface, name):
        return self.properties[path][name]

    def on_call(self, _bus, _sender, _path, _interface, name, arguments, invocation):
        _, returned, function = self.methods[name]
        try:
            invocation.return_value(GLib.Variant(f"({returned})", function(*arguments.unpack())))
        except Refusal as refusal:
            invocation.return_dbus_error(*refusal.args)

    def emit(self, member, signature, *arguments):
        self.bus.emit_signal(None, PATH, NAME, member, GLib.Variant(f"({signature})", arguments))

    def change(self, **properties):
        """New values, and a signal about them."""
        self.properties[PATH].update(properties)
        self.bus.emit_signal(None, PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                             GLib.Variant("(sa{sv}as)", (NAME, properties, [])))

    def ipectl(self, *words, status=0):
        """Runs ipectl while this daemon answers; returns what it printed on stdout and stderr."""
        with open(self.machine.directory / "output", "w+") as output, open(self.machine.directory / "errors", "w+") as errors:
            process = self.machine.start([IPECTL, *words], stdout=output, stderr=errors)
            self.machine.wait_for(process.ended, "ipectl to end")
            output.seek(0)
            errors.seek(0)
            found = output.read(), errors.read()
        assert process.wait() == status, found
        assert "Sanitizer" not in found[1]
        return found


class Refusal(Exception):
    pass
