"""Scenes of a document that is changed after it was settled, and of the plan that rests on it."""

from leadroom.lib.digest import digest_of
from leadroom.requirements.actions import change_document
from leadroom.requirements.contract import to_markdown
from leadroom.testplans.actions import supersede
from tests import factories as f
from tests.house.scenes import Ready, lead, scene


@scene("requirements.change_document", "requirements.document.changed")
def _change_document() -> Ready:
    plan = f.make_frozen_plan()
    body = f.document_shape(title="Split by weights")
    text = to_markdown(body, number=2, digest="", item_title="Split")
    seen = {"seen": plan.revision.digest, "wanted": digest_of(body)}
    return lambda: change_document(item=plan.item, text=text, **seen, **lead(plan))


@scene("testplans.supersede", "testplans.plan.superseded")
def _supersede() -> Ready:
    plan = f.make_frozen_plan()
    return lambda: supersede(plan=plan, reason="The document changed.", **lead(plan))
