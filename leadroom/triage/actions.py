"""Writes of triage."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from leadroom.agents.models import Run
from leadroom.ledger.actions import record
from leadroom.ledger.provenance import without_findings
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.lib.shapes import clip, storable
from leadroom.live.news import publish_item
from leadroom.triage import index, intake, rules
from leadroom.triage.engine import extraction, model
from leadroom.triage.enums import FINDINGS, LINKS, REPORTS, FindingState, LinkKind, LinkState, ReportState, Severity
from leadroom.triage.judging import bias_of, judge
from leadroom.triage.models import CannotLink, DriftCheck, Finding, Link, Report, Shelf
from leadroom.triage.retrieval import gather, weigh


@transaction.atomic
def file_report(*, run: Run, body: Mapping[str, Any], by: Actor, now: dt.datetime) -> Report:
    """Store a run's report and take it in as a finding; the same body of the same run again returns the stored one."""
    earlier = Report.objects.filter(run=run).order_by("-pk").first()
    if earlier is not None and without_findings(earlier.body) == without_findings(body):
        return earlier
    report = Report.objects.create(
        run=run,
        item_id=run.item_id,
        body=dict(body),
        filed_at=now,
        **{name: body[name] for name in ("status", "summary", "severity", "suggested_action", "confidence")},
    )
    title, text = intake.text_of(report)
    taken = _take_in(
        project_id=report.item.project_id, title=title, body=text, severity=report.severity, report=report, seen_at=now
    )
    record(
        by=by,
        now=now,
        verb="triage.report.filed",
        subject=f"triage.report:{report.pk}",
        item_id=run.item_id,
        payload={
            "status": report.status,
            "severity": report.severity,
            "action": report.suggested_action,
            **taken.for_ledger(),
        },
        sources=body["sources"],
    )
    publish_item(run.item_id, "report")
    return report


@transaction.atomic
def mark(*, report: Report, state: ReportState, by: Actor, now: dt.datetime) -> None:
    """READ or UNREAD again; marking it what it is already changes nothing. Raises NotPermitted for a non-human."""
    if not by.is_human:
        raise NotPermitted("Only a person marks reports as read.")
    if report.state == state:
        return
    REPORTS.check_move(report.state, state)
    report.state = state
    report.save(update_fields=["state"])
    record(
        by=by,
        now=now,
        verb=f"triage.report.marked_{state.lower()}",
        subject=f"triage.report:{report.pk}",
        item_id=report.item_id,
    )
    publish_item(report.item_id, "report")


@transaction.atomic
def bring_in(*, project_id: int, title: str, body: str, severity: str, by: Actor, now: dt.datetime) -> intake.Intake:
    """Takes in a finding that came without a run (an import, a person). Raises BadInput for one without a title."""
    if not title.strip():
        raise BadInput("A finding needs a title; nothing was taken in. Say in one line what is wrong.")
    taken = _take_in(project_id=project_id, title=title, body=body, severity=severity, report=None, seen_at=now)
    record(
        by=by,
        now=now,
        verb="triage.finding.brought_in",
        subject=f"triage.finding:{taken.finding.pk}",
        payload=taken.for_ledger(),
    )
    return taken


@transaction.atomic
def accept(*, link: Link, by: Actor, now: dt.datetime) -> Link:
    """A person says that a suggestion is right. Raises NotPermitted for others, Conflict when it is decided already."""
    link = _locked(link)
    rules.check_accept(link, by)
    _judged(link, accepted=True)
    _join(link, now)
    _record(link, "accepted", by, now)
    return link


@transaction.atomic
def link_by_hand(*, newer: Finding, older: Finding, kind: LinkKind, by: Actor, now: dt.datetime) -> Link:
    """Puts the groups of two findings together (SAME) or beside each other. The older group stays the one shown.

    Raises NotPermitted for others than people, BadInput for two projects, Conflict for one group already.
    """
    _lock_shelf(newer.project_id)
    first, second = _root_of(newer), _root_of(older)
    rules.check_link(first, second, kind, by)
    older_root, newer_root = sorted((first, second), key=lambda finding: finding.pk)
    link, _ = Link.objects.get_or_create(newer=newer_root, older=older_root, defaults={"kind": kind, "made_at": now})
    link.kind, link.by_itself = kind, False
    _join(link, now)
    _record(link, "made", by, now)
    return link


@transaction.atomic
def cut(*, link: Link, by: Actor, now: dt.datetime) -> Link:
    """Takes a link or a suggestion away; the two are never linked or suggested by themselves again.

    What had come to the newer finding stays with it. Raises NotPermitted for others, Conflict when it is cut already.
    """
    link = _locked(link)
    rules.check_cut(link, by)
    if link.state == LinkState.SUGGESTED:
        _judged(link, accepted=False)
    was_joined = link.state == LinkState.LINKED and link.kind == LinkKind.SAME
    LINKS.check_move(LinkState(link.state), LinkState.CUT)
    link.state, link.decided_at = LinkState.CUT, now
    link.save(update_fields=["state", "decided_at"])
    CannotLink.objects.get_or_create(newer_id=link.newer_id, older_id=link.older_id, defaults={"said_at": now})
    if was_joined:
        _set_root(link.newer_id, None)
    _record(link, "cut", by, now)
    return link


def split(*, finding: Finding, by: Actor, now: dt.datetime) -> Link:
    """Takes a finding (with all that came to it) out of its group. Raises Conflict when it leads its group."""
    link = Link.objects.filter(newer=finding, kind=LinkKind.SAME, state=LinkState.LINKED).first()
    return cut(link=rules.check_split(link), by=by, now=now)


@transaction.atomic
def set_state(*, finding: Finding, state: FindingState, by: Actor, now: dt.datetime) -> Finding:
    """RESOLVED or OPEN again, for a whole group by its oldest finding. An agent may not.

    What matches a resolved finding later is a possible regression.
    """
    _lock_shelf(finding.project_id)
    root = _root_of(finding)
    rules.check_state(by)
    if root.state == state:
        return root
    FINDINGS.check_move(FindingState(root.state), state)
    root.state, root.resolved_at = state, now if state == FindingState.RESOLVED else None
    root.save(update_fields=["state", "resolved_at"])
    record(by=by, now=now, verb=f"triage.finding.{state.lower()}", subject=f"triage.finding:{root.pk}", payload={})
    return root


@transaction.atomic
def record_check(*, figures: Mapping[str, Any], by: Actor, now: dt.datetime) -> DriftCheck:
    """Stores how the golden set came out with the engine installed. `figures` has the keys of `triage_eval`."""
    version = model.load().version
    check = DriftCheck.objects.create(
        engine=version, is_good=rules.is_golden(figures), figures=dict(figures), ran_at=now
    )
    record(
        by=by,
        now=now,
        verb="triage.engine.checked",
        subject=f"triage.check:{check.pk}",
        payload={"engine": version, "is_good": check.is_good},
    )
    return check


def _take_in(
    *, project_id: int, title: str, body: str, severity: str, report: Report | None, seen_at: dt.datetime
) -> intake.Intake:
    """The project's shelf is locked first: of two at once, one sees the other."""
    title, body = storable(clip(title.strip(), 260)), storable(clip(body, intake.BODY_KEPT))
    shelf = _lock_shelf(project_id)
    loaded = model.load()
    weighing = weigh(
        project_id=project_id,
        reports=shelf.reports,
        title=title,
        body=body,
        seen_at=seen_at,
        background=loaded.background,
    )
    judgement = judge(gather(project_id, weighing), title=title, body=body, model=loaded, bias=bias_of(shelf))
    link = judgement.link
    is_copy = link is not None and link.rule == "verbatim"
    finding = Finding.objects.create(
        project_id=project_id,
        report=report,
        title=title,
        body=body,
        severity=severity or Severity.INFO,
        seen_at=seen_at,
        root_id=link.root_id if link and not link.is_resolved else None,
        same_text=weighing.same_text,
        facts=weighing.side.facts.plain(),
        terms=weighing.side.weighed.packed(),
        is_indexed=not is_copy,
        extractor=extraction.VERSION,
    )
    if not is_copy:  # a copy says nothing new; ten thousand of them would drown the words of the first
        index.add(project_id, finding.pk, weighing.side.weighed)
        index.count(project_id, weighing.counted)
        Shelf.objects.filter(pk=shelf.pk).update(reports=shelf.reports + 1)
    matches = [(match, LinkState.SUGGESTED) for match in judgement.suggestions]
    if link:
        matches.append((link, LinkState.LINKED))
    Link.objects.bulk_create(
        [intake.link_of(finding, match, state, loaded.version, seen_at) for match, state in matches]
    )
    return intake.Intake(finding, judgement)


def _lock_shelf(project_id: int) -> Shelf:
    Shelf.objects.get_or_create(project_id=project_id)
    return Shelf.objects.select_for_update().get(project_id=project_id)


def _locked(link: Link) -> Link:
    _lock_shelf(link.newer.project_id)
    return Link.objects.select_related("newer", "older").get(pk=link.pk)


def _root_of(finding: Finding) -> Finding:
    return Finding.objects.get(pk=Finding.objects.get(pk=finding.pk).root_pk)


def _join(link: Link, now: dt.datetime) -> None:
    LINKS.check_move(LinkState(link.state), LinkState.LINKED)
    link.state, link.decided_at = LinkState.LINKED, now
    link.save(update_fields=["state", "kind", "by_itself", "decided_at"])
    if link.kind == LinkKind.SAME:
        _set_root(link.newer_id, _root_of(link.older).pk)


def _set_root(finding_id: int, root_id: int | None) -> None:
    """Moves a finding and all that was linked to it under a root, or makes it the root of its own."""
    top = Finding.objects.get(pk=finding_id)
    edges: dict[int, list[int]] = {}
    inside = Q(newer__root_id=top.root_pk) | Q(newer_id=top.root_pk)
    rows = Link.objects.filter(inside, state=LinkState.LINKED, kind=LinkKind.SAME)
    for newer, older in rows.values_list("newer_id", "older_id"):
        edges.setdefault(older, []).append(newer)
    below, frontier = set(), [finding_id]
    while frontier:
        for newer in edges.get(frontier.pop(), ()):
            if newer not in below:
                below.add(newer)
                frontier.append(newer)
    Finding.objects.filter(pk=finding_id).update(root_id=root_id)
    Finding.objects.filter(pk__in=below).update(root_id=root_id or finding_id)


def _judged(link: Link, *, accepted: bool) -> None:
    """Remembers how a suggestion turned out, for the project's calibration. Links made by hand teach nothing here."""
    if link.state != LinkState.SUGGESTED or link.probability is None:
        return
    Shelf.objects.filter(project_id=link.newer.project_id).update(
        judged=F("judged") + 1, accepted=F("accepted") + int(accepted), expected=F("expected") + link.probability
    )


def _record(link: Link, what: str, by: Actor, now: dt.datetime) -> None:
    record(
        by=by,
        now=now,
        verb=f"triage.link.{what}",
        subject=f"triage.link:{link.pk}",
        payload={"newer": link.newer_id, "older": link.older_id, "kind": link.kind, "engine": link.engine},
    )
