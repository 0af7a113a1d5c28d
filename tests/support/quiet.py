"""A person whose whole day is quiet."""

from django.contrib.auth.models import User

from leadroom.reading.models import ReadingHours
from tests import factories as f


def always_quiet(user: User) -> ReadingHours:
    """Hours in UTC that are quiet at `factories.NOW` and most of the day around it."""
    quiet = [{"start": "01:00", "end": "23:00", "days": list(range(7))}]
    return ReadingHours.objects.create(user=user, zone="UTC", quiet=quiet, last_on=f.NOW.date(), changed_at=f.NOW)
