"""The one loop: facts in, at most one move out, until nothing moves."""

import contextlib
import logging
import time
from collections.abc import Iterator

from django.conf import settings
from django.db import IntegrityError

from leadroom.guardrails.enums import Lock
from leadroom.guardrails.queries import standing_lock
from leadroom.lib.clock import now
from leadroom.lib.errors import Conflict, LeadroomError, Locked
from leadroom.lib.leases import HolderLock
from leadroom.pipeline.comparing import compare_claims
from leadroom.pipeline.guarding import look
from leadroom.pipeline.steps import BY, STEPS
from leadroom.projects.actions import note_problem
from leadroom.projects.enums import STAGES
from leadroom.projects.models import WorkItem

log = logging.getLogger(__name__)
MOVES_AT_ONCE = 20
PATIENCE_SECONDS = 0.5


@contextlib.contextmanager
def _alone_with(item_id: int) -> Iterator[bool]:
    """Whether this is the only one at the item. The kernel ends a dead worker's turn at once.

    Every move is a compare-and-set all the same; this only keeps two workers from doing the same git work side by side.
    """
    deadline, lock = time.monotonic() + PATIENCE_SECONDS, None
    while lock is None:
        try:
            lock = HolderLock(settings.HOME_DIR / "run" / "items" / f"item-{item_id}.lock")
        except Conflict:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


def reconcile(item_id: int) -> int:
    """Move the item as far as the facts allow and return the number of moves.

    Somebody else moving it at the same time is no error: the one that loses stops here and the next call looks again.
    What keeps it from going on is noted on the item, which makes it a card, and taken away once it does. Under the
    read-only switch nothing moves, and nothing is noted: the switch says so itself.
    """
    with _alone_with(item_id) as is_mine:
        return _move_on(item_id) if is_mine else 0


def _move_on(item_id: int) -> int:
    for moves in range(MOVES_AT_ONCE):
        item = WorkItem.objects.select_related("project", "stitch_owner").filter(pk=item_id).first()
        if item is None or STAGES.is_final(item.stage):
            return moves
        if standing_lock(item.project_id) is not Lock.OPEN:
            return moves
        problem = ""
        try:
            has_moved = look(item) or compare_claims(item) or STEPS[item.stage](item)
        except (Conflict, IntegrityError, Locked) as error:
            log.info("item %s: %s", item_id, error)
            return moves
        except LeadroomError as error:
            has_moved, problem = False, str(error)
        except Exception as error:
            log.exception("item %s: a step broke", item_id)
            name = type(error).__name__
            has_moved, problem = False, f"Leadroom itself failed here ({name}); the worker's log says more."
        if problem != item.problem and not has_moved:
            note_problem(item=item, problem=problem, by=BY, now=now())
        if not has_moved:
            return moves
    log.error("item %s moved %s times in a row and was left for the next tick", item_id, MOVES_AT_ONCE)
    return MOVES_AT_ONCE
