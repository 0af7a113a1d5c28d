"""What is wrong with an input, field by field, and what a report says against itself. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

T = TypeVar("T")
CONTRADICTION = "contradiction"
MOST_OF_A_FIELD, MOST_LINES = 3, 40
"""Lines about one field, and about a whole input: a field is named at least once, whatever else is wrong."""


def faults_of(error: ValidationError) -> list[str]:
    """A line for each fault, what is missing first; of one field at most `MOST_OF_A_FIELD`, and then how many more."""
    named: Counter[str] = Counter()
    lines: list[str] = []
    rest: list[str] = []
    for fault in error.errors(include_url=False):
        field = str(fault["loc"][0]) if fault["loc"] else "the input"
        named[field] += 1
        if named[field] <= MOST_OF_A_FIELD:
            where = ".".join(str(part) for part in fault["loc"]) or "the input"
            (lines if fault["type"] == "missing" else rest).append(f"{where}: {fault['msg']}")
    more = [f"{field}: and {n - MOST_OF_A_FIELD} more" for field, n in named.items() if n > MOST_OF_A_FIELD]
    return [*lines, *rest, *more][:MOST_LINES]


def is_readable(error: ValidationError) -> bool:
    """Whether every field could be read and only what they say together is refused."""
    return all(fault["type"] == CONTRADICTION for fault in error.errors(include_url=False))


def contradictions_in(given: Any) -> list[tuple[str, str]]:
    """(field, sentence) for what a report says against itself. Reads whatever came, also what is no report at all."""
    if not isinstance(given, Mapping):
        return []
    status, needs, tests = given.get("status"), given.get("needs"), given.get("tests")
    red = tests.get("red") if isinstance(tests, Mapping) else 0
    found = []
    if status == "COMPLETE" and isinstance(red, int) and red > 0:
        found.append(
            ("tests", "COMPLETE with red tests is a contradiction: repair them, or report BLOCKED and say why.")
        )
    says_needs = isinstance(needs, list) and any(isinstance(one, str) and one.strip() for one in needs)
    if status in ("NEEDS_INPUT", "BLOCKED") and not says_needs:
        found.append(("needs", f"{status} must say in `needs` what is needed from the lead."))
    return found


def together(given: Any, handler: Callable[[Any], T]) -> T:
    """What `handler` makes of the input. Raises ValidationError with its faults and the contradictions in one."""
    against = [
        InitErrorDetails(type=PydanticCustomError(CONTRADICTION, "{said}", {"said": said}), loc=(field,), input=None)
        for field, said in contradictions_in(given)
    ]
    try:
        read = handler(given)
    except ValidationError as error:
        faults = [
            InitErrorDetails(
                type=PydanticCustomError(one["type"], "{said}", {"said": one["msg"]}),
                loc=one["loc"],
                input=None,
            )
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise ValidationError.from_exception_data("report", [*faults, *against]) from error
    if against:
        raise ValidationError.from_exception_data("report", against)
    return read
