"""Celery's part: short, idempotent, delivered more than once without harm."""

from celery import shared_task

from leadroom.pipeline import placement
from leadroom.pipeline.reconcile import reconcile
from leadroom.projects.queries import live_item_ids


@shared_task(name="pipeline.reconcile_item")
def reconcile_item(item_id: int) -> None:
    """Woken by news of an item."""
    reconcile(item_id)
    placement.tick()


@shared_task(name="pipeline.tick")
def tick() -> None:
    """The floor under lost news: every second, every live item."""
    for item_id in live_item_ids():
        reconcile(item_id)
    placement.tick()
