"""Pairs of reports that are two matters although nearly every word is the same. None may be linked by itself.

`WRITTEN` are by hand, by kind of difference; `frames_of_one_stack` and `variations` make more from what is said of one.
"""

from typing import NamedTuple


class Pair(NamedTuple):
    """Kind of difference, then title and body of each."""

    kind: str
    old_title: str
    old_body: str
    new_title: str
    new_body: str


def one_body(kind: str, old: str, new: str, body: str) -> Pair:
    """Two titles over the same body."""
    return Pair(kind, old, body, new, body)


STACK = (
    "java.lang.IllegalStateException: pool is closed\n"
    "  at org.acme.pool.Pool.take(Pool.java:88)\n  at org.acme.http.Client.send(Client.java:41)\n"
    "  at org.acme.sync.Job.run(Job.java:19)\n"
)
PY_STACK = (
    'Traceback (most recent call last):\n  File "shop/cart.py", line 40, in total\n    return sum(lines)\n'
    '  File "shop/lines.py", line 12, in price\n    raise ValueError(self)\nValueError: price is missing\n'
)
LONG = "The nightly job stops in the middle and the rest of the queue is never worked off, which we see each morning."

ONE_NUMBER = [
    one_body("number", old, new, LONG)
    for old, new in (
        ("Export fails for 1000 rows", "Export fails for 1001 rows"),
        ("Migration 0041 locks the table", "Migration 0042 locks the table"),
        ("Port 8080 is refused", "Port 8081 is refused"),
        ("HTTP 502 from the gateway", "HTTP 503 from the gateway"),
        ("Upgrade jackson to 2.12.1", "Upgrade jackson to 2.12.7"),
        ("Fix CVE-2022-42889 in commons-text", "Fix CVE-2022-42003 in commons-text"),
        ("Step 3 of the quick start is wrong", "Step 5 of the quick start is wrong"),
        ("Retry gives up after 3 tries", "Retry gives up after 5 tries"),
        ("Page 2 of the list is empty", "Page 3 of the list is empty"),
        ("Shard 7 is not replicated", "Shard 8 is not replicated"),
        ("Phase 1: storage layer", "Phase 2: storage layer"),
        ("Exit code 127 in the unit job", "Exit code 137 in the unit job"),
    )
]
ONE_NUMBER += [
    Pair(
        "number",
        "Totals are off",
        f"Item {a} is charged twice. {LONG}",
        "Totals are off",
        f"Item {b} is charged twice. {LONG}",
    )
    for a, b in ((17, 18), (100, 1000), (1, 2), (404, 405), (2023, 2024), (64, 65))
]
ONE_PATH = [
    Pair("path", "Unused import", f"In {a}. {LONG}", "Unused import", f"In {b}. {LONG}")
    for a, b in (
        ("src/api/users.py", "src/api/groups.py"), ("web/inbox/views.py", "web/search/views.py"),
        ("docs/install.md", "docs/upgrade.md"), ("lib/a.go", "lib/b.go"), ("core/Main.java", "core/Boot.java"),
        ("README.md", "readme.md"), ("config/dev.yml", "config/prod.yml"), ("app/models.py", "app/model.py"),
        ("/api/reports", "/api/report"), ("static/app.css", "static/app.scss"),
    )
]  # fmt: skip
ONE_PATH += [
    one_body("path", f"Add tests for {a}", f"Add tests for {b}", LONG)
    for a, b in (("export.py", "import.py"), ("cmd/list.go", "cmd/show.go"), ("Cart", "Basket"), ("parser", "printer"))
]
NEGATION = [
    one_body("negation", old, new, LONG)
    for old, new in (
        ("Worker starts without a broker", "Worker starts with a broker"),
        ("Session is kept after sign-out", "Session is not kept after sign-out"),
        ("Disable the cache in tests", "Enable the cache in tests"),
        ("Users can see drafts", "Users cannot see drafts"),
        ("Deleted rows are shown", "Deleted rows are never shown"),
        ("Retries happen on time-out", "Retries don't happen on time-out"),
        ("Login works only with a password", "Login works with a password"),
        ("Allow empty titles", "Forbid empty titles"),
        ("Lock is released on error", "Lock isn't released on error"),
        ("Show the inputs of the step", "Show the outputs of the step"),
        ("Scroll up jumps", "Scroll down jumps"),
        ("Light mode: badge unreadable", "Dark mode: badge unreadable"),
        ("Import is slow", "Export is slow"),
        ("Increase the time-out", "Decrease the time-out"),
    )
]
NEGATION += [
    Pair("negation", "Mail on sign-up", f"The mail is {a}. {LONG}", "Mail on sign-up", f"The mail is {b}. {LONG}")
    for a, b in (("sent", "not sent"), ("sent twice", "never sent"), ("required", "not required"), ("read", "unread"))
]
SWAPPED = [
    one_body("swapped", old, new, LONG)
    for old, new in (
        ("Alice is charged the share of Bob", "Bob is charged the share of Alice"),
        ("Client waits for server", "Server waits for client"),
        ("Source overwrites target", "Target overwrites source"),
        ("Parent closes before child", "Child closes before parent"),
        ("Read blocks write", "Write blocks read"),
        ("Local changes replace remote ones", "Remote changes replace local ones"),
        ("A depends on B", "B depends on A"),
        ("Old rows hide new rows", "New rows hide old rows"),
        ("Merge main into the branch", "Merge the branch into main"),
        ("Primary follows replica", "Replica follows primary"),
    )
]
SWAPPED += [
    Pair("swapped", "Wrong owner", f"{a} {LONG}", "Wrong owner", f"{b} {LONG}")
    for a, b in (
        ("The guest owns what the host made.", "The host owns what the guest made."),
        ("Reader blocks writer.", "Writer blocks reader."),
        ("Moves from left to right.", "Moves from right to left."),
        ("x is greater than y.", "y is greater than x."),
    )
]
SAME_STACK = [
    Pair("same stack", "Job stops", f"{stack}{old}", "Job stops", f"{stack}{new}")
    for stack in (STACK, PY_STACK)
    for old, new in (
        ("Happens when Redis fails over.", "Happens when Postgres fails over."),
        ("The certificate had run out.", "The disk was full."),
        ("Because close() runs twice.", "Because open() never ran."),
        ("Only with an empty cart.", "Only with a voucher."),
        ("Since the upgrade to Java 17.", "Since the proxy was changed."),
        ("After midnight, in the summer time change.", "After a rename of the tenant."),
        ("Caused by the new retry policy.", "Caused by a stale DNS entry."),
        ("A second thread takes the last slot.", "The config has no pool size."),
    )
]
SAME_STACK += [
    one_body("same stack", old, new, stack)
    for stack in (STACK, PY_STACK)
    for old, new in (
        ("Job stops when Redis fails over", "Job stops when Postgres fails over"),
        ("Empty cart breaks checkout", "Voucher breaks checkout"),
        ("Stop on shutdown", "Stop on start-up"),
        ("Admin cannot order", "Guest cannot order"),
    )
]
KINDS = [
    Pair("bug or request", old, body, new, other)
    for old, new, body, other in (
        ("Export to CSV fails", "Export to CSV", f"It raises an error. {LONG}", "Please offer an export to CSV."),
        ("Dark mode is broken", "Add dark mode", LONG, LONG),
        ("Search returns wrong rows", "Support search in rows", LONG, LONG),
        ("Upload crashes", "Allow upload", LONG, LONG),
        ("Retry hangs", "Introduce retry", LONG, LONG),
        ("Time zone is wrong", "Let people choose the time zone", LONG, "Please let people choose it."),
        ("Import leaks memory", "Improve import", LONG, LONG),
        ("Help page missing", "Write a help page", LONG, "Please write one, new people ask for it."),
        ("Sorting is incorrect", "Provide sorting", LONG, LONG),
        ("Build is red", "Speed up the build", LONG, "Would be nice to have it under a minute."),
    )
]
OTHER = [
    Pair(
        "placeholder",
        "Bug",
        "Steps to reproduce: ...\n<your text here>",
        "Bug",
        "Steps to reproduce: ...\n<your text here>",
    ),
    Pair("general", "Fix tests", "", "Fix tests", ""),
    Pair("general", "Crash", "", "Crash", ""),
    Pair("empty body", "Crash on start of the worker", "", "Crash on start of the web server", ""),
    Pair("half", "Sync stops", LONG + " " + STACK, "Sync stops", LONG[:50]),
    Pair("half", "Sync stops", STACK, "Sync stops", STACK + LONG + " Also the audit log is empty and mails are late."),
]

FIELDS = (
    "**Expected:** The test passes.\n**Actual:** {actual}\n**Test:** `{test}`\n**Error:** `{error}`\n"
    "**Where:** `{where}` in `{symbol}`\n"
)
GIVEN = {
    "actual": "The sum is one cent too low.",
    "test": "tests/test_shares.py::test_rest",
    "error": "AssertionError: assert 333 == 334",
    "where": "evenly/shares.py:31",
    "symbol": "split",
}
CHANGES = {
    "number": ("error", "AssertionError: assert 333 == 335"),
    "path": ("where", "evenly/rounds.py:31"),
    "line": ("where", "evenly/shares.py:57"),
    "symbol": ("symbol", "round_up"),
    "test": ("test", "tests/test_shares.py::test_rest_of_two"),
    "negation": ("actual", "The sum is not one cent too low."),
    "swapped": ("actual", "The cent is one sum too low."),
    "cause": ("actual", "The sum is one cent too high."),
    "exception": ("error", "TypeError: assert 333 == 334"),
}


def variations() -> list[Pair]:
    """Reports in the template that differ in one field, with titles worded alike and apart."""
    made = []
    for kind, (field, value) in CHANGES.items():
        old, new = FIELDS.format(**GIVEN), FIELDS.format(**{**GIVEN, field: value})
        for old_title, new_title in (
            ("Shares do not add up", "Shares do not add up"),
            ("Shares do not add up", "test_rest is red"),
            ("test_rest is red", "CI: rest of the shares is wrong since this week"),
            ("split gives a wrong result", "Unexpected result from split"),
            ("Result of split is off", "The last person pays too little"),
            ("Verification found a red test", "Verification found a red test again"),
        ):
            made.append(Pair(f"template: {kind}", old_title, old, new_title, new))
    return made


def causes() -> list[Pair]:
    """The same test and error without a place, with another cause each."""
    body = "**Test:** `{test}`\n**Error:** `{error}`\n\n{cause}"
    return [
        Pair(
            "template: cause",
            "Shares do not add up",
            body.format(**GIVEN, cause=a),
            "Red test",
            body.format(**GIVEN, cause=b),
        )
        for a, b in (
            ("Because the cache is not cleared.", "Because the clock is one hour off."),
            ("Caused by the new rounding.", "Caused by a missing person."),
            ("Happens only when two write at once.", "Happens only when the amount is negative."),
            ("Due to the upgrade of the parser.", "The reason is the locale."),
        )
    ]


WRITTEN = [*ONE_NUMBER, *ONE_PATH, *NEGATION, *SWAPPED, *SAME_STACK, *KINDS, *OTHER]
