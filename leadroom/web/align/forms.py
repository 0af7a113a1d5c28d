"""What the alignment page sends."""

import contextlib
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest

from leadroom.lib.errors import BadInput
from leadroom.requirements.actions.deciding import Answer
from leadroom.requirements.enums import Care
from leadroom.requirements.rules import OWN_ANSWER_LIMIT
from leadroom.web.needs.presenters import SEEN

POSITION_DIGITS = 2
KEYS_DIGITS = 4
DOCUMENT_BYTES = 1_000_000
WAY, TEXT = "way-", "text-"
"""Prefixes of the fields of a round: how each question is answered, and in what words."""
_WAYS = ("assume", "own", "defer", "decide")


@dataclass(frozen=True)
class Pick:
    """A candidate's position or own words, the digest of the question that was read, and the decision it changes."""

    picked: int | None
    own_answer: str
    seen: str
    was: str


def _number(text: str, digits: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def read_pick(request: HttpRequest) -> Pick:
    """Raises BadInput when the form does not say what was seen, or names no candidate number."""
    position, seen = request.POST.get("picked", "").strip(), request.POST.get("seen", "").strip()
    if not seen:
        raise BadInput("The form does not say which question you saw; nothing was decided. Reload the page.")
    picked = _number(position, POSITION_DIGITS)
    if position and picked is None:
        raise BadInput("There is no such candidate; nothing was decided. Pick one that is shown.")
    return Pick(picked, request.POST.get("own_answer", ""), seen, request.POST.get("was", "").strip())


def read_keys(request: HttpRequest) -> int:
    """Key presses and clicks since the last decision, as the browser counted them; 0 when it did not."""
    return _number(request.POST.get("keys", ""), KEYS_DIGITS) or 0


def read_care(request: HttpRequest) -> Care:
    """Raises BadInput for anything but the two words."""
    try:
        return Care(request.POST.get("care", ""))
    except ValueError as error:
        raise BadInput("Say whether to ask you or to let the agent decide; nothing was changed.") from error


def read_moment(text: str) -> dt.datetime:
    """When the decisions to be undone were made. Raises BadInput."""
    with contextlib.suppress(ValueError):
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    raise BadInput("The form does not say which decisions to undo; nothing was changed. Reload the page.")


def read_seen(post: Mapping[str, str]) -> dict[str, str]:
    """Question key to the digest that was seen. Raises BadInput when there is none."""
    seen = {name.removeprefix(SEEN): value for name, value in post.items() if name.startswith(SEEN)}
    if not seen:
        raise BadInput("No open question was seen, so nothing was picked. Reload the page.")
    return seen


def read_answers(post: Mapping[str, str]) -> list[Answer]:
    """The form of a round, whole. Words without a tick are an own answer.

    Raises BadInput that names every question without an answer, and the first whose words and tick disagree.
    """
    answers, unanswered = [], []
    for key, seen in read_seen(post).items():
        text = post.get(TEXT + key, "").strip()
        way = post.get(WAY + key, "") or ("own" if text else "")
        if not way or (way == "own" and not text):
            unanswered.append(key)
            continue
        _check_answer(key, way, text)
        answers.append(Answer(key, way, seen, text))
    if unanswered:
        verb = "has" if len(unanswered) == 1 else "have"
        raise BadInput(
            f"{_listed(unanswered)} {verb} no answer yet, so nothing was sent; what you entered is kept. Answer, "
            "defer, or leave each to the agent."
        )
    return answers


def _check_answer(key: str, way: str, text: str) -> None:
    if way not in _WAYS:
        raise BadInput(f"{key} has an answer that is not offered; nothing was sent. Pick one that is shown.")
    if text and way != "own":
        raise BadInput(
            f"{key} has words of yours, and something else is ticked; nothing was sent. Tick “own answer” or empty the "
            "field."
        )
    if len(text) > OWN_ANSWER_LIMIT:
        raise BadInput(
            f"The answer to {key} has {len(text):,} characters; {OWN_ANSWER_LIMIT:,} is the limit. Nothing was sent; "
            "what you entered is kept."
        )


def _listed(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"


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
