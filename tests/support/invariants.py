"""What must hold after any test, whatever was killed in it. `check_invariants` may be called at any quiet moment.

(a) no acknowledged decision lost, (b) each effect at most once, (c) the chain verifies and no `seq` is missing, (d) no
process of a run that is not live, (e) a protected branch moved only by a merge row, (f) who only reads, or
is locked, changes nothing, (g) counts on pages equal counts in the database, (h) every repository of ours is sound.
"""

import contextlib
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count
from django.test import RequestFactory

from leadroom.agents.enums import HELD, OPEN, ROLE_ACCESS, EventKind, Role, RunState
from leadroom.agents.models import Elicitation, Run, RunEvent, RunMessage, RunNote
from leadroom.guardrails.enums import Lock, RoleAccess
from leadroom.guardrails.queries import standing_lock
from leadroom.ledger.models import Entry
from leadroom.ledger.queries import check_chain
from leadroom.lib.leases import holder_mark
from leadroom.projects.enums import Stage
from leadroom.projects.models import Project, WorkItem
from leadroom.reading.queries import waiting_for_lead
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Ambiguity
from leadroom.sandbox.bwrap import MARKER
from leadroom.sandbox.registry import marked
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestPlan
from leadroom.triage.models import Report
from leadroom.verification.enums import VerificationState
from leadroom.verification.models import VerificationRun
from leadroom.web.context import frame
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch, Worktree
from leadroom.worktrees.repository import BareRepository
from tests.support.program import is_alive, processes_of, until

ONCE = (
    "projects.item.created",
    "projects.item.moved_to_done",
    "agents.run.completed",
    "agents.run.stopped",
    "agents.elicitation.answered",
    "testplans.plan.frozen",
    "triage.report.filed",
    "verification.run.passed",
    "verification.run.failed",
    "worktrees.tree.opened",
    "worktrees.stitch.signed",
    "worktrees.stitch.merged",
    "worktrees.stitch.published",
)
"""Ledger verbs of which one subject has at most one, unless it was taken back in between (see `_effects`)."""


def check_invariants(home: Path | None = None) -> None:
    """Raises AssertionError with a line for everything that does not hold; `home` is the data folder to look at."""
    home = home or settings.HOME_DIR
    broken = [
        *(f"(a) {line}" for line in _lost_decisions()),
        *(f"(b) {line}" for line in _repeated_effects()),
        *(f"(c) {line}" for line in _gaps()),
        *(f"(d) {line}" for line in _stray_processes(home)),
        *(f"(e) {line}" for line in _moved_branches()),
        *(f"(f) {line}" for line in _readers_that_wrote()),
        *(f"(f) {line}" for line in _writers_under_a_lock(home)),
        *(f"(g) {line}" for line in _wrong_counts()),
        *(f"(h) {line}" for line in _unsound_repositories()),
    ]
    assert not broken, "\n".join(["invariants are broken:", *broken])


def _lost_decisions() -> Iterator[str]:
    """Whatever the ledger says a person decided is what the records say, unless a later entry took it back."""
    last: dict[str, Entry] = {}
    for entry in Entry.objects.filter(subject__startswith="requirements.ambiguity:").order_by("pk"):
        last[entry.subject] = entry
    for subject, entry in last.items():
        ambiguity = Ambiguity.objects.get(pk=subject.rpartition(":")[2])
        is_resolved = ambiguity.state == AmbiguityState.RESOLVED
        if entry.verb.endswith(".resolved") and (not is_resolved or ambiguity.picked != entry.payload["picked"]):
            yield f"the decision on {ambiguity.key} is not what the lead picked"
    for entry in Entry.objects.filter(verb="testplans.plan.frozen"):
        state = TestPlan.objects.get(pk=entry.subject.rpartition(":")[2]).state
        if state not in (PlanState.FROZEN, PlanState.SUPERSEDED):
            yield f"{entry.subject} was frozen and is {state}"
    for entry in Entry.objects.filter(verb="agents.elicitation.answered"):
        if Elicitation.objects.get(pk=entry.subject.rpartition(":")[2]).answer != entry.payload["answer"]:
            yield f"the answer to {entry.subject} was lost"
    for entry in Entry.objects.filter(verb="agents.run.stopped"):
        if (run := Run.objects.get(pk=entry.subject.rpartition(":")[2])).state != RunState.CANCELLED:
            yield f"run {run.pk} was stopped and is {run.state}"
    for entry in Entry.objects.filter(verb="worktrees.stitch.signed"):
        stitch = Stitch.objects.get(pk=entry.subject.rpartition(":")[2])
        taken_back = Entry.objects.filter(subject=entry.subject, pk__gt=entry.pk, verb="worktrees.stitch.reopened")
        if stitch.state not in (StitchState.SIGNED, StitchState.MERGED) and not taken_back.exists():
            yield f"{entry.subject} was signed and is {stitch.state}"


def _repeated_effects() -> Iterator[str]:
    taken_back = Counter(Entry.objects.filter(verb="worktrees.stitch.reopened").values_list("subject", flat=True))
    rows = Entry.objects.filter(verb__in=ONCE).values("verb", "subject").annotate(n=Count("pk"))
    for row in rows.filter(n__gt=1):
        if not (row["verb"].endswith("stitch.signed") and row["n"] <= 1 + taken_back[row["subject"]]):
            yield f"{row['verb']} happened {row['n']} times to {row['subject']}"
    for run in Run.objects.all():
        bodies = [repr(report.body) for report in Report.objects.filter(run=run)]
        if len(set(bodies)) != len(bodies):
            yield f"run {run.pk} filed the same report twice"
        if run.state == RunState.COMPLETED and RunMessage.objects.filter(run=run).exists():
            complete = Report.objects.filter(run=run, status="COMPLETE").count()
            if complete != 1:
                yield f"run {run.pk} is completed with {complete} reports that say so"
        yield from _wrong_deliveries(run)
    for plan in TestPlan.objects.filter(state=PlanState.FROZEN).values("item").annotate(n=Count("pk")).filter(n__gt=1):
        yield f"item {plan['item']} has {plan['n']} frozen plans"


def _wrong_deliveries(run: Run) -> Iterator[str]:
    """Every note reached the agent once, and every tool call has exactly one result in the session."""
    messages = [(m.role, m.content) for m in RunMessage.objects.filter(run=run).order_by("position")]
    if messages:
        told = RunEvent.objects.filter(run=run, kind=EventKind.PROMPT).count()
        notes = RunNote.objects.filter(run=run).exclude(delivered_at=None).count()
        if told != notes + 1:
            yield f"run {run.pk} was told {told} things; the brief and {notes} notes were to be told"
    pending: list[str] = []
    for role, content in messages:
        given = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
        if sorted(given) != sorted(pending):
            yield f"run {run.pk}: calls {pending} were answered by results {given}"
        pending = [block["id"] for block in content if block["type"] == "tool_use"] if role == "assistant" else []


def _gaps() -> Iterator[str]:
    yield from check_chain().breaks
    for run in Run.objects.all():
        seqs = list(RunEvent.objects.filter(run=run).order_by("seq").values_list("seq", flat=True))
        if seqs != list(range(1, run.last_seq + 1)):
            yield f"run {run.pk} says {run.last_seq} lines and has {seqs[:3]}…{seqs[-3:]}"
        positions = list(RunMessage.objects.filter(run=run).order_by("position").values_list("position", flat=True))
        if positions != list(range(len(positions))):
            yield f"run {run.pk} has messages at {positions}"


def _stray_processes(home: Path) -> list[str]:
    """A holder that just put its work down may take a moment to leave."""
    found: list[str] = []

    def none_left() -> bool:
        found[:] = [*_stray_holders(home), *_stray_sandboxes(home)]
        return not found

    with contextlib.suppress(AssertionError):
        until(none_left, seconds=5)
    return found


def _live_names() -> set[str]:
    runs = Run.objects.filter(state__in=HELD).values_list("pk", flat=True)
    verifications = VerificationRun.objects.filter(state=VerificationState.RUNNING).values_list("pk", flat=True)
    return {f"run-{pk}" for pk in runs} | {f"verification-{pk}" for pk in verifications}


def _stray_holders(home: Path) -> Iterator[str]:
    live = _live_names()
    for pid, command in processes_of(home).items():
        words = command.split()
        for kind in ("run", "verification"):
            if f"hold_{kind}" in words and f"{kind}-{words[words.index(f'hold_{kind}') + 1]}" not in live:
                yield f"process {pid} holds what is not live: {command}"


def _stray_sandboxes(home: Path) -> Iterator[str]:
    live = _live_names()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if not entry.name.isdigit() or str(home) not in (entry / "mountinfo").read_text():
                continue
            for setting in (entry / "environ").read_bytes().split(b"\0"):
                name, _, value = os.fsdecode(setting).partition("=")
                holder = value.partition(".")[0]
                if name == MARKER and holder not in live and is_alive(int(entry.name)):
                    yield f"process {entry.name} of {holder} outlived it"


def _git(folder: Path, *words: str) -> list[str]:
    answer = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return answer.stdout.split("\n")[:-1]


def _projects() -> list[Project]:
    return [project for project in Project.objects.all() if project.control_path.exists()]


def _moved_branches() -> Iterator[str]:
    for project in _projects():
        branch = project.default_branch
        ours = _git(project.control_path, "rev-list", "--first-parent", branch, f"^refs/source/{branch}")
        stitches = Stitch.objects.filter(item__project=project)
        merged = {s.merge_commit for s in stitches.filter(state=StitchState.MERGED)}
        underway = {(s.onto, s.commit) for s in stitches.filter(state=StitchState.SIGNED)}
        for commit in ours:
            parents = tuple(_git(project.control_path, "rev-parse", f"{commit}^@"))
            if commit not in merged and parents not in underway:
                yield f"{project.slug}: {branch} holds {commit[:10]}, which no merge row put there"
        history = set(_git(project.control_path, "rev-list", branch))
        yield from (f"{project.slug}: the merge {commit[:10]} is not on {branch}" for commit in merged - history)
        trailers = _git(project.control_path, "log", "--format=%(trailers:key=Leadroom-Item,valueonly)", branch)
        items = Counter(line for line in trailers if line)
        yield from (f"{name} was merged {n} times" for name, n in items.items() if n > 1)


def _readers_that_wrote() -> Iterator[str]:
    readers = [role for role in Role if ROLE_ACCESS[role] is not RoleAccess.WRITE]
    for tree in Worktree.objects.filter(run__role__in=readers).select_related("run__item__project"):
        if tree.head != tree.base:
            yield f"the {tree.run.role} of run {tree.run_id} only reads, but its tree has a commit"
        if (tree.path / ".git").is_dir() and _git(tree.path, "-c", "core.fsmonitor=false", "status", "--porcelain"):
            yield f"the {tree.run.role} of run {tree.run_id} only reads, but its tree was changed"


def _writers_under_a_lock(home: Path) -> list[str]:
    """No process that could write is alive under a read-only scope; one that is being ended has a moment."""
    found: list[str] = []

    def none_left() -> bool:
        alive = marked()
        open_runs = Run.objects.filter(state__in=OPEN, is_read_only=False).select_related("item")
        found[:] = [
            f"run {run.pk} has a process in a read-only scope"
            for run in open_runs
            if holder_mark(home, f"run-{run.pk}") in alive
            and standing_lock(run.item.project_id, run.agent_id) in (Lock.READ_ONLY, Lock.UNREADABLE)
        ]
        return not found

    with contextlib.suppress(AssertionError):
        until(none_left, seconds=5)
    return found


def _wrong_counts() -> Iterator[str]:
    for item in WorkItem.objects.filter(stage=Stage.DONE):
        if not Stitch.objects.filter(item=item, state=StitchState.MERGED).exists():
            yield f"item {item.pk} is done without a merge"
    request = RequestFactory().get("/")
    if (user := User.objects.order_by("pk").first()) is None:  # nobody has pages yet
        return
    user.is_superuser = True  # sees every project; never saved
    request.user = user
    request.resolver_match = None
    shown = frame(request)
    cards = waiting_for_lead(list(Project.objects.values_list("pk", flat=True)))
    if shown["waiting_count"]() != len(cards):
        yield f"the frame counts {shown['waiting_count']()} cards, there are {len(cards)}"
    on_rail = sum(entry["waiting"] for entry in shown["rail"]())
    if on_rail != len(cards):
        yield f"the rail adds up to {on_rail} cards, there are {len(cards)}"
    held = Run.objects.filter(state__in=HELD).count()
    if shown["topbar"]()["agents_running"] != held:
        yield f"the top bar counts {shown['topbar']()['agents_running']} agents, {held} are held"


def _unsound_repositories() -> Iterator[str]:
    for project in _projects():
        yield from (f"{project.slug}: {line}" for line in BareRepository(project.control_path).fsck())
