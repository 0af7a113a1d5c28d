"""What a switch covers, as a value: everything, one project, or one agent of it."""

from dataclasses import dataclass

from leadroom.guardrails.enums import ScopeKind
from leadroom.projects.models import Project


@dataclass(frozen=True)
class Scope:
    """`target` is the id of the project or agent (0 for everything), `project_id` the project it lies in, if any."""

    kind: ScopeKind
    target: int
    project_id: int | None
    name: str

    @property
    def key(self) -> str:
        """As the flag file names it."""
        return self.kind.value if self.kind is ScopeKind.EVERYTHING else f"{self.kind}:{self.target}"


EVERYTHING = Scope(ScopeKind.EVERYTHING, 0, None, "Everything")


def of_project(project: Project) -> Scope:
    return Scope(ScopeKind.PROJECT, project.pk, project.pk, project.name)


def of_agent(agent_id: int, name: str, project: Project) -> Scope:
    """The seat of an agent; `name` is what people call it."""
    return Scope(ScopeKind.AGENT, agent_id, project.pk, f"{name} of {project.name}")
