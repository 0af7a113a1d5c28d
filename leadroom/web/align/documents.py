"""The requirements document as a file: out, in, and what changed between two revisions."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import LeadroomError, NotPermitted
from leadroom.pipeline import changing, importing
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements.contract import to_markdown
from leadroom.requirements.models import Revision
from leadroom.requirements.queries import latest_revision
from leadroom.requirements.wording import Section, word_changes
from leadroom.web import access
from leadroom.web.align.bringing import bring_reason
from leadroom.web.align.forms import Draft, read_draft
from leadroom.web.refusals import status_of


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
    text = _markdown(item, revision)
    name = f"leadroom-{item.number}-requirements.md"
    return HttpResponse(
        # half a character, which an agent's JSON can carry, has no form in a file
        text.encode(errors="replace"),
        content_type="text/markdown; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _markdown(item: WorkItem, revision: Revision) -> str:
    return to_markdown(
        revision.body,
        number=revision.number,
        digest=revision.digest,
        item_title=item.title,
        sponsor=access.display_name(item.stitch_owner),
        created=revision.created_at,
    )


@require_http_methods(["GET", "POST"])
def import_document(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring a document of one's own; once alignment is over, compare it first with what it would replace.

    What cannot be used stays in the form with the reason beside it. `?from=request` begins with the request's text.
    """
    item = access.item(request, pk)
    if request.method == "GET":
        text = item.request if request.GET.get("from") == "request" else _settled_text(item)
        return _import_page(request, item, Draft(text), 200)
    draft = read_draft(request)
    if draft.problem:
        return _import_page(request, item, draft, 422)
    bring = _import if item.stage == Stage.ALIGN else _compare
    try:
        return bring(request, item, draft)
    except LeadroomError as error:
        return _import_page(request, item, Draft(draft.text, str(error)), status_of(error))


def _import(request: HttpRequest, item: WorkItem, draft: Draft) -> HttpResponse:
    before, actor = latest_revision(item), access.require_lead(request, item.project)
    revision = importing.import_document(item=item, text=draft.text, by=actor, now=clock.now())
    if before is not None and revision.pk == before.pk:
        return _import_page(request, item, draft, 200, same_as=revision)
    return redirect("align:item", pk=item.pk)


def _compare(request: HttpRequest, item: WorkItem, draft: Draft) -> HttpResponse:
    actor, text = access.require_lead(request, item.project), _as_sent(draft.text)
    found = changing.compare(item=item, text=text, by=actor)
    if found.is_same:
        return _import_page(request, item, Draft(text), 200, same_as=found.before)
    shown = {
        "item": item,
        "text": text,
        "found": found,
        "changed": [section for section in found.sections if section.is_changed],
        "parts": len(found.sections),
    }
    return render(request, "align/change.html", shown)


@require_POST
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Store the document that was compared and lead the item back to planning."""
    item = access.item(request, pk)
    text = _as_sent(request.POST.get("text", ""))
    seen = changing.Seen(*(request.POST.get(name, "") for name in ("before", "after", "plan")))
    try:
        actor = access.require_lead(request, item.project)
        changing.change_document(item=item, text=text, seen=seen, by=actor, now=clock.now())
    except LeadroomError as error:
        return _import_page(request, item, Draft(text, str(error)), status_of(error))
    return redirect("items:alignment", pk)


def _as_sent(text: str) -> str:
    """Forms send CRLF; the comparison and its confirmation are of one text."""
    return text.replace("\r\n", "\n")


def _settled_text(item: WorkItem) -> str:
    """The settled document as its export, to be edited; empty while the item is being aligned."""
    revision = latest_revision(item) if item.stage != Stage.ALIGN else None
    return _markdown(item, revision).encode(errors="replace").decode() if revision else ""


def _import_page(
    request: HttpRequest, item: WorkItem, draft: Draft, status: int, same_as: Revision | None = None
) -> HttpResponse:
    is_change = item.stage != Stage.ALIGN
    try:
        reason = bring_reason(item, by=access.require_lead(request, item.project))
    except NotPermitted as error:
        reason = str(error)
    shown = {"item": item, "draft": draft, "reason": reason, "same_as": same_as, "is_change": is_change}
    if is_change and reason:
        shown["run"] = changing.run_in_the_way(item)
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
