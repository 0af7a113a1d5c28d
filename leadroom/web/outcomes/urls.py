"""Addresses of outcomes."""

from django.urls import path

from leadroom.web.outcomes import sources, views

app_name = "outcomes"
urlpatterns = [
    path("", views.index, name="index"),
    path("export.csv", views.export, name="export"),
    path("items/<int:pk>/", views.item, name="item"),
    path("matches/<int:pk>/", views.decide, name="decide"),
    path("sources/", sources.index, name="sources"),
    path("sources/<slug:slug>/", sources.project, name="project"),
    path("sources/<slug:slug>/rotate/", sources.rotate, name="rotate"),
    path("sources/<slug:slug>/upload/", sources.upload, name="upload"),
]
