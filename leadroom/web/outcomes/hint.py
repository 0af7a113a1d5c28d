"""The hint on the ceiling beside the number of running agents, in the query that asks for rehearsals anyway."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Subquery
from django.urls import reverse

from leadroom.outcomes.queries import advice_given
from leadroom.projects.models import Project

_STEPS = ("up", "down")


@dataclass(frozen=True)
class CeilingHint:
    """`try 4`, with the sentence as its tip."""

    word: str
    sentence: str
    url: str


def rehearsal_and_hint(projects: QuerySet[Project]) -> dict[str, Any]:
    """Fields of the top bar. The hint is there only when it advises another ceiling, and the person sees a project."""
    latest = advice_given().order_by("-pk")
    fields = ("word", "suggested", "sentence")
    said = projects.annotate(**{f"hint_{name}": Subquery(latest.values(name)[:1]) for name in fields}).aggregate(
        rehearsals=Count("pk", filter=Q(is_rehearsal=True)), **{name: Max(f"hint_{name}") for name in fields}
    )
    hint = None
    if said["word"] in _STEPS:
        hint = CeilingHint(f"try {said['suggested']}", said["sentence"], reverse("outcomes:index") + "#ceiling")
    return {"is_rehearsal": bool(said["rehearsals"]), "hint": hint}
