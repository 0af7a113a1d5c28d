"""The rehearsal of the frozen plan: sent back by it, merged under it, asked what it would not notice, and cheated."""

from typing import Any

from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.lib.errors import LeadroomError
from leadroom.ops.rehearsals.cheats import TRICKS, Trick, Work
from leadroom.ops.rehearsals.stage import Stage
from leadroom.projects.enums import Stage as ItemStage
from leadroom.projects.models import WorkItem
from leadroom.testplans.models import TestPlan
from leadroom.verification.actions import request
from leadroom.verification.enums import VerificationState
from leadroom.verification.models import FaultCheck, VerificationRun
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.keeping import control_of

FAULTS_SECONDS = 300.0
CHEAT_SECONDS = 120.0
BY = system("rehearsal")


def facts_of_frozen_plan(stage: Stage, item: WorkItem) -> dict[str, Any]:
    """What the frozen plan did for a merged item, and what it does against every cheat. Raises LeadroomError."""
    verified = VerificationRun.objects.select_related("hand_in", "plan", "item__project").get(
        item=item, state=VerificationState.PASSED
    )
    checks = FaultCheck.objects.filter(verification=verified)
    stage.wait_for(checks.exists, FAULTS_SECONDS, "No seeded faults were tried")
    check = checks.get()
    noticed = list(check.faults.values_list("is_noticed", flat=True))
    refused_by = {str(trick.cheat): _try(stage, verified, trick) for trick in TRICKS}
    return {
        "sent_back": item.visits.filter(stage=ItemStage.BUILD).count() - 1,
        "cheats_tried": len(refused_by),
        "cheats_refused": sum(name in refusals for name, refusals in refused_by.items()),
        "cheats": refused_by,
        "seeded_faults": len(noticed),
        "seeded_faults_noticed": sum(noticed),
    }


def _try(stage: Stage, verified: VerificationRun, trick: Trick) -> list[str]:
    """The names by which the running program refuses the cheat, carried out on top of the work it merged."""
    control = control_of(verified.item.project)
    work = _work(control, verified)
    trick.do(work)
    cheated = request(
        item=verified.item,
        plan=TestPlan.objects.get(pk=verified.plan_id),
        commit=work.bent(),
        hand_in=verified.hand_in,
        by=BY,
        now=now(),
    )

    def has_ended() -> bool:
        cheated.refresh_from_db()
        return cheated.state not in (VerificationState.QUEUED, VerificationState.RUNNING)

    stage.wait_for(has_ended, CHEAT_SECONDS, f"The cheat {trick.cheat} had no verdict")
    if cheated.state != VerificationState.FAILED:
        raise LeadroomError(f"The cheat {trick.cheat} was not refused: {cheated.state} {cheated.problem}")
    return sorted({refusal["cheat"] for refusal in cheated.refusals})


def _work(control: ControlRepository, verified: VerificationRun) -> Work:
    """The merged work, with the first module of the product that it brought."""
    nodes = tuple(verified.plan.cases.exclude(node_id="").values_list("node_id", flat=True))
    frozen = verified.hand_in.frozen if verified.hand_in else {}
    brought = [
        change.path
        for change in control.changed_files(verified.onto, verified.commit)
        if change.status == "A" and change.path.endswith(".py") and change.path not in frozen
    ]
    if not brought:
        raise LeadroomError("The work of this rehearsal brought no module to bend.")
    return Work(control, verified.work, nodes, sorted(brought, key=lambda path: path.count("/"))[0])
