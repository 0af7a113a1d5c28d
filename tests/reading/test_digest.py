"""The digest: what waits before a session, what was decided and left after it; as mail and as a file."""

import datetime as dt

import pytest
from django.core import mail

from leadroom.reading import actions
from leadroom.reading.clock import look
from leadroom.reading.digest import digest_of_session, plain_line, to_markdown
from leadroom.reading.enums import Verdict
from leadroom.reading.models import ReadingSession
from leadroom.triage.enums import Route
from tests.support.sittings import TUESDAY, by, file_reports, hours_for, make_sitting, reader

pytestmark = pytest.mark.django_db


def test_before_the_session_it_says_what_waits_and_how_long_it_takes() -> None:
    session = make_sitting(3, begin=False)
    found = digest_of_session(session, now=TUESDAY)
    assert found.lede == "3 items waiting, about 1 min, 0 urgent."
    assert len(found.parts[0].rows) == 3


def test_after_it_it_says_what_was_decided_what_moves_and_what_was_left() -> None:
    session = make_sitting(3, is_routed=False)
    rows = list(session.items.all())
    actions.decide_finding(entry=rows[0], to=Route.FOLLOW_UP, **by(session, 5))
    actions.give_verdict(entry=rows[1], verdict=Verdict.LATER, **by(session, 9))
    actions.close(session=session, **by(session, 10))
    session.refresh_from_db()
    found = digest_of_session(session, now=TUESDAY)
    assert [part.title for part in found.parts] == ["Decided", "What the agents do now", "Left"]
    assert found.parts[0].rows[0].said == "Decided: Follow up."
    assert found.parts[1].rows[0].said
    assert [row.said for row in found.parts[2].rows] == [
        "Later, until it gets worse.",
        "The session ended before it; it comes first in the next.",
    ]


def test_an_empty_one_is_one_line() -> None:
    assert to_markdown(digest_of_session(make_sitting(0), now=TUESDAY), at=TUESDAY).count("##") == 0


def test_an_agents_words_are_neither_heading_nor_link_nor_line() -> None:
    hostile = "# Done\n\n[click](http://evil.example)\u202e <img src=x> `rm`"
    assert plain_line(hostile) == r"\# Done \[click\](http://evil.example) \<img src=x\> \`rm\`"
    session = make_sitting(1, summary=hostile)
    text = to_markdown(digest_of_session(session, now=TUESDAY), at=TUESDAY)
    assert "[click](" not in text
    assert " <img" not in text
    assert text.count("\n# ") == 0


def test_it_is_mailed_once_when_the_session_is_ready_to_who_wants_it() -> None:
    user = reader()
    hours_for(user, is_mailed=True)
    file_reports(user, 2)
    look(TUESDAY)
    look(TUESDAY + dt.timedelta(minutes=1))
    (sent,) = mail.outbox
    assert sent.to == [user.email]
    assert "2 items waiting" in sent.subject
    assert ReadingSession.objects.get().mailed_at == TUESDAY


def test_nobody_is_mailed_who_did_not_ask() -> None:
    hours_for(reader())
    look(TUESDAY)
    assert mail.outbox == []
