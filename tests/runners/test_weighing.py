"""Sources, trust, confidence and irreversible actions, by runs with a real tree in front of the real gate."""

import datetime as dt
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from leadroom.agents import holding
from leadroom.agents.enums import EventKind, Role, RunState
from leadroom.agents.models import Run
from leadroom.guardrails import bounding
from leadroom.guardrails.enums import Lock, RequestState
from leadroom.guardrails.models import Claim, PermissionRequest, Switch, TrustEntry
from leadroom.guardrails.queries import standing_lock
from leadroom.ledger.models import Entry, Source
from leadroom.ledger.provenance import Found
from leadroom.lib.clock import now
from leadroom.pipeline.guarding import look
from leadroom.runners.base import Outcome, ToolCall, Workplace
from leadroom.runners.gate import use_tool
from leadroom.runners.holder import _prepare
from leadroom.runners.sources import Look
from leadroom.runners.tools import TOOLBOX
from leadroom.triage.models import Report
from tests import factories as f
from tests.support.parked import doer_of
from tests.support.stage import Stage

AC = {"kind": "requirement", "uri": "AC-001", "note": "What is asked."}


def place_of(stage: Stage, role: Role = Role.DEVELOPER) -> Workplace:
    """A held run with its tree, on an aligned item."""
    run = stage.queue(role, "Do it.", item=f.make_aligned_item(stage.project))
    stage.claim(run)
    run = Run.objects.select_related("item__project", "agent").get(pk=run.pk)
    return _prepare(run)


def use(place: Workplace, name: str, given: dict[str, Any], call_id: str = "c1") -> Outcome:
    """One call, with its lines in the transcript as the loop writes them."""
    line = {"id": call_id, "name": name, "kind": TOOLBOX[name].kind, "input": given}
    lines = [holding.Line(EventKind.TOOL_CALL, line, now())]
    holding.append_events(run=place.run, lines=lines, now=now())
    outcome = async_to_sync(use_tool)(place, ToolCall(call_id, name, given))
    told = {"id": call_id, "name": name, "is_error": outcome.is_error, "text": outcome.text, **outcome.extra}
    holding.append_events(run=place.run, lines=[holding.Line(EventKind.TOOL_RESULT, told, now())], now=now())
    return outcome


def set_policy(stage: Stage, **changes: Any) -> None:
    fields = {"trust_per_hour": 5, "confidence_floor": 0.65, "misses_allowed": 3, "approval_minutes": 30}
    fields |= {"dashboards": "", "fetch_hosts": ""}
    bounding.set_policy(project=stage.project, by=stage.by, now=now(), **{**fields, **changes})


def found(place: Workplace, kind: str, uri: str, **more: Any) -> Found:
    return Look(place.run, place.worktree, now(), **more).up(kind, uri)


class TestSources:
    def test_what_resolves_and_what_does_not(self, stage: Stage) -> None:
        place = place_of(stage)
        use(place, "run_command", {"command": "echo hello"})
        base = place.worktree.base if place.worktree else ""
        other = f.make_item(f.make_project(name="Other"))
        good = {
            ("file", "shop/prices.py"): "lines",
            ("file", "shop/prices.py:1"): "it reads",
            ("file", f"shop/prices.py:1@{base}"): "it reads",
            ("requirement", "AC-001"): "revision 1",
            ("criterion", "G-001"): "revision 1",
            ("request", "request"): "as it was written",
            ("requirement", "A-001"): "Decided by the lead",
            ("command", "echo hello"): "it succeeded",
            ("record", f"projects.item:{place.run.item_id}"): "in the ledger",
        }
        for (kind, uri), why in good.items():
            told = found(place, kind, uri)
            assert told.counts, (kind, uri, told.why)
            assert why in told.why
            assert told.at is not None
        bad = {
            ("file", "shop/prices.py:9999"): "lines at",
            ("file", "nowhere.py:1"): "No such file",
            ("file", "../../etc/passwd"): "no place inside",
            ("file", "/etc/passwd:1"): "no place inside",
            ("requirement", "AC-999"): "no criterion",
            ("test run", "pytest -q"): "did not run",
            ("url", "https://example.org/x"): "Nobody fetched it",
            ("url", "https://example.org/items/1/"): "Nobody fetched it",
            ("dashboard", "https://grafana.example.org/d/1"): "Nobody fetched it",
            ("skill", "development"): "no such version",
            ("record", "agents.run:999999"): "no record",
            ("record", f"agents.run:{place.run.pk}"): "own word",
            ("record", f"projects.item:{other.pk}"): "another project",
            ("url", f"/items/{other.pk}/"): "another project",
            ("item", f"{other.project.slug}#1"): "another project",
            ("intuition", "I am sure"): "no source of the kind",
        }
        for (kind, uri), why in bad.items():
            told = found(place, kind, uri)
            assert not told.counts, (kind, uri)
            assert why in told.why, (kind, uri, told.why)
        assert found(place, "dashboard", "https://g.example.org/d/1", dashboards=("https://g.example.org/",)).counts

    def test_a_run_is_no_source_for_itself(self, stage: Stage) -> None:
        place = place_of(stage)
        use(place, "write_file", {"path": "own.py", "text": "x = 1\n"})
        use(place, "set_phase", {"phase": "design", "note": "x"}, "c2")  # commits
        assert "wrote that file itself" in found(place, "file", "own.py:1").why

    def test_an_agent_cannot_say_what_was_found(self, stage: Stage) -> None:
        given = {**f.report_shape(), "sources": [{**AC, "found": {"counts": True, "why": "Trust me."}}]}
        outcome = use(place_of(stage), "report", given)
        assert outcome.is_malformed
        assert "written by Leadroom" in outcome.text


class TestTrust:
    def test_unsourced_answers_charge_until_actions_park_and_a_person_lets_them_through(self, stage: Stage) -> None:
        set_policy(stage, trust_per_hour=1)
        place = place_of(stage)
        use(place, "write_file", {"path": "a.py", "text": "x = 1\n"})
        bounding.note_answer(
            doer=doer_of(place.run), tool="report", call_id="x", asserted=[], unsourced=["it"], observed=[],
            by=f.PIPELINE, now=now(),
        )  # fmt: skip
        parked = use(place, "write_file", {"path": "b.py", "text": "y = 1\n"}, "c2")
        assert parked.waits
        assert "trust budget" in parked.text
        assert not (place.worktree.path / "b.py").exists() if place.worktree else False
        assert not use(place, "run_command", {"command": "true"}, "c3").text.startswith("exit")
        assert not use(place, "read_file", {"path": "shop/prices.py"}, "c4").is_error
        assert not use(place, "ask", {"question": "?", "why": "x", "recommendation": "y"}, "c5").is_error

    def test_only_a_source_that_resolves_saves_the_charge(self, stage: Stage) -> None:
        for sources, charged in (([AC], 0), ([{"kind": "file", "uri": "gone.py:1"}], 1)):
            TrustEntry.objects.all().delete()
            place = place_of(stage)
            use(place, "write_file", {"path": "a.py", "text": "x = 1\n"})
            assert use(place, "report", {**f.report_shape(), "sources": sources}, "c2").ends
            assert TrustEntry.objects.filter(kind="charge").count() == charged
        weighed = Source.objects.filter(entry__verb="guardrails.answer.weighed", is_observed=True)
        assert "a.py" not in {source.uri for source in weighed}  # writing is no evidence


class TestClaimsAndDeliveries:
    def test_a_report_is_filed_with_its_claim_or_not_at_all(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place, given = place_of(stage), {**f.report_shape(), "sources": [AC]}
        use(place, "write_file", {"path": "a.py", "text": "x = 1\n"})
        with monkeypatch.context() as dying:
            dying.setattr(bounding, "note_answer", _die)
            with pytest.raises(KeyboardInterrupt):
                use(place, "report", given, "c2")
        assert (Report.objects.count(), Claim.objects.count()) == (0, 0)
        assert use(place, "report", given, "c3").ends
        assert (Report.objects.count(), Claim.objects.count()) == (1, 1)
        assert Entry.objects.filter(verb="guardrails.answer.weighed", subject=f"agents.run:{place.run.pk}").count() == 1


def _die(**_: Any) -> None:
    raise KeyboardInterrupt


class TestConfidence:
    @pytest.mark.parametrize("confidence", [float("nan"), 65, -1, "0.9", True, None])
    def test_what_is_no_confidence_is_refused_in_a_sentence(self, stage: Stage, confidence: Any) -> None:
        outcome = use(place_of(stage), "report", {**f.report_shape(), "confidence": str(confidence)})
        assert "a confidence is a number from 0 to 1" in outcome.text
        assert outcome.is_malformed

    def test_65_is_read_back_as_what_was_meant(self, stage: Stage) -> None:
        outcome = use(place_of(stage), "report", {**f.report_shape(), "confidence": 65})
        assert "65 would be 0.65" in outcome.text

    def test_missing_is_named(self, stage: Stage) -> None:
        given = f.report_shape()
        del given["confidence"]
        assert "confidence" in use(place_of(stage), "report", given).text

    def test_below_the_floor_it_parks_and_repeated_misses_make_the_agent_read_only(self, stage: Stage) -> None:
        set_policy(stage, misses_allowed=1)
        place = place_of(stage)
        use(place, "write_file", {"path": "a.py", "text": "x = 1\n"})
        given = {**f.report_shape(), "sources": [AC], "confidence": 0.4}
        outcome = use(place, "report", given, "c2")
        assert "below the floor 0.65" in outcome.text
        holding.wait(run=place.run, reason=outcome.waits, now=now())
        assert look(place.run.item)
        assert standing_lock(stage.project.pk, place.run.agent_id) is Lock.READ_ONLY
        assert "missed 1 times in a row" in Switch.objects.get().reason

    def test_a_call_for_help_never_waits_for_confidence(self, stage: Stage) -> None:
        given = {**f.report_shape(), "status": "BLOCKED", "needs": ["A key."], "confidence": 0.1}
        assert use(place_of(stage), "report", given).blocked_because

    def test_once_calibrated_a_high_claim_of_an_agent_that_is_often_wrong_parks(self, stage: Stage) -> None:
        place = place_of(stage)
        use(place, "write_file", {"path": "a.py", "text": "x = 1\n"})
        for n in range(20):
            asserted = [bounding.Asserted(f"old-{n}", 0.95, 0.95)]
            given = {"tool": "report", "call_id": f"o{n}", "unsourced": [], "observed": [], "by": f.PIPELINE}
            bounding.note_answer(doer=doer_of(place.run), asserted=asserted, now=now(), **given)
        for claim in Claim.objects.all():
            bounding.settle_claim(claim=claim, has_held=claim.pk % 2 == 0, why="x", by=f.PIPELINE, now=now())
        outcome = use(place, "report", {**f.report_shape(), "sources": [AC], "confidence": 0.95}, "c2")
        assert "counts as 0.50" in outcome.text


def grant(stage: Stage, request: PermissionRequest, *, at: dt.datetime | None = None) -> None:
    seen = {"seen_digest": request.digest, "nonce": request.nonce, "text": "", "minutes": 30}
    bounding.answer_request(request=request, is_granted=True, by=stage.by, now=at or now(), **seen)


class TestIrreversible:
    COMMAND = {"command": "rm -rf data", "sources": [AC]}

    def ready(self, stage: Stage) -> Workplace:
        """A tree with something to delete, and a test run to back it."""
        place = place_of(stage)
        use(place, "run_command", {"command": "mkdir -p data && echo x > data/x && python3 -m unittest -h"}, "t1")
        return place

    def test_it_needs_sources_and_test_evidence_before_it_may_even_be_asked(self, stage: Stage) -> None:
        outcome = use(place_of(stage), "run_command", {"command": "rm -rf data"})
        for told in ("It deletes everything under data", "a source that resolves", "a test run that succeeded"):
            assert told in outcome.text
        assert not PermissionRequest.objects.exists()

    def test_approved_it_is_done_once_and_only_exactly(self, stage: Stage) -> None:
        place = self.ready(stage)
        outcome = use(place, "run_command", self.COMMAND, "c1")
        assert outcome.text.startswith("Parked")
        request = PermissionRequest.objects.get()
        assert request.blast_radius == ["deletes everything under data"]
        grant(stage, request)
        assert not use(place, "run_command", self.COMMAND, "c2").is_error
        assert not place.worktree or not (place.worktree.path / "data").exists()
        assert use(place, "run_command", self.COMMAND, "c3").text.startswith("Parked")

    def test_changed_after_the_approval_it_is_refused_and_the_approval_is_void(self, stage: Stage) -> None:
        place = self.ready(stage)
        use(place, "run_command", self.COMMAND, "c1")
        grant(stage, PermissionRequest.objects.get())
        outcome = use(place, "run_command", {**self.COMMAND, "command": "rm -rf data tests"}, "c2")
        assert "not what you are about to do" in outcome.text
        assert PermissionRequest.objects.get().state == RequestState.CHANGED

    def test_a_script_swapped_after_the_approval_is_noticed(self, stage: Stage) -> None:
        place = self.ready(stage)
        use(place, "write_file", {"path": "clean.sh", "text": "rm -rf data\n"}, "w1")
        call = {"command": "sh clean.sh", "sources": [AC]}
        assert use(place, "run_command", call, "c1").text.startswith("Parked")
        grant(stage, PermissionRequest.objects.get())
        use(place, "write_file", {"path": "clean.sh", "text": "rm -rf data tests\n"}, "w2")
        assert "not what you are about to do" in use(place, "run_command", call, "c2").text

    def test_an_approval_runs_out(self, stage: Stage) -> None:
        place = self.ready(stage)
        use(place, "run_command", self.COMMAND, "c1")
        grant(stage, PermissionRequest.objects.get(), at=now() - dt.timedelta(minutes=31))
        assert use(place, "run_command", self.COMMAND, "c2").text.startswith("Parked")
        assert [r.state for r in PermissionRequest.objects.all()] == [RequestState.EXPIRED, RequestState.PENDING]

    def test_refused_it_stays_refused_and_the_run_goes_on_with_the_leads_words(self, stage: Stage) -> None:
        place = self.ready(stage)
        outcome = use(place, "run_command", self.COMMAND, "c1")
        holding.wait(run=place.run, reason=outcome.waits, now=now())
        assert not look(place.run.item)
        request = PermissionRequest.objects.get()
        seen = {"seen_digest": request.digest, "nonce": request.nonce, "text": "Keep it.", "minutes": 30}
        bounding.answer_request(request=request, is_granted=False, by=stage.by, now=now(), **seen)
        assert look(place.run.item)
        run = Run.objects.get(pk=place.run.pk)
        assert run.state == RunState.QUEUED
        assert "Keep it." in run.notes.get().text
        assert not look(place.run.item)
