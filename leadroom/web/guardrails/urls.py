"""Addresses of the guardrails."""

from django.urls import path

from leadroom.web.guardrails import bounds, requests, views

app_name = "guardrails"
urlpatterns = [
    path("", views.index, name="index"),
    path("press/", views.press, name="press"),
    path("release/", views.release, name="release"),
    path("resume/", views.resume, name="resume"),
    path("requests/<int:pk>/", requests.request, name="request"),
    path("requests/<int:pk>/answer/", requests.answer_request, name="answer_request"),
    path("agents/<int:pk>/restore/", bounds.restore_trust, name="restore_trust"),
    path("projects/<slug:slug>/", bounds.bounds, name="bounds"),
    path("projects/<slug:slug>/policy/", bounds.set_policy, name="set_policy"),
    path("projects/<slug:slug>/patterns/", bounds.set_patterns, name="set_patterns"),
]
