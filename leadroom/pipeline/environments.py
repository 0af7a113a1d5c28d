"""Whether an agent could work on a project: its environment profile tried for real, in the agents' own sandbox."""

import asyncio
import logging
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings

from leadroom.lib.actors import Actor, system
from leadroom.lib.clock import now
from leadroom.lib.errors import Conflict, LeadroomError
from leadroom.lib.leases import HolderLock, holder_lock, holder_mark, is_held
from leadroom.lib.shapes import storable
from leadroom.pipeline.placement import start_program
from leadroom.projects import actions
from leadroom.projects.enums import ProjectKind
from leadroom.projects.models import Project, ReadinessCheck
from leadroom.projects.queries import latest_readiness
from leadroom.projects.rules import check_operable
from leadroom.sandbox.process import Completed, run
from leadroom.sandbox.profiles import tree_profile
from leadroom.sandbox.registry import sweep
from leadroom.worktrees.keeping import control_of

log = logging.getLogger(__name__)
BY = system("pipeline")
SETUP_SECONDS, START_SECONDS, TEST_SECONDS, TOOL_SECONDS = 600.0, 120.0, 600.0, 20.0
ANSWER_SECONDS = 30
"""How long a started server may take until its health command succeeds."""
UNHEARD_SECONDS = 30
"""A check whose process never took its lock is over after that."""
OUTPUT_LIMIT = 20_000
Finding = dict[str, Any]

_SERVERS = (ProjectKind.API, ProjectKind.WEB, ProjectKind.COMPLEX)
_EXPECTED: dict[str, dict[str, str]] = {
    ProjectKind.CLI: {"start": "start the program to reproduce a fault"},
    ProjectKind.API: {"start": "start the service", "health": "tell whether the service answers"},
    ProjectKind.WEB: {"start": "start the application", "health": "tell whether it answers", "browser": "see a page"},
    ProjectKind.DESKTOP: {"start": "start the application", "xvfb-run": "see a window"},
    ProjectKind.LIBRARY: {},
    ProjectKind.COMPLEX: {"start": "start the parts together", "health": "tell whether they answer"},
}
"""Profile entries and tools without which work on such a project is blind, and what an agent could not do then."""
_LOOK_FOR = {
    "browser": "command -v chromium || command -v chromium-browser || command -v google-chrome || command -v firefox",
    "debugger": "python -c 'import pdb' || command -v gdb || command -v lldb",
    "pytest": "python -m pytest --version",
}
_ANSWERS = """
( sh -c "$1" ) >/tmp/started.log 2>&1 &
n=0
while [ $n -lt $3 ]; do
  if sh -c "$2"; then exit 0; fi
  if ! kill -0 $! 2>/dev/null; then echo '(what was started has ended)'; cat /tmp/started.log; exit 97; fi
  n=$((n+1)); sleep 0.5
done
cat /tmp/started.log; exit 98
"""


def require_operable(project: Project) -> None:
    """Asked before a run is queued. Begins a check where the profile was never tried.

    Raises Conflict while there is no result yet, NotPermitted when an agent could not work there (projects.rules).
    """
    if project.kind == ProjectKind.UNKNOWN:
        return
    latest = _without_dead(latest_readiness(project))
    if latest is None or (latest.ended_at and latest.profile_digest != project.profile_digest):
        latest = begin(project=project, by=BY)
    check_operable(project, latest)


def begin(*, project: Project, by: Actor) -> ReadinessCheck:
    """Start a check in a process of its own; one at a time for a project. Raises Conflict."""
    _without_dead(latest_readiness(project))
    check = actions.begin_readiness(project=project, by=by, now=now())
    start_program("check_environment", _name(check), check.pk, 0)
    return check


def _name(check: ReadinessCheck) -> str:
    return f"environment-{check.pk}"


def _without_dead(check: ReadinessCheck | None) -> ReadinessCheck | None:
    """The check, ended when the process that worked on it is gone."""
    if check is None or check.ended_at is not None:
        return check
    is_young = (now() - check.started_at).total_seconds() < UNHEARD_SECONDS
    if is_young or is_held(holder_lock(settings.HOME_DIR, _name(check))):
        return check
    sentence = "The check broke off: its process is gone. Try again."
    broken = [finding("check", is_ok=False, sentence=sentence)]
    actions.end_readiness(check=check, commit="", findings=broken, by=BY, now=now())
    check.refresh_from_db()
    return check


def finding(name: str, *, is_ok: bool, sentence: str, output: str = "") -> Finding:
    """One line of a check's result; `output` is the end of what was printed."""
    return {"name": name, "is_ok": is_ok, "sentence": sentence, "output": output[-OUTPUT_LIMIT:]}


def hold_check(check_id: int) -> None:
    """Try the profile and keep what was found. Meant to be a process of its own."""
    check = ReadinessCheck.objects.select_related("project").get(pk=check_id)
    try:
        lock = HolderLock(holder_lock(settings.HOME_DIR, _name(check)))
    except Conflict as error:
        log.warning("%s", error)
        return
    tree = check.project.folder / "trees" / _name(check)
    mark, commit = holder_mark(settings.HOME_DIR, _name(check)), ""
    try:
        shutil.rmtree(tree, ignore_errors=True)
        control = control_of(check.project)
        commit = control.head(check.project.default_branch)
        control.checkout_clean(tree, commit=commit)
        found = asyncio.run(try_profile(check.project, tree, marker=mark))
        actions.end_readiness(check=check, commit=commit, findings=found, by=BY, now=now())
    except Conflict as error:
        log.info("%s", error)
    except LeadroomError as error:
        _end_broken(check, commit, str(error))
    except Exception as error:
        log.exception("readiness check %s broke", check.pk)
        _end_broken(check, commit, f"Leadroom itself failed here ({type(error).__name__}: {error}). Try again.")
    finally:
        sweep(mark)
        shutil.rmtree(tree, ignore_errors=True)
        lock.release()


def _end_broken(check: ReadinessCheck, commit: str, sentence: str) -> None:
    found = [finding("check", is_ok=False, sentence=sentence)]
    actions.end_readiness(check=check, commit=commit, findings=found, by=BY, now=now())


async def try_profile(project: Project, tree: Path, *, marker: str) -> list[Finding]:
    """Everything an agent would do first, in order: set up, look for its tools, start, see an answer, test.

    `tree` is a clean checkout, which is changed. Each step runs in a sandbox of its own on that tree.
    """

    async def sh(seconds: float, *argv: str) -> Completed:
        profile = tree_profile(tree, is_writable=True)
        return await run(
            profile, ["sh", "-c", *argv], timeout_seconds=seconds, output_limit_bytes=OUTPUT_LIMIT, marker=marker
        )

    found = _unsaid(project)
    if project.setup_command:
        done = await sh(SETUP_SECONDS, project.setup_command)
        found.append(_judged("set up", done, SETUP_SECONDS, "Set-up works.", "The set-up command fails"))
    for tool in project.tools:
        done = await sh(TOOL_SECONDS, _LOOK_FOR.get(tool, 'command -v "$1"'), "sh", tool)
        sentence = f"{tool} is there." if not done.exit_status else f"There is no {tool} in the sandbox."
        found.append(finding(tool, is_ok=not done.exit_status, sentence=sentence, output=_text(done)))
    if project.start_command:
        found.append(await _start(project, sh))
    if project.test_command:
        done = await sh(TEST_SECONDS, project.test_command)
        found.append(_judged("test", done, TEST_SECONDS, "The tests pass on the branch.", "The test command fails"))
    return found


def _unsaid(project: Project) -> list[Finding]:
    """What a project of this kind needs and the profile does not name."""
    said = {name for name, value in project.profile.items() if value} | set(project.tools)
    missing = [
        finding(name, is_ok=False, sentence=f"The profile names no {name}, so an agent could not {what}.")
        for name, what in _EXPECTED.get(project.kind, {}).items()
        if name not in said
    ]
    if not project.test_command:
        sentence = "The profile names no test command, so an agent could not tell whether the project still works."
        missing.append(finding("test", is_ok=False, sentence=sentence))
    return missing


async def _start(project: Project, sh: Any) -> Finding:
    if not (project.health_command or project.kind in _SERVERS):
        done = await sh(START_SECONDS, project.start_command)
        return _judged("start", done, START_SECONDS, "The program starts.", "The start command fails")
    if not project.health_command:
        return finding("start", is_ok=False, sentence="What was started cannot be asked whether it answers.")
    tries = str(ANSWER_SECONDS * 2)
    done = await sh(START_SECONDS, _ANSWERS, "sh", project.start_command, project.health_command, tries)
    if done.exit_status == 0:
        return finding("health", is_ok=True, sentence="It starts and answers.", output=_text(done))
    sentence = "The server does not answer: it ended by itself after its start."
    if done.exit_status != 97:
        sentence = f"The server does not answer: the health command had no success within {ANSWER_SECONDS} s."
    return finding("health", is_ok=False, sentence=sentence, output=_text(done))


def _judged(name: str, done: Completed, seconds: float, well: str, ill: str) -> Finding:
    if done.is_timed_out:
        return finding(name, is_ok=False, sentence=f"{ill}: it did not end within {seconds:g} s.", output=_text(done))
    if done.exit_status:
        return finding(name, is_ok=False, sentence=f"{ill} with status {done.exit_status}.", output=_text(done))
    return finding(name, is_ok=True, sentence=well, output=_text(done))


def _text(done: Completed) -> str:
    return storable(done.output.decode(errors="replace"))
