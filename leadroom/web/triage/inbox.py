"""The triage inbox: findings that wait, most urgent first; one finding with its evidence; a person's own views."""

from collections.abc import Container, Sequence

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.projects.queries import led_projects
from leadroom.triage import actions, queries, rules
from leadroom.triage.enums import OPEN_FINDINGS, SEVERITY_RANK, LinkState, Severity, SuggestedAction
from leadroom.triage.models import Finding, Link, SavedFilter
from leadroom.web import access, answers
from leadroom.web.refusals import refusal_of
from leadroom.web.triage.asked import SHOWN, WHO, View, number_in, read_view
from leadroom.web.triage.findings import (
    Row,
    present_decision,
    present_lines,
    present_links,
    present_row,
    route_buttons,
)

PAGE_SIZE = 30
NEWS_COUNTED = 99
ONLY_LOOKS = "You may look at this project, but only its lead decides here."


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The grid and the list, thirty findings at a time."""
    return drawn(request, read_view(request.GET), whole=request.headers.get("HX-Request") != "true")


def drawn(request: HttpRequest, view: View, *, whole: bool = False) -> HttpResponse:
    """The page, or only what a decision changes in it. Nothing that came after `view.upto` is shown."""
    view = view if view.upto else View(**{**vars(view), "upto": queries.newest_finding()})
    ids = access.project_ids(request)
    found = _page(ids, view)
    has_more, counts = len(found) > PAGE_SIZE, queries.inbox_grid(ids, view.upto)
    led, check = list(led_projects(request.user)), queries.last_check()
    context = {
        "view": view,
        "led": led,
        "grid": present_lines(counts, view),
        "actions": SuggestedAction.labels,
        "waiting": sum(counts.values()),
        "rows": _rows(found[:PAGE_SIZE], {project.pk for project in led}),
        "more": view.changed(after=found[PAGE_SIZE - 1].pk) if has_more else "",
        "shown": [(value, label, view.changed(show=value)) for value, label in SHOWN.items()],
        "who": [(value, label, view.changed(who=value)) for value, label in WHO.items()],
        "kept": SavedFilter.objects.filter(user_id=request.user.pk or 0),
        "check": check,
        "needs_check": queries.needs_check(check),
        "is_whole": whole,
    }
    return render(request, f"triage/inbox.html{'' if whole else '#body'}", context)


def _rows(found: Sequence[Finding], led: Container[int]) -> list[Row]:
    suggested = list(queries.suggestions_for([finding.pk for finding in found]))
    return [
        present_row(finding, suggested, refusal="" if finding.project_id in led else ONLY_LOOKS) for finding in found
    ]


def _page(ids: list[int], view: View) -> list[Finding]:
    """One page of the view and one finding more. The ids are read first, from an index alone."""
    rows = narrowed(Finding.objects.filter(project_id__in=ids, root=None, pk__lte=view.upto), ids, view)
    order = ("priority", "seen_at", "pk") if not view.show else ("-pk",)
    rows = rows.order_by(*order)
    if view.after:
        last = Finding.objects.filter(pk=view.after, project_id__in=ids).first()
        if last is not None and view.show:
            rows = rows.filter(pk__lt=last.pk)
        elif last is not None:
            later = Q(seen_at__gt=last.seen_at) | Q(seen_at=last.seen_at, pk__gt=last.pk)
            rows = rows.filter(Q(priority__gt=last.priority) | (Q(priority=last.priority) & later))
    chosen = list(rows.values_list("pk", flat=True)[: PAGE_SIZE + 1])
    full = Finding.objects.filter(pk__in=chosen).select_related("project", "report__item").defer(*queries.HEAVY)
    by_pk = {finding.pk: finding for finding in full}
    return [by_pk[pk] for pk in chosen]


def narrowed(rows: QuerySet[Finding], ids: list[int], view: View) -> QuerySet[Finding]:
    """The rows of a view; of those that wait when it names no state."""
    if not view.show:
        rows = rows.filter(state__in=OPEN_FINDINGS)
    elif view.show != "all":
        rows = rows.filter(state=view.show.upper())
    if view.severity:
        rows = rows.filter(worst=SEVERITY_RANK[Severity(view.severity)])
    if view.action:
        rows = rows.filter(suggested_action=view.action)
    if view.who:
        rows = rows.filter(is_from_agent=view.who == "agent")
    if number := number_in(view.words.removeprefix("#")):
        group = Finding.objects.filter(pk=number, root__isnull=False).values("root_id")
        rows = rows.filter(Q(pk=number) | Q(pk__in=group))
    elif view.words:
        rows = rows.filter(Q(title__icontains=view.words) | Q(pk__in=queries.found_by_words(ids, view.words)))
    return rows


@require_GET
def news(request: HttpRequest) -> HttpResponse:
    """How many findings came since the page was opened; they are shown when the person asks for them."""
    view, ids = read_view(request.GET), access.project_ids(request)
    rows = Finding.objects.filter(project_id__in=ids, root=None, state__in=OPEN_FINDINGS, pk__gt=view.upto)
    count = len(rows.values_list("pk", flat=True)[: NEWS_COUNTED + 1])
    context = {"view": view, "count": count, "more": count > NEWS_COUNTED, "show_query": view.changed(upto=0)}
    return render(request, "triage/inbox.html#news", context)


@require_GET
def finding(request: HttpRequest, pk: int) -> HttpResponse:
    """One finding with its group: the text, who said it, what it may be the same as and why, and what was decided."""
    return drawn_finding(request, access.finding(request, pk))


def drawn_finding(request: HttpRequest, found: Finding) -> HttpResponse:
    """The page of a group, whichever of its findings was asked for."""
    if found.root_id:
        return redirect("triage:finding", pk=found.root_id)
    by, led = access.person(request), led_projects(request.user).filter(pk=found.project_id).exists()
    links, standing = queries.links_of_group(found), queries.standing_decision(found.pk)
    views, copies = present_links(found, links, by)
    view = read_view(request.GET)
    beside = Finding.objects.filter(project_id__in=access.project_ids(request), root=None, state__in=OPEN_FINDINGS)
    context = {
        "view": view,
        "finding": found,
        "row": present_row(found, _suggested(links), refusal="" if led else ONLY_LOOKS),
        "routes": route_buttons(found, "" if led else ONLY_LOOKS),
        "links": views,
        "copies": copies,
        "members": queries.members_of(found),
        "decisions": [
            present_decision(decision, found, by, standing)
            for decision in found.decisions.select_related("item").order_by("-pk")[:20]
        ],
        "draft": getattr(found, "rule_draft", None),
        "teach_reason": refusal_of(lambda: rules.check_teach(found, by)),
        "refusal": "" if led else ONLY_LOOKS,
        "next": beside.filter(Q(priority__gt=found.priority) | Q(priority=found.priority, seen_at__gt=found.seen_at))
        .order_by("priority", "seen_at")
        .values_list("pk", flat=True)
        .first(),
    }
    return render(request, "triage/finding.html", context)


def _suggested(links: Sequence[Link]) -> list[Link]:
    return [link for link in links if link.state == LinkState.SUGGESTED]


@require_POST
def save_filter(request: HttpRequest) -> HttpResponse:
    """The view of the page under a name of one's own."""
    view = read_view(QueryDict(request.POST.get("query", "")[:500]))
    name = request.POST.get("name", "")
    actions.save_filter(name=name, query=view.kept, by=access.person(request), now=clock.now())
    to = f"{reverse('triage:inbox')}?{view.kept}"
    return answers.done(request, "View kept", to, go=True)


@require_POST
def forget_filter(request: HttpRequest, pk: int) -> HttpResponse:
    """A view of one's own, gone."""
    kept = access.one(SavedFilter.objects.filter(user_id=request.user.pk or 0), pk)
    actions.forget_filter(kept=kept, by=access.person(request), now=clock.now())
    return answers.done(request, "View forgotten", reverse("triage:inbox"), go=True)
