"""Scenes of what people are told."""

import datetime as dt

from leadroom.notices import actions, queries
from leadroom.notices.models import ChatHook, Message
from tests import factories as f
from tests.house.scenes import WHO, Ready, scene


def joined() -> ChatHook:
    """A chat of a lead for whom a question waits."""
    project = f.make_project()
    lead = f.lead_of(project)
    early = f.NOW - dt.timedelta(minutes=1)
    hook, _ = actions.join_chat(user=lead, project=None, url="https://chat.example.org/x", by=f.human(lead), now=early)
    f.make_question(f.make_item(project))
    return hook


def told() -> Message:
    hook = joined()
    message = actions.tell_chat(hook=hook, cards=queries.cards_of(hook), send=lambda pk: None, **WHO)
    assert message is not None
    return message


@scene("notices.join_chat", "notices.chat.joined")
def _() -> Ready:
    lead = f.make_user()
    given = {"user": lead, "project": None, "url": "https://chat.example.org/x"}
    return lambda: actions.join_chat(by=f.human(lead), now=f.NOW, **given)


@scene("notices.leave_chat", "notices.chat.left")
def _() -> Ready:
    hook = joined()
    return lambda: actions.leave_chat(hook=hook, by=f.human(hook.user), now=f.NOW)


@scene("notices.tell_browser", "notices.cards.told")
def _() -> Ready:
    hook = joined()
    cards = queries.cards_of(hook)
    return lambda: actions.tell_browser(user=hook.user, cards=cards, by=f.human(hook.user), now=f.NOW)


@scene("notices.tell_chat", "notices.cards.told")
def _() -> Ready:
    hook = joined()
    cards = queries.cards_of(hook)
    return lambda: actions.tell_chat(hook=hook, cards=cards, send=lambda pk: None, **WHO)


@scene("notices.note_sent", "notices.message.sent")
def _() -> Ready:
    message = told()
    return lambda: actions.note_sent(message=message, **WHO)


@scene("notices.note_failed", "notices.message.failed")
def _() -> Ready:
    message = told()
    return lambda: actions.note_failed(message=message, problem="The chat answered 503.", **WHO)
