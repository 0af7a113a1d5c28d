"""What the alignment page shows of an item: its questions, its decisions, its requirements document."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from leadroom.lib.errors import LeadroomError
from leadroom.lib.shapes import count_of
from leadroom.projects.enums import STAGES, Stage
from leadroom.projects.models import StageVisit, WorkItem
from leadroom.reading.queries import Waiting
from leadroom.requirements.enums import AmbiguityState, Dimension
from leadroom.requirements.models import Ambiguity, Candidate, Revision
from leadroom.requirements.queries import ambiguities_of, pick_text
from leadroom.requirements.rules import check_can_import, check_reopen
from leadroom.web import access
from leadroom.web.needs.presenters import SEEN, Action, approve_all_reason


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
    is_recommended: bool
    is_picked: bool


@dataclass(frozen=True)
class Question:
    """One ambiguity as a row. `take_back_reason` says why a decision stays, else empty."""

    pk: int
    key: str
    text: str
    why: str
    dimension: str
    state: str
    is_open: bool
    seen: str
    candidates: list[CandidateCard]
    decision: str
    decided_as: str
    decided_by: str
    decided_at: dt.datetime | None
    take_back_reason: str

    @property
    def dom_id(self) -> str:
        return f"ambiguity-{self.key}"


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
class QueueEntry:
    """An item in the queue, and why it stands where it stands."""

    title: str
    url: str
    reason: str
    is_current: bool


@dataclass(frozen=True)
class AlignPage:
    """Everything of one item's alignment."""

    item: WorkItem
    queue: list[QueueEntry]
    with_agents: int
    turn: str
    move: str
    questions: list[Question]
    decided: int
    total: int
    began_at: dt.datetime
    ended_at: dt.datetime | None
    approve_all: Action | None
    document: Document | None
    wants_words: bool
    may_act_reason: str
    import_reason: str

    @property
    def dom_id(self) -> str:
        return f"align-{self.item.pk}"

    @property
    def open_questions(self) -> list[Question]:
        return [question for question in self.questions if question.is_open]

    @property
    def decided_questions(self) -> list[Question]:
        return [question for question in self.questions if not question.is_open]

    @property
    def took(self) -> dt.timedelta | None:
        return self.ended_at - self.began_at if self.ended_at else None


def present_page(item: WorkItem, waiting: list[Waiting], aligning: list[WorkItem], request: HttpRequest) -> AlignPage:
    """`waiting` are the person's open cards, `aligning` every item in ALIGN they see, oldest first."""
    rows = list(ambiguities_of(item).select_related("decided_by", "item"))
    lead_reason = _lead_reason(item, request)
    questions = [_question(row, lead_reason or _take_back_reason(rows, request)) for row in rows]
    visit = StageVisit.objects.filter(item=item, stage=Stage.ALIGN).first()
    kinds = {card.kind for card in waiting if card.item.pk == item.pk}
    decided = sum(not question.is_open for question in questions)
    turn, move = _move(item, kinds, len(rows) - decided)
    queue, with_agents = _queue(item, waiting, aligning)
    revision = Revision.objects.filter(item=item).order_by("-number").first()
    return AlignPage(
        item=item,
        queue=queue,
        with_agents=with_agents,
        turn=turn,
        move=move,
        questions=questions,
        decided=decided,
        total=len(rows),
        began_at=visit.entered_at if visit else item.created_at,
        ended_at=visit.left_at if visit else None,
        approve_all=_approve_all(item, questions, lead_reason, request),
        document=_document(revision, rows) if revision else None,
        wants_words="document" in kinds,
        may_act_reason=lead_reason,
        import_reason=lead_reason or _import_reason(item, request),
    )


def _lead_reason(item: WorkItem, request: HttpRequest) -> str:
    try:
        access.require_lead(request, item.project)
    except LeadroomError as error:
        return str(error)
    return ""


def _import_reason(item: WorkItem, request: HttpRequest) -> str:
    try:
        check_can_import(item, by=access.person(request))
    except LeadroomError as error:
        return str(error)
    return ""


def _take_back_reason(rows: list[Ambiguity], request: HttpRequest) -> str:
    """One answer for every decided row of an item: the rule looks at the item, not at the row."""
    decided = next((row for row in rows if row.state == AmbiguityState.RESOLVED), None)
    if decided is None:
        return ""
    try:
        check_reopen(decided, by=access.person(request))
    except LeadroomError as error:
        return str(error)
    return ""


def _question(row: Ambiguity, take_back_reason: str) -> Question:
    is_open = row.state == AmbiguityState.OPEN
    chosen = next((c for c in row.candidates.all() if c.position == row.picked), None)
    if row.own_answer:
        decision, decided_as = row.own_answer, "own answer"
    elif chosen is not None:
        is_recommended = chosen.position == row.recommended
        decision, decided_as = (
            chosen.title,
            "as recommended" if is_recommended else f"candidate {chosen.position}",
        )
    else:
        decision, decided_as = "" if is_open else pick_text(row), ""
    return Question(
        pk=row.pk,
        key=row.key,
        text=row.question,
        why=row.why,
        dimension=Dimension(row.dimension).label,
        state=row.state,
        is_open=is_open,
        seen=row.digest,
        candidates=[_candidate(candidate, row) for candidate in row.candidates.all()],
        decision=decision,
        decided_as=decided_as,
        decided_by=""
        if is_open
        else access.display_name(row.decided_by)
        if row.decided_by
        else "Leadroom (light risk)",
        decided_at=row.decided_at,
        take_back_reason=take_back_reason,
    )


def _candidate(candidate: Candidate, row: Ambiguity) -> CandidateCard:
    return CandidateCard(
        position=candidate.position,
        title=candidate.title,
        rationale=candidate.rationale,
        consequences=candidate.consequences,
        if_wrong=candidate.if_wrong,
        confidence=candidate.confidence,
        sources=candidate.sources,
        is_recommended=candidate.position == row.recommended,
        is_picked=candidate.position == row.picked,
    )


def _approve_all(item: WorkItem, questions: list[Question], lead_reason: str, request: HttpRequest) -> Action | None:
    still_open = [question for question in questions if question.is_open]
    if not still_open or item.stage != Stage.ALIGN:
        return None
    label = "Approve all recommended" if len(still_open) == len(questions) else "Approve the rest as recommended"
    if reason := lead_reason or approve_all_reason(item, request):
        return Action(label, key="a", reason=reason)
    fields = {SEEN + question.key: question.seen for question in still_open}
    return Action(label, url=reverse("align:pick_all", args=[item.pk]), key="a", style="primary", fields=fields)


def _move(item: WorkItem, kinds: set[str], still_open: int) -> tuple[str, str]:
    """Whose turn, and the next move in one sentence."""
    if STAGES.is_final(item.stage) or item.stage != Stage.ALIGN:
        return (
            "nobody",
            f"Alignment is over; the item is in {Stage(item.stage).label.lower()}. The decisions stay.",
        )
    if "picks" in kinds:
        return (
            "human",
            f"Your move: {count_of(still_open, 'question')} to decide. The agent writes the document.",
        )
    if "document" in kinds:
        return (
            "human",
            "Your move: the document has LOW confidence. Say what is missing, and the agent works it in.",
        )
    if "question" in kinds:
        return "human", "Your move: the requirements agent asks you something; its card is under Needs you."
    if "run" in kinds:
        return "human", "Your move: the requirements agent stopped; its card is under Needs you."
    if still_open:
        return (
            "machine",
            f"{count_of(still_open, 'question')} open; recommendations are taken by themselves (light risk).",
        )
    return (
        "agent",
        "The requirements agent is at work: it reads, asks what is open, or writes the document.",
    )


def _queue(item: WorkItem, waiting: list[Waiting], aligning: list[WorkItem]) -> tuple[list[QueueEntry], int]:
    """Items that wait for the person, most pressing first, with this one; and how many more an agent works on.

    None for an item whose alignment is over: it is read, not worked through.
    """
    if item.stage != Stage.ALIGN:
        return [], 0
    words = {card.item.pk: _reason(card) for card in waiting if card.kind in ("picks", "document")}
    rows = [card.item for card in waiting if card.kind in ("picks", "document")]
    if item.pk not in words:
        rows.append(item)
    shown = {row.pk for row in rows}
    entries = [
        QueueEntry(
            title=row.title,
            url=reverse("align:item", args=[row.pk]),
            reason=words.get(row.pk, ""),
            is_current=row.pk == item.pk,
        )
        for row in rows
    ]
    return entries, sum(row.pk not in shown for row in aligning)


def _reason(card: Waiting) -> str:
    what = f"{card.extra['open']} open" if card.kind == "picks" else "unclear document"
    return f"critical, {what}" if card.urgency[0] == 0 else what


def _document(revision: Revision, rows: list[Ambiguity]) -> Document:
    body: dict[str, Any] = revision.body
    picks = {row.key: pick_text(row) for row in rows}
    return Document(
        number=revision.number,
        digest=revision.digest,
        title=body.get("title", ""),
        confidence=revision.confidence,
        created_at=revision.created_at,
        goals=[
            Goal(
                goal["id"],
                goal["text"],
                [
                    Criterion(c["id"], c["text"], [_trace(key, picks) for key in c.get("because", [])])
                    for c in goal["criteria"]
                ],
            )
            for goal in body["goals"]
        ],
        constraints=body.get("constraints", []),
        non_goals=body.get("non_goals", []),
        scope_boundary=body.get("scope_boundary", ""),
        scenarios=body.get("scenarios", []),
        open_questions=[OpenQuestion(q["text"], q["state"]) for q in body.get("open_questions", [])],
        missing=body.get("missing", []),
    )


def _trace(key: str, picks: dict[str, str]) -> Trace:
    if key in picks:
        return Trace(key, f"#ambiguity-{key}", picks[key])
    return Trace(key, "#request", "Said in the request itself")
