"""Words and moves of agents and their runs."""

from django.db.models import TextChoices

from leadroom.guardrails.enums import RoleAccess
from leadroom.lib.states import StateMachine, Turn


class Role(TextChoices):
    REQUIREMENTS = "requirements", "Requirements agent"
    PLANNER = "planner", "Test planner"
    REVIEWER = "reviewer", "Plan reviewer"
    DEVELOPER = "developer", "Developer"
    VERIFIER = "verifier", "Verifier"


ROLE_ACCESS = {
    Role.REQUIREMENTS: RoleAccess.READ,
    Role.PLANNER: RoleAccess.READ,
    Role.REVIEWER: RoleAccess.NOTHING,
    Role.DEVELOPER: RoleAccess.WRITE,
    Role.VERIFIER: RoleAccess.READ,
}


class Phase(TextChoices):
    NONE = "", "Starting"
    DESIGN = "design", "Design"
    TESTS = "tests", "Tests"
    CODE = "code", "Code"
    SELF_REVIEW = "self_review", "Self-review"


class RunState(TextChoices):
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    WAITING = "WAITING", "Waiting for a person"
    LIMITED = "LIMITED", "Waiting for the model's rate limit"
    COMPLETED = "COMPLETED", "Completed"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Stopped by a person"
    LOST = "LOST", "Lost"
    HALTED = "HALTED", "Halted by the read-only switch"


RUNS = StateMachine(
    "run",
    RunState,
    start=RunState.QUEUED,
    moves={
        RunState.QUEUED: (RunState.RUNNING, RunState.CANCELLED),
        RunState.RUNNING: (
            RunState.WAITING,
            RunState.LIMITED,
            RunState.COMPLETED,
            RunState.FAILED,
            RunState.CANCELLED,
            RunState.LOST,
            RunState.HALTED,
        ),
        RunState.WAITING: (RunState.QUEUED, RunState.CANCELLED),
        RunState.LIMITED: (
            RunState.RUNNING,
            RunState.FAILED,
            RunState.CANCELLED,
            RunState.LOST,
            RunState.HALTED,
        ),
        RunState.COMPLETED: (),
        RunState.FAILED: (RunState.QUEUED, RunState.CANCELLED),
        RunState.CANCELLED: (),
        RunState.LOST: (RunState.QUEUED, RunState.CANCELLED),
        RunState.HALTED: (RunState.QUEUED, RunState.CANCELLED),
    },
    turns={
        RunState.QUEUED: Turn.MACHINE,
        RunState.RUNNING: Turn.AGENT,
        RunState.WAITING: Turn.HUMAN,
        RunState.LIMITED: Turn.MACHINE,
        RunState.COMPLETED: Turn.NOBODY,
        RunState.FAILED: Turn.HUMAN,
        RunState.CANCELLED: Turn.NOBODY,
        RunState.LOST: Turn.HUMAN,
        RunState.HALTED: Turn.HUMAN,
    },
)

HELD = (RunState.RUNNING, RunState.LIMITED)
"""States in which a holder process exists."""
OPEN = tuple(state for state in RunState if not RUNS.is_final(state))
"""States from which the run can still go on."""


class EventKind(TextChoices):
    PROMPT = "prompt", "Told to the agent"
    THOUGHT = "thought", "Thought"
    MESSAGE = "message", "Message"
    TOOL_CALL = "tool_call", "Tool call"
    TOOL_RESULT = "tool_result", "Tool result"
    PHASE = "phase", "Phase"
    USAGE = "usage", "Usage"
    NOTICE = "notice", "Notice"
    ERROR = "error", "Error"
    STATE = "state", "State"


class FailureCause(TextChoices):
    """What ended a FAILED run, where that says more than its sentence."""

    OTHER = "", "Another cause"
    SPEND_CAP = "spend_cap", "The endpoint's spend cap is reached"


class WaitReason(TextChoices):
    NONE = "", ""
    PICKS = "picks", "Waits for your picks"
    ANSWER = "answer", "Asks a question"
    APPROVAL = "approval", "Waits for your approval"
