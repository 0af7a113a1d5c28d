"""What the project's page says of its environment, and how many agents review its plans."""

from dataclasses import dataclass
from typing import Any

from leadroom.projects.enums import ProjectKind, Risk
from leadroom.projects.models import Project, ReadinessCheck
from leadroom.projects.queries import latest_readiness
from leadroom.testplans.rules import MOST_REVIEWERS, reviewers_of


@dataclass(frozen=True)
class Option:
    """One option of a select."""

    value: str
    word: str
    is_chosen: bool


@dataclass(frozen=True)
class ReviewersRow:
    """How many agents review a plan of this risk."""

    name: str
    word: str
    choices: tuple[Option, ...]


def present_reviewers(project: Project) -> tuple[ReviewersRow, ...]:
    """A row per risk; no review at all is offered for light items only."""
    rows = []
    for risk in Risk:
        wanted = reviewers_of(project, risk)
        counts = range(0 if risk == Risk.LIGHT else 1, MOST_REVIEWERS + 1)
        choices = tuple(Option(str(n), str(n), n == wanted) for n in counts)
        rows.append(ReviewersRow(f"reviewers_{risk.value}", str(risk.label), choices))
    return tuple(rows)


@dataclass(frozen=True)
class ReadinessPage:
    """How the environment stands. `state` is UNKNOWN, QUEUED (never tried), RUNNING, YES, PARTIAL (accepted) or NO."""

    project: Project
    state: str
    word: str
    sentence: str
    check: ReadinessCheck | None
    findings: tuple[dict[str, Any], ...]
    act_reason: str
    kinds: tuple[Option, ...]
    tools: str

    @property
    def can_accept(self) -> bool:
        return self.state == "NO"


def present_readiness(project: Project, act_reason: str) -> ReadinessPage:
    """The profile and the newest check of it; what is missing first."""
    check = latest_readiness(project)
    if check is not None and check.profile_digest != project.profile_digest:
        check = None
    state, word, sentence = _standing(project, check)
    findings = tuple(check.findings) if check is not None else ()
    return ReadinessPage(
        project=project,
        state=state,
        word=word,
        sentence=sentence,
        check=check,
        findings=tuple(sorted(findings, key=lambda found: found["is_ok"])),
        act_reason=act_reason,
        kinds=tuple(Option(kind.value, str(kind.label), kind == project.kind) for kind in ProjectKind),
        tools=" ".join(project.tools),
    )


def _standing(project: Project, check: ReadinessCheck | None) -> tuple[str, str, str]:
    if project.kind == ProjectKind.UNKNOWN:
        said = "Say what kind of project it is, and Leadroom tries whether an agent could work on it."
        return "UNKNOWN", "not described", f"{said} Until then runs start untried."
    if check is None:
        return "QUEUED", "not tried", "Not tried as it is described now; it is tried before the next run starts."
    if check.ended_at is None:
        return "RUNNING", "being tried", "Leadroom tries it in the agents' sandbox; runs wait for the result."
    if check.is_ready:
        return "YES", "ready", "Everything an agent would do first was done, in the agents' own sandbox."
    if check.accepted_at:
        return "PARTIAL", "accepted", f"{check.accepted_by} accepts what is missing: {check.accepted_because}"
    return "NO", "not ready", "No run starts before this is mended, or accepted with a reason."
