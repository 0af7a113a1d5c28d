"""Reading a requirements document from Markdown; what is not understood is refused with its line, never guessed."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import frontmatter
import yaml
from markdown_it.tree import SyntaxTreeNode

from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import storable
from leadroom.requirements.enums import Confidence
from leadroom.requirements.spelling import ANYTHING, INLINE_LIMIT, MARKDOWN, Parts, read_inline

TEXT_LIMIT = 1_000_000
LINE_LIMIT = 20_000
FRONT_LIMIT = 10_000

GOAL_ID = re.compile(r"G-\d{3}(?= |$)")
CRITERION_ID = re.compile(r"AC-\d{3}")
BECAUSE = re.compile(r"\(because:([^()]*)\)")
STATE = re.compile(r"\((resolved|deferred)\)")
DASH = re.compile(r"—(?= |$)")

_LOOSE_GOAL = re.compile(r"(?:goal|g)[ -]?(\d{1,3})\b(?:\s*[:.)–—-](?=\s))?", re.IGNORECASE)
_LOOSE_LABEL = re.compile(r"ac[ -]?(\d{1,3})[:.]?", re.IGNORECASE)
_LOOSE_LEAD = re.compile(r"ac[ -]?(\d{1,3})\b(?:\s*[:.)–—-](?=\s))?|[:–—-](?=\s)", re.IGNORECASE)
_LOOSE_STATE = re.compile(r"\((resolved|deferred|open)\)", re.IGNORECASE)
_LOOSE_DASH = re.compile(r"[:–—-](?=\s)")
_PERSONA = re.compile(r"([^:–—]{1,300}?)\s*(?::|\s[–—-])\s")
_BOX = re.compile(r"\[([ xX])\]\s+")
_NOTHING = {"none", "n/a", "not applicable", "nothing"}
_CRITERIA_WORDS = {"acceptance criteria", "criteria"}

_SECTIONS = {
    "goals": "goals",
    "goals and acceptance criteria": "goals",
    "constraints": "constraints",
    "non-goals": "non_goals",
    "non goals": "non_goals",
    "out of scope": "non_goals",
    "scope boundary": "scope_boundary",
    "scope": "scope_boundary",
    "usage scenarios": "scenarios",
    "scenarios": "scenarios",
    "open questions": "open_questions",
    "missing": "missing",
}
_FIELDS = ("title", "version", "confidence", "sponsor")
_LISTS = ("bullet_list", "ordered_list")


@dataclass
class Section:
    """What stands below one heading of the second level. `line` is counted from 1 in the whole text."""

    name: str
    line: int
    nodes: list[SyntaxTreeNode] = field(default_factory=list)


class _Handler(frontmatter.YAMLHandler):
    """Every value is the text that stands there: `version: 1.10` is not a number, nor `no` a falsehood."""

    def load(self, fm: str, **kwargs: object) -> Any:
        if len(fm) > FRONT_LIMIT:
            raise BadInput(f"The front matter has more than {FRONT_LIMIT:,} characters; nothing was stored.")
        # the C parser recurses without a limit, and the front matter is short
        return yaml.load(fm, Loader=yaml.BaseLoader)  # noqa: S506 - makes texts, lists and mappings only


def _split(text: str) -> tuple[dict[str, str], str, int]:
    """Front matter (keys in lower case), the rest, and how many lines stand before the rest."""
    handler = _Handler()
    if not handler.detect(text):
        return {}, text, 0
    try:
        metadata, content = frontmatter.parse(text, handler=handler)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BadInput(f"The front matter is not YAML{where}; nothing was stored. Mend it and try again.") from error
    except RecursionError as error:
        raise BadInput("The front matter is nested too deeply; nothing was stored.") from error
    front = {}
    for key, value in metadata.items():
        if str(key).casefold() in _FIELDS and not isinstance(value, str):
            raise BadInput(f"`{key}` of the front matter must be one text; nothing was stored.")
        if isinstance(value, str):
            front[str(key).casefold()] = value
    return front, content, text.rstrip().removesuffix(content).count("\n")


class Reader:
    """One text. `front` is there at once, `body()` reads the rest; both raise BadInput."""

    def __init__(self, text: str, *, is_strict: bool) -> None:
        self.is_strict = is_strict
        if len(text) > TEXT_LIMIT:
            raise BadInput(f"The text has {len(text):,} characters; {TEXT_LIMIT:,} is the limit. Nothing was stored.")
        if text.count("\n") > LINE_LIMIT:
            raise BadInput(f"The text has more than {LINE_LIMIT:,} lines; nothing was stored.")
        if storable(text) != text:
            raise BadInput("The text holds a NUL or half a character, so it is no text; nothing was stored.")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        kept = text.lstrip("\ufeff \t\n")
        self.front, self.content, lines = _split(kept)
        self.offset = lines + text[: len(text) - len(kept)].count("\n")
        self.lines = self.content.split("\n")

    def body(self) -> dict[str, Any]:
        """The document in the fields of `submit_document`; texts may still be too long or missing."""
        sections = self._sections()
        goals = self._goals(sections)
        body: dict[str, Any] = {
            "title": self._front("title"),
            "goals": goals,
            "constraints": self._texts(sections, "constraints"),
            "non_goals": self._texts(sections, "non_goals"),
            "scope_boundary": self._prose(sections["scope_boundary"].nodes) if "scope_boundary" in sections else "",
            "scenarios": self._scenarios(sections),
            "open_questions": self._questions(sections),
            "confidence": self._confidence(),
            "missing": self._texts(sections, "missing"),
        }
        if not self.is_strict and body["confidence"] == Confidence.LOW and "missing" not in sections:
            body["missing"] = [q["text"] for q in body["open_questions"] if q["state"] == "deferred"]
        return body

    # ── outline ──────────────────────────────────────────────────────────────────────────────────

    def _sections(self) -> dict[str, Section]:
        tokens = MARKDOWN.parse(self.content)
        for token in tokens:
            if token.type == "inline" and len(token.content) > INLINE_LIMIT:
                self._refuse((token.map or [0])[0], f"this paragraph has {len(token.content):,} characters")
        found: dict[str, Section] = {}
        before: list[SyntaxTreeNode] = []
        current = before
        for node in SyntaxTreeNode(tokens).children:
            if node.tag == "h1":
                self._take_title(node)
            elif node.tag == "h2":
                current = self._open_section(node, found).nodes
            else:
                current.append(node)
        for node in before:
            self._take_fields(node)
        return self._without_fields(found)

    def _open_section(self, node: SyntaxTreeNode, found: dict[str, Section]) -> Section:
        name = self._words(node)
        plain = re.sub(r"^[\d.]+\s+", "", name).rstrip(":").strip().casefold()
        key = _SECTIONS.get(plain)
        if not self.is_strict and plain in (*_FIELDS, *_CRITERIA_WORDS):
            key = "criteria" if plain in _CRITERIA_WORDS else plain
        if key is None:
            known = "Goals, Constraints, Non-goals, Scope boundary, Usage scenarios, Open questions and Missing"
            self._refuse(node, f"there is no section “{name}”; known are {known}")
        if key in found:
            self._refuse(node, f"the section “{name}” stands there twice")
        found[key] = Section(name, self._line(node))
        return found[key]

    def _take_title(self, node: SyntaxTreeNode) -> None:
        title = self._words(node)
        if self.front.setdefault("title", title) != title:
            self._refuse(node, f"the title is “{title}” here and “{self.front['title']}” in the front matter")

    def _take_fields(self, node: SyntaxTreeNode) -> None:
        """`Confidence: HIGH` above the first section."""
        for number, line in enumerate(self._raw(node).split("\n"), start=node.map[0] if node.map else 0):
            name, colon, value = line.replace("**", "").strip(" -*+").partition(":")
            if self.is_strict or not colon or name.strip().casefold() not in _FIELDS:
                self._refuse(number, "text before the first section; put it into one of them")
            self.front.setdefault(name.strip().casefold(), value.strip())

    def _without_fields(self, sections: dict[str, Section]) -> dict[str, Section]:
        for name in _FIELDS:
            if name in sections:
                self.front.setdefault(name, self._prose(sections.pop(name).nodes))
        return sections

    # ── sections ─────────────────────────────────────────────────────────────────────────────────

    def _front(self, name: str) -> str:
        if not self.front.get(name):
            raise BadInput(f"The front matter has no `{name}`; nothing was stored.")
        return self.front[name]

    def _confidence(self) -> str:
        given = self._front("confidence").strip()
        word = (given if self.is_strict else given.split()[0].strip(".,:;—-")).upper()
        if word not in Confidence.values:
            raise BadInput(f"The confidence is “{given[:60]}”; it must be HIGH, MEDIUM or LOW. Nothing was stored.")
        return word

    def _goals(self, sections: dict[str, Section]) -> list[dict[str, Any]]:
        if "goals" not in sections:
            raise BadInput("There is no section “Goals”; nothing was stored.")
        goals: list[dict[str, Any]] = []
        for node in sections["goals"].nodes:
            if node.tag == "h3":
                goals.append(self._goal(node))
            elif node.type in _LISTS and goals and goals[-1]["is_headed"]:
                for item in node.children:
                    goals[-1]["criteria"] += [self._criterion(item)] if self.is_strict else self._criteria_below(item)
            elif node.type in _LISTS and not self.is_strict:
                goals += [self._listed_goal(item) for item in node.children]
            elif self.is_strict or not goals:
                self._refuse(node, "in Goals stand headings such as “### G-001 …”, each with a list of its criteria")
            elif not self._is_criteria_word(node):
                goals[-1]["text"] += "\n\n" + self._text(node)
        if "criteria" in sections:
            self._take_criteria(sections["criteria"], goals)
        _number(goals, "G")
        _number([criterion for goal in goals for criterion in goal["criteria"]], "AC")
        return [{name: goal[name] for name in ("id", "text", "criteria")} for goal in goals]

    def _goal(self, node: SyntaxTreeNode) -> dict[str, Any]:
        parts = self._parts(node, lead=GOAL_ID if self.is_strict else _LOOSE_GOAL)
        if self.is_strict and not parts.lead:
            self._refuse(node, "a goal begins with its id, such as “### G-001 …”")
        return {"id": _id("G", parts.lead), "text": parts.text, "criteria": [], "is_headed": True}

    def _listed_goal(self, item: SyntaxTreeNode) -> dict[str, Any]:
        first, *rest = item.children or [item]
        if first.type != "paragraph":
            self._refuse(item, "this goal says nothing")
        parts = self._parts(first, label=_LOOSE_GOAL, lead=_LOOSE_GOAL)
        goal: dict[str, Any] = {
            "id": _id("G", parts.label or parts.lead),
            "text": parts.text,
            "criteria": [],
            "is_headed": False,
        }
        for node in rest:
            if node.type in _LISTS:
                for inner in node.children:
                    goal["criteria"] += self._criteria_below(inner)
            elif not self._is_criteria_word(node):
                goal["text"] += "\n\n" + self._text(node)
        return goal

    def _criteria_below(self, item: SyntaxTreeNode) -> Iterator[dict[str, Any]]:
        """The item itself, or those below an item that only says “Acceptance criteria”."""
        first, *rest = item.children or [item]
        if rest and self._is_criteria_word(first):
            for node in rest:
                yield from (self._criterion(inner) for inner in node.children)
        else:
            yield self._criterion(item)

    def _take_criteria(self, section: Section, goals: list[dict[str, Any]]) -> None:
        if len(goals) != 1:
            self._refuse(
                section.line - 1 - self.offset, f"“{section.name}” belongs to no goal; put each criterion below its own"
            )
        goals[0]["criteria"] += [self._criterion(item) for item in self._items(section)]

    def _criterion(self, item: SyntaxTreeNode) -> dict[str, Any]:
        if self.is_strict:
            parts = self._item(item, label=CRITERION_ID, note=BECAUSE)
            if not parts.label or not parts.note:
                form = "- **AC-001** what one sees *(because: A-001, request)*"
                self._refuse(item, f"a criterion has an id and a cause, as in “{form}”")
        else:
            parts = self._item(item, label=_LOOSE_LABEL, lead=_LOOSE_LEAD, note=BECAUSE)
        match = BECAUSE.fullmatch(parts.note)
        because = [key.strip() for key in match[1].split(",")] if match else ["request"]
        return {"id": _id("AC", parts.label or parts.lead), "text": parts.text, "because": because}

    def _texts(self, sections: dict[str, Section], key: str) -> list[str]:
        return [self._item(item).text for item in self._items(sections.get(key))]

    def _scenarios(self, sections: dict[str, Section]) -> list[dict[str, str]]:
        section = sections.get("scenarios")
        if section is not None and not self.is_strict and section.nodes and section.nodes[0].tag == "h3":
            return list(self._headed_scenarios(section))
        scenarios = []
        for item in self._items(section):
            parts = self._item(item, label=ANYTHING, lead=DASH if self.is_strict else _LOOSE_DASH)
            if not self.is_strict and not parts.label:
                parts = self._item(item, lead=_PERSONA)
                parts = Parts(parts.lead.rstrip(" :–—-"), parts.lead, parts.text, "")
            persona = parts.label if parts.lead else parts.label.rstrip(" :–—-")
            if not persona or (self.is_strict and not parts.lead):
                self._refuse(item, "a scenario says who and what, as in “- **Ana, who books** — She pays.”")
            scenarios.append({"persona": persona, "text": parts.text})
        return scenarios

    def _headed_scenarios(self, section: Section) -> Iterator[dict[str, str]]:
        starts = [n for n, node in enumerate(section.nodes) if node.tag == "h3"]
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            yield {
                "persona": self._words(section.nodes[start]),
                "text": self._prose(section.nodes[start + 1 : end]),
            }

    def _questions(self, sections: dict[str, Section]) -> list[dict[str, str]]:
        questions = []
        for item in self._items(sections.get("open_questions")):
            parts = self._item(item, note=STATE if self.is_strict else _LOOSE_STATE)
            if self.is_strict and not parts.note:
                self._refuse(item, "an open question ends with its state, *(resolved)* or *(deferred)*")
            is_resolved = parts.note.casefold() == "(resolved)" or parts.label == "x"
            questions.append({"text": parts.text, "state": "resolved" if is_resolved else "deferred"})
        return questions

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────

    def _items(self, section: Section | None) -> Iterator[SyntaxTreeNode]:
        for node in section.nodes if section else []:
            if node.type in _LISTS:
                yield from node.children
            elif self.is_strict or not self._says_nothing(node):
                self._refuse(node, f"write what belongs to “{section.name if section else ''}” as items of a list")

    def _item(self, item: SyntaxTreeNode, **patterns: re.Pattern[str]) -> Parts:
        """The first paragraph taken apart; whatever follows it in the item belongs to its text."""
        if not item.children:
            self._refuse(item, "this item is empty")
        first, *rest = item.children
        if first.type != "paragraph":
            return Parts("", "", self._prose(item.children), "")
        source, box = first.children[0].content, ""
        if not self.is_strict and (match := _BOX.match(source)):
            source, box = source[match.end() :], match[1].strip().lower()
        parts = read_inline(source, **patterns)
        text = parts.text
        for node in rest:
            text += ("\n\n" if node.type == "paragraph" else "\n") + self._text(node)
        return Parts(parts.label or box, parts.lead, text, parts.note)

    def _parts(self, node: SyntaxTreeNode, **patterns: re.Pattern[str]) -> Parts:
        return read_inline(node.children[0].content if node.children else "", **patterns)

    def _words(self, heading: SyntaxTreeNode) -> str:
        return self._parts(heading).text

    def _text(self, node: SyntaxTreeNode) -> str:
        return self._words(node) if node.type == "paragraph" else self._raw(node)

    def _prose(self, nodes: Sequence[SyntaxTreeNode]) -> str:
        return "\n\n".join(self._text(node) for node in nodes)

    def _raw(self, node: SyntaxTreeNode) -> str:
        """The lines of a block as they were written: a list, a quotation, code."""
        start, end = node.map or (0, 0)
        return textwrap.dedent("\n".join(self.lines[start:end])).strip("\n")

    def _is_criteria_word(self, node: SyntaxTreeNode) -> bool:
        if node.type not in ("paragraph", "heading"):
            return False
        return self._words(node).strip("*_: ").casefold() in _CRITERIA_WORDS

    def _says_nothing(self, node: SyntaxTreeNode) -> bool:
        return node.type == "paragraph" and self._words(node).strip("*_. ").casefold() in _NOTHING

    def _line(self, node: SyntaxTreeNode) -> int:
        return self.offset + (node.map[0] if node.map else 0) + 1

    def _refuse(self, at: SyntaxTreeNode | int, what: str) -> NoReturn:
        line = self.offset + at + 1 if isinstance(at, int) else self._line(at)
        raise BadInput(f"Line {line:,}: {what}. Nothing was stored.")


def _id(prefix: str, label: str) -> str:
    """`G1`, `Goal 1:` or `G-001` as `G-001`; empty when there is no number."""
    match = re.search(r"\d{1,3}", label)
    return f"{prefix}-{match[0]:0>3}" if match else ""


def _number(rows: Sequence[dict[str, Any]], prefix: str) -> None:
    """Give the next free id to every row that has none."""
    taken = {row["id"] for row in rows}
    free = (f"{prefix}-{number:03}" for number in range(1, 1_000))
    for row in rows:
        if not row["id"]:
            row["id"] = next((name for name in free if name not in taken), "")
