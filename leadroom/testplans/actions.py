"""Writes of test plans."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction

from leadroom.guardrails.queries import check_unlocked
from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.digest import digest_of
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.lib.shapes import storable
from leadroom.live.news import publish_item
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements.models import Revision
from leadroom.testplans import rules
from leadroom.testplans.changes import case_changes, cases_of
from leadroom.testplans.enums import PLANS, CaseMark, PlanState, ReviewKind, ReviewVerdict
from leadroom.testplans.models import CaseVerdict, PlanEdit, Reading, Review, TestCase, TestPlan

_CASE_FIELDS = (
    "layer", "title", "criteria", "precondition", "steps", "expected", "flow", "path", "priority", "node_id", "command",
)  # fmt: skip


def _move(plan: TestPlan, to: PlanState, **fields: Any) -> None:
    PLANS.check_move(plan.state, to)
    if not TestPlan.objects.filter(pk=plan.pk, state=plan.state, digest=plan.digest).update(state=to, **fields):
        raise Conflict("The plan moved on meanwhile; nothing was changed. Reload the page to see where it stands.")
    plan.state = to


def _record(plan: TestPlan, verb: str, *, by: Actor, now: dt.datetime, **payload: Any) -> None:
    record(
        by=by,
        now=now,
        verb=f"testplans.plan.{verb}",
        subject=f"testplans.plan:{plan.pk}",
        item_id=plan.item_id,
        payload={"number": plan.number, "digest": plan.digest, **payload},
    )
    publish_item(plan.item_id, "plan")


@transaction.atomic
def submit(
    *, item: WorkItem, revision: Revision, body: Mapping[str, Any], run_id: int | None, by: Actor, now: dt.datetime
) -> TestPlan:
    """Store a plan that passes every machine check; the plan before it is superseded. `run_id` is None for a person's.

    `answers` in the body are kept with the findings they answer, not with the plan. The same content again from the
    same run returns the stored plan. Raises BadInput with every finding, NotPermitted.
    """
    answers = {answer["finding"]: answer["text"] for answer in body.get("answers", ())}
    body = {name: value for name, value in body.items() if name != "answers"}
    if item.stage != Stage.PLAN:
        raise NotPermitted("This item does not take a test plan now.")
    rules.check_submit(body, revision)
    digest = digest_of([revision.digest, dict(body)])
    last = TestPlan.objects.filter(item=item).order_by("-number").first()
    if last is not None and last.digest == digest and last.run_id == run_id:
        return last
    if last is not None and last.state != PlanState.SUPERSEDED:
        if last.state == PlanState.FROZEN:
            raise NotPermitted("The plan is frozen; a change goes through a new request.")
        if last.state == PlanState.RETURNED:
            rules.check_answers(last, body, answers)
            _keep_answers(last, answers)
        _move(last, PlanState.SUPERSEDED)
    plan = TestPlan.objects.create(
        item=item,
        revision=revision,
        number=last.number + 1 if last else 1,
        body=dict(body),
        digest=digest,
        run_id=run_id,
        created_at=now,
    )
    TestCase.objects.bulk_create(
        TestCase(plan=plan, position=n, key=case["id"], **_fields(case))
        for n, case in enumerate(body["cases"], start=1)
    )
    _record(plan, "submitted", by=by, now=now, cases=len(body["cases"]), answers=len(answers))
    return plan


def _fields(case: Mapping[str, Any]) -> dict[str, Any]:
    return {name: case.get(name, "") for name in _CASE_FIELDS}


def _keep_answers(plan: TestPlan, answers: Mapping[str, str]) -> None:
    for label, mark in rules.findings_of(plan).items():
        if label in answers:
            CaseVerdict.objects.filter(pk=mark.pk).update(answer=answers[label])


@transaction.atomic
def open_agent_review(*, plan: TestPlan, by: Actor, now: dt.datetime) -> None:
    """DRAFT → AGENT_REVIEW."""
    _move(plan, PlanState.AGENT_REVIEW)
    _record(plan, "review_opened", by=by, now=now)


@transaction.atomic
def submit_review(*, plan: TestPlan, body: Mapping[str, Any], run_id: int, by: Actor, now: dt.datetime) -> Review:
    """An agent's review; a second one of the same run returns the first. Raises BadInput, NotPermitted."""
    if earlier := Review.objects.filter(plan=plan, run_id=run_id).first():
        return earlier
    rules.check_review(plan, reviewer_run_id=run_id)
    cases = {case.key: case for case in plan.cases.all()}
    if unknown := [f["case"] for f in body["findings"] if f["case"] and f["case"] not in cases]:
        raise BadInput(f"The plan has no case {unknown[0]!r}; name a case of the plan or leave `case` empty.")
    if body["verdict"] == ReviewVerdict.CHANGE and not body["findings"]:
        raise BadInput("A verdict `change` needs at least one finding that says what to change.")
    review = Review.objects.create(
        plan=plan,
        kind=ReviewKind.AGENT,
        reviewer=by.name,
        run_id=run_id,
        verdict=body["verdict"],
        summary=body["summary"],
        plan_digest=plan.digest,
        sent_at=now,
    )
    CaseVerdict.objects.bulk_create(
        CaseVerdict(
            review=review,
            case=cases.get(f["case"]),
            mark=CaseMark.NOTE,
            kind=f["kind"],
            severity=f["severity"],
            comment=f["text"],
        )
        for f in body["findings"]
    )
    _record(plan, "reviewed", by=by, now=now, verdict=review.verdict, findings=len(body["findings"]))
    return review


@transaction.atomic
def return_to_author(*, plan: TestPlan, by: Actor, now: dt.datetime) -> None:
    """AGENT_REVIEW → RETURNED on a reviewer's findings."""
    _move(plan, PlanState.RETURNED)
    _record(plan, "returned", by=by, now=now)


@transaction.atomic
def open_lead_review(*, plan: TestPlan, by: Actor, now: dt.datetime) -> None:
    """AGENT_REVIEW → LEAD_REVIEW."""
    _move(plan, PlanState.LEAD_REVIEW)
    _record(plan, "handed_to_lead", by=by, now=now)


@transaction.atomic
def supersede(*, plan: TestPlan, reason: str, by: Actor, now: dt.datetime) -> None:
    """Take a plan out of force because its document changed. Raises NotPermitted, Conflict."""
    if not by.is_human:
        raise NotPermitted("Only a person takes a plan out of force.")
    _move(plan, PlanState.SUPERSEDED)
    _record(plan, "superseded", by=by, now=now, reason=reason)


@transaction.atomic
def freeze_light(*, plan: TestPlan, by: Actor, now: dt.datetime) -> None:
    """Freeze a light item's plan on the agents' approval. Raises NotPermitted for any other risk."""
    rules.check_freeze_by_mechanism(plan)
    reviews = "and an agent's review suffice" if rules.reviewers_wanted(plan.item) else "suffice in this project"
    _move(plan, PlanState.FROZEN, frozen_at=now, frozen_by=by.name)
    _record(plan, "frozen", by=by, now=now, reason=f"light: machine checks {reviews}")


@transaction.atomic
def edit(
    *, plan: TestPlan, body: Mapping[str, Any], what: str, seen_digest: str, user_id: int, by: Actor, now: dt.datetime
) -> None:
    """Replace the content of a plan in the lead's review; its digest is new, findings and other cases stay.

    `what` says it in words, such as "U-002 changed". Raises NotPermitted, Conflict (not what was read), BadInput.
    """
    rules.check_lead_review(plan, seen_digest=seen_digest, by=by)
    body = storable({name: value for name, value in body.items() if name != "answers"})
    rules.check_edit(plan, body)
    before, before_digest = plan.body, plan.digest
    if list(cases_of(before)) == list(cases_of(body)) and not case_changes(before, body):
        return  # fields that older plans lack are no change
    digest = digest_of([plan.revision.digest, body])
    held = TestPlan.objects.filter(pk=plan.pk, state=PlanState.LEAD_REVIEW, digest=before_digest)
    if not held.update(body=body, digest=digest):
        raise Conflict("The plan moved on meanwhile; nothing was changed. Reload the page to see where it stands.")
    plan.body, plan.digest = body, digest
    _replace_cases(plan, body["cases"])
    PlanEdit.objects.create(
        plan=plan,
        user_id=user_id,
        what=what[:300],
        before=before,
        digest_before=before_digest,
        digest_after=digest,
        edited_at=now,
    )
    Reading.objects.filter(item_id=plan.item_id, user_id=user_id).update(body=body, digest=digest, looked_at=now)
    _record(plan, "edited", by=by, now=now, what=what[:300], before=before_digest)


def _replace_cases(plan: TestPlan, cases: list[Mapping[str, Any]]) -> None:
    """Rows as the body has them; a finding on a case that went stays as one on the plan."""
    keys = {case["id"] for case in cases}
    CaseVerdict.objects.filter(case__plan=plan).exclude(case__key__in=keys).update(case=None)
    plan.cases.exclude(key__in=keys).delete()
    known = set(plan.cases.values_list("key", flat=True))
    for n, case in enumerate(cases, start=1):
        if case["id"] in known:
            plan.cases.filter(key=case["id"]).update(position=n, **_fields(case))
        else:
            TestCase.objects.create(plan=plan, position=n, key=case["id"], **_fields(case))


@transaction.atomic
def keep_reading(*, plan: TestPlan, user_id: int, draft: Mapping[str, Any], now: dt.datetime) -> None:
    """Remember what this person looked at and the review they began; nothing of it counts before it is sent."""
    fresh = {"body": plan.body, "digest": plan.digest, "looked_at": now, "draft": storable(dict(draft))}
    reading, is_new = Reading.objects.select_for_update().get_or_create(
        item_id=plan.item_id, user_id=user_id, defaults=fresh
    )
    if is_new:
        return
    if reading.digest != plan.digest:
        reading.before, reading.before_at = reading.body, reading.looked_at
    for name, value in fresh.items():
        setattr(reading, name, value)
    reading.save()


@transaction.atomic
def send_review(
    *,
    plan: TestPlan,
    verdict: ReviewVerdict,
    marks: Iterable[tuple[str, str, str]],
    summary: str,
    seen_digest: str,
    user_id: int,
    by: Actor,
    now: dt.datetime,
    blind_spots: Collection[str] = (),
) -> Review:
    """The lead's review as one message: approve freezes the plan, change sends it back with all marks.

    `marks` are (case key, CaseMark, comment); `blind_spots` are the ticked names of `rules.BLIND_SPOTS`. Raises
    NotPermitted, Conflict (not what was read), BadInput, Locked (an approval under the switch).
    """
    rules.check_lead_review(plan, seen_digest=seen_digest, by=by)
    cases = {case.key: case for case in plan.cases.all()}
    kept = [(cases[key], CaseMark(mark), comment.strip()) for key, mark, comment in marks if key in cases]
    wants_change = [m for m in kept if m[1] in (CaseMark.CHANGE, CaseMark.DROP)]
    if verdict == ReviewVerdict.APPROVE and wants_change:
        raise BadInput(
            f"{wants_change[0][0].key} is marked {wants_change[0][1].label.lower()}, so the plan cannot be approved "
            "as it is. Send the review as a change, or clear the mark. Nothing was sent."
        )
    if verdict == ReviewVerdict.APPROVE:
        check_unlocked(plan.item.project_id, kept="nothing was approved")
        rules.check_can_approve(plan, {case.key: mark for case, mark, _ in kept}, blind_spots)
    if verdict == ReviewVerdict.CHANGE and not wants_change and not summary.strip():
        raise BadInput("Say what should change: mark a case or write a sentence. Nothing was sent.")
    review = Review.objects.create(
        plan=plan,
        kind=ReviewKind.LEAD,
        reviewer=by.name,
        user_id=user_id,
        verdict=verdict,
        summary=summary.strip(),
        plan_digest=plan.digest,
        sent_at=now,
    )
    CaseVerdict.objects.bulk_create(
        CaseVerdict(review=review, case=case, mark=mark, comment=comment) for case, mark, comment in kept
    )
    Reading.objects.filter(item_id=plan.item_id, user_id=user_id).update(draft={})
    if verdict == ReviewVerdict.APPROVE:
        _move(plan, PlanState.FROZEN, frozen_at=now, frozen_by=by.name)
        _record(plan, "frozen", by=by, now=now, review=review.pk, blind_spots=sorted(blind_spots))
    else:
        _move(plan, PlanState.RETURNED)
        _record(plan, "returned", by=by, now=now, review=review.pk)
    return review
