"""Scenes of alignment beyond single picks."""

from leadroom.lib.actors import Actor
from leadroom.projects.models import WorkItem
from leadroom.requirements import actions
from leadroom.requirements.actions.deciding import Answer
from leadroom.requirements.enums import Care
from leadroom.requirements.models import Ambiguity, Proposal
from leadroom.requirements.queries import ambiguities_of
from tests import factories as f
from tests.house.scenes import WHO, Ready, lead, scene

RESOLVED = "requirements.ambiguity.resolved"


def asked(count: int = 2) -> WorkItem:
    return f.make_ambiguities(f.make_item(), count)[0].item


def row(item: WorkItem) -> Ambiguity:
    return ambiguities_of(item).select_related("item").get(key="A-001")


def decided() -> WorkItem:
    item = asked(1)
    actions.resolve(ambiguity=row(item), seen_digest=row(item).digest, picked=1, **lead(item))
    return item


def by(item: WorkItem) -> Actor:
    return f.human(f.lead_of(item.project))


@scene("requirements.begin", "requirements.alignment.begun")
def _() -> Ready:
    item = f.make_item()
    return lambda: actions.begin(item=item, **WHO)


@scene("requirements.ask_questions", "requirements.questions.asked")
def _() -> Ready:
    item = f.make_item()
    actions.begin(item=item, **WHO)
    return lambda: actions.ask_questions(item=item, questions=[f.question_shape("Q-001")], **WHO)


@scene("requirements.take_proposal", RESOLVED, RESOLVED)
def _() -> Ready:
    item = asked()
    proposal = Proposal.objects.get(item=item, key="B")
    seen = {a.key: a.digest for a in ambiguities_of(item)}
    given = {"seen_digest": proposal.digest, "seen": seen, "swaps": {}}
    return lambda: actions.take_proposal(proposal=proposal, **given, **lead(item))


@scene("requirements.answer_round", RESOLVED)
def _() -> Ready:
    item = f.make_item()
    (asked_row,) = actions.ask_questions(item=item, questions=[f.question_shape("Q-001")], **WHO).questions
    answers = [Answer("Q-001", "assume", asked_row.digest)]
    return lambda: actions.answer_round(item=item, answers=answers, **lead(item))


@scene("requirements.defer", "requirements.ambiguity.deferred")
def _() -> Ready:
    found = row(asked())
    return lambda: actions.defer(ambiguity=found, **lead(found))


@scene("requirements.probe", "requirements.ambiguity.probed")
def _() -> Ready:
    found = row(asked())
    return lambda: actions.probe(ambiguity=found, **lead(found))


@scene("requirements.remark", "requirements.ambiguity.remarked")
def _() -> Ready:
    found = row(asked())
    user = f.lead_of(found.item.project)
    return lambda: actions.remark(ambiguity=found, text="Mind the cents.", user_id=user.pk, **lead(found))


@scene("requirements.set_care", "requirements.ambiguity.care_set")
def _() -> Ready:
    found = row(asked())
    return lambda: actions.set_care(ambiguity=found, care=Care.DECIDE, **lead(found))


@scene("requirements.say_enough", "requirements.alignment.begun", "requirements.questions.ended")
def _() -> Ready:
    item = f.make_item()
    return lambda: actions.say_enough(item=item, **lead(item))


@scene("requirements.reopen_batch", "requirements.ambiguity.reopened")
def _() -> Ready:
    item = decided()
    return lambda: actions.reopen_batch(item=item, decided_at=f.NOW, **lead(item))


@scene("requirements.hand_over_now", "requirements.alignment.begun", "requirements.decisions.released")
def _() -> Ready:
    item = decided()
    return lambda: actions.hand_over_now(item=item, **lead(item))


@scene("requirements.hand_over", "requirements.decisions.handed")
def _() -> Ready:
    item = decided()
    return lambda: actions.hand_over(item=item, **WHO)


@scene("requirements.open_sitting", "requirements.sitting.opened")
def _() -> Ready:
    item = asked()
    user = f.lead_of(item.project)
    return lambda: actions.open_sitting(item=item, user_id=user.pk, **lead(item))


@scene("requirements.put_aside", "requirements.sitting.closed")
def _() -> Ready:
    item = asked()
    sitting = actions.open_sitting(item=item, user_id=f.lead_of(item.project).pk, **lead(item))
    return lambda: actions.put_aside(sitting=sitting, **lead(item))


@scene("requirements.hold", "requirements.alignment.begun", "requirements.alignment.held")
def _() -> Ready:
    item = f.make_item()
    return lambda: actions.hold(item=item, is_held=True, **lead(item))


@scene("requirements.fire", "requirements.alignment.fired")
def _() -> Ready:
    item = f.make_item()
    actions.hold(item=item, is_held=True, **lead(item))
    digest = f.make_document(item).digest
    return lambda: actions.fire(items={item: digest}, by=by(item), now=f.NOW)


@scene("requirements.forget", "requirements.decision.forgotten")
def _() -> Ready:
    found = row(decided())
    return lambda: actions.forget(ambiguity=found, **lead(found))
