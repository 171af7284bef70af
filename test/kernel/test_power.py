# SPDX-License-Identifier: LGPL-2.1-or-later
"""The power fails at random moments while policies are staged, activated, confirmed, rolled back and discarded, and
while the machine boots. The next boot must find what was confirmed, and everything that was acknowledged.

A machine is a User-mode Linux that is killed, with the real ipe-load, ipectld, ipe-inspect and dbus-daemon on it, and
with /var/lib/ipe on ext4 (probes/power.py). Each round goes on with the disk of the one before. What the machine had in
memory is lost then: pages that were not written, and a journal of ext4 that was not committed. What it had handed to
its disk survives in the host's cache, in the order in which it was written. So this proves that ipectld asks for every
write that it needs before it answers, and that each state in between starts. It does not prove anything of a disk that
loses its own cache, or reorders it: that is left to the file system, which tells the disk to flush for each fsync().

A model of the versions says what is allowed after a cut: the operation under way was either done or not.
IPE_TEST_SEED=, IPE_TEST_ROUNDS= choose another draw; what a moment of a seed hits depends on the host."""

import base64
import contextlib
import hashlib
import itertools
import json
import os
import random
import shutil
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import keys
import pytest
import uml
from guest import TOP, MachineFailed
from small_root import SmallRoot

ROUNDS = int(os.environ.get("IPE_TEST_ROUNDS") or (200 if os.environ.get("IPE_TEST_LONG") else 5))
BUILD = TOP / "build/check-release"
PROGRAMS = ("src/ipectld/ipectld", "src/ipe-load/ipe-load", "src/ipe-inspect/ipe-inspect")
GUEST = TOP / "test/kernel/probes/power.py"
KEEP = 3
BOOTS = 2
VERBS = ("stage", "activate", "confirm", "rollback", "discard")
# How long an operation takes, about; and how many others are done until one comes that is waited for.
AIM_SEC, PATIENCE = 0.08, 30
OLDER = ("superseded", "rolled-back", "failed")
VARIANTS = {"ours": ["--uml"], "upstream": ["--uml", "--upstream"]}


def text_of(number):
    return f"1.{number >> 8}.{number & 255}"


def number_of(version):
    _, high, low = map(int, version.split("."))
    return high << 8 | low


@dataclass(frozen=True)
class Model:
    """Versions in the order of their last changes: ((number, state)...)."""
    versions: tuple = ()
    # A kernel that goes back at once.
    goes_back: bool = False
    # Reboots since the trial began.
    boots: int = 0

    def find(self, state):
        """The highest version in that state, or None."""
        return max((number for number, its in self.versions if its == state), default=None)

    def put(self, number, state):
        """A copy with one version in another state; state None: without it."""
        if number is None:
            return self
        rest = tuple(pair for pair in self.versions if pair[0] != number)
        versions = rest + (((number, state),) if state else ())
        return Model(versions, self.goes_back, self.boots if dict(versions).get(self.find("trial")) == "trial" else 0)

    def confirmed(self, number, before="superseded"):
        others = self.put(self.find("confirmed"), before).put(self.find("pending-reboot"), "superseded")
        return others.put(number, "confirmed")

    def previous(self):
        """The version to which a rollback of the confirmed one goes back."""
        confirmed = self.find("confirmed") or 0
        return max((number for number, state in self.versions if state == "superseded" and number < confirmed),
                   default=None)

    def rolled_back(self):
        """All models that are possible after a rollback."""
        trial = self.find("trial")
        if trial and (self.goes_back or self.find("pending-reboot")):
            return [self.put(trial, "rolled-back")]
        if trial:
            return [self.put(trial, "rolled-back").put(self.find("confirmed"), "pending-reboot")]
        selected = self.put(self.previous(), "pending-reboot")
        at_once = self.put(self.find("confirmed"), "rolled-back").put(self.previous(), "confirmed")
        # At once only where the kernel has that version still.
        return [at_once, selected] if self.goes_back else [selected]

    def after(self, verb, *words):
        """All models that are possible after an operation."""
        number = number_of(words[0]) if words else None
        if verb == "stage":
            return [self.put(number, "staged")]
        if verb == "activate":
            return [self.put(number, "trial") if int(words[1]) else self.confirmed(number)]
        if verb == "confirm":
            return [self.confirmed(self.find("trial"))]
        if verb == "rollback":
            return self.rolled_back()
        if verb == "discard":
            return [self.put(number, None)]
        return [self]

    def rebooted(self):
        """A trial goes on after the boot, which is counted, or has ended; and a version selected for the boot was loaded."""
        pending = self.find("pending-reboot")
        if self.find("trial") and not pending and self.boots < BOOTS:
            return replace(self, boots=self.boots + 1)
        model = self.put(self.find("trial"), "rolled-back")
        return model.put(model.find("confirmed"), "rolled-back").put(pending, "confirmed") if pending else model

    def seen(self, look):
        """A copy without versions that may have been removed, if it agrees with the look at a machine; else None."""
        states = look["states"]
        older = [number for number, state in self.versions if state in OLDER]
        gone = {number for number in older[:-KEEP] if text_of(number) not in states}
        model = replace(self, versions=tuple(pair for pair in self.versions if pair[0] not in gone))
        same = {text_of(number): state for number, state in model.versions} == states and model.boots == look["boots"]
        return model if same else None


class Author:
    """Chooses operations that succeed, and signs the policies for them."""

    def __init__(self, seed, floor):
        self.random = random.Random(seed)
        self.floor = floor
        self.number = 0
        # The highest version that the kernel was asked to enforce: it does not go below that.
        self.highest = 0

    def stage(self):
        self.number += 1
        version = text_of(self.number)
        # Of different sizes, so that a write is of one page or of several.
        rules = "".join(f"op=EXECUTE fsverity_digest=sha256:{hashlib.sha256(bytes([n])).hexdigest()} action=ALLOW\n"
                        for n in range(self.random.choice((0, 1, 20, 150))))
        text = f"policy_name=corp-base policy_version={version}{self.floor}\nDEFAULT action=ALLOW\n{rules}"
        return "stage", version, base64.b64encode(keys.sign_policy(text)).decode()

    def activate(self, number):
        self.highest = number
        return "activate", text_of(number), self.random.choice(("0", "600")), self.random.choice(("force", "-", "-"))

    def next(self, model):
        staged = [number for number, state in model.versions if state == "staged"]
        usable = [number for number in staged if number > self.highest]
        choices = [self.stage]
        if len(staged) > 4:
            choices = []
        if staged:
            choices.append(lambda: ("discard", text_of(self.random.choice(staged))))
        if model.find("trial"):
            choices += [lambda: ("confirm",), lambda: ("rollback", text_of(model.find("trial")))] * 2
        elif usable:
            choices += [lambda: self.activate(max(usable))] * 3
        if not model.find("trial") and not model.find("pending-reboot") and model.find("confirmed") and model.previous():
            choices.append(lambda: ("rollback", text_of(model.find("confirmed"))))
        return self.random.choice(choices)()


class Power:
    """One disk, and the machines that it is in, one after the other."""

    def __init__(self, variant, root, directory):
        self.directory = directory
        self.linux = uml.kernel(*VARIANTS[variant]) / "linux"
        self.root = root
        self.disk = directory / "disk.img"
        subprocess.run(["mkfs.ext4", "-q", self.disk, "24M"], check=True)
        self.boots = 0
        self.machine = self.process = None
        self.failed = False

    def boot(self):
        self.boots += 1
        logs = self.directory / f"boot-{self.boots}"
        logs.mkdir()
        self.machine = uml.Uml(self.linux, None, logs / "console.log", [self.disk, self.root],
                               ["root=/dev/ubdb", "rootfstype=erofs", "ro", "init=/usr/lib/ipe/power.py"])
        self.process = self.machine.process
        self.failed = False

    def cut(self):
        self.failed = True
        uml.Uml.kill(self.process)

    def close(self):
        """After a cut."""
        self.machine.channel.close()
        trouble = self.machine.trouble()
        assert not trouble, f"see {self.machine.log}: {trouble}"
        if self.boots > 3:
            shutil.rmtree(self.directory / f"boot-{self.boots - 3}")

    def check_disk(self):
        """Checks that ext4's journal makes the file system whole again; on a copy, because the machine must do it itself."""
        copy = self.directory / "copy.img"
        subprocess.run(["cp", "--sparse=always", self.disk, copy], check=True)
        for options, allowed in (("-p", (0, 1)), ("-fn", (0,))):
            checked = subprocess.run(["e2fsck", options, copy], check=False, capture_output=True, text=True)
            assert checked.returncode in allowed, checked.stdout

    def do(self, *operation):
        """Returns whether it was acknowledged before the power failed."""
        try:
            answer = self.machine.call(*operation)
        except (MachineFailed, ConnectionError):
            if not self.failed:
                raise
            return None
        assert answer.errno == 0, f"{operation}: {answer.text}\n{self.machine.log.read_text(errors='replace')[-4000:]}"
        return answer


def check_look(look, knows_trials):
    """Checks all that is true after any cut."""
    text = json.dumps(look)
    assert set(look["files"]) <= {"history", "lock", "lost+found", "objects", "state.json", "state.json.old"}, text
    assert look["states"] == look["disk"], text
    assert not look["activating"], text
    # Where nothing is known the daemon removes nothing: the state may be what was lost. So a cut in the discard of the only version
    # leaves its object.
    assert look["objects"] == look["named"] or not look["states"], text
    confirmed, trial = ([version for version, state in look["states"].items() if state == wanted] for wanted in ("confirmed", "trial"))
    if knows_trials:
        # "active" is of the current version, and the next one is on trial.
        assert look["trial"].split()[1:] == trial and (trial or look["kernel"] == confirmed), text
    else:
        assert look["kernel"] == (trial or confirmed), text


def match(candidates, look):
    """The first of these models that agrees with the machine, or None."""
    return next(filter(None, (model.seen(look) for model in candidates)), None)


def start(power):
    """Boots; returns what there is, or None if the power failed."""
    if power.do("mount") and power.do("start"):
        answer = power.do("look")
        return answer and json.loads(answer.text)
    return None


@contextlib.contextmanager
def failing(power, seconds):
    timer = threading.Timer(seconds, power.cut)
    timer.start()
    try:
        yield
    except BaseException:
        timer.cancel()
        timer.join()
        power.cut()
        raise
    timer.join()


class Run:
    """The rounds of one disk. `operation` was cut last, and `candidates` are the models that are possible then: first the
    one before it, then those after it."""

    def __init__(self, power, author, goes_back):
        self.power, self.author = power, author
        self.operation, self.candidates = None, [Model(goes_back=goes_back)]
        self.tally = Counter()

    def recover(self, look):
        """look: taken in the boot after a cut. Returns the model that agrees with it."""
        check_look(look, self.candidates[0].goes_back)
        candidates = [candidate.rebooted() for candidate in self.candidates]
        model = match(candidates, look)
        assert model, f"after a cut in {self.operation}: {look['states']}, {look['boots']} boots, is none of {candidates}"
        if self.operation:
            before = candidates[0].seen(look)
            self.tally[f"{self.operation}: {'not done' if before else 'done'}"] += 1
        self.operation, self.candidates = None, [model]
        return model

    def boot(self, seconds):
        """A boot in which the power fails."""
        with failing(self.power, seconds):
            look = start(self.power)
        self.tally["the boot" if look is None else "idle"] += 1
        if look is not None:
            self.recover(look)
        else:
            # It may have been counted, and all that follows from it written.
            self.candidates += [candidate.rebooted() for candidate in self.candidates]

    def work(self, model, aim, seconds):
        """Operations until the power fails, that many seconds after the first operation of a kind, or after the begin."""
        with contextlib.ExitStack() as stack:
            armed = False
            for count in itertools.count():
                operation = self.author.next(model)
                # It need not come.
                if not armed and (aim in (None, operation[0]) or count > PATIENCE):
                    stack.enter_context(failing(self.power, seconds))
                    armed = True
                done = model.after(*operation)
                if not self.power.do(*operation):
                    self.operation, self.candidates = operation[0], [model, *done]
                    return
                answer = self.power.do("look")
                if not answer:
                    self.candidates = done
                    self.tally["between two"] += 1
                    return
                look = json.loads(answer.text)
                model = match(done, look)
                assert model, f"after {operation[:2]}: {look['states']} is none of {done}"
                self.candidates = [model]

    def round(self):
        """A boot, and a cut in it or behind it; in half of the rounds in an operation that is drawn, as some take longer."""
        draw = self.author.random
        early, seconds = draw.random() < 0.1, draw.uniform(0, 1.5)
        aim = draw.choice(VERBS) if draw.random() < 0.5 else None
        self.power.check_disk()
        self.power.boot()
        if early:
            self.boot(seconds)
            return
        model = self.recover(start(self.power))
        self.author.highest = max(model.find("confirmed") or 0, model.find("trial") or 0)
        self.work(model, aim, draw.uniform(0, AIM_SEC) if aim else seconds)

    def last(self):
        """Checks the result of the last cut, too."""
        self.power.check_disk()
        self.power.boot()
        self.recover(start(self.power))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The image that the machines run. No sanitizers: User-mode Linux has no room for their shadow."""
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", BUILD, "--buildtype=release", "-Dtests=disabled"], check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", BUILD, *PROGRAMS], check=True, stdout=subprocess.DEVNULL)
    directory = tmp_path_factory.mktemp("root")
    small = SmallRoot(directory / "root")
    for program in PROGRAMS:
        small.add_program(BUILD / program, f"/usr/lib/ipe/{Path(program).name}")
    for program in ("/usr/bin/dbus-daemon", "/usr/bin/setpriv"):
        small.add_program(program)
    small.add_python()
    small.add(GUEST, "/usr/lib/ipe/power.py")
    small.add("/usr/share/dbus-1/system.conf")
    small.add(TOP / "dbus/org.ipe.Manager.conf", "/etc/dbus-1/system.d/org.ipe.Manager.conf")
    small.add(keys.directory() / "test.crt", "/etc/ipe/trust.d/test.pem")
    small.write("/etc/ipe/ipectld.conf", f"[Manager]\nConfirm=manual\nKeepVersions={KEEP}\nTrialBoots={BOOTS}\n".encode())
    (small.directory / "var/lib/ipe").mkdir(parents=True)
    return small.image(directory / "root.img")


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_cut_of_power_loses_nothing_that_was_acknowledged(root, variant, tmp_path):
    seed = int(os.environ.get("IPE_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    power = Power(variant, root, tmp_path)
    ours = variant == "ours"
    run = Run(power, Author(seed, " policy_rollback_floor=0.0.0" if ours else ""), ours)
    began = time.monotonic()
    for number in range(ROUNDS + 1):
        print(f"seed {seed}: {number} cuts in {time.monotonic() - began:.0f} s, {run.author.number} versions; "
              f"{dict(run.tally)}", flush=True)
        try:
            if number < ROUNDS:
                run.round()
            else:
                run.last()
        finally:
            power.cut()
        power.close()
    print(f"seed {seed}: {ROUNDS} cuts, {run.author.number} versions; {dict(run.tally)}")
    assert sum(run.tally.values()) >= ROUNDS
