"""Reads of alignment."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet, Sum

from leadroom.lib.shapes import clip
from leadroom.projects.enums import Risk
from leadroom.projects.models import WorkItem
from leadroom.requirements import rules
from leadroom.requirements.enums import AmbiguityState, Care
from leadroom.requirements.lint import content_words
from leadroom.requirements.models import Alignment, Ambiguity, Revision, Sitting

HISTORY = 20
"""Decisions of a dimension that count as the lead's habit, newest first."""
MEMORY_LIMIT = 200


def asked(prefix: str = "") -> Q:
    """Open rows that wait for a person, as rules.is_asked says it. `prefix` leads from the queried model to them."""
    is_light = Q(**{f"{prefix}item__risk": Risk.LIGHT, f"{prefix}care_reason": ""})
    return Q(**{f"{prefix}state": AmbiguityState.OPEN, f"{prefix}care": Care.ASK}) & ~is_light


def ambiguities_of(item: WorkItem) -> QuerySet[Ambiguity]:
    """In order, with candidates and remarks."""
    return Ambiguity.objects.filter(item=item).prefetch_related("candidates", "remarks").order_by("position")


def open_count(item: WorkItem) -> int:
    """How many rows wait for a person."""
    return Ambiguity.objects.filter(asked(), item=item).count()


def open_counts(item_ids: list[int]) -> dict[int, tuple[int, int]]:
    """Item id to (open, all) ambiguities, in one query; items without any are absent."""
    rows = (
        Ambiguity.objects.filter(item_id__in=item_ids)
        .values_list("item_id")
        .annotate(open=Count("pk", filter=Q(state=AmbiguityState.OPEN)), every=Count("pk"))
    )
    return {item_id: (open_, every) for item_id, open_, every in rows}


def alignment_of(item: WorkItem) -> Alignment | None:
    return Alignment.objects.filter(item=item).first()


def is_settled(item: WorkItem, now: dt.datetime) -> bool:
    """Whether every decision may go to the agent now (rules.is_settled)."""
    alignment = alignment_of(item)
    return rules.is_settled(
        item,
        list(Ambiguity.objects.filter(item=item)),
        go_at=alignment.go_at if alignment else None,
        now=now,
        undo_seconds=settings.UNDO_SECONDS,
    )


def open_sitting_of(user_id: int) -> Sitting | None:
    """What this person is aligning right now."""
    return Sitting.objects.filter(user_id=user_id, closed_at=None).select_related("item__project").first()


@dataclass(frozen=True)
class Effort:
    """What an alignment took: seconds of attention, key presses and clicks, decisions."""

    seconds: float
    keys: int
    decisions: int

    @property
    def keys_per_decision(self) -> float:
        return round(self.keys / self.decisions, 2) if self.decisions else 0.0


def effort_of(item: WorkItem) -> Effort:
    """Summed over every person's sittings on the item."""
    found = Sitting.objects.filter(item=item).aggregate(
        seconds=Sum("active_seconds"), pressed=Sum("keys"), made=Sum("decisions")
    )
    return Effort(found["seconds"] or 0.0, found["pressed"] or 0, found["made"] or 0)


def dimension_history(item: WorkItem) -> dict[str, tuple[int, int]]:
    """Dimension to (recommendations taken, decisions) among the newest HISTORY people made in the item's project."""
    rows = (
        Ambiguity.objects.filter(item__project_id=item.project_id, state=AmbiguityState.RESOLVED)
        .exclude(item=item)
        .exclude(decided_by=None)
        .order_by("-decided_at")
        .values_list("dimension", "picked", "recommended")[: HISTORY * 10]
    )
    newest: dict[str, list[bool]] = {}
    for dimension, picked, recommended in rows:
        taken = newest.setdefault(dimension, [])
        if len(taken) < HISTORY:
            taken.append(picked == recommended)
    return {dimension: (sum(taken), len(taken)) for dimension, taken in newest.items()}


def latest_revision(item: WorkItem) -> Revision | None:
    return Revision.objects.filter(item=item).order_by("-number").first()


def pick_text(ambiguity: Ambiguity) -> str:
    """What was decided, as the agent is told."""
    if ambiguity.own_answer:
        return ambiguity.own_answer
    if ambiguity.state == AmbiguityState.PROBED:
        return "the lead wants to be asked more before deciding"
    chosen = {c.position: c for c in ambiguity.candidates.all()}
    if ambiguity.picked is None:
        assumed = chosen.get(ambiguity.recommended)
        hint = f" (you would assume: {assumed.title})" if assumed else ""
        return f"deferred; decide conservatively{hint} and list it under open questions"
    pick = chosen[ambiguity.picked]
    return f"{pick.title}. {pick.consequences}".strip()


@dataclass(frozen=True)
class Remembered:
    """A decision of an earlier item, as it is offered to a later alignment; never applied by itself."""

    ambiguity_id: int
    item_id: int
    item_number: int
    key: str
    question: str
    chosen: str
    over: tuple[str, ...]
    decided_at: dt.datetime

    @property
    def sentence(self) -> str:
        over = f" over “{'” and “'.join(self.over)}”" if self.over else ""
        return f"In item {self.item_number} ({self.decided_at:%-d %B %Y}) you chose “{self.chosen}”{over}"

    @property
    def uri(self) -> str:
        return f"#{self.item_number}/{self.key}"


def memory_of(project_id: int, *, before: WorkItem | None = None) -> list[Remembered]:
    """Decisions people made in the project's other items that were handed over and not forgotten, newest first."""
    rows = Ambiguity.objects.filter(
        item__project_id=project_id, state=AmbiguityState.RESOLVED, forgotten_at=None, handed_at__isnull=False
    ).exclude(decided_by=None)
    if before is not None:
        rows = rows.exclude(item=before)
    rows = rows.annotate(number=F("item__number")).prefetch_related("candidates").order_by("-decided_at", "-pk")
    return [_remembered(row) for row in rows[:MEMORY_LIMIT]]


def _remembered(row: Ambiguity) -> Remembered:
    titles = {c.position: c.title for c in row.candidates.all()}
    chosen = row.own_answer or titles.get(row.picked or 0, "")
    return Remembered(
        ambiguity_id=row.pk,
        item_id=row.item_id,
        item_number=row.number,  # type: ignore[attr-defined]
        key=row.key,
        question=row.question,
        chosen=clip(chosen, 200),
        over=tuple(clip(title, 200) for position, title in titles.items() if position != row.picked),
        decided_at=row.decided_at or row.proposed_at,
    )


def related(question: str, memory: Iterable[Remembered]) -> list[Remembered]:
    """Up to two earlier decisions that share most of their words with a question, nearest first."""
    words, scored = content_words(question), []
    for entry in memory:
        other = content_words(entry.question)
        shared = len(words & other)
        if shared >= 2 and shared >= 0.5 * min(len(words), len(other)):
            scored.append((shared / max(1, len(words | other)), entry))
    return [entry for _, entry in sorted(scored, key=lambda pair: -pair[0])[:2]]
