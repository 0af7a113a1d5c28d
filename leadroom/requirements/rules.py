"""What may be proposed, picked and submitted."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Origin, Risk, Stage
from leadroom.projects.intake import has_criteria
from leadroom.projects.models import WorkItem
from leadroom.requirements.enums import AMBIGUITIES, AmbiguityState, Care, Strategy
from leadroom.requirements.lint import Known, check_questions
from leadroom.requirements.models import Alignment, Ambiguity

AMBIGUITY_LIMIT = 20
"""How many a person is asked at a time; what the agent is surest of beyond that is left to it, and shown."""
OWN_ANSWER_LIMIT = 5_000
REMARK_LIMIT = 5_000
ROUND_LIMITS = {Risk.LIGHT: 1, Risk.STANDARD: 3, Risk.CRITICAL: 5}
TRIVIAL = 0.9
"""A round of questions whose answers the agent would all bet on this much is not worth a person's time."""
HABIT_DECISIONS = 8
HABIT_SHARE = 0.9
PAUSE_SECONDS = 300
"""A longer gap between two acts was a pause, not attention."""
SITTING_MINUTES = 15
"""After so long without an act a sitting is over and stands in nobody's way."""
_SHOWN_FINDINGS = 10
_LONG_REQUEST, _SHORT_REQUEST = 2_000, 12
_STRUCTURE = re.compile(r"^(#{1,4} |[-*] |\d+[.)] )", re.MULTILINE)


def strategy_for(item: WorkItem) -> tuple[Strategy, str]:
    """How the agent begins, and the reason a person is shown. A rule, so that the same request begins the same way."""
    words, parts = len(item.request.split()), len(_STRUCTURE.findall(item.request))
    if item.risk == Risk.CRITICAL:
        return Strategy.MIXED, "critical: what is unclear is asked first, then choices are proposed"
    if item.origin == Origin.DOCUMENT and has_criteria(item.request):
        return Strategy.PROPOSE, "a document with acceptance criteria; only what it leaves open is proposed"
    if len(item.request) >= _LONG_REQUEST or parts >= 5:
        return Strategy.PROPOSE, "the request says much; only what it leaves open is proposed"
    if words < _SHORT_REQUEST:
        return Strategy.QUESTION, f"the request has only {count_of(words, 'word')}; what it means is asked first"
    return Strategy.PROPOSE, "the request says what is wanted; what it leaves open is proposed"


def care_default(item: WorkItem, dimension: str, history: Mapping[str, tuple[int, int]]) -> tuple[Care, str]:
    """Who decides unless a person says otherwise, with the reason shown. `history`: dimension to (taken, decided)."""
    taken, decided = history.get(dimension, (0, 0))
    is_habit = decided >= HABIT_DECISIONS and taken >= HABIT_SHARE * decided
    if item.risk == Risk.STANDARD and is_habit:
        return Care.DECIDE, f"you took the recommendation in {taken} of your last {decided} decisions on {dimension}"
    return Care.ASK, ""


def is_asked(ambiguity: Ambiguity, risk: str) -> bool:
    """Whether this open row waits for a person. Light items ask nothing unless the lead wants to be asked."""
    if ambiguity.state != AmbiguityState.OPEN or ambiguity.care == Care.DECIDE:
        return False
    return risk != Risk.LIGHT or bool(ambiguity.care_reason)


def rank(ambiguities: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The least certain first: where the agent would bet on its recommendation anyway, a person changes little."""
    return sorted(ambiguities, key=lambda given: given["candidates"][given["recommended"] - 1]["confidence"])


def check_can_propose(
    item: WorkItem,
    ambiguities: Sequence[Mapping[str, Any]],
    *,
    known: Iterable[Known] = (),
    before: Mapping[str, str] | None = None,
) -> None:
    """Raises BadInput or NotPermitted with sentences the agent can act on. `before`: earlier keys to questions."""
    if item.stage != Stage.ALIGN:
        raise NotPermitted("Alignment of this item is over; ambiguities can no longer be proposed.")
    for what, values in (
        ("key", [a["key"] for a in ambiguities]),
        ("question", [a["question"] for a in ambiguities]),
    ):
        if twice := [value for value, n in Counter(values).items() if n > 1]:
            raise BadInput(f"Each {what} may appear once; {twice[0]!r} appears more often.")
    for ambiguity in ambiguities:
        if ambiguity["recommended"] > len(ambiguity["candidates"]):
            raise BadInput(f"{ambiguity['key']} recommends a candidate that is not there.")
    _check_conflicts(ambiguities, set(before or ()))
    refuse_findings(check_questions(ambiguities, known=known, before=before or {}))


def refuse_findings(found: Sequence[str]) -> None:
    """Raises BadInput with every finding, a line each, when there is one."""
    if not found:
        return
    more = f"\n… and {len(found) - _SHOWN_FINDINGS} more" if len(found) > _SHOWN_FINDINGS else ""
    listed = "\n".join(f"- {sentence}" for sentence in found[:_SHOWN_FINDINGS])
    raise BadInput(f"Nothing was stored. Mend this and send all of them again:\n{listed}{more}")


def _check_conflicts(ambiguities: Sequence[Mapping[str, Any]], stored: set[str]) -> None:
    sizes = {given["key"]: len(given["candidates"]) for given in ambiguities}
    for given in ambiguities:
        for candidate in given["candidates"]:
            for other in candidate.get("conflicts", []):
                key, _, position = other.partition(":")
                is_there = key in sizes and position.isdecimal() and 1 <= int(position) <= sizes[key]
                if key == given["key"] or not (is_there or key in stored):
                    raise BadInput(f"{given['key']} names {other!r} as a conflict, and there is no such candidate.")


def check_proposals(proposals: Sequence[Mapping[str, Any]], ambiguities: Sequence[Mapping[str, Any]]) -> None:
    """Raises BadInput unless every proposal has a possible, consistent choice for every ambiguity and differs."""
    sizes = {given["key"]: len(given["candidates"]) for given in ambiguities}
    rejects = {
        (g["key"], n): c.get("conflicts", []) for g in ambiguities for n, c in enumerate(g["candidates"], start=1)
    }
    seen: dict[str, str] = {}
    for proposal in proposals:
        name, choices = f"Proposal {proposal['key']}", proposal["choices"]
        if absent := sorted(set(sizes) - set(choices)):
            raise BadInput(f"{name} is no complete draft: it says nothing on {absent[0]}. Choose for every ambiguity.")
        if wrong := [key for key, n in choices.items() if not 1 <= n <= sizes.get(key, 0)]:
            raise BadInput(f"{name} chooses a candidate of {wrong[0]} that is not there.")
        for key, n in choices.items():
            for other in rejects[(key, n)]:
                if choices.get(other.partition(":")[0]) == int(other.partition(":")[2]):
                    raise BadInput(f"{name} contradicts itself: {key}:{n} cannot be combined with {other}.")
        same = repr(sorted(choices.items()))
        if same in seen:
            raise BadInput(f"Proposals {seen[same]} and {proposal['key']} choose the same everywhere; keep one.")
        seen[same] = proposal["key"]


def questions_to_keep(
    item: WorkItem, alignment: Alignment, questions: Sequence[Mapping[str, Any]], before: Mapping[str, str]
) -> str:
    """Why this round of questions is not put to the lead, else empty (PRODUCT section 3, the stop rules)."""
    limit = ROUND_LIMITS[Risk(item.risk)]
    if alignment.enough_at is not None:
        return "The lead said that it is enough"
    if alignment.round >= limit:
        return f"The limit of {count_of(limit, 'round')} of questions for a {item.risk} item is reached"
    if all(question["confidence"] >= TRIVIAL for question in questions):
        return f"You are {TRIVIAL:.0%} sure or more of every answer, so these are trivial"
    return ""


def check_opened_by(questions: Sequence[Mapping[str, Any]], answered: set[str], number: int) -> None:
    """From the second round on a question names the answers that opened it. Raises BadInput."""
    for question in questions:
        if unknown := sorted(set(question["opened_by"]) - answered):
            raise BadInput(f"{question['key']} says that {unknown[0]} opened it, and nobody answered {unknown[0]} yet.")
        if number > 1 and not question["opened_by"]:
            raise BadInput(
                f"{question['key']}: a later round asks only what answers opened. Name them in `opened_by`, or decide "
                "it yourself in the document."
            )


def check_resolve(ambiguity: Ambiguity, *, by: Actor, seen_digest: str | None, was: str = "") -> None:
    """Raises NotPermitted or Conflict.

    `seen_digest` None means that the mechanism applies the recommendation, of a light item or of what the lead left to
    the agent. `was` is the decision the person saw, when they change one.
    """
    item = ambiguity.item
    if item.stage != Stage.ALIGN:
        raise NotPermitted("Alignment of this item is over, so its picks stay as they are.")
    if ambiguity.state != AmbiguityState.OPEN and was != ambiguity.decision:
        raise Conflict(f"{ambiguity.key} was decided meanwhile, in another tab or by somebody else; theirs was kept.")
    if ambiguity.handed_at is not None and ambiguity.state != AmbiguityState.DEFERRED:
        raise NotPermitted(f"{ambiguity.key} was handed to the agent, which works with it; the decision stays.")
    if ambiguity.state != AmbiguityState.RESOLVED:
        AMBIGUITIES.check_move(ambiguity.state, AmbiguityState.RESOLVED)
    if seen_digest is None:
        if is_asked(ambiguity, item.risk):
            raise NotPermitted("Only light items take recommendations by themselves; a person picks here.")
    elif not by.is_human:
        raise NotPermitted("Only a person picks.")
    elif seen_digest != ambiguity.digest:
        raise Conflict("The question or its candidates changed since you saw them; nothing was picked. Look again.")


def check_put_off(ambiguity: Ambiguity, to: AmbiguityState, *, by: Actor) -> None:
    """May this open row be deferred, or the agent be told to ask more about it? Raises NotPermitted, Conflict."""
    if not by.is_human:
        raise NotPermitted("Only a person decides what is put off.")
    if ambiguity.item.stage != Stage.ALIGN:
        raise NotPermitted("Alignment of this item is over, so its picks stay as they are.")
    if ambiguity.state != AmbiguityState.OPEN:
        raise Conflict(f"{ambiguity.key} was decided meanwhile, in another tab or by somebody else; theirs was kept.")
    AMBIGUITIES.check_move(ambiguity.state, to)


def check_reopen(ambiguity: Ambiguity, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person takes a pick back.")
    AMBIGUITIES.check_move(ambiguity.state, AmbiguityState.OPEN)
    if ambiguity.item.stage != Stage.ALIGN or ambiguity.handed_at is not None:
        raise NotPermitted("The decisions were handed to the agent, which works with them; they stay as they are.")


def check_set_care(ambiguity: Ambiguity, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person says what they want to be asked.")
    if ambiguity.item.stage != Stage.ALIGN or ambiguity.state != AmbiguityState.OPEN:
        raise NotPermitted(f"{ambiguity.key} is decided; take the decision back first.")


def check_remark(ambiguity: Ambiguity, text: str, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person comments here.")
    if ambiguity.item.stage != Stage.ALIGN:
        raise NotPermitted("Alignment of this item is over; nobody would read the comment.")
    if not text.strip():
        raise BadInput("The comment is empty; nothing was stored.")
    if len(text) > REMARK_LIMIT:
        raise BadInput(f"The comment has {len(text):,} characters; {REMARK_LIMIT:,} is the limit. Nothing was stored.")


def check_approve_all(item: WorkItem, *, by: Actor) -> None:
    """“Approve all recommended” and whole proposals exist for light and standard items (PRODUCT section 3)."""
    if not by.is_human:
        raise NotPermitted("Only a person picks.")
    if item.risk == Risk.CRITICAL:
        raise NotPermitted("This item is critical: decide each question on its own.")


def check_hand_over(item: WorkItem, rows: Sequence[Ambiguity], *, by: Actor) -> None:
    """May the decisions go to the agent without waiting for the time in which they can be undone?"""
    if not by.is_human:
        raise NotPermitted("Only a person hands decisions over.")
    if item.stage != Stage.ALIGN or all(row.handed_at for row in rows):
        raise NotPermitted("There is nothing to hand over; the agent has every decision.")
    if asked := sum(is_asked(row, item.risk) for row in rows):
        raise NotPermitted(
            f"{count_of(asked, 'question')} still open; decide, defer, or leave them to the agent first."
        )


def is_settled(
    item: WorkItem, rows: Sequence[Ambiguity], *, go_at: dt.datetime | None, now: dt.datetime, undo_seconds: float
) -> bool:
    """Whether the decisions go to the agent: nothing is asked any more and the time to undo is over.

    What is only left to the agent still wants one look of a person, unless the item is light.
    """
    if any(is_asked(row, item.risk) for row in rows):
        return False
    fresh = [row for row in rows if row.handed_at is None]
    newest = max((row.proposed_at for row in fresh), default=None)
    has_gone = go_at is not None and (newest is None or go_at >= newest)
    decided = [row.decided_at for row in fresh if row.decided_by_id and row.decided_at]
    if decided:
        latest = max(decided)
        return (go_at is not None and go_at >= latest) or (now - latest).total_seconds() >= undo_seconds
    needs_look = item.risk != Risk.LIGHT and any(row.state == AmbiguityState.OPEN for row in fresh)
    return has_gone or not needs_look
