"""Leadroom's own tools: an agent's words become records, by the same actions a page would use."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction

from leadroom.agents import holding
from leadroom.agents.enums import Phase, Role, WaitReason
from leadroom.agents.models import Run
from leadroom.guardrails.queries import check_unlocked
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.projects.actions import set_risk
from leadroom.projects.models import WorkItem
from leadroom.requirements.actions import ask_questions, propose, submit_document
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Revision
from leadroom.requirements.queries import latest_revision
from leadroom.runners.base import Outcome, Workplace
from leadroom.runners.material import known_texts
from leadroom.runners.reporting import changed_paths, hold_to_record
from leadroom.runners.shapes import Shape
from leadroom.testplans.actions import submit, submit_review
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import Review, TestPlan
from leadroom.testplans.queries import current_plan
from leadroom.triage.actions import file_report
from leadroom.verification.actions import submit_verdicts
from leadroom.verification.models import CriterionVerdict
from leadroom.verification.queries import frozen_hand_in
from leadroom.verification.redcheck import hand_in_tests, told
from leadroom.worktrees.keeping import commit_work
from leadroom.worktrees.queries import stitched_commit

Body = dict[str, Any]


Work = Callable[[Run, Body], Outcome]


def _handler(work: Work) -> Callable[[Workplace, Shape], Awaitable[Outcome]]:
    async def handle(place: Workplace, shape: Shape) -> Outcome:
        return await sync_to_async(_noted(place, work))(place.run, shape.model_dump())

    return handle


def _noted(place: Workplace, work: Work) -> Work:
    """The work and the gate's note of it in one transaction: a holder that dies leaves both or neither."""

    def noted(run: Run, body: Body) -> Outcome:
        with transaction.atomic():
            outcome = work(run, body)
            if not outcome.is_error:
                place.note()
        return outcome

    return noted


def _unlocked(work: Work) -> Work:
    """In one transaction with a last look at the switch: pressed before, nothing is written; pressed later, it waits.

    The gate looked already, some milliseconds ago.
    """

    def guarded(run: Run, body: Body) -> Outcome:
        with transaction.atomic():
            check_unlocked(run.item.project_id, run.agent_id, kept="nothing was stored")
            return work(run, body)

    return guarded


def _item(run: Run) -> WorkItem:
    return WorkItem.objects.select_related("project").get(pk=run.item_id)


def _propose(run: Run, body: Body) -> Outcome:
    item, by = _item(run), holding.actor_of(run)
    if not item.is_risk_judged:
        set_risk(item=item, risk=body["risk"]["level"], reason=body["risk"]["reason"], by=by, now=now())
    if not body["ambiguities"]:
        return Outcome("Nothing is open, so there is nothing to wait for. Submit the document now.")
    given, known = body["ambiguities"], known_texts(item)
    stored = propose(item=item, ambiguities=given, proposals=body["proposals"], known=known, by=by, now=now())
    if not any(a.state == AmbiguityState.OPEN for a in stored):
        return Outcome("All of these were decided already; the picks are in your messages.")
    return Outcome("Stored. The run waits now; the picks arrive as the next message.", waits=WaitReason.PICKS)


def _questions(run: Run, body: Body) -> Outcome:
    item, by = _item(run), holding.actor_of(run)
    if not item.is_risk_judged:
        set_risk(item=item, risk=body["risk"]["level"], reason=body["risk"]["reason"], by=by, now=now())
    made = ask_questions(item=item, questions=body["questions"], known=known_texts(item), by=by, now=now())
    if made.deferred_because:
        keys = ", ".join(row.key for row in made.questions)
        return Outcome(
            f"{made.deferred_because}; so {keys} were deferred and nobody is asked. Decide conservatively, list them "
            "under open questions beginning with their keys, and go on."
        )
    if not any(row.state == AmbiguityState.OPEN for row in made.questions):
        return Outcome("All of these were answered already; the answers are in your messages.")
    return Outcome("Stored. The run waits now; the answers arrive as the next message.", waits=WaitReason.PICKS)


def _document(run: Run, body: Body) -> Outcome:
    revision = submit_document(item=_item(run), body=body, run_id=run.pk, by=holding.actor_of(run), now=now())
    return Outcome(f"Stored as revision {revision.number}, {revision.digest}. Report next.")


def _plan(run: Run, body: Body) -> Outcome:
    item = _item(run)
    revision = latest_revision(item)
    if revision is None:
        raise NotPermitted("There is no requirements document to plan from.")
    plan = submit(item=item, revision=revision, body=body, run_id=run.pk, by=holding.actor_of(run), now=now())
    return Outcome(f"Every machine check passed. Stored as plan {plan.number}, {plan.digest}. Report next.")


def _review(run: Run, body: Body) -> Outcome:
    plan = current_plan(_item(run))
    if plan is None:
        raise NotPermitted("There is no test plan to review any more.")
    submit_review(plan=plan, body=body, run_id=run.pk, by=holding.actor_of(run), now=now())
    return Outcome("Your review is stored. Report next.")


async def _tests(place: Workplace, shape: Shape) -> Outcome:
    plan = await sync_to_async(lambda: current_plan(_item(place.run)))()
    if plan is None or place.worktree is None:
        raise NotPermitted("There is no frozen plan to hand tests in for.")
    await _commit(place, f"Tests: {shape.model_dump()['note']}")
    hand_in = await hand_in_tests(plan=plan, worktree=place.worktree)
    return Outcome(told(hand_in), is_error=not hand_in.is_accepted)


def _verdicts(run: Run, body: Body) -> Outcome:
    item = _item(run)
    revision, work = latest_revision(item), stitched_commit(item)
    if revision is None or not work:
        raise NotPermitted("There is no finished work to judge any more.")
    by = holding.actor_of(run)
    submit_verdicts(item=item, run_id=run.pk, work=work, body=body, criteria=revision.criteria, by=by, now=now())
    return Outcome("Your verdicts are stored. Report next.")


def _ask(run: Run, body: Body) -> Outcome:
    holding.ask(run=run, now=now(), **body)
    return Outcome("The run waits now; the answer arrives as the next message.", waits=WaitReason.ANSWER)


async def _set_phase(place: Workplace, shape: Shape) -> Outcome:
    body = shape.model_dump()
    await _commit(place, f"Before {body['phase']}")
    return await sync_to_async(_unlocked(_phase))(place.run, body)


def _phase(run: Run, body: Body) -> Outcome:
    holding.set_phase(run=run, phase=Phase(body["phase"]), note=body["note"], now=now())
    return Outcome("Noted.")


async def _commit(place: Workplace, message: str) -> None:
    if place.worktree is not None and place.run.role == Role.DEVELOPER:
        await commit_work(worktree=place.worktree, message=message, by=holding.actor_of(place.run))


async def _report(place: Workplace, shape: Shape) -> Outcome:
    body = shape.model_dump()
    await _commit(place, body["summary"])
    changed = await sync_to_async(changed_paths)(place.worktree)
    file = _unlocked(lambda _, given: _file_report(place, given, changed))
    return await sync_to_async(_noted(place, file))(place.run, body)


def _file_report(place: Workplace, body: Body, changed: frozenset[str] | None) -> Outcome:
    run = place.run
    missing = [_missing_artefact(place), _unfrozen_tests(place)] if body["status"] == "COMPLETE" else []
    if any(missing):
        raise BadInput(f"The report says COMPLETE, but {' And '.join(filter(None, missing))} Or report BLOCKED.")
    report = file_report(run=run, body=body, by=holding.actor_of(run), now=now())
    hold_to_record(report=report, changed=changed, now=now())
    if body["status"] == "COMPLETE":
        return Outcome("Filed. The run is complete.", ends=True)
    reason = f"The agent is blocked: {body['summary']} It needs: {'; '.join(body['needs'])}"
    return Outcome("Filed. The run stops here until the lead acts.", ends=True, blocked_because=reason)


def _missing_artefact(place: Workplace) -> str:
    """Done without the thing to be done is never COMPLETE (RELIABILITY, faults)."""
    run = place.run
    missing = {
        Role.REQUIREMENTS: not Revision.objects.filter(run_id=run.pk).exists() and "submit the document",
        Role.PLANNER: not TestPlan.objects.filter(run_id=run.pk).exists() and "submit the test plan",
        Role.REVIEWER: not Review.objects.filter(run_id=run.pk).exists() and "submit the review",
        Role.DEVELOPER: (place.worktree is None or not place.worktree.has_work) and "change something in the tree",
        Role.VERIFIER: not CriterionVerdict.objects.filter(run_id=run.pk).exists() and "submit your verdicts",
    }[Role(run.role)]
    return f"you have yet to {missing}. Do that first." if missing else ""


def _unfrozen_tests(place: Workplace) -> str:
    """Work without frozen tests proves nothing (PRODUCT section 4)."""
    plan = current_plan(place.run.item) if place.run.role == Role.DEVELOPER else None
    if plan is not None and plan.state == PlanState.FROZEN and frozen_hand_in(plan) is None:
        return "the plan's tests were never accepted. Hand them in with submit_tests first."
    return ""


HANDLERS = {
    "set_phase": _set_phase,
    "propose_ambiguities": _handler(_unlocked(_propose)),
    "ask_questions": _handler(_unlocked(_questions)),
    "submit_document": _handler(_unlocked(_document)),
    "submit_plan": _handler(_unlocked(_plan)),
    "submit_review": _handler(_unlocked(_review)),
    "submit_tests": _tests,
    "submit_verdicts": _handler(_unlocked(_verdicts)),
    "ask": _handler(_ask),
    "report": _report,
}
