"""What a refusal must be: of this kind, in these words, and without any effect."""

import contextlib
import re
from collections.abc import Iterator

import pytest
from django.db import transaction

from leadroom.lib.errors import LeadroomError
from tests.support.snapshot import changed_tables, snapshot


@contextlib.contextmanager
def refused(kind: type[LeadroomError], words: str) -> Iterator[None]:
    """The block raises `kind` with `words` in its sentence."""
    with pytest.raises(kind, match=re.escape(words)), transaction.atomic():
        yield


@contextlib.contextmanager
def refused_without_effect(kind: type[LeadroomError], words: str) -> Iterator[None]:
    """The block raises `kind` with `words` in its sentence and leaves every table as it was."""
    before = snapshot()
    with refused(kind, words):
        yield
    assert changed_tables(before) == {}
