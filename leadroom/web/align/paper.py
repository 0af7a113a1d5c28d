"""The requirements document as it is read, and the draft that grows while a person decides."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leadroom.projects.models import WorkItem
from leadroom.requirements.drafting import preview
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Ambiguity, Revision
from leadroom.requirements.queries import pick_text
from leadroom.web.align.rows import Question


@dataclass(frozen=True)
class Trace:
    """What caused a criterion: the request, or a decision on this page."""

    label: str
    link: str
    tip: str


@dataclass(frozen=True)
class Criterion:
    id: str
    text: str
    because: list[Trace]


@dataclass(frozen=True)
class Goal:
    id: str
    text: str
    criteria: list[Criterion]


@dataclass(frozen=True)
class OpenQuestion:
    text: str
    state: str


@dataclass(frozen=True)
class Document:
    """The requirements document, in the order it is read."""

    number: int
    digest: str
    title: str
    confidence: str
    created_at: dt.datetime
    goals: list[Goal]
    constraints: list[str]
    non_goals: list[str]
    scope_boundary: str
    scenarios: list[dict[str, str]]
    open_questions: list[OpenQuestion]
    missing: list[str]

    @property
    def previous(self) -> int:
        """The revision before it; 0 for the first."""
        return self.number - 1


@dataclass(frozen=True)
class Pending:
    """A row that is not decided, with what stands there if nobody decides."""

    key: str
    word: str
    text: str


@dataclass(frozen=True)
class Draft:
    """What the decisions so far say. Texts that begin with the key of their row carry it apart, as `trace`."""

    goals: list[Goal]
    constraints: list[tuple[str, str]]
    non_goals: list[tuple[str, str]]
    pending: list[Pending]

    @property
    def is_empty(self) -> bool:
        return not (self.constraints or any(goal.criteria for goal in self.goals))


def present_document(revision: Revision, rows: Sequence[Ambiguity]) -> Document:
    body: dict[str, Any] = revision.body
    return Document(
        number=revision.number,
        digest=revision.digest,
        title=body.get("title", ""),
        confidence=revision.confidence,
        created_at=revision.created_at,
        goals=_goals(body, rows),
        constraints=body.get("constraints", []),
        non_goals=body.get("non_goals", []),
        scope_boundary=body.get("scope_boundary", ""),
        scenarios=body.get("scenarios", []),
        open_questions=[OpenQuestion(q["text"], q["state"]) for q in body.get("open_questions", [])],
        missing=body.get("missing", []),
    )


def present_draft(item: WorkItem, rows: Sequence[Ambiguity], questions: Sequence[Question]) -> Draft:
    """`questions` are the rows as they are shown."""
    body = preview(item, rows)
    return Draft(
        goals=_goals(body, rows),
        constraints=[_keyed(text) for text in body["constraints"]],
        non_goals=[_keyed(text) for text in body["non_goals"]],
        pending=[
            Pending(q.key, _pending_word(q), q.assumed.title)
            for q in questions
            if q.state not in (AmbiguityState.RESOLVED, AmbiguityState.DISMISSED)
        ],
    )


def _pending_word(question: Question) -> str:
    if question.is_left:
        return "left to the agent, which would take"
    words = {AmbiguityState.DEFERRED: "deferred; the agent would assume", AmbiguityState.PROBED: "you asked for more;"}
    return words.get(AmbiguityState(question.state), "not decided; recommended:")


def _keyed(text: str) -> tuple[str, str]:
    key, _, rest = text.partition(": ")
    return key, rest


def _goals(body: dict[str, Any], rows: Sequence[Ambiguity]) -> list[Goal]:
    picks = {row.key: pick_text(row) for row in rows}
    return [
        Goal(
            goal["id"],
            goal["text"],
            [
                Criterion(c["id"], c["text"], [_trace(key, picks) for key in c.get("because", [])])
                for c in goal["criteria"]
            ],
        )
        for goal in body["goals"]
    ]


def _trace(key: str, picks: dict[str, str]) -> Trace:
    if key in picks:
        return Trace(key, f"#ambiguity-{key}", picks[key])
    return Trace(key, "#request", "Said in the request itself")
