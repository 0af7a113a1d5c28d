"""Writes of triage; one module per thing that is written."""

from leadroom.triage.actions.checking import record_check
from leadroom.triage.actions.filing import bring_in, file_report, mark
from leadroom.triage.actions.linking import accept, cut, link_by_hand, split
from leadroom.triage.actions.routing import (
    mark_finding,
    note_effect,
    note_settled,
    pass_over,
    reweigh,
    route,
    set_state,
    snooze,
    undo,
    wake,
)
from leadroom.triage.actions.teaching import forget_filter, save_filter, teach

__all__ = [
    "accept",
    "bring_in",
    "cut",
    "file_report",
    "forget_filter",
    "link_by_hand",
    "mark",
    "mark_finding",
    "note_effect",
    "note_settled",
    "pass_over",
    "record_check",
    "reweigh",
    "route",
    "save_filter",
    "set_state",
    "snooze",
    "split",
    "teach",
    "undo",
    "wake",
]
