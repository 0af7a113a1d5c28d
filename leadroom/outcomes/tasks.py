"""Celery's part: short, idempotent, delivered more than once without harm."""

from celery import shared_task

from leadroom.lib.clock import now
from leadroom.outcomes import gathering


@shared_task(name="outcomes.gather")
def gather() -> None:
    """Every half minute: measure what was shipped, and keep the hint fresh."""
    gathering.measure_next(now=now())
    gathering.advise(now=now())
