"""What waits for the lead: every open card of any kind, in one order."""

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Count, Max, Min, Q

from leadroom.agents.enums import RunState
from leadroom.agents.models import Elicitation, Run
from leadroom.agents.rules import DEVELOPER_ATTEMPTS
from leadroom.guardrails.bounds import pending_requests
from leadroom.guardrails.enums import Reason
from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Risk, Stage
from leadroom.projects.models import Project, WorkItem
from leadroom.requirements.enums import AmbiguityState, Confidence
from leadroom.requirements.models import Revision
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestPlan
from leadroom.verification.enums import VerificationState
from leadroom.verification.models import VerificationRun
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

    @property
    def urgency(self) -> tuple[int, dt.datetime]:
        """Critical first, then whoever waits longest."""
        return (0 if self.item.risk == Risk.CRITICAL else 1, self.since)


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
    ]
    return sorted(cards, key=lambda card: card.urgency)


def _picks(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    rows = (
        Run.objects.filter(item_id__in=ids, role="requirements", state=RunState.WAITING, wait_reason="picks")
        .filter(item__ambiguities__state=AmbiguityState.OPEN)
        .annotate(
            open=Count("item__ambiguities", filter=Q(item__ambiguities__state=AmbiguityState.OPEN)),
            since=Min("item__ambiguities__proposed_at", filter=Q(item__ambiguities__state=AmbiguityState.OPEN)),
        )
    )
    return [
        Waiting(
            "picks",
            items[run.item_id],
            run.item_id,
            f"Pick {'one answer' if run.open == 1 else f'{run.open} answers'}",
            "The request leaves these open, and each changes what is built.",
            "One candidate of each is recommended; one key takes it.",
            "The requirements agent waits and costs nothing; the item does not move.",
            "requirements agent",
            run.since,
            {"open": run.open},
        )
        for run in rows
        if items[run.item_id].risk != Risk.LIGHT
    ]


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


def _stopped_runs(items: dict[int, WorkItem], ids: list[int]) -> list[Waiting]:
    newest = Run.objects.filter(item_id__in=ids).values("item_id").annotate(top=Max("pk")).values("top")
    rows = Run.objects.filter(item_id__in=ids).filter(
        Q(state__in=[RunState.FAILED, RunState.LOST, RunState.HALTED]) | Q(state=RunState.CANCELLED, pk__in=newest)
    )
    cards = []
    for run in rows.select_related("agent").defer("brief", "system_prompt"):
        asked, recommended = _STOPPED[RunState(run.state)]
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
    for pk, run in rows.items():
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


def visible_project_ids(user: object) -> list[int]:
    """Projects whose cards this user sees."""
    return list(Project.objects.visible_to(user).values_list("pk", flat=True))  # type: ignore[arg-type]
