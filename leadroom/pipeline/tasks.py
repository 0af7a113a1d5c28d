"""Celery's part: short, idempotent, delivered more than once without harm."""

from celery import shared_task

from leadroom.lib.clock import now
from leadroom.pipeline import placement, triaging
from leadroom.pipeline.adjudicating import adjudicate_all
from leadroom.pipeline.reconcile import reconcile
from leadroom.projects.queries import live_item_ids
from leadroom.triage.queries import last_check, needs_check
from leadroom.worktrees.anchors import anchor_head


@shared_task(name="pipeline.reconcile_item")
def reconcile_item(item_id: int) -> None:
    """Woken by news of an item."""
    reconcile(item_id)
    placement.tick()


@shared_task(name="pipeline.anchor")
def anchor() -> None:
    """Every hour: the ledger's head is held fast outside the database."""
    anchor_head(now=now())


@shared_task(name="pipeline.check_engine")
def check_engine() -> None:
    """Every five minutes: an engine or rubric that the golden set was not run with is checked, in its own process."""
    if needs_check(last_check()):
        placement.start_program("triage_drift", "triage-drift", "--if-changed")


@shared_task(name="pipeline.adjudicate")
def adjudicate() -> None:
    """Every minute: a few suggestions are put to a model, where a lead allowed it."""
    adjudicate_all()


@shared_task(name="pipeline.tick")
def tick() -> None:
    """The floor under lost news: every second, the inbox and every live item."""
    triaging.look(now())
    for item_id in live_item_ids():
        reconcile(item_id)
    placement.tick()
