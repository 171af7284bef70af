# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed beside the programs: units, the bus and polkit, the message catalog."""

import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
UNITS = sorted(path.name.removesuffix(".in") for path in (TOP / "units").iterdir()
               if path.name.removesuffix(".in").endswith((".service", ".socket", ".target")))
USER = "ipe"
SERVICES = [name for name in UNITS if name.endswith(".service")]
# Highest exposure that 'systemd-analyze security' may find, times ten: of any unit, and of those that are better.
EXPOSURE_MAX = 25
# ipe-health.service runs what the administrator says, as root.
EXPOSURE = {"ipe-health.service": 100, "ipectld.service": 15, "ipe-load.service": 22, "ipe-volume-check@.service": 20}
OPTIONS = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True,
           "env": {**os.environ, "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "cat", "LC_ALL": "C.UTF-8"}}


def unit_text(name, libexecdir="/usr/lib/ipe"):
    source = TOP / "units" / f"{name}.in"
    if source.exists():
        # As for a systemd before 253, which every one that we meet understands.
        values = {"bindir": libexecdir, "libexecdir": libexecdir, "notify_type": "notify", "reload": "ExecReload=+/usr/bin/true"}
        return re.sub("@([a-z_]+)@", lambda match: str(values[match[1]]), source.read_text())
    return (TOP / "units" / name).read_text()


def settings(name):
    """{key: [value, ...]} of a unit."""
    found = {}
    for key, value in re.findall(r"^([A-Za-z]+)=(.*)$", unit_text(name), re.M):
        found.setdefault(key, []).append(value)
    return found


@pytest.fixture(scope="module")
def unit_directory(tmp_path_factory):
    """Our units beside the system's, with programs that exist: what they do does not matter here."""
    directory = tmp_path_factory.mktemp("units")
    libexecdir = directory / "lib"
    libexecdir.mkdir()
    for program in ("ipectl", "ipectld", "ipe-health", "ipe-load", "ipe-inspect", "ipe-open", "ipe-volume-check"):
        (libexecdir / program).symlink_to("/usr/bin/true")
    for name in UNITS:
        (directory / name).write_text(unit_text(name, libexecdir))
    return directory


def test_systemd_finds_nothing_wrong(unit_directory):
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=one",
                             *(str(unit_directory / name) for name in UNITS)],
                            **{**OPTIONS, "env": {**OPTIONS["env"], "SYSTEMD_UNIT_PATH": f"{unit_directory}:"}})
    ours = [line for line in result.stdout.splitlines() if any(name in line for name in UNITS)]
    assert result.returncode == 0 and not ours, result.stdout


def test_every_unit_is_installed():
    text = (TOP / "units/meson.build").read_text()
    assert [name for name in UNITS if f"'{name}'" not in text] == []


@pytest.mark.parametrize("name", SERVICES)
def test_sandbox_is_tight(unit_directory, name):
    result = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE.get(name, EXPOSURE_MAX)}",
                             str(unit_directory / name)], **OPTIONS)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", ["ipe-confirm.service", "ipe-load.service", "ipe-policy-check.service", "ipe-volume-check@.service"])
def test_units_of_early_boot_stop_at_shutdown(name):
    """Without the default dependencies, a unit has to say so itself."""
    found = settings(name)
    assert found["DefaultDependencies"] == ["no"]
    assert "shutdown.target" in found["Conflicts"]
    assert any("shutdown.target" in value.split() for value in found["Before"])


def test_loading_cannot_stop_the_boot():
    """sysinit.target wants ipe-load.service and waits for it; nothing of the boot requires it."""
    found = settings("ipe-load.service")
    assert found["WantedBy"] == ["sysinit.target"]
    assert "RequiredBy" not in found and "OnFailure" not in found and "FailureAction" not in found
    assert "TimeoutStartSec" in found


def test_target_is_bound_to_the_check():
    """Requires= would be satisfied by a check that was skipped."""
    found = settings("ipe-policy.target")
    assert found["BindsTo"] == found["After"] == ["ipe-policy-check.service"]


def test_a_boot_is_checked_before_it_is_complete_and_confirmed_after():
    check, confirm = settings("ipe-boot-check.service"), settings("ipe-confirm.service")
    assert check["Before"] == check["RequiredBy"] == ["boot-complete.target"]
    assert confirm["Requires"] == ["boot-complete.target"] and "boot-complete.target" in confirm["After"][0].split()
    assert check["ExecCondition"] == confirm["ExecCondition"] == ["/usr/lib/ipe/ipe-load --trial"]
    assert {"ipe-load.service", "ipe-boot-check.service", "ipe-confirm.service"} == set(settings("ipectld.service")["Also"][0].split())


def test_bus_starts_the_unit_that_owns_the_name():
    text = (TOP / "dbus/org.ipe.Manager.service").read_text()
    assert re.search(r"^Name=(.*)$", text, re.M).group(1) == settings("ipectld.service")["BusName"][0]
    assert re.search(r"^SystemdService=(.*)$", text, re.M).group(1) == "ipectld.service"


def rules(context):
    tree = ElementTree.parse(TOP / "dbus/org.ipe.Manager.conf")
    policy, = [policy for policy in tree.iter("policy") if context.items() <= policy.attrib.items()]
    return [(rule.tag, dict(rule.attrib)) for rule in policy]


def test_only_the_daemons_user_and_root_own_the_name():
    owns = ("allow", {"own": "org.ipe.Manager"})
    assert [rule for rule in rules({"user": USER}) if "own" in rule[1]] == [owns] and owns in rules({"user": "root"})
    assert not [rule for rule in rules({"context": "default"}) if "own" in rule[1]]


def test_only_the_bus_and_the_service_manager_signal_the_daemon():
    found = [rule for rule in rules({"user": USER}) if rule[1].get("receive_type") == "signal"]
    assert found == [("deny", {"receive_type": "signal"}),
                     ("allow", {"receive_type": "signal", "receive_sender": "org.freedesktop.DBus"}),
                     ("allow", {"receive_type": "signal", "receive_sender": "org.freedesktop.systemd1"})]


def test_the_daemons_user_is_made_and_is_the_same_everywhere():
    assert re.search(rf'^u {USER} - "[^"]+" /var/lib/ipe$', (TOP / "units/ipe.sysusers.conf").read_text(), re.M)
    assert settings("ipectld.service")["User"] == settings("ipe-inspect.socket")["SocketUser"] == settings("ipe-open.socket")["SocketUser"] == [USER]
    assert f'subject.user == "{USER}"' in (TOP / "dbus/ipe.rules").read_text()


def test_the_daemon_comes_back_whatever_ended_it_and_goes_last_where_memory_is_short():
    found = settings("ipectld.service")
    assert found["Restart"] == ["always"] and found["StartLimitIntervalSec"] == ["0"]
    assert "MemoryMax" in found and int(found["OOMScoreAdjust"][0]) < 0


def test_what_parses_the_policies_of_others_has_no_capability():
    found = settings("ipectld.service")
    assert found["CapabilityBoundingSet"] == [""] and "AmbientCapabilities" not in found


def test_sockets_of_the_daemon_are_for_its_user_alone():
    for name in ("ipe-inspect.socket", "ipe-open.socket"):
        assert settings(name)["SocketMode"] == ["0600"]
        assert name in settings("ipectld.service")["Wants"][0].split()


def test_the_daemon_owns_the_actions():
    """polkit answers nobody else but root."""
    for action in ElementTree.parse(TOP / "dbus/org.ipe.manager.policy").iter("action"):
        owner, = action.findall("annotate")
        assert owner.get("key") == "org.freedesktop.policykit.owner" and owner.text == f"unix-user:{USER}"


def test_everybody_may_call_but_not_set_properties():
    others = rules({"context": "default"})
    assert all(rule["send_destination"] == "org.ipe.Manager" for _, rule in others)
    assert all("send_interface" in rule for tag, rule in others if tag == "allow")
    members = {rule.get("send_member") for _, rule in others
               if rule.get("send_interface") == "org.freedesktop.DBus.Properties"}
    assert members == {"Get", "GetAll"}


def test_nobody_but_root_hands_over_descriptors_that_no_call_takes():
    """The last rule that fits decides."""
    *_, deny, stage = rules({"context": "default"})
    assert deny == ("deny", {"send_destination": "org.ipe.Manager", "min_fds": "1"})
    assert stage == ("allow", {"send_destination": "org.ipe.Manager", "send_interface": "org.ipe.Manager", "send_member": "Stage",
                               "max_fds": "1"})


def actions():
    tree = ElementTree.parse(TOP / "dbus/org.ipe.manager.policy")
    return {action.get("id"): {child.tag: child.text for child in action.find("defaults")}
            for action in tree.iter("action")}


def test_polkit_policy_is_valid():
    subprocess.run(["xmllint", "--nonet", "--valid", "--noout", TOP / "dbus/org.ipe.manager.policy"], check=True)


def test_polkit_actions_are_the_documented_ones_and_the_daemons():
    documented = set(re.findall(r"org\.ipe\.manager\.[a-z-]+", (TOP / "man/org.ipe.Manager.5.xml").read_text()))
    used = {f"org.ipe.manager.{word}" for word in re.findall(r'ACTION\("([a-z-]+)"\)',
                                                             "".join(path.read_text() for path in
                                                                     (TOP / "src/ipectld/bus").glob("bus*.c")))}
    assert set(actions()) == documented == used


def test_everybody_but_root_authenticates_and_what_decides_is_not_kept():
    kept = {"inspect", "stage", "discard", "set-success-audit"}
    for name, action in actions().items():
        active = "auth_admin_keep" if name.removeprefix("org.ipe.manager.") in kept else "auth_admin"
        assert action == {"allow_any": "auth_admin", "allow_inactive": "auth_admin", "allow_active": active}, name


CATALOG = TOP / "catalog/ipe.catalog"
# What announce.c puts into every entry that is about a version.
OF_A_VERSION = {"IPE_POLICY", "IPE_VERSION", "IPE_DIGEST", "IPE_SIGNER", "IPE_SOURCE"}


def messages():
    """{name: id} of messages.h."""
    return dict(re.findall(r'^#define MESSAGE_(\w+) "([0-9a-f]{32})"$', (TOP / "src/basic/messages.h").read_text(),
                           re.M))


def entries():
    """{id: text} of the catalog."""
    parts = re.split(r"^-- ([0-9a-f]{32})$", CATALOG.read_text(), flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def test_catalog_explains_each_kind_of_entry_once():
    assert sorted(re.findall(r"^-- ([0-9a-f]+)$", CATALOG.read_text(), re.M)) == sorted(messages().values())


def test_ipectl_log_knows_each_kind_of_entry():
    text = (TOP / "src/ipectl/verb-log.c").read_text()
    known = re.findall(r'^ +\{ MESSAGE_(\w+), "[a-z-]+" \},$', text, re.M)
    assert sorted(known) == sorted(messages())


@pytest.fixture(scope="module")
def catalog_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("catalog")
    directory = root / "usr/lib/systemd/catalog"
    directory.mkdir(parents=True)
    (directory / CATALOG.name).write_text(CATALOG.read_text())
    result = subprocess.run(["journalctl", f"--root={root}", "--update-catalog"], **OPTIONS)
    assert result.returncode == 0 and not result.stdout, result.stdout
    return root


@pytest.mark.parametrize("name", messages())
def test_journalctl_reads_the_catalog(catalog_root, name):
    result = subprocess.run(["journalctl", f"--root={catalog_root}", "--dump-catalog", messages()[name]], **OPTIONS)
    assert result.returncode == 0
    for field in ("Subject", "Defined-By", "Documentation"):
        assert re.search(rf"^{field}: \S", result.stdout, re.M), result.stdout


@pytest.mark.parametrize("name", messages())
def test_catalog_says_what_to_do(name):
    text = entries()[messages()[name]]
    assert re.search(r"^    (ipectl|journalctl|systemctl) ", text, re.M), "no command to go on with"
    fields = set(re.findall(r"@(\w+)@", text))
    known = {"REJECTED": {"IPE_SOURCE", "IPE_ERROR"}, "STATE_DAMAGED": {"IPE_SOURCE"}, "ENFORCE": set(),
             "LOADED": OF_A_VERSION - {"IPE_SOURCE"}, "LOAD_FAILED": OF_A_VERSION - {"IPE_SOURCE"},
             "ACTIVATION_FAILED": OF_A_VERSION | {"IPE_ERROR"}, "NOT_HANDED_OVER": OF_A_VERSION | {"IPE_ERROR"},
             "TRIAL": OF_A_VERSION | {"IPE_TRIAL_SEC", "IPE_CONFIRM"}, "TRIAL_ENDED": OF_A_VERSION | {"IPE_REASON"},
             "SUPERSEDED": OF_A_VERSION | {"IPE_TRANSACTION"},
             "DENIALS_MISSED": {"IPE_COUNT"}, "DENIALS_BEFORE": {"IPE_COUNT"}, "LOG_LOST": {"IPE_COUNT"},
             "DENIED": {"IPE_POLICY", "IPE_VERSION", "IPE_OPERATION", "IPE_PATH", "IPE_RULE", "IPE_COUNT"},
             "VOLUME": {"IPE_VOLUME", "IPE_ROOT_HASH", "IPE_SIGNED", "IPE_VERDICT", "IPE_RULE"},
             "VOLUME_DENIED": {"IPE_VOLUME", "IPE_ROOT_HASH", "IPE_SIGNED", "IPE_VERDICT", "IPE_RULE"}}
    assert fields <= known.get(name, OF_A_VERSION)
