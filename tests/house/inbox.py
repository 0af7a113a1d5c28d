"""Findings of the world: one of each that a button of the inbox is for."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from leadroom.projects.models import Project
from leadroom.triage import actions
from leadroom.triage.enums import Route
from leadroom.triage.models import Decision, Finding, Link, SavedFilter
from tests import factories as f


@dataclass(frozen=True)
class Inbox:
    """`copy` came to `recurrent`, which is low and was reported three times; `suggestion` waits for an answer."""

    finding: Finding
    other: Finding
    recurrent: Finding
    copy: Finding
    suggestion: Link
    decision: Decision
    kept: SavedFilter


def make_inbox(project: Project, lead: User) -> Inbox:
    """Needs a database."""
    by = f.human(lead)

    def take(title: str, body: str = "", severity: str = "minor") -> Finding:
        given = {"title": title, "body": body, "severity": severity, "by": f.PIPELINE, "now": f.NOW}
        return actions.bring_in(project_id=project.pk, **given).finding

    hangs = take("Queue worker hangs after Redis reconnect", "queue/worker.py blocks in brpop for ever.")
    stops = take("Jobs stop once Redis fails over", "Stuck in brpop of queue/worker.py until a restart.")
    recurrent, _, copy = (take("Trailing space in line 3", severity="cosmetic") for _ in range(3))
    dropped = take("The favicon is missing")
    return Inbox(
        finding=take("Rows of the grid overlap at 390 pixels"),
        other=take("Totals are rounded twice"),
        recurrent=recurrent,
        copy=copy,
        suggestion=Link.objects.get(newer=stops, older=hangs),
        decision=actions.route(finding=dropped, to=Route.DROP, by=by, now=f.NOW),
        kept=actions.save_filter(name="Major", query="severity=major", by=by, now=f.NOW),
    )
