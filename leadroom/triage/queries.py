"""Reads of triage."""

import datetime as dt

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from leadroom.projects.enums import STAGES, Stage
from leadroom.triage import index
from leadroom.triage.engine import terms
from leadroom.triage.engine.extraction import extract, facts_from
from leadroom.triage.enums import OPEN_FINDINGS, FindingState, LinkState, Priority, ReportState, Route
from leadroom.triage.material import Material
from leadroom.triage.models import Decision, DriftCheck, Finding, Link, Report
from leadroom.triage.versions import installed

HEAVY = ("body", "facts", "terms")
"""Fields of a finding that no list shows."""


def reports_of_projects(project_ids: list[int]) -> QuerySet[Report]:
    """Newest first, with what a row shows."""
    return Report.objects.filter(item__project_id__in=project_ids).select_related("item__project", "run__agent")


def unread_grid(project_ids: list[int]) -> dict[tuple[str, str], int]:
    """(severity, suggested action) to the number of unread reports."""
    rows = (
        Report.objects.filter(item__project_id__in=project_ids, state=ReportState.UNREAD)
        .values_list("severity", "suggested_action")
        .annotate(n=Count("pk"))
        .order_by()
    )
    return {(severity, action): n for severity, action, n in rows}


def open_findings(project_ids: list[int]) -> QuerySet[Finding]:
    """Findings that lead their group and wait for a person, most urgent first, then oldest, in one query.

    Each row has `size`, `worst_severity` (of the group) and `reporters`; `report`, its item and run come with it.
    """
    rows = Finding.objects.filter(project_id__in=project_ids, root=None, state__in=OPEN_FINDINGS)
    return (
        rows.select_related("project", "report__item", "report__run")
        .defer(*HEAVY)
        .order_by("priority", "seen_at", "pk")
    )


def suggestions_for(finding_ids: list[int]) -> QuerySet[Link]:
    """Open suggestions of these findings with the older finding, most probable first."""
    waiting = Link.objects.filter(newer_id__in=finding_ids, state=LinkState.SUGGESTED)
    heavy = [f"older__{name}" for name in HEAVY]
    return waiting.select_related("older").defer("evidence", *heavy).order_by("newer_id", "-probability", "pk")


def last_check() -> DriftCheck | None:
    """The last run of the golden set."""
    return DriftCheck.objects.first()


def has_drifted() -> bool:
    """Whether the golden set did not come out right with the engine that is installed: then nothing but copies is
    linked without being asked.
    """
    last = last_check()
    return last is not None and not last.is_good and last.engine == installed()


def needs_check(last: DriftCheck | None) -> bool:
    """Whether the golden set, run last as `last` says, has not been run with the installed engine and rubric."""
    return last is None or last.engine != installed()


STARTS_WORK = (Route.FIX, Route.FOLLOW_UP)
MEMBERS_READ, LINKS_READ, MOST_FOUND, MOST_ASKED = 50, 100, 200, 50
"""Findings of a group whose words are read for a brief; ten thousand copies say nothing more."""


def due_snoozes(now: dt.datetime, limit: int) -> list[Finding]:
    """Findings that were put off until a moment that is past, the longest past first."""
    rows = Finding.objects.filter(state=FindingState.SNOOZED, snoozed_until__lte=now, root=None)
    return list(rows.order_by("snoozed_until", "pk").defer(*HEAVY)[:limit])


def not_looked_at(limit: int) -> list[Finding]:
    """Waiting findings about which the rules for automatic routes were not asked yet, oldest first."""
    rows = Finding.objects.filter(root=None, state__in=OPEN_FINDINGS, is_looked_at=False)
    return list(rows.select_related("report__run", "report__item").defer(*HEAVY).order_by("pk")[:limit])


def weighed_before(moment: dt.datetime, limit: int) -> list[Finding]:
    """Waiting findings whose priority was not weighed since, longest ago first."""
    rows = Finding.objects.filter(root=None, state__in=OPEN_FINDINGS, weighed_at__lt=moment)
    return list(rows.defer(*HEAVY).order_by("weighed_at", "pk")[:limit])


def to_carry_out(before: dt.datetime) -> list[Decision]:
    """Decisions that start work, that nobody took back in time, and that are the newest about their finding."""
    standing = Decision.objects.filter(finding=OuterRef("finding"), undone_at=None).order_by("-pk")
    rows = Decision.objects.filter(
        route__in=STARTS_WORK, carried_out_at=None, undone_at=None, decided_at__lte=before, finding__root=None
    ).filter(finding__state=FindingState.ROUTED, finding__route=F("route"), pk=Subquery(standing.values("pk")[:1]))
    return list(rows.select_related("finding__project", "finding__report__item__project").order_by("pk"))


def standing_decision(finding_id: int) -> int:
    """The id of the newest decision about a finding that nobody took back, 0 when there is none."""
    rows = Decision.objects.filter(finding_id=finding_id, undone_at=None).order_by("-pk")
    return rows.values_list("pk", flat=True).first() or 0


def to_settle() -> list[Decision]:
    """Decisions whose work came to an end."""
    ends = [stage for stage in Stage if STAGES.is_final(stage)]
    rows = Decision.objects.filter(carried_out_at__isnull=False, settled_at=None, undone_at=None, item__stage__in=ends)
    return list(rows.select_related("finding", "item").order_by("pk"))


def to_withdraw() -> list[Decision]:
    """Decisions that were taken back after something had come of them."""
    rows = Decision.objects.filter(carried_out_at__isnull=False, settled_at=None, undone_at__isnull=False)
    return list(rows.select_related("finding", "item__project").order_by("pk"))


def to_fix(item_id: int) -> list[Decision]:
    """Decisions that a developer of the item is told of."""
    rows = Decision.objects.filter(item_id=item_id, route=Route.FIX, is_new_item=False, settled_at=None, undone_at=None)
    return list(rows.exclude(carried_out_at=None).select_related("finding").order_by("pk"))


def material_of(head: Finding) -> Material:
    """The group as briefs and work items say it. The head must be stored."""
    group = Finding.objects.filter(Q(pk=head.pk) | Q(root_id=head.pk)).select_related("report")
    rows = list(group.defer("terms").order_by("pk")[:MEMBERS_READ])
    sources = [
        str(source.get("uri", "")) for row in rows if row.report for source in row.report.body.get("sources", ())
    ]
    return Material(
        number=head.pk,
        title=head.title,
        rationale=head.rationale,
        texts=[row.body for row in rows],
        facts=[facts_from(row.facts) for row in rows],
        sources=sources,
        reporters=[row.reporter for row in rows],
        size=head.size,
        workaround=next((row.workaround_text for row in rows if row.workaround_text), ""),
        affected=next((row.affected for row in rows if row.affected), ""),
        is_regression=head.is_regression,
    )


def heads(project_ids: list[int]) -> QuerySet[Finding]:
    """Findings that lead their group, in whatever state, without what no list shows."""
    return Finding.objects.filter(project_id__in=project_ids, root=None).defer(*HEAVY)


def asked_findings(project_ids: list[int]) -> list[Finding]:
    """Findings that were routed to the lead, and waiting ones of P0, oldest first; at most MOST_ASKED.

    One statement, and each half of it from an index of its own.
    """
    own = Finding.objects.filter(project_id__in=project_ids, root=None)
    urgent = own.filter(state__in=OPEN_FINDINGS, priority=Priority.P0).order_by("seen_at", "pk").values("pk")
    routed = own.filter(state=FindingState.ROUTED, route=Route.DECIDE).order_by("seen_at", "pk").values("pk")
    rows = Finding.objects.filter(Q(pk__in=urgent[:MOST_ASKED]) | Q(pk__in=routed[:MOST_ASKED]))
    chosen = rows.select_related("project", "report__item__project").defer(*HEAVY).order_by("seen_at", "pk")
    return list(chosen[:MOST_ASKED])


def inbox_grid(project_ids: list[int], upto: int) -> dict[tuple[int, str], int]:
    """(rank of the group's highest severity, suggested action) to the number of findings that wait.

    Those that came after the one with the id `upto` are not counted yet.
    """
    rows = (
        Finding.objects.filter(project_id__in=project_ids, root=None, state__in=OPEN_FINDINGS, pk__lte=upto)
        .values_list("worst", "suggested_action")
        .annotate(n=Count("pk"))
        .order_by()
    )
    return {(worst, action): n for worst, action, n in rows}


def newest_finding() -> int:
    """The id of the finding that came last, 0 when there is none."""
    return Finding.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def found_by_words(project_ids: list[int], text: str) -> set[int]:
    """Ids of the groups whose reports have these words: by the term index, rarest words first."""
    facts = extract(text, "")
    weights, _ = terms.counted(text, "", facts)
    keys = [terms.key_of(term) for term in weights]
    hits: set[int] = set()
    for project_id in project_ids:
        counts = index.counts_of(project_id, keys)
        rare = {key: max(1, terms.SCALE // counts[key]) for key in keys if counts.get(key)}
        hits |= {pk for pk, _ in index.search(project_id, rare, counts, MOST_FOUND)}
    roots = Finding.objects.filter(pk__in=hits).values_list("pk", "root_id")
    return {root or pk for pk, root in roots}


def links_of_group(head: Finding) -> list[Link]:
    """Suggestions, then links, in which a finding of the group takes part, but for cut ones; most probable first."""
    group = Q(newer_id=head.pk) | Q(newer__root_id=head.pk) | Q(older_id=head.pk)
    rows = Link.objects.filter(group).exclude(state=LinkState.CUT).select_related("newer", "older", "opinion")
    heavy = [f"{side}__{name}" for side in ("newer", "older") for name in ("facts", "terms")]
    suggested_first = "-state"
    order = (suggested_first, F("probability").desc(nulls_last=True), "-pk")
    return list(rows.defer(*heavy).order_by(*order)[:LINKS_READ])


def members_of(head: Finding) -> list[Finding]:
    """The findings that came to it, newest first, at most fifty."""
    return list(Finding.objects.filter(root=head).defer("facts", "terms").order_by("-pk")[:MEMBERS_READ])
