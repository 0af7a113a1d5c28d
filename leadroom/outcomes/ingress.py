"""Kinds of records from outside, one line each: how a row is read, and the action that stores it."""

from collections.abc import Callable
from dataclasses import dataclass

from leadroom.outcomes import actions
from leadroom.outcomes.actions import Kept
from leadroom.outcomes.intake import FLOW_SAMPLE, INCIDENT, TICKET, Shape


@dataclass(frozen=True)
class Kind:
    """`keep` takes project, rows (as `shape.read` gives them), came, by, now and webhook_id."""

    shape: Shape
    keep: Callable[..., Kept]


KINDS: dict[str, Kind] = {
    "incident": Kind(INCIDENT, actions.keep_incidents),
    "flow_sample": Kind(FLOW_SAMPLE, actions.keep_samples),
    "ticket": Kind(TICKET, actions.keep_tickets),
}
