"""Writes of what people keep for later: their own views of the inbox, and rules that agents could be taught."""

import datetime as dt

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import clip, storable
from leadroom.triage import rules
from leadroom.triage.actions import groups
from leadroom.triage.models import Finding, RuleDraft, SavedFilter

FILTERS_ALLOWED = 30


@transaction.atomic
def save_filter(*, name: str, query: str, by: Actor, now: dt.datetime) -> SavedFilter:
    """Keeps a view under a name; the same name again replaces it. Raises NotPermitted, BadInput."""
    rules.check_reader(by)
    name = " ".join(storable(name).split())
    if not name or len(name) > 60:
        raise BadInput("Give the view a name of at most 60 characters; nothing was kept.")
    if len(query) > 500:
        raise BadInput("This view is too long to be kept; nothing was kept.")
    others = SavedFilter.objects.filter(user_id=int(by.id)).exclude(name=name)
    if others.count() >= FILTERS_ALLOWED:
        raise BadInput(f"{FILTERS_ALLOWED} views are kept already; forget one first. Nothing was kept.")
    kept, _ = SavedFilter.objects.update_or_create(user_id=int(by.id), name=name, defaults={"query": query})
    subject = f"triage.filter:{kept.pk}"
    record(by=by, now=now, verb="triage.filter.saved", subject=subject, payload={"name": name, "query": query})
    return kept


@transaction.atomic
def forget_filter(*, kept: SavedFilter, by: Actor, now: dt.datetime) -> None:
    """Takes a view of one's own away. Raises NotPermitted."""
    rules.check_own_filter(kept, by)
    record(by=by, now=now, verb="triage.filter.forgotten", subject=f"triage.filter:{kept.pk}", payload={})
    kept.delete()


@transaction.atomic
def teach(*, finding: Finding, by: Actor, now: dt.datetime) -> RuleDraft:
    """Drafts the rule that would keep a recurrent low finding back. It is in force only once it is part of a skill.

    Raises NotPermitted, Conflict for what is neither low nor recurrent, or drafted already.
    """
    head = groups.lock_head(finding)
    rules.check_teach(head, by)
    title = " ".join(head.title.split())
    text = (
        f"Do not report again what is known as finding {head.pk}: “{clip(title, 200)}”. Count it under `known` if you "
        f"must. Report it all the same when it is worse than {head.worst_severity} or affects somebody new."
    )
    draft = RuleDraft.objects.create(
        project_id=head.project_id, finding=head, text=text, effect=head.size, made_by_name=by.name[:200], made_at=now
    )
    payload = {"finding": head.pk, "effect": head.size}
    record(by=by, now=now, verb="triage.rule.drafted", subject=f"triage.rule:{draft.pk}", payload=payload)
    return draft
