"""Reads of the second opinion: which suggestions wait for one, and what was said."""

from collections.abc import Iterable

from leadroom.triage.adjudication import Pair
from leadroom.triage.enums import LinkKind, LinkState
from leadroom.triage.models import Adjudication, Link


def pairs_waiting(project_id: int, limit: int) -> dict[int, Pair]:
    """Link to its pair of texts, of open suggestions without an opinion, newest first."""
    rows = Link.objects.filter(
        newer__project_id=project_id, state=LinkState.SUGGESTED, kind=LinkKind.SAME, opinion=None
    ).select_related("newer", "older")
    return {
        link.pk: Pair((link.newer.title, link.newer.body), (link.older.title, link.older.body))
        for link in rows.order_by("-pk")[:limit]
    }


def known_digests(project_id: int, digests: Iterable[str]) -> set[str]:
    """Those of these pairs that a model was asked about before."""
    rows = Adjudication.objects.filter(project_id=project_id, digest__in=list(digests))
    return set(rows.values_list("digest", flat=True))


def opinions_of(link_ids: Iterable[int]) -> dict[int, Adjudication]:
    """Link to what a model said of it, for those that have an opinion; one query for a page."""
    rows = Link.objects.filter(pk__in=list(link_ids), opinion__isnull=False).select_related("opinion")
    return {link.pk: link.opinion for link in rows if link.opinion is not None}
