"""Addresses of triage."""

from django.urls import path

from leadroom.web.triage import engine, importing, views

app_name = "triage"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("<int:pk>/", views.report, name="report"),
    path("import/<slug:slug>/", importing.import_findings, name="import"),
    path("engine/<slug:slug>/", engine.engine, name="engine"),
    path("<int:pk>/mark/", views.mark, name="mark"),
]
