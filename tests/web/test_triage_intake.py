"""Bringing findings in on a page, the second opinion's switch, and contradictions beside a report."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from leadroom.triage import actions
from leadroom.triage.models import Adjudication, Finding, Link, Shelf
from tests import factories as f

pytestmark = pytest.mark.django_db
TABLE = b"title,severity\nGrid overlaps <script>alert(1)</script>,low\n,low\n"


def signed_in(project: Any) -> Client:
    client = Client()
    client.force_login(f.lead_of(project))
    return client


def send(client: Client, slug: str, data: bytes, kind: str = "csv", **more: Any) -> Any:
    file = SimpleUploadedFile("found.csv", data)
    return client.post(f"/triage/import/{slug}/", {"kind": kind, "file": file, **more})


def test_a_file_is_brought_in_and_its_refused_rows_are_named() -> None:
    project = f.make_project()
    client = signed_in(project)
    answer = send(client, project.slug, TABLE)
    assert answer.status_code == 302
    page = client.get(answer["Location"]).content.decode()
    assert "1 finding taken in, 1 row refused." in page
    assert "It has no title." in page
    assert Finding.objects.get().title.startswith("Grid overlaps")
    again = client.get(send(client, project.slug, TABLE)["Location"]).content.decode()
    assert "0 findings taken in, 1 brought in before and passed over" in again


@pytest.mark.parametrize(
    ("data", "kind", "sentence"),
    [
        (b"title\n" + b"again\n" * 201, "csv", "The file holds 201 findings; 200 is the most at once here."),
        (b"x" * 2_000_001, "csv", "2,000,000 is the limit here"),
        (b'{"version"', "sarif", "no whole JSON"),
        (b"title\nA", "docx", "There is no kind of file"),
    ],
)
def test_a_file_that_cannot_be_taken_is_told_and_changes_nothing(data: bytes, kind: str, sentence: str) -> None:
    project = f.make_project()
    answer = send(signed_in(project), project.slug, data, kind)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Finding.objects.exists()


def test_without_a_file_and_for_a_viewer_the_page_explains_itself() -> None:
    project = f.make_project()
    answer = signed_in(project).post(f"/triage/import/{project.slug}/", {"kind": "csv"})
    assert "Choose a file first" in answer.content.decode()
    viewer = Client()
    viewer.force_login(f.make_viewer(project))
    assert (
        "Only the lead of Evenly brings findings in." in viewer.get(f"/triage/import/{project.slug}/").content.decode()
    )
    assert send(viewer, project.slug, TABLE).status_code == 403
    assert not Finding.objects.exists()


def test_second_opinions_are_switched_on_and_off_with_a_budget() -> None:
    project = f.make_project()
    client, address = signed_in(project), f"/triage/engine/{project.slug}/"
    assert "Questions a day" in client.get(address).content.decode()
    assert client.post(address, {"is_on": "1", "asks_per_day": "12"}).status_code == 302
    assert (Shelf.objects.get().adjudicates, Shelf.objects.get().asks_per_day) == (True, 12)
    assert "0 asked today" in client.get(address).content.decode()
    for wrong in ("0", "-3", "many", "9999999"):
        assert client.post(address, {"is_on": "1", "asks_per_day": wrong}).status_code == 422
    assert client.post(address, {"asks_per_day": "12"}).status_code == 302
    assert not Shelf.objects.get().adjudicates


def test_what_our_record_says_against_a_report_stands_on_its_page_its_items_tab_and_its_finding() -> None:
    report = f.make_report()
    found = [{"about": "tests", "sentence": "It counts 34 green tests, but <b>nothing</b> ran."}]
    actions.note_comparison(report=report, found=found, verification=0, by=f.PIPELINE, now=f.NOW)
    client = signed_in(report.item.project)
    finding = f"/triage/findings/{report.finding.pk}/"
    for address in (f"/triage/{report.pk}/", f"/items/{report.item_id}/reports/", finding):
        page = client.get(address).content.decode()
        assert "Our own record says otherwise" in page
        assert "&lt;b&gt;nothing&lt;/b&gt;" in page


def test_a_second_opinion_stands_beside_its_suggestion_and_pre_fills_it() -> None:
    project = f.make_project()
    texts = [
        ("Queue worker hangs after Redis reconnect", "After a failover queue/worker.py blocks in brpop."),
        ("Jobs stop once Redis fails over", "The worker is stuck in brpop of queue/worker.py."),
    ]
    for title, body in texts:
        given = {"project_id": project.pk, "title": title, "body": body, "severity": "minor"}
        taken = actions.bring_in(**given, by=f.PIPELINE, now=f.NOW)
    said = Adjudication.objects.create(
        project=project,
        digest="d",
        said="DIFFERENT",
        newer_quote="<i>stuck",
        older_quote="blocks",
        why="Two queues.",
        prompt=1,
        model="small",
        asked_at=f.NOW,
    )
    Link.objects.filter(newer=taken.finding).update(opinion=said)
    page = signed_in(project).get(f"/triage/findings/{taken.finding.pk}/").content.decode()
    assert "Different problems" in page
    assert "&lt;i&gt;stuck" in page
    assert re.search(r'btn-primary" data-key="u"', page)
    assert not re.search(r'btn-primary" data-key="y"', page)
