"""What the bounds say of one tool call: its sources, its claims, what cannot be undone, what a person said."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async

from leadroom.agents.models import Run
from leadroom.guardrails import bounding, bounds
from leadroom.guardrails.bounding import Asserted, Doer
from leadroom.guardrails.enums import Approval, Irreversibility, Reason, RequestState, ToolKind
from leadroom.guardrails.irreversible import blast_radius, runs_tests, scripts_of
from leadroom.guardrails.models import PermissionRequest, Policy
from leadroom.guardrails.rules import WRITING_KINDS, Ruling
from leadroom.ledger.models import Entry
from leadroom.ledger.provenance import counting, without_findings
from leadroom.lib.actors import system
from leadroom.lib.digest import digest_of
from leadroom.lib.errors import Conflict
from leadroom.projects.enums import Risk
from leadroom.projects.models import WorkItem
from leadroom.runners import shapes, sources
from leadroom.runners.base import ToolCall, Workplace
from leadroom.runners.tools import Tool
from leadroom.sandbox.files import file_tool

BY = system("gate")
SCRIPT_LINES = 2_000
BOOKKEEPING = frozenset({"set_phase"})
"""House tools that decide nothing."""


@dataclass(frozen=True)
class Weighed:
    """The bounds' part of the gate's facts, and what a parked action is shown with."""

    doer: Doer
    policy: Policy
    asserted: tuple[Asserted, ...]
    unsourced: tuple[str, ...]
    radius: tuple[str, ...]
    sources: tuple[Mapping[str, Any], ...]
    evidence: tuple[str, ...]
    digest: str
    trust_left: int
    confidence: float | None
    approval: Approval
    request: PermissionRequest | None

    @property
    def irreversibility(self) -> Irreversibility:
        if not self.radius:
            return Irreversibility.NO
        is_supported = bool(counting(self.sources)) and bool(self.evidence)
        return Irreversibility.SUPPORTED if is_supported else Irreversibility.UNSUPPORTED

    def facts(self) -> dict[str, Any]:
        """The fields of `guardrails.rules.Facts` that are known here."""
        return {
            "trust_left": self.trust_left,
            "confidence": self.confidence,
            "floor": self.policy.confidence_floor,
            "irreversibility": self.irreversibility,
            "approval": self.approval,
        }

    def sentence(self, ruling: Ruling) -> str:
        """The ruling for the agent, with what it would take."""
        if ruling.code is Reason.UNSUPPORTED:
            lacks = [] if counting(self.sources) else ["a source that resolves, in `sources`"]
            lacks += [] if self.evidence else ["a test run that succeeded in this session"]
            return f"{ruling.reason} It {'; it '.join(self.radius)}. Missing: {' and '.join(lacks)}."
        if ruling.code is Reason.IRREVERSIBLE:
            return f"{ruling.reason} It {'; it '.join(self.radius)}."
        return ruling.reason


async def weigh(place: Workplace, tool: Tool, shape: shapes.Shape, call: ToolCall, *, now: dt.datetime) -> Weighed:
    """Looks up every source of the call, reads the scripts it runs, and gathers the rest from the records."""
    scripts = await _scripts(place, shape)
    return await sync_to_async(_weigh)(place, tool, shape, call, scripts, now)


async def _scripts(place: Workplace, shape: shapes.Shape) -> dict[str, str]:
    """Texts of the files a command runs, read inside the sandbox; one that cannot be read is left out."""
    if not isinstance(shape, shapes.RunCommand) or place.profile is None:
        return {}
    found = {}
    for name in scripts_of(shape.command):
        read = await file_tool(place.profile, "read", {"path": name, "limit": SCRIPT_LINES}, marker=place.marker)
        if not read.is_error:
            found[name] = _without_numbers(read.text)
    return found


def _without_numbers(text: str) -> str:
    """The file tool's answer without its line numbers."""
    return "\n".join(line.split("\t", 1)[-1] for line in text.splitlines())


def _weigh(
    place: Workplace, tool: Tool, shape: shapes.Shape, call: ToolCall, scripts: dict[str, str], now: dt.datetime
) -> Weighed:
    run = place.run
    item = WorkItem.objects.select_related("project").get(pk=run.item_id)
    policy = bounds.policy_of(item.project_id)
    sources.look_up_all(run, place.worktree, shape, now=now, dashboards=policy.dashboards)
    asserted = _asserted(run, shape)
    radius = blast_radius(
        tool=tool.name,
        tool_kind=tool.kind,
        given=shape.model_dump(),
        scripts=scripts,
        own=bounds.own_patterns(item.project),
    )
    digest = digest_of([tool.name, without_findings(call.input), {name: digest_of(t) for name, t in scripts.items()}])
    request, approval = _standing_approval(run, tool, digest, is_irreversible=bool(radius), now=now)
    has_effect = _has_effect(tool, shape, item)
    return Weighed(
        doer=Doer(item.project, run.agent_id, run.agent.name, run.pk, item.pk),
        policy=policy,
        asserted=asserted,
        unsourced=_unsourced(shape),
        radius=radius,
        sources=tuple(source.model_dump() for source in sources.sources_in(shape)),
        evidence=_evidence(run) if radius else (),
        digest=digest,
        trust_left=bounds.trust_left_of(run.agent_id, policy, now=now) if has_effect else 1,
        confidence=min((one.counted for one in asserted), default=None) if has_effect else None,
        approval=approval,
        request=request,
    )


def _has_effect(tool: Tool, shape: shapes.Shape, item: WorkItem) -> bool:
    """Whether something follows from the call without a person in between. A call for help never waits for one."""
    if isinstance(shape, shapes.ReportShape):
        return shape.status == "COMPLETE"
    if isinstance(shape, shapes.ProposeAmbiguities):
        risk = item.risk if item.is_risk_judged else shape.risk.level
        return risk == Risk.LIGHT
    return tool.kind in WRITING_KINDS or (tool.kind == ToolKind.HOUSE and tool.name not in BOOKKEEPING)


def _asserted(run: Run, shape: shapes.Shape) -> tuple[Asserted, ...]:
    if isinstance(shape, shapes.ReportShape):
        said = {"report": shape.confidence} if shape.status == "COMPLETE" else {}
        kind = bounding.TASK_OF_TOOL["report"]
    elif isinstance(shape, shapes.ProposeAmbiguities):
        said = {a.key: _recommended(a).confidence for a in shape.ambiguities if _recommended(a)}
        kind = bounding.TASK_OF_TOOL["propose_ambiguities"]
    else:
        return ()
    return tuple(
        Asserted(what, claimed, bounds.counted(run.agent_id, kind, claimed).value) for what, claimed in said.items()
    )


def _recommended(ambiguity: shapes.AmbiguityShape) -> shapes.CandidateShape:
    return ambiguity.candidates[min(ambiguity.recommended, len(ambiguity.candidates)) - 1]


def _unsourced(shape: shapes.Shape) -> tuple[str, ...]:
    """What of an answer has no source that counts, by name."""

    def lacks(declared: Sequence[shapes.Source]) -> bool:
        return not any(source.found and source.found["counts"] for source in declared)

    if isinstance(shape, shapes.ReportShape):
        return ("the report",) if shape.status == "COMPLETE" and lacks(shape.sources) else ()
    if isinstance(shape, shapes.ProposeAmbiguities):
        return tuple(a.key for a in shape.ambiguities if lacks(_recommended(a).sources))
    return ()


def _evidence(run: Run) -> tuple[str, ...]:
    """Test runs that back an action: ours of the item, and the newest of this session that succeeded."""
    found = []
    passed = Entry.objects.filter(item_id=run.item_id, verb="verification.run.passed").order_by("-pk").first()
    if passed is not None:
        found.append(f"Leadroom's own {passed.subject} passed")
    ran = [s for s in sources.seen_by(run) if s.tool == "run_command" and runs_tests(s.what)]
    if ran and not ran[-1].is_error:
        found.append(f"The agent ran `{ran[-1].what[:200]}` and it succeeded (line {ran[-1].seq} of its transcript)")
    return tuple(found)


def _standing_approval(
    run: Run, tool: Tool, digest: str, *, is_irreversible: bool, now: dt.datetime
) -> tuple[PermissionRequest | None, Approval]:
    """What a person said to exactly this action. A grant that ran out is void and does not count."""
    request = bounds.request_for(run.pk, digest)
    if request is not None and request.state == RequestState.GRANTED:
        if request.expires_at is not None and now <= request.expires_at:
            return request, Approval.GRANTED
        bounding.void_request(request=request, to=RequestState.EXPIRED, by=BY, now=now)
        return None, Approval.NONE
    if request is not None and request.state == RequestState.REFUSED:
        return request, Approval.REFUSED
    if request is None and is_irreversible:
        others = [other for other in bounds.granted_requests(run.pk) if other.tool == tool.name]
        if others:
            return others[0], Approval.CHANGED
    return None, Approval.NONE


def settle_ruling(weighed: Weighed, ruling: Ruling, tool: Tool, call: ToolCall, *, now: dt.datetime) -> str:
    """Writes down what the ruling means for a request: parked, spent, void. Returns a sentence when nobody may go on.

    An empty answer lets the call through.
    """
    request = weighed.request
    try:
        if ruling.code is Reason.APPROVED and request is not None:
            bounding.spend_request(request=request, by=BY, now=now)
        elif ruling.code is Reason.CHANGED and request is not None:
            bounding.void_request(request=request, to=RequestState.CHANGED, by=BY, now=now)
    except Conflict as error:
        return str(error)
    if ruling.is_parked:
        bounding.park(
            doer=weighed.doer,
            tool=tool.name,
            given=without_findings(call.input),
            digest=weighed.digest,
            why=ruling.code,
            sentence=weighed.sentence(ruling),
            blast_radius=weighed.radius,
            sources=weighed.sources,
            evidence=weighed.evidence,
            by=BY,
            now=now,
        )
    return "" if ruling.is_allowed else weighed.sentence(ruling)


def note_answer(run: Run, weighed: Weighed, tool: Tool, call: ToolCall, *, now: dt.datetime) -> None:
    """After a call that delivers something: its claims, what was unsourced, what the session had seen by then."""
    if tool.kind != ToolKind.HOUSE or tool.name in BOOKKEEPING:
        return
    bounding.note_answer(
        doer=weighed.doer,
        tool=tool.name,
        call_id=f"run:{run.pk} {call.id}",
        asserted=weighed.asserted,
        unsourced=weighed.unsourced,
        observed=sources.observed(run),
        by=BY,
        now=now,
    )
