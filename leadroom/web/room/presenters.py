"""What the room shows: items as strips, in stages, in groups, or as a table."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Sum
from django.urls import reverse

from leadroom.agents.enums import HELD, OPEN, Phase, Role
from leadroom.agents.models import Run
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.queries import Locks, locks_now
from leadroom.lib.states import Turn
from leadroom.projects.enums import Risk, Stage
from leadroom.projects.models import WorkItem
from leadroom.projects.queries import board_items
from leadroom.reading.moves import Move, Pace, next_moves
from leadroom.reading.queries import Waiting
from leadroom.requirements.queries import open_counts
from leadroom.web.phases import Step, phase_steps
from leadroom.web.templatetags.leadroom_ui import hue
from leadroom.web.templatetags.looks import look_of

FINISHED_SHOWN = 12
VIEWS = {"stages": "Stages", "groups": "Groups", "table": "Table"}
GROUPS = {
    Pace.NEEDS_YOU: "Needs you",
    Pace.WORKING: "Working",
    Pace.WAITING: "Waiting",
    Pace.IDLE: "Idle",
    Pace.DONE: "Done",
}
_COLUMNS = (Stage.ALIGN, Stage.PLAN, Stage.BUILD, Stage.VERIFY, Stage.STITCH, Stage.DONE)


@dataclass(frozen=True)
class Strip:
    """One item. `seen_at` is the last event of a run at work, `since` the beginning of what it waits for.

    `agent_id` is whose lock the strip toggles (0 for none), `lock_word` says which lock covers it, if any.
    """

    pk: int
    dom_id: str
    url: str
    hue: int
    project: str
    number: int
    title: str
    stage: str
    stage_word: str
    risk_word: str
    is_critical: bool
    turn: str
    state: str
    word: str
    pace: Pace
    asked: str
    sentence: str
    since: dt.datetime
    seen_at: dt.datetime | None
    is_held: bool
    line: str
    steps: tuple[Step, ...]
    steps_word: str
    elapsed: dt.timedelta
    tokens: int
    run_url: str
    agent_id: int = 0
    agent_name: str = ""
    lock_word: str = ""


@dataclass(frozen=True)
class Column:
    """A stage, or a group, with its strips."""

    key: str
    word: str
    icon: str
    strips: tuple[Strip, ...]
    more: int = 0


@dataclass(frozen=True)
class Board:
    """The whole board in one of its views."""

    view: str
    is_compact: bool
    columns: tuple[Column, ...] = ()
    strips: tuple[Strip, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        return not self.strips

    @property
    def is_by_stage(self) -> bool:
        return self.view == "stages"

    @property
    def query(self) -> str:
        return f"?view={self.view}" + ("&density=compact" if self.is_compact else "")


def present_board(
    user: AbstractBaseUser | AnonymousUser,
    waiting: list[Waiting],
    *,
    view: str,
    is_compact: bool,
    now: dt.datetime,
) -> Board:
    """Every live item and the newest finished ones, in a fixed number of queries."""
    rows = board_items(user).defer("request")
    ended = [Stage.DONE, Stage.DROPPED]
    items = [*rows.exclude(stage__in=ended), *rows.filter(stage__in=ended)[:FINISHED_SHOWN]]
    strips = _strips(items, waiting, now)
    view = view if view in VIEWS else "stages"
    columns = {"stages": _by_stage, "groups": _by_group, "table": lambda _: ()}[view](strips)
    return Board(view, is_compact, columns, strips)


def _strips(items: Sequence[WorkItem], waiting: list[Waiting], now: dt.datetime) -> tuple[Strip, ...]:
    ids = [item.pk for item in items]
    moves = next_moves(items, waiting)
    picks = open_counts(ids)
    tokens = {
        row["item_id"]: row["read"] + row["written"]
        for row in Run.objects.filter(item_id__in=ids)
        .values("item_id")
        .annotate(read=Sum("input_tokens"), written=Sum("output_tokens"))
        .order_by()
    }
    strips = [_strip(item, moves[item.pk], picks.get(item.pk), tokens.get(item.pk, 0), now) for item in items]
    locks = locks_now()
    strips = [_with_lock(strip, moves[strip.pk].run, locks) for strip in strips]
    return tuple(sorted(strips, key=lambda strip: (list(GROUPS).index(strip.pace), strip.since)))


def _with_lock(strip: Strip, run: Run | None, locks: Locks) -> Strip:
    """An open run's agent can be locked from its strip."""
    if run is None or run.state not in OPEN:
        return strip
    lock = locks.of(run.agent.project_id, run.agent_id)
    word = "" if lock is Lock.OPEN else lock.label
    return replace(strip, agent_id=run.agent_id, agent_name=run.agent.name, lock_word=word)


def _strip(item: WorkItem, move: Move, picks: tuple[int, int] | None, tokens: int, now: dt.datetime) -> Strip:
    run = move.run
    is_held = run is not None and run.state in HELD
    steps, steps_word = _steps(item, run, picks)
    ended_at = item.stage_entered_at if move.pace is Pace.DONE else now
    return Strip(
        pk=item.pk,
        dom_id=f"strip-{item.pk}",
        url=reverse("items:detail", args=[item.pk]),
        hue=hue(item.project),
        project=item.project.name,
        number=item.number,
        title=item.title,
        stage=item.stage,
        stage_word=Stage(item.stage).label,
        risk_word=Risk(item.risk).label,
        is_critical=item.risk == Risk.CRITICAL,
        turn=move.turn,
        state=move.state,
        word=_WORDS.get(move.state, ""),
        pace=move.pace,
        asked=move.sentence.removeprefix("Your turn: ") if move.turn is Turn.HUMAN else "",
        sentence=move.sentence,
        since=move.since,
        seen_at=run.last_event_at if run is not None and is_held else None,
        is_held=is_held,
        line=run.last_line if run is not None else "",
        steps=steps,
        steps_word=steps_word,
        elapsed=ended_at - item.created_at,
        tokens=tokens,
        run_url=reverse("runs:detail", args=[run.pk]) if run is not None else "",
    )


_WORDS = {"MACHINE": "Leadroom"}


def _steps(item: WorkItem, run: Run | None, picks: tuple[int, int] | None) -> tuple[tuple[Step, ...], str]:
    if item.stage == Stage.ALIGN and picks:
        open_, every = picks
        done = every - open_
        states = ["done"] * done + ["next"] * open_
        return tuple(Step(f"Question {n}", s) for n, s in enumerate(states, start=1)), f"{done} of {every} decided"
    if item.stage == Stage.BUILD and run is not None and run.role == Role.DEVELOPER:
        return phase_steps(run), Phase(run.phase).label
    return (), ""


def _by_stage(strips: Iterable[Strip]) -> tuple[Column, ...]:
    rows = list(strips)
    columns = [
        Column(stage.lower(), stage.label, look_of(stage).icon, tuple(s for s in rows if s.stage == stage))
        for stage in _COLUMNS
    ]
    dropped = tuple(s for s in rows if s.stage == Stage.DROPPED)
    columns[-1] = replace(columns[-1], strips=(*columns[-1].strips, *dropped))
    return tuple(columns)


def _by_group(strips: Iterable[Strip]) -> tuple[Column, ...]:
    rows = list(strips)
    groups = [Column(pace, word, "", tuple(s for s in rows if s.pace is pace)) for pace, word in GROUPS.items()]
    return tuple(group for group in groups if group.strips)
