"""Requirements documents as files in the browser: out, in with what was typed kept, and what changed."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from leadroom.projects.models import WorkItem
from leadroom.requirements.contract import from_markdown, to_markdown
from leadroom.web.align.forms import DOCUMENT_BYTES
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def item() -> WorkItem:
    """Its agent waits for one pick."""
    item = factories.make_item()
    factories.make_ambiguities(item, 1)
    return item


@pytest.fixture
def lead(item: WorkItem) -> Client:
    return signed_in(factories.lead_of(item.project))


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def markdown(**changes) -> str:
    body = factories.document_shape(**changes)
    return to_markdown(body, number=1, digest="sha256:elsewhere", item_title="Split")


def bring(lead: Client, item: WorkItem, text: str = "", **data):
    return lead.post(reverse("align:import", args=[item.pk]), {"text": text, **data})


def shown(lead: Client, name: str, *args: int, status: int = 200) -> str:
    answer = lead.get(reverse(name, args=args))
    assert answer.status_code == status
    return answer.content.decode()


def kept_text(answer) -> str:
    return re.search(r"<textarea[^>]*>(.*?)</textarea>", answer.content.decode(), re.DOTALL)[1]


class TestExport:
    def test_the_newest_revision_is_a_file(self, lead: Client, item: WorkItem) -> None:
        factories.make_document(item)
        newest = factories.make_document(item, title="Split by weights")
        answer = lead.get(reverse("align:export", args=[item.pk]))
        assert answer["Content-Type"] == "text/markdown; charset=utf-8"
        assert answer["Content-Disposition"] == f'attachment; filename="leadroom-{item.number}-requirements.md"'
        text = answer.content.decode()
        assert from_markdown(text) == newest.body
        assert f"digest: {newest.digest}\n" in text
        assert f"sponsor: {item.stitch_owner.username}\n" in text

    def test_an_earlier_one_by_its_number(self, lead: Client, item: WorkItem) -> None:
        first = factories.make_document(item)
        factories.make_document(item, title="Split by weights")
        url = reverse("align:export", args=[item.pk])
        assert from_markdown(lead.get(url, {"revision": "1"}).content.decode()) == first.body
        for wrong in ("3", "0", "-1", "x", "²", "9" * 30):
            assert lead.get(url, {"revision": wrong}).status_code == 404

    def test_without_a_document_there_is_nothing(self, lead: Client, item: WorkItem) -> None:
        shown(lead, "align:export", item.pk, status=404)


class TestImport:
    def test_a_pasted_document_becomes_a_revision(self, lead: Client, item: WorkItem) -> None:
        answer = bring(lead, item, markdown().replace("\n", "\r\n"))
        assert (answer.status_code, answer["Location"]) == (302, reverse("align:item", args=[item.pk]))
        assert item.revisions.get().body == factories.document_shape()
        assert "Parts follow the shares." in shown(lead, "align:item", item.pk)

    def test_a_file_counts_instead_of_the_text(self, lead: Client, item: WorkItem) -> None:
        file = SimpleUploadedFile("a.md", b"\xef\xbb\xbf" + markdown(title="Née").encode())
        assert bring(lead, item, "left over", file=file).status_code == 302
        assert item.revisions.get().body["title"] == "Née"

    def test_a_refused_text_stays_in_the_form_with_the_reason(self, lead: Client, item: WorkItem) -> None:
        text = markdown().replace("## Non-goals", "## Aims </textarea><script>alert(1)</script>")
        answer = bring(lead, item, text)
        html = answer.content.decode()
        assert answer.status_code == 422
        assert "there is no section “Aims &lt;/textarea&gt;" in html
        assert "<script>alert" not in html
        assert "## Aims &lt;/textarea&gt;" in kept_text(answer)
        assert "Percentages." in kept_text(answer)
        assert not item.revisions.exists()

    def test_a_refused_file_can_be_mended_in_the_form(self, lead: Client, item: WorkItem) -> None:
        answer = bring(lead, item, file=SimpleUploadedFile("a.md", markdown(title="x" * 301).encode()))
        assert answer.status_code == 422
        assert "The title has 301 characters" in answer.content.decode()
        assert "Percentages." in kept_text(answer)

    @pytest.mark.parametrize(
        ("text", "content", "words"),
        [
            (" ", None, "Paste a document or choose a file; nothing was stored."),
            ("", b"", "Paste a document or choose a file; nothing was stored."),
            ("typed", b"\xff\xfe", "The file is not text in UTF-8; nothing was stored."),
            ("", b"a" * (DOCUMENT_BYTES + 1), "The file has 1,000,001 bytes; 1,000,000 is the limit."),
            ("é" * (DOCUMENT_BYTES // 2 + 1), None, "The text has 1,000,002 bytes; 1,000,000 is the limit."),
            ("a\0b", None, "The text holds a NUL"),
        ],
    )
    def test_what_is_no_document_is_said(
        self, lead: Client, item: WorkItem, text: str, content: bytes | None, words: str
    ) -> None:
        data = {} if content is None else {"file": SimpleUploadedFile("a.md", content)}
        answer = bring(lead, item, text, **data)
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert not item.revisions.exists()

    def test_the_same_again_says_so_and_stores_nothing(self, lead: Client, item: WorkItem) -> None:
        bring(lead, item, markdown())
        answer = bring(lead, item, markdown())
        assert answer.status_code == 200
        assert "This is revision 1 word for word, so nothing new was stored." in answer.content.decode()
        assert item.revisions.count() == 1

    def test_an_overtaken_export_is_a_conflict_that_keeps_the_text(self, lead: Client, item: WorkItem) -> None:
        first = factories.make_document(item)
        factories.make_document(item, title="Meanwhile")
        text = to_markdown(factories.document_shape(title="Mine"), number=1, digest=first.digest, item_title=item.title)
        answer = bring(lead, item, text)
        assert answer.status_code == 409
        assert "revision 2 came since; nothing was stored" in answer.content.decode()
        assert "title: Mine" in kept_text(answer)

    def test_an_agent_at_work_is_said_before_and_after(self, lead: Client) -> None:
        item = factories.make_item(factories.Project.objects.get())
        factories.make_running_run(item)
        html = shown(lead, "align:import", item.pk)
        assert 'aria-disabled="true" data-reason="The requirements agent is at work' in html
        answer = bring(lead, item, markdown())
        assert answer.status_code == 403
        assert "is at work and would write over your document" in answer.content.decode()
        assert "Percentages." in kept_text(answer)

    def test_a_viewer_exports_and_does_not_import(self, item: WorkItem) -> None:
        factories.make_document(item)
        viewer = signed_in(factories.make_viewer(item.project))
        shown(viewer, "align:export", item.pk)
        assert "only its lead decides here" in shown(viewer, "align:import", item.pk)
        assert bring(viewer, item, markdown(title="Mine")).status_code == 403
        assert item.revisions.count() == 1

    def test_another_site_cannot_import(self, item: WorkItem) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(factories.lead_of(item.project))
        assert bring(strict, item, markdown()).status_code == 403
        assert not item.revisions.exists()


class TestDifference:
    def test_words_have_signs(self, lead: Client, item: WorkItem) -> None:
        factories.make_document(item)
        factories.make_document(item, title="Split by weights", constraints=["<b>New</b>\u202e"])
        html = shown(lead, "align:difference", item.pk, 1, 2)
        assert '−</span><span class="sr-only">removed: </span>shares</del>' in html
        assert '+</span><span class="sr-only">added: </span>weights</ins>' in html
        assert "2 of 10 parts" in html
        assert "&lt;b&gt;New&lt;/b&gt;" in html
        assert "\u202e" not in html

    def test_the_pages_lead_to_it(self, lead: Client, item: WorkItem) -> None:
        url = reverse("align:difference", args=[item.pk, 1, 2])
        factories.make_document(item)
        assert "/difference/" not in shown(lead, "align:item", item.pk)
        factories.make_document(item, title="Split by weights")
        for name in ("align:item", "items:alignment"):
            html = shown(lead, name, item.pk)
            assert f'href="{url}"' in html
            assert f'href="{reverse("align:export", args=[item.pk])}' in html

    def test_a_revision_and_itself_are_the_same(self, lead: Client, item: WorkItem) -> None:
        factories.make_document(item)
        assert "Both revisions say the same." in shown(lead, "align:difference", item.pk, 1, 1)
        shown(lead, "align:difference", item.pk, 1, 2, status=404)


@pytest.mark.parametrize(("name", "more"), [("export", []), ("import", []), ("difference", [1, 1])])
def test_a_stranger_does_not_even_learn_that_it_is_there(item: WorkItem, name: str, more: list[int]) -> None:
    factories.make_document(item)
    stranger = signed_in(factories.make_user())
    shown(stranger, f"align:{name}", item.pk, *more, status=404)
    assert stranger.post(reverse(f"align:{name}", args=[item.pk, *more])).status_code in (404, 405)
    address = reverse(f"align:{name}", args=[item.pk, *more])
    assert Client().get(address).status_code == 302
