"""Addresses of triage."""

from django.urls import path

from leadroom.web.triage import views

app_name = "triage"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("<int:pk>/", views.report, name="report"),
    path("<int:pk>/mark/", views.mark, name="mark"),
]
