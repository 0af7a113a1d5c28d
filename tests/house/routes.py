"""Every address of the web interface, who gets what there, and a form that works."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from leadroom.lib.digest import digest_of
from leadroom.reading.budget import KINDS
from leadroom.requirements.contract import to_markdown
from leadroom.testplans.formats.plain import to_yaml
from tests import factories as f
from tests.house.world import World

CALLERS = ("anonymous", "stranger", "viewer", "lead")
Codes = tuple[int, int, int, int]
"""HTTP status per caller. 302 of anonymous leads to the sign-in page."""


@dataclass(frozen=True)
class Route:
    """Expected answers, the address's arguments, and the fields of a POST that does what it is for."""

    get: Codes
    post: Codes
    arguments: Callable[[World], list[Any]] = lambda world: []
    form: Callable[[World], dict[str, Any]] = field(default=lambda world: {})

    def url(self, name: str, world: World) -> str:
        return reverse(name, args=self.arguments(world))


def everybody(**changes: Any) -> Route:
    """A list of what the person sees."""
    return Route(get=(302, 200, 200, 200), post=(302, 405, 405, 405), **changes)


def members(arguments: Callable[[World], list[Any]]) -> Route:
    """A page of one thing."""
    return Route(get=(302, 404, 200, 200), post=(302, 405, 405, 405), arguments=arguments)


def leads(
    arguments: Callable[[World], list[Any]], form: Callable[[World], dict[str, Any]] = lambda w: {}, *, ok: int = 302
) -> Route:
    """A button that decides something."""
    return Route(get=(302, 405, 405, 405), post=(302, 404, 403, ok), arguments=arguments, form=form)


def own(arguments: Callable[[World], list[Any]]) -> Route:
    """A page that belongs to one person."""
    return Route(get=(302, 404, 404, 200), post=(302, 405, 405, 405), arguments=arguments)


def owner(
    arguments: Callable[[World], list[Any]], form: Callable[[World], dict[str, Any]] = lambda w: {}, *, ok: int = 302
) -> Route:
    """A button of what belongs to one person."""
    return Route(get=(302, 405, 405, 405), post=(302, 404, 404, ok), arguments=arguments, form=form)


def _hours(world: World) -> dict[str, Any]:
    window = {"reading-1-start": "17:00", "reading-1-end": "18:00", "reading-1-days": "1"}
    weights = {f"weight-{name}": "1" for name in KINDS}
    return {**window, **weights, "zone": "UTC", "interrupts": "urgent", "budget": "15"}


def _item(world: World) -> list[Any]:
    return [world.stitch.item_id]


def _project(world: World) -> list[Any]:
    return [world.project.slug]


def _run(world: World) -> list[Any]:
    return [world.question.run_id]


def _finding(world: World) -> list[Any]:
    return [world.inbox.finding.pk]


def _case(world: World, key: str) -> dict[str, Any]:
    shape = f.case_shape(key, "unit", title="Another title", node_id=f"tests/test_new.py::test_{key[-3:]}")
    typed = {name: shape[name] for name in ("id", "layer", "title", "criteria", "expected", "path", "priority")}
    return {**typed, "way": "node_id", "run_by": shape["node_id"], "seen": world.plan.digest}


def _shorter(world: World) -> str:
    body = {**world.plan.body, "summary": "Shorter."}
    return to_yaml(body, number=1, digest="", item_title="x")


def _item_aligning(world: World) -> list[Any]:
    return [world.aligning.pk]


def _proposal(world: World) -> dict[str, Any]:
    proposal = world.aligning.proposals.get(key="B")
    seen = {f"seen-{a.key}": a.digest for a in world.aligning.ambiguities.filter(state="OPEN")}
    return {"proposal": "B", "seen": proposal.digest, **seen}


def _assumed(world: World) -> dict[str, Any]:
    question = world.asked.ambiguities.get()
    return {f"seen-{question.key}": question.digest, f"way-{question.key}": "assume"}


_TICKETS = "id,title,opened_at\nT-1,Where is my cent?,2026-11-21T10:00:00Z\n"
_DOCUMENT = to_markdown(f.document_shape(), number=1, digest="", item_title="Split by shares")
_CHANGED = f.document_shape(title="Split by weights")


def _changed(world: World) -> dict[str, Any]:
    plan = world.broken.plans.get()
    digests = {"before": plan.revision.digest, "after": digest_of(_CHANGED), "plan": plan.digest}
    return {"text": to_markdown(_CHANGED, number=2, digest="", item_title="Split"), **digests}


ROUTES: dict[str, Route] = {
    "healthz": Route(get=(200, 200, 200, 200), post=(200, 200, 200, 200)),
    "accounts:sign_in": Route(get=(200, 200, 200, 200), post=(422, 422, 422, 422)),
    "accounts:link": Route(get=(410,) * 4, post=(410,) * 4, arguments=lambda w: ["name", "token"]),
    "accounts:hours": everybody(),
    "accounts:set_hours": Route(get=(302, 405, 405, 405), post=(302, 302, 302, 302), form=_hours),
    "accounts:sign_out": Route(get=(302, 405, 405, 405), post=(302, 302, 302, 302)),
    "room:board": everybody(),
    "room:strips": everybody(),
    "room:topbar": everybody(),
    "room:dismiss": Route(get=(302, 405, 405, 405), post=(302, 302, 302, 302)),
    "needs:all": everybody(),
    "needs:panel": everybody(),
    "projects:index": everybody(),
    "projects:new": Route(get=(302, 403, 403, 403), post=(302, 403, 403, 403)),
    "projects:detail": members(_project),
    "projects:change": leads(_project, lambda w: {"name": "Evenly", "publish": "branch", "setup_command": ""}),
    "projects:forget": leads(lambda w: [*_project(w), w.taken_pick.pk]),
    "projects:change_profile": leads(_project, lambda w: {"kind": "", "tools": "pytest browser"}),
    "projects:readiness": members(_project),
    "projects:check_readiness": leads(_project, ok=409),  # one runs in this world
    "projects:accept_readiness": leads(_project, lambda w: {"reason": "Fine."}, ok=403),  # it has not ended
    "projects:set_endpoint": leads(_project, lambda w: {"role": "", "base_url": "http://127.0.0.1:1", "model": "m"}),
    "projects:try_endpoint": leads(_project, ok=422),  # no model is connected
    "items:new": Route(
        get=(302, 200, 200, 200),
        post=(302, 422, 422, 302),  # not a project of theirs to choose
        form=lambda w: {"project": w.project.pk, "request": "Show totals"},
    ),
    "items:detail": members(_item),
    "items:head": members(lambda w: [*_item(w), "detail"]),
    "items:alignment": members(_item),
    "items:plan": members(_item),
    "items:streams": members(_item),
    "items:changes": members(_item),
    "items:verification": members(_item),
    "items:reports": members(_item),
    "items:sources": members(_item),
    "items:drop": leads(lambda w: [w.aligning.pk], lambda w: {"number": w.aligning.number}),
    "items:set_risk": leads(lambda w: [w.aligning.pk], lambda w: {"risk": "critical", "reason": "money"}),
    "items:start_again": leads(lambda w: [w.stopped.pk]),
    "items:verify_again": leads(lambda w: [w.broken.pk]),
    "items:seed_faults": leads(lambda w: [w.broken.pk], ok=403),  # it could not run, so there is nothing to seed into
    "items:thaw": leads(lambda w: [w.flaky.item_id], lambda w: {"reason": "The fixture is wrong."}),
    "items:quarantine": leads(lambda w: [w.flaky.item_id, w.flaky_case], lambda w: {"reason": "It waits for a clock."}),
    "items:hold_before": leads(lambda w: [w.flaky.item_id, w.flaky_case], lambda w: {"reason": "It worked before."}),
    "api:hook": Route(get=(405,) * 4, post=(404,) * 4, arguments=_project),  # its door is closed in this world
    "notices:index": everybody(),
    "notices:claim": Route(get=(302, 405, 405, 405), post=(302, 200, 200, 200)),
    "notices:join": Route(
        get=(302, 405, 405, 405), post=(302, 201, 201, 201), form=lambda w: {"url": "https://chat.example.org/x"}
    ),
    "notices:leave": Route(get=(302, 405, 405, 405), post=(302, 404, 404, 302), arguments=lambda w: [w.chat.pk]),
    "outcomes:index": everybody(),
    "outcomes:export": everybody(),
    "outcomes:item": members(_item),
    "outcomes:decide": leads(lambda w: [w.match.pk], lambda w: {"to": "CONFIRMED"}),
    "outcomes:sources": Route(get=(302,) * 4, post=(302, 405, 405, 405)),  # to the only project
    "outcomes:project": members(_project),
    "outcomes:rotate": leads(_project, ok=201),
    "outcomes:upload": leads(_project, lambda w: {"kind": "ticket", "text": _TICKETS}),
    "align:queue": Route(get=(302, 200, 302, 302), post=(302, 405, 405, 405)),
    "align:item": members(lambda w: [w.aligning.pk]),
    "align:pick": leads(lambda w: [w.open_pick.pk], lambda w: {"picked": 1, "seen": w.open_pick.digest}),
    "align:reopen": leads(lambda w: [w.taken_pick.pk]),
    "align:pick_all": leads(
        lambda w: [w.aligning.pk],
        lambda w: {f"seen-{a.key}": a.digest for a in w.aligning.ambiguities.filter(state="OPEN")},
    ),
    "align:take": leads(_item_aligning, _proposal),
    "align:answer": leads(lambda w: [w.asked.pk], _assumed),
    "align:enough": leads(_item_aligning),
    "align:undo": leads(_item_aligning, lambda w: {"at": w.taken_pick.decided_at.isoformat()}),
    "align:hand_over": leads(lambda w: [w.left.pk]),
    "align:sit_down": leads(_item_aligning),
    "align:put_aside": leads(_item_aligning),
    "align:hold": leads(_item_aligning, lambda w: {"hold": "1"}),
    "align:defer": leads(lambda w: [w.open_pick.pk]),
    "align:probe": leads(lambda w: [w.open_pick.pk]),
    "align:care": leads(lambda w: [w.open_pick.pk], lambda w: {"care": "decide"}),
    "align:remark": leads(lambda w: [w.open_pick.pk], lambda w: {"text": "Mind the cents."}),
    "align:supply": leads(lambda w: [w.unclear.pk], lambda w: {"text": "The bank rounds."}),
    "align:lane": everybody(),
    "align:fire": leads(lambda w: [], lambda w: {"item": f"{w.loaded.pk}:{w.loaded.revisions.get().digest}"}),
    "align:change": leads(lambda w: [w.broken.pk], _changed),
    "align:export": members(lambda w: [w.unclear.pk]),
    "align:difference": members(lambda w: [w.unclear.pk, 1, 1]),
    "align:import": Route(
        get=(302, 404, 200, 200),
        post=(302, 404, 403, 302),
        arguments=lambda w: [w.aligning.pk],
        form=lambda w: {"text": _DOCUMENT},
    ),
    "plans:queue": everybody(),
    "plans:detail": members(lambda w: [w.plan.pk]),
    "plans:keep": leads(lambda w: [w.plan.pk], lambda w: {"seen": w.plan.digest, "mark-U-001": "approve"}),
    "plans:add_case": Route(
        get=(302, 404, 200, 200),
        post=(302, 404, 403, 302),
        arguments=lambda w: [w.plan.pk],
        form=lambda w: _case(w, "U-009"),
    ),
    "plans:edit_case": Route(
        get=(302, 404, 200, 200),
        post=(302, 404, 403, 302),
        arguments=lambda w: [w.plan.pk, "U-001"],
        form=lambda w: _case(w, "U-001"),
    ),
    "plans:drop_case": leads(lambda w: [w.plan.pk, "U-001"], lambda w: {"seen": w.plan.digest}),
    "plans:export": members(lambda w: [w.plan.pk]),
    "plans:results": members(lambda w: [w.plan.pk]),
    "plans:import": Route(
        get=(302, 404, 200, 200),
        post=(302, 404, 403, 302),
        arguments=lambda w: [w.plan.pk],
        form=lambda w: {"text": _shorter(w), "seen": w.plan.digest, "replace": "1"},
    ),
    "plans:bring": Route(
        get=(302, 404, 200, 200),
        post=(302, 404, 403, 302),
        arguments=lambda w: [w.planless.pk],
        form=lambda w: {"text": to_yaml(f.plan_shape(), number=1, digest="", item_title="x"), "replace": "1"},
    ),
    "plans:send": leads(lambda w: [w.plan.pk], lambda w: {"verdict": "approve", "seen": w.plan.digest}),
    "runs:index": everybody(),
    "runs:detail": members(_run),
    "runs:earlier": Route(get=(302, 404, 302, 302), post=(302, 405, 405, 405), arguments=_run),
    "runs:facts": members(_run),
    "runs:controls": members(_run),
    "runs:box": members(_run),
    "runs:steer": leads(_run, lambda w: {"text": "Mind the cents."}),
    "runs:stop": leads(_run),
    "runs:ask": leads(lambda w: [w.halted.pk], lambda w: {"text": "Where are cents rounded?"}),
    "runs:retry": leads(lambda w: [w.lost.pk]),
    "runs:answer": leads(lambda w: [w.question.pk], lambda w: {"text": "Yes"}),
    "stitch:queue": everybody(),
    "stitch:item": members(_item),
    "stitch:changes": members(_item),
    "stitch:sign": leads(_item, lambda w: {"sentence": "It is what we want.", "seen": w.stitch.digest}),
    "stitch:send_back": leads(_item, lambda w: {"text": "Round down."}),
    "items:export_sources": members(lambda w: [*_item(w), "prov"]),
    "runs:sources": members(_run),
    "runs:export_sources": members(lambda w: [*_run(w), "md"]),
    "guardrails:request": members(lambda w: [w.parked.pk]),
    "guardrails:answer_request": leads(
        lambda w: [w.parked.pk],
        lambda w: {"decision": "refuse", "seen": w.parked.digest, "nonce": w.parked.nonce},
    ),
    "guardrails:bounds": members(_project),
    "guardrails:set_policy": leads(
        _project,
        lambda w: {"trust_per_hour": 4, "confidence_floor": 0.7, "misses_allowed": 2, "approval_minutes": 20},
    ),
    "guardrails:set_patterns": leads(_project, lambda w: {"patterns": "command | make release* | publishes"}),
    "guardrails:restore_trust": leads(lambda w: [w.question.run.agent_id]),
    "guardrails:index": everybody(),
    "guardrails:press": leads(lambda w: [], lambda w: {"kind": "project", "target": w.project.pk}),
    "guardrails:release": leads(lambda w: [], lambda w: {"kind": "agent", "target": w.locked.target, "epoch": 1}),
    "guardrails:resume": leads(lambda w: [], lambda w: {"kind": "project", "target": w.project.pk}),
    "session:index": everybody(),
    "session:start": Route(get=(302, 405, 405, 405), post=(302, 302, 403, 409)),
    "session:past": own(lambda w: [w.sitting.pk]),
    "session:markdown": own(lambda w: [w.sitting.pk]),
    "session:mail": owner(lambda w: [w.sitting.pk]),
    "session:pause": owner(lambda w: [w.sitting.pk]),
    "session:resume": owner(lambda w: [w.sitting.pk], ok=409),
    "session:settle": owner(lambda w: [w.sitting.pk]),
    "session:close": owner(lambda w: [w.sitting.pk]),
    "session:verdict": owner(lambda w: [w.to_read.pk], lambda w: {"verdict": "read"}),
    "session:undo": owner(lambda w: [w.put_off.pk]),
    "session:plan_seen": Route(get=(302, 405, 405, 405), post=(302, 404, 302, 302), arguments=lambda w: [w.plan.pk]),
    "session:raw": everybody(),
    "session:draw": Route(get=(302, 405, 405, 405), post=(302, 302, 403, 302)),
    "session:judge": owner(lambda w: [w.original.pk], lambda w: {"verdict": "right"}),
    "triage:inbox": everybody(),
    "triage:news": everybody(),
    "triage:reports": everybody(),
    "triage:save_filter": Route(
        get=(302, 405, 405, 405), post=(302, 302, 302, 302), form=lambda w: {"name": "Mine", "query": "severity=major"}
    ),
    "triage:forget_filter": Route(
        get=(302, 405, 405, 405), post=(302, 404, 404, 302), arguments=lambda w: [w.inbox.kept.pk]
    ),
    "triage:finding": members(_finding),
    "triage:route": leads(_finding, lambda w: {"to": "DROP"}),
    "triage:snooze": leads(_finding, lambda w: {"until": "worse"}),
    "triage:mark_finding": leads(_finding, lambda w: {"unread": "0"}),
    "triage:split": leads(lambda w: [w.inbox.copy.pk]),
    "triage:link": leads(_finding, lambda w: {"other": w.inbox.other.pk, "kind": "RELATED"}),
    "triage:teach": leads(lambda w: [w.inbox.recurrent.pk]),
    "triage:undo": leads(lambda w: [str(w.inbox.decision.pk)]),
    "triage:accept": leads(lambda w: [w.inbox.suggestion.pk]),
    "triage:cut": leads(lambda w: [w.inbox.suggestion.pk]),
    "triage:report": members(lambda w: [w.report.pk]),
    "triage:import": Route(
        get=(302, 404, 200, 200),
        post=(302, 404, 403, 302),
        arguments=_project,
        form=lambda w: {"kind": "csv", "file": SimpleUploadedFile("found.csv", b"title,severity\nGrid overlaps,low\n")},
    ),
    "triage:engine": Route(
        get=(302, 404, 200, 200),
        post=(302, 404, 403, 302),
        arguments=_project,
        form=lambda w: {"is_on": "1", "asks_per_day": "10"},
    ),
    "triage:mark": leads(lambda w: [w.report.pk], lambda w: {"state": "READ"}),
}


def registered() -> Iterator[str]:
    """Names of all addresses there are."""
    yield from _walk(get_resolver(), "")


def _walk(resolver: URLResolver, space: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield space + (pattern.name or str(pattern.pattern))
        else:
            yield from _walk(pattern, f"{space}{pattern.namespace}:" if pattern.namespace else space)


def as_table() -> str:
    """docs/routes.md: every address with what each kind of caller gets, as the tests hold it."""
    head = "| address | " + " | ".join(f"{caller}: GET" for caller in CALLERS)
    head += " | " + " | ".join(f"{caller}: POST" for caller in CALLERS) + " |"
    rows = [f"| `{name}` | " + " | ".join(map(str, (*r.get, *r.post))) + " |" for name, r in sorted(ROUTES.items())]
    return "\n".join([_TABLE_HEAD, head, "|---" * (1 + 2 * len(CALLERS)) + "|", *rows, ""])


_TABLE_HEAD = """# Who may call what

Generated from `tests/house/routes.py`, which the tests hold every address to, for every kind of caller and both
methods; an address that is not listed there fails the build. Write it anew with
`manage.py shell --no-imports -c "from tests.house.routes import as_table; print(as_table(), end='')" > docs/routes.md`.

A *stranger* is signed in and leads another project; a *viewer* may look at this one; the *lead* leads it. A run's token
opens nothing: no header signs anybody in. 302 of anonymous goes to the sign-in page, 302 of a lead's POST is the
decision taken.
"""
