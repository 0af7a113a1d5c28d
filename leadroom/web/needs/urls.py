"""Addresses of the Needs-you panel."""

from django.urls import path

from leadroom.web.needs import views

app_name = "needs"
urlpatterns = [
    path("", views.all, name="all"),
    path("panel/", views.panel, name="panel"),
]
