"""Signing in by a one-time link or a password, and out."""

import time

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from leadroom.lib import clock
from leadroom.web.access import display_name
from leadroom.web.accounts.links import use_up, user_of

BACKEND = "leadroom.web.accounts.backends.PeopleBackend"
FAILURE_SECONDS = 0.4
"""What a failed try costs on top of scrypt, which unknown names cost too. No counter, so nobody is locked out."""


def _next(request: HttpRequest) -> str:
    """`next` when it stays on this site, else the room."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    hosts = {request.get_host()}
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=request.is_secure()):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """For people without a link: how to get one, and a form for installations that gave out passwords."""
    shown = {"next": _next(request), "username": "", "problem": ""}
    if request.method == "GET":
        return render(request, "accounts/sign_in.html", shown)
    username = request.POST.get("username", "")[:150]
    user = authenticate(request, username=username, password=request.POST.get("password", ""))
    if user is None:
        time.sleep(FAILURE_SECONDS)
        shown |= {
            "username": username,
            "problem": "Name and password do not belong together, or this user signs in by a link only.",
        }
        return render(request, "accounts/sign_in.html", shown, status=422)
    login(request, user)
    return redirect(shown["next"])


@login_not_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, name: str, token: str) -> HttpResponse:
    """GET shows one button and changes nothing, so that a preview does not use the link up; POST signs in."""
    user = user_of(name, token)
    if user is None or (request.method == "POST" and not use_up(user, now=clock.now())):
        spent = {"minutes": settings.PASSWORD_RESET_TIMEOUT // 60}
        return render(request, "accounts/link_spent.html", spent, status=410)
    if request.method == "GET":
        return render(request, "accounts/link.html", {"who": display_name(user), "next": _next(request)})
    login(request, user, backend=BACKEND)
    return redirect(_next(request))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session."""
    logout(request)
    return redirect(settings.LOGIN_URL)
