"""Reads of alignment."""

from django.db.models import Count, Q, QuerySet

from leadroom.projects.models import WorkItem
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Ambiguity, Revision


def ambiguities_of(item: WorkItem) -> QuerySet[Ambiguity]:
    """In order, with candidates."""
    return Ambiguity.objects.filter(item=item).prefetch_related("candidates").order_by("position")


def open_count(item: WorkItem) -> int:
    return Ambiguity.objects.filter(item=item, state=AmbiguityState.OPEN).count()


def open_counts(item_ids: list[int]) -> dict[int, tuple[int, int]]:
    """Item id to (open, all) ambiguities, in one query; items without any are absent."""
    rows = (
        Ambiguity.objects.filter(item_id__in=item_ids)
        .values_list("item_id")
        .annotate(open=Count("pk", filter=Q(state=AmbiguityState.OPEN)), every=Count("pk"))
    )
    return {item_id: (open_, every) for item_id, open_, every in rows}


def latest_revision(item: WorkItem) -> Revision | None:
    return Revision.objects.filter(item=item).order_by("-number").first()


def pick_text(ambiguity: Ambiguity) -> str:
    """What was decided, as the agent is told."""
    if ambiguity.own_answer:
        return ambiguity.own_answer
    if ambiguity.picked is None:
        return "deferred; decide conservatively and list it under open questions"
    chosen = next(c for c in ambiguity.candidates.all() if c.position == ambiguity.picked)
    return f"{chosen.title}. {chosen.consequences}"
