"""Measures what was shipped and gives the weekly hint: reads ledger and git, then calls one action each."""

import datetime as dt
import logging
from collections.abc import Sequence

from django.conf import settings

from leadroom.lib.actors import system
from leadroom.lib.errors import LeadroomError
from leadroom.outcomes import actions, queries, rules
from leadroom.outcomes.actions import Spent
from leadroom.outcomes.measuring import measure
from leadroom.projects.models import WorkItem
from leadroom.worktrees.changes import changed_files
from leadroom.worktrees.git import GitFailed
from leadroom.worktrees.models import Stitch

log = logging.getLogger(__name__)
BY = system("outcomes")
BATCH = 50
MOST_PATHS = 2_000


def measure_next(*, now: dt.datetime, limit: int = BATCH) -> int:
    """Measure up to `limit` shipped items that are not measured yet; how many were.

    One that breaks is logged, tried again the next time and does not keep the others waiting.
    """
    measured = 0
    for item in queries.unmeasured()[:limit]:
        try:
            measure_one(item, now=now)
        except Exception:
            log.exception("item %s could not be measured", item.pk)
        else:
            measured += 1
    return measured


def measure_one(item: WorkItem, *, now: dt.datetime) -> None:
    """Measure one shipped item."""
    stitch = queries.merged_stitch(item.pk)
    start, end = queries.life_of(item, now=now)
    actions.measure_item(
        item=item,
        stitch=stitch,
        measured=measure(queries.facts_of(item.pk), created_at=start, ended_at=end),
        spent=spent(queries.tokens_by_model(item.pk)),
        paths=_paths(item, stitch),
        by=BY,
        now=now,
    )


def spent(tokens: Sequence[tuple[str, int, int]]) -> Spent:
    """Tokens of all models together, and their price; runs that used none need no price."""
    used = [(model, given, made) for model, given, made in tokens if given or made]
    prices = [settings.PRICES.get(model) for model, _, _ in used]
    cost = None
    if used and all(prices):
        cost = round(sum(g * p[0] + m * p[1] for (_, g, m), p in zip(used, prices, strict=True) if p))
    return Spent(sum(given for _, given, _ in used), sum(made for _, _, made in used), cost)


def _paths(item: WorkItem, stitch: Stitch | None) -> list[str] | None:
    """Files the merge changed, both names of a renamed one; None where git cannot say."""
    if stitch is None or not stitch.merge_commit or not stitch.onto:
        return None
    try:
        files = changed_files(item.project.control_path, stitch.onto, stitch.merge_commit)
    except (GitFailed, LeadroomError, OSError) as error:
        log.warning("files of the merge of item %s are unknown: %s", item.pk, error)
        return None
    return sorted({path for file in files for path in (file.path, file.old_path)})[:MOST_PATHS]


def advise(*, now: dt.datetime) -> None:
    """The hint on the ceiling from the last seven days against the seven before."""
    last, before = queries.week_facts(now=now)
    actions.give_advice(
        ceiling=settings.CEILING,
        hint=rules.ceiling_hint(settings.CEILING, last, before),
        break_in=rules.break_in(last),
        facts={"last": last.plain(), "before": before.plain()},
        by=BY,
        now=now,
    )
