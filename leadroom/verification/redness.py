"""Is a test red for the right reason? Judged from what pytest said of it on the base commit."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

from leadroom.lib.shapes import clip
from leadroom.verification.actions import Result
from leadroom.verification.enums import Outcome

_RAISED = re.compile(r"^E\s+((?:[A-Za-z_][\w.]*\.)?[A-Z]\w*)(?:: (.*))?$", re.MULTILINE)
_PLACE = re.compile(r"^([^\s:][^:\n]*\.py):\d+: ", re.MULTILINE)
_MODULE = re.compile(r"No module named '([\w.]+)'")
_NAME = re.compile(r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'")
_FIXTURE = re.compile(r"fixture '([^']+)' not found")
_ASSERTION = frozenset({"AssertionError", "Failed", "ExceptionGroup"})
_MISSING = frozenset({"AttributeError", "TypeError", "NotImplementedError"})
_COMMAND = frozenset({"CalledProcessError", "TimeoutExpired"})
_BROKEN = frozenset({"SyntaxError", "IndentationError", "TabError"})


@dataclass(frozen=True)
class Redness:
    """Whether a case may be frozen as it is, and the sentence why (or why not)."""

    is_right: bool
    reason: str


def judge(result: Result, *, holds_before: bool, roots: Collection[str]) -> Redness:
    """The case's result on the base commit with only the tests laid over. `roots`: folders of the tests' own files."""
    if result.outcome == Outcome.PASSED:
        if holds_before:
            return Redness(True, "Holds on the base commit, as the plan says it does already.")
        return Redness(False, "passes on the base commit, so it does not show that anything new works")
    if holds_before:
        return Redness(False, f"is said to hold before the change, but on the base commit it is {result.outcome}")
    if result.outcome == Outcome.SKIPPED:
        return Redness(False, "is skipped or expected to fail, so it never shows anything")
    if result.outcome == Outcome.MISSING:
        return Redness(False, "is not in the tests that were handed in, under exactly the plan's node id")
    return _judge_failure(result.message, roots)


def judge_command(result: Result, status: int, *, holds_before: bool) -> Redness:
    """A command on the base commit: red by its exit status, unless the shell could not even find it."""
    if result.outcome == Outcome.ERROR:
        return Redness(False, "does not end on the base commit")
    if status in (126, 127) and not holds_before:
        return Redness(False, f"cannot be run at all (exit status {status}), which proves nothing")
    if holds_before == (status == 0):
        words = "Holds on the base commit, as the plan says." if holds_before else f"Exit status {status}."
        return Redness(True, words)
    if holds_before:
        return Redness(False, f"is said to hold before the change, but ends with exit status {status}")
    return Redness(False, "passes on the base commit, so it does not show that anything new works")


def _judge_failure(message: str, roots: Collection[str]) -> Redness:
    if fixture := _FIXTURE.search(message):
        return Redness(False, f"needs a fixture {fixture.group(1)!r} that nobody wrote")
    raised = _RAISED.findall(message)
    if not raised:
        first = message.strip().splitlines()
        if first and first[0].startswith("assert"):
            return Redness(True, f"Fails by assertion: {clip(first[0], 160)}")
        return Redness(False, f"does not fail but breaks: {clip(first[-1] if first else 'no reason given', 200)}")
    name, words = raised[-1][0].rpartition(".")[2], raised[-1][1].strip()
    said = clip(f"{name}: {words}" if words else name, 200)
    if name in _BROKEN:
        return Redness(False, f"cannot be read ({said})")
    if name in ("ModuleNotFoundError", "ImportError"):
        return _judge_import(said, roots)
    if name in _ASSERTION:
        return Redness(True, f"Fails by assertion: {said}")
    if name in _COMMAND:
        return Redness(True, f"The program refuses: {said}")
    if name in _MISSING:
        return Redness(True, f"The feature is missing: {said}")
    places = _PLACE.findall(message)
    if places and not places[-1].startswith(("/", "<", *roots)) and PurePosixPath(places[-1]).name != "conftest.py":
        return Redness(True, f"The program itself raises {said}")
    return Redness(False, f"breaks in the test itself ({said}); it must fail by an assertion or by what is missing")


def _judge_import(said: str, roots: Collection[str]) -> Redness:
    module, missing = _MODULE.search(said), _NAME.search(said)
    name = module.group(1) if module else missing.group(2) if missing else ""
    folders = {root.strip("/") for root in roots} | {root.strip("/").split("/")[0] for root in roots}
    if name.split(".")[0] in {*folders, "conftest"} or name.replace(".", "/").startswith(tuple(roots) or ("\0",)):
        return Redness(False, f"cannot import a helper of the tests ({said})")
    if not name:
        return Redness(False, f"cannot be imported ({said})")
    return Redness(True, f"The feature is missing: {said}")
