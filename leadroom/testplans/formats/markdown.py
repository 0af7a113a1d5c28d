"""A test plan as Markdown with YAML front matter, out and in (docs/test-plans.md)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from markdown_it.token import Token

from leadroom.lib.errors import BadInput
from leadroom.requirements.spelling import ANYTHING, HEADING, ITEM, MARKDOWN, PARAGRAPH, read_inline, spell, spell_label

_CASE_ID = re.compile(r"[A-Za-z0-9_-]{1,20}\s")
_DASH = re.compile(r"—\s?")
_LABEL = re.compile(r"[A-Z][a-z ]{2,20}")
_SINGLE = {
    "Layer": "layer",
    "Path": "path",
    "Priority": "priority",
    "Flow": "flow",
    "Given": "precondition",
    "Expected": "expected",
    "Node id": "node_id",
    "Command": "command",
}
_LISTS = {"Hands off": "forbidden_zones", "May fail by": "failure_modes"}
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def has_front_matter(text: str) -> bool:
    """Whether the text begins as an export does; a YAML document may begin with three dashes too, but has no second."""
    return _FRONT.match(text.replace("\r\n", "\n")) is not None


def to_markdown(body: Mapping[str, Any], *, number: int, digest: str, item_title: str) -> str:
    """A plan as Markdown that `from_markdown` reads back to an equal body."""
    front = yaml.safe_dump({"plan": number, "digest": digest, "item": item_title}, sort_keys=False, width=10_000)
    parts = ["## Summary", spell(body["summary"], PARAGRAPH, "", ""), "## Cases"]
    for case in body["cases"]:
        parts.append(spell(case["title"], HEADING, f"### {case['id']} ", "", lead=_CASE_ID))
        parts.append("\n".join(_case_lines(case)))
    for word, name in _LISTS.items():
        if body[name]:
            parts += [f"## {word}", "\n".join(spell(text, ITEM, "- ", "") for text in body[name])]
    if body["environment"]:
        parts += ["## Needs", spell(body["environment"], PARAGRAPH, "", "")]
    if body["not_covered"]:
        parts += ["## Not covered", "\n".join(map(_not_covered, body["not_covered"]))]
    return f"---\n{front}---\n\n" + "\n\n".join(parts) + "\n"


def _case_lines(case: Mapping[str, Any]) -> Iterator[str]:
    yield f"- **Layer** {case['layer']}"
    yield f"- **Criteria** {', '.join(case['criteria'])}" if case["criteria"] else "- **Criteria** none"
    yield f"- **Path** {case['path']}"
    yield f"- **Priority** {case['priority']}"
    for word in ("Flow", "Given"):
        if text := case.get(_SINGLE[word], ""):
            yield _labelled(word, text)
    for step in case["steps"]:
        yield _labelled("Step", step)
    for word in ("Expected", "Node id", "Command"):
        if text := case[_SINGLE[word]]:
            yield _labelled(word, text)
    if case.get("holds_before"):
        yield "- **Holds before** yes"


def _labelled(word: str, text: str) -> str:
    return spell(text, ITEM, f"- **{word}** ", "", label=_LABEL)


def _not_covered(row: Mapping[str, str]) -> str:
    return spell(row["why"], ITEM, f"- **{spell_label(row['what'])}** — ", "", label=ANYTHING, lead=_DASH)


@dataclass(frozen=True)
class _Block:
    """A heading of level 2 or 3, a paragraph, or an item of a list, as inline Markdown; `line` counts from 1."""

    kind: str
    source: str
    line: int


def from_markdown(text: str) -> dict[str, Any]:
    """The body of a plan in the form of `to_markdown`. Raises BadInput naming the line that cannot be read."""
    text = text.replace("\r\n", "\n")
    front = _FRONT.match(text)
    skipped = front[0].count("\n") if front else 0
    body: dict[str, Any] = {
        "summary": "", "cases": [], "forbidden_zones": [], "failure_modes": [], "environment": "", "not_covered": [],
    }  # fmt: skip
    section = ""
    for block in _blocks(MARKDOWN.parse(text[front.end() :] if front else text), skipped):
        if block.kind == "h2":
            section = read_inline(block.source).text
        else:
            _take(body, section, block)
    return body


def _blocks(tokens: list[Token], skipped: int) -> Iterator[_Block]:
    """Everything that carries words; nested lists, quotes and code have no place in a plan."""
    for n, token in enumerate(tokens):
        if token.type in ("blockquote_open", "fence", "code_block", "ordered_list_open", "hr"):
            raise _unreadable(token, skipped, "a quote, code, a numbered list and a rule have no place in a plan")
        if token.type != "inline":
            continue
        before, line = tokens[n - 1], (token.map or [0])[0] + 1 + skipped
        if before.type == "heading_open":
            if before.tag not in ("h2", "h3"):
                raise _unreadable(token, skipped, "headings have two or three marks, as in `## Cases`")
            yield _Block(before.tag, token.content, line)
        else:
            yield _Block("item" if before.level else "paragraph", token.content, line)


def _unreadable(token: Token, skipped: int, why: str) -> BadInput:
    return BadInput(f"Line {(token.map or [0])[0] + 1 + skipped}: {why}. Nothing was changed.")


def _take(body: dict[str, Any], section: str, block: _Block) -> None:
    if section == "Cases":
        _take_case(body["cases"], block)
    elif section in ("Summary", "Needs") and block.kind == "paragraph":
        name = "summary" if section == "Summary" else "environment"
        text = read_inline(block.source).text
        body[name] = f"{body[name]}\n\n{text}" if body[name] else text
    elif section in _LISTS and block.kind == "item":
        body[_LISTS[section]].append(read_inline(block.source).text)
    elif section == "Not covered" and block.kind == "item":
        parts = read_inline(block.source, label=ANYTHING, lead=_DASH)
        if not parts.label:
            raise BadInput(f"Line {block.line}: what is not covered reads `- **what** — why`. Nothing was changed.")
        body["not_covered"].append({"what": parts.label, "why": parts.text})
    else:
        where = f"under “{section}”" if section else "before the first `## Summary`"
        raise BadInput(f"Line {block.line}: this has no place {where}. Nothing was changed.")


def _take_case(cases: list[dict[str, Any]], block: _Block) -> None:
    if block.kind == "h3":
        parts = read_inline(block.source, lead=_CASE_ID)
        if not parts.lead:
            raise BadInput(f"Line {block.line}: a case begins with its id: `### U-001 Title`. Nothing was changed.")
        cases.append(
            {"id": parts.lead, "layer": "", "title": parts.text, "criteria": [], "precondition": "", "steps": [],
             "expected": "", "flow": "", "path": "", "priority": "", "node_id": "", "command": "",
             "holds_before": False}
        )  # fmt: skip
        return
    parts = read_inline(block.source, label=_LABEL)
    if not cases or block.kind != "item":
        raise BadInput(f"Line {block.line}: under “Cases” come `### U-001 Title` and its list. Nothing was changed.")
    if parts.label == "Criteria":
        cases[-1]["criteria"] = [] if parts.text == "none" else [key.strip() for key in parts.text.split(",")]
    elif parts.label == "Holds before":
        cases[-1]["holds_before"] = parts.text == "yes"
    elif parts.label == "Step":
        cases[-1]["steps"].append(parts.text)
    elif parts.label in _SINGLE:
        cases[-1][_SINGLE[parts.label]] = parts.text
    else:
        known = ", ".join([*_SINGLE, "Criteria", "Step", "Holds before"])
        raise BadInput(f"Line {block.line}: a line of a case begins with one of {known}. Nothing was changed.")
