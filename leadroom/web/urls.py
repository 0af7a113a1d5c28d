"""The areas of the web interface."""

from django.urls import include, path

from leadroom.web import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("", include("leadroom.web.room.urls", namespace="room")),
    path("", include("leadroom.web.accounts.urls", namespace="accounts")),
    path("projects/", include("leadroom.web.projects.urls", namespace="projects")),
    path("items/", include("leadroom.web.items.urls", namespace="items")),
    path("align/", include("leadroom.web.align.urls", namespace="align")),
    path("plans/", include("leadroom.web.plans.urls", namespace="plans")),
    path("runs/", include("leadroom.web.runs.urls", namespace="runs")),
    path("stitch/", include("leadroom.web.stitch.urls", namespace="stitch")),
    path("triage/", include("leadroom.web.triage.urls", namespace="triage")),
    path("session/", include("leadroom.web.session.urls", namespace="session")),
    path("outcomes/", include("leadroom.web.outcomes.urls", namespace="outcomes")),
    path("notices/", include("leadroom.web.notices.urls", namespace="notices")),
    path("guardrails/", include("leadroom.web.guardrails.urls", namespace="guardrails")),
    path("needs/", include("leadroom.web.needs.urls", namespace="needs")),
]
