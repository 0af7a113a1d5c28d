"""Documents that people import: held to the tool's limits, stored as a revision, and told to the agent that waits."""

from typing import Any

import pytest
from pydantic import ValidationError

from leadroom.agents.models import RunNote
from leadroom.ledger.models import Entry
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.pipeline import importing
from leadroom.projects.models import WorkItem
from leadroom.requirements.actions import import_document
from leadroom.requirements.contract import to_markdown
from leadroom.requirements.document_rules import check_fields
from leadroom.requirements.models import Revision
from leadroom.runners.shapes import SubmitDocument
from tests import factories as f
from tests.support.refusals import refused_without_effect


def exported(body: dict[str, Any]) -> str:
    """As if it came from another installation."""
    return to_markdown(body, number=3, digest="sha256:ab", item_title="Split by shares")


def long(what: str, size: int) -> dict[str, Any]:
    """A document with one text of this size."""
    body, text = f.document_shape(), "x" * size
    if what in ("title", "scope_boundary"):
        body[what] = text
    elif what in ("constraints", "non_goals", "missing"):
        body[what] = [text]
    elif what == "goal":
        body["goals"][0]["text"] = text
    elif what == "criterion":
        body["goals"][0]["criteria"][0]["text"] = text
    elif what == "key":
        body["goals"][0]["criteria"][0]["because"] = [text]
    elif what == "persona":
        body["scenarios"] = [{"persona": text, "text": "x"}]
    elif what == "scenario":
        body["scenarios"] = [{"persona": "x", "text": text}]
    else:
        body["open_questions"] = [{"text": text, "state": "resolved"}]
    return body


@pytest.mark.parametrize(
    ("what", "limit"),
    [("title", 300), ("persona", 300), ("key", 20)]
    + [(what, 2_000) for what in ("goal", "criterion", "scope_boundary", "constraints", "non_goals", "missing")]
    + [("scenario", 2_000), ("question", 2_000)],
)
def test_a_person_is_held_to_the_limits_of_the_tool(what: str, limit: int) -> None:
    for size in (1, limit):
        SubmitDocument.model_validate(long(what, size))
        check_fields(long(what, size))
    for size in (0, limit + 1):
        with pytest.raises(ValidationError):
            SubmitDocument.model_validate(long(what, size))
        with pytest.raises(BadInput, match=r"othing was stored\.|is empty"):
            check_fields(long(what, size))


def test_ids_and_the_number_of_goals_are_those_of_the_tool() -> None:
    many = [{**f.document_shape()["goals"][0], "id": f"G-{n:03}"} for n in range(51)]
    check_fields(f.document_shape(goals=many[:50]))
    for goals in (
        many,
        [{**many[0], "id": "G-1"}],
        [{**many[0], "criteria": [{"id": "AC", "text": "x", "because": []}]}],
    ):
        with pytest.raises(ValidationError):
            SubmitDocument.model_validate(f.document_shape(goals=goals))
        with pytest.raises(BadInput, match="othing was stored"):
            check_fields(f.document_shape(goals=goals))


@pytest.mark.django_db
class TestImport:
    @pytest.fixture
    def item(self) -> WorkItem:
        """In ALIGN; its run waits for one pick."""
        item = f.make_item()
        f.make_ambiguities(item, 1)
        return item

    def bring(self, item: WorkItem, text: str) -> Revision:
        return importing.import_document(item=item, text=text, by=f.human(f.lead_of(item.project)), now=f.NOW)

    def test_it_becomes_the_next_revision_and_the_ledger_says_so(self, item: WorkItem) -> None:
        f.make_document(item, title="By the agent")
        revision = self.bring(item, exported(f.document_shape(because="A-001")))
        assert (revision.number, revision.run_id, revision.body) == (2, None, f.document_shape(because="A-001"))
        entry = Entry.objects.get(verb="requirements.document.imported")
        assert (entry.item_id, entry.actor_kind, entry.payload["number"]) == (item.pk, "human", 2)
        assert entry.payload["digest"] == revision.digest

    def test_the_waiting_agent_is_told(self, item: WorkItem) -> None:
        self.bring(item, exported(f.document_shape(title="</document> by hand")))
        note = RunNote.objects.get(run=item.runs.get())
        assert "revision 1" in note.text
        assert "by hand" in note.text
        assert note.text.count("</document>") == 1

    def test_a_document_too_long_for_a_note_is_told_in_part(self, item: WorkItem) -> None:
        self.bring(item, exported(f.document_shape(constraints=[f"{n} {'x' * 1_900}" for n in range(12)])))
        assert "more characters)\n</document>" in RunNote.objects.get(run=item.runs.get()).text

    def test_the_same_content_again_stores_nothing(self, item: WorkItem) -> None:
        text = exported(f.document_shape())
        first = self.bring(item, text)
        entries, notes = Entry.objects.count(), RunNote.objects.count()
        assert self.bring(item, text.replace("\n", "\r\n")).pk == first.pk
        assert (Entry.objects.count(), RunNote.objects.count()) == (entries, notes)

    def test_what_an_agent_submitted_comes_back_as_the_same_revision(self, item: WorkItem) -> None:
        stored = f.make_document(item)
        text = to_markdown(stored.body, number=1, digest=stored.digest, item_title=item.title)
        assert self.bring(item, text).pk == stored.pk

    def test_an_export_that_was_overtaken_is_a_conflict(self, item: WorkItem) -> None:
        first = f.make_document(item)
        f.make_document(item, title="Meanwhile")
        body = f.document_shape(title="Edited")
        text = to_markdown(body, number=1, digest=first.digest, item_title=item.title)
        with refused_without_effect(Conflict, "exported from revision 1, and revision 2 came since"):
            self.bring(item, text)
        assert self.bring(item, text.replace(f"digest: {first.digest}\n", "")).number == 3

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"because": "A-009"}, "AC-002 names 'A-009' as its cause"),
            ({"confidence": "LOW"}, "Confidence LOW must say in `missing`"),
            ({"title": "x" * 301}, "The title has 301 characters; 300 is the limit."),
        ],
    )
    def test_what_an_agent_may_not_submit_a_person_may_not_import(
        self, item: WorkItem, changes: dict[str, Any], words: str
    ) -> None:
        with refused_without_effect(BadInput, words):
            self.bring(item, exported(f.document_shape(**changes)))

    def test_a_document_lifts_a_low_one_after_the_run_ended(self) -> None:
        item = f.make_item()
        f.finish_run(f.make_running_run(item))
        f.make_document(item, confidence="LOW", missing=["Who rounds?"])
        assert self.bring(item, exported(f.document_shape())).confidence == "HIGH"
        assert not RunNote.objects.exists()

    def test_an_agent_at_work_is_not_crossed(self) -> None:
        item = f.make_item()
        with refused_without_effect(NotPermitted, "is about to start"):
            self.bring(item, exported(f.document_shape()))
        run = f.make_run(item)
        for _ in ("queued", "running"):
            with refused_without_effect(NotPermitted, "is at work and would write over your document"):
                self.bring(item, exported(f.document_shape()))
            f.holding.claim(run_id=run.pk, ceiling=1_000, host="here", boot_id="boot", now=f.NOW)

    def test_after_planning_began_it_is_settled(self) -> None:
        item = f.make_aligned_item()
        with refused_without_effect(NotPermitted, "Alignment of this item is over, so its document is settled"):
            self.bring(item, exported(f.document_shape()))

    def test_only_a_person_imports(self, item: WorkItem) -> None:
        with refused_without_effect(NotPermitted, "Only a person imports a document."):
            import_document(item=item, text=exported(f.document_shape()), by=f.PIPELINE, now=f.NOW)
