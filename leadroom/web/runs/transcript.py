"""The rows of a run's transcript. The page and the live lane draw them here, so that they cannot differ."""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.template.loader import get_template

from leadroom.agents.enums import EventKind
from leadroom.agents.models import RunEvent
from leadroom.web.templatetags.leadroom_ui import compact, tool_icon

SHOWN_LIMIT = 20_000
"""Characters of one text that a row draws; the record keeps all of it."""
DRAWN_LIMIT = 60_000
"""About how long the HTML of one text may get: colours and escapes can blow it up tenfold."""
DIFF_LIMIT = 60_000
NAME_LIMIT = 100
FIELDS_SHOWN = 20
_INLINE_CHARACTERS = 600
_INLINE_LINES = 8
_PEEK = 160
HOUSE = "Leadroom"
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,64}m")
_ESCAPED = re.compile("[<>&'\"]")
_ROW_WEIGHT = 600
_DIFF_LINE_WEIGHT = 220


@dataclass(frozen=True)
class Part:
    """A labelled text in a fold; `is_terminal` draws colours, `left` counts the characters not drawn."""

    text: str
    label: str = ""
    is_terminal: bool = False
    left: int = 0


@dataclass(frozen=True)
class End:
    """How a tool call ended."""

    word: str
    icon: str
    tone: str
    seconds: float | None


@dataclass(frozen=True)
class Fold:
    """What a row shows when it is opened; `peek` is its first words."""

    name: str
    peek: str = ""
    is_tool: bool = False
    end: End | None = None
    parts: tuple[Part, ...] = ()
    diff: str = ""
    diff_left: int = 0


@dataclass(frozen=True)
class Look:
    """The drawn part of an event: `kind` chooses the row's colour in the stylesheet."""

    kind: str
    icon: str
    text: str = ""
    left: int = 0
    lead: str = ""
    fold: Fold | None = None
    is_quiet: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the transcript."""

    dom_id: str
    seq: int
    at: dt.datetime
    look: Look = field(repr=False)


def rows_html(run_id: int, events: Iterable[RunEvent]) -> str:
    """`<li>` elements, exactly one per event in the given order, each with its `seq`.

    A row depends on nothing but its event: rows appended live are byte for byte those of a fresh page.
    """
    rows = [Row(f"run-{run_id}-e{event.seq}", event.seq, event.at, present(event)) for event in events]
    html = get_template("runs/rows.html").render({"rows": rows})
    return html.encode("utf-8", "replace").decode("utf-8")  # half characters cannot travel


def present(event: RunEvent) -> Look:
    """How an event looks. Payloads are hostile: a missing or strange field is text, never an error."""
    payload = event.payload if isinstance(event.payload, Mapping) else {"text": event.payload}
    return _LOOKS.get(event.kind, _other)(payload)


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _cost(text: str) -> int:
    """About how long the text is as HTML."""
    return len(text) + 5 * len(_ESCAPED.findall(text)) + 60 * text.count("\x1b")


def _cut(value: Any, limit: int = SHOWN_LIMIT) -> tuple[str, int]:
    """What is drawn of a text, and how many characters are left out."""
    text = _words(value)
    shown = text[: max(0, limit)]
    while (cost := _cost(shown)) > DRAWN_LIMIT:
        shown = shown[: len(shown) * DRAWN_LIMIT // (cost + 1)]
    return shown, len(text) - len(shown)


def weight(payload: Any) -> int:
    """About how many characters the row of an event will have."""
    if not isinstance(payload, Mapping):
        return _ROW_WEIGHT + min(_cost(_words(payload)[:SHOWN_LIMIT]), DRAWN_LIMIT)
    text, diff, given = payload.get("text"), payload.get("diff"), payload.get("input")
    drawn = min(_cost(text[:SHOWN_LIMIT]), DRAWN_LIMIT) if isinstance(text, str) else 0
    if isinstance(diff, str) and len(diff) <= DIFF_LIMIT:
        drawn += 2 * _cost(diff) + _DIFF_LINE_WEIGHT * diff.count("\n")
    if given is not None:
        drawn += min(_cost(_words(given)[:SHOWN_LIMIT]), DRAWN_LIMIT)
    return _ROW_WEIGHT + drawn


def _peek(text: str) -> str:
    lines = (_COLOURS.sub("", line).strip() for line in text.splitlines())
    return next((line[:_PEEK] for line in lines if line), "")


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _prompt(payload: Mapping[str, Any]) -> Look:
    author = _words(payload.get("author")) or HOUSE
    text, left = _cut(payload.get("text"))
    kind, icon = ("brief", "scroll-text") if author == HOUSE else ("human", "user")
    if len(text) <= _INLINE_CHARACTERS and text.count("\n") < _INLINE_LINES:
        return Look(kind, icon, text=text, lead=author)
    return Look(kind, icon, fold=Fold(f"{author} told the agent", _peek(text), parts=(Part(text, left=left),)))


def _thought(payload: Mapping[str, Any]) -> Look:
    text, left = _cut(payload.get("text"))
    return Look("thought", "sparkles", fold=Fold("Thought", _peek(text), parts=(Part(text, left=left),)))


def _line(kind: str, icon: str) -> Callable[[Mapping[str, Any]], Look]:
    def look(payload: Mapping[str, Any]) -> Look:
        text, left = _cut(payload.get("text"))
        return Look(kind, icon, text=text, left=left)

    return look


def _tool_call(payload: Mapping[str, Any]) -> Look:
    name = _words(payload.get("name"))[:NAME_LIMIT] or "tool"
    target = _words(payload.get("title")).removeprefix(name).strip()[:_PEEK]
    given = payload.get("input")
    kind = "tool"
    if name == "ask" and isinstance(given, Mapping):
        kind, target = "ask", _peek(_words(given.get("question")))
    fold = Fold(name, target, is_tool=True, parts=_inputs(given))
    return Look(kind, "message-circle-question-mark" if kind == "ask" else tool_icon(payload.get("kind")), fold=fold)


def _inputs(given: Any) -> tuple[Part, ...]:
    """One labelled text per field: a value cannot pass for another field."""
    if not isinstance(given, Mapping):
        text, left = _cut(given)
        return (Part(text, left=left),) if text else ()
    parts, room = [], SHOWN_LIMIT
    for key, value in list(given.items())[:FIELDS_SHOWN]:
        text, left = _cut(value if isinstance(value, str) else _indented(value), room)
        room -= max(len(text), _cost(text) * SHOWN_LIMIT // DRAWN_LIMIT)
        parts.append(Part(text, label=str(key)[:100], left=left))
    return tuple(parts)


def _indented(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _tool_result(payload: Mapping[str, Any]) -> Look:
    text, left = _cut(payload.get("text"))
    diff = _words(payload.get("diff"))
    is_error = payload.get("is_error") is True
    end = End(
        word="Failed" if is_error else "Done",
        icon="circle-x" if is_error else "circle-check",
        tone="bad" if is_error else "ok",
        seconds=_number(payload.get("seconds")),
    )
    fold = Fold(
        _words(payload.get("name"))[:NAME_LIMIT] or "tool",
        _peek(text),
        is_tool=True,
        end=end,
        parts=(Part(text, is_terminal=True, left=left),) if text else (),
        diff=diff if len(diff) <= DIFF_LIMIT else "",
        diff_left=len(diff) if len(diff) > DIFF_LIMIT else 0,
    )
    return Look("tool", "arrow-right", fold=fold)


def _usage(payload: Mapping[str, Any]) -> Look:
    tokens = [_number(payload.get(name)) or 0 for name in ("input_tokens", "output_tokens")]
    told, said = (compact(int(min(count, 10**12))) for count in tokens)
    return Look("usage", "coins", text=f"{told} tokens in, {said} out", is_quiet=True)


def _phase(payload: Mapping[str, Any]) -> Look:
    text, left = _cut(payload.get("text") or payload.get("phase"))
    return Look("phase", "flag", text=text, left=left)


def _other(payload: Mapping[str, Any]) -> Look:
    text, left = _cut(payload.get("text") or dict(payload))
    return Look("notice", "info", text=text, left=left)


_LOOKS: dict[str, Callable[[Mapping[str, Any]], Look]] = {
    EventKind.PROMPT: _prompt,
    EventKind.THOUGHT: _thought,
    EventKind.MESSAGE: _line("text", "message-square"),
    EventKind.TOOL_CALL: _tool_call,
    EventKind.TOOL_RESULT: _tool_result,
    EventKind.PHASE: _phase,
    EventKind.USAGE: _usage,
    EventKind.NOTICE: _line("notice", "info"),
    EventKind.ERROR: _line("error", "octagon-x"),
    EventKind.STATE: _line("state", "activity"),
}
