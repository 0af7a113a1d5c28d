"""Whether a person's own document can be brought to an item, whichever way that goes at its stage."""

from leadroom.lib.actors import Actor
from leadroom.pipeline import changing, importing
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.web.refusals import refusal_of


def bring_reason(item: WorkItem, *, by: Actor) -> str:
    """Why it cannot be imported now, or after alignment not be changed; empty when it can."""
    check = importing.check_can_import if item.stage == Stage.ALIGN else changing.check_can_change
    return refusal_of(lambda: check(item, by=by))
