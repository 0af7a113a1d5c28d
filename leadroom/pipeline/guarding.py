"""What the facts of an item mean for its agents' bounds: answers handed on, claims settled, trust refunded, misses."""

from leadroom.agents.actions import resume
from leadroom.agents.enums import Role, RunState, WaitReason
from leadroom.agents.models import Run
from leadroom.guardrails import bounding, bounds
from leadroom.guardrails.actions import press
from leadroom.guardrails.enums import Lock, RequestState
from leadroom.guardrails.models import Claim, PermissionRequest
from leadroom.guardrails.queries import standing_lock
from leadroom.guardrails.scopes import of_agent
from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Ambiguity
from leadroom.testplans.enums import PlanState, ReviewVerdict
from leadroom.testplans.models import Review, TestPlan
from leadroom.verification.enums import Answer, VerificationState
from leadroom.verification.models import CriterionVerdict, VerificationRun
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch

BY = system("guardrails")
Verdict = tuple[bool, str]


def look(item: WorkItem) -> bool:
    """At most a few writes that the facts call for; whether there was one. Run twice, the second does nothing."""
    waiting = list(Run.objects.filter(item=item, state=RunState.WAITING, wait_reason=WaitReason.APPROVAL))
    has_settled = _settle(item)
    has_stopped = (has_settled or bool(waiting)) and _stop_who_misses(item)
    return _hand_on_answers(waiting) or _refund(item) or has_settled or has_stopped


def _hand_on_answers(waiting: list[Run]) -> bool:
    """A run that waits for an approval goes on once nothing of it is open."""
    for run in waiting:
        requests = PermissionRequest.objects.filter(run_id=run.pk).order_by("pk")
        if requests.filter(state=RequestState.PENDING).exists():
            continue
        answered = requests.filter(state__in=[RequestState.GRANTED, RequestState.REFUSED], asked_at__gte=run.started_at)
        told = "\n\n".join(_told(request) for request in answered)
        resume(run=run, text=told or "Nothing of yours waits any more; go on.", by=BY, now=now())
        return True
    return False


def _told(request: PermissionRequest) -> str:
    if request.state == RequestState.GRANTED:
        extra = f" They add: {request.answer}" if request.answer else ""
        return (
            f"{request.answered_by_name} approved your call of {request.tool}. Leadroom makes that call itself, once "
            "and exactly as it was; do not repeat it. If you see no answer to it, its outcome is unknown: look first."
            f"{extra}"
        )
    said = f" They say: {request.answer}" if request.answer else " Do it another way, or ask."
    return f"{request.answered_by_name} refused your call of {request.tool}; it was not made.{said}"


def _settle(item: WorkItem) -> bool:
    has_settled, claims = False, bounds.open_claims(item.pk)
    runs = Run.objects.in_bulk({claim.run_id for claim in claims}) if claims else {}
    for claim in claims:
        run = runs.get(claim.run_id)
        verdict = None if run is None else _verdict(item, run, claim)
        if verdict is not None and bounding.settle_claim(
            claim=claim, has_held=verdict[0], why=verdict[1], by=BY, now=now()
        ):
            has_settled = True
    return has_settled


def _verdict(item: WorkItem, run: Run, claim: Claim) -> Verdict | None:
    """Whether a claim held, and by what; None while nobody can know."""
    if claim.kind == bounding.TASK_OF_TOOL["propose_ambiguities"]:
        return _of_pick(item, claim.what)
    return _OF_REPORT[Role(run.role)](item, run)


def _of_pick(item: WorkItem, key: str) -> Verdict | None:
    """A recommendation holds when a person takes it. What applied itself holds only once the item is merged."""
    if item.stage == Stage.ALIGN:
        return None
    ambiguity = Ambiguity.objects.filter(item=item, key=key, state=AmbiguityState.RESOLVED).first()
    if ambiguity is None:
        return None
    if ambiguity.decided_by_id is None:
        return (True, "it applied itself and the item was merged") if _is_merged(item) else None
    if ambiguity.picked == ambiguity.recommended:
        return True, "the lead took it"
    return False, "the lead decided otherwise"


def _of_requirements(item: WorkItem, run: Run) -> Verdict | None:
    if Run.objects.filter(item=item, role=run.role, pk__gt=run.pk).exists():
        return False, "the document had to be written again"
    if TestPlan.objects.filter(item=item, state=PlanState.FROZEN).exists():
        return True, "a plan of its document was frozen"
    return None


def _of_planner(item: WorkItem, run: Run) -> Verdict | None:
    plan = TestPlan.objects.filter(item=item, run_id=run.pk).order_by("-pk").first()
    if plan is None:
        return None
    if plan.state == PlanState.FROZEN:
        return True, f"plan {plan.number} was frozen"
    if plan.state in (PlanState.RETURNED, PlanState.SUPERSEDED):
        return False, f"plan {plan.number} was sent back"
    return None


def _of_reviewer(item: WorkItem, run: Run) -> Verdict | None:
    review = Review.objects.filter(run_id=run.pk).select_related("plan").first()
    if review is None:
        return None
    is_frozen = review.plan.state == PlanState.FROZEN
    is_returned = review.plan.state in (PlanState.RETURNED, PlanState.SUPERSEDED)
    if not (is_frozen or is_returned):
        return None
    if review.verdict == ReviewVerdict.APPROVE:
        return is_frozen, "the plan was frozen" if is_frozen else "the lead sent back what it approved"
    return is_returned, "its findings were worked in" if is_returned else "the lead froze the plan all the same"


def _of_developer(item: WorkItem, run: Run) -> Verdict | None:
    if Run.objects.filter(item=item, role=run.role, pk__gt=run.pk).exists():
        failed = VerificationRun.objects.filter(item=item, state=VerificationState.FAILED, queued_at__gt=run.queued_at)
        return False, "the frozen plan failed on it" if failed.exists() else "it was sent back"
    return (True, "it was merged") if _is_merged(item) else None


def _of_verifier(item: WorkItem, run: Run) -> Verdict | None:
    """A NO holds when the work goes back, anything else when the item is merged."""
    answers = set(CriterionVerdict.objects.filter(run_id=run.pk).values_list("answer", flat=True))
    says_no = Answer.NO in answers
    if Run.objects.filter(item=item, role=Role.DEVELOPER, pk__gt=run.pk).exists():
        return says_no, "the work went back, as it said" if says_no else "the work it passed went back"
    if _is_merged(item):
        return not says_no, "the item was merged" if not says_no else "the owner merged it all the same"
    return None


_OF_REPORT = {
    Role.REQUIREMENTS: _of_requirements,
    Role.PLANNER: _of_planner,
    Role.REVIEWER: _of_reviewer,
    Role.DEVELOPER: _of_developer,
    Role.VERIFIER: _of_verifier,
}


def _is_merged(item: WorkItem) -> bool:
    return Stitch.objects.filter(item=item, state=StitchState.MERGED).exists()


def _refund(item: WorkItem) -> bool:
    """A merge gives every agent that worked on the item one charge back; a confirmed finding its reviewer."""
    due: dict[int, tuple[str, str]] = {}
    if item.stage == Stage.PLAN:
        confirmed = Review.objects.filter(
            plan__item=item, run_id__isnull=False, verdict=ReviewVerdict.CHANGE, plan__state=PlanState.SUPERSEDED
        )
        for review in confirmed.filter(marks__isnull=False).distinct():
            if (run := Run.objects.filter(pk=review.run_id or 0).first()) is not None:
                due[run.agent_id] = (f"testplans.review:{review.pk}", "its findings were worked in")
    stitch = Stitch.objects.filter(item=item, state=StitchState.MERGED).first() if item.stage == Stage.STITCH else None
    if stitch is not None:
        for agent_id in set(Run.objects.filter(item=item).values_list("agent_id", flat=True)):
            due[agent_id] = (f"worktrees.stitch:{stitch.pk}", f"item {item.number} was merged clean")
    has_refunded = False
    for agent_id, (cause, reason) in due.items():
        has_refunded |= bounding.refund(
            project=item.project, agent_id=agent_id, item_id=item.pk, reason=reason, cause=cause, by=BY, now=now()
        )
    return has_refunded


def _stop_who_misses(item: WorkItem) -> bool:
    """An agent that missed too often in a row becomes read-only until a person unlocks it."""
    allowed = bounds.policy_of(item.project_id).misses_allowed
    agents = {run.agent_id: run.agent for run in Run.objects.filter(item=item).select_related("agent")}
    for agent_id, agent in agents.items():
        if bounds.misses(agent_id) < allowed or standing_lock(item.project_id, agent_id) is not Lock.OPEN:
            continue
        reason = (
            f"{agent.name} missed {allowed} times in a row: claims that did not hold, or confidence below the floor."
        )
        press(scope=of_agent(agent_id, agent.name, item.project), level=Lock.READ_ONLY, reason=reason, by=BY, now=now())
        return True
    return False
