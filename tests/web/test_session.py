"""The session's pages: before, in and after a sitting; hours; quiet time and the top bar."""

import datetime as dt
import json
import re
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from time_machine import TimeMachineFixture

from leadroom.agents import holding
from leadroom.agents.enums import FailureCause, Role
from leadroom.agents.models import Elicitation
from leadroom.reading import actions
from leadroom.reading.enums import Verdict
from leadroom.reading.models import PlanSeen, ReadingHours, ReadingSession
from leadroom.triage import actions as triage
from leadroom.triage.enums import FindingState, ReportState, Route
from leadroom.triage.models import Finding, Report
from tests import factories as f
from tests.support.sittings import TUESDAY, by, file_reports, hours_for, make_sitting, reader

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "div#session-body"}
QUIET = [{"start": "09:00", "end": "12:00", "days": [0, 1, 2, 3, 4]}]


@pytest.fixture(autouse=True)
def tuesday(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    time_machine.move_to(TUESDAY, tick=False)
    return time_machine


def client_of(session: ReadingSession) -> Client:
    client = Client()
    client.force_login(session.user)
    return client


def words(html: str, of: str) -> str:
    """The text of the element with that class or id, without tags."""
    found = re.search(rf'(?:class="[^"]*{of}[^"]*"|id="{of}")[^>]*>(.*?)</(?:a|p|section|aside)>', html, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split()) if found else ""


def test_the_top_bar_says_decisions_and_the_next_session_everywhere() -> None:
    user = reader()
    hours_for(user)
    file_reports(user, 2)
    client = Client()
    client.force_login(user)
    page = client.get("/projects/").content.decode()
    assert words(page, "topbar-session") == "Next session Wed 17:00, 2 waiting, 0 urgent"
    assert ">0</strong> of 15" in page
    Finding.objects.update(state=FindingState.NEW, hazard=1, worst=4)
    assert "2 urgent" in words(client.get("/projects/").content.decode(), "topbar-urgent")


def test_the_count_of_the_top_bar_follows_what_is_put_off_read_and_worse_again(tuesday: TimeMachineFixture) -> None:
    user = reader()
    hours_for(user)
    f.make_question(f.make_item(user.memberships.get().project))
    Elicitation.objects.update(asked_at=TUESDAY)
    session = make_sitting(2, user=user)
    client = client_of(session)

    def counted() -> str:
        return words(client.get("/projects/").content.decode(), "topbar-session").split(",")[1].strip()

    for entry in session.items.all():
        client.post(f"/session/items/{entry.pk}/verdict/", {"verdict": "later"})
    assert counted() == "0 waiting"
    for report in Report.objects.all():
        triage.mark(report=report, state=ReportState.READ, **by(session))
    assert counted() == "0 waiting"
    tuesday.move_to(TUESDAY + dt.timedelta(days=2), tick=False)
    assert counted() == "1 waiting"


def test_whoever_leads_no_more_takes_nothing_back() -> None:
    session = make_sitting(1, is_routed=False)
    entry, client = session.items.get(), client_of(session)
    client.post(f"/session/items/{entry.pk}/verdict/", {"route": "KNOWN_ISSUE"})
    session.user.memberships.update(role="viewer")
    assert client.post(f"/session/items/{entry.pk}/undo/").status_code == 403
    assert Finding.objects.get().state == FindingState.KNOWN


def test_quiet_time_takes_prompts_and_badges_away_and_counts(tuesday: TimeMachineFixture) -> None:
    user = reader()
    hours_for(user, quiet=QUIET)
    f.make_question(f.make_item(user.memberships.get().project))
    client = Client()
    client.force_login(user)
    assert 'data-waiting="1"' in client.get("/projects/").content.decode()
    tuesday.move_to(TUESDAY.replace(hour=10), tick=False)
    page = client.get("/projects/").content.decode()
    assert 'data-waiting="0"' in page
    assert "Quiet until 12:00" in page
    assert "May I rename it?" not in page
    assert "May I rename it?" in client.get("/needs/").content.decode()


def test_what_is_urgent_asks_in_quiet_time_too(tuesday: TimeMachineFixture) -> None:
    user = reader()
    hours_for(user, quiet=QUIET)
    project = user.memberships.get().project
    f.make_question(f.make_item(project))
    run = f.make_running_run(f.make_item(project), Role.DEVELOPER)
    holding.fail(run=run, reason="The cap is reached.", now=f.NOW, cause=FailureCause.SPEND_CAP)
    client = Client()
    client.force_login(user)
    tuesday.move_to(TUESDAY.replace(hour=10), tick=False)
    page = client.get("/projects/").content.decode()
    assert 'data-waiting="1"' in page
    assert "The cap is reached." in page
    assert "only what cannot wait asks" in page
    assert "May I rename it?" not in page


def test_every_time_is_in_the_persons_own_zone() -> None:
    user, root = reader(), f.make_user("root", is_superuser=True)
    hours_for(user, zone="Asia/Tokyo")
    run = f.make_stopped_run(f.make_item(user.memberships.get().project))
    client = Client()
    shown = {}
    for person in (user, root):
        client.force_login(person)
        shown[person.username] = client.get(f"/runs/{run.pk}/").content.decode()
    local = f.NOW.astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"{local:%H:%M:%S}" in shown[user.username]
    assert 'data-zone="Asia/Tokyo"' in shown[user.username]
    assert f"{f.NOW:%H:%M:%S}" in shown["root"]


def test_one_item_at_a_time_and_a_late_tab_gets_its_sentence() -> None:
    session = make_sitting(3)
    client = client_of(session)
    first = session.items.all()[0]
    assert words(client.get("/session/").content.decode(), "session-progress") == "1 of 3, about 1 min"
    answer = client.post(f"/session/items/{first.pk}/verdict/", {"verdict": "read"}, **HTMX)
    assert words(answer.content.decode(), "session-progress") == "2 of 3, about 1 min"
    late = client.post(f"/session/items/{first.pk}/verdict/", {"verdict": "later"}, **HTMX)
    assert late.status_code == 409
    assert "settled already, in another tab" in json.loads(late["HX-Trigger"])["toast"]["text"]
    assert words(late.content.decode(), "session-progress") == "2 of 3, about 1 min"
    assert client.post(f"/session/items/{first.pk}/verdict/", {"verdict": "later"}).status_code == 409


def test_a_finding_goes_where_the_key_says() -> None:
    session = make_sitting(1, is_routed=False)
    entry = session.items.get()
    client = client_of(session)
    page = client.get("/session/").content.decode()
    assert all(f'data-key="{key}"' in page for key in ("a", "1", "2", "3", "4", "e", "d", "h", "m", "p"))
    answer = client.post(f"/session/items/{entry.pk}/verdict/", {"route": "KNOWN_ISSUE"}, **HTMX)
    assert "That was all." in answer.content.decode()
    assert Finding.objects.get().state == FindingState.KNOWN
    assert client.post(f"/session/items/{entry.pk}/verdict/", {"route": "SNOOZE"}).status_code == 422


def test_nothing_waits_is_one_line() -> None:
    user = reader()
    hours_for(user)
    client = Client()
    client.force_login(user)
    page = client.get("/session/").content.decode()
    assert words(page, "session-empty") == "Nothing waits. You are done until the next session."
    client.post("/session/start/")
    session = ReadingSession.objects.get()
    assert "Nothing waited." in client.get(f"/session/{session.pk}/").content.decode()


def test_the_end_can_be_taken_along_as_a_file_and_by_mail() -> None:
    session = make_sitting(2)
    client = client_of(session)
    assert client.post(f"/session/{session.pk}/close/").status_code == 302
    page = client.get(f"/session/{session.pk}/").content.decode()
    assert "What the agents do now" in page
    assert "The session ended before it" in page
    file = client.get(f"/session/{session.pk}/digest.md")
    assert file["Content-Type"].startswith("text/markdown")
    assert "## Left" in file.content.decode()
    client.post(f"/session/{session.pk}/mail/")
    assert mail.outbox[0].to == [session.user.email]


def test_scrolling_a_plan_to_its_end_is_told_by_the_page() -> None:
    plan = f.make_plan()
    client = Client()
    client.force_login(f.lead_of(plan.item.project))
    address = f"/session/plans/{plan.pk}/seen/"
    assert f'hx-post="{address}" hx-trigger="intersect once"' in client.get(f"/plans/{plan.pk}/").content.decode()
    assert client.post(address, HTTP_HX_REQUEST="true").status_code == 204
    assert PlanSeen.objects.get().digest == plan.digest


def test_hours_are_stored_and_nonsense_is_refused_whole() -> None:
    user = reader()
    client = Client()
    client.force_login(user)
    form = {"reading-1-start": "16:00", "reading-1-end": "17:00", "reading-1-days": ["0", "3"], "zone": "Asia/Tokyo"}
    form |= {"quiet-1-start": "09:00", "quiet-1-end": "11:30", "quiet-1-days": ["0"], "interrupts": "urgent"}
    form |= {"budget": "12", **{f"weight-{name}": "1" for name in ("pick", "question", "plan", "approval")}}
    form |= {f"weight-{name}": "0.5" for name in ("merge", "risk", "finding")}
    assert client.post("/hours/set/", form).status_code == 302
    hours = ReadingHours.objects.get()
    assert (hours.zone, hours.budget, hours.windows[0]["days"]) == ("Asia/Tokyo", 12, [0, 3])
    assert 'value="09:00"' in client.get("/hours/").content.decode()
    for wrong in (
        {"zone": "Nowhere"},
        {"budget": "many"},
        {"budget": "nan"},
        {"budget": "inf"},
        {"reading-1-end": ""},
        {"interrupts": ""},
    ):
        assert client.post("/hours/set/", {**form, **wrong}).status_code == 422
    hours.refresh_from_db()
    assert hours.zone == "Asia/Tokyo"


def test_the_raw_read_shows_originals_beside_what_triage_said() -> None:
    session = make_sitting(2)
    client = client_of(session)
    assert "No raw read yet" in client.get("/session/raw/").content.decode()
    client.post("/session/raw/draw/")
    page = client.get("/session/raw/").content.decode()
    assert "2 drawn from 2 reports" in page
    assert "the finding was acknowledged" in page
    pk = session.user.raw_reads.get().items.all()[0].pk
    assert client.post(f"/session/raw/{pk}/judge/", {"verdict": "missed"}).status_code == 302
    assert "Triage missed something" in client.get("/session/raw/").content.decode()


def test_decisions_past_the_budget_warn_and_block_nothing() -> None:
    session = make_sitting(3, is_routed=False)
    ReadingHours.objects.update(budget=1)
    for n, entry in enumerate(session.items.all()):
        actions.decide_finding(entry=entry, to=Route.ACKNOWLEDGE, **by(session, n - 60))
    actions.close(session=session, **by(session))
    page = client_of(session).get("/session/").content.decode()
    assert "1.5 of 1" in page
    assert "The budget is spent. Nothing is blocked" in page
    assert "1.5</strong> of 1" in page


@pytest.mark.parametrize("reports", [1, 3])
def test_a_sitting_costs_the_same_however_long(reports: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    session = make_sitting(reports + 1)
    actions.give_verdict(entry=session.items.all()[0], verdict=Verdict.SKIPPED, **by(session, 1))
    client = client_of(session)
    with django_assert_num_queries(22):
        client.get("/session/", **HTMX)


def test_weekend(tuesday: TimeMachineFixture) -> None:
    user = reader()
    hours_for(user, last_on=dt.date(2026, 11, 27))
    tuesday.move_to(TUESDAY + dt.timedelta(days=4), tick=False)
    client = Client()
    client.force_login(user)
    assert "Next session Mon 17:00" in client.get("/session/").content.decode()
