"""The stitch page: read the join, sign it, or send it back."""

from functools import lru_cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import BadInput, LeadroomError, NotPermitted
from leadroom.lib.shapes import count_of
from leadroom.pipeline import moves
from leadroom.pipeline.steps import current_stitch
from leadroom.projects.models import WorkItem
from leadroom.verification.queries import is_verified
from leadroom.web import access, answers
from leadroom.web.regions import redrawn
from leadroom.web.stitch.listing import present_queue
from leadroom.web.stitch.presenters import conflict_words, present_page
from leadroom.web.templatetags.safetext import hidden_characters
from leadroom.worktrees import actions
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch
from leadroom.worktrees.signing import allowed_keys, merge_key

LIST_LIMIT = 200
FILES_OPEN = 6


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Every stitch, those that wait for a person first."""
    rows = Stitch.objects.filter(item__project_id__in=access.project_ids(request)).exclude(state=StitchState.ABORTED)
    stitches = list(rows.select_related("item__project", "item__stitch_owner").order_by("-pk")[:LIST_LIMIT])
    fragment = "#rows" if request.headers.get("HX-Request") == "true" else ""
    return render(request, f"stitch/queue.html{fragment}", {"rows": present_queue(stitches)})


@require_GET
def item(request: HttpRequest, pk: int) -> HttpResponse:
    """One item's join."""
    is_region = request.headers.get("HX-Request") == "true"
    return _drawn(request, access.item(request, pk), "#body" if is_region else "")


def _drawn(request: HttpRequest, item: WorkItem, fragment: str = "") -> HttpResponse:
    stitch = current_stitch(item)
    is_signature_valid = _is_signature_valid(item, stitch)
    hidden = _hidden(item, stitch)
    page = present_page(item, stitch, request, is_signature_valid=is_signature_valid, hidden=hidden)
    return render(request, f"stitch/item.html{fragment}", {"page": page})


def _is_signature_valid(item: WorkItem, stitch: Stitch | None) -> bool | None:
    if stitch is None or not stitch.merge_commit:
        return None
    try:
        keys = allowed_keys(merge_key().allowed_signers)
        return ControlRepository(item.project.control_path).verify_commit(stitch.merge_commit, allowed=keys)
    except (LeadroomError, OSError):
        return None


@require_GET
def changes(request: HttpRequest, pk: int) -> HttpResponse:
    """What the join brings to the branch, file by file; asked for by the page once it is drawn."""
    found = access.item(request, pk)
    stitch = current_stitch(found)
    patch, problem = "", "There is no finished work to compare yet."
    if stitch is not None:
        try:
            patch, problem = _patch(found, stitch), ""
        except (LeadroomError, OSError) as error:
            problem = f"The changes cannot be read: {error}"
    return render(request, "stitch/changes.html", {"patch": patch, "problem": problem, "files_open": FILES_OPEN})


def _patch(item: WorkItem, stitch: Stitch) -> str:
    control = ControlRepository(item.project.control_path)
    if merged := stitch.merge_commit or stitch.trial:
        return control.diff(stitch.onto, merged)
    base = control.merge_base(control.head(item.project.default_branch), stitch.commit)
    return control.diff(base, stitch.commit) if base else ""


def _hidden(item: WorkItem, stitch: Stitch | None) -> int:
    """How many hidden characters the join would bring; 0 where there is nothing to sign or git cannot say."""
    if stitch is None or stitch.state != StitchState.CLEAN or not stitch.trial:
        return 0
    try:
        return _hidden_between(item.project.control_path, stitch.onto, stitch.trial)
    except (LeadroomError, OSError):
        return 0


@lru_cache(maxsize=16)
def _hidden_between(control: Path, base: str, commit: str) -> int:
    """Of added lines alone, without the carriage returns that end lines of some files."""
    lines = ControlRepository(control).diff(base, commit).split("\n")
    return sum(hidden_characters(line.removesuffix("\r")) for line in lines if line.startswith("+"))


def _stitch_of(item: WorkItem) -> Stitch:
    stitch = current_stitch(item)
    if stitch is None:
        raise NotPermitted("There is nothing to sign yet; nothing was changed.")
    return stitch


@require_POST
def sign(request: HttpRequest, pk: int) -> HttpResponse:
    """The owner's signature with its sentence, bound to the merge that was shown."""
    found = access.item(request, pk)
    actor = access.require_lead(request, found.project)
    stitch = _stitch_of(found)
    if "hidden_seen" not in request.POST and (hidden := _hidden(found, stitch)):
        what = count_of(hidden, "hidden character")
        raise BadInput(f"The change brings {what}: tick that you looked at them before you sign. Nothing was signed.")
    actions.sign(
        stitch=stitch,
        sentence=request.POST.get("sentence", ""),
        seen_digest=request.POST.get("seen", ""),
        is_verified=is_verified(found, stitch.trial),
        user_id=request.user.pk or 0,
        by=actor,
        now=clock.now(),
    )
    text, to = "Signed; Leadroom merges now", reverse("stitch:item", args=[pk])
    return redrawn(request, f"stitch-{pk}-body", lambda: _drawn(request, found, "#body"), text, to)


@require_POST
def send_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Back to the developer with a sentence; a conflict brings its own when none is given."""
    found = access.item(request, pk)
    actor = access.require_lead(request, found.project)
    stitch, text = current_stitch(found), request.POST.get("text", "").strip()
    if not text and stitch is not None:
        text = conflict_words(stitch)
    moves.send_back(item=found, text=text, by=actor, now=clock.now())
    return answers.done(request, "Sent back; the developer works it in", reverse("items:detail", args=[pk]))
