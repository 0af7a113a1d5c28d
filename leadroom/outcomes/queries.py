"""Reads of outcomes: the facts figures are made of. Each page reads a fixed number of queries."""

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet, Sum

from leadroom.agents.models import Run
from leadroom.ledger.models import Entry
from leadroom.lib.actors import ActorKind
from leadroom.lib.sealing import unseal
from leadroom.outcomes.enums import MatchState
from leadroom.outcomes.measuring import VERSION, Fact
from leadroom.outcomes.models import Advice, FlowSample, Incident, IncidentMatch, Ingress, ItemMeasure, Ticket
from leadroom.outcomes.rules import WeekFacts
from leadroom.projects.enums import Stage
from leadroom.projects.models import Project, WorkItem
from leadroom.skills.models import SkillVersion
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch

WEEK = dt.timedelta(days=7)


class Shipped(NamedTuple):
    """A shipped item as the figures need it; fields as in models.ItemMeasure."""

    shipped_at: dt.datetime
    planned: int
    unplanned: int
    worked_seconds: float
    human_seconds: float
    machine_seconds: float
    align_seconds: float
    review_seconds: float
    first_review_seconds: float | None
    sent_back: int
    failed_checks: int
    input_tokens: int
    output_tokens: int
    cost_micros: int | None


class Merged(NamedTuple):
    """A merge with the incidents that matched it."""

    merged_at: dt.datetime
    confirmed: int
    suggested: int


class Sample(NamedTuple):
    flow: str
    at: dt.datetime
    p95_ms: float


def facts_of(item_id: int) -> list[Fact]:
    """The item's ledger entries, in their order."""
    rows = Entry.objects.filter(item_id=item_id).order_by("pk")
    return [
        Fact(at, kind == ActorKind.HUMAN, verb, subject, why or "")
        for at, kind, verb, subject, why in rows.values_list("at", "actor_kind", "verb", "subject", "payload__why")
    ]


def unmeasured() -> QuerySet[WorkItem]:
    """Items that are done and not measured by the rules of today, oldest first."""
    done = WorkItem.objects.filter(stage=Stage.DONE)
    return done.filter(Q(measure=None) | ~Q(measure__version=VERSION)).select_related("project").order_by("pk")


def tokens_by_model(item_id: int) -> list[tuple[str, int, int]]:
    """Model name, input and output tokens of the item's runs."""
    rows = Run.objects.filter(item_id=item_id).order_by("model").values_list("model")
    return list(rows.annotate(i=Sum("input_tokens"), o=Sum("output_tokens")).values_list("model", "i", "o"))


def merged_stitch(item_id: int) -> Stitch | None:
    return Stitch.objects.filter(item_id=item_id, state=StitchState.MERGED).first()


def shipped(project_ids: Collection[int], since: dt.datetime) -> list[Shipped]:
    """Items shipped since then, oldest first."""
    rows = ItemMeasure.objects.filter(project_id__in=project_ids, shipped_at__gte=since).order_by("shipped_at")
    return [Shipped(*row) for row in rows.values_list(*Shipped._fields)]


def merges(project_ids: Collection[int], since: dt.datetime) -> list[Merged]:
    """Merges of measured items since then with how many incidents a person confirmed, and how many are suggested."""
    rows = ItemMeasure.objects.filter(project_id__in=project_ids, stitch__merged_at__gte=since)
    state = "stitch__incident_matches__state"
    counted = rows.annotate(
        confirmed=Count("stitch__incident_matches", filter=Q(**{state: MatchState.CONFIRMED})),
        suggested=Count("stitch__incident_matches", filter=Q(**{state: MatchState.SUGGESTED})),
    )
    found = counted.values_list("stitch__merged_at", "confirmed", "suggested")
    return [Merged(at, confirmed, suggested) for at, confirmed, suggested in found if at is not None]


def samples(project_ids: Collection[int], since: dt.datetime) -> list[Sample]:
    rows = FlowSample.objects.filter(project_id__in=project_ids, at__gte=since).order_by("at")
    return [Sample(*row) for row in rows.values_list("flow", "at", "p95_ms")]


def ticket_tags(project_ids: Collection[int], since: dt.datetime) -> list[list[str]]:
    """The tags of each ticket opened since then."""
    rows = Ticket.objects.filter(project_id__in=project_ids, opened_at__gte=since)
    return list(rows.order_by("opened_at").values_list("tags", flat=True))


def recent_items(project_ids: Collection[int], limit: int) -> list[ItemMeasure]:
    rows = ItemMeasure.objects.filter(project_id__in=project_ids).defer("paths", "stitch")
    return list(rows.select_related("item__project").order_by("-shipped_at", "-pk")[:limit])


def unmeasured_count(project_ids: Collection[int]) -> int:
    return unmeasured().filter(project_id__in=project_ids).count()


def advice_given() -> QuerySet[Advice]:
    """Every hint, oldest first."""
    return Advice.objects.all()


def latest_advice() -> Advice | None:
    return advice_given().order_by("-pk").first()


def incidents(project_ids: Collection[int], limit: int) -> list[Incident]:
    """Newest first, with their matches and the items these merged."""
    rows = Incident.objects.filter(project_id__in=project_ids).select_related("project")
    return list(rows.prefetch_related("matches__stitch__item")[:limit])


def counts_of(project: Project) -> dict[str, tuple[int, dt.datetime | None]]:
    """How many records of each kind came in, and when the last one did."""
    found = {}
    for name, table in (("incident", Incident), ("flow_sample", FlowSample), ("ticket", Ticket)):
        row = table._default_manager.filter(project=project).aggregate(n=Count("pk"), last=Max("kept_at"))
        found[name] = (row["n"], row["last"])
    return found


def secrets_of(project: Project, *, now: dt.datetime) -> list[str]:
    """Secrets a webhook of the project may be signed with now, none when it has no door. Raises BadInput (sealing)."""
    row = Ingress.objects.filter(project=project).first()
    if row is None:
        return []
    sealed = [row.sealed_secret]
    if row.sealed_previous and row.previous_until and row.previous_until > now:
        sealed.append(row.sealed_previous)
    return [unseal(one, secret=settings.SECRET_KEY) for one in sealed]


def week_facts(*, now: dt.datetime) -> tuple[WeekFacts, WeekFacts]:
    """The last seven days and the seven before, over all projects, in six queries."""
    return _facts(now - WEEK, now), _facts(now - 2 * WEEK, now - WEEK)


def _facts(start: dt.datetime, end: dt.datetime) -> WeekFacts:
    rows = ItemMeasure.objects.filter(shipped_at__gte=start, shipped_at__lt=end)
    said = rows.aggregate(
        shipped=Count("pk"),
        unplanned=Sum("unplanned", default=0),
        reworked=Count("pk", filter=Q(sent_back__gt=0) | Q(failed_checks__gt=0)),
        worked_seconds=Sum("worked_seconds", default=0.0),
        human_seconds=Sum("human_seconds", default=0.0),
    )
    confirmed = IncidentMatch.objects.filter(
        state=MatchState.CONFIRMED, incident__opened_at__gte=start, incident__opened_at__lt=end
    )
    skills = SkillVersion.objects.filter(seen_at__gte=start, seen_at__lt=end).count()
    return WeekFacts(**said, incidents=confirmed.values("incident").distinct().count(), new_skills=skills)


def life_of(item: WorkItem, *, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """From when to when the item lived; an open one lives until now."""
    is_over = item.stage in (Stage.DONE, Stage.DROPPED)
    return item.created_at, item.stage_entered_at if is_over else now
