"""Sealed secrets are unreadable without the installation's own secret."""

import pytest

from leadroom.lib.errors import BadInput
from leadroom.lib.sealing import seal, unseal

SECRET = "s" * 40
FOREIGN = {
    "another secret": lambda: seal("sk", secret="another" * 8),
    "garbage": lambda: "garbage",
    "forged": lambda: seal("sk", secret=SECRET)[:-4] + "AAA=",
}


def test_sealed_text_comes_back_and_says_nothing_while_sealed() -> None:
    sealed = seal("sk-ant-å-123", secret=SECRET)
    assert "sk-ant" not in sealed
    assert unseal(sealed, secret=SECRET) == "sk-ant-å-123"
    assert sealed != seal("sk-ant-å-123", secret=SECRET)


def test_no_key_stays_no_key() -> None:
    assert seal("", secret=SECRET) == ""
    assert unseal("", secret=SECRET) == ""


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_key_of_another_installation_or_a_forged_one_says_what_to_do(kind: str) -> None:
    with pytest.raises(BadInput, match="sealed under another LEADROOM_SECRET_KEY; enter the key again"):
        unseal(FOREIGN[kind](), secret=SECRET)
