"""What the live lanes ask the database: plain synchronous functions, called in the hub's own threads."""

import datetime as dt
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import DatabaseError, InterfaceError
from django.db.models import Max

from leadroom.agents.models import Run, RunEvent
from leadroom.agents.queries import events_after
from leadroom.ledger.models import Entry
from leadroom.lib.clock import now
from leadroom.projects.models import Membership, Project, WorkItem
from leadroom.web.runs.transcript import rows_html
from leadroom.web.runs.transcript import weight as row_weight

log = logging.getLogger(__name__)

PAGE = 500
PAGE_WEIGHT = 1024 * 1024
BATCH_WEIGHT = 128 * 1024


@dataclass(frozen=True)
class Batch:
    """Rows of a run from one seq to another, as the very text that goes to every socket."""

    first: int
    last: int
    text: str


@dataclass(frozen=True)
class Page:
    """Batches in order; `is_last` when nothing was left behind them."""

    batches: Sequence[Batch]
    is_last: bool


@dataclass(frozen=True)
class Allowed:
    """What of a wish list a person may see; runs with their last seq."""

    items: frozenset[int]
    runs: Mapping[int, int]


@dataclass(frozen=True)
class Moved:
    """What moved, says the database: last seqs of runs, times of items' newest ledger entries, and time and
    number of the newest of all."""

    seqs: Mapping[int, int]
    items: Mapping[int, dt.datetime]
    at: dt.datetime | None
    entry: int


def allowed(user: Any, *, items: Iterable[int], runs: Iterable[int]) -> Allowed:
    """Which items and runs belong to projects the person sees."""
    items, runs = set(items), set(runs)
    projects = Project.objects.visible_to(user)
    seen = WorkItem.objects.filter(pk__in=items, project__in=projects)
    heads = Run.objects.filter(pk__in=runs, item__project__in=projects)
    return Allowed(
        frozenset(seen.values_list("pk", flat=True)) if items else frozenset(),
        dict(heads.values_list("pk", "last_seq")) if runs else {},
    )


def rows_after(run_id: int, after: int, *, upto: int | None = None) -> Page:
    """Events past `after`, not past `upto`, as batches in order: at most PAGE events, about PAGE_WEIGHT."""
    events = events_after(run_id, after, PAGE)
    is_last = len(events) < PAGE
    if upto is not None:
        events = [event for event in events if event.seq <= upto]
    batches: list[Batch] = []
    at, weight = after, 0
    for group in _groups(events):
        if weight > PAGE_WEIGHT:
            return Page(batches, is_last=False)
        last = group[-1].seq
        batches.append(Batch(at + 1, last, _message(run_id, at + 1, last, rows_html(run_id, group))))
        at, weight = last, weight + len(batches[-1].text)
    return Page(batches, is_last)


def new_rows(heads: Sequence[tuple[int, int]]) -> list[Page]:
    """`rows_after` for several runs. A run that cannot be drawn is logged and does not hold up the others."""
    pages = []
    for run_id, head in heads:
        try:
            pages.append(rows_after(run_id, head))
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            log.exception("rows of run %s after %s could not be drawn", run_id, head)
            pages.append(Page([], is_last=True))
    return pages


def _message(run_id: int, first: int, last: int, html: str) -> str:
    tail = {"topic": f"run.{run_id}", "from": first, "to": last, "html": html}
    return json.dumps({"tail": tail}, ensure_ascii=False, separators=(",", ":"))


def _groups(events: Sequence[RunEvent]) -> Iterable[list[RunEvent]]:
    group: list[RunEvent] = []
    weight = 0
    for event in events:
        group.append(event)
        weight += row_weight(event.payload)
        if weight >= BATCH_WEIGHT:
            yield group
            group, weight = [], 0
    if group:
        yield group


def newest_entry() -> int:
    """The ledger's last number."""
    return Entry.objects.aggregate(top=Max("pk"))["top"] or 0


def moved(runs: Sequence[int], *, since: int) -> Moved:
    """Where the runs are, and which items got ledger entries after the entry `since`."""
    seqs = dict(Run.objects.filter(pk__in=runs).values_list("pk", "last_seq")) if runs else {}
    items: dict[int, dt.datetime] = {}
    newest, latest = since, None
    for pk, item_id, at in Entry.objects.filter(pk__gt=since).order_by("pk").values_list("pk", "item_id", "at"):
        newest, latest = pk, at
        if item_id is not None:
            items[item_id] = at
    return Moved(seqs, items, latest, newest)


def live_sessions(keys: Sequence[str]) -> set[str]:
    """Those of the session keys that are still good."""
    good: set[str] = set()
    for at in range(0, len(keys), PAGE):
        rows = Session.objects.filter(pk__in=keys[at : at + PAGE], expire_date__gt=now())
        good.update(rows.values_list("pk", flat=True))
    return good


def standings(user_ids: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """What a person's access rests on, by user: any change means that open sockets have to ask again.

    People who may not sign in any more are left out.
    """
    projects: dict[int, list[int]] = {}
    memberships = Membership.objects.filter(user_id__in=user_ids)
    for user_id, project_id in memberships.values_list("user_id", "project_id"):
        projects.setdefault(user_id, []).append(project_id)
    people = get_user_model().objects.filter(pk__in=user_ids, is_active=True)
    rows = people.values_list("pk", "password", "is_superuser")
    return {pk: (password, is_lead, *sorted(projects.get(pk, ()))) for pk, password, is_lead in rows}
