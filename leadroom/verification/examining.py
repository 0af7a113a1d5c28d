"""One examination of a merge candidate: compared first, then run from a clean checkout, then run again, shuffled."""

import asyncio
import random
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
    """Examine the candidate in `tree`, which is made here and left to the caller to remove.

    Raises RepositoryProblem, and LeadroomError when the set-up command fails.
    """
    refused = await asyncio.to_thread(compare, control, candidate)
    if refused:
        return Examination({}, refused, "", 0)
    await asyncio.to_thread(control.checkout_clean, tree, commit=candidate.laid_over)
    bench = Bench(tree, marker)
    if setup_command:
        await bench.set_up(setup_command)
    results, turn = await _run_all(bench, cases), 0
    while turn < repeats and not bench.refusals:
        shuffled = list(cases)
        random.Random(f"{candidate.laid_over}{turn}").shuffle(shuffled)  # noqa: S311 - an order, not a secret
        again = await _run_all(bench, shuffled)
        results = {key: _both(result, again[key]) for key, result in results.items()}
        turn += 1
    return Examination(results, bench.refusals, bench.output, turn)


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
