# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our LSM and upstream's, asked the same: the distribution's stock kernel is what upstream is.

Policies are written to new_policy of both, and must be answered with the same errno; random policies are made
active on both, and the same files must get the same verdicts. Where the two differ on purpose, the case stands by
its name in a table here with both answers.
"""

import os
import random
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import keys
import messages
import pytest
import uml
from guest import TOP
from qemu_agent import QemuAgent
from world import World, places

LONG = bool(os.environ.get("IPE_TEST_LONG"))
SEED = 612
GENERATED = 3000 if LONG else 200
ACTIVATED = 1000 if LONG else 100
OPERATIONS = "EXECUTE FIRMWARE KMODULE KEXEC_IMAGE KEXEC_INITRAMFS POLICY X509_CERT".split()
BOOLEANS = ("boot_verified", "dmverity_signature", "fsverity_signature")
DIGESTS = ("dmverity_roothash", "fsverity_digest")


# Policies that are written to both

TABLE_PROGRAM = r"""
#include <stdio.h>
#include "tests/cases.h"

static void put(const char *data, size_t n)
{
        for (; n > 0; n--)
                printf("%02x", (unsigned char)*data++);
}

int main(void)
{
        for (size_t i = 0; i < sizeof(ipe_policy_cases) / sizeof(*ipe_policy_cases); i++) {
                put(ipe_policy_cases[i].description, strlen(ipe_policy_cases[i].description));
                printf(" %d ", ipe_policy_cases[i].differs);
                put(ipe_policy_cases[i].text, ipe_policy_cases[i].len);
                printf("\n");
        }
        return 0;
}
"""


def shared_table(directory):
    """The table that KUnit and the unit tests go through: {description: (text, whether upstream differs)}."""
    subprocess.run(["gcc", "-I", TOP / "src/policy", "-o", directory / "table", "-x", "c", "-"],
                   input=TABLE_PROGRAM.encode(), check=True)
    output = subprocess.run([directory / "table"], check=True, capture_output=True, text=True).stdout
    table = {}
    for line in output.splitlines():
        description, differs, text = line.split(" ")
        description = bytes.fromhex(description).decode()
        assert description not in table
        table[description] = (bytes.fromhex(text), differs == "1")
    return table


# Cases of the table to which upstream's answer is another one: its answer, ours.
ADDITIONS = {
    "a floor": ("EBADMSG", "OK"),
    "the version as floor": ("EBADMSG", "OK"),
    "a floor that is no number": ("EBADMSG", "EINVAL"),
    "a floor out of range": ("EBADMSG", "ERANGE"),
    "policy_unsigned": ("EBADMSG", "OK"),
    "policy_unsigned behind the floor": ("EBADMSG", "OK"),
    "policy_unsigned before the floor": ("EBADMSG", "OK"),
    "policy_unsigned before a comment": ("EBADMSG", "OK"),
    "the root of the command line": ("EBADMSG", "OK"),
}
STRICTER = {
    "lines end in CR": ("OK", "EBADMSG"),
    "a CR within a comment": ("OK", "EBADMSG"),
    "a CR ends the text": ("OK", "EBADMSG"),
    "CR CR LF": ("OK", "EBADMSG"),
    "a NUL ends the text": ("OK", "EBADMSG"),
    "a NUL within a comment": ("OK", "EBADMSG"),
    "a NUL hides a mistake": ("OK", "EBADMSG"),
    "a NUL is found before the mistakes of its line": ("EINVAL", "EBADMSG"),
}

SOUND = b"policy_name=sound policy_version=1.2.3\nDEFAULT action=ALLOW\n"


def envelopes(directory):
    """Envelopes that are wrong in some way, {name: (bytes, errno of both, or None)}."""
    (directory / "messages").mkdir()
    whole = keys.sign_policy(SOUND)
    return {
        "as it should be": (whole, "OK"),
        "with certificates left out": (keys.sign_policy(SOUND, options=("-noattr", "-nodetach", "-nosmimecap",
                                                                        "-nocerts")), "OK"),
        "nothing": (b"", "EBADMSG"),
        "text": (SOUND, "EBADMSG"),
        "cut by a byte": (whole[:-1], "EBADMSG"),
        "cut in the middle": (whole[:len(whole) // 2], "EBADMSG"),
        "of another key": (keys.sign_policy(SOUND, key="other"), "ENOKEY"),
        "with another text": (whole.replace(b"ALLOW", b"DENY_"), "EKEYREJECTED"),
        # It decrypts to noise; which error is found first there depends on the key.
        "with another signature": (whole[:-1] + bytes([whole[-1] ^ 1]), None),
        "with attributes of S/MIME": (keys.sign_policy(SOUND, options=("-nodetach",)), "EKEYREJECTED"),
        "without the text": (keys.sign_policy(SOUND, options=("-noattr", "-nosmimecap")), "EKEYREJECTED"),
        "of no text": (keys.sign_policy(b""), "EBADMSG"),
        "longer than the decoder takes": (keys.sign_policy(SOUND + b"# " + b"x" * 66000 + b"\n"), "EMSGSIZE"),
        **messages.make(directory / "messages", SOUND),
    }


def long_names():
    """Names that a directory cannot have, or just can, {name: (text, errno of both)}."""
    def policy(name):
        return b"policy_name=" + name + b" policy_version=1.2.3\nDEFAULT action=ALLOW\n"

    return {"of 255 bytes": (policy(b"n" * 255), "OK"), "of 256 bytes": (policy(b"n" * 256), "ENAMETOOLONG"),
            "with a slash": (policy(b"a/b"), "EACCES"), "a dot": (policy(b"."), "EACCES"),
            "two dots": (policy(b".."), "EACCES"), "three dots": (policy(b"..."), "OK")}


class Author:
    """Writes random policies; the same ones for the same seed."""

    def __init__(self, seed, digests):
        """digests: {property: values that files have}, in hex."""
        self.random = random.Random(seed)
        self.digests = digests

    def condition(self):
        choose = self.random.choice
        if self.random.random() < 0.65:
            return f"{choose(BOOLEANS)}={choose(('TRUE', 'FALSE'))}"
        name = choose(DIGESTS)
        value = choose(self.digests[name if self.random.random() < 0.9 else choose(DIGESTS)])
        value = choose((value, value, value, value.upper(), value[:-2], value[:-1] + "0"))
        return f"{name}={choose(('sha256', 'sha256', 'sha256', 'sha256', 'sha512', 'SHA256'))}:{value}"

    def rule(self):
        op = self.random.choice(OPERATIONS + ["EXECUTE", "KMODULE"] * 4)
        conditions = [self.condition() for _ in range(self.random.choice((0, 1, 1, 1, 1, 2, 2, 3)))]
        return " ".join([f"op={op}", *conditions, f"action={self.random.choice(('ALLOW', 'DENY'))}"])

    def defaults(self):
        action = [f"action={self.random.choice(('ALLOW', 'DENY'))}" for _ in range(len(OPERATIONS) + 1)]
        some = [f"DEFAULT op={op} {action[at]}" for at, op in enumerate(OPERATIONS) if self.random.random() < 0.4]
        if self.random.random() < 0.8:
            return [f"DEFAULT {action[-1]}", *some]
        return [f"DEFAULT op={op} {action[at]}" for at, op in enumerate(OPERATIONS)]

    def policy(self, name, version):
        """A policy without a mistake."""
        lines = [*self.defaults(), *(self.rule() for _ in range(self.random.randint(1, 12)))]
        self.random.shuffle(lines)
        return "\n".join([f"policy_name={name} policy_version={version}", *lines]) + "\n"

    def mistake(self, text):
        """The text with a change in one of its tokens or bytes; it may still be right."""
        lines = [line.split(" ") for line in text.splitlines()]
        line = self.random.choice(lines[:1] + lines)
        at = self.random.randrange(len(line))
        token = line[at]
        cut = self.random.randrange(len(token) + 1)
        other = self.random.choice(self.random.choice(lines))
        what = self.random.choice((0, 1, 2, 3, 4, 4, 5, 5, 5, 5, 5, 6, 7, 8, 9))
        if what == 0:
            del line[at]
        elif what == 1:
            line.insert(at, other)
        elif what == 2:
            line[at] = other
        elif what == 3:
            line[at] = "".join(c.swapcase() if c.isascii() else c for c in token)
        elif what == 4:
            line[at] = token[:cut]
        elif what == 5:
            line[at] = token[:cut] + self.random.choice(" \t\v\f#=:.+-09afgxAFGX\u00a0\u0085\u00ff\x01\x7f") + token[cut:]
        elif what == 6:
            line[at] = token.replace("=", self.random.choice(("", "==", " = ", ":")))
        elif what == 7:
            line.append(other)
        elif what == 8:
            lines.insert(self.random.randrange(len(lines) + 1), self.random.choice(lines))
        else:
            lines.remove(line)
        end = self.random.choice(("\n", "\n", "\n", "\r\n", "\n\n"))
        return end.join(" ".join(line) for line in lines) + self.random.choice(("", end))


def written_policies(directory, digests):
    """All that is written to both kernels: {name: (envelope, errno of upstream, errno of ours)}; None: the same."""
    author = Author(SEED, digests)
    texts, expected = {}, {}
    for description, (text, differs) in shared_table(directory).items():
        answers = {**ADDITIONS, **STRICTER}.get(description)
        assert differs == (answers is not None), description
        texts[f"table: {description}"] = text
        expected[f"table: {description}"] = answers
    for description, (text, answer) in long_names().items():
        texts[f"a name {description}"] = text
        expected[f"a name {description}"] = (answer, answer)
    for number in range(GENERATED):
        text = author.policy("generated", f"0.0.{number}")
        for _ in range(number % 4):
            text = author.mistake(text)
        texts[f"generated {number}: {text!r}"] = text.encode("latin-1")
        expected[f"generated {number}: {text!r}"] = None
    with ThreadPoolExecutor() as pool:
        signed = dict(zip(texts, pool.map(keys.sign_policy, texts.values())))
    for description, (envelope, answer) in envelopes(directory).items():
        signed[f"an envelope {description}"] = envelope
        expected[f"an envelope {description}"] = answer and (answer, answer)
    behind = "bytes behind the signature"
    signed[behind], expected[behind] = keys.sign_policy(SOUND) + b"\0", ("OK", "EBADMSG")
    return {name: (signed[name], expected[name]) for name in signed}


# Two kernels with the same places


class Pair:
    def __init__(self, kit, directory):
        facts = {name: place.facts for name, place in places(kit).items()}
        digests = {name: sorted({fact[name] for fact in facts.values() if name in fact}) for name in DIGESTS}
        digests["dmverity_roothash"].append(kit.reloaded.root_hash)
        self.written = written_policies(directory, digests)
        author = Author(SEED + 1, digests)
        self.random = [author.policy(f"r{number}", f"0.{number >> 8}.{number & 255}") for number in range(ACTIVATED)]
        with ThreadPoolExecutor() as pool:
            signed = list(pool.map(keys.sign_policy, self.random))
        files = {f"written/{number}": envelope for number, (envelope, _) in enumerate(self.written.values())}
        files |= {f"random/{number}": envelope for number, envelope in enumerate(signed)}
        self.machines = []
        self.upstream = self.world(kit, QemuAgent("stock", kit.initramfs("stock.cpio", files), directory / "upstream.log",
                                                  kit.disks("stock")))
        self.ours, self.uncached = (
            self.world(kit, uml.Uml(uml.kernel("--uml") / "linux", kit.initramfs(f"{name}.cpio", files), self.log(directory, name),
                                    kit.disks(name), options))
            for name, options in (("conformance", ()), ("uncached", ("ipe.cache=0",))))

    @staticmethod
    def log(directory, name):
        """In a directory of its own, which UML names its files after."""
        (directory / name).mkdir()
        return directory / name / "console.log"

    def world(self, kit, machine):
        self.machines.append(machine)
        world = World(machine, kit).set_up()
        world.volume("reloaded", kit.reloaded, machine.disk(3))
        return world

    def both(self, function):
        """function(world) of both, at the same time: upstream's result, ours."""
        return self.of(function, self.upstream, self.ours)

    @staticmethod
    def of(function, *worlds):
        with ThreadPoolExecutor() as pool:
            return list(pool.map(function, worlds))

    def stop(self):
        for machine in self.machines:
            machine.stop()


@pytest.fixture(scope="module")
def pair(kit, tmp_path_factory):
    machines = Pair(kit, tmp_path_factory.mktemp("conformance"))
    yield machines
    machines.stop()


def test_the_one_is_upstream_and_the_other_is_ours(pair):
    upstream, ours = pair.both(lambda world: world.machine.must("list", "/sys/kernel/security/ipe").text.split())
    assert sorted(upstream) == ["enforce", "new_policy", "policies", "success_audit"]
    assert set(ours) > set(upstream)
    release, = set(pair.upstream.machine.must("get", "/proc/sys/kernel/osrelease").text.split())
    assert "deb" in release


def test_same_errno_for_each_policy(pair):
    def answers(world):
        return world.machine.batch([("try-policy", f"/written/{number}") for number in range(len(pair.written))])

    assert len(pair.written) >= 300
    upstream, ours = pair.both(answers)
    wrong = []
    for (name, (_, expected)), theirs, own in zip(pair.written.items(), upstream, ours):
        if (theirs.name, own.name) != (expected or (theirs.name, theirs.name)):
            wrong.append(f"{name}: upstream {theirs.name}, ours {own.name}, expected {expected or 'the same'}")
        # How many policies there were to delete afterwards.
        for answer in (theirs, own):
            assert answer.text == ("" if answer.errno else "1"), name
    assert not wrong, "\n".join(wrong)
    generated = Counter(answer.name for name, answer in zip(pair.written, ours) if name.startswith("generated"))
    assert generated["OK"] >= GENERATED // 4 and generated["EBADMSG"] >= GENERATED // 4 and generated["EINVAL"], generated


# The dozen files, and what is asked of each; upstream and ours differ on purpose on those that follow.
PROBED = ("initramfs", "initramfs-script", "tmpfs", "ext4", "fsverity", "fsverity-signed", "verity", "verity-signed",
          "overlay-verity", "overlay-copied-up")
PATHS = ("/certificate", "/reloaded/hello")
WITHOUT_A_FILE = (("anonymous-mmap",), ("anonymous-mprotect",), ("memfd-mmap", "/bin/hello"),
                  ("insmod-data", "/bin/hello"))


def probes(world):
    paths = [*(world.places[name].path for name in PROBED), *PATHS]
    ways = [(way, path) for path in paths for way in ("mmap", "mprotect", "insmod")]
    return [*ways, *(("exec", world.places[name].path) for name in PROBED if not name.startswith("overlay")),
            *WITHOUT_A_FILE]


def verdicts(world, policies):
    """For each policy and probe, whether it was denied. A file that is no module fails after the verdict."""
    result = []
    asked = probes(world)
    for number in range(policies):
        world.machine.must("use-policy", f"/random/{number}", f"r{number}")
        answers = world.machine.batch(asked)
        assert {answer.name for answer in answers} <= {"OK", "EACCES", "ENOEXEC"}
        result.append([answer.name == "EACCES" for answer in answers])
        # Nobody reads them, but they would fill the socket.
        world.machine.must("audit")
    return result


def test_same_verdict_of_each_policy_on_each_file(pair):
    assert len(pair.random) >= 100 and len(PROBED) + len(PATHS) >= 12
    upstream, ours, uncached = pair.of(lambda world: verdicts(world, len(pair.random)), pair.upstream, pair.ours, pair.uncached)
    assert ours == uncached
    asked = probes(pair.ours)
    wrong = [f"{asked[at]}: upstream {'denies' if theirs[at] else 'allows'}\n{text}"
             for text, theirs, own in zip(pair.random, upstream, ours) for at in range(len(asked))
             if theirs[at] != own[at]]
    assert not wrong, f"{len(wrong)} of {len(asked) * len(ours)} differ, such as " + "\n".join(wrong[:5])
    # Each probe is answered in both ways by a good part of the policies.
    for at, call in enumerate(asked):
        assert ACTIVATED / 10 < sum(row[at] for row in ours) < ACTIVATED * 9 / 10, call


# Where boot_verified=TRUE alone allows: (place, way): (upstream's answer, ours). What is no module is ENOEXEC then.
STRICTER_VERDICTS = {
    **{("initramfs-late", way): ("OK", "EACCES") for way in ("exec", "mmap", "mprotect")},
    ("initramfs-late", "insmod"): ("ENOEXEC", "EACCES"),
    ("initramfs-touched", "mmap"): ("OK", "EACCES"),
    # The bytes are those of the initramfs; upstream looks at another file system on each way.
    ("overlay-initramfs", "exec"): ("EACCES", "OK"),
    ("overlay-initramfs", "mmap"): ("EACCES", "OK"),
    ("overlay-initramfs", "mprotect"): ("OK", "OK"),
    ("overlay-initramfs", "insmod"): ("EACCES", "ENOEXEC"),
}


def test_verdicts_that_differ_on_purpose(pair):
    def answers(world):
        world.activate("DEFAULT action=DENY\nop=EXECUTE boot_verified=TRUE action=ALLOW\n"
                       "op=KMODULE boot_verified=TRUE action=ALLOW\n")
        world.machine.must("touch-open", "/bin/touched")
        paths = {**{name: place.path for name, place in world.places.items()}, "initramfs-touched": "/bin/touched"}
        return {(place, way): world.machine.errno(way, paths[place]) for place, way in STRICTER_VERDICTS}

    upstream, ours = pair.both(answers)
    assert {key: (upstream[key], ours[key]) for key in STRICTER_VERDICTS} == STRICTER_VERDICTS


def test_neither_kernel_has_anything_to_report(pair):
    assert not pair.ours.machine.trouble() + pair.uncached.machine.trouble()
    assert not pair.upstream.machine.trouble()
