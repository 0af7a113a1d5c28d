"""What the alignment page sends."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest

from leadroom.lib.errors import BadInput
from leadroom.web.needs.presenters import SEEN

POSITION_DIGITS = 2
DOCUMENT_BYTES = 1_000_000


@dataclass(frozen=True)
class Pick:
    """A candidate's position or own words, and the digest of the question that was read."""

    picked: int | None
    own_answer: str
    seen: str


def read_pick(request: HttpRequest) -> Pick:
    """Raises BadInput when the form does not say what was seen, or names no candidate number."""
    position, seen = request.POST.get("picked", "").strip(), request.POST.get("seen", "").strip()
    if not seen:
        raise BadInput("The form does not say which question you saw; nothing was decided. Reload the page.")
    if position and not (position.isascii() and position.isdigit() and len(position) <= POSITION_DIGITS):
        raise BadInput("There is no such candidate; nothing was decided. Pick one that is shown.")
    return Pick(int(position) if position else None, request.POST.get("own_answer", ""), seen)


def read_seen(post: Mapping[str, str]) -> dict[str, str]:
    """Question key to the digest that was seen. Raises BadInput when there is none."""
    seen = {name.removeprefix(SEEN): value for name, value in post.items() if name.startswith(SEEN)}
    if not seen:
        raise BadInput("No open question was seen, so nothing was picked. Reload the page.")
    return seen


@dataclass(frozen=True)
class Draft:
    """A document as it was pasted or uploaded; `problem` says why it cannot even be read, else empty."""

    text: str = ""
    problem: str = ""


def read_draft(request: HttpRequest) -> Draft:
    """A chosen file counts, else the pasted text. Never raises, so that what was typed can be shown again."""
    text, file = request.POST.get("text", ""), request.FILES.get("file")
    size, what = len(text.encode(errors="replace")), "The text"
    if file is not None:
        size, what = file.size or 0, "The file"
    if size > DOCUMENT_BYTES:
        # a megabyte and more is not sent back into the form
        return Draft(problem=f"{what} has {size:,} bytes; {DOCUMENT_BYTES:,} is the limit. Nothing was stored.")
    if file is not None:
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            return Draft(text, "The file is not text in UTF-8; nothing was stored. Save it as such and try again.")
    if not text.strip():
        return Draft(problem="Paste a document or choose a file; nothing was stored.")
    return Draft(text)
