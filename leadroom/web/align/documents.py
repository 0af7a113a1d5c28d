"""The requirements document as a file: out, in, and what changed between two revisions."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from leadroom.lib import clock
from leadroom.lib.errors import BadInput, Conflict, LeadroomError, NotPermitted
from leadroom.pipeline import importing
from leadroom.projects.models import WorkItem
from leadroom.requirements.contract import to_markdown
from leadroom.requirements.models import Revision
from leadroom.requirements.queries import latest_revision
from leadroom.requirements.wording import Section, word_changes
from leadroom.web import access
from leadroom.web.align.forms import Draft, read_draft

_STATUS: dict[type[LeadroomError], int] = {NotPermitted: 403, Conflict: 409, BadInput: 422}


@dataclass(frozen=True)
class DifferencePage:
    """Two revisions of an item's document, and all there are, newest first."""

    item: WorkItem
    old: Revision
    new: Revision
    changed: list[Section]
    same: list[Section]
    revisions: list[Revision]

    @property
    def parts(self) -> int:
        return len(self.changed) + len(self.same)


def _revision(item: WorkItem, number: int) -> Revision:
    found = Revision.objects.filter(item=item, number=number).first()
    if found is None:
        raise Http404("There is no such revision of this document.")
    return found


@require_GET
def export(request: HttpRequest, pk: int) -> HttpResponse:
    """The newest revision, or `?revision=2`, as a Markdown file."""
    item = access.item(request, pk)
    wanted = request.GET.get("revision", "")
    if wanted and not (wanted.isascii() and wanted.isdigit() and len(wanted) < 6):
        raise Http404("There is no such revision of this document.")
    revision = _revision(item, int(wanted)) if wanted else latest_revision(item)
    if revision is None:
        raise Http404("This item has no document yet.")
    text = to_markdown(
        revision.body,
        number=revision.number,
        digest=revision.digest,
        item_title=item.title,
        sponsor=access.display_name(item.stitch_owner),
        created=revision.created_at,
    )
    name = f"leadroom-{item.number}-requirements.md"
    return HttpResponse(
        # half a character, which an agent's JSON can carry, has no form in a file
        text.encode(errors="replace"),
        content_type="text/markdown; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_http_methods(["GET", "POST"])
def import_document(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring a document of one's own. What cannot be used stays in the form with the reason beside it."""
    item = access.item(request, pk)
    if request.method == "GET":
        return _import_page(request, item, Draft(), 200)
    draft = read_draft(request)
    if draft.problem:
        return _import_page(request, item, draft, 422)
    before = latest_revision(item)
    try:
        actor = access.require_lead(request, item.project)
        revision = importing.import_document(item=item, text=draft.text, by=actor, now=clock.now())
    except LeadroomError as error:
        return _import_page(request, item, Draft(draft.text, str(error)), _STATUS.get(type(error), 400))
    if before is not None and revision.pk == before.pk:
        return _import_page(request, item, draft, 200, same_as=revision)
    return redirect("align:item", pk=pk)


def _import_page(
    request: HttpRequest, item: WorkItem, draft: Draft, status: int, same_as: Revision | None = None
) -> HttpResponse:
    try:
        importing.check_can_import(item, by=access.require_lead(request, item.project))
        reason = ""
    except LeadroomError as error:
        reason = str(error)
    shown = {"item": item, "draft": draft, "reason": reason, "same_as": same_as}
    return render(request, "align/import.html", shown, status=status)


@require_GET
def difference(request: HttpRequest, pk: int, old: int, new: int) -> HttpResponse:
    """Two revisions, word by word."""
    item = access.item(request, pk)
    before, after = _revision(item, old), _revision(item, new)
    sections = word_changes(before.body, after.body)
    page = DifferencePage(
        item=item,
        old=before,
        new=after,
        changed=[section for section in sections if section.is_changed],
        same=[section for section in sections if not section.is_changed],
        revisions=list(Revision.objects.filter(item=item).defer("body").order_by("-number")),
    )
    return render(request, "align/difference.html", {"page": page})
