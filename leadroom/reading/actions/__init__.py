"""Writes of reading."""

from leadroom.reading.actions.clock import close_for, make_ready
from leadroom.reading.actions.hours import begin_hours, set_hours
from leadroom.reading.actions.raw import draw_raw_read, judge_original
from leadroom.reading.actions.sitting import (
    close,
    decide_finding,
    give_verdict,
    note_mailed,
    pause,
    resume,
    see_plan,
    settle,
    start,
    take_back,
)

__all__ = [
    "begin_hours",
    "close",
    "close_for",
    "decide_finding",
    "draw_raw_read",
    "give_verdict",
    "judge_original",
    "make_ready",
    "note_mailed",
    "pause",
    "resume",
    "see_plan",
    "set_hours",
    "settle",
    "start",
    "take_back",
]
