"""The requirements document as the decisions so far would have it; a draft to look at while deciding. Pure."""

from collections.abc import Sequence
from typing import Any

from leadroom.lib.shapes import clip
from leadroom.projects.models import WorkItem
from leadroom.requirements.document_rules import TEXT_LIMIT
from leadroom.requirements.enums import AmbiguityState, Confidence, Dimension
from leadroom.requirements.models import Ambiguity, Candidate

_ROOM = TEXT_LIMIT - 100
"""Leaves room for the mark that says how much was left out."""


def preview(item: WorkItem, rows: Sequence[Ambiguity]) -> dict[str, Any]:
    """A body in the shape of `submit_document`, so that it reads as the document will.

    One goal; each decided row is a criterion, or a constraint if that is its dimension; what it was chosen over is a
    non-goal. Rows that are not decided are open questions that begin with their key and name what is recommended.
    """
    decided = [row for row in rows if row.state == AmbiguityState.RESOLVED]
    constraining = [row for row in decided if row.dimension == Dimension.CONSTRAINTS]
    criteria = [row for row in decided if row.dimension != Dimension.CONSTRAINTS]
    waiting = [row for row in rows if row.state not in (AmbiguityState.RESOLVED, AmbiguityState.DISMISSED)]
    return {
        "title": item.title,
        "goals": [
            {
                "id": "G-001",
                "text": item.title,
                "criteria": [
                    {"id": f"AC-{n:03}", "text": _chosen(row), "because": [row.key]}
                    for n, row in enumerate(criteria, start=1)
                ],
            }
        ],
        "constraints": [f"{row.key}: {_chosen(row)}" for row in constraining],
        "non_goals": [text for row in decided if (text := _against(row))],
        "scope_boundary": "",
        "scenarios": [],
        "open_questions": [{"text": _open(row), "state": "deferred"} for row in waiting],
        "confidence": Confidence.LOW if waiting else Confidence.HIGH,
        "missing": [f"{row.key} is not decided." for row in waiting if row.state == AmbiguityState.OPEN],
    }


def _candidates(row: Ambiguity) -> dict[int, Candidate]:
    return {candidate.position: candidate for candidate in row.candidates.all()}


def _chosen(row: Ambiguity) -> str:
    if row.own_answer:
        return clip(f"{row.question} {row.own_answer}", _ROOM)
    pick = _candidates(row)[row.picked or row.recommended]
    return clip(f"{pick.title.rstrip('.')}. {pick.consequences}".strip(), _ROOM)


def _against(row: Ambiguity) -> str:
    others = [c.title.rstrip(".") for c in _candidates(row).values() if c.position != row.picked]
    return f"{row.key}: not “{'”, not “'.join(others)}”" if others else ""


def _open(row: Ambiguity) -> str:
    assumed = _candidates(row).get(row.recommended)
    hint = f" Recommended, not decided: {assumed.title}" if assumed else ""
    return clip(f"{row.key}: {row.question}{hint}", _ROOM)
