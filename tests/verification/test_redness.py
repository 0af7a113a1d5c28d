"""Red for the right reason: what pytest says of a test on the base commit, and what it is taken for."""

import pytest

from leadroom.verification.actions import Result
from leadroom.verification.enums import Outcome
from leadroom.verification.redness import judge, judge_command

ROOTS = ("tests/",)


def failed(text: str) -> Result:
    return Result(Outcome.FAILED, 0.1, text)


RIGHT = {
    "an assertion": "AssertionError: 3\ntests/test_a.py:3: in test_a\nE   AssertionError: 3",
    "a bare assertion": "assert 2 == 1\n +  where 2 = f()\ntests/test_a.py:3: in test_a\nE   assert 2 == 1",
    "a refusal that does not come": "Failed: DID NOT RAISE ValueError\nE   Failed: DID NOT RAISE ValueError",
    "a module that is missing": "E   ModuleNotFoundError: No module named 'shop.discount'",
    "a name that is missing": "E   ImportError: cannot import name 'total' from 'shop.prices' (/work/shop/prices.py)",
    "an attribute": "tests/test_a.py:3: in t\nE   AttributeError: module 'shop' has no attribute 'g'",
    "a parameter": "tests/test_a.py:3: in t\nE   TypeError: f() got an unexpected keyword argument 'y'",
    "the program's exit": "E   subprocess.CalledProcessError: Command '['x']' returned non-zero exit status 2.",
    "an error of the product": "tests/test_a.py:3: in t\nshop/prices.py:9: in total\nE   shop.prices.Refused: no",
}
WRONG = {
    "a helper": ("E   ModuleNotFoundError: No module named 'tests.helpers'", "cannot import a helper of the tests"),
    "a conftest": (
        "E   ImportError: cannot import name 'x' from 'conftest' (x)",
        "cannot import a helper of the tests",
    ),
    "a syntax error": ("E     File 'x', line 1\nE   SyntaxError: invalid syntax", "cannot be read"),
    "a fixture": ("E       fixture 'db' not found\n>       available fixtures: x", "a fixture 'db' that nobody wrote"),
    "a typing slip": ("tests/test_a.py:3: in t\nE   NameError: name 'foo' is not defined", "breaks in the test itself"),
    "an index": ("tests/test_a.py:3: in t\nE   KeyError: 'a'", "breaks in the test itself"),
    "a fixture's own fault": ("tests/conftest.py:3: in db\nE   OSError: no database", "breaks in the test itself"),
    "no reason": ("", "no reason given"),
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_red_for_a_right_reason(text: str) -> None:
    assert judge(failed(text), holds_before=False, roots=ROOTS).is_right


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_red_for_a_wrong_reason_says_which(text: str, words: str) -> None:
    found = judge(failed(text), holds_before=False, roots=ROOTS)
    assert not found.is_right
    assert words in found.reason


@pytest.mark.parametrize(
    ("outcome", "holds_before", "is_right", "words"),
    [
        (Outcome.PASSED, False, False, "passes on the base commit"),
        (Outcome.PASSED, True, True, "as the plan says"),
        (Outcome.FAILED, True, False, "is said to hold before"),
        (Outcome.SKIPPED, False, False, "is skipped"),
        (Outcome.MISSING, False, False, "exactly the plan's node id"),
    ],
)
def test_what_is_not_red(outcome: Outcome, holds_before: bool, is_right: bool, words: str) -> None:
    found = judge(Result(outcome, 0.1, ""), holds_before=holds_before, roots=ROOTS)
    assert found.is_right is is_right
    assert words in found.reason


@pytest.mark.parametrize(
    ("status", "holds_before", "is_right"),
    [(2, False, True), (0, False, False), (0, True, True), (3, True, False), (127, False, False), (126, False, False)],
)
def test_a_command_is_red_by_its_exit_status(status: int, holds_before: bool, is_right: bool) -> None:
    assert judge_command(failed(""), status, holds_before=holds_before).is_right is is_right
