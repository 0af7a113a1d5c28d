"""Scenes of projects, alignment and runs."""

from leadroom.agents import actions as agents
from leadroom.agents import holding
from leadroom.agents.enums import EventKind, Phase, WaitReason
from leadroom.projects import actions as projects
from leadroom.projects.enums import Stage
from leadroom.requirements import actions as requirements
from leadroom.requirements.contract import to_markdown
from leadroom.requirements.models import Ambiguity
from leadroom.skills import actions as skills
from leadroom.skills.queries import manifests_for
from tests import factories as f
from tests.house.scenes import WHO, Ready, held, lead, scene


@scene("projects.create_project", "projects.project.created")
def _() -> Ready:
    user = f.make_user()
    return lambda: projects.create_project(name="x", source_path="/x", default_branch="main", lead=user, **WHO)


@scene("projects.change_project", "projects.project.changed")
def _() -> Ready:
    project = f.make_project()
    return lambda: projects.change_project(project=project, name="y", publish_to="branch", setup_command="", **WHO)


@scene("projects.create_item", "projects.item.created")
def _() -> Ready:
    project = f.make_project()
    return lambda: projects.create_item(project=project, request="x", stitch_owner=f.lead_of(project), **WHO)


@scene("projects.move_stage", "projects.item.moved_to_plan")
def _() -> Ready:
    item = f.make_item()
    return lambda: projects.move_stage(item=item, to=Stage.PLAN, reason="", **WHO)


@scene("projects.set_risk", "projects.item.risk_set")
def _() -> Ready:
    item = f.make_item()
    return lambda: projects.set_risk(item=item, risk="critical", reason="x", **WHO)


@scene("projects.note_problem", "projects.item.stuck")
def _() -> Ready:
    item = f.make_item()
    return lambda: projects.note_problem(item=item, problem="The repository is gone.", **WHO)


@scene("skills.keep_version", "skills.version.seen")
def _() -> Ready:
    manifest = manifests_for("developer")[0]
    return lambda: skills.keep_version(manifest=manifest, **WHO)


@scene("requirements.propose", "requirements.ambiguities.proposed")
def _() -> Ready:
    item = f.make_item()
    return lambda: requirements.propose(item=item, ambiguities=[f.ambiguity_shape("A-001")], **WHO)


@scene("requirements.resolve", "requirements.ambiguity.resolved")
def _() -> Ready:
    found = f.make_ambiguities(f.make_item(), 1)[0]
    return lambda: requirements.resolve(ambiguity=found, seen_digest=found.digest, picked=1, **lead(found))


@scene("requirements.resolve_recommended", "requirements.ambiguity.resolved", "requirements.ambiguity.resolved")
def _() -> Ready:
    item = f.make_ambiguities(f.make_item(risk="light"), 2)[0].item
    return lambda: requirements.resolve_recommended(item=item, **WHO)


@scene("requirements.reopen", "requirements.ambiguity.reopened")
def _() -> Ready:
    found = f.make_ambiguities(f.make_item(), 2)[0]
    Ambiguity.objects.filter(pk=found.pk).update(state="RESOLVED", picked=1)
    found.refresh_from_db()
    return lambda: requirements.reopen(ambiguity=found, **lead(found))


@scene("requirements.submit_document", "requirements.document.submitted")
def _() -> Ready:
    item = f.make_item()
    return lambda: requirements.submit_document(item=item, body=f.document_shape(), run_id=None, **WHO)


@scene("requirements.import_document", "requirements.document.imported")
def _() -> Ready:
    item = f.make_item()
    text = to_markdown(f.document_shape(), number=1, digest="", item_title=item.title)
    return lambda: requirements.import_document(item=item, text=text, **lead(item))


@scene("agents.seat_agents", "agents.agents.seated")
def _() -> Ready:
    project = f.make_project()
    return lambda: agents.seat_agents(project=project, **WHO)


@scene("agents.set_endpoint", "agents.endpoint.set")
def _() -> Ready:
    project = f.make_project()
    return lambda: agents.set_endpoint(project=project, role="", base_url="http://x", model="m", key="k", **WHO)


@scene("agents.queue_run", "agents.run.queued")
def _() -> Ready:
    item = f.make_item()
    return lambda: f.make_run(item)


@scene("agents.resume", "agents.run.resumed")
def _() -> Ready:
    run = f.make_question(f.make_item()).run
    return lambda: agents.resume(run=run, text="on", **WHO)


@scene("agents.retry", "agents.run.retried")
def _() -> Ready:
    run = f.make_stopped_run(f.make_item())
    return lambda: agents.retry(run=run, **lead(run))


@scene("agents.stop", "agents.run.stopped")
def _() -> Ready:
    run = f.make_running_run(f.make_item())
    return lambda: agents.stop(run=run, **lead(run))


@scene("agents.stop_open_runs", "agents.run.stopped", "agents.run.stopped")
def _() -> Ready:
    item = f.make_item()
    f.make_run(item), f.make_stopped_run(item)
    return lambda: agents.stop_open_runs(item=item, **lead(item))


@scene("agents.steer", "agents.run.steered")
def _() -> Ready:
    run = f.make_run(f.make_item())
    return lambda: agents.steer(run=run, text="x", **lead(run))


@scene("agents.answer", "agents.elicitation.answered", "agents.run.resumed")
def _() -> Ready:
    asked = f.make_question(f.make_item())
    return lambda: agents.answer(
        elicitation=asked, text="x", user_id=f.lead_of(asked.run.item.project).pk, **lead(asked.run)
    )


@scene("holding.claim", "agents.run.started")
def _() -> Ready:
    run = f.make_run(f.make_item())
    return lambda: holding.claim(run_id=run.pk, ceiling=9, host="h", boot_id="b", now=f.NOW)


@scene("holding.set_phase", "agents.run.phase_set")
def _() -> Ready:
    run = held()
    return lambda: holding.set_phase(run=run, phase=Phase.CODE, note="x", now=f.NOW)


@scene("holding.wait", "agents.run.waiting")
def _() -> Ready:
    run = held()
    return lambda: holding.wait(run=run, reason=WaitReason.ANSWER, now=f.NOW)


@scene("holding.ask", "agents.elicitation.asked")
def _() -> Ready:
    run = held()
    return lambda: holding.ask(run=run, question="?", why="", recommendation="", options=[], now=f.NOW)


@scene("holding.complete", "agents.run.completed")
def _() -> Ready:
    run = held()
    return lambda: holding.complete(run=run, now=f.NOW)


@scene("holding.fail", "agents.run.failed")
def _() -> Ready:
    run = held()
    return lambda: holding.fail(run=run, reason="x", now=f.NOW)


@scene("holding.lose", "agents.run.lost")
def _() -> Ready:
    run = held()
    return lambda: holding.lose(run=run, reason="x", now=f.NOW)


# what a transcript says is append-only itself; the entry that ends the holding counts its lines (docs/adr)
@scene("holding.append_events")
def _() -> Ready:
    run = held()
    line = holding.Line(EventKind.MESSAGE, {"text": "x"}, f.NOW)
    return lambda: holding.append_events(run=run, lines=[line], now=f.NOW)


@scene("holding.renew")
def _() -> Ready:
    run = held()
    return lambda: holding.renew(run=run, now=f.NOW)


@scene("holding.limit")
def _() -> Ready:
    run = held()
    return lambda: holding.limit(run=run, until=f.NOW, now=f.NOW)


@scene("holding.unlimit")
def _() -> Ready:
    run = held()
    return lambda: holding.unlimit(run=run, now=f.NOW)
