"""What a requirements document must have, and when one may be submitted or imported."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.lib.shapes import count_of
from leadroom.projects.enums import STAGES, Risk, Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements.enums import AmbiguityState, Confidence
from leadroom.requirements.models import Ambiguity

SHORT_LIMIT = 300
TEXT_LIMIT = 2_000
GOAL_LIMIT = 50
_KEY = re.compile(r"[A-Za-z0-9_-]{1,20}")


def check_document(item: WorkItem, body: Mapping[str, Any], rows: Sequence[Ambiguity], *, by: Actor) -> None:
    """Raises BadInput naming what is missing in a submitted document, NotPermitted outside ALIGN."""
    if item.stage != Stage.ALIGN:
        raise NotPermitted("The document of this item is settled; it can no longer be submitted.")
    check_content(body, {row.key for row in rows})
    if by.is_human:
        return
    if probed := [row.key for row in rows if row.state == AmbiguityState.PROBED]:
        raise BadInput(
            f"The lead wants to be asked more about {probed[0]}: use `ask_questions`, or propose it anew under its key."
        )
    deferred = [row.key for row in rows if row.state == AmbiguityState.DEFERRED]
    listed = " ".join(question["text"] for question in body["open_questions"])
    if absent := [key for key in deferred if not re.search(rf"\b{re.escape(key)}\b", listed)]:
        raise BadInput(f"{absent[0]} was deferred; list it under `open_questions`, beginning with its key.")
    ceiling, reason = confidence_ceiling(item, body, rows)
    order = [Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH]
    if order.index(Confidence(body["confidence"])) > order.index(ceiling):
        more = " and say in `missing` what is missing" if ceiling == Confidence.LOW else ""
        raise BadInput(f"Confidence {body['confidence']} is not possible: {reason}. Say {ceiling}{more}.")


def check_content(body: Mapping[str, Any], known_keys: set[str]) -> None:
    """What any document must have, whoever wrote it. Raises BadInput."""
    goals = body["goals"]
    if not goals:
        raise BadInput("A document needs at least one goal.")
    criteria = [c for goal in goals for c in goal["criteria"]]
    for goal in goals:
        if not goal["criteria"]:
            raise BadInput(f"{goal['id']} has no acceptance criterion; say how one would see that it is met.")
    for what, ids in (("goal", [g["id"] for g in goals]), ("criterion", [c["id"] for c in criteria])):
        if twice := [value for value, n in Counter(ids).items() if n > 1]:
            raise BadInput(f"Each {what} id may appear once; {twice[0]} appears more often.")
    for criterion in criteria:
        if unknown := set(criterion["because"]) - known_keys - {"request"}:
            raise BadInput(
                f"{criterion['id']} names {sorted(unknown)[0]!r} as its cause; use ambiguity keys or 'request'."
            )
    if body["confidence"] == "LOW" and not body["missing"]:
        raise BadInput("Confidence LOW must say in `missing` what exactly is missing.")


def confidence_ceiling(item: WorkItem, body: Mapping[str, Any], rows: Sequence[Ambiguity]) -> tuple[Confidence, str]:
    """The highest confidence the decisions allow, and why not more.

    MEDIUM while a criterion rests on a deferred question; LOW when the item is critical, or when more than a third of
    the questions (and three or more) were deferred: a plan on such a document would test guesses.
    """
    deferred = {row.key for row in rows if row.state == AmbiguityState.DEFERRED}
    asked = [row for row in rows if row.state != AmbiguityState.DISMISSED]
    resting = [
        (c["id"], sorted(deferred & set(c["because"]))[0])
        for goal in body["goals"]
        for c in goal["criteria"]
        if deferred & set(c["because"])
    ]
    if len(deferred) >= 3 and 3 * len(deferred) > len(asked):
        return Confidence.LOW, f"{len(deferred)} of {count_of(len(asked), 'question')} are deferred"
    if resting and item.risk == Risk.CRITICAL:
        return Confidence.LOW, f"{resting[0][0]} of a critical item rests on {resting[0][1]}, which is deferred"
    if resting:
        return Confidence.MEDIUM, f"{resting[0][0]} rests on {resting[0][1]}, which is deferred"
    return Confidence.HIGH, ""


def check_can_import(item: WorkItem, *, by: Actor) -> None:
    """Raises NotPermitted with the sentence for the disabled button."""
    if not by.is_human:
        raise NotPermitted("Only a person imports a document.")
    if item.stage != Stage.ALIGN:
        raise NotPermitted(
            "Alignment of this item is over, so its document is settled; nothing can be imported any more."
        )


def check_can_change(item: WorkItem, *, by: Actor) -> None:
    """May the document of an item that left alignment get another revision? Raises NotPermitted."""
    if not by.is_human:
        raise NotPermitted("Only a person changes a document that is settled.")
    if item.stage == Stage.ALIGN:
        raise NotPermitted("The item is still being aligned: import the document instead.")
    if STAGES.is_final(item.stage):
        raise NotPermitted(
            f"The item is {Stage(item.stage).label.lower()}, so its document stays. Write a new item for the change."
        )


def check_change(body: Mapping[str, Any], rows: Sequence[Ambiguity]) -> None:
    """What a document must have that replaces one a plan rests on. Raises BadInput."""
    check_fields(body)
    check_content(body, {row.key for row in rows})
    if body["confidence"] == Confidence.LOW:
        raise BadInput(
            "The document has LOW confidence, and a plan on it would test guesses; nothing was stored. Settle what is "
            "missing first, then say MEDIUM or HIGH."
        )


def check_not_overtaken(digest: str, revisions: Sequence[tuple[int, str]]) -> None:
    """Raises Conflict when a text was exported from an earlier one of `revisions` (number and digest, oldest first).

    Storing it would take back, unseen, what came since. A digest of another item or installation says nothing here.
    """
    if not digest or not revisions or digest == revisions[-1][1]:
        return
    newest = revisions[-1][0]
    for number, known in reversed(revisions):
        if known == digest:
            raise Conflict(
                f"This text was exported from revision {number}, and revision {newest} came since; nothing was stored. "
                f"Export revision {newest} and make your changes there, or take the line `digest` out to import it all "
                "the same."
            )


def check_fields(body: Mapping[str, Any]) -> None:
    """Raises BadInput naming the part that is empty, too long or misnamed.

    The limits are those of the tool `submit_document`, so that a document means the same whoever wrote it.
    """
    if len(body["goals"]) > GOAL_LIMIT:
        raise BadInput(f"The document has {len(body['goals'])} goals; {GOAL_LIMIT} is the limit. Nothing was stored.")
    _check_text("The title", body["title"], SHORT_LIMIT)
    for goal in body["goals"]:
        _check_id(goal["id"], "G", "goal")
        _check_text(goal["id"], goal["text"])
        for criterion in goal["criteria"]:
            _check_id(criterion["id"], "AC", "criterion")
            _check_text(criterion["id"], criterion["text"])
            if wrong := [key for key in criterion["because"] if not _KEY.fullmatch(key)]:
                raise BadInput(
                    f"{criterion['id']} names {wrong[0][:40]!r} as its cause; use ambiguity keys or 'request'. "
                    "Nothing was stored."
                )
    _check_text("The scope boundary", body["scope_boundary"])
    for name, word in (("constraints", "Constraint"), ("non_goals", "Non-goal"), ("missing", "Missing item")):
        for number, text in enumerate(body[name], start=1):
            _check_text(f"{word} {number}", text)
    for number, scenario in enumerate(body["scenarios"], start=1):
        _check_text(f"The persona of scenario {number}", scenario["persona"], SHORT_LIMIT)
        _check_text(f"Scenario {number}", scenario["text"])
    for number, question in enumerate(body["open_questions"], start=1):
        _check_text(f"Open question {number}", question["text"])


def _check_text(what: str, text: str, limit: int = TEXT_LIMIT) -> None:
    if not text:
        raise BadInput(f"{what} is empty; nothing was stored.")
    if len(text) > limit:
        raise BadInput(f"{what} has {len(text):,} characters; {limit:,} is the limit. Nothing was stored.")


def _check_id(given: str, prefix: str, what: str) -> None:
    if not re.fullmatch(rf"{prefix}-\d{{3}}", given):
        raise BadInput(f"A {what} has the id {given[:40]!r}; it must be like {prefix}-001. Nothing was stored.")
