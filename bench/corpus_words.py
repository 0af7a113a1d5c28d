"""Words of the own corpus: how different reporters tell of one fault in Leadroom's template.

What a reporter leaves out, cuts off, rounds or words differently is drawn; what it states is what the test suite
really said. A fault that fails several tests is seen through different ones (same fault, other symptom); faults near
each other break the same test (same test, other fault).
"""

import hashlib
import random
from pathlib import PurePosixPath
from typing import Any

from corpus_faults import Failure, Fault

START, DAYS = 1_735_689_600, 150
DAY = 86_400
SEVERITIES = ("critical", "major", "minor", "cosmetic", "info")
TITLES = (
    "{short} fails: {error_cut}",
    "{test_name} is red",
    "{symbol} gives a wrong result",
    "{symbol}: {error_cut}",
    "Unexpected result from {symbol} in {file}",
    "CI: {short} broken since this week",
    "{exception} raised in {symbol}",
    "{file}: {symbol} regressed, {test_name} no longer passes",
    "Test {test_name} does not pass any more",
    "{package}: {plain} breaks with {exception}",
    "Result of {plain} is off",
    "{exception} when running {test_name}",
    "Suite red because of {symbol}",
    "Cannot trust {symbol}: output differs from what is documented",
    "{plain} no longer works as expected",
)
ACTUAL = (
    "The check stops with `{error}`.", "Instead I got {error}", "It ends in {exception}; the output says: {error}",
    "{error}", "Running it shows `{error}` every time.", "Observed: {error}",
)  # fmt: skip
EXPECTED = (
    "The test passes.", "{symbol} behaves as its docstring says.", "Green, as on the last release.",
    "No {exception} for valid input.", "The documented value.",
)  # fmt: skip
PROSE = (
    "I came across this while working on something else.", "Found during verification of an unrelated change.",
    "Happens on every run here, also alone.", "I did not change anything near it.",
    "Looks like a recent change of {file} did this.", "A second run gave the same.",
    "Not sure whether others see it; my tree was clean.", "My own tests are green, this one is not mine.",
    "The function {symbol} seems to be the place, but I did not go deeper.", "Blocks nothing for me at the moment.",
    "{plain} is used in several places, so this may show up elsewhere.", "I left it alone because it is out of scope.",
)  # fmt: skip
REQUESTS = (
    "Add tests for {symbol}", "Document the edge cases of {symbol}", "Add type hints to {symbol}",
    "Refactor {symbol} into smaller functions", "Improve the error message of {symbol}", "Speed up {symbol}",
)  # fmt: skip
AFFECTED = ("everybody who calls it", "users of {plain}", "only our tests", "unknown", "all agents on this branch")
WORKAROUNDS = ("none", "skip the test", "pin the last release", "none known", "call it with explicit arguments")


def reports_of(fault: Fault, place: int, dice: random.Random) -> list[dict[str, Any]]:
    """Rows about one fault, and now and then a request about the same symbol, which is another matter."""
    group = f"{fault.package}-{place}-0"
    born = START + dice.randrange(DAYS * DAY)
    rows = []
    for number in range(dice.choice((2, 3, 4, 5, 6, 7))):
        created = born if not number else born + int(dice.expovariate(1 / (5 * DAY)))
        title, body = told(fault, created, dice)
        rows.append(row(fault, f"{fault.package}-{place}-{number}", group, created, title, body, dice))
    rows.sort(key=lambda one: (one["created"], one["id"]))
    for one in rows:
        one["duplicate_group"] = rows[0]["id"]
    if dice.random() < 0.25:
        name = f"{fault.package}-{place}-request"
        words = words_of(fault, fault.failures[0])
        title = dice.choice(REQUESTS).format(**words)
        body = (
            f"**Where:** `{fault.path}` in `{fault.symbol}`\n\nWhile working here I saw that {words['plain']} has gaps."
        )
        rows.append(row(fault, name, name, born + dice.randrange(20 * DAY), title, body, dice))
    return rows


def row(
    fault: Fault, name: str, group: str, created: int, title: str, body: str, dice: random.Random
) -> dict[str, Any]:
    """One line of the corpus."""
    return {
        "id": name, "project": fault.package, "title": title, "body": body, "created": created, "component": [],
        "priority": dice.choice(SEVERITIES), "duplicate_group": group, "related": [], "distinct": [],
    }  # fmt: skip


def words_of(fault: Fault, failure: Failure) -> dict[str, str]:
    """What a wording may use."""
    error = failure.error
    exception = error.split(":", 1)[0] if error.split(":", 1)[0].isidentifier() else "AssertionError"
    test_name = failure.test.rsplit("::", 1)[-1]
    return {
        "package": fault.package, "symbol": fault.symbol, "short": test_name.split("[")[0],
        "test_name": test_name[:90], "error": error[:200], "error_cut": error[:60], "exception": exception,
        "file": PurePosixPath(fault.path).name, "plain": fault.symbol.rsplit(".", 1)[-1].strip("_").replace("_", " "),
    }  # fmt: skip


def told(fault: Fault, created: int, dice: random.Random) -> tuple[str, str]:
    """Title and body as one reporter writes them."""
    failure = fault.failures[min(int(dice.expovariate(1.2)), len(fault.failures) - 1)]
    words = words_of(fault, failure)
    has = {name: dice.random() < share for name, share in SHARES.items()}
    path, number, symbol = (fault.path, fault.line, fault.symbol)
    if dice.random() < WRONG_PLACE:
        path, number, symbol = failure.frames[-1]
    test = failure.test if has["exact"] else failure.test.split("[")[0]
    frames = "\n".join(f"{path}:{line}: in {name}" for path, line, name in failure.frames)
    errors = "\n".join(f"E   {line}" for line in failure.lines)
    parts = [
        ("prose_first", f"{_one(PROSE, words, dice)}\n"),
        ("expected", f"**Expected:** {_one(EXPECTED, words, dice)}"),
        ("actual", f"**Actual:** {_one(ACTUAL, words, dice)}"),
        ("command", f"**Reproduce:** `python -m pytest {test}`"),
        ("test", f"**Test:** `{failure.test}`"),
        ("error", f"**Error:** `{failure.error}`"),
        ("where", f"**Where:** `{path}{f':{number}' if has['line'] else ''}` in `{symbol}`"),
        ("commit", f"**Commit:** `{commit_of(fault.package, created)}`"),
        ("affected", f"**Affected:** {_one(AFFECTED, words, dice)}"),
        ("workaround", f"**Workaround:** {dice.choice(WORKAROUNDS)}"),
        ("trace", f"\n```\n{frames}\n{errors}\n```"),
        ("prose_last", f"\n{_one(PROSE, words, dice)}"),
    ]
    body = "\n".join(part for name, part in parts if has[name])
    if dice.random() < 0.04:  # a reporter that was cut off in the middle
        body = body[: len(body) * 2 // 3]
    return _one(TITLES, words, dice)[:200], body


SHARES = {
    "prose_first": 0.5, "expected": 0.6, "actual": 1.0, "command": 0.7, "exact": 0.7, "test": 0.92, "error": 0.92,
    "where": 0.92,
    "line": 0.9, "commit": 0.8, "affected": 0.4, "workaround": 0.4, "trace": 0.55, "prose_last": 0.5,
}  # fmt: skip
"""How often a reporter gives what the template asks for. The template's required fields are refused when missing, yet
an agent may not know the place, the line or the commit."""
WRONG_PLACE = 0.1
"""How often a reporter takes the place where the test stopped for the place of the fault."""


def commit_of(package: str, created: int) -> str:
    """The tree of that day has every fault that is alive, so a commit names a day, not a fault."""
    return hashlib.sha1(f"{package} {created // DAY}".encode(), usedforsecurity=False).hexdigest()[:10]


def _one(choices: tuple[str, ...], words: dict[str, str], dice: random.Random) -> str:
    return dice.choice(choices).format(**words)
