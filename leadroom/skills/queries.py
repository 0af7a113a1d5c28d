"""Which skills a role loads."""

from django.conf import settings

from leadroom.skills.manifest import Manifest, read_manifest


def manifests_for(role: str) -> list[Manifest]:
    """Shipped skills whose metadata names the role, by name. Raises BadInput when a skill folder is broken."""
    folders = sorted(path.parent for path in settings.SKILLS_DIR.glob("*/SKILL.md"))
    return [manifest for manifest in map(read_manifest, folders) if role in manifest.roles]
