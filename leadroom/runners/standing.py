"""What the records say a run came to: read when a holder takes it over from one that died."""

from leadroom.agents.enums import Role, WaitReason
from leadroom.agents.models import Run
from leadroom.guardrails.bounds import newest_request
from leadroom.guardrails.enums import RequestState
from leadroom.requirements.queries import open_count
from leadroom.runners.base import Outcome
from leadroom.triage.enums import ReportStatus


def standing_outcome(run: Run) -> Outcome | None:
    """What the records say a run came to although its holder died before it could say so; None when it goes on."""
    report = run.reports.order_by("-pk").first()
    if report is not None and report.status == ReportStatus.COMPLETE:
        return Outcome("", ends=True)
    if run.elicitations.filter(answered_at=None).exists():
        return Outcome("", waits=WaitReason.ANSWER)
    request = newest_request(run.pk)
    if request is not None and request.state == RequestState.PENDING:
        return Outcome("", waits=WaitReason.APPROVAL)
    if run.role == Role.REQUIREMENTS and open_count(run.item):
        return Outcome("", waits=WaitReason.PICKS)
    return None
