"""A settled document in the browser: compared with what it would replace, then changed."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.agents.enums import Role
from leadroom.projects.models import WorkItem
from leadroom.requirements.contract import to_markdown
from leadroom.testplans.models import TestPlan
from tests import factories as f
from tests.support.snapshot import changed_tables, snapshot

pytestmark = pytest.mark.django_db
WANTED = f.document_shape(title="Split by <b>weights</b>")
WANTED["goals"][0]["criteria"][1]["text"] = "No cent is lost; the payer keeps it."


def text_of(body=WANTED) -> str:
    return to_markdown(body, number=2, digest="", item_title="Split")


@pytest.fixture
def plan() -> TestPlan:
    return f.make_frozen_plan(
        cases=[
            f.case_shape("U-001", "unit", criteria=["AC-001"]),
            f.case_shape("I-001", "integration", criteria=["AC-002"]),
            f.case_shape("E-001", "end_to_end", criteria=["AC-001", "AC-002"]),
        ]
    )


@pytest.fixture
def item(plan: TestPlan) -> WorkItem:
    plan.item.refresh_from_db()
    return plan.item


@pytest.fixture
def lead(client: Client, item: WorkItem) -> Client:
    client.force_login(f.lead_of(item.project))
    return client


def compare(lead: Client, item: WorkItem, text: str = "", status: int = 200) -> str:
    answer = lead.post(reverse("align:import", args=[item.pk]), {"text": text or text_of()})
    assert answer.status_code == status
    return answer.content.decode()


def confirm(lead: Client, item: WorkItem, html: str, **changes: str):
    form = dict(re.findall(r'<input type="hidden" name="(before|after|plan)" value="([^"]*)"', html))
    assert set(form) == {"before", "after", "plan"}
    return lead.post(reverse("align:change", args=[item.pk]), {"text": text_of(), **form, **changes})


def test_the_form_begins_with_the_document_as_it_is(lead: Client, item: WorkItem) -> None:
    html = lead.get(reverse("align:import", args=[item.pk])).content.decode()
    assert "Change the requirements document" in html
    assert f"digest: {item.revisions.get().digest}" in html
    assert "Compare <kbd>" in html
    for tab in ("items:alignment", "align:item"):
        assert (
            f'href="{reverse("align:import", args=[item.pk])}"'
            in lead.get(reverse(tab, args=[item.pk])).content.decode()
        )


def test_the_comparison_shows_words_and_cases_and_stores_nothing(lead: Client, item: WorkItem) -> None:
    before = snapshot()
    html = compare(lead, item)
    assert changed_tables(before) == {}
    assert "added: </span>&lt;b&gt;weights&lt;/b&gt;</ins>" in html
    assert "removed: </span>shares" in html
    touched = html[html.index('id="touched"') : html.index('id="untouched"')]
    assert [key for key in ("U-001", "I-001", "E-001") if key in touched] == ["I-001", "E-001"]
    assert touched.count("AC-002 changed") == 2
    assert "U-001" in html[html.index('id="untouched"') :]
    for words in ("Revision 2 is stored", "The frozen plan 1 is superseded", "goes back from Build to Plan"):
        assert words in html


def test_confirmed_it_goes_back_to_planning(lead: Client, item: WorkItem) -> None:
    answer = confirm(lead, item, compare(lead, item).replace("\n", "\r\n"))
    assert answer.headers["Location"] == reverse("items:alignment", args=[item.pk])
    item.refresh_from_db()
    assert item.stage == "PLAN"
    assert item.plans.get().state == "SUPERSEDED"
    assert [revision.body["title"] for revision in item.revisions.order_by("number")] == [
        "Split by shares",
        "Split by <b>weights</b>",
    ]


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"before": "sha256:x"}, 409, "The document changed since you compared it"),
        ({"after": "sha256:x"}, 409, "This is not the text that was compared"),
        ({"plan": ""}, 409, "The test plan changed since you compared"),
        ({"text": "nothing"}, 422, "text before the first section"),
    ],
)
def test_what_does_not_fit_changes_nothing_and_keeps_the_text(
    lead: Client, item: WorkItem, changes: dict[str, str], status: int, words: str
) -> None:
    html, before = compare(lead, item), snapshot()
    answer = confirm(lead, item, html, **changes)
    assert answer.status_code == status
    kept = answer.content.decode()
    assert words in kept
    assert "</textarea>" in kept
    assert changes.get("text", "the payer keeps it") in kept
    assert changed_tables(before) == {}


def test_a_run_at_work_must_be_stopped_first(lead: Client, item: WorkItem) -> None:
    run = f.make_running_run(item, Role.DEVELOPER)
    html = compare(lead, item, status=403)
    assert "The developer is at work on the document as it is. Stop its run first" in html
    assert f'href="/runs/{run.pk}/"' in html
    assert "the payer keeps it" in html
    assert "Stop its run first" in lead.get(reverse("items:alignment", args=[item.pk])).content.decode()


def test_the_same_again_is_said_and_not_stored(lead: Client, item: WorkItem) -> None:
    assert "This is revision 1 word for word" in compare(lead, item, text_of(item.revisions.get().body))


def test_a_done_item_keeps_its_document(lead: Client, item: WorkItem) -> None:
    WorkItem.objects.update(stage="DONE")
    assert "Write a new item for the change" in compare(lead, item, status=403)
