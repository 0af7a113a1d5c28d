"""Small secrets at rest: sealed with a key derived from the installation's secret."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from leadroom.lib.errors import BadInput


def _box(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"leadroom.sealing:{secret}".encode()).digest()))


def seal(text: str, *, secret: str) -> str:
    """The text encrypted and authenticated (Fernet); empty text stays empty."""
    return _box(secret).encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str, *, secret: str) -> str:
    """The text again. Raises BadInput when it was sealed under another secret."""
    if not sealed:
        return ""
    try:
        return _box(secret).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise BadInput(
            "A stored key was sealed under another LEADROOM_SECRET_KEY; enter the key again in the project's settings."
        ) from error
