"""Addresses of the room."""

from django.urls import path

from leadroom.web.room import views

app_name = "room"
urlpatterns = [
    path("", views.board, name="board"),
    path("room/strips/", views.strips, name="strips"),
    path("room/topbar/", views.topbar, name="topbar"),
    path("room/dismiss/", views.dismiss, name="dismiss"),
]
