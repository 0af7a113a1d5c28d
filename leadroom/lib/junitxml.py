"""Test cases of JUnit XML, read strictly: such a file is written in reach of hostile code."""

from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError, ParserCreate

from junitparser import JUnitXml, JUnitXmlError
from junitparser import TestCase as XmlCase

SIZE_LIMIT = 20_000_000


def cases_of(xml: bytes) -> list[XmlCase]:
    """Every case at any depth. Raises ValueError when the file is too large, or not JUnit XML."""
    if len(xml) > SIZE_LIMIT:
        raise ValueError(f"the results have {len(xml):,} bytes; {SIZE_LIMIT:,} is the limit")
    try:
        _refuse_document_type(xml)
        return [case for case in _cases(JUnitXml.fromstring(xml)) if isinstance(case, XmlCase)]
    except (ParseError, ExpatError, LookupError, JUnitXmlError, RecursionError, TypeError) as error:
        raise ValueError(f"the results are not JUnit XML ({error})") from error


def _refuse_document_type(xml: bytes) -> None:
    """Entities are declared there; the parser knows one in whatever encoding it hides."""

    def refuse(*_: object) -> None:
        raise ValueError("the results declare a document type, which no test runner writes")

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(xml, True)


def _cases(parsed: Any) -> Iterable[Any]:
    """Suites may hold suites."""
    for child in parsed:
        yield from [child] if isinstance(child, XmlCase) else _cases(child)
