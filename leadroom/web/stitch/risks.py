"""Open risks of a join that verification found: criteria not met, faults nobody would notice, cases set aside."""

from dataclasses import dataclass

from leadroom.projects.models import WorkItem
from leadroom.verification.enums import Answer, Cheat, ExemptionKind
from leadroom.verification.models import Exemption
from leadroom.verification.queries import open_verdicts, unnoticed_faults, verification_of
from leadroom.worktrees.models import Stitch


@dataclass(frozen=True)
class OpenRisk:
    """Something nobody settled before the join."""

    origin: str
    severity: str
    text: str


def proof_risks(item: WorkItem, stitch: Stitch | None) -> list[OpenRisk]:
    """Most severe first, in a fixed number of queries; none before there is a trial merge."""
    run = verification_of(item, stitch.trial) if stitch and stitch.trial else None
    if stitch is None or run is None:
        return []
    risks = [OpenRisk(f"Refused: {Cheat(row['cheat']).label}", "critical", row["sentence"]) for row in run.refusals]
    risks += [
        OpenRisk(
            f"Verifier on {row.criterion}",
            "critical" if row.answer == Answer.NO else "major",
            f"{Answer(row.answer).label}: {row.behaviour}",
        )
        for row in open_verdicts(item, stitch.commit)
    ]
    set_aside = Exemption.objects.filter(case__plan=run.plan_id, kind=ExemptionKind.QUARANTINE).select_related("case")
    risks += [OpenRisk(f"{row.case.key} in quarantine", "major", f"{row.by}: {row.reason}") for row in set_aside]
    risks += [
        OpenRisk(
            "Seeded fault not noticed",
            "minor",
            f"{fault.path}:{fault.line}: {fault.before} \u2192 {fault.after} ({fault.hint})",
        )
        for fault in unnoticed_faults(run)
    ]
    return risks
