"""What a developer claimed, held against the verification that came later."""

from leadroom.agents.enums import Role
from leadroom.lib.clock import now
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.runners.reporting import changed_paths, hold_to_record, newest_verification
from leadroom.triage.models import Report
from leadroom.worktrees.models import Worktree


def compare_claims(item: WorkItem) -> bool:
    """Compares the newest developer's report once more when a verification of its work has ended since.

    Whether it wrote; run twice, the second does nothing. Raises RepositoryProblem.
    """
    if item.stage not in (Stage.VERIFY, Stage.STITCH):
        return False
    report = Report.objects.filter(item=item, run__role=Role.DEVELOPER).select_related("run").first()
    verification = newest_verification(report) if report is not None else None
    if report is None or verification is None or (report.compared_with or 0) >= verification.pk:
        return False
    worktree = Worktree.objects.filter(run_id=report.run_id).select_related("run__item__project").first()
    hold_to_record(report=report, changed=changed_paths(worktree), now=now())
    return True
