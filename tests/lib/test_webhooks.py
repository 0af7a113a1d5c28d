"""Signatures of webhooks, against the example of the specification's own libraries."""

import datetime as dt

import pytest

from leadroom.lib.webhooks import PREFIX, Refused, headers, new_secret, sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
AT = dt.datetime.fromtimestamp(1614265330, tz=dt.UTC)
KNOWN = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def checked(**changes: object) -> Refused | None:
    given = {
        "known": [SECRET],
        "id": ID,
        "timestamp": "1614265330",
        "signature": KNOWN,
        "body": BODY,
        "now": AT,
        **changes,
    }
    return verify(given.pop("known"), **given)  # type: ignore[arg-type]


def test_the_published_example_holds() -> None:
    assert sign(SECRET, id=ID, at=AT, body=BODY) == KNOWN
    assert checked() is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"body": BODY + b" "}, Refused.WRONG),
        ({"id": "msg_other"}, Refused.WRONG),
        ({"timestamp": "1614265331"}, Refused.WRONG),
        ({"known": [new_secret()]}, Refused.WRONG),
        ({"known": []}, Refused.WRONG),
        ({"signature": "v1a," + KNOWN[3:]}, Refused.WRONG),
        ({"signature": "v1,ä"}, Refused.WRONG),
        ({"signature": ""}, Refused.NO_HEADERS),
        ({"id": "a b"}, Refused.BAD_ID),
        ({"id": "x" * 201}, Refused.BAD_ID),
        ({"timestamp": "soon"}, Refused.BAD_TIME),
        ({"timestamp": "²"}, Refused.BAD_TIME),
        ({"timestamp": "9" * 40}, Refused.BAD_TIME),
        ({"now": AT + dt.timedelta(seconds=301)}, Refused.TOO_OLD),
        ({"now": AT - dt.timedelta(seconds=301)}, Refused.IN_FUTURE),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(changes: dict, why: Refused) -> None:
    assert checked(**changes) is why


def test_one_of_several_signatures_and_one_of_two_secrets_is_enough() -> None:
    assert checked(signature=f"v1,AAAA v2,zzz {KNOWN}") is None
    assert checked(known=[new_secret(), SECRET]) is None
    assert checked(now=AT + dt.timedelta(seconds=300)) is None


def test_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(one.startswith(PREFIX) and len(one) == 50 for one in made)
    assert set(headers(made.pop(), id="m", at=AT, body=b"")) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
