"""Writes of attention: one sitting at a time, aligned items that are held and fired, what the project remembers."""

import datetime as dt
from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.db.models import F

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.live.news import publish_item
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements import rules
from leadroom.requirements.actions.proposing import begin
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Alignment, Ambiguity, Sitting
from leadroom.requirements.queries import latest_revision, open_sitting_of

_MOST_KEYS = 1_000


@transaction.atomic
def open_sitting(*, item: WorkItem, user_id: int, by: Actor, now: dt.datetime) -> Sitting:
    """Begin, or go on with, this person's sitting on the item. Raises Conflict while another item is being aligned."""
    if not by.is_human:
        raise NotPermitted("Only a person aligns.")
    sitting, is_new = _sitting(item, user_id, now)
    if is_new:
        _record(sitting, "requirements.sitting.opened", by=by, now=now)
    return sitting


@transaction.atomic
def put_aside(*, sitting: Sitting, by: Actor, now: dt.datetime) -> None:
    """End a sitting; what was decided stays. Does nothing when it is over."""
    if not by.is_human:
        raise NotPermitted("Only a person puts an alignment aside.")
    if Sitting.objects.filter(pk=sitting.pk, closed_at=None).update(closed_at=now):
        _record(sitting, "requirements.sitting.closed", by=by, now=now)


def _record(sitting: Sitting, verb: str, *, by: Actor, now: dt.datetime) -> None:
    sitting.refresh_from_db()
    record(
        by=by,
        now=now,
        verb=verb,
        subject=f"requirements.sitting:{sitting.pk}",
        item_id=sitting.item_id,
        payload={"keys": sitting.keys, "decisions": sitting.decisions, "active_seconds": round(sitting.active_seconds)},
    )
    publish_item(sitting.item_id, "sitting")


def _sitting(item: WorkItem, user_id: int, now: dt.datetime) -> tuple[Sitting, bool]:
    """The person's open sitting on the item, made when there is none, and whether it was made."""
    current = open_sitting_of(user_id)
    if current is not None and current.item_id == item.pk:
        return current, False
    if current is not None:
        is_stale = now - current.last_at > dt.timedelta(minutes=rules.SITTING_MINUTES)
        if not is_stale and current.item.stage == Stage.ALIGN:
            raise Conflict(
                f"You are aligning item {current.item.number}, “{current.item.title}”; one at a time keeps both right. "
                "Nothing was decided here. Put that one aside first, on either page."
            )
        Sitting.objects.filter(pk=current.pk).update(closed_at=now)
    try:
        with transaction.atomic():
            return Sitting.objects.create(user_id=user_id, item=item, opened_at=now, last_at=now), True
    except IntegrityError as error:
        raise Conflict(
            "You began another alignment at this very moment; nothing was decided here. Look again."
        ) from error


def spend(*, item: WorkItem, user_id: int | None, keys: int, decisions: int, at: dt.datetime) -> None:
    """Count an act into the person's sitting, as a part of the act that calls it. Raises Conflict as open_sitting."""
    if user_id is None:
        return
    sitting, _ = _sitting(item, user_id, at)
    gap = min(max((at - sitting.last_at).total_seconds(), 0.0), rules.PAUSE_SECONDS)
    Sitting.objects.filter(pk=sitting.pk).update(
        last_at=at,
        active_seconds=F("active_seconds") + gap,
        keys=F("keys") + min(max(keys, 0), _MOST_KEYS),
        decisions=F("decisions") + decisions,
    )


def is_elsewhere(item: WorkItem, user_id: int | None) -> bool:
    """Whether this person sits on another item, so that one press on a card of this one is no alignment."""
    current = open_sitting_of(user_id) if user_id is not None else None
    return current is not None and current.item_id != item.pk


def close_sittings(*, item: WorkItem, at: dt.datetime) -> None:
    """End every sitting on an item whose decisions were handed over, as a part of that act."""
    Sitting.objects.filter(item=item, closed_at=None).update(closed_at=at)


@transaction.atomic
def hold(*, item: WorkItem, is_held: bool, by: Actor, now: dt.datetime) -> None:
    """Load the item: aligned, it waits until it is fired; or take that back. Raises NotPermitted."""
    if not by.is_human:
        raise NotPermitted("Only a person loads an item.")
    if item.stage != Stage.ALIGN:
        raise NotPermitted("The item has left alignment; it cannot be loaded any more.")
    alignment = begin(item=item, by=by, now=now)
    Alignment.objects.filter(pk=alignment.pk).update(is_held=is_held)
    record(
        by=by,
        now=now,
        verb="requirements.alignment.held" if is_held else "requirements.alignment.let_go",
        subject=f"requirements.alignment:{alignment.pk}",
        item_id=item.pk,
    )
    publish_item(item.pk, "alignment")


@transaction.atomic
def fire(*, items: Mapping[WorkItem, str], by: Actor, now: dt.datetime) -> int:
    """Send loaded items on to planning, all or none; the values are the digests of the documents that were seen.

    Returns how many. Raises BadInput, NotPermitted, Conflict when a document changed since.
    """
    if not by.is_human:
        raise NotPermitted("Only a person fires loaded items.")
    if not items:
        raise BadInput("No item was selected, so none was fired. Tick at least one.")
    for item, seen in items.items():
        revision, alignment = latest_revision(item), begin(item=item, by=by, now=now)
        if revision is None or item.stage != Stage.ALIGN or not alignment.is_held:
            raise Conflict(f"“{item.title}” is not loaded any more; nothing was fired. Look again.")
        if revision.digest != seen:
            raise Conflict(f"The document of “{item.title}” changed since you saw it; nothing was fired. Look again.")
        Alignment.objects.filter(pk=alignment.pk).update(is_held=False, fired_at=now)
        record(
            by=by,
            now=now,
            verb="requirements.alignment.fired",
            subject=f"requirements.alignment:{alignment.pk}",
            item_id=item.pk,
            payload={"digest": seen},
        )
        publish_item(item.pk, "alignment")
    return len(items)


@transaction.atomic
def forget(*, ambiguity: Ambiguity, by: Actor, now: dt.datetime) -> None:
    """Offer this decision to no later alignment any more; the decision itself stays. Raises NotPermitted."""
    if not by.is_human:
        raise NotPermitted("Only a person makes the project forget a decision.")
    if ambiguity.state != AmbiguityState.RESOLVED:
        raise NotPermitted(f"{ambiguity.key} was not decided; there is nothing to forget.")
    if Ambiguity.objects.filter(pk=ambiguity.pk, forgotten_at=None).update(forgotten_at=now):
        record(
            by=by,
            now=now,
            verb="requirements.decision.forgotten",
            subject=f"requirements.ambiguity:{ambiguity.pk}",
            item_id=ambiguity.item_id,
            payload={"key": ambiguity.key},
        )
        publish_item(ambiguity.item_id, "memory")
