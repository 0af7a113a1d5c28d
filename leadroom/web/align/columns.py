"""Whole proposals as columns beside the rows they decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from leadroom.requirements.models import Proposal
from leadroom.web.align.rows import CandidateCard, Question
from leadroom.web.needs.presenters import SEEN, Action


@dataclass(frozen=True)
class Column:
    """One proposal. `approve` takes every open row; None when none is open."""

    key: str
    title: str
    summary: str
    differs: int
    approve: Action | None


@dataclass(frozen=True)
class Cell:
    """What one proposal chooses for one row; `differs` from the first column."""

    column: str
    card: CandidateCard
    differs: bool


@dataclass(frozen=True)
class Line:
    """One row through all columns."""

    question: Question
    cells: list[Cell]


@dataclass(frozen=True)
class Comparison:
    """The table. `open` counts the rows an approval would decide, `kept` those that keep their pick."""

    columns: list[Column]
    lines: list[Line]
    open: int
    kept: int
    is_assembled: bool


def compare(
    proposals: Sequence[Proposal], questions: Sequence[Question], *, item_pk: int, reason: str
) -> Comparison | None:
    """None without proposals, or once every row was handed over. `reason` says why none can be approved."""
    shown = [q for q in questions if q.is_choice and not q.is_left and all(_chosen(q, p) for p in proposals)]
    if not proposals or all(q.is_handed for q in shown):
        return None
    still_open = [q for q in shown if q.is_open]
    seen = {SEEN + q.key: q.seen for q in questions if q.is_open and not q.is_left}
    lines = [Line(q, _cells(q, proposals)) for q in shown]
    columns = [
        Column(
            key=proposal.key,
            title=proposal.title,
            summary=proposal.summary,
            differs=sum(line.cells[at].differs for line in lines),
            approve=_approve(proposal, seen, item_pk, reason) if still_open else None,
        )
        for at, proposal in enumerate(proposals)
    ]
    is_assembled = any(proposal.is_assembled for proposal in proposals)
    return Comparison(columns, lines, len(still_open), len(shown) - len(still_open), is_assembled)


def _chosen(question: Question, proposal: Proposal) -> CandidateCard | None:
    position = proposal.choices.get(question.key)
    return next((card for card in question.candidates if card.position == position), None)


def _cells(question: Question, proposals: Sequence[Proposal]) -> list[Cell]:
    cards = [(proposal.key, card) for proposal in proposals if (card := _chosen(question, proposal))]
    return [Cell(key, card, card != cards[0][1]) for key, card in cards]


def _approve(proposal: Proposal, seen: Mapping[str, str], item_pk: int, reason: str) -> Action:
    """`seen` also has the open rows that no proposal decides: one that came later is a conflict."""
    label, key = f"Approve {proposal.key}", f"Shift+{proposal.key}"
    if reason:
        return Action(label, key=key, reason=reason)
    fields = {"proposal": proposal.key, "seen": proposal.digest, **seen}
    return Action(label, url=reverse("align:take", args=[item_pk]), key=key, fields=fields)
