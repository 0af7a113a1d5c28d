"""Items to be aligned, made in the program's own data folder by its own actions: `seed()` is run by `manage.py shell`.

Each has a requirements run that waits for the decisions; given them, it goes on as the rehearsal's light item.
"""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from leadroom.agents import holding
from leadroom.agents.actions import queue_run
from leadroom.agents.enums import Role, WaitReason
from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.projects.actions import create_item, set_risk
from leadroom.projects.models import Project, WorkItem
from leadroom.projects.people import first_lead
from leadroom.requirements.actions import ask_questions, begin, hand_over, propose, resolve_recommended, submit_document
from leadroom.requirements.models import Alignment
from tests.factories import ambiguity_shape, document_shape, human, question_shape

BY = system("test")
SCRIPT = "<script>document.title = 'run'</script>"


def seed() -> str:
    """One item of each kind, as JSON: name to item id."""
    twelve = [ambiguity_shape(f"A-{n:03}") for n in range(1, 13)]
    seven = [_long(ambiguity_shape(f"A-{n:03}")) for n in range(1, 8)]
    made = {
        "twelve": _item("Twelve decisions", twelve),
        "columns": _item("Three proposals", seven, _proposals(seven)),
        "mixed": _item("Every way", [ambiguity_shape(f"A-{n:03}") for n in range(1, 8)]),
        "tabs": _item("Two tabs", [ambiguity_shape(f"A-{n:03}") for n in range(1, 5)]),
        "other": _item("Another alignment", [ambiguity_shape("A-001"), ambiguity_shape("A-002")]),
        "round": _round("A round of questions"),
        "loaded": _loaded("Loaded first"),
        "loaded too": _loaded("Loaded second"),
    }
    return json.dumps({name: item.pk for name, item in made.items()})


def _long(shape: dict[str, Any]) -> dict[str, Any]:
    """The same with a long word and markup in it, as an agent might write it."""
    last = {**shape["candidates"][2], "consequences": f"{SCRIPT} {'unbroken' * 20} to the end."}
    return {**shape, "candidates": [*shape["candidates"][:2], last]}


def _proposals(shapes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A takes the first everywhere, B the second, C the third."""
    return [
        {
            "key": key,
            "title": f"Draft {key}",
            "summary": f"Everybody pays as draft {key} says.",
            "choices": {shape["key"]: position for shape in shapes},
        }
        for position, key in enumerate("ABC", start=1)
    ]


def _new(title: str) -> WorkItem:
    item = create_item(
        project=Project.objects.get(is_rehearsal=True),
        request="Let people who split an expense say how many parts each of them pays, and keep the cents right.",
        title=title,
        rehearsal_script="slow",
        stitch_owner=first_lead(),
        by=BY,
        now=now(),
    )
    set_risk(item=item, risk="standard", reason="said by the test", by=BY, now=now())
    begin(item=item, by=BY, now=now())
    return item


def _running(item: WorkItem) -> Any:
    brief = "[[script:light/requirements]]"
    run = queue_run(item=item, role=Role.REQUIREMENTS, brief=brief, system_prompt="Align.", skills=[], by=BY, now=now())
    holding.claim(run_id=run.pk, ceiling=100, host="here", boot_id="boot", now=now())
    run.refresh_from_db()
    return run


@transaction.atomic
def _item(title: str, shapes: Sequence[dict[str, Any]], proposals: Sequence[dict[str, Any]] = ()) -> WorkItem:
    """An item whose choices are open; it stays loaded once it is aligned, so that nothing is planned meanwhile."""
    item = _new(title)
    run = _running(item)
    propose(item=item, ambiguities=shapes, proposals=proposals, by=holding.actor_of(run), now=now())
    holding.wait(run=run, reason=WaitReason.PICKS, now=now())
    Alignment.objects.filter(item=item).update(is_held=True)
    return item


@transaction.atomic
def _round(title: str) -> WorkItem:
    """An item with one round of three questions."""
    item = _new(title)
    run = _running(item)
    questions = [
        question_shape(f"Q-{n:03}", question=question)
        for n, question in enumerate(
            (
                "Who keeps the receipts of the group?",
                "When is a trip over and settled?",
                "Which currencies does a group spend money in?",
            ),
            start=1,
        )
    ]
    ask_questions(item=item, questions=questions, by=holding.actor_of(run), now=now())
    holding.wait(run=run, reason=WaitReason.PICKS, now=now())
    Alignment.objects.filter(item=item).update(is_held=True)
    return item


@transaction.atomic
def _loaded(title: str) -> WorkItem:
    """An aligned item that waits to be fired."""
    item = _new(title)
    run, by = _running(item), human(first_lead())
    (row,) = propose(item=item, ambiguities=[ambiguity_shape("A-001")], by=holding.actor_of(run), now=now())
    earlier = now() - dt.timedelta(hours=1)
    resolve_recommended(item=item, by=by, now=earlier, seen={row.key: row.digest})
    hand_over(item=item, by=BY, now=now())
    submit_document(item=item, body=document_shape(because="A-001"), run_id=run.pk, by=BY, now=now())
    Alignment.objects.filter(item=item).update(is_held=True)
    holding.complete(run=run, now=now())
    return item
