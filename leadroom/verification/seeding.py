"""Seeded faults: would the frozen cases notice a small mistake in the changed lines? A finding, never a wall."""

import asyncio
import re
import shutil
import time
from pathlib import Path, PurePosixPath

from leadroom.lib.clock import now
from leadroom.lib.shapes import clip, count_of
from leadroom.testplans.models import TestCase
from leadroom.verification import actions
from leadroom.verification.bench import Bench
from leadroom.verification.enums import Outcome
from leadroom.verification.evidence import candidate_of
from leadroom.verification.faults import Fault, faults_of
from leadroom.verification.gates import SEEDED_FAULTS
from leadroom.verification.junit import read_results
from leadroom.verification.models import SeededFault, VerificationRun
from leadroom.worktrees.keeping import control_of

ONE_FAULT_SECONDS = 45.0
ALL_SECONDS = 240.0
"""For all faults of one verification; what was not tried by then is said."""
_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")


def is_due(verification: VerificationRun) -> bool:
    """Whether the item's risk asks for seeded faults and the work is known as a change of something."""
    return bool(SEEDED_FAULTS[verification.item.risk] and verification.hand_in_id and verification.onto)


def changed_lines(diff: str) -> dict[str, set[int]]:
    """Path to the lines a unified diff adds or changes, numbered as in the new file."""
    found: dict[str, set[int]] = {}
    path, line = "", 0
    for row in diff.splitlines():
        if row.startswith("+++ "):
            path = row.removeprefix("+++ b/").rstrip("\t")
        elif match := _HUNK.match(row):
            line = int(match.group(1))
        elif row.startswith("+"):
            found.setdefault(path, set()).add(line)
            line += 1
        elif not row.startswith(("-", "\\")):
            line += 1
    return found


class Check:
    """The seeded faults of one verification that passed: one by one, each in a tree of its own."""

    def __init__(self, verification: VerificationRun, marker: str) -> None:
        self._verification, self._marker = verification, marker
        self._control = control_of(verification.item.project)
        self._folder = verification.item.project.folder / "trees"
        self._began = time.monotonic()
        self._chosen: list[tuple[str, Fault]] = []
        self._possible_count = 0
        self._faults: list[SeededFault] = []

    async def run(self) -> None:
        """Try every chosen fault within ALL_SECONDS and keep what the cases noticed."""
        commit, possible = await asyncio.to_thread(self._possible)
        cases = await asyncio.to_thread(lambda: list(self._verification.plan.cases.all()))
        self._chosen = _spread(possible, SEEDED_FAULTS[self._verification.item.risk])
        self._possible_count = len(possible)
        for number, (path, fault) in enumerate(self._chosen):
            if time.monotonic() - self._began > ALL_SECONDS:
                break
            noticed = await self._try(commit, path, fault, cases, number)
            self._faults.append(
                SeededFault(
                    path=path,
                    line=fault.line,
                    before=clip(fault.before, 500),
                    after=clip(fault.after, 500),
                    hint=fault.hint,
                    noticed_by=noticed,
                    is_noticed=bool(noticed),
                )
            )
        await asyncio.to_thread(self._keep, self._note(len(possible), len(self._chosen)))

    def keep_what_was_tried(self, why: str) -> None:
        """After the work was put down in the middle; `why` is a sentence."""
        tried = f"{len(self._faults)} of {count_of(len(self._chosen), 'chosen fault')} were tried."
        self._keep(f"{why} {tried if self._chosen else 'None was tried.'}")

    def _keep(self, note: str) -> None:
        actions.keep_faults(
            verification=self._verification,
            faults=self._faults,
            possible=self._possible_count,
            seconds=time.monotonic() - self._began,
            note=note,
            now=now(),
        )

    def _possible(self) -> tuple[str, list[tuple[str, Fault]]]:
        """The tree that was verified, and every fault that its changed lines of product code take."""
        verification = self._verification
        candidate = candidate_of(self._control, verification)
        guarded = candidate.frozen.files if candidate.frozen else {}
        diff = self._control.diff(verification.onto, candidate.laid_over, limit_bytes=2_000_000)
        listing, found = self._control.listing(candidate.laid_over), []
        for path, lines in changed_lines(diff).items():
            name = PurePosixPath(path).name
            is_product = path.endswith(".py") and path not in guarded and not name.startswith("test_")
            if is_product and path in listing and listing[path].mode.startswith("100"):
                text = self._control.text_of(listing[path])
                found += [(path, fault) for fault in faults_of(text, lines)]
        return candidate.laid_over, sorted(found, key=lambda row: row[1].rank)

    def _note(self, possible: int, chosen: int) -> str:
        if not possible:
            return "No changed line of Python takes a fault, so none was seeded."
        if len(self._faults) < chosen:
            return f"Stopped after {ALL_SECONDS:g} s: {len(self._faults)} of {chosen} chosen faults were tried."
        if chosen < possible:
            return f"The {chosen} most telling of {count_of(possible, 'possible fault')} were tried."
        return "Every possible fault was tried."

    async def _try(self, commit: str, path: str, fault: Fault, cases: list[TestCase], number: int) -> list[str]:
        """Keys of the cases that fail on the fault. The file is written before anything has run in its tree."""
        tree = self._folder / f"verification-{self._verification.pk}-fault-{number}"
        try:
            shutil.rmtree(tree, ignore_errors=True)
            await asyncio.to_thread(self._control.checkout_clean, tree, commit=commit)
            await asyncio.to_thread(_write, tree / path, fault.text)
            return await self._noticing(tree, cases)
        finally:
            shutil.rmtree(tree, ignore_errors=True)

    async def _noticing(self, tree: Path, cases: list[TestCase]) -> list[str]:
        bench = Bench(tree, self._marker)
        if setup := self._verification.item.project.setup_command:
            await bench.set_up(setup)
        nodes = {case.node_id: case.key for case in cases if case.node_id}
        keys = await self._failing(bench, nodes) if nodes else []
        for case in cases:
            if case.command and (await bench.command(case.command)).outcome != Outcome.PASSED:
                keys.append(case.key)
        return keys

    async def _failing(self, bench: Bench, nodes: dict[str, str]) -> list[str]:
        """One process for all: a fault that stops it, or that it never ends with, is noticed by every case at once."""
        report = await bench.report(list(nodes), ONE_FAULT_SECONDS)
        if report.xml is None or report.done.is_timed_out:
            return list(nodes.values())
        try:
            results = read_results(report.xml, list(nodes))
        except ValueError:
            return list(nodes.values())
        return [key for node, key in nodes.items() if node not in results or results[node].outcome != Outcome.PASSED]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _spread(possible: list[tuple[str, Fault]], limit: int) -> list[tuple[str, Fault]]:
    """At most `limit` faults, a line's second one only after every line had its first."""
    seen: dict[tuple[str, int], int] = {}
    turns = []
    for row in possible:
        place = (row[0], row[1].line)
        turns.append((seen.get(place, 0), row))
        seen[place] = seen.get(place, 0) + 1
    return [row for _, row in sorted(turns, key=lambda turn: turn[0])][:limit]
