"""Reviews that were sent, and the rounds a plan went through."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse

from leadroom.testplans.changes import CaseChange, case_changes
from leadroom.testplans.enums import ReviewKind
from leadroom.testplans.models import PlanEdit, Review, TestPlan
from leadroom.web.plans.cases import Finding, present_finding


@dataclass(frozen=True)
class ReviewNote:
    """A review that was sent. `model` is the agent's, empty for a person; `is_own_model`: the author's own as well."""

    reviewer: str
    is_lead: bool
    verdict: str
    summary: str
    sent_at: dt.datetime
    findings: list[Finding]
    model: str
    is_own_model: bool


@dataclass(frozen=True)
class Round:
    """An earlier plan of the item, its reviews, and what the next plan changed."""

    number: int
    url: str
    state: str
    reviews: list[ReviewNote]
    changes: list[CaseChange]


@dataclass(frozen=True)
class EditNote:
    """A change a person made to this plan."""

    what: str
    who: str
    at: dt.datetime


def present_review(review: Review, models: Mapping[int, str], author: str) -> ReviewNote:
    """`models` are run ids with their models, `author` the model the plan was written with."""
    model = models.get(review.run_id or 0, "")
    return ReviewNote(
        reviewer=review.reviewer,
        is_lead=review.kind == ReviewKind.LEAD,
        verdict=review.verdict,
        summary=review.summary,
        sent_at=review.sent_at,
        findings=[present_finding(mark, review) for mark in review.marks.all()],
        model=model,
        is_own_model=bool(model) and model == author,
    )


def present_rounds(plan: TestPlan, earlier: list[TestPlan], models: Mapping[int, str]) -> list[Round]:
    """`earlier` are the plans before this one, newest first."""
    rounds, newer = [], plan
    for old in earlier:
        author = models.get(old.run_id or 0, "")
        rounds.append(
            Round(
                number=old.number,
                url=reverse("plans:detail", args=[old.pk]),
                state=old.state,
                reviews=[present_review(review, models, author) for review in old.reviews.all()],
                changes=case_changes(old.body, newer.body),
            )
        )
        newer = old
    return rounds


def present_edits(edits: list[PlanEdit]) -> list[EditNote]:
    return [EditNote(edit.what, edit.user.get_username(), edit.edited_at) for edit in edits]
