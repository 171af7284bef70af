# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small machine without a kernel of its own: the real ipectld on a private system bus.

Every process runs in a bwrap sandbox that has nothing of the host but /usr, so directories, bus, journal and polkit
are the test's own. There is no /sys: KernelAbi is "none" whatever the host has. What a kernel decides is proven in
virtual machines, by test/kernel and test/vm.

binds: further options of bwrap for every sandbox; the fixture kernel_files puts plain files where a kernel would be.
fds: {name: descriptor} of what systemd would hand over to ipectld.

The sandboxes share the host's process IDs, because polkit looks up who calls; the test is one of the callers.
"""

import contextlib
import grp
import hashlib
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from gi.repository import GLib

import keys
from connection import DEADLINE_SEC, NAME, PATH, POLKIT, POLKIT_PATH, Connection
from programs import BUILD, DAEMON, IPECTL, TOP
from stand_ins import Inspector, Journal, Opener

# Runs a program with descriptors as systemd hands them over: from 3 on. Those that are given are above.
HAND_OVER = """
to=3
while [[ $1 != -- ]]; do eval "exec $to<&$1 $1<&-"; ((++to)); shift; done
shift
export LISTEN_PID=$$
exec "$@"
"""

NOBODY = 65534
USER = "ipe"
CALLER = "/caller.py"


def sealed_state(state):
    """The text of state.json with its check, as src/libipe/store-seal.c makes it."""
    head = json.dumps({key: value for key, value in state.items() if key != "check"}, indent=2)[:-2] + ",\n"
    return f'{head}  "check": "{hashlib.sha256(head.encode()).hexdigest()}"\n}}\n'


def find_free_id():
    """An ID for a system user that the host does not have."""
    taken = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    return next(number for number in range(999, 100, -1) if number not in taken)


def policy_text(name="corp-base", version="1.0.0", body="DEFAULT action=ALLOW\n"):
    return f"policy_name={name} policy_version={version}\n{body}"


def signed(name="corp-base", version="1.0.0", key="test", **options):
    """A signed policy as bytes."""
    return keys.sign_policy(policy_text(name, version, **options), key=key)


def memfd(data):
    """A descriptor from which data can be read."""
    fd = os.memfd_create("policy")
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def object_path(name, version):
    """The path of a version's object, escaped as sd_bus_path_encode_many(3) does."""
    def escape(text):
        plain = "".join(c if c.isalnum() and c.isascii() else "".join(f"_{b:02x}" for b in c.encode()) for c in text)
        return f"_{ord(plain[0]):02x}{plain[1:]}" if plain[:1].isdigit() else plain
    return f"/org/ipe/policy/{escape(name)}/{escape(version)}"


def this_boot():
    """The ID of this boot, as systemd writes it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")


def boottime_usec(after_sec=0):
    """So many seconds from now, as deadlines in state.json count them."""
    return int((time.clock_gettime(time.CLOCK_BOOTTIME) + after_sec) * 1e6)


class Process:
    """A program in the sandbox. pid: its own, not that of bwrap."""

    def __init__(self, machine, command, environment=(), sandbox=(), fds=(), **options):
        info, theirs = os.pipe()
        self.bwrap = subprocess.Popen(machine.sandbox(command, environment, [*sandbox, "--info-fd", theirs]), pass_fds=[theirs, *fds],
                                      stdin=subprocess.DEVNULL, **options)
        os.close(theirs)
        with os.fdopen(info) as file:
            self.pid = json.load(file)["child-pid"]

    def ended(self):
        return self.bwrap.poll() is not None

    def wait(self):
        return self.bwrap.wait(timeout=DEADLINE_SEC)

    def send(self, number):
        os.kill(self.pid, number)

    def stop(self, number=signal.SIGTERM):
        """Ends it if it runs; returns its exit status as of a shell."""
        if not self.ended():
            # It may be gone before bwrap is.
            with contextlib.suppress(ProcessLookupError):
                self.send(number)
        return self.wait()


class Machine:
    def __init__(self):
        # Not below pytest's directory: the path of a socket is short, and other users must be able to pass.
        self.directory = Path(tempfile.mkdtemp(prefix="ipe-bus-"))
        self.directory.chmod(0o755)
        for name in ("etc/policy.d", "etc/trust.d", "run/dbus", "run/ipe/policy.d", "run/ipectld", "state", "rules.d"):
            (self.directory / name).mkdir(parents=True)
        self.uid = find_free_id()
        self.add_user()
        self.etc = self.directory / "etc"
        self.run_directory = self.directory / "run"
        self.state = self.directory / "state"
        for directory in (self.state, self.run_directory / "ipectld"):
            directory.chmod(0o700)
        self.give_state()
        self.rules = self.directory / "rules.d"
        self.address = f"unix:path={self.run_directory}/dbus/system_bus_socket"
        self.journal = Journal(self.run_directory / "systemd/journal/socket")
        self.log = self.directory / "ipectld.log"
        self.inspector = Inspector(self.run_directory / "ipe/inspect", self.uid)
        self.opener = Opener(self, self.run_directory / "ipe/open")
        self.notify_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify_socket.bind(str(self.run_directory / "notify"))
        (self.run_directory / "notify").chmod(0o666)
        self.notify_socket.settimeout(DEADLINE_SEC)
        self.processes = []
        self.daemon = None
        self.connection = None
        self.binds = []
        self.fds = {}
        self.trust("test")
        self.start_bus()

    def add_user(self):
        """The lists of users and groups in the sandbox are the host's and this one's."""
        passwd = [line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith(f"{USER}:")]
        group = [line for line in Path("/etc/group").read_text().splitlines() if not line.startswith(f"{USER}:")]
        passwd.append(f"{USER}:x:{self.uid}:{self.uid}::/var/lib/ipe:/usr/sbin/nologin")
        group.append(f"{USER}:x:{self.uid}:")
        (self.directory / "passwd").write_text("\n".join([*passwd, ""]))
        (self.directory / "group").write_text("\n".join([*group, ""]))

    def give_state(self):
        """Makes the user the owner of the state, as StateDirectory= does, and of the directory in /run, as RuntimeDirectory= does."""
        for path in (self.run_directory / "ipectld", self.state, *self.state.rglob("*")):
            os.chown(path, self.uid, self.uid, follow_symlinks=False)

    def sandbox(self, command, environment=(), options=()):
        """The words that run a command in a sandbox; options: further ones of bwrap."""
        words = ["bwrap", "--unshare-net", "--unshare-ipc", "--die-with-parent", "--cap-add", "ALL", "--clearenv",
                 "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin",
                 "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc",
                 "--dev", "/dev", "--tmpfs", "/tmp"]
        # Directories that bwrap makes by itself are closed to other users.
        for path in ("/etc", "/etc/dbus-1", "/etc/dbus-1/system.d", "/etc/polkit-1", "/var", "/var/lib", *list(BUILD.parents)[-2::-1]):
            words += ["--perms", "0755", "--dir", path]
        words += ["--symlink", "../run", "/var/run"]
        for name in ("passwd", "group"):
            words += ["--ro-bind", self.directory / name, f"/etc/{name}"]
        for name in ("nsswitch.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"):
            words += ["--ro-bind", f"/etc/{name}", f"/etc/{name}"]
        words += ["--ro-bind", TOP / "dbus/org.ipe.Manager.conf", "/etc/dbus-1/system.d/org.ipe.Manager.conf",
                  "--tmpfs", "/usr/share/polkit-1/actions",
                  "--ro-bind", TOP / "dbus/org.ipe.manager.policy",
                  "/usr/share/polkit-1/actions/org.ipe.manager.policy",
                  "--ro-bind", self.rules, "/etc/polkit-1/rules.d",
                  "--ro-bind", BUILD, BUILD, "--ro-bind", TOP / "test/bus/caller.py", CALLER,
                  "--bind", self.etc, "/etc/ipe", "--bind", self.run_directory, "/run",
                  "--bind", self.state, "/var/lib/ipe", "--chdir", "/"]
        for name, value in {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", **dict(environment)}.items():
            words += ["--setenv", name, value]
        return [*map(str, [*words, *self.binds, *options, "--", *command])]

    def start(self, command, environment=(), **options):
        """Starts a program; options: sandbox, further options of bwrap, and those of Popen()."""
        process = Process(self, command, environment, **options)
        self.processes.append(process)
        return process

    def run(self, *command, uid=None, check=True, **options):
        """Runs a command to its end, as root or another user; returns the completed process with text."""
        if uid is not None:
            command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *command]
        completed = subprocess.run(self.sandbox(command), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                   timeout=DEADLINE_SEC, **options)
        if check:
            assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed

    def wait_for(self, condition, what):
        """Handles messages from the bus until condition() is true; returns its value."""
        deadline = time.monotonic() + DEADLINE_SEC
        while True:
            while GLib.MainContext.default().iteration(False):
                pass
            value = condition()
            if value:
                return value
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.005)

    def start_bus(self):
        """The distribution's own dbus-daemon, with its configuration and ours."""
        self.bus = self.start(["dbus-daemon", "--nofork", "--nopidfile", "--nosyslog",
                               "--config-file=/usr/share/dbus-1/system.conf"], stderr=subprocess.DEVNULL)
        path = self.run_directory / "dbus/system_bus_socket"
        self.wait_for(path.exists, "the bus")
        self.wait_for(self.connect, "the bus to listen")

    def connect(self):
        try:
            self.connection = Connection(self.address)
        except GLib.Error:
            return False
        return True

    def has_owner(self, name):
        return self.connection.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                                    GLib.Variant("(s)", (name,)), name="org.freedesktop.DBus")[0]

    def trust(self, key, name=None):
        """Puts a test key into trust.d."""
        certificate = (keys.directory() / f"{key}.crt").read_bytes()
        (self.etc / f"trust.d/{name or key}.pem").write_bytes(certificate)

    def drop(self, data, name="corp-base.p7b", directory=None):
        """Puts a file into policy.d as one should: complete, by a rename."""
        directory = directory or self.etc / "policy.d"
        (directory / ".new").write_bytes(data)
        (directory / ".new").rename(directory / name)

    # ipectld

    def launch_daemon(self, environment=(), **options):
        """Starts ipectld as the user of its unit, without any capability; does not wait for it."""
        handed = {"LISTEN_FDS": str(len(self.fds)), "LISTEN_FDNAMES": ":".join(self.fds)} if self.fds else {}
        with open(self.log, "ab") as log:
            return self.start(["bash", "-c", HAND_OVER, "bash", *map(str, self.fds.values()), "--",
                               "setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--bounding-set=-all",
                               "--inh-caps=-all", "--no-new-privs", DAEMON],
                              {"NOTIFY_SOCKET": "/run/notify", "SYSTEMD_LOG_LEVEL": "debug", **handed, **dict(environment)},
                              stdout=log, stderr=log, fds=self.fds.values(), **options)

    def start_daemon(self, **options):
        # A daemon that was killed may have said that it is ready.
        self.forget_notifications()
        self.daemon = self.launch_daemon(**options)
        self.wait_notify("READY=1")
        self.subscribe()
        return self.daemon

    def subscribe(self):
        """Only subscribers see denials and refused policies."""
        return self.call("Subscribe", GLib.Variant("(a{sv})", ({},)))[0]

    def forget_notifications(self):
        while select.select([self.notify_socket], [], [], 0)[0]:
            self.notify_socket.recv(4096)

    def wait_notify(self, word):
        while word not in self.notify_socket.recv(4096).decode().splitlines():
            pass

    def stop_daemon(self):
        status = self.daemon.stop()
        assert status == 0, self.log.read_text()
        self.daemon = None

    @contextlib.contextmanager
    def frozen_daemon(self):
        """The kernel changes several files at once, a test one by one: the daemon sees none of the writes in this block before the last."""
        self.daemon.send(signal.SIGSTOP)
        yield
        self.daemon.send(signal.SIGCONT)

    def wait_idle(self):
        """Waits until ipectld sleeps: then it has also done the work that it puts off until its bus is idle."""
        stat = Path(f"/proc/{self.daemon.pid}/stat")
        self.wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "ipectld to sleep")

    def kill_daemon(self):
        self.daemon.stop(signal.SIGKILL)
        self.daemon = None

    def configure(self, *settings):
        """Writes the lines of the section [Manager] of ipectld.conf."""
        (self.etc / "ipectld.conf").write_text("\n".join(["[Manager]", *settings, ""]))

    def fail_disk(self):
        """Makes writes to the state fail: the daemon has no capability that overrides permissions."""
        self.state.chmod(0o500)

    def mend_disk(self):
        self.state.chmod(0o700)

    def read_state(self):
        return json.loads((self.state / "state.json").read_text())

    def states_on_disk(self):
        """{version: state}, as state.json has it."""
        return {record["version"]: record["state"] for record in self.read_state()["versions"]}

    def change_state(self, change):
        """Lets change() alter the dictionary of state.json; a daemon that runs is stopped for that, and started again."""
        was_running = self.daemon
        if was_running:
            self.stop_daemon()
        state = self.read_state()
        change(state)
        self.write_state(state)
        if was_running:
            self.start_daemon()

    def set_states(self, states):
        """states: {version: state}, of those that change; see change_state()."""
        self.change_state(lambda state: [record.update(state=states[record["version"]]) for record in state["versions"]
                                         if record["version"] in states])

    def write_state(self, state):
        """Replaces state.json and its predecessor; the daemon must not run."""
        for name in ("state.json", "state.json.old"):
            (self.state / name).write_text(sealed_state(state))

    def call(self, method, arguments=None, fds=()):
        """A method of the manager."""
        return self.connection.call(PATH, NAME, method, arguments, fds)

    def stage(self, data, options=None):
        """Stages a signed policy; returns its object's path."""
        return self.call("Stage", GLib.Variant("(ha{sv})", (0, options or {})), [memfd(data)])[0]

    def list(self):
        """ListPolicies() as a dictionary from (name, version) to (state, digest, active, path)."""
        return {row[:2]: row[2:] for row in self.call("ListPolicies")[0]}

    def states(self, name="corp-base"):
        """{version: state}, as the daemon lists it."""
        return {version: row[0] for (found, version), row in self.list().items() if found == name}

    def get(self, name, version=""):
        return self.call("GetPolicy", GLib.Variant("(ss)", (name, version)))[0]

    def open_text(self, name, version=""):
        """A descriptor of the text of a policy."""
        return self.connection.call_for_descriptor("OpenPolicy", GLib.Variant("(ss)", (name, version)))

    def text(self, name, version=""):
        with os.fdopen(self.open_text(name, version), "rb") as file:
            return file.read()

    def properties(self, path=PATH, interface=NAME):
        return self.connection.call(path, "org.freedesktop.DBus.Properties", "GetAll",
                                    GLib.Variant("(s)", (interface,)))[0]

    def signals(self, member):
        """The arguments of all signals of that name so far."""
        return [arguments for _, name, arguments in self.connection.signals if name == member]

    def wait_signal(self, member, condition=lambda arguments: True):
        return self.wait_for(lambda: [found for found in self.signals(member) if condition(found)], member)[0]

    def entries(self, **fields):
        """Journal entries that have these fields."""
        return [entry for entry in self.journal.read()
                if all(entry.get(key) == value for key, value in fields.items())]

    # polkit

    def start_mock_polkit(self):
        """Starts python3-dbusmock's, which allows nothing until allow() is called."""
        uid = self.run("id", "-u", "polkitd").stdout.strip()
        with open(self.directory / "polkit.log", "ab") as log:
            process = self.start(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "python3", "-m",
                                  "dbusmock", "--system", "--template", "polkitd"], stdout=log, stderr=log)
        self.wait_for(lambda: self.has_owner(POLKIT), "the mock of polkit")
        return process

    def mock(self, method, arguments=None):
        return self.connection.call(POLKIT_PATH, "org.freedesktop.DBus.Mock", method, arguments, name=POLKIT)

    def allow(self, *actions):
        self.mock("SetAllowed", GLib.Variant("(as)", (actions,)))

    def start_polkit(self):
        """Starts the real one; self.rules has its rules."""
        with open(self.directory / "polkit.log", "ab") as log:
            process = self.start(["/usr/lib/polkit-1/polkitd", "--no-debug"], stdout=log, stderr=log)
        self.wait_for(lambda: self.has_owner(POLKIT), "polkitd")
        return process

    def call_as(self, uid, *words):
        """Calls a method as another user, see caller.py."""
        return self.run(CALLER, *words, uid=uid, check=False)

    def ipectl(self, *words, status=0, uid=None):
        """Runs ipectl; returns the completed process."""
        completed = self.run(IPECTL, *words, uid=uid, check=False)
        assert completed.returncode == status, completed.stdout + completed.stderr
        assert "Sanitizer" not in completed.stderr
        return completed

    def close(self):
        """Ends everything. The daemon has to end well."""
        try:
            if self.daemon:
                self.stop_daemon()
            if self.log_text():
                assert "Sanitizer" not in self.log_text() and "runtime error" not in self.log_text(), self.log_text()
        finally:
            self.connection.close()
            for process in reversed(self.processes):
                process.stop(signal.SIGKILL)
            for fd in self.fds.values():
                os.close(fd)
            self.journal.close()
            self.inspector.close()
            self.opener.close()
            self.notify_socket.close()
            shutil.rmtree(self.directory)

    def log_text(self):
        path = self.directory / "ipectld.log"
        return path.read_text() if path.exists() else ""
