"""Writes of triage; one module per thing that is written."""

from leadroom.triage.actions.adjudicating import note_opinions, note_unanswered, reserve_asks, set_adjudication
from leadroom.triage.actions.checking import record_check
from leadroom.triage.actions.comparing import note_comparison
from leadroom.triage.actions.filing import bring_in, file_report, mark
from leadroom.triage.actions.importing import Imported, import_findings
from leadroom.triage.actions.indexing import reindex
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
    "Imported",
    "accept",
    "bring_in",
    "cut",
    "file_report",
    "forget_filter",
    "import_findings",
    "link_by_hand",
    "mark",
    "mark_finding",
    "note_comparison",
    "note_effect",
    "note_opinions",
    "note_settled",
    "note_unanswered",
    "pass_over",
    "record_check",
    "reindex",
    "reserve_asks",
    "reweigh",
    "route",
    "save_filter",
    "set_adjudication",
    "set_state",
    "snooze",
    "split",
    "teach",
    "undo",
    "wake",
]
