"""Projects, their people, and where their files lie."""

from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError

from leadroom.lib.errors import BadInput
from leadroom.projects.actions import change_project, create_project
from leadroom.projects.models import IN_HOME, Project, WorkItem
from leadroom.projects.people import first_lead
from leadroom.projects.queries import board_items, live_item_ids, may_act
from tests import factories as f

pytestmark = pytest.mark.django_db


def test_names_may_repeat_and_addresses_do_not() -> None:
    slugs = [f.make_project(name=name).slug for name in ("Evenly", "Evenly", "evenly!", "日本")]
    assert slugs == ["evenly", "evenly-2", "evenly-3", "project"]


def test_a_repository_in_the_data_folder_moves_with_it(settings: object, tmp_path: Path) -> None:
    project = f.make_project(source=f"{IN_HOME}rehearsal/repositories/evenly")
    settings.HOME_DIR = tmp_path  # type: ignore[attr-defined]
    assert project.source == tmp_path / "rehearsal" / "repositories" / "evenly"
    assert project.control_path == tmp_path / "projects" / "evenly" / "control.git"
    assert f.make_project(source="/srv/shop").source == Path("/srv/shop")


def test_people_see_their_projects_and_act_where_they_lead() -> None:
    mine, other = f.make_project(), f.make_project()
    lead, viewer, stranger = f.lead_of(mine), f.make_viewer(mine), f.make_user()
    boss = f.make_user(is_superuser=True)
    seen = {user: set(Project.objects.visible_to(user)) for user in (lead, viewer, stranger, boss)}
    assert seen == {lead: {mine}, viewer: {mine}, stranger: set(), boss: {mine, other}}
    assert not Project.objects.visible_to(AnonymousUser())
    assert [may_act(user, mine) for user in (lead, viewer, stranger, boss)] == [True, False, False, True]
    item = f.make_item(mine)
    assert list(WorkItem.objects.visible_to(viewer)) == [item] == list(board_items(viewer))
    assert not WorkItem.objects.visible_to(f.lead_of(other)).exists()


def test_a_project_is_changed_within_what_it_can_be() -> None:
    project = f.make_project()
    by = f.human(f.lead_of(project))
    change_project(project=project, by=by, now=f.NOW, name=" Shop ", publish_to="default", setup_command=" make ")
    project.refresh_from_db()
    assert (project.name, project.publish, project.setup_command) == ("Shop", "default", "make")
    for wrong in ({"publish_to": "somewhere"}, {"name": ""}, {"setup_command": "x" * 2_001}):
        given = {"name": "Shop", "publish_to": "branch", "setup_command": "", **wrong}
        with pytest.raises(ValidationError):
            change_project(project=Project.objects.get(), by=by, now=f.NOW, **given)
    project.refresh_from_db()
    assert project.publish == "default"


def test_the_first_lead_is_the_oldest_superuser_who_may_sign_in() -> None:
    lead = first_lead()
    assert (lead.username, lead.is_superuser, lead.has_usable_password()) == ("lead", True, False)
    f.make_user(is_superuser=True)
    assert first_lead() == lead
    User.objects.update(is_active=False)
    with pytest.raises(BadInput, match="No active user is a superuser; name one with --user NAME"):
        first_lead()


def test_colours_go_round() -> None:
    lead = f.make_user()
    made = [
        create_project(name="x", source_path="/x", default_branch="main", lead=lead, by=f.human(lead), now=f.NOW)
        for _ in range(9)
    ]
    assert [project.colour for project in made] == [1, 2, 3, 4, 5, 6, 7, 8, 1]
    assert live_item_ids() == []
