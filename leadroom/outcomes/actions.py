"""Writes of outcomes: what came in, what belongs to which merge, and what shipping took."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models, transaction

from leadroom.guardrails.queries import check_unlocked
from leadroom.ledger.actions import record
from leadroom.lib import webhooks
from leadroom.lib.actors import Actor
from leadroom.lib.errors import Conflict
from leadroom.lib.sealing import seal
from leadroom.live.news import publish
from leadroom.outcomes import rules
from leadroom.outcomes.definitions import AFTER_DAYS
from leadroom.outcomes.enums import MATCHES, Came, MatchState
from leadroom.outcomes.measuring import VERSION, Measured
from leadroom.outcomes.models import (
    Advice,
    Delivery,
    FlowSample,
    Incident,
    IncidentMatch,
    Ingress,
    ItemMeasure,
    Ticket,
)
from leadroom.projects.models import Project, WorkItem
from leadroom.triage.actions import Imported, import_findings
from leadroom.triage.imports.reading import Kind
from leadroom.triage.imports.rows import MOST_AT_ONCE
from leadroom.worktrees.models import Stitch

TOPIC = "outcomes"
OLD_SECRET_LIVES = dt.timedelta(hours=24)
DELIVERY_KEPT = dt.timedelta(days=7)
"""Replay is refused by time after five minutes already; ids are kept longer so that a clock set back opens nothing."""


@dataclass(frozen=True)
class Kept:
    """How many records were new, how many changed, and how many were stored just so before."""

    new: int
    changed: int
    same: int


@transaction.atomic
def rotate_secret(*, project: Project, is_old_kept: bool, by: Actor, now: dt.datetime) -> str:
    """A new secret for the project's webhooks, returned this once. The old one ends now, or in a day when kept."""
    secret = webhooks.new_secret()
    sealed = seal(secret, secret=settings.SECRET_KEY)
    Project.objects.select_for_update().get(pk=project.pk)  # of two at once, the second finds the first one's row
    row = Ingress.objects.filter(project=project).first() or Ingress(project=project)
    row.sealed_previous = row.sealed_secret if is_old_kept else ""
    row.previous_until = now + OLD_SECRET_LIVES if row.sealed_previous else None
    row.sealed_secret, row.rotated_at = sealed, now
    row.save()
    record(
        by=by,
        now=now,
        verb="outcomes.ingress.rotated",
        subject=f"projects.project:{project.pk}",
        payload={"project": project.slug, "old_kept": bool(row.sealed_previous)},
    )
    return secret


@transaction.atomic
def keep_incidents(
    *,
    project: Project,
    rows: Sequence[Mapping[str, Any]],
    came: Came,
    by: Actor,
    now: dt.datetime,
    webhook_id: str = "",
) -> Kept:
    """Store incidents by their ids and suggest the merges they may come from.

    Raises Conflict when the webhook was taken in before, Locked for a webhook of a project that is read-only.
    """
    kept = _keep(Incident, project, rows, came=came, by=by, now=now, webhook_id=webhook_id, name="incidents")
    ids = [row["external_id"] for row in rows]
    _suggest(Incident.objects.filter(project=project, external_id__in=ids), project, now=now)
    return kept


@transaction.atomic
def keep_samples(
    *,
    project: Project,
    rows: Sequence[Mapping[str, Any]],
    came: Came,
    by: Actor,
    now: dt.datetime,
    webhook_id: str = "",
) -> Kept:
    """Store flow samples by their ids. Raises as keep_incidents does."""
    return _keep(FlowSample, project, rows, came=came, by=by, now=now, webhook_id=webhook_id, name="samples")


@transaction.atomic
def keep_tickets(
    *,
    project: Project,
    rows: Sequence[Mapping[str, Any]],
    came: Came,
    by: Actor,
    now: dt.datetime,
    webhook_id: str = "",
) -> Kept:
    """Store tickets by their ids. Raises as keep_incidents does."""
    return _keep(Ticket, project, rows, came=came, by=by, now=now, webhook_id=webhook_id, name="tickets")


@transaction.atomic
def keep_findings(
    *, project: Project, kind: Kind, data: bytes, by: Actor, now: dt.datetime, webhook_id: str
) -> Imported:
    """Hand a file of findings to triage, once for each webhook; the same findings under another id are passed over.

    Raises as keep_incidents does, and BadInput for a file that cannot be used.
    """
    _take_delivery(project, webhook_id, "findings", 1, now)
    return import_findings(project=project, kind=kind, data=data, by=by, now=now, most=MOST_AT_ONCE)


def _keep(
    model: type[models.Model],
    project: Project,
    rows: Sequence[Mapping[str, Any]],
    *,
    came: Came,
    by: Actor,
    now: dt.datetime,
    webhook_id: str,
    name: str,
) -> Kept:
    if webhook_id:
        _take_delivery(project, webhook_id, name, len(rows), now)
    else:
        Project.objects.select_for_update().get(pk=project.pk)  # two imports of one file: the second finds the rows
    table = model._default_manager
    ids = [row["external_id"] for row in rows]
    there = {one.external_id: one for one in table.filter(project=project, external_id__in=ids)}  # type: ignore[attr-defined]
    new, changed = [], []
    for row in rows:
        known = there.get(row["external_id"])
        if known is None:
            new.append(model(project=project, came=came, kept_at=now, **row))
        elif any(getattr(known, field) != value for field, value in row.items()):
            for field, value in row.items():
                setattr(known, field, value)
            known.came, known.kept_at = came, now  # type: ignore[attr-defined]
            changed.append(known)
    table.bulk_create(new, batch_size=500)
    for one in changed:
        one.save()
    kept = Kept(len(new), len(changed), len(rows) - len(new) - len(changed))
    record(
        by=by,
        now=now,
        verb=f"outcomes.{name}.kept",
        subject=f"projects.project:{project.pk}",
        payload={"project": project.slug, "came": came, "webhook_id": webhook_id, **asdict(kept)},
    )
    publish(TOPIC, name, project.pk)
    return kept


def _take_delivery(project: Project, webhook_id: str, kind: str, records: int, now: dt.datetime) -> None:
    """The id of a webhook, once. The row is written first: of two at once, one waits and is refused.

    Raises Conflict, Locked while the read-only switch covers the project.
    """
    check_unlocked(project.pk, kept="nothing was stored, send it again later")
    try:
        with transaction.atomic():
            Delivery.objects.create(project=project, webhook_id=webhook_id, kind=kind, records=records, received_at=now)
    except IntegrityError as error:
        raise Conflict("This webhook-id was taken in before; nothing was stored again.") from error
    Delivery.objects.filter(project=project, received_at__lt=now - DELIVERY_KEPT).delete()


def _suggest(incidents: "models.QuerySet[Incident]", project: Project, *, now: dt.datetime) -> None:
    """Suggest merges for these incidents anew; what a person decided stays."""
    rows = list(incidents)
    if not rows:
        return
    first = min(row.opened_at for row in rows) - dt.timedelta(days=AFTER_DAYS)
    merged = ItemMeasure.objects.filter(project=project, stitch__merged_at__gte=first, paths__isnull=False)
    merges = [
        rules.Merge(pk, at, paths or [])
        for pk, at, paths in merged.values_list("stitch_id", "stitch__merged_at", "paths")
        if pk is not None and at is not None
    ]
    IncidentMatch.objects.filter(incident__in=rows, state=MatchState.SUGGESTED).delete()
    decided = set(IncidentMatch.objects.filter(incident__in=rows).values_list("incident_id", "stitch_id"))
    IncidentMatch.objects.bulk_create(
        IncidentMatch(incident=row, stitch_id=merge.stitch_id, files=files, suggested_at=now)
        for row in rows
        for merge, files in rules.suggestions(row.opened_at, row.paths, merges)
        if (row.pk, merge.stitch_id) not in decided
    )


@transaction.atomic
def decide_match(*, match: IncidentMatch, to: MatchState, by: Actor, now: dt.datetime) -> None:
    """A person says that the incident came from the merge, or not. Raises NotPermitted, Conflict."""
    rules.check_decide(by=by)
    MATCHES.check_move(match.state, to)
    moved = IncidentMatch.objects.filter(pk=match.pk, state=match.state).update(
        state=to, decided_by=by.name[:200], decided_at=now
    )
    if not moved:
        raise Conflict("Somebody decided on this match meanwhile; nothing was changed. Reload the page.")
    match.state = to
    record(
        by=by,
        now=now,
        verb=f"outcomes.match.{to.lower()}",
        subject=f"outcomes.match:{match.pk}",
        item_id=match.stitch.item_id,
        payload={"incident": match.incident.external_id, "files": match.files},
    )
    publish(TOPIC, "match", match.pk)


@dataclass(frozen=True)
class Spent:
    """Tokens of an item's runs, and what they cost in millionths of a dollar, None without a price for each model."""

    input_tokens: int
    output_tokens: int
    cost_micros: int | None


@transaction.atomic
def measure_item(
    *,
    item: WorkItem,
    stitch: Stitch | None,
    measured: Measured,
    spent: Spent,
    paths: Sequence[str] | None,
    by: Actor,
    now: dt.datetime,
) -> ItemMeasure:
    """Keep what shipping the item took; a second measure by the same rules changes nothing."""
    there = ItemMeasure.objects.select_for_update().filter(item=item).first()
    if there is not None and there.version == VERSION:
        return there
    fields = {**asdict(measured), **asdict(spent), "version": VERSION, "paths": None if paths is None else list(paths)}
    row = ItemMeasure(
        pk=there.pk if there else None,
        item=item,
        project_id=item.project_id,
        stitch=stitch,
        shipped_at=item.stage_entered_at,
        **fields,
    )
    row.save()
    if stitch is not None and stitch.merged_at is not None:
        last = stitch.merged_at + dt.timedelta(days=AFTER_DAYS)
        near = Incident.objects.filter(project_id=item.project_id, opened_at__range=(stitch.merged_at, last))
        _suggest(near, item.project, now=now)
    record(
        by=by,
        now=now,
        verb="outcomes.item.measured",
        subject=f"projects.item:{item.pk}",
        item_id=item.pk,
        payload={name: value for name, value in fields.items() if name != "paths"},
    )
    publish(TOPIC, "measured", item.pk)
    return row


@transaction.atomic
def give_advice(
    *, ceiling: int, hint: rules.Hint, break_in: str, facts: Mapping[str, Any], by: Actor, now: dt.datetime
) -> Advice:
    """Keep the hint; the same words again change nothing. Changes no ceiling."""
    last = Advice.objects.order_by("-pk").first()
    if last is not None and (last.ceiling, last.sentence, last.break_in) == (ceiling, hint.sentence, break_in):
        return last
    advice = Advice.objects.create(
        ceiling=ceiling,
        suggested=hint.suggested,
        word=hint.word,
        sentence=hint.sentence,
        break_in=break_in,
        facts=dict(facts),
        given_at=now,
    )
    record(
        by=by,
        now=now,
        verb="outcomes.advice.given",
        subject=f"outcomes.advice:{advice.pk}",
        payload={"ceiling": ceiling, "suggested": hint.suggested, "sentence": hint.sentence},
    )
    publish("room", "advice", advice.pk)
    return advice
