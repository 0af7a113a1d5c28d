"""The phases of a developer's run as marks of `components/steps.html`."""

from dataclasses import dataclass

from leadroom.agents.enums import RUNS, Phase, RunState
from leadroom.agents.models import Run


@dataclass(frozen=True)
class Step:
    """One mark; `state` is done, now, next or failed."""

    word: str
    state: str


def phase_steps(run: Run) -> tuple[Step, ...]:
    """The four phases as far as this run has come."""
    phases = [phase for phase in Phase if phase]
    if run.state == RunState.COMPLETED:
        return tuple(Step(phase.label, "done") for phase in phases)
    at = phases.index(Phase(run.phase)) if run.phase else -1
    here = "failed" if RUNS.is_final(run.state) or run.failure else "now"
    states = ["done" if n < at else here if n == at else "next" for n in range(len(phases))]
    return tuple(Step(phase.label, state) for phase, state in zip(phases, states, strict=True))
