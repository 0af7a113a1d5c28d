"""Everything that waits for the person: the panel of every page, and one page with all of it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from leadroom.web import access
from leadroom.web.needs.presenters import present_cards


@require_GET
def panel(request: HttpRequest) -> HttpResponse:
    """The panel by itself; the frame of every page gives its content."""
    return render(request, "components/needs.html")


@require_GET
def all(request: HttpRequest) -> HttpResponse:
    """Every open card in one order."""
    fragment = "#cards" if request.headers.get("HX-Request") == "true" else ""
    context = {"cards": present_cards(access.waiting(request), request), "needs": None}
    return render(request, f"needs/all.html{fragment}", context)
