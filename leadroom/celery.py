"""The Celery application: only short, idempotent jobs. Agents never run inside one (docs/adr/0003)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leadroom.settings")
app = Celery("leadroom")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks([f"leadroom.{room}" for room in ("pipeline", "outcomes", "reading", "notices")])
