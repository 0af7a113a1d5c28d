"""Texts as inline Markdown and back, so that every text that was written comes back as it was.

A text is written as it stands where Markdown reads it back unchanged (so `code` and *emphasis* stay readable) and with
backslashes and character references where it would not. The reader decides: what is written is read again at once.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

INLINE_LIMIT = 24_000
"""Characters of Markdown in one paragraph; every character of the longest text may be written as a reference."""

MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(
    # texts are words, not pages: brackets and angles mean nothing, and `[a]: b` must not vanish
    ["reference", "html_block", "html_inline", "link", "image", "autolink", "inline", "text_join"]
)
"""Blocks only; paragraphs are read one by one by `read_inline`."""

PARAGRAPH = ("paragraph_open", "inline", "paragraph_close")
HEADING = ("heading_open", "inline", "heading_close")
ITEM = ("bullet_list_open", "list_item_open", *PARAGRAPH, "list_item_close", "bullet_list_close")

ANYTHING = re.compile(r"(?s).+")

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SPECIAL = re.compile(r"[\\`*_<>\[\]&#~]")
_AT_START = re.compile(r"\A(\d{0,9})(?=[-+=.)])")
_MARKS = {"em_open", "em_close", "strong_open", "strong_close"}
_REFERENCE = re.compile(r"&#(?:x([0-9a-f]{1,6})|(\d{1,7}));", re.IGNORECASE)
_WHITE = " \t"


@dataclass(frozen=True)
class Parts:
    """One line of a document: a strong label, a lead (an id, a dash), the text, an emphasised note at the end."""

    label: str
    lead: str
    text: str
    note: str


def read_inline(
    source: str,
    *,
    label: re.Pattern[str] | None = None,
    lead: re.Pattern[str] | None = None,
    note: re.Pattern[str] | None = None,
) -> Parts:
    """Take a paragraph apart. A label, lead or note that its pattern does not match is left in the text.

    A wrapped line counts as a space, a hard break as a line. `source` has at most `INLINE_LIMIT` characters.
    """
    tokens: list[Token] = []
    MARKDOWN.inline.parse(source, MARKDOWN, {}, tokens)
    tokens = _trimmed(tokens)
    found_label = found_lead = found_note = ""
    if label and tokens and tokens[0].type == "strong_open":
        end = _partner(tokens, range(len(tokens)))
        inner = _source(tokens[1:end])
        if label.fullmatch(inner):
            found_label, tokens = inner, _trimmed(tokens[end + 1 :])
    if lead and tokens and tokens[0].type == "text" and (match := lead.match(tokens[0].content)):
        found_lead = match[0]
        tokens[0].content = tokens[0].content[match.end() :]
        tokens = _trimmed(tokens)
    if note and tokens and tokens[-1].type == "em_close":
        start = _partner(tokens, range(len(tokens) - 1, -1, -1))
        inner = _source(tokens[start + 1 : -1])
        if note.fullmatch(inner):
            found_note, tokens = inner, _trimmed(tokens[:start])
    return Parts(found_label, found_lead.strip(), _source(tokens), found_note)


def _partner(tokens: list[Token], order: Iterable[int]) -> int:
    """Where the mark at the first place of `order` ends (or begins)."""
    depth = 0
    for index in order:
        depth += tokens[index].nesting
        if depth == 0:
            return index
    raise ValueError("marks come in pairs")


def _trimmed(tokens: list[Token]) -> list[Token]:
    """Without the white space around; a space that was written as a reference is part of the text and stays."""
    while tokens and tokens[0].type == "text":
        tokens[0].content = tokens[0].content.lstrip(_WHITE)
        if tokens[0].content:
            break
        tokens = tokens[1:]
    while tokens and tokens[-1].type == "text":
        tokens[-1].content = tokens[-1].content.rstrip(_WHITE)
        if tokens[-1].content:
            break
        tokens = tokens[:-1]
    return tokens


def _source(tokens: Iterable[Token]) -> str:
    return "".join(_source_of(token) for token in tokens)


def _source_of(token: Token) -> str:
    if token.type == "softbreak":
        return " "
    if token.type == "hardbreak":
        return "\n"
    if token.type == "code_inline":
        pad = " " if token.content.startswith("`") or token.content.endswith("`") else ""
        return f"{token.markup}{pad}{token.content}{pad}{token.markup}"
    if token.type in _MARKS:
        return token.markup
    if token.info == "entity" and (match := _REFERENCE.fullmatch(token.markup)):
        point = int(match[1], 16) if match[1] else int(match[2])
        # CommonMark has no references to control characters; a text may hold them all the same
        if 0 < point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF:
            return chr(point)
    return token.content


def paragraph_of(markdown: str, shape: tuple[str, ...] = PARAGRAPH) -> str | None:
    """The inline Markdown of a document that is one block of this shape, None when it is anything else."""
    tokens = MARKDOWN.parse(markdown)
    if tuple(token.type for token in tokens) != shape:
        return None
    return next(token.content for token in tokens if token.type == "inline")


def spell(
    text: str,
    shape: tuple[str, ...],
    before: str,
    after: str,
    *,
    label: re.Pattern[str] | None = None,
    lead: re.Pattern[str] | None = None,
    note: re.Pattern[str] | None = None,
) -> str:
    """`before`, `text` and `after` as one block of Markdown of which the same patterns read `text` again."""
    line_end = {PARAGRAPH: "\\\n", HEADING: "&#10;", ITEM: "\\\n  "}[shape]
    light = f"{before}{line_end.join(map(_light, text.split(chr(10))))}{after}"
    content = paragraph_of(light, shape)
    if content is not None and read_inline(content, label=label, lead=lead, note=note).text == text:
        return light
    body = text.rstrip("\n")
    full = line_end.join(map(escape, body.split("\n"))) + "&#10;" * (len(text) - len(body))
    return f"{before}{full}{after}"


def spell_label(text: str) -> str:
    """`text` as it stands between two strong marks, in one line."""
    light = "&#10;".join(map(_light, text.split("\n")))
    # a lone backtick would find its partner in the text that follows, where a backslash does not hide it
    if "`" not in text and read_inline(f"**{light}**", label=ANYTHING).label == text:
        return light
    return "&#10;".join(map(escape, text.split("\n")))


def _light(line: str) -> str:
    """The line as it stands when Markdown reads it unchanged, else escaped."""
    shown = _UNSEEN.sub(_reference, line)
    content = paragraph_of(shown)
    is_same = not line or (content is not None and read_inline(content).text == line)
    return shown if is_same else escape(line)


def escape(line: str) -> str:
    """One line in which nothing means anything to Markdown."""
    core = line.strip()
    start = line.index(core) if core else len(line)
    middle = _UNSEEN.sub(_reference, _AT_START.sub(r"\1\\", _SPECIAL.sub(r"\\\g<0>", core)))
    return _references(line[:start]) + middle + _references(line[start + len(core) :])


def _reference(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


def _references(text: str) -> str:
    return "".join(f"&#{ord(character)};" for character in text)
