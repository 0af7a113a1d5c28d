"""Each card is told once, only when input is needed, and in quiet time only what is urgent."""

import datetime as dt
import json

import pytest
import pytest_django
from celery.exceptions import Retry
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from leadroom.agents import holding
from leadroom.agents.enums import FailureCause, Role
from leadroom.lib import webhooks
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.lib.sealing import unseal
from leadroom.notices import actions, queries, tasks
from leadroom.notices.enums import MessageState
from leadroom.notices.models import ChatHook, Message, Notice
from leadroom.notices.sending import NotDelivered
from leadroom.projects.models import Project
from leadroom.reading.models import ReadingHours
from tests import factories as f
from tests.support.quiet import always_quiet

pytestmark = pytest.mark.django_db
LATER = f.NOW + dt.timedelta(minutes=5)


@pytest.fixture
def project() -> Project:
    return f.make_project()


@pytest.fixture
def lead(project: Project) -> User:
    return f.lead_of(project)


def waiting(lead: User) -> list:
    return queries.cards_of(ChatHook(user=lead))


def in_browser(lead: User, at: dt.datetime = LATER) -> list[str]:
    shown = actions.tell_browser(user=lead, cards=waiting(lead), by=f.human(lead), now=at)
    return [card.asked for card in shown]


def join(lead: User, project: Project | None = None, at: dt.datetime | None = None) -> ChatHook:
    moment = at or f.NOW - dt.timedelta(minutes=1)
    return actions.join_chat(
        user=lead, project=project, url="https://chat.example.org/x", by=f.human(lead), now=moment
    )[0]


def in_chat(hook: ChatHook, at: dt.datetime = LATER) -> Message | None:
    return actions.tell_chat(hook=hook, cards=queries.cards_of(hook), by=tasks.BY, now=at, send=lambda pk: None)


def test_a_browser_is_told_of_a_card_once(project: Project, lead: User) -> None:
    f.make_question(f.make_item(project))
    assert in_browser(lead) == ["May I rename it?"]
    assert in_browser(lead) == []
    assert Notice.objects.get().user == lead


def test_what_is_old_or_finished_is_not_told(project: Project, lead: User) -> None:
    f.make_question(f.make_item(project))
    f.make_report(f.make_item(project))  # output: it waits for the reading session
    assert in_browser(lead, at=f.NOW + dt.timedelta(minutes=16)) == []
    assert in_browser(lead) == ["May I rename it?"]


def test_at_most_three_at_once_and_the_rest_next_time(project: Project, lead: User) -> None:
    for _ in range(5):
        f.make_question(f.make_item(project))
    assert [len(in_browser(lead)) for _ in range(3)] == [3, 2, 0]


def test_in_quiet_time_nothing_is_told_and_a_chat_hears_of_what_still_waits_afterwards(
    project: Project, lead: User
) -> None:
    hook = join(lead)
    f.make_question(f.make_item(project))
    always_quiet(lead)
    assert in_browser(lead) == []
    assert in_chat(hook) is None
    assert not Notice.objects.exists()
    ReadingHours.objects.all().delete()
    assert in_chat(hook) is not None


def test_what_is_urgent_is_told_in_quiet_time_too_and_nothing_else_with_it(project: Project, lead: User) -> None:
    hook = join(lead)
    always_quiet(lead)
    f.make_question(f.make_item(project))
    run = f.make_running_run(f.make_item(project), Role.DEVELOPER)
    holding.fail(run=run, reason="The cap is reached.", now=f.NOW, cause=FailureCause.SPEND_CAP)
    f.make_report(f.make_item(project), severity="critical", summary="Data loss: saving deletes what was there before.")
    asked = in_browser(lead)
    assert sorted(asked) == [
        "P0: Data loss: saving deletes what was there before.",
        "The developer cannot go on: the spend cap is reached",
    ]
    message = in_chat(hook)
    assert message is not None
    assert [card["asked"] for card in json.loads(message.body)["data"]] == asked
    assert in_browser(lead) == []


def test_one_message_holds_every_new_card_with_its_link(
    project: Project, lead: User, settings: pytest_django.Settings
) -> None:
    settings.PUBLIC_URL = "https://leadroom.example.org"
    hook = join(lead)
    questions = [f.make_question(f.make_item(project)) for _ in range(7)]
    message = in_chat(hook)
    said = json.loads(message.body)
    assert said["type"] == "needs_input"
    assert said["text"].startswith("Leadroom: 7 cards need your input")
    assert "and 2 more: https://leadroom.example.org/needs/" in said["text"]
    urls = {one["url"] for one in said["data"]}
    assert urls == {f"https://leadroom.example.org/needs/#card-question-{one.pk}" for one in questions}
    assert message.notices.count() == 7
    assert in_chat(hook) is None


def test_what_waited_before_the_chat_was_joined_is_not_told(project: Project, lead: User) -> None:
    f.make_question(f.make_item(project))
    assert in_chat(join(lead, at=f.NOW + dt.timedelta(minutes=1))) is None


def test_a_chat_hears_of_the_persons_own_projects_only(project: Project, lead: User) -> None:
    f.make_question(f.make_item(f.make_project(name="Theirs")))
    second = f.make_project(lead, name="Second")
    f.make_question(f.make_item(second))
    assert in_chat(join(lead, project)) is None
    assert in_chat(join(lead, second)) is not None
    assert len(json.loads(in_chat(join(lead)).body)["data"]) == 1


def test_chats_are_a_persons_own(project: Project, lead: User) -> None:
    hook = join(lead)
    other = f.make_viewer(project)
    with pytest.raises(NotPermitted):
        actions.leave_chat(hook=hook, by=f.human(other), now=f.NOW)
    client = Client()
    client.force_login(other)
    assert client.post(reverse("notices:leave", args=[hook.pk])).status_code == 404
    for _ in range(9):
        join(lead)
    with pytest.raises(BadInput, match="10 chats"):
        join(lead)


class Wire:
    """What would go out, instead of a socket; `problems` are raised one by one."""

    def __init__(self, *problems: Exception) -> None:
        self.problems = list(problems)
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        self.sent.append((url, body, headers))
        if self.problems:
            raise self.problems.pop(0)


@pytest.fixture
def message(project: Project, lead: User) -> Message:
    hook = join(lead, at=now() - dt.timedelta(days=365))
    f.make_question(f.make_item(project))
    made = in_chat(hook, at=now())
    assert made is not None
    return made


def deliver(message: Message, monkeypatch, wire: Wire, retries: int = 0, **how: bool) -> str:
    monkeypatch.setattr("leadroom.notices.sending.post", wire)
    tasks.deliver.push_request(retries=retries, called_directly=False, is_eager=True)
    try:
        tasks.deliver.run(message.pk, **how)
    except Retry:
        return "again"
    finally:
        tasks.deliver.pop_request()
    message.refresh_from_db()
    return message.state


def test_a_message_is_signed_by_the_chats_secret(message: Message, monkeypatch) -> None:
    wire = Wire()
    assert deliver(message, monkeypatch, wire) == MessageState.SENT
    url, body, headers = wire.sent[0]
    secret = unseal(message.hook.sealed_secret, secret=settings.SECRET_KEY)
    refused = webhooks.verify(
        [secret],
        id=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"],
        signature=headers["webhook-signature"],
        body=body,
        now=now(),
    )
    assert refused is None
    assert (url, headers["webhook-id"]) == (message.hook.url, message.webhook_id)
    assert deliver(message, monkeypatch, wire) == MessageState.SENT
    assert len(wire.sent) == 1


def test_it_is_tried_again_and_given_up_with_its_reason(message: Message, monkeypatch) -> None:
    monkeypatch.setattr(tasks.deliver, "retry", lambda **said: Retry(exc=said["exc"], when=said["countdown"]))
    busy = Wire(*[NotDelivered("The chat answered 503.")] * 2)
    assert deliver(message, monkeypatch, busy) == "again"
    assert deliver(message, monkeypatch, busy, retries=tasks.TRIES - 1) == MessageState.FAILED
    assert message.problem == "The chat answered 503. Tried 6 times."


def test_what_another_try_would_not_mend_is_given_up_at_once(message: Message, monkeypatch) -> None:
    gone = Wire(NotDelivered("The chat answered 404.", is_final=True))
    assert deliver(message, monkeypatch, gone) == MessageState.FAILED


def test_a_chat_that_was_left_gets_nothing_more(message: Message, lead: User, monkeypatch) -> None:
    actions.leave_chat(hook=message.hook, by=f.human(lead), now=now())
    wire = Wire()
    assert deliver(message, monkeypatch, wire) == MessageState.FAILED
    assert wire.sent == []


def test_a_message_whose_task_was_lost_is_found(message: Message, monkeypatch) -> None:
    found: list[tuple[int, bool]] = []
    monkeypatch.setattr(tasks.deliver, "delay", lambda pk, is_last: found.append((pk, is_last)))
    tasks.look()
    assert found == []
    Message.objects.update(made_at=now() - dt.timedelta(minutes=40))
    tasks.look()
    assert found == [(message.pk, True)]
    assert deliver(message, monkeypatch, Wire(NotDelivered("503.")), is_last=True) == MessageState.FAILED
    assert message.problem == "503. Its task had been lost; it was tried once more."


def test_the_browser_asks_over_http_and_gets_text_and_link(project: Project, lead: User) -> None:
    question = f.make_question(f.make_item(project))
    question.asked_at = now()
    question.save()
    client = Client()
    client.force_login(lead)
    card = client.post(reverse("notices:claim")).json()["cards"][0]
    assert card["url"] == f"/needs/#card-question-{question.pk}"
    assert "May I rename it?" in card["text"]
    assert client.post(reverse("notices:claim")).json() == {"cards": []}


def test_a_viewer_is_not_asked_to_decide(project: Project) -> None:
    question = f.make_question(f.make_item(project))
    question.asked_at = now()
    question.save()
    client = Client()
    client.force_login(f.make_viewer(project))
    assert client.post(reverse("notices:claim")).json() == {"cards": []}
