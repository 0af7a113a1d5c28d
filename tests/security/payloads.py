"""Hostile texts, and what HTML must be like that shows them."""

import re
from html import unescape
from html.parser import HTMLParser

from leadroom.web.templatetags.safetext import ansi_html, plain_html

EVIL = "evil.example"
PAYLOADS = (
    "<script>window.pwned=1;alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "' onmouseover='alert(3)' autofocus onfocus='alert(3)' x='",
    '<svg/onload=alert(4)><use href="data:image/svg+xml,x"/></svg>',
    '<b hx-get="/sign-out/" hx-trigger="load" hx-on:click="alert(5)" data-hx-post="/x" hx-on::load="alert(5)">5</b>',
    '[6](javascript:alert(6)) <a href="javascript:alert(6)">6</a> <javascript:alert(6)>',
    "</textarea></title></style></template></pre><script>alert(7)</script>",
    '{{ 7|add:"7" }} {% csrf_token %} {% load static %} ${7*7} {{constructor}} {# #}',
    "\x1b]8;;https://evil.example/\x1b\\8\x1b]8;;\x1b\\ \x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\x1b[8mgone",
    "\u202egpj.exe\u202c a\u200bb\u2066c\u2069 \U000e0041\U000e0042 \ufeff\u00ad",
    "W" * 120,
    f'<iframe src="//{EVIL}"></iframe><object data=x></object><base href="//{EVIL}">',
    f'<meta http-equiv=refresh content="0;url=//{EVIL}"><style>*{{display:none}}</style>',
    f"<link rel=stylesheet href=//{EVIL}/x.css>",
    "--><!-- <![CDATA[ ]]> <?php ?> &lt;script&gt;14&lt;/script&gt; &#60;b&#62; &colon;",
    f"https://{EVIL}/?a=1&b=2 //{EVIL} <https://{EVIL}> ![x](https://{EVIL}/x.png)",
    "<details open ontoggle=alert(16)><marquee onstart=alert(16)><math><mi//xlink:href='data:x'>",
    '<button form="x" formaction="javascript:alert(17)">17</button><form action="javascript:alert(17)">',
)
TAGS = {
    *("a", "article", "aside", "body", "br", "button", "code", "datalist", "dd", "del", "details", "dialog", "div"),
    *("dl", "dt", "em", "fieldset", "form", "h1", "h2", "h3", "head", "header", "html", "ins", "input", "kbd"),
    *("label", "legend", "li", "main", "nav", "noscript", "ol", "option", "output", "p", "pre", "progress", "section"),
    *("select", "span", "strong", "summary", "svg", "table", "tbody", "td", "template", "textarea", "th", "thead"),
    *("time", "title", "tr", "ul", "use", "meter", "figure", "figcaption", "g", "line", "circle", "text", "mark"),
}
OURS = {"script", "link", "meta", "img"}
HX = {
    *("hx-get", "hx-post", "hx-trigger", "hx-swap", "hx-target", "hx-select", "hx-ignore", "hx-morph-skip"),
    *(
        "hx-push-url",
        "hx-include",
        "hx-sync",
        "hx-headers:inherited",
        "hx-target:inherited",
        "hx-swap:inherited",
        "hx-sync:inherited",
    ),
}
ADDRESSES = {"href", "src", "action", "formaction", "hx-get", "hx-post", "data-href", "data-undo", "poster", "data"}
WORDS = {"value", "title", "placeholder", "aria-label", "data-tip", "data-reason", "data-key-label", "data-copy"}
"""Attributes whose text only ever is text."""


class Hostile:
    """Makes hostile texts, each with a name of its own, and remembers them by it."""

    def __init__(self, first: int = 0) -> None:
        self._next = first
        self.texts: dict[str, str] = {}

    def __call__(self, name: str, limit: int = 900) -> str:
        """As many payloads as fit, from where the last text ended."""
        text, count, begun = f"[{name}]", 0, self._next
        while count < len(PAYLOADS):
            payload = PAYLOADS[self._next % len(PAYLOADS)]
            if len(text) + 1 + len(payload) > limit:
                if count:
                    break
            else:
                text, count = f"{text} {payload}", count + 1
            self._next += 1
            if not count and self._next - begun > len(PAYLOADS):
                raise AssertionError(f"no payload fits into {limit} characters")
        self.texts[name] = text
        return text


class Page(HTMLParser):
    """A page as a browser would take it apart: everything that is wrong with it, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self._text: list[str] = []
        self._is_script = False
        self.feed(html)
        self.close()
        self.text = collapsed("".join(self._text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in TAGS | OURS or (tag in OURS and not is_ours(tag, given)):
            self.wrong.append(f"<{tag} {given}>")
        for name, value in given.items():
            if problem := attribute_problem(tag, name, value):
                self.wrong.append(f"<{tag} {name}={value[:200]!r}>: {problem}")
        self._is_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script and data.strip():
            self.wrong.append(f"inline script {data[:200]!r}")
        self._text.append(data)

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"comment {data[:200]!r}")

    def unknown_decl(self, data: str) -> None:
        self.wrong.append(f"declaration {data[:200]!r}")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"instruction {data[:200]!r}")


QUOTED = re.compile(r"/(?!/)[\w/-]*\?[\w.%&=+~-]*")
"""An address of this house whose query is percent-encoded."""


def is_ours(tag: str, given: dict[str, str]) -> bool:
    if tag == "meta":
        return "http-equiv" not in given
    return given.get("href" if tag == "link" else "src", "").startswith("/static/")


def attribute_problem(tag: str, name: str, value: str) -> str:
    """Why this attribute must not be there, empty when it may."""
    if (name in ADDRESSES or name == "hx-get") and QUOTED.fullmatch(value):
        value = value.partition("?")[0]  # what was searched for, as a query of our own page
    is_hostile = "alert(" in value or EVIL in value or re.search(r"\[[a-z][A-Za-z0-9 -]*\]", value) is not None
    if name.startswith("on") or (name in ("style", "srcdoc", "srcset", "is", "slot", "nonce") and tag != "script"):
        return "it could run or hide something"
    if name.startswith(("hx-", "data-hx-")) and name not in HX:
        return "htmx would act on it"
    if name in ADDRESSES and not re.match(r"(/(?!/)|[?#]|$)", value):
        return "it leads elsewhere"
    if is_hostile and name not in WORDS and not (tag == "meta" and name == "content"):
        return "hostile text outside of words"
    return ""


def collapsed(text: str) -> str:
    return " ".join(text.split())


def visible(text: str) -> set[str]:
    """How a hostile text may read on a page: with chips, or as terminal output."""
    return {collapsed(unescape(re.sub(r"<[^>]*>", "", html))) for html in (plain_html(text), ansi_html(text))}
