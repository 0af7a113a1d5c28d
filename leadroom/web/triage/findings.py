"""What the inbox shows: the grid, rows, and one finding with its evidence, its group and its history."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from leadroom.lib.actors import Actor
from leadroom.lib.shapes import clip, count_of
from leadroom.triage import rules
from leadroom.triage.adjudication import Said
from leadroom.triage.enums import (
    OPEN_FINDINGS,
    ROUTE_OF_ACTION,
    SEVERITY_OF,
    SEVERITY_RANK,
    FindingState,
    LinkKind,
    LinkState,
    ReportStatus,
    Route,
    Severity,
    SuggestedAction,
    Workaround,
)
from leadroom.triage.models import Adjudication, Decision, Finding, Link
from leadroom.web.refusals import refusal_of
from leadroom.web.triage.asked import View

ROUTES = [route for route in Route if route != Route.SNOOZE]
ICONS = {
    Route.DECIDE: "scale",
    Route.FIX: "wrench",
    Route.FOLLOW_UP: "file-plus",
    Route.KNOWN_ISSUE: "tag",
    Route.ACKNOWLEDGE: "check",
    Route.DROP: "trash-2",
    Route.SNOOZE: "clock",
}
TONES = {"P0": "bad", "P1": "warn", "P2": "", "P3": "off"}
TEXT_SHOWN = 6_000
WAITS = {ReportStatus.NEEDS_INPUT: "waits for you", ReportStatus.BLOCKED: "is blocked"}
KINDS = {
    LinkKind.SAME: "Maybe the same as",
    LinkKind.RELATED: "Related to",
    LinkKind.REGRESSION: "Maybe back after a fix of",
}
LINKED = {
    LinkKind.SAME: "The same problem as",
    LinkKind.RELATED: "Related to",
    LinkKind.REGRESSION: "Back after a fix of",
}
CAME_BACK = "Mended once, and maybe back as"
MOST_COPIES = 3
EVIDENCE_WORDS = {
    "words": "words",
    "paths": "paths",
    "names": "names",
    "exceptions": "exceptions",
    "frames": "frames",
    "codes": "codes",
    "numbers": "numbers",
    "versions": "versions",
    "tests": "tests",
    "messages": "messages",
    "title": "words of the title",
    "path": "file",
}


@dataclass(frozen=True)
class RouteButton:
    """One of the six routes; `reason` says why it is not possible now."""

    to: str
    label: str
    icon: str
    number: int
    is_suggested: bool
    reason: str


@dataclass(frozen=True)
class Cell:
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True)
class GridLine:
    severity: str
    cells: list[Cell]


@dataclass(frozen=True)
class Row:
    """One finding in the list, for its whole group."""

    pk: int
    url: str
    title: str
    priority: str
    tone: str
    rationale: str
    severity: str
    action: str
    state: str
    state_word: str
    is_open: bool
    is_unread: bool
    is_agent: bool
    is_regression: bool
    reporter: str
    people: str
    affected: str
    workaround: str
    waits: str
    project: str
    hue: int
    seen_at: dt.datetime
    last_seen_at: dt.datetime
    size: int
    maybe: str
    maybe_url: str
    snoozed_until: dt.datetime | None
    routes: tuple[RouteButton, ...]

    @property
    def dom_id(self) -> str:
        return f"finding-{self.pk}"


def present_row(finding: Finding, suggested: Sequence[Link], *, refusal: str = "") -> Row:
    """`suggested` are the open suggestions of the group, most probable first; `refusal` why nothing may be decided."""
    report = finding.report
    waits = WAITS.get(ReportStatus(report.status), "") if report else ""
    best = next((link for link in suggested if link.newer_id == finding.pk), None)
    return Row(
        pk=finding.pk,
        url=reverse("triage:finding", args=[finding.pk]),
        title=finding.title,
        priority=finding.priority,
        tone=TONES[finding.priority],
        rationale=finding.rationale,
        severity=finding.worst_severity.value,
        action=SuggestedAction(finding.suggested_action).label,
        state=finding.state,
        state_word=FindingState(finding.state).label,
        is_open=finding.state in OPEN_FINDINGS,
        is_unread=finding.is_unread,
        is_agent=finding.is_from_agent,
        is_regression=finding.is_regression,
        reporter=finding.reporter or "unknown",
        people=count_of(finding.reporters, "reporter") if finding.reporters > 1 else "",
        affected=finding.affected,
        workaround={Workaround.NONE: "no workaround", Workaround.EXISTS: "workaround"}.get(
            Workaround((finding.weighed or {}).get("workaround", finding.workaround)), ""
        ),
        waits=f"{finding.reporter} {waits}" if waits else "",
        project=finding.project.name + (f" #{report.item.number}" if report else ""),
        hue=finding.project.colour,
        seen_at=finding.seen_at,
        last_seen_at=finding.last_seen_at,
        size=finding.size,
        maybe=f"{KINDS[LinkKind(best.kind)]} {best.older_id}: {clip(best.older.title, 90)}" if best else "",
        maybe_url=f"{reverse('triage:finding', args=[finding.pk])}#link-{best.pk}" if best else "",
        snoozed_until=finding.snoozed_until,
        routes=route_buttons(finding, refusal),
    )


def route_buttons(finding: Finding, refusal: str = "") -> tuple[RouteButton, ...]:
    suggested = ROUTE_OF_ACTION[SuggestedAction(finding.suggested_action)]
    return tuple(
        RouteButton(
            to=route.value,
            label=route.label,
            icon=ICONS[route],
            number=number,
            is_suggested=route == suggested,
            reason=refusal
            or ("It is routed so already." if finding.route == route and finding.state not in OPEN_FINDINGS else ""),
        )
        for number, route in enumerate(ROUTES, start=1)
    )


def present_lines(counts: Mapping[tuple[int, str], int], view: View) -> list[GridLine]:
    """Severity by suggested action; a press on the current cell lifts its filter."""
    home = reverse("triage:inbox")

    def cell(severity: str, action: str) -> Cell:
        is_current = (view.severity, view.action) == (severity, action)
        asked = view.changed(severity="" if is_current else severity, action="" if is_current else action, show="")
        return Cell(counts.get((SEVERITY_RANK[Severity(severity)], action), 0), f"{home}?{asked}", is_current)

    severities = [SEVERITY_OF[rank].value for rank in sorted(SEVERITY_OF, reverse=True)]
    return [
        GridLine(severity, [cell(severity, action) for action in SuggestedAction.values]) for severity in severities
    ]


@dataclass(frozen=True)
class Piece:
    """A stretch of text; `is_shared` when the other report has it too."""

    text: str
    is_shared: bool


def pieces_of(text: str, shared: Iterable[str]) -> list[Piece]:
    """The text cut where shared words, paths and so on begin and end. Nothing of the text is lost.

    Words are stems (`redi` of `Redis`), so the few letters that follow belong to them.
    """
    text = clip(text, TEXT_SHOWN)
    wanted = sorted({one for one in shared if len(one) >= 2}, key=len, reverse=True)[:80]
    if not wanted:
        return [Piece(text, False)] if text else []
    pattern = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, wanted))})\w{{0,6}}", re.IGNORECASE)
    found, at = [], 0
    for match in pattern.finditer(text):
        if match.start() > at:
            found.append(Piece(text[at : match.start()], False))
        found.append(Piece(match[0], True))
        at = match.end()
    return [*found, Piece(text[at:], False)] if at < len(text) else found


@dataclass(frozen=True)
class LinkView:
    """A link or suggestion with its evidence, seen from the group it belongs to."""

    pk: int
    words: str
    is_suggestion: bool
    is_by_itself: bool
    is_regression: bool
    chance: float | None
    rule: str
    newer: Finding
    older: Finding
    other: Finding
    newer_pieces: list[Piece]
    older_pieces: list[Piece]
    shared: list[tuple[str, list[str]]]
    only_new: list[tuple[str, list[str]]]
    only_old: list[tuple[str, list[str]]]
    against: list[str]
    accept_reason: str
    cut_reason: str
    opinion: Adjudication | None

    @property
    def dom_id(self) -> str:
        return f"link-{self.pk}"

    @property
    def is_advised(self) -> bool:
        """Whether to take it is what the model's second opinion says or, without a clear one, the engine expects."""
        if self.opinion is not None and self.opinion.said in (Said.SAME, Said.DIFFERENT):
            return self.opinion.said == Said.SAME
        return (self.chance or 0.0) >= 0.5

    @property
    def likely(self) -> str:
        """The model's probability in words, empty for what no model weighed."""
        if self.chance is None:
            return ""
        return "less than 1 % likely" if self.chance < 0.005 else f"{round(self.chance * 100)} % likely"


def present_links(head: Finding, links: Iterable[Link], by: Actor) -> tuple[list[LinkView], bool]:
    """The likeliest suggestion for each other group, and the links of this one; then whether copies were left out."""
    asked: set[int] = set()
    views, copies = [], 0
    for link in links:
        other = _other(link, head)
        group = other.root_id or other.pk
        if link.older.project_id != head.project_id or (link.state == LinkState.SUGGESTED and group in asked):
            continue
        if link.state == LinkState.SUGGESTED:
            asked.add(group)
        elif link.evidence.get("rule") == "verbatim" and link.kind == LinkKind.SAME:
            copies += 1
            if copies > MOST_COPIES:
                continue
        views.append(present_link(link, other, by))
    return views, copies > MOST_COPIES


def _other(link: Link, head: Finding) -> Finding:
    """The end that this page is not about."""
    is_ours = head.pk in (link.newer_id, link.newer.root_id)
    is_within = is_ours and head.pk in (link.older_id, link.older.root_id)
    return link.older if is_ours and not (is_within and link.newer_id != head.pk) else link.newer


def present_link(link: Link, other: Finding, by: Actor) -> LinkView:
    """Shared evidence is marked in both texts; what differs and what speaks against stands beside it."""
    evidence: dict[str, Any] = link.evidence
    shared = [value for values in evidence.get("shared", {}).values() for value in values]
    is_suggestion = link.state == LinkState.SUGGESTED
    is_back = link.kind == LinkKind.REGRESSION and other == link.newer
    return LinkView(
        pk=link.pk,
        words=CAME_BACK if is_back else (KINDS if is_suggestion else LINKED)[LinkKind(link.kind)],
        is_suggestion=is_suggestion,
        is_by_itself=link.by_itself,
        is_regression=link.kind == LinkKind.REGRESSION,
        chance=link.probability,
        rule=evidence.get("rule", ""),
        newer=link.newer,
        older=link.older,
        other=other,
        newer_pieces=pieces_of(f"{link.newer.title}\n\n{link.newer.body}".strip(), shared),
        older_pieces=pieces_of(f"{link.older.title}\n\n{link.older.body}".strip(), shared),
        shared=_told(evidence.get("shared", {})),
        only_new=_told(evidence.get("only_new", {})),
        only_old=_told(evidence.get("only_old", {})),
        against=evidence.get("against", []),
        accept_reason=refusal_of(lambda: rules.check_accept(link, by)) if is_suggestion else "",
        cut_reason=refusal_of(lambda: rules.check_cut(link, by)),
        opinion=link.opinion if is_suggestion else None,
    )


def _told(found: Mapping[str, list[str]]) -> list[tuple[str, list[str]]]:
    return [(EVIDENCE_WORDS.get(name, name), values) for name, values in found.items() if values]


@dataclass(frozen=True)
class DecisionView:
    """One line of a finding's history."""

    pk: int
    icon: str
    words: str
    who: str
    why: str
    note: str
    at: dt.datetime
    is_automatic: bool
    undone: str
    outcome: str
    item_url: str
    item: str
    undo_reason: str


def present_decision(decision: Decision, head: Finding, by: Actor, standing: int) -> DecisionView:
    """`standing` is the id of the newest decision about the finding that was not taken back."""
    route = Route(decision.route)
    words = route.label
    if route == Route.SNOOZE:
        words = "Snoozed" if decision.snoozed_until else "Snoozed until it gets worse"
    item = decision.item
    return DecisionView(
        pk=decision.pk,
        icon=ICONS[route],
        words=words,
        who=decision.actor_name,
        why=decision.why if decision.is_automatic else "",
        note=decision.note,
        at=decision.decided_at,
        is_automatic=decision.is_automatic,
        undone=decision.undone_by_name if decision.undone_at else "",
        outcome=decision.outcome,
        item_url=reverse("items:detail", args=[item.pk]) if item else "",
        item=f"#{item.number} {item.title}" if item else "",
        undo_reason=refusal_of(lambda: rules.check_undo(decision, head, by, standing=standing)),
    )
