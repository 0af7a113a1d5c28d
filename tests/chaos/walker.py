"""A worker and a lead in one process: `python -m tests.chaos.walker`. It moves every item on until all are done.

It may be killed at any moment and started again. The file `points` in the data folder has a stage and a crash point
on each line; the first counts once the item has come that far, for this process and for the holders it starts. When
a holder has died its line is struck out, so that a point kills once; whoever starts a dead walker again does the same.
"""

import datetime as dt
import os
import sys
import time

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

from leadroom.agents.actions import answer, retry  # noqa: E402
from leadroom.agents.enums import RunState  # noqa: E402
from leadroom.agents.models import Elicitation, Run  # noqa: E402
from leadroom.lib.actors import Actor, ActorKind  # noqa: E402
from leadroom.lib.clock import now  # noqa: E402
from leadroom.pipeline import placement  # noqa: E402
from leadroom.pipeline.reconcile import reconcile  # noqa: E402
from leadroom.projects.enums import Stage  # noqa: E402
from leadroom.projects.models import Project, WorkItem  # noqa: E402
from leadroom.reading.queries import Waiting, waiting_for_lead  # noqa: E402
from leadroom.requirements.actions import resolve  # noqa: E402
from leadroom.requirements.models import Ambiguity  # noqa: E402
from leadroom.testplans.actions import send_review  # noqa: E402
from leadroom.testplans.models import TestPlan  # noqa: E402
from leadroom.worktrees.actions import sign  # noqa: E402
from leadroom.worktrees.models import Stitch  # noqa: E402

SECONDS = 150.0
LATER = dt.timedelta(seconds=4)
"""How much later it is when the walker looks for the dead, so that nobody waits for a lease to run out."""
MUCH_LATER = dt.timedelta(seconds=20)
POINTS = settings.HOME_DIR / "points"


class CannotGoOn(Exception):
    """A card no walk should ever see."""


def act(card: Waiting, lead: User) -> None:
    """What a lead does who takes every recommendation."""
    by = Actor(ActorKind.HUMAN, str(lead.pk), lead.get_username())
    if card.kind == "picks":
        for ambiguity in Ambiguity.objects.filter(item=card.item, state="OPEN"):
            seen, picked = ambiguity.digest, ambiguity.recommended
            resolve(ambiguity=ambiguity, by=by, now=now(), seen_digest=seen, picked=picked, user_id=lead.pk)
    elif card.kind == "plan":
        plan = TestPlan.objects.get(pk=card.subject_id)
        send_review(
            plan=plan,
            verdict="approve",
            marks=[],
            summary="",
            seen_digest=plan.digest,
            user_id=lead.pk,
            by=by,
            now=now(),
        )
    elif card.kind == "stitch":
        sign_merge(Stitch.objects.get(item=card.item, state="CLEAN"), lead, by)
    elif card.kind == "question":
        question = Elicitation.objects.get(pk=card.subject_id)
        answer(elicitation=question, text=question.recommendation, user_id=lead.pk, by=by, now=now())
    elif card.kind == "run" and Run.objects.get(pk=card.subject_id).state == RunState.LOST:
        retry(run=Run.objects.get(pk=card.subject_id), by=by, now=now())
    else:
        raise CannotGoOn(f"{card.kind}: {card.asked} {card.why}")


def sign_merge(stitch: Stitch, lead: User, by: Actor) -> None:
    sign(
        stitch=stitch,
        sentence="Small, tested, worth it now.",
        seen_digest=stitch.digest,
        is_verified=True,
        user_id=lead.pk,
        by=by,
        now=now(),
    )


def strike_out() -> None:
    """The first point has done its work."""
    rest = POINTS.read_text().splitlines()[1:]
    POINTS.with_suffix(".draft").write_text("".join(f"{line}\n" for line in rest))
    POINTS.with_suffix(".draft").rename(POINTS)


def arm() -> None:
    """Where processes are to die from here on; nowhere before the item has come so far."""
    stage, point = [*POINTS.read_text().split(), "", ""][:2] if POINTS.exists() else ("", "")
    order, item = list(Stage), WorkItem.objects.order_by("pk").first()
    is_due = bool(point) and item is not None and order.index(Stage(item.stage)) >= order.index(Stage(stage))
    os.environ["LEADROOM_CRASH_AT"] = point if is_due else ""


def tick() -> None:
    """One round: the next moves, the dead, the lead's cards, free places."""
    arm()
    for pk in WorkItem.objects.live().values_list("pk", flat=True):
        reconcile(pk)
    if placement.reap(now() + LATER) and os.environ["LEADROOM_CRASH_AT"]:
        strike_out()
    arm()
    for card in waiting_for_lead(list(Project.objects.values_list("pk", flat=True))):
        act(card, card.item.stitch_owner)
    placement.place(now())


def main() -> int:
    """0 when every item is done; 1 with a sentence when one cannot go on."""
    placement.reap(now() + MUCH_LATER)  # what was claimed by a walker that died before it could start it
    deadline = time.monotonic() + SECONDS
    while WorkItem.objects.exclude(stage=Stage.DONE).exists():
        try:
            tick()
        except CannotGoOn as error:
            print(error, file=sys.stderr)
            return 1
        if time.monotonic() > deadline:
            print("out of time", file=sys.stderr)
            return 1
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main())
