"""The requirements document: what is missing is said, what is stored never changes."""

from typing import Any

import pytest

from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.projects.models import WorkItem
from leadroom.requirements.actions import submit_document
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
