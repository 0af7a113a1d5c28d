"""Signing in by a link that works once, by a password, and out."""

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from leadroom.lib import clock
from leadroom.web.accounts import views
from leadroom.web.accounts.links import login_url, use_up
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "FAILURE_SECONDS", 0.0)


def path_of(user: User) -> str:
    return urlsplit(login_url(user)).path


def is_signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def test_a_link_is_absolute_and_leads_to_a_page_with_one_button(client: Client) -> None:
    user = make_user("ana")
    assert login_url(user).startswith(f"{settings.PUBLIC_URL}/sign-in/")
    page = client.get(path_of(user))
    assert page.status_code == 200
    assert "Sign in as ana" in page.content.decode()
    assert page.headers["Cache-Control"].count("no-store") == 1


def test_looking_at_a_link_changes_nothing(client: Client) -> None:
    user = make_user()
    for _ in range(3):
        client.get(path_of(user))
    assert not is_signed_in(client)
    user.refresh_from_db()
    assert user.last_login is None


def test_a_link_signs_in_once(client: Client) -> None:
    user = make_user()
    path = path_of(user)
    assert client.post(path).headers["Location"] == "/"
    assert is_signed_in(client)
    second = Client()
    for answer in (second.get(path), second.post(path)):
        assert answer.status_code == 410
        assert "python manage.py login_link" in answer.content.decode()
    assert not is_signed_in(second)


def test_a_second_link_of_the_same_moment_ends_with_the_first(client: Client) -> None:
    user = make_user()
    with time_machine.travel(clock.now(), tick=False):
        first, second = path_of(user), path_of(user)
        client.post(first)
        assert Client().post(second).status_code == 410


def test_signing_in_gives_a_new_session(client: Client) -> None:
    session = client.session
    session["before"] = True
    session.save()
    before = session.session_key
    client.post(path_of(make_user()))
    assert client.session.session_key != before


def test_a_link_is_too_old_after_its_time(client: Client) -> None:
    user = make_user()
    path = path_of(user)
    late = clock.now() + dt.timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT + 2)
    with time_machine.travel(late):
        assert client.post(path).status_code == 410


@pytest.mark.parametrize("name", ["x", "MQ", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "%00", "é"])
def test_a_made_up_link_is_refused(client: Client, name: str) -> None:
    make_user()
    assert client.post(f"/sign-in/{name}/abc-123/").status_code == 410


def test_a_person_who_left_cannot_use_a_link(client: Client) -> None:
    user = make_user()
    path = path_of(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.post(path).status_code == 410


@pytest.mark.django_db(transaction=True)
def test_of_two_uses_at_once_one_wins() -> None:
    user = make_user()

    def spend(_: int) -> bool:
        try:
            return use_up(user, now=clock.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(spend, range(4))) == [False, False, False, True]


def test_a_password_signs_in_and_a_wrong_one_keeps_the_name(client: Client) -> None:
    user = make_user("ana")
    user.set_password("a long enough phrase")
    user.save()
    wrong = client.post("/sign-in/", {"username": "ana", "password": "nope", "next": "/runs/"})
    assert wrong.status_code == 422
    assert 'value="ana"' in wrong.content.decode()
    assert 'value="/runs/"' in wrong.content.decode()
    right = client.post("/sign-in/", {"username": "ana", "password": "a long enough phrase", "next": "/runs/"})
    assert right.headers["Location"] == "/runs/"
    assert is_signed_in(client)


def test_a_user_without_a_password_never_signs_in_with_one(client: Client) -> None:
    make_user("ana")
    assert client.post("/sign-in/", {"username": "ana", "password": ""}).status_code == 422


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "http:///x"])
def test_next_stays_on_this_site(client: Client, wanted: str) -> None:
    user = make_user("ana")
    user.set_password("a long enough phrase")
    user.save()
    answer = client.post("/sign-in/", {"username": "ana", "password": "a long enough phrase", "next": wanted})
    assert answer.headers["Location"] == "/"


def test_strangers_are_sent_to_sign_in_and_told_how(client: Client) -> None:
    answer = client.get("/runs/")
    assert answer.headers["Location"] == "/sign-in/?next=/runs/"
    page = client.get(answer.headers["Location"]).content.decode()
    assert "python manage.py login_link" in page
    assert re.search(r'name="next" value="/runs/"', page)


def test_signing_out_is_a_post(client: Client) -> None:
    client.force_login(make_user())
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").status_code == 302
    assert not is_signed_in(client)


def test_another_site_cannot_sign_anybody_in(client: Client) -> None:
    answer = client.post(
        path_of(make_user()), headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert not is_signed_in(client)
