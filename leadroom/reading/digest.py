"""A session as something to read: what waits before it, what was decided and left after it. Page, mail, Markdown."""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.timezone import localtime, override

from leadroom.lib.shapes import clip, count_of
from leadroom.reading import pace
from leadroom.reading.enums import Ending, SessionState, Verdict
from leadroom.reading.gathering import gather
from leadroom.reading.models import ReadingSession, SessionItem
from leadroom.reading.moves import next_moves
from leadroom.reading.sessions import led_project_ids, outcome_of, paces_of

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")
_LONGEST_MAIL = 200
"""Rows of one part; what is beyond is counted."""


@dataclass(frozen=True)
class Row:
    """One thing: its text, where it belongs, and what became of it, was recommended, or comes next."""

    text: str
    where: str
    said: str


@dataclass(frozen=True)
class Part:
    """A titled list; `empty` stands in its place when it has no rows."""

    title: str
    rows: tuple[Row, ...]
    empty: str = ""


@dataclass(frozen=True)
class Digest:
    """`lede` says it in one line."""

    title: str
    lede: str
    parts: tuple[Part, ...]


def digest_of_session(session: ReadingSession, *, now: dt.datetime) -> Digest:
    """The digest as it is now; a session that has not begun shows what waits."""
    title = f"Reading session, {session.on:%A %d %B %Y}"
    if session.state == SessionState.SCHEDULED:
        return _before(session, title, now)
    outcome = outcome_of(session)
    decided = (*outcome.decided, *outcome.read)
    parts = (
        Part("Decided", tuple(_row(item) for item in decided), "Nothing was decided."),
        Part("What the agents do now", _moves(decided), "Nothing moves by it."),
        Part("Left", tuple(_row(item) for item in outcome.left), "Nothing was left."),
        *([Part("Settled elsewhere", tuple(_row(item) for item in outcome.gone))] if outcome.gone else []),
    )
    if session.ending == Ending.EMPTY or not (decided or outcome.left or outcome.gone):
        return Digest(title, "Nothing waited.", ())
    minutes = pace.words_for(session.active_seconds)
    lede = f"{count_of(len(decided), 'item')} decided or read in {minutes}, {len(outcome.left)} left."
    return Digest(title, lede, parts)


def _before(session: ReadingSession, title: str, now: dt.datetime) -> Digest:
    lines = gather(led_project_ids(session.user), user_id=session.user_id, now=now)
    if not lines:
        return Digest(title, "Nothing waits.", ())
    takes = pace.words_for(pace.seconds_for((line.kind for line in lines), paces_of(session.user_id)))
    urgent = sum(line.is_urgent for line in lines)
    rows = tuple(
        Row(line.title, f"{line.item.project.name} #{line.item.number}" if line.item else "", line.recommended)
        for line in lines
    )
    lede = f"{count_of(len(lines), 'item')} waiting, {takes}, {urgent} urgent."
    return Digest(title, lede, (Part("In this order", rows),))


def _row(item: SessionItem) -> Row:
    where = f"{item.item.project.name} #{item.item.number}" if item.item else ""
    return Row(item.title, where, said_of(item))


def said_of(item: SessionItem) -> str:
    """What became of an item, or why it was left, in a few words."""
    if item.verdict == Verdict.LEFT:
        return "The session ended before it; it comes first in the next."
    if item.verdict == Verdict.WAITING:
        return "Not reached yet."
    return f"{Verdict(item.verdict).label}{f': {item.outcome}' if item.outcome else ''}."


def _moves(decided: Iterable[SessionItem]) -> tuple[Row, ...]:
    """The next move of every work item that something was decided about, once each."""
    items = {entry.item_id: entry.item for entry in decided if entry.item is not None}
    moves = next_moves(list(items.values()))
    return tuple(
        Row(items[pk].title, f"{items[pk].project.name} #{items[pk].number}", move.sentence)
        for pk, move in moves.items()
    )


def plain_line(text: str) -> str:
    """One line without control characters and direction marks, with every mark of Markdown escaped."""
    seen = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in text)
    return _MARKUP.sub(r"\\\1", clip(" ".join(seen.split()), 300))


def to_markdown(digest: Digest, *, at: dt.datetime) -> str:
    """The digest as a Markdown file, its time in the active zone.

    Words of agents are escaped, so that none of them is a heading or a link.
    """
    lines = [f"# {digest.title}", "", digest.lede, ""]
    for part in digest.parts:
        lines += [f"## {part.title}", ""]
        for n, row in enumerate(part.rows[:_LONGEST_MAIL], start=1):
            where = f" ({plain_line(row.where)})" if row.where else ""
            said = f" {plain_line(row.said)}" if row.said else ""
            lines.append(f"{n}. **{plain_line(row.text)}**{where}{said}")
        if len(part.rows) > _LONGEST_MAIL:
            lines.append(f"\n… and {len(part.rows) - _LONGEST_MAIL:,} more.")
        if not part.rows:
            lines.append(part.empty)
        lines.append("")
    return "\n".join([*lines, f"As of {localtime(at):%Y-%m-%d %H:%M %Z}. {settings.PUBLIC_URL}/session/", ""])


def send_digest(session: ReadingSession, *, now: dt.datetime) -> None:
    """Mail the digest to the session's person by Django's mail backend. Raises OSError when the server is not there."""
    digest = digest_of_session(session, now=now)
    subject = " ".join(f"{digest.title}: {digest.lede}".split())
    with override(session.tz):
        text = to_markdown(digest, at=now)
    EmailMessage(subject, text, to=[session.user.email]).send()
