"""Loaded items: aligned, and held back until a person fires them."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.projects.enums import Stage
from leadroom.requirements.enums import Confidence
from leadroom.requirements.models import Alignment, Revision


@dataclass(frozen=True)
class Loaded:
    """The document an item would go to planning with; `since` is when it was written."""

    item_id: int
    number: int
    digest: str
    confidence: str
    since: dt.datetime


def held_ids(item_ids: Iterable[int]) -> set[int]:
    """Items in ALIGN that a person wants to wait once they are aligned, whether they are or not."""
    rows = Alignment.objects.filter(item_id__in=list(item_ids), is_held=True, item__stage=Stage.ALIGN)
    return set(rows.values_list("item_id", flat=True))


def loaded(item_ids: Iterable[int]) -> dict[int, Loaded]:
    """Item id to its document, for the loaded among these, in three queries; in one when none is held."""
    held = held_ids(item_ids)
    if not held:
        return {}
    runs = Run.objects.filter(item_id__in=held, role=Role.REQUIREMENTS).order_by("attempt", "pk")
    at_rest = {pk for pk, state in dict(runs.values_list("item_id", "state")).items() if state == RunState.COMPLETED}
    documents = Revision.objects.filter(item_id__in=at_rest).order_by("number").defer("body")
    newest = {revision.item_id: revision for revision in documents}
    return {
        pk: Loaded(pk, revision.number, revision.digest, revision.confidence, revision.created_at)
        for pk, revision in newest.items()
        if revision.confidence != Confidence.LOW
    }
