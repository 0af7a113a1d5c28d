"""Writes of links: what people say is the same, and what is not."""

import datetime as dt

from django.db import transaction
from django.db.models import F

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.triage import rules
from leadroom.triage.actions import groups
from leadroom.triage.enums import LINKS, LinkKind, LinkState
from leadroom.triage.models import CannotLink, Finding, Link, Shelf


@transaction.atomic
def accept(*, link: Link, by: Actor, now: dt.datetime) -> Link:
    """A person says that a suggestion is right. Raises NotPermitted for others, Conflict when it is decided already."""
    link = groups.lock_link(link)
    rules.check_accept(link, by)
    _judged(link, accepted=True)
    groups.join(link, now)
    _record(link, "accepted", by, now)
    return link


@transaction.atomic
def link_by_hand(*, newer: Finding, older: Finding, kind: LinkKind, by: Actor, now: dt.datetime) -> Link:
    """Puts the groups of two findings together (SAME) or beside each other. The older group stays the one shown.

    Raises NotPermitted for others than people, BadInput for two projects, Conflict for one group already.
    """
    groups.lock_shelf(newer.project_id)
    first, second = groups.root_of(newer), groups.root_of(older)
    rules.check_link(first, second, kind, by)
    older_root, newer_root = sorted((first, second), key=lambda finding: finding.pk)
    link, _ = Link.objects.get_or_create(newer=newer_root, older=older_root, defaults={"kind": kind, "made_at": now})
    link.kind, link.by_itself = kind, False
    groups.join(link, now)
    _record(link, "made", by, now)
    return link


@transaction.atomic
def cut(*, link: Link, by: Actor, now: dt.datetime) -> Link:
    """Takes a link or a suggestion away; the two are never linked or suggested by themselves again.

    What had come to the newer finding stays with it. Raises NotPermitted for others, Conflict when it is cut already.
    """
    link = groups.lock_link(link)
    rules.check_cut(link, by)
    if link.state == LinkState.SUGGESTED:
        _judged(link, accepted=False)
    was_joined = link.state == LinkState.LINKED and link.kind == LinkKind.SAME
    LINKS.check_move(LinkState(link.state), LinkState.CUT)
    link.state, link.decided_at = LinkState.CUT, now
    link.save(update_fields=["state", "decided_at"])
    CannotLink.objects.get_or_create(newer_id=link.newer_id, older_id=link.older_id, defaults={"said_at": now})
    if was_joined:
        root = groups.root_of(link.older)
        groups.set_root(link.newer_id, None)
        groups.measure(root.pk, now)
        groups.measure(link.newer_id, now)
    _record(link, "cut", by, now)
    return link


def split(*, finding: Finding, by: Actor, now: dt.datetime) -> Link:
    """Takes a finding (with all that came to it) out of its group. Raises Conflict when it leads its group."""
    link = Link.objects.filter(newer=finding, kind=LinkKind.SAME, state=LinkState.LINKED).first()
    return cut(link=rules.check_split(link), by=by, now=now)


def _judged(link: Link, *, accepted: bool) -> None:
    """Remembers how a suggestion turned out, for the project's calibration. Links made by hand teach nothing here."""
    if link.state != LinkState.SUGGESTED or link.probability is None:
        return
    Shelf.objects.filter(project_id=link.newer.project_id).update(
        judged=F("judged") + 1, accepted=F("accepted") + int(accepted), expected=F("expected") + link.probability
    )


def _record(link: Link, what: str, by: Actor, now: dt.datetime) -> None:
    record(
        by=by,
        now=now,
        verb=f"triage.link.{what}",
        subject=f"triage.link:{link.pk}",
        payload={"newer": link.newer_id, "older": link.older_id, "kind": link.kind, "engine": link.engine},
    )
