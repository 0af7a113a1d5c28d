"""Parked actions, bounds and the source log, as pages."""

import json

import pytest
from django.test import Client
from django.urls import reverse
from prov.model import ProvDocument

from leadroom.agents import holding
from leadroom.guardrails import bounding
from leadroom.guardrails.bounding import Asserted
from leadroom.guardrails.models import Policy
from leadroom.ledger.actions import record
from leadroom.requirements.actions import propose
from tests import factories as f
from tests.support.parked import doer_of, make_request

pytestmark = pytest.mark.django_db


def signed_in(project: object) -> Client:
    client = Client()
    client.force_login(f.lead_of(project))  # type: ignore[arg-type]
    return client


def test_the_card_says_what_it_would_do_and_leads_to_the_action_itself() -> None:
    request = make_request()
    client = signed_in(request.project)
    page = client.get(reverse("needs:all")).content.decode()
    assert "deletes everything under data" in page
    assert reverse("guardrails:request", args=[request.pk]) in page
    page = client.get(reverse("guardrails:request", args=[request.pk])).content.decode()
    for told in ("rm -rf data", "1 of 1 source resolve", "It deletes everything under data.", "python -m pytest -q"):
        assert told in page


def test_an_approval_is_for_exactly_what_was_seen() -> None:
    request = make_request()
    client, url = signed_in(request.project), reverse("guardrails:answer_request", args=[request.pk])
    other = client.post(url, {"decision": "grant", "seen": "sha256:" + "b" * 64, "nonce": request.nonce})
    assert other.status_code == 409
    assert "not the action you looked at" in other.content.decode()
    assert client.post(url, {"decision": "grant", "seen": request.digest, "nonce": "guessed"}).status_code == 409
    assert client.post(url, {"decision": "grant", "seen": request.digest, "nonce": request.nonce}).status_code == 302
    request.refresh_from_db()
    assert request.state == "GRANTED"
    again = client.post(url, {"decision": "refuse", "seen": request.digest, "nonce": request.nonce})
    assert again.status_code in (403, 409)


def test_an_answer_in_words_refuses_and_is_kept() -> None:
    request = make_request()
    client, url = signed_in(request.project), reverse("guardrails:answer_request", args=[request.pk])
    seen = {"seen": request.digest, "nonce": request.nonce}
    assert client.post(url, {"decision": "answer", "text": " ", **seen}).status_code == 422
    assert client.post(url, {"decision": "answer", "text": "Archive it instead.", **seen}).status_code == 302
    request.refresh_from_db()
    assert (request.state, request.answer) == ("REFUSED", "Archive it instead.")


def test_a_lead_sets_bounds_and_wrong_ones_are_named() -> None:
    project = f.make_project()
    client, url = signed_in(project), reverse("guardrails:set_policy", args=[project.slug])
    good = {"trust_per_hour": 2, "confidence_floor": "0.8", "misses_allowed": 4, "approval_minutes": 10}
    assert client.post(url, {**good, "confidence_floor": "65"}).status_code == 422
    assert client.post(url, {**good, "confidence_floor": "nan"}).status_code == 422
    assert client.post(url, good).status_code == 302
    assert Policy.objects.get().confidence_floor == 0.8
    refused = client.post(url, {**good, "fetch_hosts": "docs.example.org\nhttps://wiki.example.org/"})
    assert refused.status_code == 422
    assert "Line 2 of the servers is an address" in refused.content.decode()
    assert client.post(url, {**good, "fetch_hosts": "Docs.example.org\r\n*.example.net"}).status_code == 302
    assert (
        "docs.example.org\n*.example.net</textarea>"
        in client.get(reverse("guardrails:bounds", args=[project.slug])).content.decode()
    )
    patterns = reverse("guardrails:set_patterns", args=[project.slug])
    refused = client.post(patterns, {"patterns": "command | x"})
    assert "Line 1" in refused.content.decode()
    assert client.post(patterns, {"patterns": "path | migrations/* | changes the schema"}).status_code == 302
    assert "changes the schema" in client.get(reverse("guardrails:bounds", args=[project.slug])).content.decode()


def test_gauge_history_and_calibration_are_shown_with_their_n() -> None:
    item = f.make_item()
    run = f.make_running_run(item)
    who = doer_of(run)
    given = {"tool": "report", "call_id": "c", "observed": [], "by": f.PIPELINE, "now": f.NOW}
    for n in range(3):
        asserted = [Asserted(f"r{n}", 0.9, 0.9)]
        bounding.note_answer(doer=who, asserted=asserted, unsourced=["the report"], **{**given, "call_id": f"c{n}"})
    from leadroom.guardrails.models import Claim

    for claim in Claim.objects.all():
        bounding.settle_claim(claim=claim, has_held=claim.what != "r0", why="x", by=f.PIPELINE, now=f.NOW)
    page = signed_in(item.project).get(reverse("guardrails:bounds", args=[item.project.slug])).content.decode()
    assert "n = 3" in page
    assert "17 more outcomes" in page
    assert "claimed 0.90 on average, held 67% of 3" in page


def sourced_item() -> object:
    item = f.make_item()
    run = f.make_running_run(item)
    found = {"counts": True, "why": "At abc it reads: x", "revision": "c" * 40, "digest": "sha256:1", "at": ""}
    lost = {"counts": False, "why": "No such file.", "at": ""}
    shape = f.ambiguity_shape("A-001")
    shape["candidates"][0]["sources"] = [
        {"kind": "file", "uri": "a.py:1", "note": "`x` <b>", "found": found},
        {"kind": "file", "uri": "b.py:9", "note": "", "found": lost},
    ]
    propose(item=item, ambiguities=[shape], by=holding.actor_of(run), now=f.NOW)
    seen = [{"kind": "command", "uri": "pytest", "found": {**found, "observed": True, "at": f.NOW.isoformat()}}]
    given = {"by": f.PIPELINE, "now": f.NOW, "verb": "guardrails.answer.weighed", "item_id": item.pk}
    record(subject=f"agents.run:{run.pk}", sources=seen, **given)
    return item


def test_the_source_log_says_why_in_plain_words_and_exports() -> None:
    item = sourced_item()
    client = signed_in(item.project)
    page = client.get(reverse("items:sources", args=[item.pk])).content.decode()
    assert "Leadroom found 1 of its 4 sources itself" in page or "sources itself" in page
    assert "does not count" in page
    text = client.get(reverse("items:export_sources", args=[item.pk, "md"])).content.decode()
    assert "`a.py:1` (file, found)" in text
    assert "<b>" not in text.replace("`` `x` <b> ``", "")
    exported = client.get(reverse("items:export_sources", args=[item.pk, "prov"])).content.decode()
    document = ProvDocument.deserialize(content=exported, format="json")
    kinds = {type(one).__name__ for one in document.get_records()}
    assert {"ProvEntity", "ProvActivity", "ProvAgent", "ProvUsage", "ProvDerivation", "ProvAssociation"} <= kinds
    derived = [one for one in json.loads(exported)["wasDerivedFrom"].values()]
    assert len(derived) == 1  # only what was found
    assert client.get(reverse("items:export_sources", args=[item.pk, "exe"])).status_code == 404
    run = item.runs.get()
    assert "a.py:1" in client.get(reverse("runs:sources", args=[run.pk])).content.decode()
