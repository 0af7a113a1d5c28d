"""The source log of an item or a run, as a page for people who read no code, and as files."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from leadroom.ledger.sourcelog import Step, as_markdown, as_prov, steps_of
from leadroom.web import access

FORMS = {"md": ("text/markdown; charset=utf-8", "md"), "prov": ("application/json", "prov.json")}


def _file(title: str, steps: list[Step], form: str) -> HttpResponse:
    if form not in FORMS:
        raise Http404("The log comes as md or prov.")
    content_type, ending = FORMS[form]
    text = as_markdown(title, steps) if form == "md" else as_prov(steps)
    answer = HttpResponse(text, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="sources-{slugify(title)[:60] or "log"}.{ending}"'
    return answer


@require_GET
def export_item(request: HttpRequest, pk: int, form: str) -> HttpResponse:
    """The item's source log as a file."""
    item = access.item(request, pk)
    title = f"{item.project.name} #{item.number} {item.title}"
    return _file(title, steps_of(item_id=item.pk), form)


@require_GET
def run_log(request: HttpRequest, pk: int) -> HttpResponse:
    """What one run rested on."""
    run = access.run(request, pk)
    return render(request, "runs/sources.html", {"run": run, "steps": steps_of(item_id=run.item_id, run_id=run.pk)})


@require_GET
def export_run(request: HttpRequest, pk: int, form: str) -> HttpResponse:
    """A run's source log as a file."""
    run = access.run(request, pk)
    return _file(f"run {run.pk} {run.agent.name}", steps_of(item_id=run.item_id, run_id=run.pk), form)
