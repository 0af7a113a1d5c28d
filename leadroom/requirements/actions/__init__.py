"""Writes of alignment; one module per thing that is written."""

from leadroom.requirements.actions.deciding import (
    answer_round,
    defer,
    hand_over,
    hand_over_now,
    probe,
    remark,
    reopen,
    reopen_batch,
    resolve,
    resolve_recommended,
    say_enough,
    set_care,
    take_proposal,
)
from leadroom.requirements.actions.documents import change_document, import_document, submit_document
from leadroom.requirements.actions.proposing import ask_questions, begin, propose
from leadroom.requirements.actions.sitting import fire, forget, hold, open_sitting, put_aside

__all__ = [
    "answer_round",
    "ask_questions",
    "begin",
    "change_document",
    "defer",
    "fire",
    "forget",
    "hand_over",
    "hand_over_now",
    "hold",
    "import_document",
    "open_sitting",
    "probe",
    "propose",
    "put_aside",
    "remark",
    "reopen",
    "reopen_batch",
    "resolve",
    "resolve_recommended",
    "say_enough",
    "set_care",
    "submit_document",
    "take_proposal",
]
