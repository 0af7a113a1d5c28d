"""Hostile text made safe to show: nothing is executed, nothing stays invisible, every pass is linear."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

MARKDOWN_LIMIT = 200_000
CHIPS_LIMIT = 32
"""Hidden characters of one text that get a chip each; the rest are drawn small, or a page of them would be a flood."""

# controls but tab and newline, bidi, zero width, fillers, format controls, tags, variation selectors (of the
# two that emoji need only those that follow nothing they could vary), surrogates
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|(?<=[^#*0-9\xa9-\ufdff\ufe10-\U0010ffff])[\ufe0e\ufe0f]"
)
_CONTROL_NAMES = {
    0x00: "NULL",
    0x07: "BELL",
    0x08: "BACKSPACE",
    0x0D: "CARRIAGE RETURN",
    0x1B: "ESCAPE",
    0x7F: "DELETE",
}


@cache
def _chip(character: str) -> str:
    point = ord(character)
    name = _CONTROL_NAMES.get(point) or unicodedata.name(character, "hidden character")
    return format_html('<span class="chip-char" title="U+{0} {1}">U+{0}</span>', f"{point:04X}", name)


def _with_chips(escaped: str) -> str:
    """Escaped text with its hidden characters made visible: the first as chips, those past CHIPS_LIMIT as U+FFFD."""
    count = 0

    def show(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return _chip(match[0]) if count <= CHIPS_LIMIT else "\ufffd"

    shown = _HIDDEN.sub(show, escaped)
    if count <= CHIPS_LIMIT:
        return shown
    return shown + format_html(
        ' <span class="chip-char" title="drawn as U+FFFD">{} more hidden characters</span>', f"{count - CHIPS_LIMIT:,}"
    )


def plain_html(text: str) -> SafeString:
    """Escaped text in which every invisible or direction-changing character is visible, most as chips."""
    return mark_safe(_with_chips(str(escape(text))))  # noqa: S308 - escaped first, chips made by format_html


def hidden_characters(text: str) -> int:
    """How many characters of `text` a reader would not see; an approval asks to acknowledge them."""
    return len(_HIDDEN.findall(text))


# SGR is drawn; other control sequences are dropped, a title's or link's payload only within its line
_SEQUENCE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;]{0,64})m"
    r"|\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)"
    r"|\x1b[()#%*+][ -~]"
    r"|\x1b[=>78McDEHNOZ]"
)
_STYLES = {1: "b", 2: "d", 3: "i", 4: "u", 7: "v", 9: "s"}
_ENDS = {22: "bd", 23: "i", 24: "u", 27: "v", 29: "s"}


class _Pen:
    """The terminal's pen; its classes come from a closed set, so nothing of the input leaks into markup."""

    def __init__(self) -> None:
        self.styles: set[str] = set()
        self.front: int | None = None
        self.back: int | None = None

    def classes(self) -> str:
        names = [f"ansi-{style}" for style in sorted(self.styles)]
        names += [] if self.front is None else [f"ansi-{self.front}"]
        names += [] if self.back is None else [f"ansi-bg-{self.back}"]
        return " ".join(names)

    def apply(self, codes: Sequence[int]) -> None:
        rest = list(reversed(codes or [0]))
        while rest:
            code = rest.pop()
            if code == 0:
                self.__init__()  # type: ignore[misc]
            elif code in _STYLES:
                self.styles.add(_STYLES[code])
            elif code in _ENDS:
                self.styles -= set(_ENDS[code])
            elif code in (38, 48):
                colour = _extended(rest)
                if code == 38:
                    self.front = colour
                else:
                    self.back = colour
            elif code in (39, 49):
                self.front, self.back = (None, self.back) if code == 39 else (self.front, None)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.front = code - 30 if code < 90 else code - 82
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.back = code - 40 if code < 100 else code - 92


def _extended(rest: list[int]) -> int | None:
    """Takes a 256- or true-colour operand off the stack: the nearest of the sixteen, None when malformed."""
    mode = rest.pop() if rest else 0
    if mode == 5 and rest:
        index = min(rest.pop(), 255)
        if index < 16:
            return index
        if index >= 232:
            return _nearest(*[8 + 10 * (index - 232)] * 3)
        cube = index - 16
        return _nearest(*(51 * (cube // step % 6) for step in (36, 6, 1)))
    if mode == 2 and len(rest) >= 3:
        return _nearest(rest.pop(), rest.pop(), rest.pop())
    return None


def _nearest(red: int, green: int, blue: int) -> int:
    parts = [min(part, 255) for part in (red, green, blue)]
    high, low = max(parts), min(parts)
    if high - low < 48:
        return 0 if high < 64 else 8 if high < 144 else 7
    return sum(1 << bit for bit, part in enumerate(parts) if part > (high + low) / 2)


def ansi_html(text: str) -> SafeString:
    """Terminal output as escaped HTML: SGR colours as `ansi-…` spans, other sequences dropped, overwritten
    lines kept as lines of their own (nothing a program printed is hidden from the reader)."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    pen, parts, last = _Pen(), [], 0

    def flush(end: int) -> None:
        if end > last:
            shown, classes = plain_html(text[last:end]), pen.classes()
            parts.append(f'<span class="{classes}">{shown}</span>' if classes else shown)

    for match in _SEQUENCE.finditer(text):
        flush(match.start())
        last = match.end()
        if match["sgr"] is not None:
            pen.apply([int(code[:4] or 0) for code in match["sgr"].split(";")])
    flush(len(text))
    return mark_safe("".join(parts))  # noqa: S308 - parts are escaped, classes from a closed set


_Rule = Callable[..., str]


def _text_rule(before: str, after: str) -> _Rule:
    def rule(_self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
        return before + _with_chips(escapeHtml(tokens[index].content)) + after

    return rule


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    parser.add_render_rule("text", _text_rule("", ""))
    parser.add_render_rule("code_inline", _text_rule("<code>", "</code>"))
    for block in ("code_block", "fence"):
        parser.add_render_rule(block, _text_rule("<pre><code>", "</code></pre>\n"))
    return parser


_PARSER = _parser()
_TAGS = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "hr", "br"),
    *("em", "strong", "s", "a", "span", "table", "thead", "tbody", "tr", "th", "td"),
}


_ATTRIBUTES = {
    ("a", "href"),
    ("ol", "start"),
    ("span", "class"),
    ("span", "title"),
}  # spans are our own chips


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    if (tag, name) == ("a", "href"):  # no links into the house
        return value if value.startswith(("https://", "http://", "mailto:")) else None
    return value if (tag, name) in _ATTRIBUTES or name == "rel" else None


def markdown_html(text: str) -> SafeString:
    """Markdown of an agent or a repository: no raw HTML, no images, links only to http(s) and mail and never
    followed for rank. Above MARKDOWN_LIMIT characters it is shown as plain text."""
    if len(text) > MARKDOWN_LIMIT:
        return format_html('<div class="prose" hx-ignore><pre>{}</pre></div>', plain_html(text))
    clean = nh3.clean(
        _PARSER.render(text),
        tags=_TAGS,
        attributes={"a": {"href"}, "span": {"class", "title"}, "ol": {"start"}},
        attribute_filter=_keep_attribute,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(f'<div class="prose" hx-ignore>{clean}</div>')  # noqa: S308 - cleaned by nh3
