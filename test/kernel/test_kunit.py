# SPDX-License-Identifier: LGPL-2.1-or-later
"""The LSM's own KUnit tests run in the kernel while it boots: all of them ran, and none failed or was
skipped."""

import re

import pytest
from conftest import KUNIT
from guest import TOP

CASE = re.compile(r"KUNIT_CASE\((\w+)\)")
SUITE = re.compile(r'\.name = "([\w-]+)",\s+(?:\.init = \w+,\s+)?(?:\.exit = \w+,\s+)?\.test_cases')
RESULT = re.compile(r"^(?:\[ *[\d.]+\])? *(ok|not ok) \d+ ([\w-]+)(.*?)\r?$", re.M)


def expected():
    """The suites and cases in the source."""
    found = {}
    for path in sorted((TOP / "src/lsm/tests").glob("*_test.c")):
        text = path.read_text()
        suite, = SUITE.findall(text)
        found[suite] = set(CASE.findall(text))
        assert found[suite], path
    return found


def read_results(machine):
    """{name: (result, remark)} of suites and cases, in the kernel's words."""
    text = machine.log.read_text(errors="replace")
    return {name: (result, remark) for result, name, remark in RESULT.findall(text)}


@pytest.fixture(scope="module")
def results(boot):
    machine = boot("kunit", *KUNIT)
    return read_results(machine), machine.trouble()


@pytest.mark.parametrize("suite", expected())
def test_suite(results, suite):
    found, _ = results
    for name in (suite, *sorted(expected()[suite])):
        assert found.get(name) == ("ok", ""), name


def test_nothing_ran_that_is_not_known(results):
    found, _ = results
    assert set(found) == set(expected()) | set().union(*expected().values())


def test_kernel_has_nothing_to_report(results):
    _, trouble = results
    assert not trouble


def test_all_suites_on_two_processors(x86):
    found = read_results(x86)
    for suite, cases in expected().items():
        for name in (suite, *sorted(cases)):
            assert found.get(name) == ("ok", ""), name
