"""Bringing a repository in: inspected, registered, staffed, copied."""

import datetime as dt
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from leadroom.agents.actions import seat_agents
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput
from leadroom.projects.actions import create_project
from leadroom.projects.enums import Publish
from leadroom.projects.models import IN_HOME, Project
from leadroom.worktrees.inspection import inspect_source
from leadroom.worktrees.keeping import control_of


@transaction.atomic
def connect_project(
    *,
    name: str,
    source: Path,
    lead: AbstractBaseUser,
    by: Actor,
    now: dt.datetime,
    branch: str = "",
    publish_to: Publish = Publish.BRANCH,
    setup_command: str = "",
    is_rehearsal: bool = False,
) -> Project:
    """A project for the repository at `source`, with its agents and Leadroom's own copy of the branch.

    The repository is only read. Raises RepositoryProblem when it cannot be used; then no project exists.
    """
    facts = inspect_source(source)
    branch = branch or facts.default_branch
    if branch not in facts.branches:
        raise BadInput(f"{facts.path} has no branch {branch!r}. Nothing was created; choose one of its branches.")
    project = create_project(
        name=name,
        source_path=_stored(facts.path),
        default_branch=branch,
        lead=lead,
        by=by,
        now=now,
        publish_to=publish_to,
        setup_command=setup_command,
        is_rehearsal=is_rehearsal,
    )
    seat_agents(project=project, by=by, now=now)
    control_of(project)
    return project


def _stored(path: Path) -> str:
    home = settings.HOME_DIR
    return f"{IN_HOME}{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
