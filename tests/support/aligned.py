"""Items that are aligned and held, for tests of the lane."""

from typing import Any

from leadroom.agents.enums import Role
from leadroom.projects.models import Project, WorkItem
from leadroom.requirements.actions import hand_over, hold, resolve
from leadroom.requirements.models import Ambiguity
from tests import factories as f


def make_loaded_item(project: Project | None = None, **changes: Any) -> WorkItem:
    """An item in ALIGN with a document and a run that completed, held until it is fired."""
    item = f.make_item(project, **changes)
    f.make_ambiguities(item, 1)
    lead = f.lead_of(item.project)
    who = {"by": f.human(lead), "now": f.NOW}
    for row in Ambiguity.objects.filter(item=item):
        resolve(ambiguity=row, seen_digest=row.digest, picked=1, user_id=lead.pk, **who)
    hand_over(item=item, by=f.PIPELINE, now=f.NOW)
    hold(item=item, is_held=True, **who)
    f.make_document(item, because="A-001")
    f.end_waiting_run(item.runs.get(role=Role.REQUIREMENTS))
    return item
