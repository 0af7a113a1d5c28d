"""The red check: the plan's cases on the base commit with only the tests laid over, before any of it is frozen."""

import asyncio
import shutil
from collections.abc import Collection
from pathlib import PurePosixPath

from django.conf import settings

from leadroom.lib.clock import now
from leadroom.lib.leases import holder_mark
from leadroom.lib.shapes import count_of
from leadroom.testplans.models import TestCase, TestPlan
from leadroom.verification import actions, freezing
from leadroom.verification.actions import Result
from leadroom.verification.bench import ONE_CASE_SECONDS, Bench
from leadroom.verification.enums import Outcome
from leadroom.verification.freezing import SECTION_FILES, Frozen
from leadroom.verification.junit import collection_errors, module_name, read_results
from leadroom.verification.models import HandIn
from leadroom.verification.queries import held_before_keys
from leadroom.verification.redness import Redness, judge, judge_command
from leadroom.verification.rules import check_hand_in
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Worktree
from leadroom.worktrees.repository import TreeEntry

RED_SECONDS = 600.0


async def hand_in_tests(*, plan: TestPlan, worktree: Worktree) -> HandIn:
    """Check the tests at the tree's head and freeze them when every case is red for the right reason.

    A run that dies in between leaves nothing but a tree, which the next one clears. Raises NotPermitted (frozen
    already), RepositoryProblem, LeadroomError (the set-up command fails).
    """
    check = await asyncio.to_thread(_RedCheck, plan, worktree)
    return await check.run()


class _RedCheck:
    def __init__(self, plan: TestPlan, worktree: Worktree) -> None:
        self._plan, self._worktree = plan, worktree
        self._tree = worktree.path.parent / f"red-{worktree.run_id}"
        self._project = worktree.run.item.project

    async def run(self) -> HandIn:
        cases, held = await asyncio.to_thread(self._facts)
        node_ids = [case.node_id for case in cases if case.node_id]
        control = await asyncio.to_thread(control_of, self._project)
        frozen = await asyncio.to_thread(freezing.freeze, control, self._worktree.head, node_ids)
        try:
            shutil.rmtree(self._tree, ignore_errors=True)
            commit = await asyncio.to_thread(self._base_with_tests, control, frozen)
            await asyncio.to_thread(control.checkout_clean, self._tree, commit=commit)
            verdicts = await self._check(cases, held, frozen)
        finally:
            shutil.rmtree(self._tree, ignore_errors=True)
        return await asyncio.to_thread(self._keep, cases, held, frozen, verdicts)

    def _facts(self) -> tuple[list[TestCase], set[str]]:
        standing = HandIn.objects.filter(plan=self._plan, is_accepted=True, thawed_at=None)
        check_hand_in(self._plan, has_frozen=standing.exists())
        return list(self._plan.cases.all()), held_before_keys(self._plan)

    def _base_with_tests(self, control: ControlRepository, frozen: Frozen) -> str:
        base, head = self._worktree.base, control.listing(self._worktree.head)
        before = freezing.freeze(control, base, list(self._plan.cases.values_list("node_id", flat=True)))
        files: dict[str, TreeEntry | None] = {path: None for path in before.files if path not in frozen.files}
        files |= frozen.files
        files |= {path: head[path] for path in frozen.sections if path in head}
        return control.lay_over(base, files)

    async def _check(self, cases: list[TestCase], held: Collection[str], frozen: Frozen) -> dict[str, Redness]:
        bench = Bench(self._tree, holder_mark(settings.HOME_DIR, f"run-{self._worktree.run_id}"))
        if setup := self._project.setup_command:
            await bench.set_up(setup)
        nodes = [case.node_id for case in cases if case.node_id]
        results = await self._results(bench, nodes, frozen)
        verdicts = {}
        for case in cases:
            holds = case.key in held
            if case.node_id:
                verdicts[case.key] = judge(results[case.node_id], holds_before=holds, roots=frozen.roots)
            else:
                done = await bench.run(["sh", "-c", case.command], ONE_CASE_SECONDS)
                outcome = Outcome.ERROR if done.is_timed_out else Outcome.FAILED
                verdicts[case.key] = judge_command(Result(outcome, 0.0, ""), done.exit_status, holds_before=holds)
        return verdicts

    async def _results(self, bench: Bench, nodes: list[str], frozen: Frozen) -> dict[str, Result]:
        """Whole files first, because one that cannot be imported has no test; what stays open is asked for alone."""
        there = [node for node in nodes if node.split("::")[0] in frozen.files]
        files = sorted({node.split("::")[0] for node in there})
        found: dict[str, Result] = {}
        if files:
            found = await self._of_files(bench, files, there)
        open_nodes = [node for node in there if node not in found]
        if open_nodes and len(files) > 1:
            for file in sorted({node.split("::")[0] for node in open_nodes}):
                found |= await self._of_files(bench, [file], [n for n in open_nodes if n.split("::")[0] == file])
        missing = Result(Outcome.MISSING, 0.0, "")
        return {node: found.get(node, missing) for node in nodes}

    async def _of_files(self, bench: Bench, files: list[str], nodes: list[str]) -> dict[str, Result]:
        options = ["--continue-on-collection-errors", "--tb=short", *files]
        report = await bench.report(options, RED_SECONDS)
        if report.xml is None:
            if len(files) > 1:
                return {}
            status = report.done.exit_status
            words = "does not end" if report.done.is_timed_out else f"leaves its process with status {status}"
            return {node: Result(Outcome.ERROR, 0.0, f"The file {words} before pytest is done.") for node in nodes}
        try:
            found = read_results(report.xml, nodes)
            broken = collection_errors(report.xml)
        except ValueError as error:
            return {node: Result(Outcome.ERROR, 0.0, f"Its results cannot be used: {error}.") for node in nodes}
        for node in nodes:
            if node not in found and module_name(node) in broken:
                found[node] = Result(Outcome.ERROR, 0.0, broken[module_name(node)])
        return found

    def _keep(
        self, cases: list[TestCase], held: Collection[str], frozen: Frozen, verdicts: dict[str, Redness]
    ) -> HandIn:
        rows = [
            {"key": case.key, "is_right": verdicts[case.key].is_right, "reason": verdicts[case.key].reason}
            for case in cases
        ]
        links = [path for path, entry in frozen.files.items() if entry.mode == "120000"]
        rows += [
            {"key": path, "is_right": False, "reason": "is a symbolic link among the tests"} for path in links[:20]
        ]
        if cases and all(case.key in held for case in cases):
            rows.append({"key": "plan", "is_right": False, "reason": "has no case that is red before the change"})
        return actions.keep_hand_in(
            plan=self._plan,
            run_id=self._worktree.run_id,
            base=self._worktree.base,
            commit=self._worktree.head,
            cases=rows,
            frozen={path: str(entry) for path, entry in frozen.files.items()},
            sections=frozen.sections,
            digest=frozen.digest,
            is_accepted=all(row["is_right"] for row in rows),
            now=now(),
        )


def told(hand_in: HandIn) -> str:
    """What the developer is told of the red check."""
    if hand_in.is_accepted:
        names = {PurePosixPath(path).name for path in hand_in.sections} & SECTION_FILES
        parts = f", with the test sections of {', '.join(sorted(names))}" if names else ""
        files = count_of(len(hand_in.frozen), "file")
        return (
            f"Accepted: {len(hand_in.cases)} of {len(hand_in.cases)} cases red for the right reason. "
            f"{files} frozen{parts}, read-only for you from now on and compared at the merge. Write the code."
        )
    wrong = [f"- {case['key']} {case['reason']}." for case in hand_in.cases if not case["is_right"]]
    right = len(hand_in.cases) - len(wrong)
    return (
        f"Refused; nothing was frozen. {right} of {len(hand_in.cases)} cases red for the right reason. Mend these "
        "and hand all tests in again:\n" + "\n".join(wrong[:60])
    )
