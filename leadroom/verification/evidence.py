"""What a verification's results are tied to: the merge candidate, compared with the frozen files in git objects."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from leadroom.verification import freezing
from leadroom.verification.freezing import Frozen
from leadroom.verification.models import HandIn, VerificationRun
from leadroom.verification.naming import Refusal
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.repository import TreeEntry


@dataclass(frozen=True)
class Candidate:
    """`commit` merges `work` onto the branch; `laid_over` is what runs, `moved` what the branch itself changed."""

    commit: str
    work: str
    laid_over: str
    frozen: Frozen | None
    moved: frozenset[str]
    node_ids: tuple[str, ...]
    evidence: Mapping[str, str]


def frozen_of(hand_in: HandIn) -> Frozen:
    """The frozen files as the record holds them."""
    files = {path: TreeEntry.parse(entry) for path, entry in hand_in.frozen.items()}
    return Frozen(files, hand_in.sections, freezing.test_roots(_node_ids(hand_in)))


def _node_ids(hand_in: HandIn) -> tuple[str, ...]:
    return tuple(hand_in.plan.cases.exclude(node_id="").values_list("node_id", flat=True))


def candidate_of(control: ControlRepository, verification: VerificationRun) -> Candidate:
    """The verification's candidate, the frozen files laid over it. Raises RepositoryProblem."""
    hand_in, commit = verification.hand_in, verification.commit
    if hand_in is None:
        evidence = {"plan": verification.plan_digest, "tree": commit}
        return Candidate(commit, commit, commit, None, frozenset(), (), evidence)
    moved = freezing.moved_paths(control, hand_in.base, verification.onto or hand_in.base)
    work, nodes = verification.work or commit, _node_ids(hand_in)
    found = candidate_with(control, commit, frozen_of(hand_in), nodes, work=work, moved=frozenset(moved))
    return replace(found, evidence={"plan": verification.plan_digest, **found.evidence})


def candidate_with(
    control: ControlRepository,
    commit: str,
    frozen: Frozen,
    node_ids: tuple[str, ...],
    *,
    work: str,
    moved: frozenset[str] = frozenset(),
) -> Candidate:
    """`commit` with the frozen files laid over it, in the object store alone."""
    entries = {path: entry for path, entry in frozen.files.items() if path not in moved}
    laid_over = control.lay_over(commit, entries)
    evidence = {"frozen": frozen.digest, "tree": control.tree_id(laid_over)}
    return Candidate(commit, work, laid_over, frozen, moved, node_ids, evidence)


def compare(control: ControlRepository, candidate: Candidate) -> list[Refusal]:
    """Every difference from the frozen files, by name: in the developer's own commit, and in the merge of it."""
    if candidate.frozen is None:
        return []
    found = freezing.refusals(control, candidate.frozen, candidate.work, candidate.node_ids)
    if not found and candidate.commit != candidate.work:
        moved = candidate.moved
        found = freezing.refusals(control, candidate.frozen, candidate.commit, candidate.node_ids, moved=moved)
    return found


def refusals_at_merge(control: ControlRepository, verification: VerificationRun) -> list[Refusal]:
    """The comparison once more, on the very objects that are about to be merged."""
    return compare(control, candidate_of(control, verification))
