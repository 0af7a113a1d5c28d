"""The one loop: facts in, at most one move out, until nothing moves."""

import logging

from django.db import IntegrityError

from leadroom.lib.errors import Conflict, LeadroomError
from leadroom.pipeline.steps import STEPS
from leadroom.projects.enums import STAGES
from leadroom.projects.models import WorkItem

log = logging.getLogger(__name__)
MOVES_AT_ONCE = 20


def reconcile(item_id: int) -> int:
    """Move the item as far as the facts allow and return the number of moves.

    Somebody else moving it at the same time is no error: the compare-and-set that loses stops here and the next call
    looks again.
    """
    for moves in range(MOVES_AT_ONCE):
        item = WorkItem.objects.select_related("project", "stitch_owner").filter(pk=item_id).first()
        if item is None or STAGES.is_final(item.stage):
            return moves
        try:
            if not STEPS[item.stage](item):
                return moves
        except (Conflict, IntegrityError) as error:
            log.info("item %s: %s", item_id, error)
            return moves
        except LeadroomError as error:
            log.warning("item %s cannot move: %s", item_id, error)
            return moves
    log.error("item %s moved %s times in a row and was left for the next tick", item_id, MOVES_AT_ONCE)
    return MOVES_AT_ONCE
