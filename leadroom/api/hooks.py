"""Webhooks in: signed, once, whole or not at all; every answer is JSON with a sentence (docs/webhooks.md)."""

import json
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from leadroom.lib import clock, webhooks
from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.errors import BadInput, Conflict, LeadroomError, Locked
from leadroom.outcomes.actions import keep_findings
from leadroom.outcomes.enums import Came
from leadroom.outcomes.ingress import KINDS
from leadroom.outcomes.intake import SHOWN, BadRows
from leadroom.outcomes.queries import secrets_of
from leadroom.projects.models import Project
from leadroom.triage.imports.reading import kind_of

FINDINGS = "findings"
"""The type whose `data` is a file as a build server has it, not records."""
MOST_BYTES = 1024 * 1024
_NO_DOOR = (
    "No project of this name takes webhooks here. Make a secret on its page Outcomes, Sources; nothing was stored."
)


class _Answer(Exception):
    """An answer other than yes; `more` goes beside the sentence."""

    def __init__(self, status: int, sentence: str, **more: Any) -> None:
        super().__init__(sentence)
        self.status, self.body = status, {"error": sentence, **more}


@csrf_exempt  # no cookie counts here; the signature does
@login_not_required
def take(request: HttpRequest, slug: str) -> HttpResponse:
    """One webhook: `{"type": kind, "data": record or list of records}`."""
    try:
        return _take(request, slug)
    except _Answer as answer:
        return JsonResponse(answer.body, status=answer.status)
    except BadRows as error:
        problems = [{"record": one.row, "reason": one.reason} for one in error.problems[:SHOWN]]
        return JsonResponse({"error": str(error), "problems": problems}, status=422)
    except Locked as error:
        return JsonResponse({"error": str(error)}, status=423)
    except Conflict as error:
        return JsonResponse({"error": str(error)}, status=409)
    except LeadroomError as error:
        return JsonResponse({"error": str(error)}, status=422)


def _take(request: HttpRequest, slug: str) -> HttpResponse:
    body = _body(request)
    now = clock.now()
    project = Project.objects.filter(slug=slug).first()
    secrets = secrets_of(project, now=now) if project else []
    if project is None or not secrets:
        raise _Answer(404, _NO_DOOR)
    id = request.headers.get(webhooks.ID, "")
    refused = webhooks.verify(
        secrets,
        id=id,
        timestamp=request.headers.get(webhooks.TIMESTAMP, ""),
        signature=request.headers.get(webhooks.SIGNATURE, ""),
        body=body,
        now=now,
    )
    if refused is not None:
        raise _Answer(401, str(refused))
    said = _said(body)
    by = Actor(ActorKind.SYSTEM, f"webhook:{project.pk}", f"Webhook of {project.name}"[:200])
    given = {"project": project, "by": by, "now": now, "webhook_id": id}
    if said.get("type") == FINDINGS:
        return _take_findings(said.get("data"), given)
    kind = KINDS.get(said["type"]) if isinstance(said.get("type"), str) else None
    if kind is None:
        raise BadInput(
            f"The type {str(said.get('type'))[:40]!r} is none of {', '.join([*KINDS, FINDINGS])}; nothing stored."
        )
    data = said.get("data")
    rows = kind.shape.read(data if isinstance(data, list) else [data], now=now)
    if not rows:
        raise BadInput("data holds no record; nothing was stored.")
    kept = kind.keep(rows=rows, came=Came.WEBHOOK, **given)
    return JsonResponse({"new": kept.new, "changed": kept.changed, "same": kept.same})


def _take_findings(data: Any, given: dict[str, Any]) -> HttpResponse:
    """`data` is `{"kind": "junit", "file": "the text of the file"}`."""
    if not isinstance(data, dict) or not isinstance(data.get("file"), str) or not isinstance(data.get("kind"), str):
        raise BadInput('The data of findings is {"kind": "junit", "file": "its text"}; nothing was stored.')
    found = keep_findings(kind=kind_of(data["kind"]), data=data["file"].encode("utf-8", "replace"), **given)
    refused = [{"record": row.number, "reason": row.why} for row in found.refused[:SHOWN]]
    counts = {"new": found.taken, "changed": 0, "same": found.known}
    return JsonResponse({**counts, "sentence": found.sentence, "refused": refused})


def _body(request: HttpRequest) -> bytes:
    """The body as far as it is small enough; nothing of a larger one is read into memory."""
    if request.method != "POST":
        raise _Answer(405, "Webhooks come by POST; nothing was stored.")
    too_large = _Answer(413, f"The body is larger than {MOST_BYTES:,} bytes; nothing was stored. Send fewer at once.")
    length = request.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length[:12]) > MOST_BYTES:
        raise too_large
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise too_large
    return body


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput("The body cannot be read as JSON; nothing was stored.") from error
    if not isinstance(said, dict):
        raise BadInput('The body must be an object with "type" and "data"; nothing was stored.')
    return said


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
