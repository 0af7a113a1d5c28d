"""What the outcomes pages show."""

import csv
import datetime as dt
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone

from leadroom.outcomes import figures, queries
from leadroom.outcomes.definitions import DEFINITIONS
from leadroom.outcomes.enums import Lane, MatchState
from leadroom.outcomes.figures import Figure, Weeks
from leadroom.outcomes.measuring import Segment, timeline
from leadroom.outcomes.models import Advice, Incident, IncidentMatch, ItemMeasure
from leadroom.outcomes.rules import WITHOUT_FILES
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.web.outcomes.forms import WEEKS, Filters
from leadroom.web.outcomes.plots import Plot, draw

ITEMS_SHOWN, INCIDENTS_SHOWN = 20, 10
MOST_SPANS = 13
"""Marks across a plot; a longer time takes several weeks into one, so that people can read it."""
BAR = 600
TONE = {Lane.WORKED: "accent", Lane.HUMAN: "needs", Lane.MACHINE: "quiet"}


@dataclass(frozen=True)
class FigureView:
    """A figure with its drawing."""

    figure: Figure
    plot: Plot

    @property
    def dom_id(self) -> str:
        return f"outcome-{self.figure.key}"


@dataclass(frozen=True)
class Piece:
    """A stretch of a bar of BAR units."""

    x: float
    width: float
    tone: str
    title: str


@dataclass(frozen=True)
class ItemRow:
    title: str
    url: str
    item_url: str
    project: str
    hue: int
    shipped_at: dt.datetime
    unplanned: int
    planned: int
    spans: tuple[tuple[str, str, str], ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class MatchRow:
    """A merge an incident may come from; `refusal` says why this person cannot decide it, empty when they can."""

    pk: int
    state: str
    word: str
    item: str
    url: str
    because: str
    decided: str
    choices: tuple[tuple[str, str, str], ...]
    refusal: str


@dataclass(frozen=True)
class IncidentRow:
    incident: Incident
    matches: tuple[MatchRow, ...]


@dataclass(frozen=True)
class OutcomesPage:
    filters: Filters
    figures: tuple[FigureView, ...]
    rest: tuple[FigureView, ...]
    items: tuple[ItemRow, ...]
    incidents: tuple[IncidentRow, ...]
    advice: Advice | None
    shipped: int
    unmeasured: int
    weeks: tuple[tuple[int, str, bool], ...]
    projects: tuple[tuple[str, str, bool], ...]

    definitions = tuple(DEFINITIONS.values())
    ceiling_anchor = DEFINITIONS["ceiling"].anchor
    break_in_anchor = DEFINITIONS["break_in"].anchor
    timeline_anchor = DEFINITIONS["timeline"].anchor


def gather_figures(filters: Filters, *, now: dt.datetime, step: int) -> tuple[list[Figure], Weeks]:
    """All figures in four queries, `step` weeks in one span."""
    weeks = figures.weeks_until(now, filters.weeks, timezone.get_current_timezone(), step=step)
    ids, since = filters.project_ids, weeks.since
    shipped = queries.shipped(ids, since)
    made = [
        figures.interventions(shipped, weeks),
        figures.waiting(shipped, weeks),
        figures.cycle(shipped, weeks),
        figures.rework(shipped, weeks),
        figures.incidents(queries.merges(ids, since), weeks, now=now),
        figures.p95(queries.samples(ids, since), weeks),
        figures.tickets(queries.ticket_tags(ids, since)),
        figures.attention(shipped, weeks),
        figures.cost(shipped, weeks),
    ]
    return made, weeks


def present_outcomes(
    filters: Filters, visible: Sequence[tuple[str, str]], led: Collection[int], *, now: dt.datetime
) -> OutcomesPage:
    """The whole page in a fixed number of queries.

    `visible` are slug and name of the projects to choose from, `led` the ids of those the person leads.
    """
    made, weeks = gather_figures(filters, now=now, step=-(-filters.weeks // MOST_SPANS))
    views = [FigureView(figure, draw(figure, weeks)) for figure in made]
    chosen = filters.project.slug if filters.project else ""
    return OutcomesPage(
        filters=filters,
        figures=tuple(view for view in views if view.figure.key in _DRAWN),
        rest=tuple(view for view in views if view.figure.key not in _DRAWN),
        items=tuple(map(_item_row, queries.recent_items(filters.project_ids, ITEMS_SHOWN))),
        incidents=tuple(_incident_row(row, led) for row in queries.incidents(filters.project_ids, INCIDENTS_SHOWN)),
        advice=queries.latest_advice(),
        shipped=sum(made[0].series[0].n),
        unmeasured=queries.unmeasured_count(filters.project_ids),
        weeks=tuple((n, filters.query(weeks=str(n)), n == filters.weeks) for n in WEEKS),
        projects=(
            ("Every project", filters.query(project=""), not chosen),
            *((name, filters.query(project=slug), slug == chosen) for slug, name in visible),
        ),
    )


_DRAWN = ("interventions", "waiting", "cycle", "rework", "incidents", "p95")


def _item_row(row: ItemMeasure) -> ItemRow:
    lanes = ((Lane.WORKED, row.worked_seconds), (Lane.HUMAN, row.human_seconds), (Lane.MACHINE, row.machine_seconds))
    whole = sum(seconds for _, seconds in lanes) or 1.0
    pieces, x = [], 0.0
    for lane, seconds in lanes:
        width = BAR * seconds / whole
        pieces.append(Piece(round(x, 1), round(width, 1), TONE[lane], f"{lane.label}: {figures.span(seconds)}"))
        x += width
    return ItemRow(
        title=row.item.title,
        url=reverse("outcomes:item", args=[row.item_id]),
        item_url=reverse("items:detail", args=[row.item_id]),
        project=f"{row.item.project.name} #{row.item.number}",
        hue=row.item.project.colour,
        shipped_at=row.shipped_at,
        unplanned=row.unplanned,
        planned=row.planned,
        spans=tuple((TONE[lane], lane.label, figures.span(seconds)) for lane, seconds in lanes),
        pieces=tuple(pieces),
    )


def _incident_row(incident: Incident, led: Collection[int]) -> IncidentRow:
    refusal = "" if incident.project_id in led else f"Only the lead of {incident.project.name} decides this."
    return IncidentRow(incident, tuple(_match_row(match, refusal) for match in incident.matches.all()))


def _match_row(match: IncidentMatch, refusal: str) -> MatchRow:
    item = match.stitch.item
    choices = {
        MatchState.CONFIRMED: (MatchState.CONFIRMED, "It came from this", "btn-primary"),
        MatchState.REJECTED: (MatchState.REJECTED, "It did not", ""),
    }
    others = [to for to in choices if to != match.state]
    return MatchRow(
        pk=match.pk,
        state=match.state,
        word=MatchState(match.state).label,
        item=f"#{item.number} {item.title}",
        url=reverse("items:detail", args=[item.pk]),
        because=", ".join(match.files[:5]) or WITHOUT_FILES,
        decided=match.decided_by,
        choices=tuple(choices[to] for to in others),
        refusal=refusal,
    )


def as_csv(made: Sequence[Figure], weeks: Weeks) -> str:
    """Every series as rows of figure, series, week, value, unit and denominator; tables without weeks as they are."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["figure", "series", "week", "value", "unit", "n"])
    for figure in made:
        for one in figure.series:
            for day, value, n in zip(weeks.starts, one.values, one.n, strict=True):
                shown = "" if value is None else f"{value:.6g}" if value != int(value) else f"{value:.0f}"
                writer.writerow([figure.key, _harmless(one.name), day.isoformat(), shown, one.unit, n])
        if not figure.series:
            writer.writerows([figure.key, _harmless(row[0]), "", _harmless(row[1]), "", ""] for row in figure.rows)
    return out.getvalue()


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@dataclass(frozen=True)
class LaneView:
    name: str
    tone: str
    total: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Stretch:
    """One row of the table beside the bar."""

    start: dt.datetime
    tone: str
    lane: str
    stage: str
    took: str


@dataclass(frozen=True)
class TimelinePage:
    item: WorkItem
    lanes: tuple[LaneView, ...]
    stretches: tuple[Stretch, ...]
    left_out: int
    whole: str
    is_over: bool

    definition = DEFINITIONS["timeline"]
    box = f"0 0 {BAR} 18"


STRETCHES_SHOWN = 200


def present_timeline(item: WorkItem, *, now: dt.datetime) -> TimelinePage:
    """The item's life by lanes, in one query."""
    start, end = queries.life_of(item, now=now)
    segments = timeline(queries.facts_of(item.pk), created_at=start, ended_at=end)
    whole = max((end - start).total_seconds(), 1.0)

    def piece(segment: Segment) -> Piece:
        x = BAR * (segment.start - start).total_seconds() / whole
        title = f"{segment.lane.label} in {Stage(segment.stage).label}: {figures.span(segment.seconds)}"
        return Piece(round(x, 2), round(max(0.5, BAR * segment.seconds / whole), 2), TONE[segment.lane], title)

    lanes = []
    for lane in Lane:
        mine = [segment for segment in segments if segment.lane is lane]
        total = figures.span(sum(segment.seconds for segment in mine))
        lanes.append(LaneView(lane.label, TONE[lane], total, tuple(map(piece, mine))))
    stretches = tuple(
        Stretch(s.start, TONE[s.lane], s.lane.label, Stage(s.stage).label, figures.span(s.seconds)) for s in segments
    )
    return TimelinePage(
        item=item,
        lanes=tuple(lanes),
        stretches=stretches[:STRETCHES_SHOWN],
        left_out=max(0, len(stretches) - STRETCHES_SHOWN),
        whole=figures.span(whole),
        is_over=item.stage in (Stage.DONE, Stage.DROPPED),
    )
