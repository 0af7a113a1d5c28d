"""The areas of the web interface."""

from django.urls import path

from leadroom.web import health

urlpatterns = [path("healthz", health.healthz, name="healthz")]
