"""Ambiguities as rows of the alignment page: what is asked, what was decided, what may still be changed."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements.enums import AmbiguityState, Dimension, Kind, Way
from leadroom.requirements.models import Ambiguity, Candidate
from leadroom.requirements.queries import Remembered, pick_text, related
from leadroom.requirements.rules import check_reopen, is_asked
from leadroom.web import access
from leadroom.web.refusals import refusal_of

LEFT = "LEFT"
"""State of an open row that is left to the agent, so that a row which changes sides counts as dealt with."""


@dataclass(frozen=True)
class Clash:
    """A pick elsewhere on the page that a candidate cannot be combined with."""

    ref: str
    link: str
    title: str


@dataclass(frozen=True)
class CandidateCard:
    """One way to resolve a question."""

    position: int
    title: str
    rationale: str
    consequences: str
    if_wrong: str
    confidence: float
    sources: list[dict[str, str]]
    found: int
    clashes: list[Clash]
    is_recommended: bool
    is_picked: bool


@dataclass(frozen=True)
class Memory:
    """What was decided on a like matter before."""

    sentence: str
    url: str


@dataclass(frozen=True)
class Comment:
    text: str
    who: str
    made_at: dt.datetime


@dataclass(frozen=True)
class Question:
    """One ambiguity as a row. `take_back_reason` and `change_reason` say why a decision stays, else are empty.

    `was` is the decision as it stands; a form that changes it sends it along.
    """

    pk: int
    key: str
    kind: str
    round: int
    text: str
    why: str
    dimension: str
    despite: str
    state: str
    is_open: bool
    is_left: bool
    care_reason: str
    seen: str
    was: str
    candidates: list[CandidateCard]
    memory: list[Memory]
    comments: list[Comment]
    opened_by: list[str]
    decision: str
    decided_as: str
    decided_by: str
    decided_at: dt.datetime | None
    is_handed: bool
    take_back_reason: str
    change_reason: str

    @property
    def dom_id(self) -> str:
        return f"ambiguity-{self.key}"

    @property
    def is_choice(self) -> bool:
        return self.kind == Kind.CHOICE

    @property
    def assumed(self) -> CandidateCard:
        """What is recommended: of a question, the answer the agent would assume."""
        return next(card for card in self.candidates if card.is_recommended)


@dataclass(frozen=True)
class Surroundings:
    """What a row needs beside itself, worked out once for all rows of a page."""

    request: HttpRequest
    item: WorkItem
    reason: str
    picks: Mapping[str, str]
    memory: Sequence[Remembered]
    may_revisit: bool


def present_rows(rows: Sequence[Ambiguity], around: Surroundings) -> list[Question]:
    """In the order of the page. The rows come with candidates, remarks, `item` and `decided_by`."""
    clashing = _clashing(rows)
    return [_question(row, around, clashing) for row in rows]


def picks_of(rows: Iterable[Ambiguity]) -> dict[str, str]:
    """`A-003:2` to the title of that candidate, for every row that has a pick."""
    return {
        f"{row.key}:{c.position}": c.title for row in rows for c in row.candidates.all() if c.position == row.picked
    }


def _clashing(rows: Sequence[Ambiguity]) -> dict[str, set[str]]:
    """Candidate to the candidates it cannot be combined with, in both directions."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for candidate in row.candidates.all():
            own = f"{row.key}:{candidate.position}"
            for other in candidate.conflicts:
                found.setdefault(own, set()).add(other)
                found.setdefault(other, set()).add(own)
    return found


def _question(row: Ambiguity, around: Surroundings, clashing: Mapping[str, set[str]]) -> Question:
    is_open = row.state == AmbiguityState.OPEN
    is_left = is_open and not is_asked(row, around.item.risk)
    decision, decided_as = _decision(row)
    return Question(
        pk=row.pk,
        key=row.key,
        kind=row.kind,
        round=row.round,
        text=row.question,
        why=row.why,
        dimension=Dimension(row.dimension).label,
        despite=row.despite,
        state=LEFT if is_left else row.state,
        is_open=is_open,
        is_left=is_left,
        care_reason=row.care_reason,
        seen=row.digest,
        was=row.decision,
        candidates=[_candidate(c, row, around.picks, clashing) for c in row.candidates.all()],
        memory=_memory(row, around) if is_open and not is_left else [],
        comments=[Comment(r.text, access.display_name(r.user), r.made_at) for r in row.remarks.all()],
        opened_by=row.opened_by,
        decision=decision,
        decided_as=decided_as,
        decided_by=_decided_by(row),
        decided_at=row.decided_at,
        is_handed=row.handed_at is not None,
        take_back_reason=_take_back_reason(row, around),
        change_reason=_change_reason(row, around),
    )


def _memory(row: Ambiguity, around: Surroundings) -> list[Memory]:
    return [
        Memory(entry.sentence, f"{reverse('align:item', args=[entry.item_id])}#ambiguity-{entry.key}")
        for entry in related(row.question, around.memory)
    ]


def _decision(row: Ambiguity) -> tuple[str, str]:
    """What was decided, and how; both empty while it is open."""
    if row.state == AmbiguityState.OPEN:
        return "", ""
    if row.own_answer:
        return row.own_answer, "own answer"
    chosen = next((c for c in row.candidates.all() if c.position == row.picked), None)
    if chosen is None:
        return pick_text(row), Way.ENOUGH.label if row.way == Way.ENOUGH else ""
    if row.way in (Way.DELEGATED, Way.LIGHT):
        return chosen.title, Way(row.way).label
    if row.kind == Kind.QUESTION:
        return chosen.title, "as assumed"
    which = "as recommended" if chosen.position == row.recommended else f"candidate {chosen.position}"
    return chosen.title, f"{which}, by proposal" if row.way == Way.PROPOSAL else which


def _decided_by(row: Ambiguity) -> str:
    if row.decided_by:
        return access.display_name(row.decided_by)
    return {Way.ENOUGH.value: "Leadroom", Way.DELEGATED.value: "the agent"}.get(row.way, "Leadroom (light risk)")


def _take_back_reason(row: Ambiguity, around: Surroundings) -> str:
    if row.state == AmbiguityState.OPEN:
        return ""
    return around.reason or refusal_of(lambda: check_reopen(row, by=access.person(around.request)))


def _change_reason(row: Ambiguity, around: Surroundings) -> str:
    """Why no other candidate can be picked instead; a deferred row can still be decided when the document is LOW."""
    if row.state == AmbiguityState.OPEN or around.reason:
        return around.reason
    if row.state == AmbiguityState.DEFERRED and around.may_revisit and row.item.stage == Stage.ALIGN:
        return ""
    if row.state in (AmbiguityState.RESOLVED, AmbiguityState.DEFERRED):
        return _take_back_reason(row, around)
    return "Take it back first, then decide it."


def _candidate(
    candidate: Candidate, row: Ambiguity, picks: Mapping[str, str], clashing: Mapping[str, set[str]]
) -> CandidateCard:
    refs = sorted(clashing.get(f"{row.key}:{candidate.position}", set()) & picks.keys())
    return CandidateCard(
        position=candidate.position,
        title=candidate.title,
        rationale=candidate.rationale,
        consequences=candidate.consequences,
        if_wrong=candidate.if_wrong,
        confidence=candidate.confidence,
        sources=candidate.sources,
        found=sum((source.get("found") or {"counts": True})["counts"] for source in candidate.sources),
        clashes=[Clash(ref, f"#ambiguity-{ref.partition(':')[0]}", picks[ref]) for ref in refs],
        is_recommended=candidate.position == row.recommended,
        is_picked=candidate.position == row.picked,
    )
