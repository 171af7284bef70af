# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for systemd that answers nonsense, or nothing, on request, which the real one never does in a
test. test/vm proves that ipectld gets along with the real one."""

import threading

from gi.repository import Gio, GLib

INTERFACE = """<node><interface name="org.freedesktop.systemd1.Manager">
<method name="ListUnitsFiltered"><arg direction="in" type="as"/><arg direction="out" type="a(ssssssouso)"/></method>
<method name="ListUnitsByNames"><arg direction="in" type="as"/><arg direction="out" type="a(ssssssouso)"/></method>
<method name="StartUnit"><arg direction="in" type="s"/><arg direction="in" type="s"/><arg direction="out" type="o"/></method>
<method name="RestartUnit"><arg direction="in" type="s"/><arg direction="in" type="s"/><arg direction="out" type="o"/></method>
<method name="StopUnit"><arg direction="in" type="s"/><arg direction="in" type="s"/><arg direction="out" type="o"/></method>
<method name="Subscribe"/><method name="Unsubscribe"/>
</interface></node>"""
PROPERTIES = """<node><interface name="org.freedesktop.DBus.Properties">
<method name="GetAll"><arg direction="in" type="s"/><arg direction="out" type="a{sv}"/></method>
</interface></node>"""
SERVICE = "org.freedesktop.systemd1.Service"
COMMAND, TARGET = "ipe-health.service", "ipe-health.target"


def unit_path(name):
    return "/org/freedesktop/systemd1/unit/" + "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in name)


def service_properties(result, restarts):
    return {"Type": GLib.Variant("s", "simple"), "Result": GLib.Variant("s", result), "NRestarts": GLib.Variant("u", restarts)}


def change_signal(name, result, restarts):
    """The words of a PropertiesChanged about a service."""
    return (unit_path(name), "org.freedesktop.DBus.Properties", "PropertiesChanged",
            GLib.Variant("(sa{sv}as)", (SERVICE, service_properties(result, restarts), [])))


class ServiceManager:
    """failed: names of units; restarting: {name: (Result, NRestarts)} of services that wait to be started again; states: {name: state} of
    others, by default "inactive", and for those of ours "job", which is inactive with a job; members: of ipe-health.target; answer:
    called with the method and the invocation, and returns whether it took care of that."""

    def __init__(self, address):
        self.failed = []
        self.restarting = {}
        self.states = {}
        self.members = []
        self.calls = []
        self.answer = lambda method, invocation: False
        self.context = GLib.MainContext()
        self.loop = GLib.MainLoop(self.context)
        self.ready = threading.Event()
        self.bus = None
        self.thread = threading.Thread(target=self.run, args=(address,))
        self.thread.start()
        assert self.ready.wait(60)

    def run(self, address):
        self.context.push_thread_default()
        bus = Gio.DBusConnection.new_for_address_sync(
            address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        bus.register_object("/org/freedesktop/systemd1", Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0], self.on_call,
                            None, None)
        self.bus = bus
        self.add_object(TARGET)
        bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                      GLib.Variant("(su)", ("org.freedesktop.systemd1", 4)), None, Gio.DBusCallFlags.NONE, -1, None)
        self.ready.set()
        self.loop.run()
        bus.close_sync(None)
        self.context.pop_thread_default()

    def add_object(self, name):
        def on_call(_bus, _sender, _path, _interface, method, _arguments, invocation):
            self.calls.append((method, (name,)))
            if self.answer(method, invocation):
                return
            properties = {"Wants": GLib.Variant("as", []), "Id": GLib.Variant("s", name), "Requires": GLib.Variant("as", self.members)}
            if name != TARGET:
                properties = service_properties(*self.restarting[name])
            invocation.return_value(GLib.Variant("(a{sv})", (properties,)))
        self.bus.register_object(unit_path(name), Gio.DBusNodeInfo.new_for_xml(PROPERTIES).interfaces[0], on_call, None, None)

    def within(self, function):
        """Calls it in the thread that serves."""
        done = threading.Event()
        self.context.invoke_full(GLib.PRIORITY_DEFAULT, lambda *_: function() and False or done.set())
        assert done.wait(60)

    def restart(self, name, result, restarts):
        """Makes a service wait to be started again, without a signal."""
        if name not in self.restarting:
            self.within(lambda: self.add_object(name))
        self.restarting[name] = result, restarts

    def change(self, name, result, restarts):
        """Signals that a service has changed."""
        self.within(lambda: self.bus.emit_signal(None, *change_signal(name, result, restarts)))

    def on_call(self, _bus, _sender, _path, _interface, method, arguments, invocation):
        self.calls.append((method, arguments.unpack()))
        if self.answer(method, invocation):
            return
        if method == "ListUnitsFiltered":
            invocation.return_value(self.units({**{name: "failed" for name in self.failed},
                                                **{name: "auto-restart" for name in self.restarting}}))
        elif method == "ListUnitsByNames":
            names = arguments.unpack()[0]
            invocation.return_value(self.units({name: self.states.get(name, "job" if name in (COMMAND, TARGET) else "inactive")
                                                for name in names}))
        elif method in ("Subscribe", "Unsubscribe"):
            invocation.return_value(None)
        else:
            invocation.return_value(GLib.Variant("(o)", ("/job",)))

    @staticmethod
    def units(states):
        def row(name, state):
            active = {"job": "inactive", "auto-restart": "activating"}.get(state, state)
            return (name, "", "loaded", active, state, "", "/unit", int(state == "job"), "", "/")
        return GLib.Variant("(a(ssssssouso))", ([row(name, state) for name, state in states.items()],))

    def close(self):
        """May be called twice."""
        self.context.invoke_full(GLib.PRIORITY_DEFAULT, lambda *_: self.loop.quit())
        self.thread.join()
