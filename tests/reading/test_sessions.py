"""A sitting: what it holds, in which order, one verdict at a time, put down and taken up, and its end."""

import datetime as dt

import pytest

from leadroom.agents.actions import answer
from leadroom.agents.enums import Role
from leadroom.agents.models import Elicitation
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.reading import actions
from leadroom.reading.enums import Ending, SessionState, Verdict
from leadroom.reading.gathering import gather
from leadroom.reading.models import Later, ReadingSession, SessionItem
from leadroom.reading.queries import waiting_for_lead
from leadroom.reading.sessions import Sitting, led_project_ids, outcome_of, paces_of, sitting_of
from leadroom.triage import actions as triage
from leadroom.triage.enums import FindingState, ReportState, Route
from leadroom.triage.models import Finding, Report
from tests import factories as f
from tests.support.sittings import TUESDAY, by, file_reports, hours_for, make_sitting, reader

pytestmark = pytest.mark.django_db


def shown(session: ReadingSession) -> Sitting:
    session.refresh_from_db()
    return sitting_of(session, waiting_for_lead(led_project_ids(session.user)))


def first(session: ReadingSession) -> SessionItem:
    current = shown(session).current
    assert current is not None
    return current


def test_who_is_blocked_hardest_comes_first_then_severity() -> None:
    user = reader()
    project = user.memberships.get().project
    file_reports(user, 1, is_routed=False, severity="critical")
    file_reports(user, 1, is_routed=False, severity="minor")
    f.make_plan(f.make_aligned_item(project))
    f.make_question(f.make_item(project))
    f.make_question(f.make_item(project, risk="critical"))
    lines = gather(led_project_ids(user), user_id=user.pk, now=f.NOW)
    assert [line.kind for line in lines] == ["question", "question", "plan", "finding", "finding"]
    assert [line.severity for line in lines] == ["critical", "minor", "minor", "critical", "minor"]


def test_data_loss_comes_before_everybody() -> None:
    user = reader()
    f.make_question(f.make_item(user.memberships.get().project))
    file_reports(user, 1, is_routed=False, severity="critical", summary="Saving a group deletes the data of others.")
    Finding.objects.update(hazard=1)
    lines = gather(led_project_ids(user), user_id=user.pk, now=f.NOW)
    assert [(line.kind, line.is_urgent) for line in lines] == [("finding", True), ("question", False)]


def test_a_finding_that_is_a_card_too_is_read_once_and_one_sent_to_the_lead_stays() -> None:
    user = reader()
    file_reports(user, 2, is_routed=False)
    first, second = Finding.objects.order_by("pk")
    Finding.objects.filter(pk=first.pk).update(priority="P0")
    triage.route(finding=second, to=Route.DECIDE, by=f.human(user), now=f.NOW)
    assert len(waiting_for_lead(led_project_ids(user))) == 2
    lines = gather(led_project_ids(user), user_id=user.pk, now=f.NOW)
    assert [line.subject for line in lines] == [("finding", first.pk), ("finding", second.pk)]


def test_a_session_is_a_snapshot_and_shows_one_item_with_a_count_and_a_time() -> None:
    session = make_sitting(3)
    file_reports(session.user, 1)
    sitting = shown(session)
    assert (sitting.number, sitting.total, sitting.progress) == (1, 3, "1 of 3, about 1 min")
    actions.give_verdict(entry=first(session), verdict=Verdict.READ, **by(session, 12))
    assert shown(session).progress == "2 of 3, about 1 min"
    assert session.items.get(position=1).seconds == 12.0


def test_the_estimate_learns_from_the_last_ones() -> None:
    session = make_sitting(6)
    for n, seconds in enumerate((4, 8, 6, 300, 5), start=1):
        before = session.items.filter(seconds__isnull=False)
        spent = sum(before.values_list("seconds", flat=True))
        actions.give_verdict(entry=first(session), verdict=Verdict.READ, **by(session, spent + seconds))
        assert session.items.get(position=n).seconds == seconds
    assert paces_of(session.user_id)["report"] == 6
    assert shown(session).progress == "6 of 6, under a minute"


def test_two_tabs_get_one_verdict_and_a_sentence() -> None:
    session = make_sitting(2)
    seen_by_both = first(session)
    late = SessionItem.objects.get(pk=seen_by_both.pk)
    actions.give_verdict(entry=seen_by_both, verdict=Verdict.LATER, **by(session, 5))
    with pytest.raises(Conflict, match=r"settled already, in another tab .*later, until it gets worse"):
        actions.give_verdict(entry=late, verdict=Verdict.READ, **by(session, 6))
    assert Report.objects.get(pk=late.subject_id).state == ReportState.UNREAD
    assert shown(session).number == 2


def test_interrupted_and_resumed_it_goes_on_at_the_same_item_and_forgets_the_pause() -> None:
    session = make_sitting(3)
    actions.give_verdict(entry=first(session), verdict=Verdict.READ, **by(session, 10))
    here = first(session)
    actions.pause(session=session, **by(session, 14))
    with pytest.raises(Conflict, match="paused"):
        actions.give_verdict(entry=here, verdict=Verdict.READ, **by(session, 15))
    actions.resume(session=session, **by(session, 5000))
    assert first(session) == here
    actions.give_verdict(entry=first(session), verdict=Verdict.READ, **by(session, 5006))
    assert session.items.get(pk=here.pk).seconds == 10.0
    session.refresh_from_db()
    assert session.active_seconds == 20.0


def test_only_its_own_person_touches_a_session() -> None:
    session = make_sitting(1)
    entry, other = first(session), {"by": f.human(f.make_user()), "now": TUESDAY}
    for call in (
        lambda: actions.give_verdict(entry=entry, verdict=Verdict.READ, **other),
        lambda: actions.pause(session=session, **other),
        lambda: actions.close(session=session, **other),
        lambda: actions.start(user=session.user, **other),
    ):
        with pytest.raises(NotPermitted, match="one person"):
            call()


def test_a_question_is_not_done_with_by_reading_it() -> None:
    user = reader()
    f.make_question(f.make_item(user.memberships.get().project))
    hours_for(user)
    session = actions.start(user=user, by=f.human(user), now=f.NOW)
    with pytest.raises(BadInput, match="asks for an answer"):
        actions.give_verdict(entry=first(session), verdict=Verdict.READ, by=f.human(user), now=f.NOW)


def test_a_finding_is_decided_put_off_and_taken_back() -> None:
    session = make_sitting(2, is_routed=False)
    entry = first(session)
    actions.decide_finding(entry=entry, to=Route.KNOWN_ISSUE, **by(session, 9))
    assert Finding.objects.get(pk=entry.subject_id).state == FindingState.KNOWN
    entry.refresh_from_db()
    assert (entry.verdict, entry.outcome) == (Verdict.DECIDED, "Known issue")
    actions.take_back(entry=entry, **by(session, 11))
    assert Finding.objects.get(pk=entry.subject_id).state == FindingState.NEW
    assert first(session) == entry
    actions.give_verdict(entry=entry, verdict=Verdict.LATER, **by(session, 13))
    assert Finding.objects.get(pk=entry.subject_id).state == FindingState.SNOOZED


@pytest.mark.parametrize("press", ["route", "later"])
def test_what_another_person_decided_meanwhile_is_not_overruled(press: str) -> None:
    session = make_sitting(2, is_routed=False)
    entry = first(session)
    finding = Finding.objects.get(pk=entry.subject_id)
    triage.route(finding=finding, to=Route.DROP, by=f.human(f.lead_of(finding.project)), now=TUESDAY)
    act = {
        "route": lambda: actions.decide_finding(entry=entry, to=Route.FIX, **by(session, 9)),
        "later": lambda: actions.give_verdict(entry=entry, verdict=Verdict.LATER, **by(session, 9)),
    }
    with pytest.raises(Conflict, match="settled already, in another tab or elsewhere"):
        act[press]()
    assert Finding.objects.get(pk=entry.subject_id).state == FindingState.DROPPED
    assert actions.settle(session=session, **by(session, 10)) == 1


def test_later_stays_away_until_somebody_has_waited_another_day() -> None:
    user = reader()
    question = f.make_question(f.make_item(user.memberships.get().project))
    hours_for(user)
    now = f.NOW + dt.timedelta(hours=1)
    session = actions.start(user=user, by=f.human(user), now=now)
    actions.give_verdict(entry=first(session), verdict=Verdict.LATER, by=f.human(user), now=now)
    assert Later.objects.get().subject_id == question.pk
    ids = led_project_ids(user)
    assert gather(ids, user_id=user.pk, now=now + dt.timedelta(hours=9)) == []
    assert [line.kind for line in gather(ids, user_id=user.pk, now=now + dt.timedelta(days=1))] == ["question"]


def test_what_is_settled_on_its_own_card_counts_as_decided_and_elsewhere_as_gone() -> None:
    user = reader()
    project = user.memberships.get().project
    questions = [f.make_question(f.make_item(project), Role.DEVELOPER) for _ in range(3)]
    hours_for(user)
    session = actions.start(user=user, by=f.human(user), now=f.NOW)
    shown_first = Elicitation.objects.get(pk=first(session).subject_id)
    others = [question for question in questions if question.pk != shown_first.pk]
    answer(elicitation=shown_first, text="Yes", user_id=user.pk, by=f.human(user), now=f.NOW + dt.timedelta(seconds=20))
    answer(elicitation=others[0], text="No", user_id=user.pk, by=f.human(user), now=f.NOW + dt.timedelta(seconds=21))
    assert shown(session).number == 3
    actions.settle(session=session, by=f.human(user), now=f.NOW + dt.timedelta(seconds=22))
    rows = {row.subject_id: row for row in session.items.all()}
    assert (rows[shown_first.pk].verdict, rows[shown_first.pk].seconds) == (Verdict.DECIDED, 22.0)
    assert rows[others[0].pk].verdict == Verdict.GONE
    assert actions.settle(session=session, by=f.human(user), now=f.NOW + dt.timedelta(seconds=23)) == 0


def test_the_end_says_what_was_decided_and_what_was_left() -> None:
    session = make_sitting(5, is_routed=False)
    actions.decide_finding(entry=first(session), to=Route.DROP, **by(session, 5))
    actions.give_verdict(entry=first(session), verdict=Verdict.LATER, **by(session, 6))
    actions.give_verdict(entry=first(session), verdict=Verdict.SKIPPED, **by(session, 7))
    actions.close(session=session, **by(session, 8))
    session.refresh_from_db()
    assert (session.state, session.ending) == (SessionState.CLOSED, Ending.ENDED)
    outcome = outcome_of(session)
    assert [row.outcome for row in outcome.decided] == ["Drop"]
    assert [row.verdict for row in outcome.left] == ["LATER", "SKIPPED", "LEFT", "LEFT"]


def test_an_empty_session_is_over_at_once() -> None:
    session = make_sitting(0)
    assert (session.state, session.ending, session.items.count()) == (SessionState.CLOSED, Ending.EMPTY, 0)


def test_started_early_it_is_todays_session_and_another_lies_beside_the_windows() -> None:
    user = reader()
    hours = hours_for(user)
    file_reports(user, 1)
    early = TUESDAY - dt.timedelta(hours=3)
    session = actions.start(user=user, by=f.human(user), now=early)
    assert (session.is_early, session.on, session.slot) == (True, dt.date(2026, 11, 24), 1)
    with pytest.raises(Conflict, match="under way"):
        actions.start(user=user, by=f.human(user), now=early)
    actions.close(session=session, by=f.human(user), now=early)
    hours.refresh_from_db()
    assert actions.make_ready(hours=hours, by=f.PIPELINE, now=TUESDAY) is None
    extra = actions.start(user=user, by=f.human(user), now=TUESDAY + dt.timedelta(hours=4))
    assert extra.slot is None
    hours.refresh_from_db()
    assert hours.last_place == (dt.date(2026, 11, 24), 1)


def test_five_hundred_items_take_as_many_queries_as_five(django_assert_max_num_queries: object) -> None:
    session = make_sitting(5)
    rows = [
        SessionItem(
            session=session,
            position=n,
            kind="report",
            subject_id=1_000_000 + n,
            project_id=1,
            title="x",
            since=TUESDAY,
            level=15,
        )
        for n in range(6, 501)
    ]
    SessionItem.objects.bulk_create(rows)
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        assert sitting_of(session, []).total == 500
