"""Seeded faults: what is mutated, and a plan of full line coverage whose missing boundary case is named."""

import asyncio
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadroom.verification import seeding
from leadroom.verification.bench import Bench
from leadroom.verification.faults import faults_of
from leadroom.verification.seeding import changed_lines
from tests.verification.sample import NODES, PRODUCT, TESTS, Sample, made


def afters(text: str, *lines: int) -> list[str]:
    return [fault.after for fault in faults_of(text, set(lines) or {1})]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = a < b", "x = (a <= b)"),
        ("x = a >= 10", "x = (a > 10)"),
        ("x = a == b", "x = (a != b)"),
        ("x = a and b", "x = (a or b)"),
        ("x = not a", "x = a"),
        ("x = a + b", "x = (a - b)"),
        ("x = 3", "x = 4"),
        ("x = True", "x = False"),
        ("f(1)", "pass"),
        ("raise ValueError('no')", "pass"),
        ("x = 'ä' if a < b else ''", "x = 'ä' if (a <= b) else ''"),
    ],
)
def test_a_line_takes_this_fault(before: str, after: str) -> None:
    assert after in afters(before)


@pytest.mark.parametrize("text", ["x: int = y", "'words'", "x = f'{a}{1}'", "# a < b", "def f(a: 3): ...", "x = ("])
def test_nothing_that_does_not_run_is_mutated(text: str) -> None:
    assert afters(text) == []


def test_boundaries_come_first_and_only_the_lines_asked_for() -> None:
    found = faults_of("a = 1\nb = 2\nif a < b:\n    c = 3\n", {2, 3})
    assert [fault.line for fault in found] == [3, 2]
    assert "boundary" in found[0].hint


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_is_survived(text: str) -> None:
    for fault in faults_of(text, set(range(1, 50))):
        compile(fault.text, "mutated", "exec", dont_inherit=True, flags=0x400)


def test_changed_lines_of_a_diff_are_numbered_as_in_the_new_file() -> None:
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,4 @@\n one\n+two\n three\n-four\n+FOUR\n@@ -9 +10,2 @@\n+ten\n eleven\n"
    assert changed_lines(diff) == {"x.py": {2, 4, 10}}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with made(tmp_path_factory.mktemp("faults")) as found:
        yield found


def lines_run() -> set[int]:
    """Lines of the sample's product that the assertions of its plan run."""
    space: dict[str, Any] = {}
    exec(compile(PRODUCT, "discount.py", "exec"), space)
    seen: set[int] = set()

    def watch(frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and frame.f_code.co_filename == "discount.py":
            seen.add(frame.f_lineno)
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        for line in TESTS.splitlines():
            if "assert" in line:
                eval(line.split("assert ")[1], space)
    finally:
        sys.settrace(before)
    return seen


def test_full_line_coverage_hides_a_missing_boundary_which_a_seeded_fault_names(sample: Sample) -> None:
    assert lines_run() == {6, 7, 8}, "the sample's plan runs every line of the function"
    unnoticed = []
    for number, fault in enumerate(faults_of(PRODUCT, {4, 5, 6, 7, 8})):
        tree = sample.control.path.parent / "trees" / f"fault-{number}"
        sample.control.checkout_clean(tree, commit=sample.work)
        (tree / "shop" / "discount.py").write_text(fault.text)
        found = asyncio.run(Bench(tree, "faults").pytest(list(NODES)))
        if all(result.outcome == "passed" for result in found.values()):
            unnoticed.append((fault.line, fault.before, fault.after, fault.hint))
    boundary = (6, "if total >= 100:", "if (total > 100):", "a case exactly on the boundary is missing")
    assert boundary in unnoticed
    assert {line for line, *_ in unnoticed} == {6}, "every other fault is noticed"


def test_a_line_gets_its_second_fault_after_every_line_had_its_first() -> None:
    possible = [("a.py", fault) for fault in faults_of("x = a < b + 1\ny = c + d\n", {1, 2})]
    chosen = seeding._spread(possible, 2)
    assert [fault.line for _, fault in chosen] == [1, 2]
