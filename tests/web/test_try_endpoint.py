"""The button that asks a stored model for one word."""

import pytest
from django.urls import reverse

from leadroom.agents.actions import set_endpoint
from leadroom.lib.clock import now
from tests import factories
from tests.support.other_model_server import other_model_server

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


def _connected(base_url, key):
    project = factories.make_project()
    set_endpoint(
        project=project,
        role="",
        base_url=base_url,
        model="m",
        key=key,
        by=factories.human(factories.lead_of(project)),
        now=now(),
    )
    return project


def _try(client, project):
    return client.post(reverse("projects:try_endpoint", args=[project.slug]), headers=HTMX)


def test_a_server_that_answers_is_said_with_its_time(client):
    with other_model_server([{"text": "ready"}], key="other-key") as server:
        project = _connected(server.url, "other-key")
        client.force_login(factories.lead_of(project))
        answer = _try(client, project)
    assert answer.status_code == 204
    assert "answered in" in answer.headers["HX-Trigger"]


def test_a_wrong_key_is_said_without_the_key(client):
    with other_model_server([{"text": "ready"}], key="other-key") as server:
        project = _connected(server.url, "not-the-key")
        client.force_login(factories.lead_of(project))
        answer = _try(client, project)
    assert answer.status_code == 422
    assert "Check the key" in answer.headers["HX-Trigger"]
    assert "not-the-key" not in answer.headers["HX-Trigger"]


def test_nobody_there_is_a_sentence(client):
    project = _connected("http://127.0.0.1:9", "k")
    client.force_login(factories.lead_of(project))
    answer = _try(client, project)
    assert answer.status_code == 422
    assert "did not answer" in answer.headers["HX-Trigger"]
