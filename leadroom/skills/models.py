"""Skills and their versions by content digest."""

from django.db import models


class Skill(models.Model):
    """A named skill; what it says lives in its versions."""

    name = models.SlugField(max_length=64, unique=True)

    def __str__(self) -> str:
        return self.name


class SkillVersion(models.Model):
    """One text of a skill, identified by its digest; never changed."""

    skill = models.ForeignKey(Skill, models.PROTECT, related_name="versions")
    digest = models.CharField(max_length=71, unique=True)
    description = models.CharField(max_length=1024)
    body = models.TextField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.skill.name} {self.digest[7:15]}"
