"""How every act on the alignment page is answered: the page as it stands then, also when somebody was faster."""

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from leadroom.lib.actors import Actor
from leadroom.lib.errors import Conflict
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.web import access
from leadroom.web.align.presenters import present_page
from leadroom.web.regions import redrawn

TEMPLATE = "align/item.html"


def aligning(request: HttpRequest) -> list[WorkItem]:
    """Every item in ALIGN that the person sees, oldest first."""
    rows = WorkItem.objects.filter(project_id__in=access.project_ids(request), stage=Stage.ALIGN)
    return list(rows.select_related("project").order_by("stage_entered_at", "pk"))


def drawn(request: HttpRequest, item: WorkItem, fragment: str = "", *, status: int = 200) -> HttpResponse:
    """The page, or its live region with fragment `#body`."""
    page = present_page(item, access.waiting(request), aligning(request), request)
    return render(request, TEMPLATE + fragment, {"page": page}, status=status)


def acted(request: HttpRequest, item: WorkItem, act: Callable[[Actor], tuple[str, str]]) -> HttpResponse:
    """Does `act`, which gives the words of the toast and where to undo it (or ""), and draws the page anew.

    Raises NotPermitted for those who may only look. A conflict is told on the page as it stands, which shows what was
    decided instead.
    """
    actor, region = access.require_lead(request, item.project), f"align-{item.pk}-body"
    try:
        text, undo_url = act(actor)
    except Conflict as error:
        if not request.headers.get("HX-Target", "").endswith(f"#{region}"):
            raise
        answer = drawn(request, item, "#body", status=409)
        answer["HX-Trigger"] = json.dumps({"toast": {"text": str(error), "kind": "bad"}})
        return answer
    to = reverse("align:item", args=[item.pk])
    return redrawn(request, region, lambda: drawn(request, item, "#body"), text, to, undo_url=undo_url)
