"""The draft that grows while a person decides."""

from typing import Any

import pytest

from leadroom.projects.models import WorkItem
from leadroom.requirements import actions
from leadroom.requirements.document_rules import check_content
from leadroom.requirements.drafting import preview
from leadroom.requirements.models import Ambiguity
from leadroom.requirements.queries import ambiguities_of
from leadroom.runners.shapes import SubmitDocument
from tests import factories as f

pytestmark = pytest.mark.django_db


def decide(row: Ambiguity, **how: Any) -> None:
    lead = f.human(f.lead_of(row.item.project))
    actions.resolve(ambiguity=row, by=lead, now=f.NOW, seen_digest=row.digest, **how)


def draft(item: WorkItem) -> dict[str, Any]:
    return preview(item, list(ambiguities_of(item)))


def test_nothing_decided_is_all_open_questions_with_what_is_recommended() -> None:
    item = f.make_item()
    f.make_ambiguities(item, 2)
    body = draft(item)
    assert body["goals"][0]["criteria"] == []
    assert [q["text"] for q in body["open_questions"]] == [
        f"{key}: Who pays the odd cent of {key}? Recommended, not decided: The first named of {key}"
        for key in ("A-001", "A-002")
    ]
    assert body["confidence"] == "LOW"


def test_each_decision_is_a_line_with_its_cause_and_what_it_was_chosen_over() -> None:
    item = f.make_item()
    first, second, third, fourth = f.make_ambiguities(item, 4)
    Ambiguity.objects.filter(pk=third.pk).update(dimension="constraints")
    decide(first, picked=2)
    decide(second, own_answer="Nobody does.")
    decide(third, picked=1)
    actions.defer(ambiguity=fourth, by=f.human(f.lead_of(item.project)), now=f.NOW)
    body = draft(item)
    assert body["goals"][0]["criteria"] == [
        {"id": "AC-001", "text": "The payer of A-001. Nobody is off by a cent.", "because": ["A-001"]},
        {"id": "AC-002", "text": "Who pays the odd cent of A-002? Nobody does.", "because": ["A-002"]},
    ]
    assert body["constraints"] == ["A-003: The first named of A-003. Nobody is off by a cent."]
    assert body["non_goals"][0] == "A-001: not “The first named of A-001”, not “The next in turn of A-001”"
    assert [q["text"][:6] for q in body["open_questions"]] == ["A-004:"]


def test_a_draft_has_the_shape_of_the_document() -> None:
    item = f.make_item(text="x" * 5_000)
    for row in f.make_ambiguities(item, 3):
        decide(row, own_answer="y" * 5_000)
    body = draft(item)
    check_content(body, {"A-001", "A-002", "A-003"})
    SubmitDocument.model_validate({**body, "scope_boundary": "Not known yet."})
