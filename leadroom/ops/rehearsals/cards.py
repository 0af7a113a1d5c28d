"""What the lead does about a card when nothing special is to be shown: take what is recommended."""

from typing import Any

from leadroom.agents.models import Elicitation
from leadroom.lib.errors import LeadroomError
from leadroom.ops.rehearsals.person import Form, Person
from leadroom.projects.enums import Stage as ItemStage
from leadroom.projects.models import WorkItem
from leadroom.reading.queries import Waiting


def answer(person: Person, card: Waiting) -> None:
    """Answers the card over HTTP as the page offers it. Raises LeadroomError for a card that nobody expects."""
    item = card.item.pk
    if card.kind == "picks":
        _decide(person, f"/align/{item}/")
    elif card.kind == "question":
        text = Elicitation.objects.get(pk=card.subject_id).recommendation
        person.send(person.form(f"/runs/{card.extra['run_id']}/", r".*/answer/"), text=text)
    elif card.kind == "plan":
        form = person.form(f"/plans/{card.subject_id}/", r".*/send/")
        blind_spots = [value for name, value in form.boxes if name == "blind_spot"]
        marks = {name: value for name, value in form.boxes if name.startswith("mark-") and value == "approve"}
        person.send(form, verdict="approve", blind_spot=blind_spots, **marks)
    elif card.kind == "stitch":
        sentence = "Verified on the merged tree; the trade-offs are those the plan names."
        person.send(person.form(f"/stitch/{item}/", r".*/sign/"), sentence=sentence)
    else:
        raise LeadroomError(f"A card that this rehearsal does not expect: {card.asked}. {card.why}")


def _decide(person: Person, page: str) -> None:
    """Every open question of the page as it is recommended; what is left to the agent is handed over."""
    forms = person.forms(page)
    for form in forms:
        if form.action.endswith("/answers/"):
            person.send(form, **{name: value for name, value in form.boxes if value == "assume"})
        elif position := recommended(form):
            person.send(form, picked=position)
    for form in forms:
        if form.action.endswith("/hand-over/"):
            person.send(form)


def recommended(form: Form) -> str:
    """The position that the form of an open choice recommends; empty for any other form."""
    buttons = [b for b in form.buttons if b.name == "picked" and "btn-primary" in b.classes]
    return buttons[0].value if buttons and form.action.endswith("/pick/") else ""


def stage_times(item: WorkItem) -> list[dict[str, Any]]:
    """`{name, seconds}` of each stage the item has left, in order."""
    return [
        {"name": v.stage, "seconds": round((v.left_at - v.entered_at).total_seconds(), 2)}
        for v in item.visits.order_by("pk")
        if v.left_at and v.stage != ItemStage.DONE
    ]
