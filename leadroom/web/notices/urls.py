"""Addresses of notifications."""

from django.urls import path

from leadroom.web.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.index, name="index"),
    path("claim/", views.claim, name="claim"),
    path("join/", views.join, name="join"),
    path("<int:pk>/leave/", views.leave, name="leave"),
]
