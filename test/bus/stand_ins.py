# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stand-ins for what systemd gives a machine: the socket of journald, and the sockets that start ipe-inspect and ipe-open."""

import contextlib
import os
import select
import socket
import struct
import subprocess
import threading

from connection import DEADLINE_SEC
from programs import INSPECT, OPEN


class Journal:
    """The socket of journald. A thread reads it, because entries are lost where nobody reads."""

    def __init__(self, path):
        path.parent.mkdir(parents=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o666)
        self.entries = []
        self.lock = threading.Lock()
        self.stop, self.stopped = os.pipe()
        self.resume()

    def pause(self):
        """From here on only read() reads."""
        os.write(self.stopped, b"x")
        self.thread.join()
        os.read(self.stop, 1)

    def resume(self):
        self.thread = threading.Thread(target=self.read_until_stopped)
        self.thread.start()

    def read_until_stopped(self):
        while self.stop not in select.select([self.socket, self.stop], [], [])[0]:
            self.read()

    @staticmethod
    def parse(data):
        entry = {}
        while data:
            line, _, rest = data.partition(b"\n")
            key, equals, value = line.partition(b"=")
            if not equals:
                size = struct.unpack("<Q", rest[:8])[0]
                value, rest = rest[8:8 + size], rest[9 + size:]
            entry[key.decode()] = value.decode()
            data = rest
        return entry

    def read(self):
        """All entries so far, as dictionaries."""
        with self.lock:
            while True:
                try:
                    self.entries.append(self.parse(self.socket.recv(1 << 20, socket.MSG_DONTWAIT)))
                except BlockingIOError:
                    return list(self.entries)

    def close(self):
        os.close(self.stopped)
        self.thread.join()
        os.close(self.stop)
        self.socket.close()


class Listener:
    """A socket of systemd's: a thread calls serve() with each connection, which it owns."""

    def __init__(self, path, uid, kind, backlog):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, kind)
        self.socket.bind(str(path))
        path.chmod(0o600)
        os.chown(path, uid, uid)
        self.socket.listen(backlog)
        self.stop, self.stopped = os.pipe()
        self.thread = threading.Thread(target=self.accept_until_stopped)
        self.thread.start()

    def accept_until_stopped(self):
        while self.stop not in select.select([self.socket, self.stop], [], [])[0]:
            connection, _ = self.socket.accept()
            with connection:
                self.serve(connection)

    def close(self):
        os.write(self.stopped, b"x")
        self.thread.join()
        self.socket.close()
        os.close(self.stop)
        os.close(self.stopped)


class Inspector(Listener):
    """ipe-inspect.socket: starts the real ipe-inspect for each connection.

    answer: what is sent in place of it, if a test sets it; b"" closes the connection, None starts ipe-inspect.
    gate: while a test has it cleared, nobody is answered."""

    def __init__(self, path, uid):
        self.answer = None
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(path, uid, socket.SOCK_STREAM, 64)

    def serve(self, connection):
        self.calls += 1
        self.gate.wait()
        if self.answer is None:
            subprocess.run([INSPECT], stdin=connection, stdout=connection, stderr=subprocess.DEVNULL, check=False)
            return
        # Bytes that are left unread would make an error of the end.
        while connection.recv(1 << 16):
            pass
        with contextlib.suppress(OSError):
            connection.sendall(self.answer)

    def close(self):
        self.gate.set()
        super().close()


class Opener(Listener):
    """ipe-open.socket: starts the real ipe-open for each connection, as its unit does. refuse: it cannot be started."""

    def __init__(self, machine, path):
        self.machine = machine
        self.refuse = False
        self.processes = []
        super().__init__(path, machine.uid, socket.SOCK_SEQPACKET, 16)

    def serve(self, connection):
        if self.refuse:
            return
        with open(self.machine.log, "ab") as log:
            self.processes.append(subprocess.Popen(self.machine.sandbox(
                ["setpriv", "--bounding-set=-all,+mac_admin", "--inh-caps=-all", "--no-new-privs", OPEN]),
                stdin=connection, stdout=subprocess.DEVNULL, stderr=log))

    def kill(self):
        """Ends all that run."""
        while self.processes:
            process = self.processes.pop()
            process.kill()
            process.wait(timeout=DEADLINE_SEC)

    def close(self):
        super().close()
        self.kill()
