"""Proving that a locked scope is still, without asking any agent (RELIABILITY, The read-only switch, 5)."""

import datetime as dt
import hashlib
import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import Max, Q, QuerySet

from leadroom.agents.enums import HELD, OPEN, RunState
from leadroom.agents.models import Run
from leadroom.guardrails.enums import Lock, ScopeKind
from leadroom.guardrails.models import Switch
from leadroom.ledger.models import Entry
from leadroom.lib.actors import ActorKind
from leadroom.lib.clock import now
from leadroom.lib.errors import LeadroomError
from leadroom.lib.leases import holder_lock, holder_mark, is_held
from leadroom.lib.shapes import count_of
from leadroom.pipeline import hosts
from leadroom.projects.models import WorkItem
from leadroom.sandbox.bwrap import launch
from leadroom.sandbox.profiles import tree_profile
from leadroom.sandbox.registry import marked, members, standing_still
from leadroom.verification.enums import VerificationState
from leadroom.verification.models import VerificationRun
from leadroom.worktrees.enums import WorktreeState
from leadroom.worktrees.models import Worktree

SAYING = ("agents.elicitation.asked",)
"""What an agent may still do to a record of Leadroom's."""
BETWEEN_SECONDS = 0.1
SEEDING_LASTS = dt.timedelta(hours=1)
"""No seeded faults take longer."""
PROBE_SECONDS = 10.0
PROBES_AT_ONCE = 4
CANARY = """( : > .leadroom-canary ) 2>&1; test -e .leadroom-canary && echo written; cat /proc/self/mountinfo"""
REFUSED = "Read-only file system"
"""EROFS as every libc of the sandbox's LANG says it."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok`, and a sentence on what was seen."""

    name: str
    ok: bool
    sentence: str


def as_rows(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """As `Switch.checks` keeps them."""
    return [asdict(finding) for finding in findings]


def runs_of(switch: Switch) -> QuerySet[Run]:
    """Runs that the switch covers."""
    if switch.kind == ScopeKind.AGENT:
        return Run.objects.filter(agent_id=switch.target)
    if switch.kind == ScopeKind.PROJECT:
        return Run.objects.filter(item__project_id=switch.target)
    return Run.objects.all()


def verifications_of(switch: Switch) -> QuerySet[VerificationRun]:
    """Verifications that the switch covers: an agent's has none, Leadroom runs them."""
    rows = VerificationRun.objects.filter(state=VerificationState.RUNNING)
    if switch.kind == ScopeKind.AGENT:
        return rows.none()
    return rows.filter(item__project_id=switch.target) if switch.kind == ScopeKind.PROJECT else rows


def seeding_of(switch: Switch) -> list[str]:
    """Names of holders that try seeded faults in the scope: of work that passed, so their record says nothing of it."""
    lately = now() - SEEDING_LASTS
    asked = Entry.objects.filter(verb="verification.run.faults_asked", at__gte=lately).values_list("subject", flat=True)
    pks = [int(subject.partition(":")[2]) for subject in asked]
    rows = VerificationRun.objects.filter(Q(ended_at__gte=lately) | Q(pk__in=pks), state=VerificationState.PASSED)
    if switch.kind == ScopeKind.AGENT:
        return []
    if switch.kind == ScopeKind.PROJECT:
        rows = rows.filter(item__project_id=switch.target)
    names = [f"verification-{pk}" for pk in rows.values_list("pk", flat=True)]
    return [name for name in names if is_held(holder_lock(settings.HOME_DIR, name))]


def prove(switch: Switch) -> list[Finding]:
    """All that can be seen of the scope from here, with what other hosts saw. Some 0.1 s, more with many trees."""
    if switch.level == Lock.PAUSED:
        return [_standing(switch), *_other_hosts(switch)]
    trees = list(_trees(switch))
    findings = [_holders(switch), _processes(switch), *_other_hosts(switch), _steps(switch)]
    if not all(finding.ok for finding in findings):
        return findings
    before = digest_of_trees(trees)
    findings += _canaries(trees)
    time.sleep(BETWEEN_SECONDS)
    same = before == digest_of_trees(trees)
    findings.append(
        Finding("digests", same, f"Files and refs of {count_of(len(trees), 'tree')} were the same at two looks.")
        if same
        else Finding("digests", False, "Files or refs changed between two looks.")
    )
    findings += [_events(switch), _processes(switch)]
    return findings


def look_here(switch: Switch) -> None:
    """Tell other hosts whether the scope's processes of this one are gone, or stand still."""
    if not hosts.held_here(switch, runs_of(switch)):
        return
    seen = _standing(switch) if switch.level == Lock.PAUSED else _processes(switch)
    hosts.note_look(switch, is_still=seen.ok)


def _other_hosts(switch: Switch) -> list[Finding]:
    """Nothing where no other host had a part in it."""
    there = hosts.elsewhere(switch, runs_of(switch))
    if left := hosts.silent(switch, there):
        runs = ", ".join(f"run {pk}" for pk in there[left[0]][:3])
        told = f"{left[0]} has not looked yet, and {runs} was held there. It looks once a second while its worker runs."
        return [Finding("hosts", False, told)]
    if not there:
        return []
    return [Finding("hosts", True, f"The same was seen on {', '.join(sorted(there))}, each of its own processes.")]


def _live_names(switch: Switch) -> set[str]:
    """Names of holders that may write under this switch: read-only sessions are none of them."""
    rows = runs_of(switch).filter(state__in=OPEN, is_read_only=False).values_list("pk", flat=True)
    verifying = {f"verification-{v.pk}" for v in verifications_of(switch)} | set(seeding_of(switch))
    return {f"run-{pk}" for pk in rows} | verifying


def _holders(switch: Switch) -> Finding:
    writing = list(runs_of(switch).filter(state__in=HELD, is_read_only=False))
    busy = {f"run-{run.pk}" for run in writing} | {f"verification-{v.pk}" for v in verifications_of(switch)}
    busy |= set(seeding_of(switch))
    halted = runs_of(switch).filter(state=RunState.HALTED).values_list("pk", flat=True)
    busy |= {f"run-{pk}" for pk in halted if is_held(holder_lock(settings.HOME_DIR, f"run-{pk}"))}
    if busy:
        return Finding("holders", False, f"Not put down yet: {', '.join(sorted(busy)[:10])}.")
    return Finding("holders", True, f"{count_of(len(halted), 'run')} put down, none at work.")


def _processes(switch: Switch) -> Finding:
    ours = {holder_mark(settings.HOME_DIR, name) for name in _live_names(switch)}
    alive = sorted(ours & marked())
    if alive:
        return Finding("processes", False, f"Still alive: {', '.join(alive[:10])}.")
    return Finding("processes", True, "No process of the scope is alive.")


def _standing(switch: Switch) -> Finding:
    marks = [holder_mark(settings.HOME_DIR, name) for name in sorted(_live_names(switch))]
    moving = [mark for mark in marks if not standing_still(members(mark))]
    if moving:
        return Finding("processes", False, f"Still moving: {', '.join(moving[:10])}.")
    return Finding("processes", True, "Every process of the scope stands still; it goes on where it stood.")


def _items(switch: Switch) -> list[int]:
    rows = WorkItem.objects.live()
    if switch.kind == ScopeKind.AGENT:
        return []
    if switch.kind == ScopeKind.PROJECT:
        rows = rows.filter(project_id=switch.target)
    return list(rows.values_list("pk", flat=True))


def _steps(switch: Switch) -> Finding:
    """Merges and publications are steps of an item, and a step holds the item's lock."""
    folder = settings.HOME_DIR / "run" / "items"
    busy = [pk for pk in _items(switch) if is_held(folder / f"item-{pk}.lock")]
    if busy:
        return Finding("steps", False, f"{count_of(len(busy), 'item')} in the middle of a step.")
    return Finding("steps", True, "No merge, publication or other step of Leadroom's is under way.")


def _trees(switch: Switch) -> Iterator[Path]:
    rows = Worktree.objects.filter(state=WorktreeState.ACTIVE, run__in=runs_of(switch)).select_related(
        "run__item__project"
    )
    for worktree in rows:
        if worktree.path.is_dir():
            yield worktree.path


def _canaries(trees: list[Path]) -> list[Finding]:
    """A write in the profile that anything of the scope would get now, and what its mounts say."""
    with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
        answers = list(pool.map(_try_to_write, trees))
    wrong = [f"{tree.name}: {said}" for tree, said in zip(trees, answers, strict=True) if said]
    if wrong:
        return [Finding("canary", False, f"A write was not refused as it must be ({'; '.join(wrong[:5])}).")]
    if not trees:
        return [Finding("canary", True, "The scope has no working tree that could be written.")]
    words = f"{count_of(len(trees), 'tree')}: mounted read-only, and a canary write gives EROFS."
    return [Finding("canary", True, words)]


def _try_to_write(tree: Path) -> str:
    """What went wrong, empty when the write was refused and the mount says `ro`."""
    try:
        profile = tree_profile(tree, is_writable=False)
        with launch(profile, ["sh", "-c", CANARY]) as plan:
            done = subprocess.run(
                plan.argv, env=plan.env, pass_fds=plan.pass_fds, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=PROBE_SECONDS, check=False, cwd="/", text=True, errors="replace",
            )  # fmt: skip
    except (LeadroomError, OSError, subprocess.SubprocessError) as error:
        return str(error)[:200]
    mounts = {fields[4]: fields[5].split(",") for line in done.stdout.splitlines() if len(fields := line.split()) > 6}
    if REFUSED not in done.stdout or "written" in done.stdout.splitlines():
        return done.stdout[:100] or f"status {done.returncode}"
    return "" if "ro" in mounts.get(profile.cwd, ()) else "the mount does not say ro"


def digest_of_trees(trees: Iterable[Path]) -> str:
    """Names, kinds, sizes and times of change of every file and ref, by what the kernel says of them.

    A change of content moves the ctime, which no program can set back.
    """
    digest = hashlib.sha256()
    for root in {*trees, *(tree.parent.parent / "control.git" / "refs" for tree in trees)}:
        for line in sorted(_walk(root)):
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _walk(root: Path) -> Iterator[str]:
    stack = [str(root)]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    yield f"{entry.path}\0{status.st_mode}\0{status.st_size}\0{status.st_ino}\0{status.st_ctime_ns}\n"
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
        except FileNotFoundError:
            yield f"{folder}\0gone\n"


def _events(switch: Switch) -> Finding:
    """No record was changed by an agent of the scope after its run was halted."""
    halted = list(runs_of(switch).filter(state=RunState.HALTED).values_list("pk", flat=True))
    ends = dict(
        Entry.objects.filter(verb="agents.run.halted", subject__in=[f"agents.run:{pk}" for pk in halted])
        .values_list("subject")
        .annotate(top=Max("pk"))
    )
    acted = dict(
        Entry.objects.filter(actor_kind=ActorKind.AGENT, actor_id__in=[f"run:{pk}" for pk in halted])
        .exclude(Q(verb__in=SAYING))
        .values_list("actor_id")
        .annotate(top=Max("pk"))
    )
    late = [pk for pk in halted if acted.get(f"run:{pk}", 0) > ends.get(f"agents.run:{pk}", 0)]
    if late:
        return Finding("events", False, f"Run {late[0]} changed a record after the freeze.")
    return Finding("events", True, "No agent of the scope changed a record after the freeze.")
