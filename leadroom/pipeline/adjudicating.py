"""Suggestions nobody decided yet, put to a model where a project's lead allowed it: a few at a time, in a budget."""

import asyncio
import logging

from leadroom.agents.models import Endpoint
from leadroom.agents.queries import REHEARSAL, ModelAccess, model_access
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.queries import standing_lock
from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.lib.errors import LeadroomError
from leadroom.runners.builtin.asking import ask
from leadroom.triage import actions
from leadroom.triage.adjudication import BATCH, SYSTEM, TOOL, Opinion, Pair, agreed, question, read_answers
from leadroom.triage.models import Shelf
from leadroom.triage.second_opinions import known_digests, pairs_waiting

log = logging.getLogger(__name__)
BY = system("triage")
ASKS = 2
"""Questions of one batch: one for each order."""
SCRIPT = "\n\n[[script:triage/adjudicate]]"


def adjudicate_all() -> int:
    """One batch of every project that is due; the number of suggestions that got an opinion. Never raises."""
    due = Shelf.objects.filter(adjudicates=True).exclude(ask_again_at__gt=now()).select_related("project")
    done = 0
    for shelf in due:
        try:
            done += adjudicate(shelf)
        except Exception:
            log.exception("second opinions of project %s broke", shelf.project_id)
    return done


def adjudicate(shelf: Shelf) -> int:
    """One batch of a project's suggestions, newest first; how many got an opinion.

    Texts that were asked about before are answered from what was kept. Under the read-only switch nothing is asked.
    """
    if standing_lock(shelf.project_id) is not Lock.OPEN:
        return 0
    waiting = pairs_waiting(shelf.project_id, BATCH)
    digests = {link: pair.digest for link, pair in waiting.items()}
    known = known_digests(shelf.project_id, digests.values())
    fresh = {pair.digest: pair for pair in waiting.values() if pair.digest not in known}
    opinions: dict[str, Opinion] = {}
    model = ""
    if fresh:
        try:
            access = model_access(shelf.project, "")
            if not actions.reserve_asks(shelf=shelf, asks=ASKS, by=BY, now=now()):
                fresh = {}
            else:
                model, opinions = access.model, asyncio.run(_asked(access, fresh, _is_rehearsal(shelf)))
        except LeadroomError as error:
            actions.note_unanswered(shelf=shelf, problem=str(error), by=BY, now=now())
            fresh = {}
    answered = {link: digest for link, digest in digests.items() if digest in known or digest in opinions}
    if answered:
        actions.note_opinions(shelf=shelf, digests=answered, opinions=opinions, model=model, by=BY, now=now())
    return len(answered)


async def _asked(access: ModelAccess, fresh: dict[str, Pair], is_rehearsal: bool) -> dict[str, Opinion]:
    """What both orders of the question agree on, by digest. Raises Unanswered."""
    pairs = list(fresh.values())
    answers = []
    for is_swapped in (False, True):
        text = question(pairs, is_swapped=is_swapped) + (SCRIPT if is_rehearsal else "")
        answer = await ask(access, system=SYSTEM, text=text, tool=TOOL)
        answers.append(read_answers(answer.given, pairs, is_swapped=is_swapped))
    return {digest: agreed(one, other) for digest, one, other in zip(fresh, *answers, strict=True)}


def _is_rehearsal(shelf: Shelf) -> bool:
    return Endpoint.objects.filter(project_id=shelf.project_id, role="", base_url=REHEARSAL).exists()
