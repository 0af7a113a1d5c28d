"""Scenes of reading sessions, hours and raw reads."""

from leadroom.reading import actions as reading
from leadroom.reading.enums import Ending, Interrupts, RawVerdict, Verdict
from leadroom.reading.models import RawReadItem, SessionItem
from leadroom.triage import actions as triage
from leadroom.triage.enums import ReportState, Route
from leadroom.triage.models import Report
from tests import factories as f
from tests.house.scenes import WHO, Ready, scene
from tests.support.sittings import TUESDAY, by, hours_for, make_sitting, reader


@scene("reading.begin_hours", "reading.hours.begun")
def _() -> Ready:
    user = reader()
    return lambda: reading.begin_hours(user_id=user.pk, **WHO)


@scene("reading.set_hours", "reading.hours.set")
def _() -> Ready:
    user = reader()
    given = {"reading": [{"start": "09:00", "end": "10:00", "days": [0]}], "quiet": [], "zone": "Europe/Berlin"}
    rest = {"interrupts": Interrupts.URGENT, "is_mailed": False, "budget": 15, "weights": {}}
    return lambda: reading.set_hours(user_id=user.pk, **given, **rest, by=f.human(user), now=f.NOW)


@scene("reading.make_ready", "reading.session.made_ready")
def _() -> Ready:
    hours = hours_for(reader())
    return lambda: reading.make_ready(hours=hours, by=f.PIPELINE, now=TUESDAY)


@scene("reading.close_for", "reading.session.closed")
def _() -> Ready:
    session = reading.make_ready(hours=hours_for(reader()), by=f.PIPELINE, now=TUESDAY)
    assert session is not None
    return lambda: reading.close_for(session=session, ending=Ending.MISSED, by=f.PIPELINE, now=TUESDAY)


@scene("reading.start", "reading.session.opened")
def _() -> Ready:
    session = make_sitting(1, begin=False)
    return lambda: reading.start(user=session.user, **by(session))


@scene("reading.give_verdict", "triage.report.marked_read", "reading.item.read")
def _() -> Ready:
    entry = _entry()
    return lambda: reading.give_verdict(entry=entry, verdict=Verdict.READ, **by(entry.session))


@scene("reading.decide_finding", "reading.item.decided", "triage.finding.routed_drop")
def _() -> Ready:
    entry = make_sitting(1, is_routed=False).items.select_related("session").get()
    return lambda: reading.decide_finding(entry=entry, to=Route.DROP, **by(entry.session))


@scene("reading.take_back", "triage.report.marked_unread", "reading.item.taken_back")
def _() -> Ready:
    entry = _entry()
    reading.give_verdict(entry=entry, verdict=Verdict.READ, **by(entry.session))
    return lambda: reading.take_back(entry=entry, **by(entry.session))


@scene("reading.settle", "reading.session.settled")
def _() -> Ready:
    session = make_sitting(2)
    first = session.items.all()[0]
    triage.mark(report=Report.objects.get(pk=first.subject_id), state=ReportState.READ, **by(session))
    return lambda: reading.settle(session=session, **by(session))


@scene("reading.pause", "reading.session.paused")
def _() -> Ready:
    session = make_sitting(1)
    return lambda: reading.pause(session=session, **by(session))


@scene("reading.resume", "reading.session.resumed")
def _() -> Ready:
    session = make_sitting(1)
    reading.pause(session=session, **by(session))
    return lambda: reading.resume(session=session, **by(session))


@scene("reading.close", "reading.session.closed")
def _() -> Ready:
    session = make_sitting(1)
    return lambda: reading.close(session=session, **by(session))


@scene("reading.note_mailed", "reading.session.mailed")
def _() -> Ready:
    session = make_sitting(1)
    return lambda: reading.note_mailed(session=session, **by(session))


@scene("reading.see_plan")
def _() -> Ready:
    user = reader()
    return lambda: reading.see_plan(user_id=user.pk, plan_id=1, digest="sha256:0", now=f.NOW)


@scene("reading.draw_raw_read", "reading.raw.drawn")
def _() -> Ready:
    session = make_sitting(1)
    return lambda: reading.draw_raw_read(user=session.user, zone=session.tz, **by(session))


@scene("reading.judge_original", "reading.raw.judged")
def _() -> Ready:
    session = make_sitting(1)
    reading.draw_raw_read(user=session.user, zone=session.tz, **by(session))
    original = RawReadItem.objects.select_related("raw_read", "report").get()
    return lambda: reading.judge_original(original=original, verdict=RawVerdict.RIGHT, **by(session))


def _entry() -> SessionItem:
    return make_sitting(1).items.select_related("session").get()
