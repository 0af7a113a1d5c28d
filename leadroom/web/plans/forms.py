"""A lead's review as the page sends it; nothing of it counts before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import count_of
from leadroom.testplans.changes import case_digest, cases_of
from leadroom.testplans.enums import CaseMark, ReviewVerdict
from leadroom.testplans.models import TestPlan
from leadroom.web.templatetags.safetext import hidden_characters

COMMENT_LIMIT = 5_000
MARKS = (CaseMark.APPROVE, CaseMark.CHANGE, CaseMark.DROP)


@dataclass(frozen=True)
class Typed:
    """Everything the person typed: marks and comments by case key, the words on the plan, the ticks."""

    verdict: str = ""
    summary: str = ""
    seen: str = ""
    marks: dict[str, str] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    ticked: frozenset[str] = frozenset()
    has_seen_hidden: bool = False

    def rows(self) -> list[tuple[str, str, str]]:
        """(case key, mark, comment) of every case something was said of; a comment alone is a note."""
        keys = [*self.marks, *(key for key in self.comments if key not in self.marks)]
        return [(key, self.marks.get(key, CaseMark.NOTE), self.comments.get(key, "")) for key in keys]

    def without(self, keys: set[str]) -> "Typed":
        """The same with the marks (not the comments) of these cases reset."""
        marks = {key: mark for key, mark in self.marks.items() if key not in keys}
        return Typed(self.verdict, self.summary, self.seen, marks, self.comments, self.ticked)

    def draft(self, plan: TestPlan) -> dict[str, Any]:
        """What is kept of it until it is sent: each mark with the digest of the case it was made on.

        The verdict on the whole and the ticks are not: they are for the moment of sending.
        """
        cases = cases_of(plan.body)
        return {
            "summary": self.summary,
            "marks": {key: [mark, case_digest(cases[key])] for key, mark in self.marks.items() if key in cases},
            "comments": self.comments,
        }


def typed_of(draft: Mapping[str, Any], plan: TestPlan) -> Typed:
    """A kept draft against the plan as it is now: marks on cases that changed since are reset, words stay."""
    cases = cases_of(plan.body)
    marks = {
        key: mark
        for key, (mark, digest) in draft.get("marks", {}).items()
        if key in cases and case_digest(cases[key]) == digest
    }
    comments = {key: text for key, text in draft.get("comments", {}).items() if key in cases}
    return Typed(summary=draft.get("summary", ""), marks=marks, comments=comments)


def read_typed(request: HttpRequest, plan: TestPlan) -> Typed:
    """What was typed about the cases of this plan; unknown fields and marks are passed over."""
    post, keys = request.POST, [case.key for case in plan.cases.all()]
    marks = {key: post.get(f"mark-{key}", "") for key in keys}
    comments = {key: post.get(f"comment-{key}", "").strip() for key in keys}
    return Typed(
        verdict=post.get("verdict", ""),
        summary=post.get("summary", ""),
        seen=post.get("seen", ""),
        marks={key: mark for key, mark in marks.items() if mark in MARKS},
        comments={key: comment for key, comment in comments.items() if comment},
        ticked=frozenset(post.getlist("blind_spot")),
        has_seen_hidden="hidden_seen" in post,
    )


def hidden_in(value: object) -> int:
    """How many hidden characters all texts of a plan's body hold together."""
    if isinstance(value, str):
        return hidden_characters(value)
    if isinstance(value, Mapping):
        return sum(hidden_in(key) + hidden_in(inner) for key, inner in value.items())
    return sum(map(hidden_in, value)) if isinstance(value, list | tuple) else 0


def check_typed(typed: Typed, plan: TestPlan) -> ReviewVerdict:
    """The verdict. Raises BadInput when there is none, a comment is too long, or hidden characters were not seen."""
    if typed.verdict not in ReviewVerdict.values:
        raise BadInput("Say what the review comes to: approve and freeze, or send back. Nothing was sent.")
    longest = max((len(text) for text in (*typed.comments.values(), typed.summary)), default=0)
    if longest > COMMENT_LIMIT:
        raise BadInput(f"A comment has {longest:,} characters; {COMMENT_LIMIT:,} is the limit. Nothing was sent.")
    if typed.verdict == ReviewVerdict.APPROVE and not typed.has_seen_hidden and (hidden := hidden_in(plan.body)):
        what = count_of(hidden, "hidden character")
        raise BadInput(f"The plan holds {what}: tick that you looked at them before you approve. Nothing was sent.")
    return ReviewVerdict(typed.verdict)
