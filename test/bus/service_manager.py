# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service manager that can be told to answer nonsense, or nothing: what the real one never does in a test. What ipectld makes of
the real one is proven in test/vm."""

import threading

from gi.repository import Gio, GLib

INTERFACE = """<node><interface name="org.freedesktop.systemd1.Manager">
<method name="ListUnitsFiltered"><arg direction="in" type="as"/><arg direction="out" type="a(ssssssouso)"/></method>
<method name="ListUnitsByNames"><arg direction="in" type="as"/><arg direction="out" type="a(ssssssouso)"/></method>
<method name="StartTransientUnit"><arg direction="in" type="s"/><arg direction="in" type="s"/><arg direction="in" type="a(sv)"/>
<arg direction="in" type="a(sa(sv))"/><arg direction="out" type="o"/></method>
<method name="StartUnit"><arg direction="in" type="s"/><arg direction="in" type="s"/><arg direction="out" type="o"/></method>
<method name="StopUnit"><arg direction="in" type="s"/><arg direction="in" type="s"/><arg direction="out" type="o"/></method>
<method name="RefUnit"><arg direction="in" type="s"/></method><method name="UnrefUnit"><arg direction="in" type="s"/></method>
</interface></node>"""


class ServiceManager:
    """failed: names of units; states: {name: state} of others, "inactive" if not there; answer: called with the method and the
    invocation, and returns whether it took care of that."""

    def __init__(self, address):
        self.failed = []
        self.states = {}
        self.calls = []
        self.answer = lambda method, invocation: False
        self.context = GLib.MainContext()
        self.loop = GLib.MainLoop(self.context)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(address,))
        self.thread.start()
        assert self.ready.wait(60)

    def run(self, address):
        self.context.push_thread_default()
        bus = Gio.DBusConnection.new_for_address_sync(
            address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        bus.register_object("/org/freedesktop/systemd1", Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], self.on_call,
                            None, None)
        bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                      GLib.Variant("(su)", ("org.freedesktop.systemd1", 4)), None, Gio.DBusCallFlags.NONE, -1, None)
        self.ready.set()
        self.loop.run()
        bus.close_sync(None)
        self.context.pop_thread_default()

    def on_call(self, _bus, _sender, _path, _interface, method, arguments, invocation):
        self.calls.append((method, arguments.unpack()))
        if self.answer(method, invocation):
            return
        if method == "ListUnitsFiltered":
            invocation.return_value(self.units({name: "failed" for name in self.failed}))
        elif method == "ListUnitsByNames":
            names = arguments.unpack()[0]
            command = "active" if "command" in self.states else "activating"
            invocation.return_value(self.units({name: command if name.startswith("ipe-health-") else
                                                self.states.get(name, "inactive") for name in names}))
        elif method in ("RefUnit", "UnrefUnit"):
            invocation.return_value(None)
        else:
            invocation.return_value(GLib.Variant("(o)", ("/job",)))

    @staticmethod
    def units(states):
        return GLib.Variant("(a(ssssssouso))", ([(name, "", "loaded", state, "", "", "/unit", 0, "", "/")
                                                 for name, state in states.items()],))

    def close(self):
        """May be called twice."""
        self.context.invoke_full(GLib.PRIORITY_DEFAULT, lambda *_: self.loop.quit())
        self.thread.join()
