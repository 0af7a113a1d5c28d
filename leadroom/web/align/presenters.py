"""What the alignment page shows of an item: its questions, its decisions, its requirements document."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.http import HttpRequest
from django.urls import reverse

from leadroom.projects.enums import Risk, Stage
from leadroom.projects.models import StageVisit, WorkItem
from leadroom.reading.queries import Waiting
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Ambiguity, Proposal, Revision, Sitting
from leadroom.requirements.queries import Effort, alignment_of, ambiguities_of, effort_of, memory_of
from leadroom.web import access
from leadroom.web.align import attention
from leadroom.web.align.bringing import bring_reason
from leadroom.web.align.columns import Comparison, compare
from leadroom.web.align.paper import Document, Draft, present_document, present_draft
from leadroom.web.align.rows import Question, Surroundings, picks_of, present_rows
from leadroom.web.needs.presenters import SEEN, Action, approve_all_reason
from leadroom.web.refusals import refusal_of


@dataclass(frozen=True)
class Round:
    """One round of questions that was answered."""

    number: int
    questions: list[Question]

    @property
    def is_fresh(self) -> bool:
        """Whether its answers can still be taken back."""
        return any(not question.is_handed for question in self.questions)


@dataclass(frozen=True)
class AlignPage:
    """Everything of one item's alignment. `reason` says why this person cannot decide now, else empty."""

    item: WorkItem
    queue: list[attention.QueueEntry]
    with_agents: int
    turn: str
    move: str
    plan: attention.Plan
    questions: list[Question]
    comparison: Comparison | None
    approve_all: Action | None
    armed: attention.Armed | None
    elsewhere: attention.Elsewhere | None
    wants_sitting: bool
    effort: Effort
    began_at: dt.datetime
    ended_at: dt.datetime | None
    document: Document | None
    draft: Draft | None
    wants_words: bool
    reason: str
    lead_reason: str
    import_reason: str

    @property
    def dom_id(self) -> str:
        return f"align-{self.item.pk}"

    @property
    def is_aligning(self) -> bool:
        return self.item.stage == Stage.ALIGN

    @property
    def total(self) -> int:
        return len(self.questions)

    @property
    def decided(self) -> int:
        return sum(not question.is_open for question in self.questions)

    @property
    def open_choices(self) -> list[Question]:
        return [q for q in self.questions if q.is_open and not q.is_left and q.is_choice]

    @property
    def asked_round(self) -> list[Question]:
        """Open questions, answered in one form."""
        return [q for q in self.questions if q.is_open and not q.is_left and not q.is_choice]

    @property
    def left(self) -> list[Question]:
        return [q for q in self.questions if q.is_left]

    @property
    def revisited(self) -> list[Question]:
        """Deferred rows of a LOW document, which can be decided now."""
        return [q for q in self.questions if self._is_revisited(q)]

    @property
    def decided_choices(self) -> list[Question]:
        return [q for q in self.questions if not q.is_open and q.is_choice and not self._is_revisited(q)]

    @property
    def rounds(self) -> list[Round]:
        """Answered rounds, newest first."""
        rows = [q for q in self.questions if not q.is_open and not q.is_choice and not self._is_revisited(q)]
        rows.sort(key=lambda q: -q.round)
        return [Round(number, list(found)) for number, found in groupby(rows, lambda q: q.round)]

    def _is_revisited(self, question: Question) -> bool:
        return self.wants_words and question.state == AmbiguityState.DEFERRED

    @property
    def may_supply_nothing(self) -> bool:
        """Whether something was decided since the document, so that no words are needed beside it."""
        return any(not q.is_open and not q.is_handed for q in self.questions)

    @property
    def took(self) -> dt.timedelta | None:
        return self.ended_at - self.began_at if self.ended_at else None

    @property
    def is_over(self) -> bool:
        """Nothing is asked, so that the effort is the whole effort."""
        return not (self.open_choices or self.asked_round or self.wants_words)


def present_page(
    item: WorkItem, waiting: Sequence[Waiting], aligning: Sequence[WorkItem], request: HttpRequest
) -> AlignPage:
    """`waiting` are the person's open cards, `aligning` every item in ALIGN they see, oldest first."""
    rows = list(ambiguities_of(item).select_related("decided_by", "item").prefetch_related("remarks__user"))
    kinds = frozenset(card.kind for card in waiting if card.item.pk == item.pk)
    alignment, sitting = alignment_of(item), attention.sitting_of(request)
    lead_reason = refusal_of(lambda: access.require_lead(request, item.project))
    away = None if lead_reason else attention.elsewhere(item, sitting)
    reason = lead_reason or (away.reason if away else "")
    questions = _questions(item, rows, kinds, reason, request)
    asked = [q for q in questions if q.is_open and not q.is_left]
    wants_words = "document" in kinds
    revision = Revision.objects.filter(item=item).order_by("-number").first()
    queue, with_agents = attention.present_queue(item, waiting, aligning)
    plan = attention.present_plan(item, alignment)
    is_aligning = item.stage == Stage.ALIGN
    left = sum(q.is_left for q in questions)
    is_work = bool(asked or wants_words or (left and is_aligning and item.risk != Risk.LIGHT))
    standing = attention.Standing(kinds, len(asked), left, revision is not None, plan.is_held)
    turn, move = attention.whose_move(item, standing)
    visit = StageVisit.objects.filter(item=item, stage=Stage.ALIGN).first()
    return AlignPage(
        item=item,
        queue=queue,
        with_agents=with_agents,
        turn=turn,
        move=move,
        plan=plan,
        questions=questions,
        comparison=_comparison(item, questions, reason, request) if is_aligning else None,
        approve_all=_approve_all(item, asked, len(rows), reason, request),
        armed=None if wants_words else attention.present_armed(item, rows, alignment, reason=reason),
        elsewhere=away if is_work else None,
        wants_sitting=is_work and _wants_sitting(item, sitting, reason),
        effort=effort_of(item),
        began_at=visit.entered_at if visit else item.created_at,
        ended_at=visit.left_at if visit else None,
        document=present_document(revision, rows) if revision else None,
        draft=present_draft(item, rows, questions) if rows and revision is None and is_aligning else None,
        wants_words=wants_words,
        reason=reason,
        lead_reason=lead_reason,
        import_reason=lead_reason or bring_reason(item, by=access.person(request)),
    )


def _questions(
    item: WorkItem, rows: Sequence[Ambiguity], kinds: frozenset[str], reason: str, request: HttpRequest
) -> list[Question]:
    is_asking = item.stage == Stage.ALIGN and any(row.state == AmbiguityState.OPEN for row in rows)
    around = Surroundings(
        request=request,
        item=item,
        reason=reason,
        picks=picks_of(rows),
        memory=memory_of(item.project_id, before=item) if is_asking else [],
        may_revisit="document" in kinds,
    )
    return present_rows(rows, around)


def _comparison(item: WorkItem, questions: Sequence[Question], reason: str, request: HttpRequest) -> Comparison | None:
    proposals = list(Proposal.objects.filter(item=item))
    return compare(proposals, questions, item_pk=item.pk, reason=reason or approve_all_reason(item, request))


def _approve_all(
    item: WorkItem, asked: Sequence[Question], total: int, reason: str, request: HttpRequest
) -> Action | None:
    if not asked or item.stage != Stage.ALIGN:
        return None
    label = "Approve all recommended" if len(asked) == total else "Approve the rest as recommended"
    if reason := reason or approve_all_reason(item, request):
        return Action(label, key="a", reason=reason)
    fields = {SEEN + question.key: question.seen for question in asked}
    return Action(label, url=reverse("align:pick_all", args=[item.pk]), key="a", style="primary", fields=fields)


def _wants_sitting(item: WorkItem, sitting: Sitting | None, reason: str) -> bool:
    """Whether opening the page begins this person's sitting."""
    return item.stage == Stage.ALIGN and not reason and (sitting is None or sitting.item_id != item.pk)
