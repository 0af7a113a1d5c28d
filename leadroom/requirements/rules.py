"""What may be proposed, picked and submitted."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.projects.enums import Risk, Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements.enums import AMBIGUITIES, AmbiguityState
from leadroom.requirements.models import Ambiguity

AMBIGUITY_LIMIT = 20
OWN_ANSWER_LIMIT = 5_000
SHORT_LIMIT = 300
TEXT_LIMIT = 2_000
GOAL_LIMIT = 50
_KEY = re.compile(r"[A-Za-z0-9_-]{1,20}")


def check_can_propose(item: WorkItem, ambiguities: Sequence[Mapping[str, Any]]) -> None:
    """Raises BadInput or NotPermitted with a sentence the agent can act on."""
    if item.stage != Stage.ALIGN:
        raise NotPermitted("Alignment of this item is over; ambiguities can no longer be proposed.")
    if len(ambiguities) > AMBIGUITY_LIMIT:
        raise BadInput(
            f"{len(ambiguities)} ambiguities are too many to decide in one sitting; propose the {AMBIGUITY_LIMIT} "
            "that change the work most and decide the rest yourself in the document."
        )
    for what, values in (
        ("key", [a["key"] for a in ambiguities]),
        ("question", [a["question"] for a in ambiguities]),
    ):
        if twice := [value for value, n in Counter(values).items() if n > 1]:
            raise BadInput(f"Each {what} may appear once; {twice[0]!r} appears more often.")
    for ambiguity in ambiguities:
        if ambiguity["recommended"] > len(ambiguity["candidates"]):
            raise BadInput(f"{ambiguity['key']} recommends a candidate that is not there.")
        titles = [c["title"].strip().casefold() for c in ambiguity["candidates"]]
        if len(set(titles)) < len(titles):
            raise BadInput(f"The candidates of {ambiguity['key']} do not differ; give real alternatives or drop it.")


def check_resolve(ambiguity: Ambiguity, *, by: Actor, seen_digest: str | None) -> None:
    """Raises NotPermitted or Conflict. `seen_digest` None means the mechanism applies recommendations (light risk)."""
    item = ambiguity.item
    if item.stage != Stage.ALIGN:
        raise NotPermitted("Alignment of this item is over, so its picks stay as they are.")
    if ambiguity.state == AmbiguityState.RESOLVED:
        raise Conflict(f"{ambiguity.key} was decided meanwhile, in another tab or by somebody else; theirs was kept.")
    AMBIGUITIES.check_move(ambiguity.state, AmbiguityState.RESOLVED)
    if seen_digest is None:
        if item.risk != Risk.LIGHT:
            raise NotPermitted("Only light items take recommendations by themselves; a person picks here.")
    elif not by.is_human:
        raise NotPermitted("Only a person picks.")
    elif seen_digest != ambiguity.digest:
        raise Conflict("The question or its candidates changed since you saw them; nothing was picked. Look again.")


def check_reopen(ambiguity: Ambiguity, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person takes a pick back.")
    AMBIGUITIES.check_move(ambiguity.state, AmbiguityState.OPEN)
    if ambiguity.item.stage != Stage.ALIGN or not ambiguity.item.ambiguities.filter(state=AmbiguityState.OPEN).exists():
        raise NotPermitted("The last pick was made, so all of them were handed to the agent; they stay as they are.")


def check_approve_all(item: WorkItem, *, by: Actor) -> None:
    """“Approve all recommended” exists for light and standard items (PRODUCT section 3)."""
    if not by.is_human:
        raise NotPermitted("Only a person picks.")
    if item.risk == Risk.CRITICAL:
        raise NotPermitted("This item is critical: decide each question on its own.")


def check_document(item: WorkItem, body: Mapping[str, Any], known_keys: set[str]) -> None:
    """Raises BadInput naming what is missing in a submitted document, NotPermitted outside ALIGN."""
    if item.stage != Stage.ALIGN:
        raise NotPermitted("The document of this item is settled; it can no longer be submitted.")
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


def check_can_import(item: WorkItem, *, by: Actor) -> None:
    """Raises NotPermitted with the sentence for the disabled button."""
    if not by.is_human:
        raise NotPermitted("Only a person imports a document.")
    if item.stage != Stage.ALIGN:
        raise NotPermitted(
            "Alignment of this item is over, so its document is settled; nothing can be imported any more."
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
