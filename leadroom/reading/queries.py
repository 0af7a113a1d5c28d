"""What waits for the lead: every open card of any kind, in one order."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Max, Q

from leadroom.agents.enums import FailureCause, RunState
from leadroom.agents.models import Elicitation, Run
from leadroom.agents.rules import DEVELOPER_ATTEMPTS
from leadroom.guardrails.bounds import pending_requests
from leadroom.guardrails.enums import Reason
from leadroom.lib.clock import now
from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Risk, Stage
from leadroom.projects.models import WorkItem
from leadroom.reading.enums import Cause
from leadroom.reading.findings import finding_cards
from leadroom.reading.locks import lock_cards
from leadroom.reading.rules import is_urgent
from leadroom.requirements.enums import AmbiguityState, Confidence
from leadroom.requirements.models import Revision
from leadroom.requirements.queries import asked
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestPlan
from leadroom.triage.enums import Severity
from leadroom.verification.enums import Outcome, VerificationState
from leadroom.verification.models import CaseResult, VerificationRun
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch


@dataclass(frozen=True)
class Waiting:
    """One thing only a person can do. `kind` names it; `subject_id` is the pk of what it is about."""

    kind: str
    item: WorkItem
    subject_id: int
    asked: str
    why: str
    recommended: str
    if_ignored: str
    who: str
    since: dt.datetime
    extra: dict = field(default_factory=dict)
    cause: Cause = Cause.OTHER
    severity: str = ""

    @property
    def is_urgent(self) -> bool:
        """Whether it is told at once, in quiet time too."""
        return is_urgent(self.cause, self.severity)

    @property
    def urgency(self) -> tuple[int, dt.datetime, int]:
        """Urgent first, then critical, then whoever waits longest; of two since the same moment, the older item."""
        grade = 0 if self.is_urgent else 1 if self.item.risk == Risk.CRITICAL else 2
        return (grade, self.since, self.item.pk or 0)


def waiting_for_lead(project_ids: list[int]) -> list[Waiting]:
    """Every open card of these projects, most pressing first, in a fixed number of queries."""
    live = WorkItem.objects.filter(project_id__in=project_ids).live().select_related("project", "stitch_owner")
    items = {item.pk: item for item in live}
    ids = list(items)
    cards = [
        *_picks(items, ids),
        *_questions(items, ids),
        *_parked(items, ids),
        *_plans(items, ids),
        *_stopped_runs(items, ids),
        *_unclear_documents(items, ids),
        *_broken_verifications(items, ids),
        *_stitches(items, ids),
        *_stuck(items),
        *(Waiting(**card) for card in (*finding_cards(project_ids), *lock_cards(project_ids, now()))),
    ]
    return sorted(cards, key=lambda card: card.urgency)


def _picks(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    """Asked rows; and rows left to the agent by default that nobody has looked at yet."""
    waiting = asked("item__ambiguities__")
    fresh = Q(item__ambiguities__handed_at=None)
    decided = fresh & Q(item__ambiguities__decided_by__isnull=False)
    rows = (
        Run.objects.filter(item_id__in=ids, role="requirements", state=RunState.WAITING, wait_reason="picks")
        .annotate(
            open=Count("item__ambiguities", filter=waiting),
            left=Count("item__ambiguities", filter=fresh & Q(item__ambiguities__state=AmbiguityState.OPEN)),
            decided=Count("item__ambiguities", filter=decided),
            since=Max("item__ambiguities__proposed_at", filter=fresh),
            go_at=F("item__alignment__go_at"),
        )
        .filter(Q(open__gt=0) | Q(left__gt=0))
    )
    cards = []
    for run in rows:
        item = items[run.item_id]
        has_gone = run.go_at is not None and run.since is not None and run.go_at >= run.since
        if not run.open and (item.risk == Risk.LIGHT or run.decided or has_gone):
            continue
        cards.append(_pick_card(run, item))
    return cards


def _pick_card(run: Any, item: WorkItem) -> Waiting:
    if run.open:
        asked_for = f"Pick {'one answer' if run.open == 1 else f'{run.open} answers'}"
        why = "The request leaves these open, and each changes what is built."
        recommended = "One candidate of each is recommended; one key takes it."
    else:
        asked_for = f"Look at {'one answer' if run.left == 1 else f'{run.left} answers'} left to the agent"
        why = "You nearly always take the recommendation there, so none is asked; one look before they count."
        recommended = "Hand them over; take one back to decide it yourself."
    return Waiting(
        "picks",
        item,
        run.item_id,
        asked_for,
        why,
        recommended,
        "The requirements agent waits and costs nothing; the item does not move.",
        "requirements agent",
        run.since or run.queued_at,
        {"open": run.open},
    )


def _questions(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    rows = Elicitation.objects.filter(answered_at=None, run__item_id__in=ids, run__state=RunState.WAITING)
    return [
        Waiting(
            "question",
            items[question.run.item_id],
            question.pk,
            question.question,
            question.why,
            question.recommendation,
            "The agent waits at this point; the item does not move.",
            question.run.agent.name,
            question.asked_at,
            {"options": question.options, "run_id": question.run_id},
        )
        for question in rows.select_related("run__agent")
    ]


_PARKED_WHY = {
    Reason.IRREVERSIBLE: ("Approve this action?", "It cannot be undone: it {}."),
    Reason.TRUST_EMPTY: ("Let this through?", "Its trust of this hour is spent on answers without a source."),
    Reason.BELOW_FLOOR: ("Take this in spite of its doubt?", "{}"),
}


def _parked(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    """Actions that the gate parked, of runs that wait for the answer."""
    requests = pending_requests(ids)
    waiting = set(
        Run.objects.filter(pk__in=[r.run_id for r in requests], state=RunState.WAITING).values_list("pk", flat=True)
    )
    cards = []
    for request in requests:
        if request.run_id not in waiting:
            continue
        asked, why = _PARKED_WHY.get(Reason(request.why), ("Approve this action?", "{}"))
        counted = sum(1 for source in request.sources if (source.get("found") or {}).get("counts"))
        backed = f"{counted} of {count_of(len(request.sources), 'source')} found"
        backed += f", backed by {count_of(len(request.evidence), 'test run')}." if request.evidence else "."
        cards.append(
            Waiting(
                "approval",
                items[request.item_id],
                request.pk,
                f"{asked} {request.agent_name} calls {request.tool}",
                why.format("; it ".join(request.blast_radius) or request.sentence),
                "Look at it, then approve exactly this, refuse it, or tell the agent what to do instead."
                + f" {backed}",
                "The agent waits and costs nothing; nothing was done.",
                request.agent_name,
                request.asked_at,
                {"run_id": request.run_id, "digest": request.digest, "nonce": request.nonce, "why": request.why},
            )
        )
    return cards


def _plans(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    rows = TestPlan.objects.filter(item_id__in=ids, state=PlanState.LEAD_REVIEW).annotate(
        n=Count("cases", distinct=True), findings=Count("reviews__marks", distinct=True)
    )
    return [
        Waiting(
            "plan",
            items[plan.item_id],
            plan.pk,
            f"Review the test plan: {plan.n} cases",
            "It decides what counts as done; once frozen, nobody can bend it.",
            "Approve: machine checks passed and the reviewer agreed."
            if not plan.findings
            else f"Read the reviewer's {plan.findings} finding{'s' if plan.findings > 1 else ''} first.",
            "Nothing is built before this plan is frozen.",
            "test planner",
            plan.created_at,
            {"findings": plan.findings},
        )
        for plan in rows
    ]


_STOPPED = {
    RunState.LOST: ("Resume the {}?", "Resume: it goes on from its last stored message and its tree."),
    RunState.FAILED: ("The {} cannot go on", "Mend the cause named here, then resume."),
    RunState.HALTED: ("Let the {} go on?", "Unlock what it works in, look at what was under way, then resume it."),
    RunState.CANCELLED: ("The {} was stopped", "Start it again with the same brief, or drop the item."),
}
_CAPPED = (
    "The {} cannot go on: the spend cap is reached",
    "Raise the cap at the provider or give the role another endpoint, then resume.",
)
_OF_FAILURE = {FailureCause.OTHER: (Cause.OTHER, ""), FailureCause.SPEND_CAP: (Cause.SPEND_CAP, Severity.CRITICAL)}


def _stopped_runs(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    every = Run.objects.filter(item_id__in=ids)
    newest = every.values("item_id").annotate(top=Max("pk")).values("top")
    reviewers = every.filter(role="reviewer").values("item_id", "lane").annotate(top=Max("pk")).values("top")
    rows = Run.objects.filter(item_id__in=ids).filter(
        Q(state__in=[RunState.FAILED, RunState.LOST, RunState.HALTED])
        | Q(state=RunState.CANCELLED, pk__in=newest)
        | Q(state=RunState.CANCELLED, pk__in=reviewers, item__stage=Stage.PLAN)
    )
    cards = []
    for run in rows.select_related("agent").defer("brief", "system_prompt"):
        cause = FailureCause(run.failure_cause if run.state == RunState.FAILED else FailureCause.OTHER)
        asked, recommended = _CAPPED if cause == FailureCause.SPEND_CAP else _STOPPED[RunState(run.state)]
        name = run.agent.name.lower()
        cards.append(
            Waiting(
                "run",
                items[run.item_id],
                run.pk,
                asked.format(name),
                run.failure,
                recommended,
                "Its work is kept; the item does not move.",
                name,
                run.ended_at or run.queued_at,
                {"state": run.state},
                *_OF_FAILURE[cause],
            )
        )
    return cards


def _unclear_documents(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    aligned = [pk for pk in ids if items[pk].stage == Stage.ALIGN]
    latest: dict[int, Revision] = {}
    for revision in Revision.objects.filter(item_id__in=aligned).order_by("number"):
        latest[revision.item_id] = revision
    busy = set(
        Run.objects.filter(item_id__in=list(latest), role="requirements")
        .exclude(state__in=[RunState.COMPLETED, RunState.CANCELLED])
        .values_list("item_id", flat=True)
    )
    return [
        Waiting(
            "document",
            items[pk],
            revision.pk,
            "Say what the requirements lack",
            "The document has LOW confidence. Missing: " + "; ".join(revision.body["missing"]),
            "Write what you know; the requirements agent works it in.",
            "The item does not move: a plan on this document would test guesses.",
            "requirements agent",
            revision.created_at,
        )
        for pk, revision in latest.items()
        if revision.confidence == Confidence.LOW and pk not in busy
    ]


def _broken_verifications(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    in_verify = [pk for pk in ids if items[pk].stage == Stage.VERIFY]
    rows = {run.item_id: run for run in VerificationRun.objects.filter(item_id__in=in_verify).order_by("pk")}
    exhausted = set(
        Run.objects.filter(item_id__in=in_verify, role="developer", attempt__gte=DEVELOPER_ATTEMPTS).values_list(
            "item_id", flat=True
        )
    )
    cards = []
    flaky = _only_flaky([run for run in rows.values() if run.state == VerificationState.FAILED])
    for pk, run in rows.items():
        if run.pk in flaky:
            cards.append(_flaky_card(items[pk], run, flaky[run.pk]))
            continue
        is_failed = run.state == VerificationState.FAILED and pk in exhausted
        if not is_failed and run.state != VerificationState.ERRORED:
            continue
        cards.append(
            Waiting(
                "verification",
                items[pk],
                run.pk,
                f"The frozen plan failed after {DEVELOPER_ATTEMPTS} attempts"
                if is_failed
                else "The verification could not run",
                "The developer did not get it green; see the failed cases." if is_failed else run.problem,
                "Send it back with a hint, or drop the item." if is_failed else "Mend the cause, then run it again.",
                "The item does not move; nothing is merged unverified.",
                "Leadroom",
                run.ended_at or run.queued_at,
                {"state": run.state},
            )
        )
    return cards


def _only_flaky(runs: list[VerificationRun]) -> dict[int, list[str]]:
    """Verification pk to the keys of its flaky cases, for those that failed by nothing else."""
    bad: dict[int, list[tuple[str, str]]] = {}
    results = CaseResult.objects.filter(verification__in=[run.pk for run in runs if not run.refusals])
    for pk, key, outcome in results.exclude(outcome=Outcome.PASSED).values_list(
        "verification_id", "case__key", "outcome"
    ):
        bad.setdefault(pk, []).append((key, outcome))
    return {
        pk: [key for key, _ in found]
        for pk, found in bad.items()
        if all(outcome == Outcome.FLAKY for _, outcome in found)
    }


def _flaky_card(item: WorkItem, run: VerificationRun, keys: list[str]) -> Waiting:
    named = ", ".join(keys[:5])
    return Waiting(
        "verification",
        item,
        run.pk,
        f"Flaky: {named}",
        "On the same files it passed once and failed once, in another order. Only you set a case aside.",
        "Send it back when the product may be the cause; quarantine the case with a reason when the test is.",
        "The item does not move; nothing is merged unverified.",
        "Leadroom",
        run.ended_at or run.queued_at,
        {"state": run.state, "flaky": keys},
    )


def _stitches(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    rows = Stitch.objects.filter(
        item_id__in=ids, item__stage=Stage.STITCH, state__in=[StitchState.CLEAN, StitchState.CONFLICTED]
    )
    return [
        Waiting(
            "stitch",
            items[stitch.item_id],
            stitch.item_id,
            "Sign the merge" if stitch.state == StitchState.CLEAN else "The work conflicts with the branch",
            "Every frozen case passed on the merged tree; one person stands for the join."
            if stitch.state == StitchState.CLEAN
            else "In conflict: " + ", ".join(stitch.conflicts[:5]),
            "Sign with a sentence on the trade-offs."
            if stitch.state == StitchState.CLEAN
            else "Send it back to be built on the branch as it is now.",
            "The work stays safe in Leadroom; your repository is untouched.",
            f"stitch owner {items[stitch.item_id].stitch_owner.get_username()}",
            items[stitch.item_id].stage_entered_at,
        )
        for stitch in rows
    ]


def _stuck(items: dict[int, WorkItem]) -> list[Waiting]:
    return [
        Waiting(
            "item",
            item,
            item.pk,
            "Leadroom cannot go on here",
            item.problem,
            "Mend the cause; Leadroom looks again every second.",
            "The item stays where it is.",
            "Leadroom",
            item.problem_at or item.stage_entered_at,
        )
        for item in items.values()
        if item.problem
    ]
