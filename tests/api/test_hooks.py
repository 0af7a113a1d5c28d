"""Webhooks as a monitor sends them: signed, once, whole or not at all."""

import datetime as dt
import io
import json

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.api.hooks import take
from leadroom.guardrails.actions import press
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.scopes import of_project
from leadroom.ledger.models import Entry
from leadroom.lib import clock, webhooks
from leadroom.outcomes.actions import rotate_secret
from leadroom.outcomes.ingress import KINDS
from leadroom.outcomes.models import Delivery, FlowSample, Incident, Ticket
from leadroom.projects.models import Project
from leadroom.triage.models import Finding
from tests import factories as f
from tests.support.snapshot import changed_tables, snapshot

pytestmark = pytest.mark.django_db
JUNIT = (
    '<testsuite name="all" tests="1" failures="1"><testcase classname="money" name="test_rest">'
    '<failure message="333 != 334">trace</failure></testcase></testsuite>'
)
INCIDENT = {"id": "I-1", "title": "Totals are off", "opened_at": "2026-11-21T10:00:00Z", "paths": ["evenly/money.py"]}


class Sender:
    """A monitor with a project's secret."""

    def __init__(self, project: Project) -> None:
        by = f.human(f.lead_of(project))
        self.project = project
        self.secret = rotate_secret(project=project, is_old_kept=False, by=by, now=f.NOW)
        self.url = reverse("api:hook", args=[project.slug])
        self.client = Client(enforce_csrf_checks=True)

    def send(self, said: object, *, id: str = "msg_1", at: dt.datetime | None = None, url: str = "", **headers: str):
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        signed = webhooks.headers(self.secret, id=id, at=at or clock.now(), body=body)
        return self.client.post(url or self.url, body, content_type="application/json", headers={**signed, **headers})


@pytest.fixture
def sender() -> Sender:
    return Sender(f.make_project())


def said(answer) -> str:
    assert answer["Content-Type"] == "application/json"
    return answer.json()["error"]


def test_each_kind_is_stored(sender: Sender) -> None:
    sample = {"id": "S-1", "flow": "checkout", "p95_ms": 412.5, "at": "2026-11-21T10:00:00Z"}
    ticket = {"id": "T-1", "title": "Where is my cent?", "opened_at": "2026-11-21T10:00:00Z", "tags": ["money"]}
    sent = {"incident": INCIDENT, "flow_sample": [sample], "ticket": ticket}
    assert set(sent) == set(KINDS)
    for kind, data in sent.items():
        answer = sender.send({"type": kind, "data": data}, id=f"msg_{kind}")
        assert answer.status_code == 200, answer.content
        assert answer.json() == {"new": 1, "changed": 0, "same": 0}
    assert Incident.objects.get().paths == ["evenly/money.py"]
    assert FlowSample.objects.get().p95_ms == 412.5
    assert Ticket.objects.get().tags == ["money"]
    assert Entry.objects.filter(verb="outcomes.incidents.kept").get().actor_kind == "system"


def test_a_build_server_sends_its_failures_and_each_is_a_finding_once(sender: Sender) -> None:
    data = {"kind": "junit", "file": JUNIT}
    first = sender.send({"type": "findings", "data": data})
    assert first.status_code == 200, first.content
    assert (first.json()["new"], first.json()["refused"]) == (1, [])
    finding = Finding.objects.get(project=sender.project)
    assert "test_rest" in finding.title + finding.body
    assert sender.send({"type": "findings", "data": data}).status_code == 409
    assert sender.send({"type": "findings", "data": data}, id="msg_2").json()["same"] == 1
    assert Finding.objects.count() == 1


def test_a_replay_is_refused_and_the_same_record_under_a_new_id_is_not_doubled(sender: Sender) -> None:
    assert sender.send({"type": "incident", "data": INCIDENT}).status_code == 200
    again = sender.send({"type": "incident", "data": INCIDENT})
    assert again.status_code == 409
    assert "taken in before" in said(again)
    other = sender.send({"type": "incident", "data": INCIDENT}, id="msg_2")
    assert other.json() == {"new": 0, "changed": 0, "same": 1}
    assert Incident.objects.count() == 1


@pytest.mark.parametrize(
    ("headers", "minutes", "word"),
    [
        ({"webhook-signature": "v1,AAAA"}, 0, "signature"),
        ({"webhook-signature": ""}, 0, "headers"),
        ({"webhook-timestamp": "soon"}, 0, "seconds since 1970"),
        ({}, -6, "5 minutes ago"),
        ({}, 6, "clock"),
    ],
)
def test_what_is_not_signed_now_by_the_secret_stores_nothing(
    sender: Sender, headers: dict, minutes: int, word: str
) -> None:
    before = snapshot()
    at = clock.now() + dt.timedelta(minutes=minutes)
    answer = sender.send({"type": "incident", "data": INCIDENT}, at=at, **headers)
    assert answer.status_code == 401
    assert word in said(answer)
    assert changed_tables(before) == {}


def test_an_unknown_project_and_one_without_a_door_sound_the_same(sender: Sender) -> None:
    closed = f.make_project(name="Closed")
    words = {
        said(sender.send({"type": "incident", "data": INCIDENT}, url=reverse("api:hook", args=[slug])))
        for slug in (closed.slug, "no-such-project")
    }
    assert len(words) == 1
    assert sender.send({}, url=reverse("api:hook", args=["no-such-project"])).status_code == 404


def test_a_secret_opens_its_own_project_only(sender: Sender) -> None:
    other = Sender(f.make_project(name="Other"))
    assert sender.send({"type": "incident", "data": INCIDENT}, url=other.url).status_code == 401


def test_the_old_secret_counts_for_a_day_when_kept_and_not_at_all_otherwise(sender: Sender) -> None:
    by = f.human(f.lead_of(sender.project))
    new = rotate_secret(project=sender.project, is_old_kept=True, by=by, now=clock.now())
    assert sender.send({"type": "incident", "data": INCIDENT}).status_code == 200
    rotate_secret(project=sender.project, is_old_kept=False, by=by, now=clock.now())
    assert sender.send({"type": "incident", "data": INCIDENT}, id="msg_2").status_code == 401
    sender.secret = new
    assert sender.send({"type": "incident", "data": INCIDENT}, id="msg_3").status_code == 401


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"\xff", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"type": "incident", "data": NaN}', "JSON"),
        (b'{"type": "flood", "data": {}}', "incident, flow_sample, ticket, findings"),
        (b'{"type": ["incident"], "data": {}}', "incident, flow_sample, ticket, findings"),
        (b'{"type": "findings", "data": [1]}', '"file"'),
        (b'{"type": "findings", "data": {"kind": "novel", "file": "x"}}', "sarif"),
        (b'{"type": "findings", "data": {"kind": "junit", "file": "<testsuite"}}', "othing was taken in"),
        (b'{"type": "incident"}', "no object"),
        (b'{"type": "incident", "data": []}', "no record"),
        (b'{"type": "incident", "data": {"id": "1"}}', "no title"),
    ],
)
def test_a_body_that_says_nothing_usable(sender: Sender, body: bytes, word: str) -> None:
    before = snapshot()
    answer = sender.send(body)
    assert answer.status_code == 422
    assert word in said(answer)
    assert changed_tables(before) == {}


def test_one_wrong_record_refuses_all_and_is_named(sender: Sender) -> None:
    ahead = (clock.now() + dt.timedelta(hours=1)).isoformat()
    answer = sender.send({"type": "incident", "data": [INCIDENT, {**INCIDENT, "id": "I-2", "opened_at": ahead}]})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["record"] == 2
    assert "future" in answer.json()["problems"][0]["reason"]
    assert not Incident.objects.exists()
    assert not Delivery.objects.exists()


def test_ten_megabytes_are_refused_unread(sender: Sender) -> None:
    answer = sender.send(b"x" * (10 * 1024 * 1024))
    assert answer.status_code == 413
    assert "1,048,576" in said(answer)


def test_a_body_that_hides_its_length_is_cut_off(sender: Sender, rf) -> None:
    request = rf.post(sender.url, b"", content_type="application/json")
    request.META["CONTENT_LENGTH"] = ""
    request._stream = io.BytesIO(b"x" * (1024 * 1024 + 1))
    assert take(request, sender.project.slug).status_code == 413


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_other_methods_say_so_in_json(sender: Sender, method: str) -> None:
    answer = getattr(sender.client, method)(sender.url)
    assert answer.status_code == 405
    assert "POST" in said(answer)


def test_while_the_project_is_read_only_nothing_is_taken_and_the_sender_may_come_again(sender: Sender) -> None:
    by = f.human(f.lead_of(sender.project))
    press(scope=of_project(sender.project), level=Lock.READ_ONLY, reason="drill", by=by, now=f.NOW)
    file = {"kind": "junit", "file": JUNIT}
    for body in ({"type": "incident", "data": INCIDENT}, {"type": "findings", "data": file}):
        answer = sender.send(body)
        assert answer.status_code == 423
        assert "send it again later" in answer.json()["error"]
    assert not Incident.objects.exists()
    assert not Finding.objects.exists()
    assert not Delivery.objects.exists()
