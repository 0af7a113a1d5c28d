"""What hostile text may look like on a page, and how states, times and amounts read."""

import datetime as dt
import time
import tracemalloc
from html import unescape
from html.parser import HTMLParser

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.utils import timezone

from leadroom.lib import clock
from leadroom.web.templatetags import leadroom_ui as ui
from leadroom.web.templatetags.difftext import parse_diff
from leadroom.web.templatetags.looks import LOOKS

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><b onmouseover=alert(1)>',
    "' onfocus=alert(1) autofocus '",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "![x](https://evil.example/pixel.png)",
    "![x](javascript:alert(1))",
    "<https://evil.example/\"onmouseover='alert(1)'>",
    '[x](https://evil.example "title\\" onclick=alert(1)")',
    "[x]: javascript:alert(1)\n\n[x]",
    '<a href="#" hx-get="/leak" hx-trigger="load">x</a>',
    '<div hx-on:click="alert(1)" data-hx-post="/x">x</div>',
    "<style>*{display:none}</style>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "`</code><img src=x onerror=alert(1)>`",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "\x1b[31m<script>alert(1)</script>\x1b[0m",
    '\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07 "><script>',
    '\x1b[38;5;"><img src=x onerror=alert(1)>m',
    "\x1b[31\"onclick='alert(1)'m",
    "{{ request.user }}{% include '/etc/passwd' %}",
    "</textarea></title></pre><script>alert(1)</script>",
    "\u202e<script>\u200b alert(1)\u2066",
]
TAGS = {
    *(
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "div",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "ins",
        "li",
    ),
    *("ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}


class Inspector(HTMLParser):
    """Reads HTML as a browser would and notes what is not on the short list of harmless things."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.bad: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.bad.append(tag)
        for name, value in attrs:
            harmless = name in {"class", "start", "rel", "hx-ignore"} or (tag, name) == ("span", "title")
            if (tag, name) == ("a", "href"):
                harmless = str(value).startswith(("http://", "https://", "mailto:"))
            if not harmless:
                self.bad.append(f"{tag}[{name}={value}]")

    def handle_comment(self, data: str) -> None:
        self.bad.append(f"comment {data}")

    def handle_data(self, data: str) -> None:
        self.text += data


def as_diff(text: str) -> str:
    rows = "".join(f"+{row}\n" for row in text.split("\n"))
    header = f"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,{text.count(chr(10)) + 1} @@\n"
    return "".join(line.html for file in parse_diff(header + rows) for line in file.lines)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("draw", [ui.plain, ui.ansi, ui.markdown, as_diff])
def test_no_filter_lets_markup_of_an_agent_through(draw, attack):
    seen = Inspector(draw(attack))
    assert seen.bad == []


@pytest.mark.parametrize("draw", [ui.plain, ui.ansi, as_diff])
def test_what_was_written_is_still_readable(draw):
    assert "<script>alert(1)</script>" in Inspector(draw("<script>alert(1)</script>")).text


@pytest.mark.parametrize("template", ["{{ text|plain }}", "{{ text|ansi }}", "{{ text|markdown }}"])
def test_filters_work_through_the_template_engine_without_double_escaping(template):
    shown = Template(template).render(Context({"text": "a < b & c"}))
    assert "a &lt; b &amp; c" in shown


@pytest.mark.parametrize(
    ("hidden", "named"),
    [
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\u2066", "U+2066 LEFT-TO-RIGHT ISOLATE"),
        ("\u00ad", "U+00AD SOFT HYPHEN"),
        ("\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("\U000e0041", "U+E0041 TAG LATIN CAPITAL LETTER A"),
        ("\u3164", "U+3164 HANGUL FILLER"),
        ("\x00", "U+0000 NULL"),
        ("\x08", "U+0008 BACKSPACE"),
        ("\x7f", "U+007F DELETE"),
        ("\x9b", "U+009B hidden character"),
        ("\ud800", "U+D800 hidden character"),
    ],
)
def test_a_hidden_character_becomes_a_chip_that_names_it(hidden, named):
    shown = ui.plain(f"pay{hidden}load")
    assert f'title="{named}"' in shown
    assert hidden not in shown
    assert ui.hidden_count(f"pay{hidden}load") == 1


@pytest.mark.parametrize("draw", [ui.markdown, ui.ansi, as_diff])
def test_chips_show_in_every_kind_of_text(draw):
    assert "chip-char" in draw("a\u202eb")


def test_chips_show_inside_code_of_markdown():
    assert ui.markdown("`a\u200bb`\n\n```\nc\u2066d\n```").count("chip-char") == 2


def test_ordinary_text_has_no_chips():
    text = "Größe → 日本語, עברית, emoji ✅️, tab\tand\nnewline"
    assert "chip-char" not in ui.plain(text)
    assert ui.hidden_count(text) == 0


def test_ansi_colours_become_classes_and_end_where_they_end():
    assert ui.ansi("\x1b[1;31mred\x1b[0m plain") == '<span class="ansi-b ansi-1">red</span> plain'
    assert ui.ansi("\x1b[38;5;196mx") == '<span class="ansi-1">x</span>'
    assert ui.ansi("\x1b[38;2;0;200;0mx\x1b[39my") == '<span class="ansi-2">x</span>y'
    assert ui.ansi("\x1b[97;44mx\x1b[49my") == '<span class="ansi-15 ansi-bg-4">x</span><span class="ansi-15">y</span>'


def test_ansi_drops_other_sequences_and_keeps_overwritten_lines():
    assert ui.ansi("\x1b[2Ka\x1b]0;title\x07b\x1b[?25l") == "ab"
    assert ui.ansi("10 %\r20 %\r\ndone") == "10 %\n20 %\ndone"
    assert "U+001B" in ui.ansi("cut \x1b")


@pytest.mark.parametrize(
    "flood",
    [
        "\x1b[" * 30_000,
        "\x1b]" * 30_000,
        "\x1b[31m" * 20_000,
        "\x1b]x" + "y" * 150_000,
        "\u202e" * 4_000,
        "[" * 20_000,
    ],
)
@pytest.mark.parametrize("draw", [ui.ansi, ui.plain, ui.markdown, as_diff])
def test_a_flood_is_drawn_in_bounded_time(draw, flood):
    started = time.process_time()
    draw(flood)
    assert time.process_time() - started < 3


def test_markdown_draws_what_documents_use():
    shown = ui.markdown("## Goals\n\n- **a** `b`\n\n| x |\n|---|\n| 1 |\n\n[site](https://example.org)")
    for piece in ("<h2>Goals</h2>", "<strong>a</strong>", "<code>b</code>", "<td>1</td>"):
        assert piece in shown
    assert '<a href="https://example.org" rel="noopener noreferrer nofollow">site</a>' in shown
    assert shown.startswith('<div class="prose" hx-ignore>')


def test_markdown_has_no_links_into_the_house_and_no_images():
    shown = ui.markdown("[out](/sign-out) ![pixel](https://evil.example/p.png)")
    assert 'href="/' not in shown
    assert "<img" not in shown


PATCH = """diff --git a/app/a.py b/app/a.py
index 1..2 100644
--- a/app/a.py
+++ b/app/a.py
@@ -1,4 +1,5 @@ def f():
 def f(x):
-    return x + 1
+    return x + 2
+    # --- a/not/a/header
 
--- still removed
diff --git a/old name b/new name
similarity index 90%
rename from old name
rename to new name
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-bye
\\ No newline at end of file
diff --git a/b.png b/b.png
new file mode 100644
Binary files /dev/null and b/b.png differ
"""


def test_a_diff_becomes_files_and_numbered_lines():
    first, renamed, gone, image = parse_diff(PATCH)
    assert (first.path, first.added, first.removed) == ("app/a.py", 2, 2)
    assert [(line.kind, line.old, line.new) for line in first.lines] == [
        ("hunk", None, None),
        ("same", 1, 1),
        ("del", 2, None),
        ("add", None, 2),
        ("add", None, 3),
        ("same", 3, 4),
        ("del", 4, None),
    ]
    assert (renamed.change, renamed.old_path, renamed.path) == ("renamed", "old name", "new name")
    assert (gone.change, gone.path, gone.removed) == ("removed", "gone", 1)
    assert image.change == "binary"


def test_a_diff_marks_changed_words_and_colours_code():
    lines = parse_diff(PATCH)[0].lines
    assert '<del><span class="hl-n">1</span></del>' in lines[2].html
    assert '<ins><span class="hl-n">2</span></ins>' in lines[3].html
    assert '<span class="hl-k">def</span>' in lines[1].html


def test_text_that_is_no_diff_and_a_torn_diff_do_not_fail():
    assert parse_diff("hello\nworld") == []
    assert parse_diff(PATCH[:150])[0].path == "app/a.py"
    assert parse_diff("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")[0].path == "x"


def test_a_huge_diff_says_how_much_it_does_not_draw():
    rows = "".join(f"+row {number}\n" for number in range(5_000))
    file = parse_diff(f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,5000 @@\n{rows}")[0]
    assert (file.added, file.not_shown) == (5_000, 3_000)


def test_a_long_text_costs_memory_in_proportion():
    tracemalloc.start()
    ui.ansi("x" * 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000


def test_every_look_has_an_icon_the_sprite_has():
    for state, look in LOOKS.items():
        assert look.word in unescape(ui.state_chip(state))
        assert f"icon-{look.icon}" in ui.state_chip(state)
    assert all("<svg" in ui.icon(name) for name in ui.looks.TOOL_ICONS.values())


def test_an_unknown_state_is_shown_in_words_and_escaped():
    assert "Odd &lt;state&gt;" in ui.state_chip("ODD_<STATE>")


def test_an_unknown_icon_is_an_error_of_the_template():
    with pytest.raises(TemplateSyntaxError, match="no-such-icon"):
        ui.icon("no-such-icon")


def test_dom_ids_are_spelt_in_one_way():
    class Presenter:
        dom_id = "item-3"

    assert ui.dom_id(Presenter(), "stage") == "item-3-stage"
    assert ui.dom_id("run-42", "events") == "run-42-events"
    assert ui.dom_id('x" onclick="y') == "x-onclick-y"


@pytest.mark.parametrize(
    ("seconds", "form", "words"),
    [
        (14, "ago", "14 s ago"),
        (14, "age", "14 s"),
        (200, "ago", "3 min ago"),
        (7_300, "age", "2 h"),
        (-90, "ago", "in 1 min"),
    ],
)
def test_relative_times(monkeypatch, seconds, form, words):
    now = dt.datetime(2026, 11, 22, 10, 2, 3, tzinfo=dt.UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    shown = ui.relative_time(now - dt.timedelta(seconds=seconds), form)
    assert f">{words}</time>" in shown
    assert f'data-relative="{form}"' in shown


def test_exact_times_are_in_the_leads_zone(monkeypatch):
    now = dt.datetime(2026, 11, 22, 10, 2, 3, tzinfo=dt.UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    with timezone.override("Asia/Tokyo"):
        assert ">22 Nov 19:02:03</time>" in ui.exact_time(now)
        assert ">19:02:03</time>" in ui.exact_time(now, "clock")
        assert "2025" in ui.exact_time(now - dt.timedelta(days=365))
    assert ui.exact_time(None) == ui.relative_time(None) == "–"


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (ui.duration(0.42), "0.4 s"),
        (ui.duration(42), "42 s"),
        (ui.duration(dt.timedelta(minutes=3, seconds=5)), "3 min 05 s"),
        (ui.duration(1_560), "26 min"),
        (ui.duration(7_800), "2 h 10 min"),
        (ui.money(0.42), "$0.42"),
        (ui.money(0.004), "<$0.01"),
        (ui.money(0), "$0.00"),
        (ui.money(1_204), "$1,204"),
        (ui.compact(950), "950"),
        (ui.compact(12_300), "12.3k"),
        (ui.compact(4_000_000), "4M"),
        (ui.percent(0.716), "72 %"),
    ],
)
def test_amounts_read_well(shown, wanted):
    assert shown == wanted


def test_hues_are_stable_and_in_range():
    assert {ui.hue(number) for number in range(1, 30)} == set(range(1, 9))
    assert ui.hue("parcel-api") == ui.hue("parcel-api")
