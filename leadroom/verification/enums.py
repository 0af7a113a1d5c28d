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
        VerificationState.FAILED: (VerificationState.PASSED,),
        VerificationState.ERRORED: (VerificationState.QUEUED,),
    },
    turns={
        VerificationState.QUEUED: Turn.MACHINE,
        VerificationState.RUNNING: Turn.MACHINE,
        VerificationState.PASSED: Turn.NOBODY,
        VerificationState.FAILED: Turn.AGENT,
        VerificationState.ERRORED: Turn.HUMAN,
    },
)


class Outcome(TextChoices):
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    ERROR = "error", "Error"
    SKIPPED = "skipped", "Skipped"
    MISSING = "missing", "Not found"
    FLAKY = "flaky", "Flaky"


class Cheat(TextChoices):
    """Ways in which tests are bent so that they prove nothing (RELIABILITY, attacks). The name is the refusal's."""

    SKIP_MARK = "skip_mark", "Skip mark"
    EARLY_EXIT = "early_exit", "Early exit"
    PROCESS_EXIT = "process_exit", "Process left"
    CONFTEST = "conftest", "Changed conftest"
    TEST_SETTINGS = "test_settings", "Changed test settings"
    DESELECTED = "deselected", "Deselected by addopts"
    MONKEYPATCH = "monkeypatch", "Patched under test"
    SYMLINK = "symlink", "Symbolic link"
    RENAMED = "renamed", "Renamed test file"
    DELETED_CASE = "deleted_case", "Deleted case"
    WEAKENED = "weakened", "Weakened assertion"
    SHADOWING = "shadowing", "Shadowing module"
    FORGED_RESULTS = "forged_results", "Forged results"
    CHANGED_HELPER = "changed_helper", "Changed frozen file"


class ExemptionKind(TextChoices):
    QUARANTINE = "quarantine", "Quarantined"
    HOLDS_BEFORE = "holds", "Holds before the change"


class Answer(TextChoices):
    """A verifier's word on one acceptance criterion."""

    YES = "YES", "Yes"
    PARTIAL = "PARTIAL", "Partly"
    NO = "NO", "No"
