"""Failures and errors of JUnit XML, each as a finding in Leadroom's template."""

import re

from junitparser import Error, Failure, Skipped
from junitparser import TestCase as XmlCase

from leadroom.lib.errors import BadInput
from leadroom.lib.junitxml import cases_of
from leadroom.triage.enums import Severity
from leadroom.triage.imports.rows import NOTHING, Reading, Row, first_line, in_template

TRACE_KEPT = 12_000
"""Characters of a trace's end that are kept: what failed stands there."""
_PYTEST_LINE = re.compile(r"^E {3}(\S.*)$", re.MULTILINE)


def read(data: bytes) -> Reading:
    """Each test that failed or broke is a row; passed and skipped ones are left out. Raises BadInput."""
    if not data.strip():
        raise BadInput(f"The file is empty; {NOTHING}.")
    try:
        cases = cases_of(data)
    except ValueError as error:
        raise BadInput(f"The file is no whole JUnit XML: {error}; {NOTHING}. It may have been cut off.") from error
    reading = Reading()
    for number, case in enumerate(cases, 1):
        wrong = [entry for entry in case.result if isinstance(entry, Failure | Error)]
        if not wrong:
            is_skipped = any(isinstance(entry, Skipped) for entry in case.result)
            reading.left_out["skipped tests" if is_skipped else "tests that passed"] += 1
        elif not case.name:
            reading.refuse(number, "It is a failure of a test without a name.")
        else:
            reading.rows.append(_row(number, case, wrong[0]))
    return reading


def _row(number: int, case: XmlCase, entry: Failure | Error) -> Row:
    text = str(entry.text or "").strip()
    thrown = _PYTEST_LINE.search(text)
    error = first_line(thrown.group(1) if thrown else str(entry.message or "") or text)
    node = node_id(case)
    fails = "breaks before it can run" if isinstance(entry, Error) else "fails"
    title = first_line(f"{case.name} {fails}{f': {error}' if error else ''}")
    fields = {"Test": f"`{node}`", "Error": f"`{error}`" if error else ""}
    trace = text if len(text) <= TRACE_KEPT else f"…{text[-TRACE_KEPT:]}"
    return Row(number, title, in_template(fields, f"```\n{trace}\n```" if trace else ""), Severity.MAJOR)


def node_id(case: XmlCase) -> str:
    """`tests/test_x.py::TestA::test_y` where the file is known, else what the runner calls it."""
    name, dotted = str(case.name), str(case.classname or "")
    file = str(case._elem.attrib.get("file") or "")
    if not file:
        return f"{dotted}::{name}" if dotted else name
    inside = dotted.removeprefix(file.removesuffix(".py").replace("/", ".")).strip(".")
    return "::".join(filter(None, [file, *(inside.split(".") if inside != dotted else []), name]))
