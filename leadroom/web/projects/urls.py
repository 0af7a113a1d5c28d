"""Addresses of projects."""

from django.urls import path

from leadroom.web.projects import views

app_name = "projects"
urlpatterns = [
    path("", views.index, name="index"),
    path("new/", views.new, name="new"),
    path("<slug:slug>/", views.detail, name="detail"),
    path("<slug:slug>/change/", views.change, name="change"),
    path("<slug:slug>/memory/<int:pk>/forget/", views.forget, name="forget"),
    path("<slug:slug>/profile/", views.change_profile, name="change_profile"),
    path("<slug:slug>/readiness/", views.readiness, name="readiness"),
    path("<slug:slug>/readiness/check/", views.check_readiness, name="check_readiness"),
    path("<slug:slug>/readiness/accept/", views.accept_readiness, name="accept_readiness"),
    path("<slug:slug>/endpoint/", views.set_endpoint, name="set_endpoint"),
    path("<slug:slug>/endpoint/try/", views.try_endpoint, name="try_endpoint"),
]
