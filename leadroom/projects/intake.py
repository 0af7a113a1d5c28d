"""What kind of request somebody brings, what it is called, and where it came from. Pure; nothing is ever fetched."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import urlsplit

from leadroom.lib.errors import BadInput
from leadroom.projects.enums import Origin

REF_LIMIT = 1_000
TITLE_LIMIT = 200

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(---|\.\.\.)[ \t]*(\n|\Z)", re.DOTALL)
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_TITLE_LINE = re.compile(r"[*_]{0,2}title[*_]{0,2}[ \t]*:[*_]{0,2}[ \t]*(\S.*)", re.IGNORECASE)
_TITLE_WITHIN = 5
"""Filled lines in which a line `Title:` counts; further down it is about something else."""
_ISSUE_PATH = re.compile(
    r"/(issues|issue|pull|merge_requests|browse|bugs?|tickets?|show_bug\.cgi|story)\b", re.IGNORECASE
)
_ISSUE_TAIL = re.compile(
    r"\s*(·|\||-|–)\s*((bug|feature|pull request|issue)\s+)?#\d+(\s*(·|\||-|–)\s*\S+/\S+)?(\s*(·|\||-|–)\s*GitHub)?\s*$"
    r"|\s+\(?#\d+\)?\s*$",
    re.IGNORECASE,
)
_ISSUE_HEAD = re.compile(
    r"(?:(?:bug|issue|feature request|ticket) #?\d+|[A-Z][A-Z0-9]{1,9}-\d+)\s*[:·|–-]\s+"
    r"|(?:[\w.-]+/[\w.-]+)?#\d+\s*[:·|–-]?\s+|\[(?:bug|feature|feature request|issue|[A-Z][A-Z0-9]{1,9}-\d+)\]\s*:?\s*",
    re.IGNORECASE,
)
_ISSUE_SIGNS = re.compile(
    r"^[#*\s]*(steps to reproduce|expected (behaviou?r|result)|actual (behaviou?r|result)|current behaviou?r|"
    r"to reproduce|reproduction)\b"
    r"|\b(opened|reported|created) (this|an) issue\b|^[#*\s]*labels?:\s",
    re.IGNORECASE | re.MULTILINE,
)
_CRITERIA = re.compile(
    r"^[#*\s]*acceptance criteria\b|^[-*]\s+(\[[ xX]\]\s+)?(\*\*)?AC-?\d+", re.IGNORECASE | re.MULTILINE
)
_LEAD_IN = re.compile(r"^(?:>\s?|[-*+]\s+|\d+[.)]\s+)+")


def origin_of(text: str, *, ref: str = "", file_name: str = "") -> Origin:
    """Whether this is a free text, a pasted or saved issue, or a document.

    An address or the words of an issue's form make an issue; a file, front matter or two headings make a document.
    """
    body = _FRONT_MATTER.sub("", text, count=1)
    headings = [title for _, title in _headings(body)]
    is_structured = body != text or len(headings) >= 2
    if ref and _ISSUE_PATH.search(urlsplit(ref).path):
        return Origin.ISSUE
    if _ISSUE_SIGNS.search(body) and body == text:
        return Origin.ISSUE
    if _ISSUE_HEAD.match(_first_line(body)) or _ISSUE_TAIL.search(_first_line(body)):
        return Origin.ISSUE
    if file_name or is_structured:
        return Origin.DOCUMENT
    return Origin.ISSUE if ref else Origin.TEXT


def title_of(text: str) -> str:
    """What the request is called: a line `Title:`, the first heading, an issue's headline, else the first line.

    The title in front matter counts only when no line and no top heading says another. At most TITLE_LIMIT characters.
    """
    front = _FRONT_MATTER.match(text)
    body = _FRONT_MATTER.sub("", text, count=1)
    filled = [line.strip() for line in body.splitlines() if line.strip()]
    named = next((found[1] for line in filled[:_TITLE_WITHIN] if (found := _TITLE_LINE.fullmatch(line))), "")
    title = named or _top_heading(body) or (_front_title(front[0]) if front else "")
    title = title or _heading_title(body) or (filled[0] if filled else _first_line(text))
    title = _LEAD_IN.sub("", title).strip() or title
    head = _ISSUE_HEAD.match(title)
    short = _ISSUE_TAIL.sub("", title[head.end() :] if head else title).strip()
    return " ".join((short or title).split())[:TITLE_LIMIT]


def has_criteria(text: str) -> bool:
    """Whether the text itself says how one would see that it is met."""
    return bool(_CRITERIA.search(text))


def _top_heading(body: str) -> str:
    return next((title for level, title in _headings(body) if level == 1), "")


def _heading_title(body: str) -> str:
    """The first heading, when nothing stands above it."""
    starts_with_one = bool(_HEADING.fullmatch(_first_line(body)))
    return next((title for _, title in _headings(body)), "") if starts_with_one else ""


def _front_title(front: str) -> str:
    found = re.search(r"^title:[ \t]*(\S.*?)[ \t]*$", front, re.IGNORECASE | re.MULTILINE)
    return found[1].strip("'\"") if found else ""


def _first_line(body: str) -> str:
    return next((line.strip() for line in body.splitlines() if line.strip()), "")


def _headings(body: str) -> Iterator[tuple[int, str]]:
    """Level and text of Markdown headings outside fenced code."""
    fence = ""
    for line in body.splitlines():
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and (found := _HEADING.fullmatch(line)) and found[2]:
            yield len(found[1]), found[2]


def check_ref(given: str) -> str:
    """The address a request came from, as it is stored; empty stays empty. Raises BadInput."""
    ref = given.strip()
    if not ref:
        return ""
    if len(ref) > REF_LIMIT:
        raise BadInput(f"The address has {len(ref):,} characters; {REF_LIMIT:,} is the limit. Nothing was created.")
    try:
        parts = urlsplit(ref)
        host, user = parts.hostname, parts.username
        _ = parts.port
    except ValueError:
        host, user, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or not ref.isprintable() or " " in ref:
        raise BadInput(
            "Where it came from must be a whole address that begins with http:// or https://; nothing was created. "
            "Leave the field empty if there is none."
        )
    if user is not None:
        raise BadInput("The address has a user name or password in it; nothing was created. Take that part out.")
    return ref


def check_not_only_address(text: str) -> None:
    """Raises BadInput for a request that is nothing but an address, because nobody here would open it."""
    words = text.split()
    if len(words) == 1 and re.match(r"https?://", words[0], re.IGNORECASE):
        raise BadInput(
            "The request is only an address, and Leadroom fetches no requests, so no item was created. Paste the text "
            "that stands there, and put the address under “Where it came from”."
        )


def name_of_file(given: str) -> str:
    """The last part of an uploaded file's name, whatever the browser sent before it."""
    name = PurePosixPath(PureWindowsPath(given).name).name
    return "".join(letter for letter in name if letter.isprintable())[:255]
