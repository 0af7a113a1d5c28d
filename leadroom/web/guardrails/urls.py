"""Addresses of the guardrails."""

from django.urls import path

from leadroom.web.guardrails import views

app_name = "guardrails"
urlpatterns = [
    path("", views.index, name="index"),
    path("press/", views.press, name="press"),
    path("release/", views.release, name="release"),
    path("resume/", views.resume, name="resume"),
]
