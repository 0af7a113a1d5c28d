"""Writes of a sitting: begin, one verdict at a time, pause, resume, end."""

import datetime as dt

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict
from leadroom.live.news import publish
from leadroom.reading import budget, pace, rules, windows
from leadroom.reading.actions.clock import close_for
from leadroom.reading.actions.hours import begin_hours
from leadroom.reading.enums import ITEMS, SESSIONS, Ending, SessionState, Verdict
from leadroom.reading.gathering import Line, gather
from leadroom.reading.models import Later, PlanSeen, ReadingHours, ReadingSession, SessionItem
from leadroom.reading.queries import waiting_for_lead
from leadroom.reading.sessions import LIVE, led_project_ids, sitting_of
from leadroom.triage import actions as triage
from leadroom.triage.enums import OPEN_FINDINGS, FindingState, ReportState, Route
from leadroom.triage.models import Decision, Finding, Report

_TAKEN = "“{}” was settled already, in another tab or elsewhere ({}); this press was not counted. Here is the next."


@transaction.atomic
def start(*, user: User, by: Actor, now: dt.datetime) -> ReadingSession:
    """Begin the session that is ready, or the next one early, with what waits now; it is empty when nothing does.

    When no window is left today the session is one beside the windows. Raises NotPermitted, Conflict when one is
    under way.
    """
    rules.check_own(user.pk, by)
    session = ReadingSession.objects.select_for_update().filter(user=user, state__in=LIVE).first()
    if session is not None and session.state != SessionState.SCHEDULED:
        raise Conflict("Your session is under way already, in another tab or on another device. Go on with that one.")
    hours = begin_hours(user_id=user.pk, by=by, now=now)
    session = session or _early(hours, now)
    lines = gather(led_project_ids(user), user_id=user.pk, now=now)
    SESSIONS.check_move(session.state, SessionState.OPEN)
    moved = ReadingSession.objects.filter(pk=session.pk, state=SessionState.SCHEDULED).update(
        state=SessionState.OPEN,
        opened_at=now,
        since=now,
        step=F("step") + 1,
        came_in_quiet=sum(rules.quiet_span(hours, line.since) is not None for line in lines),
    )
    if not moved:
        raise Conflict("Your session was started in another tab; go on with that one.")
    SessionItem.objects.bulk_create([_item_of(session, n, line) for n, line in enumerate(lines, start=1)], 500)
    session.refresh_from_db()
    _record(session, "opened", by, now, items=len(lines), early=session.is_early)
    if not lines:
        close_for(session=session, ending=Ending.EMPTY, by=by, now=now)
    return session


def _early(hours: ReadingHours, now: dt.datetime) -> ReadingSession:
    """The next window of today before its time, or a session beside the windows."""
    today = now.astimezone(hours.tz).date()
    found = windows.due(hours.reading_windows, hours.tz, hours.last_place, now)
    coming = windows.upcoming(hours.reading_windows, hours.tz, hours.last_place, now)
    given = {"user_id": hours.user_id, "zone": hours.zone, "is_early": found is None}
    taken = found.occurrence if found else coming if coming and coming.on == today else None
    if taken is not None:
        ReadingHours.objects.filter(pk=hours.pk).update(last_on=taken.on, last_slot=taken.slot)
        place = {"on": taken.on, "slot": taken.slot, "due_at": taken.starts_at, "ends_at": taken.ends_at}
    else:
        place = {"on": today, "slot": None, "due_at": now, "ends_at": now}
    try:
        with transaction.atomic():
            return ReadingSession.objects.create(**given, **place, missed=found.missed if found else 0)
    except IntegrityError as error:
        raise Conflict("Your session was started in another tab; go on with that one.") from error


def _item_of(session: ReadingSession, position: int, line: Line) -> SessionItem:
    return SessionItem(
        session=session,
        position=position,
        kind=line.kind,
        subject_id=line.subject_id,
        item=line.item,
        project_id=line.project_id,
        title=line.title,
        why=line.why,
        recommended=line.recommended,
        who=line.who[:200],
        since=line.since,
        severity=line.severity,
        level=line.level,
        is_urgent=line.is_urgent,
    )


@transaction.atomic
def give_verdict(*, entry: SessionItem, verdict: Verdict, by: Actor, now: dt.datetime, outcome: str = "") -> None:
    """Settle one item: READ, LATER (until it gets worse), SKIPPED (next session), or DECIDED with its `outcome`.

    Raises Conflict when the session is not open or the item was settled already; NotPermitted for others.
    """
    session = _locked(entry.session_id, by)
    rules.check_open(session)
    ITEMS.check_move(Verdict.WAITING, verdict)
    if verdict is Verdict.READ and entry.kind != "report":
        raise BadInput("This asks for an answer; reading it is not enough. Answer it, or put it off.")
    seconds = (entry.seconds or 0.0) + _elapsed(session, now)
    first = SessionItem.objects.filter(pk=entry.pk, verdict=Verdict.WAITING).update(
        verdict=verdict, outcome=outcome[:300], seconds=round(seconds, 1), settled_at=now
    )
    entry.refresh_from_db()
    if not first:
        raise Conflict(_TAKEN.format(entry.title[:80], Verdict(entry.verdict).label.lower()))
    _effect(entry, verdict, by=by, now=now, user_id=session.user_id)
    _go_on(session, now)
    _record_item(entry, verdict.lower(), by, now)


@transaction.atomic
def decide_finding(*, entry: SessionItem, to: Route, by: Actor, now: dt.datetime, note: str = "") -> None:
    """Decide about a finding of the session; triage does what follows. Raises what give_verdict and triage.route do."""
    if entry.kind != "finding":
        raise BadInput("Only a finding is sent somewhere; nothing was changed.")
    give_verdict(entry=entry, verdict=Verdict.DECIDED, by=by, now=now, outcome=Route(to).label)
    finding = _asking(entry)
    decision = triage.route(finding=finding, to=to, by=by, now=now, note=note, seen=[finding.state])
    SessionItem.objects.filter(pk=entry.pk).update(effect=decision.pk)


def _asking(entry: SessionItem) -> Finding:
    """The finding as it is now. Raises Conflict when somebody decided about it elsewhere, or it joined another."""
    finding = Finding.objects.get(pk=entry.subject_id)
    is_asked = finding.state in OPEN_FINDINGS or (
        finding.state == FindingState.ROUTED and finding.route == Route.DECIDE
    )
    if finding.root_id is not None or not is_asked:
        word = "linked to another" if finding.root_id else FindingState(finding.state).label.lower()
        raise Conflict(_TAKEN.format(entry.title[:80], word))
    return finding


def _effect(entry: SessionItem, verdict: Verdict, *, by: Actor, now: dt.datetime, user_id: int) -> None:
    """What a verdict does outside the session."""
    if verdict is Verdict.LATER and entry.kind == "finding":
        finding = _asking(entry)
        decision = triage.snooze(finding=finding, until=None, by=by, now=now, seen=[finding.state])
        SessionItem.objects.filter(pk=entry.pk).update(effect=decision.pk)
    elif verdict is Verdict.LATER:
        Later.objects.update_or_create(
            user_id=user_id,
            kind=entry.kind,
            subject_id=entry.subject_id,
            defaults={"level": entry.level, "put_off_at": now},
        )
    if entry.kind == "report" and verdict is Verdict.READ:
        triage.mark(report=Report.objects.get(pk=entry.subject_id), state=ReportState.READ, by=by, now=now)


@transaction.atomic
def take_back(*, entry: SessionItem, by: Actor, now: dt.datetime) -> None:
    """The item waits again. Raises Conflict when it does already, or cannot: what a card decided is undone there."""
    session = _locked(entry.session_id, by)
    rules.check_open(session)
    entry.refresh_from_db()
    before, effect = Verdict(entry.verdict), entry.effect
    if before is Verdict.DECIDED and effect is None:
        raise Conflict("This was decided on its own page and is undone there; nothing was changed here.")
    ITEMS.check_move(before, Verdict.WAITING)
    mine = SessionItem.objects.filter(pk=entry.pk, verdict=before)
    if not mine.update(verdict=Verdict.WAITING, settled_at=None, seconds=None, outcome="", effect=None):
        raise Conflict("This was changed meanwhile in another tab; nothing was changed here.")
    if effect is not None:
        triage.undo(decision=Decision.objects.get(pk=effect), by=by, now=now)
    elif before is Verdict.LATER:
        Later.objects.filter(user_id=session.user_id, kind=entry.kind, subject_id=entry.subject_id).delete()
    if entry.kind == "report" and before is Verdict.READ:
        triage.mark(report=Report.objects.get(pk=entry.subject_id), state=ReportState.UNREAD, by=by, now=now)
    _go_on(session, now)
    _record_item(entry, "taken_back", by, now)


@transaction.atomic
def settle(*, session: ReadingSession, by: Actor, now: dt.datetime) -> int:
    """Note what was settled on its own card or elsewhere since; how many that were.

    The item that was shown counts as decided when this person decided it; everything else as settled elsewhere.
    """
    session = _locked(session.pk, by)
    if session.state not in (SessionState.OPEN, SessionState.PAUSED):
        return 0
    found = sitting_of(session, waiting_for_lead(led_project_ids(session.user)))
    shown = session.items.filter(verdict=Verdict.WAITING).order_by("position").first()
    mine = budget.decisions_since(session.user_id, session.since or now, now) if session.since else []
    decided = 0
    for entry in found.settled_elsewhere:
        is_mine = bool(mine) and shown is not None and entry.pk == shown.pk
        verdict = Verdict.DECIDED if is_mine else Verdict.GONE
        outcome = mine[-1].verb.rpartition(".")[2].replace("_", " ") if is_mine else ""
        seconds = round((entry.seconds or 0.0) + _elapsed(session, now), 1) if is_mine else None
        SessionItem.objects.filter(pk=entry.pk, verdict=Verdict.WAITING).update(
            verdict=verdict, outcome=outcome, seconds=seconds, settled_at=now
        )
        decided += is_mine
    if found.settled_elsewhere:
        if decided:
            _go_on(session, now)
        _record(session, "settled", by, now, items=len(found.settled_elsewhere), decided=decided)
    return len(found.settled_elsewhere)


@transaction.atomic
def pause(*, session: ReadingSession, by: Actor, now: dt.datetime) -> None:
    """Put the session down; it goes on at the same item, on whatever device. Raises Conflict, NotPermitted."""
    session = _locked(session.pk, by)
    rules.check_open(session)
    elapsed = _elapsed(session, now)
    shown = session.items.filter(verdict=Verdict.WAITING).order_by("position").first()
    if shown is not None:
        SessionItem.objects.filter(pk=shown.pk).update(seconds=(shown.seconds or 0.0) + elapsed)
    _move(session, SessionState.PAUSED, since=None, active_seconds=session.active_seconds + elapsed)
    _record(session, "paused", by, now)


@transaction.atomic
def resume(*, session: ReadingSession, by: Actor, now: dt.datetime) -> None:
    """Go on where it was left. Raises Conflict when it is not paused, NotPermitted."""
    session = _locked(session.pk, by)
    if session.state != SessionState.PAUSED:
        raise Conflict("This session is not paused; nothing was changed. Load the page to see where it stands.")
    _move(session, SessionState.OPEN, since=now)
    _record(session, "resumed", by, now)


@transaction.atomic
def close(*, session: ReadingSession, by: Actor, now: dt.datetime) -> None:
    """End the session; what was not reached is left for the next. Raises Conflict when it is over, NotPermitted."""
    settle(session=session, by=by, now=now)
    session = _locked(session.pk, by)
    if session.state == SessionState.CLOSED:
        raise Conflict("This session is over already; nothing was changed.")
    is_done = not session.items.filter(verdict=Verdict.WAITING).exists() and session.state != SessionState.SCHEDULED
    elapsed = _elapsed(session, now)
    ReadingSession.objects.filter(pk=session.pk).update(active_seconds=session.active_seconds + elapsed)
    close_for(session=session, ending=Ending.DONE if is_done else Ending.ENDED, by=by, now=now)


@transaction.atomic
def see_plan(*, user_id: int, plan_id: int, digest: str, now: dt.datetime) -> None:
    """Note that the person scrolled the plan to its end. Evidence of care, no decision: it leaves no ledger entry."""
    PlanSeen.objects.get_or_create(user_id=user_id, plan_id=plan_id, digest=digest, defaults={"seen_at": now})


@transaction.atomic
def note_mailed(*, session: ReadingSession, by: Actor, now: dt.datetime) -> bool:
    """Claim the sending of the session's digest; False when it was sent already, so that it is sent once."""
    if not ReadingSession.objects.filter(pk=session.pk, mailed_at=None).update(mailed_at=now):
        return False
    _record(session, "mailed", by, now)
    return True


def _locked(session_id: int, by: Actor) -> ReadingSession:
    """The session's row, held to the end of the transaction, if it is this person's."""
    session = ReadingSession.objects.select_for_update().select_related("user").get(pk=session_id)
    rules.check_own(session.user_id, by)
    return session


def _elapsed(session: ReadingSession, now: dt.datetime) -> float:
    """Seconds at the item that is shown; a person who went away is not counted as reading."""
    if session.since is None:
        return 0.0
    return min(max(0.0, (now - session.since).total_seconds()), pace.AWAY_SECONDS)


def _go_on(session: ReadingSession, now: dt.datetime) -> None:
    """The next item comes up now."""
    active = session.active_seconds + _elapsed(session, now)
    ReadingSession.objects.filter(pk=session.pk).update(since=now, active_seconds=active, step=F("step") + 1)


def _move(session: ReadingSession, to: SessionState, **fields: object) -> None:
    SESSIONS.check_move(session.state, to)
    mine = ReadingSession.objects.filter(pk=session.pk, state=session.state)
    if not mine.update(state=to, step=F("step") + 1, **fields):
        raise Conflict("This session moved on in another tab; nothing was changed here.")


def _record(session: ReadingSession, what: str, by: Actor, now: dt.datetime, **payload: object) -> None:
    subject = f"reading.session:{session.pk}"
    record(by=by, now=now, verb=f"reading.session.{what}", subject=subject, payload=payload)
    publish("room", "session", session.pk)


def _record_item(entry: SessionItem, what: str, by: Actor, now: dt.datetime) -> None:
    payload = {"kind": entry.kind, "subject": entry.subject_id, "outcome": entry.outcome, "seconds": entry.seconds}
    record(
        by=by,
        now=now,
        verb=f"reading.item.{what}",
        subject=f"reading.item:{entry.pk}",
        item_id=entry.item_id,
        payload=payload,
    )
    publish("room", "session", entry.session_id)
