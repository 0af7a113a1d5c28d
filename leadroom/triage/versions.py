"""What the golden set was run with: the engine's version and the rubric's, in one word."""

from leadroom.triage.engine import model
from leadroom.triage.priority import RUBRIC


def installed() -> str:
    """Such as `1-47a303e6ed rubric-1`; another one asks for another drift check."""
    return f"{model.load().version} {RUBRIC}"[:40]
