"""The requirements document as Markdown with YAML front matter, out and in (docs/requirements-document.md)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import frontmatter
import yaml

from leadroom.requirements.contract_reader import BECAUSE, CRITERION_ID, DASH, GOAL_ID, STATE, Reader
from leadroom.requirements.spelling import ANYTHING, HEADING, ITEM, PARAGRAPH, spell, spell_label


@dataclass(frozen=True)
class Contract:
    """What a text says: the document in the fields of `submit_document`, and the digest it was exported under."""

    body: dict[str, Any]
    digest: str


class _Dumper(yaml.SafeDumper):
    """Plain YAML; a text with anything but printable characters is quoted, in one line."""


def _quoted_when_odd(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _quoted_when_odd)


def to_markdown(
    body: Mapping[str, Any],
    *,
    number: int,
    digest: str,
    item_title: str,
    sponsor: str = "",
    created: dt.datetime | None = None,
) -> str:
    """A document as Markdown that `from_markdown` reads back to an equal `body`.

    `number` is the revision's, `digest` its digest, `sponsor` a person's name (left out when empty).
    """
    front: dict[str, Any] = {
        "title": body["title"],
        "version": number,
        "confidence": body["confidence"],
        "digest": digest,
        "item": item_title,
    }
    if sponsor:
        front["sponsor"] = sponsor
    if created is not None:
        front["created"] = created.astimezone(dt.UTC).isoformat(timespec="seconds")
    parts = ["## Goals"]
    for goal in body["goals"]:
        parts.append(spell(goal["text"], HEADING, f"### {goal['id']} ", "", lead=GOAL_ID))
        parts += _list([_criterion(criterion) for criterion in goal["criteria"]])
    parts += _section("Constraints", [_plain(text) for text in body.get("constraints", [])])
    parts += _section("Non-goals", [_plain(text) for text in body.get("non_goals", [])])
    parts += ["## Scope boundary", spell(body["scope_boundary"], PARAGRAPH, "", "")]
    parts += _section("Usage scenarios", [_scenario(scenario) for scenario in body.get("scenarios", [])])
    parts += _section("Open questions", [_question(question) for question in body.get("open_questions", [])])
    parts += _section("Missing", [_plain(text) for text in body.get("missing", [])])
    post = frontmatter.Post("\n\n".join(parts), frontmatter.YAMLHandler(), **front)
    return frontmatter.dumps(post, Dumper=_Dumper, sort_keys=False, width=10_000) + "\n"


def _list(items: Sequence[str]) -> list[str]:
    return ["\n".join(items)] if items else []


def _section(name: str, items: Sequence[str]) -> list[str]:
    return [f"## {name}", *_list(items)] if items else []


def _plain(text: str) -> str:
    return spell(text, ITEM, "- ", "")


def _criterion(criterion: Mapping[str, Any]) -> str:
    note = f" *(because: {', '.join(criterion['because'])})*"
    return spell(criterion["text"], ITEM, f"- **{criterion['id']}** ", note, label=CRITERION_ID, note=BECAUSE)


def _scenario(scenario: Mapping[str, str]) -> str:
    before = f"- **{spell_label(scenario['persona'])}** — "
    return spell(scenario["text"], ITEM, before, "", label=ANYTHING, lead=DASH)


def _question(question: Mapping[str, str]) -> str:
    return spell(question["text"], ITEM, "- ", f" *({question['state']})*", note=STATE)


def from_markdown(text: str) -> dict[str, Any]:
    """The body of a document in exactly the form of `to_markdown`, in the fields of `submit_document`.

    White space, wrapped lines and the order and case of sections are free. Everything else that is not as the form has
    it raises BadInput naming the line or section; nothing is guessed, because a criterion whose id or cause was lost
    would no longer be traced to a decision.
    """
    return Reader(text, is_strict=True).body()


def from_contract(text: str) -> dict[str, Any]:
    """The body of a document as the open `zero-review` skills write it, in the fields of `submit_document`.

    Names of front matter and sections are free in case; what the front matter lacks may stand above the first section
    (`Confidence: HIGH`) or in a section. Goals are headings or list items; missing ids become the next free `G-001`,
    `AC-001`; a criterion without a cause comes from the request. An open question that says nothing else is deferred;
    of a LOW document without a section Missing, the deferred questions are what is missing.

    A section with an unknown name is refused by name, not dropped and not filed under another: an agent would build
    something else than the author wrote, and nobody would have said so. Renaming one heading is quick. Raises BadInput.
    """
    return Reader(text, is_strict=False).body()


def read_contract(text: str) -> Contract:
    """Either form: a text with a digest in its front matter was exported by Leadroom and is read strictly.

    Raises BadInput.
    """
    reader = Reader(text, is_strict=False)
    digest = reader.front.get("digest", "")
    if digest:
        reader = Reader(text, is_strict=True)
    return Contract(reader.body(), digest)
