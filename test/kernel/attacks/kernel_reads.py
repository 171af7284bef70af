# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that the kernel reads, and programs that it starts."""

from attacks.rules import BOOT, DENY

TRIGGER = "/sys/devices/virtual/misc/test_firmware"
FIRMWARE_PATH = "/sys/module/firmware_class/parameters/path"
PROBE = "/sys/module/ipe_probe/parameters/request"


def module_outcome(a, result):
    if "test_module " not in a.must("get", "/proc/modules").text:
        assert result != "OK"
        return result
    a.must("rmmod", "test_module")
    return "loaded"


def kernel_module_from_buffer(a):
    a.world.activate(DENY + "op=KMODULE boot_verified=TRUE action=ALLOW\n")
    return module_outcome(a, a.call("insmod-data", "/test_module.ko"))


def load_probe(a):
    a.world.activate("DEFAULT action=ALLOW\n")
    if a.errno("mode", PROBE) != "OK":
        a.must("insmod", "/ipe_probe.ko")


def restricted(a):
    """Each operation that the language has a word for is restricted, and there is no global DEFAULT."""
    load_probe(a)
    operations = "EXECUTE FIRMWARE KMODULE KEXEC_IMAGE KEXEC_INITRAMFS POLICY X509_CERT".split()
    a.world.activate("".join(f"DEFAULT op={op} action=DENY\n" for op in operations))


def kernel_unknown_file(a):
    restricted(a)
    return a.call("put", PROBE, "read unknown /tmp/hello")


def kernel_unknown_data(a):
    restricted(a)
    return a.call("put", PROBE, "load unknown")


def kernel_firmware_written_meanwhile(a):
    a.must("put", FIRMWARE_PATH, "/lib/firmware")
    a.world.activate(DENY + "op=FIRMWARE boot_verified=TRUE action=ALLOW\n")
    results = []
    assert a.while_reading("/lib/firmware/victim", ("put", f"{TRIGGER}/trigger_request", "victim"),
                           lambda: results.append(a.call("patch", "/lib/firmware/victim", 0, "evil"))) == "OK"
    assert a.must("get", "/dev/test_firmware").text.startswith("good")
    return results[0]


def register(a, name, flags):
    """An interpreter that nobody has verified, for files that begin with "magic"."""
    if a.errno("mode", "/binfmt/register") != "OK":
        a.must("mount", "binfmt_misc", "/binfmt", "binfmt_misc", "rw")
    a.must("create", "/tmp/evil", a.evil_program())
    a.world.activate("DEFAULT action=ALLOW\n")
    a.must("put", "/binfmt/register", f":{name}:M::magic::/tmp/evil:{flags}")
    assert a.call("exec", "/bin/data.magic") == "exit 66"


def interpreted(a, name, flags):
    register(a, name, flags)
    a.world.activate(BOOT)
    result = a.call("exec", "/bin/data.magic")
    a.must("put", f"/binfmt/{name}", "-1")
    return result


def binfmt_misc_opened_before(a):
    return interpreted(a, "before", "F")


def binfmt_misc(a):
    return interpreted(a, "plain", "")


def script_interpreter(a):
    a.must("create", "/tmp/hello", a.evil_program())
    a.world.activate(BOOT)
    return a.call("exec", "/bin/script-of-tmpfs")
