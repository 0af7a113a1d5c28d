"""Writes of the second opinion that a model may give on suggestions."""

import datetime as dt
from collections.abc import Mapping

from django.db import transaction
from django.db.models import F

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.shapes import clip, storable
from leadroom.live.news import publish
from leadroom.projects.models import Project
from leadroom.triage.adjudication import PROMPT_VERSION, Opinion
from leadroom.triage.enums import LinkState
from leadroom.triage.models import Adjudication, Link, Shelf
from leadroom.triage.rules import check_asks, check_state

PAUSE = dt.timedelta(minutes=15)


@transaction.atomic
def set_adjudication(*, project: Project, is_on: bool, asks_per_day: int, by: Actor, now: dt.datetime) -> Shelf:
    """Whether a model is asked about suggestions of a project, and how often a day. Off until a person says so.

    Raises NotPermitted for others, BadInput for a budget out of range.
    """
    check_asks(by, asks_per_day)
    shelf, _ = Shelf.objects.get_or_create(project=project)
    shelf.adjudicates, shelf.asks_per_day = is_on, asks_per_day
    shelf.ask_problem, shelf.ask_again_at = "", None
    shelf.save(update_fields=["adjudicates", "asks_per_day", "ask_problem", "ask_again_at"])
    record(
        by=by,
        now=now,
        verb="triage.engine.adjudication_set",
        subject=f"triage.shelf:{shelf.pk}",
        payload={"is_on": is_on, "asks_per_day": asks_per_day},
    )
    return shelf


@transaction.atomic
def reserve_asks(*, shelf: Shelf, asks: int, by: Actor, now: dt.datetime) -> bool:
    """Takes questions from the day's budget, before they are asked; whether there were as many left.

    What is asked in vain stays spent: a server that fails must not be asked for ever. Raises NotPermitted for an agent.
    """
    check_state(by)
    today = now.astimezone(dt.UTC).date()
    rows = Shelf.objects.filter(pk=shelf.pk, adjudicates=True)
    rows.exclude(asked_on=today).update(asked_on=today, asked_today=0)
    if not rows.filter(asked_today__lte=F("asks_per_day") - asks).update(asked_today=F("asked_today") + asks):
        return False
    record(
        by=by,
        now=now,
        verb="triage.engine.asks_reserved",
        subject=f"triage.shelf:{shelf.pk}",
        payload={"asks": asks, "day": today.isoformat()},
    )
    return True


@transaction.atomic
def note_opinions(
    *,
    shelf: Shelf,
    digests: Mapping[int, str],
    opinions: Mapping[str, Opinion],
    model: str,
    by: Actor,
    now: dt.datetime,
) -> None:
    """Keeps what a model said, and shows it beside the suggestions still open. `digests` is by link, what was said by
    digest; a digest without a new opinion takes the one that was kept before. No link is made, cut or moved.

    Raises NotPermitted for an agent.
    """
    check_state(by)
    for digest, opinion in opinions.items():
        said = {
            "said": opinion.said,
            "newer_quote": opinion.newer_quote,
            "older_quote": opinion.older_quote,
            "why": storable(clip(opinion.why, 450)),
            "prompt": PROMPT_VERSION,
            "model": storable(model[:120]),
            "asked_at": now,
        }
        Adjudication.objects.get_or_create(project_id=shelf.project_id, digest=digest, defaults=said)
    kept = Adjudication.objects.filter(project_id=shelf.project_id, digest__in=set(digests.values()))
    by_digest = {one.digest: one.pk for one in kept}
    for link_id, digest in digests.items():
        rows = Link.objects.filter(pk=link_id, newer__project_id=shelf.project_id, state=LinkState.SUGGESTED)
        rows.update(opinion_id=by_digest.get(digest))
    record(
        by=by,
        now=now,
        verb="triage.engine.opinions_noted",
        subject=f"triage.shelf:{shelf.pk}",
        payload={"links": sorted(digests), "asked": len(opinions), "model": model},
    )
    publish("room", "triage", shelf.project_id)


@transaction.atomic
def note_unanswered(*, shelf: Shelf, problem: str, by: Actor, now: dt.datetime) -> None:
    """A question came to nothing: the reason is kept, and nothing is asked for some minutes. Raises NotPermitted."""
    check_state(by)
    said = storable(clip(problem, 450))
    Shelf.objects.filter(pk=shelf.pk).update(ask_problem=said, ask_again_at=now + PAUSE)
    record(
        by=by,
        now=now,
        verb="triage.engine.ask_failed",
        subject=f"triage.shelf:{shelf.pk}",
        payload={"problem": said},
    )
