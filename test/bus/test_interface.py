# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interface that ipectld offers on the bus, compared with the files that are installed for other
programs, and with the manual."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from gi.repository import GLib

from connection import JOB, NAME, PATH, POLICY, BusError
from machine import NOBODY, object_path, signed
from programs import TOP

LOG = "org.freedesktop.LogControl1"
LOG_PATH = "/org/freedesktop/LogControl1"
INSTALLED = [TOP / "dbus" / f"{name}.xml" for name in (NAME, POLICY, JOB)]
GOLDEN = [*INSTALLED, TOP / "test/bus/org.freedesktop.LogControl1.xml"]
MANUAL = TOP / "man/org.ipe.Manager.5.xml"


def interfaces(node):
    """Interfaces of an introspected object as text, one member a line; how the XML is written does not matter."""
    def arguments(member):
        return ", ".join(f"{arg.get('direction', 'out')} {arg.get('type')} {arg.get('name')}" for arg in member.iter("arg"))

    def annotations(member):
        return " ".join(sorted(f"{note.get('name')}={note.get('value')}" for note in member.iter("annotation")))

    return {interface.get("name"): [" ".join([member.tag, member.get("name"), member.get("type", ""),
                                              member.get("access", ""), f"({arguments(member)})",
                                              annotations(member)]) for member in interface]
            for interface in node.iter("interface")}


def golden_interfaces():
    return {name: members for path in GOLDEN for name, members in interfaces(ElementTree.parse(path)).items()}


def test_interfaces_are_those_of_the_golden_files(machine):
    path = machine.stage(signed())
    machine.inspector.gate.clear()
    job = machine.call("StartPreflight", GLib.Variant("(sa{sv})", ("corp-base", {})))[0]
    golden = golden_interfaces()
    found = {}
    for name, where in ((NAME, PATH), (POLICY, path), (JOB, job), (LOG, LOG_PATH)):
        xml = machine.run("busctl", "introspect", "--xml-interface", NAME, where).stdout
        found[name] = interfaces(ElementTree.fromstring(xml.partition("?>")[2] or xml.strip()))[name]
    assert found == golden


def documented(title, member):
    """The members that a section of the manual names: (name, signature as written)."""
    for section in ElementTree.parse(MANUAL).iter("refsect1"):
        if section.find("title").text == title:
            for term in section.iter("term"):
                text = re.sub(r"\s+", " ", "".join(term.itertext()))
                for name in term.iter(member):
                    yield name.text, text


def test_files_of_interfaces_are_installed():
    """One file an interface, named after it, where other programs look."""
    text = (TOP / "dbus/meson.build").read_text()
    for path in INSTALLED:
        assert [interface.get("name") for interface in ElementTree.parse(path).iter("interface")] == [path.stem]
        assert re.search(rf"^install_data\([^)]*'{re.escape(path.name)}'[^)]*datadir / 'dbus-1/interfaces'\)$", text, re.M)


@pytest.fixture(scope="module")
def golden():
    return {interface.get("name"): interface for path in GOLDEN for interface in ElementTree.parse(path).iter("interface")}


def signature(member, direction):
    return ", ".join(f"{arg.get('type')} {arg.get('name')}" for arg in member.iter("arg")
                     if arg.get("direction", "in") == direction)


@pytest.mark.parametrize("name", [NAME, JOB])
def test_manual_names_every_method(golden, name):
    expected = set()
    for method in golden[name].iter("method"):
        results = ", ".join(arg.get("type") for arg in method.iter("arg") if arg.get("direction") == "out")
        text = f"{method.get('name')}({signature(method, 'in')})"
        expected.add((method.get("name"), f"{text} → {results}" if results else text))
    assert expected
    assert set(documented(f"Methods of {name}", "function")) == expected


@pytest.mark.parametrize("name", [NAME, JOB])
def test_manual_names_every_signal(golden, name):
    expected = {(signal.get("name"), f"{signal.get('name')}({signature(signal, 'in')})")
                for signal in golden[name].iter("signal")}
    assert expected
    assert set(documented(f"Signals of {name}", "function")) == expected


@pytest.mark.parametrize("name", [NAME, POLICY, JOB])
def test_manual_names_every_property(golden, name):
    found = {}
    for name_of_one, text in documented(f"Properties of {name}", "varname"):
        found[name_of_one] = re.search(rf"\b{name_of_one} \((\S+)\)(,|$)", text).group(1)
    expected = {item.get("name"): item.get("type") for item in golden[name].iter("property")}
    assert expected
    assert found == expected


# How the manual says what the annotation says; a property without annotation emits changes.
SAID = {"const": "Constant.", "true": "Emits changes.", "invalidates": "(invalidates)", "false": "no signal says"}


@pytest.mark.parametrize("name", [NAME, POLICY])
def test_manual_says_which_properties_tell_their_changes(golden, name):
    expected = {item.get("name"): next((note.get("value") for note in item.iter("annotation")), "true")
                for item in golden[name].iter("property")}
    found = {}
    for entry in (entry for section in ElementTree.parse(MANUAL).iter("refsect1")
                  if section.find("title").text == f"Properties of {name}" for entry in section.iter("varlistentry")):
        text = re.sub(r"\s+", " ", "".join(entry.find("listitem").itertext()))
        words = [word for word, said in SAID.items() if said in text]
        found.update({item.text: words for item in entry.find("term").iter("varname")})
    assert found == {item: [word] for item, word in expected.items()}


def test_properties_without_ipe(machine):
    properties = machine.properties()
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties.pop("Version"))
    assert properties == {"Features": [], "KernelAbi": "none", "Enforce": False, "SuccessAudit": False,
                          "ActivePolicy": ("", ""), "TrialPolicy": ("", ""), "TrialDeadlineUSec": 0,
                          "TrialConfirm": "", "TrialBoots": 0, "TrialBootsMax": 0, "TrialChecks": [], "ConfirmedPolicy": ("", ""),
                          "Deactivated": False, "StateRecorded": True,
                          "Warnings": []}


def managed(machine):
    return machine.connection.call("/org/ipe", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0]


def test_object_manager_tells_what_comes_and_goes(machine):
    assert managed(machine).keys() == {PATH}
    path = machine.stage(signed())
    assert path == object_path("corp-base", "1.0.0")
    added = machine.wait_signal("InterfacesAdded")
    assert added[0] == path
    assert added[1][POLICY]["State"] == "staged"
    assert managed(machine)[path][POLICY] == added[1][POLICY] == machine.properties(path, POLICY)
    machine.call("Discard", GLib.Variant("(ss)", ("corp-base", "1.0.0")))
    removed = machine.wait_signal("InterfacesRemoved")
    assert removed[0] == path
    assert POLICY in removed[1]
    assert managed(machine).keys() == {PATH}


@pytest.mark.parametrize("path", [object_path("corp-base", "1.0.1"), object_path("other", "1.0.0"),
                                  "/org/ipe/policy/corp_2dbase", "/org/ipe/policy/corp_2dbase/x",
                                  "/org/ipe/policy/corp_2dbase/_31_2e0_2e0/x", "/org/ipe/policy/_/_"])
def test_object_that_is_not_there(machine, path):
    machine.stage(signed())
    with pytest.raises(BusError) as caught:
        machine.properties(path, POLICY)
    assert caught.value.name.startswith("org.freedesktop.DBus.Error.Unknown")


def set_property(machine, name, value, path=LOG_PATH, interface=LOG):
    machine.connection.call(path, "org.freedesktop.DBus.Properties", "Set",
                            GLib.Variant("(ssv)", (interface, name, GLib.Variant("s", value))))


def test_log_control(machine):
    assert machine.properties(LOG_PATH, LOG) == {"LogLevel": "debug", "LogTarget": "journal",
                                                 "SyslogIdentifier": "ipectld"}
    set_property(machine, "LogLevel", "err")
    machine.stage(signed())
    assert not machine.entries(IPE_POLICY="corp-base")
    set_property(machine, "LogLevel", "info")
    set_property(machine, "LogTarget", "console")
    machine.stage(signed("another"))
    assert not machine.entries(IPE_POLICY="another")
    assert "Staged 'another' 1.0.0" in machine.log_text()
    assert machine.properties(LOG_PATH, LOG)["LogLevel"] == "info"


@pytest.mark.parametrize("name, value", [("LogLevel", "loud"), ("LogLevel", ""), ("LogTarget", "printer"), ("LogTarget", "kmsg")])
def test_log_control_refuses_nonsense(machine, name, value):
    before = machine.properties(LOG_PATH, LOG)
    with pytest.raises(BusError) as caught:
        set_property(machine, name, value)
    assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert machine.properties(LOG_PATH, LOG) == before


def test_no_property_of_ours_can_be_set(machine):
    with pytest.raises(BusError) as caught:
        machine.connection.call(PATH, "org.freedesktop.DBus.Properties", "Set",
                                GLib.Variant("(ssv)", (NAME, "Enforce", GLib.Variant("b", True))))
    assert caught.value.name == "org.freedesktop.DBus.Error.PropertyReadOnly"


def test_everybody_may_look(machine):
    machine.stage(signed())
    for words in (["call", NAME, PATH, NAME, "ListPolicies"],
                  ["call", NAME, PATH, NAME, "GetPolicy", "ss", "corp-base", ""],
                  ["get-property", NAME, PATH, NAME, "KernelAbi", "Features", "ActivePolicy"],
                  ["introspect", NAME, object_path("corp-base", "1.0.0")],
                  ["call", NAME, "/org/ipe", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"]):
        assert machine.run("busctl", *words, uid=NOBODY).stdout


def test_others_may_not_set_the_log_level(machine):
    result = machine.run("busctl", "set-property", NAME, LOG_PATH, LOG, "LogLevel", "s", "emerg", uid=NOBODY,
                         check=False)
    assert result.returncode != 0
    assert machine.properties(LOG_PATH, LOG)["LogLevel"] == "debug"


def test_only_root_may_own_the_name(bare):
    result = bare.run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                      "RequestName", "su", NAME, "0", uid=NOBODY, check=False)
    assert "Access denied" in result.stderr


def test_every_error_is_documented_and_reached_by_a_test():
    """Each name that the daemon can answer with is explained in the manual, and expected by some test of the bus."""
    names = set(re.findall(r'PREFIX "(\w+)"', (TOP / "src/ipectld/client/error-name.c").read_text()))
    assert names == {"NoSuchPolicy", "AlreadyExists", "SignatureInvalid", "KeyNotTrusted", "CertificateExpired", "CertificateRevoked",
                     "VersionTooOld", "SyntaxError", "NameMismatch", "TrialInProgress", "NoTrial", "LockedDown", "WouldLockOut",
                     "KernelRejected", "NotSupported", "CannotRead", "TooManyCalls", "NotThatVersion"}
    manual = (TOP / "man/org.ipe.Manager.5.xml").read_text()
    assert {name for name in names if f"<errorname>{name}</errorname>" not in manual} == set()
    others = [path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    expected = {name for name in names for text in others if re.search(rf'"(org\.ipe\.Error\.)?{name}"', text)}
    assert expected == names
