"""Signed webhooks as the Standard Webhooks specification 1.0 has them (github.com/standard-webhooks), symmetric `v1`.

The signature covers id, time and body: base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`. A secret is `whsec_` and
24 to 64 random bytes in base64.
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from enum import StrEnum

PREFIX = "whsec_"
TOLERANCE = dt.timedelta(minutes=5)
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
ID_LIMIT = 200


class Refused(StrEnum):
    """Why a webhook is not what its signature says; each a sentence for its sender."""

    NO_HEADERS = "The headers webhook-id, webhook-timestamp and webhook-signature are needed; nothing was stored."
    BAD_ID = f"webhook-id must be 1 to {ID_LIMIT} printable characters without spaces; nothing was stored."
    BAD_TIME = "webhook-timestamp must be whole seconds since 1970; nothing was stored."
    TOO_OLD = (
        "webhook-timestamp is more than 5 minutes ago; nothing was stored. Send it anew, with the time of sending."
    )
    IN_FUTURE = "webhook-timestamp lies more than 5 minutes ahead; nothing was stored. Set the sender's clock."
    WRONG = "The signature does not fit this project's secret; nothing was stored."


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, *, id: str, at: dt.datetime, body: bytes) -> str:
    """The value of `webhook-signature`. Raises ValueError for what is no secret."""
    return "v1," + base64.b64encode(_mac(secret, id, str(int(at.timestamp())), body)).decode()


def headers(secret: str, *, id: str, at: dt.datetime, body: bytes) -> dict[str, str]:
    """The three headers of a webhook sent at `at`."""
    return {ID: id, TIMESTAMP: str(int(at.timestamp())), SIGNATURE: sign(secret, id=id, at=at, body=body)}


def verify(
    known: Iterable[str], *, id: str, timestamp: str, signature: str, body: bytes, now: dt.datetime
) -> Refused | None:
    """None when one of the secrets `known` signed this within the tolerance, else why not. In constant time."""
    if not (id and timestamp and signature):
        return Refused.NO_HEADERS
    if len(id) > ID_LIMIT or not id.isprintable() or " " in id:
        return Refused.BAD_ID
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        return Refused.BAD_TIME
    given = [part.removeprefix("v1,") for part in signature.split(" ")[:10] if part.startswith("v1,")]
    fits = False
    for secret in known:
        wanted = base64.b64encode(_mac(secret, id, timestamp, body))
        for one in given:
            fits |= hmac.compare_digest(wanted, one.encode("utf-8", "replace"))
    if not fits:
        return Refused.WRONG
    age = now.timestamp() - int(timestamp)
    if age > TOLERANCE.total_seconds():
        return Refused.TOO_OLD
    return Refused.IN_FUTURE if -age > TOLERANCE.total_seconds() else None


def _mac(secret: str, id: str, timestamp: str, body: bytes) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is whsec_ and base64") from error
    return hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
