"""The requirements document: what is missing is said, what is stored never changes."""

from typing import Any

import pytest

from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.projects.models import WorkItem
from leadroom.requirements.actions import defer, probe, submit_document
from leadroom.requirements.models import Revision
from leadroom.requirements.queries import latest_revision
from tests import factories as f
from tests.support.refusals import refused_without_effect

pytestmark = pytest.mark.django_db


@pytest.fixture
def item() -> WorkItem:
    return f.make_item()


def goal(key: str, *criteria: dict[str, Any]) -> dict[str, Any]:
    return {"id": key, "text": "It works.", "criteria": list(criteria)}


def criterion(key: str, *because: str) -> dict[str, Any]:
    return {"id": key, "text": "One sees it.", "because": list(because or ["request"])}


def test_a_document_is_stored_as_it_was_given(item: WorkItem) -> None:
    revision = f.make_document(item, confidence="MEDIUM")
    assert (revision.number, revision.confidence) == (1, "MEDIUM")
    assert Revision.objects.get().body == f.document_shape(confidence="MEDIUM")
    assert revision.criteria == {"AC-001": "Parts follow the shares.", "AC-002": "No cent is lost."}


def test_the_same_content_again_is_the_same_revision(item: WorkItem) -> None:
    first = f.make_document(item)
    assert f.make_document(item).pk == first.pk
    second = f.make_document(item, title="Split by weights")
    assert (second.number, latest_revision(item)) == (2, second)
    assert f.make_document(item).number == 3
    assert [r.number for r in item.revisions.all()] == [1, 2, 3]


def test_a_criterion_may_come_from_a_pick(item: WorkItem) -> None:
    f.make_ambiguities(item, 1)
    assert f.make_document(item, because="A-001").number == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"goals": []}, "A document needs at least one goal."),
        ({"goals": [goal("G-001")]}, "G-001 has no acceptance criterion; say how one would see that it is met."),
        (
            {"goals": [goal("G-001", criterion("AC-001")), goal("G-001", criterion("AC-002"))]},
            "Each goal id may appear once; G-001 appears more often.",
        ),
        (
            {"goals": [goal("G-001", criterion("AC-001")), goal("G-002", criterion("AC-001"))]},
            "Each criterion id may appear once; AC-001 appears more often.",
        ),
        (
            {"goals": [goal("G-001", criterion("AC-001", "request", "A-009"))]},
            "AC-001 names 'A-009' as its cause; use ambiguity keys or 'request'.",
        ),
        ({"confidence": "LOW"}, "Confidence LOW must say in `missing` what exactly is missing."),
    ],
)
def test_what_is_missing_is_named(item: WorkItem, changes: dict, words: str) -> None:
    with refused_without_effect(BadInput, words):
        f.make_document(item, **changes)


def test_a_low_document_that_says_what_is_missing_is_kept(item: WorkItem) -> None:
    assert f.make_document(item, confidence="LOW", missing=["Who rounds?"]).confidence == "LOW"


def test_a_settled_document_takes_no_successor() -> None:
    item = f.make_aligned_item()
    with refused_without_effect(NotPermitted, "The document of this item is settled"):
        submit_document(item=item, body=f.document_shape(), run_id=None, by=f.PIPELINE, now=f.NOW)


class TestConfidence:
    """What was put off bounds what an agent may claim."""

    def defer(self, item: WorkItem, *keys: str) -> None:
        for row in item.ambiguities.filter(key__in=keys):
            defer(ambiguity=row, by=f.human(f.lead_of(item.project)), now=f.NOW)

    def listed(self, *keys: str) -> list[dict[str, str]]:
        return [{"text": f"{key}: who pays the odd cent?", "state": "deferred"} for key in keys]

    def test_a_deferred_question_is_listed_by_its_key(self, item: WorkItem) -> None:
        f.make_ambiguities(item, 2)
        self.defer(item, "A-001")
        with refused_without_effect(BadInput, "A-001 was deferred; list it under `open_questions`"):
            f.make_document(item, open_questions=self.listed("A-0011"))
        assert f.make_document(item, open_questions=self.listed("A-001")).confidence == "HIGH"

    def test_a_criterion_that_rests_on_one_is_medium_at_most(self, item: WorkItem) -> None:
        f.make_ambiguities(item, 2)
        self.defer(item, "A-001")
        given = {"because": "A-001", "open_questions": self.listed("A-001")}
        with refused_without_effect(BadInput, "Confidence HIGH is not possible: AC-002 rests on A-001"):
            f.make_document(item, **given)
        assert f.make_document(item, confidence="MEDIUM", **given).number == 1

    def test_in_a_critical_item_it_is_low_and_says_what_is_missing(self) -> None:
        item = f.make_item(risk="critical")
        f.make_ambiguities(item, 2)
        self.defer(item, "A-001")
        given = {"because": "A-001", "open_questions": self.listed("A-001")}
        with refused_without_effect(BadInput, "Say LOW and say in `missing` what is missing"):
            f.make_document(item, confidence="MEDIUM", **given)
        assert f.make_document(item, confidence="LOW", missing=["A-001"], **given).number == 1

    def test_too_much_put_off_is_low(self, item: WorkItem) -> None:
        f.make_ambiguities(item, 8)
        self.defer(item, "A-001", "A-002", "A-003")
        with refused_without_effect(BadInput, "3 of 8 questions are deferred. Say LOW"):
            f.make_document(item, open_questions=self.listed("A-001", "A-002", "A-003"))

    def test_what_the_lead_wants_to_be_asked_more_about_comes_first(self, item: WorkItem) -> None:
        f.make_ambiguities(item, 2)
        probe(ambiguity=item.ambiguities.get(key="A-002"), by=f.human(f.lead_of(item.project)), now=f.NOW)
        with refused_without_effect(BadInput, "The lead wants to be asked more about A-002"):
            f.make_document(item)
