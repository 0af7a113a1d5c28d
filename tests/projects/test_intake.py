"""What a request is, what it is called, where it came from."""

import pytest

from leadroom.lib.errors import BadInput
from leadroom.projects.intake import check_not_only_address, check_ref, has_criteria, name_of_file, origin_of, title_of

ISSUE = "https://github.com/ana/evenly/issues/12"


@pytest.mark.parametrize(
    ("text", "given", "kind"),
    [
        ("Split an expense by shares.", {}, "text"),
        ("Split by shares.\n\n# One heading", {}, "text"),
        ("Split by shares.", {"ref": ISSUE}, "issue"),
        ("# Shares\n\n## Why\n\nRooms differ.", {"ref": ISSUE}, "issue"),
        ("Split by shares.", {"ref": "https://wiki.example.org/shares"}, "issue"),
        ("# Shares\n\n## Why\n\nRooms differ.", {"ref": "https://wiki.example.org/shares"}, "document"),
        ("Cents get lost\n\nSteps to reproduce\n1. Split 10 by 3.", {}, "issue"),
        ("Cents get lost #12\n\nThree of us split 10.00.", {}, "issue"),
        ("ana/evenly#12 Cents get lost", {}, "issue"),
        ("EVEN-7: cents get lost", {}, "issue"),
        ("UTF-8 names come out broken", {}, "text"),
        ("Split by shares.", {"file_name": "notes.txt"}, "document"),
        ("Cents get lost\n\n### Expected behaviour\n\nNone is lost.", {"file_name": "issue.md"}, "issue"),
        ("---\ntitle: Shares\n---\nSplit by shares.", {}, "document"),
        ("# Shares\n\nText.\n\n## Goals\n\nMore.", {}, "document"),
        ("```\n# a comment\n# another\n```", {}, "text"),
    ],
)
def test_its_kind_is_recognised_by_rule(text: str, given: dict[str, str], kind: str) -> None:
    assert origin_of(text, **given) == kind


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Split an expense by shares.\nLike rooms.", "Split an expense by shares."),
        ("\n\n  Split it.  \n", "Split it."),
        ("# Split by shares\n\nText.", "Split by shares"),
        ("Please do this:\n\n# Split by shares ##\n\nText.", "Split by shares"),
        ("Please split by shares.\n\n## Why\n\nRooms.", "Please split by shares."),
        ("## Split by shares\n\nText.", "Split by shares"),
        ("---\ntitle: Not this\n---\n\nTitle: Split by shares\n\nText.", "Split by shares"),
        ("---\ntitle: Not this\n---\n\n# Split by shares\n", "Split by shares"),
        ("---\ntitle: 'Split by shares'\n---\n\n## Goals\n\n### G-001 Add up\n", "Split by shares"),
        ("---\nowner: ana\n---\n\n## Split by shares\n", "Split by shares"),
        ("---\ntitle: never closed", "never closed"),
        ("**Title:** Split by shares\nText.", "Split by shares"),
        ("Cents get lost · Issue #12 · ana/evenly", "Cents get lost"),
        ("Cents get lost (#12)\nText.", "Cents get lost"),
        ("[Bug]: Cents get lost\nText.", "Cents get lost"),
        ("ana/evenly#12: Cents get lost", "Cents get lost"),
        ("EVEN-7: Cents get lost", "Cents get lost"),
        ("UTF-8 names come out broken", "UTF-8 names come out broken"),
        ("Bug 12 is back", "Bug 12 is back"),
        ("#12", "#12"),
        ("- split by shares\n- show them", "split by shares"),
        ("```\n# a comment\n```", "```"),
        ("---\na: b\n---\n", "---"),
        ("x" * 500, "x" * 200),
    ],
)
def test_its_title_is_what_its_author_called_it(text: str, title: str) -> None:
    assert title_of(text) == title


def test_criteria_are_seen_in_a_document() -> None:
    assert has_criteria("# Shares\n\n## Acceptance criteria\n\n- none is lost")
    assert has_criteria("- [ ] AC-001 none is lost")
    assert not has_criteria("The acceptance of criteria is a matter of taste.")


class TestWhereItCameFrom:
    @pytest.mark.parametrize("given", ["", "  ", ISSUE, "http://gitlab:8080/a/-/issues/3", f"  {ISSUE}\n"])
    def test_an_address_is_kept_as_it_is(self, given: str) -> None:
        assert check_ref(given) == given.strip()

    @pytest.mark.parametrize(
        "given",
        [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "//example.org/x",
            "example.org/issues/1",
            "https://",
            "https://[::1",
            "https://example.org:x/",
            "https://example.org/a b",
            "https://example.org/\u202etxt",
            "ftp://example.org/x",
        ],
    )
    def test_what_is_no_web_address_is_refused(self, given: str) -> None:
        with pytest.raises(BadInput, match="must be a whole address that begins with http"):
            check_ref(given)

    def test_a_password_in_it_is_not_stored(self) -> None:
        with pytest.raises(BadInput, match="has a user name or password in it"):
            check_ref("https://ana:secret@example.org/issues/1")

    def test_it_has_a_limit(self) -> None:
        with pytest.raises(BadInput, match=r"The address has 1,0\d\d characters; 1,000 is the limit"):
            check_ref("https://example.org/" + "x" * 1_000)

    @pytest.mark.parametrize(
        ("given", "name"),
        [("prd.md", "prd.md"), ("C:\\docs\\prd.md", "prd.md"), ("../../etc/p\x00rd\u202e.md", "prd.md"), ("", "")],
    )
    def test_of_a_file_only_the_name_is_kept(self, given: str, name: str) -> None:
        assert name_of_file(given) == name


def test_an_address_alone_is_no_request() -> None:
    with pytest.raises(BadInput, match="only an address, and Leadroom fetches no requests"):
        check_not_only_address(f" {ISSUE}\n")
    check_not_only_address(f"Do what {ISSUE} says about cents.")
