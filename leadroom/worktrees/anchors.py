"""The ledger's head, held fast outside the database: signed tags in the control repositories (docs/adr/0057).

A chain of hashes shows that a row was changed; it cannot show that its end was cut off, or that somebody with the
database rewrote all of it. A tag that names how many entries there were and the hash of the last one can.
"""

import datetime as dt
import re
from dataclasses import dataclass

from leadroom.ledger.models import ChainHead
from leadroom.ledger.queries import check_chain
from leadroom.lib.errors import LeadroomError
from leadroom.projects.models import Project
from leadroom.worktrees.control import COMMITTER, ControlRepository
from leadroom.worktrees.git import NO_COMMIT, run_git
from leadroom.worktrees.signing import allowed_keys, is_signature_of, merge_key

PREFIX = "refs/tags/leadroom-audit/"
_BODY = re.compile(rb"^entries: (\d{1,18})\nhead: (sha256:[0-9a-f]{64})\nat: (\S{1,40})\n", re.MULTILINE)
_SIGNATURE = b"-----BEGIN SSH SIGNATURE-----"


@dataclass(frozen=True)
class Anchor:
    """The head as a tag holds it. `is_signed`: by a key of this installation."""

    project: str
    entries: int
    head: str
    at: str
    is_signed: bool


@dataclass(frozen=True)
class Audit:
    """What the audit found: entries read, anchors compared, and a sentence for everything that does not hold."""

    entries: int
    anchors: int
    anchored_entries: int
    breaks: tuple[str, ...]


def anchor_head(*, now: dt.datetime) -> int:
    """Tag the ledger's head in every control repository; returns how many hold it now. Repeated it changes nothing.

    A repository that cannot be written is passed over: any one of them is enough. Raises RepositoryProblem for a
    damaged signing key.
    """
    head = ChainHead.objects.filter(pk=1).first()
    if head is None or not head.count:
        return 0
    key, held = merge_key(), 0
    for project in Project.objects.all():
        control = ControlRepository(project.control_path)
        if not control.path.exists():
            continue
        try:
            commit = control.head(project.default_branch)
            name = f"leadroom-audit/{head.count:012d}"
            if control.resolve(f"refs/tags/{name}") is None:
                body = (
                    f"object {commit}\ntype commit\ntag {name}\ntagger {COMMITTER} {int(now.timestamp())} +0000\n\n"
                    f"The ledger's head\n\nentries: {head.count}\nhead: {head.hash}\n"
                    f"at: {now.astimezone(dt.UTC).isoformat(timespec='seconds')}\n"
                ).encode()
                raw = body + key.sign(body).encode() + b"\n"
                tag = run_git(["hash-object", "-t", "tag", "-w", "--stdin"], git_dir=control.path, stdin=raw).text
                run_git(["update-ref", "--no-deref", f"refs/tags/{name}", tag, NO_COMMIT], git_dir=control.path)
            held += 1
        except LeadroomError:
            continue
    return held


def read_anchors() -> list[Anchor]:
    """Every anchor of every control repository, smallest first."""
    found = []
    allowed = allowed_keys(merge_key().allowed_signers)
    for project in Project.objects.all():
        if not project.control_path.exists():
            continue
        names = run_git(["for-each-ref", "--format=%(objectname)", PREFIX], git_dir=project.control_path).text.split()
        for name in names:
            raw = run_git(["cat-file", "tag", name], git_dir=project.control_path, ok=(0, 128)).out
            body, mark, rest = raw.partition(_SIGNATURE)
            match = _BODY.search(body)
            if match is None:
                found.append(Anchor(project.slug, 0, "", "", is_signed=False))
                continue
            is_signed = is_signature_of(body, (mark + rest).decode("ascii", "replace"), allowed)
            count, head, at = (part.decode() for part in match.groups())
            found.append(Anchor(project.slug, int(count), head, at, is_signed))
    return sorted(found, key=lambda anchor: anchor.entries)


def audit() -> Audit:
    """The whole chain, and every anchor against it. Reads the ledger once, in chunks."""
    anchors = read_anchors()
    chain = check_chain(marks=frozenset(anchor.entries for anchor in anchors))
    breaks = list(chain.breaks)
    for anchor in anchors:
        where = f"the anchor of {anchor.at or 'an unknown time'} in {anchor.project}"
        if not anchor.is_signed:
            breaks.append(f"{where} is not signed by this Leadroom")
        elif anchor.entries > chain.entries:
            breaks.append(f"{where} names {anchor.entries} entries, {chain.entries} are there: the tail was cut")
        elif chain.hashes.get(anchor.entries) != anchor.head:
            breaks.append(f"{where} names another entry {anchor.entries}: the chain was written anew")
    signed = [anchor.entries for anchor in anchors if anchor.is_signed]
    return Audit(chain.entries, len(anchors), max(signed, default=0), tuple(breaks))
