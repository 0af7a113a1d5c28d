"""A structured report's claims held against our own record; `gate` has read it, and names what is wrong with it."""

import datetime as dt

from leadroom.agents.enums import EventKind
from leadroom.agents.models import Run, RunEvent
from leadroom.lib.actors import system
from leadroom.runners.tools import TOOLBOX
from leadroom.triage.actions import note_comparison
from leadroom.triage.claims import Record, contradictions
from leadroom.triage.models import Report
from leadroom.verification.enums import Outcome
from leadroom.verification.models import VerificationRun
from leadroom.worktrees.changes import changed_files
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Worktree

BY = system("triage")


def changed_paths(worktree: Worktree | None) -> frozenset[str] | None:
    """What the tree really changed, by git; None without a tree. Runs git, so ask it outside a transaction.

    Raises RepositoryProblem.
    """
    if worktree is None:
        return None
    if not worktree.has_work:
        return frozenset()
    files = changed_files(control_of(worktree.run.item.project).path, worktree.base, worktree.head)
    return frozenset(path for file in files for path in (file.path, file.old_path))


def newest_verification(report: Report) -> VerificationRun | None:
    """The newest ended one of exactly the work that the report tells of: its own tree's last commit."""
    head = Worktree.objects.filter(run_id=report.run_id).values_list("head", flat=True).first()
    if not head:
        return None
    rows = VerificationRun.objects.filter(item_id=report.item_id, work=head, ended_at__isnull=False)
    return rows.order_by("-pk").first()


def hold_to_record(*, report: Report, changed: frozenset[str] | None, now: dt.datetime) -> list[dict[str, str]]:
    """Compares a report's claims with what Leadroom recorded itself, and keeps what contradicts them beside it."""
    verification = newest_verification(report)
    found = contradictions(report.body, _record(report.run, verification, changed))
    note_comparison(report=report, found=found, verification=verification.pk if verification else 0, by=BY, now=now)
    return found


def _record(run: Run, verification: VerificationRun | None, changed: frozenset[str] | None) -> Record:
    has_shell = run.role in TOOLBOX["run_command"].roles
    failed: list[str] = []
    if verification is not None:
        bad = verification.results.exclude(outcome=Outcome.PASSED).select_related("case").order_by("case__position")
        failed = [result.case.key for result in bad]
    return Record(
        commands=_commands(run) if has_shell else None,
        changed=changed,
        verification=verification.pk if verification else 0,
        cases=verification.results.count() if verification else 0,
        failed=tuple(failed),
        refusals=tuple(str(one.get("sentence", "")) for one in verification.refusals) if verification else (),
    )


def _commands(run: Run) -> int:
    """How many commands the run's own transcript has."""
    calls = RunEvent.objects.filter(run=run, kind=EventKind.TOOL_CALL)
    return sum(1 for payload in calls.values_list("payload", flat=True) if payload.get("kind") == "execute")
