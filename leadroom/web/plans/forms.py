"""A lead's review as the page sends it; nothing is stored before it is sent."""

from dataclasses import dataclass, field

from django.http import HttpRequest

from leadroom.lib.errors import BadInput
from leadroom.testplans.enums import CaseMark, ReviewVerdict
from leadroom.testplans.models import TestPlan

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

    def rows(self) -> list[tuple[str, str, str]]:
        """(case key, mark, comment) of every case something was said of; a comment alone is a note."""
        keys = [*self.marks, *(key for key in self.comments if key not in self.marks)]
        return [(key, self.marks.get(key, CaseMark.NOTE), self.comments.get(key, "")) for key in keys]

    def without(self, keys: set[str]) -> "Typed":
        """The same with the marks (not the comments) of these cases reset."""
        marks = {key: mark for key, mark in self.marks.items() if key not in keys}
        return Typed(self.verdict, self.summary, self.seen, marks, self.comments, self.ticked)


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
    )


def check_typed(typed: Typed) -> ReviewVerdict:
    """The verdict. Raises BadInput when there is none or a comment is too long."""
    if typed.verdict not in ReviewVerdict.values:
        raise BadInput("Say what the review comes to: approve and freeze, or send back. Nothing was sent.")
    longest = max((len(text) for text in (*typed.comments.values(), typed.summary)), default=0)
    if longest > COMMENT_LIMIT:
        raise BadInput(f"A comment has {longest:,} characters; {COMMENT_LIMIT:,} is the limit. Nothing was sent.")
    return ReviewVerdict(typed.verdict)
