"""What each tab of an item shows."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db.models import Count
from django.urls import reverse

from leadroom.agents.enums import Role
from leadroom.agents.models import Run
from leadroom.ledger.queries import history_of_item
from leadroom.ledger.sourcelog import Step, steps_of
from leadroom.lib.actors import ActorKind
from leadroom.lib.errors import LeadroomError
from leadroom.lib.shapes import clip
from leadroom.projects.models import WorkItem
from leadroom.requirements.enums import AmbiguityState, Confidence
from leadroom.requirements.models import Ambiguity, Revision
from leadroom.requirements.queries import ambiguities_of, latest_revision, pick_text
from leadroom.testplans.enums import Layer
from leadroom.testplans.models import TestCase, TestPlan
from leadroom.testplans.queries import CoverageRow, coverage, current_plan
from leadroom.verification.enums import ExemptionKind, Outcome, VerificationState
from leadroom.verification.models import CaseResult, Exemption, VerificationRun
from leadroom.verification.queries import case_board
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Worktree

HISTORY_SHOWN = 200
OUTPUT_SHOWN = 40_000
DIFF_BYTES = 400_000
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Decision:
    """One ambiguity and what became of it."""

    key: str
    question: str
    state: str
    answer: str
    is_own: bool
    is_recommended: bool
    who: str
    at: dt.datetime | None


@dataclass(frozen=True)
class AlignmentTab:
    """`body` is the newest document in the fields of `submit_document`."""

    decisions: tuple[Decision, ...]
    open_count: int
    align_url: str
    revision: Revision | None
    body: Mapping[str, Any]
    confidence: str
    confidence_word: str
    revisions: tuple[Revision, ...]


def alignment(item: WorkItem) -> AlignmentTab:
    """Decisions and the document they led to."""
    rows = list(ambiguities_of(item).select_related("decided_by"))
    revisions = tuple(Revision.objects.filter(item=item).defer("body").order_by("-number"))
    revision = latest_revision(item)
    return AlignmentTab(
        decisions=tuple(_decision(row) for row in rows),
        open_count=sum(row.state == AmbiguityState.OPEN for row in rows),
        align_url=reverse("align:item", args=[item.pk]),
        revision=revision,
        body=revision.body if revision else {},
        confidence=revision.confidence if revision else "",
        confidence_word=f"{Confidence(revision.confidence).label} confidence" if revision else "",
        revisions=revisions,
    )


def _decision(row: Ambiguity) -> Decision:
    is_open = row.state == AmbiguityState.OPEN
    return Decision(
        key=row.key,
        question=row.question,
        state=row.state,
        answer="" if is_open else pick_text(row),
        is_own=bool(row.own_answer),
        is_recommended=row.picked == row.recommended,
        who=row.decided_by.get_username() if row.decided_by else ("" if is_open else "Leadroom, as recommended"),
        at=row.decided_at,
    )


@dataclass(frozen=True)
class LayerCases:
    """The cases of one layer."""

    word: str
    cases: tuple[TestCase, ...]


@dataclass(frozen=True)
class PlanTab:
    """The plan that counts now, by layer, with what it covers."""

    plan: TestPlan | None
    url: str
    layers: tuple[LayerCases, ...]
    layer_words: tuple[str, ...]
    rows: tuple[CoverageRow, ...]
    gaps: int
    earlier: int


def plan(item: WorkItem) -> PlanTab:
    """The current plan and its coverage."""
    found = current_plan(item)
    if found is None:
        return PlanTab(None, "", (), (), (), 0, 0)
    cases = list(found.cases.all())
    rows = tuple(coverage(found))
    return PlanTab(
        plan=found,
        url=reverse("plans:detail", args=[found.pk]),
        layers=tuple(LayerCases(layer.label, tuple(c for c in cases if c.layer == layer)) for layer in Layer),
        layer_words=tuple(layer.label for layer in Layer),
        rows=rows,
        gaps=sum(row.is_gap for row in rows),
        earlier=found.number - 1,
    )


@dataclass(frozen=True)
class RunRow:
    """One run in a list."""

    run: Run
    url: str
    role_word: str
    state: str
    phase_word: str
    seconds: float | None
    tokens: int
    events: int


def run_rows(runs: list[Run]) -> tuple[RunRow, ...]:
    """Rows for runs that carry their agents."""
    return tuple(
        RunRow(
            run=run,
            url=reverse("runs:detail", args=[run.pk]),
            role_word=Role(run.role).label,
            state=run.state,
            phase_word=run.get_phase_display() if run.phase else "",
            seconds=(run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else None,
            tokens=run.input_tokens + run.output_tokens,
            events=run.last_seq,
        )
        for run in runs
    )


@dataclass(frozen=True)
class StreamRows:
    """A stream with every run that worked on the item."""

    name: str
    runs: tuple[RunRow, ...]


def streams(item: WorkItem) -> tuple[StreamRows, ...]:
    """Streams with runs, newest first. Runs belong to a stream by their lane."""
    names = list(item.streams.values_list("name", flat=True)) or ["main"]
    runs = list(Run.objects.filter(item=item).select_related("agent").defer("brief", "system_prompt").order_by("-pk"))
    known = [StreamRows(name, run_rows([run for run in runs if run.lane == name])) for name in names]
    others = [run for run in runs if run.lane not in names]
    return (*known, StreamRows("other lanes", run_rows(others))) if others else tuple(known)


@dataclass(frozen=True)
class ChangesTab:
    """The developer's newest tree against its base; `problem` says why it cannot be shown."""

    worktree: Worktree | None
    patch: str
    problem: str
    attempt: int


def changes(item: WorkItem) -> ChangesTab:
    """The diff of the newest developer run that has a tree. Reads git, once per pair of commits."""
    worktree = (
        Worktree.objects.filter(run__item=item, run__role=Role.DEVELOPER)
        .select_related("run__item__project")
        .order_by("-pk")
        .first()
    )
    if worktree is None or not worktree.has_work:
        return ChangesTab(worktree, "", "", worktree.run.attempt if worktree else 0)
    try:
        control = control_of(item.project)
        patch = _patch(control.path, worktree.base, worktree.head)
    except LeadroomError as error:
        return ChangesTab(worktree, "", str(error), worktree.run.attempt)
    return ChangesTab(worktree, patch, "", worktree.run.attempt)


@lru_cache(maxsize=16)
def _patch(control: Path, base: str, head: str) -> str:
    """Two commits never differ differently, so news of the item does not ask git again."""
    return ControlRepository(control).diff(base, head, limit_bytes=DIFF_BYTES)


@dataclass(frozen=True)
class CaseRow:
    """A frozen case with its result in one verification."""

    key: str
    title: str
    pk: int
    is_flaky: bool
    quarantine: str
    layer_word: str
    how: str
    outcome: str
    outcome_word: str
    is_passed: bool
    seconds: float | None
    message: str


@dataclass(frozen=True)
class VerificationTab:
    """The newest verification, case by case, and the ones before it."""

    run: VerificationRun | None
    state_word: str
    rows: tuple[CaseRow, ...]
    passed: int
    every: int
    seconds: float | None
    output: str
    is_cut: bool
    may_run_again: bool
    earlier: tuple[VerificationRun, ...]


def verification(item: WorkItem) -> VerificationTab:
    """Cases × results; a case without a result is shown as not run."""
    runs = list(
        VerificationRun.objects.filter(item=item).select_related("plan").annotate(n=Count("results")).order_by("-pk")
    )
    if not runs:
        return VerificationTab(None, "", (), 0, 0, None, "", False, False, ())
    latest = runs[0]
    results = {result.case_id: result for result in case_board(latest)}
    excused = {
        row.case_id: f"{row.by}: {row.reason}"
        for row in Exemption.objects.filter(case__plan=latest.plan_id, kind=ExemptionKind.QUARANTINE)
    }
    cases = latest.plan.cases.order_by("position")
    rows = tuple(_case_row(case, results.get(case.pk), excused.get(case.pk, "")) for case in cases)
    is_timed = latest.started_at and latest.ended_at
    return VerificationTab(
        run=latest,
        state_word=VerificationState(latest.state).label,
        rows=rows,
        passed=sum(row.is_passed for row in rows),
        every=len(rows),
        seconds=(latest.ended_at - latest.started_at).total_seconds() if is_timed else None,  # type: ignore[operator]
        output=latest.output[-OUTPUT_SHOWN:],
        is_cut=len(latest.output) > OUTPUT_SHOWN,
        may_run_again=latest.state == VerificationState.ERRORED,
        earlier=tuple(runs[1:]),
    )


def _case_row(case: TestCase, result: CaseResult | None, quarantine: str) -> CaseRow:
    return CaseRow(
        key=case.key,
        title=case.title,
        pk=case.pk,
        is_flaky=result is not None and result.outcome == Outcome.FLAKY,
        quarantine=quarantine,
        layer_word=Layer(case.layer).label,
        how=case.node_id or case.command,
        outcome=result.outcome if result else "not_run",
        outcome_word=Outcome(result.outcome).label if result else "Not run",
        is_passed=result is not None and result.outcome == Outcome.PASSED,
        seconds=result.seconds if result else None,
        message=result.message if result else "",
    )


def reports(item: WorkItem) -> list[Any]:
    """Reports with their runs, newest first."""
    return list(item.reports.select_related("run__agent").order_by("-pk"))


@dataclass(frozen=True)
class HistoryRow:
    """One ledger entry in words."""

    at: dt.datetime
    who: str
    icon: str
    words: str
    subject: str
    details: str


_ICONS = {ActorKind.HUMAN: "user", ActorKind.AGENT: "bot", ActorKind.SYSTEM: "cpu"}


@dataclass(frozen=True)
class SourcesTab:
    """Declared sources, and what happened to the item, newest first."""

    steps: tuple[Step, ...]
    history: tuple[HistoryRow, ...]
    is_cut: bool


def sources(item: WorkItem) -> SourcesTab:
    """The source log and the item's entries in the ledger."""
    entries = list(history_of_item(item.pk)[: HISTORY_SHOWN + 1])
    return SourcesTab(
        steps=tuple(steps_of(item_id=item.pk)[::-1]),
        history=tuple(_history_row(entry) for entry in entries[:HISTORY_SHOWN]),
        is_cut=len(entries) > HISTORY_SHOWN,
    )


def _history_row(entry: Any) -> HistoryRow:
    room, thing, verb = (*entry.verb.split("."), "", "")[:3]
    if (room, thing) == ("verification", "run"):
        thing = room  # both agents and verifications have runs
    said = {name: value for name, value in entry.payload.items() if value not in ("", [], {}, None)}
    details = ", ".join(f"{name.replace('_', ' ')}: {_short(value)}" for name, value in said.items())
    return HistoryRow(
        at=entry.at,
        who=entry.actor_name,
        icon=_ICONS.get(entry.actor_kind, "cpu"),
        words=f"{thing} {verb.replace('_', ' ')}".strip() or room,
        subject=entry.subject,
        details=details[:400],
    )


def _short(value: object) -> str:
    """Digests and commits by their first ten characters, lists and tables as their words."""
    if isinstance(value, Mapping):
        return clip(", ".join(f"{name} {_short(inner)}" for name, inner in value.items()), 120)
    if isinstance(value, list):
        return clip(", ".join(map(_short, value)), 120)
    text = str(value)
    if text.startswith("sha256:"):
        return text[7:17]
    return text[:10] if _COMMIT.fullmatch(text) else text[:120]
