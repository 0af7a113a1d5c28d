"""Writing down which skill texts were used."""

import datetime as dt

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.skills.manifest import Manifest
from leadroom.skills.models import Skill, SkillVersion


@transaction.atomic
def keep_version(*, manifest: Manifest, by: Actor, now: dt.datetime) -> SkillVersion:
    """The stored version of exactly this text, created on first sight (then with a ledger entry)."""
    skill, _ = Skill.objects.get_or_create(name=manifest.name)
    version, is_new = SkillVersion.objects.get_or_create(
        digest=manifest.digest,
        defaults={"skill": skill, "description": manifest.description, "body": manifest.body, "seen_at": now},
    )
    if is_new:
        record(
            by=by,
            now=now,
            verb="skills.version.seen",
            subject=f"skills.version:{version.pk}",
            payload={"name": manifest.name, "digest": manifest.digest},
        )
    return version
