"""Signing in and out."""

from django.urls import path

from leadroom.web.accounts import hours, views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-in/<str:name>/<str:token>/", views.link, name="link"),
    path("hours/", hours.hours, name="hours"),
    path("hours/set/", hours.set_hours, name="set_hours"),
    path("sign-out/", views.sign_out, name="sign_out"),
]
