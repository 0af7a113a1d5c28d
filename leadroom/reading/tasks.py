"""Celery's part of reading."""

from celery import shared_task

from leadroom.lib.clock import now
from leadroom.reading import clock


@shared_task(name="reading.look")
def look() -> None:
    """Look at the clock; any number of times."""
    clock.look(now())
