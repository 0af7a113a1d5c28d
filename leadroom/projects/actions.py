"""Writes to projects and work items."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.digest import digest_of
from leadroom.lib.errors import Conflict
from leadroom.lib.shapes import storable
from leadroom.live.news import publish, publish_item
from leadroom.projects import intake, rules
from leadroom.projects.enums import STAGES, MemberRole, ProjectKind, Publish, Risk, Stage
from leadroom.projects.models import Membership, Project, ReadinessCheck, StageVisit, Stream, WorkItem

COLOURS = 8
RESERVED_SLUGS = {"new"}
"""Words that pages use in the place of a slug."""


@transaction.atomic
def create_project(
    *,
    name: str,
    source_path: str,
    default_branch: str,
    lead: AbstractBaseUser,
    by: Actor,
    now: dt.datetime,
    publish_to: Publish = Publish.BRANCH,
    setup_command: str = "",
    is_rehearsal: bool = False,
) -> Project:
    """A project row with its lead. The slug is made unique; the repository itself is untouched."""
    stem = slugify(name)[:50] or "project"
    slug, n = stem, 1
    while slug in RESERVED_SLUGS or Project.objects.filter(slug=slug).exists():
        n += 1
        slug = f"{stem}-{n}"
    project = Project.objects.create(
        slug=slug,
        name=name.strip(),
        source_path=source_path,
        default_branch=default_branch,
        colour=Project.objects.count() % COLOURS + 1,
        publish=publish_to,
        setup_command=setup_command,
        is_rehearsal=is_rehearsal,
        created_at=now,
    )
    Membership.objects.create(project=project, user_id=lead.pk, role=MemberRole.LEAD)
    record(
        by=by,
        now=now,
        verb="projects.project.created",
        subject=f"projects.project:{project.pk}",
        payload={"slug": slug, "source_path": source_path, "branch": default_branch},
    )
    publish("room", "project", project.pk)
    return project


@transaction.atomic
def change_project(
    *,
    project: Project,
    by: Actor,
    now: dt.datetime,
    name: str,
    publish_to: str,
    setup_command: str | None = None,
    reviewers: Mapping[str, int] | None = None,
) -> None:
    """Change what a lead may change of a project; None keeps what is stored.

    `reviewers` are the numbers of independent plan reviews by risk.
    """
    project.name, project.publish = name.strip(), publish_to
    if setup_command is not None:
        project.setup_command = setup_command.strip()
    if reviewers is not None:
        project.plan_reviewers = dict(reviewers)
    project.full_clean(exclude=["source_path"])
    project.save(update_fields=["name", "publish", "setup_command", "plan_reviewers"])
    record(
        by=by,
        now=now,
        verb="projects.project.changed",
        subject=f"projects.project:{project.pk}",
        payload={
            "name": project.name,
            "publish": publish_to,
            "setup_command": project.setup_command,
            "plan_reviewers": project.plan_reviewers,
        },
    )
    publish("room", "project", project.pk)


@transaction.atomic
def change_profile(
    *,
    project: Project,
    kind: str,
    setup_command: str,
    start_command: str,
    health_command: str,
    test_command: str,
    tools: list[str],
    by: Actor,
    now: dt.datetime,
) -> None:
    """Say what the project is and what it takes to work on it. A result for another profile no longer counts.

    Raises BadInput for tools that are no names.
    """
    rules.check_tools(tools)
    project.kind, project.tools = ProjectKind(kind), list(dict.fromkeys(tools))
    project.setup_command, project.start_command = setup_command.strip(), start_command.strip()
    project.health_command, project.test_command = health_command.strip(), test_command.strip()
    project.full_clean(exclude=["source_path"])
    project.save(update_fields=["kind", "tools", "setup_command", "start_command", "health_command", "test_command"])
    record(
        by=by,
        now=now,
        verb="projects.project.profile_changed",
        subject=f"projects.project:{project.pk}",
        payload={**project.profile, "digest": project.profile_digest},
    )
    publish("room", "project", project.pk)


@transaction.atomic
def begin_readiness(*, project: Project, by: Actor, now: dt.datetime) -> ReadinessCheck:
    """A readiness check of the profile as it is. Raises Conflict while another one runs."""
    if ReadinessCheck.objects.filter(project=project, ended_at=None).exists():
        raise Conflict("The environment is being tried already; its result appears here.")
    check = ReadinessCheck.objects.create(project=project, profile_digest=project.profile_digest, started_at=now)
    record(
        by=by,
        now=now,
        verb="projects.readiness.begun",
        subject=f"projects.readiness:{check.pk}",
        payload={"project": project.slug, "profile": check.profile_digest},
    )
    publish("room", "project", project.pk)
    return check


@transaction.atomic
def end_readiness(
    *, check: ReadinessCheck, commit: str, findings: list[dict[str, Any]], by: Actor, now: dt.datetime
) -> None:
    """Keep what was found; ready when there is something and all of it is well. The first end counts."""
    is_ready = bool(findings) and all(finding["is_ok"] for finding in findings)
    kept = {"commit": commit, "findings": storable(findings), "is_ready": is_ready, "ended_at": now}
    if not ReadinessCheck.objects.filter(pk=check.pk, ended_at=None).update(**kept):
        raise Conflict("This readiness check ended meanwhile; its first result stays.")
    record(
        by=by,
        now=now,
        verb="projects.readiness.ended",
        subject=f"projects.readiness:{check.pk}",
        payload={
            "commit": commit,
            "is_ready": is_ready,
            "missing": [finding["name"] for finding in findings if not finding["is_ok"]],
        },
    )
    publish("room", "project", check.project_id)


@transaction.atomic
def accept_readiness(*, check: ReadinessCheck, reason: str, by: Actor, now: dt.datetime) -> None:
    """A person lets agents work without what is missing. Raises NotPermitted, BadInput."""
    rules.check_accept(check, reason, by=by)
    check.accepted_by, check.accepted_because, check.accepted_at = by.name, storable(reason.strip())[:1000], now
    check.save(update_fields=["accepted_by", "accepted_because", "accepted_at"])
    record(
        by=by,
        now=now,
        verb="projects.readiness.accepted",
        subject=f"projects.readiness:{check.pk}",
        payload={"reason": check.accepted_because, "profile": check.profile_digest},
    )
    publish("room", "project", check.project_id)


@transaction.atomic
def create_item(
    *,
    project: Project,
    request: str,
    stitch_owner: AbstractBaseUser,
    by: Actor,
    now: dt.datetime,
    title: str = "",
    ref: str = "",
    file_name: str = "",
    rehearsal_script: str = "",
) -> WorkItem:
    """A work item in ALIGN with one stream. What it is and what it is called follow from its text (projects.intake).

    `ref` is the address it came from, `file_name` that of the file it was read from. Raises BadInput when the request
    is empty or too long, or the address is none.
    """
    rules.check_request(request)
    ref, file_name = intake.check_ref(ref), intake.name_of_file(file_name)
    Project.objects.select_for_update().get(pk=project.pk)
    number = (WorkItem.objects.filter(project=project).aggregate(top=Max("number"))["top"] or 0) + 1
    floor, reason = rules.risk_by_words(request)
    item = WorkItem.objects.create(
        project=project,
        number=number,
        title=title.strip()[: intake.TITLE_LIMIT] or intake.title_of(request),
        request=request,
        request_digest=digest_of(request),
        origin=intake.origin_of(request, ref=ref, file_name=file_name),
        origin_ref=ref or file_name,
        risk=rules.higher_risk(floor, Risk.STANDARD),
        risk_reason=reason or "the default until an agent has looked",
        stage_entered_at=now,
        stitch_owner_id=stitch_owner.pk,
        rehearsal_script=rehearsal_script,
        created_at=now,
    )
    Stream.objects.create(item=item, name="main")
    StageVisit.objects.create(item=item, stage=Stage.ALIGN, entered_at=now)
    record(
        by=by,
        now=now,
        verb="projects.item.created",
        subject=f"projects.item:{item.pk}",
        item_id=item.pk,
        payload={
            "request_digest": item.request_digest,
            "origin": item.origin,
            "origin_ref": item.origin_ref,
            "risk": item.risk,
            "risk_reason": item.risk_reason,
        },
    )
    publish_item(item.pk, "created")
    return item


@transaction.atomic
def move_stage(*, item: WorkItem, to: Stage, reason: str, by: Actor, now: dt.datetime) -> None:
    """Move the item from the stage the caller saw. Raises NotPermitted (no such move) or Conflict (moved meanwhile)."""
    STAGES.check_move(item.stage, to)
    source = item.stage
    moved = WorkItem.objects.filter(pk=item.pk, stage=source).update(
        stage=to, stage_entered_at=now, problem="", problem_at=None
    )
    if not moved:
        raise Conflict("The item moved on meanwhile; reload the page to see where it stands.")
    item.stage, item.stage_entered_at = to, now
    StageVisit.objects.filter(item=item, left_at=None).update(left_at=now)
    StageVisit.objects.create(
        item=item, stage=to, entered_at=now, left_at=now if STAGES.is_final(to) else None, reason=reason[:500]
    )
    record(
        by=by,
        now=now,
        verb=f"projects.item.moved_to_{to.lower()}",
        subject=f"projects.item:{item.pk}",
        item_id=item.pk,
        payload={"from": source, "to": to, "reason": reason},
    )
    publish_item(item.pk, "stage")


@transaction.atomic
def set_risk(*, item: WorkItem, risk: str, reason: str, by: Actor, now: dt.datetime) -> None:
    """Set the risk and say why; an agent's proposal is raised to what the request's own words demand.

    Raises NotPermitted when anybody but a human would lower a judged risk.
    """
    if not by.is_human:
        floor, floor_reason = rules.risk_by_words(item.request)
        if rules.higher_risk(floor, risk) != risk:
            risk, reason = floor, floor_reason
    rules.check_set_risk(item, risk, by=by)
    before, item.risk, item.risk_reason, item.is_risk_judged = item.risk, Risk(risk), reason[:500], True
    item.save(update_fields=["risk", "risk_reason", "is_risk_judged"])
    record(
        by=by,
        now=now,
        verb="projects.item.risk_set",
        subject=f"projects.item:{item.pk}",
        item_id=item.pk,
        payload={"from": before, "to": risk, "reason": reason},
    )
    publish_item(item.pk, "risk")


@transaction.atomic
def note_problem(*, item: WorkItem, problem: str, by: Actor, now: dt.datetime) -> None:
    """Why the item cannot go on by itself, or empty once it can; the same again changes nothing."""
    changed = WorkItem.objects.filter(pk=item.pk).exclude(problem=problem)
    if not changed.update(problem=problem, problem_at=now if problem else None):
        return
    item.problem, item.problem_at = problem, now if problem else None
    record(
        by=by,
        now=now,
        verb="projects.item.stuck" if problem else "projects.item.unstuck",
        subject=f"projects.item:{item.pk}",
        item_id=item.pk,
        payload={"problem": problem},
    )
    publish(f"item.{item.pk}", "problem", item.pk)
    publish("room", "problem", item.pk)
