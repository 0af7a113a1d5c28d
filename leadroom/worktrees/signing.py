"""SSH signatures on commits, made and checked in Python: a bare machine may have no ssh-keygen.

The format is OpenSSH's PROTOCOL.sshsig in git's namespace, so `git verify-commit` accepts the result.
"""

import base64
import binascii
import hashlib
import os
import secrets
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from leadroom.worktrees.git import RepositoryProblem

PRINCIPAL = "leadroom@leadroom.invalid"
_MAGIC = b"SSHSIG"
_VERSION = 1
_NAMESPACE = b"git"
_KEY_TYPE = b"ssh-ed25519"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


@dataclass(frozen=True, repr=False)
class SigningKey:
    """The installation's key for merges; `allowed_signers` is the file `git verify-commit` wants."""

    private: Ed25519PrivateKey
    allowed_signers: Path

    @property
    def public_line(self) -> str:
        """`ssh-ed25519 AAAA…`, as in a `.pub` file."""
        return _public_line(self.private.public_key())

    def sign(self, message: bytes) -> str:
        """The armored SSH signature of `message` in git's namespace."""
        signature = self.private.sign(_signed_part(_NAMESPACE, b"sha512", hashlib.sha512(message).digest()))
        blob = (
            _MAGIC
            + struct.pack(">I", _VERSION)
            + _string(_public_blob(self.private.public_key()))
            + _string(_NAMESPACE)
            + _string(b"")
            + _string(b"sha512")
            + _string(_string(_KEY_TYPE) + _string(signature))
        )
        text = base64.b64encode(blob).decode()
        return "\n".join([_BEGIN, *(text[start : start + 70] for start in range(0, len(text), 70)), _END])


def merge_key() -> SigningKey:
    """The key in `<home>/keys/merge_ed25519`, made on first use with `.pub` and `allowed_signers` beside it.

    Raises RepositoryProblem when the file is damaged; a key is never replaced silently.
    """
    folder = settings.HOME_DIR / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "merge_ed25519"
    if not path.exists():
        _write_once(path, _fresh_key(), mode=0o600)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)  # a moved or copied home may have widened it
    private = _load(path)
    line = _public_line(private.public_key())
    public = path.with_suffix(".pub")
    if public.exists() and not public.read_text().startswith(line):
        public.unlink()  # left from a key that was moved away
    _write_once(public, f"{line} leadroom-merge\n".encode(), mode=0o644)
    signers = folder / "allowed_signers"
    entry = f'{PRINCIPAL} namespaces="git" {line}\n'
    _write_once(signers, entry.encode(), mode=0o644)
    if entry not in signers.read_text().splitlines(keepends=True):
        with signers.open("a") as file:
            file.write(entry)
    return SigningKey(private, signers)


def allowed_keys(signers: Path) -> frozenset[bytes]:
    """Public key blobs of an `allowed_signers` file; lines of another kind of key are passed over."""
    blobs = set()
    for line in signers.read_text().splitlines():
        words = line.split()
        if _KEY_TYPE.decode() in words[:-1]:
            blobs.add(base64.b64decode(words[words.index(_KEY_TYPE.decode()) + 1]))
    return frozenset(blobs)


def with_signature(commit: bytes, key: SigningKey) -> bytes:
    """An unsigned raw commit object with the key's signature as its `gpgsig` header."""
    headers, _, message = commit.partition(b"\n\n")
    folded = key.sign(commit).replace("\n", "\n ")
    return headers + b"\ngpgsig " + folded.encode() + b"\n\n" + message


def is_signed_by(commit: bytes, allowed: Collection[bytes]) -> bool:
    """Whether a raw commit object carries a valid SSH signature of one of the allowed public keys.

    False for anything else, however malformed.
    """
    unsigned, armored = _split_signature(commit)
    return is_signature_of(unsigned, armored, allowed)


def is_signature_of(message: bytes, armored: str, allowed: Collection[bytes]) -> bool:
    """Whether an armored SSH signature in git's namespace is of this message, by one of the allowed public keys.

    False for anything else, however malformed.
    """
    try:
        blob, signature, digest_name = _parse(armored)
        if blob not in allowed or digest_name not in (b"sha512", b"sha256"):
            return False
        digest = hashlib.new(digest_name.decode(), message).digest()
        _public_key(blob).verify(signature, _signed_part(_NAMESPACE, digest_name, digest))
    except (ValueError, struct.error, binascii.Error, InvalidSignature):
        return False
    return True


def _split_signature(commit: bytes) -> tuple[bytes, str]:
    """The raw commit without its `gpgsig` header, and the header's value unfolded (empty when absent)."""
    headers, separator, message = commit.partition(b"\n\n")
    kept: list[bytes] = []
    value: list[bytes] = []
    is_inside = False
    for line in headers.split(b"\n"):
        is_inside = (is_inside and line.startswith(b" ")) or (not value and line.startswith(b"gpgsig "))
        if is_inside:
            value.append(line.removeprefix(b"gpgsig ") if not value else line[1:])
        else:
            kept.append(line)
    return b"\n".join(kept) + separator + message, b"\n".join(value).decode("ascii", "replace")


def _parse(armored: str) -> tuple[bytes, bytes, bytes]:
    """Public key blob, ed25519 signature and digest name. Raises ValueError for any other shape."""
    lines = armored.strip().split("\n")
    if lines[0] != _BEGIN or lines[-1] != _END or len(lines) < 3:
        raise ValueError("no SSH signature")
    data = base64.b64decode("".join(lines[1:-1]), validate=True)
    if data[:6] != _MAGIC or struct.unpack(">I", data[6:10])[0] != _VERSION:
        raise ValueError("another version of SSH signature")
    fields = _strings(data[10:], 5)
    blob, namespace, _, digest_name, inner = fields
    key_type, signature = _strings(inner, 2)
    if namespace != _NAMESPACE or key_type != _KEY_TYPE:
        raise ValueError("made for something other than git, or by another kind of key")
    return blob, signature, digest_name


def _strings(data: bytes, count: int) -> list[bytes]:
    found = []
    for _ in range(count):
        length = struct.unpack(">I", data[:4])[0]
        if length > len(data) - 4:
            raise ValueError("cut short")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    if data:
        raise ValueError("something follows the signature")
    return found


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _signed_part(namespace: bytes, digest_name: bytes, digest: bytes) -> bytes:
    return _MAGIC + _string(namespace) + _string(b"") + _string(digest_name) + _string(digest)


def _public_blob(key: Ed25519PublicKey) -> bytes:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return _string(_KEY_TYPE) + _string(raw)


def _public_key(blob: bytes) -> Ed25519PublicKey:
    key_type, raw = _strings(blob, 2)
    if key_type != _KEY_TYPE:
        raise ValueError("not an ed25519 key")
    return Ed25519PublicKey.from_public_bytes(raw)


def _public_line(key: Ed25519PublicKey) -> str:
    return f"{_KEY_TYPE.decode()} {base64.b64encode(_public_blob(key)).decode()}"


def _fresh_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_ssh_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise _damaged(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _damaged(path)
    return key


def _damaged(path: Path) -> RepositoryProblem:
    return RepositoryProblem(
        f"The key that signs merges, {path}, cannot be read. Nothing was changed; restore it from a backup, "
        "or move it away and Leadroom makes a new one."
    )


def _write_once(path: Path, data: bytes, *, mode: int) -> None:
    """Creates the file whole or not at all; when another process was first, its file stays."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
