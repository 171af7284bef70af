#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls a method of ipectld as whoever runs it: caller.py METHOD ARGUMENTS [FILE | --open FILE].

ARGUMENTS are a tuple in GVariant's text format; descriptor 0 is memory with what FILE has, or with --open the file itself. Prints the result, or
"NAME: SENTENCE" of an error on standard error, with exit status 1.
"""

import os
import sys
from pathlib import Path

from gi.repository import Gio, GLib

MANAGER = "org.ipe.Manager"


def in_memory(file):
    fd = os.memfd_create("policy")
    os.write(fd, Path(file).read_bytes())
    return fd


def main(method, arguments, *words):
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
    opened = [os.open(words[1], os.O_RDONLY)] if words[:1] == ("--open",) else [in_memory(file) for file in words]
    fds = Gio.UnixFDList.new_from_array(opened)
    try:
        reply, _ = bus.call_with_unix_fd_list_sync(MANAGER, "/org/ipe/Manager", MANAGER, method,
                                                   GLib.Variant.parse(None, arguments, None, None), None,
                                                   Gio.DBusCallFlags.NO_AUTO_START, 50000, fds, None)
    except GLib.Error as error:
        name = Gio.DBusError.get_remote_error(error)
        print(f"{name}: {error.message.removeprefix(f'GDBus.Error:{name}: ')}", file=sys.stderr)
        return 1
    print(reply.print_(False))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
