"""What the session pages show: the next session, one item at a time, the end."""

import datetime as dt
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from leadroom.lib import clock
from leadroom.lib.shapes import count_of
from leadroom.projects.models import Project, WorkItem
from leadroom.reading import budget, pace
from leadroom.reading.budget import Budget, Care
from leadroom.reading.enums import SessionState, Verdict
from leadroom.reading.gathering import Line, gather
from leadroom.reading.models import ReadingHours, ReadingSession, SessionItem
from leadroom.reading.sessions import led_project_ids, paces_of, past_sessions, sitting_of
from leadroom.triage.enums import ROUTE_OF_ACTION, Route, SuggestedAction
from leadroom.triage.models import Finding, Report
from leadroom.web import access
from leadroom.web.guardrails.scoping import leads_anything
from leadroom.web.needs.presenters import Action, Card, present_cards
from leadroom.web.session.day import Day, day_of
from leadroom.web.triage.presenters import ReportView, present_report

ONLY_LEADS = "You lead no project, so nothing waits for you to read."
WAITING_SHOWN = 8


@dataclass(frozen=True)
class Shown:
    """The one item on the page: its card or report, and what can be said of it."""

    entry: SessionItem
    where: str
    hue: int
    card: Card | None
    report: ReportView | None
    finding: Finding | None
    verdicts: tuple[Action, ...]

    @property
    def dom_id(self) -> str:
        return f"entry-{self.entry.pk}"


@dataclass(frozen=True)
class Step:
    """A row of what comes next."""

    title: str
    where: str
    kind: str
    is_urgent: bool


@dataclass(frozen=True)
class SittingPage:
    """A session that is open or paused."""

    session: ReadingSession
    number: int
    total: int
    progress: str
    shown: Shown | None
    next_up: tuple[Step, ...]
    more: int
    undo: Action | None


@dataclass(frozen=True)
class SessionPage:
    """The page in whatever state: `sitting` is there while a session is open or paused."""

    day: Day
    session: ReadingSession | None
    sitting: SittingPage | None
    waiting: tuple[Step, ...]
    waiting_count: int
    takes: str
    is_ready: bool
    missed: str
    refusal: str
    past: tuple[ReadingSession, ...]


def present(request: HttpRequest) -> SessionPage:
    """The page of this person now, in a fixed number of queries."""
    now, day, person_id = clock.now(), day_of(request), access.person_id(request)
    session = ReadingSession.objects.get(pk=day.session_id) if day.session_id else None
    sitting = None
    lines: list[Line] = []
    refusal = "" if leads_anything(request) else ONLY_LEADS
    if session is not None and session.state in (SessionState.OPEN, SessionState.PAUSED):
        sitting = present_sitting(request, session)
    elif not refusal:
        led = led_project_ids(request.user)  # type: ignore[arg-type]
        cards = [card for card in access.waiting(request) if card.item.project_id in led]
        lines = gather(led, user_id=person_id, now=now, cards=cards)
    takes = pace.words_for(pace.seconds_for((line.kind for line in lines), paces_of(person_id))) if lines else ""
    missed = session.missed if session else 0
    return SessionPage(
        day=day,
        session=session,
        sitting=sitting,
        waiting=tuple(_step(request, line) for line in lines[:WAITING_SHOWN]),
        waiting_count=len(lines),
        takes=takes,
        is_ready=session is not None and session.state == SessionState.SCHEDULED,
        missed=f"{count_of(missed, 'window')} passed while this machine slept; this one session stands for all."
        if missed
        else "",
        refusal=refusal,
        past=tuple(past_sessions(person_id)) if sitting is None else (),
    )


def present_sitting(request: HttpRequest, session: ReadingSession) -> SittingPage:
    """One item at a time; nothing is read of those that are not shown but their titles."""
    cards = access.waiting(request)
    found = sitting_of(session, cards)
    left = found.total - found.settled
    return SittingPage(
        session=session,
        number=found.number,
        total=found.total,
        progress=found.progress,
        shown=_shown(request, found.current) if found.current else None,
        next_up=tuple(_step(request, entry) for entry in found.next_up),
        more=max(0, left - 1 - len(found.next_up)),
        undo=_undo(found.last_settled),
    )


def _undo(entry: SessionItem | None) -> Action | None:
    """What `z` takes back: the last verdict given here. What a card decided is undone where it was decided."""
    if entry is None or entry.verdict == Verdict.GONE:
        return None
    if entry.verdict == Verdict.DECIDED and entry.effect is None:
        return None
    return Action("Take the last back", url=reverse("session:undo", args=[entry.pk]), key="z", style="quiet")


def _shown(request: HttpRequest, entry: SessionItem) -> Shown:
    item = entry.item
    card = report = finding = None
    if entry.kind == "finding":
        finding = Finding.objects.select_related("report__item__project", "report__run__agent").get(pk=entry.subject_id)
        report = present_report(finding.report) if finding.report else None
    elif entry.kind == "report":
        row = Report.objects.select_related("item__project", "run__agent").get(pk=entry.subject_id)
        report = present_report(row)
    else:
        open_cards = [c for c in access.waiting(request) if (c.kind, c.subject_id) == (entry.kind, entry.subject_id)]
        card = present_cards(open_cards, request)[0]
    project = item.project if item else _project(request, entry.project_id)
    return Shown(
        entry=entry,
        where=_where(request, item, entry.project_id),
        hue=project.colour if project else 0,
        card=card,
        report=report,
        finding=finding,
        verdicts=_verdicts(entry, finding),
    )


_ROUTES = (
    (Route.DECIDE, "1"),
    (Route.FIX, "2"),
    (Route.FOLLOW_UP, "3"),
    (Route.KNOWN_ISSUE, "4"),
    (Route.ACKNOWLEDGE, "e"),
    (Route.DROP, "d"),
)


def _routes(url: str, finding: Finding) -> tuple[Action, ...]:
    """The suggestion first, by `a`; then every route by its own key."""
    suggested = ROUTE_OF_ACTION[SuggestedAction(finding.suggested_action)]
    first = Action(f"As suggested: {suggested.label}", url=url, key="a", style="primary", fields={"route": suggested})
    return first, *(
        Action(route.label, url=url, key=key, fields={"route": route})
        for route, key in _ROUTES
        if route != finding.route
    )


def _verdicts(entry: SessionItem, finding: Finding | None) -> tuple[Action, ...]:
    url = reverse("session:verdict", args=[entry.pk])
    later = Action("Later, until it gets worse", url=url, key="h", fields={"verdict": "later"})
    skip = Action("Next session", url=url, key="m", style="quiet", fields={"verdict": "skip"})
    if entry.kind == "report":
        return Action("Read", url=url, key="e", style="primary", fields={"verdict": "read"}), later, skip
    if finding is not None:
        return *_routes(url, finding), later, skip
    return later, skip


def _step(request: HttpRequest, one: Line | SessionItem) -> Step:
    return Step(one.title, _where(request, one.item, one.project_id), one.kind, one.is_urgent)


def _where(request: HttpRequest, item: WorkItem | None, project_id: int) -> str:
    """The item; of what belongs to none, the project."""
    if item is not None:
        return f"{item.project.name} #{item.number}"
    project = _project(request, project_id)
    return project.name if project else ""


def _project(request: HttpRequest, project_id: int) -> Project | None:
    """Read once per request, and only when something belongs to no item."""
    known: dict[int, Project] | None = getattr(request, "_projects_named", None)
    if known is None:
        known = {project.pk: project for project in access.projects(request)}
        request._projects_named = known  # type: ignore[attr-defined]
    return known.get(project_id)


@dataclass(frozen=True)
class DecisionPanel:
    """Today's decisions against the budget, and what looks careless."""

    budget: Budget
    care: Care


def present_decisions(user_id: int, hours: ReadingHours, now: dt.datetime) -> DecisionPanel:
    """Two queries."""
    decided = budget.decisions_since(user_id, budget.start_of_day(hours.tz, now), now)
    weighed = budget.weigh(decided, hours.weights, hours.budget)
    return DecisionPanel(weighed, budget.care_of(decided, budget.plans_seen(user_id)))
