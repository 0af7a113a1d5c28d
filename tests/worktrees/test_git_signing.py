import shutil
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leadroom.worktrees import signing
from leadroom.worktrees.control import ControlRepository, Person
from leadroom.worktrees.git import RepositoryProblem

# what `ssh-keygen -Y sign -n git` made of this message with this throw-away key
VECTOR_SEED = "6fcb3428aa57f6537dce13c9704f112c71b3e9b87aa0c9ebf07e2f3797099c88"
VECTOR_MESSAGE = b"tree of knowledge\n"
VECTOR_SIGNATURE = """\
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg4arKFuAyyq4gE/wyBxQmVv0yZH
IpwfvrJ4FbG1IALGUAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5
AAAAQBvbbfn4G1qSWMYtsY17r9IeQzFg03KrlhuRKaCg4rz9QnR4vbRN1zVhQwDsiUnWYx
8jplRCG71tPm2F48rfyQ0=
-----END SSH SIGNATURE-----"""


def merge(control: ControlRepository, key: signing.SigningKey, message: str = "Merge it") -> str:
    head = control.head("main")
    tree = control.trial_merge(onto=head, commit=head).tree
    assert tree
    author = Person("Grace Hopper", "grace@example.invalid")
    return control.create_merge(
        branch="main", onto=head, commit=head, tree=tree, message=message, author=author, key=key
    )


def raw_commit(control: ControlRepository, commit: str) -> bytes:
    return subprocess.run(
        ["git", "--git-dir", str(control.path), "cat-file", "commit", commit], capture_output=True, check=True
    ).stdout


def test_signatures_are_those_of_ssh_keygen_byte_for_byte(tmp_path: Path) -> None:
    key = signing.SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTOR_SEED)), tmp_path)
    assert key.sign(VECTOR_MESSAGE) == VECTOR_SIGNATURE


def test_the_key_is_made_once_private_and_kept(home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda _: signing.merge_key().public_line, range(8)))
    assert len(set(keys)) == 1
    path = home / "keys" / "merge_ed25519"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert signing.merge_key().public_line == keys[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.with_suffix(".pub").read_text().startswith(keys[0])


def test_a_damaged_key_is_refused_and_not_replaced(home: Path) -> None:
    signing.merge_key()
    path = home / "keys" / "merge_ed25519"
    path.write_text("not a key")
    with pytest.raises(RepositoryProblem, match="restore it from a backup"):
        signing.merge_key()
    assert path.read_text() == "not a key"


def test_a_new_key_leaves_old_merges_verifiable(home: Path, control: ControlRepository) -> None:
    first = merge(control, signing.merge_key(), "first")
    (home / "keys" / "merge_ed25519").unlink()
    key = signing.merge_key()
    second = merge(control, key, "second")
    allowed = signing.allowed_keys(key.allowed_signers)
    assert control.verify_commit(first, allowed=allowed)
    assert control.verify_commit(second, allowed=allowed)
    assert (home / "keys" / "merge_ed25519.pub").read_text().startswith(key.public_line)


def test_a_merge_verifies_and_anything_else_does_not(control: ControlRepository) -> None:
    key = signing.merge_key()
    allowed = signing.allowed_keys(key.allowed_signers)
    raw = raw_commit(control, merge(control, key))
    assert signing.is_signed_by(raw, allowed)
    assert not signing.is_signed_by(raw, frozenset())
    assert not signing.is_signed_by(raw.replace(b"Merge it", b"Merge me"), allowed)
    assert not signing.is_signed_by(raw.replace(b"Grace", b"Trace"), allowed)
    assert not control.verify_commit(control.head("main"), allowed=allowed)
    assert not control.verify_commit("0" * 39 + "1", allowed=allowed)


def test_a_malformed_signature_is_never_more_than_false(control: ControlRepository) -> None:
    key = signing.merge_key()
    allowed = signing.allowed_keys(key.allowed_signers)
    raw = raw_commit(control, merge(control, key))
    for cut in range(0, len(raw), 7):
        assert not signing.is_signed_by(raw[:cut], allowed)
        changed = raw[:cut] + bytes([raw[cut] ^ 0x15]) + raw[cut + 1 :]
        assert not signing.is_signed_by(changed, allowed)


CHECKERS = ["leadroom", *(["git"] if shutil.which("ssh-keygen") else [])]


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("message", ["Merge", "Merge\n\nTwo paragraphs, ünï\n\n", "gpgsig x\n y\n\n-----BEGIN"])
def test_everybody_accepts_our_merges(control: ControlRepository, checker: str, message: str) -> None:
    key = signing.merge_key()
    commit = merge(control, key, message)
    if checker == "leadroom":
        assert control.verify_commit(commit, allowed=signing.allowed_keys(key.allowed_signers))
    else:
        signers = f"gpg.ssh.allowedSignersFile={key.allowed_signers}"
        command = ["git", "--git-dir", str(control.path), "-c", signers, "verify-commit", commit]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        assert 'Good "git" signature for leadroom@leadroom.invalid' in answer.stderr
