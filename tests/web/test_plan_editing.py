"""The lead's own hand on a plan in the browser: edits, kept drafts, what is new since the last look, files."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from leadroom.agents.enums import Role
from leadroom.ledger.models import Entry
from leadroom.projects.models import WorkItem
from leadroom.testplans.formats.markdown import to_markdown
from leadroom.testplans.formats.plain import to_yaml
from leadroom.testplans.models import PlanEdit, Reading, TestPlan
from tests import factories as f

pytestmark = pytest.mark.django_db
HOLE = {"case": "U-001", "kind": "hole", "severity": "major", "text": "No case has fewer cents than people."}


def signed_in(plan: TestPlan) -> Client:
    client = Client()
    client.force_login(f.lead_of(plan.item.project))
    return client


def typed(key: str = "U-001", layer: str = "unit", **changes: object) -> dict[str, object]:
    shape = f.case_shape(key, layer)
    fields = ("id", "layer", "title", "criteria", "precondition", "expected", "path", "priority")
    form = {name: shape[name] for name in fields}
    return {**form, "steps": "\n".join(shape["steps"]), "way": "node_id", "run_by": shape["node_id"], **changes}


def edit(client: Client, plan: TestPlan, key: str = "U-001", **changes: object):
    address = reverse("plans:edit_case", args=[plan.pk, key])
    return client.post(address, {"seen": plan.digest, **typed(key), **changes})


def keep(client: Client, plan: TestPlan, **data: str):
    address = reverse("plans:keep", args=[plan.pk])
    return client.post(address, {"seen": plan.digest, **data}, headers={"HX-Request": "true"})


def shown(client: Client, plan: TestPlan) -> str:
    return client.get(reverse("plans:detail", args=[plan.pk])).content.decode()


def test_an_edit_makes_a_new_digest_and_keeps_findings_and_other_verdicts() -> None:
    plan = f.make_plan(findings=[HOLE])
    client, before = signed_in(plan), plan.digest
    assert keep(client, plan, **{"mark-U-001": "approve", "mark-I-001": "approve"}).content == b"2 of 3 cases marked"
    assert edit(client, plan, expected="0.01, 0.01 and 0.00.").status_code == 302
    plan.refresh_from_db()
    assert plan.digest != before
    assert plan.cases.get(key="U-001").expected == "0.01, 0.01 and 0.00."
    html = shown(client, plan)
    assert "No case has fewer cents than people." in html
    assert "1 of 3 cases marked" in html
    assert "U-001 changed" in html
    entry = Entry.objects.get(verb="testplans.plan.edited")
    assert (entry.payload["before"], entry.payload["digest"]) == (before, plan.digest)


def test_the_very_same_content_is_no_edit() -> None:
    plan = f.make_plan()
    assert edit(signed_in(plan), plan).status_code == 302
    assert TestPlan.objects.get().digest == plan.digest
    assert not PlanEdit.objects.exists()


def test_a_case_is_added_and_one_dropped() -> None:
    plan = f.make_plan(findings=[HOLE])
    client = signed_in(plan)
    page = client.get(reverse("plans:add_case", args=[plan.pk]) + "?layer=end_to_end").content.decode()
    assert 'value="E-002"' in page
    added = {"seen": plan.digest, **typed("E-002", "end_to_end", path="error")}
    assert client.post(reverse("plans:add_case", args=[plan.pk]), added)["Location"].endswith("#case-E-002")
    plan.refresh_from_db()
    drop = reverse("plans:drop_case", args=[plan.pk, "U-001"])
    assert client.post(drop, {"seen": plan.digest}).status_code == 302
    assert [case.key for case in plan.cases.all()] == ["I-001", "E-001", "E-002"]
    html = shown(client, plan)
    assert "No case has fewer cents than people." in html
    assert "There is no unit case" in html
    answer = client.post(
        reverse("plans:send", args=[plan.pk]), {"seen": TestPlan.objects.get().digest, "verdict": "approve"}
    )
    assert answer.status_code == 422
    assert "A machine check fails: There is no unit case" in answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": ""}, "Title: String should have at least 1 character"),
        ({"id": "I-001"}, "The id I-001 is used by 2 cases"),
        ({"id": "<b>"}, "Id: String should match pattern"),
        ({"criteria": []}, "U-001 proves no criterion"),
        ({"criteria": ["AC-404"]}, "U-001 proves AC-404, which the document does not have."),
        ({"run_by": "not a node"}, "is not a pytest node id"),
        ({"expected": "It works."}, "names nothing that could be observed to be wrong"),
        ({"layer": "moon"}, "Layer: Input should be"),
    ],
)
def test_a_case_that_cannot_be_is_refused_and_stays_in_the_form(changes: dict, sentence: str) -> None:
    plan = f.make_plan()
    answer = edit(signed_in(plan), plan, precondition="My <words>.", **changes)
    assert answer.status_code == 422
    html = answer.content.decode()
    assert sentence in html.replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")
    assert "My &lt;words&gt;.</textarea>" in html
    assert not PlanEdit.objects.exists()


def test_an_edit_of_what_changed_meanwhile_is_told_and_keeps_the_words() -> None:
    plan = f.make_plan()
    stale = TestPlan.objects.get()
    client = signed_in(plan)
    edit(client, plan, expected="0.01 and 0.00.")
    answer = edit(client, stale, key="I-001", expected="Mine.")
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "Mine.</textarea>" in html
    assert "<ins>0.01 and 0.00.</ins>" in html
    assert f'name="seen" value="{TestPlan.objects.get().digest}"' in html


def test_approving_what_was_edited_since_is_a_conflict_with_the_difference() -> None:
    plan = f.make_plan()
    stale = TestPlan.objects.get()
    client = signed_in(plan)
    edit(client, plan, expected="0.01 and 0.00.")
    answer = client.post(reverse("plans:send", args=[plan.pk]), {"seen": stale.digest, "verdict": "approve"})
    assert answer.status_code == 409
    assert "<ins>0.01 and 0.00.</ins>" in answer.content.decode()
    assert TestPlan.objects.get().state == "LEAD_REVIEW"


def test_only_a_plan_under_review_is_edited() -> None:
    plan = f.make_frozen_plan()
    client = signed_in(plan)
    assert edit(client, plan, expected="Less.").status_code == 403
    assert (
        "The plan is frozen; it does not wait for you."
        in client.get(reverse("plans:edit_case", args=[plan.pk, "U-001"])).content.decode()
    )


def test_what_is_new_since_this_person_last_looked_is_shown_to_them_alone() -> None:
    plan = f.make_plan()
    client = signed_in(plan)
    keep(client, plan)
    assert "Since you last looked" not in shown(client, plan)
    other = Client()
    other.force_login(f.make_user("other", is_superuser=True))
    keep(other, plan)
    edit(client, plan, expected="0.01 and 0.00.")
    assert "Since you last looked" not in shown(client, plan)
    assert "Since you last looked" in shown(other, plan)
    keep(other, TestPlan.objects.get())
    assert "<ins>0.01 and 0.00.</ins>" in shown(other, plan)
    newer = f.submit_plan(plan.item, run_id=900_009)
    f.review_plan(newer)
    f.open_lead_review(plan=newer, by=f.PIPELINE, now=f.NOW)
    assert "<ins>3.34, 3.33 and 3.33.</ins>" in shown(client, newer)


def test_a_draft_is_its_persons_own_and_ends_when_it_is_sent() -> None:
    plan = f.make_plan()
    client, other = signed_in(plan), Client()
    other.force_login(f.make_user("other", is_superuser=True))
    keep(client, plan, **{"mark-U-001": "change", "comment-U-001": "Round down."})
    assert "Round down." in shown(client, plan)
    assert "Round down." not in shown(other, plan)
    data = {"seen": plan.digest, "verdict": "change", "mark-U-001": "change", "comment-U-001": "Round down."}
    client.post(reverse("plans:send", args=[plan.pk]), data)
    assert Reading.objects.get(user=f.lead_of(plan.item.project)).draft == {}


def test_blind_spots_are_never_ticked_beforehand() -> None:
    plan = f.make_plan(f.make_aligned_item(risk="critical"))
    client = signed_in(plan)
    keep(client, plan, blind_spot="boundaries", verdict="approve")
    html = shown(client, plan)
    assert 'name="blind_spot" value="boundaries" data-key="1" data-key-label="Blind spot 1">' in html


def test_reviews_are_kept_from_everybody_until_all_are_in() -> None:
    plan = f.submit_plan(f.make_aligned_item(risk="critical"))
    f.review_plan(plan, findings=[HOLE])
    html = shown(signed_in(plan), plan)
    assert "1 of 2 reviews in" in html
    assert "No case has fewer cents than people." not in html
    f.open_lead_review(plan=plan, by=f.PIPELINE, now=f.NOW)
    assert "No case has fewer cents than people." in shown(signed_in(plan), plan)


def test_gaps_of_the_flow_matrix_are_seen() -> None:
    plan = f.make_plan()
    html = shown(signed_in(plan), plan)
    assert "argued" in html
    assert 'data-tip="What is refused is a rule of its own."' in html
    TestPlan.objects.update(body={**plan.body, "not_covered": []})
    assert "1 not walked" in shown(signed_in(plan), plan)


@pytest.mark.parametrize(("form", "words"), [("markdown", "### U-001"), ("yaml", "cases:"), ("gherkin", "Feature: ")])
def test_a_plan_goes_out_as_a_file(form: str, words: str) -> None:
    plan = f.make_plan()
    answer = signed_in(plan).get(reverse("plans:export", args=[plan.pk]) + f"?as={form}")
    assert words in answer.content.decode()
    assert answer["Content-Disposition"].startswith("attachment")
    assert signed_in(plan).get(reverse("plans:export", args=[plan.pk]) + "?as=word").status_code == 404


def test_results_go_out_for_other_tools() -> None:
    plan = f.make_frozen_plan()
    f.make_verification(plan, failing=("I-001",))
    address = reverse("plans:results", args=[plan.pk])
    xml = signed_in(plan).get(address).content.decode()
    assert 'tests="3"' in xml
    assert "assert 3 == 4" in xml
    report = signed_in(plan).get(f"{address}?as=ctrf").json()
    assert (report["results"]["summary"]["passed"], report["results"]["summary"]["failed"]) == (2, 1)


def import_it(client: Client, plan: TestPlan, text: str, **data: object):
    return client.post(reverse("plans:import", args=[plan.pk]), {"seen": plan.digest, "text": text, **data})


def test_an_import_shows_the_difference_before_it_replaces_anything() -> None:
    plan = f.make_plan()
    client = signed_in(plan)
    about = {"number": 1, "digest": plan.digest, "item_title": "x"}
    text = to_markdown(plan.body, **about).replace("3.34, 3.33 and 3.33.", "3.34 at most.", 1)
    answer = import_it(client, plan, text)
    assert answer.status_code == 200
    assert "<ins>3.34 at most.</ins>" in answer.content.decode()
    assert TestPlan.objects.get().digest == plan.digest
    assert import_it(client, plan, text, replace="1").status_code == 302
    assert TestPlan.objects.get().cases.get(key="U-001").expected == "3.34 at most."
    assert PlanEdit.objects.get().what == "replaced by an import"


def test_an_import_that_fails_a_check_stays_in_the_form() -> None:
    plan = f.make_plan()
    bad = {**plan.body, "cases": plan.body["cases"][:1]}
    text = to_yaml(bad, number=1, digest="", item_title="x")
    file = SimpleUploadedFile("plan.yaml", text.encode())
    answer = import_it(signed_in(plan), plan, "", file=file, replace="1")
    assert answer.status_code == 422
    assert "There is no integration case" in answer.content.decode()
    assert "number: 1" not in answer.content.decode()
    assert not PlanEdit.objects.exists()


def test_a_file_that_is_no_text_is_refused() -> None:
    plan = f.make_plan()
    answer = import_it(signed_in(plan), plan, "", file=SimpleUploadedFile("plan.yaml", b"\xff\xfe\x00"))
    assert answer.status_code == 422
    assert "no text in UTF-8" in answer.content.decode()


def bring_it(item: WorkItem, body: dict[str, object], **data: object):
    client = Client()
    client.force_login(f.lead_of(item.project))
    text = to_yaml(body, number=1, digest="", item_title="x")
    return client.post(reverse("plans:bring", args=[item.pk]), {"text": text, **data})


def test_a_plan_of_ones_own_takes_the_planners_place_once_it_was_looked_at() -> None:
    item = f.make_aligned_item()
    planner = f.make_running_run(item, Role.PLANNER)
    answer = bring_it(item, f.plan_shape())
    assert answer.status_code == 200
    assert "Use this plan" in answer.content.decode()
    assert not TestPlan.objects.exists()
    assert bring_it(item, f.plan_shape(), replace="1").status_code == 302
    plan = TestPlan.objects.get()
    assert (plan.state, plan.run_id, plan.cases.count()) == ("DRAFT", None, 3)
    planner.refresh_from_db()
    assert planner.state == "CANCELLED"
    again = bring_it(item, f.plan_shape(), replace="1")
    assert again.status_code == 403
    assert "The item has plan 1 already" in again.content.decode()


def test_a_plan_of_ones_own_meets_the_same_checks() -> None:
    item = f.make_aligned_item()
    answer = bring_it(item, f.plan_shape(cases=[f.case_shape("U-001", "unit", criteria=["AC-999"])]), replace="1")
    assert answer.status_code == 422
    assert "AC-999" in answer.content.decode()
    assert not TestPlan.objects.exists()
