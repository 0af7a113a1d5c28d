"""Scripts: what the rehearsed model says, as files.

`scripts/first/developer.yaml` is the script `first/developer`. A file has `about` (one sentence), `turns`,
and may have `pace` (seconds between chunks, over the server's own), `repeat_last: true` (the last turn is
played for ever) and, in place of turns, `like: other/script`. A turn has any of `thinking`, `text`, `tools`
(a list of `{name, input}`), `chunks` (the text is repeated until so many chunks were sent), `pace` and
`fault`. A turn may instead be `choose`, a list of turns of which the first whose `when` (a regular
expression) is found in what came back last is played; the last needs no `when`.

Texts may refer to the conversation: `{{line:A-001|words}}` is the first line of the latest message that
contains `A-001`, `{{after:<lead>|words}}` the line below the first one that contains `<lead>`, `{{result:2|words}}`
the first line of the third tool result, and `{{passed|9}}` or `{{failed|0}}` the number in the latest test result that
names one; after the bar stand the words, or the number, used when there is none. `{{brief:expression|words}}` is the
first group of the first match in the first message. In a list, `{each_line: expression, item: …}` stands for as many
copies of the item as the latest message has lines that match, with `{{1}}`, `{{2}}` for the groups of the match.
`{each_match: expression, item: …}` does so for matches that may span lines, in the latest message or, with `of: brief`,
in the first one; `under: words` looks only from those words to the next heading or closing tag. `{{#}}` counts the
copies in three digits from `first` (1); `json: true` reads the groups as the inside of JSON strings; `otherwise` is
played once when nothing matches. `{lines: [...]}` is one text of a list's lines.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from leadroom.rehearsal.conversation import Conversation
from leadroom.rehearsal.errors import ScriptError
from leadroom.rehearsal.faults import Fault, parse_fault

SCRIPTS = Path(__file__).parent / "scripts"
NAME = re.compile(r"[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*){0,3}")
PLACE = re.compile(r"\{\{((?:line|after|brief):[^|{}]{1,40}|result:\d{1,2}|passed|failed)\|([^{}|]*)\}\}")
MATCH_KEYS = {"each_match", "item", "of", "under", "first", "json", "otherwise"}
SECTION_END = re.compile(r"\n(?=#{1,4} |</)")
MOST_COPIES = 40
TURN_KEYS = {"thinking", "text", "tools", "chunks", "pace", "fault", "when"}
SCRIPT_KEYS = {"about", "turns", "pace", "repeat_last", "like"}
LONGEST_LINE = 240


@dataclass(frozen=True)
class ToolCall:
    """A tool the model calls, with its arguments."""

    name: str
    input: dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One assistant message."""

    text: str = ""
    thinking: str = ""
    tools: tuple[ToolCall, ...] = ()
    chunks: int | None = None
    pace: float | None = None
    fault: Fault | None = None
    when: re.Pattern[str] | None = None


DONE = Turn(text="I have nothing to add.")


@dataclass(frozen=True)
class Script:
    """A named list of steps; each step is the turns it may choose from."""

    name: str
    about: str
    steps: tuple[tuple[Turn, ...], ...]
    pace: float | None = None
    repeat_last: bool = False

    def turn(self, conversation: Conversation) -> Turn:
        """The turn to play now, its places filled in. After the last one it politely says it is done."""
        position = conversation.turn
        if position >= len(self.steps):
            if not self.repeat_last:
                return DONE
            position = len(self.steps) - 1
        for turn in self.steps[position]:
            if turn.when is None or turn.when.search(conversation.last_text):
                return _filled(turn, conversation)
        return DONE


class Library:
    """All scripts below a folder, each read when first asked for."""

    def __init__(self, folder: Path = SCRIPTS) -> None:
        self._folder = folder
        self._read: dict[str, Script] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of every script, sorted."""
        files = self._folder.rglob("*.yaml")
        return tuple(sorted(str(file.relative_to(self._folder).with_suffix("")) for file in files))

    def find(self, asked: str) -> Script | None:
        """The script of that name, or the nearest shorter one.

        A number at the end is an attempt: attempt 3 plays the latest script written for attempt 3, 2 or 1.
        After that names get shorter from the right, so `slow/developer` may be played by `slow`. None when
        nothing fits.
        """
        if not NAME.fullmatch(asked):
            return None
        for name in _candidates(asked):
            if name in self.names:
                return self.get(name)
        return None

    def get(self, name: str) -> Script:
        """The script of exactly that name. Raises ScriptError when its file cannot be played."""
        if name not in self._read:
            file = self._folder / f"{name}.yaml"
            try:
                data = yaml.safe_load(file.read_text(encoding="utf-8"))
            except (OSError, yaml.YAMLError) as error:
                raise ScriptError(f"{name}: the file cannot be read. {error}") from error
            self._read[name] = self._parse(name, data)
        return self._read[name]

    def _parse(self, name: str, data: Any) -> Script:
        if not isinstance(data, dict) or set(data) - SCRIPT_KEYS or "about" not in data:
            raise ScriptError(f"{name}: a script needs `about` and `turns`, and knows {sorted(SCRIPT_KEYS)}.")
        if "like" in data:
            steps = self.get(data["like"]).steps
        else:
            steps = tuple(_step(f"{name}, turn {n}", turn) for n, turn in enumerate(data.get("turns") or ()))
        if not steps:
            raise ScriptError(f"{name}: a script needs at least one turn.")
        pace = data.get("pace")
        return Script(
            name=name,
            about=str(data["about"]),
            steps=steps,
            pace=None if pace is None else float(pace),
            repeat_last=bool(data.get("repeat_last", False)),
        )


def _candidates(asked: str) -> list[str]:
    head, _, tail = asked.rpartition("/")
    names = [asked]
    if head and tail.isdecimal():
        names += [f"{head}/{number}" for number in range(min(int(tail), 50) - 1, 1, -1)]
    while head:
        names.append(head)
        head = head.rpartition("/")[0]
    return names


def _step(where: str, data: Any) -> tuple[Turn, ...]:
    if isinstance(data, dict) and set(data) == {"choose"}:
        turns = tuple(_turn(where, choice) for choice in data["choose"])
        if not turns or any(turn.when is None for turn in turns[:-1]):
            raise ScriptError(f"{where}: every choice but the last needs a `when`.")
        return turns
    return (_turn(where, data),)


def _turn(where: str, data: Any) -> Turn:
    if not isinstance(data, dict) or not data or set(data) - TURN_KEYS:
        raise ScriptError(f"{where}: a turn knows {sorted(TURN_KEYS)}.")
    calls = []
    for call in data.get("tools") or ():
        if not isinstance(call, dict) or set(call) != {"name", "input"} or not isinstance(call["input"], dict):
            raise ScriptError(f"{where}: a tool call is a `name` and an `input`.")
        calls.append(ToolCall(str(call["name"]), call["input"]))
    try:
        fault = parse_fault(data["fault"]) if data.get("fault") else None
        when = re.compile(data["when"]) if data.get("when") else None
    except (ValueError, re.error) as error:
        raise ScriptError(f"{where}: {error}") from error
    pace = data.get("pace")
    return Turn(
        text=str(data.get("text") or "").strip(),
        thinking=str(data.get("thinking") or "").strip(),
        tools=tuple(calls),
        chunks=data.get("chunks"),
        pace=None if pace is None else float(pace),
        fault=fault,
        when=when,
    )


def _filled(turn: Turn, conversation: Conversation) -> Turn:
    calls = tuple(ToolCall(call.name, _fill(call.input, conversation)) for call in turn.tools)
    return Turn(
        text=_fill(turn.text, conversation),
        thinking=_fill(turn.thinking, conversation),
        tools=calls,
        chunks=turn.chunks if conversation.chunks is None or turn.chunks is None else conversation.chunks,
        pace=turn.pace,
        fault=turn.fault,
        when=turn.when,
    )


def _fill(value: Any, conversation: Conversation) -> Any:
    """Fills the places in every text of a value. A text that is only a number's place becomes the number."""
    if isinstance(value, dict):
        if set(value) == {"lines"}:
            return "\n".join(_fill(value["lines"], conversation))
        return {key: _fill(inner, conversation) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill(copy, conversation) for inner in value for copy in _copies(inner, conversation)]
    if not isinstance(value, str):
        return value
    only = PLACE.fullmatch(value)
    text = PLACE.sub(lambda match: _place(match.group(1), match.group(2), conversation), value)
    return int(text) if only and only.group(1) in ("passed", "failed") and text.isdecimal() else text


def _copies(value: Any, conversation: Conversation) -> list[Any]:
    """The value itself, or the copies that its `each_line` or `each_match` asks for."""
    if not isinstance(value, dict):
        return [value]
    if set(value) == {"each_line", "item"}:
        lines = (re.search(value["each_line"], line) for line in conversation.last_text.splitlines())
        return [_with_groups(value["item"], match.groups(), 1) for match in lines if match]
    if "each_match" not in value or set(value) - MATCH_KEYS:
        return [value]
    text = conversation.brief if value.get("of") == "brief" else conversation.last_text
    if heading := value.get("under"):
        text = SECTION_END.split(text.partition(heading)[2], maxsplit=1)[0]
    found = [match.groups() for match in re.finditer(value["each_match"], text, re.MULTILINE)][:MOST_COPIES]
    if value.get("json"):
        found = [tuple(_unquoted(group or "") for group in groups) for groups in found]
    if not found and "otherwise" in value:
        return [value["otherwise"]]
    first = value.get("first", 1)
    return [_with_groups(value["item"], groups, number) for number, groups in enumerate(found, start=first)]


def _unquoted(inside: str) -> str:
    """The text that stands so between the quotation marks of JSON."""
    try:
        return " ".join(str(json.loads(f'"{inside}"')).split())
    except ValueError:
        return inside


def _with_groups(value: Any, groups: tuple[str | None, ...], number: int) -> Any:
    if isinstance(value, dict):
        return {key: _with_groups(inner, groups, number) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_groups(inner, groups, number) for inner in value]
    if not isinstance(value, str):
        return value
    counted = value.replace("{{#}}", f"{number:03d}")
    return re.sub(r"\{\{([1-9])\}\}", lambda group: (groups[int(group[1]) - 1] or "")[:LONGEST_LINE], counted)


def _place(what: str, otherwise: str, conversation: Conversation) -> str:
    if what.startswith("line:"):
        wanted = what.removeprefix("line:")
        for line in conversation.last_text.splitlines():
            if wanted in line and len(line) <= LONGEST_LINE:
                return line.strip().lstrip("-*• ").replace(" (new): ", ": ", 1)
        return otherwise
    if what.startswith("after:"):
        lines = conversation.last_text.splitlines()
        below = [line for above, line in pairwise(lines) if what.removeprefix("after:") in above]
        return below[0].strip()[:LONGEST_LINE] if below else otherwise
    if what.startswith("brief:"):
        match = re.search(what.removeprefix("brief:"), conversation.brief, re.MULTILINE)
        return match[1].strip()[:LONGEST_LINE] if match else otherwise
    if what.startswith("result:"):
        lines = "".join(conversation.results[int(what[7:]) :][:1]).strip().splitlines()
        return lines[0][:LONGEST_LINE] if lines else otherwise
    for result in reversed(conversation.results):
        if re.search(r"\d+ (passed|failed)", result):
            found = re.search(rf"(\d+) {what}", result)
            return found.group(1) if found else "0"
    return otherwise
