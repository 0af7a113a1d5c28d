"""Tags and filters of every page, a template builtin: icons, states, times, hostile text made safe."""

import datetime as dt
import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.db.models import Model
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from leadroom.lib import clock
from leadroom.web.templatetags import looks
from leadroom.web.templatetags.difftext import FileDiff, parse_diff
from leadroom.web.templatetags.safetext import ansi_html, hidden_characters, markdown_html, plain_html

register = template.Library()

SPRITE = "vendor/lucide/sprite.svg"
_HUES = 8
_NAMES = {"workitem": "item", "requirementsdocument": "document", "testcase": "case", "testplan": "plan"}


@cache
def _icon_names() -> frozenset[str]:
    text = (Path(settings.BASE_DIR) / "static" / SPRITE).read_text()
    return frozenset(re.findall(r'<symbol id="([a-z0-9-]+)"', text))


@cache
def _icon(name: str, label: str, css: str) -> SafeString:
    if name not in _icon_names():
        raise template.TemplateSyntaxError(
            f"No icon {name!r} in static/{SPRITE}; the README of static/vendor says how to add one."
        )
    classes = f"icon icon-{name} {css}".strip()
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}#{}"/></svg>',
            classes,
            label,
            static(SPRITE),
            name,
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', classes, static(SPRITE), name)


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon of the sprite; with `label` it speaks, else it is decoration. Unknown: a template error."""
    return _icon(str(name), str(label), str(css))


@register.simple_tag
def state_chip(state: object, word: str = "", tone: str | None = None, icon: str = "") -> SafeString:
    """Icon + word + colour for any state of the house (an enum member or its value, any case)."""
    look = looks.look_of(state)
    return format_html(
        '<span class="chip" data-tone="{}">{}{}</span>',
        look.tone if tone is None else tone,
        _icon(icon or look.icon, "", ""),
        word or look.word,
    )


@register.filter
def look(state: object) -> looks.Look:
    """The `icon`, `word` and `tone` of a state, for markup of one's own."""
    return looks.look_of(state)


@register.filter
def tool_icon(kind: object) -> str:
    """Icon name of an ACP tool kind."""
    return looks.TOOL_ICONS.get(str(getattr(kind, "value", kind)), "wrench")


@register.simple_tag
def dom_id(thing: object, suffix: str = "") -> str:
    """The one spelling of DOM ids, `run-42-events`: a model, a presenter with `dom_id`, or a prefix."""
    if isinstance(thing, Model):
        name = thing._meta.model_name or ""
        prefix = f"{_NAMES.get(name, name)}-{thing.pk}"
    else:
        prefix = str(getattr(thing, "dom_id", thing))
    return re.sub(r"[^A-Za-z0-9_-]+", "-", f"{prefix}-{suffix}" if suffix else prefix)


@register.filter
def hue(thing: Any) -> int:
    """A stable colour number 1..8 for a project or its id, for `data-hue`."""
    number = thing if isinstance(thing, int) else getattr(thing, "pk", None) or sum(map(ord, str(thing)))
    return (int(number) - 1) % _HUES + 1


def _words(seconds: float) -> str:
    whole = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def exact(moment: dt.datetime) -> str:
    """`22 Nov 10:02:03` in the lead's zone, with the year when it is not this one."""
    local = timezone.localtime(moment)
    year = "" if local.year == timezone.localtime(clock.now()).year else f" {local.year}"
    return f"{local.day} {local:%b}{year} {local:%H:%M:%S}"


@register.simple_tag
def relative_time(moment: dt.datetime | None, form: str = "ago") -> SafeString | str:
    """`14 s ago`, or `14 s` with form "age"; exact on hover, kept fresh by the browser. None: a dash."""
    if not moment:  # a template hands in an empty text for what is not there
        return "–"
    past = (clock.now() - moment).total_seconds()
    words = _words(abs(past))
    text = words if form == "age" else f"in {words}" if past < -1 else f"{words} ago"
    return format_html(
        '<time datetime="{}" title="{}" data-relative="{}">{}</time>',
        moment.isoformat(),
        exact(moment),
        form,
        text,
    )


@register.simple_tag
def exact_time(moment: dt.datetime | None, form: str = "") -> SafeString | str:
    """A time in the lead's zone: `22 Nov 10:02:03`, or `10:02:03` with form "clock". None: a dash."""
    if not moment:
        return "–"
    shown = f"{timezone.localtime(moment):%H:%M:%S}" if form == "clock" else exact(moment)
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact(moment), shown)


@register.filter
def duration(seconds: float | dt.timedelta | None) -> str:
    """`0.4 s`, `42 s`, `3 min 05 s`, `26 min`, `2 h 10 min`. None: a dash."""
    if seconds is None:
        return "–"
    value = seconds.total_seconds() if isinstance(seconds, dt.timedelta) else float(seconds)
    if value < 10:
        return f"{value:.1f} s"
    whole = int(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3_600} h {whole % 3_600 // 60:02} min"


@register.filter
def money(dollars: Decimal | float | None) -> str:
    """US dollars: `$0.42`, `<$0.01`, `$1,204`. None: a dash."""
    if dollars is None:
        return "–"
    if 0 < dollars < Decimal("0.01"):
        return "<$0.01"
    return f"${dollars:,.0f}" if dollars >= 1_000 else f"${dollars:,.2f}"


@register.filter
def compact(number: int | None) -> str:
    """`950`, `12.3k`, `4.1M`. None: a dash."""
    if number is None:
        return "–"
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if abs(number) >= size:
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return str(number)


@register.filter
def percent(share: float | None) -> str:
    """`72 %` of a share between 0 and 1. None: a dash."""
    return "–" if share is None else f"{round(share * 100)} %"


@register.filter
def plain(text: object) -> SafeString:
    """Escaped text, hidden characters shown as chips; for every word an agent or a repository wrote."""
    return plain_html("" if text is None else str(text))


@register.filter
def hidden_count(text: object) -> int:
    """How many hidden characters `plain` would show as chips."""
    return hidden_characters(str(text or ""))


@register.filter
def ansi(text: object) -> SafeString:
    """Terminal output with its colours, else escaped as by `plain`; goes into `<pre class="term">`."""
    return ansi_html("" if text is None else str(text))


@register.filter
def markdown(text: object) -> SafeString:
    """Hostile Markdown as a `<div class="prose">`."""
    return markdown_html("" if text is None else str(text))


@register.filter
def diff_files(text: object) -> list[FileDiff]:
    """Files of a unified diff, for `components/diff.html`."""
    return parse_diff("" if text is None else str(text))


@register.filter
def page_frame(request: HttpRequest | None) -> str:
    """What `base.html` extends: the whole shell, or for a request of htmx only what it swaps in."""
    htmx = getattr(request, "htmx", None)
    if htmx and not htmx.boosted and not htmx.history_restore_request:
        return "swap.html"
    return "shell.html"


@register.filter
def theme(request: HttpRequest | None) -> str:
    """`light`, `dark` or `auto`, from the cookie that the theme button writes."""
    chosen = request.COOKIES.get("leadroom_theme", "") if request else ""
    return chosen if chosen in {"light", "dark"} else "auto"
