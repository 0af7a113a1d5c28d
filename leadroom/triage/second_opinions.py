"""Reads of the second opinion: which suggestions wait for one."""

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
