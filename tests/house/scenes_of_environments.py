"""Scenes of environment profiles and their readiness checks."""

from leadroom.projects import actions as projects
from leadroom.projects.models import ReadinessCheck
from tests import factories as f
from tests.house.scenes import WHO, Ready, scene


@scene("projects.change_profile", "projects.project.profile_changed")
def _() -> Ready:
    project = f.make_project()
    commands = dict.fromkeys(("setup_command", "start_command", "health_command", "test_command"), "true")
    return lambda: projects.change_profile(project=project, kind="cli", tools=["node"], **commands, **WHO)


def begun() -> ReadinessCheck:
    return projects.begin_readiness(project=f.make_project(), **WHO)


@scene("projects.begin_readiness", "projects.readiness.begun")
def _() -> Ready:
    project = f.make_project()
    return lambda: projects.begin_readiness(project=project, **WHO)


@scene("projects.end_readiness", "projects.readiness.ended")
def _() -> Ready:
    check = begun()
    return lambda: projects.end_readiness(check=check, commit="", findings=[], **WHO)


@scene("projects.accept_readiness", "projects.readiness.accepted")
def _() -> Ready:
    check = begun()
    projects.end_readiness(check=check, commit="", findings=[], **WHO)
    check.refresh_from_db()
    by = f.human(f.lead_of(check.project))
    return lambda: projects.accept_readiness(check=check, reason="Fine today.", by=by, now=f.NOW)
