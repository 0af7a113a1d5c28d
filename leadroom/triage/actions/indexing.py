"""Writes of the index: made anew from the findings, as after an update that reads reports differently."""

import datetime as dt

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.projects.models import Project
from leadroom.triage import index
from leadroom.triage.actions import groups
from leadroom.triage.engine import extraction, model
from leadroom.triage.models import Finding, Shelf
from leadroom.triage.retrieval import weigh
from leadroom.triage.rules import check_state

BATCH = 500


@transaction.atomic
def reindex(*, project: Project, by: Actor, now: dt.datetime) -> int:
    """Reads every finding of a project anew, in the order they came, and makes its index from that; how many.

    Links, cuts, cannot-links, decisions and what was learned stay as they are. Raises NotPermitted for an agent.
    """
    check_state(by)
    shelf = groups.lock_shelf(project.pk)
    index.clear(project.pk)
    background, indexed, read = model.load().background, 0, 0
    for finding in Finding.objects.filter(project=project).order_by("pk").iterator(BATCH):
        weighing = weigh(
            project_id=project.pk,
            reports=indexed,
            title=finding.title,
            body=finding.body,
            seen_at=finding.seen_at,
            background=background,
        )
        Finding.objects.filter(pk=finding.pk).update(
            facts=weighing.side.facts.plain(),
            terms=weighing.side.weighed.packed(),
            same_text=weighing.same_text,
            extractor=extraction.VERSION,
        )
        if finding.is_indexed:
            index.add(project.pk, finding.pk, weighing.side.weighed)
            index.count(project.pk, weighing.counted)
            indexed += 1
        read += 1
    Shelf.objects.filter(pk=shelf.pk).update(reports=indexed)
    record(
        by=by,
        now=now,
        verb="triage.engine.reindexed",
        subject=f"triage.shelf:{shelf.pk}",
        payload={"findings": read, "extractor": extraction.VERSION},
    )
    return read
