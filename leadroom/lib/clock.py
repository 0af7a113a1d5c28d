"""The one place that reads the wall clock; actions take `now=` so that tests and replays pass it in."""

import datetime as dt


def now() -> dt.datetime:
    """Aware UTC time."""
    return dt.datetime.now(tz=dt.UTC)
