"""A person's own requirements document on its way in: past the agent's run, and told to it."""

import datetime as dt
import json

from django.db import transaction

from leadroom.agents.actions import steer
from leadroom.agents.enums import HELD, Role, RunState
from leadroom.agents.queries import latest_run
from leadroom.agents.rules import NOTE_LIMIT
from leadroom.lib.actors import Actor
from leadroom.lib.errors import NotPermitted
from leadroom.lib.shapes import clip
from leadroom.projects.models import WorkItem
from leadroom.requirements import actions, document_rules
from leadroom.requirements.models import Revision
from leadroom.requirements.queries import latest_revision


def check_can_import(item: WorkItem, *, by: Actor) -> None:
    """Raises NotPermitted with the sentence for the disabled button.

    Only while the requirements agent waits or has ended: one at work would store its own document over this one.
    """
    document_rules.check_can_import(item, by=by)
    run = latest_run(item, Role.REQUIREMENTS)
    if run is None:
        raise NotPermitted("The requirements agent is about to start; import once it waits or has ended.")
    if run.state in (*HELD, RunState.QUEUED):
        raise NotPermitted(
            "The requirements agent is at work and would write over your document; import once it waits or has ended."
        )


@transaction.atomic
def import_document(*, item: WorkItem, text: str, by: Actor, now: dt.datetime) -> Revision:
    """Store `text` as the next revision and tell a run that waits. Raises BadInput, Conflict, NotPermitted."""
    check_can_import(item, by=by)
    before = latest_revision(item)
    revision = actions.import_document(item=item, text=text, by=by, now=now)
    run = latest_run(item, Role.REQUIREMENTS)
    is_new = before is None or revision.pk != before.pk
    if is_new and run is not None and run.state == RunState.WAITING:
        steer(run=run, text=_note(revision), by=by, now=now)
    return revision


def _note(revision: Revision) -> str:
    # `<\/` is the same text to JSON and cannot end the material
    document = json.dumps(revision.body, indent=1, ensure_ascii=False).replace("</", "<\\/")
    return (
        f"The lead imported a requirements document, revision {revision.number}. Work from it: keep what it says, add "
        "only what the picks change, and submit the result.\n\n"
        f"<document>\n{clip(document, NOTE_LIMIT - 1_000)}\n</document>"
    )
