"""Shipped items and records from outside, for tests of outcomes."""

import datetime as dt
from typing import Any

from leadroom.projects.enums import Stage
from leadroom.projects.models import Project, WorkItem
from leadroom.worktrees.actions import keep_merge, sign
from tests import factories as f


def incident_row(external_id: str, **changes: Any) -> dict[str, Any]:
    """One incident as outcomes.intake reads it."""
    return {
        "external_id": external_id,
        "title": "Totals are off",
        "opened_at": f.NOW - dt.timedelta(hours=1),
        "severity": "major",
        "paths": ["evenly/money.py"],
        **changes,
    }


def ship(project: Project | None = None) -> WorkItem:
    """An item that was merged and is done; git knows nothing of it."""
    project = project or f.make_project()
    stitch = f.make_stitch(f.make_aligned_item(project))
    lead = f.lead_of(project)
    sign(
        stitch=stitch,
        sentence="Shares cost one more table.",
        seen_digest=stitch.digest,
        is_verified=True,
        user_id=lead.pk,
        by=f.human(lead),
        now=f.NOW,
    )
    keep_merge(stitch=stitch, merge_commit="e" * 40, by=f.PIPELINE, now=f.NOW)
    stitch.item.refresh_from_db()
    f.move(stitch.item, Stage.DONE)
    return stitch.item
