"""The tool that reaches another system: this process asks for it, never the sandbox, and what comes back is data."""

import re
from typing import cast

from django.conf import settings

from leadroom.lib import outward
from leadroom.lib.clock import now
from leadroom.lib.digest import digest_of
from leadroom.lib.shapes import clip
from leadroom.runners import shapes
from leadroom.runners.base import Outcome, Workplace
from leadroom.runners.fetched import Fetched

SECONDS = 20.0
MOST_BYTES = 1_000_000
_TEXT = re.compile(
    r"text/[a-z0-9.+-]{1,80}"
    r"|application/(?:json|xml|yaml|x-yaml|toml|ndjson|x-ndjson|javascript)"
    r"|[a-z]{1,20}/[a-z0-9.-]{1,80}\+(?:json|xml|yaml)"
)
_CHARSETS = re.compile(
    r"utf-?8|utf-?16(?:le|be)?|us-ascii|iso-8859-\d\d?|windows-125\d|shift_jis|euc-(?:jp|kr)|gbk|gb18030|big5|koi8-[ru]"
)
"""Those that the web knows (WHATWG Encoding); Python's own, such as punycode, are no way to write a page."""
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def is_text(kind: str) -> bool:
    """Whether a media type is something an agent can read."""
    return _TEXT.fullmatch(kind) is not None


async def fetch(place: Workplace, shape: shapes.Shape) -> Outcome:
    """GET one address of a listed server. Raises BadInput, Unreachable; a refusal by the server is told as one."""
    asked = cast(shapes.Fetch, shape)
    answer = await outward.get(
        asked.url,
        seconds=SECONDS,
        most_bytes=MOST_BYTES,
        is_wanted=is_text,
        may_be_private=settings.FETCHES_MAY_BE_PRIVATE,
    )
    if answer.location:
        to = _plain(clip(answer.location, 500))
        return _failed(answer, f"and points to {to} . Redirects are not followed; ask for that address if you want it.")
    if answer.body is None:
        kind = _plain(clip(answer.kind, 100)) or "no kind"
        return _failed(answer, f"with {kind}, which is no text; nothing of it was read.")
    if not answer.body:
        return _failed(answer, "with nothing in it.")
    got = Fetched(asked.url, answer.status, answer.kind, len(answer.body), digest_of(answer.body), now())
    return Outcome(f"{got.heading}\n\n{_text(answer)}", is_error=not got.is_good, extra={"fetched": got.as_json()})


def _failed(answer: outward.Answer, how: str) -> Outcome:
    return Outcome(f"The server answered {answer.status} {how}", is_error=True)


def _text(answer: outward.Answer) -> str:
    charset = answer.charset if _CHARSETS.fullmatch(answer.charset) else "utf-8"
    text = (answer.body or b"").decode(charset, "replace")
    return _plain(text.removeprefix("\ufeff").replace("\r\n", "\n"))


def _plain(text: str) -> str:
    """Without what steers a terminal."""
    return _CONTROLS.sub("\ufffd", text)


HANDLERS = {"fetch": fetch}
