"""Addresses for programs. Pages are in leadroom.web."""

from django.urls import path

from leadroom.api import hooks

app_name = "api"
urlpatterns = [path("hooks/<slug:slug>/", hooks.take, name="hook")]
