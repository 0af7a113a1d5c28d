"""A person at a browser, without the browser: signs in by link, reads pages, sends their forms as they stand."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2

from leadroom.lib.errors import LeadroomError


@dataclass
class Button:
    """A submit button: what it is called, its classes, and the pair it adds to the form."""

    name: str = ""
    value: str = ""
    classes: str = ""
    text: str = ""


@dataclass
class Form:
    """A form as the page holds it. `fields` has what a browser would send without touching anything."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    boxes: list[tuple[str, str]] = field(default_factory=list)
    areas: list[str] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.by_id: dict[str, Form] = {}
        self._form: Form | None = None
        self._button: Button | None = None
        self._area = ""
        self._orphans: list[tuple[str, Button]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
            self.by_id[given.get("id", "")] = self._form
        elif tag == "button" and given.get("type", "submit") == "submit":
            self._button = Button(given.get("name", ""), given.get("value", ""), given.get("class", ""))
            owner = self.by_id.get(given["form"]) if "form" in given else self._form
            if owner is not None:
                owner.buttons.append(self._button)
            elif "form" in given:
                self._orphans.append((given["form"], self._button))
        elif self._form is not None and tag == "textarea":
            self._area = given.get("name", "")
            self._form.areas.append(self._area)
            self._form.fields.setdefault(self._area, "")
        elif self._form is not None and tag == "input" and given.get("name"):
            self._take_input(self._form, given)

    def _take_input(self, form: Form, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind in ("checkbox", "radio"):
            form.boxes.append((given["name"], given.get("value", "on")))
            if "checked" in given:
                form.fields[given["name"]] = given.get("value", "on")
        elif kind not in ("submit", "button", "file"):
            form.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "button":
            self._button = None
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self._button.text += data
        elif self._area and self._form is not None:
            self._form.fields[self._area] += data

    def close(self) -> None:
        super().close()
        for owner, button in self._orphans:
            if owner in self.by_id:
                self.by_id[owner].buttons.append(button)


class NoSuchThing(LeadroomError):
    """The page does not have what a person would look for."""


class Person:
    """One signed-in session. Every refusal of the server is raised with its status and the page's sentence."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._client = httpx2.Client(base_url=base_url, follow_redirects=True, timeout=30.0)

    def close(self) -> None:
        self._client.close()

    def sign_in(self, link: str) -> None:
        """Open the one-time link and press its button."""
        forms = [form for form in self.forms(urlsplit(link).path) if form.method == "post"]
        self.send(forms[0])

    def read(self, path: str) -> str:
        """The page's HTML. Raises LeadroomError for anything but 200."""
        answer = self._client.get(path)
        if answer.status_code != 200:
            raise LeadroomError(f"GET {path} answered {answer.status_code}: {_sentence(answer.text)}")
        return answer.text

    def forms(self, path: str) -> list[Form]:
        """Every form of the page, actions resolved against it."""
        parser = _Forms()
        parser.feed(self.read(path))
        parser.close()
        for form in parser.forms:
            form.action = urljoin(path, form.action)
        return parser.forms

    def form(self, path: str, action: str) -> Form:
        """The page's first POST form whose action matches the pattern. Raises NoSuchThing."""
        for form in self.forms(path):
            if form.method == "post" and re.fullmatch(action, form.action):
                return form
        raise NoSuchThing(f"{path} has no form for {action}")

    def send(self, form: Form, **fields: str | list[str]) -> httpx2.Response:
        """Send the form with filled-in fields (a list ticks several boxes). Raises LeadroomError when it is refused."""
        data = {**form.fields, **fields}
        headers = {"Origin": self.base_url, "Referer": self.base_url + "/", "Sec-Fetch-Site": "same-origin"}
        answer = self._client.post(form.action, data=data, headers=headers)
        if answer.status_code >= 400:
            raise LeadroomError(f"POST {form.action} answered {answer.status_code}: {_sentence(answer.text)}")
        return answer


def _sentence(html: str) -> str:
    """What a refusal page says, without its frame."""
    main = re.search(r"<main.*?</main>", html, re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", main.group(0) if main else html)
    return " ".join(text.split())[:400]
