"""One examination of a merge candidate: compared first, then run from clean checkouts, in more than one order."""

import asyncio
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leadroom.testplans.models import TestCase
from leadroom.verification.actions import Result
from leadroom.verification.bench import Bench
from leadroom.verification.enums import Outcome
from leadroom.verification.evidence import Candidate, compare
from leadroom.verification.naming import Refusal
from leadroom.worktrees.control import ControlRepository


@dataclass(frozen=True)
class Examination:
    """Results by case key (none when the comparison refused the work), refusals by name, output, repeats made."""

    results: dict[str, Result]
    refusals: list[Refusal]
    output: str
    repeats: int


async def examine(
    control: ControlRepository,
    candidate: Candidate,
    cases: Sequence[TestCase],
    *,
    tree: Path,
    marker: str,
    setup_command: str,
    repeats: int,
) -> Examination:
    """Examine the candidate in `tree`, made anew for every repeat and left to the caller to remove.

    Raises RepositoryProblem, and LeadroomError when the set-up command fails.
    """
    refused = await asyncio.to_thread(compare, control, candidate)
    if refused:
        return Examination({}, refused, "", 0)
    bench, turn = Bench(tree, marker), 0
    results: dict[str, Result] = {}
    for order in _orders(cases, repeats, seed=candidate.laid_over):
        await asyncio.to_thread(shutil.rmtree, tree, ignore_errors=True)
        await asyncio.to_thread(control.checkout_clean, tree, commit=candidate.laid_over)
        if setup_command:
            await bench.set_up(setup_command)
        found = await _run_all(bench, order)
        results = {key: _both(results.get(key, result), result) for key, result in found.items()}
        if bench.refusals:
            break
        turn += 1
    return Examination(results, bench.refusals, bench.output, max(turn - 1, 0))


def _orders(cases: Sequence[TestCase], repeats: int, *, seed: str) -> list[list[TestCase]]:
    """The plan's own order, then backwards, so that every pair is turned once, then shuffled by the tree's id."""
    orders = [list(cases), list(reversed(cases))]
    for turn in range(2, repeats + 1):
        shuffled = list(cases)
        random.Random(f"{seed}{turn}").shuffle(shuffled)  # noqa: S311 - an order, not a secret
        orders.append(shuffled)
    return orders[: repeats + 1]


async def _run_all(bench: Bench, cases: Sequence[TestCase]) -> dict[str, Result]:
    found = await bench.pytest([case.node_id for case in cases if case.node_id])
    return {case.key: await bench.command(case.command) if case.command else found[case.node_id] for case in cases}


def _both(first: Result, again: Result) -> Result:
    """A case that passes once and fails once is flaky: by itself, or by the order it runs in."""
    if (first.outcome == Outcome.PASSED) == (again.outcome == Outcome.PASSED):
        return first
    failed = again if first.outcome == Outcome.PASSED else first
    words = f"It passed once and once it did not ({failed.outcome}), on the same files in another order.\n"
    return Result(Outcome.FLAKY, first.seconds, words + failed.message)
