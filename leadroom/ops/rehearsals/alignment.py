"""The rehearsal of alignment: twelve ambiguities decided in every way there is, and a document that blocks, then not.

`keys` sent with each form are the presses a person at the keyboard needs for it on the page: the first press finds the
row, the second acts, and after each decision the page moves to the next row by itself. Typed words are not counted.
"""

import json
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from leadroom.agents.enums import Role
from leadroom.agents.models import Run, RunEvent
from leadroom.ledger.models import Entry
from leadroom.lib.digest import digest_of
from leadroom.ops.rehearsals.cards import answer, recommended, stage_times
from leadroom.ops.rehearsals.person import Form
from leadroom.ops.rehearsals.stage import Stage
from leadroom.projects.enums import Stage as ItemStage
from leadroom.projects.models import WorkItem
from leadroom.reading.queries import Waiting, waiting_for_lead
from leadroom.requirements.enums import AmbiguityState, Confidence, Kind, Way
from leadroom.requirements.models import Ambiguity, Revision
from leadroom.requirements.queries import alignment_of, ambiguities_of, effort_of, latest_revision, pick_text
from leadroom.testplans.queries import current_plan

Facts = dict[str, Any]
T = TypeVar("T")
STEP_SECONDS = 60.0
BLOCKED_SECONDS = 3.0
"""Three looks of the pipeline, in which a document that did not block would have gone on."""
_DIGEST = re.compile(r"^digest: *'?\"?(sha256:[0-9a-f]{64})", re.MULTILINE)
WANTED = {"ambiguities": 12, "question_rounds": 2, "deferred": 1, "undone": 1, "asked_more": 1, "left_to_the_agent": 1}
"""What the rehearsal sets out to show; any other number means that something was lost on the way."""


def play(stage: Stage) -> Facts:
    """From the request to the developer's run. `ok` only when every fact of `_facts` came out as it must."""
    stage.command("seed_demo", "--only=alignment")
    lead = Lead(stage, WorkItem.objects.select_related("project").get(rehearsal_script="alignment"))
    try:
        lead.answer_first_round()
        lead.decide_choices()
        lead.answer_second_round()
        lead.decide_again()
        seen = {"low_blocked": lead.look_at_low(), "low_lifted": lead.lift(), "digest": lead.read_digest()}
        brief = lead.wait_for_developer()
    finally:
        lead.person.close()
    return _outcome(lead.item, seen, brief)


class Lead:
    """A signed-in person at the alignment page of one item."""

    def __init__(self, stage: Stage, item: WorkItem) -> None:
        self.stage, self.item, self.person = stage, item, stage.person()
        self.page = f"/align/{item.pk}/"

    def answer_first_round(self) -> None:
        """Two answers as the agent would assume, one in own words; one form, sent once."""
        self._wait_for_picks(3)
        answers = {"way-Q-001": "assume", "way-Q-002": "assume", "way-Q-003": "own"}
        words = "Yes: the club's auditors open it, and they trust nobody's notes."
        # 1 finds the row and 1 answers it, 1 the second, o goes to the field of the third, Ctrl+Enter sends
        self._send(self._form(r".*/answers/"), keys=5, **answers, **{"text-Q-003": words})

    def decide_choices(self) -> None:
        """A pick that is undone, a comment, row 3 by itself, and all other ways; then proposal B for what is open."""
        self._wait_for_picks(7)
        self._pick("A-001", "2", keys=2)
        self._send(self._row("A-001", "reopen"), keys=1)
        self._send(self._row("A-002", "comment"), keys=2, text="The auditors' spreadsheet is set to English.")
        self._pick("A-003", "1", keys=2)
        self._send(self._row("A-004", "probe"), keys=1)
        self._own("A-005", "A header with exactly these names: payer, amount, note, people.", keys=2)
        self._send(self._row("A-006", "care"))
        self._send(self._row("A-007", "defer"), keys=1)
        self._send(self._proposal("B"), keys=1)

    def answer_second_round(self) -> None:
        """What the agent asks because one row was to be asked more about."""
        self._wait_for_picks(2)
        self._send(self._form(r".*/answers/"), keys=4, **{"way-Q-004": "assume", "way-Q-005": "assume"})

    def decide_again(self) -> None:
        """The row that came back with other candidates."""
        self._wait_for_picks(1)
        row = self._find("A-004")
        form = self._row("A-004", "pick")
        self._pick("A-004", recommended(form) or str(row.recommended), keys=2)

    def look_at_low(self) -> bool:
        """Whether the LOW document is a card of its own and the item stays where it is while nobody acts."""
        self._wait(lambda: self._card("document"), "the LOW document did not become a card")
        time.sleep(BLOCKED_SECONDS)
        revision = latest_revision(self.item)
        self.item.refresh_from_db()
        is_low = revision is not None and revision.confidence == Confidence.LOW and bool(revision.body["missing"])
        has_later = Run.objects.filter(item=self.item).exclude(role=Role.REQUIREMENTS).exists()
        return is_low and self.item.stage == ItemStage.ALIGN and self._card("document") is not None and not has_later

    def lift(self) -> bool:
        """Decide the deferred row and send it; whether the next document is no longer LOW and planning began."""
        self._pick("A-007", "1", keys=2)
        self._send(self._form(r".*/missing/"), text="")
        self._wait(self._is_aligned, "the item did not leave alignment")
        revision = latest_revision(self.item)
        return revision is not None and revision.number > 1 and revision.confidence != Confidence.LOW

    def read_digest(self) -> str:
        """The digest under which the document is exported: what the lead has in hand."""
        found = _DIGEST.search(self.person.read(f"{self.page}document.md"))
        return found.group(1) if found else ""

    def wait_for_developer(self) -> str:
        """The developer's brief; the plan before it is approved as it stands."""

        def move() -> Run | None:
            card = self._card("plan")
            if card is not None:
                answer(self.person, card)
            return Run.objects.filter(item=self.item, role=Role.DEVELOPER).first()

        run = self._wait(move, "the developer was not asked")
        self.item.refresh_from_db()
        return run.brief if run is not None else ""

    def _is_aligned(self) -> bool:
        self.item.refresh_from_db()
        return self.item.stage != ItemStage.ALIGN

    def _card(self, kind: str) -> Waiting | None:
        return next((card for card in waiting_for_lead([self.item.project_id]) if card.kind == kind), None)

    def _wait(self, condition: Callable[[], T], what: str) -> T:
        return self.stage.wait_for(condition, STEP_SECONDS, f"Item {self.item.number}: {what}")

    def _wait_for_picks(self, count: int) -> None:
        def is_there() -> bool:
            card = self._card("picks")
            return card is not None and card.extra["open"] == count

        self._wait(is_there, f"{count} open questions did not become a card")

    def _find(self, key: str) -> Ambiguity:
        return Ambiguity.objects.get(item=self.item, key=key)

    def _form(self, action: str) -> Form:
        return self.person.form(self.page, action)

    def _row(self, key: str, act: str) -> Form:
        return self._form(rf".*/questions/{self._find(key).pk}/{act}/")

    def _proposal(self, key: str) -> Form:
        forms = [form for form in self.person.forms(self.page) if form.action.endswith("/proposal/")]
        return next(form for form in forms if form.fields.get("proposal") == key)

    def _pick(self, key: str, position: str, *, keys: int) -> None:
        self._send(self._row(key, "pick"), keys=keys, picked=position)

    def _own(self, key: str, text: str, *, keys: int) -> None:
        self._send(self._row(key, "pick"), keys=keys, own_answer=text)

    def _send(self, form: Form, *, keys: int = 0, **fields: str) -> None:
        self.person.send(form, keys=str(keys), **fields)


def _outcome(item: WorkItem, seen: Facts, brief: str) -> Facts:
    facts = _facts(item, seen, brief)
    held = ("low_blocked", "low_lifted", "document_used_unchanged", "picks_in_brief", "proposal_but_one_row")
    is_ok = (
        all(facts[name] == number for name, number in WANTED.items())
        and all(facts[name] for name in held)
        and facts["lint_refusals"] >= 1
        and 0 < facts["keys_per_decision"] <= 2
        and 0 < facts["criteria"] == facts["criteria_traced"]
    )
    events = RunEvent.objects.filter(run__item=item).count()
    return {"ok": is_ok, "stage": item.stage, "stages": stage_times(item), "events": events, "facts": facts}


def _facts(item: WorkItem, seen: Facts, brief: str) -> Facts:
    """What came of the alignment, counted in the records and not in what this rehearsal sent."""
    rows, effort = list(ambiguities_of(item)), effort_of(item)
    alignment, revision, plan = alignment_of(item), latest_revision(item), current_plan(item)
    ways = [row.way for row in rows]
    refused = RunEvent.objects.filter(run__item=item, kind="tool_result", payload__name="propose_ambiguities")
    proposal = {row.key: row for row in rows if row.way == Way.PROPOSAL}
    return {
        "ambiguities": len(rows),
        "choices": sum(row.kind == Kind.CHOICE for row in rows),
        "questions": sum(row.kind == Kind.QUESTION for row in rows),
        "decided": sum(row.state == AmbiguityState.RESOLVED for row in rows),
        "decisions": effort.decisions,
        "keys": effort.keys,
        "keys_per_decision": effort.keys_per_decision,
        "seconds_of_attention": round(effort.seconds, 1),
        "question_rounds": alignment.round if alignment else 0,
        "own_answers": ways.count(Way.OWN),
        "left_to_the_agent": ways.count(Way.DELEGATED),
        "asked_more": _acts(item, "probed"),
        "deferred": _acts(item, "deferred"),
        "undone": _acts(item, "reopened"),
        "comments": _acts(item, "remarked"),
        "proposal_but_one_row": set(proposal) == {"A-001", "A-002"} and ways[_at(rows, "A-003")] == Way.PICK,
        "lint_refusals": sum(event.payload.get("is_error", False) for event in refused),
        "revisions": Revision.objects.filter(item=item).count(),
        "low_blocked": seen["low_blocked"],
        "low_lifted": seen["low_lifted"],
        **_traces(revision, {row.key for row in rows}),
        "document_used_unchanged": plan is not None and _is_unchanged(plan.revision, seen["digest"], brief),
        "picks_in_brief": all(f"{row.key}: {pick_text(row)}" in brief for row in rows),
    }


def _at(rows: list[Ambiguity], key: str) -> int:
    return [row.key for row in rows].index(key)


def _acts(item: WorkItem, word: str) -> int:
    return Entry.objects.filter(item_id=item.pk, verb=f"requirements.ambiguity.{word}").count()


def _traces(revision: Revision | None, keys: set[str]) -> Facts:
    """How many criteria there are, and of how many every cause is a decision of this item or the request."""
    criteria = [c for goal in revision.body["goals"] for c in goal["criteria"]] if revision else []
    return {
        "criteria": len(criteria),
        "criteria_traced": sum(set(c["because"]) <= keys | {"request"} for c in criteria),
    }


def _is_unchanged(revision: Revision, seen: str, brief: str) -> bool:
    """Whether the plan stands on the document the lead has, and the developer was given exactly that one."""
    text = json.dumps(revision.body, indent=1, ensure_ascii=False)
    return seen == revision.digest == digest_of(revision.body) and text in brief
