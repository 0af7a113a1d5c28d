"""What the pages of runs show."""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from leadroom.agents import rules
from leadroom.agents.enums import HELD, RUNS, EventKind, Phase, Role, RunState
from leadroom.agents.models import Elicitation, Run, RunEvent, RunNote
from leadroom.guardrails.queries import check_unlocked
from leadroom.guardrails.scopes import of_agent
from leadroom.projects.enums import STAGES
from leadroom.web import access
from leadroom.web.guardrails.locks import LockControl, toggle
from leadroom.web.phases import Step, phase_steps
from leadroom.web.refusals import refusal_of
from leadroom.web.runs.transcript import rows_html, weight
from leadroom.web.templatetags.leadroom_ui import hue
from leadroom.worktrees.models import Worktree

EVENTS_SHOWN = 400
WEIGHT_SHOWN = 1024 * 1024
"""About how many characters of rows a page draws at once, one row at least; the rest is loaded on demand."""
CHUNK = 100
SEARCHED = 20_000
"""How many of a run's newest events a search reads."""
RUNS_SHOWN = 50
FILES_SHOWN = 60
_WRITING = {"edit_file", "write_file"}


@dataclass(frozen=True)
class Transcript:
    """Rows as HTML. `after` is the position of the last one, `before` that of the first when more came earlier."""

    html: str
    after: int
    before: int
    count: int


def transcript(run: Run, *, before: int | None = None) -> Transcript:
    """The newest events, as many as a page takes, or those just before a position."""
    rows = RunEvent.objects.filter(run_id=run.pk)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    events, has_more = _fitting(rows.order_by("-seq")[: EVENTS_SHOWN + 1].iterator(chunk_size=CHUNK))
    events.reverse()
    after = events[-1].seq if events else (before or 1) - 1
    return Transcript(rows_html(run.pk, events), after, events[0].seq if has_more else 0, len(events))


def _fitting(events: Iterable[RunEvent]) -> tuple[list[RunEvent], bool]:
    """The first EVENTS_SHOWN that are not too much to draw together, and whether others follow."""
    kept: list[RunEvent] = []
    drawn = 0
    for event in events:
        drawn += weight(event.payload)
        if len(kept) == EVENTS_SHOWN or (kept and drawn > WEIGHT_SHOWN):
            return kept, True
        kept.append(event)
    return kept, False


def found(run: Run, wanted: str) -> Transcript:
    """The newest events of which any text contains `wanted`, in any case, as many as a page takes."""
    needle = wanted.casefold()
    rows = RunEvent.objects.filter(run_id=run.pk, seq__gt=run.last_seq - SEARCHED).order_by("-seq")
    every = rows.iterator(chunk_size=CHUNK)
    hits, _ = _fitting(event for event in every if needle in json.dumps(event.payload, ensure_ascii=False).casefold())
    hits.reverse()
    return Transcript(rows_html(run.pk, hits), run.last_seq, 0, len(hits))


@dataclass(frozen=True)
class TouchedFile:
    """A path a tool call named, and how often it was written."""

    path: str
    writes: int


@dataclass(frozen=True)
class Facts:
    """The panel beside the transcript."""

    run: Run
    dom_id: str
    is_held: bool
    role_word: str
    state_word: str
    phase_word: str
    steps: tuple[Step, ...]
    endpoint: str
    seconds: float | None
    skills: tuple[tuple[str, str], ...]
    files: tuple[TouchedFile, ...]
    more_files: int
    worktree: Worktree | None
    lane_word: str


def present_facts(run: Run, now: dt.datetime) -> Facts:
    """State, model, skills, files, tree: in a fixed number of queries."""
    files = _touched(run)
    end = run.ended_at or now
    return Facts(
        run=run,
        dom_id=f"run-{run.pk}",
        is_held=run.state in HELD,
        role_word=Role(run.role).label,
        state_word=RunState(run.state).label,
        phase_word=Phase(run.phase).label if run.phase else "",
        steps=phase_steps(run) if run.role == Role.DEVELOPER else (),
        endpoint=run.endpoint_url,
        seconds=(end - run.started_at).total_seconds() if run.started_at else None,
        skills=tuple((v.skill.name, v.digest) for v in run.skills.select_related("skill").order_by("pk")),
        files=files[:FILES_SHOWN],
        more_files=max(0, len(files) - FILES_SHOWN),
        worktree=Worktree.objects.filter(run=run).first(),
        lane_word="" if run.lane == "main" else f", lane {run.lane}",
    )


def _touched(run: Run) -> tuple[TouchedFile, ...]:
    """Paths that tools read or wrote without an error, most written first."""
    writes: dict[str, int] = {}
    rows = RunEvent.objects.filter(run_id=run.pk, kind=EventKind.TOOL_RESULT).order_by("-seq")
    for name, paths, is_error in rows.values_list("payload__name", "payload__paths", "payload__is_error")[:5_000]:
        if is_error or not isinstance(paths, list):
            continue
        for path in paths[:50]:
            writes[str(path)] = writes.get(str(path), 0) + (name in _WRITING)
    ordered = sorted(writes.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(TouchedFile(path, count) for path, count in ordered)


@dataclass(frozen=True)
class Option:
    """One prepared answer with its key."""

    key: str
    text: str
    is_recommended: bool


@dataclass(frozen=True)
class Question:
    """The open question of a run."""

    row: Elicitation
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Controls:
    """What a lead may do now; each `…_reason` is the rule's sentence when it is refused."""

    run: Run
    is_over: bool
    question: Question | None
    steer_reason: str
    stop_reason: str
    retry_reason: str
    may_retry: bool
    may_start_again: bool
    answer_reason: str
    notes: tuple[RunNote, ...]
    note_word: str
    lock: LockControl
    is_halted: bool


def present_controls(request: HttpRequest, run: Run) -> Controls:
    """Buttons with their reasons, the open question, and notes the agent has not read."""
    actor = access.person(request)
    looker = refusal_of(lambda: access.require_lead(request, run.item.project))
    asked = Elicitation.objects.filter(run=run, answered_at=None).first()
    if run.state != RunState.WAITING:
        asked = None
    is_stopped = run.state in (RunState.LOST, RunState.FAILED, RunState.HALTED)
    locked = refusal_of(lambda: check_unlocked(run.item.project_id, run.agent_id, kept="nothing was started"))
    agent = of_agent(run.agent_id, run.agent.name, run.item.project)
    return Controls(
        run=run,
        is_over=RUNS.is_final(run.state),
        question=_question(asked) if asked else None,
        steer_reason=looker or refusal_of(lambda: rules.check_steer(run, "note", by=actor)),
        stop_reason=looker or refusal_of(lambda: rules.check_stop(run, by=actor)),
        retry_reason=looker or locked,
        may_retry=is_stopped,
        may_start_again=_may_start_again(run),
        answer_reason=looker,
        notes=tuple(RunNote.objects.filter(run=run, delivered_at=None).order_by("pk")),
        note_word="Never read" if RUNS.is_final(run.state) else "Not read yet",
        lock=toggle(request, agent, run.agent_id, refusal=looker),
        is_halted=run.state == RunState.HALTED,
    )


def _may_start_again(run: Run) -> bool:
    """Whether this is the item's newest run, stopped by a person."""
    if run.state != RunState.CANCELLED or STAGES.is_final(run.item.stage):
        return False
    return not Run.objects.filter(item_id=run.item_id, pk__gt=run.pk).exists()


def _question(row: Elicitation) -> Question:
    advice = row.recommendation.strip().casefold()
    options = [str(option) for option in row.options][:9]
    recommended = next((o for o in options if o.strip() and advice.startswith(o.strip().casefold())), None)
    return Question(row, tuple(Option(str(n), text, text == recommended) for n, text in enumerate(options, start=1)))


@dataclass(frozen=True)
class IndexRow:
    """One run of the list."""

    run: Run
    url: str
    hue: int
    item_url: str
    tokens: int


@dataclass(frozen=True)
class Filter:
    """One option of a filter."""

    value: str
    word: str
    is_chosen: bool


@dataclass(frozen=True)
class Index:
    """A page of runs, newest first; `older` is the query of the next page, empty at the end."""

    rows: tuple[IndexRow, ...]
    states: tuple[Filter, ...]
    roles: tuple[Filter, ...]
    older: str
    is_filtered: bool


def present_index(project_ids: list[int], *, state: str, role: str, before: int | None) -> Index:
    """Runs of these projects, by keyset, in one query."""
    runs: QuerySet[Run] = Run.objects.filter(item__project_id__in=project_ids)
    if state in RunState.values:
        runs = runs.filter(state=state)
    if role in Role.values:
        runs = runs.filter(role=role)
    if before is not None:
        runs = runs.filter(pk__lt=before)
    runs = runs.select_related("agent", "item__project").defer("brief", "system_prompt", "item__request")
    page = list(runs.order_by("-pk")[: RUNS_SHOWN + 1])
    shown = page[:RUNS_SHOWN]
    kept = f"&state={state}&role={role}" if state or role else ""
    return Index(
        rows=tuple(
            IndexRow(
                run,
                reverse("runs:detail", args=[run.pk]),
                hue(run.item.project),
                reverse("items:detail", args=[run.item_id]),
                run.input_tokens + run.output_tokens,
            )
            for run in shown
        ),
        states=tuple(Filter(s.value, s.label, s == state) for s in RunState),
        roles=tuple(Filter(r.value, r.label, r == role) for r in Role),
        older=f"?before={shown[-1].pk}{kept}" if len(page) > RUNS_SHOWN else "",
        is_filtered=bool(state or role),
    )
