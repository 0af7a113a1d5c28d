"""Words and moves of verification."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class VerificationState(TextChoices):
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    PASSED = "PASSED", "Passed"
    FAILED = "FAILED", "Failed"
    ERRORED = "ERRORED", "Could not run"


VERIFICATIONS = StateMachine(
    "verification",
    VerificationState,
    start=VerificationState.QUEUED,
    moves={
        VerificationState.QUEUED: (VerificationState.RUNNING,),
        VerificationState.RUNNING: (
            VerificationState.PASSED,
            VerificationState.FAILED,
            VerificationState.ERRORED,
            VerificationState.QUEUED,
        ),
        VerificationState.PASSED: (),
        VerificationState.FAILED: (),
        VerificationState.ERRORED: (VerificationState.QUEUED,),
    },
    turns={
        VerificationState.QUEUED: Turn.MACHINE,
        VerificationState.RUNNING: Turn.MACHINE,
        VerificationState.PASSED: Turn.NOBODY,
        VerificationState.FAILED: Turn.NOBODY,
        VerificationState.ERRORED: Turn.HUMAN,
    },
)


class Outcome(TextChoices):
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    ERROR = "error", "Error"
    SKIPPED = "skipped", "Skipped"
    MISSING = "missing", "Not found"
