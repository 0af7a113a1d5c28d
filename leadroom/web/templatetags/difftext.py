"""Unified diffs, as git prints them, made into rows with syntax colour and word marks, in linear time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise, zip_longest

from django.utils.safestring import SafeString, mark_safe
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, Token, _TokenType

from leadroom.web.templatetags.safetext import plain_html

LINE_LIMIT = 2_000  # rows drawn per file
SOURCE_LIMIT = 60_000  # characters of a hunk worth colouring
PIECE_LIMIT = 8_000  # characters lexed at once: lexers take time with the square of what they never find the end of
OPEN_LIMIT = 20  # comments a piece may open without closing them
COLOUR_LIMIT = 400  # characters of a line worth colouring or comparing
_HUNK = re.compile(r"^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_QUOTED = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)
_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
_LEXERS = {
    **{name: name for name in ("json", "html", "css", "toml", "yaml", "sql", "go", "c", "java")},
    **{"py": "python", "pyi": "python", "js": "javascript", "ts": "typescript"},
    **{"yml": "yaml", "sh": "bash", "rs": "rust"},
}
_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "hl-c"),
    (Keyword, "hl-k"),
    (String, "hl-s"),
    (Number, "hl-n"),
    (Name.Function, "hl-f"),
    (Name.Class, "hl-f"),
    (Name.Decorator, "hl-f"),
)

Row = tuple[str, int | None, int | None, str]  # kind, old number, new number, code
Span = tuple[int, int]
Colour = tuple[int, int, str]


@dataclass(frozen=True)
class DiffLine:
    """`kind` is add, del, same, hunk or note; `html` is safe."""

    kind: str
    old: int | None
    new: int | None
    html: SafeString


@dataclass
class FileDiff:
    """One file of a diff; `change` is changed, added, removed, renamed or binary."""

    path: str
    old_path: str = ""
    change: str = "changed"
    added: int = 0
    removed: int = 0
    not_shown: int = 0
    lines: list[DiffLine] = field(default_factory=list)


def parse_diff(text: str) -> list[FileDiff]:
    """Files of a unified diff in order; text that is no diff gives an empty list."""
    files: list[FileDiff] = []
    rows = text.split("\n")
    at = 0
    while at < len(rows):
        row = rows[at]
        at += 1
        if row.startswith("diff --git ") or (row.startswith("--- ") and not (files and not files[-1].lines)):
            files.append(FileDiff(path=_named(row)))
        if not files:
            continue
        if match := _HUNK.match(row):
            at = _hunk(files[-1], rows, at, match)
        else:
            _header(files[-1], row)
    return files


def _named(row: str) -> str:
    """The path of a header. Both halves of `diff --git` are the same but for a rename, which says so itself."""
    names = row.removeprefix("diff --git ")
    if names == row:
        return _name(row[4:])
    half = len(names) // 2
    first, second = _name(names[:half]), _name(names[half + 1 :])
    return second if first == second and names[half : half + 1] == " " else names


def _name(text: str) -> str:
    """A file's name as git writes it, without the `a/` or `b/` and its quotes."""
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        text = _QUOTED.sub(_unquoted, text[1:-1].encode("utf-8", "surrogatepass")).decode("utf-8", "backslashreplace")
    return text[2:] if text.startswith(("a/", "b/")) else text


def _unquoted(match: re.Match[bytes]) -> bytes:
    """The byte; a line break or tab in a name stays the `\\n` or `\\t` that git shows."""
    code = match[1]
    if code.isdigit():
        return bytes([int(code, 8)])
    return code if code in b'\\"' else match[0]


def _header(file: FileDiff, row: str) -> None:
    if row.startswith("+++ ") and row != "+++ /dev/null":
        file.path = _name(row[4:].removesuffix("\t"))  # git ends a name that holds a space with a tab
    elif row.startswith("rename to "):
        file.path = _name(row[10:])
    elif row.startswith("new file"):
        file.change = "added"
    elif row.startswith("deleted file"):
        file.change = "removed"
    elif row.startswith("rename from "):
        file.change, file.old_path = "renamed", _name(row[12:])
    elif row.startswith(("Binary files", "GIT binary patch")):
        file.change = "binary"


def _hunk(file: FileDiff, rows: list[str], at: int, match: re.Match[str]) -> int:
    """Reads one hunk by its own counts (its text may look like a header); returns the next row's index."""
    old, new = int(match[1]), int(match[3])
    old_left, new_left = int(match[2] or 1), int(match[4] or 1)
    body: list[Row] = []
    while at < len(rows) and (old_left > 0 or new_left > 0 or rows[at].startswith("\\")):
        sign, code = rows[at][:1], rows[at][1:]
        if sign == "+":
            body.append(("add", None, new, code))
            new, new_left, file.added = new + 1, new_left - 1, file.added + 1
        elif sign == "-":
            body.append(("del", old, None, code))
            old, old_left, file.removed = old + 1, old_left - 1, file.removed + 1
        elif sign == "\\":
            body.append(("note", None, None, code.strip()))
        elif sign in (" ", ""):
            body.append(("same", old, new, code))
            old, new, old_left, new_left = old + 1, new + 1, old_left - 1, new_left - 1
        else:
            break
        at += 1
    room = LINE_LIMIT - len(file.lines)
    file.not_shown += max(0, len(body) - max(0, room))
    if room > 0:
        file.lines.append(DiffLine("hunk", None, None, plain_html(rows[at - len(body) - 1][:200])))
        file.lines.extend(_draw(file.path, body[:room]))
    return at


def _draw(path: str, body: list[Row]) -> list[DiffLine]:
    marks = _word_marks(body)
    colours = _colours(path, body)
    return [
        DiffLine(kind, old, new, _line_html(code, colours.get(index, []), marks.get(index, []), kind))
        for index, (kind, old, new, code) in enumerate(body)
    ]


def _word_marks(body: list[Row]) -> dict[int, list[Span]]:
    """Changed words of lines that replace one another, by row index."""
    marks: dict[int, list[Span]] = {}
    at = 0
    while at < len(body):
        start = at
        while at < len(body) and body[at][0] == "del":
            at += 1
        middle = at
        while at < len(body) and body[at][0] == "add":
            at += 1
        for gone, come in zip_longest(range(start, middle), range(middle, at)):
            if gone is not None and come is not None:
                _compare(body[gone][3], body[come][3], marks, gone, come)
        at = max(at, start + 1)
    return marks


def _compare(before: str, after: str, marks: dict[int, list[Span]], gone: int, come: int) -> None:
    """Marks what lies between the common start and end, in whole words; linear, unlike a full comparison."""
    if max(len(before), len(after)) > COLOUR_LIMIT:
        return
    left, right = _WORD.findall(before), _WORD.findall(after)
    shorter = min(len(left), len(right))
    head = next((at for at in range(shorter) if left[at] != right[at]), shorter)
    tail = next((at for at in range(shorter - head) if left[-1 - at] != right[-1 - at]), shorter - head)
    kept = "".join(left[:head] + left[len(left) - tail :]).strip()
    if len(kept) < 0.3 * len(before.strip()):  # two unrelated lines: marking every word says nothing
        return
    for row, words in ((gone, left), (come, right)):
        low, high = len("".join(words[:head])), len("".join(words[: len(words) - tail]))
        if high > low:
            marks[row] = [(low, high)]


def _colours(path: str, body: list[Row]) -> dict[int, list[Colour]]:
    """Syntax spans by row index; the sides of a hunk are lexed apart, many rows at once, for strings over lines."""
    name = _LEXERS.get(path.rpartition(".")[2].lower())
    if name is None:
        return {}
    lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    spans: dict[int, list[Colour]] = {}
    for side in ("del", "add"):
        indexes = [index for index, row in enumerate(body) if row[0] in (side, "same")]
        if any(len(body[index][3]) > COLOUR_LIMIT for index in indexes):
            continue
        if sum(len(body[index][3]) + 1 for index in indexes) > SOURCE_LIMIT:
            continue
        for piece in _pieces(indexes, body):
            _colour(lexer, piece, body, spans, side)
    return spans


def _pieces(indexes: list[int], body: list[Row]) -> Iterator[list[int]]:
    """Neighbouring rows of together at most PIECE_LIMIT characters."""
    piece: list[int] = []
    size = 0
    for index in indexes:
        size += len(body[index][3]) + 1
        if piece and size > PIECE_LIMIT:
            yield piece
            piece, size = [], len(body[index][3]) + 1
        piece.append(index)
    if piece:
        yield piece


def _colour(lexer: Lexer, indexes: list[int], body: list[Row], spans: dict[int, list[Colour]], side: str) -> None:
    source = "\n".join(body[index][3] for index in indexes)
    if source.count("/*") - source.count("*/") > OPEN_LIMIT:
        return
    row, column = 0, 0
    for _, kind, value in lexer.get_tokens_unprocessed(source):
        css = _css(kind)
        for number, piece in enumerate(value.split("\n")):
            if number:
                row, column = row + 1, 0
            if css and piece and row < len(indexes) and (side == "add" or body[indexes[row]][0] == "del"):
                spans.setdefault(indexes[row], []).append((column, column + len(piece), css))
            column += len(piece)


def _css(kind: _TokenType) -> str:
    if kind is Token.Text:
        return ""
    return next((css for token, css in _CLASSES if kind in token), "")


def _line_html(code: str, colours: list[Colour], marks: list[Span], kind: str) -> SafeString:
    if not colours and not marks:
        return plain_html(code)
    word = "del" if kind == "del" else "ins"
    edges = {0, len(code)}
    edges.update(edge for low, high, _ in colours for edge in (low, high))
    edges.update(edge for span in marks for edge in span)
    cuts = sorted(edge for edge in edges if 0 <= edge <= len(code))
    parts, colour_at, mark_at = [], 0, 0
    for low, high in pairwise(cuts):
        while colour_at < len(colours) and colours[colour_at][1] <= low:
            colour_at += 1
        while mark_at < len(marks) and marks[mark_at][1] <= low:
            mark_at += 1
        piece: str = plain_html(code[low:high])
        if colour_at < len(colours) and colours[colour_at][0] <= low:
            piece = f'<span class="{escape(colours[colour_at][2])}">{piece}</span>'
        if mark_at < len(marks) and marks[mark_at][0] <= low:
            piece = f"<{word}>{piece}</{word}>"
        parts.append(piece)
    return mark_safe("".join(parts))  # noqa: S308 - pieces are escaped, tags and classes are ours
