"""Addresses of runs."""

from django.urls import path

from leadroom.web.items import sourcelog
from leadroom.web.runs import views

app_name = "runs"
urlpatterns = [
    path("", views.index, name="index"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/earlier/", views.earlier, name="earlier"),
    path("<int:pk>/facts/", views.facts, name="facts"),
    path("<int:pk>/controls/", views.controls, name="controls"),
    path("<int:pk>/box/", views.box, name="box"),
    path("<int:pk>/sources/", sourcelog.run_log, name="sources"),
    path("<int:pk>/sources/export/<slug:form>/", sourcelog.export_run, name="export_sources"),
    path("<int:pk>/steer/", views.steer, name="steer"),
    path("<int:pk>/stop/", views.stop, name="stop"),
    path("<int:pk>/ask/", views.ask, name="ask"),
    path("<int:pk>/retry/", views.retry, name="retry"),
    path("questions/<int:pk>/answer/", views.answer, name="answer"),
]
