# SPDX-License-Identifier: LGPL-2.1-or-later
"""The polkit actions that each call needs, the details that polkit gets, and that ipectld does exactly the
thing that polkit authorised. Plain files stand in for the kernel, see kernel_files.py."""

import contextlib
import re

import pytest
from gi.repository import GLib

from connection import NAME, PATH, BusError
from inspections import FILE, facts
from machine import NOBODY, signed
from own_polkit import OwnPolkit
from programs import TOP
from raw_client import RawClient

POLICY = "corp-base"
DENIED = "org.freedesktop.DBus.Error.AccessDenied: "
INVALID = "org.freedesktop.DBus.Error.InvalidArgs: "
LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded: "
OTHER_VERSION = "org.ipe.Error.NotThatVersion: "
DENY = "DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
ACTIVATING = ("activate", "activate-force", "activate-no-trial")


@pytest.fixture
def machine(bare, kernel_files):
    """corp-base 1.0.0 is staged, here and in the kernel's files, and nothing is active."""
    configure(bare)
    facts(bare)
    bare.one = signed()
    kernel_files.put_policy(POLICY, ("1.0.0", bare.one))
    bare.start_daemon()
    bare.stage(bare.one)
    return bare


@pytest.fixture
def polkit(machine):
    polkit = OwnPolkit(machine)
    yield polkit
    polkit.close()


def configure(machine, trial_sec=120):
    machine.configure("Confirm=manual", f"TrialSec={trial_sec}")


def allow(polkit, *actions):
    polkit.answers = dict.fromkeys(actions, "yes")


def activate(polkit, options="{}"):
    return polkit.call("ActivateWithOptions", f"('{POLICY}', @a{{sv}} {options})")


def is_activated(machine):
    return machine.kernel.read(f"policies/{POLICY}/active") == b"1"


def state(machine, version="1.0.0"):
    return machine.list()[(POLICY, version)][0]


def digest(machine, version="1.0.0"):
    return machine.list()[(POLICY, version)][1]


# The actions that a call needs


def test_the_right_to_activate_is_neither_that_to_force_nor_that_to_confirm(machine, polkit):
    facts(machine, FILE)
    machine.call("Discard", GLib.Variant("(ss)", (POLICY, "1.0.0")))
    machine.stage(signed(body=DENY))
    allow(polkit, "activate")
    for options in ("{'trial-sec': <uint64 0>, 'force': <true>}", "{'trial-sec': <uint64 0>}", "{'force': <true>}",
                    "{'accept': <'0123456789abcdef'>}"):
        assert activate(polkit, options).startswith(DENIED)
    assert state(machine) == "staged" and not is_activated(machine)


def test_each_action_is_needed(machine, polkit):
    for missing in ACTIVATING:
        allow(polkit, *ACTIVATING)
        polkit.answers[missing] = "no"
        assert activate(polkit, "{'trial-sec': <uint64 0>, 'force': <true>}").startswith(DENIED)
    assert state(machine) == "staged" and not is_activated(machine)


def test_all_actions_together_activate_and_confirm(machine, polkit):
    allow(polkit, *ACTIVATING)
    assert activate(polkit, "{'trial-sec': <uint64 0>, 'force': <true>}").startswith("('/org/ipe/policy/")
    assert polkit.asked() == list(ACTIVATING)
    assert state(machine) == "confirmed" and is_activated(machine)


LESS = [
    ("{}", []), ("{'trial-sec': <uint64 120>}", []), ("{'trial-sec': <uint64 600>}", []), ("{'confirm': <'manual'>}", []),
    ("{'force': <false>}", []), ("{'force': <true>}", ["activate-force"]), ("{'accept': <'0123456789abcdef'>}", ["activate-force"]),
    ("{'trial-sec': <uint64 0>}", ["activate-no-trial"]), ("{'trial-sec': <uint64 119>}", ["activate-no-trial"]),
    ("{'confirm': <'auto'>}", ["activate-no-trial"])]


def test_what_takes_protection_away_has_an_action_of_its_own(machine, polkit):
    """Answers the last question with no; it comes only if ipectld asks for every action."""
    for options, further in LESS:
        needed = ["activate", *further]
        allow(polkit, *needed[:-1])
        polkit.questions.clear()
        assert activate(polkit, options).startswith(DENIED) and polkit.asked() == needed, options
    assert state(machine) == "staged" and not is_activated(machine)


def test_without_a_trial_in_the_configuration_an_activation_confirms(machine, polkit):
    configure(machine, trial_sec=0)
    machine.call("Reload")
    allow(polkit, "activate")
    assert polkit.call("Activate", f"('{POLICY}',)").startswith(DENIED)
    assert polkit.asked() == ["activate", "activate-no-trial"] and not is_activated(machine)


def test_to_activate_what_is_confirmed_takes_nothing_away(machine, polkit):
    machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, {"trial-sec": GLib.Variant("t", 0)})))
    allow(polkit, "activate")
    assert polkit.call("Activate", f"('{POLICY}',)").startswith("('/org/ipe/policy/")
    assert polkit.asked() == ["activate"]


@pytest.mark.parametrize("method, action", [("SetEnforce", "set-enforce"), ("SetSuccessAudit", "set-success-audit")])
def test_each_switch_has_its_action(machine, polkit, method, action):
    others = {"set-enforce", "set-success-audit"} - {action}
    allow(polkit, *others)
    assert polkit.call(method, "(false,)").startswith(DENIED)
    allow(polkit, action)
    assert polkit.call(method, "(false,)") == "()"
    assert polkit.questions[-1].action == action and polkit.questions[-1].details == {"value": "false"}


# Details for polkit


def test_polkit_learns_what_would_be_activated_and_how(machine, polkit):
    allow(polkit, *ACTIVATING)
    activate(polkit, "{'force': <true>, 'trial-sec': <uint64 30>, 'confirm': <'auto'>, 'accept': <'0123456789abcdef'>}")
    expected = {"name": POLICY, "version": "1.0.0", "digest": digest(machine), "trial-sec": "30", "confirm": "auto", "force": "true",
                "accept": "0123456789abcdef"}
    assert polkit.asked() == list(ACTIVATING)
    assert all(question.details == expected for question in polkit.questions)


def test_polkit_learns_what_the_configuration_adds(machine, polkit):
    polkit.call("Activate", f"('{POLICY}',)")
    assert polkit.questions[0].details == {"name": POLICY, "version": "1.0.0", "digest": digest(machine), "trial-sec": "120",
                                           "confirm": "manual", "force": "false"}


def test_polkit_learns_what_would_be_discarded(machine, polkit):
    polkit.call("Discard", f"('{POLICY}', '1.0.0')")
    assert polkit.questions[0].details == {"name": POLICY, "version": "1.0.0", "digest": digest(machine)}


def test_a_name_that_looks_like_another_is_escaped(machine, polkit):
    polkit.call("Activate", "('corp\u202ebase\\n',)")
    assert polkit.questions[0].details["name"] == "corp\\xe2\\x80\\xaebase\\n"


@pytest.mark.parametrize("method, options, version", [
    ("Preflight", "", ""), ("StartPreflight", ", @a{sv} {}", ""), ("StartPreflight", ", {'version': <'1.0.0‮'>}", "1.0.0\\xe2\\x80\\xae"),
    ("CanPreflight", ", @a{sv} {}", "")])
def test_polkit_learns_what_would_be_inspected(machine, polkit, method, options, version):
    name = "corp‮base"
    if method == "CanPreflight":
        machine.stage(signed(name))
    polkit.call(method, f"('{name}'{options or ','})")
    question, = polkit.questions
    assert question.action == "inspect" and question.details == {"name": "corp\\xe2\\x80\\xaebase", "version": version}


def test_rules_decide_by_what_they_learn(machine):
    (machine.rules / "10-test.rules").write_text(
        'polkit.addRule(function(action, subject) { if (action.id == "org.ipe.manager.discard" && '
        f'action.lookup("name") == "{POLICY}" && action.lookup("version") == "1.0.0") return polkit.Result.YES; }});\n')
    machine.stage(signed(version="2.0.0"))
    machine.start_polkit()
    assert "InteractiveAuthorizationRequired" in machine.call_as(NOBODY, "Discard", f"('{POLICY}', '2.0.0')").stderr
    assert machine.call_as(NOBODY, "Discard", f"('{POLICY}', '1.0.0')").returncode == 0
    assert machine.list().keys() == {(POLICY, "2.0.0")}


# ipectld does exactly the thing that was authorised


def newer(machine):
    machine.stage(signed(version="2.0.0", body=DENY))


def discarded(machine):
    machine.call("Discard", GLib.Variant("(ss)", (POLICY, "1.0.0")))


def replaced(machine):
    discarded(machine)
    machine.stage(signed(body=DENY))


def configured(machine):
    configure(machine, trial_sec=600)
    machine.call("Reload")


@pytest.mark.parametrize("happens", [newer, discarded, replaced, configured])
@pytest.mark.parametrize("options, number", [("{}", 1), ("{'force': <true>}", 1), ("{'force': <true>}", 2)])
def test_an_authorisation_for_one_activation_is_none_for_another(machine, polkit, happens, options, number):
    """Something changes while the question of that number waits for its answer."""
    polkit.held = True
    caller = polkit.begin("ActivateWithOptions", f"('{POLICY}', @a{{sv}} {options})")
    if number == 2:
        polkit.wait_question().answer("yes")
    question = polkit.wait_question(number)
    happens(machine)
    question.answer("yes")
    assert polkit.end(caller).startswith(OTHER_VERSION)
    assert len(polkit.questions) == number and not is_activated(machine)
    assert {row[0] for row in machine.list().values()} <= {"staged"}


def test_what_was_not_there_is_not_activated(machine, polkit):
    """No version waits, so the question names none."""
    machine.call("Discard", GLib.Variant("(ss)", (POLICY, "1.0.0")))
    polkit.held = True
    caller = polkit.begin("Activate", f"('{POLICY}',)")
    question = polkit.wait_question()
    machine.stage(machine.one)
    question.answer("yes")
    assert polkit.end(caller).startswith(OTHER_VERSION) and not is_activated(machine)


def test_a_version_that_is_named_is_authorised_whatever_else_comes(machine, polkit):
    allow(polkit, *ACTIVATING)
    polkit.held = True
    caller = polkit.begin("ActivateWithOptions", f"('{POLICY}', {{'version': <'1.0.0'>, 'trial-sec': <uint64 0>}})")
    polkit.wait_question().answer("yes")
    question = polkit.wait_question(2)
    newer(machine)
    question.answer("yes")
    assert polkit.end(caller).startswith("('/org/ipe/policy/") and state(machine) == "confirmed"


@pytest.fixture
def trial(machine):
    """2.0.0 is on trial."""
    machine.two, machine.three = signed(version="2.0.0"), signed(version="3.0.0")
    machine.stage(machine.two)
    machine.stage(machine.three)
    put_trial(machine, "2.0.0", machine.two)
    notice(machine)
    assert state(machine, "2.0.0") == "trial"
    return machine


def put_trial(machine, version, envelope):
    """In the kernel; the daemon does not know yet."""
    machine.kernel.put_policy(POLICY, (version, envelope), active=True)
    machine.kernel.put_trial(POLICY, version)


def notice(machine):
    """Root's call makes the daemon look at the kernel."""
    with pytest.raises(BusError) as error:
        machine.call("Activate", GLib.Variant("(s)", (POLICY,)))
    assert error.value.name == "org.ipe.Error.TrialInProgress"


@pytest.mark.parametrize("method, action", [("Confirm", "confirm"), ("ConfirmWithOptions", "confirm"), ("EndTrial", "rollback"),
                                            ("Rollback", "rollback"), ("RollbackWithOptions", "rollback")])
def test_polkit_learns_which_trial_it_is(trial, polkit, method, action):
    options = "" if method in ("Confirm", "Rollback") else " @a{sv} {}"
    assert polkit.call(method, f"('{POLICY}',{options})").startswith(DENIED)
    question, = polkit.questions
    transaction = question.details.pop("transaction")
    assert question.action == action and len(transaction) == 32
    assert question.details == {"name": POLICY, "version": "2.0.0", "digest": digest(trial, "2.0.0")}


@contextlib.contextmanager
def answered_after(machine, question, noticed):
    """Lets something happen in the kernel while polkit thinks, and the daemon notice it before polkit answers."""
    if noticed:
        yield
        notice(machine)
        question.answer("yes")
        return
    with machine.frozen_daemon():
        yield
        question.answer("yes")


@pytest.mark.parametrize("noticed", [True, False])
@pytest.mark.parametrize("method", ["Confirm", "EndTrial", "Rollback", "RollbackWithOptions"])
def test_an_authorisation_for_one_trial_is_none_for_the_next(trial, polkit, method, noticed):
    polkit.held = True
    caller = polkit.begin(method, f"('{POLICY}',)" if method in ("Confirm", "Rollback") else f"('{POLICY}', @a{{sv}} {{}})")
    question = polkit.wait_question()
    with answered_after(trial, question, noticed):
        put_trial(trial, "3.0.0", trial.three)
    assert polkit.end(caller).startswith(OTHER_VERSION)
    assert state(trial, "3.0.0") == "trial" and trial.kernel.read("revert") == b""
    assert trial.kernel.read("confirm") == f"{POLICY} 3.0.0\n".encode()


@pytest.fixture
def second(machine):
    """1.0.0 is confirmed, and 2.0.0 is on trial."""
    machine.two = signed(version="2.0.0")
    machine.call("ActivateWithOptions", GLib.Variant("(sa{sv})", (POLICY, {"trial-sec": GLib.Variant("t", 0)})))
    machine.stage(machine.two)
    machine.kernel.put_policy(POLICY, ("1.0.0", machine.one), ("2.0.0", machine.two), active=True)
    machine.kernel.put_trial(POLICY, "2.0.0")
    notice(machine)
    return machine


def put_confirmed(machine):
    machine.kernel.put_policy(POLICY, ("2.0.0", machine.two), previous=("1.0.0", machine.one), active=True)
    machine.kernel.put("confirm", "")


@pytest.mark.parametrize("method, arguments", [("Deactivate", "(@a{sv} {},)"), ("Rollback", f"('{POLICY}',)"),
                                               ("RollbackWithOptions", f"('{POLICY}', {{'from': <'2.0.0'>}})")])
def test_an_authorisation_for_one_version_is_none_for_what_the_kernel_has_confirmed_since(second, polkit, method, arguments):
    polkit.held = True
    caller = polkit.begin(method, arguments)
    question = polkit.wait_question()
    assert question.details["version"] == ("1.0.0" if method == "Deactivate" else "2.0.0")
    with answered_after(second, question, False):
        put_confirmed(second)
    assert polkit.end(caller).startswith(OTHER_VERSION)
    assert state(second) == "superseded" and state(second, "2.0.0") == "confirmed" and not second.properties()["Deactivated"]
    assert second.kernel.read(f"policies/{POLICY}/rollback") == second.kernel.read("revert") == b""


# Arguments come first


NAMED = {"Activate": "({},)", "ActivateWithOptions": "({}, @a{{sv}} {{}})", "Confirm": "({},)",
         "ConfirmWithOptions": "({}, @a{{sv}} {{}})", "EndTrial": "({}, @a{{sv}} {{}})", "Rollback": "({},)",
         "RollbackWithOptions": "({}, @a{{sv}} {{}})", "Discard": "({}, '1.0.0')", "Preflight": "({},)",
         "StartPreflight": "({}, @a{{sv}} {{}})", "CanActivate": "({}, @a{{sv}} {{}})", "CanConfirm": "({}, @a{{sv}} {{}})",
         "CanEndTrial": "({}, @a{{sv}} {{}})", "CanRollback": "({}, @a{{sv}} {{}})", "CanDiscard": "({}, '1.0.0')",
         "CanPreflight": "({}, @a{{sv}} {{}})"}


def test_a_name_that_is_too_long_is_refused_before_polkit_is_asked(machine, polkit):
    for method, arguments in NAMED.items():
        assert polkit.call(method, arguments.format("'" + "x" * 256 + "'")).startswith(INVALID), method
    assert not polkit.questions


def test_large_calls_do_not_wait_in_memory(machine, polkit):
    polkit.held = True
    client = RawClient(machine, NOBODY)
    for _ in range(21):
        client.ask("Activate", GLib.Variant("(s)", ("x" * (256 << 10),)))
    client.answers(22)
    client.close()
    assert len(client.sentences) == 21 and all(sentence.startswith(INVALID) for sentence in client.sentences)
    assert not polkit.questions


NONSENSE = [
    "[{'force', <true>}, {'force', <true>}]", "[{'version', <'1.0.0'>}, {'version', <'2.0.0'>}]", "[{'x', <true>}]",
    "[{'force', <'yes'>}]", "[{'version', <'" + "1" * 300 + "'>}]", "[{'version', <'1.0'>}]", "[{'accept', <'x'>}]",
    "[{'confirm', <'perhaps'>}]", "[{'trial-sec', <uint64 86401>}]", "[{'trial-sec', <uint32 5>}]",
    "[{'trial-sec', <uint64 0>}, {'confirm', <'auto'>}]"]


def test_options_that_make_no_sense_are_refused_before_polkit_is_asked(machine, polkit):
    for options in NONSENSE:
        assert polkit.call("ActivateWithOptions", f"('{POLICY}', {options})").startswith(INVALID), options
    for options in NONSENSE[:3]:
        assert polkit.call("CanActivate", f"('{POLICY}', {options})").startswith(INVALID), options
    assert not polkit.questions


def test_a_sentence_that_quotes_half_a_character_is_answered(machine, polkit):
    """The bus carries only UTF-8: without this, the caller got no answer at all."""
    for option, length in (("version", 49), ("confirm", 99)):
        text = "x" * length + "é"
        for value in (f"{{'{option}': <'{text}'>}}", f"{{'{text}': <true>}}", f"{{'{'x' * 99}é': <true>}}"):
            assert polkit.call("ActivateWithOptions", f"('{POLICY}', {value})").startswith(INVALID)


# Many questions


def test_each_user_has_a_share_of_the_questions(machine, polkit):
    """Five users have as many as there may be; a sixth gets one, and one of theirs is refused."""
    polkit.held = True
    clients = [RawClient(machine, uid) for uid in range(1, 6)]
    for client in clients:
        for _ in range(20):
            client.ask("Activate", GLib.Variant("(s)", (POLICY,)))
    polkit.wait_question(100)
    sixth = RawClient(machine, 6)
    sixth.ask("Discard", GLib.Variant("(ss)", (POLICY, "1.0.0")))
    assert polkit.wait_question(101).action == "discard"
    machine.wait_for(lambda: polkit.withdrawn == 1, "the end of another question")
    assert machine.list(), "root needs no question"
    polkit.questions[100].answer("yes")
    machine.wait_for(lambda: not machine.list(), "what the sixth asked for")
    for client in [*clients, sixth]:
        client.close()


def test_a_user_who_has_the_most_has_no_more(machine, polkit):
    polkit.held = True
    client = RawClient(machine, NOBODY)
    for _ in range(21):
        client.ask("Activate", GLib.Variant("(s)", (POLICY,)))
    polkit.wait_question(20)
    client.answers(2)
    assert client.sentences[0].startswith(LIMITS)
    client.close()
    machine.wait_for(lambda: polkit.withdrawn == 20, "the end of the questions")


def test_descriptors_that_a_call_does_not_take_do_not_reach_the_daemon(machine, polkit):
    """A call may carry 16 descriptors, whatever its arguments. A daemon that runs out of them loses the bus."""
    clients = [RawClient(machine, uid) for uid in range(1, 8)]
    for client in clients:
        for _ in range(20):
            client.call(NAME, PATH, NAME, "Activate", GLib.Variant("(s)", (POLICY,)), [client.socket.fileno()] * 16)
        client.answers(21)
        assert len(client.sentences) == 20 and all(sentence.startswith(DENIED) for sentence in client.sentences)
        client.close()
    assert not polkit.questions and machine.list()


def begin_activation(machine, polkit, uid, number):
    """The call of a user whose activation is being inspected, or waits for that: one inspection runs at a time."""
    client = polkit.begin("Activate", f"('{POLICY}',)", uid=uid)
    machine.wait_for(lambda: len(polkit.questions) >= number, "the question")
    return client


def test_a_user_who_activates_again_and_again_does_not_keep_root_from_it(machine, polkit):
    allow(polkit, "activate")
    machine.inspector.gate.clear()
    first = begin_activation(machine, polkit, NOBODY, 1)
    machine.wait_for(lambda: machine.inspector.calls == 1, "the look")
    assert polkit.end(begin_activation(machine, polkit, 1, 2)).startswith(LIMITS), "another user waits"
    root = begin_activation(machine, polkit, 0, 2)
    assert polkit.end(first).startswith(f"{LIMITS}Root is activating")
    assert polkit.end(begin_activation(machine, polkit, NOBODY, 3)).startswith(LIMITS)
    assert polkit.end(begin_activation(machine, polkit, 0, 3)).startswith(LIMITS), "root does not take the place of root"
    machine.inspector.gate.set()
    assert polkit.end(root).startswith("('/org/ipe/policy/")
    assert machine.kernel.read(f"policies/{POLICY}/trial") == b"120"


# Can...(): calls that a desktop may offer


def can(polkit, method, arguments):
    return polkit.call(method, arguments)


CAN = {"CanStage": ("()", "stage"), "CanInspect": ("()", "inspect"), "CanActivate": (f"('{POLICY}', @a{{sv}} {{}})", "activate"),
       "CanDiscard": (f"('{POLICY}', '1.0.0')", "discard"), "CanPreflight": (f"('{POLICY}', @a{{sv}} {{}})", "inspect"),
       "CanSetEnforce": ("(false,)", "set-enforce"), "CanSetSuccessAudit": ("(true,)", "set-success-audit")}
CAN_OF_WHAT_IS_CONFIRMED = {"CanDeactivate": "deactivate"}
CAN_OF_A_TRIAL = {"CanConfirm": "confirm", "CanEndTrial": "rollback", "CanRollback": "rollback"}


def test_what_a_caller_may_do(machine, polkit):
    for method, (arguments, action) in CAN.items():
        polkit.questions.clear()
        for word in ("yes", "challenge", "no"):
            polkit.answers = {action: word}
            assert can(polkit, method, arguments) == f"('{word}',)", method
        assert set(polkit.asked()) == {action} and all(question.flags == 0 for question in polkit.questions)
    assert state(machine) == "staged" and not is_activated(machine)


def test_every_question_about_a_right_is_here(machine):
    xml = machine.run("busctl", "introspect", "--xml-interface", NAME, PATH).stdout
    assert set(re.findall(r'<method name="(Can\w+)"', xml)) == CAN.keys() | CAN_OF_A_TRIAL.keys() | CAN_OF_WHAT_IS_CONFIRMED.keys()


def test_what_a_caller_may_do_with_a_trial(trial, polkit):
    for method, action in CAN_OF_A_TRIAL.items():
        for word in ("yes", "challenge", "no"):
            polkit.answers = {action: word}
            assert can(polkit, method, f"('{POLICY}', @a{{sv}} {{}})") == f"('{word}',)", method
        key = "from" if method == "CanRollback" else "version"
        assert can(polkit, method, f"('{POLICY}', {{'{key}': <'3.0.0'>}})") == "('na',)", method
        assert can(polkit, method, "('other', @a{sv} {})") == "('na',)", method
    assert can(polkit, "CanActivate", f"('{POLICY}', @a{{sv}} {{}})") == "('na',)"


def test_of_several_actions_the_one_counts_that_stands_most_in_the_way(machine, polkit):
    all_of_them = dict.fromkeys(ACTIVATING, "yes")
    for words, expected in (({}, "no"), ({"activate": "yes"}, "no"), (all_of_them, "yes"),
                            ({**all_of_them, "activate": "challenge"}, "challenge"),
                            ({**dict.fromkeys(ACTIVATING, "challenge"), "activate-no-trial": "no"}, "no")):
        polkit.answers = words
        assert can(polkit, "CanActivate", f"('{POLICY}', {{'force': <true>, 'trial-sec': <uint64 0>}})") == f"('{expected}',)"


NOT_AVAILABLE = [
    ("CanActivate", "('other', @a{sv} {})"), ("CanActivate", f"('{POLICY}', {{'version': <'9.0.0'>}})"),
    ("CanConfirm", f"('{POLICY}', @a{{sv}} {{}})"), ("CanEndTrial", f"('{POLICY}', @a{{sv}} {{}})"),
    ("CanRollback", f"('{POLICY}', @a{{sv}} {{}})"), ("CanDiscard", f"('{POLICY}', '9.0.0')"),
    ("CanDiscard", f"('{POLICY}', '')"),
    ("CanDeactivate", "(@a{sv} {},)"), ("CanPreflight", "('other', @a{sv} {})"), ("CanPreflight", f"('{POLICY}', {{'version': <'9.0.0'>}})")]


def test_what_nobody_can_do_needs_no_question(machine, polkit):
    for method, arguments in NOT_AVAILABLE:
        assert can(polkit, method, arguments) == "('na',)", method
    assert not polkit.questions


def test_root_may_do_what_there_is_to_do(machine):
    assert machine.call("CanActivate", GLib.Variant("(sa{sv})", (POLICY, {"force": GLib.Variant("b", True)}))) == ("yes",)
    assert machine.call("CanConfirm", GLib.Variant("(sa{sv})", (POLICY, {}))) == ("na",)


def test_without_polkit_the_answer_is_no(machine):
    assert machine.call_as(NOBODY, "CanStage", "()").stdout == "('no',)\n"


def test_default_is_a_challenge(machine):
    machine.start_polkit()
    assert machine.call_as(NOBODY, "CanActivate", f"('{POLICY}', @a{{sv}} {{}})").stdout == "('challenge',)\n"


def test_example_of_the_manual_is_a_rule(machine):
    """It lets nobody activate a version of corp-base on trial, and nothing else."""
    text = (TOP / "man/org.ipe.Manager.5.xml").read_text()
    rule = text.partition("polkit.addRule")[2].partition("</programlisting>")[0]
    rule = "polkit.addRule" + rule.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace('"operator"', '"nobody"')
    (machine.rules / "10-test.rules").write_text(rule)
    machine.start_polkit()
    assert machine.call_as(NOBODY, "CanActivate", f"('{POLICY}', @a{{sv}} {{}})").stdout == "('yes',)\n"
    assert machine.call_as(NOBODY, "CanActivate", f"('{POLICY}', {{'force': <true>}})").stdout == "('challenge',)\n"
    machine.stage(signed("other"))
    assert machine.call_as(NOBODY, "CanActivate", "('other', @a{sv} {})").stdout == "('challenge',)\n"
