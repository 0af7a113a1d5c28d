"""The Verification tab beside the cases: gates, frozen tests, refusals, verdicts, and what nobody would notice."""

from typing import Any

import pytest
from django.test import Client

from leadroom.testplans.models import TestPlan
from leadroom.verification import actions
from leadroom.verification.enums import Cheat
from leadroom.verification.models import SeededFault
from leadroom.verification.naming import Refusal
from tests import factories as f

pytestmark = pytest.mark.django_db


def page(plan: TestPlan) -> str:
    client = Client()
    client.force_login(f.lead_of(plan.item.project))
    answer = client.get(f"/items/{plan.item_id}/verification/")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def verified(plan: TestPlan, *refusals: Refusal) -> Any:
    run = actions.request(item=plan.item, plan=plan, commit="d" * 40, by=f.PIPELINE, now=f.NOW)
    actions.claim(verification_id=run.pk, host="here", now=f.NOW)
    run.refresh_from_db()
    results = {case.pk: actions.Result("passed", 0.1, "") for case in plan.cases.all()}  # type: ignore[arg-type]
    given = {"results": {} if refusals else results, "refusals": refusals}
    actions.finish(verification=run, output="", now=f.NOW, **given)
    return run


def test_a_gate_that_is_skipped_says_why() -> None:
    html = page(f.make_frozen_plan(f.make_aligned_item(risk="standard")))
    assert "1 skipped, because the item is standard" in html
    assert "Skipped because the item is standard: the reviewer&#x27;s summary is read instead." in html


def test_refusals_stand_there_by_name() -> None:
    plan = f.make_frozen_plan()
    f.freeze_tests(plan, frozen={"tests/test_shares.py": "100644 " + "a" * 40})
    verified(plan, Refusal(Cheat.WEAKENED, "tests/test_shares.py", "tests/test_shares.py <b>was</b> frozen."))
    html = page(plan)
    assert "Refused: the tests were bent." in html
    assert "Weakened assertion" in html
    assert "&lt;b&gt;was&lt;/b&gt;" in html
    assert "tests/test_shares.py</li>" in html


def test_faults_nobody_would_notice_are_named_with_line_and_criterion() -> None:
    plan = f.make_frozen_plan()
    run = verified(plan)
    faults = [
        SeededFault(
            path="a.py", line=3, before="a < b", after="a <= b", hint="a boundary is missing", is_noticed=False
        ),
        SeededFault(path="a.py", line=4, before="x", after="y", hint="-", is_noticed=True, noticed_by=["U-001"]),
    ]
    run.refresh_from_db()
    actions.keep_faults(verification=run, faults=faults, possible=2, seconds=2.0, note="All tried.", now=f.NOW)
    html = page(plan)
    assert "1 of 2 noticed" in html
    assert "The plan would not notice this 1 fault." in html
    assert "a.py:3" in html
    assert "a boundary is missing" in html


def test_seeded_faults_can_be_tried_again_by_who_leads() -> None:
    plan = f.make_frozen_plan(f.make_aligned_item(risk="standard"))
    f.make_verification(plan, hand_in=f.freeze_tests(plan), work="e" * 40, onto="f" * 40)
    html = page(plan)
    assert "They were not tried yet." in html
    assert f'action="/items/{plan.item_id}/seed-faults/"' in html
    light = f.make_frozen_plan(f.make_aligned_item(risk="light"))
    f.make_verification(light, hand_in=f.freeze_tests(light), work="e" * 40, onto="f" * 40)
    assert "seed-faults" not in page(light)


def test_a_verifiers_words_stand_beside_their_files() -> None:
    plan = f.make_frozen_plan()
    row = {"criterion": "AC-001", "answer": "PARTIAL", "file": "shop/a.py:3", "behaviour": "Only for two people."}
    body = {"summary": "Read.", "verdicts": [row]}
    given = {"run_id": 7, "work": "c" * 40, "criteria": ["AC-001"], "by": f.PIPELINE, "now": f.NOW}
    actions.submit_verdicts(item=plan.item, body=body, **given)
    html = page(plan)
    assert "1 not wholly met" in html
    assert "Only for two people." in html
    assert "shop/a.py:3" in html
