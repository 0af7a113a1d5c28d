"""Alignments for tests, beyond what tests.factories has: rounds of questions, documents that lack something."""

from leadroom.agents import holding
from leadroom.agents.enums import WaitReason
from leadroom.projects.models import WorkItem
from leadroom.requirements import actions
from leadroom.requirements.models import Ambiguity
from tests import factories as f

_ASKED = (
    ("Which totals do members look at on a phone?", "The total they owe"),
    ("How many groups does one person belong to?", "At most five groups"),
    ("Who chooses the currency of a summary?", "The owner of the group"),
)


def make_round(item: WorkItem, count: int = 2) -> list[Ambiguity]:
    """A round of up to three open questions, with the requirements run that waits for the answers."""
    run = f.make_running_run(item)
    shapes = [
        f.question_shape(f"Q-{n:03}", question=question, assume=assume)
        for n, (question, assume) in enumerate(_ASKED[:count], start=1)
    ]
    made = actions.ask_questions(item=item, questions=shapes, by=holding.actor_of(run), now=f.NOW)
    holding.wait(run=run, reason=WaitReason.PICKS, now=f.NOW)
    return made.questions


def make_unclear(item: WorkItem) -> Ambiguity:
    """A LOW document after its one question was deferred; gives that row."""
    (row,) = f.make_ambiguities(item, 1)
    actions.defer(ambiguity=row, by=f.human(f.lead_of(item.project)), now=f.NOW)
    run = item.runs.get()
    actions.hand_over(item=item, by=f.PIPELINE, now=f.NOW)
    f.end_waiting_run(run)
    deferred = [{"text": f"{row.key}: who pays the odd cent?", "state": "deferred"}]
    f.make_document(item, confidence="LOW", missing=["Which currency?"], open_questions=deferred)
    row.refresh_from_db()
    return row
