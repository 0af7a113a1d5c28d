"""Who may sign, and when."""

from leadroom.guardrails.queries import check_unlocked
from leadroom.lib.actors import Actor
from leadroom.lib.errors import Conflict, NotPermitted
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch

SENTENCE_MIN = 12
SENTENCE_MAX = 1_000


def check_sign(stitch: Stitch, *, seen_digest: str, is_verified: bool, user_id: int, by: Actor) -> None:
    """Raises NotPermitted, Locked, or Conflict when the trial is not the one that was shown."""
    check_owner(stitch, user_id=user_id, by=by)
    if stitch.state == StitchState.CONFLICTED:
        raise NotPermitted("The work conflicts with the branch; send it back before it can be signed.")
    if stitch.state != StitchState.CLEAN:
        raise NotPermitted(f"The stitch is {StitchState(stitch.state).label.lower()}; there is nothing to sign now.")
    if not is_verified:
        raise NotPermitted("The frozen plan has not passed on this very merge yet.")
    check_unlocked(stitch.item.project_id, kept="nothing was signed")
    if stitch.digest != seen_digest:
        raise Conflict("The branch moved since you opened the page, so this is another merge now. Look again and sign.")


def check_owner(stitch: Stitch, *, user_id: int, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person signs a merge.")
    if user_id != stitch.item.stitch_owner_id:
        raise NotPermitted(f"{stitch.item.stitch_owner.get_username()} owns this stitch and signs it.")
