"""What may be done to a run, and by whom."""

from leadroom.agents.enums import HELD, RUNS, RunState
from leadroom.agents.models import Elicitation, Run
from leadroom.guardrails.queries import check_unlocked
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, NotPermitted

NOTE_LIMIT = 20_000
DEVELOPER_ATTEMPTS = 3
"""Attempts of a developer before a failed verification waits for the lead."""


def check_stop(run: Run, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person stops a run.")
    if RUNS.is_final(run.state):
        raise NotPermitted(f"The run is {RunState(run.state).label.lower()} already.")


def check_resume(run: Run, *, by: Actor) -> None:
    """Lost, failed and halted runs go on only by a person's word (RELIABILITY: nothing restarts writable in silence).

    Raises NotPermitted, Locked.
    """
    if not by.is_human:
        raise NotPermitted("Only a person resumes a lost or failed run.")
    if run.state not in (RunState.LOST, RunState.FAILED, RunState.HALTED):
        raise NotPermitted(
            f"The run is {RunState(run.state).label.lower()}; only a lost, failed or halted one is resumed."
        )
    check_unlocked(run.item.project_id, run.agent_id, kept="nothing was resumed")


def check_ask_read_only(run: Run, text: str, *, by: Actor) -> None:
    """A halted agent may be asked something while it can write nothing (RELIABILITY, The read-only switch, 4)."""
    if not by.is_human:
        raise NotPermitted("Only a person asks a halted run.")
    if run.state != RunState.HALTED:
        raise NotPermitted(f"The run is {RunState(run.state).label.lower()}; only a halted one is asked like this.")
    check_note(text)


def check_steer(run: Run, text: str, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person steers a run.")
    if run.state not in (*HELD, RunState.QUEUED, RunState.WAITING):
        raise NotPermitted("The run has ended, so nobody would read the note.")
    check_note(text)


def check_note(text: str) -> None:
    if not text.strip():
        raise BadInput("The note is empty; nothing was sent.")
    if len(text) > NOTE_LIMIT:
        raise BadInput(f"The note has {len(text):,} characters; {NOTE_LIMIT:,} is the limit. Nothing was sent.")


def check_answer(elicitation: Elicitation, text: str, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person answers an agent's question.")
    if elicitation.answered_at is not None:
        raise NotPermitted("This question was answered already; the first answer was sent to the agent.")
    check_note(text)
